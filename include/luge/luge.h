/* luge.h -- momentum optimizers.
 * SPDX-License-Identifier: MIT
 *
 * Parameters, gradients and whatever else comes in as a pointer belong to the caller, aligned as their
 * element type is.
 * Every function that can fail returns luge_status and fills the caller's luge_error (NULL: not wanted).
 * Ownership is said in three words:  yours (you free it),  lent (valid until the next call on the object or
 * its end),  kept (luge keeps the pointer: leave it valid until luge_free).
 * One thread at a time per object; different objects are independent (matrix methods on OpenBLAS: on its OpenMP
 * build; the thread count of its build on POSIX threads is one for the process).  The library never prints, never
 * exits, and keeps no global or thread-local state. */
#ifndef LUGE_H
#define LUGE_H
#include <luge/version.h>
#include <stddef.h>
#include <stdint.h>

#if defined LUGE_SHARED_BUILD && defined __GNUC__
#define LUGE_API __attribute__((visibility("default")))
#else
#define LUGE_API
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* ---- status ------------------------------------------------------------------------------------ */

#define LUGE_STATUS_LIST(_)                                                                                          \
    _(LUGE_OK, "ok")                                                                                                 \
    _(LUGE_E_ARG, "an argument is out of its documented range")                                                      \
    _(LUGE_E_NAME, "there is nothing of that name")                                                                  \
    _(LUGE_E_SHAPE, "sizes or types do not agree")                                                                   \
    _(LUGE_E_INPUT, "an input that the method needs is missing")                                                     \
    _(LUGE_E_MEMORY, "an allocation failed")                                                                         \
    _(LUGE_E_NUMERIC, "a gradient is not finite")                                                                    \
    _(LUGE_E_FORMAT, "a file does not hold what it should")                                                          \
    _(LUGE_E_IO, "reading or writing failed")                                                                        \
    _(LUGE_E_BACKEND, "the device or a library reported an error")
#define LUGE_STATUS_CODE(code, text) code,
typedef enum luge_status { LUGE_STATUS_LIST(LUGE_STATUS_CODE) LUGE_STATUS_COUNT } luge_status;
#undef LUGE_STATUS_CODE

LUGE_API const char *luge_status_text(luge_status status); /* static, never NULL */

/* What failed, where, and what would be right; in memory of yours. */
typedef struct luge_error {
    luge_status status;
    char text[512];
} luge_error;

LUGE_API const char *luge_version(void); /* "1.2.3", of the library that runs; static */

/* ---- methods: a static description of each -------------------------------------------------------- */

typedef struct luge_method luge_method;

typedef enum luge_text {
    LUGE_NAME,      /* "adamw"                                                                  */
    LUGE_TITLE,     /* "AdamW"                                                                  */
    LUGE_REFERENCE, /* where the formula comes from                                             */
    LUGE_FORMULA,   /* the update rule and its other conventions, several lines of UTF-8        */
    LUGE_BASE,      /* the method whose file holds the formula; its own name but for aliases    */
    LUGE_FIXED,     /* what an alias fixes: "decoupled=true"; "" for others                     */
    LUGE_KIND       /* "element-wise", "by row", "by tensor" or "global": how far its sums reach */
} luge_text;

typedef enum luge_table { LUGE_PARAMETERS, LUGE_SLOTS, LUGE_INPUTS, LUGE_EVIDENCE, LUGE_EXAMPLE } luge_table;

/* One row of a table of a method; static.
 *            name      kind                                    value            range    text
 * PARAMETERS lr        real rate int bool word list maybe      default          allowed  meaning
 * SLOTS      exp_avg   state, scratch, or block                start            ""       meaning
 * INPUTS     loss      ""                                      ""               ""       meaning
 * EVIDENCE   adamw     authors, library or reference           what was run     ""       ""
 * EXAMPLE    lion      ""                                      "key=value ..."  ""       why it is not for it
 * EXAMPLE has one row: settings with which the method learns to tell handwritten digits (luge methods NAME). */
typedef struct luge_row {
    const char *name, *kind, *range, *text;
    char value[256];
} luge_row;

LUGE_API const luge_method *luge_method_at(size_t i);           /* by name; NULL past the end   */
LUGE_API const luge_method *luge_method_find(const char *name); /* NULL if there is none        */
LUGE_API const char *luge_method_text(const luge_method *method, luge_text what);
LUGE_API int luge_method_row(const luge_method *method, luge_table table, size_t i,
                             luge_row *row); /* 0: past the end */

/* ---- methods of one's own: a method file made into a plugin by `luge cc` ----------------------------
 *
 * Loading a plugin runs its code: load only what you would also link.  One that does not fit (of another version or
 * machine, no plugin, a name that luge has, tables that break a rule) is refused with the reason; most of that is
 * seen before any of it is run. *out is yours, and its methods are lent until luge_plugin_close: close it after every
 * optimizer that uses one. Any thread may open and close plugins; opening a file twice gives two handles on the same
 * code. */

