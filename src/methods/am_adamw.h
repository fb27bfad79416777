/*
 * Adaptive-memory AdamW: AdamW whose first moment's weight solves a model of two planes in every step, per tensor.
 *
 *     vₖ = β₂ vₖ₋₁ + (1-β₂) gₖ²
 *     Pₖ = (1 - β_max Πₖ₋₁) (√(vₖ / (1-β₂ᵏ)) + ε),    Rₖ = 1 + λ Pₖ,    Πₖ = β₁ β₂ ... βₖ of the weights below
 *     βₖ = [ (1 + λ_w ηₖ) ηₖ₋₁/ηₖ Σ g (d/P + λ_w x) - Σ (d-g)(g + λ P d) / (P R) - λ_w Σ x (d-g) ] / Σ (d-g)² / (P R)
 *         at least 0, at most β_max;   d = dₖ₋₁, d₀ = 0;   β₁ = β_max;   nothing to divide by:  0;   ηₖ = 0:  without
 *         its first sum
 *     dₖ = [ (1-βₖ) gₖ + (λ Pₖ + βₖ) dₖ₋₁ ] / Rₖ
 *     xₖ = (1 - ηₖ λ_w) xₖ₋₁ - ηₖ dₖ / Pₖ
 *
 * Ref   Topollai & Choromanska, Adaptive Memory Momentum via a Model-Based Framework, AISTATS 2026.
 *       The first weight, the gap with decay and ηₖ₋₁ in it are not from the paper's text but from a reading of it.
 * Other conventions
 *       λ = 0 and β = β_max in every step:  AdamW with β₁ = β_max, since then 1 - β_max Πₖ₋₁ = 1 - β₁ᵏ and d is m
 * SPDX-License-Identifier: MIT
 */
#define NAME  am_adamw
#define TITLE "Adaptive-memory AdamW"
#define PAPER "Topollai & Choromanska, AISTATS 2026, arXiv:2510.04988"
#define HYPER(_) \
    _(rate, lr,           1e-3,  "[0,inf)", "step size η") \
    _(real, beta1_max,    0.89,  "[0,1)",   "largest weight β_max of the memory") \
    _(real, beta2,        0.999, "[0,1)",   "decay of v") \
    _(real, eps,          1e-8,  "[0,inf)", "ε") \
    _(real, lam,          0.1,   "[0,inf)", "pull λ towards the step that memory alone would take") \
    _(real, weight_decay, 0,     "[0,inf)", "decoupled decay λ_w")
#define SLOTS(_) \
    _(exp_avg,    1, 0, update, "memory d") \
    _(exp_avg_sq, 1, 0, planes, "second raw moment v")
#define OWN(_)      _(beta_product, 1, "product Π of the weights") _(lr_before, 0, "step size of the step before")
#define COEFS(_)    _(b2) _(a2) _(rc2) _(eps) _(scale) _(lam) _(decay) _(gain) _(beta) _(rest) _(keep) _(lr)
#define MEASURES(_) _(planes, LG_TENSOR, 1)
#define SUMS(_)     _(planes, add, gap) _(planes, add, pull) _(planes, add, apart)
#define EVIDENCE(_) _(am_adamw, reference, "tests/methods/am_adamw.c")
#define SMOOTH      "adamw"
#include "engine/method.h"

PREPARE
{
    c->b2    = h->beta2;  c->a2 = 1 - h->beta2;
    c->rc2   = 1 / (1 - lg_power(h->beta2, k));
    c->eps   = h->eps;
    c->scale = 1 - h->beta1_max * (isinf(k) ? 0 : own->beta_product);
    c->lam   = h->lam;
    c->decay = h->weight_decay;
    c->gain  = h->lr == 0 ? 0 : (1 + h->weight_decay * h->lr) * own->lr_before / h->lr;
    c->keep  = 1 - h->lr * h->weight_decay;
    c->lr    = h->lr;
}

LOCAL(metric) { return c->scale * (r_sqrt(s->exp_avg_sq * c->rc2) + c->eps); }

MEASURE(planes)
{
    s->exp_avg_sq = c->b2 * s->exp_avg_sq + c->a2 * g * g;
    real P = CALL(metric), d = s->exp_avg, w = (d - g) / (P * (1 + c->lam * P));
    sum->gap   = MUL(g, d / P + c->decay * x);
    sum->pull  = MUL(w, g + c->lam * P * d) + (wide)c->decay * MUL(x, d - g);
    sum->apart = MUL(w, d - g);
}

THEN(planes)
{
    double beta = r->apart == 0 ? 0 : (c->gain * r->gap - r->pull) / r->apart;
    beta = k == 1 || beta > h->beta1_max ? h->beta1_max : beta < 0 ? 0 : beta;         /* NaN stays */
    c->beta = beta;
    c->rest = 1 - beta;
    own->beta_product *= beta;
    own->lr_before = h->lr;
}

UPDATE
{
    real P = CALL(metric);
    s->exp_avg = (c->rest * g + (c->lam * P + c->beta) * s->exp_avg) / (1 + c->lam * P);
    return c->keep * x - c->lr * s->exp_avg / P;
}
