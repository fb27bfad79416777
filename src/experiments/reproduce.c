/* The table of claims, and what they share.  SPDX-License-Identifier: MIT */
#include "experiments/flow.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

#define C(name) extern const lg_claim lg_claim_##name;
#include "claims.inc"
#undef C
#define C(name) &lg_claim_##name,
static const lg_claim *const claims[] = {
#include "claims.inc"
};
#undef C
enum { CLAIMS = sizeof claims / sizeof *claims };

const lg_claim *lg_claim_at(size_t i) { return i < CLAIMS ? claims[i] : NULL; }

void lg_say(char *text, size_t size, const char *format, ...)
{
    size_t n = strlen(text);
    va_list list;
    va_start(list, format);
    vsnprintf(text + n, size - n, format, list);
    va_end(list);
}

static bool take_line(void *context, const lg_flow_line *line, lg_path *path)
{
    (void)path;
    *(lg_flow_line *)context = *line;
    return true;
}

static luge_status window_row(const lg_window_row *row, const char *method, lg_verdict *v, luge_error *err)
{
    lg_flow_line line;
    lg_flow_result result;
    lg_flow f = { .problem = { .spec = "expr:0.5*(1-x)^2+(y-x^2)^2", .at = "-0.5,1", .threads = 1 },
                  .method = luge_method_find(method),
                  .model = &row->model,
                  .models = 1,
                  .momentum = row->momentum,
                  .lr = ldexp(1, -row->first),
                  .time = row->time,
                  .halvings = row->last - row->first,
                  .prepared = row->prepared,
                  .rtol = 1e-13,
                  .line = take_line,
                  .context = &line };
    luge_status st = lg_flow_run(&f, &result, err);
    bool good = !st && line.orders.fitted > row->least && line.orders.fitted < row->most;

    if (st) return st;
    v->holds = v->holds && good;
    LG_SAY(v->measured, "%s%s %s %g: %.3f", v->measured[0] ? "; " : "", row->model, method, row->momentum,
           line.orders.fitted);
    return LUGE_OK;
}

luge_status lg_claim_windows(const lg_window_row *row, size_t rows, lg_verdict *v, luge_error *err)
{
    luge_status st = LUGE_OK;
    for (size_t i = 0; i < rows; i++) {
        LG_SAY(v->expected, "%s%s %g %s: order in (%g, %g)", i ? "; " : "", row[i].model, row[i].momentum,
               row[i].prepared ? "prepared" : "cold", row[i].least, row[i].most);
        LG_TRY(window_row(&row[i], "heavy_ball", v, err));
        LG_TRY(window_row(&row[i], "nesterov", v, err));
    }
done:
    return st;
}
