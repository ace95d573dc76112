/*
 * What the trace promises, proven over the simulator in virtual time against the simulator's own
 * log: speed, matching, and verdicts over many seeds.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "base/timespan.h"
#include "engine/mda.h"
#include "tests/unit/simulated.h"

#define SEEDS 200

static void test_hundred_thousand_probes(void **state)
{
    static const char yaml[] = "name: noisy\n"
                               "defaults: {link: {delay: 2ms}}\n"
                               "path:\n"
                               "  - {link: {delay: 2ms, loss: 5%, duplicate: 5%, reorder: 5%,\n"
                               "            reorder-delay: 30ms}}\n"
                               "  - {repeat: 8, router: {}}\n";
    struct scenario *scenario = simulated_scenario(yaml);

    (void)state;
    for (int protocol = PROBE_ICMP; protocol <= PROBE_TCP; protocol++) {
        struct trace_config config;
        struct simulated run;
        simulated_config(scenario, protocol == PROBE_UDP ? 6 : 4, 42, &config);
        config.protocol = (enum probe_protocol)protocol;
        config.rounds = protocol == PROBE_ICMP ? 10000 : 2000;
        config.interval_ns = 10 * NS_PER_MS;
        simulated_run(scenario, &config, &run);
        print_message("%lu probes, %lu lost, %lu duplicated, %lu held back: "
                      "%lu matched wrongly of %lu answers\n",
                      run.result.sent + run.result.beyond, run.lost, run.duplicated, run.reordered,
                      run.wrong, run.answers);
        assert_true(protocol != PROBE_ICMP || run.result.sent >= 100000);
        assert_true(run.lost > 0 && run.duplicated > 0 && run.reordered > 0);
        assert_int_equal(run.wrong, 0);
        assert_int_equal(run.suspects, 0);
        assert_true(run.worst_rtt_error_ms == 0);
        assert_true(run.duplicates > 0);
        simulated_release(&run);
    }
    scenario_free(scenario);
}

/*
 * R25: what comes twice, out of order or too late is counted apart, as often as the log has it. The
 * last link copies and holds back on the way home, so that each copy is the target's answer.
 */
static void test_copies_overtaking_and_lateness_are_counted_apart(void **state)
{
    static const char yaml[] =
        "name: apart\n"
        "defaults: {link: {delay: 2ms}}\n"
        "path: [{}, {}, {icmp: {delay: 400ms}}, {}]\n"
        "server: {link: {delay: 2ms, duplicate: 10%, reorder: 10%, reorder-delay: 30ms}}\n";
    struct scenario *scenario = simulated_scenario(yaml);

    (void)state;
    for (int protocol = PROBE_ICMP; protocol <= PROBE_TCP; protocol++) {
        struct trace_config config;
        struct simulated run;
        simulated_config(scenario, protocol == PROBE_UDP ? 6 : 4, 5, &config);
        config.protocol = (enum probe_protocol)protocol;
        config.first_ttl = 3; /* no probes past the end, whose answers would be the target's too */
        config.max_ttl = 5;
        config.rounds = 500;
        config.interval_ns = 20 * NS_PER_MS;
        config.timeout_ns = 300 * NS_PER_MS;
        simulated_run(scenario, &config, &run);
        const struct trace_result *r = &run.result;
        print_message("%lu copies, %lu overtaken, %lu late\n", run.duplicates, run.overtaken,
                      run.late);
        assert_true(run.duplicates > 50 && run.overtaken > 50 && run.late > 400);
        assert_int_equal(r->duplicates, run.duplicates);
        assert_int_equal(r->reordered, run.overtaken);
        assert_int_equal(r->late, run.late);
        assert_int_equal(r->hops[2].duplicates, run.duplicates);
        assert_int_equal(r->hops[0].late, run.late);
        assert_int_equal(r->hops[0].received, run.late);
        assert_int_equal(r->hops[1].duplicates + r->hops[1].late, 0);
        for (size_t i = 1; i < r->nhops; i++)
            assert_int_equal(r->hops[i].received, r->hops[i].sent);
        assert_int_equal(r->suspects + run.wrong, 0);
        assert_null(simulated_finding(&run, TRACE_FINDING_LOSS));
        assert_non_null(simulated_finding(&run, TRACE_FINDING_DUPLICATION));
        assert_non_null(simulated_finding(&run, TRACE_FINDING_REORDERING));
        simulated_release(&run);
    }
    scenario_free(scenario);
}

