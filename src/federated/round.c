/* One round: local steps into the uploads, then all that moves.  Nothing moves before every upload is there; what
 * comes after cannot fail.  Sums over clients run in the order in which they were chosen.
 * SPDX-License-Identifier: MIT */
#include "federated/federation.h"
#include <string.h>

/* What momentum takes from a coordinate of x in a local step: scale (to - from). */
typedef struct pull {
    double scale;
    const double *to, *from; /* NULL: nothing */
} pull;

static pull pull_of(const luge_federation *f, size_t client, const double *x)
{
    const lg_federating *s = &f->how;
    const lg_federated *r = &f->run;
    double steps = (double)s->steps, c = (double)s->sampled / (double)f->clients, beta = lg_federated_beta(s);
    double *kept = r->kept ? r->kept + client * f->n : NULL;
    int64_t lag = lg_federated_lag(s, f->clients);

    switch ((enum lg_federated_rule)s->rule) {
    case LG_scaffold: return (pull){ s->lr, r->server, kept };
    case LG_fedcm:
    case LG_ghbm:
        if (r->round < lag) return (pull){ 0 };
        if (s->rule == LG_fedcm) beta = (1 - s->alpha) / s->server_lr; /* the model moved by server_lr Δ */
        return (pull){ beta / (steps * (double)lag), r->server + (size_t)(r->round % lag) * f->n, r->x };
    case LG_localghbm:
    case LG_fedhbm:
        if (!r->visits[client]) {
            if (!s->first) return (pull){ 0 };
            kept = r->server;
        }
        return (pull){ beta * c / steps, kept, s->rule == LG_fedhbm ? x : r->x };
    default: return (pull){ 0 };
    }
}

static void move(const pull *p, size_t n, double *x)
{
    for (size_t k = 0; p->to && k < n; k++) x[k] -= p->scale * (p->to[k] - p->from[k]);
}

/* All local steps of a client, from the server's model to x; control: the mean of its gradients, or NULL. */
static luge_status client_run(const luge_federation *f, size_t client, double *x, double *control, double *g,
                              luge_error *err)
{
    const lg_federating *s = &f->how;
    pull p = pull_of(f, client, x);
    double rate = s->rule == LG_fedcm ? s->alpha * s->lr : s->lr, decay = s->weight_decay;
    luge_status st = LUGE_OK;

    memcpy(x, f->run.x, f->n * sizeof *x);
    if (control) memset(control, 0, f->n * sizeof *x);
    for (int64_t j = 0; j < s->steps; j++) {
        if (s->nesterov) move(&p, f->n, x);
        LG_TRY(f->client(f->context, client, f->run.round, j, x, g, err));
        for (size_t k = 0; k < f->n; k++) g[k] += decay * x[k];
        for (size_t k = 0; control && k < f->n; k++) control[k] += g[k];
        for (size_t k = 0; k < f->n; k++) { /* at once: fedhbm's pull reads the x that it moves */
            double by = p.to && !s->nesterov ? p.scale * (p.to[k] - p.from[k]) : 0;
            x[k] -= rate * g[k] + by;
        }
    }
    for (size_t k = 0; control && k < f->n; k++) control[k] /= (double)s->steps;
done:
    return st;
}

static double *upload(const luge_federation *f, size_t place)
{
    return f->run.upload + place * (size_t)lg_federated_rule(f)->up * f->n;
}

/* This rank's clients, shared among its threads. */
static void clients_run(void *context, size_t id, size_t of)
{
    luge_federation *f = context;
    const lg_federated *r = &f->run;
    lg_worker *w = &r->worker[id];
    size_t step = of * (size_t)f->ranks;
    bool control = lg_federated_rule(f)->client == LG_CONTROL;

    for (size_t k = (size_t)f->rank + id * (size_t)f->ranks; k < r->chosen_count; k += step) {
        double *x = upload(f, k);
        w->err.status = client_run(f, r->chosen[k], x, control ? x + f->n : NULL, r->spare + id * f->n, &w->err);
        if (w->err.status) {
            w->failed = k;
            return;
        }
    }
}

