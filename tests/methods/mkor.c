/* MKOR against its factors as dense inverses by elimination, its direction as one product with a Kronecker product,
 * and its bases as sums over all steps, in long double; what is linked to what; limits; the same bits for any threads
 * and after a resume.  SPDX-License-Identifier: MIT */
#include "files.h"
#include "methods/layers.h"

typedef struct settings {
    const char *method, *text;
    bool adam, hybrid;
    char form; /* code, paper, exact */
    int every;
    long double mu, b1, b2, eps, decay, d, clip, gamma, limit, zeta, hbeta, below; /* limit 0: none */
    int after, most; /* most 0: every side has a factor */
} settings;

/* ---- the reference ---- */

typedef struct square {
    int n;
    long double v[12][12];
} square;

static square eye(int n)
{
    square a = { .n = n };
    for (int i = 0; i < n; i++) a.v[i][i] = 1;
    return a;
}

/* Gauss and Jordan, with the largest pivot. */
static square inverse(square a)
{
    square b = eye(a.n);
    for (int c = 0; c < a.n; c++) {
        int best = c;
        for (int i = c; i < a.n; i++)
            if (fabsl(a.v[i][c]) > fabsl(a.v[best][c])) best = i;
        for (int j = 0; j < a.n; j++) {
            long double t = a.v[c][j], s = b.v[c][j];
            a.v[c][j] = a.v[best][j], a.v[best][j] = t;
            b.v[c][j] = b.v[best][j], b.v[best][j] = s;
        }
        long double p = a.v[c][c];
        for (int j = 0; j < a.n; j++) a.v[c][j] /= p, b.v[c][j] /= p;
        for (int i = 0; i < a.n; i++) {
            long double f = a.v[i][c];
            for (int j = 0; j < a.n && i != c; j++) a.v[i][j] -= f * a.v[c][j], b.v[i][j] -= f * b.v[c][j];
        }
    }
    return b;
}

/* p a + q v v' */
static square plus(long double p, square a, long double q, const long double *v)
{
    for (int i = 0; i < a.n; i++)
        for (int j = 0; j < a.n; j++) a.v[i][j] = p * a.v[i][j] + q * v[i] * v[j];
    return a;
}

static square toward_one(long double p, square a)
{
    for (int i = 0; i < a.n; i++)
        for (int j = 0; j < a.n; j++) a.v[i][j] = p * a.v[i][j] + (i == j ? 1 - p : 0);
    return a;
}

static long double clamp(long double a, long double most) { return fminl(fmaxl(a, -most), most); }

/* The mean input with its 1, and the mean of the rows' own output gradients. */
static void vectors(const settings *h, const history *q, int i, int t, long double *a, long double *g)
{
    const struct shape *s = &shape[i];
    int m = (int)s->shape[0], n = (int)s->n / m;
    memset(a, 0, 12 * sizeof *a);
    memset(g, 0, 12 * sizeof *g);
    for (int r = 0; r < BATCH; r++) {
        for (int j = 0; j < n; j++) {
            long double mean = 0;
            for (int p = 0; i == KERNEL && p < PLACES; p++) { /* a kernel of 2 x 1 stands at 2 x 2 places of 3 x 2 */
                int y = p / 2 + j % 2, x = p % 2, channel = j / 2;
                mean += (long double)q->in[t][i][(r * 2 + channel) * HEIGHT * WIDTH + y * WIDTH + x] / PLACES;
            }
            if (i != KERNEL) mean = q->in[t][i][r * n + j];
            a[j] += clamp(mean, h->clip) / BATCH;
        }
        a[n] += clamp(1, h->clip) / BATCH;
        for (int j = 0; j < m; j++) {
            long double sum = 0;
            int places = i == KERNEL ? PLACES : 1;
            for (int p = 0; p < places; p++) sum += (long double)q->out[t][i][(r * m + j) * places + p];
            g[j] += clamp(BATCH * sum / places, h->clip) / BATCH;
        }
    }
}

static long double largest(const square *f)
{
    long double most = 0;
    for (int i = 0; i < f->n; i++)
        for (int j = 0; j < f->n; j++) most = fmaxl(most, fabsl(f->v[i][j]));
    return most;
}

