/* What becomes of single packets: true answers, further ones, forged ones, quoted ones. */
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
#include "engine/syn.h"
#include "wire/icmp.h"

#define START_NS (1000 * NS_PER_SEC)
#define RTT_NS   (20 * NS_PER_MS)
#define PORT     443
#define ISN      0x51a7e000

struct bench {
    struct syn *syn;
    struct syn_target target;
    struct syn_config config;
    struct probe probe; /* the latest SYN */
    uint32_t id;
    int64_t now_ns, sent_ns; /* of the latest SYN */
    struct syn_observation seen;
};

static void bench_config(struct bench *b, int family)
{
    *b = (struct bench){.now_ns = START_NS};
    syn_config_default(&b->config);
    b->config.seed = 4711;
    b->config.count = 4;
    b->config.source_port = 50000;
    b->target.port = PORT;
    b->target.source = address_from4((uint8_t[]){10, 0, 0, 2});
    b->target.destination = address_from4((uint8_t[]){10, 99, 0, 2});
    if (family == 6) {
        b->target.source = address_from6((uint8_t[]){0xfd, [15] = 2});
        b->target.destination = address_from6((uint8_t[]){0xfd, [15] = 0x99});
    }
}

/* Lets time pass until the run has something to send, and takes it. */
static enum syn_step bench_take(struct bench *b, struct probe *probe, uint32_t *id)
{
    int64_t wake_ns;

    for (;;) {
        enum syn_step step = syn_next(b->syn, b->now_ns, probe, id, &wake_ns);
        if (step != SYN_WAIT)
            return step;
        assert_true(wake_ns != TIME_NEVER && wake_ns > b->now_ns);
        b->now_ns = wake_ns;
    }
}

/* The next SYN, sent without a fault. */
static void bench_next_syn(struct bench *b)
{
    do {
        assert_int_equal(bench_take(b, &b->probe, &b->id), SYN_SEND);
        syn_sent(b->syn, b->id, 0, b->now_ns);
    } while (b->probe.protocol != PROBE_TCP || !(b->probe.tcp_flags & TCP_SYN));
    b->sent_ns = b->now_ns;
}

static void bench_open(struct bench *b)
{
    assert_int_equal(syn_new(&b->config, &b->target, 1, b->now_ns, &b->syn, NULL), 0);
    bench_next_syn(b);
}

static void bench_start(struct bench *b, int family)
{
    bench_config(b, family);
    bench_open(b);
}

static struct packet bench_packet(const struct bench *b, uint8_t protocol)
{
    struct packet packet = {.layers = LAYER_IP};

    packet.ip.source = b->target.destination;
    packet.ip.destination = b->target.source;
    packet.ip.version = b->target.source.family;
    packet.ip.ttl = 60;
    packet.ip.protocol = protocol;
    packet.ip.has_id = packet.ip.version == 4;
    packet.ip.checksum_ok = true;
    return packet;
}

static struct packet bench_segment(const struct bench *b, uint16_t flags)
{
    struct packet packet = bench_packet(b, PROTO_TCP);

    packet.layers |= LAYER_TCP;
    packet.tcp = (struct tcp_facts){.source_port = b->probe.destination_port,
                                    .destination_port = b->probe.source_port,
                                    .flags = flags,
                                    .header_len = 20,
                                    .ack = b->probe.tcp_seq + 1};
    return packet;
}

/* As Linux answers, its clock at `tsval`. */
static struct packet bench_synack(const struct bench *b, uint32_t tsval)
{
    static const uint8_t kinds[] = {2, 4, 8, 1, 3};
    struct packet packet = bench_segment(b, TCP_SYN | TCP_ACK);

    packet.tcp.seq = ISN;
    packet.tcp.window = 65160;
    packet.tcp.has_mss = packet.tcp.has_wscale = packet.tcp.sack_permitted = true;
    packet.tcp.has_timestamps = true;
    packet.tcp.mss = b->target.source.family == 6 ? 1440 : 1460;
    packet.tcp.wscale = 7;
    packet.tcp.tsval = tsval;
    packet.tcp.tsecr = b->probe.tcp_tsval;
    packet.tcp.nkinds = sizeof(kinds);
    memcpy(packet.tcp.kinds, kinds, sizeof(kinds));
    return packet;
}

static enum syn_match bench_give(struct bench *b, const struct packet *packet, int64_t when_ns)
{
    if (when_ns > b->now_ns)
        b->now_ns = when_ns;
    enum syn_match match = syn_receive(b->syn, packet, PACKET_INCOMING, when_ns, &b->seen);
    assert_int_equal(match, b->seen.match);
    return match;
}

static struct syn_target_result bench_result(const struct bench *b)
{
    struct syn_target_result result;

