/* CVODE's BDF and Adams methods and ARKODE's explicit pair of order 8(7), on vectors whose operations are luge's. The
 * one file that knows SUNDIALS.
 * BDF solves its equations by a dense Jacobian up to DENSE variables, by GMRES beyond.
 * Ref: Hindmarsh et al., SUNDIALS: suite of nonlinear and differential/algebraic equation solvers, ACM TOMS 31, 2005.
 * SPDX-License-Identifier: MIT */
#include "flows/integrator.h"
#include <arkode/arkode_erkstep.h>
#include <cvode/cvode.h>
#include <float.h>
#include <stdio.h>
#include <string.h>
#include <sundials/sundials_nvector.h>
#include <sunlinsol/sunlinsol_dense.h>
#include <sunlinsol/sunlinsol_spgmr.h>
#include <sunmatrix/sunmatrix_dense.h>
#include <sunnonlinsol/sunnonlinsol_fixedpoint.h>

enum { DENSE = 256, HISTORY = 0 /* of the fixed point iteration: none */ };
static const long most_steps = 50000000;

bool lg_has_sundials(void) { return true; }

/* ---- the vector ---- */

typedef struct body {
    lg_vectors size;
    double *data;
    bool own;
} body;

static body *in(N_Vector v) { return v->content; }
static double *data(N_Vector v) { return in(v)->data; }
static lg_vectors size(N_Vector v) { return in(v)->size; }

static N_Vector new_like(double *use, lg_vectors n, SUNContext context);
static N_Vector clone(N_Vector v) { return new_like(NULL, size(v), v->sunctx); }

static void destroy(N_Vector v)
{
    if (!v) return;
    if (v->content && in(v)->own) lg_free(data(v));
    lg_free(v->content);
    N_VFreeEmpty(v);
}

static sunindextype length(N_Vector v) { return (sunindextype)size(v).n; }
static realtype *array(N_Vector v) { return data(v); }

static N_Vector clone_empty(N_Vector v)
{
    static double none;
    return new_like(&none, size(v), v->sunctx);
}
static void set_array(realtype *values, N_Vector v)
{
    if (in(v)->own) lg_free(data(v));
    in(v)->data = values;
    in(v)->own = false;
}

static void space(N_Vector v, sunindextype *reals, sunindextype *integers)
{
    *reals = length(v);
    *integers = 1;
}

static void linear_sum(realtype a, N_Vector x, realtype b, N_Vector y, N_Vector z)
{
    lg_combine(size(x), data(z), NULL, 2, (double[]){ a, b }, (const double *const[]){ data(x), data(y) });
}
static void fill(realtype c, N_Vector z) { lg_map(size(z), LG_MAP_FILL, data(z), NULL, NULL, c); }
static void product(N_Vector x, N_Vector y, N_Vector z)
{
    lg_map(size(x), LG_MAP_PRODUCT, data(z), data(x), data(y), 0);
}
static void quotient(N_Vector x, N_Vector y, N_Vector z)
{
    lg_map(size(x), LG_MAP_QUOTIENT, data(z), data(x), data(y), 0);
}
static void scale(realtype c, N_Vector x, N_Vector z) { lg_map(size(x), LG_MAP_SCALE, data(z), data(x), NULL, c); }
static void absolute(N_Vector x, N_Vector z) { lg_map(size(x), LG_MAP_ABS, data(z), data(x), NULL, 0); }
static void inverse(N_Vector x, N_Vector z) { lg_map(size(x), LG_MAP_INVERSE, data(z), data(x), NULL, 0); }
static void add(N_Vector x, realtype c, N_Vector z) { lg_map(size(x), LG_MAP_ADD, data(z), data(x), NULL, c); }
static realtype dot(N_Vector x, N_Vector y) { return lg_sum(size(x), LG_SUM_PRODUCTS, data(x), data(y)); }
static realtype greatest(N_Vector x) { return lg_sum(size(x), LG_GREATEST, data(x), NULL); }
static realtype least(N_Vector x) { return lg_sum(size(x), LG_LEAST, data(x), NULL); }
static realtype sum_abs(N_Vector x) { return lg_sum(size(x), LG_SUM_ABS, data(x), NULL); }
static realtype weighted(N_Vector x, N_Vector w)
{
    return sqrt(lg_sum(size(x), LG_SUM_WEIGHTED, data(x), data(w)) / (double)size(x).n);
}
static realtype weighted_length(N_Vector x, N_Vector w)
{
    return sqrt(lg_sum(size(x), LG_SUM_WEIGHTED, data(x), data(w)));
}

