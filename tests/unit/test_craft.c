/* Crafting against golden bytes that scapy 2.5 built from the same fields, and the patches. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "wire/craft.h"
#include "wire/packet.h"

/* IP(tos=41, id=4660, flags=2, ttl=7, src='10.0.0.2', dst='10.99.0.2')/ICMP(type=8, id=48879,
 * seq=513)/Raw(load=bytes(32)) */
static const uint8_t icmp4[] = {
    0x45, 0x29, 0x00, 0x3c, 0x12, 0x34, 0x40, 0x00, 0x07, 0x01, 0x4c, 0xfe, 0x0a, 0x00, 0x00,
    0x02, 0x0a, 0x63, 0x00, 0x02, 0x08, 0x00, 0x37, 0x0f, 0xbe, 0xef, 0x02, 0x01, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};
/* IPv6(tc=186, fl=703710, hlim=9, src='fd00::2', dst='fd00:0:0:99::2')/ICMPv6EchoRequest(id=48879,
 * seq=7, data=bytes(32)) */
static const uint8_t icmp6[] = {
    0x6b, 0xaa, 0xbc, 0xde, 0x00, 0x28, 0x3a, 0x09, 0xfd, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xfd, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x99,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x80, 0x00, 0xc6, 0x07, 0xbe, 0xef, 0x00, 0x07,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};
/* IP(id=77, ttl=3, src='10.0.0.2', dst='10.99.0.2')/UDP(sport=40000, dport=33434)/Raw(load=b'netdx'
 * + bytes(27)) */
static const uint8_t udp4[] = {
    0x45, 0x00, 0x00, 0x3c, 0x00, 0x4d, 0x00, 0x00, 0x03, 0x11, 0xa2, 0xfe, 0x0a, 0x00, 0x00,
    0x02, 0x0a, 0x63, 0x00, 0x02, 0x9c, 0x40, 0x82, 0x9a, 0x00, 0x28, 0x71, 0x92, 0x6e, 0x65,
    0x74, 0x64, 0x78, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};
/* IPv6(hlim=3, src='fd00::2', dst='fd00:0:0:99::2')/UDP(sport=40000,
 * dport=33434)/Raw(load=bytes(24)) */
static const uint8_t udp6[] = {
    0x60, 0x00, 0x00, 0x00, 0x00, 0x20, 0x11, 0x03, 0xfd, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xfd, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x99, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x9c, 0x40, 0x82, 0x9a, 0x00,
    0x20, 0xe6, 0x34, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
};
/* IP(id=9, ttl=64, src='10.0.0.2', dst='10.99.0.2')/TCP(sport=40001, dport=443, seq=3735928559,
 * ack=0, flags=2, window=64240, options=[('MSS', 1460), ('SAckOK', b''), ('Timestamp', (16909060,
 * 0)), ('NOP', None), ('WScale', 7)]) */
static const uint8_t tcp4[] = {
    0x45, 0x00, 0x00, 0x3c, 0x00, 0x09, 0x00, 0x00, 0x40, 0x06, 0x66, 0x4d, 0x0a, 0x00, 0x00,
    0x02, 0x0a, 0x63, 0x00, 0x02, 0x9c, 0x41, 0x01, 0xbb, 0xde, 0xad, 0xbe, 0xef, 0x00, 0x00,
    0x00, 0x00, 0xa0, 0x02, 0xfa, 0xf0, 0xf9, 0x08, 0x00, 0x00, 0x02, 0x04, 0x05, 0xb4, 0x04,
    0x02, 0x08, 0x0a, 0x01, 0x02, 0x03, 0x04, 0x00, 0x00, 0x00, 0x00, 0x01, 0x03, 0x03, 0x07,
};
/* IPv6(hlim=64, src='fd00::2', dst='fd00:0:0:99::2')/TCP(sport=40001, dport=443, seq=1, flags=194,
 * window=1024, options=[('MSS', 1440)]) */
