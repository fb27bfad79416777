/* Typed settings from text: the defaults of the tables and what a user gives go the same way.
 * SPDX-License-Identifier: MIT */
#include "core/core.h"
#include <stdio.h>
#include <string.h>

/* A whole number is read as a double, so it is limited to where doubles hold each of them. */
static const double most_whole = 9007199254740992; /* 2^53 */
static const char *const truths = "(false, true)";
static const char *const blank = " \t\r\n";

static const struct {
    const char *name;
    size_t size; /* of what stands in the struct */
} kinds[] = {
    [LG_real] = { "real", sizeof(double) },   [LG_rate] = { "rate", sizeof(double) },
    [LG_int] = { "int", sizeof(int64_t) },    [LG_bool] = { "bool", sizeof(int) },
    [LG_word] = { "word", sizeof(int) },      [LG_list] = { "list", sizeof(lg_list) },
    [LG_maybe] = { "maybe", sizeof(double) },
};

typedef union value {
    double real;
    int64_t whole;
    int word;
    lg_list list;
} value;

const char *lg_kind_name(enum lg_kind kind) { return kinds[kind].name; }

const lg_setting *lg_setting_find(const lg_setting *table, const char *name)
{
    for (; table->name; table++)
        if (!strcmp(table->name, name)) return table;
    return NULL;
}

static const char *words_of(const lg_setting *row) { return row->kind == LG_bool ? truths : row->range; }

static bool inside(const char *range, double v) /* range: "[0,1)" */
{
    double lo = 0, hi = 0;
    const char *middle = lg_number_read(range + 1, &lo), *end = middle ? lg_number_read(middle + 1, &hi) : NULL;
    return end && (*range == '[' ? v >= lo : v > lo) && (*end == ']' ? v <= hi : v < hi);
}

/* One number at *p, within the row's range; i >= 0 names it as an item of a list. */
static luge_status number(const char *owner, const lg_setting *row, int i, const char **p, double *v, luge_error *err)
{
    const char *end = lg_number_read(*p, v), *or_none = row->kind == LG_maybe ? ", or none" : "";
    char at[16] = "", text[32];

    if (i >= 0) snprintf(at, sizeof at, "[%d]", i);
    if (end) end += strspn(end, blank);
    if (!end || (*end && !(i >= 0 && (*end == ',' || *end == ')'))))
        return lg_fail(err, LUGE_E_ARG, "%s: %s%s = \"%.80s\" is not a number; one in %s%s is needed", owner,
                       row->name, at, *p, row->range, or_none);
    lg_number_print(text, sizeof text, *v);
    if (row->kind == LG_int && !(*v == floor(*v) && fabs(*v) <= most_whole))
        return lg_fail(err, LUGE_E_ARG, "%s: %s = %s is not a whole number in %s and at most 2^53 in size", owner,
                       row->name, text, row->range);
    if (!inside(row->range, *v))
        return lg_fail(err, LUGE_E_ARG, "%s: %s%s = %s is not in %s%s", owner, row->name, at, text, row->range,
                       or_none);
    *p = end;
    return LUGE_OK;
}

/* "1, 2" or "(1, 2)" */
static luge_status list(const char *owner, const lg_setting *row, const char *text, lg_list *l, luge_error *err)
{
    const char *p = text;
    bool paren = *p == '(';

    l->n = 0;
    for (p += paren;; p++) {
        luge_status st;
        p += strspn(p, blank);
        if (l->n == LG_LIST)
            return lg_fail(err, LUGE_E_ARG, "%s: %s: at most %d numbers are allowed", owner, row->name, LG_LIST);
        if ((st = number(owner, row, l->n, &p, &l->v[l->n], err)) != LUGE_OK) return st;
        l->n++;
        if (*p != ',') break;
    }
    if (paren && *p == ')') p++, p += strspn(p, blank), paren = false;
    if (paren || *p)
        return lg_fail(err, LUGE_E_ARG, "%s: %s = \"%.80s\": the parentheses do not match", owner, row->name, text);
    return LUGE_OK;
}

/* The place of a word among `words`, "(adamw, lion)", or -1; *word, *size: where the i-th stands. */
static const char *word_at(const char *words, int i, size_t *size)
{
    for (const char *p = words;; i--) {
        p += strspn(p, "(, ");
        *size = strcspn(p, ",) ");
        if (*size == 0 || i == 0) return p;
        p += *size;
    }
}

static luge_status word(const char *owner, const lg_setting *row, const char *text, int *w, luge_error *err)
{
    size_t given = strcspn(text, blank), size;
    bool alone = !text[given + strspn(text + given, blank)];

    for (*w = 0; alone; ++*w) {
        const char *p = word_at(words_of(row), *w, &size);
        if (size == 0) break;
        if (size == given && !strncmp(p, text, given)) return LUGE_OK;
    }
    return lg_fail(err, LUGE_E_ARG, "%s: %s = \"%.80s\" is not one of %s", owner, row->name, text, words_of(row));
}

static luge_status read(const char *owner, const lg_setting *row, const char *text, value *v, luge_error *err)
{
    double real = (double)NAN;
    luge_status st = LUGE_OK;

    memset(v, 0, sizeof *v);
    text += strspn(text, blank);
    if (row->kind == LG_list) return list(owner, row, text, &v->list, err);
    if (row->kind == LG_bool || row->kind == LG_word) return word(owner, row, text, &v->word, err);
    if (row->kind != LG_maybe || strcmp(text, "none") != 0) st = number(owner, row, -1, &text, &real, err);
    if (st != LUGE_OK) return st;
    if (row->kind == LG_int)
        v->whole = (int64_t)real;
    else
        v->real = real;
    return LUGE_OK;
}

