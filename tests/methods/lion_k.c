/* Lion-K against momenta written as sums over all gradients and the kernels' gradients from their definitions, in
 * long double; duality of the norms; what the kernels minimize.  SPDX-License-Identifier: MIT */
#define SETTINGS(_) _(real, beta1) _(real, beta2) _(real, weight_decay) _(word, kernel) _(real, kernel_param)
#include "methods/sums.h"

static const settings rows[] = {
    { "Lion", .9, .99, .1, "l1", 1.5 },
    { "Polyak", .9, .9, .1, "half_squared_l2", 1.5 },
    { "interpolated", .5, .8, 0, "half_squared_l2", 1.5 },
    { "ball", .9, .99, .3, "l2", 1.5 },
    { "p = 1.5", .9, .99, .3, "lp", 1.5 },
    { "p = 1.01", .9, .95, 0, "lp", 1.01 },
    { "p = 2.7", .8, .99, .1, "lp", 2.7 },
    { "p = 60", .8, .99, 0, "lp", 60 },
    { "rows", .9, .99, .3, "row_l2", 1.5 },
    { "Huber", .9, .99, .3, "huber", .05 },
    { "pseudo-Huber", .9, .95, .3, "pseudo_huber", .5 },
    { "threshold", .9, .99, .3, "soft_threshold_l1", .02 },
    { "no memory", 0, .9, 0, "soft_threshold_l1", 2 },
};

/* u of a coordinate of tensor n: (1-β₁) g + β₁ (1-β₂) Σ over earlier gradients of β₂^age g. */
static long double under(const settings *h, const whole *w, int n, size_t i)
{
    long double weight = h->beta1 * (1 - (long double)h->beta2), u = (1 - (long double)h->beta1) * w->g[i];
    for (int t = w->t - 1; t >= 1; t--) {
        if (w->r->absent[t][n]) continue;
        u += weight * w->r->g[t][i];
        weight *= h->beta2;
    }
    return u;
}

static void kernel(const settings *h, const long double *u, size_t n, size_t row, long double *d)
{
    long double e = h->kernel_param, norm = 0;
    for (size_t i = 0; i < n; i++) {
        const char *K = h->kernel;
        if (!strcmp(K, "l1")) d[i] = ratio_sign(u[i]);
        if (!strcmp(K, "half_squared_l2")) d[i] = u[i];
        if (!strcmp(K, "huber")) d[i] = fabsl(u[i]) < e ? u[i] / e : ratio_sign(u[i]);
        if (!strcmp(K, "pseudo_huber")) d[i] = u[i] / sqrtl(u[i] * u[i] + e * e);
        if (!strcmp(K, "soft_threshold_l1")) d[i] = fabsl(u[i]) > e ? ratio_sign(u[i]) : 0;
        if (!strcmp(K, "soft_threshold_l1"))
            CHECK(fabsl(fabsl(u[i]) - e) > 1e-5L * e, "%s: %Lg is at the threshold", h->label, u[i]);
    }
    if (!strcmp(h->kernel, "lp")) {
        for (size_t i = 0; i < n; i++) norm += powl(fabsl(u[i]), e);
        norm = powl(norm, 1 / e);
        for (size_t i = 0; i < n; i++) d[i] = norm > 0 ? ratio_sign(u[i]) * powl(fabsl(u[i]) / norm, e - 1) : 0;
    }
    size_t length = !strcmp(h->kernel, "l2") ? n : row;
    if (strcmp(h->kernel, "l2") && strcmp(h->kernel, "row_l2")) return;
    for (size_t at = 0; at < n; at += length) {
        norm = sqrtl(dot(u + at, u + at, length));
        for (size_t i = at; i < at + length; i++) d[i] = norm > 0 ? u[i] / norm : 0;
    }
}

