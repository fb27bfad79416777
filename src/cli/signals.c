/* A signal ends the run after the step in progress; a second one ends the program at once.
 * SPDX-License-Identifier: MIT */
#include "cli/cli.h"
#include <signal.h>

static volatile sig_atomic_t caught;
static void on_signal(int number) { caught = number; }

void cli_catch_signals(void)
{
    struct sigaction action = { .sa_flags = (int)SA_RESETHAND };
    action.sa_handler = on_signal;
    sigemptyset(&action.sa_mask);
    sigaction(SIGINT, &action, NULL);
    sigaction(SIGTERM, &action, NULL);
}

int cli_caught(void) { return (int)caught; }
