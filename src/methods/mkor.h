/*
 * MKOR: gradients of layers between inverse factors that are kept by updates of rank one.
 *
 *     a = mean over the batch of the layer's inputs (1 behind them where a bias is linked),  g = mean of rows ∂f/∂output
 *     every inv_freq steps from the first:  R by a, L by g, each alone;  F is either, v its vector, F₀ = I
 *     form = code:   the first time nothing;  then  F := d F + (1-d) I,   F := F - (F v)(F v)ᵀ / (1 + vᵀ F v)      d factor_decay
 *     form = paper:  where max |Fᵢⱼ| > eps first  F := ζ F + (1-ζ) I;
 *                    F := γ F + (1-γ) / (γ² (1 + γ (1-γ) vᵀ F v)) (F v)(F v)ᵀ
 *     form = exact:  the same but   F := (F - (1-γ) (F v)(F v)ᵀ / (γ + (1-γ) vᵀ F v)) / γ = (γ F⁻¹ + (1-γ) v vᵀ)⁻¹
 *     D = L [G | g_b] R,  times ‖[G | g_b]‖ / ‖D‖;   code: times (‖G‖ + ‖g_b‖) / (‖D_w‖ + ‖D_b‖).  No layer: D = G
 *     base = sgd:    b := momentum b + (D + λ X),   X := X - η b
 *     base = adam:   u = D + λ X,  m := β₁ m + (1-β₁) u,  v := β₂ v + (1-β₂) u²,  X := X - η (m / (1-β₁ᵏ)) / (√(v / (1-β₂ᵏ)) + ε)
 *     hybrid (MKOR-H):  ℓ̄ := β ℓ̄ + (1-β) f,  ρ := β ρ + fall of ℓ̄,  β hybrid_beta;  after hybrid_after steps, once
 *                    ρ <= hybrid_below max ρ, D = G for good, and layers are no longer asked for
 *
 * Ref   Mozaffari, Li, Zhang & Mehri Dehnavi, MKOR, NeurIPS 2023, arXiv:2306.01685; Mohammad-Mozaffari/mkor.
 *       In the code form each row's vector is cut at ±clipping_value before the mean, the 1 too.  The paper's plus enlarges F
 *       along v where the inverse that it stands for, exact, makes it smaller; exact has what Sherman and Morrison give.  MKOR-H is
 *       in words alone ("when the loss falls no faster"); the rule here makes them numbers.  Its state is F as I and terms while they
 *       are few (src/linalg/rank_one.h), which is exact.
 * Other conventions
 *       the released code returns F to I where an entry passes 2; none of its F has one above 1, so it never does
 *       code with d = 1:  F⁻¹ = I + Σ v vᵀ;      exact:  F⁻¹ = γᵏ I + (1-γ) Σ γᵏ⁻ʲ vⱼ vⱼᵀ
 *       momentum = 0, second_order = false:  gradient descent
 * SPDX-License-Identifier: MIT
 */
#define NAME  mkor
#define TITLE "MKOR"
#define PAPER "Mozaffari et al., NeurIPS 2023, arXiv:2306.01685"
#define HYPER(_) \
    _(rate, lr,             0.01, "[0,inf)", "step size η") \
    _(word, base,           sgd,  (sgd, adam), "what steps with D") \
    _(real, momentum,       0.9,  "[0,1)",   "sgd: momentum") \
    _(real, beta1,          0.9,  "[0,1)",   "adam: decay of m") \
    _(real, beta2,          0.999, "[0,1)",  "adam: decay of v") \
    _(real, adam_eps,       1e-8, "[0,inf)", "adam: ε") \
    _(real, weight_decay,   0,    "[0,inf)", "coupled decay λ") \
    _(word, form,           code, (code, paper, exact), "how factors change: released code, paper, the inverse itself") \
    _(int,  inv_freq,       10,   "[1,1e9]", "steps between two changes of the factors") \
    _(real, factor_decay,   0.95, "[0,1]",   "code: weight d of F beside I") \
    _(real, clipping_value, 100,  "(0,inf)", "code: largest entry of a row's vector") \
    _(real, gamma,          0.9,  "(0,1)",   "paper, exact: decay γ of the factors' inverses") \
    _(maybe, eps,           none, "[0,inf)", "paper, exact: largest entry of F that is not stabilized, none: any.  code: ε of adam") \
    _(real, zeta,           0.9,  "[0,1]",   "paper, exact: weight ζ of F where it is stabilized") \
    _(word, norm,           max_abs, (max_abs), "what eps is compared with: the largest entry") \
    _(int,  max_dim,        10000, "[1,20000]", "longest side of a matrix that has a factor; no factor is I") \
    _(real, reset_threshold, 2,   "[1,inf)", "code: an entry of F that is never reached; no effect") \
    _(real, stabilization_factor, 0.1, "[0,1]", "code: of what never happens; no effect") \
    _(bool, second_order,   true, ,          "false: D = G, no layers are asked for") \
    _(bool, hybrid,         false, ,         "watch the loss, and turn second_order off for good") \
    _(real, hybrid_beta,    0.98, "[0,1)",   "decay β of the means of the loss and of its fall") \
    _(int,  hybrid_after,   100,  "[1,1e15]", "steps that are never the last of second order") \
    _(real, hybrid_below,   0.1,  "[0,1]",   "part of the fastest fall below which it ends")
