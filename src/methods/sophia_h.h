/*
 * Sophia-H: momentum divided by a Hutchinson estimate of the curvature, and clipped.
 *
 *     hₖ = β₂ hₖ₋₁ + (1-β₂) z ∘ ∇²f(xₖ₋₁) z  in steps k = 1, I+1, 2I+1, ...,  else hₖ₋₁;      I = hessian_interval
 *     mₖ = β₁ mₖ₋₁ + (1-β₁) gₖ
 *     xₖ = (1 - η λ) xₖ₋₁ - η clip(mₖ / max(γ hₖ, ε), -C, C)
 *     z ∘ ∇²f z = hutchinson, z standard normal or of signs
 *
 * Ref   Liu et al., Sophia, ICLR 2024.      Where h <= 0 the steps are those of the sign of m.
 * Other conventions
 *       bias_correction = true (optax):  mₖ / (1-β₁ᵏ) in place of mₖ
 *       C and η:                         η C and C = 1 with γ and ε C times as large
 * SPDX-License-Identifier: MIT
 */
#define NAME  sophia_h
#define TITLE "Sophia-H"
#define PAPER "Liu et al., ICLR 2024, arXiv:2305.14342"
#define HYPER(_) \
    _(rate, lr,               1e-4,  "[0,inf)", "step size η") \
    _(real, beta1,            0.96,  "[0,1)",   "decay of m") \
    _(real, beta2,            0.99,  "[0,1)",   "decay of h") \
    _(real, gamma,            0.01,  "(0,inf)", "γ: a smaller one clips more steps") \
    _(real, clip,             1,     "(0,inf)", "largest step C, in units of η") \
    _(int,  hessian_interval, 10,    "[1,inf)", "steps I between refreshes of h") \
    _(real, eps,              1e-12, "(0,inf)", "ε, the least γ h") \
    _(real, weight_decay,     0.1,   "[0,inf)", "decoupled decay λ") \
    _(bool, bias_correction,  false, ,          "divide m by 1-β₁ᵏ")
#define SWITCHES(_) _(refresh, fmod(k - 1, (double)h->hessian_interval) == 0, 2)
#define SLOTS(_) \
    _(exp_avg, 1, 0, update, "first moment m") \
    _(hessian, 1, 0, refresh ? update : never, "curvature h")
#define INPUTS(_) _(hutchinson, refresh, "z times the Hessian times z, coordinate by coordinate, every hessian_interval steps")
#define COEFS(_)  _(b1) _(a1) _(b2) _(a2) _(gamma) _(eps) _(rc1) _(most) _(least) _(lr) _(keep)
#define DIGITS(_) _(sophia_h, "lr=1e-3", "")
#define EVIDENCE(_) _(sophia_h, reference, "tests/methods/sophia_h.c")
#include "engine/method.h"

PREPARE
{
    c->b1 = h->beta1;  c->a1 = 1 - h->beta1;
    c->b2 = h->beta2;  c->a2 = 1 - h->beta2;
    c->gamma = h->gamma;
    c->eps   = h->eps;
    c->rc1   = h->bias_correction ? 1 / (1 - lg_power(h->beta1, k)) : 1;
    c->most  = h->clip;
    c->least = -h->clip;
    c->lr    = h->lr;
    c->keep  = 1 - h->lr * h->weight_decay;
}

UPDATE
{
    if (refresh) s->hessian = c->b2 * s->hessian + c->a2 * s->hutchinson;
    s->exp_avg = c->b1 * s->exp_avg + c->a1 * g;
    real d = c->rc1 * s->exp_avg / r_max(c->eps, c->gamma * s->hessian);
    return c->keep * x - c->lr * r_max(c->least, r_min(c->most, d));
}
