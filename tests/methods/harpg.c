/* Hessian-corrected momentum against a sum over all gradients and products, in long double; it is exact on
 * quadratics. SPDX-License-Identifier: MIT */
#define SETTINGS(_) _(real, weight) _(real, power) _(real, lr_power) _(flag, normalized)
#include "methods/sums.h"

static const settings rows[] = {
    { "HARPG", 1, 1, .5, false },           { "N-HARPG", 1, 1, 1, true },
    { "constant weight", .3, 0, 0, false }, { "constant, normalized", .2, 0, 0, true },
    { "slow", .6, 1.2, .5, false },
};
enum { N = 26, MOST = 40 };

static long double share(const settings *h, int k)
{
    return k == 1 ? 1 : fminl(1, h->weight * powl(2.L / (k + 1), h->power));
}
static double gradient(int k, int i) { return k == 6 || i == 3 ? 0 : sin(k * .37 * (i + 1)) * pow(10, i % 4 - 3); }
static double product(int k, int i) { return cos(k + i) * pow(10, i % 3 - 3); }

/* dₖ = Σⱼ (aⱼ gⱼ + (1-aⱼ) wⱼ) Π_{i>j} (1-aᵢ) */
static long double direction(const settings *h, int k, int i)
{
    long double d = 0, rest = 1;
    for (int j = k; j >= 1; j--) {
        long double a = share(h, j);
        d += rest * (a * gradient(j, i) + (1 - a) * product(j, i));
        rest *= 1 - a;
    }
    return d;
}

static luge_status give(luge_optimizer *opt, const void *const *g, const void *const *extra, luge_error *err)
{
    luge_input in = { "hess_step", extra };
    return luge_step(opt, &(luge_inputs){ .grad = g, .extra = &in, .extras = extra != NULL }, err);
}

static void equals_sums_over_all_gradients(void **state)
{
    (void)state;
    for (size_t row = 0; row < ROWS(rows); row++) {
        const settings *h = &rows[row];
        luge_error err;
        luge_optimizer *opt = open_method(h->normalized ? "n_harpg" : "harpg", text(h));
        double x[N], g[N], extra[N];
        const void *grad[] = { g, g + 10 }, *more[] = { extra, extra + 10 };
        long double want[N], way = 2;
        for (int i = 0; i < N; i++) want[i] = x[i] = cos(i);
        MUST(luge_add(opt, 0, "x", LUGE_F64, x, 1, (size_t[]){ 10 }, &err));
        MUST(luge_add(opt, 0, "y", LUGE_F64, x + 10, 1, (size_t[]){ N - 10 }, &err));
        MUST(luge_set_real(opt, 0, "lr", .1, &err));
        for (int k = 1; k <= MOST; k++) {
            long double d[N], size = 0, step = .1L * powl(2.L / (k + 1), h->lr_power);
            for (int i = 0; i < N; i++) {
                g[i] = gradient(k, i);
                extra[i] = product(k, i);
                d[i] = direction(h, k, i);
                size += d[i] * d[i];
            }
            CHECK(luge_needs(opt, "hess_step") == (k > 1), "%s: step %d", h->label, k);
            if (k > 1)
                CHECK(give(opt, grad, NULL, &err) == LUGE_E_INPUT && strstr(err.text, "hess_step"), "%s", err.text);
            MUST(give(opt, grad, k > 1 ? more : NULL, &err));
            if (h->normalized) step /= sqrtl(size);
            way += step * sqrtl(size);
            for (int i = 0; i < N; i++) {
                want[i] -= step * d[i];
                CHECK(fabsl(x[i] - want[i]) < 4 * (k + 4) * DBL_EPSILON * way,
                      "%s, step %d, %d: %.17g and not %.17Lg", h->label, k, i, x[i], want[i]);
            }
        }
        luge_free(opt);
    }
    CHECK_END();
}

/* On a quadratic the product of its Hessian with the last step is all that the gradient has changed: d is the
 * gradient. A gradient's own change on one batch is as good. */
