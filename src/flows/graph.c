/* The invariant manifold of a 2π-periodic f of one variable, computed as a graph: its values at equal nodes are
 * iterated by the graph transform.  For each node w the point u that moves there is found,
 *     u = w - h (λ G(u) + f(u + h a G(u))),
 * and the new G(w) is the velocity with which it arrives.  Between the nodes G is its trigonometric interpolant.
 * SPDX-License-Identifier: MIT */
#include "flows/flows.h"

enum { ROUNDS = 2000 };
static const double two_pi = 6.283185307179586476925;

typedef struct graph {
    const lg_family *f;
    size_t n;
    double *g, *next, *re, *im, *turn; /* turn: cos and sin of 2π k / n */
} graph;

/* g(x) = Re Σ_{k=0..n/2} (re - i im)_k e^(ikx) */
static void transform(graph *s)
{
    const size_t n = s->n, half = n / 2;
    for (size_t k = 0; k <= half; k++) {
        double re = 0, im = 0;
        for (size_t i = 0; i < n; i++) {
            re += s->g[i] * s->turn[i * k % n];
            im += s->g[i] * s->turn[n + i * k % n];
        }
        double weight = (k == 0 || k == half ? 1.0 : 2.0) / (double)n;
        s->re[k] = weight * re;
        s->im[k] = weight * im;
    }
}

static double at(const graph *s, double x)
{
    double c = lg_cos(x), d = lg_sin(x), re = 0, im = 0;
    for (size_t k = s->n / 2 + 1; k-- > 0;) {
        double keep = re * c - im * d + s->re[k];
        im = re * d + im * c - s->im[k];
        re = keep;
    }
    return re;
}

/* The velocity after one step from u on the graph. */
static luge_status velocity(const graph *s, double u, double *v, luge_error *err)
{
    const lg_family *f = s->f;
    double g = at(s, u), ahead = u + f->h * f->a * g, slope;
    luge_status st = f->field->gradient(f->field->context, &ahead, &slope, err);
    *v = f->momentum * g - slope;
    return st;
}

/* One round; *change: the largest of a value. */
static luge_status improve(graph *s, double *change, luge_error *err)
{
    enum { SOLVE = 200 };
    luge_status st = LUGE_OK;

    transform(s);
    *change = 0;
    for (size_t i = 0; i < s->n; i++) {
        double w = two_pi * (double)i / (double)s->n, u = w - s->f->h * s->g[i], v = 0, before = HUGE_VAL;
        for (int round = 0; round < SOLVE && u != before; round++) {
            LG_TRY(velocity(s, u, &v, err));
            before = u;
            u = w - s->f->h * v;
            if (fabs(u - before) < 1e-16) break;
        }
        s->next[i] = v;
        *change = fmax(*change, fabs(v - s->g[i]));
    }
    for (size_t i = 0; i < s->n; i++) s->g[i] = s->next[i];
done:
    return st;
}

luge_status lg_manifold_graph(const lg_family *f, size_t count, double *g, double *contraction, luge_error *err)
{
    luge_status st = LUGE_OK;
    double *work = NULL, change = HUGE_VAL, before;

    LG_NEED(work = lg_alloc(5 * count + 2, sizeof *work));
    graph s = { .f = f,
                .n = count,
                .g = g,
                .next = work,
                .re = work + count,
                .im = work + 2 * count + 1,
                .turn = work + 3 * count + 2 };
    for (size_t i = 0; i < count; i++) {
        double x = two_pi * (double)i / (double)count;
        s.turn[i] = lg_cos(x);
        s.turn[count + i] = lg_sin(x);
        LG_TRY(f->field->gradient(f->field->context, &x, &g[i], err));
        g[i] *= -1 / (1 - f->momentum);
    }
    *contraction = 0;
    for (int round = 0; round < ROUNDS; round++) {
        before = change;
        LG_TRY(improve(&s, &change, err));
        if (change > 1e-10 && round > 1) *contraction = change / before;
        if (!(change < before) && change < 1e-11) break;
    }
done:
    lg_free(work);
    return st;
}
