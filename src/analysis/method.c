/* SPDX-License-Identifier: MIT */
#include "analysis/method.h"
#include <string.h>

const char *lg_momentum_key(const luge_method *method)
{
    static const char *const names[] = { "momentum", "beta1" };
    luge_row row;
    for (size_t n = 0; n < sizeof names / sizeof *names; n++)
        for (size_t i = 0; luge_method_row(method, LUGE_PARAMETERS, i, &row); i++)
            if (!strcmp(row.name, names[n]))
                return strstr(luge_method_text(method, LUGE_FIXED), row.name) ? NULL : names[n];
    return NULL;
}

/* ---- is it linear? ---- */

/* W and S at some points must be what their slopes at the first point say, and those slopes the same everywhere. */
static bool is_linear(const lg_update *u)
{
    enum { POINTS = 6 };
    size_t k = lg_update_slots(u);
    lg_slopes first;

    for (uint64_t i = 0; i < POINTS; i++) {
        double size = lg_pow(10, 2 * (double)i - 6), z[2 + LG_SLOTS];
        lg_slopes here;
        for (size_t j = 0; j < 2 + k; j++) z[j] = size * lg_normal(1, i, j);
        lg_update_slopes(u, z[0], z[1], z + 2, &here);
        if (i == 0) first = here;
        for (size_t r = 0; r <= k; r++) { /* row 0: W */
            double x = r ? here.sx[r - 1] : here.wx, g = r ? here.sg[r - 1] : here.wg, sum = x * z[0] + g * z[1];
            double moved = fabs(x - (r ? first.sx[r - 1] : first.wx)) + fabs(g - (r ? first.sg[r - 1] : first.wg));
            double scale = fabs(x * z[0]) + fabs(g * z[1]), steep = fabs(x) + fabs(g);
            for (size_t j = 0; j < k; j++) {
                double s = r ? here.ss[r - 1][j] : here.ws[j];
                moved += fabs(s - (r ? first.ss[r - 1][j] : first.ws[j]));
                sum += s * z[2 + j];
                scale += fabs(s * z[2 + j]);
                steep += fabs(s);
            }
            if (!(moved <= 1e-10 * steep && fabs((r ? here.s[r - 1] : here.w) - sum) <= 1e-10 * (scale + size)))
                return false;
        }
    }
    return true;
}

/* ---- the system ---- */

/* What is not smooth leaves marks of its own, far below any slope (real.h). */
static double real_slope(double v, bool *finite)
{
    *finite = *finite && isfinite(v);
    return fabs(v) < 1e-100 ? 0 : v;
}

static luge_status take_slopes(lg_moment *m, luge_error *err)
{
    size_t k = lg_update_slots(m->update);
    double origin[LG_SLOTS], ahead[LG_SLOTS];
    lg_slopes d;
    lg_system *s = &m->system;
    bool finite = true;

    if (k + 1 > LG_STATES)
        return lg_fail(err, LUGE_E_ARG, "%s: more than %d slots", lg_update_name(m->update), LG_STATES - 1);
    lg_update_slopes(m->update, m->x, m->g, m->slot, &d);
    lg_update_start(m->update, 0, origin);
    lg_update_start(m->update, 1, ahead);
    *s =
        (lg_system){ .n = k + 1, .unit = m->lr, .place = { true }, .a = { 1 + m->lr * d.wx }, .b = { m->lr * d.wg } };
    for (size_t i = 0; i < k; i++) {
        s->a[1 + i] = m->lr * d.ws[i];
        s->a[(1 + i) * s->n] = d.sx[i];
        s->b[1 + i] = d.sg[i];
        s->place[1 + i] = origin[i] != ahead[i] && isfinite(origin[i]);
        for (size_t j = 0; j < k; j++) s->a[(1 + i) * s->n + 1 + j] = d.ss[i][j];
    }
    for (size_t i = 0; i < s->n * s->n; i++) s->a[i] = real_slope(s->a[i], &finite);
    for (size_t i = 0; i < s->n; i++) s->b[i] = real_slope(s->b[i], &finite);
    return finite ? LUGE_OK
                  : lg_fail(err, LUGE_E_ARG,
                            "%s has no derivative at parameter %g, gradient %g; another point may have (--at)",
                            lg_update_name(m->update), m->x, m->g);
}

