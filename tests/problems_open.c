/* Opening problems: what is refused and how, failing allocations, starts, shapes, known values, real data.
 * SPDX-License-Identifier: MIT */
#include "problem.h"

#include "check.h"
#include "problems/problem.h"
#include "wrap_alloc.h"

/* ---- what is refused ---- */

/* In `data`, a word that begins with @ stands for a file in the scratch folder. */
typedef struct refusal {
    const char *spec, *data[3];
    size_t split, batch;
    luge_type type;
    luge_status status;
    const char *says;
} refusal;

static const refusal refusals[] = {
    { "", { 0 }, 0, 0, LUGE_F64, LUGE_E_NAME, "there is no problem \"\"; there are: autoencoder, beale" },
    { "mlq:hidden=3", { 0 }, 0, 0, LUGE_F64, LUGE_E_NAME, "\"mlq\"" },
    { "beale", { 0 }, 0, 0, LUGE_BF16, LUGE_E_ARG, "f32 or f64" },
    { "beale:a=1", { 0 }, 0, 0, LUGE_F64, LUGE_E_NAME, "no setting \"a\"; it has: at" },
    { "beale:at=(1, 2, 3)", { 0 }, 0, 0, LUGE_F64, LUGE_E_SHAPE, "at has 3 numbers; 2 are needed" },
    { "rosenbrock:b=-1", { 0 }, 0, 0, LUGE_F64, LUGE_E_ARG, "b = -1 is not in [0,inf)" },
    { "rosenbrock:scale=nan", { 0 }, 0, 0, LUGE_F64, LUGE_E_ARG, "scale" },
    { "quadratic:dim=0", { 0 }, 0, 0, LUGE_F64, LUGE_E_ARG, "dim = 0" },
    { "quadratic:condition=0.5", { 0 }, 0, 0, LUGE_F64, LUGE_E_ARG, "condition = 0.5" },
    { "himmelblau", { "points" }, 0, 0, LUGE_F64, LUGE_E_ARG, "takes no data" },
    { "himmelblau", { 0 }, 0, 5, LUGE_F64, LUGE_E_ARG, "batch (5)" },
    { "himmelblau", { 0 }, 5, 0, LUGE_F64, LUGE_E_ARG, "split (5)" },
    { "mlp:hidden=2.5", { 0 }, 0, 0, LUGE_F64, LUGE_E_ARG, "hidden[0] = 2.5 is not a whole number" },
    { "mlp:hidden=(4, 0)", { 0 }, 0, 0, LUGE_F64, LUGE_E_ARG, "hidden[1] = 0" },
    { "mlp:activation=elu", { 0 }, 0, 0, LUGE_F64, LUGE_E_ARG, "(relu, tanh, gelu)" },
    { "mlp:classes=257", { 0 }, 0, 0, LUGE_F64, LUGE_E_ARG, "classes = 257" },
    { "autoencoder:hidden=(1,2,3,4,5,6,7,8,9,10,11,12,13)",
      { 0 },
      0,
      0,
      LUGE_F64,
      LUGE_E_ARG,
      "13 widths; at most 12" },
    { "autoencoder:hidden=2.5", { 0 }, 0, 0, LUGE_F64, LUGE_E_ARG, "hidden[0] = 2.5 is not a whole number" },
    { "autoencoder:code=tanh", { 0 }, 0, 0, LUGE_F64, LUGE_E_ARG, "(linear, logistic)" },
    { "autoencoder:loss=cross_entropy", { 0 }, 0, 0, LUGE_F64, LUGE_E_ARG, "give images=PATH, or take loss=squared" },
    { "autoencoder", { "images=@images", "images=@images" }, 0, 0, LUGE_F64, LUGE_E_ARG, "images was given twice" },
    { "autoencoder", { "@labels" }, 0, 0, LUGE_F64, LUGE_E_SHAPE, "images have 2 to 4 dimensions" },
    { "mlp", { 0 }, 2001, 0, LUGE_F64, LUGE_E_ARG, "split = 2001 is more than the 2000 rows" },
    { "mlp", { 0 }, 0, 1601, LUGE_F64, LUGE_E_ARG, "batch = 1601 is more than the 1600 training rows" },
    { "mlp", { "@images" }, 0, 0, LUGE_F64, LUGE_E_ARG, "is neither images=PATH nor labels=PATH" },
    { "mlp", { "pictures=@images" }, 0, 0, LUGE_F64, LUGE_E_ARG, "is neither images=PATH nor labels=PATH" },
    { "mlp", { "images=@images" }, 0, 0, LUGE_F64, LUGE_E_ARG, "labels=PATH is missing" },
    { "softmax", { "labels=@labels" }, 0, 0, LUGE_F64, LUGE_E_ARG, "images=PATH is missing" },
    { "mlp", { "images=@images", "images=@labels" }, 0, 0, LUGE_F64, LUGE_E_ARG, "images was given twice" },
    { "mlp", { "images=@images", "labels=@none" }, 0, 0, LUGE_F64, LUGE_E_IO, "none" },
    { "mlp", { "images=@labels", "labels=@labels" }, 0, 0, LUGE_F64, LUGE_E_SHAPE, "images have 2 to 4 dimensions" },
    { "mlp", { "images=@images", "labels=@images" }, 0, 0, LUGE_F64, LUGE_E_SHAPE, "labels have one dimension" },
    { "mlp", { "images=@images", "labels=@short" }, 0, 0, LUGE_F64, LUGE_E_SHAPE, "1500 images, but" },
    { "mlp", { "images=@short", "labels=@labels" }, 0, 0, LUGE_F64, LUGE_E_SHAPE, "2 to 4 dimensions" },
    { "softmax:classes=4",
      { "images=@pair", "labels=@short" },
      0,
      0,
      LUGE_F64,
      LUGE_E_FORMAT,
      "the label of row 1 is 9; with classes = 4 it is at most 3" },
    { "softmax",
      { "images=@pair", "labels=@short" },
      0,
      0,
      LUGE_F64,
      LUGE_E_FORMAT,
      "the label of row 1 is 9, but of 0 to 9" },
    { "mlp", { "images=@points", "labels=@labels" }, 0, 0, LUGE_F64, LUGE_E_FORMAT, "points" },
    { "logistic", { "@points", "@points" }, 0, 0, LUGE_F64, LUGE_E_ARG, "data was given twice" },
    { "logistic", { "data=@none" }, 0, 0, LUGE_F64, LUGE_E_IO, "none" },
    { "logistic", { "@three" }, 0, 0, LUGE_F64, LUGE_E_FORMAT, "the label of row 2 is 3; labels are -1 and 1, or" },
    { "logistic", { "@mixed" }, 0, 0, LUGE_F64, LUGE_E_FORMAT, "the label of row 2 is -1" },
    { "logistic", { "@bare" }, 0, 0, LUGE_F64, LUGE_E_SHAPE, "0 columns" },
    { "logistic", { "@vast" }, 0, 0, LUGE_F64, LUGE_E_SHAPE, "4294967294 columns" },
    { "logistic", { "@nan" }, 0, 0, LUGE_F64, LUGE_E_FORMAT, "not a finite number" },
    { "logistic", { "@empty" }, 0, 0, LUGE_F64, LUGE_E_FORMAT, "no rows" },
    { "logistic", { "@points" }, 6001, 0, LUGE_F64, LUGE_E_ARG, "6000 rows" },
    { "logistic:l2=-1", { "@points" }, 0, 0, LUGE_F64, LUGE_E_ARG, "l2 = -1" },
};

