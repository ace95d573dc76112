#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "io/linkstats.h"

#include <errno.h>
#include <net/if.h>
#include <string.h>

/*
 * RTM_NEWLINK by hand, as rtnetlink(7) and linux/if_link.h have it: a name attribute, then
 * IFLA_STATS64 (23) with each of its first 24 counters set to its number.
 */
static size_t build(uint8_t *out, uint16_t type, uint16_t flags)
{
    uint32_t len = 16 + 16 + 8 + 4 + 24 * 8;
    uint16_t attribute[2] = {7, 3}; /* IFLA_IFNAME: "lo" and its NUL, padded to eight */

    memset(out, 0, len);
    memcpy(out, &len, 4);
    memcpy(out + 4, &type, 2);
    memcpy(out + 6, &flags, 2);
    memcpy(out + 32, attribute, 4);
    memcpy(out + 36, "lo", 3);
    attribute[0] = 4 + 24 * 8;
    attribute[1] = 23;
    memcpy(out + 40, attribute, 4);
    for (uint64_t i = 0; i < 24; i++)
        memcpy(out + 44 + 8 * i, &i, 8);
    return len;
}

/* rx_fifo_errors is the 15th counter, rx_missed_errors the 16th. */
static void test_message(void **state)
{
    uint8_t message[512];
    size_t len = build(message, 16, 0);
    uint64_t dropped = 100;

    (void)state;
    assert_int_equal(linkstats_message(message, len, &dropped), 0);
    assert_int_equal(dropped, 100 + 14 + 15);
}

static void test_several(void **state)
{
    uint8_t messages[1024];
    size_t len = build(messages, 16, 2);
    uint64_t dropped = 0;

    (void)state;
    len += build(messages + len, 16, 2);
    assert_int_equal(linkstats_message(messages, len, &dropped), 1);
    assert_int_equal(dropped, 2 * 29);
    len = build(messages, 3, 2); /* NLMSG_DONE */
    assert_int_equal(linkstats_message(messages, len, &dropped), 0);
    assert_int_equal(dropped, 2 * 29);
}

/* Whatever is cut gives no more than what was whole, and never more than it says. */
static void test_cut(void **state)
{
    uint8_t message[512];
    size_t whole = build(message, 16, 0);

    (void)state;
    for (size_t len = 0; len < whole; len++) {
        uint64_t dropped = 0;
        int got = linkstats_message(message, len, &dropped);
        assert_int_equal(got, len < 16 ? 0 : -EPROTO);
        assert_int_equal(dropped, 0);
    }
}

static void test_kernel(void **state)
{
    uint32_t loopback = if_nametoindex("lo"), nobody = 0x7ffffff0;
    uint64_t dropped = UINT64_MAX;

    (void)state;
    assert_int_equal(linkstats_dropped(&loopback, 1, &dropped), 0);
    assert_true(dropped < UINT64_MAX);
    assert_int_equal(linkstats_dropped(NULL, 0, &dropped), 0);
    assert_int_equal(linkstats_dropped(&nobody, 1, &dropped), -ENODEV);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_message),
        cmocka_unit_test(test_several),
        cmocka_unit_test(test_cut),
        cmocka_unit_test(test_kernel),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
