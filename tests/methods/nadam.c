/* NAdam against moments written as sums over all gradients and products of the momentum factors taken anew in each
 * step, in long double.  SPDX-License-Identifier: MIT */
#include "engine/engine.h"
#include "methods/reference.h"
#include <complex.h>

typedef struct settings {
    const char *label;
    double beta1, beta2, eps, decay, psi; /* psi < 0: none */
    bool decoupled;
} settings;

static const settings rows[] = {
    { "NAdam", .9, .999, 1e-8, 0, 4e-3, false },          { "fast factors", .9, .99, 1e-3, 0, .7, false },
    { "coupled decay", .8, .9, 1e-2, .2, .1, false },     { "decoupled decay", .8, .9, 1e-2, .2, .1, true },
    { "psi of 1", .9, .99, 1e-3, 0, 1, false },           { "half momentum", .9, .99, 1e-8, 0, 0, false },
    { "constant momentum", .9, .99, 1e-3, 0, -1, false }, { "no first moment", 0, .9, 1e-4, 0, 4e-3, false },
};

static const char *text(const settings *h)
{
    static char to[256];
    int used = snprintf(to, sizeof to, "beta1=%.17g beta2=%.17g eps=%.17g weight_decay=%.17g decoupled=%s ", h->beta1,
                        h->beta2, h->eps, h->decay, h->decoupled ? "true" : "false");
    if (h->psi < 0)
        snprintf(to + used, sizeof to - (size_t)used, "momentum_decay=none");
    else
        snprintf(to + used, sizeof to - (size_t)used, "momentum_decay=%.17g", h->psi);
    return to;
}

/* (1-β) Σⱼ βᵏ⁻ʲ gⱼᵖ */
static long double moment(long double beta, int k, const long double *g, int p)
{
    long double sum = 0, weight = 1 - beta;
    for (int j = k; j >= 1; j--, weight *= beta) sum += weight * (p == 2 ? g[j] * g[j] : g[j]);
    return sum;
}

static long double factor(const settings *h, int k)
{
    return h->psi < 0 ? h->beta1 : h->beta1 * (1 - .5L * powl(.96L, k * (long double)h->psi));
}

/* μ₁ ... μₖ */
static long double product(const settings *h, int k)
{
    long double p = 1;
    for (int j = 1; j <= k; j++) p *= factor(h, j);
    return p;
}

static long double sums(const void *with, int k, const long double *g, const long double *x, const long double *lr)
{
    const settings *h = with;
    long double in[STEPS + 1] = { 0 };
    for (int j = 1; j <= k; j++) in[j] = g[j] + (h->decoupled ? 0 : h->decay * x[j - 1]);
    long double root = sqrtl(moment(h->beta2, k, in, 2) / -expm1l(k * logl(h->beta2)));
    long double now = (1 - factor(h, k)) / (1 - product(h, k)) * in[k];
    long double ahead = factor(h, k + 1) / (1 - product(h, k + 1)) * moment(h->beta1, k, in, 1);
    return (1 - (h->decoupled ? lr[k] * h->decay : 0)) * x[k - 1] - lr[k] * (now + ahead) / (root + h->eps);
}

static void equals_sums_over_all_gradients(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        against_rule(rows[i].label, "nadam", text(&rows[i]), .01, -6, 3, sums, &rows[i]);
    CHECK_END();
}

/* ---- the other conventions ---- */

/* μ = β₁:  x - η (β₁ m / (1-β₁ᵏ⁺¹) + (1-β₁) g / (1-β₁ᵏ)) / (√v̂ + ε), the corrected moment of the step to come */
static long double constant_factor(const void *with, int k, const long double *g, const long double *x,
                                   const long double *lr)
{
    const settings *h = with;
    long double b = h->beta1, top = b * moment(b, k, g, 1) / (1 - powl(b, k + 1)) + (1 - b) * g[k] / (1 - powl(b, k));
    return x[k - 1] - lr[k] * top / (sqrtl(moment(h->beta2, k, g, 2) / (1 - powl(h->beta2, k))) + h->eps);
}

/* With β₂ under the root, and η and ε √β₂ times ours */
static long double report(const void *with, int k, const long double *g, const long double *x, const long double *lr)
{
    const settings *h = with;
    long double scale = sqrtl(h->beta2), v = moment(h->beta2, k, g, 2), bc2 = -expm1l(k * logl(h->beta2));
    long double top = (1 - factor(h, k)) / (1 - product(h, k)) * g[k] +
                      factor(h, k + 1) / (1 - product(h, k + 1)) * moment(h->beta1, k, g, 1);
    return x[k - 1] - scale * lr[k] * top / (sqrtl(h->beta2 * v / bc2) + scale * h->eps);
}

static void equals_its_other_conventions(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        if (rows[i].decay != 0) continue;
        if (rows[i].psi < 0) against_rule("constant", "nadam", text(&rows[i]), .01, -6, 3, constant_factor, &rows[i]);
        against_rule("report", "nadam", text(&rows[i]), .01, -6, 3, report, &rows[i]);
    }
    CHECK_END();
}

/* ---- limits ---- */

/* At k = infinity, which flows ask for, PREPARE gives what the late steps have: Π = 0 and μ at its limit, β₁ or, for
 * ψ = 0, β₁/2.  Seen on one coordinate of the formula itself. */
