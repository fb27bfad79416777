/* The object behind luge/federate.h: settings, memory, checks.  SPDX-License-Identifier: MIT */
#include "federated/federation.h"
#include "engine/engine.h"
#include <string.h>

const lg_federated_row lg_federated_rows[] = {
    [LG_fedavg] = { "fedavg", (double)NAN, 1, 1, LG_NOTHING, LG_NOTHING },
    [LG_fedavgm] = { "fedavgm", 0.9, 1, 1, LG_VELOCITY, LG_NOTHING },
    [LG_fedcm] = { "fedcm", (double)NAN, 2, 1, LG_MODELS, LG_NOTHING },
    [LG_scaffold] = { "scaffold", (double)NAN, 2, 2, LG_CONTROL, LG_CONTROL },
    [LG_ghbm] = { "ghbm", 0.9, 2, 1, LG_MODELS, LG_NOTHING },
    [LG_localghbm] = { "localghbm", 0.9, 1, 1, LG_NOTHING, LG_SENT },
    [LG_fedhbm] = { "fedhbm", 1, 1, 1, LG_NOTHING, LG_END },
};

#define AT(member) offsetof(lg_federating, member)
static const lg_setting table[] = {
    { "rule", LG_word, AT(rule), "fedavg", LG_FEDERATED_RULES, "what momentum adds to a client's step" },
    { "lr", LG_rate, AT(lr), "0.1", "(0,inf)", "step size of clients" },
    { "steps", LG_int, AT(steps), "5", "[1,1e9]", "local steps of a client in a round, J" },
    { "sampled", LG_int, AT(sampled), "10", "[1,1e9]", "clients of a round; C is this over all clients" },
    { "beta", LG_maybe, AT(beta), "none", "[0,1]",
      "momentum of fedavgm, ghbm and localghbm (none: 0.9) and fedhbm (none: 1)" },
    { "alpha", LG_real, AT(alpha), "0.1", "(0,1]", "weight of the gradient in fedcm" },
    { "lag", LG_int, AT(lag), "0", "[0,1e6]", "rounds that ghbm looks back, tau; 0: one pass over the clients, 1/C" },
    { "server_lr", LG_rate, AT(server_lr), "1", "(0,inf)", "step size of the server" },
    { "weight_decay", LG_real, AT(weight_decay), "0", "[0,inf)", "added to the gradient, times x" },
    { "nesterov", LG_bool, AT(nesterov), "false", NULL,
      "the family of ghbm: momentum moves x before the gradient is taken" },
    { "first", LG_word, AT(first), "none", "(none, shared)",
      "localghbm and fedhbm, a client's first time: no momentum, or the run's first model, which is sent too" },
    { "participation", LG_word, AT(participation), "uniform", "(uniform, cyclic, dirichlet)",
      "who is sampled: all alike; groups of neighbours in turn; by weights drawn once" },
    { "concentration", LG_real, AT(concentration), "1", "[0.001,1e6]",
      "of the Dirichlet distribution of those weights; small: few clients take part often" },
    { "seed", LG_int, AT(seed), "0", "[0,9007199254740992]", "of who takes part" },
    { "threads", LG_int, AT(threads), "1", "[0,1024]", "clients that run at once; 0: OpenMP's choice" },
    { 0 },
};
static const char owner[] = "federation";

double lg_federated_beta(const lg_federating *s)
{
    return LG_NONE(s->beta) ? lg_federated_rows[s->rule].beta : s->beta;
}

int64_t lg_federated_lag(const lg_federating *s, size_t clients)
{
    int64_t pass = ((int64_t)clients + s->sampled - 1) / s->sampled;
    return s->rule == LG_fedcm ? 1 : s->lag ? s->lag : pass;
}

/* What two settings may not be together. */
static luge_status check(const lg_federating *s, luge_error *err)
{
    const lg_federated_row *rule = &lg_federated_rows[s->rule];
    bool family = s->rule >= LG_ghbm;

    if (!LG_NONE(s->beta) && isnan(rule->beta))
        return lg_fail(err, LUGE_E_ARG, "federation: beta = %g: %s has no such momentum", s->beta, rule->name);
    if (s->nesterov && !family)
        return lg_fail(err, LUGE_E_ARG, "federation: nesterov = true: %s is not of the family of ghbm", rule->name);
    if (s->first && rule->client != LG_SENT && rule->client != LG_END)
        return lg_fail(err, LUGE_E_ARG, "federation: first = shared is for localghbm and fedhbm, the rule is %s",
                       rule->name);
    return LUGE_OK;
}

