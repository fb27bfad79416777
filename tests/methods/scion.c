/* Scion against its formula on singular values by Jacobi rotations, with momentum as a sum, in long double.
 * SPDX-License-Identifier: MIT */
#include "methods/matrix.h"

static const long double jordan[][3] = { { 3.4445, -4.775, 2.0315 } };

typedef struct settings {
    double alpha, radius;
    bool free, sign;
} settings;

static mat rule_of(const void *with, const history *q)
{
    const settings *h = with;
    const tensor *t = q->t;
    mat d = scaled(h->alpha, discounted(q, q->k, 1 - h->alpha));
    rounds r = { 5, 1, jordan, frobenius(d) + 1e-7 };
    if (h->sign)
        for (int i = 0; i < d.m * d.n; i++)
            d.v[i] = ((d.v[i] > 0) - (d.v[i] < 0)) / (t->ndim > 1 ? (long double)d.n : 1);
    else if (t->ndim < 2)
        d = scaled(1 / (frobenius(d) / sqrtl(d.m * d.n) + 1e-8), d);
    else
        d = scaled(sqrtl((long double)t->shape[0] / t->shape[1]) / (t->ndim > 2 ? 4 : 1), spectral(d, rounds_of, &r));
    return blend(h->free ? 1 : 1 - q->lr[q->k], q->x[q->k - 1], -q->lr[q->k] * h->radius, d);
}

static void equals_its_formula(void **state)
{
    static const settings rows[] = { { .1, 1, 0, 0 }, { .5, 3, 1, 0 }, { 1, .5, 0, 0 }, { .25, 2, 0, 1 } };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const settings *h = &rows[i];
        char text[200];
        snprintf(text, sizeof text, "alpha=%.17g radius=%.17g unconstrained=%s norm=%s", h->alpha, h->radius,
                 h->free ? "true" : "false", h->sign ? "sign" : "auto");
        against_matrix_rule(text, "scion", text, .02, rule_of, rule_of, h, 60);
    }
    refused("scion", "alpha=0", "alpha");
    refused("scion", "ns_coefficients=(1,2)", "threes");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_its_formula),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
