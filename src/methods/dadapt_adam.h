/*
 * D-Adapt Adam: Adam whose step size is an estimate d of the distance to the solution.
 *
 *     gₖ = ∇f(xₖ₋₁)                           decoupled = false:  + λ xₖ₋₁
 *     b  = √(1-β₂ᵏ) / (1-β₁ᵏ) or 1;    ηₖ = dₖ₋₁ η b,    q = √β₂
 *     Aₖ = q Aₖ₋₁ + (1-q) ηₖ Σ gₖ sₖ₋₁ / (√vₖ₋₁ + ε)         sums over all tensors
 *     mₖ = β₁ mₖ₋₁ + ηₖ (1-β₁) gₖ,    vₖ = β₂ vₖ₋₁ + (1-β₂) gₖ²,    sₖ = q sₖ₋₁ + ηₖ (1-q) gₖ
 *     d̂ = Aₖ / ((1-q) Σ|sₖ|),    dₖ = max(dₖ₋₁, min(d̂, G dₖ₋₁)),    G = growth_rate
 *     xₖ = xₖ₋₁ - mₖ / (√vₖ + ε)              decoupled:  (1 - ηₖ λ) xₖ₋₁ in place of xₖ₋₁
 *     Σ|s| = 0:  nothing moves and k stays;   k counts the steps of the group.
 *
 * Ref   Defazio & Mishchenko, Learning-Rate-Free Learning by D-Adaptation, ICML 2023; facebookresearch/dadaptation.
 * Other conventions
 *       growth_rate = 1:  d stays d₀, and this is Adam without correction, its step size d₀ η inside m
 *       numerator of d̂:   Σⱼ q^(k-j) (1-q) ηⱼ ⟨gⱼ, sⱼ₋₁⟩ in the metric of vⱼ₋₁
 * SPDX-License-Identifier: MIT
 */
#define NAME  dadapt_adam
#define TITLE "D-Adapt Adam"
#define PAPER "Defazio & Mishchenko, ICML 2023, arXiv:2301.07733"
#define HYPER(_) \
    _(rate,  lr,                  1,     "[0,inf)", "multiplies the estimated step, η") \
    _(real,  beta1,               0.9,   "[0,1)",   "decay of m") \
    _(real,  beta2,               0.999, "[0,1)",   "decay of v; its root that of s and A") \
    _(real,  eps,                 1e-8,  "[0,inf)", "ε") \
    _(real,  weight_decay,        0,     "[0,inf)", "decay λ") \
    _(bool,  decoupled,           false, ,          "decay beside the gradient step, not through it") \
    _(real,  d0,                  1e-6,  "(0,inf)", "first estimate") \
    _(maybe, growth_rate,         none,  "[1,inf)", "largest growth G of d in a step; none: any") \
    _(bool,  use_bias_correction, false, ,          "b as above, else 1")
#define SLOTS(_) \
    _(exp_avg,    1, 0, distance, "first moment m, times the step size") \
    _(exp_avg_sq, 1, 0, distance, "second raw moment v") \
    _(s,          1, 0, distance, "weighted gradient sum")
#define MEMORY(_) \
    _(d,         h->d0, "estimate of the distance") \
    _(numerator, 0,     "A") \
    _(count,     0,     "steps that moved")
#define COEFS(_)    _(couple) _(b1) _(a1) _(b2) _(a2) _(q) _(aq) _(eps) _(step) _(keep)
#define MEASURES(_) _(distance, LG_ALL, 1)
#define SUMS(_)     _(distance, add, gap) _(distance, add, size)
#define EVIDENCE(_) \
    _(dadapt_adam, authors,   "facebookresearch/dadaptation@c984980:dadaptation/dadapt_adam.py") \
    _(dadapt_adam, reference, "tests/methods/dadapt_adam.c")
#include "engine/method.h"

PREPARE
{
    double n = m->count + 1, q = sqrt(h->beta2);
    double b = h->use_bias_correction ? sqrt(1 - lg_power(h->beta2, n)) / (1 - lg_power(h->beta1, n)) : 1;
    c->step   = m->d * h->lr * b;
    c->couple = h->decoupled ? 0 : h->weight_decay;
    c->b1  = h->beta1;  c->a1 = c->step * (1 - h->beta1);
    c->b2  = h->beta2;  c->a2 = 1 - h->beta2;
    c->q   = q;         c->aq = c->step * (1 - q);
    c->eps = h->eps;
    c->keep = h->decoupled ? 1 - h->weight_decay * c->step : 1;
}

MEASURE(distance)
{
    g += c->couple * x;
    sum->gap = MUL(g, s->s / (r_sqrt(s->exp_avg_sq) + c->eps));
    s->exp_avg    = c->b1 * s->exp_avg + c->a1 * g;
    s->exp_avg_sq = c->b2 * s->exp_avg_sq + c->a2 * g * g;
    s->s          = c->q * s->s + c->aq * g;
    sum->size = (wide)r_abs(s->s);
}

THEN(distance)
{
    if (r->size == 0) { *stop = 1; return; }
    m->numerator = c->q * m->numerator + (1 - c->q) * c->step * r->gap;
    double hat = m->numerator / ((1 - c->q) * r->size), most = LG_NONE(h->growth_rate) ? HUGE_VAL : m->d * h->growth_rate;
    hat = hat > most ? most : hat;
    m->d = hat <= m->d ? m->d : hat;                  /* an estimate that is NaN stays */
    m->count++;
}

UPDATE { return c->keep * x - s->exp_avg / (r_sqrt(s->exp_avg_sq) + c->eps); }