typedef struct luge_plugin luge_plugin;

LUGE_API luge_status luge_plugin_open(luge_plugin **out, const char *path, luge_error *err);
LUGE_API void luge_plugin_close(luge_plugin *plugin);                                /* NULL is fine      */
LUGE_API const luge_method *luge_plugin_method(const luge_plugin *plugin, size_t i); /* NULL past the end */

/* ---- an optimizer: groups of tensors, a method for each group, and the state ----------------------- */

typedef enum luge_type { LUGE_F32, LUGE_F64, LUGE_BF16 } luge_type; /* of parameters and gradients   */
typedef struct luge_optimizer luge_optimizer;

/* Make an optimizer with one group, number 0, of `method`.  *out is yours; NULL after a failure.
 * The environment variable LUGE_ISA (v2, v3, v4) forces an instruction set level; results do not depend on it. */
LUGE_API luge_status luge_new(luge_optimizer **out, const char *method, luge_error *err);
/* The same with a method that one has: of a plugin, or found by name. */
LUGE_API luge_status luge_new_method(luge_optimizer **out, const luge_method *method, luge_error *err);
LUGE_API void luge_free(luge_optimizer *opt); /* NULL is fine */

/* One more group, of any method; *group is its number. */
LUGE_API luge_status luge_group(luge_optimizer *opt, const char *method, int *group, luge_error *err);
LUGE_API luge_status luge_group_method(luge_optimizer *opt, const luge_method *method, int *group, luge_error *err);

/* Set or read a setting of a group as text: a hyperparameter of its method, or
 *     schedule    factor on the step sizes as the steps go on: "constant", "warmup:steps=100",
 *                 "cosine:total=1000,warmup=100,final=0.1", ...  (luge_schedule_row lists them).
 * Allowed at any time; what would need other state than the one in use is refused after the first step.
 * `luge_get` fills `text` (size bytes) so that luge_set reads the same value back. */
LUGE_API luge_status luge_set(luge_optimizer *opt, int group, const char *key, const char *value, luge_error *err);
LUGE_API luge_status luge_set_real(luge_optimizer *opt, int group, const char *key, double value, luge_error *err);
LUGE_API luge_status luge_get(const luge_optimizer *opt, int group, const char *key, char *text, size_t size,
                              luge_error *err);

/* Set an option of the whole object (luge_option_row lists them with their defaults and ranges):
 *     threads     share the work among so many; 0: OpenMP's choice.  Results do not depend on it.
 *     nonfinite   allow: do not look.  skip: a step with a gradient that is not finite does nothing and is
 *                 counted.  fail: it does nothing and is an error.  Both cost one more read of the gradients.
 *     clip_norm   largest Euclidean norm of all gradients together; larger ones are scaled down to it.
 *     clip_value  largest magnitude of one gradient entry, applied after clip_norm.
 *     accumulate  average the gradients of so many calls of luge_step into one step.
 *     lookahead   after so many steps of a tensor pull it back to slow weights, which go lookahead_alpha of the
 *                 way towards it (state slow_weights); they are the weights to evaluate with.
 *     ema         keep a running mean of the parameters with this decay (state param_ema); it is the weights to
 *                 evaluate with.  It starts at the parameters, or with ema_corrected leaves the start out.
 * A method that has weights to evaluate with of its own refuses lookahead and ema. */
LUGE_API luge_status luge_option(luge_optimizer *opt, const char *key, const char *value, luge_error *err);

/* The options of an optimizer, and the schedules with their settings ("cosine", "cosine.total", ...). */
LUGE_API int luge_option_row(size_t i, luge_row *row);   /* 0: past the end */
LUGE_API int luge_schedule_row(size_t i, luge_row *row); /* 0: past the end */

/* Add a tensor of row-major `shape` (ndim 0 to 8) to a group, before the first step.  x is kept; name and
 * shape are copied.  Names are unique in the object.  Tensors are numbered 0, 1, ... as they are added. */
LUGE_API luge_status luge_add(luge_optimizer *opt, int group, const char *name, luge_type type, void *x, int ndim,
                              const size_t *shape, luge_error *err);

/* Say that the tensor `bias`, of as many numbers as the tensor `matrix` has rows, is added to what this matrix makes:
 * methods that work on layers take both together as one matrix with a column more.  Both are tensors by their
 * numbers, of one group and one type; each is linked once, before the first step.  Nothing is guessed from names. */
LUGE_API luge_status luge_link(luge_optimizer *opt, size_t matrix, size_t bias, luge_error *err);

