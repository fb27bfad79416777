/* Systems made of methods' own updates: against closed forms, and against running the methods.
 * SPDX-License-Identifier: MIT */
#include "check.h"
/* the header above comes first: it has what cmocka wants */
#include "analysis/method.h"
#include "experiments/analyze.h"
#include "wrap_alloc.h"
#include <stdio.h>
#include <string.h>

static luge_error err;
#define CLOSE(value, expected, within)                                                                               \
    CHECK(fabs((value) - (expected)) <= (within), "%s = %.17g is not %.17g", #value, (double)(value),                \
          (double)(expected))

/* A method with settings "a=1 b=2", at step k. */
static lg_moment moment(const char *method, const char *settings, double k, double lr, double x, double g,
                        lg_update **update)
{
    lg_moment m;
    char copy[256], *rest = NULL;
    snprintf(copy, sizeof copy, "%s", settings);
    MUST(lg_update_open(update, method, &err));
    for (char *at = strtok_r(copy, " ", &rest); at; at = strtok_r(NULL, " ", &rest))
        MUST(lg_update_set(*update, at, &err));
    MUST(lg_moment_at(&m, *update, k, lr, x, g, &err));
    return m;
}

static lg_system stationary(const char *method, const char *settings, double lr)
{
    lg_update *u;
    lg_moment m = moment(method, settings, HUGE_VAL, lr, 1, 1, &u);
    lg_system s = lg_system_essential(&m.system);
    CHECK(m.linear, "%s is linear", method);
    lg_update_close(u);
    return s;
}

/* ---- closed forms ---- */

static void limits_of_methods(void **state)
{
    (void)state;
    for (int i = 1; i < 20; i++) {
        double b = 0.05 * i, lr = 0.003 * i, most, real;
        char text[64];
        snprintf(text, sizeof text, "momentum=%.17g", b);
        lg_system s = stationary("heavy_ball", text, lr);
        MUST(lg_stable_curvature(&s, &most, &err));
        MUST(lg_real_curvature(&s, &real, &err));
        CLOSE(lr * most, 2 * (1 + b), 1e-10);
        CLOSE(lr * real, pow(1 - sqrt(b), 2), 1e-10);
        s = stationary("nesterov", text, lr);
        MUST(lg_stable_curvature(&s, &most, &err));
        MUST(lg_real_curvature(&s, &real, &err));
        CLOSE(lr * most, 2 * (1 + b) / (1 + 2 * b), 1e-10);
        CLOSE(lr * real, pow((1 - b) / (1 + b), 2), 1e-10);
    }
    CHECK_END();
}

/* theory of quasi-hyperbolic momentum: limit and stationary variance. */
static void qhm_limit_and_variance(void **state)
{
    (void)state;
    for (uint64_t i = 0; i < 300; i++) {
        double b = lg_uniform(1, 0, i), nu = lg_uniform(2, 0, i), q = 0.1 + lg_uniform(3, 0, i), most, summed, solved;
        double edge = 2 * (1 + b) / (1 + b * (1 - 2 * nu)), alr = edge * (0.05 + 0.9 * lg_uniform(4, 0, i)),
               lr = alr / q;
        char text[96];
        snprintf(text, sizeof text, "momentum=%.17g nu=%.17g", b, nu);
        lg_system s = stationary("qhm", text, lr);
        double n = 1 - b * b + alr * b * (1 - nu) * (1 + b * (1 - 2 * nu));
        double variance = lr * n / (q * (1 - b + alr * b * (1 - nu)) * (2 * (1 + b) - alr * (1 + b - 2 * b * nu)));
        MUST(lg_stable_curvature(&s, &most, &err));
        CLOSE(most * lr / edge, 1, 1e-10);
        MUST(lg_noise(&s, q, &summed, &solved, &err));
        CLOSE(summed / variance, 1, 1e-10);
        CLOSE(solved / variance, 1, 1e-10);
    }
    CHECK_END();
}

/* The best rate of heavy ball for curvatures of condition κ: √μ, or for μ below Polyak's the larger root of
 * r² - (1+μ)(κ-1)/(κ+1) r + μ.  At Polyak's own the roots at both ends are double ones, which move by the root of
 * what the momentum is rounded by: there a best rate has half the digits of a double, whoever computes it. */
