/* What becomes of single packets: true answers, rewritten ones, forged ones. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/timespan.h"
#include "tests/unit/world.h"
#include "wire/icmp.h"

#define RTT_NS (20 * NS_PER_MS)

struct bench {
    struct world *world;
    struct trace *trace;
    struct probe probes[8]; /* TTL 1 to 8, all sent */
    uint8_t payloads[8][32];
    int64_t sent_ns[8];
    struct trace_observation seen;
};

static struct bench bench_start(int family, enum probe_protocol protocol, bool by_port)
{
    struct bench b = {.world = world_new(family, 8, 40, 1)};
    struct trace_config config;
    int64_t wake_ns;
    uint32_t id;

    world_config(b.world, &config);
    config.protocol = protocol;
    config.identity_by_port = by_port;
    config.max_ttl = 8;
    config.size = 80;
    assert_int_equal(trace_new(&config, b.world->now_ns, &b.trace, NULL), 0);
    for (size_t i = 0; i < 8;) {
        enum trace_step step = trace_next(b.trace, b.world->now_ns, &b.probes[i], &id, &wake_ns);
        if (step == TRACE_WAIT) {
            b.world->now_ns = wake_ns;
            continue;
        }
        assert_int_equal(step, TRACE_SEND);
        if (b.probes[i].payload_len)
            memcpy(b.payloads[i], b.probes[i].payload, b.probes[i].payload_len);
        trace_sent(b.trace, id, 0, b.world->now_ns);
        b.sent_ns[i++] = b.world->now_ns;
    }
    return b;
}

static void bench_end(struct bench *b)
{
    trace_free(b->trace);
    world_free(b->world);
}

static enum trace_match bench_give(struct bench *b, const struct packet *packet, size_t probe)
{
    return trace_receive(b->trace, packet, PACKET_INCOMING, b->sent_ns[probe] + RTT_NS, &b->seen);
}

static struct packet bench_exceeded(const struct bench *b, size_t probe)
{
    struct packet packet;

    world_time_exceeded(b->world, &b->probes[probe], probe + 1, &packet);
    return packet;
}

static struct packet bench_echo_reply(struct bench *b, size_t probe, uint8_t bytes[64])
{
    const struct probe *sent = &b->probes[probe];
    struct packet packet = {.layers = LAYER_IP | LAYER_ICMP};

    packet.ip = (struct ip_facts){.source = b->world->destination,
                                  .destination = b->world->source,
                                  .version = b->world->source.family,
                                  .ttl = 57,
                                  .protocol = PROTO_ICMP};
    packet.icmp.type = packet.ip.version == 6 ? ICMP6_ECHO_REPLY : ICMP4_ECHO_REPLY;
    packet.icmp.checksum_ok = true;
    packet.icmp.id = sent->icmp_id;
    packet.icmp.seq = sent->icmp_seq;
    memset(bytes, 0, 64);
    memcpy(bytes + 2, b->payloads[probe], sent->payload_len);
    packet.payload = bytes;
    packet.payload_len = 32;
    return packet;
}

static void test_answer_duplicate_and_counts(void **state)
{
    (void)state;
    for (int protocol = PROBE_ICMP; protocol <= PROBE_TCP; protocol++) {
        for (int family = 4; family <= 6; family += 2) {
            struct bench b = bench_start(family, (enum probe_protocol)protocol, false);
            struct packet packet = bench_exceeded(&b, 2);
            assert_int_equal(bench_give(&b, &packet, 2), TRACE_ANSWER);
            assert_int_equal(b.seen.ttl, 3);
            assert_int_equal(b.seen.rtt_ns, RTT_NS);
            assert_false(b.seen.from_target);
            assert_int_equal(bench_give(&b, &packet, 2), TRACE_DUPLICATE);
            struct trace_result result;
            assert_int_equal(trace_result(b.trace, b.world->now_ns, &result), 0);
            assert_int_equal(result.hops[2].received, 1);
            assert_int_equal(result.hops[2].duplicates, 1);
            trace_result_release(&result);
            bench_end(&b);
        }
    }
}

