/* A method's step beside a loop that only moves the same streams: in one process, in turns, so that what the machine
 * does to one it does to the other.  The limit of a step is its traffic, so the ratio says what is left to gain.
 * SPDX-License-Identifier: MIT */
#include "engine/engine.h"
#include "experiments/experiments.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

/* ---- the loops that move streams ---- */

enum { STREAMS = 8, PASSES = 16, REPEATS = 15, WARM = 2 };

/* Streams are moved as words of 32 bits: t is the sum of the read ones, and the written ones become t. */
#define R0 1
#define R1 R0 + s0[i]
#define R2 R1 + s1[i]
#define R3 R2 + s2[i]
#define R4 R3 + s3[i]
#define R5 R4 + s4[i]
#define R6 R5 + s5[i]
#define R7 R6 + s6[i]
#define R8 R7 + s7[i]
#define W0 sum +=
#define W1 s0[i] =
#define W2 W1 s1[i] =
#define W3 W2 s2[i] =
#define W4 W3 s3[i] =
#define W5 W4 s4[i] =
#define W6 W5 s5[i] =
#define W7 W6 s6[i] =
#define W8 W7 s7[i] =
#define LOOP(r, w)                                                                                                   \
    case 16 * r + w:                                                                                                 \
        _Pragma("omp simd reduction(+:sum)") for (size_t i = lo; i < hi; i++)                                        \
        {                                                                                                            \
            uint32_t t = R##r;                                                                                       \
            W##w t;                                                                                                  \
        }                                                                                                            \
        break;
#define LOOPS1(r) LOOP(r, 0) LOOP(r, 1)
#define LOOPS2(r) LOOPS1(r) LOOP(r, 2)
#define LOOPS3(r) LOOPS2(r) LOOP(r, 3)
#define LOOPS4(r) LOOPS3(r) LOOP(r, 4)
#define LOOPS5(r) LOOPS4(r) LOOP(r, 5)
#define LOOPS6(r) LOOPS5(r) LOOP(r, 6)
#define LOOPS7(r) LOOPS6(r) LOOP(r, 7)
#define LOOPS8(r) LOOPS7(r) LOOP(r, 8)

typedef uint32_t move_loop(uint32_t *const *s, size_t lo, size_t hi, int reads, int writes);

static inline __attribute__((always_inline)) uint32_t move(uint32_t *const *s, size_t lo, size_t hi, int reads,
                                                           int writes)
{
    uint32_t *restrict s0 = s[0], *restrict s1 = s[1], *restrict s2 = s[2], *restrict s3 = s[3], *restrict s4 = s[4],
                       *restrict s5 = s[5], *restrict s6 = s[6], *restrict s7 = s[7], sum = 0;
    switch (16 * reads + writes) {
        LOOPS8(0)
        LOOPS1(1)
        LOOPS2(2)
        LOOPS3(3)
        LOOPS4(4)
        LOOPS5(5)
        LOOPS6(6)
        LOOPS7(7)
        LOOPS8(8)
    }
    return sum;
}

static uint32_t move_plain(uint32_t *const *s, size_t lo, size_t hi, int reads, int writes)
{
    return move(s, lo, hi, reads, writes);
}

#ifdef __x86_64__
__attribute__((target("arch=x86-64-v3"))) static uint32_t move_v3(uint32_t *const *s, size_t lo, size_t hi, int reads,
                                                                  int writes)
{
    return move(s, lo, hi, reads, writes);
}
__attribute__((target("arch=x86-64-v4"))) static uint32_t move_v4(uint32_t *const *s, size_t lo, size_t hi, int reads,
                                                                  int writes)
{
    return move(s, lo, hi, reads, writes);
}
#else
#define move_v3 move_plain
#define move_v4 move_plain
#endif

/* The loop at the level that the optimizer's kernels run at. */
static luge_status move_pick(move_loop **loop, luge_error *err)
{
    int level;
    luge_status st = lg_isa_pick(&level, err);
    if (!st) *loop = level == 4 ? move_v4 : level == 3 ? move_v3 : move_plain;
    return st;
}

/* ---- what is measured ---- */

