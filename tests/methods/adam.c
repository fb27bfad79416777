/* Adam and its relatives against moments written as weighted sums over all gradients, in long double, and against the
 * forms that other libraries give them.  SPDX-License-Identifier: MIT */
#include "methods/reference.h"

enum where { OUTSIDE, INSIDE, HAT };

typedef struct settings {
    const char *label, *method;
    double beta1, beta2, eps, decay;
    enum where at;
    bool decoupled, raw_moments, amsgrad, corrected, maximize, nesterov;
} settings;

static const settings rows[] = {
    { "Adam", "adam", .9, .999, 1e-8, 0, OUTSIDE, 0, 0, 0, 0, 0, 0 },
    { "coupled decay", "adam", .8, .95, 1e-3, .1, OUTSIDE, 0, 0, 0, 0, 0, 0 },
    { "coupled decay, ascent", "adam", .8, .95, 1e-3, .1, OUTSIDE, 0, 0, 0, 0, 1, 0 },
    { "AdamW", "adamw", .9, .99, 1e-8, .3, OUTSIDE, 1, 0, 0, 0, 0, 0 },
    { "AdamW, ascent", "adamw", .7, .9, 1e-2, .3, OUTSIDE, 1, 0, 0, 0, 1, 0 },
    { "large eps", "adam", .9, .99, .5, 0, OUTSIDE, 0, 0, 0, 0, 0, 0 },
    { "eps inside", "adam", .9, .99, .5, 0, INSIDE, 0, 0, 0, 0, 0, 0 },
    { "eps hat", "adam", .9, .99, .5, 0, HAT, 0, 0, 0, 0, 0, 0 },
    { "equal betas", "adam", .95, .95, 1e-8, 0, OUTSIDE, 0, 0, 0, 0, 0, 0 },
    { "no first moment", "adam", 0, .9, 1e-6, 0, OUTSIDE, 0, 0, 0, 0, 0, 0 },
    { "no second moment", "adam", .9, 0, 1e-3, 0, OUTSIDE, 0, 0, 0, 0, 0, 0 },
    { "no correction", "adam", .9, .99, 1e-4, 0, OUTSIDE, 0, 1, 0, 0, 0, 0 },
    { "AMSGrad", "amsgrad", .9, .8, 1e-4, 0, OUTSIDE, 0, 0, 1, 0, 0, 0 },
    { "AMSGrad of AdamW", "adamw", .9, .5, 1e-4, .1, OUTSIDE, 1, 0, 1, 0, 0, 0 },
    { "AMSGrad, maximum of corrected", "amsgrad", .9, .8, 1e-4, 0, OUTSIDE, 0, 0, 1, 1, 0, 0 },
    { "AMSGrad of the paper", "amsgrad", .9, .8, 1e-4, 0, OUTSIDE, 0, 1, 1, 0, 0, 0 },
    { "NAdamW", "nadamw", .9, .999, 1e-8, .1, OUTSIDE, 1, 0, 0, 0, 0, 1 },
    { "NAdamW, all of it", "nadamw", .6, .7, 1e-2, .2, HAT, 1, 0, 1, 1, 1, 1 },
    { "coupled, looking ahead", "adam", .5, .9, 1e-3, .2, OUTSIDE, 0, 1, 0, 0, 0, 1 },
    { "AMSGrad, all of it", "adam", .6, .7, 1e-2, .2, INSIDE, 0, 0, 1, 1, 1, 0 },
};

static const char *text(const settings *h)
{
    static const char *const where[] = { "outside", "inside", "hat" }, *const truth[] = { "false", "true" };
    static char to[400];
    snprintf(
        to, sizeof to,
        "beta1=%.17g beta2=%.17g eps=%.17g eps_at=%s weight_decay=%.17g decoupled=%s bias_correction=%s amsgrad=%s "
        "amsgrad_max=%s maximize=%s nesterov=%s",
        h->beta1, h->beta2, h->eps, where[h->at], h->decay, truth[h->decoupled], truth[!h->raw_moments],
        truth[h->amsgrad], h->corrected ? "corrected" : "raw", truth[h->maximize], truth[h->nesterov]);
    return to;
}

/* (1-β) Σⱼ βᵏ⁻ʲ gⱼᵖ */
static long double moment(long double beta, int k, const long double *g, int p)
{
    long double sum = 0, weight = 1 - beta;
    for (int j = k; j >= 1; j--, weight *= beta) sum += weight * (p == 2 ? g[j] * g[j] : g[j]);
    return sum;
}

/* 1 - βᵏ */
static long double correction(long double beta, int k) { return -expm1l(k * logl(beta)); }

