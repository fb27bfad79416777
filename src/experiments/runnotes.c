/* What a checkpoint says of the training run that it is from, so that it goes on as that run or not at all.
 * SPDX-License-Identifier: MIT */
#include "experiments/train.h"
#include "io/io.h"
#include <string.h>

enum { KEY = 32 };

struct lg_identity {
    size_t n, room;
    struct item {
        char name[KEY];
        char *text;
    } * item;
};

/* ---- identity ---- */

static luge_status add(lg_identity *id, const char *name, const char *text, luge_error *err)
{
    luge_status st = LUGE_OK;
    char *copy;

    LG_NEED(copy = lg_copy_text(text));
    id->item[id->n].text = copy;
    snprintf(id->item[id->n++].name, KEY, "%s", name);
done:
    return st;
}

static luge_status add_number(lg_identity *id, const char *name, uint64_t v, luge_error *err)
{
    char text[32];
    snprintf(text, sizeof text, "%llu", (unsigned long long)v);
    return add(id, name, text, err);
}

/* The file of "PATH" or "WHAT=PATH"; a path may hold the sign too. */
static FILE *open_data(const char *data, const char **path, luge_error *err)
{
    const char *equals = strchr(data, '=');
    FILE *f = fopen(*path = data, "rb");
    if (!f && equals) f = fopen(*path = equals + 1, "rb");
    if (!f) lg_fail_errno(err, *path, "cannot be read");
    return f;
}

/* The file's name without its folder, its size and a hash: what the data is, wherever it lies. */
static luge_status add_file(lg_identity *id, const char *data, size_t number, luge_error *err)
{
    enum { BLOCK = 1 << 16 };
    luge_status st = LUGE_OK;
    uint64_t hash = LG_HASH, bytes = 0;
    char *buffer = NULL, text[512], name[KEY];
    const char *path;
    size_t n;
    FILE *f = open_data(data, &path, err);

    if (!f) return LUGE_E_IO;
    LG_NEED(buffer = lg_alloc(BLOCK, 1));
    while ((n = fread(buffer, 1, BLOCK, f)) > 0) hash = lg_hash(hash, buffer, n), bytes += n;
    if (ferror(f)) {
        st = lg_fail_errno(err, path, "reading failed");
        goto done;
    }
    const char *slash = strrchr(path, '/');
    snprintf(text, sizeof text, "%.*s%.300s (%llu bytes, hash %016llx)", path - data < 60 ? (int)(path - data) : 0,
             data, slash ? slash + 1 : path, (unsigned long long)bytes, (unsigned long long)hash);
    snprintf(name, sizeof name, "data %zu", number + 1);
    st = add(id, name, text, err);
done:
    fclose(f);
    lg_free(buffer);
    return st;
}

/* Options in the order in which they were given. */
static luge_status add_options(lg_identity *id, const lg_train *train, luge_error *err)
{
    luge_status st = LUGE_OK;
    char text[LG_TEXT] = "none";
    size_t n = 0;
    for (size_t i = 0; i < train->option_count && n < sizeof text; i++)
        if (strncmp(train->option[i], "threads=", 8) != 0)
            n += (size_t)snprintf(text + n, sizeof text - n, "%s%s", n ? " " : "", train->option[i]);
    LG_TRY(add(id, "options", text, err));
done:
    return st;
}

luge_status lg_identity_make(lg_identity **out, const lg_train *train, luge_error *err)
{
    static const char *const precision[] = { [LUGE_F32] = "f32", [LUGE_F64] = "f64", [LUGE_BF16] = "bf16" };
    const lg_problem_request *problem = &train->problem;
    luge_status st = LUGE_OK;
    lg_identity *id;

    *out = NULL;
    LG_NEED(id = lg_alloc(1, sizeof *id));
    LG_NEED(id->item = lg_alloc(9 + problem->data_count, sizeof *id->item));
    LG_TRY(add(id, "problem", problem->spec, err));
    LG_TRY(add(id, "start", problem->at ? problem->at : "the problem's own", err));
    LG_TRY(add_number(id, "data files", problem->data_count, err));
    for (size_t i = 0; i < problem->data_count; i++) LG_TRY(add_file(id, problem->data[i], i, err));
    LG_TRY(add_number(id, "split", problem->split, err));
    LG_TRY(add_number(id, "batch", problem->batch, err));
    LG_TRY(add_number(id, "seed", problem->seed, err));
    LG_TRY(add(id, "precision", precision[problem->type], err));
    LG_TRY(add(id, "method", luge_method_text(train->method, LUGE_NAME), err));
    LG_TRY(add_options(id, train, err));
    *out = id;
    id = NULL;
done:
    lg_identity_free(id);
    return st;
}

void lg_identity_free(lg_identity *id)
{
    if (!id) return;
    for (size_t i = 0; i < id->n; i++) lg_free(id->item[i].text);
    lg_free(id->item);
    lg_free(id);
}

