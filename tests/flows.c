/* Iterations beside their models on problem R: digits, orders, and what wrong coefficients do to the order.
 * SPDX-License-Identifier: MIT */
#include "flow_field.h"

static luge_error err;
enum { HEAVY_BALL, NESTEROV };
static const char *const method[] = { "heavy_ball", "nesterov" };

static lg_family family_of(int which, double momentum, double h)
{
    return (lg_family){ &field_of_r, momentum, lg_method_a(method[which], momentum), h };
}

/* ---- the iterates ---- */

static const struct {
    int which;
    bool prepared;
    double v[2], u[2]; /* v_0 of the prepared start; u_64 */
} steps[] = {
    { HEAVY_BALL, false, { 0, 0 }, { 0.6058388866843355, 0.2610195020648958 } },
    { NESTEROV, false, { 0, 0 }, { 0.6083917820399218, 0.2662097553713141 } },
    { HEAVY_BALL, true, { -0.44872946470586683, -3.5662806473334427 }, { 0.6094307514318699, 0.26647775623359077 } },
    { NESTEROV, true, { -0.31566242779864595, -3.377390544188742 }, { 0.612174699921241, 0.2718016615961106 } },
};

static void iterates_have_their_digits(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(steps); i++)
        for (int own = 0; own < 2; own++) {
            lg_family f = family_of(steps[i].which, 0.5, 1.0 / 64);
            lg_iteration *it;
            double v[2];
            MUST(lg_prepared(&f, 4, start_of_r, v, &err));
            if (steps[i].prepared)
                for (int k = 0; k < 2; k++)
                    CHECK(fabs(v[k] - steps[i].v[k]) < 1e-12 * 4, "row %zu: v_0[%d] = %.17g", i, k, v[k]);
            MUST(lg_iteration_open(&it, &f, own ? method[steps[i].which] : NULL, &err));
            MUST(lg_iteration_start(it, start_of_r, steps[i].prepared ? v : NULL, &err));
            for (int n = 0; n < 64; n++) MUST(lg_iteration_step(it, &err));
            for (int k = 0; k < 2; k++)
                CHECK(fabs(lg_iteration_u(it)[k] - steps[i].u[k]) < 1e-12, "row %zu, own %d: u_64[%d] = %.17g", i,
                      own, k, lg_iteration_u(it)[k]);
            lg_iteration_close(it);
        }
    CHECK_END();
}

/* The optimizer's iterates are those of the recursion at every step, for heavy ball, Nesterov and gradient descent.
 */
static void the_optimizer_takes_the_same_steps(void **state)
{
    static const struct {
        const char *name;
        double momentum;
    } rows[] = { { "heavy_ball", .5 }, { "heavy_ball", .9 }, { "nesterov", .5 }, { "nesterov", .9 }, { "sgd", 0 } };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        double l = rows[i].momentum;
        lg_family f = { &field_of_r, l, lg_method_a(rows[i].name, l), ldexp(1, -9) };
        lg_iteration *plain, *own;
        MUST(lg_iteration_open(&plain, &f, NULL, &err));
        MUST(lg_iteration_open(&own, &f, rows[i].name, &err));
        MUST(lg_iteration_start(plain, start_of_r, NULL, &err));
        MUST(lg_iteration_start(own, start_of_r, NULL, &err));
        for (int n = 0; n < 500; n++) {
            MUST(lg_iteration_step(plain, &err));
            MUST(lg_iteration_step(own, &err));
            for (int k = 0; k < 2; k++) {
                double u = lg_iteration_u(plain)[k] - lg_iteration_u(own)[k];
                double v = lg_iteration_v(plain)[k] - lg_iteration_v(own)[k];
                CHECK(fabs(u) < 1e-13 && fabs(v) < 1e-11, "%s %g, n = %d: %g %g", rows[i].name, l, n, u, v);
            }
        }
        lg_iteration_close(plain);
        lg_iteration_close(own);
    }
    CHECK_END();
}

