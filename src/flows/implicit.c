/* For small stiff flows: the linearly implicit Euler method
 *     y_{i+1} = y_i + (I - h J)⁻¹ h f(t_{i+1}, y_i),   J = ∂f/∂y at the step's start,  h = H/k
 * with k = 1 .. COLUMNS parts of the step H, extrapolated to h = 0:
 *     T_{k,1} the result with k parts,   T_{k,j+1} = T_{k,j} + (T_{k,j} - T_{k-1,j}) / (k/(k-j) - 1)
 * T_{k,k} has order k; its distance from T_{k,k-1} is the estimate of the error.  Extrapolation multiplies rounding
 * by some thousands: tolerances below 1e-11 are for the explicit method.
 * Ref: Deuflhard, Recent progress in extrapolation methods for ordinary differential equations, SIAM Review 27, 1985.
 * SPDX-License-Identifier: MIT */
#include "flows/integrator.h"
#include <float.h>
#include <string.h>

enum { COLUMNS = 9, MOST_VARIABLES = 64 };
static const double least_tolerance = 1e-11, safety = 0.8, least_factor = 0.1, most_factor = 6;
static const int64_t most_steps = 50000000;

typedef struct extrapolation {
    double *jacobian, *lu, *slope, *row[COLUMNS], *keep, h;
    size_t pivot[MOST_VARIABLES];
} extrapolation;

static luge_status open(lg_integrator *it, luge_error *err)
{
    luge_status st = LUGE_OK;
    size_t n = it->ode.n;
    extrapolation *s;

    if (n > MOST_VARIABLES)
        return lg_fail(err, LUGE_E_ARG,
                       "the solver implicit is for at most %d variables, here are %zu; bdf takes more",
                       MOST_VARIABLES, n);
    if (it->rtol < least_tolerance)
        return lg_fail(err, LUGE_E_ARG,
                       "the solver implicit keeps tolerances from %g on, not %g; explicit keeps smaller ones",
                       least_tolerance, it->rtol);
    LG_NEED(s = it->self = lg_alloc(1, sizeof *s));
    LG_NEED(s->jacobian = lg_alloc(n * n, sizeof(double)));
    LG_NEED(s->lu = lg_alloc(n * n, sizeof(double)));
    LG_NEED(s->slope = lg_alloc(n, sizeof(double)));
    LG_NEED(s->keep = lg_alloc(n, sizeof(double)));
    for (int k = 0; k < COLUMNS; k++) LG_NEED(s->row[k] = lg_alloc(n, sizeof(double)));
done:
    return st;
}

static void close(lg_integrator *it)
{
    extrapolation *s = it->self;
    if (!s) return;
    lg_free(s->jacobian);
    lg_free(s->lu);
    lg_free(s->slope);
    lg_free(s->keep);
    for (int k = 0; k < COLUMNS; k++) lg_free(s->row[k]);
    lg_free(s);
}

static luge_status start(lg_integrator *it, luge_error *err)
{
    extrapolation *s = it->self;
    (void)err;
    s->h = 0;
    return LUGE_OK;
}

/* Column i of the Jacobian at y, by its products or else by central differences. */
static luge_status column(lg_integrator *it, size_t i, luge_error *err)
{
    luge_status st;
    extrapolation *s = it->self;
    size_t n = it->ode.n;
    double *to = s->jacobian + i * n, *at = s->keep, step;

    if (it->ode.jvp) {
        memset(at, 0, n * sizeof *at);
        at[i] = 1;
        return it->ode.jvp(it->ode.context, it->t, it->y, at, to, err);
    }
    step = cbrt(DBL_EPSILON) * fmax(fabs(it->y[i]), 1e-3);
    memcpy(at, it->y, n * sizeof *at);
    at[i] = it->y[i] + step;
    LG_TRY(lg_rhs(it, it->t, at, to, err));
    at[i] = it->y[i] - step;
    LG_TRY(lg_rhs(it, it->t, at, s->slope, err));
    for (size_t k = 0; k < n; k++) to[k] = (to[k] - s->slope[k]) / (2 * step);
done:
    return st;
}

/* I - h J = L U by columns, with the largest pivot of each; false: it is singular. */
static bool factor(lg_integrator *it, double h)
{
    extrapolation *s = it->self;
    size_t n = it->ode.n;
    double *a = s->lu;

    for (size_t i = 0; i < n * n; i++) a[i] = -h * s->jacobian[i];
    for (size_t i = 0; i < n; i++) a[i * n + i] += 1;
    for (size_t j = 0; j < n; j++) {
        size_t best = j;
        for (size_t i = j + 1; i < n; i++)
            if (fabs(a[j * n + i]) > fabs(a[j * n + best])) best = i;
        s->pivot[j] = best;
        if (!(fabs(a[j * n + best]) > 0)) return false;
        for (size_t c = 0; c < n && best != j; c++) {
            double keep = a[c * n + j];
            a[c * n + j] = a[c * n + best];
            a[c * n + best] = keep;
        }
        for (size_t i = j + 1; i < n; i++) a[j * n + i] /= a[j * n + j];
        for (size_t c = j + 1; c < n; c++)
            for (size_t i = j + 1; i < n; i++) a[c * n + i] -= a[j * n + i] * a[c * n + j];
    }
    return true;
}

