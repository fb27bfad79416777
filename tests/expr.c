/* Expressions: what a text means, against the same in long double; what is refused, and at which column; sizes,
 * memory. SPDX-License-Identifier: MIT */
#include "files.h"

#include "check.h"
#include "problems/problem.h"
#include "wrap_alloc.h"
#include <float.h>

typedef long double wide;

static luge_status try_open(lg_problem **p, const char *text, const char *at, luge_error *err)
{
    static char spec[80008];
    lg_problem_request r = { .spec = spec, .at = at, .type = LUGE_F64 };
    snprintf(spec, sizeof spec, "expr:%s", text);
    return lg_problem_open(p, &r, err);
}

static lg_problem *opened(const char *text)
{
    lg_problem *p = NULL;
    luge_error err;
    if (try_open(&p, text, NULL, &err)) fail_msg("%s: %s", text, err.text);
    return p;
}

static double gradient_at(lg_problem *p, const double *x, double *g)
{
    double value = 0;
    luge_error err;
    const void *const xs[] = { x };
    void *const gs[] = { g };
    MUST(lg_problem_gradient(p, xs, NULL, 0, gs, &value, &err));
    return value;
}

static void hvp_at(lg_problem *p, const double *x, const double *v, double *hv)
{
    luge_error err;
    const void *const xs[] = { x }, *const vs[] = { v };
    void *const hs[] = { hv };
    MUST(lg_problem_hvp(p, xs, NULL, 0, vs, hs, &err));
}

/* ---- meanings: text, value, slopes in x and y, second derivatives xx, xy, yy ---- */

/* clang-format off */
#define FORMULAS(_) \
    _("1 - x - y",                1 - x - y,           -1, -1,  0, 0, 0) \
    _("x + y*2 - 3",              x + y * 2 - 3,       1, 2,  0, 0, 0) \
    _("x/y/2",                    x / y / 2,           1/y/2, -x/y/y/2,  0, -1/y/y/2, x/y/y/y) \
    _("2*x/y*3",                  6 * x / y,           6/y, -6*x/y/y,  0, -6/y/y, 12*x/y/y/y) \
    _("2^3^2*x + y",              512 * x + y,         512, 1,  0, 0, 0) \
    _("-x^2*y",                   -x * x * y,          -2*x*y, -x*x,  -2*y, -2*x, 0) \
    _("(-x)^3 - -y",              -x * x * x + y,      -3*x*x, 1,  -6*x, 0, 0) \
    _("2^-2*x + y^-3",            x / 4 + powl(y, -3), 0.25L, -3*powl(y, -4),  0, 0, 12*powl(y, -5)) \
    _("x^-1 - y",                 1 / x - y,           -1/x/x, -1,  2/x/x/x, 0, 0) \
    _("1.5*x + .5*y + 2.*x^2 + 1E+2 + 25e-2", 1.5L * x + y / 2 + 2 * x * x + 100.25L,  1.5L + 4*x, 0.5L,  4, 0, 0) \
    _("x^0*y^1",                  y,                   0, 1,  0, 0, 0) \
    _("x^12 + y^9",               powl(x, 12) + powl(y, 9), 12*powl(x, 11), 9*powl(y, 8), 132*powl(x, 10), 0, 72*powl(y, 7)) \
    _("\t( ( x ) )\n *\r y ",     x * y,               y, x,  0, 1, 0) \
    _("(x + 2*y)^2/(1 + x^2)",    s2 * s2 / q,         2*s2/q - 2*x*s2*s2/q/q,  4*s2/q, \
      2/q - 8*x*s2/q/q - 2*s2*s2/q/q + 8*x*x*s2*s2/q/q/q,  4/q - 8*x*s2/q/q,  8/q) \
    _("exp(x*y)",                 expl(x * y),         y*expl(x*y), x*expl(x*y),  y*y*expl(x*y), (1 + x*y)*expl(x*y), x*x*expl(x*y)) \
    _("e^x*y",                    expl(x) * y,         y*expl(x), expl(x),  y*expl(x), expl(x), 0) \
    _("e*x + pi*y",               expl(1) * x + pi * y, expl(1), pi,  0, 0, 0) \
    _("2^x + 0.5^y",              powl(2, x) + powl(2, -y), l2*powl(2, x), -l2*powl(2, -y),  l2*l2*powl(2, x), 0, l2*l2*powl(2, -y)) \
    _("log(x)*y",                 logl(x) * y,         y/x + 0*logl(x), logl(x),  -y/x/x + 0*logl(x), 1/x + 0*logl(x), 0) \
    _("sin(x)*cos(y)",            sinl(x) * cosl(y),   cosl(x)*cosl(y), -sinl(x)*sinl(y),  -sinl(x)*cosl(y), -cosl(x)*sinl(y), -sinl(x)*cosl(y)) \
    _("tanh(x-y)",                th,                  1 - th*th, th*th - 1,  -2*th*(1 - th*th), 2*th*(1 - th*th), -2*th*(1 - th*th)) \
    _("sqrt(x*x + y*y)",          r,                   x/r, y/r,  y*y/r/r/r, -x*y/r/r/r, x*x/r/r/r) \
    _("abs(x)*y^2",               fabsl(x) * y * y,    copysignl(y*y, x), 2*fabsl(x)*y,  0, copysignl(2, x)*y, 2*fabsl(x)) \
    _("x^2.5*y^2",                powl(x, 2.5L) * y * y, 2.5L*powl(x, 1.5L)*y*y, 2*powl(x, 2.5L)*y, 3.75L*sqrtl(x)*y*y, 5*powl(x, 1.5L)*y, 2*powl(x, 2.5L)) \
    _("x^-0.5 + y",               1 / sqrtl(x) + y,    -0.5L*powl(x, -1.5L), 1,  0.75L*powl(x, -2.5L), 0, 0) \
    _("x^y",                      expl(y * logl(x)),   y*expl((y-1)*logl(x)), logl(x)*expl(y*logl(x)), \
      y*(y-1)*expl((y-2)*logl(x)), (1 + y*logl(x))*expl((y-1)*logl(x)), logl(x)*logl(x)*expl(y*logl(x)))
