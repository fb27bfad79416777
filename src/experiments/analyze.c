/* SPDX-License-Identifier: MIT */
#include "experiments/analyze.h"
#include "analysis/method.h"
#include <stdio.h>
#include <string.h>

static const double pi = 3.14159265358979324;

/* ---- the method with its settings ---- */

static bool has(const luge_method *method, const char *key)
{
    luge_row row;
    for (size_t i = 0; luge_method_row(method, LUGE_PARAMETERS, i, &row); i++)
        if (!strcmp(row.name, key)) return true;
    return false;
}

/* What a setting comes to: the last that was set, or the default; 1 where the method does not have it. */
static luge_status setting(const lg_analyze *a, const char *key, double *value, luge_error *err)
{
    luge_status st = LUGE_OK;
    luge_optimizer *opt = NULL;
    char text[LG_TEXT], name[LG_TEXT];

    *value = 1;
    if (!key || !has(a->method, key)) return LUGE_OK;
    LG_TRY(luge_new_method(&opt, a->method, err));
    for (size_t i = 0; i < a->set_count; i++) {
        const char *set;
        LG_TRY(lg_setting_split(a->set[i], name, &set, err));
        LG_TRY(luge_set(opt, 0, name, set, err));
    }
    LG_TRY(luge_get(opt, 0, key, text, sizeof text, err));
    lg_number_read(text, value);
done:
    luge_free(opt);
    return st;
}

static luge_status open(const lg_analyze *a, lg_update **u, double *lr, luge_error *err)
{
    luge_status st;
    const char *key = lg_momentum_key(a->method);
    double momentum;

    *u = NULL;
    LG_TRY(setting(a, "lr", lr, err));
    LG_TRY(setting(a, key, &momentum, err));
    if (key && !(momentum >= 0 && momentum < 1))
        return lg_fail(err, LUGE_E_ARG, "%s: %s = %g is not in [0,1): the filter has its pole at 1",
                       luge_method_text(a->method, LUGE_NAME), key, momentum);
    if (!(*lr > 0 && *lr <= 1e100))
        return lg_fail(err, LUGE_E_ARG, "%s: lr = %g is not in (0,1e100]: responses are in units of it",
                       luge_method_text(a->method, LUGE_NAME), *lr);
    LG_TRY(lg_update_open_method(u, a->method, err));
    for (size_t i = 0; i < a->set_count; i++) LG_TRY(lg_update_set(*u, a->set[i], err));
done:
    if (st) lg_update_close(*u), *u = NULL;
    return st;
}

luge_status lg_analyze_system(const lg_analyze *a, double step, lg_system *s, luge_error *err)
{
    luge_status st;
    lg_update *u = NULL;
    lg_moment m;
    double lr;

    LG_TRY(open(a, &u, &lr, err));
    LG_TRY(lg_moment_at(&m, u, step, lr, a->x, a->g, err));
    *s = lg_system_essential(&m.system);
done:
    lg_update_close(u);
    return st;
}

/* ---- at one step ---- */

/* Denser towards 0, where a long memory shows. */
static luge_status frequencies(const lg_system *s, lg_analysis *out, luge_error *err)
{
    luge_status st = LUGE_OK;
    for (int i = 0; i < LG_FREQUENCIES; i++) {
        double part = (double)i / (LG_FREQUENCIES - 1);
        out->omega[i] = pi * part * part * part;
        LG_TRY(lg_filter_at(s, out->omega[i], &out->magnitude[i], &out->phase[i], err));
    }
done:
    return st;
}

/* Constants go on as the steps do.  m is left at its end. */
static luge_status responses(lg_moment *m, lg_analysis *out, luge_error *err)
{
    luge_status st = LUGE_OK;
    double one[LG_STATES] = { 0 }, all[LG_STATES] = { 0 };
    for (size_t n = 0; n < out->terms; n++) {
        if (n) LG_TRY(lg_moment_next(m, err));
        out->impulse[n] = lg_filter_step(&m->system, n == 0, one);
        out->response[n] = lg_filter_step(&m->system, 1, all);
    }
done:
    return st;
}

static luge_status curvatures(const lg_system *s, lg_analysis *out, luge_error *err)
{
    luge_status st;
    LG_TRY(lg_stable_curvature(s, &out->stable, err));
    LG_TRY(lg_real_curvature(s, &out->real, err));
    double most = out->stable > 0 && isfinite(out->stable) ? 1.25 * out->stable : 10 / s->unit;
    for (int i = 0; i < LG_CURVATURES; i++) {
        double q = most * lg_pow(1e-4, 1 - (double)i / (LG_CURVATURES - 1));
        out->q[i] = s->unit * q;
        LG_TRY(lg_radius(s, q, &out->radius[i], err));
        LG_TRY(lg_noise(s, q, &out->variance[i], &out->solved[i], err));
    }
    out->stable *= s->unit;
    out->real *= s->unit;
done:
    return st;
}

