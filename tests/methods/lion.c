/* Lion against momenta written as sums over all gradients, in long double.  SPDX-License-Identifier: MIT */
#include "methods/reference.h"

typedef struct settings {
    const char *label;
    double beta1, beta2, decay;
} settings;

static const settings rows[] = {
    { "Lion", .9, .99, 0 },
    { "decay", .95, .98, .3 },
    { "long memory under the sign", .99, .5, .1 },
    { "equal betas", .9, .9, 0 },
    { "sign of the gradient", 0, .9, 0 },
    { "no memory", .9, 0, 0 },
};

static const char *text(const settings *h)
{
    static char to[128];
    snprintf(to, sizeof to, "beta1=%.17g beta2=%.17g weight_decay=%.17g", h->beta1, h->beta2, h->decay);
    return to;
}

/* uₖ = (1-β₁) gₖ + β₁ (1-β₂) Σ_{j<k} β₂ᵏ⁻¹⁻ʲ gⱼ.  A sign is only compared where rounding cannot turn it. */
static long double sums(const void *with, int k, const long double *g, const long double *x, const long double *lr)
{
    const settings *h = with;
    long double weight = h->beta1 * (1 - (long double)h->beta2), u = (1 - (long double)h->beta1) * g[k],
                size = fabsl(u);
    for (int j = k - 1; j >= 1; j--, weight *= h->beta2) {
        u += weight * g[j];
        size += weight * fabsl(g[j]);
    }
    CHECK(size == 0 || fabsl(u) > 1e-5L * size, "%s: step %d cancels to %Lg of %Lg", h->label, k, u, size);
    return (1 - lr[k] * h->decay) * x[k - 1] - lr[k] * ((u > 0) - (u < 0));
}

static void equals_sums_over_all_gradients(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        against_rule(rows[i].label, "lion", text(&rows[i]), .01, -6, 3, sums, &rows[i]);
    CHECK_END();
}

/* β₁ = β₂: the momentum that is stored is the one under the sign. */
static void equal_betas_are_signum(void **state)
{
    static record r;
    (void)state;
    record_make(&r, 6, .01, -6, 3, true);
    same("signum", &r, "lion", "beta1=0.9 beta2=0.9 weight_decay=0.1", &r, "signum",
         "momentum=0.9 weight_decay=0.1 decoupled=true");
    same("signsgd", &r, "lion", "beta1=0 beta2=0", &r, "signsgd", "");
    same("defaults", &r, "lion", "beta1=0.9 beta2=0.99 weight_decay=0", &r, "lion", "");
    CHECK_END();
}

static double given[FEW];
static void as_given(const double *x, double *g)
{
    (void)x;
    memcpy(g, given, sizeof given);
}

/* sign 0 = 0: what has no gradient stays, whatever zero it is; the others go by η whatever their size. */
static void first_step(void **state)
{
    static const double start[FEW] = { 1, -1, .5, .75 };
    static const double want[FEW] = { 1 - .0078125, -1 + .0078125, .5, .75 };
    double x[FEW];
    (void)state;
    given[0] = 1e-30, given[1] = -1e30, given[2] = 0, given[3] = -0.0;
    descend("lion", "lr=0.0078125", start, 1, as_given, see_last, x);
    for (int i = 0; i < FEW; i++) CHECK(x[i] == want[i], "g = %g: %.17g and not %.17g", given[i], x[i], want[i]);
    CHECK_END();
}

/* (1 - η λ'/η₁) x is weight_decay = λ'/η₁; a schedule scales η alone:  Π (1 - ηₖ λ). */
static void decay_follows_its_closed_form(void **state)
{
    static const double start[FEW] = { 1, -1, .5, .75 };
    double x[FEW];
    long double factor = 1;
    (void)state;
    memset(given, 0, sizeof given);
    descend("lion", "lr=0.25 weight_decay=0.5", start, 20, as_given, see_last, x); /* λ' = 1/8 */
    for (int i = 0; i < FEW; i++)
        CHECK(fabsl(x[i] - powl(.875L, 20) * start[i]) <= 80 * DBL_EPSILON, "λ': %.17g", x[i]);
    descend("lion", "lr=0.25 weight_decay=0.5 schedule=warmup:steps=4", start, 9, as_given, see_last, x);
    for (int k = 1; k <= 9; k++) factor *= 1 - .125L * (k < 4 ? k / 4.0L : 1);
    for (int i = 0; i < FEW; i++) CHECK(fabsl(x[i] - factor * start[i]) <= 40 * DBL_EPSILON, "schedule: %.17g", x[i]);
    CHECK_END();
}

/* A decay that were under the sign would turn it here: g = 1e-3 against λ x = -0.05. */
static void decay_is_not_under_the_sign(void **state)
{
    static const double start[FEW] = { -.5, -.5, -.5, -.5 };
    double x[FEW];
    (void)state;
    for (int i = 0; i < FEW; i++) given[i] = 1e-3;
    descend("lion", "lr=0.015625 weight_decay=0.125", start, 1, as_given, see_last, x);
    CHECK(x[0] == -.5 * (1 - .015625 * .125) - .015625, "%.17g", x[0]);
    CHECK_END();
}

/* η λ < 1 and |x| <= 1/λ stay so: |x'| <= (1 - ηλ)/λ + η = 1/λ. */
static void decay_keeps_the_box(void **state)
{
    static const double start[FEW] = { 1, -1, .5, 2 };
    double x[FEW];
    (void)state;
    given[0] = 1, given[1] = -1, given[2] = 3, given[3] = -1e-9;
    descend("lion", "lr=0.125 weight_decay=0.5", start, 400, as_given, see_last, x);
    for (int i = 0; i < FEW; i++)
        CHECK(fabs(x[i] + copysign(2, given[i])) < 1e-9, "g = %g settles at %.17g, not on the box", given[i], x[i]);
    CHECK_END();
}

static void wrong_settings_are_refused(void **state)
{
    (void)state;
    refused("lion", "beta1=1.5", "beta1");
    refused("lion", "beta2=-0.1", "beta2");
    refused("lion", "eps=1e-8", "eps");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_sums_over_all_gradients),
        cmocka_unit_test(equal_betas_are_signum),
        cmocka_unit_test(first_step),
        cmocka_unit_test(decay_follows_its_closed_form),
        cmocka_unit_test(decay_is_not_under_the_sign),
        cmocka_unit_test(decay_keeps_the_box),
        cmocka_unit_test(wrong_settings_are_refused),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
