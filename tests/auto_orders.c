/* Every method of the registry whose formula is smooth shadows the flow that is taken from that formula: its
 * iterates, prepared, are O(h) from V₀ and O(h²) from V₀ + h V₁, on formulas and on a network with real digits.  No
 * method is named but those whose settings must be chosen so that there is a flow.  A momentum term that is dropped,
 * or two decays that are exchanged, cost the second order.  SPDX-License-Identifier: MIT */
#include "check.h"
/* the header above comes first: it has what cmocka wants */
#include "experiments/flow.h"
#include "files.h"
#include "flows/update.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static luge_error err;
static const char *only; /* a method's name: the others are left out */

/* ---- settings with a short memory, so that the orders show at step sizes that are no waste ---- */

enum { SETS = 16 };
typedef struct chosen {
    char text[SETS][64];
    const char *set[SETS];
    size_t n;
} chosen;

static void choose(chosen *c, const char *key, const char *value)
{
    assert_true(c->n < SETS);
    snprintf(c->text[c->n], sizeof *c->text, "%s=%s", key, value);
    c->set[c->n] = c->text[c->n];
    c->n++;
}

static const struct {
    const char *method, *key, *value;
} special[] = {
    { "lion_k", "kernel", "pseudo_huber" }, { "lion_k", "kernel_param", "1" }, { "aggmo", "betas", "(0,0.5,0.7)" },
    { "adan", "weight_decay", "0" },        { "qhadam", "nu1", "0.7" },        { "qhadam", "nu2", "0.8" },
    { "triple_momentum", "m", "1" },        { "triple_momentum", "L", "4" },   { "rmsprop", "momentum", "0.7" },
    { "ademamix", "beta3", "0.8" },         { "adan", "no_prox", "true" },     { "grokfast_ema", "lam", "0.5" },
};

/* What decays in [0,1) forgets within a few steps; what stands below a root does not vanish; there is weight decay.
 */
static void settings_of(const luge_method *m, chosen *c)
{
    const char *name = luge_method_text(m, LUGE_NAME);
    luge_row row;
    for (size_t i = 0; i < ROWS(special); i++)
        if (!strcmp(special[i].method, name)) choose(c, special[i].key, special[i].value);
    for (size_t i = 0; luge_method_row(m, LUGE_PARAMETERS, i, &row); i++) {
        bool decays = (!strcmp(row.range, "[0,1)") || !strcmp(row.range, "(0,1)")) && atof(row.value) > 0.8;
        bool given = false;
        for (size_t j = 0; j < c->n; j++) given = given || !strncmp(c->text[j], row.name, strlen(row.name));
        if (given) continue;
        if (decays) choose(c, row.name, strcmp(row.name, "beta2") ? "0.7" : "0.75");
        if (!strcmp(row.name, "momentum") && !decays && strcmp(row.value, "0")) choose(c, row.name, "0.7");
        if (!strcmp(row.name, "eps") && !strcmp(row.kind, "real")) choose(c, row.name, "0.05");
        if (!strcmp(row.name, "eps_at") && strstr(row.range, "inside")) choose(c, row.name, "inside");
        if (!strcmp(row.name, "weight_decay") && !strcmp(row.kind, "real")) choose(c, row.name, "0.3");
    }
}

/* NULL: it has no flow, for a reason that is given. */
static lg_update *flowing(const luge_method *m, const chosen *c)
{
    lg_update *u;
    int power[LG_SLOTS];
    MUST(lg_update_open(&u, luge_method_text(m, LUGE_NAME), &err));
    for (size_t i = 0; i < c->n; i++) MUST(lg_update_set(u, c->set[i], &err));
    luge_status st = lg_update_flowing(u, power, &err);
    if (!st) st = lg_update_resting(u, 0.4, 0.7, &err);
    if (!st) return u;
    print_message("          %s\n", err.text);
    lg_update_close(u);
    return NULL;
}

static bool wanted(const luge_method *m) { return !only || !strcmp(luge_method_text(m, LUGE_NAME), only); }

/* ---- formulas, through all that luge flow does ---- */

static const struct {
    const char *spec, *at;
    double time;
} potentials[] = {
    { "expr:0.5*(1-x)^2+(y-x^2)^2", "-0.5,0.6", 0.5 },
    { "expr:x^2/2+0.8*y^2+0.3*x*y+sin(x+y/2)/4+x^4/10+x^2*y/20", "0.9,-0.6", 1 },
};

typedef struct orders {
    double order[2];
    int lines;
} orders;

static bool take(void *context, const lg_flow_line *line, lg_path *path)
{
    orders *o = context;
    (void)path;
    o->order[o->lines++] = line->orders.fitted;
    return true;
}

static void on_formulas(void **state)
{
    static const char *const models[] = { "auto:1", "auto:2" };
    int flows = 0;
    (void)state;
    for (size_t i = 0; luge_method_at(i); i++) {
        const luge_method *m = luge_method_at(i);
        if (!wanted(m)) continue;
        chosen c = { .n = 0 };
        settings_of(m, &c);
        lg_update *u = flowing(m, &c);
        flows += u != NULL;
        for (size_t p = 0; u && p < ROWS(potentials); p++) {
            orders o = { .lines = 0 };
            lg_flow_result result;
            lg_flow f = { .problem = { .spec = potentials[p].spec, .at = potentials[p].at, .threads = 1 },
                          .method = luge_method_text(m, LUGE_NAME),
                          .set = c.set,
                          .sets = c.n,
                          .model = models,
                          .models = 2,
                          .momentum = (double)NAN,
                          .lr = 1.0 / 1024,
                          .time = potentials[p].time,
                          .halvings = 2,
                          .prepared = true,
                          .rtol = 1e-12,
                          .line = take,
                          .context = &o };
            MUST(lg_flow_run(&f, &result, &err));
            print_message("          %-16s potential %zu: %.3f %.3f\n", f.method, p + 1, o.order[0], o.order[1]);
            CHECK(o.order[0] > 0.83 && o.order[0] < 1.1, "%s, potential %zu: order %.3f with V0", f.method, p + 1,
                  o.order[0]);
            CHECK(o.order[1] > 1.9 && o.order[1] < 2.1, "%s, potential %zu: order %.3f with V0 + h V1", f.method,
                  p + 1, o.order[1]);
        }
        lg_update_close(u);
    }
    CHECK(only || flows >= 18, "%d methods alone have a flow", flows);
    CHECK_END();
}

int main(int argc, char **argv)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(on_formulas) };
    only = argc > 1 ? argv[1] : NULL;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
