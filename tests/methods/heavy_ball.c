/* Heavy ball and Nesterov momentum against velocities written as sums over all gradients, in long double, and against
 * the forms that other authors give them.  SPDX-License-Identifier: MIT */
#include "methods/reference.h"

typedef struct settings {
    const char *label, *method;
    double mu, tau, decay;
    bool nesterov, maximize;
} settings;

static const settings rows[] = {
    { "descent", "sgd", 0, 0, 0, false, false },
    { "descent, decay", "sgd", 0, 0, .3, false, false },
    { "ascent, decay", "sgd", 0, 0, .3, false, true },
    { "heavy ball", "heavy_ball", .9, 0, 0, false, false },
    { "dampening", "heavy_ball", .85, .4, 0, false, false },
    { "all of it", "heavy_ball", .7, .25, .2, false, true },
    { "no damping of the ball", "heavy_ball", 1, 0, 0, false, false },
    { "gradient weight 0 after step 1", "heavy_ball", .8, 1, 0, false, false },
    { "Nesterov", "nesterov", .9, 0, 0, true, false },
    { "Nesterov by setting, decay, ascent", "heavy_ball", .6, 0, .2, true, true },
};

static const char *text(const settings *h)
{
    static char to[256];
    snprintf(to, sizeof to, "momentum=%.17g dampening=%.17g weight_decay=%.17g nesterov=%s maximize=%s", h->mu,
             h->tau, h->decay, h->nesterov ? "true" : "false", h->maximize ? "true" : "false");
    return to;
}

/* bₖ = Σⱼ μᵏ⁻ʲ wⱼ gⱼ,  w₁ = 1, then 1-τ */
static long double sums(const void *with, int k, const long double *g, const long double *x, const long double *lr)
{
    const settings *h = with;
    long double b = 0, last = 0;
    for (int j = 1; j <= k; j++) {
        last = (h->maximize ? -g[j] : g[j]) + h->decay * x[j - 1];
        b += (h->mu == 0 ? j == k : powl(h->mu, k - j)) * (j == 1 || h->mu == 0 ? 1 : 1 - (long double)h->tau) * last;
    }
    return x[k - 1] - lr[k] * (h->nesterov ? last + h->mu * b : b);
}

static void equals_sums_over_all_gradients(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        against_rule(rows[i].label, rows[i].method, text(&rows[i]), .05, -3, 1, sums, &rows[i]);
    CHECK_END();
}

/* ---- the other conventions ---- */

/* xₖ = xₖ₋₁ - η gₖ + μ (xₖ₋₁ - xₖ₋₂) */
static long double increments(const void *with, int k, const long double *g, const long double *x,
                              const long double *lr)
{
    const settings *h = with;
    return x[k - 1] - lr[k] * g[k] + (k > 1 ? h->mu * (x[k - 1] - x[k - 2]) : 0);
}

/* vₖ = μ vₖ₋₁ - η gₖ,  xₖ = xₖ₋₁ + vₖ */
static long double velocity(const void *with, int k, const long double *g, const long double *x,
                            const long double *lr)
{
    const settings *h = with;
    long double v = 0;
    for (int j = 1; j <= k; j++) v = h->mu * v - lr[j] * g[j];
    return x[k - 1] + v;
}

/* mₖ = μ mₖ₋₁ + (1-μ) gₖ,  b = m / (1-μ) */
static long double mean(const void *with, int k, const long double *g, const long double *x, const long double *lr)
{
    const settings *h = with;
    long double m = 0;
    for (int j = 1; j <= k; j++) m = h->mu * m + (1 - (long double)h->mu) * g[j];
    return x[k - 1] - lr[k] * m / (1 - (long double)h->mu);
}

/* b̃ from zero and damped from the first step on;  b = b̃ + τ μᵏ⁻¹ g₁ */
static long double from_zero(const void *with, int k, const long double *g, const long double *x,
                             const long double *lr)
{
    const settings *h = with;
    long double b = 0;
    for (int j = 1; j <= k; j++) b = h->mu * b + (1 - (long double)h->tau) * g[j];
    return x[k - 1] - lr[k] * (b + h->tau * powl(h->mu, k - 1) * g[1]);
}

