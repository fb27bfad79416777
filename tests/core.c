/* Errors, memory, numbers as text, settings, the instruction set level, sharing.  SPDX-License-Identifier: MIT */
#include "core/core.h"
#include <locale.h>
#include <omp.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
/* cmocka.h needs some of the above */
#include "wrap_alloc.h"
#include <cmocka.h>

/* number.c once more, with a C library that writes and reads a decimal comma, or an Arabic separator of two bytes. */
static const char *separator;

static int foreign_snprintf(char *text, size_t size, const char *format, ...)
{
    char plain[100], *point;
    va_list list;
    va_start(list, format);
    vsnprintf(plain, sizeof plain, format, list);
    va_end(list);
    point = strchr(format, 'g') ? strchr(plain, '.') : NULL;
    if (!point) return snprintf(text, size, "%s", plain);
    return snprintf(text, size, "%.*s%s%s", (int)(point - plain), plain, separator, point + 1);
}

static double foreign_strtod(const char *text, char **end)
{
    assert_null(strchr(text, '.')); /* it would be read as the end of the number */
    return strtod(text, end);
}

#define snprintf        foreign_snprintf
#define strtod          foreign_strtod
#define lg_number_read  foreign_read
#define lg_number_print foreign_print
const char *foreign_read(const char *text, double *v);
void foreign_print(char *text, size_t size, double v);
#include "core/number.c"
#undef snprintf
#undef strtod
#undef lg_number_read
#undef lg_number_print

static const double nan_ = (double)NAN, inf = HUGE_VAL;

/* ---- errors ---- */

static void every_status_has_a_text(void **state)
{
    (void)state;
    for (int s = 0; s < LUGE_STATUS_COUNT; s++) assert_true(strlen(luge_status_text((luge_status)s)) > 1);
    assert_non_null(luge_status_text(LUGE_STATUS_COUNT));
    assert_non_null(luge_status_text((luge_status)-1));
    assert_string_equal(luge_version(), LUGE_VERSION_TEXT);
}

static void a_message_may_hold_the_one_before(void **state)
{
    luge_error err;
    char large[2000];

    (void)state;
    assert_int_equal(lg_fail(&err, LUGE_E_IO, "%d bytes", 7), LUGE_E_IO);
    assert_int_equal(lg_fail(&err, LUGE_E_FORMAT, "a.idx: %s", err.text), LUGE_E_FORMAT);
    assert_string_equal(err.text, "a.idx: 7 bytes");
    assert_int_equal(err.status, LUGE_E_FORMAT);
    assert_int_equal(lg_fail(NULL, LUGE_E_ARG, "%s", "unheard"), LUGE_E_ARG);
    memset(large, 'x', sizeof large);
    large[sizeof large - 1] = 0;
    lg_fail(&err, LUGE_E_ARG, "%s", large);
    assert_int_equal(strlen(err.text), sizeof err.text - 1);
}

/* ---- memory ---- */

static void sizes_that_overflow(void **state)
{
    size_t v;
    (void)state;
    assert_true(lg_times(3, 4, &v) && v == 12);
    assert_true(lg_times(0, SIZE_MAX, &v) && v == 0);
    assert_true(lg_times(SIZE_MAX, 1, &v) && v == SIZE_MAX);
    assert_false(lg_times(SIZE_MAX, 2, &v));
    assert_false(lg_times((size_t)1 << 32, (size_t)1 << 32, &v));
    assert_true(lg_plus(SIZE_MAX - 1, 1, &v) && v == SIZE_MAX);
    assert_false(lg_plus(SIZE_MAX, 1, &v));
    assert_null(lg_alloc(SIZE_MAX, 1));
    assert_null(lg_alloc(SIZE_MAX / 2, 1));
    assert_null(lg_alloc(SIZE_MAX / 8 + 2, 8)); /* 8 modulo 2^64 */
}

static bool zero(const unsigned char *p, size_t n)
{
    while (n--)
        if (*p++) return false;
    return true;
}

