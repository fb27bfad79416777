/* What every method must have: the same bits by every level, any number of threads, any alignment, any length and,
 * where sums allow it, any split into tensors; nothing written outside; what bf16, f32 and f64 have to do with each
 * other; what gradients of zero and NaN do; runs that are saved and loaded go on to the same bits.
 * SPDX-License-Identifier: MIT */
#include "experiments/trial.h"
#include <float.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define ROWS(table) (sizeof(table) / sizeof *(table))

static const char *const type_name[] = { "f32", "f64", "bf16" };
static const lg_form mixed[] = { { 2, { 3, 33001 } },   { 2, { 37, 61 } }, { 1, { 70 } },      { 0, { 0 } },
                                 { 4, { 8, 4, 3, 3 } }, { 1, { 0 } },      { 2, { 300, 70 } }, { 1, { 34000 } } };

static luge_status same_bits_by_every_way(lg_trials *t, const lg_config *c, luge_error *err)
{
    static const lg_way ways[] = { { "v2", 2, 1, true },  { "v3", 3, 2, false }, { "v4", 7, 3, true },
                                   { "v2", 1, 3, false }, { "v3", 1, 0, true },  { NULL, 2, 2, false } };
    luge_status st = LUGE_OK;
    uint64_t want, got;

    for (int type = LUGE_F32; type <= LUGE_BF16; type++) {
        lg_job j = { c, (luge_type)type, mixed, ROWS(mixed), 3, { NULL, 1, 0, false }, false };
        LG_TRY(lg_trial_run(t, &j, &want, err));
        for (size_t w = type == LUGE_F32 || !*c->key ? 0 : 4; w < ROWS(ways); w++) {
            j.w = ways[w];
            LG_TRY(lg_trial_run(t, &j, &got, err));
            LG_CHECK(t, !got || got == want, "%s, %s: other bits by %s, %d threads, %d elements off", c->name,
                     type_name[type], j.w.level ? j.w.level : "the best level", j.w.threads, j.w.offset);
        }
    }
    t->checked++;
done:
    return st;
}

/* A vector and a matrix of every length up to 70 and about the sizes of blocks and pieces. */
static luge_status same_bits_of_every_length(lg_trials *t, const lg_config *c, luge_error *err)
{
    static const char *const levels[] = { "v2", "v3", "v4" };
    static const size_t large[] = { 4095, 4096, 4097, 32767, 32768, 32769 };
    luge_status st = LUGE_OK;
    uint64_t want, got;

    for (int type = LUGE_F32; type <= LUGE_BF16; type++)
        for (size_t n = 1; n < 71 + ROWS(large); n += *c->key ? 13 : 1) {
            size_t length = n < 71 ? n : large[n - 71];
            lg_form two[] = { { 1, { length } }, { 2, { 2, length } } };
            lg_job j = { c, (luge_type)type, two, 2, 2, { NULL, 1, (int)(n % 4), n % 2 }, false };
            LG_TRY(lg_trial_run(t, &j, &want, err));
            for (size_t l = 0; l < ROWS(levels); l++) {
                j.w = (lg_way){ levels[l], 1 + (int)(n > 70), (int)((n + l) % 4), l == 1 };
                LG_TRY(lg_trial_run(t, &j, &got, err));
                LG_CHECK(t, !got || got == want, "%s, %s, %zu elements: other bits by %s", c->name, type_name[type],
                         length, levels[l]);
            }
        }
    t->checked++;
done:
    return st;
}

/* Sums over rows or tensors know where a tensor ends; no others do. */
static bool splits(const luge_method *m)
{
    for (int p = 0; p < m->method->measures; p++)
        if (m->method->scope(p) != LG_ALL) return false;
    return true;
}

static luge_status many_tensors_are_as_one(lg_trials *t, const lg_config *c, luge_error *err)
{
    static const lg_form one[] = { { 1, { 70000 } } };
    static const lg_form many[] = { { 1, { 1 } },     { 1, { 70 } },    { 1, { 4095 } }, { 1, { 0 } },
                                    { 1, { 33000 } }, { 1, { 32000 } }, { 1, { 834 } } };
    luge_status st = LUGE_OK;
    uint64_t want, got;

    for (int type = LUGE_F32; type <= LUGE_BF16 && splits(c->method); type++) {
        lg_job j = { c, (luge_type)type, one, 1, 4, { NULL, 1, 0, false }, false };
        LG_TRY(lg_trial_run(t, &j, &want, err));
        j.forms = many;
        j.tensors = ROWS(many);
        j.w.threads = 2;
        LG_TRY(lg_trial_run(t, &j, &got, err));
        LG_CHECK(t, got == want, "%s, %s: many tensors differ from one", c->name, type_name[type]);
        t->checked++;
    }
done:
    return st;
}