static const struct {
    const char *name;
    size_t n;
    const char *bytes;
} broken[] = {
    { "three", 12, "1 1:1\n-1\n3\n1" },
    { "mixed", 10, "0 1:1\n1\n-1" },
    { "bare", 5, "1\n-1\n" },
    { "vast", 15, "1 4294967294:1\n" },
    { "nan", 8, "1 1:nan\n" },
    { "empty", 0, "" },
    { "short", 10, "\0\0\10\1\0\0\0\2\0\11" },
    { "pair", 22, "\0\0\10\3\0\0\0\2\0\0\0\1\0\0\0\3\1\2\3\4\5\6" },
};

static void refused(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(broken); i++) scratch_put(broken[i].name, broken[i].bytes, broken[i].n);
    for (size_t i = 0; i < ROWS(refusals); i++) {
        const refusal *r = &refusals[i];
        char text[2][700];
        const char *data[2] = { text[0], text[1] };
        lg_problem_request request = {
            .spec = r->spec, .data = data, .split = r->split, .batch = r->batch, .type = r->type
        };
        lg_problem *p = NULL;
        luge_error err = { 0 };
        luge_status st;
        for (; r->data[request.data_count]; request.data_count++) {
            const char *given = r->data[request.data_count], *mark = strchr(given, '@');
            int before = (int)(mark ? mark - given : (long)strlen(given));
            snprintf(text[request.data_count], sizeof text[0], "%.*s%s", before, given,
                     mark ? scratch(mark + 1) : "");
        }
        st = lg_problem_open(&p, &request, &err);
        CHECK(st == r->status && err.status == st && strstr(err.text, r->says), "refusal %zu (%s): %d \"%s\"", i,
              r->spec, (int)st, err.text);
        assert_null(p);
        assert_int_equal(lg_problem_open(&p, &request, NULL), r->status);
    }
    CHECK_END();
}

