/* Checkpoints of federations: safetensors.
 *
 *     model n   server rows x n   kept clients x n   visits clients (i64)   weight clients
 *     luge.federation round down up note set.KEY                            metadata; numbers as decimal text
 *
 * Who takes part in a round follows from its number.  SPDX-License-Identifier: MIT */
#include "federated/federation.h"
#include "io/io.h"
#include <stdio.h>
#include <string.h>

enum { ENTRIES = 5, METAS = 32, KEY = 40, NOTE = 4000, COUNTS = 3 };
static const char format[] = "1", *const count_name[COUNTS] = { "round", "down", "up" };

/* The tensors of a run; without memory for one, none is asked of the file. */
static size_t entries(const luge_federation *f, const lg_federated *r, lg_entry e[ENTRIES])
{
    const lg_entry all[ENTRIES] = {
        { .name = "model", .dtype = LG_DTYPE_F64, .ndim = 1, .shape = { f->n }, .data = r->x },
        { .name = "server", .dtype = LG_DTYPE_F64, .ndim = 2, .shape = { r->server_rows, f->n }, .data = r->server },
        { .name = "kept", .dtype = LG_DTYPE_F64, .ndim = 2, .shape = { f->clients, f->n }, .data = r->kept },
        { .name = "visits", .dtype = LG_DTYPE_I64, .ndim = 1, .shape = { f->clients }, .data = r->visits },
        { .name = "weight", .dtype = LG_DTYPE_F64, .ndim = 1, .shape = { f->clients }, .data = f->weight },
    };
    size_t n = 0;
    for (int i = 0; i < ENTRIES; i++)
        if (all[i].data) e[n++] = all[i];
    return n;
}

static luge_status note_check(const char *note, luge_error *err)
{
    if (note && strlen(note) > NOTE) return lg_fail(err, LUGE_E_ARG, "federation: the note is longer than %d", NOTE);
    return LUGE_OK;
}

luge_status luge_federation_save(const luge_federation *f, const char *path, const char *note, luge_error *err)
{
    const int64_t count[COUNTS] = { f->run.round, f->run.traffic[0], f->run.traffic[1] };
    char text[METAS][LG_TEXT], key[METAS][KEY], number[COUNTS][KEY];
    lg_entry e[ENTRIES];
    lg_meta meta[METAS + COUNTS + 2];
    size_t n = 0, s = 0;
    luge_row row;
    luge_status st;

    if (!f->begun) return lg_fail(err, LUGE_E_INPUT, "federation: there is no run to save");
    LG_TRY(note_check(note, err));
    meta[n++] = (lg_meta){ "luge.federation", format };
    for (int i = 0; i < COUNTS; i++) {
        snprintf(number[i], KEY, "%lld", (long long)count[i]);
        meta[n++] = (lg_meta){ count_name[i], number[i] };
    }
    if (note) meta[n++] = (lg_meta){ "note", note };
    for (; s < METAS && luge_federation_row(s, &row); s++) {
        snprintf(key[s], KEY, "set.%s", row.name);
        LG_TRY(luge_federation_get(f, row.name, text[s], LG_TEXT, err));
        meta[n++] = (lg_meta){ key[s], text[s] };
    }
    st = lg_tensors_write(path, e, entries(f, &f->run, e), meta, n, err);
done:
    return st;
}

/* ---- reading: nothing of the file is believed ---- */

static luge_status same_settings(const luge_federation *f, const lg_tensors *t, const char *path, luge_error *err)
{
    luge_status st = LUGE_OK;
    luge_row row;

    for (size_t i = 0; luge_federation_row(i, &row); i++) {
        char key[KEY], text[LG_TEXT];
        const char *there;
        if (!strcmp(row.name, "lr") || !strcmp(row.name, "threads")) continue;
        snprintf(key, KEY, "set.%s", row.name);
        there = lg_tensors_meta(t, key);
        LG_TRY(luge_federation_get(f, row.name, text, sizeof text, err));
        if (!there || strcmp(there, text) != 0)
            return lg_fail(err, LUGE_E_ARG, "%s: it was saved with %s = %s, here it is %s", path, row.name,
                           there ? lg_show(there, strlen(there)).text : "nothing", text);
    }
done:
    return st;
}

