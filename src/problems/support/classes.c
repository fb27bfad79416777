/* Rows of numbers, each with a class.  SPDX-License-Identifier: MIT */
#include "problems/support/classes.h"
#include "io/io.h"
#include "problems/support/kind.h"
#include <string.h>

/* ---- read ---- */

/* Without `classes`, the labels themselves say how many there are: then each of 0 .. largest must occur, so that a
 * stray label is not taken for a hundred classes. */
static luge_status count_classes(lg_classes *c, size_t classes, const char *labels, luge_error *err)
{
    size_t first[256], seen = 0, largest = 0;
    memset(first, 0xff, sizeof first);
    for (size_t i = 0; i < c->rows; i++) {
        size_t label = c->label[i];
        if (classes && label >= classes)
            return lg_fail(err, LUGE_E_FORMAT,
                           "%s: the label of row %zu is %zu; with classes = %zu it is at most %zu", labels, i, label,
                           classes, classes - 1);
        if (first[label] == SIZE_MAX) first[label] = i, seen++;
        if (label > largest) largest = label;
    }
    c->classes = classes ? classes : largest + 1;
    for (size_t k = 0; !classes && k < largest; k++)
        if (first[k] == SIZE_MAX)
            return lg_fail(
                err, LUGE_E_FORMAT,
                "%s: the label of row %zu is %zu, but of 0 to %zu only %zu labels occur (not %zu); set classes "
                "if they are meant",
                labels, first[largest], largest, largest, seen, k);
    return LUGE_OK;
}

static luge_status read_labels(lg_classes *c, const char *images, const char *labels, size_t classes, luge_error *err)
{
    luge_status st = LUGE_OK;
    lg_idx y;

    LG_TRY(lg_idx_read(&y, labels, err));
    c->label = y.data;
    if (y.ndim != 1)
        return lg_fail(err, LUGE_E_SHAPE, "%s: labels have one dimension, this file has %d", labels, y.ndim);
    if (y.n != c->rows)
        return lg_fail(err, LUGE_E_SHAPE, "%.150s has %zu images, but %.150s has %zu labels", images, c->rows, labels,
                       y.n);
    LG_TRY(count_classes(c, classes, labels, err));
done:
    return st;
}

luge_status lg_classes_read(lg_classes *out, const char *images, const char *labels, size_t classes, luge_error *err)
{
    luge_status st = LUGE_OK;
    lg_idx x;

    *out = (lg_classes){ 0 };
    LG_TRY(lg_idx_read(&x, images, err));
    *out = (lg_classes){ .rows = x.shape[0], .features = x.n / x.shape[0], .pixel = x.data };
    if (x.ndim < 2)
        LG_TRY(lg_fail(err, LUGE_E_SHAPE, "%s: images have 2 to 4 dimensions, this file has %d", images, x.ndim));
    if (labels) LG_TRY(read_labels(out, images, labels, classes, err));
done:
    if (st != LUGE_OK) lg_classes_free(out);
    return st;
}

/* ---- made ---- */

enum { MADE_ROWS = 2000, STREAM_LABEL = LG_STREAM_SET, STREAM_PLACE, STREAM_NOISE, STREAM_CENTRE };

/* Radius r from 0.1 to 1, angle 3/4 of a turn times r from the arm's own, noise of 0.02. */
static void spiral(const lg_classes *c, uint64_t seed, size_t row, double *to)
{
    const double turn = 0x1.921fb54442d18p+2;
    double r = 0.1 + 0.9 * lg_uniform(seed, STREAM_PLACE, row);
    double angle = turn * ((double)c->label[row] / (double)c->classes + 0.75 * r);

    to[0] = r * lg_cos(angle) + 0.02 * lg_normal(seed, STREAM_NOISE, 2 * row);
    to[1] = r * lg_sin(angle) + 0.02 * lg_normal(seed, STREAM_NOISE, 2 * row + 1);
}

/* Centres u and noise are standard normal, the noise half as wide. */
static void blob(const lg_classes *c, uint64_t seed, size_t row, double *to)
{
    double side = lg_below(seed, STREAM_PLACE, row, 2) ? 1 : -1;

    for (size_t j = 0; j < c->features; j++)
        to[j] = side * lg_normal(seed, STREAM_CENTRE, c->label[row] * c->features + j) +
                0.5 * lg_normal(seed, STREAM_NOISE, row * c->features + j);
}

static const struct {
    size_t features;
    void (*draw)(const lg_classes *c, uint64_t seed, size_t row, double *to);
} made[] = { [LG_SPIRALS] = { 2, spiral }, [LG_BLOBS] = { 16, blob } };

luge_status lg_classes_make(lg_classes *out, enum lg_made what, size_t classes, uint64_t seed, luge_error *err)
{
    luge_status st = LUGE_OK;
    lg_classes *c = out;

    *c = (lg_classes){ .rows = MADE_ROWS, .features = made[what].features, .classes = classes ? classes : 3 };
    LG_NEED(c->label = lg_alloc(c->rows, 1));
    LG_NEED(c->feature = lg_alloc(c->rows * c->features, sizeof *c->feature));
    for (size_t i = 0; i < c->rows; i++) {
        c->label[i] = (unsigned char)lg_below(seed, STREAM_LABEL, i, c->classes);
        made[what].draw(c, seed, i, c->feature + i * c->features);
    }
done:
    if (st != LUGE_OK) lg_classes_free(c);
    return st;
}

void lg_classes_free(lg_classes *c)
{
    lg_free(c->pixel);
    lg_free(c->feature);
    lg_free(c->label);
    *c = (lg_classes){ 0 };
}
