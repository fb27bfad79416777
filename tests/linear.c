/* What is found of linear systems, against closed forms, and certificates against functions that try to break them.
 * SPDX-License-Identifier: MIT */
#include "check.h"
/* the header above comes first: it has what cmocka wants */
#include "analysis/linear.h"
#include "linalg/dense.h"
#include "wrap_alloc.h"
#include <complex.h>

static luge_error err;
#define CLOSE(value, expected, within)                                                                               \
    CHECK(fabs((value) - (expected)) <= (within), "%s = %.17g is not %.17g", #value, (double)(value),                \
          (double)(expected))

/* u⁺ = u + λ (u - u₋) - h g(y), y = u + a (u - u₋); states y and v = (u - u₋) / h. */
static lg_system two_step(double momentum, double h, double a)
{
    return (lg_system){ .n = 2,
                        .unit = h,
                        .place = { true },
                        .a = { 1, h * ((1 + a) * momentum - a), 0, momentum },
                        .b = { -h * (1 + a), -1 } };
}

/* d⁺ = β d + (1-β) g,  x⁺ = x - α ((1-ν) g + ν d⁺) */
static lg_system qhm(double lr, double beta, double nu)
{
    return (lg_system){ .n = 2,
                        .unit = lr,
                        .place = { true },
                        .a = { 1, -lr * nu * beta, 0, beta },
                        .b = { -lr * (1 - nu * beta), 1 - beta } };
}

/* ---- on quadratics ---- */

static void limits_of_the_two_step_family(void **state)
{
    static const struct {
        double momentum, a, stable, real;
    } rows[] = { { .5, 0, 3, 0.0857864376 },
                 { .5, .5, 1.5, 0.1111111111 },
                 { .9, 0, 3.8, 0.00263340390 },
                 { .9, .9, 1.357142857, 0.00277008310 } };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        double l = rows[i].momentum, a = rows[i].a, stable, real;
        lg_system s = two_step(l, 0.01, a);
        MUST(lg_stable_curvature(&s, &stable, &err));
        MUST(lg_real_curvature(&s, &real, &err));
        CLOSE(0.01 * stable, rows[i].stable, 1e-9);
        CLOSE(0.01 * stable, 2 * (1 + l) / (1 + 2 * a), 1e-11);
        CLOSE(0.01 * real, rows[i].real, 5e-11);
        CLOSE(0.01 * real, a > 0 ? pow((1 - l) / (1 + l), 2) : pow(1 - sqrt(l), 2), 1e-11);
    }
    CHECK_END();
}

static void radius_of_the_two_step_family(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 2000; i++) {
        double l = lg_uniform(1, 0, i), a = 2 * lg_uniform(2, 0, i) * l, x = 4 * lg_uniform(3, 0, i), radius;
        double b = 1 + l - (1 + a) * x, c = l - a * x, d = b * b - 4 * c;
        lg_system s = two_step(l, 1, a);
        if (fabs(d) < 1e-3) continue; /* a nearly double root moves by the square root of rounding */
        MUST(lg_radius(&s, x, &radius, &err));
        CLOSE(radius, d < 0 ? sqrt(c) : (fabs(b) + sqrt(d)) / 2, 1e-12);
    }
    CHECK_END();
}

static void quasi_hyperbolic_limit_and_variance(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 2000; i++) {
        double b = lg_uniform(4, 0, i), nu = lg_uniform(5, 0, i), q = 0.1 + 5 * lg_uniform(6, 0, i), most;
        double edge = 2 * (1 + b) / (1 + b * (1 - 2 * nu)), alr = edge * (0.02 + 0.96 * lg_uniform(7, 0, i)),
               lr = alr / q;
        lg_system s = qhm(lr, b, nu);
        double n = 1 - b * b + alr * b * (1 - nu) * (1 + b * (1 - 2 * nu)), summed, solved;
        double variance = lr * n / (q * (1 - b + alr * b * (1 - nu)) * (2 * (1 + b) - alr * (1 + b - 2 * b * nu)));
        MUST(lg_stable_curvature(&s, &most, &err));
        CLOSE(most * lr / edge, 1, 1e-10);
        MUST(lg_noise(&s, q, &summed, &solved, &err));
        CLOSE(solved / variance, 1, 1e-10);
        CLOSE(summed / variance, 1, 1e-10);
    }
    CHECK_END();
}