static luge_status counts(const lg_tensors *t, const char *path, int64_t count[COUNTS], luge_error *err)
{
    const char *version = lg_tensors_meta(t, "luge.federation");

    if (!version || strcmp(version, format) != 0)
        return lg_fail(err, LUGE_E_FORMAT, "%s: not a checkpoint of a federation of this version", path);
    for (int i = 0; i < COUNTS; i++) {
        const char *text = lg_tensors_meta(t, count_name[i]), *end = NULL;
        double v = -1;
        if (text) end = lg_number_read(text, &v);
        if (!end || *end || !(v >= 0 && v <= 0x1p53) || v != floor(v))
            return lg_fail(err, LUGE_E_FORMAT, "%s: %s is not a count", path, count_name[i]);
        count[i] = (int64_t)v;
    }
    return LUGE_OK;
}

static luge_status same_note(const lg_tensors *t, const char *path, const char *note, luge_error *err)
{
    const char *there = lg_tensors_meta(t, "note");
    size_t at = 0;

    if (!there) there = "";
    if (!note) note = "";
    if (!strcmp(there, note)) return LUGE_OK;
    while (there[at] && there[at] == note[at]) at++;
    while (at && there[at - 1] != ' ') at--; /* the word that differs first */
    return lg_fail(err, LUGE_E_ARG, "%s: it is of another run: it has \"%s\", here it is \"%.60s\"", path,
                   lg_show(there + at, strcspn(there + at, " ")).text, note + at);
}

/* Copies the tensor `want` says into the memory that it points to. */
static luge_status fetch(const lg_tensors *t, const char *path, const lg_entry *want, void *to, luge_error *err)
{
    const lg_entry *e = lg_tensors_find(t, want->name);

    if (!e || e->dtype != want->dtype || e->ndim != want->ndim ||
        memcmp(e->shape, want->shape, (size_t)want->ndim * sizeof *want->shape) != 0)
        return lg_fail(err, LUGE_E_SHAPE, "%s: its tensor \"%s\" is not there or has another size or type", path,
                       want->name);
    memcpy(to, e->data, e->bytes);
    for (size_t i = 0; want->dtype == LG_DTYPE_F64 && i < e->n; i++)
        if (!isfinite(((const double *)to)[i]))
            return lg_fail(err, LUGE_E_FORMAT, "%s: number %zu of \"%s\" is not finite", path, i, want->name);
    return LUGE_OK;
}

static luge_status fetch_all(const luge_federation *f, const lg_tensors *t, const char *path, lg_federated *r,
                             double *weight, luge_error *err)
{
    luge_status st = LUGE_OK;
    lg_entry e[ENTRIES];
    size_t n = entries(f, r, e);

    for (size_t i = 0; i < n; i++) {
        double *const f64[] = { r->x, r->server, r->kept };
        void *to = e[i].data == r->visits ? (void *)r->visits : weight;
        for (int j = 0; j < 3; j++)
            if (e[i].data == f64[j]) to = f64[j];
        LG_TRY(fetch(t, path, &e[i], to, err));
    }
    if (memcmp(weight, f->weight, f->clients * sizeof *weight) != 0)
        return lg_fail(err, LUGE_E_ARG, "%s: its clients have other weights", path);
    for (size_t i = 0; i < f->clients; i++)
        if (r->visits[i] < 0 || r->visits[i] > r->round)
            return lg_fail(err, LUGE_E_FORMAT, "%s: client %zu took part %lld times in %lld rounds", path, i,
                           (long long)r->visits[i], (long long)r->round);
done:
    return st;
}

luge_status luge_federation_load(luge_federation *f, const char *path, const char *note, luge_error *err)
{
    luge_status st;
    lg_tensors *t = NULL;
    lg_federated run = { 0 };
    double *weight = NULL;
    int64_t count[COUNTS];

    LG_TRY(note_check(note, err));
    LG_TRY(lg_tensors_read(&t, path, err));
    LG_TRY(counts(t, path, count, err));
    LG_TRY(same_settings(f, t, path, err));
    LG_TRY(same_note(t, path, note, err));
    LG_TRY(lg_federated_open(f, &run, err));
    run.round = count[0], run.traffic[0] = count[1], run.traffic[1] = count[2];
    LG_NEED(weight = lg_alloc(f->clients, sizeof *weight));
    LG_TRY(fetch_all(f, t, path, &run, weight, err));
    run.chosen_count = run.round ? lg_federated_draw(f, &run, run.round - 1) : 0;
    lg_federated_replace(f, &run);
    run = (lg_federated){ 0 };
done:
    lg_federated_close(&run);
    lg_tensors_free(t);
    lg_free(weight);
    return st;
}
