/* Checkpoints, read.  The file is read into a second object, made like the first; when nothing can fail any more, the
 * numbers are copied and the two change places.  SPDX-License-Identifier: MIT */
#include "engine/checkpoint.h"
#include <stdlib.h>
#include <string.h>

typedef struct reader {
    const lg_tensors *file;
    const char *path;
    json_t *options, *memory, *groups, *tensors;
    int64_t steps, skipped;
} reader;

static luge_status count_in(const reader *r, const char *key, int64_t *v, luge_error *err)
{
    const char *text = lg_tensors_meta(r->file, key), *end = NULL;
    double d = 0;
    if (text) end = lg_number_read(text, &d);
    if (!end || *end || d < 0 || d > 9e15 || d != floor(d))
        return lg_fail(err, LUGE_E_FORMAT, "%s: metadata %s = \"%.40s\" is not a count", r->path, key,
                       text ? text : "");
    *v = (int64_t)d;
    return LUGE_OK;
}

static luge_status json_in(const reader *r, const char *key, bool array, json_t **to, luge_error *err)
{
    const char *text = lg_tensors_meta(r->file, key);
    json_error_t why = { .text = "it is missing" };
    *to = text ? json_loads(text, JSON_REJECT_DUPLICATES, &why) : NULL;
    if (!*to) return lg_fail(err, LUGE_E_FORMAT, "%s: metadata %s: %s", r->path, key, why.text);
    if (array ? !json_is_array(*to) : !json_is_object(*to))
        return lg_fail(err, LUGE_E_FORMAT, "%s: metadata %s is no %s", r->path, key, array ? "array" : "object");
    return LUGE_OK;
}

static luge_status open_file(reader *r, luge_error *err)
{
    luge_status st = LUGE_OK;
    int64_t format = 0;
    if (!lg_tensors_meta(r->file, "luge.format"))
        return lg_fail(err, LUGE_E_FORMAT, "%s: no checkpoint of luge (it has no luge.format)", r->path);
    LG_TRY(count_in(r, "luge.format", &format, err));
    if (format != LG_CHECKPOINT)
        return lg_fail(err, LUGE_E_FORMAT, "%s: format %lld; this is luge %s, which reads format %d", r->path,
                       (long long)format, LUGE_VERSION_TEXT, LG_CHECKPOINT);
    LG_TRY(count_in(r, "luge.steps", &r->steps, err));
    LG_TRY(count_in(r, "luge.skipped", &r->skipped, err));
    LG_TRY(json_in(r, "luge.options", false, &r->options, err));
    LG_TRY(json_in(r, "luge.memory", false, &r->memory, err));
    LG_TRY(json_in(r, "luge.groups", true, &r->groups, err));
    LG_TRY(json_in(r, "luge.tensors", true, &r->tensors, err));
done:
    return st;
}

static const char *text_in(const json_t *from, const char *key)
{
    const char *text = json_string_value(json_object_get(from, key));
    return text ? text : "";
}

/* A scalar that is kept may have become no number in the run that was saved. */
static luge_status number_in(const reader *r, const json_t *from, const char *key, double *v, luge_error *err)
{
    const char *text = text_in(from, key), *end = lg_number_read(text, v);
    if (end && !*end) return LUGE_OK;
    if (!strcmp(text + (*text == '-'), "nan")) return *v = copysign((double)NAN, *text == '-' ? -1 : 1), LUGE_OK;
    return lg_fail(err, LUGE_E_FORMAT, "%s: %s = \"%.40s\" is not a number", r->path, key, text);
}

static luge_status step_count_in(const reader *r, const json_t *from, double *k, luge_error *err)
{
    luge_status st = number_in(r, from, "steps", k, err);
    if (!st && !(*k >= 0 && *k <= 9e15 && *k == floor(*k)))
        st = lg_fail(err, LUGE_E_FORMAT, "%s: steps = %g is not a count", r->path, *k);
    return st;
}

static luge_status scalars_in(const reader *r, const lg_scalar *table, const json_t *from, double *v, luge_error *err)
{
    luge_status st = LUGE_OK;
    for (const lg_scalar *s = table; s->name && !st; s++) st = number_in(r, from, s->name, &v[s - table], err);
    return st;
}

