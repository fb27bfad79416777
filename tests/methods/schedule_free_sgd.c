/* Schedule-free SGD as three sequences, the average written as a weighted sum over all base points, in long double.
 * SPDX-License-Identifier: MIT */
#define SETTINGS(_)                                                                                                  \
    _(real, momentum)                                                                                                \
    _(real, weight_decay) _(real, warmup_steps) _(real, r) _(real, weight_lr_power) _(word, weight_lr)
#include "methods/sums.h"

static const settings rows[] = {
    { "schedule-free", .9, 0, 0, 0, 2, "largest" },      { "warm-up, growing weights", .95, .1, 10, 1, 1, "largest" },
    { "present step size", .9, .2, 7, 0, 1, "present" }, { "equal weights", .5, 0, 0, 0, 0, "largest" },
    { "all of it", .3, .1, 12, 1.5, 2.5, "present" },
};

typedef struct memory {
    long double lr_max, total, z[COORDINATES], x[COORDINATES]; /* x: Σ w z / Σ w where weights fell on it */
} memory;

static long double step_size(const settings *h, const whole *w)
{
    return w->group_k < h->warmup_steps ? w->lr * w->group_k / h->warmup_steps : w->lr;
}

static void next(const void *with, whole *w, void *at)
{
    const settings *h = with;
    memory *m = at;
    long double lr = step_size(h, w), mu = h->momentum;
    if (w->t == 1)
        for (int i = 0; i < COORDINATES; i++) m->z[i] = m->x[i] = w->x[i];
    m->lr_max = fmaxl(m->lr_max, lr);
    long double weight =
        powl(w->group_k, h->r) * powl(!strcmp(h->weight_lr, "present") ? lr : m->lr_max, h->weight_lr_power);
    m->total += weight;
    for (int n = 0; n < TENSORS; n++)
        for (size_t i = tensors[n].at; i < tensors[n].at + tensors[n].n && w->active[n]; i++) {
            m->z[i] -= lr * (w->g[i] + h->weight_decay * w->x[i]);
            m->x[i] += weight / m->total * (m->z[i] - m->x[i]);
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
            record_make(&r, 71 + (uint64_t)rough, .1, -3, 0, rough);
            by_whole(&r, next, &rows[i], &m, want);
            compare(rows[i].label, &r, "schedule_free_sgd", text(&rows[i]), want);
        }
    CHECK_END();
}

/* The view is the average of all base points by the weights k^r, here on a bowl; x = y = z at the start. */
static void the_view_is_the_average(void **state)
{
    static const char *const with[] = { "lr=0.3 r=0", "lr=0.3 r=2", "lr=0.3 weight_lr=present" };
    (void)state;
    for (size_t row = 0; row < ROWS(with); row++) {
        luge_error err;
        luge_optimizer *opt = open_method("schedule_free_sgd", with[row]);
        double y[FEW], g[FEW], view[FEW];
        long double z[FEW], sum[FEW] = { 0 }, total = 0;
        const void *grad = g;
        void *out = view;
        memcpy(y, few, sizeof y);
        for (int i = 0; i < FEW; i++) z[i] = few[i];
        MUST(luge_add(opt, 0, "x", LUGE_F64, y, 1, (size_t[]){ FEW }, &err));
        MUST(luge_view(opt, &out, &err));
        CHECK(!memcmp(view, few, sizeof view), "%s: the start is not its own view", with[row]);
        for (int k = 1; k <= 50; k++) {
            long double w = row == 1 ? k * k : 1;
            for (int i = 0; i < FEW; i++) z[i] -= .3L * (g[i] = (i + 1) * y[i]);
            MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
            MUST(luge_view(opt, &out, &err));
            total += w;
            for (int i = 0; i < FEW; i++) {
                sum[i] += w * z[i];
                CHECK(fabsl(view[i] - sum[i] / total) <= 200 * DBL_EPSILON, "%s, step %d: %.17g and not %.17Lg",
                      with[row], k, view[i], sum[i] / total);
            }
        }
        luge_free(opt);
    }
    CHECK_END();
}

/* a₁ = 1: y₁ = x₁ = z₁ = x₀ - η g, whatever μ; μ near 1 takes gradients at the average: primal averaging. */
static void limits_and_refusals(void **state)
{
    static record r;
    double x[FEW];
    (void)state;
    given[0] = 1, given[1] = -2, given[2] = 0, given[3] = 1e3;
    descend("schedule_free_sgd", "lr=0.125 momentum=0.3", few, 1, as_given, see_last, x);
    for (int i = 0; i < FEW; i++) CHECK(fabs(x[i] - (few[i] - .125 * given[i])) < 1e-13, "first step to %.17g", x[i]);
    double z[FEW], mean[FEW];
    memcpy(z, few, sizeof z);
    memcpy(mean, few, sizeof z);
    for (int k = 1; k <= 30; k++)
        for (int i = 0; i < FEW; i++) {
            double g[FEW];
            if (i == 0) valley(mean, g), memcpy(given, g, sizeof g);
            z[i] -= .1 * given[i];
            if (i < FEW - 1) continue;
            for (int j = 0; j < FEW; j++) mean[j] += (z[j] - mean[j]) / k;
        }
    descend("schedule_free_sgd", "lr=0.1 momentum=0.9999999999", few, 30, valley, see_last, x);
    for (int i = 0; i < FEW; i++)
        CHECK(fabs(x[i] - mean[i]) < 1e-8, "primal averaging: %.17g and not %.17g", x[i], mean[i]);
    record_make(&r, 6, .01, -3, 1, true);
    same("defaults", &r, "schedule_free_sgd",
         "momentum=0.9 weight_decay=0 warmup_steps=0 r=0 weight_lr_power=2 weight_lr=largest", &r,
         "schedule_free_sgd", "");
    stays_without_gradients("schedule_free_sgd", "lr=0.5");
    descend("schedule_free_sgd", "lr=0", few, 3, valley, see_last, x);
    CHECK(!memcmp(x, few, sizeof x), "lr = 0 moves to %g", x[0]);
    refused("schedule_free_sgd", "momentum=0", "momentum");
    refused("schedule_free_sgd", "momentum=1", "momentum");
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
