/* Methods that are loaded while the program runs.  SPDX-License-Identifier: MIT */
#include "engine/plugin.h"
#include "engine/optimizer.h"
#include "io/io.h"
#include <dlfcn.h>
#include <elf.h>
#include <stdlib.h>
#include <string.h>

struct luge_plugin {
    void *object;
    const lg_method *method;
};

/* ---- the file, before any of it is run ---- */

static luge_status stamp_fits(const lg_stamp *s, const char *path, luge_error *err)
{
    static const lg_stamp own = LG_STAMP;
    if (strncmp(s->machine, own.machine, sizeof s->machine) != 0)
        return lg_fail(err, LUGE_E_FORMAT, "%s: is a plugin for %.15s, and this luge runs on %s", path,
                       lg_show(s->machine, strnlen(s->machine, sizeof s->machine - 1)).text, own.machine);
    if (strncmp(s->version, own.version, sizeof s->version) != 0)
        return lg_fail(err, LUGE_E_FORMAT,
                       "%s: is a plugin for luge %.15s, and this is luge %s; luge cc makes it anew", path,
                       lg_show(s->version, strnlen(s->version, sizeof s->version - 1)).text, own.version);
    if (s->levels != own.levels)
        return lg_fail(err, LUGE_E_FORMAT,
                       "%s: has loops for other instruction set levels than this luge (sets %#x and %#x); luge cc "
                       "makes it anew",
                       path, (unsigned)s->levels, (unsigned)own.levels);
    if (memcmp(s, &own, sizeof own) != 0)
        return lg_fail(err, LUGE_E_FORMAT,
                       "%s: its descriptor is laid out otherwise than that of this luge (format %u and %u); luge cc "
                       "makes it anew",
                       path, (unsigned)s->format, (unsigned)own.format);
    return LUGE_OK;
}

/* A shared object whose end is missing would end the program where it is mapped. */
static bool is_whole(const unsigned char *bytes, size_t size)
{
    Elf64_Ehdr head;
    if (size < sizeof head) return false;
    memcpy(&head, bytes, sizeof head);
    return head.e_shoff <= size && (size_t)head.e_shnum * head.e_shentsize <= size - head.e_shoff;
}

static luge_status file_fits(const char *path, luge_error *err)
{
    static const char mark[16] = "luge plugin\n";
    void *bytes = NULL;
    size_t size = 0, at = 0;
    lg_stamp stamp;
    luge_status st = lg_file_read(path, &bytes, &size, err);

    if (st) return st;
    const unsigned char *p = bytes;
    if (size < SELFMAG || memcmp(p, ELFMAG, SELFMAG) != 0) {
        st = lg_fail(err, LUGE_E_FORMAT, "%s: is no plugin: no shared object; luge cc makes one of a method file",
                     path);
        goto done;
    }
    while (at + sizeof stamp <= size && memcmp(p + at, mark, sizeof mark) != 0) at++;
    if (at + sizeof stamp > size) {
        st = lg_fail(err, LUGE_E_FORMAT, "%s: is no plugin: a shared object of something else, or cut short", path);
        goto done;
    }
    memcpy(&stamp, p + at, sizeof stamp);
    LG_TRY(stamp_fits(&stamp, path, err));
    if (!is_whole(p, size)) st = lg_fail(err, LUGE_E_FORMAT, "%s: the plugin is cut short", path);
done:
    lg_free(bytes);
    return st;
}

/* ---- its tables ---- */

static const struct table {
    const char *what;
    size_t at, row; /* of the pointer in lg_method; of a row, whose first member is its name */
    int most;
} tables[] = {
    { "settings", offsetof(lg_method, hyper), sizeof(lg_setting), 64 },
    { "slots", offsetof(lg_method, slot), sizeof(lg_slot), LG_SLOTS },
    { "inputs", offsetof(lg_method, input), sizeof(lg_scalar), LG_INPUTS },
    { "numbers of MEMORY", offsetof(lg_method, memory), sizeof(lg_scalar), 64 },
    { "numbers of OWN", offsetof(lg_method, own), sizeof(lg_scalar), 64 },
    { "sums", offsetof(lg_method, sum), sizeof(lg_sum), LG_SUMS },
    { "names", offsetof(lg_method, entry), sizeof(luge_method), 64 },
};

static const char *name_in(const lg_method *m, const struct table *t, int i)
{
    const char *rows, *name;
    memcpy(&rows, (const char *)m + t->at, sizeof rows);
    memcpy(&name, rows + (size_t)i * t->row, sizeof name);
    return name;
}

