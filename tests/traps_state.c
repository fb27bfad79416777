/* Faults that shipped in other implementations, each with the test that would have caught it: counts, checkpoints,
 * and bad or missing gradients.  The table of all of them stands in traps.c.
 *
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "files.h"
#include "io/io.h"
#include "methods/reference.h"

/* A file with the same tensors and other step counts: "1" becomes `steps` wherever a count of 1 stands. */
static void recount(const char *from, const char *to, const char *steps)
{
    luge_error err;
    lg_tensors *file = NULL;
    lg_entry entry[16];
    lg_meta meta[32], *m = meta;
    static char text[32][4096];
    MUST(lg_tensors_read(&file, from, &err));
    assert_true(lg_tensors_count(file) <= ROWS(entry));
    for (size_t i = 0; i < lg_tensors_count(file); i++) entry[i] = *lg_tensors_at(file, i);
    for (const lg_meta *old; (old = lg_tensors_meta_at(file, (size_t)(m - meta))); m++) {
        static const char key[] = "\"steps\":\"1\"";
        char *put = text[m - meta];
        const char *at = old->value, *found;
        assert_true(strlen(at) < sizeof text[0] - 200 && (size_t)(m - meta) < ROWS(meta));
        *put = 0;
        while ((found = strstr(at, key))) {
            strncat(put, at, (size_t)(found - at));
            sprintf(put + strlen(put), "\"steps\":\"%s\"", steps);
            at = found + strlen(key);
        }
        strcat(put, !strcmp(old->key, "luge.steps") ? steps : at);
        *m = (lg_meta){ old->key, put };
    }
    MUST(lg_tensors_write(to, entry, lg_tensors_count(file), meta, (size_t)(m - meta), &err));
    lg_tensors_free(file);
}

/* A counter that all tensors share, and that each of them moves on, gives tensor 8 the exponent 8 in step 1. */
static void TR03_many_tensors_count_one_step(void **state)
{
    static const char *const methods[] = { "adam", "adamw", "amsgrad", "nadam", "heavy_ball", "lion", "signum" };
    static const char *const names[] = { "a", "b", "c", "d", "e", "f", "g", "h" };
    (void)state;
    for (size_t i = 0; i < ROWS(methods); i++) {
        double x[2][8], g[8];
        for (int split = 0; split < 2; split++) {
            luge_error err;
            luge_optimizer *opt = open_method(methods[i], "");
            const void *grad[8];
            uint64_t seed = 1;
            for (int j = 0; j < 8; j++) grad[j] = &g[j], x[split][j] = noise(&seed);
            for (int j = 0; j < (split ? 8 : 1); j++)
                MUST(luge_add(opt, 0, names[j], LUGE_F64, &x[split][j], 1, (size_t[]){ split ? 1 : 8 }, &err));
            for (int k = 1; k <= 9; k++) {
                for (int j = 0; j < 8; j++) g[j] = noise(&seed);
                MUST(luge_step(opt, &(luge_inputs){ .grad = grad }, &err));
            }
            luge_free(opt);
        }
        CHECK(!memcmp(x[0], x[1], sizeof x[0]), "%s: eight tensors differ from one", methods[i]);
    }
    CHECK_END();
}

/* A count kept in f32 stands still at 2^24.  The count cannot be set, so it is put into a checkpoint: β₂ = 1 - 2^-30
 * lets 1 - β₂ᵏ grow by 6e-8 of itself in a step there, which the step shows. */
static void TR05_steps_beyond_2_to_the_24(void **state)
{
    luge_error err;
    luge_optimizer *opt = open_method("adam", "lr=1 eps=0 beta1=0.5");
    double x = 0, g = 1;
    const void *grad = &g;
    long double m = .5L, v = 0x1p-30L, decay = log1pl(-0x1p-30L), k = 0x1p24L - 2;
    (void)state;
    MUST(luge_set_real(opt, 0, "beta2", 1 - 0x1p-30, &err));
    MUST(luge_add(opt, 0, "x", LUGE_F64, &x, 0, NULL, &err));
    MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
    MUST(luge_save(opt, scratch("once"), &err));
    recount(scratch("once"), scratch("often"), "16777214");
    MUST(luge_load(opt, scratch("often"), &err));
    CHECK(luge_steps(opt) == 16777214, "%lld steps", (long long)luge_steps(opt));
    for (int i = 0; i < 4; i++) {
        double before = x;
        MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
        k++;
        m = .5L * m + .5L;
        v = v + 0x1p-30L * (1 - v);
        long double want = -m / sqrtl(v / -expm1l(k * decay));
        CHECK(fabsl(x - before - want) <= 32 * DBL_EPSILON * fabsl(want), "step %.0Lf: %.17g and not %.17Lg", k,
              x - before, want);
    }
    luge_free(opt);
    CHECK_END();
}

