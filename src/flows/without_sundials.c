/* The solvers of SUNDIALS in a build without it: each says so.  SPDX-License-Identifier: MIT */
#include "flows/integrator.h"

bool lg_has_sundials(void) { return false; }

static luge_status open(lg_integrator *it, luge_error *err)
{
    return lg_fail(err, LUGE_E_BACKEND,
                   "the solver %s is SUNDIALS', which this build is without (on Debian: apt-get install "
                   "libsundials-dev, then build anew); the explicit one is there",
                   it->kind->name);
}
static void close(lg_integrator *it) { (void)it; }

const lg_solver_kind lg_solver_bdf = { .name = "bdf", .open = open, .close = close };
const lg_solver_kind lg_solver_adams = { .name = "adams", .open = open, .close = close };
const lg_solver_kind lg_solver_erk = { .name = "erk", .open = open, .close = close };
