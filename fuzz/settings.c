/* Settings from any text, for a table of all kinds, and numbers: what is accepted prints as text that reads back.
 * SPDX-License-Identifier: MIT */
#include "file.h"

#include "core/core.h"
#include <string.h>

typedef struct settings {
    double real, rate, maybe;
    int64_t whole;
    int truth, word;
    lg_list list;
} settings;

static const lg_setting table[] = {
    { "r", LG_real, offsetof(settings, real), "0.9", "[0,1)", "a real" },
    { "lr", LG_rate, offsetof(settings, rate), "1e-3", "[0,inf)", "a rate" },
    { "i", LG_int, offsetof(settings, whole), "1", "[-5,9007199254740992]", "an int" },
    { "b", LG_bool, offsetof(settings, truth), "false", "", "a bool" },
    { "w", LG_word, offsetof(settings, word), "one", "(one, two, three)", "a word" },
    { "l", LG_list, offsetof(settings, list), "(1, 2)", "(-inf,inf)", "a list" },
    { "m", LG_maybe, offsetof(settings, maybe), "none", "(0,inf)", "a maybe" },
    { 0 },
};

static bool same(const settings *a, const settings *b)
{
    if (a->list.n != b->list.n) return false;
    for (int i = 0; i < a->list.n; i++)
        if (a->list.v[i] != b->list.v[i]) return false;
    return a->real == b->real && a->rate == b->rate && a->whole == b->whole && a->truth == b->truth &&
           a->word == b->word && (a->maybe == b->maybe || (LG_NONE(a->maybe) && LG_NONE(b->maybe)));
}

static void read_number(const char *text)
{
    char print[64];
    double v, back;
    const char *end = lg_number_read(text, &v);

    if (!end) return;
    MUST(end > text && end <= text + strlen(text));
    lg_number_print(print, sizeof print, v);
    MUST(lg_number_read(print, &back) == print + strlen(print) && back == v);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    settings s, before, again;
    luge_error err;
    char value[LG_TEXT], *text = malloc(size + 1);

    MUST(text);
    memcpy(text, data, size);
    text[size] = 0;
    read_number(text);
    MUST(!lg_setting_defaults("fuzz", table, &s, &err) && !lg_setting_defaults("fuzz", table, &again, &err));
    before = s;
    if (lg_setting_parse("fuzz", table, &s, text, &err)) MUST(err.text[0] && same(&s, &before));
    for (const lg_setting *row = table; row->name; row++) {
        lg_setting_print(row, &s, value, sizeof value);
        MUST(!lg_setting_set("fuzz", row, &again, value, &err));
    }
    MUST(same(&s, &again));
    free(text);
    return 0;
}
