/* luge reproduce.  SPDX-License-Identifier: MIT */
#include "cli/cli.h"
#include "experiments/flow.h"
#include <string.h>
#include <unistd.h>

typedef struct options {
    const char *data;
    int64_t threads;
    bool json, list;
} options;

static const cli_option table[] = {
    { "--data", CLI_TEXT, offsetof(options, data), NULL, NULL, "DIR", "folder of the files that some claims need" },
    { "--list", CLI_FLAG, offsetof(options, list), NULL, NULL, NULL, "only name the claims" },
    { "--threads", LG_int, offsetof(options, threads), "0", "[0,1024]", "T", "0: one for each processor" },
    { "--json", CLI_FLAG, offsetof(options, json), NULL, NULL, NULL,
      "one JSON object a line, a line for each claim" },
    { 0 },
};

static const char *claim_name(const void *context, size_t i)
{
    const lg_claim *c = lg_claim_at(i);
    (void)context;
    return c ? c->name : NULL;
}

/* The first file that is missing for the claim, or NULL. */
static const char *missing(const lg_claim *c, const char *folder)
{
    char path[1024];
    for (size_t i = 0; c->data && c->data[i]; i++) {
        if (!folder) return c->data[i];
        snprintf(path, sizeof path, "%s/%s", folder, c->data[i]);
        if (access(path, R_OK)) return c->data[i];
    }
    return NULL;
}

static void show(const options *o, const lg_claim *c, const lg_verdict *v)
{
    const char *verdict = v->holds ? "holds" : "fails";
    if (o->json) {
        cli_json_line(json_pack("{s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "name", c->name, "claim", c->claim,
                                "reference", c->reference, "run", c->run, "expected", v->expected, "measured",
                                v->measured, "verdict", verdict));
        return;
    }
    printf("%s: %s\n  claim      %s\n  reference  %s\n  run        %s\n  expected   %s\n  measured   %s\n\n", c->name,
           verdict, c->claim, c->reference, c->run, v->expected, v->measured);
    fflush(stdout);
}

/* *failed: the claim was run and does not hold. */
static luge_status one(const options *o, const lg_claim *c, bool asked, bool *failed, luge_error *err)
{
    lg_verdict v = { .holds = true };
    lg_means means = { o->data, (int)o->threads };
    const char *file = missing(c, o->data);
    luge_status st;

    if (o->list) {
        printf("%-24s%s\n", c->name, c->claim);
        return LUGE_OK;
    }
    if (file && asked)
        return lg_fail(err, LUGE_E_INPUT, "%s needs the file %s; --data DIR says where it lies", c->name, file);
    if (file) {
        fprintf(stderr, "luge reproduce: %s is left out: it needs the file %s (--data DIR)\n", c->name, file);
        return LUGE_OK;
    }
    if ((st = c->check(&means, &v, err)) != LUGE_OK) return st;
    show(o, c, &v);
    *failed = *failed || !v.holds;
    return LUGE_OK;
}

static int run(const void *context, const cli_texts *operands)
{
    const options *o = context;
    const char *name = operands->n ? operands->v[0] : NULL;
    const lg_claim *c;
    bool failed = false, found = false;
    luge_error err;

    for (size_t i = 0; (c = lg_claim_at(i)) != NULL; i++) {
        if (name && strcmp(name, c->name) != 0) continue;
        found = true;
        if (one(o, c, name != NULL, &failed, &err)) return cli_fail("reproduce", &err);
    }
    if (found) return failed ? CLI_FAILED : CLI_GOOD;
    const char *near = cli_nearest(name, claim_name, NULL);
    lg_fail(&err, LUGE_E_NAME, "there is no claim \"%s\"%s%s%s; luge reproduce --list names them", name,
            near ? ", did you mean " : "", near ? near : "", near ? "?" : "");
    return cli_fail("reproduce", &err);
}

const cli_command cli_reproduce = {
    .name = "reproduce",
    .operands = "[NAME]",
    .title = "runs the claims of the founding papers and says which hold",
    .text = "Each claim is a sentence of a paper with what must be measured if it is true.  Without a name all are\n"
            "run.  The exit status is 1 where one fails.\n",
    .examples = "  luge reproduce --list\n"
                "  luge reproduce theorem_1\n"
                "  luge reproduce --data data --json > claims.jsonl\n",
    .most = 1,
    .size = sizeof(options),
    .option = table,
    .run = run,
};
