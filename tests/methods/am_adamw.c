/* Adaptive-memory AdamW against its model of two planes, solved numerically in every step, in long double.
 * SPDX-License-Identifier: MIT */
#define SETTINGS(_) _(real, beta1_max) _(real, beta2) _(real, eps) _(real, lam) _(real, weight_decay)
#include "methods/sums.h"

static const settings rows[] = {
    { "AM-AdamW", .89, .999, 1e-8, .1, 0 }, { "decay", .85, .99, 1e-3, .1, .3 },
    { "no pull", .9, .9, 1e-3, 0, .1 },     { "strong pull", .6, .95, 1e-2, 5, 0 },
    { "no memory", 0, .99, 1e-3, .2, 0 },   { "large eps", .9, .99, .5, .1, .2 },
};
static int at_zero, between, at_most;

typedef struct memory {
    long double d[COORDINATES], product[TENSORS], lr[TENSORS];
} memory;

/* The metric P of a tensor's coordinate, v a sum over all its gradients. */
static long double metric(const settings *h, const whole *w, const memory *m, int n, size_t i)
{
    long double v = 0, weight = 1 - (long double)h->beta2;
    for (int t = w->t; t >= 1; t--) {
        if (w->r->absent[t][n]) continue;
        v += weight * w->r->g[t][i] * w->r->g[t][i];
        weight *= h->beta2;
    }
    return (1 - h->beta1_max * m->product[n]) * (sqrtl(v / correction(h->beta2, w->k[n])) + h->eps);
}

/* The weight β of the memory's plane with which the least point of
 *     max(⟨g,z⟩, Δ + ⟨d,z⟩) + Σ P z²/2η + λ Σ (P z + η d)²/2η
 * lies where both planes are equal, by bisection of their difference, which falls with β.  Decay moves the point on
 * by -η λ_w x, and scales the gap Δ by 1 + η λ_w. */
static long double weight(const settings *h, const whole *w, const memory *m, int n, const long double *P)
{
    const tensor *t = &tensors[n];
    long double low = 0, high = h->beta1_max, lam = h->lam, mu = h->weight_decay;
    for (int turn = 0; turn < 200; turn++) {
        long double beta = turn == 0 ? low : turn == 1 ? high : (low + high) / 2, first = 0, second = 0;
        for (size_t i = t->at; i < t->at + t->n; i++) {
            long double d = m->d[i], g = w->g[i];
            long double z = -w->lr * ((1 - beta) * g + beta * d + lam * P[i] * d) / (P[i] + lam * P[i] * P[i]);
            first += g * (z - w->lr * mu * w->x[i]);
            second += (1 + mu * w->lr) * m->lr[n] * g * (d / P[i] + mu * w->x[i]) + d * (z - w->lr * mu * w->x[i]);
        }
        if (turn == 0 && second <= first) return at_zero++, 0;
        if (turn == 1 && second >= first) return at_most++, high;
        if (turn > 1 && second > first) low = beta;
        if (turn > 1 && second <= first) high = beta;
    }
    between++;
    return low;
}

static void next(const void *with, whole *w, void *at)
{
    const settings *h = with;
    memory *m = at;
    for (int n = 0; n < TENSORS; n++) {
        const tensor *t = &tensors[n];
        long double P[COORDINATES], lam = h->lam;
        if (!w->active[n]) continue;
        if (w->k[n] == 1) m->product[n] = 1;
        for (size_t i = t->at; i < t->at + t->n; i++) P[i] = metric(h, w, m, n, i);
        long double beta = w->k[n] == 1 ? h->beta1_max : weight(h, w, m, n, P);
        for (size_t i = t->at; i < t->at + t->n; i++) {
            m->d[i] = ((1 - beta) * w->g[i] + (lam * P[i] + beta) * m->d[i]) / (1 + lam * P[i]);
            w->x[i] = (1 - w->lr * h->weight_decay) * w->x[i] - w->lr * m->d[i] / P[i];
        }
        m->product[n] *= beta;
        m->lr[n] = w->lr;
    }
}

