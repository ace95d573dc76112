#include <errno.h>
#include <math.h>
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

#define FOREVER INT64_MAX

struct run {
    struct world *world;
    struct trace *trace;
    struct trace_result result;
    int64_t took_ns;
};

static struct run run_start(struct world *world, const struct trace_config *config)
{
    struct run run = {.world = world};

    assert_int_equal(trace_new(config, world->now_ns, &run.trace, NULL), 0);
    return run;
}

static struct run run_whole(struct world *world, const struct trace_config *config)
{
    struct run run = run_start(world, config);

    run.took_ns = world_run(world, run.trace, FOREVER);
    assert_int_equal(trace_result(run.trace, world->now_ns, &run.result), 0);
    return run;
}

static void run_end(struct run *run)
{
    trace_result_release(&run->result);
    trace_free(run->trace);
    world_free(run->world);
}

static const struct trace_finding *run_finding(const struct run *run, enum trace_finding_kind kind)
{
    for (size_t i = 0; i < run->result.nfindings; i++) {
        if (run->result.findings[i].kind == kind)
            return &run->result.findings[i];
    }
    return NULL;
}

static void check_whole_path(int family, enum probe_protocol protocol, bool open)
{
    struct world *world = world_new(family, 12, 40, 1);
    struct trace_config config;

    world->port_open = open;
    world_config(world, &config);
    config.protocol = protocol;
    config.rounds = 3;
    struct run run = run_whole(world, &config);
    assert_int_equal(world->wrong, 0);
    assert_int_equal(run.result.end, TRACE_END_REACHED);
    assert_true(run.result.reached);
    assert_int_equal(run.result.path_len, 12);
    assert_int_equal(run.result.nhops, 12);
    assert_int_equal(run.result.nfindings, 0);
    for (size_t i = 0; i < 12; i++) {
        const struct trace_hop *hop = &run.result.hops[i];
        struct address expected = i == 11 ? world->destination : world_router(world, i + 1);
        assert_int_equal(hop->sent, 3);
        assert_int_equal(hop->received, 3);
        assert_int_equal(hop->nresponders, 1);
        assert_true(address_equal(&hop->responders[0].address, &expected));
        assert_int_equal(hop->responders[0].nchanges, 0);
        assert_true(fabs(hop->rtt_ms.mean - world->hops[i].rtt_ms) < 0.001);
    }
    run_end(&run);
}

static void test_whole_path_every_protocol(void **state)
{
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        check_whole_path(family, PROBE_ICMP, false);
        check_whole_path(family, PROBE_UDP, false);
        check_whole_path(family, PROBE_TCP, false);
        check_whole_path(family, PROBE_TCP, true);
    }
}

/* 20 hops, slowest answer 96 ms: within 1.15 x of it. */
static void test_fast_when_all_answer(void **state)
{
    struct world *world = world_new(4, 20, 96, 1);
    struct trace_config config;

    (void)state;
    world_config(world, &config);
    config.rounds = 1;
    struct run run = run_whole(world, &config);
    assert_int_equal(run.result.nhops, 20);
    assert_true(run.took_ns <= (int64_t)(1.15 * 96e6));
    assert_int_equal(run.result.beyond, 10);
    run_end(&run);
}

static void test_fast_when_some_are_silent(void **state)
{
    struct world *world = world_new(4, 20, 96, 1);
    struct trace_config config;

    (void)state;
    world_config(world, &config);
    config.rounds = 1;
    world->hops[4].silent = world->hops[9].silent = true;
    world->hops[18].silent = world->hops[17].silent = true;
    world->hops[12].every = 2;
    struct run run = run_whole(world, &config);
    assert_true(run.took_ns <= 350 * NS_PER_MS);
    assert_int_equal(run.result.nhops, 20);
    assert_int_equal(run.result.hops[4].verdict, TRACE_LOSS_SILENT);
    assert_null(run_finding(&run, TRACE_FINDING_LOSS));
    assert_null(run_finding(&run, TRACE_FINDING_BLACKHOLE));
    const struct trace_finding *silent = run_finding(&run, TRACE_FINDING_SILENT);
    assert_non_null(silent);
    assert_int_equal(silent->ttl, 5);
    run_end(&run);
}

