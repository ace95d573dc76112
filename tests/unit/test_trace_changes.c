/*
 * R19: what changes in the middle of a run - a router, the length of the path, the spread over
 * equal paths, an MTU - is reported, and none of it is loss. Over the simulator in virtual time,
 * whose log says that nothing was lost.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>

#include <cmocka.h>

#include "base/timespan.h"
#include "tests/unit/simulated.h"

#define ROUNDS 40
#define SEEDS  20

/* Packets are under way at 2003 ms: a round begins each 100 ms. */
#define AT "  - {at: 2003ms, element: x, set: "

static const char straight[] = "  - {repeat: 3, router: {}}\n"
                               "  - {name: x}\n"
                               "  - {repeat: 3, router: {}}\n";
static const char bridged[] = "  - {repeat: 3, router: {}}\n"
                              "  - {name: x, ttl-hidden: true}\n"
                              "  - {repeat: 3, router: {}}\n";
static const char spread[] =
    "  - {repeat: 2, router: {}}\n"
    "  - {name: x}\n"
    "  - ecmp: [[{}, {}], [{}, {}], [{}, {}], [{}, {}], [{}, {}], [{}, {}],\n"
    "           [{}, {}], [{}, {}], [{}, {}], [{}, {}], [{}, {}], [{}, {}],\n"
    "           [{}, {}], [{}, {}], [{}, {}], [{}, {}]]\n"
    "  - {repeat: 2, router: {}}\n";

static struct scenario *changing(const char *path, const char *events)
{
    char yaml[2048];

    snprintf(yaml, sizeof(yaml), "name: changing\ndefaults: {link: {delay: 2ms}}\npath:\n%s%s%s",
             path, *events ? "events:\n" : "", events);
    return simulated_scenario(yaml);
}

static void run_through(const struct scenario *scenario, int family, int protocol, uint64_t seed,
                        uint16_t size, struct simulated *run)
{
    struct trace_config config;

    simulated_config(scenario, family, seed, &config);
    config.protocol = (enum probe_protocol)protocol;
    config.rounds = ROUNDS;
    config.interval_ns = 100 * NS_PER_MS;
    config.size = size;
    config.df = size > 0;
    simulated_run(scenario, &config, run);
}

static void check_nothing_is_lost(const struct simulated *run)
{
    static const enum trace_finding_kind alarms[] = {
        TRACE_FINDING_LOSS,      TRACE_FINDING_TOO_FEW, TRACE_FINDING_RATE_LIMITED,
        TRACE_FINDING_BLACKHOLE, TRACE_FINDING_LOOP,    TRACE_FINDING_SILENT,
    };

    assert_int_equal(run->lost, 0);
    assert_int_equal(run->wrong, 0);
    assert_int_equal(run->result.end, TRACE_END_REACHED);
    for (size_t i = 0; i < sizeof(alarms) / sizeof(alarms[0]); i++)
        assert_null(simulated_finding(run, alarms[i]));
    for (size_t i = 0; i < run->result.nhops; i++) {
        assert_int_equal(run->result.hops[i].received, run->result.hops[i].sent);
        assert_int_equal(run->result.hops[i].verdict, TRACE_LOSS_NONE);
    }
}

struct change {
    const char *path, *events;
    uint16_t size; /* of probes that must not be fragmented; 0: small ones */
    uint8_t path_len;
    enum trace_finding_kind reported;
    uint8_t ttl, ttl_last;
    enum trace_severity severity;
};

/* For each protocol and family: this one finding and no other. */
static void check_change(const struct change *change)
{
    struct scenario *scenario = changing(change->path, change->events);

    for (int family = 4; family <= 6; family += 2) {
        for (int protocol = PROBE_ICMP; protocol <= PROBE_TCP; protocol++) {
            struct simulated run;
            run_through(scenario, family, protocol, 1, change->size, &run);
            check_nothing_is_lost(&run);
            assert_int_equal(run.result.path_len, change->path_len);
            assert_int_equal(run.result.nfindings, 1);
            assert_int_equal(run.result.findings[0].kind, change->reported);
            assert_int_equal(run.result.findings[0].ttl, change->ttl);
            assert_int_equal(run.result.findings[0].ttl_last, change->ttl_last);
            assert_int_equal(run.result.findings[0].severity, change->severity);
            simulated_release(&run);
        }
    }
    scenario_free(scenario);
}

