/* f(x) = Σ x_i² + A (1 - cos 2π x_i),  A = 10.  Least value 0 at 0; a minimum near each point of whole numbers.
 * Ref: Rastrigin, Systems of Extremal Control, 1974.
 * SPDX-License-Identifier: MIT */
#include "problems/support/analytic.h"

typedef struct settings {
    lg_analytic_settings base;
} settings;

static const double height = 10, turn = 0x1.921fb54442d18p+2; /* A, 2π */

static double gradient(const void *s, const double *c, size_t n, const double *x, double *g)
{
    double sum = 0;
    (void)s, (void)c;
    for (size_t i = 0; i < n; i++) {
        g[i] = 2 * x[i] + height * turn * lg_sin(turn * x[i]);
        sum += x[i] * x[i] + height * (1 - lg_cos(turn * x[i]));
    }
    return sum;
}

static void hvp(const void *s, const double *c, size_t n, const double *x, const double *v, double *hv)
{
    (void)s, (void)c;
    for (size_t i = 0; i < n; i++) hv[i] = (2 + height * turn * turn * lg_cos(turn * x[i])) * v[i];
}

static const lg_setting table[] = { LG_SETTING_AT("2.3"), LG_SETTING_DIM("2"), { 0 } };
static const lg_analytic formula = { gradient, hvp, NULL };

const lg_problem_kind lg_problem_rastrigin = {
    .name = "rastrigin",
    .title = "f(x) = sum x_i^2 + 10 (1 - cos 2 pi x_i), least value 0 at 0",
    .settings = table,
    .settings_size = sizeof(settings),
    .formula = &formula,
    LG_ANALYTIC,
};
