/* What sampler.c and run.c share.  SPDX-License-Identifier: MIT */
#ifndef LG_RUN_H
#define LG_RUN_H
#include "samplers/sampler.h"

typedef struct lg_run {
    const lg_sampling *how;
    luge_field *field, *conditional;
    void *context, *conditional_context;
    size_t rows, dim, nodes;
    const double *sigma, *x;
    double *out, *path;
} lg_run;

/* The last block has fewer rows; never more than at first. */
void lg_anderson_rows(luge_anderson *anderson, size_t rows);
luge_status lg_run_all(const lg_run *run, luge_error *err);

#endif
