/* Gaussian mixtures: predictions in closed form.  SPDX-License-Identifier: MIT */
#include "samplers/loops.h"

static luge_status prepare(const luge_mixture *m, double sigma, size_t dim, lg_mixture_at *at, luge_error *err)
{
    if (m->parts < 1 || m->parts > LUGE_MIXTURE_PARTS)
        return lg_fail(err, LUGE_E_ARG, "mixture: %zu parts: 1 to %d are possible", m->parts, LUGE_MIXTURE_PARTS);
    if (!m->dim || m->dim != dim)
        return lg_fail(err, LUGE_E_SHAPE, "mixture: of %zu numbers, and the states of %zu", m->dim, dim);
    if (!(sigma >= 0 && isfinite(sigma)))
        return lg_fail(err, LUGE_E_ARG, "mixture: noise level %g is not in [0,inf)", sigma);
    at->parts = m->parts, at->dim = dim, at->mean = m->mean;
    for (size_t i = 0; i < m->parts; i++) {
        double variance = m->sd[i] * m->sd[i] + sigma * sigma;
        if (!(m->weight[i] > 0 && isfinite(m->weight[i])))
            return lg_fail(err, LUGE_E_ARG, "mixture: weight %g of part %zu is not in (0,inf)", m->weight[i], i);
        if (!(m->sd[i] >= 0 && variance > 0 && isfinite(variance)))
            return lg_fail(err, LUGE_E_ARG, "mixture: sd %g of part %zu under noise %g leaves no variance in (0,inf)",
                           m->sd[i], i, sigma);
        at->lead[i] = lg_log(m->weight[i]) - 0.5 * (double)dim * lg_log(variance);
        at->inverse[i] = 1 / variance;
    }
    return LUGE_OK;
}

static luge_status predict(const luge_mixture *m, double sigma, double a, double b, size_t rows, size_t dim,
                           const double *x, double *out, luge_error *err)
{
    lg_mixture_at at;
    const lg_sampler_loops *loops;
    luge_status st;

    LG_TRY(lg_sampler_loops_pick(&loops, err));
    LG_TRY(prepare(m, sigma, dim, &at, err));
    at.a = a, at.b = b;
    loops->mixture(&at, rows, x, out);
done:
    return st;
}

luge_status luge_mixture_noise(void *mixture, double sigma, size_t rows, size_t dim, const double *x, double *out,
                               luge_error *err)
{
    return predict((const luge_mixture *)mixture, sigma, 0, -sigma, rows, dim, x, out, err);
}

luge_status luge_mixture_data(void *mixture, double sigma, size_t rows, size_t dim, const double *x, double *out,
                              luge_error *err)
{
    return predict((const luge_mixture *)mixture, sigma, 1, sigma * sigma, rows, dim, x, out, err);
}
