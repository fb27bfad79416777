/* What the engine knows of a method, and what a kernel is handed.  Everything in a descriptor is made from the
 * tables of one method file (describe.inc); nothing here names a method.  SPDX-License-Identifier: MIT */
#ifndef LG_ENGINE_H
#define LG_ENGINE_H
#include "core/core.h"

enum {
    LG_CHUNK = 32768, /* most coordinates of a piece                        */
    LG_BLOCK = 4096,  /* coordinates between two folds of the lanes         */
    LG_LANES = 16,    /* sums run in so many f64 lanes, on every processor  */
    LG_CARRY = LG_LANES + 1,
    LG_LARGE = 1 << 18,                          /* coordinates of a group whose pieces are not in cache */
    LG_PAGE = 4096,                              /* streams start whole pages apart, long ones one more */
    LG_STRETCH = 64,                             /* coordinates that a loop asks for together ..        */
    LG_AHEAD = 2048,                             /* .. when it is so many bytes before them             */
    LG_THREADS = LG_CHUNK / LG_BLOCK * LG_LANES, /* of a CUDA block: a lane of a block of coordinates each */
    LG_MANY = 8,                                 /* most slots of one REPEATED row                     */
    LG_SLOTS = 16,
    LG_INPUTS = 4,
    LG_BLOCKS = 24,
    LG_SUMS = 8,
    LG_VARIANTS = 16,
    LG_STREAMS = 2 + LG_SLOTS + LG_INPUTS,
    LG_COEFS = 256,
    LG_LEVELS = 5 /* instruction set levels by number: 0 (not x86), 2, 3, 4 */
};
enum lg_scope { LG_ROWS, LG_TENSOR, LG_ALL }; /* what a sum runs over       */
enum lg_op { LG_add, LG_max };                /* max: of magnitudes, from 0 */

typedef struct lg_slot {
    const char *name, *start, *text;
    int most; /* 1, or LG_MANY for a repeated slot */
} lg_slot;
typedef struct lg_block_row {
    const char *name, *start, *text;
    int most;
} lg_block_row;
typedef struct lg_sum {
    const char *name;
    int pass;
    enum lg_op op;
} lg_sum;
typedef struct lg_scalar {
    const char *name, *text;
} lg_scalar;
typedef struct lg_evidence {
    const char *name, *tier, *source;
} lg_evidence;
typedef struct lg_example {
    const char *name, *settings, *why_not;
} lg_example;

/* One tensor, as kernels and THEN see it. */
typedef struct lg_data {
    void *x, *out;
    const void *g, *input[LG_INPUTS];
    void *slot[LG_SLOTS];
    double *c; /* this tensor's constants */
    double *block[LG_BLOCKS];
    const luge_layer *layer;    /* where LAYER was needed, else NULL */
    const struct lg_data *bias; /* of a method with LAYER: the linked bias's, else NULL */
    void *work;                 /* WORK bytes for THEN */
    int threads;                /* that THEN may use */
} lg_data;

/* The streams of a piece that a loop asks for ahead of time, and the bytes of their numbers. */
typedef struct lg_ahead {
    int n;
    struct {
        const char *at;
        size_t size;
    } stream[LG_STREAMS];
} lg_ahead;

/* A piece of it. */
typedef struct lg_piece {
    const lg_data *d;
    const void *g;         /* its gradient: of d, or a filtered copy; starts at the piece's first coordinate    */
    size_t lo, n, row;     /* row: length of its complete rows, else 0                                          */
    size_t phase;          /* carry: place of its first coordinate in its block                                 */
    size_t before;         /* work before it, for sharing                                                       */
    double *unit, *part;   /* its first row's sums and results; its own sums                                    */
    const lg_ahead *ahead; /* NULL: nothing is asked for */
    double *carry;         /* of sums over all tensors: lanes and totals that go on from piece to piece, or NULL */
} lg_piece;
typedef void lg_kernel(const lg_piece *piece, int pass, int variant, int by_row);

