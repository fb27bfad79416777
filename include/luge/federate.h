/* luge/federate.h -- momentum in federated learning.
 * SPDX-License-Identifier: MIT
 *
 * K clients hold functions f_i of the same n numbers; what is sought is the minimum of Σ w_i f_i.  In a round the
 * server sends its model θ to some clients, each takes J steps x <- x - lr (its own gradient and what momentum adds),
 * and the server goes on from the mean of what comes back.
 * Numbers are f64.  Status, errors, ownership and threads are those of luge/luge.h: one thread at a time per object,
 * everything that comes in as a pointer is yours and is not kept after the call, unless it says so. */
#ifndef LUGE_FEDERATE_H
#define LUGE_FEDERATE_H
#include <luge/luge.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Fill `gradient` (n numbers) with the gradient of client `client` at x, for local step 0 .. J-1 of a round from 0
 * on. It may depend on these alone, so that a run can be repeated, resumed and shared out.  Another status than
 * LUGE_OK ends the round with it and with what you put into err (never NULL here). */
typedef luge_status luge_client(void *context, size_t client, int64_t round, int64_t step, const double *x,
                                double *gradient, luge_error *err);

/* ---- the rules -----------------------------------------------------------------------------------------
 *
 * A local step is x <- x - r g - p, with r = lr and, where C is the part of the clients that a round samples, a the
 * lag, Δ = Σ ŵ_i (θ - x_i) the mean of a round over its clients and ŵ the weights of these, scaled to sum 1:
 *
 *                p                           between the rounds                                  models down, up
 *     fedavg     0                                                                               1, 1
 *     fedavgm    0                           v = beta v + Δ, which takes the place of Δ          1, 1
 *     fedcm      ((1-alpha)/J) Δ₋            r = alpha lr; Δ₋: of the round before               2, 1
 *     scaffold   lr (c - c_i)                c_i' = mean of J gradients, c += Σ w_i (c_i' - c_i) 2, 2
 *     ghbm       (beta/(J a)) (θ₋ₐ - θ)      θ₋ₐ: the server's model a rounds before             2, 1
 *     localghbm  (beta C/J) (a_i - θ)        a_i: the model that the client was sent last time   1, 1
 *     fedhbm     (beta C/J) (a_i - x)        a_i: the client's own end of its last time          1, 1
 *
 * and θ <- θ - server_lr Δ.  This is the papers' g + (beta/(lr J)) M, multiplied out.  What was not there yet (the
 * first round, the first a rounds of ghbm, a client's first time) makes p = 0.  The gradient includes weight decay.
 * fedcm with lr and alpha is ghbm with lag 1, lr alpha and beta 1-alpha.
 * Effective steps are lr for fedavg and fedcm, lr/(1-beta) for the family of ghbm, lr server_lr/(1-beta) for fedavgm.
 * Ref: McMahan, Moore, Ramage, Hampson & Agüera y Arcas, AISTATS 2017 (FedAvg); Hsu, Qi & Brown, arXiv:1909.06335
 * (FedAvgM); Xu, Wang, Wang & Yao, arXiv:2106.10874 (FedCM); Karimireddy et al., ICML 2020 (SCAFFOLD); Zaccone,
 * Karimireddy, Masone & Ciccone, Communication-efficient federated learning with generalized heavy-ball momentum,
 * TMLR 2025 (GHBM, LocalGHBM, FedHBM).  The code of the last paper adds Σ (c_i' - c_i) to SCAFFOLD's c without a
 * weight; the paper of SCAFFOLD, and luge, have 1/K. */

typedef struct luge_federation luge_federation;

/* clients and n: 1 or more.  The function and its context are kept.  *out is yours; NULL after a failure. */
LUGE_API luge_status luge_federation_new(luge_federation **out, size_t clients, size_t n, luge_client *client,
                                         void *context, luge_error *err);
LUGE_API void luge_federation_free(luge_federation *federation); /* NULL is fine */

