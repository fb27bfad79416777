/* f(x,y) = p² + q²,  p = x² + y - 11,  q = x + y² - 7.  Least value 0 at four points, (3, 2) among them.
 * Ref: Himmelblau, Applied Nonlinear Programming, 1972.
 * SPDX-License-Identifier: MIT */
#include "problems/support/analytic.h"

typedef struct settings {
    lg_analytic_settings base;
} settings;

static double gradient(const void *s, const double *c, size_t n, const double *x, double *g)
{
    double p = x[0] * x[0] + x[1] - 11, q = x[0] + x[1] * x[1] - 7;
    (void)s, (void)c, (void)n;
    g[0] = 4 * p * x[0] + 2 * q;
    g[1] = 2 * p + 4 * q * x[1];
    return p * p + q * q;
}

static void hvp(const void *s, const double *c, size_t n, const double *x, const double *v, double *hv)
{
    double p = x[0] * x[0] + x[1] - 11, q = x[0] + x[1] * x[1] - 7;
    double xx = 4 * p + 8 * x[0] * x[0] + 2, xy = 4 * x[0] + 4 * x[1], yy = 4 * q + 8 * x[1] * x[1] + 2;
    (void)s, (void)c, (void)n;
    hv[0] = xx * v[0] + xy * v[1];
    hv[1] = xy * v[0] + yy * v[1];
}

static const lg_setting table[] = { LG_SETTING_AT("(0, 0)"), { 0 } };
static const lg_analytic formula = { gradient, hvp, NULL };

const lg_problem_kind lg_problem_himmelblau = {
    .name = "himmelblau",
    .title = "f(x,y) = (x^2 + y - 11)^2 + (x + y^2 - 7)^2, least value 0 at four points",
    .settings = table,
    .settings_size = sizeof(settings),
    .formula = &formula,
    LG_ANALYTIC,
};
