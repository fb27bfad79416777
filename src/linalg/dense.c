/* SPDX-License-Identifier: MIT */
#include "linalg/dense.h"
#include <complex.h>
#include <lapacke.h>
#include <string.h>

static luge_status failed(lapack_int info, const char *what, luge_error *err)
{
    if (info == LAPACK_WORK_MEMORY_ERROR || info == LAPACK_TRANSPOSE_MEMORY_ERROR)
        return lg_fail(err, LUGE_E_MEMORY, "out of memory in %s", what);
    if (info < 0) return lg_fail(err, LUGE_E_NUMERIC, "%s: a number of the matrix is not finite", what);
    return lg_fail(err, LUGE_E_NUMERIC, "%s: the matrix is singular, or the iteration did not converge", what);
}

/* The rows, read as columns, are the transpose, which has the same eigenvalues. */
luge_status lg_eigenvalues(size_t n, const double *a, double *value, luge_error *err)
{
    luge_status st = LUGE_OK;
    double *copy, *re, *im;
    lapack_int info;

    LG_NEED(copy = lg_alloc(n * n + 2 * n + 1, sizeof *copy));
    re = copy + n * n, im = re + n;
    memcpy(copy, a, n * n * sizeof *a);
    info = LAPACKE_dgeev(LAPACK_COL_MAJOR, 'N', 'N', (lapack_int)n, copy, (lapack_int)n, re, im, NULL, 1, NULL, 1);
    for (size_t i = 0; i < n; i++) value[2 * i] = re[i], value[2 * i + 1] = im[i];
    if (info) st = failed(info, "eigenvalues", err);
    lg_free(copy);
done:
    return st;
}

luge_status lg_solve(size_t n, double *a, double *x, luge_error *err)
{
    luge_status st = LUGE_OK;
    lapack_int *pivot, info;

    LG_NEED(pivot = lg_alloc(n + 1, sizeof *pivot));
    info = LAPACKE_dgesv(LAPACK_ROW_MAJOR, (lapack_int)n, 1, a, (lapack_int)n, pivot, x, 1);
    if (info) st = failed(info, "linear equations", err);
    lg_free(pivot);
done:
    return st;
}

luge_status lg_solve_complex(size_t n, double *a, double *x, luge_error *err)
{
    luge_status st = LUGE_OK;
    lapack_int *pivot, info;

    LG_NEED(pivot = lg_alloc(n + 1, sizeof *pivot));
    info = LAPACKE_zgesv(LAPACK_ROW_MAJOR, (lapack_int)n, 1, (lapack_complex_double *)(void *)a, (lapack_int)n, pivot,
                         (lapack_complex_double *)(void *)x, 1);
    if (info) st = failed(info, "linear equations", err);
    lg_free(pivot);
done:
    return st;
}
