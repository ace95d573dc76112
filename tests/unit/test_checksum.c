#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/random.h"
#include "tests/unit/guard.h"
#include "wire/checksum.h"

/* RFC 1071 3: the sum of these bytes is 0x2ddf0, which folds to 0xddf2. */
static void test_example_of_rfc1071(void **state)
{
    static const uint8_t bytes[] = {0x00, 0x01, 0xf2, 0x03, 0xf4, 0xf5, 0xf6, 0xf7};

    (void)state;
    assert_int_equal(checksum_finish(checksum_add(0, bytes, sizeof(bytes))), 0xffff - 0xddf2);
}

/* RFC 1624 4: a field goes from 0x5555 to 0x3285, the checksum from 0xdd2f to 0. */
static void test_example_of_rfc1624(void **state)
{
    (void)state;
    assert_int_equal(checksum_update(0xdd2f, 0x5555, 0x3285), 0x0000);
}

/* A UDP datagram of scapy's from fd00::2 to fd00:0:0:99::2, its checksum 0xe634 left out. */
static void test_pseudo_header_of_ipv6(void **state)
{
    static const uint8_t udp[32] = {0x9c, 0x40, 0x82, 0x9a, 0x00, 0x20};
    static const uint8_t source[16] = {0xfd, [15] = 2},
                         destination[16] = {0xfd, [7] = 0x99, [15] = 2};
    struct address a = address_from6(source), b = address_from6(destination);

    (void)state;
    uint32_t sum = checksum_pseudo(&a, &b, 17, sizeof(udp));
    assert_int_equal(checksum_finish(checksum_add(sum, udp, sizeof(udp))), 0xe634);
}

/* The same from 10.0.0.2 to 10.99.0.2, 0x7192 left out. */
static void test_pseudo_header_of_ipv4(void **state)
{
    static const uint8_t udp[40] = {0x9c, 0x40, 0x82, 0x9a, 0x00, 0x28, 0,
                                    0,    'n',  'e',  't',  'd',  'x'};
    struct address a = address_from4((const uint8_t[]){10, 0, 0, 2});
    struct address b = address_from4((const uint8_t[]){10, 99, 0, 2});

    (void)state;
    uint32_t sum = checksum_pseudo(&a, &b, 17, sizeof(udp));
    assert_int_equal(checksum_finish(checksum_add(sum, udp, sizeof(udp))), 0x7192);
}

/* Two bytes at a time, as RFC 1071 words it. */
static uint16_t plain_sum(const uint8_t *bytes, size_t len)
{
    uint32_t sum = 0;

    for (size_t i = 0; i < len; i++)
        sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return (uint16_t)~sum;
}

static void test_every_length_and_alignment(void **state)
{
    uint8_t bytes[70];
    struct random r;

    (void)state;
    print_message("seed 1\n");
    random_seed(&r, 1);
    for (size_t i = 0; i < sizeof(bytes); i++)
        bytes[i] = (uint8_t)random_u64(&r);
    for (size_t len = 0; len <= sizeof(bytes); len++) {
        const uint8_t *copy = guard_copy(bytes, len);

        assert_int_equal(checksum_finish(checksum_add(0, copy, len)), plain_sum(bytes, len));
        for (size_t cut = 0; cut <= len; cut += 2) { /* in two parts */
            uint32_t sum = checksum_add(0, copy, cut);
            assert_int_equal(checksum_finish(checksum_add(sum, copy + cut, len - cut)),
                             plain_sum(bytes, len));
        }
        guard_release(copy);
    }
}

static void test_the_largest_sum_does_not_overflow(void **state)
{
    static uint8_t ones[65535];
    uint32_t sum = UINT32_MAX;

    (void)state;
    for (size_t i = 0; i < sizeof(ones); i++)
        ones[i] = 0xff;
    for (int i = 0; i < 100; i++)
        sum = checksum_add(sum, ones, sizeof(ones) - 1);
    assert_int_equal(checksum_finish(sum), 0);
}

static void test_an_update_equals_a_new_sum(void **state)
{
    uint8_t bytes[20];
    struct random r;

    (void)state;
    print_message("seed 2\n");
    random_seed(&r, 2);
    for (int n = 0; n < 20000; n++) {
        for (size_t i = 0; i < sizeof(bytes); i++)
            bytes[i] = (uint8_t)random_u64(&r);
        uint16_t before = plain_sum(bytes, sizeof(bytes));
        size_t at = 2 * random_below(&r, 10);
        uint16_t old = (uint16_t)(bytes[at] << 8 | bytes[at + 1]);
        uint16_t new = random_below(&r, 4) ? (uint16_t)random_u64(&r) : (n & 1 ? 0xffff : 0);

        bytes[at] = (uint8_t)(new >> 8);
        bytes[at + 1] = (uint8_t) new;
        assert_int_equal(checksum_update(before, old, new), plain_sum(bytes, sizeof(bytes)));
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_example_of_rfc1071),
        cmocka_unit_test(test_example_of_rfc1624),
        cmocka_unit_test(test_pseudo_header_of_ipv6),
        cmocka_unit_test(test_pseudo_header_of_ipv4),
        cmocka_unit_test(test_every_length_and_alignment),
        cmocka_unit_test(test_the_largest_sum_does_not_overflow),
        cmocka_unit_test(test_an_update_equals_a_new_sum),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
