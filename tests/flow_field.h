/* Objectives written out by hand for the tests of flows, with their derivatives and power series.
 * SPDX-License-Identifier: MIT */
#ifndef TEST_FLOW_FIELD_H
#define TEST_FLOW_FIELD_H
#include "check.h"
/* the header above comes first: it has what cmocka wants */
#include "analysis/analysis.h"
#include <string.h>

/* Problem R: Φ = (1-x)²/2 + b (y-x²)²/2, b = 2, from (-1/2, 1). */
static const double b_of_r = 2, start_of_r[2] = { -0.5, 1 };

static inline luge_status r_gradient(void *context, const double *x, double *g, luge_error *err)
{
    double w = x[1] - x[0] * x[0];
    (void)context, (void)err;
    g[0] = -(1 - x[0]) - 2 * b_of_r * x[0] * w;
    g[1] = b_of_r * w;
    return LUGE_OK;
}

static inline luge_status r_hvp(void *context, const double *x, const double *v, double *hv, luge_error *err)
{
    double xx = 1 - 2 * b_of_r * (x[1] - 3 * x[0] * x[0]), xy = -2 * b_of_r * x[0];
    (void)context, (void)err;
    hv[0] = xx * v[0] + xy * v[1];
    hv[1] = xy * v[0] + b_of_r * v[1];
    return LUGE_OK;
}

/* z = x y of power series in t and h. */
static inline void series_times(int degree, const double *x, const double *y, double *z)
{
    for (int m = 0; m <= degree; m++)
        for (int j = 0; m + j <= degree; j++) {
            double s = 0;
            for (int k = 0; k <= m; k++)
                for (int l = 0; l <= j; l++) s += x[lg_series_at(k, l)] * y[lg_series_at(m - k, j - l)];
            z[lg_series_at(m, j)] = s;
        }
}

static inline luge_status r_series(void *context, int degree, const double *x, double *g, luge_error *err)
{
    enum { MOST = 120 };
    const size_t c = lg_series_count(degree);
    double w[MOST], xw[MOST];
    (void)context, (void)err;
    assert_true(c <= MOST);
    series_times(degree, x, x, w);
    for (size_t i = 0; i < c; i++) w[i] = x[c + i] - w[i];
    series_times(degree, x, w, xw);
    for (size_t i = 0; i < c; i++) {
        g[i] = x[i] - (i == 0) - 2 * b_of_r * xw[i];
        g[c + i] = b_of_r * w[i];
    }
    return LUGE_OK;
}

static const lg_field field_of_r = { .n = 2, .threads = 1, .gradient = r_gradient, .hvp = r_hvp, .series = r_series };

/* Φ = q u²/2 of one variable; context: q. */
static inline luge_status q_gradient(void *context, const double *x, double *g, luge_error *err)
{
    (void)err;
    g[0] = *(const double *)context * x[0];
    return LUGE_OK;
}
static inline luge_status q_hvp(void *context, const double *x, const double *v, double *hv, luge_error *err)
{
    (void)x;
    return q_gradient(context, v, hv, err);
}
static inline luge_status q_series(void *context, int degree, const double *x, double *g, luge_error *err)
{
    (void)err;
    for (size_t i = 0; i < lg_series_count(degree); i++) g[i] = *(const double *)context * x[i];
    return LUGE_OK;
}

/* Φ = 1 - cos u: periodic, with Lipschitz constant 1. */
static inline luge_status sine_gradient(void *context, const double *x, double *g, luge_error *err)
{
    (void)context, (void)err;
    g[0] = sin(x[0]);
    return LUGE_OK;
}
static inline luge_status sine_hvp(void *context, const double *x, const double *v, double *hv, luge_error *err)
{
    (void)context, (void)err;
    hv[0] = cos(x[0]) * v[0];
    return LUGE_OK;
}
/* s = sin x, c = cos x by their equation s' = c x', c' = -s x' along t, and along h where m = 0. */
static inline luge_status sine_series(void *context, int degree, const double *x, double *s, luge_error *err)
{
    double c[120] = { cos(x[0]) };
    (void)context, (void)err;
    s[0] = sin(x[0]);
    for (int d = 1; d <= degree; d++)
        for (int j = 0; j <= d; j++) {
            int m = d - j, along_t = m > 0;
            double sum_s = 0, sum_c = 0;
            for (int k = 0; k <= m; k++)
                for (int l = 0; l <= j; l++) {
                    double weight = along_t ? k : l, dx = weight * x[lg_series_at(k, l)];
                    if (weight == 0) continue;
                    sum_s += c[lg_series_at(m - k, j - l)] * dx;
                    sum_c -= s[lg_series_at(m - k, j - l)] * dx;
                }
            s[lg_series_at(m, j)] = sum_s / (along_t ? m : j);
            c[lg_series_at(m, j)] = sum_c / (along_t ? m : j);
        }
    return LUGE_OK;
}
static const lg_field field_of_sine = {
    .n = 1, .threads = 1, .gradient = sine_gradient, .hvp = sine_hvp, .series = sine_series
};

/* ---- orders ---- */

typedef struct run {
    const char *method, *model;
    double momentum;
    int prepared;
    double time;
    int first, last; /* h = 2^-first .. 2^-last */
} run;

/* Errors in the window, and the orders between them; the reference's own error is kept out by lg_orders_fit. */
static inline lg_orders orders_of(const run *r, enum lg_window window, double *error)
{
    double e[LG_HALVINGS], reference[LG_HALVINGS];
    luge_error err;
    for (int k = r->first; k <= r->last; k++) {
        lg_shadow s;
        lg_shadow_request request = { .field = &field_of_r,
                                      .at = start_of_r,
                                      .method = r->method,
                                      .momentum = r->momentum,
                                      .model = r->model,
                                      .prepared = r->prepared,
                                      .time = r->time,
                                      .every = 1,
                                      .solver = LG_EXPLICIT,
                                      .rtol = 1e-13 };
        MUST(lg_shadow_run(&request, ldexp(1, -k), &s, &err));
        e[k - r->first] = window == LG_LATER ? s.later : s.all;
        reference[k - r->first] = s.reference;
    }
    if (error) memcpy(error, e, sizeof e);
    return lg_orders_fit((size_t)(r->last - r->first + 1), e, reference);
}

#endif
