/* The gradient of an expression in truncated power series: values forward along the tape, adjoints back along it
 * (Griewank & Walther, Evaluating Derivatives, 2008, chapters 3 and 13).  A series of degree 0 is a number, and the
 * gradient comes out; with x + t v up to degree 1 it is g + t H v; with two variables it is lg_expression_series.
 * SPDX-License-Identifier: MIT */
#include "problems/problem.h"
#include "problems/support/expression_tape.h"
#include <string.h>

/* ---- series: blocks of equal total degree, the block of degree d with d+1 coefficients, or with one where there is
 * one variable.  The product of two blocks is one of a block of the product. ---- */

typedef struct shape {
    int degree, more; /* more: 1 with two variables, 0 with one */
} shape;

static inline int length(shape s, int d) { return 1 + s.more * d; }
static inline int place(shape s, int d) { return d + s.more * (d * (d - 1) / 2); }
static inline size_t count(shape s) { return (size_t)place(s, s.degree + 1); }

/* c_(i+k) += sign a_i b_k, for the blocks of these degrees */
static inline void block(shape s, double sign, const double *a, int i, const double *b, int k, double *c)
{
    a += place(s, i);
    b += place(s, k);
    c += place(s, i + k);
    for (int p = 0; p < length(s, i); p++)
        for (int q = 0; q < length(s, k); q++) c[p + q] += sign * a[p] * b[q];
}

static inline void add(shape s, double sign, const double *a, double *c)
{
    for (size_t i = 0; i < count(s); i++) c[i] += sign * a[i];
}

/* c += sign a b */
static inline void add_product(shape s, double sign, const double *a, const double *b, double *c)
{
    for (int i = 0; i <= s.degree; i++)
        for (int k = 0; k <= s.degree - i; k++) block(s, sign, a, i, b, k, c);
}

/* a /= b:  b_0 q_d = a_d - Σ_{i=1..d} b_i q_(d-i) */
static inline void divide(shape s, double *a, const double *b)
{
    for (int d = 0; d <= s.degree; d++) {
        for (int i = 1; i <= d; i++) block(s, -1, b, i, a, d - i, a);
        for (int p = 0; p < length(s, d); p++) a[place(s, d) + p] /= b[0];
    }
}

/* c = Σ t_k (a - a_0)^k by Horner's rule, the k-th of its sums as far as it counts: up to degree - k. */
static inline void compose(shape s, const double *t, const double *a, double *c)
{
    for (int k = s.degree; k >= 0; k--) {
        for (int d = s.degree - k; d > 0; d--) {
            for (int p = 0; p < length(s, d); p++) c[place(s, d) + p] = 0;
            for (int i = 1; i <= d; i++) block(s, 1, a, i, c, d - i, c);
        }
        c[0] = t[k];
    }
}

/* ---- the tape ---- */

static inline void forward(const lg_expression *e, shape s, const lg_node *n, double *value, double *slope)
{
    const double *a = e->value + n->a * count(s), *b = e->value + n->b * count(s);
    double t[LG_SERIES_DEGREE + 2];

    switch (n->op) {
    case LG_VARIABLE: return;
    case LG_CONSTANT:
        memset(value, 0, count(s) * sizeof *value);
        value[0] = n->c;
        return;
    case LG_ADD:
    case LG_SUBTRACT:
        memcpy(value, a, count(s) * sizeof *value);
        add(s, n->op == LG_ADD ? 1 : -1, b, value);
        return;
    case LG_MULTIPLY:
        memset(value, 0, count(s) * sizeof *value);
        add_product(s, 1, a, b, value);
        return;
    case LG_DIVIDE:
        memcpy(value, a, count(s) * sizeof *value);
        divide(s, value, b);
        return;
    case LG_FUNCTION:
        n->taylor(n->c, a[0], s.degree + 1, t);
        compose(s, t, a, value);
        for (int k = 0; k <= s.degree; k++) t[k] = (k + 1) * t[k + 1];
        compose(s, t, a, slope);
        return;
    }
}

