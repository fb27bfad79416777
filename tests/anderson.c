/* Anderson acceleration against its least squares problem, on affine maps, and as the projection of guided samplers.
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "core/core.h"
#include <luge/sample.h>

static luge_error err;
enum { N = 6, SEEDS = 16 };

/* g(x) = M x + b with a symmetric M of eigenvalues 0.1 .. 0.9 under a random reflection. */
static void affine(uint64_t seed, const double *x, double *g)
{
    double u[N], size = 0, dot = 0, y[N];
    for (int i = 0; i < N; i++) u[i] = lg_normal(seed, 1, (uint64_t)i), size += u[i] * u[i];
    for (int i = 0; i < N; i++) dot += u[i] * x[i] * 2 / size;
    for (int i = 0; i < N; i++) y[i] = (x[i] - dot * u[i]) * (0.1 + 0.16 * i);
    dot = 0;
    for (int i = 0; i < N; i++) dot += u[i] * y[i] * 2 / size;
    for (int i = 0; i < N; i++) g[i] = y[i] - dot * u[i] + lg_normal(seed, 2, (uint64_t)i);
}

static double gap(uint64_t seed, const double *x)
{
    double g[N], sum = 0;
    affine(seed, x, g);
    for (int i = 0; i < N; i++) sum += (g[i] - x[i]) * (g[i] - x[i]);
    return sqrt(sum);
}

static double after(uint64_t seed, int window, int evaluations)
{
    double x[N] = { 0 }, g[N];
    luge_anderson *a;
    MUST(luge_anderson_new(&a, 1, N, window, 1, 0, &err));
    for (int k = 0; k < evaluations; k++) {
        affine(seed, x, g);
        MUST(luge_anderson_step(a, g, x, &err));
    }
    luge_anderson_free(a);
    return gap(seed, x);
}

/* In n dimensions a window of n is exact after n + 1 evaluations. */
static void test_affine(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        double full = after(seed, N, N + 1), one = after(seed, 1, N + 1), picard = after(seed, 0, N + 1);
        CHECK(full < 5e-13, "seed %d: window %d leaves %.2e", (int)seed, N, full);
        CHECK(full < 1e-6 * one && one < picard && picard > 1e-2, "seed %d: %.2e, window 1 %.2e, Picard %.2e",
              (int)seed, full, one, picard);
    }
    CHECK_END();
}

/* Window 1: heavy ball x + F + c (x - x₋), in the differences of g: γ = ΔF·F/(ΔF·ΔF + ridge). */
static void test_window_one(void **state)
{
    const double ridge = 1e-4, damping = 0.8;
    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        double x[2 * N] = { 0 }, g[2 * N], was[N], f[N], f_was[N], right[N];
        luge_anderson *a;
        MUST(luge_anderson_new(&a, 2, N, 1, damping, ridge, &err));
        for (int k = 0; k < 8; k++) {
            long double top = 0, bottom = (long double)ridge;
            for (int r = 0; r < 2; r++) affine(seed + (uint64_t)r, x + r * N, g + r * N);
            for (int i = 0; i < N; i++) {
                f[i] = g[i] - x[i];
                long double change = k ? (long double)(f[i] - f_was[i]) : 0;
                top += change * (long double)f[i], bottom += change * change;
            }
            double c = k ? (double)(top / bottom) : 0;
            for (int i = 0; i < N; i++) {
                right[i] = x[i] + damping * f[i] - (k ? c * (x[i] - was[i] + damping * (f[i] - f_was[i])) : 0);
                was[i] = x[i], f_was[i] = f[i];
            }
            MUST(luge_anderson_step(a, g, x, &err));
            for (int i = 0; i < N; i++)
                CHECK(fabs(x[i] - right[i]) < 1e-13, "seed %d step %d: %.17g, formula %.17g", (int)seed, k, x[i],
                      right[i]);
        }
        luge_anderson_free(a);
    }
    CHECK_END();
}

static void test_refused(void **state)
{
    double x[2] = { 1, 2 }, g[2] = { 3, (double)NAN };
    luge_anderson *a;
    (void)state;
    CHECK(luge_anderson_new(&a, 0, 2, 1, 1, 0, &err) == LUGE_E_ARG && !a, "no rows");
    CHECK(luge_anderson_new(&a, 1, 2, 17, 1, 0, &err) == LUGE_E_ARG, "window");
    CHECK(luge_anderson_new(&a, 1, 2, -1, 1, 0, &err) == LUGE_E_ARG, "window");
    CHECK(luge_anderson_new(&a, 1, 2, 1, 0, 0, &err) == LUGE_E_ARG, "damping");
    CHECK(luge_anderson_new(&a, 1, 2, 1, 1, -1, &err) == LUGE_E_ARG, "ridge");
    CHECK(luge_anderson_new(&a, SIZE_MAX / 4, 8, 1, 1, 0, &err) == LUGE_E_MEMORY, "size");
    MUST(luge_anderson_new(&a, 1, 2, 2, 1, 0, &err));
    CHECK(luge_anderson_step(a, g, x, &err) == LUGE_E_NUMERIC && x[0] == 1 && x[1] == 2, "%s", err.text);
    g[0] = 1, g[1] = 2; /* a fixed point stays one */
    for (int k = 0; k < 5; k++) MUST(luge_anderson_step(a, g, x, &err));
    CHECK(x[0] == 1 && x[1] == 2, "%g %g", x[0], x[1]);
    luge_anderson_free(a);
    CHECK_END();
}

/* The manifold projection closes the gap of the predictions: at its fixed points u(x) = c(x_half). */
static void test_projection(void **state)
{
    static const double weight[] = { 0.5, 0.5 }, mean[] = { -1, 1.5 }, sd[] = { 0.6, 0.5 };
    luge_mixture all = { 2, 1, weight, mean, sd }, one = { 1, 1, weight + 1, mean + 1, sd + 1 };
    const double sigma = 1.5, delta = -0.4;
    int closer = 0;

    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        double x = 2 * lg_normal(seed, 0, 0), u, c, half, g, first = 0, last = 0;
        luge_anderson *a;
        MUST(luge_anderson_new(&a, 1, 1, 1, 1, 1e-4, &err));
        for (int k = 0; k <= 3; k++) {
            MUST(luge_mixture_noise(&all, sigma, 1, 1, &x, &u, &err));
            half = x - 0.5 * delta * u;
            MUST(luge_mixture_noise(&one, sigma, 1, 1, &half, &c, &err));
            last = fabs(u - c);
            if (k == 0) first = last;
            g = half + 0.5 * delta * c;
            if (k < 3) MUST(luge_anderson_step(a, &g, &x, &err));
        }
        closer += last < first;
        luge_anderson_free(a);
    }
    CHECK(closer == SEEDS, "the gap fell for %d of %d states", closer, SEEDS);
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_affine),
        cmocka_unit_test(test_window_one),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_projection),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