static void equals_its_other_conventions(void **state)
{
    static const settings plain = { "", "heavy_ball", .8, 0, 0, false, false };
    static const settings damped = { "", "heavy_ball", .8, .3, 0, false, false };
    static const struct {
        const char *label;
        const settings *h;
        rule *form;
    } forms[] = {
        { "increments", &plain, increments },
        { "velocity", &plain, velocity },
        { "mean", &plain, mean },
        { "from zero", &damped, from_zero },
    };
    static record r;
    static path want;
    (void)state;
    record_make(&r, 3, .05, -3, 1, false);
    for (size_t i = 0; i < ROWS(forms); i++) {
        by_rule(&r, forms[i].form, forms[i].h, want);
        compare(forms[i].label, &r, "heavy_ball", text(forms[i].h), want);
    }
    CHECK_END();
}

/* ½ Σ aᵢ xᵢ² */
static const double curvature[FEW] = { .25, 1, 4, 16 };
static void quadratic(const double *x, double *g)
{
    for (int i = 0; i < FEW; i++) g[i] = curvature[i] * x[i];
}

typedef struct pair {
    long double mu, lr, u[FEW], theta[FEW], z[FEW], y[FEW];
    bool look_ahead;
} pair;

/* One step of the two-sequence form and of the look-ahead form; both must meet x. */
static void see_pair(int k, const double *x, void *to)
{
    pair *p = to;
    for (int i = 0; i < FEW; i++) {
        long double z = p->y[i] - p->lr * curvature[i] * p->y[i];
        p->y[i] = z + p->mu * (z - p->z[i]);
        p->z[i] = z;
        p->u[i] = p->mu * p->u[i] - p->lr * curvature[i] * (p->theta[i] + p->mu * p->u[i]);
        p->theta[i] += p->u[i];
        long double most = 4 * (k + 4) * (long double)DBL_EPSILON;
        CHECK(fabsl(x[i] - p->y[i]) <= most, "two sequences, step %d: %.17g and not %.17Lg", k, x[i], p->y[i]);
        CHECK(fabsl(x[i] - p->theta[i] - p->mu * p->u[i]) <= most, "look-ahead, step %d: %.17g and not %.17Lg", k,
              x[i], p->theta[i] + p->mu * p->u[i]);
    }
}

static void nesterov_equals_two_sequences_and_look_ahead(void **state)
{
    static const double start[FEW] = { 1, -1, .5, .75 };
    (void)state;
    for (int m = 1; m < 10; m++) {
        pair p = { .mu = m / 10.0, .lr = .05 };
        char with[64];
        snprintf(with, sizeof with, "lr=0.05 momentum=%.17g", m / 10.0);
        for (int i = 0; i < FEW; i++) p.theta[i] = p.z[i] = p.y[i] = start[i];
        descend("nesterov", with, start, 60, quadratic, see_pair, &p);
    }
    CHECK_END();
}

/* ---- limits ---- */

static void without_momentum_is_gradient_descent(void **state)
{
    static const double start[FEW] = { 1, -1, .5, .75 };
    double x[FEW];
    static record r;
    (void)state;
    descend("heavy_ball", "lr=0.0625 momentum=0", start, 30, quadratic, see_last, x);
    for (int i = 0; i < FEW; i++) {
        long double want = start[i] * powl(1 - .0625L * curvature[i], 30);
        CHECK(fabsl(x[i] - want) <= 60 * DBL_EPSILON * fabsl(want), "(1-ηa)ᵏ: %.17g and not %.17Lg", x[i], want);
    }
    record_make(&r, 5, .05, -3, 1, true);
    same("sgd", &r, "heavy_ball", "momentum=0 weight_decay=0.1", &r, "sgd", "weight_decay=0.1");
    same("alias", &r, "heavy_ball", "momentum=0.7 nesterov=true", &r, "nesterov", "momentum=0.7");
    CHECK_END();
}

static void wrong_settings_are_refused(void **state)
{
    (void)state;
    refused("heavy_ball", "momentum=0 nesterov=true", "nesterov");
    refused("nesterov", "momentum=0", "nesterov");
    refused("nesterov", "dampening=0.1", "dampening");
    refused("heavy_ball", "momentum=-0.1", "momentum");
    refused("heavy_ball", "lr=-1", "lr");
    refused("sgd", "momentum=0.5", "momentum");
    CHECK_END();
}

