/* AdaHessian against moments written as sums over all steps and averages over blocks found from the indices of their
 * elements, in long double.  SPDX-License-Identifier: MIT */
#define SETTINGS(_)                                                                                                  \
    _(real, beta1)                                                                                                   \
    _(real, beta2)                                                                                                   \
    _(real, eps) _(real, weight_decay) _(real, hessian_power) _(word, spatial_average) _(word, block_size)
#include "methods/sums.h"

static const settings rows[] = {
    { "as it comes", .9, .999, 1e-4, 0, 1, "conv_only", "(-1,-1,-1,-1)" },
    { "rows and kernels", .9, .99, 1e-2, .3, 1, "blocks", "(-1,-1,-1,-1)" },
    { "runs", .8, .9, 1e-3, 0, 1, "blocks", "(2,3,4,8)" },
    { "runs that do not divide", .8, .9, 1e-3, 0, 1, "blocks", "(4,5,7,9)" },
    { "longer than the tensor", .8, .9, 1e-3, 0, 1, "blocks", "(1000,1,1,1)" },
    { "root of the root", .9, .9, 1e-3, .1, .5, "conv_only", "(-1,-1,-1,-1)" },
    { "a little power", .5, .5, 1e-2, 0, .1, "blocks", "(-1,-1,-1,-1)" },
    { "no power", .9, .9, .5, 0, 0, "conv_only", "(-1,-1,-1,-1)" },
};

enum { SHAPES = 6, TOTAL = 6 + 12 + 24 + 16 + 8 + 1 };
static const struct {
    int ndim;
    size_t shape[5], n;
} shapes[SHAPES] = { { 1, { 6 }, 6 },           { 2, { 3, 4 }, 12 },         { 3, { 2, 3, 4 }, 24 },
                     { 4, { 2, 2, 2, 2 }, 16 }, { 5, { 2, 1, 2, 1, 2 }, 8 }, { 0, { 0 }, 1 } };

/* The block of element i of a tensor: elements with the same number are averaged. */
static size_t block_of(const settings *h, int s, size_t i)
{
    int sizes[4], d = shapes[s].ndim;
    sscanf(h->block_size, "(%d,%d,%d,%d)", &sizes[0], &sizes[1], &sizes[2], &sizes[3]);
    size_t kernel = shapes[s].shape[2] * shapes[s].shape[3], last = shapes[s].shape[d > 0 ? d - 1 : 0];
    if (d > 4) return i;
    if (!strcmp(h->spatial_average, "conv_only")) return d == 4 ? i / kernel : i;
    int run = sizes[d > 0 ? d - 1 : 0];
    if (run > 0) return shapes[s].n % (size_t)run == 0 ? i / (size_t)run : i;
    return d == 4 ? i / kernel : d > 1 ? i / last : i;
}

static void average(const settings *h, int s, const double *probe, long double *a)
{
    for (size_t i = 0; i < shapes[s].n; i++) {
        long double sum = 0;
        int count = 0;
        for (size_t j = 0; j < shapes[s].n; j++)
            if (block_of(h, s, i) == block_of(h, s, j)) sum += fabs(probe[j]), count++;
        a[i] = sum / count;
    }
}

/* Gradients and z (H z), of f32 and of both signs; curvatures from 1e-3 to 1e2 */
static double g[STEPS + 1][TOTAL], probe[STEPS + 1][TOTAL], x0[TOTAL];
static long double want[STEPS + 1][TOTAL];

static void make(void)
{
    uint64_t seed = 7;
    for (int i = 0; i < TOTAL; i++) {
        x0[i] = (float)noise(&seed);
        for (int t = 1; t <= STEPS; t++) {
            g[t][i] = t == 6 ? 0 : (float)(pow(10, i % 5 - 2) * (noise(&seed) + .3));
            probe[t][i] = i == 3 ? 0 : (float)(pow(10, i % 6 - 3) * (noise(&seed) - .2));
        }
    }
}

static void reference(const settings *h)
{
    static long double a[TOTAL][STEPS + 1], in[TOTAL][STEPS + 1];
    for (int s = 0, at = 0; s < SHAPES; at += (int)shapes[s++].n) {
        for (int t = 1; t <= STEPS; t++) {
            long double now[24];
            average(h, s, probe[t] + at, now);
            for (size_t i = 0; i < shapes[s].n; i++)
                a[at + (int)i][t] = now[i], in[at + (int)i][t] = g[t][at + (int)i];
        }
    }
    for (int i = 0; i < TOTAL; i++) {
        want[0][i] = x0[i];
        for (int t = 1; t <= STEPS; t++) {
            long double lr = t < 20 ? .01L : .0025L, v = mean(h->beta2, t, a[i], 2) / correction(h->beta2, t);
            long double below = powl(sqrtl(v), h->hessian_power) + h->eps;
            want[t][i] = (1 - lr * h->weight_decay) * want[t - 1][i] -
                         lr * mean(h->beta1, t, in[i], 1) / correction(h->beta1, t) / below;
        }
    }
}

