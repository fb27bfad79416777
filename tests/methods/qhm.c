/* QHM against its momentum written as a sum over all gradients, in long double, and against the methods that it is
 * for some of its settings.  SPDX-License-Identifier: MIT */
#define SETTINGS(_) _(real, momentum) _(real, nu) _(real, weight_decay) _(word, weight_decay_type)
#include "methods/sums.h"

static const settings rows[] = {
    { "as it comes", .999, .7, 0, "grad" },      { "coupled decay", .9, .6, .3, "grad" },
    { "decoupled decay", .9, .6, .3, "direct" }, { "no momentum", 0, .5, 0, "grad" },
    { "beyond the mean", .8, 1.5, 0, "grad" },   { "against the mean", .5, -.25, .1, "direct" },
};

static long double sums(const void *with, int k, const long double *g, const long double *x, const long double *lr)
{
    const settings *h = with;
    bool direct = !strcmp(h->weight_decay_type, "direct");
    long double in[STEPS + 1] = { 0 };
    for (int j = 1; j <= k; j++) in[j] = g[j] + (direct ? 0 : h->weight_decay * x[j - 1]);
    long double step = (1 - (long double)h->nu) * in[k] + h->nu * mean(h->momentum, k, in, 1);
    return (1 - (direct ? lr[k] * h->weight_decay : 0)) * x[k - 1] - lr[k] * step;
}

static void equals_sums_over_all_gradients(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        against_rule(rows[i].label, "qhm", text(&rows[i]), .05, -3, 1, sums, &rows[i]);
    CHECK_END();
}

/* ---- the other conventions: with η of theirs, ours is η / (1-μ) ---- */

static const long double mu = .75L, alpha_of = .25L; /* their η is this times ours */

/* bₖ = Σ μᵏ⁻ʲ gⱼ */
static long double velocity(int k, const long double *g)
{
    long double b = 0;
    for (int j = 1; j <= k; j++) b = mu * b + g[j];
    return b;
}
static long double heavy_ball(const void *h, int k, const long double *g, const long double *x, const long double *lr)
{
    (void)h;
    return x[k - 1] - alpha_of * lr[k] * velocity(k, g);
}
static long double nesterov(const void *h, int k, const long double *g, const long double *x, const long double *lr)
{
    (void)h;
    return x[k - 1] - alpha_of * lr[k] * (g[k] + mu * velocity(k, g));
}
/* ξₖ = ξₖ₋₁ - α ∇f(yₖ₋₁) + β₁ (ξₖ₋₁ - ξₖ₋₂),  yₖ = ξₖ + β₂ (ξₖ - ξₖ₋₁),  β₁ = ¾, β₂ = ⅜ */
static long double synthesized(const void *h, int k, const long double *g, const long double *x,
                               const long double *lr)
{
    long double last = x[0], xi = x[0];
    (void)h;
    for (int j = 1; j <= k; j++) {
        long double next = xi - alpha_of * lr[j] * g[j] + mu * (xi - last);
        last = xi;
        xi = next;
    }
    return xi + .375L * (xi - last);
}

static void equals_its_other_conventions(void **state)
{
    static record r;
    static path want;
    (void)state;
    record_make(&r, 9, .05, -3, 1, true);
    like("gradient descent", &r, "qhm", "nu=0", "sgd", "");
    by_rule(&r, heavy_ball, NULL, want);
    compare("heavy ball", &r, "qhm", "momentum=0.75 nu=1", want);
    by_rule(&r, nesterov, NULL, want);
    compare("Nesterov", &r, "qhm", "momentum=0.75 nu=0.75", want);
    record_make(&r, 9, .05, -3, 1, false);
    by_rule(&r, synthesized, NULL, want);
    compare("synthesized Nesterov", &r, "qhm", "momentum=0.75 nu=0.875", want);
    CHECK_END();
}

static void limits_and_refusals(void **state)
{
    static record r;
    (void)state;
    record_make(&r, 9, .05, -3, 1, true);
    same("defaults", &r, "qhm", "momentum=0.999 nu=0.7 weight_decay=0 weight_decay_type=grad", &r, "qhm", "");
    decay_follows_its_closed_form("qhm", "weight_decay_type=direct");
    decay_follows_its_closed_form("qhm", "weight_decay_type=grad nu=0");
    stays_without_gradients("qhm", "lr=0.5");
    refused("qhm", "momentum=1", "momentum");
    refused("qhm", "weight_decay_type=l2", "direct");
    CHECK_END();
}

static void gradient_flow(const double *x, const double *g, double *v)
{
    (void)x;
    for (int i = 0; i < FEW; i++) v[i] = -g[i];
}

static void tends_to_the_gradient_flow(void **state)
{
    (void)state;
    tends_to("QHM", "qhm", "momentum=0.8 nu=0.7", gradient_flow, .8);
    tends_to("QHM, no mean", "qhm", "momentum=0.8 nu=1.5", gradient_flow, .8);
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_sums_over_all_gradients),
        cmocka_unit_test(equals_its_other_conventions),
        cmocka_unit_test(limits_and_refusals),
        cmocka_unit_test(tends_to_the_gradient_flow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
