/* Shampoo against factors as sums over all gradients and roots by Jacobi's eigenvalues, in long double.
 * SPDX-License-Identifier: MIT */
#include "methods/matrix.h"

typedef struct settings {
    double beta1, beta2, eps, momentum, decay, gbeta, geps;
    int every, start, most;
    bool correct, graft;
} settings;

static mat mean_of(const settings *h, const history *q, int k)
{
    if (h->beta1 == 0) return q->g[k];
    return scaled((1 - (long double)h->beta1) / (h->correct ? 1 - powl(h->beta1, k) : 1), discounted(q, k, h->beta1));
}

/* The root of a mode as the last refresh up to step k left it. */
static mat root_of(const settings *h, const history *q, int mode, int k)
{
    const tensor *t = q->t;
    mat f = zeros(side(t, mode), side(t, mode));
    k -= (k - 1) % h->every;
    for (int j = 1; j <= k; j++) {
        mat u = unfold(t, mode, q->g[j]);
        f = blend(1, f, h->beta2 < 1 ? (1 - (long double)h->beta2) * powl(h->beta2, k - j) : 1, times(u, turn(u)));
    }
    if (h->correct && h->beta2 < 1) f = scaled(1 / (1 - powl(h->beta2, k)), f);
    return root(blend(1, f, h->eps, eye(f.n)), -1.0L / (2 * sides(t)));
}

static mat direction(const settings *h, const history *q, int k)
{
    mat d = mean_of(h, q, k), a = d;
    for (int i = 0; h->graft && i < (int)q->t->n; i++) {
        long double u = 0;
        for (int j = 1; j <= k; j++)
            u += (1 - (long double)h->gbeta) * powl(h->gbeta, k - j) * q->g[j].v[i] * q->g[j].v[i];
        a.v[i] /= sqrtl(u / (1 - powl(h->gbeta, k))) + h->geps;
    }
    if (k <= h->start) return a;
    for (int mode = 0; mode < sides(q->t); mode++)
        if (side(q->t, mode) <= h->most) d = along(q->t, mode, root_of(h, q, mode, k), d);
    return h->graft ? scaled(frobenius(a) / (frobenius(d) + 1e-16L), d) : d;
}

static mat rule_of(const void *with, const history *q)
{
    const settings *h = with;
    mat b = scaled(0, q->x[0]);
    for (int k = 1; k <= q->k; k++) b = blend(h->momentum, b, 1, blend(1, direction(h, q, k), h->decay, q->x[k - 1]));
    return blend(1, q->x[q->k - 1], -q->lr[q->k], b);
}

static void equals_its_formula(void **state)
{
    static const settings rows[] = {
        { 0, 1, 1e-3, 0, .1, .99, 1e-8, 1, 0, 99, 0, 0 }, { .9, .95, 1e-2, 0, 0, .9, .1, 1, 2, 99, 1, 1 },
        { .5, 1, .1, .8, .1, .99, 1e-8, 3, 0, 99, 1, 0 }, { 0, .9, .1, .5, 0, .8, .1, 2, 3, 3, 0, 1 },
        { .5, .9, .1, 0, 0, .8, .1, 2, 3, 3, 0, 0 },
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        const settings *h = &rows[i];
        char text[500];
        snprintf(text, sizeof text,
                 "beta1=%.17g beta2=%.17g eps=%.17g momentum=%.17g weight_decay=%.17g grafting_beta2=%.17g "
                 "grafting_eps=%.17g precondition_frequency=%d "
                 "start_preconditioning_step=%d max_preconditioner_dim=%d use_bias_correction=%s grafting=%s",
                 h->beta1, h->beta2, h->eps, h->momentum, h->decay, h->gbeta, h->geps, h->every, h->start, h->most,
                 h->correct ? "true" : "false", h->graft ? "adam" : "none");
        against_matrix_rule("Shampoo", "shampoo", text, .01, rule_of, rule_of, h, 100);
    }
    CHECK_END();
}

/* Gradients on the diagonal of a square: each coordinate is divided by the root of its own sum of squares, as by
 * Adagrad. */
static void diagonal_case(void **state)
{
    luge_error err;
    double x[9] = { 0 }, g[9] = { 0 }, sum[3] = { 0 }, want[3] = { 0 };
    const void *grad = g;
    luge_optimizer *opt = open_method("shampoo", "lr=0.1 beta1=0 eps=0");
    (void)state;
    MUST(luge_add(opt, 0, "w", LUGE_F64, x, 2, (size_t[]){ 3, 3 }, &err));
    for (int k = 1; k < 20; k++) {
        for (int i = 0; i < 3; i++) {
            g[4 * i] = (i + 1) * cos(k * (i + 1.5)) + 2;
            sum[i] += g[4 * i] * g[4 * i];
            want[i] -= .1 * g[4 * i] / sqrt(sum[i]);
        }
        MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
    }
    for (int i = 0; i < 3; i++)
        CHECK(fabs(x[4 * i] - want[i]) < 1e-12, "coordinate %d: %.17g and not %.17g", i, x[4 * i], want[i]);
    luge_free(opt);
    refused("shampoo", "precondition_frequency=0", "precondition_frequency");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_its_formula),
        cmocka_unit_test(diagonal_case),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
