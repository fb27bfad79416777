/* Samplers: each rule against a reference written from its formula, limits, the sign slip, bits, messages, failures.
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "samplers/sampler.h"
#include "wrap_alloc.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static luge_error err;

enum { STEPS = 24, N = 5, SEEDS = 12 };

static void set(luge_sampler *s, const char *key, double v)
{
    char text[40];
    lg_number_print(text, sizeof text, v);
    MUST(luge_sampler_set(s, key, text, &err));
}

static luge_sampler *sampler(const char *rule, int order, double beta)
{
    luge_sampler *s;
    MUST(luge_sampler_new(&s, &err));
    MUST(luge_sampler_set(s, "rule", rule, &err));
    set(s, "order", order);
    set(s, "beta", beta);
    return s;
}

/* ---- references: backward differences taken one by one, in long double ---- */

typedef long double real;

static real backward(const real *f, int n, int j) /* ∇ʲ f_n */
{
    return j == 0 ? f[n] : backward(f, n, j - 1) - backward(f, n - 1, j - 1);
}

static const real gamma_[] = { 1, 1.0L / 2, 5.0L / 12, 3.0L / 8, 251.0L / 720 };

static real adams(const real *f, int n, int k)
{
    real p = 0;
    for (int j = 0; j < k && j <= n; j++) p += gamma_[j] * backward(f, n, j);
    return p;
}

/* x after all steps; f[n] is what the field gives in step n. */
static real reference(const char *rule, int k, real beta, const real *f, const real *sigma, int steps, real x)
{
    real v[STEPS], p, d, h, h_before = 0;
    for (int n = 0; n < steps; n++) {
        real delta = sigma[n + 1] - sigma[n], vn = n ? v[n - 1] : 0;
        if (!strcmp(rule, "dpm")) {
            h = logl(sigma[n] / sigma[n + 1]);
            d = n && k == 2 ? f[n] + (f[n] - f[n - 1]) / (2 * (h_before / h)) : f[n];
            v[n] = n ? (1 - beta) * vn + beta * d : d;
            x = sigma[n + 1] / sigma[n] * x - (expl(-h) - 1) * v[n];
            h_before = h;
        } else if (!strcmp(rule, "ghvb")) {
            v[n] = n ? (1 - beta) * vn + beta * f[n] : f[n];
            for (int j = 0; j < k && j <= n; j++)
                x += delta * (gamma_[j] + (j ? (1 - beta) / beta * gamma_[j - 1] : 0)) * backward(v, n, j);
        } else {
            p = adams(f, n, k);
            v[n] = n && strcmp(rule, "ab") != 0 ? (1 - beta) * vn + beta * p : p;
            x += delta * (!strcmp(rule, "nesterov") ? (1 - beta) * v[n] + beta * p : v[n]);
        }
    }
    return x;
}

static const char *const rules[] = { "ab", "hb", "nesterov", "ghvb", "dpm" };

static void test_rules(void **state)
{
    static const double betas[] = { 1, 0.9, 0.5, 0.15 };

    (void)state;
    for (uint64_t seed = 0; seed < SEEDS; seed++)
        for (size_t r = 0; r < ROWS(rules); r++)
            for (int k = 1; k <= (r == 4 ? 2 : LG_ORDERS); k++)
                for (size_t b = 0; b < (r == 0 ? 1 : ROWS(betas)); b++) {
                    luge_sampler *s = sampler(rules[r], k, betas[b]);
                    real f[N][STEPS], sigma[STEPS + 1];
                    double x[N], start[N], now[N];
                    for (int n = 0; n <= STEPS; n++)
                        sigma[n] = (real)(3 - 0.11 * n - 0.01 * lg_uniform(seed, 1, (uint64_t)n));
                    for (int i = 0; i < N; i++) x[i] = start[i] = lg_normal(seed, 2, (uint64_t)i);
                    MUST(luge_sampler_begin(s, N, &err));
                    for (int n = 0; n < STEPS; n++) {
                        for (int i = 0; i < N; i++)
                            now[i] = lg_normal(seed, 3, (uint64_t)(n * N + i)), f[i][n] = (real)now[i];
                        MUST(luge_sampler_step(s, (double)sigma[n], (double)sigma[n + 1], now, x, &err));
                    }
                    for (int i = 0; i < N; i++) {
                        real right = reference(rules[r], k, (real)betas[b], f[i], sigma, STEPS, (real)start[i]);
                        double scale = betas[b] < 0.5 ? 1e3 : 1;
                        CHECK(fabs((double)((real)x[i] - right)) < 2e-14 * scale,
                              "%s(%d, %g): %.17g, reference %.17g", rules[r], k, betas[b], x[i], (double)right);
                    }
                    luge_sampler_free(s);
                }
    CHECK_END();
}

