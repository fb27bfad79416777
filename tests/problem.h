/* The problems that tests open, their data, and their values in long double from the formulas.
 * SPDX-License-Identifier: MIT */
#ifndef TEST_PROBLEM_H
#define TEST_PROBLEM_H
#include "files.h"
/* the header above comes first: it has what cmocka wants */
#include "problems/problem.h"

enum { IMAGES = 1500, PIXELS = 12, CLASSES = 4, POINTS = 6000, COLUMNS = 6, MOST = 2000, TENSORS = 12 };
static unsigned char image[IMAGES][PIXELS], label[IMAGES];
static double point[POINTS][COLUMNS];
static int side[POINTS];

typedef long double wide;
enum data { NO_DATA, IMAGE_DATA, IMAGES_ALONE, POINT_DATA };
typedef struct sample {
    const char *spec;
    enum data data;
    wide (*value)(const struct sample *s, const wide *x, const size_t *row, size_t n); /* NULL: of a made set */
    wide c[3];                                                                         /* numbers of the formula */
    int hidden[3];
    char activation, loss;
} sample;

/* ---- values ---- */

static inline wide quadratic(const sample *s, const wide *x, const size_t *row, size_t n)
{
    wide sum = 0, dim = s->c[0];
    (void)row, (void)n;
    for (int i = 0; i < (int)dim; i++) sum += powl(s->c[1], dim > 1 ? i / (dim - 1) : 0) * x[i] * x[i];
    return sum / 2;
}

static inline wide rosenbrock(const sample *s, const wide *x, const size_t *row, size_t n)
{
    (void)row, (void)n;
    return s->c[2] * (powl(s->c[0] - x[0], 2) + s->c[1] * powl(x[1] - x[0] * x[0], 2));
}

static inline wide beale(const sample *s, const wide *x, const size_t *row, size_t n)
{
    wide a = x[0], b = x[1];
    (void)s, (void)row, (void)n;
    return powl(1.5L - a + a * b, 2) + powl(2.25L - a + a * b * b, 2) + powl(2.625L - a + a * b * b * b, 2);
}

static inline wide himmelblau(const sample *s, const wide *x, const size_t *row, size_t n)
{
    (void)s, (void)row, (void)n;
    return powl(x[0] * x[0] + x[1] - 11, 2) + powl(x[0] + x[1] * x[1] - 7, 2);
}

static inline wide rastrigin(const sample *s, const wide *x, const size_t *row, size_t n)
{
    wide sum = 10 * s->c[0];
    (void)row, (void)n;
    for (int i = 0; i < (int)s->c[0]; i++) sum += x[i] * x[i] - 10 * cosl(8 * atanl(1) * x[i]);
    return sum;
}

static inline wide logistic(const sample *s, const wide *x, const size_t *row, size_t n)
{
    wide sum = 0, square = 0;
    for (size_t i = 0; i < n; i++) {
        wide z = x[COLUMNS];
        for (int k = 0; k < COLUMNS; k++) z += x[k] * (wide)point[row[i]][k];
        sum += log1pl(expl(-side[row[i]] * z));
    }
    for (int k = 0; k < COLUMNS; k++) square += x[k] * x[k];
    return sum / (wide)n + s->c[0] / 2 * square;
}

static inline wide phi(char activation, wide z)
{
    if (activation == 'r') return z > 0 ? z : 0;
    if (activation == 't') return tanhl(z);
    if (activation == 'l') return 1 / (1 + expl(-z));
    if (activation == 'i') return z;
    return z / 2 * (1 + tanhl(sqrtl(2 / (4 * atanl(1))) * (z + 0.044715L * z * z * z)));
}

static inline wide loss_of(char loss, int classes, const wide *z, int right)
{
    wide sum = 0;
    for (int c = 0; c < classes; c++) sum += loss == 's' ? powl(z[c] - (c == right), 2) / 2 : expl(z[c]);
    return loss == 's' ? sum : logl(sum) - z[right];
}

static inline void pixels(size_t row, wide *a)
{
    for (int k = 0; k < PIXELS; k++) a[k] = image[row][k] / 255.0L;
}

/* a := φ(W a + b); returns where the next layer's weights begin. */
static inline const wide *dense(const wide *w, int in, int out, char activation, wide *a)
{
    wide to[16];
    for (int o = 0; o < out; o++) {
        wide z = w[out * in + o];
        for (int k = 0; k < in; k++) z += w[o * in + k] * a[k];
        to[o] = phi(activation, z);
    }
    memcpy(a, to, (size_t)out * sizeof *to);
    return w + out * in + out;
}

