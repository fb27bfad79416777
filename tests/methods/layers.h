/* Tensors of layers, what these saw in a recorded run, and the run through the public interface.
 * SPDX-License-Identifier: MIT */
#ifndef LAYERS_H
#define LAYERS_H
#include "methods/reference.h"

#pragma GCC diagnostic ignored "-Wunused-function"

/* Matrices with and without biases, a kernel with one that goes over images, and a vector that belongs to no layer.
 */
enum { WIDE, WIDE_BIAS, TALL, KERNEL, KERNEL_BIAS, ONE, VEC, ALL, MOST = 20, BATCH = 3, RUN = 30 };
static const struct shape {
    const char *name;
    int ndim;
    size_t shape[4], n;
    int bias; /* tensor that is linked to it, 0: none */
} shape[ALL] = {
    { "wide", 2, { 3, 5 }, 15, WIDE_BIAS },
    { "b", 1, { 3 }, 3, 0 },
    { "tall", 2, { 5, 2 }, 10, 0 },
    { "kernel", 4, { 2, 2, 2, 1 }, 8, KERNEL_BIAS },
    { "c", 1, { 2 }, 2, 0 },
    { "one", 2, { 1, 1 }, 1, 0 },
    { "vec", 1, { 4 }, 4, 0 },
};
enum { HEIGHT = 3, WIDTH = 2, PLACES = 4, PIXELS = 12, ENTRIES = 40 };

typedef struct history {
    double x0[ALL][MOST], g[RUN + 1][ALL][MOST], in[RUN + 1][ALL][ENTRIES], out[RUN + 1][ALL][ENTRIES], loss[RUN + 1];
    bool absent[RUN + 1][ALL];
} history;

static void history_make(history *q, uint64_t seed)
{
    memset(q, 0, sizeof *q);
    for (int t = 0; t <= RUN; t++)
        for (int i = 0; i < ALL; i++) {
            for (size_t j = 0; j < shape[i].n; j++) *(t ? &q->g[t][i][j] : &q->x0[i][j]) = (float)noise(&seed);
            for (int j = 0; j < ENTRIES; j++) {
                q->in[t][i][j] = (float)(noise(&seed) + .3);
                q->out[t][i][j] = (float)(noise(&seed) - .2);
            }
            q->loss[t] = 1 + exp(-t / 6.) + .02 * noise(&seed);
        }
    for (int t = 5; t < RUN; t += 7)
        q->absent[t][WIDE_BIAS] = q->absent[t + 1][TALL] = q->absent[t + 2][KERNEL] = true;
    q->absent[1][ONE] = true;
    memset(q->g[9], 0, sizeof q->g[9]);
}

typedef struct run {
    luge_optimizer *opt;
    double x[ALL][MOST];
    float xf[ALL][MOST];
} run;

static void run_open(run *r, const char *method, const char *text, double lr, const history *q, luge_type type)
{
    luge_error err;
    r->opt = open_method(method, text);
    MUST(luge_set_real(r->opt, 0, "lr", lr, &err));
    for (int i = 0; i < ALL; i++) {
        for (int j = 0; j < MOST; j++) r->xf[i][j] = (float)(r->x[i][j] = q->x0[i][j]);
        void *x = type == LUGE_F64 ? (void *)r->x[i] : r->xf[i];
        MUST(luge_add(r->opt, 0, shape[i].name, type, x, shape[i].ndim, shape[i].shape, &err));
    }
    for (size_t i = 0; i < ALL; i++)
        if (shape[i].bias) MUST(luge_link(r->opt, i, (size_t)shape[i].bias, &err));
}

/* Layers are handed over in f64, or where `narrow` in f32: the numbers are the same. */
static luge_status run_step(run *r, const history *q, int t, luge_type type, bool narrow, luge_error *err)
{
    static float in[ALL][ENTRIES], out[ALL][ENTRIES], gf[ALL][MOST];
    luge_layer layer[ALL] = { 0 };
    const void *grad[ALL];
    for (int i = 0; i < ALL; i++) {
        for (int j = 0; j < ENTRIES; j++) in[i][j] = (float)q->in[t][i][j], out[i][j] = (float)q->out[t][i][j];
        for (int j = 0; j < MOST; j++) gf[i][j] = (float)q->g[t][i][j];
        grad[i] = q->absent[t][i] ? NULL : type == LUGE_F64 ? (const void *)q->g[t][i] : gf[i];
        layer[i].input = narrow ? (const void *)in[i] : q->in[t][i];
        layer[i].gout = narrow ? (const void *)out[i] : q->out[t][i];
        layer[i].type = narrow ? LUGE_F32 : LUGE_F64;
        layer[i].rows = BATCH;
        if (i == KERNEL) layer[i].height = HEIGHT, layer[i].width = WIDTH;
    }
    return luge_step(r->opt, &(luge_inputs){ .grad = grad, .layer = layer, .loss = &q->loss[t] }, err);
}

#endif
