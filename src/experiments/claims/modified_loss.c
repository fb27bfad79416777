/* SPDX-License-Identifier: MIT */
#include "experiments/flow.h"

static const lg_window_row rows[] = {
    { "modified", .5, true, 8, 11, 1, 1.95, 2.05 },
    { "modified", .5, false, 8, 11, 1, 1.95, 2.05 },
    { "modified", .9, true, 12, 15, .25, 1.9, 2.05 },
    { "composite", .5, false, 9, 11, 1, 1.85, 2.05 },
};

static luge_status check(const lg_means *means, lg_verdict *v, luge_error *err)
{
    (void)means;
    return lg_claim_windows(rows, sizeof rows / sizeof *rows, v, err);
}

const lg_claim lg_claim_modified_loss = {
    .name = "modified_loss",
    .claim =
        "Momentum descends a modified loss: f + (h/2) L (L - a - 1/2) |grad f|^2, L = 1/(1-momentum), a = 0 for "
        "heavy "
        "ball and momentum for Nesterov; its gradient flow is followed to second order, and with the initial layer "
        "added at every step from the cold start.",
    .reference = "Kovachki & Stuart, JMLR 22 (2021), section 4; Ghosh et al., ICLR 2023",
    .run = "problem 0.5 (1-x)^2 + (y-x^2)^2 from (-0.5, 1); modified cold: t >= T/2, else all steps",
    .check = check,
};
