/*
 * Shampoo: the gradient divided by roots of its second moments along every dimension.
 *
 *     Fᵢ := β₂ Fᵢ + (1-β₂) Gₖ⁽ⁱ⁾ Gₖ⁽ⁱ⁾ᵀ,   β₂ = 1:  Fᵢ + Gₖ⁽ⁱ⁾ Gₖ⁽ⁱ⁾ᵀ;    F̂ᵢ = Fᵢ / (1-β₂ᵏ) with use_bias_correction, β₂ < 1
 *     Rᵢ = (F̂ᵢ + ε I)^(-1/2d) every precondition_frequency steps           d dimensions, i = 1 .. d
 *     Hₖ = Gₖ,  or with β₁ > 0 the running mean β₁ M + (1-β₁) Gₖ, over 1-β₁ᵏ with use_bias_correction
 *     Dₖ = Hₖ times Rᵢ along each dimension i
 *     grafting = adam:  Aₖ = Hₖ / (√(uₖ / (1-β_gᵏ)) + ε_g), u the running mean of G²;   Dₖ := Dₖ ‖Aₖ‖ / (‖Dₖ‖ + 1e-16)
 *     steps up to start_preconditioning_step:  Dₖ = Aₖ, and Hₖ without grafting
 *     bₖ = momentum bₖ₋₁ + Dₖ + λ Xₖ₋₁,   Xₖ = Xₖ₋₁ - η bₖ
 *
 * Ref   Gupta, Koren & Singer, Shampoo, ICML 2018, arXiv:1802.09568; Shi et al., A Distributed Data-Parallel PyTorch
 *       Implementation of Shampoo, 2023, arXiv:2309.06497; facebookresearch/optimizers.
 *       Eigenvalues of F̂ below 0 are rounding: all are raised by the smallest.  A scalar or vector has one dimension.
 * Other conventions
 *       exponents -1/d (several ports) are not Shampoo's
 *       dimensions above max_preconditioner_dim have no factor here; the released code cuts them into blocks
 *       gradients that keep F diagonal:  Adagrad with F^(-1/2) in one dimension, the product of F₁^(-1/4) and F₂^(-1/4) in two
 * SPDX-License-Identifier: MIT
 */
#define NAME  shampoo
#define TITLE "Shampoo"
#define PAPER "Gupta, Koren & Singer, ICML 2018; Shi et al. 2023, arXiv:2309.06497"
#define HYPER(_) \
    _(rate, lr,                         0.01,  "[0,inf)", "step size η") \
    _(real, beta1,                      0.9,   "[0,1)",   "decay β₁ of the mean gradient; 0: the gradient") \
    _(real, beta2,                      1,     "[0,1]",   "decay β₂ of the factors; 1: a sum") \
    _(real, eps,                        1e-12, "[0,inf)", "ε added to the factors' eigenvalues") \
    _(real, momentum,                   0,     "[0,1)",   "momentum of the step") \
    _(real, weight_decay,               0,     "[0,inf)", "coupled decay λ") \
    _(int,  precondition_frequency,     1,     "[1,1e9]", "steps between two computations of roots") \
    _(int,  start_preconditioning_step, 0,     "[0,1e15]", "last step without roots") \
    _(bool, use_bias_correction,        true,  ,          "divide means by 1-βᵏ") \
    _(word, grafting,                   none,  (none, adam), "whose length the step has") \
    _(real, grafting_beta2,             0.99,  "[0,1)",   "β_g") \
    _(real, grafting_eps,               1e-8,  "[0,inf)", "ε_g") \
    _(int,  max_preconditioner_dim,     1024,  "[1,20000]", "longest dimension that has a factor")
#define SWITCHES(_) _(mean, h->beta1 > 0, 2) _(graft, h->grafting == 1, 2) _(heavy, h->momentum > 0, 2)
#define SLOTS(_) \
    _(exp_avg,         mean,  0,    average, "mean gradient M") \
    _(exp_avg_sq,      graft, 0,    average, "mean square u of grafting") \
    _(momentum_buffer, heavy, 0,    update,  "momentum b") \
    _(direction,       1,     work, gather | average, "G, then H, then D but for its length")
#define SIDE        (t->ndim ? (j < t->ndim ? (double)t->shape[j] : 0) : j == 0)
#define FACTOR      (SIDE <= (double)h->max_preconditioner_dim ? SIDE * SIDE : 0)
#define BLOCKS(_) \
    _(factor, LG_DIMS, FACTOR, 0, "second moment F of a dimension") \
    _(root,   LG_DIMS, FACTOR, 0, "its root R")
