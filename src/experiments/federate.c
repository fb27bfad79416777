/* A run of a federation on built-in clients: scores, checkpoints.  SPDX-License-Identifier: MIT */
#include "experiments/federate.h"
#include "federated/federation.h"
#include <stdio.h>
#include <string.h>

typedef struct work {
    const lg_federate *in;
    lg_federated_run *out;
    luge_federation *f;
    size_t room;
} work;

static luge_status set_number(luge_federation *f, const char *key, double v, luge_error *err)
{
    char text[40];
    lg_number_print(text, sizeof text, v);
    return luge_federation_set(f, key, text, err);
}

/* lr and server_lr such that a gradient that stays moves the model by lr of it a local step, whatever the rule. */
static luge_status equal_steps(luge_federation *f, luge_error *err)
{
    const lg_federating *s = &f->how;
    double rest = 1 - lg_federated_beta(s);
    luge_status st = LUGE_OK;

    if (isnan(rest)) return LUGE_OK;
    if (!(rest > 0))
        return lg_fail(err, LUGE_E_ARG, "%s with beta = 1 has no effective step to be equal to others': set beta",
                       lg_federated_rule(f)->name);
    LG_TRY(set_number(f, s->rule == LG_fedavgm ? "server_lr" : "lr",
                      rest * (s->rule == LG_fedavgm ? s->server_lr : s->lr), err));
done:
    return st;
}

static luge_status settings(work *w, luge_error *err)
{
    const lg_federate *in = w->in;
    const lg_clients *c = in->clients;
    char key[LG_TEXT];
    const char *value;
    luge_status st;

    LG_TRY(luge_federation_new(&w->f, c->count, c->n, c->gradient, in->clients, err));
    LG_TRY(set_number(w->f, "sampled", c->count < 10 ? 1 : (double)(c->count / 10), err));
    if (in->epochs) LG_TRY(set_number(w->f, "steps", (double)in->epochs * (double)c->epoch, err));
    for (size_t i = 0; i < in->set_count; i++) {
        LG_TRY(lg_setting_split(in->set[i], key, &value, err));
        LG_TRY(luge_federation_set(w->f, key, value, err));
    }
    if (in->equal) LG_TRY(equal_steps(w->f, err));
    snprintf(w->out->rule, sizeof w->out->rule, "%s", lg_federated_rule(w->f)->name);
    w->out->lr = w->f->how.lr;
    LG_TRY(luge_federation_weigh(w->f, c->weight, err));
    if (in->ranks)
        LG_TRY(luge_federation_share(w->f, in->ranks->rank, in->ranks->ranks, in->ranks->exchange, in->ranks->context,
                                     err));
    LG_TRY(in->resume ? luge_federation_load(w->f, in->resume, in->note, err)
                      : luge_federation_begin(w->f, c->start, err));
    if (luge_federation_rounds(w->f) > in->rounds)
        st = lg_fail(err, LUGE_E_ARG, "%s: %lld rounds are done, more than the %lld asked for", in->resume,
                     (long long)luge_federation_rounds(w->f), (long long)in->rounds);
done:
    return st;
}

static luge_status scored(work *w, lg_federated_point *p, luge_error *err)
{
    lg_federated_run *r = w->out;
    luge_status st = LUGE_OK;

    p->line = true;
    LG_TRY(w->in->clients->score(w->in->clients, luge_federation_model(w->f), &p->score, err));
    if (r->points == w->room) {
        size_t room = w->room ? 2 * w->room : 256;
        lg_federated_point *more = lg_grow(r->point, r->points, room, sizeof *more);
        LG_NEED(more);
        r->point = more, w->room = room;
    }
    r->point[r->points++] = *p;
done:
    return st;
}

/* One rank writes. */
static luge_status save(const work *w, luge_error *err)
{
    if (!w->in->save || (w->in->ranks && w->in->ranks->rank)) return LUGE_OK;
    return luge_federation_save(w->f, w->in->save, w->in->note, err);
}

static luge_status rounds(work *w, luge_error *err)
{
    const lg_federate *in = w->in;
    lg_federated_run *r = w->out;
    luge_status st = LUGE_OK;

    while ((r->rounds = luge_federation_rounds(w->f)) < in->rounds && !r->stopped) {
        LG_TRY(luge_federation_round(w->f, err));
        lg_federated_point p = { .round = luge_federation_rounds(w->f), .rounds = in->rounds };
        bool last = p.round == in->rounds;
        if (last || p.round % in->every == 0) LG_TRY(scored(w, &p, err));
        r->stopped = in->report && !in->report(in->context, &p);
        if (last || r->stopped || (in->save_every && p.round % in->save_every == 0)) LG_TRY(save(w, err));
    }
    if (!r->points) LG_TRY(scored(w, &(lg_federated_point){ .round = r->rounds, .rounds = in->rounds }, err));
done:
    return st;
}

static void mean_of_last(const lg_federate *in, lg_federated_run *r)
{
    size_t n = r->points < (size_t)in->last ? r->points : (size_t)in->last;
    lg_federated_score sum = { 0 };
    for (size_t i = r->points - n; i < r->points; i++) {
        const lg_federated_score *s = &r->point[i].score;
        sum.loss += s->loss, sum.accuracy += s->accuracy, sum.distance += s->distance;
    }
    r->mean = (lg_federated_score){ sum.loss / (double)n, sum.accuracy / (double)n, sum.distance / (double)n };
}

luge_status lg_federate_run(const lg_federate *in, lg_federated_run *r, luge_error *err)
{
    luge_status st;
    work w = { .in = in, .out = r };

    *r = (lg_federated_run){ 0 };
    LG_TRY(settings(&w, err));
    LG_TRY(rounds(&w, err));
    mean_of_last(in, r);
    luge_federation_traffic(w.f, &r->down, &r->up);
    r->checksum = lg_hash(LG_HASH, luge_federation_model(w.f), in->clients->n * sizeof(double));
done:
    luge_federation_free(w.f);
    if (st) {
        lg_free(r->point);
        r->point = NULL;
    }
    return st;
}