static void bad_rows_are_refused(void **state)
{
    const char *points = scratch("points");
    lg_problem_request r = {
        .spec = "logistic", .data = &points, .data_count = 1, .split = 100, .batch = 3, .type = LUGE_F64
    };
    double w[COLUMNS] = { 0 }, b = 0, gw[COLUMNS], gb, loss;
    const void *const x[] = { w, &b };
    void *const g[] = { gw, &gb };
    size_t row[] = { 0, 99, 100, 0 };
    lg_problem *p;
    luge_error err;
    (void)state;
    MUST(lg_problem_open(&p, &r, &err));
    assert_int_equal(lg_problem_rows(p, LG_TRAIN), 100);
    assert_int_equal(lg_problem_rows(p, LG_TEST), POINTS - 100);
    assert_int_equal(lg_problem_gradient(p, x, row, 2, g, &loss, &err), LUGE_OK);
    assert_int_equal(lg_problem_gradient(p, x, row, 3, g, &loss, &err), LUGE_E_ARG);
    assert_non_null(strstr(err.text, "row 2 of the minibatch is 100, but there are 100 training rows"));
    assert_int_equal(lg_problem_gradient(p, x, row, 0, g, &loss, &err), LUGE_E_ARG);
    assert_non_null(strstr(err.text, "0 rows is not in [1,3]"));
    assert_int_equal(lg_problem_hvp(p, x, row, 4, x, g, &err), LUGE_E_ARG);
    assert_non_null(strstr(err.text, "4 rows is not in [1,3]"));
    lg_problem_close(p);
    MUST(lg_problem_open(&p, &(lg_problem_request){ .spec = "beale", .type = LUGE_F64 }, &err));
    assert_int_equal(lg_problem_gradient(p, x, row, 1, g, &loss, &err), LUGE_E_ARG);
    assert_non_null(strstr(err.text, "no rows"));
    lg_problem_close(p);
    lg_problem_close(NULL);
}

/* ---- memory ---- */

static void failed_allocations_leave_nothing(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(samples); i++) {
        lg_problem_request r = { .spec = samples[i].spec, .type = LUGE_F32 };
        request_files(&samples[i], &r);
        for (long n = 1;; n++) {
            long live = wrap_live;
            lg_problem *p;
            luge_error err;
            wrap_fail(n);
            luge_status st = lg_problem_open(&p, &r, &err);
            if (!wrap_failed()) {
                assert_int_equal(st, LUGE_OK);
                assert_true(n > 3);
                lg_problem_close(p);
                assert_int_equal(wrap_live, live);
                break;
            }
            assert_int_equal(st, LUGE_E_MEMORY);
            assert_null(p);
            assert_int_equal(wrap_live, live);
        }
    }
}

/* Gradients, products and scores ask for no memory. */
static void use_allocates_nothing(void **state)
{
    static double x[MOST], v[MOST], out[MOST];
    (void)state;
    for (size_t i = 0; i < ROWS(samples); i++) {
        trial t;
        lg_score score;
        luge_error err;
        trial_open(&t, &samples[i], LUGE_F32, 2);
        start_at(&t, x);
        direction(1, t.n, v);
        wrap_fail(1);
        gradient_at(&t, x, NULL, 0, out);
        hvp_at(&t, x, NULL, 0, v, out);
        lg_problem_evaluate(t.p, (const void *const *)t.x, LG_TEST, &score, &err);
        assert_false(wrap_failed());
        trial_close(&t);
    }
}

