/* I and terms of rank one.  SPDX-License-Identifier: MIT */
#include "linalg/rank_one.h"
#include "linalg/blocks.h"
#include <float.h>
#include <string.h>

/* The parts of F in its numbers. */
typedef struct parts {
    bool matrix;
    size_t n, terms, most;
    const double *s, *w; /* w: the matrix, too */
    double a;
} parts;

static parts parts_of(const double *f, size_t n)
{
    if (!f) return (parts){ .n = n, .a = 1 };
    parts p = { .matrix = f[0] < 0, .n = n, .most = n / 2, .a = f[1], .s = f + 2, .w = f + 2 + n / 2 };
    p.terms = p.matrix ? 0 : (size_t)f[0];
    return p;
}

double lg_rank_one_bytes(double m, double n, bool left, bool right)
{
    double of_left = left ? m / 2 : 0, of_right = right ? n / 2 : 0, side = fmax(2 * of_left, 2 * of_right);
    double terms = (2 * of_left + of_right) * (m + n) + of_left * of_right, matrix = 2 * side * side + m * n;
    return side > 0 ? lg_desk_bytes(fmax(terms, matrix) + n, 8) : 0;
}

/* No denormal is kept. */
static double kept(double a) { return fabs(a) < DBL_MIN ? 0 : a; }

void lg_rank_one_blend(double *f, size_t n, double p, double q)
{
    parts o = parts_of(f, n);
    double *w = f + (o.w - f);
    f[1] = p * f[1] + q;
    for (size_t j = 0; j < o.terms; j++) f[2 + j] = kept(p * f[2 + j]);
    for (size_t i = 0; o.matrix && i < n * n; i++) w[i] = kept(p * w[i]);
    for (size_t i = 0; o.matrix && i < n; i++) w[i * n + i] += q;
}

double lg_rank_one_product(lg_desk d, const double *f, size_t n, const double *v, double *w)
{
    parts o = parts_of(f, n);
    lg_matrix V = { (double *)(uintptr_t)v, 1, n, false }, F = { (double *)(uintptr_t)o.w, n, n, false };
    for (size_t i = 0; i < n; i++) w[i] = o.a * v[i];
    if (o.matrix) memcpy(w, lg_multiply(&d, V, F).v, n * sizeof *w);
    for (size_t j = 0; j < o.terms; j++) {
        lg_matrix row = { (double *)(uintptr_t)(o.w + j * n), 1, n, false };
        double s = o.s[j] * lg_dot(row, V);
        for (size_t i = 0; i < n; i++) w[i] += s * row.v[i];
    }
    return lg_dot((lg_matrix){ w, 1, n, false }, V);
}

void lg_rank_one_matrix(lg_desk d, const double *f, size_t n, double *to)
{
    parts o = parts_of(f, n);
    memset(to, 0, n * n * sizeof *to);
    if (o.matrix) {
        memcpy(to, o.w, n * n * sizeof *to);
        return;
    }
    double *scaled = lg_desk_take(&d, o.terms * n * sizeof *scaled);
    for (size_t i = 0; i < o.terms * n; i++) scaled[i] = o.s[i / n] * o.w[i];
    if (o.terms)
        lg_gemm(LUGE_F64, d.threads, n, n, o.terms, (lg_factor){ scaled, n, true }, (lg_factor){ o.w, n, false },
                false, to, n);
    for (size_t i = 0; i < n; i++) to[i * n + i] += o.a;
}

void lg_rank_one_add(lg_desk d, double *f, size_t n, double s, const double *w)
{
    parts o = parts_of(f, n);
    double *rows = f + (o.w - f);
    if (!o.matrix && (o.terms == o.most || f[1] < 1e-30)) {
        double *whole = lg_desk_take(&d, n * n * sizeof *whole);
        lg_rank_one_matrix(d, f, n, whole);
        memcpy(rows, whole, n * n * sizeof *whole);
        f[0] = -1;
        o.matrix = true;
    }
    if (!o.matrix) {
        f[2 + o.terms] = s;
        memcpy(rows + o.terms * n, w, n * sizeof *w);
        f[0]++;
        return;
    }
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) rows[i * n + j] = kept(rows[i * n + j] + s * w[i] * w[j]);
}

double lg_rank_one_largest(const double *f, size_t n)
{
    parts o = parts_of(f, n);
    double most = 0;
    for (size_t i = 0; i < n; i++) {
        double entry = o.matrix ? o.w[i * n + i] : o.a;
        for (size_t j = 0; j < o.terms; j++) entry += o.s[j] * o.w[j * n + i] * o.w[j * n + i];
        most = fmax(most, fabs(entry));
    }
    return most;
}

/* ---- products ---- */

/* a as numbers of `type` in rows `stride` apart, each column times its factor and all times `by`. */
static void write(luge_type type, lg_matrix a, const double *factor, double by, void *to, size_t stride)
{
    for (size_t i = 0; i < a.rows; i++)
        for (size_t j = 0; j < a.columns; j++) {
            double v = (a.turned ? a.v[j * a.rows + i] : a.v[i * a.columns + j]) * (factor ? factor[j] * by : by);
            if (type == LUGE_F64)
                ((double *)to)[i * stride + j] = v;
            else
                ((float *)to)[i * stride + j] = (float)v;
        }
}

