/* luge sample.  SPDX-License-Identifier: MIT */
#include "cli/cli_sample.h"
#include <string.h>

typedef struct options {
    cli_texts set;
    const char *order, *beta, *start, *guidance, *threads, *mixture, *conditional, *plot;
    double from, to;
    int64_t steps, halvings, count, seed;
    lg_list at;
    bool geometric, stability, samples, json;
} options;

static const cli_option table[] = {
    { "--order", CLI_TEXT, offsetof(options, order), NULL, NULL, "K",
      "order, 1 to 5; with a fraction, which is beta: 3.8 is order 4 with beta 0.8, as the paper writes it" },
    { "--beta", CLI_TEXT, offsetof(options, beta), NULL, NULL, "V", "weight of the new in the velocity" },
    { "--start", CLI_TEXT, offsetof(options, start), NULL, NULL, "HOW", "cold or rk4" },
    { "--set", CLI_TEXTS, offsetof(options, set), NULL, NULL, "KEY=VALUE", "any setting of the table below" },
    { "--mixture", CLI_TEXT, offsetof(options, mixture), "0.3:-2:0.5 0.45:0.5:0.4 0.25:3:0.7", NULL, "W:MEAN:SD ...",
      "the data, a Gaussian mixture; a mean of several numbers as 1,2,3" },
    { "--conditional", CLI_TEXT, offsetof(options, conditional), NULL, NULL, "W:MEAN:SD ...",
      "the data under a condition, for guidance" },
    { "--guidance", CLI_TEXT, offsetof(options, guidance), NULL, NULL, "S", "predictions are u + S (c - u)" },
    { "--from", LG_real, offsetof(options, from), "3", "(0,1e6]", "SIGMA", "first noise level" },
    { "--to", LG_real, offsetof(options, to), "0.3", "[0,1e6]", "SIGMA", "last noise level, below the first" },
    { "--steps", LG_int, offsetof(options, steps), "20", "[1,1e6]", "N", "steps" },
    { "--log", CLI_FLAG, offsetof(options, geometric), NULL, NULL, NULL, "noise levels uniform in their logarithm" },
    { "--halvings", LG_int, offsetof(options, halvings), "0", "[0,11]", "N",
      "so often the steps are halved: errors and orders" },
    { "--count", LG_int, offsetof(options, count), "1000", "[1,1e8]", "N", "states, drawn at the first noise level" },
    { "--at", LG_list, offsetof(options, at), NULL, "(-1e150,1e150)", "X,...", "one state, which starts here" },
    { "--seed", LG_int, offsetof(options, seed), "0", "[0,1e15]", "N", "of the draws" },
    { "--samples", CLI_FLAG, offsetof(options, samples), NULL, NULL, NULL,
      "print the states at the end too, one a line" },
    { "--stability", CLI_FLAG, offsetof(options, stability), NULL, NULL, NULL,
      "no run: where the rule is stable on x' = q x" },
    { "--threads", CLI_TEXT, offsetof(options, threads), NULL, NULL, "T", "0: one for each processor" },
    { "--plot", CLI_TEXT, offsetof(options, plot), NULL, NULL, "FILE",
      "paths, densities and errors, or the regions of stability, as .svg, .png or .pdf" },
    { "--json", CLI_FLAG, offsetof(options, json), NULL, NULL, NULL, "one JSON object a line, a line for each kind" },
    { 0 },
};

static void progress(void *context, int64_t done, int64_t of) { cli_progress_show(context, done, of, (double)NAN); }

/* ---- a run ---- */

static void show_json(const lg_sampled *r)
{
    for (int64_t k = 0; k < r->runs; k++)
        cli_json_line(json_pack("{s:s, s:s, s:s, s:I, s:o, s:o, s:o}", "kind", "run", "sampler", r->name, "start",
                                r->start, "steps", (json_int_t)r->run[k].steps, "rms_error",
                                cli_json_number(r->run[k].rms), "largest_error", cli_json_number(r->run[k].most),
                                "order", cli_json_number(r->run[k].order)));
    cli_json_line(json_pack("{s:s, s:I, s:I, s:o, s:o, s:o, s:o}", "kind", "moments", "states", (json_int_t)r->rows,
                            "finite", (json_int_t)r->finite, "mean", cli_json_number(r->mean), "sd",
                            cli_json_number(r->sd), "exact_mean", cli_json_number(r->exact_mean), "exact_sd",
                            cli_json_number(r->exact_sd)));
}

static void show(const lg_sampled *r)
{
    char text[3][32];
    printf("%s, %s start, %zu state%s\nsteps     rms error     largest       order\n", r->name, r->start, r->rows,
           r->rows == 1 ? "" : "s");
    for (int64_t k = 0; k < r->runs; k++)
        printf("%-10lld%-14s%-14s%s\n", (long long)r->run[k].steps, cli_digits(text[0], r->run[k].rms, 5),
               cli_digits(text[1], r->run[k].most, 5), cli_digits(text[2], r->run[k].order, 3));
    printf("first coordinate: mean %s, sd %s", cli_digits(text[0], r->mean, 6), cli_digits(text[1], r->sd, 6));
    printf("; exact flow: mean %s, sd %s\n", cli_digits(text[0], r->exact_mean, 6),
           cli_digits(text[1], r->exact_sd, 6));
    if (r->finite < r->rows) printf("%zu states are not finite: the rule diverged\n", r->rows - r->finite);
}

