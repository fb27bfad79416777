/* Faults that shipped in other implementations, each with the test that would have caught it: the formulas.  What is
 * a fault of counts, checkpoints or bad gradients stands in traps_state.c, of paths, lengths and types in
 * traps_paths.c.
 *
 *     here         01 02 04 06 08 09 12 13 15 to 20 22 23 31 32
 *     traps_state  03 05 11 33 40 45 46 47 49 51 54
 *     traps_paths  07 10 14 41 44 52 53
 *     by the references of their methods (tests/methods)
 *                  21 rmsprop  35 c_adamw and c_lion  36 ademamix  37 adan  39 radam
 *     not yet      nothing here is touched by
 *                  24 to 27 Muon  28 29 Shampoo  30 SOAP  34 Lookahead and SAM  38 ADOPT
 *                  42 43 stochastic rounding  48 captured graphs  50 batch sizes in the step
 *
 * SPDX-License-Identifier: MIT */
#include "methods/reference.h"

/* One coordinate on given gradients, seen after every step. */
static void go(const char *method, const char *settings, double x0, int steps, const double *g, double *x)
{
    luge_error err;
    luge_optimizer *opt = open_method(method, settings);
    double at = x0;
    MUST(luge_add(opt, 0, "x", LUGE_F64, &at, 0, NULL, &err));
    for (int k = 0; k < steps; k++) {
        const void *grad = &g[k];
        MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
        x[k] = at;
    }
    luge_free(opt);
}

static bool near(double got, long double want, double units)
{
    return fabsl(got - want) <= units * DBL_EPSILON * fabsl(want);
}

static double first_f32(const char *settings, float g)
{
    luge_error err;
    luge_optimizer *opt = open_method("adam", settings);
    float x = 0;
    const void *grad = &g;
    MUST(luge_add(opt, 0, "x", LUGE_F32, &x, 0, NULL, &err));
    MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
    luge_free(opt);
    return -(double)x;
}

/* First step of Adam over the step size: the stated values, and an oracle of 64 bits for gradients down to 1e-12. */
static void TR01_where_epsilon_stands(void **state)
{
    static const struct {
        const char *settings;
        double at[4]; /* for gradients 1, 1e-4, 1e-6, 1e-8 */
    } variants[] = {
        { "lr=1 eps_at=outside", { 1.000000, .9999, .990099, .5 } },
        { "lr=1 eps_at=inside", { 1.000000, .707107, .0100, .0001 } },
        { "lr=1 eps_at=hat", { 1.000000, .996848, .759747, .030653 } },
    };
    static const double stated[4] = { 1, 1e-4, 1e-6, 1e-8 };
    (void)state;
    for (int v = 0; v < 3; v++) {
        double x;
        for (int i = 0; i < 4; i++) {
            go("adam", variants[v].settings, 0, 1, &stated[i], &x);
            CHECK(fabs(-x - variants[v].at[i]) <= 1e-6, "%s, gradient %g: %.7f and not %.6f", variants[v].settings,
                  stated[i], -x, variants[v].at[i]);
        }
        for (int e = -12; e <= 0; e++) {
            double g = pow(10, e);
            float small = (float)g;
            for (int wide = 0; wide < 2; wide++) {
                long double a = wide ? g : small, eps = 1e-8;
                long double below = v == 0   ? a + eps
                                    : v == 1 ? sqrtl(a * a + eps)
                                             : a + eps / sqrtl(1 - (long double).999);
                if (wide) go("adam", variants[v].settings, 0, 1, &g, &x);
                double got = wide ? -x : first_f32(variants[v].settings, small);
                CHECK(fabsl(got - a / below) <= 8 * (wide ? DBL_EPSILON : FLT_EPSILON) * a / below,
                      "%s, gradient 1e%d, %s: %.17g and not %.17Lg", variants[v].settings, e, wide ? "f64" : "f32",
                      got, a / below);
            }
        }
    }
    CHECK_END();
}