/* clang-format on */

static size_t formula(size_t i, wide x, wide y, const char **text, wide out[6])
{
    const wide pi = 4 * atanl(1), l2 = logl(2), s2 = x + 2 * y, q = 1 + x * x, th = tanhl(x - y),
               r = sqrtl(x * x + y * y);
#define FORMULA(name, f, fx, fy, fxx, fxy, fyy) { name, { f, fx, fy, fxx, fxy, fyy } },
    const struct {
        const char *text;
        wide d[6];
    } rows[] = { FORMULAS(FORMULA) };
    if (i >= ROWS(rows)) return 0;
    *text = rows[i].text;
    memcpy(out, rows[i].d, sizeof rows[i].d);
    return 1;
}

/* Every operation errs by at most two units, and none of the rows has more than twenty or cancels by more than four.
 */
static bool near(double got, wide want, wide size)
{
    return isnan(want) ? isnan(got) : fabsl((wide)got - want) <= 64 * (wide)DBL_EPSILON * fmaxl(size, fabsl(want));
}

static void a_text_means_its_formula(void **state)
{
    static const double at[][2] = { { 0.75, 1.375 }, { 2.5, -0.625 }, { -1.5, 2 }, { 0.0625, 8 } },
                        v[2] = { 0.5, -1.25 };
    const char *text;
    wide d[6], hv[2];
    (void)state;
    for (size_t i = 0; formula(i, 1, 1, &text, d); i++)
        for (size_t k = 0; k < ROWS(at); k++) {
            lg_problem *p = opened(text);
            double g[2], h[2], value = gradient_at(p, at[k], g);
            hvp_at(p, at[k], v, h);
            formula(i, (wide)at[k][0], (wide)at[k][1], &text, d);
            hv[0] = d[3] * (wide)v[0] + d[4] * (wide)v[1];
            hv[1] = d[4] * (wide)v[0] + d[5] * (wide)v[1];
            CHECK(near(value, d[0], 1), "%s at point %zu: %.17g is not %.20Lg", text, k, value, d[0]);
            for (int c = 0; c < 2; c++) {
                wide size = fabsl(hv[0]) + fabsl(hv[1]) + fabsl(d[4]);
                CHECK(near(g[c], d[1 + c], fabsl(d[1]) + fabsl(d[2])),
                      "%s at point %zu: slope %d is %.17g, not %.20Lg", text, k, c, g[c], d[1 + c]);
                CHECK(near(h[c], hv[c], size), "%s at point %zu: Hv[%d] is %.17g, not %.20Lg", text, k, c, h[c],
                      hv[c]);
            }
            lg_problem_close(p);
        }
    CHECK_END();
}