typedef struct lg_method lg_method;

/* A name under which a method is had: its own (the first entry), or an alias with what that fixes. */
struct luge_method {
    const char *name, *title, *fixed, *defaults, *paper;
    const lg_method *method;
};

struct lg_method {
    const luge_method *entry;     /* each table ends with a NULL name */
    const char *formula, *smooth; /* smooth: SMOOTH, or "" */
    const lg_setting *hyper;
    const lg_slot *slot;
    const lg_block_row *block;
    const lg_scalar *input, *memory, *own;
    const lg_sum *sum;
    const lg_evidence *evidence;
    const lg_example *digits;
    const char *const *pass, *loss,
        *layer;                      /* what both are to the method, "" to others; loss: the last of its memory */
    lg_kernel *const *const *kernel; /* [level][luge_type]; NULL: this build has no loops for that level */
    size_t hyper_size, coef_size, memory_size, own_size, unit_size;
    int measures, has_view;               /* passes: 0 .. measures-1, then the update, the view, the start */
    const char *(*broken)(const void *h); /* the rule that the settings break, or NULL */
    int (*variant)(const void *h, double k, const lg_shape *t);
    void (*counts)(const void *h, double k, const lg_shape *t, int *slots, int *inputs);
    enum lg_scope (*scope)(int pass);
    int (*when)(const void *h, int pass, double k, const lg_shape *t);
    int (*needs_loss)(const void *h);
    int (*needs_layer)(const void *h, double k, const void *memory, const lg_shape *t);
    size_t (*row)(const void *h, const lg_shape *t);
    void (*lengths)(const void *h, const lg_shape *t, double *length); /* of the LG_BLOCKS blocks; 0: absent */
    void (*begin_blocks)(const void *h, const lg_shape *t, double *const *block);
    double (*work)(const void *h, const lg_shape *t, luge_type type); /* NULL: THEN needs no room and no BLAS */
    void (*begin)(const void *h, void *memory);
    void (*begin_own)(const void *h, void *own);
    void (*prepare)(const void *h, double k, void *memory, void *own, void *c);
    int (*then)(int pass, const void *h, double k, void *memory, void *own, void *c, void *r, size_t rows,
                const lg_shape *t, const lg_data *d, luge_type type); /* 1: the step ends here */
    void (*point)(int variant, const double *c, void *x, const void *g,
                  void *slots); /* complex; method without sums; g NULL: the slots' start */
};

extern const lg_method *const lg_methods[];    /* ends with NULL */
extern const lg_method lg_method_gradient_row; /* the optimizer's own passes over gradients (gradient.h) */
#define lg_gradient lg_method_gradient_row
luge_status lg_isa_pick(int *level, luge_error *err); /* by the processor and LUGE_ISA */

/* What a pass reads and writes, a bit for each stream: x, the gradient, slots, inputs (streams.c).  false: no memory.
 */
typedef struct lg_streams {
    uint32_t reads, writes;
} lg_streams;
bool lg_streams_of(int level, const lg_method *m, const void *h, int pass, int variant, lg_streams *found);
bool lg_streams_usual(const luge_method *method, int pass, lg_streams *found); /* with its defaults */

/* A tensor as a matrix: its first dimension, and the rest.  Scalars and vectors are one column. */
static inline size_t lg_down(const lg_shape *t) { return t->ndim ? t->shape[0] : 1; }
static inline size_t lg_across(const lg_shape *t) { return t->ndim && t->shape[0] ? t->n / t->shape[0] : 1; }

int lg_setting_row(const lg_setting *s, const char *kind, luge_row *row);

/* The larger of two magnitudes; what is not a number stays so. */
#define LG_LARGER(a, b) ((b) <= (a) || (a) != (a) ? (a) : (b))

/* A piece's sums put onto others of the same pass. */
void lg_put(const lg_method *m, double *to, const double *from, int pass);
#endif
