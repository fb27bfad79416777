/* Matrices of f64 on a desk: what the THEN of a matrix method is written in.  A desk is memory of the caller, handed
 * out piece by piece and never given back; nothing is allocated.  All products run in fixed blocks, so that their
 * bits do not depend on the number of threads.  Call between lg_blas_one_thread and lg_blas_restore.
 * SPDX-License-Identifier: MIT */
#ifndef LG_MATRIX_H
#define LG_MATRIX_H
#include "linalg/orthogonal.h"

typedef struct lg_desk {
    char *at;
    int threads;
    bool failed; /* a factorization failed: a number was not finite */
} lg_desk;

/* v is row-major; turned: its transpose is meant, and rows and columns are those of the transpose. */
typedef struct lg_matrix {
    double *v;
    size_t rows, columns;
    bool turned;
} lg_matrix;

/* Bytes on a desk of `count` matrices of n numbers in all. */
static inline double lg_desk_bytes(double n, int count) { return 8 * n + count * (double)LG_ALIGN; }
/* What a function *_work of this folder answers; infinite: too large. */
static inline double lg_factor_bytes(bool fits, const size_t *bytes) { return fits ? (double)*bytes : HUGE_VAL; }

static inline double lg_polar_bytes(luge_type type, size_t rows, size_t columns, double error)
{
    size_t bytes = 0;
    bool fits = lg_polar_work(type, rows, columns, error, &bytes);
    return lg_factor_bytes(fits, &bytes);
}

void *lg_desk_take(lg_desk *d, size_t bytes);
lg_matrix lg_matrix_new(lg_desk *d, size_t rows, size_t columns); /* its numbers are undefined */
static inline lg_matrix lg_matrix_at(double *v, size_t rows, size_t columns)
{
    return (lg_matrix){ v, rows, columns, false };
}
static inline lg_matrix lg_turned(lg_matrix a) { return (lg_matrix){ a.v, a.columns, a.rows, !a.turned }; }

/* A slot's numbers, and the other way round: what falls below the smallest normal number is stored as zero. */
lg_matrix lg_from_slot(lg_desk *d, luge_type type, const void *slot, size_t rows, size_t columns);
void lg_to_slot(lg_matrix a, luge_type type, void *slot);

lg_matrix lg_copy(lg_desk *d, lg_matrix a);                  /* never turned */
lg_matrix lg_multiply(lg_desk *d, lg_matrix a, lg_matrix b); /* a b; never turned */
void lg_mix(double p, lg_matrix a, double q, lg_matrix b);   /* a := p a + q b; neither or both turned */
lg_matrix lg_gram(lg_desk *d, lg_matrix a);                  /* a aᵀ, both triangles equal */
double lg_trace(lg_matrix a);
void lg_shift(lg_matrix a, double by);   /* a := a + by I */
double lg_dot(lg_matrix a, lg_matrix b); /* Σ aᵢⱼ bᵢⱼ in a fixed order; neither or both turned */

/* The orthonormal factor of a, rows >= columns; a^(-power) of a symmetric a that has eps added; eigenvectors of a
 * symmetric a in columns, their eigenvalues falling.  What fails is said in d->failed. */
lg_matrix lg_orthonormal(lg_desk *d, lg_matrix a);
lg_matrix lg_root(lg_desk *d, lg_matrix a, double power, double eps);
lg_matrix lg_eigenvectors(lg_desk *d, lg_matrix a);
double lg_orthonormal_bytes(size_t rows, size_t columns);
double lg_root_bytes(size_t n);
double lg_eigenvectors_bytes(size_t n);

/* Rows of norm √columns, then columns of norm √rows, `rounds` times; norms are at least `least` (Sinkhorn's scaling).
 */
void lg_sinkhorn(lg_matrix a, int rounds, double least);
void lg_unit_rows(lg_matrix a, double norm, double least); /* rows of this norm */
void lg_unit_columns(lg_matrix a, double eps);             /* columns over their norm + eps; zero stays */

/* aᵢⱼ := aᵢⱼ E / (1 + eps E),  E = row[i] column[j];  NULL: ones. */
void lg_weigh(lg_matrix a, const double *row, const double *column, double eps);
/* Means of squares of the rows, or of the columns. */
void lg_mean_squares(lg_matrix a, bool of_rows, double *to);

/* ---- tensors of any order, one dimension after another (modes.c) ---- */

/* Numbers before a dimension, in it, and after it. */
typedef struct lg_mode {
    size_t outer, side, inner;
} lg_mode;
lg_mode lg_mode_of(const lg_shape *t, int dimension); /* a scalar has one dimension, of 1 */

/* f := p f + q X Xᵀ for x unfolded along the mode, side x the rest. */
void lg_mode_gram(lg_desk *d, lg_mode m, const double *x, double p, double q, lg_matrix f);
/* a times x along the mode: a is side x side. */
lg_matrix lg_mode_multiply(lg_desk *d, lg_mode m, lg_matrix a, lg_matrix x);
/* The columns of q in falling order of the diagonal of qᵀ f q, and x in the same order along the mode. */
void lg_mode_sort(lg_desk *d, lg_mode m, lg_matrix f, lg_matrix q, lg_matrix x);

#endif
