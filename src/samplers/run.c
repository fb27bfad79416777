/* From the first noise level to the last: guidance, the start, projections, rows in blocks.
 * SPDX-License-Identifier: MIT */
#include "samplers/run.h"
#include <string.h>

/* What a thread works with; one block of rows at a time. */
typedef struct worker {
    const lg_run *run;
    size_t rows; /* of this block */
    int threads; /* for the arithmetic of a step */
    lg_stepper stepper;
    luge_anderson *anderson;
    double *f, *g, *y; /* a prediction, the conditional one or a sum of stages, a state between */
    double *memory;
    luge_error err;
    size_t failed; /* the block that failed first of this worker's; SIZE_MAX: none */
} worker;

/* ---- predictions ---- */

static luge_status predict(worker *w, double sigma, const double *x, double *f, double *other)
{
    const lg_run *r = w->run;
    double guidance = r->how->guidance;
    luge_status st;

    LG_TRY(r->field(r->context, sigma, w->rows, r->dim, x, f, &w->err));
    if (!r->conditional || guidance == 0) return LUGE_OK;
    LG_TRY(r->conditional(r->conditional_context, sigma, w->rows, r->dim, x, other, &w->err));
    for (size_t i = 0; i < w->rows * r->dim; i++) f[i] += guidance * (other[i] - f[i]);
done:
    return st;
}

/* x ← g(x):  half = x - (δ/2) u(x),  g = half + (δ/2) c(half), by Anderson's iteration; its fixed points have
 * u(x) = c(half). */
static luge_status project(worker *w, double sigma, double delta, double *x)
{
    const lg_run *r = w->run;
    size_t n = w->rows * r->dim;
    luge_status st = LUGE_OK;

    luge_anderson_begin(w->anderson);
    for (int64_t k = 0; k < r->how->projections; k++) {
        LG_TRY(r->field(r->context, sigma, w->rows, r->dim, x, w->f, &w->err));
        for (size_t i = 0; i < n; i++) w->y[i] = x[i] - 0.5 * delta * w->f[i];
        LG_TRY(r->conditional(r->conditional_context, sigma, w->rows, r->dim, w->y, w->f, &w->err));
        for (size_t i = 0; i < n; i++) w->y[i] += 0.5 * delta * w->f[i];
        LG_TRY(luge_anderson_step(w->anderson, w->y, x, &w->err));
    }
done:
    return st;
}

/* A step of Runge and Kutta's method of order 4; f: the prediction at x, which is spent. */
static luge_status runge_kutta(worker *w, double sigma, double next, double *x)
{
    static const double at[] = { 0, 0.5, 0.5, 1 }, weight[] = { 1. / 6, 1. / 3, 1. / 3, 1. / 6 };
    size_t n = w->rows * w->run->dim;
    double delta = next - sigma, *start = w->y + n, *stage = w->y;
    luge_status st = LUGE_OK;

    memcpy(start, x, n * sizeof *x);
    for (int k = 0; k < 4; k++) {
        for (size_t i = 0; k && i < n; i++) stage[i] = start[i] + at[k] * delta * w->f[i];
        if (k) LG_TRY(predict(w, k == 3 ? next : sigma + at[k] * delta, stage, w->f, w->g));
        for (size_t i = 0; i < n; i++) x[i] += weight[k] * delta * w->f[i];
    }
done:
    return st;
}

/* ---- one block of rows, all steps ---- */

static luge_status step(worker *w, size_t k, double *x)
{
    const lg_run *r = w->run;
    const lg_sampling *how = r->how;
    double sigma = r->sigma[k], next = r->sigma[k + 1];
    size_t begun = (size_t)lg_sampling_order(how) - 1;
    luge_status st = LUGE_OK;

    if (how->projections && (double)k < how->until * (double)(r->nodes - 1))
        LG_TRY(project(w, sigma, next - sigma, x));
    LG_TRY(predict(w, sigma, x, w->f, w->g));
    if (how->start && k < begun) {
        lg_stepper_keep(&w->stepper, w->f);
        LG_TRY(runge_kutta(w, sigma, next, x));
        return LUGE_OK;
    }
    if (how->start && k == begun) lg_stepper_settle(&w->stepper, w->f);
    lg_stepper_step(&w->stepper, w->threads, sigma, next, w->f, x);
done:
    return st;
}

