/* Faults that shipped in other implementations, each with the test that would have caught it: paths, lengths, types
 * and threads.  The table of all of them stands in traps.c.  SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "core/core.h"
#include "files.h"
#include "level.h"
#include "methods/reference.h"

static const char *const levels[] = { "v2", "v3", "v4" };

/* One run on arrays of `type`: the tensors are cut from x, one gradient a step for all of them from `seed`. */
typedef struct run {
    const char *method, *settings, *level; /* level NULL: the best */
    luge_type type;
    size_t n, cut; /* coordinates; and of them in a tensor, the last one may have fewer */
    int steps, threads;
} run;

enum { MOST = 100003 };
typedef struct outcome {
    double x[MOST]; /* bytes of the parameters, whatever their type */
    uint64_t state; /* a hash of all slots */
} outcome;

static size_t size_of(luge_type type) { return type == LUGE_F64 ? 8 : type == LUGE_F32 ? 4 : 2; }

static void fill(void *to, size_t n, luge_type type, uint64_t seed)
{
    for (size_t i = 0; i < n; i++) {
        double v = noise(&seed);
        float f = (float)v;
        if (type == LUGE_F64)
            ((double *)to)[i] = v;
        else if (type == LUGE_F32)
            ((float *)to)[i] = f;
        else
            memcpy((char *)to + 2 * i, (char *)&f + 2, 2);
    }
}

/* Hash of the i-th coordinates of every slot, in an order that does not depend on the cut. */
static uint64_t state_of(luge_optimizer *opt, const char *method, const run *r)
{
    uint64_t h = LG_HASH;
    luge_row row;
    for (size_t s = 0; luge_method_row(luge_method_find(method), LUGE_SLOTS, s, &row); s++)
        for (size_t lo = 0, t = 0; lo < r->n; lo += r->cut, t++) {
            const void *slot = luge_state(opt, t, row.name, 0);
            size_t n = r->n - lo < r->cut ? r->n - lo : r->cut;
            if (slot) h = lg_hash(h, slot, n * (r->type == LUGE_F64 ? 8 : 4));
        }
    return h;
}

/* false: the processor lacks that level */
static bool play_run(const run *r, outcome *to)
{
    static double g[MOST];
    static const void *grad[MOST];
    luge_error err;
    luge_optimizer *opt = NULL;
    char text[32];
    size_t tensor = 0;
    if (r->level && !level_runs(r->level, r->method)) return false;
    if (r->level) setenv("LUGE_ISA", r->level, 1);
    MUST(luge_new(&opt, r->method, &err));
    unsetenv("LUGE_ISA");
    MUST(set_all(opt, r->settings, &err));
    snprintf(text, sizeof text, "%d", r->threads);
    MUST(luge_option(opt, "threads", text, &err));
    memset(to, 0, sizeof *to);
    fill(to->x, r->n, r->type, 99);
    for (size_t lo = 0; lo < r->n; lo += r->cut, tensor++) {
        size_t n = r->n - lo < r->cut ? r->n - lo : r->cut;
        snprintf(text, sizeof text, "w%zu", tensor);
        grad[tensor] = (char *)g + lo * size_of(r->type);
        MUST(luge_add(opt, 0, text, r->type, (char *)to->x + lo * size_of(r->type), 1, &n, &err));
    }
    for (int k = 1; k <= r->steps; k++) {
        fill(g, r->n, r->type, (uint64_t)k);
        MUST(luge_step(opt, &(luge_inputs){ .grad = grad }, &err));
    }
    to->state = state_of(opt, r->method, r);
    luge_free(opt);
    return true;
}

static outcome one, other;

static void equal(const char *what, const run *a, const run *b)
{
    if (!play_run(a, &one) || !play_run(b, &other)) return;
    CHECK(!memcmp(one.x, other.x, sizeof one.x), "%s, %s, type %d, %zu of %zu, %s, %d threads: other parameters",
          what, b->method, (int)b->type, b->cut, b->n, b->level ? b->level : "best level", b->threads);
    CHECK(one.state == other.state, "%s, %s, type %d, %zu of %zu: another state", what, b->method, (int)b->type,
          b->cut, b->n);
}

/* The maximum must be kept by every path: each level, whole vectors and single coordinates, one thread and three. */
static void TR07_amsgrad_in_every_path(void **state)
{
    (void)state;
    for (int type = LUGE_F32; type <= LUGE_BF16; type++) {
        run plain = { "amsgrad", "beta2=0.9", NULL, (luge_type)type, 257, 257, 100, 1 };
        for (size_t i = 0; i < ROWS(levels); i++) {
            run there = plain;
            there.level = levels[i];
            equal("level", &plain, &there);
            there.cut = 1;
            equal("single coordinates", &plain, &there);
        }
    }
    run large = { "amsgrad", "beta2=0.9", NULL, LUGE_F32, MOST, MOST, 4, 1 }, shared = large;
    shared.threads = 3;
    equal("threads", &large, &shared);
    CHECK_END();
}