/* Where a SYN-ACK or its RST was lost, the next SYN meets a connection that is half open. */
static void test_half_open_connections(void **state)
{
    static const char yaml[] = "name: half-open\n"
                               "defaults: {link: {delay: 2ms}}\n"
                               "path:\n"
                               "  - {link: {delay: 2ms, loss: 5%, duplicate: 5%, reorder: 5%,\n"
                               "            reorder-delay: 30ms}}\n"
                               "  - {repeat: 4, router: {}}\n"
                               "server: {services: [{http: {port: 443}}]}\n";
    static const int64_t intervals_ms[] = {500, 100, 10};
    struct scenario *scenario = simulated_scenario(yaml);

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct trace_config config;
        struct simulated run;
        simulated_config(scenario, i % 2 ? 6 : 4, 42 + i, &config);
        config.protocol = PROBE_TCP;
        config.rounds = 1000;
        config.interval_ns = intervals_ms[i] * NS_PER_MS;
        simulated_run(scenario, &config, &run);
        assert_true(run.result.reached && run.lost > 0);
        assert_int_equal(run.wrong, 0);
        assert_true(run.worst_rtt_error_ms == 0);
        simulated_release(&run);
    }
    scenario_free(scenario);
}

static void test_one_round_takes_the_slowest_answer(void **state)
{
    static const char yaml[] = "name: fast\n"
                               "defaults: {link: {delay: 2400us}}\n"
                               "path: [{repeat: 19, router: {}}]\n";
    struct scenario *scenario = simulated_scenario(yaml);

    (void)state;
    for (int protocol = PROBE_ICMP; protocol <= PROBE_TCP; protocol++) {
        struct trace_config config;
        struct simulated run;
        simulated_config(scenario, 4, 1, &config);
        config.protocol = (enum probe_protocol)protocol;
        config.rounds = 1;
        simulated_run(scenario, &config, &run);
        assert_int_equal(run.result.path_len, 20);
        assert_true(run.took_ns <= (int64_t)(1.15 * 96e6));
        assert_int_equal(run.result.nfindings, 0);
        simulated_release(&run);
    }
    scenario_free(scenario);
}

static void test_silent_and_limited_hops_do_not_delay(void **state)
{
    static const char yaml[] = "name: shy\n"
                               "defaults: {link: {delay: 2400us}}\n"
                               "path:\n"
                               "  - {repeat: 4, router: {}}\n"
                               "  - {icmp: silent}\n"
                               "  - {repeat: 3, router: {}}\n"
                               "  - {icmp: {rate: 2/s, burst: 1}}\n"
                               "  - {repeat: 2, router: {icmp: silent}}\n"
                               "  - {repeat: 7, router: {}}\n"
                               "  - {icmp: silent}\n";
    struct scenario *scenario = simulated_scenario(yaml);
    struct trace_config config;
    struct simulated run;

    (void)state;
    simulated_config(scenario, 4, 1, &config);
    config.rounds = 1;
    simulated_run(scenario, &config, &run);
    print_message("four silent hops and a limited one: %.1f ms\n", ns_to_ms(run.took_ns));
    assert_int_equal(run.result.path_len, 20);
    assert_true(run.took_ns <= 350 * NS_PER_MS);
    assert_int_equal(run.result.hops[4].verdict, TRACE_LOSS_SILENT);
    assert_int_equal(run.result.hops[18].verdict, TRACE_LOSS_SILENT);
    assert_int_equal(run.result.hops[8].received, 1);
    simulated_release(&run);
    scenario_free(scenario);
}

