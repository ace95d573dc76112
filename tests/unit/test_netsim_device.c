/* Devices on the way that meddle with TCP: what comes out at both sides, byte by byte. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/timespan.h"
#include "engine/netsim.h"
#include "tests/unit/segment.h"

#define START_NS (2564446 * NS_PER_MS)
#define SEEN_MAX 32

struct seen {
    enum netsim_side side;
    int64_t after_ns; /* the start */
    size_t len;
    uint8_t bytes[SEGMENT_MAX];
};

struct world {
    struct scenario *scenario;
    struct netsim *sim;
    int64_t now_ns;
    size_t count;
    struct seen seen[SEEN_MAX];
};

static void open_world(struct world *w, const char *router)
{
    struct netsim_options options = {.seed = 1, .start_ns = START_NS};
    struct document_error error;
    char yaml[512];

    memset(w, 0, sizeof(*w));
    w->now_ns = START_NS;
    snprintf(yaml, sizeof(yaml), "name: device\npath: [{name: device, ttl-hidden: true, %s}]\n",
             router);
    if (scenario_parse(yaml, strlen(yaml), &w->scenario, &error) < 0)
        fail_msg("line %zu: %s: %s", error.line, error.field, error.message);
    assert_int_equal(netsim_new(w->scenario, &options, &w->sim), 0);
}

static void close_world(struct world *w)
{
    netsim_free(w->sim);
    scenario_free(w->scenario);
}

/* Everything that comes out up to `until_ns` after the start. */
static void look(struct world *w, int64_t until_ns)
{
    struct netsim_packet packet;

    w->count = 0;
    w->now_ns = START_NS + until_ns;
    while (netsim_receive(w->sim, w->now_ns, &packet) == 1) {
        struct seen *seen = &w->seen[w->count++];

        assert_true(w->count <= SEEN_MAX && packet.len <= SEGMENT_MAX);
        *seen = (struct seen){packet.side, packet.when_ns - START_NS, packet.len, {0}};
        memcpy(seen->bytes, packet.bytes, packet.len);
        assert_int_equal(segment_sum(seen->bytes, seen->len), 0xffff);
    }
}

static void give(struct world *w, enum netsim_side side, const uint8_t *bytes, size_t len)
{
    assert_int_equal(netsim_send(w->sim, side, bytes, len, w->now_ns), 0);
    look(w, w->now_ns - START_NS);
}

/* --- segments made here ---------------------------------------------------------------------- */

enum { FIN = 1, SYN = 2, RST = 4, PSH = 8, ACK = 16 };

static void put32(uint8_t *at, uint32_t value)
{
    for (int i = 0; i < 4; i++)
        at[i] = (uint8_t)(value >> (24 - 8 * i));
}

/* Port 40000 of the client, 80 of the server; `data` zeros of payload. */
static size_t make(uint8_t bytes[SEGMENT_MAX], bool six, bool towards, unsigned flags, uint32_t seq,
                   uint32_t ack, size_t data)
{
    static const uint8_t client4[4] = {10, 0, 0, 2}, server4[4] = {10, 99, 0, 2};
    static const uint8_t client6[16] = {0xfd, [15] = 2}, server6[16] = {0xfd, [7] = 0x99, [15] = 2};
    size_t header = six ? 40 : 20, len = header + 20 + data;
    uint8_t *tcp = bytes + header;
    unsigned sum;

    memset(bytes, 0, SEGMENT_MAX);
    bytes[0] = six ? 0x60 : 0x45;
    bytes[six ? 5 : 3] = (uint8_t)(six ? len - 40 : len);
    bytes[six ? 6 : 9] = 6;
    bytes[six ? 7 : 8] = 64;
    bytes[5 - (six ? 5 : 0)] |= six ? 0 : 77; /* identification */
    memcpy(bytes + (six ? 8 : 12),
           six ? (towards ? client6 : server6) : (towards ? client4 : server4), six ? 16 : 4);
    memcpy(bytes + (six ? 24 : 16),
           six ? (towards ? server6 : client6) : (towards ? server4 : client4), six ? 16 : 4);
    put32(tcp, towards ? 40000u << 16 | 80 : 80u << 16 | 40000);
    put32(tcp + 4, seq);
    put32(tcp + 8, ack);
    tcp[12] = 0x50;
    tcp[13] = (uint8_t)flags;
    tcp[14] = 0xff;
    sum = ~segment_sum(bytes, len) & 0xffff;
    tcp[16] = (uint8_t)(sum >> 8);
    tcp[17] = (uint8_t)sum;
    return len;
}

