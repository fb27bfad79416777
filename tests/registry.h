/* Every method of the registry with every setting that is a choice, one at a time, and under the options that average
 * its parameters, and runs of them on arrays that lie between guards.  No method is named.  SPDX-License-Identifier:
 * MIT */
#ifndef REGISTRY_H
#define REGISTRY_H
#include "check.h"
#include "engine/engine.h"
#include "level.h"
#include <luge/luge.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* ---- configurations ---- */

typedef struct config {
    const luge_method *method;
    char key[48], value[80]; /* key "": the method as it comes */
    bool averaged;           /* with ema and lookahead, and a key that is no setting */
} config;

enum { CONFIGS = 2000, CHOICES = 8 };
static config configs[CONFIGS];
static size_t config_count;

static inline const char *method_name(const luge_method *m) { return luge_method_text(m, LUGE_NAME); }

static inline const char *config_name(const config *c)
{
    static char text[160];
    snprintf(text, sizeof text, "%s %s%s%s", method_name(c->method), c->key, *c->key ? "=" : "", c->value);
    return text;
}

/* Values to try for a setting: all there are of a bool or word, 0 for a number, and what a list or a maybe has. */
static inline int choices(const luge_row *row, char to[CHOICES][80])
{
    char text[200], *at = text;
    int n = 0;
    bool words = !strcmp(row->kind, "word") || !strcmp(row->kind, "bool");
    const char *numbers = !strcmp(row->kind, "maybe") ? "none 0.5 2" : !strcmp(row->kind, "int") ? "0 3" : "0";
    snprintf(text, sizeof text, "%s", words ? (*row->range ? row->range : "false true") : numbers);
    for (char *w; n < CHOICES && (w = strtok_r(at, "(), ", &at));)
        if (strcmp(w, row->value)) snprintf(to[n++], sizeof *to, "%s", w);
    return n;
}

/* Decay is switched on everywhere, or whole terms of the formulas would stay out of sight. */
static inline void decay(luge_optimizer *opt, const luge_method *m, const char *value)
{
    luge_row row;
    for (size_t i = 0; luge_method_row(m, LUGE_PARAMETERS, i, &row); i++)
        if (!strncmp(row.name, "weight_decay", 12) && !strcmp(row.kind, "real"))
            luge_set(opt, 0, row.name, value, NULL);
}

/* NULL: the setting is refused, as an alias refuses what it fixes. */
static inline luge_optimizer *config_open(const config *c, const char *weight_decay)
{
    luge_error err;
    luge_optimizer *opt = NULL;
    MUST(luge_new(&opt, method_name(c->method), &err));
    decay(opt, c->method, weight_decay);
    if (c->averaged) {
        MUST(luge_option(opt, "lookahead", "2", &err));
        MUST(luge_option(opt, "ema", "0.9", &err));
    } else if (*c->key && luge_set(opt, 0, c->key, c->value, &err)) {
        luge_free(opt);
        opt = NULL;
    }
    return opt;
}

/* Group set-up. */
static inline int configs_make(void **state)
{
    const luge_method *m;
    (void)state;
    for (size_t i = 0; (m = luge_method_at(i)); i++) {
        luge_row row;
        configs[config_count++] = (config){ .method = m };
        if (!m->method->has_view && config_count < CONFIGS)
            configs[config_count++] = (config){ .method = m, .key = "averaged", .value = "true", .averaged = true };
        for (size_t p = 0; luge_method_row(m, LUGE_PARAMETERS, p, &row); p++) {
            char value[CHOICES][80];
            for (int j = choices(&row, value) - 1; j >= 0 && config_count < CONFIGS; j--) {
                config *c = &configs[config_count];
                *c = (config){ .method = m };
                snprintf(c->key, sizeof c->key, "%s", row.name);
                snprintf(c->value, sizeof c->value, "%s", value[j]);
                luge_optimizer *opt = config_open(c, "0.1");
                size_t bytes;
                config_count +=
                    opt && !luge_state_bytes(opt, &bytes, NULL); /* else a rule between settings is broken */
                luge_free(opt);
            }
        }
    }
    print_message("%zu configurations\n", config_count);
    return config_count == CONFIGS ? -1 : 0;
}

/* ---- arrays ---- */

typedef struct shape {
    int ndim;
    size_t shape[4];
} shape;

static inline size_t shape_n(const shape *s)
{
    size_t n = 1;
    for (int i = 0; i < s->ndim; i++) n *= s->shape[i];
    return n;
}

enum { MOST = 200000, PLACES = 80, GUARD = 256, STEPS = 6, STREAMS = 1 + STEPS * (1 + LG_INPUTS) };

static bool coarse; /* only numbers that bf16 holds: all types get the same */

/* Numbers in (-1, 1) of each type; stream 0 holds starts, and 1 + step * 5 + i gradients (i = 0) and further inputs.
 */
