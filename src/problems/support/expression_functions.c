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

/* t_k = binomial(c, k) x^(c-k): the lowest power that is needed, then products with x. */
void lg_taylor_whole(double c, double x, int n, double *t)
{
    int most = c < n ? (int)c : n;
    double binomial = 1, low = c - most;

    t[most] = low == 1 ? x : lg_power(x, low);
    for (int k = most; k > 0; k--) t[k - 1] = t[k] * x;
    for (int k = 1; k <= most; k++) t[k] *= binomial = binomial * (c - k + 1) / k;
    for (int k = most + 1; k <= n; k++) t[k] = 0;
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

/* f' = 1 - f² */
static void tangent(double c, double x, int n, double *t)
{
    (void)c;
    t[0] = lg_tanh(x);
    for (int k = 1; k <= n; k++) {
        double sum = k == 1;
        for (int i = 0; i < k; i++) sum -= t[i] * t[k - 1 - i];
        t[k] = sum / k;
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