static void client(struct world *w, bool six, unsigned flags, uint32_t seq, uint32_t ack,
                   size_t data)
{
    uint8_t bytes[SEGMENT_MAX];

    give(w, NETSIM_CLIENT, bytes, make(bytes, six, true, flags, seq, ack, data));
}

static void server(struct world *w, bool six, unsigned flags, uint32_t seq, uint32_t ack,
                   size_t data)
{
    uint8_t bytes[SEGMENT_MAX];

    give(w, NETSIM_SERVER, bytes, make(bytes, six, false, flags, seq, ack, data));
}

static const uint8_t *tcp_of(const struct seen *seen)
{
    return seen->bytes + segment_header_len(seen->bytes);
}

/* Both ends must take it for the other's: addresses and ports are those of `make`. */
static void assert_segment(const struct seen *seen, enum netsim_side side, unsigned flags,
                           uint32_t seq, uint32_t ack)
{
    uint8_t other[SEGMENT_MAX];
    size_t header = segment_header_len(seen->bytes);

    make(other, header == 40, side == NETSIM_SERVER, 0, 0, 0, 0);
    assert_int_equal(seen->side, side);
    assert_memory_equal(seen->bytes + (header == 40 ? 8 : 12), other + (header == 40 ? 8 : 12),
                        header == 40 ? 36 : 12);
    assert_int_equal(tcp_of(seen)[13], flags);
    assert_int_equal(segment_get32(tcp_of(seen) + 4), seq);
    assert_int_equal(segment_get32(tcp_of(seen) + 8), ack);
}

/* SYN 1000, SYN-ACK 5000, ACK. */
static void shake_hands(struct world *w, bool six)
{
    client(w, six, SYN, 1000, 0, 0);
    server(w, six, SYN | ACK, 5000, 1001, 0);
    client(w, six, ACK, 1001, 5001, 0);
}

/*
 * What Linux 6.18.44 did with "tcp dport 80 synproxy mss 1460 wscale 7 timestamp sack-perm" (nft)
 * between two TUN devices; client and server by scapy.
 */
/* clang-format off */
static const char proxy_syn[] =
    "4500003c000740004006264f0a0000020a6300029c4000500102030400000000a002faf0b5d20000020405b4"
    "0402080a0001e2400000000001030305";
static const char proxy_syn_ack[] =
    "4500003c00004000400626560a6300020a00000200509c409f99456d01020305a0120000aa2d0000020405b4"
    "0402080a002721550001e24001030307";
static const char proxy_ack[] =
    "4500003400074000400626570a0000020a6300029c400050010203059f99456e801001f6d6f500000101080a"
    "0001e24e00272155";
static const char proxy_to_server[] =
    "4500003c00004000400626560a0000020a6300029c400050010203049f99456da00201f6a83c0000020405b4"
    "0402080a0001e24e0027215501030305";
static const char proxy_server_syn_ack[] =
    "4500003c000740004006264f0a6300020a00000200509c40aabbccdd01020305a012fe885f4c0000020405b4"
    "0402080a000bdb280001e24e01030307";
static const char proxy_server_ack[] =
    "45000034000040004006265e0a0000020a6300029c40005001020305aabbccde801001f6d0f200000101080a"
    "0001e24efff094fb";
static const char proxy_window[] =
    "45000034000040004006265e0a6300020a00000200509c409f99456e01020305801001fdd6ee00000101080a"
    "002721550001e24e";
static const char proxy_request[] =
    "4500003700074000400626540a0000020a6300029c400050010203059f99456e801801f63b9600000101080a"
    "0001e2580027215a474554";
