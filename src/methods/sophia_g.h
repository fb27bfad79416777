/*
 * Sophia-G: momentum divided by an estimate of the curvature from sampled labels, and clipped.
 *
 *     hₖ = β₂ hₖ₋₁ + (1-β₂) ĝ²  in steps k = I+1, 2I+1, ...,  else hₖ₋₁;      I = hessian_interval
 *     mₖ = β₁ mₖ₋₁ + (1-β₁) gₖ
 *     xₖ = (1 - η λ) xₖ₋₁ - η sign mₖ min(|mₖ| / (ρ B hₖ + ε), 1)
 *     ĝ = hess_grad: gradient at xₖ₋₁ of the mean loss of a batch of B whose labels the model has drawn
 *
 * Ref   Liu et al., Sophia, ICLR 2024; Liuhong99/Sophia.
 *       The released loop refreshes h after every I-th step; the next gradient is taken at the same parameters.
 *       While h = 0 the steps are those of the sign of m.  Nothing corrects the bias of m.
 * Other conventions
 *       clip(m / (ρ B h + ε), -1, 1):  the same
 *       paper:  B inside the estimator, h = B ĝ²
 * SPDX-License-Identifier: MIT
 */
#define NAME  sophia_g
#define TITLE "Sophia-G"
#define PAPER "Liu et al., ICLR 2024, arXiv:2305.14342"
#define HYPER(_) \
    _(rate, lr,               1e-4,  "[0,inf)", "step size η") \
    _(real, beta1,            0.965, "[0,1)",   "decay of m") \
    _(real, beta2,            0.99,  "[0,1)",   "decay of h") \
    _(real, rho,              0.04,  "(0,inf)", "ρ: a smaller one clips more steps") \
    _(real, batch_size,       5120,  "(0,inf)", "rows or tokens B of a batch") \
    _(int,  hessian_interval, 10,    "[1,inf)", "steps I between refreshes of h") \
    _(real, eps,              1e-15, "[0,inf)", "ε") \
    _(real, weight_decay,     0.1,   "[0,inf)", "decoupled decay λ")
#define SWITCHES(_) _(refresh, k > 1 && fmod(k - 1, (double)h->hessian_interval) == 0, 2)
#define SLOTS(_) \
    _(exp_avg, 1, 0, update, "first moment m") \
    _(hessian, 1, 0, refresh ? update : never, "curvature h")
#define INPUTS(_) _(hess_grad, refresh, "gradient of the loss with labels drawn from the model, every hessian_interval steps")
#define COEFS(_)  _(b1) _(a1) _(b2) _(a2) _(scale) _(eps) _(lr) _(keep)
#define DIGITS(_) _(sophia_g, "lr=1e-3 batch_size=64", "")
#define EVIDENCE(_) \
    _(sophia_g, authors,   "Liuhong99/Sophia@a7e1572:sophia.py") \
    _(sophia_g, reference, "tests/methods/sophia_g.c")
#include "engine/method.h"

PREPARE
{
    c->b1 = h->beta1;  c->a1 = 1 - h->beta1;
    c->b2 = h->beta2;  c->a2 = 1 - h->beta2;
    c->scale = h->rho * h->batch_size;
    c->eps   = h->eps;
    c->lr    = h->lr;
    c->keep  = 1 - h->lr * h->weight_decay;
}

UPDATE
{
    if (refresh) s->hessian = c->b2 * s->hessian + c->a2 * s->hess_grad * s->hess_grad;
    s->exp_avg = c->b1 * s->exp_avg + c->a1 * g;
    return c->keep * x - c->lr * r_max(-1, r_min(1, s->exp_avg / (c->scale * s->hessian + c->eps)));
}
