#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/packets.h"

#define IP4(total, fragment) "4500" total "0001" fragment "40110000 0a000002 0a630002"

enum { NET = LAYER_LINK | LAYER_IP, ALL = NET | LAYER_UDP };

/* Rows with UDP are among those of the link and IP layers. */
static void test_faults(void **state)
{
    static const struct packet_fault faults[] = {
        {"7 bytes", LINK_RAW, IP4("001b", "0000") "9c40829a 0008 00", 0, DECODE_BAD,
         "UDP header incomplete", 20, NET},
        {"7 bytes captured", LINK_RAW, IP4("001c", "0000") "9c40829a 0008 00", 1, DECODE_TRUNCATED,
         "UDP header incomplete", 20, NET},
        {"a length of 0", LINK_RAW, IP4("001d", "0000") "9c40829a 0000 0000 41", 0, DECODE_BAD,
         "UDP length below 8", 24, ALL},
        {"a length of 7", LINK_RAW, IP4("001d", "0000") "9c40829a 0007 0000 41", 0, DECODE_BAD,
         "UDP length below 8", 24, ALL},
        {"a length of 8 leaves a byte over", LINK_RAW, IP4("001d", "0000") "9c40829a 0008 0000 41",
         0, DECODE_OK, NULL, 0, ALL},
        {"a length of 9 fits", LINK_RAW, IP4("001d", "0000") "9c40829a 0009 0000 41", 0, DECODE_OK,
         NULL, 0, ALL},
        {"a length of 10", LINK_RAW, IP4("001d", "0000") "9c40829a 000a 0000 41", 0, DECODE_BAD,
         "UDP length beyond the IP packet", 24, ALL},
        {"the largest length", LINK_RAW, IP4("001d", "0000") "9c40829a ffff 0000 41", 0, DECODE_BAD,
         "UDP length beyond the IP packet", 24, ALL},
        {"a first fragment's length is the whole datagram's", LINK_RAW,
         IP4("001d", "2000") "9c40829a ffff 0000 41", 0, DECODE_OK, NULL, 0, ALL},
    };

    (void)state;
    packet_check_faults(faults, sizeof(faults) / sizeof(faults[0]));
}

static void test_payload_ends_with_the_datagram(void **state)
{
    struct packet p;

    (void)state;
    packet_from_hex(LINK_RAW, IP4("0020", "0000") "9c40829a 000a beef 41424344", &p);
    assert_int_equal(p.payload_len, 2);
    assert_int_equal(p.udp.len, 10);
    assert_int_equal(p.udp.checksum, 0xbeef);
}

/* RFC 2675 4: in a jumbogram the length is 0, and only there. */
static void test_a_jumbogram_has_no_length(void **state)
{
    static const struct packet_fault jumbo = {
        "jumbogram",
        LINK_RAW,
        "60000000 0000 00 04 fd000000000000000000000000000002"
        "fd000000000000990000000000000002 1100 c204 00010010 9c40829a 0000 0000",
        65536,
        DECODE_TRUNCATED,
        "payload incomplete",
        56,
        ALL};

    (void)state;
    packet_check_faults(&jumbo, 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_payload_ends_with_the_datagram),
        cmocka_unit_test(test_a_jumbogram_has_no_length),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
