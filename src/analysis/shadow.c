/* An iteration and a model of it, side by side at the times n h.  The model's equation is solved twice, the second
 * time with half the steps: what lies between the two bounds the error of the first.
 * SPDX-License-Identifier: MIT */
#include "analysis/analysis.h"
#include <float.h>
#include <stdio.h>
#include <string.h>

typedef struct pair {
    const lg_shadow_request *r;
    lg_family family;
    lg_iteration *iteration;
    lg_model *model;
    lg_integrator *solution, *halved;
    double *v, *y, *says; /* the start; what the model says */
    int64_t steps;
} pair;

/* ---- limits ---- */

static luge_status unstable(const lg_family *f, double q, const char *what, luge_error *err)
{
    double limit = lg_stable_below(f->momentum, f->a);
    return lg_fail(
        err, LUGE_E_NUMERIC,
        "%s: step size %g times the curvature %.4g is %.4g; with momentum %g the iteration is stable below "
        "%.6g alone, a step size of %.4g",
        what, f->h, q, f->h * q, f->momentum, limit, limit / q);
}

luge_status lg_stability_check(const lg_family *f, const double *x, luge_error *err)
{
    double q;
    luge_status st = lg_curvature(f->field, x, &q, err);
    if (st) return st;
    return f->h * q < lg_stable_below(f->momentum, f->a) ? LUGE_OK
                                                         : unstable(f, q, "unstable already at the start", err);
}

/* The iterates left every bound after `step`; the curvature where they still were finite says why. */
static luge_status lost(const pair *p, int64_t step, const double *last, luge_error *err)
{
    double q;
    char what[80];
    if (p->r->update)
        return lg_fail(err, LUGE_E_NUMERIC,
                       "the iterates leave every bound at step %lld, t = %.6g of %g (step size %g)", (long long)step,
                       p->family.h * (double)step, p->r->time, p->family.h);
    if (lg_curvature(p->family.field, last, &q, err) == LUGE_OK && isfinite(q) &&
        p->family.h * q >= lg_stable_below(p->family.momentum, p->family.a)) {
        snprintf(what, sizeof what, "the iterates leave every bound at step %lld", (long long)step);
        return unstable(&p->family, q, what, err);
    }
    return lg_fail(err, LUGE_E_NUMERIC,
                   "the iterates leave every bound at step %lld, t = %.6g of %g (step size %g, momentum %g)",
                   (long long)step, p->family.h * (double)step, p->r->time, p->family.h, p->family.momentum);
}

/* ---- setting out ---- */

static luge_status open_equation(pair *p, luge_error *err)
{
    luge_status st = LUGE_OK;
    const lg_ode *ode = lg_model_ode(p->model);

    LG_NEED(p->y = lg_alloc(ode->n + 1, sizeof *p->y));
    LG_TRY(lg_model_start(p->model, p->r->prepared > 0, p->r->at, p->y, err));
    if (ode->n == 0) goto done;
    LG_TRY(lg_integrator_open(&p->solution, p->r->solver, ode, p->r->rtol, err));
    LG_TRY(lg_integrator_open(&p->halved, p->r->solver, ode, p->r->rtol, err));
    LG_TRY(lg_integrator_start(p->solution, 0, p->y, err));
    LG_TRY(lg_integrator_start(p->halved, 0, p->y, err));
done:
    return st;
}

static luge_status open_family(pair *p, luge_error *err)
{
    luge_status st;
    const lg_shadow_request *r = p->r;

    LG_TRY(lg_family_check(&p->family, err));
    if (r->prepared) LG_TRY(lg_prepared(&p->family, r->prepared, r->at, p->v, err));
    LG_TRY(lg_iteration_open(&p->iteration, &p->family, r->method, err));
    LG_TRY(lg_iteration_start(p->iteration, r->at, r->prepared ? p->v : NULL, err));
    LG_TRY(lg_model_open(&p->model, r->model, &p->family, err));
done:
    return st;
}

static luge_status open_update(pair *p, luge_error *err)
{
    luge_status st;
    const lg_shadow_request *r = p->r;

    LG_TRY(lg_iteration_of(&p->iteration, r->field, r->update, p->family.h, r->prepared > 0, err));
    LG_TRY(lg_iteration_start(p->iteration, r->at, NULL, err));
    LG_TRY(
        lg_model_of(&p->model, r->model, r->field, r->like ? r->like : r->update, p->family.h, r->prepared > 0, err));
done:
    return st;
}

static luge_status open_pair(pair *p, luge_error *err)
{
    luge_status st;

    LG_NEED(p->v = lg_alloc(p->r->field->n, sizeof *p->v));
    LG_NEED(p->says = lg_alloc(p->r->field->n, sizeof *p->says));
    LG_TRY(p->r->update ? open_update(p, err) : open_family(p, err));
    LG_TRY(open_equation(p, err));
done:
    return st;
}

