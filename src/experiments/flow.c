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

static const char *name_of(const lg_flow *f) { return luge_method_text(f->method, LUGE_NAME); }

static bool is_auto(const char *model) { return strcspn(model, ":") == 4 && !strncmp(model, "auto", 4); }

/* The small quantity of all these theorems is h q Λ²: h is the power of two below 1/16 of that.  T is 64 Λ steps of
 * it: then the initial layer is gone well before T/2.  Of other methods it is h |V₁|/|V₀|. */
static void scale(const lg_flow *f, double largeness, double steps, lg_flow_result *r)
{
    int exponent;
    r->lr = f->lr;
    if (!(r->lr > 0)) {
        frexp(largeness > 0 ? 1 / (16 * largeness) : 1.0 / 1024, &exponent);
        r->lr = ldexp(1, exponent - 1);
    }
    r->time = f->time > 0 ? f->time : r->lr * steps;
    r->small = r->lr * largeness;
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
    lg_update *update, *like; /* whose steps; whose flow, NULL: its own */
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
                            .method = name_of(f),
                            .momentum = s->result->momentum,
                            .model = model,
                            .update = is_auto(model) ? s->update : NULL,
                            .like = s->like,
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
    double momentum = s->result->momentum;
    lg_family family = { field, momentum, lg_method_a(name_of(s->f), momentum), s->result->lr };
    luge_status st;

    if (!is_auto(name) && !s->result->family)
        return lg_fail(
            err, LUGE_E_NAME,
            "%.40s belongs to methods with fixed momentum and no other settings: heavy_ball, nesterov and sgd; "
            "of %.40s%s there is auto",
            name, name_of(s->f), s->f->sets ? " with --set" : "");
    st = is_auto(name) ? lg_model_of(&m, name, field, s->like ? s->like : s->update, family.h, s->prepared > 0, err)
                       : lg_model_open(&m, name, &family, err);
    if (st) return st;
    *line = (lg_flow_line){ 0 };
    snprintf(line->model, sizeof line->model, "%s", name);
    line->theory = lg_model_theory(m, s->prepared > 0, &line->window);
    if (s->f->whole_run) line->window = LG_THROUGHOUT;
    lg_model_close(m);
    return LUGE_OK;
}

/* Heavy ball, Nesterov, gradient descent. */
static luge_status family_limits(study *s, double q, luge_error *err)
{
    luge_status st;
    const lg_flow *f = s->f;
    double momentum = s->result->momentum, slow = 1 - momentum;
    lg_family family = { lg_whole_field(s->whole), momentum, lg_method_a(name_of(f), momentum),
                         f->lr > 0 ? f->lr : 1 };

    LG_TRY(lg_family_check(&family, err));
    scale(f, q / (slow * slow), ceil(64 / slow), s->result);
    family.h = s->result->lr;
    LG_TRY(lg_stability_check(&family, lg_whole_start(s->whole), err));
done:
    return st;
}

/* Any method: how large V₁ is beside V₀ at the start, with stationary constants; 0: they have no flow. */
static luge_status other_limits(study *s, luge_error *err)
{
    enum { STEPS = 256 };
    luge_status st = LUGE_OK;
    const lg_field *field = lg_whole_field(s->whole);
    const double *x = lg_whole_start(s->whole);
    lg_update *flow = s->like ? s->like : s->update;
    int power[LG_SLOTS];
    double *v, first = 0, second = 0;

    LG_NEED(v = lg_alloc(2 * field->n, sizeof *v));
    LG_TRY(lg_update_flowing(s->update, power, err));
    if (s->like) LG_TRY(lg_update_flowing(s->like, power, err));
    LG_TRY(field->gradient(field->context, x, v, err));
    if (s->f->prepared) LG_TRY(lg_update_resting(s->update, x[0], v[0], err));
    luge_error none;
    if (!lg_update_resting(flow, x[0], v[0], &none) &&
        !lg_auto_terms(field, flow, 1, x, v, v + field->n, NULL, &none))
        for (size_t i = 0; i < field->n; i++) {
            first = fmax(first, fabs(v[i]));
            second = fmax(second, fabs(v[field->n + i]));
        }
    scale(s->f, first > 0 && isfinite(second / first) ? second / first : 0, STEPS, s->result);
done:
    lg_free(v);
    return st;
}

/* "KEY=VALUE,KEY=(V,V)": commas within parentheses part nothing. */
static luge_status set_each(lg_update *u, const char *text, luge_error *err)
{
    luge_status st = LUGE_OK;
    char item[LG_TEXT];
    while (*text && !st) {
        int n = 0, deep = 0;
        for (; text[n] && (deep > 0 || text[n] != ','); n++) deep += (text[n] == '(') - (text[n] == ')');
        snprintf(item, sizeof item, "%.*s", n, text);
        st = lg_update_set(u, item, err);
        text += n + (text[n] == ',');
    }
    return st;
}

static luge_status method_of(study *s, luge_error *err)
{
    luge_status st;
    const lg_flow *f = s->f;
    lg_flow_result *r = s->result;
    char text[64];

    LG_TRY(lg_update_open_method(&s->update, f->method, err));
    snprintf(text, sizeof text, "momentum=%.17g", f->momentum);
    if (!isnan(f->momentum)) LG_TRY(lg_update_set(s->update, text, err));
    for (size_t i = 0; i < f->sets; i++) LG_TRY(lg_update_set(s->update, f->set[i], err));
    r->momentum = lg_update_number(s->update, "momentum");
    r->family = !f->sets && !f->like && !isnan(lg_method_a(name_of(f), r->momentum));
    if (isnan(r->momentum)) r->momentum = lg_update_number(s->update, "beta1");
    if (!f->like) return LUGE_OK;
    LG_TRY(lg_update_open_method(&s->like, f->like, err));
    LG_TRY(set_each(s->like, f->like_set, err));
done:
    return st;
}

static luge_status limits(study *s, luge_error *err)
{
    luge_status st;
    const lg_flow *f = s->f;
    const lg_field *field = lg_whole_field(s->whole);
    lg_flow_line line;
    double q;

    LG_TRY(method_of(s, err));
    LG_TRY(lg_curvature(field, lg_whole_start(s->whole), &q, err));
    if (!isfinite(q)) return lg_fail(err, LUGE_E_NUMERIC, "the objective has no finite curvature at the start");
    s->result->curvature = q;
    LG_TRY(s->result->family ? family_limits(s, q, err) : other_limits(s, err));
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
    lg_update_close(s.update);
    lg_update_close(s.like);
    lg_whole_close(s.whole);
    return st;
}
