/* A method file made into a plugin: the units that the build makes for its own methods, the same flags, a shared
 * object.  SPDX-License-Identifier: MIT */
#include "experiments/plugin.h"
#include "io/io.h"
#include "plugin_flags.inc"
#include <errno.h>
#include <limits.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

extern char **environ;

static const char *const flags[] = { PLUGIN_FLAGS };
static const char *const levels[][2] = { PLUGIN_LEVELS };
enum { FLAGS = sizeof flags / sizeof flags[0], LEVELS = sizeof levels / sizeof levels[0], MOST = 64 + FLAGS };

typedef struct build {
    const char *file;
    char *text; /* of the file, ended by a 0 */
    char name[64], include[PATH_MAX], folder[PATH_MAX];
    char *cc; /* its words, ended by zeros */
    const char *argument[MOST];
    int words, arguments; /* words: those of cc */
    char object[LEVELS + 2][PATH_MAX];
    int objects;
} build;

/* ---- the method file ---- */

/* The word behind "#define NAME", or NULL. */
static const char *defined(const char *text, const char *name)
{
    static const char *const blank = " \t";
    for (const char *line = text; line; line = strchr(line, '\n') ? strchr(line, '\n') + 1 : NULL) {
        const char *p = line + strspn(line, blank);
        if (*p++ != '#') continue;
        p += strspn(p, blank);
        if (strncmp(p, "define", 6) != 0) continue;
        p += 6 + strspn(p + 6, blank);
        if (!strncmp(p, name, strlen(name)) && strspn(p + strlen(name), " \t("))
            return p + strlen(name) + strspn(p + strlen(name), blank);
    }
    return NULL;
}

static luge_status read_method(build *b, luge_error *err)
{
    static const char *const needed[] = { "NAME", "TITLE", "PAPER", "HYPER", "COEFS" };
    luge_status st = LUGE_OK;
    void *bytes = NULL;
    size_t size;

    if (strpbrk(b->file, "\"\\\n"))
        return lg_fail(err, LUGE_E_ARG, "%s: a quote or a backslash in its name cannot be included", b->file);
    LG_TRY(lg_file_read(b->file, &bytes, &size, err));
    LG_NEED(b->text = lg_alloc(size + 1, 1));
    if (size) memcpy(b->text, bytes, size);
    for (size_t i = 0; i < sizeof needed / sizeof needed[0]; i++)
        if (!defined(b->text, needed[i]))
            LG_TRY(lg_fail(err, LUGE_E_FORMAT,
                           "%s: there is no #define %s; docs/your-own-method.md shows a whole method file", b->file,
                           needed[i]));
    if (defined(b->text, "WORK")) /* a plugin is linked with nothing, and so with no BLAS */
        LG_TRY(lg_fail(
            err, LUGE_E_FORMAT,
            "%s: WORK makes it a matrix method; these are built with luge, in src/methods, and are no plugins",
            b->file));
    const char *name = defined(b->text, "NAME");
    size_t n = strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_");
    if (n == 0 || n >= sizeof b->name || (*name >= '0' && *name <= '9') || !strchr(" \t\r\n", name[n]))
        LG_TRY(lg_fail(err, LUGE_E_FORMAT,
                       "%s: NAME is \"%.*s\"; a word of at most %zu letters, digits and _ is needed", b->file,
                       (int)strcspn(name, "\r\n"), name, sizeof b->name - 1));
    memcpy(b->name, name, n);
    if (luge_method_find(b->name))
        st = lg_fail(err, LUGE_E_FORMAT, "%s: luge has a method %s of its own; another NAME is needed", b->file,
                     b->name);
done:
    lg_free(bytes);
    return st;
}

/* The opening comment without its stars, as cmake/lists.cmake has it for luge's own, as a C string literal. */
static void write_formula(FILE *to, const char *text)
{
    const char *end = strncmp(text, "/*", 2) ? NULL : strstr(text, "*/"), *p = text + 2, *last;
    bool any = false;

    fputs("\"\"", to);
    if (!end) return;
    while (end > p && strchr(" *\t\r\n", end[-1])) end--;
    for (; p < end; p = last < end ? last + 1 : end) {
        last = memchr(p, '\n', (size_t)(end - p));
        if (!last) last = end;
        if (p > text + 2 && !strncmp(p, " *", 2)) p += 2;
        if (any && *p == ' ') p++;
        while (!any && p < last && strchr(" *\t\r", *p)) p++;
        if ((!any && p >= last) ||
            (strstr(p, "SPDX-License-Identifier") && strstr(p, "SPDX-License-Identifier") < last))
            continue;
        fputs(any ? " \\\n    \"\\n" : " \"", to);
        for (; p < last; p++) fputs(*p == '"' ? "\\\"" : *p == '\\' ? "\\\\" : (char[]){ *p, 0 }, to);
        fputs("\"", to);
        any = true;
    }
}

