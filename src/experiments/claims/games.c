/* SPDX-License-Identifier: MIT */
#include "experiments/flow.h"
#include <complex.h>

/* min over x, max over y of  f = x²/5 + (3/4) x y - y²/4 + sin(x + y/2)/4 + x² y/20.   V = (f_x, -f_y) */
static void slopes(const double z[2], double v[2])
{
    double wave = cos(z[0] + z[1] / 2) / 4;
    v[0] = 0.4 * z[0] + 0.75 * z[1] + wave + z[0] * z[1] / 10;
    v[1] = -(0.75 * z[0] - 0.5 * z[1] + wave / 2 + z[0] * z[0] / 20);
}

/* V' by rows. */
static void jacobian(const double z[2], double j[2][2])
{
    double wave = -sin(z[0] + z[1] / 2) / 4, mixed = 0.75 + wave / 2 + z[0] / 10;
    j[0][0] = 0.4 + wave + z[1] / 10;
    j[0][1] = mixed;
    j[1][0] = -mixed;
    j[1][1] = 0.5 - wave / 4;
}

typedef struct game {
    double beta, h;
    bool alternating, corrected;
} game;

/* z' = -V / (1-β) - h (1+β) / (2 (1-β)³) V'V;  alternating: and (0, -h / (1-β)² f_yx f_x) */
static luge_status flow(void *context, double t, const double *z, double *dz, luge_error *err)
{
    const game *g = context;
    double v[2], j[2][2], s = 1 - g->beta, second = g->h * (1 + g->beta) / (2 * s * s * s);
    (void)t, (void)err;
    slopes(z, v);
    jacobian(z, j);
    for (int i = 0; i < 2; i++) dz[i] = -v[i] / s - (g->corrected ? second * (j[i][0] * v[0] + j[i][1] * v[1]) : 0);
    if (g->corrected && g->alternating) dz[1] -= g->h / (s * s) * j[0][1] * v[0]; /* f_xy = j[0][1] */
    return LUGE_OK;
}

/* One step of heavy ball on both sides, z and what was before; alternating: y sees the new x. */
static void step(const game *g, double z[2], double before[2])
{
    double v[2], x = z[0], y = z[1];
    slopes(z, v);
    z[0] += g->beta * (x - before[0]) - g->h * v[0];
    if (g->alternating) slopes((double[2]){ z[0], y }, v);
    z[1] += g->beta * (y - before[1]) - g->h * v[1];
    before[0] = x;
    before[1] = y;
}

/* Largest distance up to time 1.  The iteration starts on its slow manifold, at what the flow was a step before. */
static luge_status distance(const game *g, double *worst, luge_error *err)
{
    const lg_ode ode = { .n = 2, .threads = 1, .context = (void *)g, .rhs = flow };
    double z[2] = { 0.9, -0.6 }, u[2] = { 0.9, -0.6 }, before[2] = { 0.9, -0.6 };
    luge_status st;

    *worst = 0;
    LG_TRY(lg_integrate(&ode, LG_EXPLICIT, 1e-13, 0, -g->h, before, err));
    for (int n = 0; n < (int)(1 / g->h + 0.5); n++) {
        LG_TRY(lg_integrate(&ode, LG_EXPLICIT, 1e-13, n * g->h, (n + 1) * g->h, u, err));
        step(g, z, before);
        *worst = fmax(*worst, fmax(fabs(z[0] - u[0]), fabs(z[1] - u[1])));
    }
done:
    return st;
}

static luge_status orders(lg_verdict *v, luge_error *err)
{
    static const double beta[2] = { 0.5, -0.4 };
    luge_status st = LUGE_OK;
    for (int i = 0; i < 8; i++) {
        game g = { beta[i & 1], 1.0 / 256, i & 2, i & 4 };
        double error[2];
        for (int k = 0; k < 2; k++, g.h /= 2) LG_TRY(distance(&g, &error[k], err));
        double order = log2(error[0] / error[1]), theory = g.corrected ? 2 : 1;
        v->holds = v->holds && fabs(order - theory) < 0.05;
        LG_SAY(v->measured, "%s%.3f", i ? ", " : "orders ", order);
    }
done:
    return st;
}

