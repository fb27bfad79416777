/* MI-FGSM against velocities written as sums over all gradients, in long double.  SPDX-License-Identifier: MIT */
#define SETTINGS(_) _(real, momentum) _(real, radius) _(real, low) _(real, high) _(word, scope) _(flag, targeted)
#include "methods/sums.h"

static const settings rows[] = {
    { "MI-FGSM", 1, .3, NAN, NAN, "tensor", false }, { "images", .9, .1, -.5, .5, "row", false },
    { "targeted", .5, .2, NAN, .3, "row", true },    { "I-FGSM", 0, .05, -.2, NAN, "tensor", true },
    { "no ball", 1.1, 100, NAN, NAN, "row", false },
};
static int cut, boxed, inside;

static void next(const void *with, whole *w, void *memory)
{
    const settings *h = with;
    (void)memory;
    for (int n = 0; n < TENSORS; n++) {
        const tensor *t = &tensors[n];
        size_t row = !strcmp(h->scope, "row") && t->ndim > 1 ? t->n / t->shape[0] : t->n;
        for (size_t i = t->at; i < t->at + t->n && w->active[n]; i++) {
            long double b = 0, size = 0, age = 1, x0 = w->r->x0[i], low = isnan(h->low) ? -INFINITY : h->low;
            long double high = isnan(h->high) ? INFINITY : h->high;
            size_t from = t->at + (i - t->at) / row * row;
            for (int s = w->t; s >= 1; s--) {
                long double norm = 0;
                if (w->r->absent[s][n]) continue;
                for (size_t j = from; j < from + row; j++) norm += fabs(w->r->g[s][j]);
                if (norm > 0) b += age * w->r->g[s][i] / norm;
                if (norm > 0) size += age * fabs(w->r->g[s][i]) / norm;
                age *= h->momentum;
            }
            /* The scalar is ±1 over its norm, and such sums are exact. */
            CHECK(size == 0 || fabsl(b) > 1e-5L * size || t->n == 1, "%s: b cancels", h->label);
            long double y = w->x[i] + (h->targeted ? -w->lr : w->lr) * ratio_sign(b);
            long double ball = fminl(x0 + h->radius, fmaxl(x0 - h->radius, y)), box = fminl(high, fmaxl(low, ball));
            cut += ball != y;
            boxed += box != ball;
            inside += box == y;
            w->x[i] = box;
        }
    }
}

static void equals_sums_over_all_gradients(void **state)
{
    static record r;
    static path want;
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        for (int rough = 0; rough < 2; rough++) {
            record_make(&r, 131 + (uint64_t)rough, .01, -3, 1, rough);
            by_whole(&r, next, &rows[i], NULL, want);
            compare(rows[i].label, &r, "mi_fgsm", text(&rows[i]), want);
        }
    CHECK(cut > 500 && boxed > 500 && inside > 500, "%d cut, %d boxed, %d inside", cut, boxed, inside);
    CHECK_END();
}

/* A linear loss: ten steps of ε/10 are one of ε, x₀ + ε sign g, whatever μ. */
static void linear_losses(void **state)
{
    static const char *const with[] = { "lr=0.0625 radius=0.625", "lr=0.0625 radius=0.625 momentum=0",
                                        "lr=0.625 radius=0.625" };
    double x[FEW];
    (void)state;
    given[0] = 1e-8, given[1] = -1e5, given[2] = 0, given[3] = 2;
    for (int row = 0; row < 3; row++) {
        descend("mi_fgsm", with[row], few, row < 2 ? 10 : 1, as_given, see_last, x);
        for (int i = 0; i < FEW; i++)
            CHECK(x[i] == few[i] + .625 * ((given[i] > 0) - (given[i] < 0)), "%s: %d is %.17g", with[row], i, x[i]);
    }
    CHECK_END();
}

/* On a narrow bowl the sign of the step turns less often with momentum. */
static void see_turns(int k, const double *x, void *to)
{
    double *at = to;
    at[3] += k > 2 && (x[0] - at[0]) * at[1] < 0;
    at[1] = x[0] - at[0];
    at[0] = x[0];
}
static void bowl(const double *x, double *g)
{
    for (int i = 0; i < FEW; i++) g[i] = -(i ? 1 : 100) * x[i];
}
static void momentum_turns_less(void **state)
{
    double plain[4] = { 0 }, moving[4] = { 0 };
    (void)state;
    plain[0] = moving[0] = few[0];
    descend("mi_fgsm", "lr=0.05 radius=9 momentum=0", few, 200, bowl, see_turns, plain);
    descend("mi_fgsm", "lr=0.05 radius=9 momentum=0.9", few, 200, bowl, see_turns, moving);
    CHECK(moving[3] > 0 && moving[3] < plain[3] / 2, "%g turns, and %g without momentum", moving[3], plain[3]);
    CHECK_END();
}

static void limits_and_refusals(void **state)
{
    static record r;
    double x[FEW];
    (void)state;
    record_make(&r, 6, .01, -3, 1, true);
    same("defaults", &r, "mi_fgsm",
         "momentum=1 radius=0.06274509803921569 low=none high=none scope=tensor targeted=false", &r, "mi_fgsm", "");
    like("of signs alone", &r, "mi_fgsm", "momentum=0 radius=1000 targeted=true", "signsgd", "");
    stays_without_gradients("mi_fgsm", "");
    descend("mi_fgsm", "low=0 high=0.6", few, 1, as_given, see_last, x); /* the input itself is outside of the box */
    CHECK(x[0] == .6 && x[1] == 0 && x[2] == .5 && x[3] == .6, "%g %g %g %g", x[0], x[1], x[2], x[3]);
    descend("mi_fgsm", "low=0.25 high=0.25", few, 1, as_given, see_last, x);
    CHECK(x[0] == .25 && x[1] == .25 && x[2] == .25 && x[3] == .25, "%g %g %g %g", x[0], x[1], x[2], x[3]);
    given[0] = (double)NAN;
    descend("mi_fgsm", "low=0 high=1", few, 1, as_given, see_last, x);
    CHECK(isnan(x[0]), "a NaN is cut to %g", x[0]);
    given[0] = 1;
    descend("mi_fgsm", "", few, 1, as_given, see_last, x);
    CHECK(x[0] == 1 + 0.006274509803921569, "the default step leads to %.17g", x[0]);
    refused("mi_fgsm", "low=1 high=0", "low");
    refused("mi_fgsm", "radius=-1", "radius");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_sums_over_all_gradients),
        cmocka_unit_test(linear_losses),
        cmocka_unit_test(momentum_turns_less),
        cmocka_unit_test(limits_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
