/* Factorizations of one matrix: LAPACK, on one thread.  Memory is the caller's and nothing is allocated.  Matrices
 * are row-major and contiguous, f32 or f64.  Call between lg_blas_one_thread and lg_blas_restore (different matrices
 * may be worked on by different threads then).
 *
 * The functions *_work answer how many bytes of work the call of the same name wants, 64-aligned; false: the short
 * side is larger than LG_LARGEST, or the long one than INT_MAX.  A factorization fails with LUGE_E_NUMERIC where a
 * number is not finite, or, hardly ever, an iteration does not converge; what it was given is undefined then.  err
 * may be NULL.  SPDX-License-Identifier: MIT */
#ifndef LG_FACTOR_H
#define LG_FACTOR_H
#include "linalg/symmetric.h"

/* A = Q R for rows >= columns: A becomes Q (orthonormal columns), r, columns x columns or NULL, becomes R, whose
 * diagonal is not negative, which makes both unique where A has full rank. */
bool lg_qr_work(luge_type type, size_t rows, size_t columns, size_t *bytes);
luge_status lg_qr(luge_type type, size_t rows, size_t columns, void *a, void *r, void *work, luge_error *err);

/* The eigenvalues of a symmetric matrix in rising order, and in A its eigenvectors as ROWS: A = V' diag(value) V. */
bool lg_eigen_work(luge_type type, size_t n, size_t *bytes);
luge_status lg_eigen(luge_type type, size_t n, void *a, double *value, void *work, luge_error *err);

/* A = U diag(value) V' with s = min(rows, columns): u is rows x s, vt is s x columns, values fall; A is destroyed. */
bool lg_svd_work(luge_type type, size_t rows, size_t columns, size_t *bytes);
luge_status lg_svd(luge_type type, size_t rows, size_t columns, void *a, double *value, void *u, void *vt, void *work,
                   luge_error *err);

/* C = V' diag(value) V for V as lg_eigen leaves it: any function of a symmetric matrix.  v, scratch and c are n
 * x n and share no memory. */
void lg_spectral(luge_type type, int threads, size_t n, const void *v, const double *value, void *scratch, void *c);

/* A^(-power) of a symmetric matrix, written over A: eigenvalues below zero are rounding of a positive semidefinite
 * matrix, so that all of them are first raised by -(the smallest) where that is negative, then by eps. */
bool lg_inverse_root_work(luge_type type, size_t n, size_t *bytes);
luge_status lg_inverse_root(luge_type type, int threads, size_t n, double power, double eps, void *a, void *work,
                            luge_error *err);

#endif
