/* f(x,y) = scale ((a - x)² + b (y - x²)²).  Least value 0 at (a, a²).
 * Ref: Rosenbrock, An automatic method for finding the greatest or least value of a function, Computer Journal 3,
 * 1960. SPDX-License-Identifier: MIT */
#include "problems/support/analytic.h"

typedef struct settings {
    lg_analytic_settings base;
    double a, b, scale;
} settings;

static double gradient(const void *s, const double *c, size_t n, const double *x, double *g)
{
    const settings *h = s;
    double p = h->a - x[0], q = x[1] - x[0] * x[0];
    (void)c, (void)n;
    g[0] = h->scale * (-2 * p - 4 * h->b * q * x[0]);
    g[1] = h->scale * (2 * h->b * q);
    return h->scale * (p * p + h->b * q * q);
}

static void hvp(const void *s, const double *c, size_t n, const double *x, const double *v, double *hv)
{
    const settings *h = s;
    double xx = 2 - 4 * h->b * (x[1] - 3 * x[0] * x[0]), xy = -4 * h->b * x[0], yy = 2 * h->b;
    (void)c, (void)n;
    hv[0] = h->scale * (xx * v[0] + xy * v[1]);
    hv[1] = h->scale * (xy * v[0] + yy * v[1]);
}

static const lg_setting table[] = {
    LG_SETTING_AT("(-1.2, 1)"),
    { "a", LG_real, offsetof(settings, a), "1", "(-inf,inf)", "abscissa of the minimum" },
    { "b", LG_real, offsetof(settings, b), "100", "[0,inf)", "steepness of the valley's walls" },
    { "scale", LG_real, offsetof(settings, scale), "1", "(0,inf)", "factor on the whole" },
    { 0 },
};
static const lg_analytic formula = { gradient, hvp, NULL };

const lg_problem_kind lg_problem_rosenbrock = {
    .name = "rosenbrock",
    .title = "f(x,y) = scale ((a - x)^2 + b (y - x^2)^2), least value 0 at (a, a^2)",
    .settings = table,
    .settings_size = sizeof(settings),
    .formula = &formula,
    LG_ANALYTIC,
};
