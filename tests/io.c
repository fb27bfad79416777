/* Safetensors: what is written is read back, the bytes are the ones that the format says, every kind of broken input
 * is refused with its place, and a failed write leaves the old file.  SPDX-License-Identifier: MIT */
#include "files.h"

#include "io/io.h"
#include "wrap_alloc.h"
#include <signal.h>
#include <sys/resource.h>

static float some_f32[6] = { 1, -2, 0.5f, 3, -0.0f, 1e-30f };
static double some_f64[3] = { 1e300, -1, 0.1 };
static uint16_t some_bf16[5] = { 1, 2, 3, 0xffff, 5 };
static int64_t some_i64[1] = { -5 };

static const lg_entry some_entries[] = {
    { .name = "w", .dtype = LG_DTYPE_F32, .ndim = 2, .shape = { 2, 3 }, .data = some_f32 },
    { .name = "deep.\xce\xb2 \"quoted\"\n", .dtype = LG_DTYPE_F64, .ndim = 1, .shape = { 3 }, .data = some_f64 },
    { .name = "empty", .dtype = LG_DTYPE_F32, .ndim = 3, .shape = { 2, 0, 5 }, .data = NULL },
    { .name = "h", .dtype = LG_DTYPE_BF16, .ndim = 8, .shape = { 1, 1, 1, 1, 1, 1, 1, 5 }, .data = some_bf16 },
    { .name = "", .dtype = LG_DTYPE_I64, .ndim = 0, .data = some_i64 },
};
static const lg_meta some_meta[] = { { "format", "1" }, { "note", "line\nline \xe2\x82\xac \\" }, { "", "" } };

static const char *write_some(const char *name)
{
    luge_error err = { 0 };
    const char *path = scratch(name);
    luge_status st = lg_tensors_write(path, some_entries, ROWS(some_entries), some_meta, ROWS(some_meta), &err);
    if (st != LUGE_OK) fail_msg("%s", err.text);
    return path;
}

static void written_tensors_are_read_back(void **state)
{
    static const size_t count[] = { 6, 3, 0, 5, 1 }, size[] = { 4, 8, 4, 2, 8 };
    luge_error err;
    lg_tensors *t;
    (void)state;

    assert_int_equal(lg_tensors_read(&t, write_some("some"), &err), LUGE_OK);
    assert_int_equal(lg_tensors_count(t), ROWS(some_entries));
    for (size_t i = 0; i < ROWS(some_entries); i++) {
        const lg_entry *want = &some_entries[i], *e = lg_tensors_at(t, i);
        assert_string_equal(e->name, want->name);
        assert_int_equal(e->dtype, want->dtype);
        assert_int_equal(e->ndim, want->ndim);
        assert_memory_equal(e->shape, want->shape, sizeof e->shape);
        assert_int_equal(e->n, count[i]);
        assert_int_equal(e->bytes, count[i] * size[i]);
        if (e->bytes) assert_memory_equal(e->data, want->data, e->bytes);
        assert_ptr_equal(lg_tensors_find(t, want->name), e);
    }
    assert_null(lg_tensors_at(t, ROWS(some_entries)));
    assert_null(lg_tensors_find(t, "x"));
    for (size_t i = 0; i < ROWS(some_meta); i++) {
        assert_string_equal(lg_tensors_meta(t, some_meta[i].key), some_meta[i].value);
        assert_string_equal(lg_tensors_meta_at(t, i)->key, some_meta[i].key);
    }
    assert_null(lg_tensors_meta(t, "w"));
    assert_null(lg_tensors_meta_at(t, ROWS(some_meta)));
    lg_tensors_free(t);
    lg_tensors_free(NULL);
    remove(scratch("some"));
}

static void no_tensors_are_a_file_too(void **state)
{
    lg_tensors *t;
    size_t n;
    (void)state;
    assert_int_equal(lg_tensors_write(scratch("none"), NULL, 0, NULL, 0, NULL), LUGE_OK);
    unsigned char *bytes = file_bytes(scratch("none"), &n);
    assert_int_equal(n, 16);
    assert_memory_equal(bytes, "\x8\0\0\0\0\0\0\0{}      ", 16);
    free(bytes);
    assert_int_equal(lg_tensors_read(&t, scratch("none"), NULL), LUGE_OK);
    assert_int_equal(lg_tensors_count(t), 0);
    assert_null(lg_tensors_find(t, ""));
    lg_tensors_free(t);
    remove(scratch("none"));
}

