#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <string.h>

#include "wire/address.h"

static struct address parsed(const char *text)
{
    struct address a;

    assert_int_equal(address_parse(text, &a), 0);
    return a;
}

static void check_format(const char *text, const char *wanted)
{
    struct address a = parsed(text);
    char out[ADDRESS_TEXT_SIZE];

    address_format(&a, out);
    assert_string_equal(out, wanted);
}

/* The examples of RFC 5952, 1 and 4. */
static void test_text_is_canonical(void **state)
{
    (void)state;
    check_format("192.0.2.1", "192.0.2.1");
    check_format("2001:db8:0:0:1:0:0:1", "2001:db8::1:0:0:1");
    check_format("2001:0db8::0001", "2001:db8::1");
    check_format("2001:db8:0:0:0:0:2:1", "2001:db8::2:1");
    check_format("2001:db8:0:1:1:1:1:1", "2001:db8:0:1:1:1:1:1");
    check_format("2001:0:0:1:0:0:0:1", "2001:0:0:1::1");
    check_format("2001:DB8::AAAA", "2001:db8::aaaa");
    check_format("::", "::");
    check_format("::ffff:192.0.2.1", "::ffff:192.0.2.1");
}

static void test_no_address_has_no_text(void **state)
{
    struct address none = {0};
    char out[ADDRESS_TEXT_SIZE] = "x";

    (void)state;
    address_format(&none, out);
    assert_string_equal(out, "");
    assert_int_equal(address_len(&none), 0);
}

static void test_loose_texts_are_refused(void **state)
{
    static const char *const texts[] = {
        "",           "1",         "1.2.3",      "1.2.3.4.5",     "0x7f.1",
        "0x7f.0.0.1", "01.2.3.4",  "1.2.3.256",  "1.2.3.-4",      " 1.2.3.4",
        "1.2.3.4 ",   "1.2.3.4\n", "2130706433", "fe80::1%eth0",  "fe80::1%2",
        "1::2::3",    "12345::",   ":::",        "1:2:3:4:5:6:7", "1:2:3:4:5:6:7:8:9",
        "[::1]",      "::1/128",   "::1.2.3",    "g::",
    };
    struct address a = {.family = 9};

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        assert_int_equal(address_parse(texts[i], &a), -EINVAL);
        assert_int_equal(a.family, 9);
    }
}

static void test_values_from_bytes(void **state)
{
    static const uint8_t bytes[16] = {0x20, 1, 0xd, 0xb8, [15] = 7};
    struct address four = address_from4(bytes), six = address_from6(bytes);
    struct address wanted4 = parsed("32.1.13.184"), wanted6 = parsed("2001:db8::7");

    (void)state;
    assert_true(address_equal(&four, &wanted4));
    assert_true(address_equal(&six, &wanted6));
    assert_int_equal(address_len(&four), 4);
    assert_int_equal(address_len(&six), 16);
    assert_int_equal(four.scope | six.scope | four.bytes[4], 0);
}

static void test_order_and_equality(void **state)
{
    static const char *const sorted[] = {"0.0.0.1", "1.2.3.4", "1.2.3.5", "::", "::1", "fe80::1"};
    struct address scoped = parsed("fe80::1"), plain = scoped;

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        for (size_t j = 0; j < 6; j++) {
            struct address a = parsed(sorted[i]), b = parsed(sorted[j]);
            int order = address_compare(&a, &b);

            assert_int_equal((order > 0) - (order < 0), (i > j) - (i < j));
            assert_int_equal(address_equal(&a, &b), i == j);
        }
    }
    scoped.scope = 3;
    assert_true(address_equal(&scoped, &plain));
    assert_int_equal(address_hash(&scoped, 1), address_hash(&plain, 1));
}

/* 4096 neighbours in 4096 buckets: a random function leaves 1507 (1/e) of them empty. */
static void test_hash_spreads_neighbours(void **state)
{
    uint8_t seen[4096] = {0};
    struct address a = parsed("10.0.0.0");
    int empty = 0;

    (void)state;
    for (int i = 0; i < 4096; i++) {
        a.bytes[2] = (uint8_t)(i >> 8);
        a.bytes[3] = (uint8_t)i;
        seen[address_hash(&a, 42) % 4096] = 1;
    }
    for (int i = 0; i < 4096; i++)
        empty += !seen[i];
    assert_in_range(empty, 1400, 1610);
    assert_int_not_equal(address_hash(&a, 1), address_hash(&a, 2));
}

static void test_kinds_of_addresses(void **state)
{
    static const struct {
        const char *text;
        bool link_local, loopback, multicast, unspecified, mapped4;
    } rows[] = {
        {"169.254.1.1",      true,  false, false, false, false},
        {"169.253.1.1",      false, false, false, false, false},
        {"fe80::1",          true,  false, false, false, false},
        {"febf::1",          true,  false, false, false, false},
        {"fec0::1",          false, false, false, false, false},
        {"127.0.0.1",        false, true,  false, false, false},
        {"127.255.255.255",  false, true,  false, false, false},
        {"::1",              false, true,  false, false, false},
        {"::2",              false, false, false, false, false},
        {"224.0.0.1",        false, false, true,  false, false},
        {"239.255.255.255",  false, false, true,  false, false},
        {"240.0.0.1",        false, false, false, false, false},
        {"255.255.255.255",  false, false, true,  false, false},
        {"ff02::1",          false, false, true,  false, false},
        {"0.0.0.0",          false, false, false, true,  false},
        {"::",               false, false, false, true,  false},
        {"::ffff:127.0.0.1", false, false, false, false, true },
        {"::fffe:127.0.0.1", false, false, false, false, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct address a = parsed(rows[i].text);

        assert_int_equal(address_is_link_local(&a), rows[i].link_local);
        assert_int_equal(address_is_loopback(&a), rows[i].loopback);
        assert_int_equal(address_is_multicast(&a), rows[i].multicast);
        assert_int_equal(address_is_unspecified(&a), rows[i].unspecified);
        assert_int_equal(address_is_mapped4(&a), rows[i].mapped4);
    }
    struct address none = {0};
    assert_false(address_is_unspecified(&none));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_is_canonical),
        cmocka_unit_test(test_no_address_has_no_text),
        cmocka_unit_test(test_loose_texts_are_refused),
        cmocka_unit_test(test_values_from_bytes),
        cmocka_unit_test(test_order_and_equality),
        cmocka_unit_test(test_hash_spreads_neighbours),
        cmocka_unit_test(test_kinds_of_addresses),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