/* One loop over streams s .. s + max(reads, writes) - 1. */
typedef struct part {
    int reads, writes;
    uint32_t **s;
} part;

typedef struct bench {
    luge_optimizer *opt;
    luge_inputs in;
    luge_input extra[LG_INPUTS];
    const void *input[LG_INPUTS];
    luge_layer layer;
    double loss;
    const void *grad[1];
    void *x, *g;
    int threads;

    move_loop *loop;
    size_t words; /* of a stream, of 32 bits */
    part part[2 * PASSES];
    int parts;
    uint32_t *stream[PASSES + STREAMS], *moved; /* moved: all of them, yours */
    int streams;
    double traffic; /* streams read and written, all passes together */
    uint32_t sink;
} bench;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* A pass's traffic as loops that there are: those that write no more than they read, or only write.  Streams are the
 * same from pass to pass, as a method's are. */
static luge_status divide(bench *b, int reads, int writes, luge_error *err)
{
    b->traffic += reads + writes;
    for (int at = 0; reads > 0 || writes > 0; b->parts++) {
        int r = reads < STREAMS ? reads : STREAMS, most = r ? r : STREAMS, w = writes < most ? writes : most;
        if (b->parts == 2 * PASSES || at + (r > w ? r : w) > PASSES)
            return lg_fail(err, LUGE_E_ARG, "the method has more streams than can be measured");
        b->part[b->parts] = (part){ r, w, b->stream + at };
        at += r > w ? r : w;
        if (at > b->streams) b->streams = at;
        reads -= r;
        writes -= w;
    }
    return LUGE_OK;
}

static void fill(luge_type type, void *to, size_t n, double scale, size_t factor, size_t period, double shift)
{
    for (size_t i = 0; i < n; i++) {
        double v = scale * (double)(i * factor % period) + shift;
        if (type == LUGE_F64)
            ((double *)to)[i] = v;
        else
            ((float *)to)[i] = (float)v;
    }
}

static luge_status open_optimizer(bench *b, const luge_method *method, luge_type type, size_t n, luge_error *err)
{
    luge_status st;
    luge_row row;
    char threads[16];
    size_t wide = n % 1024 == 0, shape[2] = { wide ? n / 1024 : n, 1024 };

    LG_TRY(luge_new_method(&b->opt, method, err));
    snprintf(threads, sizeof threads, "%d", b->threads);
    LG_TRY(luge_option(b->opt, "threads", threads, err));
    LG_NEED(b->x = lg_alloc(n, lg_size(type)));
    LG_NEED(b->g = lg_alloc(n, lg_size(type)));
    fill(type, b->x, n, 1e-3, 1, 1000, 0);
    fill(type, b->g, n, 1e-3, 7919, 2001, -1);
    LG_TRY(luge_add(b->opt, 0, "w", type, b->x, wide ? 2 : 1, shape, err));
    b->grad[0] = b->g;
    b->loss = 1;
    b->layer = (luge_layer){ .input = b->g, .gout = b->g, .type = type, .rows = 1 };
    b->in = (luge_inputs){ .grad = b->grad, .extra = b->extra, .loss = &b->loss, .layer = &b->layer };
    for (size_t i = 0; luge_method_row(method, LUGE_INPUTS, i, &row); i++) {
        if (!strcmp(row.name, "loss") || !strcmp(row.name, "layer")) continue;
        void *input = lg_alloc(n, lg_size(type));
        LG_NEED(b->input[b->in.extras] = input);
        fill(type, input, n, 1e-3, 104729, 3001, -1);
        b->extra[b->in.extras] = (luge_input){ row.name, &b->input[b->in.extras] };
        b->in.extras++;
    }
done:
    return st;
}