/* By the inverse of F, but for the paper's own rule. */
static square changed(const settings *h, square f, const long double *v, int count)
{
    if (h->most && f.n > h->most) return f;
    if (h->form == 'c') return count == 1 ? f : inverse(plus(1, inverse(toward_one(h->d, f)), 1, v));
    if (h->limit > 0 && largest(&f) > h->limit) f = toward_one(h->zeta, f);
    if (h->form == 'e') return inverse(plus(h->gamma, inverse(f), 1 - h->gamma, v));
    long double w[12] = { 0 }, s = 0;
    for (int i = 0; i < f.n; i++)
        for (int j = 0; j < f.n; j++) w[i] += f.v[i][j] * v[j], s += v[i] * f.v[i][j] * v[j];
    return plus(h->gamma, f, (1 - h->gamma) / (h->gamma * h->gamma + powl(h->gamma, 3) * (1 - h->gamma) * s), w);
}

/* Does MKOR-H still work on layers in step k? */
static bool second_order(const settings *h, const history *q, int k)
{
    long double mean[RUN + 1] = { 0 }, fall[RUN + 1] = { 0 }, most = 0;
    for (int i = 1; h->hybrid && i <= k; i++) {
        for (int j = 1; j <= i; j++)
            mean[i] += (j > 1 ? 1 - h->hbeta : 1) * powl(h->hbeta, i - j) * (long double)q->loss[j];
        for (int j = 2; j <= i; j++) fall[i] += (1 - h->hbeta) * powl(h->hbeta, i - j) * (mean[j - 1] - mean[j]);
        most = fmaxl(most, fall[i]);
        if (i > h->after && fall[i] <= h->below * most) return false;
    }
    return true;
}

typedef long double table[RUN + 1][ALL][MOST];

/* L ⊗ R on the gradient with its column, and back to the old length; 0 / 0: the gradient. */
static void direct(const settings *h, const history *q, int i, int t, const square *l, const square *r, table d)
{
    int m = l->n, n = (int)shape[i].n / m, wide = r->n, bias = shape[i].bias;
    long double square_in[2] = { 0 }, square_out[2] = { 0 }, to[12][12] = { 0 };
    for (int a = 0; a < m; a++)
        for (int b = 0; b < wide; b++)
            for (int c = 0; c < m * wide; c++) {
                int row = c / wide, column = c % wide;
                long double g = column < n                    ? (long double)q->g[t][i][row * n + column]
                                : bias && !q->absent[t][bias] ? (long double)q->g[t][bias][row]
                                                              : 0;
                to[a][b] += l->v[a][row] * r->v[b][column] * g;
                if (a == 0 && b == 0) square_in[column >= n] += g * g;
            }
    bool with = bias && !q->absent[t][bias];
    for (int a = 0; a < m; a++)
        for (int b = 0; b < wide; b++)
            if (b < n || with) square_out[b >= n] += to[a][b] * to[a][b];
    long double length =
        h->form == 'c' ? (sqrtl(square_in[0]) + sqrtl(square_in[1])) / (sqrtl(square_out[0]) + sqrtl(square_out[1]))
                       : sqrtl((square_in[0] + square_in[1]) / (square_out[0] + square_out[1]));
    if (!isfinite(length)) return;
    for (int a = 0; a < m; a++) {
        for (int b = 0; b < n; b++) d[t][i][a * n + b] = length * to[a][b];
        if (with) d[t][bias][a] = length * to[a][n];
    }
}

static void directions(const settings *h, const history *q, table d)
{
    for (int i = 0; i < ALL; i++) {
        int m = (int)shape[i].shape[0], count = 0;
        square l = eye(m), r = eye((int)shape[i].n / m + (shape[i].bias > 0));
        if (shape[i].ndim < 2) continue;
        for (int t = 1; t <= RUN; t++) {
            long double a[12], g[12];
            if (q->absent[t][i] || !second_order(h, q, t)) continue;
            if ((t - 1) % h->every == 0) {
                vectors(h, q, i, t, a, g);
                count++;
                r = changed(h, r, a, count);
                l = changed(h, l, g, count);
            }
            direct(h, q, i, t, &l, &r, d);
        }
    }
}

