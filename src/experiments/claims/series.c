/* SPDX-License-Identifier: MIT */
#include "experiments/flow.h"

static const lg_window_row rows[] = {
    { "series:1", .5, true, 8, 11, 1, 0.95, 1.05 }, { "series:2", .5, true, 8, 11, 1, 1.95, 2.05 },
    { "series:3", .5, true, 8, 11, 1, 2.95, 3.12 }, { "series:4", .5, true, 8, 11, 1, 3.95, 4.12 },
    { "series:6", .5, true, 5, 8, .25, 5.7, 6.15 },
};

static luge_status check(const lg_means *means, lg_verdict *v, luge_error *err)
{
    (void)means;
    return lg_claim_windows(rows, sizeof rows / sizeof *rows, v, err);
}

const lg_claim lg_claim_series = {
    .name = "series",
    .claim =
        "There is a modified equation to every order: the flow of its first p terms is followed to order p from the "
        "prepared start.",
    .reference =
        "Hairer, Lubich & Wanner, Geometric numerical integration (2006), chapter IX; the recursion is derived "
        "here",
    .run = "problem 0.5 (1-x)^2 + (y-x^2)^2 from (-0.5, 1), prepared start, largest error over all steps",
    .check = check,
};