/* A step of the slots; those that hold places stay where they are beside the parameter, which is held. */
static void step_slots(lg_moment *m)
{
    double x = m->x, origin[LG_SLOTS], ahead[LG_SLOTS];
    lg_update_step(m->update, &x, m->g, m->slot);
    lg_update_start(m->update, 0, origin);
    lg_update_start(m->update, 1, ahead);
    for (size_t i = 0; i < lg_update_slots(m->update); i++)
        if (origin[i] != ahead[i]) m->slot[i] -= x - m->x;
}

/* Constants that follow from the step's number alone. */
static bool forgets(const lg_update *u)
{
    const lg_method *m = luge_method_find(lg_update_name(u))->method;
    return m->memory_size == 0 && m->own_size == 0;
}

/* From the start to the constants of step k. */
static luge_status walk(lg_moment *m, double k, luge_error *err)
{
    static const double most = 2e4;
    luge_status st;

    if (k > most)
        return lg_fail(err, LUGE_E_ARG,
                       "%s: the steps up to step %.0f have to be taken one by one, at most %.0f of them",
                       lg_update_name(m->update), k, most);
    LG_TRY(lg_update_prepare(m->update, 1, m->lr, err));
    lg_update_start(m->update, m->x, m->slot);
    for (double step = 1; step < k; step++) {
        step_slots(m);
        LG_TRY(lg_update_prepare(m->update, step + 1, m->lr, err));
    }
done:
    return st;
}

luge_status lg_moment_at(lg_moment *m, lg_update *update, double k, double lr, double x, double g, luge_error *err)
{
    luge_status st;
    lg_slopes d;

    *m = (lg_moment){ .update = update, .k = k, .lr = lr, .x = x, .g = g };
    LG_TRY(lg_update_prepare(update, k, lr, err));
    m->linear = is_linear(update);
    if (!isinf(k) && !(m->linear && forgets(update))) LG_TRY(walk(m, k, err));
    if (isinf(k) && !m->linear) LG_TRY(lg_update_rest(update, x, g, m->slot, &d, err));
    LG_TRY(take_slopes(m, err));
done:
    return st;
}

luge_status lg_moment_next(lg_moment *m, luge_error *err)
{
    luge_status st = LUGE_OK;
    if (isinf(m->k)) return LUGE_OK;
    step_slots(m);
    m->k++;
    LG_TRY(lg_update_prepare(m->update, m->k, m->lr, err));
    LG_TRY(take_slopes(m, err));
done:
    return st;
}

/* ---- what matters of it ---- */

/* Marks all that is joined to the marked: along a (what they move), or against it (what moves them). */
static void spread(const lg_system *s, bool *marked, bool along)
{
    for (bool more = true; more;) {
        more = false;
        for (size_t i = 0; i < s->n; i++)
            for (size_t j = 0; j < s->n; j++)
                if (marked[j] && !marked[i] && s->a[along ? i * s->n + j : j * s->n + i] != 0)
                    more = marked[i] = true;
    }
}

lg_system lg_system_essential(const lg_system *s)
{
    bool reached[LG_STATES] = { true }, seen[LG_STATES] = { true };
    size_t keep[LG_STATES], n = 0;
    lg_system out = { .unit = s->unit };

    for (size_t i = 0; i < s->n; i++) reached[i] = reached[i] || s->b[i] != 0;
    spread(s, reached, true);
    spread(s, seen, false);
    for (size_t i = 0; i < s->n; i++)
        if (reached[i] && seen[i]) keep[n++] = i;
    out.n = n;
    for (size_t i = 0; i < n; i++) {
        out.b[i] = s->b[keep[i]];
        out.place[i] = s->place[keep[i]];
        for (size_t j = 0; j < n; j++) out.a[i * n + j] = s->a[keep[i] * s->n + keep[j]];
    }
    return out;
}
