/*
 * AdaHessian: Adam with the Hessian's diagonal, estimated by a probe, in place of the gradient's square.
 *
 *     aₖ = |z (H z)|, averaged over blocks          z = ±1 at random; z (H z) is supplied
 *     mₖ = β₁ mₖ₋₁ + (1-β₁) gₖ,   vₖ = β₂ vₖ₋₁ + (1-β₂) aₖ²
 *     xₖ = (1 - η λ) xₖ₋₁ - η (mₖ / (1-β₁ᵏ)) / ((√(vₖ / (1-β₂ᵏ)))ᵖ + ε),      p = hessian_power
 *     conv_only:  a block is the last two dimensions of a tensor of four; others are not averaged
 *     blocks:     block_size for tensors of 1, 2, 3, 4 dimensions: runs of so many elements, or -1: none, a row, the last
 *                 dimension, the last two.  A length that does not divide the tensor, and 5 dimensions or more: none
 *
 * Ref   Yao et al., ADAHESSIAN: An Adaptive Second Order Optimizer for Machine Learning, AAAI 2021; amirgholami/adahessian.
 * Other conventions
 *       hessian_power = 0:  the denominator is 1 + ε
 *       signed diagonal, averaged and then squared (paper):  the same where a block has one sign
 * SPDX-License-Identifier: MIT
 */
#define NAME  adahessian
#define TITLE "AdaHessian"
#define PAPER "Yao et al., AAAI 2021, arXiv:2006.00719"
#define HYPER(_) \
    _(rate, lr,              0.15,      "[0,inf)", "step size η") \
    _(real, beta1,           0.9,       "[0,1)",   "decay of m") \
    _(real, beta2,           0.999,     "[0,1)",   "decay of v") \
    _(real, eps,             1e-4,      "[0,inf)", "ε") \
    _(real, weight_decay,    0,         "[0,inf)", "decoupled decay λ") \
    _(real, hessian_power,   1,         "[0,1]",   "power p of the root") \
    _(word, spatial_average, conv_only, (conv_only, blocks), "kernels of 4-D tensors, or blocks by dimension") \
    _(list, block_size,      (-1, -1, -1, -1), "[-1,inf)", "block of 1-, 2-, 3-, 4-D tensors; -1: none, row, last, last two")
#define RULES(_) \
    _(h->block_size.n == 4, "block_size needs four numbers, for tensors of 1 to 4 dimensions") \
    _(TAG(whole)(&h->block_size), "block_size needs whole numbers, -1 or above 0")
#define SWITCHES(_) _(root, h->hessian_power == 1, 2)
#define SLOTS(_) \
    _(exp_avg,             1, 0, update, "first moment m") \
    _(exp_hessian_diag_sq, 1, 0, update, "second moment v of the diagonal")
#define INPUTS(_)   _(hutchinson, 1, "z (H z)")
#define COEFS(_)    _(b1) _(a1) _(b2) _(a2) _(step) _(rc2) _(eps) _(keep) _(half) _(single)
#define ROW_LENGTH  TAG(block)(h, t)
#define MEASURES(_) _(blocks, LG_ROWS, ROW_LENGTH > 1)
#define SUMS(_)     _(blocks, add, size)
#define RESULTS(_)  _(mean)
#define EVIDENCE(_) \
    _(adahessian, authors,   "amirgholami/adahessian@85ebc00:instruction/adahessian.py") \
    _(adahessian, authors,   "amirgholami/adahessian@85ebc00:image_classification/optim_adahessian.py") \
    _(adahessian, reference, "tests/methods/adahessian.c")
#include "engine/method.h"
#include "methods/support/power.h"

static inline int TAG(whole)(const lg_list *sizes)
{
    int whole = 1;
    for (int i = 0; i < sizes->n; i++) whole = whole && (sizes->v[i] == -1 || (sizes->v[i] >= 1 && sizes->v[i] == floor(sizes->v[i])));
    return whole;
}

/* Length of a block of t; 1 where nothing is averaged. */
static inline size_t TAG(block)(const struct TAG(hyper) *h, const lg_shape *t)
{
    int d = t->ndim < 1 ? 1 : t->ndim;
    size_t kernel = d < 4 ? 1 : t->shape[2] * t->shape[3];
    if (d > 4) return 1;
    if (h->spatial_average == WORD(spatial_average, conv_only)) return kernel;
    double b = h->block_size.v[d - 1];
    if (b > 0) return b > (double)t->n || t->n % (size_t)b ? 1 : (size_t)b;
    return d == 1 ? 1 : d == 4 ? kernel : t->shape[d - 1];
}

PREPARE
{
    c->b1   = h->beta1;  c->a1 = 1 - h->beta1;
    c->b2   = h->beta2;  c->a2 = 1 - h->beta2;
    c->step = h->lr / (1 - lg_power(h->beta1, k));
    c->rc2  = 1 / (1 - lg_power(h->beta2, k));
    c->eps  = h->eps;
    c->keep = 1 - h->lr * h->weight_decay;
    c->half = h->hessian_power / 2;
    c->single = 1;
}

MEASURE(blocks) { sum->size = (wide)r_abs(s->hutchinson); }

THEN(blocks)
{
    c->single = 0;
    for (size_t i = 0; i < rows; i++) r[i].mean = r[i].size / (double)(t->n / rows);
}

/* v̂ to the power p/2, from that of 1/v̂ where v̂ is above 1 */
LOCAL(power)
{
    double v = (double)RE(s->exp_hessian_diag_sq * c->rc2), low = v > 1 ? 1 / v : v, p = lg_unit_power(low, (double)RE(c->half));
    p = v > 1 ? 1 / p : p;
    return (real)(RE(c->half) > 0 ? p : 1);
}

UPDATE
{
    real a = RE(c->single) > 0 ? r_abs(s->hutchinson) : r->mean;
    s->exp_avg             = c->b1 * s->exp_avg + c->a1 * g;
    s->exp_hessian_diag_sq = c->b2 * s->exp_hessian_diag_sq + c->a2 * a * a;
    real d = root ? r_sqrt(s->exp_hessian_diag_sq * c->rc2) : CALL(power);
    return c->keep * x - c->step * s->exp_avg / (d + c->eps);
}
