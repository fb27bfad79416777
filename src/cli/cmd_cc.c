/* luge cc: a method file made into a plugin.  SPDX-License-Identifier: MIT */
#include "cli/cli.h"
#include "experiments/plugin.h"
#include "experiments/trial.h"
#include <string.h>

typedef struct options {
    const char *out;
    bool json;
} options;

static const cli_option table[] = {
    { "--out", CLI_TEXT, offsetof(options, out), NULL, NULL, "FILE.so",
      "the plugin; if not given, the file's name with .so, in the present folder" },
    { "--json", CLI_FLAG, offsetof(options, json), NULL, NULL, NULL, "one JSON object a line" },
    { 0 },
};

/* "a/mymethod.h" gives mymethod.so. */
static luge_status name_out(const char *file, const char *out, char path[256], luge_error *err)
{
    const char *base = strrchr(file, '/') ? strrchr(file, '/') + 1 : file;
    size_t n = strlen(base);

    if (n > 2 && !strcmp(base + n - 2, ".h")) n -= 2;
    if (!out && (n == 0 || n > 250))
        return lg_fail(err, LUGE_E_ARG, "%s: its name gives no name of a plugin; --out does", file);
    if (out && strlen(out) > 255) return lg_fail(err, LUGE_E_ARG, "--out %.60s...: longer than 255 bytes", out);
    if (out)
        snprintf(path, 256, "%s", out);
    else
        snprintf(path, 256, "%.*s.so", (int)n, base);
    return LUGE_OK;
}

/* ---- checks ---- */

typedef struct findings {
    size_t n;
    char first[512];
} findings;

static void note(void *context, const char *text)
{
    findings *f = context;
    if (f->n++ == 0) snprintf(f->first, sizeof f->first, "%s", text);
}

/* Print the line of a check that spoke of `checked` configurations. */
static void line(bool json, const lg_property *p, size_t checked, const findings *f)
{
    if (json) {
        cli_json_line(json_pack("{s:s, s:s, s:I, s:I, s:b, s:s}", "check", p->name, "text", p->text, "configurations",
                                (json_int_t)checked, "wrong", (json_int_t)f->n, "pass", f->n == 0, "first",
                                f->first));
        return;
    }
    printf("%-7s%s\n", f->n ? "FAILS" : checked ? "good" : "-", p->text);
    if (f->n) printf("       %s%s\n", f->first, f->n > 1 ? "; and others" : "");
    fflush(stdout);
}

/* A property of every method of the plugin with every setting that is a choice; *wrong: what does not hold. */
static void check(bool json, const lg_property *p, const lg_configs *configs, lg_trials *t, findings *f,
                  size_t *wrong)
{
    cli_progress progress;

    cli_progress_start(&progress, false);
    *f = (findings){ 0 };
    t->checked = 0;
    for (size_t i = 0; i < configs->n; i++) {
        luge_error why;
        cli_progress_show(&progress, (int64_t)i, (int64_t)configs->n, (double)NAN);
        if (p->check(t, &configs->v[i], &why)) note(f, why.text);
    }
    cli_progress_clear(&progress);
    line(json, p, t->checked, f);
    *wrong += f->n;
}

static luge_status check_all(bool json, const luge_method *const *method, size_t *wrong, luge_error *err)
{
    luge_status st = LUGE_OK;
    lg_configs configs = { 0 };
    lg_trials *t = NULL;
    findings f;

    for (; *method; method++) LG_TRY(lg_configs_add(&configs, *method, err));
    LG_TRY(lg_trials_open(&t, note, &f, err));
    for (const lg_property *p = lg_properties; p->name; p++) check(json, p, &configs, t, &f, wrong);
    check(json, &lg_order_property, &configs, t, &f, wrong);
done:
    lg_trials_close(t);
    lg_free(configs.v);
    return st;
}

static int run(const void *context, const cli_texts *operands)
{
    const options *o = (const options *)context;
    const char *file = operands->v[0];
    char path[256];
    size_t wrong = 0;
    luge_error err;
    luge_status st = name_out(file, o->out, path, &err);

    if (!st) st = lg_plugin_build(file, path, &err);
    if (!st) st = cli_plugin_load(path, &err);
    const luge_method *method[64] = { cli_plugin_method(0) };
    for (size_t i = 1; i < 63 && method[i - 1]; i++) method[i] = cli_plugin_method(i);
    if (!st && !o->json) cli_method_page(method[0]), printf("\n");
    if (!st) st = check_all(o->json, method, &wrong, &err);
    if (st) return cli_fail("cc", &err);
    if (o->json)
        cli_json_line(json_pack("{s:s, s:s, s:s, s:b}", "file", file, "plugin", path, "method",
                                luge_method_text(method[0], LUGE_NAME), "pass", wrong == 0));
    else
        printf("\n%s holds %s: luge methods --plugin %s %s\n", path, luge_method_text(method[0], LUGE_NAME), path,
               luge_method_text(method[0], LUGE_NAME));
    return wrong ? CLI_FAILED : CLI_GOOD;
}

const cli_command cli_cc = {
    .name = "cc",
    .operands = "FILE.h",
    .title = "makes a plugin of a method file of one's own, for --plugin",
    .text =
        "FILE.h is a method file as those of luge are; docs/your-own-method.md shows a whole one.  It is compiled\n"
        "with the flags of luge's own methods, for every instruction set level and type, by the compiler that\n"
        "built luge or the one that the environment variable CC names.  Its page is printed, and what every method "
        "of\n"
        "luge is tested for is tested on it: a line each, exit status 1 where one fails.\n"
        "A plugin is a program: loading one runs what is in it, so load only what you would also run.\n",
    .examples = "  luge cc mymethod.h\n"
                "  luge analyze mymethod --plugin mymethod.so --momentum 0.9\n"
                "  luge methods --plugin mymethod.so mymethod\n"
                "  luge train --plugin mymethod.so --method mymethod --problem rosenbrock --steps 2000\n"
                "  CC=clang luge cc mymethod.h --out build/mymethod.so\n",
    .least = 1,
    .most = 1,
    .size = sizeof(options),
    .option = table,
    .run = run,
};
