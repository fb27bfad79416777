/* Samplers: the rules against references from the formulas, their orders, stability and traps.
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "samplers/sampler.h"
#include <stdio.h>
#include <string.h>

static luge_error err;

/* ---- one rule, on a field in one or two numbers ---- */

static luge_sampler *sampler(const char *rule, const char *order, const char *start)
{
    luge_sampler *s;
    MUST(luge_sampler_new(&s, &err));
    MUST(luge_sampler_set(s, "rule", rule, &err));
    MUST(luge_sampler_set(s, "order", order, &err));
    MUST(luge_sampler_set(s, "start", start, &err));
    return s;
}

/* Uniform steps, or with `ratio` uniform in log σ. */
static void nodes(double from, double to, int steps, bool ratio, double *sigma)
{
    for (int i = 0; i <= steps; i++)
        sigma[i] = i == steps ? to
                   : ratio    ? from * lg_exp(i * lg_log(to / from) / steps)
                              : from + (to - from) * i / steps;
}

enum { MOST = 2000 };

static void integrate(luge_sampler *s, double from, double to, int steps, bool ratio, size_t dim, const double *x,
                      double *out)
{
    static double sigma[MOST];
    nodes(from, to, steps, ratio, sigma);
    MUST(luge_sampler_run(s, 1, dim, (size_t)steps + 1, sigma, x, out, NULL, &err));
}

/* ---- orders on the mixture ---- */

static const double means[] = { -2, 0.5, 3 }, sds[] = { 0.5, 0.4, 0.7 }, weights[] = { 0.3, 0.45, 0.25 };
static luge_mixture three = { 3, 1, weights, means, sds };

typedef long double real;

/* -σ times the score, straight from the density in long double. */
static real noise(real sigma, real x)
{
    real p = 0, slope = 0;
    for (int i = 0; i < 3; i++) {
        real s = (real)sds[i], v = s * s + sigma * sigma, d = x - (real)means[i];
        real q = (real)weights[i] / sqrtl(v) * expl(-d * d / (2 * v));
        p += q, slope -= q * d / v;
    }
    return -sigma * slope / p;
}

static real exact(real from, real to, int steps, real x)
{
    real h = (to - from) / steps;
    for (int i = 0; i < steps; i++) {
        real t = from + i * h, a = noise(t, x), b = noise(t + h / 2, x + h / 2 * a);
        real c = noise(t + h / 2, x + h / 2 * b), d = noise(t + h, x + h * c);
        x += h / 6 * (a + 2 * b + 2 * c + d);
    }
    return x;
}

typedef struct order_row {
    const char *rule, *order, *start;
    double least, most; /* of the last observed order */
    double error, within;
} order_row;

static const order_row order_rows[] = {
    { "hb", "0.8", "cold", 0.97, 1.05, 0, 1e-3 },
    { "hb", "1.8", "cold", 0.97, 1.05, 0, 1e-3 },
    { "hb", "2.8", "cold", 0.97, 1.05, 0, 1e-3 },
    { "hb", "3.8", "cold", 0.97, 1.05, 0, 1e-3 },
    { "hb", "1.5", "cold", 0.97, 1.05, 0, 1e-3 },
    { "nesterov", "1.5", "cold", 0.9, 1.1, 0, 1e-3 },
    { "nesterov", "2.5", "cold", 0.9, 1.1, 0, 1e-3 },
    { "ghvb", "0.8", "cold", 0.97, 1.05, 0, 1e-3 },
    { "ghvb", "1.8", "cold", 1.97, 2.02, 2.5e-6, 5e-8 },
    { "ghvb", "1.5", "cold", 1.95, 2.02, 4.1e-6, 5e-8 },
    { "ghvb", "2.8", "cold", 1.9, 2.9, 0, 1e-6 },
    { "ghvb", "2.8", "rk4", 2.95, 3.1, 0, 1e-7 },
    { "ghvb", "2.5", "rk4", 2.9, 3.1, 0, 1e-7 },
    { "ghvb", "3.8", "rk4", 3.9, 5, 0, 1e-8 },
    { "ghvb", "3.5", "rk4", 3.9, 5, 0, 1e-8 },
    { "ghvb", "4.8", "rk4", 4.8, 5.2, 0, 1e-10 },
    { "ab", "2", "cold", 1.95, 2.05, 0, 1e-5 },
    { "ab", "3", "rk4", 2.9, 3.1, 0, 1e-7 },
    { "ab", "4", "rk4", 3.9, 5, 0, 1e-8 },
};

