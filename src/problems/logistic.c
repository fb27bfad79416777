/* Logistic regression on sparse rows x_i with labels y_i = ±1:
 *     f(w, b) = mean over rows of log(1 + exp(-y_i (w'x_i + b))) + l2/2 |w|²
 * Both parts are scored by the same f.  The arithmetic is f64 for parameters of any type.
 * SPDX-License-Identifier: MIT */
#include "io/io.h"
#include "problems/support/kind.h"
#include <string.h>

enum { CHUNK = 4096, BLOCK = 64, MOST_COLUMNS = 1 << 26 };

typedef struct settings {
    double l2;
} settings;

typedef struct logistic {
    lg_sparse set;
    double *w, *v, *g;    /* columns + 1 each: the bias is last */
    double factor[CHUNK]; /* of each row in the gradient, or in the product */
    double loss[CHUNK / BLOCK];
    size_t right[CHUNK / BLOCK];
} logistic;

/* One chunk of one call. */
typedef struct job {
    logistic *l;
    const lg_rows *rows;
    size_t first, count; /* the chunk's rows among those of the call */
    enum lg_task task;
} job;

/* m = y (w'x + b), e = exp -|m|: log(1 + exp -m) = max(-m, 0) + log(1 + e), σ(-m) = 1/(1 + exp m). */
static void row(const job *j, size_t i, double *loss, size_t *right)
{
    logistic *l = j->l;
    const lg_sparse *s = &l->set;
    size_t r = lg_row(j->rows, j->first + i), bias = s->columns;
    double z = l->w[bias], rz = l->v[bias], y = s->label[r], m, e, other;

    for (size_t k = s->start[r]; k < s->start[r + 1]; k++) z += s->value[k] * l->w[s->column[k]];
    for (size_t k = s->start[r]; j->task == LG_HVP && k < s->start[r + 1]; k++)
        rz += s->value[k] * l->v[s->column[k]];
    if (j->rows->drawn) y = lg_uniform(j->rows->seed, j->rows->stream, j->first + i) * (1 + lg_exp(-z)) < 1 ? 1 : -1;
    m = y * z;
    e = lg_exp(-fabs(m));
    other = (m > 0 ? e : 1) / (1 + e);
    *loss += (m < 0 ? -m : 0) + lg_log_of_one_plus(e);
    *right += !isnan(m) && (z > 0) == (y > 0);
    l->factor[i] = (j->task == LG_HVP ? e / ((1 + e) * (1 + e)) * rz : -y * other) / (double)j->rows->n;
}

static void share_rows(void *context, size_t id, size_t of)
{
    const job *j = context;
    for (size_t b = id; b * BLOCK < j->count; b += of) {
        size_t end = (b + 1) * BLOCK < j->count ? (b + 1) * BLOCK : j->count;
        j->l->loss[b] = 0;
        j->l->right[b] = 0;
        for (size_t i = b * BLOCK; i < end; i++) row(j, i, &j->l->loss[b], &j->l->right[b]);
    }
}

/* The first entry of a row from k on in a column >= lo. */
static size_t entry_at(const lg_sparse *s, size_t k, size_t end, size_t lo)
{
    while (k < end) {
        size_t middle = k + (end - k) / 2;
        if (s->column[middle] < lo)
            k = middle + 1;
        else
            end = middle;
    }
    return k;
}

/* g += Σ factor_i x_i.  Each share has columns of its own and goes through the rows in their order. */
static void share_columns(void *context, size_t id, size_t of)
{
    const job *j = context;
    const lg_sparse *s = &j->l->set;
    size_t lo = s->columns * id / of, hi = s->columns * (id + 1) / of;

    for (size_t i = 0; i < j->count; i++) {
        size_t r = lg_row(j->rows, j->first + i), end = s->start[r + 1], k = s->start[r];
        double factor = j->l->factor[i];
        for (k = lo ? entry_at(s, k, end, lo) : k; k < end && s->column[k] < hi; k++)
            j->l->g[s->column[k]] += factor * s->value[k];
        if (id == 0) j->l->g[s->columns] += factor;
    }
}

