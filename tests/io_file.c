/* A file that is written is wholly there or not at all.  SPDX-License-Identifier: MIT */
#include "files.h"

#include "io/io.h"
#include "wrap_alloc.h"
#include <signal.h>
#include <sys/resource.h>
#include <sys/wait.h>

static void written_file_has_all_bytes(void **state)
{
    /* Sizes about the one from which a write goes straight to the file. */
    static const size_t part[] = { 1, 0, 65535, 65536, 65537, 7, 200000, 131072, 3, 65530, 6, 1 };
    static unsigned char bytes[800000];
    size_t n = 0, got;
    lg_file *f;
    luge_error err;
    const char *path = scratch("parts");
    (void)state;

    for (size_t i = 0; i < sizeof bytes; i++) bytes[i] = (unsigned char)(i * 2654435761u >> 13);
    assert_int_equal(lg_file_create(&f, path, &err), LUGE_OK);
    for (size_t i = 0; i < ROWS(part); n += part[i++])
        assert_int_equal(lg_file_write(f, bytes + n, part[i], &err), LUGE_OK);
    assert_int_equal(access(path, F_OK), -1);
    assert_int_equal(lg_file_commit(f, &err), LUGE_OK);
    unsigned char *back = file_bytes(path, &got);
    assert_int_equal(got, n);
    assert_memory_equal(back, bytes, n);
    free(back);
    assert_int_equal(scratch_count(), 1);
    remove(path);
}

static void new_file_has_the_mode_of_the_umask(void **state)
{
    mode_t before = umask(027);
    const char *path = scratch("mode");
    struct stat info;
    lg_file *f;
    (void)state;

    assert_int_equal(lg_file_create(&f, path, NULL), LUGE_OK);
    assert_int_equal(lg_file_commit(f, NULL), LUGE_OK);
    umask(before);
    assert_int_equal(stat(path, &info), 0);
    assert_int_equal(info.st_mode & 0777, 0640);
    assert_int_equal(info.st_size, 0);
    remove(path);
}

static void abandoned_file_leaves_nothing(void **state)
{
    lg_file *f;
    (void)state;
    assert_int_equal(lg_file_create(&f, scratch("x"), NULL), LUGE_OK);
    assert_int_equal(lg_file_write(f, "abc", 3, NULL), LUGE_OK);
    assert_int_equal(scratch_count(), 1);
    lg_file_abandon(f);
    assert_int_equal(scratch_count(), 0);
    lg_file_abandon(NULL);
}

static void file_that_cannot_be_made_is_named(void **state)
{
    luge_error err;
    lg_file *f = (lg_file *)(uintptr_t)1;
    (void)state;

    assert_int_equal(lg_file_create(&f, scratch("no/such/folder/x"), &err), LUGE_E_IO);
    assert_null(f);
    assert_non_null(strstr(err.text, "no/such/folder/x: its folder cannot be opened: No such file or directory"));
    assert_int_equal(lg_file_create(&f, scratch_folder, &err), LUGE_E_IO);
    assert_non_null(strstr(err.text, "is not a regular file"));
    assert_int_equal(lg_file_create(&f, "/dev/null", &err), LUGE_E_IO);
    assert_non_null(strstr(err.text, "/dev/null: is there and is not a regular file"));
    assert_int_equal(lg_file_create(&f, scratch(""), &err), LUGE_E_IO);
    assert_non_null(strstr(err.text, "is not the name of a file"));
}

static void two_writers_of_one_file_do_not_meet(void **state)
{
    lg_file *a, *b;
    size_t n;
    (void)state;
    assert_int_equal(lg_file_create(&a, scratch("both"), NULL), LUGE_OK);
    assert_int_equal(lg_file_create(&b, scratch("both"), NULL), LUGE_OK);
    assert_int_equal(lg_file_write(a, "first", 5, NULL), LUGE_OK);
    assert_int_equal(lg_file_write(b, "second", 6, NULL), LUGE_OK);
    assert_int_equal(lg_file_commit(b, NULL), LUGE_OK);
    assert_int_equal(lg_file_commit(a, NULL), LUGE_OK);
    unsigned char *bytes = file_bytes(scratch("both"), &n);
    assert_int_equal(n, 5);
    assert_memory_equal(bytes, "first", 5);
    free(bytes);
    assert_int_equal(scratch_count(), 1);
    remove(scratch("both"));
}

