/* Fully connected networks.  With rows in chunks, each chunk in blocks of rows: forward and back through all layers
 * for a block at a time, then the gradients of the weights, a block of a matrix's rows at a time.  So threads meet
 * twice a chunk, and every sum has an order that depends on the rows alone.
 * SPDX-License-Identifier: MIT */
#include "problems/support/network.h"
#include "linalg/gemm.h"
#include <limits.h>
#include <stdio.h>
#include <string.h>

enum { CHUNK = 512, BLOCK = LG_GEMM_ROWS, MOST_CLASSES = 256 };

/* Of one layer: CHUNK rows of the problem's type each.  R{} is the derivative along v, for products with the Hessian
 * (Pearlmutter, Fast exact multiplication by the Hessian, Neural Computation 6, 1994). */
typedef struct layer {
    size_t width;
    enum lg_activation activation;
    void *a;                   /* a_l = φ(z_l); of layer 0 the rows, of the last one z      */
    void *slope;               /* φ'(z_l)                                                   */
    void *delta;               /* ∂f/∂z_l                                                   */
    void *ra;                  /* R{a_l}                                                    */
    void *bend;                /* φ''(z_l) R{z_l}                                           */
    void *rd;                  /* R{∂f/∂z_l}                                                */
    void *kept_a, *kept_delta; /* of all rows of a gradient, where those are more than a chunk */
} layer;

typedef struct network {
    const lg_network_settings *set;
    lg_classes data;
    luge_type type;
    size_t layers; /* 1 .. layers have weights */
    layer layer[LG_LAYERS + 1];
    size_t seen;                /* rows of the last gradient */
    double loss[CHUNK / BLOCK]; /* sum over the rows of a block */
    size_t right[CHUNK / BLOCK];
} network;

/* One chunk of one call. */
typedef struct job {
    network *n;
    enum lg_task task;
    const lg_rows *rows;
    size_t first, count; /* the chunk's rows among those of the call */
    const void *const *x, *const *v;
    void *const *out;
} job;

/* φ and its derivatives at one point. */
typedef struct curve {
    double value, slope, bend;
} curve;

static curve tanh_curve(double z)
{
    double t = lg_tanh(z), slope = 1 - t * t;
    return (curve){ t, slope, -2 * t * slope };
}

/* z/2 (1 + tanh u), u = k (z + c z³), k = √(2/π) */
static curve gelu_curve(double z)
{
    const double k = 0x1.9884533d43651p-1, c = 0.044715;
    double t = lg_tanh(k * (z + c * z * z * z)), s = 1 - t * t, u1 = k * (1 + 3 * c * z * z), u2 = 6 * k * c * z;
    return (curve){ z / 2 * (1 + t), (1 + t) / 2 + z / 2 * s * u1, s * (u1 + z / 2 * u2 - z * t * u1 * u1) };
}

/* p = 1/(1 + exp -z), p' = p (1 - p), p'' = p' (1 - 2p) */
static curve logistic_curve(double z)
{
    double e = lg_exp(-fabs(z)), p = (z < 0 ? e : 1) / (1 + e), slope = e / ((1 + e) * (1 + e));
    return (curve){ p, slope, slope * (1 - 2 * p) };
}

static curve (*const smooth[])(double z) = {
    [LG_TANH] = tanh_curve, [LG_GELU] = gelu_curve, [LG_LOGISTIC] = logistic_curve
};

/* What an output z with the target y adds to the loss of its row, and the derivatives in z. */
static curve half_square(double z, double y) { return (curve){ (z - y) * (z - y) / 2, z - y, 1 }; }

/* -y log p - (1-y) log(1-p) for p = 1/(1 + exp -z) is log(1 + exp z) - y z. */
static curve pixel_entropy(double z, double y)
{
    curve p = logistic_curve(z);
    double loss = (z > 0 ? z : 0) - y * z + lg_log_of_one_plus(lg_exp(-fabs(z)));
    return (curve){ loss, p.value - y, p.slope };
}

static curve (*const rebuilt[])(double z,
                                double y) = { [LG_CROSS_ENTROPY] = pixel_entropy, [LG_SQUARED] = half_square };