/* The bytes by hand: the length, the JSON, spaces up to a multiple of eight, the data in the given order. */
static void layout_is_the_format(void **state)
{
    static const char json[] = "{\"__metadata__\":{\"k\":\"v\"},"
                               "\"b\":{\"dtype\":\"I64\",\"shape\":[],\"data_offsets\":[0,8]},"
                               "\"a\":{\"dtype\":\"F32\",\"shape\":[1,3],\"data_offsets\":[8,20]},"
                               "\"c\":{\"dtype\":\"BF16\",\"shape\":[1],\"data_offsets\":[20,22]}}";
    static const unsigned char data[22] = { 0xfb, 255, 255, 255, 255, 255, 255, 255,              /* -5 */
                                            0,    0,   128, 63,  0,   0,   0,   192, 0, 0, 0, 63, /* 1 -2 0.5 */
                                            1,    0 };
    const lg_entry entry[] = {
        { .name = "b", .dtype = LG_DTYPE_I64, .data = some_i64 },
        { .name = "a", .dtype = LG_DTYPE_F32, .ndim = 2, .shape = { 1, 3 }, .data = some_f32 },
        { .name = "c", .dtype = LG_DTYPE_BF16, .ndim = 1, .shape = { 1 }, .data = some_bf16 },
    };
    const lg_meta meta = { "k", "v" };
    size_t n, used = strlen(json), length = (used + 7) & ~(size_t)7;
    unsigned char want[512] = { (unsigned char)length };
    (void)state;

    assert_true(length < 256 && length > used); /* one byte says it, and there is padding to see */
    memset(want + 8, ' ', length);
    memcpy(want + 8, json, used);
    memcpy(want + 8 + length, data, sizeof data);
    assert_int_equal(lg_tensors_write(scratch("layout"), entry, ROWS(entry), &meta, 1, NULL), LUGE_OK);
    unsigned char *bytes = file_bytes(scratch("layout"), &n);
    assert_int_equal(n, 8 + length + sizeof data);
    assert_memory_equal(bytes, want, n);
    free(bytes);
    remove(scratch("layout"));
}

/* A file with this header and so many bytes of data must be refused with a message that has this in it. */
static const struct {
    const char *json;
    size_t data;
    const char *says;
} hostile[] = {
    { "", 0, "does not begin with {" },
    { " {}", 0, "does not begin with {" },
    { "[]", 0, "does not begin with {" },
    { "{\"a\":", 0, "not JSON" },
    { "{} x", 0, "not JSON" },
    { "{\"\\u0000\":{}}", 0, "not JSON" },
    { "{\"\xff\":{}}", 0, "not JSON" },
    { "{\"a\":{},\"a\":{}}", 0, "not JSON: duplicate object key" },
    { "{\"__metadata__\":[]}", 0, "__metadata__ is not an object" },
    { "{\"__metadata__\":{\"k\":1}}", 0, "the value of 'k' in __metadata__ is not a string" },
    { "{\"a\":7}", 0, "tensor 'a': is not described by an object" },
    { "{\"a\":{}}", 0, "tensor 'a': \"dtype\" is missing" },
    { "{\"a\":{\"dtype\":1}}", 0, "tensor 'a': \"dtype\" is missing or not a string" },
    { "{\"a\":{\"dtype\":\"F16\"}}", 0, "tensor 'a': dtype 'F16'; F32, F64, BF16 and I64 are known" },
    { "{\"a\":{\"dtype\":\"F32\"}}", 0, "tensor 'a': \"shape\" is missing" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":{}}}", 0, "\"shape\" is missing or not an array" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1.0]}}", 0, "shape[0] is not a whole number" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2,-3]}}", 0, "shape[1] = -3 is negative" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1,1,1,1,1,1,1,1,1]}}", 0, "9 dimensions; at most 8" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4294967296,4294967296]}}", 0, "shape[1] = 4294967296 makes more" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[4611686018427387904]}}", 0, "4611686018427387904 elements are more" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[99999999999999999999]}}", 0, "not JSON: too big integer" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1]}}", 4, "\"data_offsets\" is missing" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0]}}", 4, "not two whole numbers" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4,8]}}", 4, "not two whole numbers" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4.0]}}", 4, "not two whole numbers" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[-4,0]}}", 4, "offsets [-4, 0] do not rise from 0" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,0]}}", 4, "offsets [4, 0] do not rise" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]}}", 7, "past the end: the file has 7 bytes" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[9223372036854775807,9223372036854775807]}}", 0,
      "[9223372036854775807, 9223372036854775807] reach past the end" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,4]}}", 8,
      "hold 4 bytes, but 2 elements of F32 take 8" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,8]}}", 8,
      "hold 8 bytes, but 1 elements of F32 take 4" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[0,4]}}", 5, "1 bytes follow after the last tensor" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[1,5]}}", 5,
      "'a': begins at byte 1 of the data, after a gap" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]},"
      "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
      8, "after a gap that begins at byte 0" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
      "\"b\":{\"dtype\":\"F32\",\"shape\":[1],\"data_offsets\":[4,8]}}",
      8, "'b': begins at byte 4 of the data, inside another tensor that ends at byte 8" },
    { "{\"a\":{\"dtype\":\"F32\",\"shape\":[2],\"data_offsets\":[0,8]},"
      "\"e\":{\"dtype\":\"F32\",\"shape\":[0],\"data_offsets\":[4,4]}}",
      8, "'e': begins at byte 4 of the data, inside" },
    { "{\"esc\x7f\\u001b[2J\":7}", 0, "tensor 'esc??[2J'" },
};