static void test_dead_target(void **state)
{
    static const char yaml[] = "name: dead\n"
                               "defaults: {link: {delay: 2400us}}\n"
                               "server: {dead: true}\n"
                               "path: [{repeat: 11, router: {}}]\n";
    struct scenario *scenario = simulated_scenario(yaml);

    (void)state;
    for (int family = 4; family <= 6; family += 2) {
        struct trace_config config;
        struct simulated run;
        simulated_config(scenario, family, 1, &config);
        config.rounds = 1;
        simulated_run(scenario, &config, &run);
        const struct trace_finding *hole = simulated_finding(&run, TRACE_FINDING_BLACKHOLE);
        assert_true(run.took_ns <= 1500 * NS_PER_MS);
        assert_non_null(hole);
        assert_int_equal(hole->ttl, 11);
        assert_int_equal(run.result.nfindings, 1);
        simulated_release(&run);
    }
    scenario_free(scenario);
}

/* Healthy paths, every second one with routers that limit their answers. */
static void test_no_false_alarm(void **state)
{
    unsigned alarms = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        char yaml[4096];
        struct random random;
        struct trace_config config;
        struct simulated run;
        size_t len = (size_t)snprintf(yaml, sizeof(yaml),
                                      "name: healthy\n"
                                      "defaults: {link: {delay: 2ms, jitter: 500us}}\n"
                                      "path:\n");
        random_seed(&random, seed);
        for (unsigned hop = 0; hop < 12; hop++) {
            const char *router = "{}";
            if (seed % 2 && random_chance(&random, 0.4))
                router = random_chance(&random, 0.3) ? "{icmp: silent}"
                                                     : "{icmp: {rate: 3/s, burst: 2}}";
            len += (size_t)snprintf(yaml + len, sizeof(yaml) - len, "  - %s\n", router);
        }
        struct scenario *scenario = simulated_scenario(yaml);
        simulated_config(scenario, seed % 3 ? 4 : 6, seed, &config);
        config.rounds = seed % 5 ? 10 : 60;
        config.interval_ns = 100 * NS_PER_MS;
        simulated_run(scenario, &config, &run);
        alarms += simulated_finding(&run, TRACE_FINDING_LOSS) != NULL;
        alarms += simulated_finding(&run, TRACE_FINDING_TOO_FEW) != NULL;
        if (seed % 2 == 0)
            alarms += run.result.nfindings > 0;
        simulated_release(&run);
        scenario_free(scenario);
    }
    print_message("%u false alarms in %u seeds\n", alarms, SEEDS);
    assert_int_equal(alarms, 0);
}

/* A path of twelve whose link before hop `k` loses 5 % on the way out. */
static struct scenario *lossy(unsigned k)
{
    char yaml[2048];
    size_t len = (size_t)snprintf(yaml, sizeof(yaml),
                                  "name: lossy\n"
                                  "defaults: {link: {delay: 2ms}}\n"
                                  "path:\n");

    for (unsigned hop = 1; hop <= 12; hop++)
        len += (size_t)snprintf(yaml + len, sizeof(yaml) - len, "  - %s\n",
                                hop == k ? "{link: {delay: 2ms, loss: 5%}, return: {delay: 2ms}}"
                                         : "{}");
    return simulated_scenario(yaml);
}

static void test_real_loss_names_its_hop(void **state)
{
    unsigned named = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct trace_config config;
        struct simulated run;
        unsigned k = 1 + (unsigned)(seed % 12);
        struct scenario *scenario = lossy(k);
        simulated_config(scenario, 4, seed, &config);
        config.rounds = 100;
        config.interval_ns = 50 * NS_PER_MS;
        simulated_run(scenario, &config, &run);
        const struct trace_finding *loss = simulated_finding(&run, TRACE_FINDING_LOSS);
        named += loss && loss->ttl == k;
        simulated_release(&run);
        scenario_free(scenario);
    }
    print_message("5 %% loss from hop k on: named in %u of %u seeds\n", named, SEEDS);
    assert_true(named >= SEEDS * 95 / 100);
}