static void solves_the_model(void **state)
{
    static record r;
    static path want;
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        for (int rough = 0; rough < 2; rough++) {
            memory m = { 0 };
            record_make(&r, 61 + (uint64_t)rough, .01, -1, 0, rough);
            by_whole(&r, next, &rows[i], &m, want);
            compare(rows[i].label, &r, "am_adamw", text(&rows[i]), want);
        }
    CHECK(at_zero > 20 && between > 20 && at_most > 20, "β at 0 %d times, at most %d, between %d", at_zero, at_most,
          between);
    CHECK_END();
}

/* λ = 0 while β = β_max: gradients of 1 that do not change make ⟨g,d⟩ so large that the memory has all the weight,
 * and the method is AdamW. */
static void saturated_it_is_adamw(void **state)
{
    double x[FEW], y[FEW];
    (void)state;
    for (int i = 0; i < FEW; i++) given[i] = 1;
    descend("am_adamw", "lr=0.01 beta1_max=0.8 beta2=0.9 lam=0 eps=0.1 weight_decay=0.3", few, 30, as_given, see_last,
            x);
    descend("adamw", "lr=0.01 beta1=0.8 beta2=0.9 eps=0.1 weight_decay=0.3", few, 30, as_given, see_last, y);
    for (int i = 0; i < FEW; i++) CHECK(fabs(x[i] - y[i]) < 1e-14, "%.17g and not %.17g", x[i], y[i]);
    CHECK_END();
}

/* One coordinate, λ = 0, P of the same size in all steps. */
static void take(luge_optimizer *opt, double *g, double value, double lr)
{
    luge_error err;
    const void *grad = g;
    *g = value;
    MUST(luge_set_real(opt, 0, "lr", lr, &err));
    MUST(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err));
}

/* η = 0 leaves out the gap:  β = g / (g - d) = ½ of d = 0.4 and g = -0.4, so that d = 0 follows.
 * d = g leaves β = 0, and with it Π: the third step is η g / |g|. */
static void known_steps(void **state)
{
    static const char *const with[] = { "lam=0 beta1_max=0.8 beta2=0 eps=0.1", "lam=0 beta1_max=0.5 beta2=0 eps=0" };
    (void)state;
    for (int row = 0; row < 2; row++) {
        luge_error err;
        luge_optimizer *opt = open_method("am_adamw", with[row]);
        double x = 0, g, before;
        MUST(luge_add(opt, 0, "x", LUGE_F64, &x, 0, NULL, &err));
        take(opt, &g, 2, .01);
        take(opt, &g, row ? 1 : -.4, row ? .01 : 0);
        double d = *(double *)luge_state(opt, 0, "exp_avg", 0);
        before = x;
        take(opt, &g, 1, .01);
        if (row)
            CHECK(d == 1 && fabs(before - x - .01) < 1e-17, "after d = g a step of %.17g", before - x);
        else
            CHECK(fabs(d) < 1e-16, "without a step size d = %g", d);
        luge_free(opt);
    }
    CHECK_END();
}

static long double eps_step(long double g) { return .01L * g / (fabsl(g) + 1e-8L); }

static void limits_and_refusals(void **state)
{
    static record r;
    double x[FEW];
    (void)state;
    record_make(&r, 6, .01, -3, 1, true);
    same("defaults", &r, "am_adamw", "beta1_max=0.89 beta2=0.999 eps=1e-8 lam=0.1 weight_decay=0", &r, "am_adamw",
         "");
    first_step_is("am_adamw", "lr=0.01 lam=0", eps_step);
    constants_have_a_limit("am_adamw", "");
    stays_without_gradients("am_adamw", "lr=0.5");
    decay_follows_its_closed_form("am_adamw", "");
    given[0] = given[1] = given[2] = given[3] = 1;
    descend("am_adamw", "lr=0", few, 3, as_given, see_last, x); /* without the gap that lr would divide */
    CHECK(!memcmp(x, few, sizeof x), "lr = 0 moves to %g", x[0]);
    refused("am_adamw", "beta1_max=1", "beta1_max");
    refused("am_adamw", "lam=-1", "lam");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(solves_the_model),
        cmocka_unit_test(saturated_it_is_adamw),
        cmocka_unit_test(known_steps),
        cmocka_unit_test(limits_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
