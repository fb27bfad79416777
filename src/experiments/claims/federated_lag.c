/* SPDX-License-Identifier: MIT */
#include "experiments/federate.h"
#include "experiments/flow.h"
#include <stdio.h>

enum { SEEDS = 12 };

/* At equal effective step 0.05; mean distance from the optimum over seeds. */
static const struct {
    const char *name, *rule, *more, *who;
} rows[] = {
    { "fedavg", "rule=fedavg", "lag=0", "participation=uniform" },
    { "fedcm", "rule=fedcm", "lag=0", "participation=uniform" },
    { "ghbm 20", "rule=ghbm", "lag=20", "participation=uniform" },
    { "ghbm 40", "rule=ghbm", "lag=40", "participation=uniform" },
    { "localghbm", "rule=localghbm", "lag=0", "participation=uniform" },
    { "fedhbm", "rule=fedhbm", "beta=0.9", "participation=uniform" },
    { "cyclic fedavg", "rule=fedavg", "lag=0", "participation=cyclic" },
    { "cyclic fedcm", "rule=fedcm", "lag=0", "participation=cyclic" },
    { "cyclic ghbm 10", "rule=ghbm", "lag=10", "participation=cyclic" },
};
enum { ROWS = sizeof rows / sizeof *rows };

/* rows[high] is above factor times rows[low]. */
static const struct {
    int low, high;
    double factor;
} order[] = { { 0, 1, 0.9 }, { 2, 0, 1.2 }, { 3, 0, 1.4 }, { 3, 1, 1.4 },
              { 4, 0, 1.2 }, { 5, 0, 1.2 }, { 7, 6, 4 },   { 8, 7, 1.2 } };

static luge_status distance(int row, uint64_t seed, double *sum, luge_error *err)
{
    char number[32];
    snprintf(number, sizeof number, "seed=%d", (int)seed);
    const char *set[] = { rows[row].rule, rows[row].more, rows[row].who, "lr=0.05", "sampled=2", number };
    lg_clients c;
    lg_federated_run r = { 0 };
    lg_federate f = { .set = set,
                      .set_count = sizeof set / sizeof *set,
                      .clients = &c,
                      .equal = true,
                      .rounds = 1000,
                      .every = 1,
                      .last = 40 };
    luge_status st;

    LG_TRY(lg_clients_quadratics(&c, &(lg_quadratics){ .dim = 10, .apart = 1, .least = 0.2, .seed = seed }, 20, err));
    LG_TRY(lg_federate_run(&f, &r, err));
    *sum += r.mean.distance / SEEDS;
done:
    lg_free(r.point);
    lg_clients_close(&c);
    return st;
}

static luge_status check(const lg_means *means, lg_verdict *v, luge_error *err)
{
    luge_status st = LUGE_OK;
    double mean[ROWS] = { 0 };

    (void)means;
    for (int i = 0; i < ROWS; i++) {
        for (uint64_t seed = 0; seed < SEEDS; seed++) LG_TRY(distance(i, seed, &mean[i], err));
        LG_SAY(v->measured, "%s%s %.3f", i ? "; " : "", rows[i].name, mean[i]);
    }
    for (size_t i = 0; i < sizeof order / sizeof *order; i++) {
        double low = mean[order[i].low], high = mean[order[i].high];
        v->holds = v->holds && high > order[i].factor * low;
        LG_SAY(v->expected, "%s%s > %g %s", i ? "; " : "", rows[order[i].high].name, order[i].factor,
               rows[order[i].low].name);
    }
done:
    return st;
}

const lg_claim lg_claim_federated_lag = {
    .name = "federated_lag",
    .claim =
        "Momentum over one round (FedCM) is biased to the clients of that round, and under uniform participation "
        "no better than none; momentum over a pass of all clients and more (GHBM and its family) is better, at the "
        "same effective step.",
    .reference = "Zaccone, Karimireddy, Masone & Ciccone, TMLR 2025; the problem is computed here",
    .run =
        "20 clients with quadratics of 10 numbers, 2 a round, 5 local steps, effective step 0.05; distance from the "
        "optimum over the last 40 of 1000 rounds, mean of 12 seeds",
    .check = check,
};
