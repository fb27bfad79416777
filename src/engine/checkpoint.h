/* What writing and reading a checkpoint share; save.c says what stands in one.  SPDX-License-Identifier: MIT */
#ifndef LG_CHECKPOINT_H
#define LG_CHECKPOINT_H
#include "engine/optimizer.h"
#include "io/io.h"
#include <jansson.h>

enum { LG_CHECKPOINT = 1, LG_NAME = 1024 }; /* format version; longest name of an entry */

void lg_checkpoint_name(char *to, size_t size, const char *slot, int most, int i, const char *tensor);
int lg_checkpoint_dtype(luge_type type);
#endif
