/* An optimizer of a few tensors, for the tests of the object itself.  SPDX-License-Identifier: MIT */
#ifndef OBJECT_H
#define OBJECT_H
#include "check.h"
#include "core/core.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static luge_error err;

/* An optimizer with tensors of the given sizes, cut from x one after the other. */
static luge_optimizer *make(const char *method, luge_type type, void *x, const size_t *n, int tensors)
{
    luge_optimizer *o = NULL;
    char *at = x;
    MUST(luge_new(&o, method, &err));
    for (int i = 0; i < tensors; at += n[i++] * lg_size(type)) {
        char name[32];
        snprintf(name, sizeof name, "w%d", i);
        MUST(luge_add(o, 0, name, type, at, 1, &n[i], &err));
    }
    return o;
}

static inline void fill(double *v, size_t n, uint64_t stream, double scale)
{
    for (size_t i = 0; i < n; i++) v[i] = scale * lg_normal(7, stream, i);
}

#endif
