/* Matrix products: the one door to BLAS.  SPDX-License-Identifier: MIT */
#ifndef LG_GEMM_H
#define LG_GEMM_H
#include "core/core.h"

extern const bool lg_has_blas; /* false: the library is built without, and so without what needs it */

/* Rows of the output that one call of BLAS computes, of a small product: like the blocks of a large one, a function
 * of the sizes alone, so that the bits of a product do not depend on the number of threads. */
enum { LG_GEMM_ROWS = 64 };

/* BLAS must not start threads inside a block: hold it at one around a group of products, then give back what was.
 * OpenBLAS's build on OpenMP asks OpenMP, whose number belongs to the calling thread: threads that hold it at the
 * same time do not see each other.  The number of its build on POSIX threads belongs to the whole process, and to
 * hold it twice at the same time is wrong.  Other BLAS libraries are taken to run on one thread. */
typedef struct lg_blas_hold {
    int blas, omp;
} lg_blas_hold;
lg_blas_hold lg_blas_one_thread(void);
void lg_blas_restore(lg_blas_hold held);

/* One operand: `at` is row-major with rows `stride` elements apart; transposed: its transpose is meant. */
typedef struct lg_factor {
    const void *at;
    size_t stride;
    bool transposed;
} lg_factor;

/* C = A B, or C += A B where `accumulate`.  C is m x n, row-major, rows `stride` apart; A is m x k, B is k x n.
 * m, n, k and the strides are at most INT_MAX.  Call it between lg_blas_one_thread and lg_blas_restore. */
void lg_gemm(luge_type type, int threads, size_t m, size_t n, size_t k, lg_factor a, lg_factor b, bool accumulate,
             void *c, size_t stride);

#endif
