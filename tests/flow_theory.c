/* What is exact or closed in the theory of fixed momentum: linear problems, the invariant manifold, the coefficients
 * of the modified equation.  SPDX-License-Identifier: MIT */
#include "flow_field.h"

static luge_error err;
#define CLOSE(value, expected, within)                                                                               \
    CHECK(fabs((value) - (expected)) <= (within), "%s = %.17g is not %.17g", #value, (double)(value),                \
          (double)(expected))

/* The layer of the second-order equation shrinks by exp(-(1-λ)/α) in the time of a step, that of the iterates by λ.
 */
static void layers_of_the_second_order_equation(void **state)
{
    static const struct {
        double momentum, a, factor, within;
    } rows[] = {
        { .5, 0, .513417, 5e-7 },  { .9, 0, .900088, 5e-7 },  { .99, 0, .99000008, 5e-9 },
        { .5, .5, .367879, 5e-7 }, { .9, .9, .890227, 5e-7 },
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        CLOSE(exp(-(1 - rows[i].momentum) / lg_second_order_alpha(rows[i].momentum, rows[i].a)), rows[i].factor,
              rows[i].within);
    CHECK_END();
}

/* ---- f = -q u ---- */

static void the_linear_limits_are_known(void **state)
{
    static const struct {
        double momentum, a, stable, real, radius;
    } rows[] = {
        { .5, 0, 3, 0.0857864376, .7071068 },
        { .5, .5, 1.5, 0.1111111111, .6666667 },
        { .9, 0, 3.8, 0.00263340390, .9486833 },
        { .9, .9, 1.357142857, 0.00277008310, .9473684 },
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        double l = rows[i].momentum, a = rows[i].a, real = lg_real_below(l, a), stable = lg_stable_below(l, a), r, s;
        CLOSE(stable, rows[i].stable, 1e-9);
        CLOSE(real, rows[i].real, 1e-10);
        CLOSE(lg_linear_radius(l, a, real * (1 + 1e-12)), rows[i].radius, 1e-5);
        CHECK(lg_linear_radius(l, a, stable * .999) < 1, "row %zu: not stable", i);
        CHECK(lg_linear_radius(l, a, stable * 1.001) > 1, "row %zu: stable", i);
        lg_linear_roots(l, a, real * .99, &r, &s);
        CHECK(r > s && s > 0, "row %zu: %g %g", i, r, s);
        lg_linear_roots(l, a, real * 1.01, &r, &s);
        CHECK(isnan(r), "row %zu: real beyond the limit", i);
    }
    CHECK_END();
}

static void the_linear_manifold_is_exact(void **state)
{
    double q = 1, larger, smaller, u[2] = { 1, 2 }, v = 0.3;
    const lg_field field = { 1, 1, &q, q_gradient, q_hvp, q_series };
    lg_family f = { &field, .5, 0, .01 };
    lg_iteration *it;
    (void)state;
    lg_linear_roots(.5, 0, .01, &larger, &smaller);
    CLOSE(larger, 0.979574082114798, 1e-15);
    CLOSE(smaller, 0.510425917885202, 1e-15);
    CLOSE(lg_manifold_quadratic(&f, q), -2.085183577040395, 1e-13);
    /* v - G(u) shrinks by the smaller root in each step. */
    MUST(lg_iteration_open(&it, &f, NULL, &err));
    MUST(lg_iteration_start(it, u, &v, &err));
    double slope = lg_manifold_quadratic(&f, q), before = v - slope * u[0];
    for (int n = 0; n < 20; n++) {
        MUST(lg_iteration_step(it, &err));
        double after = *lg_iteration_v(it) - slope * *lg_iteration_u(it);
        CLOSE(after / before, smaller, 1e-13 * pow(2, n));
        before = after;
    }
    lg_iteration_close(it);
    CHECK_END();
}

/* V(u) = (ln ρ / h) u, and its partial sums. */
static void the_linear_series_sums_to_the_logarithm(void **state)
{
    static const struct {
        double momentum, a, h, exact, sum[4];
    } rows[] = {
        { .5, 0, .01, -2.063741187479691, { -2, -2.06, -2.0634666667, -2.0637186667 } },
        { .9, .9, .001, -11.06221286483917, { -10, -10.86, -11.0150433333, -11.0500183933 } },
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        double q = 1, u = 1, term[12], work[400], larger, smaller, c[LG_TREES], sum = 0, closed = 0;
        static const int linear[4] = { 0, 1, 3, 7 }; /* f, f'f, f'f'f, f'f'f'f */
        const lg_field field = { 1, 1, &q, q_gradient, q_hvp, q_series };
        lg_family f = { &field, rows[i].momentum, rows[i].a, rows[i].h };
        MUST(lg_series_terms(&f, 12, &u, term, work, &err));
        lg_tree_coefficients(f.momentum, f.a, c);
        for (int k = 0; k < 4; k++) {
            sum += pow(f.h, k) * term[k];
            closed += pow(f.h, k) * c[linear[k]] * pow(-q, k + 1);
            CLOSE(sum, rows[i].sum[k], 1e-10);
            CLOSE(closed, rows[i].sum[k], 1e-10);
        }
        lg_linear_roots(f.momentum, f.a, f.h, &larger, &smaller);
        CLOSE(log(larger) / f.h, rows[i].exact, 1e-12);
        for (int k = 4; k < 12; k++) sum += pow(f.h, k) * term[k];
        CLOSE(sum, rows[i].exact, i ? 1e-3 : 1e-10); /* the second converges slowly: h q Λ² = .1 */
    }
    CHECK_END();
}

/* ---- the trees ---- */

/* f = -∇Φ of problem R and its derivatives: x-component 1 - x + 2b x y - 2b x³, y-component b x² - b y. */
static void r_first(const double *x, const double *p, double *out)
{
    double minus[2];
    r_hvp(NULL, x, p, minus, NULL);
    out[0] = -minus[0], out[1] = -minus[1];
}
static void r_second(const double *x, const double *p, const double *q, double *out)
{
    out[0] = -12 * b_of_r * x[0] * p[0] * q[0] + 2 * b_of_r * (p[0] * q[1] + p[1] * q[0]);
    out[1] = 2 * b_of_r * p[0] * q[0];
}

/* V_0 .. V_3 from the closed coefficients. */
static void closed_terms(double momentum, double a, const double *x, double v[4][2])
{
    double c[LG_TREES], f[2], ff[2], fff[2], tree[LG_TREES][2];
    lg_tree_coefficients(momentum, a, c);
    r_gradient(NULL, x, f, NULL);
    f[0] = -f[0], f[1] = -f[1];
    r_first(x, f, ff);
    r_first(x, ff, fff);
    memcpy(tree[0], f, sizeof f);
    memcpy(tree[1], ff, sizeof f);
    r_second(x, f, f, tree[2]);
    memcpy(tree[3], fff, sizeof f);
    tree[4][0] = -12 * b_of_r * f[0] * f[0] * f[0], tree[4][1] = 0;
    r_second(x, f, ff, tree[5]);
    r_first(x, tree[2], tree[6]);
    r_first(x, fff, tree[7]);
    memset(v, 0, 4 * sizeof *v);
    for (int i = 0; i < LG_TREES; i++)
        for (int k = 0; k < 2; k++) v[lg_tree_power[i]][k] += c[i] * tree[i][k];
}

static void closed_coefficients_equal_the_recursion(void **state)
{
    static const double momentum[] = { 0, .3, .5, .9, .99 }, ahead[] = { 0, .25, 1 };
    (void)state;
    for (size_t i = 0; i < ROWS(momentum); i++)
        for (size_t k = 0; k < ROWS(ahead) + 1; k++) {
            double a = k < ROWS(ahead) ? ahead[k] : momentum[i], x[2] = { 0.7, -0.4 }, closed[4][2], term[8];
            double *work = lg_alloc(2 * lg_series_room(4), sizeof *work);
            lg_family f = { &field_of_r, momentum[i], a, 1 };
            assert_non_null(work);
            MUST(lg_series_terms(&f, 4, x, term, work, &err));
            closed_terms(momentum[i], a, x, closed);
            for (int j = 0; j < 8; j++) {
                double scale = fabs(closed[j / 2][0]) + fabs(closed[j / 2][1]);
                CHECK(fabs(term[j] - closed[j / 2][j % 2]) <= 1e-12 * scale, "%g %g: V_%d: %.17g is not %.17g",
                      momentum[i], a, j / 2, term[j], closed[j / 2][j % 2]);
            }
            lg_free(work);
        }
    CHECK_END();
}

static void coefficients_have_their_values(void **state)
{
    static const struct {
        double momentum, a, c[LG_TREES];
    } rows[] = {
        { .5, 0, { 2, -6, 50. / 3, 104. / 3, -48, -244, -148, -252 } },
        { .5, .5, { 2, -4, 35. / 3, 50. / 3, -34, -428. / 3, -194. / 3, -92 } },
        { .9, 0, { 10, -950, 270250. / 3, 541000. / 3, -8550000, -128297500. / 3, -76997500. / 3, -42797500 } },
        { .9, .9, { 10, -860, 245815. / 3, 465130. / 3, -7776510, -112048180. / 3, -65144590. / 3, -34975060 } },
        { 0, 0, { 1, -1. / 2, 1. / 12, 1. / 3, 0, -1. / 12, -1. / 12, -1. / 4 } },
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        double c[LG_TREES], l = rows[i].momentum, speed = 1 / (1 - l);
        lg_tree_coefficients(l, rows[i].a, c);
        for (int k = 0; k < LG_TREES; k++)
            CHECK(fabs(c[k] - rows[i].c[k]) <= 1e-12 * fabs(rows[i].c[k]), "row %zu, %s: %.17g", i, lg_tree_name[k],
                  c[k]);
        /* V_2 is a gradient only where this vanishes. */
        CHECK(fabs(c[3] - 2 * c[2] - speed * speed * speed * (1. / 6 - rows[i].a * speed)) <= 1e-11 * fabs(c[3]),
              "row %zu: the defect of the gradient", i);
    }
    CHECK_END();
}

static void terms_have_their_values(void **state)
{
    static const struct {
        double momentum, a, v[12];
        int terms;
    } rows[] = {
        { .5, 0, { 0, -3, -18, -18, -208, -416, -1656, -9072, 103564.8, -117561.6, 5817024, 3271680 }, 6 },
        { .5, .5, { 0, -3, -12, -12, -100, -200, 360, -3312 }, 4 },
        { .9, .9, { 0, -15, -2580, -2580, -930260, -1860520 }, 3 },
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        double term[12], work[400];
        lg_family f = { &field_of_r, rows[i].momentum, rows[i].a, 1 };
        MUST(lg_series_terms(&f, rows[i].terms, start_of_r, term, work, &err));
        for (int k = 0; k < 2 * rows[i].terms; k++) {
            double expected = rows[i].v[k];
            CHECK(fabs(term[k] - expected) <= 1e-11 * (1 + fabs(expected)), "row %zu, V_%d: %.17g is not %.17g", i,
                  k / 2, term[k], expected);
        }
    }
    CHECK_END();
}

/* The first two terms of the manifold from series and from products with the Hessian; the third, closed. */
static void manifold_terms_agree(void **state)
{
    static const double momentum[] = { .5, .9 };
    (void)state;
    for (int i = 0; i < 4; i++) {
        const double l = momentum[i % 2], a = i < 2 ? 0 : l, s = 1 - l, h = ldexp(1, -12), x[2] = { .3, .8 };
        lg_family f = { &field_of_r, l, a, h };
        double g2[2], g3[2], work[200], grad[2], ff[2], fff[2], second[2], field[2];
        double c31 = (a * a * s * s - 2 * a * s + 1 + l) / (2 * pow(s, 5));
        double c32 = (a * a * s * s - 3 * a * s + 1 + l) / pow(s, 5);
        MUST(lg_manifold(&f, 2, x, g2, work, &err));
        MUST(lg_manifold(&f, 3, x, g3, work, &err));
        r_gradient(NULL, x, grad, NULL);
        for (int k = 0; k < 2; k++) field[k] = -grad[k];
        r_first(x, field, ff);
        r_first(x, ff, fff);
        r_second(x, field, field, second);
        for (int k = 0; k < 2; k++) {
            double expected = g2[k] + h * h * (c31 * second[k] + c32 * fff[k]);
            CHECK(fabs(g3[k] - expected) < 1e-12 * (fabs(g2[k]) + 1), "%g %g: %.17g is not %.17g", l, a, g3[k],
                  expected);
        }
    }
    CHECK_END();
}

/* ---- the manifold as a graph, f = -sin ---- */

enum { NODES = 128 };
static const double pi = 3.14159265358979323846;

static void graphs_have_their_values(void **state)
{
    static const struct {
        double momentum, a;
        int k;
        double at_quarter; /* G(π/2) */
    } rows[] = {
        { .5, 0, 5, -1.978213421922 },   { .5, 0, 6, -1.994256066175 },  { .5, 0, 7, -1.998542610577 },
        { .5, .5, 5, -1.984334220090 },  { .5, .5, 7, -1.998966529856 }, { .9, 0, 13, -9.998586284715 },
        { .9, .9, 13, -9.998714103869 },
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        lg_family f = { &field_of_sine, rows[i].momentum, rows[i].a, ldexp(1, -rows[i].k) };
        double g[NODES], contraction, slope, rate, steepest = 0;
        MUST(lg_manifold_graph(&f, NODES, g, &contraction, &err));
        CLOSE(g[NODES / 4], rows[i].at_quarter, 2e-12);
        lg_manifold_bounds(&f, 1, &slope, &rate);
        for (int k = 0; k < NODES; k++) steepest = fmax(steepest, fabs(g[(k + 1) % NODES] - g[k]) * NODES / (2 * pi));
        CHECK(steepest <= slope, "row %zu: G has slope %g, at most %g is allowed", i, steepest, slope);
        CHECK(contraction < 1 && contraction > rows[i].momentum - .02, "row %zu: contraction %g", i, contraction);
        if (rows[i].k == 5 && rows[i].a == 0) CLOSE(slope, 2.31142, 1e-5);
    }
    CHECK_END();
}

static void graphs_are_met_to_their_orders(void **state)
{
    static const double momentum[] = { .5, .9 };
    static const double least[] = { 0.98, 1.95, 2.9 }, most[] = { 1.06, 2.05, 3.1 };
    (void)state;
    for (int i = 0; i < 4; i++)
        for (int terms = 1; terms <= 3; terms++) {
            double before = 0;
            for (int k = momentum[i % 2] > .8 ? 11 : 6, last = k + 2; k <= last; k++) {
                lg_family f = { &field_of_sine, momentum[i % 2], i < 2 ? 0 : momentum[i % 2], ldexp(1, -k) };
                double g[NODES], contraction, worst = 0, order;
                MUST(lg_manifold_graph(&f, NODES, g, &contraction, &err));
                for (int n = 0; n < NODES; n++) {
                    double u = 2 * pi * n / NODES, v, work[64];
                    MUST(lg_manifold(&f, terms, &u, &v, work, &err));
                    worst = fmax(worst, fabs(v - g[n]));
                }
                order = log2(before / worst);
                if (before > 0)
                    CHECK(order > least[terms - 1] && order < most[terms - 1],
                          "momentum %g, a %g, %d terms: order %.3f", f.momentum, f.a, terms, order);
                before = worst;
            }
        }
    CHECK_END();
}

/* Distances to the graph shrink by λ + O(h), and no slower than the bound. */
static void the_manifold_attracts(void **state)
{
    static const struct {
        double a, first, bound;
    } rows[] = { { 0, .51517, .536116 }, { .5, .50719, .551369 } };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        lg_family f = { &field_of_sine, .5, rows[i].a, ldexp(1, -5) };
        double slope, rate, u = 1, v = 2, g[NODES], contraction, before = 0;
        lg_iteration *it;
        lg_manifold_bounds(&f, 1, &slope, &rate);
        /* The rate with the graph's own Lipschitz constant, which it has at u = 0; the bound is no less. */
        double own = (f.momentum + f.h * f.a) * (1 - f.h * lg_manifold_quadratic(&f, 1));
        CLOSE(own, rows[i].bound, 1e-6);
        CHECK(rate >= own * (1 - 1e-12) && (f.a > 0 || rate <= own * (1 + 1e-12)), "row %zu: rate %g", i, rate);
        MUST(lg_manifold_graph(&f, NODES, g, &contraction, &err));
        MUST(lg_iteration_open(&it, &f, NULL, &err));
        MUST(lg_iteration_start(it, &u, &v, &err));
        for (int n = 0; n < 12; n++) {
            /* The trigonometric interpolant of the graph, in Lagrange's form. */
            double x = *lg_iteration_u(it), at = 0, distance;
            for (int k = 0; k < NODES; k++) {
                double d = x - 2 * pi * k / NODES;
                at += g[k] * sin(NODES * d / 2) / tan(d / 2) / NODES;
            }
            distance = fabs(*lg_iteration_v(it) - at);
            if (n == 1) CLOSE(distance / before, rows[i].first, 1e-5);
            if (n)
                CHECK(distance <= own * before && fabs(distance / before - .5) < 10 * f.h, "row %zu, n = %d: %g", i,
                      n, distance / before);
            before = distance;
            MUST(lg_iteration_step(it, &err));
        }
        lg_iteration_close(it);
    }
    CHECK_END();
}

