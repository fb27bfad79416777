/* Orthogonalization beside what one would write first, in turns, on the same BLAS, medians; JSON lines.
 *
 *     muon       five quintic steps beside the same five by three threaded products each
 *     polar      the polar factor by rational steps beside the same five steps, which leave a larger error, and
 * beside eight minimax steps by three products each, which leave about the same table      (argument `table`) a
 * symmetric product by panels of so many rows, beside the whole product
 *
 * `error` is rms(s^2 - 1) over the singular values; `of_gemm` the rate of the operations that are left, beside that
 * of one large product; `memory` the work in units of the matrix.  Usage: bench_orthogonal [threads].
 * SPDX-License-Identifier: MIT */
#include "linalg/orthogonal.h"
#include "measure.h"
#include <cblas.h>
#include <omp.h>
#include <string.h>

extern char *openblas_get_corename(void) __attribute__((weak));
extern void openblas_set_num_threads(int threads) __attribute__((weak));

typedef struct contest {
    size_t m, n;
    int threads;
    const float *start;
    float *x, *y, *a, *b;
    void *work;
    const lg_polynomial *p;
    double error; /* asked of the polar factor; 0: the polynomial is wanted */
} contest;

static void blas_threads(int threads)
{
    if (openblas_set_num_threads) openblas_set_num_threads(threads);
}

/* ---- the straightforward form: three products a step, each threaded by BLAS; m <= n ---- */

static void product(bool square, size_t m, size_t n, size_t k, const float *a, const float *b, float *c)
{
    cblas_sgemm(CblasRowMajor, CblasNoTrans, square ? CblasTrans : CblasNoTrans, (int)m, (int)n, (int)k, 1, a, (int)k,
                b, square ? (int)k : (int)n, 0, c, (int)n);
}

static void plain(void *context)
{
    contest *c = context;
    size_t m = c->m, n = c->n;
    double by = 1 / (c->p->factor * (double)cblas_snrm2((int)(m * n), c->start, 1));

    for (size_t i = 0; i < m * n; i++) c->x[i] = (float)by * c->start[i];
    for (int k = 0; k < c->p->steps; k++) {
        const double *v = c->p->abc.v + 3 * (3 * k < c->p->abc.n ? k : c->p->abc.n / 3 - 1);
        float *keep = c->x, f0 = (float)v[0], f1 = (float)v[1], f2 = (float)v[2];
        product(true, m, m, n, c->x, c->x, c->a);
        product(false, m, m, m, c->a, c->a, c->b);
        for (size_t i = 0; i < m * m; i++) c->b[i] = f1 * c->a[i] + f2 * c->b[i];
        product(false, m, n, m, c->b, c->x, c->y);
        for (size_t i = 0; i < m * n; i++) c->y[i] += f0 * c->x[i];
        c->x = c->y, c->y = keep;
    }
}

/* ---- ours ---- */

static void ours(void *context)
{
    contest *c = context;
    memcpy(c->x, c->start, c->m * c->n * sizeof(float));
    must(c->error > 0 ? lg_polar(LUGE_F32, c->threads, c->m, c->n, c->error, c->x, c->work, &err)
                      : lg_newton_schulz(LUGE_F32, c->threads, c->m, c->n, c->p, c->x, c->work, &err));
}

static void ours_alone(void *context)
{
    lg_blas_hold held = lg_blas_one_thread();
    ours(context);
    lg_blas_restore(held);
}

static double error_of(const contest *c)
{
    size_t bytes;
    void *work;
    double e;
    lg_blas_hold held = lg_blas_one_thread();
    if (!lg_orthogonality_work(LUGE_F32, c->m, c->n, &bytes)) abort();
    work = room(bytes, 1);
    e = lg_orthogonality(LUGE_F32, c->threads, c->m, c->n, c->x, work);
    lg_free(work);
    lg_blas_restore(held);
    return e;
}

/* ---- one large product, for the rate ---- */

enum { SIDE = 1024 };
static void large(void *context)
{
    contest *c = context;
    product(false, SIDE, SIDE, SIDE, c->a, c->b, c->y);
}

/* ---- products in blocks ---- */

static void square(void *context)
{
    contest *c = context;
    lg_factor x = { c->start, c->m, false }, xt = { c->start, c->m, true };
    lg_blas_hold held = lg_blas_one_thread();
    lg_symmetric(LUGE_F32, c->threads, c->m, c->m, x, xt, (lg_blend){ .alpha = 1 }, c->y);
    lg_blas_restore(held);
}

static void commuting(void *context)
{
    contest *c = context;
    lg_factor x = { c->start, c->m, false }, a = { c->a, c->m, false };
    lg_blas_hold held = lg_blas_one_thread();
    lg_symmetric(LUGE_F32, c->threads, c->m, c->m, x, a, (lg_blend){ .alpha = 1 }, c->y);
    lg_blas_restore(held);
}

static void whole(void *context)
{
    contest *c = context;
    lg_blas_hold held = lg_blas_one_thread();
    lg_gemm(LUGE_F32, c->threads, c->m, c->m, c->m, (lg_factor){ c->start, c->m, false },
            (lg_factor){ c->a, c->m, false }, false, c->y, c->m);
    lg_blas_restore(held);
}

