/* The log of a training run: log.csv for tables and plots, log.jsonl for programs, line for line the same.  Each line
 * is flushed, so that a run that is killed leaves what it had; a line that is not whole is cut off on resuming.
 * SPDX-License-Identifier: MIT */
#include "experiments/train.h"
#include "io/io.h"
#include <errno.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

/* The columns, in their order; `step` comes first, which cutting relies on. */
static const struct {
    const char *name;
    bool whole;
    size_t at;
} columns[] = {
    { "step", true, offsetof(lg_point, step) },
    { "epoch", true, offsetof(lg_point, epoch) },
    { "train_loss", false, offsetof(lg_point, train_loss) },
    { "test_loss", false, offsetof(lg_point, test_loss) },
    { "test_accuracy", false, offsetof(lg_point, test_accuracy) },
    { "lr", false, offsetof(lg_point, lr) },
    { "seconds", false, offsetof(lg_point, seconds) },
};
enum { COLUMNS = sizeof columns / sizeof columns[0], LINE = 512, PATH = 4096 };

luge_status lg_points_add(lg_points *points, const lg_point *point, luge_error *err)
{
    if (points->n == points->room) {
        size_t room = 2 * points->room + 64;
        lg_point *v = lg_grow(points->v, points->n, room, sizeof *v);
        if (!v) return lg_fail(err, LUGE_E_MEMORY, "out of memory in %s", __func__);
        points->v = v;
        points->room = room;
    }
    points->v[points->n++] = *point;
    return LUGE_OK;
}

/* ---- lines ---- */

/* The value of a column; `absent` stands for a number that is not finite and for epoch 0, where there are none. */
static void cell(const lg_point *point, int column, const char *absent, char *text, size_t size)
{
    const char *at = (const char *)point + columns[column].at;
    double v;

    if (columns[column].whole) {
        int64_t i;
        memcpy(&i, at, sizeof i);
        if (i)
            snprintf(text, size, "%lld", (long long)i);
        else
            snprintf(text, size, "%s", absent);
        return;
    }
    memcpy(&v, at, sizeof v);
    if (isfinite(v))
        lg_number_print(text, size, v);
    else
        snprintf(text, size, "%s", absent);
}

static void csv_line(const lg_point *point, char line[LINE])
{
    size_t n = 0;
    for (int c = 0; c < COLUMNS; c++) {
        char text[40];
        cell(point, c, "", text, sizeof text);
        n += (size_t)snprintf(line + n, LINE - n, "%s%s", c ? "," : "", text);
    }
}

static void json_line(const lg_point *point, char line[LINE])
{
    size_t n = 0;
    for (int c = 0; c < COLUMNS; c++) {
        char text[40];
        cell(point, c, "null", text, sizeof text);
        n += (size_t)snprintf(line + n, LINE - n, "%s\"%s\":%s", c ? "," : "{", columns[c].name, text);
    }
    snprintf(line + n, LINE - n, "}");
}

static luge_status put(FILE *f, const char *name, const char *line, luge_error *err)
{
    if (fprintf(f, "%s\n", line) < 0 || fflush(f)) return lg_fail_errno(err, name, "writing failed");
    return LUGE_OK;
}

luge_status lg_runlog_line(lg_runlog *log, const lg_point *point, luge_error *err)
{
    luge_status st = LUGE_OK;
    char line[LINE];

    if (!log->csv) return st;
    csv_line(point, line);
    LG_TRY(put(log->csv, "log.csv", line, err));
    json_line(point, line);
    LG_TRY(put(log->json, "log.jsonl", line, err));
done:
    return st;
}

/* ---- going on ---- */

