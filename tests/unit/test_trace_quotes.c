/*
 * R25: answers as bytes, in the shapes that routers give them: 8 bytes of the transport, options in
 * either header, addresses and ports rewritten, cut anywhere. They count for the probe they quote
 * or for none, copies are counted apart, and nothing is read past the end (a guard page).
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/timespan.h"
#include "tests/unit/guard.h"
#include "tests/unit/world.h"
#include "wire/craft.h"

#define PROBES 8
#define RTT_NS (20 * NS_PER_MS)

struct bench {
    struct world *world; /* for its addresses */
    struct craft *craft;
    struct trace *trace;
    int family;
    enum probe_protocol protocol;
    uint8_t bytes[PROBES][256]; /* TTL 1 to 8, as they were sent */
    size_t len[PROBES];
    uint32_t ids[PROBES];
    int64_t sent_ns[PROBES];
};

static void bench_open(struct bench *b, int family, enum probe_protocol protocol)
{
    struct trace_config config;
    struct probe probe;
    int64_t wake_ns;

    *b = (struct bench){.family = family, .protocol = protocol};
    b->world = world_new(family, PROBES, 40, 1);
    assert_int_equal(craft_new(&b->craft), 0);
    world_config(b->world, &config);
    config.protocol = protocol;
    config.max_ttl = PROBES;
    assert_int_equal(trace_new(&config, b->world->now_ns, &b->trace, NULL), 0);
    for (size_t i = 0; i < PROBES;) {
        if (trace_next(b->trace, b->world->now_ns, &probe, &b->ids[i], &wake_ns) != TRACE_SEND) {
            b->world->now_ns = wake_ns;
            continue;
        }
        assert_int_equal(
            craft_probe(b->craft, &probe, b->bytes[i], sizeof(b->bytes[i]), &b->len[i]), 0);
        trace_sent(b->trace, b->ids[i], 0, b->world->now_ns);
        b->sent_ns[i++] = b->world->now_ns;
    }
}

static void bench_close(struct bench *b)
{
    trace_free(b->trace);
    craft_free(b->craft);
    world_free(b->world);
}

/* --- answers, written by hand ------------------------------------------------ */

struct shape {
    size_t kept;        /* bytes of the transport that are quoted */
    size_t inner_words; /* of 4 bytes: options in the quoted header (IPv6: of 8, an extension) */
    size_t outer_words;
    bool nat; /* another source address and port */
};

static void put16(uint8_t *at, size_t value)
{
    at[0] = (uint8_t)(value >> 8);
    at[1] = (uint8_t)value;
}

/* RFC 1071 */
static uint32_t sum_of(const uint8_t *bytes, size_t len, uint32_t sum)
{
    for (size_t i = 0; i < len; i++)
        sum += i % 2 ? bytes[i] : (uint32_t)bytes[i] << 8;
    while (sum >> 16)
        sum = (sum & 0xffff) + (sum >> 16);
    return sum;
}

/* RFC 791 (3.1): NOP and end of list. RFC 8200 (4.6): destination options, PadN. */
static size_t put_options(uint8_t *at, int family, size_t words, uint8_t next)
{
    if (words == 0)
        return 0;
    if (family == 4) {
        memset(at, 1, 4 * words);
        at[4 * words - 1] = 0;
        return 4 * words;
    }
    memset(at, 0, 8 * words);
    at[0] = next;
    at[1] = (uint8_t)(words - 1);
    at[2] = 1;
    at[3] = (uint8_t)(8 * words - 4);
    return 8 * words;
}

static size_t put_header(const struct bench *b, uint8_t *at, size_t router, size_t words)
{
    struct address from = world_router(b->world, router);
    uint8_t icmp = b->family == 6 ? 58 : 1;

    memset(at, 0, 40);
    if (b->family == 4) {
        at[0] = (uint8_t)(0x45 + words);
        at[8] = 60;
        at[9] = icmp;
        memcpy(at + 12, from.bytes, 4);
        memcpy(at + 16, b->world->source.bytes, 4);
        return 20 + put_options(at + 20, 4, words, icmp);
    }
    at[0] = 0x60;
    at[6] = words ? 60 : icmp;
    at[7] = 60;
    memcpy(at + 8, from.bytes, 16);
    memcpy(at + 24, b->world->source.bytes, 16);
    return 40 + put_options(at + 40, 6, words, icmp);
}

