/* f(x,y) = Σ_{k=1..3} r_k²,  r_k = c_k - x (1 - y^k),  c = 1.5, 2.25, 2.625.  Least value 0 at (3, 0.5).
 * Ref: Beale, On an iterative method for finding a local minimum of a function of more than one variable, 1958;
 * Moré, Garbow & Hillstrom, ACM Trans. Math. Softw. 7, 1981, no. 5.
 * SPDX-License-Identifier: MIT */
#include "problems/support/analytic.h"

typedef struct settings {
    lg_analytic_settings base;
} settings;

static const double target[3] = { 1.5, 2.25, 2.625 };

static double gradient(const void *s, const double *c, size_t n, const double *x, double *g)
{
    double sum = 0, below = 1; /* y^(k-1) */
    (void)s, (void)c, (void)n;
    g[0] = g[1] = 0;
    for (int k = 1; k <= 3; k++, below *= x[1]) {
        double dx = below * x[1] - 1, dy = k * x[0] * below, r = target[k - 1] + x[0] * dx;
        sum += r * r;
        g[0] += 2 * r * dx;
        g[1] += 2 * r * dy;
    }
    return sum;
}

/* H = 2 Σ ∇r ∇r' + r ∇²r */
static void hvp(const void *s, const double *c, size_t n, const double *x, const double *v, double *hv)
{
    double two_below = 0, below = 1; /* y^(k-2) and y^(k-1) */
    (void)s, (void)c, (void)n;
    hv[0] = hv[1] = 0;
    for (int k = 1; k <= 3; k++, two_below = below, below *= x[1]) {
        double dx = below * x[1] - 1, dy = k * x[0] * below, r = target[k - 1] + x[0] * dx;
        double xy = k * below, yy = k * (k - 1) * x[0] * two_below, along = dx * v[0] + dy * v[1];
        hv[0] += 2 * (along * dx + r * xy * v[1]);
        hv[1] += 2 * (along * dy + r * (xy * v[0] + yy * v[1]));
    }
}

static const lg_setting table[] = { LG_SETTING_AT("(1, 1)"), { 0 } };
static const lg_analytic formula = { gradient, hvp, NULL };

const lg_problem_kind lg_problem_beale = {
    .name = "beale",
    .title = "f(x,y) = (1.5 - x + xy)^2 + (2.25 - x + xy^2)^2 + (2.625 - x + xy^3)^2, least value 0 at (3, 0.5)",
    .settings = table,
    .settings_size = sizeof(settings),
    .formula = &formula,
    LG_ANALYTIC,
};