static void test_orders(void **state)
{
    real right = exact(3, 0.3L, 40000, 2.2L);
    double x = 2.2, out, error[5];

    (void)state;
    for (size_t i = 0; i < ROWS(order_rows); i++) {
        const order_row *r = &order_rows[i];
        luge_sampler *s = sampler(r->rule, r->order, r->start);
        luge_sampler_field(s, luge_mixture_noise, &three, NULL, NULL);
        for (int k = 0; k < 5; k++) {
            integrate(s, 3, 0.3, 80 << k, false, 1, &x, &out);
            error[k] = fabs((double)((real)out - right));
        }
        double order = log2(error[3] / error[4]);
        CHECK(order > r->least && order < r->most, "%s %s %s: order %.3f is not in (%g,%g): errors %.2e %.2e",
              r->rule, r->order, r->start, order, r->least, r->most, error[3], error[4]);
        CHECK(fabs(error[4] - r->error) <= r->within, "%s %s %s: last error %.3e, expected %g within %g", r->rule,
              r->order, r->start, error[4], r->error, r->within);
        luge_sampler_free(s);
    }
    CHECK_END();
}

/* DPM-Solver++(2M): uniform in log σ. */
static void test_orders_dpm(void **state)
{
    static const struct {
        const char *order;
        double least, most, error;
    } rows[] = { { "2", 1.97, 2.03, 1.9e-5 },
                 { "1.9", .96, 1.02, 1.5e-3 },
                 { "1.8", .96, 1.02, 3.4e-3 },
                 { "1.5", .94, 1.02, 1.3e-2 } };
    real right = exact(10, 0.1L, 40000, 7.3L);
    double x = 7.3, out, error[5];

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        luge_sampler *s = sampler("dpm", rows[i].order, "cold");
        luge_sampler_field(s, luge_mixture_data, &three, NULL, NULL);
        for (int k = 0; k < 5; k++) {
            integrate(s, 10, 0.1, 40 << k, true, 1, &x, &out);
            error[k] = fabs((double)((real)out - right));
        }
        double order = log2(error[3] / error[4]);
        CHECK(order > rows[i].least && order < rows[i].most, "dpm %s: order %.3f, errors %.2e %.2e", rows[i].order,
              order, error[3], error[4]);
        CHECK(fabs(error[4] / rows[i].error - 1) < .06, "dpm %s: last error %.3e, expected %.1e", rows[i].order,
              error[4], rows[i].error);
        luge_sampler_free(s);
    }
    CHECK_END();
}

/* A history from the exact trajectory before the start, in place of any start-up. */
static void test_orders_warmed(void **state)
{
    enum { BEFORE = 60 };
    static const struct {
        const char *order;
        double least, most;
    } rows[] = { { "2.8", 2.97, 3.03 }, { "2.5", 2.97, 3.03 }, { "3.8", 3.9, 5.2 }, { "3.5", 3.9, 5.2 } };
    real right = exact(3, 0.3L, 40000, 2.2L);

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        double error[3];
        for (int k = 0; k < 3; k++) {
            int steps = 320 << k;
            double delta = -2.7 / steps, x = 2.2, f;
            luge_sampler *s = sampler("ghvb", rows[i].order, "cold");
            MUST(luge_sampler_begin(s, 1, &err));
            for (int n = -BEFORE; n < steps; n++) {
                double at = 3 + n * delta, before = n < 0 ? (double)exact(3, (real)at, 200, 2.2L) : x;
                MUST(luge_mixture_noise(&three, at, 1, 1, &before, &f, &err));
                MUST((n < 0 ? luge_sampler_warm(s, at, at + delta, &f, &err)
                            : luge_sampler_step(s, at, at + delta, &f, &x, &err)));
            }
            error[k] = fabs((double)((real)x - right));
            luge_sampler_free(s);
        }
        double order = log2(error[1] / error[2]);
        CHECK(order > rows[i].least && order < rows[i].most, "ghvb %s warmed: order %.3f, errors %.2e %.2e",
              rows[i].order, order, error[1], error[2]);
    }
    CHECK_END();
}

/* ---- predictions in closed form ---- */

static void test_predictions(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 400; i++) {
        double x = 8 * lg_normal(1, 0, i), sigma = 5 * lg_uniform(1, 1, i), out, data;
        real right = noise((real)sigma, (real)x);
        MUST(luge_mixture_noise(&three, sigma, 1, 1, &x, &out, &err));
        MUST(luge_mixture_data(&three, sigma, 1, 1, &x, &data, &err));
        CHECK(fabs(out - (double)right) < 4e-15 * (1 + fabs(x) * 10), "at %g, noise %g: %.17g, reference %.17Lg", x,
              sigma, out, right);
        CHECK(fabs(data - (x - sigma * out)) < 1e-14 * (1 + fabs(x)), "at %g, noise %g: data %.17g", x, sigma, data);
    }
    /* Far out one part is left: the slope of its own density, although every density is 0 in floating point. */
    double far = 1e6, out;
    MUST(luge_mixture_noise(&three, 1, 1, 1, &far, &out, &err));
    CHECK(fabs(out / ((far - 3) / 1.49) - 1) < 1e-15, "at 1e6: %.17g", out);
    /* In several dimensions one part gives (x - mean)/(s² + σ²) by coordinates. */
    static const double one = 2, sd = 0.5, mean[] = { 1, -1, 2, 0, 3 };
    luge_mixture five = { 1, 5, &one, mean, &sd };
    double x[10] = { 1, 2, 3, 4, 5, -1, -2, -3, -4, -5 }, eps[10];
    MUST(luge_mixture_noise(&five, 2, 2, 5, x, eps, &err));
    for (int i = 0; i < 10; i++)
        CHECK(fabs(eps[i] - 2 * (x[i] - mean[i % 5]) / 4.25) < 1e-15 * 4, "coordinate %d", i);
    CHECK(luge_mixture_noise(&three, -1, 1, 1, x, eps, &err) == LUGE_E_ARG, "negative noise");
    CHECK(luge_mixture_noise(&three, 1, 1, 2, x, eps, &err) == LUGE_E_SHAPE, "another dimension");
    CHECK_END();
}

