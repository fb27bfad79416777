/* Lines for people and lines for programs.  SPDX-License-Identifier: MIT */
#include "analysis/method.h"
#include "cli/cli.h"
#include <string.h>

/* Whose fault each status is: the words of the command line, or what happened in the run. */
static bool is_usage(luge_status status)
{
    return status == LUGE_E_ARG || status == LUGE_E_NAME || status == LUGE_E_INPUT;
}

int cli_fail(const char *command, const luge_error *err)
{
    fflush(stdout);
    fprintf(stderr, "luge%s%s: %s\n", command[0] ? " " : "", command, err->text);
    return is_usage(err->status) ? CLI_USAGE : CLI_FAILED;
}

static size_t least(size_t a, size_t b) { return a < b ? a : b; }

/* Levenshtein's distance; words beyond 63 letters count as far. */
static size_t distance(const char *a, const char *b)
{
    enum { MOST = 64 };
    size_t n = strlen(a), m = strlen(b), row[MOST];
    if (n >= MOST || m >= MOST) return MOST;
    for (size_t j = 0; j <= m; j++) row[j] = j;
    for (size_t i = 1; i <= n; i++) {
        size_t corner = row[0];
        row[0] = i;
        for (size_t j = 1; j <= m; j++) {
            size_t above = row[j];
            row[j] = least(corner + (a[i - 1] != b[j - 1]), 1 + least(above, row[j - 1]));
            corner = above;
        }
    }
    return row[m];
}

const char *cli_nearest(const char *word, const char *(*next)(const void *context, size_t i), const void *context)
{
    const char *best = NULL, *name;
    size_t near = strlen(word) / 3 + 2; /* a letter in three may be wrong, and one more */
    for (size_t i = 0; (name = next(context, i)) != NULL; i++) {
        size_t d = distance(word, name);
        if (d < near) near = d, best = name;
    }
    return best;
}

luge_status cli_momentum_key(const char **key, const luge_method *method, luge_error *err)
{
    const char *name = luge_method_text(method, LUGE_NAME);
    if ((*key = lg_momentum_key(method)) != NULL) return LUGE_OK;
    return lg_fail(err, LUGE_E_ARG,
                   "--momentum: %s has neither momentum nor beta1 to set; luge methods %s lists what it has", name,
                   name);
}

/* One column for each byte that begins a character. */
int cli_width(const char *text)
{
    int n = 0;
    for (; *text; text++) n += ((unsigned char)*text & 0xc0) != 0x80;
    return n;
}

void cli_column(const char *text, int width)
{
    int space = (width < 0 ? -width : width) - cli_width(text);
    printf("%*s%s%*s", width < 0 && space > 0 ? space : 0, "", text, width > 0 && space > 0 ? space : 0, "");
}

void cli_wrap(int indent, const char *text)
{
    enum { MOST = 100 };
    int column = indent;
    for (const char *word = text; *word;) {
        size_t n = strcspn(word, " ");
        if (column > indent && column + (int)n >= MOST) {
            printf("\n%*s", indent, "");
            column = indent;
        }
        column += printf("%s%.*s", column > indent ? " " : "", (int)n, word);
        word += n + (word[n] == ' ');
    }
    putchar('\n');
}

const char *cli_digits(char text[32], double v, int digits)
{
    snprintf(text, 32, "%.*g", digits, v);
    return isnan(v) ? "-" : text;
}

json_t *cli_json_number(double v) { return isfinite(v) ? json_real(v) : json_null(); }

bool cli_json_line(json_t *object)
{
    bool good = object && !json_dumpf(object, stdout, JSON_COMPACT) && putchar('\n') != EOF && !fflush(stdout);
    json_decref(object);
    return good;
}
