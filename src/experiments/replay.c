/* Recorded gradients through a method, its parameters against the recorded ones.
 *
 * A recording is a safetensors file: metadata `method`, `hyper` (a JSON object as text), `steps`, perhaps
 * `tolerance`; tensors param.NAME.0, the start, and for t = 1, 2, ... grad.NAME.t, param.NAME.t (after step t) and,
 * where the recorded run had them, lr.t, loss.t, INPUT.NAME.t for each further input of the method, and eval.NAME.t;
 * input.NAME.t and gout.NAME.t are what came into the layer of NAME and the gradient of what came out, for which
 * NAME_bias beside them is the layer's bias; avec.* and gvec.*, their means, are not read; init.NAME.BLOCK.t or
 * init.NAME.BLOCKi.t is the (i-th) block of that name with which the recorded run began. Of method polar there are no
 * steps: replay_polar.c. SPDX-License-Identifier: MIT */
#include "experiments/replay.h"
#include <string.h>

enum { LONGEST = 120, KEY = LONGEST + 100 }; /* bytes of a tensor's name; of a name in the file */
static const double most_steps = 1e9;

/* The error of p is measured by this; files may say so in `tolerance_meaning`. */
#define MEASURE "|p - ref| / (1e-3 + |ref|)"
static const double floor_of_size = 1e-3;
static const double tolerance_f32 = 3e-4, tolerance_f64 = 1e-10;

typedef struct tensor {
    char name[LONGEST + 1];
    luge_type type;
    const lg_entry *start;
    void *x, *view;
} tensor;

/* What is fed: the gradient, then each further input of the method.  The file's data is copied, because luge wants it
 * aligned. */
typedef struct feed {
    char name[64];
    void **room;
    const void **data; /* an array per tensor; NULL where the file has nothing for this step */
} feed;

typedef struct replay {
    const char *path;
    lg_tensors *file;
    const luge_method *method;
    luge_optimizer *opt;
    tensor *t;
    size_t tensors;
    feed *feed;
    size_t feeds;
    luge_input *extra;
    luge_layer *layer; /* one per tensor */
    void **view;
    bool scheduled; /* the file has a step size for every step */
    lg_replayed *result;
} replay;

/* ---- settings ---- */

static bool scalar_text(const json_t *v, char *text, size_t size)
{
    char number[40];
    const char *from = number;

    switch (json_typeof(v)) {
    case JSON_TRUE: from = "true"; break;
    case JSON_FALSE: from = "false"; break;
    case JSON_NULL: from = "none"; break;
    case JSON_STRING: from = json_string_value(v); break;
    case JSON_INTEGER: snprintf(number, sizeof number, "%lld", (long long)json_integer_value(v)); break;
    case JSON_REAL: lg_number_print(number, sizeof number, json_real_value(v)); break;
    default: return false;
    }
    return snprintf(text, size, "%s", from) < (int)size;
}

/* The items after what stands in `text`, which is "(" or more; a list of lists becomes one list. */
static bool append_items(const json_t *list, char *text, size_t size, bool inner)
{
    for (size_t i = 0; i < json_array_size(list); i++) {
        const json_t *v = json_array_get(list, i);
        size_t n = strlen(text);
        if (json_is_array(v)) {
            if (inner || !append_items(v, text, size, true)) return false;
            continue;
        }
        if (n > 1) n += (size_t)snprintf(text + n, size - n, ", ");
        if (n >= size || !scalar_text(v, text + n, size - n)) return false;
    }
    return true;
}

/* A JSON value as luge_set reads it; false: it is none, or too long. */
static bool setting_text(const json_t *v, char text[LG_TEXT])
{
    if (!json_is_array(v)) return scalar_text(v, text, LG_TEXT);
    snprintf(text, LG_TEXT, "(");
    return append_items(v, text, LG_TEXT - 1, false) && strcat(text, ")");
}

