/* Fully connected networks: x -> φ(x W_1' + b_1) -> ... -> x W_L' + b_L, no φ at the output, which is compared with
 * the row's class or with the row. SPDX-License-Identifier: MIT */
#ifndef LG_NETWORK_H
#define LG_NETWORK_H
#include "problems/support/classes.h"
#include "problems/support/kind.h"

enum lg_activation { LG_RELU, LG_TANH, LG_GELU, LG_LOGISTIC, LG_LINEAR };
enum lg_network_loss { LG_CROSS_ENTROPY, LG_SQUARED };

/* Zero hidden layers: a linear model. */
typedef struct lg_network_settings {
    lg_list hidden;
    int activation, loss, set;
    int64_t classes;
    bool mirror; /* the target is the row: after the hidden layers they come again in the other order */
    int code;    /* of the last of `hidden` where they are mirrored: place in LG_CODE_WORDS */
} lg_network_settings;
#define LG_CODE_WORDS "(linear, logistic)"

luge_status lg_network_open(lg_problem *p, const char *const *path, luge_error *err);
void lg_network_close(lg_problem *p);
void lg_network_start(const lg_problem *p, void *const *x);
void lg_network_gradient(lg_problem *p, const void *const *x, const lg_rows *rows, void *const *gradient,
                         double *loss);
luge_status lg_network_keep(lg_problem *p, luge_error *err);
const unsigned char *lg_network_labels(const lg_problem *p);
bool lg_network_layer(const lg_problem *p, size_t i, luge_layer *layer);
void lg_network_hvp(lg_problem *p, const void *const *x, const lg_rows *rows, const void *const *v, void *const *hv);
void lg_network_evaluate(lg_problem *p, const void *const *x, const lg_rows *rows, lg_score *score);

/* clang-format off */
#define LG_NETWORK                                                                                                   \
    .settings_size = sizeof(lg_network_settings), .drawn = true,                                                     \
    .close = lg_network_close, .start = lg_network_start,                                                            \
    .keep = lg_network_keep, .layer = lg_network_layer,                                                              \
    .gradient = lg_network_gradient, .hvp = lg_network_hvp, .evaluate = lg_network_evaluate

/* With classes. */
#define LG_NETWORK_CLASSES                                                                                           \
    .data = { "images", "labels", NULL },                                                                            \
    .open = lg_network_open, .labels = lg_network_labels

#define LG_NETWORK_DATA_SETTINGS                                                                                     \
    { "set", LG_word, offsetof(lg_network_settings, set), "spirals", LG_MADE_WORDS,                                  \
      "what is made where no data is given" },                                                                       \
    { "classes", LG_int, offsetof(lg_network_settings, classes), "0", "[0,256]",                                     \
      "number of classes; 0: the largest label and one, 3 in a made set" }
/* clang-format on */

#endif