static luge_status first_failure(const luge_federation *f, luge_error *err)
{
    const lg_worker *first = NULL;
    for (size_t i = 0; i < f->run.workers; i++) {
        const lg_worker *w = &f->run.worker[i];
        if (w->failed != SIZE_MAX && (!first || w->failed < first->failed)) first = w;
    }
    if (first && err) *err = first->err;
    return first ? first->err.status : LUGE_OK;
}

static luge_status all_finite(const luge_federation *f, luge_error *err)
{
    size_t each = (size_t)lg_federated_rule(f)->up * f->n;
    for (size_t i = 0; i < f->run.chosen_count; i++)
        for (size_t k = 0; k < each; k++)
            if (!isfinite(upload(f, i)[k]))
                return lg_fail(
                    err, LUGE_E_NUMERIC,
                    "federation: round %lld: client %zu came back with numbers that are not finite: is lr = "
                    "%g too large?",
                    (long long)f->run.round, f->run.chosen[i], f->how.lr);
    return LUGE_OK;
}

/* ---- the server, coordinate by coordinate ---- */

/* The controls of scaffold: c_i, and c by what they moved. */
static void controls(const luge_federation *f, size_t k)
{
    for (size_t i = 0; i < f->run.chosen_count; i++) {
        size_t client = f->run.chosen[i];
        double *old = f->run.kept + client * f->n + k, made = upload(f, i)[f->n + k];
        f->run.server[k] += f->weight[client] * (made - *old);
        *old = made;
    }
}

/* What a coordinate keeps at the clients of the round, and the weighted mean of what they moved it by. */
static double gather(const luge_federation *f, size_t k)
{
    enum lg_keeps keeps = lg_federated_rule(f)->client;
    const lg_federated *r = &f->run;
    double sum = 0, all = 0;

    for (size_t i = 0; i < r->chosen_count; i++) {
        size_t client = r->chosen[i];
        double end = upload(f, i)[k];
        sum += f->weight[client] * (r->x[k] - end);
        all += f->weight[client];
        if (keeps == LG_SENT) r->kept[client * f->n + k] = r->x[k];
        if (keeps == LG_END) r->kept[client * f->n + k] = end;
    }
    return sum / all;
}

static void server_move(luge_federation *f)
{
    enum lg_keeps keeps = lg_federated_rule(f)->server;
    lg_federated *r = &f->run;
    double beta = lg_federated_beta(&f->how);
    size_t oldest = keeps == LG_MODELS ? (size_t)(r->round % lg_federated_lag(&f->how, f->clients)) * f->n : 0;

    for (size_t k = 0; k < f->n; k++) {
        double mean = gather(f, k);
        switch (keeps) {
        case LG_VELOCITY: mean = r->server[k] = beta * r->server[k] + mean; break;
        case LG_MODELS: r->server[oldest + k] = r->x[k]; break;
        case LG_CONTROL: controls(f, k); break;
        default: break;
        }
        r->x[k] -= f->how.server_lr * mean;
    }
}

luge_status luge_federation_round(luge_federation *f, luge_error *err)
{
    const lg_federated_row *rule = lg_federated_rule(f);
    lg_federated *r = &f->run;
    luge_error own = { 0 };
    luge_status st;

    if (!f->begun) return lg_fail(err, LUGE_E_INPUT, "federation: luge_federation_begin comes before a round");
    r->chosen_count = lg_federated_draw(f, r, r->round);
    for (size_t i = 0; i < r->workers; i++) r->worker[i].failed = SIZE_MAX;
    lg_share((int)r->workers, clients_run, f);
    st = first_failure(f, &own);
    if (f->ranks > 1)
        st = f->exchange(f->exchange_context, st, r->chosen_count, (size_t)rule->up * f->n, r->upload, &own);
    if (!st) st = all_finite(f, &own);
    if (st) {
        r->chosen_count = r->round ? lg_federated_draw(f, r, r->round - 1) : 0;
        if (err) *err = own;
        return st;
    }
    server_move(f);
    for (size_t i = 0; i < r->chosen_count; i++) {
        bool more = !r->visits[r->chosen[i]]++ && f->how.first;
        r->traffic[0] += (int64_t)f->n * (rule->down + more);
        r->traffic[1] += (int64_t)f->n * rule->up;
    }
    r->round++;
    return LUGE_OK;
}
