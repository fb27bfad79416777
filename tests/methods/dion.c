/* Dion against its rule with a frame of Gram and Schmidt, in long double.
 * SPDX-License-Identifier: MIT */
#include "core/core.h"
#include "methods/matrix.h"

static const adamw_settings vectors = { .01, .8, .95, 1e-2, .3, false };
#define VECTORS "adamw_lr=0.01 adamw_beta1=0.8 adamw_beta2=0.95 adamw_eps=0.01 adamw_weight_decay=0.3"

static mat rest(const void *h, const history *q)
{
    (void)h;
    return adamw_step(&vectors, q);
}

typedef struct settings {
    double mu, decay, eps;
    int rank, seed;
} settings;

static mat rule_of(const void *with, const history *q)
{
    const settings *h = with;
    int m = q->g[1].m, n = q->g[1].n, least = m < n ? m : n, r = h->rank < least ? h->rank : least;
    mat b = scaled(0, q->g[1]), p = b, right = zeros(n, r);
    for (int i = 0; i < n * r; i++)
        right.v[i] = lg_normal((uint64_t)h->seed, lg_hash(LG_HASH, q->t->name, strlen(q->t->name)), (uint64_t)i);
    for (int k = 1; k <= q->k; k++) {
        b = blend(1, b, 1, q->g[k]);
        p = orthonormal(times(b, right));
        right = times(turn(b), p);
        b = blend(1, b, (long double)h->mu - 1, times(p, turn(right)));
        mat square = times(turn(right), right), over = eye(r);
        for (int i = 0; i < r; i++)
            AT(over, i, i) = AT(square, i, i) > 0 ? 1 / (sqrtl(AT(square, i, i)) + h->eps) : 0;
        right = times(right, over);
    }
    return blend(1 - q->lr[q->k] * h->decay, q->x[q->k - 1], -q->lr[q->k] * sqrtl((long double)m / n),
                 times(p, turn(right)));
}

static void equals_its_rule(void **state)
{
    static const settings rows[] = { { .95, .1, 1e-8, 2, 0 }, { .8, 0, .1, 1, 5 }, { .9, 0, 0, 99, 0 } };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const settings *h = &rows[i];
        char text[300];
        snprintf(text, sizeof text, "momentum=%.17g weight_decay=%.17g eps=%.17g rank=%d seed=%d " VECTORS, h->mu,
                 h->decay, h->eps, h->rank, h->seed);
        against_matrix_rule(text, "dion", text, .02, rule_of, rest, h, 4000);
    }
    refused("dion", "rank=0", "rank");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_its_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
