/* Sophia-H against moments and curvatures written as weighted sums, in long double, with refreshes at every
 * interval-th step.  SPDX-License-Identifier: MIT */
#define SETTINGS(_)                                                                                                  \
    _(real, beta1)                                                                                                   \
    _(real, beta2)                                                                                                   \
    _(real, gamma) _(real, clip) _(real, hessian_interval) _(real, eps) _(real, weight_decay) _(flag, bias_correction)
#include "methods/sums.h"

static const settings rows[] = {
    { "Sophia-H", .96, .99, .05, 1, 5, 1e-12, .1, false },
    { "optax", .9, .8, 1, 1, 1, 1e-3, 0, true },
    { "rarely", .8, .5, 10, .25, 13, .1, .3, false },
    { "no memory", 0, 0, .5, 2, 3, 1e-6, 0, true },
};
static int clipped, inside, floored;

/* The probe that goes with step k; some of it negative. */
static double probe(int k, int i) { return (sin(k * 1.7 + i) + .4) * pow(10, (i % 5) - 2); }

static long double after(const settings *h, int k, int i, const long double *g, long double x, long double lr)
{
    long double curvature = 0, weight = 1 - (long double)h->beta2;
    int I = (int)h->hessian_interval;
    for (int j = (k - 1) / I * I; j >= 0; j -= I, weight *= h->beta2) curvature += weight * probe(j + 1, i);
    long double m = mean(h->beta1, k, g, 1) / (h->bias_correction ? correction(h->beta1, k) : 1);
    long double d = m / fmaxl(h->gamma * curvature, h->eps);
    floored += h->gamma * curvature < h->eps;
    ++*(fabsl(d) > h->clip ? &clipped : &inside);
    return (1 - lr * h->weight_decay) * x - lr * fmaxl(-h->clip, fminl(h->clip, d));
}

static luge_status give(luge_optimizer *opt, const double *g, const double *extra, luge_error *err)
{
    const void *grad = g, *more = extra;
    luge_input in = { "hutchinson", &more };
    return luge_step(opt, &(luge_inputs){ .grad = &grad, .extra = &in, .extras = extra != NULL }, err);
}

static void equals_sums(void **state)
{
    enum { N = 26, MOST = 60 };
    (void)state;
    for (size_t row = 0; row < ROWS(rows); row++) {
        const settings *h = &rows[row];
        luge_error err;
        luge_optimizer *opt = open_method("sophia_h", text(h));
        double x[N], g[N], extra[N];
        long double past[N][MOST + 1] = { 0 }, want[N];
        for (int i = 0; i < N; i++) want[i] = x[i] = cos(i);
        MUST(luge_add(opt, 0, "x", LUGE_F64, x, 1, (size_t[]){ N }, &err));
        MUST(luge_set_real(opt, 0, "lr", .01, &err));
        for (int k = 1; k <= MOST; k++) {
            bool refresh = (k - 1) % (int)h->hessian_interval == 0;
            for (int i = 0; i < N; i++) {
                past[i][k] = g[i] = i == 3 ? 0 : sin(k * .37 * (i + 1)) * pow(10, (i % 7) - 4) + .01;
                extra[i] = probe(k, i);
                want[i] = after(h, k, i, past[i], want[i], .01L);
            }
            CHECK(luge_needs(opt, "hutchinson") == refresh, "%s: step %d", h->label, k);
            if (refresh)
                CHECK(give(opt, g, NULL, &err) == LUGE_E_INPUT && strstr(err.text, "hutchinson"), "%s", err.text);
            MUST(give(opt, g, refresh ? extra : NULL, &err));
            for (int i = 0; i < N; i++)
                CHECK(fabsl(x[i] - want[i]) < 4 * (k + 4) * DBL_EPSILON * (1 + .02 * k),
                      "%s, step %d, %d: %.17g and not %.17Lg", h->label, k, i, x[i], want[i]);
        }
        luge_free(opt);
    }
    CHECK(clipped > 500 && inside > 500 && floored > 100, "%d clipped, %d not, %d floored", clipped, inside, floored);
    CHECK_END();
}

