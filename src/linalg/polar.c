/* The polar factor by dynamically weighted Halley steps on the Gram matrix, or by singular values.
 *
 * A step is X = X (a I + b R) inverse(I + c R) with R = X'X, that is, with V = inverse(I + c R), X = X H for
 * H = (b/c) I + (a - b/c) V.  With all singular values in [l, 1] the best weights follow from l, and the next l too
 * (Y. Nakatsukasa, Z. Bai, F. Gygi 2010).  Cholesky is enough for V as long as c eps n < 1, so that l starts at
 * LG_POLAR_FROM; what is asked for more than that is asked of the singular values.  SPDX-License-Identifier: MIT */
#include "linalg/orthogonal.h"
#include "linalg/sides.h"
#include <float.h>
#include <string.h>

enum { GRAM_RATIO = 2, MOST_STEPS = 8 };

typedef struct weights {
    double a, b, c;
} weights;

static weights weigh(double *l)
{
    double l2 = *l * *l, d = lg_pow(4 * (1 - l2) / (l2 * l2), 1. / 3), root = sqrt(1 + d),
           a = root + sqrt(8 - 4 * d + 8 * (2 - l2) / (l2 * root)) / 2, b = (a - 1) * (a - 1) / 4, c = a + b - 1;
    *l = fmin(1, *l * (a + b * l2) / (1 + c * l2));
    return (weights){ a, b, c };
}

static int weights_for(double error, weights list[MOST_STEPS])
{
    double l = LG_POLAR_FROM;
    int n = 0;
    while (n < MOST_STEPS && 1 - l > error) list[n++] = weigh(&l);
    return n;
}

static bool in_gram_form(const lg_sides *d) { return d->l >= GRAM_RATIO * d->s; }

static bool halley_work(const lg_sides *d, size_t *bytes)
{
    if (!lg_work_more(bytes, d->s * d->l, lg_size(d->type))) return false;
    for (int i = in_gram_form(d) ? 4 : 2; i; i--)
        if (!lg_work_more(bytes, d->s * d->s, lg_size(d->type))) return false;
    return true;
}

static bool exact_work(const lg_sides *d, size_t *bytes)
{
    size_t own = 0, size = lg_size(d->type);
    return lg_svd_work(d->type, d->rows, d->columns, bytes) && lg_work_more(&own, d->s, sizeof(double)) &&
           lg_work_more(&own, d->rows * d->s, size) && lg_work_more(&own, d->s * d->columns, size) &&
           lg_plus(own, *bytes, bytes);
}

bool lg_polar_work(luge_type type, size_t rows, size_t columns, double error, size_t *bytes)
{
    lg_sides d = lg_sides_of(type, 1, rows, columns);
    *bytes = 0;
    return lg_sides_fit(&d) && (error > 0 ? halley_work(&d, bytes) : exact_work(&d, bytes));
}

/* C = H for the weights, where X has the Gram matrix R / square.  Rounding can leave R an eigenvalue below zero: then
 * the identity is raised until the factor exists. */
static bool halley(const lg_sides *d, const weights *w, double square, const void *r, void *l, void *c)
{
    double eps = d->type == LUGE_F64 ? DBL_EPSILON : (double)FLT_EPSILON, ratio = w->b / w->c;
    lg_shifted s = { .one = 1, .scale = w->c / square, .alpha = w->a - ratio, .gamma = ratio };
    for (double ridge = eps * w->c; ridge < 2 * w->c; ridge *= 8) {
        if (lg_inverse(d->type, d->threads, d->s, r, s, l, c)) return true;
        s.one = 1 + ridge;
    }
    return false;
}

/* Gram form: Q = Q H and R = H R H on small matrices, X = Q X at the end.  The first R is divided by its norm, at
 * least the square of the largest singular value. */