static luge_status open_streams(bench *b, const luge_method *method, luge_type type, size_t n, luge_error *err)
{
    luge_status st;
    lg_streams found;

    LG_TRY(move_pick(&b->loop, err));
    b->words = n * lg_size(type) / sizeof(uint32_t);
    for (int pass = 0; pass <= method->method->measures; pass++) {
        LG_NEED(lg_streams_usual(method, pass, &found));
        uint32_t fresh = found.writes & ~found.reads; /* written and not read: a loop of their own */
        LG_TRY(divide(b, __builtin_popcount(found.reads), __builtin_popcount(found.writes & found.reads), err));
        LG_TRY(divide(b, 0, __builtin_popcount(fresh), err));
    }
    size_t apart = (b->words * sizeof(uint32_t) / LG_PAGE + 2) * LG_PAGE / sizeof(uint32_t); /* as slots are */
    LG_NEED(b->moved = lg_alloc(apart * (size_t)b->streams, sizeof(uint32_t)));
    for (int i = 0; i < b->streams; i++) b->stream[i] = b->moved + apart * (size_t)i;
done:
    return st;
}

/* ---- measuring ---- */

static void move_share(void *context, size_t id, size_t of)
{
    bench *b = (bench *)context;
    uint32_t sum = 0;
    size_t lo = b->words / of * id, hi = id + 1 == of ? b->words : b->words / of * (id + 1);

    for (const part *p = b->part; p < b->part + b->parts; p++) sum += b->loop(p->s, lo, hi, p->reads, p->writes);
    if (id == 0) b->sink = sum; /* so that loops which only read are not left out */
}

static luge_status run(bench *b, bool step, int times, double *seconds, luge_error *err)
{
    luge_status st = LUGE_OK;
    double start = now();

    for (int i = 0; i < times && !st; i++) {
        if (step)
            st = luge_step(b->opt, &b->in, err);
        else
            lg_share(b->words > LG_CHUNK ? b->threads : 1, move_share, b); /* as a step is shared */
    }
    *seconds = (now() - start) / times;
    return st;
}

static int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static double median(double v[REPEATS])
{
    qsort(v, REPEATS, sizeof *v, by_value);
    return v[REPEATS / 2];
}

/* A turn of either takes about ten milliseconds, to which the clock does not matter.  The rate of memory moves from
 * second to second, so that a step is compared with the loop next to it. */
static luge_status measure(bench *b, luge_type type, size_t n, lg_measured *result, luge_error *err)
{
    luge_status st = LUGE_OK;
    double time[2][REPEATS], ratio[REPEATS], once = 0;

    for (int i = 0; i < WARM; i++)
        for (int k = 0; k < 2; k++) LG_TRY(run(b, k == 0, 1, &time[k][0], err));
    once = fmax(time[0][0], time[1][0]);
    int times = once < 1e-2 ? (int)(1e-2 / (once + 1e-7)) + 1 : 1;
    for (int i = -1; i < REPEATS; i++)
        for (int k = 0; k < 2; k++) LG_TRY(run(b, k == 0, times, &time[k][i < 0 ? 0 : i], err));
    for (int i = 0; i < REPEATS; i++) ratio[i] = time[1][i] / time[0][i];
    result->seconds = median(time[0]);
    result->gb_per_s = b->traffic * (double)n * (double)lg_size(type) / result->seconds / 1e9;
    result->fraction_of_copy = median(ratio);
    result->threads = lg_threads(b->threads);
done:
    return st;
}

luge_status lg_bench_run(const luge_method *method, luge_type type, size_t n, int threads, lg_measured *result,
                         luge_error *err)
{
    luge_status st;
    bench b = { .threads = threads };

    if (type ==
        LUGE_BF16) /* the streams of a bf16 tensor have two widths, and their number alone does not say which */
        return lg_fail(err, LUGE_E_ARG, "bf16 cannot be measured beside a copy as yet; f32 and f64 can");
    if (n == 0 || n > SIZE_MAX / 64) return lg_fail(err, LUGE_E_ARG, "n = %zu parameters: at least 1", n);
    LG_TRY(open_optimizer(&b, method, type, n, err));
    LG_TRY(open_streams(&b, method, type, n, err));
    LG_TRY(measure(&b, type, n, result, err));
done:
    luge_free(b.opt);
    lg_free(b.x);
    lg_free(b.g);
    for (size_t i = 0; i < b.in.extras; i++) lg_free((void *)(uintptr_t)b.input[i]);
    lg_free(b.moved);
    return st;
}
