#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/packets.h"

#include <stdio.h>

/* Headers with room for `n` (hexadecimal) more bytes; the data offset byte and flags follow. */
#define IP4(total) "4500" total "00010000 40060000 0a000002 0a630002"
#define TCP(words) "9c4101bb 00000001 00000002 " words "10 0400 0000 0000"

enum { NET = LAYER_LINK | LAYER_IP, ALL = NET | LAYER_TCP };

static void test_rows(void **state)
{
    (void)state;
    packet_check_part("tcp");
}

static void test_header_faults(void **state)
{
    static const struct packet_fault faults[] = {
        {"19 bytes", LINK_RAW, IP4("0027") "9c4101bb 00000001 00000002 50100400 000000", 0,
         DECODE_BAD, "TCP header incomplete", 20, NET},
        {"19 bytes captured", LINK_RAW, IP4("0028") "9c4101bb 00000001 00000002 50100400 000000", 1,
         DECODE_TRUNCATED, "TCP header incomplete", 20, NET},
        {"a data offset of 0", LINK_RAW, IP4("0028") TCP("00"), 0, DECODE_BAD,
         "TCP header length below 20", 32, NET},
        {"a data offset of 4", LINK_RAW, IP4("0028") TCP("40"), 0, DECODE_BAD,
         "TCP header length below 20", 32, NET},
        {"a data offset of 6 without room", LINK_RAW, IP4("0028") TCP("60"), 0, DECODE_BAD,
         "TCP options incomplete", 20, NET},
        {"options not captured", LINK_RAW, IP4("002c") TCP("60"), 4, DECODE_TRUNCATED,
         "TCP options incomplete", 20, NET},
        {"options in Ethernet's padding", LINK_RAW, IP4("0028") TCP("60") "01010101", 0, DECODE_BAD,
         "TCP options incomplete", 20, NET},
    };

    (void)state;
    packet_check_faults(faults, sizeof(faults) / sizeof(faults[0]));
}

#define WRONG DECODE_BAD, "TCP option length wrong"

static void test_option_faults(void **state)
{
    static const struct packet_fault faults[] = {
        {"a length of 0", LINK_RAW, IP4("002c") TCP("60") "02000000", 0, WRONG, 40, ALL},
        {"a length of 1", LINK_RAW, IP4("002c") TCP("60") "02010000", 0, WRONG, 40, ALL},
        {"a length beyond the header", LINK_RAW, IP4("002c") TCP("60") "01010806", 0, WRONG, 42,
         ALL},
        {"a kind without a length", LINK_RAW, IP4("002c") TCP("60") "01010108", 0, WRONG, 43, ALL},
        {"the largest length", LINK_RAW, IP4("002c") TCP("60") "4dff0000", 0, WRONG, 40, ALL},
        {"MSS of 3", LINK_RAW, IP4("002c") TCP("60") "02030501", 0, WRONG, 40, ALL},
        {"window scale of 4", LINK_RAW, IP4("002c") TCP("60") "03040101", 0, WRONG, 40, ALL},
        {"SACK permitted of 3", LINK_RAW, IP4("002c") TCP("60") "04030101", 0, WRONG, 40, ALL},
        {"SACK without a block", LINK_RAW, IP4("002c") TCP("60") "05020101", 0, WRONG, 40, ALL},
        {"SACK with half a block", LINK_RAW, IP4("0030") TCP("70") "0506000000010101", 0, WRONG, 40,
         ALL},
        {"timestamps of 8", LINK_RAW, IP4("0030") TCP("70") "0808000000010000", 0, WRONG, 40, ALL},
        {"MPTCP without a subtype", LINK_RAW, IP4("002c") TCP("60") "1e020101", 0, WRONG, 40, ALL},
        {"AccECN of 4", LINK_RAW, IP4("002c") TCP("60") "ac040000", 0, WRONG, 40, ALL},
        {"AccECN with four counters", LINK_RAW,
         IP4("0038") TCP("90") "ae0e 000000000000000000000000 0101", 0, WRONG, 40, ALL},
        {"lengths behind the end do not count", LINK_RAW, IP4("002c") TCP("60") "00080000", 0,
         DECODE_OK, NULL, 0, ALL},
        {"an experiment of no bytes", LINK_RAW, IP4("002c") TCP("60") "fe020101", 0, DECODE_OK,
         NULL, 0, ALL},
    };

    (void)state;
    packet_check_faults(faults, sizeof(faults) / sizeof(faults[0]));
}

