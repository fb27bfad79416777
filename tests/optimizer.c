/* The optimizer object: groups, options, schedules, memory of the state, and what it refuses.
 * SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "engine/schedule.h"
#include "object.h"

/* ---- clipping ---- */

static const struct {
    const char *name;
    double scale, clip;
    size_t n[2];
} clips[] = {
    { "not reached", 1e-3, 1, { 5, 7 } },
    { "reached", 1, 0.5, { 5, 7 } },
    { "many pieces", 1, 2, { 70001, 1 } },
    { "squares overflow", 1e200, 1, { 40, 3 } },
};

/* x - lr ĝ with the norm taken in long double by the scaled sum. */
static void clip_norm(void **state)
{
    (void)state;
    for (size_t r = 0; r < ROWS(clips); r++) {
        size_t n = clips[r].n[0] + clips[r].n[1];
        double *x = calloc(n, sizeof *x), *g = calloc(n, sizeof *g), most = 0;
        char text[40];
        fill(g, n, r, clips[r].scale);
        luge_optimizer *o = make("sgd", LUGE_F64, x, clips[r].n, 2);
        lg_number_print(text, sizeof text, clips[r].clip);
        MUST(luge_option(o, "clip_norm", text, &err));
        MUST(luge_set(o, 0, "lr", "1", &err));
        const void *grad[] = { g, g + clips[r].n[0] };
        long double scale = (long double)clips[r].scale, clip = (long double)clips[r].clip, ss = 0;
        for (size_t i = 0; i < n; i++) ss += ((long double)g[i] / scale) * ((long double)g[i] / scale);
        long double norm = sqrtl(ss) * scale, factor = norm > clip ? clip / norm : 1;
        MUST(luge_step(o, &(luge_inputs){ .grad = grad }, &err));
        for (size_t i = 0; i < n; i++) {
            double want = (double)(-factor * (long double)g[i]), e = fabs(x[i] - want) / fabs(want);
            if (!(e <= most)) most = isnan(e) ? HUGE_VAL : e;
        }
        CHECK(most < 1e-14, "%s: relative error %g", clips[r].name, most);
        luge_free(o);
        free(x);
        free(g);
    }
    CHECK_END();
}

static void clip_value_after_norm(void **state)
{
    (void)state;
    double x[3] = { 0 }, g[3] = { 30, -40, 1 };
    luge_optimizer *o = make("sgd", LUGE_F64, x, (size_t[]){ 3 }, 1);
    MUST(luge_set(o, 0, "lr", "1", &err));
    MUST(luge_option(o, "clip_norm", "5", &err));
    MUST(luge_option(o, "clip_value", "3.5", &err));
    MUST(luge_step(o, &(luge_inputs){ .grad = (const void *[]){ g } }, &err));
    double norm = sqrt(900 + 1600 + 1);
    CHECK(fabs(x[0] + 150 / norm) < 1e-14 && x[1] == 3.5 && fabs(x[2] + 5 / norm) < 1e-15, "%.17g %.17g %.17g", x[0],
          x[1], x[2]);
    luge_free(o);
    CHECK_END();
}

/* The same coordinates as one tensor and as many, with a norm over all of them: the same bits. */
static void any_split_same_bits(void **state)
{
    (void)state;
    enum { N = 100003 };
    static double x[3][N], g[N];
    size_t parts[3][6] = { { N }, { 1, 4095, 17, 40000, 3, N - 44116 }, { 33333, 33333, N - 66666 } };
    int count[3] = { 1, 6, 3 };
    fill(g, N, 3, 1);
    for (int k = 0; k < 3; k++) {
        const void *grad[6];
        size_t at = 0;
        luge_optimizer *o = make("adamw", LUGE_F64, x[k], parts[k], count[k]);
        for (int i = 0; i < count[k]; at += parts[k][i++]) grad[i] = g + at;
        MUST(luge_option(o, "clip_norm", "1.5", &err));
        MUST(luge_option(o, "threads", k == 1 ? "3" : "1", &err));
        for (int s = 0; s < 3; s++) MUST(luge_step(o, &(luge_inputs){ .grad = grad }, &err));
        CHECK(!memcmp(x[0], x[k], sizeof x[0]), "%d tensors differ from one", count[k]);
        luge_free(o);
    }
    CHECK_END();
}