/* RTT is the difference of two stamps of the capture, whatever trace_sent thought. */
static void test_capture_stamp_is_the_send_time(void **state)
{
    struct bench b = bench_start(4, PROBE_ICMP, false);
    struct packet own = {.layers = LAYER_IP | LAYER_ICMP};
    struct packet answer = bench_exceeded(&b, 0);

    (void)state;
    own.ip = answer.icmp.quote.ip;
    own.icmp.type = ICMP4_ECHO;
    own.icmp.checksum_ok = true;
    own.icmp.id = b.probes[0].icmp_id;
    own.icmp.seq = b.probes[0].icmp_seq;
    assert_int_equal(trace_receive(b.trace, &own, PACKET_OUTGOING, b.sent_ns[0] + 70000, &b.seen),
                     TRACE_OUTGOING);
    /* on the loopback it is captured once more, coming in */
    assert_int_equal(trace_receive(b.trace, &own, PACKET_INCOMING, b.sent_ns[0] + 90000, &b.seen),
                     TRACE_FOREIGN);
    assert_int_equal(bench_give(&b, &answer, 0), TRACE_ANSWER);
    assert_int_equal(b.seen.rtt_ns, RTT_NS - 70000);
    bench_end(&b);
}

/* R5 */
static void test_strangers_are_foreign(void **state)
{
    struct bench b = bench_start(4, PROBE_UDP, false);
    struct packet packet = bench_exceeded(&b, 1);

    (void)state;
    packet.icmp.quote.source_port ^= 0x55;
    packet.icmp.quote.destination_port ^= 0x55;
    assert_int_equal(bench_give(&b, &packet, 1), TRACE_FOREIGN);
    packet = bench_exceeded(&b, 1); /* a port unreachable about somebody else's packet */
    packet.icmp.type = ICMP4_UNREACHABLE;
    packet.icmp.code = ICMP4_PORT_UNREACHABLE;
    packet.icmp.quote.udp.checksum ^= 0x1234;
    packet.icmp.quote.source_port = 53;
    packet.icmp.quote.ip.id ^= 0x4321;
    assert_int_equal(bench_give(&b, &packet, 1), TRACE_FOREIGN);
    packet = bench_exceeded(&b, 1);
    packet.icmp.quote.ip.protocol = PROTO_TCP;
    assert_int_equal(bench_give(&b, &packet, 1), TRACE_FOREIGN);
    packet = bench_exceeded(&b, 1); /* a redirect quotes us, but the probe went on */
    packet.icmp.type = ICMP4_REDIRECT;
    assert_int_equal(bench_give(&b, &packet, 1), TRACE_FOREIGN);
    bench_end(&b);
}

/* R5: our identifiers, but not our probe. */
static void test_forged_quotes_are_suspect(void **state)
{
    struct bench b = bench_start(4, PROBE_ICMP, false);
    struct packet packet = bench_exceeded(&b, 1);

    (void)state;
    packet.icmp.quote.ip.destination = address_from4((uint8_t[]){192, 0, 2, 9});
    packet.icmp.quote.icmp_checksum ^= 0x0101;
    packet.icmp.quote.ip.id ^= 0x0101;
    assert_int_equal(bench_give(&b, &packet, 1), TRACE_SUSPECT);
    packet = bench_exceeded(&b, 1);
    packet.icmp.quote.icmp_checksum ^= 0x0101;
    packet.icmp.quote.ip.id ^= 0x0101;
    assert_int_equal(bench_give(&b, &packet, 1), TRACE_SUSPECT);
    packet = bench_exceeded(&b, 1);
    packet.icmp.quote.icmp_seq = (uint16_t)(packet.icmp.quote.icmp_seq + 500);
    assert_int_equal(bench_give(&b, &packet, 1), TRACE_SUSPECT);
    packet = bench_exceeded(&b, 1);
    packet.icmp.checksum_ok = false;
    assert_int_equal(bench_give(&b, &packet, 1), TRACE_SUSPECT);
    struct trace_result result;
    assert_int_equal(trace_result(b.trace, b.world->now_ns, &result), 0);
    assert_int_equal(result.suspects, 4);
    assert_int_equal(result.received, 0);
    trace_result_release(&result);
    packet = bench_exceeded(&b, 1); /* and the true answer still counts */
    assert_int_equal(bench_give(&b, &packet, 1), TRACE_ANSWER);
    bench_end(&b);
}

