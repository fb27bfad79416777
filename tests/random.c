/* Random numbers: the published answers of Philox 4x32-10, and the distributions.  SPDX-License-Identifier: MIT */
#include "core/core.h"
#include <setjmp.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
/* cmocka.h needs the four above */
#include <cmocka.h>

/* The round of the paper with words in the order (L0, R0, L1, R1), written apart from random.c. */
static void reference(const uint32_t counter[4], const uint32_t key[2], uint32_t out[4])
{
    static const uint32_t multiplier[2] = { 0xD2511F53, 0xCD9E8D57 }, weyl[2] = { 0x9E3779B9, 0xBB67AE85 };

    memcpy(out, counter, 16);
    for (uint32_t round = 0; round < 10; round++) {
        uint32_t next[4];
        for (int i = 0; i < 2; i++) {
            uint64_t wide = (uint64_t)multiplier[i] * out[2 * i];
            int to = 2 * (1 - i);
            next[to] = (uint32_t)(wide >> 32) ^ out[to + 1] ^ (key[1 - i] + round * weyl[1 - i]);
            next[to + 1] = (uint32_t)wide;
        }
        memcpy(out, next, 16);
    }
}

static const struct {
    uint32_t counter[4], key[2], out[4];
} known[] = {
    { { 0, 0, 0, 0 }, { 0, 0 }, { 0x6627e8d5, 0xe169c58d, 0xbc57ac4c, 0x9b00dbd8 } },
    { { 0xffffffff, 0xffffffff, 0xffffffff, 0xffffffff },
      { 0xffffffff, 0xffffffff },
      { 0x408f276d, 0x41c83b0e, 0xa20bc7c6, 0x6d5451fd } },
    { { 0x243f6a88, 0x85a308d3, 0x13198a2e, 0x03707344 },
      { 0xa4093822, 0x299f31d0 },
      { 0xd16cfe09, 0x94fdcceb, 0x5001e420, 0x24126ea1 } },
};

static uint64_t join(const uint32_t *w) { return w[0] | (uint64_t)w[1] << 32; }

/* What lg_normal is to make of a block, in long double. */
static long double normal_of(const uint32_t out[4])
{
    long double u = (long double)((join(out) >> 11) + 1) * 0x1p-53L,
                v = (long double)(join(out + 2) >> 11) * 0x1p-53L;
    return sqrtl(-2 * logl(u)) * cosl(6.283185307179586476925286766559005768L * v);
}

static void published_answers(void **state)
{
    (void)state;
    for (size_t i = 0; i < sizeof known / sizeof *known; i++) {
        uint32_t out[4];
        uint64_t seed = join(known[i].key), index = join(known[i].counter), stream = join(known[i].counter + 2);
        reference(known[i].counter, known[i].key, out);
        assert_memory_equal(out, known[i].out, sizeof out);
        assert_int_equal(lg_random(seed, stream, index), join(known[i].out));
        assert_true(fabsl((long double)lg_normal(seed, stream, index) - normal_of(out)) < 1e-14L);
    }
}

static void any_counter_and_key(void **state)
{
    (void)state;
    for (uint32_t i = 0; i < 20000; i++) {
        uint32_t counter[4], key[4], out[4];
        reference((uint32_t[4]){ i }, (uint32_t[2]){ 1 }, counter);
        reference((uint32_t[4]){ i }, (uint32_t[2]){ 2 }, key);
        reference(counter, key, out);
        uint64_t seed = join(key), index = join(counter), stream = join(counter + 2), r = join(out);
        assert_int_equal(lg_random(seed, stream, index), r);
        assert_true(lg_uniform(seed, stream, index) == (double)(r >> 11) / 0x1p53);
        /* cos has an absolute error of 2 2^-53 with that of 2 pi v, its factor is at most 8.6. */
        assert_true(fabsl((long double)lg_normal(seed, stream, index) - normal_of(out)) < 1e-14L);
        assert_int_equal(lg_below(seed, stream, index, 1), 0);
        assert_int_equal(lg_below(seed, stream, index, 8), r % 8); /* a power of two refuses nothing */
    }
}

enum { N = 1 << 20, BINS = 256 };

/* Chi-square of even bins: mean BINS - 1, variance 2 (BINS - 1); within 4 standard deviations. */
static void even(const char *what, const uint64_t *count, int bins, double n)
{
    double chi = 0, want = n / bins, free = bins - 1;
    for (int i = 0; i < bins; i++) chi += ((double)count[i] - want) * ((double)count[i] - want) / want;
    if (fabs(chi - free) > 4 * sqrt(2 * free))
        fail_msg("%s: chi-square %.1f at %g degrees of freedom", what, chi, free);
}