/* The values of the textbooks. */
static void test_coefficients(void **state)
{
    static const double known[LG_ORDERS][LG_ORDERS] = { { 1 },
                                                        { 3. / 2, -1. / 2 },
                                                        { 23. / 12, -16. / 12, 5. / 12 },
                                                        { 55. / 24, -59. / 24, 37. / 24, -9. / 24 },
                                                        { 1901. / 720, -2774. / 720, 2616. / 720, -1274. / 720,
                                                          251. / 720 } };
    double w[LG_ORDERS], lower[LG_ORDERS];

    (void)state;
    for (int k = 1; k <= LG_ORDERS; k++) {
        lg_sampler_weights(LG_ab, k, 1, w);
        for (int j = 0; j < LG_ORDERS; j++)
            CHECK(fabs(w[j] - known[k - 1][j]) < 4e-16 * 8, "AB%d: w%d = %.17g", k, j, w[j]);
    }
    for (double beta = 0.05; beta <= 1; beta += 0.05) { /* the minus: with a plus the weights would not sum to 1 */
        lg_sampler_weights(LG_ghvb, 2, beta, w);
        CHECK(fabs(w[0] - (2 + beta) / (2 * beta)) < 1e-14 && fabs(w[1] + (2 - beta) / (2 * beta)) < 1e-14,
              "GHVB(2, %g): %.17g and %.17g", beta, w[0], w[1]);
        CHECK(fabs(w[0] + w[1] - 1) < 1e-14, "GHVB(2, %g): sum %.17g", beta, w[0] + w[1]);
        CHECK(fabs((2 + beta) / (2 * beta) + (2 - beta) / (2 * beta) - 2 / beta) < 1e-13, "beta %g", beta);
    }
    for (int k = 2; k <= LG_ORDERS; k++) { /* β → 0: β c_j → γ_{j-1}, so that β Σ c_j ∇^j v becomes AB_{k-1} of ∇v */
        double c[LG_ORDERS];
        lg_sampler_differences(LG_ghvb, k, 1e-9, c);
        lg_sampler_differences(LG_ab, k - 1, 1, lower);
        for (int j = 1; j < k; j++)
            CHECK(fabs(1e-9 * c[j] - lower[j - 1]) < 2e-9, "GHVB(%d, 0): c%d beta = %.9g", k, j, 1e-9 * c[j]);
    }
    CHECK_END();
}

/* ---- fields ---- */

static const double means[] = { -2, 1, 0.5, 0, 3, -1 }, sds[] = { 0.5, 0.4, 0.7 }, weights[] = { 0.3, 0.45, 0.25 };
static luge_mixture line = { 3, 1, weights, means, sds }, plane = { 3, 2, weights, means, sds },
                    other = { 1, 2, weights, means + 2, sds + 1 };

static double solve(const char *rule, int order, double beta, int steps, double x)
{
    luge_sampler *s = sampler(rule, order, beta);
    double out = 0, sigma[257];
    for (int k = 0; k <= steps; k++) sigma[k] = 3 - 2.7 * k / steps;
    luge_sampler_field(s, luge_mixture_noise, &line, NULL, NULL);
    MUST(luge_sampler_run(s, 1, 1, (size_t)steps + 1, sigma, &x, &out, NULL, &err));
    luge_sampler_free(s);
    return out;
}

