/* The automatic flow against closed forms that were derived by hand for single methods, stationary and step by step.
 * SPDX-License-Identifier: MIT */
#include "flow_field.h"
#include "flows/update.h"
#include <stdio.h>

static luge_error err;
static const double at[2] = { -0.3, 0.7 };

static lg_update *opened(const char *method, const char *const *set)
{
    lg_update *u;
    MUST(lg_update_open(&u, method, &err));
    for (; *set; set++) MUST(lg_update_set(u, *set, &err));
    return u;
}

static void close_to(const char *what, const double *value, const double *expected)
{
    for (int i = 0; i < 2; i++)
        CHECK(fabs(value[i] - expected[i]) <= 1e-12 * (1 + fabs(expected[i])),
              "%s: coordinate %d is %.15g, not %.15g", what, i, value[i], expected[i]);
}

/* V₀ = speed f and V₁ = -c H∇Φ, with h the method's own step size. */
static void momentum_alone(void **state)
{
    static const struct {
        const char *method, *set[4];
        double speed, c; /* Λ and Λ² (Λ - a - 1/2); of QHM (β, ν): 1 and Λ - β (1-ν) Λ - 1/2 */
    } rows[] = {
        { "sgd", { NULL }, 1, 0.5 },
        { "heavy_ball", { "momentum=0.5" }, 2, 6 },
        { "heavy_ball", { "momentum=0.9" }, 10, 950 },
        { "nesterov", { "momentum=0.5" }, 2, 4 },
        { "nesterov", { "momentum=0.9" }, 10, 860 },
        { "qhm", { "momentum=0.8", "nu=0.7" }, 1, 5 - 1.2 - 0.5 },
        { "qhm", { "momentum=0.9", "nu=1" }, 1, 9.5 },
        { "aggmo", { "betas=(0.5)" }, 2, 6 },
        /* the mean of the velocities' lags β/(1-β)², times V₀, and V₀'V₀/2 */
        { "aggmo", { "betas=(0,0.5)" }, 1.5, (0 + 0.5 / 0.25) / 2 * 1.5 + 1.5 * 1.5 / 2 },
    };
    (void)state;
    for (size_t r = 0; r < ROWS(rows); r++) {
        lg_update *u = opened(rows[r].method, rows[r].set);
        double g[2], hg[2], v0[2], v1[2], want[2][2];
        r_gradient(NULL, at, g, NULL);
        r_hvp(NULL, at, g, hg, NULL);
        MUST(lg_auto_terms(&field_of_r, u, 1, at, v0, v1, NULL, &err));
        for (int i = 0; i < 2; i++) want[0][i] = -rows[r].speed * g[i], want[1][i] = -rows[r].c * hg[i];
        close_to(rows[r].method, v0, want[0]);
        close_to(rows[r].method, v1, want[1]);
        lg_update_close(u);
    }
    CHECK_END();
}

/* u = g/R + λ x, R = √(g² + ε) or |g| + ε, mean ages a₁ and a₂ of the two averages.  The memory's term:
 *     -[a₁/R - a₂ g²/R³] H u,   outside:  -[a₁/R - a₂ |g|/R²] H u
 * and -V₀'V₀/2, where du/dg = ε/R³ or ε/R². */
static void memory_of_adam(const double *g, double decay, double eps, bool inside, const double age[2], double *v1)
{
    double u[2], hu[2];
    for (int i = 0; i < 2; i++) u[i] = g[i] / (inside ? sqrt(g[i] * g[i] + eps) : fabs(g[i]) + eps) + decay * at[i];
    r_hvp(NULL, at, u, hu, NULL);
    for (int i = 0; i < 2; i++) {
        double R = inside ? sqrt(g[i] * g[i] + eps) : fabs(g[i]) + eps;
        double second = inside ? g[i] * g[i] / (R * R * R) : fabs(g[i]) / (R * R);
        double slope = inside ? eps / (R * R * R) : eps / (R * R);
        v1[i] = -(age[0] / R - age[1] * second) * hu[i] - (decay * u[i] + slope * hu[i]) / 2;
    }
}