/* R5 */
static void test_echo_reply_needs_the_nonce(void **state)
{
    struct bench b = bench_start(6, PROBE_ICMP, false);
    uint8_t bytes[64];

    (void)state;
    struct packet packet = bench_echo_reply(&b, 7, bytes);
    bytes[9] ^= 1;
    assert_int_equal(bench_give(&b, &packet, 7), TRACE_SUSPECT);
    packet = bench_echo_reply(&b, 7, bytes); /* a stranger that guesses identifier and sequence */
    packet.ip.source = world_router(b.world, 3);
    packet.payload_len = 0;
    assert_int_equal(bench_give(&b, &packet, 7), TRACE_SUSPECT);
    packet = bench_echo_reply(&b, 7, bytes); /* another address of the target knows it */
    packet.ip.source = world_router(b.world, 33);
    assert_int_equal(bench_give(&b, &packet, 7), TRACE_ANSWER);
    assert_true(b.seen.from_target);
    packet = bench_echo_reply(&b, 7, bytes);
    packet.icmp.id ^= 1;
    assert_int_equal(bench_give(&b, &packet, 7), TRACE_FOREIGN);
    bench_end(&b);
}

static const struct trace_change *bench_change(const struct trace_result *result, size_t hop,
                                               enum trace_change_kind kind)
{
    for (size_t r = 0; r < result->hops[hop].nresponders; r++) {
        const struct trace_responder *responder = &result->hops[hop].responders[r];
        for (size_t c = 0; c < responder->nchanges; c++) {
            if (responder->changes[c].kind == kind)
                return &responder->changes[c];
        }
    }
    return NULL;
}

/* Behind a NAT whose quotes are not translated back: accepted, and said where it began. */
static void test_nat_is_reported_at_its_hop(void **state)
{
    struct address outside = address_from4((uint8_t[]){203, 0, 113, 7});

    (void)state;
    for (int protocol = PROBE_ICMP; protocol <= PROBE_TCP; protocol++) {
        struct bench b = bench_start(4, (enum probe_protocol)protocol, false);
        struct trace_result result;
        for (size_t i = 0; i < 5; i++) {
            struct packet packet = bench_exceeded(&b, i);
            if (i >= 2) {
                packet.icmp.quote.ip.source = outside;
                packet.icmp.quote.udp.checksum ^= 0x2222;
                packet.icmp.quote.source_port = 1024;
            }
            if (i >= 2 && protocol == PROBE_ICMP) {
                packet.icmp.quote.icmp_id = 77;
                packet.icmp.quote.icmp_checksum ^= 0x2222;
            }
            assert_int_equal(bench_give(&b, &packet, i), TRACE_ANSWER);
        }
        assert_int_equal(trace_result(b.trace, b.world->now_ns, &result), 0);
        assert_null(bench_change(&result, 1, TRACE_CHANGED_SOURCE));
        const struct trace_change *change = bench_change(&result, 2, TRACE_CHANGED_SOURCE);
        assert_non_null(change);
        assert_true(address_equal(&change->address_after, &outside));
        assert_non_null(bench_change(&result, 2, TRACE_CHANGED_SOURCE_PORT));
        assert_null(bench_change(&result, 3, TRACE_CHANGED_SOURCE));
        assert_null(bench_change(&result, 4, TRACE_CHANGED_SOURCE_PORT));
        trace_result_release(&result);
        bench_end(&b);
    }
}

