/* What a pass of a method really reads and writes, found by changing one stream at a time and looking at what
 * follows: no table says it, so none can be wrong.  SPDX-License-Identifier: MIT */
#include "engine/optimizer.h"
#include <string.h>

enum { SIDE = 64, N = SIDE * SIDE, GRADIENT = 1, STREAMS = 2 + LG_SLOTS + LG_INPUTS, UNITS = 64 * 16 };

typedef struct bench {
    double stream[STREAMS][N]; /* x, g, slots, inputs */
    double unit[UNITS], carry[LG_SUMS * LG_CARRY], coef[256];
} bench;

static void fill(bench *b, int changed)
{
    memset(b->unit, 0, sizeof b->unit);
    memset(b->carry, 0, sizeof b->carry);
    for (int s = 0; s < STREAMS; s++)
        for (uint64_t i = 0; i < N; i++) {
            double v = lg_uniform(1, (uint64_t)(s + (s == changed ? 100 : 0)), i);
            b->stream[s][i] = s == GRADIENT ? v - 0.5 : 0.1 + v; /* signs differ; second moments do not */
        }
}

static void run(const lg_isa *isa, const lg_method *m, const lg_shape *t, int pass, int variant, bench *b)
{
    lg_data d = { .x = b->stream[0], .g = b->stream[1], .c = b->coef };
    bool all = pass < m->measures && m->scope(pass) == LG_ALL, rows = pass < m->measures && m->scope(pass) == LG_ROWS;
    for (int q = 0; q < LG_SLOTS; q++) d.slot[q] = b->stream[2 + q];
    for (int q = 0; q < LG_INPUTS; q++) d.input[q] = b->stream[2 + LG_SLOTS + q];
    lg_piece w = { .d = &d, .g = d.g, .n = t->n, .row = rows ? SIDE : 0, .unit = b->unit, .part = b->unit };
    w.carry = all ? b->carry : NULL;
    isa->kernel[m->index][LUGE_F64](&w, pass, variant, rows);
}

/* Does changing stream s change anything that is not s itself, or s where it is written? */
static bool reads(const bench *before, const bench *base, const bench *other, int s)
{
    if (memcmp(base->unit, other->unit, sizeof base->unit) || memcmp(base->carry, other->carry, sizeof base->carry))
        return true;
    for (int w = 0; w < STREAMS; w++) {
        bool written = memcmp(before->stream[w], base->stream[w], sizeof base->stream[w]) != 0;
        if ((w != s || written) && memcmp(base->stream[w], other->stream[w], sizeof base->stream[w])) return true;
    }
    return false;
}

static void probe(const lg_isa *isa, const lg_method *m, const void *h, int pass, bench *b, int *r, int *w)
{
    static const lg_shape t = { "w", 2, { SIDE, SIDE }, N };
    int variant = m->variant(h, 3, &t);
    void *memory = b[2].stream[0], *own = b[2].stream[1]; /* room that is free until the first run */

    memset(b, 0, 3 * sizeof *b);
    m->begin(h, memory);
    m->begin_own(h, own);
    m->prepare(h, 3, memory, own, b[1].coef);
    memcpy(b[2].coef, b[1].coef, sizeof b->coef);
    fill(&b[0], -1);
    fill(&b[1], -1);
    run(isa, m, &t, pass, variant, &b[1]);
    for (int s = 0; s < STREAMS; s++) {
        *w += memcmp(b[0].stream[s], b[1].stream[s], sizeof b->stream[s]) != 0;
        fill(&b[2], s);
        run(isa, m, &t, pass, variant, &b[2]);
        *r += reads(&b[0], &b[1], &b[2], s);
    }
}

int lg_streams(const luge_method *method, int pass, int *r, int *w)
{
    const lg_method *m = method->method;
    static const lg_shape t = { "w", 2, { SIDE, SIDE }, N };
    const lg_isa *isa;
    lg_group g = { 0 };
    bench *b = NULL;
    int found = -1;

    *r = *w = 0;
    if (pass > m->measures) return 0;
    if (lg_isa_pick(&isa, NULL) || lg_group_open(&g, method, NULL)) return -1;
    b = lg_alloc(3, sizeof *b);
    if (b && (pass == m->measures || m->when(g.h, pass, 3, &t))) probe(isa, m, g.h, pass, b, r, w);
    if (b) found = 1;
    lg_free(b);
    lg_group_close(&g);
    return found;
}