/* At 0: what has derivatives there gives them, and what has none is not given a number. */
static void zero_is_no_exception(void **state)
{
    static const struct {
        const char *text;
        double value, slope, second; /* second: NAN where there is none */
    } rows[] = { { "x^2", 0, 0, 2 },
                 { "x^1", 0, 1, 0 },
                 { "x^3 + x^0", 1, 0, 0 },
                 { "x^2.5", 0, 0, 0 },
                 { "abs(x)", 0, 0, 0 },
                 { "x*x*x", 0, 0, 0 },
                 { "tanh(x)", 0, 1, 0 },
                 { "exp(-x^2/2)", 1, 0, -1 },
                 { "1/(1+x)", 1, -1, 2 },
                 { "sin(x)", 0, 1, 0 },
                 { "2^(x^2)", 1, 0, 1.3862943611198906 },
                 { "x^1.5", 0, 0, HUGE_VAL },
                 { "sqrt(x)", 0, HUGE_VAL, (double)NAN },
                 { "log(x)", -HUGE_VAL, HUGE_VAL, (double)NAN } };
    const double x = 0, v = 1;
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        lg_problem *p = opened(rows[i].text);
        double g, h, value = gradient_at(p, &x, &g);
        hvp_at(p, &x, &v, &h);
        CHECK(value == rows[i].value && g == rows[i].slope, "%s: %g, slope %g", rows[i].text, value, g);
        CHECK(isnan(rows[i].second) ? isnan(h) : h == rows[i].second, "%s: second derivative %g", rows[i].text, h);
        lg_problem_close(p);
    }
    CHECK_END();
}

/* ---- names ---- */

static void variables_have_their_order(void **state)
{
    static const struct {
        const char *text;
        int n;
        double g[4]; /* by the numbers in the text: the place of each variable is seen */
    } rows[] = {
        { "3*b + 1*a + 2*c", 3, { 3, 1, 2 } },
        { "3*x3 + 1*x1 + 2*x2", 3, { 1, 2, 3 } },
        { "10*x10 + 9*x9 + 0*x0 + 100*x100", 4, { 0, 9, 10, 100 } },
        { "3*x3 + 1*x1 + 2*y", 3, { 3, 1, 2 } },
        { "2*x02 + 1*x1", 2, { 2, 1 } },
        { "2*x + 1*x1", 2, { 2, 1 } },
        { "1*X + 2*x + 3*_x + 4*x_", 4, { 1, 2, 3, 4 } },
        { "1*E + 2*PI + 3*exp2 + 4*Sin", 4, { 1, 2, 3, 4 } },
        { "1*ab + 2*a + 3*abc", 3, { 1, 2, 3 } },
        { "x - 0*y + x", 2, { 2, 0 } },
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        lg_problem *p = opened(rows[i].text);
        double x[4] = { 0 }, g[4] = { 0 };
        assert_int_equal(lg_problem_tensors(p), 1);
        CHECK((int)lg_problem_tensor(p, 0)->n == rows[i].n, "%s: %zu variables", rows[i].text,
              lg_problem_tensor(p, 0)->n);
        gradient_at(p, x, g);
        for (int k = 0; k < rows[i].n; k++)
            CHECK(g[k] == rows[i].g[k], "%s: variable %d has the slope %g", rows[i].text, k, g[k]);
        lg_problem_close(p);
    }
    CHECK_END();
}

/* ---- what is refused ---- */