static luge_status table_fits(const lg_method *m, const struct table *t, luge_error *err)
{
    const char *name;
    for (int i = 0; (name = name_in(m, t, i)); i++) {
        if (i == t->most)
            return lg_fail(err, LUGE_E_FORMAT, "%s: there are more than %d %s", m->entry->name, t->most, t->what);
        for (int j = 0; j < i; j++)
            if (!strcmp(name, name_in(m, t, j)))
                return lg_fail(err, LUGE_E_FORMAT, "%s: two of its %s are called %s", m->entry->name, t->what, name);
    }
    return LUGE_OK;
}

/* The settings as they come, for every name: defaults within their ranges, and no rule between them broken. */
static luge_status settings_fit(const lg_method *m, luge_error *err)
{
    luge_status st = LUGE_OK;
    const char *rule;
    lg_group g = { 0 };

    if (lg_setting_find(m->hyper, "schedule"))
        return lg_fail(err, LUGE_E_FORMAT, "%s: a setting cannot be called schedule: every method has that one",
                       m->entry->name);
    for (const luge_method *e = m->entry; e->name && !st; e++) {
        LG_TRY(lg_group_open(&g, e, err));
        if ((rule = m->broken(g.h))) st = lg_fail(err, LUGE_E_FORMAT, "%s: as its settings come: %s", e->name, rule);
        lg_group_close(&g);
    }
done:
    return st;
}

luge_status lg_method_check(const lg_method *m, luge_error *err)
{
    luge_status st = LUGE_OK;
    int slots = 0;

    for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) LG_TRY(table_fits(m, &tables[i], err));
    for (const lg_slot *s = m->slot; s->name; s++) slots += s->most;
    if (slots > LG_SLOTS)
        return lg_fail(err, LUGE_E_FORMAT,
                       "%s: its slots come to %d, where a REPEATED row counts %d; %d are possible", m->entry->name,
                       slots, LG_MANY, LG_SLOTS);
    if (m->coef_size > LG_COEFS * sizeof(double))
        return lg_fail(err, LUGE_E_FORMAT, "%s: there are more than %d COEFS", m->entry->name, LG_COEFS);
    LG_TRY(settings_fit(m, err));
done:
    if (st == LUGE_E_ARG || st == LUGE_E_NAME) st = LUGE_E_FORMAT; /* the table is at fault, not what a user set */
    if (st && err) err->status = st;
    return st;
}

/* ---- the interface ---- */

static luge_status object_open(luge_plugin *p, const char *path, luge_error *err)
{
    const lg_plugin_entry *row;
    char *full = realpath(path, NULL); /* a name without a slash would be looked for among the libraries */

    if (!full) return lg_fail_errno(err, path, "cannot be opened");
    p->object = dlopen(full, RTLD_NOW | RTLD_LOCAL);
    free(full);
    if (!p->object) {
        const char *why = dlerror();
        return lg_fail(err, LUGE_E_FORMAT, "%s: cannot be loaded: %s", path, why ? why : "no reason is known");
    }
    row = dlsym(p->object, "lg_plugin_row");
    if (!row) return lg_fail(err, LUGE_E_FORMAT, "%s: is no plugin: it exports no lg_plugin_row", path);
    p->method = row->method;
    return stamp_fits(row->stamp, path, err);
}

luge_status luge_plugin_open(luge_plugin **out, const char *path, luge_error *err)
{
    luge_status st = LUGE_OK;
    luge_plugin *p = NULL;

    if (!out || !path) return lg_fail(err, LUGE_E_ARG, "luge_plugin_open: %s is NULL", out ? "path" : "out");
    *out = NULL;
    LG_TRY(file_fits(path, err));
    LG_NEED(p = lg_alloc(1, sizeof *p));
    LG_TRY(object_open(p, path, err));
    for (const luge_method *e = p->method->entry; e->name; e++)
        if (luge_method_find(e->name))
            LG_TRY(lg_fail(err, LUGE_E_FORMAT, "%s: luge has a method %s of its own; another NAME is needed", path,
                           e->name));
    LG_TRY(lg_method_check(p->method, err));
    *out = p;
    p = NULL;
done:
    luge_plugin_close(p);
    return st;
}

void luge_plugin_close(luge_plugin *p)
{
    if (!p) return;
    if (p->object) dlclose(p->object);
    lg_free(p);
}

const luge_method *luge_plugin_method(const luge_plugin *p, size_t i)
{
    const luge_method *e = p ? p->method->entry : NULL;
    while (e && e->name && i) e++, i--;
    return e && e->name ? e : NULL;
}
