/* Trial runs of any method on arrays that lie between guards, and the properties that each must have.  The tests run
 * them on every method of the registry, `luge cc` on a plugin.  SPDX-License-Identifier: MIT */
#ifndef LG_TRIAL_H
#define LG_TRIAL_H
#include "engine/engine.h"

/* ---- configurations: a method with every setting that is a choice, one at a time, and under the options that
 * average its parameters ---- */

typedef struct lg_config {
    const luge_method *method;
    char key[48], value[80]; /* key "": the method as it comes */
    char name[160];          /* for messages                   */
    bool averaged;           /* with ema and lookahead, and a key that is no setting */
} lg_config;

typedef struct lg_configs {
    lg_config *v; /* yours: lg_free */
    size_t n;
} lg_configs;

enum { LG_CHOICES = 8 };
/* Values of a setting that are worth a run of their own, beside the default; how many. */
int lg_choices(const luge_row *row, char to[LG_CHOICES][80]);
luge_status lg_configs_add(lg_configs *list, const luge_method *method, luge_error *err);

/* ---- arrays ---- */

typedef struct lg_form {
    int ndim;
    size_t shape[4];
} lg_form;
size_t lg_form_n(const lg_form *s);

enum {
    LG_TRIAL_MOST = 200000, /* numbers of all tensors together */
    LG_PLACES = 80,         /* tensors                         */
    LG_GUARD = 256,
    LG_TRIAL_STEPS = 6,
    LG_TRIAL_STREAMS = 1 + LG_TRIAL_STEPS * (1 + LG_INPUTS)
};

typedef struct lg_arena {
    unsigned char *bytes;
    size_t at[LG_PLACES], used;
} lg_arena;

/* ---- runs ---- */

typedef struct lg_way {
    const char *level; /* NULL: the best */
    int threads, offset;
    bool given; /* the state lies in memory of the caller */
} lg_way;

typedef struct lg_job {
    const lg_config *c;
    luge_type type;
    const lg_form *forms;
    int tensors, steps;
    lg_way w;
    bool backwards; /* the tensors are declared from the last to the first */
} lg_job;

typedef struct lg_trials {
    void (*wrong)(void *context, const char *text); /* told of everything that does not hold */
    void *context;
    char folder[256]; /* for checkpoints            */
    size_t checked;   /* configurations that the last property spoke of */
    bool coarse;      /* only numbers that bf16 holds: all types get the same */
    lg_arena parameters, gradients, inputs[LG_INPUTS];
    unsigned char *state, *gathered;
    void *number[2][LG_TRIAL_STREAMS][3];
    const void *pointer[1 + LG_INPUTS][LG_PLACES];
    double (*path)[LG_TRIAL_STEPS + 1][256];
} lg_trials;

luge_status lg_trials_open(lg_trials **out, void (*wrong)(void *context, const char *text), void *context,
                           luge_error *err);
void lg_trials_close(lg_trials *t); /* NULL is fine */

/* Numbers in (-1, 1) of each type; stream 0 holds starts, and 1 + step * 5 + i gradients (i = 0) and further inputs.
 * NULL: no memory. */
const void *lg_trial_numbers(lg_trials *t, int stream, luge_type type);
uint64_t lg_trial_hash(const void *data, size_t bytes);

/* Whether the processor has the level and the method has loops for it. */
bool lg_trial_level(const char *level, const luge_method *method);
/* An optimizer with the job's tensors. */
luge_status lg_trial_open(lg_trials *t, const lg_job *j, const char *weight_decay, luge_optimizer **opt,
                          luge_error *err);
/* Step number k (from 0) on its gradients and inputs, to which `change` (or NULL) may do something. */
luge_status lg_trial_step(lg_trials *t, luge_optimizer *opt, const lg_job *j, int k,
                          void (*change)(lg_trials *t, const lg_job *j), luge_error *err);
uint64_t lg_trial_slots(lg_trials *t, luge_optimizer *opt,
                        const lg_job *j);                    /* hash of the state, the options' slots last */
uint64_t lg_trial_parameters(lg_trials *t, const lg_job *j); /* hash of the parameters */
uint64_t lg_trial_outcome(lg_trials *t, luge_optimizer *opt, const lg_job *j);
/* The hash of parameters and state after the run, whose arrays are then checked; 0: the level cannot be run. */
luge_status lg_trial_run(lg_trials *t, const lg_job *j, uint64_t *hash, luge_error *err);

void lg_wrong(lg_trials *t, const char *format, ...) __attribute__((format(printf, 2, 3)));
#define LG_CHECK(t, condition, ...)                                                                                  \
    do {                                                                                                             \
        if (!(condition)) lg_wrong(t, __VA_ARGS__);                                                                  \
    } while (0)

/* ---- properties (properties.c) ---- */

typedef struct lg_property {
    const char *name, *text;
    /* An error is what kept it from being seen. */
    luge_status (*check)(lg_trials *t, const lg_config *c, luge_error *err);
} lg_property;
extern const lg_property lg_properties[];   /* ends with a NULL name */
extern const lg_property lg_order_property; /* orders.c: it needs the flows */
#endif