static void test_sixteen_equal_paths(void **state)
{
    static const char yaml[] = "name: wide\n"
                               "defaults: {link: {delay: 2ms}}\n"
                               "path:\n"
                               "  - {repeat: 3, router: {}}\n"
                               "  - ecmp: [[{}], [{}], [{}], [{}], [{}], [{}], [{}], [{}],\n"
                               "           [{}], [{}], [{}], [{}], [{}], [{}], [{}], [{}]]\n"
                               "  - {repeat: 2, router: {}}\n";
    struct scenario *scenario = simulated_scenario(yaml);
    unsigned whole = 0;
    uint64_t most = 0;
    /* the five hops that do not branch, the one that does, the one where the ways meet */
    uint64_t allowed =
        5 * mda_flows_needed(1, 99) + mda_flows_needed(16, 99) + 16 * mda_flows_needed(1, 99);

    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct trace_config config;
        struct simulated run;
        simulated_config(scenario, seed % 2 ? 4 : 6, seed, &config);
        config.protocol = (enum probe_protocol)(seed % 3);
        config.rounds = 1;
        config.multipath_percent = 99;
        simulated_run(scenario, &config, &run);
        whole += run.result.hops[3].nresponders == 16;
        most = run.result.searches > most ? run.result.searches : most;
        assert_true(run.result.searches <= allowed);
        assert_int_equal(run.wrong, 0);
        simulated_release(&run);
    }
    print_message("16 equal paths: all found in %u of 100 seeds, most probes %lu of %lu allowed\n",
                  whole, most, allowed);
    assert_true(whole >= 97);
    scenario_free(scenario);
}

/* Packets take a shorter and a longer way by turns: either is the length, and nothing is lost. */
static void test_ways_of_unequal_length(void **state)
{
    static const char yaml[] = "name: uneven\n"
                               "defaults: {link: {delay: 2ms}}\n"
                               "path:\n"
                               "  - {repeat: 2, router: {}}\n"
                               "  - {per-packet: true, ecmp: [[{}], [{}, {}]]}\n"
                               "  - {repeat: 2, router: {}}\n";
    struct scenario *scenario = simulated_scenario(yaml);

    (void)state;
    for (uint64_t seed = 1; seed <= 20; seed++) {
        struct trace_config config;
        struct simulated run;
        simulated_config(scenario, 4, seed, &config);
        config.rounds = 40;
        config.interval_ns = 100 * NS_PER_MS;
        simulated_run(scenario, &config, &run);
        assert_true(run.result.path_len == 6 || run.result.path_len == 7);
        for (size_t i = 0; i < run.result.nhops; i++) {
            assert_int_equal(run.result.hops[i].sent, run.result.hops[i].received);
            assert_true(run.result.hops[i].sent >= (i < 6 ? 40 : 20));
        }
        assert_null(simulated_finding(&run, TRACE_FINDING_LOSS));
        simulated_release(&run);
    }
    scenario_free(scenario);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hundred_thousand_probes),
        cmocka_unit_test(test_copies_overtaking_and_lateness_are_counted_apart),
        cmocka_unit_test(test_half_open_connections),
        cmocka_unit_test(test_one_round_takes_the_slowest_answer),
        cmocka_unit_test(test_silent_and_limited_hops_do_not_delay),
        cmocka_unit_test(test_dead_target),
        cmocka_unit_test(test_no_false_alarm),
        cmocka_unit_test(test_real_loss_names_its_hop),
        cmocka_unit_test(test_sixteen_equal_paths),
        cmocka_unit_test(test_ways_of_unequal_length),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
