/* A fully connected network: z_l = W_l a_(l-1) + b_l, a_l = φ(z_l), a_0 the row, z_L the output.
 *     relu           φ(z) = max(z, 0), φ'(0) = φ''(0) = 0
 *     tanh           φ(z) = tanh z
 *     gelu           φ(z) = z/2 (1 + tanh(√(2/π) (z + 0.044715 z³))), the tanh form
 *     cross_entropy  f = mean over rows of log Σ_c exp z_c - z_label
 *     squared        f = mean over rows of 1/2 Σ_c (z_c - [c is the label])²
 * Ref: Hendrycks & Gimpel, Gaussian error linear units, arXiv:1606.08415.
 * SPDX-License-Identifier: MIT */
#include "problems/support/network.h"

static const lg_setting table[] = {
    { "hidden", LG_list, offsetof(lg_network_settings, hidden), "128", "[1,65536]", "widths of the hidden layers" },
    { "activation", LG_word, offsetof(lg_network_settings, activation), "relu", "(relu, tanh, gelu)",
      "of the hidden layers; gelu is its tanh form" },
    { "loss", LG_word, offsetof(lg_network_settings, loss), "cross_entropy", "(cross_entropy, squared)",
      "squared: half the squared distance to the label's unit vector" },
    LG_NETWORK_DATA_SETTINGS,
    { 0 },
};

const lg_problem_kind lg_problem_mlp = {
    .name = "mlp",
    .title = "fully connected network on images and labels: mean loss of W_L phi(... phi(W_1 x + b_1) ...) + b_L",
    .settings = table,
    LG_NETWORK,
    LG_NETWORK_CLASSES,
};