/* Epsilon is not stored: without gradients the second moment stays 0, and later follows its recurrence alone. */
static void TR02_epsilon_is_not_in_the_state(void **state)
{
    static const char *const methods[] = { "adam", "adamw", "amsgrad", "nadam", "lamb", "adamp" };
    (void)state;
    for (size_t i = 0; i < ROWS(methods); i++) {
        luge_error err;
        luge_optimizer *opt = open_method(methods[i], "eps=0.5 beta2=0.5");
        double x = 1, g = 0;
        const void *grad = &g;
        MUST(luge_add(opt, 0, "x", LUGE_F64, &x, 0, NULL, &err));
        for (int k = 1; k <= 6; k++) {
            g = k == 4;
            MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
            double v = *(double *)luge_state(opt, 0, "exp_avg_sq", 0), want = k < 4 ? 0 : ldexp(1, 3 - k);
            CHECK(v == want, "%s, step %d: v = %.17g and not %.17g", methods[i], k, v, want);
        }
        luge_free(opt);
    }
    CHECK_END();
}

/* Multiplied corrections make steps of 10, 18, 43, ... lr here, missing ones 0.3 lr, 0.5 lr, ...  What is left is the
 * rounding of βᵏ, 2^-54, against 1 - βᵏ. */
static void TR04_bias_correction_divides(void **state)
{
    double g[100], x[100], slack = 0;
    (void)state;
    for (int k = 0; k < 100; k++) g[k] = 2;
    go("adam", "lr=0.125 eps=0", 0, 100, g, x);
    for (int k = 1; k <= 100; k++) {
        slack += .125 * DBL_EPSILON * (4 + .25 / (1 - pow(.9, k)) + .125 / (1 - pow(.999, k)));
        CHECK(fabs(x[k - 1] + .125 * k) <= slack, "step %d: at %.17g", k, x[k - 1]);
    }
    CHECK_END();
}

/* The largest of the raw moments, corrected, or the largest of the corrected ones: apart while gradients shrink. */
static void TR06_amsgrad_order(void **state)
{
    double g[20], raw[20], corrected[20];
    long double v = 0, m = 0, w[2] = { 0, 0 }, x[2] = { 0, 0 }, gap = 0;
    (void)state;
    for (int k = 0; k < 20; k++) g[k] = pow(.5, k);
    go("amsgrad", "lr=1 eps=0 beta1=0.5 beta2=0.875", 0, 20, g, raw);
    go("amsgrad", "lr=1 eps=0 beta1=0.5 beta2=0.875 amsgrad_max=corrected", 0, 20, g, corrected);
    for (int k = 1; k <= 20; k++) {
        long double bc1 = 1 - powl(.5L, k), bc2 = 1 - powl(.875L, k);
        m = .5L * m + .5L * g[k - 1];
        v = .875L * v + .125L * g[k - 1] * g[k - 1];
        w[0] = fmaxl(w[0], v);
        w[1] = fmaxl(w[1], v / bc2);
        x[0] -= m / bc1 / sqrtl(w[0] / bc2);
        x[1] -= m / bc1 / sqrtl(w[1]);
        CHECK(near(raw[k - 1], x[0], 8 * k), "raw, step %d: %.17g and not %.17Lg", k, raw[k - 1], x[0]);
        CHECK(near(corrected[k - 1], x[1], 8 * k), "corrected, step %d: %.17g and not %.17Lg", k, corrected[k - 1],
              x[1]);
        gap = fmaxl(gap, fabsl(x[0] - x[1]) / fabsl(x[0]));
    }
    CHECK(gap > .1L, "the two orders differ by %.3Lg only: this gradient does not separate them", gap);
    CHECK_END();
}