static const char proxy_request_out[] =
    "45000037000740003f0627540a0000020a6300029c40005001020305aabbccde801801f6ef4b00000101080a"
    "0001e258000bdb2d474554";
static const char proxy_answer[] =
    "4500003a00074000400626510a6300020a00000200509c40aabbccde01020308801801fd4fff00000101080a"
    "000bdb5a0001e258616e73776572";
static const char proxy_answer_out[] =
    "4500003a000740003f0627510a6300020a00000200509c409f99456e01020308801801fd9c4900000101080a"
    "002721870001e258616e73776572";
/* clang-format on */

/* --- options
 * -------------------------------------------------------------------------------------- */

/* scapy's SYN with MSS 1460, SACK, timestamps, window scale 5, and its ECN flags by hand. */
static const char offer[] = "4500003c000740004006264f0a0000020a6300029c4000500102030400000000a0c2fa"
                            "f0b5120000020405b40402080a"
                            "0001e2400000000001030305";

static void test_options_are_stripped_off_syns(void **state)
{
    uint8_t bytes[SEGMENT_MAX];
    struct world w;
    size_t len = segment_from_hex(offer, bytes);

    (void)state;
    open_world(&w, "strip-options: [timestamps, sack, ecn]");
    give(&w, NETSIM_CLIENT, bytes, len);
    assert_int_equal(w.count, 1);
    assert_int_equal(w.seen[0].bytes[33], SYN);
    assert_memory_equal(w.seen[0].bytes + 40,
                        "\x02\x04\x05\xb4\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01\x01"
                        "\x01\x03\x03\x05",
                        20);
    bytes[33] = ACK;   /* on no other segment */
    bytes[37] += 0xb2; /* its checksum, for two flags and SYN to ACK */
    give(&w, NETSIM_CLIENT, bytes, len);
    assert_non_null(segment_option(w.seen[0].bytes, 8));
    close_world(&w);
    open_world(&w, "strip-options: [mss, wscale]");
    segment_from_hex(offer, bytes);
    give(&w, NETSIM_CLIENT, bytes, len);
    assert_null(segment_option(w.seen[0].bytes, 2));
    assert_null(segment_option(w.seen[0].bytes, 3));
    assert_non_null(segment_option(w.seen[0].bytes, 4));
    assert_int_equal(w.seen[0].bytes[33], 0xc2);
    close_world(&w);
}

static void test_the_mss_is_lowered_both_ways(void **state)
{
    uint8_t bytes[SEGMENT_MAX];
    struct world w;

    (void)state;
    open_world(&w, "clamp-mss: 1360");
    give(&w, NETSIM_CLIENT, bytes, segment_from_hex(offer, bytes));
    assert_memory_equal(segment_option(w.seen[0].bytes, 2), "\x02\x04\x05\x50", 4);
    give(&w, NETSIM_SERVER, bytes, segment_from_hex(proxy_server_syn_ack, bytes));
    assert_memory_equal(segment_option(w.seen[0].bytes, 2), "\x02\x04\x05\x50", 4);
    close_world(&w);
}

/* --- filters
 * ---------------------------------------------------------------------------------------- */

static void check_race(bool six)
{
    struct world w;

    open_world(&w,
               "filters: [{action: reset-and-pass, port: 80, reset-ttl: 99, reset-delay: 3ms}]");
    client(&w, six, SYN, 1000, 0, 0);
    assert_int_equal(w.count, 1);
    assert_segment(&w.seen[0], NETSIM_SERVER, SYN, 1000, 0);
    look(&w, 10 * NS_PER_MS);
    assert_int_equal(w.count, 1);
    assert_segment(&w.seen[0], NETSIM_CLIENT, RST | ACK, 0, 1001);
    assert_int_equal(w.seen[0].after_ns, 3 * NS_PER_MS);
    assert_int_equal(w.seen[0].bytes[six ? 7 : 8], 99);
    close_world(&w);
}

static void test_a_reset_races_the_answer(void **state)
{
    (void)state;
    check_race(false);
    check_race(true);
}

