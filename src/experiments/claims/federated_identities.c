/* SPDX-License-Identifier: MIT */
#include "experiments/federate.h"
#include "experiments/flow.h"
#include <string.h>

enum { DIM = 10, CLIENTS = 20 };

/* The model after so many rounds from 0; set: "key=value" until NULL. */
static luge_status end_of(lg_clients *c, const char *const *set, int rounds, double x[DIM], luge_error *err)
{
    luge_federation *f = NULL;
    char key[LG_TEXT];
    const char *value;
    luge_status st;

    LG_TRY(luge_federation_new(&f, c->count, c->n, c->gradient, c, err));
    LG_TRY(luge_federation_set(f, "sampled", "2", err));
    for (; *set; set++) {
        LG_TRY(lg_setting_split(*set, key, &value, err));
        LG_TRY(luge_federation_set(f, key, value, err));
    }
    LG_TRY(luge_federation_begin(f, c->start, err));
    for (int t = 0; t < rounds; t++) LG_TRY(luge_federation_round(f, err));
    memcpy(x, luge_federation_model(f), DIM * sizeof *x);
done:
    luge_federation_free(f);
    return st;
}

#define CYCLIC "participation=cyclic"
/* Two runs that end alike.  0.1 * 0.05 as f64 has it. */
static const struct {
    const char *what, *one[6], *other[6];
    int rounds;
    double within;
} rows[] = {
    { "fedcm, ghbm of lag 1",
      { "rule=fedcm", "lr=0.05" },
      { "rule=ghbm", "lag=1", "lr=0.005000000000000001", "beta=0.9" },
      500,
      1e-15 },
    { "the same, cyclic",
      { "rule=fedcm", "lr=0.05", "alpha=0.3", CYCLIC },
      { "rule=ghbm", "lag=1", "lr=0.015", "beta=0.7", CYCLIC },
      500,
      1e-15 },
    { "fedavg, ghbm of a whole cycle at its lr",
      { "rule=fedavg", "lr=0.005", CYCLIC },
      { "rule=ghbm", "lag=10", "lr=0.005", CYCLIC },
      8000,
      1e-12 },
};

static luge_status one_seed(uint64_t seed, double worst[4], luge_error *err)
{
    static const char *const scaffold[2][4] = { { "rule=scaffold", "lr=0.05" },
                                                { "rule=scaffold", "lr=0.05", CYCLIC } };
    luge_status st;
    lg_clients c;
    lg_federated_score score;
    double x[DIM], y[DIM];

    LG_TRY(lg_clients_quadratics(&c, &(lg_quadratics){ .dim = DIM, .apart = 1, .least = 0.2, .seed = seed }, CLIENTS,
                                 err));
    for (size_t i = 0; i < 3; i++) {
        LG_TRY(end_of(&c, rows[i].one, rows[i].rounds, x, err));
        LG_TRY(end_of(&c, rows[i].other, rows[i].rounds, y, err));
        for (int k = 0; k < DIM; k++) worst[i] = fmax(worst[i], fabs(x[k] - y[k]));
    }
    for (int i = 0; i < 2; i++) {
        LG_TRY(end_of(&c, scaffold[i], 3000, x, err));
        LG_TRY(c.score(&c, x, &score, err));
        worst[3] = fmax(worst[3], score.distance);
    }
done:
    lg_clients_close(&c);
    return st;
}

static luge_status check(const lg_means *means, lg_verdict *v, luge_error *err)
{
    luge_status st = LUGE_OK;
    double worst[4] = { 0 };

    (void)means;
    for (uint64_t seed = 0; seed < 12; seed++) LG_TRY(one_seed(seed, worst, err));
    for (int i = 0; i < 4; i++) {
        double within = i < 3 ? rows[i].within : 1e-14;
        v->holds = v->holds && worst[i] <= within;
        LG_SAY(v->expected, "%s%s: %g", i ? "; " : "", i < 3 ? rows[i].what : "scaffold, the optimum", within);
        LG_SAY(v->measured, "%s%.1e", i ? "; " : "", worst[i]);
    }
done:
    return st;
}

const lg_claim lg_claim_federated_identities = {
    .name = "federated_identities",
    .claim =
        "FedCM is GHBM of lag 1; without noise, momentum over whole cycles of the clients vanishes on the cycle, "
        "so that GHBM ends where FedAvg ends at the same step; SCAFFOLD ends at the optimum.",
    .reference = "Zaccone et al., TMLR 2025; Karimireddy et al., ICML 2020; the cycle is an observation of ours",
    .run = "20 clients with quadratics of 10 numbers, 2 a round, 5 local steps, 12 seeds: largest difference of two "
           "models, and distance from the optimum under uniform and cyclic participation",
    .check = check,
};
