/* Recorded polar factors and orthogonalizations of one matrix, each output computed anew.
 *
 * Tensors, F64: `input`, m x n, and any of polar (the partial isometry), singular_values, h_factor (input = polar H,
 * or H polar where m < n), ns5 and ns5_noeps (hyper ns_steps, ns_coefficients, ns_eps, and 0), pe5 and pe8 (the first
 * five or all of pe_coefficients, the norm times pe_norm_factor, pe_eps).  The error is |U - ref| / max(1, |ref|) in
 * Frobenius's norm, for singular_values and h_factor relative to |ref|; metadata `tolerance` is for polar,
 * `iteration_tolerance` for the rest.  SPDX-License-Identifier: MIT */
#include "experiments/replay.h"
#include "linalg/orthogonal.h"
#include <string.h>

typedef struct polar {
    const char *path;
    const lg_tensors *file;
    json_t *hyper;
    size_t m, n, s;
    int threads;
    const lg_entry *input;
    double *x, *factor, *value, *u,
        *vt; /* the matrix in work, its polar factor, its singular values and their sides */
    void *work;
    int bad;             /* outputs beyond their tolerance */
    double tolerance[2]; /* of polar, of the rest */
    lg_replayed *result;
} polar;

/* ---- what the file says ---- */

static luge_status number(const polar *p, const char *key, double *v, luge_error *err)
{
    const json_t *item = json_object_get(p->hyper, key);
    if (!json_is_number(item)) return lg_fail(err, LUGE_E_FORMAT, "%s: hyper: %s is no number", p->path, key);
    *v = json_number_value(item);
    return LUGE_OK;
}

/* A list of triples, or one triple. */
static luge_status triples(const polar *p, const char *key, lg_list *list, luge_error *err)
{
    const json_t *all = json_object_get(p->hyper, key), *first = json_array_get(all, 0);
    bool one = json_is_number(first);
    size_t n = one ? 1 : json_array_size(all);

    *list = (lg_list){ 0 };
    if (n < 1 || 3 * n > LG_LIST) goto bad;
    for (size_t i = 0; i < n; i++) {
        const json_t *triple = one ? all : json_array_get(all, i);
        if (json_array_size(triple) != 3) goto bad;
        for (size_t j = 0; j < 3; j++) {
            const json_t *v = json_array_get(triple, j);
            if (!json_is_number(v)) goto bad;
            list->v[list->n++] = json_number_value(v);
        }
    }
    return LUGE_OK;
bad:
    return lg_fail(err, LUGE_E_FORMAT, "%s: hyper: %s is not a list of 1 to %d triples of numbers", p->path, key,
                   LG_LIST / 3);
}

/* The tensor, if it is there, which must be rows x columns (or a vector where columns is 0) of F64. */
static luge_status find(const polar *p, const char *name, size_t rows, size_t columns, const lg_entry **e,
                        luge_error *err)
{
    *e = lg_tensors_find(p->file, name);
    if (!*e) return LUGE_OK;
    if ((*e)->dtype == LG_DTYPE_F64 && (*e)->ndim == (columns ? 2 : 1) && (*e)->shape[0] == rows &&
        (!columns || (*e)->shape[1] == columns))
        return LUGE_OK;
    return lg_fail(err, LUGE_E_SHAPE, "%s: '%s' is not F64 of the shape that goes with the input", p->path, name);
}

/* ---- comparing ---- */

/* The worst is what uses most of its tolerance. */
static void compare(polar *p, const char *name, const double *got, const lg_entry *e, double least, double tolerance)
{
    double sum = 0, size = lg_norm(LUGE_F64, 1, e->n, e->data), error;
    for (size_t i = 0; i < e->n; i++) {
        double ref, v;
        memcpy(&ref, (const char *)e->data + 8 * i, sizeof ref);
        v = (got[i] - ref) / fmax(fmax(least, size), 0x1p-1000);
        sum += v * v;
    }
    error = isfinite(sum) ? sqrt(sum) : HUGE_VAL;
    p->bad += error > tolerance;
    if (p->result->worst_step && error / tolerance <= p->result->max_rel_error / p->result->tolerance) return;
    p->result->max_rel_error = error;
    p->result->tolerance = tolerance;
    p->result->worst_step = 1;
    snprintf(p->result->worst_tensor, sizeof p->result->worst_tensor, "%s", name);
}

/* x = the input, aligned. */
static void reset(polar *p) { memcpy(p->x, p->input->data, p->input->bytes); }

static luge_status check_polynomial(polar *p, const char *name, const lg_polynomial *by, luge_error *err)
{
    luge_status st = LUGE_OK;
    const lg_entry *e;

    LG_TRY(find(p, name, p->m, p->n, &e, err));
    if (!e) return LUGE_OK;
    reset(p);
    LG_TRY(lg_newton_schulz(LUGE_F64, p->threads, p->m, p->n, by, p->x, p->work, err));
    compare(p, name, p->x, e, 1, p->tolerance[1]);
done:
    return st;
}

