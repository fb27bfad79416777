/* Schedule-free Polyak steps against the three sequences x, y, z themselves, in long double and with x as the mean of
 * all z; the theorem's bounds on a function with a kink; and what becomes of a loss that is not there.
 * SPDX-License-Identifier: MIT */
#include "methods/reference.h"
#include <stdlib.h>

typedef struct settings {
    const char *label;
    double lr, mu, f_star, least, decay, beta2, eps; /* beta2 < 0: base = sgd */
    double lift;                                     /* of the losses */
} settings;

static const settings rows[] = {
    { "Polyak", 1e9, .9, 0, 0, 0, -1, 0, 1 },
    { "the cap holds", 1e-3, .9, 0, 0, 0, -1, 0, 50 },
    { "a lower bound", 1e9, .5, -3, 0, 0, -1, 0, 2 },
    { "a value too high: no step", 1e9, .5, 8, 0, 0, -1, 0, 1 },
    { "least denominator", 1e9, .8, 0, 2000, 0, -1, 0, 1 },
    { "decay", 1e9, .9, 0, 0, .3, -1, 0, 4 },
    { "nearly Polyak's own", 1e9, .01, 0, 0, 0, -1, 0, 1 },
    { "adamw", 1e9, .9, 0, 0, 0, .99, 1e-8, 1 },
    { "adamw, cap and decay", 2e-3, .7, .1, 0, .2, .9, 1e-3, 3 },
    { "adamw, no memory", 1e9, .9, 0, .5, 0, 0, 1e-2, 1 },
};

static const char *text(const settings *h)
{
    static char to[256];
    snprintf(to, sizeof to,
             "lr=%.17g momentum=%.17g f_star=%.17g least=%.17g weight_decay=%.17g base=%s beta2=%.17g "
             "eps=%.17g",
             h->lr, h->mu, h->f_star, h->least, h->decay, h->beta2 < 0 ? "sgd" : "adamw",
             h->beta2 < 0 ? .5 : h->beta2, h->eps);
    return to;
}

static double loss_of(const settings *h, int t) { return h->lift * (1 + (t * 37 % 11) / 4.0); }

/* D of step t: √(Σ (1-β) βᵗ⁻ʲ gⱼ² / Σ (1-β) βᵗ⁻ʲ) + ε */
static long double scale_of(const settings *h, const record *r, int t, int i)
{
    long double sum = 0, all = 0, w = 1;
    if (h->beta2 < 0) return 1;
    for (int j = t; j >= 1; j--, w *= h->beta2) {
        sum += w * r->g[j][i] * r->g[j][i];
        all += w;
    }
    return sqrtl(sum / all) + h->eps;
}

static void three_sequences(const settings *h, const record *r, path want, path seen)
{
    long double z[COORDINATES], total[COORDINATES], mu = h->mu;
    for (int i = 0; i < COORDINATES; i++) want[0][i] = total[i] = z[i] = r->x0[i];
    for (int t = 1; t <= STEPS; t++) {
        long double gap = (long double)loss_of(h, t) - h->f_star, size = 0, step = 0;
        for (int i = 0; i < COORDINATES; i++) {
            long double x = total[i] / t, g = r->g[t][i];
            gap += mu * g * (z[i] - x);
            size += g * g / scale_of(h, r, t, i);
        }
        size = fmaxl(size, h->least);
        if (size > 0) step = fminl(fmaxl(gap, 0) / size, h->lr);
        for (int i = 0; i < COORDINATES; i++) {
            z[i] -= step * ((long double)r->g[t][i] / scale_of(h, r, t, i) + h->decay * want[t - 1][i]);
            total[i] += z[i];
            seen[t][i] = total[i] / (t + 1);
            want[t][i] = mu * seen[t][i] + (1 - mu) * z[i];
        }
    }
}

