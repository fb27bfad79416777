/* Muon against its polynomial on singular values that Jacobi rotations find, with momentum as a sum, in long double.
 * SPDX-License-Identifier: MIT */
#include "methods/matrix.h"

static const long double jordan[][3] = { { 3.4445, -4.775, 2.0315 } };

static const long double express[][3] = {
    { 8.28721201814563 / 1.01, -23.595886519098837 / (1.01 * 1.01 * 1.01),
      17.300387312530933 / (1.01 * 1.01 * 1.01 * 1.01 * 1.01) },
    { 4.107059111542203 / 1.01, -2.9478499167379106 / (1.01 * 1.01 * 1.01),
      0.5448431082926601 / (1.01 * 1.01 * 1.01 * 1.01 * 1.01) },
    { 3.9486908534822946 / 1.01, -2.908902115962949 / (1.01 * 1.01 * 1.01),
      0.5518191394370137 / (1.01 * 1.01 * 1.01 * 1.01 * 1.01) },
    { 3.3184196573706015 / 1.01, -2.488488024314874 / (1.01 * 1.01 * 1.01),
      0.51004894012372 / (1.01 * 1.01 * 1.01 * 1.01 * 1.01) },
    { 2.300652019954817 / 1.01, -1.6689039845747493 / (1.01 * 1.01 * 1.01),
      0.4188073119525673 / (1.01 * 1.01 * 1.01 * 1.01 * 1.01) },
};
static const long double two[][3] = { { 3, -3.2, 1.2 }, { 1.875, -1.25, .375 } };

enum { ORIGINAL, SPECTRAL, MATCH, NONE };
typedef struct settings {
    const char *label, *text;
    double mu, decay;
    int scale, steps;
    bool plain, sum, largest, kernel, slices, before;
    double eps, factor;
    const long double (*abc)[3];
    int given;
} settings;
#define JORDAN jordan, 1
static const settings rows[] = {
    { "Keller", "weight_decay=0.1", .95, .1, ORIGINAL, 5, 0, 0, 0, 0, 0, 0, 1e-7, 1, JORDAN },
    { "torch", "nesterov=false scale=match_rms_adamw ns_eps_mode=max ns_eps=3", .95, 0, MATCH, 5, 1, 0, 1, 0, 0, 0, 3,
      1, JORDAN },
    { "sum", "momentum=0.8 momentum_form=heavy_ball scale=spectral ns_eps=0.5", .8, 0, SPECTRAL, 5, 0, 1, 0, 0, 0, 0,
      .5, 1, JORDAN },
    { "plain sum",
      "momentum=0.8 momentum_form=heavy_ball scale=none nesterov=false ns_steps=3 "
      "adamw_eps_form=before_bias_correction",
      .8, 0, NONE, 3, 1, 1, 0, 0, 0, 1, 1e-7, 1, JORDAN },
    { "kernels", "conv_scale_dims=kernel conv=slices", .95, 0, ORIGINAL, 5, 0, 0, 0, 1, 1, 0, 1e-7, 1, JORDAN },
    { "two triples", "coefficients_per_step=(3,-3.2,1.2,1.875,-1.25,0.375) ns_steps=4 norm_factor=1.25 ns_eps=0", .95,
      0, ORIGINAL, 4, 0, 0, 0, 0, 0, 0, 0, 1.25, two, 2 },
    { "Polar Express", "ns_polynomial=polar_express", .95, 0, ORIGINAL, 5, 0, 0, 0, 0, 0, 0, 1e-7, 1.01, express, 5 },
};

static mat slices_of(const settings *h, mat n, size_t rows_of, size_t columns, rounds *with)
{
    mat o = n;
    for (int at = 0; at < n.m * n.n; at += (int)(rows_of * columns)) {
        mat slice = of((int)rows_of, (int)columns, n.v + at);
        long double norm = h->factor * frobenius(slice);
        with->norm = h->largest ? fmaxl(norm, h->eps) : norm + h->eps;
        slice = spectral(slice, rounds_of, with);
        memcpy(o.v + at, slice.v, rows_of * columns * sizeof *o.v);
    }
    return o;
}

static mat rule_of(const void *with, const history *q)
{
    const settings *h = with;
    const tensor *t = q->t;
    long double mu = h->mu, add = h->sum ? 1 : 1 - mu;
    mat m = scaled(add, discounted(q, q->k, mu)), n = h->plain ? m : blend(mu, m, add, q->g[q->k]),
        x = q->x[q->k - 1];
    rounds r = { h->steps, h->given, h->abc, 1 };
    bool slice = h->slices && t->ndim > 2;
    mat o =
        slices_of(h, n, slice ? t->shape[t->ndim - 2] : (size_t)n.m, slice ? t->shape[t->ndim - 1] : (size_t)n.n, &r);
    long double down = n.m, across = n.n;
    if (h->kernel && t->ndim > 2) down = t->shape[t->ndim - 2], across = t->shape[t->ndim - 1];
    long double sigma[] = { sqrtl(fmaxl(1, down / across)), sqrtl(down / across), .2 * sqrtl(fmaxl(down, across)),
                            1 };
    return blend(1 - q->lr[q->k] * h->decay, x, -q->lr[q->k] * sigma[h->scale], o);
}

