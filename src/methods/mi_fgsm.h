/*
 * MI-FGSM: momentum iterative fast gradient sign attack; the parameter is an input that is made adversarial.
 *
 *     bₖ = μ bₖ₋₁ + ∇J(xₖ₋₁) / ‖∇J(xₖ₋₁)‖₁          the norm of the tensor, or of each row (scope);  0 of zeros
 *     xₖ = xₖ₋₁ + α sign bₖ,  sign 0 = 0,  then cut to |x - x₀| <= ε, then to [low, high]
 *     targeted:  - α sign bₖ
 *
 * Ref   Dong et al., Boosting Adversarial Attacks with Momentum, CVPR 2018.      T steps of α = ε / T.
 * Other conventions
 *       mean of |∇J| for its sum (the first code):  the same steps, since all b are that many times as large
 *       μ = 0:  I-FGSM;    one step of α = ε:  FGSM
 * SPDX-License-Identifier: MIT
 */
#define NAME  mi_fgsm
#define TITLE "MI-FGSM"
#define PAPER "Dong et al., CVPR 2018, arXiv:1710.06081"
#define HYPER(_) \
    _(rate,  lr,       0.006274509803921569, "[0,inf)",    "step α, 16/255/10") \
    _(real,  momentum, 1,                    "[0,inf)",    "momentum μ") \
    _(real,  radius,   0.06274509803921569,  "[0,inf)",    "largest change ε, 16/255") \
    _(maybe, low,      none,                 "(-inf,inf)", "least x; of an image, 0") \
    _(maybe, high,     none,                 "(-inf,inf)", "largest x; of an image, 1") \
    _(word,  scope,    tensor,               (tensor, row), "what has a norm: a tensor is one example, or each of its rows") \
    _(bool,  targeted, false,                ,             "down the loss of a target, not up the loss")
#define RULES(_)    _(LG_NONE(h->low) || LG_NONE(h->high) || h->low <= h->high, "low must be at most high")
#define SLOTS(_) \
    _(momentum_buffer, 1, 0, update, "velocity b") \
    _(start,           1, x, never,  "the input x₀")
#define COEFS(_)    _(mu) _(step) _(radius) _(low) _(high)
#define ROW_LENGTH  (h->scope == WORD(scope, row) && t->ndim > 1 ? t->n / t->shape[0] : t->n)
#define MEASURES(_) _(norm, LG_ROWS, 1)
#define SUMS(_)     _(norm, add, size)
#define RESULTS(_)  _(length)
#define DIGITS(_) _(mi_fgsm, "", "it is an attack, which goes up the loss of an input")
#define EVIDENCE(_) _(mi_fgsm, reference, "tests/methods/mi_fgsm.c")
#include "engine/method.h"

PREPARE
{
    c->mu     = h->momentum;
    c->step   = h->targeted ? -h->lr : h->lr;
    c->radius = h->radius;
    c->low    = LG_NONE(h->low) ? -HUGE_VAL : h->low;
    c->high   = LG_NONE(h->high) ? HUGE_VAL : h->high;
}

MEASURE(norm) { sum->size = (wide)r_abs(g); }

THEN(norm)
{
    for (size_t i = 0; i < rows; i++) r[i].length = r[i].size == 0 ? 1 : r[i].size;
}

UPDATE
{
    s->momentum_buffer = c->mu * s->momentum_buffer + g / r->length;
    real y = x + c->step * r_sign(s->momentum_buffer);                 /* NaN goes through r_max and r_min as second */
    y = r_min(s->start + c->radius, r_max(s->start - c->radius, y));
    return r_min(c->high, r_max(c->low, y));
}