/* z_n = u_n + h λΛ v_n obeys z⁺ = z + hΛ f(u + h a v) for any a: the factor Λ in one line. */
static void the_rescaling_is_exact(void **state)
{
    static const double a[] = { 0, 0.25, 0.5, 0.9, 1.5 };
    (void)state;
    for (size_t i = 0; i < ROWS(a); i++) {
        const double l = 0.9, h = ldexp(1, -10), speed = 1 / (1 - l);
        lg_family f = { &field_of_r, l, a[i], h };
        lg_iteration *it;
        MUST(lg_iteration_open(&it, &f, NULL, &err));
        MUST(lg_iteration_start(it, start_of_r, NULL, &err));
        for (int n = 0; n < 300; n++) {
            double z[2], at[2], g[2];
            for (int k = 0; k < 2; k++) {
                z[k] = lg_iteration_u(it)[k] + h * l * speed * lg_iteration_v(it)[k];
                at[k] = lg_iteration_u(it)[k] + h * a[i] * lg_iteration_v(it)[k];
            }
            MUST(r_gradient(NULL, at, g, &err));
            MUST(lg_iteration_step(it, &err));
            for (int k = 0; k < 2; k++) {
                double next = lg_iteration_u(it)[k] + h * l * speed * lg_iteration_v(it)[k];
                CHECK(fabs(next - (z[k] - h * speed * g[k])) < 1e-14, "a = %g, n = %d: %g", a[i], n,
                      next - (z[k] - h * speed * g[k]));
            }
        }
        lg_iteration_close(it);
    }
    CHECK_END();
}

/* ---- the models' values ---- */

static const struct {
    const char *model;
    int which;
    double momentum, h, time;
    bool prepared;
    double u[2], within;
} values[] = {
    { "rescaled", 0, .5, 1. / 64, 1, false, { 0.6182978042418439, 0.2836614559159668 }, 1e-12 },
    { "rescaled", 1, .9, 1. / 1024, .25, false, { 0.6762234109218695, 0.37446885241138794 }, 1e-12 },
    { "second_order", 0, .5, 1. / 1024, 1, false, { 0.61749518, 0.28222074 }, 1e-8 },
    { "modified", 0, .5, 1. / 64, 1, true, { 0.6113571275746966, 0.2704854088328649 }, 1e-12 },
    { "modified", 1, .5, 1. / 64, 1, true, { 0.6133233281699118, 0.2741207703205786 }, 1e-12 },
    { "series:3", 0, .5, 1. / 64, 1, true, { 0.6097835285771976, 0.2675251147455225 }, 1e-12 },
    { "series:4", 0, .5, 1. / 64, 1, true, { 0.6094725517343965, 0.2668380268519524 }, 1e-12 },
    { "series:3", 1, .5, 1. / 64, 1, true, { 0.6122896984536303, 0.27219039917489946 }, 1e-12 },
    { "series:4", 1, .5, 1. / 64, 1, true, { 0.6121659531330774, 0.27188234517327636 }, 1e-12 },
};

static void models_have_their_digits(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(values); i++)
        for (enum lg_solver solver = 0; solver < LG_SOLVERS; solver++) {
            lg_family f = family_of(values[i].which, values[i].momentum, values[i].h);
            lg_model *m;
            double y[4], within = values[i].within;
            if (solver != LG_EXPLICIT && !lg_has_sundials()) continue;
            if (solver != LG_EXPLICIT && solver != LG_ERK) within = fmax(within, 1e-9);
            MUST(lg_model_open(&m, values[i].model, &f, &err));
            MUST(lg_model_start(m, values[i].prepared, start_of_r, y, &err));
            MUST(lg_integrate(lg_model_ode(m), solver, solver == LG_IMPLICIT ? 1e-10 : 1e-13, 0, values[i].time, y,
                              &err));
            for (int k = 0; k < 2; k++)
                CHECK(fabs(y[k] - values[i].u[k]) < within, "%s by %s, row %zu: %.17g is not %.17g", values[i].model,
                      lg_solver_name(solver), i, y[k], values[i].u[k]);
            lg_model_close(m);
        }
    CHECK_END();
}

