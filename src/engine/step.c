/* A step: gradients looked at, clipped, accumulated; constants prepared; passes run.  Whatever can fail comes before
 * anything moves.  SPDX-License-Identifier: MIT */
#include "engine/optimizer.h"
#include <string.h>

enum { LOOK, ADD, NORM, AVERAGE, PULL }; /* the passes of gradient.h */

static void group_start(const luge_optimizer *o, lg_group *g)
{
    memcpy(g->now, g->h, g->m->hyper_size);
    g->m->begin(g->h, g->memory);
    for (lg_tensor *t = g->t; t < g->t + g->n; t++) {
        g->m->begin_own(g->h, t->own);
        t->active = true;
        g->m->begin_blocks(g->h, &t->s, t->d.block);
        t->d.g = NULL;
    }
    lg_pieces_run(o, g, g->m->measures + 2, LG_WHOLE | LG_CUT); /* the slots' start */
}

luge_status lg_scratch(luge_optimizer *o, luge_error *err)
{
    luge_status st = LUGE_OK;
    int threads = lg_threads((int)lg_options_of(o)->threads);
    if (threads <= o->threads && o->scratch) {
        o->threads = threads;
        return LUGE_OK;
    }
    char *scratch = NULL;
    double *carry = NULL;
    LG_NEED(scratch = lg_alloc((size_t)threads * LG_CHUNK, sizeof(double)));
    LG_NEED(carry = lg_alloc((size_t)threads * LG_SUMS * LG_CARRY, sizeof *carry));
    lg_free(o->scratch);
    lg_free(o->carry);
    o->scratch = scratch;
    o->carry = carry;
    o->threads = threads;
    return LUGE_OK;
done:
    lg_free(scratch);
    return st;
}

/* Room for the THEN of matrix methods.  After the first step it grows only where settings have changed. */
static luge_status space(luge_optimizer *o, luge_error *err)
{
    luge_status st = LUGE_OK;
    size_t bytes = lg_plan_space(o, o->threads, &o->space_each);
    if (bytes <= o->space_bytes) return LUGE_OK;
    lg_free(o->space);
    o->space_bytes = 0;
    LG_NEED(o->space = lg_alloc(bytes, 1));
    o->space_bytes = bytes;
done:
    return st;
}

luge_status lg_ready(luge_optimizer *o, luge_error *err)
{
    luge_status st = LUGE_OK;
    LG_TRY(lg_scratch(o, err));
    if (o->planned) {
        LG_TRY(lg_plan_check(o, err));
    } else {
        LG_TRY(lg_plan(o, err));
        group_start(o, &o->gradient);
        for (int i = 0; i < o->groups; i++) group_start(o, &o->group[i]);
    }
    LG_TRY(space(o, err));
done:
    return st;
}

/* Settings of this step: the step sizes times the schedule's factor. */
void lg_settings_now(lg_group *g)
{
    memcpy(g->now, g->h, g->m->hyper_size);
    if (g->schedule.kind == 0) return;
    double factor = lg_schedule_factor(&g->schedule, g->k + 1);
    for (const lg_setting *s = g->m->hyper; s->name; s++)
        if (s->kind == LG_rate) *(double *)((char *)g->now + s->at) *= factor;
}

/* ---- what comes in ---- */

static const luge_input *input_named(const luge_inputs *in, const char *name)
{
    for (size_t i = 0; i < in->extras; i++)
        if (in->extra[i].name && !strcmp(in->extra[i].name, name)) return &in->extra[i];
    return NULL;
}

/* What came into the layer of t, and whether its sizes can be right. */
static luge_status take_layer(const lg_group *g, lg_tensor *t, const luge_inputs *in, luge_error *err)
{
    const luge_layer *l = in->layer ? &in->layer[t->number] : NULL;
    t->d.layer = NULL;
    if (!t->active || !g->m->needs_layer(g->h, g->k + 1, g->memory, &t->s)) return LUGE_OK;
    if (!l || !l->rows || !l->input || !l->gout)
        return lg_fail(err, LUGE_E_INPUT, "%s: tensor %.60s needs the input layer: %s", g->entry->name, t->s.name,
                       g->m->layer);
    if (l->type != LUGE_F32 && l->type != LUGE_F64 && l->type != LUGE_BF16)
        return lg_fail(err, LUGE_E_ARG, "%s: layer of %.60s: type %d is none of LUGE_F32, LUGE_F64, LUGE_BF16",
                       g->entry->name, t->s.name, (int)l->type);
    if (l->height && (t->s.ndim != 4 || l->height < t->s.shape[2] || l->width < t->s.shape[3]))
        return lg_fail(err, LUGE_E_SHAPE, "%s: layer of %.60s: %zu x %zu is no image for its kernel", g->entry->name,
                       t->s.name, l->height, l->width);
    t->d.layer = l;
    return LUGE_OK;
}

