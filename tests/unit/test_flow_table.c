/* Bounds: who leaves when, what a flood does, and clocks that jump. */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "base/timespan.h"
#include "tests/unit/flow_script.h"

static struct segment segment_of(uint32_t host, uint16_t port, uint16_t flags, int64_t when_ns)
{
    struct segment s = {
        .when_ns = when_ns,
        .family = 4,
        .ttl = 64,
        .source = {10, (uint8_t)(host >> 16), (uint8_t)(host >> 8), (uint8_t)host},
        .destination = {10, 255, 255, 1},
        .source_port = port,
        .destination_port = 443,
        .flags = flags,
        .window = 500,
        .seq = host * 7919 + port,
        .ack = flags & TCP_ACK ? 1 : 0,
        .has = SEGMENT_HAS_ID,
    };

    return s;
}

static struct flows *flows_of(uint32_t max_flows, flow_event_fn *event, void *context)
{
    struct flows_config config;
    struct flows *flows;

    flows_config_default(&config);
    config.max_flows = max_flows;
    config.max_ranges = 64;
    config.event = event;
    config.context = context;
    assert_int_equal(flows_new(&config, &flows, NULL), 0);
    return flows;
}

static void send_one(struct flows *flows, uint32_t host, uint16_t flags, int64_t when_ns)
{
    struct segment s = segment_of(host, 5000, flags, when_ns);

    flows_receive(flows, &s, 1);
}

struct ends {
    size_t count;
    uint8_t host[16];
    enum flow_end end[16];
};

static void note_end(void *context, const struct flow_event *event)
{
    struct ends *ends = context;

    if (event->kind != FLOW_EVENT_END)
        return;
    assert_true(ends->count < 16);
    ends->host[ends->count] = event->key.address[FLOW_CLIENT].bytes[3];
    ends->end[ends->count++] = event->facts->end;
}

static void test_bad_configurations(void **state)
{
    struct flows_config config;
    struct flows *flows;
    const char *why;

    (void)state;
    flows_config_default(&config);
    config.max_flows = 0;
    assert_int_equal(flows_new(&config, &flows, &why), -EINVAL);
    assert_string_equal(why, "the number of flows is not within 1 and 16777216");
    flows_config_default(&config);
    config.max_ranges = 63;
    assert_int_equal(flows_new(&config, &flows, &why), -EINVAL);
    flows_config_default(&config);
    config.idle_ns = 0;
    assert_int_equal(flows_new(&config, &flows, NULL), -EINVAL);
}

/* Three fit; the one idle for longest makes room. */
static void test_full_table(void **state)
{
    struct ends ends = {0};
    struct flows *flows = flows_of(3, note_end, &ends);
    struct flows_summary summary;

    (void)state;
    send_one(flows, 1, TCP_ACK, 0);
    send_one(flows, 2, TCP_ACK, 20 * NS_PER_SEC);
    send_one(flows, 3, TCP_ACK, 40 * NS_PER_SEC);
    send_one(flows, 1, TCP_ACK, 60 * NS_PER_SEC);
    send_one(flows, 4, TCP_ACK, 80 * NS_PER_SEC);
    assert_int_equal(ends.count, 1);
    assert_int_equal(ends.host[0], 2);
    assert_int_equal(ends.end[0], FLOW_END_EVICTED);
    send_one(flows, 5, TCP_ACK, 100 * NS_PER_SEC);
    assert_int_equal(ends.host[1], 3);
    flows_summary(flows, &summary);
    assert_int_equal(summary.evicted, 2);
    assert_int_equal(summary.flows_open, 3);
    assert_int_equal(summary.flows, 5);
    flows_free(flows);
}

/* Those that have ended, and those that nobody answered, go before the living. */
static void test_who_goes_first(void **state)
{
    struct ends ends = {0};
    struct flows *flows = flows_of(3, note_end, &ends);
    struct flows_summary summary;

    (void)state;
    send_one(flows, 1, TCP_ACK, 0);
    send_one(flows, 2, TCP_SYN, 1 * NS_PER_SEC);
    send_one(flows, 3, TCP_ACK, 2 * NS_PER_SEC);
    send_one(flows, 3, TCP_RST | TCP_ACK, 3 * NS_PER_SEC);
    send_one(flows, 4, TCP_ACK, 4 * NS_PER_SEC);
    send_one(flows, 5, TCP_ACK, 5 * NS_PER_SEC);
    send_one(flows, 6, TCP_ACK, 6 * NS_PER_SEC);
    assert_int_equal(ends.count, 3);
    assert_int_equal(ends.host[0], 3);
    assert_int_equal(ends.end[0], FLOW_END_RESET);
    assert_int_equal(ends.host[1], 2);
    assert_int_equal(ends.end[1], FLOW_END_SYN);
    assert_int_equal(ends.host[2], 1);
    flows_summary(flows, &summary);
    assert_int_equal(summary.evicted, 2); /* what had ended was not cut short */
    flows_free(flows);
}

