/* NorMuon against its formula on singular values by Jacobi rotations, in long double.
 * SPDX-License-Identifier: MIT */
#include "methods/matrix.h"

static const long double jordan[][3] = { { 3.4445, -4.775, 2.0315 } };
static const adamw_settings vectors = { .01, .8, .95, 1e-2, .3, false };
#define VECTORS "adamw_lr=0.01 adamw_beta1=0.8 adamw_beta2=0.95 adamw_eps=0.01 adamw_weight_decay=0.3"

static mat rest(const void *h, const history *q)
{
    (void)h;
    return adamw_step(&vectors, q);
}

typedef struct settings {
    double mu, beta, decay, eps;
    bool plain, sum;
    int scale;
} settings;

static mat direction(const settings *h, const history *q, int k)
{
    long double mu = h->mu, add = h->sum ? 1 : 1 - mu;
    mat m = scaled(add, discounted(q, k, mu)), n = h->plain ? m : blend(mu, m, add, q->g[k]);
    rounds r = { 5, 1, jordan, frobenius(n) + 1e-7 };
    return spectral(n, rounds_of, &r);
}

static mat rule_of(const void *with, const history *q)
{
    static mat past[STEPS + 1];
    const settings *h = with;
    mat o = past[q->k] = direction(h, q, q->k);
    long double before = frobenius(o), ratio = (long double)o.m / o.n;
    for (int i = 0; i < o.m; i++) {
        long double v = 0;
        for (int k = 1; k <= q->k; k++)
            for (int j = 0; j < o.n; j++)
                v += (1 - (long double)h->beta) * powl(h->beta, q->k - k) * AT(past[k], i, j) * AT(past[k], i, j) /
                     o.n;
        for (int j = 0; j < o.n; j++) AT(o, i, j) = v > 0 ? AT(o, i, j) / (sqrtl(v) + h->eps) : 0;
    }
    long double sigma[] = { sqrtl(fmaxl(1, ratio)), sqrtl(ratio), 1 };
    o = scaled(before / (frobenius(o) + h->eps) * sigma[h->scale], o);
    return blend(1 - q->lr[q->k] * h->decay, q->x[q->k - 1], -q->lr[q->k], o);
}

static void equals_its_formula(void **state)
{
    static const settings rows[] = { { .95, .95, .1, 1e-10, 0, 0, 0 },
                                     { .8, .5, 0, .1, 1, 0, 1 },
                                     { .7, .9, 0, .01, 0, 1, 2 } };
    static const char *const scale[] = { "original", "spectral", "none" };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const settings *h = &rows[i];
        char text[400];
        snprintf(text, sizeof text,
                 "momentum=%.17g beta2=%.17g weight_decay=%.17g norm_eps=%.17g nesterov=%s momentum_form=%s "
                 "scale=%s " VECTORS,
                 h->mu, h->beta, h->decay, h->eps, h->plain ? "false" : "true", h->sum ? "heavy_ball" : "ema",
                 scale[h->scale]);
        against_matrix_rule(scale[h->scale], "normuon", text, .02, rule_of, rest, h, 60);
    }
    refused("normuon", "ns_coefficients=(1,2)", "threes");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_its_formula),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