static size_t with_header(unsigned char *bytes, uint64_t length, const char *json, size_t data)
{
    memcpy(bytes, &length, 8);
    memcpy(bytes + 8, json, strlen(json));
    memset(bytes + 8 + strlen(json), 0, data);
    return 8 + strlen(json) + data;
}

static void refused(const unsigned char *bytes, size_t n, const char *says)
{
    lg_tensors *t = (lg_tensors *)(uintptr_t)1;
    luge_error err = { 0 };
    unsigned char *exact = malloc(n ? n : 1); /* so that a sanitizer sees a read past the end */

    assert_non_null(exact);
    memcpy(exact, bytes, n);
    assert_int_equal(lg_tensors_parse(&t, exact, n, "FILE", &err), LUGE_E_FORMAT);
    assert_int_equal(err.status, LUGE_E_FORMAT);
    assert_null(t);
    if (strncmp(err.text, "FILE: ", 6) || !strstr(err.text, says)) fail_msg("\"%s\" lacks \"%s\"", err.text, says);
    assert_int_equal(lg_tensors_parse(&t, exact, n, "FILE", NULL), LUGE_E_FORMAT);
    free(exact);
}

static void hostile_headers_are_refused(void **state)
{
    unsigned char bytes[1024];
    (void)state;
    for (size_t i = 0; i < ROWS(hostile); i++)
        refused(bytes, with_header(bytes, strlen(hostile[i].json), hostile[i].json, hostile[i].data),
                hostile[i].says);
}

static void hostile_lengths_are_refused(void **state)
{
    unsigned char bytes[64] = { 0 };
    (void)state;
    refused(bytes, 0, "0 bytes, but the length of the header alone takes 8");
    refused(bytes, 7, "7 bytes, but");
    refused(bytes, with_header(bytes, 3, "{}", 0), "a header of 3 bytes, but only 2 bytes follow");
    refused(bytes, with_header(bytes, 100000001, "{}", 0), "a header of 100000001 bytes; at most 100000000");
    refused(bytes, with_header(bytes, UINT64_MAX, "{}", 0), "a header of 18446744073709551615 bytes; at most");
    refused(bytes, with_header(bytes, (uint64_t)1 << 63, "{}", 0), "a header of 9223372036854775808 bytes");
}

static void deep_json_is_refused(void **state)
{
    enum { DEPTH = 100000 };
    unsigned char *bytes = malloc(8 + DEPTH + 5);
    (void)state;
    assert_non_null(bytes);
    memcpy(bytes, &(uint64_t){ DEPTH + 5 }, 8);
    memcpy(bytes + 8, "{\"a\":", 5);
    memset(bytes + 13, '[', DEPTH);
    refused(bytes, 8 + DEPTH + 5, "not JSON: maximum parsing depth reached");
    free(bytes);
}

