/* Regions of stability of samplers.  SPDX-License-Identifier: MIT */
#include "experiments/sample.h"

static luge_status on_axis(enum lg_rule rule, int order, double beta, double z, double *radius, luge_error *err)
{
    return lg_sampler_radius(rule, order, beta, (double[]){ -z, 0 }, radius, err);
}

/* Where roots leave the circle, without the closed form: up in twentieths of the largest interval there is, then by
 * halving. */
static luge_status leaves(enum lg_rule rule, int order, double beta, double *at, luge_error *err)
{
    double low = 0, high = 1e-3, radius;
    luge_status st;

    for (;; low = high, high *= 1.05) {
        LG_TRY(on_axis(rule, order, beta, high, &radius, err));
        if (radius > 1) break;
    }
    for (int i = 0; i < 40; i++) {
        double middle = (low + high) / 2;
        LG_TRY(on_axis(rule, order, beta, middle, &radius, err));
        *(radius > 1 ? &high : &low) = middle;
    }
    *at = (low + high) / 2;
done:
    return st;
}

luge_status lg_sampler_map_run(enum lg_rule rule, int order, double beta,
                               void (*progress)(void *context, int64_t done, int64_t of), void *context,
                               lg_sampler_map *m, luge_error *err)
{
    luge_status st = LUGE_OK;

    for (int b = 0; b < LG_BETAS; b++) m->beta[b] = rule == LG_ab ? 1 : 1 - 0.01 * (LG_BETAS - 1 - b);
    for (int i = 0; i < LG_REAL; i++) m->z[i] = 0.02 * lg_exp(i * lg_log(1000) / (LG_REAL - 1));
    for (int i = 0; i < LG_PLANE; i++)
        m->re[i] = -3.2 + 3.6 * i / (LG_PLANE - 1), m->im[i] = -1.8 + 3.6 * i / (LG_PLANE - 1);
    for (int k = 0; k < LG_ORDERS; k++) {
        for (int b = 0; b < LG_BETAS; b++) {
            m->interval[k][b] = lg_sampler_interval(rule, k + 1, m->beta[b]);
            LG_TRY(leaves(rule, k + 1, m->beta[b], &m->checked[k][b], err));
        }
        for (int i = 0; i < LG_PLANE; i++)
            for (int j = 0; j < LG_PLANE; j++)
                LG_TRY(
                    lg_sampler_radius(rule, k + 1, beta, (double[]){ m->re[j], m->im[i] }, &m->plane[k][i][j], err));
        if (progress) progress(context, k + 1, LG_ORDERS + 1);
    }
    for (int b = 0; b < LG_BETAS; b++)
        for (int i = 0; i < LG_REAL; i++) LG_TRY(on_axis(rule, order, m->beta[b], m->z[i], &m->radius[b][i], err));
done:
    return st;
}
