/* What the references of the methods share: recorded gradients, runs through the public interface, the comparison of
 * every parameter after every step, and the order in which iterates tend to a flow.
 * SPDX-License-Identifier: MIT */
#ifndef REFERENCE_H
#define REFERENCE_H
#include "check.h"
#include <float.h>
#include <luge/luge.h>
#include <math.h>
#include <stdbool.h>
#include <stdio.h>
#include <string.h>

#pragma GCC diagnostic ignored "-Wdouble-promotion" /* to long double it is wanted */

enum { STEPS = 40 };
#ifndef TENSOR_TABLE /* matrix.h has other tensors */
#define TENSOR_TABLE                                                                                                 \
    {                                                                                                                \
        { "mat", 2, { 3, 4 }, 12, 0 }, { "vec", 1, { 5 }, 5, 12 }, { "conv", 4, { 2, 2, 2, 1 }, 8, 17 },             \
            { "scalar", 0, { 0 }, 1, 25 },                                                                           \
    }
enum { TENSORS = 4, COORDINATES = 26 };
#endif

typedef struct tensor {
    const char *name;
    int ndim;
    size_t shape[4], n, at;
} tensor;
static const tensor tensors[TENSORS] = TENSOR_TABLE;

/* Step sizes and gradients of steps 1 .. STEPS; all gradients and starts are numbers of f32. */
typedef struct record {
    double lr[STEPS + 1], x0[COORDINATES], g[STEPS + 1][COORDINATES];
    bool absent[STEPS + 1][TENSORS];
} record;

typedef long double path[STEPS + 1][COORDINATES]; /* the parameters after each step */

/* splitmix64, as a number in (-1, 1) */
static inline double noise(uint64_t *state)
{
    uint64_t z = *state += 0x9e3779b97f4a7c15u;
    z = (z ^ (z >> 30)) * 0xbf58476d1ce4e5b9u;
    z = (z ^ (z >> 27)) * 0x94d049bb133111ebu;
    return (double)(int64_t)(z ^ (z >> 31)) / 9.3e18;
}

/* Gradients of scales 10^low .. 10^high with a drift and noise; coordinates 3 and 19 have none, nor have any in step
 * 6, nor has the scalar in step 1.  rough: the step size changes, and some tensors lack gradients in some steps. */
static inline void record_make(record *r, uint64_t seed, double lr, double low, double high, bool rough)
{
    memset(r, 0, sizeof *r);
    for (int i = 0; i < COORDINATES; i++) r->x0[i] = (float)noise(&seed);
    for (int t = 1; t <= STEPS; t++) {
        r->lr[t] = !rough || t < 10 ? lr : t < 20 ? lr / 2 : lr * (t % 3 + 1) / 8;
        for (int i = 0; i < COORDINATES; i++) {
            double scale = pow(10, low + (high - low) * (i * 7 % COORDINATES) / COORDINATES);
            r->g[t][i] = (float)(scale * (noise(&seed) + 0.3 * (i % 3 - 1)));
            if (i == 3 || i == 19 || t == 6 || (t == 1 && i == 25)) r->g[t][i] = 0;
        }
    }
    for (int t = 1; t <= STEPS && rough; t++) {
        r->absent[t][1] = t <= 5;
        r->absent[t][2] = t % 7 == 3;
        r->absent[t][3] = t > 20 && t < 25;
    }
}

/* ---- runs ---- */

/* "a=1 b=2" */
static inline luge_status set_all(luge_optimizer *opt, const char *settings, luge_error *err)
{
    char text[512], *at = text;
    luge_status st = LUGE_OK;
    snprintf(text, sizeof text, "%s", settings);
    for (char *row; !st && (row = strtok_r(at, " ", &at));) {
        char *value = strchr(row, '=');
        *value++ = 0;
        st = luge_set(opt, 0, row, value, err);
    }
    return st;
}

static inline luge_optimizer *open_method(const char *method, const char *settings)
{
    luge_error err;
    luge_optimizer *opt = NULL;
    MUST(luge_new(&opt, method, &err));
    MUST(set_all(opt, settings, &err));
    return opt;
}

