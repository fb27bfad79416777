/* IDX:  bytes 0 0, the type of an item, the number of dimensions  |  each dimension, four bytes, the highest first  |
 * the items, row-major.  Only unsigned bytes (type 8) are read.  The file is plain or gzip.
 *
 * Inflating is done here and not by gzread, which passes over what follows a gzip member without a word and does not
 * take its memory from lg_alloc.  SPDX-License-Identifier: MIT */
#include "io/io.h"
#include <errno.h>
#include <string.h>
#include <unistd.h>
#include <zlib.h>

enum { CHUNK = 1 << 16, HEADER = 4, MOST_DIMS = 4, MOST_PULL = 1 << 30, UNSIGNED_BYTE = 8 };

/* A match of 258 bytes takes two bits at least, so a deflated byte holds at most 4 * 258 bytes. */
enum { INFLATION = 1032 };

typedef struct source {
    const char *path;
    int fd;
    size_t size; /* of the file */
    bool gzip, ended;
    z_stream z; /* next_in and avail_in serve plain files too */
    unsigned char in[CHUNK];
} source;

static voidpf zlib_alloc(voidpf opaque, uInt items, uInt size)
{
    (void)opaque;
    return lg_alloc(items, size);
}

static void zlib_free(voidpf opaque, voidpf p)
{
    (void)opaque;
    lg_free(p);
}

/* Have some input, if there is any left. */
static luge_status refill(source *s, luge_error *err)
{
    ssize_t n = 0;

    if (s->z.avail_in) return LUGE_OK;
    do n = read(s->fd, s->in, CHUNK);
    while (n < 0 && errno == EINTR);
    if (n < 0) return lg_fail_errno(err, s->path, "cannot be read");
    s->z.next_in = s->in;
    s->z.avail_in = (uInt)n;
    return LUGE_OK;
}

static luge_status open_source(source *s, const char *path, luge_error *err)
{
    luge_status st = LUGE_OK;

    s->path = path;
    s->z.zalloc = zlib_alloc;
    s->z.zfree = zlib_free;
    LG_TRY(lg_file_open(path, &s->fd, &s->size, err));
    LG_TRY(refill(s, err));
    if (s->z.avail_in < 2 || s->in[0] != 0x1f || s->in[1] != 0x8b) return LUGE_OK;
    LG_NEED(inflateInit2(&s->z, 15 + 16) == Z_OK); /* 15: the largest window; 16: with a gzip header */
    s->gzip = true;
done:
    return st;
}

/* One call of inflate.  A gzip file is one or several members. */
static luge_status inflate_some(source *s, luge_error *err)
{
    int code = inflate(&s->z, Z_NO_FLUSH);

    if (code == Z_MEM_ERROR) return lg_fail(err, LUGE_E_MEMORY, "%s: out of memory while inflating", s->path);
    if (code != Z_OK && code != Z_STREAM_END)
        return lg_fail(err, LUGE_E_FORMAT, "%s: the gzip data is damaged: %s", s->path,
                       s->z.msg ? s->z.msg : "no progress");
    if (code == Z_OK) return LUGE_OK;
    luge_status st = refill(s, err);
    s->ended = s->z.avail_in == 0;
    inflateReset(&s->z);
    return st;
}

/* The next n bytes; *got is less only where the data ends. */
static luge_status pull(source *s, unsigned char *to, size_t n, size_t *got, luge_error *err)
{
    luge_status st = LUGE_OK;
    size_t part;

    for (*got = 0; *got < n && !s->ended; *got += part) {
        part = n - *got < MOST_PULL ? n - *got : MOST_PULL;
        LG_TRY(refill(s, err));
        if (s->gzip) {
            if (!s->z.avail_in)
                LG_TRY(lg_fail(err, LUGE_E_FORMAT, "%s: the file ends within a gzip member", s->path));
            s->z.next_out = to + *got;
            s->z.avail_out = (uInt)part;
            LG_TRY(inflate_some(s, err));
            part -= s->z.avail_out;
        } else {
            s->ended = !s->z.avail_in;
            part = part < s->z.avail_in ? part : s->z.avail_in;
            memcpy(to + *got, s->z.next_in, part);
            s->z.next_in += part;
            s->z.avail_in -= (uInt)part;
        }
    }
done:
    return st;
}

