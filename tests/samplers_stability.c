/* Samplers: intervals of stability in closed form against roots, and against the steps themselves.
 * SPDX-License-Identifier: MIT */
#include "analysis/sampling.h"
#include "check.h"

static luge_error err;
enum { BETAS = 100, POINTS = 24 };
static const enum lg_rule rules[] = { LG_ab, LG_hb, LG_ghvb, LG_nesterov };

static double radius(enum lg_rule rule, int k, double beta, double re, double im)
{
    double r = 0;
    MUST(lg_sampler_radius(rule, k, beta, (double[]){ re, im }, &r, &err));
    return r;
}

/* No mismatch for k = 1 to 5 at 100 values of β: stable everywhere inside, unstable just outside. */
static void test_intervals(void **state)
{
    (void)state;
    for (size_t r = 0; r < ROWS(rules); r++)
        for (int k = 1; k <= LG_ORDERS; k++)
            for (int b = 1; b <= (rules[r] == LG_ab ? 1 : BETAS); b++) {
                double beta = rules[r] == LG_ab ? 1 : (double)b / BETAS, end = lg_sampler_interval(rules[r], k, beta);
                CHECK(radius(rules[r], k, beta, -end * (1 + 1e-6), 0) > 1 + 1e-9,
                      "rule %d k %d beta %g: stable past %g", (int)rules[r], k, beta, end);
                CHECK(radius(rules[r], k, beta, -end * (1 - 1e-6), 0) < 1, "rule %d k %d beta %g: unstable before %g",
                      (int)rules[r], k, beta, end);
                for (int i = 1; i < POINTS; i++)
                    CHECK(radius(rules[r], k, beta, -end * i / POINTS, 0) < 1,
                          "rule %d k %d beta %g: unstable inside at %g", (int)rules[r], k, beta, -end * i / POINTS);
            }
    CHECK_END();
}

/* The table of closed forms. */
static void test_table(void **state)
{
    static const double ab[] = { 2, 1, 6. / 11, 3. / 10, 90. / 551 };
    (void)state;
    for (double b = 0.05; b < 1.01; b += 0.05) {
        double hb[] = { 2 * (2 - b) / b, (2 - b) / b, 6 * (2 - b) / (11 * b), 3 * (2 - b) / (10 * b) };
        double ghvb[] = { 2 * (2 - b) / b, 2 - b, 6 * (2 - b) / (12 - b), 3 * (2 - b) / (11 - b) };
        for (int k = 1; k <= 4; k++) {
            CHECK(fabs(lg_sampler_interval(LG_hb, k, b) / hb[k - 1] - 1) < 4e-15, "HB(%d, %g)", k, b);
            CHECK(fabs(lg_sampler_interval(LG_ghvb, k, b) / ghvb[k - 1] - 1) < 4e-15, "GHVB(%d, %g)", k, b);
            CHECK(fabs(lg_sampler_interval(LG_nesterov, k, b) / (ab[k - 1] * (2 - b) / (b * (3 - 2 * b))) - 1) <
                      4e-15,
                  "NT(%d, %g)", k, b);
        }
    }
    for (int k = 1; k <= LG_ORDERS; k++)
        CHECK(fabs(lg_sampler_interval(LG_ab, k, 1) / ab[k - 1] - 1) < 4e-15, "AB%d", k);
    CHECK(fabs(lg_sampler_interval(LG_hb, 2, .9) - 1.222) < 5e-4 &&
              fabs(lg_sampler_interval(LG_nesterov, 2, .9) - 1.0185) < 5e-5,
          "the toy's intervals");
    CHECK_END();
}

/* e^{iθ} is a root at z(θ), so that the radius there is at least 1; at small θ, z is iθ to the order of the rule. */
static void test_locus(void **state)
{
    (void)state;
    for (size_t r = 0; r < ROWS(rules); r++)
        for (int k = 1; k <= LG_ORDERS; k++)
            for (double beta = 0.3; beta < 1; beta += 0.3) {
                double z[2], was = 0;
                for (double theta = 0.1; theta < 3.1; theta += 0.3) {
                    lg_sampler_locus(rules[r], k, beta, theta, z);
                    CHECK(radius(rules[r], k, beta, z[0], z[1]) > 1 - 1e-9, "rule %d k %d: %g", (int)rules[r], k,
                          theta);
                }
                for (int half = 0; half < 2; half++) {
                    double theta = half ? 0.005 : 0.01, off;
                    lg_sampler_locus(rules[r], k, beta, theta, z);
                    off = hypot(z[0], z[1] - theta);
                    double order = half ? log2(was / off) - 1 : 0,
                           right = rules[r] == LG_ab || rules[r] == LG_ghvb ? k : 1;
                    CHECK(!half || fabs(order - right) < 0.15, "rule %d k %d beta %g: order %.3f", (int)rules[r], k,
                          beta, order);
                    was = off;
                }
            }
    CHECK_END();
}

static luge_status spin(void *context, double t, size_t rows, size_t dim, const double *x, double *out, luge_error *e)
{
    const double *q = context;
    (void)t, (void)rows, (void)dim, (void)e;
    out[0] = q[0] * x[0] - q[1] * x[1];
    out[1] = q[1] * x[0] + q[0] * x[1];
    return LUGE_OK;
}

/* The steps grow or fall as the roots say, in the complex plane too. */
static void test_steps(void **state)
{
    static const char *const name[] = { "ab", "hb", "ghvb", "nesterov", "dpm" };
    static double sigma[401];
    (void)state;
    for (int i = 0; i <= 400; i++) sigma[i] = 400 - i;
    for (size_t r = 0; r < ROWS(rules); r++)
        for (int k = 1; k <= LG_ORDERS; k++)
            for (int i = 0; i < 6; i++) {
                double at = 0.4 + 0.3 * i, end = lg_sampler_interval(rules[r], k, 0.7);
                double z[2] = { -at * end * lg_cos(0.15 * i), at * end * lg_sin(0.15 * i) }, q[2] = { -z[0], -z[1] };
                double x[2] = { 1, 0.5 }, half[2], out[2], beta = rules[r] == LG_ab ? 1 : 0.7;
                char order[8];
                luge_sampler *s;
                MUST(luge_sampler_new(&s, &err));
                MUST(luge_sampler_set(s, "rule", rules[r] == LG_nesterov ? "nesterov" : name[rules[r]], &err));
                order[0] = (char)('0' + k), order[1] = 0;
                MUST(luge_sampler_set(s, "order", order, &err));
                if (beta < 1) MUST(luge_sampler_set(s, "beta", "0.7", &err));
                luge_sampler_field(s, spin, q, NULL, NULL);
                MUST(luge_sampler_run(s, 1, 2, 201, sigma, x, half, NULL, &err));
                MUST(luge_sampler_run(s, 1, 2, 401, sigma, x, out, NULL, &err));
                double grew = lg_pow(hypot(out[0], out[1]) / hypot(half[0], half[1]), 1 / 200.0),
                       right = radius(rules[r], k, beta, z[0], z[1]);
                CHECK(fabs(grew / right - 1) < 0.02, "%s(%d) at %g %+gi: grows by %.5f, roots say %.5f",
                      name[rules[r]], k, z[0], z[1], grew, right);
                luge_sampler_free(s);
            }
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_intervals),
        cmocka_unit_test(test_table),
        cmocka_unit_test(test_locus),
        cmocka_unit_test(test_steps),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
