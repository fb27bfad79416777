/* The instruction set level of this processor.  SPDX-License-Identifier: MIT */
#include "core/core.h"
#include <string.h>

#if defined __x86_64__
static int highest(void)
{
    __builtin_cpu_init();
    if (!__builtin_cpu_supports("sse4.2") || !__builtin_cpu_supports("popcnt")) return 1;
    if (!__builtin_cpu_supports("avx2") || !__builtin_cpu_supports("fma") || !__builtin_cpu_supports("bmi") ||
        !__builtin_cpu_supports("bmi2"))
        return 2;
    if (!__builtin_cpu_supports("avx512f") || !__builtin_cpu_supports("avx512bw") ||
        !__builtin_cpu_supports("avx512cd") || !__builtin_cpu_supports("avx512dq") ||
        !__builtin_cpu_supports("avx512vl"))
        return 3;
    return 4;
}
#else
static int highest(void) { return 0; }
#endif

bool lg_asks_ahead(void)
{
#if defined __x86_64__
    __builtin_cpu_init();
    return !__builtin_cpu_is("amd");
#else
    return true;
#endif
}

luge_status lg_isa_level(const char *force, int *level, luge_error *err)
{
    static const char *const possible[] = { "none: this is not an x86-64 processor", "none: it lacks x86-64-v2", "v2",
                                            "v2 or v3", "v2, v3 or v4" };
    int have = highest();

    *level = have;
    if (force && *force) {
        bool word = force[0] == 'v' && force[1] >= '2' && force[1] <= '4' && !force[2];
        *level = word ? force[1] - '0' : 0;
        if (!word || *level > have)
            return lg_fail(err, LUGE_E_ARG, "LUGE_ISA = \"%.40s\": %s; possible on this processor: %s", force,
                           word ? "the processor lacks this level" : "not an instruction set level", possible[have]);
    }
    if (have == 1) return lg_fail(err, LUGE_E_BACKEND, "the processor lacks x86-64-v2 (SSE4.2 and POPCNT)");
    return LUGE_OK;
}
