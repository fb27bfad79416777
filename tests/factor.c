/* QR, eigenvalues, singular values, inverse roots and symmetric products against long double.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include "linalg/orthogonal.h"
#include "svd.h"
#include <float.h>

static const luge_type types[] = { LUGE_F32, LUGE_F64 };

static double epsilon(luge_type type) { return type == LUGE_F64 ? DBL_EPSILON : (double)FLT_EPSILON; }
static double item(luge_type type, const void *p, size_t i)
{
    return type == LUGE_F64 ? ((const double *)p)[i] : (double)((const float *)p)[i];
}
static void put(luge_type type, void *p, size_t i, double v)
{
    if (type == LUGE_F64)
        ((double *)p)[i] = v;
    else
        ((float *)p)[i] = (float)v;
}
static void *room(size_t n)
{
    void *p = lg_alloc(n, 8);
    assert_non_null(p);
    return p;
}
static void *random_matrix(luge_type type, size_t n, uint64_t seed)
{
    void *p = room(n);
    for (size_t i = 0; i < n; i++) put(type, p, i, lg_normal(seed, 0, i));
    return p;
}
/* X X' / k + shift I. */
static void *definite(luge_type type, size_t n, size_t k, double shift)
{
    void *p = room(n * n);
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j <= i; j++) {
            double sum = i == j ? shift : 0;
            for (size_t l = 0; l < k; l++) sum += lg_normal(9, 0, i * k + l) * lg_normal(9, 0, j * k + l) / (double)k;
            put(type, p, i * n + j, sum);
            put(type, p, j * n + i, sum);
        }
    return p;
}
/* The work that a call of *_work(..., &size) asks for. */
#define WORK(fits, size) ((fits) ? room((size) / 8 + 1) : NULL)

/* |A B - C| over all, A m x k and B k x n, either read transposed. */
static double product_error(luge_type type, size_t m, size_t n, size_t k, const void *a, bool ta, const void *b,
                            bool tb, const void *c)
{
    long double sum = 0;
    for (size_t i = 0; i < m; i++)
        for (size_t j = 0; j < n; j++) {
            long double v = c ? -(long double)item(type, c, i * n + j) : -(long double)(i == j);
            for (size_t l = 0; l < k; l++)
                v += (long double)item(type, a, ta ? l * m + i : i * k + l) *
                     (long double)item(type, b, tb ? j * k + l : l * n + j);
            sum += v * v;
        }
    return (double)sqrtl(sum);
}

static void qr_is_unique(void **state)
{
    static const size_t shapes[][2] = { { 1, 1 }, { 7, 3 }, { 20, 20 }, { 90, 40 } };
    lg_blas_hold held = lg_blas_one_thread();
    (void)state;
    for (size_t k = 0; k < ROWS(shapes); k++)
        for (int t = 0; t < 2; t++) {
            luge_type type = types[t];
            size_t m = shapes[k][0], n = shapes[k][1], bytes;
            void *a = random_matrix(type, m * n, 1), *q = random_matrix(type, m * n, 1), *r = room(n * n),
                 *work = WORK(lg_qr_work(type, m, n, &bytes), bytes);
            double allowed = 20 * epsilon(type) * sqrt((double)(m * n));
            assert_int_equal(lg_qr(type, m, n, q, r, work, NULL), LUGE_OK);
            CHECK(product_error(type, m, n, n, q, false, r, false, a) < allowed, "Q R is not A");
            CHECK(product_error(type, n, n, m, q, true, q, false, NULL) < allowed, "Q is not orthonormal");
            for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j <= i; j++)
                    CHECK(i == j ? item(type, r, i * n + j) >= 0 : item(type, r, i * n + j) == 0, "R's triangle");
            lg_free(a), lg_free(q), lg_free(r), lg_free(work);
        }
    lg_blas_restore(held);
    CHECK_END();
}