static inline wide network(const sample *s, const wide *x, const size_t *row, size_t n)
{
    wide sum = 0, a[16];
    for (size_t i = 0; i < n; i++) {
        const wide *w = x;
        int in = PIXELS;
        pixels(row[i], a);
        for (int l = 0; l < 2 && s->hidden[l]; in = s->hidden[l++]) w = dense(w, in, s->hidden[l], s->activation, a);
        dense(w, in, CLASSES, 'i', a);
        sum += loss_of(s->loss, CLASSES, a, label[row[i]]);
    }
    return sum / (wide)n;
}

/* Through hidden[0], hidden[1] or hidden[0] alone and back; c[0]: the code is logistic. */
static inline wide autoencoder(const sample *s, const wide *x, const size_t *row, size_t n)
{
    wide sum = 0, a[16], y[PIXELS];
    char code = s->c[0] > 0 ? 'l' : 'i';
    int outer = s->hidden[0], inner = s->hidden[1];
    for (size_t i = 0; i < n; i++) {
        const wide *w = x;
        pixels(row[i], a);
        pixels(row[i], y);
        w = dense(w, PIXELS, outer, inner ? s->activation : code, a);
        if (inner) {
            w = dense(w, outer, inner, code, a);
            w = dense(w, inner, outer, s->activation, a);
        }
        dense(w, outer, PIXELS, s->loss == 's' ? 'i' : 'l', a);
        for (int k = 0; k < PIXELS; k++)
            sum += s->loss == 's' ? powl(a[k] - y[k], 2) / 2 : -y[k] * logl(a[k]) - (1 - y[k]) * logl(1 - a[k]);
    }
    return sum / (wide)n;
}

/* ---- the table ---- */

static const sample samples[] = {
    { "quadratic", NO_DATA, quadratic, { 2, 10 }, { 0 }, 0, 0 },
    { "quadratic:dim=7,condition=1000", NO_DATA, quadratic, { 7, 1000 }, { 0 }, 0, 0 },
    { "quadratic:dim=1,at=3", NO_DATA, quadratic, { 1, 10 }, { 0 }, 0, 0 },
    { "rosenbrock", NO_DATA, rosenbrock, { 1, 100, 1 }, { 0 }, 0, 0 },
    { "rosenbrock:a=2,b=10,scale=0.0625,at=(0.5, 0.25)", NO_DATA, rosenbrock, { 2, 10, 0.0625L }, { 0 }, 0, 0 },
    { "beale", NO_DATA, beale, { 0 }, { 0 }, 0, 0 },
    { "himmelblau", NO_DATA, himmelblau, { 0 }, { 0 }, 0, 0 },
    { "rastrigin", NO_DATA, rastrigin, { 2 }, { 0 }, 0, 0 },
    { "rastrigin:dim=5,at=(1, -2, 0.25, 0.1, 7)", NO_DATA, rastrigin, { 5 }, { 0 }, 0, 0 },
    { "expr:(1-x)^2 + 100*(y-x^2)^2", NO_DATA, rosenbrock, { 1, 100, 1 }, { 0 }, 0, 0 },
    { "expr:(2.25-x+x*y^2)^2 + (1.5-x+x*y)^2 + (2.625-x+x*y^3)^2", NO_DATA, beale, { 0 }, { 0 }, 0, 0 },
    { "expr:(x^2+y-11)^2 + (x+y^2-7)^2", NO_DATA, himmelblau, { 0 }, { 0 }, 0, 0 },
    { "expr:20 + x2^2 + x1^2 - 10*cos(2*pi*x2) - 10*cos(2*pi*x1)", NO_DATA, rastrigin, { 2 }, { 0 }, 0, 0 },
    { "logistic", POINT_DATA, logistic, { 1e-4L }, { 0 }, 0, 0 },
    { "logistic:l2=0.5", POINT_DATA, logistic, { 0.5L }, { 0 }, 0, 0 },
    { "logistic:l2=0", NO_DATA, NULL, { 0 }, { 0 }, 0, 0 },
    { "softmax", IMAGE_DATA, network, { 0 }, { 0 }, 0, 'c' },
    { "softmax:set=blobs,classes=5", NO_DATA, NULL, { 0 }, { 0 }, 0, 0 },
    { "mlp:hidden=7", IMAGE_DATA, network, { 0 }, { 7 }, 'r', 'c' },
    { "mlp:hidden=(7, 5)", IMAGE_DATA, network, { 0 }, { 7, 5 }, 'r', 'c' },
    { "mlp:hidden=(7, 5),loss=squared", IMAGE_DATA, network, { 0 }, { 7, 5 }, 'r', 's' },
    { "mlp:hidden=(6, 8),activation=tanh", IMAGE_DATA, network, { 0 }, { 6, 8 }, 't', 'c' },
    { "mlp:hidden=9,activation=tanh,loss=squared", IMAGE_DATA, network, { 0 }, { 9 }, 't', 's' },
    { "mlp:hidden=(5, 6),activation=gelu", IMAGE_DATA, network, { 0 }, { 5, 6 }, 'g', 'c' },
    { "mlp:hidden=(8, 8),activation=gelu,loss=squared", IMAGE_DATA, network, { 0 }, { 8, 8 }, 'g', 's' },
    { "mlp:hidden=(70, 9)", NO_DATA, NULL, { 0 }, { 0 }, 0, 0 },
    { "mlp:set=blobs,hidden=12,activation=gelu", NO_DATA, NULL, { 0 }, { 0 }, 0, 0 },
    { "autoencoder:hidden=(7, 3)", IMAGES_ALONE, autoencoder, { 0 }, { 7, 3 }, 't', 's' },
    { "autoencoder:hidden=5,code=logistic", IMAGES_ALONE, autoencoder, { 1 }, { 5 }, 't', 's' },
    { "autoencoder:hidden=(6, 4),activation=logistic,loss=cross_entropy",
      IMAGES_ALONE,
      autoencoder,
      { 0 },
      { 6, 4 },
      'l',
      'c' },
    { "autoencoder:hidden=(6, 2),activation=gelu,code=logistic,loss=cross_entropy",
      IMAGES_ALONE,
      autoencoder,
      { 1 },
      { 6, 2 },
      'g',
      'c' },
    { "autoencoder:hidden=(8, 3),activation=relu", IMAGES_ALONE, autoencoder, { 0 }, { 8, 3 }, 'r', 's' },
    { "autoencoder:hidden=(20, 8, 2)", NO_DATA, NULL, { 0 }, { 0 }, 0, 0 },
};

