/* The flow of any smooth element-wise method, from its formula alone (update.h):
 *     x⁺ = x + h W(x, g, s),  s⁺ = S(x, g, s)          shadow          x' = V₀(x) + h V₁(x),  g = ∇Φ(x)
 * On the slow manifold the slots are s₀(x) + h s₁(x), and to first order s(x + h V₀) = S(x, g, s(x)):
 *     s₀ = S(x, g, s₀),  V₀ = W(x, g, s₀)
 *     d₀ = ds₀/dt:   (I - S_s) d₀ = S_x V₀ + S_g H V₀,          (I - S_s) s₁ = -d₀
 *     V₁ = W_s s₁ - (W_s d₀ + W_x V₀ + W_g H V₀) / 2            the second term is -V₀'V₀/2, of a flow's own
 * curvature All is linear in V₀ and H V₀: each coordinate has V₁ = p V₀ + q (H V₀), and one Hessian-vector product is
 * enough. With constants that change from step to step, and from the method's own start, the same holds along the
 * recursion in n σ_(n+1)(x) = S_n(x, g, σ_n),   A, B = ∂σ/∂x, ∂σ/∂g:  A_(n+1) = S_x + S_s A_n,  B_(n+1) = S_g + S_s
 * B_n τ_(n+1) = S_s τ_n - (A_(n+1) V₀ + B_(n+1) H V₀)           s_n = σ_n + h τ_n V₁ = W_s τ_n - ((W_x + W_s A_n) V₀
 * + (W_g + W_s B_n) H V₀) / 2 where n counts the steps: an equation for each.  σ is carried from node to node by its
 * own derivatives; what is left out is O(h²) and fades with the slots' memory. SPDX-License-Identifier: MIT */
#include "flows/model.h"
#include "flows/update.h"
#include <string.h>

/* Coordinates are independent: any number of threads gives the same bits.  MEMORY: steps after which all is
 * forgotten, of a decay of 0.999. */
enum { ALONE = 64, MEMORY = 40000 };

typedef struct self {
    lg_update *update;
    size_t k;
    const double *x;
    double *g, *v0, *hv, *p, *q, *r;               /* V₁ = p V₀ + q H V₀ + r */
    double *slots;                                 /* NULL, or the resting values; in the end s₀ + h s₁ */
    double *at, *at_g, *sigma, *by_x, *by_g, *tau; /* carried: the node, and σ, A, B, τ there, slot by slot */
    void (*one)(struct self *s, size_t i);
    size_t n;
    double h;
    int threads;
} self;

static void share(void *context, size_t id, size_t of)
{
    self *s = context;
    for (size_t i = s->n * id / of; i < s->n * (id + 1) / of; i++) s->one(s, i);
}

static void each(self *s, void (*one)(self *s, size_t i))
{
    s->one = one;
    if (s->n < ALONE)
        share(s, 0, 1);
    else
        lg_share(s->threads, share, s);
}

/* ---- stationary constants ---- */

static double dot(const self *s, const double *a, const double *b)
{
    double sum = 0;
    for (size_t j = 0; j < s->k; j++) sum += a[j] * b[j];
    return sum;
}

/* y[0], y[1] := d₀ of V₀ = 1 and of H V₀ = 1; y[2], y[3] := s₁ of them.  v0 is no number where the slots do not rest.
 */
static void rest(self *s, size_t i, double rest[LG_SLOTS], lg_slopes *d, double y[4][LG_SLOTS])
{
    luge_error none;
    size_t slot;
    memset(rest, 0, LG_SLOTS * sizeof *rest);
    s->v0[i] = (double)NAN;
    if (lg_update_rest(s->update, s->x[i], s->g[i], rest, d, &none)) return;
    memcpy(y[0], d->sx, sizeof d->sx);
    memcpy(y[1], d->sg, sizeof d->sg);
    lg_update_resolve(s->update, d, 2, (double *const[]){ y[0], y[1] }, &slot);
    for (int v = 0; v < 2; v++)
        for (size_t j = 0; j < s->k; j++) y[2 + v][j] = -y[v][j];
    lg_update_resolve(s->update, d, 2, (double *const[]){ y[2], y[3] }, &slot);
    s->v0[i] = d->w;
}

