/* Cautious AdamW against moments written as weighted sums and masks counted over whole tensors, in long double.
 * SPDX-License-Identifier: MIT */
#define SETTINGS(_)                                                                                                  \
    _(real, beta1)                                                                                                   \
    _(real, beta2) _(real, eps) _(real, weight_decay) _(flag, correct_bias) _(word, mask_scale) _(real, mask_floor)
#include "methods/sums.h"

static const settings rows[] = {
    { "C-AdamW", .9, .999, 1e-6, .1, true, "mean_clamp", 1e-3 },
    { "paper", .9, .99, 1e-3, .1, true, "numel_over_sum_plus_one", 1e-3 },
    { "no correction", .95, .9, 1e-3, 0, false, "mean_clamp", .6 },
    { "no first moment", 0, .9, 1e-3, 0, true, "numel_over_sum_plus_one", 1e-3 },
};
static int left_out;

static void next(const void *with, whole *w, void *memory)
{
    const settings *h = with;
    (void)memory;
    for (int n = 0; n < TENSORS; n++) {
        const tensor *t = &tensors[n];
        long double m[COORDINATES], v[COORDINATES], count = 0, step = w->lr;
        for (size_t i = t->at; i < t->at + t->n && w->active[n]; i++) {
            long double age1 = 1 - (long double)h->beta1, age2 = 1 - (long double)h->beta2, size = 0;
            m[i] = v[i] = 0;
            for (int s = w->t; s >= 1; s--) {
                long double g = w->r->g[s][i];
                if (w->r->absent[s][n]) continue;
                m[i] += age1 * g;
                size += age1 * fabsl(g);
                v[i] += age2 * g * g;
                age1 *= h->beta1;
                age2 *= h->beta2;
            }
            CHECK(size == 0 || fabsl(m[i]) > 1e-5L * size, "%s: m cancels", h->label);
            count += m[i] * w->g[i] > 0;
            left_out += m[i] * w->g[i] < 0;
        }
        long double scale =
            !strcmp(h->mask_scale, "mean_clamp") ? 1 / fmaxl(count / t->n, h->mask_floor) : t->n / (count + 1);
        if (h->correct_bias) step *= sqrtl(correction(h->beta2, w->k[n])) / correction(h->beta1, w->k[n]);
        for (size_t i = t->at; i < t->at + t->n && w->active[n]; i++) {
            w->x[i] *= 1 - w->lr * h->weight_decay;
            if (m[i] * w->g[i] > 0) w->x[i] -= step * scale * m[i] / (sqrtl(v[i]) + h->eps);
        }
    }
}

static void equals_whole_tensors(void **state)
{
    static record r;
    static path want;
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        for (int rough = 0; rough < 2; rough++) {
            record_make(&r, 101 + (uint64_t)rough, .01, -3, 1, rough);
            by_whole(&r, next, &rows[i], NULL, want);
            compare(rows[i].label, &r, "c_adamw", text(&rows[i]), want);
        }
    CHECK(left_out > 500, "%d coordinates were left out", left_out);
    CHECK_END();
}

/* Two steps from g = (1, 1, 1, 1) with one sign turned: three coordinates of four make up for it.  None along:
 * nothing but decay moves, whatever the scale. */
static void turned_signs(void **state)
{
    static const char *const with[] = { "lr=0.01 beta1=0.9", "lr=0.01 beta1=0.9 mask_scale=numel_over_sum_plus_one" };
    static const double scale[2][2] = { { 1, 4. / 3 }, { 4. / 5, 1 } };
    (void)state;
    for (int turn = 0; turn < 2; turn++)
        for (int all = 0; all < 2; all++) {
            luge_error err;
            luge_optimizer *opt = open_method("c_adamw", with[turn]);
            double x[FEW] = { 0 }, g[FEW] = { 1, 1, 1, 1 };
            const void *grad = g;
            MUST(luge_add(opt, 0, "x", LUGE_F64, x, 1, (size_t[]){ FEW }, &err));
            MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
            CHECK(fabs(x[0] + .01 * scale[turn][0]) < 1e-6, "first step to %g", x[0]);
            double first = x[0];
            for (int i = 0; i < (all ? FEW : 1); i++) g[i] = -.5;
            MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
            CHECK(x[0] == first, "against the gradient by %g", x[0] - first);
            CHECK(all ? x[3] == first : fabs(x[3] - first + .01 * scale[turn][1]) < 1e-6, "to %g from %g", x[3],
                  first);
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
    same("defaults", &r, "c_adamw",
         "beta1=0.9 beta2=0.999 eps=1e-6 weight_decay=0 correct_bias=true mask_scale=mean_clamp mask_floor=1e-3", &r,
         "c_adamw", "");
    stays_without_gradients("c_adamw", "lr=0.5");
    decay_follows_its_closed_form("c_adamw", "");
    double y[FEW];
    given[0] = 1, given[1] = -1e-6, given[2] = 1e3,
    given[3] = 1e-4; /* all along: AdamW with ε inside the correction */
    descend("c_adamw", "lr=0.01 weight_decay=0.1", few, 20, as_given, see_last, x);
    descend("adamw", "lr=0.01 weight_decay=0.1 eps=1e-6 eps_at=hat", few, 20, as_given, see_last, y);
    for (int i = 0; i < FEW; i++) CHECK(fabs(x[i] - y[i]) < 1e-14, "%.17g and not %.17g", x[i], y[i]);
    given[0] = (double)NAN;
    descend("c_adamw", "", few, 1, as_given, see_last, x);
    CHECK(isnan(x[0]) && !isnan(x[2]), "a gradient that is NaN is masked: %g", x[0]);
    constants_have_a_limit("c_adamw", "");
    refused("c_adamw", "mask_floor=0", "mask_floor");
    refused("c_adamw", "mask_scale=mean", "mean_clamp");
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
