/* Measuring in turns, so that what the machine does to one it does to the other.  SPDX-License-Identifier: MIT */
#ifndef LG_MEASURE_H
#define LG_MEASURE_H
#include "core/core.h"
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#ifndef ROUNDS
#define ROUNDS 15
#endif
enum { WARM = 2 };

static luge_error err;

static inline void must(luge_status st)
{
    if (st == LUGE_OK) return;
    fprintf(stderr, "%s\n", err.text);
    exit(1);
}

static inline void *room(size_t n, size_t size)
{
    void *p = lg_alloc(n, size);
    if (!p) fprintf(stderr, "out of memory\n"), exit(1);
    return p;
}

static inline int by_value(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

static inline double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

/* Median seconds of one call of a and of one of b, `times` calls in a turn. */
static inline void compare(void (*a)(void *), void *of_a, void (*b)(void *), void *of_b, int times, double median[2])
{
    double t[2][ROUNDS];
    for (int round = -WARM; round < ROUNDS; round++)
        for (int k = 0; k < 2; k++) {
            double begin = now();
            for (int i = 0; i < times; i++) k ? b(of_b) : a(of_a);
            t[k][round < 0 ? 0 : round] = (now() - begin) / times;
        }
    for (int k = 0; k < 2; k++) {
        qsort(t[k], ROUNDS, sizeof t[k][0], by_value);
        median[k] = t[k][ROUNDS / 2];
    }
}
#endif
