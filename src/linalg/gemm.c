/* Matrix products in blocks of a fixed size, each one call of BLAS.  SPDX-License-Identifier: MIT */
#include "linalg/gemm.h"
#include "linalg/blocks.h"
#include <cblas.h>
#include <omp.h>

/* Weak, so that another BLAS links too: they are NULL then. */
extern void openblas_set_num_threads(int threads) __attribute__((weak));
extern int openblas_get_num_threads(void) __attribute__((weak));
extern int openblas_get_parallel(void) __attribute__((weak)); /* 2: by OpenMP */

lg_blas_hold lg_blas_one_thread(void)
{
    lg_blas_hold held = { 0, omp_get_max_threads() };
    omp_set_num_threads(1);
    if (openblas_set_num_threads && openblas_get_num_threads && openblas_get_parallel &&
        openblas_get_parallel() != 2) {
        held.blas = openblas_get_num_threads();
        openblas_set_num_threads(1);
    }
    return held;
}

void lg_blas_restore(lg_blas_hold held)
{
    if (held.blas > 0) openblas_set_num_threads(held.blas);
    omp_set_num_threads(held.omp);
}

const bool lg_has_blas = true;

typedef struct product {
    luge_type type;
    size_t m, n, k, stride, rows, columns;
    lg_factor a, b;
    bool accumulate;
    char *c;
} product;

/* Rows and columns of a block.  Few rows make BLAS copy the other factor more often than it is used; an even number
 * of blocks of rows is shared well.  Measured, f32 and f64 alike: 64 rows reach 0.75 of the rate of the whole, 256
 * reach 0.93, and no more than 1024 columns keep what is copied in cache. */
static size_t rows_of(size_t m)
{
    size_t pairs = (m + 1023) / 1024;
    return m < 4 * LG_GEMM_ROWS ? LG_GEMM_ROWS : (m + 2 * pairs - 1) / (2 * pairs);
}
static size_t columns_of(size_t m, size_t n) { return m < 4 * LG_GEMM_ROWS || n <= 1024 ? n : 1024; }

static void block(const product *p, size_t row, size_t column)
{
    CBLAS_TRANSPOSE ta = p->a.transposed ? CblasTrans : CblasNoTrans,
                    tb = p->b.transposed ? CblasTrans : CblasNoTrans;
    size_t rows = p->m - row, columns = p->n - column, size = lg_size(p->type);
    const char *a = (const char *)p->a.at + row * (p->a.transposed ? 1 : p->a.stride) * size;
    const char *b = (const char *)p->b.at + column * (p->b.transposed ? p->b.stride : 1) * size;
    int m = (int)(rows < p->rows ? rows : p->rows), n = (int)(columns < p->columns ? columns : p->columns),
        k = (int)p->k;
    void *c = p->c + (row * p->stride + column) * size;

    if (p->type == LUGE_F64)
        cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1, (const double *)(const void *)a, (int)p->a.stride,
                    (const double *)(const void *)b, (int)p->b.stride, p->accumulate, c, (int)p->stride);
    else
        cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1, (const float *)(const void *)a, (int)p->a.stride,
                    (const float *)(const void *)b, (int)p->b.stride, p->accumulate, c, (int)p->stride);
}

static const double small = 1 << 20; /* multiplications that one thread does sooner than others are woken */

static void blocks(void *context, size_t i)
{
    const product *p = context;
    size_t down = (p->m + p->rows - 1) / p->rows;
    block(p, i % down * p->rows, i / down * p->columns);
}

void lg_gemm(luge_type type, int threads, size_t m, size_t n, size_t k, lg_factor a, lg_factor b, bool accumulate,
             void *c, size_t stride)
{
    product p = { .type = type, .m = m, .n = n, .k = k, .a = a, .b = b, .accumulate = accumulate, .c = c };
    p.stride = stride, p.rows = rows_of(m), p.columns = columns_of(m, n);
    if ((double)m * (double)n * (double)k < small) threads = 1;
    if (n) lg_blocks(threads, (m + p.rows - 1) / p.rows * ((n + p.columns - 1) / p.columns), blocks, &p);
}
