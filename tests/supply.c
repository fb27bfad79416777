/* What training makes for methods beyond gradients: drawn targets against the Gauss-Newton diagonal, products and
 * gradients of the step before against a quadratic by hand, and every method on every kind of model, stopped and
 * resumed.  SPDX-License-Identifier: MIT */
#include "check.h"

#include "experiments/experiments.h"
#include "files.h"
#include <string.h>

static luge_error err;
enum { MOST = 400, TENSORS = 16 };

/* ---- targets that the model draws ---- */

typedef struct model {
    lg_problem *p;
    double x[MOST], g[MOST], v[MOST], hv[MOST];
    const void *at[TENSORS], *along[TENSORS];
    void *to[TENSORS], *product[TENSORS];
    size_t n;
} model;

static void open_model(model *m, const char *spec)
{
    lg_problem_request request = { .spec = spec, .seed = 3, .type = LUGE_F64, .threads = 2 };
    void *start[TENSORS];
    memset(m, 0, sizeof *m);
    MUST(lg_problem_open(&m->p, &request, &err));
    for (size_t t = 0; t < lg_problem_tensors(m->p); t++) {
        m->at[t] = start[t] = m->x + m->n;
        m->to[t] = m->g + m->n;
        m->along[t] = m->v + m->n;
        m->product[t] = m->hv + m->n;
        m->n += lg_problem_tensor(m->p, t)->n;
    }
    assert_true(m->n <= MOST);
    lg_problem_start(m->p, start);
    for (size_t i = 0; i < m->n; i++) m->x[i] = 0.3 * lg_normal(9, 0, i);
}

/* Linear models, whose Gauss-Newton matrix is the Hessian: the diagonal is the mean of n g², of 2000 draws within
 * five standard deviations of a square of normal numbers; and the mean of g is 0. */
static void squares_are_the_diagonal(void **state)
{
    static const char *const specs[] = { "softmax:set=spirals", "softmax:set=blobs", "logistic:l2=0" };
    enum { DRAWS = 2000 };
    (void)state;
    for (size_t s = 0; s < ROWS(specs); s++) {
        static double mean[MOST], square[MOST];
        model m;
        open_model(&m, specs[s]);
        double rows = (double)lg_problem_rows(m.p, LG_TRAIN);
        memset(mean, 0, sizeof mean);
        memset(square, 0, sizeof square);
        for (uint64_t d = 0; d < DRAWS; d++) {
            MUST(lg_problem_sampled(m.p, m.at, NULL, 0, d, m.to, &err));
            for (size_t i = 0; i < m.n; i++) mean[i] += m.g[i] / DRAWS, square[i] += rows * m.g[i] * m.g[i] / DRAWS;
        }
        for (size_t i = 0; i < m.n; i++) {
            memset(m.v, 0, sizeof m.v);
            m.v[i] = 1;
            MUST(lg_problem_hvp(m.p, m.at, NULL, 0, m.along, m.product, &err));
            double h = m.hv[i];
            CHECK(fabs(square[i] - h) <= 5 * sqrt(2.0 / DRAWS) * h, "%s, %zu: %g, and the Hessian has %g", specs[s],
                  i, square[i], h);
            CHECK(fabs(mean[i]) <= 5 * sqrt(h / rows / DRAWS), "%s, %zu: the mean is %g", specs[s], i, mean[i]);
        }
        lg_problem_close(m.p);
    }
    CHECK_END();
}

/* Of all others: the mean is 0; a draw has its own numbers, which are the same again; formulas refuse. */
static void draws_have_no_mean(void **state)
{
    static const char *const specs[] = { "mlp:hidden=4,set=spirals", "mlp:hidden=4,set=spirals,loss=squared",
                                         "autoencoder:hidden=2,set=blobs" };
    enum { DRAWS = 500 };
    (void)state;
    for (size_t s = 0; s < ROWS(specs); s++) {
        static double mean[MOST], square[MOST], first[MOST];
        model m;
        open_model(&m, specs[s]);
        memset(mean, 0, sizeof mean);
        memset(square, 0, sizeof square);
        for (uint64_t d = 0; d < DRAWS; d++) {
            MUST(lg_problem_sampled(m.p, m.at, NULL, 0, d, m.to, &err));
            if (d == 0) memcpy(first, m.g, sizeof first);
            CHECK(d == 0 || memcmp(first, m.g, sizeof first), "%s: draw %d is the first one", specs[s], (int)d);
            for (size_t i = 0; i < m.n; i++) mean[i] += m.g[i] / DRAWS, square[i] += m.g[i] * m.g[i] / DRAWS;
        }
        for (size_t i = 0; i < m.n; i++)
            CHECK(fabs(mean[i]) <= 5 * sqrt(square[i] / DRAWS), "%s, %zu: %g of %g", specs[s], i, mean[i],
                  sqrt(square[i]));
        MUST(lg_problem_sampled(m.p, m.at, NULL, 0, 0, m.to, &err));
        CHECK(!memcmp(first, m.g, sizeof first), "%s: the first draw is another one now", specs[s]);
        lg_problem_close(m.p);
    }
    model m;
    open_model(&m, "rosenbrock");
    CHECK(lg_problem_sampled(m.p, m.at, NULL, 0, 0, m.to, &err) == LUGE_E_ARG && strstr(err.text, "labels"), "%s",
          err.text);
    lg_problem_close(m.p);
    CHECK_END();
}

