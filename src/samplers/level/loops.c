/* SPDX-License-Identifier: MIT */
#include "samplers/loops.h"
#include <string.h>

#define ALWAYS static inline __attribute__((always_inline))

/* ---- steps: the number of past arrays is a constant in each loop ---- */

ALWAYS void step_f(const lg_sampler_step *s, size_t first, size_t last, int past, bool has_v, bool keeps)
{
    const lg_sampler_step t = *s;
    const double *f = t.f, *h0 = t.was[0], *h1 = t.was[1], *h2 = t.was[2], *h3 = t.was[3];
    double *x = t.x, *v = t.v, *keep = t.keep;

#pragma omp simd
    for (size_t i = first; i < last; i++) {
        double now = f[i], q = t.w[0] * now, u;
        if (past > 0) q += t.w[1] * h0[i];
        if (past > 1) q += t.w[2] * h1[i];
        if (past > 2) q += t.w[3] * h2[i];
        if (past > 3) q += t.w[4] * h3[i];
        u = has_v ? t.fade * v[i] + t.gain * q : q;
        x[i] = t.rho * x[i] + (t.c * u + t.d * q);
        if (has_v) v[i] = u;
        if (keeps) keep[i] = now;
    }
}

ALWAYS void step_v(const lg_sampler_step *s, size_t first, size_t last, int past)
{
    const lg_sampler_step t = *s;
    const double *f = t.f, *h0 = t.was[0], *h1 = t.was[1], *h2 = t.was[2], *h3 = t.was[3];
    double *x = t.x, *v = t.v, *keep = t.keep;

#pragma omp simd
    for (size_t i = first; i < last; i++) {
        double u = t.fade * v[i] + t.gain * f[i], q = t.w[0] * u;
        if (past > 0) q += t.w[1] * h0[i];
        if (past > 1) q += t.w[2] * h1[i];
        if (past > 2) q += t.w[3] * h2[i];
        if (past > 3) q += t.w[4] * h3[i];
        x[i] = x[i] + q;
        keep[i] = u;
    }
}

ALWAYS void step_f_past(const lg_sampler_step *s, size_t first, size_t last, int past)
{
    if (s->v && s->keep)
        step_f(s, first, last, past, true, true);
    else if (s->v)
        step_f(s, first, last, past, true, false);
    else if (s->keep)
        step_f(s, first, last, past, false, true);
    else
        step_f(s, first, last, past, false, false);
}

static void of_f(const lg_sampler_step *s, size_t first, size_t last)
{
    switch (s->past) {
    case 0: step_f_past(s, first, last, 0); break;
    case 1: step_f_past(s, first, last, 1); break;
    case 2: step_f_past(s, first, last, 2); break;
    case 3: step_f_past(s, first, last, 3); break;
    default: step_f_past(s, first, last, 4);
    }
}

static void of_v(const lg_sampler_step *s, size_t first, size_t last)
{
    switch (s->past) {
    case 0: step_v(s, first, last, 0); break;
    case 1: step_v(s, first, last, 1); break;
    case 2: step_v(s, first, last, 2); break;
    case 3: step_v(s, first, last, 3); break;
    default: step_v(s, first, last, 4);
    }
}

/* ---- the mixture: rows in tiles, so that the inner loops run over rows, whatever dim is ---- */

enum { TILE = 64 };

/* exp x for x <= 0, in a form that a compiler makes vectors of, which lg_exp is not: x = k log 2 + r with k in the
 * last bits of k + 1.5 2^52, and the series of exp r up to r^13/13!.  Within two units in the last place; 0 below
 * -708. */
ALWAYS double exp_down(double x)
{
    static const double shift = 0x1.8p52, hi = 0x1.62e42fee00000p-1, lo = 0x1.a39ef35793c76p-33;
    double y = x < -708 ? -708 : x, t = y * 0x1.71547652b82fep+0 + shift, k = t - shift;
    double r = (y - k * hi) - k * lo, p = 1. / 6227020800, scale;
    uint64_t bits;

    p = p * r + 1. / 479001600;
    p = p * r + 1. / 39916800;
    p = p * r + 1. / 3628800;
    p = p * r + 1. / 362880;
    p = p * r + 1. / 40320;
    p = p * r + 1. / 5040;
    p = p * r + 1. / 720;
    p = p * r + 1. / 120;
    p = p * r + 1. / 24;
    p = p * r + 1. / 6;
    p = p * r + 0.5;
    p = p * r + 1;
    p = p * r + 1;
    memcpy(&bits, &t, sizeof bits);
    bits = (bits + 1023) << 52;
    memcpy(&scale, &bits, sizeof scale);
    return x < -708 ? 0 : p * scale;
}

/* weight[i][r] = wᵢ(x_r)/varᵢ with weights that sum to 1: exp(l_i - max l) / Σ exp(l_i - max l). */
ALWAYS void tile_weights(const lg_mixture_at *m, size_t n, size_t dim, const double *x, double weight[][TILE])
{
    double most[TILE], sum[TILE];

    for (size_t i = 0; i < m->parts; i++) {
        double *l = weight[i], half = 0.5 * m->inverse[i], lead = m->lead[i];
        for (size_t r = 0; r < n; r++) l[r] = 0;
        for (size_t j = 0; j < dim; j++) {
            double mean = m->mean[i * dim + j];
#pragma omp simd
            for (size_t r = 0; r < n; r++) {
                double d = x[r * dim + j] - mean;
                l[r] += d * d;
            }
        }
#pragma omp simd
        for (size_t r = 0; r < n; r++) {
            l[r] = lead - half * l[r];
            most[r] = i == 0 || l[r] > most[r] ? l[r] : most[r];
        }
    }
    for (size_t r = 0; r < n; r++) sum[r] = 0;
    for (size_t i = 0; i < m->parts; i++) {
        double *l = weight[i];
#pragma omp simd
        for (size_t r = 0; r < n; r++) {
            l[r] = exp_down(l[r] - most[r]);
            sum[r] += l[r];
        }
    }
    for (size_t i = 0; i < m->parts; i++) {
#pragma omp simd
        for (size_t r = 0; r < n; r++) weight[i][r] = weight[i][r] / sum[r] * m->inverse[i];
    }
}

ALWAYS void tile(const lg_mixture_at *m, size_t n, size_t dim, const double *x, double *out)
{
    double weight[LUGE_MIXTURE_PARTS][TILE], score[TILE];

    tile_weights(m, n, dim, x, weight);
    for (size_t j = 0; j < dim; j++) {
        for (size_t r = 0; r < n; r++) score[r] = 0;
        for (size_t i = 0; i < m->parts; i++) {
            double mean = m->mean[i * dim + j];
            const double *w = weight[i];
#pragma omp simd
            for (size_t r = 0; r < n; r++) score[r] += w[r] * (mean - x[r * dim + j]);
        }
#pragma omp simd
        for (size_t r = 0; r < n; r++) out[r * dim + j] = m->a * x[r * dim + j] + m->b * score[r];
    }
}

static void mixture(const lg_mixture_at *m, size_t rows, const double *x, double *out)
{
    for (; rows >= TILE; rows -= TILE, x += TILE * m->dim, out += TILE * m->dim)
        m->dim == 1 ? tile(m, TILE, 1, x, out) : tile(m, TILE, m->dim, x, out);
    tile(m, rows, m->dim, x, out);
}

#define CAT_(a, b) a##b
#define CAT(a, b)  CAT_(a, b)
extern const lg_sampler_loops CAT(lg_sampler_loops_, ISA);
const lg_sampler_loops CAT(lg_sampler_loops_, ISA) = { of_f, of_v, mixture };
