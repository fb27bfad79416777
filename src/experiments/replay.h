/* The kinds of recordings that a replay knows.  SPDX-License-Identifier: MIT */
#ifndef LG_REPLAY_H
#define LG_REPLAY_H
#include "experiments/experiments.h"
#include "io/io.h"
#include <jansson.h>

luge_status lg_replay_polar(const char *path, const lg_tensors *file, int threads, lg_replayed *result,
                            luge_error *err);

#endif
