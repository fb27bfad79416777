/* Runs of federations: who takes part, who has which rows, traffic, bits, checkpoints, ranks, what is refused.
 * SPDX-License-Identifier: MIT */
#include "federated/federation.h"
#include "federation.h"
#include "files.h"
#include "wrap_alloc.h"
#include <pthread.h>

static const char *const every_rule[] = {
    "rule=fedavg",   "rule=fedavgm server_lr=0.1",    "rule=fedcm",
    "rule=scaffold", "rule=ghbm lag=4 nesterov=true", "rule=localghbm first=shared participation=dirichlet",
    "rule=fedhbm",
};
static const double zero[DIM];

static void rounds(luge_federation *f, int n)
{
    for (int t = 0; t < n; t++) MUST(luge_federation_round(f, &err));
}

static bool same(const luge_federation *f, const luge_federation *g)
{
    return !memcmp(luge_federation_model(f), luge_federation_model(g), DIM * sizeof(double));
}

/* ---- who takes part ---- */

static void count(const char *set, int n, int visits[CLIENTS])
{
    bed b = bed_make(0, 1);
    luge_federation *f = federation(&b, set);
    const size_t *client;

    memset(visits, 0, CLIENTS * sizeof *visits);
    MUST(luge_federation_begin(f, zero, &err));
    CHECK(luge_federation_chosen(f, &client) == 0, "%s: somebody took part before the first round", set);
    for (int t = 0; t < n; t++) {
        rounds(f, 1);
        size_t m = luge_federation_chosen(f, &client);
        for (size_t i = 0; i < m; i++) {
            visits[client[i]]++;
            for (size_t j = 0; j < i; j++) CHECK(client[i] != client[j], "%s: client %zu twice", set, client[i]);
        }
    }
    luge_federation_free(f);
}

static int most(const int v[CLIENTS])
{
    int best = v[0];
    for (int i = 1; i < CLIENTS; i++) best = v[i] > best ? v[i] : best;
    return best;
}

static void test_participation(void **state)
{
    int v[CLIENTS];
    (void)state;
    count("participation=cyclic", 10, v);
    for (int i = 0; i < CLIENTS; i++) CHECK(v[i] == 1, "cyclic: client %d took part %d times", i, v[i]);
    count("participation=cyclic sampled=3", 14, v); /* seven groups, the last of two */
    for (int i = 0; i < CLIENTS; i++) CHECK(v[i] == 2, "cyclic by three: client %d took part %d times", i, v[i]);
    count("participation=uniform", 5000, v); /* binomial: 500 within four of its deviations of 21 */
    for (int i = 0; i < CLIENTS; i++) CHECK(abs(v[i] - 500) < 85, "uniform: client %d took part %d times", i, v[i]);
    count("participation=dirichlet concentration=1e6", 5000, v);
    for (int i = 0; i < CLIENTS; i++) CHECK(abs(v[i] - 500) < 85, "alike: client %d took part %d times", i, v[i]);
    count("participation=dirichlet concentration=0.01", 500, v);
    CHECK(most(v) == 500, "skewed: the client that takes part most did so %d times", most(v));
    count("participation=dirichlet sampled=20", 3, v);
    for (int i = 0; i < CLIENTS; i++) CHECK(v[i] == 3, "all: client %d took part %d times", i, v[i]);
    CHECK_END();
}

/* Mean a and variance a of Gamma(a, 1); the mean of log U^(1/a) is -1/a. */
static void test_gamma(void **state)
{
    static const double shape[] = { 0.05, 0.5, 1, 3, 50 };
    enum { N = 40000 };
    (void)state;
    for (size_t i = 0; i < ROWS(shape); i++) {
        double sum = 0, squares = 0, a = shape[i];
        for (uint64_t k = 0; k < N; k++) {
            double v = lg_exp(lg_log_gamma_variate(a, 5, i, k));
            sum += v, squares += v * v;
        }
        double mean = sum / N, variance = squares / N - mean * mean;
        CHECK(fabs(mean - a) < 4 * sqrt(a / N), "shape %g: mean %g", a, mean);
        CHECK(fabs(variance / a - 1) < 0.15, "shape %g: variance %g", a, variance);
    }
    CHECK(isfinite(lg_log_gamma_variate(0.001, 1, 1, 1)), "a variate of shape 0.001 underflows");
    CHECK_END();
}

