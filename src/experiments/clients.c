/* Built-in clients.  SPDX-License-Identifier: MIT */
#include "experiments/federate.h"
#include <string.h>

void lg_clients_close(lg_clients *c)
{
    if (c->close) c->close(c->self);
    lg_free(c->weight);
    lg_free(c->start);
    *c = (lg_clients){ 0 };
}

static luge_status made(lg_clients *c, luge_error *err)
{
    luge_status st = LUGE_OK;
    LG_NEED(c->weight = lg_alloc(c->count, sizeof *c->weight));
    LG_NEED(c->start = lg_alloc(c->n, sizeof *c->start));
done:
    return st;
}

/* A stream of random numbers for three counts: apart from all that are numbered. */
static uint64_t stream_of(uint64_t a, int64_t b, int64_t c)
{
    const uint64_t key[] = { a, (uint64_t)b, (uint64_t)c };
    return lg_hash(LG_HASH, key, sizeof key);
}

/* ---- quadratics ---- */

typedef struct quadratics {
    lg_quadratics how;
    double *h, *centre, *best; /* count x dim each; dim */
    double least;              /* the mean loss at best */
} quadratics;

static void quadratics_close(void *self)
{
    quadratics *q = self;
    lg_free(q->h);
    lg_free(q);
}

static luge_status quadratics_gradient(void *context, size_t client, int64_t round, int64_t step, const double *x,
                                       double *g, luge_error *err)
{
    const lg_clients *c = context;
    const quadratics *q = c->self;
    const double *h = q->h + client * c->n, *centre = q->centre + client * c->n;
    uint64_t stream = stream_of(client, round, step);

    (void)err;
    for (size_t k = 0; k < c->n; k++) g[k] = h[k] * (x[k] - centre[k]);
    for (size_t k = 0; q->how.noise > 0 && k < c->n; k++) g[k] += q->how.noise * lg_normal(q->how.seed, stream, k);
    return LUGE_OK;
}

static double quadratics_loss(const lg_clients *c, const double *x)
{
    const quadratics *q = c->self;
    double sum = 0;
    for (size_t i = 0; i < c->count * c->n; i++) {
        double d = x[i % c->n] - q->centre[i];
        sum += 0.5 * q->h[i] * d * d;
    }
    return sum / (double)c->count;
}

static luge_status quadratics_score(lg_clients *c, const double *x, lg_federated_score *s, luge_error *err)
{
    const quadratics *q = c->self;
    double sum = 0;

    (void)err;
    for (size_t k = 0; k < c->n; k++) sum += (x[k] - q->best[k]) * (x[k] - q->best[k]);
    *s = (lg_federated_score){ quadratics_loss(c, x) - q->least, (double)NAN, sqrt(sum) };
    return LUGE_OK;
}

luge_status lg_clients_quadratics(lg_clients *c, const lg_quadratics *how, size_t count, luge_error *err)
{
    luge_status st;
    quadratics *q;
    size_t n, all;

    *c = (lg_clients){ .count = count,
                       .n = (size_t)how->dim,
                       .gradient = quadratics_gradient,
                       .score = quadratics_score,
                       .close = quadratics_close };
    LG_NEED(q = c->self = lg_alloc(1, sizeof *q));
    q->how = *how;
    if (!lg_times(count, c->n, &n) || !lg_times(n, 2, &all) || !lg_plus(all, c->n, &all))
        LG_TRY(lg_fail(err, LUGE_E_MEMORY, "%zu quadratics of %zu numbers are too many", count, c->n));
    LG_NEED(q->h = lg_alloc(all, sizeof *q->h));
    q->centre = q->h + n, q->best = q->centre + n;
    LG_TRY(made(c, err));
    for (size_t i = 0; i < count; i++) c->weight[i] = 1;
    for (size_t i = 0; i < n; i++) {
        q->h[i] = how->least + (1 - how->least) * lg_uniform(how->seed, 0, i);
        q->centre[i] = how->apart * lg_normal(how->seed, 1, i);
    }
    for (size_t k = 0; k < c->n; k++) {
        double top = 0, bottom = 0;
        for (size_t i = k; i < n; i += c->n) top += q->h[i] * q->centre[i], bottom += q->h[i];
        q->best[k] = top / bottom;
    }
    q->least = quadratics_loss(c, q->best);
done:
    if (st) lg_clients_close(c);
    return st;
}

/* ---- rows of a problem ---- */

typedef struct shards {
    lg_problem *problem;
    size_t rows, batch, tensors, most; /* most: rows of a client */
    uint64_t seed;
    size_t *row, *order; /* rows as luge_split has them; a permutation of a client's rows, for: */
    int64_t of[3];       /* client, round, local epoch; -1: none yet */
    size_t *chosen;      /* the rows of a minibatch */
    const void **x;
    void **g;
} shards;

