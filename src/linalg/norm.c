/* Norms without overflow, in shares that do not depend on the threads.  SPDX-License-Identifier: MIT */
#include "linalg/blocks.h"
#include "linalg/orthogonal.h"
#include <float.h>

enum { LANES = 16, SHARES = 64 };

#define REAL    float
#define NAME(n) n##_f32
#include "linalg/norm.inc"
#undef REAL
#undef NAME
#define REAL    double
#define NAME(n) n##_f64
#include "linalg/norm.inc"
#undef REAL
#undef NAME

typedef struct job {
    luge_type type;
    size_t n;
    int exponent;
    double factor;
    const void *x;
    void *y;
    double part[SHARES];
} job;

static size_t begin(const job *j, size_t share) { return j->n / SHARES * share + lg_least(share, j->n % SHARES); }

static void squares(void *context, size_t i)
{
    job *j = context;
    size_t first = begin(j, i), n = begin(j, i + 1) - first;
    const void *x = lg_at(j->type, j->x, first);
    j->part[i] = j->type == LUGE_F64 ? squares_f64(x, n, j->exponent) : squares_f32(x, n, j->exponent);
}

static void largest(void *context, size_t i)
{
    job *j = context;
    size_t first = begin(j, i), n = begin(j, i + 1) - first;
    const void *x = lg_at(j->type, j->x, first);
    j->part[i] = j->type == LUGE_F64 ? largest_f64(x, n) : largest_f32(x, n);
}

static void scale(void *context, size_t i)
{
    job *j = context;
    size_t first = begin(j, i), n = begin(j, i + 1) - first;
    const void *x = lg_at(j->type, j->x, first);
    void *y = lg_at(j->type, j->y, first);
    if (j->type == LUGE_F64)
        scaled_f64(x, n, j->exponent, j->factor, y);
    else
        scaled_f32(x, n, j->exponent, j->factor, y);
}

static const size_t small = 1 << 15; /* numbers that one thread sees to sooner than two would */

static double sum(job *j, int threads)
{
    double s = 0;
    lg_blocks(j->n < small ? 1 : threads, SHARES, squares, j);
    for (size_t i = 0; i < SHARES; i++) s += j->part[i];
    return s;
}

/* Squares that are normal numbers need no scaling; those of f32 always are in f64. */
lg_scaled lg_norm_scaled(luge_type type, int threads, size_t n, const void *x)
{
    static const double low = 0x1p-900, high = 0x1p900;
    job j = { .type = type, .n = n, .x = x };
    double s = sum(&j, threads), most = 0;

    if (type != LUGE_F64 || (s > low && s < high)) return (lg_scaled){ sqrt(s), 0 };
    lg_blocks(n < small ? 1 : threads, SHARES, largest, &j);
    for (size_t i = 0; i < SHARES; i++)
        if (j.part[i] > most) most = j.part[i];
    if (most <= 0 || most > DBL_MAX) return (lg_scaled){ most, 0 };
    (void)frexp(most, &j.exponent);
    return (lg_scaled){ sqrt(sum(&j, threads)), j.exponent };
}

double lg_norm(luge_type type, int threads, size_t n, const void *x)
{
    lg_scaled s = lg_norm_scaled(type, threads, n, x);
    return ldexp(s.norm, s.exponent);
}

void lg_scale(luge_type type, int threads, size_t n, const void *x, int exponent, double factor, void *y)
{
    job j = { .type = type, .n = n, .x = x, .exponent = exponent, .factor = factor, .y = y };
    lg_blocks(n < small ? 1 : threads, SHARES, scale, &j);
}
