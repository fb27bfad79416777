/*
 * Muon: momentum, orthogonalized.
 *
 *     Mₖ = μ Mₖ₋₁ + (1-μ) Gₖ        momentum_form = heavy_ball:  + Gₖ
 *     Nₖ = μ Mₖ + (1-μ) Gₖ          nesterov = false:  Mₖ;    heavy_ball:  μ Mₖ + Gₖ
 *     Xₖ = (1 - η λ) Xₖ₋₁ - η σ NS(Nₖ)
 *     NS:  Y := N / (f ‖N‖ + ε),  then Y := a Y + b A Y + c A² Y  with  A = Y Yᵀ,  in ns_steps rounds
 *     σ = √max(1, rows/columns) (original),  √(rows/columns) (spectral),  0.2 √max(rows, columns) (match_rms_adamw),  1 (none)
 *
 * Ref   Jordan, Jin, Boza, You, Cesista, Newhouse & Bernstein, Muon, 2024; Liu et al., Muon is Scalable for LLM Training,
 *       2025, arXiv:2502.16982; polynomials: Amsel et al. 2025, arXiv:2505.16932; Grishina et al. 2025, arXiv:2506.10935.
 *       More than two dimensions count as (first, the rest).  Which matrices are hidden layers is the user's word: embeddings
 *       and heads belong in a group of another method.  Tensors of less than two dimensions get AdamW, settings adamw_*.
 * Other conventions
 *       NS is not the polar factor: its five rounds leave singular values between 0.68 and 1.13;  polargrad has the factor
 *       heavy_ball is ema times 1/(1-μ):  the same direction but for ε, which NS divides out
 *       rows of X are outputs (torch);  X stored as inputs by outputs (flax):  σ with rows and columns exchanged
 *       conv_scale_dims = kernel:  σ by the last two dimensions, so 1 for square kernels, as the first code has it
 *       a tensor of 1 x n:  normalized momentum, times the polynomial's value at 1
 * SPDX-License-Identifier: MIT
 */
#include "methods/support/fallback.h"
#define NAME  muon
#define TITLE "Muon"
#define PAPER "Jordan et al. 2024; Liu et al. 2025, arXiv:2502.16982"
#define HYPER(_) \
    _(rate, lr,              0.02,       "[0,inf)", "step size η") \
    _(real, momentum,        0.95,       "[0,1)",   "momentum μ") \
    _(real, weight_decay,    0,          "[0,inf)", "decoupled decay λ") \
    _(bool, nesterov,        true,       ,          "look ahead") \
    _(word, momentum_form,   ema,        (ema, heavy_ball), "weight of the gradient in M") \
    _(word, scale,           original,   (original, spectral, match_rms_adamw, none), "factor σ") \
    _(word, conv,            flatten,    (flatten, slices), "more than two dimensions: one matrix, or one of each slice by the last two") \
    _(word, conv_scale_dims, matrix,     (matrix, kernel), "what σ sees of more than two dimensions: the matrix, or the last two") \
    _(int,  ns_steps,        5,          "[0,100]", "rounds of NS") \
    _(word, ns_polynomial,   coefficients, (coefficients, polar_express, cans), "a, b, c: as set below, or of a paper") \
    _(list, ns_coefficients, (3.4445, -4.775, 2.0315), "(-inf,inf)", "a, b, c of every round; the last go on") \
    _(list, coefficients_per_step, (0, 0, 0), "(-inf,inf)", "a, b, c of each round in turn, unless all are 0; the last go on") \
    _(real, norm_factor,     1,          "[1,inf)", "factor f of the norm for a, b, c as set") \
    _(real, ns_eps,          1e-7,       "[0,inf)", "ε of NS") \
    _(word, ns_eps_mode,     add,        (add, max), "f ‖N‖ + ε, or max(f ‖N‖, ε)") \
    FALLBACK_HYPER(_, 1e-10) \
    _(word, adamw_eps_form,  after_bias_correction, (after_bias_correction, before_bias_correction), "√(v/(1-β₂ᵏ)) + ε, or (√v + ε)/√(1-β₂ᵏ)")
#define RULES(_) \
    _(h->ns_coefficients.n % 3 == 0, "ns_coefficients come in threes") \
    _(h->coefficients_per_step.n % 3 == 0, "coefficients_per_step come in threes")
#define SWITCHES(_) _(matrix, IS_MATRIX, 2) _(nesterov, h->nesterov, 2)
#define SLOTS(_) \
    _(momentum_buffer, matrix, 0,    momentum, "momentum M") \
    _(direction,       matrix, work, momentum, "N, then NS(N)") \
    FALLBACK_SLOTS(_)