static luge_status settings_in(const reader *r, const lg_group *g, json_t *from, luge_error *err)
{
    luge_status st = LUGE_OK;
    const char *key;
    json_t *value;
    if (!json_is_object(from)) return lg_fail(err, LUGE_E_FORMAT, "%s: %s has no settings", r->path, g->entry->name);
    json_object_foreach(from, key, value)
    {
        const char *text = json_string_value(value);
        if (!text) return lg_fail(err, LUGE_E_FORMAT, "%s: %s: %.60s is no text", r->path, g->entry->name, key);
        if (g->m == &lg_gradient && !strcmp(key, "threads")) continue; /* of the run, not of the result */
        LG_TRY(lg_setting_key(g->entry->name, g->m->hyper, g->h, key, text, err));
    }
done:
    return st;
}

static luge_status groups_in(const reader *r, const luge_optimizer *o, luge_optimizer *n, luge_error *err)
{
    luge_status st = LUGE_OK;
    int made;
    if (json_array_size(r->groups) != (size_t)o->groups)
        return lg_fail(err, LUGE_E_SHAPE, "%s: %zu groups, and the optimizer has %d", r->path,
                       json_array_size(r->groups), o->groups);
    for (int i = 0; i < o->groups; i++) {
        const json_t *from = json_array_get(r->groups, (size_t)i);
        const char *want = o->group[i].entry->name, *have = text_in(from, "method");
        if (strcmp(want, have))
            return lg_fail(err, LUGE_E_NAME, "%s: group %d is of method \"%.60s\", and the optimizer's is %s",
                           r->path, i, have, want);
        if (i > 0) LG_TRY(luge_group_method(n, o->group[i].entry, &made, err));
        lg_group *g = &n->group[i];
        LG_TRY(settings_in(r, g, json_object_get(from, "settings"), err));
        LG_TRY(lg_schedule_parse(&g->schedule, text_in(from, "schedule"), err));
        LG_TRY(step_count_in(r, from, &g->k, err));
    }
done:
    return st;
}

static luge_status parameter_fits(const reader *r, const lg_tensor *t, luge_error *err)
{
    static const char *const type[] = { "F32", "F64", "BF16", "I64" };
    char name[LG_NAME] = "param.";
    strncat(name, t->s.name, sizeof name - sizeof "param.");
    const lg_entry *e = lg_tensors_find(r->file, name);
    if (!e) return lg_fail(err, LUGE_E_FORMAT, "%s: there is no %s", r->path, name);
    if (e->dtype != lg_checkpoint_dtype(t->type))
        return lg_fail(err, LUGE_E_SHAPE, "%s: %s is %s, and the optimizer's is %s", r->path, name, type[e->dtype],
                       type[lg_checkpoint_dtype(t->type)]);
    bool same = e->ndim == t->s.ndim;
    for (int i = 0; i < t->s.ndim && same; i++) {
        same = e->shape[i] == t->s.shape[i];
        if (!same)
            return lg_fail(err, LUGE_E_SHAPE, "%s: %s has %zu in dimension %d, and the optimizer's has %zu", r->path,
                           name, e->shape[i], i, t->s.shape[i]);
    }
    if (!same)
        return lg_fail(err, LUGE_E_SHAPE, "%s: %s has %d dimensions, and the optimizer's has %d", r->path, name,
                       e->ndim, t->s.ndim);
    return LUGE_OK;
}