static long double weighted_sums(const void *with, int k, const long double *g, const long double *x,
                                 const long double *lr)
{
    const settings *h = with;
    long double in[STEPS + 1], v = 0, bc1 = h->raw_moments ? 1 : correction(h->beta1, k);
    for (int j = 1; j <= k; j++) in[j] = (h->maximize ? -g[j] : g[j]) + (h->decoupled ? 0 : h->decay * x[j - 1]);
    for (int j = h->amsgrad ? 1 : k; j <= k; j++) {
        long double bc2 = h->raw_moments ? 1 : correction(h->beta2, h->corrected && h->amsgrad ? j : k);
        v = fmaxl(v, moment(h->beta2, j, in, 2) / bc2);
    }
    long double root = sqrtl(h->at == INSIDE ? v + h->eps : v);
    long double eps = h->at == INSIDE ? 0 : h->at == HAT ? h->eps / sqrtl(correction(h->beta2, k)) : h->eps;
    long double m = moment(h->beta1, k, in, 1),
                top = h->nesterov ? h->beta1 * m + (1 - (long double)h->beta1) * in[k] : m;
    return (1 - (h->decoupled ? lr[k] * h->decay : 0)) * x[k - 1] - lr[k] * top / bc1 / (root + eps);
}

static void equals_sums_over_all_gradients(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        against_rule(rows[i].label, rows[i].method, text(&rows[i]), .01, -6, 3, weighted_sums, &rows[i]);
    CHECK_END();
}

/* ---- the other conventions ---- */

/* x - η √(1-β₂ᵏ) / (1-β₁ᵏ) m / (√v + ε) */
static long double folded(const void *with, int k, const long double *g, const long double *x, const long double *lr)
{
    const settings *h = with;
    long double step = lr[k] * sqrtl(correction(h->beta2, k)) / correction(h->beta1, k);
    return x[k - 1] - step * moment(h->beta1, k, g, 1) / (sqrtl(moment(h->beta2, k, g, 2)) + h->eps);
}

static void eps_hat_is_the_folded_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        if (rows[i].at == HAT && !rows[i].nesterov)
            against_rule("folded", "adam", text(&rows[i]), .01, -6, 3, folded, &rows[i]);
    CHECK_END();
}

static double zero[FEW];
static void nothing(const double *x, double *g)
{
    (void)x;
    memcpy(g, zero, sizeof zero);
}

/* x := (1 - λ') x a step, by λ = λ' / η; and under a schedule, which scales η, Π (1 - ηₖ λ). */
static void decoupled_decay_follows_its_closed_form(void **state)
{
    static const double start[FEW] = { 1, -1, .5, .75 };
    double x[FEW];
    long double factor = 1;
    (void)state;
    descend("adamw", "lr=0.25 weight_decay=0.5", start, 20, nothing, see_last, x); /* λ' = 1/8 */
    for (int i = 0; i < FEW; i++)
        CHECK(fabsl(x[i] - powl(.875L, 20) * start[i]) <= 80 * DBL_EPSILON, "λ': %.17g", x[i]);
    descend("adamw", "lr=0.25 weight_decay=0.5 schedule=warmup:steps=4", start, 9, nothing, see_last, x);
    for (int k = 1; k <= 9; k++) factor *= 1 - .125L * (k < 4 ? k / 4.0L : 1);
    for (int i = 0; i < FEW; i++) CHECK(fabsl(x[i] - factor * start[i]) <= 40 * DBL_EPSILON, "schedule: %.17g", x[i]);
    CHECK_END();
}

/* β₁ = β₂ = β without corrections:  v - m² = β EMA[(mₖ₋₁ - gₖ)²]  (Orvieto & Gower 2025) */
static void equal_betas_split_the_second_moment(void **state)
{
    static record r;
    luge_error err;
    luge_optimizer *opt = open_method("adam", "beta1=0.9 beta2=0.9 bias_correction=false");
    double x[COORDINATES];
    long double m[COORDINATES] = { 0 }, e[COORDINATES] = { 0 }, beta = .9;
    (void)state;
    record_make(&r, 2, .01, -3, 1, false);
    memcpy(x, r.x0, sizeof x);
    MUST(luge_add(opt, 0, "x", LUGE_F64, x, 1, (size_t[]){ COORDINATES }, &err));
    for (int t = 1; t <= STEPS; t++) {
        const void *grad = r.g[t];
        MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
        const double *first = luge_state(opt, 0, "exp_avg", 0), *second = luge_state(opt, 0, "exp_avg_sq", 0);
        for (int i = 0; i < COORDINATES; i++) {
            e[i] = beta * e[i] + (1 - beta) * (m[i] - r.g[t][i]) * (m[i] - r.g[t][i]);
            m[i] = beta * m[i] + (1 - beta) * r.g[t][i];
            long double left = second[i] - (long double)first[i] * first[i];
            CHECK(fabsl(left - beta * e[i]) <= 8 * (t + 1) * (long double)DBL_EPSILON * second[i],
                  "coordinate %d, step %d: %.17Lg and not %.17Lg", i, t, left, beta * e[i]);
        }
    }
    luge_free(opt);
    CHECK_END();
}

