/*
 * What an optimizer does to gradients before any method sees them, and to parameters after the methods' updates.
 *
 *     s  = Σ gⱼ over the calls of one step                     accumulate > 1, else s = g
 *     ĝ  = clamp(s σ, ±clip_value),     σ = min(1, clip_norm / ‖s / n‖) / n        n = accumulate
 *
 *     k counts the steps of a tensor; one in which it has no gradient does not count.
 *     φ  := φ + α (x - φ),  x := φ      in steps k = L, 2L, ...,  φ₀ = x₀          lookahead L, lookahead_alpha α
 *     e  := e + aₖ (x - e),             e₀ = x₀                                    ema β
 *     aₖ = 1-β:  eₖ = βᵏ x₀ + (1-β) Σ βᵏ⁻ʲ xⱼ;     ema_corrected:  aₖ = (1-β) / (1-βᵏ), the weights without x₀ add up to 1
 *     for evaluation:  e, else φ, else what the method has
 *
 * Ref   Zhang, Lucas, Hinton & Ba, Lookahead Optimizer: k steps forward, 1 step back, NeurIPS 2019, arXiv:1907.08610;
 *       Polyak & Juditsky, Acceleration of stochastic approximation by averaging, SIAM J. Control Optim. 30, 1992.
 * A method file for the optimizer itself, not in the registry: its settings are the options of luge_option.
 * SPDX-License-Identifier: MIT
 */
#define NAME  gradient
#define TITLE "Gradients"
#define PAPER ""
#define HYPER(_) \
    _(int,   threads,    0,     "[0,1024]",    "threads that share a step; 0: OpenMP's choice") \
    _(word,  nonfinite,  allow, (allow, skip, fail), "a gradient that is not finite: not looked for, step skipped, or an error") \
    _(maybe, clip_norm,  none,  "(0,inf)",     "largest Euclidean norm of all gradients together") \
    _(maybe, clip_value, none,  "(0,inf)",     "largest magnitude of a gradient entry, after clip_norm") \
    _(int,   accumulate, 1,     "[1,1e9]",     "calls of luge_step whose gradients are averaged into one step") \
    _(int,   lookahead,  0,     "[0,1e9]",   "steps after which parameters are pulled back to slow weights; 0: never") \
    _(real,  lookahead_alpha, 0.5, "(0,1]",  "part of the way that the slow weights go then") \
    _(maybe, ema,        none,  "[0,1)",     "decay of a running mean of the parameters, which luge_view then gives") \
    _(bool,  ema_corrected, false, ,         "the mean leaves out the start, as Adam's moments do")
#define SWITCHES(_) _(many, h->accumulate > 1, 2) _(slow, h->lookahead > 0, 2) _(mean, !LG_NONE(h->ema), 2)
#define SLOTS(_) \
    _(grad_sum,     many, 0, add,     "sum of the gradients of the step in progress") \
    _(slow_weights, slow, x, update,  "slow weights φ of Lookahead") \
    _(param_ema,    mean, x, average, "running mean e of the parameters")
#define MEMORY(_) \
    _(calls,  0, "calls made for the step in progress") \
    _(loss,   0, "sum of their losses") \
    _(square, 0, "sum of squares that the last look found") \
    _(bad,    0, "NaN where a gradient was not finite")
#define OWN(_)      _(seen, 0, "calls of them in which the tensor had a gradient") _(steps, 0, "steps k of the tensor")
#define COEFS(_)    _(first) _(scale) _(most) _(unit) _(back) _(fresh)
#define MEASURES(_) \
    _(look, LG_ALL, h->nonfinite != WORD(nonfinite, allow) || (!LG_NONE(h->clip_norm) && h->accumulate == 1)) \
    _(add,  LG_ALL, h->accumulate > 1) \
    _(norm, LG_ALL, h->accumulate > 1 && !LG_NONE(h->clip_norm)) \
    _(average, LG_ALL, !LG_NONE(h->ema))
#define SUMS(_)     _(look, add, gg) _(look, add, bad) _(norm, add, ss)
#define HAS_VIEW
#include "engine/method.h"

PREPARE
{
    c->first = own->seen == 0;
    c->scale = 1;
    c->unit  = 1;
    c->most  = LG_NONE(h->clip_value) ? HUGE_VAL : h->clip_value;
    c->back  = 1 - h->lookahead_alpha;
    c->fresh = h->ema_corrected && own->steps > 0 ? (1 - h->ema) / (1 - lg_power(h->ema, own->steps)) : 1 - h->ema;
}

MEASURE(look)
{
    sum->gg  = SQ(g * c->unit);
    sum->bad = (wide)(g * 0);            /* 0 or NaN */
}

THEN(look)
{
    m->square = r->gg;
    m->bad    = r->bad;
}

MEASURE(add) { s->grad_sum = RE(c->first) > 0 ? g : s->grad_sum + g; }

THEN(add) { }

MEASURE(norm) { sum->ss = SQ(s->grad_sum * c->unit); }

THEN(norm) { m->square = r->ss; }

/* Of Lookahead: the optimizer runs it in the steps that end a cycle.  α = 1, or x = φ, changes nothing at all. */
UPDATE
{
    if (slow) x = s->slow_weights = x + c->back * (s->slow_weights - x);
    return x;
}

MEASURE(average) { s->param_ema += c->fresh * (x - s->param_ema); }

THEN(average) { }

/* x is the gradient here; the optimizer sets `scale` (step.c). */
VIEW
{
    real a = (many ? s->grad_sum : x) * c->scale;
    return RE(a) > RE(c->most) ? c->most : RE(a) < -RE(c->most) ? -c->most : a;     /* NaN stays NaN */
}
