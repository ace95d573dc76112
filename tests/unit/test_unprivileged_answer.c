#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <string.h>
#include <sys/socket.h>

#include "io/unprivileged_answer.h"
#include "tests/unit/guard.h"
#include "wire/icmp.h"

/* scapy: IP(ttl=3, id=7)/ICMP(id=0x1234, seq=0x4321)/(b"A" * 12) */
static const uint8_t echo4[] = {0x45, 0x00, 0x00, 0x28, 0x00, 0x07, 0x00, 0x00, 0x03, 0x01,
                                0x9f, 0xba, 0x0a, 0x09, 0x01, 0x01, 0x0a, 0x09, 0x03, 0x02,
                                0x08, 0x00, 0x1b, 0x23, 0x12, 0x34, 0x43, 0x21, 0x41, 0x41,
                                0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41};

/* scapy: IPv6(hlim=2)/UDP(sport=4000, dport=33434)/(b"B" * 12) */
static const uint8_t udp6[] = {
    0x60, 0x00, 0x00, 0x00, 0x00, 0x14, 0x11, 0x02, 0xfd, 0x09, 0x00, 0x01, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0xfd, 0x09, 0x00, 0x03, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x0f, 0xa0, 0x82, 0x9a, 0x00,
    0x14, 0xe5, 0xe3, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42};

/* scapy: IP(ttl=9)/TCP(sport=5000, dport=443, seq=0xfffffffe, flags="S") */
static const uint8_t syn4[] = {0x45, 0x00, 0x00, 0x28, 0x00, 0x01, 0x00, 0x00, 0x09, 0x06,
                               0x99, 0xbb, 0x0a, 0x09, 0x01, 0x01, 0x0a, 0x09, 0x03, 0x02,
                               0x13, 0x88, 0x01, 0xbb, 0xff, 0xff, 0xff, 0xfe, 0x00, 0x00,
                               0x00, 0x00, 0x50, 0x02, 0x20, 0x00, 0x62, 0x8c, 0x00, 0x00};

/* scapy: the time exceeded of 10.9.2.2 for echo4 with the TTL that it had left */
static const uint8_t time_exceeded4[] = {
    0x45, 0x00, 0x00, 0x44, 0x00, 0x00, 0x00, 0x00, 0x3f, 0x01, 0x64, 0xa5, 0x0a, 0x09,
    0x02, 0x02, 0x0a, 0x09, 0x01, 0x01, 0x0b, 0x00, 0xf4, 0xff, 0x00, 0x00, 0x00, 0x00,
    0x45, 0x00, 0x00, 0x28, 0x00, 0x07, 0x00, 0x00, 0x01, 0x01, 0xa1, 0xba, 0x0a, 0x09,
    0x01, 0x01, 0x0a, 0x09, 0x03, 0x02, 0x08, 0x00, 0x1b, 0x23, 0x12, 0x34, 0x43, 0x21,
    0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41};

/* scapy: the reply to echo4 */
static const uint8_t echo_reply4[] = {0x45, 0x00, 0x00, 0x28, 0x00, 0x00, 0x00, 0x00, 0x3d, 0x01,
                                      0x65, 0xc1, 0x0a, 0x09, 0x03, 0x02, 0x0a, 0x09, 0x01, 0x01,
                                      0x00, 0x00, 0x23, 0x23, 0x12, 0x34, 0x43, 0x21, 0x41, 0x41,
                                      0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41, 0x41};

/* scapy: the port unreachable for udp6, its hop limit unknown */
static const uint8_t port_unreachable6[] = {
    0x60, 0x00, 0x00, 0x00, 0x00, 0x44, 0x3a, 0x3e, 0xfd, 0x09, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xfd, 0x09, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x01, 0x04, 0x93, 0x73, 0x00, 0x00, 0x00, 0x00,
    0x60, 0x00, 0x00, 0x00, 0x00, 0x14, 0x11, 0x00, 0xfd, 0x09, 0x00, 0x01, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0xfd, 0x09, 0x00, 0x03, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x0f, 0xa0, 0x82, 0x9a, 0x00, 0x14, 0xe5, 0xe3,
    0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42, 0x42};

/* scapy: an answer to udp6 */
static const uint8_t udp_reply6[] = {
    0x60, 0x00, 0x00, 0x00, 0x00, 0x0d, 0x11, 0x3e, 0xfd, 0x09, 0x00, 0x03, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xfd, 0x09, 0x00, 0x01,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x01, 0x82, 0x9a,
    0x0f, 0xa0, 0x00, 0x0d, 0x2f, 0xad, 0x68, 0x65, 0x6c, 0x6c, 0x6f};