/* A NaN must show: in the parameter where nobody looks at gradients, else in the status or the count. */
static void TR11_a_NaN_is_not_hidden(void **state)
{
    static const char *const methods[] = {
        "lion", "signum", "signsgd", "adam", "heavy_ball", "nadam", "lamb", "adamp"
    };
    (void)state;
    for (size_t i = 0; i < ROWS(methods); i++)
        for (int policy = 0; policy < 3; policy++) {
            static const char *const word[] = { "allow", "skip", "fail" };
            luge_error err;
            luge_optimizer *opt = open_method(methods[i], "");
            double x[3] = { 1, 2, 3 }, g[3] = { 1, (double)NAN, -1 };
            const void *grad = g;
            MUST(luge_option(opt, "nonfinite", word[policy], &err));
            MUST(luge_add(opt, 0, "x", LUGE_F64, x, 1, (size_t[]){ 3 }, &err));
            luge_status st = luge_step(opt, &(luge_inputs){ .grad = &grad }, &err);
            CHECK(st == (policy == 2 ? LUGE_E_NUMERIC : LUGE_OK), "%s %s: status %d", methods[i], word[policy],
                  (int)st);
            CHECK(luge_skipped(opt) == (policy == 1), "%s %s: skipped", methods[i], word[policy]);
            CHECK(policy ? x[0] == 1 && x[1] == 2 && x[2] == 3 : isnan(x[1]) != 0, "%s %s: %g %g %g", methods[i],
                  word[policy], x[0], x[1], x[2]);
            luge_free(opt);
        }
    CHECK_END();
}

/* What is saved is y and z, whatever was looked at before: the view x is the same before and after, and so is the
 * run. */
static void TR33_schedule_free_saves_and_shows_the_right_point(void **state)
{
    static const char *const methods[] = { "schedule_free_adamw", "schedule_free_sgd", "schedule_free_radam" };
    (void)state;
    for (size_t i = 0; i < ROWS(methods); i++) {
        luge_error err;
        double y[2] = { 1, 1 }, view[2], g;
        const void *grad = &g;
        luge_optimizer *opt[2];
        for (int j = 0; j < 2; j++) {
            opt[j] = open_method(methods[i], i == 1 ? "lr=0.1" : "lr=0.1 beta2=0.8");
            MUST(luge_set(opt[j], 0, "schedule", "warmup:steps=6", &err));
            MUST(luge_add(opt[j], 0, "x", LUGE_F64, &y[j], 0, NULL, &err));
        }
        for (int k = 0; k < 20; k++) {
            for (int j = 0; j < (k < 10 ? 1 : 2); j++) {
                g = y[j];
                MUST(luge_step(opt[j], &(luge_inputs){ .grad = &grad }, &err));
                MUST(luge_view(opt[j], (void *[]){ &view[j] }, &err));
                CHECK(view[j] != y[j] || k < 8, "%s: x and y are one in step %d", methods[i], k);
            }
            if (k == 9) {
                MUST(luge_save(opt[0], scratch("average"), &err));
                MUST(luge_load(opt[1], scratch("average"), &err));
                MUST(luge_view(opt[1], (void *[]){ &view[1] }, &err));
            }
            CHECK(k < 9 || (y[0] == y[1] && view[0] == view[1]), "%s, step %d: %g %g and %g %g", methods[i], k, y[0],
                  view[0], y[1], view[1]);
        }
        for (int j = 0; j < 2; j++) luge_free(opt[j]);
    }
    CHECK_END();
}

