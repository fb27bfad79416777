/* The inside of a training run, shared by the files that make it up.  SPDX-License-Identifier: MIT */
#ifndef LG_TRAIN_H
#define LG_TRAIN_H
#include "experiments/experiments.h"
#include <stdio.h>

/* ---- the log of a run, two files of the same lines (runlog.c) ---- */

typedef struct lg_runlog {
    FILE *csv, *json;
} lg_runlog;

/* Open `out`/log.csv and log.jsonl, making the folder.  after < 0: new files; else lines of later steps are cut off,
 * and the others are added to `points`. */
luge_status lg_runlog_open(lg_runlog *log, const char *out, int64_t after, lg_points *points, luge_error *err);
luge_status lg_runlog_line(lg_runlog *log, const lg_point *point, luge_error *err);
void lg_runlog_close(lg_runlog *log);
luge_status lg_points_add(lg_points *points, const lg_point *point, luge_error *err);

/* ---- what a checkpoint of a run says of it (runnotes.c) ---- */

/* How far a run has come, beyond what the optimizer holds. */
typedef struct lg_progress {
    int64_t steps;        /* calls of luge_step */
    int64_t count;        /* of them since the last line of the log */
    double loss, seconds; /* sum of the losses of those; time of the run so far */
} lg_progress;

/* What must be the same in a run that goes on, as text. */
typedef struct lg_identity lg_identity;
luge_status lg_identity_make(lg_identity **out, const lg_train *train, luge_error *err);
void lg_identity_free(lg_identity *identity); /* NULL is fine */

luge_status lg_notes_write(luge_optimizer *opt, const lg_identity *identity, const lg_progress *progress,
                           luge_error *err);
/* Load the checkpoint into opt, which has its tensors, settings and schedule: refused where it is of another run. */
luge_status lg_notes_resume(luge_optimizer *opt, const luge_method *method, const lg_identity *identity,
                            const char *path, lg_progress *progress, luge_error *err);

/* ---- arrays, and what methods need beyond the gradient (supply.c) ---- */

/* One array per tensor, all in one piece of memory with the pointers before them, and as many that are NULL behind
 * those: lg_free(*out) frees all. */
luge_status lg_arrays(const lg_problem *p, luge_type type, void ***out, luge_error *err);
void lg_store(const lg_problem *p, void *const *storage, void *const *from); /* nothing where both are the same */
void lg_recall(const lg_problem *p, void *const *to, void *const *storage);

typedef struct lg_supply {
    lg_problem *problem;
    uint64_t seed;
    luge_type type, storage;
    void *const *x;                /* the parameters as they are stored */
    void **before, **now;          /* those before the last step, where a method asks for them; of storage's type */
    void **made, **along, **point; /* of the arithmetic's type */
    luge_layer *layer;             /* one per tensor, where the method works on layers */
    void **stored;                 /* `made` where the storage is of another type, else NULL */
    luge_input extra;
} lg_supply;

/* What a step is made from: parameters, rows, number. */
typedef struct lg_batch {
    const void *const *x;
    const size_t *row;
    size_t n;
    uint64_t step;
} lg_batch;

/* After the tensors and settings of opt, before a checkpoint is read. */
luge_status lg_supply_open(lg_supply *s, lg_problem *problem, luge_optimizer *opt, const luge_method *method,
                           const lg_problem_request *request, void *const *x, luge_error *err);
void lg_supply_close(lg_supply *s);
luge_status lg_supply_make(lg_supply *s, luge_optimizer *opt, const luge_method *method, const lg_batch *batch,
                           luge_inputs *in, luge_error *err); /* lent until the next call */
luge_status lg_supply_step(lg_supply *s, luge_optimizer *opt, const luge_inputs *in, luge_error *err);

/* ---- numbers of the storage type (storage.c) ---- */

void lg_from_storage(float *to, const void *bf16, size_t n);
void lg_to_storage(void *bf16, const float *from, size_t n); /* to nearest even */
#endif