/* scapy: the answer to syn4 */
static const uint8_t synack4[] = {0x45, 0x00, 0x00, 0x28, 0x00, 0x00, 0x00, 0x00, 0x40, 0x06,
                                  0x62, 0xbc, 0x0a, 0x09, 0x03, 0x02, 0x0a, 0x09, 0x01, 0x01,
                                  0x01, 0xbb, 0x13, 0x88, 0x00, 0x00, 0x00, 0x00, 0xff, 0xff,
                                  0xff, 0xff, 0x50, 0x12, 0x00, 0x00, 0x82, 0x7b, 0x00, 0x00};

/* scapy: IP(id=1)/TCP(sport=61000, dport=443, seq=7, flags="S", Linux' options, TSval 0x01020304)
 */
static const uint8_t syn_stamped4[] = {
    0x45, 0x00, 0x00, 0x3c, 0x00, 0x01, 0x00, 0x00, 0x40, 0x06, 0x62, 0xa7, 0x0a, 0x09, 0x01,
    0x01, 0x0a, 0x09, 0x03, 0x02, 0xee, 0x48, 0x01, 0xbb, 0x00, 0x00, 0x00, 0x07, 0x00, 0x00,
    0x00, 0x00, 0xa0, 0x02, 0xfa, 0xf0, 0x40, 0xea, 0x00, 0x00, 0x02, 0x04, 0x05, 0xb4, 0x04,
    0x02, 0x08, 0x0a, 0x01, 0x02, 0x03, 0x04, 0x00, 0x00, 0x00, 0x00, 0x01, 0x03, 0x03, 0x07};

/* scapy: the answer to syn_stamped4, echoing its TSval */
static const uint8_t synack_stamped4[] = {
    0x45, 0x00, 0x00, 0x34, 0x00, 0x00, 0x00, 0x00, 0x40, 0x06, 0x62, 0xb0, 0x0a,
    0x09, 0x03, 0x02, 0x0a, 0x09, 0x01, 0x01, 0x01, 0xbb, 0xee, 0x48, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x08, 0x80, 0x12, 0x00, 0x00, 0x6a, 0x95, 0x00,
    0x00, 0x01, 0x01, 0x08, 0x0a, 0x00, 0x00, 0x00, 0x00, 0x01, 0x02, 0x03, 0x04};

/* scapy: RFC 4950 object, label 1601, without a checksum (zero) */
static const uint8_t mpls[] = {0x20, 0x00, 0x00, 0x00, 0x00, 0x08,
                               0x01, 0x01, 0x00, 0x64, 0x11, 0x01};

static uint8_t out[UNPRIVILEGED_ANSWER_MAX];

static struct unprivileged_probe probe_of(const uint8_t *bytes, size_t len)
{
    struct unprivileged_probe probe;

    assert_int_equal(unprivileged_read_probe(bytes, len, &probe), 0);
    return probe;
}

static struct unprivileged_control error_from(const char *text, uint8_t type, uint8_t code,
                                              uint8_t ttl)
{
    struct unprivileged_control control = {
        .has_error = true, .type = type, .code = code, .ttl = ttl};

    assert_int_equal(address_parse(text, &control.offender), 0);
    return control;
}

static void test_reads_probes(void **unused)
{
    struct unprivileged_probe probe = probe_of(echo4, sizeof(echo4));
    uint8_t reply[sizeof(echo_reply4)];

    (void)unused;
    assert_int_equal(probe.icmp_id, 0x1234);
    assert_int_equal(probe.icmp_seq, 0x4321);
    assert_int_equal(probe.kept, sizeof(echo4));
    probe = probe_of(udp6, sizeof(udp6));
    assert_int_equal(probe.destination_port, 33434);
    assert_int_equal(probe.payload_offset, 48);
    probe = probe_of(syn4, sizeof(syn4));
    assert_int_equal(probe.tcp_seq, 0xfffffffe);
    memcpy(reply, echo_reply4, sizeof(reply));
    assert_true(unprivileged_read_probe(reply, sizeof(reply), &probe) < 0); /* no socket for it */
    for (size_t len = 0; len < 28; len++) {
        const uint8_t *cut = guard_copy(echo4, len);

        assert_true(unprivileged_read_probe(cut, len, &probe) < 0);
        guard_release(cut);
    }
}

