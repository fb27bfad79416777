/*
 * Lion: the sign of an interpolated momentum.
 *
 *     uₖ = β₁ mₖ₋₁ + (1-β₁) gₖ
 *     xₖ = (1 - η λ) xₖ₋₁ - η sign uₖ,      sign 0 = 0
 *     mₖ = β₂ mₖ₋₁ + (1-β₂) gₖ
 *
 * Ref   Chen et al., Symbolic Discovery of Optimization Algorithms, NeurIPS 2023; google/automl.
 * Other conventions
 *       β₁ = β₂ = β:  signum with momentum β and decoupled decay
 *       decay against the first step size (lucidrains):  x := (1 - η λ'/η₁) x;      λ = λ' / η₁
 * SPDX-License-Identifier: MIT
 */
#define NAME  lion
#define TITLE "Lion"
#define PAPER "Chen et al., NeurIPS 2023, arXiv:2302.06675"
#define HYPER(_) \
    _(rate, lr,           1e-4, "[0,inf)", "step size η") \
    _(real, beta1,        0.9,  "[0,1]",   "weight of m under the sign") \
    _(real, beta2,        0.99, "[0,1]",   "decay of m") \
    _(real, weight_decay, 0,    "[0,inf)", "decoupled decay λ")
#define SLOTS(_) _(exp_avg, 1, 0, update, "momentum m")
#define COEFS(_) _(b1) _(a1) _(b2) _(a2) _(lr) _(keep)
#define DIGITS(_) _(lion, "lr=1e-3", "")
#define EVIDENCE(_) \
    _(lion, authors,   "google/automl@6a54c87:lion/lion_pytorch.py") \
    _(lion, reference, "tests/methods/lion.c")
#define SMOOTH      "lion_k with kernel=pseudo_huber and the same betas"
#include "engine/method.h"

PREPARE
{
    c->b1 = h->beta1;  c->a1 = 1 - h->beta1;
    c->b2 = h->beta2;  c->a2 = 1 - h->beta2;
    c->lr = h->lr;     c->keep = 1 - h->lr * h->weight_decay;
}

UPDATE
{
    real u = c->b1 * s->exp_avg + c->a1 * g;
    s->exp_avg = c->b2 * s->exp_avg + c->a2 * g;
    return c->keep * x - c->lr * r_sign(u);
}
