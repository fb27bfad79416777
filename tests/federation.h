/* Clients with quadratics: f_i(x) = (x - c_i)' H_i (x - c_i) / 2, H_i diagonal.  SPDX-License-Identifier: MIT */
#ifndef FEDERATION_H
#define FEDERATION_H
#include "check.h"
#include "core/core.h"
#include <luge/federate.h>
#include <stdio.h>
#include <string.h>

enum { CLIENTS = 20, DIM = 10, LOCAL = 5 };

static luge_error err;

typedef struct bed {
    double h[CLIENTS][DIM], c[CLIENTS][DIM], best[DIM];
    double noise;
    uint64_t seed;
    long fail_at; /* the call of a gradient that fails; 0: none */
    luge_status status;
    double value; /* what such a call writes */
} bed;

/* Curvatures uniform in [0.2, 1], centres `apart` times normal. */
static inline bed bed_make(uint64_t seed, double apart)
{
    bed b = { .seed = seed };
    for (int k = 0; k < DIM; k++) {
        double top = 0, bottom = 0;
        for (int i = 0; i < CLIENTS; i++) {
            b.h[i][k] = 0.2 + 0.8 * lg_uniform(seed, 1, (uint64_t)(i * DIM + k));
            b.c[i][k] = apart * lg_normal(seed, 2, (uint64_t)(i * DIM + k));
            top += b.h[i][k] * b.c[i][k], bottom += b.h[i][k];
        }
        b.best[k] = top / bottom;
    }
    return b;
}

static inline luge_status bed_gradient(void *context, size_t client, int64_t round, int64_t step, const double *x,
                                       double *g, luge_error *e)
{
    bed *b = context;
    for (size_t k = 0; k < DIM; k++) {
        uint64_t at = ((uint64_t)round * LOCAL + (uint64_t)step) * DIM + k;
        g[k] = b->h[client][k] * (x[k] - b->c[client][k]);
        if (b->noise > 0) g[k] += b->noise * lg_normal(b->seed, 100 + client, at);
    }
    if (b->fail_at && --b->fail_at == 0) {
        g[0] = b->value;
        if (b->status) snprintf(e->text, sizeof e->text, "client %zu has no data", client);
        return b->status;
    }
    return LUGE_OK;
}

static inline double bed_error(const bed *b, const double *x)
{
    double sum = 0;
    for (int k = 0; k < DIM; k++) sum += (x[k] - b->best[k]) * (x[k] - b->best[k]);
    return sqrt(sum);
}

/* set: "key=value key=value". */
static inline luge_status federation_set(luge_federation *f, const char *set)
{
    char text[300], *rest = text, *word;
    snprintf(text, sizeof text, "%s", set);
    for (luge_status st; (word = strtok_r(rest, " ", &rest)) != NULL;) {
        char key[LG_TEXT];
        const char *value;
        if ((st = lg_setting_split(word, key, &value, &err)) || (st = luge_federation_set(f, key, value, &err)))
            return st;
    }
    return LUGE_OK;
}

static inline luge_federation *federation(bed *b, const char *set)
{
    luge_federation *f;
    MUST(luge_federation_new(&f, CLIENTS, DIM, bed_gradient, b, &err));
    MUST(federation_set(f, "sampled=2"));
    MUST(federation_set(f, set));
    return f;
}

/* A run from 0; the error is the mean over the last `last` rounds. */
static inline double bed_run(bed *b, const char *set, int rounds, int last, double *x)
{
    static const double zero[DIM];
    luge_federation *f = federation(b, set);
    double sum = 0;
    MUST(luge_federation_begin(f, zero, &err));
    for (int t = 0; t < rounds; t++) {
        MUST(luge_federation_round(f, &err));
        if (t >= rounds - last) sum += bed_error(b, luge_federation_model(f));
    }
    if (x) memcpy(x, luge_federation_model(f), DIM * sizeof *x);
    luge_federation_free(f);
    return sum / last;
}

#endif
