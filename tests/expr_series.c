/* The power series of expressions: against known coefficients, against the gradient along surfaces, against each
 * other and against the functions that are built in.  SPDX-License-Identifier: MIT */
#include "files.h"

#include "check.h"
#include "problems/problem.h"
#include <float.h>

typedef long double wide;
enum { DEGREE = 8, COUNT = (DEGREE + 1) * (DEGREE + 2) / 2, MOST = 4 };

static int place(int m, int j) { return (m + j) * (m + j + 1) / 2 + j; }

static lg_problem *opened(const char *spec)
{
    lg_problem *p = NULL;
    luge_error err;
    lg_problem_request r = { .spec = spec, .type = LUGE_F64 };
    MUST(lg_problem_open(&p, &r, &err));
    assert_true(lg_problem_tensor(p, 0)->n <= MOST);
    return p;
}

static void gradient_at(lg_problem *p, const double *x, double *g)
{
    double value;
    luge_error err;
    const void *const xs[] = { x };
    void *const gs[] = { g };
    MUST(lg_problem_gradient(p, xs, NULL, 0, gs, &value, &err));
}

static void hvp_at(lg_problem *p, const double *x, const double *v, double *hv)
{
    luge_error err;
    const void *const xs[] = { x }, *const vs[] = { v };
    void *const hs[] = { hv };
    MUST(lg_problem_hvp(p, xs, NULL, 0, vs, hs, &err));
}

static void series_at(lg_problem *p, int degree, const double *x, double *g)
{
    luge_error err;
    MUST(lg_problem_series(p, degree, x, g, &err));
}

/* ---- known coefficients ---- */

/* F'(a + z) = Σ c_n zⁿ, and z = t + 2h makes Σ c_n binomial(n, j) 2^j t^(n-j) h^j. */
typedef struct known {
    const char *text;
    double a;
    wide (*c)(int n);
} known;

static wide factorial(int n) { return n < 2 ? 1 : n * factorial(n - 1); }
static wide choose(wide a, int n) { return n == 0 ? 1 : choose(a, n - 1) * (a - n + 1) / n; }
static wide of_exp(int n) { return expl(0.5L) / factorial(n); }
static wide of_base(int n) { return powl(3, 0.5L) * powl(logl(3), n + 1) / factorial(n); }
static wide of_log(int n) { return powl(-1, n) / powl(2, n + 1); }
static wide of_sin(int n) { return cosl(1 + n * 2 * atanl(1)) / factorial(n); }
static wide of_cos(int n) { return -sinl(1 + n * 2 * atanl(1)) / factorial(n); }
static wide of_root(int n) { return choose(-0.5L, n) * powl(4, -0.5L - n) / 2; }
static wide of_power(int n) { return 2.5L * choose(1.5L, n) * powl(2, 1.5L - n); }
static wide of_over(int n) { return powl(-1, n + 1) * (n + 1) / powl(2, n + 2); }
static wide of_fifth(int n) { return n < 5 ? 5 * choose(4, n) * powl(2, 4 - n) : 0; }
static wide of_many(int n) { return 12 * choose(11, n) * powl(0.5L, 11 - n); }
static wide of_line(int n) { return n ? 0 : -3; }
static wide of_size(int n) { return n ? 0 : -1; }
static wide of_square(int n) { return n % 2 ? -(n + 1) * powl(-1, (n + 1) / 2) / factorial((n + 1) / 2) : 0; }

/* (tanh z)' = 1 - z² + 2/3 z⁴ - 17/45 z⁶ + 62/315 z⁸ */
static wide of_tanh(int n)
{
    static const wide even[] = { 1, -1, 2 / 3.L, -17 / 45.L, 62 / 315.L };
    return n % 2 ? 0 : even[n / 2];
}

