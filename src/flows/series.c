/* The modified equation to any order: U' = V(U), V = V₀ + h V₁ + .. + h^(p-1) V_(p-1), whose flow φ interpolates the
 * iterates on the slow manifold to O(h^p):
 *     (1-λ) V = f(u + a δ) - Σ_{k>=2} h^(k-1)/k! (1 + (-1)^k λ) D^(k-1) V,   δ = u - φ_(-h)(u),   D g = g' V
 * X[m][j], the coefficient of t^m h^j of the slow solution through u, is found by total degree d = m + j: with
 *     δ[m][j] = Σ_{k=1..j} (-1)^(k+1)/k! (m+k)!/m! X[m+k][j-k]
 *     (1-λ)(m+1) X[m+1][j] = f(X + a δ)[m][j] - Σ_{k=2..j+1} (1 + (-1)^k λ)/k! (m+k)!/m! X[m+k][j-k+1]
 * all that stands on the right for degree d is known when the degrees up to d are, in the order j = 0..d: one call of
 * the series for each degree.  V_j = X[1][j], and the manifold is G(u) = (u - φ_(-h)(u)) / h.
 * Ref: Hairer, Lubich & Wanner, Geometric numerical integration, Springer 2006, chapter IX.
 * SPDX-License-Identifier: MIT */
#include "flows/model.h"
#include <stdio.h>
#include <string.h>

size_t lg_series_room(int p) { return lg_series_count(p) + 2 * lg_series_count(p - 1) + 2; }

/* (m+k)! / (m! k!) */
static double choose(int m, int k)
{
    double c = 1;
    for (int i = 1; i <= k; i++) c = c * (m + i) / i;
    return c;
}

static double sign(int k) { return k % 2 ? -1 : 1; }

/* X + a δ of one variable up to degree d. */
static void looked_ahead(const lg_family *f, const double *x, int d, double *y)
{
    for (int m = 0; m <= d; m++)
        for (int j = 0; m + j <= d; j++) {
            double delta = 0;
            for (int k = 1; k <= j; k++) delta -= sign(k) * choose(m, k) * x[lg_series_at(m + k, j - k)];
            y[lg_series_at(m, j)] = x[lg_series_at(m, j)] + f->a * delta;
        }
}

/* The coefficients of degree d + 1 of one variable from the gradient's of degree d. */
static void next_degree(const lg_family *f, double *x, int d, const double *g)
{
    for (int j = 0; j <= d; j++) {
        int m = d - j;
        double r = -g[lg_series_at(m, j)];
        for (int k = 2; k <= j + 1; k++)
            r -= (1 + sign(k) * f->momentum) * choose(m, k) * x[lg_series_at(m + k, j - k + 1)];
        x[lg_series_at(m + 1, j)] = r / ((1 - f->momentum) * (m + 1));
    }
}

/* X of all variables to degree p at the beginning of `work`. */
static luge_status solve(const lg_family *f, int p, const double *u, double *work, luge_error *err)
{
    luge_status st = LUGE_OK;
    const lg_field *field = f->field;
    const size_t n = field->n, c = lg_series_count(p);
    double *y = work + n * c, *g = y + n * lg_series_count(p - 1);

    if (!field->series)
        return lg_fail(err, LUGE_E_INPUT,
                       "order %d needs the gradient on power series, which this problem does not give; modified, of "
                       "order 2, needs products with the Hessian alone",
                       p);
    memset(work, 0, n * c * sizeof *work);
    for (size_t i = 0; i < n; i++) work[i * c] = u[i];
    for (int d = 0; d < p; d++) {
        size_t part = lg_series_count(d);
        for (size_t i = 0; i < n; i++) looked_ahead(f, work + i * c, d, y + i * part);
        LG_TRY(field->series(field->context, d, y, g, err));
        for (size_t i = 0; i < n; i++) next_degree(f, work + i * c, d, g + i * part);
    }
done:
    return st;
}

