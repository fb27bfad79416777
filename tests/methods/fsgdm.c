/* FSGDM against velocities written as sums over all gradients, in long double.  SPDX-License-Identifier: MIT */
#define SETTINGS(_)                                                                                                  \
    _(real, weight_decay) _(real, c_scaling) _(real, v_coefficient) _(real, n_stages) _(real, sigma) _(word, first)
#include "methods/sums.h"

static const settings rows[] = {
    { "FSGDM", 5e-4, .033, 1, 10, 50, "plain" },
    { "other weight", 0, .2, .6, 8, 45, "plain" },
    { "other weight, from the start", .1, .2, .6, 8, 45, "scaled" },
    { "stages of one step", 0, .5, 1, 40, 40, "plain" },
    { "fewer steps than planned", 0, .1, 1.5, 3, 1000, "plain" },
    { "more steps than planned", .01, .1, 1, 4, 16, "scaled" },
};

/* u of step k, the stages counted one by one. */
static long double factor(const settings *h, int k)
{
    int length = (int)h->sigma / (int)h->n_stages, stage = 0;
    while (stage + length <= k) stage += length;
    return stage / (stage + (long double)h->c_scaling * h->sigma);
}

/* bₖ = Σⱼ v gⱼ uⱼ₊₁ ... uₖ */
static long double sums(const void *with, int k, const long double *g, const long double *x, const long double *lr)
{
    const settings *h = with;
    long double b = 0, weight = 1;
    for (int j = k; j >= 1; weight *= factor(h, j--)) {
        long double v = j == 1 && !strcmp(h->first, "plain") ? 1 : h->v_coefficient;
        b += weight * v * (g[j] + h->weight_decay * x[j - 1]);
    }
    return x[k - 1] - lr[k] * b;
}

static void equals_sums_over_all_gradients(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        against_rule(rows[i].label, "fsgdm", text(&rows[i]), .01, -6, 1, sums, &rows[i]);
    CHECK_END();
}

static void limits_and_refusals(void **state)
{
    static record r;
    (void)state;
    record_make(&r, 6, .01, -6, 1, true);
    same("first stage", &r, "fsgdm", "n_stages=1 sigma=1000 weight_decay=0.1", &r, "sgd", "weight_decay=0.1");
    same("v = 1", &r, "fsgdm", "first=scaled", &r, "fsgdm", "first=plain");
    same("defaults", &r, "fsgdm",
         "weight_decay=5e-4 c_scaling=0.033 v_coefficient=1 n_stages=300 sigma=117000 first=plain", &r, "fsgdm", "");
    constants_have_a_limit("fsgdm", "sigma=1000");
    stays_without_gradients("fsgdm", "lr=0.5 weight_decay=0");
    refused("fsgdm", "sigma=10 n_stages=11", "n_stages");
    refused("fsgdm", "n_stages=0", "n_stages");
    refused("fsgdm", "c_scaling=0", "c_scaling");
    CHECK_END();
}

/* With the defaults: uₖ is what a step without a gradient leaves of b. */
static void the_memory_grows_in_stages(void **state)
{
    static const struct {
        int k;
        double u;
    } known[] = { { 389, 0 }, { 779, 0.0917431193 }, { 58500, 0.9380863 }, { 117000, 1 / 1.033 } };
    luge_error err;
    luge_optimizer *opt = open_method("fsgdm", "weight_decay=0 lr=0");
    double x = 0, g = 1;
    const void *grad = &g;
    (void)state;
    MUST(luge_add(opt, 0, "x", LUGE_F64, &x, 0, NULL, &err));
    for (int k = 1, at = 0; at < (int)ROWS(known); k++) {
        double *b = k > 1 ? luge_state(opt, 0, "momentum_buffer", 0) : &x, before = *b;
        g = k == known[at].k ? 0 : 1;
        MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
        if (k != known[at].k) continue;
        CHECK(fabs(*b / before - known[at].u) < 5e-8, "step %d keeps %.10g and not %.10g", k, *b / before,
              known[at].u);
        at++;
    }
    luge_free(opt);
    CHECK_END();
}

/* Within a stage the velocities after one gradient are v, u v, u² v, ...: their sum is the response at frequency 0,
 * their alternating sum the one at π. */
static void see_response(int k, const double *x, void *to)
{
    double *sum = to, b = sum[2] - x[0];
    if (k == 1001) given[0] = 0;
    if (k < 1001) sum[0] = sum[1] = 0;
    if (k == 1000) given[0] = 1;
    sum[0] += k > 1000 ? b : 0;
    sum[1] += k > 1000 ? (k % 2 ? b : -b) : 0;
    sum[2] = x[0];
}

static void responses(void **state)
{
    static const double start[FEW] = { 0 };
    double sum[3] = { 0 }, u = 1000. / (1000 + .1 * 2000), v = .7;
    (void)state;
    memset(given, 0, sizeof given);
    descend("fsgdm", "lr=1 weight_decay=0 c_scaling=0.1 v_coefficient=0.7 n_stages=2 sigma=2000", start, 1999,
            as_given, see_response, sum);
    CHECK(fabs(sum[0] - v / (1 - u)) < 1e-12, "at 0: %.17g and not %.17g", sum[0], v / (1 - u));
    CHECK(fabs(sum[1] - v / (1 + u)) < 1e-12, "at π: %.17g and not %.17g", sum[1], v / (1 + u));
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_sums_over_all_gradients),
        cmocka_unit_test(limits_and_refusals),
        cmocka_unit_test(the_memory_grows_in_stages),
        cmocka_unit_test(responses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