static void test_dead_target_dies_behind_hop_11(void **state)
{
    struct world *world = world_new(4, 12, 60, 1);
    struct trace_config config;

    (void)state;
    world_config(world, &config);
    config.rounds = 1;
    world->dead = true;
    struct run run = run_whole(world, &config);
    assert_true(run.took_ns <= 1500 * NS_PER_MS);
    assert_int_equal(run.result.end, TRACE_END_TTL_LIMIT);
    assert_false(run.result.reached);
    assert_int_equal(run.result.nhops, 12);
    assert_int_equal(run.result.hops[11].verdict, TRACE_LOSS_DEAD);
    const struct trace_finding *hole = run_finding(&run, TRACE_FINDING_BLACKHOLE);
    assert_non_null(hole);
    assert_int_equal(hole->ttl, 11);
    assert_int_equal(hole->severity, TRACE_CRITICAL);
    run_end(&run);
}

/* The target answers few of the first burst's probes: the quoted TTL still gives the length. */
static void test_limited_target_does_not_lengthen_the_path(void **state)
{
    static const enum probe_protocol protocols[] = {PROBE_UDP, PROBE_ICMP};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct world *world = world_new(4, 10, 30, 1);
        struct trace_config config;
        world_config(world, &config);
        config.protocol = protocols[i];
        config.rounds = 1;
        world->hops[9].every = 4;
        world->hops[9].asked = 1; /* the first three are not answered */
        struct run run = run_whole(world, &config);
        assert_int_equal(run.result.end, TRACE_END_REACHED);
        if (protocols[i] == PROBE_UDP) {
            assert_int_equal(run.result.path_len, 10);
            assert_int_equal(run.result.hops[9].sent, 1);
            assert_int_equal(run.result.hops[9].received, 1);
        }
        assert_null(run_finding(&run, TRACE_FINDING_LOSS));
        run_end(&run);
    }
}

/* The answers of the target's own TTL and the one behind are lost: asked again, found. */
static void test_verifies_below_the_target(void **state)
{
    struct world *world = world_new(4, 10, 30, 1);
    struct trace_config config;

    (void)state;
    world_config(world, &config);
    config.rounds = 1;
    world->hops[9].every = 2;
    world->hops[9].asked = 1; /* TTL 10 unanswered, 11 answered, then every second */
    struct run run = run_whole(world, &config);
    assert_true(run.result.path_len == 10);
    assert_int_equal(run.result.hops[9].received, 1);
    run_end(&run);
}

/* R19, also in test_trace_changes.c: the path changes under way. */
static void world_change_length(struct world *world, size_t nhops)
{
    for (size_t i = 0; i < nhops; i++)
        world->hops[i] = (struct world_hop){.rtt_ms = 3.0 * (double)(i + 1)};
    world->nhops = nhops;
}

static void test_path_grows_without_loss(void **state)
{
    struct world *world = world_new(4, 8, 24, 1);
    struct trace_config config;

    (void)state;
    world_config(world, &config);
    config.rounds = 20;
    struct run run = run_start(world, &config);
    world_run(world, run.trace, world->now_ns + 4750 * NS_PER_MS);
    world_change_length(world, 11);
    world_run(world, run.trace, FOREVER);
    assert_int_equal(trace_result(run.trace, world->now_ns, &run.result), 0);
    assert_int_equal(run.result.path_len, 11);
    for (size_t i = 0; i < 11; i++) {
        assert_int_equal(run.result.hops[i].sent, run.result.hops[i].received);
        assert_int_equal(run.result.hops[i].sent, i < 8 ? 20 : 10);
    }
    assert_null(run_finding(&run, TRACE_FINDING_LOSS));
    assert_non_null(run_finding(&run, TRACE_FINDING_FLAP));
    run_end(&run);
}

/* What was the target's place is now a router that never answers: still no loss. */
static void test_path_grows_behind_a_silent_router(void **state)
{
    struct world *world = world_new(4, 8, 24, 1);
    struct trace_config config;

    (void)state;
    world_config(world, &config);
    config.rounds = 20;
    struct run run = run_start(world, &config);
    world_run(world, run.trace, world->now_ns + 4750 * NS_PER_MS);
    world_change_length(world, 10);
    world->hops[7].silent = true;
    world_run(world, run.trace, FOREVER);
    assert_int_equal(trace_result(run.trace, world->now_ns, &run.result), 0);
    assert_int_equal(run.result.path_len, 10);
    assert_int_equal(run.result.hops[9].sent, run.result.hops[9].received);
    assert_null(run_finding(&run, TRACE_FINDING_LOSS));
    run_end(&run);
}

static void test_path_shrinks(void **state)
{
    struct world *world = world_new(6, 9, 24, 1);
    struct trace_config config;

    (void)state;
    world_config(world, &config);
    config.rounds = 10;
    struct run run = run_start(world, &config);
    world_run(world, run.trace, world->now_ns + 2250 * NS_PER_MS);
    world_change_length(world, 6);
    world_run(world, run.trace, FOREVER);
    assert_int_equal(trace_result(run.trace, world->now_ns, &run.result), 0);
    assert_int_equal(run.result.path_len, 6);
    assert_int_equal(run.result.hops[5].sent, 10);
    assert_int_equal(run.result.hops[5].received, 10);
    assert_null(run_finding(&run, TRACE_FINDING_LOSS));
    run_end(&run);
}

