/* Methods as maps of one coordinate: their steps are the optimizer's, their derivatives those of difference
 * quotients, and what has no flow says why.  SPDX-License-Identifier: MIT */
#include "check.h"
/* the header above comes first: it has what cmocka wants */
#include "flows/update.h"
#include <stdio.h>
#include <string.h>

static luge_error err;

static lg_update *opened(const char *method, const char *const *set)
{
    lg_update *u;
    MUST(lg_update_open(&u, method, &err));
    for (; set && *set; set++) MUST(lg_update_set(u, *set, &err));
    return u;
}

/* Every method that prepares: so many steps on the same gradients as luge_step's. */
static void steps_are_those_of_the_optimizer(void **state)
{
    enum { STEPS = 25 };
    int treated = 0;
    (void)state;
    for (size_t m = 0; luge_method_at(m); m++) {
        const char *name = luge_method_text(luge_method_at(m), LUGE_NAME);
        lg_update *u = opened(name, NULL);
        luge_optimizer *opt;
        double x = 0.7, y = x, g, scale, s[LG_SLOTS];
        for (int k = 1; k <= STEPS; k++) {
            if (lg_update_prepare(u, k, 0.125, &err)) break;
            if (k == 1) {
                MUST(lg_update_optimizer(u, 0.125, &y, 1, &opt, &scale, &err));
                lg_update_start(u, x, s);
            }
            g = lg_normal(1, 2, (uint64_t)k);
            lg_update_step(u, &x, g, s);
            g *= scale;
            MUST(luge_step(opt, &(luge_inputs){ .grad = (const void *[]){ &g } }, &err));
            CHECK(fabs(x - y) <= 1e-13 * (1 + fabs(y)), "%s, step %d: %.17g is not %.17g", name, k, x, y);
            if (k == STEPS) treated++, luge_free(opt);
        }
        lg_update_close(u);
    }
    CHECK(treated >= 20, "%d methods alone are maps of a coordinate", treated);
    CHECK_END();
}

static void slopes_are_derivatives(void **state)
{
    static const char *const rows[] = { "heavy_ball", "nesterov", "qhm",      "aggmo",       "adamw",
                                        "nadamw",     "nadam",    "ademamix", "adabelief",   "qhadam",
                                        "rmsprop",    "adan",     "radam",    "grokfast_ema" };
    const double at[3] = { 0.3, -0.8, 0.5 }, e = 1e-5;
    (void)state;
    for (size_t r = 0; r < ROWS(rows); r++) {
        lg_update *u = opened(rows[r], NULL);
        lg_slopes d, near[2];
        double s[LG_SLOTS];
        MUST(lg_update_prepare(u, 7, 1, &err));
        for (size_t i = 0; i < lg_update_slots(u); i++) s[i] = at[2] + 0.1 * (double)i;
        lg_update_slopes(u, at[0], at[1], s, &d);
        for (int i = 0; i < 2; i++) lg_update_slopes(u, at[0], at[1] + (i ? e : -e), s, &near[i]);
        CHECK(fabs((near[1].w - near[0].w) / (2 * e) - d.wg) < 1e-6 * (1 + fabs(d.wg)), "%s: W_g = %g", rows[r],
              d.wg);
        for (size_t i = 0; i < lg_update_slots(u); i++)
            CHECK(fabs((near[1].s[i] - near[0].s[i]) / (2 * e) - d.sg[i]) < 1e-6, "%s: S_g[%zu] = %g", rows[r], i,
                  d.sg[i]);
        for (size_t j = 0; j < lg_update_slots(u); j++) {
            for (int i = 0; i < 2; i++) {
                s[j] += i ? 2 * e : -e;
                lg_update_slopes(u, at[0], at[1], s, &near[i]);
            }
            s[j] -= e;
            CHECK(fabs((near[1].w - near[0].w) / (2 * e) - d.ws[j]) < 1e-6 * (1 + fabs(d.ws[j])), "%s: W_s[%zu] = %g",
                  rows[r], j, d.ws[j]);
            for (size_t i = 0; i < lg_update_slots(u); i++)
                CHECK(fabs((near[1].s[i] - near[0].s[i]) / (2 * e) - d.ss[i][j]) < 1e-6, "%s: S_s[%zu][%zu] = %g",
                      rows[r], i, j, d.ss[i][j]);
        }
        lg_update_close(u);
    }
    CHECK_END();
}

