/* The public object: groups, tensors, settings, options, state by name.  SPDX-License-Identifier: MIT */
#include "engine/optimizer.h"
#include "linalg/gemm.h"
#include <stdio.h>
#include <string.h>

luge_status lg_group_open(lg_group *g, const luge_method *entry, luge_error *err)
{
    luge_status st = LUGE_OK;
    const lg_method *m = entry->method;
    *g = (lg_group){ .entry = entry, .m = m };
    LG_NEED(g->h = lg_alloc(1, m->hyper_size + 1));
    LG_NEED(g->now = lg_alloc(1, m->hyper_size + 1));
    LG_NEED(g->memory = lg_alloc(1, m->memory_size + 1));
    LG_TRY(lg_setting_defaults(entry->name, m->hyper, g->h, err));
    LG_TRY(lg_setting_parse(entry->name, m->hyper, g->h, entry->defaults, err));
    LG_TRY(lg_setting_parse(entry->name, m->hyper, g->h, entry->fixed, err));
done:
    if (st) lg_group_close(g);
    return st;
}

void lg_group_close(lg_group *g)
{
    for (size_t i = 0; i < g->n; i++) lg_free((char *)(uintptr_t)g->t[i].s.name);
    lg_free(g->h);
    lg_free(g->now);
    lg_free(g->memory);
    lg_free(g->t);
    lg_free(g->piece);
    lg_free(g->sums);
    lg_free(g->touched);
    *g = (lg_group){ 0 };
}

/* The name that messages about options bear. */
static const luge_method options = { "option", "", "", "", "", &lg_gradient };

static luge_status method_named(const luge_method **method, const char *name, luge_error *err)
{
    *method = luge_method_find(name);
    if (*method) return LUGE_OK;
    return lg_fail(err, LUGE_E_NAME, "there is no method \"%.60s\"; luge methods lists them%s", name ? name : "",
                   lg_has_blas ? "" : " (this build is without BLAS, and so without the matrix methods)");
}

luge_status luge_new(luge_optimizer **out, const char *name, luge_error *err)
{
    const luge_method *method;
    if (!out) return lg_fail(err, LUGE_E_ARG, "luge_new: out is NULL");
    *out = NULL;
    luge_status st = method_named(&method, name, err);
    return st ? st : luge_new_method(out, method, err);
}

luge_status luge_new_method(luge_optimizer **out, const luge_method *method, luge_error *err)
{
    luge_status st = LUGE_OK;
    luge_optimizer *o = NULL;
    int group;

    if (!out) return lg_fail(err, LUGE_E_ARG, "luge_new_method: out is NULL");
    *out = NULL;
    LG_NEED(o = lg_alloc(1, sizeof *o));
    LG_TRY(lg_isa_pick(&o->level, err));
    LG_TRY(lg_group_open(&o->gradient, &options, err));
    LG_TRY(luge_group_method(o, method, &group, err));
    *out = o;
    o = NULL;
done:
    luge_free(o);
    return st;
}

void luge_free(luge_optimizer *o)
{
    if (!o) return;
    lg_plan_drop(o);
    for (int i = 0; i < o->groups; i++) lg_group_close(&o->group[i]);
    for (size_t i = 0; i < o->gradient.n; i++) o->gradient.t[i].s.name = NULL; /* they belong to the groups */
    lg_group_close(&o->gradient);
    for (size_t i = 0; i < o->notes; i++) lg_free(o->note[i]);
    lg_free(o->note);
    lg_free(o->group);
    lg_free(o->where);
    lg_free(o->scratch);
    lg_free(o->space);
    lg_free(o->carry);
    lg_free(o);
}

luge_status luge_group(luge_optimizer *o, const char *name, int *group, luge_error *err)
{
    const luge_method *method;
    if (!o || !group) return lg_fail(err, LUGE_E_ARG, "luge_group: %s is NULL", o ? "group" : "opt");
    luge_status st = method_named(&method, name, err);
    return st ? st : luge_group_method(o, method, group, err);
}

