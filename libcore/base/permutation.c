#include "base/permutation.h"

#include "base/random.h"

void permutation_init(struct permutation *p, uint64_t size, uint64_t seed)
{
    struct random r;
    unsigned bits = 2; /* each half has one at least */

    while (bits < 63 && size > UINT64_C(1) << bits)
        bits++;
    *p = (struct permutation){.size = size, .left_bits = bits / 2, .right_bits = bits - bits / 2};
    random_seed(&r, seed);
    for (int i = 0; i < PERMUTATION_ROUNDS; i++)
        p->keys[i] = random_u64(&r);
}

/* The upper bits of a product depend on all bits of its factors; `bits` is 1 to 32. */
static uint64_t permutation_mix(uint64_t value, uint64_t key, unsigned bits)
{
    value = (value ^ key) * UINT64_C(0xbf58476d1ce4e5b9);
    value = (value ^ value >> 32) * UINT64_C(0x94d049bb133111eb);
    return value >> (64 - bits);
}

/* The halves may differ by a bit, so they keep their places and are changed in turn. */
static uint64_t permutation_step(const struct permutation *p, uint64_t value)
{
    uint64_t left = value >> p->right_bits;
    uint64_t right = value & ((UINT64_C(1) << p->right_bits) - 1);

    for (int i = 0; i < PERMUTATION_ROUNDS; i += 2) {
        left ^= permutation_mix(right, p->keys[i], p->left_bits);
        right ^= permutation_mix(left, p->keys[i + 1], p->right_bits);
    }
    return left << p->right_bits | right;
}

/* Fewer than two steps on average: `size` is more than half of the power of two above it. */
uint64_t permutation_at(const struct permutation *p, uint64_t index)
{
    do
        index = permutation_step(p, index);
    while (index >= p->size);
    return index;
}
