/* luge federate.  SPDX-License-Identifier: MIT */
#include "cli/cli_federate.h"
#include "federated/federation.h"
#include <string.h>

typedef struct options {
    cli_texts set, data;
    const char *lr, *beta, *alpha, *lag, *sampled, *steps, *participation;
    const char *problem, *hidden, *save, *resume, *plot;
    int64_t clients, rounds, every, last, seed, seeds, threads, save_every;
    int64_t dim, split, batch, epochs;
    double apart, least, noise, skew;
    bool equal, json;
} options;

#define WHOLE "[0,9007199254740992]"
static const cli_option table[] = {
    { "--lr", CLI_TEXT, offsetof(options, lr), NULL, NULL, "V", "step size of the clients" },
    { "--equal-step", CLI_FLAG, offsetof(options, equal), NULL, NULL, NULL,
      "--lr is the effective step: times 1-beta for the family of ghbm, server_lr is for fedavgm" },
    { "--beta", CLI_TEXT, offsetof(options, beta), NULL, NULL, "V", "momentum, for the rules that have it" },
    { "--alpha", CLI_TEXT, offsetof(options, alpha), NULL, NULL, "V", "weight of the gradient in fedcm" },
    { "--lag", CLI_TEXT, offsetof(options, lag), NULL, NULL, "N", "rounds that ghbm looks back" },
    { "--clients", LG_int, offsetof(options, clients), "0", "[0,1e9]", "K", "clients; 0: 100, of quadratics 20" },
    { "--sampled", CLI_TEXT, offsetof(options, sampled), NULL, NULL, "M",
      "clients of a round; a tenth if not given" },
    { "--local-steps", CLI_TEXT, offsetof(options, steps), NULL, NULL, "J",
      "steps of a client in a round; else --local-epochs, of quadratics 5" },
    { "--participation", CLI_TEXT, offsetof(options, participation), NULL, NULL, "HOW",
      "uniform, cyclic or dirichlet" },
    { "--set", CLI_TEXTS, offsetof(options, set), NULL, NULL, "KEY=VALUE", "any setting of the table below" },
    { "--dim", LG_int, offsetof(options, dim), "10", "[1,1e7]", "N", "numbers of a quadratic" },
    { "--apart", LG_real, offsetof(options, apart), "1", "[0,1e6]", "G",
      "how far the centres of quadratics are apart" },
    { "--least", LG_real, offsetof(options, least), "0.2", "(0,1]", "H", "least curvature; the largest is 1" },
    { "--noise", LG_real, offsetof(options, noise), "0", "[0,1e6]", "S", "deviation of their gradients' noise" },
    { "--problem", CLI_TEXT, offsetof(options, problem), NULL, NULL, "NAME[:KEY=VALUE,...]",
      "in place of quadratics: softmax or mlp, whose rows the clients share" },
    { "--data", CLI_TEXTS, offsetof(options, data), NULL, NULL, "WHAT=PATH",
      "images=PATH and labels=PATH; none: a made set" },
    { "--split", LG_int, offsetof(options, split), "0", WHOLE, "N",
      "the first N rows are the clients', the rest test; 0: the last fifth tests" },
    { "--hidden", CLI_TEXT, offsetof(options, hidden), NULL, NULL, "N,N,...", "widths of a network's hidden layers" },
    { "--skew", LG_real, offsetof(options, skew), "0", "[0,inf]", "A",
      "labels: 0 sorted and cut; else mixtures from Dirichlet(A); inf: alike" },
    { "--batch", LG_int, offsetof(options, batch), "64", WHOLE, "N", "rows of a minibatch; 0: all of a client" },
    { "--local-epochs", LG_int, offsetof(options, epochs), "1", "[1,1e6]", "N", "passes of a client over its rows" },
    { "--rounds", LG_int, offsetof(options, rounds), "1000", "[1,1e12]", "N", "rounds" },
    { "--every", LG_int, offsetof(options, every), "0", WHOLE, "N", "rounds between scores; 0: 200 in all" },
    { "--last", LG_int, offsetof(options, last), "10", "[1,1e9]", "N",
      "the result is the mean of so many last scores" },
    { "--seed", LG_int, offsetof(options, seed), "0", "[0,1e15]", "S", "of clients, start, rows and who takes part" },
    { "--seeds", LG_int, offsetof(options, seeds), "1", "[1,1e4]", "N", "runs of each rule, with seeds from S on" },
    { "--threads", LG_int, offsetof(options, threads), "0", "[0,1024]", "T",
      "0: one for each processor; results do not depend on it" },
    { "--save", CLI_TEXT, offsetof(options, save), NULL, NULL, "FILE",
      "checkpoint at the end, for one rule and seed" },
    { "--save-every", LG_int, offsetof(options, save_every), "0", WHOLE, "N", "rounds between checkpoints" },
    { "--resume", CLI_TEXT, offsetof(options, resume), NULL, NULL, "FILE",
      "go on from a checkpoint, with the options of its run" },
    { "--plot", CLI_TEXT, offsetof(options, plot), NULL, NULL, "FILE", "scores by round as .svg, .png or .pdf" },
    { "--json", CLI_FLAG, offsetof(options, json), NULL, NULL, NULL,
      "one JSON object a line: scores of a single run, then a result for each rule" },
    { 0 },
};

