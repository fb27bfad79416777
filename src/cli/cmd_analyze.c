/* luge analyze.  SPDX-License-Identifier: MIT */
#include "cli/cli_analyze.h"
#include <string.h>

enum { STEPS = 6, TOLD = 3 };

typedef struct options {
    cli_texts set;
    const char *lr, *momentum, *plot;
    lg_list step, at;
    double condition, curvature;
    int64_t terms;
    bool convert, json;
} options;

static const cli_option table[] = {
    CLI_PLUGIN_ROW,
    { "--set", CLI_TEXTS, offsetof(options, set), NULL, NULL, "KEY=VALUE", "a setting of the method" },
    { "--lr", CLI_TEXT, offsetof(options, lr), NULL, NULL, "V", "step size" },
    { "--momentum", CLI_TEXT, offsetof(options, momentum), NULL, NULL, "V",
      "what plays that part in the method: momentum, or beta1" },
    { "--step", LG_list, offsetof(options, step), "0", "[0,1e7]", "N,...",
      "constants as they are in step N, up to 6 of them; 0: as they become after many steps" },
    { "--condition", LG_real, offsetof(options, condition), "25", "[1,1e12]", "K",
      "curvatures lie in [L/K, L]: for rates and the certificate" },
    { "--curvature", LG_real, offsetof(options, curvature), "1", "(0,1e100]", "L", "the largest curvature" },
    { "--at", LG_list, offsetof(options, at), "1,1", "(-1e150,1e150)", "X,G",
      "parameter and gradient where a method that is not linear is linearized" },
    { "--terms", LG_int, offsetof(options, terms), "60", "[1,1000]", "N", "steps of the impulse and step responses" },
    { "--convert", CLI_FLAG, offsetof(options, convert), NULL, NULL, NULL,
      "only the same method in the conventions of others" },
    { "--plot", CLI_TEXT, offsetof(options, plot), NULL, NULL, "FILE",
      "filter, responses, radius and stability map as .svg, .png or .pdf" },
    { "--json", CLI_FLAG, offsetof(options, json), NULL, NULL, NULL, "one JSON object a line, a line for each kind" },
    { 0 },
};

typedef struct view {
    const options *o;
    const char *method;
    lg_analyze request;
    size_t steps;
    lg_analysis *at; /* of each step */
    lg_map *map;     /* of the last */
    cli_progress progress;
} view;

/* ---- JSON ---- */

static json_t *numbers(const double *v, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) json_array_append_new(list, cli_json_number(v[i]));
    return list;
}

static json_t *head(const view *v, const char *kind, const lg_analysis *a)
{
    return json_pack("{s:s, s:s, s:o, s:b, s:f}", "method", v->method, "kind", kind, "step", cli_json_number(a->step),
                     "linear", a->linear, "lr", a->lr);
}

/* Puts the members of `more` to those of `to` and prints them. */
static bool line(json_t *to, json_t *more)
{
    bool good = to && more && !json_object_update(to, more);
    json_decref(more);
    return cli_json_line(to) && good;
}

static bool filter_json(const view *v, const lg_analysis *a)
{
    return line(head(v, "filter", a),
                json_pack("{s:o, s:o, s:o, s:o, s:o, s:o, s:o}", "gain", cli_json_number(a->magnitude[0]),
                          "high_gain", cli_json_number(a->magnitude[LG_FREQUENCIES - 1]), "frequency",
                          numbers(a->omega, LG_FREQUENCIES), "magnitude", numbers(a->magnitude, LG_FREQUENCIES),
                          "phase", numbers(a->phase, LG_FREQUENCIES), "impulse_response",
                          numbers(a->impulse, a->terms), "step_response", numbers(a->response, a->terms)));
}

static bool stability_json(const view *v, const lg_analysis *a)
{
    return line(head(v, "stability", a),
                json_pack("{s:o, s:o, s:f, s:f, s:o, s:o, s:o, s:o, s:o}", "stable_below", cli_json_number(a->stable),
                          "monotone_below", cli_json_number(a->real), "condition", v->request.condition, "curvature",
                          v->request.curvature, "rate", cli_json_number(a->rate), "best_lr",
                          cli_json_number(a->best / v->request.curvature), "best_rate", cli_json_number(a->best_rate),
                          "lr_curvature", numbers(a->q, LG_CURVATURES), "radius", numbers(a->radius, LG_CURVATURES)));
}

