/* Training runs against loops written out here: the order of the rows, the inputs beyond the gradient, what a line of
 * the log means; and every failing allocation of a run and of a measurement.  SPDX-License-Identifier: MIT */
#include "check.h"

#include "experiments/experiments.h"
#include "files.h"
#include "wrap_alloc.h"
#include <string.h>

static luge_error err;

/* A run on the made spirals: 1600 training rows, so epochs of six minibatches of 300, the last of 100. */
enum { ROWS_IN_ALL = 1600, BATCH = 300, EPOCH = 6 };
static lg_train spirals(const char *method)
{
    return (
        lg_train){ .problem = { .spec = "mlp:hidden=8", .batch = BATCH, .seed = 5, .type = LUGE_F64, .threads = 1 },
                   .method = luge_method_find(method) };
}

static const char *const still[] = { "lr=0" };

/* With lr = 0 the losses of an epoch's minibatches, weighted by their rows, add up to the loss over all rows, and in
 * the next epoch again in another order. */
static void every_row_once(void **state)
{
    lg_train train = spirals("sgd");
    lg_trained t;
    (void)state;

    train.set = still;
    train.set_count = 1;
    train.steps = 2 * EPOCH; /* up to 200 steps have a line each */
    MUST(lg_train_run(&train, &t, &err));
    assert_int_equal(t.points.n, 2 * EPOCH);
    for (int epoch = 0; epoch < 2; epoch++) {
        double sum = 0;
        for (int i = 0; i < EPOCH; i++)
            sum += t.points.v[epoch * EPOCH + i].train_loss * (i < EPOCH - 1 ? BATCH : ROWS_IN_ALL % BATCH);
        CHECK(fabs(sum / ROWS_IN_ALL - t.last.train_loss) < 1e-12, "epoch %d: %.17g, not %.17g", epoch,
              sum / ROWS_IN_ALL, t.last.train_loss);
    }
    for (int i = 0; i < EPOCH; i++)
        CHECK(t.points.v[i].train_loss != t.points.v[EPOCH + i].train_loss, "minibatch %d is the same in both epochs",
              i);
    lg_free(t.points.v);
    CHECK_END();
}

/* A line of an epoch holds the mean of its steps, and they are the steps of a run that is counted in steps. */
static void line_is_mean(void **state)
{
    lg_train train = spirals("adamw");
    lg_trained steps, epochs;
    (void)state;

    train.steps = 2 * EPOCH;
    MUST(lg_train_run(&train, &steps, &err));
    train.steps = 0;
    train.epochs = 2;
    MUST(lg_train_run(&train, &epochs, &err));
    assert_int_equal(epochs.points.n, 2);
    assert_int_equal(epochs.checksum, steps.checksum);
    for (int epoch = 0; epoch < 2; epoch++) {
        const lg_point *p = &epochs.points.v[epoch];
        double sum = 0;
        for (int i = 0; i < EPOCH; i++) sum += steps.points.v[epoch * EPOCH + i].train_loss;
        CHECK(p->train_loss == sum / EPOCH, "epoch %d: %.17g, not %.17g", epoch, p->train_loss, sum / EPOCH);
        CHECK(p->epoch == epoch + 1 && p->step == (epoch + 1) * EPOCH, "epoch %lld, step %lld", (long long)p->epoch,
              (long long)p->step);
    }
    lg_free(steps.points.v);
    lg_free(epochs.points.v);
    CHECK_END();
}

/* ---- inputs beyond the gradient ---- */

enum { DIM = 3, STEPS = 7 };
static const char *const quadratic = "quadratic:dim=3,condition=100,at=(1, -2, 0.5)";

/* Whether training can supply all that the method asks for. */
static bool can_supply(const luge_method *method)
{
    luge_row row;
    for (size_t i = 0; luge_method_row(method, LUGE_INPUTS, i, &row); i++)
        if (strcmp(row.name, "loss") != 0 && strcmp(row.name, "hutchinson") != 0) return false;
    return true;
}

/* The run by hand.  The Hessian is diagonal, so that z (H z) is its diagonal for any z of signs. */
static uint64_t by_hand(const char *method)
{
    double x[DIM] = { 1, -2, 0.5 }, g[DIM], loss;
    const double c[DIM] = { 1, lg_pow(100, 0.5), lg_pow(100, 1) };
    const void *grad[] = { g }, *curvature[] = { c };
    luge_input extra = { "hutchinson", curvature };
    luge_inputs in = { .grad = grad, .extra = &extra, .extras = 1, .loss = &loss };
    luge_optimizer *opt;

    MUST(luge_new(&opt, method, &err));
    MUST(luge_add(opt, 0, "x", LUGE_F64, x, 1, (size_t[]){ DIM }, &err));
    for (int k = 0; k < STEPS; k++) {
        loss = 0;
        for (int i = 0; i < DIM; i++) g[i] = c[i] * x[i], loss += g[i] * x[i];
        loss /= 2;
        in.extras = (size_t)luge_needs(opt, "hutchinson");
        MUST(luge_step(opt, &in, &err));
    }
    luge_free(opt);
    return lg_hash(LG_HASH, x, sizeof x);
}

