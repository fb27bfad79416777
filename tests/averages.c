/* The options ema and lookahead: against closed forms in long double over the path of the parameters, which a caller
 * that pulls the parameters itself has to meet; their limits, their view, their state, and what they refuse.
 * SPDX-License-Identifier: MIT */
#include "object.h"
#include <float.h>
#include <math.h>
#include <unistd.h>

#pragma GCC diagnostic ignored "-Wdouble-promotion" /* to long double it is wanted */

enum { TENSORS = 3, N = 61, STEPS = 23 };
static const size_t sizes[TENSORS] = { 40, 1, 20 };
static const size_t start_of[TENSORS] = { 0, 40, 41 };
static const char *const methods[] = { "sgd", "heavy_ball", "adamw", "lamb", "lion", "prodigy" };
static const char *const type_name[] = { "f32", "f64", "bf16" };
static const long double unit[] = { FLT_EPSILON, DBL_EPSILON, FLT_EPSILON };

typedef struct bank {
    unsigned char x[N * 8], g[N * 8];
} bank;

static double get(const unsigned char *v, luge_type type, size_t i)
{
    double wide;
    float narrow = 0;
    if (type == LUGE_F64) return memcpy(&wide, v + 8 * i, 8), wide;
    memcpy((char *)&narrow + (type == LUGE_BF16 ? 2 : 0), v + lg_size(type) * i, lg_size(type));
    return (double)narrow;
}

static void put(unsigned char *v, luge_type type, size_t i, double value)
{
    float narrow = (float)value;
    if (type == LUGE_F64)
        memcpy(v + 8 * i, &value, 8);
    else
        memcpy(v + lg_size(type) * i, (char *)&narrow + (type == LUGE_BF16 ? 2 : 0), lg_size(type));
}

static luge_optimizer *open_bank(bank *b, const char *method, luge_type type)
{
    for (size_t i = 0; i < N; i++) put(b->x, type, i, lg_normal(1, 0, i));
    luge_optimizer *o = make(method, type, b->x, sizes, TENSORS);
    luge_set(o, 0, "lr", "0.01", NULL);
    return o;
}

static bool there(int k, int tensor) { return tensor == 0 || (tensor == 1 ? k % 3 != 2 : k > 4); }

/* Step k: the gradient is x plus noise, so that a pull changes what follows; some tensors have none in some steps. */
static luge_status go(luge_optimizer *o, bank *b, luge_type type, int k)
{
    const void *grad[TENSORS];
    for (size_t i = 0; i < N; i++) put(b->g, type, i, get(b->x, type, i) + lg_normal(2, (uint64_t)k, i));
    for (int t = 0; t < TENSORS; t++) grad[t] = there(k, t) ? b->g + start_of[t] * lg_size(type) : NULL;
    return luge_step(o, &(luge_inputs){ .grad = grad }, &err);
}

static void see(luge_optimizer *o, luge_type type, unsigned char *view)
{
    void *out[TENSORS];
    for (int t = 0; t < TENSORS; t++) out[t] = view + start_of[t] * lg_size(type);
    MUST(luge_view(o, out, &err));
}

static double state_at(luge_optimizer *o, luge_type type, int tensor, const char *slot, size_t i)
{
    const void *s = luge_state(o, (size_t)tensor, slot, 0);
    if (!s) fail_msg("there is no %s", slot);
    return type == LUGE_F64 ? ((const double *)s)[i] : (double)((const float *)s)[i];
}

static const struct {
    const char *beta, *corrected;
} means[] = { { "0.9", "false" }, { "0.999", "false" }, { "0.9", "true" }, { "0.999", "true" }, { "0", "false" } };

/* e = β^k x_0 + (1-β) Σ β^(k-j) x_j, or the same sum without x_0 divided by the sum of its weights; of the x that are
 * stored, and of the steps in which the tensor was. */
static long double mean_of(const double *x, int k, long double beta, bool corrected)
{
    long double sum = 0, all = 0;
    for (int j = 1; j <= k; j++) {
        long double w = (1 - beta) * powl(beta, k - j);
        sum += w * x[j];
        all += w;
    }
    return corrected ? sum / all : sum + powl(beta, k) * x[0];
}

