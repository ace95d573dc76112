/*
 * One fault at a time over the simulator, in many seeds: its own finding comes up in at least 99
 * of 100, and no other one does.
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
#include "wire/icmp.h"

#define SEEDS 100
#define NONE  ((enum syn_finding_kind) - 1)

struct row {
    const char *name;
    const char *path;     /* YAML: of elements behind six routers */
    const char *services; /* YAML */
    const char *server;   /* YAML: of the host's other fields, each followed by a comma */
    enum syn_finding_kind kind;
    enum syn_finding_kind also; /* may come with it */
    enum syn_outcome outcome;
    uint32_t count; /* 0: 20 */
    int64_t interval_ms;
    uint16_t ports;
    bool reference, compare, no_kernel;
    enum syn_options options;
    enum syn_ecn ecn;
    uint32_t value; /* of the finding; 0: any */
    bool (*check)(const struct syn_target_result *result, const struct syn_finding *finding);
};

static bool is_a_quarter(const struct syn_target_result *result, const struct syn_finding *finding)
{
    (void)result;
    return finding->flows >= 1 && finding->flows < finding->flows_total;
}

static bool is_slower(const struct syn_target_result *result, const struct syn_finding *finding)
{
    for (size_t i = 0; i < result->nflows; i++) {
        bool slow = result->flows[i].rtt_min_ms > 100;
        if (slow != (result->flows[i].cluster > 0))
            return false;
    }
    return finding->ms > 25 && finding->ms < 65;
}

static bool is_prohibited(const struct syn_target_result *result, const struct syn_finding *finding)
{
    bool six = result->target.destination.family == 6;

    return finding->icmp_type == (six ? ICMP6_UNREACHABLE : ICMP4_UNREACHABLE) &&
           finding->icmp_code == (six ? ICMP6_ADMIN_PROHIBITED : ICMP4_ADMIN_PROHIBITED) &&
           !address_equal(&finding->address, &result->target.destination);
}

static bool is_all_repeated(const struct syn_target_result *result,
                            const struct syn_finding *finding)
{
    return result->answered_when_repeated == result->sent && finding->count == result->sent &&
           result->rtt_ms.max < 500; /* of the second copies, not of the first */
}

static bool has_gaps(const struct syn_target_result *result, const struct syn_finding *finding)
{
    (void)finding;
    return strcmp(strrchr(result->synack.ja4ts, '_'), "_1-2-4-8") == 0;
}