static luge_status take_group(lg_group *g, const luge_inputs *in, luge_error *err)
{
    luge_status st = LUGE_OK;
    for (lg_tensor *t = g->t; t < g->t + g->n; t++) {
        t->d.g = in->grad[t->number];
        t->active = t->d.g != NULL && t->s.n > 0;
        LG_TRY(take_layer(g, t, in, err));
        for (int q = 0; g->m->input[q].name && t->active; q++) {
            const luge_input *from = input_named(in, g->m->input[q].name);
            t->d.input[q] = from && from->data ? from->data[t->number] : NULL;
            if (t->needs[q] && !t->d.input[q])
                return lg_fail(err, LUGE_E_INPUT, "%s: tensor %.60s needs the input %s: %s", g->entry->name,
                               t->s.name, g->m->input[q].name, g->m->input[q].text);
        }
    }
done:
    return st;
}

static bool loss_needed(const lg_group *g) { return g->n && g->m->needs_loss(g->h); }

/* *go: all that is needed is there and may be used. */
static luge_status take_loss(luge_optimizer *o, const luge_inputs *in, bool *go, luge_error *err)
{
    for (const lg_group *g = o->group; g < o->group + o->groups; g++) {
        if (!loss_needed(g)) continue;
        if (!in->loss)
            return lg_fail(err, LUGE_E_INPUT, "%s: the step needs the input loss: %s", g->entry->name, g->m->loss);
        if (isfinite(*in->loss)) continue;
        *go = false;
        if (lg_options_of(o)->nonfinite != gradient_nonfinite_skip_f64)
            return lg_fail(err, LUGE_E_NUMERIC, "%s: the loss is %g; nothing moved", g->entry->name, *in->loss);
    }
    o->skipped += !*go;
    return LUGE_OK;
}

static luge_status take(luge_optimizer *o, const luge_inputs *in, bool *go, luge_error *err)
{
    luge_status st = LUGE_OK;
    if (!in || !in->grad) return lg_fail(err, LUGE_E_INPUT, "luge_step: no gradients are given");
    LG_TRY(take_group(&o->gradient, in, err));
    for (int i = 0; i < o->groups; i++) {
        lg_group_switches(&o->group[i]);
        lg_group_touches(o, &o->group[i]);
        LG_TRY(take_group(&o->group[i], in, err));
    }
    LG_TRY(take_loss(o, in, go, err));
done:
    return st;
}

/* PREPARE once for every step count that occurs (usually one), or for every tensor where it keeps numbers of its own.
 * A tensor has a copy of the constants only where its own sums, or its own numbers, will change them. */
void lg_constants(lg_group *g)
{
    double *from = NULL, last = 0;
    bool each = g->m->own_size > 0;
    for (lg_tensor *t = g->t; t < g->t + g->n; t++) {
        if (!t->active) continue;
        if (t->k != last || each) {
            from = from || each ? t->coef : g->coef;
            g->m->prepare(g->now, last = t->k, g->memory, t->own, from);
        }
        if (g->local && from != t->coef) memcpy(t->coef, from, g->m->coef_size);
        t->d.c = g->local ? t->coef : from;
    }
}

/* One more step for the tensors that have a gradient. */
static void count(lg_group *g)
{
    bool any = false;
    for (const lg_tensor *t = g->t; t < g->t + g->n; t++) any |= t->active;
    g->k += any;
    for (lg_tensor *t = g->t; t < g->t + g->n; t++)
        if (t->active) t->k = g->shared_k ? g->k : t->k + 1;
}

/* ---- gradients ---- */