/* At the best step two roots are one, which rounding moves by its square root: 1e-7. */
static void best_rates(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        double k = (double[]){ 10, 25, 100 }[i], r = sqrt(k), most, rate;
        double b = (r - 1) / (r + 1), best = (sqrt(3 * k + 1) - 2) / (sqrt(3 * k + 1) + 2);
        lg_system gradient = two_step(0, 1, 0), polyak = two_step(b * b, 1, 0), ahead = two_step(best, 1, best);
        MUST(lg_best_curvature(&gradient, k, &most, &rate, &err));
        CLOSE(most, 2 * k / (k + 1), 1e-10);
        CLOSE(rate, (k - 1) / (k + 1), 1e-10);
        MUST(lg_best_curvature(&polyak, k, &most, &rate, &err));
        CLOSE(most, 4 * k / ((r + 1) * (r + 1)), 1e-6);
        CLOSE(rate, b, 1e-7);
        MUST(lg_best_curvature(&ahead, k, &most, &rate, &err));
        CLOSE(most, 4 * k / (3 * k + 1), 1e-6);
        CLOSE(rate, 1 - 2 / sqrt(3 * k + 1), 1e-7);
    }
    CHECK_END();
}

static void what_is_never_stable_says_so(void **state)
{
    lg_system marginal = { .n = 2, .unit = 1, .place = { true }, .a = { 1, -1, 0, 1 }, .b = { -1, 1 } },
              growing = two_step(1.01, 1, 0), still = { .n = 1, .unit = 1, .place = { true }, .a = { 1 } };
    double most, rate, summed, solved;
    (void)state;
    MUST(lg_stable_curvature(&growing, &most, &err)); /* momentum 1.01 */
    CLOSE(most, 0, 0);
    MUST(lg_best_curvature(&marginal, 10, &most, &rate, &err));
    CHECK(isnan(most) && isnan(rate), "%g %g", most, rate);
    MUST(lg_stable_curvature(&still, &most, &err)); /* gradients do not move it */
    CHECK(isinf(most), "%g", most);
    MUST(lg_real_curvature(&still, &most, &err));
    CHECK(isnan(most), "%g", most);
    MUST(lg_noise(&marginal, 1, &summed, &solved, &err));
    CHECK(isinf(summed) && isinf(solved), "%g %g", summed, solved);
    CHECK_END();
}

/* ---- filters ---- */

/* H = v / (1 - u e^-iω) */
static void filter_of_one_velocity(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 500; i++) {
        double u = 1.9 * lg_uniform(8, 0, i) - .95, v = .1 + lg_uniform(9, 0, i),
               omega = 3.14159 * lg_uniform(10, 0, i);
        lg_system s = { .n = 2, .unit = .1, .place = { true }, .a = { 1, -.1 * u, 0, u }, .b = { -.1 * v, v } };
        double magnitude, phase, slots[1] = { 0 };
        MUST(lg_filter_at(&s, omega, &magnitude, &phase, &err));
        CLOSE(magnitude, v / sqrt(1 - 2 * u * cos(omega) + u * u), 1e-12);
        CLOSE(phase, -atan2(u * sin(omega), 1 - u * cos(omega)), 1e-12);
        for (int n = 0; n < 20; n++) CLOSE(lg_filter_step(&s, n == 0, slots), v * pow(u, n), 1e-14);
    }
    CHECK_END();
}

/* The same method, but its slot holds a place: u itself, with y = u + h a v and h v⁺ = u⁺ - u. */
static void places_move_with_the_parameter(void **state)
{
    double l = .7, h = .1, a = .4;
    lg_system plain = two_step(l, h, a);
    /* h v = (y - u) / a:  h v⁺ = l (y - u) / a - h g,  u⁺ = u + h v⁺,  y⁺ = u⁺ + a h v⁺ */
    lg_system placed = { .n = 2,
                         .unit = h,
                         .place = { true, true },
                         .a = { (1 + a) * l / a, 1 - (1 + a) * l / a, l / a, 1 - l / a },
                         .b = { -(1 + a) * h, -h } };
    (void)state;
    for (int i = 0; i <= 10; i++) {
        double one[2], other[2];
        MUST(lg_filter_at(&plain, .3 * i, &one[0], &one[1], &err));
        MUST(lg_filter_at(&placed, .3 * i, &other[0], &other[1], &err));
        CLOSE(one[0], other[0], 1e-12);
        CLOSE(one[1], other[1], 1e-12);
    }
    lg_two_step t = lg_two_step_of(&placed);
    CHECK(t.is, "not of the two-step form");
    CLOSE(t.momentum, l, 1e-12);
    CLOSE(t.h, h, 1e-12);
    CLOSE(t.a, a, 1e-12);
    CHECK_END();
}