static void solve(const lg_integrator *it, double *b)
{
    const extrapolation *s = it->self;
    const size_t n = it->ode.n;
    const double *a = s->lu;

    for (size_t j = 0; j < n; j++) {
        double keep = b[s->pivot[j]];
        b[s->pivot[j]] = b[j];
        b[j] = keep;
    }
    for (size_t j = 0; j < n; j++)
        for (size_t i = j + 1; i < n; i++) b[i] -= a[j * n + i] * b[j];
    for (size_t j = n; j-- > 0;) {
        b[j] /= a[j * n + j];
        for (size_t i = 0; i < j; i++) b[i] -= a[j * n + i] * b[j];
    }
}

/* The step H in k parts, from y into `to`. */
static luge_status parts(lg_integrator *it, double whole, int k, double *to, luge_error *err)
{
    luge_status st = LUGE_OK;
    extrapolation *s = it->self;
    double h = whole / k;

    memcpy(to, it->y, it->ode.n * sizeof *to);
    if (!factor(it, h)) {
        to[0] = (double)NAN;
        return LUGE_OK;
    }
    for (int i = 1; i <= k; i++) {
        LG_TRY(lg_rhs(it, it->t + i * h, to, s->slope, err));
        solve(it, s->slope);
        for (size_t x = 0; x < it->ode.n; x++) to[x] += h * s->slope[x];
    }
done:
    return st;
}

/* One row more of the tableau, in place: row[k-1] .. row[0] become T_{k,1} .. T_{k,k}. */
static void extrapolate(lg_integrator *it, int k)
{
    extrapolation *s = it->self;
    for (size_t x = 0; x < it->ode.n; x++)
        for (int j = 1; j < k; j++) {
            double finer = s->row[k - j][x], coarser = s->row[k - j - 1][x];
            s->row[k - j - 1][x] = finer + (finer - coarser) * (k - j) / j;
        }
}

/* The extrapolated step into row[0]; *error in units of the tolerance. */
static luge_status take(lg_integrator *it, double whole, double *error, luge_error *err)
{
    luge_status st = LUGE_OK;
    extrapolation *s = it->self;

    for (int k = 1; k <= COLUMNS; k++) {
        LG_TRY(parts(it, whole, k, s->row[k - 1], err));
        extrapolate(it, k);
    }
    *error = 0;
    for (size_t x = 0; x < it->ode.n; x++) {
        double e = fabs(s->row[0][x] - s->row[1][x]);
        double scale = it->atol + it->rtol * fmax(fabs(it->y[x]), fabs(s->row[0][x]));
        if (!(e / scale <= *error)) *error = e / scale;
    }
done:
    return st;
}

static luge_status to(lg_integrator *it, double t, luge_error *err)
{
    luge_status st = LUGE_OK;
    extrapolation *s = it->self;
    bool fresh = true;

    while (it->t != t) {
        double way = t - it->t, error, f;
        if (s->h == 0) s->h = way / 1024;
        double h = fabs(s->h) < fabs(way) ? s->h : way;
        if (!(fabs(h) > 4 * DBL_EPSILON * fabs(it->t)) || it->effort.steps + it->effort.rejected > most_steps)
            return lg_blown_up(it, t, err);
        for (size_t i = 0; i < it->ode.n && fresh; i++) LG_TRY(column(it, i, err));
        LG_TRY(take(it, h, &error, err));
        f = error > 0 ? safety * lg_pow(error, -1.0 / COLUMNS) : most_factor;
        f = isfinite(error) ? fmin(most_factor, fmax(least_factor, f)) : least_factor;
        fresh = error <= 1;
        if (fresh) {
            memcpy(it->y, s->row[0], it->ode.n * sizeof *it->y);
            it->t = h == way ? t : it->t + h;
            it->effort.steps++;
            s->h = h == s->h ? h * f : copysign(fmax(fabs(s->h), fabs(h * f)), h);
        } else {
            s->h = h * fmin(f, 0.7);
            it->effort.rejected++;
        }
    }
done:
    return st;
}

const lg_solver_kind lg_solver_implicit = { "implicit", open, close, start, to };
