/* The IDX reader on any bytes, plain and gzip.  SPDX-License-Identifier: MIT */
#include "file.h"

#include "io/io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lg_idx x;
    luge_error err;
    size_t n = 1;

    if (lg_idx_read(&x, file_of(data, size), &err)) {
        MUST(err.text[0] && !x.data);
        return 0;
    }
    MUST(x.ndim >= 1 && x.ndim <= 4);
    for (int d = 0; d < x.ndim; d++) n *= x.shape[d];
    MUST(n == x.n);
    for (size_t i = n = 0; i < x.n; i++) n += x.data[i]; /* a sanitizer sees whether all of it is there */
    MUST(n <= 255 * x.n);
    lg_free(x.data);
    return 0;
}
