/* How the work lies in memory: tensors cut into pieces, a place for every sum, and the state, slot by slot.
 * SPDX-License-Identifier: MIT */
#include "engine/optimizer.h"
#include <string.h>

/* What a slot of t takes; each starts on a cache line. */
static size_t room(const lg_tensor *t)
{
    return (t->s.n * lg_real_size(t->type) + LG_ALIGN - 1) / LG_ALIGN * LG_ALIGN;
}

/* What a block of so many f64 takes. */
static size_t block_room(double length) { return ((size_t)length * 8 + LG_ALIGN - 1) / LG_ALIGN * LG_ALIGN; }

static const double most_block = 0x1p44; /* numbers of a tensor's blocks and of its work; more is a mistake */

/* Length of the rows of t, 0 where the method sees none. */
size_t lg_row_of(const lg_group *g, const lg_tensor *t)
{
    for (int p = 0; p < g->m->measures; p++)
        if (g->m->scope(p) == LG_ROWS && g->m->when(g->h, p, 1, &t->s)) return g->m->row(g->h, &t->s);
    return 0;
}

void lg_group_switches(lg_group *g)
{
    for (lg_tensor *t = g->t; t < g->t + g->n; t++) {
        t->variant = g->m->variant(g->h, g->k + 1, &t->s);
        g->m->counts(g->h, g->k + 1, &t->s, t->counts, t->needs);
        g->m->lengths(g->h, &t->s, t->lengths);
    }
}

/* Without memory for it nothing is asked for ahead of time, and everything else is as it would be. */
void lg_group_touches(const luge_optimizer *o, lg_group *g)
{
    int passes = g->m->measures + 1;
    for (const lg_tensor *t = g->t; t < g->t + g->n; t++) {
        uint32_t *touched = g->touched + t->variant * passes;
        lg_streams found;
        for (int p = 0; p < passes && g->asks_ahead; p++)
            if (!touched[p] && lg_streams_of(o->level, g->m, g->h, p, t->variant, &found))
                touched[p] = found.reads | found.writes;
    }
}

static luge_status group_check(const lg_group *g, luge_error *err)
{
    const char *rule = g->m->broken(g->h);
    if (rule) return lg_fail(err, LUGE_E_ARG, "%s: %s", g->entry->name, rule);
    for (const lg_tensor *t = g->t; t < g->t + g->n; t++) {
        double length[LG_BLOCKS] = { 0 }, all = 0;
        g->m->lengths(g->h, &t->s, length);
        for (int q = 0; q < LG_BLOCKS; q++) all += length[q];
        if (g->m->work) all += g->m->work(g->h, &t->s, lg_real_type(t->type)) / 8;
        if (all > most_block)
            return lg_fail(err, LUGE_E_SHAPE, "%s: the matrices of %.60s are too large: %g bytes beside its slots",
                           g->entry->name, t->s.name, 8 * all);
    }
    return LUGE_OK;
}

/* What evaluates with weights of its own does so from a sequence that a pull would break, and has its mean. */
static luge_status view_check(const luge_optimizer *o, const lg_group *g, luge_error *err)
{
    const lg_options *p = lg_options_of(o);
    if (!g->m->has_view || (!p->lookahead && LG_NONE(p->ema))) return LUGE_OK;
    return lg_fail(err, LUGE_E_ARG, "option: %s: %s has weights for evaluation of its own",
                   p->lookahead ? "lookahead" : "ema", g->entry->name);
}

luge_status lg_plan_check(luge_optimizer *o, luge_error *err)
{
    luge_status st = group_check(&o->gradient, err);
    for (int i = 0; i < o->groups && !st; i++) st = group_check(&o->group[i], err);
    for (int i = 0; i < o->groups && !st; i++) st = view_check(o, &o->group[i], err);
    return st;
}

