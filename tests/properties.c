/* Properties of every method in the registry: the same bits by every level, any number of threads, any alignment, any
 * length and, where sums allow it, any split into tensors; nothing written outside; what bf16, f32 and f64 have to do
 * with each other; what gradients of zero and NaN do.  SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "registry.h"
#include <float.h>

static const char *const type_name[] = { "f32", "f64", "bf16" };
static const shape mixed[] = { { 2, { 3, 33001 } },   { 2, { 37, 61 } }, { 1, { 70 } },      { 0, { 0 } },
                               { 4, { 8, 4, 3, 3 } }, { 1, { 0 } },      { 2, { 300, 70 } }, { 1, { 34000 } } };

static void same_bits_by_every_way(void **state)
{
    static const way ways[] = { { "v2", 2, 1, true },  { "v3", 3, 2, false }, { "v4", 7, 3, true },
                                { "v2", 1, 3, false }, { "v3", 1, 0, true },  { NULL, 2, 2, false } };
    (void)state;
    for (size_t i = 0; i < config_count; i++)
        for (int type = LUGE_F32; type <= LUGE_BF16; type++) {
            job j = { &configs[i], (luge_type)type, mixed, ROWS(mixed), 3, { NULL, 1, 0, false }, false };
            uint64_t want = run(&j);
            for (size_t w = type == LUGE_F32 || !*configs[i].key ? 0 : 4; w < ROWS(ways); w++) {
                j.w = ways[w];
                uint64_t got = run(&j);
                CHECK(!got || got == want, "%s, %s: other bits by %s, %d threads, %d elements off", config_name(j.c),
                      type_name[type], j.w.level ? j.w.level : "the best level", j.w.threads, j.w.offset);
            }
        }
    CHECK_END();
}

/* A vector and a matrix of every length up to 70 and about the sizes of blocks and pieces. */
static void same_bits_of_every_length(void **state)
{
    static const char *const levels[] = { "v2", "v3", "v4" };
    static const size_t large[] = { 4095, 4096, 4097, 32767, 32768, 32769 };
    (void)state;
    for (size_t i = 0; i < config_count; i++)
        for (int type = LUGE_F32; type <= LUGE_BF16; type++)
            for (size_t n = 1; n < 71 + ROWS(large); n += *configs[i].key ? 13 : 1) {
                size_t length = n < 71 ? n : large[n - 71];
                shape two[] = { { 1, { length } }, { 2, { 2, length } } };
                job j = { &configs[i], (luge_type)type, two, 2, 2, { NULL, 1, (int)(n % 4), n % 2 }, false };
                uint64_t want = run(&j);
                for (size_t l = 0; l < ROWS(levels); l++) {
                    j.w = (way){ levels[l], 1 + (int)(n > 70), (int)((n + l) % 4), l == 1 };
                    uint64_t got = run(&j);
                    CHECK(!got || got == want, "%s, %s, %zu elements: other bits by %s", config_name(j.c),
                          type_name[type], length, levels[l]);
                }
            }
    CHECK_END();
}

/* Sums over rows or tensors know where a tensor ends; no others do. */
static bool splits(const luge_method *m)
{
    for (int p = 0; p < m->method->measures; p++)
        if (m->method->scope(p) != LG_ALL) return false;
    return true;
}

static void many_tensors_are_as_one(void **state)
{
    static const shape one[] = { { 1, { 70000 } } };
    static const shape many[] = { { 1, { 1 } },     { 1, { 70 } },    { 1, { 4095 } }, { 1, { 0 } },
                                  { 1, { 33000 } }, { 1, { 32000 } }, { 1, { 834 } } };
    size_t checked = 0;
    (void)state;
    for (size_t i = 0; i < config_count; i++)
        for (int type = LUGE_F32; type <= LUGE_BF16 && splits(configs[i].method); type++) {
            job j = { &configs[i], (luge_type)type, one, 1, 4, { NULL, 1, 0, false }, false };
            uint64_t want = run(&j);
            j.shapes = many;
            j.tensors = ROWS(many);
            j.w.threads = 2;
            CHECK(run(&j) == want, "%s, %s: many tensors differ from one", config_name(j.c), type_name[type]);
            checked++;
        }
    CHECK(checked > 0, "no method was there to check");
    CHECK_END();
}

/* ---- types ---- */

static const shape small[] = { { 2, { 7, 11 } }, { 1, { 70 } }, { 0, { 0 } }, { 4, { 4, 2, 3, 3 } } };
enum { SMALL = 77 + 70 + 1 + 72 };

static void *place(size_t t, size_t i, luge_type type, arena *a) { return a->bytes + a->at[t] + i * lg_size(type); }

