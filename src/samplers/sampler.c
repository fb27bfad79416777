/* The object behind luge/sample.h: settings, fields, checks.  SPDX-License-Identifier: MIT */
#include "engine/engine.h"
#include "samplers/run.h"

struct luge_sampler {
    lg_sampling how;
    luge_field *field, *conditional;
    void *context, *conditional_context;
    lg_stepper stepper; /* of luge_sampler_begin */
    bool begun;
    double *idle; /* the state that luge_sampler_warm moves */
};

#define AT(member) offsetof(lg_sampling, member)
static const lg_setting table[] = {
    { "rule", LG_word, AT(rule), "ghvb", LG_RULES, "what velocity is, and what moves the state" },
    { "order", LG_real, AT(order), "2", "(0,5]",
      "k, whole; or with a fraction, which is beta: 3.8 is order 4 with beta 0.8.  dpm: 1 or 2" },
    { "beta", LG_maybe, AT(beta), "none", "(0,1]", "weight of the new in the velocity; none: what order says, or 1" },
    { "start", LG_word, AT(start), "cold", "(cold, rk4)",
      "step n has order min(k, n+1), as in the papers; or k-1 steps of Runge and Kutta, and a velocity that fits" },
    { "guidance", LG_real, AT(guidance), "1", "[-1e6,1e6]",
      "s of u + s (c - u), where there is a conditional field" },
    { "projections", LG_int, AT(projections), "0", "[0,1000]",
      "iterations before a step towards states where both fields agree; 0: none" },
    { "until", LG_real, AT(until), "0.6", "[0,1]", "part of the steps that are projected" },
    { "window", LG_int, AT(window), "1", "[0,16]", "differences that Anderson's acceleration of projections takes" },
    { "damping", LG_real, AT(damping), "1", "(0,1]", "its damping" },
    { "ridge", LG_real, AT(ridge), "0.0001", "[0,1e100]", "what is added to its Gram matrix's diagonal" },
    { "block", LG_int, AT(block), "0", "[0,1e15]", "rows that go through all steps together; 0: all" },
    { "threads", LG_int, AT(threads), "0", "[0,1024]", "0: OpenMP's choice" },
    { 0 },
};

/* The fraction of an order, as the decimal that was meant: 3.8 - 3 is 0.7999999999999998. */
static double fraction(const lg_sampling *s) { return floor((s->order - floor(s->order)) * 1e9 + 0.5) / 1e9; }
int lg_sampling_order(const lg_sampling *s) { return (int)ceil(s->order); }
double lg_sampling_beta(const lg_sampling *s)
{
    double part = fraction(s);
    return s->rule == LG_ab ? 1 : part > 0 ? part : LG_NONE(s->beta) ? 1 : s->beta;
}

/* What two settings may not be together. */
static luge_status check(const lg_sampling *s, luge_error *err)
{
    if (s->order != floor(s->order) && !(fraction(s) > 0 && fraction(s) < 1))
        return lg_fail(err, LUGE_E_ARG, "sampler: order = %.17g: a fraction, which is beta, has at most nine digits",
                       s->order);
    if (fraction(s) > 0 && !LG_NONE(s->beta))
        return lg_fail(err, LUGE_E_ARG, "sampler: order = %g says beta %g already, and beta = %g is set", s->order,
                       fraction(s), s->beta);
    if (s->rule == LG_dpm && s->order > 2)
        return lg_fail(err, LUGE_E_ARG, "sampler: order = %g of dpm is not 1 or 2", s->order);
    if (s->rule == LG_dpm && s->start)
        return lg_fail(err, LUGE_E_ARG, "sampler: start = rk4: dpm starts cold, which costs it no order");
    if (s->rule == LG_dpm && s->projections)
        return lg_fail(err, LUGE_E_ARG,
                       "sampler: projections = %lld: they need predictions of noise, dpm has those of data",
                       (long long)s->projections);
    return LUGE_OK;
}

luge_status lg_sampling_parse(lg_sampling *s, const char *const *set, size_t count, luge_error *err)
{
    char key[LG_TEXT];
    const char *value;
    luge_status st;

    LG_TRY(lg_setting_defaults("sampler", table, s, err));
    for (size_t i = 0; i < count; i++) {
        LG_TRY(lg_setting_split(set[i], key, &value, err));
        LG_TRY(lg_setting_key("sampler", table, s, key, value, err));
    }
    st = check(s, err);
done:
    return st;
}

luge_status luge_sampler_new(luge_sampler **out, luge_error *err)
{
    luge_status st = LUGE_OK;
    luge_sampler *s = NULL;

    *out = NULL;
    LG_NEED(s = lg_alloc(1, sizeof *s));
    LG_TRY(lg_setting_defaults("sampler", table, &s->how, err));
    *out = s;
done:
    if (st) luge_sampler_free(s);
    return st;
}

static void end(luge_sampler *s)
{
    lg_stepper_close(&s->stepper);
    lg_free(s->idle);
    s->idle = NULL;
    s->begun = false;
}

