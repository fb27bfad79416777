/* The coefficients of the modified equation in closed form, s = 1 - λ:
 *     V = c₀ f + h c₁ f'f + h² (c₂ f''(f,f) + c₃ f'f'f)
 *         + h³ (c₄ f'''(f,f,f) + c₅ f''(f,f'f) + c₆ f'f''(f,f) + c₇ f'f'f'f)
 * V₂ is a gradient only where c₃ - 2 c₂ = Λ³ (1/6 - a Λ) vanishes, which for heavy ball is never: beyond O(h²) there
 * is no modified loss.
 * SPDX-License-Identifier: MIT */
#include "flows/flows.h"

const char *const lg_tree_name[LG_TREES] = { "f",           "f'f",        "f''(f,f)",   "f'f'f",
                                             "f'''(f,f,f)", "f''(f,f'f)", "f'f''(f,f)", "f'f'f'f" };
const int lg_tree_power[LG_TREES] = { 0, 1, 2, 2, 3, 3, 3, 3 };

/* clang-format off */
void lg_tree_coefficients(double momentum, double a, double c[LG_TREES])
{
    const double l = momentum, s = 1 - l, b = a * s, s3 = s * s * s, s5 = s3 * s * s, s7 = s5 * s * s;
    c[0] = 1 / s;
    c[1] = -(1 + l - 2*b) / (2*s3);
    c[2] = (6*b*b - 6*b*(1 + l) + l*l + 10*l + 1) / (12*s5);
    c[3] = (3*b*b - 3*b*(2 + l) + l*l + 4*l + 1) / (3*s5);
    c[4] = -(-2*b*b*b + 3*b*b*(1 + l) - b*(l*l + 10*l + 1) + 6*l*(1 + l)) / (12*s7);
    c[5] = -(-12*b*b*b + 6*b*b*(5 + 3*l) - 2*b*(4*l*l + 31*l + 7) + l*l*l + 29*l*l + 29*l + 1) / (12*s7);
    c[6] = -(-6*b*b*b + 3*b*b*(7 + 3*l) - b*(5*l*l + 38*l + 17) + (1 + l)*(l*l + 16*l + 1)) / (12*s7);
    c[7] = -(-4*b*b*b + 6*b*b*(3 + l) - 4*b*(l*l + 6*l + 3) + (1 + l)*(l*l + 8*l + 1)) / (4*s7);
}
/* clang-format on */