/* ---- the compiler ---- */

/* Headers lie at the same place seen from the command, installed or in the build folder. */
static luge_status find_headers(build *b, luge_error *err)
{
    static const char *const places[] = { PLUGIN_INCLUDE, "include" };
    char self[PATH_MAX / 2], test[PATH_MAX];
    ssize_t n = readlink("/proc/self/exe", self, sizeof self - 1);

    if (n <= 0) return lg_fail_errno(err, "/proc/self/exe", "cannot be read");
    self[n] = 0;
    *strrchr(self, '/') = 0;
    for (size_t i = 0; i < sizeof places / sizeof places[0]; i++) {
        snprintf(b->include, sizeof b->include, "%s/%.200s", self, places[i]);
        snprintf(test, sizeof test, "%.*s/luge/engine/method.h", PATH_MAX - 40, b->include);
        if (!access(test, R_OK)) return LUGE_OK;
    }
    return lg_fail(err, LUGE_E_IO, "%s/%s/luge/engine: the headers that a method file includes are not there", self,
                   PLUGIN_INCLUDE);
}

static luge_status find_compiler(build *b, luge_error *err)
{
    const char *own = getenv("CC");
    luge_status st = LUGE_OK;
    char *at = NULL;

    LG_NEED(b->cc = lg_copy_text(own && *own ? own : PLUGIN_COMPILER));
    for (char *word = strtok_r(b->cc, " \t", &at); word && b->words < 16; word = strtok_r(NULL, " \t", &at))
        b->argument[b->words++] = word;
    if (!b->words) st = lg_fail(err, LUGE_E_ARG, "CC = \"%s\" names no compiler", own);
done:
    return st;
}

/* The compiler with `more` after its own words; what it says goes to standard error. */
static luge_status compile(build *b, const char *const *more, luge_error *err)
{
    char *argv[MOST];
    pid_t child;
    int n = 0, status = 0;

    for (int i = 0; i < b->words; i++) argv[n++] = (char *)(uintptr_t)b->argument[i];
    for (; *more && n < MOST - 1; more++)
        if (**more) argv[n++] = (char *)(uintptr_t)*more;
    argv[n] = NULL;
    int failed = posix_spawnp(&child, argv[0], NULL, NULL, argv, environ);
    if (failed)
        return lg_fail(err, LUGE_E_BACKEND, "the compiler %s cannot be started: %s; CC names another", argv[0],
                       strerror(failed));
    while (waitpid(child, &status, 0) < 0 && errno == EINTR) {}
    return status
               ? lg_fail(err, LUGE_E_BACKEND, "%s: %s does not take it; its messages stand above", b->file, argv[0])
               : LUGE_OK;
}

/* One unit into one object; a unit that was compiled before is so again without its warnings. */
static luge_status unit(build *b, const char *source, const char *const level[2], bool quiet, luge_error *err)
{
    const char *arguments[MOST];
    int n = 0;
    char root[PATH_MAX], *object = b->object[b->objects++];

    snprintf(root, sizeof root, "%.*s/luge", PATH_MAX - 8, b->include);
    snprintf(object, PATH_MAX, "%.*s/%d.o", PATH_MAX - 16, b->folder, b->objects);
    for (int i = 0; i < FLAGS; i++) arguments[n++] = flags[i];
    for (int i = 0; level && i < 2; i++) arguments[n++] = level[i];
    const char *rest[] = {
        quiet ? "-w" : "", "-I", b->include, "-iquote", root, "-iquote", ".", "-c", source, "-o", object, NULL
    };
    for (int i = 0; rest[i]; i++) arguments[n++] = rest[i];
    arguments[n] = NULL;
    return compile(b, arguments, err);
}

