/*
 * Prodigy: Adam whose step size is an estimate d of the distance to the solution.
 *
 *     gₖ = ∇f(xₖ₋₁)                           decoupled = false:  + λ xₖ₋₁
 *     b  = √(1-β₂ᵏ) / (1-β₁ᵏ) or 1;    ηₖ = dₖ₋₁ η b
 *     mₖ = β₁ mₖ₋₁ + dₖ₋₁ (1-β₁) gₖ,    vₖ = β₂ vₖ₋₁ + dₖ₋₁² (1-β₂) gₖ²,    sₖ = β₃ sₖ₋₁ + (dₖ₋₁/d₀) ηₖ gₖ
 *     Aₖ = β₃ Aₖ₋₁ + (dₖ₋₁/d₀) ηₖ ⟨gₖ, x₀ - xₖ₋₁⟩,    d̂ₖ = c Aₖ / Σ|sₖ|        sums over all tensors
 *     dₖ = min(Dₖ, G d'),    Dₖ = max(Dₖ₋₁, d̂ₖ),    d' = max(d₀, d̂ₖ) while dₖ₋₁ = d₀, then dₖ₋₁;    G = growth_rate
 *     xₖ = xₖ₋₁ - ηₖ mₖ / (√vₖ + dₖ ε)            decoupled:  (1 - λ ηₖ) xₖ₋₁ in place of xₖ₋₁
 *     β₁ = 0:  dₖ gₖ in place of mₖ.      safeguard_warmup:  dₖ₋₁ in place of ηₖ in sₖ
 *     Σ|s| = 0:  nothing moves and k stays;   k counts the steps of the group.
 *
 * Ref   Mishchenko & Defazio, Prodigy: An Expeditiously Adaptive Parameter-Free Learner, ICML 2024; konstmish/prodigy.
 * Other conventions
 *       d_coef -> 0:   d stays d₀, and this is Adam of step size d₀ η (its m and v d₀ and d₀² times theirs)
 *       beta3 = none:  √β₂
 * SPDX-License-Identifier: MIT
 */
#define NAME  prodigy
#define TITLE "Prodigy"
#define PAPER "Mishchenko & Defazio, ICML 2024, arXiv:2306.06101"
#define HYPER(_) \
    _(rate,  lr,                  1,     "[0,inf)", "multiplies the estimated step, η") \
    _(real,  beta1,               0.9,   "[0,1)",   "decay of m") \
    _(real,  beta2,               0.999, "[0,1)",   "decay of v") \
    _(maybe, beta3,               none,  "[0,1)",   "decay of A and s; none: √β₂") \
    _(real,  eps,                 1e-8,  "[0,inf)", "ε") \
    _(real,  weight_decay,        0,     "[0,inf)", "decay λ") \
    _(bool,  decoupled,           true,  ,          "decay beside the gradient step, not through it") \
    _(real,  d0,                  1e-6,  "(0,inf)", "first estimate") \
    _(real,  d_coef,              1,     "(0,inf)", "multiplies the estimate, c") \
    _(maybe, growth_rate,         none,  "[1,inf)", "largest growth G of d in a step; none: any") \
    _(bool,  use_bias_correction, false, ,          "b as above, else 1") \
    _(bool,  safeguard_warmup,    false, ,          "d in place of η in s")
#define SWITCHES(_) _(moving, h->beta1 != 0, 2)
#define SLOTS(_) \
    _(exp_avg,    moving, 0, distance, "first moment m, times d") \
    _(exp_avg_sq, 1,      0, distance, "second moment v, times d²") \
    _(s,          1,      0, distance, "weighted gradient sum") \
    _(p0,         1,      x, never,    "start x₀")
#define MEMORY(_) \
    _(d,         h->d0, "estimate of the distance") \
    _(d_max,     h->d0, "largest d̂, D") \
    _(numerator, 0,     "A") \
    _(count,     0,     "steps that moved")
#define COEFS(_)    _(couple) _(b1) _(da1) _(b2) _(da2) _(b3) _(da3) _(weight) _(keep) _(step) _(eps)
#define MEASURES(_) _(distance, LG_ALL, 1)
#define SUMS(_)     _(distance, add, gap) _(distance, add, size)
#define EVIDENCE(_) \
    _(prodigy, authors,   "konstmish/prodigy@3efb213:prodigyopt/prodigy.py") \
    _(prodigy, reference, "tests/methods/prodigy.c")
#include "engine/method.h"

PREPARE
{
    double n = isinf(k) ? k : m->count + 1, d = m->d;
    double b = h->use_bias_correction ? sqrt(1 - lg_power(h->beta2, n)) / (1 - lg_power(h->beta1, n)) : 1;
    c->step = d * h->lr * b;
    c->couple = h->decoupled ? 0 : h->weight_decay;
    c->b1 = h->beta1;  c->da1 = d * (1 - h->beta1);
    c->b2 = h->beta2;  c->da2 = d * d * (1 - h->beta2);
    c->b3 = LG_NONE(h->beta3) ? sqrt(h->beta2) : h->beta3;
    c->da3 = d / h->d0 * (h->safeguard_warmup ? d : c->step);
    c->weight = d / h->d0 * c->step;
    c->keep = h->decoupled ? 1 - h->weight_decay * c->step : 1;
    c->eps  = d * h->eps;
}

MEASURE(distance)
{
    g += c->couple * x;
    sum->gap = MUL(g, s->p0 - x);
    if (moving) s->exp_avg = c->b1 * s->exp_avg + c->da1 * g;
    s->exp_avg_sq = c->b2 * s->exp_avg_sq + c->da2 * g * g;
    s->s = c->b3 * s->s + c->da3 * g;
    sum->size = (wide)r_abs(s->s);
}

THEN(distance)
{
    if (r->size == 0) { *stop = 1; return; }
    m->numerator = c->b3 * m->numerator + c->weight * r->gap;
    double hat = h->d_coef * m->numerator / r->size, d = m->d;
    if (d == h->d0) d = fmax(d, hat);
    m->d_max = fmax(m->d_max, hat);
    m->d = fmin(m->d_max, LG_NONE(h->growth_rate) ? HUGE_VAL : d * h->growth_rate);
    m->count++;
    c->eps = m->d * h->eps;
    if (h->beta1 == 0) c->step *= m->d;
}

UPDATE
{
    real top = moving ? s->exp_avg : g + c->couple * x;
    return c->keep * x - c->step * top / (r_sqrt(s->exp_avg_sq) + c->eps);
}
