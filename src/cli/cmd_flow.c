/* luge flow.  SPDX-License-Identifier: MIT */
#include "cli/cli.h"
#include "experiments/flow.h"
#include <string.h>

enum { MODELS = 24 };
static const char *const defaults = "rescaled,second_order,modified,composite,manifold:2", *const of_any = "auto";
static const char *const window_text[] = { [LG_THROUGHOUT] = "all t", [LG_LATER] = "t >= T/2" };
static const char *const refusal[] = { [LG_PAIR_KEPT] = NULL,
                                       [LG_PAIR_NOISE] = "the finer error is within 100 times the reference's own",
                                       [LG_PAIR_JUMP] = "order still moving" };

typedef struct options {
    const char *problem, *at, *method, *like, *models, *plot;
    cli_texts data, set;
    double momentum, lr, time, rtol;
    int64_t split, halvings, seed, threads;
    int start, solver;
    bool json;
} options;

static const cli_option table[] = {
    { "--problem", CLI_TEXT, offsetof(options, problem), NULL, NULL, "NAME[:KEY=VALUE,...] or expr:EXPRESSION",
      "what is minimized; luge train --help lists the names" },
    { "--data", CLI_TEXTS, offsetof(options, data), NULL, NULL, "[WHAT=]PATH",
      "an input file, as images=PATH where a problem takes several" },
    { "--split", LG_int, offsetof(options, split), "0", "[0,9007199254740992]", "N",
      "the first N rows make the objective; 0: all but the last fifth" },
    { "--at", CLI_TEXT, offsetof(options, at), NULL, NULL, "X,Y,...", "start point of a problem that is a formula" },
    { "--method", CLI_TEXT, offsetof(options, method), "heavy_ball", NULL, "NAME",
      "any smooth method whose coordinates move by themselves; luge methods lists all" },
    CLI_PLUGIN_ROW,
    { "--momentum", LG_maybe, offsetof(options, momentum), "none", "(-inf,inf)", "V",
      "of a method that has it; none: as it comes, 0.9 of heavy_ball and nesterov" },
    { "--set", CLI_TEXTS, offsetof(options, set), NULL, NULL, "KEY=VALUE", "another hyperparameter of the method" },
    { "--like", CLI_TEXT, offsetof(options, like), NULL, NULL, "NAME[:KEY=VALUE,...]",
      "beside the flow of another method: order 2 only where both are the same rule to that order" },
    { "--lr", LG_real, offsetof(options, lr), "0", "[0,inf)", "H", "largest step size; 0: chosen at the start" },
    { "--halvings", LG_int, offsetof(options, halvings), "5", "[1,15]", "K", "how often the step size is halved" },
    { "--time", LG_real, offsetof(options, time), "0", "[0,inf)", "T",
      "run to time T, in units where a step takes H; 0: 64 / (1 - momentum) steps, 256 of others" },
    { "--start", LG_word, offsetof(options, start), "cold", "(cold, prepared)", "WORD",
      "cold: at rest; prepared: on the slow manifold, without an initial layer" },
    { "--models", CLI_TEXT, offsetof(options, models), NULL, NULL, "A,B,...", "which; they stand below" },
    { "--solver", LG_word, offsetof(options, solver), "explicit", "(explicit, implicit, bdf, adams, erk)", "NAME",
      "explicit, implicit: luge's own; the others: SUNDIALS'" },
    { "--rtol", LG_real, offsetof(options, rtol), "1e-13", "[1e-15,1)", "V", "relative tolerance of the solver" },
    { "--seed", LG_int, offsetof(options, seed), "0", "[0,9007199254740992]", "S", "of the start point" },
    { "--threads", LG_int, offsetof(options, threads), "0", "[0,1024]", "T",
      "0: one for each processor; results do not depend on it" },
    { "--plot", CLI_TEXT, offsetof(options, plot), NULL, NULL, "FILE",
      "errors, paths and distances to the manifold as .svg, .png or .pdf" },
    { "--json", CLI_FLAG, offsetof(options, json), NULL, NULL, NULL,
      "one JSON object a line, a line for each model" },
    { 0 },
};

