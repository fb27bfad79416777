/* Signum and signSGD against momenta written as sums over all gradients, in long double.
 * SPDX-License-Identifier: MIT */
#include "methods/reference.h"

typedef struct settings {
    const char *label, *method;
    double beta, decay;
    bool decoupled;
} settings;

static const settings rows[] = {
    { "Signum", "signum", .9, 0, false },
    { "coupled decay", "signum", .8, .3, false },
    { "decoupled decay", "signum", .8, .3, true },
    { "signSGD", "signsgd", 0, 0, false },
    { "signSGD, coupled", "signsgd", 0, .3, false },
    { "signSGD, decoupled", "signsgd", 0, .3, true },
};

static const char *text(const settings *h)
{
    static char to[128];
    snprintf(to, sizeof to, "momentum=%.17g weight_decay=%.17g decoupled=%s", h->beta, h->decay,
             h->decoupled ? "true" : "false");
    return to;
}

/* The sign of Σⱼ βᵏ⁻ʲ gⱼ, the sum that m is 1-β times of; compared only where rounding cannot turn it. */
static long double sums(const void *with, int k, const long double *g, const long double *x, const long double *lr)
{
    const settings *h = with;
    long double weight = 1, b = 0, size = 0;
    for (int j = k; j >= 1; j--, weight *= h->beta) {
        long double in = g[j] + (h->decoupled ? 0 : h->decay * x[j - 1]);
        b += weight * in;
        size += weight * fabsl(in);
    }
    CHECK(size == 0 || fabsl(b) > 1e-5L * size, "%s: step %d cancels to %Lg of %Lg", h->label, k, b, size);
    return (1 - (h->decoupled ? lr[k] * h->decay : 0)) * x[k - 1] - lr[k] * ((b > 0) - (b < 0));
}

static void equals_sums_over_all_gradients(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        against_rule(rows[i].label, rows[i].method, text(&rows[i]), .01, -6, 3, sums, &rows[i]);
    CHECK_END();
}

static double given[FEW];
static void as_given(const double *x, double *g)
{
    (void)x;
    memcpy(g, given, sizeof given);
}

static void first_step(void **state)
{
    static const double start[FEW] = { 1, -1, .5, .75 };
    static const double want[FEW] = { 1 - .0078125, -1 + .0078125, .5, .75 };
    double x[FEW];
    (void)state;
    given[0] = 1e-30, given[1] = -1e30, given[2] = 0, given[3] = -0.0;
    for (int j = 0; j < 2; j++) {
        descend(j ? "signum" : "signsgd", "lr=0.0078125", start, 1, as_given, see_last, x);
        for (int i = 0; i < FEW; i++) CHECK(x[i] == want[i], "g = %g: %.17g and not %.17g", given[i], x[i], want[i]);
    }
    CHECK_END();
}

/* The two decays of the field are two things.  No gradient: the coupled one goes by η towards 0, the decoupled one
 * follows (1 - ηλ)ᵏ. */
static void decay_is_coupled_or_decoupled(void **state)
{
    static const double start[FEW] = { 1, -1, .5, .75 };
    double x[FEW];
    (void)state;
    memset(given, 0, sizeof given);
    descend("signsgd", "lr=0.0078125 weight_decay=0.5", start, 20, as_given, see_last, x);
    for (int i = 0; i < FEW; i++)
        CHECK(x[i] == start[i] - copysign(20 * .0078125, start[i]), "coupled: %.17g from %g", x[i], start[i]);
    descend("signsgd", "lr=0.25 weight_decay=0.5 decoupled=true", start, 20, as_given, see_last, x);
    for (int i = 0; i < FEW; i++)
        CHECK(fabsl(x[i] - powl(.875L, 20) * start[i]) <= 80 * DBL_EPSILON, "decoupled: %.17g", x[i]);
    CHECK_END();
}

/* Decoupled: |x| <= 1/λ is kept, and reached under a constant gradient. */
static void decay_keeps_the_box(void **state)
{
    static const double start[FEW] = { 1, -1, .5, 2 };
    double x[FEW];
    (void)state;
    given[0] = 1, given[1] = -1, given[2] = 3, given[3] = -1e-9;
    descend("signum", "lr=0.125 weight_decay=0.5 decoupled=true", start, 400, as_given, see_last, x);
    for (int i = 0; i < FEW; i++)
        CHECK(fabs(x[i] + copysign(2, given[i])) < 1e-9, "g = %g settles at %.17g, not on the box", given[i], x[i]);
    CHECK_END();
}

/* The sign does not see it, but what is stored is the mean, as elsewhere:  m = (1-β) b. */
static void the_momentum_is_a_mean(void **state)
{
    luge_error err;
    luge_optimizer *opt = open_method("signum", "momentum=0.75");
    double x = 0, g;
    const void *grad = &g;
    (void)state;
    MUST(luge_add(opt, 0, "x", LUGE_F64, &x, 0, NULL, &err));
    for (int k = 0; k < 3; k++) {
        g = k == 0 ? 1 : 4;
        MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
    }
    double m = *(double *)luge_state(opt, 0, "momentum_buffer", 0), want = .25 * (.5625 * 1 + .75 * 4 + 4);
    CHECK(m == want, "%.17g and not %.17g", m, want);
    luge_free(opt);
    CHECK_END();
}

static void limits_and_refusals(void **state)
{
    static record r;
    (void)state;
    record_make(&r, 6, .01, -6, 3, true);
    same("no momentum", &r, "signum", "momentum=0 weight_decay=0.1", &r, "signsgd", "weight_decay=0.1");
    same("defaults", &r, "signum", "momentum=0.9 weight_decay=0 decoupled=false", &r, "signum", "");
    refused("signum", "momentum=1", "momentum");
    refused("signsgd", "momentum=0.9", "momentum");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_sums_over_all_gradients), cmocka_unit_test(first_step),
        cmocka_unit_test(decay_is_coupled_or_decoupled),  cmocka_unit_test(decay_keeps_the_box),
        cmocka_unit_test(the_momentum_is_a_mean),         cmocka_unit_test(limits_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