luge_status lg_federating_parse(lg_federating *s, const char *const *set, size_t count, luge_error *err)
{
    char key[LG_TEXT];
    const char *value;
    luge_status st;

    LG_TRY(lg_setting_defaults(owner, table, s, err));
    for (size_t i = 0; i < count; i++) {
        LG_TRY(lg_setting_split(set[i], key, &value, err));
        LG_TRY(lg_setting_key(owner, table, s, key, value, err));
    }
    st = check(s, err);
done:
    return st;
}

luge_status luge_federation_new(luge_federation **out, size_t clients, size_t n, luge_client *client, void *context,
                                luge_error *err)
{
    luge_status st = LUGE_OK;
    luge_federation *f = NULL;

    *out = NULL;
    if (!clients || clients > (size_t)1 << 40 || !n || !client)
        return lg_fail(err, LUGE_E_ARG, "federation: %zu clients of %zu numbers%s", clients, n,
                       client ? ": 1 or more of each are needed" : ": there is no function for gradients");
    LG_NEED(f = lg_alloc(1, sizeof *f));
    f->clients = clients, f->n = n, f->client = client, f->context = context, f->ranks = 1;
    LG_TRY(lg_setting_defaults(owner, table, &f->how, err));
    LG_NEED(f->weight = lg_alloc(clients, sizeof *f->weight));
    for (size_t i = 0; i < clients; i++) f->weight[i] = 1 / (double)clients;
    *out = f;
done:
    if (st) luge_federation_free(f);
    return st;
}

void luge_federation_free(luge_federation *f)
{
    if (!f) return;
    lg_federated_close(&f->run);
    lg_free(f->weight);
    lg_free(f);
}

luge_status luge_federation_set(luge_federation *f, const char *key, const char *value, luge_error *err)
{
    if (f->begun && strcmp(key, "lr") != 0 && lg_setting_find(table, key))
        return lg_fail(err, LUGE_E_ARG, "federation: %.40s is set before a run begins; in it only lr may change",
                       key);
    return lg_setting_key(owner, table, &f->how, key, value, err);
}

luge_status luge_federation_get(const luge_federation *f, const char *key, char *text, size_t size, luge_error *err)
{
    const lg_setting *row = lg_setting_find(table, key);
    if (!row) return lg_fail(err, LUGE_E_NAME, "federation: there is no setting \"%.60s\"", key);
    lg_setting_print(row, &f->how, text, size);
    return LUGE_OK;
}

int luge_federation_row(size_t i, luge_row *row)
{
    for (const lg_setting *s = table; s->name; s++)
        if (i-- == 0) return lg_setting_row(s, lg_kind_name(s->kind), row);
    return 0;
}

luge_status luge_federation_weigh(luge_federation *f, const double *weight, luge_error *err)
{
    double sum = 0;

    if (f->begun) return lg_fail(err, LUGE_E_ARG, "federation: clients are weighed before a run begins");
    for (size_t i = 0; i < f->clients; i++) {
        if (!(weight[i] > 0) || isinf(weight[i]))
            return lg_fail(err, LUGE_E_ARG, "federation: weight %g of client %zu is not in (0,inf)", weight[i], i);
        sum += weight[i];
    }
    if (isinf(sum)) return lg_fail(err, LUGE_E_ARG, "federation: the sum of the weights is not finite");
    for (size_t i = 0; i < f->clients; i++) f->weight[i] = weight[i] / sum;
    return LUGE_OK;
}

luge_status luge_federation_share(luge_federation *f, int rank, int ranks, luge_exchange *exchange, void *context,
                                  luge_error *err)
{
    if (ranks < 1 || rank < 0 || rank >= ranks || (ranks > 1 && !exchange))
        return lg_fail(err, LUGE_E_ARG, "federation: rank %d of %d%s", rank, ranks,
                       ranks > 1 && !exchange ? " needs a function that exchanges"
                                              : ": from 0, and below their number");
    f->rank = rank, f->ranks = ranks, f->exchange = exchange, f->exchange_context = context;
    return LUGE_OK;
}