/* The numbers that both ends wait for, after the request that went on. */
static void check_series(bool six)
{
    struct world w;

    open_world(&w, "filters: [{action: reset-and-pass, data: true, once: true, reset-to: both, "
                   "reset-count: 3, reset-step: 1460, reset-offset: 10}]");
    shake_hands(&w, six);
    client(&w, six, PSH | ACK, 1001, 5001, 20);
    assert_int_equal(w.count, 7);
    for (uint32_t i = 0; i < 3; i++) {
        size_t to_client = 0, to_server = 0;

        for (size_t k = 0, c = 0, s = 0; k < w.count; k++) {
            if (!(tcp_of(&w.seen[k])[13] & RST))
                continue;
            if (w.seen[k].side == NETSIM_CLIENT && c++ == i)
                to_client = k;
            else if (w.seen[k].side == NETSIM_SERVER && s++ == i)
                to_server = k;
        }
        assert_segment(&w.seen[to_client], NETSIM_CLIENT, RST | ACK, 5011 + 1460 * i, 1021);
        assert_segment(&w.seen[to_server], NETSIM_SERVER, RST | ACK, 1031 + 1460 * i, 5001);
    }
    client(&w, six, PSH | ACK, 1021, 5001, 20);
    assert_int_equal(w.count, 1); /* once */
    client(&w, six, SYN, 9000, 0, 0);
    client(&w, six, PSH | ACK, 9001, 5001, 20);
    assert_int_equal(w.count, 7); /* another connection */
    close_world(&w);
}

static void test_resets_come_in_series(void **state)
{
    (void)state;
    check_series(false);
    check_series(true);
}

static void test_a_filter_waits_for_bytes(void **state)
{
    struct world w;

    (void)state;
    open_world(&w, "filters: [{action: reset, established: true, after: 1kb, reset-id: copied}]");
    shake_hands(&w, false);
    assert_int_equal(w.count, 1);
    client(&w, false, ACK, 1001, 5001 + 999, 0);
    assert_segment(&w.seen[0], NETSIM_SERVER, ACK, 1001, 6000);
    client(&w, false, ACK, 1001, 5001 + 1000, 0);
    assert_int_equal(w.count, 1);
    assert_segment(&w.seen[0], NETSIM_CLIENT, RST | ACK, 6001, 1001);
    assert_int_equal(w.seen[0].bytes[5], 77);
    close_world(&w);
}

/* --- idle flows
 * --------------------------------------------------------------------------------------- */

static void check_idle(bool six, const char *action, size_t resets)
{
    char router[80];
    struct world w;

    snprintf(router, sizeof(router), "idle: {after: 2s, action: %s, ttl: 200}", action);
    open_world(&w, router);
    shake_hands(&w, six);
    look(&w, 1999 * NS_PER_MS);
    client(&w, six, PSH | ACK, 1001, 5001, 10); /* just in time */
    assert_int_equal(w.count, 1);
    assert_int_equal(w.seen[0].side, NETSIM_SERVER);
    look(&w, 4 * NS_PER_SEC);
    assert_int_equal(w.count, resets);
    if (resets) {
        assert_segment(&w.seen[0], NETSIM_CLIENT, RST | ACK, 5001, 1011);
        assert_segment(&w.seen[1], NETSIM_SERVER, RST | ACK, 1011, 5001);
        assert_int_equal(w.seen[0].after_ns, 3999 * NS_PER_MS);
    }
    server(&w, six, PSH | ACK, 5001, 1011, 30);
    if (strcmp(action, "drop") == 0) {
        assert_int_equal(w.count, 0);
    } else {
        assert_int_equal(w.count, 1);
        assert_segment(&w.seen[0], NETSIM_SERVER, RST | ACK, 1011, 5031);
        assert_int_equal(w.seen[0].bytes[six ? 7 : 8], 200);
    }
    shake_hands(&w, six); /* the next connection is a new one */
    assert_int_equal(w.count, 1);
    assert_int_equal(w.seen[0].side, NETSIM_SERVER);
    close_world(&w);
}

static void test_idle_flows_are_forgotten(void **state)
{
    (void)state;
    check_idle(false, "drop", 0);
    check_idle(true, "drop", 0);
    check_idle(false, "reset", 0);
    check_idle(true, "reset", 0);
    check_idle(false, "reset-both", 2);
    check_idle(true, "reset-both", 2);
}