/* ---- quadratic games: r² - (1 + β - h e) r + β = 0 for each eigenvalue e = m ± i s of V' ---- */

static double radius(double beta, double h, double m, double s)
{
    double _Complex sum = 1 + beta - h * (m + s * (double _Complex)_Complex_I), root = csqrt(sum * sum - 4 * beta);
    return fmax(cabs(sum + root), cabs(sum - root)) / 2;
}

static double limit(double beta, double m, double s)
{
    double below = (1 - beta) * (1 - beta), above = (1 + beta) * (1 + beta);
    return 2 * m * (1 + beta) * below / (m * m * below + s * s * above);
}

static void ellipse(lg_verdict *v)
{
    enum { GAMES = 20000 };
    static const double known[3] = { 0.825688, 0.198020, 0.033296 };
    int wrong = 0;
    double off = 0;

    for (uint64_t i = 0; i < GAMES; i++) {
        double beta = 1.9 * lg_uniform(3, 0, i) - 0.95, m = 0.05 + lg_uniform(3, 1, i), s = 3 * lg_uniform(3, 2, i);
        double part = 2 * lg_uniform(3, 3, i);
        if (fabs(part - 1) > 1e-4) wrong += (radius(beta, part * limit(beta, m, s), m, s) < 1) != (part < 1);
    }
    for (int i = 0; i < 3; i++) off = fmax(off, fabs(limit(0.5 * (i - 1), 0.1, 1) - known[i]));
    v->holds = v->holds && wrong == 0 && off < 1e-6;
    LG_SAY(v->measured, "; ellipse wrong in %d of %d games, limits within %.1e", wrong, (int)GAMES, off);
}

/* log ρ / h of alternating heavy ball on f = x y, by running it: mean growth over the second half of the steps. */
static double growth(double beta, double h)
{
    enum { STEPS = 200000 };
    double x = 1, y = 1, dx = 0, dy = 0, logs = 0;
    for (int n = 0; n < STEPS; n++) {
        dx = beta * dx - h * y;
        x += dx;
        dy = beta * dy + h * x;
        y += dy;
        double size = sqrt(x * x + y * y + dx * dx + dy * dy);
        if (n >= STEPS / 2) logs += lg_log(size);
        x /= size, y /= size, dx /= size, dy /= size;
    }
    return logs / (STEPS / 2.0) / h;
}

static void bilinear(lg_verdict *v)
{
    static const double h = 0.01;
    double alternating = growth(-0.5, h), neutral = growth(0, h), together = lg_log(radius(-0.5, h, 0, 1)) / h;
    v->holds = v->holds && fabs(alternating + 0.0014815) < 2e-6 && fabs(neutral) < 1e-6 && together > 0 &&
               fabs(alternating - together + 0.0022222) < 2e-6;
    LG_SAY(v->measured, "; bilinear at -0.5: alternating %.7f, apart from simultaneous by %.7f; at 0 %.1e",
           alternating, alternating - together, neutral);
}

static luge_status check(const lg_means *means, lg_verdict *v, luge_error *err)
{
    luge_status st;
    (void)means;
    v->holds = true;
    LG_SAY(v->expected,
           "orders 1, 1, 1, 1, 2, 2, 2, 2 within 0.05; the ellipse right in 20000 games, limits 0.825688, "
           "0.198020, 0.033296; log(radius)/h -0.0014815, apart by -0.0022222, 0");
    LG_TRY(orders(v, err));
    ellipse(v);
    bilinear(v);
done:
    return st;
}

const lg_claim lg_claim_games = {
    .name = "games",
    .claim =
        "In min-max games less momentum, negative too, allows larger steps: h times each eigenvalue has to lie in "
        "an ellipse around 1+beta of half axes 1+beta and 1-beta.  Both sides follow one flow, to which turns add "
        "-h/(2 (1-beta)^2) grad_y |f_x|^2; on x y only turns with negative momentum converge.",
    .reference = "Feng et al., ICML 2025, arXiv:2505.19537; the ellipse and the bilinear rates derived here",
    .run =
        "a game with sine and cubic term at momentum 0.5 and -0.4, both at once and by turns, without and with the "
        "term in h; quadratic games; x y for 200000 steps",
    .check = check,
};
