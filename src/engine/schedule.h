/* Learning-rate schedules as data: a factor on the step sizes.  SPDX-License-Identifier: MIT */
#ifndef LG_SCHEDULE_H
#define LG_SCHEDULE_H
#include "core/core.h"

typedef struct lg_schedule_settings {
    int64_t steps, warmup, total, stable, decay, every;
    double final, gamma;
} lg_schedule_settings;

typedef struct lg_schedule {
    int kind; /* row of the table in schedule.c; 0: constant */
    lg_schedule_settings s;
} lg_schedule;

luge_status lg_schedule_parse(lg_schedule *to, const char *text, luge_error *err);
void lg_schedule_print(const lg_schedule *from, char *text, size_t size);
double lg_schedule_factor(const lg_schedule *s, double k); /* k = 1, 2, ...: the step that is about to be taken */
#endif
