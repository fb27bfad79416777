/* Replay: every recording of a method that is here passes, and what each method says was run is what was recorded;
 * an altered recording fails where it was altered; a broken one is refused with its place.
 * SPDX-License-Identifier: MIT */
#include "files.h"

#include "experiments/experiments.h"
#include "io/io.h"
#include "wrap_alloc.h"

enum { MANY = 1000 };

typedef struct recording {
    char path[1200], method[64], source[512];
    bool known; /* the method is here */
} recording;

/* The recorded files of the shared folder, or a skip. */
static size_t recordings(recording list[MANY])
{
    char folder[1024];
    size_t n = 0;
    luge_error err;

    snprintf(folder, sizeof folder, "%s", shared_path("golden"));
    DIR *d = opendir(folder);
    assert_non_null(d);
    for (struct dirent *e; (e = readdir(d));) {
        recording *r = &list[n];
        lg_tensors *t;
        if (!strstr(e->d_name, ".safetensors")) continue;
        assert_true(++n <= MANY);
        snprintf(r->path, sizeof r->path, "%s/%.150s", folder, e->d_name);
        if (lg_tensors_read(&t, r->path, &err)) fail_msg("%s", err.text);
        snprintf(r->method, sizeof r->method, "%s", lg_tensors_meta(t, "method"));
        snprintf(r->source, sizeof r->source, "%s", lg_tensors_meta(t, "source"));
        r->known = luge_method_find(r->method) || !strcmp(r->method, "polar");
        lg_tensors_free(t);
    }
    closedir(d);
    assert_true(n > 0);
    return n;
}

static recording list[MANY];

static void recordings_pass(void **state)
{
    size_t n = recordings(list), known = 0, bad = 0;
    (void)state;

    for (size_t i = 0; i < n; i++) {
        lg_replayed r;
        luge_error err;
        luge_status st = lg_replay_run(list[i].path, 2, luge_method_find, &r, &err);
        if (!list[i].known) {
            assert_int_equal(st, LUGE_E_NAME);
            continue;
        }
        if (st) fail_msg("%s", err.text);
        assert_string_equal(r.method, list[i].method);
        known++;
        bad += !r.pass;
        if (!r.pass)
            print_error("%s: %.3g at %s of step %lld, allowed is %g\n", list[i].path, r.max_rel_error, r.worst_tensor,
                        (long long)r.worst_step, r.tolerance);
    }
    print_message("%zu of %zu recordings are of methods that are here\n", known, n);
    assert_true(known > 0);
    assert_int_equal(bad, 0);
}

static bool third_party(const char *source) { return strncmp(source, "independent re-implementation", 29) != 0; }

/* The same up to seven letters of the commit, or wholly where there is none. */
static bool same_source(const char *row, const char *recorded)
{
    const char *at = strchr(recorded, '@');
    return !strncmp(row, recorded, at ? (size_t)(at - recorded) + 8 : strlen(recorded) + 1);
}

static bool claims(const luge_method *m, const char *source)
{
    luge_row row;
    for (size_t i = 0; luge_method_row(m, LUGE_EVIDENCE, i, &row); i++)
        if ((!strcmp(row.kind, "authors") || !strcmp(row.kind, "library")) && same_source(row.value, source))
            return true;
    return false;
}

/* What the authors or a library ran is claimed where it was recorded, and nowhere else. */
static void evidence_is_what_was_recorded(void **state)
{
    size_t n = recordings(list), bad = 0;
    const luge_method *m;
    luge_row row;
    (void)state;

    for (size_t i = 0; i < n; i++) {
        m = luge_method_find(list[i].method);
        if (!m || !third_party(list[i].source) || claims(m, list[i].source)) continue;
        print_error("%s: %s has no evidence row of tier authors or library that begins like \"%s\"\n", list[i].path,
                    list[i].method, list[i].source);
        bad++;
    }
    for (size_t k = 0; (m = luge_method_at(k)); k++)
        for (size_t e = 0; luge_method_row(m, LUGE_EVIDENCE, e, &row); e++) {
            bool recorded = !strcmp(row.kind, "reference");
            for (size_t i = 0; i < n && !recorded; i++)
                recorded = !strcmp(list[i].method, row.name) && third_party(list[i].source) &&
                           same_source(row.value, list[i].source);
            if (recorded) continue;
            print_error("%s: there is no recording for the evidence \"%s\" of tier %s\n", row.name, row.value,
                        row.kind);
            bad++;
        }
    assert_int_equal(bad, 0);
}

