/* MARS against a step written out for whole tensors, moments as sums over all steps, in long double.
 * SPDX-License-Identifier: MIT */
/* clang-format off */
#define SETTINGS(_) \
    _(real, beta1) _(real, beta2) _(real, eps) _(real, weight_decay) _(real, gamma) _(word, base) \
    _(flag, exact) _(flag, amsgrad) _(flag, optimize_1d) _(real, lr_1d) _(real, beta1_1d) _(real, beta2_1d) _(real, weight_decay_1d)
/* clang-format on */
#include "methods/sums.h"

static const settings rows[] = {
    { "MARS", .95, .99, 1e-8, 0, .025, "adamw", 0, 0, 0, 3e-3, .9, .95, .1 },
    { "decay", .8, .9, 1e-3, .3, .5, "adamw", 0, 0, 0, .02, .7, .8, .2 },
    { "every tensor", .9, .95, 1e-2, .1, .1, "adamw", 0, 0, 1, 1, 0, 0, 0 },
    { "largest moment", .9, .7, 1e-3, .1, .1, "adamw", 0, 1, 0, .01, .9, .6, .1 },
    { "Lion", .9, .99, 1e-8, .2, .025, "lion", 0, 0, 0, .01, .9, .95, .1 },
    { "Lion, every tensor", .8, .99, 1e-8, .2, .3, "lion", 0, 0, 1, 1, 0, 0, 0 },
    { "exact", .95, .99, 1e-8, .1, .05, "adamw", 1, 0, 0, .01, .9, .95, .1 },
    { "exact, every tensor, largest moment", .9, .8, 1e-3, .1, .4, "adamw", 1, 1, 1, 1, 0, 0, 0 },
    { "exact Lion", .9, .99, 1e-8, 0, .3, "lion", 1, 0, 1, 1, 0, 0, 0 },
};

/* The gradients of each batch at the parameters of the step before. */
static record previous;
static int clipped, whole_ones;

typedef struct memory {
    long double c[COORDINATES][STEPS + 1], last[COORDINATES]; /* what each coordinate's own steps were fed with */
} memory;

/* cₖ of a tensor, clipped */
static void corrected(const settings *h, const whole *w, int n, memory *m)
{
    size_t at = tensors[n].at, length = tensors[n].n;
    int k = w->k[n];
    long double c[COORDINATES], strength = h->gamma * (long double)h->beta1 / (1 - (long double)h->beta1);
    for (size_t i = at; i < at + length; i++) {
        long double l = h->exact ? (long double)previous.g[w->t][i] : m->last[i];
        c[i] = w->g[i] + strength * (w->g[i] - l);
        m->last[i] = w->g[i];
    }
    long double norm = sqrtl(dot(c + at, c + at, length));
    ++*(norm > 1 ? &clipped : &whole_ones);
    for (size_t i = at; i < at + length; i++) m->c[i][k] = norm > 1 ? c[i] / norm : c[i];
}

static void tensor_step(const settings *h, whole *w, int n, memory *m)
{
    bool rule = h->optimize_1d || tensors[n].ndim == 2, lion = rule && !strcmp(h->base, "lion");
    int k = w->k[n];
    long double lr = rule ? w->lr : h->lr_1d, b1 = rule ? h->beta1 : h->beta1_1d, b2 = rule ? h->beta2 : h->beta2_1d;
    long double keep = 1 - lr * (rule ? h->weight_decay : h->weight_decay_1d);
    size_t at = tensors[n].at;
    if (rule) corrected(h, w, n, m);
    for (size_t i = at; i < at + tensors[n].n; i++) {
        long double v = 0;
        if (!rule) m->c[i][k] = w->g[i];
        long double first = mean(b1, k, m->c[i], 1);
        for (int j = rule && h->amsgrad ? 1 : k; j <= k; j++) v = fmaxl(v, mean(b2, j, m->c[i], 2));
        long double u =
            lion ? ratio_sign(first) : first / correction(b1, k) / (sqrtl(v / correction(b2, k)) + h->eps);
        CHECK(!lion || first == 0 || fabsl(first) > 1e-9L, "%s: step %d is at a sign's turn", h->label, w->t);
        w->x[i] = keep * w->x[i] - lr * u;
    }
}

static void next(const void *with, whole *w, void *at)
{
    for (int n = 0; n < TENSORS; n++)
        if (w->active[n]) tensor_step(with, w, n, at);
}