/* ---- clients ---- */

static luge_status clients_open(const options *o, uint64_t seed, lg_clients *c, luge_error *err)
{
    char made[LG_TEXT];
    size_t count = o->clients ? (size_t)o->clients : o->problem ? 100 : 20;
    bool bare = o->hidden && o->hidden[0] != '(';

    if (!o->problem)
        return lg_clients_quadratics(c, &(lg_quadratics){ o->dim, o->apart, o->least, o->noise, seed }, count, err);
    if (o->hidden && snprintf(made, sizeof made, "%s%chidden=%s%s%s", o->problem, strchr(o->problem, ':') ? ',' : ':',
                              bare ? "(" : "", o->hidden, bare ? ")" : "") >= LG_TEXT)
        return lg_fail(err, LUGE_E_ARG, "--problem with --hidden is longer than %d characters", LG_TEXT - 1);
    return lg_clients_shards(c,
                             &(lg_shards){ { .spec = o->hidden ? made : o->problem,
                                             .data = o->data.v,
                                             .data_count = o->data.n,
                                             .split = (size_t)o->split,
                                             .batch = (size_t)o->batch,
                                             .seed = seed,
                                             .threads = (int)o->threads },
                                           o->skew },
                             count, err);
}

/* What a checkpoint does not hold of a run, in words. */
static void note_of(const options *o, uint64_t seed, size_t clients, char *note, size_t size)
{
    size_t n = (size_t)snprintf(note, size, "seed %llu lr %s%s", (unsigned long long)seed, o->lr ? o->lr : "default",
                                o->equal ? " equal" : "");
    if (!o->problem) {
        snprintf(note + n, size - n, " quadratics %zu dim %lld apart %.17g least %.17g noise %.17g", clients,
                 (long long)o->dim, o->apart, o->least, o->noise);
        return;
    }
    n += (size_t)snprintf(note + n, size - n, " problem %.600s hidden %.600s split %lld skew %.17g batch %lld",
                          o->problem, o->hidden ? o->hidden : "default", (long long)o->split, o->skew,
                          (long long)o->batch);
    for (size_t i = 0; i < o->data.n && n < size; i++)
        n += (size_t)snprintf(note + n, size - n, " data %.800s", o->data.v[i]);
}

/* ---- runs ---- */

typedef struct view {
    const options *o;
    lg_ranks ranks;
    cli_progress bar;
    int64_t before, of; /* rounds of the runs before, and of all */
    const char *rule;
} view;

static void show_score(const char *rule, const lg_federated_point *p)
{
    cli_json_line(json_pack("{s:s, s:s, s:I, s:o, s:o, s:o}", "kind", "score", "rule", rule, "round",
                            (json_int_t)p->round, "loss", cli_json_number(p->score.loss), "accuracy",
                            cli_json_number(p->score.accuracy), "distance", cli_json_number(p->score.distance)));
}

static bool report(void *context, const lg_federated_point *p)
{
    view *v = context;
    if (p->line && v->o->json && v->o->seeds == 1) show_score(v->rule, p);
    cli_progress_show(&v->bar, v->before + p->round, v->of, p->line ? p->score.loss : (double)NAN);
    return !cli_ranks_caught();
}

