/* Methods of one's own: a method file made into a plugin.  SPDX-License-Identifier: MIT */
#ifndef LG_PLUGIN_BUILD_H
#define LG_PLUGIN_BUILD_H
#include "core/core.h"

/* Compile `file` against the engine's headers, found from the place of the running program, and put the plugin at
 * `out`, wholly or not at all.  The compiler is the one that built luge, or CC; its messages go to standard error. */
luge_status lg_plugin_build(const char *file, const char *out, luge_error *err);
#endif
