/* The rescaled gradient flow: U' = Λ f(U), U(0) = u₀, Λ = 1/(1-λ).  max |u_n - U(n h)| <= C h on any [0,T]: momentum
 * changes the speed of gradient descent and nothing else, to first order.
 * Ref: Kovachki & Stuart, JMLR 22, 2021, first theorem.
 * SPDX-License-Identifier: MIT */
#include "flows/model.h"

static int theory(const lg_model *m, bool prepared, enum lg_window *window)
{
    (void)m, (void)prepared, (void)window;
    return 1;
}

static luge_status rhs(void *model, double t, const double *y, double *dy, luge_error *err)
{
    const lg_model *m = model;
    const lg_field *f = m->family.field;
    double speed = -1 / (1 - m->family.momentum);
    luge_status st = f->gradient(f->context, y, dy, err);
    (void)t;
    for (size_t i = 0; i < f->n; i++) dy[i] *= speed;
    return st;
}

static luge_status jvp(void *model, double t, const double *y, const double *v, double *jv, luge_error *err)
{
    const lg_model *m = model;
    const lg_field *f = m->family.field;
    double speed = -1 / (1 - m->family.momentum);
    luge_status st = f->hvp(f->context, y, v, jv, err);
    (void)t;
    for (size_t i = 0; i < f->n; i++) jv[i] *= speed;
    return st;
}

const lg_model_kind lg_model_rescaled = {
    .name = "rescaled",
    .form = "rescaled",
    .title = "gradient flow at speed 1/(1-momentum)",
    .copies = 1,
    .theory = theory,
    .rhs = rhs,
    .jvp = jvp,
};
