/* Flows integrated by luge's door beside SUNDIALS with its own serial vectors, in turns in one process: medians of
 * the time, the fastest, and the error against a solution at a tolerance of 1e-14.
 *     rosenbrock   u' = -∇((1-x)² + 100 (y-x²)²), from (-1.2, 1) to T = 20
 *     quartic      u' = -(q u + u³), q from 1 to 10, 10,000 coordinates, to T = 2
 * bench_flow [RTOL] prints JSON lines; flow_scipy.py sets SciPy's solvers beside them.
 * SPDX-License-Identifier: MIT */
#include "flows/flows.h"
#include <arkode/arkode_erkstep.h>
#include <cvode/cvode.h>
#include <nvector/nvector_serial.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sunlinsol/sunlinsol_dense.h>
#include <sunlinsol/sunlinsol_spgmr.h>
#include <sunmatrix/sunmatrix_dense.h>
#include <sunnonlinsol/sunnonlinsol_fixedpoint.h>
#include <time.h>

enum { ROUNDS = 21, LARGE = 10000 };
static luge_error err;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int by_size(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;
    return (x > y) - (x < y);
}

/* ---- the flows ---- */

static luge_status rosenbrock(void *context, double t, const double *u, double *du, luge_error *e)
{
    double q = u[1] - u[0] * u[0];
    (void)context, (void)t, (void)e;
    du[0] = 2 * (1 - u[0]) + 400 * q * u[0];
    du[1] = -200 * q;
    return LUGE_OK;
}

static luge_status rosenbrock_jvp(void *context, double t, const double *u, const double *v, double *jv,
                                  luge_error *e)
{
    (void)context, (void)t, (void)e;
    jv[0] = (-2 + 400 * (u[1] - 3 * u[0] * u[0])) * v[0] + 400 * u[0] * v[1];
    jv[1] = 400 * u[0] * v[0] - 200 * v[1];
    return LUGE_OK;
}

static luge_status quartic(void *context, double t, const double *u, double *du, luge_error *e)
{
    const double *q = context;
    (void)t, (void)e;
#pragma omp simd
    for (size_t i = 0; i < LARGE; i++) du[i] = -(q[i] + u[i] * u[i]) * u[i];
    return LUGE_OK;
}

static luge_status quartic_jvp(void *context, double t, const double *u, const double *v, double *jv, luge_error *e)
{
    const double *q = context;
    (void)t, (void)e;
#pragma omp simd
    for (size_t i = 0; i < LARGE; i++) jv[i] = -(q[i] + 3 * u[i] * u[i]) * v[i];
    return LUGE_OK;
}

static double curvature[LARGE], start_of_quartic[LARGE];
static const double start_of_rosenbrock[] = { -1.2, 1 };
static const struct flow {
    const char *name;
    lg_ode ode;
    const double *start;
    double time;
} flows[] = {
    { "rosenbrock", { 2, 1, NULL, rosenbrock, rosenbrock_jvp }, start_of_rosenbrock, 20 },
    { "quartic", { LARGE, 1, curvature, quartic, quartic_jvp }, start_of_quartic, 2 },
};

/* ---- SUNDIALS as it comes ---- */

static int plain_rhs(realtype t, N_Vector y, N_Vector dy, void *context)
{
    const struct flow *f = context;
    return f->ode.rhs(f->ode.context, t, NV_DATA_S(y), NV_DATA_S(dy), NULL) ? -1 : 0;
}

static int plain_jacobian(realtype t, N_Vector y, N_Vector fy, SUNMatrix j, void *context, N_Vector a, N_Vector b,
                          N_Vector c)
{
    const struct flow *f = context;
    double unit[2] = { 1, 0 };
    (void)fy, (void)a, (void)b, (void)c;
    for (int i = 0; i < 2; i++) {
        f->ode.jvp(f->ode.context, t, NV_DATA_S(y), unit, SUNDenseMatrix_Column(j, i), NULL);
        unit[0] = 0, unit[1] = 1;
    }
    return 0;
}

static int plain_times(N_Vector v, N_Vector jv, realtype t, N_Vector y, N_Vector fy, void *context, N_Vector work)
{
    const struct flow *f = context;
    (void)fy, (void)work;
    return f->ode.jvp(f->ode.context, t, NV_DATA_S(y), NV_DATA_S(v), NV_DATA_S(jv), NULL) ? -1 : 0;
}