/* ---- types ---- */

static const lg_form small[] = { { 2, { 7, 11 } }, { 1, { 70 } }, { 0, { 0 } }, { 4, { 4, 2, 3, 3 } } };
enum { SMALL = 77 + 70 + 1 + 72 };

static void *place(const lg_arena *a, size_t tensor, size_t i, luge_type type)
{
    return a->bytes + a->at[tensor] + i * lg_size(type);
}

/* The parameters after each step, as f64; [0] the start. */
static luge_status paths(lg_trials *t, const lg_config *c, luge_type type,
                         void (*change)(lg_trials *t, const lg_job *j), double x[][256], luge_error *err)
{
    luge_status st;
    lg_job j = { c, type, small, ROWS(small), LG_TRIAL_STEPS, { NULL, 1, 0, false }, false };
    luge_optimizer *opt = NULL;

    LG_TRY(lg_trial_open(t, &j, "0.1", &opt, err));
    for (int k = 0; k <= LG_TRIAL_STEPS; k++) {
        size_t at = 0;
        if (k) LG_TRY(lg_trial_step(t, opt, &j, k - 1, change, err));
        for (size_t n = 0; n < ROWS(small); n++)
            for (size_t i = 0; i < lg_form_n(&small[n]); i++, at++) {
                float f;
                memcpy(&f, place(&t->parameters, n, i, type), 4);
                x[k][at] = (double)f;
                if (type == LUGE_F64) memcpy(&x[k][at], place(&t->parameters, n, i, type), 8);
            }
    }
done:
    luge_free(opt);
    return st;
}

/* Every gradient, of f64, is moved by a unit in the last place of f32, up or down. */
static void shake(lg_trials *t, const lg_job *j)
{
    for (size_t m = 0, n = 0; m < ROWS(small); m++)
        for (size_t i = 0; i < lg_form_n(&small[m]); i++, n++) {
            double g;
            memcpy(&g, place(&t->gradients, m, i, j->type), 8);
            g *= 1 +
                 (lg_random(1, lg_hash(LG_HASH, &g, sizeof g), n) & 1 ? (double)FLT_EPSILON : -(double)FLT_EPSILON);
            memcpy(place(&t->gradients, m, i, j->type), &g, 8);
        }
}

/* f32 loses at most 16 (k + 1) times what a unit in its last place is, of the way that the parameters have gone, or
 * makes of the result when it is put on the gradients: where a quotient is ill-conditioned, that is more. */
static luge_status f32_is_near_f64(lg_trials *t, const lg_config *c, luge_error *err)
{
    luge_status st;
    double(*x)[LG_TRIAL_STEPS + 1][256] = t->path, way = 1, condition = 0; /* the starts are below 1 */

    LG_TRY(paths(t, c, LUGE_F64, NULL, x[0], err));
    LG_TRY(paths(t, c, LUGE_F32, NULL, x[1], err));
    LG_TRY(paths(t, c, LUGE_F64, shake, x[2], err));
    for (int k = 1; k <= LG_TRIAL_STEPS; k++) {
        double most = 0, longest = 0;
        for (int n = 0; n < SMALL; n++) {
            longest = fmax(longest, fabs(x[0][k][n] - x[0][k - 1][n]));
            condition = fmax(condition, fabs(x[0][k][n] - x[2][k][n]));
            most = fmax(most, fabs(x[0][k][n] - x[1][k][n]));
            LG_CHECK(t, isnan(x[0][k][n]) == isnan(x[1][k][n]), "%s, step %d: NaN in one type", c->name, k);
        }
        way += longest;
        LG_CHECK(t, most <= 16 * (k + 1) * ((double)FLT_EPSILON * way + condition),
                 "%s, step %d: f32 is off by %g after a way of %g, where a unit makes %g", c->name, k, most, way,
                 condition);
    }
    t->checked++;
done:
    return st;
}

