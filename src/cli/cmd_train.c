/* luge train.  SPDX-License-Identifier: MIT */
#include "cli/cli.h"
#include "experiments/experiments.h"
#include <string.h>

typedef struct options {
    const char *problem, *hidden, *at, *method, *lr, *momentum, *schedule, *out, *resume, *plot;
    cli_texts data, set, option;
    int64_t split, batch, epochs, steps, seed, threads, save_every;
    int precision;
    bool json, quiet;
} options;

#define WHOLE "[0,9007199254740992]"
static const cli_option table[] = {
    { "--problem", CLI_TEXT, offsetof(options, problem), NULL, NULL, "NAME[:KEY=VALUE,...] or expr:EXPRESSION",
      "what is minimized; the names stand below" },
    { "--data", CLI_TEXTS, offsetof(options, data), NULL, NULL, "[WHAT=]PATH",
      "an input file, as images=PATH where a problem takes several" },
    { "--split", LG_int, offsetof(options, split), "0", WHOLE, "N",
      "the first N rows train, the rest test; 0: the last fifth tests" },
    { "--hidden", CLI_TEXT, offsetof(options, hidden), NULL, NULL, "N,N,...", "widths of a network's hidden layers" },
    { "--at", CLI_TEXT, offsetof(options, at), NULL, NULL, "X,Y,...", "start point of a problem that is a formula" },
    CLI_PLUGIN_ROW,
    { "--method", CLI_TEXT, offsetof(options, method), NULL, NULL, "NAME", "the method; luge methods lists them" },
    { "--set", CLI_TEXTS, offsetof(options, set), NULL, NULL, "KEY=VALUE", "a hyperparameter of the method" },
    { "--lr", CLI_TEXT, offsetof(options, lr), NULL, NULL, "V", "step size of the method" },
    { "--momentum", CLI_TEXT, offsetof(options, momentum), NULL, NULL, "V",
      "what plays that part in the method: momentum, or beta1" },
    { "--schedule", CLI_TEXT, offsetof(options, schedule), NULL, NULL, "SPEC",
      "factor on the step size; the schedules stand below" },
    { "--option", CLI_TEXTS, offsetof(options, option), NULL, NULL, "KEY=VALUE",
      "what is done to gradients and parameters around the method; the keys stand below" },
    { "--batch", LG_int, offsetof(options, batch), "0", WHOLE, "N", "rows of a minibatch; 0: all training rows" },
    { "--epochs", LG_int, offsetof(options, epochs), "0", WHOLE, "N",
      "times through the data; this or --steps is needed" },
    { "--steps", LG_int, offsetof(options, steps), "0", WHOLE, "N", "steps of the method" },
    { "--seed", LG_int, offsetof(options, seed), "0", WHOLE, "S", "of the start point and the order of the rows" },
    { "--threads", LG_int, offsetof(options, threads), "0", "[0,1024]", "T",
      "0: one for each processor; results do not depend on it" },
    { "--precision", LG_word, offsetof(options, precision), "f32", "(f32, f64, bf16)", "TYPE",
      "of the parameters: f32, f64, or bf16 (with f32 arithmetic)" },
    { "--out", CLI_TEXT, offsetof(options, out), NULL, NULL, "DIR",
      "folder for log.csv, log.jsonl and checkpoint.safetensors" },
    { "--save-every", LG_int, offsetof(options, save_every), "0", WHOLE, "N",
      "steps between checkpoints; 0: one at the end" },
    { "--resume", CLI_TEXT, offsetof(options, resume), NULL, NULL, "FILE",
      "go on from a checkpoint, with the options of its run" },
    { "--plot", CLI_TEXT, offsetof(options, plot), NULL, NULL, "FILE", "losses and accuracy as .svg, .png or .pdf" },
    { "--json", CLI_FLAG, offsetof(options, json), NULL, NULL, NULL,
      "one JSON object a line, the last one the result" },
    { "--quiet", CLI_FLAG, offsetof(options, quiet), NULL, NULL, NULL, "only the result" },
    { 0 },
};

/* ---- what is shown while it runs ---- */

typedef struct view {
    const options *o;
    cli_progress progress;
    bool epochs, head;
} view;

