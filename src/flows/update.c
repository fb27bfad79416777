/* A method as the map of one coordinate, and its derivatives.  SPDX-License-Identifier: MIT */
#include "flows/update.h"
#include "engine/optimizer.h"
#include <float.h>
#include <stdio.h>
#include <string.h>

static const double complex_step = 1e-30;

struct lg_update {
    luge_optimizer *opt; /* of no tensors: holds the method's name and settings */
    const lg_group *g;
    const lg_method *m;
    void *now, *memory, *own; /* settings with the step size in; MEMORY and OWN as in a run */
    double *coef, lr, on_g;   /* on_g: what the gradient is multiplied by */
    int variant;
    size_t slots, at[LG_SLOTS]; /* where each lies among the formula's */
    bool ready;
};

/* ---- opening ---- */

luge_status lg_update_open(lg_update **out, const char *name, luge_error *err)
{
    const luge_method *method = luge_method_find(name);
    *out = NULL;
    return method ? lg_update_open_method(out, method, err)
                  : lg_fail(err, LUGE_E_NAME, "there is no method \"%.60s\"; luge methods lists them", name);
}

luge_status lg_update_open_method(lg_update **out, const luge_method *method, luge_error *err)
{
    luge_status st = LUGE_OK;
    lg_update *u = NULL;

    *out = NULL;
    LG_NEED(u = lg_alloc(1, sizeof *u));
    LG_TRY(luge_new_method(&u->opt, method, err));
    u->g = &u->opt->group[0];
    u->m = u->g->m;
    LG_NEED(u->now = lg_alloc(1, u->m->hyper_size + 1));
    LG_NEED(u->memory = lg_alloc(1, u->m->memory_size + 1));
    LG_NEED(u->own = lg_alloc(1, u->m->own_size + 1));
    LG_NEED(u->coef = lg_alloc(1, u->m->coef_size + 1));
    *out = u;
done:
    if (st) lg_update_close(u);
    return st;
}

void lg_update_close(lg_update *u)
{
    if (!u) return;
    luge_free(u->opt);
    lg_free(u->now);
    lg_free(u->memory);
    lg_free(u->own);
    lg_free(u->coef);
    lg_free(u);
}

luge_status lg_update_set(lg_update *u, const char *key_value, luge_error *err)
{
    char key[LG_TEXT];
    const char *value;
    luge_status st = lg_setting_split(key_value, key, &value, err);
    u->ready = false;
    return st ? st : luge_set(u->opt, 0, key, value, err);
}

const char *lg_update_name(const lg_update *u) { return u->g->entry->name; }
size_t lg_update_slots(const lg_update *u) { return u->slots; }

double lg_update_number(const lg_update *u, const char *setting)
{
    const lg_setting *s = lg_setting_find(u->m->hyper, setting);
    bool real = s && (s->kind == LG_real || s->kind == LG_rate || s->kind == LG_maybe);
    return real ? *(const double *)((const char *)u->g->h + s->at) : (double)NAN;
}

void lg_update_slot_name(const lg_update *u, size_t slot, char *text, size_t size)
{
    size_t first = 0;
    const lg_slot *s = u->m->slot;
    for (; first + (size_t)s->most <= u->at[slot]; s++) first += (size_t)s->most;
    if (s->most == 1)
        snprintf(text, size, "%s", s->name);
    else
        snprintf(text, size, "%s[%zu]", s->name, u->at[slot] - first);
}

/* ---- what cannot be treated ---- */

static luge_status refuse(const lg_update *u, luge_error *err, const char *why, const char *what)
{
    const char *smooth = u->m->smooth;
    return lg_fail(err, LUGE_E_ARG, "%s: %s%s%s%s", lg_update_name(u), why, what, *smooth ? "; instead: " : "",
                   smooth);
}

/* Whether its coordinates move by themselves, at every step that comes up. */
static luge_status alone(const lg_update *u, const lg_shape *shape, luge_error *err)
{
    enum { STEPS = 10000 };
    static const char *const over[] = { [LG_ROWS] = "rows", [LG_TENSOR] = "a tensor", [LG_ALL] = "all tensors" };
    const lg_method *m = u->m;
    char why[80];

    for (int step = 1; step <= STEPS + 1 && (m->measures || m->input[0].name); step++) {
        int counts[LG_SLOTS] = { 0 }, inputs[LG_INPUTS] = { 0 };
        double k = step > STEPS ? HUGE_VAL : step;
        m->counts(u->g->h, k, shape, counts, inputs);
        for (int i = 0; m->input[i].name; i++)
            if (inputs[i]) return refuse(u, err, "it needs more than a gradient: ", m->input[i].name);
        for (int p = 0; p < m->measures; p++) {
            if (!m->when(u->g->h, p, k, shape)) continue;
            snprintf(why, sizeof why, "no coordinate moves by itself: it takes sums over %s: ", over[m->scope(p)]);
            return refuse(u, err, why, m->pass[p]);
        }
    }
    return LUGE_OK;
}

