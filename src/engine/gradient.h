/*
 * What an optimizer does to gradients before any method sees them.
 *
 *     s  = Σ gⱼ over the calls of one step                     accumulate > 1, else s = g
 *     ĝ  = clamp(s σ, ±clip_value),     σ = min(1, clip_norm / ‖s / n‖) / n        n = accumulate
 *
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
    _(int,   accumulate, 1,     "[1,1e9]",     "calls of luge_step whose gradients are averaged into one step")
#define SWITCHES(_) _(many, h->accumulate > 1, 2)
#define SLOTS(_)    _(grad_sum, many, 0, add, "sum of the gradients of the step in progress")
#define MEMORY(_) \
    _(calls,  0, "calls made for the step in progress") \
    _(square, 0, "sum of squares that the last look found") \
    _(bad,    0, "NaN where a gradient was not finite")
#define OWN(_)      _(seen, 0, "calls of them in which the tensor had a gradient")
#define COEFS(_)    _(first) _(scale) _(most) _(unit)
#define MEASURES(_) \
    _(look, LG_ALL, h->nonfinite != WORD(nonfinite, allow) || (!LG_NONE(h->clip_norm) && h->accumulate == 1)) \
    _(add,  LG_ALL, h->accumulate > 1) \
    _(norm, LG_ALL, h->accumulate > 1 && !LG_NONE(h->clip_norm))
#define SUMS(_)     _(look, add, gg) _(look, add, bad) _(norm, add, ss)
#define HAS_VIEW
#include "engine/method.h"

PREPARE
{
    c->first = own->seen == 0;
    c->scale = 1;
    c->unit  = 1;
    c->most  = LG_NONE(h->clip_value) ? HUGE_VAL : h->clip_value;
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

UPDATE { return x; }

/* x is the gradient here; the optimizer sets `scale` (step.c). */
VIEW
{
    real a = (many ? s->grad_sum : x) * c->scale;
    return RE(a) > RE(c->most) ? c->most : RE(a) < -RE(c->most) ? -c->most : a;     /* NaN stays NaN */
}