static void test_loop(void **state)
{
    struct world *world = world_new(4, 12, 40, 1);
    struct trace_config config;

    (void)state;
    world_config(world, &config);
    config.rounds = 2;
    world->hops[5].loops_to = 5;
    struct run run = run_whole(world, &config);
    assert_int_equal(run.result.end, TRACE_END_LOOP);
    const struct trace_finding *loop = run_finding(&run, TRACE_FINDING_LOOP);
    assert_non_null(loop);
    assert_int_equal(loop->ttl, 5);
    assert_int_equal(loop->ttl_last, 6);
    assert_null(run_finding(&run, TRACE_FINDING_BLACKHOLE));
    assert_int_equal(run.result.nhops, 8);
    run_end(&run);
}

static void test_path_dies_under_way(void **state)
{
    struct world *world = world_new(4, 10, 30, 1);
    struct trace_config config;

    (void)state;
    world_config(world, &config);
    config.rounds = 20;
    struct run run = run_start(world, &config);
    world_run(world, run.trace, world->now_ns + 5250 * NS_PER_MS);
    world->hops[5].blackhole = true;
    world_run(world, run.trace, FOREVER);
    assert_int_equal(trace_result(run.trace, world->now_ns, &run.result), 0);
    assert_true(run.result.reached);
    const struct trace_finding *hole = run_finding(&run, TRACE_FINDING_BLACKHOLE);
    assert_non_null(hole);
    assert_int_equal(hole->ttl, 6);
    const struct trace_finding *loss = run_finding(&run, TRACE_FINDING_LOSS);
    assert_non_null(loss);
    assert_int_equal(loss->ttl, 7);
    run_end(&run);
}

/* A target that answers each fifth probe has not died because the last four were not answered. */
static void test_seldom_is_not_dead(void **state)
{
    struct world *world = world_new(4, 10, 30, 1);
    struct trace_config config;

    (void)state;
    world_config(world, &config);
    config.rounds = 25;
    struct run run = run_start(world, &config);
    world_run(world, run.trace, world->now_ns + 100 * NS_PER_MS);
    world->hops[9].every = 5;
    world->hops[9].asked = 0;
    world_run(world, run.trace, FOREVER);
    assert_int_equal(trace_result(run.trace, world->now_ns, &run.result), 0);
    assert_null(run_finding(&run, TRACE_FINDING_BLACKHOLE));
    run_end(&run);
}

/* Answers of the old, slow path come in after the new one has shown itself. */
static void test_stale_answers_do_not_shorten_the_path(void **state)
{
    struct world *world = world_new(4, 8, 400, 1);
    struct trace_config config;

    (void)state;
    world_config(world, &config);
    config.rounds = 30;
    config.interval_ns = 100 * NS_PER_MS;
    struct run run = run_start(world, &config);
    world_run(world, run.trace, world->now_ns + 1450 * NS_PER_MS);
    world_change_length(world, 11);
    int64_t changed_ns = world->now_ns;
    world_run(world, run.trace, changed_ns + 350 * NS_PER_MS); /* the old ones come in the while */
    assert_int_equal(trace_result(run.trace, world->now_ns, &run.result), 0);
    assert_int_equal(run.result.path_len, 11);
    assert_true(run.result.hops[10].sent >= 3);
    trace_result_release(&run.result);
    world_run(world, run.trace, FOREVER);
    assert_int_equal(trace_result(run.trace, world->now_ns, &run.result), 0);
    assert_int_equal(run.result.path_len, 11);
    assert_int_equal(run.result.hops[10].sent, run.result.hops[10].received);
    run_end(&run);
}

static void test_unreachable_names_the_router(void **state)
{
    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        struct world *world = world_new(family, 12, 40, 1);
        struct trace_config config;
        world_config(world, &config);
        config.rounds = 2;
        world->hops[6].unreachable = true;
        struct run run = run_whole(world, &config);
        struct address router = world_router(world, 7);
        assert_int_equal(run.result.end, TRACE_END_UNREACHABLE);
        assert_int_equal(run.result.end_ttl, 7);
        assert_true(address_equal(&run.result.end_address, &router));
        assert_false(run.result.reached);
        const struct trace_finding *finding = run_finding(&run, TRACE_FINDING_UNREACHABLE);
        assert_non_null(finding);
        assert_int_equal(finding->ttl, 7);
        run_end(&run);
    }
}

