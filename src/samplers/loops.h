/* The loops of samplers, built once for each instruction set level (level/loops.c); the same bits at every level.
 * SPDX-License-Identifier: MIT */
#ifndef LG_LOOPS_H
#define LG_LOOPS_H
#include "core/core.h"
#include <luge/sample.h>

enum { LG_ORDERS = 5, LG_PAST = LG_ORDERS - 1 };

/* One step of n numbers.
 *     of f   q = w₀ f + Σ wⱼ pastⱼ₋₁,  v' = fade v + gain q,  x' = rho x + c v' + d q,  keep = f
 *     of v   v' = fade past₀ + gain f,  x' = x + w₀ v' + Σ wⱼ pastⱼ₋₁,                  keep = v' */
typedef struct lg_sampler_step {
    int past; /* arrays that are read, newest first */
    double w[LG_ORDERS], fade, gain, rho, c, d;
    const double *f;
    double *x, *v; /* v NULL: v' = q */
    double *keep;  /* may be the oldest of the past; NULL: nothing is kept (of f) */
    double *was[LG_PAST];
} lg_sampler_step;

/* out = a x + b ∇log p, p = Σ exp(lead_i - |x - mean_i|²/(2 var_i)). */
typedef struct lg_mixture_at {
    size_t parts, dim;
    const double *mean;
    double lead[LUGE_MIXTURE_PARTS], inverse[LUGE_MIXTURE_PARTS]; /* log wᵢ - dim/2 log varᵢ; 1/varᵢ */
    double a, b;
} lg_mixture_at;

typedef struct lg_sampler_loops {
    void (*of_f)(const lg_sampler_step *step, size_t first, size_t last);
    void (*of_v)(const lg_sampler_step *step, size_t first, size_t last);
    void (*mixture)(const lg_mixture_at *m, size_t rows, const double *x, double *out);
} lg_sampler_loops;

luge_status lg_sampler_loops_pick(const lg_sampler_loops **loops, luge_error *err);

#endif