static void memory_is_zeroed_and_aligned(void **state)
{
    unsigned char *p = NULL;
    long before = wrap_live;

    (void)state;
    for (size_t n = 0; n < 300; n += 7) {
        p = lg_alloc(n, 3);
        assert_non_null(p);
        assert_int_equal((uintptr_t)p % LG_ALIGN, 0);
        assert_true(zero(p, 3 * n));
        memset(p, 0xaa, 3 * n);
        lg_free(p);
    }
    p = NULL;
    for (size_t n = 1, old = 0; n < 5000; old = n, n *= 3) {
        unsigned char *q = lg_grow(p, old, n, 1);
        assert_non_null(q);
        assert_int_equal((uintptr_t)q % LG_ALIGN, 0);
        for (size_t i = 0; i < old; i++) assert_int_equal(q[i], i % 251);
        assert_true(zero(q + old, n - old));
        for (size_t i = 0; i < n; i++) q[i] = (unsigned char)(i % 251);
        p = q;
    }
    assert_null(lg_grow(p, 1, SIZE_MAX, 8)); /* p is still there */
    p = lg_grow(p, 2187, 2, 1);
    assert_true(p[0] == 0 && p[1] == 1);
    lg_free(p);
    lg_free(NULL);
    assert_int_equal(wrap_live, before);
}

static void copies_of_text(void **state)
{
    char *copy = lg_copy_text("momentum");
    (void)state;
    assert_string_equal(copy, "momentum");
    lg_free(copy);
    wrap_fail(1);
    assert_null(lg_copy_text("momentum"));
    assert_true(wrap_failed());
}

/* ---- numbers ---- */

static void numbers_that_are_read(void **state)
{
    static const struct {
        const char *text;
        double v;
        const char *rest;
    } good[] = {
        { "0", 0, "" },
        { "-0", -0.0, "" },
        { "1", 1, "" },
        { "+1.5", 1.5, "" },
        { ".5", .5, "" },
        { "5.", 5, "" },
        { "-1e-3,", -1e-3, "," },
        { "1E2 ", 100, " " },
        { "1e", 1, "e" },
        { "1e+", 1, "e+" },
        { "1.2.3", 1.2, ".3" },
        { "1,5", 1, ",5" },
        { "inf", HUGE_VAL, "" },
        { "-Infinity]", -HUGE_VAL, "]" },
        { "INF)", HUGE_VAL, ")" },
        { "infinit", HUGE_VAL, "init" },
        { "1e-400", 0, "" },
        { "0e999999999999999999999", 0, "" },
        { "1e-99999999999999999999", 0, "" },
        { "4.9406564584124654e-324", 0x1p-1074, "" },
        { "1.7976931348623157e308", 0x1.fffffffffffffp1023, "" },
        { "000000000000000000000000000001", 1, "" },
        { "9007199254740993", 9007199254740992, "" }, /* a tie, to even */
        { "9007199254740993.0000000000000000000000000000001", 9007199254740994, "" },
    };
    static const char *const bad[] = { "",      "-",    ".",     "-.",     "e5", "+e", "nan", "NaN", "-nan", "0x10",
                                       "0X1p3", "-0x1", "1e400", "-2e308", " 1", "in", "x",   "--1", "+-1" };
    (void)state;
    for (size_t i = 0; i < sizeof good / sizeof *good; i++) {
        double v = 7;
        const char *end = lg_number_read(good[i].text, &v);
        if (!end || memcmp(&v, &good[i].v, sizeof v) != 0 || strcmp(end, good[i].rest) != 0)
            fail_msg("\"%s\": %.17g, rest \"%s\"", good[i].text, v, end ? end : "NULL");
    }
    for (size_t i = 0; i < sizeof bad / sizeof *bad; i++) {
        double v = 7;
        if (lg_number_read(bad[i], &v)) fail_msg("\"%s\" was read as %g", bad[i], v);
        assert_true(v == 7);
    }
}

/* More digits than are kept: strtod, which takes all, decides. */
static void numbers_of_many_digits(void **state)
{
    static char text[4000];
    (void)state;
    for (uint64_t k = 0; k < 2000; k++) {
        int n = 1 + (int)lg_below(3, 0, k, 1500), point = (int)lg_below(3, 1, k, (uint64_t)n + 1);
        size_t at = 0;
        for (int i = 0; i < n; i++) {
            if (i == point) text[at++] = '.';
            /* a value half way between two doubles, with a digit far behind or none */
            text[at++] = i < 16 ? "9007199254740993"[i] : (char)('0' + (i == n - 1 ? k % 2 : 0));
        }
        snprintf(text + at, 30, "e%d", (int)lg_below(3, 2, k, 300) - 150);
        double v = 0, want = strtod(text, NULL);
        const char *end = lg_number_read(text, &v);
        if (isinf(want))
            assert_null(end);
        else
            assert_true(end && !*end && v == want);
    }
}

static double any_bits(uint64_t k)
{
    uint64_t bits = lg_random(11, 0, k);
    double v;
    memcpy(&v, &bits, sizeof v);
    return v;
}

