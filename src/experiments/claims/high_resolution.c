/* SPDX-License-Identifier: MIT */
#include "experiments/flow.h"
#include <string.h>

/* F = (x² + 4 y²)/2 + (x+y)⁴/20: m = 1 */
static void gradient(const double *x, double *g)
{
    double cube = (x[0] + x[1]) * (x[0] + x[1]) * (x[0] + x[1]) / 5;
    g[0] = x[0] + cube;
    g[1] = 4 * x[1] + cube;
}

/* X'' + (fixed + falling / t) X' + hessian H X' + (1 + forced + forced_late / t) ∇F = 0 */
typedef struct equation {
    double fixed, falling, hessian, forced, forced_late;
} equation;

static luge_status flow(void *context, double t, const double *z, double *dz, luge_error *err)
{
    const equation *e = context;
    double g[2], square = 0.6 * (z[0] + z[1]) * (z[0] + z[1]), mixed = square * (z[2] + z[3]);
    (void)err;
    gradient(z, g);
    for (int i = 0; i < 2; i++) {
        double late = t > 0 ? 1 / t : 0, hv = (i ? 4 : 1) * z[2 + i] + mixed;
        dz[i] = z[2 + i];
        dz[2 + i] = -(e->fixed + e->falling * late) * z[2 + i] - e->hessian * hv -
                    (1 + e->forced + e->forced_late * late) * g[i];
    }
    return LUGE_OK;
}

enum scheme { NAG_C, NAG_SC, HEAVY_BALL };
static const double start[2] = { 1, 0.5 };

/* Points x_0 .. x_steps, at times k √s, or of NAG-C extrapolated, at (3/2 + k) √s. */
static void iterate(enum scheme scheme, bool extrapolated, double s, int steps, double (*x)[2])
{
    double b = (1 - sqrt(s)) / (1 + sqrt(s)), y[2] = { start[0], start[1] }, g[2], before[2];
    memcpy(x[0], start, sizeof start);
    gradient(start, before);
    for (int k = 0; k < steps; k++) {
        gradient(scheme == NAG_C && !extrapolated ? y : x[k], g);
        for (int i = 0; i < 2; i++) {
            if (scheme == NAG_C && extrapolated) { /* y_(k+1) = x_k - s ∇F(x_k), x_(k+1) = y_(k+1) + k/(k+3) (..) */
                double next = x[k][i] - s * g[i];
                x[k + 1][i] = next + k / (k + 3.0) * (next - y[i]);
                y[i] = next;
            } else if (scheme == NAG_C) { /* x_(k+1) = y_k - s ∇F(y_k), y_(k+1) = x_(k+1) + k/(k+3) (..) */
                x[k + 1][i] = y[i] - s * g[i];
                y[i] = x[k + 1][i] + k / (k + 3.0) * (x[k + 1][i] - x[k][i]);
            } else if (k == 0)
                x[1][i] = x[0][i] - 2 * s * g[i] / (1 + sqrt(s));
            else
                x[k + 1][i] = x[k][i] + b * (x[k][i] - x[k - 1][i]) - s * g[i] -
                              (scheme == NAG_SC ? b * s * (g[i] - before[i]) : 0);
            before[i] = g[i];
        }
    }
}

/* luge's Nesterov with lr = s and momentum b from rest: its parameter is x_k. */
static luge_status own(double s, int steps, double (*x)[2], double *apart, luge_error *err)
{
    luge_optimizer *opt = NULL;
    double p[2] = { start[0], start[1] }, g[2];
    luge_status st;

    LG_TRY(luge_new(&opt, "nesterov", err));
    LG_TRY(luge_set_real(opt, 0, "lr", s, err));
    LG_TRY(luge_set_real(opt, 0, "momentum", (1 - sqrt(s)) / (1 + sqrt(s)), err));
    LG_TRY(luge_add(opt, 0, "x", LUGE_F64, p, 1, (size_t[]){ 2 }, err));
    for (int k = 0; k <= steps; k++) {
        *apart = fmax(*apart, fmax(fabs(p[0] - x[k][0]), fabs(p[1] - x[k][1])));
        gradient(p, g);
        LG_TRY(luge_step(opt, &(luge_inputs){ .grad = (const void *const[]){ g } }, err));
    }
done:
    luge_free(opt);
    return st;
}

/* One equation of one scheme. */
typedef struct row {
    const char *text;
    enum scheme scheme;
    bool high, corrected;
    double order; /* of the last halving of √s */
} row;