static void adam_remembers(void **state)
{
    static const struct {
        const char *method, *set[6];
        bool inside;
        double decay;
    } rows[] = {
        { "adam", { "beta1=0.8", "beta2=0.95", "eps=0.05", "eps_at=inside" }, true, 0 },
        { "adam", { "beta1=0.8", "beta2=0.95", "eps=0.05", "eps_at=outside" }, false, 0 },
        { "adamw", { "beta1=0.8", "beta2=0.95", "eps=0.05", "eps_at=inside", "weight_decay=0.3" }, true, 0.3 },
    };
    static const double age[2] = { 0.8 / 0.2, 0.95 / 0.05 };
    (void)state;
    for (size_t r = 0; r < ROWS(rows); r++) {
        lg_update *u = opened(rows[r].method, rows[r].set);
        double g[2], v1[2], want[2];
        r_gradient(NULL, at, g, NULL);
        MUST(lg_auto_terms(&field_of_r, u, 1, at, NULL, v1, NULL, &err));
        memory_of_adam(g, rows[r].decay, 0.05, rows[r].inside, age, want);
        close_to(rows[r].method, v1, want);
        lg_update_close(u);
    }
    CHECK_END();
}

/* Smooth Lion-K: its momentum gives (β₁/(1-β₂)) ∇²K(g) H u, u = ∇K(g) + λ x; and half of V₀'V₀. */
static void lion_k_remembers(void **state)
{
    static const char *const set[] = { "kernel=pseudo_huber", "kernel_param=0.5", "beta1=0.7",
                                       "beta2=0.8",           "weight_decay=0.3", NULL };
    lg_update *update = opened("lion_k", set);
    double g[2], u[2], hu[2], v1[2], want[2];
    (void)state;
    r_gradient(NULL, at, g, NULL);
    for (int i = 0; i < 2; i++) u[i] = g[i] / sqrt(g[i] * g[i] + 0.25) + 0.3 * at[i];
    r_hvp(NULL, at, u, hu, NULL);
    for (int i = 0; i < 2; i++) {
        double R = sqrt(g[i] * g[i] + 0.25), curved = 0.25 / (R * R * R);
        want[i] = -0.7 / 0.2 * curved * hu[i] - (0.3 * u[i] + curved * hu[i]) / 2;
    }
    MUST(lg_auto_terms(&field_of_r, update, 1, at, NULL, v1, NULL, &err));
    close_to("lion_k", v1, want);
    lg_update_close(update);
    CHECK_END();
}

/* ---- from the method's own start ---- */

/* The model's field of step n at a point that stands still. */
static void field_of_step(lg_model *m, int n, double h, double *v0, double *v1)
{
    double y[2];
    const lg_ode *ode = lg_model_ode(m);
    MUST(lg_model_node(m, n, at, &err));
    MUST(ode->rhs(ode->context, 0, at, y, &err));
    for (int i = 0; i < 2; i++) v1[i] = (y[i] - v0[i]) / h;
}

/* c_n = μ c_(n-1) + 1,  γ_n = μ γ_(n-1) + c_n²/2 + μ c_(n-1)²/2 */
static void heavy_ball_gathers_speed(void **state)
{
    const double h = 1.0 / 64, mu = 0.5;
    lg_update *u = opened("heavy_ball", (const char *const[]){ "momentum=0.5", NULL });
    lg_model *m;
    double c = 0, gamma = 0, g[2], hg[2];
    (void)state;
    r_gradient(NULL, at, g, NULL);
    r_hvp(NULL, at, g, hg, NULL);
    MUST(lg_model_of(&m, "auto:2", &field_of_r, u, h, false, &err));
    for (int n = 0; n < 40; n++) {
        double before = c, v0[2], v1[2], want[2];
        c = mu * c + 1;
        gamma = mu * gamma + c * c / 2 + mu * before * before / 2;
        for (int i = 0; i < 2; i++) v0[i] = -c * g[i], want[i] = -gamma * hg[i];
        field_of_step(m, n, h, v0, v1);
        close_to("heavy ball from rest", v1, want);
    }
    CHECK(fabs(c - 2) < 1e-10 && fabs(gamma - 6) < 1e-8, "c = %g, gamma = %g", c, gamma);
    lg_model_close(m);
    lg_update_close(u);
    CHECK_END();
}

