/* The iteration as its formula stands, and the door to both ways of taking it:
 *     v⁺ = λ v + f(u + h a v),  u⁺ = u + h v⁺
 * SPDX-License-Identifier: MIT */
#include "flows/iteration.h"
#include <string.h>

luge_status lg_iteration_open(lg_iteration **out, const lg_family *family, const char *method, luge_error *err)
{
    luge_status st;
    lg_iteration *it = NULL;
    size_t n = family->field->n;

    *out = NULL;
    LG_TRY(lg_family_check(family, err));
    LG_NEED(it = lg_alloc(1, sizeof *it));
    it->taker = method ? &lg_taker_optimizer : &lg_taker_plain;
    it->family = *family;
    LG_NEED(it->u = lg_alloc(n, sizeof *it->u));
    LG_NEED(it->v = lg_alloc(n, sizeof *it->v));
    LG_NEED(it->at = lg_alloc(n, sizeof *it->at));
    LG_NEED(it->g = lg_alloc(n, sizeof *it->g));
    LG_TRY(it->taker->open(it, method, err));
    *out = it;
done:
    if (st) lg_iteration_close(it);
    return st;
}

void lg_iteration_close(lg_iteration *it)
{
    if (!it) return;
    it->taker->close(it);
    lg_free(it->u);
    lg_free(it->v);
    lg_free(it->at);
    lg_free(it->g);
    lg_free(it);
}

luge_status lg_iteration_start(lg_iteration *it, const double *u, const double *v, luge_error *err)
{
    size_t n = it->family.field->n;
    memcpy(it->u, u, n * sizeof *u);
    for (size_t i = 0; i < n; i++) it->v[i] = v ? v[i] : 0;
    return it->taker->start(it, err);
}

luge_status lg_iteration_step(lg_iteration *it, luge_error *err) { return it->taker->step(it, err); }
const double *lg_iteration_u(const lg_iteration *it) { return it->u; }
const double *lg_iteration_v(const lg_iteration *it) { return it->v; }

static luge_status open(lg_iteration *it, const char *method, luge_error *err)
{
    (void)it, (void)method, (void)err;
    return LUGE_OK;
}
static void close(lg_iteration *it) { (void)it; }
static luge_status start(lg_iteration *it, luge_error *err)
{
    (void)it, (void)err;
    return LUGE_OK;
}

static luge_status step(lg_iteration *it, luge_error *err)
{
    luge_status st;
    const lg_family *f = &it->family;
    const lg_field *field = f->field;
    double ahead = f->h * f->a;

    for (size_t i = 0; i < field->n; i++) it->at[i] = it->u[i] + ahead * it->v[i];
    LG_TRY(field->gradient(field->context, it->at, it->g, err));
    for (size_t i = 0; i < field->n; i++) {
        it->v[i] = f->momentum * it->v[i] - it->g[i];
        it->u[i] += f->h * it->v[i];
    }
done:
    return st;
}

const lg_taker lg_taker_plain = { open, close, start, step };