/* ---- orders ---- */

enum { LATER = LG_LATER, ALL = LG_THROUGHOUT };
static const struct {
    const char *model;
    double momentum;
    int prepared, window, first, last;
    double time, least, most; /* of every pair's order, for both methods */
} windows[] = {
    { "rescaled", .5, 0, ALL, 7, 11, 1, 0.95, 1.05 },
    { "rescaled", .9, 0, ALL, 12, 15, .25, 0.95, 1.05 },
    { "second_order", .5, 4, ALL, 8, 11, 1, 1.9, 2.1 },
    { "second_order", .5, 0, LATER, 8, 11, 1, 1.95, 2.1 },
    { "second_order", .9, 0, LATER, 12, 15, .25, 1.95, 2.2 },
    { "second_order", .9, 4, ALL, 12, 15, .25, 1.9, 3.1 }, /* the constant of h² is tiny: 3 shows before 2 */
    { "second_order", .5, 0, ALL, 8, 11, 1, 0.9, 1.1 },    /* in the layer it is O(h) */
    { "second_order:hessian", .5, 0, LATER, 8, 11, 1, 1.9, 2.1 },
    { "second_order:hessian", .9, 0, LATER, 12, 15, .25, 1.9, 2.2 },
    { "second_order:hessian", .5, 4, ALL, 8, 11, 1, 1.95, 2.1 },
    { "second_order:printed", .5, 0, ALL, 8, 11, 1, 0.9, 1.1 },
    { "modified", .5, 4, ALL, 8, 11, 1, 1.95, 2.05 },
    { "modified", .9, 4, ALL, 12, 15, .25, 1.9, 2.05 },
    { "modified", .5, 0, LATER, 7, 11, 1, 1.95, 2.05 },
    { "modified", .9, 0, LATER, 12, 15, .25, 1.95, 2.05 },
    { "composite", .5, 0, ALL, 8, 11, 1, 1.85, 2.05 },
    { "composite", .9, 0, ALL, 13, 15, .25, 1.9, 2.05 },
    { "manifold:1", .5, 0, LATER, 6, 11, 1, 0.95, 1.05 },
    { "manifold:2", .5, 0, LATER, 7, 11, 1, 1.95, 2.1 },
    { "manifold:3", .5, 0, LATER, 6, 10, 1, 2.9, 3.2 },
    { "manifold:2", .9, 0, LATER, 12, 15, .25, 1.95, 2.1 },
    { "manifold:3", .9, 0, LATER, 12, 15, .25, 2.9, 3.1 },
    { "series:1", .5, 4, ALL, 8, 11, 1, 0.95, 1.05 },
    { "series:2", .5, 4, ALL, 8, 11, 1, 1.95, 2.05 },
    { "series:3", .5, 4, ALL, 8, 11, 1, 2.95, 3.12 },
    { "series:4", .5, 4, ALL, 8, 11, 1, 3.95, 4.12 },
    { "series:2", .9, 4, ALL, 12, 15, .25, 1.9, 2.05 },
    { "series:3", .9, 4, ALL, 12, 15, .25, 2.95, 3.12 },
    { "series:4", .9, 4, ALL, 12, 15, .25, 3.95, 4.12 },
    { "series:5", .5, 6, ALL, 5, 8, .25, 4.85, 5.25 },
    { "series:6", .5, 6, ALL, 5, 8, .25, 5.7, 6.15 },
};

