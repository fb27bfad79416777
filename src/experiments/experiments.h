/* The work behind each command; nothing here prints.  SPDX-License-Identifier: MIT */
#ifndef LG_EXPERIMENTS_H
#define LG_EXPERIMENTS_H
#include "core/core.h"
#include "problems/problem.h"

/* ---- train (train.c) ---- */

typedef struct lg_point {                        /* a line of the log */
    int64_t step, steps, epoch;                  /* steps: planned in all; epoch: -1 where there are none */
    double train_loss, test_loss, test_accuracy; /* NAN: not measured here or not there */
    double lr, seconds;
} lg_point;

typedef struct lg_train {
    lg_problem_request problem;
    const char *method;
    const char *const *set; /* "key=value" settings of the method; "lr" and "schedule" too */
    size_t set_count;
    const char *const *option; /* "key=value" options of the optimizer (luge_option)          */
    size_t option_count;
    int64_t steps, epochs; /* exactly one of them > 0 */
    int64_t save_every;    /* steps between checkpoints; 0: only at the end, if out is set */
    const char *out;       /* folder for log.csv, log.jsonl, checkpoint.safetensors; NULL: none */
    const char *resume;    /* a checkpoint to go on from, or NULL */
    bool (*report)(void *context, const lg_point *point); /* often; false: stop after saving (a signal came) */
    void *context;
} lg_train;

typedef struct lg_trained {
    lg_point last;
    int64_t steps;
    bool stopped;      /* report asked for it */
    uint64_t checksum; /* of the final parameters */
    lg_point *point;   /* yours (lg_free): every logged point, for the plot */
    size_t points;
} lg_trained;

luge_status lg_train_run(const lg_train *train, lg_trained *result, luge_error *err);

/* ---- replay (replay.c) ---- */

typedef struct lg_replayed {
    char method[64], worst_tensor[128];
    int64_t steps, worst_step;
    double max_rel_error, tolerance;
    bool pass;
} lg_replayed;

luge_status lg_replay_run(const char *path, int threads, lg_replayed *result, luge_error *err);

/* ---- bench (bench.c) ---- */

typedef struct lg_measured {
    const char *method, *dtype;
    size_t n;
    int threads;
    double gb_per_s, fraction_of_copy;
} lg_measured;

/* One method's step beside a loop that moves the same streams, interleaved, medians. */
luge_status lg_bench_run(const char *method, luge_type type, size_t n, int threads, lg_measured *result,
                         luge_error *err);

#endif
