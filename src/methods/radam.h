/*
 * RAdam: Adam whose step is rectified for the few gradients that its second moment has seen.
 *
 *     gₖ = ∇f(xₖ₋₁)                           decoupled = false:  + λ xₖ₋₁
 *     mₖ = β₁ mₖ₋₁ + (1-β₁) gₖ,      vₖ = β₂ vₖ₋₁ + (1-β₂) gₖ²
 *     ρₖ = ρ∞ - 2k β₂ᵏ / (1-β₂ᵏ),    ρ∞ = 2 / (1-β₂) - 1
 *     ρₖ > threshold:  xₖ = xₖ₋₁ - η rₖ √(1-β₂ᵏ) / (1-β₁ᵏ) mₖ / (√vₖ + ε),
 *                      rₖ = √[ (ρₖ-4)(ρₖ-2) ρ∞ / ((ρ∞-4)(ρ∞-2) ρₖ) ]
 *     else:            xₖ = xₖ₋₁ - η mₖ / (1-β₁ᵏ)  if sgd_phase,  else xₖ = xₖ₋₁, without decay
 *     decoupled:  (1 - η λ) xₖ₋₁ in place of xₖ₋₁
 *
 * Ref   Liu et al., On the Variance of the Adaptive Learning Rate and Beyond, ICLR 2020; LiyuanLucasLiu/RAdam.
 * Other conventions
 *       torch:        decoupled = false, sgd_phase = true
 *       paper:        rho_threshold = 4, decoupled = false, sgd_phase = true
 *       ρ∞ <= threshold, that is β₂ <= 0.6 for 4:  never rectified
 *       ε outside √(v / (1-β₂ᵏ)):  ε √(1-β₂ᵏ) in place of ε
 * SPDX-License-Identifier: MIT
 */
#define NAME  radam
#define TITLE "RAdam"
#define PAPER "Liu et al., ICLR 2020, arXiv:1908.03265"
#define HYPER(_) \
    _(rate, lr,            1e-3,  "[0,inf)", "step size η") \
    _(real, beta1,         0.9,   "[0,1)",   "decay of m") \
    _(real, beta2,         0.999, "[0,1)",   "decay of v") \
    _(real, eps,           1e-8,  "[0,inf)", "ε, inside the correction") \
    _(real, weight_decay,  0,     "[0,inf)", "decay λ") \
    _(bool, decoupled,     true,  ,          "decay beside the gradient step, not through it") \
    _(real, rho_threshold, 5,     "[4,inf)", "ρ above which v divides") \
    _(bool, sgd_phase,     false, ,          "up to that, steps along m")
#define SLOTS(_) \
    _(exp_avg,    1, 0, update, "first moment m") \
    _(exp_avg_sq, 1, 0, update, "second raw moment v")
#define COEFS(_) _(couple) _(b1) _(a1) _(b2) _(a2) _(step) _(root) _(eps) _(keep)
#define DIGITS(_) _(radam, "lr=1e-2", "")
#define EVIDENCE(_) \
    _(radam, authors,   "LiyuanLucasLiu/RAdam@d9fd30a:radam/radam.py") \
    _(radam, library,   "torch.optim 1.13.1: RAdam") \
    _(radam, reference, "tests/methods/radam.c")
#include "engine/method.h"
#include "methods/support/rectify.h"

PREPARE
{
    double rect = lg_rectification(h->beta2, k, h->rho_threshold);
    int moves = rect > 0 || h->sgd_phase;
    c->couple = h->decoupled ? 0 : h->weight_decay;
    c->b1   = h->beta1;  c->a1 = 1 - h->beta1;
    c->b2   = h->beta2;  c->a2 = 1 - h->beta2;
    c->step = moves ? h->lr / (1 - lg_power(h->beta1, k)) : 0;
    if (rect > 0) c->step *= rect * sqrt(1 - lg_power(h->beta2, k));
    c->root = rect > 0 ? 1 : 0;                                        /* m / (0 + 1) */
    c->eps  = rect > 0 ? h->eps : 1;
    c->keep = h->decoupled && moves ? 1 - h->lr * h->weight_decay : 1;
}

UPDATE
{
    g += c->couple * x;
    s->exp_avg    = c->b1 * s->exp_avg + c->a1 * g;
    s->exp_avg_sq = c->b2 * s->exp_avg_sq + c->a2 * g * g;
    return c->keep * x - c->step * s->exp_avg / (c->root * r_sqrt(s->exp_avg_sq) + c->eps);
}