/* Bytes that the state will take with the present settings and tensors; answers before anything is allocated. */
LUGE_API luge_status luge_state_bytes(luge_optimizer *opt, size_t *bytes, luge_error *err);
/* Bytes that a step of matrix methods takes beside the state with the present number of threads: allocated by the
 * first step, and again only where settings or threads have changed. */
LUGE_API luge_status luge_work_bytes(luge_optimizer *opt, size_t *bytes, luge_error *err);
/* Use `memory` (kept; at least luge_state_bytes, aligned to 64) for the state; else the first step allocates. */
LUGE_API luge_status luge_state_memory(luge_optimizer *opt, void *memory, size_t bytes, luge_error *err);

/* A further input by its name, one pointer per tensor. */
typedef struct luge_input {
    const char *name;
    const void *const *data;
} luge_input;

/* Of one tensor that is the matrix of a layer, m x n by its first dimension and the rest: what came into the layer in
 * the pass that made the gradient, and the gradient of the mean loss in what came out of it.  Both are row-major.
 *
 * Where height is 0, input is rows x n and gout is rows x m: a row each of the batch.  Else the layer is a
 * convolution of stride 1 and the tensor m x channels x a x b: input is rows x channels x height x width, its padding
 * in it, and gout is rows x m x (height-a+1) x (width-b+1).  Of other strides hand over the means over the positions,
 * with height = 0.
 *
 * Where gradients are accumulated, the call that completes the step is the one whose layers are used. */
typedef struct luge_layer {
    const void *input, *gout;
    luge_type type;             /* of both */
    size_t rows, height, width; /* rows 0: nothing is given */
} luge_layer;

/* What one step is given.  Start from zeros: {0}. */
typedef struct luge_inputs {
    const void *const *grad; /* one pointer per tensor in the order of luge_add; NULL: no gradient, the tensor
                              * is left alone and its step count stays */
    const luge_input *extra; /* what the method needs beyond the gradient */
    size_t extras;
    const double *loss;      /* value of the objective where the gradient was taken, or NULL */
    const luge_layer *layer; /* one per tensor for methods that need it (MKOR), or NULL */
} luge_inputs;

/* What is worth knowing of the tensors beside their methods, in words: text (size bytes, cut to fit) becomes remark
 * i.  0: there are no more.  So far: of a method for hidden matrices, each of its matrices whose name (embed, wte,
 * lm_head, ...) or shape (one side of 8192 or more and 8 times the other) looks like an embedding or an output head,
 * which its authors leave to AdamW.  Which tensors it gets is the caller's word: nothing else follows from a remark.
 */
LUGE_API int luge_remark(const luge_optimizer *opt, size_t i, char *text, size_t size);

/* One step.  It happens wholly or, on any error, not at all. */
LUGE_API luge_status luge_step(luge_optimizer *opt, const luge_inputs *in, luge_error *err);

LUGE_API int luge_needs(const luge_optimizer *opt, const char *input); /* 1: the next step needs that input */
LUGE_API int64_t luge_steps(const luge_optimizer *opt);                /* steps taken                        */
LUGE_API int64_t luge_skipped(const luge_optimizer *opt);              /* steps skipped: not finite          */

/* The weights to evaluate with: written to out[i], one array per tensor of its type and size.  They differ
 * from the parameters for methods that average (schedule-free) and under the options ema and lookahead; the
 * parameters stay as they are.  out[i] NULL: that tensor is not wanted. */
LUGE_API luge_status luge_view(luge_optimizer *opt, void *const *out, luge_error *err);

/* The state of a tensor by name, lent: its i-th slot `slot` (i = 0 but for repeated slots); NULL if absent.
 * Slots of F32 and BF16 tensors hold float, of F64 tensors double; blocks, which have another shape than the tensor,
 * always hold double. */
LUGE_API void *luge_state(luge_optimizer *opt, size_t tensor, const char *slot, int i);
LUGE_API size_t luge_state_length(luge_optimizer *opt, size_t tensor, const char *slot, int i); /* numbers in it */

/* ---- checkpoints: safetensors with parameters, state, settings and counts -------------------------- */

/* Attach a text to the object; it is saved and loaded with it.  text NULL removes.  Copied. */
LUGE_API luge_status luge_note(luge_optimizer *opt, const char *key, const char *text, luge_error *err);
LUGE_API const char *luge_note_get(const luge_optimizer *opt, const char *key); /* lent; NULL if there is none */

/* Write everything beside `path`, sync, rename over it, sync the directory: `path` holds the old or the new. */
LUGE_API luge_status luge_save(luge_optimizer *opt, const char *path, luge_error *err);

/* Read into an object with the same groups, methods and tensors (in any order): parameters, state, settings,
 * counts, notes.  What does not fit is refused with its name, and the object stays as it was. */
LUGE_API luge_status luge_load(luge_optimizer *opt, const char *path, luge_error *err);

#ifdef __cplusplus
}
#endif
#endif