static void test_idle_flows_leave(void **state)
{
    struct ends ends = {0};
    struct flows *flows = flows_of(100, note_end, &ends);

    (void)state;
    send_one(flows, 1, TCP_ACK, 0);
    send_one(flows, 2, TCP_SYN, 0);
    send_one(flows, 3, TCP_ACK, 0);
    flows_tick(flows, 80 * NS_PER_SEC);
    assert_int_equal(ends.count, 0);
    flows_tick(flows, 95 * NS_PER_SEC);
    assert_int_equal(ends.count, 1);
    assert_int_equal(ends.host[0], 2);
    send_one(flows, 3, TCP_ACK, 300 * NS_PER_SEC);
    flows_tick(flows, 590 * NS_PER_SEC);
    assert_int_equal(ends.count, 1);
    flows_tick(flows, 610 * NS_PER_SEC);
    assert_int_equal(ends.count, 2);
    assert_int_equal(ends.host[1], 1);
    assert_int_equal(ends.end[1], FLOW_END_IDLE);
    flows_tick(flows, 910 * NS_PER_SEC);
    assert_int_equal(ends.count, 3);
    flows_free(flows);
}

/* Of whatever length the silence was: the queue of ended flows goes round every two minutes. */
static void test_reset_after_silence(void **state)
{
    (void)state;
    for (int64_t silence = 100; silence < 2600; silence++) {
        struct flows *flows = flows_of(2, NULL, NULL);
        struct flows_summary summary;
        int64_t then = silence * 200 * NS_PER_MS;

        send_one(flows, 1, TCP_ACK, 0);
        send_one(flows, 2, TCP_ACK, 0);
        send_one(flows, 1, TCP_RST | TCP_ACK, then);
        send_one(flows, 2, TCP_RST | TCP_ACK, then);
        flows_tick(flows, then + 59 * NS_PER_SEC);
        flows_summary(flows, &summary);
        assert_int_equal(summary.flows_open, 2);
        flows_tick(flows, then + 61 * NS_PER_SEC);
        flows_summary(flows, &summary);
        assert_int_equal(summary.ends[FLOW_END_RESET], 2);
        flows_free(flows);
    }
}

/* A million SYNs from a million hosts: those that live stay, and the table does not grow. */
static void test_flood(void **state)
{
    struct flows *flows = flows_of(20000, NULL, NULL);
    struct flows_summary summary;
    struct random random;

    (void)state;
    random_seed(&random, 1);
    for (uint32_t i = 0; i < 10000; i++)
        send_one(flows, 1000000 + i, TCP_ACK, 0);
    for (uint32_t i = 0; i < 1000000; i++)
        send_one(flows, random_below(&random, 1000000), TCP_SYN, 10000 * (int64_t)i);
    flows_summary(flows, &summary);
    assert_true(summary.flows_open <= 20000);
    assert_true(flows_memory(flows) < 20000 * 600 + (24 << 20)); /* and the hosts */
    for (uint32_t i = 0; i < 10000; i++)
        send_one(flows, 1000000 + i, TCP_ACK, 11 * NS_PER_SEC);
    struct flows_summary after;
    flows_summary(flows, &after);
    assert_int_equal(after.flows, summary.flows); /* all were still there */
    flows_free(flows);
}

/* Beyond their share of the table, SYNs without an answer go after three seconds. */
static void test_slow_flood(void **state)
{
    struct flows *flows = flows_of(100000, NULL, NULL);
    struct flows_summary summary;

    (void)state;
    for (uint32_t i = 0; i < 60000; i++)
        send_one(flows, i, TCP_SYN, NS_PER_MS * (int64_t)i); /* 60 s of 1,000 a second */
    flows_summary(flows, &summary);
    assert_true(summary.flows_open < 7000);
    flows_free(flows);
}

