/* Rounds of an odd polynomial on a tensor's matrix, or on each slice by its last two dimensions with a norm of its own.
 * SPDX-License-Identifier: MIT */
#ifndef LG_ROUNDS_H
#define LG_ROUNDS_H
#include "linalg/matrix.h"
#include "engine/engine.h"

static inline size_t lg_slice_rows(bool slices, const lg_shape *t)
{
    return slices && t->ndim > 2 ? t->shape[t->ndim - 2] : lg_down(t);
}

static inline size_t lg_slice_columns(bool slices, const lg_shape *t)
{
    return slices && t->ndim > 2 ? t->shape[t->ndim - 1] : lg_across(t);
}

static inline double lg_rounds_bytes(bool slices, const lg_shape *t, luge_type type)
{
    size_t bytes = 0;
    bool fits = lg_newton_schulz_work(type, lg_slice_rows(slices, t), lg_slice_columns(slices, t), &bytes);
    return lg_factor_bytes(fits, &bytes);
}

static inline luge_status lg_rounds(const lg_polynomial *p, bool slices, const lg_shape *t, luge_type type, int threads,
                                    void *x, void *work)
{
    size_t rows = lg_slice_rows(slices, t), columns = lg_slice_columns(slices, t);
    luge_status st = LUGE_OK;
    for (size_t at = 0; at < t->n && !st; at += rows * columns)
        st = lg_newton_schulz(type, threads, rows, columns, p, (char *)x + at * (type == LUGE_F64 ? 8 : 4), work, NULL);
    return st;
}
#endif