/* What stands before and, if its own length can be believed, behind a bad option is good. */
static void test_options_around_a_bad_one(void **state)
{
    struct packet p;

    (void)state;
    struct decode result =
        packet_from_hex(LINK_RAW, IP4("0034") TCP("80") "020405b4 0304 0101 0101 0402", &p);
    assert_int_equal(result.status, DECODE_BAD);
    assert_int_equal(result.offset, 44);
    assert_true(p.tcp.options_bad);
    assert_true(p.tcp.has_mss);
    assert_int_equal(p.tcp.mss, 1460);
    assert_false(p.tcp.has_wscale);
    assert_true(p.tcp.sack_permitted);
    assert_int_equal(p.tcp.nkinds, 5);
}

static void test_no_option_is_left_over(void **state)
{
    struct packet p;

    (void)state;
    packet_from_hex(LINK_RAW, IP4("0028") TCP("50"), &p);
    assert_false(p.tcp.has_mss || p.tcp.has_wscale || p.tcp.sack_permitted ||
                 p.tcp.has_timestamps || p.tcp.has_fast_open || p.tcp.has_mptcp ||
                 p.tcp.has_accecn || p.tcp.options_bad);
    assert_int_equal(p.tcp.nsack + p.tcp.nkinds + p.tcp.accecn_counters, 0);
}

/* RFC 7413, appendix A, as used before the kind was assigned; the magic number decides. */
static void test_experimental_fast_open(void **state)
{
    struct packet p;

    (void)state;
    packet_from_hex(LINK_RAW, IP4("0034") TCP("80") "fe08f989 01020304 01010101", &p);
    assert_true(p.tcp.has_fast_open);
    assert_int_equal(p.tcp.fast_open_len, 4);
    packet_from_hex(LINK_RAW, IP4("002c") TCP("60") "fd04f989", &p);
    assert_true(p.tcp.has_fast_open);
    assert_int_equal(p.tcp.fast_open_len, 0);
    packet_from_hex(LINK_RAW, IP4("002c") TCP("60") "fe04f988", &p);
    assert_false(p.tcp.has_fast_open);
    assert_int_equal(p.tcp.kinds[0], 254);
}

static void test_forty_kinds_fit(void **state)
{
    struct packet p;

    (void)state;
    packet_from_hex(LINK_RAW,
                    IP4("0050") TCP("f0") "01010101010101010101010101010101010101010101010101010101"
                                          "010101010101010101010101",
                    &p);
    assert_int_equal(p.tcp.nkinds, TCP_OPTION_KINDS_MAX);
    assert_int_equal(p.tcp.header_len, 60);
}

/* The IP header tells, not the capture: 1440 bytes of payload, of which none is here. */
static void test_payload_length_of_a_cut_segment(void **state)
{
    static const struct packet_fault cut = {"cut behind the header",
                                            LINK_RAW,
                                            IP4("05c8") TCP("50"),
                                            1440,
                                            DECODE_TRUNCATED,
                                            "payload incomplete",
                                            40,
                                            ALL};
    struct packet p;

    (void)state;
    packet_check_faults(&cut, 1);
    packet_from_hex(LINK_RAW, IP4("05c8") TCP("50"), &p);
    assert_int_equal(p.tcp.payload_len, 1440);
    assert_int_equal(p.payload_len, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_header_faults),
        cmocka_unit_test(test_option_faults),
        cmocka_unit_test(test_options_around_a_bad_one),
        cmocka_unit_test(test_no_option_is_left_over),
        cmocka_unit_test(test_experimental_fast_open),
        cmocka_unit_test(test_forty_kinds_fit),
        cmocka_unit_test(test_payload_length_of_a_cut_segment),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
