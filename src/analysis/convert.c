/* Which member of the two-step family a system is, read off its response rₖ = xₖ₊₁ to one gradient g₀ = 1:
 *     r₀ = -h (1+a),   rₖ₊₁ - rₖ = (h a + λ r₀) λᵏ
 * SPDX-License-Identifier: MIT */
#include "analysis/linear.h"
#include <string.h>

enum { TERMS = 16 };
static void respond(const lg_system *s, double *r)
{
    double z[LG_STATES], next[LG_STATES];
    memcpy(z, s->b, sizeof z);
    for (int k = 0; k < TERMS; k++) {
        r[k] = z[0];
        for (size_t i = 0; i < s->n; i++) {
            next[i] = 0;
            for (size_t j = 0; j < s->n; j++) next[i] += s->a[i * s->n + j] * z[j];
        }
        memcpy(z, next, sizeof z);
    }
}

lg_two_step lg_two_step_of(const lg_system *s)
{
    double r[TERMS], size = 0, first, ratio, power = 1;
    lg_two_step t = { .is = true };

    respond(s, r);
    for (int k = 0; k < TERMS; k++) size = fmax(size, fabs(r[k]));
    first = r[1] - r[0];
    ratio = fabs(first) > 1e-14 * size ? (r[2] - r[1]) / first : 0;
    for (int k = 0; k + 1 < TERMS; k++, power *= ratio)
        t.is = t.is && fabs(r[k + 1] - r[k] - first * power) <= 1e-13 * size;
    t.is = t.is && size > 0;
    t.momentum = ratio;
    t.h = -r[0] - (first - ratio * r[0]);
    t.a = (first - ratio * r[0]) / t.h;
    if (ratio == 0 && fabs(t.a) < 1e-13) t.a = 0;
    return t;
}
