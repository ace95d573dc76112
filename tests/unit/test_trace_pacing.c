/*
 * R23: never faster than asked, and no bursts beyond the one of a round: between any two probes
 * lies the send gap, between the starts of two rounds the interval, whatever happened before.
 */
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/timespan.h"
#include "tests/unit/world.h"

#define SENDS_MAX 4096
#define HOPS      12

static struct {
    int64_t when_ns;
    uint8_t ttl;
} sends[SENDS_MAX];
static size_t nsends;

static void record(struct world *world, const struct probe *probe)
{
    assert_true(nsends < SENDS_MAX);
    sends[nsends].when_ns = world->now_ns;
    sends[nsends++].ttl = probe->ttl;
}

static struct trace *start(struct world *world, const struct trace_config *config)
{
    struct trace *trace;

    nsends = 0;
    world->before_send = record;
    assert_int_equal(trace_new(config, world->now_ns, &trace, NULL), 0);
    return trace;
}

static void check_gaps(int64_t gap_ns)
{
    assert_true(nsends > 1);
    for (size_t i = 1; i < nsends; i++) {
        if (sends[i].when_ns - sends[i - 1].when_ns < gap_ns)
            fail_msg("probe %zu follows after %ld ns", i, sends[i].when_ns - sends[i - 1].when_ns);
    }
}

/* Rounds begin with the first TTL; the number of them. */
static unsigned check_rounds(int64_t interval_ns)
{
    unsigned rounds = 0;
    int64_t latest_ns = 0;

    for (size_t i = 0; i < nsends; i++) {
        if (sends[i].ttl != 1)
            continue;
        if (rounds > 0 && sends[i].when_ns - latest_ns < interval_ns)
            fail_msg("round %u follows after %ld ns", rounds, sends[i].when_ns - latest_ns);
        latest_ns = sends[i].when_ns;
        rounds++;
    }
    return rounds;
}

/* No interval, wherever it begins, holds more than a round and the two probes that check its end.
 */
static void check_rate(int64_t interval_ns, size_t first)
{
    for (size_t i = first, j = first; i < nsends; i++) {
        while (sends[i].when_ns - sends[j].when_ns >= interval_ns)
            j++;
        if (i - j + 1 > HOPS + 2)
            fail_msg("%zu probes within one interval", i - j + 1);
    }
}

static void test_rounds_and_gaps(void **state)
{
    static const int64_t intervals_ns[] = {5 * NS_PER_MS, 100 * NS_PER_MS, NS_PER_SEC};

    (void)state;
    for (int protocol = PROBE_ICMP; protocol <= PROBE_TCP; protocol++) {
        for (size_t i = 0; i < sizeof(intervals_ns) / sizeof(intervals_ns[0]); i++) {
            struct world *world = world_new(protocol == PROBE_UDP ? 6 : 4, HOPS, 40, 1);
            struct trace_config config;
            world->hops[3].silent = true;
            world->hops[6].loss = 0.05;
            world->jitter_ms = 3;
            world_config(world, &config);
            config.protocol = (enum probe_protocol)protocol;
            config.interval_ns = intervals_ns[i];
            config.rounds = 30;
            struct trace *trace = start(world, &config);
            world_run(world, trace, INT64_MAX);
            check_gaps(config.send_gap_ns);
            assert_int_equal(check_rounds(config.interval_ns), 30);
            check_rate(config.interval_ns, config.max_ttl); /* behind the first round */
            trace_free(trace);
            world_free(world);
        }
    }
}

/* The searches for an MTU and for other flows are no reason to hurry. */
static void test_searches_keep_the_gap(void **state)
{
    (void)state;
    for (int multipath = 0; multipath <= 1; multipath++) {
        struct world *world = world_new(4, HOPS, 40, 1);
        struct trace_config config;
        world->hops[4].width = 8;
        world->hops[7].mtu = 1400;
        world_config(world, &config);
        config.rounds = 3;
        config.find_mtu = !multipath;
        config.multipath_percent = multipath ? 99 : 0;
        struct trace *trace = start(world, &config);
        world_run(world, trace, INT64_MAX);
        assert_true(nsends > 3 * HOPS);
        check_gaps(config.send_gap_ns);
        trace_free(trace);
        world_free(world);
    }
}

/* Three seconds in which nobody asked what to send: what was missed is not made up for. */
static void test_a_stall_is_not_made_up_for(void **state)
{
    struct world *world = world_new(4, HOPS, 40, 1);
    struct trace_config config;

    (void)state;
    world_config(world, &config);
    config.interval_ns = 100 * NS_PER_MS;
    config.rounds = 30;
    struct trace *trace = start(world, &config);
    world_run(world, trace, world->now_ns + 1002 * NS_PER_MS); /* in the middle of a burst */
    world->now_ns += 3 * NS_PER_SEC;
    world_run(world, trace, INT64_MAX);
    check_gaps(config.send_gap_ns);
    assert_int_equal(check_rounds(config.interval_ns), 30);
    trace_free(trace);
    world_free(world);
}

/* R15: the kernel had no room for a while; what it refused is offered again, spaced as ever. */
static void test_refused_probes_are_not_hurried(void **state)
{
    struct world *world = world_new(4, HOPS, 40, 1);
    struct trace_config config;

    (void)state;
    world_config(world, &config);
    config.interval_ns = 100 * NS_PER_MS;
    config.rounds = 10;
    struct trace *trace = start(world, &config);
    world_run(world, trace, world->now_ns + 301 * NS_PER_MS);
    world->send_error = ENOBUFS;
    world->send_errors = 7;
    world_run(world, trace, INT64_MAX);
    assert_int_equal(world->send_errors, 0);
    check_gaps(config.send_gap_ns);
    assert_int_equal(check_rounds(config.interval_ns), 10);
    trace_free(trace);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_rounds_and_gaps),
        cmocka_unit_test(test_searches_keep_the_gap),
        cmocka_unit_test(test_a_stall_is_not_made_up_for),
        cmocka_unit_test(test_refused_probes_are_not_hurried),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