static void reference(const settings *h, const history *q, double lr, table x)
{
    static table d, u;
    for (int t = 0; t <= RUN; t++)
        for (int i = 0; i < ALL; i++)
            for (int j = 0; j < MOST; j++) d[t][i][j] = q->g[t][i][j], x[t][i][j] = q->x0[i][j];
    directions(h, q, d);
    for (int i = 0; i < ALL; i++)
        for (int j = 0; j < (int)shape[i].n; j++)
            for (int t = 1, seen = 0, when[RUN + 1]; t <= RUN; t++) {
                x[t][i][j] = x[t - 1][i][j];
                if (q->absent[t][i]) continue;
                when[seen++] = t;
                u[t][i][j] = d[t][i][j] + h->decay * x[t - 1][i][j];
                long double first = 0, second = 0;
                for (int k = 0; k < seen; k++) {
                    long double old = u[when[k]][i][j];
                    first += powl(h->adam ? h->b1 : h->mu, seen - 1 - k) * old;
                    second += (1 - h->b2) * powl(h->b2, seen - 1 - k) * old * old;
                }
                if (h->adam)
                    first *= (1 - h->b1) / (1 - powl(h->b1, t)) / (sqrtl(second / (1 - powl(h->b2, t))) + h->eps);
                x[t][i][j] -= (long double)lr * first;
            }
}

#define USUAL .mu = .9L, .b1 = .9L, .b2 = .999L, .eps = 1e-8L, .d = .95L, .clip = HUGE_VALL, .gamma = .9L, .zeta = .9L
static const settings rows[] = {
    { "mkor", "inv_freq=1 weight_decay=0.1", false, false, 'c', 1, USUAL, .decay = .1L, .after = 0 },
    { "mkor", "inv_freq=3 momentum=0 clipping_value=0.5 factor_decay=0.5", false, false, 'c', 3, .clip = .5L,
      .d = .5L },
    { "mkor", "base=adam inv_freq=2 beta1=0.5 beta2=0.8 eps=0.1 weight_decay=0.2", true, false, 'c', 2, .b1 = .5L,
      .b2 = .8L, .eps = .1L, .decay = .2L, .d = .95L, .clip = HUGE_VALL },
    { "mkor", "base=adam inv_freq=2 beta1=0.5 beta2=0.8 adam_eps=0.1", true, false, 'c', 2, .b1 = .5L, .b2 = .8L,
      .eps = .1L, .d = .95L, .clip = HUGE_VALL },
    { "mkor_paper", "inv_freq=1 gamma=0.9", false, false, 'p', 1, USUAL },
    { "mkor_paper", "inv_freq=2 gamma=0.7 eps=1.2 zeta=0.3 clipping_value=0.1", false, false, 'p', 2, .mu = .9L,
      .clip = HUGE_VALL, .gamma = .7L, .limit = 1.2L, .zeta = .3L },
    { "mkor_paper", "base=adam inv_freq=2 eps=1.5 adam_eps=0.01 beta1=0.8 beta2=0.9", true, false, 'p', 2, .b1 = .8L,
      .b2 = .9L, .eps = .01L, .clip = HUGE_VALL, .gamma = .9L, .limit = 1.5L, .zeta = .9L },
    { "mkor", "form=exact inv_freq=1 gamma=0.8", false, false, 'e', 1, .mu = .9L, .clip = HUGE_VALL, .gamma = .8L },
    { "mkor", "form=exact inv_freq=2 gamma=0.6 eps=2 zeta=0.5 momentum=0.3", false, false, 'e', 2, .mu = .3L,
      .clip = HUGE_VALL, .gamma = .6L, .limit = 2, .zeta = .5L },
    { "mkor", "form=exact inv_freq=1 gamma=0.8 max_dim=4", .form = 'e', .every = 1, .mu = .9L, .clip = HUGE_VALL,
      .gamma = .8L, .most = 4 },
    { "mkor", "form=exact inv_freq=1 gamma=0.8 max_dim=1", .form = 'e', .every = 1, .mu = .9L, .clip = HUGE_VALL,
      .gamma = .8L, .most = 1 },
    { "mkor_h", "inv_freq=2 hybrid_beta=0.8 hybrid_after=12 hybrid_below=0.4", false, true, 'c', 2, USUAL,
      .hbeta = .8L, .below = .4L, .after = 12 },
    { "mkor_h_paper", "inv_freq=1 hybrid_beta=0.5 hybrid_after=20 hybrid_below=0.9", false, true, 'p', 1, USUAL,
      .hbeta = .5L, .below = .9L, .after = 20 },
};

