/* SPDX-License-Identifier: MIT */
#include "experiments/flow.h"
#include "flows/update.h"

static const double beta[2] = { 0.8, 0.95 }, eps = 0.05, decay = 0.3;
static const char *const settings[] = { "beta1=0.8", "beta2=0.95", "eps=0.05", "eps_at=inside", "weight_decay=0.3" };

/* u = g/R + λ x, R = √(g² + ε), a = β/(1-β):  V₁ = -[a₁/R - a₂ g²/R³] H u - (λ u + ε/R³ H u)/2 */
static luge_status closed(const lg_field *f, const double *x, double *v1, luge_error *err)
{
    luge_status st;
    double g[2], u[2], hu[2];
    LG_TRY(f->gradient(f->context, x, g, err));
    for (int i = 0; i < 2; i++) u[i] = g[i] / sqrt(g[i] * g[i] + eps) + decay * x[i];
    LG_TRY(f->hvp(f->context, x, u, hu, err));
    for (int i = 0; i < 2; i++) {
        double R = sqrt(g[i] * g[i] + eps), a1 = beta[0] / (1 - beta[0]), a2 = beta[1] / (1 - beta[1]);
        v1[i] = -(a1 / R - a2 * g[i] * g[i] / (R * R * R)) * hu[i] - (decay * u[i] + eps / (R * R * R) * hu[i]) / 2;
    }
done:
    return st;
}

static luge_status farthest(const lg_field *f, lg_update *u, double *worst, luge_error *err)
{
    luge_status st = LUGE_OK;
    for (int point = 0; point < 100; point++) {
        double x[2], v[2], want[2];
        for (int i = 0; i < 2; i++) x[i] = lg_normal(11, (uint64_t)i, (uint64_t)point);
        LG_TRY(lg_auto_terms(f, u, 1, x, NULL, v, NULL, err));
        LG_TRY(closed(f, x, want, err));
        for (int i = 0; i < 2; i++) *worst = fmax(*worst, fabs(v[i] - want[i]) / (1 + fabs(want[i])));
    }
done:
    return st;
}

static bool take(void *context, const lg_flow_line *line, lg_path *path)
{
    (void)path;
    *(double *)context = line->orders.fitted;
    return true;
}

static luge_status check(const lg_means *means, lg_verdict *v, luge_error *err)
{
    luge_status st;
    const lg_problem_request problem = { .spec = "expr:0.5*(1-x)^2+(y-x^2)^2", .at = "-0.5,0.6", .threads = 1 };
    lg_whole *w = NULL;
    lg_update *u = NULL;
    double worst = 0, order[2] = { 0 };

    (void)means;
    LG_TRY(lg_whole_open(&w, &problem, err));
    LG_TRY(lg_update_open(&u, "adamw", err));
    for (int i = 0; i < 5; i++) LG_TRY(lg_update_set(u, settings[i], err));
    LG_TRY(farthest(lg_whole_field(w), u, &worst, err));
    for (int terms = 0; terms < 2; terms++) {
        const char *model = terms ? "auto:2" : "auto:1";
        lg_flow_result result;
        lg_flow f = { .problem = problem,
                      .method = luge_method_find("adamw"),
                      .set = settings,
                      .sets = 5,
                      .model = &model,
                      .models = 1,
                      .momentum = (double)NAN,
                      .lr = 1.0 / 1024,
                      .time = 0.5,
                      .halvings = 2,
                      .prepared = true,
                      .rtol = 1e-12,
                      .line = take,
                      .context = &order[terms] };
        LG_TRY(lg_flow_run(&f, &result, err));
    }
    v->holds = worst < 1e-11 && fabs(order[0] - 1) < 0.1 && fabs(order[1] - 2) < 0.1;
    LG_SAY(v->expected, "relative difference below 1e-11; orders 1 without and 2 with the memory, within 0.1");
    LG_SAY(v->measured, "largest relative difference %.1e; orders %.3f and %.3f", worst, order[0], order[1]);
done:
    lg_update_close(u);
    lg_whole_close(w);
    return st;
}

const lg_claim lg_claim_adam_memory = {
    .name = "adam_memory",
    .claim =
        "The memory of AdamW's two averages acts on its flow as a term with the averages' mean ages, "
        "beta/(1-beta): of opposite signs, so that it lowers the gradient's norm for a large beta1 and raises it "
        "for a larger beta2.",
    .reference =
        "Cattaneo, Klusowski & Shigida, ICML 2024; Cattaneo & Shigida, NeurIPS 2025; the constant derived here",
    .run = "0.5 (1-x)^2 + (y-x^2)^2: the closed term against that of the formula at 100 points; orders, h = 2^-10 .. "
           "2^-12",
    .check = check,
};