static void errors_name_the_column(void **state)
{
    static const struct {
        const char *text, *says;
    } rows[] = {
        { "", "expr: column 1: a number, a name, - or ( is wanted" },
        { "  ", "column 3: a number" },
        { "x +", "column 4: a number" },
        { "x + * y", "column 5: a number, a name, - or ( is wanted; there stands \"* y\"" },
        { "+x", "column 1: a number" },
        { "(1-x)^2 + 100*(y-x^2))^2", "column 22: this ) has no (; there stands \")^2\"" },
        { "x*(1-(x+2)", "column 11: an operator or the ) to the ( of column 3 is wanted" },
        { "(x y)", "column 4: an operator or the ) to the ( of column 1 is wanted" },
        { "()", "column 2: a number" },
        { "2x", "column 2: an operator is wanted; there stands \"x\"" },
        { "x = 3", "column 3: an operator is wanted" },
        { "x, y", "column 2: an operator is wanted" },
        { "2*foo(x) + y",
          "column 3: foo is no function (those are exp, log, sin, cos, tanh, sqrt, abs), and a product needs a *" },
        { "x (2)", "column 1: x is no function" },
        { "pi(x)", "column 1: pi is no function" },
        { "y + sin x", "column 9: ( is wanted after sin; there stands \"x\"" },
        { "exp", "column 4: ( is wanted after exp" },
        { "x + 1e999",
          "column 5: this is no decimal number in the range of double precision; there stands \"1e999\"" },
        { "0x10*y", "column 1: this is no decimal number" },
        { "x + .", "column 5: this is no decimal number" },
        { "1.2.3*x", "column 4: an operator is wanted; there stands \".3*x\"" },
        { "x + 1/0", "column 6: what is computed here is not a finite number" },
        { "x*log(-1)", "column 3: what is computed here is not a finite number; there stands \"log(-1)\"" },
        { "x + 0^-1", "column 6: what is computed here" },
        { "(-8)^(1/3) + x", "column 5: what is computed here" },
        { "1e300*1e300*x", "column 6: what is computed here" },
        { "(0-2)^x", "column 6: only a base above 0 can have an exponent that varies, not -2" },
        { "0^x", "column 2: only a base above 0" },
        { "3 + 4*pi", "expr: there is no variable in \"3 + 4*pi\"" },
        { "x \303\227 y", "column 3: an operator is wanted; there stands \"\303\227 y\"" },
        { "\342\210\222x", "column 1: a number, a name, - or ( is wanted; there stands \"\342\210\222x\"" },
        { "x\001", "column 2: an operator is wanted; there stands \"\"" },
        { "x + ?0123456789abcdefghij\303\227klm", "there stands \"?0123456789abcdefghi\"" },
        { "x + ?0123456789abcdefgh\303\227klm", "there stands \"?0123456789abcdefgh\"" },
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        lg_problem *p = NULL;
        luge_error err = { 0 };
        luge_status st = try_open(&p, rows[i].text, NULL, &err);
        CHECK(st == LUGE_E_ARG && !p && strstr(err.text, rows[i].says), "\"%s\": %d, %s", rows[i].text, (int)st,
              err.text);
        assert_int_equal(try_open(&p, rows[i].text, NULL, NULL), LUGE_E_ARG);
        lg_problem_close(p);
    }
    CHECK_END();
}

/* The name alone is as good as no text; the rest of an error is of one line. */
static void a_name_without_text_is_refused(void **state)
{
    lg_problem_request r = { .spec = "expr", .type = LUGE_F64 };
    lg_problem *p;
    luge_error err;
    (void)state;
    assert_int_equal(lg_problem_open(&p, &r, &err), LUGE_E_ARG);
    assert_non_null(strstr(err.text, "column 1: a number"));
}

/* `head` and then n times `more`, then `mid`, then n times `tail`. */
static const char *repeated(size_t n, const char *more, const char *mid, const char *tail)
{
    static char text[80000];
    char *to = text;
    for (size_t i = 0; i < n; i++) to += sprintf(to, "%s", more);
    to += sprintf(to, "%s", mid);
    for (size_t i = 0; i < n; i++) to += sprintf(to, "%s", tail);
    return text;
}

static void depth_and_length_have_bounds(void **state)
{
    static const struct {
        size_t n;
        const char *more, *mid, *tail, *says; /* says NULL: it is accepted */
        double slope;                         /* at 1 */
    } rows[] = {
        { 199, "(", "x", ")", NULL, 1 },
        { 200, "(", "x", ")", "column 201: more than 200 levels of nesting", 0 },
        { 30000, "(", "x", ")", "column 201: more than 200 levels", 0 },
        { 199, "-", "x", "", NULL, -1 },
        { 200, "-", "x", "", "more than 200 levels", 0 },
        { 65000, "-", "x", "", "more than 200 levels", 0 },
        { 199, "x^", "x", "", NULL, 1 },
        { 200, "x^", "x", "", "more than 200 levels", 0 },
        { 32000, "x^", "x", "", "more than 200 levels", 0 },
        { 199, "abs(", "x", ")", NULL, 1 },
        { 10000, "exp(", "x", ")", "column 801: more than 200 levels", 0 },
        { 32767, "x+", "x", "", NULL, 32768 },
        { 32767, "x*", "x", "", NULL, 32768 },
        { 32768, "x+", "x", "", "65537 characters; an expression has at most 65536", 0 },
        { 65535, " ", "x", "", NULL, 1 },
        { 70000, "1", "", "", "70000 characters", 0 },
        { 60000, "1", "*x", "", "column 1: this is no decimal number", 0 },
        { 308, "1", "*x", "", NULL, 1.1111111111111111e307 },
        { 16000, "-x", "", "+x", NULL, 0 },
        { 21000, "x*2", "", "", "column 4: an operator is wanted", 0 },
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        lg_problem *p = NULL;
        luge_error err = { 0 };
        const char *text = repeated(rows[i].n, rows[i].more, rows[i].mid, rows[i].tail);
        double x = 1, g;
        luge_status st = try_open(&p, text, NULL, &err);
        CHECK(rows[i].says ? st == LUGE_E_ARG && strstr(err.text, rows[i].says) : st == LUGE_OK, "row %zu: %d, %s", i,
              (int)st, err.text);
        if (!st) {
            gradient_at(p, &x, &g);
            CHECK(fabs(g - rows[i].slope) <= 4 * DBL_EPSILON * fabs(g), "row %zu: slope %.17g", i, g);
        }
        lg_problem_close(p);
    }
    CHECK_END();
}