/* The method on the record, with the further input; f64. */
static void play_exact(const settings *h, const record *r, path want)
{
    luge_error err;
    luge_optimizer *opt = open_method("mars", text(h));
    double x[COORDINATES], g[COORDINATES], l[COORDINATES];
    long double way[COORDINATES];
    for (int i = 0; i < COORDINATES; i++) way[i] = fabs(x[i] = r->x0[i]);
    for (const tensor *n = tensors; n < tensors + TENSORS; n++)
        MUST(luge_add(opt, 0, n->name, LUGE_F64, x + n->at, n->ndim, n->shape, &err));
    for (int t = 1; t <= STEPS; t++) {
        const void *grad[TENSORS], *last[TENSORS];
        luge_input extra = { "prev_grad", last };
        memcpy(g, r->g[t], sizeof g);
        memcpy(l, previous.g[t], sizeof l);
        for (int n = 0; n < TENSORS; n++) {
            grad[n] = r->absent[t][n] ? NULL : g + tensors[n].at;
            last[n] = tensors[n].ndim == 2 || h->optimize_1d ? l + tensors[n].at : NULL; /* no others need it */
        }
        MUST(luge_set_real(opt, 0, "lr", r->lr[t], &err));
        MUST(luge_step(opt, &(luge_inputs){ .grad = grad, .extra = &extra, .extras = 1 }, &err));
        for (int i = 0; i < COORDINATES; i++) {
            way[i] += fabsl(want[t][i] - want[t - 1][i]);
            CHECK(fabsl(x[i] - want[t][i]) <= 4 * (t + 4) * DBL_EPSILON * way[i],
                  "%s, step %d, coordinate %d: %.17g and not %.17Lg", h->label, t, i, x[i], want[t][i]);
        }
    }
    luge_free(opt);
}

static void equals_whole_tensors(void **state)
{
    static record r;
    static path want;
    static memory m;
    (void)state;
    record_make(&previous, 163, 1, -3, 0, false);
    for (size_t i = 0; i < ROWS(rows); i++)
        for (int rough = 0; rough < 2; rough++) {
            memset(&m, 0, sizeof m);
            record_make(&r, 161 + (uint64_t)rough, .01, -3, .3, rough);
            by_whole(&r, next, &rows[i], &m, want);
            if (rows[i].exact)
                play_exact(&rows[i], &r, want);
            else
                compare(rows[i].label, &r, "mars", text(&rows[i]), want);
        }
    CHECK(clipped > 100 && whole_ones > 100, "%d clipped, %d not", clipped, whole_ones);
    CHECK_END();
}

/* gamma = 0 without clipping (gradients below 1 in norm): AdamW, or the sign of the momentum. */
static void without_correction_it_is_its_base(void **state)
{
    static record r;
    (void)state;
    record_make(&r, 6, .01, -4, -1.5, true);
    like("AdamW", &r, "mars", "gamma=0 beta1=0.9 beta2=0.95 weight_decay=0.1 optimize_1d=true", "adamw",
         "beta1=0.9 beta2=0.95 weight_decay=0.1");
    like("signum", &r, "mars", "gamma=0 beta1=0.9 base=lion weight_decay=0.1 optimize_1d=true", "signum",
         "momentum=0.9 weight_decay=0.1 decoupled=true");
    like("AMSGrad", &r, "mars", "gamma=0 beta1=0.9 beta2=0.5 amsgrad=true optimize_1d=true", "amsgrad",
         "beta1=0.9 beta2=0.5");
    CHECK_END();
}

/* Step 1 of a matrix of one, with gradient 1/4, γ = 1/2 and β₁ = 1/2: c₁ = g + γ g as released, where l₁ = 0; and g
 * with l₁ = g, the paper's start of two equal points. */
static void first_step(void **state)
{
    (void)state;
    for (int exact = 0; exact < 2; exact++) {
        luge_error err;
        luge_optimizer *opt = open_method("mars", exact ? "gamma=0.5 beta1=0.5 exact=true" : "gamma=0.5 beta1=0.5");
        double x = 1, g = .25;
        const void *grad = &g;
        luge_input extra = { "prev_grad", &grad };
        MUST(luge_add(opt, 0, "x", LUGE_F64, &x, 2, (size_t[]){ 1, 1 }, &err));
        CHECK(luge_needs(opt, "prev_grad") == exact, "exact %d: what it needs", exact);
        CHECK(!exact || luge_step(opt, &(luge_inputs){ .grad = &grad }, &err) == LUGE_E_INPUT, "it was not missed");
        MUST(luge_step(opt, &(luge_inputs){ .grad = &grad, .extra = &extra, .extras = 1 }, &err));
        double m = *(double *)luge_state(opt, 0, "exp_avg", 0);
        CHECK(m == (exact ? .125 : .1875), "exact %d: m = %g", exact, m);
        CHECK((luge_state(opt, 0, "last_grad", 0) == NULL) == exact, "exact %d: the stored gradient", exact);
        luge_free(opt);
    }
    CHECK_END();
}

static void limits_and_refusals(void **state)
{
    static record r;
    (void)state;
    record_make(&r, 6, .01, -4, 0, true);
    same("defaults", &r, "mars", "beta1=0.95 beta2=0.99 eps=1e-8 weight_decay=0 gamma=0.025 base=adamw lr_1d=3e-3",
         &r, "mars", "");
    decay_follows_its_closed_form("mars", "optimize_1d=true");
    decay_follows_its_closed_form("mars", "optimize_1d=true base=lion");
    decay_follows_its_closed_form("mars", "lr_1d=0.25 weight_decay_1d=0.5");
    stays_without_gradients("mars", "weight_decay_1d=0");
    refused("mars", "base=sgd", "adamw");
    refused("mars", "beta1=1", "beta1");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_whole_tensors),
        cmocka_unit_test(without_correction_it_is_its_base),
        cmocka_unit_test(first_step),
        cmocka_unit_test(limits_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
