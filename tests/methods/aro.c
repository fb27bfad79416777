/* ARO against its rule with a frame of Gram and Schmidt and scalings by diagonal matrices, in long double.
 * SPDX-License-Identifier: MIT */
#include "methods/matrix.h"

static const adamw_settings vectors = { .01, .8, .95, 1e-2, .3, false };
#define VECTORS "adamw_lr=0.01 adamw_beta1=0.8 adamw_beta2=0.95 adamw_eps=0.01 adamw_weight_decay=0.3"

static mat rest(const void *h, const history *q)
{
    (void)h;
    return adamw_step(&vectors, q);
}

enum { RMS_NORM, SPECTRAL, NONE, RMS };
typedef struct settings {
    double mu, decay;
    bool rows;
    int rounds, scale;
} settings;

/* Diagonal matrices that scale the rows, then the columns. */
static mat base(const settings *h, mat y)
{
    for (int k = 0; k < (h->rows ? 1 : 2 * h->rounds); k++) {
        bool along = k % 2 == 0;
        mat d = eye(along ? y.m : y.n), square = along ? times(y, turn(y)) : times(turn(y), y);
        for (int i = 0; i < d.n; i++) AT(d, i, i) = sqrtl(along ? y.n : y.m) / fmaxl(sqrtl(AT(square, i, i)), 1e-8);
        y = along ? times(d, y) : times(y, d);
    }
    return y;
}

static mat rule_of(const void *with, const history *q)
{
    const settings *h = with;
    int m = q->g[1].m, n = q->g[1].n;
    bool tall = m > n;
    mat r = eye(tall ? n : m), d = zeros(1, 1);
    for (int k = 1; k <= q->k; k++) {
        mat momentum = scaled(1 - (long double)h->mu, discounted(q, k, h->mu));
        if (tall) momentum = turn(momentum);
        r = orthonormal(times(momentum, turn(base(h, times(turn(r), momentum)))));
        d = times(r, base(h, times(turn(r), momentum)));
    }
    long double rms = frobenius(d) / sqrtl(d.m * d.n);
    long double sigma[] = { .2L * sqrtl(d.n), sqrtl((long double)d.m / d.n), 1, .3L / (rms > 0 ? rms : 1) };
    d = scaled(sigma[h->scale], d);
    return blend(1 - q->lr[q->k] * h->decay, q->x[q->k - 1], -q->lr[q->k], tall ? turn(d) : d);
}

static void equals_its_rule(void **state)
{
    static const settings rows[] = {
        { .9, 0, 0, 5, RMS_NORM }, { .8, .1, 1, 1, NONE }, { .9, .2, 0, 2, SPECTRAL }, { .9, 0, 0, 1, RMS }
    };
    static const char *const scale[] = { "rms_norm", "spectral_norm", "none", "rms" };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const settings *h = &rows[i];
        char text[300];
        snprintf(text, sizeof text,
                 "momentum=%.17g weight_decay=%.17g base=%s sinkhorn_iters=%d scale=%s rms_target=0.3 " VECTORS,
                 h->mu, h->decay, h->rows ? "row_norm" : "sinkhorn", h->rounds, scale[h->scale]);
        against_matrix_rule(text, "aro", text, .005, rule_of, rest, h, 4000);
    }
    CHECK_END();
}

/* A constant gradient and row_norm: the frame comes to rest, and the direction is the square root of n times the
 * polar factor. */
static void settles_on_the_polar_factor(void **state)
{
    luge_error err;
    double g[6] = { 2, 1, 0, -1, 1, 3 }, x[6] = { 0 }, before[6];
    mat want = polar_of(of(2, 3, (const long double[]){ 2, 1, 0, -1, 1, 3 }));
    const void *grad = g;
    luge_optimizer *opt = open_method("aro", "lr=1 weight_decay=0 base=row_norm scale=none");
    (void)state;
    MUST(luge_add(opt, 0, "w", LUGE_F64, x, 2, (size_t[]){ 2, 3 }, &err));
    for (int k = 0; k < 200; k++) {
        memcpy(before, x, sizeof x);
        MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
    }
    for (int i = 0; i < 6; i++)
        CHECK(fabsl(before[i] - x[i] - sqrtl(3) * want.v[i]) < 1e-11L, "entry %d: %.17g and not %.17Lg", i,
              before[i] - x[i], sqrtl(3) * want.v[i]);
    luge_free(opt);
    CHECK_END();
}

static void paper(void **state)
{
    static record r;
    (void)state;
    record_make(&r, 8, .01, -.3, .3, false);
    same("paper", &r, "aro", "scale=rms", &r, "aro_paper", "");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_its_rule),
        cmocka_unit_test(settles_on_the_polar_factor),
        cmocka_unit_test(paper),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
