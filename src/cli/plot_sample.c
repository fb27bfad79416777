/* The pictures of luge sample.  SPDX-License-Identifier: MIT */
#include "cli/cli_sample.h"
#include "experiments/flow.h"

enum { FINE = 400, LEVELS = 3, ROOM = 3 * LG_PLANE * LG_PLANE };

typedef struct picture {
    double x[FINE], density[FINE], bin[2 * LG_SAMPLE_BINS + 2], height[2 * LG_SAMPLE_BINS + 2];
    double steps[LG_SAMPLE_RUNS], rms[LG_SAMPLE_RUNS], slope[LG_SAMPLE_RUNS];
    cli_curve path[LG_SAMPLE_PATHS], curve[2], error[2];
    char name[64];
} picture;

/* The samples' density in bins, as a staircase, beside the mixture's. */
static void densities(picture *p, const lg_sampled *r, const luge_mixture *target, double to)
{
    double low = r->exact_mean - 4 * r->exact_sd, high = r->exact_mean + 4 * r->exact_sd;
    size_t count[LG_SAMPLE_BINS] = { 0 };
    double width = (high - low) / LG_SAMPLE_BINS;

    for (size_t i = 0; i < r->rows; i++) {
        double at = (r->out[i * r->dim] - low) / width;
        if (at >= 0 && at < LG_SAMPLE_BINS) count[(int)at]++;
    }
    for (int i = 0; i <= LG_SAMPLE_BINS; i++) {
        p->bin[2 * i] = p->bin[2 * i + 1] = low + i * width;
        p->height[2 * i] = i ? (double)count[i - 1] / ((double)r->rows * width) : 0;
        p->height[2 * i + 1] = i < LG_SAMPLE_BINS ? (double)count[i] / ((double)r->rows * width) : 0;
    }
    for (int i = 0; i < FINE; i++) {
        p->x[i] = low + (high - low) * i / (FINE - 1);
        p->density[i] = lg_mixture_density(target, to, p->x[i]);
    }
    p->curve[0] = (cli_curve){ "samples", p->bin, p->height, 2 * LG_SAMPLE_BINS + 2, 0, true, false };
    p->curve[1] = (cli_curve){ "data under the last noise", p->x, p->density, FINE, 1, true, false };
}

luge_status cli_sample_plot(const char *path, const lg_sampled *r, const luge_mixture *target, double to,
                            luge_error *err)
{
    luge_status st = LUGE_OK;
    picture *p;
    cli_panel panel[3];
    size_t panels = 1, nodes = (size_t)r->run[0].steps + 1;

    LG_NEED(p = lg_alloc(1, sizeof *p));
    for (size_t i = 0; i < r->paths; i++)
        p->path[i] = (cli_curve){ i ? "" : "states", r->sigma, r->path + i * nodes, nodes, (int)i % 6, true, false };
    panel[0] = (cli_panel){ "first coordinate", "noise level", false, false, p->path, r->paths };
    if (r->rows > 1) {
        densities(p, r, target, to);
        panel[panels++] = (cli_panel){ "density", "first coordinate", false, false, p->curve, 2 };
    }
    for (int64_t k = 0; k < r->runs; k++) {
        p->steps[k] = (double)r->run[k].steps, p->rms[k] = r->run[k].rms;
    }
    p->error[0] = (cli_curve){ "rms error", p->steps, p->rms, (size_t)r->runs, 0, true, false };
    if (r->runs > 1) panel[panels++] = (cli_panel){ "rms error", "steps", true, true, p->error, 1 };
    snprintf(p->name, sizeof p->name, "%s, %lld steps", r->name, (long long)r->run[0].steps);
    st = cli_plot_write(path, &(cli_plot){ p->name, "", panel, panels }, err);
    lg_free(p);
done:
    return st;
}

typedef struct regions {
    double grid[3 * LG_PLANE * LG_PLANE], xy[2 * ROOM], x[LG_ORDERS + LEVELS][ROOM], y[LG_ORDERS + LEVELS][ROOM];
    char name[LG_ORDERS + LEVELS][40];
    cli_curve plane[LG_ORDERS], axis[LEVELS + 1], interval[LG_ORDERS];
} regions;

/* One level line of radius over (a, b) as a curve. */
static cli_curve level(regions *p, int slot, const double *a, size_t columns, const double *b, size_t rows,
                       const double *radius, double at, int colour)
{
    for (size_t i = 0; i < rows; i++)
        for (size_t j = 0; j < columns; j++) {
            double *node = p->grid + 3 * (i * columns + j);
            node[0] = a[j], node[1] = b[i], node[2] = radius[i * columns + j];
        }
    size_t n = lg_level_line(columns, rows, p->grid, at, p->xy, ROOM);
    for (size_t i = 0; i < n; i++) p->x[slot][i] = p->xy[2 * i], p->y[slot][i] = p->xy[2 * i + 1];
    return (cli_curve){ p->name[slot], p->x[slot], p->y[slot], n, colour, true, false };
}

luge_status cli_sample_map_plot(const char *path, const char *name, int order, const lg_sampler_map *m,
                                luge_error *err)
{
    static const double levels[LEVELS] = { 0.95, 0.8, 0.6 };
    luge_status st = LUGE_OK;
    regions *p;
    char title[64];

    LG_NEED(p = lg_alloc(1, sizeof *p));
    for (int k = 0; k < LG_ORDERS; k++) {
        snprintf(p->name[k], sizeof p->name[k], "order %d", k + 1);
        p->plane[k] = level(p, k, m->re, LG_PLANE, m->im, LG_PLANE, m->plane[k][0], 1 + 1e-9, k);
        p->interval[k] = (cli_curve){ p->name[k], m->beta, m->interval[k], LG_BETAS, k, true, false };
    }
    for (int k = 0; k < LEVELS; k++) {
        int slot = LG_ORDERS + k;
        snprintf(p->name[slot], sizeof p->name[slot], "order %d: radius %g", order, levels[k]);
        p->axis[k] = level(p, slot, m->z, LG_REAL, m->beta, LG_BETAS, m->radius[0], levels[k], k + 1);
    }
    p->axis[LEVELS] =
        (cli_curve){ "stable left of, closed form", m->interval[order - 1], m->beta, LG_BETAS, 0, true, false };
    cli_panel panel[] = { { "imaginary part", "step x q: stable inside", false, false, p->plane, LG_ORDERS },
                          { "interval I", "beta", true, false, p->interval, LG_ORDERS },
                          { "beta", "- step x q", false, true, p->axis, LEVELS + 1 } };
    snprintf(title, sizeof title, "%s: stability on x' = q x", name);
    st = cli_plot_write(path, &(cli_plot){ title, "", panel, 3 }, err);
    lg_free(p);
done:
    return st;
}
