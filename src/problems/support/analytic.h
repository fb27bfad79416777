/* Problems that are a formula of a few coordinates, without rows.  The arithmetic is f64 for parameters of any type.
 * SPDX-License-Identifier: MIT */
#ifndef LG_ANALYTIC_H
#define LG_ANALYTIC_H
#include "problems/support/kind.h"

/* The settings of such a problem begin with these. */
typedef struct lg_analytic_settings {
    lg_list at;  /* the start: a number for each coordinate, or one for all */
    int64_t dim; /* 0: no such setting, two coordinates                     */
} lg_analytic_settings;

/* s: the settings; c: dim constants, made once where `constants` is there, else NULL. */
typedef struct lg_analytic {
    double (*gradient)(const void *s, const double *c, size_t n, const double *x, double *g); /* returns the value */
    void (*hvp)(const void *s, const double *c, size_t n, const double *x, const double *v, double *hv);
    void (*constants)(const void *s, size_t n, double *c);
} lg_analytic;

luge_status lg_analytic_open(lg_problem *p, const char *const *path, luge_error *err);
void lg_analytic_close(lg_problem *p);
void lg_analytic_start(const lg_problem *p, void *const *x);
void lg_analytic_gradient(lg_problem *p, const void *const *x, const lg_rows *rows, void *const *gradient,
                          double *loss);
void lg_analytic_hvp(lg_problem *p, const void *const *x, const lg_rows *rows, const void *const *v, void *const *hv);
void lg_analytic_evaluate(lg_problem *p, const void *const *x, const lg_rows *rows, lg_score *score);

#define LG_ANALYTIC                                                                                                  \
    .open = lg_analytic_open, .close = lg_analytic_close, .start = lg_analytic_start,                                \
    .gradient = lg_analytic_gradient, .hvp = lg_analytic_hvp, .evaluate = lg_analytic_evaluate

#define LG_SETTING_AT(start)                                                                                         \
    {                                                                                                                \
        "at", LG_list, offsetof(lg_analytic_settings, at), start, "(-inf,inf)",                                      \
            "start point: a number for each coordinate, or one for all"                                              \
    }
#define LG_SETTING_DIM(value)                                                                                        \
    {                                                                                                                \
        "dim", LG_int, offsetof(lg_analytic_settings, dim), value, "[1,10000000]", "number of coordinates"           \
    }

#endif