/* Rows of embeddings that no one looked up: +0 or -0, they stay, in every type and in loops of every length. */
static void TR10_the_sign_of_zero_is_zero(void **state)
{
    static const char *const methods[] = { "lion", "signum", "signsgd" };
    (void)state;
    for (size_t i = 0; i < ROWS(methods); i++)
        for (int type = LUGE_F32; type <= LUGE_BF16; type++)
            for (size_t n = 1; n < 70; n++) {
                luge_error err;
                luge_optimizer *opt = open_method(methods[i], "lr=0.5");
                unsigned char x[8 * 70], g[8 * 70], start[8 * 70];
                size_t size = type == LUGE_F64 ? 8 : type == LUGE_F32 ? 4 : 2;
                const void *grad = g;
                memset(x, 0x3f, sizeof x); /* some number above 0 in each type */
                memcpy(start, x, sizeof x);
                memset(g, 0, sizeof g);
                for (size_t j = 0; j < n; j += 2) g[size * j + size - 1] = 0x80; /* little-endian -0 */
                MUST(luge_add(opt, 0, "x", (luge_type)type, x, 1, &n, &err));
                for (int k = 0; k < 3; k++) MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
                CHECK(!memcmp(x, start, sizeof x), "%s, type %d, %zu elements: one moved", methods[i], type, n);
                luge_free(opt);
            }
    CHECK_END();
}

/* One large tensor, many small ones, threads, levels: all of them are the same method, and the method is the one that
 * the formula says, here to three steps of a sum over all gradients. */
static void TR14_every_path_is_the_same_method(void **state)
{
    static const size_t cuts[] = { MOST, 1000, 997, 40000 };
    static double g[3][MOST], x0[MOST];
    run plain = { "heavy_ball", "lr=0.5 momentum=0.75", NULL, LUGE_F64, MOST, MOST, 3, 1 };
    (void)state;
    for (size_t i = 0; i < ROWS(cuts); i++)
        for (size_t j = 0; j < ROWS(levels); j++) {
            run there = plain;
            there.cut = cuts[i];
            there.level = levels[j];
            there.threads = 1 + (int)j;
            equal("path", &plain, &there);
        }
    fill(x0, MOST, LUGE_F64, 99);
    for (int k = 0; k < 3; k++) fill(g[k], MOST, LUGE_F64, (uint64_t)k + 1);
    for (size_t i = 0; i < MOST; i++) {
        long double want = x0[i] - .5L * (g[0][i] * (1 + .75L + .5625L) + g[1][i] * (1 + .75L) + g[2][i]);
        CHECK(fabsl(one.x[i] - want) <= 16 * DBL_EPSILON, "coordinate %zu: %.17g and not %.17Lg", i, one.x[i], want);
    }
    CHECK_END();
}

/* Sums over tensors: not a bit depends on who adds up. */
static void TR41_sums_do_not_depend_on_threads(void **state)
{
    static const int threads[] = { 2, 7, 64 };
    (void)state;
    for (size_t i = 0; i < ROWS(threads); i++)
        for (int type = LUGE_F32; type <= LUGE_BF16; type++) {
            run alone = { "lamb", "", NULL, (luge_type)type, MOST, 33000, 3, 1 }, shared = alone;
            shared.threads = threads[i];
            equal("threads", &alone, &shared);
            CHECK(one.state != LG_HASH, "there is no state to compare");
        }
    CHECK_END();
}

/* What is read back has the type and the bits of what was written, and counts above 256 survive beside bf16. */
static void TR44_round_trip_of_every_type(void **state)
{
    static const char *const methods[] = { "adam", "amsgrad", "nadam", "heavy_ball", "lion", "lamb", "adamp" };
    (void)state;
    for (size_t i = 0; i < ROWS(methods); i++)
        for (int type = LUGE_F32; type <= LUGE_BF16; type++) {
            luge_error err;
            enum { N = 33 };
            double x[2][N] = { { 0 } }, g[N];
            const void *grad = g;
            luge_optimizer *opt[2];
            size_t bytes = N * size_of((luge_type)type);
            for (int j = 0; j < 2; j++) {
                opt[j] = open_method(methods[i], "lr=0.001");
                fill(x[j], N, (luge_type)type, 5);
                MUST(luge_add(opt[j], 0, "w", (luge_type)type, x[j], 2, (size_t[]){ 3, 11 }, &err));
            }
            for (int k = 1; k <= 310; k++) {
                if (k == 301) {
                    MUST(luge_save(opt[0], scratch("types"), &err));
                    MUST(luge_load(opt[1], scratch("types"), &err));
                    CHECK(!memcmp(x[0], x[1], bytes), "%s, type %d: parameters after loading", methods[i], type);
                }
                for (int j = 0; j < (k < 301 ? 1 : 2); j++) {
                    fill(g, N, (luge_type)type, (uint64_t)k);
                    MUST(luge_step(opt[j], &(luge_inputs){ .grad = &grad }, &err));
                }
            }
            CHECK(luge_steps(opt[1]) == 310, "%s: %lld steps", methods[i], (long long)luge_steps(opt[1]));
            CHECK(!memcmp(x[0], x[1], bytes), "%s, type %d: parameters after going on", methods[i], type);
            for (int j = 0; j < 2; j++) luge_free(opt[j]);
        }
    CHECK_END();
}

