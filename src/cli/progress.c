/* A progress line on standard error: only on a terminal, only for what takes longer than a second.
 * SPDX-License-Identifier: MIT */
#include "cli/cli.h"
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <time.h>
#include <unistd.h>

static const double patience = 1, interval = 0.1; /* seconds before the first line and between two */

static double now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static int terminal_width(void)
{
    struct winsize w;
    return !ioctl(STDERR_FILENO, TIOCGWINSZ, &w) && w.ws_col > 0 ? w.ws_col : 80;
}

/* "4s", "3m20s", "2h05m" */
static void duration(char *text, size_t size, double seconds)
{
    long long s = seconds < 1e9 ? (long long)(seconds + 0.5) : 999999999;
    if (s < 60)
        snprintf(text, size, "%llds", s);
    else if (s < 3600)
        snprintf(text, size, "%lldm%02llds", s / 60, s % 60);
    else
        snprintf(text, size, "%lldh%02lldm", s / 3600, s / 60 % 60);
}

void cli_progress_start(cli_progress *p, bool quiet)
{
    const char *terminal = getenv("TERM");
    *p = (cli_progress){ .on = !quiet && isatty(STDERR_FILENO) && terminal && strcmp(terminal, "dumb") != 0,
                         .start = now(),
                         .from = -1 };
}

/* Bar and figures in at most `width` columns; the bar takes what the figures leave. */
static void draw(double part, const char *figures, int width)
{
    enum { LEAST = 5, MOST = 40 };
    int room = width - (int)strlen(figures) - 4; /* brackets, a space, and the last column: no wrap */
    int bar = room < MOST ? room : MOST, full;

    fputs("\r\033[K", stderr);
    if (bar >= LEAST) {
        full = (int)(part * bar);
        fputc('[', stderr);
        for (int i = 0; i < bar; i++) fputc(i < full ? '#' : '.', stderr);
        fputs("] ", stderr);
    }
    fprintf(stderr, "%.*s", width - 1, figures);
    fflush(stderr);
}

void cli_progress_show(cli_progress *p, int64_t done, int64_t of, double loss)
{
    char figures[160], left[32], value[32];
    double t = now(), rate;

    if (!p->on) return;
    if (p->from < 0) p->from = done;
    if (t - p->start < patience || t - p->drawn < interval || of <= 0) return;
    rate = (double)(done - p->from) / (t - p->start);
    duration(left, sizeof left, rate > 0 ? (double)(of - done) / rate : 1e9);
    snprintf(figures, sizeof figures, "%3d%%  %lld/%lld  %s/s  %s left", (int)(100 * done / of), (long long)done,
             (long long)of, cli_digits(value, rate, 3), rate > 0 ? left : "?");
    if (!isnan(loss))
        snprintf(figures + strlen(figures), sizeof figures - strlen(figures), "  loss %s",
                 cli_digits(value, loss, 4));
    draw((double)done / (double)of, figures, terminal_width());
    p->drawn = t;
    p->shown = true;
}

void cli_progress_clear(cli_progress *p)
{
    if (!p->shown) return;
    fputs("\r\033[K", stderr);
    fflush(stderr);
    p->shown = false;
}
