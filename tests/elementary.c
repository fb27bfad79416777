/* Elementary functions against the long double functions of the C library, whose own error is below 2^-10 of a unit
 * in the last place of a double.  SPDX-License-Identifier: MIT */
#include "core/core.h"
#include <float.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

enum { POINTS = 200000 };

static double units(double got, long double want)
{
    int e;
    if (isnan(got) || isnan(want)) return isnan(got) && isnan(want) ? 0 : HUGE_VAL;
    if (isinf(got) || fabsl(want) > (long double)DBL_MAX) return got == (double)want ? 0 : HUGE_VAL;
    frexpl(want, &e);
    return (double)(fabsl((long double)got - want) / ldexpl(1, e < -1021 ? -1074 : e - 53));
}

/* How the arguments are drawn: x evenly in [lo, hi); x = 2^u; x = 2^u and y with |y log x| < 745. */
enum draw { EVEN, POWER, BOTH };

static const struct row {
    const char *name;
    double (*one)(double);
    long double (*want)(long double);
    enum draw draw;
    double lo, hi, units; /* units: the bound that elementary.c states */
} rows[] = {
    { "exp", lg_exp, expl, EVEN, -708, 709.7, 0.62 },
    { "exp small", lg_exp, expl, EVEN, -1, 1, 0.62 },
    { "exp tiny", lg_exp, expl, POWER, -1074, 0, 0.62 },
    { "exp subnormal", lg_exp, expl, EVEN, -746, -708, 0.78 },
    { "log", lg_log, logl, POWER, -1074, 1024, 0.51 },
    { "log near 1", lg_log, logl, EVEN, 0.5, 2, 0.51 },
    { "log nearer 1", lg_log, logl, EVEN, 0.9999, 1.0001, 0.51 },
    { "sin", lg_sin, sinl, EVEN, -10, 10, 0.81 },
    { "sin large", lg_sin, sinl, EVEN, -0x1p20, 0x1p20, 0.81 },
    { "sin tiny", lg_sin, sinl, POWER, -1074, 1, 0.81 },
    { "cos", lg_cos, cosl, EVEN, -10, 10, 0.81 },
    { "cos large", lg_cos, cosl, EVEN, -0x1p20, 0x1p20, 0.81 },
    { "tanh", lg_tanh, tanhl, EVEN, -2, 2, 1.37 },
    { "tanh large", lg_tanh, tanhl, EVEN, -30, 30, 1.37 },
    { "tanh tiny", lg_tanh, tanhl, POWER, -1074, 1, 1.37 },
    { "pow", NULL, NULL, BOTH, -1074, 1024, 0.62 },
    { "pow near 1", NULL, NULL, BOTH, -1, 1, 0.62 },
    { "pow nearer 1", NULL, NULL, BOTH, -1e-9, 1e-9, 0.62 },
};

static void errors_are_as_stated(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const struct row *r = &rows[i];
        double worst = 0, at = 0;
        for (uint64_t k = 0; k < POINTS; k++) {
            double u = r->lo + (r->hi - r->lo) * lg_uniform(1, i, k), x = r->draw == EVEN ? u : exp2(u), y = 0, e;
            if (r->draw == BOTH) y = (2 * lg_uniform(2, i, k) - 1) * 744 / fmax(fabs(log(x)), 1e-9);
            if (r->one)
                e = units(r->one(x), r->want((long double)x));
            else
                e = units(lg_pow(x, y), powl((long double)x, (long double)y));
            if (r->draw == BOTH && y * log(x) < -708) e *= 0.62 / 0.78; /* subnormal, as exp */
            if (e > worst) worst = e, at = x;
        }
        if (worst > r->units) fail_msg("%s: %.3f units at %.17g, %.2f are stated", r->name, worst, at, r->units);
    }
}

/* The doubles next to multiples of π/2 lose the most digits in the reduction. */
static void sin_and_cos_near_their_zeros(void **state)
{
    (void)state;
    for (int k = -600000; k <= 600000; k += k > -300 && k < 300 ? 1 : 37) {
        double x = (double)(k * 1.57079632679489661923132169163975144L);
        for (int i = 0; i < 3; i++, x = nextafter(x, HUGE_VAL)) {
            assert_true(units(lg_sin(x), sinl((long double)x)) <= 0.81);
            assert_true(units(lg_cos(x), cosl((long double)x)) <= 0.81);
        }
    }
}

/* Beyond 2^20 the value is that of an argument within 2^-53 |x| of x. */
static void sin_and_cos_far_out(void **state)
{
    (void)state;
    for (uint64_t k = 0; k < 20000; k++) {
        double x = 0x1p20 * exp2(20 * lg_uniform(3, 0, k)), far = x * 0x1p-53 + 0x1p-52;
        assert_true(fabsl((long double)lg_sin(x) - sinl((long double)x)) <= (long double)far);
        assert_true(fabsl((long double)lg_cos(-x) - cosl((long double)x)) <= (long double)far);
    }
    assert_true(fabs(lg_sin(1e300)) <= 1 && fabs(lg_cos(1e300)) <= 1);
}

static const double nan_ = (double)NAN, inf = HUGE_VAL, least = 0x1p-1074;

static bool same(double a, double b)
{
    return (isnan(a) && isnan(b)) || memcmp(&a, &b, sizeof a) == 0; /* 0 and -0 differ */
}

