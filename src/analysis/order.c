/* Orders from errors.  SPDX-License-Identifier: MIT */
#include "analysis/analysis.h"

lg_orders lg_orders_fit(size_t n, const double *error, const double *reference)
{
    lg_orders o = { .fitted = (double)NAN };
    double sum = 0, finer = (double)NAN;
    int used = 0;

    for (size_t i = n - 1; i-- > 0;) {
        o.pair[i] = lg_log(error[i] / error[i + 1]) / lg_log(2);
        if (!(error[i + 1] >= 100 * reference[i + 1]) || !isfinite(o.pair[i]))
            o.kept[i] = LG_PAIR_NOISE;
        else if (fabs(o.pair[i] - finer) > 0.3)
            o.kept[i] = LG_PAIR_JUMP;
        else {
            finer = o.pair[i];
            if (used < 2) sum += o.pair[i], used++;
        }
    }
    if (used) o.fitted = sum / used;
    return o;
}