/* The mean loss without l2, the share of right rows, and in g the gradient or the product without l2. */
static lg_score run(const lg_problem *p, const lg_rows *rows, enum lg_task task)
{
    logistic *l = p->self;
    job j = { .l = l, .rows = rows, .task = task };
    double loss = 0;
    size_t right = 0;

    memset(l->g, 0, (l->set.columns + 1) * sizeof *l->g);
    for (; j.first < rows->n; j.first += CHUNK) {
        j.count = rows->n - j.first < CHUNK ? rows->n - j.first : CHUNK;
        lg_share(p->threads, share_rows, &j);
        for (size_t b = 0; b * BLOCK < j.count; b++) {
            loss += l->loss[b];
            right += l->right[b];
        }
        if (task != LG_EVALUATE) lg_share(p->threads, share_columns, &j);
    }
    return (lg_score){ loss / (double)rows->n, (double)right / (double)rows->n };
}

static void widen(const lg_problem *p, const void *const *x, double *wide)
{
    size_t columns = ((const logistic *)p->self)->set.columns;
    lg_widen(p->type, x[0], columns, wide);
    lg_widen(p->type, x[1], 1, wide + columns);
}

/* out = g + l2 w without the bias */
static void give(const lg_problem *p, double l2, const double *w, void *const *out)
{
    const logistic *l = p->self;
    size_t columns = l->set.columns;
    for (size_t i = 0; i < columns; i++) l->g[i] += l2 * w[i];
    lg_narrow(p->type, l->g, columns, out[0]);
    lg_narrow(p->type, l->g + columns, 1, out[1]);
}

static double penalty(const lg_problem *p)
{
    const settings *h = p->settings;
    const logistic *l = p->self;
    double sum = 0;
    for (size_t i = 0; i < l->set.columns; i++) sum += l->w[i] * l->w[i];
    return h->l2 / 2 * sum;
}

static void gradient(lg_problem *p, const void *const *x, const lg_rows *rows, void *const *out, double *loss)
{
    logistic *l = p->self;
    widen(p, x, l->w);
    *loss = run(p, rows, LG_GRADIENT).loss + penalty(p);
    give(p, rows->drawn ? 0 : ((const settings *)p->settings)->l2, l->w, out);
}

static void hvp(lg_problem *p, const void *const *x, const lg_rows *rows, const void *const *v, void *const *hv)
{
    logistic *l = p->self;
    widen(p, x, l->w);
    widen(p, v, l->v);
    run(p, rows, LG_HVP);
    give(p, ((const settings *)p->settings)->l2, l->v, hv);
}

static void evaluate(lg_problem *p, const void *const *x, const lg_rows *rows, lg_score *score)
{
    logistic *l = p->self;
    widen(p, x, l->w);
    *score = run(p, rows, LG_EVALUATE);
    score->loss += penalty(p);
}

static void start(const lg_problem *p, void *const *x)
{
    for (size_t t = 0; t < p->tensors; t++) memset(x[t], 0, p->tensor[t].n * lg_size(p->type));
}

/* ---- data ---- */

/* Labels -1 and 1, or 0 and 1, become -1 and 1. */
static luge_status check(lg_sparse *s, const char *path, luge_error *err)
{
    double low = 1;

    if (s->columns == 0 || s->columns > MOST_COLUMNS)
        return lg_fail(err, LUGE_E_SHAPE, "%s: %zu columns; 1 to %d are possible", path, s->columns, MOST_COLUMNS);
    for (size_t i = 0; i < s->rows; i++) {
        double y = s->label[i];
        if (y != 1 && low == 1 && (y == 0 || y == -1)) low = y;
        if (y != 1 && (y != low || low == 1))
            return lg_fail(err, LUGE_E_FORMAT, "%s: the label of row %zu is %g; labels are -1 and 1, or 0 and 1",
                           path, i, y);
    }
    for (size_t i = 0; i < s->rows; i++)
        if (s->label[i] != 1) s->label[i] = -1;
    return LUGE_OK;
}