    assert_int_equal(syn_target_result(b->syn, 0, &result), 0);
    assert_int_equal(result.sent, result.answered + result.pending + result.timed_out);
    assert_int_equal(result.answered, result.open + result.refused + result.unreachable);
    return result;
}

static bool bench_finds(const struct bench *b, enum syn_finding_kind kind)
{
    struct syn_target_result result = bench_result(b);
    bool found = false;

    for (size_t i = 0; i < result.nfindings; i++)
        found = found || result.findings[i].kind == kind;
    syn_target_result_release(&result);
    return found;
}

/* --- segments ------------------------------------------------------------------------------ */

static void test_segments(void **state)
{
    static const struct {
        uint16_t flags;
        int32_t ack_off; /* from what the SYN calls for */
        int source_port_off, destination_port_off;
        bool other_source, other_destination;
        enum syn_match match;
        enum syn_outcome outcome;
    } rows[] = {
        {TCP_SYN | TCP_ACK, 0, 0, 0, false, false, SYN_ANSWER, SYN_OPEN},
        {TCP_SYN | TCP_ACK | TCP_ECE, 0, 0, 0, false, false, SYN_ANSWER, SYN_OPEN},
        {TCP_RST | TCP_ACK, 0, 0, 0, false, false, SYN_ANSWER, SYN_REFUSED},
        /* an acknowledgement nobody asked for */
        {TCP_SYN | TCP_ACK, 1, 0, 0, false, false, SYN_SUSPECT, 0},
        {TCP_SYN | TCP_ACK, -1, 0, 0, false, false, SYN_SUSPECT, 0},
        {TCP_SYN | TCP_ACK, 77777, 0, 0, false, false, SYN_SUSPECT, 0},
        {TCP_RST | TCP_ACK, 1, 0, 0, false, false, SYN_SUSPECT, 0},
        {TCP_RST | TCP_ACK, -1, 0, 0, false, false, SYN_SUSPECT, 0},
        /* none at all: RFC 9293 3.10.7.3 drops it */
        {TCP_RST, 0, 0, 0, false, false, SYN_SUSPECT, 0},
        {TCP_SYN, 0, 0, 0, false, false, SYN_SUSPECT, 0},
        {TCP_SYN | TCP_RST | TCP_ACK, 0, 0, 0, false, false, SYN_SUSPECT, 0},
        /* of other connections */
        {TCP_SYN | TCP_ACK, 0, 1, 0, false, false, SYN_FOREIGN, 0},
        {TCP_SYN | TCP_ACK, 0, 0, 1, false, false, SYN_FOREIGN, 0},
        {TCP_SYN | TCP_ACK, 0, 0, 0, true, false, SYN_FOREIGN, 0},
        {TCP_SYN | TCP_ACK, 0, 0, 0, false, true, SYN_FOREIGN, 0},
        {TCP_RST | TCP_ACK, 0, 0, 0, true, false, SYN_FOREIGN, 0},
        {TCP_ACK, 9, 0, 0, false, false, SYN_FOREIGN, 0},
        {TCP_ACK | TCP_PSH, 9, 0, 0, false, false, SYN_FOREIGN, 0},
        {TCP_ACK | TCP_FIN, 9, 0, 0, false, false, SYN_FOREIGN, 0},
        /* no later SYN can have caused it */
        {TCP_ACK, 0, 0, 0, false, false, SYN_DUPLICATE, 0},
    };

    (void)state;
    for (size_t i = 0; i < 2 * sizeof(rows) / sizeof(rows[0]); i++) {
        const size_t row = i / 2;
        struct bench b;
        bench_start(&b, i % 2 ? 6 : 4);
        struct packet packet = bench_segment(&b, rows[row].flags);
        packet.tcp.ack += (uint32_t)rows[row].ack_off;
        packet.tcp.source_port = (uint16_t)(PORT + rows[row].source_port_off);
        packet.tcp.destination_port =
            (uint16_t)(b.probe.source_port + rows[row].destination_port_off);
        packet.ip.source.bytes[3] ^= rows[row].other_source;
        packet.ip.destination.bytes[3] ^= rows[row].other_destination;
        if (bench_give(&b, &packet, b.sent_ns + RTT_NS) != rows[row].match)
            fail_msg("row %zu: %d", row, b.seen.match);
        struct syn_target_result result = bench_result(&b);
        bool answer = rows[row].match == SYN_ANSWER;
        assert_int_equal(result.answered, answer);
        assert_int_equal(result.suspects, rows[row].match == SYN_SUSPECT);
        if (answer) {
            assert_int_equal(b.seen.outcome, rows[row].outcome);
            assert_int_equal(b.seen.rtt_ns, RTT_NS);
            assert_int_equal(result.outcome, rows[row].outcome);
            assert_true(result.rtt_ms.count == 1 && result.rtt_ms.max == 20);
        } else {
            assert_int_equal(b.seen.rtt_ns, -1);
            assert_int_equal(result.pending, 1);
        }
        syn_target_result_release(&result);
        syn_free(b.syn);
    }
}

