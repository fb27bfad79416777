/* Every problem against its formula in long double, and the rules that all of them keep.
 * SPDX-License-Identifier: MIT */
#include "problem.h"

#include "problems/problem.h"
#include <float.h>

enum { BATCH = 7 };
static const size_t batch[BATCH] = { 3, 0, 250, 41, 777, 7, 512 };

/* The minibatch of a problem that has rows; all there is of another. */
static const size_t *batch_of(const trial *t) { return lg_problem_rows(t->p, LG_TRAIN) ? batch : NULL; }

static void each(void (*check)(const sample *s))
{
    for (size_t i = 0; i < ROWS(samples); i++) check(&samples[i]);
}

/* ---- the table ---- */

static bool has_sample(const char *name)
{
    for (size_t i = 0; i < ROWS(samples); i++)
        if (!strncmp(samples[i].spec, name, strlen(name)) && strchr(":", samples[i].spec[strlen(name)])) return true;
    return false;
}

static void every_problem_has_a_sample(void **state)
{
    size_t n = 0;
    (void)state;
    for (const lg_problem_kind *k; (k = lg_problem_at(n)); n++) {
        if (!has_sample(lg_problem_name(k))) fail_msg("%s is in no sample", lg_problem_name(k));
        assert_true(strlen(lg_problem_title(k)) > 10);
        for (const lg_setting *row = lg_problem_settings(k); row->name; row++) assert_true(strlen(row->text) > 5);
    }
    assert_true(n >= 8);
}

/* ---- value and gradient against the formula ---- */

/* ∂f/∂x_i by central differences with steps h and h/2, extrapolated; *error: how far one more halving moves it, and
 * what rounding leaves: each value is good to about 64 units of long double. */
static wide slope(const sample *s, wide *x, size_t i, wide *error)
{
    const wide h = 1e-5L, keep = x[i];
    wide d[3], first, second, scale = 1;
    for (int k = 0; k < 3; k++) {
        wide step = h / (1 << k), up, down;
        x[i] = keep + step;
        up = s->value(s, x, batch, BATCH);
        x[i] = keep - step;
        down = s->value(s, x, batch, BATCH);
        d[k] = (up - down) / (2 * step);
        scale = fmaxl(scale, fabsl(up));
    }
    x[i] = keep;
    first = (4 * d[1] - d[0]) / 3;
    second = (4 * d[2] - d[1]) / 3;
    *error = fabsl(second - first) + 64 * LDBL_EPSILON * scale / (h / 4);
    return second;
}

static void check_gradient(const sample *s)
{
    trial t;
    double x[MOST], g[MOST], loss, scale;
    wide y[MOST], value;

    if (!s->value) return;
    trial_open(&t, s, LUGE_F64, 1);
    start_at(&t, x);
    for (size_t i = 0; i < t.n; i++) y[i] = (wide)x[i];
    loss = gradient_at(&t, x, batch_of(&t), BATCH, g);
    value = s->value(s, y, batch, BATCH);
    scale = fmax(largest(t.n, g), fabs(loss));
    if (fabsl((wide)loss - value) > 64 * (wide)DBL_EPSILON * fmaxl(1, value))
        fail_msg("%s: value %.17g is not %.20Lg", s->spec, loss, value);
    for (size_t i = 0; i < t.n; i++) {
        wide error, d = slope(s, y, i, &error);
        assert_true(error < 1e-10L * (wide)scale);
        if (fabsl((wide)g[i] - d) > error + 256 * (wide)DBL_EPSILON * (wide)scale)
            fail_msg("%s: gradient[%zu] = %.17g is not %.17Lg +- %.2Lg", s->spec, i, g[i], d, error);
    }
    trial_close(&t);
}

static void gradients_are_those_of_the_formulas(void **state)
{
    (void)state;
    each(check_gradient);
}

/* ---- products with the Hessian ---- */

/* (g(x + h v) - g(x - h v)) / 2h, of which one step of extrapolation is taken with h and h/2; the next gives the
 * error. A gradient is good to about 64 units of its scale. */
static void check_hvp(const sample *s)
{
    const double h = 1e-4;
    static double x[MOST], v[MOST], hv[MOST], at[MOST], up[3][MOST], down[3][MOST];
    trial t;
    double scale, noise;

    trial_open(&t, s, LUGE_F64, 1);
    start_at(&t, x);
    direction(11, t.n, v);
    for (int k = 0; k < 3; k++) {
        for (size_t i = 0; i < t.n; i++) at[i] = x[i] + ldexp(h, -k) * v[i];
        gradient_at(&t, at, batch_of(&t), BATCH, up[k]);
        for (size_t i = 0; i < t.n; i++) at[i] = x[i] - ldexp(h, -k) * v[i];
        gradient_at(&t, at, batch_of(&t), BATCH, down[k]);
    }
    hvp_at(&t, x, batch_of(&t), BATCH, v, hv);
    scale = largest(t.n, hv);
    noise = 64 * DBL_EPSILON * largest(t.n, up[0]) / (h / 4);
    assert_true(scale > 0 && noise < 1e-7 * scale);
    for (size_t i = 0; i < t.n; i++) {
        double d[3], first, second, error;
        for (int k = 0; k < 3; k++) d[k] = (up[k][i] - down[k][i]) / (2 * ldexp(h, -k));
        first = (4 * d[1] - d[0]) / 3;
        second = (4 * d[2] - d[1]) / 3;
        error = fabs(second - first) + noise;
        if (error > 1e-6 * scale) fail_msg("%s: the difference quotient %zu is rough: %g", s->spec, i, error / scale);
        if (fabs(hv[i] - second) > error) fail_msg("%s: Hv[%zu] = %.17g is not %.17g", s->spec, i, hv[i], second);
    }
    trial_close(&t);
}