static luge_status block(worker *w, size_t first)
{
    const lg_run *r = w->run;
    size_t n = w->rows * r->dim, at = first * r->dim;
    double *x = r->out + at;
    luge_status st = LUGE_OK;

    lg_stepper_begin(&w->stepper);
    memcpy(x, r->x + at, n * sizeof *x);
    for (size_t k = 0;; k++) {
        if (r->path) memcpy(r->path + k * r->rows * r->dim + at, x, n * sizeof *x);
        if (k + 1 == r->nodes) break;
        LG_TRY(step(w, k, x));
    }
done:
    return st;
}

/* ---- the blocks, shared among threads ---- */

typedef struct crew {
    const lg_run *run;
    size_t rows, blocks; /* rows of a block but the last */
    worker *worker;
} crew;

static void work(void *context, size_t id, size_t of)
{
    crew *c = context;
    worker *w = &c->worker[id];
    size_t all = c->run->rows;

    for (size_t b = id; b < c->blocks && w->failed == SIZE_MAX; b += of) {
        size_t first = b * c->rows;
        w->rows = all - first < c->rows ? all - first : c->rows;
        w->stepper.n = w->rows * c->run->dim;
        if (w->anderson) lg_anderson_rows(w->anderson, w->rows);
        if ((w->err.status = block(w, first)) != LUGE_OK) w->failed = b;
    }
}

static luge_status worker_open(worker *w, const lg_run *run, size_t rows, int threads, luge_error *err)
{
    const lg_sampling *how = run->how;
    size_t n = rows * run->dim, both = run->conditional ? 2 : 1, all;
    size_t arrays = how->projections || how->start ? both + 2 : both;
    luge_status st;

    *w = (worker){ .run = run, .rows = rows, .threads = threads, .failed = SIZE_MAX };
    LG_TRY(lg_stepper_open(&w->stepper, how, n, err));
    if (!lg_times(n, arrays, &all)) return lg_fail(err, LUGE_E_MEMORY, "%zu rows are too many for memory", rows);
    LG_NEED(w->memory = lg_alloc(all, sizeof(double)));
    w->f = w->memory, w->g = w->f + n, w->y = w->f + both * n;
    if (how->projections)
        LG_TRY(luge_anderson_new(&w->anderson, rows, run->dim, (int)how->window, how->damping, how->ridge, err));
done:
    return st;
}

static void worker_close(worker *w)
{
    lg_stepper_close(&w->stepper);
    luge_anderson_free(w->anderson);
    lg_free(w->memory);
}

luge_status lg_run_all(const lg_run *run, luge_error *err)
{
    luge_status st = LUGE_OK;
    size_t rows = run->how->block > 0 ? (size_t)run->how->block : run->rows, first = SIZE_MAX;
    crew c = { .run = run, .rows = rows < run->rows ? rows : run->rows };
    size_t workers, opened = 0, wanted = (size_t)lg_threads((int)run->how->threads);

    c.blocks = (run->rows + c.rows - 1) / c.rows;
    workers = wanted < c.blocks ? wanted : c.blocks;
    LG_NEED(c.worker = lg_alloc(workers, sizeof *c.worker));
    while (opened < workers)
        LG_TRY(worker_open(&c.worker[opened++], run, c.rows, c.blocks > 1 ? 1 : (int)run->how->threads, err));
    lg_share((int)workers, work, &c);
    for (size_t i = 0; i < workers; i++)
        if (c.worker[i].failed < first) {
            first = c.worker[i].failed;
            st = c.worker[i].err.status;
            if (err) *err = c.worker[i].err;
        }
done:
    for (size_t i = 0; i < opened; i++) worker_close(&c.worker[i]);
    lg_free(c.worker);
    return st;
}