static const known rows[] = {
    { "exp(x)", 0.5, of_exp },      { "e^x", 0.5, of_exp },       { "3^x", 0.5, of_base },
    { "log(x)", 2, of_log },        { "sin(x)", 1, of_sin },      { "cos(x)", 1, of_cos },
    { "sqrt(x)", 4, of_root },      { "x^0.5", 4, of_root },      { "x^2.5", 2, of_power },
    { "sqrt(x)*x*x", 2, of_power }, { "1/x", 2, of_over },        { "x^-1", 2, of_over },
    { "x^5", 2, of_fifth },         { "x*x*x*x*x", 2, of_fifth }, { "x^2*x^3", 2, of_fifth },
    { "x^12", 0.5, of_many },       { "(x^4)^3", 0.5, of_many },  { "1 - 3*x", 7, of_line },
    { "abs(x)", -2, of_size },      { "tanh(x)", 0, of_tanh },    { "(exp(x)-exp(-x))/(exp(x)+exp(-x))", 0, of_tanh },
    { "-exp(-x^2)", 0, of_square },
};

/* Terms are at most some tens of times as large as the coefficients that they add up to. */
static void known_coefficients(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char spec[80];
        double x[COUNT] = { rows[i].a, 1, 2 }, g[COUNT];
        snprintf(spec, sizeof spec, "expr:%s", rows[i].text);
        lg_problem *p = opened(spec);
        series_at(p, DEGREE, x, g);
        for (int n = 0; n <= DEGREE; n++)
            for (int j = 0; j <= n; j++) {
                double got = g[place(n - j, j)];
                wide scale = choose(n, j) * powl(2, j), want = rows[i].c(n) * scale;
                CHECK(fabsl((wide)got - want) <= 256 * (wide)DBL_EPSILON * fmaxl(fabsl(want), scale),
                      "%s: coefficient t^%d h^%d is %.17g, not %.20Lg", rows[i].text, n - j, j, got, want);
            }
        lg_problem_close(p);
    }
    CHECK_END();
}

/* ---- surfaces ---- */

static const char *const mixed[] = {
    "expr:(1-x)^2 + 10*(y-x^2)^2",
    "expr:exp(x*y) - sin(x+2*y)*log(3+x) + x/(2+y^2)",
    "expr:(x-y)^3/(1+x*x+y*y) + tanh(x*y)^2 + 2^(x-y)",
    "expr:(2+x)^(1+y^2) + sqrt(4+x+y)*cos(x)^-2",
    "expr:(1.5+y)^2.5*(3+x)^-1.5 - abs(x-3)*y^7",
    "expr:log(1+exp(x)) + log(1+exp(-2*y)) + x^2*y^2*z - z^4/(1+w^2)",
};

/* Coefficients of a smooth surface through (0.3, -0.2, ...): the n-th block is about 2^-n. */
static void surface(double *x)
{
    for (int i = 0; i < MOST; i++)
        for (int d = 0; d <= DEGREE; d++)
            for (int j = 0; j <= d; j++)
                x[i * COUNT + place(d - j, j)] =
                    d ? ldexp(lg_uniform(3, (uint64_t)i, (uint64_t)place(d - j, j)) - 0.5, -d) : 0.3 - 0.5 * (i % 2);
}

static double value_of(const double *c, int degree, double t, double h)
{
    double sum = 0;
    for (int d = degree; d >= 0; d--)
        for (int j = 0; j <= d; j++) sum += c[place(d - j, j)] * pow(t, d - j) * pow(h, j);
    return sum;
}

static void cut(const double *x, int degree, double *to)
{
    int count = (degree + 1) * (degree + 2) / 2;
    for (int i = 0; i < MOST; i++) memcpy(to + i * count, x + i * COUNT, (size_t)count * sizeof *to);
}

/* The largest distance of the series at (r, r/2) and (-r, r) from the gradient there. */
static double distance(lg_problem *p, int degree, const double *x, const double *g, double r)
{
    int count = (degree + 1) * (degree + 2) / 2;
    double worst = 0;
    for (int k = 0; k < 2; k++) {
        double t = k ? -r : r, h = k ? r : r / 2, at[MOST], want[MOST];
        for (int i = 0; i < MOST; i++) at[i] = value_of(x + i * count, degree, t, h);
        gradient_at(p, at, want);
        for (size_t i = 0; i < lg_problem_tensor(p, 0)->n; i++)
            worst = fmax(worst, fabs(value_of(g + (size_t)count * i, degree, t, h) - want[i]));
    }
    return worst;
}

