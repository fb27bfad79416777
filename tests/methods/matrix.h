/* What the references of the matrix methods share: matrices in long double, singular values and eigenvalues by
 * Jacobi's rotations, and runs on tensors of every shape that such a method tells apart. SPDX-License-Identifier: MIT
 */
#ifndef MATRIX_H
#define MATRIX_H
#define TENSOR_TABLE                                                                                                 \
    {                                                                                                                \
        { "wide", 2, { 3, 5 }, 15, 0 }, { "tall", 2, { 5, 3 }, 15, 15 }, { "square", 2, { 4, 4 }, 16, 30 },          \
            { "row", 2, { 1, 4 }, 4, 46 }, { "column", 2, { 4, 1 }, 4, 50 }, { "conv", 4, { 3, 2, 2, 2 }, 24, 54 },  \
            { "vec", 1, { 5 }, 5, 78 },                                                                              \
    }
enum { TENSORS = 7, COORDINATES = 83 };
#include "methods/reference.h"
#pragma GCC diagnostic ignored "-Wunused-function"

enum { SIDE = 8, MOST = 64 };
typedef struct mat {
    int m, n;
    long double v[MOST];
} mat;
#define AT(a, i, j) (a).v[(i) * (a).n + (j)]

static inline mat zeros(int m, int n) { return (mat){ .m = m, .n = n }; }

static inline mat eye(int n)
{
    mat a = zeros(n, n);
    for (int i = 0; i < n; i++) AT(a, i, i) = 1;
    return a;
}

static inline mat of(int m, int n, const long double *v)
{
    mat a = zeros(m, n);
    memcpy(a.v, v, (size_t)(m * n) * sizeof *v);
    return a;
}

static inline mat turn(mat a)
{
    mat b = zeros(a.n, a.m);
    for (int i = 0; i < a.m; i++)
        for (int j = 0; j < a.n; j++) AT(b, j, i) = AT(a, i, j);
    return b;
}

static inline mat times(mat a, mat b)
{
    mat c = zeros(a.m, b.n);
    for (int i = 0; i < a.m; i++)
        for (int j = 0; j < b.n; j++)
            for (int k = 0; k < a.n; k++) AT(c, i, j) += AT(a, i, k) * AT(b, k, j);
    return c;
}

/* p a + q b */
static inline mat blend(long double p, mat a, long double q, mat b)
{
    for (int i = 0; i < a.m * a.n; i++) a.v[i] = p * a.v[i] + q * b.v[i];
    return a;
}

static inline mat scaled(long double p, mat a) { return blend(p, a, 0, a); }

static inline long double dot(mat a, mat b)
{
    long double s = 0;
    for (int i = 0; i < a.m * a.n; i++) s += a.v[i] * b.v[i];
    return s;
}

static inline long double frobenius(mat a) { return sqrtl(dot(a, a)); }

/* a = u diag(s) v' of a tall a: rotations of its columns until they are orthogonal (Hestenes 1958).  u has columns of
 * zeros where s = 0. */
static inline void svd_tall(mat a, mat *u, long double *s, mat *v)
{
    *v = eye(a.n);
    for (int sweep = 0; sweep < 60; sweep++) {
        long double worst = 0;
        for (int p = 0; p < a.n; p++)
            for (int q = p + 1; q < a.n; q++) {
                long double pp = 0, qq = 0, pq = 0;
                for (int i = 0; i < a.m; i++)
                    pp += AT(a, i, p) * AT(a, i, p), qq += AT(a, i, q) * AT(a, i, q), pq += AT(a, i, p) * AT(a, i, q);
                if (pq == 0 || pp == 0 || qq == 0) continue;
                worst = fmaxl(worst, fabsl(pq) / sqrtl(pp * qq));
                long double z = (qq - pp) / (2 * pq), t = copysignl(1, z) / (fabsl(z) + sqrtl(1 + z * z)),
                            c = 1 / sqrtl(1 + t * t);
                for (int i = 0; i < a.m + a.n; i++) {
                    mat *w = i < a.m ? &a : v;
                    int row = i < a.m ? i : i - a.m;
                    long double x = AT(*w, row, p), y = AT(*w, row, q);
                    AT(*w, row, p) = c * (x - t * y);
                    AT(*w, row, q) = c * (t * x + y);
                }
            }
        if (worst < 1e-18L) break;
    }
    *u = a;
    for (int j = 0; j < a.n; j++) {
        s[j] = 0;
        for (int i = 0; i < a.m; i++) s[j] += AT(a, i, j) * AT(a, i, j);
        s[j] = sqrtl(s[j]);
        for (int i = 0; i < a.m; i++) AT(*u, i, j) = s[j] > 0 ? AT(a, i, j) / s[j] : 0;
    }
}

