/* Safetensors:  8 bytes, the length N of the header, little-endian  |  N bytes of JSON  |  the data of the tensors.
 *
 *     {"__metadata__": {"key": "value", ...},
 *      "name": {"dtype": "F32", "shape": [2, 3], "data_offsets": [begin, end]}, ...}
 *
 * The offsets count from the first byte after the header; the tensors cover the data without gap or overlap.
 * SPDX-License-Identifier: MIT */
#include "io/io.h"
#include <jansson.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

_Static_assert(__BYTE_ORDER__ == __ORDER_LITTLE_ENDIAN__, "tensors are written and read as they lie in memory");

enum { LENGTH = 8, MOST_HEADER = 100000000 }; /* the bound of the format's reference reader */
#define METADATA "__metadata__"

static const struct dtype {
    const char *name;
    size_t size;
} dtypes[LG_DTYPES] = {
    [LG_DTYPE_F32] = { "F32", 4 },
    [LG_DTYPE_F64] = { "F64", 8 },
    [LG_DTYPE_BF16] = { "BF16", 2 },
    [LG_DTYPE_I64] = { "I64", 8 },
};

struct lg_tensors {
    void *owned; /* the bytes of the file, where they are ours */
    lg_entry *entry;
    size_t entries;
    const lg_entry **by_name;
    lg_meta *meta;
    size_t metas;
    char *text; /* names, keys and values, one after the other */
};

/* ---- reading ---- */

typedef struct source {
    const char *file, *data;
    size_t size;       /* of the data */
    char *text;        /* where the next copied text goes */
    lg_shown name;     /* of the tensor that is being read */
    luge_error *error; /* as everywhere: may be NULL */
} source;

static luge_status bad(const source *s, const char *format, ...) __attribute__((format(printf, 2, 3)));
static luge_status bad(const source *s, const char *format, ...)
{
    char text[256];
    va_list list;

    va_start(list, format);
    vsnprintf(text, sizeof text, format, list);
    va_end(list);
    return lg_fail(s->error, LUGE_E_FORMAT, "%s: tensor '%s': %s", s->file, s->name.text, text);
}

static luge_status header_length(const unsigned char *bytes, size_t size, const char *file, size_t *length,
                                 luge_error *err)
{
    uint64_t n = 0;

    if (size < LENGTH)
        return lg_fail(err, LUGE_E_FORMAT, "%s: %zu bytes, but the length of the header alone takes %d", file, size,
                       LENGTH);
    for (int i = LENGTH; i-- > 0;) n = n << 8 | bytes[i];
    if (n > MOST_HEADER)
        return lg_fail(err, LUGE_E_FORMAT, "%s: a header of %llu bytes; at most %d are allowed", file,
                       (unsigned long long)n, MOST_HEADER);
    if (n > size - LENGTH)
        return lg_fail(err, LUGE_E_FORMAT, "%s: a header of %llu bytes, but only %zu bytes follow", file,
                       (unsigned long long)n, size - LENGTH);
    *length = (size_t)n;
    return LUGE_OK;
}

static luge_status header_json(json_t **root, const char *text, size_t length, const char *file, luge_error *err)
{
    json_error_t wrong;

    if (length == 0 || *text != '{') return lg_fail(err, LUGE_E_FORMAT, "%s: the header does not begin with {", file);
    *root = json_loadb(text, length, JSON_REJECT_DUPLICATES, &wrong);
    if (*root) return LUGE_OK;
    if (json_error_code(&wrong) == json_error_out_of_memory)
        return lg_fail(err, LUGE_E_MEMORY, "%s: out of memory for a header of %zu bytes", file, length);
    return lg_fail(err, LUGE_E_FORMAT, "%s: the header is not JSON: %s, at its byte %d", file,
                   lg_show(wrong.text, strlen(wrong.text)).text, wrong.position);
}

/* There is room for every text of the header: what stands there has two quotes more, and escapes only shrink. */
static const char *copy(source *s, const char *text)
{
    size_t size = strlen(text) + 1;
    char *to = memcpy(s->text, text, size);

    s->text += size;
    return to;
}