static void stationary(self *s, size_t i)
{
    double slot[LG_SLOTS], y[4][LG_SLOTS] = { { 0 } };
    lg_slopes d;
    rest(s, i, slot, &d, y);
    s->p[i] = dot(s, d.ws, y[2]) - (dot(s, d.ws, y[0]) + d.wx) / 2;
    s->q[i] = dot(s, d.ws, y[3]) - (dot(s, d.ws, y[1]) + d.wg) / 2;
    s->r[i] = 0;
}

/* A step from such slots is a real, finite one: no root of a negative second moment. */
static bool sound(const self *s, size_t i, const double *slot)
{
    double _Complex x = s->x[i], t[LG_SLOTS];
    for (size_t j = 0; j < s->k; j++) t[j] = slot[j];
    lg_update_take(s->update, &x, s->g[i], t);
    return isfinite(creal(x)) && fabs(cimag(x)) < 1e-100;
}

/* The same slots to O(h²), as the method itself would have gathered them on the way to x along a line: from so far
 * back that it makes no difference. */
static void gathered(const self *s, size_t i, double *slot)
{
    double from[LG_SLOTS], before[LG_SLOTS];
    bool same = false;
    memcpy(from, slot, sizeof from);
    for (int steps = 64; steps <= MEMORY && !same; steps *= 2) {
        memcpy(before, slot, sizeof before);
        memcpy(slot, from, sizeof from);
        for (int j = steps; j > 0; j--) {
            double x = s->x[i] - j * s->h * s->v0[i];
            lg_update_step(s->update, &x, s->g[i] - j * s->h * s->hv[i], slot);
        }
        same = true;
        for (size_t j = 0; j < s->k; j++) same = same && fabs(slot[j] - before[j]) <= 1e-13 * fabs(slot[j]);
    }
}

/* s₀ + h s₁; near a zero of the gradient that may be no value that a slot can have. */
static void slow_slots(self *s, size_t i)
{
    double slot[LG_SLOTS], slow[LG_SLOTS], y[4][LG_SLOTS] = { { 0 } };
    lg_slopes d;
    rest(s, i, slot, &d, y);
    for (size_t j = 0; j < s->k; j++) slow[j] = slot[j] + s->h * (y[2][j] * s->v0[i] + y[3][j] * s->hv[i]);
    if (!sound(s, i, slow)) {
        gathered(s, i, slot);
        memcpy(slow, slot, s->k * sizeof *slow);
    }
    for (size_t j = 0; j < s->k; j++) s->slots[j * s->n + i] = slow[j];
}

/* ---- the recursion ---- */

/* σ at x, from the node's. */
static void carried_slots(const self *s, size_t i, double x, double g, double slot[LG_SLOTS])
{
    for (size_t j = 0; j < s->k; j++) {
        size_t at = j * s->n + i;
        slot[j] = s->sigma[at] + s->by_x[at] * (x - s->at[i]) + s->by_g[at] * (g - s->at_g[i]);
    }
}

static void recursive(self *s, size_t i)
{
    double slot[LG_SLOTS];
    lg_slopes d;
    carried_slots(s, i, s->x[i], s->g[i], slot);
    lg_update_slopes(s->update, s->x[i], s->g[i], slot, &d);
    s->v0[i] = d.w;
    s->p[i] = -d.wx / 2, s->q[i] = -d.wg / 2, s->r[i] = 0;
    for (size_t j = 0; j < s->k; j++) {
        size_t at = j * s->n + i;
        s->p[i] -= d.ws[j] * s->by_x[at] / 2;
        s->q[i] -= d.ws[j] * s->by_g[at] / 2;
        s->r[i] += d.ws[j] * s->tau[at];
    }
}