/* Every length from 0 to 257: the coordinates of a shorter run are those of a longer one. */
static void TR52_every_length(void **state)
{
    static const char *const methods[] = { "amsgrad", "nesterov", "nadam", "lion", "signum" };
    (void)state;
    for (size_t i = 0; i < ROWS(methods); i++)
        for (int type = LUGE_F32; type <= LUGE_BF16; type++) {
            run most = { methods[i], "", NULL, (luge_type)type, 257, 257, 3, 1 };
            play_run(&most, &one);
            for (size_t n = 1; n < 257; n++) {
                run less = most;
                less.n = less.cut = n;
                play_run(&less, &other);
                CHECK(!memcmp(one.x, other.x, n * size_of(most.type)), "%s, type %d, %zu elements", methods[i], type,
                      n);
            }
        }
    luge_error err;
    luge_optimizer *opt = open_method("adam", "");
    MUST(luge_add(opt, 0, "none", LUGE_F32, NULL, 2, (size_t[]){ 3, 0 }, &err));
    MUST(luge_step(opt, &(luge_inputs){ .grad = (const void *[]){ "" } }, &err));
    luge_free(opt);
    CHECK_END();
}

static float from_bf16(const void *p)
{
    float f = 0;
    memcpy((char *)&f + 2, p, 2);
    return f;
}

/* bf16 stores what f32 computes, rounded to nearest, element by element: half an ulp of 8 bits. */
static void TR53_bf16_is_f32_rounded(void **state)
{
    static const char *const methods[] = { "adamw", "nesterov", "nadam", "lion", "signum", "lamb", "adamp" };
    enum { N = 1000 };
    (void)state;
    for (size_t i = 0; i < ROWS(methods); i++) {
        luge_error err;
        static uint16_t half[N], half_g[N];
        static float full[N], full_g[N];
        luge_optimizer *opt[2] = { open_method(methods[i], "lr=0.1"), open_method(methods[i], "lr=0.1") };
        fill(half, N, LUGE_BF16, 1);
        fill(half_g, N, LUGE_BF16, 2);
        for (int j = 0; j < N; j++) full[j] = from_bf16(&half[j]), full_g[j] = from_bf16(&half_g[j]);
        MUST(luge_add(opt[0], 0, "w", LUGE_BF16, half, 2, (size_t[]){ 10, 100 }, &err));
        MUST(luge_add(opt[1], 0, "w", LUGE_F32, full, 2, (size_t[]){ 10, 100 }, &err));
        MUST(luge_step(opt[0], &(luge_inputs){ .grad = (const void *[]){ half_g } }, &err));
        MUST(luge_step(opt[1], &(luge_inputs){ .grad = (const void *[]){ full_g } }, &err));
        for (int j = 0; j < N; j++) {
            float below = fabsf(full[j] - from_bf16(&half[j]));
            CHECK(below <= ldexpf(fabsf(full[j]), -8), "%s, element %d: %g stored as %g", methods[i], j,
                  (double)full[j], (double)from_bf16(&half[j]));
        }
        luge_row row;
        for (size_t s = 0; luge_method_row(luge_method_find(methods[i]), LUGE_SLOTS, s, &row); s++) {
            const void *a = luge_state(opt[0], 0, row.name, 0), *b = luge_state(opt[1], 0, row.name, 0);
            CHECK(!a == !b && (!a || !memcmp(a, b, N * 4)), "%s: %s is not of f32", methods[i], row.name);
        }
        for (int j = 0; j < 2; j++) luge_free(opt[j]);
    }
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(TR07_amsgrad_in_every_path),         cmocka_unit_test(TR10_the_sign_of_zero_is_zero),
        cmocka_unit_test(TR14_every_path_is_the_same_method), cmocka_unit_test(TR41_sums_do_not_depend_on_threads),
        cmocka_unit_test(TR44_round_trip_of_every_type),      cmocka_unit_test(TR52_every_length),
        cmocka_unit_test(TR53_bf16_is_f32_rounded),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
