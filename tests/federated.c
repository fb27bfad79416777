/* Federated rules against a reference in the papers' form, their limits, and what comes of them on quadratics.
 * SPDX-License-Identifier: MIT */
#include "federation.h"

typedef long double real;
enum { ROUNDS = 60 };

/* ---- the reference: x <- x - lr (g + what the paper adds), all models remembered ---- */

typedef struct reference {
    const char *rule;
    real lr, beta, alpha, server_lr, decay;
    int lag;
    bool nesterov, shared;
    real model[ROUNDS + 1][DIM], last[DIM], velocity[DIM], c[DIM], ci[CLIENTS][DIM];
    real sent[CLIENTS][DIM], end[CLIENTS][DIM];
    int seen[CLIENTS];
} reference;

static bool is(const reference *r, const char *rule) { return !strcmp(r->rule, rule); }

/* M of the family of GHBM at x, so that g + beta/(lr J) M is the step. */
static real momentum(const reference *r, int t, size_t client, int k, real x)
{
    real part = (real)2 / CLIENTS;
    bool known = r->seen[client] || r->shared;
    if (is(r, "ghbm")) return t < r->lag ? 0 : (r->model[t - r->lag][k] - r->model[t][k]) / r->lag;
    if (is(r, "localghbm"))
        return known ? part * ((r->seen[client] ? r->sent[client][k] : r->model[0][k]) - r->model[t][k]) : 0;
    if (is(r, "fedhbm")) return known ? part * ((r->seen[client] ? r->end[client][k] : r->model[0][k]) - x) : 0;
    return 0;
}

static void local_steps(reference *r, const bed *b, int t, size_t client, real *x, real *mean)
{
    for (int k = 0; k < DIM; k++) {
        x[k] = r->model[t][k], mean[k] = 0;
        for (int j = 0; j < LOCAL; j++) {
            real m = momentum(r, t, client, k, x[k]), g, add = 0;
            if (r->nesterov) x[k] -= r->beta / LOCAL * m;
            g = (real)b->h[client][k] * (x[k] - (real)b->c[client][k]) + r->decay * x[k];
            mean[k] += g / LOCAL;
            if (is(r, "fedcm"))
                g = r->alpha * g + (1 - r->alpha) * r->last[k] / (r->lr * LOCAL);
            else if (is(r, "scaffold"))
                add = r->c[k] - r->ci[client][k];
            else if (!r->nesterov)
                add = r->beta / (r->lr * LOCAL) * m;
            x[k] -= r->lr * (g + add);
        }
    }
}

static void reference_round(reference *r, const bed *b, int t, const size_t *client, size_t m, const double *weight)
{
    real delta[DIM] = { 0 }, all = 0, weights = 0, change[DIM] = { 0 };

    for (size_t i = 0; i < m; i++) all += (real)weight[client[i]];
    for (size_t i = 0; i < CLIENTS; i++) weights += (real)weight[i];
    for (size_t i = 0; i < m; i++) {
        real x[DIM], mean[DIM];
        size_t who = client[i];
        local_steps(r, b, t, who, x, mean);
        for (int k = 0; k < DIM; k++) {
            delta[k] += (real)weight[who] / all * (r->model[t][k] - x[k]);
            change[k] += (real)weight[who] / weights * (mean[k] - r->ci[who][k]);
            r->ci[who][k] = mean[k], r->sent[who][k] = r->model[t][k], r->end[who][k] = x[k];
        }
        r->seen[who]++;
    }
    for (int k = 0; k < DIM; k++) {
        r->c[k] += change[k], r->last[k] = delta[k];
        r->velocity[k] = r->beta * r->velocity[k] + delta[k];
        r->model[t + 1][k] = r->model[t][k] - r->server_lr * (is(r, "fedavgm") ? r->velocity[k] : delta[k]);
    }
}

