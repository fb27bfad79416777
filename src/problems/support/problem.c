/* The table of problems, and what all of them have in common: opening, checks, rows.
 * SPDX-License-Identifier: MIT */
#include "problems/support/kind.h"
#include <stdio.h>
#include <string.h>

#define P(name) extern const lg_problem_kind lg_problem_##name;
#include "problems.inc"
#undef P
#define P(name) &lg_problem_##name,
static const lg_problem_kind *const kinds[] = {
#include "problems.inc"
};
#undef P
enum { KINDS = sizeof kinds / sizeof *kinds };

const lg_problem_kind *lg_problem_at(size_t i) { return i < KINDS ? kinds[i] : NULL; }
const char *lg_problem_name(const lg_problem_kind *k) { return k->name; }
const char *lg_problem_title(const lg_problem_kind *k) { return k->title; }
const lg_setting *lg_problem_settings(const lg_problem_kind *k) { return k->settings; }

size_t lg_problem_tensors(const lg_problem *p) { return p->tensors; }
const lg_shape *lg_problem_tensor(const lg_problem *p, size_t i) { return &p->tensor[i]; }
size_t lg_problem_rows(const lg_problem *p, enum lg_part part) { return p->rows[part]; }

void lg_problem_add(lg_problem *p, const char *name, size_t rows, size_t columns)
{
    lg_shape *t = &p->tensor[p->tensors];
    snprintf(p->name[p->tensors], sizeof p->name[0], "%s", name);
    *t = (lg_shape){ .name = p->name[p->tensors], .ndim = columns ? 2 : 1, .shape = { rows, columns } };
    t->n = columns ? rows * columns : rows;
    p->tensors++;
}

void lg_widen(luge_type type, const void *x, size_t n, double *wide)
{
    if (type == LUGE_F64)
        memcpy(wide, x, n * sizeof *wide);
    else
        for (size_t i = 0; i < n; i++) wide[i] = (double)((const float *)x)[i];
}

void lg_narrow(luge_type type, const double *wide, size_t n, void *x)
{
    if (type == LUGE_F64)
        memcpy(x, wide, n * sizeof *wide);
    else
        for (size_t i = 0; i < n; i++) ((float *)x)[i] = (float)wide[i];
}

/* ---- opening ---- */

static luge_status find(const lg_problem_kind **kind, const char *spec, size_t length, luge_error *err)
{
    char names[300] = "";
    size_t n = 0;

    for (size_t i = 0; i < KINDS; i++) {
        *kind = kinds[i];
        if (strlen(kinds[i]->name) == length && !strncmp(kinds[i]->name, spec, length)) return LUGE_OK;
        if (n < sizeof names)
            n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", i ? ", " : "", kinds[i]->name);
    }
    return lg_fail(err, LUGE_E_NAME, "there is no problem \"%.*s\"; there are: %s", (int)(length < 40 ? length : 40),
                   spec, names);
}

/* Which of the kind's files `text` names, and where its path begins; -1: none. */
static int file_of(const lg_problem_kind *kind, const char *text, const char **path)
{
    for (int i = 0; kind->data[i]; i++) {
        size_t n = strlen(kind->data[i]);
        *path = text + n + 1;
        if (!strncmp(kind->data[i], text, n) && text[n] == '=') return i;
    }
    *path = text;
    return kind->data[0] && !kind->data[1] ? 0 : -1;
}