static void close_pair(pair *p)
{
    lg_iteration_close(p->iteration);
    lg_integrator_close(p->solution);
    lg_integrator_close(p->halved);
    lg_model_close(p->model);
    lg_free(p->v);
    lg_free(p->y);
    lg_free(p->says);
}

/* ---- going along ---- */

/* Both solutions from the node `step` at `before` to t; *apart: how far they are from each other.  Between two nodes
 * of a piecewise model stands an equation of its own, which both begin where they are. */
static luge_status follow(pair *p, int64_t step, double before, double t, double *apart, luge_error *err)
{
    luge_status st = LUGE_OK;
    *apart = 0;
    if (!p->solution) return LUGE_OK;
    if (lg_model_piecewise(p->model)) {
        memcpy(p->y, lg_integrator_state(p->solution), p->r->field->n * sizeof *p->y);
        LG_TRY(lg_model_node(p->model, step, p->y, err));
        LG_TRY(lg_integrator_start(p->solution, before, p->y, err));
        memcpy(p->y, lg_integrator_state(p->halved), p->r->field->n * sizeof *p->y);
        LG_TRY(lg_integrator_start(p->halved, before, p->y, err));
    }
    LG_TRY(lg_integrator_to(p->solution, t, err));
    LG_TRY(lg_integrator_to(p->halved, before + (t - before) / 2, err));
    LG_TRY(lg_integrator_to(p->halved, t, err));
    const double *y = lg_integrator_state(p->solution), *z = lg_integrator_state(p->halved);
    for (size_t i = 0; i < p->r->field->n; i++) *apart = fmax(*apart, fabs(y[i] - z[i]));
done:
    return st;
}

static bool is_finite(size_t n, const double *u)
{
    for (size_t i = 0; i < n; i++)
        if (!isfinite(u[i])) return false;
    return true;
}

/* Up to `to`, at most so many steps; p->v keeps where the iterates were before the last of them. */
static luge_status advance(pair *p, int64_t from, int64_t to, luge_error *err)
{
    luge_status st = LUGE_OK;
    size_t n = p->r->field->n;
    for (int64_t k = from; k < to; k++) {
        memcpy(p->v, lg_iteration_u(p->iteration), n * sizeof *p->v);
        LG_TRY(lg_iteration_step(p->iteration, err));
        if (!is_finite(n, lg_iteration_u(p->iteration))) return lost(p, k + 1, p->v, err);
    }
done:
    return st;
}

/* The comparison after `step` steps. */
static luge_status compare(pair *p, int64_t step, double *largest, lg_shadow *s, luge_error *err)
{
    luge_status st;
    const double *u = lg_iteration_u(p->iteration), *v = lg_iteration_v(p->iteration);
    const double *y = p->solution ? lg_integrator_state(p->solution) : NULL;
    const double *seen = p->solution ? u : v;
    double error = 0;

    LG_TRY(lg_model_says(p->model, step, y, u, p->says, err));
    for (size_t i = 0; i < p->r->field->n; i++) {
        *largest = fmax(*largest, fabs(seen[i]));
        error = fmax(error, fabs(seen[i] - p->says[i]));
    }
    /* Without an equation the cold start's v_0 = 0 says nothing yet. */
    if (step > 0 || p->solution || p->r->prepared) {
        s->all = fmax(s->all, error);
        if (2 * step >= p->steps) s->later = fmax(s->later, error);
    }
    if (p->r->node) p->r->node(p->r->context, p->family.h * (double)step, u, p->solution ? p->says : NULL, error);
done:
    return st;
}

luge_status lg_shadow_run(const lg_shadow_request *r, double h, lg_shadow *s, luge_error *err)
{
    luge_status st = LUGE_OK;
    double a = r->method ? lg_method_a(r->method, r->momentum) : r->a, largest = 0, apart;
    double memory = r->update ? 1 : 1 / (1 - r->momentum);
    int64_t every;
    pair p = { .r = r, .family = { .field = r->field, .momentum = r->momentum, .a = a, .h = h } };

    *s = (lg_shadow){ 0 };
    p.steps = (int64_t)floor(r->time / h + 1e-9);
    if (p.steps < 1) return lg_fail(err, LUGE_E_ARG, "time %g is less than one step of %g", r->time, h);
    LG_TRY(open_pair(&p, err));
    LG_TRY(compare(&p, 0, &largest, s, err));
    every = lg_model_piecewise(p.model) ? 1 : r->every;
    for (int64_t step = 0; step < p.steps;) {
        int64_t next = step + every < p.steps ? step + every : p.steps;
        LG_TRY(advance(&p, step, next, err));
        LG_TRY(follow(&p, step, h * (double)step, h * (double)next, &apart, err));
        s->reference = fmax(s->reference, apart);
        LG_TRY(compare(&p, next, &largest, s, err));
        step = next;
    }
    /* Each step of the iterates rounds once, and where velocities are differences Λ of them are remembered. */
    s->reference = fmax(s->reference, DBL_EPSILON * largest * sqrt((double)p.steps) * memory);
done:
    close_pair(&p);
    return st;
}
