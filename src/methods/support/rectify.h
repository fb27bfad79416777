/* The rectification of RAdam: how far the second moment's few gradients can be trusted.
 *
 *     ρₖ = ρ∞ - 2k β₂ᵏ / (1-β₂ᵏ),   ρ∞ = 2 / (1-β₂) - 1
 *     √[ (ρₖ-4)(ρₖ-2) ρ∞ / ((ρ∞-4)(ρ∞-2) ρₖ) ],  0 where ρₖ is not above the threshold, which is at least 4
 *     ρₖ is a difference of numbers of the size of ρ∞: it is right to about ρ∞ units in the last place of 1.
 *
 * Liu et al., On the Variance of the Adaptive Learning Rate and Beyond, ICLR 2020.
 * SPDX-License-Identifier: MIT */
#ifndef LG_RECTIFY_H
#define LG_RECTIFY_H
#include "core/core.h"

static inline double lg_rectification(double beta2, double k, double threshold)
{
    double b = lg_power(beta2, k), end = 2 / (1 - beta2) - 1, rho = isinf(k) ? end : end - 2 * k * b / (1 - b);
    return rho > threshold ? sqrt((rho - 4) * (rho - 2) * end / ((end - 4) * (end - 2) * rho)) : 0;
}
#endif