/* ---- accumulation ---- */

static void accumulate_is_the_mean(void **state)
{
    (void)state;
    enum { N = 50, K = 3 };
    static double x[2][N], g[K][N], mean[N];
    for (uint64_t k = 0; k < K; k++) fill(g[k], N, k, 1);
    for (size_t i = 0; i < N; i++) mean[i] = ((g[0][i] + g[1][i]) + g[2][i]) * (1.0 / 3);
    size_t n = N;
    luge_optimizer *a = make("adam", LUGE_F64, x[0], &n, 1), *b = make("adam", LUGE_F64, x[1], &n, 1);
    MUST(luge_option(a, "accumulate", "3", &err));
    for (int round = 0; round < 2; round++) {
        for (int k = 0; k < K; k++) {
            MUST(luge_step(a, &(luge_inputs){ .grad = (const void *[]){ g[k] } }, &err));
            CHECK(luge_steps(a) == round + (k == K - 1), "%d steps after call %d", (int)luge_steps(a), k);
        }
        MUST(luge_step(b, &(luge_inputs){ .grad = (const void *[]){ mean } }, &err));
    }
    CHECK(!memcmp(x[0], x[1], sizeof x[0]), "three calls differ from a step with their mean: %.17g, %.17g", x[0][0],
          x[1][0]);
    CHECK(luge_option(a, "accumulate", "1", &err) != LUGE_OK, "other state in mid-run is accepted");
    luge_free(a);
    luge_free(b);
    CHECK_END();
}

/* A tensor without a gradient in some calls counts those as zero; without any it is left alone. */
static void accumulate_missing(void **state)
{
    (void)state;
    double x[2] = { 0 }, g = 3;
    luge_optimizer *o = make("sgd", LUGE_F64, x, (size_t[]){ 1, 1 }, 2);
    MUST(luge_set(o, 0, "lr", "1", &err));
    MUST(luge_option(o, "accumulate", "2", &err));
    MUST(luge_step(o, &(luge_inputs){ .grad = (const void *[]){ &g, NULL } }, &err));
    MUST(luge_step(o, &(luge_inputs){ .grad = (const void *[]){ NULL, NULL } }, &err));
    CHECK(x[0] == -1.5 && x[1] == 0, "%g %g", x[0], x[1]);
    luge_free(o);
    CHECK_END();
}

/* ---- gradients that are not finite ---- */

static void nonfinite(void **state)
{
    (void)state;
    static const char *const policy[] = { "allow", "skip", "fail" };
    for (int type = 0; type < 3; type++)
        for (int p = 0; p < 3; p++)
            for (int bad = 0; bad < 2; bad++) {
                double x[8], old[8], g[8] = { 0 };
                memset(x, 0x3c, sizeof x);
                memcpy(old, x, sizeof x);
                float f = bad ? NAN : -INFINITY;
                if (type == LUGE_F64) g[5] = (double)f;
                if (type == LUGE_F32) ((float *)g)[5] = f;
                if (type == LUGE_BF16) memcpy((char *)g + 10, (char *)&f + 2, 2);
                luge_optimizer *o = make("heavy_ball", (luge_type)type, x, (size_t[]){ 4, 2 }, 2);
                const void *grad[] = { g, (char *)g + 4 * lg_size((luge_type)type) };
                MUST(luge_option(o, "nonfinite", policy[p], &err));
                err.text[0] = 0;
                luge_status st = luge_step(o, &(luge_inputs){ .grad = grad }, &err);
                bool moved = memcmp(x, old, sizeof x) != 0;
                CHECK(moved == (p == 0), "type %d, %s: moved %d", type, policy[p], moved);
                CHECK(luge_skipped(o) == (p == 1), "type %d, %s: %d skipped", type, policy[p], (int)luge_skipped(o));
                CHECK(luge_steps(o) == (p == 0), "type %d, %s: %d steps", type, policy[p], (int)luge_steps(o));
                CHECK(st == (p == 2 ? LUGE_E_NUMERIC : LUGE_OK), "type %d, %s: %s", type, policy[p], err.text);
                CHECK(p != 2 || (strstr(err.text, "w1") && strstr(err.text, "element 1")), "%s", err.text);
                luge_free(o);
            }
    CHECK_END();
}