luge_status lg_series_terms(const lg_family *f, int p, const double *u, double *term, double *work, luge_error *err)
{
    const size_t n = f->field->n, c = lg_series_count(p);
    luge_status st = solve(f, p, u, work, err);
    for (int j = 0; j < p && !st; j++)
        for (size_t i = 0; i < n; i++) term[(size_t)j * n + i] = work[i * c + lg_series_at(1, j)];
    return st;
}

/* G_k = Σ_{m=1..k+1} (-1)^(m+1) X[m][k+1-m] */
luge_status lg_manifold(const lg_family *f, int terms, const double *u, double *v, double *work, luge_error *err)
{
    luge_status st;
    const size_t n = f->field->n, c = lg_series_count(terms);

    if (terms <= 2) return lg_modified_field(f, terms == 1 ? 0 : 1 / (1 - f->momentum) - f->a, u, v, work, err);
    LG_TRY(solve(f, terms, u, work, err));
    for (size_t i = 0; i < n; i++) {
        double sum = 0;
        for (int k = terms - 1; k >= 0; k--) {
            double term = 0;
            for (int m = 1; m <= k + 1; m++) term -= sign(m) * work[i * c + lg_series_at(m, k + 1 - m)];
            sum = sum * f->h + term;
        }
        v[i] = sum;
    }
done:
    return st;
}

luge_status lg_prepared(const lg_family *f, int p, const double *u, double *v, luge_error *err)
{
    luge_status st;
    lg_model *m;
    char name[24];

    snprintf(name, sizeof name, p > 2 ? "series:%d" : "modified", p);
    LG_TRY(lg_model_open(&m, name, f, err));
    memcpy(v, u, f->field->n * sizeof *v);
    st = lg_integrate(lg_model_ode(m), LG_EXPLICIT, 1e-14, 0, -f->h, v, err);
    for (size_t i = 0; i < f->field->n && !st; i++) v[i] = (u[i] - v[i]) / f->h;
    lg_model_close(m);
done:
    return st;
}

/* ---- the model ---- */

static luge_status open(lg_model *m, const char *words, luge_error *err)
{
    luge_status st = lg_model_number(m, words, 1, LG_SERIES_MOST, 4, &m->order, err);
    if (!st) m->room = lg_series_room(m->order);
    return st;
}

/* The start that is known for the cold start, u₀ - h B, is good to O(h²). */
static int theory(const lg_model *m, bool prepared, enum lg_window *window)
{
    if (prepared || m->order == 1) return m->order;
    *window = LG_LATER;
    return 2;
}

static luge_status start(lg_model *m, bool prepared, const double *u, double *y, luge_error *err)
{
    luge_status st = LUGE_OK;
    const lg_family *f = &m->family;
    double speed = 1 / (1 - f->momentum), factor = f->h * f->momentum * speed * speed;

    if (prepared || m->order == 1) {
        memcpy(y, u, f->field->n * sizeof *y);
        return LUGE_OK;
    }
    LG_TRY(f->field->gradient(f->field->context, u, y, err));
    for (size_t i = 0; i < f->field->n; i++) y[i] = u[i] + factor * y[i];
done:
    return st;
}

static luge_status rhs(void *model, double t, const double *y, double *dy, luge_error *err)
{
    lg_model *m = model;
    const size_t n = m->family.field->n, c = lg_series_count(m->order);
    luge_status st = solve(&m->family, m->order, y, m->work, err);
    (void)t;
    for (size_t i = 0; i < n && !st; i++) {
        dy[i] = 0;
        for (int j = m->order - 1; j >= 0; j--) dy[i] = dy[i] * m->family.h + m->work[i * c + lg_series_at(1, j)];
    }
    return st;
}

const lg_model_kind lg_model_series = {
    .name = "series",
    .form = "series:P",
    .title = "the modified equation to order P",
    .copies = 1,
    .open = open,
    .theory = theory,
    .start = start,
    .rhs = rhs,
};