/* Nobody who has not seen the SYN acknowledges it: sequential and simple guesses all fail. */
static void test_guesses_fail(void **state)
{
    struct bench b;

    (void)state;
    bench_start(&b, 4);
    for (uint32_t guess = 0; guess < 200000; guess++) {
        struct packet packet = bench_synack(&b, 1);
        packet.tcp.ack = guess * 21475 + 7;
        if (packet.tcp.ack != b.probe.tcp_seq + 1)
            assert_int_equal(bench_give(&b, &packet, b.sent_ns + 1), SYN_SUSPECT);
    }
    assert_true(bench_finds(&b, SYN_FINDING_SUSPECT));
    syn_free(b.syn);
}

static void test_answer_before_the_send_is_known(void **state)
{
    struct bench b;

    (void)state;
    bench_config(&b, 4);
    assert_int_equal(syn_new(&b.config, &b.target, 1, b.now_ns, &b.syn, NULL), 0);
    assert_int_equal(bench_take(&b, &b.probe, &b.id), SYN_SEND);
    struct packet packet = bench_synack(&b, 1);
    assert_int_equal(bench_give(&b, &packet, START_NS + RTT_NS), SYN_ANSWER);
    syn_sent(b.syn, b.id, 0, b.now_ns);
    struct syn_target_result result = bench_result(&b);
    assert_int_equal(result.sent, 1);
    assert_int_equal(result.open, 1);
    assert_int_equal(result.pending, 0);
    syn_target_result_release(&result);
    syn_free(b.syn);
}

static struct packet bench_own(const struct bench *b, uint16_t flags, uint32_t seq)
{
    struct packet packet = bench_packet(b, PROTO_TCP);

    packet.layers |= LAYER_TCP;
    packet.ip.source = b->target.source;
    packet.ip.destination = b->target.destination;
    packet.tcp = (struct tcp_facts){.source_port = b->probe.source_port,
                                    .destination_port = PORT,
                                    .flags = flags,
                                    .seq = seq,
                                    .has_timestamps = flags & TCP_SYN,
                                    .tsval = b->probe.tcp_tsval};
    return packet;
}

/* The loopback shows our packets twice: as they leave, and as they come. */
static void test_capture_gives_the_exact_time(void **state)
{
    struct bench b;

    (void)state;
    bench_start(&b, 6);
    struct packet own = bench_own(&b, TCP_SYN, b.probe.tcp_seq);
    int64_t left_ns = b.sent_ns + 300 * NS_PER_US;
    assert_int_equal(syn_receive(b.syn, &own, PACKET_OUTGOING, left_ns, &b.seen), SYN_OUTGOING);
    assert_int_equal(b.seen.probe, 0);
    assert_int_equal(syn_receive(b.syn, &own, PACKET_INCOMING, left_ns + 10, NULL), SYN_FOREIGN);
    assert_int_equal(syn_receive(b.syn, &own, PACKET_OUTGOING, left_ns + 20, NULL), SYN_FOREIGN);
    struct packet answer = bench_synack(&b, 1);
    assert_int_equal(bench_give(&b, &answer, left_ns + RTT_NS), SYN_ANSWER);
    assert_int_equal(b.seen.rtt_ns, RTT_NS);
    assert_int_equal(b.seen.sent_ns, left_ns);
    struct packet reset = bench_own(&b, TCP_RST, b.probe.tcp_seq + 1);
    assert_int_equal(syn_receive(b.syn, &reset, PACKET_INCOMING, b.now_ns, NULL), SYN_FOREIGN);
    assert_int_equal(syn_receive(b.syn, &reset, PACKET_OUTGOING, b.now_ns, NULL), SYN_RESET_SENT);
    struct syn_target_result result = bench_result(&b);
    assert_int_equal(result.suspects + result.duplicates + result.second_answers, 0);
    syn_target_result_release(&result);
    syn_free(b.syn);
}

/* --- which copy ---------------------------------------------------------------------------- */

