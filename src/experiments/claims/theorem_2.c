/* SPDX-License-Identifier: MIT */
#include "experiments/flow.h"

static const lg_window_row rows[] = {
    { "second_order", .5, true, 8, 11, 1, 1.9, 2.1 },
    { "second_order", .5, false, 8, 11, 1, 1.95, 2.1 },
    { "second_order", .9, false, 12, 15, .25, 1.95, 2.2 },
    { "second_order:hessian", .5, true, 8, 11, 1, 1.9, 2.1 },
};

static luge_status check(const lg_means *means, lg_verdict *v, luge_error *err)
{
    (void)means;
    return lg_claim_windows(rows, sizeof rows / sizeof *rows, v, err);
}

const lg_claim lg_claim_theorem_2 = {
    .name = "theorem_2",
    .claim =
        "The iterates follow the second-order equation h alpha u'' + (1-momentum) u' = -grad f, with second order in "
        "h "
        "where its initial velocity is matched: past the initial layer from the cold start, at all times from the "
        "prepared one.",
    .reference = "Kovachki & Stuart, JMLR 22 (2021), second theorem; the matched velocities are derived here",
    .run =
        "problem 0.5 (1-x)^2 + (y-x^2)^2 from (-0.5, 1); cold: largest error with t >= T/2, prepared: over all steps",
    .check = check,
};