static void test_other_changes(void **state)
{
    struct bench b = bench_start(4, PROBE_TCP, false);
    struct packet packet = bench_exceeded(&b, 3);
    struct trace_result result;

    (void)state;
    packet.icmp.quote.ip.dscp = 10;
    packet.icmp.quote.ip.ecn = 3;
    packet.icmp.quote.ip.ttl = 2;
    packet.icmp.quote.ip.total_len += 4;
    packet.icmp.quote.has_tcp = true;
    packet.icmp.quote.tcp.has_mss = true;
    packet.icmp.quote.tcp.mss = 1380;
    assert_int_equal(bench_give(&b, &packet, 3), TRACE_ANSWER);
    assert_int_equal(trace_result(b.trace, b.world->now_ns, &result), 0);
    assert_int_equal(bench_change(&result, 3, TRACE_CHANGED_DSCP)->after, 10);
    assert_int_equal(bench_change(&result, 3, TRACE_CHANGED_ECN)->after, 3);
    assert_int_equal(bench_change(&result, 3, TRACE_CHANGED_TTL)->after, 2);
    assert_int_equal(bench_change(&result, 3, TRACE_CHANGED_MSS)->before, 1460);
    assert_int_equal(bench_change(&result, 3, TRACE_CHANGED_MSS)->after, 1380);
    assert_non_null(bench_change(&result, 3, TRACE_CHANGED_LENGTH));
    assert_null(bench_change(&result, 3, TRACE_CHANGED_IP_ID));
    trace_result_release(&result);
    bench_end(&b);
}

/* The target's address sends "time exceeded" from the middle: DNAT, not the end. */
static void test_time_exceeded_from_the_target_is_not_the_end(void **state)
{
    struct bench b = bench_start(4, PROBE_ICMP, false);
    struct packet packet = bench_exceeded(&b, 4);
    struct trace_result result;
    bool moved = false;

    (void)state;
    packet.ip.source = b.world->destination;
    assert_int_equal(bench_give(&b, &packet, 4), TRACE_ANSWER);
    assert_false(b.seen.from_target);
    assert_int_equal(trace_result(b.trace, b.world->now_ns, &result), 0);
    assert_false(result.reached);
    assert_int_equal(result.path_len, 0);
    trace_result_release(&result);
    uint8_t bytes[64];
    packet = bench_echo_reply(&b, 7, bytes);
    assert_int_equal(bench_give(&b, &packet, 7), TRACE_ANSWER);
    assert_int_equal(trace_result(b.trace, b.world->now_ns, &result), 0);
    assert_int_equal(result.path_len, 8);
    for (size_t i = 0; i < result.nfindings; i++)
        moved = moved || (result.findings[i].kind == TRACE_FINDING_TARGET_MOVED &&
                          result.findings[i].ttl == 5);
    assert_true(moved);
    trace_result_release(&result);
    bench_end(&b);
}

/* The target itself refuses: the path is whole, but the end is its refusal. */
static void test_the_target_refuses(void **state)
{
    struct bench b = bench_start(4, PROBE_TCP, false);
    struct packet packet = bench_exceeded(&b, 6);
    struct trace_result result;

    (void)state;
    packet.ip.source = b.world->destination;
    packet.icmp.type = ICMP4_UNREACHABLE;
    packet.icmp.code = ICMP4_ADMIN_PROHIBITED;
    assert_int_equal(bench_give(&b, &packet, 6), TRACE_ANSWER);
    assert_true(b.seen.from_target);
    assert_int_equal(trace_result(b.trace, b.world->now_ns, &result), 0);
    assert_true(result.reached);
    assert_int_equal(result.path_len, 7);
    assert_int_equal(result.findings[0].kind, TRACE_FINDING_UNREACHABLE);
    assert_int_equal(result.findings[0].icmp_code, ICMP4_ADMIN_PROHIBITED);
    trace_result_release(&result);
    bench_end(&b);
}

