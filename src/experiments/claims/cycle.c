/* SPDX-License-Identifier: MIT */
#include "experiments/analyze.h"
#include "experiments/flow.h"
#include <string.h>

/* The slope of Lessard, Recht and Packard's function, whose curvatures are 1 and 25.  In units of 1 / one: x, and the
 * slope with it, times `one`. */
#define KINKED(x, one) ((x) < (one) ? 25 * (x) : (x) < 2 * (one) ? (x) + 24 * (one) : 25 * (x)-24 * (one))

/* 9 x⁺ = 9 x + 4 (x - x₋) - F'(x) in whole numbers, x in units of 1/1225. */
static bool cycles_exactly(void)
{
    enum { ONE = 1225 };
    static const int64_t cycle[3] = { 792, -2208, 2592 };
    for (int n = 0; n < 3; n++) {
        int64_t before = cycle[(n + 2) % 3], x = cycle[n];
        if (9 * cycle[(n + 1) % 3] != 9 * x + 4 * (x - before) - KINKED(x, ONE)) return false;
    }
    return true;
}

typedef struct setting {
    const char *key, *value;
} setting;

/* luge's own optimizer from x: |x| after each step, of the parameter for evaluation. */
static luge_status run(const char *method, const setting *set, double x, size_t steps, double *size, luge_error *err)
{
    luge_status st;
    luge_optimizer *opt = NULL;
    double out;
    void *outs[] = { &out };

    LG_TRY(luge_new(&opt, method, err));
    for (; set->key; set++) LG_TRY(luge_set(opt, 0, set->key, set->value, err));
    LG_TRY(luge_add(opt, 0, "x", LUGE_F64, &x, 1, (size_t[]){ 1 }, err));
    for (size_t n = 1; n <= steps; n++) {
        double g = KINKED(x, 1);
        LG_TRY(luge_step(opt, &(luge_inputs){ .grad = (const void *const[]){ &g } }, err));
        LG_TRY(luge_view(opt, outs, err));
        size[n] = fabs(out);
    }
done:
    luge_free(opt);
    return st;
}

enum { STEPS = 3000 };
static luge_status heavy_ball(lg_verdict *v, luge_error *err)
{
    static const setting polyak[] = { { "lr", "0.1111111111111111" },
                                      { "momentum", "0.4444444444444444" },
                                      { NULL, NULL } };
    double size[STEPS + 1];
    luge_status st;
    double worst = 0;

    LG_TRY(run("heavy_ball", polyak, 3.3, STEPS, size, err));
    for (int n = STEPS - 2; n <= STEPS; n++) {
        double nearest = HUGE_VAL;
        for (int k = 0; k < 3; k++) nearest = fmin(nearest, fabs(size[n] - (double[]){ 792, 2208, 2592 }[k] / 1225));
        worst = fmax(worst, nearest);
    }
    v->holds = v->holds && worst < 1e-12 && cycles_exactly();
    LG_SAY(v->measured, "cycle %s in whole numbers; from 3.3 reached to %.1e", cycles_exactly() ? "exact" : "broken",
           worst);
    LG_TRY(run("heavy_ball", polyak, 3.0, 1000, size, err));
    v->holds = v->holds && size[1000] < 1e-12;
    LG_SAY(v->measured, "; from 3.0 it converges (%.1e)", size[1000]);
done:
    return st;
}

static luge_status triple(lg_verdict *v, luge_error *err)
{
    static const setting sharp[] = { { "m", "1" }, { "L", "25" }, { NULL, NULL } };
    double size[151];
    luge_status st;
    double largest = 0;

    LG_TRY(run("triple_momentum", sharp, 3.3, 150, size, err));
    for (int n = 1; n <= 150; n++) largest = fmax(largest, size[n] / lg_power(0.8, n));
    v->holds = v->holds && size[100] < 1e-8 && largest <= 11;
    LG_SAY(v->measured, "; triple momentum |x_100| = %.2e, |x_k| <= %.3g 0.8^k", size[100], largest);
done:
    return st;
}

static luge_status check(const lg_means *means, lg_verdict *v, luge_error *err)
{
    luge_status st;
    const char *const set[] = { "lr=0.1111111111111111", "momentum=0.4444444444444444" };
    const lg_analyze a = { .method = luge_method_find("heavy_ball"), .set = set, .set_count = 2 };
    lg_system s;
    lg_certificate c;

    (void)means;
    LG_SAY(v->expected,
           "the 3-cycle 792, -2208, 2592 over 1225, exact and reached from 3.3 to 1e-12; no certificate for "
           "curvatures in [1, 25], where the rate on quadratics is 2/3; triple momentum below 1e-8 after "
           "100 steps and below 11 0.8^k");
    LG_TRY(heavy_ball(v, err));
    LG_TRY(lg_analyze_system(&a, HUGE_VAL, &s, err));
    LG_TRY(lg_certify(&s, 1, 25, &c, err));
    v->holds = v->holds && !c.holds && fabs(c.quadratic - 2.0 / 3) < 1e-6;
    LG_SAY(v->measured, "; %s, rate on quadratics %.6f", c.holds ? "certified" : "not certified", c.quadratic);
    LG_TRY(triple(v, err));
done:
    return st;
}

const lg_claim lg_claim_cycle = {
    .name = "cycle",
    .claim = "Heavy ball at the parameters that are best on quadratics cycles forever on a smooth, strongly convex "
             "function of one variable; triple momentum converges on it at its rate.",
    .reference = "Lessard, Recht & Packard, SIAM J. Optim. 26 (2016); Van Scoy, Freeman & Lynch (2018)",
    .run = "the map in whole numbers, and luge's own optimizers from 3.3 and 3.0",
    .check = check,
};