static const struct row rows[] = {
    {.name = "healthy", .kind = NONE, .also = NONE, .reference = true},
    {.name = "healthy, much jitter",
     .path = "{link: {delay: 30ms, jitter: 20ms}}",
     .kind = NONE,
     .also = NONE,
     .reference = true,
     .ports = 16,
     .count = 320,
     .interval_ms = 30},
    {.name = "healthy, equal paths",
     .path = "{ecmp: [[{}, {}], [{}, {}], [{}, {}]]}",
     .kind = NONE,
     .also = NONE,
     .reference = true,
     .ports = 16,
     .count = 160,
     .interval_ms = 64},
    {.name = "healthy, out of order",
     .path = "{link: {delay: 5ms, duplicate: 5%, reorder: 5%, reorder-delay: 30ms}}",
     .kind = NONE,
     .also = NONE,
     .reference = true,
     .ports = 16,
     .count = 320,
     .interval_ms = 32},
    {.name = "healthy, one port in step",
     .kind = NONE,
     .also = NONE,
     .ports = 1,
     .count = 300,
     .interval_ms = 128},
    {.name = "healthy, NAT",
     .path = "{nat: {}}, {}",
     .kind = NONE,
     .also = NONE,
     .reference = true,
     .compare = true,
     .count = 40},
    {.name = "healthy, no echo",
     .server = "echo: silent, ",
     .kind = NONE,
     .also = NONE,
     .reference = true,
     .compare = true},
    {.name = "refused",
     .services = "http: {port: 81}",
     .kind = SYN_FINDING_REFUSED,
     .outcome = SYN_REFUSED,
     .reference = true},
    {.name = "filtered",
     .path = "{filters: [{action: drop, protocol: tcp}]}",
     .kind = SYN_FINDING_TIMED_OUT,
     .outcome = SYN_TIMED_OUT,
     .reference = true},
    {.name = "dead",
     .server = "dead: true, ",
     .kind = SYN_FINDING_TIMED_OUT,
     .outcome = SYN_TIMED_OUT,
     .reference = true},
    {.name = "no route",
     .path = "{unreachable: host}",
     .kind = SYN_FINDING_UNREACHABLE,
     .outcome = SYN_UNREACHABLE},
    {.name = "rejected by ICMP",
     .path = "{filters: [{action: reject, protocol: tcp}]}",
     .kind = SYN_FINDING_PORT_REJECTED,
     .outcome = SYN_UNREACHABLE,
     .check = is_prohibited},
    {.name = "rejected by a forged RST",
     .path = "{filters: [{action: reset, protocol: tcp}]}, {repeat: 2, router: {}}",
     .kind = SYN_FINDING_PORT_REJECTED,
     .outcome = SYN_REFUSED,
     .reference = true,
     .value = 3},
    {.name = "loss",
     .path = "{link: {delay: 5ms, loss: 20%}}",
     .kind = SYN_FINDING_LOSS,
     .count = 60,
     .outcome = SYN_OPEN,
     .reference = true},
    {.name = "loss without echo",
     .path = "{link: {delay: 5ms, loss: 20%}}",
     .server = "echo: silent, ",
     .kind = SYN_FINDING_LOSS,
     .count = 60,
     .outcome = SYN_OPEN,
     .reference = true},
    {.name = "busy backlog",
     .services = "http: {port: 80, backlog: busy}",
     .kind = SYN_FINDING_BACKLOG,
     .outcome = SYN_OPEN,
     .reference = true,
     .check = is_all_repeated},
    {.name = "busy backlog without echo",
     .services = "http: {port: 80, backlog: busy}",
     .server = "echo: silent, ",
     .kind = SYN_FINDING_BACKLOG,
     .outcome = SYN_OPEN,
     .reference = true,
     .check = is_all_repeated},
    {.name = "busy backlog on a lossy path",
     .path = "{link: {delay: 5ms, loss: 3%}}",
     .services = "http: {port: 80, backlog: busy}",
     .kind = SYN_FINDING_BACKLOG,
     .also = SYN_FINDING_LOSS,
     .count = 60,
     .outcome = SYN_OPEN,
     .reference = true},
    {.name = "full backlog",
     .services = "http: {port: 80, backlog: full}",
     .kind = SYN_FINDING_TIMED_OUT,
     .outcome = SYN_TIMED_OUT},
    {.name = "SYN cookies",
     .services = "http: {port: 80, syn-cookies: true}",
     .kind = SYN_FINDING_COOKIES,
     .ports = 1,
     .outcome = SYN_OPEN},
    {.name = "SYN cookies, ports rotate",
     .services = "http: {port: 80, syn-cookies: true}",
     .kind = SYN_FINDING_COOKIES,
     .ports = 4,
     .count = 20,
     .outcome = SYN_OPEN},
    {.name = "SYN cookies, no timestamps",
     .services = "http: {port: 80, syn-cookies: true, without: [timestamps]}",
     .kind = SYN_FINDING_OPTIONS_STRIPPED,
     .compare = true,
     .outcome = SYN_OPEN},
    {.name = "SYN cookies compared",
     .services = "http: {port: 80, syn-cookies: true}",
     .kind = SYN_FINDING_COOKIES,
     .compare = true,
     .ports = 4,
     .count = 40,
     .outcome = SYN_OPEN},
    {.name = "stripped options",
     .services = "http: {port: 80, without: [sack, wscale, timestamps]}",
     .kind = SYN_FINDING_OPTIONS_STRIPPED,
     .value = PROBE_TCP_SACK | PROBE_TCP_WSCALE | PROBE_TCP_TIMESTAMPS,
     .outcome = SYN_OPEN},
    {.name = "clamped MSS",
     .services = "http: {port: 80, mss: 1360}",
     .kind = SYN_FINDING_MSS_CLAMPED,
     .value = 1360,
     .outcome = SYN_OPEN},
    {.name = "small window",
     .services = "http: {port: 80, window: 512}",
     .kind = SYN_FINDING_SMALL_WINDOW,
     .value = 512,
     .outcome = SYN_OPEN},
    {.name = "answers from elsewhere",
     .services = "http: {port: 80, ttl: 61}",
     .kind = SYN_FINDING_TTL_MISMATCH,
     .value = 3,
     .reference = true,
     .outcome = SYN_OPEN},
    {.name = "ECN refused",
     .services = "http: {port: 80, ecn: ignored}",
     .kind = SYN_FINDING_ECN_REFUSED,
     .ecn = SYN_ECN_CLASSIC,
     .outcome = SYN_OPEN},
    {.name = "accurate ECN refused",
     .services = "http: {port: 80, ecn: ignored}",
     .kind = SYN_FINDING_ECN_REFUSED,
     .ecn = SYN_ECN_ACCURATE,
     .outcome = SYN_OPEN},
    {.name = "accurate ECN",
     .services = "http: {port: 80, ecn: accurate}",
     .kind = NONE,
     .ecn = SYN_ECN_ACCURATE,
     .outcome = SYN_OPEN},
    {.name = "classic ECN answers accurate",
     .kind = NONE,
     .ecn = SYN_ECN_ACCURATE,
     .outcome = SYN_OPEN},
    {.name = "fast open ignored",
     .kind = SYN_FINDING_FAST_OPEN_IGNORED,
     .options = SYN_OPTIONS_FULL,
     .outcome = SYN_OPEN},
    {.name = "fast open",
     .services = "http: {port: 80, fast-open: true}",
     .kind = NONE,
     .options = SYN_OPTIONS_FULL,
     .outcome = SYN_OPEN},
    {.name = "bare options", .kind = NONE, .options = SYN_OPTIONS_BARE, .outcome = SYN_OPEN},
    {.name = "half-open connections stay",
     .path = "{filters: [{action: drop, protocol: tcp, established: true}]}",
     .services = "http: {port: 80, synack-retries: 4}",
     .kind = SYN_FINDING_RETRANSMITTED,
     .outcome = SYN_OPEN,
     .count = 40,
     .interval_ms = 1000,
     .check = has_gaps},
    {.name = "one of four paths is slower",
     .path = "{ecmp: [[{}], [{}], [{}], [{link: {delay: 35ms}}]]}",
     .kind = SYN_FINDING_SLOW_FLOWS,
     .outcome = SYN_OPEN,
     .ports = 16,
     .count = 160,
     .interval_ms = 20,
     .check = is_slower},
    {.name = "one of four paths drops",
     .path = "{ecmp: [[{}], [{}], [{}], [{blackhole: true}]]}",
     .kind = SYN_FINDING_DEAD_FLOWS,
     .outcome = SYN_OPEN,
     .ports = 32,
     .count = 320,
     .interval_ms = 20,
     .check = is_a_quarter},
    {.name = "nobody resets but the run", .kind = NONE, .no_kernel = true, .outcome = SYN_OPEN},
};

