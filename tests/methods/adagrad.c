/* Adagrad against sums over all gradients, in long double.  SPDX-License-Identifier: MIT */
#define SETTINGS(_)                                                                                                  \
    _(real, lr_decay) _(real, initial_accumulator_value) _(real, eps) _(word, eps_at) _(real, weight_decay)
#include "methods/sums.h"

static const settings rows[] = {
    { "Adagrad", 0, 0, 1e-10, "outside", 0 },   { "falling", .1, 0, 1e-10, "outside", .1 },
    { "optax", 0, .1, 1e-7, "inside", 0 },      { "eps 1", .02, .5, 1, "outside", .2 },
    { "eps 1 inside", 1, .5, 1, "inside", .2 },
};

static long double sums(const void *with, int k, const long double *g, const long double *x, const long double *lr)
{
    const settings *h = with;
    long double S = h->initial_accumulator_value, now = 0;
    for (int j = 1; j <= k; j++) {
        now = g[j] + h->weight_decay * x[j - 1];
        S += now * now;
    }
    long double D = !strcmp(h->eps_at, "inside") ? sqrtl(S + h->eps) : sqrtl(S) + h->eps;
    return x[k - 1] - lr[k] / (1 + (k - 1) * (long double)h->lr_decay) * now / D;
}

static void equals_sums_over_all_gradients(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        against_rule(rows[i].label, "adagrad", text(&rows[i]), .01, -6, 3, sums, &rows[i]);
    CHECK_END();
}

/* Constant gradients: the k-th step is η / √k. */
static void constant_gradients(void **state)
{
    double x[FEW];
    long double way = 0;
    (void)state;
    for (int i = 0; i < FEW; i++) given[i] = i % 2 ? -3 : 1e3;
    descend("adagrad", "lr=0.01 eps=0", few, 100, as_given, see_last, x);
    for (int k = 1; k <= 100; k++) way += .01L / sqrtl(k);
    for (int i = 0; i < FEW; i++) CHECK(fabsl(x[i] - few[i] + copysignl(way, given[i])) < 1e-13L, "to %.17g", x[i]);
    CHECK_END();
}

static void limits_and_refusals(void **state)
{
    static record r;
    (void)state;
    record_make(&r, 6, .01, -3, 1, true);
    same("defaults", &r, "adagrad", "lr_decay=0 initial_accumulator_value=0 eps=1e-10 eps_at=outside weight_decay=0",
         &r, "adagrad", "");
    stays_without_gradients("adagrad", "lr=0.5");
    constants_have_a_limit("adagrad", "lr_decay=0.1");
    constants_have_a_limit("adagrad", "");
    refused("adagrad", "initial_accumulator_value=-1", "initial_accumulator_value");
    refused("adagrad", "lr_decay=-1", "lr_decay");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_sums_over_all_gradients),
        cmocka_unit_test(constant_gradients),
        cmocka_unit_test(limits_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