static const lg_shape shape = { .name = "", .ndim = 1, .shape = { 1 }, .n = 1 };
static const lg_shape matrix = { .name = "", .ndim = 2, .shape = { 4, 4 }, .n = 16 };

/* Looks at the settings once; k = infinity says which slots there are. */
static luge_status look(lg_update *u, luge_error *err)
{
    luge_status st;
    int counts[LG_SLOTS] = { 0 }, inputs[LG_INPUTS] = { 0 };
    size_t first = 0;

    LG_TRY(lg_plan_check(u->opt, err));
    LG_TRY(alone(u, &shape, err));
    LG_TRY(alone(u, &matrix, err));
    u->m->counts(u->g->h, HUGE_VAL, &shape, counts, inputs);
    u->slots = 0;
    for (int i = 0; u->m->slot[i].name; first += (size_t)u->m->slot[i++].most)
        for (int j = 0; j < counts[i]; j++) u->at[u->slots++] = first + (size_t)j;
    u->ready = true;
done:
    return st;
}

luge_status lg_update_prepare(lg_update *u, double k, double lr, luge_error *err)
{
    luge_status st = LUGE_OK;
    const lg_method *m = u->m;
    double factor = lg_schedule_factor(&u->g->schedule, k);
    bool rate = false;

    if (!u->ready) LG_TRY(look(u, err));
    memcpy(u->now, u->g->h, m->hyper_size);
    for (const lg_setting *s = m->hyper; s->name; s++) {
        if (s->kind != LG_rate) continue;
        rate = true;
        *(double *)((char *)u->now + s->at) = lr * factor;
    }
    u->lr = lr;
    u->on_g = rate ? 1 : lr;
    if (k == 1 || isinf(k)) {
        m->begin(u->g->h, u->memory);
        m->begin_own(u->g->h, u->own);
    }
    m->prepare(u->now, k, u->memory, u->own, u->coef);
    u->variant = m->variant(u->now, k, &shape);
done:
    return st;
}

/* ---- evaluation ---- */

void lg_update_take(const lg_update *u, double _Complex *x, double _Complex g, double _Complex *s)
{
    double _Complex all[LG_SLOTS]; /* what is not at[] is not read */
    g *= u->on_g;
    for (size_t i = 0; i < u->slots; i++) all[u->at[i]] = s[i];
    u->m->point(u->variant, u->coef, x, &g, all);
    for (size_t i = 0; i < u->slots; i++) s[i] = all[u->at[i]];
}

void lg_update_step(const lg_update *u, double *x, double g, double *s)
{
    double _Complex y = *x, t[LG_SLOTS];
    for (size_t i = 0; i < u->slots; i++) t[i] = s[i];
    lg_update_take(u, &y, g, t);
    *x = creal(y);
    for (size_t i = 0; i < u->slots; i++) s[i] = creal(t[i]);
}

void lg_update_start(const lg_update *u, double x, double *s)
{
    double _Complex y = x, all[LG_SLOTS] = { 0 };
    u->m->point(u->variant, u->coef, &y, NULL, all);
    for (size_t i = 0; i < u->slots; i++) s[i] = creal(all[u->at[i]]);
}

/* W into *w and S into t at (x, g, s), one of which is moved by i times the complex step: which = 0: x, 1: g, 2 + j:
 * slot j, beyond the last: nothing. */
static double _Complex moved(const lg_update *u, double x, double g, const double *s, size_t which,
                             double _Complex *t)
{
    const double _Complex by = complex_step * (double _Complex)_Complex_I;
    double _Complex y = which == 0 ? x + by : x, before = y;
    for (size_t i = 0; i < u->slots; i++) t[i] = which == 2 + i ? s[i] + by : s[i];
    lg_update_take(u, &y, which == 1 ? g + by : g, t);
    return (y - before) / u->lr;
}

/* Derivatives from number `which` on, and the values: where all vanishes, a second power of the complex step would
 * show in them. */