luge_status luge_group_method(luge_optimizer *o, const luge_method *method, int *group, luge_error *err)
{
    luge_status st = LUGE_OK;
    if (!o || !method || !group)
        return lg_fail(err, LUGE_E_ARG, "luge_group_method: %s is NULL", !o ? "opt" : method ? "group" : "method");
    if (o->planned)
        return lg_fail(err, LUGE_E_ARG, "group of %s: groups are added before the first step", method->name);
    lg_group *grown = lg_grow(o->group, (size_t)o->groups, (size_t)o->groups + 1, sizeof *grown);
    LG_NEED(grown);
    o->group = grown;
    LG_TRY(lg_group_open(&grown[o->groups], method, err));
    *group = o->groups++;
done:
    return st;
}

luge_status lg_group_at(const luge_optimizer *o, int group, lg_group **g, luge_error *err)
{
    if (!o) return lg_fail(err, LUGE_E_ARG, "the optimizer is NULL");
    if (group < 0 || group >= o->groups)
        return lg_fail(err, LUGE_E_ARG, "group %d: there are groups 0 to %d", group, o->groups - 1);
    *g = &o->group[group];
    return LUGE_OK;
}

/* ---- settings ---- */

/* After the first step the state is there: a setting that needs other slots or rows is refused. */
static luge_status same_state(const lg_group *g, const char *key, const char *value, luge_error *err)
{
    for (const lg_tensor *t = g->t; t < g->t + g->n; t++) {
        int slots[LG_SLOTS] = { 0 }, inputs[LG_INPUTS] = { 0 };
        double lengths[LG_BLOCKS] = { 0 };
        g->m->counts(g->h, g->k + 1, &t->s, slots, inputs);
        g->m->lengths(g->h, &t->s, lengths);
        if (memcmp(slots, t->counts, sizeof slots) || memcmp(lengths, t->lengths, sizeof lengths) ||
            lg_row_of(g, t) != t->row)
            return lg_fail(err, LUGE_E_ARG, "%s: %s = %.60s needs other state than the one in use", g->entry->name,
                           key, value);
    }
    return LUGE_OK;
}

static luge_status group_set(const luge_optimizer *o, lg_group *g, const char *key, const char *value,
                             luge_error *err)
{
    luge_status st = LUGE_OK;
    size_t size = g->m->hyper_size;
    void *old = g->now; /* what `now` holds is made anew in each step */

    memcpy(old, g->h, size);
    LG_TRY(lg_setting_key(g->entry->name, g->m->hyper, g->h, key, value, err));
    if (*g->entry->fixed) { /* what an alias fixes must stay so */
        char want[LG_TEXT], got[LG_TEXT];
        const lg_setting *row = lg_setting_find(g->m->hyper, key);
        lg_setting_print(row, g->h, got, sizeof got);
        LG_TRY(lg_setting_parse(g->entry->name, g->m->hyper, g->h, g->entry->fixed, err));
        lg_setting_print(row, g->h, want, sizeof want);
        if (strcmp(want, got))
            LG_TRY(lg_fail(err, LUGE_E_ARG, "%s: %s = %.60s, but %s means %s with %s", g->entry->name, key, value,
                           g->entry->name, g->m->entry->name, g->entry->fixed));
    }
    if (o->planned) {
        const char *broken = g->m->broken(g->h);
        if (broken) LG_TRY(lg_fail(err, LUGE_E_ARG, "%s: %s = %.60s: %s", g->entry->name, key, value, broken));
        LG_TRY(same_state(g, key, value, err));
    }
done:
    if (st) memcpy(g->h, old, size);
    return st;
}

luge_status luge_set(luge_optimizer *o, int group, const char *key, const char *value, luge_error *err)
{
    lg_group *g = NULL;
    luge_status st = lg_group_at(o, group, &g, err);
    if (st) return st;
    if (!key || !value) return lg_fail(err, LUGE_E_ARG, "%s: %s is NULL", g->entry->name, key ? "value" : "key");
    if (!strcmp(key, "schedule")) return lg_schedule_parse(&g->schedule, value, err);
    return group_set(o, g, key, value, err);
}

