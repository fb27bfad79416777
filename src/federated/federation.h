/* Inside federations: settings, what is kept, one round.  SPDX-License-Identifier: MIT */
#ifndef LG_FEDERATION_H
#define LG_FEDERATION_H
#include "core/core.h"
#include <luge/federate.h>

enum lg_federated_rule { LG_fedavg, LG_fedavgm, LG_fedcm, LG_scaffold, LG_ghbm, LG_localghbm, LG_fedhbm };
#define LG_FEDERATED_RULES "(fedavg, fedavgm, fedcm, scaffold, ghbm, localghbm, fedhbm)"
enum lg_participation { LG_uniform, LG_cyclic, LG_dirichlet };

typedef struct lg_federating {
    int rule, participation, first, nesterov;
    double lr, weight_decay, server_lr, beta, alpha, concentration; /* beta as set: use lg_federated_beta */
    int64_t sampled, steps, lag, seed, threads;                     /* lag as set: use lg_federated_lag */
} lg_federating;

/* What server or client keeps between rounds, and how it comes about: the server's velocity, its
 * control or its last models; the client's control, the model that it was sent, or its own end. */
enum lg_keeps { LG_NOTHING, LG_VELOCITY, LG_CONTROL, LG_MODELS, LG_SENT, LG_END };

typedef struct lg_federated_row {
    const char *name;
    double beta; /* default; NAN: it has none */
    int down, up;
    enum lg_keeps server, client;
} lg_federated_row;
extern const lg_federated_row lg_federated_rows[];

double lg_federated_beta(const lg_federating *s);
int64_t lg_federated_lag(const lg_federating *s, size_t clients);
/* "KEY=VALUE" texts on top of the defaults, checked together. */
luge_status lg_federating_parse(lg_federating *s, const char *const *set, size_t count, luge_error *err);

/* What a thread of a round works with. */
typedef struct lg_worker {
    luge_error err;
    size_t failed; /* place in the round of the client that failed; SIZE_MAX: none */
} lg_worker;

/* What a run holds. */
typedef struct lg_federated {
    int64_t round, traffic[2];    /* traffic: numbers down, up */
    size_t server_rows, workers;  /* workers: threads of a round */
    size_t chosen_count, *chosen; /* clients of the last round; there is room for all */
    int64_t *visits;              /* of each client: rounds that it took part in */
    double *x, *server, *kept;    /* n; server_rows x n; clients x n where the rule has it */
    double *upload, *spare;       /* sampled x (ends, then controls) x n; workers x n */
    double *rarity;               /* dirichlet: of each client -log of its weight; and as much room */
    lg_worker *worker;
} lg_federated;

struct luge_federation {
    lg_federating how;
    size_t clients, n;
    luge_client *client;
    luge_exchange *exchange;
    void *context, *exchange_context;
    int rank, ranks;
    double *weight; /* clients; sum 1 */
    bool begun;
    lg_federated run;
};

static inline const lg_federated_row *lg_federated_rule(const luge_federation *f)
{
    return &lg_federated_rows[f->how.rule];
}
/* Memory for a run at round 0, all zero; nothing is left after a failure. */
luge_status lg_federated_open(const luge_federation *f, lg_federated *run, luge_error *err);
void lg_federated_close(lg_federated *run);
void lg_federated_replace(luge_federation *f, const lg_federated *run); /* takes it over */

/* ---- who takes part (draw.c) ---- */

void lg_federated_rarity(const luge_federation *f, double *rarity);
/* Fills run->chosen with the clients of a round, and says how many. */
size_t lg_federated_draw(const luge_federation *f, const lg_federated *run, int64_t round);
/* Log of a variate of Gamma(a, 1), a > 0, number `index` of a stream. */
double lg_log_gamma_variate(double a, uint64_t seed, uint64_t stream, uint64_t index);

#endif