/* ---- the step before, on a quadratic with a diagonal ---- */

enum { DIM = 3, STEPS = 9 };

static uint64_t by_hand(const char *method, const char *input, const char *key)
{
    double x[DIM] = { 1, -2, 0.5 }, before[DIM] = { 1, -2, 0.5 }, g[DIM], more[DIM];
    const double c[DIM] = { 1, lg_pow(100, 0.5), 100 };
    const void *grad[] = { g }, *data[] = { more };
    luge_input extra = { input, data };
    luge_optimizer *opt;

    MUST(luge_new(&opt, method, &err));
    if (key) MUST(luge_set(opt, 0, key, "true", &err));
    MUST(luge_add(opt, 0, "x", LUGE_F64, x, 1, (size_t[]){ DIM }, &err));
    for (int k = 0; k < STEPS; k++) {
        for (int i = 0; i < DIM; i++) {
            g[i] = c[i] * x[i];
            more[i] = strcmp(input, "prev_grad") ? c[i] * (x[i] - before[i]) : c[i] * before[i];
            before[i] = x[i];
        }
        MUST(luge_step(opt, &(luge_inputs){ .grad = grad, .extra = &extra, .extras = 1 }, &err));
    }
    luge_free(opt);
    return lg_hash(LG_HASH, x, sizeof x);
}

static void the_step_before(void **state)
{
    static const struct {
        const char *method, *input, *key, *set;
    } rows[] = { { "harpg", "hess_step", NULL, NULL },
                 { "n_harpg", "hess_step", NULL, NULL },
                 { "mars", "prev_grad", "exact", "exact=true" } };
    (void)state;
    for (size_t r = 0; r < ROWS(rows); r++) {
        lg_train train = {
            .problem = { .spec = "quadratic:dim=3,condition=100,at=(1, -2, 0.5)", .type = LUGE_F64, .threads = 1 },
            .method = luge_method_find(rows[r].method),
            .set = &rows[r].set,
            .set_count = rows[r].set != NULL,
            .steps = STEPS
        };
        lg_trained t;
        MUST(lg_train_run(&train, &t, &err));
        CHECK(t.checksum == by_hand(rows[r].method, rows[r].input, rows[r].key), "%s: other parameters than by hand",
              rows[r].method);
        lg_free(t.points.v);
    }
    CHECK_END();
}

/* ---- every method ---- */

static bool until_five(void *context, const lg_point *p)
{
    (void)context;
    return p->step < 5;
}

/* A run is whole, or stopped after five steps and gone on with: the same bits. */
static void trains(const luge_method *method, const char *spec, luge_type type, const char *set)
{
    lg_train train = { .problem = { .spec = spec, .batch = 100, .seed = 2, .type = type, .threads = 1 },
                       .method = method,
                       .set = &set,
                       .set_count = set != NULL,
                       .steps = 12 };
    const char *name = luge_method_text(method, LUGE_NAME);
    lg_trained whole, part;
    luge_status st = lg_train_run(&train, &whole, &err);
    CHECK(!st, "%s on %s: %s", name, spec, err.text);
    if (st) return;
    CHECK(isfinite(whole.last.train_loss) && !whole.skipped, "%s on %s: loss %g", name, spec, whole.last.train_loss);
    train.out = scratch_folder;
    train.report = until_five;
    MUST(lg_train_run(&train, &part, &err));
    lg_free(part.points.v);
    train.report = NULL;
    train.resume = scratch("checkpoint.safetensors");
    MUST(lg_train_run(&train, &part, &err));
    CHECK(part.checksum == whole.checksum, "%s on %s, type %d: other bits after a resume", name, spec, (int)type);
    lg_free(part.points.v);
    lg_free(whole.points.v);
}

static void every_method_trains(void **state)
{
    static const char *const specs[] = { "mlp:hidden=8", "logistic", "softmax" };
    const luge_method *m;
    (void)state;
    for (size_t i = 0; (m = luge_method_at(i)) != NULL; i++)
        for (size_t s = 0; s < ROWS(specs); s++) trains(m, specs[s], LUGE_F32, NULL);
    for (int type = LUGE_F32; type <= LUGE_BF16; type++) {
        trains(luge_method_find("harpg"), specs[0], (luge_type)type, NULL);
        trains(luge_method_find("mars"), specs[0], (luge_type)type, "exact=true");
        trains(luge_method_find("sophia_g"), specs[0], (luge_type)type, "hessian_interval=2");
    }
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(squares_are_the_diagonal),
        cmocka_unit_test(draws_have_no_mean),
        cmocka_unit_test(the_step_before),
        cmocka_unit_test(every_method_trains),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
