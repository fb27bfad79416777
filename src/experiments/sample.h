/* luge sample: samplers on Gaussian mixtures, and their regions of stability.  SPDX-License-Identifier: MIT */
#ifndef LG_SAMPLE_H
#define LG_SAMPLE_H
#include "analysis/sampling.h"

/* ---- mixtures from text (mixture.c): "weight:mean:sd weight:mean:sd", a mean of several numbers as "1,2,3" ---- */

typedef struct lg_mixture {
    luge_mixture of;
    double *memory; /* yours: lg_mixture_close */
} lg_mixture;
luge_status lg_mixture_open(lg_mixture *m, const char *owner, const char *text, luge_error *err);
void lg_mixture_close(lg_mixture *m);
/* out[i] for i < rows x dim: drawn from the mixture under noise sigma.  Number i of a seed is always the same. */
void lg_mixture_draw(const luge_mixture *m, double sigma, uint64_t seed, size_t first, size_t rows, double *out);
/* The density of the first coordinate under noise sigma. */
double lg_mixture_density(const luge_mixture *m, double sigma, double x);

/* ---- runs (sample.c) ---- */

enum { LG_SAMPLE_RUNS = 12, LG_SAMPLE_PATHS = 24, LG_SAMPLE_BINS = 60 };

typedef struct lg_sample {
    const char *const *set; /* "KEY=VALUE" of luge_sampler_set */
    size_t set_count;
    const luge_mixture *mixture, *conditional; /* conditional NULL: none */
    double from, to;                           /* noise levels, from > to >= 0 */
    bool geometric;                            /* uniform in log σ */
    int64_t steps, halvings;                   /* steps, 2 steps, ..., 2^halvings steps */
    size_t rows;
    const double *at; /* dim numbers to start from (rows = 1), or NULL: drawn under noise `from` with the seed */
    uint64_t seed;
    void (*progress)(void *context, int64_t done, int64_t of); /* may be NULL */
    void *context;
} lg_sample;

typedef struct lg_sample_run_row {
    int64_t steps;
    double rms, most, order; /* distance from the exact end: over rows, the largest; log2 of the last two rms */
} lg_sample_run_row;

typedef struct lg_sampled {
    char name[40], start[16]; /* "ghvb, order 4, beta 0.8" */
    lg_sample_run_row run[LG_SAMPLE_RUNS];
    int64_t runs;
    size_t dim, rows, finite;    /* of the last run: rows whose numbers are finite */
    double mean, sd;             /* of their first coordinates */
    double exact_mean, exact_sd; /* of the exact ends */
    double *out, *exact;         /* rows x dim; yours: lg_sampled_free */
    double *sigma, *path;        /* of the first run: steps + 1, and paths x (steps + 1), first coordinate */
    size_t paths;
} lg_sampled;

luge_status lg_sample_run(const lg_sample *sample, lg_sampled *result, luge_error *err);
void lg_sampled_free(lg_sampled *result);

/* ---- stability (sample_stability.c) ---- */

enum { LG_PLANE = 121, LG_BETAS = 96, LG_REAL = 121 };
typedef struct lg_sampler_map {
    double interval[LG_ORDERS][LG_BETAS], beta[LG_BETAS]; /* closed form, for each order */
    double checked[LG_ORDERS][LG_BETAS];                  /* where roots leave the circle: by halving */
    double re[LG_PLANE], im[LG_PLANE], plane[LG_ORDERS][LG_PLANE][LG_PLANE]; /* spectral radius at beta, row: im */
    double z[LG_REAL], radius[LG_BETAS][LG_REAL];                            /* at order, over -z and beta */
} lg_sampler_map;

luge_status lg_sampler_map_run(enum lg_rule rule, int order, double beta,
                               void (*progress)(void *context, int64_t done, int64_t of), void *context,
                               lg_sampler_map *map, luge_error *err);

#endif
