/* Would a batch of equal small matrices save time?  A step of Muon on 48 matrices of one size in f32, each its own
 * tensor, beside what no batch on this BLAS can do without: the products alone, five rounds of three for each matrix
 * (in X form: two symmetric ones, made whole here, and one), called one after another by each thread on its share of
 * the matrices. ratio   of the step over the products;   adamw   of AdamW's step on the same tensors over the
 * products Usage: bench_small.  SPDX-License-Identifier: MIT */
#include "measure.h"

#include "linalg/gemm.h"
#include <cblas.h>
#include <luge/luge.h>

enum { COUNT = 48, TIMES = 20, PRODUCTS = 15, LONGEST = 128 };

typedef struct bare {
    int side, threads;
    float *a, *b, *c;
} bare;

static void share(void *context, size_t id, size_t of)
{
    const bare *t = context;
    size_t n = (size_t)t->side * (size_t)t->side;
    for (size_t i = id; i < COUNT; i += of)
        for (int k = 0; k < PRODUCTS; k++)
            cblas_sgemm(CblasRowMajor, CblasNoTrans, CblasNoTrans, t->side, t->side, t->side, 1, t->a + i * n,
                        t->side, t->b + i * n, t->side, 0, t->c + i * n, t->side);
}

static void products(void *context)
{
    bare *t = context;
    lg_blas_hold held = lg_blas_one_thread();
    lg_share(t->threads, share, t);
    lg_blas_restore(held);
}

typedef struct model {
    luge_optimizer *opt;
    const void *grad[COUNT];
} model;

static void step(void *context)
{
    model *m = context;
    must(luge_step(m->opt, &(luge_inputs){ .grad = m->grad }, &err));
}

static void model_open(model *m, const char *method, const bare *t, float *x)
{
    char text[16];
    size_t side = (size_t)t->side;
    must(luge_new(&m->opt, method, &err));
    snprintf(text, sizeof text, "%d", t->threads);
    must(luge_option(m->opt, "threads", text, &err));
    must(luge_set(m->opt, 0, "lr", "1e-6", &err));
    for (size_t i = 0; i < COUNT; i++) {
        snprintf(text, sizeof text, "w%zu", i);
        m->grad[i] = t->a + i * side * side;
        must(luge_add(m->opt, 0, text, LUGE_F32, x + i * side * side, 2, (size_t[]){ side, side }, &err));
    }
}

int main(void)
{
    static const int sides[] = { 16, 32, 64, LONGEST };
    enum { ROOM = COUNT * LONGEST * LONGEST };
    bare t = { .a = room(ROOM, 4), .b = room(ROOM, 4), .c = room(ROOM, 4) };
    float *x = room(ROOM, 4), *y = room(ROOM, 4);

    for (size_t i = 0; i < ROOM; i++) t.a[i] = t.b[i] = (float)lg_uniform(1, 0, i) - 0.5F;
    for (t.threads = 1; t.threads <= 2; t.threads++)
        for (size_t s = 0; s < sizeof sides / sizeof *sides; s++) {
            model muon, adamw;
            double one[2], two[2];
            t.side = sides[s];
            model_open(&muon, "muon", &t, x);
            model_open(&adamw, "adamw", &t, y);
            compare(step, &muon, products, &t, TIMES, one);
            compare(step, &adamw, products, &t, TIMES, two);
            printf(
                "{\"bench\":\"small\",\"count\":%d,\"side\":%d,\"threads\":%d,\"step_us\":%.1f,\"products_us\":%.1f,"
                "\"ratio\":%.3f,\"adamw\":%.3f}\n",
                COUNT, t.side, t.threads, 1e6 * one[0], 1e6 * one[1], one[0] / one[1], two[0] / two[1]);
            luge_free(muon.opt);
            luge_free(adamw.opt);
        }
    lg_free(t.a), lg_free(t.b), lg_free(t.c), lg_free(x), lg_free(y);
    return 0;
}
