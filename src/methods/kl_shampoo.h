/*
 * KL-Shampoo: Shampoo's factors with running means of their eigenvalues, by which the gradients of each other are divided.
 *
 *     step 1:  A = (1-β₂) G Gᵀ / n,  B = (1-β₂) Gᵀ G / m,  Q_A and Q_B their eigenvectors, eigenvalues falling; nothing moves
 *     later, with Q and e as the step before left them:
 *     M := β₁ M + (1-β₁) G,   D = Q_A ((Q_Aᵀ M Q_B) ∘ E / (1 + ε E)) Q_Bᵀ,   E = e_A e_Bᵀ
 *     A := β₂ A + (1-β₂)/n G Q_B diag(e_B²) Q_Bᵀ Gᵀ,   B := β₂ B + (1-β₂)/m Gᵀ Q_A diag(e_A²) Q_Aᵀ G
 *     Y = Q_Aᵀ G Q_B,   1/e_A² := β₂ / e_A² + (1-β₂) mean of the squares of each row of Y diag(e_B), and e_B by columns alike
 *     e at most max(10, min(side, max_clamp_value));   every precondition_frequency steps  Q := the orthonormal factor of A Q_A
 *     X := (1 - η λ) (X - η D)
 *
 * Ref   Lin, Lowe, Dangel, Eschenhagen, Xu & Grosse, Understanding and improving Shampoo and SOAP via Kullback-Leibler
 *       minimization, 2025, arXiv:2509.03378; yorkerlin/KL-Methods.
 *       X is m x n; more than two dimensions count as (first, the rest).  Tensors of less than two get AdamW, adamw_*.  A
 *       basis that is written to the state before the first step is used in place of the eigenvectors.
 * Other conventions
 *       e starts at init_factor^-½;  the eigenvalues are of exponent -½ a side, Shampoo's of -¼
 * SPDX-License-Identifier: MIT
 */
#include "methods/support/fallback.h"
#define NAME  kl_shampoo
#define TITLE "KL-Shampoo"
#define PAPER "Lin et al. 2025, arXiv:2509.03378"
#define HYPER(_) \
    _(rate, lr,                     2e-3, "[0,inf)", "step size η") \
    _(real, beta1,                  0.9,  "[0,1)",   "decay of M") \
    _(real, beta2,                  0.98, "[0,1)",   "decay of eigenvalues and, with shampoo_beta < 0, of the factors") \
    _(real, shampoo_beta,           -1,   "[-1,1)",  "decay of the factors; below 0: β₂") \
    _(real, eps,                    1e-8, "[0,inf)", "ε") \
    _(real, weight_decay,           0.01, "[0,inf)", "decoupled decay λ, after the step") \
    _(int,  precondition_frequency, 10,   "[1,1e9]", "steps between two changes of the bases") \
    _(real, init_factor,            0.1,  "(0,inf)", "first eigenvalue") \
    _(bool, using_clamping,         true, ,          "bound e") \
    _(int,  max_clamp_value,        4000, "[1,1e9]", "its bound, with the side") \
    _(int,  max_factor_dim,         8192, "[1,20000]", "longest side of a matrix; others get AdamW") \
    FALLBACK_HYPER(_, 1e-8)
#define KL_MATRIX   (IS_MATRIX && (int64_t)ROWS <= h->max_factor_dim && (int64_t)COLUMNS <= h->max_factor_dim)
#define SWITCHES(_) _(matrix, KL_MATRIX, 2)
#define SLOTS(_) \
    _(momentum_buffer, matrix, 0,    gather, "mean gradient M") \
    _(direction,       matrix, work, gather, "G, then D") \
    FALLBACK_SLOTS(_)
#define KL_SIDE     (KL_MATRIX ? (double)(j ? COLUMNS : ROWS) : 0)
#define BLOCKS(_) \
    _(factor,  2, KL_SIDE * KL_SIDE, 0, "A and B") \
    _(Q,       2, KL_SIDE * KL_SIDE, 0, "their bases") \
    _(inverse, 2, KL_SIDE, 1 / sqrt(h->init_factor), "e: inverse roots of eigenvalues")
#define COEFS(_)    _(mu) _(add) FALLBACK_COEFS(_)
#define MEASURES(_) _(gather, LG_TENSOR, KL_MATRIX)
#define WORK        (KL_MATRIX ? lg_desk_bytes(14.0 * (double)t->n + 3.0 * ((double)ROWS * (double)ROWS + (double)COLUMNS * (double)COLUMNS + (double)(ROWS + COLUMNS)), 30) \
                     + fmax(lg_eigenvectors_bytes(ROWS) + lg_eigenvectors_bytes(COLUMNS), lg_orthonormal_bytes(ROWS, ROWS) + lg_orthonormal_bytes(COLUMNS, COLUMNS)) : 0)
