/* Who takes part, and who has which rows.  Everything is counted by seed, stream and index: no state.
 * SPDX-License-Identifier: MIT */
#include "federated/federation.h"
#include <string.h>

/* Streams apart from those of problems, training and mixtures. */
static const uint64_t round_stream = (uint64_t)1 << 44, weight_stream = (uint64_t)1 << 45,
                      split_stream = (uint64_t)1 << 46;

/* d (1 + z/√(9d))³, d = a - 1/3, taken with probability exp(z²/2 + d - d v + d log v); for a < 1 the variate of a + 1
 * times U^(1/a), whose logarithm does not underflow. Ref: Marsaglia & Tsang, ACM Trans. Math. Softw. 26, 2000. */
double lg_log_gamma_variate(double a, uint64_t seed, uint64_t stream, uint64_t index)
{
    const uint64_t room = 1 << 20;
    double small = 0, d = (a < 1 ? a + 1 : a) - 1. / 3;
    uint64_t at = index * room;

    if (a < 1) small = lg_log(lg_uniform(seed, stream, at++) + 0x1p-54) / a;
    for (;; at += 2) {
        double z = lg_normal(seed, stream, at), v = 1 + z / sqrt(9 * d);
        if (v <= 0) continue;
        v = v * v * v;
        if (lg_log(lg_uniform(seed, stream, at + 1) + 0x1p-54) < z * z / 2 + d - d * v + d * lg_log(v))
            return lg_log(d * v) + small;
    }
}

/* ---- participation ---- */

void lg_federated_rarity(const luge_federation *f, double *rarity)
{
    for (size_t i = 0; i < f->clients; i++)
        rarity[i] = -lg_log_gamma_variate(f->how.concentration, (uint64_t)f->how.seed, weight_stream, i);
}

/* m clients one after the other by their weights p, without putting back: those of the m smallest E/p, E exponential.
 * Ref: Efraimidis & Spirakis, Information Processing Letters 97, 2006.  Compared by logarithms, which exist for any
 * p. */
static void race(const luge_federation *f, const lg_federated *r, uint64_t stream, size_t sampled)
{
    double *time = r->rarity + f->clients;
    size_t *first = r->chosen, n = 0;

    for (size_t i = 0; i < f->clients; i++) {
        double e = -lg_log(lg_uniform((uint64_t)f->how.seed, stream, i) + 0x1p-54);
        size_t k;
        time[i] = lg_log(e) + r->rarity[i];
        if (n == sampled && !(time[i] < time[first[n - 1]])) continue;
        if (n < sampled) n++;
        for (k = n - 1; k && time[i] < time[first[k - 1]]; k--) first[k] = first[k - 1];
        first[k] = i;
    }
}

size_t lg_federated_draw(const luge_federation *f, const lg_federated *r, int64_t round)
{
    size_t sampled = (size_t)f->how.sampled, groups = (f->clients + sampled - 1) / sampled, group, n;
    uint64_t stream = round_stream + (uint64_t)round;

    switch ((enum lg_participation)f->how.participation) {
    case LG_uniform: lg_shuffle(r->chosen, f->clients, (uint64_t)f->how.seed, stream); return sampled;
    case LG_dirichlet: race(f, r, stream, sampled); return sampled;
    case LG_cyclic: break;
    }
    group = (size_t)(round % (int64_t)groups);
    n = f->clients - group * sampled < sampled ? f->clients - group * sampled : sampled;
    for (size_t i = 0; i < n; i++) r->chosen[i] = group * sampled + i;
    return n;
}

/* ---- rows ---- */

enum { LABELS = 256 };

/* The rows of each label, in the order of `order`: those of label c begin at start[c]. */
static void by_label(size_t rows, const unsigned char *label, const size_t *order, size_t start[LABELS + 1],
                     size_t *sorted)
{
    size_t at[LABELS];
    memset(start, 0, (LABELS + 1) * sizeof *start);
    for (size_t i = 0; i < rows; i++) start[label[i] + 1]++;
    for (int c = 0; c < LABELS; c++) start[c + 1] += start[c];
    memcpy(at, start, sizeof at);
    for (size_t i = 0; i < rows; i++) {
        size_t row = order ? order[i] : i;
        sorted[at[label[row]]++] = row;
    }
}

/* A client's mixture of labels, largest 1; labels that no row has get 0. */
static void mixture(double alpha, uint64_t seed, size_t client, const size_t start[LABELS + 1], double q[LABELS])
{
    double most = -(double)INFINITY;
    for (int c = 0; c < LABELS; c++) {
        bool there = start[c + 1] > start[c];
        q[c] = !there         ? -(double)INFINITY
               : isinf(alpha) ? 0
                              : lg_log_gamma_variate(alpha, seed, split_stream + 1, client * LABELS + (uint64_t)c);
        if (q[c] > most) most = q[c];
    }
    for (int c = 0; c < LABELS; c++) q[c] = isinf(q[c]) ? 0 : lg_exp(q[c] - most);
}

/* The label of the next row of a client: by its mixture over the labels that are left; where it has none of them, the
 * one with most rows. */
static int pick(const double q[LABELS], const size_t at[LABELS], const size_t start[LABELS + 1], double u)
{
    double sum = 0, part = 0;
    int best = 0, last = -1;

    for (int c = 0; c < LABELS; c++) {
        if (start[c + 1] - at[c] > start[best + 1] - at[best]) best = c;
        if (at[c] < start[c + 1]) sum += q[c];
    }
    for (int c = 0; c < LABELS; c++) {
        if (at[c] == start[c + 1] || !(q[c] > 0)) continue;
        part += q[c];
        last = c;
        if (u * sum < part) return c;
    }
    return last >= 0 ? last : best;
}

luge_status luge_split(size_t rows, const unsigned char *label, size_t clients, double alpha, uint64_t seed,
                       size_t *row, luge_error *err)
{
    luge_status st = LUGE_OK;
    size_t start[LABELS + 1], at[LABELS], *order = NULL, *sorted, twice, product;
    double q[LABELS];

    if (!(alpha >= 0)) return lg_fail(err, LUGE_E_ARG, "split: alpha = %g is not in [0,inf]", alpha);
    if (!clients || clients > rows)
        return lg_fail(err, LUGE_E_ARG, "split: %zu rows for %zu clients: each needs one at least", rows, clients);
    if (alpha == 0) return by_label(rows, label, NULL, start, row), LUGE_OK;
    if (!lg_times(rows, 2, &twice) || !lg_times(rows, clients, &product))
        return lg_fail(err, LUGE_E_MEMORY, "split: %zu rows for %zu clients are too many", rows, clients);
    LG_NEED(order = lg_alloc(twice, sizeof *order));
    sorted = order + rows;
    lg_shuffle(order, rows, seed, split_stream);
    by_label(rows, label, order, start, sorted);
    memcpy(at, start, sizeof at);
    for (size_t i = 0; i < clients; i++) {
        mixture(alpha, seed, i, start, q);
        for (size_t k = i * rows / clients; k < (i + 1) * rows / clients; k++)
            row[k] = sorted[at[pick(q, at, start, lg_uniform(seed, split_stream + 2, k))]++];
    }
done:
    lg_free(order);
    return st;
}
