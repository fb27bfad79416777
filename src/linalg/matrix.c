/* Matrices of f64 on a desk.  SPDX-License-Identifier: MIT */
#include "linalg/matrix.h"
#include <float.h>
#include <string.h>

void *lg_desk_take(lg_desk *d, size_t bytes)
{
    void *to = d->at;
    d->at += (bytes + LG_ALIGN - 1) / LG_ALIGN * LG_ALIGN;
    return to;
}

lg_matrix lg_matrix_new(lg_desk *d, size_t rows, size_t columns)
{
    return lg_matrix_at(lg_desk_take(d, rows * columns * sizeof(double)), rows, columns);
}

lg_matrix lg_from_slot(lg_desk *d, luge_type type, const void *slot, size_t rows, size_t columns)
{
    lg_matrix a = lg_matrix_new(d, rows, columns);
    for (size_t i = 0; i < rows * columns; i++)
        a.v[i] = type == LUGE_F64 ? ((const double *)slot)[i] : (double)((const float *)slot)[i];
    return a;
}

/* Where the entry i of the rows as they are meant stands. */
static size_t place(lg_matrix a, size_t i) { return a.turned ? i % a.columns * a.rows + i / a.columns : i; }

void lg_to_slot(lg_matrix a, luge_type type, void *slot)
{
    for (size_t i = 0; i < a.rows * a.columns; i++) {
        double v = a.v[place(a, i)];
        if (type == LUGE_F64)
            ((double *)slot)[i] = fabs(v) < DBL_MIN ? 0 : v;
        else
            ((float *)slot)[i] = fabs(v) < (double)FLT_MIN ? 0 : (float)v;
    }
}

lg_matrix lg_copy(lg_desk *d, lg_matrix a)
{
    lg_matrix c = lg_matrix_new(d, a.rows, a.columns);
    for (size_t i = 0; i < a.rows * a.columns; i++) c.v[i] = a.v[place(a, i)];
    return c;
}

static lg_factor factor(lg_matrix a) { return (lg_factor){ a.v, a.turned ? a.rows : a.columns, a.turned }; }

lg_matrix lg_multiply(lg_desk *d, lg_matrix a, lg_matrix b)
{
    lg_matrix c = lg_matrix_new(d, a.rows, b.columns);
    lg_gemm(LUGE_F64, d->threads, a.rows, b.columns, a.columns, factor(a), factor(b), false, c.v, c.columns);
    return c;
}

lg_matrix lg_gram(lg_desk *d, lg_matrix a)
{
    lg_matrix c = lg_matrix_new(d, a.rows, a.rows);
    lg_symmetric(LUGE_F64, d->threads, a.rows, a.columns, factor(a), factor(lg_turned(a)),
                 (lg_blend){ 1, 0, 0, NULL }, c.v);
    return c;
}

double lg_trace(lg_matrix a)
{
    double sum = 0;
    for (size_t i = 0; i < a.rows; i++) sum += a.v[i * a.rows + i];
    return sum;
}

void lg_shift(lg_matrix a, double by)
{
    for (size_t i = 0; i < a.rows; i++) a.v[i * a.rows + i] += by;
}

void lg_mix(double p, lg_matrix a, double q, lg_matrix b)
{
    for (size_t i = 0; i < a.rows * a.columns; i++) a.v[i] = p * a.v[i] + q * b.v[i];
}

double lg_dot(lg_matrix a, lg_matrix b)
{
    double lane[8] = { 0 };
    for (size_t i = 0; i < a.rows * a.columns; i++) lane[i % 8] += a.v[i] * b.v[i];
    return ((lane[0] + lane[1]) + (lane[2] + lane[3])) + ((lane[4] + lane[5]) + (lane[6] + lane[7]));
}

/* ---- factorizations ---- */

/* What cannot be factorized becomes NaN, so that nobody takes it for a result. */
static lg_matrix outcome(lg_desk *d, luge_status st, lg_matrix a)
{
    if (!st) return a;
    d->failed = true;
    for (size_t i = 0; i < a.rows * a.columns; i++) a.v[i] = (double)NAN;
    return a;
}

lg_matrix lg_orthonormal(lg_desk *d, lg_matrix a)
{
    size_t bytes = 0;
    lg_qr_work(LUGE_F64, a.rows, a.columns, &bytes);
    lg_matrix q = lg_copy(d, a);
    return outcome(d, lg_qr(LUGE_F64, a.rows, a.columns, q.v, NULL, lg_desk_take(d, bytes), NULL), q);
}