static luge_status not_finite(luge_optimizer *o, luge_error *err)
{
    lg_group *f = &o->gradient;
    for (lg_tensor *t = f->t; t < f->t + f->n; t++) {
        const char *name = t->s.name;
        for (size_t i = 0; t->active && i < t->s.n; i++) {
            double g = t->type == LUGE_F64 ? ((const double *)t->d.g)[i] : 0;
            float small = 0;
            if (t->type == LUGE_F32) memcpy(&small, (const char *)t->d.g + 4 * i, 4);
            if (t->type == LUGE_BF16) memcpy((char *)&small + 2, (const char *)t->d.g + 2 * i, 2);
            g += (double)small;
            if (!isfinite(g))
                return lg_fail(err, LUGE_E_NUMERIC, "the gradient of %.60s is %g at element %zu; nothing moved", name,
                               g, i);
        }
    }
    return LUGE_OK;
}

/* Norm of all gradients.  Squares that overflow are taken once more in units of 2^600, from which f32 is far; norms
 * below 2^-500 are as good as 0. */
static double norm_of(luge_optimizer *o, int pass)
{
    lg_group *f = &o->gradient;
    const struct gradient_memory_f64 *m = f->memory;
    if (!isinf(m->square) || isnan(m->bad)) return sqrt(m->square);
    for (lg_tensor *t = f->t; t < f->t + f->n; t++)
        if (t->active) ((struct gradient_coef64_f64 *)(void *)t->coef)->unit = 0x1p-600;
    lg_measure_all(o, f, pass);
    return sqrt(m->square) * 0x1p600;
}

/* Look at the gradients and gather them.  *go: the method's step is due.  *loss: of this call, then of the step. */
static luge_status gather(luge_optimizer *o, double *loss, bool *go, luge_error *err)
{
    lg_group *f = &o->gradient;
    const lg_options *p = lg_options_of(o);
    struct gradient_memory_f64 *m = f->memory;
    double calls = (double)p->accumulate;
    luge_status st = LUGE_OK;

    *go = p->nonfinite == gradient_nonfinite_allow_f64 && !lg_filtered(o);
    if (*go) return LUGE_OK;
    lg_group_switches(f);
    memcpy(f->now, f->h, f->m->hyper_size);
    count(f);
    lg_constants(f);
    m->bad = m->square = 0;
    lg_measure_all(o, f, LOOK);
    if (p->nonfinite != gradient_nonfinite_allow_f64 && isnan(m->bad)) {
        if (p->nonfinite == gradient_nonfinite_skip_f64)
            o->skipped++;
        else
            st = not_finite(o, err);
        return st;
    }
    lg_measure_all(o, f, ADD);
    if (p->accumulate > 1) {
        for (lg_tensor *t = f->t; t < f->t + f->n; t++)
            if (t->active) ((struct gradient_own_f64 *)(void *)t->own)->seen++;
        m->loss += *loss;
        if (++m->calls < calls) return LUGE_OK;
        *loss = m->loss / calls;
        m->calls = m->loss = 0;
        for (lg_tensor *t = f->t; t < f->t + f->n; t++) {
            struct gradient_own_f64 *own = (void *)t->own;
            t->active = own->seen > 0;
            own->seen = 0;
            if (t->active && !t->d.g) t->d.g = t->d.x; /* any address: the sum is what counts */
        }
        lg_constants(f); /* some had their gradients in earlier calls */
        lg_measure_all(o, f, NORM);
    }
    double norm = norm_of(o, p->accumulate > 1 ? NORM : LOOK) / calls;
    double scale = (LG_NONE(p->clip_norm) || norm <= p->clip_norm ? 1 : p->clip_norm / norm) / calls;
    for (lg_tensor *t = f->t; t < f->t + f->n; t++)
        if (t->active) ((struct gradient_coef64_f64 *)(void *)t->coef)->scale = scale;
    *go = true;
    return LUGE_OK;
}

/* ---- parameters, after the methods ---- */

/* Lookahead, then the mean, for the tensors that were in the step. */
static void average(luge_optimizer *o)
{
    lg_group *f = &o->gradient;
    const lg_options *p = lg_options_of(o);

    if (!p->lookahead && LG_NONE(p->ema)) return;
    lg_group_switches(f);
    memcpy(f->now, f->h, f->m->hyper_size);
    for (lg_tensor *t = f->t; t < f->t + f->n; t++)
        if (t->active) ((struct gradient_own_f64 *)(void *)t->own)->steps++;
    lg_constants(f);
    for (int pass = p->lookahead ? PULL : AVERAGE; pass >= AVERAGE; pass--) {
        for (lg_tensor *t = f->t; t < f->t + f->n; t++) {
            const struct gradient_own_f64 *own = (const void *)t->own;
            const lg_where *w = &o->where[t->number];
            t->active = o->group[w->group].t[w->at].active &&
                        (pass == AVERAGE || fmod(own->steps, (double)p->lookahead) == 0);
        }
        lg_pieces_run(o, f, pass, LG_WHOLE | LG_CUT);
    }
}