static void clipping_keeps_nan(void **state)
{
    (void)state;
    float x[2] = { 1, 1 }, g[2] = { NAN, 9 };
    luge_optimizer *o = make("sgd", LUGE_F32, x, (size_t[]){ 2 }, 1);
    MUST(luge_option(o, "clip_value", "1", &err));
    MUST(luge_set(o, 0, "lr", "1", &err));
    MUST(luge_step(o, &(luge_inputs){ .grad = (const void *[]){ g } }, &err));
    CHECK(isnan(x[0]) && x[1] == 0, "%g %g", (double)x[0], (double)x[1]);
    luge_free(o);
    CHECK_END();
}

/* ---- schedules, against their closed forms ---- */

static long double cosine(long double k)
{
    return k <= 10 ? k / 10 : 0.1L + 0.9L * (1 + cosl(acosl(-1) * fminl(1, (k - 10) / 90))) / 2;
}
static long double linear(long double k) { return k >= 100 ? 0.25L : 1 - 0.75L * k / 100; }
static long double wsd(long double k) { return k < 5 ? k / 5 : k <= 25 ? 1 : k < 35 ? 1 - (k - 25) / 10 : 0; }
static long double exponential(long double k) { return powl(0.9L, k - 1); }
static long double stages(long double k) { return powl(0.5L, floorl((k - 1) / 7)); }
static long double warmup(long double k) { return fminl(1, k / 20); }
static long double constant(long double k) { return (void)k, 1; }

static void schedules(void **state)
{
    (void)state;
    static const struct {
        const char *text;
        long double (*factor)(long double k);
    } row[] = {
        { "constant", constant },
        { "warmup:steps=20", warmup },
        { "cosine:total=100,warmup=10,final=0.1", cosine },
        { "linear:total=100,final=0.25", linear },
        { "exponential:gamma=0.9", exponential },
        { "step:every=7,gamma=0.5", stages },
        { "wsd:warmup=5,stable=20,decay=10", wsd },
    };
    for (size_t r = 0; r < ROWS(row); r++) {
        lg_schedule s = { 0 };
        char text[LG_TEXT];
        MUST(lg_schedule_parse(&s, row[r].text, &err));
        for (int k = 1; k <= 150; k++) {
            double have = lg_schedule_factor(&s, k), want = (double)row[r].factor(k);
            CHECK(fabs(have - want) <= 4e-15 * (1 + k * (row[r].factor == exponential)), "%s at %d: %.17g, not %.17g",
                  row[r].text, k, have, want);
        }
        lg_schedule again = { 0 };
        lg_schedule_print(&s, text, sizeof text);
        MUST(lg_schedule_parse(&again, text, &err));
        CHECK(!memcmp(&s, &again, sizeof s), "%s reads back as something else", text);
    }
    static const char *const bad[] = { "cosin",
                                       "",
                                       ":",
                                       "cosine",
                                       "cosine:total=5,warmup=5",
                                       "cosine:total=10,final=2",
                                       "step:every=0",
                                       "warmup:steps=-1",
                                       "warmup:steps",
                                       "linear:total=nan",
                                       "wsd:speed=1" };
    for (size_t i = 0; i < ROWS(bad); i++) {
        lg_schedule s = { 0 }, none = { 0 };
        err.text[0] = 0;
        CHECK(lg_schedule_parse(&s, bad[i], &err) && err.text[0], "\"%s\" is accepted", bad[i]);
        CHECK(!memcmp(&s, &none, sizeof s), "\"%s\" leaves traces", bad[i]);
    }
    CHECK_END();
}