#define COEFS(_)    _(b1) _(a1) _(unbias) _(bg) _(ag) _(rcg) _(eps) _(early) _(lr) _(mu) _(decay) _(length)
#define MEASURES(_) _(gather, LG_TENSOR, 1) _(average, LG_TENSOR, 1)
#define SUMS(_)     _(average, add, grafted)
#define WORK        (lg_desk_bytes(4.0 * (double)t->n, 4) + TAG(bytes)(h, t))
#define DIGITS(_) _(shampoo, "lr=1", "")
#define EVIDENCE(_) \
    _(shampoo, authors,   "facebookresearch/optimizers@845f6f3:distributed_shampoo/distributed_shampoo.py") \
    _(shampoo, reference, "tests/methods/shampoo.c")
#include "engine/method.h"
#include "linalg/matrix.h"

/* Room for the largest factor's root. */
UNUSED static inline double TAG(bytes)(const struct TAG(hyper) *h, const lg_shape *t)
{
    double most = 0;
    for (int j = 0; j < LG_DIMS; j++)
        if (FACTOR > 0) most = fmax(most, lg_desk_bytes(2 * FACTOR, 2) + lg_root_bytes((size_t)SIDE));
    return most;
}

PREPARE
{
    int correct = h->use_bias_correction;
    c->b1 = h->beta1;           c->a1 = 1 - h->beta1;
    c->bg = h->grafting_beta2;  c->ag = 1 - h->grafting_beta2;
    c->unbias = 1 / (correct ? 1 - lg_power(h->beta1, k) : 1);
    c->rcg    = 1 / (1 - lg_power(h->grafting_beta2, k));
    c->eps    = h->grafting_eps;
    c->early  = k <= (double)h->start_preconditioning_step;
    c->lr = h->lr;  c->mu = h->momentum;  c->decay = h->weight_decay;
    c->length = 1;
}

MEASURE(gather) { s->direction = g; }

THEN(gather)
{
    lg_desk d = { (char *)data->work, data->threads, false };
    lg_matrix G = lg_from_slot(&d, type, AT(direction), 1, t->n);
    double unbias = h->use_bias_correction && h->beta2 < 1 ? 1 / (1 - lg_power(h->beta2, k)) : 1;
    double order = t->ndim ? t->ndim : 1;
    for (int j = 0; j < LG_DIMS; j++) {
        lg_desk e = d;
        lg_mode mode = lg_mode_of(t, j < t->ndim ? j : 0);
        if (!BLOCK(factor, j)) continue;
        lg_matrix F = lg_matrix_at(BLOCK(factor, j), mode.side, mode.side), R = lg_matrix_at(BLOCK(root, j), mode.side, mode.side);
        lg_mode_gram(&e, mode, G.v, h->beta2, h->beta2 < 1 ? 1 - h->beta2 : 1, F);
        if (fmod(k - 1, (double)h->precondition_frequency) != 0) continue;
        lg_matrix corrected = lg_copy(&e, F);
        lg_mix(unbias, corrected, 0, F);
        lg_mix(0, R, 1, lg_root(&e, corrected, 1 / (2 * order), h->eps));
    }
}

MEASURE(average)
{
    if (mean)  s->exp_avg = c->b1 * s->exp_avg + c->a1 * g;
    if (graft) s->exp_avg_sq = c->bg * s->exp_avg_sq + c->ag * g * g;
    s->direction = mean ? s->exp_avg * c->unbias : g;
    sum->grafted = SQ(graft ? s->direction / (r_sqrt(s->exp_avg_sq * c->rcg) + c->eps) : s->direction);
}

THEN(average)
{
    if (c->early != 0) return;
    lg_desk d = { (char *)data->work, data->threads, false };
    lg_matrix D = lg_from_slot(&d, type, AT(direction), 1, t->n);
    for (int j = 0; j < LG_DIMS; j++) {
        lg_desk e = d;
        if (!BLOCK(root, j)) continue;
        lg_mode mode = lg_mode_of(t, j < t->ndim ? j : 0);
        lg_mix(0, D, 1, lg_mode_multiply(&e, mode, lg_matrix_at(BLOCK(root, j), mode.side, mode.side), D));
    }
    lg_to_slot(D, type, AT(direction));
    if (h->grafting == WORD(grafting, adam)) c->length = sqrt(r->grafted) / (sqrt(lg_dot(D, D)) + 1e-16);
}

UPDATE
{
    real d = RE(c->early) > 0 && graft ? s->direction / (r_sqrt(s->exp_avg_sq * c->rcg) + c->eps) : c->length * s->direction;
    d += c->decay * x;
    if (heavy) d = s->momentum_buffer = c->mu * s->momentum_buffer + d;
    return x - c->lr * d;
}
