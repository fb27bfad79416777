/* Orthogonalization against the singular values of long double: polynomials, polar factors, limit cases, bits.
 * SPDX-License-Identifier: MIT */
#include "check.h"

#include "linalg/orthogonal.h"
#include "svd.h"
#include <float.h>

enum { MOST = 300 * 300 };

typedef struct matrix {
    luge_type type;
    size_t m, n;
    double room[MOST];
    void *work;
    size_t bytes;
} matrix;

static double item(const matrix *a, size_t i)
{
    return a->type == LUGE_F64 ? a->room[i] : (double)((const float *)(const void *)a->room)[i];
}

static void put(matrix *a, size_t i, double v)
{
    if (a->type == LUGE_F64)
        a->room[i] = v;
    else
        ((float *)(void *)a->room)[i] = (float)v;
}

static double epsilon(luge_type type) { return type == LUGE_F64 ? DBL_EPSILON : (double)FLT_EPSILON; }

static void rotate(matrix *a, uint64_t seed)
{
    for (int side = 0; side < 2; side++) {
        size_t length = side ? a->n : a->m, other = side ? a->m : a->n;
        for (int times = 0; times < 3; times++) {
            double *w = calloc(length, sizeof *w), square = 0;
            assert_non_null(w);
            for (size_t i = 0; i < length; i++) {
                w[i] = lg_normal(seed, (uint64_t)(2 * times + side), i);
                square += w[i] * w[i];
            }
            for (size_t k = 0; k < other; k++) {
                double dot = 0;
                for (size_t i = 0; i < length; i++) dot += w[i] * a->room[side ? k * a->n + i : i * a->n + k];
                for (size_t i = 0; i < length; i++)
                    a->room[side ? k * a->n + i : i * a->n + k] -= 2 * dot / square * w[i];
            }
            free(w);
        }
    }
}

/* Singular values from `scale` down to scale / condition in equal ratios, the first `rank` of them; then rounded to
 * the type.  The frames are products of reflections. */
static void make(matrix *a, luge_type type, size_t m, size_t n, double condition, size_t rank, double scale)
{
    size_t s = m < n ? m : n;
    assert_true(m * n <= MOST);
    *a = (matrix){ .type = LUGE_F64, .m = m, .n = n };
    for (size_t i = 0; i < s && i < rank; i++)
        a->room[i * n + i] = pow(condition, s > 1 ? -(double)i / (double)(s - 1) : 0);
    rotate(a, 7 * m + n);
    a->type = type;
    for (size_t i = 0; i < m * n; i++) put(a, i, scale * a->room[i]);
}

static void ask(matrix *a, bool (*size)(luge_type, size_t, size_t, size_t *))
{
    assert_true(size(a->type, a->m, a->n, &a->bytes));
    assert_non_null(a->work = lg_alloc(a->bytes, 1));
}

static long double *wide(const matrix *a)
{
    long double *p = calloc(a->m * a->n, sizeof *p);
    assert_non_null(p);
    for (size_t i = 0; i < a->m * a->n; i++) p[i] = (long double)item(a, i);
    return p;
}

/* |a - ref| / max(1, |ref|). */
static double apart(const matrix *a, const long double *ref)
{
    long double sum = 0, size = 0;
    for (size_t i = 0; i < a->m * a->n; i++) {
        long double v = (long double)item(a, i) - ref[i];
        sum += v * v;
        size += ref[i] * ref[i];
    }
    return (double)(sqrtl(sum) / fmaxl(1, sqrtl(size)));
}

static const struct {
    size_t m, n;
} shapes[] = { { 1, 1 },   { 1, 33 },  { 33, 1 },  { 2, 3 },    { 20, 20 }, { 48, 12 },
               { 12, 48 }, { 37, 37 }, { 40, 90 }, { 66, 140 }, { 150, 65 } };

static const luge_type types[] = { LUGE_F32, LUGE_F64 };

/* ---- polynomials ---- */

static lg_polynomial polynomial_of(size_t which, int steps)
{
    const lg_coefficients *c = &lg_polynomials[which];
    return (lg_polynomial){ c->abc, steps, c->factor, 1e-7, false };
}