static void ema_is_the_weighted_sum(void **state)
{
    static double path[N][STEPS + 1];
    (void)state;
    for (size_t r = 0; r < ROWS(means) * ROWS(methods) * 3; r++) {
        luge_type type = (luge_type)(r % 3);
        const char *method = methods[r / 3 % ROWS(methods)], *beta = means[r / 3 / ROWS(methods)].beta;
        const char *corrected = means[r / 3 / ROWS(methods)].corrected;
        bank b, plain;
        unsigned char view[N * 8];
        int steps[TENSORS] = { 0 };
        luge_optimizer *o = open_bank(&b, method, type), *p = open_bank(&plain, method, type);
        MUST(luge_option(o, "ema", beta, &err));
        MUST(luge_option(o, "ema_corrected", corrected, &err));
        see(o, type, view);
        CHECK(!memcmp(view, b.x, N * lg_size(type)), "%s: seen before the first step", method);
        for (size_t i = 0; i < N; i++) path[i][0] = get(b.x, type, i);
        for (int k = 0; k < STEPS; k++) {
            MUST(go(o, &b, type, k));
            MUST(go(p, &plain, type, k));
            for (int t = 0; t < TENSORS; t++) {
                steps[t] += there(k, t);
                for (size_t i = start_of[t]; i < start_of[t] + sizes[t]; i++) path[i][steps[t]] = get(b.x, type, i);
            }
        }
        CHECK(!memcmp(b.x, plain.x, N * lg_size(type)), "%s, %s: the parameters differ", method, type_name[type]);
        see(o, type, view);
        for (int t = 0; t < TENSORS; t++)
            for (size_t i = start_of[t]; i < start_of[t] + sizes[t]; i++) {
                long double want = mean_of(path[i], steps[t], strtold(beta, NULL), !strcmp(corrected, "true")),
                            size = 0;
                for (int j = 0; j <= steps[t]; j++) size = fmaxl(size, fabsl((long double)path[i][j]));
                double got = state_at(o, type, t, "param_ema", i - start_of[t]), shown = get(view, type, i);
                CHECK(fabsl(got - want) <= 2 * (steps[t] + 1) * unit[type] * size,
                      "%s, %s, ema=%s, corrected %s, %zu: %.17g, not %.17Lg", method, type_name[type], beta,
                      corrected, i, got, want);
                CHECK(type == LUGE_BF16 ? fabs(shown - got) <= 0x1p-8 * fabs(got) : shown == got,
                      "view %.17g of %.17g", shown, got);
            }
        luge_free(o);
        luge_free(p);
    }
    CHECK_END();
}

/* The caller pulls: after every L steps of a tensor slow = (1-α) slow + α x in long double, and x is put there. */
static void lookahead_is_a_caller_that_pulls(void **state)
{
    static const char *const alphas[] = { "0.5", "0.8", "0.1" };
    (void)state;
    for (size_t r = 0; r < ROWS(alphas) * ROWS(methods) * 2; r++) {
        luge_type type = (luge_type)(r % 2);
        const char *method = methods[r / 2 % ROWS(methods)], *alpha = alphas[r / 2 / ROWS(methods)];
        bool turns = !strcmp(method, "lion"); /* a sign may turn where a last bit differs */
        bank b, hand;
        unsigned char view[N * 8];
        long double slow[N], a = strtold(alpha, NULL);
        int steps[TENSORS] = { 0 }, period = r % 4 < 2 ? 5 : 2;
        char text[16];
        if (turns) continue;
        snprintf(text, sizeof text, "%d", period);
        luge_optimizer *o = open_bank(&b, method, type), *p = open_bank(&hand, method, type);
        MUST(luge_option(o, "lookahead", text, &err));
        MUST(luge_option(o, "lookahead_alpha", alpha, &err));
        for (size_t i = 0; i < N; i++) slow[i] = get(b.x, type, i);
        for (int k = 0; k < STEPS; k++) {
            MUST(go(o, &b, type, k));
            MUST(go(p, &hand, type, k));
            for (int t = 0; t < TENSORS; t++) {
                if (!there(k, t) || ++steps[t] % period) continue;
                for (size_t i = start_of[t]; i < start_of[t] + sizes[t]; i++) {
                    slow[i] = (1 - a) * slow[i] + a * get(hand.x, type, i);
                    put(hand.x, type, i, (double)slow[i]);
                }
            }
            for (size_t i = 0; i < N; i++) {
                double got = get(b.x, type, i), want = get(hand.x, type, i);
                CHECK(fabs(got - want) <= (double)(64 * (k + 1) * unit[type]) * (1 + fabs(want)),
                      "%s, %s, alpha %s, step %d, %zu: %.17g, not %.17g", method, type_name[type], alpha, k, i, got,
                      want);
            }
        }
        see(o, type, view);
        for (int t = 0; t < TENSORS; t++)
            for (size_t i = 0; i < sizes[t]; i++)
                CHECK(get(view, type, start_of[t] + i) == state_at(o, type, t, "slow_weights", i), "the view of %s",
                      method);
        CHECK(memcmp(view, b.x, sizes[0] * lg_size(type)), "%s: the slow weights are the fast ones", method);
        luge_free(o);
        luge_free(p);
    }
    CHECK_END();
}

