/* PolarGrad against the polar factor by Jacobi rotations, with momentum as a sum, in long double.
 * SPDX-License-Identifier: MIT */
#include "methods/matrix.h"

static const adamw_settings vectors = { .01, .8, .95, 1e-2, .3, false };
#define VECTORS "adamw_lr=0.01 adamw_beta1=0.8 adamw_beta2=0.95 adamw_eps=0.01 adamw_weight_decay=0.3"

static mat rest(const void *h, const history *q)
{
    (void)h;
    return adamw_step(&vectors, q);
}

typedef struct settings {
    double mu, decay;
    bool first;
} settings;

static mat rule_of(const void *with, const history *q)
{
    const settings *h = with;
    long double mu = h->mu;
    mat m = scaled(1 - mu, discounted(q, q->k, mu)), of_what = h->first ? q->g[q->k] : m, d = polar_of(of_what);
    long double nuclear = dot(of_what, d);
    if (h->first) {
        d = scaled(0, d);
        for (int j = 1; j <= q->k; j++) d = blend(1, d, (1 - mu) * powl(mu, q->k - j), polar_of(q->g[j]));
    }
    return blend(1 - q->lr[q->k] * h->decay, q->x[q->k - 1], -q->lr[q->k] * nuclear, d);
}

static void equals_the_singular_value_form(void **state)
{
    static const settings h[] = { { .95, 0, 0 }, { .5, .2, 0 }, { .9, .1, 1 }, { 0, 0, 1 } };
    (void)state;
    for (size_t i = 0; i < ROWS(h); i++) {
        char text[300];
        snprintf(text, sizeof text, "momentum=%.17g weight_decay=%.17g polar_first=%s " VECTORS, h[i].mu, h[i].decay,
                 h[i].first ? "true" : "false");
        against_matrix_rule(h[i].first ? "polar first" : "momentum first", "polargrad", text, .02, rule_of, rest,
                            &h[i], 200);
    }
    CHECK_END();
}

/* One step without momentum from zero. */
static void step_of(const char *settings_text, int m, int n, const double *g, double *x)
{
    luge_error err;
    const void *grad = g;
    luge_optimizer *opt = open_method("polargrad", settings_text);
    MUST(luge_add(opt, 0, "w", LUGE_F64, x, 2, (size_t[]){ (size_t)m, (size_t)n }, &err));
    MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
    luge_free(opt);
}

/* An orthogonal gradient: the step is lr times the smaller side times the gradient, of any magnitude. */
static void orthogonal_gradients(void **state)
{
    (void)state;
    for (int scale = -500; scale <= 500; scale += 250) {
        double unit = ldexp(1, scale), g[6] = { .6 * unit, .8 * unit, 0, -.8 * unit, .6 * unit, 0 }, x[6] = { 0 };
        step_of("lr=1 momentum=0", 2, 3, g, x);
        for (int i = 0; i < 6; i++)
            CHECK(fabs(x[i] + 2 * g[i]) <= 1e-14 * unit, "2^%d, entry %d: %.17g and not %.17g", scale, i, x[i],
                  -2 * g[i]);
    }
    CHECK_END();
}

/* Of rank one U σ = G, and the nuclear norm is σ; zero stays; condition 1e12. */
static void deficient_gradients(void **state)
{
    double g[6] = { 1, 1, 2, 2, 2, 2 }, x[6] = { 0 }, none[6] = { 0 }, y[6] = { 1, 1, 1, 1, 1, 1 };
    double steep[4] = { 1, 0, 0, 1e-12 }, z[4] = { 0 };
    (void)state;
    step_of("lr=1 momentum=0", 3, 2, g, x);
    for (int i = 0; i < 6; i++)
        CHECK(fabs(x[i] + 1 * g[i]) < 1e-13, "rank one: entry %d is %.17g and not %.17g", i, x[i], -g[i]);
    step_of("lr=1 momentum=0", 3, 2, none, y);
    for (int i = 0; i < 6; i++) CHECK(y[i] == 1, "zero: entry %d is %.17g", i, y[i]);
    step_of("lr=1 momentum=0", 2, 2, steep, z);
    CHECK(fabs(z[0] + 1) < 1e-11 && fabs(z[3] + 1) < 1e-4, "condition 1e12: %.17g %.17g", z[0], z[3]);
    refused("polargrad", "polar_error=1", "polar_error");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_singular_value_form),
        cmocka_unit_test(orthogonal_gradients),
        cmocka_unit_test(deficient_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
