/* Cautious Lion against momenta written as sums over all gradients and masks counted over whole tensors, in long
 * double.  SPDX-License-Identifier: MIT */
#define SETTINGS(_)                                                                                                  \
    _(real, beta1)                                                                                                   \
    _(real, beta2) _(real, weight_decay) _(real, cautious_factor) _(word, mask_scale) _(real, mask_floor)
#include "methods/sums.h"

static const settings rows[] = {
    { "C-Lion", .95, .98, .1, 0, "numel_over_sum_plus_one", 1e-5 },
    { "soft", .9, .99, .1, .3, "mean_clamp", 1e-5 },
    { "soft, by the sum", .9, .9, 0, .4, "numel_over_sum_plus_one", 1e-5 },
    { "floor", .99, .95, 0, 0, "mean_clamp", .7 },
    { "no memory", 0, .9, .2, 0, "mean_clamp", 1e-5 },
};
static int against;

static void next(const void *with, whole *w, void *memory)
{
    const settings *h = with;
    (void)memory;
    for (int n = 0; n < TENSORS; n++) {
        const tensor *t = &tensors[n];
        long double u[COORDINATES], total = 0;
        for (size_t i = t->at; i < t->at + t->n && w->active[n]; i++) {
            long double weight = h->beta1 * (1 - (long double)h->beta2), size;
            u[i] = (1 - (long double)h->beta1) * w->g[i];
            size = fabsl(u[i]);
            for (int s = w->t - 1; s >= 1; s--) {
                if (w->r->absent[s][n]) continue;
                u[i] += weight * w->r->g[s][i];
                size += weight * fabs(w->r->g[s][i]);
                weight *= h->beta2;
            }
            CHECK(size == 0 || fabsl(u[i]) > 1e-5L * size, "%s: u cancels", h->label);
            total += u[i] * w->g[i] > 0 ? 1 : h->cautious_factor;
            against += u[i] * w->g[i] < 0;
        }
        long double scale =
            !strcmp(h->mask_scale, "mean_clamp") ? 1 / fmaxl(total / t->n, h->mask_floor) : t->n / (total + 1);
        for (size_t i = t->at; i < t->at + t->n && w->active[n]; i++)
            w->x[i] = (1 - w->lr * h->weight_decay) * w->x[i] -
                      w->lr * scale * (u[i] * w->g[i] > 0 ? 1 : h->cautious_factor) * ratio_sign(u[i]);
    }
}

static void equals_whole_tensors(void **state)
{
    static record r;
    static path want;
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        for (int rough = 0; rough < 2; rough++) {
            record_make(&r, 111 + (uint64_t)rough, .01, -3, 1, rough);
            by_whole(&r, next, &rows[i], NULL, want);
            compare(rows[i].label, &r, "c_lion", text(&rows[i]), want);
        }
    CHECK(against > 500, "%d coordinates went against the gradient", against);
    CHECK_END();
}

/* One of four signs turned: the others make up for it, or all of them stay. */
static void turned_signs(void **state)
{
    static const char *const with[] = { "lr=0.125", "lr=0.125 mask_scale=mean_clamp",
                                        "mask_scale=mean_clamp cautious_factor=0.5 lr=0.125" };
    static const double first[] = { .1, .125, .125 }, second[] = { .125, .125 * 4 / 3, .125 * 4 / 3.5 },
                        turned[] = { 0, 0, .5 };
    (void)state;
    for (int row = 0; row < 3; row++) {
        luge_error err;
        luge_optimizer *opt = open_method("c_lion", with[row]);
        double x[FEW] = { 0 }, g[FEW] = { 1, 1, 1, 1 };
        const void *grad = g;
        MUST(luge_add(opt, 0, "x", LUGE_F64, x, 1, (size_t[]){ FEW }, &err));
        MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
        CHECK(fabs(x[0] + first[row]) < 1e-15, "%s: first step to %.17g", with[row], x[0]);
        g[0] = -.1;
        MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
        CHECK(fabs(x[3] + first[row] + second[row]) < 1e-15, "%s: to %.17g", with[row], x[3]);
        CHECK(fabs(x[0] + first[row] + turned[row] * second[row]) < 1e-15, "%s: turned to %.17g", with[row], x[0]);
        luge_free(opt);
    }
    CHECK_END();
}

static void limits_and_refusals(void **state)
{
    static record r;
    double x[FEW];
    (void)state;
    record_make(&r, 6, .01, -3, 1, true);
    same("φ = 1 is Lion", &r, "c_lion",
         "cautious_factor=1 mask_scale=mean_clamp beta1=0.9 beta2=0.99 weight_decay=0.1", &r, "lion",
         "weight_decay=0.1");
    same("defaults", &r, "c_lion",
         "beta1=0.95 beta2=0.98 weight_decay=0 cautious_factor=0 mask_scale=numel_over_sum_plus_one mask_floor=1e-5",
         &r, "c_lion", "");
    stays_without_gradients("c_lion", "lr=0.5 cautious_factor=0.5");
    decay_follows_its_closed_form("c_lion", "");
    given[0] = (double)NAN, given[1] = given[2] = given[3] = 1;
    descend("c_lion", "", few, 1, as_given, see_last, x);
    CHECK(isnan(x[0]) && !isnan(x[2]), "a gradient that is NaN is masked: %g", x[0]);
    refused("c_lion", "cautious_factor=2", "cautious_factor");
    refused("c_lion", "mask_floor=0", "mask_floor");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_whole_tensors),
        cmocka_unit_test(turned_signs),
        cmocka_unit_test(limits_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
