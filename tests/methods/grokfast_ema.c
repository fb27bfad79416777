/* Grokfast-EMA against the bases on filtered gradients, all of them sums over the gradients, in long double.
 * SPDX-License-Identifier: MIT */
#define SETTINGS(_)                                                                                                  \
    _(real, alpha)                                                                                                   \
    _(real, lam)                                                                                                     \
    _(word, base)                                                                                                    \
    _(real, beta1)                                                                                                   \
    _(real, beta2) _(real, eps) _(real, momentum) _(real, dampening) _(flag, nesterov) _(real, weight_decay)
#include "methods/sums.h"

static const settings rows[] = {
    { "AdamW", .98, 2, "adamw", .9, .98, 1e-8, .9, 0, false, .1 },
    { "AdamW, strong", .5, 5, "adamw", .7, .95, 1e-3, .9, 0, false, .3 },
    { "heavy ball", .9, 5, "heavy_ball", .9, .999, 1e-8, .9, 0, false, .1 },
    { "dampened", .8, 1, "heavy_ball", .9, .999, 1e-8, .7, .5, false, 0 },
    { "Nesterov", .8, 1, "heavy_ball", .9, .999, 1e-8, .7, 0, true, .2 },
    { "no memory", 0, 1.5, "heavy_ball", .9, .999, 1e-8, 0, .5, false, 0 },
};

/* gⱼ + λ eⱼ,  eⱼ = αʲ⁻¹ g₁ + (1-α) Σ_{1<i<=j} αʲ⁻ⁱ gᵢ */
static void filter(const settings *h, int k, const long double *g, long double *to)
{
    for (int j = 1; j <= k; j++) {
        long double e = powl(h->alpha, j - 1) * g[1];
        for (int i = 2; i <= j; i++) e += (1 - (long double)h->alpha) * powl(h->alpha, j - i) * g[i];
        to[j] = g[j] + h->lam * e;
    }
}

static long double sums(const void *with, int k, const long double *g, const long double *x, const long double *lr)
{
    const settings *h = with;
    long double in[STEPS + 1], b = 0, weight = 1;
    filter(h, k, g, in);
    if (!strcmp(h->base, "adamw")) {
        long double D = sqrtl(mean(h->beta2, k, in, 2) / correction(h->beta2, k)) + h->eps;
        return (1 - lr[k] * h->weight_decay) * x[k - 1] -
               lr[k] * mean(h->beta1, k, in, 1) / correction(h->beta1, k) / D;
    }
    for (int j = 1; j <= k; j++) in[j] += h->weight_decay * x[j - 1];
    for (int j = k; j >= 1; j--, weight *= h->momentum)
        b += weight * (j == 1 ? 1 : 1 - (long double)h->dampening) * in[j];
    return x[k - 1] - lr[k] * (h->nesterov ? in[k] + h->momentum * b : b);
}

static void equals_sums_over_all_gradients(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        against_rule(rows[i].label, "grokfast_ema", text(&rows[i]), .01, -4, 1, sums, &rows[i]);
    CHECK_END();
}

/* λ = 0: the base.  α = 0: the base on (1+λ) g. */
static void equals_its_bases(void **state)
{
    static record r, larger;
    (void)state;
    record_make(&r, 6, .01, -3, 1, true);
    larger = r;
    for (int t = 1; t <= STEPS; t++)
        for (int i = 0; i < COORDINATES; i++) larger.g[t][i] *= 4;
    like("AdamW", &r, "grokfast_ema", "lam=0 weight_decay=0.1", "adamw", "weight_decay=0.1");
    same("heavy ball", &r, "grokfast_ema", "lam=0 base=heavy_ball weight_decay=0.1 dampening=0.5", &r, "heavy_ball",
         "weight_decay=0.1 dampening=0.5");
    same("four times", &r, "grokfast_ema", "alpha=0 lam=3 base=heavy_ball nesterov=true", &larger, "nesterov", "");
    same("defaults", &r, "grokfast_ema",
         "alpha=0.98 lam=2 base=adamw beta1=0.9 beta2=0.999 eps=1e-8 momentum=0.9 dampening=0 nesterov=false "
         "weight_decay=0",
         &r, "grokfast_ema", "");
    same("defaults of the heavy ball", &r, "grokfast_ema", "base=heavy_ball", &r, "grokfast_ema",
         "base=heavy_ball momentum=0.9 dampening=0 nesterov=false");
    stays_without_gradients("grokfast_ema", "lr=0.5");
    decay_follows_its_closed_form("grokfast_ema", "");
    constants_have_a_limit("grokfast_ema", "");
    refused("grokfast_ema", "alpha=1", "alpha");
    refused("grokfast_ema", "nesterov=true momentum=0", "nesterov");
    refused("grokfast_ema", "nesterov=true dampening=0.5", "nesterov");
    refused("grokfast_ema", "base=lion", "heavy_ball");
    CHECK_END();
}

/* Steps after one gradient, β = 0 and heavy_ball without momentum: 1 + λ(1-α), λ(1-α)α, λ(1-α)α², ...: their sum is
 * the filter at frequency 0, their alternating sum the filter at π. */
static void see_response(int k, const double *x, void *to)
{
    double *sum = to, b = sum[2] - x[0];
    given[0] = k == 1;
    sum[0] += b;
    sum[1] += k % 2 ? -b : b;
    sum[2] = x[0];
}

static void responses(void **state)
{
    static const double start[FEW] = { 0 };
    double sum[3] = { 0 }, a = .9, lam = 3;
    (void)state;
    memset(given, 0, sizeof given);
    descend("grokfast_ema", "lr=1 base=heavy_ball momentum=0 alpha=0.9 lam=3", start, 400, as_given, see_response,
            sum);
    CHECK(fabs(sum[0] - (1 + lam)) < 1e-13, "at 0: %.17g", sum[0]);
    CHECK(fabs(sum[1] - (1 + lam * (1 - a) / (1 + a))) < 1e-13, "at π: %.17g", sum[1]);
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_sums_over_all_gradients),
        cmocka_unit_test(equals_its_bases),
        cmocka_unit_test(responses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
