/* The inside of the public object, shared by the files that make it up.  SPDX-License-Identifier: MIT */
#ifndef LG_OPTIMIZER_H
#define LG_OPTIMIZER_H
#include "engine/engine.h"
#include "engine/schedule.h"
#define REAL 64
#include "engine/end.inc"
#include "engine/gradient.h"
#undef REAL
#undef real /* a word of method files only */
#undef stored
#undef wide

typedef struct gradient_hyper_f64 lg_options;

typedef struct lg_tensor {
    lg_data d; /* first: a piece's d is its tensor */
    lg_shape s;
    luge_type type;
    size_t number;                   /* as luge_add counted: its place in the caller's arrays */
    double k;                        /* its own step count: a step without its gradient does not count */
    size_t row, rows;                /* row = 0: the method has no rows on this tensor */
    size_t first, last;              /* its pieces */
    size_t offset;                   /* coordinates before it in its group */
    size_t link;                     /* the number of the tensor that is linked to it, LG_UNLINKED */
    double *unit, *all, *own, *coef; /* a unit per row; one for the tensor; OWN; its own constants */
    int counts[LG_SLOTS], needs[LG_INPUTS], variant;
    double lengths[LG_BLOCKS];
    bool active;
} lg_tensor;

/* Tensors with one method and its settings.  The tensors stand in the order in which sums over all of them run: that
 * of luge_add, or after luge_load that of the saved object, so that a resumed run adds up as the first one did. */
typedef struct lg_group {
    const luge_method *entry;
    const lg_method *m;
    void *h, *now, *memory; /* settings as set; as they are in this step; MEMORY */
    lg_schedule schedule;
    lg_tensor *t;
    size_t n, room;
    double k;                     /* steps of the group */
    bool shared_k, local, linked; /* linked: links count, the method works on layers */

    lg_piece *piece;
    size_t pieces, work, coordinates, chunks, W; /* W: doubles in a unit */
    bool asks_ahead;                             /* its loops ask for their streams ahead of time */
    uint32_t *touched; /* [variant][pass]: streams that are read or written; 0: not yet looked at */
    double *sums, *total, *coef, *chunk_part; /* sums: all of the numbers that plan.c lays out */
} lg_group;

static const size_t LG_UNLINKED = SIZE_MAX;

/* A tensor that a thread takes through all its passes alone: of one piece, and linked to no other. */
static inline bool lg_alone(const lg_group *g, const lg_tensor *t)
{
    return t->last - t->first == 1 && !(g->linked && t->link != LG_UNLINKED);
}

typedef struct lg_where {
    int group;
    size_t at, in_gradient; /* position in the group, and in the gradient group */
} lg_where;

struct luge_optimizer {
    int level;                 /* of the instruction set */
    lg_group *group, gradient; /* gradient: every tensor once more, with the passes of gradient.h */
    int groups;
    lg_where *where; /* of each tensor by its number */
    size_t tensors;
    int64_t steps, skipped;
    void *state, *given; /* state: the memory in use; given: it is the caller's */
    size_t state_bytes, given_bytes;
    bool planned;
    char *scratch; /* filtered gradients, LG_CHUNK numbers of 8 bytes a thread */
    double *carry; /* LG_SUMS * LG_CARRY numbers a thread */
    int threads;   /* for which there is scratch */
    char *space;   /* WORK of the methods: for each thread in turn, or for one tensor that all threads share */
    size_t space_bytes, space_each;
    char **note; /* key, text, key, text, ... */
    size_t notes;
};

static inline lg_options *lg_options_of(const luge_optimizer *o) { return (lg_options *)o->gradient.h; }
static inline luge_type lg_real_type(luge_type type) { return type == LUGE_F64 ? LUGE_F64 : LUGE_F32; } /* of slots */
static inline size_t lg_real_size(luge_type type) { return type == LUGE_F64 ? 8 : 4; }

/* optimizer.c */
luge_status lg_group_open(lg_group *g, const luge_method *entry, luge_error *err);
void lg_group_close(lg_group *g);
luge_status lg_group_at(const luge_optimizer *o, int group, lg_group **g, luge_error *err);

/* plan.c: pieces, sums, and where each slot of each tensor lies */
luge_status lg_plan_check(luge_optimizer *o, luge_error *err); /* rules between settings */
size_t lg_plan_bytes(luge_optimizer *o);
luge_status lg_plan(luge_optimizer *o, luge_error *err); /* once; the state is not yet written */
void lg_plan_drop(luge_optimizer *o);
void lg_group_switches(lg_group *g); /* variants and needs of the coming step */
void lg_group_touches(const luge_optimizer *o,
                      lg_group *g); /* what the coming step's passes touch of large tensors */
size_t lg_row_of(const lg_group *g, const lg_tensor *t);

/* Bytes of WORK: *each of a thread for the tensors that it takes alone; in all for `threads` threads. */
size_t lg_plan_space(const luge_optimizer *o, int threads, size_t *each);

/* step.c */
luge_status lg_ready(luge_optimizer *o, luge_error *err);   /* plan and start the state where that is not done */
luge_status lg_scratch(luge_optimizer *o, luge_error *err); /* scratch for the present number of threads */
void lg_constants(lg_group *g);                             /* PREPARE for the tensors that are active */
void lg_settings_now(lg_group *g); /* settings of the coming step: the schedule's factor in */

/* passes.c */
enum { LG_WHOLE = 1, LG_CUT = 2 }; /* tensors that are lg_alone; others */
void lg_pieces_run(const luge_optimizer *o, lg_group *g, int first, int which);
bool lg_filtered(const luge_optimizer *o); /* methods see a copy of the gradients that went through gradient.h */
bool lg_measure_all(const luge_optimizer *o, lg_group *g, int pass); /* true: the step ends here */
void lg_passes(const luge_optimizer *o, lg_group *g);                /* all of a step */
#endif
