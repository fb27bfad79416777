/* One step of a sampler: its coefficients and its history; the arithmetic is in level/loops.c.
 * SPDX-License-Identifier: MIT */
#include "engine/engine.h"
#include "samplers/sampler.h"
#include <string.h>

luge_status lg_sampler_loops_pick(const lg_sampler_loops **loops, luge_error *err)
{
#define L(level, number) extern const lg_sampler_loops lg_sampler_loops_##level;
#include "levels.inc"
#undef L
    static const lg_sampler_loops *const built[LG_LEVELS] = {
#define L(level, number) [number] = &lg_sampler_loops_##level,
#include "levels.inc"
#undef L
    };
    int level;
    luge_status st = lg_isa_pick(&level, err);
    *loops = st ? NULL : built[level];
    return st;
}

/* From one array of the history to the next: short ones one behind the other, long ones pages apart with one between,
 * for the reasons that engine/plan.c has. */
static bool distance(size_t n, size_t *length)
{
    enum { SHORT = (1 << 16) / sizeof(double), LINE = LG_ALIGN / sizeof(double), PAGE = LG_PAGE / sizeof(double) };
    size_t unit = n < SHORT ? LINE : PAGE;
    if (!lg_plus(n, 2 * unit, length)) return false;
    *length = n < SHORT ? (n + unit - 1) / unit * unit : *length / unit * unit;
    return true;
}

/* What is kept: the last order - 1 predictions, or for ghvb velocities, of which there is at least one. */
luge_status lg_stepper_open(lg_stepper *s, const lg_sampling *how, size_t n, luge_error *err)
{
    luge_status st;
    size_t length, arrays;

    *s = (lg_stepper){
        .rule = (enum lg_rule)how->rule, .order = lg_sampling_order(how), .beta = lg_sampling_beta(how), .n = n
    };
    LG_TRY(lg_sampler_loops_pick(&s->loops, err));
    s->slots = s->rule == LG_ghvb && s->order == 1 ? 1 : s->order - 1;
    arrays = (size_t)s->slots + (s->rule != LG_ghvb);
    if (!distance(n, &length) || !lg_times(length, arrays, &s->room))
        return lg_fail(err, LUGE_E_MEMORY, "a sampler's history of %zu numbers is too large", n);
    LG_NEED(s->memory = lg_alloc(s->room, sizeof(double)));
    for (int i = 0; i < s->slots; i++) s->slot[i] = s->memory + (size_t)i * length;
    s->v = s->rule != LG_ghvb ? s->memory + (size_t)s->slots * length : NULL;
    lg_stepper_begin(s);
done:
    return st;
}

void lg_stepper_close(lg_stepper *s)
{
    lg_free(s->memory);
    s->memory = NULL;
}

void lg_stepper_begin(lg_stepper *s)
{
    memset(s->memory, 0, s->room * sizeof(double));
    s->steps = s->filled = 0;
    s->fresh = true;
}

/* The slot that is written next: a free one, or the oldest. */
static double *next_slot(const lg_stepper *s)
{
    return s->slots == 0 ? NULL : s->slot[s->filled < s->slots ? s->filled : s->slots - 1];
}

static void turn(lg_stepper *s)
{
    double *newest = next_slot(s);
    if (s->filled < s->slots) s->filled++;
    for (int i = s->filled - 1; i > 0; i--) s->slot[i] = s->slot[i - 1];
    if (s->slots) s->slot[0] = newest;
}

/* ---- coefficients of this step ---- */

static void dpm(lg_stepper *s, lg_sampler_step *t, double sigma, double next)
{
    double ratio = next / sigma, h = -lg_log(ratio);

    t->w[0] = 1, t->past = 0;
    if (s->order > 1 && s->filled > 0 && isfinite(h)) { /* to σ = 0 without the difference: 1/(2r) has no bound */
        double half = 0.5 * (h / s->before);
        t->w[0] = 1 + half, t->w[1] = -half, t->past = 1;
    }
    s->before = h;
    t->rho = ratio, t->c = 1 - ratio, t->d = 0;
}

static void prepare(lg_stepper *s, lg_sampler_step *t, double sigma, double next)
{
    double delta = next - sigma, beta = s->beta, more = s->rule == LG_nesterov ? beta : 0;
    int order = s->steps < s->order ? s->steps + 1 : s->order;

    *t = (lg_sampler_step){
        .past = order - 1, .fade = s->fresh ? 0 : 1 - beta, .gain = s->fresh ? 1 : beta, .rho = 1
    };
    if (s->rule == LG_dpm) {
        dpm(s, t, sigma, next);
    } else {
        lg_sampler_weights(s->rule, order, beta, t->w);
        t->c = delta * (1 - more), t->d = delta * more;
        for (int i = 0; s->rule == LG_ghvb && i < order; i++) t->w[i] *= delta;
    }
    memcpy(t->was, s->slot, sizeof t->was);
    t->v = s->rule == LG_ghvb ? s->slot[0] : beta < 1 ? s->v : NULL;
    t->keep = next_slot(s);
}

/* ---- the step, in pieces shared among threads ---- */

typedef struct job {
    const lg_stepper *s;
    lg_sampler_step t;
} job;

enum { PIECE = 32768 };

static void work(void *context, size_t id, size_t of)
{
    const job *j = context;
    size_t n = j->s->n, pieces = (n + PIECE - 1) / PIECE;
    for (size_t p = id; p < pieces; p += of) {
        size_t first = p * PIECE, last = n - first < PIECE ? n : first + PIECE;
        (j->s->rule == LG_ghvb ? j->s->loops->of_v : j->s->loops->of_f)(&j->t, first, last);
    }
}

void lg_stepper_step(lg_stepper *s, int threads, double sigma, double next, const double *f, double *x)
{
    job j = { .s = s };

    prepare(s, &j.t, sigma, next);
    j.t.f = f, j.t.x = x;
    lg_share(s->n > PIECE ? threads : 1, work, &j);
    turn(s);
    s->steps += s->steps < s->order;
    s->fresh = false;
}

/* ---- a start of high order ---- */

void lg_stepper_keep(lg_stepper *s, const double *f)
{
    memcpy(next_slot(s), f, s->n * sizeof *f);
    turn(s);
    s->steps++;
}

/* A velocity that begins as v = f is off by O(δ), which holds ghvb at order 2.  The smooth one is
 *     v = β/(β + (1-β)∇) f,  with ∇ = Δ/(1+Δ):  v₁ = f₀ + Σ_{m>=1} (1 - 1/β) (-1/β)^(m-1) Δ^m f₀,
 * to order k - 1 from f₀, ..., f_{k-1}; the recurrence gives those that follow. */
void lg_stepper_settle(lg_stepper *s, const double *f)
{
    int k = s->order;
    double c[LG_ORDERS] = { 1, 1 - 1 / s->beta };

    if (s->rule != LG_ghvb || k < 2) return;
    for (int m = 2; m < k; m++) c[m] = -c[m - 1] / s->beta;
    for (size_t i = 0; i < s->n; i++) {
        double by[LG_ORDERS], d[LG_ORDERS], v = 0;
        for (int m = 0; m < k; m++) d[m] = by[m] = m == k - 1 ? f[i] : s->slot[k - 2 - m][i];
        for (int m = 0; m < k; m++) {
            v += c[m] * d[0];
            for (int j = 0; j + m + 1 < k; j++) d[j] = d[j + 1] - d[j];
        }
        for (int m = 0; m < k - 1; m++) {
            if (m > 0) v = (1 - s->beta) * v + s->beta * by[m];
            s->slot[k - 2 - m][i] = v;
        }
    }
    s->fresh = false;
}
