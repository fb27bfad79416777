/* Properties of every method in the registry: settings read back as they were set, runs that are saved and loaded go
 * on to the same bits, and a failed allocation anywhere leaves things as they were.  SPDX-License-Identifier: MIT */
#define _POSIX_C_SOURCE 200809L
#include "files.h"
#include "registry.h"
#include "wrap_alloc.h"

/* ---- settings ---- */

static const char *const texts[] = {
    "0", "1", "0.5", "3", "1e-300", "0.30000000000000004", "1e300", "true", "false", "none", "(0.1, 0.25, 0.75)",
};
static const char *const nonsense[] = { "", "nan", "1e999", "-1e999", "0.5x", "(", "(1,", "maybe", "-0.5" };

/* Every text that is accepted reads back as the same value, and one that is refused changes nothing. */
static void round_trip(luge_optimizer *opt, const char *method, const luge_row *row, const char *text)
{
    luge_error err;
    char before[LG_TEXT], first[LG_TEXT], second[LG_TEXT];
    MUST(luge_get(opt, 0, row->name, before, sizeof before, &err));
    if (luge_set(opt, 0, row->name, text, &err)) {
        MUST(luge_get(opt, 0, row->name, first, sizeof first, &err));
        CHECK(!strcmp(before, first), "%s: %s = %s was refused and became %s", method, row->name, before, first);
        return;
    }
    MUST(luge_get(opt, 0, row->name, first, sizeof first, &err));
    MUST(luge_set(opt, 0, row->name, first, &err));
    MUST(luge_get(opt, 0, row->name, second, sizeof second, &err));
    CHECK(!strcmp(first, second), "%s: %s = %s reads back as %s", method, row->name, first, second);
    char *end;
    double want = strtod(text, &end);
    const char *number = first + (*first == '('); /* a list of one */
    if (*text && !*end) CHECK(strtod(number, NULL) == want, "%s: %s = %s became %s", method, row->name, text, first);
    MUST(luge_set(opt, 0, row->name, before, &err));
}

static void settings_read_back(void **state)
{
    const luge_method *m;
    (void)state;
    for (size_t i = 0; (m = luge_method_at(i)); i++) {
        luge_error err;
        luge_row row;
        luge_optimizer *opt = NULL;
        MUST(luge_new(&opt, method_name(m), &err));
        for (size_t p = 0; luge_method_row(m, LUGE_PARAMETERS, p, &row); p++) {
            char value[LG_CHOICES][80], now[LG_TEXT];
            bool number = !strcmp(row.kind, "real") || !strcmp(row.kind, "rate") || !strcmp(row.kind, "int");
            CHECK(*row.text && (*row.range || !number), "%s: %s has no meaning or no range", method_name(m),
                  row.name);
            MUST(luge_set(opt, 0, row.name, row.value, &err)); /* the default lies in the range */
            MUST(luge_get(opt, 0, row.name, now, sizeof now, &err));
            round_trip(opt, method_name(m), &row, row.value);
            for (size_t t = 0; t < ROWS(texts); t++) round_trip(opt, method_name(m), &row, texts[t]);
            for (int t = lg_choices(&row, value) - 1; t >= 0; t--) round_trip(opt, method_name(m), &row, value[t]);
            for (size_t t = 0; t < ROWS(nonsense); t++) {
                luge_status st = luge_set(opt, 0, row.name, nonsense[t], &err);
                bool negative = *nonsense[t] == '-' && strchr(row.range, '-'); /* a range that has such numbers */
                CHECK(st || negative, "%s: %s = \"%s\" is accepted", method_name(m), row.name, nonsense[t]);
                CHECK(!st || strstr(err.text, row.name), "%s: %s is not named in \"%s\"", method_name(m), row.name,
                      err.text);
                if (!st) MUST(luge_set(opt, 0, row.name, now, &err));
            }
        }
        CHECK(luge_set(opt, 0, "no such thing", "1", &err) == LUGE_E_NAME, "%s has everything", method_name(m));
        luge_free(opt);
    }
    CHECK_END();
}

/* What every method says of itself is there. */
static void descriptions_are_whole(void **state)
{
    const luge_method *m;
    (void)state;
    for (size_t i = 0; (m = luge_method_at(i)); i++) {
        static const luge_text all[] = { LUGE_NAME, LUGE_TITLE, LUGE_REFERENCE, LUGE_FORMULA, LUGE_BASE, LUGE_KIND };
        luge_row row;
        int proofs = 0, reference = 0;
        for (size_t t = 0; t < ROWS(all); t++)
            CHECK(*luge_method_text(m, all[t]), "%s: text %zu is empty", method_name(m), t);
        CHECK(strstr(luge_method_text(m, LUGE_FORMULA), "Ref "), "%s: the formula has no reference", method_name(m));
        for (size_t p = 0; luge_method_row(m, LUGE_EVIDENCE, p, &row); p++, proofs++)
            reference += !strcmp(row.kind, "reference") && strstr(row.value, luge_method_text(m, LUGE_BASE));
        CHECK(proofs > 0 && reference == 1, "%s: %d proofs, %d references", method_name(m), proofs, reference);
        CHECK(luge_method_find(method_name(m)) == m, "%s is not found by its name", method_name(m));
    }
    CHECK_END();
}