/* ---- what is shown ---- */

typedef struct view {
    const options *o;
    const char *method;
    const lg_flow_result *result;
    cli_progress progress;
    lg_flow_line line[MODELS];
    lg_path path[MODELS];
    size_t lines;
    bool failed;
} view;

static json_t *numbers(const double *v, size_t n)
{
    json_t *list = json_array();
    for (size_t i = 0; i < n; i++) json_array_append_new(list, cli_json_number(v[i]));
    return list;
}

static bool show_json(const view *v, const lg_flow_line *l)
{
    json_t *refused = json_array();
    for (size_t i = 0; i + 1 < l->n; i++)
        json_array_append_new(refused,
                              refusal[l->orders.kept[i]] ? json_string(refusal[l->orders.kept[i]]) : json_null());
    return cli_json_line(json_pack(
        "{s:s, s:i, s:o, s:s, s:o, s:o, s:o, s:o, s:o, s:s, s:s?, s:o, s:s, s:f, s:f, s:I}", "model", l->model,
        "theory_order", l->theory, "order", cli_json_number(l->orders.fitted), "window", window_text[l->window], "h",
        numbers(l->h, l->n), "error", numbers(l->error, l->n), "reference_error", numbers(l->reference, l->n),
        "pair_order", numbers(l->orders.pair, l->n - 1), "refused", refused, "method", v->method, "like", v->o->like,
        "momentum", cli_json_number(v->result->momentum), "start", v->o->start ? "prepared" : "cold", "time",
        v->result->time, "curvature", v->result->curvature, "variables", (json_int_t)v->result->variables));
}

/* "adamw, beta1=0.8 eps=0.05" or "heavy_ball, momentum 0.5". */
static const char *rule(const view *v, char *text, size_t size)
{
    double momentum = v->result->momentum;
    int n = isnan(momentum) || v->o->set.n ? snprintf(text, size, "%s", v->method)
                                           : snprintf(text, size, "%s, momentum %g", v->method, momentum);
    for (size_t i = 0; i < v->o->set.n && n >= 0 && (size_t)n < size; i++)
        n += snprintf(text + n, size - (size_t)n, "%s%s", i ? " " : ", ", v->o->set.v[i]);
    return text;
}

static void show_head(const view *v)
{
    const lg_flow_result *r = v->result;
    char text[200];
    printf("%s%s%s, %s start, %zu variable%s, to T = %g\n", rule(v, text, sizeof text),
           v->o->like ? ", beside the flow of " : "", v->o->like ? v->o->like : "", v->o->start ? "prepared" : "cold",
           r->variables, r->variables == 1 ? "" : "s", r->time);
    if (r->small > 0)
        printf("curvature at the start %.4g; %s = %.3g, which theory takes for small\n", r->curvature,
               r->family ? "H times that / (1-momentum)^2" : "H |V1| / |V0|", r->small);
}

static void show_table(const view *v, const lg_flow_line *l)
{
    char text[32];
    if (v->lines == 0) show_head(v);
    printf("\n%-24s order %s, theory %d (%s)\n", l->model, cli_digits(text, l->orders.fitted, 4), l->theory,
           window_text[l->window]);
    for (size_t i = 0; i < l->n; i++) {
        printf("  h %-14.8g error %-12.4g", l->h[i], l->error[i]);
        if (i) printf(" order %.3f", l->orders.pair[i - 1]);
        if (i && refusal[l->orders.kept[i - 1]]) printf("  refused: %s", refusal[l->orders.kept[i - 1]]);
        if (i && l->orders.kept[i - 1] == LG_PAIR_NOISE) printf(", %.1e", l->reference[i]);
        putchar('\n');
    }
    fflush(stdout);
}