static luge_status set_all(replay *r, luge_error *err)
{
    luge_status st = LUGE_OK;
    const char *hyper = lg_tensors_meta(r->file, "hyper"), *key;
    char text[LG_TEXT];
    json_error_t wrong;
    json_t *object = hyper ? json_loads(hyper, JSON_REJECT_DUPLICATES, &wrong) : NULL, *value;

    if (!json_is_object(object))
        LG_TRY(
            lg_fail(err, LUGE_E_FORMAT, "%s: metadata hyper is %s", r->path, hyper ? "no JSON object" : "missing"));
    r->scheduled = json_is_true(json_object_get(object, "lr_schedule"));
    json_object_foreach(object, key, value)
    {
        if (!strcmp(key, "lr_schedule")) continue;
        if (!setting_text(value, text))
            LG_TRY(lg_fail(err, LUGE_E_FORMAT, "%s: hyper: the value of '%s' is no setting", r->path,
                           lg_show(key, strlen(key)).text));
        st = luge_set(r->opt, 0, key, text, err);
        if (st != LUGE_OK) LG_TRY(lg_fail(err, st, "%s: hyper: %s", r->path, err->text));
    }
done:
    json_decref(object);
    return st;
}

/* A number in the metadata, or what stands in *v. */
static luge_status read_meta(const replay *r, const char *key, double least, double most, double *v, luge_error *err)
{
    const char *text = lg_tensors_meta(r->file, key), *end;

    if (!text) return LUGE_OK;
    end = lg_number_read(text, v);
    if (end && !*end && *v >= least && *v <= most) return LUGE_OK;
    return lg_fail(err, LUGE_E_FORMAT, "%s: metadata %s = '%s' is not a number from %g to %g", r->path, key,
                   lg_show(text, strlen(text)).text, least, most);
}

static luge_status read_rules(replay *r, luge_error *err)
{
    luge_status st = LUGE_OK;
    const char *meaning = lg_tensors_meta(r->file, "tolerance_meaning");
    double steps = 0;

    LG_TRY(read_meta(r, "steps", 1, most_steps, &steps, err));
    if (steps < 1 || steps != floor(steps))
        LG_TRY(lg_fail(err, LUGE_E_FORMAT, "%s: metadata steps is missing or not a whole number", r->path));
    r->result->steps = (int64_t)steps;
    if (meaning && !strstr(meaning, MEASURE))
        LG_TRY(lg_fail(err, LUGE_E_FORMAT, "%s: tolerance_meaning is '%s'; a recording is judged by " MEASURE,
                       r->path, lg_show(meaning, strlen(meaning)).text));
    r->result->tolerance = tolerance_f64;
    for (size_t i = 0; i < r->tensors; i++)
        if (r->t[i].type == LUGE_F32) r->result->tolerance = tolerance_f32;
    LG_TRY(read_meta(r, "tolerance", 0, HUGE_VAL, &r->result->tolerance, err));
done:
    return st;
}

/* ---- tensors ---- */

static luge_status add_tensor(replay *r, const lg_entry *e, size_t name, luge_error *err)
{
    luge_status st = LUGE_OK;
    tensor *t = &r->t[r->tensors++];

    if (name > LONGEST || (e->dtype != LG_DTYPE_F32 && e->dtype != LG_DTYPE_F64))
        LG_TRY(lg_fail(err, LUGE_E_FORMAT, "%s: '%s': %s", r->path, lg_show(e->name, strlen(e->name)).text,
                       name > LONGEST ? "the name is too long" : "parameters are F32 or F64"));
    memcpy(t->name, e->name + strlen("param."), name);
    t->type = e->dtype == LG_DTYPE_F32 ? LUGE_F32 : LUGE_F64;
    t->start = e;
    LG_NEED(t->x = lg_alloc(e->bytes, 1));
    LG_NEED(t->view = lg_alloc(e->bytes, 1));
    memcpy(t->x, e->data, e->bytes);
    st = luge_add(r->opt, 0, t->name, t->type, t->x, e->ndim, e->shape, err);
    if (st != LUGE_OK) LG_TRY(lg_fail(err, st, "%s: %s", r->path, err->text));
done:
    return st;
}

/* NAME_bias belongs to the layer of NAME where input.NAME.1 says that this is one. */
static luge_status link_biases(replay *r, luge_error *err)
{
    luge_status st = LUGE_OK;
    char key[KEY];

    LG_NEED(r->layer = lg_alloc(r->tensors, sizeof *r->layer));
    for (size_t i = 0; i < r->tensors; i++) {
        snprintf(key, sizeof key, "input.%s.1", r->t[i].name);
        if (!lg_tensors_find(r->file, key)) continue;
        snprintf(key, sizeof key, "%s_bias", r->t[i].name);
        for (size_t j = 0; j < r->tensors; j++) {
            if (strcmp(r->t[j].name, key) != 0) continue;
            st = luge_link(r->opt, i, j, err);
            if (st != LUGE_OK) LG_TRY(lg_fail(err, st, "%s: %s", r->path, err->text));
        }
    }
done:
    return st;
}