static void plain_cvode(const struct flow *f, int method, double rtol, double *y)
{
    SUNContext context;
    SUNContext_Create(NULL, &context);
    N_Vector v = N_VMake_Serial((sunindextype)f->ode.n, y, context);
    void *memory = CVodeCreate(method, context);
    SUNMatrix matrix = NULL;
    SUNLinearSolver linear = NULL;
    SUNNonlinearSolver fixed = NULL;
    double reached;

    CVodeInit(memory, plain_rhs, 0, v);
    CVodeSetUserData(memory, (void *)(uintptr_t)f);
    CVodeSStolerances(memory, rtol, rtol / 100);
    CVodeSetMaxNumSteps(memory, 50000000);
    if (method == CV_ADAMS) {
        fixed = SUNNonlinSol_FixedPoint(v, 0, context);
        CVodeSetNonlinearSolver(memory, fixed);
    } else if (f->ode.n == 2) {
        matrix = SUNDenseMatrix(2, 2, context);
        linear = SUNLinSol_Dense(v, matrix, context);
        CVodeSetLinearSolver(memory, linear, matrix);
        CVodeSetJacFn(memory, plain_jacobian);
    } else {
        linear = SUNLinSol_SPGMR(v, SUN_PREC_NONE, 20, context);
        CVodeSetLinearSolver(memory, linear, NULL);
        CVodeSetJacTimes(memory, NULL, plain_times);
    }
    CVodeSetStopTime(memory, f->time);
    if (CVode(memory, f->time, v, &reached, CV_NORMAL) < 0) y[0] = (double)NAN;
    CVodeFree(&memory);
    if (fixed) SUNNonlinSolFree(fixed);
    if (linear) SUNLinSolFree(linear);
    if (matrix) SUNMatDestroy(matrix);
    N_VDestroy(v);
    SUNContext_Free(&context);
}

static void plain_erk(const struct flow *f, int order, double rtol, double *y)
{
    SUNContext context;
    SUNContext_Create(NULL, &context);
    N_Vector v = N_VMake_Serial((sunindextype)f->ode.n, y, context);
    void *memory = ERKStepCreate(plain_rhs, 0, v, context);
    double reached;

    ERKStepSetOrder(memory, order);
    ERKStepSetUserData(memory, (void *)(uintptr_t)f);
    ERKStepSStolerances(memory, rtol, rtol / 100);
    ERKStepSetMaxNumSteps(memory, 50000000);
    ERKStepSetStopTime(memory, f->time);
    if (ERKStepEvolve(memory, f->time, v, &reached, ARK_NORMAL) < 0) y[0] = (double)NAN;
    ERKStepFree(&memory);
    N_VDestroy(v);
    SUNContext_Free(&context);
}

/* ---- what is measured ---- */

enum { OURS, CVODE, ARKODE };
static const struct entry {
    const char *name;
    int library, method; /* enum lg_solver; CV_BDF, CV_ADAMS; the order */
} entries[] = {
    { "luge explicit", OURS, LG_EXPLICIT }, { "luge implicit", OURS, LG_IMPLICIT }, { "luge bdf", OURS, LG_BDF },
    { "luge adams", OURS, LG_ADAMS },       { "luge erk", OURS, LG_ERK },           { "sundials bdf", CVODE, CV_BDF },
    { "sundials adams", CVODE, CV_ADAMS },  { "sundials erk", ARKODE, 8 },          { "sundials erk5", ARKODE, 5 },
};
enum { ENTRIES = sizeof entries / sizeof *entries };

static void solve(const struct flow *f, const struct entry *e, double rtol, double *y)
{
    memcpy(y, f->start, f->ode.n * sizeof *y);
    if (e->library == CVODE)
        plain_cvode(f, e->method, rtol, y);
    else if (e->library == ARKODE)
        plain_erk(f, e->method, rtol, y);
    else if (lg_integrate(&f->ode, (enum lg_solver)e->method, rtol, 0, f->time, y, &err))
        y[0] = (double)NAN;
}

static double apart(const struct flow *f, const double *y, const double *z)
{
    double most = 0, size = 0;
    for (size_t i = 0; i < f->ode.n; i++) {
        most = fmax(most, fabs(y[i] - z[i]));
        size = fmax(size, fabs(z[i]));
    }
    return isnan(y[0]) ? (double)NAN : most / size;
}

static void measure(const struct flow *f, double rtol)
{
    static double y[LARGE], exact[LARGE], seconds[ENTRIES][ROUNDS], error[ENTRIES];
    solve(f, &entries[0], 1e-14, exact);
    for (int round = 0; round < ROUNDS; round++)
        for (int e = 0; e < ENTRIES; e++) {
            double from = now();
            solve(f, &entries[e], rtol, y);
            seconds[e][round] = now() - from;
            error[e] = apart(f, y, exact);
        }
    for (int e = 0; e < ENTRIES; e++) {
        qsort(seconds[e], ROUNDS, sizeof(double), by_size);
        printf("{\"flow\":\"%s\",\"solver\":\"%s\",\"rtol\":%g,\"seconds\":%.6g,\"fastest\":%.6g,\"error\":%.3g}\n",
               f->name, entries[e].name, rtol, seconds[e][ROUNDS / 2], seconds[e][0],
               isnan(error[e]) ? -1 : error[e]);
    }
}

int main(int argc, char **argv)
{
    double rtol = argc > 1 ? atof(argv[1]) : 1e-10;
    for (size_t i = 0; i < LARGE; i++) {
        curvature[i] = 1 + 9 * (double)i / (LARGE - 1);
        start_of_quartic[i] = 1 + 0.5 * lg_cos(0.01 * (double)i);
    }
    for (size_t i = 0; i < sizeof flows / sizeof *flows; i++) measure(&flows[i], rtol);
    return 0;
}
