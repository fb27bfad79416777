/* luge-mpi: the ranks of MPI run luge together.  Only rank 0 is heard.
 *
 * Ranks meet once a round and once at the end.  In a meeting all learn whether one of them has failed, and leave with
 * its error: so none waits for one that has left, and every rank returns the same. SPDX-License-Identifier: MIT */
#include "cli/cli_federate.h"
#include <limits.h>
#include <mpi.h>

static int rank;
static bool parted; /* a meeting has ended with a failure */
static int agreed;  /* the signal of the last meeting */

int main(int argc, char **argv)
{
    int status;
    if (MPI_Init(&argc, &argv)) return CLI_FAILED;
    MPI_Comm_rank(MPI_COMM_WORLD, &rank);
    if (rank && (!freopen("/dev/null", "w", stdout) || !freopen("/dev/null", "w", stderr)))
        MPI_Abort(MPI_COMM_WORLD, CLI_FAILED);
    status = cli_main(argc, argv);
    MPI_Finalize();
    return rank ? CLI_GOOD : status; /* rank 0 speaks for all: another's failure would have mpirun kill it */
}

static luge_status meet(luge_status mine, luge_error *err)
{
    int least[2] = { mine ? rank : INT_MAX, -cli_caught() }; /* the first that failed; a signal */

    MPI_Allreduce(MPI_IN_PLACE, least, 2, MPI_INT, MPI_MIN, MPI_COMM_WORLD);
    agreed = -least[1];
    if (least[0] == INT_MAX) return LUGE_OK;
    parted = true;
    MPI_Bcast(err, sizeof *err, MPI_BYTE, least[0], MPI_COMM_WORLD);
    return err->status;
}

static luge_status exchange(void *context, luge_status mine, size_t count, size_t each, double *upload,
                            luge_error *err)
{
    const size_t most = 1 << 30; /* MPI counts in int */
    luge_status st = meet(mine, err);
    int ranks;

    (void)context;
    MPI_Comm_size(MPI_COMM_WORLD, &ranks);
    for (size_t k = 0; k < count && !st; k++)
        for (size_t at = 0; at < each; at += most)
            MPI_Bcast(upload + k * each + at, (int)(each - at < most ? each - at : most), MPI_DOUBLE,
                      (int)(k % (size_t)ranks), MPI_COMM_WORLD);
    return st;
}

luge_status cli_ranks_begin(lg_ranks *ranks, luge_error *err)
{
    (void)err;
    *ranks = (lg_ranks){ .rank = rank, .exchange = exchange };
    MPI_Comm_size(MPI_COMM_WORLD, &ranks->ranks);
    return LUGE_OK;
}

int cli_ranks_caught(void) { return agreed; }

luge_status cli_ranks_end(luge_status mine, luge_error *err) { return parted ? mine : meet(mine, err); }