static bool noise_json(const view *v, const lg_analysis *a)
{
    return line(head(v, "noise", a), json_pack("{s:o, s:o, s:o}", "lr_curvature", numbers(a->q, LG_CURVATURES),
                                               "variance", numbers(a->variance, LG_CURVATURES),
                                               "variance_by_lyapunov", numbers(a->solved, LG_CURVATURES)));
}

static bool certificate_json(const view *v, const lg_analysis *a)
{
    const lg_certificate *c = &a->certificate;
    return line(head(v, "certificate", a),
                json_pack("{s:b, s:o, s:f, s:f, s:f, s:f, s:f, s:f}", "certified", c->holds, "rate",
                          c->holds ? json_real(c->rate) : json_null(), "rate_on_quadratics", c->quadratic,
                          "condition", v->request.condition, "curvature", v->request.curvature, "weight", c->weight,
                          "margin", c->margin, "frequency_of_margin", c->worst));
}

static bool map_json(const view *v, const lg_analysis *a)
{
    const lg_map *m = v->map;
    json_t *rows = json_array();
    for (int i = 0; i < LG_MOMENTA; i++) json_array_append_new(rows, numbers(m->radius[i], LG_MAP_CURVATURES));
    return line(
        head(v, "map", a),
        json_pack("{s:s, s:o, s:o, s:o, s:o, s:o, s:f, s:o, s:o, s:o}", "setting", m->key, "momentum",
                  numbers(m->momentum, LG_MOMENTA), "stable_below", numbers(m->stable, LG_MOMENTA), "monotone_below",
                  numbers(m->real, LG_MOMENTA), "lr_curvature", numbers(m->q, LG_MAP_CURVATURES), "radius", rows,
                  "condition", v->request.condition, "best_momentum", cli_json_number(m->best_momentum), "best_lr",
                  cli_json_number(m->best / v->request.curvature), "best_rate", cli_json_number(m->best_rate)));
}

static bool conventions_json(const view *v, const lg_analysis *a)
{
    lg_convention c[LG_CONVENTIONS];
    json_t *more = json_object();

    lg_conventions(&a->two_step, c);
    for (int i = 0; i < LG_CONVENTIONS; i++) {
        json_t *words = json_object();
        for (size_t k = 0; c[i].exists && k < c[i].n; k++)
            json_object_set_new(words, c[i].word[k].name, cli_json_number(c[i].word[k].value));
        json_object_set_new(words, "rule", json_string(c[i].rule));
        json_object_set_new(words, "exists", json_boolean(c[i].exists));
        json_object_set_new(more, c[i].name, words);
    }
    return line(head(v, "conventions", a), more);
}

static void show_json(const view *v)
{
    for (size_t i = 0; i < v->steps; i++) {
        const lg_analysis *a = &v->at[i];
        if (v->o->convert) {
            conventions_json(v, a);
            continue;
        }
        filter_json(v, a);
        stability_json(v, a);
        noise_json(v, a);
        if (a->linear) certificate_json(v, a);
        if (a->two_step.is) conventions_json(v, a);
    }
    if (!v->o->convert && v->map->key) map_json(v, &v->at[v->steps - 1]);
}

/* ---- for people ---- */

static void show_conventions(const lg_analysis *a)
{
    lg_convention c[LG_CONVENTIONS];
    lg_conventions(&a->two_step, c);
    for (int i = 0; i < LG_CONVENTIONS; i++) {
        printf("  ");
        cli_column(c[i].name, 20);
        for (size_t k = 0; c[i].exists && k < c[i].n; k++)
            printf("%s %.12g%s", c[i].word[k].name, c[i].word[k].value, k + 1 < c[i].n ? ",  " : "\n");
        printf(c[i].exists ? "%22s%s\n" : "%s-  %s\n", "", c[i].rule);
    }
}

static void show_responses(const lg_analysis *a)
{
    printf("  response to one gradient       ");
    for (size_t n = 0; n < a->terms && n < 6; n++) printf(" %.5g", a->impulse[n]);
    printf("%s\n  response to a lasting one      ", a->terms > 6 ? " ..." : "");
    for (size_t n = 0; n < a->terms && n < 6; n++) printf(" %.5g", a->response[n]);
    puts(a->terms > 6 ? " ..." : "");
}