static const uint8_t tcp6[] = {
    0x60, 0x00, 0x00, 0x00, 0x00, 0x18, 0x06, 0x40, 0xfd, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xfd, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x99,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x9c, 0x41, 0x01, 0xbb, 0x00, 0x00, 0x00, 0x01,
    0x00, 0x00, 0x00, 0x00, 0x60, 0xc2, 0x04, 0x00, 0xfa, 0xde, 0x00, 0x00, 0x02, 0x04, 0x05, 0xa0,
};
/* IP(id=77, ttl=3)/UDP(sport=40000, dport=33434)/Raw(b'\xcc\x98'): the sum is 0, sent as 0xffff */
static const uint8_t udp4_zero[] = {
    0x45, 0x00, 0x00, 0x1e, 0x00, 0x4d, 0x00, 0x00, 0x03, 0x11, 0xa3, 0x1c, 0x0a, 0x00, 0x00,
    0x02, 0x0a, 0x63, 0x00, 0x02, 0x9c, 0x40, 0x82, 0x9a, 0x00, 0x0a, 0xff, 0xff, 0xcc, 0x98,
};
/* The same over IPv6 with Raw(b'\xe6`') */
static const uint8_t udp6_zero[] = {
    0x60, 0x00, 0x00, 0x00, 0x00, 0x0a, 0x11, 0x03, 0xfd, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xfd, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x99, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x02, 0x9c, 0x40, 0x82, 0x9a, 0x00, 0x0a, 0xff, 0xff, 0xe6, 0x60,
};
/* IPv6(fl=0x12345)/TCP(seq=7, ack=8, flags=0x1ff, window=1, options=[(34, b''), NOP,
 * NOP])/Raw(b'GET') */
static const uint8_t tcp6_nine[] = {
    0x60, 0x01, 0x23, 0x45, 0x00, 0x1b, 0x06, 0x40, 0xfd, 0x00, 0x00, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0xfd, 0x00, 0x00, 0x00,
    0x00, 0x00, 0x00, 0x99, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x00, 0x02, 0x9c, 0x41,
    0x01, 0xbb, 0x00, 0x00, 0x00, 0x07, 0x00, 0x00, 0x00, 0x08, 0x61, 0xff, 0x00, 0x01,
    0x46, 0xeb, 0x00, 0x00, 0x22, 0x02, 0x01, 0x01, 0x47, 0x45, 0x54,
};
/* IP(id=9)/TCP(seq=7, flags='S', window=1, options=[SAckOK, NOP, NOP]) */
static const uint8_t tcp4_sack[] = {
    0x45, 0x00, 0x00, 0x2c, 0x00, 0x09, 0x00, 0x00, 0x40, 0x06, 0x66, 0x5d, 0x0a, 0x00, 0x00,
    0x02, 0x0a, 0x63, 0x00, 0x02, 0x9c, 0x41, 0x01, 0xbb, 0x00, 0x00, 0x00, 0x07, 0x00, 0x00,
    0x00, 0x00, 0x60, 0x02, 0x00, 0x01, 0xe8, 0x70, 0x00, 0x00, 0x04, 0x02, 0x01, 0x01,
};
/* IP(id=9)/TCP(seq=7, flags='S', window=1, options=[NOP, NOP, Timestamp(1, 2)]) */
static const uint8_t tcp4_timestamps[] = {
    0x45, 0x00, 0x00, 0x34, 0x00, 0x09, 0x00, 0x00, 0x40, 0x06, 0x66, 0x55, 0x0a,
    0x00, 0x00, 0x02, 0x0a, 0x63, 0x00, 0x02, 0x9c, 0x41, 0x01, 0xbb, 0x00, 0x00,
    0x00, 0x07, 0x00, 0x00, 0x00, 0x00, 0x80, 0x02, 0x00, 0x01, 0xc4, 0x5d, 0x00,
    0x00, 0x01, 0x01, 0x08, 0x0a, 0x00, 0x00, 0x00, 0x01, 0x00, 0x00, 0x00, 0x02,
};

#define CLIENT4                                                                                    \
    {                                                                                              \
        .family = 4, .bytes = { 10, 0, 0, 2 }                                                      \
    }
#define SERVER4                                                                                    \
    {                                                                                              \
        .family = 4, .bytes = { 10, 99, 0, 2 }                                                     \
    }
#define CLIENT6                                                                                    \
    {                                                                                              \
        .family = 6, .bytes = { 0xfd, [15] = 2 }                                                   \
    }