/* Every param.NAME.0, in the order of the names in the file. */
static luge_status add_tensors(replay *r, luge_error *err)
{
    luge_status st = LUGE_OK;
    const size_t around = strlen("param.") + strlen(".0");

    LG_NEED(r->t = lg_alloc(lg_tensors_count(r->file), sizeof *r->t));
    for (size_t i = 0; i < lg_tensors_count(r->file); i++) {
        const lg_entry *e = lg_tensors_at(r->file, i);
        size_t n = strlen(e->name);
        if (n > around && !strncmp(e->name, "param.", 6) && !strcmp(e->name + n - 2, ".0"))
            LG_TRY(add_tensor(r, e, n - around, err));
    }
    if (!r->tensors) LG_TRY(lg_fail(err, LUGE_E_FORMAT, "%s: has no tensor param.NAME.0 to start from", r->path));
    LG_NEED(r->view = lg_alloc(r->tensors, sizeof *r->view));
    for (size_t i = 0; i < r->tensors; i++) r->view[i] = r->t[i].view;
    LG_TRY(link_biases(r, err));
done:
    return st;
}

/* init.NAME.BLOCK.t into the state of the tensor. */
static luge_status begin_block(replay *r, const lg_entry *e, size_t tensor, const char *block, luge_error *err)
{
    char name[64];
    size_t letters = strcspn(block, "0123456789."), digits = strspn(block + letters, "0123456789");
    double i = 0;
    snprintf(name, sizeof name, "%.*s", (int)letters, block);
    if (digits == 1) i = block[letters] - '0';
    void *to = luge_state(r->opt, tensor, name, (int)i);
    if (!to || digits > 1 || e->dtype != LG_DTYPE_F64 || luge_state_length(r->opt, tensor, name, (int)i) != e->n)
        return lg_fail(err, LUGE_E_SHAPE, "%s: '%s' fits no block of %s", r->path,
                       lg_show(e->name, strlen(e->name)).text, r->result->method);
    memcpy(to, e->data, e->bytes);
    return LUGE_OK;
}

static luge_status begin_state(replay *r, luge_error *err)
{
    luge_status st = LUGE_OK;
    const size_t before = strlen("init.");

    for (size_t i = 0; i < lg_tensors_count(r->file); i++) {
        const lg_entry *e = lg_tensors_at(r->file, i);
        bool known = strncmp(e->name, "init.", before) != 0;
        for (size_t j = 0; j < r->tensors && !known; j++) {
            size_t n = strlen(r->t[j].name);
            known = !strncmp(e->name + before, r->t[j].name, n) && e->name[before + n] == '.';
            if (known) LG_TRY(begin_block(r, e, j, e->name + before + n + 1, err));
        }
        if (!known)
            LG_TRY(lg_fail(err, LUGE_E_FORMAT, "%s: '%s' is of no tensor in the file", r->path,
                           lg_show(e->name, strlen(e->name)).text));
    }
done:
    return st;
}

static luge_status add_feeds(replay *r, luge_error *err)
{
    luge_status st = LUGE_OK;
    luge_row row;
    size_t inputs = 0;

    while (luge_method_row(r->method, LUGE_INPUTS, inputs, &row)) inputs++;
    LG_NEED(r->extra = lg_alloc(inputs, sizeof *r->extra));
    LG_NEED(r->feed = lg_alloc(inputs + 1, sizeof *r->feed));
    r->feeds = inputs + 1;
    for (size_t k = 0; k < r->feeds; k++) {
        feed *f = &r->feed[k];
        bool further = k > 0 && luge_method_row(r->method, LUGE_INPUTS, k - 1, &row);
        snprintf(f->name, sizeof f->name, "%s", further ? row.name : "grad");
        LG_NEED(f->room = lg_alloc(r->tensors, sizeof *f->room));
        LG_NEED(f->data = lg_alloc(r->tensors, sizeof *f->data));
        for (size_t i = 0; i < r->tensors; i++) LG_NEED(f->room[i] = lg_alloc(r->t[i].start->bytes, 1));
    }
done:
    return st;
}

