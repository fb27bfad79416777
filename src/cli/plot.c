/* Plots by gnuplot, which reads the script on its input and leaves the picture on its output.
 * SPDX-License-Identifier: MIT */
#include "cli/cli.h"
#include "io/io.h"
#include <errno.h>
#include <spawn.h>
#include <string.h>
#include <sys/wait.h>

extern char **environ;

/* Text, axes and grid have colours that nothing else has, so that the style of an svg can name them. */
#define PAPER "#ffffff"
#define INK   "#1f2328"
#define AXIS  "#8c959f"
#define GRID  "#d8dee4"

/* At least 3:1 against the light and the dark paper. */
static const char *const colour[] = { "#2f81f7", "#d9730d", "#2da44e", "#a371f7", "#e5534b", "#1b9aaa", "#8a8f98" };
enum { COLOURS = sizeof colour / sizeof colour[0], MOST = 32 /* curves of a panel */ };

static const char *const style = "\n<style>\n"
                                 "text { font-family: system-ui, Helvetica, Arial, sans-serif }\n"
                                 "@media (prefers-color-scheme: dark) {\n"
                                 "  [fill=\"" PAPER "\"] { fill: #0d1117 }\n"
                                 "  [fill=\"rgb(31,35,40)\"] { fill: #e6edf3 }\n"
                                 "  [stroke=\"rgb(140, 149, 159)\"] { stroke: #7d8590 }\n"
                                 "  .gridline { stroke: #30363d }\n"
                                 "}\n</style>\n";

static const struct {
    const char *ending, *terminal;
} formats[] = {
    { ".svg", "set terminal svg size 900,%d font 'Helvetica,13' background '" PAPER "'\n" },
    { ".png", "height = %d * 3 / 2\n"
              "if (strstrt(GPVAL_TERMINALS, 'pngcairo')) {\n"
              "set terminal pngcairo size 1350,height fontscale 1.3 linewidth 1.5 background '#f6f8fa'\n"
              "} else {\nset terminal png size 1350,height giant background '#f6f8fa'\n}\n" },
    { ".pdf",
      "height = %d / 100.0\nset terminal pdfcairo size 9,height font 'Helvetica,13' background '" PAPER "'\n" },
};
enum { SVG, FORMATS = sizeof formats / sizeof formats[0] };

static int format_of(const char *path)
{
    size_t n = strlen(path);
    for (int i = 0; i < FORMATS; i++)
        if (n > 4 && !strcmp(path + n - 4, formats[i].ending)) return i;
    return -1;
}

/* ---- running gnuplot ---- */

/* The last line of `errors` with text in it. */
static luge_status complain(FILE *errors, int status, luge_error *err)
{
    char line[200], last[200] = "no message";
    rewind(errors);
    while (fgets(line, sizeof line, errors))
        if (line[strspn(line, " \t\r\n^")]) snprintf(last, sizeof last, "%.*s", (int)strcspn(line, "\n"), line);
    return lg_fail(err, LUGE_E_BACKEND, "gnuplot ended with status %d: %s", status, last);
}

/* Run gnuplot -d with the three files as its input, output and errors. */
static luge_status gnuplot(FILE *script, FILE *picture, FILE *errors, luge_error *err)
{
    char *argv[] = { (char[]){ "gnuplot" }, (char[]){ "-d" }, (char[]){ "-" }, NULL };
    FILE *file[] = { script, picture, errors };
    posix_spawn_file_actions_t actions;
    pid_t child;
    int failed, status = 0;

    if (fflush(script) || fseek(script, 0, SEEK_SET)) return lg_fail(err, LUGE_E_IO, "plot: %s", strerror(errno));
    if (posix_spawn_file_actions_init(&actions)) return lg_fail(err, LUGE_E_MEMORY, "out of memory");
    failed = 0;
    for (int i = 0; i < 3 && !failed; i++) failed = posix_spawn_file_actions_adddup2(&actions, fileno(file[i]), i);
    if (!failed) failed = posix_spawnp(&child, argv[0], &actions, NULL, argv, environ);
    posix_spawn_file_actions_destroy(&actions);
    if (failed == ENOENT)
        return lg_fail(err, LUGE_E_BACKEND,
                       "plots are drawn by gnuplot, which is not installed: "
                       "on Debian, apt-get install gnuplot-nox");
    if (failed) return lg_fail(err, LUGE_E_BACKEND, "gnuplot could not be started: %s", strerror(failed));
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return status ? complain(errors, WIFEXITED(status) ? WEXITSTATUS(status) : status, err) : LUGE_OK;
}