static void products_are_derivatives_of_gradients(void **state)
{
    (void)state;
    each(check_hvp);
}

/* u'Hv = v'Hu.  Both sides are sums of the same terms, each good to some tens of units. */
static void check_symmetry(const sample *s)
{
    static double x[MOST], u[MOST], v[MOST], hu[MOST], hv[MOST];
    double a = 0, b = 0, size = 0;
    trial t;

    trial_open(&t, s, LUGE_F64, 1);
    start_at(&t, x);
    direction(11, t.n, u);
    direction(12, t.n, v);
    hvp_at(&t, x, NULL, 0, u, hu);
    hvp_at(&t, x, NULL, 0, v, hv);
    for (size_t i = 0; i < t.n; i++) {
        a += u[i] * hv[i];
        b += v[i] * hu[i];
        size += fabs(u[i] * hv[i]) + fabs(v[i] * hu[i]);
    }
    if (!(fabs(a - b) <= 256 * DBL_EPSILON * size)) fail_msg("%s: u'Hv = %.17g, v'Hu = %.17g", s->spec, a, b);
    trial_close(&t);
}

static void hessians_are_symmetric(void **state)
{
    (void)state;
    each(check_symmetry);
}

/* ---- rows ---- */

static void check_mean(const sample *s)
{
    static double x[MOST], v[MOST], g[MOST], one[MOST], sum[2][MOST], hv[MOST];
    double loss, mean = 0;
    trial t;

    trial_open(&t, s, LUGE_F64, 1);
    if (!batch_of(&t)) goto done;
    start_at(&t, x);
    direction(11, t.n, v);
    memset(sum, 0, sizeof sum);
    for (size_t k = 0; k < BATCH; k++) {
        mean += gradient_at(&t, x, &batch[k], 1, one) / BATCH;
        hvp_at(&t, x, &batch[k], 1, v, hv);
        for (size_t i = 0; i < t.n; i++) {
            sum[0][i] += one[i] / BATCH;
            sum[1][i] += hv[i] / BATCH;
        }
    }
    loss = gradient_at(&t, x, batch, BATCH, g);
    hvp_at(&t, x, batch, BATCH, v, hv);
    assert_true(fabs(loss - mean) <= 64 * DBL_EPSILON * fmax(1, loss));
    for (size_t i = 0; i < t.n; i++) {
        assert_true(fabs(g[i] - sum[0][i]) <= 256 * DBL_EPSILON * fmax(1, largest(t.n, g)));
        assert_true(fabs(hv[i] - sum[1][i]) <= 256 * DBL_EPSILON * fmax(1, largest(t.n, hv)));
    }
done:
    trial_close(&t);
}

static void a_minibatch_is_the_mean_of_its_rows(void **state)
{
    (void)state;
    each(check_mean);
}

/* All rows, which go through in chunks, against batches of 100: the order of the sums differs. */
static void check_all(const sample *s)
{
    static double x[MOST], v[MOST], g[MOST], hv[MOST], part[MOST], sum[2][MOST];
    double loss, mean = 0;
    lg_score score;
    luge_error err;
    trial t;

    trial_open(&t, s, LUGE_F64, 1);
    start_at(&t, x);
    direction(11, t.n, v);
    memset(sum, 0, sizeof sum);
    size_t rows = lg_problem_rows(t.p, LG_TRAIN), row[100];
    for (size_t from = 0; from < rows; from += 100) {
        size_t n = rows - from < 100 ? rows - from : 100;
        for (size_t k = 0; k < n; k++) row[k] = from + k;
        mean += gradient_at(&t, x, row, n, part) * (double)n / (double)rows;
        for (size_t i = 0; i < t.n; i++) sum[0][i] += part[i] * (double)n / (double)rows;
        hvp_at(&t, x, row, n, v, part);
        for (size_t i = 0; i < t.n; i++) sum[1][i] += part[i] * (double)n / (double)rows;
    }
    hvp_at(&t, x, NULL, 0, v, hv);
    loss = gradient_at(&t, x, NULL, 0, g);
    assert_int_equal(lg_problem_evaluate(t.p, (const void *const *)t.x, LG_TRAIN, &score, &err), LUGE_OK);
    if (!(score.loss == loss)) fail_msg("%s: scored %.17g, not %.17g", s->spec, score.loss, loss);
    bool classes = rows && strncmp(s->spec, "autoencoder", 11) != 0;
    assert_true(classes ? score.accuracy >= 0 && score.accuracy <= 1 : isnan(score.accuracy));
    if (rows && fabs(loss - mean) > 256 * DBL_EPSILON * fmax(1, loss))
        fail_msg("%s: all rows give %.17g, batches %.17g", s->spec, loss, mean);
    for (size_t i = 0; rows && i < t.n; i++) {
        assert_true(fabs(g[i] - sum[0][i]) <= 256 * DBL_EPSILON * fmax(1, largest(t.n, g)));
        assert_true(fabs(hv[i] - sum[1][i]) <= 256 * DBL_EPSILON * fmax(1, largest(t.n, hv)));
    }
    trial_close(&t);
}