/* Σ i x_i, the last variable first. */
static void variables_may_be_many(void **state)
{
    enum { N = 4500 };
    static char text[80000];
    static double x[N], g[N];
    char *to = text;
    (void)state;
    for (int i = N; i > 0; i--) to += sprintf(to, "%s%d*x%d", i < N ? "+" : "", i, i);
    lg_problem *p = opened(text);
    assert_int_equal(lg_problem_tensor(p, 0)->n, N);
    gradient_at(p, x, g);
    for (int i = 0; i < N; i++) assert_true(g[i] == i + 1);
    lg_problem_close(p);
}

/* ---- the start ---- */

static void the_request_gives_the_start(void **state)
{
    static const struct {
        const char *spec, *at, *says;
        double x[2];
    } rows[] = {
        { "expr:x+y", NULL, NULL, { 0, 0 } },
        { "expr:x+y", "1,-2.5", NULL, { 1, -2.5 } },
        { "expr:x+y", "(1, -2.5)", NULL, { 1, -2.5 } },
        { "expr:x+y", "3", NULL, { 3, 3 } },
        { "expr:x+y", "1,2,3", "at has 3 numbers; 2 are needed", { 0 } },
        { "expr:x+y", "1,b", "at[1] = \"b\" is not a number", { 0 } },
        { "rosenbrock", "4,5", NULL, { 4, 5 } },
        { "rosenbrock:at=(6, 7)", "4,5", NULL, { 4, 5 } },
        { "rosenbrock:at=(6, 7)", NULL, NULL, { 6, 7 } },
        { "quadratic", "2", NULL, { 2, 2 } },
        { "mlp", "1,2", "mlp has no setting \"at\"", { 0 } },
        { "logistic", "1", "logistic has no setting \"at\"", { 0 } },
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        lg_problem_request r = { .spec = rows[i].spec, .at = rows[i].at, .type = LUGE_F64 };
        double x[2];
        void *const to[] = { x };
        lg_problem *p;
        luge_error err = { 0 };
        luge_status st = lg_problem_open(&p, &r, &err);
        CHECK(rows[i].says ? st && strstr(err.text, rows[i].says) : !st, "row %zu: %d, %s", i, (int)st, err.text);
        if (!st) lg_problem_start(p, to);
        CHECK(st || (x[0] == rows[i].x[0] && x[1] == rows[i].x[1]), "row %zu starts at %g, %g", i, x[0], x[1]);
        lg_problem_close(p);
    }
    CHECK_END();
}

static void the_first_series_alone_allocates(void **state)
{
    enum { DEGREE = 4, COUNT = 15 };
    double x[2 * COUNT] = { 0 }, g[2 * COUNT], before[2], after[2];
    const double at[2] = { 0.5, 2 };
    lg_problem *p = opened("exp(x*y) + x^3/y");
    luge_error err;
    (void)state;
    x[0] = at[0];
    x[COUNT] = at[1];
    gradient_at(p, at, before);
    wrap_fail(1);
    assert_int_equal(lg_problem_series(p, DEGREE, x, g, &err), LUGE_E_MEMORY);
    assert_true(wrap_failed());
    gradient_at(p, at, after);
    assert_memory_equal(before, after, sizeof before);
    MUST(lg_problem_series(p, DEGREE, x, g, &err));
    assert_true(g[0] == before[0] && g[COUNT] == before[1]);
    wrap_fail(1);
    MUST(lg_problem_series(p, DEGREE, x, g, &err));
    MUST(lg_problem_series(p, 1, x, g, &err));
    gradient_at(p, at, after);
    hvp_at(p, at, at, g);
    assert_false(wrap_failed());
    lg_problem_close(p);
    assert_int_equal(wrap_live, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(a_text_means_its_formula),
        cmocka_unit_test(zero_is_no_exception),
        cmocka_unit_test(variables_have_their_order),
        cmocka_unit_test(errors_name_the_column),
        cmocka_unit_test(a_name_without_text_is_refused),
        cmocka_unit_test(depth_and_length_have_bounds),
        cmocka_unit_test(variables_may_be_many),
        cmocka_unit_test(the_request_gives_the_start),
        cmocka_unit_test(the_first_series_alone_allocates),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
