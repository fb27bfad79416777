/* Formulas from text:  (1-x)^2 + 100*(y-x^2)^2
 *
 *     sum      = product { (+|-) product }
 *     product  = signed { (*|/) signed }
 *     signed   = - signed | power
 *     power    = atom [ ^ signed ]                       so 2^3^2 = 2^9 and -x^2 = -(x^2)
 *     atom     = number | name | function ( sum ) | ( sum )
 *     function = exp | log | sin | cos | tanh | sqrt | abs
 *
 * A name is of letters, digits and _; pi and e are numbers, every other name is a variable.  The variables are
 * numbered as they appear, but by their number where all are called x and a number: x1, x2, ..., x10.
 *
 * a^n with a constant whole n up to 2^31 is made of products, for any a; a^c with another constant c, and c^a with a
 * constant c > 0, are lg_pow; e^a is exp(a); a^b with a b that varies is exp(b log a).  Outside the domain of a
 * function the value is NaN.  abs has no derivative at 0, and sqrt and a^c (where c is not whole) have few there: abs
 * is given the slope 0, the others are infinite or NaN from the first derivative on that does not exist.
 * SPDX-License-Identifier: MIT */
#ifndef LG_EXPRESSION_H
#define LG_EXPRESSION_H
#include "core/core.h"

typedef struct lg_expression lg_expression;

/* owner: whose text, for messages: "expr: column 12: ...".  Columns count from 1. */
luge_status lg_expression_open(lg_expression **out, const char *owner, const char *text, luge_error *err);
void lg_expression_close(lg_expression *e); /* NULL is fine */
size_t lg_expression_variables(const lg_expression *e);

double lg_expression_gradient(lg_expression *e, const double *x, double *g); /* returns the value */
void lg_expression_hvp(lg_expression *e, const double *x, const double *v, double *hv);

/* The gradient at x in the truncated power series of two variables: see lg_problem_series.  The first call of a
 * degree that is larger than all before it allocates. */
luge_status lg_expression_series(lg_expression *e, int degree, const double *x, double *g, luge_error *err);

#endif
