/* Debian's OpenBLAS has no product that computes one triangle (GEMMT), and its SYRK is far from its GEMM's rate on
 * several threads, though not on one.  So a triangle is computed in square tiles, each by one thread: those right of
 * the diagonal by GEMM, those on it by SYRK where the factors are each other's transpose, else by GEMM in two panels.
 * SPDX-License-Identifier: MIT */
#include "linalg/symmetric.h"
#include "linalg/blocks.h"
#include <cblas.h>
#include <lapacke.h>

enum { SQUARE = 16 };

#define REAL    float
#define NAME(n) n##_f32
#include "linalg/symmetric.inc"
#undef REAL
#undef NAME
#define REAL    double
#define NAME(n) n##_f64
#include "linalg/symmetric.inc"
#undef REAL
#undef NAME

/* ---- products ---- */

/* The side of a tile: large tiles run at BLAS's full rate, and two in each direction make one of GEMM that costs what
 * the two of SYRK together cost.  A function of n alone; `bench_orthogonal` measures what it makes of it. */
static size_t tile_of(size_t n)
{
    size_t pairs = (n + 1023) / 1024;
    return n <= 128 ? n : (n + 2 * pairs - 1) / (2 * pairs);
}

typedef struct product {
    luge_type type;
    size_t n, k, tile, tiles; /* tiles: in one direction */
    lg_factor a, b;
    lg_blend blend;
    void *c;
} product;

/* Row i of A, or column j of B, as the operand of a block that starts there. */
static const void *row_of(luge_type type, lg_factor f, size_t i)
{
    return lg_at(type, f.at, f.transposed ? i : i * f.stride);
}
static const void *column_of(luge_type type, lg_factor f, size_t j)
{
    return lg_at(type, f.at, f.transposed ? j * f.stride : j);
}

static CBLAS_TRANSPOSE transposed(lg_factor f) { return f.transposed ? CblasTrans : CblasNoTrans; }

static void multiply(const product *p, size_t first, size_t last, size_t from, size_t to)
{
    int m = (int)(last - first), n = (int)(to - from), k = (int)p->k, sa = (int)p->a.stride, sb = (int)p->b.stride;
    const void *a = row_of(p->type, p->a, first), *b = column_of(p->type, p->b, from);
    void *c = lg_at(p->type, p->c, first * p->n + from);

    if (p->type == LUGE_F64)
        cblas_dgemm(CblasRowMajor, transposed(p->a), transposed(p->b), m, n, k, p->blend.alpha, a, sa, b, sb, 0, c,
                    (int)p->n);
    else
        cblas_sgemm(CblasRowMajor, transposed(p->a), transposed(p->b), m, n, k, (float)p->blend.alpha, a, sa, b, sb,
                    0, c, (int)p->n);
}

static void multiply_diagonal(const product *p, size_t first, size_t last)
{
    bool square = p->a.at == p->b.at && p->a.stride == p->b.stride && p->a.transposed != p->b.transposed;
    size_t half = (first + last) / 2;
    const void *a = row_of(p->type, p->a, first);
    void *c = lg_at(p->type, p->c, first * p->n + first);

    if (!square) {
        multiply(p, first, half, first, last);
        multiply(p, half, last, half, last);
    } else if (p->type == LUGE_F64) {
        cblas_dsyrk(CblasRowMajor, CblasUpper, transposed(p->a), (int)(last - first), (int)p->k, p->blend.alpha, a,
                    (int)p->a.stride, 0, c, (int)p->n);
    } else {
        cblas_ssyrk(CblasRowMajor, CblasUpper, transposed(p->a), (int)(last - first), (int)p->k,
                    (float)p->blend.alpha, a, (int)p->a.stride, 0, c, (int)p->n);
    }
}

/* Tiles off the diagonal come first: they cost more. */
static void tile(void *context, size_t i)
{
    const product *p = context;
    size_t row = 0, column, off = p->tiles * (p->tiles - 1) / 2;
    if (i >= off) {
        row = column = i - off;
    } else {
        while (i >= p->tiles - 1 - row) i -= p->tiles - 1 - row++;
        column = row + 1 + i;
    }
    size_t first = row * p->tile, last = lg_least(first + p->tile, p->n), from = column * p->tile,
           to = lg_least(from + p->tile, p->n);
    if (row == column)
        multiply_diagonal(p, first, last);
    else
        multiply(p, first, last, from, to);
    if (p->type == LUGE_F64)
        finish_tile_f64(&p->blend, p->n, first, last, from, to, p->c);
    else
        finish_tile_f32(&p->blend, p->n, first, last, from, to, p->c);
}

void lg_symmetric(luge_type type, int threads, size_t n, size_t k, lg_factor a, lg_factor b, lg_blend blend, void *c)
{
    product p = { .type = type, .n = n, .k = k, .tile = tile_of(n), .a = a, .b = b, .blend = blend, .c = c };
    p.tiles = (n + p.tile - 1) / p.tile;
    lg_blocks(threads, p.tiles * (p.tiles + 1) / 2, tile, &p);
}

