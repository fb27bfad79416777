/* Elementary functions of + - * / sqrt and exact operations (floor, fmod, frexp, ldexp) alone, so that every machine
 * and compiler without contraction gives the same bits.
 *
 *     exp   x = k log 2 + r, |r| <= (log 2)/2, and the series of exp r
 *     log   x = 2^e m, 1/√2 <= m < √2, s = (m-1)/(m+1):  log m = 2 (s + s³/3 + s⁵/5 + ...)
 *     pow   exp(y log x), the logarithm and the product in pairs of doubles
 *     sin   x = k π/2 + r, |r| <= π/4, and the series of sin r or cos r
 *     tanh  x - x³ N(x²) / cosh x with x cosh x - sinh x = x³ N(x²) up to 1, above it 1 - 2/(exp(2x) + 1)
 *
 * Largest errors seen against 113-bit arithmetic, in units in the last place, on two million points a range: exp 0.62
 * (0.78 where the result is subnormal), log 0.51, pow 0.62, sin and cos 0.81 up to 2^20, tanh 1.37.
 * Pairs of doubles: Dekker, A floating-point technique for extending the available precision, Numer. Math. 18, 1971.
 * SPDX-License-Identifier: MIT */
#include "core/core.h"

typedef struct pair {
    double hi, lo; /* stands for hi + lo */
} pair;

static pair sum(double a, double b) /* exact */
{
    double s = a + b, t = s - a;
    return (pair){ s, (a - (s - t)) + (b - t) };
}

static pair product(double a,
                    double b) /* exact where nothing over- or underflows: both factors in halves of 26 bits */
{
    double p = a * b, ca = 0x8000001p0 * a, cb = 0x8000001p0 * b;
    double ah = ca - (ca - a), bh = cb - (cb - b), al = a - ah, bl = b - bh;
    return (pair){ p, ((ah * bh - p) + ah * bl + al * bh) + al * bl };
}

static pair plus(pair a, pair b)
{
    pair s = sum(a.hi, b.hi);
    return sum(s.hi, s.lo + (a.lo + b.lo));
}

static pair times(pair a, pair b)
{
    pair p = product(a.hi, b.hi);
    return sum(p.hi, p.lo + (a.hi * b.lo + a.lo * b.hi));
}

static pair over(double a, pair b)
{
    double q = a / b.hi;
    pair p = times((pair){ q, 0 }, b);
    return sum(q, ((a - p.hi) - p.lo) / b.hi);
}

/* 1/n! */
/* clang-format off */
static const double inverse[] = {
    1., 1., 1. / 2, 1. / 6, 1. / 24, 1. / 120, 1. / 720, 1. / 5040, 1. / 40320, 1. / 362880, 1. / 3628800,
    1. / 39916800, 1. / 479001600, 1. / 6227020800, 1. / 87178291200, 1. / 1307674368000, 1. / 20922789888000,
    1. / 355687428096000, 1. / 6402373705728000, 1. / 121645100408832000,
};
/* clang-format on */

/* 1/first! + z/(first+step)! + z²/(first+2 step)! + ... up to 1/last! */
static double series(int first, int step, int last, double z)
{
    double v = inverse[last];
    for (int n = last - step; n >= first; n -= step) v = v * z + inverse[n];
    return v;
}

static const double log2_hi = 0x1.62e42fee00000p-1, log2_lo = 0x1.a39ef35793c76p-33; /* hi: 32 bits, k hi exact */

static double exp_pair(pair x)
{
    double k, q, s;
    pair r;

    if (x.hi > 710) return HUGE_VAL;
    if (x.hi < -746) return 0;
    k = floor(x.hi * 0x1.71547652b82fep+0 + 0.5);
    r = sum(x.hi - k * log2_hi, x.lo - k * log2_lo);
    q = r.hi * r.hi * series(2, 1, 14, r.hi) + r.lo * (1 + r.hi);
    s = 1 + r.hi;
    return ldexp(s + ((r.hi - (s - 1)) + q), (int)k);
}

double lg_exp(double x) { return isnan(x) ? x : exp_pair((pair){ x, 0 }); }

