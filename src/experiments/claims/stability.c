/* SPDX-License-Identifier: MIT */
#include "experiments/flow.h"

static luge_status check(const lg_means *means, lg_verdict *v, luge_error *err)
{
    static const struct {
        double momentum, a, stable, real;
    } rows[] = { { .5, 0, 3, 0.0857864376 },
                 { .5, .5, 1.5, 0.1111111111 },
                 { .9, 0, 3.8, 0.00263340390 },
                 { .9, .9, 1.357142857, 0.00277008310 } };
    (void)means, (void)err;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double l = rows[i].momentum, a = rows[i].a, stable = lg_stable_below(l, a), real = lg_real_below(l, a);
        v->holds = v->holds && fabs(stable - rows[i].stable) < 1e-9 && fabs(real - rows[i].real) < 1e-10 &&
                   lg_linear_radius(l, a, 0.999 * stable) < 1 && lg_linear_radius(l, a, 1.001 * stable) > 1;
        LG_SAY(v->expected, "%s(%g, %g): %.9g and %.9g", i ? "; " : "", l, a, rows[i].stable, rows[i].real);
        LG_SAY(v->measured, "%s(%g, %g): %.9g and %.9g", i ? "; " : "", l, a, stable, real);
    }
    return LUGE_OK;
}

const lg_claim lg_claim_stability = {
    .name = "stability",
    .claim = "On curvature q the iteration is stable exactly for h q < 2 (1+momentum)/(1+2a), and without "
             "oscillation up to "
             "(1-sqrt(momentum))^2 for heavy ball, ((1-momentum)/(1+momentum))^2 for Nesterov.",
    .reference = "Polyak 1964; Kovachki & Stuart, JMLR 22 (2021), section 3",
    .run = "roots of the characteristic polynomial for (momentum, a), just below and above the limit",
    .check = check,
};
