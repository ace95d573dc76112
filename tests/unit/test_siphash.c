#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/siphash.h"
#include "tests/unit/guard.h"

/* Key 00 01 ... 0f, message 00 01 ...: values by `openssl mac SIPHASH`, size 8, as bytes. */
static const struct {
    size_t len;
    uint8_t bytes[8];
} siphash_rows[] = {
    {0, {0x31, 0x0e, 0x0e, 0xdd, 0x47, 0xdb, 0x6f, 0x72}},
    {1, {0xfd, 0x67, 0xdc, 0x93, 0xc5, 0x39, 0xf8, 0x74}},
    {7, {0x37, 0xd1, 0x01, 0x8b, 0xf5, 0x00, 0x02, 0xab}},
    {8, {0x62, 0x24, 0x93, 0x9a, 0x79, 0xf5, 0xf5, 0x93}},
    {15, {0xe5, 0x45, 0xbe, 0x49, 0x61, 0xca, 0x29, 0xa1}},
    {16, {0xdb, 0x9b, 0xc2, 0x57, 0x7f, 0xcc, 0x2a, 0x3f}},
    {19, {0xbd, 0x61, 0x79, 0xa7, 0x1d, 0xc9, 0x6d, 0xbb}},
    {37, {0x81, 0x39, 0x62, 0x29, 0xf0, 0x90, 0x79, 0x02}},
    {63, {0x72, 0x45, 0x06, 0xeb, 0x4c, 0x32, 0x8a, 0x95}},
};

static void test_vectors_of_another_implementation(void **state)
{
    const struct siphash_key key = {{UINT64_C(0x0706050403020100), UINT64_C(0x0f0e0d0c0b0a0908)}};
    uint8_t message[64];

    (void)state;
    for (size_t i = 0; i < sizeof(message); i++)
        message[i] = (uint8_t)i;
    for (size_t i = 0; i < sizeof(siphash_rows) / sizeof(*siphash_rows); i++) {
        const uint8_t *at = guard_copy(message, siphash_rows[i].len);
        uint64_t hash = siphash(&key, at, siphash_rows[i].len);

        for (size_t k = 0; k < 8; k++)
            assert_int_equal(hash >> 8 * k & 0xff, siphash_rows[i].bytes[k]);
        guard_release(at);
    }
}

/* One bit of the seed changes about half of the bits of both words and of a hash. */
static void test_every_bit_of_the_seed_counts(void **state)
{
    struct siphash_key base = siphash_key(1);

    (void)state;
    for (unsigned bit = 0; bit < 64; bit++) {
        struct siphash_key key = siphash_key(1 ^ UINT64_C(1) << bit);

        for (size_t i = 0; i < 2; i++)
            assert_in_range(__builtin_popcountll(key.words[i] ^ base.words[i]), 10, 54);
        assert_in_range(__builtin_popcountll(siphash(&key, "a", 1) ^ siphash(&base, "a", 1)), 10,
                        54);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_vectors_of_another_implementation),
        cmocka_unit_test(test_every_bit_of_the_seed_counts),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
