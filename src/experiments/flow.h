/* Flows of problems: what `luge flow` does, and the claims of `luge reproduce`.  Nothing here prints.
 * SPDX-License-Identifier: MIT */
#ifndef LG_FLOW_H
#define LG_FLOW_H
#include "analysis/analysis.h"
#include "flows/update.h"
#include "problems/problem.h"

/* ---- a problem on all its training rows as one vector of doubles (field.c) ---- */

typedef struct lg_whole lg_whole;
luge_status lg_whole_open(lg_whole **out, const lg_problem_request *request, luge_error *err);
void lg_whole_close(lg_whole *w); /* NULL is fine */
const lg_field *lg_whole_field(const lg_whole *w);
const double *lg_whole_start(const lg_whole *w);
luge_status lg_whole_value(lg_whole *w, const double *x, double *value, luge_error *err);

/* ---- a study: iterates against their models as h is halved (flow.c) ---- */

/* A line of the study: one model. */
typedef struct lg_flow_line {
    char model[64];
    int theory;
    enum lg_window window;
    size_t n;
    double h[LG_HALVINGS], error[LG_HALVINGS], reference[LG_HALVINGS];
    lg_orders orders;
} lg_flow_line;

/* What a plot needs of one run at the largest step size: a row for each comparison. */
typedef struct lg_path {
    size_t n, room;
    double *t, *u, *y, *error; /* u and y: two coordinates a row, where the problem has two; yours: lg_path_free */
} lg_path;
void lg_path_free(lg_path *p);

typedef struct lg_flow {
    lg_problem_request problem;
    const luge_method *method;
    const char *const *set; /* its settings, "KEY=VALUE" each */
    size_t sets;
    const luge_method *like; /* beside the flow of this method; NULL: of its own */
    const char *like_set;    /* settings of that, "KEY=VALUE,..."               */
    const char *const *model;
    size_t models;
    double momentum; /* of a method that has it; NAN: as it comes */
    double lr, time; /* 0: chosen at the start */
    int halvings;
    bool prepared;
    bool whole_run; /* errors over all steps, whatever theory speaks of */
    enum lg_solver solver;
    double rtol;
    /* Told of each model; it may keep the path and leave an empty one.  false: stop. */
    bool (*line)(void *context, const lg_flow_line *line, lg_path *path);
    void (*progress)(void *context, int64_t done, int64_t of); /* in runs of the iteration; may be NULL */
    void *context;
} lg_flow;

typedef struct lg_flow_result {
    double lr, time, curvature; /* of the start: its largest positive eigenvalue */
    double momentum, small;     /* the method's; what theory takes for small, h (relative) */
    size_t variables;
    bool family; /* heavy ball, Nesterov or gradient descent with no other settings */
} lg_flow_result;

/* Within LG_PATHS variables every step is compared; beyond, LG_NODES times of the run. */
enum { LG_PATHS = 1000, LG_NODES = 8 };
luge_status lg_flow_run(const lg_flow *flow, lg_flow_result *result, luge_error *err);

/* ---- orders of any method (orders.c) ---- */

/* Settings under which a method forgets within a few steps, so that orders show at step sizes that are no waste:
 * decays of 0.7, what stands below a root away from zero, some weight decay.  Those that are set already stay. */
enum { LG_SHORT_SETTINGS = 16 };
typedef struct lg_short_memory {
    char text[LG_SHORT_SETTINGS][64];
    const char *set[LG_SHORT_SETTINGS]; /* "KEY=VALUE" */
    size_t n;
} lg_short_memory;
luge_status lg_short_memory_set(lg_short_memory *m, const char *key, const char *value, luge_error *err);
luge_status lg_short_memory_of(lg_short_memory *m, const luge_method *method, luge_error *err);

/* The order to which u shadows a model ("auto:1", "auto:2") of itself, or of `like`, from the prepared start: by the
 * errors at h = 2^(1-last) and 2^-last. */
luge_status lg_pair_order(const lg_whole *w, lg_update *u, lg_update *like, const char *model, double time, int last,
                          double *order, luge_error *err);

/* The problem's value on a grid over the paths' surroundings, and lines of equal value of it: points in order, broken
 * by a NAN pair.  xy is yours: lg_free. */
luge_status lg_contours(const lg_problem_request *problem, const double box[4], double **xy, size_t *points,
                        luge_error *err);

/* The line on which a function has the value `level`, from rows of its nodes (x, y, value): as many points of xy, in
 * pieces broken by a NAN pair, as there is room for; their number. */
size_t lg_level_line(size_t columns, size_t rows, const double *grid, double level, double *xy, size_t room);

/* ---- claims: one file a claim in claims/; the table of them is made by the build (reproduce.c) ---- */

/* What was found, as text for people and programs. */
typedef struct lg_verdict {
    char expected[600], measured[1000];
    bool holds;
} lg_verdict;

/* Given to each claim; folder: of data, NULL where there is none. */
typedef struct lg_means {
    const char *folder;
    int threads;
} lg_means;

typedef struct lg_claim {
    const char *name, *claim, *reference;
    const char *run;         /* what is done to see it           */
    const char *const *data; /* files that it needs in the folder */
    luge_status (*check)(const lg_means *means, lg_verdict *v, luge_error *err);
} lg_claim;

const lg_claim *lg_claim_at(size_t i); /* NULL past the end */

/* Adds text at the end of a verdict's expected or measured, as far as there is room. */
#define LG_SAY(text, ...) lg_say(text, sizeof(text), __VA_ARGS__)
void lg_say(char *text, size_t size, const char *format, ...) __attribute__((format(printf, 3, 4)));

/* Orders on the standard problem 0.5 (1-x)^2 + (y-x^2)^2 from (-1/2, 1). */
typedef struct lg_window_row {
    const char *model;
    double momentum;
    bool prepared;
    int first, last; /* h = 2^-first .. 2^-last */
    double time;
    double least, most; /* of the fitted order */
} lg_window_row;
/* Each row for heavy ball and for Nesterov; what is said: the fitted orders, and the windows. */
luge_status lg_claim_windows(const lg_window_row *row, size_t rows, lg_verdict *v, luge_error *err);

#endif