/* A schedule scales the step size, decay with it, and nothing else: the same as setting lr before each step. */
static void schedule_is_lr(void **state)
{
    (void)state;
    enum { N = 9 };
    double x[2][N], g[N];
    size_t n = N;
    fill(x[0], N, 1, 1);
    memcpy(x[1], x[0], sizeof g);
    luge_optimizer *a = make("adamw", LUGE_F64, x[0], &n, 1), *b = make("adamw", LUGE_F64, x[1], &n, 1);
    MUST(luge_set(a, 0, "lr", "0.25", &err));
    MUST(luge_set(a, 0, "schedule", "linear:total=8,final=0.5", &err));
    for (int k = 1; k <= 12; k++) {
        fill(g, N, (uint64_t)k, 1);
        MUST(luge_set_real(b, 0, "lr", 0.25 * (k < 8 ? 1 - 0.5 * k / 8 : 0.5), &err));
        MUST(luge_step(a, &(luge_inputs){ .grad = (const void *[]){ g } }, &err));
        MUST(luge_step(b, &(luge_inputs){ .grad = (const void *[]){ g } }, &err));
    }
    CHECK(!memcmp(x[0], x[1], sizeof g), "%.17g, %.17g", x[0][0], x[1][0]);
    luge_free(a);
    luge_free(b);
    CHECK_END();
}

/* ---- groups and missing gradients ---- */

static void groups_are_independent(void **state)
{
    (void)state;
    double x[4] = { 1, 1, 1, 1 }, y[2] = { 1, 1 }, z[2] = { 1, 1 }, g[2] = { 0.5, -2 };
    size_t two = 2;
    int group;
    luge_optimizer *both = make("lion", LUGE_F64, x, &two, 1), *lion = make("lion", LUGE_F64, y, &two, 1);
    luge_optimizer *ball = make("heavy_ball", LUGE_F64, z, &two, 1);
    MUST(luge_group(both, "heavy_ball", &group, &err));
    MUST(luge_set(both, group, "momentum", "0.9", &err));
    MUST(luge_set(ball, 0, "momentum", "0.9", &err));
    MUST(luge_add(both, group, "b", LUGE_F64, x + 2, 1, &two, &err));
    for (int k = 0; k < 4; k++) {
        MUST(luge_step(both, &(luge_inputs){ .grad = (const void *[]){ g, g } }, &err));
        MUST(luge_step(lion, &(luge_inputs){ .grad = (const void *[]){ g } }, &err));
        MUST(luge_step(ball, &(luge_inputs){ .grad = (const void *[]){ g } }, &err));
    }
    CHECK(!memcmp(x, y, sizeof y) && !memcmp(x + 2, z, sizeof z), "%g %g, %g %g", x[0], y[0], x[2], z[0]);
    luge_free(both);
    luge_free(lion);
    luge_free(ball);
    CHECK_END();
}

/* ---- memory of the state ---- */

static void state_memory(void **state)
{
    (void)state;
    enum { N = 1000 };
    static double x[2][N], g[N];
    size_t n = N, bytes = 0, less = 0;
    fill(g, N, 1, 1);
    luge_optimizer *a = make("adam", LUGE_F64, x[0], &n, 1), *b = make("adam", LUGE_F64, x[1], &n, 1);
    MUST(luge_state_bytes(a, &less, &err));
    MUST(luge_set(a, 0, "amsgrad", "true", &err));
    MUST(luge_set(b, 0, "amsgrad", "true", &err));
    MUST(luge_state_bytes(a, &bytes, &err));
    CHECK(less >= 2 * sizeof g && bytes >= 3 * sizeof g && bytes < 3 * sizeof g + 4 * LG_ALIGN, "%zu, then %zu", less,
          bytes);
    unsigned char *memory = lg_alloc(bytes + 64, 1);
    memset(memory, 0x77, bytes + 64);
    CHECK(luge_state_memory(a, memory + 8, bytes, &err) == LUGE_E_ARG, "not aligned and accepted");
    MUST(luge_state_memory(a, memory, bytes - 1, &err));
    CHECK(luge_step(a, &(luge_inputs){ .grad = (const void *[]){ g } }, &err) == LUGE_E_SHAPE,
          "too small and accepted");
    MUST(luge_state_memory(a, memory, bytes, &err));
    for (int k = 0; k < 3; k++) {
        MUST(luge_step(a, &(luge_inputs){ .grad = (const void *[]){ g } }, &err));
        MUST(luge_step(b, &(luge_inputs){ .grad = (const void *[]){ g } }, &err));
    }
    CHECK(!memcmp(x[0], x[1], sizeof g), "the caller's memory gives other results");
    for (size_t i = 0; i < 64; i++) CHECK(memory[bytes + i] == 0x77, "byte %zu past the state is written", i);
    const char *slot = luge_state(a, 0, "exp_avg", 0);
    CHECK(slot && slot >= (char *)memory && slot < (char *)memory + bytes, "the slot lies elsewhere");
    CHECK(!luge_state(a, 0, "exp_av", 0) && !luge_state(a, 1, "exp_avg", 0) && !luge_state(a, 0, "exp_avg", 1),
          "state of nothing");
    luge_free(a);
    luge_free(b);
    lg_free(memory);
    CHECK_END();
}

