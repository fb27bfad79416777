/* The toy of everything against its formula in long double, with probes, rows, a missing gradient and a view.
 * SPDX-License-Identifier: MIT */
#include "check.h"
#include "core/core.h"
#include <luge/luge.h>
#include <string.h>

enum { TENSORS = 3, MOST = 40000, STEPS = 7 };
static const struct {
    int ndim;
    size_t shape[2];
} shapes[TENSORS] = { { 2, { 4, 9 } }, { 1, { 33 } }, { 2, { 1, MOST } } };

static luge_error err;
static long double x[TENSORS][MOST], start[TENSORS][MOST], v[TENSORS][2][MOST], product[TENSORS];
static double have[TENSORS][MOST], g[TENSORS][MOST], probe[TENSORS][MOST];

static size_t size_of(int i)
{
    return shapes[i].ndim == 2 ? shapes[i].shape[0] * shapes[i].shape[1] : shapes[i].shape[0];
}

static void step_of_row(int i, size_t lo, size_t n, long double step, long double size, int probed)
{
    static const long double beta[2] = { 0.5L, 0.25L };
    long double xx = 0, most = 0;
    for (size_t j = lo; j < lo + n; j++) {
        xx += x[i][j] * x[i][j];
        most = fmaxl(most, fabsl((long double)g[i][j]));
    }
    for (size_t j = lo; j < lo + n; j++) {
        long double d = g[i][j] + (probed ? probe[i][j] : 0), sum = 0;
        for (int b = 0; b < 2; b++) sum += v[i][b][j] = beta[b] * v[i][b][j] + d;
        x[i][j] -= step * (sum / 4 + xx * most / (1 + most) * size * product[i] * x[i][j]);
    }
}

static void reference(int k, long double *square)
{
    long double step = 0.01L / (1 + (k > 1 ? *square / (k - 1) : 0));
    *square = 0;
    for (int i = 0; i < TENSORS; i++) {
        size_t rows = shapes[i].ndim == 2 ? shapes[i].shape[0] : 1, n = size_of(i);
        long double moved = 0;
        for (size_t j = 0; j < n; j++) {
            *square += (long double)g[i][j] * g[i][j];
            moved += fabsl(x[i][j] - start[i][j]);
        }
        product[i] *= 1 - 1 / (2 + (long double)k);
        for (size_t r = 0; r < rows; r++) step_of_row(i, r * n / rows, n / rows, step, 1 / (1 + moved), k % 3 == 0);
    }
}

static void everything(void **state)
{
    (void)state;
    luge_optimizer *o = NULL;
    const void *grad[TENSORS], *probes[TENSORS];
    void *view[TENSORS];
    static double seen[TENSORS][MOST];
    long double square = 0;
    MUST(luge_new(&o, "toy_all", &err));
    MUST(luge_set(o, 0, "betas", "(0.5, 0.25)", &err));
    MUST(luge_set(o, 0, "sum", "half", &err));
    for (int i = 0; i < TENSORS; i++) {
        for (size_t j = 0; j < size_of(i); j++) start[i][j] = x[i][j] = have[i][j] = lg_normal(1, (uint64_t)i, j);
        product[i] = 1;
        grad[i] = g[i];
        probes[i] = probe[i];
        view[i] = seen[i];
        MUST(
            luge_add(o, 0, (char[]){ (char)('a' + i), 0 }, LUGE_F64, have[i], shapes[i].ndim, shapes[i].shape, &err));
    }
    luge_input extra = { "probe", probes };
    for (int k = 1; k <= STEPS; k++) {
        for (int i = 0; i < TENSORS; i++)
            for (size_t j = 0; j < size_of(i); j++) {
                g[i][j] = lg_normal(2, (uint64_t)(3 * k + i), j);
                probe[i][j] = lg_normal(3, (uint64_t)(3 * k + i), j);
            }
        luge_inputs in = { .grad = grad, .extra = &extra, .extras = k % 3 == 0 };
        CHECK(luge_needs(o, "probe") == (k % 3 == 0), "step %d: needs the probe: %d", k, luge_needs(o, "probe"));
        if (k == 3) {
            luge_inputs without = { .grad = grad };
            CHECK(luge_step(o, &without, &err) == LUGE_E_INPUT && strstr(err.text, "probe"), "no probe: %s",
                  err.text);
        }
        MUST(luge_step(o, &in, &err));
        reference(k, &square);
        MUST(luge_view(o, view, &err));
        for (int i = 0; i < TENSORS; i++)
            for (size_t j = 0; j < size_of(i); j++) {
                double want = (double)x[i][j], want_seen = (double)((x[i][j] + v[i][0][j]) / 2);
                CHECK(fabs(have[i][j] - want) <= 1e-13 * (1e-3 + fabs(want)),
                      "step %d, tensor %d, %zu: %.17g, not %.17g", k, i, j, have[i][j], want);
                CHECK(fabs(seen[i][j] - want_seen) <= 1e-14 * (fabs(want) + fabs((double)v[i][0][j])),
                      "view at step %d: %.17g, not %.17g", k, seen[i][j], want_seen);
            }
    }
    CHECK(luge_state(o, 0, "velocity", 1) && !luge_state(o, 0, "velocity", 2), "repeated slots");
    const double *tally = luge_state(o, 1, "tally", 1);
    CHECK(luge_state_length(o, 1, "tally", 0) == 2 && luge_state_length(o, 1, "tally", 1) == 3 &&
              luge_state_length(o, 1, "tally", 2) == 0 && luge_state_length(o, 1, "start", 0) == 33,
          "lengths of blocks and slots");
    CHECK(tally[0] == 1 && tally[1] == 2 && tally[2] == 3 + STEPS, "block: %g %g %g", tally[0], tally[1], tally[2]);
    luge_free(o);
    CHECK_END();
}

int main(void)
{
    static const struct CMUnitTest tests[] = { cmocka_unit_test(everything) };
    return cmocka_run_group_tests_name("toy_all", tests, NULL, NULL);
}
