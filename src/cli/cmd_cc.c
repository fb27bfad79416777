/* luge cc: a method file made into a plugin.  SPDX-License-Identifier: MIT */
#include "cli/cli.h"
#include "experiments/plugin.h"
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

static int run(const void *context, const cli_texts *operands)
{
    const options *o = (const options *)context;
    const char *file = operands->v[0];
    char path[256];
    luge_error err;
    luge_status st = name_out(file, o->out, path, &err);

    if (!st) st = lg_plugin_build(file, path, &err);
    if (!st) st = cli_plugin_load(path, &err);
    if (st) return cli_fail("cc", &err);
    const luge_method *method = cli_plugin_method();
    if (o->json)
        cli_json_line(json_pack("{s:s, s:s, s:s}", "file", file, "plugin", path, "method",
                                luge_method_text(method, LUGE_NAME)));
    else
        cli_method_page(method);
    return CLI_GOOD;
}

const cli_command cli_cc = {
    .name = "cc",
    .operands = "FILE.h",
    .title = "makes a plugin of a method file of one's own, for --plugin",
    .text =
        "FILE.h is a method file as those of luge are; docs/your-own-method.md shows a whole one.  It is compiled\n"
        "with the flags of luge's own methods, for every instruction set level and type, by the compiler that\n"
        "built luge or the one that the environment variable CC names, and its page is printed.\n"
        "A plugin is a program: loading one runs what is in it, so load only what you would also run.\n",
    .examples = "  luge cc mymethod.h\n"
                "  luge methods --plugin mymethod.so mymethod\n"
                "  luge train --plugin mymethod.so --method mymethod --problem rosenbrock --steps 2000\n"
                "  CC=clang luge cc mymethod.h --out build/mymethod.so\n",
    .least = 1,
    .most = 1,
    .size = sizeof(options),
    .option = table,
    .run = run,
};