static void table_head(view *v)
{
    static const char *const name[] = { "step", "train loss", "test loss", "accuracy", "lr", "seconds" };
    if (v->epochs) cli_column("epoch", -6);
    for (size_t i = 0; i < sizeof name / sizeof name[0]; i++) cli_column(name[i], i ? -12 : -9);
    putchar('\n');
    v->head = true;
}

static void table_line(view *v, const lg_point *p)
{
    const double value[] = { p->train_loss, p->test_loss, p->test_accuracy, p->lr, p->seconds };
    char text[32];

    if (!v->head) table_head(v);
    if (v->epochs) printf("%6lld", (long long)p->epoch);
    printf("%9lld", (long long)p->step);
    for (size_t i = 0; i < sizeof value / sizeof value[0]; i++)
        cli_column(cli_digits(text, value[i], i < 3 ? 5 : 3), -12);
    putchar('\n');
    fflush(stdout);
}

static json_t *point_json(const lg_point *p)
{
    return json_pack("{s:I, s:o, s:o, s:o, s:o, s:o, s:o}", "step", (json_int_t)p->step, "epoch",
                     p->epoch ? json_integer((json_int_t)p->epoch) : json_null(), "train_loss",
                     cli_json_number(p->train_loss), "test_loss", cli_json_number(p->test_loss), "test_accuracy",
                     cli_json_number(p->test_accuracy), "lr", cli_json_number(p->lr), "seconds",
                     cli_json_number(p->seconds));
}

static void remark(void *context, const char *text)
{
    (void)context;
    fprintf(stderr, "luge train: remark: %s\n", text);
}

static bool report(void *context, const lg_point *p)
{
    view *v = (view *)context;
    bool good = true;

    if (p->line && !v->o->quiet) {
        cli_progress_clear(&v->progress);
        if (v->o->json)
            good = cli_json_line(point_json(p));
        else
            table_line(v, p);
    }
    cli_progress_show(&v->progress, p->step, p->steps, p->train_loss);
    return good && !cli_caught();
}

/* ---- the result ---- */

static void row_text(const char *name, const char *text)
{
    cli_column(name, 15);
    printf("%s\n", text);
}

static void row_number(const char *name, double v, int digits)
{
    char text[32];
    if (!isnan(v)) row_text(name, cli_digits(text, v, digits));
}

static bool show_result(const options *o, const lg_trained *t)
{
    char checksum[32];

    snprintf(checksum, sizeof checksum, "%016llx", (unsigned long long)t->checksum);
    if (o->json)
        return cli_json_line(json_pack(
            "{s:s, s:I, s:o, s:o, s:o, s:o, s:s, s:I, s:b}", "method", o->method, "steps", (json_int_t)t->last.step,
            "train_loss", cli_json_number(t->last.train_loss), "test_loss", cli_json_number(t->last.test_loss),
            "test_accuracy", cli_json_number(t->last.test_accuracy), "seconds", cli_json_number(t->last.seconds),
            "checksum", checksum, "skipped", (json_int_t)t->skipped, "stopped", t->stopped));
    if (!o->quiet) putchar('\n');
    row_text("method", o->method);
    row_number("steps", (double)t->last.step, 15);
    row_number("train loss", t->last.train_loss, 6);
    row_number("test loss", t->last.test_loss, 6);
    row_number("test accuracy", t->last.test_accuracy, 6);
    row_number("seconds", t->last.seconds, 4);
    row_text("checksum", checksum);
    if (t->skipped) printf("%-15s%lld, as a gradient was not finite\n", "skipped steps", (long long)t->skipped);
    if (o->out) printf("%-15s%s/checkpoint.safetensors\n", t->stopped ? "stopped, saved" : "saved", o->out);
    return true;
}