static void numbers_read_back(void **state)
{
    static const char *const separators[] = { ".", ",", "\xd9\xab" };
    char text[40], foreign[40];

    (void)state;
    for (uint64_t k = 0; k < 100000; k++) {
        double v = k % 2 ? any_bits(k) : (double)(int)lg_below(12, 0, k, 2000000) / 1000 - 1000, back;
        separator = separators[k % 3];
        lg_number_print(text, sizeof text, v);
        foreign_print(foreign, sizeof foreign, v);
        assert_string_equal(text, foreign);
        if (isnan(v)) continue;
        assert_true(lg_number_read(text, &back) && memcmp(&v, &back, sizeof v) == 0);
        assert_true(foreign_read(text, &back) && memcmp(&v, &back, sizeof v) == 0);
    }
    lg_number_print(text, sizeof text, 0.1);
    assert_string_equal(text, "0.1");
    lg_number_print(text, sizeof text, 1. / 3);
    assert_string_equal(text, "0.3333333333333333");
    lg_number_print(text, sizeof text, -inf);
    assert_string_equal(text, "-inf");
    lg_number_print(text, sizeof text, 0x1.fffffffffffffp1023); /* with 15 or 16 digits it would be infinite */
    assert_string_equal(text, "1.7976931348623157e+308");
    lg_number_print(text, 4, 0.12345);
    assert_string_equal(text, "0.1");
}

static void numbers_in_a_german_locale(void **state)
{
    char text[40];
    double v = 0;

    (void)state;
    if (!setlocale(LC_ALL, "de_DE.UTF-8") && !setlocale(LC_ALL, "de_DE")) {
        print_message("no German locale here; numbers_read_back covers the comma\n");
        skip();
    }
    snprintf(text, sizeof text, "%g", 0.5);
    assert_string_equal(text, "0,5");
    lg_number_print(text, sizeof text, 0.5);
    assert_string_equal(text, "0.5");
    assert_true(lg_number_read("1.25", &v) && v == 1.25);
    setlocale(LC_ALL, "C");
}

/* ---- settings ---- */

struct made {
    double lr, rate;
    int64_t steps;
    int nesterov, form;
    lg_list betas;
    double clip;
};
static const lg_setting table[] = {
    { "lr", LG_real, offsetof(struct made, lr), "1e-3", "[0,inf)", "" },
    { "rate", LG_rate, offsetof(struct made, rate), "0.5", "(0,1]", "" },
    { "steps", LG_int, offsetof(struct made, steps), "5", "[1,inf)", "" },
    { "nesterov", LG_bool, offsetof(struct made, nesterov), "true", "", "" },
    { "form", LG_word, offsetof(struct made, form), "ema", "(sum, ema, none)", "" },
    { "betas", LG_list, offsetof(struct made, betas), "(0, 0.9, 0.99)", "[0,1)", "" },
    { "clip", LG_maybe, offsetof(struct made, clip), "none", "(0,inf)", "" },
    { 0 },
};

static struct made defaults(void)
{
    struct made m;
    memset(&m, 0, sizeof m);
    assert_int_equal(lg_setting_defaults("agg", table, &m, NULL), LUGE_OK);
    return m;
}

static void settings_are_read(void **state)
{
    struct made m = defaults();

    (void)state;
    assert_true(m.lr == 1e-3 && m.rate == 0.5 && m.steps == 5 && m.nesterov == 1 && m.form == 1 && LG_NONE(m.clip));
    assert_true(m.betas.n == 3 && m.betas.v[0] == 0 && m.betas.v[1] == 0.9 && m.betas.v[2] == 0.99);
    assert_int_equal(lg_setting_parse("agg", table, &m,
                                      " lr=1,\tbetas=(.5, .25) nesterov=false, clip = 2 ,,steps=1e6 form=sum", NULL),
                     LUGE_OK);
    assert_true(m.lr == 1 && m.betas.n == 2 && m.betas.v[1] == .25 && m.nesterov == 0 && m.clip == 2);
    assert_true(m.steps == 1000000 && m.form == 0);
    assert_int_equal(lg_setting_parse("agg", table, &m, "", NULL), LUGE_OK);
    assert_int_equal(lg_setting_parse("agg", table, &m, "lr=1,lr=2", NULL), LUGE_OK);
    assert_true(m.lr == 2);
    assert_int_equal(lg_setting_key("agg", table, &m, "betas", "0.1,0.2 , 0.3", NULL), LUGE_OK);
    assert_true(m.betas.n == 3 && m.betas.v[2] == 0.3);
    assert_int_equal(lg_setting_key("agg", table, &m, "clip", "none", NULL), LUGE_OK);
    assert_true(LG_NONE(m.clip));
    assert_null(lg_setting_find(table, "nothing"));
    assert_string_equal(lg_kind_name(lg_setting_find(table, "clip")->kind), "maybe");
}

