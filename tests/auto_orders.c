/* Every method of the registry whose formula is smooth shadows the flow that is taken from that formula: its
 * iterates, prepared, are O(h) from V₀ and O(h²) from V₀ + h V₁, on formulas and on a network with real digits.  No
 * method is named but those whose settings must be chosen so that there is a flow.  The steps are those of the
 * optimizer's loops, the flow that of the formula: a formula that is wrong follows its own flow; auto_flow.c looks
 * for the right one. SPDX-License-Identifier: MIT */
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

static const struct {
    const char *method, *key, *value;
} special[] = {
    { "lion_k", "kernel", "pseudo_huber" }, { "lion_k", "kernel_param", "1" }, { "aggmo", "betas", "(0,0.5,0.7)" },
    { "adan", "weight_decay", "0" },        { "qhadam", "nu1", "0.7" },        { "qhadam", "nu2", "0.8" },
    { "triple_momentum", "m", "1" },        { "triple_momentum", "L", "4" },   { "rmsprop", "momentum", "0.7" },
    { "ademamix", "beta3", "0.8" },         { "ademamix", "alpha", "0.5" },    { "adan", "no_prox", "true" },
    { "grokfast_ema", "lam", "0.5" },
};

static void settings_of(const luge_method *m, lg_short_memory *c)
{
    for (size_t i = 0; i < ROWS(special); i++)
        if (!strcmp(special[i].method, luge_method_text(m, LUGE_NAME)))
            MUST(lg_short_memory_set(c, special[i].key, special[i].value, &err));
    MUST(lg_short_memory_of(c, m, &err));
}

/* NULL: it has no flow, for a reason that is given. */
static lg_update *flowing(const luge_method *m, const lg_short_memory *c)
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

/* ---- orders ---- */

typedef struct problem {
    const char *spec, *at;
    double time;
    int last; /* h = 2^(1-last) and 2^-last */
} problem;

static const problem hill = { "expr:0.5*(1-x)^2+(y-x^2)^2", "-0.5,0.6", 0.5, 12 };

static bool is_first(double order) { return order > 0.83 && order < 1.1; }
static bool is_second(double order) { return order > 1.9 && order < 2.1; }

static lg_problem_request request_of(const problem *p)
{
    return (lg_problem_request){ .spec = p->spec, .at = p->at, .threads = 1 };
}

static double order_of(const lg_whole *w, const problem *p, lg_update *u, int terms)
{
    double order;
    MUST(lg_pair_order(w, u, NULL, terms == 1 ? "auto:1" : "auto:2", p->time, p->last, &order, &err));
    return order;
}

/* The same on many variables, at the end alone: the flow by so many steps of the classical Runge-Kutta method. */
static void flow_to(const lg_whole *w, lg_update *u, const char *model, double h, double time, int steps, double *y)
{
    const lg_field *f = lg_whole_field(w);
    lg_model *m;
    MUST(lg_model_of(&m, model, f, u, h, true, &err));
    const lg_ode *ode = lg_model_ode(m);
    double *k = malloc(6 * f->n * sizeof *k), *at = k + 4 * f->n, d = time / steps;
    static const double ahead[4] = { 0, 0.5, 0.5, 1 }, weight[4] = { 1, 2, 2, 1 };
    assert_non_null(k);
    memcpy(y, lg_whole_start(w), f->n * sizeof *y);
    for (int n = 0; n < steps; n++) {
        for (int stage = 0; stage < 4; stage++) {
            for (size_t i = 0; i < f->n; i++)
                at[i] = y[i] + (stage ? ahead[stage] * d * k[(size_t)(stage - 1) * f->n + i] : 0);
            MUST(ode->rhs(ode->context, 0, at, k + (size_t)stage * f->n, &err));
        }
        for (int stage = 0; stage < 4; stage++)
            for (size_t i = 0; i < f->n; i++) y[i] += d / 6 * weight[stage] * k[(size_t)stage * f->n + i];
    }
    free(k);
    lg_model_close(m);
}

static double apart(size_t n, const double *x, const double *y)
{
    double most = 0;
    for (size_t i = 0; i < n; i++) most = fmax(most, fabs(x[i] - y[i]));
    return most;
}

