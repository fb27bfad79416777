/*
 * AdaBelief: Adam whose second moment measures how far gradients are from their mean.
 *
 *     gₖ = ∇f(xₖ₋₁)                           decoupled = false:  + λ xₖ₋₁
 *     mₖ = β₁ mₖ₋₁ + (1-β₁) gₖ
 *     sₖ = β₂ sₖ₋₁ + (1-β₂) (gₖ - mₖ)² + ε     amsgrad, without rectify:  the largest s so far takes its place below
 *     rectify = false:  xₖ = xₖ₋₁ - η / (1-β₁ᵏ) mₖ / (√(sₖ / (1-β₂ᵏ)) + ε)
 *     rectify, ρₖ > 5:  xₖ = xₖ₋₁ - η rₖ √(1-β₂ᵏ) / (1-β₁ᵏ) mₖ / (√sₖ + ε),     ρ and r of RAdam
 *     rectify, else:    xₖ = xₖ₋₁ - η mₖ / (1-β₁ᵏ)  if sgd_phase,  else xₖ₋₁
 *     decoupled:  (1 - η λ) xₖ₋₁ in place of xₖ₋₁, also where nothing else moves;   fixed_decay:  (1 - λ) xₖ₋₁
 *
 * Ref   Zhuang et al., AdaBelief Optimizer, NeurIPS 2020; juntang-zhuang/Adabelief-Optimizer.
 *       ε is added to s in every step, and stays: without gradients s tends to ε / (1-β₂).
 * Other conventions
 *       paper:  rectify = false, coupled decay
 *       constant gradients:  s₁ = β₁² (1-β₂) g² + ε is all there is, so steps grow as m tends to g
 * SPDX-License-Identifier: MIT
 */
#define NAME  adabelief
#define TITLE "AdaBelief"
#define PAPER "Zhuang et al., NeurIPS 2020, arXiv:2010.07468"
#define HYPER(_) \
    _(rate, lr,           1e-3,  "[0,inf)", "step size η") \
    _(real, beta1,        0.9,   "[0,1)",   "decay of m") \
    _(real, beta2,        0.999, "[0,1)",   "decay of s") \
    _(real, eps,          1e-16, "[0,inf)", "ε, inside s and beside its root") \
    _(real, weight_decay, 0,     "[0,inf)", "decay λ") \
    _(bool, decoupled,    true,  ,          "decay beside the gradient step, not through it") \
    _(bool, fixed_decay,  false, ,          "decoupled decay that η does not scale") \
    _(bool, rectify,      true,  ,          "steps rectified as RAdam's") \
    _(bool, sgd_phase,    true,  ,          "steps along m while ρ is at most 5") \
    _(bool, amsgrad,      false, ,          "use the largest s so far; with rectify it has no effect")
#define SWITCHES(_) _(largest, h->amsgrad && !h->rectify, 2)
#define SLOTS(_) \
    _(exp_avg,         1,       0, update, "first moment m") \
    _(exp_avg_var,     1,       0, update, "second moment s about m") \
    _(max_exp_avg_var, largest, 0, update, "largest s so far")
#define COEFS(_) _(couple) _(b1) _(a1) _(b2) _(a2) _(floor) _(step) _(root) _(eps) _(keep)
#define DIGITS(_) _(adabelief, "lr=3e-3", "")
#define EVIDENCE(_) \
    _(adabelief, authors,   "juntang-zhuang/Adabelief-Optimizer@2855178:pypi_packages/adabelief_pytorch0.2.1") \
    _(adabelief, reference, "tests/methods/adabelief.c")
#define SMOOTH      "amsgrad=false"
#include "engine/method.h"
#include "methods/support/rectify.h"

PREPARE
{
    double bc1 = 1 - lg_power(h->beta1, k), root = sqrt(1 - lg_power(h->beta2, k));
    double rect = lg_rectification(h->beta2, k, 5);
    int along = h->rectify && rect == 0;                               /* m / (0 + 1), or nothing */
    c->couple = h->decoupled ? 0 : h->weight_decay;
    c->b1    = h->beta1;  c->a1 = 1 - h->beta1;
    c->b2    = h->beta2;  c->a2 = 1 - h->beta2;
    c->floor = h->eps;
    c->step  = h->lr / bc1 * (!h->rectify ? 1 : along ? h->sgd_phase : rect * root);
    c->root  = !h->rectify ? 1 / root : !along;
    c->eps   = along ? 1 : h->eps;
    c->keep  = h->decoupled ? 1 - (h->fixed_decay ? 1 : h->lr) * h->weight_decay : 1;
}

UPDATE
{
    g += c->couple * x;
    s->exp_avg = c->b1 * s->exp_avg + c->a1 * g;
    real e = g - s->exp_avg, v = s->exp_avg_var = c->b2 * s->exp_avg_var + c->a2 * e * e + c->floor;
    if (largest) v = s->max_exp_avg_var = r_max(s->max_exp_avg_var, v);
    return c->keep * x - c->step * s->exp_avg / (c->root * r_sqrt(v) + c->eps);
}