/* ---- who has which rows ---- */

enum { ROWS_ = 1003, CLASSES = 10, PARTS = 20 };

/* Labels that a client has, on average, each row handed out once. */
static double labels_of_a_client(double alpha, const unsigned char *label)
{
    size_t row[ROWS_];
    bool seen[ROWS_] = { false };
    int total = 0;

    MUST(luge_split(ROWS_, label, PARTS, alpha, 7, row, &err));
    for (size_t i = 0; i < ROWS_; i++) {
        CHECK(row[i] < ROWS_ && !seen[row[i]], "alpha %g: row %zu comes twice", alpha, row[i]);
        seen[row[i]] = true;
    }
    for (size_t p = 0; p < PARTS; p++) {
        bool has[CLASSES] = { false };
        for (size_t i = p * ROWS_ / PARTS; i < (p + 1) * ROWS_ / PARTS; i++) has[label[row[i]]] = true;
        for (int c = 0; c < CLASSES; c++) total += has[c];
    }
    return (double)total / PARTS;
}

static void test_split(void **state)
{
    unsigned char label[ROWS_];
    size_t row[4];
    (void)state;
    for (size_t i = 0; i < ROWS_; i++) label[i] = (unsigned char)lg_below(1, 1, i, CLASSES);
    double sorted = labels_of_a_client(0, label), little = labels_of_a_client(0.05, label),
           some = labels_of_a_client(1, label), all = labels_of_a_client((double)INFINITY, label);
    CHECK(sorted < 2 && little < 3.5 && sorted < little && little + 2 < some && some + 1 < all && all > 9.5,
          "labels of a client: %g %g %g %g", sorted, little, some, all);
    CHECK(luge_split(4, label, 5, 0, 0, row, &err) == LUGE_E_ARG && strstr(err.text, "4 rows for 5"), "%s", err.text);
    CHECK(luge_split(4, label, 0, 0, 0, row, &err) == LUGE_E_ARG, "no client");
    CHECK(luge_split(4, label, 2, -1, 0, row, &err) == LUGE_E_ARG && strstr(err.text, "alpha = -1"), "%s", err.text);
    CHECK(luge_split(4, label, 2, (double)NAN, 0, row, &err) == LUGE_E_ARG, "alpha that is no number");
    CHECK_END();
}

/* ---- traffic: numbers down and up of two clients in ten rounds, the models' DIM times what the table says ---- */

static void test_traffic(void **state)
{
    static const struct {
        const char *set;
        int down, up, more;
    } rows[] = {
        { "rule=fedavg", 1, 1, 0 },
        { "rule=fedavgm", 1, 1, 0 },
        { "rule=fedcm", 2, 1, 0 },
        { "rule=scaffold", 2, 2, 0 },
        { "rule=ghbm", 2, 1, 0 },
        { "rule=localghbm", 1, 1, 0 },
        { "rule=fedhbm", 1, 1, 0 },
        { "rule=fedhbm first=shared participation=cyclic", 1, 1, CLIENTS * DIM }, /* each client once */
    };
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        bed b = bed_make(0, 1);
        luge_federation *f = federation(&b, rows[i].set);
        int64_t down, up;
        MUST(luge_federation_begin(f, zero, &err));
        rounds(f, 10);
        luge_federation_traffic(f, &down, &up);
        CHECK(down == 2 * 10 * DIM * rows[i].down + rows[i].more && up == 2 * 10 * DIM * rows[i].up,
              "%s: %lld down, %lld up", rows[i].set, (long long)down, (long long)up);
        CHECK(luge_federation_rounds(f) == 10, "rounds");
        luge_federation_free(f);
    }
    CHECK_END();
}

/* ---- bits: threads, checkpoints, ranks ---- */

