/*
 * Dion: momentum of low rank, orthonormalized by one step of power iteration, with the rest fed back.
 *
 *     Bₖ = Mₖ₋₁ + Gₖ,   Pₖ = the orthonormal factor of Bₖ Qₖ₋₁,   Rₖ = Bₖᵀ Pₖ            Q is n x r
 *     Mₖ = Bₖ - (1-μ) Pₖ Rₖᵀ,   Qₖ = Rₖ, each column over (its norm + ε)
 *     Xₖ = (1 - η λ) Xₖ₋₁ - η √(m/n) Pₖ Qₖᵀ
 *
 * Ref   Ahn, Xu, Abreu, Langford et al., Dion, 2025, arXiv:2504.05295; microsoft/dion.
 *       X is m x n; more than two dimensions count as (first, the rest).  Tensors of less than two get AdamW, adamw_*.
 *       r = rank, at most the smaller side.  Q starts with normal numbers by seed and the tensor's name; a Q that is
 *       written to the state before the first step is used in its place.
 * Other conventions
 *       r = the smaller side and Q square once it follows M:  the polar factor of B, so muon with heavy_ball momentum
 *       signs of the columns of P cancel in P Qᵀ
 * SPDX-License-Identifier: MIT
 */
#include "methods/support/fallback.h"
#define NAME  dion
#define TITLE "Dion"
#define PAPER "Ahn et al. 2025, arXiv:2504.05295"
#define HYPER(_) \
    _(rate, lr,           0.01, "[0,inf)", "step size η") \
    _(real, momentum,     0.95, "[0,1)",   "momentum μ") \
    _(real, weight_decay, 0.01, "[0,inf)", "decoupled decay λ") \
    _(int,  rank,         768,  "[1,1e9]", "columns r of Q") \
    _(real, eps,          1e-8, "[0,inf)", "ε of the columns of Q") \
    _(int,  seed,         0,    "[0,1e15]", "of the first Q") \
    FALLBACK_HYPER(_, 1e-8)
#define SWITCHES(_) _(matrix, IS_MATRIX, 2)
#define SLOTS(_) \
    _(momentum_buffer, matrix, 0,    momentum, "momentum M") \
    _(direction,       matrix, work, momentum, "B, then P Qᵀ") \
    FALLBACK_SLOTS(_)
#define RANK        (ROWS < COLUMNS ? TAG(least)((size_t)h->rank, ROWS) : TAG(least)((size_t)h->rank, COLUMNS))
#define BLOCKS(_)   _(Q, 1, IS_MATRIX ? (double)COLUMNS * (double)RANK : 0, \
                      lg_normal((uint64_t)h->seed, lg_hash(LG_HASH, t->name, strlen(t->name)), i), "right factor Q")
#define COEFS(_)    FALLBACK_COEFS(_)
#define MEASURES(_) _(momentum, LG_TENSOR, IS_MATRIX)
#define WORK        (IS_MATRIX ? lg_desk_bytes(3.0 * (double)t->n + 2.0 * (double)RANK * (double)(ROWS + COLUMNS), 8) + lg_orthonormal_bytes(ROWS, RANK) : 0)
#define DIGITS(_) _(dion, "lr=0.1", "")
#define EVIDENCE(_) \
    _(dion, authors,   "microsoft/dion@0a059a4:dion/dion_simple.py") \
    _(dion, reference, "tests/methods/dion.c")
#include "engine/method.h"
#include "methods/support/fallback_step.h"
#include "linalg/matrix.h"

UNUSED static inline size_t TAG(least)(size_t a, size_t b) { return a < b ? a : b; }

PREPARE { TAG(fallback_prepare)(h, k, c); }

MEASURE(momentum)
{
    s->momentum_buffer = s->momentum_buffer + g;
    s->direction = s->momentum_buffer;
}

THEN(momentum)
{
    lg_desk d = { (char *)data->work, data->threads, false };
    lg_matrix B = lg_from_slot(&d, type, AT(direction), ROWS, COLUMNS), Q = lg_matrix_at(BLOCK(Q, 0), COLUMNS, RANK);
    lg_matrix P = lg_orthonormal(&d, lg_multiply(&d, B, Q)), R = lg_multiply(&d, lg_turned(B), P);
    lg_mix(1, B, h->momentum - 1, lg_multiply(&d, P, lg_turned(R)));
    lg_to_slot(B, type, AT(momentum_buffer));
    lg_mix(0, Q, 1, R);
    lg_unit_columns(Q, h->eps);
    lg_to_slot(lg_multiply(&d, P, lg_turned(Q)), type, AT(direction));
    c->step = h->lr * sqrt((double)ROWS / (double)COLUMNS);
    c->keep = 1 - h->lr * h->weight_decay;
}

UPDATE { return matrix ? c->keep * x - c->step * s->direction : CALL(fallback); }