static luge_status read_metadata(lg_tensors *t, source *s, json_t *object)
{
    luge_status st = LUGE_OK;
    luge_error *err = s->error;
    const char *key;
    json_t *value;

    if (!object) return LUGE_OK;
    if (!json_is_object(object)) return lg_fail(err, LUGE_E_FORMAT, "%s: " METADATA " is not an object", s->file);
    LG_NEED(t->meta = lg_alloc(json_object_size(object), sizeof *t->meta));
    json_object_foreach(object, key, value)
    {
        if (!json_is_string(value))
            LG_TRY(lg_fail(err, LUGE_E_FORMAT, "%s: the value of '%s' in " METADATA " is not a string", s->file,
                           lg_show(key, strlen(key)).text));
        t->meta[t->metas].key = copy(s, key);
        t->meta[t->metas++].value = copy(s, json_string_value(value));
    }
done:
    return st;
}

static luge_status read_dtype(const source *s, lg_entry *e, const json_t *value)
{
    const char *name = json_string_value(value);

    if (!name) return bad(s, "\"dtype\" is missing or not a string");
    for (e->dtype = 0; e->dtype < LG_DTYPES; e->dtype++)
        if (!strcmp(dtypes[e->dtype].name, name)) return LUGE_OK;
    return bad(s, "dtype '%s'; F32, F64, BF16 and I64 are known", lg_show(name, strlen(name)).text);
}

static luge_status read_shape(const source *s, lg_entry *e, const json_t *value)
{
    size_t ndim = json_array_size(value);

    if (!json_is_array(value)) return bad(s, "\"shape\" is missing or not an array");
    if (ndim > LG_DIMS) return bad(s, "%zu dimensions; at most %d are allowed", ndim, LG_DIMS);
    e->n = 1;
    for (e->ndim = 0; e->ndim < (int)ndim; e->ndim++) {
        const json_t *item = json_array_get(value, (size_t)e->ndim);
        json_int_t n = json_integer_value(item);
        if (!json_is_integer(item)) return bad(s, "shape[%d] is not a whole number", e->ndim);
        if (n < 0) return bad(s, "shape[%d] = %lld is negative", e->ndim, (long long)n);
        e->shape[e->ndim] = (size_t)n;
        if (!lg_times(e->n, (size_t)n, &e->n))
            return bad(s, "shape[%d] = %lld makes more elements than memory can have", e->ndim, (long long)n);
    }
    if (!lg_times(e->n, dtypes[e->dtype].size, &e->bytes))
        return bad(s, "%zu elements are more than memory can have", e->n);
    return LUGE_OK;
}

static luge_status read_offsets(const source *s, lg_entry *e, const json_t *value)
{
    const json_t *first = json_array_get(value, 0), *last = json_array_get(value, 1);
    long long begin = json_integer_value(first), end = json_integer_value(last);

    if (json_array_size(value) != 2 || !json_is_integer(first) || !json_is_integer(last))
        return bad(s, "\"data_offsets\" is missing or not two whole numbers");
    if (begin < 0 || end < begin) return bad(s, "data_offsets [%lld, %lld] do not rise from 0", begin, end);
    if ((unsigned long long)end > s->size)
        return bad(s, "data_offsets [%lld, %lld] reach past the end: the file has %zu bytes of data", begin, end,
                   s->size);
    if ((size_t)(end - begin) != e->bytes)
        return bad(s, "data_offsets [%lld, %lld] hold %lld bytes, but %zu elements of %s take %zu", begin, end,
                   end - begin, e->n, dtypes[e->dtype].name, e->bytes);
    e->data = s->data + begin;
    return LUGE_OK;
}

static luge_status read_entries(lg_tensors *t, source *s, json_t *root)
{
    luge_status st = LUGE_OK;
    luge_error *err = s->error;
    const char *name;
    json_t *value;

    LG_NEED(t->entry = lg_alloc(json_object_size(root), sizeof *t->entry));
    LG_NEED(t->by_name = lg_alloc(json_object_size(root), sizeof *t->by_name));
    json_object_foreach(root, name, value)
    {
        lg_entry *e = &t->entry[t->entries];
        if (!strcmp(name, METADATA)) continue;
        s->name = lg_show(name, strlen(name));
        if (!json_is_object(value)) LG_TRY(bad(s, "is not described by an object"));
        LG_TRY(read_dtype(s, e, json_object_get(value, "dtype")));
        LG_TRY(read_shape(s, e, json_object_get(value, "shape")));
        LG_TRY(read_offsets(s, e, json_object_get(value, "data_offsets")));
        e->name = copy(s, name);
        t->by_name[t->entries++] = e;
    }
done:
    return st;
}