/* From the node at s->at, where V₀ and H V₀ are known, to that at s->x. */
static void carry(self *s, size_t i)
{
    double slot[LG_SLOTS], old[3][LG_SLOTS];
    lg_slopes d;
    carried_slots(s, i, s->at[i], s->at_g[i], slot);
    lg_update_slopes(s->update, s->at[i], s->at_g[i], slot, &d);
    for (size_t j = 0; j < s->k; j++) {
        size_t at = j * s->n + i;
        old[0][j] = s->by_x[at], old[1][j] = s->by_g[at], old[2][j] = s->tau[at];
    }
    for (size_t j = 0; j < s->k; j++) {
        size_t at = j * s->n + i;
        s->by_x[at] = d.sx[j] + dot(s, d.ss[j], old[0]);
        s->by_g[at] = d.sg[j] + dot(s, d.ss[j], old[1]);
        s->tau[at] = dot(s, d.ss[j], old[2]) - s->by_x[at] * s->v0[i] - s->by_g[at] * s->hv[i];
        s->sigma[at] = d.s[j] + s->by_x[at] * (s->x[i] - s->at[i]) + s->by_g[at] * (s->g[i] - s->at_g[i]);
    }
}

/* ---- the field ---- */

/* V₀, and where there are two terms H V₀ and the rest of V₁, at x. */
static luge_status evaluate(self *s, const lg_field *field, const double *x, int terms, bool prepared,
                            luge_error *err)
{
    luge_status st;
    s->x = x;
    LG_TRY(field->gradient(field->context, x, s->g, err));
    each(s, prepared ? stationary : recursive);
    for (size_t i = 0; i < s->n && prepared; i++) {
        double slot[LG_SLOTS] = { 0 };
        lg_slopes d;
        if (isnan(s->v0[i]) && isfinite(s->g[i])) LG_TRY(lg_update_rest(s->update, x[i], s->g[i], slot, &d, err));
    }
    if (terms > 1) LG_TRY(field->hvp(field->context, x, s->v0, s->hv, err));
done:
    return st;
}

static void release(self *s)
{
    if (!s) return;
    lg_free(s->g);
    lg_free(s->at);
    lg_free(s);
}

/* carried: with room for the recursion. */
static luge_status make(self **out, const lg_field *field, lg_update *update, double h, bool carried, luge_error *err)
{
    luge_status st = LUGE_OK;
    const size_t n = field->n;
    self *s = NULL;
    double **part[6];
    size_t size;

    LG_NEED(s = lg_alloc(1, sizeof *s));
    *s = (self){ .update = update, .k = lg_update_slots(update), .n = n, .h = h, .threads = field->threads };
    if (!lg_times(n, 4 * LG_SLOTS + 2, &size)) LG_NEED(NULL);
    LG_NEED(s->g = lg_alloc(6 * n, sizeof *s->g));
    s->v0 = s->g + n, s->hv = s->v0 + n, s->p = s->hv + n, s->q = s->p + n, s->r = s->q + n;
    if (carried) {
        LG_NEED(s->at = lg_alloc((4 * s->k + 2) * n, sizeof *s->at));
        part[0] = &s->at_g, part[1] = &s->sigma, part[2] = &s->by_x, part[3] = &s->by_g, part[4] = &s->tau;
        *part[0] = s->at + n;
        *part[1] = s->at + 2 * n;
        for (int i = 2; i < 5; i++) *part[i] = *part[i - 1] + s->k * n;
    }
    *out = s;
    s = NULL;
done:
    release(s);
    return st;
}

