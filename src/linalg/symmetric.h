/* Symmetric matrices: products of which one triangle is computed, and the inverse by Cholesky.  All matrices are
 * row-major and full (both triangles stand).  Everything here runs in fixed blocks, each one call of BLAS on one
 * thread: the same bits for any number of threads.  Call between lg_blas_one_thread and lg_blas_restore, with
 * threads >= 1; n is at most LG_LARGEST.  SPDX-License-Identifier: MIT */
#ifndef LG_SYMMETRIC_H
#define LG_SYMMETRIC_H
#include "linalg/gemm.h"

/* BLAS and LAPACK count in int, and LAPACK asks for work of a few times n^2 numbers. */
enum { LG_LARGEST = 20000 };

/* C = alpha A B + beta E + gamma I, n x n, for factors whose product is symmetric: X X', or two that commute.  A is
 * n x k, B is k x n; X X' is recognized by one memory read both ways.  E, symmetric, may be NULL.  C shares no memory
 * with A, B and E. */
typedef struct lg_blend {
    double alpha, beta, gamma;
    const void *e;
} lg_blend;
void lg_symmetric(luge_type type, int threads, size_t n, size_t k, lg_factor a, lg_factor b, lg_blend blend, void *c);

/* C = alpha inverse(A) + gamma I for A = one I + scale R, positive definite, R symmetric.  `l` is n x n too and holds
 * the lower factor of A afterwards; C may be R.  False: A is not positive definite to working precision, and C is
 * left alone. */
typedef struct lg_shifted {
    double one, scale, alpha, gamma;
} lg_shifted;
bool lg_inverse(luge_type type, int threads, size_t n, const void *r, lg_shifted s, void *l, void *c);

#endif
