#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "io/asn_origin.h"

static void check_origin(const char *text, uint32_t number, const char *prefix, unsigned bits)
{
    struct address got = {.family = 9}, wanted = {0};
    unsigned got_bits = 0;
    uint32_t got_number = 0;

    if (prefix)
        assert_int_equal(address_parse(prefix, &wanted), 0);
    if (!asn_origin_parse(text, &got_number, &got, &got_bits))
        fail_msg("\"%s\" is refused", text);
    assert_int_equal(got_number, number);
    assert_int_equal(got.family, wanted.family);
    if (prefix) {
        assert_true(address_equal(&got, &wanted));
        assert_int_equal(got_bits, bits);
    }
}

/* The form as https://www.team-cymru.com/ip-asn-mapping describes it. */
static void test_numbers_and_prefixes(void **state)
{
    (void)state;
    check_origin("23028 | 216.90.108.0/24 | US | arin | 1998-09-25", 23028, "216.90.108.0", 24);
    check_origin("\"15169 | 2001:4860::/32 | US | arin | 2005-03-14\"", 15169, "2001:4860::", 32);
    check_origin("701 1239 3549 | 203.0.113.0/24 | US", 701, "203.0.113.0", 24);
    check_origin("4294967295 | 0.0.0.0/0", 4294967295, "0.0.0.0", 0);
    check_origin("64500", 64500, NULL, 0);
}

static void test_prefixes_that_make_no_sense(void **state)
{
    (void)state;
    check_origin("1 | 192.0.2.0/33 | ZZ", 1, NULL, 0);
    check_origin("1 | 192.0.2.0 | ZZ", 1, NULL, 0);
    check_origin("1 | 192.0.2/24 | ZZ", 1, NULL, 0);
    check_origin("1 | 192.0.2.0/ | ZZ", 1, NULL, 0);
    check_origin("1 | 192.0.2.0/4294967296", 1, NULL, 0);
    check_origin("1 | aaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaaa/8",
                 1, NULL, 0);
    check_origin("1 |", 1, NULL, 0);
}

static void test_texts_without_a_number(void **state)
{
    static const char *const texts[] = {"",
                                        "AS1 | 192.0.2.0/24",
                                        "0 | 192.0.2.0/24",
                                        "|",
                                        "4294967296 | x",
                                        "1x | 192.0.2.0/24",
                                        "-1",
                                        "99999999999999999999999999"};
    struct address prefix;
    unsigned bits;
    uint32_t number;

    (void)state;
    for (size_t i = 0; i < sizeof(texts) / sizeof(texts[0]); i++) {
        if (asn_origin_parse(texts[i], &number, &prefix, &bits))
            fail_msg("\"%s\" is taken", texts[i]);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_numbers_and_prefixes),
        cmocka_unit_test(test_prefixes_that_make_no_sense),
        cmocka_unit_test(test_texts_without_a_number),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
