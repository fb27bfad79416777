/* A method along one coordinate as a linear system, and what follows from it.
 *     z⁺ = A z + b g,   x = z₁ the parameter, where the gradient g is taken;   on curvature q:  M(q) = A + q b e₁ᵀ
 * SPDX-License-Identifier: MIT */
#ifndef LG_LINEAR_H
#define LG_LINEAR_H
#include "core/core.h"

enum { LG_STATES = 17 }; /* the parameter and 16 slots */

typedef struct lg_system {
    size_t n;
    double a[LG_STATES * LG_STATES], b[LG_STATES]; /* a: n rows of n                                 */
    bool place[LG_STATES];                         /* slots that hold a place and move with x        */
    double unit;                                   /* the step size that steps are shown in units of */
} lg_system;

/* ---- the filter from gradients to steps, x held where it is (filter.c) ---- */

/* W = (x - x⁺) / unit as g ↦ W: z^-1-transform at e^iω. */
luge_status lg_filter_at(const lg_system *s, double omega, double *magnitude, double *phase, luge_error *err);
/* The modulus of the filter's slowest root: what it remembers fades by this factor a step. */
luge_status lg_filter_memory(const lg_system *s, double *fade, luge_error *err);
/* One step of the filter, its slots carried along (n - 1 of them, 0 at first): W. */
double lg_filter_step(const lg_system *s, double g, double *slots);

/* ---- on curvature (spectrum.c) ---- */

/* Spectral radii: below the first, states fade; above the second, they grow.  Between them rounding cannot tell. */
#define LG_STABLE (1 - 1e-13)
#define LG_GROWS  (1 + 1e-12)
luge_status lg_radius(const lg_system *s, double q, double *radius, luge_error *err);
/* Nothing grows for 0 < q < *most, as far as a scan upwards finds: 0: nowhere; infinite: no end was found. */
luge_status lg_stable_curvature(const lg_system *s, double *most, luge_error *err);
/* The least curvature with complex roots that are largest in modulus: beyond it iterates oscillate.  NAN: none. */
luge_status lg_real_curvature(const lg_system *s, double *most, luge_error *err);
/* The largest radius over curvatures [least, most]. */
luge_status lg_rate_between(const lg_system *s, double least, double most, double *rate, luge_error *err);
/* The largest curvature L with the best rate over [L / condition, L]; times the step size of s it is the best step
 * size for L = 1.  NAN: no rate is below 1. */
luge_status lg_best_curvature(const lg_system *s, double condition, double *most, double *rate, luge_error *err);

/* ---- under noise (noise.c) ---- */

/* The variance of x where g = q x + ξ, Var ξ = 1: by summing P = Σ Mᵏ b bᵀ Mᵏᵀ, and by solving P = M P Mᵀ + b bᵀ.
 * Both infinite where M is not stable. */
luge_status lg_noise(const lg_system *s, double q, double *summed, double *solved, luge_error *err);

/* ---- on all m-strongly convex, L-smooth functions (certificate.c) ---- */

typedef struct lg_certificate {
    bool holds;       /* a rate below 1 was proved                                                  */
    double rate;      /* ‖zₖ - z*‖ = O(rateᵏ); 1 where there is none                                 */
    double quadratic; /* the rate on quadratics: no certificate can be below                        */
    double weight;    /* of the multiplier 1 - weight z^-1                                           */
    double margin;    /* least value of the inequality's left side on the circle, over its scale    */
    double worst;     /* the frequency of that value                                                */
} lg_certificate;

/* The margin at this rate and the weight in [0, rate²] that makes it largest, the margin being proved on the whole
 * circle where it is positive. */
luge_status lg_certify_at(const lg_system *s, double least, double most, double rate, lg_certificate *c,
                          luge_error *err);
/* The least rate that can be proved, by bisection to 1e-10. */
luge_status lg_certify(const lg_system *s, double least, double most, lg_certificate *c, luge_error *err);

/* ---- in other words (convert.c) ---- */

/* u⁺ = u + λ (u - u₋) - h g(y), y = u + a (u - u₋); the parameter of the method is y. */
typedef struct lg_two_step {
    bool is; /* the system is of this form, as far as its response to a gradient shows */
    double momentum, h, a;
} lg_two_step;
lg_two_step lg_two_step_of(const lg_system *s);

/* The same method as others write it. */
typedef struct lg_convention {
    const char *name, *rule;
    bool exists; /* else `rule` says why not */
    size_t n;
    struct {
        const char *name;
        double value;
    } word[3];
} lg_convention;
enum { LG_CONVENTIONS = 5 };
void lg_conventions(const lg_two_step *t, lg_convention convention[LG_CONVENTIONS]);

#endif
