/*
 * PolarGrad: the polar factor of the momentum, times its nuclear norm.
 *
 *     momentum first     Mₖ = μ Mₖ₋₁ + (1-μ) Gₖ,   Uₖ = polar Mₖ,   νₖ = ⟨Mₖ, Uₖ⟩,   Dₖ = νₖ Uₖ
 *     polar_first        Uₖ = polar Gₖ,   νₖ = ⟨Gₖ, Uₖ⟩,   Mₖ = μ Mₖ₋₁ + (1-μ) Uₖ,   Dₖ = νₖ Mₖ
 *     Xₖ = (1 - η λ) Xₖ₋₁ - η Dₖ
 *     polar A = U Vᵀ for A = U Σ Vᵀ, singular values above rounding alone;  ⟨A, polar A⟩ = Σ σᵢ, the nuclear norm
 *
 * Ref   Lau, Long & Su, PolarGrad, 2025, arXiv:2505.21799; Nakatsukasa & Higham, SIAM J. Sci. Comput. 35, 2013.
 *       More than two dimensions count as (first, the rest).  Tensors of less than two get AdamW, settings adamw_*.
 * Other conventions
 *       polar_error = 0:  the factor to rounding, as the released code gives it when its iteration is let converge
 *       momentum = 0:  polargrad without momentum;  νₖ = 1:  muon with an exact factor and scale = none
 *       an orthogonal G without momentum:  X - η s G with s = min(rows, columns), since ν = s
 * SPDX-License-Identifier: MIT
 */
#include "methods/support/fallback.h"
#define NAME  polargrad
#define TITLE "PolarGrad"
#define PAPER "Lau, Long & Su 2025, arXiv:2505.21799"
#define HYPER(_) \
    _(rate, lr,           0.02,  "[0,inf)", "step size η") \
    _(real, momentum,     0.95,  "[0,1)",   "momentum μ") \
    _(real, weight_decay, 0,     "[0,inf)", "decoupled decay λ") \
    _(bool, polar_first,  false, ,          "momentum of polar factors") \
    _(word, polar,        exact, (exact),   "how U is found: the factor itself") \
    _(real, polar_error,  0,     "[0,0.1]", "how far from 1 singular values of U may be; 0: rounding, whatever the condition") \
    FALLBACK_HYPER(_, 1e-8)
#define SWITCHES(_) _(matrix, IS_MATRIX, 2) _(polar_first, h->polar_first, 2)
#define SLOTS(_) \
    _(momentum_buffer, matrix, 0,    gather | nuclear, "momentum M") \
    _(direction,       matrix, work, gather,           "what is decomposed, then U") \
    FALLBACK_SLOTS(_)
#define COEFS(_)    _(mu) _(add) FALLBACK_COEFS(_)
#define MEASURES(_) _(gather, LG_TENSOR, IS_MATRIX) _(nuclear, LG_TENSOR, IS_MATRIX)
#define SUMS(_)     _(nuclear, add, norm)
#define WORK        (IS_MATRIX ? lg_polar_bytes(type, ROWS, COLUMNS, h->polar_error) : 0)
#define EVIDENCE(_) \
    _(polargrad, authors,   "timlautk/polargrad@79f3c6f:polar_grad.py, qdwh.py") \
    _(polargrad, reference, "tests/methods/polargrad.c")
#include "engine/method.h"
#include "linalg/matrix.h"
#include "methods/support/fallback_step.h"

PREPARE
{
    TAG(fallback_prepare)(h, k, c);
    c->mu  = h->momentum;
    c->add = 1 - h->momentum;
}

MEASURE(gather)
{
    if (!polar_first) s->momentum_buffer = c->mu * s->momentum_buffer + c->add * g;
    s->direction = polar_first ? g : s->momentum_buffer;
}

THEN(gather)
{
    lg_polar(type, data->threads, ROWS, COLUMNS, h->polar_error, AT(direction), data->work, NULL);   /* NaN stays */
}

MEASURE(nuclear)
{
    sum->norm = MUL(polar_first ? g : s->momentum_buffer, s->direction);
    if (polar_first) s->momentum_buffer = c->mu * s->momentum_buffer + c->add * s->direction;
}

THEN(nuclear)
{
    c->step = h->lr * r->norm;
    c->keep = 1 - h->lr * h->weight_decay;
}

UPDATE { return matrix ? c->keep * x - c->step * (polar_first ? s->momentum_buffer : s->direction) : CALL(fallback); }
