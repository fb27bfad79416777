/* SPDX-License-Identifier: MIT */
#include "experiments/flow.h"

/* The numbers of either form. */
typedef struct form {
    const lg_field *field;
    double k, c, kappa;
} form;

/* x' = y - k ∇F,  y' = -c y - κ ∇F;  lost' = c |y|² + κ k |∇F|² */
static luge_status passive(void *context, double t, const double *z, double *dz, luge_error *err)
{
    const form *f = context;
    double g[2];
    luge_status st = f->field->gradient(f->field->context, z, g, err);
    (void)t;
    dz[4] = 0;
    for (int i = 0; i < 2; i++) {
        dz[i] = z[2 + i] - f->k * g[i];
        dz[2 + i] = -f->c * z[2 + i] - f->kappa * g[i];
        dz[4] += f->c * z[2 + i] * z[2 + i] + f->kappa * f->k * g[i] * g[i];
    }
    return st;
}

/* x'' + c x' + k H x' + (c k + κ) ∇F = 0 */
static luge_status hessian(void *context, double t, const double *z, double *dz, luge_error *err)
{
    const form *f = context;
    double g[2], h[2];
    luge_status st;
    (void)t;
    LG_TRY(f->field->gradient(f->field->context, z, g, err));
    LG_TRY(f->field->hvp(f->field->context, z, z + 2, h, err));
    for (int i = 0; i < 2; i++) {
        dz[i] = z[2 + i];
        dz[2 + i] = -f->c * z[2 + i] - f->k * h[i] - (f->c * f->k + f->kappa) * g[i];
    }
done:
    return st;
}

typedef struct seen {
    double apart, balance, rise; /* between the forms; of storage + lost; of the storage between two times */
} seen;

static luge_status follow(lg_whole *w, const form *f, seen *s, luge_error *err)
{
    enum { TIMES = 160 };
    static const double until = 8;
    luge_status st;
    double z[5] = { 1, 0.5 }, u[4] = { 1, 0.5 }, g[2], before = HUGE_VAL, first = 0;
    const lg_ode form_one = { .n = 5, .threads = 1, .context = (void *)f, .rhs = passive },
                 form_two = { .n = 4, .threads = 1, .context = (void *)f, .rhs = hessian };

    *s = (seen){ .rise = -HUGE_VAL };
    LG_TRY(f->field->gradient(f->field->context, z, g, err));
    for (int i = 0; i < 2; i++) u[2 + i] = -f->k * g[i]; /* y = 0 */
    for (int n = 0; n <= TIMES; n++) {
        double value, storage;
        if (n > 0) {
            LG_TRY(lg_integrate(&form_one, LG_EXPLICIT, 1e-14, until * (n - 1) / TIMES, until * n / TIMES, z, err));
            LG_TRY(lg_integrate(&form_two, LG_EXPLICIT, 1e-14, until * (n - 1) / TIMES, until * n / TIMES, u, err));
        }
        LG_TRY(lg_whole_value(w, z, &value, err));
        storage = (z[2] * z[2] + z[3] * z[3]) / 2 + f->kappa * value;
        if (n == 0) first = storage;
        s->apart = fmax(s->apart, fmax(fabs(z[0] - u[0]), fabs(z[1] - u[1])));
        s->balance = fmax(s->balance, fabs(storage + z[4] - first));
        s->rise = fmax(s->rise, storage - before);
        before = storage;
    }
done:
    return st;
}

static luge_status check(const lg_means *means, lg_verdict *v, luge_error *err)
{
    static const double step = 1.0 / 64;
    const lg_problem_request problem = {
        .spec = "expr:0.5*(x^2+4*y^2)+0.05*(x+y)^4", .at = "1,0.5", .type = LUGE_F64, .threads = 1
    };
    lg_whole *w = NULL;
    luge_status st;

    (void)means;
    LG_SAY(v->expected, "forms within 1e-12; storage and what was lost constant within 1e-12; storage never rises");
    LG_TRY(lg_whole_open(&w, &problem, err));
    for (int i = 0; i < 2; i++) {
        double root = sqrt(step); /* m = 1 */
        const form f = { lg_whole_field(w), i ? 0 : root, 2, i ? 1 + root : 1 - root };
        seen s;
        LG_TRY(follow(w, &f, &s, err));
        v->holds = v->holds && s.apart < 1e-12 && s.balance < 1e-12 && s.rise <= 0;
        LG_SAY(v->measured, "%s: forms within %.1e, balance within %.1e, largest change of the storage %.1e",
               i ? "; heavy ball" : "Nesterov", s.apart, s.balance, s.rise);
    }
done:
    lg_whole_close(w);
    return st;
}

const lg_claim lg_claim_passivity = {
    .name = "passivity",
    .claim =
        "Nesterov's high-resolution equation is x' = y - k grad F, y' = -c y - kappa grad F, without a Hessian; its "
        "storage |y|^2/2 + kappa (F - F*) falls by c |y|^2 + kappa k |grad F|^2, of which heavy ball, k = 0, lacks "
        "the second term.",
    .reference =
        "after Parimi et al. (2025), arXiv:2509.18346; Shi, Du, Jordan & Su, arXiv:1810.08907; form derived here",
    .run = "(x^2 + 4 y^2)/2 + (x+y)^4/20 from (1, 1/2), s = 1/64, to time 8: both forms integrated, the storage at "
           "161 times",
    .check = check,
};
