/* SPDX-License-Identifier: MIT */
#include "samplers/sampler.h"

static const double adams_bashforth[LG_ORDERS] = { 1, 1. / 2, 5. / 12, 3. / 8, 251. / 720 };

void lg_sampler_differences(enum lg_rule rule, int order, double beta, double c[LG_ORDERS])
{
    for (int j = 0; j < LG_ORDERS; j++) c[j] = j < order ? adams_bashforth[j] : 0;
    for (int j = order - 1; rule == LG_ghvb && j > 0; j--) c[j] += (1 - beta) / beta * c[j - 1];
}

/* ∇^j f_n = Σ_i (-1)^i binomial(j, i) f_{n-i} */
void lg_sampler_weights(enum lg_rule rule, int order, double beta, double w[LG_ORDERS])
{
    static const double binomial[LG_ORDERS][LG_ORDERS] = {
        { 1 }, { 1, -1 }, { 1, -2, 1 }, { 1, -3, 3, -1 }, { 1, -4, 6, -4, 1 }
    };
    double c[LG_ORDERS];

    lg_sampler_differences(rule, order, beta, c);
    for (int i = 0; i < LG_ORDERS; i++) {
        w[i] = 0;
        for (int j = i; j < LG_ORDERS; j++) w[i] += c[j] * binomial[j][i];
    }
}