/* The parameters after each step, as f64; [0] the start. */
static void paths(const config *c, luge_type type, int steps, void (*change)(const job *j), double x[][SMALL])
{
    luge_error err;
    job j = { c, type, small, ROWS(small), steps, { NULL, 1, 0, false }, false };
    luge_optimizer *opt = job_open(&j, "0.1");
    for (int k = 0; k <= steps; k++) {
        size_t at = 0;
        if (k) MUST(changed_step(opt, &j, k - 1, change, &err));
        for (size_t t = 0; t < ROWS(small); t++)
            for (size_t i = 0; i < shape_n(&small[t]); i++, at++) {
                float f;
                memcpy(&f, place(t, i, type, &parameters), 4);
                x[k][at] = (double)f;
                if (type == LUGE_F64) memcpy(&x[k][at], place(t, i, type, &parameters), 8);
            }
    }
    luge_free(opt);
}

/* Every gradient, of f64, is moved by a unit in the last place of f32, up or down. */
static void shake(const job *j)
{
    for (size_t t = 0, n = 0; t < ROWS(small); t++)
        for (size_t i = 0; i < shape_n(&small[t]); i++, n++) {
            double g;
            memcpy(&g, place(t, i, j->type, &gradients), 8);
            g *= 1 +
                 (lg_random(1, lg_hash(LG_HASH, &g, sizeof g), n) & 1 ? (double)FLT_EPSILON : -(double)FLT_EPSILON);
            memcpy(place(t, i, j->type, &gradients), &g, 8);
        }
}

/* f32 loses at most 16 (k + 1) times what a unit in its last place is, of the way that the parameters have gone, or
 * makes of the result when it is put on the gradients: where a quotient is ill-conditioned, that is more. */
static void f32_is_near_f64(void **state)
{
    static double x[3][STEPS + 1][SMALL];
    (void)state;
    for (size_t i = 0; i < config_count; i++) {
        paths(&configs[i], LUGE_F64, STEPS, NULL, x[0]);
        paths(&configs[i], LUGE_F32, STEPS, NULL, x[1]);
        paths(&configs[i], LUGE_F64, STEPS, shake, x[2]);
        double way = 1, condition = 0; /* the starts are below 1 */
        for (int k = 1; k <= STEPS; k++) {
            double most = 0, longest = 0;
            for (int n = 0; n < SMALL; n++) {
                longest = fmax(longest, fabs(x[0][k][n] - x[0][k - 1][n]));
                condition = fmax(condition, fabs(x[0][k][n] - x[2][k][n]));
                most = fmax(most, fabs(x[0][k][n] - x[1][k][n]));
                CHECK(isnan(x[0][k][n]) == isnan(x[1][k][n]), "%s, step %d: NaN in one type",
                      config_name(&configs[i]), k);
            }
            way += longest;
            CHECK(most <= 16 * (k + 1) * ((double)FLT_EPSILON * way + condition),
                  "%s, step %d: f32 is off by %g after a way of %g, where a unit makes %g", config_name(&configs[i]),
                  k, most, way, condition);
        }
    }
    CHECK_END();
}

/* One step from the same numbers: bf16 stores what f32 computes, rounded to nearest, and has its state. */
static void bf16_is_f32_rounded(void **state)
{
    (void)state;
    coarse = true;
    for (size_t i = 0; i < config_count; i++) {
        luge_error err;
        static arena full;
        job j = { &configs[i], LUGE_F32, small, ROWS(small), 1, { NULL, 1, 0, false }, false };
        uint64_t slots[2];
        for (int type = LUGE_F32; type <= LUGE_BF16; type += LUGE_BF16 - LUGE_F32) {
            j.type = (luge_type)type;
            luge_optimizer *opt = job_open(&j, "0.1");
            MUST(step(opt, &j, 0, &err));
            slots[type == LUGE_BF16] = slot_hash(opt, &j);
            if (type == LUGE_F32) full = parameters;
            luge_free(opt);
        }
        CHECK(slots[0] == slots[1] || j.c->averaged, /* averages are of what is stored */
              "%s: the state is another one in bf16", config_name(&configs[i]));
        for (size_t t = 0; t < ROWS(small); t++)
            for (size_t n = 0; n < shape_n(&small[t]); n++) {
                uint32_t wide;
                uint16_t stored;
                memcpy(&wide, place(t, n, LUGE_F32, &full), 4);
                memcpy(&stored, place(t, n, LUGE_BF16, &parameters), 2);
                bool nan = (wide & 0x7fffffffu) > 0x7f800000u;
                CHECK(nan || stored == (wide + 0x7fffu + (wide >> 16 & 1)) >> 16,
                      "%s, tensor %zu, element %zu: %08x as %04x", config_name(&configs[i]), t, n, wide, stored);
            }
    }
    coarse = false;
    CHECK_END();
}

/* ---- zeros and NaN ---- */

/* All gradients and inputs become 0. */
static void clear(const job *j)
{
    luge_row row;
    arena *a = &gradients;
    for (size_t i = 0; a; a = luge_method_row(j->c->method, LUGE_INPUTS, i, &row) ? &inputs[i++] : NULL)
        for (size_t t = 0; t < ROWS(small); t++)
            memset(place(t, 0, j->type, a), 0, shape_n(&small[t]) * lg_size(j->type));
}

/* A setting that divides 0 by 0, as documented, or moves parameters by itself: decay, and bounds that cut the start.
 */
static bool moves_alone(const char *key)
{
    return !strncmp(key, "weight_decay", 12) || !strcmp(key, "eps") || !strcmp(key, "low") || !strcmp(key, "high");
}

