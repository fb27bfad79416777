/* cosh² z of + - * / and bits alone and without a branch, so that loops with it vectorize.
 *
 *     cosh² z = ½ + (E + 1/E) / 4,   E = exp |2z| = 2ⁿ exp r,   |r| <= ½ log 2,   |2z| at most 700
 *
 * The error is at most some 4 units in the last place.  SPDX-License-Identifier: MIT */
#ifndef LG_COSH_H
#define LG_COSH_H
#include "engine/real.h"

LG_FN double lg_cosh_squared(double z)
{
    union { double d; uint64_t u; } n, w;
    double a = fabs(2 * z) < 700 ? fabs(2 * z) : 700;
    n.d = a * 0x1.71547652b82fep+0 + 0x1.8p52;
    double whole = n.d - 0x1.8p52, r = a - whole * 0x1.62e42fefa38p-1 - whole * 0x1.ef35793c7673p-45;
    double p = 1. / 6227020800;
    p = p * r + 1. / 479001600;  p = p * r + 1. / 39916800;  p = p * r + 1. / 3628800;  p = p * r + 1. / 362880;
    p = p * r + 1. / 40320;      p = p * r + 1. / 5040;      p = p * r + 1. / 720;      p = p * r + 1. / 120;
    p = p * r + 1. / 24;         p = p * r + 1. / 6;         p = p * r + 1. / 2;        p = p * r + 1;
    p = p * r + 1;
    w.u = (n.u + 1023) << 52;
    double e = p * w.d;
    return z != z ? z : 0.5 + (e + 1 / e) / 4;
}
#endif
