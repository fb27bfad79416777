/*
 * Hessian-corrected momentum: old gradients are carried to the present parameters by a Hessian-vector product.
 *
 *     dₖ = (1-aₖ) (dₖ₋₁ + wₖ) + aₖ ∇f(xₖ₋₁),  d₁ = ∇f(x₀);      wₖ = H (xₖ₋₁ - xₖ₋₂) = hess_step
 *     xₖ = xₖ₋₁ - ηₖ dₖ                        normalized:  ηₖ dₖ / ‖dₖ‖, over all tensors;  dₖ = 0:  xₖ₋₁
 *     aₖ = min(1, a (2/(k+1))^p),   ηₖ = η (2/(k+1))^q
 *     H: the Hessian, or an estimate of it, at a point drawn uniformly between xₖ₋₂ and xₖ₋₁, so that w is on average
 *     the gradient's change.  f quadratic, exact gradients and products:  dₖ = ∇f(xₖ₋₁), whatever a
 *     k counts the steps of the group.
 *
 * Ref   Tran & Cutkosky, Better SGD using second-order momentum, NeurIPS 2022; Fatkhullin et al., Stochastic Policy
 *       Gradient Methods: Improved Sample Complexity for Fisher-non-degenerate Policies, ICML 2023 (HARPG, N-HARPG).
 * Other conventions
 *       HARPG:   k - 1 for k;   it ascends
 *       w = ∇f(xₖ₋₁) - ∇f(xₖ₋₂) on one batch:  STORM
 *       a = 1, p = 0:  gradient descent
 * SPDX-License-Identifier: MIT
 */
#define NAME  harpg
#define TITLE "Hessian-corrected momentum (HARPG)"
#define PAPER "Tran & Cutkosky, NeurIPS 2022, arXiv:2103.03265; Fatkhullin et al., ICML 2023, arXiv:2302.01734"
#define HYPER(_) \
    _(rate, lr,         1e-2,  "[0,inf)", "step size η") \
    _(real, weight,     1,     "(0,1]",   "weight a of a new gradient") \
    _(real, power,      1,     "[0,inf)", "power p with which the weight falls") \
    _(real, lr_power,   0.5,   "[0,inf)", "power q with which the step size falls") \
    _(bool, normalized, false, ,          "steps of length η")
#define SWITCHES(_) _(normalized, h->normalized, 2) _(carried, k > 1, 2)
#define SLOTS(_)    _(exp_avg, 1, (real)INFINITY, normalized ? size : update, "carried gradient d; infinite: none yet")
#define INPUTS(_)   _(hess_step, carried, "Hessian times the last step; zeros for a tensor that made none")
#define COEFS(_)    _(kept) _(fresh) _(step)
#define MEASURES(_) _(size, LG_ALL, h->normalized)
#define SUMS(_)     _(size, add, dd)
#define ALIASES(_)  _(n_harpg, "Normalized Hessian-corrected momentum", "normalized=true", "lr_power=1", \
                      "Fatkhullin et al., ICML 2023, arXiv:2302.01734")
#define DIGITS(_) \
    _(harpg, "lr=0.3 lr_power=0 power=0.8", "") \
    _(n_harpg, "lr=0.03 lr_power=0 power=0.6", "")
#define EVIDENCE(_) \
    _(harpg,   reference, "tests/methods/harpg.c") \
    _(n_harpg, reference, "tests/methods/harpg.c")
#include "engine/method.h"

PREPARE
{
    c->fresh  = fmin(1, h->weight * lg_pow(2 / (k + 1), h->power));  c->kept = 1 - c->fresh;
    c->step = h->lr * lg_pow(2 / (k + 1), h->lr_power);
}

LOCAL(gathered)
{
    real d = s->exp_avg;
    if (carried) d += s->hess_step;
    return RE(s->exp_avg) == (real)INFINITY ? g : c->kept * d + c->fresh * g;
}

MEASURE(size)
{
    s->exp_avg = CALL(gathered);
    sum->dd = SQ(s->exp_avg);
}

THEN(size) { if (r->dd != 0) c->step /= sqrt(r->dd); }

UPDATE
{
    if (!normalized) s->exp_avg = CALL(gathered);
    return x - c->step * s->exp_avg;
}
