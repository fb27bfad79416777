/* Random numbers without a state: Philox 4x32-10 of Salmon, Moraes, Dror & Shaw, Parallel random numbers: as easy as
 * 1, 2, 3, SC 2011.  The key is the seed, the counter is (index, stream), so each number can be had by itself.
 * SPDX-License-Identifier: MIT */
#include "core/core.h"

typedef struct block {
    uint32_t word[4];
} block;

static block philox(uint64_t seed, block c)
{
    uint32_t k0 = (uint32_t)seed, k1 = (uint32_t)(seed >> 32);

    for (int round = 0; round < 10; round++) {
        uint64_t a = (uint64_t)c.word[0] * 0xD2511F53u, b = (uint64_t)c.word[2] * 0xCD9E8D57u;
        c = (block){ { (uint32_t)(b >> 32) ^ c.word[1] ^ k0, (uint32_t)b, (uint32_t)(a >> 32) ^ c.word[3] ^ k1,
                       (uint32_t)a } };
        k0 += 0x9E3779B9u;
        k1 += 0xBB67AE85u;
    }
    return c;
}

static block block_at(uint64_t seed, uint64_t stream, uint64_t index)
{
    return philox(
        seed, (block){ { (uint32_t)index, (uint32_t)(index >> 32), (uint32_t)stream, (uint32_t)(stream >> 32) } });
}

static uint64_t half(block b, int i) { return b.word[2 * i] | (uint64_t)b.word[2 * i + 1] << 32; }

static double unit(uint64_t bits) { return (double)(bits >> 11) * 0x1p-53; }

uint64_t lg_random(uint64_t seed, uint64_t stream, uint64_t index) { return half(block_at(seed, stream, index), 0); }

double lg_uniform(uint64_t seed, uint64_t stream, uint64_t index) { return unit(lg_random(seed, stream, index)); }

/* Box & Muller, Annals of Mathematical Statistics 29, 1958: sqrt(-2 log u) cos(2 pi v), u in (0,1], v in [0,1). */
double lg_normal(uint64_t seed, uint64_t stream, uint64_t index)
{
    const double two_pi = 0x1.921fb54442d18p+2;
    block b = block_at(seed, stream, index);
    double u = unit(half(b, 0)) + 0x1p-53, v = unit(half(b, 1));
    return sqrt(-2 * lg_log(u)) * lg_cos(two_pi * v);
}

/* The 2^64 mod n smallest values are drawn again, so that each remainder has equally many.  A block drawn again comes
 * from the block before as its counter: the numbers of other indices stay out of it. */
uint64_t lg_below(uint64_t seed, uint64_t stream, uint64_t index, uint64_t n)
{
    uint64_t refused = (0 - n) % n;
    block b = block_at(seed, stream, index);
    while (half(b, 0) < refused) b = philox(seed, b);
    return half(b, 0) % n;
}

/* Fisher and Yates, building the permutation as it goes (Durstenfeld's order, inside out). */
void lg_shuffle(size_t *row, size_t n, uint64_t seed, uint64_t stream)
{
    for (size_t i = 0; i < n; i++) {
        size_t j = (size_t)lg_below(seed, stream, i, i + 1);
        row[i] = row[j];
        row[j] = i;
    }
}