static void test_limits(void **state)
{
    (void)state;
    for (int k = 1; k <= LG_ORDERS; k++) {
        double ab = solve("ab", k, 1, 40, 2.2), lower = k > 1 ? solve("ab", k - 1, 1, 40, 2.2) : 0;
        for (int r = 1; r < 4; r++)
            CHECK(fabs(solve(rules[r], k, 1, 40, 2.2) - ab) < 1e-14, "%s(%d, 1) is not AB", rules[r], k);
        CHECK(k == 1 || fabs(solve("ghvb", k, 1e-4, 40, 2.2) - lower) <
                            0.3 * fabs(lower - solve("ghvb", k, .5, 40, 2.2)) + 1e-2,
              "GHVB(%d, 1e-4) is not near AB%d", k, k - 1);
    }
    for (double beta = 0.1; beta < 1; beta += 0.2)
        CHECK(fabs(solve("ghvb", 1, beta, 40, 2.2) - solve("hb", 1, beta, 40, 2.2)) < 1e-14, "GHVB(1, %g)", beta);
    CHECK_END();
}

/* ((2+β) v + (2-β) v₋)/(2β), as displayed: its error stays as it is however small the steps are. */
static void test_sign_slip(void **state)
{
    const double beta = 0.8;
    double right = solve("ghvb", 2, beta, 256, 2.2), slip[2], good[2];

    (void)state;
    for (int k = 0; k < 2; k++) {
        int steps = 64 << k;
        double x[2] = { 2.2, 2.2 }, v[2] = { 0 }, f;
        for (int n = 0; n < steps; n++)
            for (int sign = 0; sign < 2; sign++) {
                static double before[2];
                double delta = -2.7 / steps;
                MUST(luge_mixture_noise(&line, 3 + n * delta, 1, 1, &x[sign], &f, &err));
                v[sign] = n ? (1 - beta) * v[sign] + beta * f : f;
                x[sign] +=
                    n ? delta * ((2 + beta) * v[sign] + (sign ? -1 : 1) * (2 - beta) * before[sign]) / (2 * beta)
                      : delta * v[sign];
                before[sign] = v[sign];
            }
        slip[k] = fabs(x[0] - right), good[k] = fabs(x[1] - solve("ghvb", 2, beta, steps, 2.2));
    }
    CHECK(good[0] < 1e-13 && good[1] < 1e-13, "with the minus: %.2e %.2e from luge", good[0], good[1]);
    CHECK(slip[1] > 0.5 * slip[0] && slip[1] > 0.1, "with the plus: errors %.3e %.3e", slip[0], slip[1]);
    CHECK_END();
}

/* The rule for dpm in x = state/α is that of the state under any schedule of α and σ, and AB1 in 1/σ of the data
 * prediction where there is no history. */
static void test_dpm_schedule(void **state)
{
    const double beta = 0.7;
    luge_sampler *s = sampler("dpm", 2, beta);
    double sigma[STEPS + 1], alpha[STEPS + 1], x = 3.3, got, full, v = 0, before = 0, y = 0;

    (void)state;
    for (int n = 0; n <= STEPS; n++)
        sigma[n] = 8 * pow(0.02 / 8, (double)n / STEPS * (double)n / STEPS),
        alpha[n] = 1 / sqrt(1 + sigma[n] * sigma[n]);
    luge_sampler_field(s, luge_mixture_data, &line, NULL, NULL);
    MUST(luge_sampler_run(s, 1, 1, STEPS + 1, sigma, &x, &got, NULL, &err));
    full = alpha[0] * x, y = x / sigma[0];
    for (int n = 0; n < STEPS; n++) {
        double at = full / alpha[n], f, d;
        MUST(luge_mixture_data(&line, sigma[n], 1, 1, &at, &f, &err));
        double lambda[3] = { log(1 / sigma[n ? n - 1 : 0]), log(1 / sigma[n]), log(1 / sigma[n + 1]) };
        double h = lambda[2] - lambda[1], r = (lambda[1] - lambda[0]) / h;
        d = n ? f + (f - before) / (2 * r) : f;
        v = n ? (1 - beta) * v + beta * d : d;
        full = sigma[n + 1] * alpha[n + 1] / (sigma[n] * alpha[n]) * full - alpha[n + 1] * (exp(-h) - 1) * v;
        y += (1 / sigma[n + 1] - 1 / sigma[n]) * v;
        before = f;
    }
    CHECK(fabs(full / alpha[STEPS] - got) < 2e-14, "%.17g and %.17g", full / alpha[STEPS], got);
    CHECK(fabs(y * sigma[STEPS] - got) < 2e-14, "in 1/sigma: %.17g and %.17g", y * sigma[STEPS], got);
    sigma[STEPS] = 0; /* the last step ends in the data prediction, averaged */
    MUST(luge_sampler_run(s, 1, 1, STEPS + 1, sigma, &x, &got, NULL, &err));
    CHECK(isfinite(got) && fabs(got) < 5, "to 0: %g", got);
    luge_sampler_free(s);
    CHECK_END();
}

