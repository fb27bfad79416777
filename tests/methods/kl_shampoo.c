/* KL-Shampoo against its rule with diagonal matrices of eigenvalues, in long double.
 * SPDX-License-Identifier: MIT */
#include "methods/matrix.h"

static const adamw_settings vectors = { .01, .8, .95, 1e-2, .3, false };
#define VECTORS "adamw_lr=0.01 adamw_beta1=0.8 adamw_beta2=0.95 adamw_eps=0.01 adamw_weight_decay=0.3"

static mat rest(const void *h, const history *q)
{
    (void)h;
    return adamw_step(&vectors, q);
}

typedef struct settings {
    double beta1, beta2, beta, eps, decay, init;
    int every, most, clamp;
} settings;

static mat start_of(int n)
{
    mat a = zeros(n, n);
    for (int i = 0; i < n * n; i++) a.v[i] = (double)cosl(1 + 2.5L * i);
    a = orthonormal(a);
    for (int i = 0; i < n * n; i++) a.v[i] = (double)a.v[i];
    return a;
}

/* diag(λ^power) */
static mat diagonal(int n, const long double *value, long double power)
{
    mat d = zeros(n, n);
    for (int i = 0; i < n; i++) AT(d, i, i) = powl(value[i], power);
    return d;
}

/* Eigenvalues λ = 1/e² of the side of g, by the inverse of the other side: λ of at least 1 / bound². */
static void eigenvalues(const settings *h, mat y, long double *value)
{
    mat square = times(y, turn(y));
    for (int i = 0; i < y.m; i++) {
        long double most = fmaxl(10, y.m < h->clamp ? y.m : h->clamp);
        value[i] = h->beta2 * value[i] + (1 - (long double)h->beta2) * AT(square, i, i) / y.n;
        if (h->clamp && value[i] < 1 / (most * most)) value[i] = 1 / (most * most);
    }
}

static mat rule_of(const void *with, const history *q)
{
    const settings *h = with;
    int m = q->g[1].m, n = q->g[1].n;
    if (m > h->most || n > h->most) return rest(NULL, q);
    mat a = zeros(m, m), b = zeros(n, n), qa = start_of(m), qb = start_of(n), mean = scaled(0, q->g[1]), d = mean;
    long double la[SIDE], lb[SIDE];
    for (int i = 0; i < SIDE; i++) la[i] = lb[i] = h->init;
    for (int k = 1; k <= q->k; k++) {
        mat g = q->g[k], ia = k > 1 ? times(qa, times(diagonal(m, la, -1), turn(qa))) : eye(m);
        mat ib = k > 1 ? times(qb, times(diagonal(n, lb, -1), turn(qb))) : eye(n);
        a = blend(h->beta, a, (1 - (long double)h->beta) / n, times(g, times(ib, turn(g))));
        b = blend(h->beta, b, (1 - (long double)h->beta) / m, times(turn(g), times(ia, g)));
        if (k == 1) continue;
        mean = blend(h->beta1, mean, 1 - (long double)h->beta1, g);
        d = times(turn(qa), times(mean, qb));
        for (int i = 0; i < m * n; i++) d.v[i] /= sqrtl(la[i / n] * lb[i % n]) + h->eps;
        d = times(qa, times(d, turn(qb)));
        mat y = times(turn(qa), times(g, qb)), across = times(y, diagonal(n, lb, -.5L)),
            down = times(turn(y), diagonal(m, la, -.5L));
        eigenvalues(h, across, la);
        eigenvalues(h, down, lb);
        if ((k - 1) % h->every) continue;
        qa = orthonormal(times(a, qa));
        qb = orthonormal(times(b, qb));
    }
    if (q->k == 1) return q->x[0];
    return scaled(1 - q->lr[q->k] * h->decay, blend(1, q->x[q->k - 1], -q->lr[q->k], d));
}

/* As play, with the bases written before the first step.  They change for the first time where the factors of 1 x 4
 * determine them: after as many gradients as the side has, but one. */
static void play_from(const record *r, const settings *h, const char *text, path want)
{
    luge_error err;
    double g[COORDINATES], x[COORDINATES];
    luge_optimizer *opt = open_method("kl_shampoo", text);
    memcpy(x, r->x0, sizeof g);
    for (const tensor *n = tensors; n < tensors + TENSORS; n++)
        MUST(luge_add(opt, 0, n->name, LUGE_F64, x + n->at, n->ndim, n->shape, &err));
    for (size_t n = 0; n < TENSORS; n++)
        for (int i = 0; i < 2 && tensors[n].ndim > 1; i++) {
            int rows = (int)tensors[n].shape[0], side_of = i ? (int)tensors[n].n / rows : rows;
            double *to = luge_state(opt, n, "Q", i);
            mat b = start_of(side_of);
            for (int j = 0; to && j < b.n * b.n; j++) to[j] = (double)b.v[j];
            CHECK((to != NULL) == (rows <= h->most && (int)tensors[n].n / rows <= h->most), "%s: basis %d",
                  tensors[n].name, i);
        }
    for (int t = 1; t <= STEPS; t++) {
        const void *grad[TENSORS];
        for (int i = 0; i < COORDINATES; i++) g[i] = r->g[t][i];
        for (int i = 0; i < TENSORS; i++) grad[i] = r->absent[t][i] ? NULL : g + tensors[i].at;
        MUST(luge_set_real(opt, 0, "lr", r->lr[t], &err));
        MUST(luge_step(opt, &(luge_inputs){ .grad = grad }, &err));
        for (int i = 0; i < COORDINATES; i++)
            CHECK(fabsl(x[i] - want[t][i]) < 1e-9L, "%s: coordinate %d, step %d: %.17g and not %.17Lg", text, i, t,
                  x[i], want[t][i]);
    }
    luge_free(opt);
}

static void equals_its_rule(void **state)
{
    static const settings rows[] = { { .9, .95, .95, .1, .1, .1, 3, 99, 4000 },
                                     { .5, .9, .7, .01, 0, .5, 3, 4, 4000 },
                                     { .9, .5, .95, .1, 0, 1e-4, 2, 99, 0 },
                                     { .9, .99, .95, .1, 0, 1e-5, 2, 99, 3 } };
    static record r;
    static path want;
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        for (int rough = 0; rough < 2; rough++) {
            const settings *h = &rows[i];
            char text[400];
            snprintf(text, sizeof text,
                     "beta1=%.17g beta2=%.17g shampoo_beta=%.17g eps=%.17g weight_decay=%.17g init_factor=%.17g "
                     "precondition_frequency=%d max_factor_dim=%d "
                     "using_clamping=%s max_clamp_value=%d " VECTORS,
                     h->beta1, h->beta2, i ? h->beta : -1, h->eps, h->decay, h->init, h->every, h->most,
                     h->clamp ? "true" : "false", h->clamp ? h->clamp : 1);
            record_make(&r, 31 + (uint64_t)rough, .01, -.3, .3, rough);
            memset(r.absent[1], 0, sizeof r.absent[1]);
            by_matrix_rule(&r, rule_of, rest, h, want);
            play_from(&r, h, text, want);
        }
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_its_rule),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
