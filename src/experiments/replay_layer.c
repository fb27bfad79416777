/* What a recording says of the layer of a tensor.  SPDX-License-Identifier: MIT */
#include "experiments/replay.h"
#include <string.h>

/* WHAT.NAME.step of the tensor that starts as param.NAME.0; its numbers are copied to *room. */
static luge_status part(const lg_tensors *file, const char *path, const char *what, const lg_entry *start,
                        int64_t step, const lg_entry **e, const void **room, luge_error *err)
{
    luge_status st = LUGE_OK;
    const char *name = start->name + strlen("param.");
    char key[256];
    void *copy = NULL;

    snprintf(key, sizeof key, "%s.%.*s.%lld", what, (int)(strlen(name) - strlen(".0")), name, (long long)step);
    if (!(*e = lg_tensors_find(file, key))) return LUGE_OK;
    if ((*e)->dtype != LG_DTYPE_F32 && (*e)->dtype != LG_DTYPE_F64)
        return lg_fail(err, LUGE_E_SHAPE, "%s: '%s' is not of F32 or F64", path, key);
    LG_NEED(copy = lg_alloc((*e)->bytes + 1, 1));
    *room = memcpy(copy, (*e)->data, (*e)->bytes);
done:
    return st;
}

/* Rows of a batch, or images that the kernel w goes over in steps of one. */
static bool fits(const lg_entry *in, const lg_entry *out, const lg_entry *w)
{
    if (in->dtype != out->dtype || in->ndim != out->ndim || in->ndim < 2 || w->ndim < 2 || !in->shape[0] ||
        !w->shape[0] || in->shape[0] != out->shape[0] || out->shape[1] != w->shape[0])
        return false;
    if (in->ndim == 2) return in->shape[1] == w->n / w->shape[0];
    bool same = in->ndim == 4 && w->ndim == 4 && in->shape[1] == w->shape[1];
    for (int i = 2; i < 4 && same; i++)
        same = w->shape[i] > 0 && in->shape[i] >= w->shape[i] && out->shape[i] == in->shape[i] - w->shape[i] + 1;
    return same;
}

luge_status lg_replay_layer(const lg_tensors *file, const char *path, const lg_entry *start, int64_t step,
                            luge_layer *layer, luge_error *err)
{
    luge_status st = LUGE_OK;
    const lg_entry *in, *out;

    lg_replay_layer_free(layer);
    LG_TRY(part(file, path, "input", start, step, &in, &layer->input, err));
    LG_TRY(part(file, path, "gout", start, step, &out, &layer->gout, err));
    if (!in || !out) return LUGE_OK;
    if (!fits(in, out, start))
        return lg_fail(err, LUGE_E_SHAPE, "%s: '%s' and '%s' have not the shapes of a layer of '%s'", path, in->name,
                       out->name, start->name);
    layer->rows = in->shape[0];
    layer->type = in->dtype == LG_DTYPE_F32 ? LUGE_F32 : LUGE_F64;
    if (in->ndim == 4) layer->height = in->shape[2], layer->width = in->shape[3];
done:
    return st;
}

void lg_replay_layer_free(luge_layer *layer)
{
    lg_free((void *)(uintptr_t)layer->input);
    lg_free((void *)(uintptr_t)layer->gout);
    *layer = (luge_layer){ 0 };
}