static void shards_close(void *self)
{
    shards *s = self;
    lg_problem_close(s->problem);
    lg_free(s->row);
    lg_free(s->x);
    lg_free(s->g);
    lg_free(s);
}

static size_t first_row(const lg_clients *c, size_t client)
{
    const shards *s = c->self;
    return client * s->rows / c->count;
}

/* The rows of a local step: minibatch j mod b of the permutation of local epoch j / b. */
static size_t minibatch(const lg_clients *c, size_t client, int64_t round, int64_t step)
{
    shards *s = c->self;
    size_t first = first_row(c, client), rows = first_row(c, client + 1) - first, at, n;
    int64_t batches = (int64_t)((rows + s->batch - 1) / s->batch);
    const int64_t of[3] = { (int64_t)client, round, step / batches };

    if (memcmp(of, s->of, sizeof of) != 0) lg_shuffle(s->order, rows, s->seed, stream_of(client, round, of[2]));
    memcpy(s->of, of, sizeof of);
    at = (size_t)(step % batches) * s->batch;
    n = rows - at < s->batch ? rows - at : s->batch;
    for (size_t i = 0; i < n; i++) s->chosen[i] = s->row[first + s->order[at + i]];
    return n;
}

/* Pointers to the tensors, one after the other in a vector. */
static void point(const shards *s, const double *x, double *g)
{
    for (size_t i = 0; i < s->tensors; i++) {
        size_t n = lg_problem_tensor(s->problem, i)->n;
        s->x[i] = x, s->g[i] = g;
        x += n;
        if (g) g += n;
    }
}

static luge_status shards_gradient(void *context, size_t client, int64_t round, int64_t step, const double *x,
                                   double *g, luge_error *err)
{
    lg_clients *c = context;
    shards *s = c->self;
    size_t n = minibatch(c, client, round, step);
    double loss;

    point(s, x, g);
    return lg_problem_gradient(s->problem, s->x, s->chosen, n, s->g, &loss, err);
}

static luge_status shards_score(lg_clients *c, const double *x, lg_federated_score *score, luge_error *err)
{
    shards *s = c->self;
    lg_score test;
    luge_status st;

    point(s, x, NULL);
    LG_TRY(lg_problem_evaluate(s->problem, s->x, LG_TEST, &test, err));
    *score = (lg_federated_score){ test.loss, test.accuracy, (double)NAN };
done:
    return st;
}

static luge_status shards_open(lg_clients *c, const lg_shards *how, luge_error *err)
{
    shards *s = c->self;
    lg_problem_request request = how->problem;
    const unsigned char *label;
    luge_status st;

    request.type = LUGE_F64;
    LG_TRY(lg_problem_open(&s->problem, &request, err));
    label = lg_problem_labels(s->problem);
    if (!label) return lg_fail(err, LUGE_E_ARG, "%s has no rows with labels to hand out to clients", request.spec);
    s->rows = lg_problem_rows(s->problem, LG_TRAIN);
    if (!lg_problem_rows(s->problem, LG_TEST)) return lg_fail(err, LUGE_E_ARG, "no row is left to test with");
    s->batch = request.batch, s->seed = request.seed, s->tensors = lg_problem_tensors(s->problem);
    s->most = (s->rows + c->count - 1) / c->count;
    if (!s->batch || s->batch > s->most) s->batch = s->most;
    LG_NEED(s->row = lg_alloc(3, (s->rows + 1) * sizeof *s->row));
    s->order = s->row + s->rows, s->chosen = s->order + s->rows;
    LG_NEED(s->x = (const void **)lg_alloc(s->tensors, sizeof *s->x));
    LG_NEED(s->g = (void **)lg_alloc(s->tensors, sizeof *s->g));
    LG_TRY(luge_split(s->rows, label, c->count, how->skew, s->seed, s->row, err));
    for (size_t i = 0; i < s->tensors; i++) c->n += lg_problem_tensor(s->problem, i)->n;
    c->epoch = (int64_t)((s->most + s->batch - 1) / s->batch);
done:
    return st;
}

luge_status lg_clients_shards(lg_clients *c, const lg_shards *how, size_t count, luge_error *err)
{
    luge_status st;
    shards *s;

    *c = (lg_clients){ .count = count, .gradient = shards_gradient, .score = shards_score, .close = shards_close };
    LG_NEED(s = c->self = lg_alloc(1, sizeof *s));
    s->of[0] = -1;
    LG_TRY(shards_open(c, how, err));
    LG_TRY(made(c, err));
    for (size_t i = 0; i < count; i++) c->weight[i] = (double)(first_row(c, i + 1) - first_row(c, i));
    point(s, c->start, c->start);
    lg_problem_start(s->problem, s->g);
done:
    if (st) lg_clients_close(c);
    return st;
}
