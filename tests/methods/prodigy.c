/* Prodigy against moments written as weighted sums over all steps and the estimate as a quotient of such sums, in
 * long double.  SPDX-License-Identifier: MIT */
#define SETTINGS(_)                                                                                                  \
    _(real, beta1)                                                                                                   \
    _(real, beta2)                                                                                                   \
    _(real, beta3)                                                                                                   \
    _(real, eps)                                                                                                     \
    _(real, weight_decay)                                                                                            \
    _(flag, decoupled)                                                                                               \
    _(real, d0) _(real, d_coef) _(real, growth_rate) _(flag, use_bias_correction) _(flag, safeguard_warmup)
#include "methods/sums.h"

static const settings rows[] = {
    { "Prodigy", .9, .999, NAN, 1e-8, 0, true, 1e-4, 1, NAN, false, false },
    { "correction, coupled decay", .9, .99, .9, 1e-3, .1, false, 1e-3, 1, NAN, true, false },
    { "slow growth, decoupled decay", .8, .9, .95, 1e-3, .2, true, 1e-2, 1.5, 1.1, false, false },
    { "safeguard", .9, .95, NAN, 1e-2, 0, true, 1e-3, 2, 1.5, true, true },
    { "no first moment", 0, .9, NAN, 1e-3, .1, false, 1e-3, 1, NAN, false, false },
};
static int grown, limited, kept;

/* Of every coordinate its own gradients (decay within); of every tensor's step the estimate and step size it came
 * with */
typedef struct memory {
    int count; /* steps that moved */
    long double d, most, numerator, absolute, condition, start[COORDINATES], g[COORDINATES][STEPS + 1],
        D[TENSORS][STEPS + 1], eta[TENSORS][STEPS + 1];
} memory;

/* Σⱼ βᵏ⁻ʲ wⱼ gⱼᵖ */
static long double weighted(long double beta, int k, const long double *g, const long double *w, int p)
{
    long double sum = 0, age = 1;
    for (int j = k; j >= 1; j--, age *= beta) sum += age * powl(w[j], p) * powl(g[j], p);
    return sum;
}

/* Takes the gradients in; Σ g (x₀ - x), what the roundings of x and x₀ are relative to in it, and Σ|s| */
static void measure(const settings *h, whole *w, memory *m, long double eta, long double *gap, long double *rounded,
                    long double *size)
{
    long double beta3 = isnan(h->beta3) ? sqrtl(h->beta2) : h->beta3, into_s[STEPS + 1];
    for (int n = 0; n < TENSORS; n++) {
        int k = w->k[n];
        if (!w->active[n]) continue;
        m->eta[n][k] = eta;
        m->D[n][k] = m->d;
        for (int j = 1; j <= k; j++)
            into_s[j] = m->D[n][j] / h->d0 * (h->safeguard_warmup ? m->D[n][j] : m->eta[n][j]);
        for (size_t i = tensors[n].at; i < tensors[n].at + tensors[n].n; i++) {
            m->g[i][k] = w->g[i] + (h->decoupled ? 0 : h->weight_decay * w->x[i]);
            *gap += m->g[i][k] * (m->start[i] - w->x[i]);
            *rounded += fabsl(m->g[i][k]) * (fabsl(m->start[i]) + fabsl(w->x[i]));
            *size += fabsl(weighted(beta3, k, m->g[i], into_s, 1));
        }
    }
}

static void next(const void *with, whole *w, void *at)
{
    const settings *h = with;
    memory *m = at;
    long double b = 1, gap = 0, rounded = 0, size = 0, beta3 = isnan(h->beta3) ? sqrtl(h->beta2) : h->beta3;
    if (w->t == 1) {
        m->d = m->most = h->d0;
        memcpy(m->start, w->x, sizeof m->start);
    }
    if (h->use_bias_correction) b = sqrtl(correction(h->beta2, m->count + 1)) / correction(h->beta1, m->count + 1);
    long double before = m->d, eta = before * w->lr * b;
    measure(h, w, m, eta, &gap, &rounded, &size);
    if (size == 0) return;
    m->count++;
    m->numerator = beta3 * m->numerator + before / h->d0 * eta * gap;
    m->absolute = beta3 * m->absolute + before / h->d0 * eta * rounded;
    long double hat = h->d_coef * m->numerator / size, from = before == h->d0 ? fmaxl(before, hat) : before;
    if (hat > m->most) m->condition = fmaxl(m->condition, m->absolute / m->numerator);
    m->most = fmaxl(m->most, hat);
    m->d = isnan(h->growth_rate) ? m->most : fminl(m->most, from * h->growth_rate);
    ++*(m->d == before ? &kept : m->d < m->most ? &limited : &grown);
    for (int n = 0; n < TENSORS; n++)
        for (size_t i = tensors[n].at; i < tensors[n].at + tensors[n].n && w->active[n]; i++) {
            int k = w->k[n];
            long double top = (1 - (long double)h->beta1) * weighted(h->beta1, k, m->g[i], m->D[n], 1);
            long double v = (1 - (long double)h->beta2) * weighted(h->beta2, k, m->g[i], m->D[n], 2);
            if (h->beta1 == 0) top = m->d * m->g[i][k];
            w->x[i] =
                (1 - (h->decoupled ? eta * h->weight_decay : 0)) * w->x[i] - eta * top / (sqrtl(v) + m->d * h->eps);
        }
}