static void test_another_router(void **state)
{
    (void)state;
    check_change(&(struct change){straight, AT "{addresses: [10.1.4.1, \"fd00:0:1:4::1\"]}}\n", 0,
                                  8, TRACE_FINDING_FLAP, 4, 4, TRACE_NOTICE});
}

static void test_path_grows_and_shrinks(void **state)
{
    (void)state;
    check_change(&(struct change){bridged, AT "{ttl-hidden: false}}\n", 0, 8, TRACE_FINDING_FLAP, 4,
                                  7, TRACE_NOTICE});
    check_change(&(struct change){straight, AT "{ttl-hidden: true}}\n", 0, 7, TRACE_FINDING_FLAP, 4,
                                  7, TRACE_NOTICE});
}

/* Probes that no longer fit are refused, not lost, and the router that refuses is named. */
static void test_mtu_shrinks(void **state)
{
    (void)state;
    check_change(&(struct change){straight, AT "{link: {delay: 2ms, mtu: 1300}}}\n", 1400, 8,
                                  TRACE_FINDING_MTU_REDUCED, 3, 3, TRACE_CRITICAL});
    check_change(&(struct change){straight,
                                  AT "{link: {delay: 2ms, mtu: 1300}}}\n"
                                     "  - {at: 3003ms, element: x, set: {link: {mtu: 1500}}}\n",
                                  1400, 8, TRACE_FINDING_MTU_REDUCED, 3, 3, TRACE_WARNING});
}

static void test_way_gets_longer(void **state)
{
    struct scenario *scenario = changing(straight, AT "{link: {delay: 60ms}}}\n");

    (void)state;
    for (int protocol = PROBE_ICMP; protocol <= PROBE_TCP; protocol++) {
        struct simulated run;
        run_through(scenario, 4, protocol, 1, 0, &run);
        check_nothing_is_lost(&run);
        simulated_release(&run);
    }
    scenario_free(scenario);
}

/* Sixteen equal paths of two hops: one seed in sixteen gets the path again that it had. */
static void test_flows_are_spread_anew(void **state)
{
    struct scenario *before = changing(spread, AT "{flow-hash: 0}}\n");
    struct scenario *after = changing(spread, AT "{flow-hash: 1}}\n");
    unsigned reported = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct simulated run;
        run_through(before, seed % 2 ? 4 : 6, (int)(seed % 3), seed, 0, &run);
        check_nothing_is_lost(&run);
        assert_int_equal(run.result.nfindings, 0);
        simulated_release(&run);
        run_through(after, seed % 2 ? 4 : 6, (int)(seed % 3), seed, 0, &run);
        check_nothing_is_lost(&run);
        assert_int_equal(run.result.path_len, 8);
        const struct trace_finding *flap = simulated_finding(&run, TRACE_FINDING_FLAP);
        assert_int_equal(run.result.nfindings, flap ? 1 : 0);
        assert_true(!flap || (flap->ttl == 4 && flap->ttl_last == 5 && flap->count == 1));
        reported += flap != NULL;
        simulated_release(&run);
    }
    print_message("flows spread anew: seen in %u of %u seeds\n", reported, SEEDS);
    assert_true(reported >= SEEDS * 3 / 4);
    scenario_free(before);
    scenario_free(after);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_another_router),        cmocka_unit_test(test_path_grows_and_shrinks),
        cmocka_unit_test(test_mtu_shrinks),           cmocka_unit_test(test_way_gets_longer),
        cmocka_unit_test(test_flows_are_spread_anew),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