/* ---- the script ---- */

static bool usable(const cli_curve *c, size_t i) { return isfinite(c->x[i]) && isfinite(c->y[i]); }

/* A logarithmic axis says more where all values are positive and they span a factor of twenty: that factor, else 0.
 */
static double log_span(const cli_panel *panel)
{
    double lo = HUGE_VAL, hi = 0;
    for (size_t c = 0; c < panel->curves; c++)
        for (size_t i = 0; i < panel->curve[c].n; i++)
            if (usable(&panel->curve[c], i)) lo = fmin(lo, panel->curve[c].y[i]), hi = fmax(hi, panel->curve[c].y[i]);
    return panel->log && lo > 0 && hi > 20 * lo ? hi / lo : 0;
}

static size_t write_data(FILE *f, const cli_curve *curve, size_t number)
{
    size_t points = 0;
    fprintf(f, "$curve%zu << END\n", number);
    for (size_t i = 0; i < curve->n; i++)
        if (usable(curve, i))
            fprintf(f, "%.9g %.9g\n", curve->x[i], curve->y[i]), points++;
        else if (curve->broken)
            fputc('\n', f);
    fputs("END\n", f);
    return points;
}

/* In single quotes gnuplot takes everything but a quote for itself; @ and _ are markup unless `noenhanced`. */
static void write_quoted(FILE *f, const char *text)
{
    fputc('\'', f);
    for (; *text; text++) fputs(*text == '\'' ? "''" : (char[]){ *text, 0 }, f);
    fputc('\'', f);
}

/* Few whole numbers, as epochs are, get a tick each. */
static bool is_few(const cli_panel *panel)
{
    double lo = HUGE_VAL, hi = -HUGE_VAL;
    for (size_t c = 0; c < panel->curves; c++)
        for (size_t i = 0; i < panel->curve[c].n; i++) {
            double x = panel->curve[c].x[i];
            if (x != floor(x)) return false;
            lo = fmin(lo, x), hi = fmax(hi, x);
        }
    return hi - lo < 16;
}

static void write_curves(FILE *f, const cli_panel *panel)
{
    size_t shown = 0, points[MOST] = { 0 }, curves = panel->curves < MOST ? panel->curves : MOST;

    for (size_t c = 0; c < curves; c++) points[c] = write_data(f, &panel->curve[c], c);
    for (size_t c = 0; c < curves; c++) {
        if (!points[c]) continue;
        const cli_curve *curve = &panel->curve[c];
        fprintf(f, "%s $curve%zu using 1:2 with %s lc rgb '%s' lw %s title ", shown++ ? "," : "plot", c,
                points[c] <= 40 && !curve->faint ? "linespoints pt 7 ps 0.4" : "lines",
                curve->faint ? AXIS : colour[curve->colour % COLOURS], curve->faint ? "0.7" : "2");
        write_quoted(f, panel->curve[c].title);
        fputs(" noenhanced", f);
    }
    fputs(shown ? "\n" : "plot [1:2] [1:2] NaN notitle\n", f);
}

static void write_label(FILE *f, const char *what, const char *text)
{
    fprintf(f, "set %s ", what);
    write_quoted(f, text);
    fputs(" noenhanced textcolor rgb '" INK "'\n", f);
}

static void write_panel(FILE *f, const cli_plot *plot, size_t number)
{
    const cli_panel *panel = &plot->panel[number];

    write_label(f, "title", number == 0 ? plot->title : "");
    write_label(f, "xlabel", panel->xlabel ? panel->xlabel : number + 1 == plot->panels ? plot->xlabel : "");
    write_label(f, "ylabel", panel->label);
    fputs(log_span(panel) > 0 ? "set logscale y\n" : "unset logscale y\n", f);
    fputs(panel->xlog && log_span(panel) > 100 ? "set format y '10^{%L}'\n" : "set format y '%h'\n", f);
    fputs(panel->xlog ? "set logscale x\nset format x '10^{%L}'\n" : "unset logscale x\nset format x '%h'\n", f);
    fputs(is_few(panel) ? "set xtics 1\n" : "set xtics autofreq\n", f);
    write_curves(f, panel);
}