static void file_cut_anywhere_is_refused(void **state)
{
    size_t n;
    unsigned char *bytes = file_bytes(write_some("some"), &n);
    luge_error err;
    lg_tensors *t;
    (void)state;

    assert_int_equal(lg_tensors_parse(&t, bytes, n, "whole", NULL), LUGE_OK);
    lg_tensors_free(t);
    for (size_t cut = 0; cut < n; cut++) {
        refused(bytes, cut, "");
        assert_int_equal(lg_tensors_read(&t, scratch_put("cut", bytes, cut), &err), LUGE_E_FORMAT);
        assert_non_null(strstr(err.text, scratch("cut")));
    }
    free(bytes);
    remove(scratch("some"));
    remove(scratch("cut"));
}

static void unreadable_files_are_named(void **state)
{
    lg_tensors *t;
    luge_error err;
    (void)state;
    assert_int_equal(lg_tensors_read(&t, scratch("absent"), &err), LUGE_E_IO);
    assert_non_null(strstr(err.text, "absent: cannot be opened: No such file or directory"));
    assert_int_equal(lg_tensors_read(&t, scratch_folder, &err), LUGE_E_IO);
    assert_non_null(strstr(err.text, "is not a regular file"));
    assert_int_equal(lg_tensors_read(&t, "/dev/zero", &err), LUGE_E_IO);
    assert_non_null(strstr(err.text, "/dev/zero: is not a regular file"));
}

static void wrong_arguments_of_the_writer_are_refused(void **state)
{
    static const struct {
        lg_entry entry[2];
        lg_meta meta[2];
        const char *says;
    } wrong[] = {
        { { { .name = "a", .ndim = 1 }, { .name = "a", .ndim = 1 } },
          { { "k", "" }, { "l", "" } },
          "'a' stands twice" },
        { { { .name = "a", .ndim = 1 }, { .name = "b", .ndim = 1 } },
          { { "k", "" }, { "k", "" } },
          "'k' stands twice" },
        { { { .name = "a", .ndim = 1 }, { .name = "\xff", .ndim = 1 } }, { { "k", "" }, { "l", "" } }, "not UTF-8" },
        { { { .name = "a", .ndim = 1 }, { .name = "b", .ndim = 1 } }, { { "k", "\xff" }, { "l", "" } }, "not UTF-8" },
        { { { .name = "a", .ndim = 1 }, { .name = "__metadata__" } },
          { { "k", "" }, { "l", "" } },
          "must not be named" },
        { { { .name = "a", .dtype = 4 }, { .name = "b", .ndim = 1 } }, { { "k", "" }, { "l", "" } }, "'a': dtype 4" },
        { { { .name = "a", .ndim = 9 }, { .name = "b", .ndim = 1 } }, { { "k", "" }, { "l", "" } }, "9 dimensions" },
        { { { .name = "a", .ndim = 2, .shape = { SIZE_MAX, 2 } }, { .name = "b", .ndim = 1 } },
          { { "k", "" }, { "l", "" } },
          "'a' is larger than memory" },
        { { { .name = "a", .ndim = 1, .shape = { SIZE_MAX / 9 } },
            { .name = "b", .ndim = 1, .shape = { SIZE_MAX / 9 } } },
          { { "k", "" }, { "l", "" } },
          "up to 'b' are larger" },
    };
    luge_error err;
    (void)state;
    for (size_t i = 0; i < ROWS(wrong); i++) {
        assert_int_equal(lg_tensors_write(scratch("wrong"), wrong[i].entry, 2, wrong[i].meta, 2, &err), LUGE_E_ARG);
        if (!strstr(err.text, wrong[i].says)) fail_msg("\"%s\" lacks \"%s\"", err.text, wrong[i].says);
    }
    assert_int_equal(scratch_count(), 0);
}

