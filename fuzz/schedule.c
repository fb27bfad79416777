/* Schedules from any text: read, printed and read again to the same, with factors that are finite and not negative.
 * SPDX-License-Identifier: MIT */
#include "engine/schedule.h"
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static const double step[] = { 1, 2, 10, 1000, 1e9 };
    char *text = malloc(size + 1), printed[LG_TEXT];
    lg_schedule s = { 0 }, again = { 0 };
    luge_error err;

    memcpy(text, data, size);
    text[size] = 0;
    if (lg_schedule_parse(&s, text, &err) == LUGE_OK) {
        for (size_t i = 0; i < sizeof step / sizeof *step; i++) {
            double factor = lg_schedule_factor(&s, step[i]);
            if (!(factor >= 0 && factor <= 1)) abort();
        }
        lg_schedule_print(&s, printed, sizeof printed);
        if (lg_schedule_parse(&again, printed, &err) || memcmp(&s, &again, sizeof s)) abort();
    }
    free(text);
    return 0;
}