static int combination(int count, realtype *c, N_Vector *x, N_Vector z)
{
    const double *list[LG_COMBINED], *base = NULL;
    while (count > 0) {
        int part = count < LG_COMBINED ? count : LG_COMBINED;
        for (int i = 0; i < part; i++) list[i] = data(x[i]);
        lg_combine(size(z), data(z), base, part, c, list);
        base = data(z);
        count -= part, c += part, x += part;
    }
    return 0;
}

static int scatter(int count, realtype *c, N_Vector x, N_Vector *y, N_Vector *z)
{
    const double *from[LG_COMBINED];
    double *to[LG_COMBINED];
    while (count > 0) {
        int part = count < LG_COMBINED ? count : LG_COMBINED;
        for (int i = 0; i < part; i++) from[i] = data(y[i]), to[i] = data(z[i]);
        lg_scatter(size(x), part, c, data(x), from, to);
        count -= part, c += part, y += part, z += part;
    }
    return 0;
}

static int dots(int count, N_Vector x, N_Vector *y, realtype *result)
{
    for (int i = 0; i < count; i++) result[i] = dot(x, y[i]);
    return 0;
}

static int linear_sums(int count, realtype a, N_Vector *x, realtype b, N_Vector *y, N_Vector *z)
{
    for (int i = 0; i < count; i++) linear_sum(a, x[i], b, y[i], z[i]);
    return 0;
}

static int scales(int count, realtype *c, N_Vector *x, N_Vector *z)
{
    for (int i = 0; i < count; i++) scale(c[i], x[i], z[i]);
    return 0;
}

static int fills(int count, realtype c, N_Vector *z)
{
    for (int i = 0; i < count; i++) fill(c, z[i]);
    return 0;
}

static int all_weighted(int count, N_Vector *x, N_Vector *w, realtype *norm)
{
    for (int i = 0; i < count; i++) norm[i] = weighted(x[i], w[i]);
    return 0;
}

/* The dense solver takes vectors of this name alone; all that it asks of one is its array. */
static N_Vector_ID identity(N_Vector v)
{
    (void)v;
    return SUNDIALS_NVEC_SERIAL;
}

/* What CVODE and ARKODE call without constraints and root finding. */
static void fill_operations(N_Vector_Ops o)
{
    o->nvgetvectorid = identity;
    o->nvclone = clone, o->nvdestroy = destroy, o->nvspace = space;
    o->nvgetarraypointer = array, o->nvgetlength = length;
    o->nvcloneempty = clone_empty, o->nvsetarraypointer = set_array;
    o->nvlinearsum = linear_sum, o->nvconst = fill, o->nvscale = scale, o->nvaddconst = add;
    o->nvprod = product, o->nvdiv = quotient, o->nvabs = absolute, o->nvinv = inverse;
    o->nvdotprod = dot, o->nvmaxnorm = greatest, o->nvmin = least, o->nvl1norm = sum_abs;
    o->nvwrmsnorm = weighted, o->nvwl2norm = weighted_length;
    o->nvlinearcombination = combination, o->nvscaleaddmulti = scatter, o->nvdotprodmulti = dots;
    o->nvlinearsumvectorarray = linear_sums, o->nvscalevectorarray = scales, o->nvconstvectorarray = fills;
    o->nvwrmsnormvectorarray = all_weighted;
}

/* A vector on `use`, or on memory of its own. */
static N_Vector new_like(double *use, lg_vectors n, SUNContext context)
{
    N_Vector v = N_VNewEmpty(context);
    body *b = lg_alloc(1, sizeof *b);
    double *own = use ? NULL : lg_alloc(n.n, sizeof *own);

    if (!v || !b || (!use && !own)) {
        if (v) N_VFreeEmpty(v);
        lg_free(b);
        lg_free(own);
        return NULL;
    }
    *b = (body){ .size = n, .data = use ? use : own, .own = !use };
    v->content = b;
    fill_operations(v->ops);
    return v;
}

/* ---- the solvers ---- */

typedef struct run {
    SUNContext context;
    N_Vector y;
    void *memory; /* CVODE's or ARKODE's */
    SUNMatrix matrix;
    SUNLinearSolver linear;
    SUNNonlinearSolver fixed;
    double *column; /* of the Jacobian */
    bool retries;   /* takes a step back where the right-hand side cannot be had */
    luge_error own; /* of the callbacks in the call under way */
    char message[200];
} run;

static luge_status library(const char *where, int flag, luge_error *err)
{
    if (flag >= 0) return LUGE_OK;
    return lg_fail(err, LUGE_E_BACKEND, "SUNDIALS: %s failed with %d", where, flag);
}

/* Nothing is printed; the last message is kept. */
static void keep_message(int code, const char *module, const char *function, char *text, void *context)
{
    run *r = context;
    (void)code, (void)module;
    snprintf(r->message, sizeof r->message, "%s: %s", function, text);
}

/* Steps below this are lost in t: towards a pole they would go on without end. */
static double least_step(const lg_integrator *it, double t) { return 4 * DBL_EPSILON * fmax(fabs(it->t), fabs(t)); }

