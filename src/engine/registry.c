/* Descriptors of all methods, what the public interface tells of them, and the choice of the instruction set level.
 * SPDX-License-Identifier: MIT */
#include "engine/engine.h"
#include "formula.inc"
#include <stdlib.h>
#define FORMULA_gradient ""
#define LOOP             "engine/describe.inc"
#define REAL             64
#include "each.inc"
#include "engine/gradient.h"
#include LOOP
#include "engine/end.inc"

const lg_method *const lg_methods[] = {
#define M(n) &lg_method_##n##_row,
#include "list.inc"
#undef M
    NULL
};

luge_status lg_isa_pick(int *level, luge_error *err)
{
#define L(name, number) [number] = true,
    static const bool built[LG_LEVELS] = {
#include "levels.inc"
    };
#undef L
    const char *force = getenv("LUGE_ISA");
    int wanted;
    luge_status st = lg_isa_level(force, &wanted, err);
    if (st) return st;
    for (*level = wanted; *level > 0 && !built[*level];) --*level;
    if (!built[*level] || (force && *force && *level != wanted))
        return lg_fail(err, LUGE_E_BACKEND, "this build has no loops for instruction set level v%d", wanted);
    return LUGE_OK;
}