/* ---- the same bits ---- */

enum { ROWS_ = 333, NODES = 17 };

static void run(const char *rule, const char *start, const char *block, const char *threads, size_t dim, double *out)
{
    static double x[2 * ROWS_], sigma[NODES];
    luge_sampler *s = sampler(rule, !strcmp(rule, "dpm") ? 2 : 4, 0.7);

    for (size_t i = 0; i < ROWS_ * dim; i++) x[i] = 3 * lg_normal(7, 0, i);
    for (int k = 0; k < NODES; k++) sigma[k] = 3 * pow(0.01, k / (NODES - 1.0));
    MUST(luge_sampler_set(s, "start", start, &err));
    MUST(luge_sampler_set(s, "block", block, &err));
    MUST(luge_sampler_set(s, "threads", threads, &err));
    set(s, "guidance", 1.5);
    luge_field *field = !strcmp(rule, "dpm") ? luge_mixture_data : luge_mixture_noise;
    luge_sampler_field(s, field, dim == 1 ? &line : &plane, dim == 1 ? NULL : field, &other);
    if (dim == 2 && field == luge_mixture_noise) set(s, "projections", 2);
    MUST(luge_sampler_run(s, ROWS_, dim, NODES, sigma, x, out, NULL, &err));
    luge_sampler_free(s);
}

static void test_bits(void **state)
{
    static const char *const blocks[] = { "0", "1", "64", "100", "332", "5000" }, *const levels[] = { "v2", "v3",
                                                                                                      "v4" };
    static double a[2 * ROWS_], b[2 * ROWS_];
    const char *was = getenv("LUGE_ISA");
    char kept[8] = "";

    (void)state;
    if (was) snprintf(kept, sizeof kept, "%s", was);
    for (size_t r = 0; r < ROWS(rules); r++)
        for (size_t dim = 1; dim <= 2; dim++) {
            const char *start = r == 4 || dim == 2 ? "cold" : "rk4";
            run(rules[r], start, "0", "1", dim, a);
            for (size_t i = 0; i < ROWS(blocks); i++)
                for (int threads = 1; threads <= 4; threads += 3) {
                    run(rules[r], start, blocks[i], threads == 1 ? "1" : "4", dim, b);
                    CHECK(!memcmp(a, b, ROWS_ * dim * sizeof *a), "%s: block %s, %d threads: other bits", rules[r],
                          blocks[i], threads);
                }
            for (size_t i = 0; i < ROWS(levels); i++) {
                int level;
                setenv("LUGE_ISA", levels[i], 1);
                const lg_sampler_loops *loops;
                if (lg_isa_level(levels[i], &level, NULL) || lg_sampler_loops_pick(&loops, NULL)) continue;
                run(rules[r], start, "0", "1", dim, b);
                CHECK(!memcmp(a, b, ROWS_ * dim * sizeof *a), "%s at %s: other bits", rules[r], levels[i]);
            }
            unsetenv("LUGE_ISA");
            if (*kept) setenv("LUGE_ISA", kept, 1);
        }
    CHECK_END();
}

