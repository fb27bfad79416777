/*
 * NAdam: Adam whose first moment looks one step ahead.
 *
 *     gₖ = ∇f(xₖ₋₁)                           decoupled = false:  + λ xₖ₋₁
 *     mₖ = β₁ mₖ₋₁ + (1-β₁) gₖ,      vₖ = β₂ vₖ₋₁ + (1-β₂) gₖ²
 *     μₖ = β₁ (1 - ½ 0.96^(k ψ)),    Πₖ = μ₁ μ₂ ... μₖ
 *     xₖ = xₖ₋₁ - η [ (1-μₖ)/(1-Πₖ) gₖ + μₖ₊₁/(1-Πₖ₊₁) mₖ ] / (√(vₖ / (1-β₂ᵏ)) + ε)
 *     decoupled:  (1 - η λ) xₖ₋₁ in place of xₖ₋₁
 *
 * Ref   Dozat, Incorporating Nesterov Momentum into Adam, ICLR 2016 workshop; torch.optim.NAdam.
 * Other conventions
 *       momentum_decay = none:   μₖ = β₁, so that Πₖ = β₁ᵏ (optax)
 *       β₂ vₖ / (1-β₂ᵏ) under the root (Dozat's report):  its η and ε are √β₂ times these
 * SPDX-License-Identifier: MIT
 */
#define NAME  nadam
#define TITLE "NAdam"
#define PAPER "Dozat, ICLR 2016 workshop"
#define HYPER(_) \
    _(rate,  lr,             2e-3,  "[0,inf)", "step size η") \
    _(real,  beta1,          0.9,   "[0,1)",   "decay of m, limit of μ") \
    _(real,  beta2,          0.999, "[0,1)",   "decay of v") \
    _(real,  eps,            1e-8,  "[0,inf)", "ε") \
    _(real,  weight_decay,   0,     "[0,inf)", "decay λ") \
    _(bool,  decoupled,      false, ,          "decay beside the gradient step, not through it") \
    _(maybe, momentum_decay, 4e-3,  "[0,inf)", "ψ, how fast μ grows from β₁/2 to β₁; none: μ = β₁")
#define SLOTS(_) \
    _(exp_avg,    1, 0, update, "first moment m") \
    _(exp_avg_sq, 1, 0, update, "second raw moment v")
#define OWN(_)   _(mu_product, 1, "product Π of the momentum factors")
#define COEFS(_) _(couple) _(b1) _(a1) _(b2) _(a2) _(rc2) _(eps) _(on_g) _(on_m) _(keep)
#define EVIDENCE(_) \
    _(nadam, library,   "torch.optim 1.13.1: NAdam (foreach=True)") \
    _(nadam, reference, "tests/methods/nadam.c")
#include "engine/method.h"

/* μₖ; at k = infinity its limit, which is β₁/2 for ψ = 0. */
static inline double TAG(mu)(const struct TAG(hyper) *h, double k)
{
    if (LG_NONE(h->momentum_decay)) return h->beta1;
    double fade = h->momentum_decay == 0 ? 1 : isinf(k) ? 0 : lg_pow(0.96, k * h->momentum_decay);
    return h->beta1 * (1 - fade / 2);
}

PREPARE
{
    double mu = TAG(mu)(h, k), next = TAG(mu)(h, k + 1);
    own->mu_product = isinf(k) ? 0 : own->mu_product * mu;
    c->couple = h->decoupled ? 0 : h->weight_decay;
    c->b1   = h->beta1;  c->a1 = 1 - h->beta1;
    c->b2   = h->beta2;  c->a2 = 1 - h->beta2;
    c->rc2  = 1 / (1 - lg_power(h->beta2, k));
    c->eps  = h->eps;
    c->on_g = h->lr * (1 - mu) / (1 - own->mu_product);
    c->on_m = h->lr * next / (1 - own->mu_product * next);
    c->keep = h->decoupled ? 1 - h->lr * h->weight_decay : 1;
}

UPDATE
{
    g += c->couple * x;
    s->exp_avg    = c->b1 * s->exp_avg + c->a1 * g;
    s->exp_avg_sq = c->b2 * s->exp_avg_sq + c->a2 * g * g;
    return c->keep * x - (c->on_g * g + c->on_m * s->exp_avg) / (r_sqrt(s->exp_avg_sq * c->rc2) + c->eps);
}