static void special_values(void **state)
{
    static const struct {
        double (*f)(double);
        double x, want;
    } one[] = {
        { lg_exp, 0, 1 },
        { lg_exp, -0.0, 1 },
        { lg_exp, 1e9, HUGE_VAL },
        { lg_exp, -1e9, 0 },
        { lg_exp, HUGE_VAL, HUGE_VAL },
        { lg_exp, -HUGE_VAL, 0 },
        { lg_exp, 0x1p-1074, 1 },
        { lg_log, 1, 0 },
        { lg_log, 0, -HUGE_VAL },
        { lg_log, -0.0, -HUGE_VAL },
        { lg_log, HUGE_VAL, HUGE_VAL },
        { lg_sin, 0, 0 },
        { lg_sin, -0.0, -0.0 },
        { lg_sin, 0x1p-1074, 0x1p-1074 },
        { lg_cos, 0, 1 },
        { lg_cos, 0x1p-1074, 1 },
        { lg_tanh, 0, 0 },
        { lg_tanh, -0.0, -0.0 },
        { lg_tanh, HUGE_VAL, 1 },
        { lg_tanh, -HUGE_VAL, -1 },
        { lg_tanh, 400, 1 },
        { lg_tanh, -400, -1 },
        { lg_tanh, -0x1p-1074, -0x1p-1074 },
    };
    double (*const all[])(double) = { lg_exp, lg_log, lg_sin, lg_cos, lg_tanh };

    (void)state;
    for (size_t i = 0; i < sizeof one / sizeof *one; i++)
        if (!same(one[i].f(one[i].x), one[i].want)) fail_msg("row %zu: %g", i, one[i].f(one[i].x));
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) assert_true(isnan(all[i](nan_)));
    assert_true(isnan(lg_log(-1)) && isnan(lg_log(-inf)));
    assert_true(isnan(lg_sin(inf)) && isnan(lg_cos(-inf)));
    assert_true(lg_exp(709.782712893384) < inf && lg_exp(709.7827128933841) == inf);
    assert_true(lg_exp(-745.1332191019411) == least && lg_exp(-745.1332191019413) == 0);
}

/* C11, F.10.4.4, for x >= 0. */
static void special_powers(void **state)
{
    static const double xs[] = { 0, 0x1p-1074, 0.5, 1, 2, 1e300, HUGE_VAL, (double)NAN };
    static const double ys[] = { 0,      1,    -1,    2,        0.5,       -0.5,      3,       1e300,
                                 -1e300, 1e18, -1e18, HUGE_VAL, -HUGE_VAL, 0x1p-1074, -1e-300, (double)NAN };
    (void)state;
    for (size_t i = 0; i < sizeof xs / sizeof *xs; i++)
        for (size_t j = 0; j < sizeof ys / sizeof *ys; j++) {
            double got = lg_pow(xs[i], ys[j]), want = pow(xs[i], ys[j]);
            if (!same(got, want) && !(units(got, (long double)want) <= 1))
                fail_msg("pow(%g, %g) = %g, %g expected", xs[i], ys[j], got, want);
        }
    assert_true(isnan(lg_pow(-1, 2)) && isnan(lg_pow(-inf, 0.5)));
}

static void whole_powers(void **state)
{
    (void)state;
    for (int k = 0; k < 400; k++) {
        double b = 0.9 + 0.001 * k;
        /* Each squaring doubles the relative error, which is some 2^-104: one rounding is left. */
        assert_true(units(lg_power(b, k), powl((long double)b, k)) <= 0.51);
    }
    assert_true(units(lg_power(1 - 0x1p-30, 0x1p24), expm1l(0x1p24L * log1pl(-0x1p-30L)) + 1) <= 0.51);
    assert_true(lg_power(3, 5) == 243 && lg_power(-2, 3) == -8 && lg_power(0, 0) == 1 && lg_power(0, 4) == 0);
    assert_true(lg_power(0.9, inf) == 0 && lg_power(-0.9, inf) == 0 && lg_power(1, inf) == 1);
    assert_true(lg_power(1.1, inf) == inf && isnan(lg_power(-1, inf)));
    assert_true(lg_power(0.999, 1e18) == 0 && lg_power(1, 1e300) == 1 && lg_power(-1, 4503599627370497) == -1);
}

/* The bits that two compilers gave for 20000 arguments of each function: contraction, another rounding or another
 * function in a later build is noticed. */
static void the_same_bits_everywhere(void **state)
{
    uint64_t h = LG_HASH;

    (void)state;
    for (uint64_t k = 0; k < 20000; k++) {
        double u = 40 * lg_uniform(4, 0, k) - 20, p = 1e-3 + 50 * lg_uniform(4, 1, k);
        double v[] = { lg_exp(u), lg_log(p), lg_sin(50 * u), lg_cos(50 * u), lg_tanh(u / 4), lg_pow(p, u) };
        h = lg_hash(h, v, sizeof v);
    }
    assert_int_equal(h, 0xa6bd87895ea4c5d4);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(errors_are_as_stated),     cmocka_unit_test(sin_and_cos_near_their_zeros),
        cmocka_unit_test(sin_and_cos_far_out),      cmocka_unit_test(special_values),
        cmocka_unit_test(special_powers),           cmocka_unit_test(whole_powers),
        cmocka_unit_test(the_same_bits_everywhere),
    };
    return cmocka_run_group_tests_name("elementary", tests, NULL, NULL);
}
