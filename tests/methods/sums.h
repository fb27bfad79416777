/* What the references of momentum methods share beyond reference.h: a struct of settings made of a table, moments as
 * weighted sums over all gradients, steps on gradients that are given, decay by its closed form.
 *
 *     #define SETTINGS(_) _(real, beta1) _(flag, nesterov) _(word, eps_at)      before this file is included
 *
 * A real that is NaN is written as `none`.  SPDX-License-Identifier: MIT */
#ifndef SUMS_H
#define SUMS_H
#include "engine/engine.h"
#include "methods/reference.h"

#define FIELD_real  double
#define FIELD_flag  bool
#define FIELD_word  const char *
#define FIELD(k, n) FIELD_##k n;
#define PRINT(k, n) used += print_##k(to + used, sizeof to - (size_t)used, #n, h->n);
typedef struct settings {
    const char *label;
    SETTINGS(FIELD)
} settings;

static inline int print_real(char *to, size_t size, const char *name, double v)
{
    return isnan(v) ? snprintf(to, size, "%s=none ", name) : snprintf(to, size, "%s=%.17g ", name, v);
}
static inline int print_flag(char *to, size_t size, const char *name, bool v)
{
    return snprintf(to, size, "%s=%s ", name, v ? "true" : "false");
}
static inline int print_word(char *to, size_t size, const char *name, const char *v)
{
    return snprintf(to, size, "%s=%s ", name, v);
}

static inline const char *text(const settings *h)
{
    static char to[512];
    int used = 0;
    SETTINGS(PRINT)
    return to;
}

/* (1-β) Σⱼ βᵏ⁻ʲ gⱼᵖ */
static inline long double mean(long double beta, int k, const long double *g, int p)
{
    long double sum = 0, weight = 1 - beta;
    for (int j = k; j >= 1; j--, weight *= beta) sum += weight * (p == 2 ? g[j] * g[j] : g[j]);
    return sum;
}

/* 1 - βᵏ */
static inline long double correction(long double beta, int k) { return beta == 0 ? 1 : -expm1l(k * logl(beta)); }

static inline long double ratio_sign(long double u) { return (u > 0) - (u < 0); }

/* A whole record by a rule that takes all tensors together: x in place, from step t's gradients; k[n] counts the
 * steps of tensor n, of which active[n] has a gradient now. */
typedef struct whole {
    const record *r;
    int t, group_k, k[TENSORS];
    bool active[TENSORS];
    long double lr, g[COORDINATES], x[COORDINATES];
} whole;
typedef void whole_rule(const void *h, whole *w, void *memory);

static inline void by_whole(const record *r, whole_rule *next, const void *h, void *memory, path want)
{
    whole w = { .r = r };
    for (int i = 0; i < COORDINATES; i++) want[0][i] = w.x[i] = r->x0[i];
    for (w.t = 1; w.t <= STEPS; w.t++) {
        bool any = false;
        for (int n = 0; n < TENSORS; n++) any |= w.active[n] = !r->absent[w.t][n];
        for (int n = 0; n < TENSORS; n++) w.k[n] += w.active[n];
        for (int i = 0; i < COORDINATES; i++) w.g[i] = r->g[w.t][i];
        w.group_k += any;
        w.lr = r->lr[w.t];
        next(h, &w, memory);
        memcpy(want[w.t], w.x, sizeof w.x);
    }
}

static inline long double dot(const long double *a, const long double *b, size_t n)
{
    long double s = 0;
    for (size_t i = 0; i < n; i++) s += a[i] * b[i];
    return s;
}

/* ---- a few coordinates on gradients that are given ---- */

static const double few[FEW] = { 1, -1, .5, .75 };
static double given[FEW];
static inline void as_given(const double *x, double *g)
{
    (void)x;
    memcpy(g, given, sizeof given);
}

/* No gradient: x goes by Π (1 - ηₖ λ) for λ = ½, η = ¼ and a warm-up of 4 steps; where `own` is not decay but
 * coupled, by nothing of the kind, so it is not asked. */
static inline void decay_follows_its_closed_form(const char *method, const char *settings)
{
    char with[256];
    double x[FEW];
    long double factor = 1;
    snprintf(with, sizeof with, "lr=0.25 weight_decay=0.5 schedule=warmup:steps=4 %s", settings);
    memset(given, 0, sizeof given);
    descend(method, with, few, 9, as_given, see_last, x);
    for (int k = 1; k <= 9; k++) factor *= 1 - .125L * (k < 4 ? k / 4.0L : 1);
    for (int i = 0; i < FEW; i++)
        CHECK(fabsl(x[i] - factor * few[i]) <= 40 * DBL_EPSILON, "%s: %.17g and not %.17Lg", method, x[i],
              factor * few[i]);
}

/* Nothing moves before a gradient came. */
static inline void stays_without_gradients(const char *method, const char *settings)
{
    double x[FEW];
    memset(given, 0, sizeof given);
    descend(method, settings, few, 9, as_given, see_last, x);
    CHECK(!memcmp(x, few, sizeof x), "%s %s: a parameter moved before any gradient came", method, settings);
}

/* The first step on the gradients that are given: x₀ - step(g). */
static inline void first_step_is(const char *method, const char *settings, long double (*step)(long double g))
{
    double x[FEW];
    given[0] = 1, given[1] = -1e-6, given[2] = 1e3, given[3] = -1e-9;
    descend(method, settings, few, 1, as_given, see_last, x);
    for (int i = 0; i < FEW; i++) {
        long double want = few[i] - step(given[i]);
        CHECK(fabsl(x[i] - want) <= 8 * DBL_EPSILON * (fabsl(want) + fabs(few[i])),
              "%s %s, g = %g: %.17g and not %.17Lg", method, settings, given[i], x[i], want);
    }
}

/* The constants of k = infinity are those that late steps tend to; numbers kept per tensor have faded there. */
static inline void constants_have_a_limit(const char *method, const char *settings)
{
    const lg_method *m = luge_method_find(method)->method;
    double c[2][64] = { { 0 } }, memory[16], own[16] = { 0 };
    _Alignas(16) char h[1024];
    luge_error err;
    assert_true(m->hyper_size <= sizeof h && m->coef_size <= sizeof *c);
    MUST(lg_setting_defaults(method, m->hyper, h, &err));
    MUST(lg_setting_parse(method, m->hyper, h, settings, &err));
    for (int i = 0; i < 2; i++) {
        m->begin(h, memory);
        m->prepare(h, i ? INFINITY : 1e12, memory, own, c[i]);
    }
    for (size_t j = 0; j < m->coef_size / sizeof(double); j++)
        CHECK(fabs(c[0][j] - c[1][j]) <= 1e-6 * fmax(1, fabs(c[1][j])), "%s %s: constant %zu tends to %g and is %g",
              method, settings, j, c[0][j], c[1][j]);
}
#endif