static inline const void *numbers(int stream, luge_type type)
{
    static void *all[2][STREAMS][3];
    void **made = &all[coarse][stream][type];
    if (!*made) {
        char *to = *made = malloc(MOST * 8);
        assert_non_null(to);
        for (size_t i = 0; i < MOST; i++) {
            double v = 2 * lg_uniform(3, (uint64_t)stream, i) - 1;
            float f = (float)v;
            if (coarse) memset(&f, 0, 2);
            v = (double)f; /* the same in f32 and f64 */
            memcpy(to + i * lg_size(type), type == LUGE_F64 ? (char *)&v : (char *)&f + (type == LUGE_BF16 ? 2 : 0),
                   lg_size(type));
        }
    }
    return *made;
}

typedef struct arena {
    unsigned char bytes[MOST * 8 + PLACES * (GUARD + 64)];
    size_t at[PLACES], used;
} arena;

/* Places for the tensors, each `offset` elements past a multiple of 64, with guards between them. */
static inline void arena_lay(arena *a, const shape *s, int tensors, luge_type type, int offset)
{
    a->used = GUARD - (uintptr_t)a->bytes % 64;
    for (int i = 0; i < tensors; i++) {
        a->at[i] = a->used + (size_t)offset * lg_size(type);
        a->used = a->at[i] + shape_n(&s[i]) * lg_size(type) + GUARD;
        a->used += (64 - ((uintptr_t)a->bytes + a->used) % 64) % 64;
    }
    assert_true(a->used <= sizeof a->bytes);
    memset(a->bytes, 0x5a, a->used);
}

static inline void arena_pour(arena *a, const shape *s, int tensors, luge_type type, int stream)
{
    const char *from = numbers(stream, type);
    for (int i = 0; i < tensors; i++) {
        size_t bytes = shape_n(&s[i]) * lg_size(type);
        memcpy(a->bytes + a->at[i], from, bytes);
        from += bytes;
    }
}

/* Nothing but the tensors has changed; given a stream, nor have they. */
static inline bool arena_sound(arena *a, const shape *s, int tensors, luge_type type, int stream)
{
    bool sound = true;
    const char *from = stream ? numbers(stream, type) : NULL;
    for (int i = 0; i < tensors; i++) {
        size_t bytes = shape_n(&s[i]) * lg_size(type);
        if (from) sound = sound && !memcmp(a->bytes + a->at[i], from, bytes);
        if (from) from += bytes;
        memset(a->bytes + a->at[i], 0x5a, bytes);
    }
    return sound && a->bytes[0] == 0x5a && !memcmp(a->bytes, a->bytes + 1, a->used - 1);
}

/* ---- runs ---- */

typedef struct way {
    const char *level; /* NULL: the best */
    int threads, offset;
    bool given; /* the state lies in memory of the caller */
} way;

typedef struct job {
    const config *c;
    luge_type type;
    const shape *shapes;
    int tensors, steps;
    way w;
    bool backwards; /* the tensors are declared from the last to the first */
} job;

static arena parameters, gradients, inputs[LG_INPUTS];

/* Place in the job's table of the tensor that was declared as number i, and the other way round. */
static inline int turned(const job *j, int i) { return j->backwards ? j->tensors - 1 - i : i; }

static inline const void *const *pointers(const arena *a, const job *j)
{
    static const void *all[1 + LG_INPUTS][PLACES];
    const void **p = all[a == &gradients ? 0 : 1 + (a - inputs)];
    for (int i = 0; i < j->tensors; i++) p[i] = a->bytes + a->at[turned(j, i)];
    return p;
}

/* Step number k (from 0) on its gradients and inputs, to which `change` may do something. */
static inline luge_status changed_step(luge_optimizer *opt, const job *j, int k, void (*change)(const job *j),
                                       luge_error *err)
{
    luge_row row;
    luge_input extra[LG_INPUTS];
    double loss = 1.0 / (k + 1);
    luge_inputs in = { .extra = extra, .loss = &loss };
    arena_pour(&gradients, j->shapes, j->tensors, j->type, 1 + k * (1 + LG_INPUTS));
    in.grad = pointers(&gradients, j);
    for (; luge_method_row(j->c->method, LUGE_INPUTS, in.extras, &row); in.extras++) {
        arena *a = &inputs[in.extras];
        arena_pour(a, j->shapes, j->tensors, j->type, 2 + k * (1 + LG_INPUTS) + (int)in.extras);
        extra[in.extras] = (luge_input){ row.name, pointers(a, j) };
    }
    if (change) change(j);
    return luge_step(opt, &in, err);
}

static inline luge_status step(luge_optimizer *opt, const job *j, int k, luge_error *err)
{
    return changed_step(opt, j, k, NULL, err);
}