/* A row of whole pieces at a time, or pieces within a row: at most LG_CHUNK coordinates either way. */
static size_t cut(const lg_group *g, lg_tensor *t, lg_piece *to)
{
    size_t n = t->s.n, row = t->row ? t->row : n, count = 0, step;
    size_t whole = row <= LG_CHUNK && t->row ? LG_CHUNK / row * row : 0;
    for (size_t lo = 0; lo < n; lo += step, count++) {
        size_t in_row = row - lo % row;
        step = whole ? (n - lo < whole ? n - lo : whole) : (in_row < LG_CHUNK ? in_row : LG_CHUNK);
        if (to)
            to[count] = (lg_piece){ .d = &t->d,
                                    .lo = lo,
                                    .n = step,
                                    .row = whole ? row : 0,
                                    .unit = t->unit + lo / row * g->W,
                                    .part = t->unit + (t->rows + count) * g->W };
    }
    return count;
}

/* Where the stream of a slot starts that is put behind another of `length` bytes, which ends at `end`.  A load whose
 * address agrees in its last 12 bits with that of a store before it waits for that store, so that streams start whole
 * pages apart: 10 to 40% in cache.  Streams from memory whose distance is a power of two want the same rows of the
 * same banks and run at a third of the rate: there a page stands between them. */
static size_t behind(size_t length, size_t end)
{
    enum { SHORT = 1 << 16, FROM_MEMORY = 1 << 23 };
    if (length < SHORT) return end;
    return (end + LG_PAGE - 1) / LG_PAGE * LG_PAGE + (length < FROM_MEMORY ? 0 : LG_PAGE);
}

/* Slot by slot, so that a slot's stream runs on from one tensor into the next.  Returns the bytes; at NULL: nothing
 * is placed. */
static size_t place(lg_group *g, char *at)
{
    size_t bytes = 0;
    int q = 0;
    for (const lg_slot *s = g->m->slot; s->name; q += s++->most)
        for (int j = 0; j < s->most; j++) {
            size_t start = bytes;
            for (lg_tensor *t = g->t; t < g->t + g->n; t++) {
                bool present = j < t->counts[s - g->m->slot];
                if (at) t->d.slot[q + j] = present ? at + bytes : NULL;
                if (present) bytes += room(t);
            }
            bytes = behind(bytes - start, bytes);
        }
    for (lg_tensor *t = g->t; t < g->t + g->n; t++)
        for (q = 0; q < LG_BLOCKS; q++) {
            if (at) t->d.block[q] = t->lengths[q] > 0 ? (double *)(void *)(at + bytes) : NULL;
            bytes += block_room(t->lengths[q]);
        }
    return bytes;
}

static size_t bytes_of(lg_group *g)
{
    lg_group_switches(g);
    return place(g, NULL);
}

size_t lg_plan_bytes(luge_optimizer *o)
{
    size_t bytes = bytes_of(&o->gradient);
    for (int i = 0; i < o->groups; i++) bytes += bytes_of(&o->group[i]);
    return bytes;
}

static luge_status group_plan(lg_group *g, luge_error *err)
{
    luge_status st = LUGE_OK;
    size_t units = 1, ncoef = g->m->coef_size / sizeof(double), nown = g->m->own_size / sizeof(double);

    g->W = g->m->unit_size / sizeof(double);
    g->pieces = g->coordinates = g->work = 0;
    g->shared_k = g->m->memory_size > 0;
    g->linked = *g->m->layer;
    g->local = nown > 0;
    for (int p = 0; p < g->m->measures; p++) {
        g->shared_k |= g->m->scope(p) == LG_ALL;
        g->local |= g->m->scope(p) != LG_ALL;
    }
    for (lg_tensor *t = g->t; t < g->t + g->n; t++) {
        t->row = lg_row_of(g, t);
        t->rows = t->row ? t->s.n / t->row : 1;
        t->first = g->pieces;
        t->last = g->pieces += cut(g, t, NULL);
        t->offset = g->coordinates;
        g->coordinates += t->s.n;
        units += t->rows + t->last - t->first + 1;
    }
    g->asks_ahead = g->coordinates >= LG_LARGE && lg_asks_ahead();
    g->chunks = (g->coordinates + LG_CHUNK - 1) / LG_CHUNK;
    LG_NEED(g->touched = lg_alloc(LG_VARIANTS * ((size_t)g->m->measures + 1), sizeof *g->touched));
    LG_NEED(g->piece = lg_alloc(g->pieces + 1, sizeof *g->piece));
    LG_NEED(g->sums = lg_alloc((units + g->chunks) * g->W + (g->n + 1) * ncoef + g->n * nown + 1, sizeof *g->sums));
    g->total = g->sums;
    g->chunk_part = g->total + g->W;
    g->coef = g->chunk_part + g->chunks * g->W;
    double *at = g->coef + ncoef;
    for (lg_tensor *t = g->t; t < g->t + g->n; t++) {
        t->coef = at;
        t->own = t->coef + ncoef;
        t->unit = t->own + nown;
        t->all = t->unit + (t->rows + t->last - t->first) * g->W;
        at = t->all + g->W;
        cut(g, t, g->piece + t->first);
    }
    for (size_t i = 0; i < g->pieces; i++) {
        g->piece[i].before = g->work;
        g->work += g->piece[i].n + 512; /* a piece costs what some 512 coordinates cost, before its first */
    }
done:
    return st;
}