/* u f(s) v' */
typedef long double map(long double s, const void *with);
static inline mat spectral(mat a, map *f, const void *with)
{
    if (a.m < a.n) return turn(spectral(turn(a), f, with));
    long double s[SIDE];
    mat u, v;
    svd_tall(a, &u, s, &v);
    for (int j = 0; j < a.n; j++)
        for (int i = 0; i < a.m; i++) AT(u, i, j) *= s[j] > 0 ? f(s[j], with) : 0;
    return times(u, turn(v));
}

static inline long double one(long double s, const void *with)
{
    (void)s, (void)with;
    return 1;
}

static inline mat polar_of(mat a) { return spectral(a, one, NULL); }

/* Rounds of odd quintic polynomials on a singular value over the norm. */
typedef struct rounds {
    int steps, given;
    const long double (*abc)[3];
    long double norm;
} rounds;

static inline long double rounds_of(long double s, const void *with)
{
    const rounds *r = with;
    s /= r->norm;
    for (int k = 0; k < r->steps; k++) {
        const long double *p = r->abc[k < r->given ? k : r->given - 1];
        s = s * (p[0] + s * s * (p[1] + s * s * p[2]));
    }
    return s;
}

/* Eigenvalues of a symmetric matrix, ascending, and vectors in columns: Jacobi 1846. */
static inline void eigen(mat a, long double *value, mat *vector)
{
    *vector = eye(a.n);
    for (int sweep = 0; sweep < 60; sweep++)
        for (int p = 0; p < a.n; p++)
            for (int q = p + 1; q < a.n; q++) {
                if (AT(a, p, q) == 0) continue;
                long double z = (AT(a, q, q) - AT(a, p, p)) / (2 * AT(a, p, q)),
                            t = copysignl(1, z) / (fabsl(z) + sqrtl(1 + z * z)), c = 1 / sqrtl(1 + t * t), s = c * t;
                mat g = eye(a.n);
                AT(g, p, p) = AT(g, q, q) = c;
                AT(g, p, q) = s;
                AT(g, q, p) = -s;
                a = times(turn(g), times(a, g));
                AT(a, p, q) = AT(a, q, p) = 0;
                *vector = times(*vector, g);
            }
    for (int j = 0; j < a.n; j++) value[j] = AT(a, j, j);
    for (int i = 0; i < a.n; i++)
        for (int j = i + 1; j < a.n; j++)
            if (value[j] < value[i]) {
                long double w = value[i];
                value[i] = value[j];
                value[j] = w;
                for (int k = 0; k < a.n; k++) {
                    w = AT(*vector, k, i);
                    AT(*vector, k, i) = AT(*vector, k, j);
                    AT(*vector, k, j) = w;
                }
            }
}

/* aᵖ of a symmetric positive matrix */
static inline mat root(mat a, long double p)
{
    long double value[SIDE];
    mat v, w;
    eigen(a, value, &v);
    w = v;
    for (int j = 0; j < a.n; j++)
        for (int i = 0; i < a.n; i++) AT(w, i, j) *= powl(value[j], p);
    return times(w, turn(v));
}

/* The orthonormal factor of a, whose columns are independent, by projections made twice (Gram and Schmidt); columns
 * of I where a is zero. */
static inline mat orthonormal(mat a)
{
    bool zero = dot(a, a) == 0;
    for (int j = 0; zero && j < a.n; j++)
        for (int i = 0; i < a.m; i++) AT(a, i, j) = i == j;
    for (int j = 0; j < a.n; j++)
        for (int twice = 0; twice < 2; twice++) {
            long double length = 0;
            for (int k = 0; k < j; k++) {
                long double s = 0;
                for (int i = 0; i < a.m; i++) s += AT(a, i, k) * AT(a, i, j);
                for (int i = 0; i < a.m; i++) AT(a, i, j) -= s * AT(a, i, k);
            }
            for (int i = 0; i < a.m; i++) length += AT(a, i, j) * AT(a, i, j);
            for (int i = 0; i < a.m; i++) AT(a, i, j) /= sqrtl(length);
        }
    return a;
}

/* ---- tensors, one dimension after another ---- */

static inline int sides(const tensor *t) { return t->ndim ? t->ndim : 1; }
static inline int side(const tensor *t, int mode) { return t->ndim ? (int)t->shape[mode] : 1; }