#define SERVER6                                                                                    \
    {                                                                                              \
        .family = 6, .bytes = { 0xfd, [7] = 0x99, [15] = 2 }                                       \
    }

static const uint8_t name[] = {'n', 'e', 't', 'd', 'x'};

static const struct probe icmp4_probe = {.protocol = PROBE_ICMP,
                                         .source = CLIENT4,
                                         .destination = SERVER4,
                                         .ttl = 7,
                                         .ip_id = 0x1234,
                                         .dscp = 10,
                                         .ecn = 1,
                                         .df = true,
                                         .size = 60,
                                         .icmp_id = 0xbeef,
                                         .icmp_seq = 513};
static const struct probe icmp6_probe = {.protocol = PROBE_ICMP,
                                         .source = CLIENT6,
                                         .destination = SERVER6,
                                         .ttl = 9,
                                         .flow_label = 0xabcde,
                                         .dscp = 46,
                                         .ecn = 2,
                                         .size = 80,
                                         .icmp_id = 0xbeef,
                                         .icmp_seq = 7};
static const struct probe udp4_probe = {.protocol = PROBE_UDP,
                                        .source = CLIENT4,
                                        .destination = SERVER4,
                                        .ttl = 3,
                                        .ip_id = 77,
                                        .size = 60,
                                        .source_port = 40000,
                                        .destination_port = 33434,
                                        .payload = name,
                                        .payload_len = sizeof(name)};
static const struct probe udp6_probe = {.protocol = PROBE_UDP,
                                        .source = CLIENT6,
                                        .destination = SERVER6,
                                        .ttl = 3,
                                        .size = 72,
                                        .source_port = 40000,
                                        .destination_port = 33434};
static const struct probe tcp4_probe = {.protocol = PROBE_TCP,
                                        .source = CLIENT4,
                                        .destination = SERVER4,
                                        .ttl = 64,
                                        .ip_id = 9,
                                        .source_port = 40001,
                                        .destination_port = 443,
                                        .tcp_seq = 0xdeadbeef,
                                        .tcp_flags = TCP_SYN,
                                        .tcp_window = 64240,
                                        .tcp_mss = 1460,
                                        .tcp_wscale = 7,
                                        .tcp_tsval = 0x01020304,
                                        .tcp_options = PROBE_TCP_MSS | PROBE_TCP_SACK |
                                                       PROBE_TCP_TIMESTAMPS | PROBE_TCP_WSCALE};
static const struct probe tcp6_probe = {.protocol = PROBE_TCP,
                                        .source = CLIENT6,
                                        .destination = SERVER6,
                                        .ttl = 64,
                                        .source_port = 40001,
                                        .destination_port = 443,
                                        .tcp_seq = 1,
                                        .tcp_flags = TCP_SYN | TCP_ECE | TCP_CWR,
                                        .tcp_window = 1024,
                                        .tcp_mss = 1440,
                                        .tcp_options = PROBE_TCP_MSS};

static struct craft *craft;

static int set_up(void **state)
{
    (void)state;
    return craft_new(&craft);
}

static int tear_down(void **state)
{
    (void)state;
    craft_free(craft);
    return 0;
}

static void expect(const struct probe *probe, const uint8_t *golden, size_t golden_len)
{
    uint8_t out[2048];
    size_t len = 0;

    assert_int_equal(craft_probe(craft, probe, out, sizeof(out), &len), 0);
    assert_int_equal(len, golden_len);
    assert_memory_equal(out, golden, len);
}

static void test_golden_bytes(void **state)
{
    (void)state;
    expect(&icmp4_probe, icmp4, sizeof(icmp4));
    expect(&icmp6_probe, icmp6, sizeof(icmp6));
    expect(&udp4_probe, udp4, sizeof(udp4));
    expect(&udp6_probe, udp6, sizeof(udp6));
    expect(&tcp4_probe, tcp4, sizeof(tcp4));
    expect(&tcp6_probe, tcp6, sizeof(tcp6));
}