static void show_samples(const options *o, const lg_sampled *r)
{
    for (size_t i = 0; i < r->rows; i++) {
        json_t *x = o->json ? json_array() : NULL;
        for (size_t j = 0; j < r->dim; j++)
            if (o->json)
                json_array_append_new(x, cli_json_number(r->out[i * r->dim + j]));
            else
                printf("%.17g%c", r->out[i * r->dim + j], j + 1 < r->dim ? ' ' : '\n');
        if (o->json) cli_json_line(json_pack("{s:s, s:o}", "kind", "sample", "x", x));
    }
}

static luge_status sampling(const options *o, lg_sample *s, const luge_mixture *target, luge_error *err)
{
    luge_status st;
    lg_sampled r = { 0 };
    cli_progress bar;

    if (o->at.n && (size_t)o->at.n != s->mixture->dim)
        return lg_fail(err, LUGE_E_SHAPE, "--at has %d numbers, the mixture's means %zu", o->at.n, s->mixture->dim);
    if (o->steps > (int64_t)1 << (30 - o->halvings))
        return lg_fail(err, LUGE_E_ARG, "--steps %lld halved %lld times are more than 2^30 steps",
                       (long long)o->steps, (long long)o->halvings);
    cli_progress_start(&bar, o->json);
    s->progress = progress, s->context = &bar;
    st = lg_sample_run(s, &r, err);
    cli_progress_clear(&bar);
    if (st) return st;
    o->json ? show_json(&r) : show(&r);
    if (o->samples) show_samples(o, &r);
    if (o->plot) st = cli_sample_plot(o->plot, &r, target, o->to, err);
    lg_sampled_free(&r);
    return st;
}

/* ---- stability ---- */

static json_t *numbers(const double *v, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) json_array_append_new(list, cli_json_number(v[i]));
    return list;
}

static json_t *grid(const double *v, size_t rows, size_t columns)
{
    json_t *list = json_array();
    for (size_t i = 0; i < rows; i++) json_array_append_new(list, numbers(v + i * columns, columns));
    return list;
}

static void show_map_json(const char *name, int order, double beta, const lg_sampler_map *m)
{
    for (int k = 0; k < LG_ORDERS; k++)
        cli_json_line(json_pack("{s:s, s:s, s:i, s:o, s:o, s:o}", "kind", "interval", "rule", name, "order", k + 1,
                                "beta", numbers(m->beta, LG_BETAS), "closed_form", numbers(m->interval[k], LG_BETAS),
                                "from_roots", numbers(m->checked[k], LG_BETAS)));
    cli_json_line(json_pack("{s:s, s:s, s:i, s:f, s:o, s:o, s:o}", "kind", "plane", "rule", name, "order", order,
                            "beta", beta, "re", numbers(m->re, LG_PLANE), "im", numbers(m->im, LG_PLANE), "radius",
                            grid(m->plane[order - 1][0], LG_PLANE, LG_PLANE)));
    cli_json_line(json_pack("{s:s, s:s, s:i, s:o, s:o, s:o}", "kind", "axis", "rule", name, "order", order, "beta",
                            numbers(m->beta, LG_BETAS), "minus_z", numbers(m->z, LG_REAL), "radius",
                            grid(m->radius[0], LG_BETAS, LG_REAL)));
}

static void show_map(const char *name, const lg_sampler_map *m)
{
    double worst = 0;
    printf("%s is stable on x' = q x for -I < step x q < 0, with I =\nbeta      ", name);
    for (int k = 1; k <= LG_ORDERS; k++) printf("order %-8d", k);
    putchar('\n');
    for (int b = 5; b < LG_BETAS; b += 10) {
        printf("%-10.2f", m->beta[b]);
        for (int k = 0; k < LG_ORDERS; k++) printf("%-14.6f", m->interval[k][b]);
        putchar('\n');
    }
    for (int k = 0; k < LG_ORDERS; k++)
        for (int b = 0; b < LG_BETAS; b++) worst = fmax(worst, fabs(m->checked[k][b] / m->interval[k][b] - 1));
    printf("closed forms and roots of the step differ by at most %.1e\n", worst);
}