static void test_every_port_of_a_host(void **state)
{
    struct flows *flows = flows_of(100000, NULL, NULL);
    struct flows_summary summary;

    (void)state;
    for (int round = 0; round < 3; round++)
        for (uint32_t port = 0; port < 65536; port++) {
            struct segment s = segment_of(1, (uint16_t)port, TCP_ACK, round * NS_PER_SEC + port);
            flows_receive(flows, &s, 1);
        }
    flows_summary(flows, &summary);
    assert_int_equal(summary.flows, 65536);
    assert_int_equal(summary.packets, 3 * 65536);
    flows_free(flows);
}

static void test_absurd_times(void **state)
{
    static const int64_t times[] = {0, INT64_MAX, INT64_MIN,     -1, NS_PER_SEC, INT64_MAX,
                                    0, INT64_MIN, INT64_MAX / 2, 5};
    struct flows *flows = flows_of(10, NULL, NULL);
    struct flows_summary summary;
    struct flows_result result;

    (void)state;
    for (size_t i = 0; i < sizeof(times) / sizeof(times[0]); i++)
        send_one(flows, 1, i == 0 ? TCP_SYN : TCP_ACK | TCP_PSH, times[i]);
    flows_summary(flows, &summary);
    assert_true(summary.time_steps > 0);
    assert_int_equal(flows_result(flows, &result), 0);
    flows_result_release(&result);
    flows_free(flows);
}

/* One packet with a time from another year does not end the flows. */
static void test_one_wild_time(void **state)
{
    struct flows *flows = flows_of(10, NULL, NULL);
    struct flows_summary summary;

    (void)state;
    send_one(flows, 1, TCP_ACK, NS_PER_SEC);
    send_one(flows, 2, TCP_ACK, INT64_C(400) * 86400 * NS_PER_SEC);
    send_one(flows, 1, TCP_ACK, 2 * NS_PER_SEC);
    flows_summary(flows, &summary);
    assert_int_equal(summary.flows_open, 2);
    assert_int_equal(summary.ends[FLOW_END_IDLE], 0);
    send_one(flows, 1, TCP_ACK, INT64_C(400) * 86400 * NS_PER_SEC);
    send_one(flows, 1, TCP_ACK, INT64_C(400) * 86400 * NS_PER_SEC + 1);
    flows_summary(flows, &summary);
    assert_int_equal(summary.ends[FLOW_END_IDLE], 2); /* a gap that lasts is one */
    flows_free(flows);
}

static void test_ports_used_again(void **state)
{
    struct flow_script script;

    (void)state;
    flow_script_open(&script, NULL);
    flow_script_play(&script, "0 > S 0\n40 < SA 0\n40 > . 1\n50 > F 1\n90 < F 1 ack 2\n"
                              "90 > . 2 ack 2\n!isn 5000000 6000000\n100 > S 0\n140 < SA 0\n"
                              "140 > . 1\n");
    assert_int_equal(script.nended, 1);
    assert_int_equal(script.ended[0].end, FLOW_END_FIN);
    flow_script_play(&script, "150 > F 1\n190 < F 1 ack 2\n190 > . 2 ack 2\n20000 > S 0\n");
    assert_int_equal(script.nended, 2);
    flows_finish(script.flows);
    assert_int_equal(script.nended, 3);
    assert_false(script.ended[1].side[FLOW_CLIENT].isn_reused);
    assert_true(script.ended[2].side[FLOW_CLIENT].isn_reused);
    assert_true(script.ended[2].findings & 1 << FLOW_FINDING_ISN_REUSE);
    assert_string_equal(script.events, "");
    flow_script_close(&script);
}

static void play_many(struct flows *flows, uint32_t first, uint32_t count, uint32_t worst)
{
    for (uint32_t host = first; host < first + count; host++)
        for (uint32_t i = 0; i < (host == worst ? 40u : 4u); i++) {
            struct segment s = segment_of(host, 5000, TCP_ACK | TCP_PSH, i * 300 * NS_PER_MS);
            s.payload_len = 100;
            s.id = (uint16_t)i;
            flows_receive(flows, &s, 1);
        }
}