/* Bias-corrected averages of N gradients have the mean age β/(1-β) - N β^N / (1 - β^N). */
static void adam_grows_old(void **state)
{
    static const char *const set[] = { "beta1=0.8", "beta2=0.95", "eps=0.05", "eps_at=inside", NULL };
    static const double beta[2] = { 0.8, 0.95 };
    const double h = 1.0 / 64;
    lg_update *u = opened("adam", set);
    lg_model *m;
    double g[2];
    (void)state;
    r_gradient(NULL, at, g, NULL);
    MUST(lg_model_of(&m, "auto:2", &field_of_r, u, h, false, &err));
    for (int n = 0; n < 40; n++) {
        double age[2], v0[2], v1[2], want[2];
        for (int i = 0; i < 2; i++) {
            double b = pow(beta[i], n + 1);
            age[i] = beta[i] / (1 - beta[i]) - (n + 1) * b / (1 - b);
            v0[i] = -g[i] / sqrt(g[i] * g[i] + 0.05);
        }
        field_of_step(m, n, h, v0, v1);
        memory_of_adam(g, 0, 0.05, true, age, want);
        close_to("Adam from zero", v1, want);
    }
    lg_model_close(m);
    lg_update_close(u);
    CHECK_END();
}

/* Orders beside runs from the method's own start, constants changing: bias correction, warm-up, FSGDM's stages. */
static void cold_starts_have_their_orders(void **state)
{
    static const struct {
        const char *method, *set[6], *sigma;
    } rows[] = {
        { "heavy_ball", { "momentum=0.6" }, NULL },
        { "adam", { "beta1=0.6", "beta2=0.7", "eps=0.3", "eps_at=inside" }, NULL },
        { "nadam", { "beta1=0.6", "beta2=0.7", "eps=0.3", "momentum_decay=0.5" }, NULL },
        { "ademamix", { "beta1=0.5", "beta2=0.7", "beta3=0.7", "alpha_warmup=20", "eps=0.3" }, NULL },
        { "fsgdm", { "c_scaling=0.5", "n_stages=4" }, "sigma" },
    };
    (void)state;
    for (size_t r = 0; r < ROWS(rows); r++)
        for (int terms = 1; terms <= 2; terms++) {
            double error[4], reference[4] = { 0 };
            for (int k = 0; k < 4; k++) {
                char sigma[40], model[24];
                lg_update *u = opened(rows[r].method, rows[r].set);
                snprintf(sigma, sizeof sigma, "sigma=%d", 64 << k); /* as many steps as the run has */
                if (rows[r].sigma) MUST(lg_update_set(u, sigma, &err));
                snprintf(model, sizeof model, "auto:%d", terms);
                lg_shadow s;
                lg_shadow_request request = { .field = &field_of_r,
                                              .at = start_of_r,
                                              .model = model,
                                              .update = u,
                                              .time = 0.25,
                                              .every = 1,
                                              .rtol = 1e-12 };
                MUST(lg_shadow_run(&request, ldexp(1, -8 - k), &s, &err));
                error[k] = s.all;
                lg_update_close(u);
            }
            lg_orders o = lg_orders_fit(4, error, reference);
            print_message("          %-12s %d: %.3f (%.2e)\n", rows[r].method, terms, o.pair[2], error[3]);
            CHECK(o.pair[2] > terms - 0.15 && o.pair[2] < terms + 0.15, "%s cold: order %.3f with %d terms",
                  rows[r].method, o.pair[2], terms);
        }
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(momentum_alone),   cmocka_unit_test(adam_remembers),
        cmocka_unit_test(lion_k_remembers), cmocka_unit_test(heavy_ball_gathers_speed),
        cmocka_unit_test(adam_grows_old),   cmocka_unit_test(cold_starts_have_their_orders),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
