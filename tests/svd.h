/* The singular value decomposition by Hestenes' one-sided rotations in long double: what the factorizations and
 * orthogonalizations of f32 and f64 are compared with.  SPDX-License-Identifier: MIT */
#ifndef SVD_H
#define SVD_H
#include <math.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>

/* A = U diag(s) V', A m x n with m >= n; u is m x n, v is n x n; the values in no order. */
typedef struct svd {
    size_t m, n;
    long double *u, *v, *s;
} svd;

static inline long double svd_rotate(svd *d, size_t p, size_t q)
{
    long double a = 0, b = 0, c = 0;
    for (size_t i = 0; i < d->m; i++) {
        long double x = d->u[i * d->n + p], y = d->u[i * d->n + q];
        a += x * x, b += y * y, c += x * y;
    }
    if (fabsl(c) <= 1e-17L * sqrtl(a) * sqrtl(b)) return 0;
    long double zeta = (b - a) / (2 * c), t = (zeta < 0 ? -1 : 1) / (fabsl(zeta) + sqrtl(1 + zeta * zeta)),
                cs = 1 / sqrtl(1 + t * t), sn = cs * t;
    for (size_t i = 0; i < d->m + d->n; i++) {
        long double *row = i < d->m ? d->u + i * d->n : d->v + (i - d->m) * d->n, x = row[p], y = row[q];
        row[p] = cs * x - sn * y;
        row[q] = sn * x + cs * y;
    }
    return 1;
}

/* Of the m x n array a, or of its transpose where m < n: then U and V change places. */
static inline svd svd_of(size_t m, size_t n, const long double *a)
{
    svd d = { .m = m < n ? n : m, .n = m < n ? m : n };
    d.u = calloc(d.m * d.n, sizeof *d.u);
    d.v = calloc(d.n * d.n, sizeof *d.v);
    d.s = calloc(d.n, sizeof *d.s);
    if (!d.u || !d.v || !d.s) abort();
    for (size_t i = 0; i < d.m; i++)
        for (size_t j = 0; j < d.n; j++) d.u[i * d.n + j] = m < n ? a[j * n + i] : a[i * n + j];
    for (size_t j = 0; j < d.n; j++) d.v[j * d.n + j] = 1;
    for (int sweep = 0; sweep < 60; sweep++) {
        long double turned = 0;
        for (size_t p = 0; p + 1 < d.n; p++)
            for (size_t q = p + 1; q < d.n; q++) turned += svd_rotate(&d, p, q);
        if (turned == 0) break;
    }
    for (size_t j = 0; j < d.n; j++) {
        for (size_t i = 0; i < d.m; i++) d.s[j] += d.u[i * d.n + j] * d.u[i * d.n + j];
        d.s[j] = sqrtl(d.s[j]);
        for (size_t i = 0; i < d.m; i++)
            if (d.s[j] > 0) d.u[i * d.n + j] /= d.s[j];
    }
    return d;
}

/* U diag(f) V' in the layout of the m x n array that was decomposed. */
static inline void svd_put(const svd *d, size_t m, size_t n, const long double *f, long double *to)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            size_t long_ = m < n ? j : i, short_ = m < n ? i : j;
            long double sum = 0;
            for (size_t k = 0; k < d->n; k++) sum += d->u[long_ * d->n + k] * f[k] * d->v[short_ * d->n + k];
            to[i * n + j] = sum;
        }
}

static inline void svd_free(svd *d)
{
    free(d->u);
    free(d->v);
    free(d->s);
}
#endif
