/* Verdicts on loss, over many seeds: no false alarm, and real loss named where it begins. */
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

#define HOPS  15
#define SEEDS 200

static void loss_run(struct world *world, unsigned rounds, struct trace_result *result)
{
    struct trace_config config;
    struct trace *trace;

    world_config(world, &config);
    config.rounds = rounds;
    assert_int_equal(trace_new(&config, world->now_ns, &trace, NULL), 0);
    world_run(world, trace, INT64_MAX);
    assert_int_equal(trace_result(trace, world->now_ns, result), 0);
    assert_int_equal(world->wrong, 0);
    trace_free(trace);
}

static const struct trace_finding *loss_finding(const struct trace_result *result,
                                                enum trace_finding_kind kind)
{
    for (size_t i = 0; i < result->nfindings; i++) {
        if (result->findings[i].kind == kind)
            return &result->findings[i];
    }
    return NULL;
}

static void test_no_false_alarm(void **state)
{
    unsigned limited = 0, named = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world *world = world_new(4, HOPS, 45, seed);
        struct trace_result result;
        struct random random;
        random_seed(&random, seed);
        world->jitter_ms = 3;
        for (size_t i = 0; i + 1 < HOPS && seed % 4; i++) {
            if (random_chance(&random, 0.3)) {
                world->hops[i].limited = random_unit(&random);
                limited++;
            }
        }
        loss_run(world, seed % 2 ? 10 : 100, &result);
        assert_null(loss_finding(&result, TRACE_FINDING_LOSS));
        assert_null(loss_finding(&result, TRACE_FINDING_TOO_FEW));
        for (size_t i = 0; i < result.nhops; i++)
            named += result.hops[i].verdict == TRACE_LOSS_RATE_LIMITED ||
                     result.hops[i].verdict == TRACE_LOSS_SILENT;
        if (seed % 4 == 0)
            assert_int_equal(result.nfindings, 0);
        trace_result_release(&result);
        world_free(world);
    }
    print_message("of %u limited routers %u were told apart\n", limited, named);
    assert_true(named >= limited * 7 / 10);
}

/* 5 % real loss from hop k on, 100 rounds; a third of the routers limits its answers too. */
static void loss_named(bool limiting)
{
    unsigned right = 0, found = 0;

    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct world *world = world_new(4, HOPS, 45, seed);
        struct trace_result result;
        size_t k = 1 + seed % HOPS;
        for (size_t i = 0; limiting && i + 1 < HOPS; i++) {
            if ((i + seed) % 3 == 0 && i + 1 != k)
                world->hops[i].limited = 0.4;
        }
        world->hops[k - 1].loss = 0.05;
        loss_run(world, 100, &result);
        const struct trace_finding *loss = loss_finding(&result, TRACE_FINDING_LOSS);
        found += loss != NULL;
        right += loss && loss->ttl == k;
        trace_result_release(&result);
        world_free(world);
    }
    print_message("5 %% loss%s: found in %u, hop named in %u of %u seeds\n",
                  limiting ? " beside limited routers" : "", found, right, SEEDS);
    assert_true(right >= SEEDS * 95 / 100);
}

static void test_real_loss_is_named(void **state)
{
    (void)state;
    loss_named(false);
    loss_named(true);
}

static void test_one_of_three_is_too_few(void **state)
{
    struct world *world = world_new(4, 5, 10, 1);
    struct trace_result result;

    (void)state;
    world->hops[4].every = 3; /* of the target's own answers: some of the burst are lost as well */
    world->hops[4].asked = 2;
    loss_run(world, 3, &result);
    assert_null(loss_finding(&result, TRACE_FINDING_LOSS));
    trace_result_release(&result);
    world_free(world);
}

/* A limited UDP target is a host that limits its errors, not a lossy last link. */
static void test_limited_udp_target(void **state)
{
    struct world *world = world_new(4, 8, 20, 1);
    struct trace_config config;
    struct trace_result result;
    struct trace *trace;

    (void)state;
    world->hops[7].limited = 0.5;
    world_config(world, &config);
    config.protocol = PROBE_UDP;
    config.rounds = 50;
    assert_int_equal(trace_new(&config, world->now_ns, &trace, NULL), 0);
    world_run(world, trace, INT64_MAX);
    assert_int_equal(trace_result(trace, world->now_ns, &result), 0);
    assert_null(loss_finding(&result, TRACE_FINDING_LOSS));
    assert_int_equal(result.hops[7].verdict, TRACE_LOSS_RATE_LIMITED);
    trace_result_release(&result);
    trace_free(trace);
    world_free(world);
}

/* One burst hits a whole round: one event, however many probes it took. */
static bool burst_now;

static void burst(struct world *world, const struct probe *probe)
{
    (void)probe;
    for (size_t i = 0; i < world->nhops; i++)
        world->hops[i].silent = burst_now;
}

static void one_bad_round(uint32_t rounds)
{
    struct world *world = world_new(4, 10, 20, 1);
    struct trace_config config;
    struct trace_result result;
    struct trace *trace;

    world->before_send = burst;
    world_config(world, &config);
    config.rounds = rounds;
    assert_int_equal(trace_new(&config, world->now_ns, &trace, NULL), 0);
    world_run(world, trace, world->now_ns + 1750 * NS_PER_MS);
    burst_now = true;
    world_run(world, trace, world->now_ns + 500 * NS_PER_MS);
    burst_now = false;
    world_run(world, trace, INT64_MAX);
    assert_int_equal(trace_result(trace, world->now_ns, &result), 0);
    assert_int_equal(result.hops[9].received, rounds - 1);
    assert_null(loss_finding(&result, TRACE_FINDING_LOSS));
    assert_non_null(loss_finding(&result, TRACE_FINDING_TOO_FEW));
    trace_result_release(&result);
    trace_free(trace);
    world_free(world);
}

static void test_one_bad_round_is_no_loss(void **state)
{
    (void)state;
    one_bad_round(10);
    one_bad_round(30);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_no_false_alarm),           cmocka_unit_test(test_real_loss_is_named),
        cmocka_unit_test(test_one_of_three_is_too_few),  cmocka_unit_test(test_limited_udp_target),
        cmocka_unit_test(test_one_bad_round_is_no_loss),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