enum { MADE_ROWS = 1000, MADE_COLUMNS = 40, MADE_ENTRIES = 8 };
enum { STREAM_PLACE = LG_STREAM_SET, STREAM_VALUE, STREAM_TRUTH, STREAM_LABEL };

/* Each run of five columns has one entry in a row, standard normal; the label is +1 with probability σ(t'x) for a
 * standard normal t. */
static luge_status make(lg_sparse *s, uint64_t seed, luge_error *err)
{
    luge_status st = LUGE_OK;
    const size_t step = MADE_COLUMNS / MADE_ENTRIES;

    *s = (lg_sparse){ .rows = MADE_ROWS, .columns = MADE_COLUMNS };
    LG_NEED(s->start = lg_alloc(MADE_ROWS + 1, sizeof *s->start));
    LG_NEED(s->column = lg_alloc(MADE_ROWS * MADE_ENTRIES, sizeof *s->column));
    LG_NEED(s->value = lg_alloc(MADE_ROWS * MADE_ENTRIES, sizeof *s->value));
    LG_NEED(s->label = lg_alloc(MADE_ROWS, sizeof *s->label));
    for (size_t i = 0; i < MADE_ROWS; i++) {
        double z = 0;
        for (size_t e = 0; e < MADE_ENTRIES; e++) {
            size_t k = s->entries++, column = e * step + (size_t)lg_below(seed, STREAM_PLACE, k, step);
            s->column[k] = (uint32_t)column;
            s->value[k] = lg_normal(seed, STREAM_VALUE, k);
            z += s->value[k] * lg_normal(seed, STREAM_TRUTH, column);
        }
        s->start[i + 1] = s->entries;
        s->label[i] = lg_uniform(seed, STREAM_LABEL, i) * (1 + lg_exp(-z)) < 1 ? 1 : -1;
    }
done:
    return st;
}

static luge_status open_set(lg_problem *p, const char *const *path, luge_error *err)
{
    luge_status st = LUGE_OK;
    logistic *l;
    size_t columns;

    LG_NEED(l = p->self = lg_alloc(1, sizeof *l));
    if (path) {
        LG_TRY(lg_libsvm_read(&l->set, path[0], err));
        LG_TRY(check(&l->set, path[0], err));
    } else {
        LG_TRY(make(&l->set, p->seed, err));
    }
    columns = l->set.columns;
    LG_NEED(l->w = lg_alloc(columns + 1, sizeof *l->w));
    LG_NEED(l->v = lg_alloc(columns + 1, sizeof *l->v));
    LG_NEED(l->g = lg_alloc(columns + 1, sizeof *l->g));
    p->all = l->set.rows;
    lg_problem_add(p, "weight", columns, 0);
    lg_problem_add(p, "bias", 1, 0);
done:
    return st;
}

static void close_set(lg_problem *p)
{
    logistic *l = p->self;
    lg_sparse_free(&l->set);
    lg_free(l->w);
    lg_free(l->v);
    lg_free(l->g);
    lg_free(l);
}

static const lg_setting table[] = {
    { "l2", LG_real, offsetof(settings, l2), "1e-4", "[0,inf)", "factor of half the squared norm of the weights" },
    { 0 },
};

const lg_problem_kind lg_problem_logistic = {
    .name = "logistic",
    .title = "logistic regression on LIBSVM rows: mean of log(1 + exp(-y (w'x + b))) + l2/2 |w|^2",
    .settings = table,
    .settings_size = sizeof(settings),
    .data = { "data", NULL },
    .drawn = true,
    .open = open_set,
    .close = close_set,
    .start = start,
    .gradient = gradient,
    .hvp = hvp,
    .evaluate = evaluate,
};
