/* Mean inputs and mean gradients of the outputs of a layer.  SPDX-License-Identifier: MIT */
#include "linalg/layer.h"
#include <string.h>

static double number(luge_type type, const void *x, size_t i)
{
    float small;
    if (type == LUGE_F64) return ((const double *)x)[i];
    if (type == LUGE_F32) return (double)((const float *)x)[i];
    uint32_t bits = (uint32_t)((const uint16_t *)x)[i] << 16; /* bf16: the upper half of an f32 */
    memcpy(&small, &bits, sizeof small);
    return (double)small;
}

/* What is not a number stays so. */
static double cut(double a, double most) { return a > most ? most : a < -most ? -most : a; }

static void add_row(double *v, const double *row, size_t n, double factor, double most)
{
    for (size_t i = 0; i < n; i++) v[i] += cut(factor * row[i], most);
}

/* The mean over all positions of the patch at each: entry (c, y, x) is the mean of channel c over a window. */
static void mean_patch(const luge_layer *l, const lg_shape *t, size_t sample, double *row)
{
    size_t channels = t->shape[1], a = t->shape[2], b = t->shape[3], down = l->height - a + 1,
           across = l->width - b + 1;
    for (size_t c = 0; c < channels; c++)
        for (size_t y = 0; y < a; y++)
            for (size_t x = 0; x < b; x++) {
                double sum = 0;
                for (size_t i = 0; i < down; i++)
                    for (size_t j = 0; j < across; j++)
                        sum += number(l->type, l->input,
                                      ((sample * channels + c) * l->height + y + i) * l->width + x + j);
                row[(c * a + y) * b + x] = sum / (double)(down * across);
            }
}

void lg_layer_input(const luge_layer *l, const lg_shape *t, double most, double *v, double *row)
{
    size_t n = t->n / t->shape[0];
    memset(v, 0, n * sizeof *v);
    for (size_t r = 0; r < l->rows; r++) {
        if (l->height)
            mean_patch(l, t, r, row);
        else
            for (size_t i = 0; i < n; i++) row[i] = number(l->type, l->input, r * n + i);
        add_row(v, row, n, 1, most);
    }
    for (size_t i = 0; i < n; i++) v[i] /= (double)l->rows;
    if (t->has_bias) v[n] = cut(1, most);
}

void lg_layer_gout(const luge_layer *l, const lg_shape *t, double most, double *v, double *row)
{
    size_t m = t->shape[0], places = l->height ? (l->height - t->shape[2] + 1) * (l->width - t->shape[3] + 1) : 1;
    memset(v, 0, m * sizeof *v);
    for (size_t r = 0; r < l->rows; r++) {
        for (size_t i = 0; i < m; i++) {
            row[i] = 0;
            for (size_t p = 0; p < places; p++) row[i] += number(l->type, l->gout, (r * m + i) * places + p);
        }
        add_row(v, row, m, (double)l->rows / (double)places, most);
    }
    for (size_t i = 0; i < m; i++) v[i] /= (double)l->rows;
}