/* The path y and the view x, through the public interface. */
static void play_losses(const settings *h, const record *r, luge_type type, double y[STEPS + 1][COORDINATES],
                        double x[STEPS + 1][COORDINATES])
{
    luge_error err;
    luge_optimizer *opt = open_method("schedule_free_polyak", text(h));
    double pd[COORDINATES], gd[COORDINATES], vd[COORDINATES];
    float pf[COORDINATES], gf[COORDINATES], vf[COORDINATES];
    bool wide = type == LUGE_F64;
    for (int i = 0; i < COORDINATES; i++) pf[i] = (float)(pd[i] = r->x0[i]);
    for (const tensor *n = tensors; n < tensors + TENSORS; n++)
        MUST(luge_add(opt, 0, n->name, type, wide ? (void *)(pd + n->at) : pf + n->at, n->ndim, n->shape, &err));
    for (int t = 1; t <= STEPS; t++) {
        const void *grad[TENSORS];
        void *view[TENSORS];
        double loss = loss_of(h, t);
        for (int i = 0; i < COORDINATES; i++) gf[i] = (float)(gd[i] = r->g[t][i]);
        for (int i = 0; i < TENSORS; i++) {
            grad[i] = wide ? (void *)(gd + tensors[i].at) : gf + tensors[i].at;
            view[i] = wide ? (void *)(vd + tensors[i].at) : vf + tensors[i].at;
        }
        MUST(luge_step(opt, &(luge_inputs){ .grad = grad, .loss = &loss }, &err));
        MUST(luge_view(opt, view, &err));
        for (int i = 0; i < COORDINATES; i++) {
            y[t][i] = wide ? pd[i] : (double)pf[i];
            x[t][i] = wide ? vd[i] : (double)vf[i];
        }
    }
    luge_free(opt);
}

static void equals_three_sequences(void **state)
{
    static record r;
    static path want, seen;
    static double y[STEPS + 1][COORDINATES], x[STEPS + 1][COORDINATES];
    (void)state;
    record_make(&r, 21, 0, -2, 1, false);
    for (size_t n = 0; n < ROWS(rows); n++) {
        const settings *h = &rows[n];
        three_sequences(h, &r, want, seen);
        for (int type = LUGE_F32; type <= LUGE_F64; type++) {
            long double unit = type == LUGE_F64 ? DBL_EPSILON : FLT_EPSILON, way = 1;
            play_losses(h, &r, (luge_type)type, y, x);
            for (int t = 1; t <= STEPS; t++) {
                for (int i = 0; i < COORDINATES; i++) way = fmaxl(way, fabsl(want[t][i] - want[t - 1][i]) + way);
                for (int i = 0; i < COORDINATES; i++) {
                    long double most = 16 * (t + 4) * unit * way;
                    CHECK(fabsl(y[t][i] - want[t][i]) <= most, "%s, type %d, step %d, y[%d]: %.17g, not %.17Lg",
                          h->label, type, t, i, y[t][i], want[t][i]);
                    CHECK(fabsl(x[t][i] - seen[t][i]) <= most / h->mu,
                          "%s, type %d, step %d, x[%d]: %.17g, not %.17Lg", h->label, type, t, i, x[t][i],
                          seen[t][i]);
                }
            }
            bool moved = memcmp(y[STEPS], y[1], sizeof y[1]) != 0;
            CHECK(moved == (h->f_star < 8), "%s: moved %d", h->label, moved);
        }
    }
    CHECK_END();
}

/* f = Σ cᵢ |xᵢ - 1|: convex and Lipschitz with G = ‖c‖, f* = 0 at ones. */
static const double kink[FEW] = { 1, 3, .2, 2 };

static void the_theorem_holds(void **state)
{
    (void)state;
    for (int m = 0; m < 4; m++) {
        static const double mu[] = { .1, .5, .9, .99 };
        luge_error err;
        char settings[64];
        snprintf(settings, sizeof settings, "lr=1e30 momentum=%g", mu[m]);
        luge_optimizer *opt = open_method("schedule_free_polyak", settings);
        double y[FEW] = { -1, 4, 2.5, 0 }, x[FEW], D = 0, G = 0, far = HUGE_VAL;
        MUST(luge_add(opt, 0, "x", LUGE_F64, y, 1, (size_t[]){ FEW }, &err));
        for (int i = 0; i < FEW; i++) D += (y[i] - 1) * (y[i] - 1), G += kink[i] * kink[i];
        for (int k = 1; k <= 3000; k++) {
            double g[FEW], loss = 0, f = 0, away = 0;
            for (int i = 0; i < FEW; i++) {
                loss += kink[i] * fabs(y[i] - 1);
                g[i] = y[i] > 1 ? kink[i] : y[i] < 1 ? -kink[i] : 0;
            }
            MUST(luge_step(opt, &(luge_inputs){ .grad = (const void *[]){ g }, .loss = &loss }, &err));
            MUST(luge_view(opt, (void *[]){ x }, &err));
            const double *z = luge_state(opt, 0, "z", 0);
            for (int i = 0; i < FEW; i++) f += kink[i] * fabs(x[i] - 1), away += (z[i] - 1) * (z[i] - 1);
            CHECK(f <= sqrt(G * D / (k + 1)) * (1 + 1e-12), "mu %g, step %d: %g above %g", mu[m], k, f,
                  sqrt(G * D / (k + 1)));
            CHECK(away <= far * (1 + 1e-12), "mu %g, step %d: the distance grows to %g", mu[m], k, away);
            far = away;
        }
        luge_free(opt);
    }
    CHECK_END();
}