static void next(const void *with, whole *w, void *memory)
{
    const settings *h = with;
    (void)memory;
    for (int n = 0; n < TENSORS; n++) {
        const tensor *t = &tensors[n];
        long double u[COORDINATES], d[COORDINATES];
        for (size_t i = 0; i < t->n; i++) u[i] = under(h, w, n, t->at + i);
        kernel(h, u, t->n, t->ndim > 1 ? t->n / t->shape[0] : t->n, d);
        for (size_t i = t->at; i < t->at + t->n && w->active[n]; i++)
            w->x[i] = (1 - w->lr * h->weight_decay) * w->x[i] - w->lr * d[i - t->at];
    }
}

static void equals_sums_over_all_gradients(void **state)
{
    static record r;
    static path want;
    (void)state;
    for (size_t i = 0; i < ROWS(rows); i++)
        for (int rough = 0; rough < 2; rough++) {
            record_make(&r, 41 + (uint64_t)rough, .01, -3, 1, rough);
            by_whole(&r, next, &rows[i], NULL, want);
            compare(rows[i].label, &r, "lion_k", text(&rows[i]), want);
        }
    CHECK_END();
}

/* The step of a norm has dual norm 1 and goes down by the norm:  ‖d‖_q = 1,  ⟨d,u⟩ = ‖u‖_p.  Huge and tiny gradients
 * too: no power over- or underflows on the way. */
static void norms_are_dual(void **state)
{
    static const double p[] = { 1.25, 2, 3.5, 40 }, scale[] = { 1, 1e150, 1e-150 };
    static const double start[FEW] = { 0 };
    (void)state;
    for (size_t i = 0; i < ROWS(p); i++)
        for (size_t j = 0; j < ROWS(scale); j++) {
            double x[FEW];
            char with[128];
            long double q = p[i] / (p[i] - 1.L), dual = 0, along = 0, norm = 0;
            given[0] = 3 * scale[j], given[1] = -1 * scale[j], given[2] = 0, given[3] = .25 * scale[j];
            snprintf(with, sizeof with, "lr=1 beta1=0 kernel=lp kernel_param=%.17g", p[i]);
            descend("lion_k", with, start, 1, as_given, see_last, x);
            for (int n = 0; n < FEW; n++) {
                dual += powl(fabs(x[n]), q);
                along -= x[n] * (given[n] / scale[j]);
                norm += powl(fabs(given[n] / scale[j]), p[i]);
            }
            norm = powl(norm, 1.L / p[i]);
            CHECK(fabsl(dual - 1) < 1e-13L, "p = %g at %g: dual norm off by %Lg", p[i], scale[j], dual - 1);
            CHECK(fabsl(along - norm) < 1e-13L * norm, "p = %g at %g: %Lg and not %Lg", p[i], scale[j], along, norm);
        }
    CHECK_END();
}

/* f = ½ Σ aᵢ (xᵢ - bᵢ)²: where x has come to rest, λ x = -∇K(∇f(x)), so that 0 is in ∇f(x) + ∂K*(λ x). */
static const double curve[FEW] = { 1, 2, .5, 4 }, centre[FEW] = { 3, -.1, .02, 0 };
static void bowl(const double *x, double *g)
{
    for (int i = 0; i < FEW; i++) g[i] = curve[i] * (x[i] - centre[i]);
}

static void rest_is_where_it_should(void **state)
{
    static const char *const kernels[] = { "half_squared_l2", "huber", "pseudo_huber", "lp", "l2" };
    (void)state;
    for (size_t j = 0; j < ROWS(kernels); j++) {
        settings h = { "rest", .9, .99, .7, kernels[j], !strcmp(kernels[j], "lp") ? 2.5 : .3 };
        double x[FEW], g[FEW];
        long double u[FEW], d[FEW], size = 0;
        char with[128];
        snprintf(with, sizeof with, "lr=0.01 beta1=0.9 beta2=0.99 weight_decay=0.7 kernel=%s kernel_param=%g",
                 h.kernel, h.kernel_param);
        descend("lion_k", with, few, 20000, bowl, see_last, x);
        bowl(x, g);
        for (int i = 0; i < FEW; i++) u[i] = g[i];
        kernel(&h, u, FEW, FEW, d);
        for (int i = 0; i < FEW; i++) {
            CHECK(fabsl(.7L * x[i] + d[i]) < 1e-9L, "%s rests at %g where λ x = %g and -∇K = %Lg", h.kernel, x[i],
                  .7 * x[i], -d[i]);
            size += fabsl(d[i]);
        }
        CHECK(size > .1L, "%s rests where ∇K is 0", h.kernel);
    }
    CHECK_END();
}