/* One row with a class at the output: from z (and R{z}) the loss, its gradient d in z (and R{d}). */
typedef struct outcome {
    size_t label;
    bool along, right;
    double loss, z[MOST_CLASSES], rz[MOST_CLASSES], d[MOST_CLASSES], rd[MOST_CLASSES];
} outcome;

/* p = softmax z, loss = -log p_label, d = p - e_label, R{d} = p (R{z} - p'R{z}) */
static void cross_entropy(size_t n, size_t best, outcome *r)
{
    double sum = 0, mean = 0;

    for (size_t c = 0; c < n; c++) sum += r->d[c] = lg_exp(r->z[c] - r->z[best]);
    r->loss = lg_log(sum) + (r->z[best] - r->z[r->label]);
    for (size_t c = 0; c < n; c++) mean += (r->d[c] /= sum) * r->rz[c];
    for (size_t c = 0; c < n && r->along; c++) r->rd[c] = r->d[c] * (r->rz[c] - mean);
    r->d[r->label] -= 1;
}

static void squared(size_t n, outcome *r)
{
    r->loss = 0;
    for (size_t c = 0; c < n; c++) {
        curve l = half_square(r->z[c], c == r->label);
        r->loss += l.value;
        r->d[c] = l.slope;
        r->rd[c] = r->rz[c];
    }
}

static void judge(const network *n, outcome *r)
{
    size_t best = 0;

    for (size_t c = 1; c < n->data.classes; c++)
        if (r->z[c] > r->z[best]) best = c;
    if (n->set->loss == LG_SQUARED)
        squared(n->data.classes, r);
    else
        cross_entropy(n->data.classes, best, r);
    r->right = best == r->label && !isnan(r->loss);
}

/* d with a target that the model draws: p - e_c for a class c drawn by p, or noise where the output is a mean. */
static void draw_class(const network *n, const lg_rows *rows, size_t at, outcome *r)
{
    size_t classes = n->data.classes, c = 0;
    double u = lg_uniform(rows->seed, rows->stream, at);

    if (n->set->loss == LG_SQUARED) {
        for (; c < classes; c++) r->d[c] = lg_normal(rows->seed, rows->stream, at * classes + c);
        return;
    }
    r->d[r->label] += 1;
    while (c + 1 < classes && (u -= r->d[c]) >= 0) c++;
    r->d[c] -= 1;
}

static double draw_pixel(const network *n, const lg_rows *rows, size_t at, double z)
{
    if (n->set->loss == LG_SQUARED) return z + lg_normal(rows->seed, rows->stream, at);
    return lg_uniform(rows->seed, rows->stream, at) < logistic_curve(z).value;
}

#define REAL      double
#define TAG(name) name##_f64
#define TYPE      LUGE_F64
#include "problems/support/network.inc"
#undef REAL
#undef TAG
#undef TYPE
#define REAL      float
#define TAG(name) name##_f32
#define TYPE      LUGE_F32
#include "problems/support/network.inc"

static const struct {
    void (*rows)(const job *j, size_t first);
    void (*weights)(const job *j, size_t l, size_t first);
} arithmetic[] = { [LUGE_F32] = { rows_f32, weights_f32 }, [LUGE_F64] = { rows_f64, weights_f64 } };

static void share_rows(void *context, size_t id, size_t of)
{
    const job *j = context;
    for (size_t first = id * BLOCK; first < j->count; first += of * BLOCK) arithmetic[j->n->type].rows(j, first);
}

static void share_weights(void *context, size_t id, size_t of)
{
    const job *j = context;
    size_t piece = 0;
    for (size_t l = 1; l <= j->n->layers; l++)
        for (size_t first = 0; first < j->n->layer[l].width; first += BLOCK)
            if (piece++ % of == id) arithmetic[j->n->type].weights(j, l, first);
}

/* a and delta of a chunk, for lg_network_layer. */
static void keep_chunk(const job *j)
{
    network *n = j->n;
    for (layer *l = n->layer; l <= n->layer + n->layers; l++) {
        size_t row = l->width * lg_size(n->type);
        if (l->kept_a) memcpy((char *)l->kept_a + j->first * row, l->a, j->count * row);
        if (l->kept_delta) memcpy((char *)l->kept_delta + j->first * row, l->delta, j->count * row);
    }
}

