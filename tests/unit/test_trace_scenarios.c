/*
 * Every built-in scenario, traced over the simulator in virtual time, IPv4 and IPv6: the end and
 * the findings must be what the scenario expects, and no answer matched to the wrong probe.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>
#include <glob.h>

#include "base/timespan.h"
#include "tests/unit/simulated.h"

#define SEEDS 4 /* odd ones IPv4, even ones IPv6 */

static char *read_file(const char *path)
{
    FILE *file = fopen(path, "r");
    char *text = NULL;
    size_t size = 0;

    if (!file || getdelim(&text, &size, '\0', file) < 0)
        fail_msg("%s: cannot be read (run from the top directory)", path);
    fclose(file);
    return text;
}

static int64_t duration(const char *text)
{
    int64_t ns = 0;

    assert_int_equal(timespan_parse(text, &ns), 0);
    return ns;
}

/* The options that scenarios use; an unknown one fails. */
static void apply(struct trace_config *config, char *option, char **rest)
{
    if (strcmp(option, "-T") == 0)
        config->protocol = PROBE_TCP;
    else if (strcmp(option, "-U") == 0)
        config->protocol = PROBE_UDP;
    else if (strcmp(option, "--mtu") == 0)
        config->find_mtu = true;
    else if (strcmp(option, "--multipath") == 0)
        config->multipath_percent = 95;
    else if (strcmp(option, "-c") == 0)
        config->rounds = (uint32_t)strtoul(strtok_r(NULL, " ", rest), NULL, 10);
    else if (strcmp(option, "-p") == 0)
        config->destination_port = (uint16_t)strtoul(strtok_r(NULL, " ", rest), NULL, 10);
    else if (strcmp(option, "--dscp") == 0)
        config->dscp = (uint8_t)strtoul(strtok_r(NULL, " ", rest), NULL, 10);
    else if (strcmp(option, "--interval") == 0)
        config->interval_ns = duration(strtok_r(NULL, " ", rest));
    else
        fail_msg("option \"%s\" is new to this test", option);
}

static bool listed(const struct scenario_expectation *expected, const char *id)
{
    for (size_t i = 0; i < expected->nfindings; i++) {
        if (strcmp(expected->findings[i], id) == 0)
            return true;
    }
    return false;
}

static unsigned judge(const char *where, const struct scenario_expectation *expected,
                      const struct simulated *run)
{
    const struct trace_result *result = &run->result;
    unsigned wrong = 0;

    if (run->wrong)
        wrong += (unsigned)printf("%s: %lu answers matched wrongly\n", where, run->wrong);
    if (run->suspects)
        wrong += (unsigned)printf("%s: %lu suspects\n", where, run->suspects);
    if (run->worst_rtt_error_ms > 0)
        wrong += (unsigned)printf("%s: RTT off by %g ms\n", where, run->worst_rtt_error_ms);
    if (expected->end && strcmp(expected->end, trace_end_name(result->end)) != 0)
        wrong += (unsigned)printf("%s: ends with %s\n", where, trace_end_name(result->end));
    for (size_t i = 0; expected->findings && i < expected->nfindings; i++) {
        size_t j = 0;
        while (j < result->nfindings &&
               strcmp(expected->findings[i], trace_finding_id(result->findings[j].kind)) != 0)
            j++;
        if (j == result->nfindings)
            wrong += (unsigned)printf("%s: no %s\n", where, expected->findings[i]);
    }
    for (size_t i = 0; expected->findings && i < result->nfindings; i++) {
        const struct trace_finding *finding = &result->findings[i];
        if (!listed(expected, trace_finding_id(finding->kind)))
            wrong += (unsigned)printf("%s: %s at %u\n", where, trace_finding_id(finding->kind),
                                      finding->ttl);
    }
    return wrong;
}

static unsigned check(const char *path, const struct scenario *scenario,
                      const struct scenario_expectation *expected, int family, uint64_t seed)
{
    struct trace_config config;
    struct simulated run;
    char where[256], *rest = NULL;
    char *arguments = strdup(expected->arguments ? expected->arguments : "");

    simulated_config(scenario, family, seed, &config);
    for (char *option = strtok_r(arguments, " ", &rest); option;
         option = strtok_r(NULL, " ", &rest))
        apply(&config, option, &rest);
    free(arguments);
    snprintf(where, sizeof(where), "%s IPv%d \"%s\" seed %lu", strrchr(path, '/') + 1, family,
             expected->arguments ? expected->arguments : "", seed);
    simulated_run(scenario, &config, &run);
    unsigned wrong = judge(where, expected, &run);
    simulated_release(&run);
    return wrong;
}

static void test_builtin_scenarios(void **state)
{
    glob_t files;
    unsigned wrong = 0, runs = 0;

    (void)state;
    assert_int_equal(glob("tools/scenarios/*.yaml", 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        char *yaml = read_file(files.gl_pathv[i]);
        struct scenario *scenario = simulated_scenario(yaml);
        for (size_t e = 0; e < scenario->nexpectations; e++) {
            if (strcmp(scenario->expectations[e].command, "trace") != 0)
                continue;
            for (uint64_t seed = 1; seed <= SEEDS; seed++) {
                wrong += check(files.gl_pathv[i], scenario, &scenario->expectations[e],
                               seed % 2 ? 4 : 6, seed);
                runs++;
            }
        }
        scenario_free(scenario);
        free(yaml);
    }
    globfree(&files);
    print_message("%u runs\n", runs);
    assert_true(runs >= 45 * SEEDS);
    assert_int_equal(wrong, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_builtin_scenarios),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
