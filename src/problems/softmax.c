/* Multinomial logistic regression: f = mean over rows of log Σ_c exp z_c - z_label, z = W x + b.
 * SPDX-License-Identifier: MIT */
#include "problems/support/network.h"

static const lg_setting table[] = { LG_NETWORK_DATA_SETTINGS, { 0 } };

const lg_problem_kind lg_problem_softmax = {
    .name = "softmax",
    .title = "multinomial logistic regression on images and labels: mean of log sum_c exp z_c - z_label, z = W x + b",
    .settings = table,
    LG_NETWORK,
    LG_NETWORK_CLASSES,
};
