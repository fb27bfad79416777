/* SPDX-License-Identifier: MIT */
#include "experiments/flow.h"
#include "flows/update.h"
#include <stdio.h>

static luge_status quadratic(void *context, const double *x, double *g, luge_error *err)
{
    (void)context, (void)err;
    g[0] = 0.3 * x[0];
    return LUGE_OK;
}
static luge_status product(void *context, const double *x, const double *v, double *hv, luge_error *err)
{
    (void)x;
    return quadratic(context, v, hv, err);
}

/* c_n = μ c_(n-1) + 1,  γ_n = μ γ_(n-1) + c_n²/2 + μ c_(n-1)²/2;  Φ = 0.3 u²/2 at u = 1: g = 0.3, H g = 0.09. */
static luge_status farthest(double mu, double *worst, double last[2], luge_error *err)
{
    luge_status st;
    const lg_field field = { .n = 1, .threads = 1, .gradient = quadratic, .hvp = product };
    const double h = 1.0 / 64, u = 1;
    lg_update *update = NULL;
    lg_model *m = NULL;
    double c = 0, gamma = 0, field_of_step;
    char text[32];

    snprintf(text, sizeof text, "momentum=%g", mu);
    LG_TRY(lg_update_open(&update, "heavy_ball", err));
    LG_TRY(lg_update_set(update, text, err));
    LG_TRY(lg_model_of(&m, "auto:2", &field, update, h, false, err));
    for (int n = 0; n < 400; n++) {
        double before = c;
        c = mu * c + 1;
        gamma = mu * gamma + (c * c + mu * before * before) / 2;
        LG_TRY(lg_model_node(m, n, &u, err));
        LG_TRY(lg_model_ode(m)->rhs(lg_model_ode(m)->context, 0, &u, &field_of_step, err));
        *worst = fmax(*worst, fabs(field_of_step / (-0.3 * c - h * 0.09 * gamma) - 1));
    }
    last[0] = c;
    last[1] = gamma;
done:
    lg_model_close(m);
    lg_update_close(update);
    return st;
}

static luge_status check(const lg_means *means, lg_verdict *v, luge_error *err)
{
    luge_status st = LUGE_OK;
    static const double momentum[] = { 0.3, 0.5, 0.8, 0.9 };
    double worst = 0, limit = 0, last[2], ratio[2] = { 0 };

    (void)means;
    for (int i = 0; i < 4; i++) {
        double mu = momentum[i], s = 1 - mu;
        LG_TRY(farthest(mu, &worst, last, err));
        limit = fmax(limit, fabs(last[0] * s - 1) + fabs(last[1] * 2 * s * s * s / (1 + mu) - 1));
        /* beside gradient descent at the same effective step h/(1-μ), whose penalty has h/(1-μ) / 2 */
        if (i == 1) ratio[0] = last[1] / last[0] / (0.5 / s), ratio[1] = (1 + mu) / s;
    }
    v->holds = worst < 1e-12 && limit < 1e-10 && fabs(ratio[0] - ratio[1]) < 1e-10;
    LG_SAY(v->expected,
           "every step within 1e-12; limits 1/(1-mu) and (1+mu)/(2 (1-mu)^3) within 1e-10; penalty %.6g times "
           "gradient descent's at momentum 0.5",
           ratio[1]);
    LG_SAY(v->measured, "steps within %.1e, limits within %.1e, penalty %.10g times", worst, limit, ratio[0]);
done:
    return st;
}

const lg_claim lg_claim_counter_terms = {
    .name = "counter_terms",
    .claim = "Heavy ball from rest is a flow whose coefficients change from step to step, c_n and gamma_n, towards "
             "those of "
             "the implicit gradient regularization, (1+momentum)/(1-momentum) times that of gradient descent at the "
             "same speed.",
    .reference =
        "Lyu et al., NeurIPS 2025, arXiv:2506.14806; Ghosh et al., ICLR 2023, arXiv:2302.00849; the recursion "
        "derived here",
    .run = "0.15 u^2, momentum 0.3 to 0.9, 400 steps from rest: the recursion against the flow of the formula in its "
           "file",
    .check = check,
};
