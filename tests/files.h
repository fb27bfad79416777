/* A scratch folder, and the shared folder of recorded data: $LUGE_SHARED, else `shared` beside the source.  Where it
 * is absent, a test skips; with CI=true it fails.  SPDX-License-Identifier: MIT */
#ifndef TEST_FILES_H
#define TEST_FILES_H
#include <dirent.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>
/* cmocka wants those before it */
#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof *(table))

static char scratch_folder[256];

/* Group set-up: a folder of our own. */
static inline int scratch_make(void **state)
{
    const char *base = getenv("TMPDIR");
    (void)state;
    snprintf(scratch_folder, sizeof scratch_folder, "%s/luge-test-XXXXXX", base ? base : "/tmp");
    return mkdtemp(scratch_folder) ? 0 : -1;
}

static inline size_t scratch_count(void)
{
    DIR *folder = opendir(scratch_folder);
    size_t n = 0;
    assert_non_null(folder);
    for (struct dirent *e; (e = readdir(folder));) n += e->d_name[0] != '.';
    closedir(folder);
    return n;
}

/* Group tear-down: the folder and the files in it. */
static inline int scratch_remove(void **state)
{
    DIR *folder = opendir(scratch_folder);
    char path[600];
    (void)state;
    if (!folder) return -1;
    for (struct dirent *e; (e = readdir(folder));) {
        snprintf(path, sizeof path, "%s/%s", scratch_folder, e->d_name);
        if (e->d_name[0] != '.') remove(path);
    }
    closedir(folder);
    return rmdir(scratch_folder);
}

/* The path of a file in the scratch folder; lent until the fourth next call. */
static inline const char *scratch(const char *name)
{
    static char path[4][600];
    static unsigned turn;
    char *p = path[turn++ % 4];
    snprintf(p, sizeof path[0], "%s/%s", scratch_folder, name);
    return p;
}

static inline const char *scratch_put(const char *name, const void *bytes, size_t n)
{
    const char *path = scratch(name);
    FILE *f = fopen(path, "wb");
    assert_non_null(f);
    assert_int_equal(fwrite(bytes, 1, n, f), n);
    assert_int_equal(fclose(f), 0);
    return path;
}

/* The whole of a file; to be freed. */
static inline unsigned char *file_bytes(const char *path, size_t *n)
{
    FILE *f = fopen(path, "rb");
    struct stat info;
    unsigned char *bytes;
    assert_non_null(f);
    assert_int_equal(fstat(fileno(f), &info), 0);
    *n = (size_t)info.st_size;
    bytes = malloc(*n + 1);
    assert_non_null(bytes);
    assert_int_equal(fread(bytes, 1, *n, f), *n);
    fclose(f);
    return bytes;
}

/* The path of `name` in the shared folder; lent until the next call.  Skips where it is not there. */
static inline const char *shared_path(const char *name)
{
    static char path[1024];
    const char *shared = getenv("LUGE_SHARED"), *source = getenv("LUGE_SOURCE"), *ci = getenv("CI");
    if (shared)
        snprintf(path, sizeof path, "%s/%s", shared, name);
    else
        snprintf(path, sizeof path, "%s/../shared/%s", source ? source : ".", name);
    if (!access(path, R_OK)) return path;
    if (ci && !strcmp(ci, "true")) fail_msg("%s is not there, and CI may not skip it", path);
    print_message("skipped: %s is not there (LUGE_SHARED names the folder of recorded data)\n", path);
    skip();
    return NULL;
}

#endif