static void the_threshold_is_known(void **state)
{
    (void)state;
    CLOSE(lg_manifold_below(.5, .5), .0717967697, 1e-10);
    CLOSE(lg_manifold_below(.9, .9), .00251257868, 1e-11);
    for (double l = 0; l < 1; l += .1) CLOSE(lg_manifold_below(l, 0), lg_real_below(l, 0), 1e-15);
    CLOSE(lg_manifold_below(.5, 1), .25 / 4, 1e-15); /* the quadratic term vanishes */
    CHECK_END();
}

/* ---- the linear problem of the paper ---- */

static luge_status k_gradient(void *context, const double *x, double *g, luge_error *e)
{
    (void)e;
    g[0] = x[0], g[1] = *(const double *)context * x[1];
    return LUGE_OK;
}
static luge_status k_hvp(void *context, const double *x, const double *v, double *hv, luge_error *e)
{
    (void)x;
    return k_gradient(context, v, hv, e);
}

static const struct {
    const char *method, *model;
    double condition;
    int first;
    double error[3];
} linear[] = {
    { "heavy_ball", "rescaled", 5, 8, { .3783, .2798, .1927 } },
    { "heavy_ball", "rescaled", 10, 8, { .4783, .3783, .2798 } },
    { "heavy_ball", "rescaled", 20, 8, { .5699, .4783, .3783 } },
    { "nesterov", "rescaled", 5, 8, { .3839, .2833, .1950 } },
    { "nesterov", "rescaled", 10, 8, { .4834, .3839, .2833 } },
    { "nesterov", "rescaled", 20, 8, { .5754, .4834, .3839 } },
    { "heavy_ball", "second_order", 5, 5, { .0218, .0077, .0028 } },
    { "heavy_ball", "second_order:central", 5, 5, { .0255, .0107, .0052 } },
    { "heavy_ball", "second_order:printed", 5, 5, { .3182, .2093, .1336 } },
    { "nesterov", "second_order", 5, 5, { .3214, .1912, .1055 } },
    { "nesterov", "second_order:printed", 5, 5, { .3176, .1901, .1059 } },
    { "nesterov", "second_order:central", 5, 5, { .3110, .2037, .1288 } },
    { "heavy_ball", "second_order", 10, 6, { .0218, .0077, .0028 } }, /* h times the condition decides */
};

