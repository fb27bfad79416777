/* AdamW in cache on one thread: luge's step beside the same step written by hand with AVX-512 or AVX2 intrinsics,
 * whichever the processor has.  ratio: luge's time over theirs; 1 or less means that plain C loses nothing.
 * SPDX-License-Identifier: MIT */
#include "measure.h"
#include <string.h>

typedef struct constants {
    float b1, a1, b2, a2, step, rc2, eps, keep;
} constants;

typedef void adamw_loop(float *x, const float *g, float *m, float *v, size_t n, const constants *c);

#ifdef __x86_64__
#include <immintrin.h>

static float one(float x, float g, float *m, float *v, const constants *c)
{
    *m = c->b1 * *m + c->a1 * g;
    *v = c->b2 * *v + c->a2 * (g * g);
    return c->keep * x - c->step * *m / (sqrtf(*v * c->rc2) + c->eps);
}

__attribute__((target("avx512f"))) static void adamw_512(float *x, const float *g, float *m, float *v, size_t n,
                                                         const constants *c)
{
    const __m512 b1 = _mm512_set1_ps(c->b1), a1 = _mm512_set1_ps(c->a1), b2 = _mm512_set1_ps(c->b2),
                 a2 = _mm512_set1_ps(c->a2), step = _mm512_set1_ps(c->step), rc2 = _mm512_set1_ps(c->rc2),
                 eps = _mm512_set1_ps(c->eps), keep = _mm512_set1_ps(c->keep);
    size_t i = 0;

    for (; i + 16 <= n; i += 16) {
        __m512 gi = _mm512_loadu_ps(g + i);
        __m512 mi = _mm512_fmadd_ps(b1, _mm512_loadu_ps(m + i), _mm512_mul_ps(a1, gi));
        __m512 vi = _mm512_fmadd_ps(b2, _mm512_loadu_ps(v + i), _mm512_mul_ps(a2, _mm512_mul_ps(gi, gi)));
        __m512 root = _mm512_add_ps(_mm512_sqrt_ps(_mm512_mul_ps(vi, rc2)), eps);
        _mm512_storeu_ps(m + i, mi);
        _mm512_storeu_ps(v + i, vi);
        _mm512_storeu_ps(x + i,
                         _mm512_fmsub_ps(keep, _mm512_loadu_ps(x + i), _mm512_div_ps(_mm512_mul_ps(step, mi), root)));
    }
    for (; i < n; i++) x[i] = one(x[i], g[i], &m[i], &v[i], c);
}

__attribute__((target("avx2,fma"))) static void adamw_256(float *x, const float *g, float *m, float *v, size_t n,
                                                          const constants *c)
{
    const __m256 b1 = _mm256_set1_ps(c->b1), a1 = _mm256_set1_ps(c->a1), b2 = _mm256_set1_ps(c->b2),
                 a2 = _mm256_set1_ps(c->a2), step = _mm256_set1_ps(c->step), rc2 = _mm256_set1_ps(c->rc2),
                 eps = _mm256_set1_ps(c->eps), keep = _mm256_set1_ps(c->keep);
    size_t i = 0;

    for (; i + 8 <= n; i += 8) {
        __m256 gi = _mm256_loadu_ps(g + i);
        __m256 mi = _mm256_fmadd_ps(b1, _mm256_loadu_ps(m + i), _mm256_mul_ps(a1, gi));
        __m256 vi = _mm256_fmadd_ps(b2, _mm256_loadu_ps(v + i), _mm256_mul_ps(a2, _mm256_mul_ps(gi, gi)));
        __m256 root = _mm256_add_ps(_mm256_sqrt_ps(_mm256_mul_ps(vi, rc2)), eps);
        _mm256_storeu_ps(m + i, mi);
        _mm256_storeu_ps(v + i, vi);
        _mm256_storeu_ps(x + i,
                         _mm256_fmsub_ps(keep, _mm256_loadu_ps(x + i), _mm256_div_ps(_mm256_mul_ps(step, mi), root)));
    }
    for (; i < n; i++) x[i] = one(x[i], g[i], &m[i], &v[i], c);
}

