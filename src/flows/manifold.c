/* The invariant manifold v = G(u) of the iteration in (u, v), to which every start is drawn at a rate near λ:
 *     G(u⁺) = λ G(u) + f(u + h a G(u)),   u⁺ = u + h G(u⁺)
 *     G = Λ f + h g₀ + h² g₁ + ..,   Λ f + h g₀ = -Λ ∇(Φ + (h/2) Λ (Λ-a) |∇Φ|²)
 * The model's error is |v_n - G(u_n)| with K terms of G: of order K.
 * For f with Lipschitz constant B it exists while h B is below the smaller root of
 *     (1-a)² x² - (2 (1-λ)(1+a) + 4λ) x + (1-λ)² = 0
 * by the graph transform, which for a = 0 is sharp: (1-√λ)².  Its Lipschitz constant is at most the smaller root of
 *     h (λ + h a B) ℓ² + (λ + h a B - 1 + h B) ℓ + B = 0,
 * and distances to it shrink at least by θ = (λ + h a B)(1 + h ℓ).
 * Ref: Kovachki & Stuart, JMLR 22, 2021, third theorem.
 * SPDX-License-Identifier: MIT */
#include "flows/model.h"

/* The smaller root of a x² - b x + c, b > 0: stable, and good for a = 0. */
static double smaller_root(double a, double b, double c) { return 2 * c / (b + sqrt(b * b - 4 * a * c)); }

double lg_manifold_below(double momentum, double a)
{
    double s = 1 - momentum;
    return smaller_root((1 - a) * (1 - a), 2 * s * (1 + a) + 4 * momentum, s * s);
}

void lg_manifold_bounds(const lg_family *f, double lipschitz, double *slope, double *rate)
{
    double pull = f->momentum + f->h * f->a * lipschitz;
    *slope = smaller_root(f->h * pull, 1 - pull - f->h * lipschitz, lipschitz);
    *rate = pull * (1 + f->h * *slope);
}

double lg_manifold_quadratic(const lg_family *f, double q)
{
    double larger, smaller;
    lg_linear_roots(f->momentum, f->a, f->h * q, &larger, &smaller);
    return (1 - 1 / larger) / f->h;
}

static luge_status open(lg_model *m, const char *words, luge_error *err)
{
    luge_status st = lg_model_number(m, words, 1, LG_SERIES_MOST, 2, &m->order, err);
    if (!st) m->room = lg_series_room(m->order);
    return st;
}

static int theory(const lg_model *m, bool prepared, enum lg_window *window)
{
    *window = prepared ? LG_THROUGHOUT : LG_LATER;
    return m->order;
}

static luge_status says(lg_model *m, int64_t n, const double *y, const double *u, double *v, luge_error *err)
{
    (void)n, (void)y;
    return lg_manifold(&m->family, m->order, u, v, m->work, err);
}

const lg_model_kind lg_model_manifold = {
    .name = "manifold",
    .form = "manifold:K",
    .title = "the velocity on the invariant manifold, K terms of its expansion",
    .open = open,
    .theory = theory,
    .says = says,
};
