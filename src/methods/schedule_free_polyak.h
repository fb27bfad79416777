/*
 * Schedule-free method with Polyak steps: the loss itself says how far to go.
 *
 *     yₖ = μ xₖ + (1-μ) zₖ                    the parameter while training, where gradients are taken; x₀ = y₀ = z₀
 *     γₖ = min(η, max(0, f(yₖ₋₁) - f* + ⟨gₖ, zₖ₋₁ - yₖ₋₁⟩) / max(Nₖ, M)),  0 if Nₖ = M = 0;      gₖ = ∇f(yₖ₋₁)
 *     zₖ = zₖ₋₁ - γₖ (uₖ + λ yₖ₋₁)
 *     xₖ = xₖ₋₁ + (zₖ - xₖ₋₁) / (k+1)          the parameter for evaluation: the mean of z₀ .. zₖ
 *     base = sgd:    uₖ = gₖ,  Nₖ = ‖gₖ‖²
 *     base = adamw:  vₖ = β₂ vₖ₋₁ + (1-β₂) gₖ²,  uₖ = gₖ / (√(vₖ / (1-β₂ᵏ)) + ε),  Nₖ = ⟨gₖ, uₖ⟩
 *     Products run over all tensors; k counts the steps of the group.
 *     f convex, G-Lipschitz, f* its least value, η = ∞, λ = M = 0, sgd:  ‖zₖ - x*‖ never grows, f(xₖ) - f* <= G ‖x₀ - x*‖ / √(k+1)
 *
 * Stored: y and z.  zₖ₋₁ - yₖ₋₁ = μ (zₖ₋₁ - xₖ₋₁),     x = (y - (1-μ) z) / μ.
 * Ref   Pun, Buchholz, Gower, Oikonomou & Loizou, Taking the Road Less Scheduled with Adaptive Polyak Steps, 2025;
 *       Defazio et al., The Road Less Scheduled, NeurIPS 2024; Polyak, Introduction to Optimization, 1987.
 * Other conventions
 *       μ -> 0:                 Polyak's step γ = (f - f*) / ‖g‖², with the mean of its iterates
 *       f* not known:           a lower bound ℓ of it, and M > 0 (safeguarded)
 * SPDX-License-Identifier: MIT
 */
#define NAME  schedule_free_polyak
#define TITLE "Schedule-free with Polyak steps"
#define PAPER "Pun et al., 2025, arXiv:2511.07767"
#define HYPER(_) \
    _(rate, lr,           1,     "[0,inf)",    "largest step size η") \
    _(real, momentum,     0.9,   "(0,1)",      "weight μ of the average in y") \
    _(real, f_star,       0,     "(-inf,inf)", "least value f* of the loss, or a lower bound of it") \
    _(real, least,        0,     "[0,inf)",    "least denominator M") \
    _(real, weight_decay, 0,     "[0,inf)",    "decay λ, taken at y") \
    _(word, base,         sgd,   (sgd, adamw), "direction: the gradient, or divided as Adam's is") \
    _(real, beta2,        0.999, "[0,1)",      "decay of v") \
    _(real, eps,          1e-8,  "[0,inf)",    "ε")
#define SWITCHES(_) _(scaled, h->base == WORD(base, adamw), 2)
#define SLOTS(_) \
    _(z,          1,      x, update, "base sequence") \
    _(exp_avg_sq, scaled, 0, size,   "second raw moment v")
#define LOSS(_)     _(1, "f where the gradient was taken, of the same rows")
#define COEFS(_)    _(b2) _(a2) _(rc2) _(eps) _(decay) _(lr) _(a) _(lr_y) _(on_y) _(on_z)
#define MEASURES(_) _(size, LG_ALL, 1)
#define SUMS(_)     _(size, add, ahead) _(size, add, gg)
#define EVIDENCE(_) _(schedule_free_polyak, reference, "tests/methods/schedule_free_polyak.c")
#define HAS_VIEW
#include "engine/method.h"

PREPARE
{
    c->b2    = h->beta2;  c->a2 = 1 - h->beta2;
    c->rc2   = 1 / (1 - lg_power(h->beta2, k));
    c->eps   = h->eps;
    c->decay = h->weight_decay;
    c->a     = 1 / (k + 1);
    c->on_y  = 1 / h->momentum;
    c->on_z  = 1 - 1 / h->momentum;
}

LOCAL(direction) { return scaled ? g / (r_sqrt(s->exp_avg_sq * c->rc2) + c->eps) : g; }

MEASURE(size)
{
    if (scaled) s->exp_avg_sq = c->b2 * s->exp_avg_sq + c->a2 * g * g;
    sum->ahead = MUL(g, s->z - x);
    sum->gg    = MUL(g, CALL(direction));
}

THEN(size)                                                                        /* NaN stays in all of it */
{
    double gap = m->loss - h->f_star + r->ahead, size = r->gg < h->least ? h->least : r->gg;
    double step = size == 0 || gap < 0 ? 0 : gap / size;
    c->lr   = step > h->lr ? h->lr : step;
    c->lr_y = c->lr * (1 - h->momentum * (1 - c->a));
}

UPDATE
{
    real u = CALL(direction) + c->decay * x, y = x + c->a * (s->z - x) - c->lr_y * u;
    s->z -= c->lr * u;
    return y;
}

VIEW { return c->on_y * x + c->on_z * s->z; }