/* WHAT.NAME.step, which must be like the start; *e is NULL where it is absent and need not be there. */
static luge_status find(const replay *r, const char *what, const tensor *t, int64_t step, bool needed,
                        const lg_entry **e, luge_error *err)
{
    char key[KEY];

    snprintf(key, sizeof key, "%s.%s.%lld", what, t->name, (long long)step);
    *e = lg_tensors_find(r->file, key);
    if (!*e && needed) return lg_fail(err, LUGE_E_FORMAT, "%s: '%s' is missing", r->path, key);
    if (*e && ((*e)->dtype != t->start->dtype || (*e)->ndim != t->start->ndim ||
               memcmp((*e)->shape, t->start->shape, sizeof t->start->shape) != 0))
        return lg_fail(err, LUGE_E_SHAPE, "%s: '%s' is not of the type and shape of param.%s.0", r->path, key,
                       t->name);
    return LUGE_OK;
}

/* WHAT.step, one number, if it is *there. */
static luge_status find_number(const replay *r, const char *what, int64_t step, double *v, bool *there,
                               luge_error *err)
{
    char key[KEY];
    float small;
    const lg_entry *e;

    snprintf(key, sizeof key, "%s.%lld", what, (long long)step);
    e = lg_tensors_find(r->file, key);
    if (!(*there = e != NULL)) return LUGE_OK;
    if (e->n == 1 && e->dtype == LG_DTYPE_F64) {
        memcpy(v, e->data, sizeof *v);
    } else if (e->n == 1 && e->dtype == LG_DTYPE_F32) {
        memcpy(&small, e->data, sizeof small);
        *v = (double)small;
    } else {
        return lg_fail(err, LUGE_E_SHAPE, "%s: '%s' is not one number of F64 or F32", r->path, key);
    }
    return LUGE_OK;
}

/* ---- steps ---- */

static double element(const void *array, luge_type type, size_t i)
{
    double wide;
    float small;

    if (type == LUGE_F64) return memcpy(&wide, (const char *)array + 8 * i, 8), wide;
    return memcpy(&small, (const char *)array + 4 * i, 4), (double)small;
}

/* max |p - ref| / (1e-3 + |ref|), where what is not finite counts as infinite. */
static void compare(replay *r, const char *what, const tensor *t, int64_t step, const void *p, const lg_entry *e)
{
    for (size_t i = 0; i < e->n; i++) {
        double ref = element(e->data, t->type, i), error = fabs(element(p, t->type, i) - ref);
        error /= floor_of_size + fabs(ref);
        if (!isfinite(error)) error = HUGE_VAL;
        if (error <= r->result->max_rel_error) continue;
        r->result->max_rel_error = error;
        r->result->worst_step = step;
        snprintf(r->result->worst_tensor, sizeof r->result->worst_tensor, "%s.%.110s", what, t->name);
    }
}

/* hess_grad.t is the gradient of the refresh that follows step t: step t + 1 has it, at the same parameters. */
static int64_t recorded_step(const feed *f, int64_t step) { return strcmp(f->name, "hess_grad") ? step : step - 1; }

static luge_status feed_tensors(replay *r, int64_t step, luge_inputs *in, luge_error *err)
{
    luge_status st = LUGE_OK;

    in->grad = r->feed[0].data;
    in->extra = r->extra;
    for (feed *f = r->feed; f < r->feed + r->feeds; f++) {
        bool gradient = f == r->feed, any = false;
        for (size_t i = 0; i < r->tensors; i++) {
            const lg_entry *e;
            LG_TRY(find(r, f->name, &r->t[i], recorded_step(f, step), gradient, &e, err));
            f->data[i] = e ? memcpy(f->room[i], e->data, e->bytes) : NULL;
            any |= e != NULL;
        }
        if (any && !gradient) r->extra[in->extras++] = (luge_input){ f->name, f->data };
    }
done:
    return st;
}

