/* IDX and LIBSVM files: real ones have the right shapes, every kind of broken one is refused with its place.
 * SPDX-License-Identifier: MIT */
#include "files.h"

#include "io/io.h"
#include "wrap_alloc.h"
#include <zlib.h>

/* ---- IDX ---- */

static const unsigned char two_by_three[] = { 0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 3, 9, 8, 7, 6, 5, 255 };

/* `parts` gzip members, one after the other. */
static unsigned char *gzip(const unsigned char *bytes, size_t n, size_t parts, size_t *size)
{
    unsigned char *out = malloc(n + 200 * parts);
    assert_non_null(out);
    *size = 0;
    for (size_t i = 0; i < parts; i++) {
        size_t from = n * i / parts, to = n * (i + 1) / parts;
        z_stream z = { .next_in = (Bytef *)(uintptr_t)(bytes + from), .avail_in = (uInt)(to - from) };
        z.next_out = out + *size;
        z.avail_out = (uInt)(n + 200 * parts - *size);
        assert_int_equal(deflateInit2(&z, 9, Z_DEFLATED, 15 + 16, 8, Z_DEFAULT_STRATEGY), Z_OK);
        assert_int_equal(deflate(&z, Z_FINISH), Z_STREAM_END);
        *size += z.total_out;
        deflateEnd(&z);
    }
    return out;
}

static void is_two_by_three(const char *path)
{
    lg_idx x;
    luge_error err;
    if (lg_idx_read(&x, path, &err)) fail_msg("%s", err.text);
    assert_int_equal(x.ndim, 2);
    assert_int_equal(x.shape[0], 2);
    assert_int_equal(x.shape[1], 3);
    assert_int_equal(x.n, 6);
    assert_memory_equal(x.data, two_by_three + 12, 6);
    lg_free(x.data);
}

static void idx_is_read_plain_and_gzipped(void **state)
{
    (void)state;
    is_two_by_three(scratch_put("idx", two_by_three, sizeof two_by_three));
    for (size_t parts = 1; parts <= 4; parts++) {
        size_t n;
        unsigned char *bytes = gzip(two_by_three, sizeof two_by_three, parts, &n);
        is_two_by_three(scratch_put("idx", bytes, n));
        free(bytes);
    }
}

static void idx_has_one_to_four_dimensions(void **state)
{
    unsigned char bytes[4 + 16 + 1];
    (void)state;
    for (unsigned char dims = 1; dims <= 4; dims++) {
        size_t n = 4 + 4 * (size_t)dims + 1;
        lg_idx x;
        memset(bytes, 0, sizeof bytes);
        bytes[2] = 8;
        bytes[3] = dims;
        for (size_t d = 0; d < dims; d++) bytes[4 + 4 * d + 3] = 1;
        bytes[n - 1] = 77;
        assert_int_equal(lg_idx_read(&x, scratch_put("idx", bytes, n), NULL), LUGE_OK);
        assert_int_equal(x.ndim, dims);
        assert_int_equal(x.n, 1);
        assert_int_equal(x.data[0], 77);
        lg_free(x.data);
    }
}

static void idx_refused(const unsigned char *bytes, size_t n, const char *says)
{
    lg_idx x = { .data = (unsigned char *)(uintptr_t)1 };
    luge_error err = { 0 };
    const char *path = scratch_put("bad-idx", bytes, n);
    assert_int_equal(lg_idx_read(&x, path, &err), LUGE_E_FORMAT);
    assert_null(x.data);
    if (strncmp(err.text, path, strlen(path)) || !strstr(err.text, says))
        fail_msg("\"%s\" lacks \"%s\"", err.text, says);
    assert_int_equal(lg_idx_read(&x, path, NULL), LUGE_E_FORMAT);
}

#define BYTES(...) (const unsigned char[]){ __VA_ARGS__ }, sizeof((const unsigned char[]){ __VA_ARGS__ })

