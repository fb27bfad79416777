/*
 * RMSprop: gradients divided by the root of their mean square.
 *
 *     gₖ = ∇f(xₖ₋₁) + λ xₖ₋₁
 *     vₖ = α vₖ₋₁ + (1-α) gₖ²
 *     centered:  mₖ = α mₖ₋₁ + (1-α) gₖ,  and vₖ - mₖ² in place of vₖ below, at least 0
 *     bₖ = μ bₖ₋₁ + gₖ / (√vₖ + ε)
 *     xₖ = xₖ₋₁ - η bₖ
 *
 * Ref   Tieleman & Hinton, COURSERA: Neural Networks for Machine Learning, lecture 6.5, 2012; Graves 2013 (centered).
 * Other conventions
 *       eps_at = inside:  √(v + ε) (TensorFlow, Keras, optax)
 *       lr_at = inside:   bₖ = μ bₖ₋₁ + η gₖ / (√vₖ + ε),  xₖ = xₖ₋₁ - bₖ (TensorFlow): the same for constant η
 *       corrected v:      adam with beta1 = 0
 * SPDX-License-Identifier: MIT
 */
#define NAME  rmsprop
#define TITLE "RMSprop"
#define PAPER "Tieleman & Hinton 2012; Graves 2013, arXiv:1308.0850"
#define HYPER(_) \
    _(rate, lr,           1e-2,    "[0,inf)", "step size η") \
    _(real, alpha,        0.99,    "[0,1)",   "decay α of v and m") \
    _(real, eps,          1e-8,    "[0,inf)", "ε") \
    _(word, eps_at,       outside, (outside, inside), "where ε stands") \
    _(real, momentum,     0,       "[0,1)",   "momentum μ") \
    _(word, lr_at,        outside, (outside, inside), "η outside or inside the momentum") \
    _(bool, centered,     false,   ,          "divide by the root of the variance") \
    _(real, weight_decay, 0,       "[0,inf)", "coupled decay λ")
#define SWITCHES(_) _(moving, h->momentum != 0, 2) _(centered, h->centered, 2)
#define SLOTS(_) \
    _(square_avg,      1,        0, update, "mean square v") \
    _(grad_avg,        centered, 0, update, "mean m") \
    _(momentum_buffer, moving,   0, update, "velocity b")
#define COEFS(_) _(decay) _(a) _(rest) _(inside) _(eps) _(mu) _(in) _(out)
#define EVIDENCE(_) _(rmsprop, reference, "tests/methods/rmsprop.c")
#define SMOOTH      "centered=false"
#include "engine/method.h"

PREPARE
{
    int within = h->lr_at == WORD(lr_at, inside);
    c->decay  = h->weight_decay;
    c->a      = h->alpha;  c->rest = 1 - h->alpha;
    c->inside = h->eps_at == WORD(eps_at, inside) ? h->eps : 0;
    c->eps    = h->eps_at == WORD(eps_at, inside) ? 0 : h->eps;
    c->mu     = h->momentum;
    c->in     = within ? h->lr : 1;
    c->out    = within ? 1 : h->lr;
}

UPDATE
{
    g += c->decay * x;
    real v = s->square_avg = c->a * s->square_avg + c->rest * g * g;
    if (centered) {
        s->grad_avg = c->a * s->grad_avg + c->rest * g;
        v = r_max(0, v - s->grad_avg * s->grad_avg);
    }
    real d = c->in * g / (r_sqrt(v + c->inside) + c->eps);
    if (moving) d = s->momentum_buffer = c->mu * s->momentum_buffer + d;
    return x - c->out * d;
}
