/* What is exact for a linear f, and the limits that follow.  With f = -q u and x = h q the iteration is
 *     u⁺ = (1 + λ - (1+a) x) u - (λ - a x) u₋
 * SPDX-License-Identifier: MIT */
#include "flows/flows.h"
#include <string.h>

double lg_method_a(const char *method, double momentum)
{
    static const struct {
        const char *name;
        bool ahead;
    } methods[] = { { "heavy_ball", false }, { "sgd", false }, { "nesterov", true } };
    for (size_t i = 0; i < sizeof methods / sizeof *methods; i++)
        if (!strcmp(methods[i].name, method)) return methods[i].ahead ? momentum : 0;
    return (double)NAN;
}

luge_status lg_family_check(const lg_family *f, luge_error *err)
{
    if (!(f->momentum >= 0 && f->momentum < 1))
        return lg_fail(
            err, LUGE_E_ARG,
            "momentum = %g is not in [0,1): the flows run at speed 1/(1 - momentum), which has its pole at 1",
            f->momentum);
    if (!(f->h > 0 && isfinite(f->h))) return lg_fail(err, LUGE_E_ARG, "step size %g is not in (0,inf)", f->h);
    return LUGE_OK;
}

void lg_linear_roots(double momentum, double a, double x, double *larger, double *smaller)
{
    double b = 1 + momentum - (1 + a) * x, c = momentum - a * x, d = b * b - 4 * c;
    *larger = d < 0 ? (double)NAN : (b + copysign(sqrt(d), b)) / 2;
    *smaller = c / *larger;
}

double lg_linear_radius(double momentum, double a, double x)
{
    double larger, smaller;
    lg_linear_roots(momentum, a, x, &larger, &smaller);
    return isnan(larger) ? sqrt(momentum - a * x) : fmax(fabs(larger), fabs(smaller));
}

double lg_stable_below(double momentum, double a) { return 2 * (1 + momentum) / (1 + 2 * a); }

/* The discriminant vanishes: (1+a)² x² - 2 ((1+λ)(1+a) - 2a) x + (1-λ)² = 0, its smaller root. */
double lg_real_below(double momentum, double a)
{
    double b = (1 + momentum) * (1 + a) - 2 * a, s = (1 - momentum) * (1 + a);
    return (1 - momentum) * (1 - momentum) / (b + sqrt(b * b - s * s));
}

/* Power iteration; a first round finds the eigenvalue that is largest in modulus, and where that is a negative one a
 * second round, shifted by it, the largest positive one. */
luge_status lg_curvature(const lg_field *f, const double *x, double *q, luge_error *err)
{
    enum { ROUNDS = 60 };
    luge_status st = LUGE_OK;
    double *v = NULL, *hv = NULL, shift = 0, value = 0;

    LG_NEED(v = lg_alloc(f->n, sizeof *v));
    LG_NEED(hv = lg_alloc(f->n, sizeof *hv));
    for (int pass = 0; pass < 2; pass++) {
        for (size_t i = 0; i < f->n; i++) v[i] = lg_normal(1, 0, i);
        for (int round = 0; round < ROUNDS; round++) {
            double norm = 0;
            for (size_t i = 0; i < f->n; i++) norm += v[i] * v[i];
            for (size_t i = 0; i < f->n; i++) v[i] /= sqrt(norm);
            LG_TRY(f->hvp(f->context, x, v, hv, err));
            value = 0;
            for (size_t i = 0; i < f->n; i++) {
                double next = hv[i] - shift * v[i];
                value += v[i] * hv[i];
                hv[i] = v[i], v[i] = next;
            }
        }
        if (value >= 0) break;
        shift = value;
    }
    *q = fmax(value, 0);
done:
    lg_free(v);
    lg_free(hv);
    return st;
}