static const struct {
    const unsigned char *bytes;
    size_t n;
    const char *plain, *zipped;
} bad_idx[] = {
    { BYTES(0, 0, 8), "3 bytes are too few", "3 bytes are too few" },
    { BYTES('P', 'K', 8, 1, 0, 0), "begins with bytes 50 4b", "begins with bytes 50 4b" },
    { BYTES(0, 0, 13, 1, 0, 0, 0, 1, 0, 0, 0, 0), "items of type 0x0d", "items of type 0x0d" },
    { BYTES(0, 0, 8, 0, 1), "0 dimensions; 1 to 4", "0 dimensions; 1 to 4" },
    { BYTES(0, 0, 8, 5, 1), "5 dimensions; 1 to 4", "5 dimensions; 1 to 4" },
    { BYTES(0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0), "ends within its 2", "ends within its 2" },
    { BYTES(0, 0, 8, 2, 0, 0, 0, 2, 0, 0, 0, 0), "dimension 1 is 0", "dimension 1 is 0" },
    { BYTES(0, 0, 8, 3, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255, 255), "dimension 2 is 4294967295",
      "dimension 2 is 4294967295" },
    { BYTES(0, 0, 8, 2, 128, 0, 0, 0, 128, 0, 0, 0), "declares 4611686018427387904 items, which its 12 bytes",
      "declares 4611686018427387904 items, which its" },
    { BYTES(0, 0, 8, 1, 0, 0, 0, 3, 1, 2), "declares 3 items and has 2", "declares 3 items and has 2" },
    { BYTES(0, 0, 8, 1, 0, 0, 0, 1, 1, 2), "more follows after the declared 1 items", "more follows after" },
};

static void hostile_idx_is_refused(void **state)
{
    (void)state;
    idx_refused(two_by_three, 0, "0 bytes are too few");
    for (size_t i = 0; i < ROWS(bad_idx); i++) {
        size_t n;
        unsigned char *zipped = gzip(bad_idx[i].bytes, bad_idx[i].n, 1, &n);
        idx_refused(bad_idx[i].bytes, bad_idx[i].n, bad_idx[i].plain);
        idx_refused(zipped, n, bad_idx[i].zipped);
        free(zipped);
    }
}

/* A declared size is believed up to what a file of that length could inflate to. */
static void declared_size_is_held_against_the_file(void **state)
{
    static const unsigned char most[] = { 0, 0, 8, 1, 255, 255, 255, 255, 1 };
    static unsigned char zeros[8 + 1000000] = { 0, 0, 8, 1, 0, 0x0f, 0x42, 0x40 };
    lg_idx x;
    size_t n;
    unsigned char *bytes = gzip(most, sizeof most, 1, &n);
    (void)state;

    idx_refused(bytes, n, "declares 4294967295 items, which its");
    free(bytes);
    bytes = gzip(zeros, sizeof zeros, 1, &n); /* zeros inflate a thousandfold */
    assert_true(n * 1032 >= 1000000 && n * 900 < 1000000);
    assert_int_equal(lg_idx_read(&x, scratch_put("idx", bytes, n), NULL), LUGE_OK);
    assert_int_equal(x.n, 1000000);
    lg_free(x.data);
    free(bytes);
}

static void idx_cut_anywhere_is_refused(void **state)
{
    size_t n;
    unsigned char *zipped = gzip(two_by_three, sizeof two_by_three, 2, &n);
    (void)state;
    for (size_t cut = 0; cut < sizeof two_by_three; cut++) idx_refused(two_by_three, cut, "");
    for (size_t cut = 0; cut < n; cut++) idx_refused(zipped, cut, "");
    idx_refused(zipped, n - 1, "the file ends within a gzip member");
    free(zipped);
}

