/* Matrix products against plain loops, their bits for any number of threads, and the threads of BLAS given back.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include "linalg/gemm.h"
#include <cblas.h>
#include <float.h>
#include <omp.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>

extern int openblas_get_num_threads(void) __attribute__((weak));
extern int openblas_get_parallel(void) __attribute__((weak));

static bool by_openmp(void) { return openblas_get_parallel && openblas_get_parallel() == 2; }

enum { PAD = 3 };

static const struct {
    size_t m, n, k;
} sizes[] = { { 1, 1, 1 }, { 3, 5, 7 }, { 64, 10, 20 }, { 65, 33, 1 }, { 130, 17, 90 }, { 200, 64, 128 } };

/* An array of rows x (columns + PAD), filled from the seed, of one type or the other. */
static void *filled(luge_type type, size_t rows, size_t columns, uint64_t seed)
{
    size_t n = rows * (columns + PAD);
    void *p = malloc(n * 8);
    assert_non_null(p);
    for (size_t i = 0; i < n; i++) {
        float v = (float)lg_normal(seed, 0, i);
        if (type == LUGE_F64)
            ((double *)p)[i] = (double)v;
        else
            ((float *)p)[i] = v;
    }
    return p;
}

static double at(luge_type type, const void *p, size_t i)
{
    return type == LUGE_F64 ? ((const double *)p)[i] : (double)((const float *)p)[i];
}

typedef struct operand {
    void *p;
    size_t stride;
    bool transposed;
} operand;

static double item(luge_type type, const operand *o, size_t i, size_t j)
{
    return at(type, o->p, o->transposed ? j * o->stride + i : i * o->stride + j);
}

static operand operand_of(luge_type type, size_t rows, size_t columns, bool transposed, uint64_t seed)
{
    size_t stored = transposed ? rows : columns;
    return (operand){ filled(type, transposed ? columns : rows, stored, seed), stored + PAD, transposed };
}

static void multiply(luge_type type, int threads, size_t which, const operand *a, const operand *b, bool accumulate,
                     void *c)
{
    lg_factor left = { a->p, a->stride, a->transposed }, right = { b->p, b->stride, b->transposed };
    lg_gemm(type, threads, sizes[which].m, sizes[which].n, sizes[which].k, left, right, accumulate, c,
            sizes[which].n + PAD);
}

/* |error| <= (k + 2) eps Σ |a||b|, whatever the order of the sum. */
static void check_product(luge_type type, size_t which, bool ta, bool tb, bool accumulate)
{
    size_t m = sizes[which].m, n = sizes[which].n, k = sizes[which].k, stride = n + PAD;
    operand a = operand_of(type, m, k, ta, 1), b = operand_of(type, k, n, tb, 2);
    void *before = filled(type, m, n, 3), *c[3];
    double eps = type == LUGE_F64 ? DBL_EPSILON : (double)FLT_EPSILON;

    for (int t = 0; t < 3; t++) {
        c[t] = filled(type, m, n, 3);
        multiply(type, t + 1, which, &a, &b, accumulate, c[t]);
        CHECK(!memcmp(c[t], c[0], m * stride * lg_size(type)), "size %zu: %d threads differ", which, t + 1);
    }
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < stride; j++) {
            double old = at(type, before, i * stride + j), got = at(type, c[0], i * stride + j);
            long double sum = accumulate || j >= n ? (long double)old : 0, size = fabsl(sum);
            for (size_t l = 0; j < n && l < k; l++) {
                long double term = (long double)item(type, &a, i, l) * (long double)item(type, &b, l, j);
                sum += term;
                size += fabsl(term);
            }
            CHECK(fabsl((long double)got - sum) <= (j < n ? (long double)((double)(k + 2) * eps) * size : 0),
                  "size %zu (%d%d%d), item %zu %zu: %g is not %Lg", which, ta, tb, accumulate, i, j, got, sum);
        }
    for (int t = 0; t < 3; t++) free(c[t]);
    free(before);
    free(a.p);
    free(b.p);
}

static void products_are_right(void **state)
{
    lg_blas_hold held = lg_blas_one_thread();
    (void)state;
    for (size_t which = 0; which < ROWS(sizes); which++)
        for (int flags = 0; flags < 16; flags++)
            check_product(flags & 8 ? LUGE_F64 : LUGE_F32, which, flags & 1, flags & 2, flags & 4);
    lg_blas_restore(held);
    CHECK_END();
}

static void threads_are_given_back(void **state)
{
    int omp = omp_get_max_threads(), blas = openblas_get_num_threads ? openblas_get_num_threads() : 0;
    (void)state;
    for (int threads = 1; threads <= 3; threads++) {
        omp_set_num_threads(threads);
        lg_blas_hold held = lg_blas_one_thread();
        if (openblas_get_num_threads)
            assert_int_equal(by_openmp() ? omp_get_max_threads() : openblas_get_num_threads(), 1);
        lg_blas_restore(held);
        assert_int_equal(omp_get_max_threads(), threads);
        if (openblas_get_num_threads) assert_int_equal(openblas_get_num_threads(), blas);
    }
    omp_set_num_threads(omp);
}

enum { LARGE = 300 };
static float left[LARGE * LARGE], right[LARGE * LARGE], alone[LARGE * LARGE], beside[LARGE * LARGE];
static pthread_barrier_t turn;

static void product(float *c)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, LARGE, LARGE, LARGE, 1, left, LARGE, right, LARGE, 0, c,
                LARGE);
}

static void *other(void *unused)
{
    (void)unused;
    omp_set_num_threads(2);
    pthread_barrier_wait(&turn); /* the first thread holds BLAS */
    lg_blas_hold held = lg_blas_one_thread();
    pthread_barrier_wait(&turn);
    pthread_barrier_wait(&turn); /* the first has given it back */
    product(beside);
    lg_blas_restore(held);
    return NULL;
}

/* Two optimizers that step at the same time: when one gives BLAS back, the other still has it on one thread. */
static void who_holds_blas_does_not_see_others(void **state)
{
    pthread_t second;
    int omp = omp_get_max_threads(), blas = openblas_get_num_threads ? openblas_get_num_threads() : 0;
    (void)state;
    if (openblas_get_num_threads && !by_openmp()) return; /* the build whose number belongs to the process */
    for (size_t i = 0; i < LARGE * LARGE; i++) {
        left[i] = (float)lg_normal(1, 0, i);
        right[i] = (float)lg_normal(2, 0, i);
    }
    assert_int_equal(pthread_barrier_init(&turn, NULL, 2), 0);
    assert_int_equal(pthread_create(&second, NULL, other, NULL), 0);
    omp_set_num_threads(2);
    lg_blas_hold held = lg_blas_one_thread();
    product(alone);
    pthread_barrier_wait(&turn);
    pthread_barrier_wait(&turn);
    lg_blas_restore(held);
    pthread_barrier_wait(&turn);
    pthread_join(second, NULL);
    CHECK(!memcmp(alone, beside, sizeof alone), "the product of the other thread has other bits");
    CHECK(omp_get_max_threads() == 2, "%d threads", omp_get_max_threads());
    if (openblas_get_num_threads)
        CHECK(openblas_get_num_threads() == blas, "BLAS has %d", openblas_get_num_threads());
    omp_set_num_threads(omp);
    pthread_barrier_destroy(&turn);
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(products_are_right),
        cmocka_unit_test(threads_are_given_back),
        cmocka_unit_test(who_holds_blas_does_not_see_others),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