/* ---- values that are known ---- */

static const struct {
    const char *spec;
    double x[2], value, size; /* size: largest gradient entry that rounding of x allows */
} minima[] = {
    { "rosenbrock", { 1, 1 }, 0, 0 },
    { "rosenbrock:a=-2,b=7,scale=3", { -2, 4 }, 0, 0 },
    { "beale", { 3, 0.5 }, 0, 0 },
    { "himmelblau", { 3, 2 }, 0, 0 },
    { "himmelblau", { -2.805118086952745, 3.131312518250573 }, 0, 1e-12 },
    { "himmelblau", { -3.779310253377747, -3.283185991286170 }, 0, 1e-12 },
    { "himmelblau", { 3.584428340330492, -1.848126526964404 }, 0, 1e-12 },
    { "rastrigin", { 0, 0 }, 0, 0 },
    { "quadratic:condition=1e6", { 0, 0 }, 0, 0 },
};

static void minima_are_where_they_are_known_to_be(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(minima); i++) {
        sample s = { .spec = minima[i].spec };
        double g[2], value;
        trial t;
        trial_open(&t, &s, LUGE_F64, 1);
        value = gradient_at(&t, minima[i].x, NULL, 0, g);
        assert_true(fabs(value - minima[i].value) <= minima[i].size * minima[i].size);
        if (fmax(fabs(g[0]), fabs(g[1])) > minima[i].size) fail_msg("%s: gradient %g %g", s.spec, g[0], g[1]);
        trial_close(&t);
    }
}

static void starts_of_formulas_are_settings(void **state)
{
    static const struct {
        const char *spec;
        size_t n;
        double x[3];
    } starts[] = { { "rosenbrock", 2, { -1.2, 1 } },
                   { "beale:at=(2, 3)", 2, { 2, 3 } },
                   { "quadratic:dim=3,at=5", 3, { 5, 5, 5 } },
                   { "rastrigin:dim=3,at=(1, 2, 3)", 3, { 1, 2, 3 } } };
    (void)state;
    for (size_t i = 0; i < ROWS(starts); i++) {
        sample s = { .spec = starts[i].spec };
        double x[3];
        trial t;
        trial_open(&t, &s, LUGE_F64, 1);
        assert_int_equal(t.n, starts[i].n);
        assert_string_equal(lg_problem_tensor(t.p, 0)->name, "x");
        assert_int_equal(lg_problem_rows(t.p, LG_TRAIN) + lg_problem_rows(t.p, LG_TEST), 0);
        lg_problem_start(t.p, t.x);
        unpack(&t, t.x, x);
        assert_memory_equal(x, starts[i].x, t.n * sizeof *x);
        trial_close(&t);
    }
}

/* ---- networks ---- */

static const struct {
    const char *name;
    size_t shape[2];
    double limit; /* squared */
} layers[2][4] = {
    { { "layer1.weight", { 7, PIXELS }, 6. / PIXELS },
      { "layer1.bias", { 7, 0 }, 0 },
      { "layer2.weight", { CLASSES, 7 }, 6. / 11 },
      { "layer2.bias", { CLASSES, 0 }, 0 } },
    { { "layer1.weight", { 7, PIXELS }, 6. / (PIXELS + 7) },
      { "layer1.bias", { 7, 0 }, 0 },
      { "layer2.weight", { CLASSES, 7 }, 6. / 11 },
      { "layer2.bias", { CLASSES, 0 }, 0 } },
};

