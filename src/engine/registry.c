/* Descriptors of all methods, what the public interface tells of them, and the choice of the instruction set level.
 * SPDX-License-Identifier: MIT */
#include "engine/engine.h"
#include "formula.inc"
#include <stdlib.h>
#define FORMULA_gradient ""
enum {
#define M(n, i) INDEX_##n = i,
#include "list.inc"
#undef M
#define M(n, i) +1
    INDEX_gradient = 0
#include "list.inc"
#undef M
};
#define LOOP "engine/describe.inc"
#define REAL 64
#include "each.inc"
#include "engine/gradient.h"
#include LOOP
#include "engine/end.inc"

const lg_method *const lg_methods[] = {
#define M(n, i) &lg_method_##n##_row,
#include "list.inc"
#undef M
    NULL
};

/* The levels that were built, by number; 0: the one of a processor that is not x86. */
#define L(level, number) extern const lg_isa lg_isa_##level;
#include "levels.inc"
#undef L
#define L(level, number) [number] = &lg_isa_##level,
static const lg_isa *const levels[5] = {
#include "levels.inc"
};
#undef L

luge_status lg_isa_pick(const lg_isa **isa, luge_error *err)
{
    const char *force = getenv("LUGE_ISA");
    int level, below;
    luge_status st = lg_isa_level(force, &level, err);
    if (st) return st;
    for (below = level; below > 0 && !levels[below];) below--;
    *isa = levels[below];
    if (!*isa || (force && *force && below != level))
        return lg_fail(err, LUGE_E_BACKEND, "this build has no loops for instruction set level v%d", level);
    return LUGE_OK;
}
