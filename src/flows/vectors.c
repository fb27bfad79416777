/* Vector arithmetic.  SPDX-License-Identifier: MIT */
#include "flows/vectors.h"

/* Sixteen lanes in registers, blocks that stay in the first cache, and at most PIECES pieces for the threads; below
 * ALONE a second thread costs more than it brings. */
enum { LANES = 16, BLOCK = 4096, PIECES = 64, ALONE = 1 << 16 };

typedef struct job job;
struct job {
    void (*run)(job *j, size_t from, size_t to, double *result);
    lg_vectors v;
    size_t piece, pieces;
    double *z;
    const double *x, *y, *c;
    const double *const *list;
    double *const *out;
    double a, r;
    const double *const *weights;
    int count, kind;
    double (*result)[2]; /* of each piece */
};

static void run_share(void *context, size_t id, size_t of)
{
    job *j = context;
    for (size_t p = id; p < j->pieces; p += of) {
        size_t from = p * j->piece, to = from + j->piece < j->v.n ? from + j->piece : j->v.n;
        j->run(j, from, to, j->result ? j->result[p] : NULL);
    }
}

static void run(job *j)
{
    size_t blocks = (j->v.n + BLOCK - 1) / BLOCK;
    if (blocks == 1) {
        j->pieces = 1;
        j->run(j, 0, j->v.n, j->result ? j->result[0] : NULL);
        return;
    }
    j->piece = (blocks + PIECES - 1) / PIECES * BLOCK;
    j->pieces = j->piece ? (j->v.n + j->piece - 1) / j->piece : 0;
    if (j->v.n < ALONE)
        run_share(j, 0, 1);
    else
        lg_share(j->v.threads, run_share, j);
}

/* ---- combinations ---- */

static void combine_lanes(const job *j, size_t i)
{
    double s[LANES];
#pragma omp simd
    for (int l = 0; l < LANES; l++) s[l] = j->y ? j->y[i + (size_t)l] : 0;
    for (int k = 0; k < j->count; k++) {
        const double c = j->c[k], *x = j->list[k] + i;
#pragma omp simd
        for (int l = 0; l < LANES; l++) s[l] += c * x[l];
    }
#pragma omp simd
    for (int l = 0; l < LANES; l++) j->z[i + (size_t)l] = s[l];
}

static void combine(job *j, size_t from, size_t to, double *result)
{
    size_t i = from;
    (void)result;
    for (; i + LANES <= to; i += LANES) combine_lanes(j, i);
    for (; i < to; i++) {
        double s = j->y ? j->y[i] : 0;
        for (int k = 0; k < j->count; k++) s += j->c[k] * j->list[k][i];
        j->z[i] = s;
    }
}

void lg_combine(lg_vectors v, double *z, const double *base, int count, const double *c, const double *const *x)
{
    job j = { .run = combine, .v = v, .z = z, .y = base, .count = count, .c = c, .list = x };
    if (v.n < LANES) { /* a few coordinates: no more than the arithmetic */
        for (size_t i = 0; i < v.n; i++) {
            double s = base ? base[i] : 0;
            for (int k = 0; k < count; k++) s += c[k] * x[k][i];
            z[i] = s;
        }
        return;
    }
    run(&j);
}

static void scatter(job *j, size_t from, size_t to, double *result)
{
    (void)result;
    for (size_t block = from; block < to; block += BLOCK) {
        size_t end = block + BLOCK < to ? block + BLOCK : to;
        for (int k = 0; k < j->count; k++) {
            const double c = j->c[k], *x = j->x, *y = j->list[k];
            double *z = j->out[k];
#pragma omp simd
            for (size_t i = block; i < end; i++) z[i] = c * x[i] + y[i];
        }
    }
}

void lg_scatter(lg_vectors v, int count, const double *c, const double *x, const double *const *y, double *const *z)
{
    job j = { .run = scatter, .v = v, .x = x, .count = count, .c = c, .list = y, .out = z };
    run(&j);
}

/* ---- maps ---- */

#define MAP(name, value)                                                                                             \
    static void map_##name(job *j, size_t from, size_t to, double *result)                                           \
    {                                                                                                                \
        const double *x = j->x, *y = j->y, c = j->a;                                                                 \
        double *z = j->z;                                                                                            \
        (void)result, (void)x, (void)y, (void)c;                                                                     \
        _Pragma("omp simd") for (size_t i = from; i < to; i++) z[i] = value;                                         \
    }
MAP(product, x[i] * y[i])
MAP(quotient, x[i] / y[i])
MAP(abs, fabs(x[i]))
MAP(inverse, 1 / x[i])
MAP(add, x[i] + c)
MAP(scale, c *x[i])
MAP(fill, c)
#undef MAP

void lg_map(lg_vectors v, enum lg_map map, double *z, const double *x, const double *y, double c)
{
    static void (*const runs[])(job *, size_t, size_t, double *) = {
        [LG_MAP_PRODUCT] = map_product, [LG_MAP_QUOTIENT] = map_quotient, [LG_MAP_ABS] = map_abs,
        [LG_MAP_INVERSE] = map_inverse, [LG_MAP_ADD] = map_add,           [LG_MAP_SCALE] = map_scale,
        [LG_MAP_FILL] = map_fill,
    };
    job j = { .run = runs[map], .v = v, .z = z, .x = x, .y = y, .a = c };
    run(&j);
}

