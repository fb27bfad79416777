/* luge replay.  SPDX-License-Identifier: MIT */
#include "cli/cli.h"
#include "experiments/experiments.h"

typedef struct options {
    int64_t threads;
    bool json;
} options;

static const cli_option table[] = {
    { "--threads", LG_int, offsetof(options, threads), "0", "[0,1024]", "T",
      "0: one for each processor; results do not depend on it" },
    CLI_PLUGIN_ROW,
    { "--json", CLI_FLAG, offsetof(options, json), NULL, NULL, NULL, "one JSON object a line, a line for each file" },
    { 0 },
};

static bool line_json(const char *file, const lg_replayed *r)
{
    return cli_json_line(json_pack("{s:s, s:s, s:I, s:o, s:s, s:I, s:o, s:b}", "file", file, "method", r->method,
                                   "steps", (json_int_t)r->steps, "max_rel_error", cli_json_number(r->max_rel_error),
                                   "worst_tensor", r->worst_tensor, "worst_step", (json_int_t)r->worst_step,
                                   "tolerance", cli_json_number(r->tolerance), "pass", r->pass));
}

static void line_text(const char *file, const lg_replayed *r)
{
    char text[32];
    cli_column(r->pass ? "good" : "FAILS", 7);
    cli_column(r->method, 24);
    printf("%6lld", (long long)r->steps);
    cli_column(cli_digits(text, r->max_rel_error, 3), -12);
    cli_column(cli_digits(text, r->tolerance, 3), -11);
    printf("  %s at %s, step %lld\n", file, r->worst_tensor, (long long)r->worst_step);
}

/* Replay one file and print its line; false: it failed. */
static bool replay(const options *o, const char *file, cli_progress *progress)
{
    lg_replayed result;
    luge_error err;
    luge_status st = lg_replay_run(file, (int)o->threads, cli_method_find, &result, &err);

    cli_progress_clear(progress);
    if (st) return cli_fail("replay", &err), false;
    if (o->json)
        line_json(file, &result);
    else
        line_text(file, &result);
    return result.pass;
}

static int run(const void *context, const cli_texts *operands)
{
    const options *o = (const options *)context;
    size_t good = 0;
    cli_progress progress;

    if (!o->json)
        printf("%-7s%-24s%6s%12s%11s  file and where the error is largest\n", "", "method", "steps", "error",
               "tolerance");
    cli_progress_start(&progress, false);
    for (size_t i = 0; i < operands->n; i++) {
        cli_progress_show(&progress, (int64_t)i, (int64_t)operands->n, (double)NAN);
        good += replay(o, operands->v[i], &progress);
    }
    if (!o->json) printf("\n%zu of %zu files replay within their tolerance\n", good, operands->n);
    return good == operands->n ? CLI_GOOD : CLI_FAILED;
}

const cli_command cli_replay = {
    .name = "replay",
    .operands = "FILE...",
    .title = "replays recorded gradients through a method and compares the parameters",
    .text = "FILE is a safetensors file with gradients and the parameters that another implementation made of them.\n"
            "The error is the largest |p - ref| / (1e-3 + |ref|) of any element at any step.\n"
            "Exit status 1 where a file is not within its tolerance.\n",
    .examples = "  luge replay adamw__basic.safetensors\n"
                "  luge replay --json recorded/*.safetensors\n",
    .least = 1,
    .most = SIZE_MAX,
    .size = sizeof(options),
    .option = table,
    .run = run,
};