static void best_rates(void **state)
{
    static const double apart[] = { -0.2, -0.05, -0.01, 0.01, 0.05, 0.2 };
    (void)state;
    for (double condition = 4; condition < 500; condition *= 5)
        for (size_t i = 0; i < ROWS(apart); i++) {
            double root = sqrt(condition), polyak = pow((root - 1) / (root + 1), 2), most, rate;
            double mu = polyak + apart[i] * fmin(polyak, 1 - polyak);
            double half = (1 + mu) * (condition - 1) / (condition + 1) / 2;
            double closed = mu > polyak ? sqrt(mu) : half + sqrt(half * half - mu);
            char text[64];
            snprintf(text, sizeof text, "momentum=%.17g", mu);
            lg_system s = stationary("heavy_ball", text, 1);
            MUST(lg_best_curvature(&s, condition, &most, &rate, &err));
            CLOSE(rate, closed, 1e-10);
        }
    CHECK_END();
}

/* u = 0 in the first stage; 0.0917431193, 0.9380863 and 1/(1+c) at steps 390, 58500 and 117000. */
static void stages_of_fsgdm(void **state)
{
    static const struct {
        double k, u;
    } rows[] = { { 1, 0 }, { 389, 0 }, { 390, 0.0917431193 }, { 58500, 0.9380863 }, { 117000, 0.9680542 } };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        lg_update *update;
        lg_moment m = moment("fsgdm", "", rows[i].k, 0.1, 1, 1, &update);
        lg_system s = lg_system_essential(&m.system);
        double low, high, phase, fade;
        MUST(lg_filter_at(&s, 0, &low, &phase, &err));
        MUST(lg_filter_at(&s, acos(-1), &high, &phase, &err));
        MUST(lg_filter_memory(&s, &fade, &err));
        CHECK(m.linear, "step %g", rows[i].k);
        CLOSE(fade, rows[i].u, 1e-7);
        CLOSE(low, 1 / (1 - fade), 1e-10);
        CLOSE(high, 1 / (1 + fade), 1e-10);
        if (rows[i].k == 117000) CLOSE(low, 1 + 1 / 0.033, 1e-10);
        lg_update_close(update);
    }
    CHECK_END();
}

/* Adam, its second moment held by beta2 -> 1 and a gradient of 1: m / (1 - beta1^k), whose impulse response is
 * (1-b) b^n / (1 - b^(k+n)). */
static void bias_correction_in_time(void **state)
{
    (void)state;
    for (int k = 1; k <= 20; k += 19) {
        lg_update *u;
        double b = 0.9, eps = 1e6, slots[LG_STATES] = { 0 };
        lg_moment m = moment("adam", "beta1=0.9 beta2=0.999999999 eps=1e6", k, 1, 1, 1, &u);
        for (int n = 0; n < 30; n++) {
            double expected = (1 - b) * pow(b, n) / (1 - pow(b, k + n)) / (1 + eps);
            if (n) MUST(lg_moment_next(&m, &err));
            CLOSE(lg_filter_step(&m.system, n == 0, slots) / expected, 1, 1e-5);
        }
        CHECK(!m.linear, "Adam is not linear");
        lg_update_close(u);
    }
    CHECK_END();
}

/* Near the limit of 2 (1+b1)/(1-b1) that a held second moment has. */
static void adam_is_linearized(void **state)
{
    lg_update *u;
    double most, held = 2 * 1.9 / 0.1;
    lg_moment m = moment("adam", "", HUGE_VAL, 1e-3, 1, 0.01, &u);
    lg_system s = lg_system_essential(&m.system);
    (void)state;
    MUST(lg_stable_curvature(&s, &most, &err));
    CHECK(1e-3 * most / 0.01 > held && 1e-3 * most / 0.01 < 1.02 * held, "%g", 1e-3 * most / 0.01);
    lg_update_close(u);
    CHECK_END();
}

/* ---- the method itself ---- */

static const struct {
    const char *name, *format;
    int words;
} families[] = { { "heavy_ball", "momentum=%.17g", 1 },   { "nesterov", "momentum=%.17g", 1 },
                 { "qhm", "momentum=%.17g nu=%.17g", 2 }, { "heavy_ball", "momentum=%.17g dampening=%.17g", 2 },
                 { "aggmo", "betas=(0,%.17g,%.17g)", 2 }, { "triple_momentum", "m=%.17g L=1", 1 } };