/* x₁ = x₀ - η g₁ whatever μ and τ; Nesterov's is 1+μ times as long. */
static void first_step(void **state)
{
    static const struct {
        const char *settings;
        double factor;
    } first[] = {
        { "momentum=0.9", 1 }, { "momentum=0.9 dampening=0.9", 1 },   { "momentum=0.5 dampening=1", 1 },
        { "momentum=0", 1 },   { "momentum=0.5 nesterov=true", 1.5 },
    };
    (void)state;
    for (size_t i = 0; i < ROWS(first); i++) {
        static const double start[FEW] = { 1, -1, .5, .75 };
        double x[FEW];
        char with[128];
        snprintf(with, sizeof with, "lr=0.0078125 %s", first[i].settings);
        descend("heavy_ball", with, start, 1, quadratic, see_last, x);
        for (int j = 0; j < FEW; j++)
            CHECK(x[j] == start[j] - .0078125 * first[i].factor * curvature[j] * start[j], "%s: %.17g",
                  first[i].settings, x[j]);
    }
    CHECK_END();
}

static void nothing(const double *x, double *g)
{
    (void)x;
    memset(g, 0, FEW * sizeof *g);
}

/* Without gradients and decay nothing moves; with decay and no momentum x follows Π (1 - ηₖ λ), where a schedule
 * scales η: here η 1/4, 2/4, 3/4, 1, 1, ... */
static void zero_gradients(void **state)
{
    static const double start[FEW] = { 1, -1, .5, .75 };
    double x[FEW];
    (void)state;
    descend("heavy_ball", "lr=0.5", start, 9, nothing, see_last, x);
    CHECK(!memcmp(x, start, sizeof x), "a parameter moved without a gradient");
    descend("sgd", "lr=0.5 weight_decay=0.25 schedule=warmup:steps=4", start, 9, nothing, see_last, x);
    long double factor = 1;
    for (int k = 1; k <= 9; k++) factor *= 1 - .5L * (k < 4 ? k / 4.0L : 1) * .25L;
    for (int i = 0; i < FEW; i++)
        CHECK(fabsl(x[i] - factor * start[i]) <= 40 * DBL_EPSILON, "decay: %.17g and not %.17Lg", x[i],
              factor * start[i]);
    CHECK_END();
}

/* Ascent is descent of -f: only the gradient turns, not the decay. */
static void ascent_turns_the_gradient_alone(void **state)
{
    static record r, turned;
    (void)state;
    record_make(&r, 7, .05, -3, 1, true);
    turned = r;
    for (int t = 1; t <= STEPS; t++)
        for (int i = 0; i < COORDINATES; i++) turned.g[t][i] = -r.g[t][i];
    same("ascent", &r, "heavy_ball", "maximize=true weight_decay=0.2", &turned, "heavy_ball", "weight_decay=0.2");
    CHECK_END();
}

/* ---- flow ---- */

static double speed;
static void rescaled(const double *x, const double *g, double *v)
{
    (void)x;
    for (int i = 0; i < FEW; i++) v[i] = -speed * g[i];
}

static void tends_to_the_rescaled_gradient_flow(void **state)
{
    static const struct {
        const char *label, *method, *settings;
        double speed;
    } to[] = {
        { "gradient descent", "sgd", "", 1 },
        { "heavy ball 1/2", "heavy_ball", "momentum=0.5", 2 },
        { "heavy ball 9/10", "heavy_ball", "momentum=0.9", 10 },
        { "dampened", "heavy_ball", "momentum=0.5 dampening=0.5", 1 },
        { "Nesterov 1/2", "nesterov", "momentum=0.5", 2 },
        { "Nesterov 9/10", "nesterov", "momentum=0.9", 10 },
    };
    (void)state;
    for (size_t i = 0; i < ROWS(to); i++) {
        speed = to[i].speed;
        tends_to(to[i].label, to[i].method, to[i].settings, rescaled, .8 / speed);
    }
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_sums_over_all_gradients),
        cmocka_unit_test(equals_its_other_conventions),
        cmocka_unit_test(nesterov_equals_two_sequences_and_look_ahead),
        cmocka_unit_test(without_momentum_is_gradient_descent),
        cmocka_unit_test(wrong_settings_are_refused),
        cmocka_unit_test(first_step),
        cmocka_unit_test(zero_gradients),
        cmocka_unit_test(ascent_turns_the_gradient_alone),
        cmocka_unit_test(tends_to_the_rescaled_gradient_flow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
