/* Debian's OpenBLAS has no product that computes one triangle, and its SYRK is far from its GEMM's rate on several
 * threads: so a triangle is computed in panels of rows, each one GEMM over what is right of the diagonal.
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

/* Rows of a panel: few make little waste at the diagonal, many reach GEMM's rate.  Constants of n and the type, as
 * `bench_orthogonal table` measured them. */
static size_t panel_rows(size_t n) { return n < 256 ? 64 : n < 1024 ? 96 : 128; }

typedef struct product {
    luge_type type;
    size_t n, k, panel;
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

static void multiply(const product *p, size_t first, size_t rows)
{
    CBLAS_TRANSPOSE ta = p->a.transposed ? CblasTrans : CblasNoTrans,
                    tb = p->b.transposed ? CblasTrans : CblasNoTrans;
    int m = (int)rows, n = (int)(p->n - first), k = (int)p->k, sa = (int)p->a.stride, sb = (int)p->b.stride;
    const void *a = row_of(p->type, p->a, first), *b = column_of(p->type, p->b, first);
    void *c = lg_at(p->type, p->c, first * p->n + first);

    if (p->type == LUGE_F64)
        cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, p->blend.alpha, a, sa, b, sb, 0, c, (int)p->n);
    else
        cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, (float)p->blend.alpha, a, sa, b, sb, 0, c, (int)p->n);
}

static void panel(void *context, size_t i)
{
    const product *p = context;
    size_t first = i * p->panel, rows = lg_least(p->panel, p->n - first);

    multiply(p, first, rows);
    if (p->type == LUGE_F64) {
        blend_f64(&p->blend, p->n, first, rows, p->c);
        mirror_rows_f64(p->n, first, rows, p->c);
    } else {
        blend_f32(&p->blend, p->n, first, rows, p->c);
        mirror_rows_f32(p->n, first, rows, p->c);
    }
}

void lg_symmetric(luge_type type, int threads, size_t n, size_t k, lg_factor a, lg_factor b, lg_blend blend, void *c)
{
    product p = { .type = type, .n = n, .k = k, .panel = panel_rows(n), .a = a, .b = b, .blend = blend, .c = c };
    lg_blocks(threads, (n + p.panel - 1) / p.panel, panel, &p);
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
