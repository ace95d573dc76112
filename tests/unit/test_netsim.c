/* The simulator: real bytes in, real bytes out, at the right time; and the same for the same seed.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/interval.h"
#include "base/timespan.h"
#include "engine/netsim.h"

/* scapy: IP(src="10.0.0.2",dst="10.99.0.2",ttl=2,id=9)/UDP(sport=40000,dport=33434)/b"abcd" */
static const uint8_t probe[] = {
    0x45, 0x00, 0x00, 0x20, 0x00, 0x09, 0x00, 0x00, 0x02, 0x11, 0xa4, 0x5e, 0x0a, 0x00, 0x00, 0x02,
    0x0a, 0x63, 0x00, 0x02, 0x9c, 0x40, 0x82, 0x9a, 0x00, 0x0c, 0x07, 0xce, 0x61, 0x62, 0x63, 0x64,
};

struct world {
    struct scenario *scenario;
    struct netsim *sim;
    unsigned counts[NETSIM_CHANGED + 1];
};

static void count(void *context, const struct netsim_event *event)
{
    ((struct world *)context)->counts[event->action]++;
}

static void open_world(struct world *w, const char *yaml, uint64_t seed)
{
    struct netsim_options options = {.seed = seed, .simulate_server = true};
    struct document_error error;

    memset(w, 0, sizeof(*w));
    if (scenario_parse(yaml, strlen(yaml), &w->scenario, &error) < 0)
        fail_msg("line %zu: %s: %s", error.line, error.field, error.message);
    assert_int_equal(netsim_new(w->scenario, &options, &w->sim), 0);
    netsim_set_log(w->sim, count, w);
}

static void close_world(struct world *w)
{
    netsim_free(w->sim);
    scenario_free(w->scenario);
}

static void send_ttl(struct world *w, uint8_t ttl, int64_t now_ns)
{
    uint8_t bytes[sizeof(probe)];

    memcpy(bytes, probe, sizeof(probe));
    bytes[8] = ttl;
    /* The simulator does not look at the checksum of what enters; its own is another test. */
    assert_int_equal(netsim_send(w->sim, NETSIM_CLIENT, bytes, sizeof(bytes), now_ns), 0);
}

static const char three[] = "name: three\n"
                            "path:\n"
                            "  - {link: {delay: 1ms}}\n"
                            "  - {link: {delay: 2ms}, return: {delay: 5ms}}\n"
                            "  - {link: {delay: 3ms}}\n"
                            "server: {link: {delay: 10ms}}\n";

/*
 * What Linux and RFC 792 agree on: scapy's IP(tos=0xc0,src="10.0.2.1",dst="10.0.0.2",ttl=63)/
 * ICMP(type=11,code=0)/IP(ttl=1 of the probe)... as bytes, checksums by scapy.
 */
static const uint8_t exceeded[] = {
    0x45, 0xc0, 0x00, 0x3c, 0x00, 0x00, 0x00, 0x00, 0x3f, 0x01, 0x64, 0xff, 0x0a, 0x00, 0x02,
    0x01, 0x0a, 0x00, 0x00, 0x02, 0x0b, 0x00, 0x09, 0x84, 0x00, 0x00, 0x00, 0x00, 0x45, 0x00,
    0x00, 0x20, 0x00, 0x09, 0x00, 0x00, 0x01, 0x11, 0xa5, 0x5e, 0x0a, 0x00, 0x00, 0x02, 0x0a,
    0x63, 0x00, 0x02, 0x9c, 0x40, 0x82, 0x9a, 0x00, 0x0c, 0x07, 0xce, 0x61, 0x62, 0x63, 0x64,
};

static void test_time_exceeded_byte_by_byte(void **state)
{
    struct world w;
    struct netsim_packet packet;

    (void)state;
    open_world(&w, three, 1);
    send_ttl(&w, 2, 1000);
    assert_int_equal(netsim_receive(w.sim, 1000 + 9 * NS_PER_MS - 1, &packet), 0);
    assert_int_equal(netsim_receive(w.sim, 1000 + 9 * NS_PER_MS, &packet), 1);
    assert_int_equal(packet.when_ns, 1000 + 9 * NS_PER_MS); /* 1 + 2 there, 5 + 1 back */
    assert_int_equal(packet.side, NETSIM_CLIENT);
    assert_int_equal(packet.len, sizeof(exceeded));
    assert_memory_equal(packet.bytes, exceeded, packet.len);
    assert_int_equal(netsim_next_ns(w.sim), TIME_NEVER);
    close_world(&w);
}