/* With w the adjoint of n: those of its operands grow by w ∂n/∂a and w ∂n/∂b. */
static inline void back(const lg_expression *e, shape s, const lg_node *n, const double *value, const double *slope,
                        double *w)
{
    double *to_a = e->adjoint + n->a * count(s), *to_b = e->adjoint + n->b * count(s);

    switch (n->op) {
    case LG_VARIABLE:
    case LG_CONSTANT: return;
    case LG_ADD:
    case LG_SUBTRACT:
        add(s, 1, w, to_a);
        add(s, n->op == LG_ADD ? 1 : -1, w, to_b);
        return;
    case LG_MULTIPLY:
        add_product(s, 1, w, e->value + n->b * count(s), to_a);
        add_product(s, 1, w, e->value + n->a * count(s), to_b);
        return;
    case LG_DIVIDE:
        divide(s, w, e->value + n->b * count(s));
        add(s, 1, w, to_a);
        add_product(s, -1, w, value, to_b);
        return;
    case LG_FUNCTION: add_product(s, 1, w, slope, to_a); return;
    }
}

/* From the values of the variables to all adjoints. */
static inline void sweep(const lg_expression *e, shape s)
{
    size_t c = count(s), last = e->nodes - 1;

    for (size_t i = 0; i <= last; i++) forward(e, s, &e->node[i], e->value + i * c, e->slope + i * c);
    memset(e->adjoint, 0, e->nodes * c * sizeof *e->adjoint);
    e->adjoint[last * c] = 1;
    for (size_t i = last + 1; i-- > 0;)
        back(e, s, &e->node[i], e->value + i * c, e->slope + i * c, e->adjoint + i * c);
}

double lg_expression_gradient(lg_expression *e, const double *x, double *g)
{
    for (size_t i = 0; i < e->variables; i++) e->value[e->variable[i].node] = x[i];
    sweep(e, (shape){ 0, 0 });
    for (size_t i = 0; i < e->variables; i++) g[i] = e->adjoint[e->variable[i].node];
    return e->value[e->nodes - 1];
}

void lg_expression_hvp(lg_expression *e, const double *x, const double *v, double *hv)
{
    for (size_t i = 0; i < e->variables; i++) {
        double *to = e->value + 2 * e->variable[i].node;
        to[0] = x[i];
        to[1] = v[i];
    }
    sweep(e, (shape){ 1, 0 });
    for (size_t i = 0; i < e->variables; i++) hv[i] = e->adjoint[2 * e->variable[i].node + 1];
}

/* ---- memory ---- */

static luge_status make_room(lg_expression *e, size_t coefficients, luge_error *err)
{
    luge_status st = LUGE_OK;
    double *room;
    size_t n;

    if (coefficients <= e->count) return LUGE_OK;
    LG_NEED(lg_times(3 * e->nodes, coefficients, &n));
    LG_NEED(room = lg_alloc(n, sizeof *room));
    lg_free(e->value);
    e->value = room;
    e->slope = room + n / 3;
    e->adjoint = room + n / 3 * 2;
    e->count = coefficients;
done:
    return st;
}

luge_status lg_expression_series(lg_expression *e, int degree, const double *x, double *g, luge_error *err)
{
    luge_status st;
    shape s = { degree, 1 };
    size_t c = count(s);

    LG_TRY(make_room(e, c, err));
    for (size_t i = 0; i < e->variables; i++) memcpy(e->value + e->variable[i].node * c, x + i * c, c * sizeof *x);
    sweep(e, s);
    for (size_t i = 0; i < e->variables; i++) memcpy(g + i * c, e->adjoint + e->variable[i].node * c, c * sizeof *g);
done:
    return st;
}

luge_status lg_expression_open(lg_expression **out, const char *owner, const char *text, luge_error *err)
{
    luge_status st = LUGE_OK;
    lg_expression *e;

    *out = NULL;
    LG_NEED(e = lg_alloc(1, sizeof *e));
    LG_NEED(e->text = lg_copy_text(text));
    LG_TRY(lg_expression_parse(e, owner, err));
    LG_TRY(make_room(e, 2, err));
    *out = e;
done:
    if (st != LUGE_OK) lg_expression_close(e);
    return st;
}

void lg_expression_close(lg_expression *e)
{
    if (!e) return;
    lg_free(e->text);
    lg_free(e->node);
    lg_free(e->variable);
    lg_free(e->value);
    lg_free(e);
}

size_t lg_expression_variables(const lg_expression *e) { return e->variables; }