/* Both: the mean is of what the pull has left, and is what is seen. */
static void the_mean_follows_the_pull(void **state)
{
    bank b;
    unsigned char view[N * 8];
    long double mean[N];
    (void)state;
    luge_optimizer *o = open_bank(&b, "adamw", LUGE_F64);
    MUST(luge_option(o, "lookahead", "3", &err));
    MUST(luge_option(o, "ema", "0.75", &err));
    for (size_t i = 0; i < N; i++) mean[i] = get(b.x, LUGE_F64, i);
    for (int k = 0; k < STEPS; k++) {
        MUST(go(o, &b, LUGE_F64, k));
        for (size_t i = 0; i < sizes[0]; i++) mean[i] = 0.75L * mean[i] + 0.25L * get(b.x, LUGE_F64, i);
    }
    see(o, LUGE_F64, view);
    for (size_t i = 0; i < sizes[0]; i++)
        CHECK(fabsl(get(view, LUGE_F64, i) - mean[i]) < 1e-14L, "%zu: %.17g, not %.17Lg", i, get(view, LUGE_F64, i),
              mean[i]);
    luge_free(o);
    CHECK_END();
}

/* α = 1 and no memory of the mean: the bits of the method alone; and parameters that stay are not pulled. */
static void limits(void **state)
{
    (void)state;
    for (size_t r = 0; r < 3 * ROWS(methods); r++) {
        luge_type type = (luge_type)(r % 3);
        const char *method = methods[r / 3];
        bank b, plain;
        luge_optimizer *o = open_bank(&b, method, type), *p = open_bank(&plain, method, type);
        MUST(luge_option(o, "lookahead", "2", &err));
        MUST(luge_option(o, "lookahead_alpha", "1", &err));
        for (int k = 0; k < STEPS; k++) {
            MUST(go(o, &b, type, k));
            MUST(go(p, &plain, type, k));
        }
        CHECK(!memcmp(b.x, plain.x, N * lg_size(type)), "%s, %s: alpha = 1 is not the method", method,
              type_name[type]);
        luge_free(o);
        luge_free(p);
    }
    bank b;
    luge_optimizer *o = open_bank(&b, "sgd", LUGE_F64);
    bank was = b;
    MUST(luge_option(o, "lookahead", "1", &err));
    MUST(luge_option(o, "lookahead_alpha", "0.3", &err));
    memset(b.g, 0, sizeof b.g);
    for (int k = 0; k < 4; k++) MUST(luge_step(o, &(luge_inputs){ .grad = (const void *[]){ b.g, b.g, b.g } }, &err));
    CHECK(!memcmp(b.x, was.x, sizeof b.x), "parameters that stay are pulled");
    luge_free(o);
    CHECK_END();
}

/* Calls that only gather, and steps that are skipped, count for neither. */
static void only_steps_count(void **state)
{
    double x[2] = { 1, 1 }, g = 1, bad = (double)NAN;
    size_t one = 1;
    (void)state;
    luge_optimizer *o = make("sgd", LUGE_F64, &x[0], &one, 1), *p = make("sgd", LUGE_F64, &x[1], &one, 1);
    luge_optimizer *both[] = { o, p };
    for (int i = 0; i < 2; i++) {
        MUST(luge_option(both[i], "lookahead", "2", &err));
        MUST(luge_option(both[i], "ema", "0.5", &err));
        MUST(luge_option(both[i], "nonfinite", "skip", &err));
    }
    MUST(luge_option(o, "accumulate", "2", &err));
    for (int k = 0; k < 6; k++) {
        MUST(luge_step(o, &(luge_inputs){ .grad = (const void *[]){ &g } }, &err));
        MUST(luge_step(p, &(luge_inputs){ .grad = (const void *[]){ k % 2 ? &g : &bad } }, &err));
    }
    CHECK(x[0] == x[1], "%.17g and %.17g", x[0], x[1]);
    CHECK(state_at(o, LUGE_F64, 0, "param_ema", 0) == state_at(p, LUGE_F64, 0, "param_ema", 0), "the means differ");
    CHECK(luge_steps(o) == 3 && luge_skipped(p) == 3, "%d steps", (int)luge_steps(o));
    luge_free(o);
    luge_free(p);
    CHECK_END();
}

