/* luge methods: what the registry knows, as a table, a page, or JSON.  SPDX-License-Identifier: MIT */
#include "cli/cli.h"
#include "flows/update.h"
#include <string.h>

typedef struct options {
    bool markdown, json;
} options;

static const cli_option table[] = {
    CLI_PLUGIN_ROW,
    { "--markdown", CLI_FLAG, offsetof(options, markdown), NULL, NULL, NULL,
      "the page of the documentation; without a name its index" },
    { "--json", CLI_FLAG, offsetof(options, json), NULL, NULL, NULL,
      "one JSON object a line, a line for each method" },
    { 0 },
};

/* ---- the tables of a method ---- */

typedef struct column {
    const char *head, *key; /* for people and for JSON */
    enum { NAME, KIND, VALUE, RANGE, TEXT } field;
} column;

static const struct section {
    luge_table table;
    const char *title, *key;
    column c[6]; /* ends with a NULL head */
} sections[] = {
    { LUGE_PARAMETERS,
      "Parameters",
      "parameters",
      { { "name", "name", NAME },
        { "kind", "kind", KIND },
        { "default", "default", VALUE },
        { "range", "range", RANGE },
        { "meaning", "meaning", TEXT } } },
    { LUGE_SLOTS,
      "State",
      "state",
      { { "slot", "name", NAME },
        { "kind", "kind", KIND },
        { "starts as", "start", VALUE },
        { "holds", "meaning", TEXT } } },
    { LUGE_INPUTS,
      "Inputs beyond the gradient",
      "inputs",
      { { "name", "name", NAME }, { "what it is", "meaning", TEXT } } },
    { LUGE_EVIDENCE, "Evidence", "evidence", { { "tier", "tier", KIND }, { "what was run", "source", VALUE } } },
};
enum { SECTIONS = sizeof sections / sizeof sections[0] };

static const char *cell(const luge_row *row, const column *c)
{
    switch (c->field) {
    case NAME: return row->name;
    case KIND: return row->kind;
    case VALUE: return row->value;
    case RANGE: return row->range;
    case TEXT: return row->text;
    }
    return "";
}

/* Bytes of state for a parameter in f32, of a matrix of 1024 x 1024, with the default settings. */
static double bytes_per_parameter(const luge_method *method)
{
    luge_optimizer *opt = NULL;
    luge_error err;
    size_t shape[2] = { 1024, 1024 }, bytes = 0;
    float never_used;
    bool good = !luge_new_method(&opt, method, &err) &&
                !luge_add(opt, 0, "w", LUGE_F32, &never_used, 2, shape, &err) && !luge_state_bytes(opt, &bytes, &err);
    luge_free(opt);
    return good ? (double)bytes / (double)(shape[0] * shape[1]) : (double)NAN;
}

/* ---- the flow ---- */

/* Has it a flow with the default settings?  Where it has none, *why says it without the method's name. */
static bool has_flow(const luge_method *method, luge_error *err, const char **why)
{
    int power[LG_SLOTS];
    lg_update *u = NULL;
    luge_status st = lg_update_open_method(&u, method, err);
    if (!st) st = lg_update_flowing(u, power, err);
    if (!st) st = lg_update_resting(u, 0.4, 0.7, err);
    lg_update_close(u);
    *why = st ? strstr(err->text, ": ") : NULL;
    *why = *why ? *why + 2 : err->text;
    return !st;
}

/* ---- the example: digits ---- */

enum { COMMAND = 600 };

/* A plugin's examples are its author's: no test has run them. */
static bool is_own(const luge_method *method)
{
    return luge_method_find(luge_method_text(method, LUGE_NAME)) == method;
}

/* The command whose run reaches what tools/digits.py asks for; false: the method is not for it, as row->text says. */
static bool example(const luge_method *method, char *command, size_t size, luge_row *row)
{
    size_t n;
    luge_method_row(method, LUGE_EXAMPLE, 0, row);
    n = (size_t)snprintf(command, size,
                         "luge train --problem softmax --data images=t10k-images-idx3-ubyte.gz "
                         "--data labels=t10k-labels-idx1-ubyte.gz --method %s",
                         luge_method_text(method, LUGE_NAME));
    for (const char *p = row->value; *p && n < size;) {
        size_t length = strcspn(p, " ");
        n += (size_t)snprintf(command + n, size - n, " --set %.*s", (int)length, p);
        p += length + strspn(p + length, " ");
    }
    if (n < size) snprintf(command + n, size - n, " --batch 64 --epochs 3 --threads 1");
    return !*row->text;
}

