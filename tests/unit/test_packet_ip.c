#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/packets.h"
#include "wire/icmp.h"

#include <stdio.h>
#include <string.h>

#define ADDRESSES4 "0a000002 0a630002"
#define ADDRESSES6 "fd000000000000000000000000000002 fd000000000000990000000000000002"
#define UDP        "9c40829a 00080000"

enum { LINK = LAYER_LINK, NET = LAYER_LINK | LAYER_IP, ALL = NET | LAYER_UDP };

static void test_rows(void **state)
{
    (void)state;
    packet_check_part("ip");
}

static void test_ipv4_faults(void **state)
{
    static const struct packet_fault faults[] = {
        {"a header of 16 bytes", LINK_RAW, "4400001c 00010000 04110000" ADDRESSES4 UDP, 0,
         DECODE_BAD, "IPv4 header length below 20", 0, LINK},
        {"a header of 0 bytes", LINK_RAW, "4000001c 00010000 04110000" ADDRESSES4 UDP, 0,
         DECODE_BAD, "IPv4 header length below 20", 0, LINK},
        {"19 bytes", LINK_RAW, "4500001c 00010000 04110000 0a000002 0a6300", 0, DECODE_BAD,
         "IPv4 header incomplete", 0, LINK},
        {"options beyond the frame", LINK_RAW, "4f00001c 00010000 04110000" ADDRESSES4 UDP, 0,
         DECODE_BAD, "IPv4 options incomplete", 0, LINK},
        {"options beyond the capture", LINK_RAW, "4f000044 00010000 04110000" ADDRESSES4 UDP, 40,
         DECODE_TRUNCATED, "IPv4 options incomplete", 0, LINK},
        {"a total length of 19", LINK_RAW, "45000013 00010000 04110000" ADDRESSES4 UDP, 0,
         DECODE_BAD, "IPv4 total length below its header", 2, LINK},
        {"a total length of 1", LINK_RAW, "45000001 00010000 04110000" ADDRESSES4 UDP, 0,
         DECODE_BAD, "IPv4 total length below its header", 2, LINK},
        {"a total length below its options", LINK_RAW,
         "46000017 00010000 04110000" ADDRESSES4 "01010101" UDP, 0, DECODE_BAD,
         "IPv4 total length below its header", 2, LINK},
        {"a total length one too large", LINK_RAW, "4500001d 00010000 04110000" ADDRESSES4 UDP, 0,
         DECODE_BAD, "IP length beyond the frame", 2, ALL},
        {"the largest total length", LINK_RAW, "4500ffff 00010000 04110000" ADDRESSES4 UDP, 0,
         DECODE_BAD, "IP length beyond the frame", 2, ALL},
        {"a total length that cuts UDP", LINK_RAW, "4500001b 00010000 04110000" ADDRESSES4 UDP, 0,
         DECODE_BAD, "UDP header incomplete", 20, NET},
        {"a total length that leaves nothing", LINK_RAW,
         "45000014 00010000 04110000" ADDRESSES4 UDP, 0, DECODE_BAD, "UDP header incomplete", 20,
         NET},
        {"a first fragment too short for its header", LINK_RAW,
         "45000018 00012000 04110000" ADDRESSES4 "9c40829a", 0, DECODE_BAD, "UDP header incomplete",
         20, NET},
    };

    (void)state;
    packet_check_faults(faults, sizeof(faults) / sizeof(faults[0]));
}

static void test_ipv6_faults(void **state)
{
    static const struct packet_fault faults[] = {
        {"39 bytes", LINK_RAW, "60000000 0008 11 04" ADDRESSES6 "", 0, DECODE_BAD,
         "UDP header incomplete", 40, NET},
        {"half a header", LINK_RAW, "60000000 0008 11 04 fd000000000000000000000000000002", 0,
         DECODE_BAD, "IPv6 header incomplete", 0, LINK},
        {"half a header captured", LINK_RAW, "60000000 0008 11 04 fd000000000000000000000000000002",
         24, DECODE_TRUNCATED, "IPv6 header incomplete", 0, LINK},
        {"a payload length one too small", LINK_RAW, "60000000 0007 11 04" ADDRESSES6 UDP, 0,
         DECODE_BAD, "UDP header incomplete", 40, NET},
        {"a payload length one too large", LINK_RAW, "60000000 0009 11 04" ADDRESSES6 UDP, 0,
         DECODE_BAD, "IP length beyond the frame", 4, ALL},
        {"one byte of an extension header", LINK_RAW, "60000000 0001 00 04" ADDRESSES6 "11", 0,
         DECODE_BAD, "IPv6 extension header incomplete", 40, LINK},
        {"an extension header beyond the packet", LINK_RAW,
         "60000000 0010 3c 04" ADDRESSES6 "1101 0104 00000000" UDP, 0, DECODE_BAD,
         "UDP header incomplete", 56, NET},
        {"the longest extension header", LINK_RAW,
         "60000000 0010 3c 04" ADDRESSES6 "11ff 0104 00000000" UDP, 0, DECODE_BAD,
         "IPv6 extension header incomplete", 40, LINK},
        {"an extension header beyond the capture", LINK_RAW,
         "60000000 0810 2b 04" ADDRESSES6 "11ff 0000 00000000" UDP, 2048, DECODE_TRUNCATED,
         "IPv6 extension header incomplete", 40, LINK},
        {"half a fragment header", LINK_RAW, "60000000 0004 2c 04" ADDRESSES6 "11000001", 0,
         DECODE_BAD, "IPv6 extension header incomplete", 40, LINK},
        {"the second of two is cut", LINK_RAW,
         "60000000 000c 00 04" ADDRESSES6 "3c00 0104 00000000 11000000", 0, DECODE_BAD,
         "IPv6 extension header incomplete", 48, LINK},
        {"an authentication header of 8 bytes", LINK_RAW,
         "60000000 0010 33 04" ADDRESSES6 "1100 0000 00000007" UDP, 0, DECODE_OK, NULL, 0, ALL},
    };

    (void)state;
    packet_check_faults(faults, sizeof(faults) / sizeof(faults[0]));
}

