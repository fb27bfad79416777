/* After the tables of a matrix method that has those of fallback.h: its AdamW.  c->step and c->keep belong to matrices too,
 * whose THEN sets them.  SPDX-License-Identifier: MIT */

static inline void TAG(fallback_prepare)(const struct TAG(hyper) *h, double k, struct TAG(coef64) *c)
{
    c->b1   = h->adamw_beta1;  c->a1 = 1 - h->adamw_beta1;
    c->b2   = h->adamw_beta2;  c->a2 = 1 - h->adamw_beta2;
    c->rc2  = 1 / (1 - lg_power(h->adamw_beta2, k));
    c->eps  = h->adamw_eps;
    c->step = h->adamw_lr / (1 - lg_power(h->adamw_beta1, k));
    c->keep = 1 - h->adamw_lr * h->adamw_weight_decay;
}

LOCAL(fallback)
{
    s->exp_avg    = c->b1 * s->exp_avg + c->a1 * g;
    s->exp_avg_sq = c->b2 * s->exp_avg_sq + c->a2 * g * g;
    return c->keep * x - c->step * s->exp_avg / (r_sqrt(s->exp_avg_sq * c->rc2) + c->eps);
}
