/* Schedule-free AdamW as three sequences, with moments as sums over all gradients and the average as a quotient of
 * sums, in long double.  SPDX-License-Identifier: MIT */
#define SETTINGS(_)                                                                                                  \
    _(real, beta1)                                                                                                   \
    _(real, beta2)                                                                                                   \
    _(real, eps)                                                                                                     \
    _(real, weight_decay)                                                                                            \
    _(real, warmup_steps)                                                                                            \
    _(real, r) _(real, weight_lr_power) _(word, weight_lr) _(real, inner_momentum) _(flag, decay_at_z)
#include "methods/sums.h"

static const settings rows[] = {
    { "as it comes", .9, .999, 1e-8, 0, 0, 0, 2, "largest", 0, false },
    { "warm-up, decay", .95, .99, 1e-3, .2, 10, 0, 2, "largest", 0, false },
    { "decay at z", .8, .99, 1e-3, .3, 0, 1, 2, "largest", 0, true },
    { "inner momentum", .6, .9, 1e-2, .1, 5, 0, 1, "largest", .8, false },
    { "all of it", .7, .95, 1e-2, .2, 7, 2, .5, "present", .9, true },
    { "plain mean", .5, 0, .1, 0, 0, 0, 0, "largest", 0, false },
};

typedef struct memory {
    long double lr_max, total, z[COORDINATES], x[COORDINATES];
} memory;

/* (1-β) Σ βᵃ gᵖ over the steps up to t in which tensor n had a gradient, a counting back from the newest */
static long double past(const whole *w, int n, size_t i, long double beta, int p)
{
    long double sum = 0, weight = 1 - beta;
    for (int t = w->t; t >= 1; t--) {
        if (w->r->absent[t][n]) continue;
        sum += weight * powl(w->r->g[t][i], p);
        weight *= beta;
    }
    return sum;
}

static void next(const void *with, whole *w, void *at)
{
    const settings *h = with;
    memory *m = at;
    int k = w->group_k;
    long double lr = w->lr * (k < h->warmup_steps ? k / (long double)h->warmup_steps : 1), mu = h->beta1;
    if (w->t == 1)
        for (int i = 0; i < COORDINATES; i++) m->z[i] = m->x[i] = w->x[i];
    m->lr_max = fmaxl(m->lr_max, lr);
    long double weight = powl(k, h->r) * powl(!strcmp(h->weight_lr, "present") ? lr : m->lr_max, h->weight_lr_power);
    m->total += weight;
    for (int n = 0; n < TENSORS; n++)
        for (size_t i = tensors[n].at; i < tensors[n].at + tensors[n].n && w->active[n]; i++) {
            long double top = h->inner_momentum > 0
                                  ? past(w, n, i, h->inner_momentum, 1) / correction(h->inner_momentum, k)
                                  : w->g[i];
            long double u = top / (sqrtl(past(w, n, i, h->beta2, 2) / correction(h->beta2, k)) + h->eps);
            m->z[i] -= lr * (u + h->weight_decay * (h->decay_at_z ? m->z[i] : w->x[i]));
            m->x[i] += weight / m->total * (m->z[i] - m->x[i]);
            w->x[i] = mu * m->x[i] + (1 - mu) * m->z[i];
        }
}

static void equals_three_sequences(void **state)
{
    static record r;
    static path want;
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        for (int rough = 0; rough < 2; rough++) {
            memory m = { 0 };
            record_make(&r, 91 + (uint64_t)rough, .01, -3, 0, rough);
            by_whole(&r, next, &rows[i], &m, want);
            compare(rows[i].label, &r, "schedule_free_adamw", text(&rows[i]), want);
        }
    CHECK_END();
}

/* Constant η, r = 0: the view is the plain mean of z₁ .. zₖ, and the parameters stay where they are. */
static void the_view_is_the_mean(void **state)
{
    luge_error err;
    luge_optimizer *opt = open_method("schedule_free_adamw", "lr=0.1 beta1=0.7 beta2=0.9 eps=0.1");
    double y[FEW], g[FEW], view[FEW], before[FEW];
    long double sum[FEW] = { 0 };
    const void *grad = g;
    void *out = view;
    (void)state;
    memcpy(y, few, sizeof y);
    MUST(luge_add(opt, 0, "x", LUGE_F64, y, 1, (size_t[]){ FEW }, &err));
    MUST(luge_view(opt, &out, &err));
    CHECK(!memcmp(view, few, sizeof view), "the view before the first step is not the start");
    for (int k = 1; k <= 40; k++) {
        valley(y, g);
        MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
        memcpy(before, y, sizeof y);
        MUST(luge_view(opt, &out, &err));
        CHECK(!memcmp(before, y, sizeof y), "step %d: the view moved the parameters", k);
        for (int i = 0; i < FEW; i++) {
            double z = ((double *)luge_state(opt, 0, "z", 0))[i];
            sum[i] += z;
            CHECK(fabsl(view[i] - sum[i] / k) <= 200 * DBL_EPSILON, "step %d: %.17g and not %.17Lg", k, view[i],
                  sum[i] / k);
            CHECK(fabsl(y[i] - .7L * view[i] - .3L * z) <= 8 * DBL_EPSILON, "step %d: y is not between x and z", k);
        }
    }
    luge_free(opt);
    CHECK_END();
}

/* Weights of the view under a schedule, taken by η² so far largest: after a rise they follow it, after a fall not. */
static void limits_and_refusals(void **state)
{
    static record r;
    (void)state;
    record_make(&r, 6, .01, -3, 1, true);
    same("defaults", &r, "schedule_free_adamw",
         "beta1=0.9 beta2=0.999 eps=1e-8 weight_decay=0 warmup_steps=0 r=0 weight_lr_power=2 weight_lr=largest "
         "inner_momentum=0 decay_at_z=false",
         &r, "schedule_free_adamw", "");
    stays_without_gradients("schedule_free_adamw", "lr=0.5");
    refused("schedule_free_adamw", "beta1=0", "beta1");
    refused("schedule_free_adamw", "beta1=1", "beta1");
    refused("schedule_free_adamw", "warmup_steps=2.5", "warmup_steps");
    refused("schedule_free_adamw", "inner_momentum=1", "inner_momentum");
    CHECK_END();
}

/* Decay alone: z goes by 1 - ηλ where it is taken at z, and y stays between z and the mean of its past. */
static void decay_at_z_follows_its_closed_form(void **state)
{
    luge_error err;
    luge_optimizer *opt = open_method("schedule_free_adamw", "lr=0.25 weight_decay=0.5 decay_at_z=true beta1=0.5");
    double y = 1, g = 0;
    const void *grad = &g;
    long double z = 1, mean_of = 0;
    (void)state;
    MUST(luge_add(opt, 0, "x", LUGE_F64, &y, 0, NULL, &err));
    for (int k = 1; k <= 12; k++) {
        MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
        z *= .875L;
        mean_of += (z - mean_of) / k;
        CHECK(fabsl(*(double *)luge_state(opt, 0, "z", 0) - z) <= 40 * DBL_EPSILON, "z in step %d", k);
        CHECK(fabsl(y - .5L * (z + mean_of)) <= 40 * DBL_EPSILON, "step %d: %.17g and not %.17Lg", k, y,
              .5L * (z + mean_of));
    }
    luge_free(opt);
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_three_sequences),
        cmocka_unit_test(the_view_is_the_mean),
        cmocka_unit_test(decay_at_z_follows_its_closed_form),
        cmocka_unit_test(limits_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
