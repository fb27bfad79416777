/* The second-order equation
 *     h α u'' + (1-λ) u' = f(u),  u(0) = u₀,      α = (1 + λ - 2a (1-λ)) / 2
 * and its form with Hessian damping, which follows Nesterov's layer better:
 *     h (1+λ)/2 u'' + (1-λ) u' = f(u) + a h f'(u) u'
 * Initial velocities:
 *     matched   Λ (1 - λ/α) f(u₀): the equation's initial layer gets the amplitude of the cold start's;
 *               with Hessian damping f(u₀)/(1+λ)
 *     prepared  V₀ + h V₁: no layer at all, as in the prepared start
 *     central   (1-2α)/(1-λ-2α) f(u₀): central differences with u₁ = u₀ + h f(u₀)
 *     printed   (1-2α)/(2α-λ+1) f(u₀): found in a reproduction of the paper's figures
 * The state is u, then u'.  Between the layers, and where both are prepared, the error is O(h²); within the layer the
 * decay rates λ and exp(-(1-λ)/α) differ, and it is O(h).
 * Ref: Kovachki & Stuart, JMLR 22, 2021, second theorem.
 * SPDX-License-Identifier: MIT */
#include "flows/model.h"
#include <string.h>

enum form { PLAIN, HESSIAN };
enum velocity { BY_START, CENTRAL, PRINTED };

double lg_second_order_alpha(double momentum, double a) { return (1 + momentum - 2 * a * (1 - momentum)) / 2; }

static double inertia(const lg_model *m)
{
    double l = m->family.momentum;
    return m->form == HESSIAN ? (1 + l) / 2 : lg_second_order_alpha(l, m->family.a);
}

static luge_status open(lg_model *m, const char *words, luge_error *err)
{
    while (words && *words) {
        size_t n = strcspn(words, "+");
        if (n == 7 && !strncmp(words, "hessian", n))
            m->form = HESSIAN;
        else if (n == 7 && !strncmp(words, "central", n))
            m->velocity = CENTRAL;
        else if (n == 7 && !strncmp(words, "printed", n))
            m->velocity = PRINTED;
        else
            return lg_fail(err, LUGE_E_ARG,
                           "second_order: \"%.*s\" is none of hessian, central and printed (joined by +)",
                           (int)(n < 40 ? n : 40), words);
        words += n + (words[n] == '+');
    }
    if (inertia(m) > 0) return LUGE_OK;
    return lg_fail(err, LUGE_E_ARG,
                   "second_order: its inertia (1 + momentum - 2a (1 - momentum)) / 2 = %g is not > 0", inertia(m));
}

static int theory(const lg_model *m, bool prepared, enum lg_window *window)
{
    if (m->velocity != BY_START) return 1;
    *window = prepared ? LG_THROUGHOUT : LG_LATER;
    return 2;
}

/* The factor on f(u₀) of the initial velocity that belongs to the cold start. */
static double matched(const lg_model *m)
{
    double l = m->family.momentum, alpha = lg_second_order_alpha(l, m->family.a);
    if (m->velocity == CENTRAL) return (1 - 2 * alpha) / (1 - l - 2 * alpha);
    if (m->velocity == PRINTED) return (1 - 2 * alpha) / (2 * alpha - l + 1);
    return m->form == HESSIAN ? 1 / (1 + l) : (1 - l / alpha) / (1 - l);
}

static luge_status start(lg_model *m, bool prepared, const double *u, double *y, luge_error *err)
{
    luge_status st;
    const lg_family *f = &m->family;
    size_t n = f->field->n;

    memcpy(y, u, n * sizeof *y);
    if (prepared && m->velocity == BY_START)
        return lg_modified_field(f, lg_modified_kappa(f->momentum, f->a), u, y + n, m->work, err);
    LG_TRY(f->field->gradient(f->field->context, u, y + n, err));
    for (size_t i = 0; i < n; i++) y[n + i] *= -matched(m);
done:
    return st;
}

/* dv of (h α) v' = f(u) - (1-λ) v + [a h f'(u) v]; g is ∇Φ(u), hv is H(u) v. */
static void acceleration(const lg_model *m, const double *g, const double *hv, const double *v, double *dv)
{
    const lg_family *f = &m->family;
    double mass = 1 / (f->h * inertia(m)), damping = m->form == HESSIAN ? f->a * f->h : 0;
    for (size_t i = 0; i < f->field->n; i++)
        dv[i] = -mass * (g[i] + (1 - f->momentum) * v[i] + (damping > 0 ? damping * hv[i] : 0));
}

static luge_status rhs(void *model, double t, const double *y, double *dy, luge_error *err)
{
    luge_status st;
    lg_model *m = model;
    const lg_field *f = m->family.field;
    double *g = m->work, *hv = m->work + f->n;
    (void)t;

    LG_TRY(f->gradient(f->context, y, g, err));
    if (m->form == HESSIAN && m->family.a > 0) LG_TRY(f->hvp(f->context, y, y + f->n, hv, err));
    memcpy(dy, y + f->n, f->n * sizeof *dy);
    acceleration(m, g, hv, y + f->n, dy + f->n);
done:
    return st;
}

const lg_model_kind lg_model_second_order = {
    .name = "second_order",
    .form = "second_order[:hessian+central|printed]",
    .title = "h alpha u'' + (1-momentum) u' = -grad f; with Hessian damping; other initial velocities",
    .copies = 2,
    .work = 2,
    .open = open,
    .theory = theory,
    .start = start,
    .rhs = rhs,
};
