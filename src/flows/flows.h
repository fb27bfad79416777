/* Continuous time: iterations with fixed momentum, the flows that they shadow, and the integrators.
 *     u⁺ = u + λ (u - u₋) + h f(u + a (u - u₋)),  f = -∇Φ;   as velocities  v⁺ = λ v + f(u + h a v),  u⁺ = u + h v⁺
 * Heavy ball has a = 0, Nesterov with fixed momentum a = λ, gradient descent λ = a = 0.  Λ stands for 1/(1-λ).
 * Ref: Kovachki & Stuart, Continuous time analysis of momentum methods, JMLR 22, 2021.
 * SPDX-License-Identifier: MIT */
#ifndef LG_FLOWS_H
#define LG_FLOWS_H
#include "core/core.h"

/* ---- the objective, as callbacks on one vector ---- */

typedef struct lg_field {
    size_t n;
    int threads;
    void *context;
    luge_status (*gradient)(void *context, const double *x, double *g, luge_error *err);
    luge_status (*hvp)(void *context, const double *x, const double *v, double *hv, luge_error *err);
    /* The gradient of truncated power series in two variables: the coefficient of t^m h^j, m + j <= degree, of
     * variable i stands at i C + lg_series_at(m, j), C = lg_series_count(degree).  NULL: the objective has none. */
    luge_status (*series)(void *context, int degree, const double *x, double *g, luge_error *err);
} lg_field;

static inline size_t lg_series_count(int degree) { return (size_t)(degree + 1) * (size_t)(degree + 2) / 2; }
static inline size_t lg_series_at(int m, int j) { return (size_t)(m + j) * (size_t)(m + j + 1) / 2 + (size_t)j; }

/* One member of the family of iterations. */
typedef struct lg_family {
    const lg_field *field; /* kept */
    double momentum, a, h;
} lg_family;

/* Refuses a momentum outside [0,1), a step size that is not positive. */
luge_status lg_family_check(const lg_family *f, luge_error *err);

/* ---- what is exact for f = -q u, in terms of x = h q (linear.c) ---- */

/* The roots of ρ² - (1 + λ - (1+a) x) ρ + λ - a x = 0: the larger and the smaller one where they are real, else NAN.
 */
void lg_linear_roots(double momentum, double a, double x, double *larger, double *smaller);
double lg_linear_radius(double momentum, double a, double x); /* their largest modulus           */
double lg_stable_below(double momentum, double a);            /* 2 (1+λ) / (1+2a)                */
double lg_real_below(double momentum, double a);              /* the least x with complex roots  */
/* The largest positive eigenvalue of the Hessian at x, to a few per cent; 0: there is none. */
luge_status lg_curvature(const lg_field *f, const double *x, double *q, luge_error *err);

/* ---- the iteration (stepper.c plain, optimizer.c through luge_step) ---- */

typedef struct lg_iteration lg_iteration;
/* method "heavy_ball", "nesterov" or "sgd": luge's own optimizer takes the steps; NULL: the recursion above. */
luge_status lg_iteration_open(lg_iteration **out, const lg_family *family, const char *method, luge_error *err);
void lg_iteration_close(lg_iteration *it); /* NULL is fine */
luge_status lg_iteration_start(lg_iteration *it, const double *u, const double *v,
                               luge_error *err); /* v NULL: cold */
luge_status lg_iteration_step(lg_iteration *it, luge_error *err);
const double *lg_iteration_u(const lg_iteration *it); /* lent */
const double *lg_iteration_v(const lg_iteration *it); /* (u_n - u_{n-1}) / h */
/* Any method of the registry, by luge's own optimizer (method.c).  It starts from its own slots with its own first
 * constants, or prepared: with stationary constants and the slots of the slow manifold.  v is not there. */
typedef struct lg_update lg_update;
luge_status lg_iteration_of(lg_iteration **out, const lg_field *field, lg_update *update, double h, bool prepared,
                            luge_error *err);

/* a of a method, NAN: no such method. */
double lg_method_a(const char *method, double momentum);

/* ---- differential equations: one door (integrate.c) ---- */

typedef struct lg_ode {
    size_t n;
    int threads;
    void *context;
    luge_status (*rhs)(void *context, double t, const double *y, double *dy, luge_error *err);
    /* jv = ∂rhs/∂y v, for the implicit solver; NULL: difference quotients. */
    luge_status (*jvp)(void *context, double t, const double *y, const double *v, double *jv, luge_error *err);
} lg_ode;

/* LG_EXPLICIT, and LG_IMPLICIT for few variables and stiff flows, are luge's own; the others are CVODE's and
 * ARKODE's, where the build has SUNDIALS. */
enum lg_solver { LG_EXPLICIT, LG_IMPLICIT, LG_BDF, LG_ADAMS, LG_ERK, LG_SOLVERS };
bool lg_has_sundials(void);
const char *lg_solver_name(enum lg_solver solver);

typedef struct lg_effort {
    int64_t steps, rejected, rhs;
} lg_effort;

typedef struct lg_integrator lg_integrator;
/* ode: copied, its context kept.  atol = rtol / 100. */
luge_status lg_integrator_open(lg_integrator **out, enum lg_solver solver, const lg_ode *ode, double rtol,
                               luge_error *err);
