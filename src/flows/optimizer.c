/* The iteration taken by luge's own optimizer.  With its step size h, its momentum λ and its buffer b the velocity is
 * v = -b.  heavy_ball keeps u itself; nesterov keeps the point where the next gradient is taken, x = u + h λ v.
 * SPDX-License-Identifier: MIT */
#include "flows/iteration.h"
#include <string.h>

typedef struct self {
    luge_optimizer *opt;
    double *x, *buffer; /* buffer: lent by the optimizer, NULL without momentum */
} self;

static luge_status open(lg_iteration *it, const char *method, luge_error *err)
{
    luge_status st = LUGE_OK;
    double a = lg_method_a(method, it->family.momentum);
    self *s;

    if (a != it->family.a)
        return lg_fail(err, LUGE_E_NAME,
                       "%.40s is not an iteration with fixed momentum; heavy_ball, nesterov and sgd are", method);
    LG_NEED(s = it->self = lg_alloc(1, sizeof *s));
    LG_NEED(s->x = lg_alloc(it->family.field->n, sizeof *s->x));
    LG_TRY(luge_new(&s->opt, method, err));
    LG_TRY(luge_set_real(s->opt, 0, "lr", it->family.h, err));
    if (strcmp(method, "sgd") != 0) LG_TRY(luge_set_real(s->opt, 0, "momentum", it->family.momentum, err));
    LG_TRY(luge_add(s->opt, 0, "u", LUGE_F64, s->x, 1, (size_t[]){ it->family.field->n }, err));
    s->buffer = luge_state(s->opt, 0, "momentum_buffer", 0);
done:
    return st;
}

static void close(lg_iteration *it)
{
    self *s = it->self;
    if (!s) return;
    luge_free(s->opt);
    lg_free(s->x);
    lg_free(s);
}

static luge_status start(lg_iteration *it, luge_error *err)
{
    self *s = it->self;
    (void)err;
    for (size_t i = 0; i < it->family.field->n; i++) {
        if (s->buffer) s->buffer[i] = -it->v[i];
        s->x[i] = it->u[i] + it->family.h * it->family.a * it->v[i];
    }
    return LUGE_OK;
}

static luge_status step(lg_iteration *it, luge_error *err)
{
    luge_status st;
    self *s = it->self;
    const lg_field *field = it->family.field;
    luge_inputs in = { .grad = (const void *const[]){ it->g } };

    LG_TRY(field->gradient(field->context, s->x, it->g, err));
    LG_TRY(luge_step(s->opt, &in, err));
    for (size_t i = 0; i < field->n; i++) {
        it->v[i] = s->buffer ? -s->buffer[i] : -it->g[i];
        it->u[i] = s->x[i] - it->family.h * it->family.a * it->v[i];
    }
done:
    return st;
}

const lg_taker lg_taker_optimizer = { open, close, start, step };
