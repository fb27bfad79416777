/*
 * AdaMax: Adam with the largest gradient, slowly forgotten, in place of the second moment.
 *
 *     gₖ = ∇f(xₖ₋₁) + λ xₖ₋₁
 *     mₖ = β₁ mₖ₋₁ + (1-β₁) gₖ
 *     uₖ = max(β₂ uₖ₋₁, |gₖ| + ε)
 *     xₖ = xₖ₋₁ - η / (1-β₁ᵏ) mₖ / uₖ
 *
 * Ref   Kingma & Ba, ICLR 2015, section 7.1; torch.optim.Adamax.      ε = 0 and no gradient yet: 0 / 0.
 * Other conventions
 *       eps_at = outside:  uₖ = max(β₂ uₖ₋₁, |gₖ|),  mₖ / (uₖ + ε) (optax, Keras); ε = 0: the paper
 *       closed form:       uₖ = max over j of β₂ᵏ⁻ʲ (|gⱼ| + ε)
 * SPDX-License-Identifier: MIT
 */
#define NAME  adamax
#define TITLE "AdaMax"
#define PAPER "Kingma & Ba, ICLR 2015, arXiv:1412.6980"
#define HYPER(_) \
    _(rate, lr,           2e-3,   "[0,inf)", "step size η") \
    _(real, beta1,        0.9,    "[0,1)",   "decay of m") \
    _(real, beta2,        0.999,  "[0,1)",   "decay of u") \
    _(real, eps,          1e-8,   "[0,inf)", "ε") \
    _(word, eps_at,       inside, (inside, outside), "ε inside or outside the maximum") \
    _(real, weight_decay, 0,      "[0,inf)", "coupled decay λ")
#define SLOTS(_) \
    _(exp_avg, 1, 0, update, "first moment m") \
    _(exp_inf, 1, 0, update, "largest gradient u")
#define COEFS(_) _(decay) _(b1) _(a1) _(b2) _(inside) _(eps) _(step)
#define EVIDENCE(_) _(adamax, reference, "tests/methods/adamax.c")
#define SMOOTH      "adam with eps_at=inside"
#include "engine/method.h"

PREPARE
{
    int within = h->eps_at == WORD(eps_at, inside);
    c->decay  = h->weight_decay;
    c->b1     = h->beta1;  c->a1 = 1 - h->beta1;
    c->b2     = h->beta2;
    c->inside = within ? h->eps : 0;
    c->eps    = within ? 0 : h->eps;
    c->step   = h->lr / (1 - lg_power(h->beta1, k));
}

UPDATE
{
    g += c->decay * x;
    s->exp_avg = c->b1 * s->exp_avg + c->a1 * g;
    s->exp_inf = r_max(c->b2 * s->exp_inf, r_abs(g) + c->inside);
    return x - c->step * s->exp_avg / (s->exp_inf + c->eps);
}
