/* What a pass of a method really reads and writes, found by changing one stream at a time and looking at what
 * follows: no table says it, so none can be wrong.  SPDX-License-Identifier: MIT */
#include "engine/optimizer.h"
#include <string.h>

enum { SIDE = 16, N = SIDE * SIDE, GRADIENT = 1, LATE = 1000003, UNITS = SIDE * 16 };
enum probe { SAME, OTHER, NOT_A_NUMBER };

typedef struct bench {
    double stream[LG_STREAMS][N]; /* x, g, slots, inputs */
    double unit[UNITS], carry[LG_SUMS * LG_CARRY], coef[LG_COEFS];
} bench;

static void fill(bench *b, int changed, enum probe how)
{
    for (int i = 0; i < UNITS; i++) b->unit[i] = 1; /* results by which one may divide */
    memset(b->carry, 0, sizeof b->carry);
    for (int s = 0; s < LG_STREAMS; s++)
        for (uint64_t i = 0; i < N; i++) {
            enum probe now = s == changed ? how : SAME;
            double v = lg_uniform(1, (uint64_t)(s + (now == OTHER ? 100 : 0)), i);
            /* signs of the gradient differ; second moments have one */
            b->stream[s][i] = now == NOT_A_NUMBER ? (double)NAN : s == GRADIENT ? v - 0.5 : 0.1 + v;
        }
}

static void run(int level, const lg_method *m, int pass, int variant, bench *b)
{
    lg_data d = { .x = b->stream[0], .g = b->stream[1], .c = b->coef };
    bool all = pass < m->measures && m->scope(pass) == LG_ALL, rows = pass < m->measures && m->scope(pass) == LG_ROWS;
    for (int q = 0; q < LG_SLOTS; q++) d.slot[q] = b->stream[2 + q];
    for (int q = 0; q < LG_INPUTS; q++) d.input[q] = b->stream[2 + LG_SLOTS + q];
    lg_piece w = { .d = &d, .g = d.g, .n = N, .row = rows ? SIDE : 0, .unit = b->unit, .part = b->unit };
    w.carry = all ? b->carry : NULL;
    m->kernel[level][LUGE_F64](&w, pass, variant, rows);
}

/* Does changing stream s change anything that is not s itself, or s where it is written? */
static bool reads(const bench *before, const bench *base, const bench *other, int s)
{
    if (memcmp(base->unit, other->unit, sizeof base->unit) || memcmp(base->carry, other->carry, sizeof base->carry))
        return true;
    for (int w = 0; w < LG_STREAMS; w++) {
        bool written = memcmp(before->stream[w], base->stream[w], sizeof base->stream[w]) != 0;
        if ((w != s || written) && memcmp(base->stream[w], other->stream[w], sizeof base->stream[w])) return true;
    }
    return false;
}

/* The constants are those of a late step.  A factor may be 0 then: what is not a number shows that it was used. */
static lg_streams probe(int level, const lg_method *m, const void *h, int pass, int variant, bench *b)
{
    lg_streams found = { 0, 0 };
    void *memory = b[2].stream[0], *own = b[2].stream[1]; /* room that is free until the first run */

    m->begin(h, memory);
    m->begin_own(h, own);
    m->prepare(h, LATE, memory, own, b[1].coef);
    memcpy(b[2].coef, b[1].coef, sizeof b->coef);
    fill(&b[0], -1, SAME);
    fill(&b[1], -1, SAME);
    run(level, m, pass, variant, &b[1]);
    for (int s = 0; s < LG_STREAMS; s++) {
        if (memcmp(b[0].stream[s], b[1].stream[s], sizeof b->stream[s])) found.writes |= 1u << s;
        for (enum probe how = OTHER; how <= NOT_A_NUMBER; how++) {
            fill(&b[2], s, how);
            run(level, m, pass, variant, &b[2]);
            if (reads(&b[0], &b[1], &b[2], s)) found.reads |= 1u << s;
        }
    }
    return found;
}

bool lg_streams_of(int level, const lg_method *m, const void *h, int pass, int variant, lg_streams *found)
{
    bench *b = lg_alloc(3, sizeof *b);
    if (b) *found = probe(level, m, h, pass, variant, b);
    lg_free(b);
    return b != NULL;
}

bool lg_streams_usual(const luge_method *method, int pass, lg_streams *found)
{
    const lg_method *m = method->method;
    static const lg_shape t = { .name = "w", .ndim = 2, .shape = { SIDE, SIDE }, .n = N };
    int level;
    lg_group g = { 0 };
    bool ok = !lg_isa_pick(&level, NULL) && !lg_group_open(&g, method, NULL);

    *found = (lg_streams){ 0, 0 };
    if (ok && (pass == m->measures || m->when(g.h, pass, LATE, &t)))
        ok = lg_streams_of(level, m, g.h, pass, m->variant(g.h, LATE, &t), found);
    lg_group_close(&g);
    return ok;
}
