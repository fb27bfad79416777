/* Samplers: whole runs of small batches, and steps of large states beside a loop that only moves the same streams.
 * One thread but where `threads` says otherwise.  bench/samplers_numpy.py sets the first beside NumPy.
 * SPDX-License-Identifier: MIT */
#define ROUNDS 11
#include "measure.h"
#include <luge/sample.h>
#include <string.h>

enum {
    STEPS = 20,
    LARGE = 15000000,
    APART = (LARGE / 512 + 2) * 512 /* streams are whole pages apart, as a history's */,
    MOST_STREAMS = 5
};

static const double weights[] = { 0.3, 0.45, 0.25 }, means[] = { -2, 1, 0.5, 0, 3, -1 }, sds[] = { 0.5, 0.4, 0.7 };
static const luge_mixture plane = { 3, 2, weights, means, sds };

static luge_sampler *sampler(const char *rule, const char *order, const char *threads)
{
    luge_sampler *s;
    must(luge_sampler_new(&s, &err));
    must(luge_sampler_set(s, "rule", rule, &err));
    must(luge_sampler_set(s, "order", order, &err));
    must(luge_sampler_set(s, "threads", threads, &err));
    return s;
}

/* ---- small: field and steps ---- */

typedef struct small {
    luge_sampler *s;
    size_t rows;
    double sigma[STEPS + 1], *x, *out;
} small;

static void whole_run(void *context)
{
    small *b = context;
    must(luge_sampler_run(b->s, b->rows, 2, STEPS + 1, b->sigma, b->x, b->out, NULL, &err));
}

static void nothing(void *context) { (void)context; }

static void measure_small(const char *rule, const char *order, size_t rows)
{
    small b = { .s = sampler(rule, order, "1"), .rows = rows, .x = room(2 * rows, 8), .out = room(2 * rows, 8) };
    double median[2];

    must(luge_sampler_set(b.s, "block", "512", &err));
    luge_sampler_field(b.s, luge_mixture_noise, (void *)&plane, NULL, NULL);
    for (int k = 0; k <= STEPS; k++) b.sigma[k] = 3 - 2.7 * k / STEPS;
    for (size_t i = 0; i < 2 * rows; i++) b.x[i] = 3 * lg_normal(1, 0, i);
    compare(whole_run, &b, nothing, NULL, rows > 20000 ? 1 : (int)(100000 / rows) + 1, median);
    printf("{\"bench\":\"samplers\",\"what\":\"run\",\"rule\":\"%s\",\"order\":\"%s\",\"rows\":%zu,\"dim\":2,"
           "\"steps\":%d,"
           "\"seconds\":%.4g}\n",
           rule, order, rows, STEPS, median[0]);
    luge_sampler_free(b.s);
    lg_free(b.x), lg_free(b.out);
}

/* ---- large: the step alone ---- */

typedef struct large {
    luge_sampler *s;
    double sigma, *f, *x;
    int reads; /* streams */
    double *from[MOST_STREAMS];
} large;

static void one_step(void *context)
{
    large *b = context;
    must(luge_sampler_step(b->s, b->sigma, b->sigma * 0.999, b->f, b->x, &err));
    b->sigma *= 0.999;
}

/* As many streams in and out, the first ones in place, as in the step.  What is read is added up, for a loop that
 * does nothing with it would not read. */
static inline __attribute__((always_inline)) void move_streams(const large *b, int reads, int writes)
{
    double *x = b->from[0], *y = b->from[1];
    const double *c = b->from[2], *d = b->from[3], *e = b->from[4];
#pragma omp simd
    for (size_t i = 0; i < LARGE; i++) {
        double v = x[i] + y[i];
        if (reads > 2) v += c[i];
        if (reads > 3) v += d[i];
        if (reads > 4) v += e[i];
        x[i] = v;
        if (writes > 1) y[i] = v;
    }
}

static void move(void *context)
{
    const large *b = context;
    switch (b->reads) {
    case 2: move_streams(b, 2, 1); break;
    case 3: move_streams(b, 3, 2); break;
    default: move_streams(b, 5, 2);
    }
}

/* reads: f, x and the past. */
static void measure_large(const char *rule, const char *order, int reads, int writes)
{
    large b = { .s = sampler(rule, order, "1"), .sigma = 3, .f = room(2 * APART, 8), .reads = reads };
    double median[2];

    must(luge_sampler_begin(b.s, LARGE, &err));
    b.x = b.f + APART;
    for (size_t i = 0; i < LARGE; i++) b.f[i] = (double)(i % 17), b.x[i] = 1;
    for (int k = 0; k < 5; k++) one_step(&b);
    b.from[0] = room((size_t)reads * APART, 8);
    for (int i = 1; i < MOST_STREAMS; i++) b.from[i] = b.from[0] + (size_t)(i < reads ? i : 0) * APART;
    compare(one_step, &b, move, &b, 1, median);
    printf(
        "{\"bench\":\"samplers\",\"what\":\"step\",\"rule\":\"%s\",\"order\":\"%s\",\"numbers\":%d,\"seconds\":%.4g,"
        "\"gb_per_s\":%.3g,\"moving_loop_seconds\":%.4g,\"fraction_of_moving_loop\":%.3f}\n",
        rule, order, LARGE, median[0], (reads + writes) * 8.0 * LARGE / median[0] * 1e-9, median[1],
        median[1] / median[0]);
    lg_free(b.from[0]);
    lg_free(b.f);
    luge_sampler_free(b.s);
}

int main(int argc, char **argv)
{
    static const size_t rows[] = { 16, 64, 256, 1000, 100000 };
    static const struct {
        const char *rule, *order;
        int reads, writes;
    } steps[] = { { "ab", "1", 2, 1 },
                  { "ghvb", "0.8", 3, 2 },
                  { "ghvb", "1.8", 3, 2 },
                  { "ab", "4", 5, 2 },
                  { "ghvb", "3.8", 5, 2 } };
    bool runs = argc < 2 || !strcmp(argv[1], "runs"), moves = argc < 2 || !strcmp(argv[1], "steps");

    for (size_t i = 0; runs && i < sizeof rows / sizeof *rows; i++) {
        measure_small("ghvb", "3.8", rows[i]);
        measure_small("hb", "3.8", rows[i]);
    }
    for (size_t i = 0; moves && i < sizeof steps / sizeof *steps; i++)
        measure_large(steps[i].rule, steps[i].order, steps[i].reads, steps[i].writes);
}