static void orders_lie_in_their_windows(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(windows); i++)
        for (int which = 0; which < 2; which++) {
            run r = { method[which],   windows[i].model, windows[i].momentum, windows[i].prepared,
                      windows[i].time, windows[i].first, windows[i].last };
            lg_orders o = orders_of(&r, (enum lg_window)windows[i].window, NULL);
            for (int k = 0; k < r.last - r.first; k++) {
                CHECK(o.kept[k] != LG_PAIR_NOISE, "%s %s %g: pair %d is noise", r.method, r.model, r.momentum, k);
                CHECK(o.pair[k] > windows[i].least && o.pair[k] < windows[i].most,
                      "%s %s, momentum %g, start %d: pair %d has order %.4f", r.method, r.model, r.momentum,
                      r.prepared, k, o.pair[k]);
            }
        }
    CHECK_END();
}

/* What a model claims is what the table above finds. */
static void models_claim_their_orders(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(windows); i++) {
        lg_family f = family_of(0, windows[i].momentum, 0.01);
        lg_model *m;
        enum lg_window window;
        MUST(lg_model_open(&m, windows[i].model, &f, &err));
        int claimed = lg_model_theory(m, windows[i].prepared > 0, &window);
        if ((int)window == windows[i].window)
            CHECK(claimed >= windows[i].least && claimed <= windows[i].most, "%s claims %d", windows[i].model,
                  claimed);
        lg_model_close(m);
    }
    CHECK_END();
}

/* The errors themselves, so that the orders are those of the right thing. */
static void errors_have_their_size(void **state)
{
    static const struct {
        run r;
        double first, last;
    } rows[] = {
        { { "heavy_ball", "rescaled", .5, 0, 1, 6, 11 }, 6.59e-2, 2.18e-3 },
        { { "heavy_ball", "series:4", .5, 4, 1, 6, 11 }, 1.302e-3, 1.014e-9 },
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        double e[LG_HALVINGS];
        orders_of(&rows[i].r, LG_THROUGHOUT, e);
        CHECK(fabs(e[0] / rows[i].first - 1) < 1e-2 && fabs(e[5] / rows[i].last - 1) < 1e-2, "%s: %.4g .. %.4g",
              rows[i].r.model, e[0], e[5]);
    }
    CHECK_END();
}

/* ---- wrong coefficients ---- */

/* An equation of the test's own: the modified field with a κ that is off by `shift`, at a start that is off by
 * `naive` initial layers, at a speed that is off by `speed`. */
typedef struct wrong {
    const char *name;
    double shift, speed, memory; /* memory: factor on the momentum of the iteration */
    bool prepared, naive, explicit_map;
    int first, last;
    double least, most;
} wrong;

static const wrong wrongs[] = {
    { "kappa = L - a - 1/2", 0, 1, 1, true, false, false, 7, 10, 1.9, 2.1 },
    { "kappa = L - a + 1/2", 1, 1, 1, true, false, false, 9, 12, 0.9, 1.1 },
    { "kappa = L - a", .5, 1, 1, true, false, false, 9, 12, 0.9, 1.1 },
    { "kappa = L - a - 1", -.5, 1, 1, true, false, false, 9, 12, 0.9, 1.1 },
    { "explicit map, kappa = L - a - 1", -.5, 1, 1, true, false, true, 7, 10, 1.9, 2.1 },
    { "cold start from u_0 itself", 0, 1, 1, false, true, false, 7, 10, 0.9, 1.1 },
    { "heavy ball without its momentum", 0, 1, 0, false, false, false, 7, 10, -0.2, 0.2 },
    { "without the factor 1/(1-momentum)", 0, .5, 1, false, false, false, 7, 10, -0.2, 0.2 },
};

typedef struct equation {
    lg_family family;
    double kappa, speed;
} equation;

static luge_status wrong_rhs(void *context, double t, const double *y, double *dy, luge_error *e)
{
    equation *q = context;
    double work[4];
    luge_status st = lg_modified_field(&q->family, q->kappa, y, dy, work, e);
    (void)t;
    for (int k = 0; k < 2; k++) dy[k] *= q->speed;
    return st;
}