/* A weight without gradients, η = 1/4 times a warm-up of four steps, λ = 1/2: what the decay alone does. */
static void TR08_decay_under_a_schedule(void **state)
{
    static const struct {
        const char *method, *settings;
        long double rate; /* x := (1 - rate ηₖ) x; NAN: x := x - ηₖ sign x */
    } rows[] = {
        { "sgd", "", .5L },
        { "heavy_ball", "momentum=0", .5L },
        { "adamw", "", .5L },
        { "adamw", "amsgrad=true", .5L },
        { "nadam", "decoupled=true", .5L },
        { "lion", "", .5L },
        { "signum", "decoupled=true", .5L },
        { "signsgd", "decoupled=true", .5L },
        { "signsgd", "", (long double)NAN },
        { "adamp", "", .5L },
        { "lamb", "", 1 },
        { "lamb", "decoupled=true", .5L },
    };
    static const double none[9];
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char with[160];
        double x[9];
        long double want = 3;
        snprintf(with, sizeof with, "lr=0.25 weight_decay=0.5 schedule=warmup:steps=4 %s", rows[i].settings);
        go(rows[i].method, with, 3, 9, none, x);
        for (int k = 1; k <= 9; k++) {
            long double step = .25L * (k < 4 ? k / 4.0L : 1);
            want -= step * (isnan(rows[i].rate) ? 1 : rows[i].rate * want);
            CHECK(near(x[k - 1], want, 8 * k), "%s %s, step %d: %.17g and not %.17Lg", rows[i].method,
                  rows[i].settings, k, x[k - 1], want);
        }
    }
    CHECK_END();
}

/* Adam couples its decay and AdamW does not: the one divides it by its size, the other shrinks the weight by it. */
static void TR09_coupled_and_decoupled_are_not_swapped(void **state)
{
    static const struct {
        const char *method, *settings;
        double want; /* of x = 3, λ = 1/2, η = 1/4, no gradient, one step */
    } rows[] = {
        { "adam", "", 3 - .25 },
        { "adam", "decoupled=true", 3 * .875 },
        { "adamw", "", 3 * .875 },
        { "amsgrad", "", 3 - .25 },
        { "signum", "", 3 - .25 },
        { "signum", "decoupled=true", 3 * .875 },
        { "heavy_ball", "", 3 * .875 },
        { "lion", "", 3 * .875 },
        { "nadam", "momentum_decay=none decoupled=true", 3 * .875 },
    };
    static const double none[1];
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char with[160];
        double x;
        snprintf(with, sizeof with, "lr=0.25 weight_decay=0.5 %s", rows[i].settings);
        go(rows[i].method, with, 3, 1, none, &x);
        CHECK(fabs(x - rows[i].want) < 1e-7, "%s %s: %.17g and not %.17g", rows[i].method, rows[i].settings, x,
              rows[i].want);
    }
    CHECK_END();
}

/* g = 1, then -1/4, with β₁ = 1/2 and β₂ = 3/4: m₁ = 1/4 and u₂ = 1/8 - 1/8 = 0, x stays.  With the betas swapped
 * u₂ = 3/4·1/2 - 1/4·1/4 > 0; decay under the sign would turn the first step. */
static void TR12_lion_betas_and_decay(void **state)
{
    static const double g[2] = { 1, -.25 };
    double x[2];
    (void)state;
    go("lion", "lr=0.25 beta1=0.5 beta2=0.75", 1, 2, g, x);
    CHECK(x[0] == .75 && x[1] == .75, "%.17g %.17g", x[0], x[1]);
    go("lion", "lr=0.25 beta1=0.5 beta2=0.75 weight_decay=2", -4, 1, g, x);
    CHECK(x[0] == -4 * .5 - .25, "with decay: %.17g", x[0]);
    CHECK_END();
}

