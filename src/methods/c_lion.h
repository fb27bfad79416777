/*
 * Cautious Lion: Lion that leaves out, and makes up for, the coordinates whose step is against the gradient.
 *
 *     uₖ = β₁ mₖ₋₁ + (1-β₁) gₖ
 *     cᵢ = 1 where uᵢ gᵢ > 0, else φ = cautious_factor;      s = n / (Σ c + 1) over the tensor of n coordinates
 *     xₖ = (1 - η λ) xₖ₋₁ - η s c sign uₖ,      sign 0 = 0
 *     mₖ = β₂ mₖ₋₁ + (1-β₂) gₖ
 *
 * Ref   Liang, Chen, Liu & Liu, Cautious Optimizers, 2024; kyleliang919/C-Optim; lucidrains/lion-pytorch.
 * Other conventions
 *       mask_scale = mean_clamp (lucidrains):  s = 1 / max(Σ c / n, mask_floor);  with φ = 1 this is Lion
 * SPDX-License-Identifier: MIT
 */
#define NAME  c_lion
#define TITLE "Cautious Lion"
#define PAPER "Liang et al., 2024, arXiv:2411.16085"
#define HYPER(_) \
    _(rate, lr,              1e-4, "[0,inf)", "step size η") \
    _(real, beta1,           0.95, "[0,1]",   "weight of m under the sign") \
    _(real, beta2,           0.98, "[0,1]",   "decay of m") \
    _(real, weight_decay,    0,    "[0,inf)", "decoupled decay λ") \
    _(real, cautious_factor, 0,    "[0,1]",   "φ, what is left of a step against the gradient") \
    _(word, mask_scale,      numel_over_sum_plus_one, (numel_over_sum_plus_one, mean_clamp), "how the rest makes up for it") \
    _(real, mask_floor,      1e-5, "(0,inf)", "least mean of the mask")
#define SLOTS(_)    _(exp_avg, 1, 0, update, "momentum m")
#define COEFS(_)    _(b1) _(a1) _(b2) _(a2) _(factor) _(step) _(keep)
#define MEASURES(_) _(mask, LG_TENSOR, 1)
#define SUMS(_)     _(mask, add, weight)
#define DIGITS(_) _(c_lion, "lr=1e-3", "")
#define EVIDENCE(_) \
    _(c_lion, authors,   "kyleliang919/C-Optim@2c0517c:c_lion.py") \
    _(c_lion, library,   "lucidrains/lion-pytorch@6a74fdc:lion_pytorch/cautious_lion.py") \
    _(c_lion, reference, "tests/methods/c_lion.c")
#define SMOOTH      "lion_k with kernel=pseudo_huber and the same betas, which has no mask"
#include "engine/method.h"
#include "methods/support/cautious.h"

PREPARE
{
    c->b1 = h->beta1;  c->a1 = 1 - h->beta1;
    c->b2 = h->beta2;  c->a2 = 1 - h->beta2;
    c->factor = h->cautious_factor;
    c->step   = h->lr;
    c->keep   = 1 - h->lr * h->weight_decay;
}

LOCAL(under) { return c->b1 * s->exp_avg + c->a1 * g; }

LOCAL(mask) { return RE(MUL(CALL(under), g)) > 0 ? 1 : c->factor; }

MEASURE(mask) { sum->weight = (wide)CALL(mask); }

THEN(mask)
{
    c->step *= lg_cautious_scale(h->mask_scale == WORD(mask_scale, mean_clamp), (double)t->n, r->weight, h->mask_floor);
}

UPDATE
{
    real u = CALL(under), mask = CALL(mask);
    s->exp_avg = c->b2 * s->exp_avg + c->a2 * g;
    return c->keep * x - c->step * mask * r_sign(u);
}