/* --- who answers for the server
 * ------------------------------------------------------------------------ */

static void test_a_second_machine_answers(void **state)
{
    uint8_t bytes[SEGMENT_MAX];
    struct world w;
    size_t len = segment_from_hex(offer, bytes);

    (void)state;
    open_world(&w, "second-responder: {ttl: 128, window: 8192, delay: 5ms, without: [timestamps]}");
    give(&w, NETSIM_CLIENT, bytes, len);
    assert_int_equal(w.count, 1);
    assert_int_equal(w.seen[0].side, NETSIM_SERVER);
    look(&w, 5 * NS_PER_MS);
    assert_int_equal(w.count, 1);
    assert_segment(&w.seen[0], NETSIM_CLIENT, SYN | ACK | 0x40,
                   segment_get32(tcp_of(&w.seen[0]) + 4), 0x01020305);
    assert_int_equal(w.seen[0].bytes[8], 128);
    assert_int_equal(tcp_of(&w.seen[0])[14] << 8 | tcp_of(&w.seen[0])[15], 8192);
    assert_null(segment_option(w.seen[0].bytes, 8));
    assert_non_null(segment_option(w.seen[0].bytes, 4));
    close_world(&w);
    open_world(&w, "second-responder: {port: 81}");
    give(&w, NETSIM_CLIENT, bytes, len);
    look(&w, NS_PER_SEC);
    assert_int_equal(w.count, 0);
    close_world(&w);
}

/* The recorded cookie is Linux's secret: all that follows from it moves by the difference. */
static size_t moved(const char *hex, uint8_t bytes[SEGMENT_MAX], size_t at, uint32_t difference)
{
    size_t len = segment_from_hex(hex, bytes);

    if (at)
        put32(bytes + 20 + at, segment_get32(bytes + 20 + at) + difference);
    return len;
}

static void assert_bytes(const struct seen *seen, enum netsim_side side, const char *hex, size_t at,
                         uint32_t difference)
{
    uint8_t expected[SEGMENT_MAX], got[SEGMENT_MAX];
    size_t len = moved(hex, expected, at, difference);

    assert_int_equal(seen->side, side);
    assert_int_equal(seen->len, len);
    memcpy(got, seen->bytes, len);
    memset(got + 36, 0, 2); /* the checksum, judged by look() */
    memset(expected + 36, 0, 2);
    expected[8] = got[8] = 64; /* this router does not count */
    memset(got + 10, 0, 2);
    memset(expected + 10, 0, 2);
    assert_memory_equal(got, expected, len);
}

static void from(struct world *w, enum netsim_side side, const char *hex, size_t at,
                 uint32_t difference)
{
    uint8_t bytes[SEGMENT_MAX];
    size_t len = moved(hex, bytes, at, difference);

    give(w, side, bytes, len);
}

static void test_a_syn_proxy_is_that_of_linux(void **state)
{
    enum { SEQ = 4, ACKNOWLEDGEMENT = 8 };
    uint32_t moved_by;
    struct world w;

    (void)state;
    open_world(&w, "syn-proxy: {port: 80}");
    from(&w, NETSIM_CLIENT, proxy_syn, 0, 0);
    assert_int_equal(w.count, 1);
    moved_by = segment_get32(w.seen[0].bytes + 24) - 0x9f99456d;
    assert_bytes(&w.seen[0], NETSIM_CLIENT, proxy_syn_ack, SEQ, moved_by);
    from(&w, NETSIM_CLIENT, proxy_ack, ACKNOWLEDGEMENT, moved_by);
    assert_int_equal(w.count, 1);
    assert_bytes(&w.seen[0], NETSIM_SERVER, proxy_to_server, ACKNOWLEDGEMENT, moved_by);
    from(&w, NETSIM_SERVER, proxy_server_syn_ack, 0, 0);
    assert_int_equal(w.count, 2);
    /* Linux shifts the clock echo of its own ACK once too often. */
    assert_int_equal(segment_get32(segment_option(w.seen[0].bytes, 8) + 6), 777000);
    put32(segment_option(w.seen[0].bytes, 8) + 6, 0xfff094fb);
    assert_bytes(&w.seen[0], NETSIM_SERVER, proxy_server_ack, 0, 0);
    assert_bytes(&w.seen[1], NETSIM_CLIENT, proxy_window, SEQ, moved_by);
    from(&w, NETSIM_CLIENT, proxy_request, ACKNOWLEDGEMENT, moved_by);
    assert_bytes(&w.seen[0], NETSIM_SERVER, proxy_request_out, 0, 0);
    from(&w, NETSIM_SERVER, proxy_answer, 0, 0);
    assert_bytes(&w.seen[0], NETSIM_CLIENT, proxy_answer_out, SEQ, moved_by);
    close_world(&w);
}

