/* An expression as a tape: each node comes after those that it is made of, the last one is the whole.
 * SPDX-License-Identifier: MIT */
#ifndef LG_EXPRESSION_TAPE_H
#define LG_EXPRESSION_TAPE_H
#include "problems/support/expression.h"

/* t[k] = f^(k)(x)/k! for k = 0 .. n, n >= 1, of a function f that may have a constant c. */
typedef void lg_taylor(double c, double x, int n, double *t);
lg_taylor lg_taylor_exp, lg_taylor_log, lg_taylor_negate;
lg_taylor lg_taylor_whole; /* x^c, c = 0, 1, 2, ... */
lg_taylor lg_taylor_power; /* x^c                   */
lg_taylor lg_taylor_base;  /* c^x, c > 0            */

/* The functions that have a name; the table ends with a NULL. */
typedef struct lg_function {
    const char *name;
    lg_taylor *taylor;
} lg_function;
extern const lg_function lg_functions[];

enum lg_op { LG_CONSTANT, LG_VARIABLE, LG_ADD, LG_SUBTRACT, LG_MULTIPLY, LG_DIVIDE, LG_FUNCTION };

typedef struct lg_node {
    enum lg_op op;
    uint32_t a, b;     /* its operands                             */
    double c;          /* the constant, also that of a function    */
    lg_taylor *taylor; /* of LG_FUNCTION, which has the operand a  */
} lg_node;

typedef struct lg_variable {
    const char *name; /* in the text */
    size_t length;
    uint32_t node;
} lg_variable;

struct lg_expression {
    char *text;
    lg_node *node;
    lg_variable *variable;
    size_t nodes, variables;
    double *value, *slope, *adjoint; /* of each node one series with room for `count` coefficients; value owns all */
    size_t count;
};

/* Fills node and variable from the text. */
luge_status lg_expression_parse(lg_expression *e, const char *owner, luge_error *err);

#endif