typedef struct swarm { /* coordinates with a curvature each */
    enum { EACH = 40 } each;
    double q[EACH], x[EACH], g[EACH], radius[EACH], first[EACH], second[EACH];
    int64_t wait[EACH]; /* steps in which it falls, or grows, by 1e6 */
} swarm;

static void start(luge_optimizer **opt, swarm *w, const char *method, const char *settings, double lr)
{
    char copy[160], *rest = NULL;
    snprintf(copy, sizeof copy, "%s", settings);
    MUST(luge_new(opt, method, &err));
    if (strcmp(method, "triple_momentum") != 0) MUST(luge_set_real(*opt, 0, "lr", lr, &err));
    for (char *at = strtok_r(copy, " ", &rest); at; at = strtok_r(NULL, " ", &rest)) {
        char *value = strchr(at, '=');
        *value++ = 0;
        MUST(luge_set(*opt, 0, at, value, &err));
    }
    MUST(luge_add(*opt, 0, "x", LUGE_F64, w->x, 1, (size_t[]){ EACH }, &err));
}

/* Largest |x| near the end of the wait, and near the end of another wait. */
static void run(luge_optimizer *opt, swarm *w, int64_t steps)
{
    for (int64_t n = 1; n <= steps; n++) {
        for (int i = 0; i < EACH; i++) w->g[i] = w->q[i] * w->x[i];
        MUST(luge_step(opt, &(luge_inputs){ .grad = (const void *const[]){ w->g } }, &err));
        for (int i = 0; i < EACH; i++) {
            int64_t wait = w->wait[i];
            if (n > wait * 3 / 4 && n <= wait) w->first[i] = fmax(w->first[i], fabs(w->x[i]));
            if (n > wait * 7 / 4 && n <= 2 * wait) w->second[i] = fmax(w->second[i], fabs(w->x[i]));
        }
    }
}

static void stability_is_that_of_runs(void **state)
{
    enum { CONFIGURATIONS = 264 };
    int tested = 0, near = 0, stable = 0;
    (void)state;
    for (uint64_t c = 0; c < CONFIGURATIONS; c++) {
        size_t f = c % ROWS(families);
        double one = lg_uniform(5, 0, c), two = lg_uniform(6, 0, c), lr = lg_pow(10, -3 * lg_uniform(7, 0, c)), most;
        char text[160];
        luge_optimizer *opt;
        int64_t steps = 0;
        swarm w = { .each = EACH };
        if (f == 5) one = 0.002 + 0.99 * one, lr = 1;
        snprintf(text, sizeof text, families[f].format, one, two);
        lg_system s = stationary(families[f].name, text, lr);
        MUST(lg_stable_curvature(&s, &most, &err));
        start(&opt, &w, families[f].name, text, lr);
        for (uint64_t i = 0; i < EACH; i++) {
            w.q[i] = 2 * most * lg_uniform(8, c, i), w.x[i] = 1;
            MUST(lg_radius(&s, w.q[i], &w.radius[i], &err));
            w.wait[i] = fabs(w.radius[i] - 1) < 1e-6 ? 0 : 40 + (int64_t)(14 / fabs(log(w.radius[i])));
            if (w.wait[i] > steps) steps = w.wait[i];
        }
        run(opt, &w, 2 * steps);
        for (int i = 0; i < EACH; i++) {
            bool falls = w.second[i] < w.first[i] || w.second[i] == 0;
            if (w.wait[i] == 0) {
                near++;
                continue;
            }
            tested++;
            stable += w.radius[i] < 1;
            CHECK(falls == (w.radius[i] < 1), "%s %s lr %g curvature %.17g: radius %.17g, %g then %g",
                  families[f].name, text, lr, w.q[i], w.radius[i], w.first[i], w.second[i]);
        }
        luge_free(opt);
    }
    print_message("%d settings, %d of them stable; %d too near the limit\n", tested, stable, near);
    CHECK(tested >= 10000 && stable > 4000 && stable < 7000, "%d settings, %d stable", tested, stable);
    CHECK_END();
}

