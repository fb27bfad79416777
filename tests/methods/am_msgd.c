/* Adaptive-memory SGD against its model of two planes, solved numerically in every step, in long double.
 * SPDX-License-Identifier: MIT */
#define SETTINGS(_) _(real, beta_max) _(real, lam) _(real, weight_decay) _(word, scope)
#include "methods/sums.h"

static const settings rows[] = {
    { "AM", .9, .1, 0, "global" },
    { "per tensor", .9, .1, 0, "tensor" },
    { "decay", .95, 0, .1, "tensor" },
    { "decay, global", .8, .5, .1, "global" },
    { "all of the memory", 1, 2, 0, "tensor" },
    { "no weight on it", 0, .3, 0, "global" },
};
static int at_zero, between, at_most;

/* Of the coordinates in `use`: the weight β of the memory's plane with which
 *     y(β) = argmin (1-β) ⟨g, y-x⟩ + β (η⟨g,d⟩ + ⟨d, y-x⟩) + ‖y-x‖²/2η + λ‖y-x+ηd‖²/2η
 * lies where both planes are equal, by bisection of their difference, which falls with β. */
static long double weight(const settings *h, const bool *use, const long double *g, const long double *d,
                          long double lr)
{
    long double low = 0, high = h->beta_max, lam = h->lam, eta = lr > 0 ? lr : 1;
    for (int turn = 0; turn < 200; turn++) {
        long double beta = turn == 0 ? low : turn == 1 ? high : (low + high) / 2, first = 0, second = 0;
        for (int i = 0; i < COORDINATES; i++) {
            if (!use[i]) continue;
            long double z = (-eta * ((1 - beta) * g[i] + beta * d[i]) - lam * eta * d[i]) / (1 + lam);
            first += g[i] * z;
            second += eta * g[i] * d[i] + d[i] * z;
        }
        if (turn == 0 && second <= first) return at_zero++, 0;
        if (turn == 1 && second >= first) return at_most++, high;
        if (turn > 1 && second > first) low = beta;
        if (turn > 1 && second <= first) high = beta;
    }
    between++;
    return low;
}

typedef struct memory {
    bool there[TENSORS];
    long double d[COORDINATES];
} memory;

static void next(const void *with, whole *w, void *at)
{
    const settings *h = with;
    memory *m = at;
    bool use[COORDINATES], global = !strcmp(h->scope, "global");
    long double g[COORDINATES], beta = 0;
    for (int pass = 0; pass < (global ? 1 : TENSORS); pass++) {
        for (int n = 0; n < TENSORS; n++)
            for (size_t i = tensors[n].at; i < tensors[n].at + tensors[n].n; i++) {
                use[i] = w->active[n] && (global || n == pass);
                g[i] = w->g[i] + h->weight_decay * w->x[i];
                if (use[i] && !m->there[n]) m->d[i] = g[i];
            }
        beta = weight(h, use, g, m->d, w->lr);
        for (int i = 0; i < COORDINATES; i++) {
            if (!use[i]) continue;
            m->d[i] = ((beta + h->lam) * m->d[i] + (1 - beta) * g[i]) / (1 + (long double)h->lam);
            w->x[i] -= w->lr * m->d[i];
        }
    }
    for (int n = 0; n < TENSORS; n++) m->there[n] |= w->active[n];
}

static void solves_the_model(void **state)
{
    static record r;
    static path want;
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        for (int rough = 0; rough < 2; rough++) {
            memory m = { 0 };
            record_make(&r, 51 + (uint64_t)rough, .01, -1, 0, rough);
            by_whole(&r, next, &rows[i], &m, want);
            compare(rows[i].label, &r, "am_msgd", text(&rows[i]), want);
        }
    CHECK(at_zero > 20 && between > 20 && at_most > 20, "β at 0 %d times, at most %d, between %d", at_zero, at_most,
          between);
    CHECK_END();
}

/* λ = 0:  β = ‖g‖²/‖d-g‖² of one coordinate.  d₁ = g₁ = 1 and g₂ = -1:  β = ¼, d₂ = ¼ - ¾. */
static void known_steps(void **state)
{
    static const double start[FEW] = { 0 };
    double x[FEW];
    (void)state;
    for (int i = 0; i < FEW; i++) given[i] = i == 0;
    descend("am_msgd", "lr=1 lam=0", start, 1, as_given, see_last, x);
    CHECK(x[0] == -1, "first step to %.17g", x[0]);
    descend("am_msgd", "lr=1 lam=0.25", start, 5, as_given, see_last, x); /* d = g: no memory is better */
    CHECK(fabs(x[0] + 5) < 1e-15, "steady steps to %.17g", x[0]);
    luge_error err;
    luge_optimizer *opt = open_method("am_msgd", "lr=1 lam=0");
    double y = 0, g = 1;
    const void *grad = &g;
    MUST(luge_add(opt, 0, "x", LUGE_F64, &y, 0, NULL, &err));
    MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
    g = -1;
    MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
    CHECK(y == -1 + .5, "two steps to %.17g", y);
    luge_free(opt);
    CHECK_END();
}

/* A NaN in one tensor must not be clipped away from the global β. */
static void nan_is_not_clipped(void **state)
{
    luge_error err;
    luge_optimizer *opt = open_method("am_msgd", "");
    double x = 0, y = 0, g = 1, e = 1;
    const void *grad[] = { &g, &e };
    (void)state;
    MUST(luge_add(opt, 0, "x", LUGE_F64, &x, 0, NULL, &err));
    MUST(luge_add(opt, 0, "y", LUGE_F64, &y, 0, NULL, &err));
    MUST(luge_step(opt, &(luge_inputs){ .grad = grad }, &err));
    e = (double)NAN;
    MUST(luge_step(opt, &(luge_inputs){ .grad = grad }, &err));
    CHECK(isnan(x) && isnan(y), "%g and %g", x, y);
    luge_free(opt);
    CHECK_END();
}

static void limits_and_refusals(void **state)
{
    static record r;
    (void)state;
    record_make(&r, 6, .01, -3, 1, true);
    like("no memory", &r, "am_msgd", "beta_max=0 lam=0 weight_decay=0.1", "sgd", "weight_decay=0.1");
    same("defaults", &r, "am_msgd", "beta_max=0.9 lam=0.1 weight_decay=0 scope=global", &r, "am_msgd", "");
    stays_without_gradients("am_msgd", "lr=0.5");
    refused("am_msgd", "beta_max=1.5", "beta_max");
    refused("am_msgd", "scope=row", "tensor");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(solves_the_model),
        cmocka_unit_test(known_steps),
        cmocka_unit_test(nan_is_not_clipped),
        cmocka_unit_test(limits_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
