/*
 * Cautious AdamW: AdamW that leaves out, and makes up for, the coordinates whose step is against the gradient.
 *
 *     mₖ = β₁ mₖ₋₁ + (1-β₁) gₖ,      vₖ = β₂ vₖ₋₁ + (1-β₂) gₖ²
 *     cᵢ = 1 where mᵢ gᵢ > 0, else 0;     s = 1 / max(mean of c over the tensor, mask_floor)
 *     xₖ = (1 - η λ) xₖ₋₁ - η √(1-β₂ᵏ) / (1-β₁ᵏ) s c mₖ / (√vₖ + ε)
 *     correct_bias = false:  without √(1-β₂ᵏ) / (1-β₁ᵏ)
 *
 * Ref   Liang, Chen, Liu & Liu, Cautious Optimizers, 2024; kyleliang919/C-Optim.      ε is inside the correction.
 * Other conventions
 *       mask_scale = numel_over_sum_plus_one (paper):  s = n / (Σ c + 1)
 *       all coordinates along the gradient:            adamw with eps_at = hat, by the clamped mean
 * SPDX-License-Identifier: MIT
 */
#define NAME  c_adamw
#define TITLE "Cautious AdamW"
#define PAPER "Liang et al., 2024, arXiv:2411.16085"
#define HYPER(_) \
    _(rate, lr,           1e-3,       "[0,inf)", "step size η") \
    _(real, beta1,        0.9,        "[0,1)",   "decay of m") \
    _(real, beta2,        0.999,      "[0,1)",   "decay of v") \
    _(real, eps,          1e-6,       "[0,inf)", "ε, inside the correction") \
    _(real, weight_decay, 0,          "[0,inf)", "decoupled decay λ") \
    _(bool, correct_bias, true,       ,          "divide by 1-βᵏ") \
    _(word, mask_scale,   mean_clamp, (mean_clamp, numel_over_sum_plus_one), "how the rest makes up for what is left out") \
    _(real, mask_floor,   1e-3,       "(0,inf)", "least mean of the mask")
#define SLOTS(_) \
    _(exp_avg,    1, 0, mask, "first moment m") \
    _(exp_avg_sq, 1, 0, mask, "second raw moment v")
#define COEFS(_)    _(b1) _(a1) _(b2) _(a2) _(eps) _(step) _(keep)
#define MEASURES(_) _(mask, LG_TENSOR, 1)
#define SUMS(_)     _(mask, add, along)
#define EVIDENCE(_) \
    _(c_adamw, authors,   "kyleliang919/C-Optim@2c0517c:c_adamw.py") \
    _(c_adamw, reference, "tests/methods/c_adamw.c")
#define SMOOTH      "adamw with eps_at=inside, which has no mask"
#include "engine/method.h"
#include "methods/support/cautious.h"

PREPARE
{
    c->b1   = h->beta1;  c->a1 = 1 - h->beta1;
    c->b2   = h->beta2;  c->a2 = 1 - h->beta2;
    c->eps  = h->eps;
    c->step = h->correct_bias ? h->lr * sqrt(1 - lg_power(h->beta2, k)) / (1 - lg_power(h->beta1, k)) : h->lr;
    c->keep = 1 - h->lr * h->weight_decay;
}

MEASURE(mask)
{
    s->exp_avg    = c->b1 * s->exp_avg + c->a1 * g;
    s->exp_avg_sq = c->b2 * s->exp_avg_sq + c->a2 * g * g;
    sum->along = RE(MUL(s->exp_avg, g)) > 0 ? 1 : 0;
}

THEN(mask)
{
    c->step *= lg_cautious_scale(h->mask_scale == WORD(mask_scale, mean_clamp), (double)t->n, r->along, h->mask_floor);
}

UPDATE
{
    real m = s->exp_avg;
    m = RE(MUL(m, g)) <= 0 ? 0 : m;                                    /* NaN stays */
    return c->keep * x - c->step * m / (r_sqrt(s->exp_avg_sq) + c->eps);
}