static double wrong_error(const wrong *w, int which, double h)
{
    lg_family f = family_of(which, .5, h), taken = f;
    equation q = { f, lg_modified_kappa(f.momentum, f.a) + w->shift, w->speed };
    lg_ode ode = { .n = 2, .context = &q, .rhs = wrong_rhs };
    lg_integrator *flow;
    lg_iteration *it;
    double y[2], v[2], g[2], worst = 0;
    int last = (int)(1 / h);

    taken.momentum *= w->memory;
    MUST(lg_prepared(&f, 4, start_of_r, v, &err));
    MUST(r_gradient(NULL, start_of_r, g, &err));
    for (int k = 0; k < 2; k++) y[k] = start_of_r[k] + (w->prepared || w->naive ? 0 : h * .5 * 4 * g[k]);
    MUST(lg_iteration_open(&it, &taken, NULL, &err));
    MUST(lg_iteration_start(it, start_of_r, w->prepared ? v : NULL, &err));
    MUST(lg_integrator_open(&flow, LG_EXPLICIT, &ode, 1e-13, &err));
    MUST(lg_integrator_start(flow, 0, y, &err));
    for (int n = 1; n <= last; n++) {
        MUST(lg_iteration_step(it, &err));
        MUST(lg_integrator_to(flow, n * h, &err));
        if (w->explicit_map) {
            MUST(wrong_rhs(&q, 0, y, v, &err));
            for (int k = 0; k < 2; k++) y[k] += h * v[k];
        } else
            memcpy(y, lg_integrator_state(flow), sizeof y);
        if (!w->prepared && 2 * n < last) continue;
        for (int k = 0; k < 2; k++) worst = fmax(worst, fabs(lg_iteration_u(it)[k] - y[k]));
    }
    lg_iteration_close(it);
    lg_integrator_close(flow);
    return worst;
}

static void wrong_coefficients_lose_the_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(wrongs); i++)
        for (int which = 0; which < 2; which++)
            for (int k = wrongs[i].first; k < wrongs[i].last; k++) {
                double order = log2(wrong_error(&wrongs[i], which, ldexp(1, -k)) /
                                    wrong_error(&wrongs[i], which, ldexp(1, -k - 1)));
                CHECK(order > wrongs[i].least && order < wrongs[i].most, "%s, %s, h = 2^-%d: order %.3f",
                      wrongs[i].name, method[which], k, order);
            }
    CHECK_END();
}

/* Central differences for u'(0) do not match heavy ball's layer: order 1 even past it. */
static void central_differences_do_not_match(void **state)
{
    run r = { "heavy_ball", "second_order:central", .5, 0, 1, 8, 11 };
    lg_orders o = orders_of(&r, LG_LATER, NULL);
    (void)state;
    for (int k = 0; k < 3; k++) CHECK(fabs(o.pair[k] - 1) < 0.05, "pair %d: %.3f", k, o.pair[k]);
    CHECK_END();
}

/* ---- the first term of the rescaled flow's error ---- */

/* w' = Λ f'(U) w - Λ² (Λ-a-1/2) f'(U) f(U) beside U' = Λ f(U); f'f = H g, f' w = -H w. */
static luge_status leading_rhs(void *context, double t, const double *y, double *dy, luge_error *e)
{
    const lg_family *f = context;
    const double speed = 1 / (1 - f->momentum);
    double g[2], hg[2], hw[2];
    luge_status st = r_gradient(NULL, y, g, e);
    (void)t;
    r_hvp(NULL, y, g, hg, e);
    r_hvp(NULL, y, y + 2, hw, e);
    for (int k = 0; k < 2; k++) {
        dy[k] = -speed * g[k];
        dy[2 + k] = -speed * hw[k] - speed * speed * lg_modified_kappa(f->momentum, f->a) * hg[k];
    }
    return st;
}