static void equals_its_formula(void **state)
{
    static history q;
    static table want;
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        for (int narrow = 0; narrow < 2; narrow++) {
            const settings *h = &rows[i];
            luge_type type = narrow ? LUGE_F32 : LUGE_F64;
            double worst = 0;
            luge_error err;
            run r;
            history_make(&q, 7 + i);
            reference(h, &q, .05, want);
            run_open(&r, h->method, h->text, .05, &q, type);
            for (int t = 1; t <= RUN; t++) {
                bool due = (t - 1) % h->every == 0 && (t == 1 || second_order(h, &q, t - 1));
                CHECK(luge_needs(r.opt, "layer") == due, "%s %s: step %d needs layers", h->method, h->text, t);
                MUST(run_step(&r, &q, t, type, narrow, &err));
                for (int j = 0; j < ALL; j++)
                    for (size_t k = 0; k < shape[j].n; k++) {
                        double got = narrow ? (double)r.xf[j][k] : r.x[j][k], ref = (double)want[t][j][k];
                        double error = fabs(got - ref) / (1e-3 + fabs(ref));
                        worst = fmax(worst, error);
                        CHECK(error < (narrow ? 1e-3 : 1e-11), "%s %s: %s[%zu] after step %d: %.17g and not %.17g",
                              h->method, h->text, shape[j].name, k, t, got, ref);
                    }
            }
            CHECK(h->hybrid == !second_order(h, &q, RUN), "%s %s: when second order ends", h->method, h->text);
            luge_free(r.opt);
        }
    CHECK_END();
}

/* ---- limits ---- */

static double step_of(const char *text, const history *q, int t, double x[ALL][MOST])
{
    luge_error err;
    run r;
    run_open(&r, "mkor", text, .1, q, LUGE_F64);
    for (int k = 1; k <= t; k++) MUST(run_step(&r, q, k, LUGE_F64, false, &err));
    memcpy(x, r.x, sizeof r.x);
    luge_free(r.opt);
    return 0;
}

/* Without second order, or with layers that saw zeros, a step is that of the base. */
static void without_layers_it_is_its_base(void **state)
{
    static history q, none;
    double x[ALL][MOST], y[ALL][MOST];
    luge_error err;
    (void)state;
    history_make(&q, 3);
    memset(q.absent, 0, sizeof q.absent);
    none = q;
    memset(none.in, 0, sizeof none.in);
    memset(none.out, 0, sizeof none.out);
    step_of("momentum=0 second_order=false", &q, 3, x);
    for (int i = 0; i < ALL; i++)
        for (size_t j = 0; j < shape[i].n; j++) {
            double want = q.x0[i][j] - .1 * (q.g[1][i][j] + q.g[2][i][j] + q.g[3][i][j]);
            CHECK(fabs(x[i][j] - want) < 1e-15, "%s[%zu]: %.17g and not %.17g", shape[i].name, j, x[i][j], want);
        }
    step_of("inv_freq=1", &none, 20, y);
    step_of("second_order=false", &q, 20, x);
    for (int i = 0; i < ALL; i++) /* a linked bias still has its 1 */
        for (size_t j = 0; j < shape[i].n && i != WIDE && i != WIDE_BIAS && i != KERNEL && i != KERNEL_BIAS; j++)
            CHECK(fabs(x[i][j] - y[i][j]) < 1e-13, "%s[%zu]: %.17g and not %.17g", shape[i].name, j, y[i][j],
                  x[i][j]);
    run r;
    run_open(&r, "mkor", "second_order=false", .1, &q, LUGE_F64);
    const void *grad[ALL];
    for (int i = 0; i < ALL; i++) grad[i] = q.g[1][i];
    MUST(luge_step(r.opt, &(luge_inputs){ .grad = grad }, &err));
    luge_free(r.opt);
    CHECK_END();
}

