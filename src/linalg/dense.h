/* Small dense matrices, row-major, in f64: the one door to LAPACK.  SPDX-License-Identifier: MIT */
#ifndef LG_DENSE_H
#define LG_DENSE_H
#include "core/core.h"

/* The eigenvalues of the n x n matrix a, real and imaginary parts in turn; a is left alone. */
luge_status lg_eigenvalues(size_t n, const double *a, double *value, luge_error *err);
/* x of a x = x, both overwritten: a by its factors, x from the right side to the solution. */
luge_status lg_solve(size_t n, double *a, double *x, luge_error *err);
/* The same for complex numbers, real and imaginary parts in turn. */
luge_status lg_solve_complex(size_t n, double *a, double *x, luge_error *err);

#endif
