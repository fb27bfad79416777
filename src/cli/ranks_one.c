/* luge by itself is one process.  SPDX-License-Identifier: MIT */
#include "cli/cli_federate.h"

const lg_ranks *cli_ranks(void)
{
    static const lg_ranks one = { .rank = 0, .ranks = 1 };
    return &one;
}
