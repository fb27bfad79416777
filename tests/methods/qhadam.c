/* QHAdam against moments written as weighted sums over all gradients, and against the normalized averages of the
 * released code, in long double.  SPDX-License-Identifier: MIT */
#define SETTINGS(_)                                                                                                  \
    _(real, beta1) _(real, beta2) _(real, nu1) _(real, nu2) _(real, eps) _(real, weight_decay) _(flag, decoupled)
#include "methods/sums.h"

static const settings rows[] = {
    { "QHAdam", .995, .999, .7, 1, 1e-8, 0, false },
    { "coupled decay", .9, .99, .7, 1, 1e-3, .2, false },
    { "decoupled decay", .95, .98, .8, .7, 1e-6, .3, true },
    { "beyond 1", .8, .95, 1.5, 1, 1e-3, 0, false },
    { "negative", .8, .95, -.25, .25, 1e-2, 0, false },
    { "no v", .8, .95, .5, 0, 1e-2, 0, false },
    { "Adam", .9, .999, 1, 1, 1e-8, 0, false },
};

static long double sums(const void *with, int k, const long double *g, const long double *x, const long double *lr)
{
    const settings *h = with;
    long double in[STEPS + 1], nu1 = h->nu1, nu2 = h->nu2;
    for (int j = 1; j <= k; j++) in[j] = g[j] + (h->decoupled ? 0 : h->weight_decay * x[j - 1]);
    long double m = mean(h->beta1, k, in, 1) / correction(h->beta1, k);
    long double v = mean(h->beta2, k, in, 2) / correction(h->beta2, k);
    long double keep = 1 - (h->decoupled ? lr[k] * h->weight_decay : 0);
    return keep * x[k - 1] -
           lr[k] * (nu1 * m + (1 - nu1) * in[k]) / (sqrtl(nu2 * v + (1 - nu2) * in[k] * in[k]) + h->eps);
}

static void equals_sums_over_all_gradients(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        against_rule(rows[i].label, "qhadam", text(&rows[i]), .01, -6, 3, sums, &rows[i]);
    CHECK_END();
}

/* Averages whose weight is 1/W, W := 1 + β W. */
static long double normalized(const void *with, int k, const long double *g, const long double *x,
                              const long double *lr)
{
    const settings *h = with;
    long double W[2] = { 0 }, m = 0, v = 0;
    for (int j = 1; j <= k; j++) {
        W[0] = 1 + h->beta1 * W[0];
        W[1] = 1 + h->beta2 * W[1];
        m += (g[j] - m) / W[0];
        v += (g[j] * g[j] - v) / W[1];
    }
    return x[k - 1] - lr[k] * (h->nu1 * m + (1 - (long double)h->nu1) * g[k]) /
                          (sqrtl(h->nu2 * v + (1 - (long double)h->nu2) * g[k] * g[k]) + h->eps);
}

static void equals_normalized_averages(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        if (rows[i].weight_decay == 0)
            against_rule("normalized", "qhadam", text(&rows[i]), .01, -6, 3, normalized, &rows[i]);
    CHECK_END();
}

/* ν₁ = β₁, ν₂ = 1: NAdam's direction but for the corrections, (β₁ m + (1-β₁) g) with β₁ m / (1-β₁ᵏ⁺¹) and
 * (1-β₁) g / (1-β₁ᵏ) there, so within η β₁ᵏ of it. */
static void nearly_nadam(void **state)
{
    static record r;
    static double x[STEPS + 1][COORDINATES], y[STEPS + 1][COORDINATES];
    (void)state;
    record_make(&r, 9, .001, -1, 1, false);
    play(&r, "qhadam", "beta1=0.9 nu1=0.9 nu2=1", LUGE_F64, x);
    play(&r, "nadam", "beta1=0.9 momentum_decay=none", LUGE_F64, y);
    for (int t = 2; t <= STEPS; t++)
        for (int i = 0; i < COORDINATES; i++) {
            double dx = x[t][i] - x[t - 1][i], dy = y[t][i] - y[t - 1][i], most = 3 * r.lr[t] * pow(.9, t);
            CHECK(fabs(dx - dy) <= most, "step %d: %g and %g are more than %g apart", t, dx, dy, most);
        }
    CHECK_END();
}

static long double eps_step(long double g) { return .01L * g / (fabsl(g) + 1e-8L); }

static void limits_and_refusals(void **state)
{
    static record r;
    (void)state;
    record_make(&r, 6, .01, -6, 3, true);
    like("Adam", &r, "qhadam", "weight_decay=0.1", "adam", "weight_decay=0.1");
    like("AdamW", &r, "qhadam", "weight_decay=0.1 decoupled=true", "adamw", "weight_decay=0.1");
    like("RMSprop with corrected v", &r, "qhadam", "nu1=0", "adam", "beta1=0");
    same("defaults", &r, "qhadam", "beta1=0.9 beta2=0.999 nu1=1 nu2=1 eps=1e-8 weight_decay=0 decoupled=false", &r,
         "qhadam", "");
    first_step_is("qhadam", "lr=0.01 nu1=0.3 nu2=0.6", eps_step);
    stays_without_gradients("qhadam", "lr=0.5");
    decay_follows_its_closed_form("qhadam", "decoupled=true");
    constants_have_a_limit("qhadam", "nu1=0.5");
    refused("qhadam", "beta1=1", "beta1");
    refused("qhadam", "nu2=1.5", "nu2");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_sums_over_all_gradients),
        cmocka_unit_test(equals_normalized_averages),
        cmocka_unit_test(nearly_nadam),
        cmocka_unit_test(limits_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
