/*
 * Triple momentum: the fastest known first-order method for smooth and strongly convex functions.
 *
 *     ξₖ₊₁ = (1+β) ξₖ - β ξₖ₋₁ - α ∇f(yₖ),      ξ₀ = ξ₋₁ = the start
 *     yₖ = (1+γ) ξₖ - γ ξₖ₋₁                   the parameter, where gradients are taken
 *     xₖ = (1+δ) ξₖ - δ ξₖ₋₁                   the parameter for evaluation: ‖xₖ - x*‖ = O(ρᵏ)
 *     m and L: eigenvalues of the Hessian are in [m, L];   ρ = 1 - √(m/L),
 *     α = (1+ρ)/L,   β = ρ²/(2-ρ),   γ = ρ²/((1+ρ)(2-ρ)),   δ = ρ²/(1-ρ²)
 *
 * Stored: v = ξₖ - ξₖ₋₁.  vₖ₊₁ = β vₖ - α ∇f(yₖ),   yₖ₊₁ = yₖ + (1+γ) vₖ₊₁ - γ vₖ,   x = y + (δ-γ) v.
 * Ref   Van Scoy, Freeman & Lynch, The Fastest Known Globally Convergent First-Order Method for Minimizing Strongly
 *       Convex Functions, IEEE Control Systems Letters 2018.
 * Other conventions
 *       qhm, for ρ > 0:  lr = α/(1-β), momentum = β, nu = 1 - γ (1-β)/β;  the same y
 *       m = L:           gradient descent with 1/L
 * SPDX-License-Identifier: MIT
 */
#define NAME  triple_momentum
#define TITLE "Triple momentum"
#define PAPER "Van Scoy, Freeman & Lynch, IEEE L-CSS 2018, doi:10.1109/LCSYS.2017.2722406"
#define HYPER(_) \
    _(real, m, 0.01, "(0,inf)", "strong convexity: the least eigenvalue") \
    _(real, L, 1,    "(0,inf)", "smoothness: the largest eigenvalue")
#define RULES(_) _(h->m <= h->L, "m, the least eigenvalue, must be at most L")
#define SLOTS(_) _(momentum_buffer, 1, 0, update, "velocity v, in units of the parameter")
#define COEFS(_) _(alpha) _(beta) _(gamma) _(ahead) _(out)
#define DIGITS(_) _(triple_momentum, "L=100 m=1", "")
#define EVIDENCE(_) \
    _(triple_momentum, authors,   "facebookresearch/qhoptim@e81dea3:qhoptim/pyt/qhm.py, from_robust_momentum") \
    _(triple_momentum, reference, "tests/methods/triple_momentum.c")
#define HAS_VIEW
#include "engine/method.h"

PREPARE
{
    double rho = 1 - sqrt(h->m / h->L), square = rho * rho;
    c->alpha = (1 + rho) / h->L;
    c->beta  = square / (2 - rho);
    c->gamma = square / ((1 + rho) * (2 - rho));
    c->ahead = 1 + c->gamma;
    c->out   = square / (1 - square) - c->gamma;
}

UPDATE
{
    real v = s->momentum_buffer;
    s->momentum_buffer = c->beta * v - c->alpha * g;
    return x + c->ahead * s->momentum_buffer - c->gamma * v;
}

VIEW { return x + c->out * s->momentum_buffer; }
