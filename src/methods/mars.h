/*
 * MARS: a variance-reduced gradient, clipped per tensor, fed to AdamW or to Lion with one β.
 *
 *     cₖ = gₖ + γ β₁/(1-β₁) (gₖ - lₖ)      lₖ: last gradient; exact: this batch's gradient at xₖ₋₂;  l₁ = 0
 *     cₖ := cₖ / max(1, ‖cₖ‖) per tensor
 *     mₖ = β₁ mₖ₋₁ + (1-β₁) cₖ;   vₖ = β₂ vₖ₋₁ + (1-β₂) cₖ²
 *     xₖ = (1 - η λ) xₖ₋₁ - η (mₖ / (1-β₁ᵏ)) / (√(vₖ / (1-β₂ᵏ)) + ε)          lion:  - η sign mₖ
 *     amsgrad:  the largest v so far, as in Adam.
 *     Tensors that are not matrices get AdamW on g with the settings *_1d, unless optimize_1d.
 *
 * Ref   Yuan et al., MARS: Unleashing the Power of Variance Reduction, ICML 2025; AGI-Arena/MARS.
 * Other conventions
 *       gamma = 0:                  AdamW, or signum, on gradients clipped to the norm 1
 *       start with equal points (paper):  c₁ = g₁, which is exact with prev_grad = g₁ in step 1
 * SPDX-License-Identifier: MIT
 */
#define NAME  mars
#define TITLE "MARS"
#define PAPER "Yuan et al., ICML 2025, arXiv:2411.10438"
#define HYPER(_) \
    _(rate, lr,              3e-3,  "[0,inf)", "step size η") \
    _(real, beta1,           0.95,  "[0,1)",   "decay of m") \
    _(real, beta2,           0.99,  "[0,1)",   "decay of v") \
    _(real, eps,             1e-8,  "[0,inf)", "ε") \
    _(real, weight_decay,    0,     "[0,inf)", "decoupled decay λ") \
    _(real, gamma,           0.025, "[0,inf)", "strength of the correction γ") \
    _(word, base,            adamw, (adamw, lion), "rule that is fed") \
    _(bool, exact,           false, ,          "l is supplied: the batch's gradient at the last parameters") \
    _(bool, amsgrad,         false, ,          "use the largest v so far") \
    _(bool, optimize_1d,     false, ,          "the rule for every tensor") \
    _(rate, lr_1d,           3e-3,  "[0,inf)", "η of the other tensors") \
    _(real, beta1_1d,        0.9,   "[0,1)",   "their β₁") \
    _(real, beta2_1d,        0.95,  "[0,1)",   "their β₂") \
    _(real, weight_decay_1d, 0.1,   "[0,inf)", "their λ")
#define SWITCHES(_) \
    _(rule,    !h->optimize_1d && t->ndim != 2 ? 0 : h->base == WORD(base, adamw) ? 1 : 2, 3) \
    _(exact,   h->exact, 2) \
    _(amsgrad, h->amsgrad, 2)
#define SLOTS(_) \
    _(exp_avg,        1,                    0, update, "first moment m") \
    _(exp_avg_sq,     rule < 2,             0, update, "second moment v") \
    _(max_exp_avg_sq, rule == 1 && amsgrad, 0, update, "largest v so far") \
    _(last_grad,      rule && !exact,       0, update, "gradient of the last step")
#define INPUTS(_)   _(prev_grad, rule && exact, "this batch's gradient at the last parameters")
#define COEFS(_)    _(gamma) _(scale) _(b1) _(a1) _(b2) _(a2) _(step) _(rc2) _(eps) _(keep) _(lr)
#define MEASURES(_) _(norm, LG_TENSOR, 1)
#define SUMS(_)     _(norm, add, cc)
#define EVIDENCE(_) \
    _(mars, authors,   "AGI-Arena/MARS@4831e28:MARS/optimizers/mars.py") \
    _(mars, reference, "tests/methods/mars.c")
#define SMOOTH      "adamw"
#include "engine/method.h"

/* The constants of AdamW with these settings. */
static inline void TAG(adamw)(struct TAG(coef64) *c, double lr, double b1, double b2, double decay, double k)
{
    c->b1   = b1;  c->a1 = 1 - b1;
    c->b2   = b2;  c->a2 = 1 - b2;
    c->step = lr / (1 - lg_power(b1, k));
    c->rc2  = 1 / (1 - lg_power(b2, k));
    c->keep = 1 - lr * decay;
}

PREPARE
{
    TAG(adamw)(c, h->lr, h->beta1, h->beta2, h->weight_decay, k);
    c->gamma = h->gamma * h->beta1 / (1 - h->beta1);
    c->scale = 1;
    c->eps   = h->eps;
    c->lr    = h->lr;
}

LOCAL(corrected) { return g + c->gamma * (g - (exact ? s->prev_grad : s->last_grad)); }

MEASURE(norm) { sum->cc = SQ(CALL(corrected)); }

THEN(norm)
{
    if (h->optimize_1d || t->ndim == 2) c->scale = 1 / fmax(1, sqrt(r->cc));
    else TAG(adamw)(c, h->lr_1d, h->beta1_1d, h->beta2_1d, h->weight_decay_1d, k);
}

UPDATE
{
    real d = rule ? c->scale * CALL(corrected) : g, v;
    s->exp_avg = c->b1 * s->exp_avg + c->a1 * d;
    s->last_grad = g;
    if (rule == 2) return c->keep * x - c->lr * r_sign(s->exp_avg);
    v = s->exp_avg_sq = c->b2 * s->exp_avg_sq + c->a2 * d * d;
    if (rule && amsgrad) v = s->max_exp_avg_sq = r_max(s->max_exp_avg_sq, v);
    return c->keep * x - c->step * s->exp_avg / (r_sqrt(v * c->rc2) + c->eps);
}