/* What is cut off is of degree p+1 and more: half the radius leaves 2^-(p+1) of it, but for the next terms, which at
 * this radius are some per cent of the first. */
static void what_is_cut_off_is_of_the_next_order(void **state)
{
    double all[MOST * COUNT];
    (void)state;
    surface(all);
    for (size_t i = 0; i < ROWS(mixed); i++) {
        lg_problem *p = opened(mixed[i]);
        for (int degree = 1; degree <= 4; degree++) {
            double x[MOST * COUNT], g[MOST * COUNT], e[2], order;
            const double r = ldexp(1, degree < 3 ? -9 : -6);
            cut(all, degree, x);
            series_at(p, degree, x, g);
            for (int k = 0; k < 2; k++) e[k] = distance(p, degree, x, g, ldexp(r, -k));
            order = log2(e[0] / e[1]);
            CHECK(e[1] > 64 * DBL_EPSILON, "%s: degree %d leaves only %g", mixed[i], degree, e[1]);
            CHECK(fabs(order - (degree + 1)) < 0.1, "%s: degree %d leaves %g, %g: order %.3f", mixed[i], degree, e[0],
                  e[1], order);
        }
        lg_problem_close(p);
    }
    CHECK_END();
}

/* ---- one arithmetic: degrees 0 and 1 are the gradient and the product, a lower degree the head of a higher one ----
 */

static void lower_degrees_are_the_head_of_higher_ones(void **state)
{
    double all[MOST * COUNT], x[MOST * COUNT], g[MOST * COUNT], full[MOST * COUNT], at[MOST], v[MOST], out[MOST];
    (void)state;
    surface(all);
    for (size_t i = 0; i < ROWS(mixed); i++) {
        lg_problem *p = opened(mixed[i]);
        size_t n = lg_problem_tensor(p, 0)->n;
        series_at(p, DEGREE, all, full);
        for (size_t k = 0; k < n; k++) {
            at[k] = all[k * COUNT];
            v[k] = all[k * COUNT + 1];
        }
        gradient_at(p, at, out);
        for (size_t k = 0; k < n; k++) CHECK(out[k] == full[k * COUNT], "%s: gradient %zu", mixed[i], k);
        hvp_at(p, at, v, out);
        for (size_t k = 0; k < n; k++) CHECK(out[k] == full[k * COUNT + 1], "%s: Hv %zu", mixed[i], k);
        for (int degree = 0; degree < DEGREE; degree++) {
            size_t count = (size_t)(degree + 1) * (size_t)(degree + 2) / 2;
            cut(all, degree, x);
            series_at(p, degree, x, g);
            for (size_t k = 0; k < n * count; k++)
                CHECK(g[k] == full[k / count * COUNT + k % count], "%s: degree %d, coefficient %zu", mixed[i], degree,
                      k);
        }
        lg_problem_close(p);
    }
    CHECK_END();
}

/* The highest degree that is allowed: F = exp x, x = t + h. */
static void the_highest_degree(void **state)
{
    static double x[400], g[400];
    lg_problem *p = opened("expr:exp(x)");
    (void)state;
    x[1] = x[2] = 1;
    series_at(p, LG_SERIES_DEGREE, x, g);
    for (int m = 0; m <= LG_SERIES_DEGREE; m++)
        for (int j = 0; m + j <= LG_SERIES_DEGREE; j++) {
            wide want = 1 / (factorial(m) * factorial(j));
            CHECK(fabsl((wide)g[place(m, j)] - want) <= 128 * (wide)DBL_EPSILON * want, "t^%d h^%d: %.17g", m, j,
                  g[place(m, j)]);
        }
    lg_problem_close(p);
    CHECK_END();
}

