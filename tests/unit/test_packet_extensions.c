#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "tests/unit/packets.h"

/* A time exceeded with 28 quoted bytes, as its length says, and an extension structure at 56. */
#define ERROR(total)                                                                               \
    "4500" total "00010000 40010000 0a000701 0a000002 0b000000 00070000"                           \
    "4500002c 12340000 01119327 0a000002 0a630002 9c40829a 00189d45"
#define LABEL "0008 0101 05dc1b01" /* 24001, traffic class 5, bottom, TTL 1 */

enum { ALL = LAYER_LINK | LAYER_IP | LAYER_ICMP | LAYER_QUOTE };

static void test_rows(void **state)
{
    (void)state;
    packet_check_part("extension");
}

static void test_faults(void **state)
{
    static const struct packet_fault faults[] = {
        {"scapy's checksum", LINK_RAW, ERROR("0044") "2000be19" LABEL, 0, DECODE_OK, NULL, 0, ALL},
        {"no checksum", LINK_RAW, ERROR("0044") "20000000" LABEL, 0, DECODE_OK, NULL, 0, ALL},
        {"a wrong checksum", LINK_RAW, ERROR("0044") "2000be18" LABEL, 0, DECODE_BAD,
         "ICMP extension checksum wrong", 58, ALL},
        {"version 1", LINK_RAW, ERROR("0044") "10000000" LABEL, 0, DECODE_UNKNOWN,
         "ICMP extension version is not 2", 56, ALL},
        {"3 bytes of a header", LINK_RAW, ERROR("003b") "200000", 0, DECODE_BAD,
         "ICMP extension header incomplete", 56, ALL},
        {"3 bytes of a header captured", LINK_RAW, ERROR("0044") "200000", 9, DECODE_TRUNCATED,
         "ICMP extension header incomplete", 56, ALL},
        {"no object", LINK_RAW, ERROR("003c") "20000000", 0, DECODE_OK, NULL, 0, ALL},
        {"3 bytes of an object", LINK_RAW, ERROR("003f") "20000000 000801", 0, DECODE_BAD,
         "ICMP extension object incomplete", 60, ALL},
        {"an object of length 0", LINK_RAW, ERROR("0044") "20000000 0000 0101 05dc1b01", 0,
         DECODE_BAD, "ICMP extension object length below 4", 60, ALL},
        {"an object of length 3", LINK_RAW, ERROR("0044") "20000000 0003 0101 05dc1b01", 0,
         DECODE_BAD, "ICMP extension object length below 4", 60, ALL},
        {"a length one too small", LINK_RAW, ERROR("0044") "20000000 0007 0101 05dc1b01", 0,
         DECODE_BAD, "ICMP extension object malformed", 60, ALL},
        {"a length one too large", LINK_RAW, ERROR("0044") "20000000 0009 0101 05dc1b01", 0,
         DECODE_BAD, "ICMP extension object incomplete", 60, ALL},
        {"the largest length", LINK_RAW, ERROR("0044") "20000000 ffff 0101 05dc1b01", 0, DECODE_BAD,
         "ICMP extension object incomplete", 60, ALL},
        {"an object not captured", LINK_RAW, ERROR("0044") "2000be19 0008 0101", 4,
         DECODE_TRUNCATED, "ICMP extension object incomplete", 60, ALL},
        {"the second object is bad", LINK_RAW, ERROR("004c") "20000000" LABEL "0003 0101 05dc1b01",
         0, DECODE_BAD, "ICMP extension object length below 4", 68, ALL},
        {"a class of no interest", LINK_RAW, ERROR("0044") "20000000 0008 0401 00000000", 0,
         DECODE_OK, NULL, 0, ALL},
    };

    (void)state;
    packet_check_faults(faults, sizeof(faults) / sizeof(faults[0]));
}

