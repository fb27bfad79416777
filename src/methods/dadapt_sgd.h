/*
 * D-Adapted SGD: the step size from d, twice a lower bound on the distance to the solution.
 *
 *     G  = ‖∇f(x₀)‖ over all tensors (0: nothing ever moves),    ηₖ = dₖ₋₁ η / G
 *     gₖ = ∇f(xₖ₋₁) + λ xₖ₋₁
 *     Aₖ = Aₖ₋₁ + ηₖ ⟨gₖ, sₖ₋₁⟩,    sₖ = sₖ₋₁ + ηₖ gₖ            sums over all tensors
 *     dₖ = max(dₖ₋₁, min(2 Aₖ / ‖sₖ‖, growth_rate dₖ₋₁))
 *     xₖ = μ xₖ₋₁ + (1-μ) (x₀ - sₖ);      k counts the steps of the group.
 *
 * Ref   Defazio & Mishchenko, Learning-Rate-Free Learning by D-Adaptation, ICML 2023; facebookresearch/dadaptation.
 * Other conventions
 *       growth_rate = 1:  d stays d₀;  with μ = 0 this is gradient descent of step size d₀ η / G
 *       2 Aₖ:             ‖sₖ‖² - Σⱼ ηⱼ² ‖gⱼ‖²
 * SPDX-License-Identifier: MIT
 */
#define NAME  dadapt_sgd
#define TITLE "D-Adapted SGD"
#define PAPER "Defazio & Mishchenko, ICML 2023, arXiv:2301.07733"
#define HYPER(_) \
    _(rate,  lr,           1,    "[0,inf)", "multiplies the estimated step, η") \
    _(real,  momentum,     0,    "[0,1)",   "weight μ of the last iterate") \
    _(real,  weight_decay, 0,    "[0,inf)", "coupled decay λ") \
    _(real,  d0,           1e-6, "(0,inf)", "first estimate") \
    _(maybe, growth_rate,  none, "[1,inf)", "largest growth of d in a step; none: any")
#define SLOTS(_)    _(s, 1, 0, dots, "sum of steps") _(x0, 1, x, never, "start")
#define MEMORY(_)   _(d, h->d0, "estimate of the distance") _(numerator, 0, "A") _(g_norm, 0, "norm of the first gradient, G")
#define COEFS(_)    _(decay) _(eta) _(mu) _(rest)
#define MEASURES(_) _(first, LG_ALL, k == 1) _(dots, LG_ALL, 1)
#define SUMS(_)     _(first, add, gg) _(dots, add, gs) _(dots, add, ss)
#define EVIDENCE(_) \
    _(dadapt_sgd, authors,   "facebookresearch/dadaptation@c984980:dadaptation/dadapt_sgd.py") \
    _(dadapt_sgd, reference, "tests/methods/dadapt_sgd.c")
#include "engine/method.h"

PREPARE
{
    c->decay = h->weight_decay;
    c->eta   = m->g_norm > 0 ? m->d * h->lr / m->g_norm : 0;
    c->mu    = h->momentum;  c->rest = 1 - h->momentum;
}

MEASURE(first) { sum->gg = SQ(g); }

THEN(first)
{
    m->g_norm = sqrt(r->gg);
    c->eta    = m->g_norm > 0 ? m->d * h->lr / m->g_norm : 0;
}

MEASURE(dots)
{
    g += c->decay * x;
    sum->gs = MUL(g, s->s);
    s->s += c->eta * g;
    sum->ss = SQ(s->s);
}

THEN(dots)
{
    m->numerator += c->eta * r->gs;
    if (r->ss == 0) return;
    double hat = 2 * m->numerator / sqrt(r->ss);
    m->d = fmax(m->d, LG_NONE(h->growth_rate) ? hat : fmin(hat, m->d * h->growth_rate));
}

UPDATE { return c->mu * x + c->rest * (s->x0 - s->s); }
