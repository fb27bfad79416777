/* From the text of an expression to its tape.  SPDX-License-Identifier: MIT */
#include "problems/support/expression_tape.h"
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LENGTH = 65536, LEVELS = 200, MOST_NODES = 3 }; /* most nodes that one character makes: a^b */

typedef struct parser {
    lg_expression *e;
    const char *owner, *p; /* p: what is read next */
    int level;
    luge_error *err;
} parser;

/* What stands at `at`, for a message: up to 20 printable bytes, whole characters of UTF-8. */
static int excerpt(const char *at)
{
    int n = 0;
    while (n < 20 && (unsigned char)at[n] >= ' ' && at[n] != 127) n++;
    while (n > 0 && (at[n] & 0xC0) == 0x80) n--;
    return n;
}

static luge_status wrong(const parser *r, const char *at, const char *format, ...)
    __attribute__((format(printf, 3, 4)));
static luge_status wrong(const parser *r, const char *at, const char *format, ...)
{
    char what[200];
    va_list list;

    va_start(list, format);
    vsnprintf(what, sizeof what, format, list);
    va_end(list);
    return lg_fail(r->err, LUGE_E_ARG, *at ? "%s: column %d: %s; there stands \"%.*s\"" : "%s: column %d: %s",
                   r->owner, (int)(at - r->e->text) + 1, what, excerpt(at), at);
}

static void skip(parser *r) { r->p += strspn(r->p, " \t\r\n"); }

/* ---- nodes ---- */

static double folded(const lg_node *n, double a, double b)
{
    double t[2];

    switch (n->op) {
    case LG_ADD: return a + b;
    case LG_SUBTRACT: return a - b;
    case LG_MULTIPLY: return a * b;
    case LG_DIVIDE: return a / b;
    default: n->taylor(n->c, a, 1, t); return t[0];
    }
}

static luge_status constant(parser *r, double c, uint32_t *out)
{
    *out = (uint32_t)r->e->nodes;
    r->e->node[r->e->nodes++] = (lg_node){ .op = LG_CONSTANT, .c = c };
    return LUGE_OK;
}

/* A node of constants alone is a constant; they are the last of the tape, and it takes their place. */
static luge_status put(parser *r, const char *at, lg_node n, uint32_t *out)
{
    const lg_node *a = &r->e->node[n.a], *b = &r->e->node[n.b];

    if (a->op == LG_CONSTANT && b->op == LG_CONSTANT) {
        double c = folded(&n, a->c, b->c);
        if (!isfinite(c)) return wrong(r, at, "what is computed here is not a finite number");
        r->e->nodes = n.a < n.b ? n.a : n.b;
        return constant(r, c, out);
    }
    *out = (uint32_t)r->e->nodes;
    r->e->node[r->e->nodes++] = n;
    return LUGE_OK;
}

static luge_status operation(parser *r, const char *at, enum lg_op op, uint32_t a, uint32_t b, uint32_t *out)
{
    return put(r, at, (lg_node){ .op = op, .a = a, .b = b }, out);
}

static luge_status function(parser *r, const char *at, lg_taylor *taylor, double c, uint32_t a, uint32_t *out)
{
    return put(r, at, (lg_node){ .op = LG_FUNCTION, .a = a, .b = a, .c = c, .taylor = taylor }, out);
}

static const double euler = 0x1.5bf0a8b145769p+1, half_turn = 0x1.921fb54442d18p+1; /* e, π */

static luge_status constant_power(parser *r, const char *at, uint32_t a, double c, uint32_t *out)
{
    luge_status st;
    uint32_t one;
    bool whole = c == floor(c) && fabs(c) <= 0x1p31;

    LG_TRY(function(r, at, whole ? lg_taylor_whole : lg_taylor_power, whole ? fabs(c) : c, a, out));
    if (!whole || c >= 0) goto done;
    LG_TRY(constant(r, 1, &one));
    LG_TRY(operation(r, at, LG_DIVIDE, one, *out, out));
done:
    return st;
}

static luge_status power(parser *r, const char *at, uint32_t a, uint32_t b, uint32_t *out)
{
    const lg_node *base = &r->e->node[a], *exponent = &r->e->node[b];
    luge_status st;

    if (exponent->op == LG_CONSTANT) {
        r->e->nodes--;
        return constant_power(r, at, a, exponent->c, out);
    }
    if (base->op == LG_CONSTANT) {
        if (!(base->c > 0))
            return wrong(r, at, "only a base above 0 can have an exponent that varies, not %g", base->c);
        return function(r, at, base->c == euler ? lg_taylor_exp : lg_taylor_base, base->c, b, out);
    }
    LG_TRY(function(r, at, lg_taylor_log, 0, a, out));
    LG_TRY(operation(r, at, LG_MULTIPLY, b, *out, out));
    LG_TRY(function(r, at, lg_taylor_exp, 0, *out, out));
done:
    return st;
}

static uint32_t variable(lg_expression *e, const char *name, size_t length)
{
    lg_variable *v = e->variable;
    uint32_t node = (uint32_t)e->nodes;

    for (size_t i = 0; i < e->variables; i++)
        if (v[i].length == length && !memcmp(v[i].name, name, length)) return v[i].node;
    v[e->variables++] = (lg_variable){ name, length, node };
    e->node[e->nodes++] = (lg_node){ .op = LG_VARIABLE };
    return node;
}

/* ---- the grammar of expression.h by precedence ---- */

static const struct {
    char sign;
    int level;
    bool right; /* a^b^c = a^(b^c) */
    enum lg_op op;
} operators[] = { { '+', 1, false, LG_ADD },
                  { '-', 1, false, LG_SUBTRACT },
                  { '*', 2, false, LG_MULTIPLY },
                  { '/', 2, false, LG_DIVIDE },
                  { '^', 4, true, LG_FUNCTION } };
