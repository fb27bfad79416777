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
    parts p = { .matrix = f[0] < 0, .n = n, .most = n / 2, .a = f[1], .s = f + 2, .w = f + 2 + n / 2 };
    p.terms = p.matrix ? 0 : (size_t)f[0];
    return p;
}

double lg_rank_one_bytes(double n, double other) { return lg_desk_bytes(2 * n * n + 2 * n * other + n + other, 8); }

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

/* Rows of f64, each times its factor, as numbers of `type`. */
static void *numbers(lg_desk *d, luge_type type, const double *v, size_t rows, size_t n, const double *factor,
                     double by)
{
    void *to = lg_desk_take(d, rows * n * lg_size(type));
    for (size_t j = 0; j < rows; j++) {
        double s = factor ? factor[j] * by : by;
        for (size_t i = j * n; i < (j + 1) * n; i++) {
            if (type == LUGE_F64)
                ((double *)to)[i] = s * v[i];
            else
                ((float *)to)[i] = (float)(s * v[i]);
        }
    }
    return to;
}

/* X and x: two matrices of m rows, the columns of the second behind those of the first. */
typedef struct half {
    size_t columns, at;
    void *v, *copy;
} half;

/* [X | x] + ([X | x] W') S W, and S the factors over a */
static void right_terms(lg_desk d, luge_type type, const parts *o, size_t m, const half *x)
{
    const char *w = numbers(&d, type, o->w, o->terms, o->n, NULL, 1),
               *sw = numbers(&d, type, o->w, o->terms, o->n, o->s, 1 / o->a);
    void *t = lg_desk_take(&d, m * o->terms * lg_size(type));
    for (const half *p = x; p < x + 2 && p->v; p++)
        lg_gemm(type, d.threads, m, o->terms, p->columns, (lg_factor){ p->v, p->columns, false },
                (lg_factor){ w + p->at * lg_size(type), o->n, true }, p > x, t, o->terms);
    for (const half *p = x; p < x + 2 && p->v; p++)
        lg_gemm(type, d.threads, m, p->columns, o->terms, (lg_factor){ t, o->terms, false },
                (lg_factor){ sw + p->at * lg_size(type), o->n, false }, true, p->v, p->columns);
}

/* X + W' S (W X), of each half alone */
static void left_terms(lg_desk d, luge_type type, const parts *o, size_t m, const half *x)
{
    const void *w = numbers(&d, type, o->w, o->terms, o->n, NULL, 1),
               *sw = numbers(&d, type, o->w, o->terms, o->n, o->s, 1 / o->a);
    for (const half *p = x; p < x + 2 && p->v; p++) {
        lg_desk e = d;
        void *t = lg_desk_take(&e, p->columns * o->terms * lg_size(type)); /* the transpose of W X: blocks of rows */
        lg_gemm(type, e.threads, p->columns, o->terms, m, (lg_factor){ p->v, p->columns, true },
                (lg_factor){ w, o->n, true }, false, t, o->terms);
        lg_gemm(type, e.threads, m, p->columns, o->terms, (lg_factor){ sw, o->n, true },
                (lg_factor){ t, o->terms, true }, true, p->v, p->columns);
    }
}

static void whole(lg_desk d, luge_type type, const parts *o, bool right, size_t m, half *x)
{
    const char *f = numbers(&d, type, o->w, o->n, o->n, NULL, 1);
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

void lg_rank_one_apply(lg_desk d, luge_type type, const double *f, bool right, size_t m, size_t n, void *X, void *x)
{
    parts o = parts_of(f, right ? n + (x != NULL) : m);
    half halves[2] = { { n, 0, X, NULL }, { 1, n, x, NULL } };
    if (o.matrix)
        whole(d, type, &o, right, m, halves);
    else if (o.terms)
        (right ? right_terms : left_terms)(d, type, &o, m, halves);
}