static void the_limit_is_that_of_late_steps(void **state)
{
    static const double limits[][2] = { { .004, .8 }, { 0, .4 }, { 3, .8 } }; /* ψ, μ */
    const lg_method *m = luge_method_find("nadam")->method;
    (void)state;
    for (size_t i = 0; i < ROWS(limits); i++) {
        double h[32], c[32], own[4], memory[1] = { 0 };
        double _Complex x = 1, g = 2, slots[LG_SLOTS] = { 3, 25 };
        long double mu = limits[i][1], v = .9L * 25 + .1L * 4, moment = .8L * 3 + .2L * 2;
        luge_error err;
        char with[80];
        snprintf(with, sizeof with, "lr=0.5,beta1=0.8,beta2=0.9,eps=0.1,momentum_decay=%.17g", limits[i][0]);
        assert_true(m->hyper_size <= sizeof h && m->coef_size <= sizeof c && m->own_size <= sizeof own);
        MUST(lg_setting_defaults("nadam", m->hyper, h, &err));
        MUST(lg_setting_parse("nadam", m->hyper, h, with, &err));
        m->begin_own(h, own);
        m->prepare(h, HUGE_VAL, memory, own, c);
        m->point(0, c, &x, &g, slots);
        long double want = 1 - .5L * ((1 - mu) * 2 + mu * moment) / (sqrtl(v) + .1L);
        CHECK(fabsl(creal(x) - want) <= 16 * DBL_EPSILON, "psi = %g: %.17g and not %.17Lg", limits[i][0], creal(x),
              want);
    }
    CHECK_END();
}

static double given[FEW];
static void as_given(const double *x, double *g)
{
    (void)x;
    memcpy(g, given, sizeof given);
}

/* m₁ = (1-β₁) g and Π₁ = μ₁:  x₁ = x₀ - η (1 + μ₂ (1-β₁) / (1 - μ₁ μ₂)) g / (|g| + ε) */
static void first_step(void **state)
{
    static const double start[FEW] = { 1, -1, .5, .75 };
    long double mu1 = .9L * (1 - .5L * powl(.96L, .004L)), mu2 = .9L * (1 - .5L * powl(.96L, .008L));
    double x[FEW];
    (void)state;
    given[0] = 1, given[1] = -1e-6, given[2] = 1e3, given[3] = 0;
    descend("nadam", "lr=0.01", start, 1, as_given, see_last, x);
    for (int i = 0; i < FEW; i++) {
        long double want = start[i] - .01L * (1 + mu2 * .1L / (1 - mu1 * mu2)) * given[i] / (fabs(given[i]) + 1e-8L);
        CHECK(fabsl(x[i] - want) <= 8 * DBL_EPSILON, "g = %g: %.17g and not %.17Lg", given[i], x[i], want);
    }
    CHECK_END();
}

/* β₁ = 0 leaves no momentum: Adam without a first moment. */
static void limits_and_refusals(void **state)
{
    static const double start[FEW] = { 1, -1, .5, .75 };
    static record r;
    static double x[STEPS + 1][COORDINATES], y[STEPS + 1][COORDINATES];
    double z[FEW];
    (void)state;
    record_make(&r, 6, .01, -6, 3, true);
    play(&r, "nadam", "beta1=0", LUGE_F64, x);
    play(&r, "adam", "beta1=0", LUGE_F64, y);
    for (int t = 1; t <= STEPS; t++)
        for (int i = 0; i < COORDINATES; i++)
            CHECK(fabs(x[t][i] - y[t][i]) <= 4 * t * DBL_EPSILON, "beta1 = 0: %.17g and not %.17g", x[t][i], y[t][i]);
    same("defaults", &r, "nadam", "beta1=0.9 beta2=0.999 eps=1e-8 weight_decay=0 momentum_decay=4e-3", &r, "nadam",
         "");
    memset(given, 0, sizeof given);
    descend("nadam", "lr=0.5", start, 9, as_given, see_last, z);
    CHECK(!memcmp(z, start, sizeof z), "a parameter moved before any gradient came");
    refused("nadam", "beta1=1", "beta1");
    refused("nadam", "momentum_decay=-1", "momentum_decay");
    CHECK_END();
}

/* Decoupled decay alone:  Π (1 - ηₖ λ); coupled decay alone makes no such thing. */
static void decoupled_decay_follows_its_closed_form(void **state)
{
    static const double start[FEW] = { 1, -1, .5, .75 };
    double x[FEW];
    long double by = 1;
    (void)state;
    memset(given, 0, sizeof given);
    descend("nadam", "lr=0.25 weight_decay=0.5 decoupled=true schedule=warmup:steps=4", start, 9, as_given, see_last,
            x);
    for (int k = 1; k <= 9; k++) by *= 1 - .125L * (k < 4 ? k / 4.0L : 1);
    for (int i = 0; i < FEW; i++) CHECK(fabsl(x[i] - by * start[i]) <= 40 * DBL_EPSILON, "%.17g", x[i]);
    CHECK_END();
}

static void sign_like(const double *x, const double *g, double *v)
{
    (void)x;
    for (int i = 0; i < FEW; i++) v[i] = -g[i] / (fabs(g[i]) + .5);
}

static void tends_to_its_flow(void **state)
{
    (void)state;
    tends_to("NAdam", "nadam", "beta1=0.8 beta2=0.9 eps=0.5 momentum_decay=1", sign_like, .8);
    tends_to("NAdam, constant", "nadam", "beta1=0.8 beta2=0.9 eps=0.5 momentum_decay=none", sign_like, .8);
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_sums_over_all_gradients),
        cmocka_unit_test(equals_its_other_conventions),
        cmocka_unit_test(the_limit_is_that_of_late_steps),
        cmocka_unit_test(first_step),
        cmocka_unit_test(limits_and_refusals),
        cmocka_unit_test(decoupled_decay_follows_its_closed_form),
        cmocka_unit_test(tends_to_its_flow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
