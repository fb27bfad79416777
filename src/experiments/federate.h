/* luge federate: rules on built-in clients.  SPDX-License-Identifier: MIT */
#ifndef LG_FEDERATE_H
#define LG_FEDERATE_H
#include "problems/problem.h"
#include <luge/federate.h>

/* ---- built-in clients (clients.c) ---- */

/* Quadratics f_i = (x - c_i)' H_i (x - c_i) / 2 with diagonal H_i, entries uniform in [least, 1], c_i = apart times a
 * standard normal, and normal noise on the gradients; drawn by the seed. */
typedef struct lg_quadratics {
    int64_t dim;
    double apart, least, noise;
    uint64_t seed;
} lg_quadratics;

/* Rows of a problem with labels, handed out by luge_split; a local step takes a minibatch. */
typedef struct lg_shards {
    lg_problem_request problem; /* F64; its batch is ours; its seed splits and shuffles too */
    double skew;                /* alpha of luge_split */
} lg_shards;

typedef struct lg_federated_score {
    double loss, accuracy, distance; /* NAN: there is none. Quadratics: above the least loss, and from its place */
} lg_federated_score;

typedef struct lg_clients {
    size_t count, n;
    int64_t epoch;          /* local steps of one pass over a client's rows; 0: no rows */
    double *weight, *start; /* yours to read */
    luge_client *gradient;  /* with the lg_clients as context; of quadratics from any thread */
    luge_status (*score)(struct lg_clients *c, const double *x, lg_federated_score *score, luge_error *err);
    void *self;
    void (*close)(void *self);
} lg_clients;

luge_status lg_clients_quadratics(lg_clients *c, const lg_quadratics *q, size_t count, luge_error *err);
luge_status lg_clients_shards(lg_clients *c, const lg_shards *s, size_t count, luge_error *err);
void lg_clients_close(lg_clients *c); /* all zero is fine */

/* ---- runs (federate.c) ---- */

typedef struct lg_federated_point {
    int64_t round, rounds;
    bool line; /* scored; else only the count of rounds is new */
    lg_federated_score score;
} lg_federated_point;

/* Several processes: luge_federation_share. */
typedef struct lg_ranks {
    int rank, ranks;
    luge_exchange *exchange;
    void *context;
} lg_ranks;

typedef struct lg_federate {
    const char *const
        *set; /* "KEY=VALUE" of luge_federation_set; sampled is a tenth of the clients if not among them */
    size_t set_count;
    lg_clients *clients;
    int64_t epochs;                   /* local passes over a client's rows; 0: the setting steps */
    bool equal;                       /* lr is the effective step */
    int64_t rounds, every, last;      /* every: rounds between scores; last: scores in the mean */
    const char *save, *resume, *note; /* checkpoints; note: what else must be the same */
    int64_t save_every;               /* 0: at the end */
    const lg_ranks *ranks;            /* NULL: one */
    bool (*report)(void *context, const lg_federated_point *point); /* after each round; false: stop after saving */
    void *context;
} lg_federate;

typedef struct lg_federated_run {
    char rule[16];
    double lr; /* of the clients */
    int64_t rounds, down, up;
    lg_federated_score mean;   /* of the last scores */
    lg_federated_point *point; /* those with a score; yours: lg_free */
    size_t points;
    uint64_t checksum; /* of the model */
    bool stopped;
} lg_federated_run;

luge_status lg_federate_run(const lg_federate *federate, lg_federated_run *run, luge_error *err);

#endif