/* Nothing moves without a loss, or with one that is no number; under nonfinite=skip such a step is counted. */
static void the_loss_is_needed(void **state)
{
    luge_error err;
    double x = 1, g = 1, bad[] = { (double)NAN, (double)INFINITY, -(double)INFINITY };
    const void *grad = &g;
    (void)state;
    luge_optimizer *opt = open_method("schedule_free_polyak", "");
    MUST(luge_add(opt, 0, "x", LUGE_F64, &x, 0, NULL, &err));
    CHECK(luge_needs(opt, "loss") && !luge_needs(opt, "hutchinson"), "luge_needs");
    CHECK(luge_step(opt, &(luge_inputs){ .grad = &grad }, &err) == LUGE_E_INPUT && strstr(err.text, "loss"), "%s",
          err.text);
    for (size_t i = 0; i < ROWS(bad); i++)
        CHECK(luge_step(opt, &(luge_inputs){ .grad = &grad, .loss = &bad[i] }, &err) == LUGE_E_NUMERIC &&
                  strstr(err.text, "loss"),
              "%g: %s", bad[i], err.text);
    CHECK(x == 1 && luge_steps(opt) == 0, "moved to %g", x);
    MUST(luge_option(opt, "nonfinite", "skip", &err));
    MUST(luge_step(opt, &(luge_inputs){ .grad = &grad, .loss = &bad[0] }, &err));
    CHECK(x == 1 && luge_skipped(opt) == 1 && luge_steps(opt) == 0, "%g, skipped %d", x, (int)luge_skipped(opt));
    double loss = .25; /* (.25 - 0) / 1 */
    MUST(luge_step(opt, &(luge_inputs){ .grad = &grad, .loss = &loss }, &err));
    CHECK(fabs(*(double *)luge_state(opt, 0, "z", 0) - .75) < 1e-15, "z = %.17g",
          *(double *)luge_state(opt, 0, "z", 0));
    luge_free(opt);
    opt = open_method("adam", "");
    CHECK(!luge_needs(opt, "loss"), "adam needs a loss");
    luge_free(opt);
    CHECK_END();
}

/* accumulate: the step has the mean of the losses, as it has that of the gradients. */
static void losses_are_gathered(void **state)
{
    luge_error err;
    double x[2] = { 1, 1 }, g[] = { 1, 3 }, mean = 2, loss[] = { .5, 1.5 }, middle = 1;
    (void)state;
    luge_optimizer *a = open_method("schedule_free_polyak", ""), *b = open_method("schedule_free_polyak", "");
    MUST(luge_add(a, 0, "x", LUGE_F64, &x[0], 0, NULL, &err));
    MUST(luge_add(b, 0, "x", LUGE_F64, &x[1], 0, NULL, &err));
    MUST(luge_option(a, "accumulate", "2", &err));
    for (int k = 0; k < 6; k++) {
        MUST(luge_step(a, &(luge_inputs){ .grad = (const void *[]){ &g[k % 2] }, .loss = &loss[k % 2] }, &err));
        if (k % 2) MUST(luge_step(b, &(luge_inputs){ .grad = (const void *[]){ &mean }, .loss = &middle }, &err));
    }
    CHECK(x[0] == x[1] && x[0] != 1, "%.17g and %.17g", x[0], x[1]);
    luge_free(a);
    luge_free(b);
    CHECK_END();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_three_sequences),
        cmocka_unit_test(the_theorem_holds),
        cmocka_unit_test(the_loss_is_needed),
        cmocka_unit_test(losses_are_gathered),
    };
    return cmocka_run_group_tests_name("schedule_free_polyak", tests, NULL, NULL);
}
