/* What is special to the autoencoder: its layers, and what the best one is known to reach.
 * SPDX-License-Identifier: MIT */
#include "problem.h"

#include "check.h"
#include <float.h>

/* ---- layers ---- */

static void widths_come_again_in_the_other_order(void **state)
{
    static const size_t width[] = { PIXELS, 9, 5, 2, 5, 9, PIXELS };
    const sample s = { .spec = "autoencoder:hidden=(9, 5, 2)", .data = IMAGES_ALONE };
    trial t;
    (void)state;
    trial_open(&t, &s, LUGE_F64, 1);
    assert_int_equal(lg_problem_tensors(t.p), 2 * (ROWS(width) - 1));
    lg_problem_start(t.p, t.x);
    for (size_t l = 1; l < ROWS(width); l++) {
        const lg_shape *w = lg_problem_tensor(t.p, 2 * l - 2), *b = lg_problem_tensor(t.p, 2 * l - 1);
        double most = largest(w->n, t.x[2 * l - 2]), limit = sqrt(6 / (double)(width[l] + width[l - 1]));
        char name[32];
        snprintf(name, sizeof name, "layer%zu.weight", l);
        assert_string_equal(w->name, name);
        assert_true(w->ndim == 2 && w->shape[0] == width[l] && w->shape[1] == width[l - 1]);
        assert_true(b->ndim == 1 && b->shape[0] == width[l]);
        CHECK(most <= limit && most > 0.7 * limit, "layer %zu starts in +-%g, not +-%g", l, most, limit);
        assert_true(largest(b->n, t.x[2 * l - 1]) == 0);
    }
    trial_close(&t);
    CHECK_END();
}

/* With all parameters 0 the output is 0: 1/2 |x|² is left, or log 2 for each pixel. */
static void the_losses_are_what_they_say(void **state)
{
    static const char *const specs[] = { "autoencoder:hidden=3", "autoencoder:hidden=3,loss=cross_entropy" };
    (void)state;
    for (int k = 0; k < 2; k++) {
        const sample s = { .spec = specs[k], .data = IMAGES_ALONE };
        static double x[MOST], g[MOST];
        size_t rows;
        wide want = 0;
        trial t;
        trial_open(&t, &s, LUGE_F64, 1);
        rows = lg_problem_rows(t.p, LG_TRAIN);
        assert_int_equal(rows, IMAGES - IMAGES / 5);
        for (size_t i = 0; i < rows; i++)
            for (int c = 0; c < PIXELS; c++) want += k ? logl(2) : powl(image[i][c] / 255.0L, 2) / 2;
        want /= (wide)rows;
        memset(x, 0, sizeof x);
        double got = gradient_at(&t, x, NULL, 0, g);
        CHECK(fabsl((wide)got - want) <= 64 * (wide)DBL_EPSILON * want, "%s: %.17g, not %.20Lg", specs[k], got, want);
        trial_close(&t);
    }
    CHECK_END();
}

/* ---- the best linear one ---- */

enum { DIM = 16, CODE = 3 };

/* Eigenvalues of a symmetric matrix by Jacobi's rotations, in any order. */
static void eigenvalues(double a[DIM][DIM])
{
    for (int sweep = 0; sweep < 30; sweep++)
        for (int p = 0; p < DIM; p++)
            for (int q = p + 1; q < DIM; q++) {
                double angle = 0.5 * atan2(2 * a[p][q], a[q][q] - a[p][p]), c = cos(angle), s = sin(angle);
                for (int k = 0; k < DIM; k++) {
                    double u = a[p][k], v = a[q][k];
                    a[p][k] = c * u - s * v;
                    a[q][k] = s * u + c * v;
                }
                for (int k = 0; k < DIM; k++) {
                    double u = a[k][p], v = a[k][q];
                    a[k][p] = c * u - s * v;
                    a[k][q] = s * u + c * v;
                }
            }
}

/* Moments of the made rows from gradients: with all parameters 0 that in b_2 is -mean x; with W_2 alone not 0,
 * writing the first code to coordinate i, that in the first row of W_1 is -mean x_i x. */
static void second_moments(trial *t, double mean[DIM], double moment[DIM][DIM])
{
    static double x[MOST], g[MOST];
    size_t b1 = (size_t)CODE * DIM, w2 = b1 + CODE, b2 = w2 + (size_t)DIM * CODE;
    memset(x, 0, sizeof x);
    gradient_at(t, x, NULL, 0, g);
    for (size_t i = 0; i < DIM; i++) mean[i] = -g[b2 + i];
    for (size_t i = 0; i < DIM; i++) {
        x[w2 + i * CODE] =
            1; /* the decoder writes the first code to coordinate i: z - x = -x, so dW_1 = mean -x_i x' */
        gradient_at(t, x, NULL, 0, g);
        for (size_t k = 0; k < DIM; k++) moment[i][k] = -g[k];
        x[w2 + i * CODE] = 0;
    }
}