size_t lg_plan_space(const luge_optimizer *o, int threads, size_t *each)
{
    size_t shared = 0;
    *each = 0;
    for (int i = 0; i < o->groups; i++) {
        const lg_group *g = &o->group[i];
        for (const lg_tensor *t = g->t; t < g->t + g->n && g->m->work; t++) {
            size_t bytes =
                t->s.n ? ((size_t)g->m->work(g->h, &t->s, lg_real_type(t->type)) + LG_ALIGN - 1) / LG_ALIGN * LG_ALIGN
                       : 0;
            bool linked = *g->m->layer && t->link != LG_UNLINKED; /* as lg_alone, before there are pieces */
            size_t *most = t->s.n <= LG_CHUNK && !linked ? each : &shared;
            if (bytes > *most) *most = bytes;
        }
    }
    return *each * (size_t)threads > shared ? *each * (size_t)threads : shared;
}

/* What THEN of a matrix sees of its bias. */
static void link_biases(const luge_optimizer *o, lg_group *g)
{
    for (lg_tensor *t = g->t; t < g->t + g->n; t++)
        t->d.bias = g->linked && t->s.has_bias ? &g->t[o->where[t->link].at].d : NULL;
}

luge_status lg_plan(luge_optimizer *o, luge_error *err)
{
    luge_status st = LUGE_OK;
    LG_TRY(lg_plan_check(o, err));
    o->state_bytes = lg_plan_bytes(o);
    if (o->given && o->given_bytes < o->state_bytes) {
        return lg_fail(err, LUGE_E_SHAPE, "the state needs %zu bytes and luge_state_memory was given %zu",
                       o->state_bytes, o->given_bytes);
    }
    o->state = o->given;
    if (!o->given) LG_NEED(o->state = lg_alloc(o->state_bytes + 1, 1));
    LG_TRY(group_plan(&o->gradient, err));
    for (int i = 0; i < o->groups; i++) LG_TRY(group_plan(&o->group[i], err));
    char *at = o->state;
    at += place(&o->gradient, at);
    for (int i = 0; i < o->groups; i++) at += place(&o->group[i], at);
    for (size_t i = 0; i < o->gradient.n; i++) o->where[o->gradient.t[i].number].in_gradient = i;
    for (int i = 0; i < o->groups; i++)
        for (size_t j = 0; j < o->group[i].n; j++) o->where[o->group[i].t[j].number].at = j;
    for (int i = 0; i < o->groups; i++) link_biases(o, &o->group[i]);
    o->planned = true;
done:
    if (st) lg_plan_drop(o);
    return st;
}

static void group_drop(lg_group *g)
{
    lg_free(g->piece);
    lg_free(g->sums);
    lg_free(g->touched);
    g->touched = NULL;
    g->piece = NULL;
    g->sums = NULL;
}

void lg_plan_drop(luge_optimizer *o)
{
    if (o->state != o->given) lg_free(o->state);
    o->state = NULL;
    group_drop(&o->gradient);
    for (int i = 0; i < o->groups; i++) group_drop(&o->group[i]);
    o->planned = false;
}