/* The method on the record: x[t] are the parameters after step t. */
static inline void play(const record *r, const char *method, const char *settings, luge_type type,
                        double x[STEPS + 1][COORDINATES])
{
    luge_error err;
    luge_optimizer *opt = open_method(method, settings);
    double xd[COORDINATES], gd[COORDINATES];
    float xf[COORDINATES], gf[COORDINATES];
    for (int i = 0; i < COORDINATES; i++) xf[i] = (float)(x[0][i] = xd[i] = r->x0[i]);
    for (const tensor *n = tensors; n < tensors + TENSORS; n++)
        MUST(luge_add(opt, 0, n->name, type, type == LUGE_F64 ? (void *)(xd + n->at) : xf + n->at, n->ndim, n->shape,
                      &err));
    for (int t = 1; t <= STEPS; t++) {
        const void *grad[TENSORS];
        for (int i = 0; i < COORDINATES; i++) gf[i] = (float)(gd[i] = r->g[t][i]);
        for (int i = 0; i < TENSORS; i++) {
            const void *g = type == LUGE_F64 ? (void *)(gd + tensors[i].at) : gf + tensors[i].at;
            grad[i] = r->absent[t][i] ? NULL : g;
        }
        MUST(luge_set_real(opt, 0, "lr", r->lr[t], &err));
        MUST(luge_step(opt, &(luge_inputs){ .grad = grad }, &err));
        for (int i = 0; i < COORDINATES; i++) x[t][i] = type == LUGE_F64 ? xd[i] : (double)xf[i];
    }
    luge_free(opt);
}

/* A few coordinates in f64, with gradients taken where the parameters are. */
enum { FEW = 4 };
static inline void descend(const char *method, const char *settings, const double *x0, int steps,
                           void (*gradient)(const double *x, double *g),
                           void (*see)(int k, const double *x, void *to), void *to)
{
    luge_error err;
    luge_optimizer *opt = open_method(method, settings);
    double x[FEW], g[FEW];
    const void *grad = g;
    memcpy(x, x0, sizeof x);
    MUST(luge_add(opt, 0, "x", LUGE_F64, x, 1, (size_t[]){ FEW }, &err));
    for (int k = 1; k <= steps; k++) {
        gradient(x, g);
        MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
        see(k, x, to);
    }
    luge_free(opt);
}

static inline void see_last(int k, const double *x, void *to)
{
    (void)k;
    memcpy(to, x, FEW * sizeof *x);
}

/* ---- comparison ---- */

/* Every step rounds a few times, relative to the value and to the step; a recursion keeps what was lost.  So after k
 * steps at most 4 (k + 4) units in the last place of the way that the coordinate has gone; and `condition` times
 * that, if what all of them multiply is a quotient that enlarges roundings so. */
static inline void compare_within(const char *label, const record *r, const char *method, const char *settings,
                                  path want, long double condition)
{
    static const struct {
        luge_type type;
        const char *name;
        long double unit;
    } in[] = { { LUGE_F64, "f64", DBL_EPSILON }, { LUGE_F32, "f32", FLT_EPSILON } };
    static double got[STEPS + 1][COORDINATES];
    for (size_t j = 0; j < ROWS(in); j++) {
        int bad = 0;
        play(r, method, settings, in[j].type, got);
        for (int i = 0; i < COORDINATES && !bad; i++) {
            long double way = fabsl(want[0][i]);
            for (int t = 1; t <= STEPS && !bad; t++) {
                way += fabsl(want[t][i] - want[t - 1][i]);
                long double error = fabsl((long double)got[t][i] - want[t][i]),
                            most = 4 * (t + 4) * in[j].unit * way * condition;
                bad = !(error <= most);
                CHECK(!bad, "%s, %s, %s: coordinate %d, step %d: %.17g and not %.17Lg: off by %.3Lg, at most %.3Lg",
                      label, settings, in[j].name, i, t, got[t][i], want[t][i], error, most);
            }
        }
    }
}

static inline void compare(const char *label, const record *r, const char *method, const char *settings, path want)
{
    compare_within(label, r, method, settings, want, 1);
}

/* xₖ of a coordinate from its own gradients g[1..k], earlier values x[0..k-1] and step sizes lr[1..k]. */
typedef long double rule(const void *h, int k, const long double *g, const long double *x, const long double *lr);

/* The record by a rule for each coordinate, which sees only the steps in which its tensor had a gradient. */
static inline void by_rule(const record *r, rule *next, const void *h, path want)
{
    for (const tensor *n = tensors; n < tensors + TENSORS; n++)
        for (size_t i = n->at; i < n->at + n->n; i++) {
            long double g[STEPS + 1] = { 0 }, x[STEPS + 1] = { 0 }, lr[STEPS + 1] = { 0 };
            int k = 0;
            want[0][i] = x[0] = r->x0[i];
            for (int t = 1; t <= STEPS; t++) {
                if (!r->absent[t][n - tensors]) {
                    g[++k] = r->g[t][i];
                    lr[k] = r->lr[t];
                    x[k] = next(h, k, g, x, lr);
                }
                want[t][i] = x[k];
            }
        }
}

