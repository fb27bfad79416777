/* How far from orthogonal, from the polar factor, from the inverse root.  SPDX-License-Identifier: MIT */
#include "linalg/orthogonal.h"
#include "linalg/sides.h"
#include <string.h>

bool lg_orthogonality_work(luge_type type, size_t rows, size_t columns, size_t *bytes)
{
    lg_sides d = lg_sides_of(type, 1, rows, columns);
    *bytes = 0;
    return lg_sides_fit(&d) && lg_work_more(bytes, d.s * d.s, lg_size(type));
}

double lg_orthogonality(luge_type type, int threads, size_t rows, size_t columns, const void *o, void *work)
{
    lg_sides d = lg_sides_of(type, threads, rows, columns);
    lg_gram(&d, o, 1, -1, work);
    return lg_norm(type, threads, d.s * d.s, work) / sqrt((double)d.s);
}

static double number(luge_type type, const void *p, size_t i)
{
    return type == LUGE_F64 ? ((const double *)p)[i] : (double)((const float *)p)[i];
}

double lg_distance(luge_type type, size_t rows, size_t columns, const void *o, const void *p)
{
    double sum = 0;
    for (size_t i = 0; i < rows * columns; i++) {
        double v = number(type, o, i) - number(type, p, i);
        sum += v * v;
    }
    return sqrt(sum / (double)lg_least(rows, columns));
}

bool lg_root_residual_work(luge_type type, size_t n, size_t *bytes)
{
    *bytes = 0;
    return n > 0 && n <= LG_LARGEST && lg_work_more(bytes, n * n, lg_size(type)) &&
           lg_work_more(bytes, n * n, lg_size(type));
}

double lg_root_residual(luge_type type, int threads, size_t n, int root, const void *a, const void *b, void *work)
{
    size_t size = lg_size(type);
    void *product = lg_work_take(&work, n * n, size), *next = lg_work_take(&work, n * n, size), *swap;
    double sum = 0;

    memcpy(product, a, n * n * size);
    for (int i = 0; i < root; i++) {
        lg_gemm(type, threads, n, n, n, (lg_factor){ b, n, false }, (lg_factor){ product, n, false }, false, next, n);
        swap = product, product = next, next = swap;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            double v = number(type, product, i * n + j) - (i == j);
            sum += v * v;
        }
    return sqrt(sum / (double)n);
}
