/* AdaMax against its closed form, in long double.  SPDX-License-Identifier: MIT */
#define SETTINGS(_) _(real, beta1) _(real, beta2) _(real, eps) _(word, eps_at) _(real, weight_decay)
#include "methods/sums.h"

static const settings rows[] = {
    { "AdaMax", .9, .999, 1e-8, "inside", 0 }, { "decay", .8, .9, 1e-3, "inside", .2 },
    { "optax", .9, .95, 1e-3, "outside", .1 }, { "eps 1 inside", .9, .8, 1, "inside", 0 },
    { "eps 1", .9, .8, 1, "outside", 0 },      { "no memory", 0, 0, 1e-6, "inside", 0 },
};

/* uₖ = max over j of β₂ᵏ⁻ʲ (|gⱼ| + ε) */
static long double closed(const void *with, int k, const long double *g, const long double *x, const long double *lr)
{
    const settings *h = with;
    bool in_max = !strcmp(h->eps_at, "inside");
    long double in[STEPS + 1], u = 0;
    for (int j = 1; j <= k; j++) {
        in[j] = g[j] + h->weight_decay * x[j - 1];
        u = fmaxl(u, powl(h->beta2, k - j) * (fabsl(in[j]) + (in_max ? h->eps : 0)));
    }
    return x[k - 1] - lr[k] * mean(h->beta1, k, in, 1) / correction(h->beta1, k) / (u + (in_max ? 0 : h->eps));
}

static void equals_its_closed_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        against_rule(rows[i].label, "adamax", text(&rows[i]), .01, -6, 3, closed, &rows[i]);
    CHECK_END();
}

static long double eps_step(long double g) { return .01L * g / (fabsl(g) + 1e-8L); }

static void limits_and_refusals(void **state)
{
    static record r;
    double x[FEW];
    (void)state;
    record_make(&r, 6, .01, -3, 1, true);
    first_step_is("adamax", "lr=0.01", eps_step);
    first_step_is("adamax", "lr=0.01 eps_at=outside", eps_step);
    same("defaults", &r, "adamax", "beta1=0.9 beta2=0.999 eps=1e-8 eps_at=inside weight_decay=0", &r, "adamax", "");
    stays_without_gradients("adamax", "lr=0.5");
    given[0] = 3, given[1] = -1e-6, given[2] = 1e3,
    given[3] = -7; /* constant gradients: every step is η g / (|g| + ε) */
    descend("adamax", "lr=0.01", few, 50, as_given, see_last, x);
    for (int i = 0; i < FEW; i++) {
        long double want = few[i] - .5L * given[i] / (fabs(given[i]) + 1e-8L);
        CHECK(fabsl(x[i] - want) < 1e-13L, "g = %g: %.17g and not %.17Lg", given[i], x[i], want);
    }
    constants_have_a_limit("adamax", "");
    refused("adamax", "beta2=1", "beta2");
    refused("adamax", "beta1=-1", "beta1");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_its_closed_form),
        cmocka_unit_test(limits_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
