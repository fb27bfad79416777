/* SGDP against a step written out for whole tensors, with cosines and projections from vectors, in long double.
 * SPDX-License-Identifier: MIT */
#define SETTINGS(_)                                                                                                  \
    _(real, momentum)                                                                                                \
    _(real, dampening)                                                                                               \
    _(flag, nesterov) _(real, eps) _(real, weight_decay) _(real, delta) _(real, wd_ratio) _(flag, project_momentum)
#include "methods/sums.h"

static const settings rows[] = {
    { "SGDP", .9, 0, false, 1e-8, 0, .1, .1, true },
    { "of the paper", .9, 0, false, 1e-8, .01, .3, .1, false },
    { "Nesterov", .8, 0, true, 1e-3, .1, .3, .25, false },
    { "Nesterov, momentum stays", .8, .2, true, 1e-3, .1, 9, .25, true },
    { "rows at times", .9, .1, false, 1e-3, .1, 1.2, .1, true },
    { "layer at times", .9, 0, false, 1e-3, .1, .6, .1, false },
    { "layer at times, momentum too", .7, 0, false, 1e-3, .1, .6, .1, true },
    { "always", .9, .5, false, 1e-2, .1, 9, .5, true },
    { "eps as large as norms", .6, 0, false, .5, .1, .5, .1, false },
};

enum { NO_WAY, BY_ROW, BY_LAYER, WAYS };
static int taken[WAYS];

/* Do all rows have a small cosine?  A decision is only compared where rounding cannot turn it. */
static bool all_small(const settings *h, const long double *g, const long double *x, size_t n, size_t row)
{
    bool small = true;
    for (size_t at = 0; at < n; at += row) {
        long double lengths =
            fmaxl(sqrtl(dot(g + at, g + at, row)), h->eps) * fmaxl(sqrtl(dot(x + at, x + at, row)), h->eps);
        long double cosine = fabsl(dot(g + at, x + at, row)) / lengths,
                    threshold = h->delta / sqrtl((long double)row);
        CHECK(fabsl(cosine - threshold) > 1e-4L * threshold, "%s: a cosine at its threshold", h->label);
        small = small && cosine < threshold;
    }
    return small;
}

static void tensor_step(const settings *h, const tensor *n, const long double *g, long double lr, long double *x,
                        long double *b)
{
    long double d[COORDINATES], mu = h->momentum, keep = h->weight_decay / (1 - mu);
    size_t length = n->n, row = n->ndim > 1 ? n->n / n->shape[0] : n->n;
    for (size_t i = 0; i < length; i++) {
        b[i] = mu * b[i] + (1 - (long double)h->dampening) * g[i];
        d[i] = h->nesterov ? g[i] + mu * b[i] : b[i];
    }
    int way = n->ndim < 2                          ? NO_WAY
              : all_small(h, g, x, length, row)    ? BY_ROW
              : all_small(h, g, x, length, length) ? BY_LAYER
                                                   : NO_WAY;
    taken[way]++;
    if (way == BY_LAYER) row = length;
    for (size_t at = 0; way != NO_WAY && at < length; at += row) {
        long double size = sqrtl(dot(x + at, x + at, row)) + h->eps, along = dot(x + at, d + at, row) / size;
        for (size_t i = at; i < at + row; i++) d[i] -= along * x[i] / size;
    }
    if (way != NO_WAY) keep *= h->wd_ratio;
    if (h->project_momentum && !h->nesterov) memcpy(b, d, length * sizeof *b);
    for (size_t i = 0; i < length; i++) x[i] = (1 - lr * keep) * x[i] - lr * d[i];
}

static void next(const void *with, whole *w, void *memory)
{
    long double *b = memory;
    for (int n = 0; n < TENSORS; n++) {
        size_t at = tensors[n].at;
        if (w->active[n]) tensor_step(with, &tensors[n], w->g + at, w->lr, w->x + at, b + at);
    }
}

static void equals_whole_tensors(void **state)
{
    static record r;
    static path want;
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        for (int rough = 0; rough < 2; rough++) {
            long double b[COORDINATES] = { 0 };
            record_make(&r, 31 + (uint64_t)rough, .01, -2, 0, rough);
            by_whole(&r, next, &rows[i], b, want);
            compare(rows[i].label, &r, "sgdp", text(&rows[i]), want);
        }
    for (int way = 0; way < WAYS; way++) CHECK(taken[way] > 20, "way %d was taken %d times only", way, taken[way]);
    CHECK_END();
}

/* delta = 0 never projects: a heavy ball from zero, here without dampening, with decoupled decay λ / (1-μ). */
static void without_threshold_it_is_the_heavy_ball(void **state)
{
    static record r;
    (void)state;
    record_make(&r, 6, .01, -3, 1, true);
    like("heavy ball", &r, "sgdp", "delta=0 momentum=0.8", "heavy_ball", "momentum=0.8");
    like("Nesterov", &r, "sgdp", "delta=0 momentum=0.8 nesterov=true", "nesterov", "momentum=0.8");
    like("decay", &r, "sgdp", "delta=0 momentum=0 weight_decay=0.1", "sgd", "weight_decay=0.1");
    decay_follows_its_closed_form("sgdp", "momentum=0");
    same("defaults", &r, "sgdp",
         "momentum=0.9 dampening=0 nesterov=false eps=1e-8 weight_decay=0 delta=0.1 wd_ratio=0.1 "
         "project_momentum=true",
         &r, "sgdp", "");
    refused("sgdp", "momentum=1", "momentum");
    refused("sgdp", "delta=-1", "delta");
    stays_without_gradients("sgdp", "lr=0.5");
    CHECK_END();
}

/* A step on a matrix of two rows of two: the released code starts from zero, so dampening counts from the first step;
 * the radial part leaves the step, and the momentum where asked. */
static void first_step(void **state)
{
    static const double g[4] = { -4, 3.01, 2, 1.02 };
    (void)state;
    for (int project = 0; project < 2; project++) {
        double x[4] = { 3, 4, -1, 2 }, start[4] = { 3, 4, -1, 2 };
        luge_error err;
        luge_optimizer *opt = open_method("sgdp", project ? "lr=0.01 eps=0 dampening=0.5 project_momentum=true"
                                                          : "lr=0.01 eps=0 dampening=0.5 project_momentum=false");
        const void *grad = g;
        MUST(luge_add(opt, 0, "w", LUGE_F64, x, 2, (size_t[]){ 2, 2 }, &err));
        MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
        const double *b = luge_state(opt, 0, "momentum_buffer", 0);
        for (int i = 0; i < 4; i += 2) {
            double along = (x[i] - start[i]) * start[i] + (x[i + 1] - start[i + 1]) * start[i + 1];
            double kept = b[i] * start[i] + b[i + 1] * start[i + 1],
                   had = .5 * (g[i] * start[i] + g[i + 1] * start[i + 1]);
            CHECK(fabs(along) < 1e-9, "row %d: the step has the part %g along x", i / 2, along);
            CHECK(fabs(kept - (project ? 0 : had)) < 1e-6, "row %d: the momentum has the part %g along x", i / 2,
                  kept);
            CHECK(fabs(x[i] - start[i]) > 1e-3, "row %d has not moved", i / 2);
        }
        luge_free(opt);
    }
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_whole_tensors),
        cmocka_unit_test(without_threshold_it_is_the_heavy_ball),
        cmocka_unit_test(first_step),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
