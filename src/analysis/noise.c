/* SPDX-License-Identifier: MIT */
#include "analysis/linear.h"
#include "linalg/dense.h"
#include <string.h>

/* c = a b, or a bᵀ; n x n. */
static void times(size_t n, const double *a, const double *b, bool transposed, double *c)
{
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t k = 0; k < n; k++) sum += a[i * n + k] * (transposed ? b[j * n + k] : b[k * n + j]);
            c[i * n + j] = sum;
        }
}

/* P₀ = b bᵀ, P ← P + M P Mᵀ, M ← M²: after r rounds the sum of 2^r terms (Smith 1968). */
static double by_sum(size_t n, double *m, const double *b)
{
    enum { ROUNDS = 60 };
    double p[LG_STATES * LG_STATES], q[LG_STATES * LG_STATES], r[LG_STATES * LG_STATES];
    for (size_t i = 0; i < n; i++)
        for (size_t j = 0; j < n; j++) p[i * n + j] = b[i] * b[j];
    for (int round = 0; round < ROUNDS; round++) {
        double before = p[0];
        times(n, m, p, false, q);
        times(n, q, m, true, r);
        for (size_t i = 0; i < n * n; i++) p[i] += r[i];
        times(n, m, m, false, q);
        memcpy(m, q, n * n * sizeof *m);
        if (round > 8 && p[0] == before) break;
    }
    return p[0];
}

/* (I - M ⊗ M) vec P = vec b bᵀ. */
static luge_status by_solving(size_t n, const double *m, const double *b, double *variance, luge_error *err)
{
    luge_status st = LUGE_OK;
    size_t nn = n * n;
    double *a, *p = NULL;

    LG_NEED(a = lg_alloc(nn * nn, sizeof *a));
    LG_NEED(p = lg_alloc(nn, sizeof *p));
    for (size_t r = 0; r < nn; r++) {
        for (size_t c = 0; c < nn; c++) a[r * nn + c] = (r == c) - m[r / n * n + c / n] * m[r % n * n + c % n];
        p[r] = b[r / n] * b[r % n];
    }
    LG_TRY(lg_solve(nn, a, p, err));
    *variance = p[0];
done:
    lg_free(a);
    lg_free(p);
    return st;
}

luge_status lg_noise(const lg_system *s, double q, double *summed, double *solved, luge_error *err)
{
    luge_status st = LUGE_OK;
    double m[LG_STATES * LG_STATES], radius;

    *summed = *solved = HUGE_VAL;
    LG_TRY(lg_radius(s, q, &radius, err));
    if (!(radius < LG_STABLE)) return LUGE_OK;
    memcpy(m, s->a, s->n * s->n * sizeof *m);
    for (size_t i = 0; i < s->n; i++) m[i * s->n] += q * s->b[i];
    LG_TRY(by_solving(s->n, m, s->b, solved, err));
    *summed = by_sum(s->n, m, s->b);
done:
    return st;
}
