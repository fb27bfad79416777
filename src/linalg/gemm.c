/* Matrix products in blocks of a fixed size, each one call of BLAS.  SPDX-License-Identifier: MIT */
#include "linalg/gemm.h"
#include <cblas.h>
#include <omp.h>

/* Weak, so that another BLAS links too: they are NULL then. */
extern void openblas_set_num_threads(int threads) __attribute__((weak));
extern int openblas_get_num_threads(void) __attribute__((weak));

lg_blas_hold lg_blas_one_thread(void)
{
    lg_blas_hold held = { 0, omp_get_max_threads() };
    if (openblas_set_num_threads && openblas_get_num_threads) {
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

typedef struct product {
    luge_type type;
    size_t m, n, k, stride;
    lg_factor a, b;
    bool accumulate;
    char *c;
} product;

static void block(const product *p, size_t first)
{
    CBLAS_TRANSPOSE ta = p->a.transposed ? CblasTrans : CblasNoTrans,
                    tb = p->b.transposed ? CblasTrans : CblasNoTrans;
    size_t left = p->m - first, size = lg_size(p->type);
    const char *a = (const char *)p->a.at + first * (p->a.transposed ? 1 : p->a.stride) * size;
    int m = (int)(left < LG_GEMM_ROWS ? left : LG_GEMM_ROWS), n = (int)p->n, k = (int)p->k;
    void *c = p->c + first * p->stride * size;

    if (p->type == LUGE_F64)
        cblas_dgemm(CblasRowMajor, ta, tb, m, n, k, 1, (const double *)a, (int)p->a.stride, p->b.at, (int)p->b.stride,
                    p->accumulate, c, (int)p->stride);
    else
        cblas_sgemm(CblasRowMajor, ta, tb, m, n, k, 1, (const float *)a, (int)p->a.stride, p->b.at, (int)p->b.stride,
                    p->accumulate, c, (int)p->stride);
}

static void blocks(void *context, size_t id, size_t of)
{
    const product *p = context;
    for (size_t first = id * LG_GEMM_ROWS; first < p->m; first += of * LG_GEMM_ROWS) block(p, first);
}

void lg_gemm(luge_type type, int threads, size_t m, size_t n, size_t k, lg_factor a, lg_factor b, bool accumulate,
             void *c, size_t stride)
{
    product p = {
        .type = type, .m = m, .n = n, .k = k, .a = a, .b = b, .accumulate = accumulate, .c = c, .stride = stride
    };
    lg_share(m > LG_GEMM_ROWS ? threads : 1, blocks, &p);
}