static void series_are_refused(void **state)
{
    double x[4 * COUNT] = { 0 }, g[4 * COUNT];
    luge_error err = { 0 };
    (void)state;
    for (size_t i = 0; i < 3; i++) {
        const char *const specs[] = { "rosenbrock", "mlp", "logistic" };
        lg_problem_request r = { .spec = specs[i], .type = LUGE_F64 };
        lg_problem *p;
        MUST(lg_problem_open(&p, &r, &err));
        assert_int_equal(lg_problem_series(p, 1, x, g, &err), LUGE_E_ARG);
        CHECK(strstr(err.text, specs[i]) && strstr(err.text, "expr:EXPRESSION"), "%s", err.text);
        lg_problem_close(p);
    }
    lg_problem *p = opened("expr:x*y");
    assert_int_equal(lg_problem_series(p, -1, x, g, &err), LUGE_E_ARG);
    CHECK(strstr(err.text, "degree -1 is not in [0,24]"), "%s", err.text);
    assert_int_equal(lg_problem_series(p, LG_SERIES_DEGREE + 1, x, g, &err), LUGE_E_ARG);
    lg_problem_close(p);
    CHECK_END();
}

/* ---- the functions that are built in ---- */

static void built_in_functions_as_expressions(void **state)
{
    static const char *const pairs[][2] = {
        { "rosenbrock", "expr:(1-x)^2 + 100*(y-x^2)^2" },
        { "rosenbrock:a=2,b=10,scale=0.0625", "expr:0.0625*((2-x)^2 + 10*(y-x^2)^2)" },
        { "beale", "expr:(1.5-x+x*y)^2 + (2.25-x+x*y^2)^2 + (2.625-x+x*y^3)^2" },
        { "himmelblau", "expr:(x^2+y-11)^2 + (x+y^2-7)^2" },
        { "rastrigin", "expr:20 + x1^2 + x2^2 - 10*(cos(2*pi*x1) + cos(2*pi*x2))" },
        { "quadratic:dim=4,condition=1000", "expr:x1^2/2 + 5*x2^2 + 50*x3^2 + 500*x4^2" },
    };
    (void)state;
    for (size_t i = 0; i < ROWS(pairs); i++) {
        lg_problem *p = opened(pairs[i][0]), *q = opened(pairs[i][1]);
        size_t n = lg_problem_tensor(p, 0)->n;
        assert_int_equal(n, lg_problem_tensor(q, 0)->n);
        for (uint64_t k = 0; k < 50; k++) {
            double x[MOST], v[MOST], g[4][MOST], size = 1, length = 1;
            for (size_t c = 0; c < n; c++) {
                x[c] = 4 * lg_uniform(1, k, c) - 2;
                v[c] = 2 * lg_uniform(2, k, c) - 1;
            }
            gradient_at(p, x, g[0]);
            gradient_at(q, x, g[1]);
            hvp_at(p, x, v, g[2]);
            hvp_at(q, x, v, g[3]);
            for (size_t c = 0; c < n; c++) {
                size = fmax(size, fabs(g[0][c]));
                length = fmax(length, fabs(g[2][c]));
            }
            for (size_t c = 0; c < n; c++) {
                CHECK(fabs(g[0][c] - g[1][c]) <= 64 * DBL_EPSILON * size, "%s: %.17g, %.17g", pairs[i][0], g[0][c],
                      g[1][c]);
                CHECK(fabs(g[2][c] - g[3][c]) <= 64 * DBL_EPSILON * length, "%s: Hv %.17g, %.17g", pairs[i][0],
                      g[2][c], g[3][c]);
            }
        }
        lg_problem_close(p);
        lg_problem_close(q);
    }
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(known_coefficients),
        cmocka_unit_test(what_is_cut_off_is_of_the_next_order),
        cmocka_unit_test(lower_degrees_are_the_head_of_higher_ones),
        cmocka_unit_test(the_highest_degree),
        cmocka_unit_test(series_are_refused),
        cmocka_unit_test(built_in_functions_as_expressions),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
