/* Long options from one table: parsing, checks and --help.  SPDX-License-Identifier: MIT */
#include "cli/cli.h"
#include <string.h>

static const cli_option help_row = { "--help", CLI_FLAG, 0, NULL, NULL, NULL, "this text" };

static const char *option_name(const void *table, size_t i)
{
    const cli_option *row = (const cli_option *)table;
    while (i && row->name) row++, i--;
    return row->name ? row->name : i == 0 ? help_row.name : NULL;
}

/* The row of "--name" or "--name=value"; *value: behind the sign, or NULL. */
static luge_status find(const cli_command *command, const char *argument, const cli_option **row, const char **value,
                        luge_error *err)
{
    char name[64];
    size_t n = strcspn(argument, "=");

    *value = argument[n] ? argument + n + 1 : NULL;
    if (!strcmp(argument, "-h")) argument = help_row.name, n = strlen(argument);
    snprintf(name, sizeof name, "%.*s", (int)(n < sizeof name ? n : sizeof name - 1), argument);
    for (*row = command->option; (*row)->name; ++*row)
        if (!strcmp((*row)->name, name)) return LUGE_OK;
    *row = &help_row;
    if (!strcmp(help_row.name, name)) return LUGE_OK;
    const char *near = cli_nearest(name, option_name, command->option);
    return lg_fail(err, LUGE_E_NAME, "there is no option \"%s\"%s%s%s; luge %s --help lists them", name,
                   near ? ", did you mean " : "", near ? near : "", near ? "?" : "", command->name);
}

static lg_setting setting(const cli_option *row)
{
    return (lg_setting){ row->name, (enum lg_kind)row->kind, row->at, row->value, row->range, row->text };
}

static luge_status push(cli_texts *list, const char *text, luge_error *err)
{
    const char **v = (const char **)lg_grow((void *)list->v, list->n, list->n + 1, sizeof *v);
    if (!v) return lg_fail(err, LUGE_E_MEMORY, "out of memory");
    v[list->n] = text;
    list->v = v;
    list->n++;
    return LUGE_OK;
}

static luge_status put(const cli_option *row, void *options, const char *value, luge_error *err)
{
    char *at = (char *)options + row->at;
    lg_setting typed = setting(row);

    if (row->kind == CLI_TEXT) {
        *(const char **)(void *)at = value;
        return LUGE_OK;
    }
    if (row->kind == CLI_PLUGIN) return cli_plugin_load(value, err);
    if (row->kind == CLI_TEXTS) return push((cli_texts *)(void *)at, value, err);
    luge_status st = lg_setting_set("", &typed, options, value, err);
    if (st) memmove(err->text, err->text + 2, strlen(err->text) - 1); /* the owner, which is nobody: ": " */
    return st;
}

static luge_status defaults(const cli_command *command, void *options, luge_error *err)
{
    luge_status st = LUGE_OK;
    for (const cli_option *row = command->option; row->name && !st; row++)
        if (row->value) st = put(row, options, row->value, err);
    return st;
}

luge_status cli_parse(const cli_command *command, int argc, char **argv, void *options, cli_texts *operands,
                      bool *help, luge_error *err)
{
    luge_status st;
    bool only_operands = false;

    LG_TRY(defaults(command, options, err));
    for (int i = 0; i < argc; i++) {
        const cli_option *row;
        const char *value;
        if (only_operands || argv[i][0] != '-' || !argv[i][1]) {
            LG_TRY(push(operands, argv[i], err));
            continue;
        }
        if (!strcmp(argv[i], "--")) {
            only_operands = true;
            continue;
        }
        LG_TRY(find(command, argv[i], &row, &value, err));
        if (row->kind == CLI_FLAG) {
            if (value) return lg_fail(err, LUGE_E_ARG, "option %s takes no value, here \"%s\"", row->name, value);
            *(row == &help_row ? help : (bool *)((char *)options + row->at)) = true;
            continue;
        }
        if (!value && (i + 1 == argc || !strncmp(argv[i + 1], "--", 2)))
            return lg_fail(err, LUGE_E_ARG, "option %s needs a value: %s %s", row->name, row->name, row->hint);
        LG_TRY(put(row, options, value ? value : argv[++i], err));
    }
    if (*help) return LUGE_OK;
    if (operands->n > command->most)
        return lg_fail(err, LUGE_E_ARG, "\"%s\" is one word too many; luge %s --help shows the options",
                       operands->v[command->most], command->name);
    if (operands->n < command->least)
        return lg_fail(err, LUGE_E_ARG, "%s is missing; luge %s --help shows how", command->operands, command->name);
done:
    return st;
}

void cli_release(const cli_command *command, void *options, cli_texts *operands)
{
    for (const cli_option *row = command->option; row->name; row++)
        if (row->kind == CLI_TEXTS) lg_free((void *)((cli_texts *)(void *)((char *)options + row->at))->v);
    lg_free((void *)operands->v);
}

static void help_line(const cli_option *row)
{
    enum { INDENT = 32 };
    char left[96], text[400];

    snprintf(left, sizeof left, "  %s %s", row->name, row->hint ? row->hint : "");
    if (strlen(left) > INDENT - 2) {
        printf("%s\n", left);
        left[0] = 0;
    }
    cli_column(left, INDENT);
    snprintf(text, sizeof text, row->value ? "%s%s [%s]" : "%s%s", row->text,
             row->kind == CLI_TEXTS ? " (repeatable)" : "", row->value);
    cli_wrap(INDENT, text);
}

void cli_help(const cli_command *command)
{
    printf("luge %s: %s\n\nUsage: luge %s%s%s [options]\n\n%s\nOptions\n", command->name, command->title,
           command->name, command->operands ? " " : "", command->operands ? command->operands : "", command->text);
    for (const cli_option *row = command->option; row->name; row++) help_line(row);
    help_line(&help_row);
    if (command->more) command->more();
    printf("\nExamples\n%s", command->examples);
}