/* Settings as text; luge_federation_row lists them with defaults, ranges and meanings as PARAMETERS of luge_row.
 * Once a run has begun only lr may change. */
LUGE_API luge_status luge_federation_set(luge_federation *federation, const char *key, const char *value,
                                         luge_error *err);
LUGE_API luge_status luge_federation_get(const luge_federation *federation, const char *key, char *text, size_t size,
                                         luge_error *err);
LUGE_API int luge_federation_row(size_t i, luge_row *row); /* 0: past the end */

/* The weights of the clients, > 0, before a run begins; they are scaled to sum 1.  Without this: all the same. */
LUGE_API luge_status luge_federation_weigh(luge_federation *federation, const double *weight, luge_error *err);

/* Begin a run at x (n numbers), round 0; a run before it is forgotten.  All memory that rounds need is taken here. */
LUGE_API luge_status luge_federation_begin(luge_federation *federation, const double *x, luge_error *err);

/* One round.  Nothing moves where it fails: where a client fails, or comes back with numbers that are not finite
 * (LUGE_E_NUMERIC).  With the setting threads other than 1, several threads call clients at once. */
LUGE_API luge_status luge_federation_round(luge_federation *federation, luge_error *err);

LUGE_API int64_t luge_federation_rounds(const luge_federation *federation);      /* done so far; 0 before a run */
LUGE_API const double *luge_federation_model(const luge_federation *federation); /* lent, n numbers; NULL: no run */
/* The clients of the last round, lent, and how many; 0 before the first. */
LUGE_API size_t luge_federation_chosen(const luge_federation *federation, const size_t **client);
/* Numbers that the server has sent to clients and those that came back, in all rounds together. */
LUGE_API void luge_federation_traffic(const luge_federation *federation, int64_t *down, int64_t *up);

/* Checkpoints: safetensors with the model, what server and clients keep, and the settings; written beside and
 * renamed. note: what else must be the same in a run that goes on, as text of yours of at most 4,000 bytes, or NULL.
 * luge_federation_load takes the place of luge_federation_begin: from there on a run has the bits of the one that was
 * saved.  It refuses a file of other clients, weights, sizes, note, or settings (but lr and threads, which stay
 * yours); a failure leaves the object as it was. */
LUGE_API luge_status luge_federation_save(const luge_federation *federation, const char *path, const char *note,
                                          luge_error *err);
LUGE_API luge_status luge_federation_load(luge_federation *federation, const char *path, const char *note,
                                          luge_error *err);

/* ---- several processes -----------------------------------------------------------------------------------
 *
 * Each rank holds the whole object, made in the same way, and makes the same calls.  Of the clients of a round the
 * k-th runs on rank k mod ranks; then all ranks are given what came back, and the same bits follow as in one process.
 * exchange is called once a round by every rank: `upload` has `count` rows of `each` numbers, row k is there on rank
 * k mod ranks, and is to be there on all when it returns.  mine: how this rank's clients ended.  Where it is not
 * LUGE_OK on some rank, every rank returns that of the first such rank, with its text in err.  The context is kept.
 */
typedef luge_status luge_exchange(void *context, luge_status mine, size_t count, size_t each, double *upload,
                                  luge_error *err);
LUGE_API luge_status luge_federation_share(luge_federation *federation, int rank, int ranks, luge_exchange *exchange,
                                           void *context, luge_error *err);

/* ---- data for clients ---- */

/* Hand `rows` rows out to `clients`: client i gets row[i*rows/clients] .. row[(i+1)*rows/clients - 1], so that sizes
 * differ by one at most.  alpha 0: rows sorted by label, in contiguous parts.  alpha > 0: client by client a mixture
 * of the labels drawn from Dirichlet(alpha), as far as rows are left; alpha infinite: all mixtures are uniform. */
LUGE_API luge_status luge_split(size_t rows, const unsigned char *label, size_t clients, double alpha, uint64_t seed,
                                size_t *row, luge_error *err);

#ifdef __cplusplus
}
#endif
#endif
