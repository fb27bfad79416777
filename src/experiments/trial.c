/* Trial runs: configurations, arrays between guards, and what a run comes to.  SPDX-License-Identifier: MIT */
#include "experiments/trial.h"
#include "engine/optimizer.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { ARENA = LG_TRIAL_MOST * 8 + LG_PLACES * (LG_GUARD + 64), STATE = LG_TRIAL_MOST * 8 * 8 };

void lg_wrong(lg_trials *t, const char *format, ...)
{
    char text[400];
    va_list rest;
    va_start(rest, format);
    vsnprintf(text, sizeof text, format, rest);
    va_end(rest);
    t->wrong(t->context, text);
}

/* ---- configurations ---- */

int lg_choices(const luge_row *row, char to[LG_CHOICES][80])
{
    char text[200], *at = text;
    int n = 0;
    bool words = !strcmp(row->kind, "word") || !strcmp(row->kind, "bool");
    const char *numbers = !strcmp(row->kind, "maybe") ? "none 0.5 2" : !strcmp(row->kind, "int") ? "0 3" : "0";
    snprintf(text, sizeof text, "%s", words ? (*row->range ? row->range : "false true") : numbers);
    for (char *w; n < LG_CHOICES && (w = strtok_r(at, "(), ", &at));)
        if (strcmp(w, row->value)) snprintf(to[n++], sizeof *to, "%s", w);
    return n;
}

/* Decay is switched on everywhere, or whole terms of the formulas would stay out of sight. */
static void decay(luge_optimizer *opt, const luge_method *m, const char *value)
{
    luge_row row;
    for (size_t i = 0; luge_method_row(m, LUGE_PARAMETERS, i, &row); i++)
        if (strstr(row.name, "weight_decay") && !strcmp(row.kind, "real"))
            luge_set(opt, 0, row.name, value, NULL);
        else if (!strcmp(row.name, "unconstrained")) /* else weights are pulled to 0 as by a decay */
            luge_set(opt, 0, row.name, strcmp(value, "0") ? "false" : "true", NULL);
}

/* Longest sides that have a factor (max_..._dim) are short, or factors of thousands would take the time. */
static void short_factors(luge_optimizer *opt, const luge_method *m)
{
    luge_row row;
    for (size_t i = 0; luge_method_row(m, LUGE_PARAMETERS, i, &row); i++) {
        size_t n = strlen(row.name);
        if (n > 4 && !strncmp(row.name, "max_", 4) && !strcmp(row.name + n - 4, "_dim"))
            luge_set(opt, 0, row.name, "48", NULL);
    }
}

static luge_status config_open(const lg_config *c, const char *weight_decay, luge_optimizer **opt, luge_error *err)
{
    luge_status st = luge_new_method(opt, c->method, err);
    if (st) return st;
    decay(*opt, c->method, weight_decay);
    short_factors(*opt, c->method);
    if (c->averaged) st = luge_option(*opt, "lookahead", "2", err);
    if (c->averaged && !st) st = luge_option(*opt, "ema", "0.9", err);
    if (*c->key && !c->averaged) st = luge_set(*opt, 0, c->key, c->value, err);
    if (st) {
        luge_free(*opt);
        *opt = NULL;
    }
    return st;
}

/* It is left out where it is refused, as an alias refuses what it fixes, and where a rule between settings is broken.
 */
static luge_status add(lg_configs *list, const luge_method *m, const char *key, const char *value, bool averaged,
                       luge_error *err)
{
    luge_status st;
    lg_config *grown = lg_grow(list->v, list->n, list->n + 1, sizeof *grown), *c;
    luge_optimizer *opt = NULL;
    size_t bytes;

    if (!grown) return lg_fail(err, LUGE_E_MEMORY, "out of memory");
    list->v = grown;
    c = &grown[list->n];
    *c = (lg_config){ .method = m, .averaged = averaged };
    snprintf(c->key, sizeof c->key, "%s", key);
    snprintf(c->value, sizeof c->value, "%s", value);
    snprintf(c->name, sizeof c->name, "%.40s %s%s%s", m->name, key, *key ? "=" : "", c->value);
    st = config_open(c, "0.1", &opt, err);
    if (!st) st = luge_state_bytes(opt, &bytes, err);
    luge_free(opt);
    if (!st || !*key) list->n++;
    return st == LUGE_E_MEMORY ? st : LUGE_OK;
}

