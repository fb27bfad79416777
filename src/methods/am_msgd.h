/*
 * Adaptive-memory SGD: momentum whose weight solves a model of two planes in every step.
 *
 *     gₖ = ∇f(xₖ₋₁) + λ_w xₖ₋₁
 *     βₖ = (‖g‖² + 2λ ⟨g,d⟩ - λ‖d‖²) / ‖d - g‖²  at least 0, at most β_max;  d = dₖ₋₁;  d = g:  0
 *     dₖ = ((βₖ + λ) dₖ₋₁ + (1-βₖ) gₖ) / (1+λ),      d₁ = g₁
 *     xₖ = xₖ₋₁ - η dₖ
 *     scope = global:  sums over all tensors, one β;   tensor:  a β for each
 *     The planes  f + ⟨g, y-x⟩  and  f + η⟨g,d⟩ + ⟨d, y-x⟩,  their maximum + ‖y-x‖²/2η + λ‖y - x + η d‖²/2η
 *     least at y = xₖ: β is the weight of the second plane in the dual.
 *
 * Ref   Topollai & Choromanska, Adaptive Memory Momentum via a Model-Based Framework, AISTATS 2026.
 * Other conventions
 *       λ = 0:              β = ‖g‖² / ‖d - g‖², clipped
 *       increments:         xₖ = xₖ₋₁ - η [(1-β) g + (β+λ) dₖ₋₁] / (1+λ)
 *       effective momentum: (β+λ) / (1+λ), at most (β_max+λ) / (1+λ)
 * SPDX-License-Identifier: MIT
 */
#define NAME  am_msgd
#define TITLE "Adaptive-memory SGD"
#define PAPER "Topollai & Choromanska, AISTATS 2026, arXiv:2510.04988"
#define HYPER(_) \
    _(rate, lr,           0.1,    "[0,inf)", "step size η") \
    _(real, beta_max,     0.9,    "[0,1]",   "largest weight of the memory") \
    _(real, lam,          0.1,    "[0,inf)", "pull λ towards the step that memory alone would take") \
    _(real, weight_decay, 0,      "[0,inf)", "coupled decay λ_w") \
    _(word, scope,        global, (global, tensor), "what has one β")
#define SLOTS(_)    _(momentum_buffer, 1, (real)INFINITY, update, "memory d; infinite: none yet")
#define COEFS(_)    _(decay) _(lr) _(lam) _(on_d) _(on_g)
#define MEASURES(_) \
    _(all,  LG_ALL,    h->scope == WORD(scope, global)) \
    _(each, LG_TENSOR, h->scope == WORD(scope, tensor))
#define SUMS(_)     _(all, add, model) _(all, add, apart) _(each, add, own_model) _(each, add, own_apart)
#define EVIDENCE(_) _(am_msgd, reference, "tests/methods/am_msgd.c")
#define SMOOTH      "heavy_ball"
#include "engine/method.h"

PREPARE
{
    c->decay = h->weight_decay;
    c->lr    = h->lr;
    c->lam   = h->lam;
}

/* A tensor whose first gradient this is has the memory d = g. */
LOCAL(memory) { return RE(s->momentum_buffer) == (real)INFINITY ? g : s->momentum_buffer; }

LOCAL(gradient) { return g + c->decay * x; }

static inline void TAG(weigh)(const struct TAG(hyper) *h, struct TAG(coef64) *c, double model, double apart)
{
    double beta = apart == 0 ? 0 : model / apart;
    beta = beta < 0 ? 0 : beta > h->beta_max ? h->beta_max : beta;                /* NaN stays */
    c->on_d = (beta + h->lam) / (1 + h->lam);
    c->on_g = (1 - beta) / (1 + h->lam);
}

MEASURE(all)
{
    g = CALL(gradient);
    real d = CALL(memory);
    sum->model = SQ(g) + (wide)c->lam * (2 * MUL(g, d) - SQ(d));
    sum->apart = SQ(d - g);
}

MEASURE(each)
{
    TAG(measure_all)(x, g, s, c, r, sum);
    sum->own_model = sum->model;
    sum->own_apart = sum->apart;
}

THEN(all)  { TAG(weigh)(h, c, r->model, r->apart); }
THEN(each) { TAG(weigh)(h, c, r->own_model, r->own_apart); }

UPDATE
{
    g = CALL(gradient);
    s->momentum_buffer = c->on_d * CALL(memory) + c->on_g * g;
    return x - c->lr * s->momentum_buffer;
}
