/* RMSprop against means written as weighted sums over all gradients, in long double.  SPDX-License-Identifier: MIT */
#define SETTINGS(_)                                                                                                  \
    _(real, alpha)                                                                                                   \
    _(real, eps) _(word, eps_at) _(real, momentum) _(word, lr_at) _(flag, centered) _(real, weight_decay)
#include "methods/sums.h"

static const settings rows[] = {
    { "RMSprop", .99, 1e-8, "outside", 0, "outside", false, 0 },
    { "momentum", .95, 1e-3, "outside", .9, "outside", false, .1 },
    { "TensorFlow", .9, 1e-3, "inside", .8, "inside", false, .1 },
    { "eps 1", .9, 1, "outside", .5, "outside", false, 0 },
    { "eps 1 inside", .9, 1, "inside", .5, "outside", false, 0 },
    { "centered", .9, 1e-2, "outside", 0, "outside", true, 0 },
    { "centered, all of it", .8, 1e-3, "inside", .7, "inside", true, .2 },
};

static long double sums(const void *with, int k, const long double *g, const long double *x, const long double *lr)
{
    const settings *h = with;
    bool eps_in = !strcmp(h->eps_at, "inside"), lr_in = !strcmp(h->lr_at, "inside");
    long double in[STEPS + 1], b = 0, weight = 1;
    for (int j = 1; j <= k; j++) in[j] = g[j] + h->weight_decay * x[j - 1];
    for (int j = k; j >= 1; j--, weight *= h->momentum) {
        long double v = mean(h->alpha, j, in, 2), m = mean(h->alpha, j, in, 1);
        if (h->centered) v -= m * m;
        long double D = eps_in ? sqrtl(fmaxl(v, 0) + h->eps) : sqrtl(fmaxl(v, 0)) + h->eps;
        b += weight * (lr_in ? lr[j] : lr[k]) * in[j] / D;
    }
    return x[k - 1] - b;
}

static void equals_sums_over_all_gradients(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        against_rule(rows[i].label, "rmsprop", text(&rows[i]), .01, rows[i].centered ? -2 : -6, 1, sums, &rows[i]);
    CHECK_END();
}

/* v₁ = (1-α) g²:  the first step is η g / (√(1-α) |g| + ε), ten times η with the default α. */
static long double fresh(long double g) { return .01L * g / (sqrtl(1 - .99L) * fabsl(g) + 1e-8L); }

static void limits_and_refusals(void **state)
{
    static record r;
    double x[FEW];
    (void)state;
    record_make(&r, 6, .01, -3, 1, false);
    first_step_is("rmsprop", "lr=0.01", fresh);
    like("η inside is η outside while it is constant", &r, "rmsprop", "momentum=0.9 lr_at=inside", "rmsprop",
         "momentum=0.9");
    like("no bias to correct", &r, "rmsprop", "alpha=0.99 eps=1e-3", "adam",
         "beta1=0 beta2=0.99 eps=1e-3 bias_correction=false");
    same("defaults", &r, "rmsprop",
         "alpha=0.99 eps=1e-8 eps_at=outside momentum=0 lr_at=outside centered=false weight_decay=0", &r, "rmsprop",
         "");
    stays_without_gradients("rmsprop", "lr=0.5 momentum=0.9 centered=true");
    given[0] = 1, given[1] = 1e-3, given[2] = 1e3,
    given[3] = -7; /* v - m² tends to 0, and rounding must not turn it */
    descend("rmsprop", "alpha=0.5 centered=true eps=1e-3", few, 300, as_given, see_last, x);
    for (int i = 0; i < FEW; i++) CHECK(isfinite(x[i]), "constant gradients: %g", x[i]);
    luge_error err; /* the mean enters as a square, but it is the mean */
    luge_optimizer *opt = open_method("rmsprop", "centered=true alpha=0.75");
    double one = 1, g = 3;
    const void *grad = &g;
    MUST(luge_add(opt, 0, "x", LUGE_F64, &one, 0, NULL, &err));
    MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
    CHECK(*(double *)luge_state(opt, 0, "grad_avg", 0) == .75, "mean %g",
          *(double *)luge_state(opt, 0, "grad_avg", 0));
    luge_free(opt);
    constants_have_a_limit("rmsprop", "");
    refused("rmsprop", "alpha=1", "alpha");
    refused("rmsprop", "momentum=1", "momentum");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_sums_over_all_gradients),
        cmocka_unit_test(limits_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