/* Without decay and without gradients nothing moves, from the first step on, and nothing becomes NaN. */
static void zero_gradients_move_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_count; i++)
        for (int type = LUGE_F32; type <= LUGE_BF16; type++) {
            luge_error err;
            job j = { &configs[i], (luge_type)type, small, ROWS(small), 3, { NULL, 1, 0, false }, false };
            if (moves_alone(configs[i].key)) continue;
            luge_optimizer *opt = job_open(&j, "0");
            uint64_t want = parameter_hash(&j);
            for (int k = 0; k < 3; k++) {
                MUST(changed_step(opt, &j, k, clear, &err));
                CHECK(parameter_hash(&j) == want, "%s, %s: moved in step %d without a gradient", config_name(j.c),
                      type_name[type], k + 1);
            }
            luge_free(opt);
        }
    CHECK_END();
}

static bool is_nan(const void *p, luge_type type)
{
    double d;
    float f = 0;
    memcpy(&d, p, 8);
    memcpy((char *)&f + (type == LUGE_BF16 ? 2 : 0), p, type == LUGE_BF16 ? 2 : 4);
    return type == LUGE_F64 ? isnan(d) : isnan(f);
}

static void spoil(const job *j)
{
    double wide = (double)NAN;
    float narrow = NAN;
    memcpy(place(0, 5, j->type, &gradients),
           j->type == LUGE_F64 ? (char *)&wide : (char *)&narrow + (j->type == LUGE_BF16 ? 2 : 0), lg_size(j->type));
}

/* The constants at k = infinity, which the flows ask for: no correction is left, and none of them is NaN. */
static void the_limit_of_late_steps_exists(void **state)
{
    (void)state;
    for (size_t i = 0; i < config_count; i++) {
        static double h[256], memory[64], own[64], c[256];
        const luge_method *entry = configs[i].method;
        const lg_method *m = entry->method;
        luge_error err;
        assert_true(m->hyper_size <= sizeof h && m->memory_size <= sizeof memory && m->own_size <= sizeof own &&
                    m->coef_size <= sizeof c);
        memset(c, 0, sizeof c);
        MUST(lg_setting_defaults(entry->name, m->hyper, h, &err));
        MUST(lg_setting_parse(entry->name, m->hyper, h, entry->defaults, &err));
        MUST(lg_setting_parse(entry->name, m->hyper, h, entry->fixed, &err));
        if (*configs[i].key && !configs[i].averaged)
            MUST(lg_setting_key(entry->name, m->hyper, h, configs[i].key, configs[i].value, &err));
        m->begin(h, memory);
        m->begin_own(h, own);
        m->prepare(h, HUGE_VAL, memory, own, c);
        for (size_t n = 0; n < m->coef_size / sizeof *c; n++)
            CHECK(!isnan(c[n]), "%s: constant %zu is NaN", config_name(&configs[i]), n);
    }
    CHECK_END();
}

/* One NaN in the gradients of the second step.  allow: its coordinate becomes NaN (a setting of 0 may let no gradient
 * through, so only methods as they come are held to it).  skip, fail: nothing changes. */
static void nan_follows_the_policy(void **state)
{
    static const char *const policy[] = { "allow", "skip", "fail" };
    (void)state;
    for (size_t i = 0; i < 9 * config_count; i++) {
        luge_error err;
        int p = (int)(i % 3), type = (int)(i / 3 % 3);
        const config *c = &configs[i / 9];
        job j = { c, (luge_type)type, small, ROWS(small), 2, { NULL, 1, 0, false }, false };
        luge_optimizer *opt = job_open(&j, "0.1");
        MUST(luge_option(opt, "nonfinite", policy[p], &err));
        MUST(step(opt, &j, 0, &err));
        uint64_t before = outcome(opt, &j);
        luge_status st = changed_step(opt, &j, 1, spoil, &err);
        CHECK(st == (p == 2 ? LUGE_E_NUMERIC : LUGE_OK), "%s, %s: status %d", config_name(c), policy[p], (int)st);
        CHECK(luge_skipped(opt) == (p == 1), "%s, %s: skipped", config_name(c), policy[p]);
        if (p)
            CHECK(outcome(opt, &j) == before, "%s, %s, %s: something changed", config_name(c), type_name[type],
                  policy[p]);
        else
            CHECK(is_nan(place(0, 5, j.type, &parameters), j.type) || *c->key, "%s, %s: the NaN is hidden",
                  config_name(c), type_name[type]);
        luge_free(opt);
    }
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(same_bits_by_every_way),  cmocka_unit_test(same_bits_of_every_length),
        cmocka_unit_test(many_tensors_are_as_one), cmocka_unit_test(f32_is_near_f64),
        cmocka_unit_test(bf16_is_f32_rounded),     cmocka_unit_test(zero_gradients_move_nothing),
        cmocka_unit_test(nan_follows_the_policy),  cmocka_unit_test(the_limit_of_late_steps_exists),
    };
    return cmocka_run_group_tests(tests, configs_make, NULL);
}
