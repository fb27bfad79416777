/* Apart from alloc.c, so that the linker's --wrap reaches its call of lg_alloc.  SPDX-License-Identifier: MIT */
#include "core/core.h"
#include <string.h>

char *lg_copy_text(const char *text)
{
    size_t size = strlen(text) + 1;
    char *copy = lg_alloc(size, 1);
    return copy ? memcpy(copy, text, size) : NULL;
}
