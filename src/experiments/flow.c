/* Iterates against their flows as h is halved.  SPDX-License-Identifier: MIT */
#include "experiments/flow.h"
#include <stdio.h>
#include <string.h>

/* ---- paths ---- */

void lg_path_free(lg_path *p)
{
    lg_free(p->t);
    lg_free(p->u);
    lg_free(p->y);
    lg_free(p->error);
    *p = (lg_path){ 0 };
}

typedef struct record {
    lg_path *path;
    bool plane, full; /* full: no memory for more */
} record;

static bool more_room(lg_path *p)
{
    size_t room = p->room ? 2 * p->room : 256;
    double **list[] = { &p->t, &p->error, &p->u, &p->y };
    for (int i = 0; i < 4; i++) {
        size_t width = i < 2 ? 1 : 2;
        double *v = lg_grow(*list[i], p->n * width, room * width, sizeof *v);
        if (!v) return false;
        *list[i] = v;
    }
    p->room = room;
    return true;
}

static void node(void *context, double t, const double *u, const double *y, double error)
{
    record *r = context;
    lg_path *p = r->path;
    if (r->full || (p->n == p->room && !more_room(p))) {
        r->full = true;
        return;
    }
    p->t[p->n] = t;
    p->error[p->n] = error;
    for (int k = 0; k < 2; k++) {
        p->u[2 * p->n + (size_t)k] = r->plane ? u[k] : (double)NAN;
        p->y[2 * p->n + (size_t)k] = r->plane && y ? y[k] : (double)NAN;
    }
    p->n++;
}

/* ---- what is not given ---- */

/* The small quantity of all these theorems is h q Λ²: h is the power of two below 1/16 of that.  T is 64 Λ steps of
 * it: then the initial layer is gone well before T/2. */
static void scale(const lg_flow *f, double q, lg_flow_result *r)
{
    double slow = 1 - f->momentum;
    int exponent;
    r->curvature = q;
    r->lr = f->lr;
    if (!(r->lr > 0)) {
        frexp(q > 0 ? slow * slow / (16 * q) : 1.0 / 1024, &exponent);
        r->lr = ldexp(1, exponent - 1);
    }
    r->time = f->time > 0 ? f->time : r->lr * ceil(64 / slow);
}

/* The order of the prepared start: the highest that a model asks for; two where there is no series. */
static int prepared_order(const lg_flow *f, const lg_field *field)
{
    int most = field->series ? 4 : 2;
    for (size_t i = 0; i < f->models; i++) {
        double p;
        const char *colon = strchr(f->model[i], ':');
        if (field->series && colon && lg_number_read(colon + 1, &p) && p > most && p <= LG_SERIES_MOST) most = (int)p;
    }
    return most;
}

/* ---- the study ---- */

typedef struct study {
    const lg_flow *f;
    lg_whole *whole;
    lg_flow_result *result;
    int prepared;
    int64_t done, of;
} study;

static int64_t steps_between(const study *s, double h)
{
    double steps = floor(s->result->time / h + 1e-9);
    if (s->result->variables <= LG_PATHS || steps < LG_NODES) return 1;
    return (int64_t)ceil(steps / LG_NODES);
}

/* A failure in a run names the model. */
static luge_status name_model(const char *model, luge_status st, luge_error *err)
{
    luge_error inner;
    if (st == LUGE_OK || !err) return st;
    inner = *err;
    return lg_fail(err, st, "%s: %s", model, inner.text);
}

static luge_status one_model(study *s, const char *model, lg_flow_line *line, lg_path *path, luge_error *err)
{
    luge_status st = LUGE_OK;
    const lg_flow *f = s->f;
    record r = { path, s->result->variables == 2, false };
    lg_shadow_request q = { .field = lg_whole_field(s->whole),
                            .at = lg_whole_start(s->whole),
                            .method = f->method,
                            .momentum = f->momentum,
                            .model = model,
                            .prepared = s->prepared,
                            .time = s->result->time,
                            .solver = f->solver,
                            .rtol = f->rtol,
                            .context = &r };

    for (int k = 0; k <= f->halvings; k++) {
        double h = ldexp(s->result->lr, -k);
        lg_shadow shadow;
        q.every = steps_between(s, h);
        q.node = k ? NULL : node;
        LG_TRY(name_model(model, lg_shadow_run(&q, h, &shadow, err), err));
        line->h[k] = h;
        line->error[k] = line->window == LG_LATER ? shadow.later : shadow.all;
        line->reference[k] = shadow.reference;
        line->n = (size_t)k + 1;
        if (f->progress) f->progress(f->context, ++s->done, s->of);
    }
    if (r.full) st = lg_fail(err, LUGE_E_MEMORY, "out of memory for the path of %s", model);
    line->orders = lg_orders_fit(line->n, line->error, line->reference);
done:
    return st;
}

/* Opens each model once, so that a name that is wrong is found before the work. */
static luge_status begin_line(const study *s, const char *name, lg_flow_line *line, luge_error *err)
{
    lg_model *m;
    const lg_field *field = lg_whole_field(s->whole);
    lg_family family = { field, s->f->momentum, lg_method_a(s->f->method, s->f->momentum), s->result->lr };
    luge_status st = lg_model_open(&m, name, &family, err);

    if (st) return st;
    *line = (lg_flow_line){ 0 };
    snprintf(line->model, sizeof line->model, "%s", name);
    line->theory = lg_model_theory(m, s->prepared > 0, &line->window);
    if (s->f->whole_run) line->window = LG_ALL;
    lg_model_close(m);
    return LUGE_OK;
}

static luge_status limits(study *s, luge_error *err)
{
    luge_status st;
    const lg_flow *f = s->f;
    lg_family family = { lg_whole_field(s->whole), f->momentum, lg_method_a(f->method, f->momentum), f->lr };
    lg_flow_line line;
    double q;

    if (isnan(family.a))
        return lg_fail(
            err, LUGE_E_NAME,
            "the flows are those of methods with fixed momentum: heavy_ball, nesterov and sgd; \"%.40s\" is "
            "none of them",
            f->method);
    if (!(f->lr > 0)) family.h = 1;
    LG_TRY(lg_family_check(&family, err));
    LG_TRY(lg_curvature(family.field, lg_whole_start(s->whole), &q, err));
    if (!isfinite(q)) return lg_fail(err, LUGE_E_NUMERIC, "the objective has no finite curvature at the start");
    scale(f, q, s->result);
    family.h = s->result->lr;
    LG_TRY(lg_stability_check(&family, lg_whole_start(s->whole), err));
    for (size_t i = 0; i < f->models; i++) LG_TRY(begin_line(s, f->model[i], &line, err));
done:
    return st;
}

luge_status lg_flow_run(const lg_flow *f, lg_flow_result *result, luge_error *err)
{
    luge_status st;
    study s = { .f = f, .result = result, .of = (int64_t)f->models * (f->halvings + 1) };
    lg_path path = { 0 };
    lg_flow_line line;

    *result = (lg_flow_result){ 0 };
    LG_TRY(lg_whole_open(&s.whole, &f->problem, err));
    result->variables = lg_whole_field(s.whole)->n;
    LG_TRY(limits(&s, err));
    if (f->prepared) s.prepared = prepared_order(f, lg_whole_field(s.whole));
    for (size_t i = 0; i < f->models; i++) {
        LG_TRY(begin_line(&s, f->model[i], &line, err));
        LG_TRY(one_model(&s, f->model[i], &line, &path, err));
        if (!f->line(f->context, &line, &path)) break;
        lg_path_free(&path);
    }
done:
    lg_path_free(&path);
    lg_whole_close(s.whole);
    return st;
}
