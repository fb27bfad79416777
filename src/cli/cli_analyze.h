/* What the two files of luge analyze share.  SPDX-License-Identifier: MIT */
#ifndef LG_CLI_ANALYZE_H
#define LG_CLI_ANALYZE_H
#include "cli/cli.h"
#include "experiments/analyze.h"

/* A curve for each step; the map where it has a key. */
luge_status cli_analyze_plot(const char *path, const char *method, const lg_analysis *at, size_t steps,
                             const lg_map *map, luge_error *err);

#endif
