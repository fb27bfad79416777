/* Any method of the registry taken by luge's own optimizer, from its own start or from the slow manifold.
 * SPDX-License-Identifier: MIT */
#include "flows/iteration.h"
#include "flows/update.h"
#include <string.h>

typedef struct self {
    lg_update *update;
    luge_optimizer *opt;
    double scale;
    bool prepared;
} self;

luge_status lg_iteration_of(lg_iteration **out, const lg_field *field, lg_update *update, double h, bool prepared,
                            luge_error *err)
{
    luge_status st = LUGE_OK;
    lg_iteration *it = NULL;
    self *s;

    *out = NULL;
    LG_NEED(it = lg_alloc(1, sizeof *it));
    it->taker = &lg_taker_method;
    it->family = (lg_family){ .field = field, .h = h };
    LG_NEED(s = it->self = lg_alloc(1, sizeof *s));
    *s = (self){ .update = update, .prepared = prepared };
    LG_NEED(it->u = lg_alloc(field->n, sizeof *it->u));
    LG_NEED(it->v = lg_alloc(field->n, sizeof *it->v));
    LG_NEED(it->g = lg_alloc(field->n, sizeof *it->g));
    *out = it;
done:
    if (st) lg_iteration_close(it);
    return st;
}

static void close(lg_iteration *it)
{
    self *s = it->self;
    if (!s) return;
    luge_free(s->opt);
    lg_free(s);
}

/* The slots of the slow manifold, in the units of a run with step size h. */
static luge_status prepare(lg_iteration *it, luge_error *err)
{
    luge_status st;
    self *s = it->self;
    const size_t n = it->family.field->n;
    double *slots = NULL, *slot[LG_SLOTS];
    int power[LG_SLOTS];

    LG_TRY(lg_update_flowing(s->update, power, err));
    LG_NEED(slots = lg_alloc(lg_update_slots(s->update) * n + 1, sizeof *slots));
    LG_TRY(lg_auto_terms(it->family.field, s->update, it->family.h, it->u, NULL, NULL, slots, err));
    LG_TRY(lg_update_stationary(s->update, s->opt, slot, err));
    for (size_t j = 0; j < lg_update_slots(s->update); j++)
        for (size_t i = 0; i < n; i++) slot[j][i] = slots[j * n + i] * (power[j] ? it->family.h : 1);
done:
    lg_free(slots);
    return st;
}

static luge_status start(lg_iteration *it, luge_error *err)
{
    luge_status st;
    self *s = it->self;
    char threads[24];

    luge_free(s->opt);
    s->opt = NULL;
    LG_TRY(lg_update_optimizer(s->update, it->family.h, it->u, it->family.field->n, &s->opt, &s->scale, err));
    lg_number_print(threads, sizeof threads, it->family.field->threads);
    LG_TRY(luge_option(s->opt, "threads", threads, err));
    if (s->prepared) LG_TRY(prepare(it, err));
done:
    return st;
}

static luge_status step(lg_iteration *it, luge_error *err)
{
    luge_status st;
    self *s = it->self;
    const lg_field *field = it->family.field;
    luge_inputs in = { .grad = (const void *const[]){ it->g } };

    LG_TRY(field->gradient(field->context, it->u, it->g, err));
    for (size_t i = 0; i < field->n && s->scale != 1; i++) it->g[i] *= s->scale;
    LG_TRY(luge_step(s->opt, &in, err));
done:
    return st;
}

const lg_taker lg_taker_method = { NULL, close, start, step };