/* As many as allowed are walked, one more is refused where it starts. */
static void test_number_of_extension_headers(void **state)
{
    char hex[1024];
    struct packet p;

    (void)state;
    for (int n = IPV6_EXTENSION_HEADERS_MAX; n <= IPV6_EXTENSION_HEADERS_MAX + 1; n++) {
        snprintf(hex, sizeof(hex), "60000000 %04x 3c 04" ADDRESSES6, n * 8 + 8);
        for (int i = 0; i < n; i++)
            strncat(hex, i == n - 1 ? "1100 0104 00000000" : "3c00 0104 00000000",
                    sizeof(hex) - strlen(hex) - 1);
        strncat(hex, UDP, sizeof(hex) - strlen(hex) - 1);
        struct decode result = packet_from_hex(LINK_RAW, hex, &p);
        if (n == IPV6_EXTENSION_HEADERS_MAX) {
            assert_int_equal(result.status, DECODE_OK);
            assert_int_equal(p.ip.header_len, 40 + 8 * n);
            assert_int_equal(p.ip.protocol, PROTO_UDP);
        } else {
            assert_int_equal(result.status, DECODE_BAD);
            assert_string_equal(result.reason, "too many IPv6 extension headers");
            assert_int_equal(result.offset, 40 + 8 * IPV6_EXTENSION_HEADERS_MAX);
        }
    }
}

/* RFC 2675: the length stands in a hop-by-hop option and counts everything after the header. */
static void test_jumbograms(void **state)
{
    struct packet p;

    (void)state;
    struct decode result =
        packet_from_hex(LINK_RAW, "60000000 0000 00 04" ADDRESSES6 "1100 c204 00010010" UDP, &p);
    assert_int_equal(result.status, DECODE_BAD); /* 65592 bytes that are not here */
    assert_int_equal(p.ip.total_len, 40 + 0x10010);
    /* Behind padding; a length that IPv6 itself could hold is no jumbogram's. */
    packet_from_hex(LINK_RAW,
                    "60000000 0000 00 04" ADDRESSES6 "1101 00 0100 c204 00020000 0100 00 00 00" UDP,
                    &p);
    assert_int_equal(p.ip.total_len, 40 + 0x20000);
    packet_from_hex(LINK_RAW, "60000000 0000 00 04" ADDRESSES6 "1100 c204 0000ffff" UDP, &p);
    assert_int_equal(p.ip.total_len, 56);
    packet_from_hex(LINK_RAW, "60000000 0000 00 04" ADDRESSES6 "1100 c204 ffffffff" UDP, &p);
    assert_int_equal(p.ip.total_len, 56);
    packet_from_hex(LINK_RAW, "60000000 0000 00 04" ADDRESSES6 "1100 c208 00010010" UDP, &p);
    assert_int_equal(p.ip.total_len, 56);
    /* With a payload length the option is not looked at. */
    packet_from_hex(LINK_RAW, "60000000 0010 00 04" ADDRESSES6 "1100 c204 00010010" UDP, &p);
    assert_int_equal(p.ip.total_len, 56);
}

static void test_facts_the_rows_do_not_show(void **state)
{
    struct packet p;

    (void)state;
    packet_from_hex(LINK_RAW, "4700 0024 0001 0000 04110000" ADDRESSES4 "0101010101010101" UDP, &p);
    assert_int_equal(p.ip.header_len, 28);
    assert_int_equal(p.ip.options_len, 8);
    assert_true(p.ip.has_id);
    assert_false(p.ip.checksum_ok);
    assert_int_equal(p.ip.flow_label, 0);

    packet_from_hex(LINK_RAW, "6fffffff 0010 3c 04" ADDRESSES6 "1100 0104 00000000" UDP, &p);
    assert_int_equal(p.ip.dscp, 63);
    assert_int_equal(p.ip.ecn, 3);
    assert_int_equal(p.ip.flow_label, 0xfffff);
    assert_int_equal(p.ip.protocol, PROTO_UDP);
    assert_int_equal(p.ip.header_len, 48);
    assert_int_equal(p.ip.options_len, 0);
    assert_false(p.ip.has_id);
    assert_true(p.ip.df);
    assert_false(p.ip.mf);
    assert_true(p.ip.checksum_ok);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),        cmocka_unit_test(test_ipv4_faults),
        cmocka_unit_test(test_ipv6_faults), cmocka_unit_test(test_number_of_extension_headers),
        cmocka_unit_test(test_jumbograms),  cmocka_unit_test(test_facts_the_rows_do_not_show),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