/* ---- Cholesky, A = L L', right-looking in blocks ---- */

enum { BLOCK = 128 };

typedef struct cholesky {
    luge_type type;
    size_t n, at, from; /* the column block that is eliminated, and the first row below it */
    lg_shifted s;
    const void *r;
    void *l, *c;
} cholesky;

static size_t blocks_of(size_t n) { return (n + BLOCK - 1) / BLOCK; }

static void shift(void *context, size_t i)
{
    const cholesky *p = context;
    size_t first = i * BLOCK, rows = lg_least(BLOCK, p->n - first);
    if (p->type == LUGE_F64)
        shift_rows_f64(&p->s, p->n, first, rows, p->r, p->l);
    else
        shift_rows_f32(&p->s, p->n, first, rows, p->r, p->l);
}

/* X = X inverse(L') (on the right), X = inverse(L) X, or X = inverse(L') X. */
static void solve(luge_type type, CBLAS_SIDE side, CBLAS_TRANSPOSE trans, size_t rows, size_t columns, const void *l,
                  void *x, size_t n)
{
    if (type == LUGE_F64)
        cblas_dtrsm(CblasRowMajor, side, CblasLower, trans, CblasNonUnit, (int)rows, (int)columns, 1, l, (int)n, x,
                    (int)n);
    else
        cblas_strsm(CblasRowMajor, side, CblasLower, trans, CblasNonUnit, (int)rows, (int)columns, 1, l, (int)n, x,
                    (int)n);
}

static void below(void *context, size_t i)
{
    const cholesky *p = context;
    size_t first = p->from + i * BLOCK, rows = lg_least(BLOCK, p->n - first);
    solve(p->type, CblasRight, CblasTrans, rows, p->from - p->at, lg_at(p->type, p->l, p->at * p->n + p->at),
          lg_at(p->type, p->l, first * p->n + p->at), p->n);
}

static void trail(void *context, size_t i)
{
    const cholesky *p = context;
    size_t first = p->from + i * BLOCK, rows = lg_least(BLOCK, p->n - first);
    int m = (int)rows, columns = (int)(first + rows - p->from), k = (int)(p->from - p->at), n = (int)p->n;
    const void *a = lg_at(p->type, p->l, first * p->n + p->at), *b = lg_at(p->type, p->l, p->from * p->n + p->at);
    void *c = lg_at(p->type, p->l, first * p->n + p->from);

    if (p->type == LUGE_F64)
        cblas_dgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, columns, k, -1, a, n, b, n, 1, c, n);
    else
        cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasTrans, m, columns, k, -1, a, n, b, n, 1, c, n);
}

/* The lower triangle of rows is the upper one of columns, which is how LAPACK reads it. */
static bool factor(cholesky *p, int threads)
{
    for (p->at = 0; p->at < p->n; p->at = p->from) {
        lapack_int size = (lapack_int)lg_least(BLOCK, p->n - p->at), n = (lapack_int)p->n;
        void *corner = lg_at(p->type, p->l, p->at * p->n + p->at);
        p->from = p->at + (size_t)size;
        if (p->type == LUGE_F64 ? LAPACKE_dpotrf_work(LAPACK_COL_MAJOR, 'U', size, corner, n)
                                : LAPACKE_spotrf_work(LAPACK_COL_MAJOR, 'U', size, corner, n))
            return false;
        lg_blocks(threads, blocks_of(p->n - p->from), below, p);
        lg_blocks(threads, blocks_of(p->n - p->from), trail, p);
    }
    return true;
}

/* ---- the inverse, a block of columns at a time: only what is below the diagonal is solved for ---- */

enum { COLUMNS = 64 };

static void column_block(void *context, size_t i)
{
    const cholesky *p = context;
    size_t first = i * COLUMNS, columns = lg_least(COLUMNS, p->n - first), corner = first * p->n + first;
    const void *l = lg_at(p->type, p->l, corner);
    void *c = lg_at(p->type, p->c, corner);

    if (p->type == LUGE_F64)
        unit_columns_f64(p->n, first, columns, p->c);
    else
        unit_columns_f32(p->n, first, columns, p->c);
    solve(p->type, CblasLeft, CblasNoTrans, p->n - first, columns, l, c, p->n);
    solve(p->type, CblasLeft, CblasTrans, p->n - first, columns, l, c, p->n);
    if (p->type == LUGE_F64)
        finish_columns_f64(&p->s, p->n, first, columns, p->c);
    else
        finish_columns_f32(&p->s, p->n, first, columns, p->c);
}

bool lg_inverse(luge_type type, int threads, size_t n, const void *r, lg_shifted s, void *l, void *c)
{
    cholesky p = { .type = type, .n = n, .s = s, .r = r, .l = l, .c = c };
    lg_blocks(threads, blocks_of(n), shift, &p);
    if (!factor(&p, threads)) return false;
    lg_blocks(threads, (n + COLUMNS - 1) / COLUMNS, column_block, &p);
    return true;
}