/* ---- JSON ---- */

static json_t *rows_json(const luge_method *method, const struct section *s)
{
    json_t *list = json_array();
    luge_row row;

    for (size_t i = 0; list && luge_method_row(method, s->table, i, &row); i++) {
        json_t *object = json_object();
        for (const column *c = s->c; c->head; c++) json_object_set_new(object, c->key, json_string(cell(&row, c)));
        json_array_append_new(list, object);
    }
    return list;
}

static bool method_json(const luge_method *method)
{
    static const struct {
        const char *key;
        luge_text text;
    } texts[] = { { "name", LUGE_NAME },           { "title", LUGE_TITLE }, { "kind", LUGE_KIND },
                  { "reference", LUGE_REFERENCE }, { "base", LUGE_BASE },   { "fixed", LUGE_FIXED },
                  { "formula", LUGE_FORMULA } };
    json_t *object = json_object();
    char command[COMMAND];
    luge_row row;

    for (size_t i = 0; i < sizeof texts / sizeof texts[0]; i++)
        json_object_set_new(object, texts[i].key, json_string(luge_method_text(method, texts[i].text)));
    json_object_set_new(object, "bytes_per_parameter", cli_json_number(bytes_per_parameter(method)));
    for (size_t i = 0; i < SECTIONS; i++)
        json_object_set_new(object, sections[i].key, rows_json(method, &sections[i]));
    const char *why;
    luge_error err;
    bool flow = has_flow(method, &err, &why), can = example(method, command, sizeof command, &row);
    json_object_set_new(object, "flow", json_boolean(flow));
    json_object_set_new(object, "no_flow", flow ? json_null() : json_string(why));
    json_object_set_new(object, "example", can && is_own(method) ? json_string(command) : json_null());
    json_object_set_new(object, "no_example", can ? json_null() : json_string(row.text));
    return cli_json_line(object);
}

/* ---- text and markdown ---- */

static size_t count(const luge_method *method, luge_table which)
{
    luge_row row;
    size_t n = 0;
    while (luge_method_row(method, which, n, &row)) n++;
    return n;
}

/* The columns' widths: of their heads and of everything under them. */
static void widths(const luge_method *method, const struct section *s, int width[6])
{
    luge_row row;
    for (int c = 0; s->c[c].head; c++) width[c] = cli_width(s->c[c].head);
    for (size_t i = 0; luge_method_row(method, s->table, i, &row); i++)
        for (int c = 0; s->c[c].head; c++) {
            int w = cli_width(cell(&row, &s->c[c]));
            if (w > width[c]) width[c] = w;
        }
}

static void section_text(const luge_method *method, const struct section *s)
{
    luge_row row;
    int width[6];

    if (!count(method, s->table)) return;
    widths(method, s, width);
    printf("\n%s\n", s->title);
    for (size_t i = 0; luge_method_row(method, s->table, i, &row); i++)
        for (int c = 0; s->c[c].head; c++) {
            bool last = !s->c[c + 1].head;
            if (c == 0) printf("  ");
            cli_column(cell(&row, &s->c[c]), last ? 0 : width[c] + 2);
            if (last) putchar('\n');
        }
}

/* In a cell of a markdown table a bar would end the cell. */
static void markdown_cell(const char *text)
{
    printf(" ");
    for (; *text; text++) printf(*text == '|' ? "\\%c" : "%c", *text);
    printf(" |");
}

static void section_markdown(const luge_method *method, const struct section *s)
{
    luge_row row;

    printf("\n## %s\n\n", s->title);
    if (!count(method, s->table)) {
        printf("None.\n");
        return;
    }
    printf("|");
    for (const column *c = s->c; c->head; c++) markdown_cell(c->head);
    printf("\n|");
    for (const column *c = s->c; c->head; c++) printf("---|");
    printf("\n");
    for (size_t i = 0; luge_method_row(method, s->table, i, &row); i++) {
        printf("|");
        for (const column *c = s->c; c->head; c++) {
            char code[sizeof row.value + 4];
            snprintf(code, sizeof code, c->field == TEXT || c->field == KIND || !*cell(&row, c) ? "%s" : "`%s`",
                     cell(&row, c));
            markdown_cell(code);
        }
        printf("\n");
    }
}