luge_status luge_set_real(luge_optimizer *o, int group, const char *key, double value, luge_error *err)
{
    char text[40];
    lg_number_print(text, sizeof text, value);
    return luge_set(o, group, key, text, err);
}

luge_status luge_get(const luge_optimizer *o, int group, const char *key, char *text, size_t size, luge_error *err)
{
    lg_group *g = NULL;
    char value[LG_TEXT];
    luge_status st = lg_group_at(o, group, &g, err);
    if (st) return st;
    const lg_setting *row = key ? lg_setting_find(g->m->hyper, key) : NULL;
    if (row)
        lg_setting_print(row, g->h, value, sizeof value);
    else if (key && !strcmp(key, "schedule"))
        lg_schedule_print(&g->schedule, value, sizeof value);
    else
        return lg_fail(err, LUGE_E_NAME, "%s has no setting \"%.60s\"", g->entry->name, key ? key : "");
    if (strlen(value) >= size)
        return lg_fail(err, LUGE_E_ARG, "%s: %s needs %zu bytes of text, not %zu", g->entry->name, key,
                       strlen(value) + 1, size);
    memcpy(text, value, strlen(value) + 1);
    return LUGE_OK;
}

luge_status luge_option(luge_optimizer *o, const char *key, const char *value, luge_error *err)
{
    if (!o || !key || !value)
        return lg_fail(err, LUGE_E_ARG, "luge_option: %s is NULL", !o ? "opt" : key ? "value" : "key");
    if (o->planned && ((const struct gradient_memory_f64 *)o->gradient.memory)->calls > 0 &&
        !strcmp(key, "accumulate"))
        return lg_fail(err, LUGE_E_ARG, "accumulate = %.60s: not in the middle of a step", value);
    return group_set(o, &o->gradient, key, value, err);
}

int luge_option_row(size_t i, luge_row *row)
{
    for (const lg_setting *s = lg_gradient.hyper; s->name; s++)
        if (i-- == 0) return lg_setting_row(s, lg_kind_name(s->kind), row);
    return 0;
}

/* ---- tensors ---- */

static luge_status shape_of(lg_shape *s, const char *name, int ndim, const size_t *shape, luge_error *err)
{
    if (!name || !*name) return lg_fail(err, LUGE_E_NAME, "a tensor without a name");
    if (ndim < 0 || ndim > LG_DIMS)
        return lg_fail(err, LUGE_E_SHAPE, "%.60s: %d dimensions; 0 to %d are possible", name, ndim, LG_DIMS);
    *s = (lg_shape){ .name = name, .ndim = ndim, .n = 1 };
    for (int i = 0; i < ndim; i++) {
        s->shape[i] = shape[i];
        if (!lg_times(s->n, shape[i], &s->n) || s->n > SIZE_MAX / 64)
            return lg_fail(err, LUGE_E_SHAPE, "%.60s: dimension %d = %zu makes it too large", name, i, shape[i]);
    }
    return LUGE_OK;
}

static lg_tensor *tensor_room(lg_group *g)
{
    if (g->n == g->room) {
        size_t more = g->room ? 2 * g->room : 8;
        lg_tensor *t = lg_grow(g->t, g->n, more, sizeof *t);
        if (!t) return NULL;
        g->t = t;
        g->room = more;
    }
    return &g->t[g->n];
}

