/* The picture of luge analyze.  SPDX-License-Identifier: MIT */
#include "cli/cli_analyze.h"
#include "experiments/flow.h"

enum { PANELS = 6, CURVES = 12, LEVELS = 5, LOWEST = 12, ROOM = LG_MOMENTA * LG_MAP_CURVATURES };
static const double levels[LEVELS] = { 0.99, 0.95, 0.9, 0.8, 0.6 };

typedef struct picture {
    char name[CURVES][32], level[LEVELS][32];
    double term[LG_TERMS], grid[3 * LG_MOMENTA * LG_MAP_CURVATURES], point[LEVELS][2 * ROOM], x[LEVELS][ROOM],
        y[LEVELS][ROOM], stable[LG_MOMENTA];
    cli_curve curve[PANELS][CURVES];
    cli_panel panel[PANELS];
    size_t panels;
} picture;

/* A panel of one array over another, a curve for each step. */
static void over_steps(picture *p, const lg_analysis *at, size_t steps, size_t x, size_t y, size_t n, cli_panel panel)
{
    cli_curve *curve = p->curve[p->panels];
    for (size_t i = 0; i < steps; i++) {
        snprintf(p->name[i], sizeof p->name[i], isinf(at[i].step) ? "stationary" : "step %.0f", at[i].step);
        const double *from = x ? (const double *)(const void *)((const char *)&at[i] + x) : p->term;
        curve[i] = (cli_curve){ p->name[i], from, (const double *)(const void *)((const char *)&at[i] + y), n, (int)i,
                                false,      false };
    }
    panel.curve = curve;
    panel.curves = steps;
    p->panel[p->panels++] = panel;
}

/* A logarithmic axis has no place for 0: where nothing is stable there is no point. */
static void map_panel(picture *p, const lg_map *map)
{
    cli_curve *curve = p->curve[p->panels];
    size_t curves = 0;
    for (int i = 0; i < LG_MOMENTA; i++)
        for (int j = 0; j < LG_MAP_CURVATURES; j++) {
            double *node = p->grid + 3 * (i * LG_MAP_CURVATURES + j);
            node[0] = map->q[j], node[1] = map->momentum[i], node[2] = map->radius[i][j];
        }
    for (size_t k = 0; k < LEVELS; k++) {
        size_t n = lg_level_line(LG_MAP_CURVATURES, LG_MOMENTA, p->grid, levels[k], p->point[k], ROOM);
        for (size_t i = 0; i < n; i++) p->x[k][i] = p->point[k][2 * i], p->y[k][i] = p->point[k][2 * i + 1];
        snprintf(p->level[k], sizeof p->level[k], "radius %g", levels[k]);
        if (n) curve[curves++] = (cli_curve){ p->level[k], p->x[k], p->y[k], n, (int)k + 1, true, false };
    }
    for (int i = 0; i < LG_MOMENTA; i++) p->stable[i] = map->stable[i] > 0 ? map->stable[i] : (double)NAN;
    curve[curves++] = (cli_curve){ "stable left of", p->stable, map->momentum, LG_MOMENTA, 0, true, false };
    p->panel[p->panels++] = (cli_panel){
        .label = map->key, .xlabel = "step size times curvature", .xlog = true, .curve = curve, .curves = curves
    };
}

luge_status cli_analyze_plot(const char *path, const char *method, const lg_analysis *at, size_t steps,
                             const lg_map *map, luge_error *err)
{
    luge_status st = LUGE_OK;
    picture *p;
    char title[120];

    LG_NEED(p = lg_alloc(1, sizeof *p));
    for (int i = 0; i < LG_TERMS; i++) p->term[i] = i;
    over_steps(p, at, steps, offsetof(lg_analysis, omega), offsetof(lg_analysis, magnitude), LG_FREQUENCIES,
               (cli_panel){ .label = "magnitude", .xlabel = "frequency", .log = true, .xlog = true });
    over_steps(p, at, steps, offsetof(lg_analysis, omega), offsetof(lg_analysis, phase), LG_FREQUENCIES,
               (cli_panel){ .label = "phase", .xlabel = "frequency", .xlog = true });
    over_steps(p, at, steps, 0, offsetof(lg_analysis, impulse), at->terms,
               (cli_panel){ .label = "impulse response", .xlabel = "steps after one gradient of 1" });
    over_steps(p, at, steps, 0, offsetof(lg_analysis, response), at->terms,
               (cli_panel){ .label = "step response", .xlabel = "steps of a lasting gradient of 1" });
    over_steps(p, at, steps, offsetof(lg_analysis, q), offsetof(lg_analysis, radius), LG_CURVATURES,
               (cli_panel){ .label = "spectral radius", .xlabel = "step size times curvature", .xlog = true });
    if (map->key) map_panel(p, map);
    for (size_t i = 0; i < 2; i++) /* below frequency pi / 10^4 nothing happens that the eye can see */
        for (size_t c = 0; c < steps; c++)
            p->curve[i][c].x += LOWEST, p->curve[i][c].y += LOWEST, p->curve[i][c].n -= LOWEST;
    snprintf(title, sizeof title, "%.60s, lr %g", method, at->lr);
    st = cli_plot_write(path, &(cli_plot){ .title = title, .xlabel = "", .panel = p->panel, .panels = p->panels },
                        err);
done:
    lg_free(p);
    return st;
}
