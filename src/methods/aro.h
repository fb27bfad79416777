/*
 * ARO: a base map in a frame that turns with the momentum.
 *
 *     Mₖ = μ Mₖ₋₁ + (1-μ) Gₖ                                    m x n with m <= n; else all of it transposed
 *     Rₖ = the orthonormal factor of  Mₖ f(Rₖ₋₁ᵀ Mₖ)ᵀ,   R₀ = I
 *     Xₖ = (1 - η λ) Xₖ₋₁ - η σ Rₖ f(Rₖᵀ Mₖ)
 *     f  sinkhorn:  rows of norm √n, then columns of norm √m, in sinkhorn_iters rounds;   row_norm:  rows of norm √n
 *     σ  rms_norm:  0.2 √max(m, n);   spectral_norm:  √(m/n);   none:  1;   rms:  what makes entries of rms_target
 *
 * Ref   Gong, Zazo, Luo, Wang, Hensman & Ma, ARO, 2026, arXiv:2602.09006; Sinkhorn: arXiv:2502.06742.
 *       More than two dimensions count as (first, the rest).  Tensors of less than two get AdamW, settings adamw_*.
 * Other conventions
 *       aro_paper:  σ = rms with 0.2;   aro as in microsoft/dion has 0.2 √max on top of entries of rms 1
 *       row_norm once R does not turn any more:  √n polar(M), so muon with an exact factor
 *       signs of the columns of R cancel, since f does the same to a row and to minus the row
 * SPDX-License-Identifier: MIT
 */
#include "methods/support/fallback.h"
#define NAME  aro
#define TITLE "ARO"
#define PAPER "Gong et al. 2026, arXiv:2602.09006"
#define HYPER(_) \
    _(rate, lr,             0.01,     "[0,inf)", "step size η") \
    _(real, momentum,       0.95,     "[0,1)",   "momentum μ") \
    _(real, weight_decay,   0.01,     "[0,inf)", "decoupled decay λ") \
    _(word, base,           sinkhorn, (sinkhorn, row_norm), "base map f") \
    _(int,  sinkhorn_iters, 5,        "[1,100]", "rounds of sinkhorn") \
    _(word, scale,          rms_norm, (rms_norm, spectral_norm, none, rms), "factor σ") \
    _(real, rms_target,     0.2,      "[0,inf)", "root mean square of the entries where scale = rms") \
    FALLBACK_HYPER(_, 1e-8)
#define SWITCHES(_) _(matrix, IS_MATRIX, 2)
#define SLOTS(_) \
    _(momentum_buffer, matrix, 0,    momentum, "momentum M") \
    _(direction,       matrix, work, momentum, "M, then R f(Rᵀ M)") \
    FALLBACK_SLOTS(_)
#define SHORT       (ROWS < COLUMNS ? ROWS : COLUMNS)
#define BLOCKS(_)   _(rotation, 1, IS_MATRIX ? (double)SHORT * (double)SHORT : 0, i % (SHORT + 1) == 0, "frame R")
#define COEFS(_)    _(mu) _(add) FALLBACK_COEFS(_)
#define MEASURES(_) _(momentum, LG_TENSOR, IS_MATRIX)
#define WORK        (IS_MATRIX ? lg_desk_bytes(5.0 * (double)t->n + 2.0 * (double)SHORT * (double)SHORT, 8) + lg_orthonormal_bytes(SHORT, SHORT) : 0)
#define ALIASES(_)  _(aro_paper, "ARO, as the paper has it", "scale=rms", "", "Gong et al. 2026, arXiv:2602.09006")
#define EVIDENCE(_) \
    _(aro,       library,   "microsoft/dion@9c6b30d:dion/aro.py, not by the paper's authors") \
    _(aro,       reference, "tests/methods/aro.c") \
    _(aro_paper, reference, "tests/methods/aro.c")
#include "engine/method.h"
#include "methods/support/fallback_step.h"
#include "linalg/matrix.h"

PREPARE
{
    TAG(fallback_prepare)(h, k, c);
    c->mu  = h->momentum;
    c->add = 1 - h->momentum;
}

MEASURE(momentum)
{
    s->momentum_buffer = c->mu * s->momentum_buffer + c->add * g;
    s->direction = s->momentum_buffer;
}

/* f(Rᵀ M) */
static inline lg_matrix TAG(base)(const struct TAG(hyper) *h, lg_desk *d, lg_matrix R, lg_matrix M)
{
    lg_matrix Y = lg_multiply(d, lg_turned(R), M);
    if (h->base == WORD(base, sinkhorn))
        lg_sinkhorn(Y, (int)h->sinkhorn_iters, 1e-8);
    else
        lg_unit_rows(Y, sqrt((double)Y.columns), 1e-8);
    return Y;
}

THEN(momentum)
{
    lg_desk d = { (char *)data->work, data->threads, false };
    lg_matrix M = lg_from_slot(&d, type, AT(direction), ROWS, COLUMNS), R = lg_matrix_at(BLOCK(rotation, 0), SHORT, SHORT);
    if (ROWS > COLUMNS) M = lg_turned(M);
    lg_matrix turned = lg_multiply(&d, M, lg_turned(TAG(base)(h, &d, R, M)));
    lg_mix(0, R, 1, lg_orthonormal(&d, turned));
    lg_matrix D = lg_multiply(&d, R, TAG(base)(h, &d, R, M));
    double down = (double)M.rows, across = (double)M.columns, rms = sqrt(lg_dot(D, D) / (down * across));
    lg_to_slot(ROWS > COLUMNS ? lg_turned(D) : D, type, AT(direction));
    c->step = h->lr * (h->scale == WORD(scale, rms_norm)        ? 0.2 * sqrt(across)
                     : h->scale == WORD(scale, spectral_norm)   ? sqrt(down / across)
                     : h->scale == WORD(scale, rms) && rms != 0 ? h->rms_target / rms : 1);
    c->keep = 1 - h->lr * h->weight_decay;
}

UPDATE { return matrix ? c->keep * x - c->step * s->direction : CALL(fallback); }
