/* What methods need beyond gradients, made from a problem in training: estimates of curvature, and gradients and
 * products at parameters of the step before, which are kept.  A checkpoint has those as tensors before.NAME of a
 * group of their own, which never gets gradients; so a resumed run goes on to the same bits.
 *
 * SPDX-License-Identifier: MIT */
#include "experiments/train.h"
#include <string.h>

/* Streams of random numbers apart from those of the problems and of the order of the rows. */
static const uint64_t probe_stream = (uint64_t)1 << 41, point_stream = (uint64_t)1 << 43;

static const void *const *fixed(void *const *arrays) { return (const void *const *)arrays; }

/* ---- arrays ---- */

luge_status lg_arrays(const lg_problem *p, luge_type type, void ***out, luge_error *err)
{
    luge_status st = LUGE_OK;
    size_t tensors = lg_problem_tensors(p), head = 2 * tensors * sizeof(void *) / LG_ALIGN + 1, lines = head;
    char *at;

    for (size_t i = 0; i < tensors; i++) lines += lg_problem_tensor(p, i)->n * lg_size(type) / LG_ALIGN + 1;
    LG_NEED(at = lg_alloc(lines, LG_ALIGN));
    *out = (void **)(void *)at;
    at += head * LG_ALIGN;
    for (size_t i = 0; i < tensors; i++) {
        (*out)[i] = at;
        at += (lg_problem_tensor(p, i)->n * lg_size(type) / LG_ALIGN + 1) * LG_ALIGN;
    }
done:
    return st;
}

void lg_store(const lg_problem *p, void *const *storage, void *const *from)
{
    for (size_t i = 0; storage != from && i < lg_problem_tensors(p); i++)
        lg_to_storage(storage[i], (const float *)from[i], lg_problem_tensor(p, i)->n);
}

void lg_recall(const lg_problem *p, void *const *to, void *const *storage)
{
    for (size_t i = 0; storage != to && i < lg_problem_tensors(p); i++)
        lg_from_storage((float *)to[i], storage[i], lg_problem_tensor(p, i)->n);
}

static void copy(const lg_supply *s, void *const *to, void *const *from)
{
    for (size_t i = 0; i < lg_problem_tensors(s->problem); i++)
        memcpy(to[i], from[i], lg_problem_tensor(s->problem, i)->n * lg_size(s->storage));
}

/* to := f(a, b), number by number */
static void each(const lg_supply *s, void *const *to, const void *const *a, const void *const *b,
                 double (*f)(double a, double b, double q), double q)
{
    for (size_t i = 0; i < lg_problem_tensors(s->problem); i++)
        for (size_t j = 0, n = lg_problem_tensor(s->problem, i)->n; j < n; j++) {
            if (s->type == LUGE_F64)
                ((double *)to[i])[j] = f(((const double *)a[i])[j], ((const double *)b[i])[j], q);
            else
                ((float *)to[i])[j] = (float)f((double)((const float *)a[i])[j], (double)((const float *)b[i])[j], q);
        }
}

static double product(double a, double b, double q) { return (void)q, a * b; }
static double difference(double a, double b, double q) { return (void)q, a - b; }
static double between(double a, double b, double q) { return a + q * (b - a); }

/* ---- the inputs ---- */

/* z of independent signs, a bit each. */
static void draw_probe(const lg_supply *s, uint64_t step)
{
    uint64_t index = 0, bits = 0;
    for (size_t i = 0; i < lg_problem_tensors(s->problem); i++)
        for (size_t j = 0, n = lg_problem_tensor(s->problem, i)->n; j < n; j++, index++, bits >>= 1) {
            if (index % 64 == 0) bits = lg_random(s->seed, probe_stream + step, index / 64);
            double z = bits & 1 ? 1 : -1;
            if (s->type == LUGE_F64)
                ((double *)s->along[i])[j] = z;
            else
                ((float *)s->along[i])[j] = (float)z;
        }
}

/* z (H z), an estimate of the Hessian's diagonal (Hutchinson 1989; Bekas, Kokiopoulou & Saad 2007). */
static luge_status hutchinson(lg_supply *s, const lg_batch *b, luge_error *err)
{
    draw_probe(s, b->step);
    luge_status st = lg_problem_hvp(s->problem, b->x, b->row, b->n, fixed(s->along), s->made, err);
    if (!st) each(s, s->made, fixed(s->made), fixed(s->along), product, 0);
    return st;
}

static luge_status hess_grad(lg_supply *s, const lg_batch *b, luge_error *err)
{
    return lg_problem_sampled(s->problem, b->x, b->row, b->n, b->step, s->made, err);
}

static void recall_before(lg_supply *s)
{
    if (s->storage == s->type)
        copy(s, s->point, s->before);
    else
        lg_recall(s->problem, s->point, s->before);
}

/* H (x - before) at a point drawn uniformly between the two, on average the change of the batch's gradient. */
static luge_status hess_step(lg_supply *s, const lg_batch *b, luge_error *err)
{
    double q = lg_uniform(s->seed, point_stream, b->step);
    recall_before(s);
    each(s, s->along, b->x, fixed(s->point), difference, 0);
    each(s, s->point, fixed(s->point), b->x, between, q);
    return lg_problem_hvp(s->problem, fixed(s->point), b->row, b->n, fixed(s->along), s->made, err);
}