static bool show(void *context, const lg_flow_line *line, lg_path *path)
{
    view *v = context;
    bool good = true;
    cli_progress_clear(&v->progress);
    if (v->o->json)
        good = show_json(v, line);
    else
        show_table(v, line);
    v->line[v->lines] = *line;
    v->path[v->lines] = *path;
    *path = (lg_path){ 0 };
    v->lines++;
    return good;
}

static void progress(void *context, int64_t done, int64_t of)
{
    view *v = context;
    cli_progress_show(&v->progress, done, of, (double)NAN);
}

/* ---- the plot ---- */

/* A triangle below each model's finest errors, with the slope that theory gives. */
static void triangles(const view *v, double *x, double *y)
{
    for (size_t i = 0; i < v->lines; i++) {
        const lg_flow_line *l = &v->line[i];
        double h = l->h[l->n - 1], side = l->h[l->n - 2], e = l->error[l->n - 1] / 1.6;
        double top = e * ldexp(1, l->theory), *px = x + 5 * i, *py = y + 5 * i;
        px[0] = h, px[1] = side, px[2] = side, px[3] = h, px[4] = (double)NAN;
        py[0] = e, py[1] = e, py[2] = top, py[3] = e, py[4] = (double)NAN;
    }
}

static void error_panel(const view *v, cli_curve *curve, double *corner, cli_panel *panel)
{
    size_t n = v->lines;
    for (size_t i = 0; i < n; i++)
        curve[i] =
            (cli_curve){ v->line[i].model, v->line[i].h, v->line[i].error, v->line[i].n, (int)i, false, false };
    triangles(v, corner, corner + 5 * n);
    curve[n] = (cli_curve){ "slope of the theorem", corner, corner + 5 * n, 5 * n, 0, true, true };
    *panel = (cli_panel){
        .label = "largest error", .xlabel = "step size h", .log = true, .xlog = true, .curve = curve, .curves = n + 1
    };
}

/* Coordinate k of the rows of `from`, as a curve of its own in `to`. */
static const double *coordinate(const double *from, size_t n, size_t k, double *to)
{
    for (size_t i = 0; i < n; i++) to[i] = from[2 * i + k];
    return to;
}

static void surround(const view *v, double box[4])
{
    for (int k = 0; k < 2; k++) box[2 * k] = HUGE_VAL, box[2 * k + 1] = -HUGE_VAL;
    for (size_t i = 0; i < 2 * v->path[0].n; i++) {
        double *side = box + 2 * (i % 2), x = v->path[0].u[i];
        side[0] = fmin(side[0], x);
        side[1] = fmax(side[1], x);
    }
    for (int k = 0; k < 2; k++) {
        double more = 0.15 * (box[2 * k + 1] - box[2 * k]) + 1e-6;
        box[2 * k] -= more, box[2 * k + 1] += more;
    }
}

/* Contours, the iterates, and every flow at the largest step size. */
static luge_status path_panel(const view *v, const lg_problem_request *problem, cli_curve *curve, double **memory,
                              cli_panel *panel, luge_error *err)
{
    luge_status st;
    double box[4], *xy = NULL, *at;
    size_t points, room = 0, c = 0;

    surround(v, box);
    LG_TRY(lg_contours(problem, box, &xy, &points, err));
    for (size_t i = 0; i < v->lines; i++) room += 4 * v->path[i].n;
    LG_NEED(*memory = at = lg_alloc(2 * points + room + 1, sizeof *at));
    curve[c++] = (cli_curve){
        "equal loss", coordinate(xy, points, 0, at), coordinate(xy, points, 1, at + points), points, 0, true, true
    };
    at += 2 * points;
    for (size_t i = 0; i < v->lines; i++) {
        const lg_path *p = &v->path[i];
        bool flow = p->n > 0 && isfinite(p->y[0]);
        if (i > 0 && !flow) continue;
        if (flow) {
            curve[c++] = (cli_curve){ v->line[i].model,
                                      coordinate(p->y, p->n, 0, at),
                                      coordinate(p->y, p->n, 1, at + p->n),
                                      p->n,
                                      (int)i,
                                      false,
                                      false };
            at += 2 * p->n;
        }
    }
    curve[c++] = (cli_curve){ "iterates",
                              coordinate(v->path[0].u, v->path[0].n, 0, at),
                              coordinate(v->path[0].u, v->path[0].n, 1, at + v->path[0].n),
                              v->path[0].n,
                              6,
                              false,
                              false };
    *panel = (cli_panel){ .label = "y", .xlabel = "x", .curve = curve, .curves = c };
done:
    lg_free(xy);
    return st;
}

