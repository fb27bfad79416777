/* LAPACK counts rows down columns, so it sees the transpose of every matrix here: Q R of A is L Q of A', and the two
 * sides of the singular value decomposition change places.  SPDX-License-Identifier: MIT */
#include "linalg/factor.h"
#include "linalg/blocks.h"
#include "linalg/orthogonal.h"
#include <lapacke.h>
#include <limits.h>
#include <string.h>

#define REAL    float
#define NAME(n) n##_f32
#include "linalg/factor.inc"
#undef REAL
#undef NAME
#define REAL    double
#define NAME(n) n##_f64
#include "linalg/factor.inc"
#undef REAL
#undef NAME

static bool fits(size_t rows, size_t columns)
{
    size_t s = lg_least(rows, columns);
    return s > 0 && s <= LG_LARGEST && rows <= INT_MAX && columns <= INT_MAX;
}

/* What went wrong, if something did. */
static luge_status ended(const char *what, bool finite, lapack_int info, size_t rows, size_t columns, luge_error *err)
{
    if (finite && !info) return LUGE_OK;
    return lg_fail(err, LUGE_E_NUMERIC, "%s of a %zu x %zu matrix: %s", what, rows, columns,
                   finite ? "the iteration did not converge" : "a number is not finite");
}

static bool all_finite(luge_type type, size_t n, const void *a)
{
    return isfinite(lg_norm_scaled(type, 1, n, a).norm);
}

/* What LAPACK answered to the question for its work, a number of `type`; one of f32 was rounded. */
static size_t answered(luge_type type, const double *reply)
{
    float rounded;
    if (type == LUGE_F64) return (size_t)*reply;
    memcpy(&rounded, reply, sizeof rounded);
    return (size_t)((double)rounded * (1 + 1e-6)) + 1;
}

/* ---- QR ---- */

static size_t qr_length(luge_type type, size_t rows, size_t columns)
{
    lapack_int m = (lapack_int)columns, n = (lapack_int)rows;
    double reply[2] = { 0 };
    size_t a, b;

    if (type == LUGE_F64) {
        LAPACKE_dgelqf_work(LAPACK_COL_MAJOR, m, n, NULL, m, NULL, reply, -1);
        LAPACKE_dorglq_work(LAPACK_COL_MAJOR, m, n, m, NULL, m, NULL, reply + 1, -1);
    } else {
        LAPACKE_sgelqf_work(LAPACK_COL_MAJOR, m, n, NULL, m, NULL, (float *)(void *)reply, -1);
        LAPACKE_sorglq_work(LAPACK_COL_MAJOR, m, n, m, NULL, m, NULL, (float *)(void *)(reply + 1), -1);
    }
    a = answered(type, reply), b = answered(type, reply + 1);
    return a > b ? a : b;
}

bool lg_qr_work(luge_type type, size_t rows, size_t columns, size_t *bytes)
{
    size_t size = lg_size(type);
    *bytes = 0;
    return fits(rows, columns) && rows >= columns && lg_work_more(bytes, columns, size) &&
           lg_work_more(bytes, columns, size) && lg_work_more(bytes, qr_length(type, rows, columns), size);
}

/* The lower triangle in columns that LAPACK left is R in rows, upper. */
static void take_r(luge_type type, size_t columns, const void *a, void *r)
{
    size_t size = lg_size(type);
    memset(r, 0, columns * columns * size);
    for (size_t i = 0; i < columns; i++)
        memcpy(lg_at(type, r, i * columns + i), lg_at(type, a, i * columns + i), (columns - i) * size);
}

luge_status lg_qr(luge_type type, size_t rows, size_t columns, void *a, void *r, void *work, luge_error *err)
{
    lapack_int m = (lapack_int)columns, n = (lapack_int)rows, length = (lapack_int)qr_length(type, rows, columns);
    void *tau = lg_work_take(&work, columns, lg_size(type)), *diagonal = lg_work_take(&work, columns, lg_size(type));

    if (!all_finite(type, rows * columns, a)) return ended("QR", false, 0, rows, columns, err);
    if (type == LUGE_F64) {
        LAPACKE_dgelqf_work(LAPACK_COL_MAJOR, m, n, a, m, tau, work, length);
        take_diagonal_f64(columns, a, diagonal);
        if (r) take_r(type, columns, a, r);
        LAPACKE_dorglq_work(LAPACK_COL_MAJOR, m, n, m, a, m, tau, work, length);
        signs_f64(rows, columns, diagonal, a, r);
    } else {
        LAPACKE_sgelqf_work(LAPACK_COL_MAJOR, m, n, a, m, tau, work, length);
        take_diagonal_f32(columns, a, diagonal);
        if (r) take_r(type, columns, a, r);
        LAPACKE_sorglq_work(LAPACK_COL_MAJOR, m, n, m, a, m, tau, work, length);
        signs_f32(rows, columns, diagonal, a, r);
    }
    return LUGE_OK;
}

/* ---- symmetric eigenvalues, by divide and conquer ---- */

static size_t eigen_numbers(size_t n) { return 1 + 6 * n + 2 * n * n; } /* the least that xSYEVD takes */
static size_t eigen_integers(size_t n) { return 3 + 5 * n; }

bool lg_eigen_work(luge_type type, size_t n, size_t *bytes)
{
    *bytes = 0;
    return fits(n, n) && lg_work_more(bytes, n, lg_size(type)) &&
           lg_work_more(bytes, eigen_integers(n), sizeof(lapack_int)) &&
           lg_work_more(bytes, eigen_numbers(n), lg_size(type));
}

