#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/packets.h"

#define IP4(total) "4500" total "00010000 40010000 0a000701 0a000002"
#define IP6(payload)                                                                               \
    "60000000" payload "3a40 fd000000000000070000000000000001"                                     \
    "fd000000000000000000000000000002"
#define QUOTE4 "4500002c 12340000 01119327 0a000002 0a630002 9c40829a 00189d45"
#define QUOTE6                                                                                     \
    "60000000 00181101 fd000000000000000000000000000002"                                           \
    "fd000000000000990000000000000002 9c40829a 0018b70d"

enum { NET = LAYER_LINK | LAYER_IP, ICMP = NET | LAYER_ICMP, ALL = ICMP | LAYER_QUOTE };

static void test_rows(void **state)
{
    (void)state;
    packet_check_part("icmp");
}

static void test_faults(void **state)
{
    static const struct packet_fault faults[] = {
        {"7 bytes", LINK_RAW, IP4("001b") "08000000000000", 0, DECODE_BAD, "ICMP header incomplete",
         20, NET},
        {"7 bytes captured", LINK_RAW, IP4("001c") "08000000000000", 1, DECODE_TRUNCATED,
         "ICMP header incomplete", 20, NET},
        {"7 bytes of ICMPv6", LINK_RAW, IP6("0007") "80000000000000", 0, DECODE_BAD,
         "ICMP header incomplete", 40, NET},
        {"an error without a quote", LINK_RAW, IP4("001c") "0b00000000000000", 0, DECODE_BAD,
         "IP header incomplete", 28, ICMP},
        {"an error with 19 bytes", LINK_RAW,
         IP4("002f") "0b00000000000000 4500002c 12340000 01119327 0a000002 0a6300", 0, DECODE_BAD,
         "IPv4 header incomplete", 28, ICMP},
        {"an error with 19 bytes captured", LINK_RAW,
         IP4("0038") "0b00000000000000 4500002c 12340000 01119327 0a000002 0a6300", 9,
         DECODE_TRUNCATED, "IPv4 header incomplete", 28, ICMP},
        {"an ICMPv6 error with 39 bytes", LINK_RAW,
         IP6("002f") "0300000000000000 60000000 00181101 fd000000000000000000000000000002"
                     "fd0000000000009900000000000000",
         0, DECODE_BAD, "IPv6 header incomplete", 48, ICMP},
        /* RFC 4884: 7 words of 4 bytes are there. */
        {"a length that fits", LINK_RAW, IP4("0038") "0b00000000070000" QUOTE4, 0, DECODE_OK, NULL,
         0, ALL},
        {"a length one too large", LINK_RAW, IP4("0038") "0b00000000080000" QUOTE4, 0, DECODE_BAD,
         "quote length beyond the ICMP message", 25, ALL},
        {"the largest length", LINK_RAW, IP4("0038") "0b00000000ff0000" QUOTE4, 0, DECODE_BAD,
         "quote length beyond the ICMP message", 25, ALL},
        {"a length one too small", LINK_RAW, IP4("0038") "0b00000000060000" QUOTE4, 0,
         DECODE_UNKNOWN, "ICMP extension version is not 2", 52, ALL},
        {"a length of one word", LINK_RAW, IP4("0038") "0b00000000010000" QUOTE4, 0, DECODE_BAD,
         "IPv4 header incomplete", 28, ICMP},
        {"the length of types without one does not count", LINK_RAW,
         IP4("0038") "05000000 0aff0001" QUOTE4, 0, DECODE_OK, NULL, 0, ALL},
        /* ICMPv6 counts 8 bytes and in another place. */
        {"an ICMPv6 length that fits", LINK_RAW, IP6("0038") "03000000 06000000" QUOTE6, 0,
         DECODE_OK, NULL, 0, ALL},
        {"an ICMPv6 length one too large", LINK_RAW, IP6("0038") "03000000 07000000" QUOTE6, 0,
         DECODE_BAD, "quote length beyond the ICMP message", 44, ALL},
        {"the largest ICMPv6 length", LINK_RAW, IP6("0038") "01000000 ff000000" QUOTE6, 0,
         DECODE_BAD, "quote length beyond the ICMP message", 44, ALL},
        {"the byte that is ICMPv4's length", LINK_RAW, IP6("0038") "03000000 00ff0000" QUOTE6, 0,
         DECODE_OK, NULL, 0, ALL},
        {"the byte that is ICMPv6's length", LINK_RAW, IP4("0038") "0b000000 ff000000" QUOTE4, 0,
         DECODE_OK, NULL, 0, ALL},
        {"an MTU is no length", LINK_RAW, IP6("0038") "02000000 ff000500" QUOTE6, 0, DECODE_OK,
         NULL, 0, ALL},
    };

    (void)state;
    packet_check_faults(faults, sizeof(faults) / sizeof(faults[0]));
}

