/* Anderson acceleration, each row by itself.  SPDX-License-Identifier: MIT */
#include "samplers/run.h"
#include <string.h>

enum { MOST = LUGE_ANDERSON_WINDOW, LANES = 8 };

struct luge_anderson {
    size_t rows, dim;
    int window;
    int64_t steps;
    double damping, ridge;
    /* Of each row in turn: dim numbers of the last x, of the last F, window x dim of ΔX and of ΔF, and
     * (window + 1) x (dim + window) of room for the orthogonal columns of ΔF over √ridge I and the right side. */
    size_t row;
    double *memory;
};

luge_status luge_anderson_new(luge_anderson **out, size_t rows, size_t dim, int window, double damping, double ridge,
                              luge_error *err)
{
    luge_status st = LUGE_OK;
    luge_anderson *a = NULL;
    size_t wide, w = (size_t)window, all;

    *out = NULL;
    if (!rows || !dim)
        return lg_fail(err, LUGE_E_ARG, "anderson: %zu rows of %zu numbers: at least one is needed", rows, dim);
    if (window < 0 || window > MOST)
        return lg_fail(err, LUGE_E_ARG, "anderson: window = %d is not in [0,%d]", window, MOST);
    if (!(damping > 0 && damping <= 1))
        return lg_fail(err, LUGE_E_ARG, "anderson: damping = %g is not in (0,1]", damping);
    if (!(ridge >= 0 && isfinite(ridge)))
        return lg_fail(err, LUGE_E_ARG, "anderson: ridge = %g is not in [0,inf)", ridge);
    if (!lg_times(dim, 3 + 3 * w, &wide) || !lg_plus(wide, w * (w + 1), &wide) || !lg_times(wide, rows, &all))
        return lg_fail(err, LUGE_E_MEMORY, "anderson: %zu rows of %zu numbers are too large", rows, dim);
    LG_NEED(a = lg_alloc(1, sizeof *a));
    *a = (luge_anderson){ rows, dim, window, 0, damping, ridge, wide, NULL };
    LG_NEED(a->memory = lg_alloc(all, sizeof(double)));
    *out = a;
done:
    if (st) luge_anderson_free(a);
    return st;
}

void luge_anderson_free(luge_anderson *a)
{
    if (!a) return;
    lg_free(a->memory);
    lg_free(a);
}

void luge_anderson_begin(luge_anderson *a) { a->steps = 0; }

void lg_anderson_rows(luge_anderson *a, size_t rows) { a->rows = rows; }

/* Lanes of a fixed number, then in order: the same bits everywhere. */
static double dot(size_t n, const double *a, const double *b)
{
    double lane[LANES] = { 0 }, sum = 0;
    size_t i = 0;

    for (; i + LANES <= n; i += LANES)
        for (size_t j = 0; j < LANES; j++) lane[j] += a[i + j] * b[i + j];
    for (size_t j = 0; j < LANES; j++) sum += lane[j];
    for (; i < n; i++) sum += a[i] * b[i];
    return sum;
}

static void subtract(size_t n, double factor, const double *from, double *to)
{
    for (size_t i = 0; i < n; i++) to[i] -= factor * from[i];
}

/* γ of the least squares problem by modified Gram-Schmidt, which is as stable as Householder's where the right side
 * is orthogonalized as a further column (Björck, BIT 7, 1967).  A column that is a sum of those before, up to
 * rounding, gets no weight.  q: columns of `rows` + m numbers, ΔF over √ridge I; f: the right side, overwritten. */
static void least_squares(size_t rows, int m, double *q, double *f, double gamma[MOST])
{
    static const double rounding = 0x1p-50;
    double r[MOST][MOST], side[MOST];

    for (int j = 0; j < m; j++) {
        double *column = q + (size_t)j * rows, size = dot(rows, column, column);
        for (int i = 0; i < j; i++) {
            double *before = q + (size_t)i * rows;
            r[i][j] = r[i][i] > 0 ? dot(rows, before, column) / r[i][i] : 0;
            subtract(rows, r[i][j], before, column);
        }
        r[j][j] = dot(rows, column, column);
        if (!(r[j][j] > rounding * rounding * size && isfinite(r[j][j]))) r[j][j] = 0;
        side[j] = r[j][j] > 0 ? dot(rows, column, f) / r[j][j] : 0;
        subtract(rows, side[j], column, f);
    }
    for (int j = m - 1; j >= 0; j--) {
        gamma[j] = r[j][j] > 0 ? side[j] : 0;
        for (int i = j + 1; i < m && r[j][j] > 0; i++) gamma[j] -= r[j][i] * gamma[i];
    }
}

/* The differences of this step take the place of the oldest. */
static void remember(const luge_anderson *a, const double *x, const double *g, double *was, double *f, double *dx,
                     double *df)
{
    size_t at = a->window && a->steps ? (size_t)((a->steps - 1) % a->window) * a->dim : 0;
    for (size_t i = 0; i < a->dim; i++) {
        double residual = g[i] - x[i];
        if (a->window && a->steps) dx[at + i] = x[i] - was[i], df[at + i] = residual - f[i];
        was[i] = x[i], f[i] = residual;
    }
}

static void row(const luge_anderson *a, double *memory, const double *g, double *x)
{
    int m = a->steps < a->window ? (int)a->steps : a->window;
    size_t n = a->dim, w = (size_t)a->window, tall = n + (size_t)m;
    double *was = memory, *f = was + n, *dx = f + n, *df = dx + w * n, *q = df + w * n, *right = q + (size_t)m * tall;
    double gamma[MOST], root = sqrt(a->ridge);

    remember(a, x, g, was, f, dx, df);
    for (int j = 0; j < m; j++) {
        memcpy(q + (size_t)j * tall, df + (size_t)j * n, n * sizeof *q);
        for (int i = 0; i < m; i++) q[(size_t)j * tall + n + (size_t)i] = i == j ? root : 0;
    }
    memcpy(right, f, n * sizeof *right);
    memset(right + n, 0, (size_t)m * sizeof *right);
    least_squares(tall, m, q, right, gamma);
    for (size_t i = 0; i < n; i++) x[i] += a->damping * f[i];
    for (int j = 0; j < m; j++)
        for (size_t i = 0; i < n; i++)
            x[i] -= gamma[j] * (dx[(size_t)j * n + i] + a->damping * df[(size_t)j * n + i]);
}

luge_status luge_anderson_step(luge_anderson *a, const double *g, double *x, luge_error *err)
{
    for (size_t i = 0; i < a->rows * a->dim; i++)
        if (!isfinite(g[i]) || !isfinite(x[i]))
            return lg_fail(err, LUGE_E_NUMERIC, "anderson: %s[%zu] of row %zu is not finite",
                           isfinite(g[i]) ? "x" : "g", i % a->dim, i / a->dim);
    for (size_t r = 0; r < a->rows; r++) row(a, a->memory + r * a->row, g + r * a->dim, x + r * a->dim);
    a->steps++;
    return LUGE_OK;
}