/* ---- altered recordings ---- */

/* A copy of a recording with element i of one tensor times `factor`. */
static const char *altered(const char *path, const char *tensor, size_t i, double factor)
{
    size_t n;
    lg_tensors *t;
    unsigned char *bytes = file_bytes(path, &n);
    const lg_entry *e;

    assert_int_equal(lg_tensors_parse(&t, bytes, n, path, NULL), LUGE_OK);
    assert_non_null(e = lg_tensors_find(t, tensor));
    unsigned char *at = bytes + ((const unsigned char *)e->data - bytes) + i * (e->bytes / e->n);
    double v;
    float f;
    if (e->dtype == LG_DTYPE_F64)
        memcpy(&v, at, 8), v *= factor, memcpy(at, &v, 8);
    else
        memcpy(&f, at, 4), f *= (float)factor, memcpy(at, &f, 4);
    lg_tensors_free(t);
    path = scratch_put("altered", bytes, n);
    free(bytes);
    return path;
}

/* The largest element of a tensor. */
static size_t largest(const char *path, const char *tensor)
{
    lg_tensors *t;
    size_t best = 0;
    assert_int_equal(lg_tensors_read(&t, path, NULL), LUGE_OK);
    const lg_entry *e = lg_tensors_find(t, tensor);
    assert_non_null(e);
    for (size_t i = 0; i < e->n; i++) {
        const double *v = e->data;
        const float *f = e->data;
        if (e->dtype == LG_DTYPE_F64 ? fabs(v[i]) > fabs(v[best]) : fabsf(f[i]) > fabsf(f[best])) best = i;
    }
    lg_tensors_free(t);
    return best;
}

static void altered_gradient_fails(void **state)
{
    static const char *const file[] = { "sgd__plain", "heavy_ball__basic", "nesterov__basic", "adam__basic",
                                        "adamw__basic" };
    (void)state;
    for (size_t k = 0; k < ROWS(file); k++) {
        char path[1024], name[128];
        lg_replayed r;
        snprintf(name, sizeof name, "golden/%s.safetensors", file[k]);
        snprintf(path, sizeof path, "%s", shared_path(name));
        if (lg_replay_run(path, 1, luge_method_find, &r, NULL) == LUGE_E_NAME)
            continue; /* a build of some of the methods */
        assert_true(r.pass);
        assert_int_equal(lg_replay_run(altered(path, "grad.mat.2", largest(path, "grad.mat.2"), 1.001), 1,
                                       luge_method_find, &r, NULL),
                         LUGE_OK);
        assert_false(r.pass);
        assert_true(r.max_rel_error > r.tolerance);
        assert_string_equal(r.worst_tensor, "param.mat");
        assert_true(r.worst_step >= 2);
    }
}

/* Whatever the method: a recorded parameter that is not what comes out is found at its place. */
static void altered_parameter_is_found(void **state)
{
    size_t n = recordings(list), seen = 0;
    (void)state;
    for (size_t i = 0; i < n; i++) {
        lg_tensors *t;
        lg_replayed r;
        const lg_entry *e = NULL;
        char tensor[200], place[200];
        if (!luge_method_find(list[i].method)) continue;
        assert_int_equal(lg_tensors_read(&t, list[i].path, NULL), LUGE_OK);
        for (size_t k = 0; k < lg_tensors_count(t); k++) {
            const char *name = lg_tensors_at(t, k)->name;
            bool compared = !strncmp(name, "param.", 6) || !strncmp(name, "eval.", 5);
            if (compared && !strcmp(name + strlen(name) - 2, ".7")) e = lg_tensors_at(t, k);
        }
        assert_non_null(e);
        snprintf(tensor, sizeof tensor, "%s", e->name);
        snprintf(place, sizeof place, "%.*s", (int)(strlen(tensor) - 2), tensor);
        lg_tensors_free(t);
        assert_int_equal(lg_replay_run(altered(list[i].path, tensor, largest(list[i].path, tensor), 2), 1,
                                       luge_method_find, &r, NULL),
                         LUGE_OK);
        assert_false(r.pass);
        assert_string_equal(r.worst_tensor, place);
        assert_int_equal(r.worst_step, 7);
        assert_int_equal(lg_replay_run(altered(list[i].path, tensor, 0, HUGE_VAL), 1, luge_method_find, &r, NULL),
                         LUGE_OK);
        assert_false(r.pass);
        assert_true(isinf(r.max_rel_error));
        seen++;
    }
    assert_true(seen > 0);
}