/* RFC 1071: a right checksum makes the sum over everything 0xffff. Written anew on purpose. */
static unsigned ones_complement(unsigned sum, const uint8_t *bytes, size_t len)
{
    for (size_t i = 0; i + 1 < len; i += 2)
        sum += (unsigned)(bytes[i] << 8 | bytes[i + 1]);
    if (len % 2)
        sum += (unsigned)(bytes[len - 1] << 8);
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

static unsigned transport_sum(const uint8_t *packet, size_t len)
{
    int six = packet[0] >> 4 == 6;
    size_t header = six ? 40 : 20;
    unsigned protocol = six ? packet[6] : packet[9];
    unsigned sum = 0;

    if (protocol != PROTO_ICMP)
        sum = ones_complement(protocol + (unsigned)(len - header), packet + (six ? 8 : 12),
                              six ? 32 : 8);
    return ones_complement(sum, packet + header, len - header);
}

static const struct probe tcp6_nine_probe = {.protocol = PROBE_TCP,
                                             .source = CLIENT6,
                                             .destination = SERVER6,
                                             .ttl = 64,
                                             .flow_label = 0x12345,
                                             .size = 67,
                                             .source_port = 40001,
                                             .destination_port = 443,
                                             .tcp_seq = 7,
                                             .tcp_ack = 8,
                                             .tcp_flags = 0x1ff,
                                             .tcp_window = 1,
                                             .tcp_options = PROBE_TCP_FAST_OPEN,
                                             .payload = (const uint8_t *)"GET",
                                             .payload_len = 3};

static void test_options_and_all_flags(void **state)
{
    struct probe probe = tcp4_probe;

    (void)state;
    expect(&tcp6_nine_probe, tcp6_nine, sizeof(tcp6_nine));
    probe.tcp_seq = 7;
    probe.tcp_window = 1;
    probe.tcp_options = PROBE_TCP_SACK;
    expect(&probe, tcp4_sack, sizeof(tcp4_sack));
    probe.tcp_options = PROBE_TCP_TIMESTAMPS;
    probe.tcp_tsval = 1;
    probe.tcp_tsecr = 2;
    expect(&probe, tcp4_timestamps, sizeof(tcp4_timestamps));
}

/* RFC 768: a sum of zero is sent as 0xffff, whether crafted or patched to it. */
static void test_udp_never_sends_a_computed_zero(void **state)
{
    static const uint8_t word4[] = {0xcc, 0x98}, word6[] = {0xe6, 0x60};
    uint8_t out[64];
    size_t len;

    (void)state;
    for (int six = 0; six <= 1; six++) {
        struct probe probe = six ? udp6_probe : udp4_probe;
        const uint8_t *golden = six ? udp6_zero : udp4_zero;
        size_t golden_len = six ? sizeof(udp6_zero) : sizeof(udp4_zero);

        probe.size = (uint16_t)golden_len;
        probe.payload = six ? word6 : word4;
        probe.payload_len = 2;
        expect(&probe, golden, golden_len);
        probe.source_port = 39999;
        assert_int_equal(craft_probe(craft, &probe, out, sizeof(out), &len), 0);
        assert_int_equal(craft_patch_ports(out, len, 40000, 33434), 0);
        assert_memory_equal(out, golden, golden_len);
    }
}

/* A datagram that came without a checksum keeps none. */
static void test_patches_leave_no_checksum_alone(void **state)
{
    uint8_t packet[sizeof(udp4)];

    (void)state;
    memcpy(packet, udp4, sizeof(udp4));
    packet[26] = packet[27] = 0;
    assert_int_equal(craft_patch_ports(packet, sizeof(packet), 1, 2), 0);
    assert_int_equal(craft_patch_destination(packet, sizeof(packet), &udp4_probe.source), 0);
    assert_int_equal(packet[26] | packet[27], 0);
    assert_int_equal(ones_complement(0, packet, 20), 0xffff);
}

static void test_the_largest_packets(void **state)
{
    static uint8_t out[CRAFT_PACKET_MAX];
    const struct probe *probes[] = {&icmp4_probe, &icmp6_probe, &udp4_probe,
                                    &udp6_probe,  &tcp4_probe,  &tcp6_probe};
    size_t len;

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        struct probe probe = *probes[i];

        probe.size = 65535;
        assert_int_equal(craft_probe(craft, &probe, out, sizeof(out), &len), 0);
        assert_int_equal(len, 65535);
        assert_int_equal(transport_sum(out, len), 0xffff);
        assert_int_equal(craft_probe(craft, &probe, out, sizeof(out) - 1, &len), -EMSGSIZE);
    }
}

