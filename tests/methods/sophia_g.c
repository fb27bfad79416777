/* Sophia-G against moments and curvatures written as weighted sums, in long double, with refreshes at every
 * interval-th step.  SPDX-License-Identifier: MIT */
#define SETTINGS(_)                                                                                                  \
    _(real, beta1)                                                                                                   \
    _(real, beta2) _(real, rho) _(real, batch_size) _(real, hessian_interval) _(real, eps) _(real, weight_decay)
#include "methods/sums.h"

static const settings rows[] = {
    { "Sophia-G", .965, .99, .04, 16, 5, 1e-15, .1 },
    { "every step", .9, .9, 1, 1, 1, 1e-3, 0 },
    { "rarely", .8, .5, .1, 4, 13, .1, .3 },
    { "no memory", 0, 0, .5, 2, 3, 1e-6, 0 },
};
static int clipped, inside;

/* The curvature's gradient that goes with step k, from the same parameters. */
static double sampled(int k, int i) { return sin(k * 1.7 + i) * pow(10, (i % 5) - 2); }

/* x after each of the steps on gradients g[1..k]; h has refreshes with steps I+1, 2I+1, ... */
static long double after(const settings *h, int k, int i, const long double *g, long double x, long double lr)
{
    long double curvature = 0, weight = 1 - (long double)h->beta2;
    int I = (int)h->hessian_interval;
    for (int j = (k - 1) / I * I; j >= I; j -= I, weight *= h->beta2)
        curvature += weight * sampled(j + 1, i) * sampled(j + 1, i);
    long double m = mean(h->beta1, k, g, 1),
                size = fabsl(m) / (h->rho * (long double)h->batch_size * curvature + h->eps);
    ++*(size > 1 ? &clipped : &inside);
    return (1 - lr * h->weight_decay) * x - lr * ratio_sign(m) * fminl(size, 1);
}

static luge_status give(luge_optimizer *opt, const double *g, const double *extra, luge_error *err)
{
    const void *grad = g, *more = extra;
    luge_input in = { "hess_grad", &more };
    return luge_step(opt, &(luge_inputs){ .grad = &grad, .extra = &in, .extras = extra != NULL }, err);
}

static void equals_sums(void **state)
{
    enum { N = 26, MOST = 60 };
    (void)state;
    for (size_t row = 0; row < ROWS(rows); row++) {
        const settings *h = &rows[row];
        luge_error err;
        luge_optimizer *opt = open_method("sophia_g", text(h));
        double x[N], g[N], extra[N];
        long double past[N][MOST + 1] = { 0 }, want[N];
        for (int i = 0; i < N; i++) want[i] = x[i] = cos(i);
        MUST(luge_add(opt, 0, "x", LUGE_F64, x, 1, (size_t[]){ N }, &err));
        MUST(luge_set_real(opt, 0, "lr", .01, &err));
        for (int k = 1; k <= MOST; k++) {
            bool refresh = k > 1 && (k - 1) % (int)h->hessian_interval == 0;
            for (int i = 0; i < N; i++) {
                past[i][k] = g[i] = i == 3 ? 0 : sin(k * .37 * (i + 1)) * pow(10, (i % 7) - 4) + .01;
                extra[i] = sampled(k, i);
                want[i] = after(h, k, i, past[i], want[i], .01L);
            }
            CHECK(luge_needs(opt, "hess_grad") == refresh, "%s: step %d", h->label, k);
            if (refresh)
                CHECK(give(opt, g, NULL, &err) == LUGE_E_INPUT && strstr(err.text, "hess_grad"), "%s", err.text);
            MUST(give(opt, g, refresh ? extra : NULL, &err));
            for (int i = 0; i < N; i++)
                CHECK(fabsl(x[i] - want[i]) < 4 * (k + 4) * DBL_EPSILON * (1 + .01 * k),
                      "%s, step %d, %d: %.17g and not %.17Lg", h->label, k, i, x[i], want[i]);
        }
        luge_free(opt);
    }
    CHECK(clipped > 500 && inside > 500, "%d clipped, %d not", clipped, inside);
    CHECK_END();
}

/* Before the first refresh h = 0: steps of the sign of m.  The other way to write a step is a clipped quotient. */
static void limits_and_refusals(void **state)
{
    double x[FEW], y[FEW];
    (void)state;
    given[0] = 1, given[1] = -1e-6, given[2] = 1e3, given[3] = 0;
    descend("sophia_g", "lr=0.125 weight_decay=0", few, 3, as_given, see_last, x);
    descend("signum", "lr=0.125 momentum=0.965", few, 3, as_given, see_last, y);
    CHECK(!memcmp(x, y, sizeof x), "without curvature: %g and not %g", x[0], y[0]);
    descend("sophia_g", "", few, 3, as_given, see_last, x);
    descend("sophia_g",
            "lr=1e-4 beta1=0.965 beta2=0.99 rho=0.04 batch_size=5120 hessian_interval=10 eps=1e-15 weight_decay=0.1",
            few, 3, as_given, see_last, y);
    CHECK(!memcmp(x, y, sizeof x), "the defaults are others");
    decay_follows_its_closed_form("sophia_g", "");
    stays_without_gradients("sophia_g", "lr=0.5 weight_decay=0");
    refused("sophia_g", "hessian_interval=0", "hessian_interval");
    refused("sophia_g", "rho=0", "rho");
    CHECK_END();
}

/* One coordinate by hand: ρ B ĝ² (1-β₂) = 4 · 9 · 0.5 = 18 under m = 9. */
static void a_known_step(void **state)
{
    luge_error err;
    luge_optimizer *opt =
        open_method("sophia_g", "lr=1 beta1=0 beta2=0.5 rho=2 batch_size=2 hessian_interval=1 eps=0 weight_decay=0");
    double x = 0, g = 9, hess = 3;
    (void)state;
    MUST(luge_add(opt, 0, "x", LUGE_F64, &x, 0, NULL, &err));
    MUST(give(opt, &g, NULL, &err));
    CHECK(x == -1, "first step to %g", x);
    MUST(give(opt, &g, &hess, &err));
    CHECK(x == -1.5, "second step to %g", x);
    CHECK(*(double *)luge_state(opt, 0, "hessian", 0) == 4.5, "the paper's h is B times as large");
    luge_free(opt);
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_sums),
        cmocka_unit_test(limits_and_refusals),
        cmocka_unit_test(a_known_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
