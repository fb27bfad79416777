/* SPDX-License-Identifier: MIT */
#include "experiments/flow.h"
#include <stdlib.h>

/* ---- the flow, α = γ = 1, K = Σ √(m² + e²), K* = -e Σ √(1 - z²) ---- */

typedef struct flow {
    const lg_field *field;
    double eps, lam, e, theta; /* theta = (1 - ε) / (1 + ε λ) */
} flow;

static double slope(double m, double e) { return m / sqrt(m * m + e * e); }

/* z: x, m, what was lost.  m' = -∇F - m,  x' = ∇K(n) - λ x,  n = m - ε (∇F + m),
 * lost' = (1 + θ λ) (n - y)·(∇K(n) - λ x) + (θ / ε) (n - m)·(∇K(n) - ∇K(m)),  y = ∇K*(λ x) */
static luge_status follow(void *context, double t, const double *z, double *dz, luge_error *err)
{
    const flow *f = context;
    double g[2];
    luge_status st = f->field->gradient(f->field->context, z, g, err);
    (void)t;
    dz[4] = 0;
    for (int i = 0; i < 2; i++) {
        double x = z[i], m = z[2 + i], n = m - f->eps * (g[i] + m), k = slope(n, f->e);
        double y = f->e * f->lam * x / sqrt(1 - f->lam * f->lam * x * x);
        dz[i] = k - f->lam * x;
        dz[2 + i] = -g[i] - m;
        dz[4] += (1 + f->theta * f->lam) * (n - y) * dz[i] + f->theta / f->eps * (n - m) * (k - slope(m, f->e));
    }
    return st;
}

/* V = F + K*(λ x) / λ + θ (K*(λ x) + K(m) - λ m·x) */
static luge_status storage(lg_whole *w, const flow *f, const double *z, double *v, luge_error *err)
{
    luge_status st = lg_whole_value(w, z, v, err);
    for (int i = 0; i < 2; i++) {
        double x = z[i], m = z[2 + i], conjugate = -f->e * sqrt(1 - f->lam * f->lam * x * x);
        *v += conjugate / f->lam + f->theta * (conjugate + sqrt(m * m + f->e * f->e) - f->lam * m * x);
    }
    return st;
}

static luge_status flows_down(lg_verdict *v, luge_error *err)
{
    enum { TIMES = 160 };
    const lg_problem_request problem = {
        .spec = "expr:0.5*(x^2+4*y^2)+0.05*(x+y)^4-2*x", .at = "1,0.5", .type = LUGE_F64, .threads = 1
    };
    lg_whole *w = NULL;
    luge_status st;
    double z[5] = { 1, 0.5 }, first = 0, before = HUGE_VAL, balance = 0, rise = -HUGE_VAL;

    LG_TRY(lg_whole_open(&w, &problem, err));
    const flow f = { lg_whole_field(w), 0.5, 0.8, 0.3, 0.5 / 1.4 };
    const lg_ode ode = { .n = 5, .threads = 1, .context = (void *)&f, .rhs = follow };
    for (int n = 0; n <= TIMES; n++) {
        double now;
        if (n > 0) LG_TRY(lg_integrate(&ode, LG_EXPLICIT, 1e-14, 8.0 * (n - 1) / TIMES, 8.0 * n / TIMES, z, err));
        LG_TRY(storage(w, &f, z, &now, err));
        if (n == 0) first = now;
        balance = fmax(balance, fabs(now + z[4] - first));
        rise = fmax(rise, now - before);
        before = now;
    }
    v->holds = v->holds && balance < 1e-12 && rise < 0;
    LG_SAY(v->measured, "flow: balance within %.1e, largest change of V %.1e", balance, rise);
done:
    lg_whole_close(w);
    return st;
}

/* ---- luge's own Lion ---- */

enum { N = 4 };
static const double curvature[N] = { 1, 2, 5, 10 }, target[N] = { 2, -0.3, -1.5, 0.2 };

static luge_status lion(luge_optimizer **opt, double *x, const char *lr, luge_error *err)
{
    luge_status st;
    LG_TRY(luge_new(opt, "lion", err));
    LG_TRY(luge_set(*opt, 0, "lr", lr, err));
    LG_TRY(luge_set(*opt, 0, "weight_decay", "1.5", err));
    LG_TRY(luge_add(*opt, 0, "x", LUGE_F64, x, 1, (size_t[]){ N }, err));
done:
    return st;
}

