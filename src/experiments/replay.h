/* The kinds of recordings that a replay knows.  SPDX-License-Identifier: MIT */
#ifndef LG_REPLAY_H
#define LG_REPLAY_H
#include "experiments/experiments.h"
#include "io/io.h"
#include <jansson.h>

luge_status lg_replay_polar(const char *path, const lg_tensors *file, int threads, lg_replayed *result,
                            luge_error *err);

/* The layer of the tensor that starts as the entry param.NAME.0, from input.NAME.step and gout.NAME.step: rows 0
 * where one is absent.  *layer was zero or is what an earlier step left; lg_replay_layer_free takes it back. */
luge_status lg_replay_layer(const lg_tensors *file, const char *path, const lg_entry *start, int64_t step,
                            luge_layer *layer, luge_error *err);
void lg_replay_layer_free(luge_layer *layer);

#endif
