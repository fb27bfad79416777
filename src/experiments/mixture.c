/* SPDX-License-Identifier: MIT */
#include "experiments/sample.h"
#include <string.h>

enum { MOST_DIM = 64 };
static const char *const between = " \t;";

/* "w:m1,m2,..:s" at *text. */
static luge_status part(const char *owner, const char **text, size_t number, double *weight, double *mean,
                        size_t *dim, double *sd, luge_error *err)
{
    const char *p = lg_number_read(*text, weight), *wrong = *text;

    *dim = 0;
    if (!p || *p != ':') goto bad;
    do {
        wrong = p + 1;
        if (*dim == MOST_DIM || !(p = lg_number_read(p + 1, &mean[*dim]))) goto bad;
        ++*dim;
    } while (*p == ',');
    wrong = p + (*p == ':');
    if (*p != ':' || !(p = lg_number_read(p + 1, sd)) || (*p && !strchr(between, *p))) goto bad;
    *text = p;
    if (!(*weight > 0) || isinf(*weight))
        return lg_fail(err, LUGE_E_ARG, "%s: weight %g of part %zu is not in (0,inf)", owner, *weight, number);
    if (!(*sd >= 0) || isinf(*sd))
        return lg_fail(err, LUGE_E_ARG, "%s: sd %g of part %zu is not in [0,inf)", owner, *sd, number);
    for (size_t j = 0; j < *dim; j++)
        if (!isfinite(mean[j]))
            return lg_fail(err, LUGE_E_ARG, "%s: a mean of part %zu is not finite", owner, number);
    return LUGE_OK;
bad:
    return lg_fail(err, LUGE_E_ARG,
                   "%s: part %zu: \"%.40s\": weight:mean:sd is needed, a mean of up to %d numbers as 1,2,3", owner,
                   number, wrong, MOST_DIM);
}

luge_status lg_mixture_open(lg_mixture *m, const char *owner, const char *text, luge_error *err)
{
    enum { PARTS = LUGE_MIXTURE_PARTS };
    luge_status st = LUGE_OK;
    size_t parts = 0, dim = 0, n;

    LG_NEED(m->memory = lg_alloc(PARTS * (MOST_DIM + 2), sizeof *m->memory));
    double *weight = m->memory, *sd = weight + PARTS, *mean = sd + PARTS;
    for (text += strspn(text, between); *text; text += strspn(text, between)) {
        if (parts == PARTS) {
            st = lg_fail(err, LUGE_E_ARG, "%s: more than %d parts", owner, PARTS);
            goto done;
        }
        LG_TRY(part(owner, &text, parts + 1, &weight[parts], mean + parts * dim, &n, &sd[parts], err));
        if (parts && n != dim) {
            st = lg_fail(err, LUGE_E_SHAPE, "%s: part %zu has a mean of %zu numbers, those before have %zu", owner,
                         parts + 1, n, dim);
            goto done;
        }
        dim = n;
        parts++;
    }
    if (!parts) st = lg_fail(err, LUGE_E_ARG, "%s: no part: weight:mean:sd is needed", owner);
    m->of = (luge_mixture){ parts, dim, weight, mean, sd };
done:
    if (st) lg_mixture_close(m);
    return st;
}

void lg_mixture_close(lg_mixture *m)
{
    lg_free(m->memory);
    m->memory = NULL;
}

void lg_mixture_draw(const luge_mixture *m, double sigma, uint64_t seed, size_t first, size_t rows, double *out)
{
    double sum = 0;
    for (size_t i = 0; i < m->parts; i++) sum += m->weight[i];
    for (size_t r = 0; r < rows; r++) {
        double left = sum * lg_uniform(seed, 1, first + r);
        size_t i = 0;
        while (i + 1 < m->parts && left >= m->weight[i]) left -= m->weight[i++];
        double sd = sqrt(m->sd[i] * m->sd[i] + sigma * sigma);
        for (size_t j = 0; j < m->dim; j++)
            out[r * m->dim + j] = m->mean[i * m->dim + j] + sd * lg_normal(seed, 2, (first + r) * m->dim + j);
    }
}

double lg_mixture_density(const luge_mixture *m, double sigma, double x)
{
    double sum = 0, p = 0;
    for (size_t i = 0; i < m->parts; i++) {
        double v = m->sd[i] * m->sd[i] + sigma * sigma, d = x - m->mean[i * m->dim];
        sum += m->weight[i];
        p += m->weight[i] * lg_exp(-d * d / (2 * v)) / sqrt(2 * 0x1.921fb54442d18p+1 * v);
    }
    return p / sum;
}
