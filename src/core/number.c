/* Numbers as text.  A host program may have set a locale with a decimal comma, in any thread at any time, so what is
 * given to strtod has no decimal point, and what printf gives is looked through for one.
 * SPDX-License-Identifier: MIT */
#include "core/core.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

/* Where two neighbouring doubles meet has at most 767 significant digits; of further ones it only matters whether
 * one is not 0. */
enum { DIGITS = 770 };

static bool is_digit(char c) { return c >= '0' && c <= '9'; }

/* Letters of `word` at p in either case; the letters used here are ASCII in every locale. */
static bool is_word(const char *p, const char *word)
{
    for (; *word; p++, word++)
        if ((*p | 0x20) != *word) return false;
    return true;
}

/* The digits at *p with at most one point among them go to `digits` without it and without zeros in front; *scale
 * is the power of ten to multiply by.  False: there is none. */
static bool mantissa(const char **p, char *digits, long long *scale)
{
    const char *c = *p;
    int n = 0;
    bool point = false, any = false, rest = false;

    for (*scale = 0; is_digit(*c) || (*c == '.' && !point); c++) {
        if (*c == '.') {
            point = true;
            continue;
        }
        any = true;
        if (n < DIGITS && (n > 0 || *c != '0'))
            digits[n++] = *c;
        else if (n == DIGITS)
            rest |= *c != '0', ++*scale;
        *scale -= point;
    }
    if (n == 0) digits[n++] = '0';
    if (rest) digits[n++] = '1', --*scale;
    digits[n] = 0;
    *p = c;
    return any;
}

/* What follows an e: *p is moved only over a whole exponent. */
static long long exponent(const char **p)
{
    const long long most = 1000000000000000;
    const char *c = *p;
    long long v = 0;
    bool minus;

    if ((*c | 0x20) != 'e') return 0;
    c++;
    minus = *c == '-';
    c += *c == '-' || *c == '+';
    if (!is_digit(*c)) return 0;
    for (; is_digit(*c); c++) v = v < most ? 10 * v + (*c - '0') : v;
    *p = c;
    return minus ? -v : v;
}

const char *lg_number_read(const char *text, double *v)
{
    char digits[DIGITS + 32];
    long long scale;
    const char *p = text + (*text == '-' || *text == '+');
    double size = HUGE_VAL;

    if (is_word(p, "inf")) {
        p += is_word(p, "infinity") ? 8 : 3;
    } else {
        if (p[0] == '0' && (p[1] | 0x20) == 'x') return NULL;
        if (!mantissa(&p, digits, &scale)) return NULL;
        scale += exponent(&p);
        scale = scale > 9999 ? 9999 : scale < -9999 ? -9999 : scale;
        snprintf(digits + strlen(digits), 32, "e%lld", scale);
        size = strtod(digits, NULL);
        if (isinf(size)) return NULL;
    }
    *v = *text == '-' ? -size : size;
    return p;
}

/* snprintf's %.*g with a dot for what the locale puts there, which may be several bytes. */
static void print(char *text, size_t size, int precision, double v)
{
    char raw[64];
    size_t n = 0;

    snprintf(raw, sizeof raw, "%.*g", precision, v);
    for (const char *c = raw; *c && n + 1 < size; c++) {
        bool plain = is_digit(*c) || (*c >= 'a' && *c <= 'z') || *c == '-' || *c == '+';
        if (plain || n == 0 || text[n - 1] != '.') text[n++] = plain ? *c : '.';
    }
    if (size) text[n] = 0;
}

void lg_number_print(char *text, size_t size, double v)
{
    char made[40];
    double back;
    int precision = 15;

    do print(made, sizeof made, precision, v); /* few digits of the largest numbers are too large to be read */
    while ((!lg_number_read(made, &back) || back != v) && ++precision <= 17);
    snprintf(text, size, "%s", made);
}
