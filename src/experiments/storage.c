/* bf16 as storage beside arithmetic in f32.  SPDX-License-Identifier: MIT */
#define REAL 16
#include "engine/real.h"
#include "experiments/train.h"

void lg_from_storage(float *to, const void *bf16, size_t n)
{
    const lg_bf16 *from = (const lg_bf16 *)bf16;
    for (size_t i = 0; i < n; i++) to[i] = lg_from_bf16(from[i]);
}

void lg_to_storage(void *bf16, const float *from, size_t n)
{
    lg_bf16 *to = (lg_bf16 *)bf16;
    for (size_t i = 0; i < n; i++) to[i] = lg_to_bf16(from[i]);
}