/* Where a call of CVode or ERKStepEvolve ended: the codes of both are the same. */
static luge_status ended(lg_integrator *it, int flag, double reached, double wanted, luge_error *err)
{
    run *r = it->self;
    it->t = flag < 0 ? reached : wanted;
    if (flag >= 0) return LUGE_OK;
    if (r->own.status) return lg_fail(err, r->own.status, "%s", r->own.text);
    if (flag >= CV_CONV_FAILURE || (flag <= CV_FIRST_RHSFUNC_ERR && flag >= CV_UNREC_RHSFUNC_ERR))
        return lg_blown_up(it, wanted, err);
    return lg_fail(err, LUGE_E_BACKEND, "SUNDIALS: %s", r->message);
}

/* CVODE tries a smaller step where a value is not finite; ARKODE does where its error estimate is not. */
static int rhs(realtype t, N_Vector y, N_Vector dy, void *context)
{
    lg_integrator *it = context;
    run *r = it->self;
    if (lg_rhs(it, t, data(y), data(dy), &r->own)) return -1;
    return !r->retries || isfinite(lg_sum(size(dy), LG_SUM_ABS, data(dy), NULL)) ? 0 : 1;
}

static int jacobian_times(N_Vector v, N_Vector jv, realtype t, N_Vector y, N_Vector fy, void *context, N_Vector work)
{
    lg_integrator *it = context;
    run *r = it->self;
    (void)fy, (void)work;
    return it->ode.jvp(it->ode.context, t, data(y), data(v), data(jv), &r->own) ? -1 : 0;
}

static int jacobian(realtype t, N_Vector y, N_Vector fy, SUNMatrix j, void *context, N_Vector a, N_Vector b,
                    N_Vector c)
{
    lg_integrator *it = context;
    run *r = it->self;
    (void)fy, (void)a, (void)b, (void)c;
    for (size_t i = 0; i < it->ode.n; i++) {
        r->column[i] = 1;
        luge_status st =
            it->ode.jvp(it->ode.context, t, data(y), r->column, SUNDenseMatrix_Column(j, (sunindextype)i), &r->own);
        r->column[i] = 0;
        if (st) return -1;
    }
    return 0;
}

static luge_status open_run(lg_integrator *it, luge_error *err)
{
    luge_status st = LUGE_OK;
    run *r;

    LG_NEED(r = it->self = lg_alloc(1, sizeof *r));
    LG_NEED(r->column = lg_alloc(it->ode.n, sizeof *r->column));
    LG_TRY(library("SUNContext_Create", SUNContext_Create(NULL, &r->context), err));
    LG_NEED(r->y = new_like(it->y, (lg_vectors){ it->ode.n, it->ode.threads }, r->context));
done:
    return st;
}

static luge_status attach_linear(lg_integrator *it, luge_error *err)
{
    luge_status st = LUGE_OK;
    run *r = it->self;
    sunindextype n = (sunindextype)it->ode.n;
    bool dense = it->ode.n <= DENSE;

    if (dense) LG_NEED(r->matrix = SUNDenseMatrix(n, n, r->context));
    LG_NEED(r->linear = dense ? SUNLinSol_Dense(r->y, r->matrix, r->context)
                              : SUNLinSol_SPGMR(r->y, SUN_PREC_NONE, 20, r->context));
    LG_TRY(library("CVodeSetLinearSolver", CVodeSetLinearSolver(r->memory, r->linear, r->matrix), err));
    if (it->ode.jvp && dense) LG_TRY(library("CVodeSetJacFn", CVodeSetJacFn(r->memory, jacobian), err));
    if (it->ode.jvp && !dense)
        LG_TRY(library("CVodeSetJacTimes", CVodeSetJacTimes(r->memory, NULL, jacobian_times), err));
done:
    return st;
}

static luge_status open_cvode(lg_integrator *it, int method, luge_error *err)
{
    luge_status st;
    run *r;

    LG_TRY(open_run(it, err));
    r = it->self;
    r->retries = true;
    LG_NEED(r->memory = CVodeCreate(method, r->context));
    LG_TRY(library("CVodeSetErrHandlerFn", CVodeSetErrHandlerFn(r->memory, keep_message, r), err));
    LG_TRY(library("CVodeInit", CVodeInit(r->memory, rhs, 0, r->y), err));
    LG_TRY(library("CVodeSetUserData", CVodeSetUserData(r->memory, it), err));
    LG_TRY(library("CVodeSStolerances", CVodeSStolerances(r->memory, it->rtol, it->atol), err));
    LG_TRY(library("CVodeSetMaxNumSteps", CVodeSetMaxNumSteps(r->memory, most_steps), err));
    if (method == CV_BDF) {
        LG_TRY(attach_linear(it, err));
    } else {
        LG_NEED(r->fixed = SUNNonlinSol_FixedPoint(r->y, HISTORY, r->context));
        LG_TRY(library("CVodeSetNonlinearSolver", CVodeSetNonlinearSolver(r->memory, r->fixed), err));
    }
done:
    return st;
}