enum { OPERATORS = sizeof operators / sizeof *operators, SIGN = 3 };

static luge_status expression(parser *r, int level, uint32_t *out);

static bool is_digit(char c) { return c >= '0' && c <= '9'; }
static bool is_letter(char c) { return (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') || c == '_'; }

static luge_status number(parser *r, uint32_t *out)
{
    double c;
    const char *end = lg_number_read(r->p, &c);

    if (!end) return wrong(r, r->p, "this is no decimal number in the range of double precision");
    r->p = end;
    return constant(r, c, out);
}

static luge_status group(parser *r, uint32_t *out)
{
    const char *open = r->p++;
    luge_status st = expression(r, 1, out);

    if (st != LUGE_OK) return st;
    if (*r->p != ')')
        return wrong(r, r->p, "an operator or the ) to the ( of column %d is wanted", (int)(open - r->e->text) + 1);
    r->p++;
    return LUGE_OK;
}

static const lg_function *function_named(const char *name, size_t length)
{
    const lg_function *f = lg_functions;
    while (f->name && (strlen(f->name) != length || strncmp(f->name, name, length) != 0)) f++;
    return f->name ? f : NULL;
}

static luge_status no_function(const parser *r, const char *at, int length)
{
    char names[100] = "";
    size_t n = 0;

    for (const lg_function *f = lg_functions; f->name; f++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", n ? ", " : "", f->name);
    return wrong(r, at, "%.*s is no function (those are %s), and a product needs a *", length < 40 ? length : 40, at,
                 names);
}

static luge_status name(parser *r, uint32_t *out)
{
    const char *at = r->p;
    size_t n = 0;
    const lg_function *f;
    luge_status st;

    while (is_letter(at[n]) || is_digit(at[n])) n++;
    r->p += n;
    skip(r);
    f = function_named(at, n);
    if (f && *r->p != '(') return wrong(r, r->p, "( is wanted after %s", f->name);
    if (!f && *r->p == '(') return no_function(r, at, (int)n);
    if (f) {
        LG_TRY(group(r, out));
        return function(r, at, f->taylor, 0, *out, out);
    }
    if (n == 1 && *at == 'e') return constant(r, euler, out);
    if (n == 2 && !memcmp(at, "pi", 2)) return constant(r, half_turn, out);
    *out = variable(r->e, at, n);
    st = LUGE_OK;
done:
    return st;
}

static luge_status operand(parser *r, uint32_t *out)
{
    const char *at;
    luge_status st;

    skip(r);
    at = r->p;
    if (is_digit(*at) || *at == '.') return number(r, out);
    if (is_letter(*at)) return name(r, out);
    if (*at == '(') return group(r, out);
    if (*at != '-') return wrong(r, at, "a number, a name, - or ( is wanted");
    r->p++;
    LG_TRY(expression(r, SIGN, out));
    return function(r, at, lg_taylor_negate, 0, *out, out);
done:
    return st;
}

/* An operand and the operators of at least this level that follow it. */
static luge_status expression(parser *r, int level, uint32_t *out)
{
    luge_status st;
    uint32_t b;

    if (++r->level > LEVELS) return wrong(r, r->p, "more than %d levels of nesting", LEVELS);
    LG_TRY(operand(r, out));
    for (size_t i;;) {
        const char *at;
        skip(r);
        at = r->p;
        for (i = 0; i < OPERATORS && operators[i].sign != *at; i++) {}
        if (i == OPERATORS || operators[i].level < level) break;
        r->p++;
        LG_TRY(expression(r, operators[i].level + !operators[i].right, &b));
        LG_TRY(operators[i].op == LG_FUNCTION ? power(r, at, *out, b, out)
                                              : operation(r, at, operators[i].op, *out, b, out));
    }
    r->level--;
done:
    return st;
}

/* ---- the order of the variables ---- */

/* x and a number without zeros in front */
static bool numbered(const lg_variable *v)
{
    if (v->length < 2 || v->name[0] != 'x' || (v->name[1] == '0' && v->length > 2)) return false;
    for (size_t i = 1; i < v->length; i++)
        if (!is_digit(v->name[i])) return false;
    return true;
}

static int by_number(const void *left, const void *right)
{
    const lg_variable *a = left, *b = right;
    if (a->length != b->length) return a->length < b->length ? -1 : 1;
    return memcmp(a->name, b->name, a->length);
}

luge_status lg_expression_parse(lg_expression *e, const char *owner, luge_error *err)
{
    luge_status st;
    parser r = { .e = e, .owner = owner, .p = e->text, .err = err };
    size_t length = strlen(e->text);
    uint32_t whole;
    bool all = true;

    if (length > LENGTH)
        return lg_fail(err, LUGE_E_ARG, "%s: %zu characters; an expression has at most %d", owner, length, LENGTH);
    LG_NEED(e->node = lg_alloc(MOST_NODES * length + 1, sizeof *e->node));
    LG_NEED(e->variable = lg_alloc(length / 2 + 1, sizeof *e->variable));
    LG_TRY(expression(&r, 1, &whole));
    if (*r.p) return wrong(&r, r.p, *r.p == ')' ? "this ) has no (" : "an operator is wanted");
    if (!e->variables) return lg_fail(err, LUGE_E_ARG, "%s: there is no variable in \"%.100s\"", owner, e->text);
    for (size_t i = 0; i < e->variables; i++) all = all && numbered(&e->variable[i]);
    if (all) qsort(e->variable, e->variables, sizeof *e->variable, by_number);
done:
    return st;
}
