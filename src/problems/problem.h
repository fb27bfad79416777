/* Objective functions: value, gradient, exact Hessian-vector product, on a minibatch or on all rows.
 * One problem, one file; the table of them is made by the build from the folder.
 * SPDX-License-Identifier: MIT */
#ifndef LG_PROBLEM_H
#define LG_PROBLEM_H
#include "core/core.h"

typedef struct lg_problem lg_problem;

/* What a problem is opened with. */
typedef struct lg_problem_request {
    const char *spec;        /* "mlp" or "rosenbrock:a=1,b=100": name and settings; or "expr:EXPRESSION" */
    const char *at;          /* "1,2": the start of a problem that is a formula; NULL: its own  */
    const char *const *data; /* "PATH" or "images=PATH"; none: a generated set, if it has one */
    size_t data_count;
    size_t split;   /* the first rows train, the rest test; 0: the last fifth tests */
    size_t batch;   /* most rows of one minibatch; 0: all training rows             */
    uint64_t seed;  /* of the start point and of generated data                    */
    luge_type type; /* F32 or F64: parameters and arithmetic                       */
    int threads;
} lg_problem_request;

typedef struct lg_score {
    double loss, accuracy; /* accuracy NAN where the problem has none */
} lg_score;
enum lg_part { LG_TRAIN, LG_TEST };

luge_status lg_problem_open(lg_problem **out, const lg_problem_request *request, luge_error *err);
void lg_problem_close(lg_problem *p); /* NULL is fine */

size_t lg_problem_tensors(const lg_problem *p);
const lg_shape *lg_problem_tensor(const lg_problem *p, size_t i); /* lent: name and shape */
size_t lg_problem_rows(const lg_problem *p, enum lg_part part);   /* 0: the problem has no rows (analytic) */

/* The class of each row, the training rows first: lent; NULL where the rows have none. */
const unsigned char *lg_problem_labels(const lg_problem *p);

/* The start point, keyed by the seed, or the problem's own. x[i]: one array per tensor of the request's type. */
void lg_problem_start(const lg_problem *p, void *const *x);

/* Loss and gradient on the training rows row[0..n), or on all where row is NULL.  All further sums are in an order
 * that depends on the rows only: the same bits for any number of threads. No allocation. */
luge_status lg_problem_gradient(lg_problem *p, const void *const *x, const size_t *row, size_t n,
                                void *const *gradient, double *loss, luge_error *err);
/* The tensor that is the bias of the layer whose matrix is tensor i; i itself: there is no such layer. */
size_t lg_problem_bias(const lg_problem *p, size_t i);
/* Keep from the next gradient on what lg_problem_layers answers; again is fine. */
luge_status lg_problem_keep(lg_problem *p, luge_error *err);
/* What the layers saw in the last gradient, one for each tensor, with rows = 0 where lg_problem_bias knows no layer:
 * lent until the next call. */
void lg_problem_layers(const lg_problem *p, luge_layer *layer);
/* hv = H(x) v, the same loss, exact (R-operator). */
luge_status lg_problem_hvp(lg_problem *p, const void *const *x, const size_t *row, size_t n, const void *const *v,
                           void *const *hv, luge_error *err);
/* The gradient with targets that the model draws at each row in place of the data's: a class by its probabilities, a
 * pixel by its own, or under a squared loss the output plus normal noise; penalties are left out.  `draw` numbers the
 * draws.  The square of it times the rows is on average the diagonal of the Gauss-Newton matrix (Liu et al., Sophia,
 * arXiv:2305.14342).  Problems without rows have no targets, and refuse. */
luge_status lg_problem_sampled(lg_problem *p, const void *const *x, const size_t *row, size_t n, uint64_t draw,
                               void *const *gradient, luge_error *err);
/* The gradient along a curve, or at all points of a surface: in the arithmetic of power series in t and h, of total
 * degree up to `degree`.  x holds for each coordinate i the C = (degree+1)(degree+2)/2 coefficients of t^m h^j at
 * i C + (m+j)(m+j+1)/2 + j, and the gradient comes out so.  Only expr can do it; the others refuse.  The first call
 * of a degree that is larger than all before it allocates; else nothing does after the open. */
enum { LG_SERIES_DEGREE = 24 };
luge_status lg_problem_series(lg_problem *p, int degree, const double *x, double *gradient, luge_error *err);
/* The value on all rows of a part, penalties included, as the gradient's loss.  Both scores are NAN where the part
 * has no rows; a formula counts as training. */
luge_status lg_problem_evaluate(lg_problem *p, const void *const *x, enum lg_part part, lg_score *score,
                                luge_error *err);

/* The table, for `--help` and tests: NULL past the end. */
typedef struct lg_problem_kind lg_problem_kind;
const lg_problem_kind *lg_problem_at(size_t i);
const char *lg_problem_name(const lg_problem_kind *k);
const char *lg_problem_title(const lg_problem_kind *k); /* one line with the formula */
const lg_setting *lg_problem_settings(const lg_problem_kind *k);

#endif
