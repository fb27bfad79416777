/* A problem with all its training rows as a function of one vector.  SPDX-License-Identifier: MIT */
#include "experiments/flow.h"
#include <string.h>

enum { TENSORS = 128 };

struct lg_whole {
    lg_problem *problem;
    lg_field field;
    size_t tensors, at[TENSORS];
    double *start, *scratch;
};

static void spread(const lg_whole *w, const double *x, const void **to)
{
    for (size_t i = 0; i < w->tensors; i++) to[i] = x + w->at[i];
}

static luge_status gradient(void *context, const double *x, double *g, luge_error *err)
{
    lg_whole *w = context;
    const void *at[TENSORS];
    void *to[TENSORS];
    double loss;
    spread(w, x, at);
    for (size_t i = 0; i < w->tensors; i++) to[i] = g + w->at[i];
    return lg_problem_gradient(w->problem, at, NULL, 0, to, &loss, err);
}

static luge_status hvp(void *context, const double *x, const double *v, double *hv, luge_error *err)
{
    lg_whole *w = context;
    const void *at[TENSORS], *along[TENSORS];
    void *to[TENSORS];
    spread(w, x, at);
    spread(w, v, along);
    for (size_t i = 0; i < w->tensors; i++) to[i] = hv + w->at[i];
    return lg_problem_hvp(w->problem, at, NULL, 0, along, to, err);
}

static luge_status series(void *context, int degree, const double *x, double *g, luge_error *err)
{
    lg_whole *w = context;
    return lg_problem_series(w->problem, degree, x, g, err);
}

luge_status lg_whole_value(lg_whole *w, const double *x, double *value, luge_error *err)
{
    const void *at[TENSORS];
    void *to[TENSORS];
    spread(w, x, at);
    for (size_t i = 0; i < w->tensors; i++) to[i] = w->scratch + w->at[i];
    return lg_problem_gradient(w->problem, at, NULL, 0, to, value, err);
}

luge_status lg_whole_open(lg_whole **out, const lg_problem_request *request, luge_error *err)
{
    luge_status st;
    lg_whole *w = NULL;
    lg_problem_request r = *request;
    void *start[TENSORS];

    *out = NULL;
    LG_NEED(w = lg_alloc(1, sizeof *w));
    r.type = LUGE_F64;
    LG_TRY(lg_problem_open(&w->problem, &r, err));
    w->field = (lg_field){ .threads = r.threads, .context = w, .gradient = gradient, .hvp = hvp };
    w->tensors = lg_problem_tensors(w->problem);
    if (w->tensors > TENSORS) {
        st = lg_fail(err, LUGE_E_SHAPE, "%.60s has %zu tensors, at most %d are allowed here", r.spec, w->tensors,
                     TENSORS);
        goto done;
    }
    for (size_t i = 0; i < w->tensors; i++) {
        w->at[i] = w->field.n;
        w->field.n += lg_problem_tensor(w->problem, i)->n;
    }
    LG_NEED(w->start = lg_alloc(w->field.n, sizeof *w->start));
    LG_NEED(w->scratch = lg_alloc(w->field.n, sizeof *w->scratch));
    for (size_t i = 0; i < w->tensors; i++) start[i] = w->start + w->at[i];
    lg_problem_start(w->problem, start);
    luge_error none;
    if (lg_problem_series(w->problem, 0, w->start, w->scratch, &none) == LUGE_OK) w->field.series = series;
    *out = w;
done:
    if (st) lg_whole_close(w);
    return st;
}

void lg_whole_close(lg_whole *w)
{
    if (!w) return;
    lg_problem_close(w->problem);
    lg_free(w->start);
    lg_free(w->scratch);
    lg_free(w);
}

const lg_field *lg_whole_field(const lg_whole *w) { return &w->field; }
const double *lg_whole_start(const lg_whole *w) { return w->start; }
