/* What a layer saw, as one vector a side: the statistics of rank-one methods.  SPDX-License-Identifier: MIT */
#ifndef LG_LAYER_H
#define LG_LAYER_H
#include "core/core.h"

/* The mean over the batch of what came in, `most` the largest magnitude of an entry of one row of the batch (of its
 * mean over the positions), HUGE_VAL: none.  For a tensor with a bias the last number is that of a column of ones.
 * row: room for as many numbers as v. */
void lg_layer_input(const luge_layer *l, const lg_shape *t, double most, double *v, double *row);
/* The mean over the batch of rows times gout, cut in the same way: the gradient of each row's own loss. */
void lg_layer_gout(const luge_layer *l, const lg_shape *t, double most, double *v, double *row);

#endif