static luge_status one_step(lg_trials *t, const lg_job *j, uint64_t *slots, luge_error *err)
{
    luge_optimizer *opt;
    luge_status st = lg_trial_open(t, j, "0.1", &opt, err);
    if (!st) st = lg_trial_step(t, opt, j, 0, NULL, err);
    if (!st) *slots = lg_trial_slots(t, opt, j);
    luge_free(opt);
    return st;
}

/* One step from the same numbers: bf16 stores what f32 computes, rounded to nearest, and has its state. */
static luge_status bf16_is_f32_rounded(lg_trials *t, const lg_config *c, luge_error *err)
{
    luge_status st = LUGE_OK;
    lg_job j = { c, LUGE_F32, small, ROWS(small), 1, { NULL, 1, 0, false }, false };
    uint64_t slots[2];
    float full[SMALL];
    size_t at = 0;

    t->coarse = true;
    LG_TRY(one_step(t, &j, &slots[0], err));
    for (size_t m = 0; m < ROWS(small); at += lg_form_n(&small[m++]))
        memcpy(full + at, place(&t->parameters, m, 0, LUGE_F32), 4 * lg_form_n(&small[m]));
    j.type = LUGE_BF16;
    LG_TRY(one_step(t, &j, &slots[1], err));
    LG_CHECK(t, slots[0] == slots[1] || c->averaged, /* averages are of what is stored */
             "%s: the state is another one in bf16", c->name);
    at = 0;
    for (size_t m = 0; m < ROWS(small); m++)
        for (size_t n = 0; n < lg_form_n(&small[m]); n++) {
            uint32_t wide;
            uint16_t stored;
            memcpy(&wide, &full[at++], 4);
            memcpy(&stored, place(&t->parameters, m, n, LUGE_BF16), 2);
            bool nan = (wide & 0x7fffffffu) > 0x7f800000u;
            LG_CHECK(t, nan || stored == (wide + 0x7fffu + (wide >> 16 & 1)) >> 16,
                     "%s, tensor %zu, element %zu: %08x as %04x", c->name, m, n, wide, stored);
        }
    t->checked++;
done:
    t->coarse = false;
    return st;
}

/* ---- zeros and NaN ---- */

/* All gradients and inputs become 0. */
static void clear(lg_trials *t, const lg_job *j)
{
    luge_row row;
    lg_arena *a = &t->gradients;
    for (size_t i = 0; a; a = luge_method_row(j->c->method, LUGE_INPUTS, i, &row) ? &t->inputs[i++] : NULL)
        for (size_t m = 0; m < ROWS(small); m++)
            memset(place(a, m, 0, j->type), 0, lg_form_n(&small[m]) * lg_size(j->type));
}

/* A setting that divides 0 by 0, as documented, or moves parameters by itself: decay, and bounds that cut the start.
 */
static bool moves_alone(const char *key)
{
    return strstr(key, "weight_decay") || !strcmp(key, "eps") || !strcmp(key, "adamw_eps") || !strcmp(key, "low") ||
           !strcmp(key, "high");
}

/* Without decay and without gradients nothing moves, from the first step on, and nothing becomes NaN. */
static luge_status zero_gradients_move_nothing(lg_trials *t, const lg_config *c, luge_error *err)
{
    luge_status st = LUGE_OK;
    luge_optimizer *opt = NULL;

    for (int type = LUGE_F32; type <= LUGE_BF16 && !moves_alone(c->key); type++) {
        lg_job j = { c, (luge_type)type, small, ROWS(small), 3, { NULL, 1, 0, false }, false };
        LG_TRY(lg_trial_open(t, &j, "0", &opt, err));
        uint64_t want = lg_trial_parameters(t, &j);
        for (int k = 0; k < 3; k++) {
            LG_TRY(lg_trial_step(t, opt, &j, k, clear, err));
            LG_CHECK(t, lg_trial_parameters(t, &j) == want, "%s, %s: moved in step %d without a gradient", c->name,
                     type_name[type], k + 1);
        }
        luge_free(opt);
        opt = NULL;
        t->checked++;
    }
done:
    luge_free(opt);
    return st;
}

static bool is_nan(const void *p, luge_type type)
{
    double d;
    float f = 0;
    memcpy(&d, p, 8);
    memcpy((char *)&f + (type == LUGE_BF16 ? 2 : 0), p, type == LUGE_BF16 ? 2 : 4);
    return type == LUGE_F64 ? isnan(d) : isnan(f);
}