static luge_status read_header(source *s, lg_idx *x, luge_error *err)
{
    luge_status st = LUGE_OK;
    unsigned char head[HEADER + 4 * MOST_DIMS];
    size_t got, dims;

    LG_TRY(pull(s, head, HEADER, &got, err));
    if (got < HEADER) LG_TRY(lg_fail(err, LUGE_E_FORMAT, "%s: %zu bytes are too few for an IDX file", s->path, got));
    if (head[0] || head[1])
        LG_TRY(lg_fail(err, LUGE_E_FORMAT, "%s: begins with bytes %02x %02x, an IDX file with 00 00", s->path,
                       head[0], head[1]));
    if (head[2] != UNSIGNED_BYTE)
        LG_TRY(lg_fail(err, LUGE_E_FORMAT, "%s: items of type 0x%02x; only unsigned bytes, 0x08, are read", s->path,
                       head[2]));
    if (head[3] < 1 || head[3] > MOST_DIMS)
        LG_TRY(lg_fail(err, LUGE_E_FORMAT, "%s: %d dimensions; 1 to %d are read", s->path, head[3], MOST_DIMS));
    dims = head[3];
    LG_TRY(pull(s, head + HEADER, 4 * dims, &got, err));
    if (got < 4 * dims) LG_TRY(lg_fail(err, LUGE_E_FORMAT, "%s: ends within its %zu dimensions", s->path, dims));
    for (x->n = 1; x->ndim < (int)dims; x->ndim++) {
        const unsigned char *b = head + HEADER + 4 * x->ndim;
        size_t n = (size_t)b[0] << 24 | (size_t)b[1] << 16 | (size_t)b[2] << 8 | b[3];
        x->shape[x->ndim] = n;
        if (n == 0 || !lg_times(x->n, n, &x->n))
            LG_TRY(lg_fail(err, LUGE_E_FORMAT, "%s: dimension %d is %zu: %s", s->path, x->ndim, n,
                           n ? "the file cannot hold so many items" : "the file holds no items"));
    }
done:
    return st;
}

/* Memory is asked for only where the file is long enough to hold what it declares. */
static luge_status read_items(source *s, lg_idx *x, luge_error *err)
{
    luge_status st = LUGE_OK;
    size_t most, got;
    unsigned char more;

    if (!s->gzip)
        most = s->size;
    else if (!lg_times(s->size, INFLATION, &most))
        most = SIZE_MAX;
    if (x->n > most)
        LG_TRY(lg_fail(err, LUGE_E_FORMAT, "%s: declares %zu items, which its %zu bytes cannot hold", s->path, x->n,
                       s->size));
    LG_NEED(x->data = lg_alloc(x->n, 1));
    LG_TRY(pull(s, x->data, x->n, &got, err));
    if (got < x->n) LG_TRY(lg_fail(err, LUGE_E_FORMAT, "%s: declares %zu items and has %zu", s->path, x->n, got));
    LG_TRY(pull(s, &more, 1, &got, err));
    if (got) LG_TRY(lg_fail(err, LUGE_E_FORMAT, "%s: more follows after the declared %zu items", s->path, x->n));
done:
    return st;
}

luge_status lg_idx_read(lg_idx *out, const char *path, luge_error *err)
{
    luge_status st = LUGE_OK;
    lg_idx x = { 0 };
    source *s = NULL;

    *out = x;
    LG_NEED(s = lg_alloc(1, sizeof *s));
    s->fd = -1;
    LG_TRY(open_source(s, path, err));
    LG_TRY(read_header(s, &x, err));
    LG_TRY(read_items(s, &x, err));
    *out = x;
    x.data = NULL;
done:
    if (s && s->gzip) inflateEnd(&s->z);
    if (s && s->fd >= 0) close(s->fd);
    lg_free(s);
    lg_free(x.data);
    return st;
}
