/* Expressions from any text: what is refused says why; of what is accepted the number, the product and the series
 * agree where they are the same sums.  SPDX-License-Identifier: MIT */
#include "file.h"

#include "problems/support/expression.h"
#include <string.h>

enum { MOST = 16, DEGREE = 3, COUNT = 10 };

static bool same(double a, double b) { return a == b || (isnan(a) && isnan(b)); }

static void use(lg_expression *e, const double *from)
{
    double x[MOST], v[MOST], g[MOST], hv[MOST], series[MOST * COUNT] = { 0 }, out[MOST * COUNT];
    size_t n = lg_expression_variables(e);
    luge_error err;

    if (n > MOST) return;
    for (size_t i = 0; i < n; i++) {
        series[i * COUNT] = x[i] = from[i % 4];
        series[i * COUNT + 1] = v[i] = from[(i + 1) % 4];
    }
    lg_expression_gradient(e, x, g);
    lg_expression_hvp(e, x, v, hv);
    MUST(!lg_expression_series(e, DEGREE, series, out, &err));
    for (size_t i = 0; i < n; i++) MUST(same(g[i], out[i * COUNT]) && same(hv[i], out[i * COUNT + 1]));
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const double points[][4] = { { 0.5, 2, 1.25, 3 }, { 0, -1, 0, 1 }, { -0.0, 1e308, -1e-308, 1e16 } };
    lg_expression *e;
    luge_error err;
    char *text = malloc(size + 1);

    MUST(text);
    memcpy(text, data, size);
    text[size] = 0;
    if (lg_expression_open(&e, "fuzz", text, &err)) {
        MUST(!e && !strncmp(err.text, "fuzz: ", 6));
    } else {
        for (size_t i = 0; i < sizeof points / sizeof *points; i++) use(e, points[i]);
        lg_expression_close(e);
    }
    free(text);
    return 0;
}
