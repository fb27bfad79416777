/* The two ways to take the steps of an iteration.  SPDX-License-Identifier: MIT */
#ifndef LG_ITERATION_H
#define LG_ITERATION_H
#include "flows/flows.h"

typedef struct lg_taker {
    luge_status (*open)(lg_iteration *it, const char *method, luge_error *err);
    void (*close)(lg_iteration *it);
    luge_status (*start)(lg_iteration *it, luge_error *err); /* u and v are set */
    luge_status (*step)(lg_iteration *it, luge_error *err);  /* leaves the next u and v */
} lg_taker;

struct lg_iteration {
    const lg_taker *taker;
    lg_family family;
    double *u, *v, *at, *g; /* at, g: where a gradient is taken, and the gradient */
    void *self;
};

extern const lg_taker lg_taker_plain, lg_taker_optimizer, lg_taker_method;

#endif
