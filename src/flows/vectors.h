/* Arithmetic on long vectors, shared among threads where that pays.  Sums run on sixteen fixed lanes, then blocks and
 * pieces in order, so that their bits depend on the numbers alone.  SPDX-License-Identifier: MIT */
#ifndef LG_VECTORS_H
#define LG_VECTORS_H
#include "core/core.h"

typedef struct lg_vectors {
    size_t n;
    int threads;
} lg_vectors;

enum { LG_COMBINED = 16 }; /* most vectors of one combination */

/* z = base + Σ c_j x_j; base NULL: 0.  z may be base or one of x. */
void lg_combine(lg_vectors v, double *z, const double *base, int count, const double *c, const double *const *x);
/* y_j = c_j x + y_j for all j: one pass over x. */
void lg_scatter(lg_vectors v, int count, const double *c, const double *x, const double *const *y, double *const *z);

enum lg_map { LG_MAP_PRODUCT, LG_MAP_QUOTIENT, LG_MAP_ABS, LG_MAP_INVERSE, LG_MAP_ADD, LG_MAP_SCALE, LG_MAP_FILL };
void lg_map(lg_vectors v, enum lg_map map, double *z, const double *x, const double *y, double c);

enum lg_sum { LG_SUM_PRODUCTS, LG_SUM_WEIGHTED, LG_SUM_SQUARES, LG_SUM_ABS, LG_GREATEST, LG_LEAST };
/* Σ x y;  Σ (x y)²;  Σ x²;  Σ |x|;  max |x|;  min x. */
double lg_sum(lg_vectors v, enum lg_sum sum, const double *x, const double *y);

/* The two error norms of a step: max |z_k| / (a + r max(|x|, |y|)) of z_k = Σ_j c_kj k_j. */
void lg_error_norms(lg_vectors v, const double *x, const double *y, double a, double r, int count,
                    const double *const *k, const double *const c[2], double norm[2]);

#endif