/* A buffer that is set back in each step leaves gradient descent, or the sign of the gradient. */
static void TR13_momentum_is_kept(void **state)
{
    static const double g[3] = { 1, 0, 0 };
    double x[3];
    (void)state;
    go("heavy_ball", "lr=1 momentum=0.5", 0, 3, g, x);
    CHECK(x[2] == -1.75, "heavy ball: %.17g", x[2]);
    go("signum", "lr=1 momentum=0.5", 0, 3, g, x);
    CHECK(x[2] == -3, "signum: %.17g", x[2]);
    go("adam", "lr=1 beta1=0.5 beta2=0.5 eps=0", 0, 3, g, x);
    CHECK(x[2] < x[1] && x[1] < x[0] && x[0] < 0, "adam: %g %g %g", x[0], x[1], x[2]);
    CHECK_END();
}

/* x₁ does not know how large x₀ is, but for x₀ itself. */
static void TR15_buffers_do_not_start_from_the_parameters(void **state)
{
    static const char *const methods[] = { "heavy_ball", "nesterov", "adam", "nadam", "lion", "signum" };
    static const double g[1] = { .5 };
    (void)state;
    for (size_t i = 0; i < ROWS(methods); i++) {
        double near_zero, far;
        go(methods[i], "lr=0.25", 0, 1, g, &near_zero);
        go(methods[i], "lr=0.25", 1024, 1, g, &far);
        CHECK(fabs(far - 1024 - near_zero) <= 1024 * DBL_EPSILON, "%s: %.17g from 0 and %.17g from 1024", methods[i],
              near_zero, far - 1024);
    }
    CHECK_END();
}

/* b₁ = g₁ and not (1-τ) g₁; from then on the dampening is in. */
static void TR16_the_first_step_is_not_dampened(void **state)
{
    static const double g[2] = { 1, 1 };
    double x[2];
    (void)state;
    go("heavy_ball", "lr=1 momentum=0.5 dampening=0.75", 0, 2, g, x);
    CHECK(x[0] == -1, "step 1: %.17g", x[0]);
    CHECK(x[1] == -1 - (.5 + .25), "step 2: %.17g", x[1]);
    CHECK_END();
}

/* Sum or mean of gradients: on a constant gradient the step ends at η/(1-μ) or at η. */
static void TR17_sum_or_mean(void **state)
{
    double g[200], x[200];
    (void)state;
    for (int k = 0; k < 200; k++) g[k] = 1;
    go("heavy_ball", "lr=0.0078125 momentum=0.75", 0, 200, g, x);
    CHECK(fabs(x[198] - x[199] - .03125) < 1e-14, "sum: %.17g", x[198] - x[199]);
    go("heavy_ball", "lr=0.0078125 momentum=0.75 dampening=0.75", 0, 200, g, x);
    CHECK(fabs(x[198] - x[199] - .0078125) < 1e-14, "mean: %.17g", x[198] - x[199]);
    go("nesterov", "lr=0.0078125 momentum=0.75", 0, 200, g, x);
    CHECK(fabs(x[198] - x[199] - .03125) < 1e-14, "Nesterov: %.17g", x[198] - x[199]);
    CHECK_END();
}

/* f = x²/2.  While η is constant, x is Sutskever's look-ahead point θ + μ u; when η falls to a tenth after step 10,
 * ours scales the whole buffer at once, and hers, with η inside, does not.  Others (Keras' double momentum, the
 * look-ahead of t_k) differ from the first step on. */
