/*
 * What SYN timing promises, proven over the simulator in virtual time against the simulator's own
 * log: matching, exact times, and silence where nothing is wrong.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/timespan.h"
#include "tests/unit/simulated.h"
#include "tests/unit/simulated_syn.h"

#define SEEDS 100

#define SERVER "server: {services: [{http: {port: 80}}, {http: {port: 443}}]}\n"

static void print_findings(const struct simulated_syn *run, uint64_t seed)
{
    for (size_t t = 0; t < run->result.ntargets; t++) {
        const struct syn_target_result *target = &run->result.targets[t];
        for (size_t i = 0; i < target->nfindings; i++)
            print_message("seed %lu, target %zu: %s, confidence %.2f, value %u, count %lu\n", seed,
                          t, syn_finding_id(target->findings[i].kind),
                          target->findings[i].confidence, target->findings[i].value,
                          target->findings[i].count);
    }
}

static void test_hundred_thousand_probes(void **state)
{
    static const char yaml[] = "name: noisy\n"
                               "defaults: {link: {delay: 2ms}}\n"
                               "path:\n"
                               "  - {link: {delay: 2ms, loss: 10%, duplicate: 5%, reorder: 5%,\n"
                               "            reorder-delay: 30ms}}\n"
                               "  - {repeat: 8, router: {}}\n" SERVER;
    struct scenario *scenario = simulated_scenario(yaml);
    static const uint32_t counts[] = {100000, 20000, 20000};

    (void)state;
    for (unsigned i = 0; i < 3; i++) {
        struct syn_config config;
        struct syn_target target;
        struct simulated_syn run;
        simulated_syn_config(scenario, i == 1 ? 6 : 4, 42 + i, 80, &config, &target);
        config.count = counts[i];
        config.interval_ns = 10 * NS_PER_MS;
        config.timeout_ns = NS_PER_SEC;
        config.repeats = i == 0 ? 0 : 2;
        config.repeat_ns = 100 * NS_PER_MS;
        config.source_ports = 64;
        config.reference = i == 2;
        config.options = i == 1 ? SYN_OPTIONS_BARE : SYN_OPTIONS_LINUX;
        simulated_syn_run(scenario, &config, &target, 1, NULL, &run);
        const struct syn_target_result *result = run.result.targets;
        print_message("%lu probes, %lu packets: %lu lost, %lu duplicated, %lu held back; %lu "
                      "matched wrongly of %lu answers: %lu with an RTT, %lu late; %lu copies, %lu "
                      "again\n",
                      result->sent, run.packets, run.lost, run.duplicated, run.reordered, run.wrong,
                      run.answers, run.measured, run.late, run.duplicates, run.again);
        print_findings(&run, config.seed);
        assert_int_equal(result->sent, counts[i]);
        assert_true(run.lost > 0 && run.duplicated > 0 && run.reordered > 0);
        assert_int_equal(run.wrong, 0);
        assert_int_equal(run.suspects, 0);
        assert_int_equal(run.second, 0);
        assert_true(run.worst_rtt_error_ms == 0);
        assert_true(run.measured > result->sent / 2);
        assert_int_equal(run.answers, result->answered);
        assert_int_equal(run.given_up, result->timed_out + run.late);
        simulated_syn_release(&run);
    }
    scenario_free(scenario);
}

static void test_healthy_paths_give_no_finding(void **state)
{
    static const char yaml[] = "name: healthy\n"
                               "defaults: {link: {delay: 5ms, jitter: 1ms}}\n"
                               "path: [{repeat: 6, router: {}}]\n" SERVER;
    struct scenario *scenario = simulated_scenario(yaml);
    unsigned alarms = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= SEEDS; seed++) {
        struct syn_config config;
        struct syn_target targets[2];
        struct simulated_syn run;
        simulated_syn_config(scenario, seed % 2 ? 4 : 6, seed, 443, &config, &targets[1]);
        simulated_syn_config(scenario, seed % 2 ? 4 : 6, seed, 80, &config, &targets[0]);
        config.count = 40;
        config.source_ports = seed % 3 ? 8 : 1;
        config.interval_ns = (seed % 3 ? 50 : 500) * NS_PER_MS;
        config.reference = seed % 5 != 0;
        config.compare = seed % 7 == 0;
        config.ecn = (enum syn_ecn)(seed % 3);
        simulated_syn_run(scenario, &config, targets, 2, NULL, &run);
        print_findings(&run, seed);
        alarms += run.result.targets[0].nfindings + run.result.targets[1].nfindings > 0;
        assert_int_equal(run.result.open, 80);
        assert_int_equal(run.wrong, 0);
        assert_int_equal(run.duplicates + run.again + run.second + run.suspects + run.late, 0);
        assert_true(run.worst_rtt_error_ms == 0);
        simulated_syn_release(&run);
    }
    scenario_free(scenario);
    assert_int_equal(alarms, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_hundred_thousand_probes),
        cmocka_unit_test(test_healthy_paths_give_no_finding),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