static double leading_error(int which, double h)
{
    lg_family f = family_of(which, .5, h);
    lg_ode ode = { .n = 4, .context = &f, .rhs = leading_rhs };
    lg_integrator *flow;
    lg_iteration *it;
    double y[4] = { start_of_r[0], start_of_r[1] }, b[2], worst = 0;

    MUST(r_gradient(NULL, start_of_r, b, &err));
    for (int k = 0; k < 2; k++) b[k] *= -.5 * 4, y[2 + k] = -b[k];
    MUST(lg_integrator_open(&flow, LG_EXPLICIT, &ode, 1e-13, &err));
    MUST(lg_integrator_start(flow, 0, y, &err));
    MUST(lg_iteration_open(&it, &f, NULL, &err));
    MUST(lg_iteration_start(it, start_of_r, NULL, &err));
    for (int n = 1; n * h <= 1; n++) {
        MUST(lg_iteration_step(it, &err));
        MUST(lg_integrator_to(flow, n * h, &err));
        const double *s = lg_integrator_state(flow);
        for (int k = 0; k < 2; k++)
            worst = fmax(worst, fabs(lg_iteration_u(it)[k] - s[k] - h * (s[2 + k] + b[k] * pow(.5, n))));
    }
    lg_integrator_close(flow);
    lg_iteration_close(it);
    return worst;
}

static void the_leading_error_is_known(void **state)
{
    static const double expected[] = { 1.90, 1.94, 1.97 };
    (void)state;
    for (int which = 0; which < 2; which++)
        for (int k = 0; k < 3; k++) {
            double order = log2(leading_error(which, ldexp(1, -8 - k)) / leading_error(which, ldexp(1, -9 - k)));
            CHECK(fabs(order - expected[k]) < 0.02, "%s, pair %d: order %.3f", method[which], k, order);
        }
    CHECK_END();
}

/* ---- energy ---- */

/* d/dt [h α |u'|²/2 + Φ] = -(1-λ) |u'|² <= 0 along the second-order equation. */
static void the_energy_falls(void **state)
{
    (void)state;
    for (int which = 0; which < 2; which++) {
        lg_family f = family_of(which, .9, ldexp(1, -6));
        double mass = f.h * lg_second_order_alpha(f.momentum, f.a), y[4], before = HUGE_VAL;
        lg_integrator *flow;
        lg_model *m;
        MUST(lg_model_open(&m, "second_order", &f, &err));
        MUST(lg_model_start(m, false, start_of_r, y, &err));
        MUST(lg_integrator_open(&flow, LG_EXPLICIT, lg_model_ode(m), 1e-12, &err));
        MUST(lg_integrator_start(flow, 0, y, &err));
        for (int n = 1; n <= 200; n++) {
            MUST(lg_integrator_to(flow, n * f.h, &err));
            const double *s = lg_integrator_state(flow);
            double w = s[1] - s[0] * s[0];
            double energy = mass * (s[2] * s[2] + s[3] * s[3]) / 2 + (1 - s[0]) * (1 - s[0]) / 2 + b_of_r * w * w / 2;
            CHECK(energy < before, "%s, n = %d: %.17g after %.17g", method[which], n, energy, before);
            before = energy;
        }
        lg_integrator_close(flow);
        lg_model_close(m);
    }
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(iterates_have_their_digits),
        cmocka_unit_test(the_optimizer_takes_the_same_steps),
        cmocka_unit_test(the_rescaling_is_exact),
        cmocka_unit_test(models_have_their_digits),
        cmocka_unit_test(orders_lie_in_their_windows),
        cmocka_unit_test(models_claim_their_orders),
        cmocka_unit_test(errors_have_their_size),
        cmocka_unit_test(wrong_coefficients_lose_the_order),
        cmocka_unit_test(central_differences_do_not_match),
        cmocka_unit_test(the_leading_error_is_known),
        cmocka_unit_test(the_energy_falls),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