/* The task of `call` on all its rows. */
static lg_score run(const lg_problem *p, job j)
{
    lg_blas_hold held = lg_blas_one_thread();
    double loss = 0, n = (double)j.rows->n;
    size_t right = 0;

    j.n = p->self;
    for (; j.first < j.rows->n; j.first += CHUNK) {
        j.count = j.rows->n - j.first < CHUNK ? j.rows->n - j.first : CHUNK;
        lg_share(p->threads, share_rows, &j);
        if (j.task == LG_GRADIENT && !j.rows->drawn) keep_chunk(&j);
        for (size_t b = 0; b * BLOCK < j.count; b++) {
            loss += j.n->loss[b];
            right += j.n->right[b];
        }
        if (j.task != LG_EVALUATE) lg_share(p->threads, share_weights, &j);
    }
    lg_blas_restore(held);
    return (lg_score){ loss / n, j.n->set->mirror ? (double)NAN : (double)right / n };
}

void lg_network_gradient(lg_problem *p, const void *const *x, const lg_rows *rows, void *const *gradient,
                         double *loss)
{
    network *n = p->self;
    if (!rows->drawn) n->seen = rows->n;
    *loss = run(p, (job){ .task = LG_GRADIENT, .rows = rows, .x = x, .out = gradient }).loss;
}

void lg_network_hvp(lg_problem *p, const void *const *x, const lg_rows *rows, const void *const *v, void *const *hv)
{
    run(p, (job){ .task = LG_HVP, .rows = rows, .x = x, .v = v, .out = hv });
}

void lg_network_evaluate(lg_problem *p, const void *const *x, const lg_rows *rows, lg_score *score)
{
    *score = run(p, (job){ .task = LG_EVALUATE, .rows = rows, .x = x });
}

luge_status lg_network_keep(lg_problem *p, luge_error *err)
{
    luge_status st = LUGE_OK;
    network *n = p->self;

    for (layer *l = n->layer; p->batch > CHUNK && l <= n->layer + n->layers; l++) {
        if (l < n->layer + n->layers && !l->kept_a)
            LG_NEED(l->kept_a = lg_alloc(p->batch * l->width, lg_size(p->type)));
        if (l > n->layer && !l->kept_delta) LG_NEED(l->kept_delta = lg_alloc(p->batch * l->width, lg_size(p->type)));
    }
done:
    return st;
}

bool lg_network_layer(const lg_problem *p, size_t i, luge_layer *to)
{
    const network *n = p->self;
    const layer *in = &n->layer[i / 2], *out = in + 1;
    if (i % 2) return false; /* a bias */
    *to = (luge_layer){ .input = in->kept_a ? in->kept_a : in->a,
                        .gout = out->kept_delta ? out->kept_delta : out->delta,
                        .type = p->type,
                        .rows = n->seen };
    return true;
}

/* ---- opening ---- */

static luge_status add_layer(lg_problem *p, size_t width, enum lg_activation activation, luge_error *err)
{
    network *n = p->self;
    size_t rows = n->data.rows < CHUNK ? n->data.rows : CHUNK, size = lg_size(p->type), l = n->layers + 1, room;
    luge_status st = LUGE_OK;
    layer *to = &n->layer[l];
    char name[24];

    LG_NEED(lg_times(rows, width, &room));
    to->width = width;
    to->activation = activation;
    LG_NEED(to->a = lg_alloc(room, size));
    LG_NEED(to->slope = lg_alloc(room, size));
    LG_NEED(to->delta = lg_alloc(room, size));
    LG_NEED(to->ra = lg_alloc(room, size));
    LG_NEED(to->bend = lg_alloc(room, size));
    LG_NEED(to->rd = lg_alloc(room, size));
    snprintf(name, sizeof name, "layer%zu.weight", l);
    lg_problem_add(p, name, width, n->layer[l - 1].width);
    snprintf(name, sizeof name, "layer%zu.bias", l);
    lg_problem_add(p, name, width, 0);
    n->layers = l;
done:
    return st;
}