static void TR18_nesterov_and_a_changed_step_size(void **state)
{
    luge_error err;
    luge_optimizer *opt = open_method("nesterov", "lr=0.1 momentum=0.9");
    double x = 1, g;
    const void *grad = &g;
    long double theta = 1, u = 0, y = 1, b = 0, apart = 0;
    (void)state;
    MUST(luge_add(opt, 0, "x", LUGE_F64, &x, 0, NULL, &err));
    for (int k = 1; k <= 20; k++) {
        long double lr = k <= 10 ? .1L : .01L, mu = .9L;
        if (k == 11) MUST(luge_set(opt, 0, "lr", "0.01", &err));
        g = x;
        MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
        u = mu * u - lr * (theta + mu * u);
        theta += u;
        b = mu * b + y;
        y -= lr * (y + mu * b);
        CHECK(fabsl(x - y) <= 8 * k * DBL_EPSILON, "step %d: %.17g and not %.17Lg", k, x, y);
        if (k <= 10)
            CHECK(fabsl(x - theta - mu * u) <= 8 * k * DBL_EPSILON, "look-ahead, step %d", k);
        else
            apart = fmaxl(apart, fabsl(x - theta - mu * u));
    }
    CHECK(apart > 1e-2L, "the forms differ by %.2Lg only after the change", apart);
    luge_free(opt);
    CHECK_END();
}

/* f = x²/2 with η = 1/4, μ = 1/2, in whole numbers of 2^-50: exact, as every product is a shift. */
static void TR19_momentum_in_exact_arithmetic(void **state)
{
    (void)state;
    for (int nesterov = 0; nesterov < 2; nesterov++) {
        luge_error err;
        luge_optimizer *opt = open_method(nesterov ? "nesterov" : "heavy_ball", "lr=0.25 momentum=0.5");
        double x = 1, g;
        const void *grad = &g;
        int64_t want = (int64_t)1 << 50, b = 0;
        MUST(luge_add(opt, 0, "x", LUGE_F64, &x, 0, NULL, &err));
        for (int k = 1; k <= 12; k++) {
            int64_t slope = want;
            g = x;
            MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
            b = b / 2 + slope;
            want -= (nesterov ? slope + b / 2 : b) / 4;
            CHECK(x == ldexp((double)want, -50), "nesterov %d, step %d: %.17g and not %.17g", nesterov, k, x,
                  ldexp((double)want, -50));
        }
        luge_free(opt);
    }
    CHECK_END();
}

typedef struct ratio {
    int64_t p, q;
} ratio;

static ratio reduce(int64_t p, int64_t q)
{
    int64_t a = p < 0 ? -p : p, b = q;
    while (b) {
        int64_t r = a % b;
        a = b;
        b = r;
    }
    return (ratio){ p / a, q / a };
}
static ratio mul(ratio a, ratio b)
{
    ratio u = reduce(a.p, b.q), v = reduce(b.p, a.q);
    return (ratio){ u.p * v.p, u.q * v.q };
}
static ratio add(ratio a, ratio b)
{
    ratio d = reduce(a.q, b.q);
    return reduce(a.p * d.q + b.p * d.p, a.q * d.q);
}
static ratio minus(ratio a) { return (ratio){ -a.p, a.q }; }
static ratio by(ratio a, ratio b) { return mul(a, b.p < 0 ? (ratio){ -b.q, -b.p } : (ratio){ b.q, b.p }); }

/* β₁ = 1/2, β₂ = ε = 0, so that the root is |g|: each variant in rational numbers, as long as
 * they fit. */