static const struct {
    const char *text, *message;
} refused[] = {
    { "lr=nan", "agg: lr = \"nan\" is not a number; one in [0,inf) is needed" },
    { "lr=", "agg: lr = \"\" is not a number; one in [0,inf) is needed" },
    { "lr=1x", "agg: lr = \"1x\" is not a number; one in [0,inf) is needed" },
    { "lr=-1", "agg: lr = -1 is not in [0,inf)" },
    { "lr=inf", "agg: lr = inf is not in [0,inf)" },
    { "rate=0", "agg: rate = 0 is not in (0,1]" },
    { "steps=1.5", "agg: steps = 1.5 is not a whole number in [1,inf) and at most 2^53 in size" },
    { "steps=1e17", "agg: steps = 1e+17 is not a whole number in [1,inf) and at most 2^53 in size" },
    { "steps=inf", "agg: steps = inf is not a whole number in [1,inf) and at most 2^53 in size" },
    { "steps=0", "agg: steps = 0 is not in [1,inf)" },
    { "nesterov=yes", "agg: nesterov = \"yes\" is not one of (false, true)" },
    { "nesterov=", "agg: nesterov = \"\" is not one of (false, true)" },
    { "form=su", "agg: form = \"su\" is not one of (sum, ema, none)" },
    { "form=sums", "agg: form = \"sums\" is not one of (sum, ema, none)" },
    { "betas=(0,1.2)", "agg: betas[1] = 1.2 is not in [0,1)" },
    { "betas=()", "agg: betas[0] = \")\" is not a number; one in [0,1) is needed" },
    { "betas=(0,x)", "agg: betas[1] = \"x)\" is not a number; one in [0,1) is needed" },
    { "betas=(0)1", "agg: betas = \"(0)1\": the parentheses do not match" },
    { "betas=(0,1", "agg: \"betas=(0,1\" has a parenthesis that is not closed" },
    { "betas=0)", "agg: \"betas=0)\" has a parenthesis that is not opened" },
    { "betas=0,0.9", "agg: \"0.9\" is not KEY=VALUE; a list stands in parentheses: KEY=(1, 2)" },
    { "lr=1,rate", "agg: \"rate\" is not KEY=VALUE; a list stands in parentheses: KEY=(1, 2)" },
    { "=1", "agg: \"=1\" is not KEY=VALUE; a list stands in parentheses: KEY=(1, 2)" },
    { "clip=0", "agg: clip = 0 is not in (0,inf), or none" },
    { "clip=no", "agg: clip = \"no\" is not a number; one in (0,inf), or none is needed" },
    { "lrr=1", "agg has no setting \"lrr\"; it has: lr, rate, steps, nesterov, form, betas, clip" },
    { "betas=(0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0,0)", "agg: betas: at most 24 numbers are allowed" },
};

static void settings_are_refused_whole(void **state)
{
    const struct made before = defaults();

    (void)state;
    for (size_t i = 0; i < sizeof refused / sizeof *refused; i++) {
        struct made m = before;
        luge_error err;
        char text[200];
        snprintf(text, sizeof text, "lr=0.125,clip=3,%s", refused[i].text);
        assert_int_not_equal(lg_setting_parse("agg", table, &m, text, &err), LUGE_OK);
        assert_string_equal(err.text, refused[i].message);
        assert_memory_equal(&m, &before, sizeof m);
    }
}

static void settings_of_any_length(void **state)
{
    struct made m = defaults();
    char text[2 * LG_TEXT];
    luge_error err;

    (void)state;
    for (size_t n = 1; n < sizeof text; n++) {
        memset(text, '1', n);
        memcpy(text, "lr=", n < 3 ? n : 3);
        text[n] = 0;
        luge_status st = lg_setting_parse("agg", table, &m, text, &err);
        assert_int_equal(st == LUGE_OK, n > 3 && n <= 3 + 309); /* 309 ones are 1.1e308 */
    }
    assert_non_null(strstr(err.text, "is longer than"));
}