static void damaged_gzip_is_refused(void **state)
{
    size_t n;
    unsigned char *zipped = gzip(two_by_three, sizeof two_by_three, 1, &n);
    (void)state;
    zipped[n] = zipped[n + 1] = 'x'; /* bytes after the member */
    idx_refused(zipped, n + 2, "the gzip data is damaged: incorrect header check");
    idx_refused(zipped, n + 1, "the file ends within a gzip member");
    zipped[n - 5] ^= 1; /* the checksum */
    idx_refused(zipped, n, "the gzip data is damaged: incorrect data check");
    zipped[n - 5] ^= 1;
    zipped[n - 1] ^= 1;
    idx_refused(zipped, n, "the gzip data is damaged: incorrect length check");
    free(zipped);
}

static void unreadable_data_files_are_named(void **state)
{
    lg_idx x;
    lg_sparse s;
    luge_error err;
    (void)state;
    assert_int_equal(lg_idx_read(&x, scratch("absent"), &err), LUGE_E_IO);
    assert_non_null(strstr(err.text, "absent: cannot be opened: No such file or directory"));
    assert_int_equal(lg_idx_read(&x, scratch_folder, &err), LUGE_E_IO);
    assert_non_null(strstr(err.text, "is not a regular file"));
    assert_int_equal(lg_libsvm_read(&s, scratch("absent"), &err), LUGE_E_IO);
    assert_non_null(strstr(err.text, "absent: cannot be opened: No such file or directory"));
    assert_int_equal(lg_libsvm_read(&s, scratch_folder, &err), LUGE_E_IO);
    assert_non_null(strstr(err.text, "cannot be read: Is a directory"));
}

/* ---- LIBSVM ---- */

static void libsvm_is_read(void **state)
{
    static const char text[] = "# a comment\n"
                               "+1 1:0.5 3:-2e3\t4294967294:1\r\n"
                               "\n"
                               "   \r\n"
                               "-1.5#no entries\n"
                               "  1e-3 2:.25 # the rest 0:nan\n"
                               "7 1:1";
    static const size_t start[] = { 0, 3, 3, 4, 5 };
    static const uint32_t column[] = { 0, 2, 4294967293, 1, 0 };
    static const double value[] = { 0.5, -2000, 1, 0.25, 1 }, label[] = { 1, -1.5, 1e-3, 7 };
    lg_sparse s;
    luge_error err;
    (void)state;

    if (lg_libsvm_read(&s, scratch_put("svm", text, sizeof text - 1), &err)) fail_msg("%s", err.text);
    assert_int_equal(s.rows, 4);
    assert_int_equal(s.columns, 4294967294);
    assert_int_equal(s.entries, 5);
    assert_memory_equal(s.start, start, sizeof start);
    assert_memory_equal(s.column, column, sizeof column);
    assert_memory_equal(s.value, value, sizeof value);
    assert_memory_equal(s.label, label, sizeof label);
    lg_sparse_free(&s);
    assert_null(s.start);
    lg_sparse_free(&s);
}

static const struct {
    const char *text, *says;
} bad_svm[] = {
    { "", "holds no rows" },
    { "\n \n# only this\n", "holds no rows" },
    { "1 0:1\n", ":1: '0:1': indices are from 1 to 4294967294" },
    { "1 1:1\n\n1 4294967295:1\n", ":3: '4294967295:1': indices are from 1" },
    { "1 9223372036854775808:1\n", ":1: '9223372036854775808:1': indices are from 1" },
    { "1 18446744073709551617:1\n", ":1: '18446744073709551617:1': indices are from 1" },
    { "1 1:1\n1 2:1 2:1\n", ":2: '2:1': indices must rise" },
    { "1 2:1 1:1\n", ":1: '1:1': indices must rise" },
    { "1 -1:1\n", "'-1:1': index:value is needed" },
    { "1 1.5:1\n", "'1.5:1': index:value is needed" },
    { "1 5\n", "'5': index:value is needed" },
    { "1 :5\n", "':5': index:value is needed" },
    { "1 qid:3 1:1\n", "'qid:3': index:value is needed" },
    { "1 1:\n", "'1:': the value is not a finite number" },
    { "1 1:x\n", "'1:x': the value is not a finite number" },
    { "1 1:2x\n", "'1:2x': the value is not a finite number" },
    { "1 1:nan\n", "'1:nan': the value is not a finite number" },
    { "1 1:-inf\n", "'1:-inf': the value is not a finite number" },
    { "1 1:1e999\n", "'1:1e999': the value is not a finite number" },
    { "1 1:1,5\n", "'1:1,5': the value is not a finite number" },
    { "abc 1:1\n", ":1: 'abc': the label is not a finite number" },
    { "1\nnan 1:1\n", ":2: 'nan': the label is not a finite number" },
    { "1:1 2:2\n", "'1:1': the label is not a finite number" },
    { "1 \x1b[2J\xff:1\n", "'?[2J?:1': index:value is needed" },
    { "1 1:0000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000000"
      "00000000000000000000000000000000000000000000\n",
      "...': this is too long for a number" },
};