/* Where the number i of the tensor stands in its unfolding along the mode: side x the rest. */
static inline int unfolded(const tensor *t, int mode, int i)
{
    int inner = 1, n = side(t, mode);
    for (int d = mode + 1; d < t->ndim; d++) inner *= side(t, d);
    return i / inner % n * ((int)t->n / n) + i / (inner * n) * inner + i % inner;
}

static inline mat unfold(const tensor *t, int mode, mat x)
{
    mat u = zeros(side(t, mode), (int)t->n / side(t, mode));
    for (int i = 0; i < (int)t->n; i++) u.v[unfolded(t, mode, i)] = x.v[i];
    return u;
}

/* a times x along the mode */
static inline mat along(const tensor *t, int mode, mat a, mat x)
{
    mat u = times(a, unfold(t, mode, x));
    for (int i = 0; i < (int)t->n; i++) x.v[i] = u.v[unfolded(t, mode, i)];
    return x;
}

/* ---- runs ---- */

/* The steps of one tensor in which it had a gradient: 1 .. k. */
typedef struct history {
    int k;
    const tensor *t;
    mat g[STEPS + 1], x[STEPS + 1];
    long double lr[STEPS + 1];
} history;

/* Σ βᵏ⁻ʲ gⱼ over the steps up to k, the newest first. */
static inline mat discounted(const history *q, int k, long double beta)
{
    mat sum = zeros(q->g[k].m, q->g[k].n);
    long double weight = 1;
    for (int j = k; j >= 1; j--, weight *= beta) sum = blend(1, sum, weight, q->g[j]);
    return sum;
}

typedef struct adamw_settings {
    long double lr, beta1, beta2, eps, decay;
    bool before; /* ε before the bias correction */
} adamw_settings;

/* AdamW on the tensors that are no matrices, with moments as sums. */
static inline mat adamw_step(const adamw_settings *a, const history *q)
{
    mat m = scaled(1 - a->beta1, discounted(q, q->k, a->beta1)), x = q->x[q->k - 1];
    long double bc1 = 1 - powl(a->beta1, q->k), bc2 = 1 - powl(a->beta2, q->k);
    for (int i = 0; i < x.m * x.n; i++) {
        long double v = 0;
        for (int j = 1; j <= q->k; j++) v += powl(a->beta2, q->k - j) * q->g[j].v[i] * q->g[j].v[i];
        v *= 1 - a->beta2;
        long double d = a->before ? sqrtl(bc2) * m.v[i] / (sqrtl(v) + a->eps) : m.v[i] / (sqrtl(v / bc2) + a->eps);
        x.v[i] = (1 - a->lr * a->decay) * x.v[i] - a->lr * d / bc1;
    }
    return x;
}

/* The parameter after step q->k of a tensor, a matrix or, for tensors of fewer dimensions, one column. */
typedef mat matrix_rule(const void *h, const history *q);

/* The record by a rule for matrices and one for the rest, each of which sees only steps with a gradient. */
static inline void by_matrix_rule(const record *r, matrix_rule *next, matrix_rule *rest, const void *h, path want)
{
    static history q;
    for (int n = 0; n < TENSORS; n++) {
        const tensor *t = &tensors[n];
        long double v[COORDINATES];
        int rows = t->ndim > 1 ? (int)t->shape[0] : (int)t->n, columns = (int)t->n / rows;
        for (size_t i = 0; i < t->n; i++) want[0][t->at + i] = v[i] = r->x0[t->at + i];
        q.k = 0;
        q.t = t;
        q.x[0] = of(rows, columns, v);
        for (int step = 1; step <= STEPS; step++) {
            if (!r->absent[step][n]) {
                for (size_t i = 0; i < t->n; i++) v[i] = r->g[step][t->at + i];
                q.g[++q.k] = of(rows, columns, v);
                q.lr[q.k] = r->lr[step];
                q.x[q.k] = (t->ndim > 1 ? next : rest)(h, &q);
            }
            for (size_t i = 0; i < t->n; i++) want[step][t->at + i] = q.x[q.k].v[i];
        }
    }
}

/* On a steady record and on a rough one.  `condition`: what a relative rounding of the direction becomes. */
static inline void against_matrix_rule(const char *label, const char *method, const char *settings, double lr,
                                       matrix_rule *next, matrix_rule *rest, const void *h, long double condition)
{
    static record r;
    static path want;
    for (int rough = 0; rough < 2; rough++) {
        record_make(&r, 31 + (uint64_t)rough, lr, -.3, .3, rough);
        by_matrix_rule(&r, next, rest, h, want);
        compare_within(label, &r, method, settings, want, condition);
    }
}

#endif