/* ---- the data ---- */

static inline void write_images(const char *images, const char *labels)
{
    unsigned char *bytes = malloc(16 + sizeof image),
                  head[] = { 0, 0, 8, 3, 0, 0, IMAGES >> 8, IMAGES & 255, 0, 0, 0, 3, 0, 0, 0, PIXELS / 3 };
    assert_non_null(bytes);
    for (size_t i = 0; i < IMAGES; i++) {
        label[i] = (unsigned char)lg_below(1, 0, i, CLASSES);
        for (size_t k = 0; k < PIXELS; k++) image[i][k] = (unsigned char)lg_below(1, 1, i * PIXELS + k, 256);
    }
    memcpy(bytes, head, 16);
    memcpy(bytes + 16, image, sizeof image);
    scratch_put(images, bytes, 16 + sizeof image);
    head[3] = 1;
    memcpy(bytes, head, 8);
    memcpy(bytes + 8, label, sizeof label);
    scratch_put(labels, bytes, 8 + sizeof label);
    free(bytes);
}

/* About a third of the entries is not there; every row of eight is empty. */
static inline void write_points(const char *name)
{
    FILE *f = fopen(scratch(name), "w");
    assert_non_null(f);
    for (size_t i = 0; i < POINTS; i++) {
        side[i] = lg_below(2, 0, i, 2) ? 1 : -1;
        fprintf(f, "%+d", side[i]);
        for (size_t k = 0; k < COLUMNS; k++) {
            bool there = i % 8 != 7 && (i == 0 || lg_below(2, 1, i * COLUMNS + k, 3) > 0);
            point[i][k] = there ? ldexp((double)lg_below(2, 2, i * COLUMNS + k, 4096) - 2048, -10) : 0;
            if (there) fprintf(f, " %zu:%.17g", k + 1, point[i][k]);
        }
        fputc('\n', f);
    }
    assert_int_equal(fclose(f), 0);
}

static inline int problem_files(void **state)
{
    if (scratch_make(state)) return -1;
    write_images("images", "labels");
    write_points("points");
    return 0;
}

