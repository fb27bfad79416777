/* One AdamW step of a 784-256-128-10 network at batch 128 in f32 on one thread, beside the time that its arithmetic
 * would take at the rate of one large matrix product measured in the same process: 6 x batch x weights operations.
 * The three are measured in turn, round by round; what is printed are medians.
 * SPDX-License-Identifier: MIT */
#define ROUNDS 41
#include "measure.h"

#include "linalg/gemm.h"
#include "problems/problem.h"
#include <cblas.h>
#include <unistd.h>

enum { STEPS = 10, SIDE = 1024, BATCH = 128, IMAGES = 2560, TENSORS = 6 };

static double median(double *v)
{
    qsort(v, ROUNDS, sizeof *v, by_value);
    return v[ROUNDS / 2];
}

/* An IDX file of random bytes below `most`. */
static void make_file(const char *path, int ndim, const unsigned *shape, unsigned most)
{
    unsigned char head[4] = { 0, 0, 8, (unsigned char)ndim };
    size_t n = 1;
    FILE *f = fopen(path, "wb");

    if (!f) perror(path), exit(1);
    fwrite(head, 1, 4, f);
    for (int i = 0; i < ndim; i++) {
        unsigned char b[4] = { 0, 0, (unsigned char)(shape[i] >> 8), (unsigned char)shape[i] };
        fwrite(b, 1, 4, f);
        n *= shape[i];
    }
    for (size_t i = 0; i < n; i++) fputc((int)lg_below(1, (uint64_t)ndim, i, most), f);
    if (fclose(f)) perror(path), exit(1);
}

static lg_problem *open_problem(void)
{
    char folder[200], images[220], labels[220], data[2][240];
    const char *const given[] = { data[0], data[1] };
    lg_problem_request r = { .spec = "mlp:hidden=(256,128)",
                             .data = given,
                             .data_count = 2,
                             .batch = BATCH,
                             .seed = 1,
                             .type = LUGE_F32,
                             .threads = 1 };
    lg_problem *p;
    luge_status st;

    snprintf(folder, sizeof folder, "%s/luge-network-XXXXXX", getenv("TMPDIR") ? getenv("TMPDIR") : P_tmpdir);
    if (!mkdtemp(folder)) perror(folder), exit(1);
    snprintf(images, sizeof images, "%s/images", folder);
    snprintf(labels, sizeof labels, "%s/labels", folder);
    make_file(images, 3, (const unsigned[]){ IMAGES, 28, 28 }, 256);
    make_file(labels, 1, (const unsigned[]){ IMAGES }, 10);
    snprintf(data[0], sizeof data[0], "images=%s", images);
    snprintf(data[1], sizeof data[1], "labels=%s", labels);
    st = lg_problem_open(&p, &r, &err);
    unlink(images);
    unlink(labels);
    rmdir(folder);
    must(st);
    return p;
}

typedef struct training {
    lg_problem *p;
    luge_optimizer *opt;
    float *x[TENSORS], *g[TENSORS];
    size_t row[BATCH], taken, weights;
} training;

static void prepare(training *t)
{
    t->p = open_problem();
    must(luge_new(&t->opt, "adamw", &err));
    must(luge_option(t->opt, "threads", "1", &err));
    for (size_t i = 0; i < TENSORS; i++) {
        const lg_shape *s = lg_problem_tensor(t->p, i);
        t->x[i] = room(s->n, sizeof(float));
        t->g[i] = room(s->n, sizeof(float));
        must(luge_add(t->opt, 0, s->name, LUGE_F32, t->x[i], s->ndim, s->shape, &err));
        if (s->ndim == 2) t->weights += s->n;
    }
    lg_problem_start(t->p, (void *const *)t->x);
}

/* Seconds of one gradient, and of one whole step. */
static void train(training *t, double *gradient, double *step)
{
    *gradient = *step = 0;
    for (int i = 0; i < STEPS; i++) {
        double loss, begin = now();
        for (size_t k = 0; k < BATCH; k++) t->row[k] = t->taken++ * 7919 % lg_problem_rows(t->p, LG_TRAIN);
        must(lg_problem_gradient(t->p, (const void *const *)t->x, t->row, BATCH, (void *const *)t->g, &loss, &err));
        *gradient += (now() - begin) / STEPS;
        must(luge_step(t->opt, &(luge_inputs){ .grad = (const void *const *)t->g }, &err));
        *step += (now() - begin) / STEPS;
    }
}

/* Operations a second of a large product. */
static double rate(const float *a, const float *b, float *c)
{
    double begin = now();
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, SIDE, SIDE, SIDE, 1, a, SIDE, b, SIDE, 0, c, SIDE);
    return 2. * SIDE * SIDE * SIDE / (now() - begin);
}

int main(void)
{
    static training t;
    static float a[SIDE * SIDE], b[SIDE * SIDE], c[SIDE * SIDE];
    double gradient[ROUNDS], step[ROUNDS], gemm[ROUNDS], floor_ms, flops;

    prepare(&t);
    lg_blas_one_thread();
    for (size_t i = 0; i < SIDE * SIDE; i++) {
        a[i] = (float)lg_uniform(1, 0, i);
        b[i] = (float)lg_uniform(2, 0, i);
    }
    for (int round = -WARM; round < ROUNDS; round++) {
        int to = round < 0 ? 0 : round;
        gemm[to] = rate(a, b, c);
        train(&t, &gradient[to], &step[to]);
    }
    flops = 6. * BATCH * (double)t.weights;
    floor_ms = 1e3 * flops / median(gemm);
    printf("{\"bench\":\"network\",\"gemm_gflops\":%.1f,\"floor_ms\":%.4f,\"gradient_ms\":%.4f,"
           "\"gradient_ratio\":%.3f,\"step_ms\":%.4f,\"ratio\":%.3f}\n",
           median(gemm) / 1e9, floor_ms, 1e3 * median(gradient), 1e3 * median(gradient) / floor_ms,
           1e3 * median(step), 1e3 * median(step) / floor_ms);
    luge_free(t.opt);
    lg_problem_close(t.p);
    for (size_t i = 0; i < TENSORS; i++) {
        lg_free(t.x[i]);
        lg_free(t.g[i]);
    }
    return 0;
}