static double large_order_of(const lg_whole *w, const problem *p, lg_update *u, int terms)
{
    const lg_field *f = lg_whole_field(w);
    double error[2], *y = malloc(2 * f->n * sizeof *y);
    assert_non_null(y);
    for (int k = 0; k < 2; k++) {
        double h = ldexp(1, 1 - p->last - k);
        const char *model = terms == 1 ? "auto:1" : "auto:2";
        lg_iteration *it;
        MUST(lg_iteration_of(&it, f, u, h, true, &err));
        MUST(lg_iteration_start(it, lg_whole_start(w), NULL, &err));
        for (double t = 0; t < p->time - h / 2; t += h) MUST(lg_iteration_step(it, &err));
        if (terms > 1 || k == 0) flow_to(w, u, model, h, p->time, 16, y); /* V0 knows no h */
        error[k] = apart(f->n, y, lg_iteration_u(it));
        lg_iteration_close(it);
        if (k == 0 || terms == 1) continue;
        flow_to(w, u, model, h, p->time, 32, y + f->n);
        CHECK(error[k] > 100 * apart(f->n, y, y + f->n), "%s: error %g beside %g", lg_update_name(u), error[k],
              apart(f->n, y, y + f->n));
    }
    free(y);
    return log2(error[0] / error[1]);
}

static void shadowed(const problem *p, const lg_problem_request *request)
{
    int flows = 0;
    lg_whole *w;
    MUST(lg_whole_open(&w, request, &err));
    for (size_t i = 0; luge_method_at(i); i++) {
        const char *name = luge_method_text(luge_method_at(i), LUGE_NAME);
        lg_short_memory c = { .n = 0 };
        lg_update *u = NULL;
        if (only && strcmp(name, only)) continue;
        settings_of(luge_method_at(i), &c);
        if (!(u = flowing(luge_method_at(i), &c))) continue;
        double (*order)(const lg_whole *, const problem *, lg_update *, int) =
            lg_whole_field(w)->n > 100 ? large_order_of : order_of;
        double one = order(w, p, u, 1), two = order(w, p, u, 2);
        print_message("          %-16s %.3f %.3f\n", name, one, two);
        CHECK(is_first(one), "%s, %s: order %.3f with V0", name, p->spec, one);
        CHECK(is_second(two), "%s, %s: order %.3f with V0 + h V1", name, p->spec, two);
        lg_update_close(u);
        flows++;
    }
    lg_whole_close(w);
    CHECK(only || flows >= 18, "%d methods alone have a flow", flows);
}

static void on_formulas(void **state)
{
    static const problem waves = { "expr:x^2/2+0.8*y^2+0.3*x*y+sin(x+y/2)/4+x^4/10+x^2*y/20", "0.9,-0.6", 1, 12 };
    (void)state;
    const lg_problem_request on_hill = request_of(&hill), on_waves = request_of(&waves);
    shadowed(&hill, &on_hill);
    shadowed(&waves, &on_waves);
    CHECK_END();
}

/* 784 inputs; the rows are twenty handwritten digits. */
static void on_a_network_with_digits(void **state)
{
    static const problem digits = { "mlp:hidden=1,activation=tanh", NULL, 1.0 / 256, 15 };
    char images[1100], labels[1100];
    const char *data[] = { images, labels };
    (void)state;
    snprintf(images, sizeof images, "images=%s", shared_path("data/t10k-images-idx3-ubyte.gz"));
    snprintf(labels, sizeof labels, "labels=%s", shared_path("data/t10k-labels-idx1-ubyte.gz"));
    shadowed(&digits, &(lg_problem_request){
                          .spec = digits.spec, .data = data, .data_count = 2, .split = 20, .seed = 1, .threads = 2 });
    CHECK_END();
}

/* A plugin's method, which was to be `name`, beside the flow of that: 0 where no order tells them apart. */
static int meant_to_be(const char *name, const char *path)
{
    lg_short_memory c = { .n = 0 };
    luge_plugin *plugin;
    lg_update *u = NULL, *right;
    lg_whole *w;
    double one = (double)NAN, two = (double)NAN;

    settings_of(luge_method_find(name), &c);
    MUST(luge_plugin_open(&plugin, path, &err));
    right = flowing(luge_method_find(name), &c);
    assert_non_null(right);
    const lg_problem_request on_hill = request_of(&hill);
    MUST(lg_whole_open(&w, &on_hill, &err));
    luge_status st = lg_update_open_method(&u, luge_plugin_method(plugin, 0), &err);
    for (size_t i = 0; i < c.n && !st; i++) st = lg_update_set(u, c.set[i], &err);
    if (!st) st = lg_pair_order(w, u, right, "auto:1", hill.time, hill.last, &one, &err);
    if (!st) st = lg_pair_order(w, u, right, "auto:2", hill.time, hill.last, &two, &err);
    printf("%.3f %.3f %s\n", one, two, st ? err.text : "");
    lg_whole_close(w);
    lg_update_close(u);
    lg_update_close(right);
    luge_plugin_close(plugin);
    return st || !is_first(one) || !is_second(two);
}

int main(int argc, char **argv)
{
    if (argc == 3) return meant_to_be(argv[1], argv[2]);
    const struct CMUnitTest tests[] = { cmocka_unit_test(on_formulas), cmocka_unit_test(on_a_network_with_digits) };
    only = argc > 1 ? argv[1] : NULL;
    return cmocka_run_group_tests(tests, NULL, NULL);
}