luge_status lg_configs_add(lg_configs *list, const luge_method *method, luge_error *err)
{
    luge_status st;
    luge_row row;

    LG_TRY(add(list, method, "", "", false, err));
    if (!method->method->has_view) LG_TRY(add(list, method, "averaged", "true", true, err));
    for (size_t p = 0; luge_method_row(method, LUGE_PARAMETERS, p, &row); p++) {
        char value[LG_CHOICES][80];
        for (int j = lg_choices(&row, value) - 1; j >= 0; j--)
            LG_TRY(add(list, method, row.name, value[j], false, err));
    }
done:
    return st;
}

/* ---- arrays ---- */

size_t lg_form_n(const lg_form *s)
{
    size_t n = 1;
    for (int i = 0; i < s->ndim; i++) n *= s->shape[i];
    return n;
}

const void *lg_trial_numbers(lg_trials *t, int stream, luge_type type)
{
    void **made = &t->number[t->coarse][stream][type];
    if (!*made) {
        char *to = *made = lg_alloc(LG_TRIAL_MOST, 8);
        for (size_t i = 0; to && i < LG_TRIAL_MOST; i++) {
            double v = 2 * lg_uniform(3, (uint64_t)stream, i) - 1;
            float f = (float)v;
            if (t->coarse) memset(&f, 0, 2);
            v = (double)f; /* the same in f32 and f64 */
            memcpy(to + i * lg_size(type), type == LUGE_F64 ? (char *)&v : (char *)&f + (type == LUGE_BF16 ? 2 : 0),
                   lg_size(type));
        }
    }
    return *made;
}

/* Places for the tensors, each `offset` elements past a multiple of 64, with guards between them. */
static luge_status lay(lg_arena *a, const lg_form *s, int tensors, luge_type type, int offset, luge_error *err)
{
    luge_status st = LUGE_OK;
    if (!a->bytes) LG_NEED(a->bytes = lg_alloc(ARENA, 1));
    a->used = LG_GUARD - (uintptr_t)a->bytes % 64;
    for (int i = 0; i < tensors; i++) {
        a->at[i] = a->used + (size_t)offset * lg_size(type);
        a->used = a->at[i] + lg_form_n(&s[i]) * lg_size(type) + LG_GUARD;
        a->used += (64 - ((uintptr_t)a->bytes + a->used) % 64) % 64;
    }
    if (a->used > ARENA) return lg_fail(err, LUGE_E_ARG, "tensors of a trial are too large");
    memset(a->bytes, 0x5a, a->used);
done:
    return st;
}

static luge_status pour(lg_trials *t, lg_arena *a, const lg_job *j, int stream, luge_error *err)
{
    luge_status st = LUGE_OK;
    const char *from = lg_trial_numbers(t, stream, j->type);
    LG_NEED(from);
    for (int i = 0; i < j->tensors; i++) {
        size_t bytes = lg_form_n(&j->forms[i]) * lg_size(j->type);
        memcpy(a->bytes + a->at[i], from, bytes);
        from += bytes;
    }
done:
    return st;
}

/* Nothing but the tensors has changed; given a stream, nor have they. */
static bool sound(lg_trials *t, lg_arena *a, const lg_job *j, int stream)
{
    bool good = true;
    const char *from = stream ? lg_trial_numbers(t, stream, j->type) : NULL;
    for (int i = 0; i < j->tensors; i++) {
        size_t bytes = lg_form_n(&j->forms[i]) * lg_size(j->type);
        if (from) good = good && !memcmp(a->bytes + a->at[i], from, bytes);
        if (from) from += bytes;
        memset(a->bytes + a->at[i], 0x5a, bytes);
    }
    return good && a->bytes[0] == 0x5a && !memcmp(a->bytes, a->bytes + 1, a->used - 1);
}

/* ---- runs ---- */

bool lg_trial_level(const char *level, const luge_method *method)
{
    int number;
    return !lg_isa_level(level, &number, NULL) && method->method->kernel[number];
}

/* Place in the job's table of the tensor that was declared as number i, and the other way round. */
static int turned(const lg_job *j, int i) { return j->backwards ? j->tensors - 1 - i : i; }

static const void *const *pointers(lg_trials *t, int which, const lg_arena *a, const lg_job *j)
{
    const void **p = t->pointer[which];
    for (int i = 0; i < j->tensors; i++) p[i] = a->bytes + a->at[turned(j, i)];
    return p;
}

