/*
 * Adagrad: gradients divided by the root of the sum of all their squares.
 *
 *     gₖ = ∇f(xₖ₋₁) + λ xₖ₋₁
 *     Sₖ = Sₖ₋₁ + gₖ²,      S₀ = initial_accumulator_value
 *     xₖ = xₖ₋₁ - η / (1 + (k-1) δ) gₖ / (√Sₖ + ε),      δ = lr_decay
 *
 * Ref   Duchi, Hazan & Singer, Adaptive Subgradient Methods, JMLR 2011; torch.optim.Adagrad.
 *       ε = 0 and no gradient yet: 0 / 0.
 * Other conventions
 *       eps_at = inside:  √(S + ε) (optax, JAX);      S₀ = 0.1 there and in TensorFlow
 * SPDX-License-Identifier: MIT
 */
#define NAME  adagrad
#define TITLE "Adagrad"
#define PAPER "Duchi, Hazan & Singer, JMLR 2011"
#define HYPER(_) \
    _(rate, lr,                        1e-2,    "[0,inf)", "step size η") \
    _(real, lr_decay,                  0,       "[0,inf)", "δ, how fast η falls") \
    _(real, initial_accumulator_value, 0,       "[0,inf)", "S₀") \
    _(real, eps,                       1e-10,   "[0,inf)", "ε") \
    _(word, eps_at,                    outside, (outside, inside), "where ε stands") \
    _(real, weight_decay,              0,       "[0,inf)", "coupled decay λ")
#define SLOTS(_) _(sum, 1, 0, update, "sum of squares, S - S₀")
#define COEFS(_) _(decay) _(step) _(inside) _(eps)
#define EVIDENCE(_) _(adagrad, reference, "tests/methods/adagrad.c")
#include "engine/method.h"

PREPARE
{
    int within = h->eps_at == WORD(eps_at, inside);
    c->decay  = h->weight_decay;
    c->step   = h->lr_decay == 0 ? h->lr : h->lr / (1 + (k - 1) * h->lr_decay);
    c->inside = h->initial_accumulator_value + (within ? h->eps : 0);
    c->eps    = within ? 0 : h->eps;
}

UPDATE
{
    g += c->decay * x;
    s->sum += g * g;
    return x - c->step * g / (r_sqrt(s->sum + c->inside) + c->eps);
}
