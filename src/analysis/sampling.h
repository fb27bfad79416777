/* Linear stability of samplers: what they make of dx/dσ = q x, with z = δ q.  SPDX-License-Identifier: MIT */
#ifndef LG_ANALYSIS_SAMPLING_H
#define LG_ANALYSIS_SAMPLING_H
#include "samplers/sampler.h"

/* I of the interval [-I, 0] of the real axis on which the rule is stable, in closed form; not for dpm. */
double lg_sampler_interval(enum lg_rule rule, int order, double beta);
/* The largest modulus of the roots of the characteristic polynomial at z. */
luge_status lg_sampler_radius(enum lg_rule rule, int order, double beta, const double z[2], double *radius,
                              luge_error *err);
/* z(θ) for which e^{iθ} is a root.  For order >= 3 a part of this curve can lie outside of the boundary. */
void lg_sampler_locus(enum lg_rule rule, int order, double beta, double theta, double z[2]);

#endif