/* A payload that is announced but not given is zeros. */
static void test_a_payload_of_nothing(void **state)
{
    struct probe probe = udp6_probe;

    (void)state;
    probe.payload_len = 24;
    probe.payload = NULL;
    expect(&probe, udp6, sizeof(udp6));
}

static void test_every_range(void **state)
{
    struct probe probes[8];
    uint8_t out[128];
    size_t len = 99;

    (void)state;
    for (size_t i = 0; i < 8; i++)
        probes[i] = tcp6_probe;
    probes[0].dscp = 64;
    probes[1].ecn = 4;
    probes[2].flow_label = 0x100000;
    probes[3].tcp_flags = 0x200;
    probes[4].tcp_wscale = 15;
    probes[5].source.family = probes[5].destination.family = 0;
    probes[6].protocol = (enum probe_protocol)3;
    probes[7].payload_len = 65001;
    for (size_t i = 0; i < 8; i++) {
        assert_int_equal(craft_probe(craft, &probes[i], out, sizeof(out), &len), -EINVAL);
        assert_true(strlen(craft_error(craft)) > 0);
    }
    assert_int_equal(len, 99);
    expect(&tcp6_probe, tcp6, sizeof(tcp6)); /* a failure leaves nothing behind */
}

/* Crafting frees what libnet allocates: the sanitizer's leak check watches over this one. */
static void test_many_packets_from_one_context(void **state)
{
    (void)state;
    for (int i = 0; i < 3000; i++) {
        expect(&icmp6_probe, icmp6, sizeof(icmp6));
        expect(&tcp4_probe, tcp4, sizeof(tcp4));
    }
    craft_free(NULL);
}

static void test_a_fixed_checksum_is_reached(void **state)
{
    const struct probe *probes[] = {&icmp4_probe, &icmp6_probe, &udp4_probe, &udp6_probe};
    uint8_t out[2048];
    size_t len;

    (void)state;
    for (size_t i = 0; i < 4; i++) {
        for (unsigned wanted = 1; wanted < 0x10000; wanted += 257) {
            struct probe probe = *probes[i];
            size_t at =
                (probe.source.family == 6 ? 40 : 20) + (probe.protocol == PROBE_UDP ? 6 : 2);

            probe.fixed_checksum = (uint16_t)wanted;
            assert_int_equal(craft_probe(craft, &probe, out, sizeof(out), &len), 0);
            assert_int_equal(out[at] << 8 | out[at + 1], wanted);
            assert_int_equal(transport_sum(out, len), 0xffff);
        }
    }
}

static void test_a_size_below_the_headers_is_raised(void **state)
{
    struct probe probe = udp4_probe;
    uint8_t out[64];
    size_t len;

    (void)state;
    probe.size = 0;
    probe.payload_len = 0;
    assert_int_equal(craft_probe(craft, &probe, out, sizeof(out), &len), 0);
    assert_int_equal(len, 28);
    probe.fixed_checksum = 1;
    assert_int_equal(craft_probe(craft, &probe, out, sizeof(out), &len), 0);
    assert_int_equal(len, 30);
}

static void test_bad_probes_are_refused(void **state)
{
    struct probe probe = udp4_probe;
    uint8_t out[64];
    size_t len = 99;

    (void)state;
    probe.destination = (struct address)SERVER6;
    assert_int_equal(craft_probe(craft, &probe, out, sizeof(out), &len), -EINVAL);
    probe = udp4_probe;
    probe.dscp = 64;
    assert_int_equal(craft_probe(craft, &probe, out, sizeof(out), &len), -EINVAL);
    probe = udp4_probe;
    probe.payload_len = 33; /* one more than the size leaves room for */
    assert_int_equal(craft_probe(craft, &probe, out, sizeof(out), &len), -EINVAL);
    probe = udp4_probe;
    assert_int_equal(craft_probe(craft, &probe, out, 59, &len), -EMSGSIZE);
    assert_int_equal(len, 99);
}