/* Each output of a matrix's recording is looked at, and named. */
static void altered_output_is_found(void **state)
{
    static const char *const output[] = { "polar", "ns5", "ns5_noeps", "pe5", "pe8", "h_factor", "singular_values" };
    static const char *const file[] = { "random_wide", "random_tall", "huge_1e20" };
    (void)state;
    for (size_t k = 0; k < ROWS(file); k++)
        for (size_t o = 0; o < ROWS(output); o++) {
            char path[1024], name[128];
            lg_replayed r;
            snprintf(name, sizeof name, "golden/polar__%s.safetensors", file[k]);
            snprintf(path, sizeof path, "%s", shared_path(name));
            for (int infinite = 0; infinite < 2; infinite++) {
                double factor = infinite ? HUGE_VAL : 1 + 1e-8;
                assert_int_equal(lg_replay_run(altered(path, output[o], largest(path, output[o]), factor), 1,
                                               luge_method_find, &r, NULL),
                                 LUGE_OK);
                assert_false(r.pass);
                assert_true(r.max_rel_error > r.tolerance);
                assert_string_equal(r.worst_tensor, output[o]);
            }
        }
}

/* ---- recordings made here ---- */

static double start[2] = { 1, -3 }, gradient[2] = { 2, 0.5 }, after[2] = { 0, -3.25 }, half = 0.5;
static float narrow[2] = { 1, -3 };

enum { ENTRIES = 4, METAS = 4 };
typedef struct made {
    const char *what, *says; /* status LUGE_OK and a pass where says is NULL */
    lg_entry entry[ENTRIES];
    lg_meta meta[METAS];
} made;

#define F64_2(n, d)                                                                                                  \
    {                                                                                                                \
        .name = n, .dtype = LG_DTYPE_F64, .ndim = 1, .shape = { 2 }, .data = d                                       \
    }
#define START F64_2("param.a.b.0", start)
#define GRAD  F64_2("grad.a.b.1", gradient)
#define AFTER F64_2("param.a.b.1", after)
#define META(h, s)                                                                                                   \
    {                                                                                                                \
        { "method", "sgd" }, { "hyper", h }, { "steps", s }                                                          \
    }
#define HYPER "{\"lr\": 0.5}"

#define LONG         "123456789012"
#define TEN_TIMES(x) x x x x x x x x x x