static void relative_name_survives_chdir(void **state)
{
    char before[1024];
    lg_file *f;
    (void)state;
    assert_non_null(getcwd(before, sizeof before));
    assert_int_equal(chdir(scratch_folder), 0);
    assert_int_equal(lg_file_create(&f, "relative", NULL), LUGE_OK);
    assert_int_equal(chdir("/"), 0);
    assert_int_equal(lg_file_commit(f, NULL), LUGE_OK);
    assert_int_equal(chdir(before), 0);
    assert_int_equal(access(scratch("relative"), F_OK), 0);
    remove(scratch("relative"));
}

/* The limit on the size of a file makes a write fail midway, or the last small one at the end. */
static void failed_write_leaves_the_old_file(void **state)
{
    static char much[200000];
    struct rlimit before, small;
    const char *path = scratch_put("old", "old", 3);
    luge_error err;
    size_t n;
    (void)state;

    signal(SIGXFSZ, SIG_IGN);
    assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
    small = (struct rlimit){ .rlim_cur = 1000, .rlim_max = before.rlim_max };
    for (int late = 0; late < 2; late++) {
        lg_file *f;
        assert_int_equal(lg_file_create(&f, path, NULL), LUGE_OK);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &small), 0);
        luge_status first = lg_file_write(f, much, late ? 2000 : sizeof much, &err), last = LUGE_OK;
        if (late)
            last = lg_file_commit(f, &err);
        else
            lg_file_abandon(f);
        assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
        assert_int_equal(late ? last : first, LUGE_E_IO);
        assert_non_null(strstr(err.text, path));
        assert_non_null(strstr(err.text, "cannot be written: File too large"));
        unsigned char *now = file_bytes(path, &n);
        assert_int_equal(n, 3);
        assert_memory_equal(now, "old", 3);
        free(now);
        assert_int_equal(scratch_count(), 1);
    }
    remove(path);
}

static void killed_writer_leaves_the_old_file(void **state)
{
    const char *path = scratch_put("old", "old", 3);
    size_t n;
    int status;
    pid_t child = fork();
    (void)state;

    if (child == 0) {
        lg_file *f;
        static char much[100000];
        if (!lg_file_create(&f, path, NULL) && !lg_file_write(f, much, sizeof much, NULL)) kill(getpid(), SIGKILL);
        _exit(1);
    }
    assert_int_equal(waitpid(child, &status, 0), child);
    assert_true(WIFSIGNALED(status) && WTERMSIG(status) == SIGKILL);
    unsigned char *now = file_bytes(path, &n);
    assert_int_equal(n, 3);
    assert_memory_equal(now, "old", 3);
    free(now);
}

static void failed_allocations_are_reported(void **state)
{
    (void)state;
    for (long n = 1;; n++) {
        long live = wrap_live;
        lg_file *f;
        luge_error err;
        wrap_fail(n);
        luge_status st = lg_file_create(&f, scratch("x"), &err);
        if (!wrap_failed()) {
            assert_true(n > 1 && st == LUGE_OK);
            lg_file_abandon(f);
            break;
        }
        assert_int_equal(st, LUGE_E_MEMORY);
        assert_null(f);
        assert_int_equal(wrap_live, live);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(written_file_has_all_bytes),          cmocka_unit_test(new_file_has_the_mode_of_the_umask),
        cmocka_unit_test(abandoned_file_leaves_nothing),       cmocka_unit_test(file_that_cannot_be_made_is_named),
        cmocka_unit_test(two_writers_of_one_file_do_not_meet), cmocka_unit_test(relative_name_survives_chdir),
        cmocka_unit_test(failed_write_leaves_the_old_file),    cmocka_unit_test(failed_allocations_are_reported),
        cmocka_unit_test(killed_writer_leaves_the_old_file),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
