/*
 * Quasi-hyperbolic momentum: a weighted mean of gradient and momentum.
 *
 *     gₖ = ∇f(xₖ₋₁) + λ xₖ₋₁
 *     mₖ = β mₖ₋₁ + (1-β) gₖ
 *     xₖ = xₖ₋₁ - η [ (1-ν) gₖ + ν mₖ ]
 *     weight_decay_type = direct:  no λ xₖ₋₁ in gₖ, and (1 - η λ) xₖ₋₁ in place of xₖ₋₁
 *
 * Ref   Ma & Yarats, Quasi-hyperbolic momentum and Adam for deep learning, ICLR 2019; facebookresearch/qhoptim.
 * Other conventions
 *       gradient descent (η):         ν = 0
 *       heavy ball (μ, η):            β = μ, ν = 1, η / (1-μ)
 *       Nesterov (μ, η):              β = ν = μ, η / (1-μ)
 *       synthesized Nesterov (α, β₁, β₂), constant α:
 *           ξₖ = ξₖ₋₁ - α ∇f(yₖ₋₁) + β₁ (ξₖ₋₁ - ξₖ₋₂),  yₖ = ξₖ + β₂ (ξₖ - ξₖ₋₁),  ξ₀ = y₀;      y is this x for
 *                                     β = β₁, ν = 1 - (1-β₁)/β₁ β₂, α / (1-β₁)
 * Flow  x' = -∇f(x)  in  t = k η,  to first order in η.
 * SPDX-License-Identifier: MIT
 */
#define NAME  qhm
#define TITLE "Quasi-hyperbolic momentum"
#define PAPER "Ma & Yarats, ICLR 2019, arXiv:1810.06801"
#define HYPER(_) \
    _(rate, lr,                1e-1,  "[0,inf)", "step size η") \
    _(real, momentum,          0.999, "[0,1)",   "decay β of m") \
    _(real, nu,                0.7,   "(-inf,inf)", "weight ν of the momentum in the step") \
    _(real, weight_decay,      0,     "[0,inf)", "decay λ") \
    _(word, weight_decay_type, grad,  (grad, direct), "coupled or decoupled")
#define SLOTS(_) _(momentum_buffer, 1, 0, update, "momentum m, a mean")
#define COEFS(_) _(couple) _(keep) _(b) _(a) _(on_g) _(on_m)
#define DIGITS(_) _(qhm, "lr=2", "")
#define EVIDENCE(_) \
    _(qhm, authors,   "facebookresearch/qhoptim@e81dea3:qhoptim/pyt/qhm.py") \
    _(qhm, reference, "tests/methods/qhm.c")
#include "engine/method.h"

PREPARE
{
    int direct = h->weight_decay_type == WORD(weight_decay_type, direct);
    c->couple = direct ? 0 : h->weight_decay;
    c->keep   = direct ? 1 - h->lr * h->weight_decay : 1;
    c->b    = h->momentum;            c->a    = 1 - h->momentum;
    c->on_g = h->lr * (1 - h->nu);    c->on_m = h->lr * h->nu;
}

UPDATE
{
    g += c->couple * x;
    s->momentum_buffer = c->b * s->momentum_buffer + c->a * g;
    return c->keep * x - (c->on_g * g + c->on_m * s->momentum_buffer);
}
