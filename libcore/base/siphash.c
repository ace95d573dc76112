#include "base/siphash.h"

#include "base/random.h"

struct siphash_state {
    uint64_t v0, v1, v2, v3;
};

static uint64_t siphash_rotate(uint64_t value, int bits)
{
    return value << bits | value >> (64 - bits);
}

static void siphash_rounds(struct siphash_state *s, int rounds)
{
    while (rounds-- > 0) {
        s->v0 += s->v1;
        s->v2 += s->v3;
        s->v1 = siphash_rotate(s->v1, 13) ^ s->v0;
        s->v3 = siphash_rotate(s->v3, 16) ^ s->v2;
        s->v0 = siphash_rotate(s->v0, 32);
        s->v2 += s->v1;
        s->v0 += s->v3;
        s->v1 = siphash_rotate(s->v1, 17) ^ s->v2;
        s->v3 = siphash_rotate(s->v3, 21) ^ s->v0;
        s->v2 = siphash_rotate(s->v2, 32);
    }
}

static void siphash_word(struct siphash_state *s, uint64_t word)
{
    s->v3 ^= word;
    siphash_rounds(s, 2);
    s->v0 ^= word;
}

/* The next `len` bytes, at most eight, little-endian. */
static uint64_t siphash_load(const uint8_t *at, size_t len)
{
    uint64_t word = 0;

    for (size_t i = 0; i < len; i++)
        word |= (uint64_t)at[i] << 8 * i;
    return word;
}

uint64_t siphash(const struct siphash_key *key, const void *bytes, size_t len)
{
    struct siphash_state s = {
        key->words[0] ^ UINT64_C(0x736f6d6570736575), key->words[1] ^ UINT64_C(0x646f72616e646f6d),
        key->words[0] ^ UINT64_C(0x6c7967656e657261), key->words[1] ^ UINT64_C(0x7465646279746573)};
    const uint8_t *at = bytes;
    size_t left = len;

    for (; left >= 8; at += 8, left -= 8)
        siphash_word(&s, siphash_load(at, 8));
    siphash_word(&s, (uint64_t)len << 56 | siphash_load(at, left));
    s.v2 ^= 0xff;
    siphash_rounds(&s, 4);
    return s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
}

struct siphash_key siphash_key(uint64_t seed)
{
    struct random r;

    random_seed(&r, seed);
    return (struct siphash_key){{random_u64(&r), random_u64(&r)}};
}
