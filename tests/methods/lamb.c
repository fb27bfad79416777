/* LAMB against a step written out for whole tensors, moments as sums over all gradients and norms taken anew, in long
 * double.  SPDX-License-Identifier: MIT */
#include "methods/reference.h"

typedef struct settings {
    const char *label;
    double beta1, beta2, eps, decay, clip, clamp; /* clip 0: off; clamp 0: the later code */
    bool decoupled, raw_moments, summed, trust_clip, always;
} settings;

static const settings rows[] = {
    { "LAMB", .9, .999, 1e-6, .01, 1, 0, 0, 0, 0, 0, 0 },
    { "clipped often", .9, .99, 1e-2, .3, .01, 0, 0, 0, 0, 0, 0 },
    { "no clip", .8, .95, 1e-2, .3, 0, 0, 0, 0, 0, 0, 0 },
    { "no decay, so no ratio", .9, .99, 1e-3, 0, 1, 0, 0, 0, 0, 0, 0 },
    { "no decay, but a ratio", .9, .99, 1e-3, 0, 1, 0, 0, 0, 0, 0, 1 },
    { "ratio at most 1", .9, .99, 1e-3, .2, 1, 0, 0, 0, 0, 1, 0 },
    { "sum of gradients", .9, .99, 1e-3, .2, 1, 0, 0, 0, 1, 0, 0 },
    { "no correction", .9, .99, 1e-3, .2, 1, 0, 0, 1, 0, 0, 0 },
    { "decoupled decay", .9, .99, 1e-3, .4, 1, 0, 1, 0, 0, 0, 0 },
    { "decoupled decay that turns the weights", .9, .99, 1e-3, 250, 1, 0, 1, 0, 0, 0, 0 },
    { "first code", .9, .999, 1e-6, .01, 1, 10, 0, 1, 0, 0, 0 },
    { "first code, norms above its clamp", .9, .99, 1e-3, 0, .01, .25, 0, 1, 0, 0, 0 },
    { "first code, ratio at most 1", .9, .99, 1e-3, .2, 1, .25, 0, 1, 0, 1, 0 },
};

static const char *text(const settings *h)
{
    static const char *const truth[] = { "false", "true" };
    static char to[400];
    int used = snprintf(to, sizeof to,
                        "beta1=%.17g beta2=%.17g eps=%.17g weight_decay=%.17g decoupled=%s bias_correction=%s "
                        "grad_averaging=%s trust_clip=%s always_adapt=%s max_grad_norm=%.17g",
                        h->beta1, h->beta2, h->eps, h->decay, truth[h->decoupled], truth[!h->raw_moments],
                        truth[!h->summed], truth[h->trust_clip], truth[h->always], h->clip);
    if (h->clamp > 0) snprintf(to + used, sizeof to - (size_t)used, " weight_norm_clamp=%.17g", h->clamp);
    return to;
}

/* The factor on the gradients of step t: by the norm of all that are there. */
static long double clip_of(const settings *h, const record *r, int t)
{
    long double square = 0;
    for (int n = 0; n < TENSORS; n++)
        for (size_t i = tensors[n].at; i < tensors[n].at + tensors[n].n; i++)
            if (!r->absent[t][n]) square += (long double)r->g[t][i] * r->g[t][i];
    return h->clip > 0 && h->clamp == 0 && sqrtl(square) > h->clip ? h->clip / sqrtl(square) : 1;
}

/* Σ over the steps up to t in which the tensor had a gradient, the newest first: weights 1, β, β², ... */
static long double sum(const settings *h, const record *r, int t, int n, size_t i, long double beta, int power)
{
    long double s = 0, weight = 1;
    for (int j = t; j >= 1; j--) {
        if (r->absent[j][n]) continue;
        s += weight * powl(clip_of(h, r, j) * r->g[j][i], power);
        weight *= beta;
    }
    return s;
}

static long double norm(const long double *v, size_t n)
{
    long double square = 0;
    for (size_t i = 0; i < n; i++) square += v[i] * v[i];
    return sqrtl(square);
}

