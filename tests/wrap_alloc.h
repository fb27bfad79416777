/* Makes the n-th allocation fail, and counts the blocks in use.  A test that includes this is linked with
 * --wrap=lg_alloc,--wrap=lg_grow,--wrap=lg_free (tests/CMakeLists.txt).  The loop of such a test:
 *
 *     for (long n = 1;; n++) {
 *         long live = wrap_live;
 *         wrap_fail(n);
 *         st = what_is_tested(...);
 *         if (!wrap_failed()) break;                           what_is_tested asked for less than n blocks: done
 *         assert_int_equal(st, LUGE_E_MEMORY);
 *         assert_int_equal(wrap_live, live);
 *     }
 *
 * SPDX-License-Identifier: MIT */
#ifndef WRAP_ALLOC_H
#define WRAP_ALLOC_H
#include "core/core.h"
#include <stdatomic.h>

void *__real_lg_alloc(size_t count, size_t size);
void *__real_lg_grow(void *p, size_t old, size_t count, size_t size);
void __real_lg_free(void *p);
void *__wrap_lg_alloc(size_t count, size_t size);
void *__wrap_lg_grow(void *p, size_t old, size_t count, size_t size);
void __wrap_lg_free(void *p);

static _Atomic long wrap_left; /* allocations up to the one that fails; <= 0: it has failed, or none is to */
static _Atomic bool wrap_hit;
static _Atomic long wrap_live; /* blocks in use */

/* The n-th allocation from now fails, once; 0: none. */
static inline void wrap_fail(long n)
{
    wrap_hit = false;
    wrap_left = n;
}

static inline bool wrap_failed(void)
{
    bool hit = wrap_hit;
    wrap_fail(0);
    return hit;
}

static inline bool wrap_refuses(void)
{
    bool refuses = atomic_fetch_sub(&wrap_left, 1) == 1;
    if (refuses) wrap_hit = true;
    return refuses;
}

void *__wrap_lg_alloc(size_t count, size_t size)
{
    void *p = wrap_refuses() ? NULL : __real_lg_alloc(count, size);
    wrap_live += p != NULL;
    return p;
}

void *__wrap_lg_grow(void *p, size_t old, size_t count, size_t size)
{
    void *q = wrap_refuses() ? NULL : __real_lg_grow(p, old, count, size);
    wrap_live += q != NULL && p == NULL;
    return q;
}

void __wrap_lg_free(void *p)
{
    wrap_live -= p != NULL;
    __real_lg_free(p);
}

#endif