luge_status lg_trial_step(lg_trials *t, luge_optimizer *opt, const lg_job *j, int k,
                          void (*change)(lg_trials *t, const lg_job *j), luge_error *err)
{
    luge_status st;
    luge_row row;
    luge_input extra[LG_INPUTS];
    double loss = 1.0 / (k + 1);
    luge_layer layer[LG_PLACES] = { 0 };
    luge_inputs in = { .extra = extra, .loss = &loss, .layer = layer };

    LG_TRY(pour(t, &t->gradients, j, 1 + k * (1 + LG_INPUTS), err));
    in.grad = pointers(t, 0, &t->gradients, j);
    for (; luge_method_row(j->c->method, LUGE_INPUTS, in.extras, &row); in.extras++) {
        lg_arena *a = &t->inputs[in.extras];
        LG_TRY(pour(t, a, j, 2 + k * (1 + LG_INPUTS) + (int)in.extras, err));
        extra[in.extras] = (luge_input){ row.name, pointers(t, 1 + (int)in.extras, a, j) };
        for (int i = 0; i < j->tensors && !strcmp(row.name, "layer");
             i++) /* one row: a tensor is as long as its sides */
            layer[i] = (luge_layer){
                .input = extra[in.extras].data[i], .gout = extra[in.extras].data[i], .type = j->type, .rows = 1
            };
    }
    if (change) change(t, j);
    st = luge_step(opt, &in, err);
done:
    return st;
}

/* Room for the tensors' numbers, and the tensors in the optimizer. */
static luge_status declare(lg_trials *t, luge_optimizer *opt, const lg_job *j, luge_error *err)
{
    luge_status st;
    luge_row row;
    lg_arena *p = &t->parameters;

    for (size_t i = 0; luge_method_row(j->c->method, LUGE_INPUTS, i, &row); i++)
        LG_TRY(lay(&t->inputs[i], j->forms, j->tensors, j->type, (j->w.offset + 2) % 4, err));
    LG_TRY(lay(&t->gradients, j->forms, j->tensors, j->type, (j->w.offset + 1) % 4, err));
    LG_TRY(lay(p, j->forms, j->tensors, j->type, j->w.offset, err));
    LG_TRY(pour(t, p, j, 0, err));
    for (int i = 0; i < j->tensors; i++) {
        int n = turned(j, i);
        char name[16];
        snprintf(name, sizeof name, "w%d", n);
        LG_TRY(luge_add(opt, 0, name, j->type, p->bytes + p->at[n], j->forms[n].ndim, j->forms[n].shape, err));
    }
done:
    return st;
}

luge_status lg_trial_open(lg_trials *t, const lg_job *j, const char *weight_decay, luge_optimizer **opt,
                          luge_error *err)
{
    luge_status st;
    char threads[16];

    *opt = NULL;
    LG_TRY(config_open(j->c, weight_decay, opt, err));
    if (j->w.level) LG_TRY(lg_isa_level(j->w.level, &(*opt)->level, err));
    snprintf(threads, sizeof threads, "%d", j->w.threads);
    LG_TRY(luge_option(*opt, "threads", threads, err));
    LG_TRY(declare(t, *opt, j, err));
done:
    if (st) luge_free(*opt);
    return st;
}

uint64_t lg_trial_hash(const void *data, size_t bytes)
{
    const unsigned char *p = data;
    uint64_t h = LG_HASH, word = 0;
    for (; bytes; p += sizeof word, bytes -= bytes < sizeof word ? bytes : sizeof word) {
        memcpy(&word, p, bytes < sizeof word ? bytes : sizeof word);
        h = (h ^ word) * 0x9e3779b97f4a7c15u;
        h ^= h >> 29;
    }
    return h;
}

/* The blocks, which are of f64 and of shapes of their own. */
static uint64_t blocks(luge_optimizer *opt, const lg_job *j)
{
    luge_row row;
    uint64_t h = 0;
    for (size_t s = 0; luge_method_row(j->c->method, LUGE_SLOTS, s, &row); s++)
        for (int i = 0; i < LG_DIMS && !strcmp(row.kind, "block"); i++)
            for (int n = 0; n < j->tensors; n++) {
                size_t tensor = (size_t)turned(j, n), length = luge_state_length(opt, tensor, row.name, i);
                if (length) h = 31 * h + lg_trial_hash(luge_state(opt, tensor, row.name, i), length * sizeof(double));
            }
    return h;
}