#define COEFS(_)    _(mu) _(add) FALLBACK_COEFS(_)
#define MEASURES(_) _(momentum, LG_TENSOR, IS_MATRIX)
#define WORK        (IS_MATRIX ? lg_rounds_bytes(h->conv == 1, t, type) : 0)
#define ALIASES(_) \
    _(muon_moonlight, "Muon, as Moonlight has it", "momentum_form=heavy_ball,adamw_eps_form=before_bias_correction", \
      "lr=1e-3,weight_decay=0.1,scale=match_rms_adamw,adamw_lr=1e-3,adamw_weight_decay=0.1,adamw_eps=1e-8", "Liu et al. 2025, arXiv:2502.16982") \
    _(polar_express_muon, "Muon with the Polar Express", "momentum_form=ema", "ns_polynomial=polar_express", \
      "Amsel et al. 2025, arXiv:2505.16932") \
    _(cans_muon, "Muon with cubics of CANS", "ns_polynomial=cans", "ns_steps=8", "Grishina et al. 2025, arXiv:2506.10935")
#define EVIDENCE(_) \
    _(muon,               authors,   "KellerJordan/Muon@857d1ad:muon.py") \
    _(muon,               library,   "pytorch/pytorch@098e03f:torch/optim/_muon.py") \
    _(muon,               reference, "tests/methods/muon.c") \
    _(muon_moonlight,     authors,   "MoonshotAI/Moonlight@c2ad5b2:examples/toy_train.py") \
    _(muon_moonlight,     reference, "tests/methods/muon.c") \
    _(polar_express_muon, authors,   "timlautk/polargrad@79f3c6f:polar_express.py inside KellerJordan/Muon@857d1ad:muon.py") \
    _(polar_express_muon, reference, "tests/methods/muon.c") \
    _(cans_muon,          reference, "tests/methods/muon.c")
#include "engine/method.h"
#include "methods/support/fallback_step.h"
#include "methods/support/rounds.h"

PREPARE
{
    TAG(fallback_prepare)(h, k, c);
    c->mu  = h->momentum;
    c->add = h->momentum_form == WORD(momentum_form, ema) ? 1 - h->momentum : 1;
    if (h->adamw_eps_form == WORD(adamw_eps_form, before_bias_correction)) c->eps = h->adamw_eps * sqrt(c->rc2);
}

MEASURE(momentum)
{
    s->momentum_buffer = c->mu * s->momentum_buffer + c->add * g;
    s->direction = nesterov ? c->mu * s->momentum_buffer + c->add * g : s->momentum_buffer;
}

THEN(momentum)
{
    lg_polynomial p = { h->ns_coefficients, (int)h->ns_steps, h->norm_factor, h->ns_eps, h->ns_eps_mode == WORD(ns_eps_mode, max) };
    for (const lg_coefficients *q = lg_polynomials; q->name && h->ns_polynomial == WORD(ns_polynomial, polar_express); q++)
        if (!strcmp(q->name, "polar_express")) p.abc = q->abc, p.factor = q->factor;
    if (h->ns_polynomial == WORD(ns_polynomial, cans)) p.abc = lg_cans(1e-3, 1, (int)h->ns_steps);
    for (int i = 0; i < h->coefficients_per_step.n; i++)
        if (h->coefficients_per_step.v[i] != 0) p.abc = h->coefficients_per_step;
    luge_status bad = lg_rounds(&p, h->conv == WORD(conv, slices), t, type, data->threads, AT(direction), data->work);
    double down = (double)ROWS, across = (double)COLUMNS;
    if (t->ndim > 2 && h->conv_scale_dims == WORD(conv_scale_dims, kernel)) {
        down   = (double)t->shape[t->ndim - 2];
        across = (double)t->shape[t->ndim - 1];
    }
    double sigma = h->scale == WORD(scale, original)        ? sqrt(fmax(1, down / across))
                 : h->scale == WORD(scale, spectral)        ? sqrt(down / across)
                 : h->scale == WORD(scale, match_rms_adamw) ? 0.2 * sqrt(fmax(down, across)) : 1;
    c->step = bad ? (double)NAN : h->lr * sigma;             /* N is not finite: all of X shall show it */
    c->keep = 1 - h->lr * h->weight_decay;
}

UPDATE { return matrix ? c->keep * x - c->step * s->direction : CALL(fallback); }
