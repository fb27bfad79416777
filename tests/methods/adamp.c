/* AdamP against a step written out for whole tensors: moments as sums over all gradients, cosines and projections
 * from vectors, in long double.  SPDX-License-Identifier: MIT */
#include "methods/reference.h"

typedef struct settings {
    const char *label;
    double beta1, beta2, eps, decay, delta, ratio;
    bool nesterov;
} settings;

static const settings rows[] = {
    { "AdamP", .9, .999, 1e-8, 0, .1, .1, false },
    { "decay", .9, .99, 1e-3, .4, .1, .1, false },
    { "Nesterov", .8, .95, 1e-3, .4, .3, .25, true },
    { "rows at times", .9, .99, 1e-3, .4, 1.2, .1, false },
    { "layer at times", .9, .99, 1e-3, .4, .6, .1, false },
    { "always", .9, .99, 1e-2, .4, 9, .5, true },
    { "never", .9, .99, 1e-3, .4, 0, .1, false },
    { "eps as large as norms", .9, .99, .5, .4, .5, .1, false },
};

static const char *text(const settings *h)
{
    static char to[256];
    snprintf(to, sizeof to,
             "beta1=%.17g beta2=%.17g eps=%.17g weight_decay=%.17g delta=%.17g wd_ratio=%.17g nesterov=%s", h->beta1,
             h->beta2, h->eps, h->decay, h->delta, h->ratio, h->nesterov ? "true" : "false");
    return to;
}

enum { NO_WAY, BY_ROW, BY_LAYER, WAYS };
static int taken[WAYS];

static long double dot(const long double *a, const long double *b, size_t n)
{
    long double s = 0;
    for (size_t i = 0; i < n; i++) s += a[i] * b[i];
    return s;
}

/* Do all rows have a small cosine?  A decision is only compared where rounding cannot turn it. */
static bool all_small(const settings *h, const long double *g, const long double *x, size_t n, size_t row)
{
    bool small = true;
    for (size_t at = 0; at < n; at += row) {
        long double lengths =
            fmaxl(sqrtl(dot(g + at, g + at, row)), h->eps) * fmaxl(sqrtl(dot(x + at, x + at, row)), h->eps);
        long double cosine = fabsl(dot(g + at, x + at, row)) / lengths,
                    threshold = h->delta / sqrtl((long double)row);
        CHECK(h->delta == 0 || fabsl(cosine - threshold) > 1e-4L * threshold, "%s: a cosine at its threshold",
              h->label);
        small = small && cosine < threshold;
    }
    return small;
}

/* One tensor from its own gradients g[1..k] (in h's order: k, coordinate), to x in place. */
static void tensor_step(const settings *h, const tensor *n, int k, long double g[][COORDINATES], long double lr,
                        long double *x)
{
    long double d[COORDINATES], bc1 = 1 - powl(h->beta1, k), bc2 = 1 - powl(h->beta2, k), keep = h->decay;
    size_t length = n->n, row = n->ndim > 1 ? n->n / n->shape[0] : n->n;
    for (size_t i = 0; i < length; i++) {
        long double m = 0, v = 0, b1 = h->beta1, b2 = h->beta2;
        for (int j = 1; j <= k; j++) {
            m += (1 - b1) * powl(b1, k - j) * g[j][i];
            v += (1 - b2) * powl(b2, k - j) * g[j][i] * g[j][i];
        }
        d[i] = (h->nesterov ? b1 * m + (1 - b1) * g[k][i] : m) / (sqrtl(v / bc2) + h->eps);
    }
    int way = n->ndim < 2                             ? NO_WAY
              : all_small(h, g[k], x, length, row)    ? BY_ROW
              : all_small(h, g[k], x, length, length) ? BY_LAYER
                                                      : NO_WAY;
    taken[way]++;
    if (way == BY_LAYER) row = length;
    for (size_t at = 0; way != NO_WAY && at < length; at += row) {
        long double size = sqrtl(dot(x + at, x + at, row)) + h->eps, along = dot(x + at, d + at, row) / size;
        for (size_t i = at; i < at + row; i++) d[i] -= along * x[i] / size;
    }
    if (way != NO_WAY) keep *= h->ratio;
    for (size_t i = 0; i < length; i++) x[i] = (1 - lr * keep) * x[i] - lr / bc1 * d[i];
}

static void whole(const settings *h, const record *r, path want)
{
    for (const tensor *n = tensors; n < tensors + TENSORS; n++) {
        static long double g[STEPS + 1][COORDINATES];
        long double x[COORDINATES];
        int k = 0;
        for (size_t i = 0; i < n->n; i++) want[0][n->at + i] = x[i] = r->x0[n->at + i];
        for (int t = 1; t <= STEPS; t++) {
            if (!r->absent[t][n - tensors]) {
                k++;
                for (size_t i = 0; i < n->n; i++) g[k][i] = r->g[t][n->at + i];
                tensor_step(h, n, k, g, r->lr[t], x);
            }
            memcpy(want[t] + n->at, x, n->n * sizeof *x);
        }
    }
}

static void equals_whole_tensors(void **state)
{
    static record r;
    static path want;
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        for (int rough = 0; rough < 2; rough++) {
            record_make(&r, 31 + (uint64_t)rough, .01, -2, 0, rough);
            whole(&rows[i], &r, want);
            compare(rows[i].label, &r, "adamp", text(&rows[i]), want);
        }
    for (int way = 0; way < WAYS; way++) CHECK(taken[way] > 20, "way %d was taken %d times only", way, taken[way]);
    CHECK_END();
}