/* |v_n - G(u_n)| against n, for each number of terms that was asked for; 0: none was. */
static size_t manifold_panel(const view *v, cli_curve *curve, double *step, cli_panel *panel)
{
    size_t c = 0;
    for (size_t i = 0; i < v->lines; i++) {
        const lg_path *p = &v->path[i];
        if (strncmp(v->line[i].model, "manifold", 8)) continue;
        for (size_t k = 0; k < p->n; k++) step[k] = (double)k;
        curve[c++] = (cli_curve){ v->line[i].model, step, p->error, p->n, (int)i, false, false };
    }
    *panel = (cli_panel){ .label = "distance to manifold", .xlabel = "n", .log = true, .curve = curve, .curves = c };
    return c;
}

static luge_status plot(const view *v, const lg_problem_request *problem, luge_error *err)
{
    luge_status st = LUGE_OK;
    cli_curve curve[3][MODELS + 2];
    cli_panel panel[3];
    double corner[10 * MODELS], *memory = NULL, *step = NULL;
    char title[400], text[160];
    size_t panels = 1;

    error_panel(v, curve[0], corner, &panel[0]);
    if (v->result->variables == 2) LG_TRY(path_panel(v, problem, curve[1], &memory, &panel[panels++], err));
    LG_NEED(step = lg_alloc(v->path[0].n + 1, sizeof *step));
    if (manifold_panel(v, curve[2], step, &panel[panels])) panels++;
    snprintf(title, sizeof title, "%s, %s start%s%.100s", rule(v, text, sizeof text),
             v->o->start ? "prepared" : "cold", v->o->set.n ? "" : ": ", v->o->set.n ? "" : v->o->problem);
    st = cli_plot_write(v->o->plot, &(cli_plot){ .title = title, .xlabel = "", .panel = panel, .panels = panels },
                        err);
done:
    lg_free(memory);
    lg_free(step);
    return st;
}

/* ---- the run ---- */

/* "A,B,C" in pieces; the commas become ends of texts in `copy`.  auto stands for both of its orders. */
static luge_status split_names(char *copy, const char **name, size_t *n, luge_error *err)
{
    for (char *at = copy; *at; *n += 1) {
        size_t length = strcspn(at, ",");
        if (length == 0 || *n >= MODELS - 1)
            return lg_fail(err, LUGE_E_ARG, "--models: from 1 to %d names belong between commas", MODELS - 1);
        name[*n] = at;
        at += length;
        if (*at) *at++ = 0;
        if (!strcmp(name[*n], of_any)) {
            name[*n] = "auto:1";
            name[ *n += 1] = "auto:2";
        }
    }
    return *n ? LUGE_OK : lg_fail(err, LUGE_E_ARG, "--models: it names none");
}

