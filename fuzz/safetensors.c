/* The safetensors reader on any bytes.  SPDX-License-Identifier: MIT */
#include "file.h"

#include "io/io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lg_tensors *t;
    luge_error err;
    size_t bytes = 0;

    if (lg_tensors_parse(&t, data, size, "input", &err)) {
        MUST(err.text[0] && !t);
        return 0;
    }
    for (size_t i = 0; i < lg_tensors_count(t); i++) {
        const lg_entry *e = lg_tensors_at(t, i);
        const uint8_t *at = e->data;
        MUST(lg_tensors_find(t, e->name) == e);
        MUST(at >= data + 8 && e->bytes <= (size_t)(data + size - at));
        MUST(e->ndim >= 0 && e->ndim <= LG_DIMS && e->dtype >= 0 && e->dtype < LG_DTYPES);
        bytes += e->bytes;
    }
    MUST(bytes <= size);
    for (size_t i = 0; lg_tensors_meta_at(t, i); i++)
        MUST(lg_tensors_meta(t, lg_tensors_meta_at(t, i)->key) == lg_tensors_meta_at(t, i)->value);
    lg_tensors_free(t);
    return 0;
}
