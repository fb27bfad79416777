/* Fully connected networks on rows with classes: x -> φ(x W_1' + b_1) -> ... -> x W_L' + b_L, no φ at the output.
 * SPDX-License-Identifier: MIT */
#ifndef LG_NETWORK_H
#define LG_NETWORK_H
#include "problems/support/classes.h"
#include "problems/support/kind.h"

enum lg_activation { LG_RELU, LG_TANH, LG_GELU };
enum lg_network_loss { LG_CROSS_ENTROPY, LG_SQUARED };

/* Zero hidden layers: a linear model. */
typedef struct lg_network_settings {
    lg_list hidden;
    int activation, loss, set;
    int64_t classes;
} lg_network_settings;

luge_status lg_network_open(lg_problem *p, const char *const *path, luge_error *err);
void lg_network_close(lg_problem *p);
void lg_network_start(const lg_problem *p, void *const *x);
void lg_network_gradient(lg_problem *p, const void *const *x, const lg_rows *rows, void *const *gradient,
                         double *loss);
void lg_network_hvp(lg_problem *p, const void *const *x, const lg_rows *rows, const void *const *v, void *const *hv);
void lg_network_evaluate(lg_problem *p, const void *const *x, const lg_rows *rows, lg_score *score);

/* clang-format off */
#define LG_NETWORK                                                                                                   \
    .data = { "images", "labels", NULL },                                                                            \
    .settings_size = sizeof(lg_network_settings),                                                                    \
    .open = lg_network_open, .close = lg_network_close, .start = lg_network_start,                                   \
    .gradient = lg_network_gradient, .hvp = lg_network_hvp, .evaluate = lg_network_evaluate

#define LG_NETWORK_DATA_SETTINGS                                                                                     \
    { "set", LG_word, offsetof(lg_network_settings, set), "spirals", LG_MADE_WORDS,                                  \
      "what is made where no data is given" },                                                                       \
    { "classes", LG_int, offsetof(lg_network_settings, classes), "0", "[0,256]",                                     \
      "number of classes; 0: the largest label and one, 3 in a made set" }
/* clang-format on */

#endif
