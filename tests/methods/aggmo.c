/* AggMo against velocities written as sums over all gradients, in long double.  SPDX-License-Identifier: MIT */
#define SETTINGS(_) _(word, betas) _(real, weight_decay)
#include "methods/sums.h"
#include <stdlib.h>

static const settings rows[] = {
    { "as it comes", "(0,0.9,0.99)", 0 },
    { "decay", "(0,0.9,0.99)", .3 },
    { "one", "(0.8)", 0 },
    { "two, equal", "(0.7,0.7)", .1 },
    { "eight", "(0,0.1,0.2,0.3,0.5,0.75,0.875,0.95)", 0 },
};

static int read(const char *betas, long double *beta)
{
    int K = 0;
    for (char *at = (char *)(uintptr_t)betas + 1; *at; at++) beta[K++] = strtod(at, &at);
    return K;
}

/* (1/K) Σᵢ Σⱼ βᵢᵏ⁻ʲ gⱼ */
static long double sums(const void *with, int k, const long double *g, const long double *x, const long double *lr)
{
    const settings *h = with;
    long double beta[8], sum = 0;
    int K = read(h->betas, beta);
    for (int j = 1; j <= k; j++)
        for (int i = 0; i < K; i++) sum += powl(beta[i], k - j) * (g[j] + h->weight_decay * x[j - 1]);
    return x[k - 1] - lr[k] * sum / K;
}

static void equals_sums_over_all_gradients(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        against_rule(rows[i].label, "aggmo", text(&rows[i]), .05, -3, 1, sums, &rows[i]);
    CHECK_END();
}

static void equals_its_other_conventions(void **state)
{
    static record r;
    (void)state;
    record_make(&r, 5, .05, -3, 1, true);
    same("exponential form, a = 0.1, K = 3", &r, "aggmo", "betas=(0,0.9,0.99)", &r, "aggmo", "");
    same("one is heavy ball", &r, "aggmo", "betas=(0.75) weight_decay=0.1", &r, "heavy_ball",
         "momentum=0.75 weight_decay=0.1");
    same("none is descent", &r, "aggmo", "betas=(0)", &r, "sgd", "");
    like("(β, β) is β", &r, "aggmo", "betas=(0.75,0.75)", "aggmo", "betas=(0.75)");
    same("their order", &r, "aggmo", "betas=(0.5,0.25)", &r, "aggmo", "betas=(0.25,0.5)");
    CHECK_END();
}

/* Every velocity is there by its number, in the order of the betas, and no more. */
static void velocities_by_number(void **state)
{
    luge_error err;
    luge_optimizer *opt = open_method("aggmo", "betas=(0,0.5,0.75)");
    double x = 0, g = 1;
    const void *grad = &g;
    (void)state;
    MUST(luge_add(opt, 0, "x", LUGE_F64, &x, 0, NULL, &err));
    for (int k = 0; k < 2; k++) MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
    for (int i = 0; i < 3; i++) {
        double *v = luge_state(opt, 0, "momentum_buffer", i);
        CHECK(v && *v == 1 + (i == 0 ? 0 : i == 1 ? .5 : .75), "velocity %d: %g", i, v ? *v : -1);
    }
    CHECK(!luge_state(opt, 0, "momentum_buffer", 3), "there is a fourth velocity");
    CHECK(luge_set(opt, 0, "betas", "(0,0.5)", &err) && strstr(err.text, "state"), "two of three: %s", err.text);
    MUST(luge_set(opt, 0, "betas", "(0,0.25,0.5)", &err));
    luge_free(opt);
    CHECK_END();
}

static void limits_and_refusals(void **state)
{
    (void)state;
    decay_follows_its_closed_form("aggmo", "betas=(0)");
    stays_without_gradients("aggmo", "lr=0.5");
    refused("aggmo", "betas=(0,0.1,0.2,0.3,0.4,0.5,0.6,0.7,0.8)", "8");
    refused("aggmo", "betas=(0,1)", "betas[1]");
    refused("aggmo", "betas=(-0.1)", "betas[0]");
    CHECK_END();
}

static double speed;
static void rescaled(const double *x, const double *g, double *v)
{
    (void)x;
    for (int i = 0; i < FEW; i++) v[i] = -speed * g[i];
}

static void tends_to_the_rescaled_gradient_flow(void **state)
{
    (void)state;
    speed = (1 + 2 + 5) / 3.0;
    tends_to("(0, 1/2, 4/5)", "aggmo", "betas=(0,0.5,0.8)", rescaled, .3);
    speed = 10;
    tends_to("(9/10)", "aggmo", "betas=(0.9)", rescaled, .08);
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_sums_over_all_gradients),
        cmocka_unit_test(equals_its_other_conventions),
        cmocka_unit_test(velocities_by_number),
        cmocka_unit_test(limits_and_refusals),
        cmocka_unit_test(tends_to_the_rescaled_gradient_flow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
