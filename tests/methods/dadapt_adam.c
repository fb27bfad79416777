/* D-Adapt Adam against moments written as weighted sums and the estimate as a quotient of sums over all steps, in
 * long double.  SPDX-License-Identifier: MIT */
#define SETTINGS(_)                                                                                                  \
    _(real, beta1)                                                                                                   \
    _(real, beta2)                                                                                                   \
    _(real, eps)                                                                                                     \
    _(real, weight_decay) _(flag, decoupled) _(real, d0) _(real, growth_rate) _(flag, use_bias_correction)
#include "methods/sums.h"

static const settings rows[] = {
    { "D-Adapt", .9, .999, 1e-8, 0, false, 1e-4, NAN, false },
    { "correction", .9, .99, 1e-3, .1, false, 1e-3, NAN, true },
    { "decoupled", .8, .9, 1e-3, .2, true, 1e-2, 1.5, false },
    { "slow growth", .9, .95, 1e-2, 0, false, 1e-3, 1.02, true },
};
static int grown, limited, kept;

/* Of every tensor its own gradients (decay within) and the step sizes they came with; of all the estimate. */
typedef struct memory {
    int count; /* steps that moved */
    long double d, numerator, g[COORDINATES][STEPS + 1], eta[TENSORS][STEPS + 1];
} memory;

/* (1-β) Σⱼ βᵏ⁻ʲ wⱼ gⱼᵖ */
static long double weighted(long double beta, int k, const long double *g, const long double *w, int p)
{
    long double sum = 0, age = 1 - beta;
    for (int j = k; j >= 1; j--, age *= beta) sum += age * (w ? w[j] : 1) * (p == 2 ? g[j] * g[j] : g[j]);
    return sum;
}

static void next(const void *with, whole *w, void *at)
{
    const settings *h = with;
    memory *m = at;
    long double q = sqrtl(h->beta2), b = 1, gap = 0, size = 0;
    if (w->t == 1) m->d = h->d0;
    if (h->use_bias_correction) b = sqrtl(correction(h->beta2, m->count + 1)) / correction(h->beta1, m->count + 1);
    long double eta = m->d * w->lr * b;
    for (int n = 0; n < TENSORS; n++) {
        int k = w->k[n];
        m->eta[n][k] = w->active[n] ? eta : m->eta[n][k];
        for (size_t i = tensors[n].at; i < tensors[n].at + tensors[n].n && w->active[n]; i++) {
            m->g[i][k] = w->g[i] + (h->decoupled ? 0 : h->weight_decay * w->x[i]);
            gap += m->g[i][k] * weighted(q, k - 1, m->g[i], m->eta[n], 1) /
                   (sqrtl(weighted(h->beta2, k - 1, m->g[i], NULL, 2)) + h->eps);
            size += fabsl(weighted(q, k, m->g[i], m->eta[n], 1));
        }
    }
    if (size == 0) return;
    m->count++;
    m->numerator = q * m->numerator + (1 - q) * eta * gap;
    long double hat = m->numerator / ((1 - q) * size), most = isnan(h->growth_rate) ? hat : h->growth_rate * m->d;
    ++*(hat <= m->d ? &kept : hat > most ? &limited : &grown);
    m->d = fmaxl(m->d, fminl(hat, most));
    for (int n = 0; n < TENSORS; n++)
        for (size_t i = tensors[n].at; i < tensors[n].at + tensors[n].n && w->active[n]; i++) {
            long double D = sqrtl(weighted(h->beta2, w->k[n], m->g[i], NULL, 2)) + h->eps;
            w->x[i] = (1 - (h->decoupled ? eta * h->weight_decay : 0)) * w->x[i] -
                      weighted(h->beta1, w->k[n], m->g[i], m->eta[n], 1) / D;
        }
}

static void equals_sums_over_all_gradients(void **state)
{
    static record r;
    static path want;
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        for (int rough = 0; rough < 2; rough++) {
            memory m = { 0 };
            record_make(&r, 121 + (uint64_t)rough, 1, -3, 0, rough);
            by_whole(&r, next, &rows[i], &m, want);
            compare(rows[i].label, &r, "dadapt_adam", text(&rows[i]), want);
        }
    CHECK(grown > 5 && limited > 5 && kept > 5, "d grew %d times, was limited %d times, stayed %d times", grown,
          limited, kept);
    CHECK_END();
}

