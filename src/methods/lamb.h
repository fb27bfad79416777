/*
 * LAMB: Adam's direction, scaled per tensor by a trust ratio.
 *
 *     gₖ = ∇f(xₖ₋₁) / max(1, ‖∇f‖ / C)           ‖∇f‖ over all tensors, C = max_grad_norm
 *     mₖ = β₁ mₖ₋₁ + (1-β₁) gₖ                   grad_averaging = false:  + gₖ
 *     vₖ = β₂ vₖ₋₁ + (1-β₂) gₖ²
 *     uₖ = (mₖ / (1-β₁ᵏ)) / (√vₖ / √(1-β₂ᵏ) + ε) + λ xₖ₋₁
 *     xₖ = xₖ₋₁ - η r uₖ,    r = ‖xₖ₋₁‖ / ‖uₖ‖ per tensor, 1 where either is 0;  trust_clip:  at most 1
 *     λ = 0:  r = 1, unless always_adapt.      decoupled:  x := (1 - η λ) x first, and no λ x in u
 *     k counts the steps of the group.
 *
 * Ref   You et al., Large Batch Optimization for Deep Learning, ICLR 2020; timm (NVLAMB).
 * Other conventions
 *       first code (weight_norm_clamp = 10, bias_correction = false, weight_decay = 0):  r = min(‖x‖, 10) / ‖u‖,
 *             no clip, and r also where λ = 0
 *       paper:  max_grad_norm = none, always_adapt
 * SPDX-License-Identifier: MIT
 */
#define NAME  lamb
#define TITLE "LAMB"
#define PAPER "You et al., ICLR 2020, arXiv:1904.00962"
#define HYPER(_) \
    _(rate,  lr,                1e-3,  "[0,inf)", "step size η") \
    _(real,  beta1,             0.9,   "[0,1)",   "decay of m") \
    _(real,  beta2,             0.999, "[0,1)",   "decay of v") \
    _(real,  eps,               1e-6,  "[0,inf)", "ε, outside the root") \
    _(real,  weight_decay,      0.01,  "[0,inf)", "decay λ, inside the direction") \
    _(bool,  decoupled,         false, ,          "decay outside the direction instead") \
    _(bool,  bias_correction,   true,  ,          "divide by 1-βᵏ") \
    _(bool,  grad_averaging,    true,  ,          "weight 1-β₁ on the gradient") \
    _(maybe, max_grad_norm,     1,     "[0,inf)", "clip C of the global gradient norm; 0 or none: off") \
    _(bool,  trust_clip,        false, ,          "r at most 1") \
    _(bool,  always_adapt,      false, ,          "r also where λ = 0") \
    _(maybe, weight_norm_clamp, none,  "(0,inf)", "largest ‖x‖ in r; set: the first code's rule")
#define SLOTS(_) \
    _(exp_avg,    1, 0, norms, "first moment m") \
    _(exp_avg_sq, 1, 0, norms, "second raw moment v")
#define COEFS(_) _(clip) _(b1) _(a1) _(b2) _(a2) _(rc1) _(rc2) _(eps) _(decay) _(keep) _(step)
#define MEASURES(_) \
    _(clip,  LG_ALL,    h->max_grad_norm > 0 && LG_NONE(h->weight_norm_clamp)) \
    _(norms, LG_TENSOR, 1)
#define SUMS(_) _(clip, add, gg) _(norms, add, xx) _(norms, add, uu)
#define DIGITS(_) _(lamb, "lr=0.01", "")
#define EVIDENCE(_) \
    _(lamb, library,   "huggingface/pytorch-image-models@aa4b585:timm/optim/lamb.py") \
    _(lamb, library,   "cybertronai/pytorch-lamb@d3ab8dc:pytorch_lamb/lamb.py") \
    _(lamb, reference, "tests/methods/lamb.c")
#define SMOOTH      "adamw, which has no trust ratio"
#include "engine/method.h"

PREPARE
{
    c->clip = 1;
    c->b1   = h->beta1;  c->a1 = h->grad_averaging ? 1 - h->beta1 : 1;
    c->b2   = h->beta2;  c->a2 = 1 - h->beta2;
    c->rc1  = h->bias_correction ? 1 / (1 - lg_power(h->beta1, k)) : 1;
    c->rc2  = h->bias_correction ? 1 / sqrt(1 - lg_power(h->beta2, k)) : 1;
    c->eps  = h->eps;
    c->decay = h->decoupled ? 0 : h->weight_decay;
    c->keep  = h->decoupled ? 1 - h->lr * h->weight_decay : 1;
    c->step  = h->lr;
}

LOCAL(direction) { return s->exp_avg * c->rc1 / (r_sqrt(s->exp_avg_sq) * c->rc2 + c->eps) + c->decay * x; }

MEASURE(clip) { sum->gg = SQ(g); }

THEN(clip)
{
    double over = sqrt(r->gg) / h->max_grad_norm;
    c->clip = over <= 1 ? 1 : 1 / over;               /* a norm that is NaN makes the step NaN */
}

MEASURE(norms)
{
    g *= c->clip;
    s->exp_avg    = c->b1 * s->exp_avg + c->a1 * g;
    s->exp_avg_sq = c->b2 * s->exp_avg_sq + c->a2 * g * g;
    real u = CALL(direction);
    sum->xx = SQ(x);
    sum->uu = SQ(u);
}

THEN(norms)
{
    double xn = fabs(c->keep) * sqrt(r->xx), un = sqrt(r->uu), ratio;
    if (!LG_NONE(h->weight_norm_clamp)) xn = fmin(xn, h->weight_norm_clamp);
    else if (h->weight_decay == 0 && !h->always_adapt) return;
    ratio = xn > 0 && un > 0 ? xn / un : 1;
    c->step = h->lr * (h->trust_clip ? fmin(ratio, 1) : ratio);
}

UPDATE { return c->keep * x - c->step * CALL(direction); }
