/* Memory.  SPDX-License-Identifier: MIT */
#include "core/core.h"
#include <stdlib.h>
#include <string.h>
#ifdef __linux__
#include <sys/mman.h>
#include <unistd.h>
#endif

enum { LARGE = 1 << 23 };

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

/* Streams of many megabytes run up to a tenth slower on small pages; Linux gives large ones where it is asked before
 * the first touch.  A system that has none refuses, and nothing is lost. */
static void on_large_pages(void *p, size_t bytes)
{
#ifdef MADV_HUGEPAGE
    size_t page = (size_t)sysconf(_SC_PAGESIZE), before = (page - (uintptr_t)p % page) % page;
    if (bytes >= LARGE) (void)madvise((char *)p + before, bytes - before, MADV_HUGEPAGE);
#endif
}

void *lg_alloc(size_t count, size_t size)
{
    size_t bytes;
    void *p = rounded(count, size, &bytes) ? aligned_alloc(LG_ALIGN, bytes) : NULL;
    if (!p) return NULL;
    on_large_pages(p, bytes);
    return memset(p, 0, bytes);
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