enum { SHORT = 10 };

/* The short options as settings before those of --set.  beta goes to the rules that have it, where several are
 * compared. */
static luge_status all_settings(const options *o, const char *rule, uint64_t seed, const char **set,
                                char text[SHORT][LG_TEXT], size_t *n, luge_error *err)
{
    char number[2][32];
    snprintf(number[0], sizeof number[0], "%llu", (unsigned long long)seed);
    snprintf(number[1], sizeof number[1], "%lld", o->problem ? 1LL : (long long)o->threads);
    const bool none = !strcmp(rule, "fedavg") || !strcmp(rule, "fedcm") || !strcmp(rule, "scaffold");
    const char *const row[SHORT][2] = { { "rule", rule },
                                        { "lr", o->lr },
                                        { "beta", none ? NULL : o->beta },
                                        { "alpha", o->alpha },
                                        { "lag", o->lag },
                                        { "sampled", o->sampled },
                                        { "steps", o->steps },
                                        { "participation", o->participation },
                                        { "seed", number[0] },
                                        { "threads", number[1] } };
    for (int i = 0; i < SHORT; i++) {
        if (!row[i][1]) continue;
        if (strlen(row[i][1]) > 500) return lg_fail(err, LUGE_E_ARG, "--%s: the value is too long", row[i][0]);
        snprintf(text[i], LG_TEXT, "%s=%s", row[i][0], row[i][1]);
        set[(*n)++] = text[i];
    }
    for (size_t i = 0; i < o->set.n; i++) set[(*n)++] = o->set.v[i];
    return LUGE_OK;
}

/* One run; without a view only its settings are looked at. */
static luge_status one_run(const options *o, view *v, const char *rule, uint64_t seed, lg_federated_run *r,
                           luge_error *err)
{
    luge_status st;
    char text[SHORT][LG_TEXT], note[3900];
    const char **set = NULL;
    lg_federating how;
    lg_clients clients = { 0 };
    lg_federate run = { .clients = &clients,
                        .epochs = o->problem && !o->steps ? o->epochs : 0,
                        .equal = o->equal,
                        .rounds = o->rounds,
                        .every = o->every ? o->every : (o->rounds + 199) / 200,
                        .last = o->last,
                        .save = o->save,
                        .save_every = o->save_every,
                        .resume = o->resume,
                        .note = note,
                        .report = report,
                        .context = v };

    LG_NEED(set = (const char **)lg_alloc(o->set.n + SHORT, sizeof *set));
    LG_TRY(all_settings(o, rule, seed, set, text, &run.set_count, err));
    run.set = set;
    if (!v) {
        LG_TRY(lg_federating_parse(&how, set, run.set_count, err));
        goto done;
    }
    v->rule = rule, run.ranks = &v->ranks;
    LG_TRY(clients_open(o, seed, &clients, err));
    note_of(o, seed, clients.count, note, sizeof note);
    st = lg_federate_run(&run, r, err);
    v->before += o->rounds;
done:
    lg_clients_close(&clients);
    lg_free((void *)set);
    return st;
}

/* ---- a rule over its seeds ---- */

static double of(const lg_federated_score *s, int kind)
{
    return kind == 0 ? s->loss : kind == 1 ? s->accuracy : s->distance;
}
static double *to(lg_federated_score *s, int kind)
{
    return kind == 0 ? &s->loss : kind == 1 ? &s->accuracy : &s->distance;
}

static luge_status add_curve(cli_federated *c, const lg_federated_run *r, luge_error *err)
{
    luge_status st = LUGE_OK;
    if (!c->round) {
        LG_NEED(c->round = lg_alloc(r->points, 4 * sizeof *c->round));
        c->points = r->points;
        for (size_t i = 0; i < c->points; i++) c->round[i] = (double)r->point[i].round;
    }
    for (int kind = 0; kind < 3; kind++) {
        c->curve[kind] = c->round + (size_t)(kind + 1) * c->points;
        for (size_t i = 0; i < c->points; i++) c->curve[kind][i] += of(&r->point[i].score, kind);
    }
done:
    return st;
}