#define SWITCHES(_) _(adam, h->base == WORD(base, adam), 2) _(heavy, h->base == WORD(base, sgd) && h->momentum > 0, 2)
#define SLOTS(_) \
    _(momentum_buffer, heavy, 0,    update, "momentum b") \
    _(exp_avg,         adam,  0,    update, "first moment m") \
    _(exp_avg_sq,      adam,  0,    update, "second moment v") \
    _(direction,       1,     work, gather, "G, then D but for its length")
#define IS_LAYER    (t->ndim > 1)
#define INPUTS_OF   ((double)lg_across(t) + t->has_bias)
#define LAYER_FACTOR(n)   (IS_LAYER && (n) <= (double)h->max_dim ? lg_rank_one_numbers(n) : 0)
#define BLOCKS(_) \
    _(left,      1, LAYER_FACTOR((double)lg_down(t)), i == 1, "factor L of the outputs, packed") \
    _(right,     1, LAYER_FACTOR(INPUTS_OF),          i == 1, "factor R of the inputs, packed") \
    _(refreshes, 1, IS_LAYER, 0, "how often both were changed")
#define MEMORY(_) \
    _(mean, 0, "mean ℓ̄ of the loss, hybrid") \
    _(fall, 0, "its fall ρ, old falls weighing less") \
    _(most, 0, "the largest ρ so far") \
    _(off,  0, "1: second order has ended")
#define LOSS(_)     _(h->hybrid, "f where the gradient was taken, of the same rows")
#define LAYER(_) \
    _(IS_LAYER && h->second_order && m->off == 0 && fmod(k - 1, (double)h->inv_freq) == 0, \
      "what came into the layer and the gradients of what came out, in every inv_freq-th step")
#define COEFS(_)    _(b1) _(a1) _(b2) _(a2) _(rc2) _(eps) _(lr) _(mu) _(decay) _(length)
#define MEASURES(_) _(gather, LG_TENSOR, 1)
#define WORK        (IS_LAYER ? TAG(bytes)(h, t) : 0)
#define DIGITS(_) \
    _(mkor_paper,   "lr=0.1 gamma=0.99 inv_freq=100", "") \
    _(mkor_h_paper, "lr=0.1", "")
#define ALIASES(_) \
    _(mkor_paper,   "MKOR, paper's factors",   "form=paper",             "", "Mozaffari et al., NeurIPS 2023, Algorithm 1") \
    _(mkor_h,       "MKOR-H",                  "hybrid=true",            "", "Mozaffari et al., NeurIPS 2023") \
    _(mkor_h_paper, "MKOR-H, paper's factors", "hybrid=true form=paper", "", "Mozaffari et al., NeurIPS 2023")
#define EVIDENCE(_) \
    _(mkor,         authors,   "Mohammad-Mozaffari/mkor@3a0e3bb:mkor/mkor.py") \
    _(mkor,         reference, "tests/methods/mkor.c") \
    _(mkor_paper,   reference, "tests/methods/mkor.c") \
    _(mkor_h,       reference, "tests/methods/mkor.c") \
    _(mkor_h_paper, reference, "tests/methods/mkor.c")
#include "engine/method.h"
#include "linalg/layer.h"
#include "linalg/rank_one.h"

/* Room for what is done to one side. */
UNUSED static inline double TAG(bytes)(const struct TAG(hyper) *h, const lg_shape *t)
{
    double m = (double)lg_down(t), n = INPUTS_OF, most = (double)h->max_dim;
    return lg_desk_bytes(3 * (m + n), 6) + lg_rank_one_bytes(m, n, m <= most, n <= most);
}

/* MKOR-H: has the loss ceased to fall? */
static inline void TAG(watch)(const struct TAG(hyper) *h, double k, struct TAG(memory) *m)
{
    double mean = k > 1 ? h->hybrid_beta * m->mean + (1 - h->hybrid_beta) * m->loss : m->loss;
    if (k > 1) m->fall = h->hybrid_beta * m->fall + (m->mean - mean);
    m->mean = mean;
    m->most = fmax(m->most, m->fall);
    if (k > (double)h->hybrid_after && m->fall <= h->hybrid_below * m->most) m->off = 1;
}