/* The polynomials on the singular values themselves. */
static long double *by_values(const matrix *a, const lg_polynomial *p)
{
    long double *x = wide(a), norm = 0;
    svd d = svd_of(a->m, a->n, x);
    for (size_t i = 0; i < d.n; i++) norm += d.s[i] * d.s[i];
    norm = (long double)p->factor * sqrtl(norm);
    norm = p->largest ? fmaxl(norm, (long double)p->eps) : norm + (long double)p->eps;
    for (size_t i = 0; i < d.n; i++) {
        d.s[i] /= norm;
        for (int k = 0; k < p->steps; k++) {
            const double *c = p->abc.v + 3 * (k < p->abc.n / 3 ? k : p->abc.n / 3 - 1);
            long double s = d.s[i];
            d.s[i] = (long double)c[0] * s + (long double)c[1] * powl(s, 3) + (long double)c[2] * powl(s, 5);
        }
    }
    svd_put(&d, a->m, a->n, d.s, x);
    svd_free(&d);
    return x;
}

static void check_polynomial(luge_type type, size_t shape, double condition, double scale, const lg_polynomial *p,
                             double allowed, const char *name)
{
    static matrix a;
    make(&a, type, shapes[shape].m, shapes[shape].n, condition, SIZE_MAX, scale);
    long double *ref = by_values(&a, p);
    ask(&a, lg_newton_schulz_work);
    assert_int_equal(lg_newton_schulz(type, 2, a.m, a.n, p, a.room, a.work, NULL), LUGE_OK);
    double error = apart(&a, ref);
    CHECK(error <= allowed, "%s, %zu x %zu f%d, condition %g, scale %g: %g > %g", name, a.m, a.n,
          type == LUGE_F64 ? 64 : 32, condition, scale, error, allowed);
    free(ref);
    lg_free(a.work);
}

static void polynomials_are_of_singular_values(void **state)
{
    lg_blas_hold held = lg_blas_one_thread();
    (void)state;
    for (size_t shape = 0; shape < ROWS(shapes); shape++)
        for (int t = 0; t < 2; t++)
            for (size_t which = 0; lg_polynomials[which].name; which++)
                for (int steps = 1; steps <= 8; steps += which == 2 ? 7 : 4) {
                    if (shapes[shape].m * shapes[shape].n > 4000 && (steps == 1 || which == 1)) continue; /* slow */
                    lg_polynomial p = polynomial_of(which, steps);
                    double eps = epsilon(types[t]);
                    check_polynomial(types[t], shape, 10, 1, &p, 200 * eps, lg_polynomials[which].name);
                    check_polynomial(types[t], shape, 1e3, 1, &p, 4000 * eps, lg_polynomials[which].name);
                    p.eps = 0;
                    check_polynomial(types[t], shape, 10, types[t] == LUGE_F64 ? 1e-160 : 1e-30, &p, 200 * eps,
                                     "tiny");
                    check_polynomial(types[t], shape, 10, types[t] == LUGE_F64 ? 1e200 : 1e30, &p, 200 * eps, "huge");
                }
    lg_blas_restore(held);
    CHECK_END();
}

static void cubics_of_cans(void **state)
{
    lg_blas_hold held = lg_blas_one_thread();
    (void)state;
    lg_list list = lg_cans(0.02, 1, 6);
    assert_int_equal(list.n, 18);
    /* The first cubic is the best: its error is the same at both ends and, with the other sign, at its maximum. */
    double a = list.v[0], b = list.v[1], top = sqrt(-a / (3 * b));
    CHECK(fabs(a * 0.02 + b * 8e-6 - (a + b)) < 1e-14, "the ends differ");
    CHECK(fabs(a * top + b * top * top * top - (2 - (a + b))) < 1e-14, "the maximum differs");
    for (size_t shape = 0; shape < ROWS(shapes); shape++)
        for (int t = 0; t < 2; t++) {
            lg_polynomial p = { list, 6, 1, 0, true };
            check_polynomial(types[t], shape, 10, 1, &p, 100 * epsilon(types[t]), "cans");
        }
    lg_blas_restore(held);
    CHECK_END();
}

/* ---- the polar factor ---- */

static long double *polar_of(const matrix *a)
{
    long double *x = wide(a), most = 0;
    svd d = svd_of(a->m, a->n, x);
    for (size_t i = 0; i < d.n; i++) most = fmaxl(most, d.s[i]);
    for (size_t i = 0; i < d.n; i++)
        d.s[i] = d.s[i] > (long double)d.m * (long double)epsilon(a->type) * most ? 1 : 0;
    svd_put(&d, a->m, a->n, d.s, x);
    svd_free(&d);
    return x;
}