luge_status lg_setting_set(const char *owner, const lg_setting *row, void *settings, const char *text,
                           luge_error *err)
{
    value v;
    luge_status st = read(owner, row, text, &v, err);
    if (st == LUGE_OK) memcpy((char *)settings + row->at, &v, kinds[row->kind].size);
    return st;
}

static luge_status unknown(const char *owner, const lg_setting *table, const char *key, luge_error *err)
{
    char names[400] = "";
    size_t n = 0;

    for (const lg_setting *row = table; row->name && n < sizeof names; row++)
        n += (size_t)snprintf(names + n, sizeof names - n, "%s%s", n ? ", " : "", row->name);
    return lg_fail(err, LUGE_E_NAME, "%s has no setting \"%.40s\"; it has: %s", owner, key, n ? names : "none");
}

luge_status lg_setting_key(const char *owner, const lg_setting *table, void *settings, const char *key,
                           const char *text, luge_error *err)
{
    const lg_setting *row = lg_setting_find(table, key);
    return row ? lg_setting_set(owner, row, settings, text, err) : unknown(owner, table, key, err);
}

luge_status lg_setting_defaults(const char *owner, const lg_setting *table, void *settings, luge_error *err)
{
    luge_status st = LUGE_OK;
    for (; table->name && st == LUGE_OK; table++) st = lg_setting_set(owner, table, settings, table->value, err);
    return st;
}

/* The next "key=value" of the text at *p: its key and value, each ended by a 0, in `item`.  *key is NULL at the end.
 */
static luge_status next(const char *owner, const char **p, char item[LG_TEXT], char **key, char **text,
                        luge_error *err)
{
    const char *start = *p + strspn(*p, " \t\r\n,"), *c = start, *v;
    size_t name, n;
    int depth = 0;

    *key = NULL;
    if (!*start) return LUGE_OK;
    name = strcspn(start, "= \t\r\n,");
    v = start + name + strspn(start + name, blank);
    if (*v != '=' || name == 0)
        return lg_fail(err, LUGE_E_ARG, "%s: \"%.*s\" is not KEY=VALUE; a list stands in parentheses: KEY=(1, 2)",
                       owner, (int)(name < 40 ? name ? name : strcspn(start, ",") : 40), start);
    v += 1 + strspn(v + 1, blank);
    for (c = v; *c && (depth > 0 || !strchr(" \t\r\n,", *c)) && depth >= 0; c++) depth += (*c == '(') - (*c == ')');
    if (depth != 0)
        return lg_fail(err, LUGE_E_ARG, "%s: \"%.80s\" has a parenthesis that is not %s", owner, start,
                       depth > 0 ? "closed" : "opened");
    n = (size_t)(c - v);
    if (name + n + 2 > LG_TEXT)
        return lg_fail(err, LUGE_E_ARG, "%s: \"%.40s...\" is longer than %d characters", owner, start, LG_TEXT - 2);
    *key = memcpy(item, start, name);
    item[name] = 0;
    *text = memcpy(item + name + 1, v, n);
    item[name + 1 + n] = 0;
    *p = c;
    return LUGE_OK;
}

luge_status lg_setting_parse(const char *owner, const lg_setting *table, void *settings, const char *text,
                             luge_error *err)
{
    /* The first round only reads, so that what is wrong is found before anything is set. */
    for (int round = 0; round < 2; round++) {
        const char *p = text;
        char item[LG_TEXT], *key, *given;
        do {
            value v;
            const lg_setting *row;
            luge_status st = next(owner, &p, item, &key, &given, err);
            if (st != LUGE_OK) return st;
            if (!key) continue;
            if (!(row = lg_setting_find(table, key))) return unknown(owner, table, key, err);
            if ((st = read(owner, row, given, &v, err)) != LUGE_OK) return st;
            if (round == 1) memcpy((char *)settings + row->at, &v, kinds[row->kind].size);
        } while (key);
    }
    return LUGE_OK;
}

luge_status lg_setting_split(const char *text, char key[LG_TEXT], const char **value, luge_error *err)
{
    const char *equals = strchr(text, '=');
    if (!equals || equals == text || equals - text >= LG_TEXT)
        return lg_fail(err, LUGE_E_ARG, "\"%.80s\" is not KEY=VALUE", text);
    snprintf(key, LG_TEXT, "%.*s", (int)(equals - text), text);
    *value = equals + 1;
    return LUGE_OK;
}

static void print_list(const lg_list *l, char *text, size_t size)
{
    size_t n = 0;
    for (int i = 0; i < l->n && n < size; i++) {
        char item[32];
        lg_number_print(item, sizeof item, l->v[i]);
        n += (size_t)snprintf(text + n, size - n, "%s%s", i ? "," : "(", item);
    }
    if (n < size) snprintf(text + n, size - n, ")");
}

void lg_setting_print(const lg_setting *row, const void *settings, char *text, size_t size)
{
    value v;
    size_t n;

    memcpy(&v, (const char *)settings + row->at, kinds[row->kind].size);
    if (row->kind == LG_list) {
        print_list(&v.list, text, size);
    } else if (row->kind == LG_bool || row->kind == LG_word) {
        const char *p = word_at(words_of(row), v.word, &n);
        snprintf(text, size, "%.*s", (int)n, p);
    } else if (row->kind == LG_int) {
        snprintf(text, size, "%lld", (long long)v.whole);
    } else if (row->kind == LG_maybe && LG_NONE(v.real)) {
        snprintf(text, size, "none");
    } else {
        lg_number_print(text, size, v.real);
    }
}
