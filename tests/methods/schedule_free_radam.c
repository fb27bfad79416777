/* Schedule-free RAdam as three sequences, v as a sum over all gradients and ρ as a mean age, in long double.
 * SPDX-License-Identifier: MIT */
#define SETTINGS(_)                                                                                                  \
    _(real, beta1)                                                                                                   \
    _(real, beta2)                                                                                                   \
    _(real, eps)                                                                                                     \
    _(real, weight_decay) _(real, r) _(real, weight_lr_power) _(word, weight_lr) _(flag, silent_sgd_phase)
#include "methods/sums.h"

static const settings rows[] = {
    { "silent", .9, .95, 1e-8, .1, 0, 2, "largest", true },
    { "SGD first", .9, .99, 1e-3, 0, 0, 2, "largest", false },
    { "weights", .6, .9, 1e-3, .2, 1, 1, "present", true },
    { "never rectified", .8, .5, 1e-3, .2, 0, 2, "largest", false },
    { "never moves", .8, .55, 1e-3, .2, 0, 2, "largest", true },
};

/* ρₖ, of which f64 loses the digits of ρ∞/ρₖ: the length of the plain mean whose gradients are as old, on average, as
 * those of v. */
static long double rectification(const settings *h, int k)
{
    long double b = h->beta2, sum = 0, ages = 0, end = (1 + b) / (1 - b);
    for (int age = 0; age < k; age++) {
        sum += powl(b, age);
        ages += age * powl(b, age);
    }
    long double rho = 1 + 2 * ages / sum;
    CHECK(fabsl(rho - 4) > 1e-6L, "%s: ρ is at its threshold", h->label);
    return rho > 4 ? sqrtl((rho - 4) / (end - 4) * (rho - 2) / (end - 2) * end / rho) : 0;
}

typedef struct memory {
    long double lr_max, total, z[COORDINATES], x[COORDINATES];
} memory;

static void next(const void *with, whole *w, void *at)
{
    const settings *h = with;
    memory *m = at;
    long double rect = rectification(h, w->group_k), lr = w->lr * (rect > 0 ? rect : h->silent_sgd_phase ? 0 : 1);
    long double mu = h->beta1;
    if (w->t == 1)
        for (int i = 0; i < COORDINATES; i++) m->z[i] = m->x[i] = w->x[i];
    m->lr_max = fmaxl(m->lr_max, lr);
    long double weight =
        powl(w->group_k, h->r) * powl(!strcmp(h->weight_lr, "present") ? lr : m->lr_max, h->weight_lr_power);
    m->total += weight;
    for (int n = 0; n < TENSORS; n++)
        for (size_t i = tensors[n].at; i < tensors[n].at + tensors[n].n && w->active[n]; i++) {
            long double v = 0, age = 1 - (long double)h->beta2;
            for (int t = w->t; t >= 1; t--) {
                if (w->r->absent[t][n]) continue;
                v += age * w->r->g[t][i] * w->r->g[t][i];
                age *= h->beta2;
            }
            long double u = rect > 0 ? w->g[i] / (sqrtl(v / correction(h->beta2, w->group_k)) + h->eps) : w->g[i];
            m->z[i] -= lr * (u + h->weight_decay * w->x[i]);
            if (m->total > 0) m->x[i] += weight / m->total * (m->z[i] - m->x[i]);
            w->x[i] = mu * m->x[i] + (1 - mu) * m->z[i];
        }
}

static void equals_three_sequences(void **state)
{
    static record r;
    static path want;
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        for (int rough = 0; rough < 2; rough++) {
            memory m = { 0 };
            record_make(&r, 81 + (uint64_t)rough, .01, -3, 0, rough);
            by_whole(&r, next, &rows[i], &m, want);
            compare(rows[i].label, &r, "schedule_free_radam", text(&rows[i]), want);
        }
    CHECK_END();
}

/* y = β₁ x + (1-β₁) z of the view x and the slot z; β₂ = 0.9 has ρ > 4 from step 6 on, before which nothing moves. */
static void the_view_is_the_average(void **state)
{
    luge_error err;
    luge_optimizer *opt = open_method("schedule_free_radam", "lr=0.1 beta1=0.7 beta2=0.9");
    double y[FEW], g[FEW], view[FEW];
    long double sum[FEW] = { 0 }, total = 0, lr_max = 0;
    const void *grad = g;
    void *out = view;
    settings h = { "view", .7, .9, 1e-8, 0, 0, 2, "largest", true };
    (void)state;
    memcpy(y, few, sizeof y);
    MUST(luge_add(opt, 0, "x", LUGE_F64, y, 1, (size_t[]){ FEW }, &err));
    for (int k = 1; k <= 40; k++) {
        long double lr = .1L * rectification(&h, k);
        valley(y, g);
        MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
        MUST(luge_view(opt, &out, &err));
        CHECK(!memcmp(y, few, sizeof y) == (lr == 0), "step %d has ρ %s 4", k, lr > 0 ? "above" : "below");
        lr_max = fmaxl(lr_max, lr);
        total += lr_max * lr_max;
        for (int i = 0; i < FEW && total > 0; i++) {
            sum[i] += lr_max * lr_max * ((double *)luge_state(opt, 0, "z", 0))[i];
            CHECK(fabsl(view[i] - sum[i] / total) <= 200 * DBL_EPSILON, "step %d: %.17g and not %.17Lg", k, view[i],
                  sum[i] / total);
        }
    }
    luge_free(opt);
    CHECK_END();
}

static void limits_and_refusals(void **state)
{
    static record r;
    (void)state;
    record_make(&r, 6, .01, -3, 1, true);
    like("SGD phase", &r, "schedule_free_radam", "beta2=0.5 silent_sgd_phase=false weight_decay=0.1",
         "schedule_free_sgd", "weight_decay=0.1");
    same(
        "defaults", &r, "schedule_free_radam",
        "beta1=0.9 beta2=0.999 eps=1e-8 weight_decay=0 r=0 weight_lr_power=2 weight_lr=largest silent_sgd_phase=true",
        &r, "schedule_free_radam", "");
    stays_without_gradients("schedule_free_radam", "lr=0.5 silent_sgd_phase=false");
    refused("schedule_free_radam", "beta1=0", "beta1");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_three_sequences),
        cmocka_unit_test(the_view_is_the_average),
        cmocka_unit_test(limits_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
