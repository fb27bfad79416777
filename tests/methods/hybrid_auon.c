/* Hybrid-AuON against its polynomial on singular values by Jacobi rotations, in long double.
 * SPDX-License-Identifier: MIT */
#include "methods/matrix.h"

static const long double jordan[][3] = { { 3.4445, -4.775, 2.0315 } };

typedef struct settings {
    const char *label;
    double mu, decay, gamma, norm_eps, rms_eps;
    int steps;
    bool plain, direct, flat;
} settings;
static const settings rows[] = {
    { "as it comes", .95, .1, 1.5, 1e-7, 1e-8, 5, 0, 0, 0 },
    { "flat", .8, 0, 8, .1, .5, 3, 0, 0, 1 },
    { "plain", .9, 0, 1.5, .3, .2, 5, 1, 0, 0 },
    { "paper", .95, .01, 1, 1e-7, 1e-8, 1, 0, 1, 1 },
    { "direct slices", .8, 0, 1, .2, .1, 2, 1, 1, 0 },
};

static mat rule_of(const void *with, const history *q)
{
    const settings *h = with;
    const tensor *t = q->t;
    long double mu = h->mu, mean = 0;
    mat m = scaled(1 - mu, discounted(q, q->k, mu)), n = h->plain ? m : blend(mu, m, 1 - mu, q->g[q->k]), o = n;
    size_t down = (size_t)n.m, across = (size_t)n.n;
    if (t->ndim > 2 && !h->flat) down = t->shape[t->ndim - 2], across = t->shape[t->ndim - 1];
    for (size_t at = 0; t->ndim > 1 && at < t->n; at += down * across) {
        mat slice = of((int)down, (int)across, n.v + at);
        rounds r = { h->steps, 1, jordan, frobenius(slice) + h->norm_eps };
        slice = spectral(slice, rounds_of, &r);
        memcpy(o.v + at, slice.v, down * across * sizeof *o.v);
    }
    if (t->ndim < 2 && h->direct) o = scaled(1 / (frobenius(n) + h->norm_eps), n);
    mat z = h->direct ? o : scaled(h->gamma / (frobenius(o) + h->norm_eps), o);
    for (int i = 0; i < n.m * n.n; i++) mean += coshl(z.v[i]) * coshl(z.v[i]) / (n.m * n.n);
    return blend(1 - q->lr[q->k] * h->decay, q->x[q->k - 1], -q->lr[q->k] / (sqrtl(mean) + h->rms_eps), o);
}

static void equals_its_formula(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const settings *h = &rows[i];
        char text[300];
        snprintf(text, sizeof text,
                 "momentum=%.17g weight_decay=%.17g gamma=%.17g norm_eps=%.17g rms_eps=%.17g nesterov=%s direct=%s "
                 "conv=%s ns_steps=%d",
                 h->mu, h->decay, h->gamma, h->norm_eps, h->rms_eps, h->plain ? "false" : "true",
                 h->direct ? "true" : "false", h->flat ? "flatten" : "slices", h->steps);
        against_matrix_rule(h->label, "hybrid_auon", text, .02, rule_of, rule_of, h, 60);
    }
    CHECK_END();
}

static void limits_and_refusals(void **state)
{
    static record r;
    (void)state;
    record_make(&r, 8, .01, -1, 0, false);
    same("paper", &r, "hybrid_auon", "direct=true ns_steps=1 conv=flatten", &r, "hybrid_auon_paper", "");
    refused("hybrid_auon", "ns_coefficients=(1,2)", "threes");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_its_formula),
        cmocka_unit_test(limits_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
