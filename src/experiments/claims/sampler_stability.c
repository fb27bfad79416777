/* SPDX-License-Identifier: MIT */
#include "experiments/flow.h"
#include "experiments/sample.h"

enum { BETAS = 100 };
static const char *const name[] = { [LG_ab] = "ab", [LG_hb] = "hb", [LG_ghvb] = "ghvb", [LG_nesterov] = "nesterov" };

/* x' = [[0, 1], [-9, -10]] x, eigenvalues -1 and -9, x(0) = (-1, 0). */
static const struct {
    enum lg_rule rule;
    const char *order;
    double error, later; /* at t = 3 and 24, steps of 3/26 */
} rows[] = {
    { LG_ab, "1", 1.36e-2, 5e-11 },   { LG_ab, "2", 1.44, 1.3e4 },      { LG_hb, "1.9", 2.9e-3, 1e-11 },
    { LG_hb, "1.8", 6.3e-3, 3e-11 },  { LG_ghvb, "1.9", 4.7e-2, 9e-9 }, { LG_ghvb, "1.8", 7.2e-4, 1e-11 },
    { LG_nesterov, "1.9", 0.78, 90 },
};

static luge_status linear(void *context, double t, size_t n, size_t dim, const double *x, double *out, luge_error *e)
{
    (void)context, (void)t, (void)n, (void)dim, (void)e;
    out[0] = x[1];
    out[1] = -9 * x[0] - 10 * x[1];
    return LUGE_OK;
}

static luge_status toy(enum lg_rule rule, const char *order, int steps, double *error, luge_error *err)
{
    double x[2] = { -1, 0 }, out[2], node[209], end = steps * 3.0 / 26, slow = lg_exp(-end) / 8,
           fast = lg_exp(-9 * end) / 8;
    luge_sampler *s = NULL;
    luge_status st;

    for (int i = 0; i <= steps; i++) node[i] = i * 3.0 / 26;
    LG_TRY(luge_sampler_new(&s, err));
    LG_TRY(luge_sampler_set(s, "rule", name[rule], err));
    LG_TRY(luge_sampler_set(s, "order", order, err));
    luge_sampler_field(s, linear, NULL, NULL, NULL);
    LG_TRY(luge_sampler_run(s, 1, 2, (size_t)steps + 1, node, x, out, NULL, err));
    *error = hypot(out[0] + 9 * slow - fast, out[1] - 9 * slow + 9 * fast);
done:
    luge_sampler_free(s);
    return st;
}

/* Intervals that do not end where the roots leave the circle. */
static luge_status mismatches(int *wrong, luge_error *err)
{
    luge_status st = LUGE_OK;
    for (int rule = LG_ab; rule <= LG_nesterov; rule++)
        for (int k = 1; k <= LG_ORDERS; k++)
            for (int b = 1; b <= BETAS; b++) {
                double beta = (double)b / BETAS, end = lg_sampler_interval((enum lg_rule)rule, k, beta), in, out;
                LG_TRY(lg_sampler_radius((enum lg_rule)rule, k, beta, (double[]){ -end * (1 - 1e-6), 0 }, &in, err));
                LG_TRY(lg_sampler_radius((enum lg_rule)rule, k, beta, (double[]){ -end * (1 + 1e-6), 0 }, &out, err));
                *wrong += !(in < 1 && out > 1);
            }
done:
    return st;
}

static luge_status check(const lg_means *means, lg_verdict *v, luge_error *err)
{
    luge_status st;
    int wrong = 0;

    (void)means;
    LG_TRY(mismatches(&wrong, err));
    v->holds = v->holds && wrong == 0;
    LG_SAY(v->expected, "no mismatch of closed forms and roots for orders 1 to 5 at 100 beta");
    LG_SAY(v->measured, "%d mismatches", wrong);
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double error, later;
        LG_TRY(toy(rows[i].rule, rows[i].order, 26, &error, err));
        LG_TRY(toy(rows[i].rule, rows[i].order, 208, &later, err));
        v->holds = v->holds && fabs(error / rows[i].error - 1) < .02 && later < 1.6 * rows[i].later &&
                   later > rows[i].later / 1.6;
        LG_SAY(v->expected, "; %s %s: %g and %g", name[rows[i].rule], rows[i].order, rows[i].error, rows[i].later);
        LG_SAY(v->measured, "; %s %s: %.3g and %.2g", name[rows[i].rule], rows[i].order, error, later);
    }
done:
    return st;
}

const lg_claim lg_claim_sampler_stability = {
    .name = "sampler_stability",
    .claim =
        "Heavy ball and its generalization widen the interval of stability of Adams-Bashforth samplers, Nesterov's "
        "velocity hardly does.",
    .reference = "Wizadwongsa et al., Diffusion sampling with momentum, ICLR 2024, toy problem; the closed forms are "
                 "those of docs/samplers.md",
    .run = "roots just inside and outside of each interval; x' = [[0, 1], [-9, -10]] x from (-1, 0) in steps of "
           "3/26, errors "
           "at t = 3 and t = 24",
    .check = check,
};