luge_status luge_add(luge_optimizer *o, int group, const char *name, luge_type type, void *x, int ndim,
                     const size_t *shape, luge_error *err)
{
    luge_status st = LUGE_OK;
    lg_group *g = NULL;
    lg_tensor *t, *f;
    char *copy = NULL;
    lg_tensor made = { .type = type, .d = { .x = x }, .link = LG_UNLINKED };

    LG_TRY(lg_group_at(o, group, &g, err));
    LG_TRY(shape_of(&made.s, name, ndim, shape, err));
    if (type != LUGE_F32 && type != LUGE_F64 && type != LUGE_BF16)
        return lg_fail(err, LUGE_E_ARG, "%.60s: type %d is none of LUGE_F32, LUGE_F64, LUGE_BF16", name, (int)type);
    if (!x && made.s.n) return lg_fail(err, LUGE_E_ARG, "%.60s: x is NULL", name);
    if (o->planned) return lg_fail(err, LUGE_E_ARG, "%.60s: tensors are added before the first step", name);
    for (size_t i = 0; i < o->tensors; i++)
        if (!strcmp(o->gradient.t[i].s.name, name))
            return lg_fail(err, LUGE_E_NAME, "%.60s: there is such a tensor already", name);

    LG_NEED(t = tensor_room(g));
    LG_NEED(f = tensor_room(&o->gradient));
    lg_where *where = lg_grow(o->where, o->tensors, o->tensors + 1, sizeof *where);
    LG_NEED(where);
    o->where = where;
    LG_NEED(copy = lg_copy_text(name));
    made.s.name = copy;
    made.number = o->tensors;
    *t = *f = made;
    where[o->tensors++] = (lg_where){ group, g->n++, o->gradient.n++ };
done:
    return st;
}

/* One end of a link, in its group and in the gradient group. */
static void link_end(luge_optimizer *o, size_t tensor, size_t to, bool is_bias)
{
    const lg_where *w = &o->where[tensor];
    lg_tensor *end[] = { &o->group[w->group].t[w->at], &o->gradient.t[w->in_gradient] };
    for (int i = 0; i < 2; i++) {
        end[i]->link = to;
        end[i]->s.is_bias = is_bias;
        end[i]->s.has_bias = !is_bias;
    }
}

luge_status luge_link(luge_optimizer *o, size_t matrix, size_t bias, luge_error *err)
{
    if (!o) return lg_fail(err, LUGE_E_ARG, "luge_link: opt is NULL");
    if (matrix >= o->tensors || bias >= o->tensors)
        return lg_fail(err, LUGE_E_ARG, "luge_link: tensor %zu: there are %zu, numbered from 0",
                       matrix >= o->tensors ? matrix : bias, o->tensors);
    if (o->planned) return lg_fail(err, LUGE_E_ARG, "luge_link: tensors are linked before the first step");
    const lg_tensor *m = &o->gradient.t[o->where[matrix].in_gradient],
                    *b = &o->gradient.t[o->where[bias].in_gradient];
    if (m->link != LG_UNLINKED || b->link != LG_UNLINKED)
        return lg_fail(err, LUGE_E_ARG, "luge_link: %.60s is linked already",
                       m->link != LG_UNLINKED ? m->s.name : b->s.name);
    if (o->where[matrix].group != o->where[bias].group || m->type != b->type)
        return lg_fail(err, LUGE_E_SHAPE, "luge_link: %.60s and %.60s are not of one group and one type", m->s.name,
                       b->s.name);
    if (m->s.ndim < 2 || b->s.ndim != 1 || b->s.n != m->s.shape[0])
        return lg_fail(err, LUGE_E_SHAPE,
                       "luge_link: %.60s has %zu numbers in %d dimensions; a vector of %zu is the bias of %.60s",
                       b->s.name, b->s.n, b->s.ndim, lg_down(&m->s), m->s.name);
    link_end(o, matrix, bias, false);
    link_end(o, bias, matrix, true);
    return LUGE_OK;
}

/* A slot or block of t and how many numbers it has; NULL and 0: absent. */
static void *state_of(const lg_group *g, const lg_tensor *t, const char *name, int i, size_t *length)
{
    int q = 0;
    *length = 0;
    for (const lg_slot *s = g->m->slot; s->name; q += s++->most)
        if (!strcmp(s->name, name) && i < s->most)
            return *length = i < t->counts[s - g->m->slot] ? t->s.n : 0, t->d.slot[q + i];
    q = 0;
    for (const lg_block_row *b = g->m->block; b->name; q += b++->most)
        if (!strcmp(b->name, name) && i < b->most) return *length = (size_t)t->lengths[q + i], t->d.block[q + i];
    return NULL;
}