/* Two panels have room on a page; more make it longer. */
static void write_terminal(FILE *f, int format, size_t panels)
{
    fprintf(f, formats[format].terminal, panels <= 2 ? 640 : 320 * (int)panels);
}

static void write_script(FILE *f, int format, const cli_plot *plot)
{
    write_terminal(f, format, plot->panels);
    fprintf(f,
            "set border 3 lc rgb '" AXIS "'\n"
            "set tics nomirror textcolor rgb '" INK "'\n"
            "set grid lt 1 lw 1 lc rgb '" GRID "'\n"
            "set key above right horizontal textcolor rgb '" INK "'\n"
            "set lmargin 10\n"
            "set rmargin 3\n"
            "set multiplot layout %zu,1\n",
            plot->panels);
    for (size_t i = 0; i < plot->panels; i++) write_panel(f, plot, i);
    fputs("unset multiplot\n", f);
}

/* ---- the file ---- */

static luge_status write_styled(lg_file *to, const char *data, size_t bytes, bool svg, luge_error *err)
{
    const char *canvas = svg ? strstr(data, "<g id=\"gnuplot_canvas\"") : NULL;
    size_t head = canvas ? (size_t)(canvas - data) : 0;
    luge_status st;

    LG_TRY(lg_file_write(to, data, head, err));
    if (canvas) LG_TRY(lg_file_write(to, style, strlen(style), err));
    LG_TRY(lg_file_write(to, data + head, bytes - head, err));
done:
    return st;
}

/* What gnuplot left goes to `path`, an svg with its style for dark surroundings. */
static luge_status deliver(FILE *picture, const char *path, bool svg, luge_error *err)
{
    luge_status st = LUGE_OK;
    lg_file *to = NULL;
    char *data = NULL;
    long bytes = fseek(picture, 0, SEEK_END) ? -1 : ftell(picture);

    if (bytes <= 0) return lg_fail(err, LUGE_E_BACKEND, "gnuplot made no picture");
    LG_NEED(data = lg_alloc((size_t)bytes + 1, 1));
    rewind(picture);
    if (fread(data, 1, (size_t)bytes, picture) != (size_t)bytes) {
        st = lg_fail(err, LUGE_E_IO, "plot: %s", strerror(errno));
        goto done;
    }
    LG_TRY(lg_file_create(&to, path, err));
    LG_TRY(write_styled(to, data, (size_t)bytes, svg, err));
    st = lg_file_commit(to, err);
    to = NULL;
done:
    lg_file_abandon(to);
    lg_free(data);
    return st;
}

/* Draw, or without a plot only try the terminal. */
static luge_status draw(const char *path, const cli_plot *plot, luge_error *err)
{
    luge_status st = LUGE_OK;
    int format = format_of(path);
    FILE *script = tmpfile(), *picture = tmpfile(), *errors = tmpfile();

    if (!script || !picture || !errors) {
        st = lg_fail(err, LUGE_E_IO, "plot: no temporary file: %s", strerror(errno));
        goto done;
    }
    if (plot)
        write_script(script, format, plot);
    else
        write_terminal(script, format, 1);
    LG_TRY(gnuplot(script, picture, errors, err));
    if (plot) LG_TRY(deliver(picture, path, format == SVG, err));
done:
    if (script) fclose(script);
    if (picture) fclose(picture);
    if (errors) fclose(errors);
    return st;
}

luge_status cli_plot_check(const char *path, luge_error *err)
{
    if (format_of(path) < 0)
        return lg_fail(err, LUGE_E_ARG, "--plot %s: the name must end in .svg, .png or .pdf", path);
    return draw(path, NULL, err);
}

luge_status cli_plot_write(const char *path, const cli_plot *plot, luge_error *err) { return draw(path, plot, err); }