/* The estimate survives a save while it grows, zero gradients leave it, and it scales the decay. */
static void TR40_the_estimate_of_the_distance(void **state)
{
    static const char *const methods[] = { "prodigy", "dadapt_sgd", "dadapt_adam" };
    (void)state;
    for (size_t i = 0; i < ROWS(methods); i++) {
        luge_error err;
        double x[2] = { 0, 0 }, g, moved = 0;
        const void *grad = &g;
        luge_optimizer *opt[2] = { open_method(methods[i], "growth_rate=1.5"),
                                   open_method(methods[i], "growth_rate=1.5") };
        for (int j = 0; j < 2; j++) MUST(luge_add(opt[j], 0, "x", LUGE_F64, &x[j], 0, NULL, &err));
        for (int k = 0; k < 24; k++) {
            double before = x[0];
            for (int j = 0; j < (k < 12 ? 1 : 2); j++) {
                g = x[j] < 1 ? -1 : 1;
                MUST(luge_step(opt[j], &(luge_inputs){ .grad = &grad }, &err));
            }
            if (k == 11) MUST(luge_save(opt[0], scratch("distance"), &err));
            if (k == 11) MUST(luge_load(opt[1], scratch("distance"), &err));
            CHECK(k < 11 || x[0] == x[1], "%s, step %d: %.17g and %.17g", methods[i], k, x[0], x[1]);
            if (k == 11) moved = x[0] - before;
            if (k == 23) CHECK(x[0] - before > 2 * moved, "%s: d does not grow on", methods[i]);
        }
        for (int j = 0; j < 2; j++) luge_free(opt[j]);
    }
    luge_error err;
    luge_optimizer *opt = open_method("prodigy", "d0=0.25 beta1=0 beta2=0 eps=0 weight_decay=0.5");
    double x = 4, g = 1;
    MUST(luge_add(opt, 0, "x", LUGE_F64, &x, 0, NULL, &err));
    MUST(luge_step(opt, &(luge_inputs){ .grad = (const void *[]){ &g } }, &err));
    CHECK(x == 4 * (1 - .5 * .25) - .25, "decay: %.17g", x);
    luge_free(opt);
    CHECK_END();
}

/* Declared in another order, tensors find their numbers by name; one of another name is refused. */
static void TR45_load_goes_by_name(void **state)
{
    static const char *const names[3] = { "a", "b", "c" };
    static const int order[2][3] = { { 0, 1, 2 }, { 2, 0, 1 } };
    luge_error err;
    double x[2][3] = { { 1, 2, 3 }, { 7, 8, 9 } }, g[3] = { 1, -1, 2 };
    luge_optimizer *opt[3];
    (void)state;
    for (int j = 0; j < 2; j++) {
        opt[j] = open_method("adam", "lr=0.25");
        for (int i = 0; i < 3; i++)
            MUST(luge_add(opt[j], 0, names[order[j][i]], LUGE_F64, &x[j][order[j][i]], 0, NULL, &err));
    }
    for (int k = 0; k < 6; k++)
        for (int j = 0; j < (k < 3 ? 1 : 2); j++) {
            const void *grad[3];
            for (int i = 0; i < 3; i++) grad[i] = &g[order[j][i]];
            if (k == 3 && j == 0) {
                MUST(luge_save(opt[0], scratch("order"), &err));
                MUST(luge_load(opt[1], scratch("order"), &err));
            }
            MUST(luge_step(opt[j], &(luge_inputs){ .grad = grad }, &err));
        }
    CHECK(!memcmp(x[0], x[1], sizeof x[0]), "%g %g %g and %g %g %g", x[0][0], x[0][1], x[0][2], x[1][0], x[1][1],
          x[1][2]);
    opt[2] = open_method("adam", "");
    for (int i = 0; i < 3; i++) MUST(luge_add(opt[2], 0, i ? names[i] : "z", LUGE_F64, &x[1][i], 0, NULL, &err));
    CHECK(luge_load(opt[2], scratch("order"), &err) != LUGE_OK && strstr(err.text, "z"), "a stranger is loaded: %s",
          err.text);
    for (int j = 0; j < 3; j++) luge_free(opt[j]);
    CHECK_END();
}

/* A tensor without gradients in steps 1 to 5 is left alone, and its step 6 is its first. */
static void TR46_a_missing_gradient_is_no_step(void **state)
{
    static const char *const methods[] = { "adam", "nadam", "heavy_ball", "lion", "adamp" };
    (void)state;
    for (size_t i = 0; i < ROWS(methods); i++) {
        luge_error err;
        luge_optimizer *opt[2] = { open_method(methods[i], "lr=0.25"), open_method(methods[i], "lr=0.25") };
        double x[2][2] = { { 1, 1 }, { 1, 1 } }, g = .5;
        for (int j = 0; j < 2; j++) {
            MUST(luge_add(opt[j], 0, "late", LUGE_F64, &x[j][0], 0, NULL, &err));
            MUST(luge_add(opt[j], 0, "other", LUGE_F64, &x[j][1], 0, NULL, &err));
        }
        for (int k = 1; k <= 6; k++) {
            MUST(luge_step(opt[0], &(luge_inputs){ .grad = (const void *[]){ k < 6 ? NULL : &g, &g } }, &err));
            if (k < 6) CHECK(x[0][0] == 1, "%s: it moved in step %d", methods[i], k);
        }
        MUST(luge_step(opt[1], &(luge_inputs){ .grad = (const void *[]){ &g, &g } }, &err));
        CHECK(x[0][0] == x[1][0], "%s: %.17g in step 6, %.17g in a first step", methods[i], x[0][0], x[1][0]);
        for (int j = 0; j < 2; j++) luge_free(opt[j]);
    }
    CHECK_END();
}