/* ---- notes: one per item, and how far the run has come ---- */

static void key_of(const char *name, char key[KEY + 8]) { snprintf(key, KEY + 8, "train %s", name); }

luge_status lg_notes_write(luge_optimizer *opt, const lg_identity *id, const lg_progress *progress, luge_error *err)
{
    luge_status st = LUGE_OK;
    char key[KEY + 8], text[160];

    for (size_t i = 0; i < id->n; i++) {
        key_of(id->item[i].name, key);
        LG_TRY(luge_note(opt, key, id->item[i].text, err));
    }
    /* %a: the sum comes back bit for bit, so that the log goes on as if nothing had happened. */
    snprintf(text, sizeof text, "steps %lld count %lld loss %a seconds %a", (long long)progress->steps,
             (long long)progress->count, progress->loss, progress->seconds);
    LG_TRY(luge_note(opt, "train progress", text, err));
done:
    return st;
}

static luge_status read_progress(const luge_optimizer *opt, const char *path, lg_progress *progress, luge_error *err)
{
    const char *text = luge_note_get(opt, "train progress");
    long long steps, count;

    if (!text ||
        sscanf(text, "steps %lld count %lld loss %la seconds %la", &steps, &count, &progress->loss,
               &progress->seconds) != 4 ||
        steps < 0 || count < 0 || count > steps)
        return lg_fail(err, LUGE_E_FORMAT, "%s: no checkpoint of a training run: it does not say how far it came",
                       path);
    progress->steps = steps;
    progress->count = count;
    return LUGE_OK;
}

static luge_status differs(const char *path, const char *name, const char *there, const char *here, luge_error *err)
{
    return lg_fail(err, LUGE_E_ARG, "%.120s: %s is \"%.120s\" there and \"%.120s\" here; a run goes on as it began",
                   path, name, there, here);
}

/* Before anything is loaded: every note is there and says what this run is. */
static luge_status compare(const lg_identity *id, const char *path, luge_error *err)
{
    luge_status st;
    lg_tensors *file = NULL;
    char key[KEY + 24];

    LG_TRY(lg_tensors_read(&file, path, err));
    for (size_t i = 0; i < id->n; i++) {
        const struct item *item = &id->item[i];
        snprintf(key, sizeof key, "note.train %s", item->name);
        const char *there = lg_tensors_meta(file, key);
        if (!there) {
            st = lg_fail(err, LUGE_E_FORMAT, "%s: no checkpoint of a training run: its %s is missing", path,
                         item->name);
            goto done;
        }
        if (strcmp(there, item->text) != 0) {
            st = differs(path, item->name, there, item->text, err);
            goto done;
        }
    }
done:
    lg_tensors_free(file);
    return st;
}

/* ---- settings of the method ---- */

/* The i-th setting that a checkpoint brings: the method's, then the schedule; NULL past the end. */
static const char *setting_name(const luge_method *method, size_t i)
{
    luge_row row;
    if (luge_method_row(method, LUGE_PARAMETERS, i, &row)) return row.name;
    return i == 0 || luge_method_row(method, LUGE_PARAMETERS, i - 1, &row) ? "schedule" : NULL;
}

typedef char setting_text[LG_TEXT];

static luge_status settings_read(const luge_optimizer *opt, const luge_method *method, setting_text **texts,
                                 luge_error *err)
{
    luge_status st = LUGE_OK;
    size_t n = 0;

    while (setting_name(method, n)) n++;
    LG_NEED(*texts = lg_alloc(n, sizeof **texts));
    for (size_t i = 0; i < n; i++) LG_TRY(luge_get(opt, 0, setting_name(method, i), (*texts)[i], LG_TEXT, err));
done:
    return st;
}

/* luge_load takes the settings from the file: those that this run was given must be the same. */
static luge_status load(luge_optimizer *opt, const luge_method *method, const char *path, luge_error *err)
{
    luge_status st;
    setting_text *here = NULL, *there = NULL;

    LG_TRY(settings_read(opt, method, &here, err));
    LG_TRY(luge_load(opt, path, err));
    LG_TRY(settings_read(opt, method, &there, err));
    for (size_t i = 0; setting_name(method, i) && !st; i++)
        if (strcmp(here[i], there[i]) != 0) st = differs(path, setting_name(method, i), there[i], here[i], err);
done:
    lg_free(here);
    lg_free(there);
    return st;
}

luge_status lg_notes_resume(luge_optimizer *opt, const luge_method *method, const lg_identity *id, const char *path,
                            lg_progress *progress, luge_error *err)
{
    luge_status st;
    LG_TRY(compare(id, path, err));
    LG_TRY(load(opt, method, path, err));
    LG_TRY(read_progress(opt, path, progress, err));
done:
    return st;
}
