/* The path MTU: signalled, swallowed, under loss, at our own interface. */
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

static int64_t mtu_run(struct world *world, enum probe_protocol protocol,
                       struct trace_result *result)
{
    struct trace_config config;
    struct trace *trace;

    world_config(world, &config);
    config.protocol = protocol;
    config.rounds = 1;
    config.find_mtu = true;
    assert_int_equal(trace_new(&config, world->now_ns, &trace, NULL), 0);
    int64_t took_ns = world_run(world, trace, INT64_MAX);
    assert_int_equal(trace_result(trace, world->now_ns, result), 0);
    assert_int_equal(world->wrong, 0);
    trace_free(trace);
    return took_ns;
}

static const struct trace_finding *mtu_finding(const struct trace_result *result)
{
    for (size_t i = 0; i < result->nfindings; i++) {
        if (result->findings[i].kind == TRACE_FINDING_MTU_REDUCED ||
            result->findings[i].kind == TRACE_FINDING_MTU_BLACKHOLE)
            return &result->findings[i];
    }
    return NULL;
}

static void test_whole_mtu_is_no_finding(void **state)
{
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        struct world *world = world_new(family, 8, 20, 1);
        struct trace_result result;
        int64_t took_ns = mtu_run(world, PROBE_ICMP, &result);
        assert_int_equal(result.path_mtu, 1500);
        assert_int_equal(result.nfindings, 0);
        assert_int_equal(result.hops[7].sent, 1); /* the search is counted apart */
        assert_int_equal(result.searches, 4);
        assert_true(took_ns < 60 * NS_PER_MS);
        trace_result_release(&result);
        world_free(world);
    }
}

static void test_signalled_mtu_names_the_hop(void **state)
{
    (void)state;
    for (int protocol = PROBE_ICMP; protocol <= PROBE_TCP; protocol++) {
        for (int family = 4; family <= 6; family += 2) {
            struct world *world = world_new(family, 8, 20, 1);
            struct trace_result result;
            struct address router = world_router(world, 5);
            world->port_open = protocol == PROBE_TCP;
            world->hops[2].mtu = 1480;
            world->hops[4].mtu = 1400;
            mtu_run(world, (enum probe_protocol)protocol, &result);
            assert_int_equal(result.path_mtu, 1400);
            assert_int_equal(result.path_mtu_ttl, 5);
            const struct trace_finding *finding = mtu_finding(&result);
            assert_non_null(finding);
            assert_int_equal(finding->kind, TRACE_FINDING_MTU_REDUCED);
            assert_int_equal(finding->ttl, 5);
            assert_int_equal(finding->mtu, 1400);
            assert_true(address_equal(&finding->address, &router));
            trace_result_release(&result);
            world_free(world);
        }
    }
}

static void test_black_hole_is_found_by_search(void **state)
{
    (void)state;
    for (uint16_t mtu = 1281; mtu < 1500; mtu = (uint16_t)(mtu + 23)) {
        struct world *world = world_new(4, 8, 20, mtu);
        struct trace_result result;
        world->port_open = mtu % 2;
        world->hops[3].mtu = mtu;
        world->hops[3].mtu_silent = true;
        int64_t took_ns = mtu_run(world, mtu % 2 ? PROBE_TCP : PROBE_ICMP, &result);
        const struct trace_finding *finding = mtu_finding(&result);
        assert_int_equal(result.path_mtu, mtu);
        assert_non_null(finding);
        assert_int_equal(finding->kind, TRACE_FINDING_MTU_BLACKHOLE);
        assert_int_equal(finding->ttl, 4);
        assert_true(took_ns < 3 * NS_PER_SEC);
        trace_result_release(&result);
        world_free(world);
    }
}

static void test_loss_is_not_taken_for_an_mtu(void **state)
{
    unsigned right = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct world *world = world_new(4, 8, 20, seed);
        struct trace_result result;
        world->hops[1].loss = 0.15;
        mtu_run(world, PROBE_ICMP, &result);
        if (result.reached) {
            assert_true(result.path_mtu == 1500 || result.path_mtu == 0);
            assert_null(mtu_finding(&result));
        }
        right += result.path_mtu == 1500;
        trace_result_release(&result);
        world_free(world);
    }
    print_message("15 %% loss: MTU of 1500 found in %u of 100 seeds\n", right);
    assert_true(right >= 95);
}