/* Steps before any gradient move nothing and do not count: what follows is the same, bias correction included. */
static void steps_without_gradients_do_not_count(void **state)
{
    double x[2][FEW];
    (void)state;
    for (int wait = 0; wait < 2; wait++) {
        luge_error err;
        luge_optimizer *opt = open_method("dadapt_adam", "use_bias_correction=true d0=0.01");
        double g[FEW] = { 0 };
        const void *grad = g;
        memcpy(x[wait], few, sizeof few);
        MUST(luge_add(opt, 0, "x", LUGE_F64, x[wait], 1, (size_t[]){ FEW }, &err));
        for (int k = 0; k < 20 + 7 * wait; k++) {
            for (int i = 0; i < FEW; i++) g[i] = k < 7 * wait ? 0 : sin(k - 7 * wait + i);
            MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
            if (k < 7 * wait) CHECK(!memcmp(x[wait], few, sizeof few), "moved in step %d", k);
        }
        luge_free(opt);
    }
    CHECK(!memcmp(x[0], x[1], sizeof x[0]), "%.17g and %.17g", x[0][0], x[1][0]);
    CHECK_END();
}

/* A NaN in one tensor makes the estimate NaN, and so all that follows. */
static void nan_is_not_hidden(void **state)
{
    double x = 1, y = 1, g = 1, e = (double)NAN;
    const void *grad[] = { &g, &e };
    luge_error err;
    luge_optimizer *opt = open_method("dadapt_adam", "growth_rate=2");
    (void)state;
    MUST(luge_add(opt, 0, "x", LUGE_F64, &x, 0, NULL, &err));
    MUST(luge_add(opt, 0, "y", LUGE_F64, &y, 0, NULL, &err));
    MUST(luge_step(opt, &(luge_inputs){ .grad = grad }, &err));
    e = 1;
    MUST(luge_step(opt, &(luge_inputs){ .grad = grad }, &err));
    CHECK(isnan(x) && isnan(y), "%g and %g", x, y);
    luge_free(opt);
    CHECK_END();
}

static void limits_and_refusals(void **state)
{
    static record r;
    static double x[STEPS + 1][COORDINATES], y[STEPS + 1][COORDINATES];
    (void)state;
    record_make(&r, 6, 1, -3, 1, false);
    play(&r, "dadapt_adam", "growth_rate=1 d0=0.01", LUGE_F64, x);
    for (int t = 1; t <= STEPS; t++) r.lr[t] = .01;
    play(&r, "adam", "bias_correction=false", LUGE_F64, y);
    for (int i = 0; i < COORDINATES; i++)
        CHECK(fabs(x[STEPS][i] - y[STEPS][i]) < 1e-13, "d₀ alone: %.17g and not %.17g", x[STEPS][i], y[STEPS][i]);
    record_make(&r, 6, 1, -3, 1, true);
    same("defaults", &r, "dadapt_adam",
         "beta1=0.9 beta2=0.999 eps=1e-8 weight_decay=0 decoupled=false d0=1e-6 growth_rate=none "
         "use_bias_correction=false",
         &r, "dadapt_adam", "");
    luge_error err; /* s₁ = d₀ η (1-q) g: no step depends on its unit, but a saved state does */
    luge_optimizer *opt = open_method("dadapt_adam", "lr=2 d0=0.5 beta2=0.25");
    double one = 1, g = 3;
    const void *grad = &g;
    MUST(luge_add(opt, 0, "x", LUGE_F64, &one, 0, NULL, &err));
    MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
    CHECK(*(double *)luge_state(opt, 0, "s", 0) == 1.5, "s is %g", *(double *)luge_state(opt, 0, "s", 0));
    luge_free(opt);
    stays_without_gradients("dadapt_adam", "weight_decay=0.5 decoupled=true");
    refused("dadapt_adam", "d0=0", "d0");
    refused("dadapt_adam", "growth_rate=0.5", "growth_rate");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_sums_over_all_gradients),
        cmocka_unit_test(steps_without_gradients_do_not_count),
        cmocka_unit_test(nan_is_not_hidden),
        cmocka_unit_test(limits_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