static void test_time_exceeded(void **unused)
{
    struct unprivileged_probe probe = probe_of(echo4, sizeof(echo4));
    struct unprivileged_control control = error_from("10.9.2.2", 11, 0, 63);
    size_t len = unprivileged_write_error(&probe, &control, NULL, 0, out, sizeof(out));

    (void)unused;
    assert_int_equal(len, sizeof(time_exceeded4));
    assert_memory_equal(out, time_exceeded4, len);
}

static void test_port_unreachable6(void **unused)
{
    struct unprivileged_probe probe = probe_of(udp6, sizeof(udp6));
    struct unprivileged_control control = error_from("fd09:3::2", 1, 4, 62);
    size_t len = unprivileged_write_error(&probe, &control, NULL, 0, out, sizeof(out));

    (void)unused;
    assert_int_equal(len, sizeof(port_unreachable6));
    assert_memory_equal(out, port_unreachable6, len);
}

static void test_extensions_survive(void **unused)
{
    struct unprivileged_probe probe = probe_of(echo4, sizeof(echo4));
    struct unprivileged_control control = error_from("10.9.2.2", 11, 0, 63);
    uint8_t data[100 + sizeof(mpls)] = {0};
    struct packet packet;

    (void)unused;
    memcpy(data + 100, mpls, sizeof(mpls));
    control.has_extensions = true;
    control.extensions_offset = 100;
    size_t len = unprivileged_write_error(&probe, &control, data, sizeof(data), out, sizeof(out));

    assert_int_equal(packet_decode_ip(out, len, len, &packet).status, DECODE_OK);
    assert_true(packet.icmp.checksum_ok);
    assert_true(packet.icmp.extensions.present);
    assert_false(packet.icmp.extensions.fixed_offset);
    assert_int_equal(packet.icmp.extensions.nmpls, 1);
    assert_int_equal(packet.icmp.extensions.mpls[0].label, 1601);
    assert_int_equal(packet.icmp.quote.icmp_id, 0x1234);
    control.extensions_offset = sizeof(data); /* past the end: none */
    len = unprivileged_write_error(&probe, &control, data, sizeof(data), out, sizeof(out));
    assert_int_equal(len, sizeof(time_exceeded4));
}

static void test_too_big_has_its_mtu(void **unused)
{
    struct unprivileged_probe probe = probe_of(echo4, sizeof(echo4));
    struct unprivileged_control control =
        error_from("10.9.2.2", ICMP4_UNREACHABLE, ICMP4_FRAGMENTATION_NEEDED, 63);
    struct packet packet;

    (void)unused;
    control.info = 1400;
    size_t len = unprivileged_write_error(&probe, &control, NULL, 0, out, sizeof(out));

    packet_decode_ip(out, len, len, &packet);
    assert_int_equal(packet.icmp.mtu, 1400);
    probe = probe_of(udp6, sizeof(udp6));
    control = error_from("fd09:2::2", ICMP6_PACKET_TOO_BIG, 0, 63);
    control.info = 1280;
    len = unprivileged_write_error(&probe, &control, NULL, 0, out, sizeof(out));
    packet_decode_ip(out, len, len, &packet);
    assert_int_equal(packet.icmp.mtu, 1280);
}

/* The kernel's identifier, 0x5555 here, is replaced by the probe's. */
static void test_echo_reply(void **unused)
{
    struct unprivileged_probe probe = probe_of(echo4, sizeof(echo4));
    uint8_t data[20] = {0, 0, 0, 0, 0x55, 0x55, 0x43, 0x21};

    (void)unused;
    memset(data + 8, 'A', 12);
    size_t len = unprivileged_write_echo_reply(&probe, &probe.ip.destination, 61, data,
                                               sizeof(data), out, sizeof(out));

    assert_int_equal(len, sizeof(echo_reply4));
    assert_memory_equal(out, echo_reply4, len);
    assert_int_equal(
        unprivileged_write_echo_reply(&probe, &probe.ip.destination, 61, data, 7, out, sizeof(out)),
        0);
}

static void test_udp_reply(void **unused)
{
    struct unprivileged_probe probe = probe_of(udp6, sizeof(udp6));
    size_t len = unprivileged_write_udp_reply(&probe, &probe.ip.destination, 62,
                                              (const uint8_t *)"hello", 5, out, sizeof(out));

    (void)unused;
    assert_int_equal(len, sizeof(udp_reply6));
    assert_memory_equal(out, udp_reply6, len);
}

