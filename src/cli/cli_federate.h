/* What the files of luge federate share.  SPDX-License-Identifier: MIT */
#ifndef LG_CLI_FEDERATE_H
#define LG_CLI_FEDERATE_H
#include "cli/cli.h"
#include "experiments/federate.h"

/* A rule over all seeds: means of the scores, curves of the mean scores, traffic of a round. */
typedef struct cli_federated {
    char rule[16];
    double lr, down, up;
    int64_t seeds;                  /* that it has run to the end */
    lg_federated_score mean, error; /* error: standard errors of the means over the seeds, NAN for one seed */
    double *round, *curve[3];       /* points each: loss, accuracy, distance; round owns all: lg_free */
    size_t points;
} cli_federated;

luge_status cli_federate_plot(const char *path, const char *title, const cli_federated *rule, size_t rules,
                              luge_error *err);

/* ---- the processes that run this together: ranks_one.c is luge's part, ranks_mpi.c luge-mpi's ---- */

luge_status cli_ranks_begin(lg_ranks *ranks, luge_error *err);
/* The signal that some rank had caught when all last met, 0: none.  The same on all, so that all stop together. */
int cli_ranks_caught(void);
/* How this rank's work ended; says how all did: the first failure, with its text in err. */
luge_status cli_ranks_end(luge_status mine, luge_error *err);

#endif
