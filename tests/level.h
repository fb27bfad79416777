/* Instruction set levels in tests.  SPDX-License-Identifier: MIT */
#ifndef LEVEL_H
#define LEVEL_H
#include <luge/luge.h>
#include <stdbool.h>
#include <stdlib.h>

/* Whether the processor has the level and the build has loops for it. */
static inline bool level_runs(const char *level, const char *method)
{
    luge_optimizer *opt = NULL;
    setenv("LUGE_ISA", level, 1);
    bool runs = luge_new(&opt, method, NULL) == LUGE_OK;
    unsetenv("LUGE_ISA");
    luge_free(opt);
    return runs;
}

#endif
