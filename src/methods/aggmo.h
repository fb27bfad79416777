/*
 * AggMo: the mean of K velocities, each with its own damping.
 *
 *     gₖ  = ∇f(xₖ₋₁) + λ xₖ₋₁
 *     vᵢₖ = βᵢ vᵢₖ₋₁ + gₖ                i = 1 .. K
 *     xₖ  = xₖ₋₁ - (η / K) Σᵢ vᵢₖ
 *
 * Ref   Lucas, Sun, Zemel & Grosse, Aggregated Momentum, ICLR 2019; AtheMathmo/AggMo.
 * Other conventions
 *       exponential form:  βᵢ = 1 - aⁱ⁻¹ with a = 0.1;      K = 3 is the default
 *       K = 1:             heavy ball with momentum β₁
 *       equal betas:       separate velocities here, so that (β, β) is β alone
 * Flow  x' = -(1/K) Σᵢ 1/(1-βᵢ) ∇f(x)  in  t = k η,  to first order in η.
 * SPDX-License-Identifier: MIT
 */
#define NAME  aggmo
#define TITLE "Aggregated momentum"
#define PAPER "Lucas et al., ICLR 2019, arXiv:1804.00325"
#define HYPER(_) \
    _(rate, lr,           1e-1,             "[0,inf)", "step size η") \
    _(list, betas,        (0, 0.9, 0.99),   "[0,1)",   "damping βᵢ of each velocity, 1 to 8 of them") \
    _(real, weight_decay, 0,                "[0,inf)", "coupled decay λ")
#define RULES(_)    _(h->betas.n <= LG_MANY, "betas: at most 8 velocities")
#define SWITCHES(_) _(more, h->betas.n - 1, LG_MANY)
#define REPEATED(_) _(momentum_buffer, more + 1, 0, update, "velocities vᵢ")
#define COEFS(_)    _(decay) _(step) _(beta[LG_MANY])
#define EVIDENCE(_) \
    _(aggmo, authors,   "AtheMathmo/AggMo@f91730d:src/aggmo.py") \
    _(aggmo, reference, "tests/methods/aggmo.c")
#include "engine/method.h"

PREPARE
{
    c->decay = h->weight_decay;
    c->step  = h->lr / h->betas.n;
    EACH(i, LG_MANY) c->beta[i] = h->betas.v[i];
}

UPDATE
{
    real sum = 0;
    g += c->decay * x;
    EACH(i, more + 1) sum += s->momentum_buffer[i] = c->beta[i] * s->momentum_buffer[i] + g;
    return x - c->step * sum;
}