static void test_copies_are_told_apart(void **state)
{
    static const struct {
        int echoed; /* copy whose TSval comes back; -1: no timestamps */
        unsigned copies;
        int64_t after_ns; /* the latest copy */
        int64_t rtt_ns;
        bool repeated;
    } rows[] = {
        {0, 1, RTT_NS, RTT_NS, false},
        {-1, 1, RTT_NS, RTT_NS, false},
        {0, 2, RTT_NS, NS_PER_SEC + RTT_NS, false},
        {1, 2, RTT_NS, RTT_NS, true},
        {-1, 2, RTT_NS, -1, true},
        {0, 3, RTT_NS, 3 * NS_PER_SEC + RTT_NS, false},
        {1, 3, RTT_NS, -1, true}, /* neither the first nor the latest */
        {2, 3, RTT_NS, RTT_NS, true},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench b;
        uint32_t tsvals[3], isn;
        bench_config(&b, 4);
        b.config.count = 1;
        b.config.repeats = 2;
        b.config.timeout_ns = 10 * NS_PER_SEC;
        bench_open(&b);
        isn = b.probe.tcp_seq;
        tsvals[0] = b.probe.tcp_tsval;
        for (unsigned copy = 1; copy < rows[i].copies; copy++) {
            bench_next_syn(&b);
            assert_int_equal(b.now_ns - START_NS, copy == 1 ? NS_PER_SEC : 3 * NS_PER_SEC);
            assert_int_equal(b.probe.tcp_seq, isn);
            assert_int_equal(b.probe.source_port, 50000);
            assert_true((int32_t)(b.probe.tcp_tsval - tsvals[copy - 1]) > 0);
            tsvals[copy] = b.probe.tcp_tsval;
        }
        struct packet answer = bench_synack(&b, 1);
        answer.tcp.has_timestamps = rows[i].echoed >= 0;
        if (rows[i].echoed >= 0)
            answer.tcp.tsecr = tsvals[rows[i].echoed];
        assert_int_equal(bench_give(&b, &answer, b.sent_ns + rows[i].after_ns), SYN_ANSWER);
        if (b.seen.rtt_ns != rows[i].rtt_ns || b.seen.repeated != rows[i].repeated)
            fail_msg("row %zu: RTT %ld", i, b.seen.rtt_ns);
        assert_int_equal(b.seen.sends, rows[i].copies);
        struct syn_target_result result = bench_result(&b);
        assert_int_equal(result.answered_when_repeated, rows[i].repeated);
        assert_int_equal(result.repeats_sent, rows[i].copies - 1);
        assert_int_equal(result.rtt_ms.count, rows[i].rtt_ns >= 0);
        syn_target_result_release(&result);
        syn_free(b.syn);
    }
}

/* Without timestamps, what comes faster than anything has answers an earlier copy. */
static void test_too_fast_for_the_latest_copy(void **state)
{
    struct bench b;

    (void)state;
    bench_config(&b, 4);
    b.config.options = SYN_OPTIONS_BARE;
    b.config.interval_ns = 5 * NS_PER_SEC;
    bench_open(&b);
    for (unsigned i = 0; i < 2; i++) {
        struct packet answer = bench_segment(&b, TCP_SYN | TCP_ACK);
        assert_int_equal(bench_give(&b, &answer, b.sent_ns + RTT_NS), SYN_ANSWER);
        bench_next_syn(&b);
    }
    bench_next_syn(&b);
    struct packet answer = bench_segment(&b, TCP_SYN | TCP_ACK);
    assert_int_equal(bench_give(&b, &answer, b.sent_ns + RTT_NS / 4), SYN_ANSWER);
    assert_int_equal(b.seen.rtt_ns, -1);
    assert_false(b.seen.repeated);
    syn_free(b.syn);
}

/* The host's SYN-ACK was lost and comes again a second later: that is no RTT of a second. */
static void test_a_repeated_answer_is_no_rtt(void **state)
{
    struct bench b;

    (void)state;
    bench_config(&b, 4);
    b.config.repeats = 0;
    b.config.interval_ns = 5 * NS_PER_SEC;
    bench_open(&b);
    for (uint32_t i = 0; i < 2; i++) {
        struct packet answer = bench_synack(&b, i);
        assert_int_equal(bench_give(&b, &answer, b.sent_ns + RTT_NS), SYN_ANSWER);
        bench_next_syn(&b);
    }
    struct packet answer = bench_synack(&b, 9);
    assert_int_equal(bench_give(&b, &answer, b.sent_ns + RTT_NS + NS_PER_SEC), SYN_ANSWER);
    assert_int_equal(b.seen.rtt_ns, -1);
    bench_next_syn(&b);
    answer = bench_synack(&b, 10);
    assert_int_equal(bench_give(&b, &answer, b.sent_ns + 600 * NS_PER_MS), SYN_ANSWER);
    assert_int_equal(b.seen.rtt_ns, 600 * NS_PER_MS); /* a slow one is */
    syn_free(b.syn);
}

