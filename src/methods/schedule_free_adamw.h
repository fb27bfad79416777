/*
 * Schedule-free AdamW: an average taken as the method runs, in place of a decaying step size.
 *
 *     yₖ = β₁ xₖ + (1-β₁) zₖ                         the parameter while training, where gradients are taken
 *     vₖ = β₂ vₖ₋₁ + (1-β₂) gₖ²;     uₖ = gₖ / (√(vₖ / (1-β₂ᵏ)) + ε) + λ yₖ₋₁       (decay_at_z:  λ zₖ₋₁)
 *     zₖ = zₖ₋₁ - ηₖ uₖ
 *     xₖ = (1-aₖ) xₖ₋₁ + aₖ zₖ                       the parameter for evaluation;  x₀ = y₀ = z₀
 *     ηₖ = η min(1, k / warmup),   wₖ = kʳ (max η)ᵖ,   aₖ = wₖ / Σ w
 *     inner_momentum i > 0:  nₖ = i nₖ₋₁ + (1-i) gₖ, and nₖ / (1-iᵏ) above the root in place of gₖ
 *
 * Stored: y and z.  yₖ = (1-aₖ) yₖ₋₁ + aₖ zₖ₋₁ - ηₖ (1 - β₁ (1-aₖ)) uₖ,     x = (y - (1-β₁) z) / β₁.
 * Ref   Defazio et al., The Road Less Scheduled, NeurIPS 2024; facebookresearch/schedule_free.
 * Other conventions
 *       weight_lr = present:  wₖ = kʳ ηₖᵖ
 *       constant η, r = 0:    x is the mean of z₁ .. zₖ
 * SPDX-License-Identifier: MIT
 */
#define NAME  schedule_free_adamw
#define TITLE "Schedule-free AdamW"
#define PAPER "Defazio et al., NeurIPS 2024, arXiv:2405.15682"
#define HYPER(_) \
    _(rate, lr,              2.5e-3,  "[0,inf)", "step size η") \
    _(real, beta1,           0.9,     "(0,1)",   "weight of the average in y") \
    _(real, beta2,           0.999,   "[0,1)",   "decay of v") \
    _(real, eps,             1e-8,    "[0,inf)", "ε") \
    _(real, weight_decay,    0,       "[0,inf)", "decay λ") \
    _(int,  warmup_steps,    0,       "[0,inf)", "steps over which η grows") \
    _(real, r,               0,       "[0,inf)", "power of k in the weights") \
    _(real, weight_lr_power, 2,       "[0,inf)", "power p of η in the weights") \
    _(word, weight_lr,       largest, (largest, present), "η in the weights: the largest so far, or the step's own") \
    _(real, inner_momentum,  0,       "[0,1)",   "decay i of a mean of gradients above the root; 0: none") \
    _(bool, decay_at_z,      false,   ,          "decay taken at z")
#define SWITCHES(_) _(inner, h->inner_momentum > 0, 2) _(decay_at_z, h->decay_at_z, 2)
#define SLOTS(_) \
    _(z,          1,     x, update, "base sequence") \
    _(exp_avg_sq, 1,     0, update, "second raw moment v") \
    _(exp_avg,    inner, 0, update, "inner momentum n")
#define MEMORY(_) _(lr_max, 0, "largest step size so far") _(weight_sum, 0, "Σ w")
#define COEFS(_)  _(i) _(ia) _(ic) _(b2) _(a2) _(rc2) _(eps) _(decay) _(lr) _(a) _(lr_y) _(on_y) _(on_z)
#define EVIDENCE(_) \
    _(schedule_free_adamw, authors,   "facebookresearch/schedule_free@70785b5:schedulefree/adamw_schedulefree_reference.py") \
    _(schedule_free_adamw, reference, "tests/methods/schedule_free_adamw.c")
#define HAS_VIEW
#include "engine/method.h"
#include "methods/support/average.h"

PREPARE
{
    c->i   = h->inner_momentum;  c->ia = 1 - c->i;  c->ic = 1 / (1 - lg_power(c->i, k));
    c->b2  = h->beta2;           c->a2 = 1 - h->beta2;
    c->rc2 = 1 / (1 - lg_power(h->beta2, k));
    c->eps   = h->eps;
    c->decay = h->weight_decay;
    c->lr    = h->lr * (k < (double)h->warmup_steps ? k / (double)h->warmup_steps : 1);
    c->a     = lg_average_weight(k, h->r, c->lr, h->weight_lr == WORD(weight_lr, present), h->weight_lr_power, &m->lr_max,
                                 &m->weight_sum);
    c->lr_y  = c->lr * (1 - h->beta1 * (1 - c->a));
    c->on_y  = 1 / h->beta1;
    c->on_z  = 1 - 1 / h->beta1;
}

UPDATE
{
    s->exp_avg_sq = c->b2 * s->exp_avg_sq + c->a2 * g * g;
    if (inner) g = (s->exp_avg = c->i * s->exp_avg + c->ia * g) * c->ic;
    real u = g / (r_sqrt(s->exp_avg_sq * c->rc2) + c->eps) + c->decay * (decay_at_z ? s->z : x);
    real y = x + c->a * (s->z - x) - c->lr_y * u;
    s->z -= c->lr * u;
    return y;
}

VIEW { return c->on_y * x + c->on_z * s->z; }