/* One tensor, step t; the counts of the corrections are those of all tensors together. */
static void tensor_step(const settings *h, const record *r, int t, int n, const long double *x, long double *to)
{
    long double u[COORDINATES], from[COORDINATES], bc1 = 1, bc2 = 1, ratio = 1;
    size_t length = tensors[n].n, at = tensors[n].at;
    if (!h->raw_moments) bc1 = 1 - powl(h->beta1, t), bc2 = 1 - powl(h->beta2, t);
    for (size_t i = 0; i < length; i++) {
        long double m = (h->summed ? 1 : 1 - (long double)h->beta1) * sum(h, r, t, n, at + i, h->beta1, 1);
        long double v = (1 - (long double)h->beta2) * sum(h, r, t, n, at + i, h->beta2, 2);
        from[i] = x[at + i] * (h->decoupled ? 1 - r->lr[t] * h->decay : 1);
        u[i] = m / bc1 / (sqrtl(v / bc2) + h->eps) + (h->decoupled ? 0 : h->decay * from[i]);
    }
    long double xn = norm(from, length), un = norm(u, length);
    if (h->clamp > 0 && xn > h->clamp) xn = h->clamp;
    if ((h->clamp > 0 || h->decay != 0 || h->always) && xn > 0 && un > 0) ratio = xn / un;
    if (h->trust_clip && ratio > 1) ratio = 1;
    for (size_t i = 0; i < length; i++) to[at + i] = from[i] - r->lr[t] * ratio * u[i];
}

static void whole(const settings *h, const record *r, path x)
{
    for (int i = 0; i < COORDINATES; i++) x[0][i] = r->x0[i];
    for (int t = 1; t <= STEPS; t++) {
        memcpy(x[t], x[t - 1], sizeof x[t]);
        for (int n = 0; n < TENSORS; n++)
            if (!r->absent[t][n]) tensor_step(h, r, t, n, x[t - 1], x[t]);
    }
}

static void equals_whole_tensors(void **state)
{
    static record r;
    static path want;
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        for (int rough = 0; rough < 2; rough++) {
            record_make(&r, 21 + (uint64_t)rough, .01, -3, 0, rough);
            memset(r.x0 + tensors[1].at, 0, tensors[1].n * sizeof *r.x0); /* a tensor that starts at zero */
            whole(&rows[i], &r, want);
            compare(rows[i].label, &r, "lamb", text(&rows[i]), want);
        }
    CHECK_END();
}

/* The clip is by the norm of all tensors together, not by each. */
static void the_clip_is_global(void **state)
{
    luge_error err;
    double x[2] = { 1, 1 }, g[2] = { 3, 4 };
    const void *grad[2] = { &g[0], &g[1] };
    luge_optimizer *opt = open_method("lamb", "max_grad_norm=1");
    (void)state;
    MUST(luge_add(opt, 0, "a", LUGE_F64, &x[0], 0, NULL, &err));
    MUST(luge_add(opt, 0, "b", LUGE_F64, &x[1], 0, NULL, &err));
    MUST(luge_step(opt, &(luge_inputs){ .grad = grad }, &err));
    for (size_t i = 0; i < 2; i++) {
        double m = *(double *)luge_state(opt, i, "exp_avg", 0), want = .1 * g[i] / 5;
        CHECK(fabs(m - want) <= 4 * DBL_EPSILON, "first moment %zu: %.17g and not %.17g", i, m, want);
    }
    luge_free(opt);
    CHECK_END();
}

static double given[FEW];
static void as_given(const double *x, double *g)
{
    (void)x;
    memcpy(g, given, sizeof given);
}

