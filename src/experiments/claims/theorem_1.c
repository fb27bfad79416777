/* SPDX-License-Identifier: MIT */
#include "experiments/flow.h"

static const lg_window_row rows[] = {
    { "rescaled", .5, false, 7, 11, 1, 0.95, 1.05 },
    { "rescaled", .9, false, 12, 15, .25, 0.95, 1.05 },
};

static luge_status check(const lg_means *means, lg_verdict *v, luge_error *err)
{
    (void)means;
    return lg_claim_windows(rows, sizeof rows / sizeof *rows, v, err);
}

const lg_claim lg_claim_theorem_1 = {
    .name = "theorem_1",
    .claim = "Heavy ball and Nesterov with fixed momentum follow the gradient flow at speed 1/(1 - momentum), the "
             "same one "
             "for both, to first order in the step size.",
    .reference = "Kovachki & Stuart, JMLR 22 (2021), first theorem",
    .run = "problem 0.5 (1-x)^2 + (y-x^2)^2 from (-0.5, 1), cold start, largest error over all steps as h is halved",
    .check = check,
};