static void eigenvalues_and_roots(void **state)
{
    static const size_t sizes[] = { 1, 2, 17, 60, 140 };
    lg_blas_hold held = lg_blas_one_thread();
    (void)state;
    for (size_t k = 0; k < ROWS(sizes); k++)
        for (int t = 0; t < 2; t++) {
            luge_type type = types[t];
            size_t n = sizes[k], bytes, more;
            void *a = definite(type, n, n + 3, 0.5), *v = definite(type, n, n + 3, 0.5), *b = room(n * n),
                 *c = room(n * n), *work = WORK(lg_eigen_work(type, n, &bytes), bytes), *second;
            double *value = room(n), allowed = 50 * epsilon(type) * (double)n, e;
            assert_int_equal(lg_eigen(type, n, v, value, work, NULL), LUGE_OK);
            for (size_t i = 1; i < n; i++) CHECK(value[i] >= value[i - 1], "eigenvalues do not rise");
            CHECK(product_error(type, n, n, n, v, false, v, true, NULL) < allowed, "vectors are not orthonormal");
            lg_spectral(type, 2, n, v, value, b, c);
            for (size_t i = 0; i < n * n; i++)
                CHECK(fabs(item(type, c, i) - item(type, a, i)) < allowed, "V' diag V is not A");
            for (int root = 1; root <= 4; root *= 2) {
                memcpy(b, a, n * n * lg_size(type));
                second = WORK(lg_inverse_root_work(type, n, &more), more);
                assert_int_equal(lg_inverse_root(type, 2, n, 1. / root, 0, b, second, NULL), LUGE_OK);
                lg_free(second);
                second = WORK(lg_root_residual_work(type, n, &more), more);
                e = lg_root_residual(type, 2, n, root, a, b, second);
                CHECK(e < allowed, "root %d of %zu: residual %g", root, n, e);
                put(type, b, 0, 1.01 * item(type, b, 0));
                CHECK(lg_root_residual(type, 2, n, root, a, b, second) > 1e-3 / (double)n, "a wrong root passes");
                lg_free(second);
            }
            lg_free(a), lg_free(v), lg_free(b), lg_free(c), lg_free(work), lg_free(value);
        }
    lg_blas_restore(held);
    CHECK_END();
}

/* A matrix of rank 2 has eigenvalues that round below zero: they are raised first; without eps it has no root. */
static void roots_of_singular_matrices(void **state)
{
    enum { N = 12 };
    size_t bytes;
    void *work = WORK(lg_inverse_root_work(LUGE_F64, N, &bytes), bytes), *a = definite(LUGE_F64, N, 2, 0),
         *zero = room(N * N);
    luge_error err;
    (void)state;
    assert_int_equal(lg_inverse_root(LUGE_F64, 1, N, 0.5, 1e-2, a, work, NULL), LUGE_OK);
    for (size_t i = 0; i < N * N; i++) assert_true(fabs(item(LUGE_F64, a, i)) <= 10 * (1 + 1e-12));
    assert_int_equal(lg_inverse_root(LUGE_F64, 1, N, 0.5, 0, zero, work, &err), LUGE_E_NUMERIC);
    put(LUGE_F64, a, 5, (double)NAN);
    assert_int_equal(lg_inverse_root(LUGE_F64, 1, N, 0.5, 1e-2, a, work, &err), LUGE_E_NUMERIC);
    lg_free(work), lg_free(a), lg_free(zero);
}

static int falling(const void *a, const void *b)
{
    long double x = *(const long double *)a, y = *(const long double *)b;
    return (x < y) - (x > y);
}

static void singular_values(void **state)
{
    static const size_t shapes[][2] = { { 1, 1 }, { 1, 9 }, { 9, 1 }, { 30, 12 }, { 12, 30 }, { 40, 40 } };
    lg_blas_hold held = lg_blas_one_thread();
    (void)state;
    for (size_t k = 0; k < ROWS(shapes); k++)
        for (int t = 0; t < 2; t++) {
            luge_type type = types[t];
            size_t m = shapes[k][0], n = shapes[k][1], s = m < n ? m : n, bytes;
            void *a = random_matrix(type, m * n, 4), *copy = random_matrix(type, m * n, 4), *u = room(m * s),
                 *vt = room(s * n), *work = WORK(lg_svd_work(type, m, n, &bytes), bytes);
            double *value = room(s), allowed = 50 * epsilon(type) * sqrt((double)(m * n));
            long double *wide = calloc(m * n, sizeof *wide);
            assert_non_null(wide);
            for (size_t i = 0; i < m * n; i++) wide[i] = (long double)item(type, a, i);
            svd d = svd_of(m, n, wide);
            qsort(d.s, s, sizeof *d.s, falling);
            assert_int_equal(lg_svd(type, m, n, copy, value, u, vt, work, NULL), LUGE_OK);
            for (size_t i = 0; i < s; i++)
                CHECK(fabsl((long double)value[i] - d.s[i]) < (long double)allowed, "value %zu", i);
            for (size_t i = 0; i < m; i++)
                for (size_t j = 0; j < s; j++) put(type, u, i * s + j, item(type, u, i * s + j) * value[j]);
            CHECK(product_error(type, m, n, s, u, false, vt, false, a) < allowed, "U S V' is not A");
            svd_free(&d);
            free(wide);
            lg_free(a), lg_free(copy), lg_free(u), lg_free(vt), lg_free(work), lg_free(value);
        }
    lg_blas_restore(held);
    CHECK_END();
}

