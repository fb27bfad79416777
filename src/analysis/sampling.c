/* With E the shift by one step back, x_n = ζⁿ and E = 1/ζ, each rule is  L(E) = z R(E):
 *
 *     L = (1-E) (1-(1-β)E),   R = β E C(E) (ab: β = 1),   C = Σ_{j<k} c_j (1-E)^j
 *     nesterov                R = β E C(E) (2-β - (1-β)E)
 *
 * At E = -1, where a real interval ends:  I = -z = L/R there, with S_k = Σ γ_j 2^j = 1, 2, 11/3, 20/3, 551/45.
 * SPDX-License-Identifier: MIT */
#include "analysis/sampling.h"
#include "linalg/dense.h"
#include <complex.h>

enum { DEGREE = LG_ORDERS + 1 }; /* of L and R in E */

static void times(double p[DEGREE + 1], double constant, double linear)
{
    for (int i = DEGREE; i >= 0; i--) p[i] = constant * p[i] + (i ? linear * p[i - 1] : 0);
}

static void polynomials(enum lg_rule rule, int order, double beta, double left[DEGREE + 1], double right[DEGREE + 1])
{
    double w[LG_ORDERS], b = rule == LG_ab ? 1 : beta;

    lg_sampler_weights(rule, order, b, w);
    for (int i = 0; i <= DEGREE; i++) left[i] = i == 0, right[i] = i < LG_ORDERS ? b * w[i] : 0;
    times(left, 1, -1);
    times(left, 1, -(1 - b));
    times(right, 0, 1);
    if (rule == LG_nesterov) times(right, 2 - b, -(1 - b));
}

double lg_sampler_interval(enum lg_rule rule, int order, double beta)
{
    double c[LG_ORDERS], s[2] = { 0, 0 }, power = 1;

    lg_sampler_differences(LG_ab, order, 1, c);
    for (int j = 0; j < order; j++, power *= 2) s[1] += c[j] * power, s[0] += j + 1 < order ? c[j] * power : 0;
    if (rule == LG_ab) return 2 / s[1];
    if (rule == LG_hb) return 2 / s[1] * (2 - beta) / beta;
    if (rule == LG_ghvb) return 2 * (2 - beta) / (beta * s[1] + 2 * (1 - beta) * s[0]);
    if (rule == LG_nesterov) return 2 / s[1] * (2 - beta) / (beta * (3 - 2 * beta));
    return (double)NAN;
}

/* The companion matrix of ζ^d + Σ a_i ζ^{d-i}, a_i = L_i - z R_i (L_0 = 1, R_0 = 0): [Re -Im; Im Re] is a real matrix
 * with its roots and their conjugates. */
luge_status lg_sampler_radius(enum lg_rule rule, int order, double beta, const double z[2], double *radius,
                              luge_error *err)
{
    enum { D = DEGREE, N = 2 * D };
    double left[D + 1], right[D + 1], m[N * N] = { 0 }, root[2 * N];
    luge_status st;

    polynomials(rule, order, beta, left, right);
    for (int i = 0; i < D; i++) {
        m[i] = m[D * N + D + i] = z[0] * right[i + 1] - left[i + 1];
        m[D * N + i] = z[1] * right[i + 1], m[D + i] = -z[1] * right[i + 1];
        if (i) m[i * N + i - 1] = m[(D + i) * N + D + i - 1] = 1;
    }
    LG_TRY(lg_eigenvalues(N, m, root, err));
    *radius = 0;
    for (int i = 0; i < N; i++) *radius = fmax(*radius, hypot(root[2 * i], root[2 * i + 1]));
done:
    return st;
}

void lg_sampler_locus(enum lg_rule rule, int order, double beta, double theta, double z[2])
{
    double left[DEGREE + 1], right[DEGREE + 1];
    double _Complex shift = lg_cos(theta) - (double _Complex)I * lg_sin(theta), l = 0, r = 0;

    polynomials(rule, order, beta, left, right);
    for (int i = DEGREE; i >= 0; i--) l = l * shift + left[i], r = r * shift + right[i];
    z[0] = creal(l / r), z[1] = cimag(l / r);
}
