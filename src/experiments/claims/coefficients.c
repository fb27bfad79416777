/* SPDX-License-Identifier: MIT */
#include "experiments/flow.h"

/* Φ = u²/2: f = -u, and of the trees only f, f'f, f'f'f, f'f'f'f are left, as -u, u, -u, u. */
static luge_status identity(void *context, const double *x, double *g, luge_error *err)
{
    (void)context, (void)err;
    g[0] = x[0];
    return LUGE_OK;
}
static luge_status product(void *context, const double *x, const double *v, double *hv, luge_error *err)
{
    (void)x;
    return identity(context, v, hv, err);
}
static luge_status series(void *context, int degree, const double *x, double *g, luge_error *err)
{
    (void)context, (void)err;
    for (size_t i = 0; i < lg_series_count(degree); i++) g[i] = x[i];
    return LUGE_OK;
}

static luge_status check(const lg_means *means, lg_verdict *v, luge_error *err)
{
    static const int linear[4] = { 0, 1, 3, 7 };
    luge_status st = LUGE_OK;
    const lg_field field = { .n = 1, .threads = 1, .gradient = identity, .hvp = product, .series = series };
    double worst = 0, defect = 0;

    (void)means;
    for (int i = 0; i < 20; i++) {
        double l = 0.05 * (i / 2), u = 1, term[4], work[64], c[LG_TREES], speed = 1 / (1 - l);
        lg_family f = { &field, l, i % 2 ? l : 0, 1 };
        LG_TRY(lg_series_terms(&f, 4, &u, term, work, err));
        lg_tree_coefficients(l, f.a, c);
        for (int k = 0; k < 4; k++) worst = fmax(worst, fabs(term[k] / ((k % 2 ? 1 : -1) * c[linear[k]]) - 1));
        defect = fmax(defect, fabs((c[3] - 2 * c[2]) / (speed * speed * speed * (1.0 / 6 - f.a * speed)) - 1));
    }
    v->holds = worst < 1e-12 && defect < 1e-9;
    LG_SAY(v->expected,
           "relative difference below 1e-12; coefficient(f'f'f) - 2 coefficient(f''(f,f)) = L^3 (1/6 - a L)");
    LG_SAY(v->measured, "largest relative difference %.1e; of the defect %.1e", worst, defect);
done:
    return st;
}

const lg_claim lg_claim_coefficients = {
    .name = "coefficients",
    .claim = "The modified equation has closed coefficients; its third term is a gradient only if a = "
             "(1-momentum)/6, never "
             "for heavy ball, so that beyond second order there is no modified loss.",
    .reference = "derived here, by series and by rooted trees; Hairer, Lubich & Wanner (2006), chapter IX",
    .run = "u^2/2, momentum 0 to 0.45, heavy ball and Nesterov: recursion against closed form to the fourth term",
    .check = check,
};
