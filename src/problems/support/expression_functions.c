/* Taylor coefficients t_k = f^(k)(x)/k! of the functions of expressions.  SPDX-License-Identifier: MIT */
#include "problems/support/expression_tape.h"

void lg_taylor_exp(double c, double x, int n, double *t)
{
    (void)c;
    t[0] = lg_exp(x);
    for (int k = 1; k <= n; k++) t[k] = t[k - 1] / k;
}

/* t_k = -(-x)^-k / k */
void lg_taylor_log(double c, double x, int n, double *t)
{
    (void)c;
    t[0] = lg_log(x);
    t[1] = x < 0 ? (double)NAN : 1 / x;
    for (int k = 2; k <= n; k++) t[k] = -t[k - 1] / x * (k - 1) / k;
}

void lg_taylor_negate(double c, double x, int n, double *t)
{
    (void)c;
    t[0] = -x;
    t[1] = -1;
    for (int k = 2; k <= n; k++) t[k] = 0;
}

/* t_k = binomial(c, k) x^(c-k).  Small powers are products of x, faster than pairs of doubles. */
void lg_taylor_whole(double c, double x, int n, double *t)
{
    enum { SMALL = 8 };
    double binomial = 1, power[SMALL + 1] = { 1 };

    for (int k = 1; k <= SMALL && k <= c; k++) power[k] = power[k - 1] * x;
    for (int k = 0; k <= n; k++) {
        double left = c - k;
        t[k] = left < 0 ? 0 : binomial * (left <= SMALL ? power[(int)left] : lg_power(x, left));
        binomial = binomial * left / (k + 1);
    }
}

void lg_taylor_power(double c, double x, int n, double *t)
{
    double binomial = 1;
    for (int k = 0; k <= n; k++) {
        t[k] = binomial * lg_pow(x, c - k);
        binomial *= (c - k) / (k + 1);
    }
}

/* t_k = c^x (log c)^k / k! */
void lg_taylor_base(double c, double x, int n, double *t)
{
    double l = lg_log(c);
    t[0] = lg_pow(c, x);
    for (int k = 1; k <= n; k++) t[k] = t[k - 1] * l / k;
}

/* f'' = -f */
static void wave(double f, double slope, int n, double *t)
{
    t[0] = f;
    t[1] = slope;
    for (int k = 2; k <= n; k++) t[k] = -t[k - 2] / (k * (k - 1));
}

static void sine(double c, double x, int n, double *t)
{
    (void)c;
    wave(lg_sin(x), lg_cos(x), n, t);
}

static void cosine(double c, double x, int n, double *t)
{
    (void)c;
    wave(lg_cos(x), -lg_sin(x), n, t);
}

/* f' = 4 s/(1+s)² with s = exp -2|x|, which keeps its digits where f is close to 1, and f'' = -2 f f'. */
static void tangent(double c, double x, int n, double *t)
{
    double s = lg_exp(-2 * fabs(x));

    (void)c;
    t[0] = lg_tanh(x);
    t[1] = 4 * s / ((1 + s) * (1 + s));
    for (int k = 2; k <= n; k++) {
        double sum = 0;
        for (int i = 0; i < k - 1; i++) sum += t[i] * (k - 1 - i) * t[k - 1 - i];
        t[k] = -2 * sum / (k * (k - 1));
    }
}

/* t_k = binomial(1/2, k) x^(1/2-k) */
static void root(double c, double x, int n, double *t)
{
    (void)c;
    t[0] = sqrt(x);
    t[1] = 0.5 / t[0];
    for (int k = 2; k <= n; k++) t[k] = t[k - 1] / x * (1.5 - k) / k;
}

static void size(double c, double x, int n, double *t)
{
    (void)c;
    t[0] = fabs(x);
    t[1] = isnan(x) ? x : (x > 0) - (x < 0);
    for (int k = 2; k <= n; k++) t[k] = 0;
}

const lg_function lg_functions[] = {
    { "exp", lg_taylor_exp }, { "log", lg_taylor_log }, { "sin", sine }, { "cos", cosine },
    { "tanh", tangent },      { "sqrt", root },         { "abs", size }, { 0 },
};
