/* Samplers on mixtures beside the exact flow.  SPDX-License-Identifier: MIT */
#include "experiments/sample.h"
#include <stdio.h>
#include <string.h>

/* Rows go through in chunks: so that progress can be shown, and memory for paths stays small. */
enum { CHUNK = 4096, EXACT = 4000 /* steps of the reference, uniform in log σ down to a hundredth of the first */ };

typedef struct work {
    const lg_sample *s;
    lg_sampled *out;
    luge_sampler *sampler;
    double guidance, *start, *stage, *f, *c, *sigma;
    int64_t done, of;
} work;

/* ---- the exact flow: Runge and Kutta's method, errors far below those of the runs ---- */

static luge_status predict(const work *w, double sigma, size_t rows, const double *x, luge_error *err)
{
    const lg_sample *s = w->s;
    size_t dim = s->mixture->dim;
    luge_status st;

    LG_TRY(luge_mixture_noise((void *)s->mixture, sigma, rows, dim, x, w->f, err));
    if (!s->conditional) return LUGE_OK;
    LG_TRY(luge_mixture_noise((void *)s->conditional, sigma, rows, dim, x, w->c, err));
    for (size_t i = 0; i < rows * dim; i++) w->f[i] += w->guidance * (w->c[i] - w->f[i]);
done:
    return st;
}

static double exact_node(const lg_sample *s, int k)
{
    double low = s->to > 0 ? s->to : s->from / 100;
    if (k == EXACT) return s->to;
    if (s->to == 0 && k > EXACT / 2) return low * (EXACT - k) / (EXACT - EXACT / 2);
    return s->from * lg_exp(k * lg_log(low / s->from) / (s->to > 0 ? EXACT : EXACT / 2));
}

static luge_status exact(const work *w, size_t rows, double *x, luge_error *err)
{
    static const double at[] = { 0, 0.5, 0.5, 1 }, weight[] = { 1. / 6, 1. / 3, 1. / 3, 1. / 6 };
    size_t n = rows * w->s->mixture->dim;
    luge_status st = LUGE_OK;

    for (int k = 0; k < EXACT; k++) {
        double sigma = exact_node(w->s, k), delta = exact_node(w->s, k + 1) - sigma;
        memcpy(w->start, x, n * sizeof *x);
        for (int i = 0; i < 4; i++) {
            for (size_t j = 0; j < n; j++) w->stage[j] = w->start[j] + (i ? at[i] * delta * w->f[j] : 0);
            LG_TRY(predict(w, sigma + at[i] * delta, rows, w->stage, err));
            for (size_t j = 0; j < n; j++) x[j] += weight[i] * delta * w->f[j];
        }
    }
done:
    return st;
}

/* ---- the runs ---- */

static void show(work *w, int64_t more)
{
    w->done += more;
    if (w->s->progress) w->s->progress(w->s->context, w->done, w->of);
}

static void starts(const work *w, size_t first, size_t rows, double *x)
{
    const lg_sample *s = w->s;
    if (s->at)
        memcpy(x, s->at, s->mixture->dim * sizeof *x);
    else
        lg_mixture_draw(s->mixture, s->from, s->seed, first, rows, x);
}

static void set_nodes(const lg_sample *s, int64_t steps, double *sigma)
{
    for (int64_t k = 0; k <= steps; k++) {
        double part = (double)k / (double)steps;
        sigma[k] = k == steps     ? s->to
                   : s->geometric ? s->from * lg_exp(part * lg_log(s->to / s->from))
                                  : s->from + (s->to - s->from) * part;
    }
}