luge_status lg_eigen(luge_type type, size_t n, void *a, double *value, void *work, luge_error *err)
{
    float *narrow = lg_work_take(&work, n, lg_size(type));
    lapack_int *integers = lg_work_take(&work, eigen_integers(n), sizeof *integers), size = (lapack_int)n,
               numbers = (lapack_int)eigen_numbers(n), count = (lapack_int)eigen_integers(n), info;

    if (!all_finite(type, n * n, a)) return ended("eigenvalues", false, 0, n, n, err);
    if (type == LUGE_F64) {
        info = LAPACKE_dsyevd_work(LAPACK_COL_MAJOR, 'V', 'U', size, a, size, value, work, numbers, integers, count);
    } else {
        info = LAPACKE_ssyevd_work(LAPACK_COL_MAJOR, 'V', 'U', size, a, size, narrow, work, numbers, integers, count);
        for (size_t i = 0; i < n; i++) value[i] = (double)narrow[i];
    }
    return ended("eigenvalues", true, info, n, n, err);
}

/* ---- singular values, by divide and conquer ---- */

static size_t svd_length(luge_type type, size_t rows, size_t columns)
{
    lapack_int m = (lapack_int)columns, n = (lapack_int)rows, s = m < n ? m : n;
    double reply[1] = { 0 };

    if (type == LUGE_F64)
        LAPACKE_dgesdd_work(LAPACK_COL_MAJOR, 'S', m, n, NULL, m, NULL, NULL, m, NULL, s, reply, -1, NULL);
    else
        LAPACKE_sgesdd_work(LAPACK_COL_MAJOR, 'S', m, n, NULL, m, NULL, NULL, m, NULL, s, (float *)(void *)reply, -1,
                            NULL);
    return answered(type, reply);
}

bool lg_svd_work(luge_type type, size_t rows, size_t columns, size_t *bytes)
{
    size_t s = lg_least(rows, columns);
    *bytes = 0;
    return fits(rows, columns) && lg_work_more(bytes, s, lg_size(type)) &&
           lg_work_more(bytes, 8 * s, sizeof(lapack_int)) &&
           lg_work_more(bytes, svd_length(type, rows, columns), lg_size(type));
}

luge_status lg_svd(luge_type type, size_t rows, size_t columns, void *a, double *value, void *u, void *vt, void *work,
                   luge_error *err)
{
    size_t least = lg_least(rows, columns);
    float *narrow = lg_work_take(&work, least, lg_size(type));
    lapack_int *integers = lg_work_take(&work, 8 * least, sizeof *integers), m = (lapack_int)columns,
               n = (lapack_int)rows, s = (lapack_int)least, length = (lapack_int)svd_length(type, rows, columns),
               info;

    if (!all_finite(type, rows * columns, a)) return ended("singular values", false, 0, rows, columns, err);
    if (type == LUGE_F64) {
        info = LAPACKE_dgesdd_work(LAPACK_COL_MAJOR, 'S', m, n, a, m, value, vt, m, u, s, work, length, integers);
    } else {
        info = LAPACKE_sgesdd_work(LAPACK_COL_MAJOR, 'S', m, n, a, m, narrow, vt, m, u, s, work, length, integers);
        for (size_t i = 0; i < least; i++) value[i] = (double)narrow[i];
    }
    return ended("singular values", true, info, rows, columns, err);
}

/* ---- functions of a symmetric matrix ---- */

void lg_spectral(luge_type type, int threads, size_t n, const void *v, const double *value, void *scratch, void *c)
{
    if (type == LUGE_F64)
        scale_rows_f64(n, value, v, scratch);
    else
        scale_rows_f32(n, value, v, scratch);
    lg_symmetric(type, threads, n, n, (lg_factor){ v, n, true }, (lg_factor){ scratch, n, false },
                 (lg_blend){ .alpha = 1 }, c);
}

bool lg_inverse_root_work(luge_type type, size_t n, size_t *bytes)
{
    size_t own = 0;
    if (!lg_eigen_work(type, n, bytes) || !lg_work_more(&own, n, sizeof(double)) ||
        !lg_work_more(&own, n * n, lg_size(type)) || !lg_work_more(&own, n * n, lg_size(type)))
        return false;
    return lg_plus(own, *bytes, bytes);
}

luge_status lg_inverse_root(luge_type type, int threads, size_t n, double power, double eps, void *a, void *work,
                            luge_error *err)
{
    luge_status st = LUGE_OK;
    double *value = lg_work_take(&work, n, sizeof *value), raise;
    void *v = lg_work_take(&work, n * n, lg_size(type)), *scratch = lg_work_take(&work, n * n, lg_size(type));

    memcpy(v, a, n * n * lg_size(type));
    LG_TRY(lg_eigen(type, n, v, value, work, err));
    raise = eps - (value[0] < 0 ? value[0] : 0);
    for (size_t i = 0; i < n; i++) value[i] = 1 / lg_pow(value[i] + raise, power);
    if (!isfinite(value[0]))
        return lg_fail(err, LUGE_E_NUMERIC, "inverse root of a %zu x %zu matrix: it is singular", n, n);
    lg_spectral(type, threads, n, v, value, scratch, a);
done:
    return st;
}
