/* After a method file's tables: what AdamP and SGDP do where weights look scale invariant.  The method has the sums
 * gx, gg, xx, xd (⟨g,x⟩, ‖g‖², ‖x‖², ⟨x,d⟩ of each row), the result radial, and the settings delta and eps.
 *
 *     rows, then the whole tensor as one row:  if  max over rows of |⟨g,x⟩| / (‖g‖ ‖x‖) < δ / √(row length)
 *         d := d - n ⟨n,d⟩ in every row,  n = x / (‖x‖ + ε):    d - radial x,  radial = ⟨x,d⟩ / (‖x‖ + ε)²
 *
 * Heo et al., AdamP, ICLR 2021, arXiv:2006.08217.
 * SPDX-License-Identifier: MIT */

/* |cosine| of gradient and weights below its threshold: rows of this length look scale invariant. */
static inline int TAG(small)(const struct TAG(hyper) *h, const struct TAG(unit) *u, double length)
{
    return fabs(u->gx) / (fmax(sqrt(u->gg), h->eps) * fmax(sqrt(u->xx), h->eps)) < h->delta / sqrt(length);
}

/* Writes `radial` of every row; 1 where the projection acts. */
static inline int TAG(project)(const struct TAG(hyper) *h, struct TAG(unit) *r, size_t rows, const lg_shape *t)
{
    struct TAG(unit) all = { 0 };
    int by_row = t->ndim > 1;
    for (size_t i = 0; i < rows; i++) {
        by_row = by_row && TAG(small)(h, &r[i], (double)(t->n / rows));
        all.gx += r[i].gx;  all.gg += r[i].gg;  all.xx += r[i].xx;  all.xd += r[i].xd;
        r[i].radial = 0;
    }
    if (t->ndim < 2 || !(by_row || TAG(small)(h, &all, (double)t->n))) return 0;
    for (size_t i = 0; i < rows; i++) {
        const struct TAG(unit) *u = by_row ? &r[i] : &all;
        double n = sqrt(u->xx) + h->eps;
        r[i].radial = n > 0 ? u->xd / (n * n) : 0;
    }
    return 1;
}