static void test_fragmentation_needed_is_not_the_end(void **state)
{
    struct bench b = bench_start(4, PROBE_ICMP, false);
    struct packet packet = bench_exceeded(&b, 6);
    struct trace_result result;

    (void)state;
    packet.icmp.type = ICMP4_UNREACHABLE;
    packet.icmp.code = ICMP4_FRAGMENTATION_NEEDED;
    packet.icmp.mtu = 1400;
    assert_int_equal(bench_give(&b, &packet, 6), TRACE_ANSWER);
    assert_int_equal(trace_result(b.trace, b.world->now_ns, &result), 0);
    assert_int_equal(result.end, TRACE_END_NONE);
    assert_int_equal(result.end_address.family, 0);
    trace_result_release(&result);
    bench_end(&b);
}

static struct packet bench_tcp(const struct bench *b, size_t probe, uint16_t flags, uint32_t ack)
{
    struct packet packet = {.layers = LAYER_IP | LAYER_TCP};

    packet.ip = (struct ip_facts){.source = b->world->destination,
                                  .destination = b->world->source,
                                  .version = b->world->source.family,
                                  .ttl = 57,
                                  .protocol = PROTO_TCP};
    packet.tcp.source_port = b->probes[probe].destination_port;
    packet.tcp.destination_port = b->probes[probe].source_port;
    packet.tcp.flags = flags;
    packet.tcp.ack = ack;
    return packet;
}

/* R5 */
static void test_tcp_is_proven_by_acknowledgement(void **state)
{
    struct bench b = bench_start(4, PROBE_TCP, false);
    uint32_t seq = b.probes[7].tcp_seq;
    struct packet packet = bench_tcp(&b, 7, TCP_RST | TCP_ACK, seq + 2);

    (void)state;
    assert_int_equal(bench_give(&b, &packet, 7), TRACE_SUSPECT); /* a blind reset */
    packet = bench_tcp(&b, 7, TCP_RST, 0);
    assert_int_equal(bench_give(&b, &packet, 7), TRACE_SUSPECT);
    packet = bench_tcp(&b, 7, TCP_SYN | TCP_ACK, seq + 1);
    packet.tcp.destination_port ^= 0x0800;
    assert_int_equal(bench_give(&b, &packet, 7), TRACE_FOREIGN);
    packet = bench_tcp(&b, 7, TCP_SYN | TCP_ACK, seq + 1);
    assert_int_equal(bench_give(&b, &packet, 7), TRACE_ANSWER);
    assert_true(b.seen.from_target);
    assert_int_equal(b.seen.ttl, 8);
    assert_int_equal(bench_give(&b, &packet, 7), TRACE_DUPLICATE);
    bench_end(&b);
}

/* RFC 9293 3.10.7.1: the reset of a closed port acknowledges the SYN's data too. */
static void test_tcp_reset_acknowledges_data(void **state)
{
    struct bench b = bench_start(4, PROBE_TCP, false);
    uint32_t data = b.probes[7].size - 44u /* IPv4, TCP and the MSS option */;
    struct packet packet = bench_tcp(&b, 7, TCP_RST | TCP_ACK, b.probes[7].tcp_seq + 1 + data);

    (void)state;
    assert_int_equal(bench_give(&b, &packet, 7), TRACE_ANSWER);
    assert_int_equal(b.seen.ttl, 8);
    bench_end(&b);
}

/* The first SYN is held half-open; a later one is answered with the old acknowledgement. */
static void test_tcp_old_acknowledgement_answers_the_one_under_way(void **state)
{
    struct bench b = bench_start(4, PROBE_TCP, false);

    (void)state;
    for (size_t i = 0; i < 6; i++) {
        struct packet exceeded = bench_exceeded(&b, i);
        assert_int_equal(bench_give(&b, &exceeded, i), TRACE_ANSWER);
    }
    struct packet packet = bench_tcp(&b, 6, TCP_SYN | TCP_ACK, b.probes[6].tcp_seq + 1);
    assert_int_equal(bench_give(&b, &packet, 6), TRACE_ANSWER);
    packet = bench_tcp(&b, 7, TCP_ACK, b.probes[6].tcp_seq + 1);
    assert_int_equal(bench_give(&b, &packet, 7), TRACE_ANSWER);
    assert_int_equal(b.seen.ttl, 8);
    assert_int_equal(b.seen.rtt_ns, RTT_NS);
    bench_end(&b);
}