static void test_gap_limit(void **state)
{
    struct world *world = world_new(4, 12, 40, 1);
    struct trace_config config;

    (void)state;
    world_config(world, &config);
    config.rounds = 1;
    config.gap_limit = 4;
    world->dead = true;
    struct run run = run_whole(world, &config);
    assert_int_equal(run.result.end, TRACE_END_GAP_LIMIT);
    assert_int_equal(world->sent_at_ttl[15], 1);
    assert_int_equal(world->sent_at_ttl[16], 0);
    run_end(&run);
}

static void test_longer_than_the_last_ttl(void **state)
{
    struct world *world = world_new(4, 12, 40, 1);
    struct trace_config config;

    (void)state;
    world_config(world, &config);
    config.rounds = 2;
    config.max_ttl = 8;
    struct run run = run_whole(world, &config);
    assert_int_equal(run.result.end, TRACE_END_TTL_LIMIT);
    assert_int_equal(run.result.nhops, 8);
    assert_int_equal(run.result.nfindings, 0);
    run_end(&run);
}

static void test_interrupted_leaves_pending(void **state)
{
    struct world *world = world_new(4, 5, 100, 1);
    struct trace_config config;

    (void)state;
    world_config(world, &config);
    struct run run = run_start(world, &config);
    world_run(world, run.trace, world->now_ns + 50 * NS_PER_MS);
    trace_stop(run.trace);
    assert_int_equal(world_run(world, run.trace, FOREVER), 0);
    assert_int_equal(trace_result(run.trace, world->now_ns, &run.result), 0);
    assert_int_equal(run.result.end, TRACE_END_INTERRUPTED);
    assert_true(run.result.interrupted);
    for (size_t i = 0; i < run.result.nhops; i++) {
        const struct trace_hop *hop = &run.result.hops[i];
        assert_int_equal(hop->sent, hop->received + hop->pending);
        assert_true(isnan(hop->loss_pct) || hop->loss_pct == 0);
    }
    run_end(&run);
}

/* R15: the kernel has no room: asked again, nothing lost, nothing counted as an error. */
static void test_send_again(void **state)
{
    struct world *world = world_new(4, 5, 10, 1);
    struct trace_config config;

    (void)state;
    world_config(world, &config);
    config.rounds = 2;
    world->send_error = ENOBUFS;
    world->send_errors = 7;
    struct run run = run_whole(world, &config);
    assert_int_equal(run.result.send_errors, 0);
    assert_int_equal(run.result.hops[0].sent, 2);
    assert_int_equal(run.result.hops[0].received, 2);
    assert_int_equal(run.result.nfindings, 0);
    run_end(&run);
}

static void test_send_errors_are_no_loss(void **state)
{
    struct world *world = world_new(4, 5, 10, 1);
    struct trace_config config;

    (void)state;
    world_config(world, &config);
    config.rounds = 4;
    struct run run = run_start(world, &config);
    world_run(world, run.trace, world->now_ns + 750 * NS_PER_MS);
    world->send_error = EPERM;
    world->send_errors = 3;
    world_run(world, run.trace, FOREVER);
    assert_int_equal(trace_result(run.trace, world->now_ns, &run.result), 0);
    assert_int_equal(run.result.send_errors, 3);
    assert_int_equal(run.result.hops[0].send_errors, 1);
    assert_true(run.result.hops[0].loss_pct == 0);
    const struct trace_finding *finding = run_finding(&run, TRACE_FINDING_SEND_ERRORS);
    assert_non_null(finding);
    assert_int_equal(finding->error, EPERM);
    assert_int_equal(finding->count, 3);
    run_end(&run);
}

static void test_nothing_can_be_sent(void **state)
{
    static const int errors[] = {ENETUNREACH, ENOBUFS};

    (void)state;
    for (size_t i = 0; i < 2; i++) {
        struct world *world = world_new(4, 5, 10, 1);
        struct trace_config config;
        world_config(world, &config);
        world->send_error = errors[i];
        world->send_errors = 1000000;
        struct run run = run_whole(world, &config);
        assert_int_equal(run.result.end, TRACE_END_SEND_FAILED);
        assert_int_equal(run.result.end_error, errors[i]);
        assert_true(run.took_ns < 5 * NS_PER_SEC);
        run_end(&run);
    }
}