static void test_late_answers_take_the_loss_back(void **state)
{
    struct bench b;
    struct syn_observation told;
    uint32_t id;
    struct probe probe;

    (void)state;
    bench_config(&b, 4);
    b.config.count = 1;
    b.config.repeats = 0;
    bench_open(&b);
    struct packet answer = bench_synack(&b, 1);
    assert_int_equal(bench_take(&b, &probe, &id), SYN_DONE);
    assert_int_equal(b.now_ns - b.sent_ns, b.config.timeout_ns);
    assert_true(syn_given_up(b.syn, &told));
    assert_int_equal(told.outcome, SYN_TIMED_OUT);
    assert_int_equal(told.probe, 0);
    assert_false(syn_given_up(b.syn, &told));
    assert_true(bench_finds(&b, SYN_FINDING_TIMED_OUT));
    assert_int_equal(bench_give(&b, &answer, b.sent_ns + 4 * NS_PER_SEC), SYN_LATE);
    assert_true(b.seen.late);
    assert_int_equal(b.seen.rtt_ns, 4 * NS_PER_SEC);
    struct syn_target_result result = bench_result(&b);
    assert_int_equal(result.timed_out, 0);
    assert_int_equal(result.open, 1);
    assert_int_equal(result.late, 1);
    assert_int_equal(result.rtt_ms.count, 0);
    syn_target_result_release(&result);
    syn_free(b.syn);
}

/* --- further answers ----------------------------------------------------------------------- */