static void test_tcp_answer_echoes_timestamps(void **unused)
{
    struct unprivileged_probe probe = probe_of(syn_stamped4, sizeof(syn_stamped4));
    size_t len = unprivileged_write_tcp_answer(&probe, TCP_SYN | TCP_ACK, out, sizeof(out));

    (void)unused;
    assert_int_equal(len, sizeof(synack_stamped4));
    assert_memory_equal(out, synack_stamped4, len);
}

static void test_only_syns_can_be_sent(void **unused)
{
    struct unprivileged_probe probe;
    uint8_t reset[sizeof(syn4)];

    (void)unused;
    memcpy(reset, syn4, sizeof(syn4));
    reset[33] = TCP_RST;
    assert_int_equal(unprivileged_read_probe(reset, sizeof(reset), &probe), -EINVAL);
}

static void test_tcp_answer_proves_the_probe(void **unused)
{
    struct unprivileged_probe probe = probe_of(syn4, sizeof(syn4));
    size_t len = unprivileged_write_tcp_answer(&probe, TCP_SYN | TCP_ACK, out, sizeof(out));

    (void)unused;
    assert_int_equal(len, sizeof(synack4));
    assert_memory_equal(out, synack4, len);
}

static void test_families_must_agree(void **unused)
{
    struct unprivileged_probe probe = probe_of(echo4, sizeof(echo4));
    struct unprivileged_control control = error_from("fd09:2::2", 3, 0, 63);

    (void)unused;
    assert_int_equal(unprivileged_write_error(&probe, &control, NULL, 0, out, sizeof(out)), 0);
    control = error_from("10.9.2.2", 11, 0, 63);
    control.has_error = false;
    assert_int_equal(unprivileged_write_error(&probe, &control, NULL, 0, out, sizeof(out)), 0);
    control.has_error = true;
    for (size_t size = 0; size < sizeof(time_exceeded4); size++)
        assert_int_equal(unprivileged_write_error(&probe, &control, NULL, 0, out, size), 0);
}

union control_message {
    struct cmsghdr header;
    uint8_t bytes[sizeof(struct cmsghdr) + 48];
};

/* R36: a stamp of zero, which is what a sandbox that forgets the option gives, is none. */
static void test_a_stamp_must_be_there(void **unused)
{
    union control_message c = {.bytes = {0}};
    struct msghdr message = {.msg_control = &c, .msg_controllen = sizeof(c)};
    struct unprivileged_control control;
    int64_t seconds = 1700000000, nanoseconds = 5;

    (void)unused;
    c.header.cmsg_len = CMSG_LEN(48);
    c.header.cmsg_level = SOL_SOCKET;
    c.header.cmsg_type = SCM_TIMESTAMPING;
    unprivileged_read_control(&message, &control);
    assert_false(control.has_stamp);
    assert_int_equal(control.ttl, 64);
    memcpy(c.bytes + sizeof(struct cmsghdr), &seconds, 8);
    memcpy(c.bytes + sizeof(struct cmsghdr) + 8, &nanoseconds, 8);
    unprivileged_read_control(&message, &control);
    assert_true(control.has_stamp);
    assert_int_equal(control.stamp_unix_ns, INT64_C(1700000000000000005));
    seconds = INT64_MAX;
    memcpy(c.bytes + sizeof(struct cmsghdr), &seconds, 8);
    unprivileged_read_control(&message, &control);
    assert_false(control.has_stamp);
    c.header.cmsg_len = CMSG_LEN(8);
    unprivileged_read_control(&message, &control);
    assert_false(control.has_stamp);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_probes),
        cmocka_unit_test(test_time_exceeded),
        cmocka_unit_test(test_port_unreachable6),
        cmocka_unit_test(test_extensions_survive),
        cmocka_unit_test(test_too_big_has_its_mtu),
        cmocka_unit_test(test_echo_reply),
        cmocka_unit_test(test_udp_reply),
        cmocka_unit_test(test_tcp_answer_proves_the_probe),
        cmocka_unit_test(test_tcp_answer_echoes_timestamps),
        cmocka_unit_test(test_only_syns_can_be_sent),
        cmocka_unit_test(test_families_must_agree),
        cmocka_unit_test(test_a_stamp_must_be_there),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
