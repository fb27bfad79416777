/* Orthogonalization: polynomials of the singular values, the polar factor, and what says how good they are.
 *
 * Matrices are row-major and contiguous, f32 or f64, and are worked on in place; work is the caller's and nothing is
 * allocated.  The functions *_work answer the bytes of work that the call of the same name wants, 64-aligned; false:
 * the short side is larger than LG_LARGEST.  The bits are the same for any number of threads.  Call between
 * lg_blas_one_thread and lg_blas_restore, with threads >= 1; different matrices may be worked on by different threads
 * then.
 *
 * The zero matrix stays zero.  Where a number is not finite the status is LUGE_E_NUMERIC and the matrix is left
 * alone. err may be NULL.  SPDX-License-Identifier: MIT */
#ifndef LG_ORTHOGONAL_H
#define LG_ORTHOGONAL_H
#include "linalg/factor.h"

/* ---- norms (norm.c) ---- */

/* The Frobenius norm as norm * 2^exponent, without overflow or underflow: 0 for zero, not finite where a number is
 * not finite.  The norm itself, which may be infinite, is lg_norm. */
typedef struct lg_scaled {
    double norm;
    int exponent;
} lg_scaled;
lg_scaled lg_norm_scaled(luge_type type, int threads, size_t n, const void *x);
double lg_norm(luge_type type, int threads, size_t n, const void *x);
/* y = x 2^-exponent factor; y may be x. */
void lg_scale(luge_type type, int threads, size_t n, const void *x, int exponent, double factor, void *y);

/* ---- polynomials (polynomial.c) ---- */

/* Steps x -> a x + b x^3 + c x^5 on the singular values; step k takes the k-th triple a, b, c of the list, or the
 * last one.  Before them X is divided by factor |X| + eps, or by max(factor |X|, eps) where `largest`, |X|
 * Frobenius's norm. A triple with c = 0 is a cubic and costs one product less. */
typedef struct lg_polynomial {
    lg_list abc;
    int steps;
    double factor, eps;
    bool largest;
} lg_polynomial;

/* Lists of coefficients from papers; the last has no name. */
typedef struct lg_coefficients {
    const char *name;
    double factor; /* of the norm, as the authors use it */
    lg_list abc;
    const char *source;
} lg_coefficients;
extern const lg_coefficients lg_polynomials[];

/* CANS: cubics that are optimal in turn on intervals, the first of which is [from, to]: `steps` triples, c = 0. */
lg_list lg_cans(double from, double to, int steps);

/* ---- orthogonalization by polynomials (newton_schulz.c) ---- */

bool lg_newton_schulz_work(luge_type type, size_t rows, size_t columns, size_t *bytes);
luge_status lg_newton_schulz(luge_type type, int threads, size_t rows, size_t columns, const lg_polynomial *p,
                             void *x, void *work, luge_error *err);

/* ---- the polar factor (polar.c) ---- */

/* X = U S V' becomes U V'.  `error` is how far from 1 a singular value may be left: 0 asks for rounding, whatever the
 * condition, and gives the partial isometry over the numerical range (singular values above max(rows, columns) * eps
 * * the largest).  A positive error (1e-6, say) takes a fixed number of rational steps and promises it for singular
 * values above LG_POLAR_FROM of the largest; smaller ones are moved towards 1, zero stays zero.  Of f32 the error is
 * never below some 1e-6 times the condition. */
#define LG_POLAR_FROM 1e-3
bool lg_polar_work(luge_type type, size_t rows, size_t columns, double error, size_t *bytes);
luge_status lg_polar(luge_type type, int threads, size_t rows, size_t columns, double error, void *x, void *work,
                     luge_error *err);

/* ---- error measures (measure.c) ---- */

/* rms(s^2 - 1) over the singular values s of O: |O O' - I| / sqrt(short side), about twice rms(s - 1). */
bool lg_orthogonality_work(luge_type type, size_t rows, size_t columns, size_t *bytes);
double lg_orthogonality(luge_type type, int threads, size_t rows, size_t columns, const void *o, void *work);
/* |O - P| / sqrt(short side): the distance to the polar factor P. */
double lg_distance(luge_type type, size_t rows, size_t columns, const void *o, const void *p);
/* |B^root A - I| / sqrt(n), for B that should be A^(-1/root), root a small whole number. */
bool lg_root_residual_work(luge_type type, size_t n, size_t *bytes);
double lg_root_residual(luge_type type, int threads, size_t n, int root, const void *a, const void *b, void *work);

#endif
