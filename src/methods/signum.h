/*
 * Signum: the sign of the momentum; without momentum, signSGD.
 *
 *     gₖ = ∇f(xₖ₋₁)                          decoupled = false:  + λ xₖ₋₁
 *     mₖ = β mₖ₋₁ + (1-β) gₖ                 β = 0:  m = g
 *     xₖ = xₖ₋₁ - η sign mₖ,      sign 0 = 0      decoupled:  (1 - η λ) xₖ₋₁ in place of xₖ₋₁
 *
 * Ref   Bernstein, Wang, Azizzadenesheli & Anandkumar, signSGD, ICML 2018.
 * Other conventions
 *       sum of gradients:  bₖ = β bₖ₋₁ + gₖ, the same step, since m = (1-β) b
 *       MXNet's wd and wd_lh:  weight_decay with decoupled = false and true; here one of them at a time
 * SPDX-License-Identifier: MIT
 */
#define NAME  signum
#define TITLE "Signum"
#define PAPER "Bernstein et al., ICML 2018, arXiv:1802.04434"
#define HYPER(_) \
    _(rate, lr,           1e-2,  "[0,inf)", "step size η") \
    _(real, momentum,     0.9,   "[0,1)",   "decay β of m") \
    _(real, weight_decay, 0,     "[0,inf)", "decay λ") \
    _(bool, decoupled,    false, ,          "decay beside the gradient step, not under the sign")
#define SWITCHES(_) _(moving, h->momentum != 0, 2)
#define SLOTS(_)    _(momentum_buffer, moving, 0, update, "momentum m, a mean")
#define COEFS(_)    _(couple) _(b) _(a) _(lr) _(keep)
#define ALIASES(_)  _(signsgd, "signSGD", "momentum=0", "", "Bernstein et al., ICML 2018, arXiv:1802.04434")
#define EVIDENCE(_) \
    _(signum,  library,   "jiaweizzhao/Signum_pytorch@f7ceb6a:signum.py") \
    _(signsgd, library,   "jiaweizzhao/Signum_pytorch@f7ceb6a:signum.py") \
    _(signum,  reference, "tests/methods/signum.c") \
    _(signsgd, reference, "tests/methods/signum.c")
#define SMOOTH      "lion_k with kernel=pseudo_huber and beta1 = beta2 = momentum"
#include "engine/method.h"

PREPARE
{
    c->couple = h->decoupled ? 0 : h->weight_decay;
    c->b    = h->momentum;  c->a = 1 - h->momentum;
    c->lr   = h->lr;
    c->keep = h->decoupled ? 1 - h->lr * h->weight_decay : 1;
}

UPDATE
{
    g += c->couple * x;
    if (moving) g = s->momentum_buffer = c->b * s->momentum_buffer + c->a * g;
    return c->keep * x - c->lr * r_sign(g);
}
