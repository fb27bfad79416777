/* The user's formula, its grammar in support/expression.h.  It starts at 0 in all variables where nothing else is
 * said. SPDX-License-Identifier: MIT */
#include "problems/support/analytic.h"
#include "problems/support/expression.h"

typedef struct settings {
    lg_analytic_settings base;
    lg_expression *e;
} settings;

static double gradient(const void *s, const double *c, size_t n, const double *x, double *g)
{
    (void)c, (void)n;
    return lg_expression_gradient(((const settings *)s)->e, x, g);
}

static void hvp(const void *s, const double *c, size_t n, const double *x, const double *v, double *hv)
{
    (void)c, (void)n;
    lg_expression_hvp(((const settings *)s)->e, x, v, hv);
}

static luge_status series(lg_problem *p, int degree, const double *x, double *g, luge_error *err)
{
    return lg_expression_series(((settings *)p->settings)->e, degree, x, g, err);
}

static luge_status open_text(lg_problem *p, const char *const *path, luge_error *err)
{
    settings *s = p->settings;
    luge_status st;

    LG_TRY(lg_expression_open(&s->e, p->kind->name, p->text, err));
    s->base.dim = (int64_t)lg_expression_variables(s->e);
    LG_TRY(lg_analytic_open(p, path, err));
done:
    if (st == LUGE_OK) return st;
    lg_expression_close(s->e);
    s->e = NULL;
    return st;
}

static void close_text(lg_problem *p)
{
    lg_expression_close(((settings *)p->settings)->e);
    lg_analytic_close(p);
}

static const lg_setting table[] = { LG_SETTING_AT("0"), { 0 } };
static const lg_analytic formula = { gradient, hvp, NULL };

const lg_problem_kind lg_problem_expr = {
    .name = "expr",
    .title =
        "the formula that follows, as expr:(1-x)^2 + 100*(y-x^2)^2: names are variables; pi, e; + - * / ^ ( ); exp, "
        "log, sin, cos, tanh, sqrt, abs",
    .settings = table,
    .settings_size = sizeof(settings),
    .free_text = true,
    .open = open_text,
    .close = close_text,
    .start = lg_analytic_start,
    .gradient = lg_analytic_gradient,
    .hvp = lg_analytic_hvp,
    .series = series,
    .evaluate = lg_analytic_evaluate,
    .formula = &formula,
};
