/* What a status means, and how a message is left.  SPDX-License-Identifier: MIT */
#include "core/core.h"
#include <stdarg.h>
#include <stdio.h>
#include <string.h>

const char *luge_version(void) { return LUGE_VERSION_TEXT; }

const char *luge_status_text(luge_status status)
{
#define TEXT(code, text) text,
    static const char *const texts[] = { LUGE_STATUS_LIST(TEXT) };
#undef TEXT
    size_t i = (size_t)status;
    return i < sizeof texts / sizeof *texts ? texts[i] : "no status of this library";
}

luge_status lg_fail(luge_error *err, luge_status status, const char *format, ...)
{
    luge_error made = { .status = status }; /* a part of the message may be the text that stands in *err */
    va_list list;

    if (!err) return status;
    va_start(list, format);
    vsnprintf(made.text, sizeof made.text, format, list);
    va_end(list);
    memcpy(err, &made, sizeof made);
    return status;
}