static luge_status check_polynomials(polar *p, luge_error *err)
{
    luge_status st = LUGE_OK;
    lg_polynomial ns = { .factor = 1 }, pe = { 0 };
    double steps;

    LG_TRY(number(p, "ns_steps", &steps, err));
    if (!(steps >= 1 && steps <= 1000))
        LG_TRY(lg_fail(err, LUGE_E_FORMAT, "%s: hyper: ns_steps = %g is not from 1 to 1000", p->path, steps));
    ns.steps = (int)steps;
    LG_TRY(number(p, "ns_eps", &ns.eps, err));
    LG_TRY(triples(p, "ns_coefficients", &ns.abc, err));
    LG_TRY(check_polynomial(p, "ns5", &ns, err));
    ns.eps = 0;
    LG_TRY(check_polynomial(p, "ns5_noeps", &ns, err));
    LG_TRY(number(p, "pe_norm_factor", &pe.factor, err));
    LG_TRY(number(p, "pe_eps", &pe.eps, err));
    LG_TRY(triples(p, "pe_coefficients", &pe.abc, err));
    pe.steps = 5;
    LG_TRY(check_polynomial(p, "pe5", &pe, err));
    pe.steps = pe.abc.n / 3;
    LG_TRY(check_polynomial(p, "pe8", &pe, err));
done:
    return st;
}

/* H = polar' input, or input polar' where m < n. */
static luge_status check_factors(polar *p, luge_error *err)
{
    luge_status st = LUGE_OK;
    const lg_entry *e;
    bool tall = p->m >= p->n;
    lg_factor x = { p->x, p->n, false }, u = { p->factor, p->n, true };

    reset(p);
    memcpy(p->factor, p->x, p->input->bytes);
    LG_TRY(lg_polar(LUGE_F64, p->threads, p->m, p->n, 0, p->factor, p->work, err));
    LG_TRY(find(p, "polar", p->m, p->n, &e, err));
    if (e) compare(p, "polar", p->factor, e, 1, p->tolerance[0]);
    LG_TRY(find(p, "h_factor", p->s, p->s, &e, err));
    if (e) {
        lg_gemm(LUGE_F64, p->threads, p->s, p->s, tall ? p->m : p->n, tall ? u : x, tall ? x : u, false, p->u, p->s);
        compare(p, "h_factor", p->u, e, 0, p->tolerance[1]);
    }
    LG_TRY(find(p, "singular_values", p->s, 0, &e, err));
    LG_TRY(lg_svd(LUGE_F64, p->m, p->n, p->x, p->value, p->u, p->vt, p->work, err));
    if (e) compare(p, "singular_values", p->value, e, 0, p->tolerance[1]);
done:
    return st;
}

/* ---- the whole ---- */

static luge_status tolerance(const polar *p, const char *key, double *v, luge_error *err)
{
    const char *text = lg_tensors_meta(p->file, key), *end = text ? lg_number_read(text, v) : NULL;
    if (end && !*end && *v > 0) return LUGE_OK;
    return lg_fail(err, LUGE_E_FORMAT, "%s: metadata %s is missing or not a positive number", p->path, key);
}

static luge_status open_polar(polar *p, luge_error *err)
{
    luge_status st = LUGE_OK;
    const char *hyper = lg_tensors_meta(p->file, "hyper");
    json_error_t wrong;
    size_t bytes[3], most = 0;

    p->hyper = hyper ? json_loads(hyper, JSON_REJECT_DUPLICATES, &wrong) : NULL;
    if (!json_is_object(p->hyper))
        LG_TRY(lg_fail(err, LUGE_E_FORMAT, "%s: metadata hyper is missing or no JSON object", p->path));
    LG_TRY(tolerance(p, "tolerance", &p->tolerance[0], err));
    LG_TRY(tolerance(p, "iteration_tolerance", &p->tolerance[1], err));
    p->input = lg_tensors_find(p->file, "input");
    if (!p->input || p->input->ndim != 2 || p->input->dtype != LG_DTYPE_F64 || !p->input->n)
        LG_TRY(lg_fail(err, LUGE_E_SHAPE, "%s: 'input' is missing or not a matrix of F64", p->path));
    p->m = p->input->shape[0], p->n = p->input->shape[1], p->s = p->m < p->n ? p->m : p->n;
    if (!lg_newton_schulz_work(LUGE_F64, p->m, p->n, &bytes[0]) ||
        !lg_polar_work(LUGE_F64, p->m, p->n, 0, &bytes[1]) || !lg_svd_work(LUGE_F64, p->m, p->n, &bytes[2]))
        LG_TRY(lg_fail(err, LUGE_E_SHAPE, "%s: 'input' is too large", p->path));
    for (int i = 0; i < 3; i++)
        if (bytes[i] > most) most = bytes[i];
    LG_NEED(p->work = lg_alloc(most, 1));
    LG_NEED(p->x = lg_alloc(p->input->n, sizeof *p->x));
    LG_NEED(p->factor = lg_alloc(p->input->n, sizeof *p->factor));
    LG_NEED(p->value = lg_alloc(p->s, sizeof *p->value));
    LG_NEED(p->u = lg_alloc(p->m * p->s, sizeof *p->u));
    LG_NEED(p->vt = lg_alloc(p->s * p->n, sizeof *p->vt));
done:
    return st;
}

luge_status lg_replay_polar(const char *path, const lg_tensors *file, int threads, lg_replayed *result,
                            luge_error *err)
{
    luge_status st = LUGE_OK;
    polar p = { .path = path, .file = file, .threads = lg_threads(threads), .result = result };
    lg_blas_hold held = lg_blas_one_thread();

    *result = (lg_replayed){ .method = "polar", .steps = 1 };
    LG_TRY(open_polar(&p, err));
    LG_TRY(check_polynomials(&p, err));
    LG_TRY(check_factors(&p, err));
    result->pass = p.bad == 0;
done:
    lg_blas_restore(held);
    json_decref(p.hyper);
    lg_free(p.work);
    lg_free(p.x);
    lg_free(p.factor);
    lg_free(p.value);
    lg_free(p.u);
    lg_free(p.vt);
    return st;
}
