/* What is read off runs: how far an iteration is from a model of it, and with which order in h.
 * SPDX-License-Identifier: MIT */
#ifndef LG_ANALYSIS_H
#define LG_ANALYSIS_H
#include "flows/flows.h"

/* ---- an iteration beside a model (shadow.c) ---- */

typedef struct lg_shadow_request {
    const lg_field *field;
    const double *at; /* u_0 */
    const char
        *method; /* whose steps: heavy_ball, nesterov, sgd of luge's own optimizer; NULL: the recursion with `a` */
    double momentum, a; /* a: only where method is NULL */
    const char *model;
    lg_update *update; /* any method of the registry, beside a model auto:P; NULL: `method` beside the other models */
    lg_update *like;   /* whose flow that is; NULL: its own */
    int prepared;      /* 0: the cold start; else the order of the modified equation that prepares v_0 */
    double time;
    int64_t every; /* compare after so many steps each */
    enum lg_solver solver;
    double rtol;
    /* Told of each comparison, may be NULL.  y: where the model is, NULL where it says nothing of that. */
    void (*node)(void *context, double t, const double *u, const double *y, double error);
    void *context;
} lg_shadow_request;

typedef struct lg_shadow {
    double all, later; /* the largest error, and the largest with t >= T/2 */
    double reference;  /* how far the solution moves when the integrator's steps are halved, and rounding */
} lg_shadow;

luge_status lg_shadow_run(const lg_shadow_request *request, double h, lg_shadow *shadow, luge_error *err);

/* Refuses a step size for which the iteration is unstable along the steepest direction at x. */
luge_status lg_stability_check(const lg_family *f, const double *x, luge_error *err);

/* ---- the order of errors at h, h/2, h/4, .. (order.c) ---- */

enum { LG_HALVINGS = 16 };
enum lg_pair { LG_PAIR_KEPT, LG_PAIR_NOISE, LG_PAIR_JUMP };
typedef struct lg_orders {
    double fitted;            /* of the two finest pairs that were kept; NAN: none was */
    double pair[LG_HALVINGS]; /* log2(e(h) / e(h/2)) */
    enum lg_pair kept[LG_HALVINGS];
} lg_orders;

/* errors and their own uncertainty at n step sizes.  A pair is refused where its finer error is below a hundred times
 * that (noise), and where its order is more than 0.3 from that of the next finer pair that is kept (not yet in the
 * range where the order shows). */
lg_orders lg_orders_fit(size_t n, const double *error, const double *reference);

#endif