/* The body of an interface object, by the parts its c-type announces (RFC 5837 4). */
static void test_interface_faults(void **state)
{
    static const struct {
        const char *hex;
        bool ok;
    } rows[] = {
        {ERROR("0044") "20000000 0008 0208 0000002a", true},
        {ERROR("0043") "20000000 0007 0208 000000", false}, /* 3 bytes of an index */
        {ERROR("0048") "20000000 000c 0204 00010000 c0000201", true},
        {ERROR("0048") "20000000 000c 0204 00020000 c0000201", false}, /* IPv6 needs 16 */
        {ERROR("0048") "20000000 000c 0204 00030000 c0000201", false}, /* no such family */
        {ERROR("0044") "20000000 0008 0204 00010000", false},
        {ERROR("0044") "20000000 0008 0202 04657468", true},
        {ERROR("0044") "20000000 0008 0202 00657468", false}, /* a name of length 0 */
        {ERROR("0044") "20000000 0008 0202 03657468", false}, /* no multiple of 4 */
        {ERROR("0044") "20000000 0008 0202 08657468", false}, /* longer than the object */
        {ERROR("0044") "20000000 0008 0202 44657468", false}, /* 68: longer than 64 */
        {ERROR("0044") "20000000 0008 0202 ff657468", false},
        {ERROR("0040") "20000000 0004 0202", false},
        {ERROR("0044") "20000000 0008 0201 00002328", true},
        {ERROR("0042") "20000000 0006 0201 0000", false},
        {ERROR("0044") "20000000 0008 0209 0000002a", false}, /* an index, but no MTU */
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct packet p;
        struct decode result = packet_from_hex(LINK_RAW, rows[i].hex, &p);

        assert_int_equal(result.status, rows[i].ok ? DECODE_OK : DECODE_BAD);
        assert_int_equal(p.icmp.extensions.ninterfaces, rows[i].ok);
        if (!rows[i].ok) {
            assert_string_equal(result.reason, "ICMP extension object malformed");
            assert_int_equal(result.offset, 60);
        }
    }
}

static void test_name_without_padding_and_end(void **state)
{
    struct packet p;

    (void)state;
    packet_from_hex(LINK_RAW, ERROR("0048") "20000000 000c 0202 08 657468300000 00", &p);
    assert_int_equal(p.icmp.extensions.interfaces[0].name_len, 4);
    assert_memory_equal(p.icmp.extensions.interfaces[0].name, "eth0", 4);
    packet_from_hex(LINK_RAW, ERROR("0044") "20000000 0008 0202 04 000000", &p);
    assert_int_equal(p.icmp.extensions.interfaces[0].name_len, 0);
    assert_true(p.icmp.extensions.interfaces[0].has_name);
}

/* With a wrong checksum nothing of it is handed out. */
static void test_objects_need_a_right_checksum(void **state)
{
    struct packet p;

    (void)state;
    packet_from_hex(LINK_RAW, ERROR("0044") "2000be18" LABEL, &p);
    assert_true(p.icmp.extensions.present);
    assert_false(p.icmp.extensions.checksum_ok);
    assert_int_equal(p.icmp.extensions.nmpls, 0);
    packet_from_hex(LINK_RAW, ERROR("0044") "2000be19" LABEL, &p);
    assert_true(p.icmp.extensions.checksum_ok);
    assert_false(p.icmp.extensions.fixed_offset);
    assert_int_equal(p.icmp.extensions.nmpls, 1);
    assert_int_equal(p.icmp.extensions.mpls[0].label, 24001);
}

static void test_tables_have_an_end(void **state)
{
    char hex[2048] = ERROR("0100") "20000000 0034 0101"; /* 12 labels */
    struct packet p;

    (void)state;
    for (int i = 0; i < 12; i++)
        strncat(hex, "05dc1b01", sizeof(hex) - strlen(hex) - 1);
    for (int i = 0; i < 6; i++)
        strncat(hex, "0008 0208 0000002a", sizeof(hex) - strlen(hex) - 1);
    for (int i = 0; i < 12; i++)
        strncat(hex, "0004 0900", sizeof(hex) - strlen(hex) - 1);
    packet_from_hex(LINK_RAW, hex, &p);
    assert_int_equal(p.icmp.extensions.nmpls, ICMP_MPLS_MAX);
    assert_int_equal(p.icmp.extensions.ninterfaces, ICMP_INTERFACES_MAX);
    assert_int_equal(p.icmp.extensions.unknown, 12);
}

