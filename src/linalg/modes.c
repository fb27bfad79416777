/* Products along one dimension of a tensor.  SPDX-License-Identifier: MIT */
#include "linalg/matrix.h"
#include <stdlib.h>
#include <string.h>

lg_mode lg_mode_of(const lg_shape *t, int dimension)
{
    lg_mode m = { 1, t->ndim ? t->shape[dimension] : 1, 1 };
    for (int i = 0; i < dimension; i++) m.outer *= t->shape[i];
    for (int i = dimension + 1; i < t->ndim; i++) m.inner *= t->shape[i];
    return m;
}

void lg_mode_gram(lg_desk *d, lg_mode m, const double *x, double p, double q, lg_matrix f)
{
    lg_desk e = *d;
    lg_matrix sum = lg_matrix_new(&e, m.side, m.side);
    size_t blocks = m.inner == 1 ? 1 : m.outer, columns = m.inner == 1 ? m.outer : m.inner;
    for (size_t o = 0; o < blocks; o++) {
        const double *at = x + o * m.side * columns;
        size_t stride = m.inner == 1 ? m.side : m.inner;
        lg_gemm(LUGE_F64, d->threads, m.side, m.side, columns, (lg_factor){ at, stride, m.inner == 1 },
                (lg_factor){ at, stride, m.inner != 1 }, o > 0, sum.v, m.side);
    }
    lg_mix(p, f, q, sum);
}

lg_matrix lg_mode_multiply(lg_desk *d, lg_mode m, lg_matrix a, lg_matrix x)
{
    lg_matrix y = lg_matrix_new(d, x.rows, x.columns);
    lg_factor left = { a.v, m.side, a.turned }, turned = { a.v, m.side, !a.turned };
    if (m.inner == 1) {
        lg_gemm(LUGE_F64, d->threads, m.outer, m.side, m.side, (lg_factor){ x.v, m.side, false }, turned, false, y.v,
                m.side);
        return y;
    }
    for (size_t o = 0; o < m.outer; o++)
        lg_gemm(LUGE_F64, d->threads, m.side, m.inner, m.side, left,
                (lg_factor){ x.v + o * m.side * m.inner, m.inner, false }, false, y.v + o * m.side * m.inner,
                m.inner);
    return y;
}

typedef struct place {
    double value;
    size_t at;
} place;

static int falling(const void *a, const void *b)
{
    const place *p = a, *q = b;
    return p->value != q->value ? (p->value < q->value) - (p->value > q->value) : (p->at > q->at) - (p->at < q->at);
}

void lg_mode_sort(lg_desk *d, lg_mode m, lg_matrix f, lg_matrix q, lg_matrix x)
{
    lg_desk e = *d;
    lg_matrix fq = lg_multiply(&e, f, q), was = lg_copy(&e, q), old = lg_copy(&e, x);
    place *order = lg_desk_take(&e, m.side * sizeof *order);
    for (size_t j = 0; j < m.side; j++) {
        order[j] = (place){ 0, j };
        for (size_t i = 0; i < m.side; i++) order[j].value += q.v[i * m.side + j] * fq.v[i * m.side + j];
    }
    qsort(order, m.side, sizeof *order, falling);
    for (size_t j = 0; j < m.side; j++) {
        for (size_t i = 0; i < m.side; i++) q.v[i * m.side + j] = was.v[i * m.side + order[j].at];
        for (size_t o = 0; o < m.outer; o++)
            memcpy(x.v + (o * m.side + j) * m.inner, old.v + (o * m.side + order[j].at) * m.inner,
                   m.inner * sizeof *x.v);
    }
}
