/* luge/sample.h -- sampling with momentum, and Anderson acceleration.
 * SPDX-License-Identifier: MIT
 *
 * A diffusion model's probability flow is integrated from large noise to small:
 *
 *     dx/dσ = ε(x, σ)          x = state / α, σ = noise level / α of the paper's state α data + noise
 *
 * where ε is the noise prediction; D = x - σ ε is the data prediction of the same model.  Any other ordinary
 * differential equation is integrated by the same rules, its time in the place of σ (but for rule dpm).
 * States are f64, row-major: `rows` states of `dim` numbers, each integrated by itself.
 * Status, errors, ownership and threads are those of luge/luge.h: one thread at a time per object, everything that
 * comes in as a pointer is yours and is not kept after the call, unless it says so. */
#ifndef LUGE_SAMPLE_H
#define LUGE_SAMPLE_H
#include <luge/luge.h>

#ifdef __cplusplus
extern "C" {
#endif

/* ---- fields: what is integrated ------------------------------------------------------------------------ */

/* Fill out (rows x dim) with the prediction at x (rows x dim): noise or, for rule dpm, data.  What belongs to a row
 * may depend on that row and sigma only.  Another status than LUGE_OK ends the run with it and with what you put
 * into err (never NULL here). */
typedef luge_status luge_field(void *context, double sigma, size_t rows, size_t dim, const double *x, double *out,
                               luge_error *err);

/* A Gaussian mixture of data, Σ wᵢ N(μᵢ, sᵢ² I), whose predictions have a closed form: under noise σ it is
 * Σ wᵢ N(μᵢ, (sᵢ² + σ²) I), and  ε = -σ ∇log p,  D = x + σ² ∇log p. */
enum { LUGE_MIXTURE_PARTS = 64 };
typedef struct luge_mixture {
    size_t parts, dim;    /* 1 to LUGE_MIXTURE_PARTS; 1 or more                 */
    const double *weight; /* parts, > 0; their sum need not be 1                */
    const double *mean;   /* parts x dim                                        */
    const double *sd;     /* parts, >= 0; where one is 0, sigma must not be 0   */
} luge_mixture;

/* Fields whose context is a const luge_mixture *; any threads may share one. */
LUGE_API luge_status luge_mixture_noise(void *mixture, double sigma, size_t rows, size_t dim, const double *x,
                                        double *out, luge_error *err);
LUGE_API luge_status luge_mixture_data(void *mixture, double sigma, size_t rows, size_t dim, const double *x,
                                       double *out, luge_error *err);

/* ---- samplers ------------------------------------------------------------------------------------------
 *
 * With f the prediction at step n, δ = σ' - σ, backward differences ∇ and γ = 1, 1/2, 5/12, 3/8, 251/720:
 *
 *     ab        x += δ p,    p = Σ_{j<k} γⱼ ∇ʲ f                       Adams-Bashforth, called PLMS
 *     hb        v = (1-β) v + β p,  x += δ v                           heavy ball
 *     nesterov  v as in hb,         x += δ ((1-β) v + β p)
 *     ghvb      v = (1-β) v + β f,  x += δ Σ_{j<k} cⱼ ∇ʲ v             generalized heavy ball
 *               c₀ = 1, cⱼ = γⱼ + ((1-β)/β) γⱼ₋₁
 *     dpm       λ = -log σ, h = λ' - λ, r = h₋/h, d = D + (D - D₋)/(2r), v = (1-β) v + β d
 *               x = (σ'/σ) x + (1 - σ'/σ) v                            DPM-Solver++(2M) with heavy ball
 *
 * The first v is the first p, f or d; step n has order min(k, n+1).  β = 1 is the rule without momentum: of ab and
 * dpm too.  Orders of accuracy: ab and ghvb k, the others 1 where β < 1.
 * Ref: Wizadwongsa, Chinchuthakun, Khungurn, Raj & Suwajanakorn, Diffusion sampling with momentum for mitigating
 * divergence artifacts, ICLR 2024; Lu, Zhou, Bao, Chen, Li & Zhu, DPM-Solver++, 2022.  The displayed equation of
 * second-order GHVB has a plus where the paper's own algorithm has a minus: ((2+β) v - (2-β) v₋)/(2β) is right. */

typedef struct luge_sampler luge_sampler;

LUGE_API luge_status luge_sampler_new(luge_sampler **out, luge_error *err); /* *out is yours; NULL after a failure */
LUGE_API void luge_sampler_free(luge_sampler *sampler);                     /* NULL is fine                        */

/* Settings as text; luge_sampler_row lists them with defaults, ranges and meanings as PARAMETERS of luge_row.
 * A setting begins the history anew.  order = 3.8 says order 4 and beta 0.8, as the paper writes it. */
LUGE_API luge_status luge_sampler_set(luge_sampler *sampler, const char *key, const char *value, luge_error *err);
LUGE_API luge_status luge_sampler_get(const luge_sampler *sampler, const char *key, char *text, size_t size,
                                      luge_error *err);
LUGE_API int luge_sampler_row(size_t i, luge_row *row); /* 0: past the end */

/* The field, and where guidance is wanted a conditional one: predictions are then u + guidance (c - u).  Both and
 * their contexts are kept.  conditional NULL: none. */
LUGE_API void luge_sampler_field(luge_sampler *sampler, luge_field *field, void *context, luge_field *conditional,
                                 void *conditional_context);

/* Integrate through sigma[0], ..., sigma[nodes-1] from x to out (rows x dim; may not overlap).
 * path NULL, or room for nodes x rows x dim: the states at every node, the first being x.
 * Neighbouring nodes differ; for dpm they fall, and are positive but for the last, which may be 0.
 * A failure leaves x alone; out and path then hold no result.  States of a method that diverges are not finite, which
 * is no failure.
 * The setting block hands out so many rows at a time, each block going through all steps in the processor's cache,
 * and several threads then call the field at once; without it (0) the field sees all rows in each call, from one
 * thread, which shares only the arithmetic of the steps.  Results do not depend on block or threads. */
LUGE_API luge_status luge_sampler_run(luge_sampler *sampler, size_t rows, size_t dim, size_t nodes,
                                      const double *sigma, const double *x, double *out, double *path,
                                      luge_error *err);

/* ---- one step at a time, for a loop of one's own ---- */

/* Forget the history, and make room for states of n numbers in all. */
LUGE_API luge_status luge_sampler_begin(luge_sampler *sampler, size_t n, luge_error *err);
/* x at sigma becomes x at next; f: the prediction at (x, sigma), guidance included. */
LUGE_API luge_status luge_sampler_step(luge_sampler *sampler, double sigma, double next, const double *f, double *x,
                                       luge_error *err);
/* The same, but no state moves: fills the history from predictions that are known. */
LUGE_API luge_status luge_sampler_warm(luge_sampler *sampler, double sigma, double next, const double *f,
                                       luge_error *err);

/* ---- Anderson acceleration of a fixed point iteration x = g(x) ------------------------------------------------
 *
 *     F = g(x) - x,  γ = argmin ‖F - ΔF γ‖² + ridge ‖γ‖²,  x += damping F - (ΔX + damping ΔF) γ
 *
 * with the last `window` differences ΔX, ΔF of x and F; each of `rows` states by itself.  window 0: Picard.
 * window 1 is heavy ball with a coefficient that adapts.
 * Ref: Anderson, J. ACM 12, 1965; Walker & Ni, SIAM J. Numer. Anal. 49, 2011.  The Gram matrix with ridge is never
 * formed: its square root is, by orthogonalization of the differences over √ridge I. */

enum { LUGE_ANDERSON_WINDOW = 16 };
typedef struct luge_anderson luge_anderson;

/* window 0 to LUGE_ANDERSON_WINDOW, damping in (0,1], ridge >= 0.  *out is yours; NULL after a failure. */
LUGE_API luge_status luge_anderson_new(luge_anderson **out, size_t rows, size_t dim, int window, double damping,
                                       double ridge, luge_error *err);
LUGE_API void luge_anderson_free(luge_anderson *anderson);  /* NULL is fine        */
LUGE_API void luge_anderson_begin(luge_anderson *anderson); /* forget the history */
/* x becomes the next point; g: g(x).  Both rows x dim.  A g that is not finite is refused, and nothing moves. */
LUGE_API luge_status luge_anderson_step(luge_anderson *anderson, const double *g, double *x, luge_error *err);

#ifdef __cplusplus
}
#endif
#endif