/* The tensors of o in the order of the file. */
static luge_status tensors_in(const reader *r, const luge_optimizer *o, luge_optimizer *n, luge_error *err)
{
    luge_status st = LUGE_OK;
    if (json_array_size(r->tensors) != o->tensors)
        return lg_fail(err, LUGE_E_SHAPE, "%s: %zu tensors, and the optimizer has %zu", r->path,
                       json_array_size(r->tensors), o->tensors);
    for (size_t i = 0; i < o->tensors; i++) {
        const json_t *from = json_array_get(r->tensors, i);
        const char *name = text_in(from, "name");
        const lg_tensor *t = NULL;
        double group;
        for (size_t j = 0; j < o->tensors && !t; j++)
            if (!strcmp(o->gradient.t[j].s.name, name)) t = &o->gradient.t[j];
        if (!t) return lg_fail(err, LUGE_E_NAME, "%s: tensor \"%.60s\" is not in the optimizer", r->path, name);
        LG_TRY(number_in(r, from, "group", &group, err));
        int of = o->where[t->number].group;
        if (group != (double)of)
            return lg_fail(err, LUGE_E_SHAPE, "%s: tensor %.60s is in group %g, and the optimizer's is in %d",
                           r->path, name, group, of);
        LG_TRY(parameter_fits(r, t, err));
        LG_TRY(luge_add(n, of, name, t->type, t->d.x, t->s.ndim, t->s.shape, err));
        lg_tensor *made[] = { &n->gradient.t[n->gradient.n - 1], &n->group[of].t[n->group[of].n - 1] };
        for (int k = 0; k < 2; k++) {
            made[k]->number = t->number;
            made[k]->link = t->link;
            made[k]->s.has_bias = t->s.has_bias;
            made[k]->s.is_bias = t->s.is_bias;
        }
    }
    memcpy(n->where, o->where, o->tensors * sizeof *n->where); /* lg_plan sets the places */
done:
    return st;
}

static luge_status scalars_of_tensors(const reader *r, luge_optimizer *n, luge_error *err)
{
    luge_status st = LUGE_OK;
    LG_TRY(scalars_in(r, n->gradient.m->memory, r->memory, n->gradient.memory, err));
    for (int i = 0; i < n->groups; i++) {
        const json_t *from = json_array_get(r->groups, (size_t)i);
        LG_TRY(scalars_in(r, n->group[i].m->memory, json_object_get(from, "memory"), n->group[i].memory, err));
    }
    for (size_t i = 0; i < n->tensors; i++) {
        const json_t *from = json_array_get(r->tensors, i);
        lg_tensor *f = &n->gradient.t[i];
        lg_group *g = &n->group[n->where[f->number].group];
        lg_tensor *t = &g->t[n->where[f->number].at];
        LG_TRY(step_count_in(r, from, &t->k, err));
        LG_TRY(scalars_in(r, g->m->own, json_object_get(from, "own"), t->own, err));
        LG_TRY(scalars_in(r, n->gradient.m->own, json_object_get(from, "gathered"), f->own, err));
    }
done:
    return st;
}

/* Each slot of g is looked for (copy false: nothing moves yet) or copied; *count: how many. */
static luge_status slots_in(const reader *r, const lg_group *g, bool copy, size_t *count, luge_error *err)
{
    char name[LG_NAME];
    int q = 0;
    for (const lg_slot *s = g->m->slot; s->name; q += s++->most)
        for (const lg_tensor *t = g->t; t < g->t + g->n && strcmp(s->start, "work"); t++)
            for (int j = 0; j < t->counts[s - g->m->slot]; j++, ++*count) {
                lg_checkpoint_name(name, sizeof name, s->name, s->most, j, t->s.name);
                const lg_entry *e = lg_tensors_find(r->file, name);
                if (!e) return lg_fail(err, LUGE_E_FORMAT, "%s: there is no %s", r->path, name);
                if (e->dtype != (t->type == LUGE_F64 ? LG_DTYPE_F64 : LG_DTYPE_F32) || e->n != t->s.n)
                    return lg_fail(err, LUGE_E_SHAPE, "%s: %s does not have the type and size of its parameter",
                                   r->path, name);
                if (copy && e->bytes) memcpy(t->d.slot[q + j], e->data, e->bytes);
            }
    return LUGE_OK;
}

/* The same of blocks. */
static luge_status blocks_in(const reader *r, const lg_group *g, bool copy, size_t *count, luge_error *err)
{
    char name[LG_NAME];
    int q = 0;
    for (const lg_block_row *b = g->m->block; b->name; q += b++->most)
        for (const lg_tensor *t = g->t; t < g->t + g->n; t++)
            for (int j = 0; j < b->most; j++) {
                size_t n = (size_t)t->lengths[q + j];
                if (!n) continue;
                ++*count;
                lg_checkpoint_name(name, sizeof name, b->name, b->most, j, t->s.name);
                const lg_entry *e = lg_tensors_find(r->file, name);
                if (!e) return lg_fail(err, LUGE_E_FORMAT, "%s: there is no %s", r->path, name);
                if (e->dtype != LG_DTYPE_F64 || e->n != n)
                    return lg_fail(err, LUGE_E_SHAPE, "%s: %s is not of F64 and %zu numbers", r->path, name, n);
                if (copy) memcpy(t->d.block[q + j], e->data, e->bytes);
            }
    return LUGE_OK;
}

