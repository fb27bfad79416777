/*
 * AuON: momentum over the root mean square of its hyperbolic cosine.
 *
 *     Mₖ = μ Mₖ₋₁ + (1-μ) Gₖ,   Nₖ = μ Mₖ + (1-μ) Gₖ            nesterov = false:  Nₖ = Mₖ
 *     z = γ Nₖ / (‖Nₖ‖ + ε₁),   ρ = √mean cosh² z over the tensor
 *     Xₖ = (1 - η λ) Xₖ₋₁ - η Nₖ / (ρ + ε₂)                     normalize_update:  z / (ρ + ε₂)
 *
 * Ref   Maity, AuON, 2025, arXiv:2509.24320; ryyzn9/AuON.     ‖·‖ is Frobenius's norm; tensors of any shape.
 * Other conventions
 *       auon_paper:  normalize_update with γ = 1: a normalized direction, which does not scale with the gradient
 *       auon (the released code) does scale with it: since ‖z‖ = γ, ρ is about 1 + γ²/2n, and a step nearly that of
 *       heavy_ball with mean gradients and Nesterov's look ahead;   γ = 0:  just that, over 1 + ε₂
 * SPDX-License-Identifier: MIT
 */
#define NAME  auon
#define TITLE "AuON"
#define PAPER "Maity 2025, arXiv:2509.24320"
#define HYPER(_) \
    _(rate, lr,               0.24,  "[0,inf)", "step size η") \
    _(real, momentum,         0.95,  "[0,1)",   "momentum μ") \
    _(real, weight_decay,     0,     "[0,inf)", "decoupled decay λ") \
    _(bool, nesterov,         true,  ,          "look ahead") \
    _(real, gamma,            1.5,   "[0,100]", "γ") \
    _(real, norm_eps,         1e-7,  "[0,inf)", "ε₁") \
    _(real, rms_eps,          1e-8,  "[0,inf)", "ε₂") \
    _(bool, normalize_update, false, ,          "the step is along z") \
    _(int,  ns_steps,         0,     "[0,0]",   "rounds of orthogonalization: hybrid_auon has some")
#define SWITCHES(_) _(nesterov, h->nesterov, 2)
#define SLOTS(_)    _(momentum_buffer, 1, 0, size, "momentum M")
#define COEFS(_)    _(mu) _(add) _(keep) _(z) _(step)
#define MEASURES(_) _(size, LG_TENSOR, 1) _(brake, LG_TENSOR, 1)
#define SUMS(_)     _(size, add, square) _(brake, add, cosh)
#define ALIASES(_) \
    _(auon_paper, "AuON, as the paper has it", "normalize_update=true", "gamma=1", "Maity 2025, arXiv:2509.24320")
#define EVIDENCE(_) \
    _(auon,       authors,   "ryyzn9/AuON@bba2e82:auon/optimizer.py") \
    _(auon,       reference, "tests/methods/auon.c") \
    _(auon_paper, reference, "tests/methods/auon.c")
#include "engine/method.h"
#include "methods/support/cosh.h"

PREPARE
{
    c->mu   = h->momentum;
    c->add  = 1 - h->momentum;
    c->keep = 1 - h->lr * h->weight_decay;
}

LOCAL(ahead) { return nesterov ? c->mu * s->momentum_buffer + c->add * g : s->momentum_buffer; }

MEASURE(size)
{
    s->momentum_buffer = c->mu * s->momentum_buffer + c->add * g;
    sum->square = SQ(CALL(ahead));
}

THEN(size)
{
    double norm = sqrt(r->square) + h->norm_eps;
    c->z = norm == 0 ? 0 : h->gamma / norm;
}

MEASURE(brake) { sum->cosh = lg_cosh_squared((double)RE(c->z * CALL(ahead))); }

THEN(brake)
{
    c->step = h->lr / (sqrt(r->cosh / (double)t->n) + h->rms_eps);
    if (h->normalize_update) c->step *= c->z;
}

UPDATE { return c->keep * x - c->step * CALL(ahead); }