static void spoil(lg_trials *t, const lg_job *j)
{
    double wide = (double)NAN;
    float narrow = NAN;
    memcpy(place(&t->gradients, 0, 5, j->type),
           j->type == LUGE_F64 ? (char *)&wide : (char *)&narrow + (j->type == LUGE_BF16 ? 2 : 0), lg_size(j->type));
}

/* One NaN in the gradients of the second step.  allow: its coordinate becomes NaN (a setting of 0 may let no gradient
 * through, so only methods as they come are held to it).  skip, fail: nothing changes. */
static luge_status nan_follows_the_policy(lg_trials *t, const lg_config *c, luge_error *err)
{
    static const char *const policy[] = { "allow", "skip", "fail" };
    luge_status st = LUGE_OK;
    luge_optimizer *opt = NULL;
    luge_error ignored;

    for (int i = 0; i < 9; i++) {
        int p = i % 3, type = i / 3;
        lg_job j = { c, (luge_type)type, small, ROWS(small), 2, { NULL, 1, 0, false }, false };
        LG_TRY(lg_trial_open(t, &j, "0.1", &opt, err));
        LG_TRY(luge_option(opt, "nonfinite", policy[p], err));
        LG_TRY(lg_trial_step(t, opt, &j, 0, NULL, err));
        uint64_t before = lg_trial_outcome(t, opt, &j);
        luge_status got = lg_trial_step(t, opt, &j, 1, spoil, &ignored);
        LG_CHECK(t, got == (p == 2 ? LUGE_E_NUMERIC : LUGE_OK), "%s, %s: status %d", c->name, policy[p], (int)got);
        LG_CHECK(t, luge_skipped(opt) == (p == 1), "%s, %s: skipped", c->name, policy[p]);
        if (p)
            LG_CHECK(t, lg_trial_outcome(t, opt, &j) == before, "%s, %s, %s: something changed", c->name,
                     type_name[type], policy[p]);
        else
            LG_CHECK(t, is_nan(place(&t->parameters, 0, 5, j.type), j.type) || *c->key, "%s, %s: the NaN is hidden",
                     c->name, type_name[type]);
        luge_free(opt);
        opt = NULL;
    }
    t->checked++;
done:
    luge_free(opt);
    return st;
}

/* The constants at k = infinity, which the flows ask for: no correction is left, and none of them is NaN. */
static luge_status the_limit_of_late_steps_exists(lg_trials *t, const lg_config *c, luge_error *err)
{
    enum { MOST = 256 };
    const luge_method *entry = c->method;
    const lg_method *m = entry->method;
    luge_status st = LUGE_OK;
    double(*v)[MOST] = t->path[0]; /* settings, MEMORY, OWN, constants */

    if (m->hyper_size > sizeof *v || m->memory_size > sizeof *v || m->own_size > sizeof *v ||
        m->coef_size > sizeof *v)
        return lg_fail(err, LUGE_E_SHAPE, "%s: it has too many settings or constants for a trial", c->name);
    memset(v, 0, 4 * sizeof *v);
    LG_TRY(lg_setting_defaults(entry->name, m->hyper, v[0], err));
    LG_TRY(lg_setting_parse(entry->name, m->hyper, v[0], entry->defaults, err));
    LG_TRY(lg_setting_parse(entry->name, m->hyper, v[0], entry->fixed, err));
    if (*c->key && !c->averaged) LG_TRY(lg_setting_key(entry->name, m->hyper, v[0], c->key, c->value, err));
    m->begin(v[0], v[1]);
    m->begin_own(v[0], v[2]);
    m->prepare(v[0], HUGE_VAL, v[1], v[2], v[3]);
    for (size_t n = 0; n < m->coef_size / sizeof(double); n++)
        LG_CHECK(t, !isnan(v[3][n]), "%s: constant %zu is NaN at k = infinity", c->name, n);
    t->checked++;
done:
    return st;
}

/* ---- checkpoints ---- */

static const lg_form saved[] = {
    { 2, { 7, 11 } }, { 1, { 70 } }, { 0, { 0 } }, { 4, { 4, 2, 3, 3 } }, { 2, { 3, 33000 } }
};