static void test_udp_identity_by_port(void **state)
{
    struct bench b = bench_start(4, PROBE_UDP, true);
    struct packet packet = bench_exceeded(&b, 5);

    (void)state;
    assert_int_equal(b.probes[5].fixed_checksum, 0);
    assert_int_not_equal(b.probes[5].destination_port, b.probes[4].destination_port);
    packet.icmp.quote.udp.checksum = 0xbeef; /* the kernel's own */
    packet.icmp.quote.ip.id = 0;
    packet.icmp.quote.ip.ttl = b.probes[5].ttl; /* it quotes the probe as it was sent */
    assert_int_equal(bench_give(&b, &packet, 5), TRACE_ANSWER);
    assert_int_equal(b.seen.ttl, 6);
    packet = bench_exceeded(&b, 7);
    packet.icmp.type = ICMP4_UNREACHABLE;
    packet.icmp.code = ICMP4_PORT_UNREACHABLE;
    packet.ip.source = b.world->destination;
    packet.icmp.quote.ip.ttl = b.probes[7].ttl;
    assert_int_equal(bench_give(&b, &packet, 7), TRACE_ANSWER);
    struct trace_result result;
    assert_int_equal(trace_result(b.trace, b.world->now_ns, &result), 0);
    assert_int_equal(result.path_len, 8);
    assert_int_equal(result.hops[5].responders[0].nchanges, 0);
    trace_result_release(&result);
    bench_end(&b);
}

static void test_udp_service_that_answers(void **state)
{
    struct bench b = bench_start(4, PROBE_UDP, false);
    struct packet packet = {.layers = LAYER_IP | LAYER_UDP};

    (void)state;
    packet.ip.version = 4;
    packet.ip.source = b.world->destination;
    packet.ip.destination = b.world->source;
    packet.udp.source_port = b.probes[0].destination_port;
    packet.udp.destination_port = b.probes[0].source_port;
    uint8_t bytes[64] = {0};
    memcpy(bytes + 2, b.payloads[7], b.probes[7].payload_len);
    packet.payload = bytes;
    packet.payload_len = 32;
    assert_int_equal(bench_give(&b, &packet, 7), TRACE_ANSWER); /* it echoes: which one is known */
    assert_int_equal(b.seen.ttl, 8);
    bench_end(&b);
    b = bench_start(4, PROBE_UDP, false);
    for (size_t i = 0; i < 6; i++) {
        struct packet exceeded = bench_exceeded(&b, i);
        assert_int_equal(bench_give(&b, &exceeded, i), TRACE_ANSWER);
    }
    memset(bytes, 0, sizeof(bytes)); /* it does not: one of two, so no RTT is taken from it */
    assert_int_equal(bench_give(&b, &packet, 6), TRACE_ANSWER);
    struct trace_result result;
    assert_int_equal(trace_result(b.trace, b.world->now_ns, &result), 0);
    assert_true(result.reached);
    const struct trace_hop *end = &result.hops[result.nhops - 1];
    assert_int_equal(end->received, 1);
    assert_int_equal(end->rtt_ms.count, 0);
    trace_result_release(&result);
    packet.ip.source = world_router(b.world, 2);
    assert_int_equal(bench_give(&b, &packet, 7), TRACE_FOREIGN);
    bench_end(&b);
}

