/* SPDX-License-Identifier: MIT */
#include "experiments/analyze.h"
#include "experiments/flow.h"

/* The largest relative errors of the limit and of the variance, at random settings. */
static luge_status compare(uint64_t i, double *limit, double *variance, luge_error *err)
{
    luge_status st;
    double b = lg_uniform(1, 1, i), nu = lg_uniform(1, 2, i), q = 0.1 + lg_uniform(1, 3, i), most, summed, solved;
    double edge = 2 * (1 + b) / (1 + b * (1 - 2 * nu)), x = edge * (0.05 + 0.9 * lg_uniform(1, 4, i)), lr = x / q;
    double n = 1 - b * b + x * b * (1 - nu) * (1 + b * (1 - 2 * nu));
    double known = lr * n / (q * (1 - b + x * b * (1 - nu)) * (2 * (1 + b) - x * (1 + b - 2 * b * nu)));
    char text[3][64] = { "", "", "" };
    const char *const set[] = { text[0], text[1], text[2] };
    const lg_analyze a = { .method = luge_method_find("qhm"), .set = set, .set_count = 3 };
    lg_system s;

    LG_SAY(text[0], "momentum=%.17g", b);
    LG_SAY(text[1], "nu=%.17g", nu);
    LG_SAY(text[2], "lr=%.17g", lr);
    LG_TRY(lg_analyze_system(&a, HUGE_VAL, &s, err));
    LG_TRY(lg_stable_curvature(&s, &most, err));
    LG_TRY(lg_noise(&s, q, &summed, &solved, err));
    *limit = fmax(*limit, fabs(most * lr / edge - 1));
    *variance = fmax(*variance, fmax(fabs(summed / known - 1), fabs(solved / known - 1)));
done:
    return st;
}

static luge_status check(const lg_means *means, lg_verdict *v, luge_error *err)
{
    enum { SETTINGS = 300 };
    luge_status st = LUGE_OK;
    double limit = 0, variance = 0;

    (void)means;
    for (uint64_t i = 0; i < SETTINGS; i++) LG_TRY(compare(i, &limit, &variance, err));
    v->holds = limit < 1e-10 && variance < 1e-10;
    LG_SAY(v->expected, "relative differences below 1e-10 at %d random settings", SETTINGS);
    LG_SAY(v->measured, "limit %.1e, variance %.1e", limit, variance);
done:
    return st;
}

const lg_claim lg_claim_quasi_hyperbolic = {
    .name = "quasi_hyperbolic",
    .claim =
        "Quasi-hyperbolic momentum is stable on curvature q exactly for lr q < 2 (1+b) / (1 + b (1 - 2 nu)), and "
        "gradient noise leaves a variance that is a rational function of lr, b, nu and q.",
    .reference = "Ma & Yarats, ICLR 2019; Gitman et al., NeurIPS 2019, arXiv:1910.13962",
    .run = "the linear system of qhm's own update: its roots, the sum of its responses, the Lyapunov equation",
    .check = check,
};
