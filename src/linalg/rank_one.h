/* Symmetric matrices that grow by one rank at a time from I,
 *
 *     F = a I + Σ s_j w_j w_j',
 *
 * kept as their terms while these are few, for then a product with X costs 4 q numbers of arithmetic for each of X's
 * and not 2 n, and as a matrix once they are n/2.  Both are exact but for rounding; which one stands depends on the
 * number of terms alone.  F lies in lg_rank_one_numbers(n) numbers of f64:
 *
 *     the number of terms, or -1: a matrix;  a;  s_1 .. s_(n/2);  n x n: the w_j as rows, or F
 *
 * which start as zeros but for a, 1: F = I.  Call between lg_blas_one_thread and lg_blas_restore.
 * SPDX-License-Identifier: MIT */
#ifndef LG_RANK_ONE_H
#define LG_RANK_ONE_H
#include "linalg/matrix.h"

static inline double lg_rank_one_numbers(double n) { return 2 + floor(n / 2) + n * n; }

/* Bytes on a desk that the functions here take, for L and R of sides m and n where these are there. */
double lg_rank_one_bytes(double m, double n, bool left, bool right);

void lg_rank_one_blend(double *f, size_t n, double p, double q);                              /* F := p F + q I */
double lg_rank_one_product(lg_desk d, const double *f, size_t n, const double *v, double *w); /* w = F v; v'w */
void lg_rank_one_add(lg_desk d, double *f, size_t n, double s, const double *w);              /* F := F + s w w' */
double lg_rank_one_largest(const double *f,
                           size_t n); /* the largest |F_ij|, which stands on the diagonal if F >= 0 */
void lg_rank_one_matrix(lg_desk d, const double *f, size_t n, double *to); /* F as n x n numbers */

/* [X | x] := L [X | x] R: X has m x n numbers of `type`, x, which may be NULL, m; L is m x m, R as wide as both,
 * NULL: I.  Of a factor that is kept as terms it is F / a: what follows must not depend on the length of the result.
 */
void lg_rank_one_between(lg_desk d, luge_type type, const double *left, const double *right, size_t m, size_t n,
                         void *X, void *x);

#endif