/* alpha X X' + beta E + gamma I and alpha inverse(one I + scale R) + gamma I, symmetric to the bit. */
static void symmetric_products_and_inverses(void **state)
{
    static const size_t sizes[][2] = { { 1, 1 }, { 5, 40 }, { 128, 30 }, { 129, 64 }, { 270, 100 } };
    lg_blas_hold held = lg_blas_one_thread();
    (void)state;
    for (size_t w = 0; w < ROWS(sizes); w++)
        for (int flags = 0; flags < 4; flags++) {
            luge_type type = types[flags & 1];
            bool down = flags & 2;
            size_t n = sizes[w][0], k = sizes[w][1], stride = down ? n : k;
            void *x = random_matrix(type, n * k, 3), *e = definite(type, n, 4, 1), *c[3], *l = room(n * n);
            double eps = epsilon(type);
            for (int t = 0; t < 3; t++) {
                c[t] = room(n * n);
                lg_symmetric(type, t + 1, n, k, (lg_factor){ x, stride, down }, (lg_factor){ x, stride, !down },
                             (lg_blend){ 0.5, -2, 3, e }, c[t]);
                CHECK(!memcmp(c[t], c[0], n * n * lg_size(type)), "%d threads differ", t + 1);
            }
            for (size_t i = 0; i < n; i++)
                for (size_t j = 0; j < n; j++) {
                    long double sum = -2 * (long double)item(type, e, i * n + j) + 3 * (i == j), size = 3;
                    for (size_t q = 0; q < k; q++) {
                        long double v = (long double)item(type, x, down ? q * n + i : i * k + q) *
                                        (long double)item(type, x, down ? q * n + j : j * k + q) / 2;
                        sum += v, size += fabsl(v);
                    }
                    double got = item(type, c[0], i * n + j);
                    CHECK(fabsl((long double)got - sum) < (long double)((double)(k + 4) * eps) * size,
                          "%zu: item %zu %zu: %g is not %Lg", n, i, j, got, sum);
                    CHECK(got == item(type, c[0], j * n + i), "not symmetric");
                }
            assert_true(lg_inverse(type, 2, n, e, (lg_shifted){ 2, 0.5, 1, 0 }, l, c[1]));
            assert_true(lg_inverse(type, 7, n, e, (lg_shifted){ 2, 0.5, -3, 0.25 }, l, c[2]));
            for (size_t i = 0; i < n * n; i++) {
                CHECK(fabs(item(type, c[2], i) - (i % (n + 1) ? 0 : 0.25) + 3 * item(type, c[1], i)) < 20 * eps,
                      "blend");
                put(type, e, i, item(type, e, i) / 2 + (i % (n + 1) ? 0 : 2));
            }
            CHECK(product_error(type, n, n, n, e, false, c[1], false, NULL) < 100 * eps * (double)n, "inverse");
            CHECK(!lg_inverse(type, 2, n, e, (lg_shifted){ -1, 0, 1, 0 }, l, c[1]), "a negative matrix has a factor");
            for (int t = 0; t < 3; t++) lg_free(c[t]);
            lg_free(x), lg_free(e), lg_free(l);
        }
    lg_blas_restore(held);
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(qr_is_unique),
        cmocka_unit_test(eigenvalues_and_roots),
        cmocka_unit_test(roots_of_singular_matrices),
        cmocka_unit_test(singular_values),
        cmocka_unit_test(symmetric_products_and_inverses),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
