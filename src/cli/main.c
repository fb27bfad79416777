/* luge COMMAND ...: finds the command and hands its options over.  SPDX-License-Identifier: MIT */
#include "cli/cli.h"
#include <string.h>

static const cli_command *const commands[] = { &cli_methods, &cli_train,    &cli_cc,        &cli_flow,   &cli_analyze,
                                               &cli_sample,  &cli_federate, &cli_reproduce, &cli_replay, &cli_bench };
enum { COMMANDS = sizeof commands / sizeof commands[0] };

static const char *command_name(const void *context, size_t i)
{
    (void)context;
    return i < COMMANDS ? commands[i]->name : NULL;
}

static const cli_command *command_find(const char *name)
{
    for (size_t i = 0; i < COMMANDS; i++)
        if (!strcmp(commands[i]->name, name)) return commands[i];
    return NULL;
}

static void help(FILE *to)
{
    fprintf(to,
            "luge %s: momentum methods, each shown to be the method that it says it is\n\n"
            "Usage: luge COMMAND [options]\n\nCommands\n",
            luge_version());
    for (size_t i = 0; i < COMMANDS; i++) fprintf(to, "  %-10s%s\n", commands[i]->name, commands[i]->title);
    fputs("\nluge COMMAND --help shows the options and examples of a command; --version the version.\n"
          "Exit status: 0 good, 1 a check or run failed, 2 wrong usage, 128 + N stopped by signal N.\n\n"
          "Examples\n"
          "  luge methods                       every method and what its state costs\n"
          "  luge methods adamw                 its formula, reference, parameters and state\n"
          "  luge train --problem rosenbrock --method heavy_ball --lr 1e-3 --momentum 0.9 --steps 2000\n"
          "  luge flow --problem rosenbrock     the iterates against the flows that they shadow\n"
          "  luge analyze nesterov              filter, stability, rates and certificate\n"
          "  luge sample ghvb --order 3.8       a diffusion sampler with momentum beside the exact flow\n"
          "  luge federate ghbm fedavg          federated rules with and without momentum\n"
          "  luge replay run.safetensors        recorded gradients, replayed and compared\n",
          to);
}

static int unknown(const char *name)
{
    const char *near = cli_nearest(name, command_name, NULL);
    luge_error err;
    lg_fail(&err, LUGE_E_NAME, "there is no command \"%s\"%s%s%s; luge --help lists them", name,
            near ? ", did you mean " : "", near ? near : "", near ? "?" : "");
    return cli_fail("", &err);
}

static int run(const cli_command *command, int argc, char **argv)
{
    cli_texts operands = { 0 };
    bool wants_help = false;
    luge_error err;
    int status;
    void *options = lg_alloc(1, command->size);

    if (!options) {
        lg_fail(&err, LUGE_E_MEMORY, "out of memory");
        return cli_fail(command->name, &err);
    }
    if (cli_parse(command, argc, argv, options, &operands, &wants_help, &err))
        status = cli_fail(command->name, &err);
    else if (wants_help)
        cli_help(command), status = CLI_GOOD;
    else
        status = command->run(options, &operands);
    cli_release(command, options, &operands);
    lg_free(options);
    cli_plugins_release();
    if ((fflush(stdout) || ferror(stdout)) && status == CLI_GOOD) {
        lg_fail(&err, LUGE_E_IO, "standard output could not be written");
        status = cli_fail(command->name, &err);
    }
    return status;
}

int cli_main(int argc, char **argv)
{
    const char *name = argc > 1 ? argv[1] : "";

    if (!strcmp(name, "--version")) return printf("luge %s\n", luge_version()) < 0;
    if (!strcmp(name, "--help") || !strcmp(name, "-h") || (!strcmp(name, "help") && argc == 2))
        return help(stdout), CLI_GOOD;
    if (argc == 1) return help(stderr), CLI_USAGE;
    if (!strcmp(name, "help")) {
        char *asked[] = { "--help" };
        const cli_command *about = command_find(argv[2]);
        return about ? run(about, 1, asked) : unknown(argv[2]);
    }
    const cli_command *command = command_find(name);
    return command ? run(command, argc - 2, argv + 2) : unknown(name);
}
