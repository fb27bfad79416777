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

#if defined __x86_64__
extern const lg_isa lg_isa_v2, lg_isa_v3, lg_isa_v4;
static const lg_isa *const levels[] = { [2] = &lg_isa_v2, [3] = &lg_isa_v3, [4] = &lg_isa_v4 };
#else
extern const lg_isa lg_isa_plain;
static const lg_isa *const levels[] = { &lg_isa_plain };
#endif

luge_status lg_isa_pick(const lg_isa **isa, luge_error *err)
{
    int level;
    luge_status st = lg_isa_level(getenv("LUGE_ISA"), &level, err);
    if (!st) *isa = levels[level];
    return st;
}
