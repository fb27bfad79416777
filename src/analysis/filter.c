/* The momentum filter.  With x held, slots that hold places are counted from x:
 *     s⁺ = S s + t g,   W = c s + d g,   H(ω) = d + c (e^iω - S)^-1 t
 * SPDX-License-Identifier: MIT */
#include "analysis/linear.h"
#include "linalg/dense.h"

/* Row i of the slots, counted from x where they are places: its number j, and what g adds. */
static double slot(const lg_system *s, size_t i, size_t j)
{
    return s->a[i * s->n + j] - (s->place[i] ? s->a[j] : 0);
}
static double input(const lg_system *s, size_t i) { return s->b[i] - (s->place[i] ? s->b[0] : 0); }

double lg_filter_step(const lg_system *s, double g, double *slots)
{
    double next[LG_STATES], move = s->b[0] * g;
    for (size_t i = 1; i < s->n; i++) {
        next[i] = input(s, i) * g;
        for (size_t j = 1; j < s->n; j++) next[i] += slot(s, i, j) * slots[j - 1];
        move += s->a[i] * slots[i - 1];
    }
    for (size_t i = 1; i < s->n; i++) slots[i - 1] = next[i];
    return 0 - move / s->unit;
}

luge_status lg_filter_memory(const lg_system *s, double *fade, luge_error *err)
{
    luge_status st = LUGE_OK;
    size_t n = s->n - 1;
    double a[LG_STATES * LG_STATES], root[2 * LG_STATES];

    *fade = 0;
    if (n == 0) return LUGE_OK;
    for (size_t i = 0; i < n * n; i++) a[i] = slot(s, i / n + 1, i % n + 1);
    LG_TRY(lg_eigenvalues(n, a, root, err));
    for (size_t i = 0; i < n; i++) *fade = fmax(*fade, hypot(root[2 * i], root[2 * i + 1]));
done:
    return st;
}

luge_status lg_filter_at(const lg_system *s, double omega, double *magnitude, double *phase, luge_error *err)
{
    luge_status st = LUGE_OK;
    size_t n = s->n - 1;
    double a[2 * LG_STATES * LG_STATES], x[2 * LG_STATES], re = s->b[0], im = 0;

    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < n; j++) {
            a[2 * (i * n + j)] = (i == j ? lg_cos(omega) : 0) - slot(s, i + 1, j + 1);
            a[2 * (i * n + j) + 1] = i == j ? lg_sin(omega) : 0;
        }
        x[2 * i] = input(s, i + 1), x[2 * i + 1] = 0;
    }
    if (n) LG_TRY(lg_solve_complex(n, a, x, err));
    for (size_t j = 0; j < n; j++) re += s->a[j + 1] * x[2 * j], im += s->a[j + 1] * x[2 * j + 1];
    *magnitude = hypot(re, im) / s->unit;
    *phase = atan2(-im, -re);
done:
    return st;
}
