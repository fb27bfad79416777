/* The integrators against exact solutions and each other, what they refuse, and the vectors below them.
 * SPDX-License-Identifier: MIT */
#include "flow_field.h"

#include "flows/vectors.h"

static luge_error err;

/* Circular motion, with a phase that depends on t: y = (cos, sin)(t + t²/2). */
static luge_status circle(void *context, double t, const double *y, double *dy, luge_error *e)
{
    (void)context, (void)e;
    dy[0] = -(1 + t) * y[1];
    dy[1] = (1 + t) * y[0];
    return LUGE_OK;
}

/* y' = y²: 1/(1-t) from 1. */
static luge_status square(void *context, double t, const double *y, double *dy, luge_error *e)
{
    (void)context, (void)t, (void)e;
    dy[0] = y[0] * y[0];
    return LUGE_OK;
}

/* y' = -10⁵ (y - cos t) - sin t: cos t from 1. */
static luge_status stiff(void *context, double t, const double *y, double *dy, luge_error *e)
{
    (void)context, (void)e;
    dy[0] = -1e5 * (y[0] - cos(t)) - sin(t);
    return LUGE_OK;
}

static luge_status refuse(void *context, double t, const double *y, double *dy, luge_error *e)
{
    (void)context, (void)y, (void)dy;
    return lg_fail(e, LUGE_E_FORMAT, "not at t = %g", t);
}

static bool missing(enum lg_solver s) { return s >= LG_BDF && !lg_has_sundials(); }

static void solutions_are_those_of_the_equations(void **state)
{
    (void)state;
    for (enum lg_solver s = 0; s < LG_SOLVERS; s++) {
        const lg_ode round = { .n = 2, .rhs = circle }, fast = { .n = 1, .rhs = stiff };
        double y[2] = { 1, 0 }, z = 1, within = s == LG_EXPLICIT || s == LG_ERK ? 1e-10 : 1e-8;
        if (missing(s)) continue;
        MUST(lg_integrate(&round, s, 1e-11, 0, 2, y, &err));
        CHECK(fabs(y[0] - cos(4)) < within && fabs(y[1] - sin(4)) < within, "%s: %g %g", lg_solver_name(s),
              y[0] - cos(4), y[1] - sin(4));
        if (s != LG_IMPLICIT && s != LG_BDF) continue;
        MUST(lg_integrate(&fast, s, 1e-9, 0, 3, &z, &err));
        CHECK(fabs(z - cos(3)) < 1e-8, "%s, stiff: %g", lg_solver_name(s), z - cos(3));
    }
    CHECK_END();
}

/* Node by node, there and back: the explicit method keeps its accuracy, and the nodes are met exactly. */
static void nodes_are_met(void **state)
{
    const lg_ode ode = { .n = 2, .rhs = circle };
    const double start[] = { 1, 0 };
    lg_integrator *it;
    (void)state;
    MUST(lg_integrator_open(&it, LG_EXPLICIT, &ode, 1e-13, &err));
    MUST(lg_integrator_start(it, 0, start, &err));
    for (int n = 1; n <= 1000; n++) {
        double t = n / 512.0, phase = t + t * t / 2;
        MUST(lg_integrator_to(it, t, &err));
        const double *y = lg_integrator_state(it);
        CHECK(fabs(y[0] - cos(phase)) < 1e-13 && fabs(y[1] - sin(phase)) < 1e-13, "n = %d: %g %g", n,
              y[0] - cos(phase), y[1] - sin(phase));
    }
    double there[] = { lg_integrator_state(it)[0], lg_integrator_state(it)[1] };
    MUST(lg_integrator_start(it, 1000 / 512.0, there, &err));
    MUST(lg_integrator_to(it, 0, &err));
    CHECK(fabs(lg_integrator_state(it)[0] - 1) < 1e-12, "back: %g", lg_integrator_state(it)[0] - 1);
    lg_integrator_close(it);
    CHECK_END();
}

/* The error of the explicit method falls as its tolerance: a table with a wrong digit would stop it. */
static void tolerances_are_kept(void **state)
{
    const lg_ode ode = { .n = 2, .rhs = circle };
    (void)state;
    for (double rtol = 1e-4; rtol > 1e-13; rtol /= 10) {
        double y[2] = { 1, 0 };
        MUST(lg_integrate(&ode, LG_EXPLICIT, rtol, 0, 4, y, &err));
        CHECK(fabs(y[0] - cos(12)) < 20 * rtol, "rtol %g: %g", rtol, y[0] - cos(12));
    }
    CHECK_END();
}

static void what_cannot_go_on_says_where(void **state)
{
    (void)state;
    for (enum lg_solver s = 0; s < LG_SOLVERS; s++) {
        const lg_ode ode = { .n = 1, .rhs = square }, never = { .n = 1, .rhs = refuse };
        double y = 1;
        if (missing(s)) continue;
        CHECK(lg_integrate(&ode, s, 1e-8, 0, 2, &y, &err) == LUGE_E_NUMERIC && strstr(err.text, "past t = 1") &&
                  strstr(err.text, "2 is wanted"),
              "%s: %s", lg_solver_name(s), err.text);
        CHECK(lg_integrate(&never, s, 1e-8, 0, 2, &y, &err) == LUGE_E_FORMAT && strstr(err.text, "not at t = "),
              "%s: %s", lg_solver_name(s), err.text);
    }
    CHECK_END();
}

