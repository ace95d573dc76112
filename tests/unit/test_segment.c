#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/helpers/segment_same.h"
#include "tests/unit/guard.h"
#include "tests/unit/packets.h"

/* Ports 40001 to 443; the numbers after the colon are what tshark reads from the same bytes. */
#define IP4(total) "4500" total "00010000 40060000 0a000002 0a630002"

static enum segment_kind segment_of_hex(enum link_type link, const char *hex, size_t missing,
                                        struct segment *s)
{
    uint8_t bytes[PACKET_BYTES_MAX];
    size_t len = packet_unhex(hex, bytes);
    const uint8_t *copy = guard_copy(bytes, len);

    memset(s, 0, sizeof(*s));
    enum segment_kind kind = segment_decode(link, copy, len, len + missing, s);
    guard_release(copy);
    return kind;
}

static void test_fields(void **state)
{
    struct segment s;

    (void)state;
    assert_int_equal(segment_of_hex(LINK_RAW,
                                    IP4("05dc") "9c4101bb 01020304 05060708 8018 01f5 0000 0000"
                                                "0101080a 11121314 21222324",
                                    1448, &s),
                     SEGMENT_TCP);
    assert_int_equal(s.family, 4);
    assert_memory_equal(s.source, ((uint8_t[16]){10, 0, 0, 2}), 16);
    assert_memory_equal(s.destination, ((uint8_t[16]){10, 99, 0, 2}), 16);
    assert_int_equal(s.source_port, 40001);
    assert_int_equal(s.destination_port, 443);
    assert_int_equal(s.seq, 0x01020304);
    assert_int_equal(s.ack, 0x05060708);
    assert_int_equal(s.flags, TCP_ACK | TCP_PSH);
    assert_int_equal(s.window, 501);
    assert_int_equal(s.payload_len, 1448);
    assert_int_equal(s.has, SEGMENT_HAS_TIMESTAMPS | SEGMENT_HAS_ID);
    assert_int_equal(s.tsval, 0x11121314);
    assert_int_equal(s.tsecr, 0x21222324);
    assert_int_equal(s.id, 1);
    assert_int_equal(s.ttl, 64);
    assert_false(s.fragment);
}

static void test_options_of_a_syn(void **state)
{
    struct segment s;

    (void)state;
    assert_int_equal(segment_of_hex(LINK_RAW,
                                    IP4("003c") "9c4101bb 01020304 00000000 a002 fa00 0000 0000"
                                                "020405b4 0402080a 11121314 00000000 01030307",
                                    0, &s),
                     SEGMENT_TCP);
    assert_int_equal(s.mss, 1460);
    assert_int_equal(s.wscale, 7);
    assert_int_equal(s.has, SEGMENT_HAS_ID | SEGMENT_HAS_MSS | SEGMENT_HAS_WSCALE |
                                SEGMENT_HAS_SACK_PERMITTED | SEGMENT_HAS_TIMESTAMPS);
    assert_int_equal(s.payload_len, 0);
}

static void test_sack_blocks(void **state)
{
    struct segment s;

    (void)state;
    assert_int_equal(segment_of_hex(LINK_RAW,
                                    IP4("0040") "9c4101bb 01020304 05060708 b010 fa00 0000 0000"
                                                "0101080a 11121314 21222324"
                                                "0101050a 00000064 000000c8",
                                    0, &s),
                     SEGMENT_TCP);
    assert_int_equal(s.nsack, 1);
    assert_int_equal(s.sack[0].left, 100);
    assert_int_equal(s.sack[0].right, 200);
}

static void test_kinds(void **state)
{
    struct segment s;

    (void)state;
    assert_int_equal(
        segment_of_hex(LINK_RAW, "45000028000120b9 40060000 0a000002 0a630002", 20, &s),
        SEGMENT_FRAGMENT);
    assert_int_equal(segment_of_hex(LINK_RAW, "4500001c00010000 40110000 0a000002 0a630002", 8, &s),
                     SEGMENT_OTHER);
    assert_int_equal(segment_of_hex(LINK_RAW, IP4("0028") "9c4101bb", 16, &s), SEGMENT_TRUNCATED);
    assert_int_equal(
        segment_of_hex(LINK_RAW, IP4("0028") "9c4101bb 00000001 00000002 40100400 00000000", 0, &s),
        SEGMENT_BAD);
    assert_int_equal(segment_of_hex(LINK_RAW,
                                    "4500003000012000 40060000 0a000002 0a630002"
                                    "9c4101bb 00000001 00000002 50100400 00000000 0000000000000000",
                                    0, &s),
                     SEGMENT_TCP);
    assert_true(s.fragment);
    assert_int_equal(s.payload_len, 8);
}

/* TSO: the length field is 0, or stands for 64 KiB and more; what is seen counts. */
static void test_offloaded_lengths(void **state)
{
    struct segment s;

    (void)state;
    assert_int_equal(segment_of_hex(LINK_RAW,
                                    IP4("0000") "9c4101bb 00000001 00000002 50100400 00000000",
                                    100000, &s),
                     SEGMENT_TCP);
    assert_int_equal(s.payload_len, 100000);
}

/* Every frame that the full decoder is tested with, cut at every length. */
static void test_same_as_packet_decode(void **state)
{
    size_t compared = 0;

    (void)state;
    for (size_t i = 0; i < packet_rows_count; i++) {
        uint8_t bytes[PACKET_BYTES_MAX];
        size_t whole = packet_unhex(packet_rows[i].hex, bytes);
        for (size_t len = 0; len <= whole; len++, compared++) {
            const uint8_t *copy = guard_copy(bytes, len);
            if (!segment_same(packet_rows[i].link, copy, len, whole))
                fail_msg("'%s' cut at %zu", packet_rows[i].name, len);
            guard_release(copy);
        }
    }
    assert_true(compared > 1000);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_fields),
        cmocka_unit_test(test_options_of_a_syn),
        cmocka_unit_test(test_sack_blocks),
        cmocka_unit_test(test_kinds),
        cmocka_unit_test(test_offloaded_lengths),
        cmocka_unit_test(test_same_as_packet_decode),
    };

    return cmocka_run_group_tests_name("segment", tests, NULL, NULL);
}