static void show_stability(const view *v, const lg_analysis *a)
{
    char text[3][32];
    printf("  lr x curvature: stable below %s, without oscillation below %s\n",
           isinf(a->stable) ? "any" : cli_digits(text[0], a->stable, 10), cli_digits(text[1], a->real, 10));
    printf("  curvatures %.6g to %.6g: rate %s a step; best lr %s, rate %s\n",
           v->request.curvature / v->request.condition, v->request.curvature, cli_digits(text[0], a->rate, 8),
           cli_digits(text[1], a->best / v->request.curvature, 8), cli_digits(text[2], a->best_rate, 8));
}

/* The variance at a tenth, a half and nine tenths of the limit. */
static void show_noise(const lg_analysis *a)
{
    static const double part[TOLD] = { 0.1, 0.5, 0.9 };
    printf("  variance of x under gradient noise of variance 1, at lr x curvature");
    for (int k = 0; k < TOLD; k++) {
        int i = 0;
        while (i + 1 < LG_CURVATURES && a->q[i] < part[k] * a->stable) i++;
        printf("%s %.4g: %s", k ? "," : "", a->q[i], cli_digits((char[32]){ 0 }, a->variance[i], 6));
    }
    putchar('\n');
}

static void show_certificate(const view *v, const lg_analysis *a)
{
    const lg_certificate *c = &a->certificate;
    if (c->holds)
        printf("  certificate: rate %.8g on every function with curvatures in [%.6g, %.6g]; on quadratics %.8g\n",
               c->rate, v->request.curvature / v->request.condition, v->request.curvature, c->quadratic);
    else if (!(c->quadratic < 1))
        puts("  certificate: none: quadratics with these curvatures diverge already");
    else
        printf("  certificate: none on functions with curvatures in [%.6g, %.6g], whatever the rate on quadratics,\n"
               "  %.8g: the inequality fails by %.3g at frequency %.4g.  That proves no divergence\n",
               v->request.curvature / v->request.condition, v->request.curvature, c->quadratic, -c->margin, c->worst);
}

static void show_step(const view *v, const lg_analysis *a)
{
    char text[32];
    printf("%s, lr %.6g, ", v->method, a->lr);
    printf(isinf(a->step) ? "stationary constants" : "constants of step %.0f", a->step);
    if (a->linear)
        puts(": linear in the gradient");
    else
        printf(": not linear; its linearization at parameter %.6g, gradient %.6g\n", v->request.x, v->request.g);
    if (v->o->convert) {
        show_conventions(a);
        return;
    }
    printf("  filter: gain %s at frequency 0, %s at pi\n", cli_digits(text, a->magnitude[0], 8),
           cli_digits((char[32]){ 0 }, a->magnitude[LG_FREQUENCIES - 1], 8));
    show_responses(a);
    show_stability(v, a);
    if (a->stable > 0 && isfinite(a->stable)) show_noise(a);
    if (a->linear) show_certificate(v, a);
}

static void show_map(const view *v)
{
    const lg_map *m = v->map;
    printf("%s      stable below   monotone below\n", m->key);
    for (int i = 9; i < LG_MOMENTA; i += 10) {
        char text[2][32];
        printf("  %-12.2f %-14s %s\n", m->momentum[i], cli_digits(text[0], m->stable[i], 8),
               cli_digits(text[1], m->real[i], 8));
    }
    if (isfinite(m->best_rate))
        printf("  best at condition %g: %s %.6g, lr %.6g, rate %.6g\n", v->request.condition, m->key,
               m->best_momentum, m->best / v->request.curvature, m->best_rate);
}

static void show(const view *v)
{
    for (size_t i = 0; i < v->steps; i++) show_step(v, &v->at[i]);
    if (!v->o->convert && v->map->key) show_map(v);
}

/* ---- the run ---- */

static void progress(void *context, int64_t done, int64_t of)
{
    view *v = context;
    cli_progress_show(&v->progress, done, of, (double)NAN);
}

static luge_status all_settings(const options *o, const luge_method *method, const char **set, char text[2][LG_TEXT],
                                size_t *n, luge_error *err)
{
    const char *key[2] = { "lr", NULL }, *value[2] = { o->lr, o->momentum };
    luge_status st = LUGE_OK;

    if (o->momentum) LG_TRY(cli_momentum_key(&key[1], method, err));
    for (int i = 0; i < 2; i++) {
        if (!value[i]) continue;
        snprintf(text[i], LG_TEXT, "%s=%s", key[i], value[i]);
        set[(*n)++] = text[i];
    }
    for (size_t i = 0; i < o->set.n; i++) set[(*n)++] = o->set.v[i];
done:
    return st;
}