/* A patched packet is the one that crafting the changed probe gives. */
static void expect_patched(const uint8_t *packet, size_t len, const struct probe *probe)
{
    expect(probe, packet, len);
    assert_int_equal(transport_sum(packet, len), 0xffff);
    if (packet[0] >> 4 == 4)
        assert_int_equal(ones_complement(0, packet, 20), 0xffff);
}

static void patch_all(const uint8_t *golden, size_t len, struct probe probe)
{
    uint8_t packet[128];

    memcpy(packet, golden, len);
    probe.ttl = 200;
    assert_int_equal(craft_patch_ttl(packet, len, 200), 0);
    expect_patched(packet, len, &probe);
    probe.destination.bytes[3] = 0xfe;
    assert_int_equal(craft_patch_destination(packet, len, &probe.destination), 0);
    expect_patched(packet, len, &probe);
    probe.source.bytes[2] = 0x7e;
    assert_int_equal(craft_patch_source(packet, len, &probe.source), 0);
    expect_patched(packet, len, &probe);
    if (probe.source.family == 4) {
        probe.ip_id = 0xfff0;
        assert_int_equal(craft_patch_ip_id(packet, len, 0xfff0), 0);
    }
    if (probe.protocol == PROBE_ICMP) {
        probe.icmp_seq = 0xffff;
        assert_int_equal(craft_patch_icmp_seq(packet, len, 0xffff), 0);
    } else {
        probe.source_port = 1;
        probe.destination_port = 65535;
        assert_int_equal(craft_patch_ports(packet, len, 1, 65535), 0);
    }
    if (probe.protocol == PROBE_TCP) {
        probe.tcp_seq = 0x80000001;
        assert_int_equal(craft_patch_tcp_seq(packet, len, 0x80000001), 0);
    }
    expect_patched(packet, len, &probe);
}

static void test_patches_keep_checksums_right(void **state)
{
    (void)state;
    patch_all(icmp4, sizeof(icmp4), icmp4_probe);
    patch_all(icmp6, sizeof(icmp6), icmp6_probe);
    patch_all(udp4, sizeof(udp4), udp4_probe);
    patch_all(udp6, sizeof(udp6), udp6_probe);
    patch_all(tcp4, sizeof(tcp4), tcp4_probe);
    patch_all(tcp6, sizeof(tcp6), tcp6_probe);
}

static void test_patches_refuse_other_packets(void **state)
{
    uint8_t packet[sizeof(udp4)];

    (void)state;
    memcpy(packet, udp4, sizeof(udp4));
    assert_int_equal(craft_patch_tcp_seq(packet, sizeof(packet), 1), -EINVAL);
    assert_int_equal(craft_patch_icmp_seq(packet, sizeof(packet), 1), -EINVAL);
    assert_int_equal(craft_patch_ttl(packet, 19, 1), -EINVAL);
    assert_int_equal(craft_patch_destination(packet, sizeof(packet), &udp6_probe.destination),
                     -EINVAL);
    assert_int_equal(craft_patch_source(packet, sizeof(packet), &udp6_probe.source), -EINVAL);
    packet[0] = 0x46; /* options: not one of ours */
    assert_int_equal(craft_patch_ttl(packet, sizeof(packet), 1), -EINVAL);
    assert_memory_equal(packet + 1, udp4 + 1, sizeof(udp4) - 1);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_golden_bytes),
        cmocka_unit_test(test_options_and_all_flags),
        cmocka_unit_test(test_udp_never_sends_a_computed_zero),
        cmocka_unit_test(test_patches_leave_no_checksum_alone),
        cmocka_unit_test(test_the_largest_packets),
        cmocka_unit_test(test_a_payload_of_nothing),
        cmocka_unit_test(test_every_range),
        cmocka_unit_test(test_many_packets_from_one_context),
        cmocka_unit_test(test_a_fixed_checksum_is_reached),
        cmocka_unit_test(test_a_size_below_the_headers_is_raised),
        cmocka_unit_test(test_bad_probes_are_refused),
        cmocka_unit_test(test_patches_keep_checksums_right),
        cmocka_unit_test(test_patches_refuse_other_packets),
    };

    return cmocka_run_group_tests(tests, set_up, tear_down);
}
