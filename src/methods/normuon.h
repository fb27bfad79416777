/*
 * NorMuon: Muon whose rows are normalized by a running mean of their squares.
 *
 *     Oₖ = NS(Nₖ) with Mₖ, Nₖ and NS as in muon
 *     vₖ = β₂ vₖ₋₁ + (1-β₂) mean of each row of O²,   Pₖ = Oₖ / (√vₖ + ε) row by row
 *     Xₖ = (1 - η λ) Xₖ₋₁ - η σ Pₖ ‖Oₖ‖ / (‖Pₖ‖ + ε),   σ = √max(1, rows/columns)
 *
 * Ref   Li, Liu, Liang, Chen & Zhao, NorMuon, 2025, arXiv:2510.05491; zichongli5/NorMuon.
 *       More than two dimensions count as (first, the rest).  Tensors of less than two get AdamW, settings adamw_*.
 * Other conventions
 *       v has no bias correction: a factor of all rows cancels, so that the first step has rows of one length
 *       four dimensions in the released code have their means over the last one alone; here over the row of the matrix
 *       a tensor of one row: muon, up to ε
 * SPDX-License-Identifier: MIT
 */
#include "methods/support/fallback.h"
#define NAME  normuon
#define TITLE "NorMuon"
#define PAPER "Li et al. 2025, arXiv:2510.05491"
#define HYPER(_) \
    _(rate, lr,              0.02,     "[0,inf)", "step size η") \
    _(real, momentum,        0.95,     "[0,1)",   "momentum μ") \
    _(real, beta2,           0.95,     "[0,1)",   "decay β₂ of the rows' squares") \
    _(real, weight_decay,    0,        "[0,inf)", "decoupled decay λ") \
    _(bool, nesterov,        true,     ,          "look ahead") \
    _(word, momentum_form,   ema,      (ema, heavy_ball), "weight of the gradient in M") \
    _(word, scale,           original, (original, spectral, none), "factor σ: that, √(rows/columns), or 1") \
    _(real, norm_eps,        1e-10,    "[0,inf)", "ε") \
    _(int,  ns_steps,        5,        "[0,100]", "rounds of NS") \
    _(list, ns_coefficients, (3.4445, -4.775, 2.0315), "(-inf,inf)", "a, b, c of each round in turn; the last go on") \
    _(real, ns_eps,          1e-7,     "[0,inf)", "ε of NS") \
    _(word, ns_eps_mode,     add,      (add, max), "‖N‖ + ε, or max(‖N‖, ε)") \
    FALLBACK_HYPER(_, 1e-10)
#define RULES(_)    _(h->ns_coefficients.n % 3 == 0, "ns_coefficients come in threes")
#define SWITCHES(_) _(matrix, IS_MATRIX, 2) _(nesterov, h->nesterov, 2)
#define SLOTS(_) \
    _(momentum_buffer, matrix, 0,    momentum, "momentum M") \
    _(direction,       matrix, work, momentum, "N, then NS(N)") \
    FALLBACK_SLOTS(_)
#define BLOCKS(_)   _(row_sq, 1, IS_MATRIX ? ROWS : 0, 0, "running mean v of the rows' squares")
#define COEFS(_)    _(mu) _(add) FALLBACK_COEFS(_)
#define ROW_LENGTH  COLUMNS
#define MEASURES(_) _(momentum, LG_TENSOR, IS_MATRIX) _(rows, LG_ROWS, IS_MATRIX)
#define SUMS(_)     _(rows, add, square)
#define RESULTS(_)  _(scale)
#define WORK        (IS_MATRIX ? lg_rounds_bytes(false, t, type) : 0)
#define EVIDENCE(_) \
    _(normuon, authors,   "zichongli5/NorMuon@d45c9a4:normuon.py") \
    _(normuon, reference, "tests/methods/normuon.c")
#include "engine/method.h"
#include "methods/support/fallback_step.h"
#include "methods/support/rounds.h"

PREPARE
{
    TAG(fallback_prepare)(h, k, c);
    c->mu  = h->momentum;
    c->add = h->momentum_form == WORD(momentum_form, ema) ? 1 - h->momentum : 1;
}

MEASURE(momentum)
{
    s->momentum_buffer = c->mu * s->momentum_buffer + c->add * g;
    s->direction = nesterov ? c->mu * s->momentum_buffer + c->add * g : s->momentum_buffer;
}

THEN(momentum)
{
    lg_polynomial p = { h->ns_coefficients, (int)h->ns_steps, 1, h->ns_eps, h->ns_eps_mode == WORD(ns_eps_mode, max) };
    lg_rounds(&p, false, t, type, data->threads, AT(direction), data->work);             /* NaN stays */
}

MEASURE(rows) { sum->square = SQ(s->direction); }

THEN(rows)
{
    double before = 0, after = 0, ratio = (double)ROWS / (double)COLUMNS, *v = BLOCK(row_sq, 0);
    for (size_t i = 0; i < rows; i++) {
        v[i] = h->beta2 * v[i] + (1 - h->beta2) * r[i].square / (double)COLUMNS;
        r[i].scale = v[i] == 0 ? 0 : 1 / (sqrt(v[i]) + h->norm_eps);
        before += r[i].square;
        after  += r[i].scale * r[i].scale * r[i].square;
    }
    double whole = sqrt(after) + h->norm_eps;
    c->step = h->lr * (whole == 0 ? 0 : sqrt(before) / whole)
            * (h->scale == WORD(scale, original) ? sqrt(fmax(1, ratio)) : h->scale == WORD(scale, spectral) ? sqrt(ratio) : 1);
    c->keep = 1 - h->lr * h->weight_decay;
}

UPDATE { return matrix ? c->keep * x - c->step * r->scale * s->direction : CALL(fallback); }