/* The equation, and where it starts: the time, X and X' there. */
static double begin(const row *r, double s, equation *e, double z[4])
{
    double root = sqrt(s), g[2], hg[2], t = 0;
    double square = 0.6 * (start[0] + start[1]) * (start[0] + start[1]);
    gradient(start, g);
    for (int i = 0; i < 2; i++) hg[i] = (i ? 4 : 1) * g[i] + square * (g[0] + g[1]);
    *e = (equation){ .fixed = r->scheme == NAG_C ? 0 : 2, .falling = r->scheme == NAG_C ? 3 : 0 };
    if (r->high) {
        e->hessian = r->scheme == HEAVY_BALL ? 0 : root;
        e->forced = r->scheme == NAG_C ? 0 : root;
        e->forced_late = r->scheme == NAG_C ? 1.5 * root : 0;
    }
    if (r->scheme == NAG_C) t = r->high ? 1.5 * root : fmin(0.01, root / 2);
    for (int i = 0; i < 2; i++) {
        z[i] = start[i];
        z[2 + i] = 0;
        if (r->scheme == NAG_C && r->high)
            z[2 + i] = -root * g[i];
        else if (r->scheme == NAG_C) { /* X = x_0 - t²/8 ∇F + t⁴/192 H∇F + ..: 3/t is singular at 0 */
            z[i] += -t * t / 8 * g[i] + t * t * t * t / 192 * hg[i];
            z[2 + i] = -t / 4 * g[i] + t * t * t / 48 * hg[i];
        } else if (r->high)
            z[2 + i] = -2 * root * g[i] / (1 + root) + (r->corrected ? root / 2 * g[i] : 0);
    }
    return t;
}

enum { LEVELS = 6, MOST = 4 << 8 };

/* Largest distance to time 4 (more by the start, for NAG-C's points). */
static luge_status distance(const row *r, int level, double *worst, double *apart, luge_error *err)
{
    static const double until = 4;
    double x[MOST + 1][2], z[4], root = ldexp(1, -3 - level), s = root * root;
    int steps = (int)(until / root);
    equation e;
    luge_status st = LUGE_OK;
    const lg_ode ode = { .n = 4, .threads = 1, .context = &e, .rhs = flow };

    *worst = 0;
    iterate(r->scheme, r->high, s, steps, x);
    if (r->scheme == NAG_SC) LG_TRY(own(s, steps, x, apart, err));
    double t = begin(r, s, &e, z), first = r->scheme == NAG_C && r->high ? t : 0;
    for (int k = first > 0 ? 0 : 1; k <= steps; k++) {
        double next = first + k * root;
        if (next > t) LG_TRY(lg_integrate(&ode, LG_EXPLICIT, 1e-13, t, next, z, err));
        t = next;
        *worst = fmax(*worst, fmax(fabs(z[0] - x[k][0]), fabs(z[1] - x[k][1])));
    }
done:
    return st;
}

static luge_status check(const lg_means *means, lg_verdict *v, luge_error *err)
{
    static const row rows[] = {
        { "NAG-C, low", NAG_C, false, false, 0.997 },
        { "NAG-SC, low", NAG_SC, false, false, 0.994 },
        { "heavy ball, low", HEAVY_BALL, false, false, 0.997 },
        { "NAG-C, high", NAG_C, true, false, 1.99 },
        { "NAG-SC, high, published start", NAG_SC, true, false, 0.96 },
        { "heavy ball, high, published start", HEAVY_BALL, true, false, 0.98 },
        { "NAG-SC, high", NAG_SC, true, true, 1.99 },
        { "heavy ball, high", HEAVY_BALL, true, true, 1.997 },
    };
    luge_status st = LUGE_OK;
    double apart = 0;

    (void)means;
    v->holds = true;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double error[2];
        LG_SAY(v->expected, "%s%s %g", i ? "; " : "", rows[i].text, rows[i].order);
        for (int k = 0; k < 2; k++) LG_TRY(distance(&rows[i], LEVELS - 2 + k, &error[k], &apart, err));
        double order = log2(error[0] / error[1]);
        v->holds = v->holds && fabs(order - rows[i].order) < 0.012;
        LG_SAY(v->measured, "%s%s %.3f (error %.1e)", i ? "; " : "", rows[i].text, order, error[1]);
    }
    v->holds = v->holds && apart < 1e-12;
    LG_SAY(v->expected, "; within 0.012");
    LG_SAY(v->measured, "; luge's nesterov within %.1e of NAG-SC", apart);
done:
    return st;
}

const lg_claim lg_claim_high_resolution = {
    .name = "high_resolution",
    .claim =
        "Accelerated methods shadow their high-resolution equations to second order in sqrt(s), the low-resolution "
        "ones "
        "to first; for fixed momentum only from X'(0) = -2 sqrt(s) grad F / (1+sqrt(ms)) + (sqrt(s)/2) grad F, not "
        "from the published start without the second term.",
    .reference =
        "Su, Boyd & Candes, JMLR 2016, arXiv:1503.01243; Shi, Du, Jordan & Su, arXiv:1810.08907; corrected start "
        "derived here",
    .run = "(x^2 + 4 y^2)/2 + (x+y)^4/20 from (1, 1/2) to time 4: orders between s = 4^-7 and 4^-8",
    .check = check,
};