static void check_polar(luge_type type, size_t shape, double condition, size_t rank, double scale, double error,
                        double allowed)
{
    static matrix a;
    make(&a, type, shapes[shape].m, shapes[shape].n, condition, rank, scale);
    long double *ref = polar_of(&a);
    assert_true(lg_polar_work(type, a.m, a.n, error, &a.bytes));
    assert_non_null(a.work = lg_alloc(a.bytes, 1));
    assert_int_equal(lg_polar(type, 2, a.m, a.n, error, a.room, a.work, NULL), LUGE_OK);
    double off = apart(&a, ref);
    CHECK(off <= allowed, "polar %zu x %zu f%d, condition %g, rank %zu, scale %g, error %g: %g > %g", a.m, a.n,
          type == LUGE_F64 ? 64 : 32, condition, rank, scale, error, off, allowed);
    free(ref);
    lg_free(a.work);
}

static void exact_polar_factors(void **state)
{
    lg_blas_hold held = lg_blas_one_thread();
    (void)state;
    for (size_t shape = 0; shape < ROWS(shapes); shape++)
        for (int t = 0; t < 2; t++) {
            double eps = epsilon(types[t]);
            check_polar(types[t], shape, 1, SIZE_MAX, 1, 0, 20 * eps);
            check_polar(types[t], shape, 1e3, SIZE_MAX, 1, 0, 1e3 * 10 * eps);
            check_polar(types[t], shape, 10, 3, 1, 0, 200 * eps);
            check_polar(types[t], shape, 10, 1, 1, 0, 20 * eps);
            check_polar(types[t], shape, 10, SIZE_MAX, types[t] == LUGE_F64 ? 1e-160 : 1e-30, 0, 200 * eps);
            check_polar(types[t], shape, 10, SIZE_MAX, types[t] == LUGE_F64 ? 1e200 : 1e30, 0, 200 * eps);
            if (types[t] == LUGE_F64) check_polar(types[t], shape, 1e12, SIZE_MAX, 1, 0, 1e-2);
        }
    lg_blas_restore(held);
    CHECK_END();
}

static void rational_polar_factors(void **state)
{
    static const double errors[] = { 0.3, 1e-2, 1e-5, 1e-12 };
    lg_blas_hold held = lg_blas_one_thread();
    (void)state;
    for (size_t shape = 0; shape < ROWS(shapes); shape++)
        for (int t = 0; t < 2; t++)
            for (size_t e = 0; e < ROWS(errors); e++) {
                double eps = epsilon(types[t]);
                check_polar(types[t], shape, 1, SIZE_MAX, 1, errors[e], errors[e] + 100 * eps);
                check_polar(types[t], shape, 50, SIZE_MAX, 1, errors[e], errors[e] + 50 * 100 * eps);
                check_polar(types[t], shape, 50, SIZE_MAX, types[t] == LUGE_F64 ? 1e-160 : 1e-30, errors[e],
                            errors[e] + 50 * 100 * eps);
            }
    lg_blas_restore(held);
    CHECK_END();
}

/* ---- whatever the size: bits, memory, limits ---- */

static const struct {
    size_t m, n;
} large[] = { { 130, 130 }, { 129, 300 }, { 300, 129 }, { 270, 271 } };

typedef luge_status run(matrix *a, int threads);

static luge_status run_keller(matrix *a, int threads)
{
    lg_polynomial p = polynomial_of(0, 5);
    return lg_newton_schulz(a->type, threads, a->m, a->n, &p, a->room, a->work, NULL);
}
static luge_status run_exact(matrix *a, int threads)
{
    return lg_polar(a->type, threads, a->m, a->n, 0, a->room, a->work, NULL);
}
static luge_status run_rational(matrix *a, int threads)
{
    return lg_polar(a->type, threads, a->m, a->n, 1e-5, a->room, a->work, NULL);
}
static bool size_exact(luge_type type, size_t m, size_t n, size_t *bytes)
{
    return lg_polar_work(type, m, n, 0, bytes);
}
static bool size_rational(luge_type type, size_t m, size_t n, size_t *bytes)
{
    return lg_polar_work(type, m, n, 1e-5, bytes);
}

static const struct {
    const char *name;
    run *run;
    bool (*size)(luge_type, size_t, size_t, size_t *);
    double most; /* memory, in matrices */
} ways[] = { { "keller", run_keller, lg_newton_schulz_work, 3 },
             { "exact", run_exact, size_exact, 9 },
             { "rational", run_rational, size_rational, 3 } };

/* The same bits for 1, 2, 3 and 7 threads, nothing written beyond the memory that was asked for, and no more of it
 * than said. */