/* Within a warm-up of four steps, the schedule's and any that the method has. */
static luge_status warming(lg_trials *t, const lg_job *j, const char *accumulate, luge_optimizer **opt,
                           luge_error *err)
{
    luge_status st;
    luge_row row;

    LG_TRY(lg_trial_open(t, j, "0.1", opt, err));
    LG_TRY(luge_set(*opt, 0, "schedule", "warmup:steps=4", err));
    LG_TRY(luge_option(*opt, "accumulate", accumulate, err));
    for (size_t p = 0; luge_method_row(j->c->method, LUGE_PARAMETERS, p, &row); p++)
        if (!strcmp(row.kind, "int") && strstr(row.name, "warmup") && strcmp(row.name, j->c->key))
            LG_TRY(luge_set(*opt, 0, row.name, "4", err));
done:
    return st;
}

static luge_status steps(lg_trials *t, luge_optimizer *opt, const lg_job *j, int from, int to, luge_error *err)
{
    luge_status st = LUGE_OK;
    for (int k = from; k < to && !st; k++) st = lg_trial_step(t, opt, j, k, NULL, err);
    return st;
}

static luge_status goes_on(lg_trials *t, const lg_config *c, luge_type type, int tensors, const char *accumulate,
                           luge_error *err)
{
    luge_status st;
    lg_job j = { c, type, saved, tensors, LG_TRIAL_STEPS, { NULL, 1, 0, false }, false };
    luge_optimizer *opt = NULL;
    char file[280];

    snprintf(file, sizeof file, "%s/saved", t->folder);
    LG_TRY(warming(t, &j, accumulate, &opt, err));
    LG_TRY(steps(t, opt, &j, 0, LG_TRIAL_STEPS, err));
    uint64_t want = lg_trial_outcome(t, opt, &j);
    luge_free(opt);
    opt = NULL;
    LG_TRY(warming(t, &j, accumulate, &opt, err));
    LG_TRY(steps(t, opt, &j, 0, 3, err));
    LG_TRY(luge_save(opt, file, err));
    uint64_t half = lg_trial_outcome(t, opt, &j);
    for (int backwards = 0; backwards < 2; backwards++) {
        luge_free(opt);
        opt = NULL;
        j.backwards = backwards;
        LG_TRY(lg_trial_open(t, &j, "0.3", &opt, err));
        if (backwards) LG_TRY(steps(t, opt, &j, 5, 6, err)); /* what it had done before does not matter */
        LG_TRY(luge_load(opt, file, err));
        LG_CHECK(t, lg_trial_outcome(t, opt, &j) == half, "%s, type %d: loaded numbers differ", c->name, (int)type);
        LG_TRY(steps(t, opt, &j, 3, LG_TRIAL_STEPS, err));
        LG_CHECK(t, lg_trial_outcome(t, opt, &j) == want, "%s, type %d, accumulate=%s: going on differs, declared %s",
                 c->name, (int)type, accumulate, backwards ? "backwards" : "as before");
    }
done:
    luge_free(opt);
    unlink(file);
    return st;
}

static luge_status saved_runs_go_on_to_the_same_bits(lg_trials *t, const lg_config *c, luge_error *err)
{
    luge_status st;
    bool plain = !*c->key || c->averaged;

    LG_TRY(goes_on(t, c, LUGE_F32, plain ? 5 : 4, "1", err));
    if (plain) LG_TRY(goes_on(t, c, LUGE_F64, 4, "1", err));
    if (plain) LG_TRY(goes_on(t, c, LUGE_BF16, 4, "1", err));
    if (plain) LG_TRY(goes_on(t, c, LUGE_F32, 4, "2", err)); /* saved in the middle of a step */
    t->checked++;
done:
    return st;
}

const lg_property lg_properties[] = {
    { "ways", "the same bits by every instruction set level, any threads, any alignment; nothing written outside",
      same_bits_by_every_way },
    { "lengths", "the same bits by every level for lengths of 1 to 70 and about blocks and pieces",
      same_bits_of_every_length },
    { "split", "many tensors are as one", many_tensors_are_as_one },
    { "types", "f32 is near f64", f32_is_near_f64 },
    { "bf16", "bf16 stores what f32 computes, rounded", bf16_is_f32_rounded },
    { "zero", "gradients of zero move nothing", zero_gradients_move_nothing },
    { "nan", "a gradient that is not a number follows the policy", nan_follows_the_policy },
    { "limit", "the constants of late steps exist", the_limit_of_late_steps_exists },
    { "resume", "a saved run goes on to the same bits", saved_runs_go_on_to_the_same_bits },
    { 0 },
};
