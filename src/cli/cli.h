/* What the commands share: a table of options, output, the progress line, plots.
 * SPDX-License-Identifier: MIT */
#ifndef LG_CLI_H
#define LG_CLI_H
#include "core/core.h"
#include <jansson.h>
#include <stdio.h>

/* Exit status; a run that a signal stopped ends with CLI_SIGNAL + the signal's number. */
enum { CLI_GOOD = 0, CLI_FAILED = 1, CLI_USAGE = 2, CLI_SIGNAL = 128 };

/* ---- options (options.c): one row is a long option, its check and its line of --help ---- */

typedef struct cli_texts {
    const char **v;
    size_t n;
} cli_texts;

/* Kinds of options: those of settings (core.h; LG_int, LG_word, ... with their ranges), and
 *     CLI_FLAG   bool           CLI_TEXT   const char *, NULL without a default
 *     CLI_TEXTS  cli_texts, one for each time that the option is given
 *     CLI_PLUGIN nothing: the file is loaded (plugin.c) */
enum { CLI_FLAG = 100, CLI_TEXT, CLI_TEXTS, CLI_PLUGIN };

typedef struct cli_option {
    const char *name; /* with its dashes */
    int kind;
    size_t at;               /* offset in the struct of the command */
    const char *value;       /* default, or NULL                    */
    const char *range;       /* of a setting's kind                 */
    const char *hint, *text; /* "FILE" and what it means            */
} cli_option;                /* a table ends with a NULL name       */

typedef struct cli_command {
    const char *name, *operands; /* operands: "[NAME]", or NULL where there are none */
    const char *title;           /* one line for the list of commands                */
    const char *text, *examples;
    size_t least, most; /* operands allowed */
    size_t size;        /* of the struct that the options fill */
    const cli_option *option;
    void (*more)(void); /* what --help says beyond the options, or NULL */
    int (*run)(const void *options, const cli_texts *operands);
} cli_command;

/* The row of every command that takes a method. */
#define CLI_PLUGIN_ROW                                                                                               \
    {                                                                                                                \
        "--plugin", CLI_PLUGIN, 0, NULL, NULL, "FILE.so",                                                            \
            "a method of one's own, made by luge cc; loading it runs its code (repeatable)"                          \
    }

extern const cli_command cli_cc, cli_methods, cli_train, cli_flow, cli_analyze, cli_sample, cli_federate,
    cli_reproduce, cli_replay, cli_bench;

int cli_main(int argc, char **argv); /* the whole command; main() is that of luge or of luge-mpi */

/* Read the arguments after the command's name into options (command->size bytes, zeroed).  *help: --help was among
 * them. The texts in `options` and `operands` point into argv and live in memory that cli_release frees. */
luge_status cli_parse(const cli_command *command, int argc, char **argv, void *options, cli_texts *operands,
                      bool *help, luge_error *err);
void cli_release(const cli_command *command, void *options, cli_texts *operands);
void cli_help(const cli_command *command);

/* ---- output (output.c) ---- */

/* Print "luge COMMAND: what went wrong" and give the exit status that belongs to it. */
int cli_fail(const char *command, const luge_error *err);

/* ---- methods: luge's own and those of the plugins that this command was given (plugin.c) ---- */

luge_status cli_plugin_load(const char *path, luge_error *err);
void cli_plugins_release(void);
const luge_method *cli_plugin_method(size_t i);       /* of the plugin that was loaded last; NULL past the end */
const luge_method *cli_method_at(size_t i);           /* plugins first; NULL past the end */
const luge_method *cli_method_find(const char *name); /* NULL if there is none      */
/* The method of that name, or an error that says which one is near. */
luge_status cli_method(const luge_method **method, const char *name, luge_error *err);
/* What --momentum sets, or an error that says that the method has no such thing. */
luge_status cli_momentum_key(const char **key, const luge_method *method, luge_error *err);
void cli_method_page(const luge_method *method); /* in markdown, on standard output */

/* The name among next(context, 0), (context, 1), ... (NULL ends) that `word` may have meant; NULL: none is near. */
const char *cli_nearest(const char *word, const char *(*next)(const void *context, size_t i), const void *context);
int cli_width(const char *utf8); /* columns that it takes */
/* Print text and spaces up to `width` columns; negative: spaces first. */
void cli_column(const char *text, int width);
/* Print text from column `indent` on, where the cursor stands, in lines of at most 100 columns. */
void cli_wrap(int indent, const char *text);
/* A number for people, `digits` significant ones; "-" where it was not measured. */
const char *cli_digits(char text[32], double v, int digits);
/* Print one JSON object as a line on standard output and release it; false: it could not be made. */
bool cli_json_line(json_t *object);
json_t *cli_json_number(double v); /* null where v is not finite */

/* ---- signals (signals.c): after the first call SIGINT and SIGTERM are only noted, once each ---- */

void cli_catch_signals(void);
int cli_caught(void); /* the number of the signal, 0: none */

/* ---- progress (progress.c): one line on a terminal, for what takes more than a second ---- */

typedef struct cli_progress {
    bool on, shown;
    double start, drawn;
    int64_t from; /* where this run began: what a checkpoint brought does not count in the rate */
} cli_progress;

void cli_progress_start(cli_progress *p, bool quiet);
/* loss: NAN where there is none. */
void cli_progress_show(cli_progress *p, int64_t done, int64_t of, double loss);
void cli_progress_clear(cli_progress *p); /* before other output, and at the end */

/* ---- plots (plot.c): gnuplot, a panel above the other ---- */

typedef struct cli_curve {
    const char *title;
    const double *x, *y; /* points that are not finite are left out */
    size_t n;
    int colour;  /* 0, 1, ...: the same for the same thing in every panel */
    bool broken; /* a point that is not finite ends a line, and the next begins another */
    bool faint;  /* thin and grey, behind the others */
} cli_curve;

typedef struct cli_panel {
    const char *label, *xlabel; /* xlabel NULL: the plot's, under the last panel */
    bool log;                   /* logarithmic, where all values are positive    */
    bool xlog;                  /* the abscissa too                              */
    const cli_curve *curve;
    size_t curves;
} cli_panel;

typedef struct cli_plot {
    const char *title, *xlabel;
    const cli_panel *panel;
    size_t panels;
} cli_plot;

/* Whether `path` can become a plot (its ending, gnuplot being there): before the work, not after it. */
luge_status cli_plot_check(const char *path, luge_error *err);
luge_status cli_plot_write(const char *path, const cli_plot *plot, luge_error *err);

#endif