static void bits_and_memory(void **state)
{
    static const int threads[] = { 1, 2, 3, 7 };
    static matrix a, first;
    enum { GUARD = 64 };
    lg_blas_hold held = lg_blas_one_thread();
    (void)state;
    for (size_t shape = 0; shape < ROWS(large); shape++)
        for (size_t way = 0; way < ROWS(ways); way++)
            for (int t = 0; t < 2; t++)
                for (size_t i = 0; i < ROWS(threads); i++) {
                    size_t used;
                    make(&a, types[t], large[shape].m, large[shape].n, 30, SIZE_MAX, 1);
                    used = a.m * a.n * lg_size(a.type);
                    assert_true(ways[way].size(a.type, a.m, a.n, &a.bytes));
                    CHECK((double)a.bytes <= ways[way].most * (double)used + 1024, "%s %zu x %zu: memory %zu of %zu",
                          ways[way].name, a.m, a.n, a.bytes, used);
                    unsigned char *work = malloc(a.bytes + GUARD + LG_ALIGN);
                    assert_non_null(work);
                    a.work = work + (LG_ALIGN - (uintptr_t)work % LG_ALIGN) % LG_ALIGN;
                    memset(work, 0xAB, a.bytes + GUARD + LG_ALIGN); /* what was there does not matter */
                    assert_int_equal(ways[way].run(&a, threads[i]), LUGE_OK);
                    for (size_t g = 0; g < GUARD; g++)
                        CHECK(((unsigned char *)a.work)[a.bytes + g] == 0xAB, "%s wrote beyond its memory",
                              ways[way].name);
                    if (i == 0) first = a;
                    CHECK(!memcmp(a.room, first.room, used), "%s %zu x %zu: %d threads differ", ways[way].name, a.m,
                          a.n, threads[i]);
                    free(work);
                }
    lg_blas_restore(held);
    CHECK_END();
}

/* The rational steps and the singular values agree, and both are orthogonal. */
static void large_ones_are_orthogonal(void **state)
{
    static matrix a, b;
    lg_blas_hold held = lg_blas_one_thread();
    (void)state;
    for (size_t shape = 0; shape < ROWS(large); shape++)
        for (int t = 0; t < 2; t++) {
            double eps = epsilon(types[t]), e;
            make(&a, types[t], large[shape].m, large[shape].n, 30, SIZE_MAX, 1);
            make(&b, types[t], large[shape].m, large[shape].n, 30, SIZE_MAX, 1);
            ask(&a, size_exact);
            assert_true(size_rational(b.type, b.m, b.n, &b.bytes));
            assert_non_null(b.work = lg_alloc(b.bytes, 1));
            assert_int_equal(run_exact(&a, 2), LUGE_OK);
            assert_int_equal(run_rational(&b, 2), LUGE_OK);
            e = lg_orthogonality(a.type, 2, a.m, a.n, a.room, a.work);
            CHECK(e < 50 * eps, "exact %zu x %zu: %g from orthogonal", a.m, a.n, e);
            e = lg_orthogonality(b.type, 2, b.m, b.n, b.room, b.work);
            CHECK(e < 2e-5 + 300 * eps, "rational %zu x %zu: %g from orthogonal", a.m, a.n, e);
            e = lg_distance(a.type, a.m, a.n, a.room, b.room);
            CHECK(e < 1e-5 + 2000 * eps, "rational %zu x %zu: %g from exact", a.m, a.n, e);
            lg_free(a.work);
            lg_free(b.work);
        }
    lg_blas_restore(held);
    CHECK_END();
}

static void zero_and_not_finite(void **state)
{
    static const double bad[] = { (double)NAN, (double)INFINITY, -(double)INFINITY };
    static matrix a, before;
    lg_blas_hold held = lg_blas_one_thread();
    (void)state;
    for (size_t shape = 0; shape < ROWS(shapes); shape++)
        for (size_t way = 0; way < ROWS(ways); way++)
            for (int t = 0; t < 2; t++) {
                a = (matrix){ .type = types[t], .m = shapes[shape].m, .n = shapes[shape].n };
                ask(&a, ways[way].size);
                assert_int_equal(ways[way].run(&a, 2), LUGE_OK);
                for (size_t i = 0; i < a.m * a.n; i++) CHECK(item(&a, i) == 0, "%s of zero", ways[way].name);
                for (size_t k = 0; k < ROWS(bad); k++) {
                    for (size_t i = 0; i < a.m * a.n; i++) put(&a, i, 1 + (double)i);
                    put(&a, a.m * a.n / 2, bad[k]);
                    before = a;
                    assert_int_equal(ways[way].run(&a, 2), LUGE_E_NUMERIC);
                    CHECK(!memcmp(a.room, before.room, sizeof a.room), "%s touched what is not finite",
                          ways[way].name);
                }
                lg_free(a.work);
            }
    lg_blas_restore(held);
    CHECK_END();
}

