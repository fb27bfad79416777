/* FISMO against algorithm 1 with inverses and roots from Jacobi's eigenvalues, in long double.
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
    double mu, gamma, damping, decay;
    bool ns;
    int most;
} settings;

static void track(const settings *h, mat *p, mat curvature, long double other)
{
    long double trace = 0;
    mat with = blend(1 / other, curvature, h->damping, eye(p->n));
    *p = blend(h->gamma, *p, 1 - (long double)h->gamma, with);
    for (int i = 0; i < p->n; i++) trace += AT(*p, i, i);
    *p = scaled(p->n / trace, *p);
}

static mat rule_of(const void *with, const history *q)
{
    const settings *h = with;
    mat g = q->g[q->k], m = scaled(0, g), p = eye(g.m), r = eye(g.n);
    for (int k = 1; k <= q->k; k++) {
        g = q->g[k];
        if (g.m <= h->most) track(h, &p, times(g, times(root(r, -1), turn(g))), g.n);
        if (g.n <= h->most) track(h, &r, times(turn(g), times(root(p, -1), g)), g.m);
        m = blend(h->mu, m, 1 - (long double)h->mu, times(root(p, -.5L), times(g, root(r, -.5L))));
    }
    rounds n = { 5, 1, jordan, frobenius(m) + 1e-7 };
    mat o = h->ns ? spectral(m, rounds_of, &n) : polar_of(m);
    return blend(1 - q->lr[q->k] * h->decay, q->x[q->k - 1], -q->lr[q->k],
                 times(root(p, -.5L), times(o, root(r, -.5L))));
}

static void equals_algorithm_1(void **state)
{
    static const settings rows[] = {
        { .9, .95, .01, 0, 0, 9 }, { .8, .9, .1, .2, 1, 9 }, { .9, 1, .1, 0, 0, 9 }, { .9, .9, .1, 0, 0, 4 }
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const settings *h = &rows[i];
        char text[300];
        snprintf(text, sizeof text,
                 "momentum=%.17g gamma=%.17g damping=%.17g weight_decay=%.17g polar=%s max_factor_dim=%d " VECTORS,
                 h->mu, h->gamma, h->damping, h->decay, h->ns ? "ns" : "exact", h->most);
        against_matrix_rule(text, "fismo", text, .02, rule_of, rest, h, 400);
    }
    refused("fismo", "ns_coefficients=(1,2)", "threes");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_algorithm_1),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