static struct scenario *row_scenario(const struct row *row)
{
    char yaml[1024];

    snprintf(yaml, sizeof(yaml),
             "name: row\n"
             "defaults: {link: {delay: 5ms, jitter: 500us}}\n"
             "path: [{repeat: 6, router: {}}%s%s]\n"
             "server: {%sservices: [{%s}]}\n",
             row->path ? ", " : "", row->path ? row->path : "", row->server ? row->server : "",
             row->services ? row->services : "http: {port: 80}");
    return simulated_scenario(yaml);
}

static void row_run(const struct row *row, const struct scenario *scenario, uint64_t seed,
                    struct simulated_syn *run)
{
    struct simulated_syn_options options = {.no_kernel = row->no_kernel};
    struct syn_config config;
    struct syn_target target;

    simulated_syn_config(scenario, seed % 2 ? 4 : 6, seed, 80, &config, &target);
    config.count = row->count ? row->count : 20;
    config.interval_ns = (row->interval_ms ? row->interval_ms : 200) * NS_PER_MS;
    config.source_ports = row->ports;
    config.reference = row->reference;
    config.compare = row->compare;
    config.options = row->options;
    config.ecn = row->ecn;
    simulated_syn_run(scenario, &config, &target, 1, &options, run);
    assert_int_equal(run->wrong, 0);
    assert_true(run->worst_rtt_error_ms == 0);
}

/* True: the row's finding and, at most, the one that may come with it. */
static bool row_holds(const struct row *row, const struct simulated_syn *run)
{
    const struct syn_target_result *result = &run->result.targets[0];
    enum syn_outcome outcome = row->outcome ? row->outcome : SYN_OPEN;
    bool found = row->kind == NONE, others = false;

    for (size_t i = 0; i < result->nfindings; i++) {
        const struct syn_finding *finding = &result->findings[i];
        if (finding->kind != row->kind) {
            others = others || !row->also || finding->kind != row->also;
            continue;
        }
        found = (row->value == 0 || row->value == finding->value) &&
                (!row->check || row->check(result, finding)) && finding->confidence > 0.5 &&
                finding->confidence <= 1;
    }
    return found && !others && result->outcome == outcome;
}

static void row_complain(const struct row *row, const struct simulated_syn *run, uint64_t seed)
{
    const struct syn_target_result *result = &run->result.targets[0];

    print_message("%s, seed %lu: %s, %lu of %lu answered, %lu when repeated, ja4ts %s\n", row->name,
                  seed, syn_outcome_name(result->outcome), result->answered, result->sent,
                  result->answered_when_repeated, result->synack.ja4ts);
    for (size_t i = 0; i < result->nfindings; i++) {
        const struct syn_finding *finding = &result->findings[i];
        print_message("  %s: confidence %.2f, value %u, count %lu, flows %u of %u, %.1f ms\n",
                      syn_finding_id(finding->kind), finding->confidence, finding->value,
                      finding->count, finding->flows, finding->flows_total, finding->ms);
    }
}

static void test_every_fault_and_no_other(void **state)
{
    unsigned failed = 0;

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct scenario *scenario = row_scenario(&rows[i]);
        unsigned held = 0;
        for (uint64_t seed = 1; seed <= SEEDS; seed++) {
            struct simulated_syn run;
            row_run(&rows[i], scenario, seed, &run);
            bool holds = row_holds(&rows[i], &run);
            held += holds;
            if (!holds && seed - held <= 3)
                row_complain(&rows[i], &run, seed);
            simulated_syn_release(&run);
        }
        bool enough = held >= (rows[i].kind == NONE ? SEEDS : SEEDS - 1);
        print_message("%-32s %u of %u%s\n", rows[i].name, held, SEEDS, enough ? "" : "  FAILED");
        failed += !enough;
        scenario_free(scenario);
    }
    assert_int_equal(failed, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_every_fault_and_no_other),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
