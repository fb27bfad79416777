/* A rate on every m-strongly convex, L-smooth function, in any number of variables.
 *
 * With G(z) = e₁ᵀ (zI - A)^-1 b from gradient to parameter and D_q(z) = det(zI - A - q b e₁ᵀ), for |z| = ρ < 1:
 *     Re (1 - w/z) (1 - L G) / (1 - m G) = Re (1 - w/z) D_L / D_m > 0,      0 <= w <= ρ²                   (*)
 * If (*) holds on the circle and the system is stable at rate ρ on one quadratic of the class, then ‖zₖ - z*‖ = O(ρᵏ)
 * on the whole class: gradients of the class satisfy the weighted off-by-one inequality
 *     Σ ρ^-2k ⟨s_k - w s_(k-1), t_k⟩ >= 0,   s = L (y - y*) - g, t = g - m (y - y*),
 * for every horizon, the class is convex, so that each gradient is joined to the quadratic's within it, and (*) is
 * the strict inequality that the theorem on integral quadratic constraints asks for.
 *
 * Multiplied by |D_m|², (*) is a cosine polynomial p(θ) = Σ cⱼ cos jθ.  It is proved positive on an interval of
 * radius r around θ by p(θ) - r |p'(θ)| - r²/2 Σ j² |cⱼ| > 0, intervals being halved until that holds for all; the
 * slack allowed for rounding is 1e-13 Σ |cⱼ|.
 *
 * Ref  Lessard, Recht & Packard, SIAM J. Optim. 26, 2016; Boczar, Lessard & Recht, 2015.
 * SPDX-License-Identifier: MIT */
#include "analysis/linear.h"
#include "linalg/dense.h"
#include <string.h>

enum { TERMS = LG_STATES + 2 };
static const double slack = 1e-13;

typedef struct cosines {
    size_t n; /* terms */
    double c[TERMS];
} cosines;

/* ---- (*) as a cosine polynomial ---- */

/* The coefficients of D_q, the leading one first. */
static luge_status characteristic(const lg_system *s, double q, double *d, luge_error *err)
{
    luge_status st;
    double m[LG_STATES * LG_STATES], root[2 * LG_STATES], re[LG_STATES + 1] = { 1 }, im[LG_STATES + 1] = { 0 };

    memcpy(m, s->a, s->n * s->n * sizeof *m);
    for (size_t i = 0; i < s->n; i++) m[i * s->n] += q * s->b[i];
    LG_TRY(lg_eigenvalues(s->n, m, root, err));
    for (size_t i = 0; i < s->n; i++)
        for (size_t j = i + 1; j > 0; j--) { /* times z - root, from the last coefficient down */
            double a = root[2 * i], b = root[2 * i + 1], x = re[j - 1], y = im[j - 1];
            re[j] -= a * x - b * y;
            im[j] -= a * y + b * x;
        }
    memcpy(d, re, (s->n + 1) * sizeof *d);
done:
    return st;
}

/* Re p conj(q) on |z| = ρ; p and q: degree `degree` and coefficients, the leading one first; p times z^-shift. */
static cosines product(size_t degree, const double *p, const double *q, double rho, size_t shift)
{
    cosines out = { .n = degree + shift + 1 };
    for (size_t i = 0; i <= degree; i++)
        for (size_t j = 0; j <= degree; j++) {
            size_t a = degree - i, b = degree - j + shift; /* powers of z in p z^-shift (times z^shift), of q */
            double size = p[i] * q[j] * pow(rho, (double)(2 * degree - i - j) - (double)shift);
            out.c[a > b ? a - b : b - a] += size;
        }
    return out;
}

/* p = keep - w take. */
typedef struct inequality {
    cosines keep, take;
    double scale; /* of keep, for the margin */
} inequality;

static inequality at_rate(size_t n, const double *d_least, const double *d_most, double rho)
{
    inequality p = { .keep = product(n, d_most, d_least, rho, 0), .take = product(n, d_most, d_least, rho, 1) };
    for (size_t j = 0; j < p.keep.n; j++) p.scale += fabs(p.keep.c[j]);
    return p;
}

static cosines weighted(const inequality *p, double w)
{
    cosines out = { .n = p->take.n };
    for (size_t j = 0; j < out.n; j++) out.c[j] = (j < p->keep.n ? p->keep.c[j] : 0) - w * p->take.c[j];
    return out;
}

/* ---- its least value ---- */

