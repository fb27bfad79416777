/* Checkpoints, written: parameters and state as tensors, everything else in the metadata.
 *
 *     param.NAME               the parameter
 *     state.SLOT.NAME          a slot or block; state.SLOT[i].NAME the i-th of a repeated one
 *     luge.format luge.version luge.steps luge.skipped
 *     luge.options             {"clip_norm": "none", ...}
 *     luge.memory              scalars of the options' own passes
 *     luge.groups              [{"method", "steps", "schedule", "settings": {...}, "memory": {...}}, ...]
 *     luge.tensors             [{"name", "group", "steps", "own": {...}, "gathered": {...}}, ...]  in the order of
 * the sums note.KEY                 texts of luge_note Numbers are decimal texts that read back to the same bits.
 * SPDX-License-Identifier: MIT */
#include "engine/checkpoint.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static bool put_text(json_t *to, const char *key, const char *text)
{
    return json_object_set_new(to, key, json_string(text)) == 0;
}

static bool put_number(json_t *to, const char *key, double v)
{
    char text[40];
    lg_number_print(text, sizeof text, v);
    return put_text(to, key, text);
}

static json_t *settings(const lg_setting *table, const void *h)
{
    json_t *to = json_object();
    for (const lg_setting *s = table; s->name && to; s++) {
        char text[LG_TEXT];
        lg_setting_print(s, h, text, sizeof text);
        if (!put_text(to, s->name, text)) {
            json_decref(to);
            return NULL;
        }
    }
    return to;
}

static json_t *scalars(const lg_scalar *table, const double *v)
{
    json_t *to = json_object();
    for (const lg_scalar *s = table; s->name && to; s++)
        if (!put_number(to, s->name, v[s - table])) {
            json_decref(to);
            return NULL;
        }
    return to;
}

static json_t *group(const lg_group *g)
{
    char schedule[LG_TEXT];
    json_t *to = json_object();
    lg_schedule_print(&g->schedule, schedule, sizeof schedule);
    if (to && put_text(to, "method", g->entry->name) && put_number(to, "steps", g->k) &&
        put_text(to, "schedule", schedule) && !json_object_set_new(to, "settings", settings(g->m->hyper, g->h)) &&
        !json_object_set_new(to, "memory", scalars(g->m->memory, g->memory)))
        return to;
    json_decref(to);
    return NULL;
}

static json_t *tensor(const luge_optimizer *o, const lg_tensor *f)
{
    const lg_where *w = &o->where[f->number];
    const lg_group *g = &o->group[w->group];
    const lg_tensor *t = &g->t[w->at];
    json_t *to = json_object();
    if (to && put_text(to, "name", t->s.name) && put_number(to, "group", w->group) && put_number(to, "steps", t->k) &&
        !json_object_set_new(to, "own", scalars(g->m->own, t->own)) &&
        !json_object_set_new(to, "gathered", scalars(o->gradient.m->own, f->own)))
        return to;
    json_decref(to);
    return NULL;
}

static json_t *groups(const luge_optimizer *o)
{
    json_t *to = json_array();
    for (int i = 0; i < o->groups && to; i++)
        if (json_array_append_new(to, group(&o->group[i]))) {
            json_decref(to);
            return NULL;
        }
    return to;
}

static json_t *tensors(const luge_optimizer *o)
{
    json_t *to = json_array();
    for (size_t i = 0; i < o->gradient.n && to; i++)
        if (json_array_append_new(to, tensor(o, &o->gradient.t[i]))) {
            json_decref(to);
            return NULL;
        }
    return to;
}

/* The value takes over `from`; it is malloc'ed by jansson. */
static bool dump(lg_meta *to, const char *key, json_t *from)
{
    *to = (lg_meta){ key, from ? json_dumps(from, JSON_COMPACT) : NULL };
    json_decref(from);
    return to->value != NULL;
}

enum { FIXED = 4, DUMPED = 4 };

/* Metadata: FIXED texts from `fixed`, DUMPED from jansson, then the notes, whose keys are in `keys`. */
static luge_status metadata(const luge_optimizer *o, lg_meta *meta, char (*fixed)[40], char *keys, luge_error *err)
{
    snprintf(fixed[0], sizeof *fixed, "%d", LG_CHECKPOINT);
    snprintf(fixed[1], sizeof *fixed, "%s", LUGE_VERSION_TEXT);
    snprintf(fixed[2], sizeof *fixed, "%lld", (long long)o->steps);
    snprintf(fixed[3], sizeof *fixed, "%lld", (long long)o->skipped);
    static const char *const name[FIXED] = { "luge.format", "luge.version", "luge.steps", "luge.skipped" };
    for (int i = 0; i < FIXED; i++) meta[i] = (lg_meta){ name[i], fixed[i] };
    lg_meta *to = meta + FIXED;
    if (!dump(to++, "luge.options", settings(o->gradient.m->hyper, o->gradient.h)) ||
        !dump(to++, "luge.memory", scalars(o->gradient.m->memory, o->gradient.memory)) ||
        !dump(to++, "luge.groups", groups(o)) || !dump(to++, "luge.tensors", tensors(o)))
        return lg_fail(err, LUGE_E_MEMORY, "out of memory, or a name that is not UTF-8, in luge_save");
    for (size_t i = 0; i < o->notes; i += 2) {
        *to++ = (lg_meta){ keys, o->note[i + 1] };
        keys += sprintf(keys, "note.%s", o->note[i]) + 1;
    }
    return LUGE_OK;
}

