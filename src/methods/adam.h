/*
 * Adam, and its relatives by setting: decoupled decay (AdamW), the largest second moment (AMSGrad), a first moment that
 * looks ahead (NAdamW).
 *
 *     gₖ = ± ∇f(xₖ₋₁)                         decoupled = false:  + λ xₖ₋₁
 *     mₖ = β₁ mₖ₋₁ + (1-β₁) gₖ
 *     vₖ = β₂ vₖ₋₁ + (1-β₂) gₖ²
 *     xₖ = (1 - η λ) xₖ₋₁ - η m̂ₖ / (√v̂ₖ + ε),      m̂ₖ = mₖ / (1-β₁ᵏ),   v̂ₖ = vₖ / (1-β₂ᵏ);
 *     the factor 1 - η λ only if decoupled.      amsgrad:  v̂ₖ = wₖ / (1-β₂ᵏ),  wₖ = max(wₖ₋₁, vₖ)
 *     nesterov:  m̂ₖ = (β₁ mₖ + (1-β₁) gₖ) / (1-β₁ᵏ)
 *
 * Ref   Kingma & Ba, ICLR 2015; Loshchilov & Hutter, ICLR 2019; Reddi, Kale & Kumar, ICLR 2018; torch.optim.
 *       ε = 0 and no gradient yet: 0 / 0.
 * Other conventions
 *       eps_at = inside:         √(v̂ + ε)
 *       eps_at = hat:            √v̂ + ε / √(1-β₂ᵏ), which is x - η √(1-β₂ᵏ) / (1-β₁ᵏ) m / (√v + ε) (TensorFlow, Keras)
 *       amsgrad_max = corrected: v̂ₖ = wₖ = max(wₖ₋₁, vₖ / (1-β₂ᵏ)) (optax)
 *       nesterov in NAdam:       β₁ m / (1-β₁ᵏ⁺¹) with a schedule of β₁; see nadam
 *       bias_correction = false: m̂ = m, v̂ = v (the AMSGrad paper)
 *       decay that η does not scale:  x := (1 - λ') x;      λ = λ' / η
 * SPDX-License-Identifier: MIT
 */
#define NAME  adam
#define TITLE "Adam"
#define PAPER "Kingma & Ba, ICLR 2015, arXiv:1412.6980"
#define HYPER(_) \
    _(rate, lr,              1e-3,    "[0,inf)", "step size η") \
    _(real, beta1,           0.9,     "[0,1)",   "decay of m") \
    _(real, beta2,           0.999,   "[0,1)",   "decay of v") \
    _(real, eps,             1e-8,    "[0,inf)", "ε") \
    _(word, eps_at,          outside, (outside, inside, hat), "where ε stands") \
    _(real, weight_decay,    0,       "[0,inf)", "decay λ") \
    _(bool, decoupled,       false,   ,          "decay beside the gradient step, not through it") \
    _(bool, bias_correction, true,    ,          "divide by 1-βᵏ") \
    _(bool, amsgrad,         false,   ,          "use the largest v so far") \
    _(word, amsgrad_max,     raw,     (raw, corrected), "largest v before or after its bias correction") \
    _(bool, nesterov,        false,   ,          "look ahead: β₁ m + (1-β₁) g in place of m") \
    _(bool, maximize,        false,   ,          "ascend")
#define SWITCHES(_) _(amsgrad, h->amsgrad, 2) _(nesterov, h->nesterov, 2)
#define SLOTS(_) \
    _(exp_avg,        1,       0, update, "first moment m") \
    _(exp_avg_sq,     1,       0, update, "second raw moment v") \
    _(max_exp_avg_sq, amsgrad, 0, update, "largest v so far, w")
#define COEFS(_) _(couple) _(b1) _(a1) _(b2) _(a2) _(on_m) _(on_g) _(before) _(inside) _(eps) _(keep)
#define ALIASES(_) \
    _(adamw,   "AdamW",   "decoupled=true", "weight_decay=1e-2", "Loshchilov & Hutter, ICLR 2019, arXiv:1711.05101") \
    _(amsgrad, "AMSGrad", "amsgrad=true",   "",                  "Reddi, Kale & Kumar, ICLR 2018, arXiv:1904.09237") \
    _(nadamw,  "NAdamW",  "decoupled=true nesterov=true", "weight_decay=1e-2", "Dozat, ICLR 2016 workshop; Loshchilov & Hutter, ICLR 2019")
#define EVIDENCE(_) \
    _(adam,    library,   "torch.optim 1.13.1: Adam") \
    _(adamw,   library,   "torch.optim 1.13.1: AdamW") \
    _(amsgrad, library,   "torch.optim 1.13.1: Adam") \
    _(nadamw,  library,   "huggingface/pytorch-image-models@aa4b585:timm/optim/nadamw.py") \
    _(adam,    reference, "tests/methods/adam.c") \
    _(adamw,   reference, "tests/methods/adam.c") \
    _(amsgrad, reference, "tests/methods/adam.c") \
    _(nadamw,  reference, "tests/methods/adam.c")
#define SMOOTH      "amsgrad=false"
#include "engine/method.h"

/* v̂ = a v:   m̂ / (√(a v + ε') + ε) = (m̂ / √a) / (√(v + ε' / a) + ε / √a), an operation less. */
PREPARE
{
    double bc1 = h->bias_correction ? 1 - lg_power(h->beta1, k) : 1;
    double bc2 = h->bias_correction ? 1 - lg_power(h->beta2, k) : 1;
    int late = !h->amsgrad || h->amsgrad_max == WORD(amsgrad_max, raw);   /* the correction, after the maximum */
    double a = late ? 1 / bc2 : 1, sign = h->maximize ? -1 : 1;           /* (± g)² = g²: sign stands in what is linear */
    c->couple = h->decoupled ? 0 : sign * h->weight_decay;
    c->b1     = h->beta1;  c->a1 = sign * (1 - h->beta1);
    c->b2     = h->beta2;  c->a2 = 1 - h->beta2;
    c->on_m   = h->lr / (bc1 * sqrt(a)) * (h->nesterov ? h->beta1 : 1);
    c->on_g   = h->lr / (bc1 * sqrt(a)) * c->a1;
    c->before = late ? 1 : 1 / bc2;
    c->inside = h->eps_at == WORD(eps_at, inside) ? h->eps / a : 0;
    c->eps    = h->eps_at == WORD(eps_at, inside) ? 0 : h->eps / sqrt(h->eps_at == WORD(eps_at, hat) ? a * bc2 : a);
    c->keep   = h->decoupled ? 1 - h->lr * h->weight_decay : 1;
}

UPDATE
{
    g = g + c->couple * x;
    s->exp_avg    = c->b1 * s->exp_avg + c->a1 * g;
    s->exp_avg_sq = c->b2 * s->exp_avg_sq + c->a2 * g * g;
    real v = s->exp_avg_sq, m = c->on_m * s->exp_avg;
    if (amsgrad)  v = s->max_exp_avg_sq = r_max(s->max_exp_avg_sq, v * c->before);
    if (nesterov) m = m + c->on_g * g;
    return c->keep * x - m / (r_sqrt(v + c->inside) + c->eps);
}