static void *state_at(luge_optimizer *o, size_t tensor, const char *name, int i, size_t *length)
{
    *length = 0;
    if (!o || !name || tensor >= o->tensors || i < 0 || lg_ready(o, NULL)) return NULL;
    const lg_where *w = &o->where[tensor];
    const lg_group *g = &o->group[w->group];
    void *of_method = state_of(g, &g->t[w->at], name, i, length);
    return of_method ? of_method : state_of(&o->gradient, &o->gradient.t[w->in_gradient], name, i, length);
}

void *luge_state(luge_optimizer *o, size_t tensor, const char *slot, int i)
{
    size_t length;
    return state_at(o, tensor, slot, i, &length);
}

size_t luge_state_length(luge_optimizer *o, size_t tensor, const char *slot, int i)
{
    size_t length;
    return state_at(o, tensor, slot, i, &length), length;
}

luge_status luge_state_bytes(luge_optimizer *o, size_t *bytes, luge_error *err)
{
    luge_status st = LUGE_OK;
    if (!o || !bytes) return lg_fail(err, LUGE_E_ARG, "luge_state_bytes: %s is NULL", o ? "bytes" : "opt");
    LG_TRY(lg_plan_check(o, err));
    *bytes = o->planned ? o->state_bytes : lg_plan_bytes(o);
done:
    return st;
}

luge_status luge_work_bytes(luge_optimizer *o, size_t *bytes, luge_error *err)
{
    luge_status st = LUGE_OK;
    size_t each;
    if (!o || !bytes) return lg_fail(err, LUGE_E_ARG, "luge_work_bytes: %s is NULL", o ? "bytes" : "opt");
    LG_TRY(lg_plan_check(o, err));
    *bytes = lg_plan_space(o, lg_threads((int)lg_options_of(o)->threads), &each);
done:
    return st;
}

luge_status luge_state_memory(luge_optimizer *o, void *memory, size_t bytes, luge_error *err)
{
    if (!o || !memory) return lg_fail(err, LUGE_E_ARG, "luge_state_memory: %s is NULL", o ? "memory" : "opt");
    if (o->planned) return lg_fail(err, LUGE_E_ARG, "luge_state_memory: it is given before the first step");
    if ((uintptr_t)memory % LG_ALIGN)
        return lg_fail(err, LUGE_E_ARG, "luge_state_memory: %p is not aligned to %d bytes", memory, LG_ALIGN);
    o->given = memory;
    o->given_bytes = bytes;
    return LUGE_OK;
}

int64_t luge_steps(const luge_optimizer *o) { return o ? o->steps : 0; }
int64_t luge_skipped(const luge_optimizer *o) { return o ? o->skipped : 0; }

/* ---- notes ---- */

static size_t note_at(const luge_optimizer *o, const char *key)
{
    size_t i = 0;
    while (i < o->notes && strcmp(o->note[i], key)) i += 2;
    return i;
}

luge_status luge_note(luge_optimizer *o, const char *key, const char *text, luge_error *err)
{
    luge_status st = LUGE_OK;
    char *name = NULL, *copy = NULL;
    if (!o || !key) return lg_fail(err, LUGE_E_ARG, "luge_note: %s is NULL", o ? "key" : "opt");
    size_t i = note_at(o, key);

    if (text) LG_NEED(copy = lg_copy_text(text));
    if (i < o->notes && !text) {
        lg_free(o->note[i]);
        lg_free(o->note[i + 1]);
        o->notes -= 2;
        memmove(o->note + i, o->note + i + 2, (o->notes - i) * sizeof *o->note);
    } else if (i < o->notes) {
        lg_free(o->note[i + 1]);
        o->note[i + 1] = copy;
    } else if (text) {
        LG_NEED(name = lg_copy_text(key));
        char **grown = lg_grow(o->note, o->notes, o->notes + 2, sizeof *grown);
        LG_NEED(grown);
        o->note = grown;
        o->note[o->notes++] = name;
        o->note[o->notes++] = copy;
    }
done:
    if (st) {
        lg_free(name);
        lg_free(copy);
    }
    return st;
}

const char *luge_note_get(const luge_optimizer *o, const char *key)
{
    size_t i = o && key ? note_at(o, key) : 0;
    return o && key && i < o->notes ? o->note[i + 1] : NULL;
}
