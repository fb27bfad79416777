/* Polynomials of the singular values.  With R = X X' one step is X = (a I + b R + c R^2) X.
 *
 * X form: the Gram matrix anew in each step, one triangle of it and of its square, one full product.
 * Gram form: only small matrices move, Q and R; with H = a I + b R + c R^2 a step is Q = Q H, R = H R H, and O = Q X
 * at the end.  All of them are polynomials of the same R, so they commute and one triangle is enough.  Rounding of R
 * is amplified by a^2 a step: X is brought up to date before that shows. (Gram form: J.
 * Zhang, N. Amsel, B. Chen, T. Dao 2026.)  SPDX-License-Identifier: MIT */
#include "linalg/orthogonal.h"
#include "linalg/sides.h"
#include <string.h>

/* The Gram form from this ratio of the sides on, as below it needs more memory than three matrices, and for short
 * sides of so many numbers, as below it only makes more calls. */
enum { GRAM_RATIO = 2, GRAM_LEAST = 64 };

typedef struct iteration {
    lg_sides d;
    const lg_polynomial *p;
    void *x, *y; /* the matrix, and where its next value goes */
    lg_small m;
} iteration;

static bool in_gram_form(const lg_sides *d) { return d->l >= GRAM_RATIO * d->s && d->s >= GRAM_LEAST; }

bool lg_newton_schulz_work(luge_type type, size_t rows, size_t columns, size_t *bytes)
{
    lg_sides d = lg_sides_of(type, 1, rows, columns);
    *bytes = 0;
    if (!lg_sides_fit(&d) || !lg_work_more(bytes, d.s * d.l, lg_size(type))) return false;
    for (int i = in_gram_form(&d) ? 4 : 2; i; i--)
        if (!lg_work_more(bytes, d.s * d.s, lg_size(type))) return false;
    return true;
}

static const double *triple(const lg_polynomial *p, int step)
{
    return p->abc.v + 3 * (3 * step < p->abc.n ? step : p->abc.n / 3 - 1);
}

/* The end of the run of steps that begins at k.  Each step but the last of a run amplifies the rounding of R by its
 * a^2: a run ends where the product would pass this bound.  Keller's five steps are one run in f32 (error some 1e-4
 * at a condition of 1e6, beside 0.3 of the polynomial itself); five minimax steps begin anew after the fourth. */
static int end_of_run(luge_type type, const lg_polynomial *p, int k)
{
    double most = type == LUGE_F32 ? 3e4 : 1e6, amplified = 1;
    while (++k < p->steps) {
        double a = triple(p, k - 1)[0];
        amplified *= a * a;
        if (amplified > most) break;
    }
    return k;
}

static void apply(iteration *it, const void *q)
{
    lg_apply(&it->d, q, it->x, it->y);
    lg_exchange(&it->x, &it->y);
}

static void step_x(iteration *it, const double *abc)
{
    if (abc[2] == 0) {
        lg_gram(&it->d, it->x, abc[1], abc[0], it->m.h);
    } else {
        lg_gram(&it->d, it->x, 1, 0, it->m.r);
        lg_quadratic(&it->d, it->m.r, abc[2], abc[1], abc[0], it->m.h);
    }
    apply(it, it->m.h);
}

/* Steps from..to-1 on small matrices, then one on X. */
static void steps_gram(iteration *it, int from, int to)
{
    lg_gram(&it->d, it->x, 1, 0, it->m.r);
    for (int k = from; k < to; k++) {
        const double *abc = triple(it->p, k);
        lg_quadratic(&it->d, it->m.r, abc[2], abc[1], abc[0], it->m.h);
        lg_advance(&it->d, &it->m, k == from, k + 1 < to);
    }
    apply(it, it->m.q);
}

luge_status lg_newton_schulz(luge_type type, int threads, size_t rows, size_t columns, const lg_polynomial *p,
                             void *x, void *work, luge_error *err)
{
    iteration it = { .d = lg_sides_of(type, threads, rows, columns), .p = p, .x = x };
    lg_scaled norm = lg_norm_scaled(type, threads, rows * columns, x);
    bool gram = in_gram_form(&it.d);
    int products = gram ? 0 : p->steps;
    double by = p->factor * norm.norm, eps = ldexp(p->eps, -norm.exponent);
    size_t s2 = it.d.s * it.d.s, size = lg_size(type);

    if (!isfinite(norm.norm))
        return lg_fail(err, LUGE_E_NUMERIC, "orthogonalization of a %zu x %zu matrix: a number is not finite", rows,
                       columns);
    if (norm.norm == 0) return LUGE_OK;
    for (int k = 0; gram && k < p->steps; k = end_of_run(type, p, k)) products++;
    it.y = lg_work_take(&work, it.d.s * it.d.l, size);
    it.m.r = lg_work_take(&work, s2, size);
    it.m.h = lg_work_take(&work, s2, size);
    if (gram) it.m.q = lg_work_take(&work, s2, size), it.m.t = lg_work_take(&work, s2, size);
    if (products % 2) lg_exchange(&it.x, &it.y); /* so that the last product lands in x */
    lg_scale(type, threads, rows * columns, x, norm.exponent, 1 / (p->largest ? fmax(by, eps) : by + eps), it.x);
    for (int k = 0, end; k < p->steps; k = end) {
        end = gram ? end_of_run(type, p, k) : k + 1;
        if (gram)
            steps_gram(&it, k, end);
        else
            step_x(&it, triple(p, k));
    }
    return LUGE_OK;
}
