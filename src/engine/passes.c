/* A step's passes over the pieces, and what is drawn from their sums.  SPDX-License-Identifier: MIT */
#include "engine/optimizer.h"
#include "linalg/gemm.h"
#include <string.h>

void lg_put(const lg_method *m, double *to, const double *from, int pass)
{
    const lg_sum *s = m->sum;
    for (int j = 0; s[j].name; j++)
        if (s[j].pass == pass) to[j] = s[j].op == LG_add ? to[j] + from[j] : LG_LARGER(to[j], from[j]);
}

static int then(const luge_optimizer *o, const lg_group *g, lg_tensor *t, int pass, double *r, size_t rows,
                size_t thread)
{
    bool alone = lg_alone(g, t);
    t->d.work = o->space ? o->space + (alone ? thread * o->space_each : 0) : NULL;
    t->d.threads = alone ? 1 : o->threads;
    return g->m->then(pass, g->now, t->k, g->memory, t->own, t->d.c, r, rows, &t->s, &t->d, lg_real_type(t->type));
}

/* Add up what the pieces of t measured, in their order, and let the method draw its conclusions.  A tensor of one
 * piece is concluded by the thread that has it, others one after another. */
static void conclude(const luge_optimizer *o, const lg_group *g, lg_tensor *t, int pass, size_t thread)
{
    if (g->m->scope(pass) == LG_ROWS) {
        if (t->row > LG_CHUNK) {
            memset(t->unit, 0, t->rows * g->W * sizeof(double));
            for (size_t i = t->first; i < t->last; i++) lg_put(g->m, g->piece[i].unit, g->piece[i].part, pass);
        }
        then(o, g, t, pass, t->unit, t->rows, thread);
        return;
    }
    memset(t->all, 0, g->W * sizeof(double));
    for (size_t i = t->first; i < t->last; i++) lg_put(g->m, t->all, g->piece[i].part, pass);
    then(o, g, t, pass, t->all, 1, thread);
}

static bool wanted(const lg_group *g, const lg_tensor *t, int pass)
{
    if (pass >= g->m->measures) return true;
    return (g->m->scope(pass) != LG_ROWS || t->row) && g->m->when(g->now, pass, t->k, &t->s);
}

bool lg_filtered(const luge_optimizer *o)
{
    const lg_options *p = lg_options_of(o);
    return !LG_NONE(p->clip_norm) || !LG_NONE(p->clip_value) || p->accumulate > 1;
}

/* The gradient of a piece of t as its group shall see it: the caller's, or for a method a copy that went through
 * gradient.h. */
static const void *gradient(const luge_optimizer *o, const lg_group *of, const lg_tensor *t, size_t lo, size_t n,
                            size_t thread)
{
    const lg_tensor *f = &o->gradient.t[o->where[t->number].in_gradient];
    const char *g = t->d.g;
    if (!g || of == &o->gradient || !lg_filtered(o)) return g ? g + lo * lg_size(t->type) : NULL;

    char *to = o->scratch + thread * LG_CHUNK * sizeof(double);
    lg_data d = f->d;
    d.x = (void *)(uintptr_t)(g + lo * lg_size(t->type)); /* only read */
    d.out = to;
    for (int q = 0; q < LG_SLOTS; q++)
        if (d.slot[q]) d.slot[q] = (char *)d.slot[q] + lo * lg_real_size(t->type);
    lg_piece w = { .d = &d, .g = d.x, .n = n };
    lg_gradient.kernel[o->level][t->type](&w, o->gradient.m->measures + 1, f->variant, 0);
    return to;
}

/* What a pass touches of a piece of a large tensor.  A gradient that was filtered is in cache. */
static void look_ahead(const luge_optimizer *o, const lg_group *g, const lg_tensor *t, const lg_piece *w, int pass,
                       lg_ahead *a)
{
    size_t size = lg_size(t->type), real = lg_real_size(t->type);
    uint32_t touched = g->touched[t->variant * (g->m->measures + 1) + pass];
    a->n = 0;
    for (int s = 0; s < LG_STREAMS; s++) {
        bool slot = s >= 2 && s < 2 + LG_SLOTS;
        const void *from = s == 0 ? t->d.x : s == 1 ? t->d.g : slot ? t->d.slot[s - 2] : t->d.input[s - 2 - LG_SLOTS];
        if (!(touched >> s & 1) || !from || (s == 1 && lg_filtered(o))) continue;
        a->stream[a->n].size = slot ? real : size;
        a->stream[a->n].at = (const char *)from + w->lo * a->stream[a->n].size;
        a->n++;
    }
}

static void piece_run(const luge_optimizer *o, const lg_group *g, const lg_tensor *t, lg_piece w, int pass)
{
    int by_row = t->row && (pass >= g->m->measures || g->m->scope(pass) == LG_ROWS);
    lg_ahead ahead;
    if (g->asks_ahead && pass <= g->m->measures && g != &o->gradient) {
        look_ahead(o, g, t, &w, pass, &ahead);
        w.ahead = &ahead;
    }
    if (wanted(g, t, pass)) g->m->kernel[o->level][t->type](&w, pass, t->variant, by_row);
}

typedef struct job {
    const luge_optimizer *o;
    lg_group *g;
    int first, which;
} job;

/* The pieces of one share.  A tensor of one piece goes through all its remaining passes at once, while it is in
 * cache. */
