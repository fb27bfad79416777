/* Files.  Every reader takes its input for hostile: sizes are checked against the file before memory is asked for,
 * and an error names the file and the byte or line.  SPDX-License-Identifier: MIT */
#ifndef LG_IO_H
#define LG_IO_H
#include "core/core.h"
#include <stdio.h>

/* ---- IDX (idx.c): unsigned bytes, plain or gzip ---- */

typedef struct lg_idx {
    int ndim; /* 1 to 4 */
    size_t shape[4], n;
    unsigned char *data; /* yours: lg_free */
} lg_idx;
luge_status lg_idx_read(lg_idx *out, const char *path, luge_error *err);

/* ---- LIBSVM text (libsvm.c): "label index:value ...", indices from 1 and rising ---- */

typedef struct lg_sparse {
    size_t rows, columns, entries;
    size_t *start;    /* rows + 1: the entries of row i are start[i] .. start[i+1]-1 */
    uint32_t *column; /* from 0 */
    double *value, *label;
} lg_sparse;
luge_status lg_libsvm_read(lg_sparse *out, const char *path, luge_error *err);
void lg_sparse_free(lg_sparse *s);

/* ---- a file that is there wholly or not at all (file.c) ---- */

typedef struct lg_file lg_file;
/* Opens a file beside `path`; after a failed write it is to be abandoned. */
luge_status lg_file_create(lg_file **out, const char *path, luge_error *err);
luge_status lg_file_write(lg_file *f, const void *data, size_t bytes, luge_error *err);
/* Sync, rename over `path`, sync the directory; the handle is gone in any case, and after a failure the new file too.
 */
luge_status lg_file_commit(lg_file *f, luge_error *err);
void lg_file_abandon(lg_file *f); /* NULL is fine */

/* ---- safetensors (safetensors.c) ---- */

enum { LG_DTYPE_F32, LG_DTYPE_F64, LG_DTYPE_BF16, LG_DTYPE_I64, LG_DTYPES };
typedef struct lg_entry {
    const char *name;
    int dtype, ndim;
    size_t shape[LG_DIMS], n, bytes;
    const void *data; /* reading: lent, lives in the lg_tensors, aligned as in the file */
} lg_entry;
typedef struct lg_meta {
    const char *key, *value;
} lg_meta;

/* Write entries and metadata atomically; the data goes from its memory straight to the file.  n and bytes are not
 * looked at: they follow from dtype and shape. */
luge_status lg_tensors_write(const char *path, const lg_entry *entry, size_t entries, const lg_meta *meta,
                             size_t metas, luge_error *err);

typedef struct lg_tensors lg_tensors;
luge_status lg_tensors_read(lg_tensors **out, const char *path, luge_error *err);
/* The same from memory (fuzzing, embedding): bytes stay yours and must outlive *out. `name` is for messages. */
luge_status lg_tensors_parse(lg_tensors **out, const void *bytes, size_t size, const char *name, luge_error *err);
void lg_tensors_free(lg_tensors *t); /* NULL is fine */
size_t lg_tensors_count(const lg_tensors *t);
const lg_entry *lg_tensors_at(const lg_tensors *t, size_t i);
const lg_entry *lg_tensors_find(const lg_tensors *t, const char *name); /* NULL: absent; fast for many names */
const char *lg_tensors_meta(const lg_tensors *t, const char *key);      /* NULL: absent */
const lg_meta *lg_tensors_meta_at(const lg_tensors *t, size_t i);       /* NULL past the end */

/* ---- what the readers share (read.c) ---- */

/* Opens a regular file; *fd is yours: close(). */
luge_status lg_file_open(const char *path, int *fd, size_t *size, luge_error *err);
/* The whole of a regular file; *bytes is yours: lg_free. */
luge_status lg_file_read(const char *path, void **bytes, size_t *size, luge_error *err);
/* "PATH: WHAT: " and what errno means. */
luge_status lg_fail_errno(luge_error *err, const char *path, const char *what);
/* Text of a file for a message: at most LG_SHOWN bytes of it, and a ? for what is not printable ASCII. */
enum { LG_SHOWN = 60 };
typedef struct lg_shown {
    char text[LG_SHOWN + 4];
} lg_shown;
lg_shown lg_show(const char *text, size_t n);

#endif