/* ---- checkpoints ---- */

static void saved_runs_go_on_to_the_same_bits(void **state)
{
    (void)state;
    property("resume");
}

/* ---- failing allocations ---- */

static int refusals;

/* A call that is refused for want of memory is made once more, and then has to do what it should have. */
#define AGAIN(call)                                                                                                  \
    do {                                                                                                             \
        luge_status st_ = (call);                                                                                    \
        if (st_ == LUGE_E_MEMORY) refusals++, st_ = (call);                                                          \
        if (st_) fail_msg("%s: %s", #call, err.text);                                                                \
    } while (0)

/* Every public function that can allocate, on the method and a second group of another. */
static uint64_t everything(const luge_method *m, bool files)
{
    enum { TENSORS = 11, N = 5 };
    static double x[TENSORS][N], out[TENSORS][N];
    luge_error err;
    luge_row row;
    luge_optimizer *opt = NULL;
    int second = 0;
    size_t bytes;
    const void *grad[TENSORS];
    void *view[TENSORS];
    AGAIN(luge_new(&opt, method_name(m), &err));
    AGAIN(luge_group(opt, method_name(luge_method_at(0)), &second, &err));
    AGAIN(luge_set(opt, 0, "schedule", "warmup:steps=3", &err));
    double first;
    if (luge_method_row(m, LUGE_PARAMETERS, 0, &row) && lg_number_read(row.value, &first))
        AGAIN(luge_set_real(opt, 0, row.name, first, &err));
    AGAIN(luge_option(opt, "threads", "2", &err));
    AGAIN(luge_option(opt, "accumulate", "2", &err));
    AGAIN(luge_option(opt, "clip_norm", "1", &err));
    AGAIN(luge_note(opt, "a", "one", &err));
    AGAIN(luge_note(opt, "a", "two", &err));
    AGAIN(luge_note(opt, "b", "three", &err));
    AGAIN(luge_note(opt, "b", NULL, &err));
    for (int i = 0; i < TENSORS; i++) {
        char name[16];
        snprintf(name, sizeof name, "w%d", i);
        memcpy(x[i], (const double *)lg_trial_numbers(trials, 0, LUGE_F64) + i * N, sizeof x[i]);
        AGAIN(luge_add(opt, i % 4 ? 0 : second, name, LUGE_F64, x[i], 1, (size_t[]){ N }, &err));
    }
    AGAIN(luge_state_bytes(opt, &bytes, &err));
    for (int k = 0; k < 4; k++) {
        luge_input extra[LG_INPUTS];
        double loss = 1;
        luge_layer layer[TENSORS] = { 0 }; /* of vectors: not needed */
        luge_inputs in = { .grad = grad, .extra = extra, .loss = &loss, .layer = layer };
        for (int i = 0; i < TENSORS; i++)
            grad[i] = (const double *)lg_trial_numbers(trials, k + 1, LUGE_F64) + i * N, view[i] = out[i];
        for (; luge_method_row(m, LUGE_INPUTS, in.extras, &row); in.extras++)
            extra[in.extras] = (luge_input){ row.name, grad };
        AGAIN(luge_step(opt, &in, &err));
        if (k == 2 && files) AGAIN(luge_save(opt, scratch("sweep"), &err));
        if (k == 2 && files) AGAIN(luge_load(opt, scratch("sweep"), &err));
    }
    AGAIN(luge_view(opt, view, &err));
    CHECK(!strcmp(luge_note_get(opt, "a"), "two") && !luge_note_get(opt, "b"), "%s: notes", method_name(m));
    luge_free(opt);
    return lg_trial_hash(x, sizeof x) + lg_trial_hash(out, sizeof out);
}

static void a_failed_allocation_changes_nothing(void **state)
{
    const luge_method *m;
    long swept = 0;
    (void)state;
    for (size_t i = 0; (m = luge_method_at(i)); i++) {
        bool files = i == 0 || !luge_method_at(i + 1);
        wrap_fail(0);
        uint64_t want = everything(m, files);
        for (long n = 1;; n++, swept++) {
            long live = wrap_live;
            int before = refusals;
            wrap_fail(n);
            uint64_t got = everything(m, files);
            CHECK(wrap_live == live, "%s, allocation %ld: %ld blocks are lost", method_name(m), n, wrap_live - live);
            CHECK(got == want, "%s, allocation %ld: another result", method_name(m), n);
            if (!wrap_failed()) break;
            CHECK(refusals == before + 1, "%s, allocation %ld: %d refusals", method_name(m), n, refusals - before);
        }
    }
    print_message("%ld allocations failed\n", swept);
    CHECK(swept > 10, "only %ld allocations were there", swept);
    CHECK_END();
}

static int set_up(void **state) { return configs_make(state) || scratch_make(state); }
static int take_down(void **state) { return configs_drop(state) || scratch_remove(state); }

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(settings_read_back),
        cmocka_unit_test(descriptions_are_whole),
        cmocka_unit_test(saved_runs_go_on_to_the_same_bits),
        cmocka_unit_test(a_failed_allocation_changes_nothing),
    };
    return cmocka_run_group_tests(tests, set_up, take_down);
}
