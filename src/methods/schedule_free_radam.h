/*
 * Schedule-free RAdam: schedule-free AdamW with RAdam's rectification in place of a warm-up.
 *
 *     yₖ = β₁ xₖ + (1-β₁) zₖ                  the parameter while training, where gradients are taken; x₀ = y₀ = z₀
 *     vₖ = β₂ vₖ₋₁ + (1-β₂) gₖ²
 *     ρₖ = ρ∞ - 2k β₂ᵏ / (1-β₂ᵏ),   ρ∞ = 2 / (1-β₂) - 1
 *     ρₖ > 4:  ηₖ = η √[ (ρₖ-4)(ρₖ-2) ρ∞ / ((ρ∞-4)(ρ∞-2) ρₖ) ],   uₖ = gₖ / (√(vₖ / (1-β₂ᵏ)) + ε) + λ yₖ₋₁
 *     else:    ηₖ = 0 (silent_sgd_phase), or η,                   uₖ = gₖ + λ yₖ₋₁
 *     zₖ = zₖ₋₁ - ηₖ uₖ
 *     xₖ = (1-aₖ) xₖ₋₁ + aₖ zₖ                 the parameter for evaluation
 *     wₖ = kʳ (max η)ᵖ,   aₖ = wₖ / Σ w, 0 while there is no weight
 *
 * Stored: y and z.  yₖ = (1-aₖ) yₖ₋₁ + aₖ zₖ₋₁ - ηₖ (1 - β₁ (1-aₖ)) uₖ,     x = (y - (1-β₁) z) / β₁.
 * Ref   Defazio et al., The Road Less Scheduled, NeurIPS 2024; facebookresearch/schedule_free.
 * Other conventions
 *       weight_lr = present:  wₖ = kʳ ηₖᵖ, which with p = 1 follows a schedule (Pun, Buchholz & Gower 2025)
 * SPDX-License-Identifier: MIT
 */
#define NAME  schedule_free_radam
#define TITLE "Schedule-free RAdam"
#define PAPER "Defazio et al., NeurIPS 2024, arXiv:2405.15682; Liu et al., ICLR 2020"
#define HYPER(_) \
    _(rate, lr,               2.5e-3,  "[0,inf)", "step size η") \
    _(real, beta1,            0.9,     "(0,1)",   "weight of the average in y") \
    _(real, beta2,            0.999,   "[0,1)",   "decay of v") \
    _(real, eps,              1e-8,    "[0,inf)", "ε") \
    _(real, weight_decay,     0,       "[0,inf)", "decay λ, taken at y") \
    _(real, r,                0,       "[0,inf)", "power of k in the weights") \
    _(real, weight_lr_power,  2,       "[0,inf)", "power p of η in the weights") \
    _(word, weight_lr,        largest, (largest, present), "η in the weights: the largest so far, or the step's own") \
    _(bool, silent_sgd_phase, true,    ,          "no steps while ρ is at most 4, else steps along the gradient")
#define SLOTS(_) \
    _(z,          1, x, update, "base sequence") \
    _(exp_avg_sq, 1, 0, update, "second raw moment v")
#define MEMORY(_) _(lr_max, 0, "largest step size so far") _(weight_sum, 0, "Σ w")
#define COEFS(_)  _(b2) _(a2) _(rc2) _(root) _(eps) _(decay) _(lr) _(a) _(lr_y) _(on_y) _(on_z)
#define DIGITS(_) _(schedule_free_radam, "lr=1e-2", "")
#define EVIDENCE(_) \
    _(schedule_free_radam, authors,   "facebookresearch/schedule_free@70785b5:schedulefree/radam_schedulefree.py") \
    _(schedule_free_radam, reference, "tests/methods/schedule_free_radam.c")
#define HAS_VIEW
#include "engine/method.h"
#include "methods/support/average.h"
#include "methods/support/rectify.h"

PREPARE
{
    double rect = lg_rectification(h->beta2, k, 4);
    c->b2    = h->beta2;  c->a2 = 1 - h->beta2;
    c->rc2   = 1 / (1 - lg_power(h->beta2, k));
    c->root  = rect > 0 ? 1 : 0;                                       /* u = g / (0 + 1) */
    c->eps   = rect > 0 ? h->eps : 1;
    c->decay = h->weight_decay;
    c->lr    = h->lr * (rect > 0 ? rect : h->silent_sgd_phase ? 0 : 1);
    c->a     = lg_average_weight(k, h->r, c->lr, h->weight_lr == WORD(weight_lr, present), h->weight_lr_power, &m->lr_max,
                                 &m->weight_sum);
    c->lr_y  = c->lr * (1 - h->beta1 * (1 - c->a));
    c->on_y  = 1 / h->beta1;
    c->on_z  = 1 - 1 / h->beta1;
}

UPDATE
{
    s->exp_avg_sq = c->b2 * s->exp_avg_sq + c->a2 * g * g;
    real u = g / (c->root * r_sqrt(s->exp_avg_sq * c->rc2) + c->eps) + c->decay * x;
    real y = x + c->a * (s->z - x) - c->lr_y * u;
    s->z -= c->lr * u;
    return y;
}

VIEW { return c->on_y * x + c->on_z * s->z; }
