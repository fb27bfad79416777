/* SOAP against Adam in eigenbases by Jacobi, which both are given where eigenvalues are equal, in long double.
 * SPDX-License-Identifier: MIT */
#include "methods/matrix.h"

typedef struct settings {
    double beta1, beta2, beta, eps, decay;
    int every, most;
    bool vectors, plain;
} settings;

static bool has(const settings *h, const tensor *t, int mode)
{
    return side(t, mode) <= h->most && (t->ndim > 1 || (h->vectors && t->ndim == 1));
}

static mat turned(const settings *h, const tensor *t, const mat *basis, bool back, mat x)
{
    for (int i = 0; i < sides(t); i++)
        if (has(h, t, i)) x = along(t, i, back ? basis[i] : turn(basis[i]), x);
    return x;
}

/* Columns by falling diagonal of basis' f basis, and v with them. */
static void sort_mode(const tensor *t, int mode, mat f, mat *basis, mat *v)
{
    mat d = times(turn(*basis), times(f, *basis)), p = zeros(f.n, f.n);
    for (int j = 0; j < f.n; j++) {
        int place = 0;
        for (int i = 0; i < f.n; i++) place += AT(d, i, i) > AT(d, j, j);
        AT(p, j, place) = 1;
    }
    *basis = times(*basis, p);
    *v = along(t, mode, turn(p), *v);
}

static mat start_of(int n)
{
    mat a = zeros(n, n);
    for (int i = 0; i < n * n; i++) a.v[i] = (double)cosl(1 + 2.5L * i);
    a = orthonormal(a);
    for (int i = 0; i < n * n; i++) a.v[i] = (double)a.v[i];
    return a;
}

static mat rule_of(const void *with, const history *q)
{
    const settings *h = with;
    const tensor *t = q->t;
    mat f[4], basis[4], m = scaled(0, q->x[0]), v = m, d = m;
    for (int k = 1; k <= q->k; k++) {
        for (int i = 0; i < sides(t); i++) {
            mat u = unfold(t, i, q->g[k]);
            if (k == 1) f[i] = zeros(u.m, u.m), basis[i] = start_of(u.m);
            f[i] = blend(h->beta, f[i], 1 - (long double)h->beta, times(u, turn(u)));
        }
        if (k == 1) continue;
        mat g = turned(h, t, basis, false, q->g[k]);
        m = blend(h->beta1, m, 1 - (long double)h->beta1, g);
        for (int i = 0; i < (int)t->n; i++) {
            v.v[i] = h->beta2 * v.v[i] + (1 - (long double)h->beta2) * g.v[i] * g.v[i];
            d.v[i] = m.v[i] == 0 ? 0 : m.v[i] / (sqrtl(v.v[i]) + h->eps);
        }
        d = turned(h, t, basis, true, d);
        if ((k - 1) % h->every) continue;
        m = turned(h, t, basis, true, m);
        for (int i = 0; i < sides(t); i++) {
            if (!has(h, t, i)) continue;
            sort_mode(t, i, f[i], &basis[i], &v);
            basis[i] = orthonormal(times(f[i], basis[i]));
        }
        m = turned(h, t, basis, false, m);
    }
    if (q->k == 1) return q->x[0];
    long double step = q->lr[q->k];
    if (!h->plain) step *= sqrtl(1 - powl(h->beta2, q->k - 1)) / (1 - powl(h->beta1, q->k - 1));
    return scaled(1 - q->lr[q->k] * h->decay, blend(1, q->x[q->k - 1], -step, d));
}

/* As play, with the bases written before the first step. */
static void play_from(const record *r, const settings *h, const char *text, double x[COORDINATES], path want)
{
    luge_error err;
    double g[COORDINATES];
    luge_optimizer *opt = open_method("soap", text);
    memcpy(x, r->x0, sizeof g);
    for (const tensor *n = tensors; n < tensors + TENSORS; n++)
        MUST(luge_add(opt, 0, n->name, LUGE_F64, x + n->at, n->ndim, n->shape, &err));
    for (size_t n = 0; n < TENSORS; n++)
        for (int i = 0; i < sides(&tensors[n]); i++) {
            double *to = luge_state(opt, n, "Q", i);
            mat b = start_of(side(&tensors[n], i));
            CHECK((to != NULL) == has(h, &tensors[n], i), "%s: basis %d", tensors[n].name, i);
            for (int j = 0; to && j < b.n * b.n; j++) to[j] = (double)b.v[j];
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
    static const settings rows[] = { { .9, .95, .95, .1, .1, 3, 99, 0, 0 }, { .8, .9, .7, .05, 0, 1, 3, 1, 1 } };
    static record r;
    static path want;
    double x[COORDINATES];
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        for (int rough = 0; rough < 2; rough++) {
            const settings *h = &rows[i];
            char text[300];
            snprintf(text, sizeof text,
                     "beta1=%.17g beta2=%.17g shampoo_beta=%.17g eps=%.17g weight_decay=%.17g "
                     "precondition_frequency=%d max_precond_dim=%d precondition_1d=%s correct_bias=%s",
                     h->beta1, h->beta2, i ? h->beta : -1, h->eps, h->decay, h->every, h->most,
                     h->vectors ? "true" : "false", h->plain ? "false" : "true");
            record_make(&r, 31 + (uint64_t)rough, .01, -.3, .3, rough);
            memset(r.absent[1], 0, sizeof r.absent[1]);
            by_matrix_rule(&r, rule_of, rule_of, h, want);
            play_from(&r, h, text, x, want);
        }
    refused("soap", "merge_dims=true", "merge_dims");
    CHECK_END();
}

/* Without a factor it is Adam that has not counted its first step. */
static void without_factors(void **state)
{
    static record r, late;
    static double x[STEPS + 1][COORDINATES], y[STEPS + 1][COORDINATES];
    (void)state;
    record_make(&r, 9, .01, -1, 0, false);
    late = r;
    for (int t = 1; t < STEPS; t++) memcpy(late.g[t], r.g[t + 1], sizeof late.g[t]);
    play(&r, "soap", "max_precond_dim=1 eps=0 weight_decay=0 beta2=0.9", LUGE_F64, x);
    play(&late, "adam", "beta1=0.95 beta2=0.9 eps=0", LUGE_F64, y);
    for (int i = 0; i < COORDINATES; i++)
        CHECK(i == 3 || i == 19 || fabs(x[STEPS][i] - y[STEPS - 1][i]) < 1e-12, "coordinate %d: %.17g and %.17g", i,
              x[STEPS][i], y[STEPS - 1][i]);
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_its_rule),
        cmocka_unit_test(without_factors),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