/* NAT44 rewrites the port too and mends the checksum; NPTv6 (RFC 6296) leaves both as they are. */
static void rewrite_source(const struct bench *b, uint8_t *header, uint8_t *transport)
{
    if (b->family == 6) {
        header[8 + 3] ^= 0x5a;
        return;
    }
    memcpy(header + 12, (const uint8_t[]){203, 0, 113, 7}, 4);
    if (b->protocol == PROBE_ICMP) {
        transport[4] ^= 0x11;
        transport[2] ^= 0x11;
    } else {
        transport[0] ^= 0x11;
    }
    if (b->protocol == PROBE_UDP)
        transport[6] ^= 0x23;
}

static size_t put_quote(const struct bench *b, uint8_t *at, size_t probe, const struct shape *shape)
{
    const uint8_t *sent = b->bytes[probe];
    size_t header = b->family == 6 ? 40 : 20, options;
    size_t kept = shape->kept < b->len[probe] - header ? shape->kept : b->len[probe] - header;
    uint8_t *transport;

    memcpy(at, sent, header);
    options = put_options(at + header, b->family, shape->inner_words, sent[6]);
    transport = at + header + options;
    memcpy(transport, sent + header, kept);
    if (b->family == 4) {
        at[0] = (uint8_t)(0x45 + shape->inner_words);
        at[8] = 1;
        put16(at + 2, b->len[probe] + options);
    } else {
        at[6] = options ? 60 : sent[6];
        at[7] = 1;
        put16(at + 4, b->len[probe] - 40 + options);
    }
    if (shape->nat)
        rewrite_source(b, at, transport);
    return header + options + kept;
}

/* Lengths and checksums of a whole answer whose ICMP message begins at `icmp`. */
static void finish(const struct bench *b, uint8_t *at, size_t icmp, size_t len)
{
    uint32_t sum = 0;

    if (b->family == 4) {
        put16(at + 2, len);
        put16(at + 10, 0);
        put16(at + 10, ~sum_of(at, icmp, 0) & 0xffff);
    } else {
        put16(at + 4, len - 40);
        sum = sum_of(at + 8, 32, 58 + (uint32_t)(len - icmp)); /* RFC 8200 (8.1) */
    }
    put16(at + icmp + 2, 0);
    put16(at + icmp + 2, ~sum_of(at + icmp, len - icmp, sum) & 0xffff);
}

static size_t put_answer(const struct bench *b, uint8_t *at, size_t probe,
                         const struct shape *shape)
{
    size_t icmp = put_header(b, at, probe + 1, shape->outer_words);

    memset(at + icmp, 0, 8);
    at[icmp] = b->family == 6 ? 3 : 11;
    size_t len = icmp + 8 + put_quote(b, at + icmp + 8, probe, shape);
    finish(b, at, icmp, len);
    return len;
}

static enum trace_match give(struct bench *b, const uint8_t *bytes, size_t len, size_t probe,
                             struct trace_observation *seen)
{
    const uint8_t *copy = guard_copy(bytes, len);
    struct packet packet;

    packet_decode_ip(copy, len, len, &packet);
    enum trace_match match =
        trace_receive(b->trace, &packet, PACKET_INCOMING, b->sent_ns[probe] + RTT_NS, seen);
    guard_release(copy);
    return match;
}

/* --- what becomes of them ---------------------------------------------------- */

static const struct shape shapes[PROBES] = {
    {.kept = 128},
    {.kept = 8},
    {.kept = 8, .inner_words = 1},
    {.kept = 8, .inner_words = 10},
    {.kept = 8, .outer_words = 10},
    {.kept = 128, .inner_words = 3, .outer_words = 3},
    {.kept = 8, .nat = true},
    {.kept = 128, .inner_words = 2, .nat = true},
};