/* Means over the seeds, and the standard errors of these. */
static void means(cli_federated *c, const lg_federated_score *mean)
{
    double n = (double)c->seeds;
    for (int kind = 0; kind < 3; kind++) {
        double sum = 0, squares = 0;
        for (int64_t i = 0; i < c->seeds; i++) sum += of(&mean[i], kind) / n;
        for (int64_t i = 0; i < c->seeds; i++) squares += (of(&mean[i], kind) - sum) * (of(&mean[i], kind) - sum);
        *to(&c->mean, kind) = sum;
        *to(&c->error, kind) = c->seeds > 1 ? sqrt(squares / (n * (n - 1))) : (double)NAN;
        for (size_t i = 0; i < c->points; i++) c->curve[kind][i] /= n;
    }
}

/* Where it is stopped, the run in progress counts only if it is the first. */
static luge_status one_rule(const options *o, view *v, const char *rule, cli_federated *c, lg_federated_run *r,
                            luge_error *err)
{
    luge_status st = LUGE_OK;
    lg_federated_score *mean;

    LG_NEED(mean = lg_alloc((size_t)o->seeds, sizeof *mean));
    for (int64_t i = 0; i < o->seeds && !r->stopped; i++) {
        lg_free(r->point);
        LG_TRY(one_run(o, v, rule, (uint64_t)(o->seed + i), r, err));
        if (r->stopped && i) break;
        mean[c->seeds++] = r->mean;
        LG_TRY(add_curve(c, r, err));
    }
    snprintf(c->rule, sizeof c->rule, "%s", r->rule);
    c->lr = r->lr, c->down = (double)r->down / (double)r->rounds, c->up = (double)r->up / (double)r->rounds;
    means(c, mean);
done:
    lg_free(r->point);
    r->point = NULL;
    lg_free(mean);
    return st;
}

/* ---- results ---- */

static void show_json(const cli_federated *c, const lg_federated_run *r)
{
    char checksum[20];
    snprintf(checksum, sizeof checksum, "%016llx", (unsigned long long)r->checksum);
    cli_json_line(json_pack("{s:s, s:s, s:f, s:I, s:I, s:o, s:o, s:o, s:o, s:o, s:o, s:f, s:f, s:s, s:b}", "kind",
                            "result", "rule", c->rule, "lr", c->lr, "rounds", (json_int_t)r->rounds, "seeds",
                            (json_int_t)c->seeds, "loss", cli_json_number(c->mean.loss), "loss_error",
                            cli_json_number(c->error.loss), "accuracy", cli_json_number(c->mean.accuracy),
                            "accuracy_error", cli_json_number(c->error.accuracy), "distance",
                            cli_json_number(c->mean.distance), "distance_error", cli_json_number(c->error.distance),
                            "down", c->down, "up", c->up, "checksum", checksum, "stopped", r->stopped));
}

/* Quadratics have a distance, rows of data an accuracy. */
static void show(const cli_federated *c, bool first)
{
    bool rows = isnan(c->mean.distance);
    const struct {
        const char *name;
        double value;
        int digits;
    } column[] = {
        { "lr", c->lr, 5 },
        { "loss", c->mean.loss, 5 },
        { rows ? "accuracy" : "distance", rows ? c->mean.accuracy : c->mean.distance, 5 },
        { "+-", rows ? c->error.accuracy : c->error.distance, 2 },
        { "down/round", c->down, 9 },
        { "up/round", c->up, 9 },
    };
    const size_t columns = sizeof column / sizeof *column;
    char text[32];

    if (first) cli_column("rule", 11);
    for (size_t i = 0; i < columns && first; i++) cli_column(column[i].name, -12);
    if (first) putchar('\n');
    cli_column(c->rule, 11);
    for (size_t i = 0; i < columns; i++) cli_column(cli_digits(text, column[i].value, column[i].digits), -12);
    putchar('\n');
    fflush(stdout);
}

static luge_status check(const options *o, const char *const *rule, size_t rules, luge_error *err)
{
    luge_status st = LUGE_OK;

    if ((o->save || o->resume) && (rules > 1 || o->seeds > 1))
        return lg_fail(err, LUGE_E_ARG, "--save and --resume are for one rule and one seed, here are %zu and %lld",
                       rules, (long long)o->seeds);
    if (o->save_every && !o->save) return lg_fail(err, LUGE_E_ARG, "--save-every needs --save FILE");
    if (!o->problem && (o->data.n || o->hidden))
        return lg_fail(err, LUGE_E_ARG, "--%s needs --problem NAME", o->data.n ? "data" : "hidden");
    for (size_t i = 0; i < rules; i++) LG_TRY(one_run(o, NULL, rule[i], 0, NULL, err));
    if (o->plot) st = cli_plot_check(o->plot, err);
done:
    return st;
}