/* Room for the tensors' numbers, and the tensors in the optimizer. */
static inline void declare(luge_optimizer *opt, const job *j)
{
    luge_error err;
    luge_row row;
    for (size_t i = 0; luge_method_row(j->c->method, LUGE_INPUTS, i, &row); i++)
        arena_lay(&inputs[i], j->shapes, j->tensors, j->type, (j->w.offset + 2) % 4);
    arena_lay(&gradients, j->shapes, j->tensors, j->type, (j->w.offset + 1) % 4);
    arena_lay(&parameters, j->shapes, j->tensors, j->type, j->w.offset);
    arena_pour(&parameters, j->shapes, j->tensors, j->type, 0);
    for (int i = 0; i < j->tensors; i++) {
        int t = turned(j, i);
        char name[16];
        snprintf(name, sizeof name, "w%d", t);
        MUST(luge_add(opt, 0, name, j->type, parameters.bytes + parameters.at[t], j->shapes[t].ndim,
                      j->shapes[t].shape, &err));
    }
}

static inline uint64_t hash(const unsigned char *p, size_t bytes)
{
    uint64_t h = LG_HASH, word = 0;
    for (; bytes; p += sizeof word, bytes -= bytes < sizeof word ? bytes : sizeof word) {
        memcpy(&word, p, bytes < sizeof word ? bytes : sizeof word);
        h = (h ^ word) * 0x9e3779b97f4a7c15u;
        h ^= h >> 29;
    }
    return h;
}

/* A hash of the state, slot by slot through the tensors, as if they were one; the options' slots are the last. */
static inline uint64_t slot_hash(luge_optimizer *opt, const job *j)
{
    static unsigned char all[MOST * 8 * 8];
    static const char *const averages[] = { "slow_weights", "param_ema" };
    size_t used = 0, size = j->type == LUGE_F64 ? 8 : 4, own = 0;
    luge_row row;
    while (luge_method_row(j->c->method, LUGE_SLOTS, own, &row)) own++;
    for (size_t s = 0; s < own + (j->c->averaged ? ROWS(averages) : 0); s++) {
        const char *name =
            s < own ? (luge_method_row(j->c->method, LUGE_SLOTS, s, &row), row.name) : averages[s - own];
        for (int i = 0; i < LG_MANY && (s >= own || !strcmp(row.kind, "state")); i++)
            for (int t = 0; t < j->tensors; t++) {
                size_t bytes = shape_n(&j->shapes[t]) * size;
                const void *slot = luge_state(opt, (size_t)turned(j, t), name, i);
                assert_true(used + bytes <= sizeof all);
                if (slot) memcpy(all + used, slot, bytes);
                if (slot) used += bytes;
            }
    }
    return hash(all, used);
}

static inline uint64_t parameter_hash(const job *j)
{
    static unsigned char all[MOST * 8];
    size_t used = 0;
    for (int t = 0; t < j->tensors; t++) {
        size_t bytes = shape_n(&j->shapes[t]) * lg_size(j->type);
        memcpy(all + used, parameters.bytes + parameters.at[t], bytes);
        used += bytes;
    }
    return hash(all, used);
}

static inline uint64_t outcome(luge_optimizer *opt, const job *j)
{
    return slot_hash(opt, j) + 3 * parameter_hash(j);
}

static inline luge_optimizer *job_open(const job *j, const char *weight_decay)
{
    luge_error err;
    char threads[16];
    if (j->w.level) setenv("LUGE_ISA", j->w.level, 1);
    luge_optimizer *opt = config_open(j->c, weight_decay);
    unsetenv("LUGE_ISA");
    assert_non_null(opt);
    snprintf(threads, sizeof threads, "%d", j->w.threads);
    MUST(luge_option(opt, "threads", threads, &err));
    declare(opt, j);
    return opt;
}

/* The hash of parameters and state after the run, whose arrays are then checked; 0: the level cannot be run. */
static inline uint64_t run(const job *j)
{
    static _Alignas(64) unsigned char state[MOST * 8 * 6];
    luge_error err;
    size_t bytes = 0;
    if (j->w.level && !level_runs(j->w.level, method_name(j->c->method))) return 0;
    luge_optimizer *opt = job_open(j, "0.1");
    MUST(luge_state_bytes(opt, &bytes, &err));
    bool given = j->w.given && bytes + GUARD <= sizeof state;
    if (given) {
        memset(state, 0x5a, bytes + GUARD);
        MUST(luge_state_memory(opt, state, bytes, &err));
    }
    for (int k = 0; k < j->steps; k++) {
        MUST(step(opt, j, k, &err));
        if (k + 1 < j->steps) continue;
        int stream = 1 + k * (1 + LG_INPUTS);
        CHECK(arena_sound(&gradients, j->shapes, j->tensors, j->type, stream), "%s: gradients are written",
              config_name(j->c));
    }
    uint64_t h = outcome(opt, j);
    CHECK(arena_sound(&parameters, j->shapes, j->tensors, j->type, 0), "%s: written beside parameters",
          config_name(j->c));
    for (size_t i = 0; i < GUARD && given; i++)
        CHECK(state[bytes + i] == 0x5a, "%s: written beside the state", config_name(j->c));
    luge_free(opt);
    return h;
}

#endif
