/*
 * AdamP: Adam whose step loses its radial part where the weights look scale invariant.
 *
 *     m, v as Adam;   D = √(vₖ / (1-β₂ᵏ)) + ε;   d = mₖ / D      nesterov:  (β₁ mₖ + (1-β₁) gₖ) / D
 *     rows, then the whole tensor as one row:  if  max over rows of |⟨g,x⟩| / (‖g‖ ‖x‖) < δ / √(row length)
 *         d := d - n ⟨n,d⟩ in every row,  n = x / (‖x‖ + ε),   and stop looking;   ρ = wd_ratio  (else ρ = 1)
 *     xₖ = (1 - η λ ρ) xₖ₋₁ - η / (1-β₁ᵏ) d
 *
 * Ref   Heo et al., AdamP, ICLR 2021; clovaai/AdamP.      Tensors of one dimension are not projected.
 *       ‖g‖ and ‖x‖ are at least ε in the cosine, so that a gradient or row of zeros has the cosine 0.
 * Other conventions
 *       delta = 0:   AdamW;  nesterov:  with β₁ mₖ + (1-β₁) gₖ in place of mₖ
 *       cosine with its sign (paper):  the absolute value is the released code's
 * SPDX-License-Identifier: MIT
 */
#define NAME  adamp
#define TITLE "AdamP"
#define PAPER "Heo et al., ICLR 2021, arXiv:2006.08217"
#define HYPER(_) \
    _(rate, lr,           1e-3,  "[0,inf)", "step size η") \
    _(real, beta1,        0.9,   "[0,1)",   "decay of m") \
    _(real, beta2,        0.999, "[0,1)",   "decay of v") \
    _(real, eps,          1e-8,  "[0,inf)", "ε") \
    _(real, weight_decay, 0,     "[0,inf)", "decoupled decay λ") \
    _(real, delta,        0.1,   "[0,inf)", "threshold δ of the cosine") \
    _(real, wd_ratio,     0.1,   "[0,inf)", "decay factor ρ where the projection acts") \
    _(bool, nesterov,     false, ,          "look ahead")
#define SWITCHES(_) _(nesterov, h->nesterov, 2)
#define SLOTS(_) \
    _(exp_avg,    1, 0, dots, "first moment m") \
    _(exp_avg_sq, 1, 0, dots, "second raw moment v")
#define COEFS(_)    _(b1) _(a1) _(b2) _(a2) _(rc2) _(eps) _(step) _(keep)
#define ROW_LENGTH  (t->ndim > 1 ? t->n / t->shape[0] : t->n)
#define MEASURES(_) _(dots, LG_ROWS, 1)
#define SUMS(_)     _(dots, add, gx) _(dots, add, gg) _(dots, add, xx) _(dots, add, xd)
#define RESULTS(_)  _(radial)
#define EVIDENCE(_) \
    _(adamp, authors,   "clovaai/AdamP@7f6f038:adamp/adamp.py") \
    _(adamp, reference, "tests/methods/adamp.c")
#define SMOOTH      "adamw, which has no projection"
#include "engine/method.h"
#include "methods/support/projection.h"

PREPARE
{
    c->b1   = h->beta1;  c->a1 = 1 - h->beta1;
    c->b2   = h->beta2;  c->a2 = 1 - h->beta2;
    c->rc2  = 1 / (1 - lg_power(h->beta2, k));
    c->eps  = h->eps;
    c->step = h->lr / (1 - lg_power(h->beta1, k));
    c->keep = 1 - h->lr * h->weight_decay;
}

LOCAL(direction)
{
    real m = nesterov ? c->b1 * s->exp_avg + c->a1 * g : s->exp_avg;
    return m / (r_sqrt(s->exp_avg_sq * c->rc2) + c->eps);
}

MEASURE(dots)
{
    s->exp_avg    = c->b1 * s->exp_avg + c->a1 * g;
    s->exp_avg_sq = c->b2 * s->exp_avg_sq + c->a2 * g * g;
    real d = CALL(direction);
    sum->gx = MUL(g, x);  sum->gg = SQ(g);  sum->xx = SQ(x);  sum->xd = MUL(x, d);
}

THEN(dots)
{
    if (TAG(project)(h, r, rows, t)) c->keep = 1 - h->lr * h->weight_decay * h->wd_ratio;
}

UPDATE { return c->keep * x - c->step * (CALL(direction) - r->radial * x); }
