/* What stands behind the door of the integrators.  SPDX-License-Identifier: MIT */
#ifndef LG_INTEGRATOR_H
#define LG_INTEGRATOR_H
#include "flows/flows.h"
#include "flows/vectors.h"

typedef struct lg_solver_kind {
    const char *name;
    luge_status (*open)(lg_integrator *it, luge_error *err);
    void (*close)(lg_integrator *it); /* takes back what a failed open left, too */
    luge_status (*start)(lg_integrator *it, luge_error *err);
    luge_status (*to)(lg_integrator *it, double t, luge_error *err);
} lg_solver_kind;

struct lg_integrator {
    const lg_solver_kind *kind;
    lg_ode ode;
    double rtol, atol, t;
    double *y;
    lg_effort effort;
    void *self;
};

/* The right-hand side, counted. */
static inline luge_status lg_rhs(lg_integrator *it, double t, const double *y, double *dy, luge_error *err)
{
    it->effort.rhs++;
    return it->ode.rhs(it->ode.context, t, y, dy, err);
}
/* "the solution cannot be followed past t = 0.3 .. ": where it stands, and how large it is. */
luge_status lg_blown_up(const lg_integrator *it, double wanted, luge_error *err);

extern const lg_solver_kind lg_solver_explicit, lg_solver_implicit, lg_solver_bdf, lg_solver_adams, lg_solver_erk;

#endif
