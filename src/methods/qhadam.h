/*
 * QHAdam: Adam with a share of the plain gradient in both moments.
 *
 *     gₖ = ∇f(xₖ₋₁)                           decoupled = false:  + λ xₖ₋₁
 *     mₖ = β₁ mₖ₋₁ + (1-β₁) gₖ,      vₖ = β₂ vₖ₋₁ + (1-β₂) gₖ²,      m̂ = m / (1-β₁ᵏ),  v̂ = v / (1-β₂ᵏ)
 *     xₖ = xₖ₋₁ - η [ν₁ m̂ₖ + (1-ν₁) gₖ] / (√(ν₂ v̂ₖ + (1-ν₂) gₖ²) + ε)
 *     decoupled:  (1 - η λ) xₖ₋₁ in place of xₖ₋₁
 *
 * Ref   Ma & Yarats, Quasi-hyperbolic momentum and Adam for deep learning, ICLR 2019; facebookresearch/qhoptim.
 * Other conventions
 *       ν₁ = ν₂ = 1:         Adam;   ν₁ = 0:  RMSprop with corrected v;   ν₁ = β₁, ν₂ = 1:  nearly NAdam
 *       normalized averages: m̂ₖ = (1-wₖ) m̂ₖ₋₁ + wₖ gₖ,  1/wₖ = 1 + β₁ / wₖ₋₁;  v̂ alike (qhoptim stores these)
 * SPDX-License-Identifier: MIT
 */
#define NAME  qhadam
#define TITLE "QHAdam"
#define PAPER "Ma & Yarats, ICLR 2019, arXiv:1810.06801"
#define HYPER(_) \
    _(rate, lr,           1e-3,  "[0,inf)",    "step size η") \
    _(real, beta1,        0.9,   "[0,1)",      "decay of m") \
    _(real, beta2,        0.999, "[0,1)",      "decay of v") \
    _(real, nu1,          1,     "(-inf,inf)", "share ν₁ of m; recommended 0.7") \
    _(real, nu2,          1,     "[0,1]",      "share ν₂ of v") \
    _(real, eps,          1e-8,  "[0,inf)",    "ε") \
    _(real, weight_decay, 0,     "[0,inf)",    "decay λ") \
    _(bool, decoupled,    false, ,             "decay beside the gradient step, not through it")
#define SLOTS(_) \
    _(exp_avg,    1, 0, update, "first moment m") \
    _(exp_avg_sq, 1, 0, update, "second raw moment v")
#define COEFS(_) _(couple) _(b1) _(a1) _(b2) _(a2) _(on_m) _(on_g) _(on_v) _(on_gg) _(eps) _(keep)
#define EVIDENCE(_) \
    _(qhadam, authors,   "facebookresearch/qhoptim@e81dea3:qhoptim/pyt/qhadam.py") \
    _(qhadam, reference, "tests/methods/qhadam.c")
#include "engine/method.h"

PREPARE
{
    c->couple = h->decoupled ? 0 : h->weight_decay;
    c->b1    = h->beta1;  c->a1 = 1 - h->beta1;
    c->b2    = h->beta2;  c->a2 = 1 - h->beta2;
    c->on_m  = h->lr * h->nu1 / (1 - lg_power(h->beta1, k));
    c->on_g  = h->lr * (1 - h->nu1);
    c->on_v  = h->nu2 / (1 - lg_power(h->beta2, k));
    c->on_gg = 1 - h->nu2;
    c->eps   = h->eps;
    c->keep  = h->decoupled ? 1 - h->lr * h->weight_decay : 1;
}

UPDATE
{
    g += c->couple * x;
    s->exp_avg    = c->b1 * s->exp_avg + c->a1 * g;
    s->exp_avg_sq = c->b2 * s->exp_avg_sq + c->a2 * g * g;
    return c->keep * x - (c->on_m * s->exp_avg + c->on_g * g) /
                         (r_sqrt(c->on_v * s->exp_avg_sq + c->on_gg * g * g) + c->eps);
}