static void slopes(const lg_update *u, double x, double g, const double *s, size_t which, lg_slopes *d)
{
    double _Complex t[LG_SLOTS], w;
    for (; which < 2 + u->slots; which++) {
        w = moved(u, x, g, s, which, t);
        *(which == 0 ? &d->wx : which == 1 ? &d->wg : &d->ws[which - 2]) = cimag(w) / complex_step;
        for (size_t i = 0; i < u->slots; i++)
            *(which == 0 ? &d->sx[i] : which == 1 ? &d->sg[i] : &d->ss[i][which - 2]) = cimag(t[i]) / complex_step;
    }
    d->w = creal(moved(u, x, g, s, which, t));
    for (size_t i = 0; i < u->slots; i++) d->s[i] = creal(t[i]);
}

void lg_update_slopes(const lg_update *u, double x, double g, const double *s, lg_slopes *d)
{
    slopes(u, x, g, s, 0, d);
}

/* ---- rest ---- */

/* Column c without its part above the diagonal, by rows exchanged so that its largest entry leads; false: it has
 * none. */
static bool eliminate(size_t k, size_t c, double a[LG_SLOTS][LG_SLOTS], int count, double *const *y)
{
    size_t best = c;
    for (size_t i = c + 1; i < k; i++)
        if (fabs(a[i][c]) > fabs(a[best][c])) best = i;
    if (!(fabs(a[best][c]) > 1e-13)) return false;
    for (size_t j = 0; j < k; j++) {
        double keep = a[c][j];
        a[c][j] = a[best][j], a[best][j] = keep;
    }
    for (int v = 0; v < count; v++) {
        double keep = y[v][c];
        y[v][c] = y[v][best], y[v][best] = keep;
    }
    for (size_t i = c + 1; i < k; i++) {
        double f = a[i][c] / a[c][c];
        if (f == 0) continue;
        for (size_t j = c; j < k; j++) a[i][j] -= f * a[c][j];
        for (int v = 0; v < count; v++) y[v][i] -= f * y[v][c];
    }
    return true;
}

bool lg_update_resolve(const lg_update *u, const lg_slopes *d, int count, double *const *y, size_t *slot)
{
    const size_t k = u->slots;
    double a[LG_SLOTS][LG_SLOTS];

    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < k; j++) a[i][j] = (double)(i == j) - d->ss[i][j];
    for (*slot = 0; *slot < k; ++*slot)
        if (!eliminate(k, *slot, a, count, y)) return false;
    for (int v = 0; v < count; v++)
        for (size_t i = k; i-- > 0;) {
            for (size_t j = i + 1; j < k; j++) y[v][i] -= a[i][j] * y[v][j];
            y[v][i] /= a[i][i];
        }
    return true;
}

static luge_status restless(const lg_update *u, size_t slot, double x, double g, luge_error *err)
{
    char name[64], why[160];
    lg_update_slot_name(u, slot < u->slots ? slot : 0, name, sizeof name);
    snprintf(why, sizeof why, "with constants as they become after many steps, its slot %s comes to no rest at ",
             name);
    char where[64];
    snprintf(where, sizeof where, "x = %.6g, gradient %.6g", x, g);
    return refuse(u, err, why, where);
}

luge_status lg_update_rest(const lg_update *u, double x, double g, double *s, lg_slopes *d, luge_error *err)
{
    enum { ROUNDS = 60 };
    const size_t k = u->slots;

    for (int round = 0; round < ROUNDS; round++) {
        double step[LG_SLOTS], *y = step, largest = 0;
        size_t slot;
        bool still = true;
        slopes(u, x, g, s, round || k == 0 ? 0 : 2, d);
        for (size_t i = 0; i < k; i++) step[i] = d->s[i] - s[i];
        if (!lg_update_resolve(u, d, 1, &y, &slot)) return restless(u, slot, x, g, err);
        for (size_t i = 0; i < k; i++) largest = fmax(largest, fabs(s[i]));
        for (size_t i = 0; i < k; i++) still = still && fabs(step[i]) <= 1e-13 * fabs(s[i]) + 1e-16 * largest;
        if (still && (round || k == 0)) return LUGE_OK;
        for (size_t i = 0; i < k; i++) s[i] += step[i];
    }
    return restless(u, 0, x, g, err);
}

/* ∂S/∂s to the power 2^30 vanishes: what a slot remembers fades. */
luge_status lg_update_resting(lg_update *u, double x, double g, luge_error *err)
{
    const size_t k = u->slots;
    double s[LG_SLOTS] = { 0 }, b[LG_SLOTS][LG_SLOTS];
    lg_slopes d;
    luge_status st;

    LG_TRY(lg_update_prepare(u, HUGE_VAL, 1, err));
    LG_TRY(lg_update_rest(u, x, g, s, &d, err));
    if (!isfinite(d.w)) return refuse(u, err, "its step has no limit as the steps go on", "");
    for (int square = 0; square < 30; square++) {
        memcpy(b, d.ss, sizeof b);
        for (size_t i = 0; i < k; i++)
            for (size_t j = 0; j < k; j++) {
                d.ss[i][j] = 0;
                for (size_t l = 0; l < k; l++) d.ss[i][j] += b[i][l] * b[l][j];
            }
    }
    for (size_t i = 0; i < k; i++)
        for (size_t j = 0; j < k; j++)
            if (!(fabs(d.ss[i][j]) < 1)) return restless(u, i, x, g, err);
done:
    return st;
}

