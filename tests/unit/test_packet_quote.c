#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "tests/unit/guard.h"
#include "tests/unit/packets.h"

#define ERROR4 "4500ffff 00010000 40010000 0a000701 0a000002 0b000000 00000000"
#define ERROR6                                                                                     \
    "60000000 ffff3a40 fd000000000000070000000000000001 fd000000000000000000000000000002"          \
    "03000000 00000000"
#define ADDRESSES4 "0a000002 0a630002"
#define ADDRESSES6 "fd000000000000000000000000000002 fd000000000000990000000000000002"

/* An error whose quote ends at a guard page; its IP length is set to what is there. */
static const uint8_t *quoting(const char *error, const char *quote, struct packet *p)
{
    uint8_t bytes[PACKET_BYTES_MAX], part[PACKET_BYTES_MAX];
    size_t len = packet_unhex(error, bytes), more = packet_unhex(quote, part);
    size_t at = bytes[0] >> 4 == 4 ? 2 : 4;

    memcpy(bytes + len, part, more);
    len += more;
    bytes[at] = (uint8_t)((len - (at == 4 ? 40 : 0)) >> 8);
    bytes[at + 1] = (uint8_t)(len - (at == 4 ? 40 : 0));
    const uint8_t *copy = guard_copy(bytes, len);
    memset(p, 0xa5, sizeof(*p));
    assert_int_equal(packet_decode_ip(copy, len, len, p).status, DECODE_OK);
    assert_true(p->layers & LAYER_QUOTE);
    return copy;
}

/* A text and the digits of the first `n` bytes of another. */
static const char *joined(const char *head, const char *tail, size_t n)
{
    static char hex[512];

    snprintf(hex, sizeof(hex), "%s%.*s", head, (int)(2 * n), tail);
    return hex;
}

/* Known slip: a quote of fewer than 8 bytes read as if they were there. */
static void test_quotes_shorter_than_eight_bytes(void **state)
{
    static const char udp[] = "9c40829a00180102";
    struct packet p;

    (void)state;
    for (size_t n = 0; n <= 8; n++) {
        const uint8_t *copy =
            quoting(ERROR4, joined("4500002c 12340000 01110000" ADDRESSES4, udp, n), &p);

        assert_int_equal(p.icmp.quote.len, 20 + n);
        assert_ptr_equal(p.icmp.quote.bytes, copy + 28);
        assert_int_equal(p.icmp.quote.has_ports, n >= 4);
        assert_int_equal(p.icmp.quote.has_udp, n >= 8);
        assert_false(p.icmp.quote.has_tcp_seq || p.icmp.quote.has_tcp || p.icmp.quote.has_echo);
        if (n >= 4)
            assert_int_equal(p.icmp.quote.source_port, 40000);
        guard_release(copy);
    }
}

static void test_quoted_tcp_by_length(void **state)
{
    static const char tcp[] = "9c4101bbdeadbeef000000026002040000000000020405b4";
    struct packet p;

    (void)state;
    for (size_t n = 0; n <= 24; n++) {
        const uint8_t *copy =
            quoting(ERROR4, joined("4500002c 12340000 01060000" ADDRESSES4, tcp, n), &p);

        assert_int_equal(p.icmp.quote.has_ports, n >= 4);
        assert_int_equal(p.icmp.quote.has_tcp_seq, n >= 8);
        assert_int_equal(p.icmp.quote.has_tcp, n == 24);
        if (n >= 8)
            assert_true(p.icmp.quote.tcp_seq == 0xdeadbeef);
        if (n == 24)
            assert_int_equal(p.icmp.quote.tcp.mss, 1460);
        guard_release(copy);
    }
}

/* Known slip: the inner header taken for 20 bytes. All lengths from 20 to 60. */
static void test_quoted_header_length_is_read(void **state)
{
    struct packet p;

    (void)state;
    for (int words = 5; words <= 15; words++) {
        char hex[256], options[81];

        memset(options, '1', sizeof(options));
        for (size_t i = 0; i < sizeof(options); i += 2)
            options[i] = '0';
        snprintf(hex, sizeof(hex), "4%x00005c 12340000 01110000" ADDRESSES4 "%.*s9c40829a00180102",
                 (unsigned)words, (words - 5) * 8, options);
        const uint8_t *copy = quoting(ERROR4, hex, &p);
        assert_int_equal(p.icmp.quote.ip.header_len, words * 4);
        assert_true(p.icmp.quote.has_udp);
        assert_int_equal(p.icmp.quote.udp.destination_port, 33434);
        guard_release(copy);
    }
}

/* Length fields inside a quote that cannot be right hide nothing of it. */
static void test_odd_lengths_in_quotes(void **state)
{
    static const char *const totals[] = {"0000", "0001", "0013", "0014", "001b", "ffff"};
    struct packet p;

    (void)state;
    for (size_t i = 0; i < sizeof(totals) / sizeof(totals[0]); i++) {
        char hex[128];

        snprintf(hex, sizeof(hex), "4500%s 12340000 01110000" ADDRESSES4 "9c40829a00180102",
                 totals[i]);
        const uint8_t *copy = quoting(ERROR4, hex, &p);
        bool cuts = strcmp(totals[i], "0014") == 0 || strcmp(totals[i], "001b") == 0;
        assert_int_equal(p.icmp.quote.has_udp, !cuts);
        guard_release(copy);
    }
}

