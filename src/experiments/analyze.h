/* luge analyze: what a method's update function does as a linear system.  SPDX-License-Identifier: MIT */
#ifndef LG_ANALYZE_H
#define LG_ANALYZE_H
#include "analysis/linear.h"

typedef struct lg_analyze {
    const luge_method *method;
    const char *const *set; /* "KEY=VALUE" */
    size_t set_count;
    double x, g;                                               /* where a method that is not linear is linearized */
    double condition, curvature;                               /* curvatures [curvature / condition, curvature] */
    size_t terms;                                              /* of the responses, at most LG_TERMS */
    void (*progress)(void *context, int64_t done, int64_t of); /* of the map; may be NULL */
    void *context;
} lg_analyze;

/* ---- at one step ---- */

enum { LG_FREQUENCIES = 257, LG_TERMS = 1000, LG_CURVATURES = 241 };
typedef struct lg_analysis {
    double step; /* infinite: stationary */
    bool linear;
    size_t states; /* the parameter and the slots that matter */
    double lr;     /* 1 where the method has none */

    double omega[LG_FREQUENCIES], magnitude[LG_FREQUENCIES], phase[LG_FREQUENCIES]; /* 0 .. π */
    size_t terms;
    double impulse[LG_TERMS], response[LG_TERMS]; /* to a gradient of 1 at this step alone, and from it on */

    double stable, real; /* step size times curvature: stable below, without oscillation below */
    double q[LG_CURVATURES], radius[LG_CURVATURES], variance[LG_CURVATURES]; /* q: step size times curvature */
    double solved[LG_CURVATURES];                                            /* the variance by the other way */
    double rate;                                                             /* over the curvatures asked for */
    double best, best_rate; /* step size times the largest curvature with the best rate at this condition */

    lg_two_step two_step;
    lg_certificate certificate; /* of linear methods */
} lg_analysis;

/* step: 1, 2, ..; infinite: stationary. */
luge_status lg_analyze_system(const lg_analyze *a, double step, lg_system *s, luge_error *err);
luge_status lg_analyze_at(const lg_analyze *a, double step, lg_analysis *out, luge_error *err);

/* ---- over momentum ---- */

enum { LG_MOMENTA = 99, LG_MAP_CURVATURES = 161 };
typedef struct lg_map {
    const char *key; /* the setting: momentum or beta1; NULL: the method has neither, the map is empty */
    double momentum[LG_MOMENTA], stable[LG_MOMENTA], real[LG_MOMENTA]; /* as in lg_analysis */
    double q[LG_MAP_CURVATURES], radius[LG_MOMENTA][LG_MAP_CURVATURES];
    double best_momentum, best, best_rate; /* of all, at the condition */
} lg_map;
luge_status lg_analyze_map(const lg_analyze *a, double step, lg_map *map, luge_error *err);

#endif
