/* Training: a problem, a method, minibatches in an order that the seed fixes, and a run that can stop at any step and
 * go on to the same bits.
 *
 * Step s = 0, 1, ... uses the rows at s mod b of the permutation of epoch s / b, where b = ceil(rows / batch): the
 * last minibatch of an epoch may be short, and no row is left out.  Everything random is counted by s, so the count
 * of steps is all that a checkpoint must hold beyond the optimizer. SPDX-License-Identifier: MIT */
#include "experiments/train.h"
#include "engine/schedule.h"
#include <string.h>
#include <time.h>

/* Streams of random numbers apart from those of the problems, which are small. */
static const uint64_t shuffle_stream = (uint64_t)1 << 40;
enum { LINES = 200, PATH = 4096 };

typedef struct run {
    const lg_train *in;
    lg_problem *problem;
    luge_optimizer *opt;
    const luge_method *method;
    lg_identity *identity; /* where there is an `out` or a `resume` */
    lg_runlog log;

    luge_type type; /* of the arithmetic */
    size_t tensors;
    void **x, **g;   /* one array per tensor, of `type` */
    void **sx, **sg; /* the same in the type of storage: the same arrays but for bf16 */
    lg_supply supply;

    size_t *row, rows; /* the epoch's permutation; rows: 0 where there are none */
    int64_t shuffled;  /* the epoch of that permutation, -1: none yet */
    int64_t per_epoch, steps, every;
    lg_progress at;
    double began, loss; /* loss: of the last minibatch */
    double lr;          /* the method's first step size, NAN: it has none */
    lg_schedule schedule;
    lg_trained *out;
} run;

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static const void *const *fixed(void *const *arrays) { return (const void *const *)arrays; }

/* ---- setting up ---- */

static luge_status arrays_make(run *r, luge_error *err)
{
    bool narrow = r->in->problem.type != r->type;
    luge_status st;

    LG_TRY(lg_arrays(r->problem, r->type, &r->x, err));
    LG_TRY(lg_arrays(r->problem, r->type, &r->g, err));
    r->sx = r->x;
    r->sg = r->g;
    if (narrow) LG_TRY(lg_arrays(r->problem, r->in->problem.type, &r->sx, err));
    if (narrow) LG_TRY(lg_arrays(r->problem, r->in->problem.type, &r->sg, err));
    lg_problem_start(r->problem, r->x);
    lg_store(r->problem, r->sx, r->x);
    lg_recall(r->problem, r->x, r->sx);
done:
    return st;
}

/* Schedules that want a total of steps get that of the run if they name none. */
static luge_status set_schedule(run *r, const char *value, luge_error *err)
{
    char text[LG_TEXT + 40];
    size_t name = strcspn(value, ":");
    luge_row row;
    bool here = false;

    snprintf(text, sizeof text, "%s", value);
    for (size_t i = 0; !strstr(value, "total") && luge_schedule_row(i, &row); i++) {
        if (!strcmp(row.kind, "schedule")) here = strlen(row.name) == name && !strncmp(row.name, value, name);
        if (here && !strcmp(row.name, "total"))
            snprintf(text, sizeof text, "%.*s%ctotal=%lld", LG_TEXT, value, value[name] ? ',' : ':',
                     (long long)r->steps);
    }
    return luge_set(r->opt, 0, "schedule", text, err);
}

static luge_status settings(run *r, luge_error *err)
{
    luge_status st = LUGE_OK;
    char key[LG_TEXT];
    const char *value;

    for (size_t i = 0; i < r->in->set_count; i++) {
        LG_TRY(lg_setting_split(r->in->set[i], key, &value, err));
        LG_TRY(!strcmp(key, "schedule") ? set_schedule(r, value, err) : luge_set(r->opt, 0, key, value, err));
    }
    LG_TRY(luge_option(r->opt, "nonfinite", "skip", err));
    for (size_t i = 0; i < r->in->option_count; i++) {
        LG_TRY(lg_setting_split(r->in->option[i], key, &value, err));
        LG_TRY(luge_option(r->opt, key, value, err));
    }
    snprintf(key, sizeof key, "%d", r->in->problem.threads);
    LG_TRY(luge_option(r->opt, "threads", key, err));
done:
    return st;
}

/* The step size that the log shows, and the schedule that scales it. */
static luge_status step_size(run *r, luge_error *err)
{
    luge_status st = LUGE_OK;
    char text[LG_TEXT];
    luge_row row;

    r->lr = (double)NAN;
    for (size_t i = 0; isnan(r->lr) && luge_method_row(r->method, LUGE_PARAMETERS, i, &row); i++) {
        if (strcmp(row.kind, lg_kind_name(LG_rate)) != 0) continue;
        LG_TRY(luge_get(r->opt, 0, row.name, text, sizeof text, err));
        lg_number_read(text, &r->lr);
    }
    LG_TRY(luge_get(r->opt, 0, "schedule", text, sizeof text, err));
    LG_TRY(lg_schedule_parse(&r->schedule, text, err));
done:
    return st;
}