/* The radius itself, from how a run falls: by (radius)^N over N steps where the largest root is real. */
static void rates_are_those_of_runs(void **state)
{
    (void)state;
    for (uint64_t c = 0; c < 200; c++) {
        size_t f = c % ROWS(families);
        double one = lg_uniform(9, 0, c), two = lg_uniform(10, 0, c), lr = f == 5 ? 1 : 0.01, x = 1, most, radius,
               before = 1;
        char text[160];
        luge_optimizer *opt;
        swarm w = { .x = { 1 } };
        snprintf(text, sizeof text, families[f].format, f == 5 ? 0.01 + 0.9 * one : 0.05 + 0.9 * one, two);
        lg_system s = stationary(families[f].name, text, lr);
        MUST(lg_real_curvature(&s, &most, &err));
        if (isnan(most)) continue;
        w.q[0] = most * (0.2 + 0.6 * lg_uniform(11, 0, c));
        MUST(lg_radius(&s, w.q[0], &radius, &err));
        start(&opt, &w, families[f].name, text, lr);
        for (int n = 0; n < 20000 && fabs(w.x[0]) > 1e-250; n++) {
            before = w.x[0];
            w.g[0] = w.q[0] * w.x[0];
            MUST(luge_step(opt, &(luge_inputs){ .grad = (const void *const[]){ w.g } }, &err));
            x = w.x[0];
        }
        CHECK(fabs(x / before - radius) < 1e-6, "%s %s: %.12g a step, radius %.12g", families[f].name, text,
              x / before, radius);
        luge_free(opt);
    }
    CHECK_END();
}

/* ---- conventions ---- */

static double bend(double x) { return x + 0.4 * lg_sin(2 * x) + 0.1 * x * x * x; }

/* Each of them run as it is written, beside the method, on a gradient that is not linear. */
static void conventions_are_the_same_method(void **state)
{
    static const struct {
        const char *method, *settings;
    } rows[] = { { "heavy_ball", "momentum=0.7" },        { "nesterov", "momentum=0.6" },
                 { "qhm", "momentum=0.8 nu=0.5" },        { "triple_momentum", "m=0.1 L=3" },
                 { "qhm", "momentum=0.9 nu=1" },          { "qhm", "momentum=0.5 nu=0" },
                 { "schedule_free_sgd", "momentum=0.9" }, { "qhm", "momentum=0.6 nu=1.2" } };
    int seen[LG_CONVENTIONS] = { 0 };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        double lr = strcmp(rows[i].method, "triple_momentum") ? 0.1 : 1;
        lg_system s = stationary(rows[i].method, rows[i].settings, lr);
        lg_two_step t = lg_two_step_of(&s);
        lg_convention c[LG_CONVENTIONS];
        double z[LG_STATES] = { 1.5 }, u[2] = { 1.5, 1.5 }, torch[2] = { 1.5 }, ema[2] = { 1.5 }, qhm[2] = { 1.5 };
        double average[3] = { 1.5, 1.5, 1.5 };
        CHECK(t.is, "%s", rows[i].method);
        lg_conventions(&t, c);
        for (size_t j = 1; j < s.n; j++) z[j] = s.place[j] ? 1.5 : 0;
        for (int n = 0; n < 60; n++) {
            double next[LG_STATES], g = bend(z[0]);
            for (size_t j = 0; j < s.n; j++) {
                next[j] = s.b[j] * g;
                for (size_t k = 0; k < s.n; k++) next[j] += s.a[j * s.n + k] * z[k];
            }
            memcpy(z, next, sizeof z);

            double v = u[0] - u[1], y = u[0] + c[0].word[2].value * v;
            u[1] = u[0];
            u[0] += c[0].word[0].value * v - c[0].word[1].value * bend(y);
            CLOSE(u[0] + c[0].word[2].value * (u[0] - u[1]), z[0], 1e-12);

            double mu = c[1].word[1].value;
            g = bend(torch[0]);
            torch[1] = mu * torch[1] + g;
            torch[0] -= c[1].word[0].value * (c[1].word[2].value > 0 ? g + mu * torch[1] : torch[1]);
            if (c[1].exists) CLOSE(torch[0], z[0], 1e-12);

            double b = c[2].word[1].value;
            g = bend(ema[0]);
            ema[1] = b * ema[1] + (1 - b) * g;
            ema[0] -= c[2].word[0].value * (c[2].word[2].value > 0 ? b * ema[1] + (1 - b) * g : ema[1]);
            if (c[2].exists) CLOSE(ema[0], z[0], 1e-12);

            double nu = c[3].word[2].value;
            b = c[3].word[1].value;
            g = bend(qhm[0]);
            qhm[1] = b * qhm[1] + (1 - b) * g;
            qhm[0] -= c[3].word[0].value * ((1 - nu) * g + nu * qhm[1]);
            if (c[3].exists) CLOSE(qhm[0], z[0], 1e-12);

            double *x = &average[0], *base = &average[1], *at = &average[2];
            *base -= c[4].word[0].value * bend(*at);
            *x += c[4].word[1].value * (*base - *x);
            *at = *x + c[4].word[2].value * (*base - *x);
            if (c[4].exists) CLOSE(*at, z[0], 1e-12);
        }
        for (int k = 0; k < LG_CONVENTIONS; k++) seen[k] += c[k].exists;
    }
    for (int k = 0; k < LG_CONVENTIONS; k++) CHECK(seen[k] >= 3, "convention %d was tried %d times", k, seen[k]);
    CHECK_END();
}