static void every_method(void **state)
{
    const luge_method *method;
    (void)state;
    for (size_t i = 0; (method = luge_method_at(i)) != NULL; i++) {
        const char *name = luge_method_text(method, LUGE_NAME);
        lg_train train = { .problem = { .spec = quadratic, .type = LUGE_F64, .threads = 1 },
                           .method = method,
                           .steps = STEPS };
        lg_trained t;
        luge_status st = lg_train_run(&train, &t, &err);
        if (can_supply(method))
            CHECK(!st && t.checksum == by_hand(name), "%s: %s", name,
                  st ? err.text : "other parameters than by hand");
        else /* an input may be one that the default settings do not ask for */
            CHECK(!st || (st == LUGE_E_INPUT && strstr(err.text, name)), "%s: %s", name, err.text);
        if (!st) lg_free(t.points.v);
    }
    CHECK_END();
}

/* ---- stopping ---- */

static bool until_seven(void *context, const lg_point *p)
{
    (void)context;
    return p->step < 7;
}

static void stop_and_resume(void **state)
{
    lg_train train = spirals("lion");
    lg_trained whole, part;
    (void)state;

    train.steps = 20;
    MUST(lg_train_run(&train, &whole, &err));
    train.out = scratch_folder;
    train.report = until_seven;
    MUST(lg_train_run(&train, &part, &err));
    assert_true(part.stopped);
    assert_int_equal(part.last.step, 7);
    lg_free(part.points.v);
    train.report = NULL;
    train.resume = scratch("checkpoint.safetensors");
    MUST(lg_train_run(&train, &part, &err));
    assert_false(part.stopped);
    assert_int_equal(part.checksum, whole.checksum);
    assert_int_equal(part.points.n, whole.points.n);
    for (size_t i = 0; i < whole.points.n; i++)
        assert_true(part.points.v[i].train_loss == whole.points.v[i].train_loss);
    lg_free(part.points.v);
    lg_free(whole.points.v);
}

/* ---- failing allocations ---- */

static void no_memory(void **state)
{
    lg_train train = spirals("adamw");
    lg_trained t;
    (void)state;

    train.problem.type = LUGE_BF16;
    train.steps = 3;
    train.out = scratch_folder;
    MUST(lg_train_run(&train, &t, &err));
    lg_free(t.points.v);
    for (int resumed = 0; resumed < 2; resumed++) {
        train.resume = resumed ? scratch("checkpoint.safetensors") : NULL;
        train.steps = resumed ? 4 : 3;
        for (long n = 1;; n++) {
            long live = wrap_live;
            wrap_fail(n);
            luge_status st = lg_train_run(&train, &t, &err);
            if (!wrap_failed()) {
                assert_int_equal(st, LUGE_OK);
                lg_free(t.points.v);
                break;
            }
            CHECK(st == LUGE_E_MEMORY, "allocation %ld: status %d, %s", n, (int)st, err.text);
            CHECK(wrap_live == live, "allocation %ld: %ld blocks are left", n, wrap_live - live);
        }
    }
    CHECK_END();
}

static void measured(void **state)
{
    lg_measured m;
    (void)state;

    for (long n = 1;; n++) {
        long live = wrap_live;
        wrap_fail(n);
        luge_status st = lg_bench_run(luge_method_find("lamb"), LUGE_F64, 4096, 1, &m, &err);
        if (!wrap_failed()) {
            assert_int_equal(st, LUGE_OK);
            break;
        }
        CHECK(st == LUGE_E_MEMORY, "allocation %ld: status %d, %s", n, (int)st, err.text);
        CHECK(wrap_live == live, "allocation %ld: %ld blocks are left", n, wrap_live - live);
    }
    CHECK(m.seconds > 0 && m.gb_per_s > 0 && m.fraction_of_copy > 0 && m.threads == 1,
          "%g s, %g GB/s, %g, %d threads", m.seconds, m.gb_per_s, m.fraction_of_copy, m.threads);
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_row_once),  cmocka_unit_test(line_is_mean), cmocka_unit_test(every_method),
        cmocka_unit_test(stop_and_resume), cmocka_unit_test(no_memory),    cmocka_unit_test(measured),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
