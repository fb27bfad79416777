/* What the files of luge federate share.  SPDX-License-Identifier: MIT */
#ifndef LG_CLI_FEDERATE_H
#define LG_CLI_FEDERATE_H
#include "cli/cli.h"
#include "experiments/federate.h"

/* A rule over all seeds: means of the scores, curves of the mean scores, traffic of a round. */
typedef struct cli_federated {
    char rule[16];
    double lr, down, up;
    lg_federated_score mean, error; /* error: standard errors of the means over the seeds, NAN for one seed */
    double *round, *curve[3];       /* points each: loss, accuracy, distance; round owns all: lg_free */
    size_t points;
} cli_federated;

luge_status cli_federate_plot(const char *path, const char *title, const cli_federated *rule, size_t rules,
                              luge_error *err);

/* The processes that run this together (ranks_one.c, or ranks_mpi.c in luge-federate-mpi). */
const lg_ranks *cli_ranks(void);

#endif