/* What a layer saw was not finite: the factors stay, and everything after it is as if the step had changed none. */
static void statistics_that_are_not_finite_change_nothing(void **state)
{
    static history q, broken;
    luge_error err;
    run a, b;
    (void)state;
    for (int k = 0; k < 2; k++) {
        history_make(&q, 5);
        broken = q;
        for (int j = 0; j < ENTRIES; j++) broken.in[4][TALL][j] = broken.out[4][TALL][j] = k ? (double)NAN : 1e300;
        run_open(&a, "mkor", k ? "inv_freq=1" : "inv_freq=1 form=exact", .1, &q, LUGE_F64);
        run_open(&b, "mkor", k ? "inv_freq=1" : "inv_freq=1 form=exact", .1, &q, LUGE_F64);
        for (int t = 1; t <= 8; t++) {
            double *block = luge_state(a.opt, TALL, "right", 0), before[64];
            size_t n = luge_state_length(a.opt, TALL, "right", 0);
            memcpy(before, block, n * sizeof *before);
            MUST(run_step(&a, t == 4 ? &broken : &q, t, LUGE_F64, false, &err));
            if (t == 4) CHECK(!memcmp(before, block, n * sizeof *before), "the factor of broken statistics moved");
            MUST(run_step(&b, &q, t, LUGE_F64, false, &err));
        }
        CHECK(isfinite(a.x[TALL][0]), "it became no number");
        CHECK(!memcmp(a.x[WIDE], b.x[WIDE], sizeof a.x[WIDE]), "another tensor felt it");
        luge_free(a.opt);
        luge_free(b.opt);
    }
    CHECK_END();
}

/* A norm that is no number leaves the gradient as it is, that of the bias too. */
static void without_a_length_it_is_the_gradient(void **state)
{
    static history q;
    luge_error err;
    run r;
    double before[ALL][MOST];
    (void)state;
    history_make(&q, 11);
    for (int j = 0; j < MOST; j++) q.g[4][WIDE][j] = (j % 2 ? 1 : -1) * 1.7e308;
    for (int j = 0; j < MOST; j++)
        q.g[4][TALL][j] = 1.7e308; /* along the inputs, so that the direction has a length */
    for (int t = 1; t <= 4; t++)
        for (int j = 0; j < ENTRIES; j++) q.in[t][TALL][j] = 50;
    run_open(&r, "mkor", "inv_freq=1 momentum=0", .5, &q, LUGE_F64);
    for (int t = 1; t <= 4; t++) {
        memcpy(before, r.x, sizeof before);
        MUST(run_step(&r, &q, t, LUGE_F64, false, &err));
    }
    for (int i = WIDE; i <= TALL; i++)
        for (size_t j = 0; j < shape[i].n; j++)
            CHECK(r.x[i][j] == before[i][j] - .5 * q.g[4][i][j], "%s[%zu]: %g", shape[i].name, j, r.x[i][j]);
    CHECK(r.x[KERNEL][0] != before[KERNEL][0] - .5 * q.g[4][KERNEL][0], "so does a layer that has a length");
    luge_free(r.opt);
    CHECK_END();
}

/* A loss that stands still ends second order; what sits exactly at eps is not stabilized; a base has its own slots
 * only. */
static void edges(void **state)
{
    static history q;
    luge_error err;
    run r;
    (void)state;
    history_make(&q, 13);
    for (int t = 0; t <= RUN; t++) q.loss[t] = 2;
    run_open(&r, "mkor_h", "inv_freq=1 hybrid_after=5", .1, &q, LUGE_F64);
    for (int t = 1; t <= 7; t++) {
        CHECK(luge_needs(r.opt, "layer") == (t <= 6), "step %d of a loss that stands still", t);
        MUST(run_step(&r, &q, t, LUGE_F64, false, &err));
    }
    luge_free(r.opt);

    memset(q.in[1][TALL], 0, sizeof q.in[1][TALL]);
    run_open(&r, "mkor_paper", "inv_freq=1 gamma=0.5 eps=0.5 zeta=0.25 momentum=0", .1, &q, LUGE_F64);
    MUST(run_step(&r, &q, 1, LUGE_F64, false, &err));
    const double *right = luge_state(r.opt, TALL, "right", 0);
    CHECK(right[0] == 1 && right[1] == .5, "%g terms, I times %g", right[0], right[1]);
    MUST(run_step(&r, &q, 2, LUGE_F64, false, &err));
    double a[4] = { 0 }; /* F = (F + 2 (F v)(F v)' / (1 + v'F v / 4)) / 2 for gamma = 1/2, from F = I / 2 */
    for (int i = 0; i < BATCH; i++)
        for (int j = 0; j < 2; j++) a[j] += q.in[2][TALL][2 * i + j] / BATCH;
    double want = .25 + 2 * a[0] * a[0] / 4 / (1 + (a[0] * a[0] + a[1] * a[1]) / 8);
    CHECK(right[0] == -1 && fabs(right[3] - want) < 1e-15, "F_00 is %.17g and not %.17g", right[3], want);
    CHECK(!luge_state(r.opt, VEC, "momentum_buffer", 0), "momentum = 0 has a buffer");
    luge_free(r.opt);
    run_open(&r, "mkor", "base=adam", .1, &q, LUGE_F64);
    CHECK(luge_state(r.opt, VEC, "exp_avg", 0) && !luge_state(r.opt, VEC, "momentum_buffer", 0), "the slots of adam");
    luge_free(r.opt);
    CHECK_END();
}

