/* LIBSVM text: one row a line,  label index:value index:value ...  with indices from 1 that rise; # begins a comment.
 * SPDX-License-Identifier: MIT */
#include "io/io.h"
#include <errno.h>
#include <string.h>

enum { TOKEN = 128, FIRST_ROOM = 1024 };
#define MOST_INDEX ((uint64_t)UINT32_MAX - 1) /* so that the number of columns and one more fit a uint32_t too */

typedef struct reader {
    FILE *in;
    const char *path;
    size_t line;
    char token[TOKEN];
    size_t length; /* of the token; 0: the line has ended */
    bool ended;    /* and the file too */
    size_t row_room, entry_room;
} reader;

static luge_status bad(const reader *r, const char *what, luge_error *err)
{
    return lg_fail(err, LUGE_E_FORMAT, "%s:%zu: '%s': %s", r->path, r->line, lg_show(r->token, r->length).text, what);
}

static bool is_blank(int c) { return c == ' ' || c == '\t' || c == '\r'; }

static luge_status next(reader *r, luge_error *err)
{
    int c;

    do c = getc_unlocked(r->in);
    while (is_blank(c));
    for (r->length = 0; c != EOF && c != '\n' && c != '#' && !is_blank(c); c = getc_unlocked(r->in)) {
        if (r->length == TOKEN - 1) return bad(r, "this is too long for a number", err);
        r->token[r->length++] = (char)c;
    }
    r->token[r->length] = 0;
    if (r->length) {
        ungetc(c, r->in);
        return LUGE_OK;
    }
    while (c != EOF && c != '\n') c = getc_unlocked(r->in); /* the comment */
    r->ended = c == EOF;
    if (ferror(r->in)) return lg_fail_errno(err, r->path, "cannot be read");
    return LUGE_OK;
}

/* The rest of the token from `text` on as a number. */
static bool number(const reader *r, const char *text, double *v)
{
    return lg_number_read(text, v) == r->token + r->length && isfinite(*v);
}

static luge_status room_for_row(reader *r, lg_sparse *s, luge_error *err)
{
    luge_status st = LUGE_OK;
    size_t room = r->row_room ? 2 * r->row_room : FIRST_ROOM;
    void *p;

    if (s->rows < r->row_room) return LUGE_OK;
    LG_NEED(p = lg_grow(s->start, s->rows + 1, room + 1, sizeof *s->start));
    s->start = p;
    LG_NEED(p = lg_grow(s->label, s->rows, room, sizeof *s->label));
    s->label = p;
    r->row_room = room;
done:
    return st;
}

static luge_status room_for_entry(reader *r, lg_sparse *s, luge_error *err)
{
    luge_status st = LUGE_OK;
    size_t room = r->entry_room ? 2 * r->entry_room : FIRST_ROOM;
    void *p;

    if (s->entries < r->entry_room) return LUGE_OK;
    LG_NEED(p = lg_grow(s->column, s->entries, room, sizeof *s->column));
    s->column = p;
    LG_NEED(p = lg_grow(s->value, s->entries, room, sizeof *s->value));
    s->value = p;
    r->entry_room = room;
done:
    return st;
}

/* The token as index:value. */
static luge_status read_entry(reader *r, lg_sparse *s, luge_error *err)
{
    luge_status st = LUGE_OK;
    const char *c = r->token;
    uint64_t index = 0;
    double value;

    for (; *c >= '0' && *c <= '9'; c++)
        if (index <= MOST_INDEX) index = 10 * index + (uint64_t)(*c - '0');
    if (c == r->token || *c != ':') return bad(r, "index:value is needed, the index a whole number", err);
    if (index < 1 || index > MOST_INDEX) return bad(r, "indices are from 1 to 4294967294", err);
    if (s->entries > s->start[s->rows] && index <= (uint64_t)s->column[s->entries - 1] + 1)
        return bad(r, "indices must rise along a line", err);
    if (!number(r, c + 1, &value)) return bad(r, "the value is not a finite number", err);
    LG_TRY(room_for_entry(r, s, err));
    s->column[s->entries] = (uint32_t)(index - 1);
    s->value[s->entries++] = value;
    if (index > s->columns) s->columns = (size_t)index;
done:
    return st;
}

/* The line whose first token has been read. */
static luge_status read_row(reader *r, lg_sparse *s, luge_error *err)
{
    luge_status st = LUGE_OK;
    double label;

    if (!number(r, r->token, &label)) return bad(r, "the label is not a finite number", err);
    LG_TRY(room_for_row(r, s, err));
    s->label[s->rows] = label;
    LG_TRY(next(r, err));
    while (r->length) {
        LG_TRY(read_entry(r, s, err));
        LG_TRY(next(r, err));
    }
    s->start[++s->rows] = s->entries;
done:
    return st;
}

luge_status lg_libsvm_read(lg_sparse *out, const char *path, luge_error *err)
{
    luge_status st = LUGE_OK;
    lg_sparse s = { 0 };
    reader r = { .path = path, .in = fopen(path, "re") };

    *out = s;
    if (!r.in) return lg_fail_errno(err, path, "cannot be opened");
    while (!r.ended) {
        r.line++;
        LG_TRY(next(&r, err));
        if (r.length) LG_TRY(read_row(&r, &s, err));
    }
    if (!s.rows) LG_TRY(lg_fail(err, LUGE_E_FORMAT, "%s: holds no rows", path));
    *out = s;
    s = (lg_sparse){ 0 };
done:
    fclose(r.in);
    lg_sparse_free(&s);
    return st;
}

void lg_sparse_free(lg_sparse *s)
{
    lg_free(s->start);
    lg_free(s->column);
    lg_free(s->value);
    lg_free(s->label);
    *s = (lg_sparse){ 0 };
}
