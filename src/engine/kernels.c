/* Every method's loops, for one instruction set level: compiled once for each, with -DISA=v2, v3, v4 (or plain).
 * SPDX-License-Identifier: MIT */
#include "engine/engine.h"
#define LOOP "engine/loop_cpu.inc"
#define REAL 32
#include "each.inc"
#include "engine/gradient.h"
#include LOOP
#include "engine/end.inc"
#undef REAL
#define REAL 64
#include "each.inc"
#include "engine/gradient.h"
#include LOOP
#include "engine/end.inc"
#undef REAL
#define REAL 16
#include "each.inc"
#include "engine/gradient.h"
#include LOOP
#include "engine/end.inc"
#define M(n, i) { n##_kernel_f32, n##_kernel_f64, n##_kernel_bf16 },
static lg_kernel *const kernels[][3] = {
#include "list.inc"
    M(gradient, ) /* after all the methods */
};
#define ISA_TEXT_(isa) #isa
#define ISA_TEXT(isa)  ISA_TEXT_(isa)
extern const lg_isa CAT2(lg_isa, ISA);
const lg_isa CAT2(lg_isa, ISA) = { ISA_TEXT(ISA), kernels };