/* ---- the toy problems ---- */

static luge_status linear(void *context, double t, size_t rows, size_t dim, const double *x, double *out,
                          luge_error *e)
{
    (void)context, (void)t, (void)rows, (void)dim, (void)e;
    out[0] = x[1];
    out[1] = -9 * x[0] - 10 * x[1];
    return LUGE_OK;
}

static void test_stability_toy(void **state)
{
    static const struct {
        const char *rule, *order;
        double error, later;
    } rows[] = {
        { "ab", "1", 1.36e-2, 5e-11 },   { "ab", "2", 1.44, 1.3e4 },      { "hb", "1.9", 2.9e-3, 1e-11 },
        { "hb", "1.8", 6.3e-3, 3e-11 },  { "ghvb", "1.9", 4.7e-2, 9e-9 }, { "ghvb", "1.8", 7.2e-4, 1e-11 },
        { "nesterov", "1.9", 0.78, 90 },
    };
    double x[2] = { -1, 0 }, out[2];

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        luge_sampler *s = sampler(rows[i].rule, rows[i].order, "cold");
        double right[2] = { (-9 * exp(-3) + exp(-27)) / 8, (9 * exp(-3) - 9 * exp(-27)) / 8 }, error, later;
        CHECK(fabs(right[0] + 0.05601) < 5e-6 && fabs(right[1] - 0.05601) < 5e-6, "x(3) = %.6f %.6f", right[0],
              right[1]);
        luge_sampler_field(s, linear, NULL, NULL, NULL);
        integrate(s, 0, 3, 26, false, 2, x, out);
        error = hypot(out[0] - right[0], out[1] - right[1]);
        integrate(s, 0, 24, 208, false, 2, x, out);
        later = hypot(out[0] + 9. / 8 * exp(-24), out[1] - 9. / 8 * exp(-24));
        CHECK(fabs(error / rows[i].error - 1) < .02, "%s %s: error %.4e at 3", rows[i].rule, rows[i].order, error);
        CHECK(later / rows[i].later < 1.6 && rows[i].later / later < 1.6, "%s %s: error %.3e at 24", rows[i].rule,
              rows[i].order, later);
        luge_sampler_free(s);
    }
    CHECK_END();
}

static void test_divergence_artifact(void **state)
{
    static const struct {
        int steps;
        const char *rule, *order;
        double error;
    } rows[] = { { 15, "ab", "4", .267 },     { 15, "hb", "3.8", .021 },  { 15, "hb", "3.5", .032 },
                 { 15, "ghvb", "3.5", .082 }, { 20, "ab", "4", .0345 },   { 20, "hb", "3.8", .0062 },
                 { 60, "ab", "4", 1.3e-6 },   { 60, "hb", "3.8", 8.4e-4 } };
    static const double one = 1, zero = 0, narrow = 0.1;
    luge_mixture u = { 1, 1, &one, &zero, &one }, c = { 1, 1, &one, &one, &narrow };
    double x = 3, out;

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        luge_sampler *s = sampler(rows[i].rule, rows[i].order, "cold");
        MUST(luge_sampler_set(s, "guidance", "7.5", &err));
        luge_sampler_field(s, luge_mixture_noise, &u, luge_mixture_noise, &c);
        integrate(s, 3, 0.05, rows[i].steps, false, 1, &x, &out);
        CHECK(fabs(fabs(out - 1.01497711) / rows[i].error - 1) < .035, "%s %s in %d steps: error %.4e, expected %g",
              rows[i].rule, rows[i].order, rows[i].steps, fabs(out - 1.01497711), rows[i].error);
        luge_sampler_free(s);
    }
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_orders),        cmocka_unit_test(test_orders_dpm),
        cmocka_unit_test(test_orders_warmed), cmocka_unit_test(test_predictions),
        cmocka_unit_test(test_stability_toy), cmocka_unit_test(test_divergence_artifact),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