static void exact_on_quadratics(void **state)
{
    static const double curve[FEW] = { 1, 10, -.5, .1 };
    (void)state;
    for (int batch = 0; batch < 2; batch++) {
        luge_error err;
        luge_optimizer *opt = open_method("harpg", "lr=0.05 weight=0.1 power=0 lr_power=0");
        double x[FEW], g[FEW], extra[FEW], before[FEW];
        const void *grad = g, *more = extra;
        memcpy(x, few, sizeof x);
        MUST(luge_add(opt, 0, "x", LUGE_F64, x, 1, (size_t[]){ FEW }, &err));
        for (int k = 1; k <= 60; k++) {
            for (int i = 0; i < FEW; i++) {
                extra[i] = k == 1  ? 0
                           : batch ? curve[i] * x[i] - curve[i] * before[i]
                                   : curve[i] * (x[i] - before[i]);
                g[i] = curve[i] * x[i];
            }
            memcpy(before, x, sizeof x);
            MUST(give(opt, &grad, &more, &err));
            const double *d = luge_state(opt, 0, "exp_avg", 0);
            for (int i = 0; i < FEW; i++)
                CHECK(fabs(d[i] - g[i]) < 1e-13, "step %d: d = %.17g and not %.17g", k, d[i], g[i]);
        }
        luge_free(opt);
    }
    CHECK_END();
}

/* What has its first gradient in a later step starts from it. */
static void late_tensors(void **state)
{
    luge_error err;
    luge_optimizer *opt = open_method("harpg", "lr=1 weight=0.25 power=0 lr_power=0");
    double x = 0, y = 0, g = 1, zero = 0;
    const void *grad[] = { &g, NULL }, *more[] = { &zero, &zero };
    (void)state;
    MUST(luge_add(opt, 0, "x", LUGE_F64, &x, 0, NULL, &err));
    MUST(luge_add(opt, 0, "y", LUGE_F64, &y, 0, NULL, &err));
    for (int k = 0; k < 3; k++) MUST(give(opt, grad, more, &err));
    grad[1] = &g;
    MUST(give(opt, grad, more, &err));
    CHECK(y == -1 && x == -4, "%g and %g", x, y);
    luge_free(opt);
    CHECK_END();
}

static void one_step(const char *method, const char *with, double *x)
{
    luge_error err;
    luge_optimizer *opt = open_method(method, with);
    const void *grad = given;
    static const double zero[FEW];
    const void *more = zero;
    memcpy(x, few, sizeof few);
    MUST(luge_add(opt, 0, "x", LUGE_F64, x, 1, (size_t[]){ FEW }, &err));
    for (int k = 0; k < 5; k++) MUST(give(opt, &grad, &more, &err));
    luge_free(opt);
}

static void limits_and_refusals(void **state)
{
    double x[FEW], y[FEW];
    (void)state;
    given[0] = 3, given[1] = given[2] = 0, given[3] = -4;
    one_step("harpg", "weight=1 power=0 lr_power=0 lr=0.125", x);
    for (int i = 0; i < FEW; i++) CHECK(x[i] == few[i] - .625 * given[i], "gradient descent to %.17g", x[i]);
    one_step("n_harpg", "weight=1 power=0 lr_power=0 lr=0.125", x);
    for (int i = 0; i < FEW; i++) CHECK(fabs(x[i] - (few[i] - .125 * given[i])) < 1e-15, "normalized to %.17g", x[i]);
    one_step("harpg", "", x);
    one_step("harpg", "lr=1e-2 weight=1 power=1 lr_power=0.5 normalized=false", y);
    CHECK(!memcmp(x, y, sizeof x), "the defaults are others");
    one_step("n_harpg", "", x);
    one_step("harpg", "lr_power=1 normalized=true", y);
    CHECK(!memcmp(x, y, sizeof x), "the alias is another");
    memset(given, 0, sizeof given);
    one_step("n_harpg", "", x);
    CHECK(!memcmp(x, few, sizeof x), "moved without gradients");
    given[1] = (double)NAN;
    one_step("n_harpg", "", x);
    CHECK(isnan(x[0]) && isnan(x[1]), "a NaN is hidden by the norm: %g", x[0]);
    refused("harpg", "weight=2", "weight");
    refused("n_harpg", "normalized=false", "normalized");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_sums_over_all_gradients),
        cmocka_unit_test(exact_on_quadratics),
        cmocka_unit_test(late_tensors),
        cmocka_unit_test(limits_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
