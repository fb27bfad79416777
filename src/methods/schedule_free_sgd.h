/*
 * Schedule-free SGD: an average taken as the method runs, in place of a decaying step size.
 *
 *     yₖ = μ xₖ + (1-μ) zₖ                    the parameter while training, where gradients are taken; x₀ = y₀ = z₀
 *     uₖ = ∇f(yₖ₋₁) + λ yₖ₋₁
 *     zₖ = zₖ₋₁ - ηₖ uₖ
 *     xₖ = (1-aₖ) xₖ₋₁ + aₖ zₖ                 the parameter for evaluation
 *     ηₖ = η min(1, k / warmup),   wₖ = kʳ (max η)ᵖ,   aₖ = wₖ / Σ w
 *
 * Stored: y and z.  yₖ = (1-aₖ) yₖ₋₁ + aₖ zₖ₋₁ - ηₖ (1 - μ (1-aₖ)) uₖ,     x = (y - (1-μ) z) / μ.
 * Ref   Defazio et al., The Road Less Scheduled, NeurIPS 2024; facebookresearch/schedule_free.
 * Other conventions
 *       weight_lr = present:  wₖ = kʳ ηₖᵖ, which with p = 1 follows a schedule (Pun, Buchholz & Gower 2025)
 *       μ -> 1:               gradients at the average (primal averaging);  x = z where a = 1
 * SPDX-License-Identifier: MIT
 */
#define NAME  schedule_free_sgd
#define TITLE "Schedule-free SGD"
#define PAPER "Defazio et al., NeurIPS 2024, arXiv:2405.15682"
#define HYPER(_) \
    _(rate, lr,              1,       "[0,inf)", "step size η") \
    _(real, momentum,        0.9,     "(0,1)",   "weight μ of the average in y") \
    _(real, weight_decay,    0,       "[0,inf)", "decay λ, taken at y") \
    _(int,  warmup_steps,    0,       "[0,inf)", "steps over which η grows") \
    _(real, r,               0,       "[0,inf)", "power of k in the weights") \
    _(real, weight_lr_power, 2,       "[0,inf)", "power p of η in the weights") \
    _(word, weight_lr,       largest, (largest, present), "η in the weights: the largest so far, or the step's own")
#define SLOTS(_)  _(z, 1, x, update, "base sequence")
#define MEMORY(_) _(lr_max, 0, "largest step size so far") _(weight_sum, 0, "Σ w")
#define COEFS(_)  _(decay) _(lr) _(a) _(lr_y) _(on_y) _(on_z)
#define EVIDENCE(_) \
    _(schedule_free_sgd, authors,   "facebookresearch/schedule_free@70785b5:schedulefree/sgd_schedulefree_reference.py") \
    _(schedule_free_sgd, reference, "tests/methods/schedule_free_sgd.c")
#define HAS_VIEW
#include "engine/method.h"
#include "methods/support/average.h"

PREPARE
{
    c->decay = h->weight_decay;
    c->lr    = h->lr * fmin(1, k / (double)h->warmup_steps);                     /* k / 0: no warm-up */
    c->a     = lg_average_weight(k, h->r, c->lr, h->weight_lr == WORD(weight_lr, present), h->weight_lr_power, &m->lr_max,
                                 &m->weight_sum);
    c->lr_y  = c->lr * (1 - h->momentum * (1 - c->a));
    c->on_y  = 1 / h->momentum;
    c->on_z  = 1 - 1 / h->momentum;
}

UPDATE
{
    real u = g + c->decay * x, y = x + c->a * (s->z - x) - c->lr_y * u;
    s->z -= c->lr * u;
    return y;
}

VIEW { return c->on_y * x + c->on_z * s->z; }