static luge_status optimizer_make(run *r, luge_error *err)
{
    luge_status st;
    char remark[300];

    LG_TRY(luge_new_method(&r->opt, r->in->method, err));
    r->method = r->in->method;
    LG_TRY(settings(r, err));
    for (size_t i = 0; i < r->tensors; i++) {
        const lg_shape *t = lg_problem_tensor(r->problem, i);
        LG_TRY(luge_add(r->opt, 0, t->name, r->in->problem.type, r->sx[i], t->ndim, t->shape, err));
    }
    for (size_t i = 0; r->in->remark && luge_remark(r->opt, i, remark, sizeof remark); i++)
        r->in->remark(r->in->context, remark);
    LG_TRY(lg_supply_open(&r->supply, r->problem, r->opt, r->method, &r->in->problem, r->sx, err));
    if (r->in->resume) {
        LG_TRY(lg_notes_resume(r->opt, r->method, r->identity, r->in->resume, &r->at, err));
        lg_recall(r->problem, r->x, r->sx);
    }
    LG_TRY(step_size(r, err));
    if (r->at.steps > r->steps)
        st = lg_fail(err, LUGE_E_ARG, "%s: %lld steps are done, more than the %lld asked for", r->in->resume,
                     (long long)r->at.steps, (long long)r->steps);
done:
    return st;
}

static luge_status plan(run *r, luge_error *err)
{
    const lg_train *in = r->in;
    size_t batch = in->problem.batch ? in->problem.batch : r->rows;

    if ((in->steps > 0) == (in->epochs > 0) || in->steps < 0 || in->epochs < 0)
        return lg_fail(err, LUGE_E_ARG, "either steps or epochs must be set, here steps = %lld and epochs = %lld",
                       (long long)in->steps, (long long)in->epochs);
    if (in->epochs && !r->rows)
        return lg_fail(err, LUGE_E_ARG, "%s has no rows, so there are no epochs: set steps", in->problem.spec);
    r->per_epoch = r->rows ? (int64_t)((r->rows + batch - 1) / batch) : 0;
    if (in->epochs > INT64_MAX / (r->per_epoch + 1))
        return lg_fail(err, LUGE_E_ARG, "epochs = %lld are too many", (long long)in->epochs);
    r->steps = in->steps ? in->steps : in->epochs * r->per_epoch;
    r->every = in->epochs ? r->per_epoch : (r->steps + LINES - 1) / LINES;
    return LUGE_OK;
}

static luge_status open_run(run *r, luge_error *err)
{
    luge_status st;
    lg_problem_request request = r->in->problem;

    request.type = r->type = request.type == LUGE_F64 ? LUGE_F64 : LUGE_F32;
    LG_TRY(lg_problem_open(&r->problem, &request, err));
    r->tensors = lg_problem_tensors(r->problem);
    r->rows = lg_problem_rows(r->problem, LG_TRAIN);
    LG_TRY(plan(r, err));
    if (r->in->out || r->in->resume) LG_TRY(lg_identity_make(&r->identity, r->in, err));
    if (request.batch) LG_NEED(r->row = lg_alloc(r->rows, sizeof *r->row));
    LG_TRY(arrays_make(r, err));
    LG_TRY(optimizer_make(r, err));
    if (r->in->out)
        LG_TRY(lg_runlog_open(&r->log, r->in->out, r->in->resume ? r->at.steps : -1, &r->out->points, err));
done:
    return st;
}

static void close_run(run *r)
{
    lg_runlog_close(&r->log);
    luge_free(r->opt);
    lg_problem_close(r->problem);
    lg_identity_free(r->identity);
    if (r->sx != r->x) lg_free(r->sx);
    if (r->sg != r->g) lg_free(r->sg);
    lg_free(r->x);
    lg_free(r->g);
    lg_supply_close(&r->supply);
    lg_free(r->row);
}

/* ---- one step ---- */

/* The rows of the step that is next; NULL: all. */
static const size_t *minibatch(run *r, size_t *n)
{
    int64_t epoch;
    size_t first;

    *n = r->rows;
    if (!r->row) return NULL;
    epoch = r->at.steps / r->per_epoch;
    if (epoch != r->shuffled) lg_shuffle(r->row, r->rows, r->in->problem.seed, shuffle_stream + (uint64_t)epoch);
    r->shuffled = epoch;
    first = (size_t)(r->at.steps % r->per_epoch) * r->in->problem.batch;
    *n = r->rows - first < r->in->problem.batch ? r->rows - first : r->in->problem.batch;
    return r->row + first;
}