double lg_orthonormal_bytes(size_t rows, size_t columns)
{
    size_t bytes = 0;
    bool fits = lg_qr_work(LUGE_F64, rows, columns, &bytes);
    return lg_desk_bytes((double)rows * (double)columns, 2) + lg_factor_bytes(fits, &bytes);
}

lg_matrix lg_root(lg_desk *d, lg_matrix a, double power, double eps)
{
    size_t bytes = 0;
    lg_inverse_root_work(LUGE_F64, a.rows, &bytes);
    lg_matrix r = lg_copy(d, a);
    void *work = lg_desk_take(d, bytes);
    return outcome(d, lg_inverse_root(LUGE_F64, d->threads, a.rows, power, eps, r.v, work, NULL), r);
}

double lg_root_bytes(size_t n)
{
    size_t bytes = 0;
    bool fits = lg_inverse_root_work(LUGE_F64, n, &bytes);
    return lg_desk_bytes((double)n * (double)n, 2) + lg_factor_bytes(fits, &bytes);
}

lg_matrix lg_eigenvectors(lg_desk *d, lg_matrix a)
{
    size_t bytes = 0, n = a.rows;
    lg_eigen_work(LUGE_F64, n, &bytes);
    lg_matrix v = lg_copy(d, a), q = lg_matrix_new(d, n, n);
    double *value = lg_desk_take(d, n * sizeof *value);
    if (outcome(d, lg_eigen(LUGE_F64, n, v.v, value, lg_desk_take(d, bytes), NULL), v).v)
        for (size_t i = 0; i < n; i++)
            for (size_t j = 0; j < n; j++) q.v[i * n + j] = v.v[(n - 1 - j) * n + i];
    return q;
}

double lg_eigenvectors_bytes(size_t n)
{
    size_t bytes = 0;
    bool fits = lg_eigen_work(LUGE_F64, n, &bytes);
    return lg_desk_bytes((2 * (double)n + 1) * (double)n, 4) + lg_factor_bytes(fits, &bytes);
}

/* ---- norms of rows and columns ---- */

static void scale_line(double *v, size_t n, size_t step, double norm, double least)
{
    double square = 0;
    for (size_t i = 0; i < n; i++) square += v[i * step] * v[i * step];
    double by = norm / fmax(sqrt(square), least);
    if (isnan(square)) by = square;
    for (size_t i = 0; i < n && (by < HUGE_VAL || isnan(by)); i++) v[i * step] *= by;
}

/* Of the matrix as it lies in memory, along its rows or down its columns. */
static void scale_lines(lg_matrix a, bool rows, double norm, double least)
{
    size_t m = a.turned ? a.columns : a.rows, n = a.turned ? a.rows : a.columns;
    bool along = rows != a.turned;
    for (size_t i = 0; i < (along ? m : n); i++)
        scale_line(a.v + (along ? i * n : i), along ? n : m, along ? 1 : n, norm, least);
}

void lg_unit_rows(lg_matrix a, double norm, double least) { scale_lines(a, true, norm, least); }

void lg_sinkhorn(lg_matrix a, int rounds, double least)
{
    for (int k = 0; k < rounds; k++) {
        scale_lines(a, true, sqrt((double)a.columns), least);
        scale_lines(a, false, sqrt((double)a.rows), least);
    }
}

void lg_unit_columns(lg_matrix a, double eps)
{
    for (size_t j = 0; j < a.columns; j++) {
        double square = 0;
        for (size_t i = 0; i < a.rows; i++) square += a.v[i * a.columns + j] * a.v[i * a.columns + j];
        double by = square == 0 ? 0 : 1 / (sqrt(square) + eps);
        for (size_t i = 0; i < a.rows; i++) a.v[i * a.columns + j] *= by;
    }
}

void lg_weigh(lg_matrix a, const double *row, const double *column, double eps)
{
    for (size_t i = 0; i < a.rows; i++)
        for (size_t j = 0; j < a.columns; j++) {
            double e = (row ? row[i] : 1) * (column ? column[j] : 1);
            a.v[i * a.columns + j] *= e / (1 + eps * e);
        }
}

void lg_mean_squares(lg_matrix a, bool of_rows, double *to)
{
    for (size_t i = 0; i < (of_rows ? a.rows : a.columns); i++) to[i] = 0;
    for (size_t i = 0; i < a.rows; i++)
        for (size_t j = 0; j < a.columns; j++) to[of_rows ? i : j] += a.v[i * a.columns + j] * a.v[i * a.columns + j];
    for (size_t i = 0; i < (of_rows ? a.rows : a.columns); i++) to[i] /= (double)(of_rows ? a.columns : a.rows);
}