/* b = g / (1-μ); m = g, v = g²; AdaBelief's s = ε / (1-β₂). */
static void resting_values_are_known(void **state)
{
    static const struct {
        const char *method, *set[4];
        double g, s[2], w;
    } rows[] = {
        { "heavy_ball", { "momentum=0.75" }, 0.5, { 2 }, -2 },
        { "nesterov", { "momentum=0.75" }, 0.5, { 2 }, -2 },
        { "sgd", { NULL }, 0.5, { 0 }, -0.5 },
        { "adam", { "eps=0.25" }, -0.5, { -0.5, 0.25 }, 0.5 / 0.75 },
        { "adabelief", { "eps=0.001", "rectify=false" }, 0.5, { 0.5, 1 }, -0.5 / 1.001 },
        { "triple_momentum",
          { "m=1", "L=25" },
          0.5,
          { -0.072 / (1 - 0.64 / 1.2) * 0.5 },
          -0.072 / (1 - 0.64 / 1.2) * 0.5 },
    };
    (void)state;
    for (size_t r = 0; r < ROWS(rows); r++) {
        lg_update *u = opened(rows[r].method, rows[r].set);
        double s[LG_SLOTS] = { 0 };
        lg_slopes d;
        MUST(lg_update_resting(u, 0, rows[r].g, &err));
        MUST(lg_update_rest(u, 0, rows[r].g, s, &d, &err));
        for (size_t i = 0; i < lg_update_slots(u); i++)
            CHECK(fabs(s[i] - rows[r].s[i]) < 1e-12, "%s: slot %zu rests at %.15g", rows[r].method, i, s[i]);
        CHECK(fabs(d.w - rows[r].w) < 1e-12, "%s: W = %.15g", rows[r].method, d.w);
        lg_update_close(u);
    }
    CHECK_END();
}

/* Slots in units of the parameter scale with the step size. */
static void slots_scale(void **state)
{
    static const struct {
        const char *method, *set[4];
        int power[2];
    } rows[] = {
        { "heavy_ball", { NULL }, { 0 } },
        { "triple_momentum", { NULL }, { 1 } },
        { "rmsprop", { "momentum=0.9", "lr_at=inside" }, { 0, 1 } },
        { "rmsprop", { "momentum=0.9", "lr_at=outside" }, { 0, 0 } },
    };
    (void)state;
    for (size_t r = 0; r < ROWS(rows); r++) {
        lg_update *u = opened(rows[r].method, rows[r].set);
        int power[LG_SLOTS];
        MUST(lg_update_flowing(u, power, &err));
        for (size_t i = 0; i < lg_update_slots(u); i++)
            CHECK(power[i] == rows[r].power[i], "%s: slot %zu scales with the power %d", rows[r].method, i, power[i]);
        lg_update_close(u);
    }
    CHECK_END();
}

static void what_has_no_flow_says_why(void **state)
{
    static const struct {
        const char *method, *set[4], *says;
    } rows[] = {
        { "lamb", { NULL }, "sums over" },
        { "adahessian", { NULL }, "hutchinson" },
        { "sophia_g", { "hessian_interval=37" }, "hess_grad" },
        { "lion", { NULL }, "pseudo_huber" },
        { "signum", { NULL }, "not smooth" },
        { "lion_k", { NULL }, "not smooth" },
        { "lion_k", { "kernel=huber" }, "not smooth" },
        { "amsgrad", { NULL }, "not smooth" },
        { "adamax", { NULL }, "eps_at=inside" },
        { "rmsprop", { "centered=true" }, "not smooth" },
        { "adan", { "weight_decay=0.1" }, "not in proportion" },
        { "adagrad", { NULL }, "slot sum comes to no rest" },
        { "heavy_ball", { "momentum=1.1" }, "slot momentum_buffer comes to no rest" },
        { "fsgdm", { NULL }, "slot momentum_buffer comes to no rest" },
        { "heavy_ball", { "nesterov=true", "momentum=0" }, "needs momentum > 0" },
    };
    (void)state;
    for (size_t r = 0; r < ROWS(rows); r++) {
        lg_update *u = opened(rows[r].method, rows[r].set);
        int power[LG_SLOTS];
        luge_status st = lg_update_flowing(u, power, &err);
        if (!st) st = lg_update_resting(u, 0.5, 0.7, &err);
        CHECK(st && strstr(err.text, rows[r].says), "%s: %s", rows[r].method, st ? err.text : "flows");
        lg_update_close(u);
    }
    lg_update *u;
    CHECK(lg_update_open(&u, "adma", &err) == LUGE_E_NAME && !u, "there is no adma");
    u = opened("adam", NULL);
    CHECK(lg_update_set(u, "beta1", &err) && lg_update_set(u, "beta1=2", &err), "a setting that is none");
    lg_update_close(u);
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(steps_are_those_of_the_optimizer), cmocka_unit_test(slopes_are_derivatives),
        cmocka_unit_test(resting_values_are_known),         cmocka_unit_test(slots_scale),
        cmocka_unit_test(what_has_no_flow_says_why),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