/* Inf in the last tensor: no parameter has moved, no state has changed, and the next step is as if it had not been.
 */
static void TR47_a_step_happens_or_not(void **state)
{
    static const char *const methods[] = { "adam", "lamb", "adamp", "nadam", "lion" };
    (void)state;
    for (size_t i = 0; i < 2 * ROWS(methods); i++) {
        const char *method = methods[i / 2], *policy = i % 2 ? "fail" : "skip";
        luge_error err;
        static double x[2][2][50000], g[2][50000];
        const void *grad[2] = { g[0], g[1] };
        luge_optimizer *opt[2];
        for (int j = 0; j < 2; j++) {
            opt[j] = open_method(method, "lr=0.25");
            MUST(luge_option(opt[j], "nonfinite", policy, &err));
            for (int t = 0; t < 2; t++) {
                for (int c = 0; c < 50000; c++) x[j][t][c] = 1, g[t][c] = c % 7 - 3;
                MUST(luge_add(opt[j], 0, t ? "b" : "a", LUGE_F64, x[j][t], 2, (size_t[]){ 50, 1000 }, &err));
            }
            MUST(luge_step(opt[j], &(luge_inputs){ .grad = grad }, &err));
        }
        g[1][49999] = HUGE_VAL;
        luge_status st = luge_step(opt[0], &(luge_inputs){ .grad = grad }, &err);
        CHECK(st == (i % 2 ? LUGE_E_NUMERIC : LUGE_OK), "%s %s: status %d", method, policy, (int)st);
        CHECK(!memcmp(x[0], x[1], sizeof x[0]), "%s %s: a parameter moved", method, policy);
        CHECK(luge_steps(opt[0]) == 1, "%s %s: %lld steps", method, policy, (long long)luge_steps(opt[0]));
        g[1][49999] = 1;
        for (int j = 0; j < 2; j++) MUST(luge_step(opt[j], &(luge_inputs){ .grad = grad }, &err));
        CHECK(!memcmp(x[0], x[1], sizeof x[0]), "%s %s: the bad gradient left a trace", method, policy);
        for (int j = 0; j < 2; j++) luge_free(opt[j]);
    }
    CHECK_END();
}

/* ĝ = g min(1, C/‖g‖), with nothing added to the norm; a norm of 0 is no division, NaN and Inf are never scaled away.
 */
static void TR49_clipping_by_norm(void **state)
{
    static const struct {
        double g[2], step[2]; /* C = 1 */
    } rows[] = {
        { { 3, 4 }, { .6, .8 } },
        { { .3, .4 }, { .3, .4 } },
        { { 0, 0 }, { 0, 0 } },
        { { 1, 0 }, { 1, 0 } },
        { { 0, 2e-7 }, { 0, 2e-7 } },
        { { 3e200, -4e200 }, { .6, -.8 } },
        { { 1, (double)NAN }, { (double)NAN, (double)NAN } },
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        luge_error err;
        luge_optimizer *opt = open_method("sgd", "lr=1");
        double x[2] = { 0, 0 };
        const void *grad[2] = { &rows[i].g[0], &rows[i].g[1] };
        MUST(luge_option(opt, "clip_norm", "1", &err));
        for (int t = 0; t < 2; t++) MUST(luge_add(opt, 0, t ? "b" : "a", LUGE_F64, &x[t], 0, NULL, &err));
        MUST(luge_step(opt, &(luge_inputs){ .grad = grad }, &err));
        for (int t = 0; t < 2; t++) {
            double want = -rows[i].step[t];
            bool bad = isnan(rows[i].g[t]);
            CHECK(bad ? isnan(x[t]) != 0 : isnan(want) || fabs(x[t] - want) <= 4 * DBL_EPSILON * fabs(want),
                  "row %zu: %.17g and not %.17g", i, x[t], want);
        }
        luge_free(opt);
    }
    CHECK_END();
}