static void networks_start_within_their_limits(void **state)
{
    const sample s[2] = { { .spec = "mlp:hidden=7", .data = IMAGE_DATA },
                          { .spec = "mlp:hidden=7,activation=tanh", .data = IMAGE_DATA } };
    (void)state;
    for (int k = 0; k < 2; k++) {
        trial t;
        trial_open(&t, &s[k], LUGE_F64, 1);
        lg_problem_start(t.p, t.x);
        assert_int_equal(lg_problem_tensors(t.p), 4);
        for (size_t i = 0; i < 4; i++) {
            const lg_shape *shape = lg_problem_tensor(t.p, i);
            double most = largest(shape->n, t.x[i]), limit = sqrt(layers[k][i].limit);
            assert_string_equal(shape->name, layers[k][i].name);
            assert_int_equal(shape->ndim, layers[k][i].shape[1] ? 2 : 1);
            assert_int_equal(shape->shape[0], layers[k][i].shape[0]);
            assert_int_equal(shape->shape[1], layers[k][i].shape[1]);
            assert_true(most <= limit && most >= 0.8 * limit);
        }
        trial_close(&t);
    }
}

static void start_bits(uint64_t seed, luge_type type, float x[24 + 6])
{
    lg_problem_request r = { .spec = "mlp:hidden=2,set=spirals,classes=2", .seed = seed, .type = type };
    double wide[4][4] = { { 0 } };
    void *const at[] = { wide[0], wide[1], wide[2], wide[3] };
    lg_problem *p;
    luge_error err;
    MUST(lg_problem_open(&p, &r, &err));
    lg_problem_start(p, at);
    for (size_t i = 0; i < 16; i++)
        x[i] = type == LUGE_F64 ? (float)wide[i / 4][i % 4] : ((float *)wide[i / 4])[i % 4];
    lg_problem_close(p);
}

static void the_seed_decides_the_start(void **state)
{
    float a[30] = { 0 }, b[30] = { 0 }, c[30] = { 0 }, d[30] = { 0 };
    (void)state;
    start_bits(1, LUGE_F32, a);
    start_bits(1, LUGE_F32, b);
    start_bits(2, LUGE_F32, c);
    start_bits(1, LUGE_F64, d);
    assert_memory_equal(a, b, sizeof a);
    assert_memory_not_equal(a, c, sizeof a);
    assert_memory_equal(a, d, sizeof a); /* f32 is the rounded f64 */
}

/* Heavy ball on all rows, then the accuracy on the rows kept apart. */
static double accuracy_after(const char *spec, int steps)
{
    sample s = { .spec = spec };
    static double x[MOST], g[MOST], m[MOST];
    lg_score score;
    luge_error err;
    trial t;
    trial_open(&t, &s, LUGE_F32, 1);
    lg_problem_start(t.p, t.x);
    unpack(&t, t.x, x);
    memset(m, 0, sizeof m);
    for (int k = 0; k < steps; k++) {
        gradient_at(&t, x, NULL, 0, g);
        for (size_t i = 0; i < t.n; i++) x[i] -= 0.1 * (m[i] = 0.95 * m[i] + g[i]);
    }
    pack(&t, x, t.x);
    MUST(lg_problem_evaluate(t.p, (const void *const *)t.x, LG_TEST, &score, &err));
    trial_close(&t);
    return score.accuracy;
}

static void made_sets_need_a_network(void **state)
{
    double linear[2], network[2], two;
    (void)state;
    linear[0] = accuracy_after("softmax:set=spirals", 300);
    network[0] = accuracy_after("mlp:set=spirals,hidden=(32, 32)", 600);
    linear[1] = accuracy_after("softmax:set=blobs", 300);
    network[1] = accuracy_after("mlp:set=blobs,hidden=32", 300);
    two = accuracy_after("logistic", 300);
    print_message("spirals: linear %.3f, network %.3f; blobs: %.3f, %.3f; logistic %.3f\n", linear[0], network[0],
                  linear[1], network[1], two);
    for (int k = 0; k < 2; k++) assert_true(linear[k] < 0.7 && network[k] > 0.95);
    assert_true(two > 0.75);
}

static void a_part_without_rows_has_no_score(void **state)
{
    lg_problem_request r = { .spec = "logistic", .split = 1000, .type = LUGE_F64 };
    double w[40] = { 0 }, b = 0;
    const void *const x[] = { w, &b };
    lg_score score;
    lg_problem *p;
    luge_error err;
    (void)state;
    MUST(lg_problem_open(&p, &r, &err));
    assert_int_equal(lg_problem_rows(p, LG_TEST), 0);
    MUST(lg_problem_evaluate(p, x, LG_TEST, &score, &err));
    assert_true(isnan(score.loss) && isnan(score.accuracy));
    MUST(lg_problem_evaluate(p, x, LG_TRAIN, &score, &err));
    assert_true(fabs(score.loss - 0.6931471805599453) < 1e-15);
    lg_problem_close(p);
}