static const struct {
    const char *set;
    reference r;
} rule_rows[] = {
    { "rule=fedavg", { "fedavg", .lr = .05L, .server_lr = 1 } },
    { "rule=fedavg server_lr=0.7 weight_decay=0.01", { "fedavg", .lr = .05L, .server_lr = .7L, .decay = .01L } },
    { "rule=fedavgm server_lr=0.1", { "fedavgm", .lr = .05L, .server_lr = .1L, .beta = .9L } },
    { "rule=fedcm alpha=0.3", { "fedcm", .lr = .05L, .server_lr = 1, .alpha = .3L } },
    { "rule=fedcm server_lr=0.5 weight_decay=0.1",
      { "fedcm", .lr = .05L, .server_lr = .5L, .alpha = .1L, .decay = .1L } },
    { "rule=scaffold", { "scaffold", .lr = .05L, .server_lr = 1 } },
    { "rule=scaffold server_lr=0.6 weight_decay=0.1", { "scaffold", .lr = .05L, .server_lr = .6L, .decay = .1L } },
    { "rule=ghbm", { "ghbm", .lr = .05L, .server_lr = 1, .beta = .9L, .lag = 10 } },
    { "rule=ghbm lag=3 beta=0.5", { "ghbm", .lr = .05L, .server_lr = 1, .beta = .5L, .lag = 3 } },
    { "rule=ghbm lag=7 nesterov=true",
      { "ghbm", .lr = .05L, .server_lr = 1, .beta = .9L, .lag = 7, .nesterov = true } },
    { "rule=localghbm", { "localghbm", .lr = .05L, .server_lr = 1, .beta = .9L } },
    { "rule=localghbm first=shared", { "localghbm", .lr = .05L, .server_lr = 1, .beta = .9L, .shared = true } },
    { "rule=localghbm nesterov=true", { "localghbm", .lr = .05L, .server_lr = 1, .beta = .9L, .nesterov = true } },
    { "rule=fedhbm", { "fedhbm", .lr = .05L, .server_lr = 1, .beta = 1 } },
    { "rule=fedhbm first=shared beta=0.8", { "fedhbm", .lr = .05L, .server_lr = 1, .beta = .8L, .shared = true } },
    { "rule=fedhbm nesterov=true", { "fedhbm", .lr = .05L, .server_lr = 1, .beta = 1, .nesterov = true } },
};

static void test_rules(void **state)
{
    static const char *const who[] = { "", "participation=cyclic sampled=2",
                                       "participation=dirichlet concentration=0.5" };
    double weight[CLIENTS], x[DIM];

    (void)state;
    for (size_t i = 0; i < ROWS(rule_rows); i++)
        for (size_t p = 0; p < ROWS(who); p++) {
            reference r = rule_rows[i].r;
            bed b = bed_make(i, 1);
            luge_federation *f = federation(&b, "lr=0.05");
            const size_t *client;
            MUST(federation_set(f, rule_rows[i].set));
            MUST(federation_set(f, who[p]));
            for (int k = 0; k < CLIENTS; k++) weight[k] = p ? 1 + k % 3 : 2;
            for (int k = 0; k < DIM; k++) r.model[0][k] = (real)(x[k] = k * 0.25 - 1);
            MUST(luge_federation_weigh(f, weight, &err));
            MUST(luge_federation_begin(f, x, &err));
            for (int t = 0; t < ROUNDS; t++) {
                MUST(luge_federation_round(f, &err));
                size_t m = luge_federation_chosen(f, &client);
                reference_round(&r, &b, t, client, m, weight);
            }
            for (int k = 0; k < DIM; k++) {
                double got = luge_federation_model(f)[k], right = (double)r.model[ROUNDS][k];
                CHECK(fabs(got - right) < 2e-14 * (1 + fabs(right)), "%s, %s: x[%d] = %.17g, reference %.17g",
                      rule_rows[i].set, who[p], k, got, right);
            }
            luge_federation_free(f);
        }
    CHECK_END();
}

/* ---- limits ---- */

/* Products as f64 has them: 0.1 * 0.05, 0.3 * 0.05. */
static const struct {
    const char *one, *other;
    double within;
} same_rows[] = {
    { "rule=fedcm lr=0.05 alpha=0.1", "rule=ghbm lag=1 lr=0.005000000000000001 beta=0.9", 1e-15 },
    { "rule=fedcm lr=0.05 alpha=0.3", "rule=ghbm lag=1 lr=0.015 beta=0.7", 1e-15 },
    { "rule=fedcm lr=0.05 alpha=1", "rule=fedavg lr=0.05", 0 },
    { "rule=fedavgm lr=0.05 beta=0", "rule=fedavg lr=0.05", 0 },
    { "rule=ghbm lr=0.05 beta=0", "rule=fedavg lr=0.05", 0 },
    { "rule=localghbm lr=0.05 beta=0", "rule=fedavg lr=0.05", 0 },
    { "rule=fedhbm lr=0.05 beta=0", "rule=fedavg lr=0.05", 0 },
};