static void settings_read_back(void **state)
{
    struct made m, back;

    (void)state;
    for (uint64_t k = 0; k < 20000; k++) {
        memset(&m, 0, sizeof m);
        m.lr = fabs(any_bits(8 * k));
        m.lr = isfinite(m.lr) ? m.lr : 0;
        m.rate = 1 - lg_uniform(1, 1, k);
        m.steps = 1 + (int64_t)lg_below(1, 2, k, 1ull << (k % 53));
        m.nesterov = (int)(k % 2);
        m.form = (int)(k % 3);
        m.clip = k % 5 ? m.rate : nan_;
        m.betas.n = 1 + (int)(k % LG_LIST);
        for (int i = 0; i < m.betas.n; i++) m.betas.v[i] = ldexp(lg_uniform(2, (uint64_t)i, k), -(int)(k % 400));
        memset(&back, 0, sizeof back);
        for (const lg_setting *row = table; row->name; row++) {
            char text[LG_TEXT];
            luge_error err;
            lg_setting_print(row, &m, text, sizeof text);
            if (lg_setting_set("agg", row, &back, text, &err) != LUGE_OK) fail_msg("%s", err.text);
        }
        if (isnan(m.clip) && isnan(back.clip)) back.clip = m.clip; /* any NaN stands for none */
        assert_memory_equal(&m, &back, sizeof m);
    }
    char small[4];
    lg_setting_print(lg_setting_find(table, "betas"), &m, small, sizeof small);
    assert_int_equal(strlen(small), 3);
}

/* ---- processor and threads ---- */

static void instruction_set_levels(void **state)
{
    static const char *const levels[] = { "v2", "v3", "v4" }, *const wrong[] = {
        "v1", "v5", "V3", "v33", "avx2", "3"
    };
    int have, level;
    luge_error err;

    (void)state;
    assert_int_equal(lg_isa_level(NULL, &have, &err), LUGE_OK);
    assert_int_equal(lg_isa_level("", &level, &err), LUGE_OK);
    assert_int_equal(level, have);
    for (int i = 0; i < 3; i++) {
        luge_status st = lg_isa_level(levels[i], &level, &err);
        assert_int_equal(st == LUGE_OK, i + 2 <= have);
        if (st == LUGE_OK)
            assert_int_equal(level, i + 2);
        else
            assert_non_null(strstr(err.text, levels[i]));
    }
    for (size_t i = 0; i < sizeof wrong / sizeof *wrong; i++) {
        assert_int_equal(lg_isa_level(wrong[i], &level, &err), LUGE_E_ARG);
        assert_non_null(strstr(err.text, wrong[i]));
        assert_non_null(strstr(err.text, "possible"));
    }
#if defined __x86_64__
    assert_true(have >= 2 && have <= 4);
#else
    assert_int_equal(have, 0);
#endif
}

enum { MOST = 64 };
struct shares {
    size_t of[MOST];
    int calls[MOST];
};

static void note_share(void *context, size_t id, size_t of)
{
    struct shares *s = context;
    if (id >= MOST) return;
    s->of[id] = of;
    s->calls[id]++;
}

static void shares_are_whole(void **state)
{
    (void)state;
    for (int threads = 0; threads <= 9; threads++) {
        struct shares s = { 0 };
        size_t of;
        lg_share(threads, note_share, &s);
        of = s.of[0];
        assert_true(of >= 1 && of <= (size_t)lg_threads(threads) && of <= MOST);
        for (size_t id = 0; id < MOST; id++) {
            assert_int_equal(s.calls[id], id < of);
            assert_int_equal(s.of[id], id < of ? of : 0);
        }
    }
    assert_int_equal(lg_threads(3), 3);
    assert_int_equal(lg_threads(0), omp_get_max_threads());
    assert_int_equal(lg_threads(-2), lg_threads(0));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(every_status_has_a_text),
        cmocka_unit_test(a_message_may_hold_the_one_before),
        cmocka_unit_test(sizes_that_overflow),
        cmocka_unit_test(memory_is_zeroed_and_aligned),
        cmocka_unit_test(copies_of_text),
        cmocka_unit_test(numbers_that_are_read),
        cmocka_unit_test(numbers_of_many_digits),
        cmocka_unit_test(numbers_read_back),
        cmocka_unit_test(numbers_in_a_german_locale),
        cmocka_unit_test(settings_are_read),
        cmocka_unit_test(settings_are_refused_whole),
        cmocka_unit_test(settings_of_any_length),
        cmocka_unit_test(settings_read_back),
        cmocka_unit_test(instruction_set_levels),
        cmocka_unit_test(shares_are_whole),
    };
    return cmocka_run_group_tests_name("core", tests, NULL, NULL);
}