static void TR20_nadam_in_rational_numbers(void **state)
{
    static const struct {
        const char *settings;
        int steps;
        ratio mu, decay; /* decay < 0: decoupled */
    } rows[] = {
        { "momentum_decay=0", 5, { 1, 4 }, { 0, 1 } },
        { "momentum_decay=none", 5, { 1, 2 }, { 0, 1 } },
        { "momentum_decay=0 weight_decay=0.5", 3, { 1, 4 }, { 1, 2 } },
        { "momentum_decay=none weight_decay=0.5 decoupled=true", 5, { 1, 2 }, { -1, 2 } },
    };
    static const ratio g[5] = { { 1, 1 }, { -2, 1 }, { 1, 2 }, { 4, 1 }, { 3, 1 } }, one = { 1, 1 }, eta = { 1, 8 };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char with[160];
        double given[5], x[5];
        ratio at = { 2, 1 }, m = { 0, 1 }, product = one, mu = rows[i].mu;
        for (int k = 0; k < 5; k++) given[k] = (double)g[k].p / (double)g[k].q;
        snprintf(with, sizeof with, "lr=0.125 beta1=0.5 beta2=0 eps=0 %s", rows[i].settings);
        go("nadam", with, 2, 5, given, x);
        for (int k = 0; k < rows[i].steps; k++) {
            ratio in = rows[i].decay.p > 0 ? add(g[k], mul(rows[i].decay, at)) : g[k];
            m = mul((ratio){ 1, 2 }, add(m, in));
            product = mul(product, mu);
            ratio now = mul(by(add(one, minus(mu)), add(one, minus(product))), in);
            ratio ahead = mul(by(mu, add(one, minus(mul(product, mu)))), m);
            ratio step = mul(eta, by(add(now, ahead), in.p < 0 ? minus(in) : in));
            if (rows[i].decay.p < 0) at = add(at, mul(mul(eta, rows[i].decay), at));
            at = add(at, minus(step));
            CHECK(near(x[k], (long double)at.p / at.q, 8 * (k + 1)), "%s, step %d: %.17g and not %lld/%lld",
                  rows[i].settings, k + 1, x[k], (long long)at.p, (long long)at.q);
        }
    }
    CHECK_END();
}

/* The ratio is 1 where a norm is 0, it is there without decay only where asked for, and the older code's clamp is on
 * the norm of the weights, not on the ratio. */
static void TR22_lamb_ratios(void **state)
{
    static const double g[1] = { 4 };
    static const struct {
        const char *settings;
        double x0, step; /* after step 1, with η = 1/8: u = 1 without decay */
    } rows[] = {
        { "weight_decay=0.5", 0, .125 },
        { "weight_decay=0", 64, .125 },
        { "weight_decay=0 always_adapt=true", 64, 8 },
        { "weight_decay=0 always_adapt=true trust_clip=true", 64, .125 },
        { "weight_decay=0 always_adapt=true trust_clip=true", .5, .0625 },
        { "weight_decay=0 weight_norm_clamp=10", 64, 1.25 },
        { "weight_decay=0 weight_norm_clamp=10", 4, .5 },
        { "weight_decay=1", 4, .5 },
        { "weight_decay=1 decoupled=true", 4, .5 + .4375 },
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char with[160];
        double x;
        snprintf(with, sizeof with, "lr=0.125 eps=0 max_grad_norm=none %s", rows[i].settings);
        go("lamb", with, rows[i].x0, 1, g, &x);
        CHECK(fabs(rows[i].x0 - x - rows[i].step) < 1e-14 * (1 + rows[i].x0),
              "%s from %g: a step of %.17g and not %g", rows[i].settings, rows[i].x0, rows[i].x0 - x, rows[i].step);
    }
    CHECK_END();
}

/* η outside the buffer: when it falls to a quarter after step 1, the whole velocity is scaled at once. */
static void TR23_lars_momentum_and_step_size(void **state)
{
    luge_error err;
    luge_optimizer *opt =
        open_method("lars", "lr=1 momentum=0.5 trust_coeff=1 weight_decay=0 always_adapt=true eps=0");
    double x = 8, g = 2;
    const void *grad = &g;
    (void)state;
    MUST(luge_add(opt, 0, "x", LUGE_F64, &x, 0, NULL, &err));
    MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err)); /* r g = 8, x = 0 */
    x = 4;
    MUST(luge_set(opt, 0, "lr", "0.25", &err));
    MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err)); /* b = 8/2 + 4; inside it would be 4 + 1 */
    CHECK(x == 4 - .25 * 8, "%.17g", x);
    luge_free(opt);
    CHECK_END();
}

/* A matrix of two rows of two.  The first has a cosine just below or above δ / √2, of either sign, the second is
 * orthogonal, or zero. */
