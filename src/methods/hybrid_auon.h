/*
 * Hybrid-AuON: momentum through rounds of Newton and Schulz, over the root mean square of its hyperbolic cosine.
 *
 *     Mₖ = μ Mₖ₋₁ + (1-μ) Gₖ,   Nₖ = μ Mₖ + (1-μ) Gₖ            nesterov = false:  Nₖ = Mₖ
 *     Oₖ = NS(Nₖ / (‖Nₖ‖ + ε₁)) of matrices, Nₖ of vectors      direct:  Nₖ / (‖Nₖ‖ + ε₁) of vectors
 *     z = γ Oₖ / (‖Oₖ‖ + ε₁)                                    direct:  z = Oₖ
 *     Xₖ = (1 - η λ) Xₖ₋₁ - η Oₖ / (√mean cosh² z + ε₂)
 *     NS:  Y := a Y + b A Y + c A² Y  with  A = Y Yᵀ,  in ns_steps rounds
 *
 * Ref   Maity, AuON, 2025, arXiv:2509.24320; ryyzn9/AuON.
 *       conv = slices:  tensors of more than two dimensions slice by slice by their last two, each with its norm; cosh, and
 *       the norm of z, over the whole tensor.  flatten:  one matrix (first, the rest).
 * Other conventions
 *       hybrid_auon_paper:  direct, one round, flatten; the mean under a root, which the print leaves out
 * SPDX-License-Identifier: MIT
 */
#define NAME  hybrid_auon
#define TITLE "Hybrid-AuON"
#define PAPER "Maity 2025, arXiv:2509.24320"
#define HYPER(_) \
    _(rate, lr,              0.24,   "[0,inf)", "step size η") \
    _(real, momentum,        0.95,   "[0,1)",   "momentum μ") \
    _(real, weight_decay,    0,      "[0,inf)", "decoupled decay λ") \
    _(bool, nesterov,        true,   ,          "look ahead") \
    _(bool, direct,          false,  ,          "cosh of O itself, and vectors normalized") \
    _(real, gamma,           1.5,    "[0,100]", "γ; not used where direct") \
    _(int,  ns_steps,        5,      "[0,100]", "rounds of NS") \
    _(list, ns_coefficients, (3.4445, -4.775, 2.0315), "(-inf,inf)", "a, b, c of each round in turn; the last go on") \
    _(word, conv,            slices, (slices, flatten), "tensors of more than two dimensions") \
    _(real, norm_eps,        1e-7,   "[0,inf)", "ε₁") \
    _(real, rms_eps,         1e-8,   "[0,inf)", "ε₂")
#define RULES(_)    _(h->ns_coefficients.n % 3 == 0, "ns_coefficients come in threes")
#define SWITCHES(_) _(nesterov, h->nesterov, 2)
#define SLOTS(_) \
    _(momentum_buffer, 1, 0,    momentum, "momentum M") \
    _(direction,       1, work, momentum, "N, then O but for a factor")
#define COEFS(_)    _(mu) _(add) _(keep) _(z) _(step)
#define MEASURES(_) _(momentum, LG_TENSOR, 1) _(size, LG_TENSOR, 1) _(brake, LG_TENSOR, 1)
#define SUMS(_)     _(size, add, square) _(brake, add, cosh)
#define WORK        (t->ndim > 1 ? lg_rounds_bytes(h->conv == 0, t, type) : 0)
#define ALIASES(_) \
    _(hybrid_auon_paper, "Hybrid-AuON, as the paper has it", "direct=true", "ns_steps=1,conv=flatten", "Maity 2025, arXiv:2509.24320")
#define EVIDENCE(_) \
    _(hybrid_auon,       authors,   "ryyzn9/AuON@bba2e82:auon/optimizer.py") \
    _(hybrid_auon,       reference, "tests/methods/hybrid_auon.c") \
    _(hybrid_auon_paper, reference, "tests/methods/hybrid_auon.c")
#include "engine/method.h"
#include "methods/support/cosh.h"
#include "methods/support/rounds.h"

PREPARE
{
    c->mu   = h->momentum;
    c->add  = 1 - h->momentum;
    c->keep = 1 - h->lr * h->weight_decay;
}

MEASURE(momentum)
{
    s->momentum_buffer = c->mu * s->momentum_buffer + c->add * g;
    s->direction = nesterov ? c->mu * s->momentum_buffer + c->add * g : s->momentum_buffer;
}

THEN(momentum)
{
    lg_polynomial p = { h->ns_coefficients, (int)h->ns_steps, 1, h->norm_eps, false };
    bool bad = t->ndim > 1 && lg_rounds(&p, h->conv == WORD(conv, slices), t, type, data->threads, AT(direction), data->work);
    c->keep = bad ? (double)NAN : 1 - h->lr * h->weight_decay;           /* N is not finite: all of X shall show it */
}

MEASURE(size) { sum->square = SQ(s->direction); }

THEN(size)
{
    double norm = sqrt(r->square) + h->norm_eps, over = norm == 0 ? 0 : 1 / norm;
    c->step = h->direct && t->ndim < 2 ? over : 1;                       /* O is this times direction */
    c->z    = h->direct ? c->step : h->gamma * over;
}

MEASURE(brake) { sum->cosh = lg_cosh_squared((double)RE(c->z * s->direction)); }

THEN(brake) { c->step *= h->lr / (sqrt(r->cosh / (double)t->n) + h->rms_eps); }

UPDATE { return c->keep * x - c->step * s->direction; }