/* cos jθ and sin jθ by their recurrence in j. */
static double value(const cosines *p, double theta, double *slope)
{
    double c = 1, d = 0, cosine = lg_cos(theta), sine = lg_sin(theta), v = 0;
    *slope = 0;
    for (size_t j = 0; j < p->n; j++) {
        double next = c * cosine - d * sine;
        v += p->c[j] * c;
        *slope -= p->c[j] * (double)j * d;
        d = c * sine + d * cosine;
        c = next;
    }
    return v;
}

/* The least value on a grid of [0, π], coarser towards π: with rates near 1 what is narrow lies near 0. */
static double least_on_grid(const cosines *p, double *theta)
{
    enum { GRID = 400 };
    double least = HUGE_VAL, slope;
    for (int i = 0; i <= GRID; i++) {
        double s = (double)i / GRID, at = 3.14159265358979324 * s * s * s, v = value(p, at, &slope);
        if (v < least) least = v, *theta = at;
    }
    return least;
}

/* Positive on all of [lo, hi]? */
static bool proved(const cosines *p, double curve, double floor_, double lo, double hi)
{
    double middle = (lo + hi) / 2, r = (hi - lo) / 2, slope, v = value(p, middle, &slope);
    if (!(v > floor_)) return false;
    if (v - r * fabs(slope) - r * r / 2 * curve > floor_) return true;
    if (r < 1e-9) return false;
    return proved(p, curve, floor_, lo, middle) && proved(p, curve, floor_, middle, hi);
}

static bool is_positive(const cosines *p)
{
    double curve = 0, size = 0;
    for (size_t j = 0; j < p->n; j++) {
        curve += (double)(j * j) * fabs(p->c[j]);
        size += fabs(p->c[j]);
    }
    return proved(p, curve, slack * size, 0, 3.1415926535897933);
}

/* ---- the weight, the rate ---- */

/* The least value is concave in w, as a minimum of functions that are linear in it. */
static double best_weight(const inequality *p, double most)
{
    double lo = 0, hi = most, theta;
    for (int round = 0; round < 40; round++) {
        double a = lo + (hi - lo) / 3, b = hi - (hi - lo) / 3;
        cosines at_a = weighted(p, a), at_b = weighted(p, b);
        if (least_on_grid(&at_a, &theta) < least_on_grid(&at_b, &theta))
            lo = a;
        else
            hi = b;
    }
    return (lo + hi) / 2;
}

/* What does not change with the rate. */
typedef struct loop {
    size_t n;
    double quadratic, d_least[LG_STATES + 1], d_most[LG_STATES + 1];
} loop;

static luge_status open_loop(loop *l, const lg_system *s, double least, double most, luge_error *err)
{
    luge_status st;
    l->n = s->n;
    if (!(least > 0 && least <= most && isfinite(most)))
        return lg_fail(err, LUGE_E_ARG, "curvatures [%g, %g]: they must be positive, the least one first", least,
                       most);
    LG_TRY(lg_rate_between(s, least, most, &l->quadratic, err));
    LG_TRY(characteristic(s, least, l->d_least, err));
    LG_TRY(characteristic(s, most, l->d_most, err));
done:
    return st;
}

static lg_certificate at(const loop *l, double rate)
{
    lg_certificate c = { .rate = rate, .quadratic = l->quadratic };
    inequality both = at_rate(l->n, l->d_least, l->d_most, rate);
    c.weight = best_weight(&both, rate * rate);
    cosines p = weighted(&both, c.weight);
    c.margin = least_on_grid(&p, &c.worst) / both.scale;
    c.holds = l->quadratic < rate && is_positive(&p);
    return c;
}

luge_status lg_certify_at(const lg_system *s, double least, double most, double rate, lg_certificate *c,
                          luge_error *err)
{
    loop l;
    luge_status st = open_loop(&l, s, least, most, err);
    if (!st) *c = at(&l, rate);
    return st;
}

luge_status lg_certify(const lg_system *s, double least, double most, lg_certificate *c, luge_error *err)
{
    static const double within = 1e-10, highest = 1 - 1e-9;
    loop l;
    luge_status st = open_loop(&l, s, least, most, err);
    double refused = l.quadratic;

    if (st) return st;
    *c = at(&l, highest);
    if (!c->holds) {
        c->rate = 1;
        return LUGE_OK;
    }
    while (c->rate - refused > within) {
        lg_certificate middle = at(&l, (c->rate + refused) / 2);
        if (middle.holds)
            *c = middle;
        else
            refused = middle.rate;
    }
    return LUGE_OK;
}
