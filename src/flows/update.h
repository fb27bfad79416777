/* A method of the registry, with its settings, as the map of one coordinate that it is:
 *     x⁺ = x + η W(x, g, s),   s⁺ = S(x, g, s)            g: the gradient, s: k slots, η: the step size
 * from the formula in its file, compiled with complex numbers: no second copy of any formula, and derivatives that
 * are exact to rounding (Im of a complex step of 1e-30).  Each coordinate moves by itself, so methods with sums over
 * rows or tensors, with matrices, and with inputs beyond the gradient are refused.
 *
 *     lg_update *u;
 *     lg_update_open(&u, "adamw", err);                  settings as luge_set takes them, "KEY=VALUE" too:
 *     lg_update_set(u, "beta1=0.8", err);
 *     lg_update_prepare(u, INFINITY, 1, err);            constants: of step k = 1, 2, .. in order, or stationary; η
 *     lg_update_slopes(u, x, g, s, &d);                  W, S and all their derivatives there
 *     lg_update_rest(u, x, g, s, &d, err);               the same at the slots' resting value S(x, g, s) = s
 *
 * Steps of size η are exactly those of luge_step with lr = η: lg_update_take.  A method without a step size (triple
 * momentum) is given η times the gradient.  In the flows η = 1 is prepared throughout, and η stands beside W alone;
 * lg_update_flowing says whether the method allows that, and how each slot scales with η.
 *
 * One thread prepares; then any number may evaluate.
 * SPDX-License-Identifier: MIT */
#ifndef LG_UPDATE_H
#define LG_UPDATE_H
#include "engine/engine.h"
#include <complex.h>

typedef struct lg_update lg_update;

luge_status lg_update_open(lg_update **out, const char *method, luge_error *err);
luge_status lg_update_open_method(lg_update **out, const luge_method *method, luge_error *err);
luge_status lg_update_set(lg_update *u, const char *key_value, luge_error *err);
void lg_update_close(lg_update *u); /* NULL is fine */

/* Refuses settings that break a rule of the method, and methods whose coordinates do not move by themselves.  Where
 * the file names a smooth variant the message does. */
luge_status lg_update_prepare(lg_update *u, double k, double lr, luge_error *err);

/* Known once it was prepared. */
const char *lg_update_name(const lg_update *u);
size_t lg_update_slots(const lg_update *u);
void lg_update_slot_name(const lg_update *u, size_t slot, char *text, size_t size); /* "momentum_buffer[2]" */
double lg_update_number(const lg_update *u, const char *setting);                   /* NAN: it has no such number */
void lg_update_start(const lg_update *u, double x, double *s); /* before the first step; may be infinite */

/* One step in place, in real and in complex numbers. */
void lg_update_step(const lg_update *u, double *x, double g, double *s);
void lg_update_take(const lg_update *u, double _Complex *x, double _Complex g, double _Complex *s);

typedef struct lg_slopes {
    double w, wx, wg, ws[LG_SLOTS];                                         /* W = (x⁺ - x)/η */
    double s[LG_SLOTS], sx[LG_SLOTS], sg[LG_SLOTS], ss[LG_SLOTS][LG_SLOTS]; /* ss[i][j] = ∂S_i/∂s_j */
} lg_slopes;
void lg_update_slopes(const lg_update *u, double x, double g, const double *s, lg_slopes *d);

/* The resting value by Newton's method from s, a finite guess, and what belongs to it.  Fails where a slot has none,
 * as a sum of all squares or a maximum so far; the message names the slot. */
luge_status lg_update_rest(const lg_update *u, double x, double g, double *s, lg_slopes *d, luge_error *err);

/* y := (I - ∂S/∂s)⁻¹ y for `count` vectors of k numbers; false: singular, and *slot is the one that has no rest. */
bool lg_update_resolve(const lg_update *u, const lg_slopes *d, int count, double *const *y, size_t *slot);

/* Is the map one whose flow can be taken?  Refused: what is not smooth (signs, magnitudes, maxima, clipping), and
 * steps that are not in proportion to η.  power[i]: slot i of a run with step size η is η^power times that with 1.
 * Leaves constants of k = infinity and η = 1 prepared. */
luge_status lg_update_flowing(lg_update *u, int power[LG_SLOTS], luge_error *err);
/* Refuses, beyond that, stationary constants under which the slots do not come to rest near (x, g). */
luge_status lg_update_resting(lg_update *u, double x, double g, luge_error *err);

/* The optimizer itself, with these settings and step size lr, on n numbers of the caller; yours.  scale: what its
 * gradients are to be multiplied by, 1 but for methods without a step size. */
luge_status lg_update_optimizer(const lg_update *u, double lr, double *x, size_t n, luge_optimizer **opt,
                                double *scale, luge_error *err);
/* Its constants are stationary from now on, as k = infinity gives them; *slot[i]: the memory of slot i, lent. */
luge_status lg_update_stationary(const lg_update *u, luge_optimizer *opt, double *slot[LG_SLOTS], luge_error *err);

#endif