static void two_step_form_is_found(void **state)
{
    lg_system decaying = { .n = 2, .unit = 1, .place = { true }, .a = { .9, -.5, 0, .5 }, .b = { -1, 1 } };
    (void)state;
    for (uint64_t i = 0; i < 500; i++) {
        double l = lg_uniform(11, 0, i), h = .1 + lg_uniform(12, 0, i), a = 2 * lg_uniform(13, 0, i) - .5;
        lg_system s = two_step(l, h, a);
        lg_two_step t = lg_two_step_of(&s);
        if (fabs((1 + a) * l - a) < 1e-2) continue; /* then it is gradient descent, whatever λ */
        CHECK(t.is, "row %d: not found", (int)i);
        CLOSE(t.momentum, l, 1e-13);
        CLOSE(t.h, h, 1e-13);
        CLOSE(t.a, a, 1e-13);
    }
    CHECK(!lg_two_step_of(&decaying).is, "with weight decay it is another family");
    CHECK_END();
}

/* ---- certificates ---- */

typedef struct tuned {
    lg_system gradient, triple, nesterov, polyak;
} tuned;

static tuned tune(double k)
{
    double r = sqrt(k), rho = 1 - 1 / r, b = (r - 1) / (r + 1), square = rho * rho;
    return (tuned){ two_step(0, 2 / (k + 1), 0),
                    two_step(square / (2 - rho), (1 + rho) / k, square / ((1 + rho) * (2 - rho))),
                    two_step(b, 1 / k, b), two_step(b * b, 4 / ((r + 1) * (r + 1)), 0) };
}

static void known_rates_are_certified(void **state)
{
    (void)state;
    for (int i = 0; i < 3; i++) {
        double k = (double[]){ 10, 25, 100 }[i];
        tuned t = tune(k);
        lg_certificate c;
        MUST(lg_certify(&t.gradient, 1, k, &c, &err));
        CHECK(c.holds, "gradient descent, %g", k);
        CLOSE(c.rate, (k - 1) / (k + 1), 1e-8);
        MUST(lg_certify(&t.triple, 1, k, &c, &err));
        CHECK(c.holds, "triple momentum, %g", k);
        CLOSE(c.rate, 1 - 1 / sqrt(k), 1e-6);
        CLOSE(c.weight, c.rate * c.rate, 1e-3);
        MUST(lg_certify(&t.nesterov, 1, k, &c, &err));
        CHECK(c.holds && c.rate > c.quadratic && c.rate < sqrt(1 - 1 / sqrt(k)), "Nesterov, %g: %g", k, c.rate);
        MUST(lg_certify(&t.polyak, 1, k, &c, &err));
        CHECK(c.holds == (k == 10), "heavy ball, %g: %g", k, c.rate);
        CHECK(c.holds ? c.rate < 1 : c.rate == 1 && c.margin < 0, "heavy ball, %g: margin %g", k, c.margin);
    }
    CHECK_END();
}

/* What was proved, once more: the inequality from G by solving, on a fine grid, in another form. */
static double complex transfer(const lg_system *s, double complex z)
{
    double complex a = z - s->a[0], b = -s->a[1], c = -s->a[2], d = z - s->a[3];
    return (d * s->b[0] - b * s->b[1]) / (a * d - b * c);
}

static double left_side(const lg_system *s, double k, double rate, double weight, int grid)
{
    double least = HUGE_VAL;
    for (int i = 0; i <= grid; i++) {
        double complex z = rate * cexp((double complex)I * 3.14159265358979324 * i / grid), g = transfer(s, z);
        least = fmin(least, creal((1 - weight / z) * (1 - k * g) / (1 - g)));
    }
    return least;
}

static void certificates_hold_on_a_fine_grid(void **state)
{
    int held = 0;
    (void)state;
    for (uint64_t i = 0; i < 40; i++) {
        double k = 2 + 40 * lg_uniform(14, 0, i), l = .8 * lg_uniform(15, 0, i), a = l * lg_uniform(16, 0, i);
        lg_system s = two_step(l, (.2 + 1.2 * lg_uniform(17, 0, i)) / k, a);
        lg_certificate c, below;
        MUST(lg_certify(&s, 1, k, &c, &err));
        if (!c.holds) continue;
        held++;
        CHECK(c.rate > c.quadratic && c.rate < 1 && c.weight >= 0 && c.weight <= c.rate * c.rate, "row %d", (int)i);
        CHECK(left_side(&s, k, c.rate, c.weight, 100000) > 0, "row %d: rate %g", (int)i, c.rate);
        if (c.rate - c.quadratic < 1e-4) continue; /* the rate on quadratics, which nothing can be below */
        MUST(lg_certify_at(&s, 1, k, c.rate - 1e-5, &below, &err));
        for (int j = 0; j <= 50; j++)
            CHECK(left_side(&s, k, below.rate, below.rate * below.rate * j / 50, 4000) < 0,
                  "row %d: a weight was missed", (int)i);
    }
    CHECK(held > 30, "only %d of 40 have a certificate", held);
    CHECK_END();
}