static luge_status files(const lg_problem_kind *kind, const lg_problem_request *r, const char **path, luge_error *err)
{
    const char *second = kind->data[0] ? kind->data[1] : NULL;

    if (!kind->data[0] && r->data_count)
        return lg_fail(err, LUGE_E_ARG, "%s takes no data, but \"%.200s\" was given", kind->name, r->data[0]);
    for (size_t i = 0; i < r->data_count; i++) {
        const char *at;
        int k = file_of(kind, r->data[i], &at);
        if (k < 0)
            return lg_fail(err, LUGE_E_ARG, "%s: data \"%.200s\" is neither %s=PATH nor %s=PATH", kind->name,
                           r->data[i], kind->data[0], second);
        if (path[k])
            return lg_fail(err, LUGE_E_ARG, "%s: %s was given twice: \"%.150s\" and \"%.150s\"", kind->name,
                           kind->data[k], path[k], at);
        path[k] = at;
    }
    for (int k = 0; r->data_count && kind->data[k]; k++)
        if (!path[k])
            return lg_fail(err, LUGE_E_ARG, "%s: %s=PATH is missing; it needs %s=PATH and %s=PATH", kind->name,
                           kind->data[k], kind->data[0], second);
    return LUGE_OK;
}

static luge_status divide(lg_problem *p, const lg_problem_request *r, luge_error *err)
{
    const char *name = p->kind->name;

    if (!p->kind->data[0]) {
        if (r->split || r->batch)
            return lg_fail(err, LUGE_E_ARG, "%s has no rows, so neither split (%zu) nor batch (%zu) can be set", name,
                           r->split, r->batch);
        return LUGE_OK;
    }
    if (p->all == 0) return lg_fail(err, LUGE_E_SHAPE, "%s: the data has no rows", name);
    if (r->split > p->all)
        return lg_fail(err, LUGE_E_ARG, "%s: split = %zu is more than the %zu rows of the data", name, r->split,
                       p->all);
    p->rows[LG_TEST] = r->split ? p->all - r->split : p->all / 5;
    p->rows[LG_TRAIN] = p->all - p->rows[LG_TEST];
    if (r->batch > p->rows[LG_TRAIN])
        return lg_fail(err, LUGE_E_ARG, "%s: batch = %zu is more than the %zu training rows", name, r->batch,
                       p->rows[LG_TRAIN]);
    p->batch = r->batch ? r->batch : p->rows[LG_TRAIN];
    return LUGE_OK;
}

luge_status lg_problem_open(lg_problem **out, const lg_problem_request *request, luge_error *err)
{
    luge_status st = LUGE_OK;
    const char *path[LG_DATA_FILES] = { NULL }, *spec = request->spec;
    size_t name = strcspn(spec, ":");
    const lg_problem_kind *kind;
    lg_problem *p = NULL;

    *out = NULL;
    LG_TRY(find(&kind, spec, name, err));
    if (request->type != LUGE_F32 && request->type != LUGE_F64) {
        st = lg_fail(err, LUGE_E_ARG, "%s: problems are computed in f32 or f64 alone", kind->name);
        goto done;
    }
    LG_TRY(files(kind, request, path, err));
    LG_NEED(p = lg_alloc(1, sizeof *p));
    p->kind = kind;
    p->type = request->type;
    p->seed = request->seed;
    p->threads = lg_threads(request->threads);
    LG_NEED(p->settings = lg_alloc(1, kind->settings_size));
    LG_TRY(lg_setting_defaults(kind->name, kind->settings, p->settings, err));
    p->text = spec[name] ? spec + name + 1 : "";
    if (!kind->free_text) LG_TRY(lg_setting_parse(kind->name, kind->settings, p->settings, p->text, err));
    if (request->at) LG_TRY(lg_setting_key(kind->name, kind->settings, p->settings, "at", request->at, err));
    LG_TRY(kind->open(p, request->data_count ? path : NULL, err));
    LG_TRY(divide(p, request, err));
    *out = p;
done:
    if (st != LUGE_OK) lg_problem_close(p);
    return st;
}

void lg_problem_close(lg_problem *p)
{
    if (!p) return;
    if (p->self) p->kind->close(p);
    lg_free(p->settings);
    lg_free(p);
}

/* ---- use ---- */

const unsigned char *lg_problem_labels(const lg_problem *p) { return p->kind->labels ? p->kind->labels(p) : NULL; }
void lg_problem_start(const lg_problem *p, void *const *x) { p->kind->start(p, x); }

