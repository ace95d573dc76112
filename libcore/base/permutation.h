/*
 * The numbers below `size` in a random order, without a table: a Feistel network over the next
 * power of two, walked on where it leads outside (Black and Rogaway 2002). For order, not for
 * secrets.
 */
#ifndef NETDX_BASE_PERMUTATION_H
#define NETDX_BASE_PERMUTATION_H

#include <stdint.h>

#define PERMUTATION_ROUNDS 8

struct permutation {
    uint64_t size;
    unsigned left_bits, right_bits;
    uint64_t keys[PERMUTATION_ROUNDS];
};

void permutation_init(struct permutation *p, uint64_t size, uint64_t seed); /* size <= 2^63 */

/* The number at place `index` (< size): every number below `size` has one place. */
uint64_t permutation_at(const struct permutation *p, uint64_t index);

#endif
