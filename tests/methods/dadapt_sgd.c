/* D-Adapted SGD against its sum of steps written out, and the numerator of the estimate in its other form, in long
 * double:  2 A = ‖s‖² - Σ η² ‖g‖².  SPDX-License-Identifier: MIT */
#define SETTINGS(_) _(real, momentum) _(real, weight_decay) _(real, d0) _(real, growth_rate)
#include "methods/sums.h"

static const settings rows[] = {
    { "as it comes", 0, 0, 1e-4, NAN },
    { "momentum", .8, 0, 1e-3, NAN },
    { "decay", 0, .1, 1e-2, NAN },
    { "slow growth", .5, .2, 1e-3, 1.05 },
};
static int grown, limited, kept;

typedef struct memory {
    long double G, d, squares, s[COORDINATES], start[COORDINATES];
} memory;

static void next(const void *with, whole *w, void *at)
{
    const settings *h = with;
    memory *m = at;
    long double norm = 0, mu = h->momentum;
    if (w->t == 1) {
        *m = (memory){ .d = h->d0 };
        memcpy(m->start, w->x, sizeof w->x);
        for (int n = 0; n < TENSORS; n++)
            if (w->active[n]) m->G += dot(w->g + tensors[n].at, w->g + tensors[n].at, tensors[n].n);
        m->G = sqrtl(m->G);
    }
    long double eta = m->d * w->lr / m->G;
    for (int n = 0; n < TENSORS; n++)
        for (size_t i = tensors[n].at; i < tensors[n].at + tensors[n].n && w->active[n]; i++) {
            long double g = w->g[i] + h->weight_decay * w->x[i];
            m->s[i] += eta * g;
            m->squares += eta * eta * g * g;
        }
    /* The estimate's norm is of the tensors that take part in the step. */
    for (int n = 0; n < TENSORS; n++)
        if (w->active[n]) norm += dot(m->s + tensors[n].at, m->s + tensors[n].at, tensors[n].n);
    long double hat = norm > 0 ? (dot(m->s, m->s, COORDINATES) - m->squares) / sqrtl(norm) : 0;
    long double most = isnan(h->growth_rate) ? hat : h->growth_rate * m->d;
    ++*(hat <= m->d ? &kept : hat > most ? &limited : &grown);
    m->d = fmaxl(m->d, fminl(hat, most));
    for (int n = 0; n < TENSORS; n++)
        for (size_t i = tensors[n].at; i < tensors[n].at + tensors[n].n && w->active[n]; i++)
            w->x[i] = mu * w->x[i] + (1 - mu) * (m->start[i] - m->s[i]);
}

static void equals_the_sum_of_steps(void **state)
{
    static record r;
    static path want;
    static memory m;
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        for (int rough = 0; rough < 2; rough++) {
            record_make(&r, 151 + (uint64_t)rough, 1, -3, 0, rough);
            by_whole(&r, next, &rows[i], &m, want);
            compare(rows[i].label, &r, "dadapt_sgd", text(&rows[i]), want);
        }
    CHECK(grown > 5 && limited > 5 && kept > 5, "d grew %d times, was limited %d times, stayed %d times", grown,
          limited, kept);
    CHECK_END();
}

/* growth_rate = 1: gradient descent of step size d₀ η / G. */
static long double G;
static long double descent(const void *h, int k, const long double *g, const long double *x, const long double *lr)
{
    (void)h;
    return x[k - 1] - lr[k] * .125L / G * g[k];
}
static void without_growth_it_is_gradient_descent(void **state)
{
    static record r;
    static path want;
    (void)state;
    record_make(&r, 19, 1, -3, 0, false);
    for (int i = 0; i < COORDINATES; i++) G += (long double)r.g[1][i] * r.g[1][i];
    G = sqrtl(G);
    by_rule(&r, descent, NULL, want);
    compare("descent", &r, "dadapt_sgd", "growth_rate=1 d0=0.125", want);
    CHECK_END();
}

/* f = |x - 1| from 0: d/2 is a lower bound of the distance 1 at all times, and grows to some part of it. */
static void half_the_estimate_is_a_lower_bound(void **state)
{
    luge_error err;
    luge_optimizer *opt = open_method("dadapt_sgd", "");
    double x = 0, g, last = 0, d = 0;
    const void *grad = &g;
    (void)state;
    MUST(luge_add(opt, 0, "x", LUGE_F64, &x, 0, NULL, &err));
    for (int k = 0; k < 300; k++) {
        g = x < 1 ? -1 : 1;
        last = *(double *)luge_state(opt, 0, "s", 0);
        MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
        d = fabs(*(double *)luge_state(opt, 0, "s", 0) - last); /* η |g| / G, and G = 1 */
        CHECK(d <= 2, "step %d: d = %g", k, d);
    }
    CHECK(d > .01, "d has only grown to %g", d);
    luge_free(opt);
    CHECK_END();
}

static void limits_and_refusals(void **state)
{
    static record r;
    double x[FEW];
    (void)state;
    record_make(&r, 6, 1, -3, 0, true);
    same("defaults", &r, "dadapt_sgd", "momentum=0 weight_decay=0 d0=1e-6 growth_rate=none", &r, "dadapt_sgd", "");
    stays_without_gradients("dadapt_sgd", "");
    memset(given, 0, sizeof given);
    given[0] = 3, given[1] = 4;
    descend("dadapt_sgd", "d0=0.5", few, 1, as_given, see_last, x);
    CHECK(fabs(x[0] - few[0] + .3) < 1e-15 && fabs(x[1] - few[1] + .4) < 1e-15 && x[2] == few[2], "%g %g", x[0],
          x[1]);
    refused("dadapt_sgd", "d0=0", "d0");
    refused("dadapt_sgd", "momentum=1", "momentum");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_the_sum_of_steps),
        cmocka_unit_test(without_growth_it_is_gradient_descent),
        cmocka_unit_test(half_the_estimate_is_a_lower_bound),
        cmocka_unit_test(limits_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