/* ---- the whole ---- */

static void an_analysis_is_whole(void **state)
{
    const char *const set[] = { "momentum=0.4444444444444444", "lr=1" };
    lg_analyze a = { .method = luge_method_find("heavy_ball"),
                     .set = set,
                     .set_count = 2,
                     .x = 1,
                     .g = 1,
                     .condition = 25,
                     .curvature = 25 / 9.0 * 1,
                     .terms = 50 };
    static lg_analysis out;
    static lg_map map;
    (void)state;
    MUST(lg_analyze_at(&a, HUGE_VAL, &out, &err));
    CHECK(out.linear && out.states == 2 && out.lr == 1, "%zu states", out.states);
    CLOSE(out.stable, 2 + 8 / 9.0, 1e-10);
    CLOSE(out.rate, 2 / 3.0, 1e-7); /* a double root */
    CHECK(!out.certificate.holds, "a certificate for a method that cycles");
    CLOSE(out.response[49], 1.8, 1e-10);
    for (int i = 0; i < LG_CURVATURES; i++)
        CHECK(isinf(out.variance[i]) ? out.radius[i] >= LG_STABLE : fabs(out.variance[i] / out.solved[i] - 1) < 1e-8,
              "variance at %g: %g %g", out.q[i], out.variance[i], out.solved[i]);
    MUST(lg_analyze_map(&a, HUGE_VAL, &map, &err));
    CLOSE(map.best_momentum, 4 / 9.0, 1e-6);
    CLOSE(map.best_rate, 2 / 3.0, 1e-6);
    CLOSE(map.best, 25 / 9.0, 1e-5);
    CHECK_END();
}

static luge_status everything(void)
{
    lg_analyze a = {
        .method = luge_method_find("heavy_ball"), .x = 1, .g = 1, .condition = 4, .curvature = 1, .terms = 3
    };
    static lg_analysis out;
    return lg_analyze_at(&a, 2, &out, &err);
}

/* LAPACK's own memory aside, from the first block to the last. */
static void any_allocation_may_fail(void **state)
{
    luge_status st;
    (void)state;
    for (long n = 1; n < 60; n++) {
        long live = wrap_live;
        wrap_fail(n);
        st = everything();
        if (!wrap_failed()) break;
        assert_int_equal(st, LUGE_E_MEMORY);
        assert_int_equal(wrap_live, live);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(limits_of_methods),
        cmocka_unit_test(qhm_limit_and_variance),
        cmocka_unit_test(best_rates),
        cmocka_unit_test(stages_of_fsgdm),
        cmocka_unit_test(bias_correction_in_time),
        cmocka_unit_test(adam_is_linearized),
        cmocka_unit_test(stability_is_that_of_runs),
        cmocka_unit_test(rates_are_those_of_runs),
        cmocka_unit_test(conventions_are_the_same_method),
        cmocka_unit_test(an_analysis_is_whole),
        cmocka_unit_test(any_allocation_may_fail),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