/* The first coordinates of the first rows' states. */
static luge_status paths(work *w, int64_t steps, luge_error *err)
{
    lg_sampled *r = w->out;
    size_t nodes = (size_t)steps + 1, dim = r->dim;
    double *all = NULL;
    luge_status st = LUGE_OK;

    r->paths = r->rows < LG_SAMPLE_PATHS ? r->rows : LG_SAMPLE_PATHS;
    LG_NEED(r->sigma = lg_alloc(nodes, sizeof *r->sigma));
    LG_NEED(r->path = lg_alloc(nodes, r->paths * sizeof *r->path));
    LG_NEED(all = lg_alloc(nodes, r->paths * dim * sizeof *all));
    memcpy(r->sigma, w->sigma, nodes * sizeof *w->sigma);
    starts(w, 0, r->paths, w->start);
    LG_TRY(luge_sampler_run(w->sampler, r->paths, dim, nodes, w->sigma, w->start, w->stage, all, err));
    for (size_t k = 0; k < nodes; k++)
        for (size_t i = 0; i < r->paths; i++) r->path[i * nodes + k] = all[(k * r->paths + i) * dim];
done:
    lg_free(all);
    return st;
}

static luge_status one_run(work *w, int64_t steps, lg_sample_run_row *row, luge_error *err)
{
    lg_sampled *r = w->out;
    double sum = 0;
    luge_status st = LUGE_OK;

    row->steps = steps;
    set_nodes(w->s, steps, w->sigma);
    for (size_t first = 0; first < r->rows; first += CHUNK) {
        size_t rows = r->rows - first < CHUNK ? r->rows - first : CHUNK;
        starts(w, first, rows, w->start);
        LG_TRY(luge_sampler_run(w->sampler, rows, r->dim, (size_t)steps + 1, w->sigma, w->start,
                                r->out + first * r->dim, NULL, err));
        show(w, steps);
    }
    for (size_t i = 0; i < r->rows; i++) {
        double square = 0;
        for (size_t j = 0; j < r->dim; j++) {
            double d = r->out[i * r->dim + j] - r->exact[i * r->dim + j];
            square += d * d;
        }
        sum += square;
        if (!(square <= row->most * row->most)) row->most = sqrt(square);
    }
    row->rms = sqrt(sum / (double)r->rows);
done:
    return st;
}

static void moments(const lg_sampled *r, const double *x, double *mean, double *sd, size_t *finite)
{
    double sum = 0, squares = 0;
    size_t n = 0;
    for (size_t i = 0; i < r->rows; i++)
        if (isfinite(x[i * r->dim])) sum += x[i * r->dim], n++;
    for (size_t i = 0; i < r->rows; i++)
        if (isfinite(x[i * r->dim])) {
            double d = x[i * r->dim] - sum / (double)n;
            squares += d * d;
        }
    *mean = sum / (double)n, *sd = sqrt(squares / (double)n);
    if (finite) *finite = n;
}

/* The sampler as it was asked for, and what it is called. */
static luge_status open_sampler(work *w, luge_error *err)
{
    char key[LG_TEXT], text[3][LG_TEXT];
    const char *value;
    bool data;
    luge_status st;

    LG_TRY(luge_sampler_new(&w->sampler, err));
    for (size_t i = 0; i < w->s->set_count; i++) {
        LG_TRY(lg_setting_split(w->s->set[i], key, &value, err));
        LG_TRY(luge_sampler_set(w->sampler, key, value, err));
    }
    LG_TRY(luge_sampler_get(w->sampler, "guidance", text[0], LG_TEXT, err));
    lg_number_read(text[0], &w->guidance);
    LG_TRY(luge_sampler_get(w->sampler, "rule", text[0], LG_TEXT, err));
    LG_TRY(luge_sampler_get(w->sampler, "order", text[1], LG_TEXT, err));
    LG_TRY(luge_sampler_get(w->sampler, "beta", text[2], LG_TEXT, err));
    snprintf(w->out->name, sizeof w->out->name, "%.9s %.9s%s%.9s", text[0], text[1],
             strcmp(text[2], "none") ? ", beta " : "", strcmp(text[2], "none") ? text[2] : "");
    LG_TRY(luge_sampler_get(w->sampler, "start", w->out->start, sizeof w->out->start, err));
    data = !strcmp(text[0], "dpm");
    luge_field *field = data ? luge_mixture_data : luge_mixture_noise;
    luge_sampler_field(w->sampler, field, (void *)w->s->mixture, w->s->conditional ? field : NULL,
                       (void *)w->s->conditional);
done:
    return st;
}