static void the_linear_table_holds(void **state)
{
    const double at[2] = { 1, 1 };
    (void)state;
    for (size_t i = 0; i < ROWS(linear); i++)
        for (int k = 0; k < 3; k++) {
            double condition = linear[i].condition;
            lg_field field = { .n = 2, .threads = 1, .context = &condition, .gradient = k_gradient, .hvp = k_hvp };
            lg_shadow s;
            lg_shadow_request r = { .field = &field,
                                    .at = at,
                                    .method = linear[i].method,
                                    .momentum = .9,
                                    .model = linear[i].model,
                                    .time = 2,
                                    .every = 1,
                                    .rtol = 1e-13 };
            MUST(lg_shadow_run(&r, ldexp(1, -linear[i].first - k), &s, &err));
            CHECK(fabs(s.all - linear[i].error[k]) < 1e-3, "%s %s, condition %g, h = 2^-%d: %.5f is not %.4f",
                  linear[i].method, linear[i].model, condition, linear[i].first + k, s.all, linear[i].error[k]);
        }
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(layers_of_the_second_order_equation),
        cmocka_unit_test(the_linear_limits_are_known),
        cmocka_unit_test(the_linear_manifold_is_exact),
        cmocka_unit_test(the_linear_series_sums_to_the_logarithm),
        cmocka_unit_test(closed_coefficients_equal_the_recursion),
        cmocka_unit_test(coefficients_have_their_values),
        cmocka_unit_test(terms_have_their_values),
        cmocka_unit_test(manifold_terms_agree),
        cmocka_unit_test(graphs_have_their_values),
        cmocka_unit_test(graphs_are_met_to_their_orders),
        cmocka_unit_test(the_manifold_attracts),
        cmocka_unit_test(the_threshold_is_known),
        cmocka_unit_test(the_linear_table_holds),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