static bool csv_read(const char *line, lg_point *point)
{
    *point = (lg_point){ .line = true };
    for (int c = 0; c < COLUMNS; c++) {
        char *at = (char *)point + columns[c].at;
        double v = (double)NAN;
        const char *end = *line == ',' || *line == '\n' ? line : lg_number_read(line, &v);
        if (!end || *end != (c + 1 < COLUMNS ? ',' : '\n')) return false;
        int64_t whole = fabs(v) < 0x1p53 ? (int64_t)v : 0;
        memcpy(at, columns[c].whole ? (const void *)&whole : (const void *)&v, 8);
        line = end + 1;
    }
    return true;
}

/* Our own lines: {"step":12,... */
static bool json_step(const char *line, int64_t *step)
{
    double v = 0;
    const char *start = "{\"step\":",
               *end = strncmp(line, start, strlen(start)) ? NULL : lg_number_read(line + strlen(start), &v);
    *step = end ? (int64_t)v : 0;
    return end && strchr(end, '\n');
}

/* Bytes of the file that stay: whole lines up to step `after`; csv lines are added to `points`. */
static luge_status keep(FILE *f, bool csv, int64_t after, lg_points *points, long *bytes, luge_error *err)
{
    char line[LINE];
    luge_status st = LUGE_OK;

    *bytes = 0;
    for (long number = 0; fgets(line, sizeof line, f); number++) {
        lg_point point = { 0 };
        bool head = csv && number == 0, whole = strchr(line, '\n') != NULL;
        if (!head && !(csv ? csv_read(line, &point) : json_step(line, &point.step))) break;
        if (!whole || point.step > after) break;
        if (csv && !head) LG_TRY(lg_points_add(points, &point, err));
        *bytes = ftell(f);
    }
done:
    return st;
}

static luge_status open_one(FILE **f, const char *out, const char *name, int64_t after, lg_points *points,
                            luge_error *err)
{
    char path[PATH];
    luge_status st = LUGE_OK;
    long bytes = 0;
    bool csv = strstr(name, ".csv") != NULL;

    if ((size_t)snprintf(path, sizeof path, "%s/%s", out, name) >= sizeof path)
        return lg_fail(err, LUGE_E_IO, "%s: the name is too long", out);
    *f = fopen(path, after < 0 ? "w" : "a+");
    if (!*f) return lg_fail_errno(err, path, "cannot be written");
    rewind(*f);
    if (after >= 0) LG_TRY(keep(*f, csv, after, points, &bytes, err));
    if (ftruncate(fileno(*f), bytes) || fseek(*f, bytes, SEEK_SET)) return lg_fail_errno(err, path, "cannot be cut");
    if (csv && bytes == 0) {
        char line[LINE];
        size_t n = 0;
        for (int c = 0; c < COLUMNS; c++)
            n += (size_t)snprintf(line + n, sizeof line - n, "%s%s", c ? "," : "", columns[c].name);
        LG_TRY(put(*f, path, line, err));
    }
done:
    return st;
}

static luge_status make_folder(const char *out, luge_error *err)
{
    char path[PATH];

    if (!*out || (size_t)snprintf(path, sizeof path, "%s/", out) >= sizeof path)
        return lg_fail(err, LUGE_E_IO, "\"%.60s\" is not the name of a folder", out);
    for (char *c = path + 1; *c; c++) {
        if (*c != '/') continue;
        *c = 0;
        if (mkdir(path, 0777) && errno != EEXIST) return lg_fail_errno(err, path, "the folder cannot be made");
        *c = '/';
    }
    return LUGE_OK;
}

luge_status lg_runlog_open(lg_runlog *log, const char *out, int64_t after, lg_points *points, luge_error *err)
{
    luge_status st;
    LG_TRY(make_folder(out, err));
    LG_TRY(open_one(&log->csv, out, "log.csv", after, points, err));
    LG_TRY(open_one(&log->json, out, "log.jsonl", after, NULL, err));
done:
    return st;
}

void lg_runlog_close(lg_runlog *log)
{
    if (log->csv) fclose(log->csv);
    if (log->json) fclose(log->json);
    *log = (lg_runlog){ 0 };
}