static const made cases[] = {
    { "passes", NULL, { START, GRAD, AFTER }, META(HYPER, "1") },
    { "a tensor of no dimension for lr",
      NULL,
      { START, GRAD, AFTER, { .name = "lr.1", .dtype = LG_DTYPE_F64, .data = &half } },
      META("{\"lr\": 7, \"lr_schedule\": true, \"maximize\": false}", "1") },
    { "says how it is measured",
      NULL,
      { START, GRAD, AFTER },
      { { "method", "sgd" },
        { "hyper", HYPER },
        { "steps", "1" },
        { "tolerance_meaning", "bound on |p - ref| / (1e-3 + |ref|)" } } },
    { "another measure",
      "tolerance_meaning is 'miles'",
      { START, GRAD, AFTER },
      { { "method", "sgd" }, { "hyper", HYPER }, { "steps", "1" }, { "tolerance_meaning", "miles" } } },
    { "tolerance",
      "metadata tolerance = 'low'",
      { START, GRAD, AFTER },
      { { "method", "sgd" }, { "hyper", HYPER }, { "steps", "1" }, { "tolerance", "low" } } },
    { "method", "metadata method is missing", { START, GRAD, AFTER }, { { "hyper", HYPER }, { "steps", "1" } } },
    { "unknown",
      "there is no method 'sgdx'",
      { START, GRAD, AFTER },
      { { "method", "sgdx" }, { "hyper", HYPER }, { "steps", "1" } } },
    { "polar",
      "metadata tolerance is missing",
      { START, GRAD, AFTER },
      { { "method", "polar" }, { "hyper", HYPER }, { "steps", "1" } } },
    { "no hyper", "metadata hyper is missing", { START, GRAD, AFTER }, { { "method", "sgd" }, { "steps", "1" } } },
    { "hyper", "metadata hyper is no JSON object", { START, GRAD, AFTER }, META("[1]", "1") },
    { "hyper value", "the value of 'lr' is no setting", { START, GRAD, AFTER }, META("{\"lr\": {}}", "1") },
    { "hyper list", "the value of 'lr' is no setting", { START, GRAD, AFTER }, META("{\"lr\": [[[1]]]}", "1") },
    { "hyper range", "lr = -1 is not in", { START, GRAD, AFTER }, META("{\"lr\": -1}", "1") },
    { "hyper null", "none", { START, GRAD, AFTER }, META("{\"lr\": null}", "1") },
    { "hyper key", "has no setting \"speed\"", { START, GRAD, AFTER }, META("{\"lr\": 0.5, \"speed\": 2}", "1") },
    { "steps", "metadata steps is missing", { START, GRAD, AFTER }, { { "method", "sgd" }, { "hyper", HYPER } } },
    { "no steps", "metadata steps = '0'", { START, GRAD, AFTER }, META(HYPER, "0") },
    { "half steps", "not a whole number", { START, GRAD, AFTER }, META(HYPER, "1.5") },
    { "more steps", "'grad.a.b.2' is missing", { START, GRAD, AFTER }, META(HYPER, "2") },
    { "no start", "no tensor param.NAME.0", { GRAD, AFTER }, META(HYPER, "1") },
    { "no gradient", "'grad.a.b.1' is missing", { START, AFTER }, META(HYPER, "1") },
    { "no parameter", "'param.a.b.1' is missing", { START, GRAD }, META(HYPER, "1") },
    { "no lr", "'lr.1' is missing", { START, GRAD, AFTER }, META("{\"lr_schedule\": true}", "1") },
    { "wide lr", "'lr.1' is not one number", { START, GRAD, AFTER, F64_2("lr.1", start) }, META(HYPER, "1") },
    { "other shape",
      "'grad.a.b.1' is not of the type and shape of param.a.b.0",
      { START,
        AFTER,
        { .name = "grad.a.b.1", .dtype = LG_DTYPE_F64, .ndim = 2, .shape = { 1, 2 }, .data = gradient } },
      META(HYPER, "1") },
    { "other type",
      "'grad.a.b.1' is not of the type",
      { START, AFTER, { .name = "grad.a.b.1", .dtype = LG_DTYPE_F32, .ndim = 1, .shape = { 2 }, .data = narrow } },
      META(HYPER, "1") },
    { "whole numbers",
      "'param.a.0': parameters are F32 or F64",
      { { .name = "param.a.0", .dtype = LG_DTYPE_I64, .ndim = 1, .shape = { 2 }, .data = start } },
      META(HYPER, "1") },
    { "long name", "the name is too long", { F64_2("param.NAME" TEN_TIMES(LONG) ".0", start) }, META(HYPER, "1") },
    { "view of other type",
      "'eval.a.b.1' is not of the type",
      { START,
        GRAD,
        AFTER,
        { .name = "eval.a.b.1", .dtype = LG_DTYPE_F32, .ndim = 1, .shape = { 2 }, .data = narrow } },
      META(HYPER, "1") },
};

static const char *put(const made *c)
{
    size_t entries = 0, metas = 0;
    luge_error err;
    while (entries < ENTRIES && c->entry[entries].name) entries++;
    while (metas < METAS && c->meta[metas].key) metas++;
    if (lg_tensors_write(scratch("made"), c->entry, entries, c->meta, metas, &err)) fail_msg("%s", err.text);
    return scratch("made");
}

