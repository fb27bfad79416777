/* A method that is not in the library: what a shared object made of a method file has in it, and whether it fits.
 * SPDX-License-Identifier: MIT */
#ifndef LG_PLUGIN_H
#define LG_PLUGIN_H
#include "engine/engine.h"

#if defined __x86_64__
#define LG_MACHINE "x86_64"
#elif defined __aarch64__
#define LG_MACHINE "aarch64"
#else
#define LG_MACHINE "another"
#endif

enum {
#define L(level, number) | 1 << number
    LG_BUILT = 0
#include "levels.inc"
#undef L
};

/* Bytes that are found in the file before any of it is run: plain numbers, no pointers.  Whatever a plugin and the
 * library have to agree upon is in it; `format` rises with a change that the others do not show. */
typedef struct lg_stamp {
    char mark[16], machine[16], version[16];
    uint32_t format, levels, method, entry, piece, data, shape, chunk;
} lg_stamp;
#define LG_STAMP                                                                                                     \
    {                                                                                                                \
        "luge plugin\n", LG_MACHINE, LUGE_VERSION_TEXT, 1, LG_BUILT, sizeof(lg_method), sizeof(luge_method),         \
            sizeof(lg_piece), sizeof(lg_data), sizeof(lg_shape), LG_CHUNK                                            \
    }

/* What the shared object exports as lg_plugin_row. */
typedef struct lg_plugin_entry {
    const lg_stamp *stamp;
    const lg_method *method;
} lg_plugin_entry;

/* Whether the tables of a method keep to what the engine and the settings take for granted. */
luge_status lg_method_check(const lg_method *m, luge_error *err);
#endif