/* x > 0, finite.  The terms up to s⁷/7 are pairs; the next is at most 8e-8 of the whole. */
static pair log_pair(double x)
{
    static const pair odd[] = { { 0x1.5555555555555p-2, 0x1.5555555555555p-56 },   /* 1/3 */
                                { 0x1.999999999999ap-3, -0x1.999999999999ap-57 },  /* 1/5 */
                                { 0x1.2492492492492p-3, 0x1.2492492492492p-57 } }; /* 1/7 */
    int e;
    double m = frexp(x, &e), tail = 1. / 27;
    pair s, z, v;

    if (m < 0x1.6a09e667f3bcdp-1) m *= 2, e--;
    s = over(m - 1, sum(m, 1));
    z = times(s, s);
    for (int n = 25; n >= 9; n -= 2) tail = tail * z.hi + 1. / n;
    v = (pair){ tail, 0 };
    for (int i = 2; i >= 0; i--) v = plus(times(v, z), odd[i]);
    v = times(plus(times(v, z), (pair){ 1, 0 }), (pair){ 2 * s.hi, 2 * s.lo });
    return plus(sum(e * log2_hi, e * log2_lo), v);
}

double lg_log(double x)
{
    if (x == 0) return -HUGE_VAL;
    if (x < 0) return (double)NAN;
    return isfinite(x) ? log_pair(x).hi : x;
}

double lg_pow(double x, double y)
{
    pair l, p;

    if (y == 0 || x == 1) return 1;
    if (isnan(x) || isnan(y)) return x + y;
    if (x < 0) return (double)NAN;
    if (x == 0 || isinf(x)) return (x == 0) == (y < 0) ? HUGE_VAL : 0;
    if (isinf(y)) return (x > 1) == (y > 0) ? HUGE_VAL : 0;
    l = log_pair(x);
    if (fabs(y * l.hi) > 800) return y * l.hi > 0 ? HUGE_VAL : 0;
    p = product(y, l.hi);
    return exp_pair((pair){ p.hi, p.lo + y * l.lo });
}

/* x - k π/2 with the nearest k.  π/2 stands in parts of 33, 33, 33 and 53 bits, so that k times a part is exact for
 * k < 2^20.  Above, x is first reduced by 2π as a double: that is exact for an argument within 2^-53 |x| of x. */
static pair reduced(double x, int *quadrant)
{
    const double part[] = { 0x1.921fb54400000p+0, 0x1.0b4611a600000p-34, 0x1.3198a2e000000p-69,
                            0x1.b839a252049c1p-104 };
    double k;
    pair r, s;

    if (fabs(x) > 0x1p20) x = fmod(x, 0x1.921fb54442d18p+2);
    k = floor(x * 0x1.45f306dc9c883p-1 + 0.5);
    r = sum(x - k * part[0], -k * part[1]);
    s = sum(r.hi, -k * part[2]);
    *quadrant = (int)k & 3;
    return sum(s.hi, s.lo + r.lo - k * part[3]);
}

static double sine(pair r)
{
    double z = r.hi * r.hi;
    return r.hi + (r.lo * (1 - 0.5 * z) - r.hi * z * series(3, 2, 19, -z));
}

static double cosine(pair r)
{
    double z = r.hi * r.hi, h = 0.5 * z, w = 1 - h;
    return w + (((1 - w) - h) + (z * z * series(4, 2, 18, -z) - r.hi * r.lo));
}

/* sin(x + shift π/2) */
static double wave(double x, int shift)
{
    int quadrant;
    pair r;
    double v;

    if (!isfinite(x)) return (double)NAN;
    r = reduced(x, &quadrant);
    quadrant += shift;
    v = quadrant & 1 ? cosine(r) : sine(r);
    return quadrant & 2 ? -v : v;
}

double lg_sin(double x) { return fabs(x) < 0x1p-27 ? x : wave(x, 0); }

double lg_cos(double x) { return wave(x, 1); }

double lg_tanh(double x)
{
    double a = fabs(x), z = a * a, n = 0;

    if (a > 1) return copysign(1 - 2 / (lg_exp(2 * a) + 1), x);
    if (!(a > 0x1p-28)) return x;
    for (int i = 9; i >= 1; i--) n = n * z + 2 * i * inverse[2 * i + 1];
    return x - x * z * n / series(0, 2, 18, z);
}

/* Squares and products in pairs: 1 - βᵏ keeps its digits where β is close to 1 and k is large. */
static pair longer(pair a, pair b)
{
    bool small = fabs(a.hi) < 0x1p480 && fabs(b.hi) < 0x1p480; /* no part of the exact product overflows */
    return small ? times(a, b) : (pair){ a.hi * b.hi, 0 };
}

double lg_power(double b, double k)
{
    pair p = { 1, 0 }, square = { b, 0 };

    if (isinf(k)) return fabs(b) < 1 ? 0 : b == 1 ? 1 : b > 1 ? HUGE_VAL : (double)NAN;
    for (double half; k >= 1; k = half, square = longer(square, square)) {
        half = floor(k / 2);
        if (half + half != k) p = longer(p, square);
    }
    return p.hi;
}