void luge_sampler_free(luge_sampler *s)
{
    if (!s) return;
    end(s);
    lg_free(s);
}

luge_status luge_sampler_set(luge_sampler *s, const char *key, const char *value, luge_error *err)
{
    luge_status st = lg_setting_key("sampler", table, &s->how, key, value, err);
    if (!st) end(s);
    return st;
}

luge_status luge_sampler_get(const luge_sampler *s, const char *key, char *text, size_t size, luge_error *err)
{
    const lg_setting *row = lg_setting_find(table, key);
    if (!row) return lg_fail(err, LUGE_E_NAME, "sampler: there is no setting \"%.60s\"", key);
    lg_setting_print(row, &s->how, text, size);
    return LUGE_OK;
}

int luge_sampler_row(size_t i, luge_row *row)
{
    for (const lg_setting *s = table; s->name; s++)
        if (i-- == 0) return lg_setting_row(s, lg_kind_name(s->kind), row);
    return 0;
}

void luge_sampler_field(luge_sampler *s, luge_field *field, void *context, luge_field *conditional,
                        void *conditional_context)
{
    s->field = field, s->context = context;
    s->conditional = conditional, s->conditional_context = conditional_context;
}

/* ---- the run ---- */

static luge_status interval(const lg_sampling *s, size_t k, double sigma, double next, luge_error *err)
{
    if (!isfinite(sigma) || !isfinite(next) || sigma == next)
        return lg_fail(err, LUGE_E_ARG, "sampler: step %zu from %g to %g: both must be finite, and differ", k, sigma,
                       next);
    if (s->rule == LG_dpm && !(sigma > next && next >= 0))
        return lg_fail(err, LUGE_E_ARG,
                       "sampler: step %zu from %g to %g: noise levels of dpm fall, and only the last may be 0", k,
                       sigma, next);
    return LUGE_OK;
}

luge_status luge_sampler_run(luge_sampler *s, size_t rows, size_t dim, size_t nodes, const double *sigma,
                             const double *x, double *out, double *path, luge_error *err)
{
    luge_status st;
    size_t n, bytes;
    lg_run run = { &s->how, s->field, s->conditional, s->context, s->conditional_context, rows, dim, nodes, sigma, x,
                   out,     path };

    LG_TRY(check(&s->how, err));
    if (!s->field) return lg_fail(err, LUGE_E_INPUT, "sampler: it has no field yet: luge_sampler_field");
    if (s->how.projections && !s->conditional)
        return lg_fail(err, LUGE_E_INPUT, "sampler: projections = %lld: they need a conditional field",
                       (long long)s->how.projections);
    if (!rows || !dim || !nodes)
        return lg_fail(err, LUGE_E_SHAPE, "sampler: %zu rows of %zu numbers at %zu nodes: none may be 0", rows, dim,
                       nodes);
    if (!lg_times(rows, dim, &n) || !lg_times(n, sizeof *x, &bytes))
        return lg_fail(err, LUGE_E_SHAPE, "sampler: %zu rows of %zu numbers are too many", rows, dim);
    for (size_t k = 0; k + 1 < nodes; k++) LG_TRY(interval(&s->how, k, sigma[k], sigma[k + 1], err));
    st = lg_run_all(&run, err);
done:
    return st;
}

/* ---- one step at a time ---- */

luge_status luge_sampler_begin(luge_sampler *s, size_t n, luge_error *err)
{
    luge_status st;
    lg_stepper made = { 0 };

    LG_TRY(check(&s->how, err));
    if (!n) return lg_fail(err, LUGE_E_SHAPE, "sampler: a state of 0 numbers");
    if (s->how.start || s->how.projections)
        return lg_fail(err, LUGE_E_ARG,
                       "sampler: start = rk4 and projections ask for predictions of their own: use luge_sampler_run");
    LG_TRY(lg_stepper_open(&made, &s->how, n, err));
    end(s);
    s->stepper = made;
    s->begun = true;
done:
    return st;
}

static luge_status ready(const luge_sampler *s, double sigma, double next, luge_error *err)
{
    if (!s->begun) return lg_fail(err, LUGE_E_INPUT, "sampler: luge_sampler_begin comes before a step");
    return interval(&s->how, 0, sigma, next, err);
}

luge_status luge_sampler_step(luge_sampler *s, double sigma, double next, const double *f, double *x, luge_error *err)
{
    luge_status st;
    LG_TRY(ready(s, sigma, next, err));
    lg_stepper_step(&s->stepper, (int)s->how.threads, sigma, next, f, x);
done:
    return st;
}

luge_status luge_sampler_warm(luge_sampler *s, double sigma, double next, const double *f, luge_error *err)
{
    luge_status st;
    LG_TRY(ready(s, sigma, next, err));
    if (!s->idle) LG_NEED(s->idle = lg_alloc(s->stepper.n, sizeof *s->idle));
    lg_stepper_step(&s->stepper, (int)s->how.threads, sigma, next, f, s->idle);
done:
    return st;
}
