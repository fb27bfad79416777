/* SPDX-License-Identifier: MIT */
#include "experiments/flow.h"

enum { NODES = 128 };

static luge_status gradient(void *context, const double *x, double *g, luge_error *err)
{
    (void)context, (void)err;
    g[0] = lg_sin(x[0]);
    return LUGE_OK;
}

static luge_status hvp(void *context, const double *x, const double *v, double *hv, luge_error *err)
{
    (void)context, (void)err;
    hv[0] = lg_cos(x[0]) * v[0];
    return LUGE_OK;
}

/* The largest distance of `terms` terms from the graph. */
static luge_status residual(const lg_family *f, int terms, const double *g, double *worst, luge_error *err)
{
    luge_status st = LUGE_OK;
    *worst = 0;
    for (int i = 0; i < NODES; i++) {
        double u = 6.283185307179586 * i / NODES, v, work[2];
        LG_TRY(lg_manifold(f, terms, &u, &v, work, err));
        *worst = fmax(*worst, fabs(v - g[i]));
    }
done:
    return st;
}

static luge_status check(const lg_means *means, lg_verdict *v, luge_error *err)
{
    luge_status st = LUGE_OK;
    const lg_field field = { .n = 1, .threads = 1, .gradient = gradient, .hvp = hvp };
    double before[2] = { 0 }, g[NODES], contraction, slope, rate;

    (void)means;
    LG_SAY(v->expected, "distances of order 1 (one term) and 2 (two terms) within 0.06; slope of the graph below its "
                        "bound; contraction within 10 h of the momentum");
    for (int k = 6; k <= 8; k++) {
        lg_family f = { &field, 0.5, 0.5, ldexp(1, -k) };
        double steepest = 0;
        LG_TRY(lg_manifold_graph(&f, NODES, g, &contraction, err));
        lg_manifold_bounds(&f, 1, &slope, &rate);
        for (int i = 0; i < NODES; i++)
            steepest = fmax(steepest, fabs(g[(i + 1) % NODES] - g[i]) * NODES / 6.2831853);
        v->holds = v->holds && steepest <= slope && fabs(contraction - f.momentum) < 10 * f.h;
        for (int terms = 1; terms <= 2; terms++) {
            double worst, order;
            LG_TRY(residual(&f, terms, g, &worst, err));
            order = lg_log(before[terms - 1] / worst) / lg_log(2);
            if (before[terms - 1] > 0) {
                v->holds = v->holds && fabs(order - terms) < 0.06;
                LG_SAY(v->measured, "h = 2^-%d, %d term%s: order %.3f; ", k, terms, terms > 1 ? "s" : "", order);
            }
            before[terms - 1] = worst;
        }
        LG_SAY(v->measured, "h = 2^-%d: slope %.5f below %.5f, contraction %.4f; ", k, steepest, slope, contraction);
    }
done:
    return st;
}

const lg_claim lg_claim_theorem_3 = {
    .name = "theorem_3",
    .claim =
        "For small h the iteration in position and velocity has an invariant manifold v = G(u) that attracts at a "
        "rate "
        "near the momentum; G is L f(u) to first order, and to second order minus the gradient of a modified loss.",
    .reference = "Kovachki & Stuart, JMLR 22 (2021), third theorem; bounds and terms are derived here",
    .run = "f = -sin u, Nesterov with momentum 0.5, the graph of G computed on 128 nodes at h = 2^-6, 2^-7, 2^-8",
    .check = check,
};