static void test_extension_headers_in_quotes(void **state)
{
    static const char chain[] = "3c00010400000000"
                                "11010104000000000000000000000000"
                                "9c40829a00180102";
    struct packet p;

    (void)state;
    for (size_t n = 0; n <= 32; n++) {
        const uint8_t *copy =
            quoting(ERROR6, joined("60000000 0020 00 01" ADDRESSES6, chain, n), &p);

        assert_int_equal(p.icmp.quote.has_ports, n >= 28);
        assert_int_equal(p.icmp.quote.has_udp, n == 32);
        assert_int_equal(p.icmp.quote.ip.destination.bytes[7], 0x99);
        assert_int_equal(p.icmp.quote.ip.protocol == PROTO_UDP, n >= 24);
        guard_release(copy);
    }
}

static void test_quoted_echo(void **state)
{
    struct packet p;

    (void)state;
    const uint8_t *copy =
        quoting(ERROR4, "4500002c 12340000 01010000" ADDRESSES4 "0800f7a9beef0201", &p);
    assert_true(p.icmp.quote.has_echo);
    assert_int_equal(p.icmp.quote.icmp_checksum, 0xf7a9);
    assert_int_equal(p.icmp.quote.icmp_id, 0xbeef);
    assert_int_equal(p.icmp.quote.icmp_seq, 0x0201);
    guard_release(copy);

    copy = quoting(ERROR4, "4500002c 12340000 01010000" ADDRESSES4 "0000f7a9beef0201", &p);
    assert_false(p.icmp.quote.has_echo); /* a reply */
    guard_release(copy);
    copy = quoting(ERROR4, "4500002c 12340000 01010000" ADDRESSES4 "0800f7a9beef02", &p);
    assert_false(p.icmp.quote.has_echo); /* 7 bytes */
    guard_release(copy);
    copy = quoting(ERROR4, "4500002c 12340000 013a0000" ADDRESSES4 "8000f7a9beef0201", &p);
    assert_false(p.icmp.quote.has_echo); /* ICMPv6 in IPv4 */
    guard_release(copy);
    copy = quoting(ERROR6, "60000000 0008 3a 01" ADDRESSES6 "8000f7a9beef0201", &p);
    assert_true(p.icmp.quote.has_echo);
    guard_release(copy);
    copy = quoting(ERROR6, "60000000 0008 01 01" ADDRESSES6 "0800f7a9beef0201", &p);
    assert_false(p.icmp.quote.has_echo); /* ICMPv4 in IPv6 */
    guard_release(copy);
}

/* What a quoted transport lacks is no fault of the packet; what is no IP packet is one. */
static void test_faults(void **state)
{
    enum { ICMP = LAYER_LINK | LAYER_IP | LAYER_ICMP, ALL = ICMP | LAYER_QUOTE };
    static const struct packet_fault faults[] = {
        {"version 5", LINK_RAW,
         "45000038 00010000 40010000 0a000701 0a000002 0b000000 00000000"
         "5500002c 12340000 01110000" ADDRESSES4 "9c40829a00180102",
         0, DECODE_BAD, "IP version is not 4 or 6", 28, ICMP},
        {"a header of 16 bytes", LINK_RAW,
         "45000038 00010000 40010000 0a000701 0a000002 0b000000 00000000"
         "4400002c 12340000 01110000" ADDRESSES4 "9c40829a00180102",
         0, DECODE_BAD, "IPv4 header length below 20", 28, ICMP},
        {"options that are not quoted", LINK_RAW,
         "45000038 00010000 40010000 0a000701 0a000002 0b000000 00000000"
         "4f00002c 12340000 01110000" ADDRESSES4 "9c40829a00180102",
         0, DECODE_BAD, "IPv4 options incomplete", 28, ICMP},
        {"IPv6 quoted by ICMP", LINK_RAW,
         "4500004c 00010000 40010000 0a000701 0a000002 0b000000 00000000"
         "60000000 0008 11 01" ADDRESSES6 "9c40829a00080102",
         0, DECODE_BAD, "quoted packet of another IP version", 28, ICMP},
        {"a TCP header length of 0", LINK_RAW,
         "45000044 00010000 40010000 0a000701 0a000002 0b000000 00000000"
         "4500002c 12340000 01060000" ADDRESSES4 "9c4101bbdeadbeef0000000200020400 00000000",
         0, DECODE_OK, NULL, 0, ALL},
    };

    (void)state;
    packet_check_faults(faults, sizeof(faults) / sizeof(faults[0]));
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_quotes_shorter_than_eight_bytes),
        cmocka_unit_test(test_quoted_tcp_by_length),
        cmocka_unit_test(test_quoted_header_length_is_read),
        cmocka_unit_test(test_odd_lengths_in_quotes),
        cmocka_unit_test(test_extension_headers_in_quotes),
        cmocka_unit_test(test_quoted_echo),
        cmocka_unit_test(test_faults),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
