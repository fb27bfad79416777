/* What the problems without rows share.  SPDX-License-Identifier: MIT */
#include "problems/support/analytic.h"

typedef struct work {
    size_t n;
    double *x, *v, *out, *c;
} work;

luge_status lg_analytic_open(lg_problem *p, const char *const *path, luge_error *err)
{
    luge_status st = LUGE_OK;
    const lg_analytic_settings *s = p->settings;
    const lg_analytic *f = p->kind->formula;
    size_t n = s->dim ? (size_t)s->dim : 2;
    work *w;

    (void)path;
    if (s->at.n != 1 && (size_t)s->at.n != n)
        return lg_fail(err, LUGE_E_SHAPE, "%s: at has %d numbers; %zu are needed, or one for all coordinates",
                       p->kind->name, s->at.n, n);
    LG_NEED(w = p->self = lg_alloc(1, sizeof *w));
    w->n = n;
    LG_NEED(w->x = lg_alloc(n, sizeof *w->x));
    LG_NEED(w->v = lg_alloc(n, sizeof *w->v));
    LG_NEED(w->out = lg_alloc(n, sizeof *w->out));
    if (f->constants) {
        LG_NEED(w->c = lg_alloc(n, sizeof *w->c));
        f->constants(s, n, w->c);
    }
    lg_problem_add(p, "x", n, 0);
done:
    return st;
}

void lg_analytic_close(lg_problem *p)
{
    work *w = p->self;
    lg_free(w->x);
    lg_free(w->v);
    lg_free(w->out);
    lg_free(w->c);
    lg_free(w);
}

void lg_analytic_start(const lg_problem *p, void *const *x)
{
    const lg_analytic_settings *s = p->settings;
    work *w = p->self;
    for (size_t i = 0; i < w->n; i++) w->x[i] = s->at.v[s->at.n == 1 ? 0 : i];
    lg_narrow(p->type, w->x, w->n, x[0]);
}

void lg_analytic_gradient(lg_problem *p, const void *const *x, const lg_rows *rows, void *const *gradient,
                          double *loss)
{
    const lg_analytic *f = p->kind->formula;
    work *w = p->self;
    (void)rows;
    lg_widen(p->type, x[0], w->n, w->x);
    *loss = f->gradient(p->settings, w->c, w->n, w->x, w->out);
    lg_narrow(p->type, w->out, w->n, gradient[0]);
}

void lg_analytic_hvp(lg_problem *p, const void *const *x, const lg_rows *rows, const void *const *v, void *const *hv)
{
    const lg_analytic *f = p->kind->formula;
    work *w = p->self;
    (void)rows;
    lg_widen(p->type, x[0], w->n, w->x);
    lg_widen(p->type, v[0], w->n, w->v);
    f->hvp(p->settings, w->c, w->n, w->x, w->v, w->out);
    lg_narrow(p->type, w->out, w->n, hv[0]);
}

void lg_analytic_evaluate(lg_problem *p, const void *const *x, const lg_rows *rows, lg_score *score)
{
    const lg_analytic *f = p->kind->formula;
    work *w = p->self;
    (void)rows;
    lg_widen(p->type, x[0], w->n, w->x);
    score->loss = f->gradient(p->settings, w->c, w->n, w->x, w->out);
}