static void made_recordings(void **state)
{
    (void)state;
    for (size_t i = 0; i < ROWS(cases); i++) {
        lg_replayed r;
        luge_error err = { 0 };
        const char *path = put(&cases[i]);
        luge_status st = lg_replay_run(path, 1, luge_method_find, &r, &err);
        if (!cases[i].says) {
            if (st) fail_msg("%s: %s", cases[i].what, err.text);
            assert_true(r.pass && r.max_rel_error == 0 && r.steps == 1);
            assert_string_equal(r.method, "sgd");
            assert_string_equal(r.worst_tensor, "param.a.b");
            continue;
        }
        if (!st || strncmp(err.text, path, strlen(path)) || !strstr(err.text, cases[i].says))
            fail_msg("%s: \"%s\" lacks \"%s\"", cases[i].what, err.text, cases[i].says);
        assert_false(r.pass);
        assert_int_equal(lg_replay_run(path, 1, luge_method_find, &r, NULL), st);
    }
}

static void tolerance_is_of_the_file_or_of_the_type(void **state)
{
    made c = cases[0];
    lg_replayed r;
    (void)state;

    assert_int_equal(lg_replay_run(put(&c), 1, luge_method_find, &r, NULL), LUGE_OK);
    assert_true(r.tolerance == 1e-10);
    c.meta[3] = (lg_meta){ "tolerance", "0.125" };
    assert_int_equal(lg_replay_run(put(&c), 1, luge_method_find, &r, NULL), LUGE_OK);
    assert_true(r.tolerance == 0.125);
    c.meta[3].key = NULL;
    static float g[2] = { 2, 0.5f }, to[2] = { 0, -3.25f };
    const void *data[] = { narrow, g, to };
    for (int i = 0; i < 3; i++) c.entry[i].dtype = LG_DTYPE_F32, c.entry[i].data = data[i];
    assert_int_equal(lg_replay_run(put(&c), 1, luge_method_find, &r, NULL), LUGE_OK);
    assert_true(r.tolerance == 3e-4 && r.pass && r.max_rel_error == 0);
}

/* The measure by hand: ref 0 where p is 0 + 1e-13 gives 1e-10; the bound itself passes. */
static void error_is_the_stated_measure(void **state)
{
    made c = cases[0];
    lg_replayed r;
    double wrong[2] = { 1e-13, -3.25 };
    (void)state;

    c.entry[2].data = wrong;
    assert_int_equal(lg_replay_run(put(&c), 1, luge_method_find, &r, NULL), LUGE_OK);
    assert_true(fabs(r.max_rel_error - 1e-10) < 1e-19);
    wrong[0] = 0;
    wrong[1] = -3; /* 0.25 / 3.001 */
    assert_int_equal(lg_replay_run(put(&c), 1, luge_method_find, &r, NULL), LUGE_OK);
    assert_true(fabs(r.max_rel_error - 0.25 / 3.001) < 1e-16 && !r.pass);
    wrong[0] = (double)NAN;
    assert_int_equal(lg_replay_run(put(&c), 1, luge_method_find, &r, NULL), LUGE_OK);
    assert_true(isinf(r.max_rel_error) && !r.pass);
    assert_int_equal(r.worst_step, 1);
}

static void failed_allocations_are_reported(void **state)
{
    const char *path = put(&cases[1]);
    (void)state;
    for (long n = 1;; n++) {
        long live = wrap_live;
        lg_replayed r;
        luge_error err;
        wrap_fail(n);
        luge_status st = lg_replay_run(path, 1, luge_method_find, &r, &err);
        bool failed = wrap_failed();
        assert_int_equal(wrap_live, live);
        assert_int_equal(st, failed ? LUGE_E_MEMORY : LUGE_OK);
        if (failed) continue;
        assert_true(n > 10 && r.pass);
        break;
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(made_recordings),
        cmocka_unit_test(tolerance_is_of_the_file_or_of_the_type),
        cmocka_unit_test(error_is_the_stated_measure),
        cmocka_unit_test(failed_allocations_are_reported),
        cmocka_unit_test(recordings_pass),
        cmocka_unit_test(evidence_is_what_was_recorded),
        cmocka_unit_test(altered_gradient_fails),
        cmocka_unit_test(altered_parameter_is_found),
        cmocka_unit_test(altered_output_is_found),
    };
    return cmocka_run_group_tests(tests, scratch_make, scratch_remove);
}