/* The files of a sample as a request wants them, in memory that is lent until the next call. */
static inline void request_files(const sample *s, lg_problem_request *r)
{
    static char file[3][620];
    static const char *const images[] = { file[0], file[1] }, *const points[] = { file[2] };

    snprintf(file[0], sizeof file[0], "images=%s", scratch("images"));
    snprintf(file[1], sizeof file[1], "labels=%s", scratch("labels"));
    snprintf(file[2], sizeof file[2], "%s", scratch("points"));
    r->data = s->data == POINT_DATA ? points : images;
    r->data_count = s->data == NO_DATA ? 0 : s->data == IMAGE_DATA ? 2 : 1;
}

/* ---- one problem with its parameters as one vector of doubles ---- */

typedef struct trial {
    lg_problem *p;
    luge_type type;
    size_t n;
    void *x[TENSORS], *y[TENSORS], *out[TENSORS];
} trial;

static inline void trial_open(trial *t, const sample *s, luge_type type, int threads)
{
    lg_problem_request r = { .spec = s->spec, .seed = 5, .type = type, .threads = threads };
    luge_error err;

    request_files(s, &r);
    *t = (trial){ .type = type };
    if (lg_problem_open(&t->p, &r, &err)) fail_msg("%s: %s", s->spec, err.text);
    assert_true(lg_problem_tensors(t->p) <= TENSORS);
    for (size_t i = 0; i < lg_problem_tensors(t->p); i++) {
        size_t n = lg_problem_tensor(t->p, i)->n;
        t->n += n;
        assert_non_null(t->x[i] = calloc(n, 8));
        assert_non_null(t->y[i] = calloc(n, 8));
        assert_non_null(t->out[i] = calloc(n, 8));
    }
    assert_true(t->n <= MOST);
}

static inline void trial_close(trial *t)
{
    for (size_t i = 0; i < TENSORS; i++) {
        free(t->x[i]);
        free(t->y[i]);
        free(t->out[i]);
    }
    lg_problem_close(t->p);
}

static inline void pack(const trial *t, const double *from, void *const *to)
{
    for (size_t i = 0, at = 0; i < lg_problem_tensors(t->p); i++)
        for (size_t k = 0; k < lg_problem_tensor(t->p, i)->n; k++, at++) {
            if (t->type == LUGE_F64)
                ((double *)to[i])[k] = from[at];
            else
                ((float *)to[i])[k] = (float)from[at];
        }
}

static inline void unpack(const trial *t, void *const *from, double *to)
{
    for (size_t i = 0, at = 0; i < lg_problem_tensors(t->p); i++)
        for (size_t k = 0; k < lg_problem_tensor(t->p, i)->n; k++, at++)
            to[at] = t->type == LUGE_F64 ? ((double *)from[i])[k] : (double)((float *)from[i])[k];
}

static inline double gradient_at(trial *t, const double *x, const size_t *row, size_t n, double *g)
{
    double loss;
    luge_error err;
    pack(t, x, t->x);
    if (lg_problem_gradient(t->p, (const void *const *)t->x, row, n, t->out, &loss, &err)) fail_msg("%s", err.text);
    unpack(t, t->out, g);
    return loss;
}

static inline void hvp_at(trial *t, const double *x, const size_t *row, size_t n, const double *v, double *hv)
{
    luge_error err;
    pack(t, x, t->x);
    pack(t, v, t->y);
    if (lg_problem_hvp(t->p, (const void *const *)t->x, row, n, (const void *const *)t->y, t->out, &err))
        fail_msg("%s", err.text);
    unpack(t, t->out, hv);
}

/* The start, moved a little so that nothing is zero. */
static inline void start_at(trial *t, double *x)
{
    lg_problem_start(t->p, t->x);
    unpack(t, t->x, x);
    for (size_t i = 0; i < t->n; i++) x[i] = (double)(float)(x[i] + 0.25 * (lg_uniform(3, 0, i) - 0.5));
}

static inline void direction(uint64_t seed, size_t n, double *v)
{
    for (size_t i = 0; i < n; i++) v[i] = (double)(float)lg_normal(seed, 0, i);
}

static inline double largest(size_t n, const double *v)
{
    double most = 0;
    for (size_t i = 0; i < n; i++) most = fmax(most, fabs(v[i]));
    return most;
}

#endif
