/*
 * SOAP: Adam in the eigenbasis of Shampoo's factors.
 *
 *     step 1:  Fᵢ = (1-β) G⁽ⁱ⁾ G⁽ⁱ⁾ᵀ,  Qᵢ its eigenvectors, eigenvalues falling; nothing moves.   Later, n = k-1:
 *     G' = G in the bases Qᵢ,   m = β₁ m + (1-β₁) G',   v = β₂ v + (1-β₂) G'²
 *     X := X - η √(1-β₂ⁿ) / (1-β₁ⁿ) D,   D = m / (√v + ε) turned back;      then  X := (1 - η λ) X
 *     Fᵢ := β Fᵢ + (1-β) G⁽ⁱ⁾ G⁽ⁱ⁾ᵀ;   every precondition_frequency steps n: the columns of Qᵢ, and v with them, by
 *     falling diagonal of Qᵢᵀ Fᵢ Qᵢ, then Qᵢ := the orthonormal factor of Fᵢ Qᵢ, and m into the new bases
 *
 * Ref   Vyas, Morwani, Zhao, Kwun, Shapira, Brandfonbrener, Janson & Kakade, SOAP, 2024, arXiv:2409.11321; nikhilvyas/SOAP.
 *       β = shampoo_beta, or β₂ where that is negative.  Each dimension has a factor, but for those above max_precond_dim
 *       and, unless precondition_1d, of vectors.  A basis that is written to the state before the first step is used in
 *       place of the eigenvectors, which are arbitrary where eigenvalues are equal.
 * Other conventions
 *       correct_bias = false:  without the two corrections
 *       no dimension with a factor:  adam that starts a step late, and decays after its step
 * SPDX-License-Identifier: MIT
 */
#define NAME  soap
#define TITLE "SOAP"
#define PAPER "Vyas et al. 2024, arXiv:2409.11321"
#define HYPER(_) \
    _(rate, lr,                     3e-3,  "[0,inf)",  "step size η") \
    _(real, beta1,                  0.95,  "[0,1)",    "decay of m") \
    _(real, beta2,                  0.95,  "[0,1)",    "decay of v") \
    _(real, shampoo_beta,           -1,    "[-1,1)",   "decay β of the factors; below 0: β₂") \
    _(real, eps,                    1e-8,  "[0,inf)",  "ε") \
    _(real, weight_decay,           0.01,  "[0,inf)",  "decoupled decay λ") \
    _(int,  precondition_frequency, 10,    "[1,1e9]",  "steps between two changes of the bases") \
    _(int,  max_precond_dim,        10000, "[1,20000]", "longest dimension that has a factor") \
    _(bool, merge_dims,             false, ,           "put short dimensions together: not built") \
    _(bool, precondition_1d,        false, ,           "vectors have a factor too") \
    _(bool, correct_bias,           true,  ,           "divide by 1-β₁ⁿ and √(1-β₂ⁿ)")
#define RULES(_)    _(!h->merge_dims, "merge_dims is not built: give the tensor in the shape that it shall have")
#define SLOTS(_) \
    _(exp_avg,    1, 0,    moments, "first moment m, in the bases") \
    _(exp_avg_sq, 1, 0,    moments, "second moment v, in the bases") \
    _(direction,  1, work, gather | moments, "G, then D")
#define SIDE_OF     (j < t->ndim && (t->ndim > 1 || h->precondition_1d) ? (double)t->shape[j] : 0)
#define FACTOR_SQ   (SIDE_OF <= (double)h->max_precond_dim ? SIDE_OF * SIDE_OF : 0)
#define BLOCKS(_) \
    _(factor, LG_DIMS, FACTOR_SQ, 0, "second moment F of a dimension") \
    _(Q,      LG_DIMS, FACTOR_SQ, 0, "its basis Q")
#define COEFS(_)    _(b1) _(a1) _(b2) _(a2) _(eps) _(step) _(keep)
#define MEASURES(_) _(gather, LG_TENSOR, 1) _(moments, LG_TENSOR, k > 1)
#define WORK        (lg_desk_bytes(4.0 * (double)t->n, 6) + TAG(bytes)(h, t))
#define EVIDENCE(_) \
    _(soap, authors,   "nikhilvyas/SOAP@a1e5535:soap.py") \
    _(soap, reference, "tests/methods/soap.c")
#include "engine/method.h"
#include "linalg/matrix.h"

