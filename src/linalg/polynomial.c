/* Coefficients of orthogonalizing polynomials.  SPDX-License-Identifier: MIT */
#include "linalg/orthogonal.h"

/* A triple for values that were divided by 1.01, the safety factor, once more than the polynomial expects. */
#define SAFE(a, b, c) a / 1.01, b / (1.01 * 1.01 * 1.01), c / (1.01 * 1.01 * 1.01 * 1.01 * 1.01)

const lg_coefficients lg_polynomials[] = {
    { "keller",
      1,
      { 3, { 3.4445, -4.7750, 2.0315 } },
      "K. Jordan et al., Muon, 2024: slope 485 at 0, ends in 0.68 .. 1.13" },
    { "you",
      1,
      { 15,
        { 4.0848, -6.8946, 2.9270, 3.9505, -6.3029, 2.6377, 3.7418, -5.5913, 2.3037, 2.8769, -3.1427, 1.2046, 2.8366,
          -3.0525, 1.2012 } },
      "J. You, five steps for singular values above 0.005" },
    { "polar_express",
      1.01,
      { 24,
        { SAFE(8.28721201814563, -23.595886519098837, 17.300387312530933),
          SAFE(4.107059111542203, -2.9478499167379106, 0.5448431082926601),
          SAFE(3.9486908534822946, -2.908902115962949, 0.5518191394370137),
          SAFE(3.3184196573706015, -2.488488024314874, 0.51004894012372),
          SAFE(2.300652019954817, -1.6689039845747493, 0.4188073119525673),
          SAFE(1.891301407787398, -1.2679958271945868, 0.37680408948524835),
          SAFE(1.8750014808534479, -1.2500016453999487, 0.3750001645474248), 1.875, -1.25, 0.375 } },
      "N. Amsel, D. Persson, C. Musco, R. Gower 2025 arXiv:2505.16932: minimax for singular values above 1e-3" },
    { 0 },
};

/* The odd cubic nearest to 1 on [p, q] is k ((p^2 + pq + q^2) x - x^3); it maps the interval to [1 - e, 1 + e].
 * (E. Grishina, M. Smirnov, M. Rakhuba 2025 arXiv:2506.10935.) */
lg_list lg_cans(double from, double to, int steps)
{
    lg_list list = { 0 };
    double p = from, q = to;

    for (int i = 0; i < steps && list.n + 3 <= LG_LIST; i++) {
        double square = p * p + p * q + q * q, top = 2 * (square / 3) * sqrt(square / 3), edge = p * q * (p + q),
               k = 2 / (top + edge), e = (top - edge) / (top + edge);
        list.v[list.n++] = k * square;
        list.v[list.n++] = -k;
        list.v[list.n++] = 0;
        p = 1 - e, q = 1 + e;
    }
    return list;
}
