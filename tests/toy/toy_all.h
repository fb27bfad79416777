/*
 * A toy that uses every table of a method file at once, so that the engine's rare shapes are tested before a method
 * needs them.
 *
 *     G  = Σ gᵢ² over all tensors in the step before,  N = steps so far      MEMORY, LG_ALL
 *     Rᵣ = Σ xᵢ² and Aᵣ = max |gᵢ| in each row r                            LG_ROWS with RESULTS
 *     T  = Σ |xᵢ - x₀ᵢ| over the tensor;  P = ∏ (1 - 1/(2 + k)) per tensor        LG_TENSOR, OWN
 *     vⱼ = βⱼ vⱼ + gᵢ,  j = 1 .. K                                          REPEATED
 *     pᵢ is an input at every third step (then added to the gradient)       INPUTS, a switch on k
 *     xᵢ = xᵢ - η / (1 + G / N) Σ vⱼ w / K - η / (1 + G / N) Rᵣ Aᵣ / (1 + Aᵣ) P / (1 + T) xᵢ,    w = 1 or ½
 *     view:  (x + v₁) / 2;   two blocks of numbers that count                   BLOCKS
 *
 * Ref   None.
 * SPDX-License-Identifier: MIT
 */
#define NAME  toy_all
#define TITLE "Toy of everything"
#define PAPER "none"
#define HYPER(_) \
    _(rate, lr,    0.01,       "[0,inf)", "step size η") \
    _(list, betas, (0.5, 0.9), "[0,1)",   "βⱼ, 1 to 8 of them") \
    _(word, sum,   plain,      (plain, half), "weight of the velocities")
#define RULES(_)    _(h->betas.n <= LG_MANY, "betas: at most 8 velocities")
#define SWITCHES(_) _(more, h->betas.n - 1, LG_MANY) _(probed, (int64_t)(k < 1e15 ? k : 0) % 3 == 0, 2)
#define SLOTS(_)    _(start, 1, x, never, "the first parameter")
#define REPEATED(_) _(velocity, more + 1, 0, update, "velocities vⱼ")
#define INPUTS(_)   _(probe, probed, "an input of every third step")
#define MEMORY(_)   _(steps, 0, "N") _(square, 0, "G")
#define OWN(_)      _(product, 1, "P")
#define BLOCKS(_)   _(tally, 2, j + 2, i + 1, "numbers of two lengths")
#define COEFS(_)    _(beta[LG_MANY]) _(weight) _(step) _(product) _(size)
#define ROW_LENGTH  (t->ndim > 1 ? t->n / t->shape[0] : t->n)
#define MEASURES(_) _(all, LG_ALL, 1) _(rows, LG_ROWS, 1) _(whole, LG_TENSOR, 1)
#define SUMS(_)     _(all, add, gg) _(rows, add, xx) _(rows, max, most) _(whole, add, ax)
#define RESULTS(_)  _(pull)
#define HAS_VIEW
#include "engine/method.h"

PREPARE
{
    for (int i = 0; i < LG_MANY; i++) c->beta[i] = h->betas.v[i];
    own->product *= 1 - 1 / (2 + k);
    c->product = own->product;
    c->weight  = (h->sum == WORD(sum, half) ? 0.5 : 1) / h->betas.n;
    c->step    = h->lr / (1 + (m->steps > 0 ? m->square / m->steps : 0));
}

MEASURE(all) { sum->gg = SQ(g); }

THEN(all)
{
    m->steps += 1;
    m->square = r->gg;
}

MEASURE(rows)
{
    sum->xx   = SQ(x);
    sum->most = (wide)r_abs(g);
}

THEN(rows)
{
    for (size_t i = 0; i < rows; i++) r[i].pull = r[i].xx * r[i].most / (1 + r[i].most);
}

MEASURE(whole) { sum->ax = (wide)r_abs(x - s->start); }

THEN(whole)
{
    c->size = 1 / (1 + r->ax);
    BLOCK(tally, 1)[2] += 1;
}

UPDATE
{
    real v = 0;
    if (probed) g += s->probe;
    EACH(i, more + 1) v += s->velocity[i] = c->beta[i] * s->velocity[i] + g;
    return x - c->step * (c->weight * v + r->pull * c->size * c->product * x);
}

VIEW { return (x + s->velocity[0]) / 2; }
