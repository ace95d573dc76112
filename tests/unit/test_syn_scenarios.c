/*
 * Every built-in scenario with an expectation of `netdx syn`, over the simulator in virtual time,
 * IPv4 and IPv6: the outcome and the findings must be what the scenario expects in at least 99 of
 * 100 seeds, in all of them where nothing is to be found; no answer is matched to the wrong probe.
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
#include "tests/unit/simulated_syn.h"

#define SEEDS 100 /* odd ones IPv4, even ones IPv6 */
#define SAID  2   /* failures of an expectation that are told */

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

static void apply_range(struct syn_config *config, const char *range)
{
    unsigned first, last;

    assert_int_equal(sscanf(range, "%u-%u", &first, &last), 2);
    config->source_port = (uint16_t)first;
    config->source_ports = (uint16_t)(last - first + 1);
}

/* The options that scenarios use; an unknown one fails. */
static void apply(struct syn_config *config, struct syn_target *target, const char *option,
                  char **rest)
{
    if (strcmp(option, "--syn-profile") == 0) {
        config->compare = true;
        return;
    }
    const char *value = strtok_r(NULL, " ", rest);
    assert_non_null(value);
    if (strcmp(option, "-p") == 0)
        target->port = (uint16_t)strtoul(value, NULL, 10);
    else if (strcmp(option, "-c") == 0)
        config->count = (uint32_t)strtoul(value, NULL, 10);
    else if (strcmp(option, "--interval") == 0)
        assert_int_equal(timespan_parse(value, &config->interval_ns), 0);
    else if (strcmp(option, "--source-port") == 0)
        apply_range(config, value);
    else if (strcmp(option, "--options") == 0 && strcmp(value, "full") == 0)
        config->options = SYN_OPTIONS_FULL;
    else if (strcmp(option, "--ecn") == 0 && strcmp(value, "classic") == 0)
        config->ecn = SYN_ECN_CLASSIC;
    else
        fail_msg("option \"%s %s\" is new to this test", option, value);
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
                      const struct simulated_syn *run, bool say)
{
    const struct syn_target_result *result = &run->result.targets[0];
    const char *outcome = syn_outcome_name(result->outcome);
    unsigned wrong = 0;

    if (strcmp(expected->end, outcome) != 0) {
        wrong++;
        if (say)
            print_message("%s: ends with %s\n", where, outcome);
    }
    for (size_t i = 0; i < expected->nfindings; i++) {
        size_t j = 0;
        while (j < result->nfindings &&
               strcmp(expected->findings[i], syn_finding_id(result->findings[j].kind)) != 0)
            j++;
        wrong += j == result->nfindings;
        if (say && j == result->nfindings)
            print_message("%s: no %s\n", where, expected->findings[i]);
    }
    for (size_t i = 0; i < result->nfindings; i++) {
        const char *id = syn_finding_id(result->findings[i].kind);
        wrong += !listed(expected, id);
        if (say && !listed(expected, id))
            print_message("%s: %s, confidence %.2f\n", where, id, result->findings[i].confidence);
    }
    return wrong;
}

static bool check(const char *path, const struct scenario *scenario,
                  const struct scenario_expectation *expected, uint64_t seed, bool say)
{
    char *arguments = strdup(expected->arguments ? expected->arguments : ""), *rest = NULL;
    struct syn_config config;
    struct syn_target target;
    struct simulated_syn run;
    char where[256];

    simulated_syn_config(scenario, seed % 2 ? 4 : 6, seed, 0, &config, &target);
    config.reference = true;
    for (char *option = strtok_r(arguments, " ", &rest); option;
         option = strtok_r(NULL, " ", &rest))
        apply(&config, &target, option, &rest);
    simulated_syn_run(scenario, &config, &target, 1, NULL, &run);
    snprintf(where, sizeof(where), "%s (%s, seed %lu)", path,
             expected->arguments ? expected->arguments : "", seed);
    bool right = judge(where, expected, &run, say) == 0;
    assert_int_equal(run.wrong, 0);
    assert_int_equal(run.suspects, 0);
    assert_true(run.worst_rtt_error_ms == 0);
    simulated_syn_release(&run);
    free(arguments);
    return right;
}

/* `worst` becomes the least number of right seeds so far. */
static bool check_seeds(const char *path, const struct scenario *scenario,
                        const struct scenario_expectation *expected, unsigned *worst)
{
    unsigned right = 0, needed = expected->nfindings ? SEEDS - 1 : SEEDS;

    for (uint64_t seed = 1; seed <= SEEDS; seed++)
        right += check(path, scenario, expected, seed, seed - right <= SAID);
    if (right < needed)
        print_message("%s (%s): right in %u of %u\n", path, expected->arguments, right, SEEDS);
    if (right < *worst)
        *worst = right;
    return right >= needed;
}

static void test_builtin_scenarios(void **state)
{
    unsigned expectations = 0, failed = 0, worst = SEEDS;
    glob_t files;

    (void)state;
    assert_int_equal(glob("tools/scenarios/*.yaml", 0, NULL, &files), 0);
    for (size_t i = 0; i < files.gl_pathc; i++) {
        char *yaml = read_file(files.gl_pathv[i]);
        struct scenario *scenario = simulated_scenario(yaml);
        for (size_t e = 0; e < scenario->nexpectations; e++) {
            const struct scenario_expectation *expected = &scenario->expectations[e];
            if (strcmp(expected->command, "syn") != 0)
                continue;
            expectations++;
            failed += !check_seeds(files.gl_pathv[i], scenario, expected, &worst);
        }
        scenario_free(scenario);
        free(yaml);
    }
    globfree(&files);
    print_message("%u expectations, each right in at least %u of %u seeds\n", expectations, worst,
                  SEEDS);
    assert_true(expectations > 20);
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_builtin_scenarios),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