luge_status lg_analyze_at(const lg_analyze *a, double step, lg_analysis *out, luge_error *err)
{
    luge_status st;
    lg_update *u = NULL;
    lg_moment m;
    double fade;

    LG_TRY(open(a, &u, &out->lr, err));
    LG_TRY(lg_moment_at(&m, u, step, out->lr, a->x, a->g, err));
    lg_system s = lg_system_essential(&m.system);
    out->step = step;
    out->linear = m.linear;
    out->states = s.n;
    out->terms = a->terms;
    LG_TRY(lg_filter_memory(&s, &fade, err));
    if (!(fade < LG_STABLE)) {
        const char *name = luge_method_text(a->method, LUGE_NAME),
                   *what =
                       "with its stationary constants the filter never forgets; --step N looks at an earlier step";
        st = isinf(step)
                 ? lg_fail(err, LUGE_E_ARG, "%s: %s", name, what)
                 : lg_fail(err, LUGE_E_ARG, "%s: in step %.0f a slot never forgets, the filter's pole is %.6g", name,
                           step, fade);
        goto done;
    }
    LG_TRY(frequencies(&s, out, err));
    LG_TRY(responses(&m, out, err));
    LG_TRY(curvatures(&s, out, err));
    LG_TRY(lg_rate_between(&s, a->curvature / a->condition, a->curvature, &out->rate, err));
    LG_TRY(lg_best_curvature(&s, a->condition, &out->best, &out->best_rate, err));
    out->best *= s.unit;
    out->two_step = lg_two_step_of(&s);
    if (out->linear) LG_TRY(lg_certify(&s, a->curvature / a->condition, a->curvature, &out->certificate, err));
done:
    lg_update_close(u);
    return st;
}

/* ---- over momentum ---- */

static luge_status system_of(const lg_analyze *a, lg_update *u, double step, double lr, const char *key,
                             double momentum, lg_system *s, luge_error *err)
{
    luge_status st;
    lg_moment m;
    char text[96];

    snprintf(text, sizeof text, "%s=%.17g", key, momentum);
    LG_TRY(lg_update_set(u, text, err));
    LG_TRY(lg_moment_at(&m, u, step, lr, a->x, a->g, err));
    *s = lg_system_essential(&m.system);
done:
    return st;
}

typedef struct search {
    const lg_analyze *a;
    lg_update *u;
    const char *key;
    double step, lr;
} search;

static luge_status best_at(const search *f, double momentum, double *best, double *rate, luge_error *err)
{
    lg_system s;
    luge_status st = system_of(f->a, f->u, f->step, f->lr, f->key, momentum, &s, err);
    if (!st) st = lg_best_curvature(&s, f->a->condition, best, rate, err);
    if (isnan(*rate)) *rate = HUGE_VAL;
    *best *= s.unit;
    return st;
}

/* The momentum with the best rate at its best step size, among those of the map and then between them. */
static luge_status best_of_all(const search *f, lg_map *map, luge_error *err)
{
    enum { EVERY = 3, ROUNDS = 40 };
    static const double golden = 0.61803398874989485;
    luge_status st = LUGE_OK;
    double best, rate, lo, hi;
    int at = 0;

    map->best_rate = HUGE_VAL;
    for (int i = 0; i < LG_MOMENTA; i += EVERY) {
        LG_TRY(best_at(f, map->momentum[i], &best, &rate, err));
        if (rate < map->best_rate)
            map->best_rate = rate, map->best = best, map->best_momentum = map->momentum[at = i];
    }
    lo = map->momentum[at < EVERY ? 0 : at - EVERY];
    hi = map->momentum[at + EVERY < LG_MOMENTA ? at + EVERY : LG_MOMENTA - 1];
    for (int round = 0; round < ROUNDS; round++) {
        double left = hi - golden * (hi - lo), right = lo + golden * (hi - lo), other, there;
        LG_TRY(best_at(f, left, &best, &rate, err));
        LG_TRY(best_at(f, right, &there, &other, err));
        if (rate <= other)
            hi = right;
        else
            lo = left, rate = other, best = there, left = right;
        if (rate < map->best_rate) map->best_rate = rate, map->best = best, map->best_momentum = left;
    }
done:
    return st;
}

static luge_status fill(const search *f, lg_map *map, luge_error *err)
{
    luge_status st = LUGE_OK;
    double lowest = HUGE_VAL, highest = 0;
    lg_system s;

    for (int i = 0; i < LG_MOMENTA; i++) {
        map->momentum[i] = (double)(i + 1) / (LG_MOMENTA + 1);
        LG_TRY(system_of(f->a, f->u, f->step, f->lr, f->key, map->momentum[i], &s, err));
        LG_TRY(lg_stable_curvature(&s, &map->stable[i], err));
        LG_TRY(lg_real_curvature(&s, &map->real[i], err));
        map->stable[i] *= s.unit, map->real[i] *= s.unit;
        if (!(map->stable[i] > 0 && isfinite(map->stable[i]))) continue;
        lowest = fmin(lowest, map->stable[i]), highest = fmax(highest, map->stable[i]);
    }
    if (highest == 0) lowest = highest = 1;
    for (int j = 0; j < LG_MAP_CURVATURES; j++)
        map->q[j] = 1.2 * highest * lg_pow(lowest / highest * 1e-3, 1 - (double)j / (LG_MAP_CURVATURES - 1));
    for (int i = 0; i < LG_MOMENTA; i++) {
        LG_TRY(system_of(f->a, f->u, f->step, f->lr, f->key, map->momentum[i], &s, err));
        for (int j = 0; j < LG_MAP_CURVATURES; j++)
            LG_TRY(lg_radius(&s, map->q[j] / s.unit, &map->radius[i][j], err));
        if (f->a->progress) f->a->progress(f->a->context, i, LG_MOMENTA);
    }
done:
    return st;
}

luge_status lg_analyze_map(const lg_analyze *a, double step, lg_map *map, luge_error *err)
{
    luge_status st;
    search f = { .a = a, .step = step };

    map->key = f.key = lg_momentum_key(a->method);
    if (!f.key) return LUGE_OK;
    LG_TRY(open(a, &f.u, &f.lr, err));
    LG_TRY(fill(&f, map, err));
    LG_TRY(best_of_all(&f, map, err));
done:
    lg_update_close(f.u);
    return st;
}
