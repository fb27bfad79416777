/*
 * SGDP: momentum whose step loses its radial part where the weights look scale invariant.
 *
 *     bₖ = μ bₖ₋₁ + (1-τ) gₖ,  b₀ = 0          d = bₖ      nesterov:  gₖ + μ bₖ
 *     rows, then the whole tensor as one row:  if  max over rows of |⟨g,x⟩| / (‖g‖ ‖x‖) < δ / √(row length)
 *         d := d - n ⟨n,d⟩ in every row,  n = x / (‖x‖ + ε),   and stop looking;   ρ = wd_ratio  (else ρ = 1)
 *     xₖ = (1 - η λ ρ / (1-μ)) xₖ₋₁ - η d
 *
 * Ref   Heo et al., AdamP, ICLR 2021; clovaai/AdamP.      Tensors of one dimension are not projected.
 *       ‖g‖ and ‖x‖ are at least ε in the cosine, so that a gradient or row of zeros has the cosine 0.
 * Other conventions
 *       project_momentum:  bₖ := d as well, which the released code does where nesterov is off, by writing in
 *                          place; the paper projects the step alone
 *       delta = 0:         heavy_ball with momentum μ, started from zero, and decoupled decay λ / (1-μ)
 * SPDX-License-Identifier: MIT
 */
#define NAME  sgdp
#define TITLE "SGDP"
#define PAPER "Heo et al., ICLR 2021, arXiv:2006.08217"
#define HYPER(_) \
    _(rate, lr,               0.1,   "[0,inf)", "step size η") \
    _(real, momentum,         0.9,   "[0,1)",   "momentum μ") \
    _(real, dampening,        0,     "[0,1]",   "τ, takes from the gradient's weight") \
    _(bool, nesterov,         false, ,          "look ahead") \
    _(real, eps,              1e-8,  "[0,inf)", "ε") \
    _(real, weight_decay,     0,     "[0,inf)", "decoupled decay λ, divided by 1-μ") \
    _(real, delta,            0.1,   "[0,inf)", "threshold δ of the cosine") \
    _(real, wd_ratio,         0.1,   "[0,inf)", "decay factor ρ where the projection acts") \
    _(bool, project_momentum, true,  ,          "without nesterov: the momentum loses its radial part too")
#define SWITCHES(_) _(nesterov, h->nesterov, 2) _(written, h->project_momentum && !h->nesterov, 2)
#define SLOTS(_)    _(momentum_buffer, 1, 0, dots | (written ? update : never), "velocity b")
#define COEFS(_)    _(mu) _(add) _(step) _(keep)
#define ROW_LENGTH  (t->ndim > 1 ? t->n / t->shape[0] : t->n)
#define MEASURES(_) _(dots, LG_ROWS, 1)
#define SUMS(_)     _(dots, add, gx) _(dots, add, gg) _(dots, add, xx) _(dots, add, xd)
#define RESULTS(_)  _(radial)
#define EVIDENCE(_) \
    _(sgdp, authors,   "clovaai/AdamP@7f6f038:adamp/sgdp.py") \
    _(sgdp, reference, "tests/methods/sgdp.c")
#define SMOOTH      "heavy_ball, which has no projection"
#include "engine/method.h"
#include "methods/support/projection.h"

PREPARE
{
    c->mu   = h->momentum;
    c->add  = 1 - h->dampening;
    c->step = h->lr;
    c->keep = 1 - h->lr * h->weight_decay / (1 - h->momentum);
}

LOCAL(direction) { return nesterov ? g + c->mu * s->momentum_buffer : s->momentum_buffer; }

MEASURE(dots)
{
    s->momentum_buffer = c->mu * s->momentum_buffer + c->add * g;
    real d = CALL(direction);
    sum->gx = MUL(g, x);  sum->gg = SQ(g);  sum->xx = SQ(x);  sum->xd = MUL(x, d);
}

THEN(dots)
{
    if (TAG(project)(h, r, rows, t)) c->keep = 1 - h->lr * h->weight_decay * h->wd_ratio / (1 - h->momentum);
}

UPDATE
{
    real d = CALL(direction) - r->radial * x;
    if (written) s->momentum_buffer = d;
    return c->keep * x - c->step * d;
}