static luge_status compare(const options *o, view *v, const char *const *rule, size_t rules, cli_federated *all,
                           bool *stopped, luge_error *err)
{
    luge_status st = LUGE_OK;
    char title[120];
    size_t done = 0;

    for (; done < rules && !*stopped; done++) {
        lg_federated_run r = { 0 };
        LG_TRY(one_rule(o, v, rule[done], &all[done], &r, err));
        cli_progress_clear(&v->bar);
        o->json ? show_json(&all[done], &r) : show(&all[done], !done);
        *stopped = r.stopped;
    }
    snprintf(title, sizeof title, "%.60s%s", o->problem ? o->problem : "quadratics",
             o->seeds > 1 ? ", mean over the seeds" : "");
    if (o->plot && !v->ranks.rank) LG_TRY(cli_federate_plot(o->plot, title, all, done, err));
done:
    cli_progress_clear(&v->bar);
    return st;
}

static luge_status work(const options *o, const cli_texts *names, bool *stopped, luge_error *err)
{
    static const char *const usual[] = { "ghbm" };
    const char *const *rule = names->n ? names->v : usual;
    size_t rules = names->n ? names->n : 1;
    view v = { .o = o, .of = o->rounds * o->seeds * (int64_t)rules };
    cli_federated *all;
    luge_status st;

    LG_NEED(all = lg_alloc(rules, sizeof *all));
    LG_TRY(check(o, rule, rules, err));
    LG_TRY(cli_ranks_begin(&v.ranks, err));
    cli_catch_signals();
    cli_progress_start(&v.bar, o->json);
    st = cli_ranks_end(compare(o, &v, rule, rules, all, stopped, err), err);
done:
    for (size_t i = 0; all && i < rules; i++) lg_free(all[i].round);
    lg_free(all);
    return st;
}

static int run(const void *context, const cli_texts *operands)
{
    luge_error err;
    bool stopped = false;
    luge_status st = work(context, operands, &stopped, &err);
    if (st) return cli_fail("federate", &err);
    return stopped ? CLI_SIGNAL + cli_ranks_caught() : CLI_GOOD;
}

static void more(void)
{
    luge_row row;
    puts("\nSettings (--set)");
    for (size_t i = 0; luge_federation_row(i, &row); i++) {
        char left[80];
        snprintf(left, sizeof left, "  %-15.20s%.40s", row.name, row.value);
        cli_column(left, 26);
        cli_wrap(26, row.text);
    }
}

const cli_command cli_federate = {
    .name = "federate",
    .operands = "[RULE...]",
    .title = "federated learning with momentum: rules compared on quadratics or on shared data",
    .text =
        "Clients with functions of their own take local steps in rounds, a server averages.  RULE is fedavg, "
        "fedavgm,\n"
        "fedcm, scaffold, ghbm (the default), localghbm or fedhbm; several are compared, each over all seeds.  "
        "Clients\n"
        "are quadratics, whose optimum is known, or share the rows of a problem, by default so that each has few\n"
        "labels.  Down and up are the numbers that a round sends.  Ctrl-C ends the run after the present round and\n"
        "saves it.\n",
    .examples =
        "  luge federate fedavg fedcm ghbm scaffold --lr 0.05 --equal-step --beta 0.9 --seeds 12 --plot rules.svg\n"
        "  luge federate ghbm --lag 5 --participation cyclic --rounds 4000\n"
        "  luge federate fedavg ghbm --problem softmax --data images=train-images.gz --data labels=train-labels.gz "
        "\\\n"
        "       --lr 0.1 --equal-step --beta 0.9 --rounds 300\n"
        "  luge federate fedhbm --problem mlp --hidden 64 --skew 0.1 --save run.safetensors --save-every 50\n"
        "  ... --resume run.safetensors        the same command again, after it was interrupted\n",
    .most = 16,
    .size = sizeof(options),
    .option = table,
    .more = more,
    .run = run,
};