static void hostile_libsvm_is_refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(bad_svm); i++) {
        lg_sparse s = { .start = (size_t *)(uintptr_t)1 };
        luge_error err = { 0 };
        const char *path = scratch_put("bad-svm", bad_svm[i].text, strlen(bad_svm[i].text));
        assert_int_equal(lg_libsvm_read(&s, path, &err), LUGE_E_FORMAT);
        assert_null(s.start);
        if (strncmp(err.text, path, strlen(path)) || !strstr(err.text, bad_svm[i].says))
            fail_msg("\"%s\" lacks \"%s\"", err.text, bad_svm[i].says);
        assert_int_equal(lg_libsvm_read(&s, path, NULL), LUGE_E_FORMAT);
    }
}

static void zero_byte_is_no_end_of_a_number(void **state)
{
    lg_sparse s;
    luge_error err;
    (void)state;
    assert_int_equal(lg_libsvm_read(&s, scratch_put("nul", "1 1:1\0002\n", 9), &err), LUGE_E_FORMAT);
    assert_non_null(strstr(err.text, "'1:1?2': the value is not a finite number"));
}

/* More rows and entries than the first room for them. */
static void long_libsvm_is_read(void **state)
{
    enum { LONG = 5000 };
    FILE *f = fopen(scratch("long"), "w");
    size_t entries = 0;
    lg_sparse s;
    (void)state;

    assert_non_null(f);
    for (int i = 0; i < LONG; i++) {
        fprintf(f, "%d", i);
        for (int k = 0; k < i % 5; k++) fprintf(f, " %d:%d.25", 10 * k + i + 1, k);
        fprintf(f, "\n");
    }
    fclose(f);
    assert_int_equal(lg_libsvm_read(&s, scratch("long"), NULL), LUGE_OK);
    assert_int_equal(s.rows, LONG);
    for (size_t i = 0; i < LONG; i++) {
        assert_true(s.label[i] == (double)i);
        assert_int_equal(s.start[i], entries);
        for (size_t k = 0; k < i % 5; k++, entries++) {
            assert_int_equal(s.column[entries], 10 * k + i);
            assert_true(s.value[entries] == (double)k + 0.25);
        }
    }
    assert_int_equal(s.start[LONG], entries);
    assert_int_equal(s.entries, entries);
    lg_sparse_free(&s);
}

/* ---- failures ---- */

static luge_status read_idx(const char *path, luge_error *err)
{
    lg_idx x;
    luge_status st = lg_idx_read(&x, path, err);
    lg_free(x.data);
    return st;
}

static luge_status read_svm(const char *path, luge_error *err)
{
    lg_sparse s;
    luge_status st = lg_libsvm_read(&s, path, err);
    lg_sparse_free(&s);
    return st;
}

