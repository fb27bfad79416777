/* The explicit pair of order 8(5,3) by Dormand and Prince, twelve evaluations a step, the last of which begins the
 * next step.  The local error is estimated as |h| e5² / √(e5² + e3²/100) from the embedded orders 5 and 3, in the
 * norm of the largest coordinate.
 * Ref: Hairer, Nørsett & Wanner, Solving ordinary differential equations I, Springer 1993, section II.5.
 * SPDX-License-Identifier: MIT */
#include "flows/integrator.h"
#include <float.h>
#include <string.h>

enum { STAGES = 12, MOST_TERMS = 10, FEW = 8 };

/* Stage i is taken at t + c h from y + h Σ a k; the last row is the result, from where the next step begins. */
/* clang-format off */
static const struct {
    double c;
    int terms, from[MOST_TERMS];
    double a[MOST_TERMS];
} row[STAGES] = {
    { 0.526001519587677318785587544488e-01,
      1,
      { 0 },
      { 5.26001519587677318785587544488e-2 } },
    { 0.789002279381515978178381316732e-01,
      2,
      { 0, 1 },
      { 1.97250569845378994544595329183e-2, 5.91751709536136983633785987549e-2 } },
    { 0.118350341907227396726757197510,
      2,
      { 0, 2 },
      { 2.95875854768068491816892993775e-2, 8.87627564304205475450678981324e-2 } },
    { 0.281649658092772603273242802490,
      3,
      { 0, 2, 3 },
      { 2.41365134159266685502369798665e-1, -8.84549479328286085344864962717e-1, 9.24834003261792003115737966543e-1 } },
    { 0.333333333333333333333333333333,
      3,
      { 0, 3, 4 },
      { 3.7037037037037037037037037037e-2, 1.70828608729473871279604482173e-1, 1.25467687566822425016691814123e-1 } },
    { 0.25,
      4,
      { 0, 3, 4, 5 },
      { 3.7109375e-2, 1.70252211019544039314978060272e-1, 6.02165389804559606850219397283e-2, -1.7578125e-2 } },
    { 0.307692307692307692307692307692,
      5,
      { 0, 3, 4, 5, 6 },
      { 3.70920001185047927108779319836e-2, 1.70383925712239993810214054705e-1, 1.07262030446373284651809199168e-1, -1.53194377486244017527936158236e-2, 8.27378916381402288758473766002e-3 } },
    { 0.651282051282051282051282051282,
      6,
      { 0, 3, 4, 5, 6, 7 },
      { 6.24110958716075717114429577812e-1, -3.36089262944694129406857109825, -8.68219346841726006818189891453e-1, 2.75920996994467083049415600797e1, 2.01540675504778934086186788979e1, -4.34898841810699588477366255144e1 } },
    { 0.6,
      7,
      { 0, 3, 4, 5, 6, 7, 8 },
      { 4.77662536438264365890433908527e-1, -2.48811461997166764192642586468, -5.90290826836842996371446475743e-1, 2.12300514481811942347288949897e1, 1.52792336328824235832596922938e1, -3.32882109689848629194453265587e1, -2.03312017085086261358222928593e-2 } },
    { 0.857142857142857142857142857142,
      8,
      { 0, 3, 4, 5, 6, 7, 8, 9 },
      { -9.3714243008598732571704021658e-1, 5.18637242884406370830023853209, 1.09143734899672957818500254654, -8.14978701074692612513997267357, -1.85200656599969598641566180701e1, 2.27394870993505042818970056734e1, 2.49360555267965238987089396762, -3.0467644718982195003823669022 } },
    { 1.0,
      9,
      { 0, 3, 4, 5, 6, 7, 8, 9, 10 },
      { 2.27331014751653820792359768449, -1.05344954667372501984066689879e1, -2.00087205822486249909675718444, -1.79589318631187989172765950534e1, 2.79488845294199600508499808837e1, -2.85899827713502369474065508674, -8.87285693353062954433549289258, 1.23605671757943030647266201528e1, 6.43392746015763530355970484046e-1 } },
    { 1,
      8,
      { 0, 5, 6, 7, 8, 9, 10, 11 },
      { 5.42937341165687622380535766363e-2, 4.45031289275240888144113950566, 1.89151789931450038304281599044, -5.8012039600105847814672114227, 3.1116436695781989440891606237e-1, -1.52160949662516078556178806805e-1, 2.01365400804030348374776537501e-1, 4.47106157277725905176885569043e-2 } },};
