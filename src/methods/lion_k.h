/*
 * Lion-K: Lion with the gradient of a convex function K in place of the sign.
 *
 *     uₖ = β₁ mₖ₋₁ + (1-β₁) gₖ
 *     xₖ = (1 - η λ) xₖ₋₁ - η ∇K(uₖ)
 *     mₖ = β₂ mₖ₋₁ + (1-β₂) gₖ
 *     minimizes f(x) + K*(λ x) / λ, K* the conjugate of K;  e = kernel_param, p too
 *
 *     kernel             K(u)                       ∇K(u), 0 where it is 0/0            what λ does to x
 *     l1                 ‖u‖₁                       sign u                              |xᵢ| <= 1/λ
 *     half_squared_l2    ½‖u‖²                      u                                   ½λ‖x‖²
 *     l2                 ‖u‖                        u / ‖u‖            of each tensor   ‖x‖ <= 1/λ
 *     lp                 ‖u‖ₚ,  p > 1               sign u (|u| / ‖u‖ₚ)ᵖ⁻¹              ‖x‖_q <= 1/λ, 1/p + 1/q = 1
 *     row_l2             Σ ‖row of u‖               u / ‖its row‖; a vector is one row  rows of norm <= 1/λ
 *     huber              Huberₑ(u)                  u / e, at least -1, at most 1       box and ½eλ‖x‖²
 *     pseudo_huber       Σ √(u² + e²)               u / √(u² + e²)                      smooth box
 *     soft_threshold_l1  Σ max(|u| - e, 0)          sign u where |u| > e, else 0        box and e‖x‖₁
 *
 * Ref   Chen, Liu, Liang & Liu, Lion Secretly Solves Constrained Optimization, ICLR 2024.
 * Other conventions
 *       m ~ -gradient (paper):  the same steps, since every K here is even
 *       kernel = l1:  Lion;     β₁ = β₂ and half_squared_l2:  heavy_ball with mean gradients and decoupled decay
 * SPDX-License-Identifier: MIT
 */
#define NAME  lion_k
#define TITLE "Lion-K"
#define PAPER "Chen et al., ICLR 2024, arXiv:2310.05898"
#define HYPER(_) \
    _(rate, lr,           1e-4, "[0,inf)", "step size η") \
    _(real, beta1,        0.9,  "[0,1]",   "weight of m in u") \
    _(real, beta2,        0.99, "[0,1]",   "decay of m") \
    _(real, weight_decay, 0,    "[0,inf)", "decoupled decay λ") \
    _(word, kernel,       l1,   (l1, half_squared_l2, l2, lp, row_l2, huber, pseudo_huber, soft_threshold_l1), "K") \
    _(real, kernel_param, 1.5,  "(0,inf)", "p of lp; e of huber, pseudo_huber and soft_threshold_l1")
#define RULES(_)    _(h->kernel != WORD(kernel, lp) || h->kernel_param > 1, "kernel lp needs kernel_param > 1")
#define SWITCHES(_) _(kernel, h->kernel, 8)
#define SLOTS(_)    _(exp_avg, 1, 0, update, "momentum m")
#define COEFS(_)    _(b1) _(a1) _(b2) _(a2) _(lr) _(keep) _(e) _(e2) _(power) _(norm)
#define ROW_LENGTH  (t->ndim > 1 ? t->n / t->shape[0] : t->n)
#define MEASURES(_) \
    _(peak, LG_TENSOR, h->kernel == WORD(kernel, lp)) \
    _(size, LG_TENSOR, h->kernel == WORD(kernel, lp) || h->kernel == WORD(kernel, l2)) \
    _(rows, LG_ROWS,   h->kernel == WORD(kernel, row_l2))
#define SUMS(_)     _(peak, max, most) _(size, add, all) _(rows, add, uu)
#define RESULTS(_)  _(length)
#define DIGITS(_) _(lion_k, "lr=1e-3", "")
#define EVIDENCE(_) _(lion_k, reference, "tests/methods/lion_k.c")
#define SMOOTH      "kernel=pseudo_huber, which is the sign for a small kernel_param, or kernel=half_squared_l2"
#include "engine/method.h"
#include "methods/support/power.h"

PREPARE
{
    c->b1 = h->beta1;  c->a1 = 1 - h->beta1;
    c->b2 = h->beta2;  c->a2 = 1 - h->beta2;
    c->lr = h->lr;     c->keep = 1 - h->lr * h->weight_decay;
    c->e  = h->kernel_param;
    c->e2 = h->kernel_param * h->kernel_param;
    c->power = h->kernel_param - 1;
}

LOCAL(under) { return c->b1 * s->exp_avg + c->a1 * g; }

MEASURE(peak) { sum->most = (wide)r_abs(CALL(under)); }

THEN(peak) { c->norm = r->most > 0 ? r->most : 1; }        /* so that no p-th power overflows */

MEASURE(size)
{
    real u = CALL(under);
    sum->all = kernel == WORD(kernel, lp) ? (wide)lg_unit_power((double)RE(r_abs(u) / c->norm), (double)RE(c->e)) : SQ(u);
}

THEN(size)
{
    double norm = h->kernel == WORD(kernel, lp) ? c->norm * lg_pow(r->all, 1 / h->kernel_param) : sqrt(r->all);
    c->norm = norm == 0 ? 1 : norm;
}

MEASURE(rows) { sum->uu = SQ(CALL(under)); }

THEN(rows)
{
    for (size_t i = 0; i < rows; i++) r[i].length = r[i].uu == 0 ? 1 : sqrt(r[i].uu);
}

UPDATE
{
    real u = CALL(under), d = u;                                       /* half_squared_l2 */
    s->exp_avg = c->b2 * s->exp_avg + c->a2 * g;
    if (kernel == WORD(kernel, l1) || kernel == WORD(kernel, soft_threshold_l1)) d = r_sign(u);
    if (kernel == WORD(kernel, l2))                d = u / c->norm;
    if (kernel == WORD(kernel, lp))                d = r_sign(u) * (real)lg_unit_power((double)RE(r_abs(u) / c->norm), (double)RE(c->power));
    if (kernel == WORD(kernel, row_l2))            d = u / r->length;
    if (kernel == WORD(kernel, huber))             d = r_max(-1, r_min(1, u / c->e));
    if (kernel == WORD(kernel, pseudo_huber))      d = u / r_sqrt(u * u + c->e2);
    if (kernel == WORD(kernel, soft_threshold_l1)) d = RE(r_abs(u)) <= RE(c->e) ? 0 : d;
    return c->keep * x - c->lr * d;
}