#define EVIDENCE(_) \
    _(kl_shampoo, authors,   "yorkerlin/KL-Methods@a02e622:optim/kl_opt.py") \
    _(kl_shampoo, reference, "tests/methods/kl_shampoo.c")
#include "engine/method.h"
#include "methods/support/fallback_step.h"
#include "linalg/matrix.h"

PREPARE
{
    TAG(fallback_prepare)(h, k, c);
    c->mu  = k > 1 ? h->beta1 : 1;
    c->add = k > 1 ? 1 - h->beta1 : 0;
}

MEASURE(gather)
{
    s->momentum_buffer = c->mu * s->momentum_buffer + c->add * g;
    s->direction = g;
}

/* Means of the squares of a side's gradients, and from them e. */
static inline void TAG(track)(const struct TAG(hyper) *h, lg_matrix Y, int by_rows, double *mean, double *e)
{
    size_t side = by_rows ? Y.rows : Y.columns;
    double most = fmax(10, fmin((double)side, (double)h->max_clamp_value));
    lg_mean_squares(Y, by_rows, mean);
    for (size_t i = 0; i < side; i++) {
        e[i] = 1 / sqrt(h->beta2 / (e[i] * e[i]) + (1 - h->beta2) * mean[i]);
        if (h->using_clamping && e[i] > most) e[i] = most;
    }
}

THEN(gather)
{
    lg_desk d = { (char *)data->work, data->threads, false };
    double beta = h->shampoo_beta < 0 ? h->beta2 : h->shampoo_beta, *ea = BLOCK(inverse, 0), *eb = BLOCK(inverse, 1);
    lg_matrix G = lg_from_slot(&d, type, AT(direction), ROWS, COLUMNS), M = lg_from_slot(&d, type, AT(momentum_buffer), ROWS, COLUMNS);
    lg_matrix A = lg_matrix_at(BLOCK(factor, 0), ROWS, ROWS), B = lg_matrix_at(BLOCK(factor, 1), COLUMNS, COLUMNS);
    lg_matrix QA = lg_matrix_at(BLOCK(Q, 0), ROWS, ROWS), QB = lg_matrix_at(BLOCK(Q, 1), COLUMNS, COLUMNS);
    double down = (double)ROWS, across = (double)COLUMNS;
    c->keep = k > 1 ? 1 - h->lr * h->weight_decay : 1;
    c->step = k > 1 ? c->keep * h->lr : 0;
    if (k == 1) {
        lg_mix(0, A, (1 - beta) / across, lg_gram(&d, G));
        lg_mix(0, B, (1 - beta) / down, lg_gram(&d, lg_turned(G)));
        if (lg_dot(QA, QA) == 0) lg_mix(0, QA, 1, lg_eigenvectors(&d, A));
        if (lg_dot(QB, QB) == 0) lg_mix(0, QB, 1, lg_eigenvectors(&d, B));
        return;
    }
    lg_matrix D = lg_multiply(&d, lg_turned(QA), lg_multiply(&d, M, QB));
    lg_weigh(D, ea, eb, h->eps);
    lg_to_slot(lg_multiply(&d, QA, lg_multiply(&d, D, lg_turned(QB))), type, AT(direction));
    lg_matrix right = lg_multiply(&d, G, QB), left = lg_multiply(&d, lg_turned(G), QA), Y = lg_multiply(&d, lg_turned(QA), right);
    lg_matrix by_columns = lg_copy(&d, Y), means = lg_matrix_new(&d, 1, ROWS + COLUMNS);
    lg_weigh(right, NULL, eb, 0);
    lg_weigh(left, NULL, ea, 0);
    lg_weigh(Y, NULL, eb, 0);
    lg_weigh(by_columns, ea, NULL, 0);
    lg_mix(beta, A, (1 - beta) / across, lg_gram(&d, right));
    lg_mix(beta, B, (1 - beta) / down, lg_gram(&d, left));
    TAG(track)(h, Y, 1, means.v, ea);
    TAG(track)(h, by_columns, 0, means.v, eb);
    if (fmod(k - 1, (double)h->precondition_frequency) != 0) return;
    lg_mix(0, QA, 1, lg_orthonormal(&d, lg_multiply(&d, A, QA)));
    lg_mix(0, QB, 1, lg_orthonormal(&d, lg_multiply(&d, B, QB)));
}

UPDATE { return matrix ? c->keep * x - c->step * s->direction : CALL(fallback); }
