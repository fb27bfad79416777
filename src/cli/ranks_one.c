/* luge by itself is one process.  SPDX-License-Identifier: MIT */
#include "cli/cli_federate.h"
#include <stdlib.h>
#include <string.h>

int main(int argc, char **argv) { return cli_main(argc, argv); }

/* Open MPI and others by PMI say in the environment how many they have started. */
luge_status cli_ranks_begin(lg_ranks *ranks, luge_error *err)
{
    static const char *const names[] = { "OMPI_COMM_WORLD_SIZE", "PMI_SIZE" };
    for (size_t i = 0; i < sizeof names / sizeof *names; i++) {
        const char *size = getenv(names[i]);
        if (size && strcmp(size, "1") != 0)
            return lg_fail(err, LUGE_E_ARG, "%.20s processes were started, and each would do it all: luge-mpi shares",
                           size);
    }
    *ranks = (lg_ranks){ .rank = 0, .ranks = 1 };
    return LUGE_OK;
}

int cli_ranks_caught(void) { return cli_caught(); }

luge_status cli_ranks_end(luge_status mine, luge_error *err)
{
    (void)err;
    return mine;
}
