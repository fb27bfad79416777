/* aʸ for 0 <= a <= 1 and y > 0, of + - * / and bits alone and without a branch, so that loops with it vectorize.
 *
 *     a = 2ᵉ m, 1/√2 <= m < √2,  s = (m-1)/(m+1):   log₂ m = 2 (s + s³/3 + s⁵/5 + ...) / log 2
 *     t = y (e + log₂ m) = n + f,  |f| <= ½:        aʸ = 2ⁿ exp(f log 2)
 *
 * The error is at most about (4 + 2|t|) units in the last place; results below 2^-1021 are 0.
 * SPDX-License-Identifier: MIT */
#ifndef LG_POWER_H
#define LG_POWER_H
#include "engine/real.h"

LG_FN double lg_unit_power(double a, double y)
{
    union { double d; uint64_t u; } w, n;
    double up = a < DBL_MIN ? 54 : 0;
    w.d = a < DBL_MIN ? a * 0x1p54 : a;
    n.u = (w.u >> 52) | 0x4330000000000000u;                          /* 2^52 + 1023 + e */
    w.u = (w.u & 0xfffffffffffffu) | 0x3ff0000000000000u;             /* m in [1,2) */
    double e = n.d - (0x1p52 + 1023) - up, m = w.d;
    e = m > 0x1.6a09e667f3bcdp+0 ? e + 1 : e;
    m = m > 0x1.6a09e667f3bcdp+0 ? m / 2 : m;
    double s = (m - 1) / (m + 1), z = s * s;
    double l = 1. / 21;
    l = l * z + 1. / 19;  l = l * z + 1. / 17;  l = l * z + 1. / 15;  l = l * z + 1. / 13;  l = l * z + 1. / 11;
    l = l * z + 1. / 9;   l = l * z + 1. / 7;   l = l * z + 1. / 5;   l = l * z + 1. / 3;   l = l * z + 1;
    double t = y * (e + 0x1.71547652b82fep+1 * s * l);
    double low = t < -1021 ? -1021 : t;
    n.d = low + 0x1.8p52;
    double r = (low - (n.d - 0x1.8p52)) * 0x1.62e42fefa39efp-1;
    double p = 1. / 6227020800;
    p = p * r + 1. / 479001600;  p = p * r + 1. / 39916800;  p = p * r + 1. / 3628800;  p = p * r + 1. / 362880;
    p = p * r + 1. / 40320;      p = p * r + 1. / 5040;      p = p * r + 1. / 720;      p = p * r + 1. / 120;
    p = p * r + 1. / 24;         p = p * r + 1. / 6;         p = p * r + 1. / 2;        p = p * r + 1;
    p = p * r + 1;
    w.u = (n.u + 1023) << 52;                                         /* 2ⁿ */
    return a != a ? a : a > 0 && t >= -1021 ? p * w.d : 0;
}
#endif