/* ---- may it flow? ---- */

enum { PROBES = 12 };
static double probe(uint64_t stream, int i) { return lg_normal(3, stream, (uint64_t)i); }

/* After real numbers an imaginary part tells of a KINK (real.h) on the way. */
static luge_status smooth(const lg_update *u, luge_error *err)
{
    double s[LG_SLOTS];
    lg_update_start(u, probe(0, 0), s);
    for (int i = 0; i < PROBES; i++) {
        double _Complex x = probe(0, i), t[LG_SLOTS];
        for (size_t j = 0; j < u->slots; j++) t[j] = s[j];
        lg_update_take(u, &x, probe(1, i), t);
        bool kink = cimag(x) != 0;
        for (size_t j = 0; j < u->slots; j++) {
            kink = kink || cimag(t[j]) != 0;
            s[j] = creal(t[j]);
        }
        if (kink)
            return refuse(u, err, "it is not smooth: signs, magnitudes, maxima or limits stand in its formula", "");
    }
    return LUGE_OK;
}

static const double smaller = 0.25; /* a power of two: what is in proportion to η is so exactly, or nearly */

static bool near(double a, double b, double scale) { return fabs(a - b) <= 1e-12 * (fabs(b) + scale); }

/* Two runs on the same gradients, one with a smaller η.  The first step shows how each slot scales. */
luge_status lg_update_flowing(lg_update *u, int power[LG_SLOTS], luge_error *err)
{
    luge_status st;
    double s[2][LG_SLOTS], w[2], was[LG_SLOTS];

    LG_TRY(lg_update_prepare(u, HUGE_VAL, 1, err));
    LG_TRY(smooth(u, err));
    lg_update_start(u, probe(0, 0), s[0]);
    memcpy(s[1], s[0], sizeof s[0]);
    for (int i = 0; i < PROBES; i++) {
        memcpy(was, s[0], sizeof was);
        for (int run = 0; run < 2; run++) {
            double x = probe(0, i);
            LG_TRY(lg_update_prepare(u, HUGE_VAL, run ? smaller : 1, err));
            lg_update_step(u, &x, probe(1, i), s[run]);
            w[run] = (x - probe(0, i)) / u->lr;
        }
        bool same = near(w[1], w[0], fabs(probe(0, i) / smaller));
        for (size_t j = 0; j < u->slots; j++) {
            if (i == 0) power[j] = s[1][j] != s[0][j] && near(s[1][j], smaller * s[0][j], 0);
            same = same && near(s[1][j], (power[j] ? smaller : 1) * s[0][j], fabs(was[j]));
        }
        if (!same) return refuse(u, err, "its steps are not in proportion to its step size", "");
    }
    st = lg_update_prepare(u, HUGE_VAL, 1, err);
done:
    return st;
}

/* ---- the optimizer that it stands for ---- */

luge_status lg_update_optimizer(const lg_update *u, double lr, double *x, size_t n, luge_optimizer **opt,
                                double *scale, luge_error *err)
{
    luge_status st;
    luge_optimizer *o = NULL;

    *opt = NULL;
    *scale = lr;
    LG_TRY(luge_new_method(&o, u->g->entry, err));
    memcpy(o->group[0].h, u->g->h, u->m->hyper_size);
    o->group[0].schedule = u->g->schedule;
    for (const lg_setting *s = u->m->hyper; s->name; s++) {
        if (s->kind != LG_rate) continue;
        *scale = 1;
        LG_TRY(luge_set_real(o, 0, s->name, lr, err));
    }
    LG_TRY(luge_add(o, 0, "x", LUGE_F64, x, 1, &n, err));
    *opt = o;
done:
    if (st) luge_free(o);
    return st;
}

luge_status lg_update_stationary(const lg_update *u, luge_optimizer *opt, double *slot[LG_SLOTS], luge_error *err)
{
    luge_status st = lg_ready(opt, err);
    lg_group *g = &opt->group[0];
    if (st) return st;
    g->k = g->t[0].k = HUGE_VAL;
    for (size_t i = 0; i < u->slots; i++) slot[i] = g->t[0].d.slot[u->at[i]];
    return LUGE_OK;
}
