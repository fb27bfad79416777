/* An autoencoder: the fully connected network of mlp through the widths of `hidden`, of which the last is the code,
 * and back through the same widths to the row x that it was given; a_0 = x, z_L the output. relu, tanh, gelu  as of
 * mlp logistic          φ(z) = 1/(1 + exp -z) squared           f = mean over rows of 1/2 |z_L - x|² cross_entropy f
 * = mean over rows of the sum over pixels of -x log p - (1-x) log(1-p), p = 1/(1 + exp -z_L) So with images of 784
 * pixels the default is 784-64-8-64-784.  The deep layout of the literature is hidden=(1000, 500, 250,
 * 30),activation=logistic,code=linear,loss=cross_entropy. Ref: Hinton & Salakhutdinov, Reducing the dimensionality of
 * data with neural networks, Science 313, 2006. SPDX-License-Identifier: MIT */
#include "problems/support/network.h"

static luge_status open_mirror(lg_problem *p, const char *const *path, luge_error *err)
{
    ((lg_network_settings *)p->settings)->mirror = true;
    return lg_network_open(p, path, err);
}

static const lg_setting table[] = {
    { "hidden", LG_list, offsetof(lg_network_settings, hidden), "(64, 8)", "[1,65536]",
      "widths from the row to the code, at most 12; back from it they come in the other order" },
    { "activation", LG_word, offsetof(lg_network_settings, activation), "tanh", "(relu, tanh, gelu, logistic)",
      "of the hidden layers but the code; gelu is its tanh form" },
    { "code", LG_word, offsetof(lg_network_settings, code), "linear", LG_CODE_WORDS, "activation of the code" },
    { "loss", LG_word, offsetof(lg_network_settings, loss), "squared", "(cross_entropy, squared)",
      "squared: half the squared distance to the row; cross_entropy: of pixels, with a logistic output" },
    { "set", LG_word, offsetof(lg_network_settings, set), "blobs", LG_MADE_WORDS,
      "what is made where no data is given" },
    { 0 },
};

const lg_problem_kind lg_problem_autoencoder = {
    .name = "autoencoder",
    .title = "fully connected network from images through a narrow code back to themselves: mean of 1/2 |z_L - x|^2",
    .settings = table,
    .data = { "images", NULL },
    .open = open_mirror,
    LG_NETWORK,
};
