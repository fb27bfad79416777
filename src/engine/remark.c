/* Remarks on the choice of methods.  SPDX-License-Identifier: MIT */
#include "engine/optimizer.h"
#include <ctype.h>
#include <stdio.h>
#include <string.h>

/* Parts of a name between dots and slashes that embeddings and heads have in common transformers; the first few with
 * anything around them. */
static const char *const anywhere[] = { "embed", "lm_head", "unembed" };
static const char *const part[] = { "wte", "wpe", "emb", "head", "classifier" };
static const size_t long_side = 8192, to_the_other = 8;

static bool same(const char *a, const char *b, size_t n)
{
    for (size_t i = 0; i < n; i++)
        if (tolower((unsigned char)a[i]) != b[i]) return false;
    return true;
}

static bool name_of_ends(const char *name)
{
    for (size_t i = 0; i < sizeof anywhere / sizeof *anywhere; i++)
        for (size_t at = 0, n = strlen(anywhere[i]); at + n <= strlen(name); at++)
            if (same(name + at, anywhere[i], n)) return true;
    for (const char *p = name; *p; p += strspn(p, "./")) {
        size_t n = strcspn(p, "./");
        for (size_t i = 0; i < sizeof part / sizeof *part; i++)
            if (strlen(part[i]) == n && same(p, part[i], n)) return true;
        p += n;
    }
    return false;
}

static bool shape_of_ends(const lg_shape *t)
{
    size_t a = t->shape[0], b = t->shape[1], most = a > b ? a : b, least = a > b ? b : a;
    return most >= long_side && most / to_the_other >= least;
}

int luge_remark(const luge_optimizer *o, size_t i, char *text, size_t size)
{
    for (size_t n = 0; o && text && n < o->tensors; n++) {
        const lg_where *w = &o->where[n];
        const lg_group *g = &o->group[w->group];
        const lg_shape *t = &g->t[w->at].s;
        bool name = name_of_ends(t->name);
        if (!g->m->work || t->ndim != 2 || !(name || shape_of_ends(t)) || i-- > 0) continue;
        snprintf(
            text, size,
            "%s: the %s of %.60s (%zu x %zu) looks like that of an embedding or an output head, which %s is not made "
            "for: a group of adamw is the usual place",
            g->entry->name, name ? "name" : "shape", t->name, t->shape[0], t->shape[1], g->entry->name);
        return 1;
    }
    return 0;
}