static void limits_and_refusals(void **state)
{
    static record r, minus;
    static double x[STEPS + 1][COORDINATES], y[STEPS + 1][COORDINATES];
    (void)state;
    record_make(&r, 6, .01, -3, 1, true);
    same("Lion", &r, "lion_k", "weight_decay=0.1", &r, "lion", "weight_decay=0.1");
    like("p = 2", &r, "lion_k", "kernel=lp kernel_param=2", "lion_k", "kernel=l2");
    same("defaults", &r, "lion_k", "beta1=0.9 beta2=0.99 weight_decay=0 kernel=l1 kernel_param=1.5", &r, "lion_k",
         "");
    for (size_t j = 0; j < ROWS(rows); j++) { /* every K is even: both signs of the gradient give the same method */
        minus = r;
        for (int i = 0; i < COORDINATES; i++) minus.x0[i] *= -1;
        for (int t = 1; t <= STEPS; t++)
            for (int i = 0; i < COORDINATES; i++) minus.g[t][i] *= -1;
        play(&r, "lion_k", text(&rows[j]), LUGE_F64, x);
        play(&minus, "lion_k", text(&rows[j]), LUGE_F64, y);
        for (int i = 0; i < COORDINATES; i++) CHECK(x[STEPS][i] == -y[STEPS][i], "%s is not even", rows[j].label);
    }
    for (size_t j = 0; j < ROWS(rows); j++) {
        settings h = rows[j];
        h.weight_decay = 0;
        stays_without_gradients("lion_k", text(&h));
    }
    decay_follows_its_closed_form("lion_k", "kernel=l2");
    refused("lion_k", "kernel=lp kernel_param=1", "kernel_param");
    refused("lion_k", "kernel=l3", "row_l2");
    refused("lion_k", "beta1=2", "beta1");
    CHECK_END();
}

/* β₁ = β₂ and ½‖u‖²: a heavy ball with mean gradients, so bₖ = m / (1-β), and decoupled decay, which without momentum
 * is also the coupled one. */
static void half_squares_are_the_heavy_ball(void **state)
{
    static record r, scaled;
    (void)state;
    record_make(&r, 7, .01, -3, 1, true);
    scaled = r;
    for (int t = 1; t <= STEPS; t++) scaled.lr[t] /= 10;
    static double x[STEPS + 1][COORDINATES], y[STEPS + 1][COORDINATES];
    play(&r, "lion_k", "beta1=0.9 beta2=0.9 kernel=half_squared_l2", LUGE_F64, x);
    play(&scaled, "heavy_ball", "momentum=0.9", LUGE_F64, y);
    for (int t = 1; t <= STEPS; t++)
        for (int i = 0; i < COORDINATES; i++)
            CHECK(fabs(x[t][i] - y[t][i]) < 1e-13 * (1 + fabs(y[t][i])), "step %d: %.17g and not %.17g", t, x[t][i],
                  y[t][i]);
    CHECK_END();
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(equals_sums_over_all_gradients),  cmocka_unit_test(norms_are_dual),
        cmocka_unit_test(rest_is_where_it_should),         cmocka_unit_test(limits_and_refusals),
        cmocka_unit_test(half_squares_are_the_heavy_ball),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
