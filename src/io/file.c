/* A file that is there wholly or not at all: written beside its place, synced, then renamed over it.
 * SPDX-License-Identifier: MIT */
#include "io/io.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { SMALL = 1 << 16, TRIES = 1000 };

struct lg_file {
    int folder, fd; /* the folder stays open: to sync it, and so that chdir does no harm */
    char *path;
    const char *base;    /* the part of path after the folder     */
    char temporary[256]; /* name beside base; empty: there is none */
    size_t used;
    unsigned char small[SMALL]; /* small writes wait here until there is enough for one call */
};

/* Memory that caches the old file serves the new one: finding as much elsewhere can take longer than the writing. */
static void forget(const lg_file *f)
{
    int old = openat(f->folder, f->base, O_RDONLY | O_NONBLOCK | O_CLOEXEC);

    if (old < 0) return;
    posix_fadvise(old, 0, 0, POSIX_FADV_DONTNEED);
    close(old);
}

static luge_status open_folder(lg_file *f, luge_error *err)
{
    char *slash = strrchr(f->path, '/');
    const char *folder = !slash ? "." : slash == f->path ? "/" : f->path;
    struct stat info;

    f->base = slash ? slash + 1 : f->path;
    if (!*f->base) return lg_fail(err, LUGE_E_IO, "%s: is not the name of a file", f->path);
    if (folder == f->path) *slash = 0;
    f->folder = open(folder, O_RDONLY | O_DIRECTORY | O_CLOEXEC);
    if (folder == f->path) *slash = '/';
    if (f->folder < 0) return lg_fail_errno(err, f->path, "its folder cannot be opened");
    if (fstatat(f->folder, f->base, &info, 0)) return LUGE_OK;
    if (!S_ISREG(info.st_mode)) return lg_fail(err, LUGE_E_IO, "%s: is there and is not a regular file", f->path);
    forget(f);
    return LUGE_OK;
}

static luge_status open_temporary(lg_file *f, luge_error *err)
{
    char name[sizeof f->temporary];

    for (int i = 0; i < TRIES; i++) { /* the base is cut so that the name stays under the usual 255 bytes */
        snprintf(name, sizeof name, "%.200s.%ld-%d.tmp", f->base, (long)getpid(), i);
        f->fd = openat(f->folder, name, O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0666);
        if (f->fd >= 0) {
            memcpy(f->temporary, name, sizeof name);
            return LUGE_OK;
        }
        if (errno != EEXIST) break;
    }
    return lg_fail_errno(err, f->path, "a file beside it cannot be made");
}

luge_status lg_file_create(lg_file **out, const char *path, luge_error *err)
{
    luge_status st = LUGE_OK;
    lg_file *f = NULL;

    *out = NULL;
    LG_NEED(f = lg_alloc(1, sizeof *f));
    f->fd = f->folder = -1;
    LG_NEED(f->path = lg_copy_text(path));
    LG_TRY(open_folder(f, err));
    LG_TRY(open_temporary(f, err));
    *out = f;
done:
    if (st != LUGE_OK) lg_file_abandon(f);
    return st;
}

static luge_status put(lg_file *f, const unsigned char *data, size_t bytes, luge_error *err)
{
    while (bytes) {
        ssize_t n = write(f->fd, data, bytes);
        if (n < 0 && errno == EINTR) continue;
        if (n < 0) return lg_fail_errno(err, f->path, "cannot be written");
        data += n;
        bytes -= (size_t)n;
    }
    return LUGE_OK;
}

static luge_status put_small(lg_file *f, luge_error *err)
{
    size_t bytes = f->used;

    f->used = 0;
    return put(f, f->small, bytes, err);
}

luge_status lg_file_write(lg_file *f, const void *data, size_t bytes, luge_error *err)
{
    luge_status st = LUGE_OK;

    if (bytes > SMALL - f->used) LG_TRY(put_small(f, err));
    if (bytes >= SMALL) return put(f, data, bytes, err);
    if (bytes) memcpy(f->small + f->used, data, bytes);
    f->used += bytes;
done:
    return st;
}

static int sync_file(int fd)
{
    int failed;

    do failed = fsync(fd);
    while (failed && errno == EINTR);
    return failed;
}

luge_status lg_file_commit(lg_file *f, luge_error *err)
{
    luge_status st = LUGE_OK;
    int fd = f->fd;

    LG_TRY(put_small(f, err));
    if (sync_file(fd)) LG_TRY(lg_fail_errno(err, f->path, "cannot be synced"));
    f->fd = -1;
    if (close(fd)) LG_TRY(lg_fail_errno(err, f->path, "cannot be closed"));
    if (renameat(f->folder, f->temporary, f->folder, f->base))
        LG_TRY(lg_fail_errno(err, f->path, "cannot be replaced"));
    f->temporary[0] = 0;
    if (sync_file(f->folder) && errno != EINVAL) /* EINVAL: a file system that has no sync of folders */
        LG_TRY(lg_fail_errno(err, f->path, "is written, but its folder cannot be synced"));
done:
    lg_file_abandon(f);
    return st;
}

void lg_file_abandon(lg_file *f)
{
    if (!f) return;
    if (f->fd >= 0) close(f->fd);
    if (f->temporary[0]) unlinkat(f->folder, f->temporary, 0);
    if (f->folder >= 0) close(f->folder);
    lg_free(f->path);
    lg_free(f);
}