static luge_status stability(const options *o, const char *name, const lg_sampling *how, luge_error *err)
{
    luge_status st = LUGE_OK;
    lg_sampler_map *m = NULL;
    cli_progress bar;
    int order = lg_sampling_order(how);

    if (how->rule == LG_dpm)
        return lg_fail(err, LUGE_E_ARG,
                       "--stability: dpm is exact where others are tested; its region is no set of step x q");
    LG_NEED(m = lg_alloc(1, sizeof *m));
    cli_progress_start(&bar, o->json);
    st = lg_sampler_map_run((enum lg_rule)how->rule, order, lg_sampling_beta(how), progress, &bar, m, err);
    cli_progress_clear(&bar);
    if (st) goto done;
    if (o->json)
        show_map_json(name, order, lg_sampling_beta(how), m);
    else
        show_map(name, m);
    if (o->plot) st = cli_sample_map_plot(o->plot, name, order, m, err);
done:
    lg_free(m);
    return st;
}

/* ---- the command ---- */

static luge_status all_settings(const options *o, const char *rule, const char **set, char text[6][LG_TEXT],
                                size_t *n, luge_error *err)
{
    const char *key[] = { "rule", "order", "beta", "start", "guidance", "threads" };
    const char *value[] = { rule, o->order, o->beta, o->start, o->guidance, o->threads };

    for (int i = 0; i < 6; i++) {
        if (!value[i]) continue;
        if (strlen(value[i]) > 500) return lg_fail(err, LUGE_E_ARG, "--%s: the value is too long", key[i]);
        snprintf(text[i], LG_TEXT, "%s=%s", key[i], value[i]);
        set[(*n)++] = text[i];
    }
    for (size_t i = 0; i < o->set.n; i++) set[(*n)++] = o->set.v[i];
    return LUGE_OK;
}

static luge_status work(const options *o, const char *rule, luge_error *err)
{
    luge_status st = LUGE_OK;
    const char **set = NULL;
    char text[6][LG_TEXT];
    lg_mixture mixture = { 0 }, conditional = { 0 };
    lg_sampling how;
    lg_sample s = { .from = o->from,
                    .to = o->to,
                    .geometric = o->geometric,
                    .steps = o->steps,
                    .halvings = o->halvings,
                    .rows = o->at.n ? 1 : (size_t)o->count,
                    .at = o->at.n ? o->at.v : NULL,
                    .seed = (uint64_t)o->seed };

    LG_NEED(set = (const char **)lg_alloc(o->set.n + 7, sizeof *set));
    set[s.set_count++] = "block=512";
    LG_TRY(all_settings(o, rule, set, text, &s.set_count, err));
    LG_TRY(lg_sampling_parse(&how, set, s.set_count, err));
    if (o->plot) LG_TRY(cli_plot_check(o->plot, err));
    if (o->stability) {
        LG_TRY(stability(o, rule, &how, err));
    } else {
        LG_TRY(lg_mixture_open(&mixture, "--mixture", o->mixture, err));
        if (o->conditional) LG_TRY(lg_mixture_open(&conditional, "--conditional", o->conditional, err));
        if (o->guidance && !o->conditional) {
            st = lg_fail(err, LUGE_E_INPUT, "--guidance needs --conditional");
            goto done;
        }
        s.set = set, s.mixture = &mixture.of, s.conditional = o->conditional ? &conditional.of : NULL;
        LG_TRY(sampling(o, &s, o->conditional ? &conditional.of : &mixture.of, err));
    }
done:
    lg_mixture_close(&mixture);
    lg_mixture_close(&conditional);
    lg_free((void *)set);
    return st;
}

static int run(const void *context, const cli_texts *operands)
{
    luge_error err;
    luge_status st = work(context, operands->n ? operands->v[0] : "ghvb", &err);
    return st ? cli_fail("sample", &err) : CLI_GOOD;
}

static void more(void)
{
    luge_row row;
    puts("\nSettings (--set)");
    for (size_t i = 0; luge_sampler_row(i, &row); i++) {
        char left[80];
        snprintf(left, sizeof left, "  %-13.20s%.40s", row.name, row.value);
        cli_column(left, 32);
        cli_wrap(32, row.text);
    }
}

const cli_command cli_sample = {
    .name = "sample",
    .operands = "[RULE]",
    .title = "samplers of diffusion models with momentum, on mixtures whose scores are known",
    .text =
        "Integrates the probability flow of a Gaussian mixture, whose predictions have a closed form, from large\n"
        "noise to small by RULE: ab (PLMS), hb (heavy ball), ghvb (the default), nesterov or dpm\n"
        "(DPM-Solver++(2M)), and compares each state with the end of the exact flow.\n",
    .examples = "  luge sample ghvb --order 3.8 --steps 10 --plot paths.svg\n"
                "  luge sample ghvb --order 2.8 --start rk4 --at 2.2 --steps 80 --halvings 4\n"
                "  luge sample dpm --order 1.9 --from 10 --to 0.1 --log --steps 40\n"
                "  luge sample hb --order 3.8 --mixture 1:0:1 --conditional 1:1:0.1 --guidance 7.5 \\\n"
                "       --to 0.05 --at 3 --steps 15\n"
                "  luge sample ghvb --order 1.8 --stability --plot stability.svg\n",
    .most = 1,
    .size = sizeof(options),
    .option = table,
    .more = more,
    .run = run,
};
