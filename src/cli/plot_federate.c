/* The picture of luge federate.  SPDX-License-Identifier: MIT */
#include "cli/cli_federate.h"

enum { KINDS = 3 };

luge_status cli_federate_plot(const char *path, const char *title, const cli_federated *rule, size_t rules,
                              luge_error *err)
{
    const char *const label[KINDS] = { isnan(rule->mean.distance) ? "loss" : "loss above optimum", "accuracy",
                                       "distance to optimum" };
    luge_status st = LUGE_OK;
    cli_panel panel[KINDS];
    cli_curve *curve;
    size_t panels = 0;

    LG_NEED(curve = lg_alloc(KINDS * rules, sizeof *curve));
    for (int kind = KINDS - 1; kind >= 0; kind--) {
        cli_curve *first = curve + (size_t)kind * rules;
        if (isnan(rule[0].curve[kind][0])) continue;
        for (size_t i = 0; i < rules; i++)
            first[i] =
                (cli_curve){ rule[i].rule, rule[i].round, rule[i].curve[kind], rule[i].points, (int)i, true, false };
        panel[panels++] = (cli_panel){ label[kind], NULL, kind != 1, false, first, rules };
    }
    st = cli_plot_write(path, &(cli_plot){ title, "round", panel, panels }, err);
    lg_free(curve);
done:
    return st;
}