/* ---- the memory of a run ---- */

static size_t server_rows(const luge_federation *f)
{
    enum lg_keeps keeps = lg_federated_rule(f)->server;
    if (keeps == LG_MODELS) return (size_t)lg_federated_lag(&f->how, f->clients);
    return keeps != LG_NOTHING || f->how.first ? 1 : 0;
}

/* rows x columns doubles, none where one of them is 0. */
static luge_status room(double **out, size_t rows, size_t columns, luge_error *err)
{
    luge_status st = LUGE_OK;
    size_t n;
    if (!lg_times(rows, columns, &n))
        return lg_fail(err, LUGE_E_MEMORY, "federation: %zu x %zu numbers", rows, columns);
    if (n) LG_NEED(*out = lg_alloc(n, sizeof **out));
done:
    return st;
}

luge_status lg_federated_open(const luge_federation *f, lg_federated *r, luge_error *err)
{
    const lg_federated_row *rule = lg_federated_rule(f);
    const lg_federating *how = &f->how;
    size_t workers = (size_t)lg_threads((int)how->threads), sampled = (size_t)how->sampled, rows;
    luge_status st;

    *r = (lg_federated){ .server_rows = server_rows(f) };
    LG_TRY(check(how, err));
    if (sampled > f->clients)
        return lg_fail(err, LUGE_E_ARG, "federation: sampled = %zu: there are only %zu clients", sampled, f->clients);
    r->workers = workers < sampled ? workers : sampled;
    if (!lg_times(sampled, (size_t)rule->up, &rows))
        return lg_fail(err, LUGE_E_MEMORY, "federation: sampled = %zu", sampled);
    LG_TRY(room(&r->x, 1, f->n, err));
    LG_TRY(room(&r->server, r->server_rows, f->n, err));
    LG_TRY(room(&r->kept, rule->client ? f->clients : 0, f->n, err));
    LG_TRY(room(&r->upload, rows, f->n, err));
    LG_TRY(room(&r->spare, r->workers, f->n, err));
    LG_TRY(room(&r->rarity, how->participation == LG_dirichlet ? 2 : 0, f->clients, err));
    LG_NEED(r->chosen = lg_alloc(f->clients, sizeof *r->chosen));
    LG_NEED(r->visits = lg_alloc(f->clients, sizeof *r->visits));
    LG_NEED(r->worker = lg_alloc(r->workers, sizeof *r->worker));
    if (r->rarity) lg_federated_rarity(f, r->rarity);
done:
    if (st) lg_federated_close(r);
    return st;
}

void lg_federated_close(lg_federated *r)
{
    void *const block[] = {
        r->x, r->server, r->kept, r->upload, r->spare, r->rarity, r->chosen, r->visits, r->worker
    };
    for (size_t i = 0; i < sizeof block / sizeof *block; i++) lg_free(block[i]);
    *r = (lg_federated){ 0 };
}

void lg_federated_replace(luge_federation *f, const lg_federated *run)
{
    lg_federated_close(&f->run);
    f->run = *run;
    f->begun = true;
}

luge_status luge_federation_begin(luge_federation *f, const double *x, luge_error *err)
{
    lg_federated run;
    luge_status st;

    for (size_t k = 0; k < f->n; k++)
        if (!isfinite(x[k]))
            return lg_fail(err, LUGE_E_NUMERIC, "federation: number %zu of the model is %g", k, x[k]);
    LG_TRY(lg_federated_open(f, &run, err));
    memcpy(run.x, x, f->n * sizeof *x);
    if (f->how.first) memcpy(run.server, x, f->n * sizeof *x);
    lg_federated_replace(f, &run);
done:
    return st;
}

/* ---- what is asked of a run ---- */

int64_t luge_federation_rounds(const luge_federation *f) { return f->run.round; }
const double *luge_federation_model(const luge_federation *f) { return f->run.x; }

size_t luge_federation_chosen(const luge_federation *f, const size_t **client)
{
    *client = f->run.chosen;
    return f->run.chosen_count;
}

void luge_federation_traffic(const luge_federation *f, int64_t *down, int64_t *up)
{
    *down = f->run.traffic[0];
    *up = f->run.traffic[1];
}