static luge_status all_slots_in(const reader *r, const luge_optimizer *n, bool copy, luge_error *err)
{
    luge_status st = LUGE_OK;
    size_t count = n->tensors;
    LG_TRY(slots_in(r, &n->gradient, copy, &count, err));
    for (int i = 0; i < n->groups; i++) LG_TRY(slots_in(r, &n->group[i], copy, &count, err));
    for (int i = 0; i < n->groups; i++) LG_TRY(blocks_in(r, &n->group[i], copy, &count, err));
    if (count != lg_tensors_count(r->file))
        st = lg_fail(err, LUGE_E_FORMAT, "%s: %zu entries, and %zu have a place", r->path, lg_tensors_count(r->file),
                     count);
done:
    return st;
}

static luge_status notes_in(const reader *r, luge_optimizer *n, luge_error *err)
{
    luge_status st = LUGE_OK;
    const lg_meta *m;
    for (size_t i = 0; (m = lg_tensors_meta_at(r->file, i)); i++)
        if (!strncmp(m->key, "note.", 5)) LG_TRY(luge_note(n, m->key + 5, m->value, err));
done:
    return st;
}

/* The constants that a view needs before the next step; what PREPARE keeps from step to step is read afterwards. */
static void constants_of_view(lg_group *g)
{
    lg_settings_now(g);
    g->m->begin(g->h, g->memory);
    for (lg_tensor *t = g->t; t < g->t + g->n; t++) {
        g->m->begin_own(g->h, t->own);
        t->active = t->k > 0;
    }
    lg_constants(g);
}

static luge_status fill(const reader *r, const luge_optimizer *o, luge_optimizer *n, luge_error *err)
{
    luge_status st = LUGE_OK;
    LG_TRY(settings_in(r, &n->gradient, r->options, err));
    lg_options_of(n)->threads = lg_options_of(o)->threads;
    LG_TRY(groups_in(r, o, n, err));
    LG_TRY(tensors_in(r, o, n, err));
    LG_TRY(notes_in(r, n, err));
    n->given = o->given;
    n->given_bytes = o->given_bytes;
    LG_TRY(lg_scratch(n, err));
    LG_TRY(lg_plan(n, err));
    LG_TRY(scalars_of_tensors(r, n, err)); /* the step counts that constants_of_view needs */
    for (int i = 0; i < n->groups; i++) constants_of_view(&n->group[i]);
    LG_TRY(scalars_of_tensors(r, n, err));
    LG_TRY(all_slots_in(r, n, false, err));
    n->steps = r->steps;
    n->skipped = r->skipped;
done:
    return st;
}

static void commit(const reader *r, luge_optimizer *o, luge_optimizer *n)
{
    char name[LG_NAME];
    all_slots_in(r, n, true, NULL);
    for (const lg_tensor *t = n->gradient.t; t < n->gradient.t + n->gradient.n; t++) {
        memcpy(name, "param.", sizeof "param.");
        strncat(name, t->s.name, sizeof name - sizeof "param.");
        const lg_entry *e = lg_tensors_find(r->file, name);
        if (e->bytes) memcpy(t->d.x, e->data, e->bytes);
    }
    luge_optimizer old = *o;
    *o = *n;
    *n = old;
}

luge_status luge_load(luge_optimizer *o, const char *path, luge_error *err)
{
    luge_status st = LUGE_OK;
    lg_tensors *file = NULL;
    luge_optimizer *n = NULL;
    reader r = { .path = path };

    if (!o || !path) return lg_fail(err, LUGE_E_ARG, "luge_load: %s is NULL", o ? "path" : "opt");
    LG_TRY(lg_tensors_read(&file, path, err));
    r.file = file;
    LG_TRY(open_file(&r, err));
    LG_TRY(luge_new_method(&n, o->group[0].entry, err));
    n->level = o->level;
    LG_TRY(fill(&r, o, n, err));
    commit(&r, o, n);
done:
    json_decref(r.options);
    json_decref(r.memory);
    json_decref(r.groups);
    json_decref(r.tensors);
    luge_free(n);
    lg_tensors_free(file);
    return st;
}
