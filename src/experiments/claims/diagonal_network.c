/* SPDX-License-Identifier: MIT */
#include "experiments/flow.h"
#include <stdio.h>

enum { ROWS = 5, WIDE = 12 };

/* Loss |X θ - y|²/2 of θ = (a² - b²)/2, three entries of the true θ not 0. */
typedef struct network {
    double X[ROWS][WIDE], y[ROWS], w[2 * WIDE], g[2 * WIDE], q[WIDE]; /* w: a, then b; q: slope by θ */
} network;

static void make(network *p)
{
    for (int i = 0; i < ROWS; i++) {
        p->y[i] = 0;
        for (int j = 0; j < WIDE; j++) {
            p->X[i][j] = lg_normal(11, (uint64_t)i, (uint64_t)j) / sqrt(ROWS);
            p->y[i] += p->X[i][j] * (j == 1 ? 1 : j == 4 ? -0.7 : j == 9 ? 0.5 : 0);
        }
    }
    for (int j = 0; j < 2 * WIDE; j++) p->w[j] = 0.5;
}

static void slopes(network *p)
{
    for (int j = 0; j < WIDE; j++) p->q[j] = 0;
    for (int i = 0; i < ROWS; i++) {
        double r = -p->y[i];
        for (int j = 0; j < WIDE; j++) r += p->X[i][j] * (p->w[j] * p->w[j] - p->w[WIDE + j] * p->w[WIDE + j]) / 2;
        for (int j = 0; j < WIDE; j++) p->q[j] += p->X[i][j] * r;
    }
    for (int j = 0; j < WIDE; j++) {
        p->g[j] = p->q[j] * p->w[j];
        p->g[WIDE + j] = -p->q[j] * p->w[WIDE + j];
    }
}

typedef struct law {
    double moved, error; /* largest |ln(a b) - ln(a b) at the start|; and its distance from the law */
} law;

/* luge's heavy ball until time 8 at the rate lr/(1-μ);  ln(a b)(T) = ln(a b)(0) - 2 Σ lr² γ_n q_n² */
static luge_status train(double mu, double rate, law *l, luge_error *err)
{
    luge_optimizer *opt = NULL;
    luge_status st;
    network p;
    double lr = rate * (1 - mu), c = 0, gamma = 0, sum[WIDE] = { 0 };

    make(&p);
    LG_TRY(luge_new(&opt, "heavy_ball", err));
    LG_TRY(luge_set_real(opt, 0, "lr", lr, err));
    LG_TRY(luge_set_real(opt, 0, "momentum", mu, err));
    LG_TRY(luge_add(opt, 0, "w", LUGE_F64, p.w, 1, (size_t[]){ 2 * WIDE }, err));
    for (int n = 0; n < (int)(8 / rate + 0.5); n++) {
        double before = c;
        slopes(&p);
        c = mu * c + 1;
        gamma = mu * gamma + (c * c + mu * before * before) / 2;
        for (int j = 0; j < WIDE; j++) sum[j] += 2 * lr * lr * gamma * p.q[j] * p.q[j];
        LG_TRY(luge_step(opt, &(luge_inputs){ .grad = (const void *const[]){ p.g } }, err));
    }
    *l = (law){ 0 };
    for (int j = 0; j < WIDE; j++) {
        double moved = lg_log(p.w[j] * p.w[WIDE + j] / 0.25);
        l->moved = fmax(l->moved, fabs(moved));
        l->error = fmax(l->error, fabs(moved + sum[j]));
    }
done:
    luge_free(opt);
    return st;
}

static luge_status check(const lg_means *means, lg_verdict *v, luge_error *err)
{
    static const double momentum[3] = { 0, 0.5, 0.8 };
    luge_status st = LUGE_OK;
    double plain = 0;

    (void)means;
    v->holds = true;
    LG_SAY(v->expected,
           "the law's error falls by 4 as the step is halved, by 8 at momentum 0, within 0.12; ln(a b) moves 3 "
           "and 9 times as far at momentum 0.5 and 0.8 as at 0, within 1%%");
    for (int i = 0; i < 3; i++) {
        law wide, half;
        LG_TRY(train(momentum[i], 0.002, &wide, err));
        LG_TRY(train(momentum[i], 0.001, &half, err));
        if (i == 0) plain = half.moved;
        double ratio = wide.error / half.error, farther = half.moved / plain;
        double theory = (1 + momentum[i]) / (1 - momentum[i]);
        v->holds = v->holds && fabs(ratio - (i ? 4 : 8)) < 0.12 && fabs(farther / theory - 1) < 0.01;
        LG_SAY(v->measured, "%smomentum %g: ln(a b) moves %.4f (%.2f times), error falls by %.2f", i ? "; " : "",
               momentum[i], half.moved, farther, ratio);
    }
done:
    return st;
}

const lg_claim lg_claim_diagonal_network = {
    .name = "diagonal_network",
    .claim = "In a diagonal linear network momentum works like a smaller start: a b shrinks by exp(-lr/(1-mu) "
             "(1+mu)/(1-mu) "
             "int q^2 ds), the (1+mu)/(1-mu)-th power of what gradient descent of the same speed does.",
    .reference =
        "Lyu et al., NeurIPS 2025, arXiv:2506.14806; Ghosh et al., ICLR 2023, arXiv:2302.00849; the product's law "
        "derived here",
    .run =
        "sparse regression, 5 rows, 12 columns; luge's heavy ball from a = b = 1/2 to time 8, speeds 0.002 and 0.001",
    .check = check,
};
