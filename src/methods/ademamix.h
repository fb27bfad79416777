/*
 * AdEMAMix: Adam with a second first moment that remembers for thousands of steps.
 *
 *     fₖ = β₁ fₖ₋₁ + (1-β₁) gₖ,    mₖ = bₖ mₖ₋₁ + (1-bₖ) gₖ,    vₖ = β₂ vₖ₋₁ + (1-β₂) gₖ²
 *     xₖ = (1 - η λ) xₖ₋₁ - η (fₖ / (1-β₁ᵏ) + αₖ mₖ) / (√(vₖ / (1-β₂ᵏ)) + ε)
 *     αₖ = α min(1, k / T_α),      T_α = alpha_warmup
 *     bₖ = β₃ from step T_β = beta3_warmup on; before, with h(b) = log ½ / log(b + 10⁻⁸) - 1,
 *          bₖ = ½^(1 / (y+1)),  y = (1 - k/T_β) h(β₁) + k/T_β h(β₃)
 *
 * Ref   Pagliardini, Ablin & Grangier, The AdEMAMix Optimizer: Better, Faster, Older, ICLR 2025; apple/ml-ademamix.
 *       h is the half-life less one; 10⁻⁸ stands in the released code. Nothing corrects the bias of m.
 * Other conventions
 *       α = 0:   AdamW;    β₁ = 0:  f = g, and its slot is gone
 * SPDX-License-Identifier: MIT
 */
#define NAME  ademamix
#define TITLE "AdEMAMix"
#define PAPER "Pagliardini, Ablin & Grangier, ICLR 2025, arXiv:2409.03137"
#define HYPER(_) \
    _(rate,  lr,           1e-3,   "[0,inf)", "step size η") \
    _(real,  beta1,        0.9,    "[0,1)",   "decay of f") \
    _(real,  beta2,        0.999,  "[0,1)",   "decay of v") \
    _(real,  beta3,        0.9999, "[0,1)",   "decay of m") \
    _(real,  alpha,        2,      "[0,inf)", "weight α of m; 5 to 10 in long runs") \
    _(maybe, alpha_warmup, none,   "[0,inf)", "steps T_α over which α grows; 0 or none: at once") \
    _(maybe, beta3_warmup, none,   "[0,inf)", "steps T_β over which b grows from β₁ to β₃; 0 or none: at once") \
    _(real,  eps,          1e-8,   "[0,inf)", "ε, outside the root") \
    _(real,  weight_decay, 0,      "[0,inf)", "decoupled decay λ")
#define SWITCHES(_) _(fast, h->beta1 != 0, 2)
#define SLOTS(_) \
    _(exp_avg_fast, fast, 0, update, "first moment f") \
    _(exp_avg_slow, 1,    0, update, "slow first moment m") \
    _(exp_avg_sq,   1,    0, update, "second raw moment v")
#define COEFS(_) _(b1) _(a1) _(b2) _(a2) _(b3) _(a3) _(rc2) _(eps) _(on_f) _(on_m) _(keep)
#define EVIDENCE(_) \
    _(ademamix, authors,   "apple/ml-ademamix@c3d73c0:pytorch/ademamix.py") \
    _(ademamix, reference, "tests/methods/ademamix.c")
#include "engine/method.h"

/* h of the opening comment. */
static inline double TAG(half_life)(double b) { return lg_log(0.5) / lg_log(b + 1e-8) - 1; }

/* How much of a warm-up is over: all of one that is none, which is NaN, or 0. */
static inline double TAG(part)(double k, double warmup) { return fmin(1, k / warmup); }

static inline double TAG(slow)(const struct TAG(hyper) *h, double k)
{
    double part = TAG(part)(k, h->beta3_warmup);
    double y = (1 - part) * TAG(half_life)(h->beta1) + part * TAG(half_life)(h->beta3);
    return part == 1 ? h->beta3 : lg_pow(0.5, 1 / (y + 1));
}

PREPARE
{
    c->b1   = h->beta1;          c->a1 = 1 - h->beta1;
    c->b2   = h->beta2;          c->a2 = 1 - h->beta2;
    c->b3   = TAG(slow)(h, k);   c->a3 = 1 - c->b3;
    c->rc2  = 1 / (1 - lg_power(h->beta2, k));
    c->eps  = h->eps;
    c->on_f = h->lr / (1 - lg_power(h->beta1, k));
    c->on_m = h->lr * h->alpha * TAG(part)(k, h->alpha_warmup);
    c->keep = 1 - h->lr * h->weight_decay;
}

UPDATE
{
    real f = g;
    if (fast) f = s->exp_avg_fast = c->b1 * s->exp_avg_fast + c->a1 * g;
    s->exp_avg_slow = c->b3 * s->exp_avg_slow + c->a3 * g;
    s->exp_avg_sq   = c->b2 * s->exp_avg_sq + c->a2 * g * g;
    return c->keep * x - (c->on_f * f + c->on_m * s->exp_avg_slow) / (r_sqrt(s->exp_avg_sq * c->rc2) + c->eps);
}