static luge_status plot(const options *o, const lg_trained *t, luge_error *err)
{
    luge_status st = LUGE_OK;
    size_t n = t->points.n;
    double *column = NULL;
    bool accuracy = false, rows = n && t->points.v[0].epoch > 0;
    char title[200];

    LG_NEED(column = lg_alloc(4 * n, sizeof *column));
    for (size_t i = 0; i < n; i++) {
        const lg_point *p = &t->points.v[i];
        column[i] = (double)(o->epochs ? p->epoch : p->step);
        column[n + i] = p->train_loss;
        column[2 * n + i] = p->test_loss;
        column[3 * n + i] = p->test_accuracy;
        accuracy |= isfinite(p->test_accuracy);
    }
    const cli_curve loss[] = {
        { .title = rows ? "test" : "f", .x = column, .y = column + 2 * n, .n = n, .colour = 1 },
        { .title = "train", .x = column, .y = column + n, .n = n, .colour = 0 },
    };
    const cli_curve rate = { .title = "test", .x = column, .y = column + 3 * n, .n = n, .colour = 1 };
    const cli_panel panel[] = {
        { .label = "loss", .log = true, .curve = loss, .curves = rows ? 2 : 1 },
        { .label = "accuracy", .curve = &rate, .curves = 1 },
    };
    snprintf(title, sizeof title, "%.90s, %.90s", o->problem, o->method);
    const cli_plot picture = { title, o->epochs ? "epoch" : "step", panel, accuracy ? 2 : 1 };
    LG_TRY(cli_plot_write(o->plot, &picture, err));
done:
    lg_free(column);
    return st;
}

/* ---- from options to a run ---- */

/* The problem's name and settings, with --hidden among them. */
static luge_status problem_spec(const options *o, char made[LG_TEXT], const char **spec, luge_error *err)
{
    char sign = strchr(o->problem, ':') ? ',' : ':';
    bool bare = o->hidden && o->hidden[0] != '(';
    int n;

    *spec = o->hidden ? made : o->problem;
    if (!o->hidden) return LUGE_OK;
    n = snprintf(made, LG_TEXT, "%s%chidden=%s%s%s", o->problem, sign, bare ? "(" : "", o->hidden, bare ? ")" : "");
    return n < LG_TEXT
               ? LUGE_OK
               : lg_fail(err, LUGE_E_ARG, "--problem with --hidden is longer than %d characters", LG_TEXT - 1);
}

/* --lr, --momentum and --schedule as settings, before those of --set.  text[i] holds the made ones. */
enum { SHORT = 3 };
static luge_status all_settings(const options *o, const char **set, char text[SHORT][LG_TEXT], luge_error *err)
{
    const char *key[SHORT] = { "lr", NULL, "schedule" }, *value[SHORT] = { o->lr, o->momentum, o->schedule };
    luge_status st = LUGE_OK;
    size_t n = 0;

    if (o->momentum) LG_TRY(cli_momentum_key(&key[1], cli_method_find(o->method), err));
    for (int i = 0; i < SHORT; i++) {
        if (!value[i]) continue;
        snprintf(text[i], LG_TEXT, "%s=%s", key[i], value[i]);
        set[n++] = text[i];
    }
    for (size_t i = 0; i < o->set.n; i++) set[n++] = o->set.v[i];
    set[n] = NULL;
done:
    return st;
}

static luge_status check(const options *o, luge_error *err)
{
    luge_status st = LUGE_OK;
    const luge_method *method;

    if (!o->problem || !o->method)
        return lg_fail(err, LUGE_E_ARG, "%s is needed; luge train --help shows how",
                       o->problem ? "--method NAME" : "--problem NAME");
    if (!o->steps == !o->epochs)
        return lg_fail(err, LUGE_E_ARG,
                       o->steps ? "--steps and --epochs are both given; one of them is needed"
                                : "one of --steps N and --epochs N is needed");
    LG_TRY(cli_method(&method, o->method, err));
    if (o->plot) LG_TRY(cli_plot_check(o->plot, err));
done:
    return st;
}