/* Without timestamps nothing but the MSS; with IPv6 as well; and the client may go away. */
static void test_a_syn_proxy_without_timestamps(void **state)
{
    struct world w;

    (void)state;
    for (int six = 0; six < 2; six++) {
        open_world(&w, "syn-proxy: {ttl: 99}");
        client(&w, six, SYN, 1000, 0, 0);
        assert_int_equal(w.count, 1);
        assert_int_equal(w.seen[0].side, NETSIM_CLIENT);
        assert_int_equal(w.seen[0].len, segment_header_len(w.seen[0].bytes) + 20);
        assert_int_equal(w.seen[0].bytes[six ? 7 : 8], 99);
        client(&w, six, RST, 1001, 0, 0);
        assert_int_equal(w.count, 0);
        client(&w, six, SYN, 2000, 0, 0);
        uint32_t isn = segment_get32(tcp_of(&w.seen[0]) + 4);
        client(&w, six, ACK, 2001, isn + 2, 0);
        assert_int_equal(w.count, 0); /* no cookie of ours */
        client(&w, six, ACK, 2001, isn + 1, 0);
        assert_segment(&w.seen[0], NETSIM_SERVER, SYN, 2000, isn);
        server(&w, six, RST | ACK, 0, 2001, 0);
        assert_int_equal(w.count, 1);
        assert_segment(&w.seen[0], NETSIM_CLIENT, RST | ACK, isn + 1, 2001);
        close_world(&w);
    }
}

/* SACK blocks are the client's view of the proxy's numbers. */
static void test_a_syn_proxy_shifts_sack(void **state)
{
    uint8_t bytes[SEGMENT_MAX];
    uint32_t isn;
    struct world w;
    size_t len;

    (void)state;
    open_world(&w, "syn-proxy: {}");
    client(&w, false, SYN, 1000, 0, 0);
    isn = segment_get32(tcp_of(&w.seen[0]) + 4);
    client(&w, false, ACK, 1001, isn + 1, 0);
    server(&w, false, SYN | ACK, 5000, 1001, 0);
    len = make(bytes, false, true, ACK, 1001, isn + 1, 12);
    memcpy(bytes + 40, "\x01\x01\x05\x0a", 4);
    put32(bytes + 44, isn + 101);
    put32(bytes + 48, isn + 201);
    bytes[32] = 0x80;
    give(&w, NETSIM_CLIENT, bytes, len);
    assert_int_equal(w.count, 1);
    assert_segment(&w.seen[0], NETSIM_SERVER, ACK, 1001, 5001);
    assert_int_equal(segment_get32(w.seen[0].bytes + 44), 5101);
    assert_int_equal(segment_get32(w.seen[0].bytes + 48), 5201);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_options_are_stripped_off_syns),
        cmocka_unit_test(test_the_mss_is_lowered_both_ways),
        cmocka_unit_test(test_a_reset_races_the_answer),
        cmocka_unit_test(test_resets_come_in_series),
        cmocka_unit_test(test_a_filter_waits_for_bytes),
        cmocka_unit_test(test_idle_flows_are_forgotten),
        cmocka_unit_test(test_a_second_machine_answers),
        cmocka_unit_test(test_a_syn_proxy_is_that_of_linux),
        cmocka_unit_test(test_a_syn_proxy_without_timestamps),
        cmocka_unit_test(test_a_syn_proxy_shifts_sack),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
