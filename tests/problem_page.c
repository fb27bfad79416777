/* docs/problems.md has a section for each problem, with its title and the rows of its settings, and no others.
 * SPDX-License-Identifier: MIT */
#include "files.h"

#include "check.h"
#include "problems/problem.h"

static char *page, *rest; /* what is not yet found is left in `rest` */

static int page_read(void **state)
{
    char path[1024];
    const char *source = getenv("LUGE_SOURCE");
    size_t n;
    (void)state;
    snprintf(path, sizeof path, "%s/docs/problems.md", source ? source : ".");
    page = (char *)file_bytes(path, &n);
    page[n] = 0;
    return 0;
}

static int page_free(void **state)
{
    (void)state;
    free(page);
    return 0;
}

/* The next line of the page that begins with `mark` is `line`. */
static void next_is(const char *mark, const char *line)
{
    size_t n = strlen(line);
    while (*rest && strncmp(rest, mark, strlen(mark)) != 0) {
        rest += strcspn(rest, "\n");
        rest += *rest == '\n';
    }
    CHECK(!strncmp(rest, line, n) && rest[n] == '\n', "wanted is: %s\nbut there stands: %.*s", line,
          (int)strcspn(rest, "\n"), rest);
    rest += strcspn(rest, "\n");
}

static void the_page_says_what_the_table_says(void **state)
{
    char line[600];
    (void)state;
    rest = page;
    for (size_t i = 0; lg_problem_at(i); i++) {
        const lg_problem_kind *k = lg_problem_at(i);
        snprintf(line, sizeof line, "## `%s`", lg_problem_name(k));
        next_is("## ", line);
        snprintf(line, sizeof line, "    %s", lg_problem_title(k));
        next_is("    ", line);
        for (const lg_setting *s = lg_problem_settings(k); s->name; s++) {
            snprintf(line, sizeof line, "| `%s` | %s | %s | %s |", s->name, s->value, s->range, s->text);
            next_is("| `", line);
        }
    }
    CHECK(!strstr(rest, "\n## ") && !strstr(rest, "\n| `"), "more than there is:%s", rest);
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = { cmocka_unit_test(the_page_says_what_the_table_says) };
    return cmocka_run_group_tests(tests, page_read, page_free);
}
