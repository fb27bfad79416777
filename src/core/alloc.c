/* Memory.  SPDX-License-Identifier: MIT */
#include "core/core.h"
#include <stdlib.h>
#include <string.h>

bool lg_times(size_t a, size_t b, size_t *product)
{
    *product = a * b;
    return b == 0 || a <= SIZE_MAX / b;
}

bool lg_plus(size_t a, size_t b, size_t *sum)
{
    *sum = a + b;
    return *sum >= a;
}

/* Bytes of an array, rounded up to whole blocks of LG_ALIGN, at least one: no items are no failure. */
static bool rounded(size_t count, size_t size, size_t *bytes)
{
    if (!lg_times(count, size, bytes) || !lg_plus(*bytes, LG_ALIGN - 1, bytes)) return false;
    *bytes = *bytes < LG_ALIGN ? LG_ALIGN : *bytes & ~(size_t)(LG_ALIGN - 1);
    return *bytes <= PTRDIFF_MAX;
}

void *lg_alloc(size_t count, size_t size)
{
    size_t bytes;
    void *p = rounded(count, size, &bytes) ? aligned_alloc(LG_ALIGN, bytes) : NULL;
    return p ? memset(p, 0, bytes) : NULL;
}

void *lg_grow(void *p, size_t old, size_t count, size_t size)
{
    void *q = lg_alloc(count, size);
    if (!q) return NULL;
    if (p) memcpy(q, p, (old < count ? old : count) * size);
    lg_free(p);
    return q;
}

void lg_free(void *p) { free(p); }
