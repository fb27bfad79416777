/* What the readers of files share.  SPDX-License-Identifier: MIT */
#include "io/io.h"
#include <errno.h>
#include <fcntl.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

luge_status lg_fail_errno(luge_error *err, const char *path, const char *what)
{
    char reason[128] = "";
    int code = errno;

    if (strerror_r(code, reason, sizeof reason)) snprintf(reason, sizeof reason, "error %d", code);
    return lg_fail(err, LUGE_E_IO, "%s: %s: %s", path, what, reason);
}

lg_shown lg_show(const char *text, size_t n)
{
    lg_shown shown = { "" };
    size_t i = 0;

    for (; i < n && i < LG_SHOWN; i++) shown.text[i] = (char)(text[i] >= ' ' && text[i] <= '~' ? text[i] : '?');
    if (i < n) memcpy(shown.text + i, "...", 3);
    return shown;
}

luge_status lg_file_open(const char *path, int *fd, size_t *size, luge_error *err)
{
    luge_status st = LUGE_OK;
    struct stat info;

    *fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK); /* a pipe without a writer must not hold us up */
    if (*fd < 0) return lg_fail_errno(err, path, "cannot be opened");
    if (fstat(*fd, &info))
        st = lg_fail_errno(err, path, "cannot be examined");
    else if (!S_ISREG(info.st_mode))
        st = lg_fail(err, LUGE_E_IO, "%s: is not a regular file", path);
    else
        *size = (size_t)info.st_size;
    if (st != LUGE_OK) {
        close(*fd);
        *fd = -1;
    }
    return st;
}

luge_status lg_file_read(const char *path, void **bytes, size_t *size, luge_error *err)
{
    luge_status st = LUGE_OK;
    int fd;
    ssize_t got;

    *bytes = NULL;
    LG_TRY(lg_file_open(path, &fd, size, err));
    LG_NEED(*bytes = lg_alloc(*size, 1));
    for (size_t at = 0; at < *size; at += (size_t)got) { /* Linux reads at most 2 GiB in one call */
        do got = read(fd, (char *)*bytes + at, *size - at);
        while (got < 0 && errno == EINTR);
        if (got < 0) LG_TRY(lg_fail_errno(err, path, "cannot be read"));
        if (got == 0)
            LG_TRY(lg_fail(err, LUGE_E_IO, "%s: shrank to %zu of %zu bytes while it was read", path, at, *size));
    }
done:
    if (fd >= 0) close(fd);
    if (st != LUGE_OK) {
        lg_free(*bytes);
        *bytes = NULL;
    }
    return st;
}