static void equals_sums_over_all_gradients(void **state)
{
    static record r;
    static path want;
    static memory m;
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        for (int rough = 0; rough < 2; rough++) {
            memset(&m, 0, sizeof m);
            record_make(&r, 131 + (uint64_t)rough, 1, -3, 0, rough);
            by_whole(&r, next, &rows[i], &m, want);
            compare_within(rows[i].label, &r, "prodigy", text(&rows[i]), want, 1 + m.condition);
        }
    CHECK(grown > 5 && limited > 5 && kept > 5, "d grew %d times, was limited %d times, stayed %d times", grown,
          limited, kept);
    CHECK_END();
}

/* c -> 0: d stays d₀ and the step is Adam's of step size d₀ η; here without corrections. */
static void without_growth_it_is_adam(void **state)
{
    static record r, scaled;
    static double y[STEPS + 1][COORDINATES];
    static path want;
    (void)state;
    record_make(&r, 17, 1, -3, 0, false);
    scaled = r;
    for (int t = 1; t <= STEPS; t++) scaled.lr[t] = r.lr[t] / 64;
    play(&scaled, "adam", "bias_correction=false eps=1e-3", LUGE_F64, y);
    for (int t = 0; t <= STEPS; t++)
        for (int i = 0; i < COORDINATES; i++) want[t][i] = y[t][i];
    compare("Adam", &r, "prodigy", "d_coef=1e-30 d0=0.015625 eps=1e-3", want);
    CHECK_END();
}

/* Steps before any gradient move nothing and do not count: what follows is the same, bias correction included. */
static void zero_gradients_do_not_count(void **state)
{
    luge_error err;
    double x[2] = { 1, 1 }, g;
    const void *grad = &g;
    (void)state;
    for (int late = 0; late < 2; late++) {
        luge_optimizer *opt = open_method("prodigy", "use_bias_correction=true d0=0.01");
        MUST(luge_add(opt, 0, "x", LUGE_F64, &x[late], 0, NULL, &err));
        for (int k = -3 * late; k < 4; k++) {
            g = k < 0 ? 0 : 1 + k;
            MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
            CHECK(k >= 0 || x[late] == 1, "it moved without a gradient");
        }
        luge_free(opt);
    }
    CHECK(x[0] == x[1] && x[0] != 1, "%.17g at once and %.17g after zeros", x[0], x[1]);
    CHECK_END();
}

/* f = |x - 1|: the estimate grows from 1e-6 to the order of the distance 1, and never beyond it by much. */
static void the_estimate_reaches_the_distance(void **state)
{
    luge_error err;
    luge_optimizer *opt = open_method("prodigy", "");
    double x = 0, g, least = 1;
    const void *grad = &g;
    (void)state;
    MUST(luge_add(opt, 0, "x", LUGE_F64, &x, 0, NULL, &err));
    for (int k = 0; k < 400; k++) {
        g = x < 1 ? -1 : 1;
        MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
        least = fmin(least, fabs(x - 1));
    }
    CHECK(least < .05 && fabs(x - 1) < 1, "it ends at %g and came no nearer than %g", x, least);
    luge_free(opt);
    CHECK_END();
}

static void limits_and_refusals(void **state)
{
    static record r;
    (void)state;
    record_make(&r, 6, 1, -3, 0, true);
    same("defaults", &r, "prodigy", "beta1=0.9 beta2=0.999 eps=1e-8 weight_decay=0 decoupled=true d0=1e-6 d_coef=1",
         &r, "prodigy", "");
    like("beta3", &r, "prodigy", "beta2=0.81 beta3=0.9", "prodigy", "beta2=0.81");
    stays_without_gradients("prodigy", "");
    refused("prodigy", "d0=0", "d0");
    refused("prodigy", "growth_rate=0.5", "growth_rate");
    refused("prodigy", "beta3=1", "beta3");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_sums_over_all_gradients),
        cmocka_unit_test(without_growth_it_is_adam),
        cmocka_unit_test(zero_gradients_do_not_count),
        cmocka_unit_test(the_estimate_reaches_the_distance),
        cmocka_unit_test(limits_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