/* -ln N(g; m, s) + κ KL(N(m', s') | N(m, s)), up to a constant: how badly a normal law with the new mean and variance
 * explains the gradient, and how far it is from the old one. */
static long double surprise(long double m, long double s, long double g, long double m1, long double s1,
                            long double kappa)
{
    return logl(s) / 2 + (g - m) * (g - m) / (2 * s) + kappa * (logl(s) / 2 + (s1 + (m1 - m) * (m1 - m)) / (2 * s));
}

/* β₁ = β₂ = β without corrections: m and s = v - m² are those of the least surprise with κ = β / (1-β), so that Adam
 * keeps a normal law of the gradient by variational inference (Orvieto & Gower 2025, theorem 4.1).  The least is
 * found where both sides are higher by the same, δ² curvature against δ³ of what is left. */
static void equal_betas_are_variational_inference(void **state)
{
    static const char *const settings[] = { "beta1=0.9 beta2=0.9 bias_correction=false",
                                            "beta1=0.5 beta2=0.5 bias_correction=false" };
    static record r;
    luge_error err;
    size_t checked = 0;
    (void)state;
    record_make(&r, 3, .01, -2, 1, false);
    for (int n = 0; n < 2; n++) {
        luge_optimizer *opt = open_method("adam", settings[n]);
        double x[COORDINATES];
        long double m[COORDINATES] = { 0 }, s[COORDINATES] = { 0 }, beta = n ? .5L : .9, d = 1e-3L;
        memcpy(x, r.x0, sizeof x);
        MUST(luge_add(opt, 0, "x", LUGE_F64, x, 1, (size_t[]){ COORDINATES }, &err));
        for (int t = 1; t <= STEPS; t++) {
            const void *grad = r.g[t];
            MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
            const double *first = luge_state(opt, 0, "exp_avg", 0), *second = luge_state(opt, 0, "exp_avg_sq", 0);
            for (int i = 0; i < COORDINATES; i++) {
                long double m1 = m[i], s1 = s[i], g = r.g[t][i], kappa = beta / (1 - beta);
                m[i] = first[i];
                s[i] = second[i] - m[i] * m[i];
                if (s1 <= 1e-6L * second[i]) continue; /* the law before has no width */
                long double least = surprise(m[i], s[i], g, m1, s1, kappa);
                for (int along = 0; along < 2; along++) {
                    long double step = along ? 0 : d * sqrtl(s[i]), factor = along ? expl(d) : 1;
                    long double up = surprise(m[i] + step, s[i] * factor, g, m1, s1, kappa) - least;
                    long double down = surprise(m[i] - step, s[i] / factor, g, m1, s1, kappa) - least;
                    CHECK(up > 0 && down > 0 && fabsl(up - down) <= d * (up + down),
                          "%s: step %d, coordinate %d, along %s: %Lg and %Lg", settings[n], t, i, along ? "s" : "m",
                          up, down);
                    checked++;
                }
            }
        }
        luge_free(opt);
    }
    CHECK(checked > 2000, "only %zu", checked);
    CHECK_END();
}

/* ---- limits ---- */

static double constant[FEW] = { 3, -1e-6, 1e-3, 1e-9 };
static void steady(const double *x, double *g)
{
    (void)x;
    memcpy(g, constant, sizeof constant);
}

/* Every step on a constant gradient is η g / (|g| + ε): the first one, and all that follow. */
static void see_steady(int k, const double *x, void *to)
{
    double *last = to;
    for (int i = 0; i < FEW; i++) {
        long double want = last[i] - .01L * constant[i] / (fabs(constant[i]) + 1e-8L);
        CHECK(fabsl(x[i] - want) <= 8 * DBL_EPSILON * (1 + k * .01), "step %d of %g: %.17g and not %.17Lg", k,
              constant[i], x[i], want);
        last[i] = x[i];
    }
}

static void constant_gradient(void **state)
{
    double last[FEW] = { 1, -1, .5, .75 };
    static double start[FEW] = { 1, -1, .5, .75 };
    (void)state;
    descend("adam", "lr=0.01", start, 100, steady, see_steady, last);
    CHECK_END();
}