void lg_integrator_close(lg_integrator *it); /* NULL is fine */
luge_status lg_integrator_start(lg_integrator *it, double t, const double *y, luge_error *err);
/* The last step ends at t exactly: no interpolation.  To go back in time, start anew first. */
luge_status lg_integrator_to(lg_integrator *it, double t, luge_error *err);
const double *lg_integrator_state(const lg_integrator *it); /* lent */
lg_effort lg_integrator_effort(const lg_integrator *it);

/* y: the start, then the solution at t1. */
luge_status lg_integrate(const lg_ode *ode, enum lg_solver solver, double rtol, double t0, double t1, double *y,
                         luge_error *err);

/* ---- models: what the iterates are compared with (models.c; one model, one file) ---- */

typedef struct lg_model lg_model;

/* A model by its name: rescaled, second_order, modified, composite, manifold:K, series:P; words after a colon, joined
 * by +, choose among its forms. */
luge_status lg_model_open(lg_model **out, const char *name, const lg_family *family, luge_error *err);
void lg_model_close(lg_model *m); /* NULL is fine */
/* auto:1 or auto:2, of any method (auto.c); update: kept. */
luge_status lg_model_of(lg_model **out, const char *name, const lg_field *field, lg_update *update, double h,
                        bool prepared, luge_error *err);

enum lg_window { LG_THROUGHOUT, LG_LATER }; /* all n; t >= T/2, past the initial layer */
/* The order of the error in h that theory gives, for the start and where it holds. */
int lg_model_theory(const lg_model *m, bool prepared, enum lg_window *window);

/* The equation; n = 0: none, the model is a relation between position and velocity. */
const lg_ode *lg_model_ode(const lg_model *m);
/* The start of the equation that belongs to the iteration started at u cold, or prepared. */
luge_status lg_model_start(lg_model *m, bool prepared, const double *u, double *y, luge_error *err);
/* What the model says of step n: the position, from the equation's state y at time n h; or where it has no equation,
 * the velocity, from the position u. */
luge_status lg_model_says(lg_model *m, int64_t n, const double *y, const double *u, double *says, luge_error *err);

/* A piecewise model has another equation between each two steps.  It must be told where its equation stands, before
 * it is followed from there: n = 0, 1, 2, .. in order. */
bool lg_model_piecewise(const lg_model *m);
luge_status lg_model_node(lg_model *m, int64_t n, const double *y, luge_error *err);

const char *lg_model_list(size_t i);  /* "series:P": NULL past the end */
const char *lg_model_title(size_t i); /* one line                      */

/* ---- parts of the models that stand for themselves ---- */

double lg_second_order_alpha(double momentum, double a); /* α = (1 + λ - 2a (1-λ)) / 2 */
/* v = -Λ ∇(Φ + h/2 Λ κ |∇Φ|²)(u).  Three κ occur:
 *     Λ - a - 1/2  the field of the exact flow       Λ - a      the invariant manifold v = G(u)
 *     Λ - a - 1    the explicit map u⁺ = u + h v(u)
 * work: 2 n numbers. */
luge_status lg_modified_field(const lg_family *f, double kappa, const double *u, double *v, double *work,
                              luge_error *err);
double lg_modified_kappa(double momentum, double a); /* Λ - a - 1/2 */

/* The modified equation to order p: V = V_0 + h V_1 + .. + h^(p-1) V_(p-1).  work: lg_series_room(p) n numbers. */
enum { LG_SERIES_MOST = 12 };
size_t lg_series_room(int p);
/* term: the p vectors V_j, one after another. */
luge_status lg_series_terms(const lg_family *f, int p, const double *u, double *term, double *work, luge_error *err);
/* The manifold G = G_0 + h G_1 + .., `terms` of them summed; up to two need no series. */
luge_status lg_manifold(const lg_family *f, int terms, const double *u, double *v, double *work, luge_error *err);
/* v_0 of the prepared start: (u - φ_(-h)(u)) / h, φ the flow of the modified equation to order p. */
luge_status lg_prepared(const lg_family *f, int p, const double *u, double *v, luge_error *err);

/* V = V_0 + h V_1 of any method at u, `terms` of them (1 or 2), its constants stationary; v1 may be NULL for one.
 * slots: NULL, or room for k n numbers, slot by slot: s_0 + h s_1 in units of a run with step size h. */
luge_status lg_auto_terms(const lg_field *field, lg_update *update, double h, const double *u, double *v0, double *v1,
                          double *slots, luge_error *err);

/* The closed coefficients of f; f'f; f''(f,f), f'f'f; f'''(f,f,f), f''(f,f'f), f'f''(f,f), f'f'f'f. */
enum { LG_TREES = 8 };
extern const char *const lg_tree_name[LG_TREES];
extern const int lg_tree_power[LG_TREES]; /* of h */
void lg_tree_coefficients(double momentum, double a, double c[LG_TREES]);

/* The manifold of f with Lipschitz constant B: it exists for h B below lg_manifold_below; there G has the Lipschitz
 * constant `slope` at most and distances to it shrink by `rate` at least. */
double lg_manifold_below(double momentum, double a);
void lg_manifold_bounds(const lg_family *f, double lipschitz, double *slope, double *rate);
double lg_manifold_quadratic(const lg_family *f, double q); /* G(u) / u for f = -q u: (1 - 1/ρ) / h */
/* The graph of a 2π-periodic f of one variable at `count` equal nodes (a power of two), to rounding; contraction: by
 * which the last rounds shrank the change. */
luge_status lg_manifold_graph(const lg_family *f, size_t count, double *g, double *contraction, luge_error *err);

#endif
