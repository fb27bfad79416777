/* Adan against moments written as weighted sums over all gradients and their differences, in long double.
 * SPDX-License-Identifier: MIT */
#define SETTINGS(_)                                                                                                  \
    _(real, beta1)                                                                                                   \
    _(real, beta2) _(real, beta3) _(real, eps) _(real, weight_decay) _(flag, no_prox) _(real, max_grad_norm)
#include "methods/sums.h"

static const settings rows[] = {
    { "Adan", .98, .92, .99, 1e-8, 0, false, NAN },       { "decay after", .9, .8, .95, 1e-3, .3, false, NAN },
    { "decay before", .9, .8, .95, 1e-3, .3, true, 0 },   { "clipped", .98, .92, .99, 1e-3, .1, false, 2 },
    { "clipped at times", .5, .9, .8, 1e-2, 0, true, 9 }, { "no memory", 0, 0, 0, 1e-3, 0, false, NAN },
};
static int clipped, whole_steps;

/* All gradients of each tensor so far, clipped; their order is the tensor's own. */
typedef struct memory {
    long double g[COORDINATES][STEPS + 1];
} memory;

static void next(const void *with, whole *w, void *at)
{
    const settings *h = with;
    memory *m = at;
    long double norm = 0, c = 1, b2 = h->beta2;
    for (int n = 0; n < TENSORS; n++)
        for (size_t i = tensors[n].at; i < tensors[n].at + tensors[n].n && w->active[n]; i++)
            norm += w->g[i] * w->g[i];
    if (h->max_grad_norm > 0) c = fminl(1, h->max_grad_norm / (sqrtl(norm) + h->eps));
    if (h->max_grad_norm > 0) ++*(c < 1 ? &clipped : &whole_steps);
    for (int n = 0; n < TENSORS; n++)
        for (size_t i = tensors[n].at; i < tensors[n].at + tensors[n].n && w->active[n]; i++) {
            long double d[STEPS + 1] = { 0 }, u[STEPS + 1] = { 0 }, *g = m->g[i];
            int k = w->k[n];
            g[k] = c * w->g[i];
            for (int j = 1; j <= k; j++) {
                d[j] = j > 1 ? g[j] - g[j - 1] : 0;
                u[j] = g[j] + b2 * d[j];
            }
            long double top = mean(h->beta1, k, g, 1) / correction(h->beta1, w->group_k) +
                              b2 * mean(b2, k, d, 1) / correction(b2, w->group_k);
            long double step =
                w->lr * top / (sqrtl(mean(h->beta3, k, u, 2) / correction(h->beta3, w->group_k)) + h->eps);
            long double decay = w->lr * h->weight_decay;
            w->x[i] = h->no_prox ? (1 - decay) * w->x[i] - step : (w->x[i] - step) / (1 + decay);
        }
}

static void equals_sums_over_all_gradients(void **state)
{
    static record r;
    static path want;
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        for (int rough = 0; rough < 2; rough++) {
            memory m = { 0 };
            record_make(&r, 91 + (uint64_t)rough, .01, -3, 1, rough);
            by_whole(&r, next, &rows[i], &m, want);
            compare(rows[i].label, &r, "adan", text(&rows[i]), want);
        }
    CHECK(clipped > 20 && whole_steps > 20, "%d steps clipped, %d not", clipped, whole_steps);
    CHECK_END();
}

/* The first difference is 0, so the first step is η g / (|g| + ε). */
static long double eps_step(long double g) { return .01L * g / (fabsl(g) + 1e-8L); }

static void limits_and_refusals(void **state)
{
    static record r;
    double x[FEW];
    (void)state;
    record_make(&r, 6, .01, -3, 1, true);
    first_step_is("adan", "lr=0.01", eps_step);
    same("defaults", &r, "adan",
         "beta1=0.98 beta2=0.92 beta3=0.99 eps=1e-8 weight_decay=0 no_prox=false max_grad_norm=none", &r, "adan", "");
    same("clip at 0", &r, "adan", "max_grad_norm=0", &r, "adan", "");
    record_make(&r, 7, .01, -3, 1, false);
    like("β₂ = 0 is Adam", &r, "adan", "beta1=0.9 beta2=0 beta3=0.999", "adam", "");
    stays_without_gradients("adan", "lr=0.5 max_grad_norm=1");
    decay_follows_its_closed_form("adan", "no_prox=true");
    memset(given, 0, sizeof given);
    descend("adan", "lr=0.25 weight_decay=0.5", few, 9, as_given, see_last, x);
    for (int i = 0; i < FEW; i++) CHECK(fabs(x[i] - pow(1.125, -9) * few[i]) < 1e-14, "decay to %.17g", x[i]);
    constants_have_a_limit("adan", "");
    refused("adan", "beta3=1", "beta3");
    refused("adan", "max_grad_norm=-1", "max_grad_norm");
    CHECK_END();
}

/* A norm that is NaN is not a norm below the limit. */
static void nan_reaches_all(void **state)
{
    double x[FEW];
    (void)state;
    given[0] = (double)NAN, given[1] = given[2] = given[3] = 1;
    descend("adan", "max_grad_norm=1", few, 1, as_given, see_last, x);
    CHECK(isnan(x[0]) && isnan(x[3]), "%g %g", x[0], x[3]);
    descend("adan", "", few, 1, as_given, see_last, x);
    CHECK(isnan(x[0]) && !isnan(x[3]), "%g %g", x[0], x[3]);
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_sums_over_all_gradients),
        cmocka_unit_test(limits_and_refusals),
        cmocka_unit_test(nan_reaches_all),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
