/* The schedules: one row, one factor.  k = 1, 2, ... is the step about to be taken, w the warm-up, T the total.
 * Every one but constant and warmup opens with the linear warm-up  k / w  for k <= w  and then runs on
 *     u = (k - w) / (T - w),  held at 1 after the end.
 * SPDX-License-Identifier: MIT */
#include "engine/schedule.h"
#include "engine/engine.h"
#include <stdio.h>
#include <string.h>

typedef struct row {
    const char *name, *text;
    double (*factor)(const lg_schedule_settings *s, double k);
    const char *(*broken)(const lg_schedule_settings *s);
    lg_setting settings[5];
} row;

static double ramp(double k, int64_t steps) { return k < (double)steps ? k / (double)steps : 1; }

/* Fraction of the way from the end of the warm-up to the total. */
static double way(const lg_schedule_settings *s, double k)
{
    double u = (k - (double)s->warmup) / (double)(s->total - s->warmup);
    return u < 0 ? 0 : u < 1 ? u : 1;
}

static double constant(const lg_schedule_settings *s, double k) { return (void)s, (void)k, 1; }
static double warmup(const lg_schedule_settings *s, double k) { return ramp(k, s->steps); }
static double cosine(const lg_schedule_settings *s, double k)
{
    const double pi = 3.14159265358979323846;
    return ramp(k, s->warmup) * (s->final + (1 - s->final) * (0.5 + 0.5 * lg_cos(pi * way(s, k))));
}
static double linear(const lg_schedule_settings *s, double k)
{
    return ramp(k, s->warmup) * (1 + (s->final - 1) * way(s, k));
}
static double after(const lg_schedule_settings *s, double k) /* whole steps of `every` after the warm-up */
{
    double past = k - 1 - (double)s->warmup;
    return past > 0 ? floor(past / (double)s->every) : 0;
}
static double steps(const lg_schedule_settings *s, double k)
{
    return ramp(k, s->warmup) * lg_power(s->gamma, after(s, k));
}
static double wsd(const lg_schedule_settings *s, double k)
{
    double past = k - (double)s->warmup - (double)s->stable, u = past / (double)s->decay;
    return ramp(k, s->warmup) * (past <= 0 ? 1 : u < 1 ? 1 + (s->final - 1) * u : s->final);
}

static const char *total(const lg_schedule_settings *s)
{
    return s->total > s->warmup ? NULL : "total must be set and larger than warmup";
}

#define AT(name) offsetof(lg_schedule_settings, name)
#define WARMUP                                                                                                       \
    {                                                                                                                \
        "warmup", LG_int, AT(warmup), "0", "[0,1e15]", "steps over which the factor grows from 0 to 1"               \
    }
#define TOTAL                                                                                                        \
    {                                                                                                                \
        "total", LG_int, AT(total), "0", "[0,1e15]", "step at which the end is reached; must be set"                 \
    }
#define FINAL                                                                                                        \
    {                                                                                                                \
        "final", LG_real, AT(final), "0", "[0,1]", "factor at the end and after it"                                  \
    }
static const row table[] = {
    { "constant", "1", constant, NULL, { { 0 } } },
    { "warmup",
      "k / steps, then 1",
      warmup,
      NULL,
      { { "steps", LG_int, AT(steps), "100", "[0,1e15]", "length of the ramp" } } },
    { "cosine", "final + (1 - final) (1 + cos(pi u)) / 2", cosine, total, { TOTAL, WARMUP, FINAL } },
    { "linear", "1 + (final - 1) u", linear, total, { TOTAL, WARMUP, FINAL } },
    { "exponential",
      "gamma^(k - 1 - warmup)",
      steps,
      NULL,
      { { "gamma", LG_real, AT(gamma), "0.999", "(0,1]", "factor of one step" }, WARMUP } },
    { "step",
      "gamma^floor((k - 1 - warmup) / every)",
      steps,
      NULL,
      { { "gamma", LG_real, AT(gamma), "0.1", "(0,1]", "factor of one stage" },
        { "every", LG_int, AT(every), "1000", "[1,1e15]", "steps of a stage" },
        WARMUP } },
    { "wsd",
      "warm-up, 1 for `stable` steps, then linear to final in `decay` steps",
      wsd,
      NULL,
      { { "stable", LG_int, AT(stable), "1000", "[0,1e15]", "steps at full size" },
        { "decay", LG_int, AT(decay), "1000", "[1,1e15]", "steps of the decay" },
        WARMUP,
        FINAL } },
};
enum { ROWS = sizeof table / sizeof *table };

luge_status lg_schedule_parse(lg_schedule *to, const char *text, luge_error *err)
{
    size_t length = strcspn(text, ":"), used = 0;
    char names[256] = "", owner[64];
    lg_schedule s = { .s = { .every = 1 } };
    luge_status st = LUGE_OK;

    for (; s.kind < ROWS; s.kind++) {
        const char *name = table[s.kind].name;
        if (strlen(name) == length && !strncmp(name, text, length)) break;
        used += (size_t)snprintf(names + used, sizeof names - used, "%s%s", s.kind ? ", " : "", name);
    }
    if (s.kind == ROWS) {
        return lg_fail(err, LUGE_E_NAME, "schedule \"%.*s\": one of %s is needed", (int)(length < 60 ? length : 60),
                       text, names);
    }
    snprintf(owner, sizeof owner, "schedule %s", table[s.kind].name);
    LG_TRY(lg_setting_defaults(owner, table[s.kind].settings, &s.s, err));
    if (text[length]) LG_TRY(lg_setting_parse(owner, table[s.kind].settings, &s.s, text + length + 1, err));
    const char *broken = table[s.kind].broken ? table[s.kind].broken(&s.s) : NULL;
    if (broken) return lg_fail(err, LUGE_E_ARG, "%s: %s", owner, broken);
    *to = s;
done:
    return st;
}

void lg_schedule_print(const lg_schedule *from, char *text, size_t size)
{
    const row *r = &table[from->kind];
    size_t used = (size_t)snprintf(text, size, "%s", r->name);
    for (const lg_setting *s = r->settings; s->name && used < size; s++) {
        char value[LG_TEXT];
        lg_setting_print(s, &from->s, value, sizeof value);
        used += (size_t)snprintf(text + used, size - used, "%c%s=%s", s == r->settings ? ':' : ',', s->name, value);
    }
}

double lg_schedule_factor(const lg_schedule *s, double k) { return table[s->kind].factor(&s->s, k); }

int luge_schedule_row(size_t i, luge_row *to)
{
    for (int r = 0; r < ROWS; r++) {
        if (i-- == 0) {
            lg_setting name = { .name = table[r].name, .value = "", .range = "", .text = table[r].text };
            return lg_setting_row(&name, "schedule", to);
        }
        for (const lg_setting *s = table[r].settings; s->name; s++)
            if (i-- == 0) return lg_setting_row(s, lg_kind_name(s->kind), to);
    }
    return 0;
}
