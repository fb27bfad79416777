/* SPDX-License-Identifier: MIT */
#include "experiments/analyze.h"
#include "experiments/flow.h"

static luge_status certify(const char *method, const char *const *set, size_t sets, double condition,
                           lg_certificate *c, luge_error *err)
{
    luge_status st;
    const lg_analyze a = { .method = luge_method_find(method), .set = set, .set_count = sets };
    lg_system s;
    LG_TRY(lg_analyze_system(&a, HUGE_VAL, &s, err));
    LG_TRY(lg_certify(&s, 1 / condition, 1, c, err));
done:
    return st;
}

/* Curvatures in [1/κ, 1]. */
static luge_status one(double k, lg_verdict *v, luge_error *err)
{
    luge_status st;
    double r = sqrt(k), gradient = (k - 1) / (k + 1), triple = 1 - 1 / r, above = sqrt(1 - 1 / r);
    char text[4][64] = { "", "", "", "" };
    lg_certificate c[3];

    LG_SAY(text[0], "lr=%.17g", 2 * k / (k + 1));
    LG_SAY(text[1], "m=%.17g", 1 / k);
    LG_SAY(text[2], "momentum=%.17g", (r - 1) / (r + 1));
    LG_SAY(text[3], "lr=1");
    LG_TRY(certify("sgd", (const char *const[]){ text[0] }, 1, k, &c[0], err));
    LG_TRY(certify("triple_momentum", (const char *const[]){ text[1] }, 1, k, &c[1], err));
    LG_TRY(certify("nesterov", (const char *const[]){ text[2], text[3] }, 2, k, &c[2], err));
    v->holds = v->holds && c[0].holds && c[1].holds && c[2].holds && fabs(c[0].rate / gradient - 1) < 1e-6 &&
               fabs(c[1].rate / triple - 1) < 1e-6 && c[2].rate > c[2].quadratic && c[2].rate < above;
    LG_SAY(v->expected, "condition %g: %.6f, %.6f, in (%.6f, %.6f); ", k, gradient, triple, c[2].quadratic, above);
    LG_SAY(v->measured, "condition %g: %.6f, %.6f, %.6f; ", k, c[0].rate, c[1].rate, c[2].rate);
done:
    return st;
}

static luge_status check(const lg_means *means, lg_verdict *v, luge_error *err)
{
    luge_status st = LUGE_OK;
    (void)means;
    for (int i = 0; i < 3; i++) LG_TRY(one((double[]){ 10, 25, 100 }[i], v, err));
done:
    return st;
}

const lg_claim lg_claim_certified_rates = {
    .name = "certified_rates",
    .claim =
        "On all m-strongly convex, L-smooth functions with condition k, gradient descent has the rate (k-1)/(k+1), "
        "triple momentum 1 - 1/sqrt(k), and Nesterov's method one between 1 - 1/sqrt(k) and sqrt(1 - 1/sqrt(k)).",
    .reference = "Lessard, Recht & Packard, SIAM J. Optim. 26 (2016); Van Scoy, Freeman & Lynch (2018)",
    .run =
        "the inequality in the frequency domain, proved on the whole circle, for the methods' own updates: gradient "
        "descent, triple momentum, Nesterov",
    .check = check,
};
