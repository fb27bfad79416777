/*
 * FSGDM: momentum whose memory grows in stages, so that the filter on the gradients turns low-pass as training goes on.
 *
 *     gₖ = ∇f(xₖ₋₁) + λ xₖ₋₁
 *     bₖ = uₖ bₖ₋₁ + v gₖ,      b₁ = g₁
 *     xₖ = xₖ₋₁ - η bₖ
 *     uₖ = K / (K + c Σ),    K = δ ⌊k / δ⌋,    δ = ⌊Σ / N⌋ steps in each of the N stages, Σ steps planned in all
 *
 * Ref   Li et al., On the Performance Analysis of Momentum Method: A Frequency Domain Perspective, ICLR 2025.
 *       After Σ steps the formula goes on; u tends to 1.
 * Other conventions
 *       first = scaled (paper):  b₁ = v g₁; the released code starts from g₁
 *       N > Σ / 2:              stages of one step, u = k / (k + c Σ)
 *       frequency response of a stage:  H(ω) = v / (1 - u e^-iω), so v / (1-u) at 0 and v / (1+u) at π
 * SPDX-License-Identifier: MIT
 */
#define NAME  fsgdm
#define TITLE "FSGDM"
#define PAPER "Li et al., ICLR 2025, arXiv:2411.19671"
#define HYPER(_) \
    _(rate, lr,            0.1,    "[0,inf)", "step size η") \
    _(real, weight_decay,  5e-4,   "[0,inf)", "coupled decay λ") \
    _(real, c_scaling,     0.033,  "(0,inf)", "c: at step Σ, u = 1 / (1+c)") \
    _(real, v_coefficient, 1,      "[0,inf)", "weight v of the gradient") \
    _(int,  n_stages,      300,    "[1,inf)", "stages N") \
    _(int,  sigma,         117000, "[1,inf)", "steps Σ planned in all") \
    _(word, first,         plain,  (plain, scaled), "first velocity: g, or v g")
#define RULES(_)    _(h->sigma >= h->n_stages, "sigma, the steps planned in all, must be at least n_stages")
#define SLOTS(_)    _(momentum_buffer, 1, 0, update, "velocity b, in units of the gradient")
#define COEFS(_)    _(decay) _(lr) _(u) _(v)
#define EVIDENCE(_) \
    _(fsgdm, authors,   "yinleung/FSGDM@697bf4d:fsgdm/fsgdm.py") \
    _(fsgdm, reference, "tests/methods/fsgdm.c")
#include "engine/method.h"

PREPARE
{
    double length = (double)(h->sigma / h->n_stages), stage = floor(k / length) * length;
    c->decay = h->weight_decay;
    c->lr    = h->lr;
    c->u     = isinf(k) ? 1 : stage / (stage + h->c_scaling * (double)h->sigma);
    c->v     = k == 1 && h->first == WORD(first, plain) ? 1 : h->v_coefficient;
}

UPDATE
{
    s->momentum_buffer = c->u * s->momentum_buffer + c->v * (g + c->decay * x);
    return x - c->lr * s->momentum_buffer;
}
