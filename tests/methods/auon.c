/* AuON against its formula with momentum as a sum and coshl, in long double.
 * SPDX-License-Identifier: MIT */
#include "methods/matrix.h"

typedef struct settings {
    const char *label;
    double mu, decay, gamma, norm_eps, rms_eps;
    bool plain, normalized;
} settings;
static const settings rows[] = {
    { "as it comes", .95, 0, 1.5, 1e-7, 1e-8, 0, 0 }, { "large gamma", .5, .2, 20, .1, .5, 0, 0 },
    { "no look ahead", .9, .1, 1.5, .3, .2, 1, 0 },   { "paper", .95, .01, 1, 1e-7, 1e-8, 0, 1 },
    { "paper, plain", .8, 0, 6, .5, .1, 1, 1 },       { "gamma 0", .8, 0, 0, 0, 0, 0, 0 },
};

static mat rule_of(const void *with, const history *q)
{
    const settings *h = with;
    long double mu = h->mu, mean = 0;
    mat m = scaled(1 - mu, discounted(q, q->k, mu)), n = h->plain ? m : blend(mu, m, 1 - mu, q->g[q->k]);
    long double norm = frobenius(n) + h->norm_eps;
    mat z = scaled(norm > 0 ? h->gamma / norm : 0, n);
    for (int i = 0; i < n.m * n.n; i++) mean += coshl(z.v[i]) * coshl(z.v[i]) / (n.m * n.n);
    return blend(1 - q->lr[q->k] * h->decay, q->x[q->k - 1], -q->lr[q->k] / (sqrtl(mean) + h->rms_eps),
                 h->normalized ? z : n);
}

static void equals_its_formula(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const settings *h = &rows[i];
        char text[300];
        snprintf(text, sizeof text,
                 "momentum=%.17g weight_decay=%.17g gamma=%.17g norm_eps=%.17g rms_eps=%.17g nesterov=%s "
                 "normalize_update=%s",
                 h->mu, h->decay, h->gamma, h->norm_eps, h->rms_eps, h->plain ? "false" : "true",
                 h->normalized ? "true" : "false");
        against_matrix_rule(h->label, "auon", text, .05, rule_of, rule_of, h, 8);
    }
    CHECK_END();
}

static void limits_and_refusals(void **state)
{
    static record r;
    (void)state;
    record_make(&r, 8, .01, -1, 0, false);
    same("paper", &r, "auon", "normalize_update=true gamma=1", &r, "auon_paper", "");
    refused("auon", "ns_steps=1", "ns_steps");
    refused("auon", "gamma=-1", "gamma");
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