PREPARE
{
    if (h->hybrid) TAG(watch)(h, k, m);
    c->b1 = h->beta1;  c->a1 = 1 - h->beta1;
    c->b2 = h->beta2;  c->a2 = 1 - h->beta2;
    c->rc2 = 1 / (1 - lg_power(h->beta2, k));
    c->eps = h->form == WORD(form, code) && !LG_NONE(h->eps) ? h->eps : h->adam_eps;
    c->lr  = h->base == WORD(base, adam) ? h->lr / (1 - lg_power(h->beta1, k)) : h->lr;
    c->mu  = h->momentum;  c->decay = h->weight_decay;
    c->length = 0;
}

/* One factor F of side n by its vector v; w: room for another.  A vector that is not finite changes nothing. */
static inline void TAG(change)(const struct TAG(hyper) *h, lg_desk d, double *F, size_t n, const double *v, double *w)
{
    double gamma = h->gamma, rest = 1 - gamma;
    if (!F) return;
    lg_matrix V = { (double *)(uintptr_t)v, 1, n, false };
    if (!isfinite(lg_dot(V, V))) return;
    if (h->form == WORD(form, code)) {
        lg_rank_one_blend(F, n, h->factor_decay, 1 - h->factor_decay);
    } else if (!LG_NONE(h->eps) && lg_rank_one_largest(F, n) > h->eps) {
        lg_rank_one_blend(F, n, h->zeta, 1 - h->zeta);
    }
    double s = lg_rank_one_product(d, F, n, v, w);
    switch (h->form) {
    case WORD(form, code):
        lg_rank_one_add(d, F, n, -1 / (1 + s), w);
        break;
    case WORD(form, paper):
        lg_rank_one_blend(F, n, gamma, 0);
        lg_rank_one_add(d, F, n, rest / (gamma * gamma * (1 + gamma * rest * s)), w);
        break;
    default:
        lg_rank_one_blend(F, n, 1 / gamma, 0);
        lg_rank_one_add(d, F, n, -rest / (gamma * (gamma + rest * s)), w);
    }
}

static inline void TAG(refresh)(const struct TAG(hyper) *h, lg_desk d, const lg_data *data, const lg_shape *t)
{
    size_t m = ROWS, n = (size_t)INPUTS_OF;
    int code = h->form == WORD(form, code);
    double most = code ? h->clipping_value : HUGE_VAL, *count = BLOCK(refreshes, 0);
    double *a = (double *)lg_desk_take(&d, n * sizeof *a), *g = (double *)lg_desk_take(&d, m * sizeof *g);
    double *w = (double *)lg_desk_take(&d, (m + n) * sizeof *w);
    if ((*count)++ == 0 && code) return;
    lg_layer_input(data->layer, t, most, a, w);
    lg_layer_gout(data->layer, t, most, g, w);
    TAG(change)(h, d, BLOCK(right, 0), n, a, w);
    TAG(change)(h, d, BLOCK(left, 0), m, g, w);
}

MEASURE(gather) { s->direction = g; }

THEN(gather)
{
    if (!IS_LAYER || !h->second_order || m->off != 0) return;
    lg_desk d = { (char *)data->work, data->threads, false };
    if (data->layer) TAG(refresh)(h, d, data, t);
    const lg_data *bias = data->bias && data->bias->g ? data->bias : NULL;
    void *G = AT(direction), *gb = bias ? bias->slot[TAG(slot_direction)] : NULL, *column = gb;
    if (t->has_bias && !gb) column = memset(lg_desk_take(&d, ROWS * sizeof(double)), 0, ROWS * sizeof(double));
    double before = lg_norm(type, d.threads, t->n, G), of_bias = gb ? lg_norm(type, 1, ROWS, gb) : 0;
    lg_rank_one_between(d, type, BLOCK(left, 0), BLOCK(right, 0), ROWS, COLUMNS, G, column);
    double after = lg_norm(type, d.threads, t->n, G), then_bias = gb ? lg_norm(type, 1, ROWS, gb) : 0;
    double length = h->form == WORD(form, code) ? (before + of_bias) / (after + then_bias)
                                                : sqrt((before * before + of_bias * of_bias) / (after * after + then_bias * then_bias));
    if (!isfinite(length)) return;
    c->length = length;
    if (bias) ((struct TAG(coef64) *)(void *)bias->c)->length = length;
}

UPDATE
{
    real d = (RE(c->length) > 0 ? c->length * s->direction : g) + c->decay * x;  /* 0: D = G */
    if (adam) {
        s->exp_avg    = c->b1 * s->exp_avg + c->a1 * d;
        s->exp_avg_sq = c->b2 * s->exp_avg_sq + c->a2 * d * d;
        return x - c->lr * s->exp_avg / (r_sqrt(s->exp_avg_sq * c->rc2) + c->eps);
    }
    if (heavy) d = s->momentum_buffer = c->mu * s->momentum_buffer + d;
    return x - c->lr * d;
}
