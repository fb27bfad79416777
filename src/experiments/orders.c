/* The order to which a method's iterates shadow the flow that is taken from its own formula, seen by itself: the
 * formula of a method is one thing, what its author meant another, but either way V₀ + h V₁ is shadowed to order 2.
 * SPDX-License-Identifier: MIT */
#include "experiments/flow.h"
#include "experiments/trial.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

luge_status lg_short_memory_set(lg_short_memory *m, const char *key, const char *value, luge_error *err)
{
    if (m->n == LG_SHORT_SETTINGS || snprintf(m->text[m->n], sizeof *m->text, "%s=%s", key, value) >= 64)
        return lg_fail(err, LUGE_E_ARG, "%.60s=%.60s: no room for one setting more", key, value);
    m->set[m->n] = m->text[m->n];
    m->n++;
    return LUGE_OK;
}

luge_status lg_short_memory_of(lg_short_memory *m, const luge_method *method, luge_error *err)
{
    luge_status st = LUGE_OK;
    luge_row row;
    for (size_t i = 0; luge_method_row(method, LUGE_PARAMETERS, i, &row); i++) {
        bool decays = strspn(row.range, "[(") == 1 && !strncmp(row.range + 1, "0,1", 3) && strlen(row.range) == 5 &&
                      atof(row.value) > 0.8;
        bool real = !strcmp(row.kind, "real"), given = false;
        const char *value = NULL;
        for (size_t j = 0; j < m->n; j++) given = given || !strncmp(m->text[j], row.name, strlen(row.name));
        if (decays) value = strcmp(row.name, "beta2") ? "0.7" : "0.75";
        if (!strcmp(row.name, "momentum") && !decays && strcmp(row.value, "0")) value = "0.7";
        if (!strcmp(row.name, "eps") && real) value = "0.05";
        if (!strcmp(row.name, "eps_at") && strstr(row.range, "inside")) value = "inside";
        if (!strcmp(row.name, "weight_decay") && real) value = "0.3";
        if (value && !given) LG_TRY(lg_short_memory_set(m, row.name, value, err));
    }
done:
    return st;
}

luge_status lg_pair_order(const lg_whole *w, lg_update *u, lg_update *like, const char *model, double time, int last,
                          double *order, luge_error *err)
{
    luge_status st;
    double error[2];
    for (int k = 0; k < 2; k++) {
        double h = ldexp(1, 1 - last - k);
        lg_shadow s;
        lg_shadow_request request = { .field = lg_whole_field(w),
                                      .at = lg_whole_start(w),
                                      .model = model,
                                      .update = u,
                                      .like = like,
                                      .prepared = 1,
                                      .time = time,
                                      .every = (int64_t)ceil(time / h / 4),
                                      .rtol = 1e-12 };
        LG_TRY(lg_shadow_run(&request, h, &s, err));
        error[k] = s.all;
        if (!(s.all > 100 * s.reference))
            return lg_fail(err, LUGE_E_NUMERIC, "%s: the error %g is near that of the flow itself, %g",
                           lg_update_name(u), s.all, s.reference);
    }
    *order = log2(error[0] / error[1]);
done:
    return st;
}

/* Not said of methods that have no flow: signs, sums over tensors, inputs beyond the gradient. */
static luge_status shadows_its_flow(lg_trials *t, const lg_config *c, luge_error *err)
{
    luge_status st = LUGE_OK;
    lg_short_memory m = { .n = 0 };
    lg_whole *w = NULL;
    lg_update *u = NULL;
    int power[LG_SLOTS];
    double one, two;
    luge_error why;

    if (*c->key || c->averaged || c->method != c->method->method->entry) return LUGE_OK; /* an alias has no formula */
    LG_TRY(lg_update_open_method(&u, c->method, err));
    LG_TRY(lg_short_memory_of(&m, c->method, err));
    for (size_t i = 0; i < m.n; i++) LG_TRY(lg_update_set(u, m.set[i], err));
    if (lg_update_flowing(u, power, &why) || lg_update_resting(u, 0.4, 0.7, &why)) goto done;
    LG_TRY(lg_whole_open(
        &w, &(lg_problem_request){ .spec = "expr:0.5*(1-x)^2+(y-x^2)^2", .at = "-0.5,0.6", .threads = 1 }, err));
    LG_TRY(lg_pair_order(w, u, NULL, "auto:1", 0.5, 12, &one, err));
    LG_TRY(lg_pair_order(w, u, NULL, "auto:2", 0.5, 12, &two, err));
    t->checked++;
    LG_CHECK(t, one > 0.83 && one < 1.1, "%s: order %.3f with V0, not 1", c->name, one);
    LG_CHECK(t, two > 1.9 && two < 2.1, "%s: order %.3f with V0 + h V1, not 2", c->name, two);
done:
    lg_update_close(u);
    lg_whole_close(w);
    return st;
}

const lg_property lg_order_property = {
    "orders", "its iterates shadow the flow of its formula to order 1, and to order 2 with the next term",
    shadows_its_flow
};
