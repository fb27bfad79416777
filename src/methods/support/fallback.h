/* Before a matrix method's tables: what its tensors that are no matrices have, AdamW.
 *
 *     m := β₁ m + (1-β₁) g,  v := β₂ v + (1-β₂) g²
 *     x := (1 - η λ) x - η (m / (1-β₁ᵏ)) / (√(v / (1-β₂ᵏ)) + ε)
 *
 * Loshchilov & Hutter, Decoupled Weight Decay Regularization, ICLR 2019.
 * SPDX-License-Identifier: MIT */
#ifndef LG_FALLBACK_H
#define LG_FALLBACK_H
#define IS_MATRIX (t->ndim > 1)
#define FALLBACK_HYPER(_, tiny) \
    _(rate, adamw_lr,           3e-4, "[0,inf)", "step size η of the tensors that are no matrices") \
    _(real, adamw_beta1,        0.9,  "[0,1)",   "their β₁") \
    _(real, adamw_beta2,        0.95, "[0,1)",   "their β₂") \
    _(real, adamw_eps,          tiny, "[0,inf)", "their ε") \
    _(real, adamw_weight_decay, 0,    "[0,inf)", "their decoupled decay λ")
#define FALLBACK_SLOTS(_) \
    _(exp_avg,    !matrix, 0, update, "first moment m of the tensors that are no matrices") \
    _(exp_avg_sq, !matrix, 0, update, "their second moment v")
#define FALLBACK_COEFS(_) _(b1) _(a1) _(b2) _(a2) _(rc2) _(eps) _(step) _(keep)
#endif