static void test_threads(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(every_rule); i++) {
        bed b = bed_make(i, 1);
        luge_federation *f[3];
        b.noise = 1;
        for (int k = 0; k < 3; k++) {
            f[k] = federation(&b, "sampled=7");
            MUST(federation_set(f[k], every_rule[i]));
            MUST(federation_set(f[k], k == 0 ? "threads=1" : k == 1 ? "threads=3" : "threads=16"));
            MUST(luge_federation_begin(f[k], zero, &err));
            rounds(f[k], 20);
        }
        CHECK(same(f[0], f[1]) && same(f[0], f[2]), "%s: other bits with threads", every_rule[i]);
        for (int k = 0; k < 3; k++) luge_federation_free(f[k]);
    }
    CHECK_END();
}

static void test_resume(void **state)
{
    const char *path = scratch("federation");
    (void)state;
    for (size_t i = 0; i < ROWS(every_rule); i++) {
        bed b = bed_make(i, 1);
        luge_federation *f = federation(&b, every_rule[i]), *g = federation(&b, every_rule[i]);
        int64_t a[2], c[2];
        MUST(luge_federation_begin(f, zero, &err));
        rounds(f, 7);
        MUST(luge_federation_save(f, path, "rows 1 to 10", &err));
        rounds(f, 9);
        MUST(luge_federation_load(g, path, "rows 1 to 10", &err));
        CHECK(luge_federation_rounds(g) == 7, "%s", every_rule[i]);
        rounds(g, 9);
        luge_federation_traffic(f, &a[0], &a[1]);
        luge_federation_traffic(g, &c[0], &c[1]);
        CHECK(same(f, g) && a[0] == c[0] && a[1] == c[1], "%s: another run after a resume", every_rule[i]);
        CHECK(luge_federation_load(g, path, "rows 1 to 20", &err) == LUGE_E_ARG && strstr(err.text, "20"), "%s",
              err.text);
        CHECK(luge_federation_load(g, path, NULL, &err) == LUGE_E_ARG, "%s", err.text);
        CHECK(same(f, g), "%s: a load that failed moved something", every_rule[i]);
        luge_federation_free(f);
        luge_federation_free(g);
    }
    CHECK_END();
}

/* One word of a checkpoint's head is another, of the same length; or the file ends early. */
static void test_hostile_files(void **state)
{
    static const struct {
        const char *from, *to, *said;
    } rows[] = {
        { "\"round\":\"7\"", "\"round\":\"x\"", "round" },
        { "\"round\":\"7\"", "\"round\":\"1\"", "took part" },
        { "\"luge.federation\":\"1\"", "\"luge.federation\":\"9\"", "version" },
        { "\"set.alpha\":\"0.1\"", "\"set.alpha\":\"0.2\"", "alpha = 0.2, here it is 0.1" },
        { "\"set.rule\":\"scaffold\"", "\"set.rule\":\"fedscaff\"", "rule" },
        { "\"kept\"", "\"kepd\"", "\"kept\"" },
        { "\"I64\"", "\"F64\"", "\"visits\"" },
        { "[20,10]", "[10,20]", "\"kept\"" },
    };
    const char *path = scratch("good");
    bed b = bed_make(0, 1);
    luge_federation *f = federation(&b, "rule=scaffold");
    size_t n;

    (void)state;
    MUST(luge_federation_begin(f, zero, &err));
    rounds(f, 7);
    MUST(luge_federation_save(f, path, NULL, &err));
    unsigned char *bytes = file_bytes(path, &n);
    for (size_t i = 0; i < ROWS(rows); i++) {
        size_t length = strlen(rows[i].from), at = 0;
        while (at + length < n && memcmp(bytes + at, rows[i].from, length) != 0) at++;
        CHECK(at + length < n, "%s is not in the file", rows[i].from);
        memcpy(bytes + at, rows[i].to, length);
        CHECK(luge_federation_load(f, scratch_put("bad", bytes, n), NULL, &err) && strstr(err.text, rows[i].said),
              "%s: %s", rows[i].to, err.text);
        memcpy(bytes + at, rows[i].from, length);
    }
    for (size_t k = 0; k < n; k += 97)
        CHECK(luge_federation_load(f, scratch_put("bad", bytes, k), NULL, &err), "a file of %zu bytes is read", k);
    memset(bytes + n - DIM * sizeof(double), 0xff, sizeof(double)); /* no number, in the tensor that comes last */
    CHECK(luge_federation_load(f, scratch_put("bad", bytes, n), NULL, &err), "a number that is not finite is read");
    CHECK(luge_federation_load(f, scratch("none"), NULL, &err) == LUGE_E_IO, "%s", err.text);
    CHECK(luge_federation_rounds(f) == 7, "a load that failed moved something");
    rounds(f, 1);
    luge_federation_free(f);
    free(bytes);
    CHECK_END();
}