/* One row: the polynomial of 1 times the direction; the polar factor is the direction. */
static void one_row_is_a_direction(void **state)
{
    static matrix a;
    lg_blas_hold held = lg_blas_one_thread();
    double scalar = 1, norm;
    (void)state;
    for (int k = 0; k < 5; k++) scalar = 3.4445 * scalar - 4.775 * pow(scalar, 3) + 2.0315 * pow(scalar, 5);
    for (size_t way = 0; way < ROWS(ways); way++) {
        a = (matrix){ .type = LUGE_F64, .m = 1, .n = 33 };
        for (size_t i = 0; i < 33; i++) a.room[i] = 3 * lg_normal(5, 0, i);
        norm = lg_norm(LUGE_F64, 1, 33, a.room);
        ask(&a, ways[way].size);
        assert_int_equal(ways[way].run(&a, 1), LUGE_OK);
        for (size_t i = 0; i < 33; i++)
            CHECK(fabs(a.room[i] - 3 * lg_normal(5, 0, i) / norm * (way ? 1 : scalar)) < (way ? 1e-14 : 1e-6), "%s",
                  ways[way].name);
        lg_free(a.work);
    }
    lg_blas_restore(held);
    CHECK_END();
}

static void sizes_beyond_reach_are_refused(void **state)
{
    static const size_t sides[][2] = { { 0, 0 },
                                       { 0, 5 },
                                       { 5, 0 },
                                       { LG_LARGEST + 1, LG_LARGEST + 1 },
                                       { 1, SIZE_MAX },
                                       { SIZE_MAX, SIZE_MAX },
                                       { 3, (size_t)1 << 31 } };
    size_t bytes;
    (void)state;
    for (size_t i = 0; i < ROWS(sides); i++)
        for (size_t way = 0; way < ROWS(ways); way++) {
            CHECK(!ways[way].size(LUGE_F64, sides[i][0], sides[i][1], &bytes), "%s takes %zu x %zu", ways[way].name,
                  sides[i][0], sides[i][1]);
            CHECK(!lg_svd_work(LUGE_F32, sides[i][0], sides[i][1], &bytes), "svd takes it");
            CHECK(!lg_qr_work(LUGE_F32, sides[i][1], sides[i][0], &bytes), "qr takes it");
        }
    CHECK(!lg_eigen_work(LUGE_F64, LG_LARGEST + 1, &bytes) && !lg_inverse_root_work(LUGE_F64, 0, &bytes), "eigen");
    for (size_t way = 0; way < ROWS(ways); way++)
        CHECK(ways[way].size(LUGE_F64, LG_LARGEST, LG_LARGEST, &bytes) && bytes > 0, "%s", ways[way].name);
    CHECK_END();
}

static void norms_neither_overflow_nor_underflow(void **state)
{
    static const double scales[] = { 1, 1e-160, 1e-300, 5e-324, 1e160, 1e300, 1.7e308 };
    double x[100];
    (void)state;
    for (size_t k = 0; k < ROWS(scales); k++) {
        for (size_t i = 0; i < 100; i++) x[i] = scales[k];
        lg_scaled n = lg_norm_scaled(LUGE_F64, 2, 100, x);
        CHECK(fabs(ldexp(n.norm, n.exponent - 20) / ldexp(scales[k], -20) - 10) < 1e-13 || scales[k] < 1e-307,
              "norm of %g", scales[k]);
        CHECK(n.norm > 0 && isfinite(n.norm), "norm of %g", scales[k]);
    }
    x[3] = (double)NAN;
    CHECK(!isfinite(lg_norm(LUGE_F64, 1, 100, x)), "NaN");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(polynomials_are_of_singular_values),
        cmocka_unit_test(cubics_of_cans),
        cmocka_unit_test(exact_polar_factors),
        cmocka_unit_test(rational_polar_factors),
        cmocka_unit_test(bits_and_memory),
        cmocka_unit_test(large_ones_are_orthogonal),
        cmocka_unit_test(zero_and_not_finite),
        cmocka_unit_test(one_row_is_a_direction),
        cmocka_unit_test(sizes_beyond_reach_are_refused),
        cmocka_unit_test(norms_neither_overflow_nor_underflow),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
