/* Three questions about a step, each answered by a ratio within this run:
 *     memory     64M parameters, beside a loop that only moves the same streams (1: the limit)
 *     tensors    the 300 tensors of a small transformer beside one of the same size (1: tensors cost nothing)
 *     dead       parameters whose gradient was zero for 2000 steps beside live ones, in cache (1: no denormals)
 * Usage: bench_step [parameters of the first].  SPDX-License-Identifier: MIT */
#include "experiments/experiments.h"
#include "measure.h"

static const char *const methods[] = { "adamw", "heavy_ball", "lion" }; /* heavy_ball: momentum 0.9 by default */
enum { METHODS = sizeof methods / sizeof methods[0] };

/* ---- memory ---- */

static void memory(const char *method, size_t n, int threads)
{
    lg_measured m;
    must(lg_bench_run(luge_method_find(method), LUGE_F32, n, threads, &m, &err));
    printf("{\"bench\":\"memory\",\"method\":\"%s\",\"n\":%zu,\"threads\":%d,\"gb_per_s\":%.1f,\"fraction_of_copy\":%"
           ".3f}\n",
           method, n, m.threads, m.gb_per_s, m.fraction_of_copy);
    fflush(stdout);
}

/* ---- one optimizer over tensors that lie behind each other ---- */

typedef struct model {
    luge_optimizer *opt;
    luge_inputs in;
    const void **grad;
    float *x, *g;
    size_t n, tensors;
} model;

static void model_open(model *m, const char *method, int threads, size_t n, size_t tensors)
{
    *m = (model){ .x = room(n, sizeof *m->x), .g = room(n, sizeof *m->g), .grad = room(tensors, sizeof *m->grad) };
    for (size_t i = 0; i < n; i++) {
        m->x[i] = 1e-3F * (float)(i % 1000);
        m->g[i] = 1e-3F * (float)(i * 7919 % 2001) - 1;
    }
    m->in.grad = m->grad;
    must(luge_new(&m->opt, method, &err));
    must(luge_set_real(m->opt, 0, "lr", 1e-6, &err));
    char text[16];
    snprintf(text, sizeof text, "%d", threads);
    must(luge_option(m->opt, "threads", text, &err));
}

static void model_add(model *m, int ndim, size_t rows, size_t columns)
{
    char name[32];
    snprintf(name, sizeof name, "%zu", m->tensors);
    must(luge_add(m->opt, 0, name, LUGE_F32, m->x + m->n, ndim, (size_t[]){ rows, columns }, &err));
    m->grad[m->tensors++] = m->g + m->n;
    m->n += ndim == 2 ? rows * columns : rows;
}

static void model_step(void *context)
{
    model *m = (model *)context;
    must(luge_step(m->opt, &m->in, &err));
}

static void model_close(model *m)
{
    luge_free(m->opt);
    lg_free(m->x);
    lg_free(m->g);
    lg_free(m->grad);
}

/* ---- tensors ---- */

enum { WIDTH = 128, LAYERS = 25, LAYER = 12 };

/* Rows and columns of the tensors of a layer; no columns: a vector. */
static const size_t layer[LAYER][2] = {
    { WIDTH }, { WIDTH }, { 3 * WIDTH, WIDTH }, { 3 * WIDTH }, { WIDTH, WIDTH },     { WIDTH },
    { WIDTH }, { WIDTH }, { 4 * WIDTH, WIDTH }, { 4 * WIDTH }, { WIDTH, 4 * WIDTH }, { WIDTH }
};

static void tensors(const char *method, int threads)
{
    model many, one;
    size_t n = 0;
    double t[2];

    for (int i = 0; i < LAYER; i++) n += LAYERS * layer[i][0] * (layer[i][1] ? layer[i][1] : 1);
    model_open(&many, method, threads, n, LAYERS * LAYER);
    model_open(&one, method, threads, n, 1);
    for (int i = 0; i < LAYERS * LAYER; i++)
        model_add(&many, layer[i % LAYER][1] ? 2 : 1, layer[i % LAYER][0], layer[i % LAYER][1]);
    model_add(&one, 1, n, 0);
    compare(model_step, &many, model_step, &one, 5, t);
    printf("{\"bench\":\"tensors\",\"method\":\"%s\",\"n\":%zu,\"tensors\":%zu,\"threads\":%d,\"ratio\":%.3f}\n",
           method, n, many.tensors, threads, t[0] / t[1]);
    fflush(stdout);
    model_close(&many);
    model_close(&one);
}

/* ---- dead ---- */

static void dead(const char *method)
{
    enum { PARAMETERS = 50000, STEPS = 2000 };
    model still, live;
    double t[2];

    model_open(&still, method, 1, PARAMETERS, 1);
    model_open(&live, method, 1, PARAMETERS, 1);
    model_add(&still, 1, PARAMETERS, 0);
    model_add(&live, 1, PARAMETERS, 0);
    for (int i = 0; i < STEPS; i++) {
        model_step(&still);
        model_step(&live);
        for (size_t j = 0; i == 0 && j < PARAMETERS; j++) still.g[j] = 0;
    }
    compare(model_step, &still, model_step, &live, 100, t);
    printf("{\"bench\":\"dead\",\"method\":\"%s\",\"n\":%d,\"steps\":%d,\"ratio\":%.3f}\n", method, PARAMETERS, STEPS,
           t[0] / t[1]);
    fflush(stdout);
    model_close(&still);
    model_close(&live);
}

int main(int argc, char **argv)
{
    size_t n = argc > 1 ? (size_t)strtoull(argv[1], NULL, 10) : (size_t)64 << 20;
    for (int threads = 1; threads <= 2; threads++)
        for (int i = 0; i < METHODS; i++) memory(methods[i], n, threads);
    for (int threads = 1; threads <= 2; threads++)
        for (int i = 0; i < METHODS; i++) tensors(methods[i], threads);
    for (int i = 0; i < METHODS; i++) dead(methods[i]);
    return 0;
}
