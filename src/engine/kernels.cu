/* Every method's CUDA kernels, from the same method files.  SPDX-License-Identifier: MIT */
#include "engine/engine.h"
#define LOOP "engine/loop_cuda.inc"
#define REAL 32
#include "each.inc"
#undef REAL
#define REAL 64
#include "each.inc"
#undef REAL
#define REAL 16
#include "each.inc"
typedef void lg_launch(const lg_piece *, unsigned count, int pass, int variant, cudaStream_t);
#define M(n) { n##_launch_f32<0>, n##_launch_f64<0>, n##_launch_bf16<0> },
extern lg_launch *const lg_cuda[][3];
lg_launch *const lg_cuda[][3] = {
#include "list.inc"
};
