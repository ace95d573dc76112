#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/packets.h"

static void test_rows(void **state)
{
    (void)state;
    packet_check_part("link");
}

#define MACS "020000000002 020000000001"

static void test_faults(void **state)
{
    static const struct packet_fault faults[] = {
        {"an unknown link type", (enum link_type)147, "45", 0, DECODE_UNKNOWN,
         "link type not supported", 0, 0},
        {"half an Ethernet header", LINK_ETHERNET, MACS "08", 0, DECODE_BAD,
         "Ethernet header incomplete", 0, 0},
        {"half an Ethernet header captured", LINK_ETHERNET, MACS "08", 50, DECODE_TRUNCATED,
         "Ethernet header incomplete", 0, 0},
        {"half a tag", LINK_ETHERNET, MACS "8100 0005 08", 0, DECODE_BAD, "VLAN tag incomplete", 14,
         0},
        {"half a second tag captured", LINK_ETHERNET, MACS "88a8 0005 8100 00", 60,
         DECODE_TRUNCATED, "VLAN tag incomplete", 18, 0},
        {"five tags", LINK_ETHERNET, MACS "8100 00018100 00028100 00038100 00048100 00050800", 0,
         DECODE_UNKNOWN, "more VLAN tags than supported", 30, 0},
        {"ARP", LINK_ETHERNET, MACS "0806 0001", 0, DECODE_UNKNOWN,
         "network protocol not supported", 14, LAYER_LINK},
        {"an 802.3 length", LINK_ETHERNET, MACS "0026 4242", 0, DECODE_UNKNOWN,
         "network protocol not supported", 14, LAYER_LINK},
        {"half a cooked header", LINK_LINUX_SLL, "0000 0001 0006 0000000000000000 08", 0,
         DECODE_BAD, "cooked header incomplete", 0, 0},
        {"half a cooked v2 header", LINK_LINUX_SLL2, "0800 0000 00000001 0001 00 06 00000000000000",
         9, DECODE_TRUNCATED, "cooked header incomplete", 0, 0},
        {"half a family", LINK_NULL, "020000", 0, DECODE_BAD, "loopback header incomplete", 0, 0},
        {"an unknown family", LINK_NULL, "07000000 45", 0, DECODE_UNKNOWN,
         "loopback family unknown", 0, 0},
        {"LOOP in the order of NULL", LINK_LOOP, "02000000 45", 0, DECODE_UNKNOWN,
         "loopback family unknown", 0, 0},
    };

    (void)state;
    packet_check_faults(faults, sizeof(faults) / sizeof(faults[0]));
}

static void test_facts_the_rows_do_not_show(void **state)
{
    struct packet p;

    (void)state;
    packet_from_hex(LINK_ETHERNET, MACS "8100 f005 0806", &p);
    assert_int_equal(p.link.vlans[0], 5); /* priority and drop bit left out */
    assert_int_equal(p.link.header_len, 18);
    assert_int_equal(p.link.source[5], 1);
    assert_int_equal(p.link.destination[5], 2);
    assert_int_equal(p.link.source_len, 6);
    assert_int_equal(p.link.ethertype, ETHERTYPE_ARP);
    assert_int_equal(p.link.direction, PACKET_DIRECTION_UNKNOWN);

    packet_from_hex(LINK_LINUX_SLL, "0004 0304 0000 0000000000000000 0806", &p);
    assert_false(p.link.has_source); /* loopback has none */
    assert_int_equal(p.link.direction, PACKET_OUTGOING);
    assert_int_equal(p.link.header_len, 16);

    /* An address longer than its field, as InfiniBand's: the length says 20. */
    packet_from_hex(LINK_LINUX_SLL, "0000 0020 0014 0102030405060708 0806", &p);
    assert_int_equal(p.link.source_len, 8);
    assert_int_equal(p.link.source[7], 8);

    packet_from_hex(LINK_LINUX_SLL2, "0806 0000 0000002a 0001 05 06 0102030405060000", &p);
    assert_int_equal(p.link.ifindex, 42);
    assert_int_equal(p.link.direction, PACKET_DIRECTION_UNKNOWN);
    assert_int_equal(p.link.header_len, 20);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_facts_the_rows_do_not_show),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