static int compare_place(const void *a, const void *b)
{
    const lg_entry *x = *(const lg_entry *const *)a, *y = *(const lg_entry *const *)b;
    const char *p = x->data, *q = y->data;

    return p != q ? (p > q) - (p < q) : (x->bytes > y->bytes) - (x->bytes < y->bytes); /* the empty one first */
}

static int compare_name(const void *a, const void *b)
{
    return strcmp((*(const lg_entry *const *)a)->name, (*(const lg_entry *const *)b)->name);
}

static luge_status check_cover(lg_tensors *t, source *s)
{
    size_t at = 0;

    qsort(t->by_name, t->entries, sizeof *t->by_name, compare_place);
    for (size_t i = 0; i < t->entries; i++) {
        const lg_entry *e = t->by_name[i];
        size_t begin = (size_t)((const char *)e->data - s->data);
        s->name = lg_show(e->name, strlen(e->name));
        if (begin != at)
            return bad(s, "begins at byte %zu of the data, %s at byte %zu", begin,
                       begin < at ? "inside another tensor that ends" : "after a gap that begins", at);
        at += e->bytes;
    }
    if (at != s->size)
        return lg_fail(s->error, LUGE_E_FORMAT, "%s: %zu bytes follow after the last tensor", s->file, s->size - at);
    return LUGE_OK;
}

luge_status lg_tensors_parse(lg_tensors **out, const void *bytes, size_t size, const char *name, luge_error *err)
{
    luge_status st = LUGE_OK;
    lg_tensors *t = NULL;
    json_t *root = NULL;
    size_t length = 0;
    source s = { .file = name, .error = err };

    *out = NULL;
    LG_TRY(header_length(bytes, size, name, &length, err));
    LG_TRY(header_json(&root, (const char *)bytes + LENGTH, length, name, err));
    s.data = (const char *)bytes + LENGTH + length;
    s.size = size - LENGTH - length;
    LG_NEED(t = lg_alloc(1, sizeof *t));
    LG_NEED(s.text = t->text = lg_alloc(length, 1));
    LG_TRY(read_metadata(t, &s, json_object_get(root, METADATA)));
    LG_TRY(read_entries(t, &s, root));
    LG_TRY(check_cover(t, &s));
    qsort(t->by_name, t->entries, sizeof *t->by_name, compare_name);
    *out = t;
done:
    json_decref(root);
    if (st != LUGE_OK) lg_tensors_free(t);
    return st;
}

luge_status lg_tensors_read(lg_tensors **out, const char *path, luge_error *err)
{
    luge_status st = LUGE_OK;
    void *bytes = NULL;
    size_t size;

    *out = NULL;
    LG_TRY(lg_file_read(path, &bytes, &size, err));
    LG_TRY(lg_tensors_parse(out, bytes, size, path, err));
    (*out)->owned = bytes;
done:
    if (st != LUGE_OK) lg_free(bytes);
    return st;
}

void lg_tensors_free(lg_tensors *t)
{
    if (!t) return;
    lg_free(t->owned);
    lg_free(t->entry);
    lg_free(t->by_name);
    lg_free(t->meta);
    lg_free(t->text);
    lg_free(t);
}

size_t lg_tensors_count(const lg_tensors *t) { return t->entries; }

const lg_entry *lg_tensors_at(const lg_tensors *t, size_t i) { return i < t->entries ? &t->entry[i] : NULL; }

const lg_entry *lg_tensors_find(const lg_tensors *t, const char *name)
{
    const lg_entry key = { .name = name }, *at = &key;
    const lg_entry **found = bsearch(&at, t->by_name, t->entries, sizeof *t->by_name, compare_name);

    return found ? *found : NULL;
}

const lg_meta *lg_tensors_meta_at(const lg_tensors *t, size_t i) { return i < t->metas ? &t->meta[i] : NULL; }

const char *lg_tensors_meta(const lg_tensors *t, const char *key)
{
    for (size_t i = 0; i < t->metas; i++)
        if (!strcmp(t->meta[i].key, key)) return t->meta[i].value;
    return NULL;
}

/* ---- writing ---- */

