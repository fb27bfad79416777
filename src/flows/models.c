/* The table of models, and what they have in common.  SPDX-License-Identifier: MIT */
#include "flows/model.h"
#include <string.h>

static const lg_model_kind *const kinds[] = { &lg_model_rescaled,  &lg_model_second_order, &lg_model_modified,
                                              &lg_model_composite, &lg_model_manifold,     &lg_model_series,
                                              &lg_model_auto };
enum { KINDS = sizeof kinds / sizeof *kinds };

const char *lg_model_list(size_t i) { return i < KINDS ? kinds[i]->form : NULL; }
const char *lg_model_title(size_t i) { return kinds[i]->title; }

static luge_status find(const lg_model_kind **kind, const char *name, luge_error *err)
{
    size_t n = strcspn(name, ":");
    for (size_t i = 0; i < KINDS; i++) {
        *kind = kinds[i];
        if (strlen(kinds[i]->name) == n && !strncmp(kinds[i]->name, name, n)) return LUGE_OK;
    }
    return lg_fail(err, LUGE_E_NAME,
                   "there is no model \"%.60s\"; there are rescaled, second_order, modified, composite, manifold:K, "
                   "series:P and "
                   "auto:P",
                   name);
}

luge_status lg_model_open(lg_model **out, const char *name, const lg_family *family, luge_error *err)
{
    luge_status st;
    lg_model *m = NULL;
    const lg_model_kind *kind;
    size_t n = family->field->n;
    const char *words = strchr(name, ':');

    *out = NULL;
    LG_TRY(find(&kind, name, err));
    LG_TRY(lg_family_check(family, err));
    if (words && !kind->open)
        return lg_fail(err, LUGE_E_ARG, "model %s has one form alone, but \"%.40s\" was asked for", kind->name, name);
    LG_NEED(m = lg_alloc(1, sizeof *m));
    *m = (lg_model){ .kind = kind, .family = *family, .room = (size_t)kind->work };
    if (kind->open) LG_TRY(kind->open(m, words ? words + 1 : NULL, err));
    LG_NEED(m->work = lg_alloc(m->room * n + 1, sizeof *m->work));
    m->ode = (lg_ode){ .n = (size_t)kind->copies * n,
                       .threads = family->field->threads,
                       .context = m,
                       .rhs = kind->rhs,
                       .jvp = kind->jvp };
    *out = m;
done:
    if (st) lg_model_close(m);
    return st;
}

void lg_model_close(lg_model *m)
{
    if (!m) return;
    if (m->kind->close) m->kind->close(m);
    lg_free(m->work);
    lg_free(m);
}

luge_status lg_model_number(const lg_model *m, const char *words, int least, int most, int otherwise, int *number,
                            luge_error *err)
{
    double v = otherwise;
    const char *end = words ? lg_number_read(words, &v) : "";
    if (!end || *end || v != floor(v) || v < least || v > most)
        return lg_fail(err, LUGE_E_ARG, "%s:%.20s: a whole number in [%d,%d] belongs behind the colon", m->kind->name,
                       words, least, most);
    *number = (int)v;
    return LUGE_OK;
}

int lg_model_theory(const lg_model *m, bool prepared, enum lg_window *window)
{
    *window = LG_THROUGHOUT;
    return m->kind->theory(m, prepared, window);
}

const lg_ode *lg_model_ode(const lg_model *m) { return &m->ode; }

luge_status lg_model_start(lg_model *m, bool prepared, const double *u, double *y, luge_error *err)
{
    if (m->kind->start) return m->kind->start(m, prepared, u, y, err);
    if (m->kind->copies) memcpy(y, u, m->family.field->n * sizeof *y);
    return LUGE_OK;
}

bool lg_model_piecewise(const lg_model *m) { return m->kind->node && !m->prepared; }

luge_status lg_model_node(lg_model *m, int64_t n, const double *y, luge_error *err)
{
    return m->kind->node(m, n, y, err);
}

luge_status lg_model_says(lg_model *m, int64_t n, const double *y, const double *u, double *says, luge_error *err)
{
    if (m->kind->says) return m->kind->says(m, n, y, u, says, err);
    memcpy(says, y, m->family.field->n * sizeof *says);
    return LUGE_OK;
}