/* On a quadratic the probes z z a are the curvature a itself for signs z: h tends to it, and steps to Newton's m / (γ
 * a). */
static void settings_and_limits(void **state)
{
    static const double curve[FEW] = { 1, 2, 4, -3 };
    luge_error err;
    luge_optimizer *opt =
        open_method("sophia_h", "lr=1 beta1=0 beta2=0.5 gamma=2 clip=100 hessian_interval=1 weight_decay=0");
    double x[FEW], g[FEW], extra[FEW], before[FEW];
    (void)state;
    memcpy(x, few, sizeof x);
    MUST(luge_add(opt, 0, "x", LUGE_F64, x, 1, (size_t[]){ FEW }, &err));
    for (int k = 1; k <= 60; k++) {
        memcpy(before, x, sizeof x);
        for (int i = 0; i < FEW; i++) g[i] = .001, extra[i] = curve[i];
        MUST(give(opt, g, extra, &err));
    }
    for (int i = 0; i < 3; i++)
        CHECK(fabs(before[i] - x[i] - .001 / (2 * curve[i])) < 1e-14, "step %.17g", before[i] - x[i]);
    CHECK(fabs(before[3] - x[3] - 100) < 1e-9, "negative curvature: step %g", before[3] - x[3]);
    luge_free(opt);
    constants_have_a_limit("sophia_h", "bias_correction=true");
    refused("sophia_h", "hessian_interval=0", "hessian_interval");
    refused("sophia_h", "eps=0", "eps");
    CHECK_END();
}

/* Defaults; η C with C = 1 and γ and ε C times as large; decay without gradients. */
static void one_run(const char *with, double *x)
{
    luge_error err;
    luge_optimizer *opt = open_method("sophia_h", with);
    memcpy(x, few, sizeof few);
    MUST(luge_add(opt, 0, "x", LUGE_F64, x, 1, (size_t[]){ FEW }, &err));
    for (int k = 1; k <= 25; k++) {
        double g[FEW], extra[FEW];
        for (int i = 0; i < FEW; i++) g[i] = sin(k + i), extra[i] = 20 * probe(k, i);
        MUST(give(opt, g, extra, &err));
    }
    luge_free(opt);
}

static void conventions(void **state)
{
    double x[FEW], y[FEW], zero[FEW] = { 0 };
    luge_error err;
    (void)state;
    one_run("", x);
    one_run("lr=1e-4 beta1=0.96 beta2=0.99 gamma=0.01 clip=1 hessian_interval=10 eps=1e-12 weight_decay=0.1 "
            "bias_correction=false",
            y);
    CHECK(!memcmp(x, y, sizeof x), "the defaults are others");
    one_run("lr=0.01 clip=0.5 gamma=0.1 eps=0.01 hessian_interval=3 weight_decay=0", x);
    one_run("lr=0.005 clip=1 gamma=0.05 eps=0.005 hessian_interval=3 weight_decay=0", y);
    for (int i = 0; i < FEW; i++) CHECK(fabs(x[i] - y[i]) < 1e-14, "η C: %.17g and not %.17g", x[i], y[i]);
    luge_optimizer *opt = open_method("sophia_h", "lr=0.25 weight_decay=0.5");
    memcpy(x, few, sizeof x);
    MUST(luge_add(opt, 0, "x", LUGE_F64, x, 1, (size_t[]){ FEW }, &err));
    for (int k = 0; k < 9; k++) MUST(give(opt, zero, zero, &err));
    for (int i = 0; i < FEW; i++) CHECK(fabs(x[i] - pow(.875, 9) * few[i]) < 1e-15, "decay to %.17g", x[i]);
    luge_free(opt);
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_sums),
        cmocka_unit_test(settings_and_limits),
        cmocka_unit_test(conventions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