static const char *name_of(const luge_method *method) { return luge_method_text(method, LUGE_NAME); }
static bool is_alias(const luge_method *method)
{
    return strcmp(name_of(method), luge_method_text(method, LUGE_BASE)) != 0;
}

/* "adamw is adam with decoupled=true", in plain words or with links. */
static void alias_line(const luge_method *method, bool links)
{
    const char *base = luge_method_text(method, LUGE_BASE), *fixed = luge_method_text(method, LUGE_FIXED);
    if (!is_alias(method)) return;
    if (links)
        printf("`%s` is [%s](%s.md) with `%s`.\n", name_of(method), base, base, fixed);
    else
        printf("%s is %s with %s\n", name_of(method), base, fixed);
}

static void flow_text(const luge_method *method)
{
    const char *why;
    luge_error err;
    printf("\nFlow\n  ");
    if (has_flow(method, &err, &why))
        printf("luge flow --models auto --method %s\n", name_of(method));
    else
        printf("none: %s\n", why);
}

static void flow_markdown(const luge_method *method)
{
    const char *why;
    luge_error err;
    printf("\n## Flow\n\n");
    if (has_flow(method, &err, &why))
        printf("`luge flow --models auto --method %s` derives it from this file: the iterates are O(h) from the flow "
               "of V₀ "
               "and O(h²) from that of V₀ + h V₁.\n",
               name_of(method));
    else
        printf("`luge flow --models auto` derives none with the default settings: %s.\n", why);
}

static void example_text(const luge_method *method)
{
    char command[COMMAND];
    luge_row row;
    bool can = example(method, command, sizeof command, &row);
    if (!is_own(method)) return;
    printf("\nOn handwritten digits\n  ");
    if (can)
        printf("%s\n", command);
    else
        printf("not for it: %s\n", row.text);
}

static void example_markdown(const luge_method *method)
{
    char command[COMMAND];
    luge_row row;
    bool can = example(method, command, sizeof command, &row);
    if (!is_own(method)) return;
    printf("\n## On handwritten digits\n\n");
    if (!can)
        printf("Not for it: %s.\n", row.text);
    else
        printf("```sh\n%s\n```\n\nIn the folder of the data this comes to at least 0.88 of the digits told right; a "
               "test runs "
               "it.\n",
               command);
}

static void method_text(const luge_method *method)
{
    char text[32];
    printf("%s: %s\n%s\n", name_of(method), luge_method_text(method, LUGE_TITLE),
           luge_method_text(method, LUGE_REFERENCE));
    alias_line(method, false);
    printf("%s, %s bytes of state for a parameter in f32\n\n%s\n", luge_method_text(method, LUGE_KIND),
           cli_digits(text, bytes_per_parameter(method), 4), luge_method_text(method, LUGE_FORMULA));
    for (size_t i = 0; i < SECTIONS; i++) section_text(method, &sections[i]);
    flow_text(method);
    example_text(method);
}

static void aliases_markdown(const luge_method *method)
{
    const luge_method *other;
    bool any = false;

    for (size_t i = 0; (other = cli_method_at(i)) != NULL; i++) {
        if (!is_alias(other) || strcmp(luge_method_text(other, LUGE_BASE), name_of(method)) != 0) continue;
        if (!any) printf("\n## Aliases\n\n");
        any = true;
        printf("- [%s](%s.md): `%s`\n", luge_method_text(other, LUGE_TITLE), name_of(other),
               luge_method_text(other, LUGE_FIXED));
    }
}

/* What a tier of evidence means, for the tiers that the method has. */
static void evidence_markdown(const luge_method *method)
{
    static const char *const tiers[][2] = {
        { "authors",
          "the authors' released code was run on recorded gradients, and a replay of them gives its parameters" },
        { "library", "the code of a widely used library was run on recorded gradients, and a replay of them gives "
                     "its parameters" },
        { "reference",
          "an independent reference, written from the paper in another form, agrees to the stated tolerance" },
    };
    for (size_t t = 0; t < sizeof tiers / sizeof tiers[0]; t++) {
        luge_row row;
        bool has = false;
        for (size_t i = 0; luge_method_row(method, LUGE_EVIDENCE, i, &row); i++)
            has |= !strcmp(row.kind, tiers[t][0]);
        if (has) printf("\n*%s*: %s.\n", tiers[t][0], tiers[t][1]);
    }
}