/* Scaling the gradient does not change the step (ε = 0), and scaling x by s scales it by s. */
static void step_scales_with_the_weights_alone(void **state)
{
    static const double start[FEW] = { 1, -1, .5, .75 }, large[FEW] = { 64, -64, 32, 48 };
    static const char with[] = "lr=0.01 eps=0 weight_decay=0 always_adapt=true max_grad_norm=none";
    double x[FEW], y[FEW], z[FEW];
    (void)state;
    for (int i = 0; i < FEW; i++) given[i] = i + 1;
    descend("lamb", with, start, 10, as_given, see_last, x);
    descend("lamb", with, large, 10, as_given, see_last, y);
    for (int i = 0; i < FEW; i++) given[i] *= 1024;
    descend("lamb", with, start, 10, as_given, see_last, z);
    for (int i = 0; i < FEW; i++) {
        CHECK(x[i] * 64 == y[i], "weights times 64: %.17g and %.17g", x[i], y[i]);
        CHECK(x[i] == z[i], "gradients times 1024: %.17g and %.17g", x[i], z[i]);
        CHECK(x[i] != start[i], "coordinate %d has not moved", i);
    }
    CHECK_END();
}

/* A zero norm makes the ratio 1, so that a tensor of zeros moves, and one without gradient and decay does not. */
static void zero_norms(void **state)
{
    static const double start[FEW] = { 1, -1, .5, .75 }, none[FEW];
    double x[FEW];
    (void)state;
    memset(given, 0, sizeof given);
    descend("lamb", "lr=0.5 weight_decay=0 always_adapt=true", start, 5, as_given, see_last, x);
    CHECK(!memcmp(x, start, sizeof x), "a parameter moved without a gradient");
    for (int i = 0; i < FEW; i++) given[i] = i - 1.5;
    descend("lamb", "lr=0.0078125 eps=0", none, 1, as_given, see_last, x);
    for (int i = 0; i < FEW; i++)
        CHECK(fabs(x[i] + copysign(.0078125, given[i])) <= DBL_EPSILON, "from zero: %.17g", x[i]);
    CHECK_END();
}

/* No gradient: u = λ x, so r u = x and x follows Π (1 - ηₖ), whatever λ; decoupled: Π (1 - ηₖ λ). */
static void decay_follows_its_closed_form(void **state)
{
    static const double start[FEW] = { 1, -1, .5, .75 };
    double x[FEW];
    (void)state;
    memset(given, 0, sizeof given);
    for (int decoupled = 0; decoupled < 2; decoupled++) {
        long double by = 1;
        for (int k = 1; k <= 9; k++) by *= 1 - .25L * (k < 4 ? k / 4.0L : 1) * (decoupled ? .5L : 1);
        descend("lamb",
                decoupled ? "lr=0.25 weight_decay=0.5 decoupled=true schedule=warmup:steps=4"
                          : "lr=0.25 weight_decay=0.5 schedule=warmup:steps=4",
                start, 9, as_given, see_last, x);
        for (int i = 0; i < FEW; i++)
            CHECK(fabsl(x[i] - by * start[i]) <= 60 * DBL_EPSILON, "decoupled %d: %.17g and not %.17Lg", decoupled,
                  x[i], by * start[i]);
    }
    CHECK_END();
}

static void limits_and_refusals(void **state)
{
    static record r;
    (void)state;
    record_make(&r, 8, .01, -3, 0, false);
    same("clip off", &r, "lamb", "max_grad_norm=none", &r, "lamb", "max_grad_norm=0");
    same("high clip", &r, "lamb", "max_grad_norm=none", &r, "lamb", "max_grad_norm=1e9");
    same("defaults", &r, "lamb", "beta1=0.9 beta2=0.999 eps=1e-6 weight_decay=0.01 max_grad_norm=1", &r, "lamb", "");
    refused("lamb", "weight_norm_clamp=0", "weight_norm_clamp");
    refused("lamb", "beta2=1", "beta2");
    refused("lamb", "trust_clip=maybe", "trust_clip");
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_whole_tensors),
        cmocka_unit_test(the_clip_is_global),
        cmocka_unit_test(step_scales_with_the_weights_alone),
        cmocka_unit_test(zero_norms),
        cmocka_unit_test(decay_follows_its_closed_form),
        cmocka_unit_test(limits_and_refusals),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