static luge_status check(const lg_sample *s, luge_error *err)
{
    if (!(s->from > s->to && s->to >= 0 && isfinite(s->from)))
        return lg_fail(err, LUGE_E_ARG, "noise levels from %g to %g: they fall, and are not negative", s->from,
                       s->to);
    if (s->geometric && s->to == 0)
        return lg_fail(err, LUGE_E_ARG, "noise levels uniform in their logarithm do not reach 0");
    if (s->conditional && s->conditional->dim != s->mixture->dim)
        return lg_fail(err, LUGE_E_SHAPE, "the mixture has %zu coordinates, the conditional one %zu", s->mixture->dim,
                       s->conditional->dim);
    return LUGE_OK;
}

static luge_status make_room(work *w, luge_error *err)
{
    lg_sampled *r = w->out;
    size_t chunk = (r->rows < CHUNK ? r->rows : CHUNK) * r->dim;
    luge_status st = LUGE_OK;

    LG_NEED(r->out = lg_alloc(r->rows, r->dim * sizeof *r->out));
    LG_NEED(r->exact = lg_alloc(r->rows, r->dim * sizeof *r->exact));
    LG_NEED(w->start = lg_alloc(4 * chunk, sizeof *w->start));
    w->stage = w->start + chunk, w->f = w->stage + chunk, w->c = w->f + chunk;
    LG_NEED(w->sigma = lg_alloc(((size_t)w->s->steps << w->s->halvings) + 1, sizeof *w->sigma));
done:
    return st;
}

luge_status lg_sample_run(const lg_sample *s, lg_sampled *r, luge_error *err)
{
    luge_status st;
    work w = { .s = s, .out = r };
    size_t chunks = (s->rows + CHUNK - 1) / CHUNK;

    *r = (lg_sampled){ .dim = s->mixture->dim, .rows = s->rows, .runs = s->halvings + 1 };
    LG_TRY(check(s, err));
    LG_TRY(open_sampler(&w, err));
    LG_TRY(make_room(&w, err));
    w.of = (int64_t)chunks * (4 * EXACT + s->steps * ((2 << s->halvings) - 1));
    set_nodes(s, s->steps, w.sigma);
    LG_TRY(paths(&w, s->steps, err)); /* first: what is wrong with the settings is said before the long part */
    for (size_t first = 0; first < r->rows; first += CHUNK) {
        size_t rows = r->rows - first < CHUNK ? r->rows - first : CHUNK;
        starts(&w, first, rows, r->exact + first * r->dim);
        LG_TRY(exact(&w, rows, r->exact + first * r->dim, err));
        show(&w, 4 * EXACT);
    }
    for (int64_t k = 0; k < r->runs; k++) {
        LG_TRY(one_run(&w, s->steps << k, &r->run[k], err));
        r->run[k].order = k ? lg_log(r->run[k - 1].rms / r->run[k].rms) / lg_log(2) : (double)NAN;
    }
    moments(r, r->out, &r->mean, &r->sd, &r->finite);
    moments(r, r->exact, &r->exact_mean, &r->exact_sd, NULL);
done:
    luge_sampler_free(w.sampler);
    lg_free(w.start);
    lg_free(w.sigma);
    if (st) lg_sampled_free(r);
    return st;
}

void lg_sampled_free(lg_sampled *r)
{
    lg_free(r->out);
    lg_free(r->exact);
    lg_free(r->sigma);
    lg_free(r->path);
    r->out = r->exact = r->sigma = r->path = NULL;
}