/* λ|x| - 1 <= (1 - ηλ)^t (λ|x_0| - 1), and what is inside stays inside, whatever the gradients are. */
static luge_status stays_in_box(lg_verdict *v, luge_error *err)
{
    enum { STEPS = 20000 };
    static const double rate = 1e-3, lam = 1.5, start[N] = { 3, -2, 0.6, 0.1 };
    luge_optimizer *opt = NULL;
    luge_status st;
    double x[N] = { start[0], start[1], start[2], start[3] }, g[N], excess = -HUGE_VAL, shrink = 1;

    LG_TRY(lion(&opt, x, "1e-3", err));
    for (uint64_t t = 1; t <= STEPS; t++) {
        /* against the box: outwards, but for one in eight */
        for (int i = 0; i < N; i++) g[i] = (lg_uniform(7, (uint64_t)i, t) < 0.125 ? 1 : -1) * (x[i] < 0 ? -1 : 1);
        LG_TRY(luge_step(opt, &(luge_inputs){ .grad = (const void *const[]){ g } }, err));
        shrink *= 1 - rate * lam;
        for (int i = 0; i < N; i++)
            excess = fmax(excess, lam * fabs(x[i]) - 1 - shrink * fmax(0, lam * fabs(start[i]) - 1));
    }
    v->holds = v->holds && excess < 1e-12;
    LG_SAY(v->measured, "; Lion: largest excess over the bound %.1e", excess);
done:
    luge_free(opt);
    return st;
}

/* S = Σ |g| + λ x g: 0 in the box at a KKT point alone.  Its mean over the last steps. */
static luge_status score(const char *lr, double time, double *mean, luge_error *err)
{
    luge_optimizer *opt = NULL;
    luge_status st;
    double x[N] = { 0 }, g[N], rate = strtod(lr, NULL);
    int64_t steps = (int64_t)(time / rate), last = steps / 10;

    *mean = 0;
    LG_TRY(lion(&opt, x, lr, err));
    for (int64_t t = 0; t < steps; t++) {
        for (int i = 0; i < N; i++) g[i] = curvature[i] * (x[i] - target[i]);
        for (int i = 0; i < N && t >= steps - last; i++) *mean += (fabs(g[i]) + 1.5 * x[i] * g[i]) / (double)last;
        LG_TRY(luge_step(opt, &(luge_inputs){ .grad = (const void *const[]){ g } }, err));
    }
done:
    luge_free(opt);
    return st;
}

static luge_status check(const lg_means *means, lg_verdict *v, luge_error *err)
{
    static const char *const rate[3] = { "1e-2", "1e-3", "1e-4" };
    luge_status st;
    double s[3];

    (void)means;
    v->holds = true;
    LG_SAY(v->expected,
           "V and what was lost constant within 1e-12, V falls throughout; no excess over the box's bound "
           "in 20000 steps; the KKT score falls by 5 to 20 for a tenth of lr");
    LG_TRY(flows_down(v, err));
    LG_TRY(stays_in_box(v, err));
    for (int i = 0; i < 3; i++) {
        LG_TRY(score(rate[i], 20, &s[i], err));
        LG_SAY(v->measured, "%s %.2e", i ? "," : "; score at lr 1e-2, 1e-3, 1e-4:", s[i]);
        if (i) v->holds = v->holds && s[i - 1] / s[i] > 5 && s[i - 1] / s[i] < 20;
    }
done:
    return st;
}

const lg_claim lg_claim_lyapunov = {
    .name = "lyapunov",
    .claim =
        "Lion-K's flow lowers V = F + K*(lambda x)/lambda + theta (K*(lambda x) + K(m) - lambda m.x) at a rate that "
        "is known; Lion enters the box |x| <= 1/lambda geometrically, stays, and solves the bounded problem up to "
        "its step size.",
    .reference = "Chen, Liu, Liang & Liu, ICLR 2024, arXiv:2310.05898; rate of V derived again here",
    .run =
        "K = sum sqrt(m^2 + 0.09) on a quartic to time 8; Lion with decay 1.5 against signs that push outwards, and "
        "on a quadratic of four variables of which two end on the box",
    .check = check,
};
