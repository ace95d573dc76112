/*
 * SipHash-2-4 (Aumasson and Bernstein 2012): a hash that nobody can guess who has not the key,
 * however many of its values he has seen.
 */
#ifndef NETDX_BASE_SIPHASH_H
#define NETDX_BASE_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

struct siphash_key {
    uint64_t words[2]; /* little-endian halves of the paper's 16 bytes */
};

/* All bits of both words from a seed of 64. */
struct siphash_key siphash_key(uint64_t seed);

uint64_t siphash(const struct siphash_key *key, const void *bytes, size_t len);

#endif