static luge_status take_step(replay *r, int64_t step, luge_error *err)
{
    luge_status st = LUGE_OK;
    double lr, loss;
    bool has_lr, has_loss;
    luge_inputs in = { 0 };

    LG_TRY(feed_tensors(r, step, &in, err));
    for (size_t i = 0; i < r->tensors; i++)
        LG_TRY(lg_replay_layer(r->file, r->path, r->t[i].start, step, &r->layer[i], err));
    in.layer = r->layer;
    LG_TRY(find_number(r, "loss", step, &loss, &has_loss, err));
    if (has_loss) in.loss = &loss;
    LG_TRY(find_number(r, "lr", step, &lr, &has_lr, err));
    if (r->scheduled && !has_lr)
        LG_TRY(lg_fail(err, LUGE_E_FORMAT, "%s: 'lr.%lld' is missing", r->path, (long long)step));
    if (has_lr) st = luge_set_real(r->opt, 0, "lr", lr, err);
    if (st == LUGE_OK) st = luge_step(r->opt, &in, err);
    if (st != LUGE_OK) st = lg_fail(err, st, "%s: step %lld: %s", r->path, (long long)step, err->text);
done:
    return st;
}

static luge_status compare_step(replay *r, int64_t step, luge_error *err)
{
    luge_status st = LUGE_OK;
    bool viewed = false;

    for (size_t i = 0; i < r->tensors; i++) {
        const tensor *t = &r->t[i];
        const lg_entry *e;
        LG_TRY(find(r, "param", t, step, true, &e, err));
        compare(r, "param", t, step, t->x, e);
        LG_TRY(find(r, "eval", t, step, false, &e, err));
        if (!e) continue;
        if (!viewed) LG_TRY(luge_view(r->opt, r->view, err)); /* the same for all tensors */
        viewed = true;
        compare(r, "eval", t, step, t->view, e);
    }
done:
    return st;
}

/* ---- the whole ---- */

static luge_status open_method(replay *r, int threads, const luge_method *(*find_method)(const char *name),
                               luge_error *err)
{
    luge_status st = LUGE_OK;
    const char *name = lg_tensors_meta(r->file, "method");
    char text[16];

    if (!name) LG_TRY(lg_fail(err, LUGE_E_FORMAT, "%s: metadata method is missing", r->path));
    if (!(r->method = find_method(name)))
        LG_TRY(lg_fail(err, LUGE_E_NAME, "%s: there is no method '%s'", r->path, lg_show(name, strlen(name)).text));
    snprintf(r->result->method, sizeof r->result->method, "%s", name);
    LG_TRY(luge_new_method(&r->opt, r->method, err));
    snprintf(text, sizeof text, "%d", threads);
    LG_TRY(luge_option(r->opt, "threads", text, err));
done:
    return st;
}

static void close_replay(replay *r)
{
    luge_free(r->opt);
    for (size_t i = 0; i < r->tensors; i++) {
        lg_free(r->t[i].x);
        lg_free(r->t[i].view);
    }
    for (size_t k = 0; k < r->feeds; k++) {
        for (size_t i = 0; r->feed[k].room && i < r->tensors; i++) lg_free(r->feed[k].room[i]);
        lg_free(r->feed[k].room);
        lg_free(r->feed[k].data);
    }
    lg_free(r->t);
    lg_free(r->feed);
    lg_free(r->extra);
    lg_free(r->view);
    for (size_t i = 0; r->layer && i < r->tensors; i++) lg_replay_layer_free(&r->layer[i]);
    lg_free(r->layer);
    lg_tensors_free(r->file);
}

luge_status lg_replay_run(const char *path, int threads, const luge_method *(*find_method)(const char *name),
                          lg_replayed *result, luge_error *err)
{
    luge_status st = LUGE_OK;
    luge_error own;
    replay r = { .path = path, .result = result };
    const char *method;

    if (!err) err = &own;
    *result = (lg_replayed){ .max_rel_error = -1 };
    LG_TRY(lg_tensors_read(&r.file, path, err));
    method = lg_tensors_meta(r.file, "method");
    if (method && !strcmp(method, "polar")) {
        st = lg_replay_polar(path, r.file, threads, result, err);
        goto done;
    }
    LG_TRY(open_method(&r, threads, find_method, err));
    LG_TRY(set_all(&r, err));
    LG_TRY(add_tensors(&r, err));
    LG_TRY(add_feeds(&r, err));
    LG_TRY(begin_state(&r, err));
    LG_TRY(read_rules(&r, err));
    for (int64_t step = 1; step <= result->steps; step++) {
        LG_TRY(take_step(&r, step, err));
        LG_TRY(compare_step(&r, step, err));
    }
    result->max_rel_error = fmax(0, result->max_rel_error); /* the file may have no element to compare */
    result->pass = result->max_rel_error <= result->tolerance;
done:
    close_replay(&r);
    return st;
}
