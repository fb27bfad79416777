/*
 * A toy: gradient descent with a drift, the smallest method file.
 *
 *     mₖ = μ mₖ₋₁ + gₖ
 *     xₖ = xₖ₋₁ - η mₖ
 *
 * Ref   None: it exists to show that one new file is enough.
 * SPDX-License-Identifier: MIT
 */
#define NAME  toy_drift
#define TITLE "Toy with a drift"
#define PAPER "none"
#define HYPER(_) \
    _(rate, lr,       0.1, "[0,inf)", "step size η") \
    _(real, momentum, 0.5, "[0,1)",   "momentum μ")
#define SLOTS(_) _(drift, 1, 0, update, "m")
#define COEFS(_) _(lr) _(mu)
#define EVIDENCE(_) _(toy_drift, reference, "tests/toy.py")
#include "engine/method.h"

PREPARE
{
    c->lr = h->lr;
    c->mu = h->momentum;
}

UPDATE
{
    s->drift = c->mu * s->drift + g;
    return x - c->lr * s->drift;
}