static void state_is_counted_and_saved(void **state)
{
    char path[] = "/tmp/luge-averages-XXXXXX";
    size_t none = 0, one = 0, two = 0;
    bank b, other;
    (void)state;
    CHECK(close(mkstemp(path)) == 0, "no file");
    luge_optimizer *o = open_bank(&b, "adamw", LUGE_F32), *n = open_bank(&other, "adamw", LUGE_F32);
    MUST(luge_state_bytes(o, &none, &err));
    CHECK(!luge_state(o, 0, "param_ema", 0) && !luge_state(o, 0, "slow_weights", 0), "state without the options");
    luge_free(o);
    o = open_bank(&b, "adamw", LUGE_F32);
    MUST(luge_option(o, "ema", "0.9", &err));
    MUST(luge_state_bytes(o, &one, &err));
    MUST(luge_option(o, "lookahead", "5", &err));
    MUST(luge_state_bytes(o, &two, &err));
    CHECK(2 * (one - none) == none && two - none == none, "%zu, %zu and %zu bytes; a moment takes half of the first",
          none, one, two);
    MUST(luge_option(n, "ema", "0.5", &err));
    MUST(luge_option(n, "lookahead", "2", &err));
    for (int k = 0; k < 8; k++) MUST(go(o, &b, LUGE_F32, k)); /* the tensors are in cycles of their own */
    MUST(luge_save(o, path, &err));
    MUST(go(n, &other, LUGE_F32, 3));
    MUST(luge_load(n, path, &err));
    for (int k = 8; k < STEPS; k++) {
        MUST(go(o, &b, LUGE_F32, k));
        MUST(go(n, &other, LUGE_F32, k));
        CHECK(!memcmp(b.x, other.x, N * 4), "step %d: other bits after the resume", k);
    }
    for (int t = 0; t < TENSORS; t++)
        CHECK(
            !memcmp(luge_state(o, (size_t)t, "param_ema", 0), luge_state(n, (size_t)t, "param_ema", 0), 4 * sizes[t]),
            "the mean of tensor %d", t);
    unlink(path);
    luge_free(o);
    luge_free(n);
    CHECK_END();
}

static void what_is_refused(void **state)
{
    static const struct {
        const char *method, *key, *value;
    } rows[] = { { "schedule_free_sgd", "ema", "0.9" },
                 { "schedule_free_adamw", "lookahead", "5" },
                 { "triple_momentum", "ema", "0.9" },
                 { "igt", "lookahead", "5" } };
    (void)state;
    for (size_t r = 0; r < ROWS(rows); r++) {
        double x = 1, g = 1;
        size_t one = 1, bytes;
        luge_optimizer *o = make(rows[r].method, LUGE_F64, &x, &one, 1);
        MUST(luge_option(o, rows[r].key, rows[r].value, &err));
        CHECK(luge_state_bytes(o, &bytes, &err) == LUGE_E_ARG && strstr(err.text, rows[r].method) &&
                  strstr(err.text, rows[r].key),
              "%s: %s", rows[r].method, err.text);
        CHECK(luge_step(o, &(luge_inputs){ .grad = (const void *[]){ &g } }, &err) == LUGE_E_ARG && x == 1,
              "%s has stepped", rows[r].method);
        luge_free(o);
    }
    bank b;
    luge_optimizer *o = open_bank(&b, "sgd", LUGE_F32);
    MUST(go(o, &b, LUGE_F32, 0));
    CHECK(luge_option(o, "ema", "0.9", &err) == LUGE_E_ARG && strstr(err.text, "state"), "in mid-run: %s", err.text);
    CHECK(luge_option(o, "lookahead", "5", &err) == LUGE_E_ARG, "in mid-run");
    CHECK(luge_option(o, "ema", "1", &err) == LUGE_E_ARG && strstr(err.text, "[0,1)"), "ema=1: %s", err.text);
    CHECK(luge_option(o, "lookahead_alpha", "0", &err) == LUGE_E_ARG, "alpha=0");
    luge_free(o);
    CHECK_END();
}

/* A slot is found by its name alone: none of a method is called as one of the options' is. */
static void names_are_apart(void **state)
{
    const luge_method *m;
    (void)state;
    for (size_t i = 0; (m = luge_method_at(i)); i++) {
        luge_row row;
        for (size_t s = 0; luge_method_row(m, LUGE_SLOTS, s, &row); s++)
            CHECK(strcmp(row.name, "param_ema") && strcmp(row.name, "slow_weights") && strcmp(row.name, "grad_sum"),
                  "%s has a slot %s", luge_method_text(m, LUGE_NAME), row.name);
    }
    CHECK_END();
}

int main(void)
{
    static const struct CMUnitTest tests[] = {
        cmocka_unit_test(ema_is_the_weighted_sum),   cmocka_unit_test(lookahead_is_a_caller_that_pulls),
        cmocka_unit_test(the_mean_follows_the_pull), cmocka_unit_test(limits),
        cmocka_unit_test(only_steps_count),          cmocka_unit_test(state_is_counted_and_saved),
        cmocka_unit_test(what_is_refused),           cmocka_unit_test(names_are_apart),
    };
    return cmocka_run_group_tests_name("averages", tests, NULL, NULL);
}