enum { ERROR_TERMS = 8 };
static const int error_from[ERROR_TERMS] = { 0, 5, 6, 7, 8, 9, 10, 11 };
static const double error5[ERROR_TERMS] = {
    0.1312004499419488073250102996e-1, -0.1225156446376204440720569753e+1, -0.4957589496572501915214079952,
    0.1664377182454986536961530415e+1, -0.3503288487499736816886487290, 0.3341791187130174790297318841,
    0.8192320648511571246570742613e-1, -0.2235530786388629525884427845e-1,
};
/* The result's weights less those of order 3. */
static const double order3[ERROR_TERMS] = {
    0.244094488188976377952755905512, 0, 0, 0, 0.733846688281611857341361741547, 0, 0,
    0.220588235294117647058823529412e-1,
};
/* clang-format on */

/* Factors on a step, and how many steps are too many. */
static const double safety = 0.9, least_factor = 1 / 3.0, most_factor = 6;
static const int64_t most_steps = 50000000;

typedef struct pair {
    double *k[STAGES + 1], *next, *at, h; /* h: the next step, with its sign; 0: not known */
    bool first;                           /* k[0] is not there */
} pair;

static luge_status open(lg_integrator *it, luge_error *err)
{
    luge_status st = LUGE_OK;
    pair *p;

    LG_NEED(p = it->self = lg_alloc(1, sizeof *p));
    for (int i = 0; i <= STAGES; i++) LG_NEED(p->k[i] = lg_alloc(it->ode.n, sizeof(double)));
    LG_NEED(p->next = lg_alloc(it->ode.n, sizeof(double)));
    LG_NEED(p->at = lg_alloc(it->ode.n, sizeof(double)));
done:
    return st;
}

static void close(lg_integrator *it)
{
    pair *p = it->self;
    if (!p) return;
    for (int i = 0; i <= STAGES; i++) lg_free(p->k[i]);
    lg_free(p->next);
    lg_free(p->at);
    lg_free(p);
}

static luge_status start(lg_integrator *it, luge_error *err)
{
    pair *p = it->self;
    (void)err;
    p->h = 0;
    p->first = true;
    return LUGE_OK;
}

static lg_vectors vectors(const lg_integrator *it) { return (lg_vectors){ it->ode.n, it->ode.threads }; }

/* A hundredth of the time in which the solution would change by its own size. */
static double first_step(lg_integrator *it, double way)
{
    pair *p = it->self;
    double slope = lg_sum(vectors(it), LG_GREATEST, p->k[0], NULL),
           size = lg_sum(vectors(it), LG_GREATEST, it->y, NULL);
    double h = slope > 0 ? 0.01 * (size + it->atol) / slope : fabs(way);
    return copysign(fmin(h, fabs(way)), way);
}

/* Stage i of a step of length h: where it is taken, into `to`. */
static void stage(const lg_integrator *it, int i, double h, double *to)
{
    const pair *p = it->self;
    const double *k[MOST_TERMS];
    double c[MOST_TERMS];

    for (int j = 0; j < row[i].terms; j++) {
        c[j] = h * row[i].a[j];
        k[j] = p->k[row[i].from[j]];
    }
    lg_combine(vectors(it), to, it->y, row[i].terms, c, k);
}

