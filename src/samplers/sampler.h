/* Inside samplers: settings, coefficients, one step.  SPDX-License-Identifier: MIT */
#ifndef LG_SAMPLER_H
#define LG_SAMPLER_H
#include "samplers/loops.h"

enum lg_rule { LG_ab, LG_hb, LG_ghvb, LG_nesterov, LG_dpm };
#define LG_RULES "(ab, hb, ghvb, nesterov, dpm)"

typedef struct lg_sampling {
    int rule, start;
    double order, beta; /* as set: use lg_sampling_order and lg_sampling_beta */
    double guidance, until, damping, ridge;
    int64_t projections, window, block, threads;
} lg_sampling;

/* Defaults and "KEY=VALUE" texts, checked together. */
luge_status lg_sampling_parse(lg_sampling *s, const char *const *set, size_t count, luge_error *err);
int lg_sampling_order(const lg_sampling *s);
double lg_sampling_beta(const lg_sampling *s);

/* ---- coefficients (coefficients.c) ---- */

/* The c of Σ_{j<order} c_j ∇^j: γ, but for ghvb γ_j + ((1-β)/β) γ_{j-1}. */
void lg_sampler_differences(enum lg_rule rule, int order, double beta, double c[LG_ORDERS]);
/* The same sum by values: Σ_j w_j f_{n-j}. */
void lg_sampler_weights(enum lg_rule rule, int order, double beta, double w[LG_ORDERS]);

/* ---- one step (step.c) ---- */

typedef struct lg_stepper {
    enum lg_rule rule;
    int order, steps; /* steps: taken since the beginning, as far as they matter */
    int slots, filled;
    double beta, before; /* before: log of the last step's ratio of σ (dpm) */
    size_t n, room;
    bool fresh;                         /* there is no velocity yet */
    double *slot[LG_PAST], *v, *memory; /* slot: newest first */
    const lg_sampler_loops *loops;
} lg_stepper;

luge_status lg_stepper_open(lg_stepper *s, const lg_sampling *how, size_t n, luge_error *err);
void lg_stepper_close(lg_stepper *s);
void lg_stepper_begin(lg_stepper *s);
/* No check of sigma and next. */
void lg_stepper_step(lg_stepper *s, int threads, double sigma, double next, const double *f, double *x);
/* Puts f into the history without a step of x or v: the start by Runge and Kutta. */
void lg_stepper_keep(lg_stepper *s, const double *f);
/* After order - 1 of these and before the step with f: velocities that fit the history. */
void lg_stepper_settle(lg_stepper *s, const double *f);

#endif
