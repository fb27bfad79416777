/* The words that a formula may use, for the arithmetic type of the current inclusion.
 * REAL is 32, 64, 16 (bf16 storage, f32 arithmetic) or 1 (complex f64: derivatives of the formula itself).
 * SPDX-License-Identifier: MIT */
#ifndef LUGE_WORDS
#define LUGE_WORDS
#include <assert.h>
#include <float.h>
#include <math.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#define CAT_(a, b, c) a##_##b##_##c
#define CAT(a, b, c)  CAT_(a, b, c)
#define CAT2_(a, b)   a##_##b
#define CAT2(a, b)    CAT2_(a, b)
#define TAG(name)     CAT(NAME, name, TYPE)          /* adam_update_f32 */
#define UNUSED        __attribute__((unused))
#ifdef __CUDACC__
#  define LG_FN static __device__ __forceinline__
#else
#  define LG_FN static inline __attribute__((always_inline))
#endif
#if defined __clang__ || defined __CUDACC__
#  define LG_UNROLL _Pragma("unroll")
#else
#  define LG_UNROLL _Pragma("GCC unroll 8")
#endif

typedef struct { uint16_t bits; } lg_bf16;
LG_FN float lg_from_bf16(lg_bf16 b)
{
    union { uint32_t u; float f; } w;
    w.u = (uint32_t)b.bits << 16;
    return w.f;
}
LG_FN lg_bf16 lg_to_bf16(float f)                    /* to nearest even; NaN stays NaN */
{
    union { float f; uint32_t u; } w;
    lg_bf16 b;
    w.f = f;
    b.bits = (uint16_t)(f != f ? (w.u >> 16) | 0x40u : (w.u + 0x7fffu + ((w.u >> 16) & 1)) >> 16);
    return b;
}
#endif

#undef TYPE
#undef real
#undef stored
#undef wide
#undef FROM
#undef TO
#undef RE
#undef FLUSH
#undef r_abs
#undef r_sqrt
#undef KINK
#define stored  real                                 /* what a parameter is in memory     */
#define wide    double                               /* what sums are added in            */
#define FROM(v) (v)
#define TO(v)   (v)
#define RE(a)   (a)                                  /* comparisons look at this part     */
#define KINK(v) (v)                                  /* of a function that is not smooth  */
#if REAL == 64
#  define TYPE f64
#  define real double
#  define r_sqrt(a) sqrt(a)
#  define r_abs(a)  fabs(a)
#  define FLUSH(v)  (fabs(v) < DBL_MIN ? 0.0 : (v))  /* no denormal is kept in a slot     */
#elif REAL == 1
#  include <complex.h>
#  undef wide
#  undef RE
#  undef KINK
#  define TYPE c64
#  define real double _Complex
#  define wide double _Complex
#  define RE(a) creal(a)
#  define r_sqrt(a) csqrt(a)
#  define r_abs(a)  KINK(RE(a) < 0 ? -(a) : (a))
#  define FLUSH(v)  (v)
/* What real numbers give has no imaginary part but where it came through a KINK, which leaves this one.  Beside the
 * steps of 1e-30 by which derivatives are taken it is nothing. */
#  define KINK(v)   ((v) + 1e-200 * (double _Complex)_Complex_I)
#else
#  define real float
#  define r_sqrt(a) sqrtf(a)
#  define r_abs(a)  fabsf(a)
#  define FLUSH(v)  (fabsf(v) < FLT_MIN ? 0.0f : (v))
#  if REAL == 32
#    define TYPE f32
#  else
#    undef stored
#    undef FROM
#    undef TO
#    define TYPE bf16
#    define stored lg_bf16
#    define FROM(v) lg_from_bf16(v)
#    define TO(v)   lg_to_bf16(v)
#  endif
#endif

#ifndef r_min
#  define r_min(a, b) KINK(RE(a) < RE(b) ? (a) : (b))
#  define r_max(a, b) KINK(RE(a) > RE(b) ? (a) : (b))
#  define r_sign(a)   KINK(RE(a) > 0 ? (real)1 : RE(a) < 0 ? (real)-1 : (a) * (real)0)         /* NaN stays NaN */
#  define SQ(a)       ((wide)(a) * (wide)(a))        /* for sums: the product is taken wide */
#  define MUL(a, b)   ((wide)(a) * (wide)(b))
#endif