static luge_status work(view *v, lg_flow *f, luge_error *err)
{
    luge_status st = LUGE_OK;
    const char *name[MODELS];
    lg_flow_result result;
    char *copy = NULL;
    char like[LG_TEXT];
    bool family = !f->sets && !v->o->like && !isnan(lg_method_a(v->method, 0));

    LG_TRY(cli_method(&f->method, v->method, err));
    if (v->o->like) {
        size_t n = strcspn(v->o->like, ":");
        snprintf(like, sizeof like, "%.*s", (int)n, v->o->like);
        LG_TRY(cli_method(&f->like, like, err));
        f->like_set = v->o->like + n + (v->o->like[n] == ':');
    }
    LG_NEED(copy = lg_copy_text(v->o->models ? v->o->models : family ? defaults : of_any));
    LG_TRY(split_names(copy, name, &f->models, err));
    if (v->o->plot) LG_TRY(cli_plot_check(v->o->plot, err));
    f->model = name;
    v->result = &result;
    LG_TRY(lg_flow_run(f, &result, err));
    if (v->o->plot && v->lines) LG_TRY(plot(v, &f->problem, err));
done:
    lg_free(copy);
    return st;
}

static int run(const void *context, const cli_texts *operands)
{
    const options *o = context;
    luge_error err;
    view v = { .o = o, .method = o->method };
    lg_flow f = { .problem = { .spec = o->problem,
                               .at = o->at,
                               .data = o->data.v,
                               .data_count = o->data.n,
                               .split = (size_t)o->split,
                               .seed = (uint64_t)o->seed,
                               .type = LUGE_F64,
                               .threads = (int)o->threads },
                  .set = o->set.v,
                  .sets = o->set.n,
                  .momentum = o->momentum,
                  .lr = o->lr,
                  .time = o->time,
                  .halvings = (int)o->halvings,
                  .prepared = o->start == 1,
                  .solver = (enum lg_solver)o->solver,
                  .rtol = o->rtol,
                  .line = show,
                  .progress = progress,
                  .context = &v };
    luge_status st;

    (void)operands;
    if (!o->problem) {
        lg_fail(&err, LUGE_E_ARG, "--problem is missing, as in --problem rosenbrock; luge flow --help shows how");
        return cli_fail("flow", &err);
    }
    cli_progress_start(&v.progress, o->json);
    st = work(&v, &f, &err);
    cli_progress_clear(&v.progress);
    for (size_t i = 0; i < v.lines; i++) lg_path_free(&v.path[i]);
    return st ? cli_fail("flow", &err) : CLI_GOOD;
}

static void more(void)
{
    puts("\nModels");
    for (size_t i = 0; lg_model_list(i); i++) {
        cli_column("", 2);
        cli_column(lg_model_list(i), 22);
        printf("%s%s\n", strlen(lg_model_list(i)) > 21 ? "\n                        " : "", lg_model_title(i));
    }
    puts("Errors are the largest over all steps with up to 1000 variables, over 8 times of the run beyond; past\n"
         "the initial layer (t >= T/2) where theory speaks of that alone.");
}

const cli_command cli_flow = {
    .name = "flow",
    .title = "iterates against the flows that they shadow: errors as the step size is halved, orders",
    .text =
        "Runs a method beside the differential equations that belong to it, at step sizes H, H/2, ..., and shows\n"
        "how the errors fall, with the order that theory gives.  Heavy ball, Nesterov and sgd have many models; of\n"
        "any other smooth method whose coordinates move by themselves, auto derives the flow from its formula.\n"
        "The equations are solved twice, with half the steps the second time; what lies between bounds their own\n"
        "error, and pairs of errors that come near it are refused.\n",
    .examples =
        "  luge flow --problem \"expr:0.5*(1-x)^2+(y-x^2)^2\" --at=-0.5,1 --momentum 0.5\n"
        "  luge flow --problem \"expr:0.5*(1-x)^2+(y-x^2)^2\" --at=-0.5,1 --method nesterov --start prepared \\\n"
        "      --models rescaled,modified,series:3,series:4 --plot orders.svg\n"
        "  luge flow --problem \"expr:0.5*(1-x)^2+(y-x^2)^2\" --at=-0.5,0.6 --method adamw --set beta1=0.8 \\\n"
        "      --set beta2=0.9 --set eps=0.05 --set eps_at=inside --start prepared --plot adamw.svg\n",
    .size = sizeof(options),
    .option = table,
    .more = more,
    .run = run,
};
