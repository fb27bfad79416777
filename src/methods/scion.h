/*
 * Scion: a step to, or along, the point of a norm ball that the momentum points away from most.
 *
 *     Mₖ = (1-α) Mₖ₋₁ + α Gₖ,   Dₖ = lmo(Mₖ)
 *     Xₖ = (1 - η) Xₖ₋₁ - η ρ Dₖ           unconstrained:  Xₖ = Xₖ₋₁ - η ρ Dₖ
 *     lmo(M), norm = auto    matrix (out, in)           √(out/in) NS(M)
 *                            kernel (out, in, sides)    √(out/in) / (product of the sides) NS(M as (out, the rest))
 *                            vector, scalar             M / (rms M + 1e-8)
 *             norm = sign    sign M / in  of matrices (in: all but the first), as for a last layer;  sign M of others
 *     NS:  Y := M / (‖M‖ + 1e-7),  then Y := a Y + b A Y + c A² Y  with  A = Y Yᵀ,  in ns_steps rounds
 *
 * Ref   Pethick, Xie, Antonakopoulos, Zhu, Silveti-Falls & Cevher, Training Deep Learning Models with Norm-Constrained LMOs,
 *       2025, arXiv:2502.07529; LIONS-EPFL/scion.
 *       No other decay, no AdamW.  Constrained, the weights have to start inside the ball of radius ρ.
 * Other conventions
 *       α = 1 - momentum:  the weight of the new gradient;   η ρ unconstrained:  the step size of muon with scale = spectral,
 *       momentum = 1-α and nesterov = false
 * SPDX-License-Identifier: MIT
 */
#define NAME  scion
#define TITLE "Scion"
#define PAPER "Pethick et al. 2025, arXiv:2502.07529"
#define HYPER(_) \
    _(rate, lr,              1e-3,   "[0,inf)", "step size η") \
    _(real, alpha,           0.1,    "(0,1]",   "weight α of the new gradient") \
    _(real, radius,          1,      "(0,inf)", "radius ρ of the ball") \
    _(bool, unconstrained,   false,  ,          "along the direction, without the pull to 0") \
    _(word, norm,            auto,   (auto, sign), "norm of the ball") \
    _(int,  ns_steps,        5,      "[0,100]", "rounds of NS") \
    _(list, ns_coefficients, (3.4445, -4.775, 2.0315), "(-inf,inf)", "a, b, c of each round in turn; the last go on")
#define RULES(_)    _(h->ns_coefficients.n % 3 == 0, "ns_coefficients come in threes")
#define SWITCHES(_) _(rounds, t->ndim > 1 && h->norm == 0, 2) _(sign, h->norm == 1, 2)
#define SLOTS(_) \
    _(momentum_buffer, 1,      0,    momentum, "momentum M") \
    _(direction,       rounds, work, momentum, "M, then NS(M)")
#define COEFS(_)    _(old) _(add) _(keep) _(step)
#define MEASURES(_) _(momentum, LG_TENSOR, 1)
#define SUMS(_)     _(momentum, add, square)
#define WORK        (t->ndim > 1 && h->norm == 0 ? lg_rounds_bytes(false, t, type) : 0)
#define DIGITS(_) _(scion, "lr=0.3 unconstrained=true", "")
#define EVIDENCE(_) \
    _(scion, authors,   "LIONS-EPFL/scion@f58a393:scion.py") \
    _(scion, reference, "tests/methods/scion.c")
#include "engine/method.h"
#include "methods/support/rounds.h"

PREPARE
{
    c->old  = 1 - h->alpha;
    c->add  = h->alpha;
    c->keep = h->unconstrained ? 1 : 1 - h->lr;
}

MEASURE(momentum)
{
    s->momentum_buffer = c->old * s->momentum_buffer + c->add * g;
    s->direction = s->momentum_buffer;
    sum->square = SQ(s->momentum_buffer);
}

THEN(momentum)
{
    lg_polynomial p = { h->ns_coefficients, (int)h->ns_steps, 1, 1e-7, false };
    double sides = t->ndim > 2 ? (double)(t->n / t->shape[0] / t->shape[1]) : 1;
    c->step = h->lr * h->radius;
    if (h->norm == WORD(norm, sign))
        c->step /= t->ndim > 1 ? (double)COLUMNS : 1;
    else if (t->ndim < 2)
        c->step /= sqrt(r->square / (double)t->n) + 1e-8;
    else
        c->step *= lg_rounds(&p, false, t, type, data->threads, AT(direction), data->work)
                       ? (double)NAN : sqrt((double)t->shape[0] / (double)t->shape[1]) / sides;
}

UPDATE { return c->keep * x - c->step * (rounds ? s->direction : sign ? r_sign(s->momentum_buffer) : s->momentum_buffer); }
