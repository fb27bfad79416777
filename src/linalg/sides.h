/* A matrix by its short side s and its long side l: rows of length l (wide), or columns (tall).
 * SPDX-License-Identifier: MIT */
#ifndef LG_SIDES_H
#define LG_SIDES_H
#include "linalg/blocks.h"
#include "linalg/symmetric.h"
#include <limits.h>

typedef struct lg_sides {
    luge_type type;
    int threads;
    size_t rows, columns, s, l;
} lg_sides;

static inline lg_sides lg_sides_of(luge_type type, int threads, size_t rows, size_t columns)
{
    bool tall = rows > columns;
    return (lg_sides){ type, threads, rows, columns, tall ? columns : rows, tall ? rows : columns };
}

static inline bool lg_sides_fit(const lg_sides *d) { return d->s > 0 && d->s <= LG_LARGEST && d->l <= INT_MAX; }

/* R = alpha X X' + gamma I, or X'X where X is tall. */
static inline void lg_gram(const lg_sides *d, const void *x, double alpha, double gamma, void *r)
{
    bool tall = d->rows > d->columns;
    lg_symmetric(d->type, d->threads, d->s, d->l, (lg_factor){ x, d->columns, tall },
                 (lg_factor){ x, d->columns, !tall }, (lg_blend){ .alpha = alpha, .gamma = gamma }, r);
}

/* Y = Q X, or X Q where X is tall. */
static inline void lg_apply(const lg_sides *d, const void *q, const void *x, void *y)
{
    bool tall = d->rows > d->columns;
    lg_factor left = { q, d->s, false }, right = { x, d->columns, false };
    lg_gemm(d->type, d->threads, d->rows, d->columns, d->s, tall ? right : left, tall ? left : right, false, y,
            d->columns);
}

/* C = A B for symmetric factors that commute. */
static inline void lg_commuting(const lg_sides *d, const void *a, const void *b, void *c)
{
    lg_symmetric(d->type, d->threads, d->s, d->s, (lg_factor){ a, d->s, false }, (lg_factor){ b, d->s, false },
                 (lg_blend){ .alpha = 1 }, c);
}

/* C = alpha A^2 + beta A + gamma I for symmetric A. */
static inline void lg_quadratic(const lg_sides *d, const void *a, double alpha, double beta, double gamma, void *c)
{
    lg_symmetric(d->type, d->threads, d->s, alpha == 0 ? 0 : d->s, (lg_factor){ a, d->s, false },
                 (lg_factor){ a, d->s, true }, (lg_blend){ alpha, beta, gamma, beta == 0 ? NULL : a }, c);
}

static inline void lg_exchange(void **a, void **b)
{
    void *keep = *a;
    *a = *b;
    *b = keep;
}

/* The small matrices of a Gram form: X has become Q X with the Gram matrix R; H is the next factor, T is room. */
typedef struct lg_small {
    void *r, *h, *q, *t;
} lg_small;

/* Q = Q H (or H at the first), and R = H R H if it is wanted, as R H^2: a square costs less than a product. */
static inline void lg_advance(const lg_sides *d, lg_small *m, bool first, bool wanted)
{
    if (first) {
        lg_exchange(&m->q, &m->h);
    } else {
        lg_commuting(d, m->q, m->h, m->t);
        lg_exchange(&m->q, &m->t);
    }
    if (!wanted) return;
    lg_quadratic(d, first ? m->q : m->h, 1, 0, 0, m->t);
    lg_commuting(d, m->r, m->t, m->h);
    lg_exchange(&m->r, &m->h);
}

#endif