static const char *choose(adamw_loop **loop)
{
    bool wide = __builtin_cpu_supports("avx512f");
    *loop = wide ? adamw_512 : adamw_256;
    return wide ? "avx512" : __builtin_cpu_supports("avx2") && __builtin_cpu_supports("fma") ? "avx2" : NULL;
}
#else
static const char *choose(adamw_loop **loop) { return *loop = NULL, NULL; }
#endif

/* ---- both sides ---- */

typedef struct hand {
    adamw_loop *loop;
    float *x, *g, *m, *v;
    size_t n;
    int64_t k;
} hand;

static const double lr = 1e-4, beta1 = 0.9, beta2 = 0.999, decay = 0.01, eps = 1e-8;

static void hand_step(void *context)
{
    hand *h = (hand *)context;
    double k = (double)++h->k;
    constants c = { (float)beta1,
                    (float)(1 - beta1),
                    (float)beta2,
                    (float)(1 - beta2),
                    (float)(lr / (1 - lg_power(beta1, k))),
                    (float)(1 / (1 - lg_power(beta2, k))),
                    (float)eps,
                    (float)(1 - lr * decay) };
    h->loop(h->x, h->g, h->m, h->v, h->n, &c);
}

typedef struct ours {
    luge_optimizer *opt;
    luge_inputs in;
    const void *grad[1];
    float *x;
} ours;

static void our_step(void *context)
{
    ours *o = (ours *)context;
    must(luge_step(o->opt, &o->in, &err));
}

static void our_open(ours *o, const float *g, const float *x, size_t n)
{
    const struct {
        const char *key;
        double value;
    } settings[] = {
        { "lr", lr }, { "beta1", beta1 }, { "beta2", beta2 }, { "weight_decay", decay }, { "eps", eps }
    };

    *o = (ours){ .grad = { g }, .x = room(n, sizeof *o->x) };
    memcpy(o->x, x, n * sizeof *x);
    o->in.grad = o->grad;
    must(luge_new(&o->opt, "adamw", &err));
    for (size_t i = 0; i < sizeof settings / sizeof settings[0]; i++)
        must(luge_set_real(o->opt, 0, settings[i].key, settings[i].value, &err));
    must(luge_option(o->opt, "threads", "1", &err));
    must(luge_add(o->opt, 0, "w", LUGE_F32, o->x, 1, &n, &err));
}

/* The largest difference after the same few steps: both must be the same method. */
static double difference(const float *a, const float *b, size_t n)
{
    double most = 0;
    for (size_t i = 0; i < n; i++) most = fmax(most, fabs((double)a[i] - (double)b[i]) / (1e-3 + fabs((double)b[i])));
    return most;
}

static void measure(adamw_loop *loop, const char *name, size_t n)
{
    hand h = { loop, room(n, 4), room(n, 4), room(n, 4), room(n, 4), n, 0 };
    ours o;
    double t[2];

    for (size_t i = 0; i < n; i++) {
        h.x[i] = (float)lg_normal(1, 0, i);
        h.g[i] = (float)lg_normal(1, 1, i);
    }
    our_open(&o, h.g, h.x, n);
    for (int i = 0; i < 10; i++) our_step(&o), hand_step(&h);
    double apart = difference(o.x, h.x, n);
    if (!(apart < 1e-3)) fprintf(stderr, "the two disagree by %g: no comparison\n", apart), exit(1);
    compare(our_step, &o, hand_step, &h, (int)(20000000 / n), t);
    printf("{\"bench\":\"intrinsics\",\"method\":\"adamw\",\"n\":%zu,\"hand\":\"%s\",\"ratio\":%.3f,\"gb_per_s\":%."
           "1f,\"difference\":%.1e}\n",
           n, name, t[0] / t[1], 28 * (double)n / t[0] / 1e9, apart);
    fflush(stdout);
    luge_free(o.opt);
    lg_free(o.x);
    lg_free(h.x);
    lg_free(h.g);
    lg_free(h.m);
    lg_free(h.v);
}

int main(void)
{
    adamw_loop *loop;
    const char *name = choose(&loop);

    if (!name)
        return printf("{\"bench\":\"intrinsics\",\"skipped\":\"the processor has neither AVX2 nor AVX-512\"}\n"), 0;
    for (size_t n = 20000; n <= 200000; n = n == 20000 ? 50000 : 2 * n) measure(loop, name, n);
    return 0;
}
