/* What a model's file defines.  SPDX-License-Identifier: MIT */
#ifndef LG_MODEL_H
#define LG_MODEL_H
#include "flows/flows.h"

typedef struct lg_model_kind {
    const char *name, *form, *title; /* form: how it is asked for */
    int copies;                      /* numbers of the equation's state per coordinate; 0: no equation */
    int work;                        /* numbers of scratch per coordinate                              */
    /* Reads what stands behind the colon; NULL: the kind takes nothing. */
    luge_status (*open)(lg_model *m, const char *words, luge_error *err);
    int (*theory)(const lg_model *m, bool prepared, enum lg_window *window);
    luge_status (*start)(lg_model *m, bool prepared, const double *u, double *y, luge_error *err);
    luge_status (*rhs)(void *model, double t, const double *y, double *dy, luge_error *err);
    luge_status (*jvp)(void *model, double t, const double *y, const double *v, double *jv, luge_error *err);
    /* As lg_model_says; NULL: the first numbers of the state. */
    luge_status (*says)(lg_model *m, int64_t n, const double *y, const double *u, double *says, luge_error *err);
    /* As lg_model_node; NULL: one equation for all times. */
    luge_status (*node)(lg_model *m, int64_t n, const double *y, luge_error *err);
    void (*close)(lg_model *m); /* of self, which may be NULL; may be NULL */
} lg_model_kind;

struct lg_model {
    const lg_model_kind *kind;
    lg_family family;
    lg_ode ode;
    int order, form, velocity; /* of series and manifold; of second_order */
    size_t room;               /* numbers of scratch per coordinate, kind->work unless open says otherwise */
    double *work;
    void *self;    /* of auto */
    bool prepared; /* of auto */
};

extern const lg_model_kind lg_model_rescaled, lg_model_second_order, lg_model_modified, lg_model_composite,
    lg_model_manifold, lg_model_series, lg_model_auto;

/* "3" of "series:3": a whole number in [least, most]; words NULL: `otherwise`. */
luge_status lg_model_number(const lg_model *m, const char *words, int least, int most, int otherwise, int *number,
                            luge_error *err);

#endif