static void test_limits(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(same_rows); i++)
        for (int cyclic = 0; cyclic < 2; cyclic++) {
            char text[2][100];
            double x[2][DIM], most = 0;
            bed b = bed_make(3, 1);
            snprintf(text[0], 100, "%s participation=%s", same_rows[i].one, cyclic ? "cyclic" : "uniform");
            snprintf(text[1], 100, "%s participation=%s", same_rows[i].other, cyclic ? "cyclic" : "uniform");
            for (int k = 0; k < 2; k++) bed_run(&b, text[k], 500, 1, x[k]);
            for (int k = 0; k < DIM; k++) most = fmax(most, fabs(x[0][k] - x[1][k]));
            CHECK(most <= same_rows[i].within, "%s and %s differ by %g", text[0], text[1], most);
        }
    CHECK_END();
}

/* ---- results ---- */

#define SCAFFOLD "rule=scaffold lr=0.05 "
static const char *const biased[] = {
    "rule=fedavg lr=0.05 ",
    "rule=fedavgm lr=0.05 server_lr=0.1 ",
    "rule=fedcm lr=0.05 ",
    "rule=ghbm lr=0.005 lag=5 ",
    "rule=ghbm lr=0.005 ",
    "rule=localghbm lr=0.005 ",
    "rule=fedhbm lr=0.005 beta=0.9 ",
};

static double with(bed *b, const char *rule, const char *more, int rounds, double *x)
{
    char text[200];
    snprintf(text, sizeof text, "%s%s", rule, more);
    return bed_run(b, text, rounds, 40, x);
}

/* Only SCAFFOLD has no bias; all others' is proportional to how far the clients are apart. */
static void test_bias(void **state)
{
    (void)state;
    for (uint64_t seed = 0; seed < 3; seed++) {
        bed near = bed_make(seed, 1), far = bed_make(seed, 10);
        for (int uniform = 0; uniform < 2; uniform++) {
            const char *who = uniform ? "participation=uniform" : "participation=cyclic";
            double exact = with(&near, SCAFFOLD, who, 3000, NULL);
            CHECK(exact < 5e-15, "scaffold, %s: error %g", who, exact);
            for (size_t i = 0; i < ROWS(biased); i++) {
                double one = with(&near, biased[i], who, 1000, NULL), ten = with(&far, biased[i], who, 1000, NULL);
                CHECK(one > 0.01, "%s%s: error %g", biased[i], who, one);
                CHECK(fabs(ten / one - 10) < 1e-10, "%s%s: errors %g and %g", biased[i], who, one, ten);
            }
        }
    }
    CHECK_END();
}

/* FedAvg on cyclic clients: a round of group p is x <- A_p x + b_p in each coordinate, so the cycle has a fixed
 * point. */
static real cycle_error(const bed *b, real lr)
{
    enum { GROUPS = CLIENTS / 2 };
    real square[GROUPS] = { 0 }, sum = 0;

    for (int k = 0; k < DIM; k++) {
        real a[GROUPS], shift[GROUPS], whole = 1, moved = 0, x;
        for (int p = 0; p < GROUPS; p++) {
            a[p] = shift[p] = 0;
            for (int i = 2 * p; i < 2 * p + 2; i++) {
                real keep = 1;
                for (int j = 0; j < LOCAL; j++) keep *= 1 - lr * (real)b->h[i][k];
                a[p] += keep / 2, shift[p] += (1 - keep) * (real)b->c[i][k] / 2;
            }
            moved = a[p] * moved + shift[p], whole *= a[p];
        }
        x = moved / (1 - whole);
        for (int p = 0; p < GROUPS; p++) {
            x = a[p] * x + shift[p];
            square[p] += (x - (real)b->best[k]) * (x - (real)b->best[k]);
        }
    }
    for (int p = 0; p < GROUPS; p++) sum += sqrtl(square[p]);
    return sum / GROUPS;
}

/* A lag of whole cycles leaves no momentum on the cycle: GHBM ends where FedAvg ends at the same step, and no other
 * lag does. */
static void test_cycle(void **state)
{
    static const struct {
        const char *set;
        real lr;
        bool same;
    } rows[] = {
        { "rule=fedavg lr=0.05 ", .05L, true },        { "rule=fedavg lr=0.005 ", .005L, true },
        { "rule=ghbm lr=0.005 lag=10 ", .005L, true }, { "rule=ghbm lr=0.005 lag=20 ", .005L, true },
        { "rule=ghbm lr=0.005 lag=40 ", .005L, true }, { "rule=ghbm lr=0.05 lag=10 ", .05L, true },
        { "rule=localghbm lr=0.005 ", .005L, true },   { "rule=ghbm lr=0.005 lag=1 ", .005L, false },
        { "rule=ghbm lr=0.005 lag=5 ", .005L, false },
    };
    (void)state;
    for (uint64_t seed = 0; seed < 4; seed++) {
        bed b = bed_make(seed, 1);
        for (size_t i = 0; i < ROWS(rows); i++) {
            double error = with(&b, rows[i].set, "participation=cyclic", 8000, NULL);
            double right = (double)cycle_error(&b, rows[i].lr);
            CHECK((fabs(error - right) < 1e-12) == rows[i].same, "%s: %.13g, closed form of fedavg's cycle %.13g",
                  rows[i].set, error, right);
        }
    }
    CHECK_END();
}

