/* luge bench.  SPDX-License-Identifier: MIT */
#include "cli/cli.h"
#include "experiments/experiments.h"
#include <string.h>

typedef struct options {
    const char *methods;
    int64_t n, threads;
    int dtype;
    bool json;
} options;

static const cli_option table[] = {
    { "--methods", CLI_TEXT, offsetof(options, methods), NULL, NULL, "A,B,...", "which; all of them if not given" },
    { "--n", LG_int, offsetof(options, n), "4194304", "[1,1e11]", "N",
      "parameters: of 1024 columns where N is a multiple of that" },
    { "--threads", LG_int, offsetof(options, threads), "0", "[0,1024]", "T", "0: one for each processor" },
    { "--dtype", LG_word, offsetof(options, dtype), "f32", "(f32, f64)", "TYPE", "of the parameters: f32 or f64" },
    CLI_PLUGIN_ROW,
    { "--json", CLI_FLAG, offsetof(options, json), NULL, NULL, NULL,
      "one JSON object a line, a line for each method" },
    { 0 },
};

/* The next name of "A,B,C"; false: no more. */
static bool next_name(const char **list, char name[64])
{
    size_t n = strcspn(*list, ",");
    if (!**list) return false;
    snprintf(name, 64, "%.*s", (int)(n < 64 ? n : 63), *list);
    *list += n + ((*list)[n] == ',');
    return true;
}

/* Measure one method and print its line. */
static luge_status measure(const options *o, const char *name, cli_progress *progress, luge_error *err)
{
    static const char *const dtype[] = { [LUGE_F32] = "f32", [LUGE_F64] = "f64" };
    lg_measured m;
    luge_status st = lg_bench_run(cli_method_find(name), (luge_type)o->dtype, (size_t)o->n, (int)o->threads, &m, err);

    cli_progress_clear(progress);
    if (st) return st;
    if (o->json)
        cli_json_line(json_pack("{s:s, s:s, s:I, s:i, s:o, s:o, s:o}", "method", name, "dtype", dtype[o->dtype], "n",
                                (json_int_t)o->n, "threads", m.threads, "gb_per_s", cli_json_number(m.gb_per_s),
                                "fraction_of_copy", cli_json_number(m.fraction_of_copy), "seconds",
                                cli_json_number(m.seconds)));
    else
        printf("%-24s%-6s%12lld%9d%12.3g%12.1f%18.2f\n", name, dtype[o->dtype], (long long)o->n, m.threads,
               1e3 * m.seconds, m.gb_per_s, m.fraction_of_copy);
    fflush(stdout);
    return st;
}

/* The i-th method to measure: of the list, or of all. */
static bool name_at(const options *o, size_t i, char name[64])
{
    const luge_method *method;
    const char *list = o->methods;

    if (!list)
        return (method = cli_method_at(i)) != NULL &&
               snprintf(name, 64, "%s", luge_method_text(method, LUGE_NAME)) > 0;
    for (size_t k = 0; k <= i; k++)
        if (!next_name(&list, name)) return false;
    return true;
}

static int run(const void *context, const cli_texts *operands)
{
    const options *o = (const options *)context;
    const luge_method *method;
    cli_progress progress;
    char name[64];
    luge_error err;
    size_t count = 0;

    (void)operands;
    for (; name_at(o, count, name); count++)
        if (cli_method(&method, name, &err)) return cli_fail("bench", &err);
    if (!o->json)
        printf("%-24s%-6s%12s%9s%12s%12s%18s\n", "method", "dtype", "n", "threads", "ms a step", "GB/s",
               "fraction of copy");
    cli_progress_start(&progress, false);
    for (size_t i = 0; i < count && name_at(o, i, name); i++) {
        cli_progress_show(&progress, (int64_t)i, (int64_t)count, (double)NAN);
        luge_status st = measure(o, name, &progress, &err);
        if (st) return cli_fail("bench", &err);
    }
    return CLI_GOOD;
}

const cli_command cli_bench = {
    .name = "bench",
    .title = "measures each method's step beside a loop that only moves the same streams",
    .text =
        "GB/s counts what the method must read and write.  The fraction is its rate over that of a loop with the\n"
        "same streams and no arithmetic, measured in turns in the same run: only it can be compared between runs.\n"
        "Work that is no pass over coordinates (matrix products) is in the time and not in the streams.\n",
    .examples = "  luge bench --methods adamw,lion --n 67108864\n"
                "  luge bench --threads 1 --json > bench.jsonl\n",
    .size = sizeof(options),
    .option = table,
    .run = run,
};
