/*
 * Implicit gradient transport: momentum whose gradients are taken ahead, so that old ones count as if taken here.
 *
 *     dₖ = (1-aₖ) dₖ₋₁ + aₖ ∇f(xₖ₋₁),  d₁ = ∇f(x₀)
 *     θₖ = θₖ₋₁ - ηₖ dₖ                        normalized:  ηₖ dₖ / ‖dₖ‖, over all tensors;  dₖ = 0:  θₖ₋₁
 *     xₖ = θₖ + (1/aₖ₊₁ - 1) (θₖ - θₖ₋₁)        the parameter, where gradients are taken;  θ₀ = x₀
 *     aₖ = min(1, a (2/(k+1))^p),   ηₖ = η (2/(k+1))^q;      θ is for evaluation
 *     f quadratic and exact gradients:  dₖ = ∇f(θₖ₋₁), whatever a
 *     k counts the steps of the group.
 *
 * Ref   Arnold et al., Reducing the variance in online optimization by transporting past gradients, NeurIPS 2019;
 *       Cutkosky & Mehta, Momentum improves normalized SGD, ICML 2020; Fatkhullin et al., ICML 2023 (N-PG-IGT).
 * Other conventions
 *       N-PG-IGT: nigt with p = 4/5, q = 1, and k - 1 for k;   it ascends
 *       a constant (NIGT):  aₖ = a, p = 0
 *       a = 1, p = 0:       gradient descent
 * SPDX-License-Identifier: MIT
 */
#define NAME  igt
#define TITLE "Implicit gradient transport"
#define PAPER "Arnold et al., NeurIPS 2019, arXiv:1906.03532"
#define HYPER(_) \
    _(rate, lr,         1e-2,  "[0,inf)", "step size η") \
    _(real, weight,     1,     "(0,1]",   "weight a of a new gradient") \
    _(real, power,      0.8,   "[0,inf)", "power p with which the weight falls") \
    _(real, lr_power,   0,     "[0,inf)", "power q with which the step size falls") \
    _(bool, normalized, false, ,          "steps of length η")
#define SWITCHES(_) _(normalized, h->normalized, 2)
#define SLOTS(_) \
    _(exp_avg, 1, (real)INFINITY, normalized ? size : update, "transported gradient d; infinite: none yet") \
    _(theta,   1, x,              update,                     "the sequence θ")
#define COEFS(_)    _(kept) _(fresh) _(step) _(ahead)
#define MEASURES(_) _(size, LG_ALL, h->normalized)
#define SUMS(_)     _(size, add, dd)
#define ALIASES(_)  _(nigt, "Normalized IGT", "normalized=true", "lr_power=1", "Cutkosky & Mehta, ICML 2020, arXiv:2002.03305")
#define DIGITS(_) \
    _(igt, "lr=0.1", "") \
    _(nigt, "lr=0.1 lr_power=0", "")
#define EVIDENCE(_) \
    _(igt,  reference, "tests/methods/igt.c") \
    _(nigt, reference, "tests/methods/igt.c")
#define HAS_VIEW
#include "engine/method.h"

/* aₖ; for k = infinity its limit. */
static inline double TAG(weight)(const struct TAG(hyper) *h, double k)
{
    return fmin(1, h->weight * lg_pow(2 / (k + 1), h->power));
}

PREPARE
{
    c->fresh = TAG(weight)(h, k);  c->kept = 1 - c->fresh;
    c->step  = h->lr * lg_pow(2 / (k + 1), h->lr_power);
    c->ahead = 1 / TAG(weight)(h, k + 1) - 1;
}

LOCAL(transported) { return RE(s->exp_avg) == (real)INFINITY ? g : c->kept * s->exp_avg + c->fresh * g; }

MEASURE(size)
{
    s->exp_avg = CALL(transported);
    sum->dd = SQ(s->exp_avg);
}

THEN(size) { c->step = r->dd == 0 ? 0 : c->step / sqrt(r->dd); }

UPDATE
{
    real before = s->theta;
    if (!normalized) s->exp_avg = CALL(transported);
    s->theta = before - c->step * s->exp_avg;
    return s->theta + c->ahead * (s->theta - before);
}

VIEW { return s->theta; }
