/* Linear systems of the registry's methods, from their own update functions.  SPDX-License-Identifier: MIT */
#ifndef LG_ANALYSIS_METHOD_H
#define LG_ANALYSIS_METHOD_H
#include "analysis/linear.h"
#include "flows/update.h"

/* The setting that plays the part of the momentum: momentum or beta1; NULL: the method has neither, or it
 * fixes that. */
const char *lg_momentum_key(const luge_method *method);

/* A method at one moment of a run in which x and its gradient g do not change: what it does to small changes of both.
 * Methods that are linear in x, g and their slots do it to all changes, wherever they are. */
typedef struct lg_moment {
    lg_update *update; /* kept, prepared for k */
    double k, lr, x, g, slot[LG_SLOTS];
    bool linear;
    lg_system system; /* all slots */
} lg_moment;

/* k >= 1: the constants of that step, the slots as k - 1 steps leave them; infinite: stationary constants, and slots
 * at rest.  lr: the step size, which steps are shown in units of where the method has one. */
luge_status lg_moment_at(lg_moment *m, lg_update *update, double k, double lr, double x, double g, luge_error *err);
luge_status lg_moment_next(lg_moment *m, luge_error *err);

/* Without the slots that no gradient reaches, or that never reach the parameter. */
lg_system lg_system_essential(const lg_system *s);

#endif