static void many_names_are_found(void **state)
{
    enum { MANY = 30000 };
    static lg_entry entry[MANY];
    static char name[MANY][16];
    lg_tensors *t;
    (void)state;

    for (unsigned i = 0; i < MANY; i++) {
        snprintf(name[i], sizeof name[i], "t%u", i * 2654435761u);
        entry[i] = (lg_entry){ .name = name[i], .dtype = LG_DTYPE_F64, .data = some_f64 };
    }
    assert_int_equal(lg_tensors_write(scratch("many"), entry, MANY, NULL, 0, NULL), LUGE_OK);
    assert_int_equal(lg_tensors_read(&t, scratch("many"), NULL), LUGE_OK);
    for (size_t i = 0; i < MANY; i++) assert_ptr_equal(lg_tensors_find(t, name[i]), lg_tensors_at(t, i));
    lg_tensors_free(t);
    remove(scratch("many"));
}

/* ---- failures ---- */

/* The limit on the size of a file makes a write fail midway. */
static void failed_write_leaves_the_old_file(void **state)
{
    static double big[100000];
    const lg_entry entry = { .name = "big", .dtype = LG_DTYPE_F64, .ndim = 1, .shape = { ROWS(big) }, .data = big };
    struct rlimit before, small;
    luge_error err;
    size_t n, m;
    unsigned char *old = file_bytes(write_some("some"), &n);
    (void)state;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){ .rlim_cur = 1000, .rlim_max = before.rlim_max };
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
    luge_status st = lg_tensors_write(scratch("some"), &entry, 1, NULL, 0, &err);
    assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
    assert_int_equal(st, LUGE_E_IO);
    assert_non_null(strstr(err.text, scratch("some")));
    assert_non_null(strstr(err.text, "cannot be written: File too large"));
    unsigned char *now = file_bytes(scratch("some"), &m);
    assert_int_equal(m, n);
    assert_memory_equal(now, old, n);
    assert_int_equal(scratch_count(), 1);
    free(old);
    free(now);
    remove(scratch("some"));
}

static void failed_allocations_are_reported(void **state)
{
    char path[600];
    (void)state;
    snprintf(path, sizeof path, "%s", write_some("some"));
    for (int writing = 0; writing < 2; writing++)
        for (long n = 1;; n++) {
            long live = wrap_live;
            lg_tensors *t = NULL;
            luge_error err;
            wrap_fail(n);
            luge_status st = writing ? lg_tensors_write(path, some_entries, ROWS(some_entries), some_meta, 3, &err)
                                     : lg_tensors_read(&t, path, &err);
            if (!wrap_failed()) {
                assert_true(n > 3 && st == LUGE_OK);
                lg_tensors_free(t);
                assert_int_equal(wrap_live, live);
                break;
            }
            assert_int_equal(st, LUGE_E_MEMORY);
            assert_int_equal(err.status, LUGE_E_MEMORY);
            assert_null(t);
            assert_int_equal(wrap_live, live);
        }
    remove(path);
}

/* ---- recorded files ---- */

static void golden_files_load(void **state)
{
    char folder[1024], path[1500];
    size_t files = 0;
    luge_error err;
    lg_tensors *t;
    (void)state;

    snprintf(folder, sizeof folder, "%s", shared_path("golden"));
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        if (!strstr(e->d_name, ".safetensors")) continue;
        snprintf(path, sizeof path, "%s/%s", folder, e->d_name);
        if (lg_tensors_read(&t, path, &err)) fail_msg("%s", err.text);
        assert_true(lg_tensors_count(t) > 0);
        assert_non_null(lg_tensors_meta(t, "method"));
        for (size_t i = 0; i < lg_tensors_count(t); i++)
            assert_ptr_equal(lg_tensors_find(t, lg_tensors_at(t, i)->name), lg_tensors_at(t, i));
        lg_tensors_free(t);
        files++;
    }
    closedir(d);
    print_message("%zu recorded files\n", files);
    assert_true(files > 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_tensors_are_read_back),
        cmocka_unit_test(no_tensors_are_a_file_too),
        cmocka_unit_test(layout_is_the_format),
        cmocka_unit_test(hostile_headers_are_refused),
        cmocka_unit_test(hostile_lengths_are_refused),
        cmocka_unit_test(deep_json_is_refused),
        cmocka_unit_test(file_cut_anywhere_is_refused),
        cmocka_unit_test(unreadable_files_are_named),
        cmocka_unit_test(wrong_arguments_of_the_writer_are_refused),
        cmocka_unit_test(many_names_are_found),
        cmocka_unit_test(failed_write_leaves_the_old_file),
        cmocka_unit_test(failed_allocations_are_reported),
        cmocka_unit_test(golden_files_load),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
