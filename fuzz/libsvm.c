/* The LIBSVM reader on any text.  SPDX-License-Identifier: MIT */
#include "file.h"

#include "io/io.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    lg_sparse s;
    luge_error err;

    if (lg_libsvm_read(&s, file_of(data, size), &err)) {
        MUST(err.text[0] && !s.start);
        return 0;
    }
    MUST(s.rows > 0 && s.start[0] == 0 && s.start[s.rows] == s.entries);
    for (size_t i = 0; i < s.rows; i++) {
        MUST(s.start[i] <= s.start[i + 1] && isfinite(s.label[i]));
        for (size_t k = s.start[i]; k < s.start[i + 1]; k++) {
            MUST(s.column[k] < s.columns && isfinite(s.value[k]));
            MUST(k == s.start[i] || s.column[k] > s.column[k - 1]);
        }
    }
    lg_sparse_free(&s);
    return 0;
}
