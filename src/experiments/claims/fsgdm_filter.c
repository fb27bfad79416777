/* SPDX-License-Identifier: MIT */
#include "experiments/analyze.h"
#include "experiments/flow.h"

static luge_status check(const lg_means *means, lg_verdict *v, luge_error *err)
{
    static const struct {
        double step, u;
    } rows[] = { { 1, 0 }, { 390, 0.0917431193 }, { 58500, 0.9380863 }, { 117000, 0.9680542 } };
    luge_status st = LUGE_OK;
    const lg_analyze a = { .method = luge_method_find("fsgdm") };
    lg_system s;

    (void)means;
    for (size_t i = 0; i < sizeof rows / sizeof *rows; i++) {
        double low, high, phase, fade, u = rows[i].u;
        LG_TRY(lg_analyze_system(&a, rows[i].step, &s, err));
        LG_TRY(lg_filter_memory(&s, &fade, err));
        LG_TRY(lg_filter_at(&s, 0, &low, &phase, err));
        LG_TRY(lg_filter_at(&s, 3.14159265358979324, &high, &phase, err));
        v->holds = v->holds && fabs(fade - u) < 1e-7 && fabs(low * (1 - fade) - 1) < 1e-12 &&
                   fabs(high * (1 + fade) - 1) < 1e-12;
        LG_SAY(v->expected, "%sstep %.0f: u %.7g, gains 1/(1-u), 1/(1+u)", i ? "; " : "", rows[i].step, u);
        LG_SAY(v->measured, "%sstep %.0f: u %.7g, gains %.7g, %.7g", i ? "; " : "", rows[i].step, fade, low, high);
        if (rows[i].step == 117000) v->holds = v->holds && fabs(low - 1 - 1 / 0.033) < 1e-10;
    }
    LG_SAY(v->expected, "; at the end 1 + 1/c = 31.30303");
done:
    return st;
}

const lg_claim lg_claim_fsgdm_filter = {
    .name = "fsgdm_filter",
    .claim = "Momentum is a filter on the gradients; FSGDM's passes everything at first and turns low-pass stage by "
             "stage, to a gain of 1 + 1/c on slow gradients at the end.",
    .reference = "Li et al., ICLR 2025, arXiv:2411.19671",
    .run = "the frequency response of fsgdm's own update, with its constants at four of 117000 steps",
    .check = check,
};