#define FIXED4                                                                                     \
    "450000a8 00010000 40015f52 0a000701 0a000002 0b000990 00000000"                               \
    "4500002c 12340000 01119327 0a000002 0a630002 9c40829a 00189d45"
#define FIXED6                                                                                     \
    "60000000 00943a40 fd000000000000070000000000000001 fd000000000000000000000000000002"          \
    "03009135 00000000 60000000 00181101 fd000000000000000000000000000002"                         \
    "fd000000000000990000000000000002 9c40829a 0018b70d"

/* 128 bytes of quote without a length, filled up with zeros, and what scapy puts behind them. */
static void fixed_offset(uint8_t version, uint8_t bytes[PACKET_BYTES_MAX], size_t *len)
{
    uint8_t part[PACKET_BYTES_MAX];
    size_t header = version == 4 ? 28 : 48;
    size_t used = packet_unhex(version == 4 ? FIXED4 : FIXED6, bytes);

    memset(bytes + used, 0, header + 128 - used);
    memcpy(bytes + used, "0123456789abcdef", 16);
    size_t tail = packet_unhex("2000be190008010105dc1b01", part);
    memcpy(bytes + header + 128, part, tail);
    *len = header + 128 + tail;
}

static void check_fixed_offset(uint8_t version)
{
    uint8_t bytes[PACKET_BYTES_MAX];
    struct packet p;
    size_t len;

    fixed_offset(version, bytes, &len);
    assert_int_equal(packet_decode_ip(bytes, len, len, &p).status, DECODE_OK);
    assert_true(p.icmp.checksum_ok);
    assert_true(p.icmp.extensions.fixed_offset);
    assert_int_equal(p.icmp.extensions.mpls[0].label, 24001);
    assert_int_equal(p.icmp.quote.len, version == 4 ? 44 : 64); /* padding left out */

    /* Nothing but a right, computed checksum tells it from quoted bytes. */
    bytes[len - 10] ^= 1;
    assert_int_equal(packet_decode_ip(bytes, len, len, &p).status, DECODE_OK);
    assert_false(p.icmp.extensions.present);
    assert_false(p.icmp.extensions.fixed_offset);
    bytes[len - 10] = bytes[len - 9] = 0;
    assert_int_equal(packet_decode_ip(bytes, len, len, &p).status, DECODE_OK);
    assert_false(p.icmp.extensions.present);
    /* Version 3, with a checksum that fits it. */
    fixed_offset(version, bytes, &len);
    bytes[len - 12] = 0x30;
    bytes[len - 10] -= 0x10;
    packet_decode_ip(bytes, len, len, &p);
    assert_false(p.icmp.extensions.present);
    /* Not all captured: no proof. */
    fixed_offset(version, bytes, &len);
    packet_decode_ip(bytes, len - 1, len, &p);
    assert_false(p.icmp.extensions.present);
}

static void test_fixed_offset_needs_proof(void **state)
{
    (void)state;
    check_fixed_offset(4);
    check_fixed_offset(6);
}

/* A type that carries no extensions is not searched for them. */
static void test_source_quench_has_none(void **state)
{
    uint8_t bytes[PACKET_BYTES_MAX];
    struct packet p;
    size_t len;

    (void)state;
    fixed_offset(4, bytes, &len);
    bytes[20] = 4;
    packet_decode_ip(bytes, len, len, &p);
    assert_true(p.layers & LAYER_QUOTE);
    assert_false(p.icmp.extensions.present);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rows),
        cmocka_unit_test(test_faults),
        cmocka_unit_test(test_interface_faults),
        cmocka_unit_test(test_name_without_padding_and_end),
        cmocka_unit_test(test_objects_need_a_right_checksum),
        cmocka_unit_test(test_tables_have_an_end),
        cmocka_unit_test(test_fixed_offset_needs_proof),
        cmocka_unit_test(test_source_quench_has_none),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