/* R13: five seconds stopped; the answers waited in the capture meanwhile. */
static void test_a_pause_is_no_loss(void **state)
{
    struct world *world = world_new(4, 5, 100, 1);
    struct trace_config config;

    (void)state;
    world_config(world, &config);
    config.rounds = 3;
    struct run run = run_start(world, &config);
    world_run(world, run.trace, world->now_ns + 520 * NS_PER_MS);
    world->now_ns += 5 * NS_PER_SEC;
    trace_shift(run.trace, 5 * NS_PER_SEC);
    world_run(world, run.trace, FOREVER);
    assert_int_equal(trace_result(run.trace, world->now_ns, &run.result), 0);
    for (size_t i = 0; i < run.result.nhops; i++)
        assert_int_equal(run.result.hops[i].received, run.result.hops[i].sent);
    assert_int_equal(run.result.late, 0);
    assert_true(run.result.hops[4].rtt_ms.max < 101);
    run_end(&run);
}

/* An answer after its probe was given up takes the loss back. */
static void test_late_answers_are_no_loss(void **state)
{
    struct world *world = world_new(4, 5, 20, 1);
    struct trace_config config;

    (void)state;
    world_config(world, &config);
    config.rounds = 10;
    config.timeout_ns = 300 * NS_PER_MS;
    world->hops[2].rtt_ms = 400;
    struct run run = run_whole(world, &config);
    assert_true(run.result.late >= 9);
    assert_true(run.result.hops[2].received >= 9);
    assert_int_equal(run.result.hops[2].late, run.result.hops[2].received);
    run_end(&run);
}

/* R24: identifiers come round; what was sent with the same one before is not mistaken. */
static void test_endless_run_has_bounded_memory_and_wraps(void **state)
{
    struct world *world = world_new(4, 4, 8, 1);
    struct trace_config config;

    (void)state;
    world_config(world, &config);
    config.rounds = 0;
    config.interval_ns = 2 * NS_PER_MS;
    config.send_gap_ns = 0;
    struct run run = run_start(world, &config);
    world_run(world, run.trace, world->now_ns + 40 * NS_PER_SEC);
    trace_stop(run.trace);
    assert_int_equal(trace_result(run.trace, world->now_ns, &run.result), 0);
    assert_true(run.result.sent > 70000); /* the 16-bit identity came round */
    assert_int_equal(world->wrong, 0);
    for (size_t i = 0; i < 4; i++)
        assert_int_equal(run.result.hops[i].sent,
                         run.result.hops[i].received + run.result.hops[i].pending);
    run_end(&run);
}

static void test_config_faults(void **state)
{
    struct trace_config config;
    struct world *world = world_new(4, 4, 8, 1);
    struct trace *trace;
    const char *why = NULL;

    (void)state;
    world_config(world, &config);
    config.first_ttl = 9;
    config.max_ttl = 8;
    assert_int_equal(trace_new(&config, 0, &trace, &why), -EINVAL);
    assert_non_null(why);
    world_config(world, &config);
    config.source.family = 6;
    assert_int_equal(trace_new(&config, 0, &trace, &why), -EINVAL);
    world_config(world, &config);
    config.destination = address_from4((uint8_t[]){224, 0, 0, 1});
    assert_int_equal(trace_new(&config, 0, &trace, &why), -EINVAL);
    world_free(world);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_whole_path_every_protocol),
        cmocka_unit_test(test_fast_when_all_answer),
        cmocka_unit_test(test_fast_when_some_are_silent),
        cmocka_unit_test(test_dead_target_dies_behind_hop_11),
        cmocka_unit_test(test_limited_target_does_not_lengthen_the_path),
        cmocka_unit_test(test_verifies_below_the_target),
        cmocka_unit_test(test_path_grows_without_loss),
        cmocka_unit_test(test_path_grows_behind_a_silent_router),
        cmocka_unit_test(test_path_shrinks),
        cmocka_unit_test(test_loop),
        cmocka_unit_test(test_path_dies_under_way),
        cmocka_unit_test(test_seldom_is_not_dead),
        cmocka_unit_test(test_stale_answers_do_not_shorten_the_path),
        cmocka_unit_test(test_unreachable_names_the_router),
        cmocka_unit_test(test_gap_limit),
        cmocka_unit_test(test_longer_than_the_last_ttl),
        cmocka_unit_test(test_interrupted_leaves_pending),
        cmocka_unit_test(test_send_again),
        cmocka_unit_test(test_send_errors_are_no_loss),
        cmocka_unit_test(test_nothing_can_be_sent),
        cmocka_unit_test(test_a_pause_is_no_loss),
        cmocka_unit_test(test_late_answers_are_no_loss),
        cmocka_unit_test(test_endless_run_has_bounded_memory_and_wraps),
        cmocka_unit_test(test_config_faults),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