/* Steps of more numbers than a piece has, among threads. */
static void test_bits_large(void **state)
{
    enum { LARGE = 100001 };
    double *f = lg_alloc(LARGE, 8), *x[2] = { lg_alloc(LARGE, 8), lg_alloc(LARGE, 8) };

    (void)state;
    assert_true(f && x[0] && x[1]);
    for (int t = 0; t < 2; t++) {
        luge_sampler *s = sampler("ghvb", 4, 0.8);
        set(s, "threads", t ? 3 : 1);
        MUST(luge_sampler_begin(s, LARGE, &err));
        for (int k = 0; k < 6; k++) {
            for (size_t i = 0; i < LARGE; i++) f[i] = lg_uniform(1, (uint64_t)k, i);
            MUST(luge_sampler_step(s, 3 - 0.1 * k, 2.9 - 0.1 * k, f, x[t], &err));
        }
        luge_sampler_free(s);
    }
    assert_memory_equal(x[0], x[1], LARGE * 8);
    lg_free(f), lg_free(x[0]), lg_free(x[1]);
}

/* ---- what is wrong is said, and changes nothing ---- */

static void test_messages(void **state)
{
    static const struct {
        const char *key, *value, *says;
    } rows[] = { { "order", "0", "order = 0 is not in (0,5]" },
                 { "order", "6", "order = 6 is not in (0,5]" },
                 { "order", "-1", "order = -1" },
                 { "beta", "0", "beta = 0 is not in (0,1], or none" },
                 { "beta", "1.5", "beta = 1.5" },
                 { "rule", "adams", "ghvb" },
                 { "ordre", "2", "order" },
                 { "projections", "1.5", "whole" },
                 { "ridge", "-1", "ridge = -1" },
                 { "guidance", "nan", "guidance" } };
    static const struct {
        const char *a, *of_a, *b, *of_b, *says;
    } pairs[] = { { "order", "2.8", "beta", "0.5", "beta 0.8 already" },
                  { "rule", "dpm", "order", "3", "dpm is not 1 or 2" },
                  { "rule", "dpm", "start", "rk4", "dpm starts cold" },
                  { "rule", "dpm", "projections", "2", "predictions of noise" },
                  { "order", "2.0000000000001", "guidance", "1", "nine digits" },
                  { "projections", "1", "guidance", "1", "conditional" } };
    static const double wrong[][3] = { { 3, 3, 1 }, { 3, (double)NAN, 1 }, { 1, 2, 3 }, { 2, 1, -1 }, { 2, 0, 0 } };
    double x = 1, out;
    luge_row row;
    luge_sampler *s;

    (void)state;
    MUST(luge_sampler_new(&s, &err));
    for (size_t i = 0; i < ROWS(rows); i++) {
        CHECK(luge_sampler_set(s, rows[i].key, rows[i].value, &err) && strstr(err.text, rows[i].says), "%s = %s: %s",
              rows[i].key, rows[i].value, err.text);
    }
    CHECK(luge_sampler_run(s, 1, 1, 1, &x, &x, &out, NULL, &err) == LUGE_E_INPUT &&
              strstr(err.text, "luge_sampler_field"),
          "%s", err.text);
    CHECK(luge_sampler_step(s, 1, 0.5, &x, &out, &err) == LUGE_E_INPUT && strstr(err.text, "luge_sampler_begin"),
          "%s", err.text);
    CHECK(luge_sampler_begin(s, 0, &err) == LUGE_E_SHAPE, "%s", err.text);
    CHECK(luge_sampler_begin(s, SIZE_MAX / 8, &err) == LUGE_E_MEMORY, "%s", err.text);
    luge_sampler_free(s);
    for (size_t i = 0; i < ROWS(pairs); i++) {
        double sigma[] = { 3, 2 };
        MUST(luge_sampler_new(&s, &err));
        MUST(luge_sampler_set(s, pairs[i].a, pairs[i].of_a, &err));
        MUST(luge_sampler_set(s, pairs[i].b, pairs[i].of_b, &err));
        luge_sampler_field(s, luge_mixture_noise, &line, NULL, NULL);
        CHECK(luge_sampler_run(s, 1, 1, 2, sigma, &x, &out, NULL, &err) && strstr(err.text, pairs[i].says), "%s",
              err.text);
        luge_sampler_free(s);
    }
    s = sampler("dpm", 2, 1);
    luge_sampler_field(s, luge_mixture_data, &line, NULL, NULL);
    for (size_t i = 0; i < ROWS(wrong); i++)
        CHECK(luge_sampler_run(s, 1, 1, 3, wrong[i], &x, &out, NULL, &err) == LUGE_E_ARG, "nodes %zu: no error", i);
    for (size_t i = 0; luge_sampler_row(i, &row); i++) {
        char text[LG_TEXT];
        luge_sampler *fresh;
        MUST(luge_sampler_new(&fresh, &err));
        MUST(luge_sampler_get(fresh, row.name, text, sizeof text, &err));
        CHECK(!strcmp(text, row.value), "%s: %s, in the table %s", row.name, text, row.value);
        luge_sampler_free(fresh);
    }
    luge_sampler_free(s);
    CHECK_END();
}