static bool changed(const struct trace_hop *hop, enum trace_change_kind kind)
{
    for (size_t i = 0; hop->nresponders && i < hop->responders[0].nchanges; i++) {
        if (hop->responders[0].changes[i].kind == kind)
            return true;
    }
    return false;
}

static void check_result(const struct bench *b)
{
    struct trace_result result;

    assert_int_equal(trace_result(b->trace, b->world->now_ns, &result), 0);
    assert_int_equal(result.received, PROBES);
    assert_int_equal(result.duplicates, PROBES);
    assert_int_equal(result.suspects + result.foreign + result.late + result.reordered, 0);
    for (size_t i = 0; i < PROBES; i++) {
        assert_int_equal(result.hops[i].received, 1);
        assert_int_equal(result.hops[i].duplicates, 1);
        assert_true(result.hops[i].rtt_ms.max == ns_to_ms(RTT_NS));
        if (i < 6)
            assert_false(changed(&result.hops[i], TRACE_CHANGED_SOURCE));
    }
    /* What goes on behind the NAT is its change, said once. */
    assert_true(changed(&result.hops[6], TRACE_CHANGED_SOURCE));
    if (b->family == 4)
        assert_true(changed(&result.hops[6], TRACE_CHANGED_SOURCE_PORT));
    assert_false(changed(&result.hops[7], TRACE_CHANGED_SOURCE));
    trace_result_release(&result);
}

static void test_every_shape_counts_for_its_probe(void **state)
{
    (void)state;
    for (int protocol = PROBE_ICMP; protocol <= PROBE_TCP; protocol++) {
        for (int family = 4; family <= 6; family += 2) {
            struct bench b;
            struct trace_observation seen;
            uint8_t bytes[512];
            bench_open(&b, family, (enum probe_protocol)protocol);
            for (size_t i = 0; i < PROBES; i++) {
                size_t len = put_answer(&b, bytes, i, &shapes[i]);
                assert_int_equal(give(&b, bytes, len, i, &seen), TRACE_ANSWER);
                assert_int_equal(seen.id, b.ids[i]);
                assert_int_equal(seen.rtt_ns, RTT_NS);
                assert_int_equal(give(&b, bytes, len, i, &seen), TRACE_DUPLICATE);
                assert_int_equal(seen.id, b.ids[i]);
            }
            check_result(&b);
            bench_close(&b);
        }
    }
}

static bool is_of(const struct trace_observation *seen, enum trace_match match, uint32_t id)
{
    return match == TRACE_FOREIGN || match == TRACE_SUSPECT || seen->id == id;
}

/* Cut at each length, with lengths that say so and with lengths that do not. */
static void test_cut_quotes_count_for_no_other_probe(void **state)
{
    (void)state;
    for (int protocol = PROBE_ICMP; protocol <= PROBE_TCP; protocol++) {
        for (int family = 4; family <= 6; family += 2) {
            struct bench b;
            struct trace_observation seen;
            uint8_t bytes[512];
            size_t icmp = family == 6 ? 40 : 20;
            bench_open(&b, family, (enum probe_protocol)protocol);
            size_t whole = put_answer(&b, bytes, 2, &(struct shape){.kept = 8});
            for (size_t len = 0; len < whole; len++) {
                put_answer(&b, bytes, 2, &(struct shape){.kept = 8});
                assert_true(is_of(&seen, give(&b, bytes, len, 2, &seen), b.ids[2]));
                if (len < icmp + 8)
                    continue;
                finish(&b, bytes, icmp, len);
                assert_true(is_of(&seen, give(&b, bytes, len, 2, &seen), b.ids[2]));
            }
            struct trace_result result;
            assert_int_equal(trace_result(b.trace, b.world->now_ns, &result), 0);
            assert_true(result.received <= 1);
            if (result.received)
                assert_int_equal(result.hops[2].received, 1);
            trace_result_release(&result);
            bench_close(&b);
        }
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_shape_counts_for_its_probe),
        cmocka_unit_test(test_cut_quotes_count_for_no_other_probe),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