/* ---- ranks, here threads that exchange through shared memory ---- */

enum { RANKS = 3 };
typedef struct meeting {
    pthread_barrier_t barrier;
    double *upload[RANKS];
    luge_status status[RANKS];
    luge_error error[RANKS];
} meeting;

typedef struct member {
    meeting *at;
    int rank, ranks;
    const char *set;
    long fail_at;
    double x[DIM];
    luge_status status;
    luge_error err;
} member;

static luge_status meet(void *context, luge_status mine, size_t rows, size_t each, double *upload, luge_error *e)
{
    member *m = context;
    meeting *a = m->at;
    luge_status st = LUGE_OK;

    a->upload[m->rank] = upload, a->status[m->rank] = mine, a->error[m->rank] = *e;
    pthread_barrier_wait(&a->barrier);
    for (int r = m->ranks - 1; r >= 0; r--)
        if (a->status[r]) st = a->status[r], *e = a->error[r];
    for (size_t k = 0; k < rows; k++) {
        int owner = (int)(k % (size_t)m->ranks);
        if (owner != m->rank) memcpy(upload + k * each, a->upload[owner] + k * each, each * sizeof *upload);
    }
    pthread_barrier_wait(&a->barrier);
    return st;
}

static void *member_run(void *context)
{
    member *m = context;
    bed b = bed_make(4, 1);
    luge_federation *f = NULL;
    luge_status st;

    b.fail_at = m->fail_at, b.status = LUGE_E_IO;
    LG_TRY(luge_federation_new(&f, CLIENTS, DIM, bed_gradient, &b, &m->err));
    LG_TRY(luge_federation_set(f, "sampled", "7", &m->err));
    LG_TRY(luge_federation_set(f, "rule", m->set, &m->err));
    LG_TRY(luge_federation_share(f, m->rank, m->ranks, meet, m, &m->err));
    LG_TRY(luge_federation_begin(f, zero, &m->err));
    for (int t = 0; t < 12; t++) LG_TRY(luge_federation_round(f, &m->err));
done:
    if (f && luge_federation_model(f)) memcpy(m->x, luge_federation_model(f), sizeof m->x);
    luge_federation_free(f);
    m->status = st;
    return NULL;
}

static void members(int ranks, const char *set, int failing, member m[RANKS])
{
    meeting a;
    pthread_t thread[RANKS];
    pthread_barrier_init(&a.barrier, NULL, (unsigned)ranks);
    for (int r = 0; r < ranks; r++) {
        m[r] = (member){ .at = &a, .rank = r, .ranks = ranks, .set = set, .fail_at = r == failing ? 40 : 0 };
        assert_int_equal(pthread_create(&thread[r], NULL, member_run, &m[r]), 0);
    }
    for (int r = 0; r < ranks; r++) pthread_join(thread[r], NULL);
    pthread_barrier_destroy(&a.barrier);
}

static void test_ranks(void **state)
{
    static const char *const rule[] = { "fedavg", "scaffold", "ghbm", "fedhbm" };
    member one[RANKS], many[RANKS];
    (void)state;
    for (size_t i = 0; i < ROWS(rule); i++) {
        members(1, rule[i], -1, one);
        CHECK(!one[0].status && one[0].x[0] != 0, "%s", one[0].err.text);
        for (int ranks = 2; ranks <= RANKS; ranks++) {
            members(ranks, rule[i], -1, many);
            for (int r = 0; r < ranks; r++)
                CHECK(!many[r].status && !memcmp(many[r].x, one[0].x, sizeof one[0].x), "%s: rank %d of %d: %s",
                      rule[i], r, ranks, many[r].err.text);
        }
    }
    members(RANKS, "fedavg", 1, many);
    for (int r = 0; r < RANKS; r++)
        CHECK(many[r].status == LUGE_E_IO && strstr(many[r].err.text, "has no data") &&
                  !memcmp(many[r].x, many[0].x, sizeof many[0].x),
              "rank %d after one failed: %s", r, many[r].err.text);
    CHECK_END();
}