/* The same for a few variables, where calls would take longer than the arithmetic. */
static void few_stage(const lg_integrator *it, int i, double h, double *to)
{
    const pair *p = it->self;
    const int *from = row[i].from, terms = row[i].terms;
    const double *a = row[i].a;

    for (size_t x = 0; x < it->ode.n; x++) {
        double even = a[0] * p->k[from[0]][x], odd = 0;
        int j = 1;
        for (; j + 1 < terms; j += 2) {
            odd += a[j] * p->k[from[j]][x];
            even += a[j + 1] * p->k[from[j + 1]][x];
        }
        if (j < terms) odd += a[j] * p->k[from[j]][x];
        to[x] = it->y[x] + h * (even + odd);
    }
}

/* The stages of a step of length h into k[1..12] and its result into next. */
static luge_status stages(lg_integrator *it, double h, luge_error *err)
{
    luge_status st = LUGE_OK;
    pair *p = it->self;

    for (int i = 0; i < STAGES; i++) {
        double *to = i == STAGES - 1 ? p->next : p->at;
        (it->ode.n < FEW ? few_stage : stage)(it, i, h, to);
        LG_TRY(lg_rhs(it, it->t + row[i].c * h, to, p->k[i + 1], err));
    }
done:
    return st;
}

/* The estimated local error in units of the tolerance; no number where the step met none. */
static double estimate(lg_integrator *it, double h)
{
    pair *p = it->self;
    double error3[ERROR_TERMS], norm[2];
    const double *k[ERROR_TERMS];

    for (int j = 0; j < ERROR_TERMS; j++) {
        k[j] = p->k[error_from[j]];
        error3[j] = row[STAGES - 1].a[j] - order3[j];
    }
    lg_error_norms(vectors(it), it->y, p->next, it->atol, it->rtol, ERROR_TERMS, k,
                   (const double *const[]){ error5, error3 }, norm);
    if (norm[0] == 0 && norm[1] == 0) return 0;
    return fabs(h) * norm[0] * norm[0] / sqrt(norm[0] * norm[0] + 0.01 * norm[1] * norm[1]);
}

static void accept(lg_integrator *it, double t)
{
    pair *p = it->self;
    double *y = it->y, *k = p->k[0];
    it->y = p->next, p->next = y;
    p->k[0] = p->k[STAGES], p->k[STAGES] = k;
    it->t = t;
    it->effort.steps++;
}

/* The eighth root decides; a step that was cut short to meet `t` says nothing about longer ones. */
static double factor(double error)
{
    return error > 0 ? fmin(most_factor, fmax(least_factor, safety / sqrt(sqrt(sqrt(error))))) : most_factor;
}

static luge_status to(lg_integrator *it, double t, luge_error *err)
{
    luge_status st = LUGE_OK;
    pair *p = it->self;
    bool rejected = false;

    if (p->first) {
        LG_TRY(lg_rhs(it, it->t, it->y, p->k[0], err));
        p->first = false;
    }
    if (p->h == 0) p->h = first_step(it, t - it->t);
    while (it->t != t) {
        double way = t - it->t, h = fabs(p->h) < fabs(way) / 2       ? p->h
                                    : fabs(p->h) < fabs(way) * 0.999 ? way / 2
                                                                     : way;
        if (!(fabs(h) > 4 * DBL_EPSILON * fabs(it->t)) || it->effort.steps + it->effort.rejected > most_steps)
            return lg_blown_up(it, t, err);
        LG_TRY(stages(it, h, err));
        double error = estimate(it, h), f = isfinite(error) ? factor(error) : 0.1;
        if (error <= 1) {
            accept(it, h == way ? t : it->t + h);
            p->h = copysign(fmax(h == p->h || rejected ? 0 : fabs(p->h), fabs(h) * (rejected ? fmin(f, 1) : f)), h);
            rejected = false;
        } else {
            p->h = h * fmin(f, 0.9);
            it->effort.rejected++;
            rejected = true;
        }
    }
done:
    return st;
}

const lg_solver_kind lg_solver_explicit = { "explicit", open, close, start, to };