static void test_the_server_says_port_unreachable(void **state)
{
    struct world w;
    struct netsim_packet packet;

    (void)state;
    open_world(&w, three, 1);
    send_ttl(&w, 60, 0);
    assert_int_equal(netsim_receive(w.sim, NS_PER_SEC, &packet), 1);
    assert_int_equal(packet.when_ns, (16 + 10 + 3 + 5 + 1) * NS_PER_MS);
    assert_int_equal(packet.bytes[20], 3);
    assert_int_equal(packet.bytes[21], 3);
    assert_int_equal(packet.bytes[28 + 8], 57); /* the quoted TTL: three routers took one each */
    assert_int_equal(packet.bytes[8], 61);
    close_world(&w);
}

static unsigned run_probes(struct world *w, unsigned probes)
{
    struct netsim_packet packet;
    unsigned received = 0;
    int64_t now_ns = 0;

    for (unsigned i = 0; i < probes; i++, now_ns += NS_PER_MS) {
        send_ttl(w, 60, now_ns);
        while (netsim_receive(w->sim, now_ns, &packet) == 1)
            received++;
    }
    while (netsim_receive(w->sim, now_ns + NS_PER_SEC, &packet) == 1)
        received++;
    return received;
}

static void assert_share(double share, unsigned k, unsigned n)
{
    struct interval at = interval_wilson(k, n, 4.0); /* one false alarm in 16,000 */

    if (share < at.low || share > at.high)
        fail_msg("%u of %u is not %g", k, n, share);
}

static void test_loss_and_copies_have_the_share_asked_for(void **state)
{
    struct world w;
    unsigned lost;

    (void)state;
    open_world(&w, "name: a\npath: [{link: {loss: 5%}, return: {duplicate: 3%}}]\n", 7);
    print_message("seed 7\n");
    run_probes(&w, 20000);
    lost = w.counts[NETSIM_LOST];
    assert_share(0.05, lost, 20000);
    assert_share(0.03, w.counts[NETSIM_DUPLICATED], 20000 - lost);
    close_world(&w);
}

static void test_bursts_have_the_length_asked_for(void **state)
{
    struct world w;

    (void)state;
    open_world(&w, "name: a\npath: [{link: {loss: 10%, burst: 5}, return: {delay: 0ms}}]\n", 3);
    print_message("seed 3\n");
    run_probes(&w, 50000);
    /* Bursts make the share vary more than single losses do: five times fewer trials. */
    assert_share(0.10, w.counts[NETSIM_LOST] / 5, 10000);
    close_world(&w);
}

static void test_answers_are_limited_to_their_rate(void **state)
{
    struct world w;
    struct netsim_packet packet;
    unsigned received = 0;

    (void)state;
    open_world(&w, "name: a\npath: [{icmp: {rate: 2/s, burst: 3}}, {}]\n", 1);
    for (int64_t now_ns = 0; now_ns < 10 * NS_PER_SEC; now_ns += 10 * NS_PER_MS) {
        send_ttl(&w, 1, now_ns);
        received += (unsigned)netsim_receive(w.sim, now_ns, &packet);
    }
    assert_in_range(received, 3 + 19, 3 + 20); /* the bucket, and 2/s for 10 s */
    assert_int_equal(w.counts[NETSIM_ICMP_LIMITED], 1000 - received);
    close_world(&w);
}

static void test_every_packet_has_one_fate(void **state)
{
    static const char yaml[] = "name: a\npath:\n"
                               "  - {link: {loss: 5%, duplicate: 5%, reorder: 5%, "
                               "reorder-delay: 3ms}}\n  - {link: {loss: 2%}}\n";
    struct world w;
    unsigned fates;

    (void)state;
    open_world(&w, yaml, 11);
    run_probes(&w, 5000);
    fates = w.counts[NETSIM_LOST] + w.counts[NETSIM_DELIVERED];
    assert_int_equal(fates, w.counts[NETSIM_ENTERED] + w.counts[NETSIM_DUPLICATED] +
                                w.counts[NETSIM_ICMP_SENT]);
    close_world(&w);
}

static void test_the_same_seed_gives_the_same_run(void **state)
{
    static const char yaml[] = "name: a\npath: [{link: {loss: 20%, jitter: 1ms}}]\n";
    struct world a, b, c;

    (void)state;
    open_world(&a, yaml, 5);
    open_world(&b, yaml, 5);
    open_world(&c, yaml, 6);
    assert_int_equal(run_probes(&a, 2000), run_probes(&b, 2000));
    run_probes(&c, 2000);
    assert_memory_equal(a.counts, b.counts, sizeof(a.counts));
    assert_memory_not_equal(a.counts, c.counts, sizeof(a.counts));
    close_world(&a);
    close_world(&b);
    close_world(&c);
}

