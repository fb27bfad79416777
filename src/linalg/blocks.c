/* Blocks of fixed size, taken by whichever thread is free, and memory handed in.  SPDX-License-Identifier: MIT */
#include "linalg/blocks.h"
#include <stdatomic.h>

typedef struct queue {
    atomic_size_t next;
    size_t count;
    void (*work)(void *context, size_t i);
    void *context;
} queue;

static void take(void *context, size_t id, size_t of)
{
    queue *q = context;
    (void)id, (void)of;
    for (size_t i; (i = atomic_fetch_add(&q->next, 1)) < q->count;) q->work(q->context, i);
}

void lg_blocks(int threads, size_t count, void (*work)(void *context, size_t i), void *context)
{
    queue q = { .count = count, .work = work, .context = context };
    lg_share(count > 1 ? threads : 1, take, &q);
}

bool lg_work_more(size_t *bytes, size_t count, size_t size)
{
    size_t n;
    if (!lg_times(count, size, &n) || !lg_plus(n, LG_ALIGN - 1, &n)) return false;
    return lg_plus(*bytes, n / LG_ALIGN * LG_ALIGN, bytes);
}

void *lg_work_take(void **work, size_t count, size_t size)
{
    void *p = *work;
    *work = (char *)p + (count * size + LG_ALIGN - 1) / LG_ALIGN * LG_ALIGN;
    return p;
}