/* β₁ = β₂ = ε = 0: the sign of the gradient. */
static void without_memory_is_sign_descent(void **state)
{
    static record r;
    static double x[STEPS + 1][COORDINATES];
    (void)state;
    record_make(&r, 4, .0078125, -6, 3, true);
    play(&r, "adam", "beta1=0 beta2=0 eps=0", LUGE_F64, x);
    for (int t = 1; t <= STEPS; t++)
        for (int n = 0; n < TENSORS; n++)
            for (size_t i = tensors[n].at; i < tensors[n].at + tensors[n].n; i++) {
                if (r.absent[t][n] || isnan(x[t - 1][i])) continue;
                double g = r.g[t][i], want = x[t - 1][i] - r.lr[t] * ((g > 0) - (g < 0));
                CHECK(g == 0 ? isnan(x[t][i]) != 0 : fabs(x[t][i] - want) <= 4 * DBL_EPSILON,
                      "step %d, g = %g: %.17g and not %.17g", t, g, x[t][i], want);
            }
    CHECK_END();
}

static void zero_gradients(void **state)
{
    static const double start[FEW] = { 1, -1, .5, .75 };
    luge_error err;
    double x[FEW], g[FEW] = { 1, 1, 1, 1 };
    const void *grad = g;
    (void)state;
    descend("amsgrad", "lr=0.5", start, 9, nothing, see_last, x);
    CHECK(!memcmp(x, start, sizeof x), "a parameter moved before any gradient came");
    luge_optimizer *opt = open_method("adam", "lr=0.5 beta1=0.5 beta2=0.25");
    MUST(luge_add(opt, 0, "x", LUGE_F64, x, 1, (size_t[]){ FEW }, &err));
    MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
    memset(g, 0, sizeof g);
    for (int k = 2; k <= 5; k++) {
        double before = x[0];
        MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
        CHECK(x[0] < before, "old momentum does not move x in step %d", k);
        CHECK(*(double *)luge_state(opt, 0, "exp_avg", 0) == ldexp(1, -k), "m after step %d", k);
        CHECK(*(double *)luge_state(opt, 0, "exp_avg_sq", 0) == .75 * ldexp(1, -2 * (k - 1)), "v after step %d", k);
    }
    luge_free(opt);
    CHECK_END();
}

static void aliases_are_adam_with_settings(void **state)
{
    static record r;
    (void)state;
    record_make(&r, 5, .01, -3, 1, true);
    same("AdamW", &r, "adam", "decoupled=true weight_decay=0.01", &r, "adamw", "");
    same("AMSGrad", &r, "adam", "amsgrad=true", &r, "amsgrad", "");
    same("NAdamW", &r, "adam", "decoupled=true weight_decay=0.01 nesterov=true", &r, "nadamw", "");
    like("without first moment", &r, "nadamw", "beta1=0", "adamw", "beta1=0");
    same("no decay", &r, "adamw", "weight_decay=0", &r, "adam", "");
    same("defaults", &r, "adam", "beta1=0.9 beta2=0.999 eps=1e-8 weight_decay=0", &r, "adam", "");
    refused("adamw", "decoupled=false", "decoupled");
    refused("amsgrad", "amsgrad=false", "amsgrad");
    refused("nadamw", "nesterov=false", "nesterov");
    refused("adam", "beta1=1", "beta1");
    refused("adam", "beta2=-0.5", "beta2");
    refused("adam", "eps_at=root", "outside");
    CHECK_END();
}

/* ---- flow ---- */

static double decay_in, decay_out;
static void normalized(const double *x, const double *g, double *v)
{
    for (int i = 0; i < FEW; i++) {
        double u = g[i] + decay_in * x[i];
        v[i] = -u / sqrt(u * u + .05) - decay_out * x[i];
    }
}

static void tends_to_its_flow(void **state)
{
    (void)state;
    tends_to("Adam", "adam", "beta1=0.8 beta2=0.9 eps=0.05 eps_at=inside", normalized, .8);
    decay_in = .3;
    tends_to("coupled", "adam", "beta1=0.8 beta2=0.9 eps=0.05 eps_at=inside weight_decay=0.3", normalized, .8);
    decay_in = 0, decay_out = .3;
    tends_to("AdamW", "adamw", "beta1=0.8 beta2=0.9 eps=0.05 eps_at=inside weight_decay=0.3", normalized, .8);
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_sums_over_all_gradients),
        cmocka_unit_test(eps_hat_is_the_folded_form),
        cmocka_unit_test(decoupled_decay_follows_its_closed_form),
        cmocka_unit_test(equal_betas_split_the_second_moment),
        cmocka_unit_test(equal_betas_are_variational_inference),
        cmocka_unit_test(constant_gradient),
        cmocka_unit_test(without_memory_is_sign_descent),
        cmocka_unit_test(zero_gradients),
        cmocka_unit_test(aliases_are_adam_with_settings),
        cmocka_unit_test(tends_to_its_flow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
