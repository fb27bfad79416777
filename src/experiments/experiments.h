/* The work behind each command; nothing here prints.  SPDX-License-Identifier: MIT */
#ifndef LG_EXPERIMENTS_H
#define LG_EXPERIMENTS_H
#include "core/core.h"
#include "problems/problem.h"

/* ---- train (train.c) ---- */

typedef struct lg_point {
    int64_t step, steps, epoch; /* steps: planned in all; epoch: from 1, 0 where the problem has no rows */
    /* train_loss: in a line of the log the mean since the line before; else of this step's minibatch.  test_*: NAN
     * where not measured or not there; of a problem without rows, test_loss is the loss at the present point. */
    double train_loss, test_loss, test_accuracy;
    double lr, seconds; /* lr: the step size with its schedule, NAN where the method has none */
    bool line;          /* a line of the log */
} lg_point;

typedef struct lg_points {
    lg_point *v; /* yours: lg_free */
    size_t n, room;
} lg_points;

typedef struct lg_train {
    lg_problem_request problem; /* type may be BF16: parameters and gradients are stored so, arithmetic is F32 */
    const luge_method *method;
    const char *const
        *set; /* "key=value" settings of the method; "lr" and "schedule" too, whose total may be left out */
    size_t set_count;
    const char *const
        *option; /* "key=value" options of the optimizer (luge_option); nonfinite is skip if not given */
    size_t option_count;
    int64_t steps, epochs; /* exactly one of them > 0 */
    int64_t save_every;    /* steps between checkpoints; 0: only at the end, if out is set */
    const char *out;       /* folder for log.csv, log.jsonl, checkpoint.safetensors; NULL: none */
    const char *resume;    /* a checkpoint to go on from, or NULL */
    bool (*report)(void *context, const lg_point *point); /* after each step; false: stop after saving; may be NULL */
    void (*remark)(void *context, const char *text);      /* told of what luge_remark says, or NULL */
    void *context;
} lg_train;

typedef struct lg_trained {
    lg_point last;     /* losses at the final parameters: train_loss over all training rows */
    bool stopped;      /* report asked for it */
    int64_t skipped;   /* steps left out because a gradient was not finite */
    uint64_t checksum; /* of the final parameters */
    lg_points points;  /* every line of the log, those before a resume too */
} lg_trained;

luge_status lg_train_run(const lg_train *train, lg_trained *result, luge_error *err);

/* ---- replay (replay.c) ---- */

typedef struct lg_replayed {
    char method[64], worst_tensor[128];
    int64_t steps, worst_step;
    double max_rel_error, tolerance;
    bool pass;
} lg_replayed;

/* find: the method of a name, as luge_method_find, or NULL. */
luge_status lg_replay_run(const char *path, int threads, const luge_method *(*find)(const char *name),
                          lg_replayed *result, luge_error *err);

/* ---- bench (bench.c) ---- */

typedef struct lg_measured {
    double seconds, gb_per_s, fraction_of_copy; /* of a step */
    int threads;
} lg_measured;

/* A method's step beside a loop that moves the same streams, in turns, medians.  All inputs that the method asks for
 * are there.  threads 0: OpenMP's choice. */
luge_status lg_bench_run(const luge_method *method, luge_type type, size_t n, int threads, lg_measured *result,
                         luge_error *err);

#endif
