/* AdaBelief against s written as a sum over all deviations, in long double.  SPDX-License-Identifier: MIT */
#define SETTINGS(_)                                                                                                  \
    _(real, beta1)                                                                                                   \
    _(real, beta2)                                                                                                   \
    _(real, eps)                                                                                                     \
    _(real, weight_decay) _(flag, decoupled) _(flag, fixed_decay) _(flag, rectify) _(flag, sgd_phase) _(flag, amsgrad)
#include "methods/sums.h"

static const settings rows[] = {
    { "authors", .9, .99, 1e-12, .1, true, false, true, true, false },
    { "paper", .9, .999, 1e-8, .1, false, false, false, true, false },
    { "AMSGrad", .8, .7, 1e-6, .1, false, false, false, false, true },
    { "AMSGrad without effect", .8, .95, 1e-6, .1, true, false, true, false, true },
    { "fixed decay", .9, .99, 1e-3, .02, true, true, false, false, false },
    { "fixed decay, coupled", .9, .99, 1e-3, .02, false, true, false, false, false },
    { "still at first", .9, .98, 1e-3, .2, true, false, true, false, false },
};

/* sₖ = Σⱼ β₂ᵏ⁻ʲ ((1-β₂) (gⱼ - mⱼ)² + ε) */
static long double spread(const settings *h, int k, const long double *in)
{
    long double sum = 0, weight = 1;
    for (int j = k; j >= 1; j--, weight *= h->beta2) {
        long double e = in[j] - mean(h->beta1, j, in, 1);
        sum += weight * ((1 - (long double)h->beta2) * e * e + h->eps);
    }
    return sum;
}

static long double sums(const void *with, int k, const long double *g, const long double *x, const long double *lr)
{
    const settings *h = with;
    long double in[STEPS + 1], b = h->beta2, end = (1 + b) / (1 - b), sum = 0, ages = 0, most = 0, step, D;
    for (int j = 1; j <= k; j++) in[j] = g[j] + (h->decoupled ? 0 : h->weight_decay * x[j - 1]);
    for (int age = 0; age < k; age++) sum += powl(b, age), ages += age * powl(b, age);
    for (int j = h->amsgrad && !h->rectify ? 1 : k; j <= k; j++) most = fmaxl(most, spread(h, j, in));
    long double rho = 1 + 2 * ages / sum, bc2 = correction(b, k);
    step = lr[k] / correction(h->beta1, k);
    if (!h->rectify)
        D = sqrtl(most / bc2) + h->eps;
    else if (rho > 5) {
        step *= sqrtl((rho - 4) * (rho - 2) * end / ((end - 4) * (end - 2) * rho) * bc2);
        D = sqrtl(most) + h->eps;
    } else {
        step *= h->sgd_phase;
        D = 1;
    }
    long double keep = h->decoupled ? 1 - (h->fixed_decay ? 1 : lr[k]) * h->weight_decay : 1;
    return keep * x[k - 1] - step * mean(h->beta1, k, in, 1) / D;
}

static void equals_sums_over_all_gradients(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        against_rule(rows[i].label, "adabelief", text(&rows[i]), .01, -2, 1, sums, &rows[i]);
    CHECK_END();
}

/* Without gradients s is ε (1 + β₂ + ... + β₂ᵏ⁻¹): ε is added in every step, inside. */
static void eps_adds_up(void **state)
{
    luge_error err;
    luge_optimizer *opt = open_method("adabelief", "beta2=0.75 eps=0.125");
    double x = 1, g = 0;
    const void *grad = &g;
    (void)state;
    MUST(luge_add(opt, 0, "x", LUGE_F64, &x, 0, NULL, &err));
    for (int k = 1; k <= 20; k++) {
        MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
        double s = *(double *)luge_state(opt, 0, "exp_avg_var", 0), want = .5 * (1 - pow(.75, k));
        CHECK(fabs(s - want) < 1e-15, "step %d: %.17g and not %.17g", k, s, want);
    }
    luge_free(opt);
    CHECK_END();
}

/* g₁ - m₁ = β₁ g, so constant gradients leave the deviation β₁ᵏ g in step k. */
static void constant_gradients(void **state)
{
    luge_error err;
    luge_optimizer *opt = open_method("adabelief", "beta1=0.5 beta2=0.75 eps=0 rectify=false");
    double x = 1, g = 2;
    long double s = 0;
    const void *grad = &g;
    (void)state;
    MUST(luge_add(opt, 0, "x", LUGE_F64, &x, 0, NULL, &err));
    for (int k = 1; k <= 20; k++) {
        MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
        s = .75L * s + .25L * 4 * powl(.25L, k);
        long double got = *(double *)luge_state(opt, 0, "exp_avg_var", 0);
        CHECK(fabsl(got - s) < 1e-15L * s * k, "step %d: %.17Lg and not %.17Lg", k, got, s);
    }
    luge_free(opt);
    CHECK_END();
}

static void limits_and_refusals(void **state)
{
    static record r;
    double x[FEW];
    (void)state;
    record_make(&r, 6, .01, -3, 1, true);
    same(
        "defaults", &r, "adabelief",
        "beta1=0.9 beta2=0.999 eps=1e-16 weight_decay=0 decoupled=true fixed_decay=false rectify=true sgd_phase=true "
        "amsgrad=false",
        &r, "adabelief", "");
    stays_without_gradients("adabelief", "lr=0.5");
    decay_follows_its_closed_form("adabelief", "");
    memset(given, 0, sizeof given);
    descend("adabelief", "lr=0.25 weight_decay=0.125 fixed_decay=true", few, 9, as_given, see_last, x);
    for (int i = 0; i < FEW; i++) CHECK(fabs(x[i] - pow(.875, 9) * few[i]) < 1e-15, "fixed decay to %.17g", x[i]);
    constants_have_a_limit("adabelief", "");
    refused("adabelief", "beta1=1", "beta1");
    refused("adabelief", "eps=-1", "eps");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_sums_over_all_gradients),
        cmocka_unit_test(eps_adds_up),
        cmocka_unit_test(constant_gradients),
        cmocka_unit_test(limits_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