static luge_status add_layers(lg_problem *p, luge_error *err)
{
    luge_status st = LUGE_OK;
    network *n = p->self;
    const lg_list *hidden = &n->set->hidden;
    bool mirror = n->set->mirror;
    enum lg_activation inner = (enum lg_activation)n->set->activation, code = n->set->code ? LG_LOGISTIC : LG_LINEAR;
    size_t rows = n->data.rows < CHUNK ? n->data.rows : CHUNK, room;

    n->layer[0].width = n->data.features;
    LG_NEED(lg_times(rows, n->data.features, &room));
    LG_NEED(n->layer[0].a = lg_alloc(room, lg_size(p->type)));
    for (int i = 0; i < hidden->n; i++)
        LG_TRY(add_layer(p, (size_t)hidden->v[i], mirror && i == hidden->n - 1 ? code : inner, err));
    for (int i = hidden->n - 2; mirror && i >= 0; i--) LG_TRY(add_layer(p, (size_t)hidden->v[i], inner, err));
    LG_TRY(add_layer(p, mirror ? n->data.features : n->data.classes, LG_LINEAR, err));
done:
    return st;
}

luge_status lg_network_open(lg_problem *p, const char *const *path, luge_error *err)
{
    luge_status st = LUGE_OK;
    const lg_network_settings *s = p->settings;
    const char *name = p->kind->name;
    network *n;

    for (int i = 0; i < s->hidden.n; i++)
        if (s->hidden.v[i] != floor(s->hidden.v[i]))
            return lg_fail(err, LUGE_E_ARG, "%s: hidden[%d] = %g is not a whole number", name, i, s->hidden.v[i]);
    if (s->mirror && s->hidden.n > LG_LIST / 2)
        return lg_fail(err, LUGE_E_ARG, "%s: hidden has %d widths; at most %d can be mirrored", name, s->hidden.n,
                       LG_LIST / 2);
    if (s->mirror && !path && s->loss == LG_CROSS_ENTROPY)
        return lg_fail(err, LUGE_E_ARG,
                       "%s: loss=cross_entropy is for numbers from 0 to 1: give images=PATH, or take loss=squared",
                       name);
    LG_NEED(n = p->self = lg_alloc(1, sizeof *n));
    n->set = s;
    n->type = p->type;
    if (path)
        LG_TRY(lg_classes_read(&n->data, path[0], path[1], (size_t)s->classes, err));
    else
        LG_TRY(lg_classes_make(&n->data, (enum lg_made)s->set, (size_t)s->classes, p->seed, err));
    if (n->data.features > INT_MAX)
        LG_TRY(lg_fail(err, LUGE_E_SHAPE, "%s: images of %zu pixels; at most %d are possible", path[0],
                       n->data.features, INT_MAX));
    p->all = n->data.rows;
    LG_TRY(add_layers(p, err));
done:
    return st;
}

void lg_network_close(lg_problem *p)
{
    network *n = p->self;
    for (size_t l = 0; l <= LG_LAYERS; l++) {
        layer *o = &n->layer[l];
        void *array[] = { o->a, o->slope, o->delta, o->ra, o->bend, o->rd, o->kept_a, o->kept_delta };
        for (size_t i = 0; i < sizeof array / sizeof *array; i++) lg_free(array[i]);
    }
    lg_classes_free(&n->data);
    lg_free(n);
}

const unsigned char *lg_network_labels(const lg_problem *p) { return ((const network *)p->self)->data.label; }

/* Uniform in ±limit: √(6/in) keeps the size of signals through relu and gelu (He et al., arXiv:1502.01852),
 * √(6/(in + out)) through tanh and what is linear (Glorot & Bengio, AISTATS 2010).  Biases start at 0. */
void lg_network_start(const lg_problem *p, void *const *x)
{
    const network *n = p->self;
    for (size_t l = 1; l <= n->layers; l++) {
        size_t in = n->layer[l - 1].width, out = n->layer[l].width, t = 2 * l - 2;
        bool half = n->layer[l].activation == LG_RELU || n->layer[l].activation == LG_GELU;
        double limit = sqrt(6 / (double)(half ? in : in + out));
        for (size_t i = 0; i < in * out; i++) {
            double w = limit * (2 * lg_uniform(p->seed, t, i) - 1);
            lg_narrow(p->type, &w, 1, (char *)x[t] + i * lg_size(p->type));
        }
        memset(x[t + 1], 0, out * lg_size(p->type));
    }
}