/* A mean of n values of standard deviation `each` is within 4 standard deviations. */
static void near(const char *what, double mean, double want, double each, double n)
{
    if (fabs(mean - want) > 4 * each / sqrt(n)) fail_msg("%s: %.6f, %g +- %.2g", what, mean, want, each / sqrt(n));
}

static void uniform_is_even(void **state)
{
    static uint64_t count[BINS], pair[BINS];
    double s = 0, ss = 0, lag = 0, stream = 0, seed = 0;

    (void)state;
    for (uint64_t i = 0; i < N; i++) {
        double u = lg_uniform(7, 3, i), next = lg_uniform(7, 3, i + 1);
        assert_true(u >= 0 && u < 1);
        count[(int)(u * BINS)]++;
        pair[16 * (int)(u * 16) + (int)(next * 16)]++;
        s += u;
        ss += (u - 0.5) * (u - 0.5);
        lag += (u - 0.5) * (next - 0.5);
        stream += (u - 0.5) * (lg_uniform(7, 4, i) - 0.5);
        seed += (u - 0.5) * (lg_uniform(8, 3, i) - 0.5);
    }
    even("uniform", count, BINS, N);
    even("pairs of neighbours", pair, BINS, N);
    near("mean", s / N, 0.5, sqrt(1. / 12), N);
    near("variance", ss / N, 1. / 12, sqrt(1. / 80 - 1. / 144), N);
    near("neighbours", lag / N, 0, 1. / 12, N);
    near("streams", stream / N, 0, 1. / 12, N);
    near("seeds", seed / N, 0, 1. / 12, N);
}

static void normal_is_normal(void **state)
{
    static uint64_t count[BINS];
    double m[5] = { 0 }, lag = 0;

    (void)state;
    for (uint64_t i = 0; i < N; i++) {
        double x = lg_normal(9, 0, i), p = 0.5 * erfc(-x / sqrt(2));
        count[(int)fmin(p * BINS, BINS - 1)]++;
        for (int k = 1; k <= 4; k++) m[k] += pow(x, k) / N;
        lag += x * lg_normal(9, 0, i + 1) / N;
    }
    even("normal", count, BINS, N);
    near("mean", m[1], 0, 1, N); /* the k-th power has variance (2k-1)!! - ((k-1)!!)^2, the second for even k */
    near("variance", m[2], 1, sqrt(2), N);
    near("third moment", m[3], 0, sqrt(15), N);
    near("fourth moment", m[4], 3, sqrt(96), N);
    near("neighbours", lag, 0, 1, N);
}

static void below_has_no_bias(void **state)
{
    /* Of 64 bits mod 3 2^62 the lowest third would come twice as often. */
    const uint64_t n = 3ull << 62;
    uint64_t third[3] = { 0 }, seven[7] = { 0 };

    (void)state;
    for (uint64_t i = 0; i < N; i++) {
        uint64_t r = lg_below(1, 2, i, n), s = lg_below(1, 3, i, 7);
        assert_true(r < n && s < 7);
        third[r >> 62]++;
        seven[s]++;
    }
    even("thirds", third, 3, N);
    even("sevenths", seven, 7, N);
}

static void shuffle_is_even(void **state)
{
    uint64_t count[24] = { 0 };
    size_t row[1000];
    bool seen[1000] = { false };

    (void)state;
    lg_shuffle(row, 1000, 5, 6);
    for (size_t i = 0; i < 1000; i++) {
        assert_true(row[i] < 1000 && !seen[row[i]]);
        seen[row[i]] = true;
    }
    for (uint64_t i = 0; i < 240000; i++) {
        lg_shuffle(row, 4, 5, i);
        size_t second = row[1] - (row[1] > row[0]), third = row[2] - (row[2] > row[0]) - (row[2] > row[1]);
        count[row[0] * 6 + second * 2 + third]++;
    }
    even("orders of four", count, 24, 240000);
    lg_shuffle(row, 0, 1, 1);
    lg_shuffle(row, 1, 1, 1);
    assert_int_equal(row[0], 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(published_answers), cmocka_unit_test(any_counter_and_key), cmocka_unit_test(uniform_is_even),
        cmocka_unit_test(normal_is_normal),  cmocka_unit_test(below_has_no_bias),   cmocka_unit_test(shuffle_is_even),
    };
    return cmocka_run_group_tests_name("random", tests, NULL, NULL);
}
