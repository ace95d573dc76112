#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "base/random.h"
#include "tests/unit/guard.h"
#include "tests/unit/packets.h"

/* Decodes at a guard page; what is said must be whole, whatever the bytes are. */
static struct decode decode_guarded(enum link_type link, const uint8_t *bytes, size_t len,
                                    size_t wire_len, struct packet *p, char *text)
{
    const uint8_t *copy = guard_copy(bytes, len);

    memset(p, 0xa5, sizeof(*p));
    struct decode result = packet_decode(link, copy, len, wire_len, p);
    if (result.status == DECODE_OK) {
        assert_null(result.reason);
    } else {
        assert_non_null(result.reason);
        assert_true(result.offset <= len);
    }
    if (p->payload_len > 0) {
        assert_true(p->payload >= copy);
        assert_true(p->payload + p->payload_len <= copy + len);
    }
    packet_text(p, text);
    guard_release(copy);
    return result;
}

/* R4: cut by a snaplen, a packet is truncated, or it has lost padding and reads as before. */
static void test_cut_captures_are_truncated(void **state)
{
    char text[PACKET_TEXT_SIZE];
    uint8_t bytes[PACKET_BYTES_MAX];
    struct packet whole, p;

    (void)state;
    for (size_t i = 0; i < packet_rows_count; i++) {
        const struct packet_row *row = &packet_rows[i];
        size_t len = packet_unhex(row->hex, bytes);

        decode_guarded(row->link, bytes, len, len, &whole, text);
        for (size_t cut = 0; cut < len; cut++) {
            struct decode result = decode_guarded(row->link, bytes, cut, len, &p, text);

            assert_int_equal(p.layers & ~whole.layers, 0);
            if (result.status == DECODE_OK)
                assert_string_equal(text, row->text);
            else
                assert_int_equal(result.status, DECODE_TRUNCATED);
        }
    }
}

/* R4: a frame that ends where its headers do not say so is not fine. */
static void test_short_frames_are_not_fine(void **state)
{
    char text[PACKET_TEXT_SIZE];
    uint8_t bytes[PACKET_BYTES_MAX];
    struct packet p;

    (void)state;
    for (size_t i = 0; i < packet_rows_count; i++) {
        const struct packet_row *row = &packet_rows[i];
        size_t len = packet_unhex(row->hex, bytes);

        for (size_t cut = 0; cut < len; cut++) {
            struct decode result = decode_guarded(row->link, bytes, cut, cut, &p, text);

            if (result.status == DECODE_OK)
                assert_string_equal(text, row->text);
        }
    }
}

/* R4: every byte and every pair of bytes at 0, -1, +1 and the maximum, length fields among them. */
static void test_every_field_at_its_bounds(void **state)
{
    char text[PACKET_TEXT_SIZE];
    uint8_t bytes[PACKET_BYTES_MAX];
    struct packet p;

    (void)state;
    for (size_t i = 0; i < packet_rows_count; i++) {
        size_t len = packet_unhex(packet_rows[i].hex, bytes);

        for (size_t at = 0; at < len; at++) {
            uint8_t one = bytes[at], two = at + 1 < len ? bytes[at + 1] : 0;
            const uint8_t values[] = {0, (uint8_t)(one - 1), (uint8_t)(one + 1), 0xff};

            for (size_t v = 0; v < sizeof(values); v++) {
                bytes[at] = values[v];
                decode_guarded(packet_rows[i].link, bytes, len, len, &p, text);
                if (at + 1 < len && (v == 0 || v == 3)) {
                    bytes[at + 1] = values[v];
                    decode_guarded(packet_rows[i].link, bytes, len, len, &p, text);
                    bytes[at + 1] = two;
                }
            }
            bytes[at] = one;
        }
    }
}

static void test_random_changes(void **state)
{
    char text[PACKET_TEXT_SIZE];
    uint8_t bytes[PACKET_BYTES_MAX];
    struct random r;
    struct packet p;

    (void)state;
    print_message("seed 3\n");
    random_seed(&r, 3);
    for (int n = 0; n < 20000; n++) {
        const struct packet_row *row = &packet_rows[random_below(&r, (uint32_t)packet_rows_count)];
        size_t len = packet_unhex(row->hex, bytes);

        for (uint32_t changes = 1 + random_below(&r, 8); changes > 0; changes--)
            bytes[random_below(&r, (uint32_t)len)] = (uint8_t)random_u64(&r);
        len = 1 + random_below(&r, (uint32_t)len);
        decode_guarded(row->link, bytes, len, len + random_below(&r, 100), &p, text);
    }
}

