/* The scale of a cautious step: how much the coordinates that go along the gradient make up for the others.
 *
 *     n / (Σ mask + 1),    or with mean_clamp    1 / max(Σ mask / n, floor)
 *
 * Liang et al., Cautious Optimizers, arXiv:2411.16085.
 * SPDX-License-Identifier: MIT */
#ifndef LG_CAUTIOUS_H
#define LG_CAUTIOUS_H
#include "core/core.h"

static inline double lg_cautious_scale(bool mean_clamp, double n, double sum, double floor)
{
    return mean_clamp ? 1 / fmax(sum / n, floor) : n / (sum + 1);
}
#endif