/* ---- what is refused ---- */

static void test_refused(void **state)
{
    static const struct {
        const char *set, *said;
    } rows[] = {
        { "sampled=21", "only 20 clients" },
        { "sampled=0", "sampled = 0" },
        { "rule=fedprox", "fedhbm" },
        { "rule=ghbm beta=1.5", "[0,1]" },
        { "rule=ghbm beta=-0.1", "[0,1]" },
        { "rule=ghbm beta=nan", "beta" },
        { "beta=0.5", "fedavg has no such momentum" },
        { "rule=fedcm beta=0.5", "fedcm has no such momentum" },
        { "rule=fedcm alpha=0", "(0,1]" },
        { "lr=0", "lr = 0" },
        { "lr=inf", "lr" },
        { "steps=0", "steps = 0" },
        { "lag=-1", "lag = -1" },
        { "nesterov=true", "not of the family" },
        { "rule=ghbm first=shared", "localghbm and fedhbm" },
        { "participation=random", "cyclic" },
        { "participation=dirichlet concentration=0", "concentration = 0" },
        { "speed=3", "speed" },
    };
    bed b = bed_make(0, 1);
    luge_federation *f;
    double weight[CLIENTS] = { 1, 1, 0 }, x[DIM] = { 0, (double)INFINITY };
    char text[80];

    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++) {
        luge_status st;
        f = federation(&b, "");
        st = federation_set(f, rows[i].set);
        if (!st) st = luge_federation_begin(f, zero, &err);
        CHECK(st && strstr(err.text, rows[i].said), "%s: %s", rows[i].set, st ? err.text : "taken");
        CHECK(!luge_federation_model(f), "%s: begun", rows[i].set);
        luge_federation_free(f);
    }
    CHECK(luge_federation_new(&f, 0, DIM, bed_gradient, &b, &err) == LUGE_E_ARG && !f, "no clients");
    CHECK(luge_federation_new(&f, 3, 0, bed_gradient, &b, &err) == LUGE_E_ARG && !f, "no numbers");
    CHECK(luge_federation_new(&f, 3, 1, NULL, &b, &err) == LUGE_E_ARG && !f, "no function");
    f = federation(&b, "");
    CHECK(luge_federation_round(f, &err) == LUGE_E_INPUT, "%s", err.text);
    CHECK(luge_federation_save(f, scratch("x"), NULL, &err) == LUGE_E_INPUT, "%s", err.text);
    CHECK(luge_federation_weigh(f, weight, &err) == LUGE_E_ARG && strstr(err.text, "client 2"), "%s", err.text);
    CHECK(luge_federation_begin(f, x, &err) == LUGE_E_NUMERIC, "%s", err.text);
    CHECK(luge_federation_share(f, 2, 2, meet, NULL, &err) == LUGE_E_ARG, "%s", err.text);
    CHECK(luge_federation_share(f, 0, 2, NULL, NULL, &err) == LUGE_E_ARG, "%s", err.text);
    CHECK(luge_federation_get(f, "speed", text, sizeof text, &err) == LUGE_E_NAME, "%s", err.text);
    MUST(luge_federation_begin(f, zero, &err));
    CHECK(luge_federation_set(f, "rule", "ghbm", &err) == LUGE_E_ARG && strstr(err.text, "before a run"), "%s",
          err.text);
    MUST(luge_federation_set(f, "lr", "0.01", &err));
    MUST(luge_federation_get(f, "lr", text, sizeof text, &err));
    assert_string_equal(text, "0.01");
    luge_federation_free(f);
    CHECK_END();
}