static luge_status write_unit(const build *b, char path[PATH_MAX], const char *name, const char *core, bool formula,
                              luge_error *err)
{
    snprintf(path, PATH_MAX, "%.*s/%s", PATH_MAX - 16, b->folder, name);
    FILE *f = fopen(path, "we");
    if (!f) return lg_fail_errno(err, path, "cannot be written");
    fprintf(f, "#define METHOD %s\n#define METHOD_FILE \"%s\"\n", b->name, b->file);
    if (formula) {
        fprintf(f, "#define FORMULA_%s ", b->name);
        write_formula(f, b->text);
    }
    fprintf(f, "\n#include \"engine/%s\"\n", core);
    bool bad = ferror(f);
    return fclose(f) || bad ? lg_fail_errno(err, path, "cannot be written") : LUGE_OK;
}

static luge_status link_objects(build *b, const char *out, luge_error *err)
{
    luge_status st = LUGE_OK;
    const char *arguments[MOST];
    char made[PATH_MAX];
    int n = 0;
    void *bytes = NULL;
    size_t size;
    lg_file *to = NULL;
    luge_plugin *plugin;

    snprintf(made, sizeof made, "%.*s/plugin.so", PATH_MAX - 16, b->folder);
    for (int i = 0; i < FLAGS; i++) arguments[n++] = flags[i];
    arguments[n++] = "-shared";
    for (int i = 0; i < b->objects; i++) arguments[n++] = b->object[i];
    arguments[n++] = "-lm";
    arguments[n++] = "-o";
    arguments[n++] = made;
    arguments[n] = NULL;
    LG_TRY(compile(b, arguments, err));
    LG_TRY(luge_plugin_open(&plugin, made, err)); /* a bad table is found before the old plugin is gone */
    luge_plugin_close(plugin);
    LG_TRY(lg_file_read(made, &bytes, &size, err));
    LG_TRY(
        lg_file_create(&to, out, err)); /* the old plugin or the new, also for a program that has the old one open */
    LG_TRY(lg_file_write(to, bytes, size, err));
    st = lg_file_commit(to, err);
    to = NULL;
done:
    lg_file_abandon(to);
    lg_free(bytes);
    return st;
}

/* ---- the whole ---- */

static luge_status make_folder(build *b, luge_error *err)
{
    const char *place = getenv("TMPDIR");
    snprintf(b->folder, sizeof b->folder, "%.*s/luge-cc-XXXXXX", PATH_MAX - 32, place && *place ? place : "/tmp");
    if (mkdtemp(b->folder)) return LUGE_OK;
    luge_status st = lg_fail_errno(err, b->folder, "cannot be made");
    b->folder[0] = 0;
    return st;
}

static void remove_folder(const build *b)
{
    static const char *const made[] = { "method.c", "loops.c", "plugin.so" };
    char path[PATH_MAX];
    if (!b->folder[0]) return;
    for (int i = 0; i < b->objects; i++) unlink(b->object[i]);
    for (int i = 0; i < 3; i++) {
        snprintf(path, sizeof path, "%.*s/%s", PATH_MAX - 16, b->folder, made[i]);
        unlink(path);
    }
    rmdir(b->folder);
}

luge_status lg_plugin_build(const char *file, const char *out, luge_error *err)
{
    luge_status st = LUGE_OK;
    build *b = NULL;
    char source[PATH_MAX];

    LG_NEED(b = lg_alloc(1, sizeof *b));
    b->file = file;
    LG_TRY(read_method(b, err));
    LG_TRY(find_headers(b, err));
    LG_TRY(find_compiler(b, err));
    LG_TRY(make_folder(b, err));
    LG_TRY(write_unit(b, source, "method.c", "plugin.inc", true, err));
    LG_TRY(unit(b, source, NULL, false, err));
    LG_TRY(write_unit(b, source, "loops.c", "kernels.inc", false, err));
    for (int i = 0; i < LEVELS; i++) LG_TRY(unit(b, source, levels[i], i > 0, err));
    snprintf(source, sizeof source, "%.*s/luge/core/elementary.c", PATH_MAX - 40, b->include);
    LG_TRY(unit(b, source, NULL, true, err));
    LG_TRY(link_objects(b, out, err));
done:
    if (b) {
        remove_folder(b);
        lg_free(b->text);
        lg_free(b->cc);
    }
    lg_free(b);
    return st;
}
