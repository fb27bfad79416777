/* Which member of the two-step family a system is, read off its response rₖ = xₖ₊₁ to one gradient g₀ = 1:
 *     r₀ = -h (1+a),   rₖ₊₁ - rₖ = (h a + λ r₀) λᵏ
 * SPDX-License-Identifier: MIT */
#include "analysis/linear.h"
#include <string.h>

enum { TERMS = 16 };

/* step[k] = rₖ₊₁ - rₖ, as (A - I) Aᵏ b without taking differences; the result: r₀. */
static double respond(const lg_system *s, double *step)
{
    double z[LG_STATES], next[LG_STATES];
    memcpy(z, s->b, sizeof z);
    for (int k = 0; k < TERMS; k++) {
        step[k] = 0;
        for (size_t i = 0; i < s->n; i++) {
            next[i] = 0;
            for (size_t j = 0; j < s->n; j++) {
                next[i] += s->a[i * s->n + j] * z[j];
                if (i == 0) step[k] += (s->a[j] - (j == 0)) * z[j];
            }
        }
        memcpy(z, next, sizeof z);
    }
    return s->b[0];
}

lg_two_step lg_two_step_of(const lg_system *s)
{
    double step[TERMS], first = respond(s, step), size = fabs(first), power = 1;
    lg_two_step t = { .is = true };

    for (int k = 0; k < TERMS; k++) size = fmax(size, fabs(step[k]));
    t.momentum = fabs(step[0]) > 1e-14 * size ? step[1] / step[0] : 0;
    for (int k = 0; k < TERMS; k++, power *= t.momentum)
        t.is = t.is && fabs(step[k] - step[0] * power) <= 1e-13 * size;
    t.is = t.is && size > 0;
    t.a = step[0] - t.momentum * first; /* h a */
    t.h = -first - t.a;
    t.a = fabs(t.a) > 1e-14 * size ? t.a / t.h : 0;
    return t;
}

void lg_conventions(const lg_two_step *t, lg_convention c[LG_CONVENTIONS])
{
    static const double within = 1e-12;
    double l = t->momentum, a = t->a, mean = t->h / (1 - l);
    bool plain = fabs(a) <= within, ahead = !plain && fabs(a - l) <= within, either = plain || ahead;
    bool mixed = plain || l != 0;

    c[0] = (lg_convention){ "kovachki_stuart",
                            "u+ = u + momentum (u - u-) - h g(y),  y = u + a (u - u-);  the parameter is y",
                            true,
                            3,
                            { { "momentum", l }, { "h", t->h }, { "a", a } } };
    c[1] = (lg_convention){ "torch",
                            plain   ? "b = momentum b + g,  x = x - lr b"
                            : ahead ? "b = momentum b + g,  x = x - lr (g + momentum b)"
                                    : "torch.optim.SGD has a = 0 and a = momentum alone",
                            either,
                            3,
                            { { "lr", t->h }, { "momentum", l }, { "nesterov", ahead } } };
    c[2] = (lg_convention){ "ema",
                            plain   ? "m = momentum m + (1-momentum) g,  x = x - lr m"
                            : ahead ? "m = momentum m + (1-momentum) g,  x = x - lr (momentum m + (1-momentum) g)"
                                    : "a mean of gradients alone has a = 0 or a = momentum; qhm is the mixture",
                            either,
                            3,
                            { { "lr", mean }, { "momentum", l }, { "nesterov", ahead } } };
    c[3] = (lg_convention){ "qhm",
                            mixed ? "m = momentum m + (1-momentum) g,  x = x - lr ((1-nu) g + nu m)"
                                  : "without momentum there is no look ahead",
                            mixed,
                            3,
                            { { "lr", mean }, { "momentum", l }, { "nu", plain ? 1 : 1 - a * (1 - l) / l } } };
    c[4] = (lg_convention){ "primal_averaging",
                            mixed ? "z = z - lr g(y),  x = (1-c) x + c z,  y = (1-w) x + w z;  the parameter is y"
                                  : "without an average there is no look ahead",
                            mixed,
                            3,
                            { { "lr", mean }, { "c", 1 - l }, { "w", plain ? 0 : a * (1 - l) / l } } };
}