/* ---- sums ---- */

/* Each takes the numbers from..to-1 into the lanes, the number i into lane i mod 16: from is a multiple of 16. */
#define LANED(name, expression)                                                                                      \
    static void lanes_##name(const job *j, size_t from, size_t to, double *s)                                        \
    {                                                                                                                \
        const double *x = j->x, *y = j->y;                                                                           \
        size_t i = from;                                                                                             \
        (void)y;                                                                                                     \
        for (; i + LANES <= to; i += LANES) {                                                                        \
            _Pragma("omp simd") for (size_t l = 0; l < LANES; l++)                                                   \
            {                                                                                                        \
                const size_t at = i + l;                                                                             \
                s[l] = expression;                                                                                   \
            }                                                                                                        \
        }                                                                                                            \
        for (size_t l = 0; i < to; i++, l++) {                                                                       \
            const size_t at = i;                                                                                     \
            s[l] = expression;                                                                                       \
        }                                                                                                            \
    }
LANED(products, s[l] + x[at] * y[at])
LANED(weighted, s[l] + (x[at] * y[at]) * (x[at] * y[at]))
LANED(squares, s[l] + x[at] * x[at])
LANED(abs, s[l] + fabs(x[at]))
LANED(greatest, s[l] >= fabs(x[at]) ? s[l] : fabs(x[at]))
LANED(least, s[l] < x[at] ? s[l] : x[at])
#undef LANED

static const struct {
    void (*lanes)(const job *j, size_t from, size_t to, double *s);
    double start;
} sums[] = {
    [LG_SUM_PRODUCTS] = { lanes_products, 0 }, [LG_SUM_WEIGHTED] = { lanes_weighted, 0 },
    [LG_SUM_SQUARES] = { lanes_squares, 0 },   [LG_SUM_ABS] = { lanes_abs, 0 },
    [LG_GREATEST] = { lanes_greatest, 0 },     [LG_LEAST] = { lanes_least, HUGE_VAL },
};

static double join(int kind, double a, double b)
{
    if (kind == LG_GREATEST) return a > b ? a : b;
    if (kind == LG_LEAST) return a < b ? a : b;
    return a + b;
}

static void sum_piece(job *j, size_t from, size_t to, double *result)
{
    result[0] = sums[j->kind].start;
    for (size_t block = from; block < to; block += BLOCK) {
        double s[LANES];
        for (int l = 0; l < LANES; l++) s[l] = sums[j->kind].start;
        sums[j->kind].lanes(j, block, block + BLOCK < to ? block + BLOCK : to, s);
        for (int width = LANES / 2; width; width /= 2)
            for (int l = 0; l < width; l++) s[l] = join(j->kind, s[l], s[l + width]);
        result[0] = join(j->kind, result[0], s[0]);
    }
}

double lg_sum(lg_vectors v, enum lg_sum sum, const double *x, const double *y)
{
    double result[PIECES][2], s = sums[sum].start;
    job j = { .run = sum_piece, .v = v, .x = x, .y = y, .kind = (int)sum, .result = result };
    run(&j);
    for (size_t p = 0; p < j.pieces; p++) s = join(j.kind, s, result[p][0]);
    return s;
}

/* ---- the error of a step ---- */

/* The larger; a number that is no number wins, so that it is seen. */
static double larger(double a, double b) { return b > a || isnan(b) ? b : a; }

static void error_piece(job *j, size_t from, size_t to, double *result)
{
    result[0] = result[1] = 0;
    for (size_t i = from; i < to; i += LANES) {
        double s[2][LANES];
        size_t width = to - i < LANES ? to - i : LANES;
        for (size_t l = 0; l < width; l++) s[0][l] = s[1][l] = 0;
        for (int k = 0; k < j->count; k++) {
            const double *x = j->list[k] + i, c = j->weights[0][k], d = j->weights[1][k];
#pragma omp simd
            for (size_t l = 0; l < width; l++) s[0][l] += c * x[l], s[1][l] += d * x[l];
        }
        for (size_t l = 0; l < width; l++) {
            double scale = j->a + j->r * larger(fabs(j->x[i + l]), fabs(j->y[i + l]));
            result[0] = larger(result[0], fabs(s[0][l]) / scale);
            result[1] = larger(result[1], fabs(s[1][l]) / scale);
        }
    }
}

void lg_error_norms(lg_vectors v, const double *x, const double *y, double a, double r, int count,
                    const double *const *k, const double *const c[2], double norm[2])
{
    double result[PIECES][2];
    job j = { .run = error_piece,
              .v = v,
              .x = x,
              .y = y,
              .list = k,
              .weights = c,
              .a = a,
              .r = r,
              .count = count,
              .result = result };
    run(&j);
    norm[0] = norm[1] = 0;
    for (size_t p = 0; p < j.pieces; p++) {
        norm[0] = larger(norm[0], result[p][0]);
        norm[1] = larger(norm[1], result[p][1]);
    }
}