static luge_status rows_of(const lg_problem *p, const size_t *row, size_t n, lg_rows *rows, luge_error *err)
{
    const char *name = p->kind->name;

    *rows = (lg_rows){ .row = row, .n = row ? n : p->rows[LG_TRAIN] };
    if (!row) return LUGE_OK;
    if (!p->kind->data[0]) return lg_fail(err, LUGE_E_ARG, "%s has no rows to choose from", name);
    if (n == 0 || n > p->batch)
        return lg_fail(err, LUGE_E_ARG, "%s: a minibatch of %zu rows is not in [1,%zu]", name, n, p->batch);
    for (size_t i = 0; i < n; i++)
        if (row[i] >= p->rows[LG_TRAIN])
            return lg_fail(err, LUGE_E_ARG, "%s: row %zu of the minibatch is %zu, but there are %zu training rows",
                           name, i, row[i], p->rows[LG_TRAIN]);
    return LUGE_OK;
}

luge_status lg_problem_gradient(lg_problem *p, const void *const *x, const size_t *row, size_t n,
                                void *const *gradient, double *loss, luge_error *err)
{
    lg_rows rows;
    luge_status st = rows_of(p, row, n, &rows, err);
    if (st == LUGE_OK) p->kind->gradient(p, x, &rows, gradient, loss);
    return st;
}

size_t lg_problem_bias(const lg_problem *p, size_t i)
{
    luge_layer unused;
    return p->kind->layer && p->kind->layer(p, i, &unused) ? i + 1 : i;
}

luge_status lg_problem_keep(lg_problem *p, luge_error *err)
{
    return p->kind->keep ? p->kind->keep(p, err) : LUGE_OK;
}

void lg_problem_layers(const lg_problem *p, luge_layer *layer)
{
    for (size_t i = 0; i < p->tensors; i++)
        if (!p->kind->layer || !p->kind->layer(p, i, &layer[i])) layer[i] = (luge_layer){ 0 };
}

luge_status lg_problem_sampled(lg_problem *p, const void *const *x, const size_t *row, size_t n, uint64_t draw,
                               void *const *gradient, luge_error *err)
{
    lg_rows rows;
    double loss;
    luge_status st = rows_of(p, row, n, &rows, err);
    if (st) return st;
    if (!p->kind->drawn) return lg_fail(err, LUGE_E_ARG, "%s has no labels that a model could draw", p->kind->name);
    rows.drawn = true;
    rows.seed = p->seed;
    rows.stream = LG_STREAM_DRAW + draw;
    p->kind->gradient(p, x, &rows, gradient, &loss);
    return LUGE_OK;
}

luge_status lg_problem_hvp(lg_problem *p, const void *const *x, const size_t *row, size_t n, const void *const *v,
                           void *const *hv, luge_error *err)
{
    lg_rows rows;
    luge_status st = rows_of(p, row, n, &rows, err);
    if (st == LUGE_OK) p->kind->hvp(p, x, &rows, v, hv);
    return st;
}

luge_status lg_problem_series(lg_problem *p, int degree, const double *x, double *gradient, luge_error *err)
{
    const char *name = p->kind->name;

    if (!p->kind->series)
        return lg_fail(err, LUGE_E_ARG, "%s cannot be computed in power series; write its formula as expr:EXPRESSION",
                       name);
    if (degree < 0 || degree > LG_SERIES_DEGREE)
        return lg_fail(err, LUGE_E_ARG, "%s: a series of degree %d is not in [0,%d]", name, degree, LG_SERIES_DEGREE);
    return p->kind->series(p, degree, x, gradient, err);
}

luge_status lg_problem_evaluate(lg_problem *p, const void *const *x, enum lg_part part, lg_score *score,
                                luge_error *err)
{
    lg_rows rows = { .first = part == LG_TEST ? p->rows[LG_TRAIN] : 0, .n = p->rows[part] };

    (void)err;
    *score = (lg_score){ (double)NAN, (double)NAN };
    if (rows.n || (part == LG_TRAIN && !p->kind->data[0])) p->kind->evaluate(p, x, &rows, score);
    return LUGE_OK;
}