/* delta = 0 never projects: AdamW. */
static void without_threshold_it_is_adamw(void **state)
{
    static record r;
    (void)state;
    record_make(&r, 6, .01, -3, 1, true);
    like("AdamW", &r, "adamp", "delta=0 weight_decay=0.1", "adamw", "weight_decay=0.1");
    same("defaults", &r, "adamp", "beta1=0.9 beta2=0.999 eps=1e-8 weight_decay=0 delta=0.1 wd_ratio=0.1", &r, "adamp",
         "");
    refused("adamp", "delta=-1", "delta");
    refused("adamp", "beta1=1", "beta1");
    CHECK_END();
}

/* A step on a matrix of two rows of two, with its settings; x in place. */
static void step_once(const char *with, double x[4], const double g[4], int ndim)
{
    luge_error err;
    luge_optimizer *opt = open_method("adamp", with);
    const void *grad = g;
    MUST(luge_add(opt, 0, "w", LUGE_F64, x, ndim, ndim == 1 ? (size_t[]){ 4 } : (size_t[]){ 2, 2 }, &err));
    MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
    luge_free(opt);
}

/* Where the projection acts the step is orthogonal to each row of x; a vector is left to Adam. */
static void projected_steps_are_orthogonal(void **state)
{
    static const double start[4] = { 3, 4, -1, 2 }, g[4] = { -4, 3.01, 2, 1.02 };
    double x[4], y[4];
    (void)state;
    memcpy(x, start, sizeof x);
    memcpy(y, start, sizeof y);
    step_once("lr=0.01 delta=0.1", x, g, 2);
    step_once("lr=0.01 delta=0.1", y, g, 1);
    for (int i = 0; i < 4; i += 2) {
        double along = (x[i] - start[i]) * start[i] + (x[i + 1] - start[i + 1]) * start[i + 1];
        CHECK(fabs(along) < 1e-9, "row %d: the step has the part %g along x", i / 2, along);
        CHECK(fabs(x[i] - start[i]) > 1e-3, "row %d has not moved", i / 2);
    }
    for (int i = 0; i < 4; i++)
        CHECK(fabs(y[i] - start[i] + copysign(.01, g[i])) < 1e-9, "a vector is projected: %.17g", y[i]);
    CHECK_END();
}

/* Two rows of 65,536 elements, longer than what one kernel call takes: x = 1, and g = 1 in the first half of a row,
 * -1 in the second.  Each row is orthogonal, no part of it is: the projection acts, and the decay is wd_ratio's. */
static void rows_longer_than_a_piece(void **state)
{
    enum { N = 2 * 65536 };
    static double x[N], g[N];
    luge_error err;
    luge_optimizer *opt = open_method("adamp", "lr=0.25 eps=0 weight_decay=0.5 wd_ratio=0.25");
    const void *grad = g;
    int bad = 0;
    (void)state;
    for (int i = 0; i < N; i++) x[i] = 1, g[i] = i % 65536 < 32768 ? 1 : -1;
    MUST(luge_add(opt, 0, "w", LUGE_F64, x, 2, (size_t[]){ 2, N / 2 }, &err));
    MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
    for (int i = 0; i < N; i++) bad += fabs(x[i] - (1 - .25 * .5 * .25 - .25 * g[i])) > 8 * DBL_EPSILON;
    CHECK(bad == 0, "%d of %d elements are wrong, the first is %.17g", bad, N, x[0]);
    luge_free(opt);
    CHECK_END();
}

/* The cosine counts without its sign: a gradient against x is not projected away. */
static void a_gradient_against_the_weights_is_kept(void **state)
{
    static const double start[4] = { 3, 4, -1, 2 }, g[4] = { -3, -4, 1, -2 };
    double x[4];
    (void)state;
    memcpy(x, start, sizeof x);
    step_once("lr=0.01 delta=0.1", x, g, 2);
    for (int i = 0; i < 4; i++) CHECK(fabs(x[i] - start[i] + copysign(.01, g[i])) < 1e-9, "%.17g", x[i]);
    CHECK_END();
}

/* No gradient: cosine 0, so the decay is wd_ratio's; x follows (1 - ηλρ)ᵏ, a row of zeros stays. */
static void zero_gradients(void **state)
{
    double x[4] = { 3, 4, 0, 0 };
    static const double none[4];
    (void)state;
    step_once("lr=0.25 weight_decay=0.5 wd_ratio=0.25", x, none, 2);
    CHECK(x[0] == 3 * (1 - .25 * .5 * .25) && x[1] == 4 * (1 - .25 * .5 * .25), "%.17g %.17g", x[0], x[1]);
    CHECK(x[2] == 0 && x[3] == 0, "a row of zeros became %g %g", x[2], x[3]);
    x[0] = 3;
    step_once("lr=0.25 weight_decay=0.5 wd_ratio=0.25", x, none, 1);
    CHECK(x[0] == 3 * (1 - .25 * .5), "a vector: %.17g", x[0]);
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_whole_tensors),
        cmocka_unit_test(without_threshold_it_is_adamw),
        cmocka_unit_test(projected_steps_are_orthogonal),
        cmocka_unit_test(rows_longer_than_a_piece),
        cmocka_unit_test(a_gradient_against_the_weights_is_kept),
        cmocka_unit_test(zero_gradients),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