/* start is small beside one I, so that the sum is positive definite. */
static void inverse(void *context)
{
    contest *c = context;
    lg_blas_hold held = lg_blas_one_thread();
    if (!lg_inverse(LUGE_F32, c->threads, c->m, c->start, (lg_shifted){ 1, 1e-3 / (double)c->m, 1, 0 }, c->x, c->y))
        abort();
    lg_blas_restore(held);
}

static void of_blas(void *context)
{
    contest *c = context;
    product(false, c->m, c->m, c->m, c->start, c->a, c->y);
}

static void products(size_t n, int threads)
{
    static const struct {
        const char *name;
        void (*run)(void *);
    } ours[] = { { "square", square }, { "commuting", commuting }, { "product", whole }, { "inverse", inverse } };
    float *start = room(n * n, sizeof *start);
    contest c = { .m = n, .n = n, .threads = threads, .start = start };
    double t[2];

    c.x = room(n * n, sizeof *c.x);
    c.y = room(n * n, sizeof *c.y);
    c.a = room(n * n, sizeof *c.a);
    for (size_t i = 0; i < n * n; i++) start[i] = c.a[i] = (float)lg_uniform(1, 0, i);
    printf("{\"bench\":\"products\",\"n\":%zu,\"threads\":%d", n, threads);
    for (size_t i = 0; i < sizeof ours / sizeof *ours; i++) {
        compare(ours[i].run, &c, of_blas, &c, 1, t);
        printf(",\"%s\":%.3f", ours[i].name, t[0] / t[1]);
    }
    printf("}\n");
    fflush(stdout);
    lg_free(start);
    lg_free(c.x);
    lg_free(c.y);
    lg_free(c.a);
}

static void run(const char *name, contest *c, const lg_polynomial *against, const char *other)
{
    contest plainly = *c;
    double t[2], gemm[2], flops, s = (double)c->m, l = (double)c->n, errors[2];
    size_t bytes;

    plainly.p = against;
    if (!(c->error > 0 ? lg_polar_work(LUGE_F32, c->m, c->n, c->error, &bytes)
                       : lg_newton_schulz_work(LUGE_F32, c->m, c->n, &bytes)))
        abort();
    c->work = room(bytes, 1);
    plain(&plainly);
    errors[1] = error_of(&plainly);
    ours_alone(c);
    errors[0] = error_of(c);
    compare(ours_alone, c, plain, &plainly, 1, t);
    compare(large, c, large, c, 1, gemm);
    flops = against->steps * (4 * s * s * l + 2 * s * s * s);
    printf("{\"bench\":\"%s\",\"rows\":%zu,\"columns\":%zu,\"threads\":%d,\"against\":\"%s\",\"ratio\":%.3f,"
           "\"ms\":%.2f,\"error\":%.2e,\"error_against\":%.2e,\"against_of_gemm\":%.3f,\"effective_of_gemm\":%.3f,"
           "\"memory\":%.2f}\n",
           name, c->m, c->n, c->threads, other, t[0] / t[1], 1e3 * t[0], errors[0], errors[1],
           flops / t[1] * gemm[0] / (2. * SIDE * SIDE * SIDE), flops / t[0] * gemm[0] / (2. * SIDE * SIDE * SIDE),
           (double)bytes / (double)(c->m * c->n * sizeof(float)));
    fflush(stdout);
    lg_free(c->work);
}

static void shape(size_t m, size_t n, int threads)
{
    size_t most = m * n > (size_t)SIDE * SIDE ? m * n : (size_t)SIDE * SIDE;
    float *start = room(most, sizeof *start);
    const lg_polynomial keller = { lg_polynomials[0].abc, 5, 1, 0, false },
                        minimax = { lg_polynomials[2].abc, 8, lg_polynomials[2].factor, 0, false };
    contest c = { .m = m, .n = n, .threads = threads, .start = start, .p = &keller };

    for (size_t i = 0; i < m * n; i++) start[i] = (float)lg_normal(1, 0, i);
    c.x = room(most, sizeof *c.x);
    c.y = room(most, sizeof *c.y);
    c.a = room(most, sizeof *c.a);
    c.b = room(most, sizeof *c.b);
    run("muon", &c, &keller, "keller 5, three products");
    c.error = 5e-2;
    run("polar 5e-2", &c, &keller, "keller 5, three products");
    c.error = 1e-6;
    run("polar 1e-6", &c, &keller, "keller 5, three products");
    run("polar 1e-6", &c, &minimax, "polar express 8, three products");
    lg_free(start);
    lg_free(c.x);
    lg_free(c.y);
    lg_free(c.a);
    lg_free(c.b);
}

int main(int argc, char **argv)
{
    static const size_t shapes[][2] = { { 768, 768 }, { 768, 3072 }, { 1024, 4096 } };
    int threads = argc > 1 ? atoi(argv[1]) : 2;

    if (getenv("OPENBLAS_CORETYPE") || getenv("OPENBLAS_L2_SIZE")) {
        fprintf(stderr, "bench_orthogonal: unset OPENBLAS_CORETYPE and OPENBLAS_L2_SIZE: they choose another BLAS\n");
        return 2;
    }
    printf("{\"bench\":\"blas\",\"core\":\"%s\",\"threads\":%d}\n",
           openblas_get_corename ? openblas_get_corename() : "unknown", threads);
    omp_set_num_threads(threads);
    blas_threads(threads);
    for (size_t n = 256; n <= 1024; n += 256) products(n, threads);
    for (size_t i = 0; i < sizeof shapes / sizeof *shapes; i++) shape(shapes[i][0], shapes[i][1], threads);
    return 0;
}