static void wrong_words_are_refused(void **state)
{
    static const struct {
        const char *model;
        double momentum, h;
        const char *text;
    } rows[] = {
        { "rescaled", 1, .1, "momentum = 1 is not in [0,1)" },
        { "rescaled", -.1, .1, "is not in [0,1)" },
        { "rescaled", .5, 0, "step size 0" },
        { "nonsense", .5, .1, "there is no model \"nonsense\"" },
        { "rescaled:x", .5, .1, "one form alone" },
        { "series:0", .5, .1, "[1,12]" },
        { "series:x", .5, .1, "[1,12]" },
        { "second_order:odd", .5, .1, "\"odd\" is none of" },
        { "manifold:99", .5, .1, "[1,12]" },
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        lg_family f = { &field_of_r, rows[i].momentum, 0, rows[i].h };
        lg_model *m;
        CHECK(lg_model_open(&m, rows[i].model, &f, &err) != LUGE_OK && !m && strstr(err.text, rows[i].text), "%s: %s",
              rows[i].model, err.text);
    }
    lg_family f = { &field_of_r, .9, 0, 2 };
    CHECK(lg_stability_check(&f, start_of_r, &err) == LUGE_E_NUMERIC && strstr(err.text, "stable below 3.8"), "%s",
          err.text);
    lg_iteration *it;
    f.h = .1;
    CHECK(lg_iteration_open(&it, &f, "adam", &err) == LUGE_E_NAME, "adam was taken");
    CHECK_END();
}

/* A field without series: order two by products with the Hessian, no more. */
static void series_are_asked_for(void **state)
{
    lg_field plain = field_of_r;
    double v[2];
    (void)state;
    plain.series = NULL;
    lg_family f = { &plain, .5, 0, ldexp(1, -8) };
    MUST(lg_prepared(&f, 2, start_of_r, v, &err));
    CHECK(lg_prepared(&f, 3, start_of_r, v, &err) == LUGE_E_INPUT && strstr(err.text, "power series"), "%s",
          err.text);
    CHECK_END();
}

/* ---- vectors: the same bits for any number of threads, and what the sums say ---- */

enum { LONG = 300001 };

static void bits_do_not_depend_on_threads(void **state)
{
    static const int threads[] = { 1, 2, 3, 7 };
    double *x = lg_alloc(4 * LONG, sizeof *x), *y = x + LONG, *z = y + LONG, *w = z + LONG;
    (void)state;
    assert_non_null(x);
    for (size_t i = 0; i < LONG; i++) x[i] = lg_normal(1, 0, i), y[i] = lg_normal(1, 1, i);
    for (size_t n = 0; n <= LONG; n = n < 70 ? n + 1 : n * 9 < LONG ? n * 9 : n == LONG ? n + 1 : LONG) {
        double first[6], norms[2];
        for (size_t k = 0; k < ROWS(threads); k++) {
            lg_vectors v = { n, threads[k] };
            double *to = k ? w : z, norm[2];
            const double c[] = { 0.3, -1.7 }, d[] = { 1, 2 };
            const double *list[] = { x, y };
            lg_combine(v, to, x, 2, c, list);
            assert_memory_equal(z, to, n * sizeof *z);
            for (enum lg_sum s = LG_SUM_PRODUCTS; s <= LG_LEAST; s++) {
                double sum = lg_sum(v, s, x, y);
                if (k) assert_memory_equal(&sum, &first[s], sizeof sum);
                first[s] = sum;
            }
            lg_error_norms(v, x, y, 1e-3, 1e-2, 2, list, (const double *const[]){ c, d }, norm);
            if (k) assert_memory_equal(norm, norms, sizeof norm);
            memcpy(norms, norm, sizeof norm);
        }
        long double dot = 0, most = 0, size = 0;
        for (size_t i = 0; i < n; i++) {
            dot += (long double)x[i] * (long double)y[i];
            size += fabsl((long double)x[i] * (long double)y[i]);
            most = fmaxl(most, fabsl((long double)x[i]));
            assert_true(fabs(z[i] - (x[i] + 0.3 * x[i] - 1.7 * y[i])) < 1e-14);
        }
        assert_true(fabsl(dot - (long double)first[LG_SUM_PRODUCTS]) <= 1e-14L * size);
        assert_true((long double)first[LG_GREATEST] == most);
    }
    lg_free(x);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(solutions_are_those_of_the_equations),
        cmocka_unit_test(nodes_are_met),
        cmocka_unit_test(tolerances_are_kept),
        cmocka_unit_test(what_cannot_go_on_says_where),
        cmocka_unit_test(wrong_words_are_refused),
        cmocka_unit_test(series_are_asked_for),
        cmocka_unit_test(bits_do_not_depend_on_threads),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