/* ---- links, inputs, and what is refused ---- */

static void says(luge_status got, luge_status want, const luge_error *err, const char *word)
{
    CHECK(got == want && strstr(err->text, word), "status %d: %s, where \"%s\" was expected", (int)got, err->text,
          word);
}

static void what_does_not_fit_is_refused(void **state)
{
    static history q;
    luge_error err;
    run r;
    double x[4] = { 0 };
    int group;
    (void)state;
    history_make(&q, 1);
    run_open(&r, "mkor", "", .1, &q, LUGE_F64);
    says(luge_link(r.opt, TALL, VEC, &err), LUGE_E_SHAPE, &err, "vector of 5");
    says(luge_link(r.opt, WIDE, VEC, &err), LUGE_E_ARG, &err, "wide is linked already");
    says(luge_link(r.opt, TALL, KERNEL_BIAS, &err), LUGE_E_ARG, &err, "c is linked already");
    says(luge_link(r.opt, 99, 0, &err), LUGE_E_ARG, &err, "99");
    says(luge_link(r.opt, 0, 99, &err), LUGE_E_ARG, &err, "99");
    says(luge_link(NULL, 0, 0, &err), LUGE_E_ARG, &err, "NULL");
    MUST(luge_group(r.opt, "mkor", &group, &err));
    MUST(luge_add(r.opt, group, "other", LUGE_F64, x, 1, (size_t[]){ 4 }, &err));
    says(luge_link(r.opt, ONE, ALL, &err), LUGE_E_SHAPE, &err, "one group");
    luge_free(r.opt);

    const void *grad[ALL];
    luge_layer layer[ALL] = { 0 };
    for (int i = 0; i < ALL; i++) grad[i] = q.g[1][i];
    run_open(&r, "mkor", "", .1, &q, LUGE_F64);
    luge_inputs in = { .grad = grad };
    says(luge_step(r.opt, &in, &err), LUGE_E_INPUT, &err, "wide needs the input layer");
    in.layer = layer;
    says(luge_step(r.opt, &in, &err), LUGE_E_INPUT, &err, "wide needs the input layer");
    for (int i = 0; i < ALL; i++) layer[i] = (luge_layer){ q.in[1][i], q.out[1][i], LUGE_F64, 1, 0, 0 };
    layer[WIDE].height = layer[WIDE].width = 2;
    says(luge_step(r.opt, &in, &err), LUGE_E_SHAPE, &err, "2 x 2");
    layer[WIDE].height = 0;
    layer[KERNEL].height = 1, layer[KERNEL].width = 9;
    says(luge_step(r.opt, &in, &err), LUGE_E_SHAPE, &err, "1 x 9");
    layer[KERNEL].height = 0;
    layer[ONE].type = (luge_type)9;
    says(luge_step(r.opt, &in, &err), LUGE_E_ARG, &err, "type 9");
    CHECK(!memcmp(r.x, q.x0, sizeof r.x) && luge_steps(r.opt) == 0, "a refused step moved something");
    layer[ONE].type = LUGE_F64;
    MUST(luge_step(r.opt, &in, &err));
    says(luge_link(r.opt, TALL, VEC, &err), LUGE_E_ARG, &err, "before the first step");
    luge_free(r.opt);
    refused("mkor", "inv_freq=0", "inv_freq");
    refused("mkor", "reset_threshold=0.5", "reset_threshold");
    refused("mkor_paper", "form=exact", "form=paper");
    CHECK_END();
}