static void run(const settings *h, luge_type type)
{
    luge_error err;
    luge_optimizer *opt = open_method("adahessian", text(h));
    double x[TOTAL], wide[2][TOTAL], way[TOTAL];
    float narrow[3][TOTAL];
    const void *at[2][SHAPES];
    bool f64 = type == LUGE_F64;
    for (int i = 0; i < TOTAL; i++) narrow[2][i] = (float)(x[i] = x0[i]), way[i] = fabs(x0[i]);
    for (int s = 0, n = 0; s < SHAPES; n += (int)shapes[s++].n) {
        char name[16];
        snprintf(name, sizeof name, "w%d", s);
        for (int j = 0; j < 2; j++) at[j][s] = f64 ? (void *)(wide[j] + n) : narrow[j] + n;
        MUST(luge_add(opt, 0, name, type, f64 ? (void *)(x + n) : narrow[2] + n, shapes[s].ndim, shapes[s].shape,
                      &err));
    }
    for (int t = 1; t <= STEPS; t++) {
        luge_input extra = { "hutchinson", at[1] };
        MUST(luge_set(opt, 0, "lr", t < 20 ? "0.01" : "0.0025", &err));
        for (int i = 0; i < TOTAL; i++) {
            narrow[0][i] = (float)(wide[0][i] = g[t][i]);
            narrow[1][i] = (float)(wide[1][i] = probe[t][i]);
        }
        MUST(luge_step(opt, &(luge_inputs){ .grad = at[0], .extra = &extra, .extras = 1 }, &err));
        for (int i = 0; i < TOTAL; i++) {
            long double got = f64 ? x[i] : (double)narrow[2][i], unit = f64 ? DBL_EPSILON : FLT_EPSILON;
            way[i] += (double)fabsl(want[t][i] - want[t - 1][i]);
            CHECK(fabsl(got - want[t][i]) <= 4 * (t + 4) * unit * way[i],
                  "%s, %s, step %d, element %d: %.17Lg and not %.17Lg", h->label, f64 ? "f64" : "f32", t, i, got,
                  want[t][i]);
        }
    }
    luge_free(opt);
}

static void equals_sums_and_blocks(void **state)
{
    (void)state;
    make();
    for (size_t i = 0; i < ROWS(rows); i++) {
        reference(&rows[i]);
        run(&rows[i], LUGE_F64);
        run(&rows[i], LUGE_F32);
    }
    CHECK_END();
}

/* One step on four elements of a 1 x 4 matrix: x₀ - x₁ = lr g / (mean |a| + ε), β₁ = β₂ = 0. */
static void one_step(const char *settings, const double *a, const double *step)
{
    luge_error err;
    luge_optimizer *opt = open_method("adahessian", settings);
    double x[4] = { 0 }, one[4] = { 1, 1, 1, 1 };
    const void *grad = one, *more = a;
    luge_input extra = { "hutchinson", &more };
    MUST(luge_add(opt, 0, "w", LUGE_F64, x, 2, (size_t[]){ 1, 4 }, &err));
    MUST(luge_step(opt, &(luge_inputs){ .grad = &grad, .extra = &extra, .extras = 1 }, &err));
    for (int i = 0; i < 4; i++)
        CHECK(fabs(-x[i] - step[i]) < 1e-15, "%s: %.17g and not %.17g", settings, -x[i], step[i]);
    luge_free(opt);
}

/* The absolute value comes before the average; the paper's other order is the same for one sign, and not for two. */
static void absolute_value_then_average(void **state)
{
    static const double mixed[4] = { 3, -3, 1, -1 }, positive[4] = { 3, 3, 1, 1 };
    static const double half[4] = { .5, .5, .5, .5 }, alone[4] = { 1 / 3.0, 1 / 3.0, 1, 1 };
    (void)state;
    one_step("lr=1 beta1=0 beta2=0 eps=0 spatial_average=blocks", mixed, half);
    one_step("lr=1 beta1=0 beta2=0 eps=0 spatial_average=blocks", positive, half);
    one_step("lr=1 beta1=0 beta2=0 eps=0", mixed, alone);
    one_step("lr=1 beta1=0 beta2=0 eps=1 hessian_power=0", mixed, half);
    CHECK_END();
}

/* f = ½ Σ aᵢ xᵢ² with the exact diagonal: steps of lr = 1 are Newton's, whatever the curvatures. */
static void newton_on_a_quadratic(void **state)
{
    static const double curve[4] = { 1e-3, 1, 10, 1e3 };
    luge_error err;
    luge_optimizer *opt = open_method("adahessian", "lr=1 beta1=0 beta2=0 eps=0");
    double x[4] = { 1, -2, .5, 3 }, slope[4];
    const void *grad = slope, *more = curve;
    luge_input extra = { "hutchinson", &more };
    (void)state;
    MUST(luge_add(opt, 0, "x", LUGE_F64, x, 1, (size_t[]){ 4 }, &err));
    for (int i = 0; i < 4; i++) slope[i] = curve[i] * x[i];
    MUST(luge_step(opt, &(luge_inputs){ .grad = &grad, .extra = &extra, .extras = 1 }, &err));
    for (int i = 0; i < 4; i++) CHECK(fabs(x[i]) < 1e-15, "element %d ends at %g", i, x[i]);
    luge_free(opt);
    CHECK_END();
}

static void limits_and_refusals(void **state)
{
    luge_error err;
    double x = 1, slope = 1;
    const void *grad = &slope;
    luge_optimizer *opt = open_method("adahessian", "");
    (void)state;
    MUST(luge_add(opt, 0, "w", LUGE_F64, &x, 0, NULL, &err));
    CHECK(luge_needs(opt, "hutchinson"), "no probe is asked for");
    CHECK(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err) == LUGE_E_INPUT && strstr(err.text, "hutchinson"),
          "%s", err.text);
    CHECK(x == 1 && luge_steps(opt) == 0, "a step without a probe was taken");
    luge_free(opt);
    refused("adahessian", "block_size=(1,2,3)", "four");
    refused("adahessian", "block_size=(1,2,3,0.5)", "whole");
    refused("adahessian", "block_size=(1,2,3,0)", "whole");
    refused("adahessian", "hessian_power=1.5", "hessian_power");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_sums_and_blocks),
        cmocka_unit_test(absolute_value_then_average),
        cmocka_unit_test(newton_on_a_quadratic),
        cmocka_unit_test(limits_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