/* Slot by slot through the tensors, as if they were one. */
uint64_t lg_trial_slots(lg_trials *t, luge_optimizer *opt, const lg_job *j)
{
    static const char *const averages[] = { "slow_weights", "param_ema" };
    size_t used = 0, size = j->type == LUGE_F64 ? 8 : 4, own = 0;
    luge_row row;
    while (luge_method_row(j->c->method, LUGE_SLOTS, own, &row)) own++;
    for (size_t s = 0; s < own + (j->c->averaged ? 2 : 0); s++) {
        const char *name =
            s < own ? (luge_method_row(j->c->method, LUGE_SLOTS, s, &row), row.name) : averages[s - own];
        for (int i = 0; i < LG_MANY && (s >= own || !strcmp(row.kind, "state")); i++)
            for (int n = 0; n < j->tensors; n++) {
                size_t bytes = lg_form_n(&j->forms[n]) * size;
                const void *slot = luge_state(opt, (size_t)turned(j, n), name, i);
                LG_CHECK(t, used + bytes <= STATE, "%s: its state is too large for a trial", j->c->name);
                if (!slot || used + bytes > STATE) continue;
                memcpy(t->gathered + used, slot, bytes);
                used += bytes;
            }
    }
    return lg_trial_hash(t->gathered, used) + blocks(opt, j);
}

uint64_t lg_trial_parameters(lg_trials *t, const lg_job *j)
{
    size_t used = 0;
    for (int n = 0; n < j->tensors; n++) {
        size_t bytes = lg_form_n(&j->forms[n]) * lg_size(j->type);
        memcpy(t->gathered + used, t->parameters.bytes + t->parameters.at[n], bytes);
        used += bytes;
    }
    return lg_trial_hash(t->gathered, used);
}

uint64_t lg_trial_outcome(lg_trials *t, luge_optimizer *opt, const lg_job *j)
{
    return lg_trial_slots(t, opt, j) + 3 * lg_trial_parameters(t, j);
}

luge_status lg_trial_run(lg_trials *t, const lg_job *j, uint64_t *hash, luge_error *err)
{
    luge_status st = LUGE_OK;
    size_t bytes = 0;
    luge_optimizer *opt = NULL;

    *hash = 0;
    if (j->w.level && !lg_trial_level(j->w.level, j->c->method)) return LUGE_OK;
    LG_TRY(lg_trial_open(t, j, "0.1", &opt, err));
    LG_TRY(luge_state_bytes(opt, &bytes, err));
    bool given = j->w.given && bytes + LG_GUARD <= STATE;
    if (given) {
        memset(t->state, 0x5a, bytes + LG_GUARD);
        LG_TRY(luge_state_memory(opt, t->state, bytes, err));
    }
    for (int k = 0; k < j->steps; k++) {
        LG_TRY(lg_trial_step(t, opt, j, k, NULL, err));
        if (k + 1 == j->steps)
            LG_CHECK(t, sound(t, &t->gradients, j, 1 + k * (1 + LG_INPUTS)), "%s: gradients are written", j->c->name);
    }
    *hash = lg_trial_outcome(t, opt, j);
    LG_CHECK(t, sound(t, &t->parameters, j, 0), "%s: written beside parameters", j->c->name);
    for (size_t i = 0; i < LG_GUARD && given; i++)
        LG_CHECK(t, t->state[bytes + i] == 0x5a, "%s: written beside the state", j->c->name);
done:
    luge_free(opt);
    return st;
}

/* ---- the whole ---- */

luge_status lg_trials_open(lg_trials **out, void (*wrong)(void *context, const char *text), void *context,
                           luge_error *err)
{
    luge_status st = LUGE_OK;
    const char *place = getenv("TMPDIR");
    lg_trials *t = NULL;

    *out = NULL;
    LG_NEED(t = lg_alloc(1, sizeof *t));
    t->wrong = wrong;
    t->context = context;
    LG_NEED(t->state = lg_alloc(STATE, 1));
    LG_NEED(t->gathered = lg_alloc(STATE, 1));
    LG_NEED(t->path = lg_alloc(3, sizeof *t->path));
    snprintf(t->folder, sizeof t->folder, "%.200s/luge-trial-XXXXXX", place && *place ? place : "/tmp");
    if (!mkdtemp(t->folder)) {
        st = lg_fail(err, LUGE_E_IO, "%s: cannot be made", t->folder);
        t->folder[0] = 0;
        goto done;
    }
    *out = t;
    t = NULL;
done:
    lg_trials_close(t);
    return st;
}

void lg_trials_close(lg_trials *t)
{
    if (!t) return;
    if (t->folder[0]) rmdir(t->folder);
    for (int c = 0; c < 2; c++)
        for (int s = 0; s < LG_TRIAL_STREAMS; s++)
            for (int type = 0; type < 3; type++) lg_free(t->number[c][s][type]);
    for (int i = 0; i < LG_INPUTS; i++) lg_free(t->inputs[i].bytes);
    lg_free(t->parameters.bytes);
    lg_free(t->gradients.bytes);
    lg_free(t->state);
    lg_free(t->gathered);
    lg_free(t->path);
    lg_free(t);
}
