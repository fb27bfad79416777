/* The door of the integrators.  SPDX-License-Identifier: MIT */
#include "flows/integrator.h"
#include <string.h>

static const lg_solver_kind *const kinds[LG_SOLVERS] = {
    [LG_EXPLICIT] = &lg_solver_explicit, [LG_IMPLICIT] = &lg_solver_implicit, [LG_BDF] = &lg_solver_bdf,
    [LG_ADAMS] = &lg_solver_adams,       [LG_ERK] = &lg_solver_erk,
};

const char *lg_solver_name(enum lg_solver solver) { return kinds[solver]->name; }
const double *lg_integrator_state(const lg_integrator *it) { return it->y; }
lg_effort lg_integrator_effort(const lg_integrator *it) { return it->effort; }

luge_status lg_integrator_open(lg_integrator **out, enum lg_solver solver, const lg_ode *ode, double rtol,
                               luge_error *err)
{
    luge_status st = LUGE_OK;
    lg_integrator *it = NULL;

    *out = NULL;
    if (!(rtol >= 1e-15 && rtol < 1)) return lg_fail(err, LUGE_E_ARG, "tolerance %g is not in [1e-15,1)", rtol);
    LG_NEED(it = lg_alloc(1, sizeof *it));
    *it = (lg_integrator){ .kind = kinds[solver], .ode = *ode, .rtol = rtol, .atol = rtol / 100 };
    LG_NEED(it->y = lg_alloc(ode->n, sizeof *it->y));
    LG_TRY(it->kind->open(it, err));
    *out = it;
done:
    if (st) lg_integrator_close(it);
    return st;
}

void lg_integrator_close(lg_integrator *it)
{
    if (!it) return;
    it->kind->close(it);
    lg_free(it->y);
    lg_free(it);
}

luge_status lg_integrator_start(lg_integrator *it, double t, const double *y, luge_error *err)
{
    it->t = t;
    memcpy(it->y, y, it->ode.n * sizeof *y);
    return it->kind->start(it, err);
}

luge_status lg_integrator_to(lg_integrator *it, double t, luge_error *err)
{
    return t == it->t ? LUGE_OK : it->kind->to(it, t, err);
}

luge_status lg_blown_up(const lg_integrator *it, double wanted, luge_error *err)
{
    double size = lg_sum((lg_vectors){ it->ode.n, it->ode.threads }, LG_GREATEST, it->y, it->y);
    return lg_fail(err, LUGE_E_NUMERIC,
                   "the flow cannot be followed past t = %.6g (%.6g is wanted): its largest coordinate is %.3g there "
                   "and no step is small enough to go on",
                   it->t, wanted, size);
}

luge_status lg_integrate(const lg_ode *ode, enum lg_solver solver, double rtol, double t0, double t1, double *y,
                         luge_error *err)
{
    lg_integrator *it;
    luge_status st = lg_integrator_open(&it, solver, ode, rtol, err);

    if (st) return st;
    LG_TRY(lg_integrator_start(it, t0, y, err));
    LG_TRY(lg_integrator_to(it, t1, err));
    memcpy(y, it->y, ode->n * sizeof *y);
done:
    lg_integrator_close(it);
    return st;
}