void lg_checkpoint_name(char *to, size_t size, const char *slot, int most, int i, const char *tensor)
{
    if (most == 1)
        snprintf(to, size, "state.%s.%s", slot, tensor);
    else
        snprintf(to, size, "state.%s[%d].%s", slot, i, tensor);
}

/* A name, kept in *room, which is filled from the front. */
static const char *keep(char **room, const char *text)
{
    char *at = *room;
    size_t n = strlen(text) + 1;
    memcpy(at, text, n);
    *room += n;
    return at;
}

/* The entries of one group's slots; scratch is not kept.  names: room for their names, NULL: only count both. */
static size_t slots(const lg_group *g, lg_entry *to, char **names, size_t *length)
{
    size_t count = 0;
    char name[LG_NAME];
    int q = 0;
    for (const lg_slot *s = g->m->slot; s->name; q += s++->most)
        for (const lg_tensor *t = g->t; t < g->t + g->n && strcmp(s->start, "work"); t++)
            for (int j = 0; j < t->counts[s - g->m->slot]; j++, count++) {
                lg_checkpoint_name(name, sizeof name, s->name, s->most, j, t->s.name);
                *length += strlen(name) + 1;
                if (!to) continue;
                to[count] = (lg_entry){ .name = keep(names, name),
                                        .data = t->d.slot[q + j],
                                        .ndim = t->s.ndim,
                                        .n = t->s.n,
                                        .dtype = t->type == LUGE_F64 ? LG_DTYPE_F64 : LG_DTYPE_F32,
                                        .bytes = t->s.n * lg_real_size(t->type) };
                memcpy(to[count].shape, t->s.shape, sizeof t->s.shape);
            }
    return count;
}

/* The entries of one group's blocks. */
static size_t blocks(const lg_group *g, lg_entry *to, char **names, size_t *length)
{
    size_t count = 0;
    char name[LG_NAME];
    int q = 0;
    for (const lg_block_row *b = g->m->block; b->name; q += b++->most)
        for (const lg_tensor *t = g->t; t < g->t + g->n; t++)
            for (int j = 0; j < b->most; j++) {
                size_t n = (size_t)t->lengths[q + j];
                if (!n) continue;
                lg_checkpoint_name(name, sizeof name, b->name, b->most, j, t->s.name);
                *length += strlen(name) + 1;
                if (to)
                    to[count] = (lg_entry){ .name = keep(names, name),
                                            .data = t->d.block[q + j],
                                            .ndim = 1,
                                            .shape = { n },
                                            .n = n,
                                            .dtype = LG_DTYPE_F64,
                                            .bytes = n * sizeof(double) };
                count++;
            }
    return count;
}

static size_t parameters(const luge_optimizer *o, lg_entry *to, char **names, size_t *length)
{
    char name[LG_NAME];
    for (const lg_tensor *t = o->gradient.t; t < o->gradient.t + o->gradient.n; t++) {
        snprintf(name, sizeof name, "param.%s", t->s.name);
        *length += strlen(name) + 1;
        if (!to) continue;
        *to = (lg_entry){ .name = keep(names, name),
                          .data = t->d.x,
                          .ndim = t->s.ndim,
                          .n = t->s.n,
                          .dtype = lg_checkpoint_dtype(t->type),
                          .bytes = t->s.n * lg_size(t->type) };
        memcpy(to++->shape, t->s.shape, sizeof t->s.shape);
    }
    return o->gradient.n;
}

int lg_checkpoint_dtype(luge_type type)
{
    return type == LUGE_F64 ? LG_DTYPE_F64 : type == LUGE_F32 ? LG_DTYPE_F32 : LG_DTYPE_BF16;
}

static size_t entries(const luge_optimizer *o, lg_entry *to, char **names, size_t *length)
{
    size_t n = parameters(o, to, names, length);
    n += slots(&o->gradient, to ? to + n : NULL, names, length);
    for (int i = 0; i < o->groups; i++) n += slots(&o->group[i], to ? to + n : NULL, names, length);
    for (int i = 0; i < o->groups; i++) n += blocks(&o->group[i], to ? to + n : NULL, names, length);
    return n;
}

luge_status luge_save(luge_optimizer *o, const char *path, luge_error *err)
{
    luge_status st = LUGE_OK;
    lg_entry *entry = NULL;
    lg_meta *meta = NULL;
    char *names = NULL, *keys = NULL, fixed[FIXED][40];
    size_t length = 1, key_length = 1;

    if (!o || !path) return lg_fail(err, LUGE_E_ARG, "luge_save: %s is NULL", o ? "path" : "opt");
    LG_TRY(lg_ready(o, err));
    for (size_t i = 0; i < o->notes; i += 2) key_length += strlen(o->note[i]) + sizeof "note.";
    size_t count = entries(o, NULL, NULL, &length);
    LG_NEED(entry = lg_alloc(count + 1, sizeof *entry));
    LG_NEED(names = lg_alloc(length, 1));
    LG_NEED(keys = lg_alloc(key_length, 1));
    LG_NEED(meta = lg_alloc(FIXED + DUMPED + o->notes / 2, sizeof *meta));
    char *room = names;
    entries(o, entry, &room, &length);
    LG_TRY(metadata(o, meta, fixed, keys, err));
    LG_TRY(lg_tensors_write(path, entry, count, meta, FIXED + DUMPED + o->notes / 2, err));
done:
    for (int i = FIXED; meta && i < FIXED + DUMPED; i++) free((char *)(uintptr_t)meta[i].value);
    lg_free(meta);
    lg_free(keys);
    lg_free(names);
    lg_free(entry);
    return st;
}