static luge_status bytes_of(const lg_entry *e, size_t *bytes, luge_error *err)
{
    bool fits = true;

    if (e->dtype < 0 || e->dtype >= LG_DTYPES || e->ndim < 0 || e->ndim > LG_DIMS)
        return lg_fail(err, LUGE_E_ARG, "tensor '%s': dtype %d and %d dimensions; they are 0 to %d and 0 to %d",
                       e->name, e->dtype, e->ndim, LG_DTYPES - 1, LG_DIMS);
    *bytes = dtypes[e->dtype].size;
    for (int d = 0; d < e->ndim; d++) fits = fits && lg_times(*bytes, e->shape[d], bytes);
    if (!fits || *bytes > PTRDIFF_MAX)
        return lg_fail(err, LUGE_E_ARG, "tensor '%s' is larger than memory can be", e->name);
    return LUGE_OK;
}

/* Adds `value`, which may be NULL after a failed call, to `object`. */
static luge_status add(json_t *object, const char *key, json_t *value, luge_error *err)
{
    bool twice = json_object_get(object, key);

    if (!twice && value && !json_object_set_new(object, key, value)) return LUGE_OK;
    if (twice) json_decref(value);
    return lg_fail(err, LUGE_E_ARG, "the name '%s' %s", lg_show(key, strlen(key)).text,
                   twice ? "stands twice" : "or its value is not UTF-8, or memory is short");
}

static luge_status describe(json_t *root, const lg_entry *e, size_t *end, luge_error *err)
{
    luge_status st = LUGE_OK;
    json_t *shape = json_array();
    size_t begin = *end, bytes;

    LG_TRY(bytes_of(e, &bytes, err));
    if (!strcmp(e->name, METADATA)) LG_TRY(lg_fail(err, LUGE_E_ARG, "a tensor must not be named " METADATA));
    if (!lg_plus(begin, bytes, end) || *end > PTRDIFF_MAX)
        LG_TRY(lg_fail(err, LUGE_E_ARG, "the tensors up to '%s' are larger than a file can be", e->name));
    for (int d = 0; d < e->ndim; d++) json_array_append_new(shape, json_integer((json_int_t)e->shape[d]));
    LG_TRY(add(root, e->name,
               json_pack("{s:s, s:O, s:[I, I]}", "dtype", dtypes[e->dtype].name, "shape", shape, "data_offsets",
                         (json_int_t)begin, (json_int_t)*end),
               err));
done:
    json_decref(shape);
    return st;
}

static luge_status write_header(lg_file *f, json_t *root, luge_error *err)
{
    luge_status st = LUGE_OK;
    size_t used = json_dumpb(root, NULL, 0, JSON_COMPACT), length = (used + 7) / 8 * 8;
    char *text = NULL;

    LG_NEED(used);
    if (length > MOST_HEADER)
        LG_TRY(lg_fail(err, LUGE_E_ARG, "a header of %zu bytes; at most %d are allowed", length, MOST_HEADER));
    LG_NEED(text = lg_alloc(length, 1));
    memset(text, ' ', length);
    LG_NEED(json_dumpb(root, text, used, JSON_COMPACT) == used);
    LG_TRY(lg_file_write(f, &(uint64_t){ length }, LENGTH, err));
    LG_TRY(lg_file_write(f, text, length, err));
done:
    lg_free(text);
    return st;
}

luge_status lg_tensors_write(const char *path, const lg_entry *entry, size_t entries, const lg_meta *meta,
                             size_t metas, luge_error *err)
{
    luge_status st = LUGE_OK;
    lg_file *f = NULL;
    json_t *root = json_object(), *map = json_object();
    size_t bytes, end = 0;

    for (size_t i = 0; i < metas; i++) LG_TRY(add(map, meta[i].key, json_string(meta[i].value), err));
    if (metas) LG_TRY(add(root, METADATA, json_incref(map), err));
    for (size_t i = 0; i < entries; i++) LG_TRY(describe(root, &entry[i], &end, err));
    LG_TRY(lg_file_create(&f, path, err));
    LG_TRY(write_header(f, root, err));
    for (size_t i = 0; i < entries; i++) {
        LG_TRY(bytes_of(&entry[i], &bytes, err));
        LG_TRY(lg_file_write(f, entry[i].data, bytes, err));
    }
    st = lg_file_commit(f, err);
    f = NULL;
done:
    lg_file_abandon(f);
    json_decref(map);
    json_decref(root);
    return st;
}