static luge_status prev_grad(lg_supply *s, const lg_batch *b, luge_error *err)
{
    double loss;
    recall_before(s);
    return lg_problem_gradient(s->problem, fixed(s->point), b->row, b->n, s->made, &loss, err);
}

static const struct {
    const char *name;
    luge_status (*make)(lg_supply *s, const lg_batch *b, luge_error *err);
} makers[] = {
    { "hutchinson", hutchinson }, { "hess_grad", hess_grad }, { "hess_step", hess_step }, { "prev_grad", prev_grad }
};
enum { MAKERS = sizeof makers / sizeof *makers };

static luge_status make(lg_supply *s, const luge_method *method, const luge_row *input, const lg_batch *b,
                        luge_error *err)
{
    for (int i = 0; i < MAKERS; i++)
        if (!strcmp(makers[i].name, input->name)) return makers[i].make(s, b, err);
    return lg_fail(err, LUGE_E_INPUT,
                   "%s needs %s (%s), which this problem cannot supply; training can: loss, %s, %s, %s, %s",
                   luge_method_text(method, LUGE_NAME), input->name, input->text, makers[0].name, makers[1].name,
                   makers[2].name, makers[3].name);
}

luge_status lg_supply_make(lg_supply *s, luge_optimizer *opt, const luge_method *method, const lg_batch *b,
                           luge_inputs *in, luge_error *err)
{
    luge_status st = LUGE_OK;
    luge_row input;

    for (size_t i = 0; luge_method_row(method, LUGE_INPUTS, i, &input); i++) {
        if (!strcmp(input.name, "loss") || !luge_needs(opt, input.name)) continue;
        if (s->layer && !strcmp(input.name, "layer")) {
            lg_problem_layers(s->problem, s->layer);
            in->layer = s->layer;
            continue;
        }
        if (!s->made) {
            LG_TRY(lg_arrays(s->problem, s->type, &s->made, err));
            LG_TRY(lg_arrays(s->problem, s->type, &s->along, err));
            LG_TRY(lg_arrays(s->problem, s->type, &s->point, err));
            if (s->storage != s->type) LG_TRY(lg_arrays(s->problem, s->storage, &s->stored, err));
        }
        LG_TRY(make(s, method, &input, b, err));
        if (s->stored) lg_store(s->problem, s->stored, s->made);
        s->extra = (luge_input){ input.name, fixed(s->stored ? s->stored : s->made) };
        in->extra = &s->extra; /* no method needs two of them */
        in->extras = 1;
    }
done:
    return st;
}

/* ---- the parameters of the step before ---- */

static bool has_input(const luge_method *method, const char *name)
{
    luge_row row;
    for (size_t i = 0; luge_method_row(method, LUGE_INPUTS, i, &row); i++)
        if (!strcmp(row.name, name)) return true;
    return false;
}

/* Biases linked to their matrices, and room for what the layers see, where the problem has any. */
static luge_status open_layers(lg_supply *s, luge_optimizer *opt, luge_error *err)
{
    luge_status st = LUGE_OK;
    size_t layers = 0;

    for (size_t i = 0; i < lg_problem_tensors(s->problem); i++) {
        size_t bias = lg_problem_bias(s->problem, i);
        if (bias == i) continue;
        LG_TRY(luge_link(opt, i, bias, err));
        layers++;
    }
    if (layers == 0) return LUGE_OK;
    LG_NEED(s->layer = lg_alloc(lg_problem_tensors(s->problem), sizeof *s->layer));
    LG_TRY(lg_problem_keep(s->problem, err));
done:
    return st;
}

luge_status lg_supply_open(lg_supply *s, lg_problem *problem, luge_optimizer *opt, const luge_method *method,
                           const lg_problem_request *request, void *const *x, luge_error *err)
{
    luge_status st = LUGE_OK;
    char name[200];
    int group;

    *s = (lg_supply){ .problem = problem, .x = x, .seed = request->seed, .storage = request->type };
    s->type = request->type == LUGE_F64 ? LUGE_F64 : LUGE_F32;
    if (has_input(method, "layer")) LG_TRY(open_layers(s, opt, err));
    if (!has_input(method, "hess_step") && !luge_needs(opt, "prev_grad")) return LUGE_OK;
    LG_TRY(lg_arrays(problem, s->storage, &s->before, err));
    LG_TRY(lg_arrays(problem, s->storage, &s->now, err));
    copy(s, s->before, x);
    LG_TRY(luge_group_method(opt, method, &group, err));
    for (size_t i = 0; i < lg_problem_tensors(problem); i++) {
        const lg_shape *t = lg_problem_tensor(problem, i);
        snprintf(name, sizeof name, "before.%.180s", t->name);
        LG_TRY(luge_add(opt, group, name, s->storage, s->before[i], t->ndim, t->shape, err));
    }
done:
    return st;
}

/* A call that only gathers gradients, or is skipped, leaves what was before. */
luge_status lg_supply_step(lg_supply *s, luge_optimizer *opt, const luge_inputs *in, luge_error *err)
{
    int64_t steps = luge_steps(opt);
    if (s->now) copy(s, s->now, s->x);
    luge_status st = luge_step(opt, in, err);
    if (s->now && luge_steps(opt) > steps) copy(s, s->before, s->now);
    return st;
}

void lg_supply_close(lg_supply *s)
{
    void *const all[] = { s->before, s->now, s->made, s->along, s->point, s->stored };
    for (size_t i = 0; i < sizeof all / sizeof *all; i++) lg_free(all[i]);
    lg_free(s->layer);
}
