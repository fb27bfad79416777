/* AdEMAMix against moments written as weighted sums over all gradients, in long double.  SPDX-License-Identifier: MIT
 */
#define SETTINGS(_)                                                                                                  \
    _(real, beta1)                                                                                                   \
    _(real, beta2)                                                                                                   \
    _(real, beta3) _(real, alpha) _(real, alpha_warmup) _(real, beta3_warmup) _(real, eps) _(real, weight_decay)
#include "methods/sums.h"

static const settings rows[] = {
    { "AdEMAMix", .9, .999, .9999, 5, NAN, NAN, 1e-8, .1 },  { "both grow", .9, .999, .9999, 8, 30, 25, 1e-8, 0 },
    { "α grows", .8, .95, .99, 2, 20, 0, 1e-3, .3 },         { "β₃ grows", .8, .95, .99, 2, 0, 33.5, 1e-3, .3 },
    { "no fast moment", 0, .99, .999, 2, 20, NAN, 1e-3, 0 }, { "β₃ grows from 0", 0, .99, .999, 2, NAN, 50, 1e-3, 0 },
    { "β₃ falls", .95, .9, .5, 1, NAN, 38, 1e-2, 0 },
};

/* b of step j: the half-life less one, 1/log₂(1/b) - 1, runs linearly (10⁻⁸ beside b) while β₃ grows. */
static long double slow(const settings *h, int j)
{
    if (!(j < h->beta3_warmup)) return h->beta3;
    long double from = -1 / log2l(h->beta1 + 1e-8L) - 1, to = -1 / log2l(h->beta3 + 1e-8L) - 1;
    long double y = from + j / (long double)h->beta3_warmup * (to - from);
    return exp2l(-1 / (y + 1));
}

static long double sums(const void *with, int k, const long double *g, const long double *x, const long double *lr)
{
    const settings *h = with;
    long double m = 0, weight = 1, alpha = h->alpha * (k < h->alpha_warmup ? k / (long double)h->alpha_warmup : 1);
    for (int j = k; j >= 1; weight *= slow(h, j--)) m += weight * (1 - slow(h, j)) * g[j];
    long double top = mean(h->beta1, k, g, 1) / correction(h->beta1, k) + alpha * m;
    long double D = sqrtl(mean(h->beta2, k, g, 2) / correction(h->beta2, k)) + h->eps;
    return x[k - 1] - lr[k] * (top / D + h->weight_decay * x[k - 1]);
}

static void equals_sums_over_all_gradients(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        against_rule(rows[i].label, "ademamix", text(&rows[i]), .01, -4, 2, sums, &rows[i]);
    CHECK_END();
}

/* The slow moment's decay as the state shows it: halfway through the warm-up the half-life is halfway, up to 10⁻⁸. */
static void the_half_life_grows_linearly(void **state)
{
    luge_error err;
    luge_optimizer *opt = open_method("ademamix", "beta1=0.5 beta3=0.99 beta3_warmup=10");
    double x = 0, g = 1;
    const void *grad = &g;
    (void)state;
    MUST(luge_add(opt, 0, "x", LUGE_F64, &x, 0, NULL, &err));
    for (int k = 1; k <= 12; k++) {
        MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
        double *m = luge_state(opt, 0, "exp_avg_slow", 0), before = *m;
        g = 0;
        MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
        g = 1;
        double life = -1 / log2(*m / before), to = log(.5) / log(.99);
        int step = 2 * k;
        double want = step < 10 ? 1 + step / 10. * (to - 1) : to;
        CHECK(fabs(life - want) < 2e-4 * want, "step %d: half-life %g and not %g", step, life, want);
    }
    luge_free(opt);
    CHECK_END();
}

/* m₁ = (1-β₃) g, without correction. */
static long double fresh_step(long double g) { return .01L * (1 + 2 * (1 - .9999L)) * g / (fabsl(g) + 1e-8L); }

static void limits_and_refusals(void **state)
{
    static record r;
    (void)state;
    record_make(&r, 6, .01, -3, 1, true);
    first_step_is("ademamix", "lr=0.01", fresh_step);
    like("α = 0 is AdamW", &r, "ademamix", "alpha=0 weight_decay=0.1", "adamw", "weight_decay=0.1");
    same("no warm-up", &r, "ademamix", "alpha_warmup=0 beta3_warmup=0", &r, "ademamix", "");
    same("defaults", &r, "ademamix",
         "beta1=0.9 beta2=0.999 beta3=0.9999 alpha=2 alpha_warmup=none beta3_warmup=none eps=1e-8 weight_decay=0", &r,
         "ademamix", "");
    stays_without_gradients("ademamix", "lr=0.5");
    decay_follows_its_closed_form("ademamix", "");
    constants_have_a_limit("ademamix", "alpha_warmup=10 beta3_warmup=10");
    refused("ademamix", "beta3=1", "beta3");
    refused("ademamix", "alpha=-1", "alpha");
    luge_error err;
    luge_optimizer *opt = open_method("ademamix", "beta1=0");
    double x = 0, g = 1;
    const void *grad = &g;
    MUST(luge_add(opt, 0, "x", LUGE_F64, &x, 0, NULL, &err));
    MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
    CHECK(!luge_state(opt, 0, "exp_avg_fast", 0), "β₁ = 0 keeps a fast moment");
    luge_free(opt);
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_sums_over_all_gradients),
        cmocka_unit_test(the_half_life_grows_linearly),
        cmocka_unit_test(limits_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
