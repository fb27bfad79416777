/* What the files of this folder share: work in fixed blocks, and calls of BLAS for either type.
 * SPDX-License-Identifier: MIT */
#ifndef LG_BLOCKS_H
#define LG_BLOCKS_H
#include "linalg/gemm.h"

/* Call work(context, i) for i = 0 .. count-1, each block by whichever thread is free. */
void lg_blocks(int threads, size_t count, void (*work)(void *context, size_t i), void *context);

static inline void *lg_at(luge_type type, const void *p, size_t i) { return (char *)p + i * lg_size(type); }
static inline size_t lg_least(size_t a, size_t b) { return a < b ? a : b; }

/* Sizes of work: *bytes grows by count numbers of `size` bytes each, and to a multiple of LG_ALIGN.  False: too
 * large. */
bool lg_work_more(size_t *bytes, size_t count, size_t size);
/* The next `count` numbers of the work that lg_work_more counted. */
void *lg_work_take(void **work, size_t count, size_t size);

#endif