static void share_of_pieces(void *context, size_t id, size_t of)
{
    const job *j = context;
    lg_group *g = j->g;
    int update = g->m->measures;
    bool through = j->first < update && g->m->scope(j->first) != LG_ALL;
    size_t lo = g->work * id / of, hi = g->work * (id + 1) / of, i = 0;

    for (size_t a = 0, b = g->pieces; a < b; i = a) { /* first piece that starts at or after lo */
        size_t mid = (a + b) / 2;
        if (g->piece[mid].before < lo)
            a = mid + 1;
        else
            b = mid;
    }
    for (; i < g->pieces && g->piece[i].before < hi; i++) {
        lg_piece w = g->piece[i];
        lg_tensor *t = (lg_tensor *)(uintptr_t)w.d;
        bool whole = lg_alone(g, t);
        if (!t->active || !(j->which & (whole ? LG_WHOLE : LG_CUT))) continue;
        w.g = gradient(j->o, g, t, w.lo, w.n, id);
        piece_run(j->o, g, t, w, j->first);
        if (!whole || !through) continue;
        for (int p = j->first; p < update; p++) {
            if (wanted(g, t, p)) conclude(j->o, g, t, p, id);
            piece_run(j->o, g, t, w, p + 1);
        }
    }
}

void lg_pieces_run(const luge_optimizer *o, lg_group *g, int first, int which)
{
    job j = { o, g, first, which };
    lg_share(g->work > LG_CHUNK ? o->threads : 1, share_of_pieces, &j);
}

/* Lanes and totals of one chunk made into its sums. */
static void fold(const lg_group *g, double *carry, double *part, int pass)
{
    const lg_sum *s = g->m->sum;
    for (int j = 0; s[j].name; j++) {
        double *lane = carry + (size_t)j * LG_CARRY, *total = lane + LG_LANES;
        if (s[j].pass != pass) continue;
        for (int h = LG_LANES / 2; h; h /= 2)
            for (int l = 0; l < h; l++)
                lane[l] = s[j].op == LG_add ? lane[l] + lane[l + h] : LG_LARGER(lane[l], lane[l + h]);
        part[j] = s[j].op == LG_add ? *total + lane[0] : LG_LARGER(*total, lane[0]);
    }
}

/* Chunks of LG_CHUNK coordinates, counted through all tensors as if they were one. */
static void share_of_chunks(void *context, size_t id, size_t of)
{
    const job *j = context;
    lg_group *g = j->g;
    double *carry = j->o->carry + id * LG_SUMS * LG_CARRY;
    size_t first = g->chunks * id / of, last = g->chunks * (id + 1) / of, i = 0;

    for (size_t a = 0, b = g->n; a < b; i = a) { /* first tensor that ends after the first chunk starts */
        size_t mid = (a + b) / 2;
        if (g->t[mid].offset + g->t[mid].s.n <= first * LG_CHUNK)
            a = mid + 1;
        else
            b = mid;
    }
    for (size_t c = first; c < last; c++) {
        size_t at = c * LG_CHUNK, end = at + LG_CHUNK;
        memset(carry, 0, LG_SUMS * LG_CARRY * sizeof *carry);
        for (; i < g->n && g->t[i].offset < end; i++) {
            lg_tensor *t = &g->t[i];
            size_t lo = at > t->offset ? at - t->offset : 0,
                   stop = t->offset + t->s.n < end ? t->s.n : end - t->offset;
            if (t->active) {
                lg_piece w = { .d = &t->d, .lo = lo, .n = stop - lo, .carry = carry };
                w.phase = (t->offset + lo) % LG_BLOCK;
                w.g = gradient(j->o, g, t, lo, w.n, id);
                piece_run(j->o, g, t, w, j->first);
            }
            if (stop < t->s.n) break; /* it goes on in the next chunk */
        }
        fold(g, carry, g->chunk_part + c * g->W, j->first);
    }
}

bool lg_measure_all(const luge_optimizer *o, lg_group *g, int pass)
{
    job j = { o, g, pass, LG_WHOLE | LG_CUT };
    if (!g->n || !g->m->when(g->now, pass, g->k, &g->t[0].s)) return false;
    lg_share(g->chunks > 1 ? o->threads : 1, share_of_chunks, &j);
    memset(g->total, 0, g->W * sizeof(double));
    for (size_t c = 0; c < g->chunks; c++) lg_put(g->m, g->total, g->chunk_part + c * g->W, pass);
    if (g->m->then(pass, g->now, g->k, g->memory, NULL, g->coef, g->total, 1, &g->t[0].s, NULL, LUGE_F64))
        return true;
    for (size_t i = 0; i < g->n && g->local && !g->m->own_size; i++) memcpy(g->t[i].coef, g->coef, g->m->coef_size);
    return false;
}

void lg_passes(const luge_optimizer *o, lg_group *g)
{
    int p = 0, update = g->m->measures;
    lg_blas_hold held = { 0 };
    if (g->m->work) held = lg_blas_one_thread();
    for (; p < update && g->m->scope(p) == LG_ALL; p++)
        if (lg_measure_all(o, g, p)) goto done;
    lg_pieces_run(o, g, p, LG_WHOLE | LG_CUT);
    for (; p < update; p++) {
        for (lg_tensor *t = g->t; t < g->t + g->n; t++)
            if (t->active && !lg_alone(g, t) && wanted(g, t, p)) conclude(o, g, t, p, 0);
        lg_pieces_run(o, g, p + 1, LG_CUT);
    }
done:
    if (g->m->work) lg_blas_restore(held);
}