/* F' = m x between kinks, L x beyond: slopes between 1 and k, F'(0) = 0. */
typedef struct bent {
    double k, from, to;
} bent;
static double slope_of(const bent *f, double x)
{
    double size = fabs(x), steep = fmin(fmax(size - f->from, 0), f->to - f->from);
    return copysign(size + (f->k - 1) * (size - steep), x);
}

/* Functions that bend the way of Lessard, Recht and Packard's example: none is slower than the certificate. */
static void functions_keep_to_the_certificate(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 12; i++) {
        double k = (double[]){ 10, 25, 100 }[i / 4];
        tuned t = tune(k);
        const lg_system *each[] = { &t.gradient, &t.triple, &t.nesterov, &t.polyak }, *s = each[i % 4];
        lg_certificate c;
        MUST(lg_certify(s, 1, k, &c, &err));
        for (uint64_t j = 0; c.holds && j < 100; j++) {
            bent f = { k, lg_uniform(18, i, j), 1 + 2 * lg_uniform(19, i, j) };
            double x = 5 * lg_uniform(20, i, j), v = 0;
            int steps = (int)(log(1e-12) / log(c.rate));
            for (int n = 0; n < steps; n++) {
                double g = slope_of(&f, x);
                x = s->a[0] * x + s->a[1] * v + s->b[0] * g;
                v = s->a[3] * v + s->b[1] * g;
            }
            CHECK(fabs(x) < 1e-12 * 1e4, "k %g, method %d: %g is left after %d steps", k, (int)i % 4, x, steps);
        }
    }
    CHECK_END();
}

/* Ascent satisfies the inequality, but is stable on no quadratic. */
static void ascent_is_not_certified(void **state)
{
    lg_system s = two_step(.5, -1, 0);
    lg_certificate c;
    (void)state;
    MUST(lg_certify(&s, 1, 4, &c, &err));
    CHECK(!c.holds && c.rate == 1 && c.margin > 0, "rate %g, margin %g", c.rate, c.margin);
    CHECK_END();
}

/* ---- what cannot be done ---- */

static void refusals(void **state)
{
    lg_system s = two_step(.9, .1, 0);
    lg_certificate c;
    double a[4] = { 1, 2, 2, 4 }, x[2] = { 1, 1 };
    (void)state;
    assert_int_equal(lg_certify(&s, 0, 1, &c, &err), LUGE_E_ARG);
    assert_int_equal(lg_certify(&s, 2, 1, &c, &err), LUGE_E_ARG);
    assert_int_equal(lg_certify(&s, 1, (double)NAN, &c, &err), LUGE_E_ARG);
    assert_int_equal(lg_solve(2, a, x, &err), LUGE_E_NUMERIC);
    s.a[1] = (double)NAN;
    assert_int_equal(lg_radius(&s, 1, x, &err), LUGE_E_NUMERIC);
}

static luge_status everything(void)
{
    lg_system s = two_step(.5, .1, 0);
    lg_certificate c;
    double x, y;
    luge_status st;
    LG_TRY(lg_filter_at(&s, 1, &x, &y, &err));
    LG_TRY(lg_noise(&s, 1, &x, &y, &err));
    LG_TRY(lg_certify_at(&s, 1, 2, .99, &c, &err));
done:
    return st;
}

static void any_allocation_may_fail(void **state)
{
    luge_status st;
    (void)state;
    for (long n = 1;; n++) {
        long live = wrap_live;
        wrap_fail(n);
        st = everything();
        if (!wrap_failed()) break;
        assert_int_equal(st, LUGE_E_MEMORY);
        assert_int_equal(wrap_live, live);
    }
    assert_int_equal(st, LUGE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_of_the_two_step_family),
        cmocka_unit_test(radius_of_the_two_step_family),
        cmocka_unit_test(quasi_hyperbolic_limit_and_variance),
        cmocka_unit_test(best_rates),
        cmocka_unit_test(what_is_never_stable_says_so),
        cmocka_unit_test(filter_of_one_velocity),
        cmocka_unit_test(places_move_with_the_parameter),
        cmocka_unit_test(two_step_form_is_found),
        cmocka_unit_test(known_rates_are_certified),
        cmocka_unit_test(certificates_hold_on_a_fine_grid),
        cmocka_unit_test(functions_keep_to_the_certificate),
        cmocka_unit_test(ascent_is_not_certified),
        cmocka_unit_test(refusals),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