#define TARGETS "fe800000000000000000000000000099 fd000000000000990000000000000002"
#define REDIRECT(payload)                                                                          \
    "60000000" payload "3aff fe800000000000000000000000000001 fd000000000000000000000000000002"

/* scapy: IPv6/ICMPv6ND_Redirect/ICMPv6NDOptDstLLAddr/ICMPv6NDOptRedirectedHdr/UDP */
static void test_redirect_of_icmpv6(void **state)
{
    char gateway[ADDRESS_TEXT_SIZE];
    struct packet p;

    (void)state;
    assert_int_equal(packet_from_hex(LINK_RAW,
                                     REDIRECT("0078") "8900050f 00000000" TARGETS
                                                      "0201020000000009 0409000000000000" QUOTE6
                                                      "30313233343536373839616263646566",
                                     &p)
                         .status,
                     DECODE_OK);
    assert_true(p.layers & LAYER_QUOTE);
    assert_true(p.icmp.checksum_ok);
    assert_int_equal(p.icmp.quote.destination_port, 33434);
    address_format(&p.icmp.gateway, gateway);
    assert_string_equal(gateway, "fe80::99");

    assert_int_equal(
        packet_from_hex(LINK_RAW, REDIRECT("0030") "89007a50 00000000" TARGETS "0201020000000009",
                        &p)
            .status,
        DECODE_OK);
    assert_int_equal(p.layers, ICMP);
    assert_false(p.icmp.is_error);
}

static void test_redirect_faults(void **state)
{
    static const struct packet_fault faults[] = {
        {"without a destination", LINK_RAW,
         REDIRECT("0018") "8900050f 00000000 fe800000000000000000000000000099", 0, DECODE_BAD,
         "redirect incomplete", 48, ICMP},
        {"an option of length 0", LINK_RAW,
         REDIRECT("0030") "8900050f 00000000" TARGETS "0200020000000009", 0, DECODE_BAD,
         "redirect option of length 0", 80, ICMP},
        {"an option one too long", LINK_RAW,
         REDIRECT("0030") "8900050f 00000000" TARGETS "0202020000000009", 0, DECODE_BAD,
         "redirect option incomplete", 80, ICMP},
        {"the longest option", LINK_RAW,
         REDIRECT("0030") "8900050f 00000000" TARGETS "04ff020000000009", 0, DECODE_BAD,
         "redirect option incomplete", 80, ICMP},
        {"one byte of an option", LINK_RAW, REDIRECT("0029") "8900050f 00000000" TARGETS "02", 0,
         DECODE_BAD, "redirect option incomplete", 80, ICMP},
        {"an option not captured", LINK_RAW, REDIRECT("0030") "8900050f 00000000" TARGETS "020102",
         5, DECODE_TRUNCATED, "redirect option incomplete", 80, ICMP},
        {"an empty redirected header", LINK_RAW,
         REDIRECT("0030") "8900050f 00000000" TARGETS "0401000000000000", 0, DECODE_BAD,
         "IP header incomplete", 88, ICMP},
    };

    (void)state;
    packet_check_faults(faults, sizeof(faults) / sizeof(faults[0]));
}

/* A cut or fragmented message has no sum to check. */
static void test_checksum_needs_the_whole_message(void **state)
{
    uint8_t bytes[PACKET_BYTES_MAX];
    struct packet p;
    size_t len = packet_unhex(IP4("001f") "0000dead 00010002 616263", bytes);

    (void)state;
    packet_decode_ip(bytes, len, len, &p);
    assert_false(p.icmp.checksum_ok);
    packet_decode_ip(bytes, len - 1, len, &p);
    assert_true(p.icmp.checksum_ok);
    bytes[6] = 0x20; /* more fragments */
    packet_decode_ip(bytes, len, len, &p);
    assert_true(p.icmp.checksum_ok);
    bytes[6] = 0;
    bytes[3]++; /* one byte more than the frame has */
    packet_decode_ip(bytes, len, len, &p);
    assert_true(p.icmp.checksum_ok);
}

static void test_messages_that_are_no_error(void **state)
{
    struct packet p;

    (void)state;
    packet_from_hex(LINK_RAW, IP4("0028") "0d00000000010002 000000000000000000000000", &p);
    assert_int_equal(p.icmp.type, 13);
    assert_false(p.icmp.is_error);
    assert_int_equal(p.icmp.id, 0);
    packet_from_hex(LINK_RAW, IP6("0018") "8700000000000000 fe800000000000000000000000000001", &p);
    assert_int_equal(p.icmp.type, 135);
    assert_false(p.icmp.is_error);
    assert_int_equal(p.payload_len, 16);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_redirect_of_icmpv6),
        cmocka_unit_test(test_redirect_faults),
        cmocka_unit_test(test_checksum_needs_the_whole_message),
        cmocka_unit_test(test_messages_that_are_no_error),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
