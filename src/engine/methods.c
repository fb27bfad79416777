/* What the public interface tells of the methods.  SPDX-License-Identifier: MIT */
#include "engine/engine.h"
#include <string.h>

/* All names, methods and aliases, in the order of the files. */
#define EACH_ENTRY(e)                                                                                                \
    for (const lg_method *const *m = lg_methods; *m; m++)                                                            \
        for (const luge_method *e = (*m)->entry; e->name; e++)

/* The first name in alphabetical order behind `last`, or of all. */
static const luge_method *next_name(const luge_method *last)
{
    const luge_method *next = NULL;
    EACH_ENTRY(e)
    if ((!last || strcmp(e->name, last->name) > 0) && (!next || strcmp(e->name, next->name) < 0)) next = e;
    return next;
}

const luge_method *luge_method_at(size_t i)
{
    const luge_method *e = next_name(NULL);
    while (e && i-- > 0) e = next_name(e);
    return e;
}

const luge_method *luge_method_find(const char *name)
{
    EACH_ENTRY(e)
    if (name && !strcmp(e->name, name)) return e;
    return NULL;
}

static const char *kind_of(const lg_method *m)
{
    static const char *const kind[] = { "element-wise", "by row", "by tensor", "global" };
    int reach = 0;
    for (int p = 0; p < m->measures; p++)
        if (reach < 1 + (int)m->scope(p)) reach = 1 + (int)m->scope(p);
    return kind[reach];
}

const char *luge_method_text(const luge_method *e, luge_text what)
{
    if (!e) return "";
    switch (what) {
    case LUGE_NAME: return e->name;
    case LUGE_TITLE: return e->title;
    case LUGE_REFERENCE: return e->paper;
    case LUGE_FORMULA: return e->method->formula;
    case LUGE_BASE: return e->method->entry->name;
    case LUGE_FIXED: return e->fixed;
    case LUGE_KIND: return kind_of(e->method);
    }
    return "";
}

/* The default that an alias has for a setting, from "a=1,b=true"; NULL: the method's own. */
static const char *value_in(const char *text, const char *name, size_t *length)
{
    size_t n = strlen(name);
    for (const char *p = text; *p; p += strspn(p, ", ")) {
        const char *end = p + strcspn(p, ", ");
        if (!strncmp(p, name, n) && p[n] == '=') return *length = (size_t)(end - p) - n - 1, p + n + 1;
        p = end;
    }
    return NULL;
}

static int fill(luge_row *row, const char *name, const char *kind, const char *value, size_t length,
                const char *range, const char *text)
{
    size_t n = length < sizeof row->value ? length : sizeof row->value - 1;
    *row = (luge_row){ .name = name, .kind = kind, .range = range, .text = text };
    memcpy(row->value, value, n);
    row->value[n] = 0;
    return 1;
}

int lg_setting_row(const lg_setting *s, const char *kind, luge_row *row)
{
    return fill(row, s->name, kind, s->value, strlen(s->value), s->range, s->text);
}

static int parameter_row(const luge_method *e, size_t i, luge_row *row)
{
    for (const lg_setting *s = e->method->hyper; s->name; s++) {
        if (i-- > 0) continue;
        size_t length = strlen(s->value);
        const char *value = value_in(e->fixed, s->name, &length);
        if (!value) value = value_in(e->defaults, s->name, &length);
        return fill(row, s->name, lg_kind_name(s->kind), value ? value : s->value, length, s->range, s->text);
    }
    return 0;
}

static int evidence_row(const luge_method *e, size_t i, luge_row *row)
{
    for (const lg_evidence *v = e->method->evidence; v->name; v++)
        if (!strcmp(v->name, e->name) && i-- == 0)
            return fill(row, v->name, v->tier, v->source, strlen(v->source), "", "");
    return 0;
}

/* One row always. */
static int example_row(const luge_method *e, size_t i, luge_row *row)
{
    if (i) return 0;
    for (const lg_example *x = e->method->digits; x->name; x++)
        if (!strcmp(x->name, e->name))
            return fill(row, x->name, "", x->settings, strlen(x->settings), "", x->why_not);
    return fill(row, e->name, "", "", 0, "", "");
}

static int slot_row(const luge_method *e, size_t i, luge_row *row)
{
    for (const lg_slot *s = e->method->slot; s->name; s++)
        if (i-- == 0)
            return fill(row, s->name, strcmp(s->start, "work") ? "state" : "scratch", s->start, strlen(s->start), "",
                        s->text);
    for (const lg_block_row *b = e->method->block; b->name; b++)
        if (i-- == 0) return fill(row, b->name, "block", b->start, strlen(b->start), "", b->text);
    return 0;
}

static int input_row(const luge_method *e, size_t i, luge_row *row)
{
    for (const lg_scalar *s = e->method->input; s->name; s++)
        if (i-- == 0) return fill(row, s->name, "", "", 0, "", s->text);
    if (*e->method->loss && i-- == 0) return fill(row, "loss", "number", "", 0, "", e->method->loss);
    return *e->method->layer && i == 0 ? fill(row, "layer", "layer", "", 0, "", e->method->layer) : 0;
}

int luge_method_row(const luge_method *e, luge_table table, size_t i, luge_row *row)
{
    if (!e || !row) return 0;
    switch (table) {
    case LUGE_PARAMETERS: return parameter_row(e, i, row);
    case LUGE_SLOTS: return slot_row(e, i, row);
    case LUGE_INPUTS: return input_row(e, i, row);
    case LUGE_EVIDENCE: return evidence_row(e, i, row);
    case LUGE_EXAMPLE: return example_row(e, i, row);
    }
    return 0;
}