/* ---- what is refused ---- */

static void wrong_calls(void **state)
{
    (void)state;
    double x[4] = { 0 };
    size_t n = 4, huge[2] = { SIZE_MAX / 2, 8 };
    int group;
    char text[4];
    luge_optimizer *o = NULL;
    CHECK(luge_new(&o, "adamx", &err) == LUGE_E_NAME && !o && strstr(err.text, "adamx"), "%s", err.text);
    CHECK(luge_new(&o, NULL, &err) == LUGE_E_NAME && luge_new(NULL, "adam", &err) == LUGE_E_ARG, "%s", err.text);
    MUST(luge_new(&o, "adam", &err));
    CHECK(luge_group(o, "no", &group, &err) == LUGE_E_NAME, "%s", err.text);
    CHECK(luge_set(o, 1, "lr", "1", &err) == LUGE_E_ARG && luge_set(o, -1, "lr", "1", &err) == LUGE_E_ARG, "%s",
          err.text);
    CHECK(luge_set(o, 0, "beta3", "1", &err) == LUGE_E_NAME && strstr(err.text, "beta2"), "%s", err.text);
    CHECK(luge_set_real(o, 0, "lr", (double)NAN, &err) == LUGE_E_ARG, "%s", err.text);
    CHECK(luge_get(o, 0, "lr", text, 4, &err) == LUGE_E_ARG, "%s", err.text);
    CHECK(luge_option(o, "clip", "1", &err) == LUGE_E_NAME && luge_option(o, "clip_norm", "0", &err) == LUGE_E_ARG,
          "%s", err.text);
    CHECK(luge_add(o, 0, "w", LUGE_F64, x, 9, huge, &err) == LUGE_E_SHAPE, "%s", err.text);
    CHECK(luge_add(o, 0, "w", LUGE_F64, x, 2, huge, &err) == LUGE_E_SHAPE, "%s", err.text);
    CHECK(luge_add(o, 0, "w", LUGE_F64, NULL, 1, &n, &err) == LUGE_E_ARG, "%s", err.text);
    CHECK(luge_add(o, 0, "", LUGE_F64, x, 1, &n, &err) == LUGE_E_NAME, "%s", err.text);
    CHECK(luge_add(o, 0, "w", (luge_type)7, x, 1, &n, &err) == LUGE_E_ARG, "%s", err.text);
    MUST(luge_add(o, 0, "w", LUGE_F64, x, 1, &n, &err));
    CHECK(luge_add(o, 0, "w", LUGE_F64, x, 1, &n, &err) == LUGE_E_NAME, "%s", err.text);
    CHECK(luge_step(o, NULL, &err) == LUGE_E_INPUT && luge_step(NULL, NULL, &err) == LUGE_E_ARG, "%s", err.text);
    MUST(luge_step(o, &(luge_inputs){ .grad = (const void *[]){ x } }, &err));
    CHECK(luge_add(o, 0, "v", LUGE_F64, x, 1, &n, &err) == LUGE_E_ARG, "%s", err.text);
    CHECK(luge_group(o, "adam", &group, &err) == LUGE_E_ARG, "%s", err.text);
    CHECK(luge_set(o, 0, "amsgrad", "true", &err) == LUGE_E_ARG && strstr(err.text, "state"), "%s", err.text);
    luge_free(o);
    luge_free(NULL);
    setenv("LUGE_ISA", "v9", 1);
    CHECK(luge_new(&o, "adam", &err) == LUGE_E_ARG && strstr(err.text, "v9"), "%s", err.text);
    unsetenv("LUGE_ISA");
    CHECK_END();
}