static void scale_columns(luge_type type, size_t m, size_t n, const double *factor, double by, void *a, size_t stride)
{
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            if (type == LUGE_F64)
                ((double *)a)[i * stride + j] *= factor[j] * by;
            else
                ((float *)a)[i * stride + j] *= (float)(factor[j] * by);
        }
}

/* The transpose of a, m x n, in rows `stride` apart. */
static void turn(luge_type type, size_t m, size_t n, const void *a, void *to, size_t stride)
{
    for (size_t j = 0; j < n; j++)
        for (size_t i = 0; i < m; i++) {
            if (type == LUGE_F64)
                ((double *)to)[j * stride + i] = ((const double *)a)[i * n + j];
            else
                ((float *)to)[j * stride + i] = ((const float *)a)[i * n + j];
        }
}

/* X and x: two matrices of m rows, the columns of the second behind those of the first. */
typedef struct half {
    size_t columns, at;
    void *v, *copy;
} half;

/* L [X | x] R for L = I + U' S U and R = I + V' Z V, in one pass over X behind two products with it:
 * X + [X V' Z | U' S] [V; P + (P V') Z V],  P = U X.  S and Z are the terms' factors over a. */
static void terms(lg_desk d, luge_type type, const parts *l, const parts *r, size_t m, size_t n, const half *x)
{
    size_t q = l->terms + r->terms, size = lg_size(type);
    char *a = lg_desk_take(&d, m * q * size), *b = lg_desk_take(&d, q * n * size), *p = b + r->terms * n * size;
    void *product = lg_desk_take(&d, n * l->terms * size), *cross = lg_desk_take(&d, l->terms * r->terms * size);

    write(type, (lg_matrix){ (double *)(uintptr_t)r->w, r->terms, n, false }, NULL, 1, b, n);
    for (const half *h = x; h < x + 2 && h->v && r->terms; h++)
        lg_gemm(type, d.threads, m, r->terms, h->columns, (lg_factor){ h->v, h->columns, false },
                (lg_factor){ b + h->at * size, n, true }, h > x, a, q);
    scale_columns(type, m, r->terms, r->s, 1 / r->a, a, q);
    if (l->terms) {
        lg_matrix u = { (double *)(uintptr_t)l->w, l->terms, m, false };
        void *plain = lg_desk_take(&d, l->terms * m * size);
        write(type, u, NULL, 1, plain, m);
        write(type, lg_turned(u), l->s, 1 / l->a, a + r->terms * size, q);
        for (const half *h = x; h < x + 2 && h->v; h++) { /* P' first: its rows are shared among threads */
            lg_gemm(type, d.threads, h->columns, l->terms, m, (lg_factor){ h->v, h->columns, true },
                    (lg_factor){ plain, m, true }, false, product, l->terms);
            turn(type, h->columns, l->terms, product, p + h->at * size, n);
        }
    }
    if (l->terms && r->terms) {
        lg_gemm(type, d.threads, l->terms, r->terms, n, (lg_factor){ p, n, false }, (lg_factor){ b, n, true }, false,
                cross, r->terms);
        scale_columns(type, l->terms, r->terms, r->s, 1 / r->a, cross, r->terms);
        lg_gemm(type, d.threads, l->terms, n, r->terms, (lg_factor){ cross, r->terms, false },
                (lg_factor){ b, n, false }, true, p, n);
    }
    for (const half *h = x; h < x + 2 && h->v && q; h++)
        lg_gemm(type, d.threads, m, h->columns, q, (lg_factor){ a, q, false },
                (lg_factor){ b + h->at * size, n, false }, true, h->v, h->columns);
}

static void whole(lg_desk d, luge_type type, const parts *o, bool right, size_t m, half *x)
{
    char *f = lg_desk_take(&d, o->n * o->n * lg_size(type));
    write(type, (lg_matrix){ (double *)(uintptr_t)o->w, o->n, o->n, false }, NULL, 1, f, o->n);
    for (half *p = x; p < x + 2 && p->v; p++) {
        p->copy = lg_desk_take(&d, m * p->columns * lg_size(type));
        memcpy(p->copy, p->v, m * p->columns * lg_size(type));
    }
    for (half *p = x; p < x + 2 && p->v; p++) {
        if (!right)
            lg_gemm(type, d.threads, m, p->columns, m, (lg_factor){ f, m, false },
                    (lg_factor){ p->copy, p->columns, false }, false, p->v, p->columns);
        for (half *q = x; right && q < x + 2 && q->v; q++)
            lg_gemm(type, d.threads, m, p->columns, q->columns, (lg_factor){ q->copy, q->columns, false },
                    (lg_factor){ f + (q->at * o->n + p->at) * lg_size(type), o->n, false }, q > x, p->v, p->columns);
    }
}

void lg_rank_one_between(lg_desk d, luge_type type, const double *left, const double *right, size_t m, size_t n,
                         void *X, void *x)
{
    size_t wide = n + (x != NULL);
    parts l = parts_of(left, m), r = parts_of(right, wide);
    half halves[2] = { { n, 0, X, NULL }, { 1, n, x, NULL } };
    terms(d, type, &l, &r, m, wide, halves);
    if (r.matrix) whole(d, type, &r, true, m, halves);
    if (l.matrix) whole(d, type, &l, false, m, halves);
}
