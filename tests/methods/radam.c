/* RAdam against moments written as weighted sums over all gradients and ρ as a sum of ages, in long double.
 * SPDX-License-Identifier: MIT */
#define SETTINGS(_)                                                                                                  \
    _(real, beta1)                                                                                                   \
    _(real, beta2) _(real, eps) _(real, weight_decay) _(flag, decoupled) _(real, rho_threshold) _(flag, sgd_phase)
#include "methods/sums.h"

static const settings rows[] = {
    { "authors", .9, .99, 1e-8, .3, true, 5, false },       { "torch", .9, .99, 1e-8, .2, false, 5, true },
    { "paper", .8, .95, 1e-3, .1, false, 4, true },         { "higher threshold", .9, .95, 1e-2, .3, true, 12, true },
    { "never rectified", .9, .6, 1e-3, .3, true, 5, true }, { "never moves", .9, .5, 1e-3, .3, true, 4, false },
};
static int rectified, along, still;

/* The length of the plain mean whose gradients are as old, on average, as those of v: 1 + 2 (mean age). */
static long double rho(long double b, int k)
{
    long double sum = 0, ages = 0;
    for (int age = 0; age < k; age++) {
        sum += powl(b, age);
        ages += age * powl(b, age);
    }
    return 1 + 2 * ages / sum;
}

static long double sums(const void *with, int k, const long double *g, const long double *x, const long double *lr)
{
    const settings *h = with;
    long double in[STEPS + 1], b = h->beta2, end = 2 / (1 - b) - 1, now = rho(b, k), step, D = 1;
    for (int j = 1; j <= k; j++) in[j] = g[j] + (h->decoupled ? 0 : h->weight_decay * x[j - 1]);
    CHECK(fabsl(now - h->rho_threshold) > 1e-6L, "%s: ρ is at its threshold", h->label);
    step = lr[k] / correction(h->beta1, k);
    if (now > h->rho_threshold) {
        step *= sqrtl((now - 4) * (now - 2) * end / ((end - 4) * (end - 2) * now)) * sqrtl(correction(b, k));
        D = sqrtl(mean(b, k, in, 2)) + h->eps;
        rectified++;
    } else if (h->sgd_phase)
        along++;
    else
        return still++, x[k - 1];
    return (1 - (h->decoupled ? lr[k] * h->weight_decay : 0)) * x[k - 1] - step * mean(h->beta1, k, in, 1) / D;
}

static void equals_sums_over_all_gradients(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        against_rule(rows[i].label, "radam", text(&rows[i]), .01, -3, 1, sums, &rows[i]);
    CHECK(rectified > 1000 && along > 1000 && still > 1000, "%d %d %d", rectified, along, still);
    CHECK_END();
}

/* The paper's threshold and the code's let the first step happen in different steps. */
static void see_start(int k, const double *x, void *to)
{
    if (!memcmp(x, few, sizeof few)) *(int *)to = k;
}

static void thresholds_differ(void **state)
{
    static const char *const with[] = { "beta2=0.99 rho_threshold=4", "beta2=0.99" };
    (void)state;
    for (int i = 0; i < FEW; i++) given[i] = 1;
    for (int i = 0; i < 2; i++) {
        int last = 0, want = 0;
        while (rho(.99L, want + 1) <= 4 + i) want++;
        descend("radam", with[i], few, 20, as_given, see_start, &last);
        CHECK(last == want, "%s: still until step %d and not %d", with[i], last, want);
    }
    CHECK_END();
}

/* Far from the start r = 1 to some digits, and the step is Adam's with ε inside the correction. */
static void late_it_is_adam(void **state)
{
    double x[FEW], y[FEW], z[FEW];
    (void)state;
    for (int i = 0; i < FEW; i++) given[i] = i - 1.5;
    for (int pass = 0; pass < 2; pass++) {
        const char *method = pass ? "adam" : "radam",
                   *with = pass ? "lr=0.01 beta2=0.9 eps_at=hat" : "lr=0.01 beta2=0.9";
        descend(method, with, few, 2000, as_given, see_last, x);
        descend(method, with, few, 2001, as_given, see_last, y);
        for (int i = 0; i < FEW; i++)
            if (pass)
                CHECK(fabs(z[i] - (y[i] - x[i])) < 1e-14, "a late step of %.17g and not %.17g", z[i], y[i] - x[i]);
            else
                z[i] = y[i] - x[i];
    }
    CHECK_END();
}

static void limits_and_refusals(void **state)
{
    static record r;
    (void)state;
    record_make(&r, 6, .01, -3, 1, true);
    same("defaults", &r, "radam",
         "beta1=0.9 beta2=0.999 eps=1e-8 weight_decay=0 decoupled=true rho_threshold=5 sgd_phase=false", &r, "radam",
         "");
    stays_without_gradients("radam", "lr=0.5 sgd_phase=true");
    decay_follows_its_closed_form("radam", "sgd_phase=true");
    constants_have_a_limit("radam", "");
    refused("radam", "rho_threshold=3.9", "rho_threshold");
    refused("radam", "beta2=1", "beta2");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_sums_over_all_gradients),
        cmocka_unit_test(thresholds_differ),
        cmocka_unit_test(late_it_is_adam),
        cmocka_unit_test(limits_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
