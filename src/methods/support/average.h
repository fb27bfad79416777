/* The average that the schedule-free methods take as they run.
 *
 *     wₖ = kʳ Lₖᵖ,      aₖ = wₖ / Σ w, 0 while there is no weight;      xₖ = (1-aₖ) xₖ₋₁ + aₖ zₖ
 *     L: the largest step size so far, or the present one, so that the average knows the schedule.
 *
 * Defazio et al., The Road Less Scheduled, NeurIPS 2024, arXiv:2405.15682.
 * SPDX-License-Identifier: MIT */
#ifndef LG_AVERAGE_H
#define LG_AVERAGE_H
#include "core/core.h"

/* aₖ; keeps the largest step size and Σ w. */
static inline double lg_average_weight(double k, double r, double lr, bool present, double power, double *lr_max,
                                       double *sum)
{
    *lr_max = lr > *lr_max ? lr : *lr_max;
    double w = lg_pow(k, r) * lg_pow(present ? lr : *lr_max, power);
    if (isinf(k)) return 0;                                     /* a step among infinitely many */
    *sum += w;
    return *sum > 0 ? w / *sum : 0;
}
#endif
