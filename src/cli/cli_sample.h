/* What the two files of luge sample share.  SPDX-License-Identifier: MIT */
#ifndef LG_CLI_SAMPLE_H
#define LG_CLI_SAMPLE_H
#include "cli/cli.h"
#include "experiments/sample.h"

luge_status cli_sample_plot(const char *path, const lg_sampled *r, const luge_mixture *target, double to,
                            luge_error *err);
luge_status cli_sample_map_plot(const char *path, const char *name, int order, const lg_sampler_map *map,
                                luge_error *err);

#endif