static luge_status failing(void *context, double sigma, size_t rows, size_t dim, const double *x, double *out,
                           luge_error *e)
{
    (void)dim, (void)rows;
    if (sigma < 1 && x[0] >= *(double *)context) return lg_fail(e, LUGE_E_BACKEND, "row of %g at %g", x[0], sigma);
    memset(out, 0, rows * dim * sizeof *out);
    return LUGE_OK;
}

static void test_failing_field(void **state)
{
    double x[8] = { 0, 1, 2, 3, 4, 5, 6, 7 }, out[8], sigma[] = { 2, 1.5, 0.5, 0.25 }, from = 3;

    (void)state;
    for (int threads = 1; threads <= 4; threads++) {
        luge_sampler *s = sampler("ab", 1, 1);
        set(s, "threads", threads);
        set(s, "block", 1);
        luge_sampler_field(s, failing, &from, NULL, NULL);
        CHECK(luge_sampler_run(s, 8, 1, 4, sigma, x, out, NULL, &err) == LUGE_E_BACKEND, "no error");
        CHECK(!strcmp(err.text, "row of 3 at 0.5"), "%d threads: %s", threads, err.text);
        luge_sampler_free(s);
    }
    CHECK_END();
}

static luge_status everything(void)
{
    static const double sigma[] = { 3, 2, 1, 0.5 };
    double x[8] = { 0, 1, 2, 3, 4, 5, 6, 7 }, out[8];
    luge_sampler *s = NULL;
    luge_anderson *a = NULL;
    luge_status st;

    LG_TRY(luge_sampler_new(&s, &err));
    LG_TRY(luge_sampler_set(s, "order", "3.8", &err));
    LG_TRY(luge_sampler_begin(s, 8, &err));
    LG_TRY(luge_sampler_warm(s, 4, 3, x, &err));
    LG_TRY(luge_sampler_step(s, 3, 2, x, out, &err));
    LG_TRY(luge_sampler_set(s, "projections", "2", &err));
    LG_TRY(luge_sampler_set(s, "start", "rk4", &err));
    LG_TRY(luge_sampler_set(s, "block", "2", &err));
    LG_TRY(luge_sampler_set(s, "threads", "2", &err));
    luge_sampler_field(s, luge_mixture_noise, &plane, luge_mixture_noise, &other);
    LG_TRY(luge_sampler_run(s, 4, 2, 4, sigma, x, out, NULL, &err));
    LG_TRY(luge_anderson_new(&a, 2, 4, 3, 1, 0, &err));
    LG_TRY(luge_anderson_step(a, out, x, &err));
done:
    luge_sampler_free(s);
    luge_anderson_free(a);
    return st;
}

static void test_failed_allocations(void **state)
{
    (void)state;
    for (long n = 1;; n++) {
        long live = wrap_live;
        luge_status st;
        wrap_fail(n);
        st = everything();
        if (!wrap_failed()) {
            assert_int_equal(st, LUGE_OK);
            break;
        }
        assert_int_equal(st, LUGE_E_MEMORY);
        assert_int_equal(wrap_live, live);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules),         cmocka_unit_test(test_coefficients),
        cmocka_unit_test(test_limits),        cmocka_unit_test(test_sign_slip),
        cmocka_unit_test(test_dpm_schedule),  cmocka_unit_test(test_bits),
        cmocka_unit_test(test_bits_large),    cmocka_unit_test(test_messages),
        cmocka_unit_test(test_failing_field), cmocka_unit_test(test_failed_allocations),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