static void TR31_adamp_decides_by_the_largest_cosine(void **state)
{
    static const struct {
        double cosine, second;
        int ndim;
        bool projected;
    } rows[] = {
        { .0706, 1, 2, true }, { .0708, 1, 2, false }, { -.0706, 1, 2, true }, { -.0708, 1, 2, false },
        { .0706, 0, 2, true }, { .0706, 1, 1, false }, { -1, 1, 2, false },
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        luge_error err;
        luge_optimizer *opt = open_method("adamp", "lr=0.01 weight_decay=0.5 wd_ratio=0");
        double c = rows[i].cosine, x[4] = { 1, 0, 0, rows[i].second },
               g[4] = { 64 * c, 64 * sqrt(1 - c * c), .01, 0 };
        const void *grad = g;
        MUST(luge_add(opt, 0, "w", LUGE_F64, x, rows[i].ndim,
                      rows[i].ndim == 1 ? (size_t[]){ 4 } : (size_t[]){ 2, 2 }, &err));
        MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
        bool projected = fabs(x[0] - 1) < 1e-9;
        CHECK(projected == rows[i].projected, "cosine %g, %d dimensions: x = %.17g", c, rows[i].ndim, x[0]);
        CHECK(isfinite(x[2]) && isfinite(x[3]), "a zero row became %g %g", x[2], x[3]);
        luge_free(opt);
    }
    CHECK_END();
}

/* Probes of both signs: the absolute value, then the mean of the row, then the square, so v = ((3 + 1)/2)² and not
 * (9 + 1)/2 or ((3 - 1)/2)²; every step folds its own probe in. */
static void TR32_adahessian_averages_absolute_values(void **state)
{
    luge_error err;
    luge_optimizer *opt = open_method("adahessian", "spatial_average=blocks beta2=0.5");
    double x[2] = { 0, 0 }, g[2] = { 1, 1 }, probe[2][2] = { { 3, -1 }, { -5, -1 } };
    const void *grad = g, *more;
    luge_input extra = { "hutchinson", &more };
    (void)state;
    MUST(luge_add(opt, 0, "w", LUGE_F64, x, 2, (size_t[]){ 1, 2 }, &err));
    for (int k = 0; k < 2; k++) {
        more = probe[k];
        MUST(luge_step(opt, &(luge_inputs){ .grad = &grad, .extra = &extra, .extras = 1 }, &err));
        const double *v = luge_state(opt, 0, "exp_hessian_diag_sq", 0);
        for (int i = 0; i < 2; i++) CHECK(v[i] == (k ? .5 * 9 + .25 * 4 : .5 * 4), "step %d: v = %g", k + 1, v[i]);
    }
    luge_free(opt);
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(TR01_where_epsilon_stands),
        cmocka_unit_test(TR02_epsilon_is_not_in_the_state),
        cmocka_unit_test(TR04_bias_correction_divides),
        cmocka_unit_test(TR06_amsgrad_order),
        cmocka_unit_test(TR08_decay_under_a_schedule),
        cmocka_unit_test(TR09_coupled_and_decoupled_are_not_swapped),
        cmocka_unit_test(TR12_lion_betas_and_decay),
        cmocka_unit_test(TR13_momentum_is_kept),
        cmocka_unit_test(TR15_buffers_do_not_start_from_the_parameters),
        cmocka_unit_test(TR16_the_first_step_is_not_dampened),
        cmocka_unit_test(TR17_sum_or_mean),
        cmocka_unit_test(TR18_nesterov_and_a_changed_step_size),
        cmocka_unit_test(TR19_momentum_in_exact_arithmetic),
        cmocka_unit_test(TR20_nadam_in_rational_numbers),
        cmocka_unit_test(TR22_lamb_ratios),
        cmocka_unit_test(TR23_lars_momentum_and_step_size),
        cmocka_unit_test(TR31_adamp_decides_by_the_largest_cosine),
        cmocka_unit_test(TR32_adahessian_averages_absolute_values),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