static luge_status train(const options *o, lg_trained *result, luge_error *err)
{
    luge_status st;
    char made[LG_TEXT], text[SHORT][LG_TEXT];
    const char *spec, **set = NULL;
    view v = { .o = o, .epochs = o->epochs > 0 };
    lg_train run = { .method = cli_method_find(o->method),
                     .option = o->option.v,
                     .option_count = o->option.n,
                     .steps = o->steps,
                     .epochs = o->epochs,
                     .save_every = o->save_every,
                     .out = o->out,
                     .resume = o->resume,
                     .report = report,
                     .remark = remark,
                     .context = &v };

    LG_TRY(check(o, err));
    LG_TRY(problem_spec(o, made, &spec, err));
    LG_NEED(set = (const char **)lg_alloc(o->set.n + SHORT + 1, sizeof *set));
    LG_TRY(all_settings(o, set, text, err));
    run.set = set;
    while (set[run.set_count]) run.set_count++;
    run.problem = (lg_problem_request){ .spec = spec,
                                        .at = o->at,
                                        .data = o->data.v,
                                        .data_count = o->data.n,
                                        .split = (size_t)o->split,
                                        .batch = (size_t)o->batch,
                                        .seed = (uint64_t)o->seed,
                                        .type = (luge_type)o->precision,
                                        .threads = (int)o->threads };
    cli_catch_signals();
    cli_progress_start(&v.progress, o->quiet);
    st = lg_train_run(&run, result, err);
    cli_progress_clear(&v.progress);
done:
    lg_free((void *)set);
    return st;
}

static int run(const void *context, const cli_texts *operands)
{
    const options *o = (const options *)context;
    lg_trained result = { 0 };
    luge_error err;
    luge_status st;

    (void)operands;
    st = train(o, &result, &err);
    if (!st && !show_result(o, &result)) st = lg_fail(&err, LUGE_E_IO, "the result could not be written");
    if (!st && o->plot) st = plot(o, &result, &err);
    lg_free(result.points.v);
    if (st) return cli_fail("train", &err);
    return result.stopped ? CLI_SIGNAL + cli_caught() : CLI_GOOD;
}

/* ---- help ---- */

/* A name, its meaning, and its default where it has one. */
static void explain(int indent, const char *name, const char *text, const char *value)
{
    enum { INDENT = 18 };
    char line[400];
    printf("%*s", indent, "");
    cli_column(name, INDENT - indent);
    snprintf(line, sizeof line, *value ? "%s [%s]" : "%s", text, value);
    cli_wrap(INDENT, line);
}

static void more(void)
{
    luge_row row;
    const lg_problem_kind *kind;

    printf("\nProblems\n");
    for (size_t i = 0; (kind = lg_problem_at(i)) != NULL; i++) {
        explain(2, lg_problem_name(kind), lg_problem_title(kind), "");
        for (const lg_setting *s = lg_problem_settings(kind); s->name; s++) explain(4, s->name, s->text, s->value);
    }
    printf("\nSchedules, as cosine:warmup=100,final=0.1; total is that of the run where it is not given\n");
    for (size_t i = 0; luge_schedule_row(i, &row); i++) explain(*row.value ? 4 : 2, row.name, row.text, row.value);
    printf("\nOptions of the optimizer, as --option clip_norm=1; nonfinite is skip in training\n");
    for (size_t i = 0; luge_option_row(i, &row); i++)
        if (strcmp(row.name, "threads") != 0) explain(2, row.name, row.text, row.value); /* that is --threads */
}

const cli_command cli_train = {
    .name = "train",
    .title = "trains a built-in problem with one method; logs, checkpoints, resumes, plots",
    .text = "Minimizes a problem with one method.  With --out the run is logged and saved; the same command with\n"
            "--resume goes on where the checkpoint was written, to the same bits as a run that was not disturbed.\n"
            "Ctrl-C (SIGINT) and SIGTERM end the run after the present step, save it, and exit with 128 + the\n"
            "signal's number: 130 and 143.\n",
    .examples = "  luge train --problem rosenbrock --method nesterov --lr 1e-3 --steps 2000 --plot path.svg\n"
                "  luge train --problem mlp --data images=train-images-idx3-ubyte.gz --data "
                "labels=train-labels-idx1-ubyte.gz \\\n"
                "      --hidden 256,128 --method adamw --batch 128 --epochs 10 --schedule cosine:warmup=200 \\\n"
                "      --out run --save-every 500 --plot run.svg\n"
                "  ... --resume run/checkpoint.safetensors     the same command again, after it was interrupted\n",
    .more = more,
    .size = sizeof(options),
    .option = table,
    .run = run,
};
