/* f(x) = 1/2 Σ c_i x_i²,  c_i = condition^((i-1)/(dim-1)) for i = 1 .. dim: curvatures from 1 to condition, equally
 * spaced in their logarithm.  Least value 0 at 0.
 * SPDX-License-Identifier: MIT */
#include "problems/support/analytic.h"

typedef struct settings {
    lg_analytic_settings base;
    double condition;
} settings;

static void constants(const void *s, size_t n, double *c)
{
    for (size_t i = 0; i < n; i++)
        c[i] = n == 1 ? 1 : lg_pow(((const settings *)s)->condition, (double)i / (double)(n - 1));
}

static double gradient(const void *s, const double *c, size_t n, const double *x, double *g)
{
    double sum = 0;
    (void)s;
    for (size_t i = 0; i < n; i++) {
        g[i] = c[i] * x[i];
        sum += g[i] * x[i];
    }
    return sum / 2;
}

static void hvp(const void *s, const double *c, size_t n, const double *x, const double *v, double *hv)
{
    (void)s, (void)x;
    for (size_t i = 0; i < n; i++) hv[i] = c[i] * v[i];
}

static const lg_setting table[] = {
    LG_SETTING_AT("1"),
    LG_SETTING_DIM("2"),
    { "condition", LG_real, offsetof(settings, condition), "10", "[1,inf)", "largest curvature; the smallest is 1" },
    { 0 },
};
static const lg_analytic formula = { gradient, hvp, constants };

const lg_problem_kind lg_problem_quadratic = {
    .name = "quadratic",
    .title = "f(x) = 1/2 sum c_i x_i^2 with curvatures c_i from 1 to condition, equally spaced in their logarithm",
    .settings = table,
    .settings_size = sizeof(settings),
    .formula = &formula,
    LG_ANALYTIC,
};