enum { SEEDS = 12 };

/* Mean error over the seeds. */
static double over_seeds(const char *rule, const char *who, int rounds, double noise)
{
    double sum = 0;
    for (uint64_t seed = 0; seed < SEEDS; seed++) {
        char text[200];
        bed b = bed_make(seed, 1);
        b.noise = noise;
        snprintf(text, sizeof text, "%s %s seed=%d", rule, who, (int)seed);
        sum += bed_run(&b, text, rounds, 40, NULL);
    }
    return sum / SEEDS;
}

/* `low` times `factor` is below `high`: means over the seeds at equal effective step, or at the same one where said.
 */
static const struct {
    const char *low, *high, *who;
    double factor, noise;
} order_rows[] = {
    { "rule=fedcm lr=0.05", "rule=fedavg lr=0.05", "participation=cyclic", 4, 0 },
    { "rule=fedavgm lr=0.05 server_lr=0.1", "rule=fedavg lr=0.05", "participation=cyclic", 4, 0 },
    { "rule=ghbm lr=0.005 lag=10", "rule=fedcm lr=0.05", "participation=cyclic", 1.2, 0 },
    { "rule=ghbm lr=0.005 lag=5", "rule=fedcm lr=0.05", "participation=cyclic", 1.3, 0 },
    { "rule=localghbm lr=0.005", "rule=fedcm lr=0.05", "participation=cyclic", 1.2, 0 },
    { "rule=fedhbm lr=0.005 beta=0.9", "rule=fedcm lr=0.05", "participation=cyclic", 1.2, 0 },
    { "rule=fedavg lr=0.05", "rule=ghbm lr=0.05 lag=1", "participation=cyclic", 1.5, 0 }, /* same lr */
    /* Momentum of lag 1 is biased to the last clients: no better than none. */
    { "rule=fedavg lr=0.05", "rule=fedcm lr=0.05", "participation=uniform", 0.9, 0 },
    { "rule=ghbm lr=0.005 lag=20", "rule=fedavg lr=0.05", "participation=uniform", 1.15, 0 },
    { "rule=ghbm lr=0.005 lag=40", "rule=fedavg lr=0.05", "participation=uniform", 1.3, 0 },
    { "rule=ghbm lr=0.005 lag=20", "rule=fedcm lr=0.05", "participation=uniform", 1.15, 0 },
    { "rule=ghbm lr=0.005 lag=40", "rule=ghbm lr=0.005 lag=10", "participation=uniform", 1.1, 0 },
    { "rule=localghbm lr=0.005", "rule=fedavg lr=0.05", "participation=uniform", 1.15, 0 },
    { "rule=localghbm lr=0.005", "rule=fedcm lr=0.05", "participation=uniform", 1.15, 0 },
    { "rule=fedhbm lr=0.005 beta=0.9", "rule=fedavg lr=0.05", "participation=uniform", 1.1, 0 },
    { "rule=fedcm lr=0.05", "rule=fedavg lr=0.05", "participation=cyclic", 1.2, 1 },
    { "rule=ghbm lr=0.005 lag=10", "rule=fedcm lr=0.05", "participation=cyclic", 1.1, 1 },
    { "rule=ghbm lr=0.005 lag=10", "rule=scaffold lr=0.05", "participation=cyclic", 1.4, 1 },
};

static void test_order(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(order_rows); i++) {
        double low = over_seeds(order_rows[i].low, order_rows[i].who, 600, order_rows[i].noise);
        double high = over_seeds(order_rows[i].high, order_rows[i].who, 600, order_rows[i].noise);
        CHECK(low * order_rows[i].factor < high, "%s: %s %.4f is not %g times below %s %.4f", order_rows[i].who,
              order_rows[i].low, low, order_rows[i].factor, order_rows[i].high, high);
    }
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rules), cmocka_unit_test(test_limits), cmocka_unit_test(test_bias),
        cmocka_unit_test(test_cycle), cmocka_unit_test(test_order),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