static void test_events_change_the_network_in_time(void **state)
{
    struct world w;
    struct netsim_packet packet;

    (void)state;
    open_world(&w,
               "name: a\npath: [{name: x}]\n"
               "events: [{at: 1s, element: x, set: {blackhole: true}}]\n",
               1);
    send_ttl(&w, 9, 999 * NS_PER_MS);
    assert_int_equal(netsim_receive(w.sim, 1000 * NS_PER_MS, &packet), 1);
    send_ttl(&w, 9, 1001 * NS_PER_MS);
    assert_int_equal(netsim_receive(w.sim, 2000 * NS_PER_MS, &packet), 0);
    assert_int_equal(w.counts[NETSIM_BLACKHOLED], 1);
    assert_int_equal(w.counts[NETSIM_CHANGED], 1);
    close_world(&w);
}

/* The second hop that a flow meets, by the last byte but one of its address: 10.0.N.1. */
static uint8_t member_of(struct world *w, uint16_t flow, int64_t now_ns)
{
    uint8_t bytes[sizeof(probe)];
    struct netsim_packet packet;

    memcpy(bytes, probe, sizeof(probe));
    bytes[20] = (uint8_t)(flow >> 8);
    bytes[21] = (uint8_t)flow;
    assert_int_equal(netsim_send(w->sim, NETSIM_CLIENT, bytes, sizeof(bytes), now_ns), 0);
    assert_int_equal(netsim_receive(w->sim, now_ns, &packet), 1);
    assert_int_equal(packet.bytes[20], 11);
    return packet.bytes[14];
}

static void test_flows_are_spread_evenly_and_anew(void **state)
{
    struct world w;
    uint8_t before[2000];
    unsigned kept = 0, members[2][4] = {{0}};

    (void)state;
    open_world(&w,
               "name: a\npath: [{name: x}, {ecmp: [[{}], [{}], [{}], [{}]]}]\n"
               "events: [{at: 1s, element: x, set: {flow-hash: 1}}]\n",
               1);
    for (uint16_t flow = 0; flow < 2000; flow++) {
        before[flow] = member_of(&w, flow, 0);
        members[0][before[flow] - 2]++;
        if (member_of(&w, flow, 0) != before[flow])
            fail_msg("flow %u has two ways at once", flow);
    }
    for (uint16_t flow = 0; flow < 2000; flow++) {
        uint8_t after = member_of(&w, flow, 2 * NS_PER_SEC);
        members[1][after - 2]++;
        kept += after == before[flow];
    }
    assert_share(0.25, kept, 2000);
    for (size_t i = 0; i < 4; i++) {
        assert_share(0.25, members[0][i], 2000);
        assert_share(0.25, members[1][i], 2000);
    }
    close_world(&w);
}

static void test_what_is_no_packet_is_refused(void **state)
{
    uint8_t bytes[sizeof(probe)];
    struct world w;

    (void)state;
    open_world(&w, three, 1);
    memcpy(bytes, probe, sizeof(probe));
    for (size_t len = 0; len < sizeof(probe); len++)
        assert_true(netsim_send(w.sim, NETSIM_CLIENT, bytes, len, 0) < 0);
    bytes[0] = 0x4f;
    assert_true(netsim_send(w.sim, NETSIM_CLIENT, bytes, sizeof(bytes), 0) < 0);
    bytes[0] = 0x55;
    assert_true(netsim_send(w.sim, NETSIM_CLIENT, bytes, sizeof(bytes), 0) < 0);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_time_exceeded_byte_by_byte),
        cmocka_unit_test(test_the_server_says_port_unreachable),
        cmocka_unit_test(test_loss_and_copies_have_the_share_asked_for),
        cmocka_unit_test(test_bursts_have_the_length_asked_for),
        cmocka_unit_test(test_answers_are_limited_to_their_rate),
        cmocka_unit_test(test_every_packet_has_one_fate),
        cmocka_unit_test(test_the_same_seed_gives_the_same_run),
        cmocka_unit_test(test_events_change_the_network_in_time),
        cmocka_unit_test(test_flows_are_spread_evenly_and_anew),
        cmocka_unit_test(test_what_is_no_packet_is_refused),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