static void nothing_to_step(void **state)
{
    (void)state;
    float x = 2, g = 1;
    size_t none = 0;
    luge_optimizer *o = NULL;
    MUST(luge_new(&o, "lamb", &err));
    MUST(luge_step(o, &(luge_inputs){ .grad = (const void *[]){ NULL } }, &err)); /* no tensors */
    luge_free(o);
    MUST(luge_new(&o, "lamb", &err));
    MUST(luge_add(o, 0, "empty", LUGE_F32, NULL, 1, &none, &err));
    MUST(luge_add(o, 0, "scalar", LUGE_F32, &x, 0, NULL, &err));
    MUST(luge_step(o, &(luge_inputs){ .grad = (const void *[]){ NULL, NULL } }, &err));
    CHECK(x == 2, "moved without a gradient to %g", (double)x);
    MUST(luge_step(o, &(luge_inputs){ .grad = (const void *[]){ &g, &g } }, &err));
    CHECK(x < 2, "did not move: %g", (double)x);
    luge_free(o);
    CHECK_END();
}

/* A method for hidden matrices says which of its tensors look like something else; others, and vectors, say nothing.
 */
static void remarks(void **state)
{
    static const struct {
        const char *method, *name;
        int ndim;
        size_t shape[4];
        const char *says;
    } rows[] = {
        { "muon", "transformer.wte.weight", 2, { 4, 4 }, "name of transformer.wte.weight (4 x 4)" },
        { "muon", "model.Embed_tokens.weight", 2, { 4, 4 }, "name" },
        { "muon", "lm_head.weight", 2, { 4, 4 }, "name" },
        { "muon", "head", 2, { 4, 4 }, "name" },
        { "muon", "a/head/w", 2, { 4, 4 }, "name" },
        { "muon", "blk.0.heads.w", 2, { 4, 4 }, NULL },
        { "muon", "wte2", 2, { 4, 4 }, NULL },
        { "muon", "w", 2, { 8192, 1024 }, "shape of w (8192 x 1024)" },
        { "muon", "w", 2, { 1, 8192 }, "shape" },
        { "muon", "w", 2, { 8192, 1025 }, NULL },
        { "muon", "w", 2, { 8191, 2 }, NULL },
        { "muon", "head", 1, { 9000 }, NULL },
        { "muon", "head", 4, { 2, 2, 2, 2 }, NULL },
        { "adamw", "head", 2, { 9000, 2 }, NULL },
    };
    static double x[8192 * 1025];
    luge_error err;
    char text[300];
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        luge_optimizer *opt = NULL;
        if (!luge_method_find(rows[i].method)) continue; /* a build with fewer methods */
        MUST(luge_new(&opt, rows[i].method, &err));
        MUST(luge_add(opt, 0, rows[i].name, LUGE_F64, x, rows[i].ndim, rows[i].shape, &err));
        int got = luge_remark(opt, 0, text, sizeof text);
        CHECK(got == (rows[i].says != NULL), "row %zu: %d", i, got);
        if (got) CHECK(strstr(text, rows[i].says), "row %zu: %s", i, text);
        if (got) CHECK(strstr(text, rows[i].method), "row %zu: %s", i, text);
        CHECK(!luge_remark(opt, 1, text, sizeof text), "row %zu: one more", i);
        luge_free(opt);
    }
    CHECK(!luge_remark(NULL, 0, text, sizeof text), "of nothing");
    CHECK_END();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(clip_norm),           cmocka_unit_test(clip_value_after_norm),
        cmocka_unit_test(any_split_same_bits), cmocka_unit_test(accumulate_is_the_mean),
        cmocka_unit_test(accumulate_missing),  cmocka_unit_test(nonfinite),
        cmocka_unit_test(clipping_keeps_nan),  cmocka_unit_test(schedules),
        cmocka_unit_test(schedule_is_lr),      cmocka_unit_test(groups_are_independent),
        cmocka_unit_test(state_memory),        cmocka_unit_test(wrong_calls),
        cmocka_unit_test(nothing_to_step),     cmocka_unit_test(remarks),
    };
    return cmocka_run_group_tests_name("optimizer", tests, NULL, NULL);
}
