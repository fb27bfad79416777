/* The modified equation of second order, and its composite with the initial layer of the cold start:
 *     U' = -Λ ∇Φ_h(U),  Φ_h = Φ + (h/2) Λ κ |∇Φ|²,  κ = Λ - a - 1/2;     ∇|∇Φ|²/2 = H ∇Φ
 *     u_n = U(n h) + h B λⁿ + O(h²) for all n,  B = λ Λ² f(u₀),  U(0) = u₀ - h B        (cold)
 *     u_n = U(n h) + O(h²),  U(0) = u₀                                                  (prepared)
 * Derivation: u(t ± h) put into the iteration; the terms in h vanish for this κ alone.
 * Ref: Kovachki & Stuart, JMLR 22, 2021, section 4; Ghosh et al., ICLR 2023.
 * SPDX-License-Identifier: MIT */
#include "flows/model.h"
#include <string.h>

double lg_modified_kappa(double momentum, double a) { return 1 / (1 - momentum) - a - 0.5; }

luge_status lg_modified_field(const lg_family *f, double kappa, const double *u, double *v, double *work,
                              luge_error *err)
{
    luge_status st;
    const lg_field *field = f->field;
    double speed = 1 / (1 - f->momentum), weight = f->h * speed * kappa, *g = work, *hg = work + field->n;

    LG_TRY(field->gradient(field->context, u, g, err));
    LG_TRY(field->hvp(field->context, u, g, hg, err));
    for (size_t i = 0; i < field->n; i++) v[i] = -speed * (g[i] + weight * hg[i]);
done:
    return st;
}

static luge_status rhs(void *model, double t, const double *y, double *dy, luge_error *err)
{
    lg_model *m = model;
    const lg_family *f = &m->family;
    (void)t;
    return lg_modified_field(f, lg_modified_kappa(f->momentum, f->a), y, dy, m->work, err);
}

/* h B into the last n numbers of the scratch; 0 where there is no layer. */
static luge_status layer(lg_model *m, bool prepared, const double *u, luge_error *err)
{
    luge_status st = LUGE_OK;
    const lg_family *f = &m->family;
    double *hb = m->work + 2 * f->field->n, speed = 1 / (1 - f->momentum);
    double factor = prepared ? 0 : -f->h * f->momentum * speed * speed;

    LG_TRY(f->field->gradient(f->field->context, u, hb, err));
    for (size_t i = 0; i < f->field->n; i++) hb[i] *= factor;
done:
    return st;
}

static luge_status start(lg_model *m, bool prepared, const double *u, double *y, luge_error *err)
{
    luge_status st = layer(m, prepared, u, err);
    for (size_t i = 0, n = m->family.field->n; i < n && !st; i++) y[i] = u[i] - m->work[2 * n + i];
    return st;
}

static int theory(const lg_model *m, bool prepared, enum lg_window *window)
{
    (void)m;
    *window = prepared ? LG_THROUGHOUT : LG_LATER;
    return 2;
}

static int uniform(const lg_model *m, bool prepared, enum lg_window *window)
{
    (void)m, (void)prepared, (void)window;
    return 2;
}

static luge_status composite(lg_model *m, int64_t step, const double *y, const double *u, double *says,
                             luge_error *err)
{
    const size_t n = m->family.field->n;
    const double decay = lg_power(m->family.momentum, (double)step), *hb = m->work + 2 * n;
    (void)u, (void)err;
    for (size_t i = 0; i < n; i++) says[i] = y[i] + hb[i] * decay;
    return LUGE_OK;
}

const lg_model_kind lg_model_modified = {
    .name = "modified",
    .form = "modified",
    .title = "gradient flow of the modified loss f + (h/2) L (L - a - 1/2) |grad f|^2, L = 1/(1-momentum)",
    .copies = 1,
    .work = 3,
    .theory = theory,
    .start = start,
    .rhs = rhs,
};

const lg_model_kind lg_model_composite = {
    .name = "composite",
    .form = "composite",
    .title = "the modified flow and the initial layer of the cold start: uniform in n",
    .copies = 1,
    .work = 3,
    .theory = uniform,
    .start = start,
    .rhs = rhs,
    .says = composite,
};
