/*
 * LARS: momentum on gradients scaled per tensor by a trust ratio.
 *
 *     r  = κ ‖x‖ / (‖g‖ + λ ‖x‖ + ε) per tensor, 1 where ‖x‖ or ‖g‖ is 0;      trust_clip:  min(r / η, 1)
 *     dₖ = r (gₖ + λ xₖ₋₁)                      λ = 0:  dₖ = gₖ, unless always_adapt
 *     bₖ = μ bₖ₋₁ + (1-τ) dₖ,     b₁ = d₁
 *     xₖ = xₖ₋₁ - η bₖ                          nesterov:  - η (dₖ + μ bₖ)        μ = 0:  - η dₖ
 *
 * Ref   You, Gitman & Ginsburg, Large Batch Training of Convolutional Networks, 2017; timm.
 * Other conventions
 *       η inside the velocity (paper):  vₖ = μ vₖ₋₁ + η r (gₖ + λ xₖ₋₁),  xₖ = xₖ₋₁ - vₖ;      v = η b for constant η
 * SPDX-License-Identifier: MIT
 */
#define NAME  lars
#define TITLE "LARS"
#define PAPER "You, Gitman & Ginsburg 2017, arXiv:1708.03888"
#define HYPER(_) \
    _(rate, lr,           1,     "[0,inf)", "step size η") \
    _(real, momentum,     0,     "[0,inf)", "momentum μ") \
    _(real, dampening,    0,     "[0,1]",   "τ, takes from the gradient's weight after the first step") \
    _(real, weight_decay, 0,     "[0,inf)", "decay λ, inside the ratio") \
    _(real, trust_coeff,  1e-3,  "[0,inf)", "κ") \
    _(real, eps,          1e-8,  "[0,inf)", "ε") \
    _(bool, nesterov,     false, ,          "look ahead") \
    _(bool, trust_clip,   false, ,          "LARC: a step of r at most, η at most") \
    _(bool, always_adapt, false, ,          "r also where λ = 0")
#define RULES(_) \
    _(!h->nesterov || (h->momentum > 0 && h->dampening == 0), "nesterov needs momentum > 0 and dampening = 0")
#define SWITCHES(_) _(moving, h->momentum != 0, 2) _(nesterov, h->nesterov, 2)
#define SLOTS(_)    _(momentum_buffer, moving, 0, update, "velocity b, in units of the gradient")
#define COEFS(_)    _(ratio) _(decay) _(lr) _(mu) _(add)
#define MEASURES(_) _(norms, LG_TENSOR, h->weight_decay != 0 || h->always_adapt)
#define SUMS(_)     _(norms, add, xx) _(norms, add, gg)
#define EVIDENCE(_) \
    _(lars, library,   "huggingface/pytorch-image-models@aa4b585:timm/optim/lars.py") \
    _(lars, reference, "tests/methods/lars.c")
#define SMOOTH      "weight_decay=0 with always_adapt=false, which has no trust ratio"
#include "engine/method.h"

PREPARE
{
    c->ratio = 1;
    c->decay = 0;
    c->lr    = h->lr;
    c->mu    = h->momentum;
    c->add   = k == 1 ? 1 : 1 - h->dampening;
}

MEASURE(norms) { sum->xx = SQ(x); sum->gg = SQ(g); }

THEN(norms)
{
    double xn = sqrt(r->xx), gn = sqrt(r->gg);
    double ratio = xn > 0 && gn > 0 ? h->trust_coeff * xn / (gn + h->weight_decay * xn + h->eps) : 1;
    c->ratio = h->trust_clip ? fmin(ratio / h->lr, 1) : ratio;
    c->decay = h->weight_decay;
}

UPDATE
{
    g = c->ratio * (g + c->decay * x);
    if (!moving) return x - c->lr * g;
    s->momentum_buffer = c->mu * s->momentum_buffer + c->add * g;
    if (nesterov) return x - c->lr * (g + c->mu * s->momentum_buffer);
    return x - c->lr * s->momentum_buffer;
}