static bool polar_gram(const lg_sides *d, const weights *w, int steps, void *x, void *y, void *work)
{
    size_t s2 = d->s * d->s, size = lg_size(d->type);
    lg_small m;
    double square;

    m.r = lg_work_take(&work, s2, size), m.h = lg_work_take(&work, s2, size);
    m.q = lg_work_take(&work, s2, size), m.t = lg_work_take(&work, s2, size);
    lg_gram(d, x, 1, 0, m.r);
    square = lg_norm(d->type, d->threads, s2, m.r);
    lg_scale(d->type, d->threads, s2, m.r, 0, 1 / square, m.r);
    for (int k = 0; k < steps; k++) {
        if (!halley(d, &w[k], 1, m.r, m.t, m.h)) return false;
        lg_advance(d, &m, k == 0, k + 1 < steps);
    }
    lg_scale(d->type, d->threads, s2, m.q, 0, 1 / sqrt(square), m.q);
    lg_apply(d, m.q, x, y);
    return true;
}

/* X form: R anew from X in each step, which keeps the rounding small and costs the same where the sides are equal. */
static bool polar_x(const lg_sides *d, const weights *w, int steps, void *x, void *y, void *work)
{
    size_t s2 = d->s * d->s, size = lg_size(d->type);
    void *r = lg_work_take(&work, s2, size), *l = lg_work_take(&work, s2, size);
    double square;

    for (int k = 0; k < steps; k++) {
        lg_gram(d, x, 1, 0, r);
        square = k > 0 ? 1 : lg_norm(d->type, d->threads, s2, r);
        if (!halley(d, &w[k], square, r, l, r)) return false;
        if (k == 0) lg_scale(d->type, d->threads, s2, r, 0, 1 / sqrt(square), r);
        lg_apply(d, r, x, y);
        lg_exchange(&x, &y);
    }
    return true;
}

/* U V' over the singular values above the rounding of the largest. */
static luge_status polar_exact(const lg_sides *d, void *x, void *work, luge_error *err)
{
    luge_status st = LUGE_OK;
    size_t size = lg_size(d->type), rank = 0;
    double eps = d->type == LUGE_F64 ? DBL_EPSILON : (double)FLT_EPSILON,
           *value = lg_work_take(&work, d->s, sizeof *value);
    void *u = lg_work_take(&work, d->rows * d->s, size), *vt = lg_work_take(&work, d->s * d->columns, size);

    LG_TRY(lg_svd(d->type, d->rows, d->columns, x, value, u, vt, work, err));
    while (rank < d->s && value[rank] > (double)d->l * eps * value[0]) rank++;
    lg_gemm(d->type, d->threads, d->rows, d->columns, rank, (lg_factor){ u, d->s, false },
            (lg_factor){ vt, d->columns, false }, false, x, d->columns);
done:
    return st;
}

luge_status lg_polar(luge_type type, int threads, size_t rows, size_t columns, double error, void *x, void *work,
                     luge_error *err)
{
    lg_sides d = lg_sides_of(type, threads, rows, columns);
    lg_scaled norm = lg_norm_scaled(type, threads, rows * columns, x);
    weights w[MOST_STEPS];
    int steps = error > 0 ? weights_for(error, w) : 0, products = in_gram_form(&d) ? steps > 0 : steps;
    void *other, *from = x;

    if (!isfinite(norm.norm))
        return lg_fail(err, LUGE_E_NUMERIC, "polar factor of a %zu x %zu matrix: a number is not finite", rows,
                       columns);
    if (norm.norm == 0) return LUGE_OK;
    other = steps ? lg_work_take(&work, d.s * d.l, lg_size(type)) : NULL;
    if (products % 2) lg_exchange(&from, &other); /* so that the last product lands in x */
    lg_scale(type, threads, rows * columns, x, norm.exponent, 1 / norm.norm, from);
    if (error <= 0) return polar_exact(&d, x, work, err);
    if (in_gram_form(&d) ? polar_gram(&d, w, steps, from, other, work) : polar_x(&d, w, steps, from, other, work))
        return LUGE_OK;
    return lg_fail(err, LUGE_E_NUMERIC, "polar factor of a %zu x %zu matrix: no Cholesky factor", rows, columns);
}
