/* Threads.  SPDX-License-Identifier: MIT */
#include "core/core.h"
#include <omp.h>

int lg_threads(int threads) { return threads > 0 ? threads : omp_get_max_threads(); }

void lg_share(int threads, void (*work)(void *context, size_t id, size_t of), void *context)
{
    int wanted = lg_threads(threads);

    if (wanted == 1) {
        work(context, 0, 1);
        return;
    }
#pragma omp parallel num_threads(wanted)
    work(context, (size_t)omp_get_thread_num(), (size_t)omp_get_num_threads());
}