static void sweep(luge_status (*reader)(const char *, luge_error *), const char *path, long least)
{
    for (long n = 1;; n++) {
        long live = wrap_live;
        luge_error err;
        wrap_fail(n);
        luge_status st = reader(path, &err);
        bool failed = wrap_failed();
        assert_int_equal(wrap_live, live);
        assert_int_equal(st, failed ? LUGE_E_MEMORY : LUGE_OK);
        if (failed) continue;
        assert_true(n > least);
        break;
    }
}

static void failed_allocations_are_reported(void **state)
{
    static unsigned char big[8 + 100000] = { 0, 0, 8, 1, 0, 1, 0x86, 0xa0 };
    size_t n;
    unsigned char *zipped;
    (void)state;

    for (size_t i = 8; i < sizeof big; i++) big[i] = (unsigned char)(i * i >> 5); /* so that inflate has a window */
    zipped = gzip(big, sizeof big, 1, &n);
    sweep(read_idx, scratch_put("idx", big, sizeof big), 2);
    sweep(read_idx, scratch_put("idx", zipped, n), 3);
    free(zipped);
    long_libsvm_is_read(NULL);
    sweep(read_svm, scratch("long"), 12);
}

/* ---- real data ---- */

static void has_shape(const char *name, int ndim, size_t a, size_t b, size_t c)
{
    lg_idx x;
    luge_error err;
    if (lg_idx_read(&x, shared_path(name), &err)) fail_msg("%s", err.text);
    assert_int_equal(x.ndim, ndim);
    assert_int_equal(x.shape[0], a);
    if (ndim > 1) assert_int_equal(x.shape[1], b);
    if (ndim > 2) assert_int_equal(x.shape[2], c);
    lg_free(x.data);
}

static void digits_have_their_shapes(void **state)
{
    lg_idx x;
    (void)state;
    has_shape("data/t10k-images-idx3-ubyte.gz", 3, 10000, 28, 28);
    has_shape("data/t10k-labels-idx1-ubyte.gz", 1, 10000, 0, 0);
    assert_int_equal(lg_idx_read(&x, shared_path("data/t10k-labels-idx1-ubyte.gz"), NULL), LUGE_OK);
    for (size_t i = 0; i < x.n; i++) assert_in_range(x.data[i], 0, 9);
    lg_free(x.data);
}

static void has_rows(const char *name, size_t rows, size_t columns, size_t entries)
{
    lg_sparse s;
    luge_error err;
    if (lg_libsvm_read(&s, shared_path(name), &err)) fail_msg("%s", err.text);
    assert_int_equal(s.rows, rows);
    assert_int_equal(s.columns, columns);
    assert_int_equal(s.entries, entries);
    assert_int_equal(s.start[rows], entries);
    for (size_t i = 0; i < rows; i++) assert_true(s.label[i] == 1 || s.label[i] == -1);
    lg_sparse_free(&s);
}

/* The Adult data has 123 features; the last does not occur in this part of it, so its highest index is 122. */
static void tables_have_their_rows(void **state)
{
    (void)state;
    has_rows("data/a9a.t", 16281, 122, 225731);
    has_rows("data/heart_scale", 270, 13, 3378);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(idx_is_read_plain_and_gzipped),
        cmocka_unit_test(idx_has_one_to_four_dimensions),
        cmocka_unit_test(hostile_idx_is_refused),
        cmocka_unit_test(declared_size_is_held_against_the_file),
        cmocka_unit_test(idx_cut_anywhere_is_refused),
        cmocka_unit_test(damaged_gzip_is_refused),
        cmocka_unit_test(unreadable_data_files_are_named),
        cmocka_unit_test(libsvm_is_read),
        cmocka_unit_test(hostile_libsvm_is_refused),
        cmocka_unit_test(zero_byte_is_no_end_of_a_number),
        cmocka_unit_test(long_libsvm_is_read),
        cmocka_unit_test(failed_allocations_are_reported),
        cmocka_unit_test(digits_have_their_shapes),
        cmocka_unit_test(tables_have_their_rows),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