luge_status lg_auto_terms(const lg_field *field, lg_update *update, double h, const double *u, double *v0, double *v1,
                          double *slots, luge_error *err)
{
    luge_status st;
    self *s = NULL;

    LG_TRY(lg_update_prepare(update, HUGE_VAL, 1, err));
    LG_TRY(make(&s, field, update, h, false, err));
    LG_TRY(evaluate(s, field, u, v1 || slots ? 2 : 1, true, err));
    for (size_t i = 0; i < s->n; i++) {
        if (v0) v0[i] = s->v0[i];
        if (v1) v1[i] = s->p[i] * s->v0[i] + s->q[i] * s->hv[i];
    }
    s->slots = slots;
    if (slots) each(s, slow_slots);
done:
    release(s);
    return st;
}

/* ---- the model ---- */

static luge_status refused(lg_model *m, const char *words, luge_error *err)
{
    (void)m, (void)words;
    return lg_fail(err, LUGE_E_ARG, "auto:P is a model of a method of the registry, not of a momentum alone");
}

luge_status lg_model_of(lg_model **out, const char *name, const lg_field *field, lg_update *update, double h,
                        bool prepared, luge_error *err)
{
    luge_status st;
    lg_model *m = NULL;
    int power[LG_SLOTS];
    self *s;

    *out = NULL;
    LG_NEED(m = lg_alloc(1, sizeof *m));
    *m = (lg_model){ .kind = &lg_model_auto, .family = { .field = field, .h = h }, .prepared = prepared };
    LG_TRY(lg_model_number(m, strchr(name, ':') ? strchr(name, ':') + 1 : NULL, 1, 2, 2, &m->order, err));
    LG_TRY(lg_update_flowing(update, power, err));
    LG_TRY(make(&s, field, update, h, !prepared, err));
    m->self = s;
    m->ode = (lg_ode){ .n = field->n, .threads = field->threads, .context = m, .rhs = lg_model_auto.rhs };
    *out = m;
done:
    if (st) lg_model_close(m);
    return st;
}

static int theory(const lg_model *m, bool prepared, enum lg_window *window)
{
    (void)prepared, (void)window;
    return m->order;
}

static luge_status rhs(void *model, double t, const double *y, double *dy, luge_error *err)
{
    lg_model *m = model;
    self *s = m->self;
    luge_status st = evaluate(s, m->family.field, y, m->order, m->prepared, err);
    (void)t;
    for (size_t i = 0; i < s->n && !st; i++) {
        dy[i] = s->v0[i];
        if (m->order > 1) dy[i] += s->h * (s->p[i] * s->v0[i] + s->q[i] * s->hv[i] + s->r[i]);
    }
    return st;
}

/* Constants of step n + 1, with σ, A, B and τ at y. */
static luge_status node(lg_model *m, int64_t n, const double *y, luge_error *err)
{
    luge_status st;
    self *s = m->self;
    const lg_field *field = m->family.field;

    if (n == 0) {
        double start[LG_SLOTS];
        LG_TRY(lg_update_prepare(s->update, 1, 1, err));
        memset(s->at, 0, (4 * s->k + 2) * s->n * sizeof *s->at);
        for (size_t i = 0; i < s->n; i++) {
            lg_update_start(s->update, y[i], start);
            for (size_t j = 0; j < s->k; j++) s->sigma[j * s->n + i] = start[j];
        }
    } else {
        LG_TRY(evaluate(s, field, s->at, m->order, false, err));
        s->x = y;
        LG_TRY(field->gradient(field->context, y, s->g, err));
        each(s, carry);
        LG_TRY(lg_update_prepare(s->update, (double)n + 1, 1, err));
    }
    LG_TRY(field->gradient(field->context, y, s->at_g, err));
    memcpy(s->at, y, s->n * sizeof *y);
done:
    return st;
}

static void close(lg_model *m) { release(m->self); }

const lg_model_kind lg_model_auto = {
    .name = "auto",
    .form = "auto:P",
    .title = "the flow of any smooth element-wise method, from its formula, to order P = 1 or 2; auto: both",
    .copies = 1,
    .open = refused,
    .theory = theory,
    .rhs = rhs,
    .node = node,
    .close = close,
};