/* The best linear code of k numbers projects on the k directions of largest variance; half of the other variances are
 * left (Bourlard & Kamp, Biological Cybernetics 59, 1988). */
static void the_linear_one_finds_the_principal_directions(void **state)
{
    const sample s = { .spec = "autoencoder:hidden=3" };
    static double x[MOST], g[MOST], m[MOST], c[DIM][DIM];
    double mean[DIM], loss = 0, rest = 0, largest_of[CODE] = { 0 };
    trial t;
    (void)state;
    trial_open(&t, &s, LUGE_F64, 1);
    assert_int_equal(t.n, DIM * CODE + CODE + DIM * CODE + DIM);
    second_moments(&t, mean, c);
    for (int i = 0; i < DIM; i++)
        for (int k = 0; k < DIM; k++) c[i][k] -= mean[i] * mean[k];
    eigenvalues(c);
    for (int i = 0; i < DIM; i++) {
        double v = c[i][i];
        rest += v / 2;
        for (int k = 0; k < CODE; k++)
            if (v > largest_of[k]) {
                double less = largest_of[k];
                largest_of[k] = v;
                v = less;
            }
    }
    for (int k = 0; k < CODE; k++) rest -= largest_of[k] / 2;
    lg_problem_start(t.p, t.x);
    unpack(&t, t.x, x);
    memset(m, 0, sizeof m);
    for (int k = 0; k < 2000; k++) {
        loss = gradient_at(&t, x, NULL, 0, g);
        for (size_t i = 0; i < t.n; i++) x[i] -= 0.01 * (m[i] = 0.9 * m[i] + g[i]);
    }
    print_message("principal directions leave %.15g, the linear autoencoder %.15g\n", rest, loss);
    assert_true(loss >= rest * (1 - 1e-12) && loss <= rest * (1 + 1e-9));
    trial_close(&t);
}

/* ---- real data ---- */

/* A code of 8 numbers must leave less of the digits than their mean does, which leaves 1/2 (mean |x|² - |mean x|²).
 */
static void digits_are_rebuilt(void **state)
{
    char file[1100];
    const char *const data[] = { file };
    lg_problem_request r = {
        .spec = "autoencoder", .data = data, .data_count = 1, .split = 1000, .type = LUGE_F32, .seed = 1
    };
    enum { PARTS = 8 };
    static const size_t n[PARTS] = { 64 * 784, 64, 8 * 64, 8, 64 * 8, 64, 784 * 64, 784 };
    void *x[PARTS], *g[PARTS];
    float *m[PARTS];
    double loss = 0, mean;
    lg_problem *p;
    luge_error err;
    (void)state;
    snprintf(file, sizeof file, "images=%s", shared_path("data/t10k-images-idx3-ubyte.gz"));
    MUST(lg_problem_open(&p, &r, &err));
    assert_int_equal(lg_problem_rows(p, LG_TRAIN), 1000); /* all rows of a call are the first 1000 */
    for (size_t i = 0; i < PARTS; i++) {
        assert_int_equal(lg_problem_tensor(p, i)->n, n[i]);
        assert_true((x[i] = calloc(n[i], 4)) && (g[i] = calloc(n[i], 4)) && (m[i] = calloc(n[i], 4)));
    }
    MUST(lg_problem_gradient(p, (const void *const *)x, NULL, 0, g, &mean, &err));
    for (size_t c = 0; c < 784; c++) mean -= pow((double)((const float *)g[7])[c], 2) / 2;
    lg_problem_start(p, x);
    for (int k = 0; k <= 60; k++) {
        MUST(lg_problem_gradient(p, (const void *const *)x, NULL, 0, g, &loss, &err));
        for (size_t i = 0; i < PARTS; i++)
            for (size_t c = 0; c < n[i]; c++)
                ((float *)x[i])[c] -= 0.01F * (m[i][c] = 0.9F * m[i][c] + ((const float *)g[i])[c]);
    }
    print_message("digits: their mean leaves %.2f, 60 steps %.2f\n", mean, loss);
    assert_true(loss < 0.8 * mean);
    for (size_t i = 0; i < PARTS; i++) {
        free(x[i]);
        free(g[i]);
        free(m[i]);
    }
    lg_problem_close(p);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(widths_come_again_in_the_other_order),
        cmocka_unit_test(the_losses_are_what_they_say),
        cmocka_unit_test(the_linear_one_finds_the_principal_directions),
        cmocka_unit_test(digits_are_rebuilt),
    };
    return cmocka_run_group_tests(tests, problem_files, scratch_remove);
}
