/*
 * FISMO: momentum that is orthogonalized between running factors of the Fisher matrix.
 *
 *     Pₖ ~ γ Pₖ₋₁ + (1-γ) (Gₖ Qₖ₋₁⁻¹ Gₖᵀ / n + δ tr Pₖ₋₁ / m I),  scaled to trace m;  P₀ = I
 *     Qₖ ~ γ Qₖ₋₁ + (1-γ) (Gₖᵀ Pₖ⁻¹ Gₖ / m + δ tr Qₖ₋₁ / n I),    scaled to trace n;  Q₀ = I
 *     Mₖ = μ Mₖ₋₁ + (1-μ) Pₖ^-½ Gₖ Qₖ^-½
 *     Xₖ = (1 - η λ) Xₖ₋₁ - η Pₖ^-½ polar(Mₖ) Qₖ^-½            polar = ns:  rounds of Newton and Schulz, as in muon
 *
 * Ref   Xu, Yan & Zhang, Fisher-Structured Momentum-Orthogonalized optimizer, 2026, arXiv:2601.21750, algorithm 1.
 *       X is m x n; more than two dimensions count as (first, the rest).  Tensors of less than two get AdamW, adamw_*.
 * Other conventions
 *       no code of the authors is public: defaults are ours; decoupled decay is an addition
 *       γ = 1:  P = Q = I, so muon without look ahead and with an exact factor
 *       M stays in the frame in which it was gathered when P and Q change
 * SPDX-License-Identifier: MIT
 */
#include "methods/support/fallback.h"
#define NAME  fismo
#define TITLE "FISMO"
#define PAPER "Xu, Yan & Zhang 2026, arXiv:2601.21750"
#define HYPER(_) \
    _(rate, lr,              0.02,  "[0,inf)", "step size η") \
    _(real, momentum,        0.95,  "[0,1)",   "momentum μ") \
    _(real, gamma,           0.95,  "[0,1]",   "decay γ of the factors") \
    _(real, damping,         0.01,  "[0,inf)", "damping δ") \
    _(real, weight_decay,    0,     "[0,inf)", "decoupled decay λ") \
    _(int,  max_factor_dim,  8192,  "[1,20000]", "longest side that has a factor; longer ones keep I") \
    _(word, polar,           exact, (exact, ns), "the polar factor, or rounds of Newton and Schulz") \
    _(int,  ns_steps,        5,     "[0,100]", "rounds of NS") \
    _(list, ns_coefficients, (3.4445, -4.775, 2.0315), "(-inf,inf)", "a, b, c of each round in turn; the last go on") \
    _(real, ns_eps,          1e-7,  "[0,inf)", "ε of NS, added to the norm") \
    FALLBACK_HYPER(_, 1e-8)
#define RULES(_)    _(h->ns_coefficients.n % 3 == 0, "ns_coefficients come in threes")
#define SWITCHES(_) _(matrix, IS_MATRIX, 2)
#define SLOTS(_) \
    _(momentum_buffer, matrix, 0,    never,  "momentum M, between the factors") \
    _(direction,       matrix, work, gather, "G, then what X moves along") \
    FALLBACK_SLOTS(_)
#define FACTOR_OF(side) (IS_MATRIX && (int64_t)(side) <= h->max_factor_dim ? (double)(side) * (double)(side) : 0)
#define BLOCKS(_) \
    _(left,  1, FACTOR_OF(ROWS),    i % (ROWS + 1) == 0,    "factor P of the rows") \
    _(right, 1, FACTOR_OF(COLUMNS), i % (COLUMNS + 1) == 0, "factor Q of the columns")
#define COEFS(_)    FALLBACK_COEFS(_)
#define MEASURES(_) _(gather, LG_TENSOR, IS_MATRIX)
#define WORK        (IS_MATRIX ? lg_desk_bytes(9.0 * (double)t->n + FACTOR_OF(ROWS) + FACTOR_OF(COLUMNS), 12) \
                                 + (FACTOR_OF(ROWS) > 0 ? lg_root_bytes(ROWS) : 0) + (FACTOR_OF(COLUMNS) > 0 ? 2 * lg_root_bytes(COLUMNS) : 0) \
                                 + fmax(lg_polar_bytes(LUGE_F64, ROWS, COLUMNS, 0), lg_rounds_bytes(false, t, LUGE_F64)) : 0)
#define DIGITS(_) _(fismo, "lr=0.1", "")
#define EVIDENCE(_) _(fismo, reference, "tests/methods/fismo.c")
#include "engine/method.h"
#include "methods/support/fallback_step.h"
#include "methods/support/rounds.h"

PREPARE { TAG(fallback_prepare)(h, k, c); }

MEASURE(gather) { s->direction = g; }

/* A factor by the gradient that the root of the other has divided. */
static inline void TAG(track)(const struct TAG(hyper) *h, lg_desk *d, lg_matrix p, lg_matrix half)
{
    if (!p.v) return;
    double side = (double)p.rows, shift = (1 - h->gamma) * h->damping * lg_trace(p) / side;
    lg_mix(h->gamma, p, (1 - h->gamma) / (double)half.columns, lg_gram(d, half));
    lg_shift(p, shift);
    double trace = lg_trace(p);
    if (trace > 0) lg_mix(side / trace, p, 0, p);
}

/* P^-½ a, where there is a factor. */
static inline lg_matrix TAG(divided)(lg_desk *d, lg_matrix root, lg_matrix a) { return root.v ? lg_multiply(d, root, a) : a; }
static inline lg_matrix TAG(half)(lg_desk *d, lg_matrix p) { return p.v ? lg_root(d, p, 0.5, 0) : p; }

THEN(gather)
{
    lg_desk d = { (char *)data->work, data->threads, false };
    lg_matrix G = lg_from_slot(&d, type, AT(direction), ROWS, COLUMNS), M = lg_from_slot(&d, type, AT(momentum_buffer), ROWS, COLUMNS);
    lg_matrix P = lg_matrix_at(BLOCK(left, 0), ROWS, ROWS), Q = lg_matrix_at(BLOCK(right, 0), COLUMNS, COLUMNS);
    TAG(track)(h, &d, P, lg_turned(TAG(divided)(&d, TAG(half)(&d, Q), lg_turned(G))));
    lg_matrix p = TAG(half)(&d, P), PG = TAG(divided)(&d, p, G);
    TAG(track)(h, &d, Q, lg_turned(PG));
    lg_matrix q = TAG(half)(&d, Q), turned = TAG(divided)(&d, q, lg_turned(PG));   /* roots are symmetric */
    lg_mix(h->momentum, M, 1 - h->momentum, turned.turned ? PG : lg_copy(&d, lg_turned(turned)));
    lg_to_slot(M, type, AT(momentum_buffer));
    lg_polynomial ns = { h->ns_coefficients, (int)h->ns_steps, 1, h->ns_eps, false };
    luge_status bad = h->polar == WORD(polar, exact)
                          ? lg_polar(LUGE_F64, d.threads, ROWS, COLUMNS, 0, M.v, d.at, NULL)
                          : lg_rounds(&ns, false, t, LUGE_F64, d.threads, M.v, d.at);
    lg_to_slot(TAG(divided)(&d, p, lg_turned(TAG(divided)(&d, q, lg_turned(M)))), type, AT(direction));
    c->step = bad ? (double)NAN : h->lr;
    c->keep = 1 - h->lr * h->weight_decay;
}

UPDATE { return matrix ? c->keep * x - c->step * s->direction : CALL(fallback); }
