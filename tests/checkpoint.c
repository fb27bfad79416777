/* Checkpoints: a resume to the same bits, and what is refused.  SPDX-License-Identifier: MIT */
#include "object.h"
#include <unistd.h>

static char path[64];

typedef struct run {
    double x[3][40];
    luge_optimizer *o;
} run;

static const size_t sizes[3] = { 40, 1, 17 };

/* Tensors a, b, c in the order `order`; b is in a group of its own. */
static void open_run(run *r, const char *order)
{
    int group;
    MUST(luge_new(&r->o, "adamw", &err));
    MUST(luge_group(r->o, "lamb", &group, &err));
    MUST(luge_set(r->o, 0, "schedule", "cosine:total=20,warmup=6", &err));
    MUST(luge_option(r->o, "clip_norm", "2", &err));
    MUST(luge_option(r->o, "accumulate", "2", &err));
    for (const char *p = order; *p; p++) {
        int i = *p - 'a';
        fill(r->x[i], sizes[i], (uint64_t)i, 1);
        MUST(luge_add(r->o, i == 1 ? group : 0, (char[]){ *p, 0 }, LUGE_F64, r->x[i], 1, &sizes[i], &err));
    }
}

static void calls(run *r, const char *order, int from, int to)
{
    for (int k = from; k < to; k++) {
        double g[3][40];
        const void *grad[3];
        for (int i = 0; i < 3; i++) {
            fill(g[i], sizes[i], (uint64_t)(100 + 3 * k + i), 1);
            grad[strchr(order, 'a' + i) - order] = k % 5 == 3 && i == 2 ? NULL : g[i];
        }
        MUST(luge_step(r->o, &(luge_inputs){ .grad = grad }, &err));
    }
}

static void resume_is_exact(void **state)
{
    (void)state;
    static run straight, first, second;
    for (int stop = 0; stop <= 11; stop++) { /* also between the calls of one step */
        open_run(&straight, "abc");
        calls(&straight, "abc", 0, 16);
        open_run(&first, "abc");
        calls(&first, "abc", 0, stop);
        MUST(luge_note(first.o, "seed", "17", &err));
        MUST(luge_save(first.o, path, &err));
        open_run(&second, "cab");
        memset(second.x, 0, sizeof second.x);
        MUST(luge_set(second.o, 0, "schedule", "constant", &err));
        if (stop % 2) {
            MUST(luge_option(second.o, "accumulate", "1", &err));
            calls(&second, "cab", 5, 7); /* what it had is replaced */
        }
        MUST(luge_load(second.o, path, &err));
        calls(&second, "cab", stop, 16);
        for (int i = 0; i < 3; i++)
            CHECK(!memcmp(straight.x[i], second.x[i], sizes[i] * 8), "stopped at %d: tensor %c differs", stop,
                  'a' + i);
        CHECK(luge_steps(second.o) == luge_steps(straight.o), "%d steps", (int)luge_steps(second.o));
        const char *seed = luge_note_get(second.o, "seed");
        CHECK(seed && !strcmp(seed, "17"), "note: %s", seed ? seed : "none");
        luge_free(straight.o);
        luge_free(first.o);
        luge_free(second.o);
    }
    CHECK_END();
}

static void refused_with(const char *method, const char *name, luge_type type, size_t n, const char *word)
{
    double x[64], old[64];
    luge_optimizer *o = NULL;
    memset(x, 0x41, sizeof x);
    memcpy(old, x, sizeof x);
    MUST(luge_new(&o, method, &err));
    MUST(luge_add(o, 0, name, type, x, 1, &n, &err));
    err.text[0] = 0;
    CHECK(luge_load(o, path, &err) != LUGE_OK, "%s %s of %zu is accepted", method, name, n);
    CHECK(strstr(err.text, word), "no \"%s\" in: %s", word, err.text);
    CHECK(!memcmp(x, old, sizeof x), "a refused checkpoint changed the parameters");
    float g[64] = { 0 };
    MUST(luge_step(o, &(luge_inputs){ .grad = (const void *[]){ g } }, &err)); /* still usable */
    luge_free(o);
}

static void what_does_not_fit_is_refused(void **state)
{
    (void)state;
    float x[12] = { 0 };
    luge_optimizer *o = make("adam", LUGE_F32, x, (size_t[]){ 12 }, 1);
    MUST(luge_save(o, path, &err));
    luge_free(o);
    refused_with("adamw", "w0", LUGE_F32, 12, "adamw");
    refused_with("adam", "w1", LUGE_F32, 12, "w0");
    refused_with("adam", "w0", LUGE_F64, 12, "F32");
    refused_with("adam", "w0", LUGE_F32, 13, "12");
    CHECK(luge_load(NULL, path, &err) == LUGE_E_ARG, "no optimizer");
    o = make("adam", LUGE_F32, x, (size_t[]){ 12 }, 1);
    CHECK(luge_load(o, "/nowhere/at/all", &err) == LUGE_E_IO && strstr(err.text, "/nowhere"), "%s", err.text);
    luge_free(o);
    CHECK_END();
}

/* A file cut at any byte is refused, and the object is as it was. */
static void cut_anywhere(void **state)
{
    (void)state;
    float x[3] = { 1, 2, 3 };
    static char bytes[65536];
    luge_optimizer *o = make("lion", LUGE_F32, x, (size_t[]){ 3 }, 1);
    MUST(luge_save(o, path, &err));
    FILE *f = fopen(path, "rb");
    assert_non_null(f);
    size_t size = fread(bytes, 1, sizeof bytes, f);
    fclose(f);
    for (size_t n = 0; n < size; n++) {
        f = fopen(path, "wb");
        assert_non_null(f);
        fwrite(bytes, 1, n, f);
        fclose(f);
        CHECK(luge_load(o, path, &err) == LUGE_E_FORMAT, "cut at %zu of %zu is accepted: %s", n, size, err.text);
    }
    for (size_t n = 8; n < size; n++) { /* one byte of the header or data changed: loaded or refused, never worse */
        f = fopen(path, "wb");
        assert_non_null(f);
        bytes[n] ^= 0x11;
        fwrite(bytes, 1, size, f);
        bytes[n] ^= 0x11;
        fclose(f);
        luge_load(o, path, &err);
    }
    CHECK(luge_step(o, &(luge_inputs){ .grad = (const void *[]){ x } }, &err) == LUGE_OK, "%s", err.text);
    luge_free(o);
    CHECK_END();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(resume_is_exact),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(cut_anywhere),
    };
    snprintf(path, sizeof path, "/tmp/luge-checkpoint-%ld.safetensors", (long)getpid());
    int failed = cmocka_run_group_tests_name("checkpoint", tests, NULL, NULL);
    remove(path);
    return failed;
}
