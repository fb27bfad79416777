/* A step of each method that works on layers or on matrices, beside AdamW's, on the tensors of the 784-256-128-10
 * network that the digits are learnt with, f32: gradients and what the layers saw are made once, so that the
 * optimizer alone is measured.  In turns, ten steps of each at a time (MKOR changes its factors once in ten), as many
 * as a training of ten epochs of 63 minibatches has: a step of MKOR costs more the more terms its factors have. ms
 * median of a step;   ratio   over AdamW's of the same turns;   first, last: of the first and last hundred steps
 *     floor     of MKOR as it is written, D = L G R by two dense products: their time at the rate of one large
 * product Usage: bench_layers [threads].  SPDX-License-Identifier: MIT */
#define ROUNDS 63
#include "measure.h"

#include "linalg/gemm.h"
#include <cblas.h>
#include <luge/luge.h>
#include <string.h>

enum { STEPS = 10, BATCH = 128, LAYERS = 3, TENSORS = 2 * LAYERS, SIDE = 1024, PART = 10 };
static const size_t width[LAYERS + 1] = { 784, 256, 128, 10 };

static const struct method {
    const char *name, *key, *value;
} methods[] = {
    { "adamw", NULL, NULL },
    { "mkor", NULL, NULL },
    { "mkor", "base", "adam" },
    { "mkor", "inv_freq", "100" },
    { "mkor", "second_order", "false" },
    { "muon", NULL, NULL },
    { "shampoo", NULL, NULL },
    { "shampoo", "precondition_frequency", "10" },
    { "soap", NULL, NULL },
};
enum {
    METHODS = sizeof methods / sizeof *methods,
    LAYERED = 5
}; /* the slower ones behind those run in one turn of ten */

typedef struct model {
    luge_optimizer *opt;
    float *x[TENSORS];
    double t[ROUNDS];
} model;

static const void *grad[TENSORS];
static luge_layer layer[TENSORS];

static float *numbers(size_t n, uint64_t stream)
{
    float *v = room(n, sizeof *v);
    for (size_t i = 0; i < n; i++) v[i] = (float)(lg_uniform(1, stream, i) - 0.3);
    return v;
}

static size_t size_of(int tensor)
{
    return tensor % 2 ? width[tensor / 2 + 1] : width[tensor / 2 + 1] * width[tensor / 2];
}

static void model_open(model *m, const struct method *of, const char *threads)
{
    must(luge_new(&m->opt, of->name, &err));
    must(luge_option(m->opt, "threads", threads, &err));
    must(luge_set(m->opt, 0, "lr", "1e-6", &err));
    if (of->key) must(luge_set(m->opt, 0, of->key, of->value, &err));
    for (int i = 0; i < TENSORS; i++) {
        char name[16];
        snprintf(name, sizeof name, "t%d", i);
        m->x[i] = numbers(size_of(i), 10 + (uint64_t)i);
        must(luge_add(m->opt, 0, name, LUGE_F32, m->x[i], i % 2 ? 1 : 2, (size_t[]){ width[i / 2 + 1], width[i / 2] },
                      &err));
        if (i % 2) must(luge_link(m->opt, (size_t)i - 1, (size_t)i, &err));
    }
}

static double steps_of(model *m)
{
    double begin = now();
    for (int i = 0; i < STEPS; i++) must(luge_step(m->opt, &(luge_inputs){ .grad = grad, .layer = layer }, &err));
    return (now() - begin) / STEPS;
}

static double rate(const float *a, const float *b, float *c)
{
    double begin = now();
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, SIDE, SIDE, SIDE, 1, a, SIDE, b, SIDE, 0, c, SIDE);
    return 2. * SIDE * SIDE * SIDE / (now() - begin);
}

static double median(const double *v, int n)
{
    double copy[ROUNDS];
    memcpy(copy, v, (size_t)n * sizeof *v);
    qsort(copy, (size_t)n, sizeof *copy, by_value);
    return copy[n / 2];
}

int main(int argc, char **argv)
{
    static model m[METHODS];
    static float c[SIDE * SIDE];
    const char *threads = argc > 1 ? argv[1] : "1";
    double gemm[ROUNDS], dense = 0;
    float *a = numbers(SIDE * SIDE, 1), *b = numbers(SIDE * SIDE, 2);

    for (int l = 0; l < LAYERS; l++) {
        double in = (double)width[l], out = (double)width[l + 1];
        layer[2 * l] =
            (luge_layer){ numbers(BATCH * width[l], 3), numbers(BATCH * width[l + 1], 4), LUGE_F32, BATCH, 0, 0 };
        dense += 2 * in * out * (in + out);
    }
    for (int i = 0; i < TENSORS; i++) grad[i] = numbers(size_of(i), 5 + (uint64_t)i);
    for (int i = 0; i < METHODS; i++) model_open(&m[i], &methods[i], threads);
    for (int round = 0; round < ROUNDS; round++) {
        for (int i = 0; i < (round % PART ? LAYERED : METHODS); i++) m[i].t[round] = steps_of(&m[i]);
        gemm[round] = rate(a, b, c);
    }
    double adamw = median(m[0].t, ROUNDS), first = median(m[0].t, PART), last = median(m[0].t + ROUNDS - PART, PART);
    for (int i = 0; i < METHODS; i++) {
        const struct method *of = &methods[i];
        for (int k = 0; i >= LAYERED && k < ROUNDS; k++) m[i].t[k] = m[i].t[k / PART * PART];
        double t = median(m[i].t, ROUNDS);
        printf("{\"bench\":\"layers\",\"method\":\"%s\",\"set\":\"%s%s%s\",\"threads\":%s,\"ms\":%.4f,\"ratio\":%.2f,"
               "\"first\":%.2f,\"last\":%.2f}\n",
               of->name, of->key ? of->key : "", of->key ? "=" : "", of->key ? of->value : "", threads, 1e3 * t,
               t / adamw, median(m[i].t, PART) / first, median(m[i].t + ROUNDS - PART, PART) / last);
        luge_free(m[i].opt);
        for (int j = 0; j < TENSORS; j++) lg_free(m[i].x[j]);
    }
    printf("{\"bench\":\"layers\",\"gemm_gflops\":%.1f,\"floor_ms\":%.4f,\"floor_ratio\":%.2f}\n",
           median(gemm, ROUNDS) / 1e9, 1e3 * dense / median(gemm, ROUNDS), dense / median(gemm, ROUNDS) / adamw);
    return 0;
}
