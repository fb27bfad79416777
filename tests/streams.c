/* What passes touch, as it was found by running them, beside what their formulas say; and that large tensors, whose
 * loops ask ahead, step to the bits of the same coordinates in small ones.  SPDX-License-Identifier: MIT */
#include "check.h"
#include "engine/engine.h"
#include <string.h>

enum { X = 1, G = 2, S0 = 4, S1 = 8 };

static const struct {
    const char *method;
    int pass;
    uint32_t reads, writes;
} formulas[] = {
    { "sgd", 0, X | G, X },
    { "heavy_ball", 0, X | G | S0, X | S0 },
    { "adamw", 0, X | G | S0 | S1, X | S0 | S1 },
    { "adam", 0, X | G | S0 | S1, X | S0 | S1 }, /* a coupled decay of 0 is a factor, and x is read anyway */
    { "lamb", 0, G, 0 },                         /* the global norm */
    { "lamb", 1, X | G | S0 | S1, S0 | S1 },
    { "lamb", 2, X | S0 | S1, X },
    { "c_lion", 0, G | S0, 0 },
    { "igt", 1, G | S0 | S1, X | S0 | S1 }, /* x follows from theta alone */
};

static void passes_touch_what_the_formula_names(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof formulas / sizeof *formulas; i++) {
        lg_streams found;
        assert_true(lg_streams_usual(luge_method_find(formulas[i].method), formulas[i].pass, &found));
        CHECK(found.reads == formulas[i].reads && found.writes == formulas[i].writes,
              "%s, pass %d: reads %x and writes %x, not %x and %x", formulas[i].method, formulas[i].pass, found.reads,
              found.writes, formulas[i].reads, formulas[i].writes);
    }
}

/* One tensor of n coordinates, or two: five steps of `method`. */
static void steps(const char *method, float *x, const float *g, size_t n, int tensors)
{
    luge_optimizer *o = NULL;
    luge_error err;
    const void *grad[2] = { g, g + n / 2 };
    size_t part = n / (size_t)tensors;

    assert_int_equal(luge_new(&o, method, &err), LUGE_OK);
    for (int i = 0; i < tensors; i++)
        assert_int_equal(luge_add(o, 0, i ? "b" : "a", LUGE_F32, x + (size_t)i * part, 1, &part, &err), LUGE_OK);
    for (int k = 0; k < 5; k++) assert_int_equal(luge_step(o, &(luge_inputs){ .grad = grad }, &err), LUGE_OK);
    luge_free(o);
}

static void asking_ahead_changes_no_bit(void **state)
{
    static const char *const methods[] = { "heavy_ball", "adamw", "lion", "aggmo", "prodigy", "nigt" };
    enum { LARGE = LG_LARGE + 1000, SIZE = LARGE * sizeof(float) };
    float *x = lg_alloc(LARGE, 4), *y = lg_alloc(LARGE, 4), *g = lg_alloc(LARGE, 4);

    (void)state;
    assert_true(x && y && g);
    for (size_t m = 0; m < sizeof methods / sizeof *methods; m++) {
        for (uint64_t i = 0; i < LARGE; i++)
            x[i] = y[i] = (float)lg_normal(1, 0, i), g[i] = (float)lg_normal(1, 1, i);
        steps(methods[m], x, g, LARGE, 1);
        steps(methods[m], y, g, LARGE, 2);
        CHECK(!memcmp(x, y, SIZE), "%s: one large tensor and two small ones differ", methods[m]);
    }
    lg_free(x);
    lg_free(y);
    lg_free(g);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(passes_touch_what_the_formula_names),
        cmocka_unit_test(asking_ahead_changes_no_bit),
    };
    return cmocka_run_group_tests_name("streams", tests, NULL, NULL);
}