void cli_method_page(const luge_method *method)
{
    char text[32];
    printf("# %s\n\n", luge_method_text(method, LUGE_TITLE));
    alias_line(method, true);
    if (is_alias(method)) printf("\n");
    printf("| name | kind | state, bytes per f32 parameter | reference |\n|---|---|---|---|\n| `%s` | %s | %s |",
           name_of(method), luge_method_text(method, LUGE_KIND), cli_digits(text, bytes_per_parameter(method), 4));
    markdown_cell(luge_method_text(method, LUGE_REFERENCE));
    printf("\n\n```text\n%s\n```\n", luge_method_text(method, LUGE_FORMULA));
    for (size_t i = 0; i < SECTIONS; i++) section_markdown(method, &sections[i]);
    evidence_markdown(method);
    flow_markdown(method);
    example_markdown(method);
    aliases_markdown(method);
}

/* ---- lists ---- */

static void list_text(void)
{
    const luge_method *method;
    int name = 4, title = 5;
    char text[32];

    for (size_t i = 0; (method = cli_method_at(i)) != NULL; i++) {
        int n = cli_width(name_of(method)), t = cli_width(luge_method_text(method, LUGE_TITLE));
        name = n > name ? n : name;
        title = t > title ? t : title;
    }
    cli_column("name", name + 2);
    cli_column("title", title + 2);
    printf("%-14s%s\n", "kind", "bytes per parameter");
    for (size_t i = 0; (method = cli_method_at(i)) != NULL; i++) {
        cli_column(name_of(method), name + 2);
        cli_column(luge_method_text(method, LUGE_TITLE), title + 2);
        printf("%-14s%s\n", luge_method_text(method, LUGE_KIND), cli_digits(text, bytes_per_parameter(method), 4));
    }
    printf("\nBytes of state for a parameter in f32, with the default settings.  luge methods NAME tells more.\n");
}

static void list_markdown(void)
{
    const luge_method *method;
    char text[32];

    printf("# Methods\n\nBytes are those of the state for each f32 parameter, with the default settings.\n\n"
           "| name | title | kind | bytes | reference |\n|---|---|---|---|---|\n");
    for (size_t i = 0; (method = cli_method_at(i)) != NULL; i++) {
        printf("| [`%s`](methods/%s.md) | %s | %s | %s |", name_of(method), name_of(method),
               luge_method_text(method, LUGE_TITLE), luge_method_text(method, LUGE_KIND),
               cli_digits(text, bytes_per_parameter(method), 4));
        markdown_cell(luge_method_text(method, LUGE_REFERENCE));
        printf("\n");
    }
}

static int run(const void *context, const cli_texts *operands)
{
    const options *o = (const options *)context;
    const luge_method *method;
    luge_error err;

    if (o->json && o->markdown) {
        lg_fail(&err, LUGE_E_ARG, "--json and --markdown are both given; one of them is possible");
        return cli_fail("methods", &err);
    }
    for (size_t i = 0; i < operands->n; i++) {
        if (cli_method(&method, operands->v[i], &err)) return cli_fail("methods", &err);
        if (o->json)
            method_json(method);
        else if (o->markdown)
            cli_method_page(method);
        else
            method_text(method);
    }
    if (operands->n) return CLI_GOOD;
    for (size_t i = 0; o->json && (method = cli_method_at(i)) != NULL; i++) method_json(method);
    if (!o->json) (o->markdown ? list_markdown : list_text)();
    return CLI_GOOD;
}

const cli_command cli_methods = {
    .name = "methods",
    .operands = "[NAME...]",
    .title = "lists the methods; with a name its formula, reference, parameters and state",
    .text = "Without a name: every method, how far its sums reach, and what its state costs.\n",
    .examples = "  luge methods\n"
                "  luge methods adamw\n"
                "  luge methods lion --markdown\n"
                "  luge methods --plugin mymethod.so mymethod\n"
                "  luge methods --json | jq -r .name\n",
    .most = SIZE_MAX,
    .size = sizeof(options),
    .option = table,
    .run = run,
};