static luge_status open_bdf(lg_integrator *it, luge_error *err) { return open_cvode(it, CV_BDF, err); }
static luge_status open_adams(lg_integrator *it, luge_error *err) { return open_cvode(it, CV_ADAMS, err); }

static void close_run(lg_integrator *it)
{
    run *r = it->self;
    if (!r) return;
    if (r->linear) SUNLinSolFree(r->linear);
    if (r->matrix) SUNMatDestroy(r->matrix);
    if (r->fixed) SUNNonlinSolFree(r->fixed);
    destroy(r->y);
    if (r->context) SUNContext_Free(&r->context);
    lg_free(r->column);
    lg_free(r);
}

static void close_cvode(lg_integrator *it)
{
    run *r = it->self;
    if (r && r->memory) CVodeFree(&r->memory);
    close_run(it);
}

static luge_status start_cvode(lg_integrator *it, luge_error *err)
{
    run *r = it->self;
    return library("CVodeReInit", CVodeReInit(r->memory, it->t, r->y), err);
}

static luge_status to_cvode(lg_integrator *it, double t, luge_error *err)
{
    luge_status st;
    run *r = it->self;
    double reached = it->t;
    long steps = 0;

    r->own.status = LUGE_OK;
    LG_TRY(library("CVodeSetMinStep", CVodeSetMinStep(r->memory, least_step(it, t)), err));
    LG_TRY(library("CVodeSetStopTime", CVodeSetStopTime(r->memory, t), err));
    int flag = CVode(r->memory, t, r->y, &reached, CV_NORMAL);
    CVodeGetNumSteps(r->memory, &steps);
    if (flag < 0) CVodeGetCurrentTime(r->memory, &reached);
    it->effort.steps = steps;
    return ended(it, flag, reached, t, err);
done:
    return st;
}

static luge_status open_erk(lg_integrator *it, luge_error *err)
{
    luge_status st;
    run *r;

    LG_TRY(open_run(it, err));
    r = it->self;
    LG_NEED(r->memory = ERKStepCreate(rhs, 0, r->y, r->context));
    LG_TRY(library("ERKStepSetErrHandlerFn", ERKStepSetErrHandlerFn(r->memory, keep_message, r), err));
    LG_TRY(library("ERKStepSetOrder", ERKStepSetOrder(r->memory, 8), err));
    LG_TRY(library("ERKStepSetUserData", ERKStepSetUserData(r->memory, it), err));
    LG_TRY(library("ERKStepSStolerances", ERKStepSStolerances(r->memory, it->rtol, it->atol), err));
    /* At the limit of stability its step sizes swing. */
    LG_TRY(library("ERKStepSetMaxErrTestFails", ERKStepSetMaxErrTestFails(r->memory, 100), err));
    LG_TRY(library("ERKStepSetMaxNumSteps", ERKStepSetMaxNumSteps(r->memory, most_steps), err));
done:
    return st;
}

static void close_erk(lg_integrator *it)
{
    run *r = it->self;
    if (r && r->memory) ERKStepFree(&r->memory);
    close_run(it);
}

static luge_status start_erk(lg_integrator *it, luge_error *err)
{
    run *r = it->self;
    return library("ERKStepReInit", ERKStepReInit(r->memory, rhs, it->t, r->y), err);
}

static luge_status to_erk(lg_integrator *it, double t, luge_error *err)
{
    luge_status st;
    run *r = it->self;
    double reached = it->t;
    long steps = 0;

    r->own.status = LUGE_OK;
    LG_TRY(library("ERKStepSetMinStep", ERKStepSetMinStep(r->memory, least_step(it, t)), err));
    LG_TRY(library("ERKStepSetStopTime", ERKStepSetStopTime(r->memory, t), err));
    int flag = ERKStepEvolve(r->memory, t, r->y, &reached, ARK_NORMAL);
    ERKStepGetNumSteps(r->memory, &steps);
    if (flag < 0) ERKStepGetCurrentTime(r->memory, &reached);
    it->effort.steps = steps;
    return ended(it, flag, reached, t, err);
done:
    return st;
}

const lg_solver_kind lg_solver_bdf = { "bdf", open_bdf, close_cvode, start_cvode, to_cvode };
const lg_solver_kind lg_solver_adams = { "adams", open_adams, close_cvode, start_cvode, to_cvode };
const lg_solver_kind lg_solver_erk = { "erk", open_erk, close_erk, start_erk, to_erk };