static mat rest(const void *with, const history *q)
{
    adamw_settings a = { .01, .8, .9, .01, .3, ((const settings *)with)->before };
    return adamw_step(&a, q);
}

static void equals_its_spectral_form(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        char text[400];
        snprintf(text, sizeof text,
                 "%s adamw_lr=0.01 adamw_beta1=0.8 adamw_beta2=0.9 adamw_eps=0.01 adamw_weight_decay=0.3",
                 rows[i].text);
        against_matrix_rule(rows[i].label, "muon", text, .02, rule_of, rest, &rows[i], 60);
    }
    CHECK_END();
}

/* One step of one tensor in f64 from zero. */
static void step_of(const char *method, const char *settings_text, int ndim, const size_t *shape, const double *g,
                    double *x)
{
    luge_error err;
    const void *grad = g;
    luge_optimizer *opt = open_method(method, settings_text);
    MUST(luge_add(opt, 0, "w", LUGE_F64, x, ndim, shape, &err));
    MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
    luge_free(opt);
}

/* 1 x n: the normalized momentum times the polynomial's value at 1; tiny gradients shrink by epsilon; zero stays. */
static void rows_zero_and_tiny(void **state)
{
    double g[4] = { 3, 0, -4, 0 }, x[4] = { 0 }, p = 1;
    (void)state;
    for (int k = 0; k < 5; k++) p = p * (3.4445 + p * p * (-4.775 + p * p * 2.0315));
    step_of("muon", "lr=1 ns_eps=0", 2, (size_t[]){ 1, 4 }, g, x);
    CHECK(fabs(x[0] + .6 * p) < 1e-15 && fabs(x[2] - .8 * p) < 1e-15 && x[1] == 0, "row: %.17g %.17g", x[0], x[2]);
    for (int i = 0; i < 4; i++) x[i] = 0, g[i] *= 1e-160;
    step_of("muon", "lr=1 ns_eps=0", 2, (size_t[]){ 1, 4 }, g, x);
    CHECK(fabs(x[0] + .6 * p) < 1e-15, "1e-160: %.17g and not %.17g", x[0], -.6 * p);
    for (int i = 0; i < 4; i++) x[i] = 1, g[i] = 0;
    step_of("muon", "lr=1 ns_eps=0", 2, (size_t[]){ 2, 2 }, g, x);
    CHECK(x[0] == 1 && x[3] == 1, "zero gradient: %.17g %.17g", x[0], x[3]);
    CHECK_END();
}

/* sigma for shapes with more rows, more columns, and kernels; rows are outputs. */
static void shape_factors(void **state)
{
    static const struct {
        const char *text;
        size_t shape[4];
        int ndim;
        double sigma;
    } shapes[] = {
        { "", { 8, 2 }, 2, 2 },
        { "", { 2, 8 }, 2, 1 },
        { "scale=spectral", { 2, 8 }, 2, .5 },
        { "scale=match_rms_adamw", { 2, 9 }, 2, .6 },
        { "", { 8, 2, 1, 1 }, 4, 2 },
        { "conv_scale_dims=kernel", { 8, 2, 1, 1 }, 4, 1 },
    };
    (void)state;
    for (size_t i = 0; i < ROWS(shapes); i++) {
        double g[18] = { 0 }, x[18] = { 0 };
        char text[100];
        g[0] = 1;
        snprintf(text, sizeof text, "lr=1 ns_steps=0 ns_eps=0 %s", shapes[i].text);
        step_of("muon", text, shapes[i].ndim, shapes[i].shape, g, x);
        CHECK(fabs(x[0] + shapes[i].sigma) < 1e-15, "%s: factor %.17g and not %g", text, -x[0], shapes[i].sigma);
        CHECK(g[0] == 1, "the gradient was written");
    }
    CHECK_END();
}

/* The best cubic on [p, q] takes 1 - e at both ends and 1 + e at its peak √(s/3), s = p² + pq + q². */
static void cubics_of_cans(void **state)
{
    static long double triples[8][3];
    static const settings h = {
        "CANS", "", .95, 0, ORIGINAL, 8, 0, 0, 0, 0, 0, 0, 1e-7, 1, (const long double(*)[3])triples, 8
    };
    long double p = 1e-3, q = 1;
    (void)state;
    for (int k = 0; k < 8; k++) {
        long double s = p * p + p * q + q * q, low = p * (s - p * p), high = sqrtl(s / 3) * (s - s / 3),
                    by = 2 / (low + high);
        triples[k][0] = by * s;
        triples[k][1] = -by;
        p = by * low;
        q = by * high;
    }
    against_matrix_rule("CANS", "cans_muon",
                        "adamw_lr=0.01 adamw_beta1=0.8 adamw_beta2=0.9 adamw_eps=0.01 adamw_weight_decay=0.3", .02,
                        rule_of, rest, &h, 60);
    refused("muon", "ns_coefficients=(1,2)", "threes");
    refused("muon", "coefficients_per_step=(1,2)", "threes");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_its_spectral_form),
        cmocka_unit_test(rows_zero_and_tiny),
        cmocka_unit_test(shape_factors),
        cmocka_unit_test(cubics_of_cans),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
