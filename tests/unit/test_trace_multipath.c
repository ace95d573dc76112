/* Multipath over whole runs: branches, what it costs, members that fail. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/timespan.h"
#include "engine/mda.h"
#include "tests/unit/world.h"

static int64_t multipath_run(struct world *world, enum probe_protocol protocol, uint64_t seed,
                             struct trace_result *result)
{
    struct trace_config config;
    struct trace *trace;

    world_config(world, &config);
    config.protocol = protocol;
    config.rounds = 1;
    config.multipath_percent = 99;
    config.seed = seed;
    assert_int_equal(trace_new(&config, world->now_ns, &trace, NULL), 0);
    int64_t took_ns = world_run(world, trace, INT64_MAX);
    assert_int_equal(trace_result(trace, world->now_ns, result), 0);
    assert_int_equal(world->wrong, 0);
    trace_free(trace);
    return took_ns;
}

static bool multipath_finds(const struct trace_result *result, enum trace_finding_kind kind,
                            uint8_t ttl)
{
    for (size_t i = 0; i < result->nfindings; i++) {
        if (result->findings[i].kind == kind && result->findings[i].ttl == ttl)
            return true;
    }
    return false;
}

static void test_sixteen_equal_paths(void **state)
{
    unsigned whole = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        enum probe_protocol protocol = (enum probe_protocol)(seed % 3);
        struct world *world = world_new(seed % 2 ? 4 : 6, 9, 40, seed);
        struct trace_result result;
        world->hops[4].width = 16;
        world->port_open = seed % 5 == 0 && protocol == PROBE_TCP;
        int64_t took_ns = multipath_run(world, protocol, seed, &result);
        whole += result.hops[4].nresponders == 16;
        /* one probe of the round, the rest is the search's */
        assert_true(world->sent_at_ttl[5] - 1 <= mda_flows_needed(16, 99));
        assert_int_equal(world->sent_at_ttl[3] - 1, mda_flows_needed(1, 99));
        assert_int_equal(result.hops[4].sent, 1);
        assert_true(multipath_finds(&result, TRACE_FINDING_ECMP, 5));
        assert_false(multipath_finds(&result, TRACE_FINDING_LOSS, 5));
        assert_true(took_ns < 800 * NS_PER_MS);
        trace_result_release(&result);
        world_free(world);
    }
    print_message("16 equal paths: all found in %u of 100 seeds\n", whole);
    assert_true(whole >= 97);
}

static void test_paths_and_links(void **state)
{
    struct world *world = world_new(4, 6, 12, 1);
    struct trace_result result;
    struct address before = world_router(world, 2), behind = world_router(world, 4);
    unsigned out = 0, in = 0;

    (void)state;
    world->hops[2].width = 3;
    multipath_run(world, PROBE_UDP, 5, &result);
    for (size_t i = 0; i < result.nlinks; i++) {
        const struct trace_link *link = &result.links[i];
        out += link->ttl == 2 && address_equal(&link->from, &before);
        in += link->ttl == 3 && address_equal(&link->to, &behind);
        assert_true(link->flows >= 1);
    }
    assert_int_equal(out, 3);
    assert_int_equal(in, 3);
    assert_true(result.npaths >= mda_flows_needed(3, 99));
    assert_true(result.paths[0].reached);
    assert_int_equal(result.paths[0].nhops, 6);
    assert_int_equal(result.paths[1].source_port, result.paths[0].source_port + 1);
    assert_true(address_equal(&result.paths[0].hops[5], &world->destination));
    trace_result_release(&result);
    world_free(world);
}

static void test_bad_member(void **state)
{
    unsigned named = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 30; seed++) {
        struct world *world = world_new(4, 9, 40, seed);
        struct trace_result result;
        struct address member = world_member(world, 4, 1);
        world->hops[3].width = 4;
        world->hops[3].bad_member = 2;
        multipath_run(world, PROBE_TCP, seed, &result);
        for (size_t i = 0; i < result.nfindings; i++) {
            if (result.findings[i].kind != TRACE_FINDING_ECMP_BAD_MEMBER)
                continue;
            assert_int_equal(result.findings[i].ttl, 4);
            assert_true(address_equal(&result.findings[i].address, &member));
            named++;
        }
        trace_result_release(&result);
        world_free(world);
    }
    print_message("bad member of four: named in %u of 30 seeds\n", named);
    assert_true(named >= 28);
}

static void test_one_path_is_no_finding(void **state)
{
    struct world *world = world_new(6, 9, 40, 3);
    struct trace_result result;

    (void)state;
    multipath_run(world, PROBE_ICMP, 3, &result);
    assert_int_equal(result.nfindings, 0);
    assert_int_equal(result.nlinks, 8);
    trace_result_release(&result);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_sixteen_equal_paths),
        cmocka_unit_test(test_paths_and_links),
        cmocka_unit_test(test_bad_member),
        cmocka_unit_test(test_one_path_is_no_finding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
