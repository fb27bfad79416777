/* Every method of the registry with every setting that is a choice, one at a time, and under the options that average
 * its parameters; and the properties that each must have (src/experiments/trial.h).  No method is named.
 * SPDX-License-Identifier: MIT */
#ifndef REGISTRY_H
#define REGISTRY_H
#include "check.h"
#include "experiments/trial.h"
#include <luge/luge.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static lg_configs configs;
static lg_trials *trials;

static inline const char *method_name(const luge_method *m) { return luge_method_text(m, LUGE_NAME); }

static inline void wrong(void *context, const char *text)
{
    (void)context;
    CHECK(false, "%s", text);
}

/* Group set-up. */
static inline int configs_make(void **state)
{
    const luge_method *m;
    luge_error err;
    (void)state;
    for (size_t i = 0; (m = luge_method_at(i)); i++) MUST(lg_configs_add(&configs, m, &err));
    MUST(lg_trials_open(&trials, wrong, NULL, &err));
    print_message("%zu configurations\n", configs.n);
    return configs.n == 0;
}

static inline int configs_drop(void **state)
{
    (void)state;
    lg_free(configs.v);
    lg_trials_close(trials);
    return 0;
}

static inline void property(const char *name)
{
    luge_error err;
    const lg_property *p = lg_properties;
    while (p->name && strcmp(p->name, name)) p++;
    assert_non_null(p->name);
    trials->checked = 0;
    for (size_t i = 0; i < configs.n; i++) MUST(p->check(trials, &configs.v[i], &err));
    CHECK(trials->checked > 0, "no method was there to check");
    CHECK_END();
}

#endif