/* Consecutive probes of one flow must look alike to a router that hashes them. */
static void test_flow_is_constant(void **state)
{
    (void)state;
    for (int protocol = PROBE_ICMP; protocol <= PROBE_TCP; protocol++) {
        struct bench b = bench_start(6, (enum probe_protocol)protocol, false);
        for (size_t i = 1; i < 8; i++) {
            assert_int_equal(b.probes[i].source_port, b.probes[0].source_port);
            assert_int_equal(b.probes[i].destination_port, b.probes[0].destination_port);
            assert_int_equal(b.probes[i].flow_label, b.probes[0].flow_label);
            assert_int_equal(b.probes[i].icmp_id, b.probes[0].icmp_id);
            if (protocol == PROBE_ICMP) {
                assert_int_equal(b.probes[i].fixed_checksum, b.probes[0].fixed_checksum);
                assert_int_not_equal(b.probes[i].icmp_seq, b.probes[0].icmp_seq);
            } else if (protocol == PROBE_UDP) {
                assert_int_not_equal(b.probes[i].fixed_checksum, b.probes[0].fixed_checksum);
            }
        }
        bench_end(&b);
    }
}

/* The send failed: our own kernel may say so in ICMP too, a stranger cannot know. */
static void test_what_never_left_has_no_answer(void **state)
{
    struct world *world = world_new(6, 8, 40, 1);
    struct trace_config config;
    struct trace_observation seen;
    struct trace *trace;
    struct packet packet;
    struct probe probe;
    int64_t wake_ns;
    uint32_t id;

    (void)state;
    world_config(world, &config);
    assert_int_equal(trace_new(&config, world->now_ns, &trace, NULL), 0);
    assert_int_equal(trace_next(trace, world->now_ns, &probe, &id, &wake_ns), TRACE_SEND);
    trace_sent(trace, id, -EMSGSIZE, world->now_ns);
    world_time_exceeded(world, &probe, 1, &packet);
    assert_int_equal(trace_receive(trace, &packet, PACKET_INCOMING, world->now_ns, &seen),
                     TRACE_SUSPECT);
    packet.ip.source = world->source;
    assert_int_equal(trace_receive(trace, &packet, PACKET_INCOMING, world->now_ns, &seen),
                     TRACE_FOREIGN);
    trace_free(trace);
    world_free(world);
}

static void test_target_of(void **state)
{
    struct bench b = bench_start(4, PROBE_ICMP, false);
    struct packet packet = bench_exceeded(&b, 1);
    struct address target;
    uint8_t bytes[64];

    (void)state;
    assert_true(trace_target_of(&packet, PACKET_INCOMING, &target));
    assert_true(address_equal(&target, &b.world->destination));
    packet = bench_echo_reply(&b, 1, bytes);
    assert_true(trace_target_of(&packet, PACKET_INCOMING, &target));
    assert_true(address_equal(&target, &b.world->destination));
    packet.layers = LAYER_LINK;
    assert_false(trace_target_of(&packet, PACKET_INCOMING, &target));
    bench_end(&b);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answer_duplicate_and_counts),
        cmocka_unit_test(test_capture_stamp_is_the_send_time),
        cmocka_unit_test(test_strangers_are_foreign),
        cmocka_unit_test(test_forged_quotes_are_suspect),
        cmocka_unit_test(test_echo_reply_needs_the_nonce),
        cmocka_unit_test(test_nat_is_reported_at_its_hop),
        cmocka_unit_test(test_other_changes),
        cmocka_unit_test(test_time_exceeded_from_the_target_is_not_the_end),
        cmocka_unit_test(test_the_target_refuses),
        cmocka_unit_test(test_fragmentation_needed_is_not_the_end),
        cmocka_unit_test(test_tcp_is_proven_by_acknowledgement),
        cmocka_unit_test(test_tcp_reset_acknowledges_data),
        cmocka_unit_test(test_tcp_old_acknowledgement_answers_the_one_under_way),
        cmocka_unit_test(test_udp_identity_by_port),
        cmocka_unit_test(test_udp_service_that_answers),
        cmocka_unit_test(test_flow_is_constant),
        cmocka_unit_test(test_what_never_left_has_no_answer),
        cmocka_unit_test(test_target_of),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