/* On a steady record, and on a rough one. */
static inline void against_rule(const char *label, const char *method, const char *settings, double lr, double low,
                                double high, rule *next, const void *h)
{
    static record r;
    static path want;
    for (int rough = 0; rough < 2; rough++) {
        record_make(&r, 11 + (uint64_t)rough, lr, low, high, rough);
        by_rule(&r, next, h, want);
        compare(label, &r, method, settings, want);
    }
}

/* The same bits by two ways. */
static inline void same(const char *label, const record *a, const char *method_a, const char *settings_a,
                        const record *b, const char *method_b, const char *settings_b)
{
    static double x[STEPS + 1][COORDINATES], y[STEPS + 1][COORDINATES];
    for (int type = LUGE_F32; type <= LUGE_F64; type++) {
        play(a, method_a, settings_a, (luge_type)type, x);
        play(b, method_b, settings_b, (luge_type)type, y);
        CHECK(!memcmp(x, y, sizeof x), "%s: %s %s and %s %s differ in type %d", label, method_a, settings_a, method_b,
              settings_b, type);
    }
}

/* The same, up to rounding. */
static inline void like(const char *label, const record *r, const char *method, const char *settings,
                        const char *other, const char *other_settings)
{
    static double y[STEPS + 1][COORDINATES];
    static path want;
    play(r, other, other_settings, LUGE_F64, y);
    for (int t = 0; t <= STEPS; t++)
        for (int i = 0; i < COORDINATES; i++) want[t][i] = y[t][i];
    compare(label, r, method, settings, want);
}

/* Settings that must be refused, at once or by the first step, with a message that has `word` in it. */
static inline void refused(const char *method, const char *settings, const char *word)
{
    luge_error err = { 0 };
    luge_optimizer *opt = NULL;
    double x = 1, g = 1;
    const void *grad = &g;
    MUST(luge_new(&opt, method, &err));
    luge_status st = set_all(opt, settings, &err);
    if (!st) {
        MUST(luge_add(opt, 0, "x", LUGE_F64, &x, 0, NULL, &err));
        st = luge_step(opt, &(luge_inputs){ .grad = &grad }, &err);
    }
    CHECK(st != LUGE_OK && strstr(err.text, word), "%s %s: status %d, \"%s\" and nothing of \"%s\"", method, settings,
          (int)st, err.text, word);
    CHECK(x == 1, "%s %s: the parameter has moved", method, settings);
    luge_free(opt);
}

/* ---- flows ---- */

/* ∇ of ½(1-a)² + (b-a²)² in a = x₀, b = x₁, and of ½x₂² + x₃² */
static inline void valley(const double *x, double *g)
{
    double w = x[1] - x[0] * x[0];
    g[0] = x[0] - 1 - 4 * x[0] * w;
    g[1] = 2 * w;
    g[2] = x[2];
    g[3] = 2 * x[3];
}

/* x' = field(x, ∇f(x)) to time T by Runge and Kutta's method of order 4. */
typedef void field(const double *x, const double *g, double *v);
static inline void flow(field *of, double *x, double T)
{
    enum { N = 4000 };
    for (int n = 0; n < N; n++) {
        static const double at[] = { 0, .5, .5, 1 }, weight[] = { 1, 2, 2, 1 };
        double h = T / N, v[FEW] = { 0 }, y[FEW], g[FEW], sum[FEW] = { 0 };
        for (int s = 0; s < 4; s++) {
            for (int i = 0; i < FEW; i++) y[i] = x[i] + h * at[s] * v[i];
            valley(y, g);
            of(y, g, v);
            for (int i = 0; i < FEW; i++) sum[i] += weight[s] * v[i] / 6;
        }
        for (int i = 0; i < FEW; i++) x[i] += h * sum[i];
    }
}

/* Fixed settings, lr -> 0, T = k lr: the iterates tend to the flow with order 1. */
static inline void tends_to(const char *label, const char *method, const char *settings, field *of, double T)
{
    static const double start[FEW] = { -.5, .6, 1, -.7 };
    double want[FEW], error[2] = { 0 };
    memcpy(want, start, sizeof want);
    flow(of, want, T);
    for (int r = 0; r < 2; r++) {
        int steps = 4096 << r;
        double x[FEW];
        char text[256];
        snprintf(text, sizeof text, "%s lr=%.17g", settings, T / steps);
        descend(method, text, start, steps, valley, see_last, x);
        for (int i = 0; i < FEW; i++) error[r] = fmax(error[r], fabs(x[i] - want[i]));
    }
    double order = log2(error[0] / error[1]);
    CHECK(fabs(order - 1) < .03, "%s: order %.4f, errors %g and %g", label, order, error[0], error[1]);
}

#endif