/* Room for what is done to one dimension. */
UNUSED static inline double TAG(bytes)(const struct TAG(hyper) *h, const lg_shape *t)
{
    double most = 0;
    for (int j = 0; j < LG_DIMS; j++)
        if (FACTOR_SQ > 0)
            most = fmax(most, lg_desk_bytes(4 * FACTOR_SQ + 2 * SIDE_OF + 2 * (double)t->n, 8) +
                                  fmax(lg_eigenvectors_bytes((size_t)SIDE_OF), lg_orthonormal_bytes((size_t)SIDE_OF, (size_t)SIDE_OF)));
    return most;
}

PREPARE
{
    c->b1   = h->beta1;  c->a1 = 1 - h->beta1;
    c->b2   = h->beta2;  c->a2 = 1 - h->beta2;
    c->eps  = h->eps;
    c->step = k > 1 ? h->lr : 0;
    c->keep = k > 1 ? 1 - h->lr * h->weight_decay : 1;
    if (k > 1 && h->correct_bias) c->step *= sqrt(1 - lg_power(h->beta2, k - 1)) / (1 - lg_power(h->beta1, k - 1));
}

/* a into the bases, or with `back` out of them. */
static inline void TAG(turn)(lg_desk d, const lg_data *data, const lg_shape *t, int back, lg_matrix a)
{
    for (int j = 0; j < LG_DIMS; j++) {
        lg_desk e = d;
        if (!BLOCK(Q, j)) continue;
        lg_mode mode = lg_mode_of(t, j);
        lg_matrix Q = lg_matrix_at(BLOCK(Q, j), mode.side, mode.side);
        lg_mix(0, a, 1, lg_mode_multiply(&e, mode, back ? Q : lg_turned(Q), a));
    }
}

MEASURE(gather) { s->direction = g; }

THEN(gather)
{
    lg_desk d = { (char *)data->work, data->threads, false };
    lg_matrix G = lg_from_slot(&d, type, AT(direction), 1, t->n);
    double beta = h->shampoo_beta < 0 ? h->beta2 : h->shampoo_beta;
    for (int j = 0; j < LG_DIMS; j++) {
        lg_desk e = d;
        if (!BLOCK(Q, j)) continue;
        lg_mode mode = lg_mode_of(t, j);
        lg_matrix F = lg_matrix_at(BLOCK(factor, j), mode.side, mode.side), Q = lg_matrix_at(BLOCK(Q, j), mode.side, mode.side);
        lg_mode_gram(&e, mode, G.v, beta, 1 - beta, F);
        if (k == 1 && lg_dot(Q, Q) == 0) lg_mix(0, Q, 1, lg_eigenvectors(&e, F));
    }
    TAG(turn)(d, data, t, false, G);
    lg_to_slot(G, type, AT(direction));
}

MEASURE(moments)
{
    s->exp_avg    = c->b1 * s->exp_avg + c->a1 * s->direction;
    s->exp_avg_sq = c->b2 * s->exp_avg_sq + c->a2 * s->direction * s->direction;
    real root = r_sqrt(s->exp_avg_sq) + c->eps;
    s->direction = RE(root) == 0 ? 0 : s->exp_avg / root;
}

/* New bases, and the moments in them. */
static inline void TAG(refresh)(lg_desk d, luge_type type, const lg_data *data, const lg_shape *t)
{
    lg_matrix m = lg_from_slot(&d, type, AT(exp_avg), 1, t->n), v = lg_from_slot(&d, type, AT(exp_avg_sq), 1, t->n);
    TAG(turn)(d, data, t, true, m);
    for (int j = 0; j < LG_DIMS; j++) {
        lg_desk e = d;
        if (!BLOCK(Q, j)) continue;
        lg_mode mode = lg_mode_of(t, j);
        lg_matrix F = lg_matrix_at(BLOCK(factor, j), mode.side, mode.side), Q = lg_matrix_at(BLOCK(Q, j), mode.side, mode.side);
        lg_mode_sort(&e, mode, F, Q, v);
        lg_mix(0, Q, 1, lg_orthonormal(&e, lg_multiply(&e, F, Q)));
    }
    TAG(turn)(d, data, t, false, m);
    lg_to_slot(m, type, AT(exp_avg));
    lg_to_slot(v, type, AT(exp_avg_sq));
}

THEN(moments)
{
    lg_desk d = { (char *)data->work, data->threads, false };
    lg_matrix D = lg_from_slot(&d, type, AT(direction), 1, t->n);
    TAG(turn)(d, data, t, true, D);
    lg_to_slot(D, type, AT(direction));
    if (fmod(k - 1, (double)h->precondition_frequency) == 0) TAG(refresh)(d, type, data, t);
}

UPDATE { return c->keep * (x - c->step * s->direction); }
