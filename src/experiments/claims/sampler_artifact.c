/* SPDX-License-Identifier: MIT */
#include "experiments/flow.h"
#include "experiments/sample.h"

static const double one = 1, zero = 0, narrow = 0.1, start = 3;
static const luge_mixture all = { 1, 1, &one, &zero, &one }, conditional = { 1, 1, &one, &one, &narrow };

static const struct {
    const char *rule, *order;
    int64_t steps;
    double error;
} rows[] = {
    { "rule=ab", "order=4", 15, .267 },   { "rule=hb", "order=3.8", 15, .021 },
    { "rule=hb", "order=3.5", 15, .032 }, { "rule=ghvb", "order=3.5", 15, .082 },
    { "rule=ab", "order=4", 20, .0345 },  { "rule=hb", "order=3.8", 20, .0062 },
    { "rule=ab", "order=4", 60, 1.3e-6 }, { "rule=hb", "order=3.8", 60, 8.4e-4 },
};

static luge_status check(const lg_means *means, lg_verdict *v, luge_error *err)
{
    luge_status st = LUGE_OK;

    (void)means;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        const char *set[] = { rows[i].rule, rows[i].order, "guidance=7.5" };
        lg_sample s = { .set = set,
                        .set_count = 3,
                        .mixture = &all,
                        .conditional = &conditional,
                        .from = 3,
                        .to = 0.05,
                        .steps = rows[i].steps,
                        .rows = 1,
                        .at = &start };
        lg_sampled r;
        LG_TRY(lg_sample_run(&s, &r, err));
        v->holds = v->holds && fabs(r.run[0].rms / rows[i].error - 1) < .035;
        LG_SAY(v->expected, "%s%s in %d: %g", i ? "; " : "", r.name, (int)rows[i].steps, rows[i].error);
        LG_SAY(v->measured, "%s%s in %d: %.3g", i ? "; " : "", r.name, (int)rows[i].steps, r.run[0].rms);
        lg_sampled_free(&r);
    }
done:
    return st;
}

const lg_claim lg_claim_sampler_artifact = {
    .name = "sampler_artifact",
    .claim =
        "At few steps and large guidance a sampler leaves its region of stability, and momentum brings it back; at "
        "many steps the rule without momentum is far more accurate.",
    .reference =
        "Wizadwongsa et al., Diffusion sampling with momentum, ICLR 2024; the problem and its numbers are computed "
        "here",
    .run = "unconditional N(0, 1), conditional N(1, 0.1^2), guidance 7.5, from noise 3 to 0.05 and x = 3; distance "
           "from the "
           "exact end",
    .check = check,
};
