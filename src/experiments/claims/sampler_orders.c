/* SPDX-License-Identifier: MIT */
#include "experiments/flow.h"
#include "experiments/sample.h"

static const double weights[] = { 0.3, 0.45, 0.25 }, means[] = { -2, 0.5, 3 }, sds[] = { 0.5, 0.4, 0.7 };
static const luge_mixture three = { 3, 1, weights, means, sds };

static const struct {
    const char *rule, *order, *start;
    double from, to, at, least, most; /* of the order at the last of 5 runs; the dpm rows are uniform in log σ */
} rows[] = {
    { "rule=hb", "order=1.8", "start=cold", 3, 0.3, 2.2, 0.97, 1.05 },
    { "rule=hb", "order=3.8", "start=cold", 3, 0.3, 2.2, 0.97, 1.05 },
    { "rule=nesterov", "order=1.5", "start=cold", 3, 0.3, 2.2, 0.95, 1.05 },
    { "rule=ghvb", "order=0.8", "start=cold", 3, 0.3, 2.2, 0.97, 1.05 },
    { "rule=ghvb", "order=1.8", "start=cold", 3, 0.3, 2.2, 1.97, 2.02 },
    { "rule=ghvb", "order=1.5", "start=cold", 3, 0.3, 2.2, 1.95, 2.02 },
    { "rule=ghvb", "order=2.8", "start=cold", 3, 0.3, 2.2, 2, 2.5 },
    { "rule=ghvb", "order=2.8", "start=rk4", 3, 0.3, 2.2, 2.95, 3.1 },
    { "rule=ghvb", "order=3.8", "start=rk4", 3, 0.3, 2.2, 3.9, 5 },
    { "rule=dpm", "order=2", "start=cold", 10, 0.1, 7.3, 1.97, 2.03 },
    { "rule=dpm", "order=1.9", "start=cold", 10, 0.1, 7.3, 0.96, 1.02 },
};

static luge_status check(const lg_means *means_, lg_verdict *v, luge_error *err)
{
    luge_status st = LUGE_OK;

    (void)means_;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *set[] = { rows[i].rule, rows[i].order, rows[i].start };
        bool dpm = rows[i].from > 3;
        lg_sample s = { .set = set,
                        .set_count = 3,
                        .mixture = &three,
                        .from = rows[i].from,
                        .to = rows[i].to,
                        .geometric = dpm,
                        .steps = dpm ? 40 : 80,
                        .halvings = 4,
                        .rows = 1,
                        .at = &rows[i].at };
        lg_sampled r;
        LG_TRY(lg_sample_run(&s, &r, err));
        double order = r.run[4].order;
        v->holds = v->holds && order > rows[i].least && order < rows[i].most;
        LG_SAY(v->expected, "%s%s %s: (%g, %g)", i ? "; " : "", r.name, r.start, rows[i].least, rows[i].most);
        LG_SAY(v->measured, "%s%s %s: %.3f", i ? "; " : "", r.name, r.start, order);
        lg_sampled_free(&r);
    }
done:
    return st;
}

const lg_claim lg_claim_sampler_orders = {
    .name = "sampler_orders",
    .claim =
        "Heavy ball makes every sampler one of order 1; the generalized heavy ball keeps the order k of its base, "
        "which from order 3 on shows only where the start is of that order.",
    .reference =
        "Wizadwongsa et al., Diffusion sampling with momentum, ICLR 2024, theorem on GHVB's order; its plots show "
        "0.5 and 1.5 where theorem and measurement have 1 and 2",
    .run =
        "a mixture of three Gaussians from noise 3 to 0.3 and x = 2.2, 80 to 1280 steps (dpm: 10 to 0.1, x = 7.3, 40 "
        "to 640, uniform in the logarithm); order of the last halving against 4000 steps of Runge and Kutta",
    .check = check,
};
