/* The table of all methods' loops for one instruction set level: compiled once for each, with -DISA=v2, v3, v4 (or
 * plain).  SPDX-License-Identifier: MIT */
#define REAL 64
#include "engine/engine.h"
#include "engine/real.h"

#define M(n, i) extern lg_kernel *const CAT(lg_kernels, n, ISA)[3];
#include "list.inc"
M(gradient, )
#undef M

#define M(n, i) CAT(lg_kernels, n, ISA),
static lg_kernel *const *const kernels[] = {
#include "list.inc"
    M(gradient, ) /* after all the methods */
};
#define ISA_TEXT_(isa) #isa
#define ISA_TEXT(isa)  ISA_TEXT_(isa)
extern const lg_isa CAT2(lg_isa, ISA);
const lg_isa CAT2(lg_isa, ISA) = { ISA_TEXT(ISA), kernels };