static void test_own_interface_is_narrow(void **state)
{
    struct world *world = world_new(4, 5, 20, 1);
    struct trace_config config;
    struct trace *trace;
    struct trace_result result;
    struct probe probe;
    int64_t wake_ns;
    uint32_t id;

    (void)state;
    world_config(world, &config);
    config.rounds = 1;
    config.find_mtu = true;
    assert_int_equal(trace_new(&config, world->now_ns, &trace, NULL), 0);
    world_run(world, trace, world->now_ns + 20 * NS_PER_MS); /* answers are not read yet */
    for (;;) {
        enum trace_step step = trace_next(trace, world->now_ns, &probe, &id, &wake_ns);
        if (step == TRACE_DONE)
            break;
        if (step == TRACE_SEND && probe.size > 1420)
            trace_sent(trace, id, -EMSGSIZE, world->now_ns);
        else if (step == TRACE_SEND)
            world_carry(world, trace, &probe, id);
        else
            world_pass(world, trace, wake_ns);
    }
    assert_int_equal(trace_result(trace, world->now_ns, &result), 0);
    assert_int_equal(result.path_mtu, 1420);
    assert_int_equal(result.path_mtu_ttl, 0);
    assert_int_equal(result.send_errors, 0);
    assert_int_equal(mtu_finding(&result)->kind, TRACE_FINDING_MTU_REDUCED);
    trace_result_release(&result);
    trace_free(trace);
    world_free(world);
}

/* Probes that are too big from the start: neither loss nor a loop of who says so. */
static void test_probes_of_the_rounds_are_too_big(void **state)
{
    (void)state;
    for (int protocol = PROBE_ICMP; protocol <= PROBE_TCP; protocol++) {
        for (int family = 4; family <= 6; family += 2) {
            struct world *world = world_new(family, 12, 20, 1);
            struct address router = world_router(world, 4);
            struct trace_config config;
            struct trace_result result;
            struct trace *trace;
            world->hops[3].mtu = 1400;
            world_config(world, &config);
            config.protocol = (enum probe_protocol)protocol;
            config.rounds = 3;
            config.size = 1450;
            config.df = true;
            assert_int_equal(trace_new(&config, world->now_ns, &trace, NULL), 0);
            world_run(world, trace, INT64_MAX);
            assert_int_equal(trace_result(trace, world->now_ns, &result), 0);
            assert_int_equal(result.end, TRACE_END_TTL_LIMIT);
            assert_false(result.reached);
            assert_int_equal(result.nhops, 5);
            assert_int_equal(result.hops[4].received, result.hops[4].sent);
            assert_int_equal(result.hops[4].rtt_ms.count, 0);
            assert_int_equal(result.nfindings, 1);
            assert_int_equal(result.findings[0].kind, TRACE_FINDING_MTU_REDUCED);
            assert_int_equal(result.findings[0].severity, TRACE_CRITICAL);
            assert_int_equal(result.findings[0].ttl, 4);
            assert_int_equal(result.findings[0].mtu, 1400);
            assert_true(address_equal(&result.findings[0].address, &router));
            trace_result_release(&result);
            trace_free(trace);
            world_free(world);
        }
    }
}

/* A target that answers small probes only is no black hole of an MTU. */
static void test_small_answers_only(void **state)
{
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        struct world *world = world_new(family, 5, 20, 1);
        struct trace_result result;
        world->hops[3].mtu = 200;
        world->hops[3].mtu_silent = true;
        mtu_run(world, PROBE_ICMP, &result);
        assert_int_equal(result.path_mtu, 0);
        assert_null(mtu_finding(&result));
        trace_result_release(&result);
        world_free(world);
    }
}

/* Nobody answers: there is no MTU to be found. */
static void test_dead_target_has_no_mtu(void **state)
{
    struct world *world = world_new(4, 5, 20, 1);
    struct trace_result result;

    (void)state;
    world->dead = true;
    mtu_run(world, PROBE_ICMP, &result);
    assert_int_equal(result.path_mtu, 0);
    assert_null(mtu_finding(&result));
    trace_result_release(&result);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_mtu_is_no_finding),
        cmocka_unit_test(test_signalled_mtu_names_the_hop),
        cmocka_unit_test(test_black_hole_is_found_by_search),
        cmocka_unit_test(test_loss_is_not_taken_for_an_mtu),
        cmocka_unit_test(test_own_interface_is_narrow),
        cmocka_unit_test(test_probes_of_the_rounds_are_too_big),
        cmocka_unit_test(test_small_answers_only),
        cmocka_unit_test(test_dead_target_has_no_mtu),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
