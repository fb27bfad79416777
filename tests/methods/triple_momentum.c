/* Triple momentum as three sequences, and in the quasi-hyperbolic form, in long double; its rate.
 * SPDX-License-Identifier: MIT */
#define SETTINGS(_) _(real, m) _(real, L)
#include "methods/sums.h"

static const settings rows[] = {
    { "κ = 100", .5, 50 },
    { "κ = 10⁴", 1e-3, 10 },
    { "κ = 2", 3, 6 },
    { "κ = 1", 2, 2 },
};

/* Eigenvalues at both ends and between; the least value is where x = 0. */
static double eigenvalue[FEW];
static void quadratic(const double *x, double *g)
{
    for (int i = 0; i < FEW; i++) g[i] = eigenvalue[i] * x[i];
}

typedef struct sequences {
    long double xi[FEW], before[FEW], y[FEW], d[FEW], q[FEW];
} sequences;

/* ξ, and the same y by m = β m + (1-β) g, y -= lr ((1-ν) g + ν m). */
static void advance(const settings *h, sequences *s)
{
    long double rho = 1 - sqrtl(h->m / (long double)h->L), two = 2 - rho;
    long double alpha = (1 + rho) / h->L, beta = rho * rho / two, gamma = rho * rho / ((1 + rho) * two);
    for (int i = 0; i < FEW; i++) {
        long double next = (1 + beta) * s->xi[i] - beta * s->before[i] - alpha * eigenvalue[i] * s->y[i];
        s->before[i] = s->xi[i];
        s->xi[i] = next;
        s->y[i] = (1 + gamma) * next - gamma * s->before[i];
        if (rho == 0) continue;
        long double g = eigenvalue[i] * s->q[i], nu = 1 - gamma * (1 - beta) / beta;
        s->d[i] = beta * s->d[i] + (1 - beta) * g;
        s->q[i] -= alpha / (1 - beta) * ((1 - nu) * g + nu * s->d[i]);
    }
}

static void equals_three_sequences(void **state)
{
    (void)state;
    for (size_t row = 0; row < ROWS(rows); row++) {
        const settings *h = &rows[row];
        luge_error err;
        luge_optimizer *opt = open_method("triple_momentum", text(h));
        long double rho = 1 - sqrtl(h->m / (long double)h->L), delta = rho * rho / (1 - rho * rho), first = 0;
        double y[FEW], g[FEW], view[FEW];
        const void *grad = g;
        void *out = view;
        sequences s = { 0 };
        memcpy(y, few, sizeof y);
        for (int i = 0; i < FEW; i++) {
            s.xi[i] = s.before[i] = s.y[i] = s.q[i] = few[i];
            eigenvalue[i] = h->m + (h->L - h->m) * (i == 0 ? 0 : i == 1 ? 1 : i == 2 ? .3 : .04);
        }
        MUST(luge_add(opt, 0, "x", LUGE_F64, y, 1, (size_t[]){ FEW }, &err));
        for (int k = 1; k <= 300; k++) {
            long double size = 0;
            quadratic(y, g);
            MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
            MUST(luge_view(opt, &out, &err));
            advance(h, &s);
            for (int i = 0; i < FEW; i++) {
                long double x = (1 + delta) * s.xi[i] - delta * s.before[i];
                CHECK(fabsl(y[i] - s.y[i]) < 1e-13L, "%s, step %d: y = %.17g and not %.17Lg", h->label, k, y[i],
                      s.y[i]);
                CHECK(fabsl(view[i] - x) < 1e-13L * (1 + delta), "%s, step %d: x = %.17g and not %.17Lg", h->label, k,
                      view[i], x);
                CHECK(rho == 0 || fabsl(s.q[i] - s.y[i]) < 1e-13L, "%s: the quasi-hyperbolic form differs", h->label);
                size += view[i] * view[i];
            }
            if (k == 1) first = sqrtl(size);
            CHECK(sqrtl(size) <= 3 * (1 + h->L / h->m) * first * powl(rho, k - 1) + 1e-13L, "%s, step %d: ‖x‖ = %Lg",
                  h->label, k, sqrtl(size));
        }
        luge_free(opt);
    }
    CHECK_END();
}

static void limits_and_refusals(void **state)
{
    double x[FEW], z[FEW];
    (void)state;
    descend("triple_momentum", "m=4 L=4", few, 20, valley, see_last, x);
    descend("sgd", "lr=0.25", few, 20, valley, see_last, z);
    for (int i = 0; i < FEW; i++)
        CHECK(fabs(x[i] - z[i]) < 1e-14, "gradient descent: %.17g and not %.17g", x[i], z[i]);
    descend("triple_momentum", "", few, 9, valley, see_last, x);
    descend("triple_momentum", "m=0.01 L=1", few, 9, valley, see_last, z);
    CHECK(!memcmp(x, z, sizeof x), "the defaults are others");
    stays_without_gradients("triple_momentum", "");
    refused("triple_momentum", "m=2 L=1", "at most L");
    refused("triple_momentum", "m=0", "m");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_three_sequences),
        cmocka_unit_test(limits_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
