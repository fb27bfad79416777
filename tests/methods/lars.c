/* LARS against a step written out for whole tensors, velocities as sums over all steps and norms taken anew, in long
 * double.  SPDX-License-Identifier: MIT */
#define SETTINGS(_)                                                                                                  \
    _(real, momentum)                                                                                                \
    _(real, dampening)                                                                                               \
    _(real, weight_decay)                                                                                            \
    _(real, trust_coeff) _(real, eps) _(flag, nesterov) _(flag, trust_clip) _(flag, always_adapt)
#include "methods/sums.h"

static const settings rows[] = {
    { "as it comes", 0, 0, 0, 1e-3, 1e-8, 0, 0, 0 },
    { "momentum", .9, 0, .1, .02, 1e-8, 0, 0, 0 },
    { "dampening", .8, .3, .1, .02, 1e-3, 0, 0, 0 },
    { "Nesterov, without decay", .9, 0, 0, .02, 1e-8, 1, 0, 1 },
    { "no ratio without decay", .9, 0, 0, .02, 1e-8, 1, 0, 0 },
    { "LARC", .7, 0, .2, .05, 1e-8, 0, 1, 0 },
    { "large eps", 0, 0, .2, .05, .5, 0, 0, 0 },
};

typedef struct memory {
    long double d[COORDINATES][STEPS + 1]; /* scaled gradients of a coordinate's own steps */
} memory;

static void tensor_step(const settings *h, const whole *w, int n, memory *m, long double *x)
{
    size_t at = tensors[n].at, length = tensors[n].n;
    int k = w->k[n];
    long double xn = sqrtl(dot(w->x + at, w->x + at, length)), gn = sqrtl(dot(w->g + at, w->g + at, length)), r = 1;
    if (xn > 0 && gn > 0) r = h->trust_coeff * xn / (gn + h->weight_decay * xn + h->eps);
    if (h->trust_clip) r = fminl(r / w->lr, 1);
    if (h->weight_decay == 0 && !h->always_adapt) r = 1;
    for (size_t i = at; i < at + length; i++) {
        long double b = 0;
        m->d[i][k] = r * (w->g[i] + h->weight_decay * w->x[i]);
        for (int j = 1; j <= k; j++)
            b += powl(h->momentum, k - j) * (j == 1 ? 1 : 1 - (long double)h->dampening) * m->d[i][j];
        if (h->momentum == 0) b = m->d[i][k];
        x[i] -= w->lr * (h->nesterov ? m->d[i][k] + h->momentum * b : b);
    }
}

static void next(const void *with, whole *w, void *at)
{
    long double x[COORDINATES];
    memcpy(x, w->x, sizeof x);
    for (int n = 0; n < TENSORS; n++)
        if (w->active[n]) tensor_step(with, w, n, at, x);
    memcpy(w->x, x, sizeof x);
}

static void equals_whole_tensors(void **state)
{
    static record r;
    static path want;
    static memory m;
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        for (int rough = 0; rough < 2; rough++) {
            record_make(&r, 141 + (uint64_t)rough, .5, -3, 0, rough);
            memset(r.x0 + tensors[1].at, 0, tensors[1].n * sizeof *r.x0); /* a tensor that starts at zero */
            by_whole(&r, next, &rows[i], &m, want);
            compare(rows[i].label, &r, "lars", text(&rows[i]), want);
        }
    CHECK_END();
}

/* vₖ = μ vₖ₋₁ + η r (gₖ + λ x) with η inside:  the same while η is constant, and another thing when it changes. */
static void step_size_outside_the_velocity(void **state)
{
    luge_error err;
    luge_optimizer *opt = open_method("lars", "lr=0.5 momentum=0.75 trust_coeff=0.25 weight_decay=0.125 eps=0");
    double x = 2, g = 1;
    const void *grad = &g;
    long double y = 2, v = 0;
    (void)state;
    MUST(luge_add(opt, 0, "x", LUGE_F64, &x, 0, NULL, &err));
    for (int k = 1; k <= 12; k++) {
        long double lr = k <= 8 ? .5L : .125L;
        if (k == 9) MUST(luge_set(opt, 0, "lr", "0.125", &err));
        MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
        v = .75L * v + lr * .25L * fabsl(y) / (1 + .125L * fabsl(y)) * (1 + .125L * y);
        y -= v;
        CHECK((fabsl(x - y) <= 8 * k * DBL_EPSILON) == (k <= 8), "step %d: %.17g and, with η inside, %.17Lg", k, x,
              y);
    }
    luge_free(opt);
    CHECK_END();
}

/* No gradient: the ratio is 1 and the decay acts in full; no weights: the ratio is 1 and they move. */
static void zero_norms(void **state)
{
    static const double none[FEW];
    double x[FEW];
    (void)state;
    decay_follows_its_closed_form("lars", "");
    stays_without_gradients("lars", "lr=0.5 momentum=0.9");
    for (int i = 0; i < FEW; i++) given[i] = i - 1.5;
    descend("lars", "lr=0.5 weight_decay=0.25", none, 1, as_given, see_last, x);
    for (int i = 0; i < FEW; i++) CHECK(x[i] == -.5 * given[i], "from zero: %.17g", x[i]);
    CHECK_END();
}

static void limits_and_refusals(void **state)
{
    static record r;
    (void)state;
    record_make(&r, 8, .01, -3, 0, true);
    same("no ratio", &r, "lars", "momentum=0.9", &r, "heavy_ball", "momentum=0.9");
    same("no ratio, Nesterov", &r, "lars", "momentum=0.9 nesterov=true", &r, "nesterov", "momentum=0.9");
    same("defaults", &r, "lars", "momentum=0 weight_decay=0.1 trust_coeff=1e-3 eps=1e-8", &r, "lars",
         "weight_decay=0.1");
    refused("lars", "nesterov=true", "nesterov");
    refused("lars", "nesterov=true momentum=0.5 dampening=0.5", "dampening");
    refused("lars", "trust_coeff=-1", "trust_coeff");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_whole_tensors),
        cmocka_unit_test(step_size_outside_the_velocity),
        cmocka_unit_test(zero_norms),
        cmocka_unit_test(limits_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