static void test_further_answers(void **state)
{
    static const struct {
        int64_t gap_ns;
        uint16_t flags;
        int32_t isn_off;
        uint32_t tsval_off, id_off;
        int ttl_off, window_off;
        bool no_stamps;
        enum syn_match match;
    } rows[] = {
        /* a copy of the packet; an answer to a copy of the SYN */
        {1000, TCP_SYN | TCP_ACK, 0, 0, 0, 0, 0, false, SYN_DUPLICATE},
        {30 * NS_PER_MS, TCP_SYN | TCP_ACK, 0, 30, 1, 0, 0, false, SYN_DUPLICATE},
        {2 * NS_PER_SEC, TCP_SYN | TCP_ACK, 0, 0, 1, 0, 0, false, SYN_DUPLICATE},
        {2 * NS_PER_SEC, TCP_SYN | TCP_ACK, 0, 0, 0, 0, 0, true, SYN_DUPLICATE},
        /* sent again by the host */
        {NS_PER_SEC, TCP_SYN | TCP_ACK, 0, 1000, 1, 0, 0, false, SYN_AGAIN},
        {NS_PER_SEC, TCP_SYN | TCP_ACK, 0, 0, 1, 0, 0, true, SYN_AGAIN},
        {200 * NS_PER_MS, TCP_SYN | TCP_ACK, 0, 200, 1, 0, 0, false, SYN_AGAIN},
        /* another machine's: no half-open connection is gone so soon; other window; other place */
        {5 * NS_PER_MS, TCP_SYN | TCP_ACK, 99, 1, 1, 0, 0, false, SYN_SECOND},
        {NS_PER_SEC, TCP_SYN | TCP_ACK, 99, 1, 1, 0, 1, false, SYN_SECOND},
        {NS_PER_SEC, TCP_SYN | TCP_ACK, 99, 1, 1, -3, 0, false, SYN_SECOND},
        {NS_PER_SEC, TCP_SYN | TCP_ACK, 99, 0, 1, 0, 0, true, SYN_SECOND}, /* no timestamps */
        {5 * NS_PER_MS, TCP_RST | TCP_ACK, 0, 0, 1, 0, 0, false, SYN_SECOND},
        {NS_PER_SEC, TCP_RST | TCP_ACK, 0, 0, 1, 3, 0, false, SYN_SECOND},
        /* a new half-open connection of the same host, of a copy that came after the RST */
        {RTT_NS, TCP_SYN | TCP_ACK, 99, 20, 1, 0, 0, false, SYN_DUPLICATE},
        {NS_PER_SEC, TCP_RST | TCP_ACK, 0, 0, 1, 0, 0, false, SYN_DUPLICATE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench b;
        bench_config(&b, 4);
        b.config.repeats = 0;
        bench_open(&b);
        struct packet first = bench_synack(&b, 5000);
        first.ip.id = 17;
        first.tcp.has_timestamps = !rows[i].no_stamps || rows[i].isn_off;
        assert_int_equal(bench_give(&b, &first, b.sent_ns + RTT_NS), SYN_ANSWER);
        struct packet further = first;
        further.tcp.has_timestamps = !rows[i].no_stamps;
        further.tcp.flags = rows[i].flags;
        further.tcp.seq += (uint32_t)rows[i].isn_off;
        further.tcp.tsval += rows[i].tsval_off;
        further.ip.id += rows[i].id_off;
        further.ip.ttl = (uint8_t)(further.ip.ttl + rows[i].ttl_off);
        further.tcp.window = (uint16_t)(further.tcp.window + rows[i].window_off);
        if (bench_give(&b, &further, b.sent_ns + RTT_NS + rows[i].gap_ns) != rows[i].match)
            fail_msg("row %zu: %d", i, b.seen.match);
        struct syn_target_result result = bench_result(&b);
        assert_int_equal(result.duplicates, rows[i].match == SYN_DUPLICATE);
        assert_int_equal(result.retransmitted_answers, rows[i].match == SYN_AGAIN);
        assert_int_equal(result.second_answers, rows[i].match == SYN_SECOND);
        assert_int_equal(result.open, 1);
        assert_int_equal(result.rtt_ms.count, 1);
        syn_target_result_release(&result);
        syn_free(b.syn);
    }
}

/* Two SYNs of one probe are answered both: that is nobody's retransmission. */
static void test_both_copies_answered(void **state)
{
    struct bench b;

    (void)state;
    bench_config(&b, 4);
    b.config.count = 1;
    bench_open(&b);
    struct packet first = bench_synack(&b, 100);
    bench_next_syn(&b);
    struct packet second = bench_synack(&b, 1100);
    assert_int_equal(bench_give(&b, &first, b.sent_ns + 500 * NS_PER_MS), SYN_ANSWER);
    assert_int_equal(b.seen.rtt_ns, 1500 * NS_PER_MS);
    assert_int_equal(bench_give(&b, &second, b.sent_ns + 1500 * NS_PER_MS), SYN_DUPLICATE);
    second.tcp.tsval += 1000;
    assert_int_equal(bench_give(&b, &second, b.sent_ns + 2500 * NS_PER_MS), SYN_AGAIN);
    syn_free(b.syn);
}

/* RFC 9293 3.10.7.4: the next SYN meets a connection that is half open. */
static void test_challenge_acknowledgements(void **state)
{
    struct bench b;

    (void)state;
    bench_config(&b, 4);
    b.config.repeats = 0;
    b.config.timeout_ns = 800 * NS_PER_MS;
    bench_open(&b);
    uint32_t half_open = b.probe.tcp_seq; /* its SYN-ACK is lost */
    bench_next_syn(&b);
    struct packet challenge = bench_segment(&b, TCP_ACK);
    challenge.tcp.ack = half_open + 1;
    assert_int_equal(bench_give(&b, &challenge, b.sent_ns + RTT_NS), SYN_ANSWER);
    assert_int_equal(b.seen.probe, 1);
    assert_int_equal(b.seen.rtt_ns, RTT_NS);
    assert_int_equal(b.seen.outcome, SYN_OPEN);
    assert_int_equal(bench_give(&b, &challenge, b.sent_ns + RTT_NS + 1), SYN_DUPLICATE);
    struct syn_target_result result = bench_result(&b);
    assert_int_equal(result.open, 1);
    assert_int_equal(result.pending, 1);
    assert_int_equal(result.synack.samples, 0);
    syn_target_result_release(&result);
    syn_free(b.syn);
}

/* With several SYNs of one flow under way nothing tells which one was challenged. */
static void test_ambiguous_challenges_are_nobodys(void **state)
{
    struct bench b;

    (void)state;
    bench_config(&b, 4);
    b.config.repeats = 0;
    bench_open(&b);
    uint32_t half_open = b.probe.tcp_seq;
    bench_next_syn(&b);
    bench_next_syn(&b);
    struct packet challenge = bench_segment(&b, TCP_ACK);
    challenge.tcp.ack = half_open + 1;
    assert_int_equal(bench_give(&b, &challenge, b.sent_ns + RTT_NS), SYN_DUPLICATE);
    assert_int_equal(b.seen.sends, 0);
    syn_free(b.syn);
}

/* --- ICMP errors --------------------------------------------------------------------------- */

static struct packet bench_error(const struct bench *b, uint8_t type, uint8_t code)
{
    struct packet packet =
        bench_packet(b, b->target.source.family == 6 ? PROTO_ICMPV6 : PROTO_ICMP);
    struct quote *quote = &packet.icmp.quote;

    packet.layers |= LAYER_ICMP | LAYER_QUOTE;
    packet.ip.source.bytes[3] ^= 0x40; /* a router */
    packet.icmp.type = type;
    packet.icmp.code = code;
    packet.icmp.checksum_ok = packet.icmp.is_error = true;
    quote->ip.source = b->target.source;
    quote->ip.destination = b->target.destination;
    quote->ip.version = packet.ip.version;
    quote->ip.protocol = PROTO_TCP;
    quote->has_ports = quote->has_tcp_seq = true;
    quote->source_port = b->probe.source_port;
    quote->destination_port = PORT;
    quote->tcp_seq = b->probe.tcp_seq;
    return packet;
}

static void test_errors_by_type(void **state)
{
    static const struct {
        int family;
        uint8_t type, code;
        enum syn_match match;
        enum syn_finding_kind kind;
    } rows[] = {
        {4, ICMP4_UNREACHABLE, ICMP4_NET_UNREACHABLE, SYN_ANSWER, SYN_FINDING_UNREACHABLE},
        {4, ICMP4_UNREACHABLE, ICMP4_HOST_UNREACHABLE, SYN_ANSWER, SYN_FINDING_UNREACHABLE},
        {4, ICMP4_UNREACHABLE, ICMP4_PORT_UNREACHABLE, SYN_ANSWER, SYN_FINDING_PORT_REJECTED},
        {4, ICMP4_UNREACHABLE, ICMP4_ADMIN_PROHIBITED, SYN_ANSWER, SYN_FINDING_PORT_REJECTED},
        {4, ICMP4_UNREACHABLE, ICMP4_HOST_PROHIBITED, SYN_ANSWER, SYN_FINDING_PORT_REJECTED},
        {4, ICMP4_TIME_EXCEEDED, 0, SYN_ANSWER, SYN_FINDING_UNREACHABLE},
        {4, ICMP4_PARAMETER_PROBLEM, 0, SYN_ANSWER, SYN_FINDING_UNREACHABLE},
        {4, ICMP4_TIME_EXCEEDED, 1, SYN_FOREIGN, 0}, /* of fragments */
        {4, ICMP4_UNREACHABLE, ICMP4_FRAGMENTATION_NEEDED, SYN_FOREIGN, 0},
        {4, ICMP4_REDIRECT, 1, SYN_FOREIGN, 0},
        {6, ICMP6_UNREACHABLE, ICMP6_NO_ROUTE, SYN_ANSWER, SYN_FINDING_UNREACHABLE},
        {6, ICMP6_UNREACHABLE, ICMP6_ADMIN_PROHIBITED, SYN_ANSWER, SYN_FINDING_PORT_REJECTED},
        {6, ICMP6_UNREACHABLE, ICMP6_ADDRESS_UNREACHABLE, SYN_ANSWER, SYN_FINDING_UNREACHABLE},
        {6, ICMP6_UNREACHABLE, ICMP6_PORT_UNREACHABLE, SYN_ANSWER, SYN_FINDING_PORT_REJECTED},
        {6, ICMP6_TIME_EXCEEDED, 0, SYN_ANSWER, SYN_FINDING_UNREACHABLE},
        {6, ICMP6_PACKET_TOO_BIG, 0, SYN_FOREIGN, 0},
        {6, ICMP6_REDIRECT, 0, SYN_FOREIGN, 0},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench b;
        bench_start(&b, rows[i].family);
        struct packet error = bench_error(&b, rows[i].type, rows[i].code);
        if (bench_give(&b, &error, b.sent_ns + RTT_NS) != rows[i].match)
            fail_msg("row %zu: %d", i, b.seen.match);
        struct syn_target_result result = bench_result(&b);
        assert_int_equal(result.unreachable, rows[i].match == SYN_ANSWER);
        if (rows[i].match == SYN_ANSWER) {
            assert_int_equal(b.seen.icmp_type, rows[i].type);
            assert_int_equal(result.nfindings, 1);
            assert_int_equal(result.findings[0].kind, rows[i].kind);
            assert_true(address_equal(&result.findings[0].address, &error.ip.source));
            assert_int_equal(result.findings[0].icmp_code, rows[i].code);
            assert_int_equal(result.findings[0].severity, SYN_CRITICAL);
        }
        syn_target_result_release(&result);
        syn_free(b.syn);
    }
}

static void test_errors_by_quote(void **state)
{
    static const struct {
        const char *name;
        int32_t seq_off;
        int source_port_off, destination_port_off;
        bool other_source, other_destination, bad_checksum, no_seq, udp;
        enum syn_match match;
    } rows[] = {
        {"as it was sent", 0, 0, 0, false, false, false, false, false, SYN_ANSWER},
        {"NAT of the source", 0, 777, 0, true, false, false, false, false, SYN_ANSWER},
        {"NAT of the destination", 0, 0, 80, false, true, false, false, false, SYN_ANSWER},
        {"neither port", 0, 777, 80, true, true, false, false, false, SYN_FOREIGN},
        {"another number", 5, 0, 0, false, false, false, false, false, SYN_SUSPECT},
        {"a stranger's", 5, 777, 0, true, false, false, false, false, SYN_FOREIGN},
        {"our RST", 1, 0, 0, false, false, false, false, false, SYN_FOREIGN},
        {"bad checksum", 0, 0, 0, false, false, true, false, false, SYN_SUSPECT},
        {"four bytes quoted", 0, 0, 0, false, false, false, true, false, SYN_FOREIGN},
        {"UDP quoted", 0, 0, 0, false, false, false, false, true, SYN_FOREIGN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct bench b;
        bench_start(&b, 4);
        struct packet error = bench_error(&b, ICMP4_UNREACHABLE, ICMP4_HOST_UNREACHABLE);
        struct quote *quote = &error.icmp.quote;
        quote->tcp_seq += (uint32_t)rows[i].seq_off;
        quote->source_port = (uint16_t)(quote->source_port + rows[i].source_port_off);
        quote->destination_port =
            (uint16_t)(quote->destination_port + rows[i].destination_port_off);
        quote->ip.source.bytes[0] ^= rows[i].other_source;
        quote->ip.destination.bytes[0] ^= rows[i].other_destination;
        error.icmp.checksum_ok = !rows[i].bad_checksum;
        quote->has_tcp_seq = !rows[i].no_seq;
        if (rows[i].udp)
            quote->ip.protocol = PROTO_UDP;
        if (bench_give(&b, &error, b.sent_ns + RTT_NS) != rows[i].match)
            fail_msg("%s: %d", rows[i].name, b.seen.match);
        syn_free(b.syn);
    }
}

/* --- echo ---------------------------------------------------------------------------------- */

static struct packet bench_reply(const struct bench *b, const struct probe *echo, uint8_t bytes[64])
{
    bool six = b->target.source.family == 6;
    struct packet packet = bench_packet(b, six ? PROTO_ICMPV6 : PROTO_ICMP);

    /* As craft lays it out: two bytes that make the checksum fit, then the payload. */
    memset(bytes, 0, 2);
    memcpy(bytes + 2, echo->payload, echo->payload_len);
    packet.layers |= LAYER_ICMP;
    packet.icmp.type = six ? ICMP6_ECHO_REPLY : ICMP4_ECHO_REPLY;
    packet.icmp.id = echo->icmp_id;
    packet.icmp.seq = echo->icmp_seq;
    packet.icmp.checksum_ok = true;
    packet.payload = bytes;
    packet.payload_len = 2u + echo->payload_len;
    return packet;
}

/* The echo shows where the host is: who answers SYNs from elsewhere is not it. */
static void test_echo_is_the_measure(void **state)
{
    struct bench b;
    struct probe echo;
    uint8_t bytes[64];
    uint32_t id;

    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        bench_config(&b, family);
        b.config.reference = true;
        bench_open(&b);
        assert_int_equal(bench_take(&b, &echo, &id), SYN_SEND);
        assert_int_equal(echo.protocol, PROBE_ICMP);
        syn_sent(b.syn, id, 0, b.now_ns);
        struct packet reply = bench_reply(&b, &echo, bytes);
        bytes[9] ^= 1;
        assert_int_equal(bench_give(&b, &reply, b.now_ns + RTT_NS), SYN_FOREIGN);
        bytes[9] ^= 1;
        reply.payload_len--;
        assert_int_equal(bench_give(&b, &reply, b.now_ns), SYN_FOREIGN);
        reply.payload_len++;
        reply.icmp.checksum_ok = false;
        assert_int_equal(bench_give(&b, &reply, b.now_ns), SYN_FOREIGN);
        reply.icmp.checksum_ok = true;
        reply.ip.ttl = 251; /* of 255: four hops, as 60 of 64 */
        assert_int_equal(bench_give(&b, &reply, b.sent_ns + 2 * RTT_NS), SYN_REFERENCE);
        assert_int_equal(b.seen.rtt_ns, 2 * RTT_NS);
        assert_int_equal(bench_give(&b, &reply, b.now_ns), SYN_DUPLICATE);
        struct packet answer = bench_synack(&b, 1);
        assert_int_equal(bench_give(&b, &answer, b.now_ns), SYN_ANSWER);
        assert_false(b.seen.middlebox);
        bench_next_syn(&b);
        answer = bench_synack(&b, 2);
        answer.ip.ttl = 126; /* of 128: two hops */
        assert_int_equal(bench_give(&b, &answer, b.sent_ns + RTT_NS), SYN_ANSWER);
        assert_true(b.seen.middlebox);
        struct syn_target_result result = bench_result(&b);
        assert_int_equal(result.middlebox_answers, 1);
        assert_int_equal(result.reference_answered, 1);
        assert_int_equal(result.synack.hops, 2);
        assert_true(result.reference_ms.count == 1 && result.reference_ms.max == 40);
        syn_target_result_release(&result);
        syn_free(b.syn);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_segments),
        cmocka_unit_test(test_guesses_fail),
        cmocka_unit_test(test_answer_before_the_send_is_known),
        cmocka_unit_test(test_capture_gives_the_exact_time),
        cmocka_unit_test(test_copies_are_told_apart),
        cmocka_unit_test(test_too_fast_for_the_latest_copy),
        cmocka_unit_test(test_a_repeated_answer_is_no_rtt),
        cmocka_unit_test(test_late_answers_take_the_loss_back),
        cmocka_unit_test(test_further_answers),
        cmocka_unit_test(test_both_copies_answered),
        cmocka_unit_test(test_challenge_acknowledgements),
        cmocka_unit_test(test_ambiguous_challenges_are_nobodys),
        cmocka_unit_test(test_errors_by_type),
        cmocka_unit_test(test_errors_by_quote),
        cmocka_unit_test(test_echo_is_the_measure),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
