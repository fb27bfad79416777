/*
 * Adan: Nesterov momentum estimated from gradients and their differences.
 *
 *     gₖ = c ∇f(xₖ₋₁),   c = min(1, C / (‖∇f‖ + ε)) with ‖∇f‖ over all tensors, C = max_grad_norm
 *     dₖ = gₖ - gₖ₋₁,  d₁ = 0
 *     mₖ = β₁ mₖ₋₁ + (1-β₁) gₖ,    vₖ = β₂ vₖ₋₁ + (1-β₂) dₖ,    nₖ = β₃ nₖ₋₁ + (1-β₃) (gₖ + β₂ dₖ)²
 *     uₖ = [ mₖ / (1-β₁ᵏ) + β₂ vₖ / (1-β₂ᵏ) ] / (√(nₖ / (1-β₃ᵏ)) + ε)
 *     xₖ = (xₖ₋₁ - η uₖ) / (1 + η λ)           no_prox:  (1 - η λ) xₖ₋₁ - η uₖ
 *     k counts the steps of the group.
 *
 * Ref   Xie et al., Adan, IEEE TPAMI 2024; sail-sg/Adan.
 * Other conventions
 *       paper:   its betas are 1 - β here
 *       restart: a new optimizer
 * SPDX-License-Identifier: MIT
 */
#define NAME  adan
#define TITLE "Adan"
#define PAPER "Xie et al., IEEE TPAMI 2024, arXiv:2208.06677"
#define HYPER(_) \
    _(rate,  lr,            1e-3,  "[0,inf)", "step size η") \
    _(real,  beta1,         0.98,  "[0,1)",   "decay of m") \
    _(real,  beta2,         0.92,  "[0,1)",   "decay of v, and weight of differences") \
    _(real,  beta3,         0.99,  "[0,1)",   "decay of n") \
    _(real,  eps,           1e-8,  "[0,inf)", "ε, outside the root") \
    _(real,  weight_decay,  0,     "[0,inf)", "decay λ") \
    _(bool,  no_prox,       false, ,          "decay before the step, not by division after it") \
    _(maybe, max_grad_norm, none,  "[0,inf)", "clip C of the global gradient norm; 0 or none: off")
#define SLOTS(_) \
    _(exp_avg,       1, 0, update, "first moment m") \
    _(exp_avg_diff,  1, 0, update, "mean v of the differences") \
    _(exp_avg_sq,    1, 0, update, "second moment n") \
    _(previous_grad, 1, (real)INFINITY, update, "gradient of the step before, clipped; infinite: none yet")
#define COEFS(_)    _(clip) _(b1) _(a1) _(b2) _(a2) _(b3) _(a3) _(on_m) _(on_v) _(rc3) _(eps) _(keep) _(after)
#define MEASURES(_) _(clip, LG_ALL, h->max_grad_norm > 0)
#define SUMS(_)     _(clip, add, gg)
#define EVIDENCE(_) \
    _(adan, authors,   "sail-sg/Adan@2c65bea:adan.py") \
    _(adan, reference, "tests/methods/adan.c")
#define SMOOTH      "max_grad_norm=none, no_prox=true"
#include "engine/method.h"

PREPARE
{
    c->clip  = 1;
    c->b1    = h->beta1;  c->a1 = 1 - h->beta1;
    c->b2    = h->beta2;  c->a2 = 1 - h->beta2;
    c->b3    = h->beta3;  c->a3 = 1 - h->beta3;
    c->on_m  = h->lr / (1 - lg_power(h->beta1, k));
    c->on_v  = h->lr * h->beta2 / (1 - lg_power(h->beta2, k));
    c->rc3   = 1 / (1 - lg_power(h->beta3, k));
    c->eps   = h->eps;
    c->keep  = h->no_prox ? 1 - h->lr * h->weight_decay : 1;
    c->after = h->no_prox ? 1 : 1 / (1 + h->lr * h->weight_decay);
}

MEASURE(clip) { sum->gg = SQ(g); }

THEN(clip)
{
    double most = h->max_grad_norm / (sqrt(r->gg) + h->eps);
    c->clip = most >= 1 ? 1 : most;                   /* a norm that is NaN makes the step NaN */
}

UPDATE
{
    g *= c->clip;
    real d = RE(s->previous_grad) == (real)INFINITY ? 0 : g - s->previous_grad, n = g + c->b2 * d;
    s->previous_grad = g;
    s->exp_avg      = c->b1 * s->exp_avg + c->a1 * g;
    s->exp_avg_diff = c->b2 * s->exp_avg_diff + c->a2 * d;
    s->exp_avg_sq   = c->b3 * s->exp_avg_sq + c->a3 * n * n;
    real u = (c->on_m * s->exp_avg + c->on_v * s->exp_avg_diff) / (r_sqrt(s->exp_avg_sq * c->rc3) + c->eps);
    return (c->keep * x - u) * c->after;
}
