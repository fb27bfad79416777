/* Checks that name what they saw and go on, so that one run shows every row of a table that fails.
 * SPDX-License-Identifier: MIT */
#ifndef CHECK_H
#define CHECK_H
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#define ROWS(table) (sizeof(table) / sizeof *(table))

static int check_failures;

#define CHECK(condition, ...)                                                                                        \
    do {                                                                                                             \
        if (!(condition) && check_failures++ < 40) {                                                                 \
            print_error("%s:%d: ", __FILE__, __LINE__);                                                              \
            print_error(__VA_ARGS__);                                                                                \
            print_error("\n");                                                                                       \
        }                                                                                                            \
    } while (0)

/* At the end of each test: it fails if a check did. */
#define CHECK_END()                                                                                                  \
    do {                                                                                                             \
        int failures_ = check_failures;                                                                              \
        check_failures = 0;                                                                                          \
        assert_int_equal(failures_, 0);                                                                              \
    } while (0)

/* A call that the test cannot go on without. */
#define MUST(call)                                                                                                   \
    do {                                                                                                             \
        if ((call) != LUGE_OK) fail_msg("%s: %s", #call, err.text);                                                  \
    } while (0)

#endif
