/* The roots of M(q) = A + q b e₁ᵀ, and what is looked for among curvatures q.  SPDX-License-Identifier: MIT */
#include "analysis/linear.h"
#include "linalg/dense.h"
#include <string.h>

/* The largest modulus, and whether it is that of a complex pair. */
static luge_status dominant(const lg_system *s, double q, double *radius, bool *is_pair, luge_error *err)
{
    luge_status st;
    double m[LG_STATES * LG_STATES], root[2 * LG_STATES];

    memcpy(m, s->a, s->n * s->n * sizeof *m);
    for (size_t i = 0; i < s->n; i++) m[i * s->n] += q * s->b[i];
    LG_TRY(lg_eigenvalues(s->n, m, root, err));
    *radius = 0;
    for (size_t i = 0; i < s->n; i++) {
        double modulus = hypot(root[2 * i], root[2 * i + 1]);
        if (modulus > *radius) *radius = modulus, *is_pair = root[2 * i + 1] != 0;
    }
done:
    return st;
}

luge_status lg_radius(const lg_system *s, double q, double *radius, luge_error *err)
{
    bool is_pair;
    return dominant(s, q, radius, &is_pair, err);
}

/* ---- a scan upwards, then halving ---- */

/* The curvature at which one gradient moves the parameter by the whole way; 0: gradients do not move it. */
static double natural(const lg_system *s)
{
    double most = fabs(s->b[0]);
    for (size_t i = 1; i < s->n; i++) most = fmax(most, fabs(s->a[i] * s->b[i]));
    return most > 0 ? 1 / most : 0;
}

enum event { GROWS, OSCILLATES };
static luge_status happens(const lg_system *s, double q, enum event what, double limit, bool *yes, luge_error *err)
{
    double radius;
    bool is_pair;
    luge_status st = dominant(s, q, &radius, &is_pair, err);
    *yes = !st && (what == GROWS ? !(radius < limit) : is_pair);
    return st;
}

/* The least q in (from, to) at which it happens; 0: from the start; infinite: not at all. */
static luge_status first(const lg_system *s, enum event what, double from, double to, double *at, luge_error *err)
{
    static const double ratio = 1.05, surely = 1 + 1e-8; /* several roots near 1 blur each other */
    luge_status st;
    double below = from, above = from;
    bool yes;

    *at = 0;
    LG_TRY(happens(s, from, what, surely, &yes, err));
    if (yes) return LUGE_OK;
    while (!yes) {
        below = above, above *= ratio;
        if (above > to) {
            *at = HUGE_VAL;
            return LUGE_OK;
        }
        LG_TRY(happens(s, above, what, surely, &yes, err));
    }
    below /= ratio;
    for (double middle = below; above - below > 1e-15 * above;) {
        if (middle == (below + above) / 2) break;
        middle = (below + above) / 2;
        LG_TRY(happens(s, middle, what, LG_GROWS, &yes, err));
        *(yes ? &above : &below) = middle;
    }
    *at = (below + above) / 2;
done:
    return st;
}

luge_status lg_stable_curvature(const lg_system *s, double *most, luge_error *err)
{
    double unit = natural(s);
    *most = HUGE_VAL;
    return unit > 0 ? first(s, GROWS, 1e-6 * unit, 1e6 * unit, most, err) : LUGE_OK;
}

luge_status lg_real_curvature(const lg_system *s, double *most, luge_error *err)
{
    double unit = natural(s);
    luge_status st = unit > 0 ? first(s, OSCILLATES, 1e-12 * unit, 1e6 * unit, most, err) : LUGE_OK;
    if (!st && (unit == 0 || isinf(*most))) *most = (double)NAN;
    return st;
}

/* ---- rates ---- */

static luge_status rate_over(const lg_system *s, double least, double most, int points, double *rate, luge_error *err)
{
    luge_status st = LUGE_OK;
    *rate = 0;
    for (int i = 0; i <= points; i++) {
        double radius, q = i == 0 ? least : i == points ? most : least * lg_pow(most / least, (double)i / points);
        LG_TRY(lg_radius(s, q, &radius, err));
        *rate = fmax(*rate, radius);
    }
done:
    return st;
}

luge_status lg_rate_between(const lg_system *s, double least, double most, double *rate, luge_error *err)
{
    return rate_over(s, least, most, 128, rate, err);
}

/* Curvatures in ratios of a whole part of the condition, so that windows of them share their radii: the window with
 * the least largest radius goes up to *most, and the next ones lie `ratio` away. */
static luge_status best_window(const lg_system *s, double condition, double stable, double *most, double *ratio,
                               luge_error *err)
{
    enum { WINDOW = 360, TRIES = 90 };
    luge_status st = LUGE_OK;
    double radius[WINDOW + TRIES + 1], best = HUGE_VAL;
    int window = (int)ceil(fmin(lg_log(condition) / lg_log(1.08), WINDOW));

    *ratio = window ? lg_pow(condition, 1.0 / window) : 1.08;
    for (int i = 0; i <= window + TRIES; i++) LG_TRY(lg_radius(s, stable * lg_pow(*ratio, -i), &radius[i], err));
    for (int i = 0; i <= TRIES; i++) {
        double rate = 0;
        for (int j = i; j <= i + window; j++) rate = fmax(rate, radius[j]);
        if (rate < best) best = rate, *most = stable * lg_pow(*ratio, -i);
    }
done:
    return st;
}

luge_status lg_best_curvature(const lg_system *s, double condition, double *most, double *rate, luge_error *err)
{
    enum { INSIDE = 24, GOLDEN = 75 };
    static const double golden = 0.61803398874989485;
    luge_status st;
    double stable, ratio, at = 0, r[2], x[2];

    *most = *rate = (double)NAN;
    LG_TRY(lg_stable_curvature(s, &stable, err));
    if (!(stable > 0 && isfinite(stable))) return LUGE_OK;
    LG_TRY(best_window(s, condition, stable, &at, &ratio, err));
    double lo = at / ratio, hi = fmin(stable, at * ratio);
    for (int k = 0; k < 2; k++) {
        x[k] = k ? lo + golden * (hi - lo) : hi - golden * (hi - lo);
        LG_TRY(rate_over(s, x[k] / condition, x[k], INSIDE, &r[k], err));
    }
    for (int round = 0; round < GOLDEN && hi - lo > 1e-15 * hi; round++) {
        int k = r[0] <= r[1]; /* the better one stays, and becomes point k of the shorter interval */
        *(k ? &hi : &lo) = x[k];
        x[k] = x[!k], r[k] = r[!k];
        x[!k] = k ? hi - golden * (hi - lo) : lo + golden * (hi - lo);
        LG_TRY(rate_over(s, x[!k] / condition, x[!k], INSIDE, &r[!k], err));
    }
    if (fmin(r[0], r[1]) < LG_STABLE) {
        *most = r[0] <= r[1] ? x[0] : x[1];
        *rate = fmin(r[0], r[1]);
    }
done:
    return st;
}
