/*
 * Heavy ball and Nesterov momentum, in the form the field trains with.
 *
 *     gₖ = ± ∇f(xₖ₋₁) + λ xₖ₋₁                 - where maximize
 *     bₖ = μ bₖ₋₁ + (1-τ) gₖ,      b₁ = g₁
 *     xₖ = xₖ₋₁ - η bₖ             nesterov:  - η (gₖ + μ bₖ)        μ = 0:  - η gₖ
 *
 * Ref   Polyak 1964; Nesterov 1983; Sutskever, Martens, Dahl & Hinton, ICML 2013; torch.optim.SGD.
 * Other conventions (constant η, τ = 0 but for the last line)
 *       increments (Polyak):      xₖ = xₖ₋₁ - η gₖ + μ (xₖ₋₁ - xₖ₋₂)
 *       velocity with η inside:   vₖ = μ vₖ₋₁ - η gₖ,  xₖ = xₖ₋₁ + vₖ;      v = -η b
 *       two sequences (Nesterov): zₖ = yₖ₋₁ - η ∇f(yₖ₋₁),  yₖ = zₖ + μ (zₖ - zₖ₋₁),  z₀ = y₀;      y is this x
 *       look-ahead (Sutskever):   uₖ = μ uₖ₋₁ - η ∇f(θₖ₋₁ + μ uₖ₋₁),  θₖ = θₖ₋₁ + uₖ;      θ + μ u is this x
 *       mean of gradients:        mₖ = μ mₖ₋₁ + (1-μ) gₖ,  m₀ = 0;      b = m / (1-μ)
 *       start from zero:          b̃ₖ = μ b̃ₖ₋₁ + (1-τ) gₖ,  b̃₀ = 0;      b = b̃ + τ μᵏ⁻¹ g₁
 * Flow  x' = -(1-τ)/(1-μ) ∇f(x)  in  t = k η,  to first order in η.
 * SPDX-License-Identifier: MIT
 */
#define NAME  heavy_ball
#define TITLE "Heavy ball"
#define PAPER "Polyak 1964; Sutskever et al., ICML 2013"
#define HYPER(_) \
    _(rate, lr,           1e-3,  "[0,inf)", "step size η") \
    _(real, momentum,     0.9,   "[0,inf)", "momentum μ") \
    _(real, dampening,    0,     "[0,1]",   "τ, takes from the gradient's weight after the first step") \
    _(real, weight_decay, 0,     "[0,inf)", "coupled decay λ") \
    _(bool, nesterov,     false, ,          "look ahead") \
    _(bool, maximize,     false, ,          "ascend")
#define RULES(_) \
    _(!h->nesterov || (h->momentum > 0 && h->dampening == 0), "nesterov needs momentum > 0 and dampening = 0")
#define SWITCHES(_) _(moving, h->momentum != 0, 2) _(nesterov, h->nesterov, 2)
#define SLOTS(_)    _(momentum_buffer, moving, 0, update, "velocity b, in units of the gradient")
#define COEFS(_)    _(sign) _(decay) _(lr) _(mu) _(add)
#define ALIASES(_) \
    _(sgd,      "Gradient descent",  "momentum=0 nesterov=false", "", "Cauchy 1847") \
    _(nesterov, "Nesterov momentum", "nesterov=true", "", "Nesterov 1983; Sutskever et al., ICML 2013")
#define DIGITS(_) \
    _(heavy_ball, "lr=0.01", "") \
    _(nesterov, "lr=0.01", "") \
    _(sgd, "lr=0.1", "")
#define EVIDENCE(_) \
    _(heavy_ball, library,   "torch.optim 1.13.1: SGD") \
    _(nesterov,   library,   "torch.optim 1.13.1: SGD") \
    _(sgd,        library,   "torch.optim 1.13.1: SGD") \
    _(heavy_ball, reference, "tests/methods/heavy_ball.c") \
    _(nesterov,   reference, "tests/methods/heavy_ball.c") \
    _(sgd,        reference, "tests/methods/heavy_ball.c")
#include "engine/method.h"

PREPARE
{
    c->sign  = h->maximize ? -1 : 1;
    c->decay = h->weight_decay;
    c->lr    = h->lr;
    c->mu    = h->momentum;                   /* b₀ = 0 */
    c->add   = k == 1 ? 1 : 1 - h->dampening;
}

UPDATE
{
    g = c->sign * g + c->decay * x;
    if (!moving) return x - c->lr * g;
    s->momentum_buffer = c->mu * s->momentum_buffer + c->add * g;
    if (nesterov) return x - c->lr * (g + c->mu * s->momentum_buffer);
    return x - c->lr * s->momentum_buffer;
}