static void test_faults(void **state)
{
    enum { RAW = LAYER_LINK, NET = LAYER_LINK | LAYER_IP };
    static const struct packet_fault faults[] = {
        {"no bytes",                        LINK_RAW,      "",                                             0, DECODE_BAD,       "IP header incomplete",                     0,  0              },
        {"no bytes captured",               LINK_RAW,      "",                                             9, DECODE_TRUNCATED, "IP header incomplete",                     0,  0              },
        {"no bytes of a fixed version",     LINK_IPV4,     "",                                             0, DECODE_BAD,       "IP header incomplete",                     0,
         RAW                                                                                                                                                                                   },
        {"version 5",                       LINK_RAW,      "55",                                           0, DECODE_BAD,       "IP version is not 4 or 6",                 0,  0              },
        {"version 6 where the link says 4", LINK_IPV4,     "60",                                           0, DECODE_BAD,
         "IP version differs from the link layer's",                                                                                                                        0,  RAW            },
        {"version 4 where the link says 6", LINK_ETHERNET, "020000000002 020000000001 86dd 45",            0,
         DECODE_BAD,                                                                                                            "IP version differs from the link layer's", 14, RAW            },
        {"a protocol of no interest",       LINK_RAW,      "45000014 00010000 402f0000 0a000002 0a630002", 0,
         DECODE_UNKNOWN,                                                                                                        "upper layer protocol not supported",       20, NET            },
        {"ICMP in IPv6",                    LINK_RAW,
         "60000000 0000 01 40 fd000000000000000000000000000002"
         "fd000000000000990000000000000002",                                                               0, DECODE_UNKNOWN,   "upper layer protocol not supported",       40, NET            },
        {"ICMPv6 in IPv4",                  LINK_RAW,      "45000014 00010000 403a0000 0a000002 0a630002", 0,
         DECODE_UNKNOWN,                                                                                                        "upper layer protocol not supported",       20, NET            },
        {"encrypted payload",               LINK_RAW,
         "60000000 0008 32 40 fd000000000000000000000000000002"
         "fd000000000000990000000000000002 0000000100000001",                                              0, DECODE_UNKNOWN,   "upper layer protocol not supported",       40, NET            },
        {"payload not captured",            LINK_RAW,
         "4500001e 00010000 0411 0000 0a000002 0a630002"
         "9c40829a000a0000",                                                                               2, DECODE_TRUNCATED, "payload incomplete",                       28, NET | LAYER_UDP},
        {"payload not on the wire",         LINK_RAW,
         "4500001e 00010000 0411 0000 0a000002 0a630002"
         "9c40829a000a0000",                                                                               0, DECODE_BAD,       "IP length beyond the frame",               2,  NET | LAYER_UDP},
        {"IPv6 payload not on the wire",    LINK_RAW,
         "60000000 000a 11 04"
         "fd000000000000000000000000000002 fd000000000000990000000000000002 9c40829a000a0000",             0, DECODE_BAD,       "IP length beyond the frame",               4,  NET | LAYER_UDP},
    };

    (void)state;
    packet_check_faults(faults, sizeof(faults) / sizeof(faults[0]));
}

/* What the IP length leaves out of the frame is no payload. */
static void test_payload_ends_with_the_packet(void **state)
{
    static const uint8_t frame[] = {0x45, 0,    0, 30, 0, 1,  0,   0,   4,   17,   0,
                                    0,    10,   0, 0,  2, 10, 99,  0,   2,   0x9c, 0x40,
                                    0x82, 0x9a, 0, 10, 0, 0,  'h', 'i', 'p', 'a',  'd'};
    struct packet p;

    (void)state;
    assert_int_equal(packet_decode_ip(frame, sizeof(frame), sizeof(frame), &p).status, DECODE_OK);
    assert_int_equal(p.layers, LAYER_LINK | LAYER_IP | LAYER_UDP);
    assert_int_equal(p.link.type, LINK_RAW);
    assert_ptr_equal(p.payload, frame + 28);
    assert_int_equal(p.payload_len, 2);
}

/* Segmentation offload: the length fields are 0, the frame is what it is. */
static void test_a_length_of_zero_is_the_frame(void **state)
{
    struct packet p;

    (void)state;
    assert_int_equal(packet_from_hex(LINK_RAW,
                                     "45000000 00010000 4006 0000 0a000002 0a630002"
                                     "9c4101bb 00000001 00000002 50100001 00000000 414243",
                                     &p)
                         .status,
                     DECODE_OK);
    assert_int_equal(p.ip.total_len, 43);
    assert_int_equal(p.tcp.payload_len, 3);
    assert_int_equal(
        packet_from_hex(LINK_RAW,
                        "60000000 0000 06 40"
                        "fd000000000000000000000000000002 fd000000000000990000000000000002"
                        "9c4101bb 00000001 00000002 50100001 00000000 414243",
                        &p)
            .status,
        DECODE_OK);
    assert_int_equal(p.ip.total_len, 63);
    assert_int_equal(p.tcp.payload_len, 3);
}

/* wire_len below len is a caller's slip, not a reason to read less or more. */
static void test_a_wire_length_too_small(void **state)
{
    uint8_t bytes[PACKET_BYTES_MAX];
    struct packet p;
    size_t len = packet_unhex(packet_rows[0].hex, bytes);

    (void)state;
    assert_int_equal(packet_decode(packet_rows[0].link, bytes, len, 0, &p).status, DECODE_OK);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_cut_captures_are_truncated),
        cmocka_unit_test(test_short_frames_are_not_fine),
        cmocka_unit_test(test_every_field_at_its_bounds),
        cmocka_unit_test(test_random_changes),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_payload_ends_with_the_packet),
        cmocka_unit_test(test_a_length_of_zero_is_the_frame),
        cmocka_unit_test(test_a_wire_length_too_small),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