static void all_rows_are_the_mean_of_batches(void **state)
{
    (void)state;
    each(check_all);
}

/* ---- types and threads ---- */

/* Values and products of f32 carry errors of some units of f32 times the size of what they are sums of. */
static void check_f32(const sample *s)
{
    static double x[MOST], v[MOST], g[2][MOST], hv[2][MOST];
    double loss[2];
    trial t;

    for (int k = 0; k < 2; k++) {
        trial_open(&t, s, k ? LUGE_F32 : LUGE_F64, 1);
        if (k == 0) start_at(&t, x);
        direction(11, t.n, v);
        loss[k] = gradient_at(&t, x, NULL, 0, g[k]);
        hvp_at(&t, x, NULL, 0, v, hv[k]);
        if (k == 0) trial_close(&t);
    }
    assert_true(fabs(loss[0] - loss[1]) <= 64 * (double)FLT_EPSILON * fmax(1, loss[0]));
    for (size_t i = 0; i < t.n; i++) {
        if (fabs(g[0][i] - g[1][i]) > 64 * (double)FLT_EPSILON * fmax(1, largest(t.n, g[0])))
            fail_msg("%s: gradient[%zu] is %g in f64, %g in f32", s->spec, i, g[0][i], g[1][i]);
        if (fabs(hv[0][i] - hv[1][i]) > 64 * (double)FLT_EPSILON * fmax(1, largest(t.n, hv[0])))
            fail_msg("%s: Hv[%zu] is %g in f64, %g in f32", s->spec, i, hv[0][i], hv[1][i]);
    }
    trial_close(&t);
}

static void f32_is_near_f64(void **state)
{
    (void)state;
    each(check_f32);
}

typedef struct bits {
    double loss[2], g[2][MOST], hv[MOST];
    lg_score score[2];
} bits;

static void bits_of(const sample *s, luge_type type, int threads, bits *b)
{
    static double x[MOST], v[MOST];
    luge_error err;
    size_t row[600];
    trial t;

    memset(b, 0, sizeof *b);
    trial_open(&t, s, type, threads);
    start_at(&t, x);
    direction(11, t.n, v);
    for (size_t i = 0; i < 600; i++) row[i] = (size_t)lg_below(1, 1, i, 700);
    b->loss[0] = gradient_at(&t, x, NULL, 0, b->g[0]);
    if (batch_of(&t)) b->loss[1] = gradient_at(&t, x, row, 600, b->g[1]);
    hvp_at(&t, x, NULL, 0, v, b->hv);
    for (int part = LG_TRAIN; part <= LG_TEST; part++)
        lg_problem_evaluate(t.p, (const void *const *)t.x, (enum lg_part)part, &b->score[part], &err);
    trial_close(&t);
}

static void threads_do_not_change_a_bit(void **state)
{
    static bits one, more;
    (void)state;
    for (size_t i = 0; i < ROWS(samples); i++)
        for (int type = LUGE_F32; type <= LUGE_F64; type++) {
            bits_of(&samples[i], (luge_type)type, 1, &one);
            for (int threads = 2; threads <= 3; threads++) {
                bits_of(&samples[i], (luge_type)type, threads, &more);
                if (memcmp(&one, &more, sizeof one)) fail_msg("%s: %d threads differ", samples[i].spec, threads);
            }
        }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_problem_has_a_sample),
        cmocka_unit_test(gradients_are_those_of_the_formulas),
        cmocka_unit_test(products_are_derivatives_of_gradients),
        cmocka_unit_test(hessians_are_symmetric),
        cmocka_unit_test(a_minibatch_is_the_mean_of_its_rows),
        cmocka_unit_test(all_rows_are_the_mean_of_batches),
        cmocka_unit_test(f32_is_near_f64),
        cmocka_unit_test(threads_do_not_change_a_bit),
    };
    return cmocka_run_group_tests(tests, problem_files, scratch_remove);
}