/* Rows that a batch does not look up have a gradient of zero, which is a gradient: their moments decay and Adam moves
 * them on; a tensor without gradient keeps its moments. */
static void TR51_absent_rows_decay_and_absent_tensors_do_not(void **state)
{
    luge_error err;
    luge_optimizer *opt = open_method("adam", "lr=0.25 beta1=0.5 beta2=0.25");
    double row[4] = { 1, 1, 1, 1 }, tensor = 1, full[4] = { 1, 1, 1, 1 }, sparse[4] = { 1, 1, 0, 0 }, g = 1;
    (void)state;
    MUST(luge_add(opt, 0, "rows", LUGE_F64, row, 2, (size_t[]){ 2, 2 }, &err));
    MUST(luge_add(opt, 0, "tensor", LUGE_F64, &tensor, 0, NULL, &err));
    MUST(luge_step(opt, &(luge_inputs){ .grad = (const void *[]){ full, &g } }, &err));
    double left = row[2], still = tensor;
    for (int k = 0; k < 3; k++)
        MUST(luge_step(opt, &(luge_inputs){ .grad = (const void *[]){ sparse, NULL } }, &err));
    const double *m = luge_state(opt, 0, "exp_avg", 0), *v = luge_state(opt, 0, "exp_avg_sq", 0);
    CHECK(m[3] == .5 / 8 && v[3] == .75 / 64, "absent row: m = %g, v = %g", m[3], v[3]);
    CHECK(row[2] < left, "an absent row is not moved on by its momentum");
    CHECK(*(double *)luge_state(opt, 1, "exp_avg", 0) == .5 && tensor == still, "an absent tensor has changed");
    luge_free(opt);
    CHECK_END();
}

/* Powers by repeated products lose k units after k steps.  Adam has none, by its count put into a checkpoint; NAdam's
 * product is one by its definition, and is within that of the oracle after a million steps. */
static void TR54_powers_after_a_million_steps(void **state)
{
    luge_error err;
    luge_optimizer *opt = open_method("adam", "lr=1 eps=0 beta1=0.5 beta2=0.999999");
    double x = 0, g = 1, before;
    const void *grad = &g;
    long double beta = .999999, v, want, product = 1, mu = 0;
    (void)state;
    MUST(luge_add(opt, 0, "x", LUGE_F64, &x, 0, NULL, &err));
    MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
    MUST(luge_save(opt, scratch("young"), &err));
    recount(scratch("young"), scratch("old"), "999999");
    MUST(luge_load(opt, scratch("old"), &err));
    before = x;
    MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
    v = beta * (1 - beta) + (1 - beta);
    want = -.75L / sqrtl(v / -expm1l(1e6L * logl(beta)));
    CHECK(fabsl(x - before - want) <= 16 * DBL_EPSILON * fabsl(want), "Adam: %.17g and not %.17Lg", x - before, want);
    luge_free(opt);

    opt = open_method("nadam", "lr=1 eps=0 beta1=0.999999 beta2=0 momentum_decay=1e-5");
    x = 0;
    MUST(luge_add(opt, 0, "x", LUGE_F64, &x, 0, NULL, &err));
    for (int k = 1; k <= 1000000; k++) {
        before = x;
        MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
        mu = beta * (1 - .5L * powl(.96L, k * 1e-5));
        product *= mu;
    }
    long double next = beta * (1 - .5L * powl(.96L, 1000001 * 1e-5)), m = -expm1l(1e6L * logl(beta));
    want = -(1 - mu) / (1 - product) - next / (1 - product * next) * m;
    CHECK(fabsl(x - before - want) <= 1e6 * DBL_EPSILON * fmaxl(1, fabsl(x)), "NAdam: %.17g and not %.17Lg",
          x - before, want);
    luge_free(opt);
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(TR03_many_tensors_count_one_step),
        cmocka_unit_test(TR05_steps_beyond_2_to_the_24),
        cmocka_unit_test(TR11_a_NaN_is_not_hidden),
        cmocka_unit_test(TR33_schedule_free_saves_and_shows_the_right_point),
        cmocka_unit_test(TR40_the_estimate_of_the_distance),
        cmocka_unit_test(TR45_load_goes_by_name),
        cmocka_unit_test(TR46_a_missing_gradient_is_no_step),
        cmocka_unit_test(TR47_a_step_happens_or_not),
        cmocka_unit_test(TR49_clipping_by_norm),
        cmocka_unit_test(TR51_absent_rows_decay_and_absent_tensors_do_not),
        cmocka_unit_test(TR54_powers_after_a_million_steps),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