/* A layer in bf16, whose numbers are those of f64. */
static void layers_of_bf16(void **state)
{
    static const uint16_t in[] = { 0x3f80, 0xbf00, 0x4000, 0x3e80 },
                          out[] = { 0x3f00, 0xbf80 }; /* 1 -.5 2 .25;  .5 -1 */
    static const double in_wide[] = { 1, -.5, 2, .25 }, out_wide[] = { .5, -1 };
    double x[2][2] = { { 0 } }, g[] = { 1, 2 };
    luge_error err;
    (void)state;
    for (int k = 0; k < 2; k++) {
        luge_optimizer *opt = open_method("mkor", "form=exact");
        const void *grad = g;
        luge_layer layer =
            k ? (luge_layer){ in, out, LUGE_BF16, 2, 0, 0 } : (luge_layer){ in_wide, out_wide, LUGE_F64, 2, 0, 0 };
        MUST(luge_add(opt, 0, "w", LUGE_F64, x[k], 2, (size_t[]){ 1, 2 }, &err));
        MUST(luge_step(opt, &(luge_inputs){ .grad = &grad, .layer = &layer }, &err));
        luge_free(opt);
    }
    CHECK(!memcmp(x[0], x[1], sizeof x[0]) && x[0][0] != 0, "%.17g %.17g", x[0][0], x[1][0]);
    CHECK_END();
}

/* ---- the same bits ---- */

enum { DOWN = 260, ACROSS = 150, LARGE = DOWN * ACROSS };

static uint64_t large_run(int threads, int resume)
{
    static float x[LARGE + DOWN], g[LARGE + DOWN], in[2 * ACROSS], out[2 * DOWN];
    uint64_t seed = 1, hash = 0;
    luge_error err;
    luge_optimizer *opt = NULL;
    char text[8];
    snprintf(text, sizeof text, "%d", threads);
    for (int i = 0; i < LARGE + DOWN; i++) x[i] = (float)noise(&seed);
    for (int k = 0; k < 90; k++) {
        if (k == 0 || k == resume) {
            luge_free(opt);
            opt = open_method("mkor", "inv_freq=1 gamma=0.9 form=exact");
            MUST(luge_option(opt, "threads", text, &err));
            MUST(luge_add(opt, 0, "w", LUGE_F32, x, 2, (size_t[]){ DOWN, ACROSS }, &err));
            MUST(luge_add(opt, 0, "b", LUGE_F32, x + LARGE, 1, (size_t[]){ DOWN }, &err));
            MUST(luge_link(opt, 0, 1, &err));
            if (k) MUST(luge_load(opt, scratch("mkor"), &err));
        }
        for (int i = 0; i < LARGE + DOWN; i++) g[i] = (float)((i * 7919 + k * 104729) % 2001) / 1000 - 1;
        for (int i = 0; i < 2 * ACROSS; i++) in[i] = (float)((i * 31 + k * 17) % 101) / 100;
        for (int i = 0; i < 2 * DOWN; i++) out[i] = (float)((i * 37 + k * 19) % 103) / 1000;
        luge_layer layer[2] = { { in, out, LUGE_F32, 2, 0, 0 } };
        MUST(luge_step(opt, &(luge_inputs){ .grad = (const void *[]){ g, g + LARGE }, .layer = layer }, &err));
        if (k + 1 == resume) MUST(luge_save(opt, scratch("mkor"), &err));
    }
    for (int i = 0; i < LARGE + DOWN; i++) {
        uint32_t bits;
        memcpy(&bits, &x[i], sizeof bits);
        hash = hash * 1099511628211u + bits;
    }
    CHECK(*(double *)luge_state(opt, 0, "right", 0) == -1, "the inputs' factor is no matrix yet");
    CHECK(*(double *)luge_state(opt, 0, "left", 0) == 90, "the outputs' factor has other terms");
    luge_free(opt);
    return hash;
}

static void same_bits(void **state)
{
    (void)state;
    uint64_t want = large_run(1, 0);
    CHECK(large_run(2, 0) == want, "2 threads");
    CHECK(large_run(3, 0) == want, "3 threads");
    CHECK(large_run(2, 40) == want, "resumed among terms");
    CHECK(large_run(1, 80) == want, "resumed beside a matrix");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_its_formula),
        cmocka_unit_test(without_layers_it_is_its_base),
        cmocka_unit_test(statistics_that_are_not_finite_change_nothing),
        cmocka_unit_test(without_a_length_it_is_the_gradient),
        cmocka_unit_test(edges),
        cmocka_unit_test(what_does_not_fit_is_refused),
        cmocka_unit_test(layers_of_bf16),
        cmocka_unit_test(same_bits),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