/* A round in which a client fails, or is not finite, moves nothing; the next one goes on as if it had not been. */
static void test_failing_client(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(every_rule); i++)
        for (int nan = 0; nan < 2; nan++) {
            bed b = bed_make(i, 1), c = b;
            luge_federation *f = federation(&b, every_rule[i]), *g = federation(&c, every_rule[i]);
            MUST(luge_federation_begin(f, zero, &err));
            MUST(luge_federation_begin(g, zero, &err));
            rounds(f, 12), rounds(g, 12);
            const size_t *client;
            size_t before[2];
            assert_int_equal(luge_federation_chosen(f, &client), 2);
            memcpy(before, client, sizeof before);
            b.fail_at = 8, b.status = nan ? LUGE_OK : LUGE_E_IO, b.value = (double)NAN;
            luge_status st = luge_federation_round(f, &err);
            CHECK(st == (nan ? LUGE_E_NUMERIC : LUGE_E_IO) && strstr(err.text, nan ? "not finite" : "no data"),
                  "%s: %s", every_rule[i], err.text);
            luge_federation_chosen(f, &client);
            CHECK(same(f, g) && !memcmp(before, client, sizeof before), "%s: the round moved something",
                  every_rule[i]);
            rounds(f, 5), rounds(g, 5);
            CHECK(same(f, g), "%s: another run after a failed round", every_rule[i]);
            luge_federation_free(f);
            luge_federation_free(g);
        }
    CHECK_END();
}

/* ---- allocations ---- */

static luge_status everything(void)
{
    static const unsigned char label[8] = { 0, 1, 0, 1, 0, 1, 0, 1 };
    bed b = bed_make(0, 1);
    luge_federation *f = NULL;
    size_t row[8];
    luge_status st;

    LG_TRY(luge_federation_new(&f, CLIENTS, DIM, bed_gradient, &b, &err));
    LG_TRY(luge_federation_set(f, "rule", "scaffold", &err));
    LG_TRY(luge_federation_set(f, "participation", "dirichlet", &err));
    LG_TRY(luge_federation_begin(f, zero, &err));
    LG_TRY(luge_federation_round(f, &err));
    LG_TRY(luge_federation_save(f, scratch("memory"), NULL, &err));
    LG_TRY(luge_federation_load(f, scratch("memory"), NULL, &err));
    LG_TRY(luge_federation_round(f, &err));
    LG_TRY(luge_split(8, label, 2, 1, 0, row, &err));
done:
    luge_federation_free(f);
    return st;
}

static void test_failed_allocations(void **state)
{
    (void)state;
    for (long n = 1;; n++) {
        long live = wrap_live;
        luge_status st;
        wrap_fail(n);
        st = everything();
        if (!wrap_failed()) {
            assert_int_equal(st, LUGE_OK);
            break;
        }
        assert_int_equal(st, LUGE_E_MEMORY);
        assert_int_equal(wrap_live, live);
    }
}

/* A begin or load that finds no memory leaves the run before it. */
static void test_no_room(void **state)
{
    bed b = bed_make(0, 1);
    luge_federation *f = federation(&b, "rule=ghbm"), *g = federation(&b, "rule=ghbm");
    (void)state;
    MUST(luge_federation_begin(f, zero, &err));
    MUST(luge_federation_begin(g, zero, &err));
    rounds(f, 3), rounds(g, 3);
    for (long n = 1;; n++) {
        wrap_fail(n);
        luge_status st = luge_federation_begin(f, zero, &err);
        if (!wrap_failed()) break;
        CHECK(st == LUGE_E_MEMORY && luge_federation_rounds(f) == 3 && same(f, g), "allocation %ld: %s", n, err.text);
    }
    CHECK(luge_federation_rounds(f) == 0, "not begun anew");
    luge_federation_free(f);
    luge_federation_free(g);
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_participation),
        cmocka_unit_test(test_gamma),
        cmocka_unit_test(test_split),
        cmocka_unit_test(test_traffic),
        cmocka_unit_test(test_threads),
        cmocka_unit_test(test_resume),
        cmocka_unit_test(test_hostile_files),
        cmocka_unit_test(test_ranks),
        cmocka_unit_test(test_refused),
        cmocka_unit_test(test_failing_client),
        cmocka_unit_test(test_failed_allocations),
        cmocka_unit_test(test_no_room),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