static luge_status step(run *r, luge_error *err)
{
    luge_status st;
    size_t n;
    const size_t *row = minibatch(r, &n);
    luge_inputs in = { .grad = fixed(r->sg) };
    const lg_batch batch = { fixed(r->x), row, n, (uint64_t)r->at.steps };

    LG_TRY(lg_problem_gradient(r->problem, fixed(r->x), row, n, r->g, &r->loss, err));
    lg_store(r->problem, r->sg, r->g);
    in.loss = &r->loss;
    LG_TRY(lg_supply_make(&r->supply, r->opt, r->method, &batch, &in, err));
    LG_TRY(lg_supply_step(&r->supply, r->opt, &in, err));
    lg_recall(r->problem, r->x, r->sx);
    r->at.steps++;
    r->at.count++;
    r->at.loss += r->loss;
done:
    return st;
}

/* ---- what is seen of a run ---- */

/* The weights to evaluate with lie in g until the next gradient. */
static luge_status score(run *r, enum lg_part part, lg_score *to, luge_error *err)
{
    luge_status st;
    LG_TRY(luge_view(r->opt, r->sg, err));
    lg_recall(r->problem, r->g, r->sg);
    LG_TRY(lg_problem_evaluate(r->problem, fixed(r->g), r->rows ? part : LG_TRAIN, to, err));
done:
    return st;
}

static lg_point point_now(const run *r)
{
    double k = (double)luge_steps(r->opt); /* the last step's, as the schedule counts */
    return (lg_point){ .step = r->at.steps,
                       .steps = r->steps,
                       .epoch = r->rows && r->at.steps ? (r->at.steps - 1) / r->per_epoch + 1 : 0,
                       .train_loss = r->loss,
                       .test_loss = (double)NAN,
                       .test_accuracy = (double)NAN,
                       .lr = r->lr * lg_schedule_factor(&r->schedule, k > 0 ? k : 1),
                       .seconds = r->at.seconds + now() - r->began };
}

static luge_status line(run *r, lg_point *point, luge_error *err)
{
    luge_status st;
    lg_score test;

    LG_TRY(score(r, LG_TEST, &test, err));
    point->line = true;
    point->train_loss = r->at.loss / (double)r->at.count;
    point->test_loss = test.loss;
    point->test_accuracy = test.accuracy;
    point->seconds = r->at.seconds + now() - r->began;
    r->at.loss = 0;
    r->at.count = 0;
    LG_TRY(lg_runlog_line(&r->log, point, err));
    LG_TRY(lg_points_add(&r->out->points, point, err));
done:
    return st;
}

static luge_status save(run *r, luge_error *err)
{
    luge_status st;
    char path[PATH];
    lg_progress at = r->at;

    at.seconds += now() - r->began;
    LG_TRY(lg_notes_write(r->opt, r->identity, &at, err));
    snprintf(path, sizeof path, "%s/checkpoint.safetensors", r->in->out);
    LG_TRY(luge_save(r->opt, path, err));
done:
    return st;
}

static luge_status steps(run *r, luge_error *err)
{
    luge_status st = LUGE_OK;
    const lg_train *in = r->in;

    while (r->at.steps < r->steps && !r->out->stopped) {
        LG_TRY(step(r, err));
        bool last = r->at.steps == r->steps;
        lg_point point = point_now(r);
        if (last || r->at.steps % r->every == 0) LG_TRY(line(r, &point, err));
        r->out->stopped = in->report && !in->report(in->context, &point);
        if (in->out && (last || r->out->stopped || (in->save_every && r->at.steps % in->save_every == 0)))
            LG_TRY(save(r, err));
    }
done:
    return st;
}

static luge_status finish(run *r, luge_error *err)
{
    luge_status st;
    lg_trained *out = r->out;
    lg_score train, test;

    out->last = point_now(r);
    LG_TRY(score(r, LG_TRAIN, &train, err));
    LG_TRY(score(r, LG_TEST, &test, err));
    out->last.train_loss = train.loss;
    out->last.test_loss = test.loss;
    out->last.test_accuracy = test.accuracy;
    out->skipped = luge_skipped(r->opt);
    out->checksum = LG_HASH;
    for (size_t i = 0; i < r->tensors; i++)
        out->checksum =
            lg_hash(out->checksum, r->sx[i], lg_problem_tensor(r->problem, i)->n * lg_size(r->in->problem.type));
done:
    return st;
}

luge_status lg_train_run(const lg_train *train, lg_trained *result, luge_error *err)
{
    luge_status st;
    run r = { .in = train, .out = result, .shuffled = -1, .loss = (double)NAN };

    *result = (lg_trained){ 0 };
    LG_TRY(open_run(&r, err));
    r.began = now();
    LG_TRY(steps(&r, err));
    LG_TRY(finish(&r, err));
done:
    close_run(&r);
    if (st) {
        lg_free(result->points.v);
        result->points = (lg_points){ 0 };
    }
    return st;
}