/* ---- real data ---- */

static void open_shared(const char *spec, const char *const *data, size_t n, lg_problem **p)
{
    lg_problem_request r = { .spec = spec, .data = data, .data_count = n, .type = LUGE_F32, .seed = 1 };
    luge_error err;
    MUST(lg_problem_open(p, &r, &err));
}

static void census_opens(void **state)
{
    const char *path = shared_path("data/a9a.t");
    lg_problem *p;
    (void)state;
    open_shared("logistic", &path, 1, &p);
    assert_int_equal(lg_problem_tensor(p, 0)->n, 122); /* the largest index in this file */
    assert_int_equal(lg_problem_tensor(p, 1)->n, 1);
    assert_int_equal(lg_problem_rows(p, LG_TRAIN) + lg_problem_rows(p, LG_TEST), 16281);
    assert_int_equal(lg_problem_rows(p, LG_TEST), 3256);
    lg_problem_close(p);
}

static void digits_open(void **state)
{
    static float w[10 * 784], b[10], gw[10 * 784], gb[10];
    void *const x[] = { w, b }, *const g[] = { gw, gb };
    char file[2][1100];
    const char *const data[] = { file[0], file[1] };
    double loss, sum = 0;
    lg_score score;
    lg_problem *p;
    luge_error err;
    (void)state;
    snprintf(file[0], sizeof file[0], "images=%s", shared_path("data/t10k-images-idx3-ubyte.gz"));
    snprintf(file[1], sizeof file[1], "labels=%s", shared_path("data/t10k-labels-idx1-ubyte.gz"));
    open_shared("softmax", data, 2, &p);
    assert_int_equal(lg_problem_rows(p, LG_TRAIN), 8000);
    assert_int_equal(lg_problem_rows(p, LG_TEST), 2000);
    assert_int_equal(lg_problem_tensor(p, 0)->shape[0], 10);
    assert_int_equal(lg_problem_tensor(p, 0)->shape[1], 784);
    for (int k = 0; k < 20; k++) { /* from zero: the gradient's length says that pixels are 0 to 1 */
        MUST(lg_problem_gradient(p, (const void *const *)x, NULL, 0, g, &loss, &err));
        if (k == 0) assert_true(fabs(loss - log(10)) < 1e-6);
        for (size_t i = 0; k == 0 && i < 7840; i++) sum += (double)gw[i] * (double)gw[i];
        for (size_t i = 0; i < 7840; i++) w[i] -= 0.3F * gw[i];
        for (size_t i = 0; i < 10; i++) b[i] -= 0.3F * gb[i];
    }
    assert_true(sqrt(sum) > 0.5 && sqrt(sum) < 2);
    MUST(lg_problem_evaluate(p, (const void *const *)x, LG_TEST, &score, &err));
    print_message("softmax on digits after 20 steps: loss %.4f, accuracy %.4f\n", score.loss, score.accuracy);
    assert_true(score.accuracy > 0.8);
    lg_problem_close(p);
    open_shared("mlp:hidden=(32, 16)", data, 2, &p);
    assert_int_equal(lg_problem_tensors(p), 6);
    assert_string_equal(lg_problem_tensor(p, 4)->name, "layer3.weight");
    assert_int_equal(lg_problem_tensor(p, 4)->n, 160);
    lg_problem_close(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(refused),
        cmocka_unit_test(bad_rows_are_refused),
        cmocka_unit_test(failed_allocations_leave_nothing),
        cmocka_unit_test(use_allocates_nothing),
        cmocka_unit_test(minima_are_where_they_are_known_to_be),
        cmocka_unit_test(starts_of_formulas_are_settings),
        cmocka_unit_test(networks_start_within_their_limits),
        cmocka_unit_test(the_seed_decides_the_start),
        cmocka_unit_test(made_sets_need_a_network),
        cmocka_unit_test(a_part_without_rows_has_no_score),
        cmocka_unit_test(census_opens),
        cmocka_unit_test(digits_open),
    };
    return cmocka_run_group_tests(tests, problem_files, scratch_remove);
}