luge_status luge_step(luge_optimizer *o, const luge_inputs *in, luge_error *err)
{
    luge_status st = LUGE_OK;
    bool go = true;

    if (!o) return lg_fail(err, LUGE_E_ARG, "luge_step: opt is NULL");
    LG_TRY(lg_ready(o, err));
    for (int i = 0; i < o->groups; i++) lg_settings_now(&o->group[i]);
    LG_TRY(take(o, in, &go, err));
    if (!go) return LUGE_OK;
    double loss = in->loss ? *in->loss : 0;
    LG_TRY(gather(o, &loss, &go, err));
    if (!go) return LUGE_OK;
    for (int i = 0; i < o->groups; i++) {
        lg_group *g = &o->group[i];
        for (lg_tensor *t = g->t; t < g->t + g->n; t++) {
            const lg_tensor *f = &o->gradient.t[o->where[t->number].in_gradient];
            t->active = f->active;
            t->d.g = f->d.g;
        }
        if (*g->m->loss) ((double *)g->memory)[g->m->memory_size / sizeof loss - 1] = loss;
        count(g);
        lg_constants(g);
        lg_passes(o, g);
    }
    average(o);
    o->steps++;
done:
    return st;
}

int luge_needs(const luge_optimizer *o, const char *input)
{
    if (!o || !input) return 0;
    for (int i = 0; i < o->groups; i++) {
        const lg_group *g = &o->group[i];
        if (!strcmp(input, "loss") && loss_needed(g)) return 1;
        for (const lg_tensor *t = g->t; t < g->t + g->n; t++) {
            int slots[LG_SLOTS] = { 0 }, needs[LG_INPUTS] = { 0 };
            if (!strcmp(input, "layer") && t->s.n && g->m->needs_layer(g->h, g->k + 1, g->memory, &t->s)) return 1;
            g->m->counts(g->h, g->k + 1, &t->s, slots, needs);
            for (int q = 0; g->m->input[q].name; q++)
                if (needs[q] && !strcmp(g->m->input[q].name, input)) return 1;
        }
    }
    return 0;
}

/* A slot in the type of its parameter. */
static void narrow(const lg_tensor *t, const void *slot, void *out)
{
    if (t->type != LUGE_BF16)
        memcpy(out, slot, t->s.n * lg_size(t->type));
    else
        for (size_t i = 0; i < t->s.n; i++) ((lg_bf16 *)out)[i] = lg_to_bf16(((const float *)slot)[i]);
}

luge_status luge_view(luge_optimizer *o, void *const *out, luge_error *err)
{
    luge_status st = LUGE_OK;
    const lg_tensor *f;
    if (!o || !out) return lg_fail(err, LUGE_E_ARG, "luge_view: %s is NULL", o ? "out" : "opt");
    LG_TRY(lg_ready(o, err));
    for (int i = 0; i < o->groups; i++) {
        lg_group *g = &o->group[i];
        for (lg_tensor *t = g->t; t < g->t + g->n; t++) {
            t->d.out = out[t->number];
            t->active = g->m->has_view && t->k > 0 && t->s.n > 0 && t->d.out;
            t->d.g = NULL;
            if (!t->active && t->s.n && t->d.out) memcpy(t->d.out, t->d.x, t->s.n * lg_size(t->type));
        }
        if (g->m->has_view) lg_pieces_run(o, g, g->m->measures + 1, LG_WHOLE | LG_CUT);
        for (lg_tensor *t = g->t; t < g->t + g->n; t++) t->d.out = NULL;
    }
    for (f = o->gradient.t; f < o->gradient.t + o->gradient.n; f++) {
        const void *slot = f->d.slot[gradient_slot_param_ema_f64];
        if (!slot) slot = f->d.slot[gradient_slot_slow_weights_f64];
        if (slot && f->s.n && out[f->number] && ((const struct gradient_own_f64 *)(const void *)f->own)->steps > 0)
            narrow(f, slot, out[f->number]);
    }
done:
    return st;
}
