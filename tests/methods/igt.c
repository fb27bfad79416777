/* Implicit gradient transport against a weighted sum over all gradients, in long double; it is exact on quadratics.
 * SPDX-License-Identifier: MIT */
#define SETTINGS(_) _(real, weight) _(real, power) _(real, lr_power) _(flag, normalized)
#include "methods/sums.h"

static const settings rows[] = {
    { "IGT", 1, .8, 0, false },
    { "normalized", 1, .8, 1, true },
    { "constant weight", .3, 0, 0, false },
    { "slow", .6, 1.2, .5, false },
    { "constant, normalized", .2, 0, 0, true },
    { "gradient descent", 1, 0, 0, false },
};

static long double share(const settings *h, int k) { return fminl(1, h->weight * powl(2.L / (k + 1), h->power)); }

typedef struct memory {
    long double theta[COORDINATES];
} memory;

/* dₖ of a coordinate of tensor n: Σⱼ aⱼ gⱼ Π_{i>j} (1-aᵢ) over the steps j of the group in which the tensor had a
 * gradient, the first of them with weight 1. */
static long double direction(const settings *h, const whole *w, int n, size_t i)
{
    long double d = 0, rest = 1;
    int first = 0;
    for (int t = w->t; t >= 1; t--)
        if (!w->r->absent[t][n]) first = t;
    for (int t = w->t; t >= 1; t--) {
        if (w->r->absent[t][n]) continue;
        long double a = t == first ? 1 : share(h, t);
        d += rest * a * w->r->g[t][i];
        rest *= 1 - a;
    }
    return d;
}

static void next(const void *with, whole *w, void *at)
{
    const settings *h = with;
    memory *m = at;
    long double d[COORDINATES] = { 0 }, step = w->lr * powl(2.L / (w->group_k + 1), h->lr_power);
    long double ahead = 1 / share(h, w->group_k + 1) - 1, size = 0;
    assert_int_equal(w->group_k, w->t);
    if (w->t == 1) memcpy(m->theta, w->x, sizeof m->theta);
    for (int n = 0; n < TENSORS; n++)
        for (size_t i = tensors[n].at; i < tensors[n].at + tensors[n].n && w->active[n]; i++) {
            d[i] = direction(h, w, n, i);
            size += d[i] * d[i];
        }
    if (h->normalized) step = size > 0 ? step / sqrtl(size) : 0;
    for (int n = 0; n < TENSORS; n++)
        for (size_t i = tensors[n].at; i < tensors[n].at + tensors[n].n && w->active[n]; i++) {
            m->theta[i] -= step * d[i];
            w->x[i] = m->theta[i] - ahead * step * d[i];
        }
}

static void equals_sums_over_all_gradients(void **state)
{
    static record r;
    static path want;
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        for (int rough = 0; rough < 2; rough++) {
            memory m;
            record_make(&r, 141 + (uint64_t)rough, .01, -3, 0, rough);
            by_whole(&r, next, &rows[i], &m, want);
            compare(rows[i].label, &r, rows[i].normalized ? "nigt" : "igt", text(&rows[i]), want);
        }
    CHECK_END();
}

static const double curve[FEW] = { 1, 10, -.5, .1 };
static void quadratic(const double *x, double *g)
{
    for (int i = 0; i < FEW; i++) g[i] = curve[i] * x[i] + (i == 3 ? .1 * x[0] : i == 0 ? .1 * x[3] : 0);
}

/* On a quadratic d is the gradient at θ, which is the view, before every step: the mean of old gradients is not. */
static void exact_on_quadratics(void **state)
{
    static const char *const with[] = { "lr=0.02", "lr=0.02 weight=0.1 power=0", "lr=0.02 weight=0.5 lr_power=1" };
    (void)state;
    for (size_t row = 0; row < ROWS(with); row++) {
        luge_error err;
        luge_optimizer *opt = open_method("igt", with[row]);
        double x[FEW], g[FEW], theta[FEW], there[FEW], plain = 0;
        const void *grad = g;
        void *out = theta;
        memcpy(x, few, sizeof x);
        MUST(luge_add(opt, 0, "x", LUGE_F64, x, 1, (size_t[]){ FEW }, &err));
        for (int k = 1; k <= 60; k++) {
            MUST(luge_view(opt, &out, &err));
            quadratic(theta, there);
            quadratic(x, g);
            MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
            const double *d = luge_state(opt, 0, "exp_avg", 0);
            for (int i = 0; i < FEW; i++) {
                CHECK(fabs(d[i] - there[i]) < 1e-12, "%s, step %d: d = %.17g and not %.17g", with[row], k, d[i],
                      there[i]);
                plain = fmax(plain, fabs(g[i] - there[i]));
            }
        }
        CHECK(plain > .01, "%s: the gradients were taken at θ itself", with[row]);
        luge_free(opt);
    }
    CHECK_END();
}

static void limits_and_refusals(void **state)
{
    static record r;
    double x[FEW], y[FEW];
    (void)state;
    record_make(&r, 6, .01, -3, 1, true);
    like("gradient descent", &r, "igt", "weight=1 power=0", "sgd", "");
    same("defaults", &r, "igt", "weight=1 power=0.8 lr_power=0 normalized=false", &r, "igt", "");
    same("the alias", &r, "igt", "lr_power=1 normalized=true", &r, "nigt", "");
    stays_without_gradients("nigt", "");
    given[0] = 3, given[1] = given[2] = 0, given[3] = -4;
    descend("nigt", "lr=0.5 weight=1 power=0", few, 1, as_given, see_last, x);
    CHECK(fabs(x[0] - .7) < 1e-15 && fabs(x[3] - 1.15) < 1e-15, "a normalized step to %.17g, %.17g", x[0], x[3]);
    const double zero[FEW] = { 0 };
    for (int i = 0; i < FEW; i++) given[i] = 1e-200; /* squares that vanish: no length, no step */
    descend("nigt", "lr=0.5", zero, 2, as_given, see_last, y);
    CHECK(y[0] == 0 && y[3] == 0, "a step without length to %g", y[0]);
    given[0] = 3, given[1] = (double)NAN;
    descend("nigt", "", few, 1, as_given, see_last, y);
    CHECK(isnan(y[0]) && isnan(y[1]), "a NaN is hidden by the norm: %g", y[0]);
    constants_have_a_limit("igt", "power=0");
    refused("igt", "weight=0", "weight");
    refused("nigt", "normalized=false", "normalized");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_sums_over_all_gradients),
        cmocka_unit_test(exact_on_quadratics),
        cmocka_unit_test(limits_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
