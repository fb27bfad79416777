/*
 * Grokfast-EMA: the slow part of the gradients amplified before AdamW or the heavy ball sees them.
 *
 *     eₖ = α eₖ₋₁ + (1-α) ∇f(xₖ₋₁),  e₁ = ∇f(x₀);      gₖ = ∇f(xₖ₋₁) + λ eₖ
 *     base = adamw:       mₖ = β₁ mₖ₋₁ + (1-β₁) gₖ,    vₖ = β₂ vₖ₋₁ + (1-β₂) gₖ²
 *                         xₖ = (1 - η λ_w) xₖ₋₁ - η mₖ / (1-β₁ᵏ) / (√(vₖ / (1-β₂ᵏ)) + ε)
 *     base = heavy_ball:  gₖ += λ_w xₖ₋₁,    bₖ = μ bₖ₋₁ + (1-τ) gₖ,  b₁ = g₁
 *                         xₖ = xₖ₋₁ - η bₖ     nesterov:  - η (gₖ + μ bₖ)
 *
 * Ref   Lee, Kang, Kim & Lee, Grokfast, 2024; ironjr/grokfast.
 * Other conventions
 *       λ = 0:  the base;    α = 0:  the base on (1+λ) ∇f
 *       the filter as a transfer function:  1 + λ (1-α) / (1 - α e^-iω), so 1+λ at 0 and 1 + λ (1-α)/(1+α) at π
 * SPDX-License-Identifier: MIT
 */
#define NAME  grokfast_ema
#define TITLE "Grokfast-EMA"
#define PAPER "Lee et al., 2024, arXiv:2405.20233"
#define HYPER(_) \
    _(rate, lr,           1e-3,  "[0,inf)", "step size η") \
    _(real, alpha,        0.98,  "[0,1)",   "decay α of the slow part e") \
    _(real, lam,          2,     "[0,inf)", "how much λ of it is added") \
    _(word, base,         adamw, (adamw, heavy_ball), "what takes the step") \
    _(real, beta1,        0.9,   "[0,1)",   "adamw: decay of m") \
    _(real, beta2,        0.999, "(0,1)",   "adamw: decay of v") \
    _(real, eps,          1e-8,  "[0,inf)", "adamw: ε") \
    _(real, momentum,     0.9,   "[0,inf)", "heavy_ball: μ") \
    _(real, dampening,    0,     "[0,1]",   "heavy_ball: τ, takes from the gradient's weight after the first step") \
    _(bool, nesterov,     false, ,          "heavy_ball: look ahead") \
    _(real, weight_decay, 0,     "[0,inf)", "decay λ_w: decoupled with adamw, coupled with heavy_ball")
#define RULES(_)    _(!h->nesterov || (h->momentum > 0 && h->dampening == 0), "nesterov needs momentum > 0 and dampening = 0")
#define SWITCHES(_) _(base, h->base, 2) _(nesterov, h->nesterov, 2)
#define SLOTS(_) \
    _(grad_ema,        1,                         0, update, "slow part e") \
    _(exp_avg,         base == WORD(base, adamw), 0, update, "first moment m") \
    _(exp_avg_sq,      base == WORD(base, adamw), 0, update, "second raw moment v") \
    _(momentum_buffer, base != WORD(base, adamw), 0, update, "velocity b")
#define COEFS(_) _(alpha) _(slow) _(lam) _(b1) _(a1) _(b2) _(a2) _(rc2) _(eps) _(keep) _(decay) _(mu) _(add) _(step)
#define EVIDENCE(_) \
    _(grokfast_ema, authors,   "ironjr/grokfast@93b2248:grokfast.py, before torch.optim 1.13.1: AdamW, SGD") \
    _(grokfast_ema, reference, "tests/methods/grokfast_ema.c")
#include "engine/method.h"

PREPARE
{
    int adamw = h->base == WORD(base, adamw);
    c->alpha = h->alpha;  c->slow = k == 1 ? 1 : 1 - h->alpha;         /* e₀ = 0 */
    c->lam   = h->lam;
    c->b1    = h->beta1;  c->a1 = 1 - h->beta1;
    c->b2    = h->beta2;  c->a2 = 1 - h->beta2;
    c->rc2   = 1 / (1 - lg_power(h->beta2, k));
    c->eps   = h->eps;
    c->keep  = 1 - h->lr * h->weight_decay;
    c->decay = h->weight_decay;
    c->mu    = h->momentum;                                            /* b₀ = 0 */
    c->add   = k == 1 ? 1 : 1 - h->dampening;
    c->step  = adamw ? h->lr / (1 - lg_power(h->beta1, k)) : h->lr;
}

UPDATE
{
    s->grad_ema = c->alpha * s->grad_ema + c->slow * g;
    g += c->lam * s->grad_ema;
    if (base == WORD(base, adamw)) {
        s->exp_avg    = c->b1 * s->exp_avg + c->a1 * g;
        s->exp_avg_sq = c->b2 * s->exp_avg_sq + c->a2 * g * g;
        return c->keep * x - c->step * s->exp_avg / (r_sqrt(s->exp_avg_sq * c->rc2) + c->eps);
    }
    g += c->decay * x;
    s->momentum_buffer = c->mu * s->momentum_buffer + c->add * g;
    return x - c->step * (nesterov ? g + c->mu * s->momentum_buffer : s->momentum_buffer);
}