static luge_status check(const options *o, luge_error *err)
{
    if (o->at.n != 2) return lg_fail(err, LUGE_E_ARG, "--at takes a parameter and a gradient, as in --at 1,1");
    if (o->step.n > STEPS) return lg_fail(err, LUGE_E_ARG, "--step: at most %d steps", STEPS);
    for (int i = 0; i < o->step.n; i++)
        if (o->step.v[i] != floor(o->step.v[i]))
            return lg_fail(err, LUGE_E_ARG, "--step: %g is not a whole number", o->step.v[i]);
    return o->plot ? cli_plot_check(o->plot, err) : LUGE_OK;
}

static luge_status work(view *v, const luge_method *method, luge_error *err)
{
    luge_status st = LUGE_OK;
    const options *o = v->o;
    const char **set = NULL;
    char text[2][LG_TEXT];

    LG_TRY(check(o, err));
    LG_NEED(set = (const char **)lg_alloc(o->set.n + 2, sizeof *set));
    LG_NEED(v->at = lg_alloc((size_t)o->step.n, sizeof *v->at));
    LG_NEED(v->map = lg_alloc(1, sizeof *v->map));
    v->request.set = set;
    LG_TRY(all_settings(o, method, set, text, &v->request.set_count, err));
    for (v->steps = 0; v->steps < (size_t)o->step.n; v->steps++) {
        double step = o->step.v[v->steps];
        LG_TRY(lg_analyze_at(&v->request, step > 0 ? step : HUGE_VAL, &v->at[v->steps], err));
        if (o->convert && !v->at[v->steps].two_step.is)
            st = lg_fail(
                err, LUGE_E_ARG,
                "--convert: %s with these settings is not of the form u+ = u + l (u - u-) - h g, which is what the "
                "conventions share%s",
                v->method, v->at[v->steps].linear ? "" : "; it is not linear in the gradient");
        if (st) goto done;
    }
    if (!o->convert) LG_TRY(lg_analyze_map(&v->request, v->at[v->steps - 1].step, v->map, err));
done:
    lg_free((void *)set);
    return st;
}

static int run(const void *context, const cli_texts *operands)
{
    const options *o = context;
    const luge_method *method;
    luge_error err;
    view v = { .o = o, .method = operands->v[0] };
    luge_status st = cli_method(&method, v.method, &err);

    if (st) return cli_fail("analyze", &err);
    v.request = (lg_analyze){ .method = method,
                              .condition = o->condition,
                              .curvature = o->curvature,
                              .terms = (size_t)o->terms,
                              .progress = progress,
                              .context = &v };
    if (o->at.n == 2) v.request.x = o->at.v[0], v.request.g = o->at.v[1];
    cli_progress_start(&v.progress, o->json);
    st = work(&v, method, &err);
    cli_progress_clear(&v.progress);
    if (!st && o->json)
        show_json(&v);
    else if (!st)
        show(&v);
    if (!st && o->plot) st = cli_analyze_plot(o->plot, v.method, v.at, v.steps, v.map, &err);
    lg_free(v.at);
    lg_free(v.map);
    return st ? cli_fail("analyze", &err) : CLI_GOOD;
}

const cli_command cli_analyze = {
    .name = "analyze",
    .operands = "NAME",
    .title = "a method's filter, stability, rates, noise and certificate, from its own update",
    .text =
        "Takes the method's update apart as a linear system, by derivatives of its own formula, and shows the\n"
        "response of its steps to gradients, the step sizes times curvature at which it is stable, rates and the\n"
        "best step for a condition number, the variance that noise leaves, and the rate that is proved for every\n"
        "smooth, strongly convex function.  Methods that are not linear are linearized at a point (--at).\n",
    .examples = "  luge analyze heavy_ball --momentum 0.9 --condition 100\n"
                "  luge analyze fsgdm --step 390,23400,58500,117000 --plot stages.svg\n"
                "  luge analyze triple_momentum --set m=0.04 --condition 25\n"
                "  luge analyze qhm --convert\n"
                "  luge analyze adam --at 1,0.01 --json\n",
    .least = 1,
    .most = 1,
    .size = sizeof(options),
    .option = table,
    .run = run,
};
