/* What stands behind a problem.  A file of src/problems defines one lg_problem_kind; everything that is shared stands
 * in this folder.  SPDX-License-Identifier: MIT */
#ifndef LG_KIND_H
#define LG_KIND_H
#include "problems/problem.h"

enum { LG_LAYERS = LG_LIST + 1, LG_PROBLEM_TENSORS = 2 * LG_LAYERS, LG_DATA_FILES = 2 };

struct lg_problem {
    const lg_problem_kind *kind;
    void *settings, *self; /* self: the kind's own */
    const char *text;      /* while it is opened: what follows "name:" */
    luge_type type;
    int threads;
    uint64_t seed;
    size_t batch, all; /* all: rows of both parts */
    size_t rows[2];    /* by enum lg_part         */
    size_t tensors;
    lg_shape tensor[LG_PROBLEM_TENSORS];
    char name[LG_PROBLEM_TENSORS][24];
};

/* What a pass over rows is for. */
enum lg_task { LG_EVALUATE, LG_GRADIENT, LG_HVP };

/* The rows of one call. */
typedef struct lg_rows {
    const size_t *row; /* NULL: first, first + 1, ... */
    size_t first, n;
    bool drawn; /* their targets are drawn from the model, by the numbers of these: */
    uint64_t seed, stream;
} lg_rows;
static inline size_t lg_row(const lg_rows *r, size_t i) { return r->row ? r->row[i] : r->first + i; }

/* Rows and settings were checked before gradient, hvp and evaluate are called; they cannot fail. */
struct lg_problem_kind {
    const char *name, *title;
    const lg_setting *settings;
    size_t settings_size;
    const char *data[LG_DATA_FILES + 1]; /* what its files are called; none: it has no rows */
    bool free_text;                      /* no settings follow its name, but a text for open */
    /* Fills self, all and the tensors; path[i] is the file of data[i]; NULL: make a set from the seed.  What a failed
     * open leaves in self, close takes back. */
    luge_status (*open)(lg_problem *p, const char *const *path, luge_error *err);
    void (*close)(lg_problem *p);
    void (*start)(const lg_problem *p, void *const *x);
    void (*gradient)(lg_problem *p, const void *const *x, const lg_rows *rows, void *const *gradient, double *loss);
    void (*hvp)(lg_problem *p, const void *const *x, const lg_rows *rows, const void *const *v, void *const *hv);
    luge_status (*keep)(lg_problem *p, luge_error *err); /* NULL: it has no layers */
    bool (*layer)(const lg_problem *p, size_t i,
                  luge_layer *layer); /* tensors i, i + 1: matrix and bias; false: none */
    bool drawn;                       /* gradient can do with drawn targets */
    luge_status (*series)(lg_problem *p, int degree, const double *x, double *gradient,
                          luge_error *err); /* or NULL */
    void (*evaluate)(lg_problem *p, const void *const *x, const lg_rows *rows, lg_score *score);
    const unsigned char *(*labels)(const lg_problem *p); /* or NULL */
    const void *formula;                                 /* lg_analytic */
};

/* Adds a tensor: columns 0 makes it a vector of `rows`. */
void lg_problem_add(lg_problem *p, const char *name, size_t rows, size_t columns);

/* Streams of random numbers: start points take the number of the tensor. */
enum { LG_STREAM_SET = 1000 };
#define LG_STREAM_DRAW ((uint64_t)1 << 42) /* and the number of the draw */

/* log(1 + e); the quotient takes back the rounding of 1 + e (Kahan). */
static inline double lg_log_of_one_plus(double e)
{
    double u = 1 + e;
    return u == 1 ? e : lg_log(u) * e / (u - 1);
}

/* Arrays of the problem's type to and from f64. */
void lg_widen(luge_type type, const void *x, size_t n, double *wide);
void lg_narrow(luge_type type, const double *wide, size_t n, void *x);

#endif