/* What two workers found is what one would have. */
static void test_merge(void **state)
{
    struct flows *one = flows_of(1000, NULL, NULL), *a = flows_of(1000, NULL, NULL),
                 *b = flows_of(1000, NULL, NULL);
    struct flows_result whole, merged;

    (void)state;
    play_many(one, 0, 60, 47);
    play_many(a, 0, 30, 47);
    play_many(b, 30, 30, 47);
    flows_finish(one);
    flows_finish(a);
    flows_finish(b);
    assert_int_equal(flows_merge(a, b), 0);
    assert_int_equal(flows_result(one, &whole), 0);
    assert_int_equal(flows_result(a, &merged), 0);
    assert_memory_equal(&whole.summary.counts, &merged.summary.counts, sizeof(struct flow_counts));
    assert_int_equal(whole.summary.flows, merged.summary.flows);
    assert_int_equal(whole.nflows, merged.nflows);
    assert_int_equal(whole.nhosts, merged.nhosts);
    assert_int_equal(whole.nfindings, merged.nfindings);
    for (size_t i = 0; i < whole.nfindings; i++) {
        assert_int_equal(whole.findings[i].kind, merged.findings[i].kind);
        assert_int_equal(whole.findings[i].count, merged.findings[i].count);
        assert_true(address_equal(&whole.findings[i].address, &merged.findings[i].address));
    }
    assert_int_equal(merged.flows[0].key.address[FLOW_CLIENT].bytes[3], 47);
    assert_int_equal(merged.flows[0].flow_id, 48);
    flows_result_release(&whole);
    flows_result_release(&merged);
    flows_free(one);
    flows_free(a);
    flows_free(b);
}

static void test_worst_first(void **state)
{
    struct flows_config config;
    struct flows *flows;
    struct flows_result result;

    (void)state;
    flows_config_default(&config);
    config.top = 5;
    config.sort = FLOW_SORT_RETRANSMISSIONS;
    assert_int_equal(flows_new(&config, &flows, NULL), 0);
    play_many(flows, 0, 50, 33);
    assert_int_equal(flows_result(flows, &result), 0); /* of open flows */
    assert_int_equal(result.nflows, 5);
    assert_int_equal(result.flows[0].key.address[FLOW_CLIENT].bytes[3], 33);
    assert_int_equal(result.flows[1].flow_id, 1);
    for (size_t i = 1; i < result.nflows; i++)
        assert_true(result.flows[i - 1].side[FLOW_CLIENT].counts.retransmissions >=
                    result.flows[i].side[FLOW_CLIENT].counts.retransmissions);
    struct flow_counts before = result.summary.counts;
    flows_result_release(&result);
    flows_finish(flows);
    assert_int_equal(flows_result(flows, &result), 0); /* and the same of ended ones */
    assert_memory_equal(&result.summary.counts, &before, sizeof(before));
    assert_int_equal(result.flows[0].key.address[FLOW_CLIENT].bytes[3], 33);
    flows_result_release(&result);
    flows_free(flows);
}

/* The sums of the summary are the sums of the flows. */
static void test_sums(void **state)
{
    struct flow_script script;
    struct flows_summary summary;

    (void)state;
    flow_script_open(&script, NULL);
    flow_script_play(&script, "0 > S 0\n40 < SA 0\n40 > . 1\n50 > P 1+100\n90 < . 1+1460 ack 101\n"
                              "91 < . 2921+1460 id 7005\n91 > . 101 ack 1461 sack 2921:4381\n"
                              "140 < . 1461+1460 id 7006\n141 > . 101 ack 4381\n400 > P 101+50\n"
                              "800 > P 101+50\n840 < F 4381 ack 151\n841 > F 151 ack 4382\n"
                              "881 < . 4382 ack 152\n");
    flows_finish(script.flows);
    flows_summary(script.flows, &summary);
    const struct flow_counts *a = &script.ended[0].side[0].counts,
                             *b = &script.ended[0].side[1].counts, *sum = &summary.counts;
    assert_int_equal(sum->packets, a->packets + b->packets);
    assert_int_equal(sum->segments, a->segments + b->segments);
    assert_int_equal(sum->unique_bytes, a->unique_bytes + b->unique_bytes);
    assert_int_equal(sum->bytes, a->bytes + b->bytes);
    assert_int_equal(sum->retransmissions, 2);
    assert_int_equal(a->unique_bytes, 150);
    assert_int_equal(b->unique_bytes, 4380);
    flow_script_close(&script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_bad_configurations),
        cmocka_unit_test(test_full_table),
        cmocka_unit_test(test_who_goes_first),
        cmocka_unit_test(test_idle_flows_leave),
        cmocka_unit_test(test_reset_after_silence),
        cmocka_unit_test(test_flood),
        cmocka_unit_test(test_slow_flood),
        cmocka_unit_test(test_every_port_of_a_host),
        cmocka_unit_test(test_absurd_times),
        cmocka_unit_test(test_one_wild_time),
        cmocka_unit_test(test_ports_used_again),
        cmocka_unit_test(test_merge),
        cmocka_unit_test(test_worst_first),
        cmocka_unit_test(test_sums),
    };

    return cmocka_run_group_tests_name("flow_table", tests, NULL, NULL);
}
