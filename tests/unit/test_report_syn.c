#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/timespan.h"
#include "report/syn.h"
#include "report/syn_sweep.h"
#include "wire/icmp.h"

/* A target as a hostile file gives it: ESC, a right-to-left override, broken UTF-8, a quote. */
#define HOSTILE         "=x\033[2J\xe2\x80\xae\xff\"|,\n"
#define HOSTILE_ESCAPED "=x\\x1b[2J\\xe2\\x80\\xae\\xff\"|,\\x0a"

static struct syn_config config;
static struct syn_result totals;
static struct syn_target_result results[2];
static struct syn_finding findings[3];
static struct syn_flow flows[2];

static struct address address(const char *text)
{
    struct address a;

    assert_int_equal(address_parse(text, &a), 0);
    return a;
}

static void answer(struct syn_target_result *r, const double *ms, size_t count)
{
    stats_init(&r->rtt_ms);
    quantile_init(&r->rtt_ms_quantiles);
    for (size_t i = 0; i < count; i++) {
        stats_add(&r->rtt_ms, ms[i]);
        assert_int_equal(quantile_add(&r->rtt_ms_quantiles, ms[i]), 0);
    }
}

/* An open port with a slow flow, and an IPv6 one that is silent. */
static void setup(void)
{
    static const double ms[] = {10, 10.5, 40};

    syn_config_default(&config);
    config.source_port = 61000;
    config.source_ports = 4;
    config.warn_ms = 5;
    flows[0] = (struct syn_flow){61000, 2, 2, 0, 10, 10.25, 0};
    flows[1] = (struct syn_flow){61001, 0, 0, 0, NAN, NAN, 0};
    results[0] =
        (struct syn_target_result){.target = {address("10.0.0.2"), address("10.99.0.2"), 443},
                                   .sent = 4,
                                   .answered = 3,
                                   .open = 3,
                                   .timed_out = 1,
                                   .repeats_sent = 1,
                                   .answered_when_repeated = 1,
                                   .outcome = SYN_OPEN,
                                   .loss_pct = 25,
                                   .loss = {0.0456, 0.6994},
                                   .synack = {.samples = 3,
                                              .ttl = 61,
                                              .hops = 3,
                                              .window = 65160,
                                              .mss = 1460,
                                              .wscale = 7,
                                              .sack = true,
                                              .timestamps = true,
                                              .flags = TCP_SYN | TCP_ACK | TCP_ECE,
                                              .nkinds = 2,
                                              .kinds = {2, 4},
                                              .ja4ts = "65160_2-4-8-1-3_1460_7"},
                                   .nflows = 2,
                                   .flows = flows,
                                   .nfindings = 2,
                                   .findings = findings};
    results[1] = (struct syn_target_result){.target = {address("fd00::1"), address("fd00::2"), 80},
                                            .sent = 4,
                                            .timed_out = 4,
                                            .outcome = SYN_TIMED_OUT,
                                            .loss_pct = 100,
                                            .loss = {0.51, 1},
                                            .synack = {.wscale = -1},
                                            .nfindings = 1,
                                            .findings = &findings[2]};
    answer(&results[0], ms, 3);
    answer(&results[1], ms, 0);
    findings[0] = (struct syn_finding){
        .kind = SYN_FINDING_THRESHOLD, .severity = SYN_WARNING, .ms = 10.5, .loss_pct = NAN};
    findings[1] = (struct syn_finding){.kind = SYN_FINDING_SLOW_FLOWS,
                                       .severity = SYN_NOTICE,
                                       .ms = 30,
                                       .flows = 1,
                                       .flows_total = 4};
    findings[2] = (struct syn_finding){.kind = SYN_FINDING_TIMED_OUT, .severity = SYN_CRITICAL};
    totals = (struct syn_result){.sent = 8, .answered = 3, .repeats_sent = 1};
}

static void release(void)
{
    for (size_t i = 0; i < 2; i++)
        quantile_release(&results[i].rtt_ms_quantiles);
}

static struct report_syn make_run(void)
{
    return (struct report_syn){.config = &config,
                               .totals = &totals,
                               .privilege = "raw",
                               .method = "raw",
                               .start_unix_ns = INT64_C(1767323045678901234),
                               .elapsed_ns = 2500 * NS_PER_MS,
                               .achieved_pps = 10};
}

static struct report_syn_target make_target(size_t index, const char *host)
{
    return (struct report_syn_target){.text = "www.lab:443",
                                      .host = host,
                                      .config = &config,
                                      .result = &results[index],
                                      .measured_raw = true};
}

/* --- text ---------------------------------------------------------------------------------------
 */

static char *as_text(const struct report_syn *run, const struct report_syn_target *targets,
                     size_t count, const struct report_syn_text_options *options)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    assert_int_equal(report_syn_text(out, run, targets, count, options), 0);
    fclose(out);
    return text;
}

static void test_text_golden(void **state)
{
    const struct report_syn_text_options options = {0};
    struct report_syn run = make_run();
    struct report_syn_target targets[2];
    char *text;

    (void)state;
    setup();
    targets[0] = make_target(0, "www.lab");
    targets[1] = make_target(1, "fd00::2");
    text = as_text(&run, targets, 2, &options);
    assert_string_equal(
        text,
        "SYN to 2 addresses and ports, ports 61000 to 61003, linux options\n"
        "Target                    Sent  Open Refused  Lost%     Min     p50     p95     p99     "
        "Max   StDev\n"
        "www.lab:443 (10.99.0.2)      4     3       0  25.0%   10.00   10.50   40.00   40.00   "
        "40.00   17.18\n"
        "[fd00::2]:80                 4     0       0 100.0%       -       -       -       -       "
        "-       -\n"
        "warning: www.lab:443 (10.99.0.2): the median of 10.50 ms is over the threshold of 5 ms\n"
        "notice: www.lab:443 (10.99.0.2): one of four flows is 30.0 ms slower (1 of 4 source "
        "ports)\n"
        "critical: [fd00::2]:80: nothing answers: 4 SYNs met with silence\n"
        "8 SYNs sent and 1 repeated, 3 answered, 2.5 s\n");
    free(text);
    release();
}

static void test_text_of_one(void **state)
{
    const struct report_syn_text_options numeric = {.numeric = true};
    struct report_syn run = make_run();
    struct report_syn_target targets[2];
    char *text;

    (void)state;
    setup();
    targets[0] = make_target(0, "www.lab");
    targets[1] = (struct report_syn_target){.text = "b", .error_code = "dns.nxdomain"};
    text = as_text(&run, targets, 2, &numeric);
    assert_non_null(strstr(text, "SYN to 10.99.0.2:443, from 10.0.0.2, ports 61000 to 61003, "
                                 "linux options\n"));
    assert_non_null(strstr(text, "SYN-ACK: TTL 61 (3 hops), window 65160, MSS 1460, window scale "
                                 "7, SACK, timestamps, ECN; JA4TS 65160_2-4-8-1-3_1460_7\n"));
    assert_non_null(strstr(text, "\nwarning: the median"));
    assert_null(strstr(text, "www.lab"));
    free(text);
    release();
}

/* R16, R17: what our own side lost is said, and apart from the network's loss. */
static void test_text_own_losses(void **state)
{
    const struct report_syn_text_options options = {0};
    struct report_syn run = make_run();
    struct report_syn_target target;
    char *text;

    (void)state;
    setup();
    target = make_target(0, "www.lab");
    totals.pauses = 2;
    run.capture_dropped = 1;
    run.inconclusive = run.rate_missed = true;
    config.rate_pps = 1000;
    text = as_text(&run, &target, 1, &options);
    assert_non_null(strstr(text, "\nwarning: our own capture dropped 1 packet: part of the loss "
                                 "shown may be ours\n"));
    assert_non_null(strstr(text, "\nnote: the kernel had no room for a SYN 2 times; it was sent "
                                 "later\n"));
    assert_non_null(strstr(text, "\nnote: 1000 SYNs a second were asked for, 10 were achieved\n"));
    free(text);
    release();
}

/* Without the SYN-ACK itself nothing is said of it. */
static void test_unprivileged(void **state)
{
    const struct report_syn_text_options options = {.synack = true};
    struct report_syn run = make_run();
    struct report_syn_target target;
    char *text;

    (void)state;
    setup();
    target = make_target(0, "www.lab");
    target.measured_raw = false;
    run.privilege = "unprivileged";
    run.method = "connect";
    text = as_text(&run, &target, 1, &options);
    assert_non_null(strstr(text, ", unprivileged (connect)\n"));
    assert_null(strstr(text, "SYN-ACK"));
    free(text);
    release();
}

static void test_full_disk(void **state)
{
    const struct report_syn_text_options options = {0};
    struct report_syn run = make_run();
    struct report_syn_target target;
    FILE *full = fopen("/dev/full", "w");

    (void)state;
    if (!full)
        skip();
    setup();
    target = make_target(0, "www.lab");
    setvbuf(full, NULL, _IONBF, 0);
    assert_int_equal(report_syn_text(full, &run, &target, 1, &options), -ENOSPC);
    assert_int_equal(report_syn_json_begin(full, 0), -ENOSPC);
    assert_int_equal(report_syn_json_target(full, &target, true), -ENOSPC);
    assert_int_equal(report_syn_json_end(full, &run), -ENOSPC);
    assert_int_equal(report_syn_csv(full, &target), -ENOSPC);
    assert_int_equal(report_syn_target_event(full, &target), -ENOSPC);
    fclose(full);
    release();
}

/* --- JSON ---------------------------------------------------------------------------------------
 */

static json_t *load(char *text)
{
    json_error_t error;
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, &error);

    if (!value)
        print_error("%s: %s\n", error.text, text);
    assert_non_null(value);
    free(text);
    return value;
}

static json_t *as_json(const struct report_syn *run, const struct report_syn_target *targets,
                       size_t count)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    assert_int_equal(report_syn_json_begin(out, run->start_unix_ns), 0);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(report_syn_json_target(out, &targets[i], i == 0), 0);
    assert_int_equal(report_syn_json_end(out, run), 0);
    fclose(out);
    return load(text);
}

static const char *keys(const json_t *object)
{
    static char text[1024];
    void *i;

    text[0] = '\0';
    for (i = json_object_iter((json_t *)(uintptr_t)object); i;
         i = json_object_iter_next((json_t *)(uintptr_t)object, i))
        snprintf(text + strlen(text), sizeof(text) - strlen(text), "%s ", json_object_iter_key(i));
    return text;
}

static const char *string_of(const json_t *object, const char *key)
{
    return json_string_value(json_object_get(object, key));
}

static void test_json_shape(void **state)
{
    struct report_syn run = make_run();
    struct report_syn_target targets[2];
    json_t *document, *first, *second;

    (void)state;
    setup();
    targets[0] = make_target(0, "www.lab");
    targets[1] = make_target(1, NULL);
    document = as_json(&run, targets, 2);
    assert_string_equal(keys(document), "schema netdx start targets elapsed_ms interrupted "
                                        "privilege method probe counters rate inconclusive error ");
    assert_string_equal(string_of(document, "schema"), "netdx.syn/1");
    assert_string_equal(string_of(document, "start"), "2026-01-02T03:04:05.678901234Z");
    first = json_array_get(json_object_get(document, "targets"), 0);
    assert_string_equal(
        keys(first),
        "target address port source sent answered pending send_errors outcome outcomes loss_pct "
        "loss rtt_ms reference repeats_sent answered_when_repeated late duplicates suspects "
        "retransmitted_answers second_answers middlebox_answers synack flows findings error ");
    assert_string_equal(keys(json_object_get(first, "outcomes")),
                        "open refused timed_out unreachable ");
    assert_string_equal(keys(json_object_get(first, "rtt_ms")), "min p50 p95 p99 mean max stddev ");
    assert_string_equal(keys(json_object_get(first, "synack")),
                        "ttl hops window mss wscale sack timestamps fast_open ecn flags "
                        "option_kinds ja4ts ");
    assert_string_equal(string_of(json_object_get(first, "synack"), "ecn"), "classic");
    assert_int_equal(json_array_size(json_object_get(first, "flows")), 1); /* the one used */
    /* A silent target has no times and no SYN-ACK: null, not 0. */
    second = json_array_get(json_object_get(document, "targets"), 1);
    assert_true(json_is_null(json_object_get(json_object_get(second, "rtt_ms"), "p50")));
    assert_true(json_is_null(json_object_get(second, "synack")));
    assert_string_equal(string_of(second, "outcome"), "timed_out");
    json_decref(document);
    release();
}

/* R1: a target that is none, in every format. */
static void test_hostile(void **state)
{
    struct report_syn run = make_run();
    struct report_syn_target target = {
        .text = HOSTILE, .error_code = "target.invalid", .error_message = "target \"a,b\" is none"};
    json_t *document, *first;
    char *text = NULL;
    size_t len;
    FILE *out;

    (void)state;
    setup();
    document = as_json(&run, &target, 1);
    first = json_array_get(json_object_get(document, "targets"), 0);
    assert_string_equal(string_of(first, "target"), HOSTILE_ESCAPED);
    assert_true(json_is_null(json_object_get(first, "address")));
    assert_int_equal(json_array_size(json_object_get(first, "findings")), 0);
    assert_string_equal(string_of(json_object_get(first, "error"), "code"), "target.invalid");
    json_decref(document);
    out = open_memstream(&text, &len);
    assert_int_equal(report_syn_csv(out, &target), 0);
    fclose(out);
    assert_int_equal(strncmp(text, "\"'=x\\x1b[2J\\xe2\\x80\\xae\\xff\"\"|,\\x0a\",", 37), 0);
    assert_null(strchr(text, '\033'));
    free(text);
    release();
}

static char *event(const struct syn_observation *seen, bool given_up)
{
    const struct syn_target target = {address("10.0.0.2"), address("10.99.0.2"), 443};
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    if (given_up)
        assert_int_equal(report_syn_given_up_event(out, seen, &target, "www.lab", NS_PER_SEC), 0);
    else
        assert_int_equal(report_syn_event(out, seen, &target, "www.lab", NS_PER_SEC), 0);
    fclose(out);
    return text;
}

static void test_events(void **state)
{
    struct syn_observation seen = {.match = SYN_ANSWER,
                                   .outcome = SYN_OPEN,
                                   .probe = 7,
                                   .source_port = 61000,
                                   .sends = 1,
                                   .sent_ns = 1000,
                                   .received_ns = 2500,
                                   .rtt_ns = 1500,
                                   .reply_ttl = 61,
                                   .tcp_flags = TCP_SYN | TCP_ACK};
    char *text;

    (void)state;
    seen.responder = address("10.99.0.2");
    text = event(&seen, false);
    assert_string_equal(
        text,
        "{\"event\":\"answer\",\"host\":\"www.lab\",\"address\":\"10.99.0.2\",\"port\":443,"
        "\"probe\":7,\"source_port\":61000,\"sends\":1,\"sent\":\"1970-01-01T00:00:01.000001000Z\","
        "\"received\":\"1970-01-01T00:00:01.000002500Z\",\"outcome\":\"open\",\"rtt_ms\":0.0015,"
        "\"responder\":\"10.99.0.2\",\"reply_ttl\":61,\"late\":false,\"middlebox\":false,"
        "\"icmp_type\":null,\"icmp_code\":null,\"tcp_flags\":18}\n");
    free(text);
    seen.match = SYN_OUTGOING;
    text = event(&seen, false);
    assert_non_null(strstr(text, "{\"event\":\"sent\""));
    assert_non_null(strstr(text, "\"received\":null,\"outcome\":null,\"rtt_ms\":null"));
    free(text);
    seen.match = SYN_REFERENCE;
    text = event(&seen, false);
    assert_non_null(strstr(text, "{\"event\":\"reference\""));
    assert_non_null(strstr(text, "\"outcome\":null,\"rtt_ms\":0.0015"));
    free(text);
    seen.outcome = SYN_TIMED_OUT;
    text = event(&seen, true);
    assert_non_null(strstr(text, "{\"event\":\"given_up\""));
    assert_non_null(strstr(text, "\"outcome\":\"timed_out\"}\n"));
    free(text);
}

/* --- CSV ----------------------------------------------------------------------------------------
 */

/* Fields of a line by RFC 4180: commas in quotes do not count. */
static size_t fields(const char *line)
{
    bool quoted = false;
    size_t n = 1;

    for (; *line; line++) {
        if (*line == '"')
            quoted = !quoted;
        n += *line == ',' && !quoted;
    }
    return n;
}

static void test_csv(void **state)
{
    struct report_syn_target targets[3];
    char *text = NULL, *next, *line;
    size_t len, wanted, lines = 0;
    FILE *out = open_memstream(&text, &len);

    (void)state;
    setup();
    targets[0] = make_target(0, "www.lab");
    targets[1] = make_target(1, NULL);
    targets[2] = (struct report_syn_target){
        .text = "x", .error_code = "dns.timeout", .error_message = "target \"a,b\" is slow"};
    assert_int_equal(report_syn_csv_header(out), 0);
    for (size_t i = 0; i < 3; i++)
        assert_int_equal(report_syn_csv(out, &targets[i]), 0);
    fclose(out);
    assert_non_null(strstr(text, ",10.99.0.2,443,open,4,3,3,0,1,0,0,25,4.56,69.94,10.000000,"));
    assert_non_null(strstr(text, ",\"65160_2-4-8-1-3_1460_7\",syn.threshold path.ecmp_skew,,"));
    next = text;
    wanted = fields(strsep(&next, "\n"));
    while ((line = strsep(&next, "\n")) && *line) {
        assert_int_equal(fields(line), wanted);
        lines++;
    }
    assert_int_equal(lines, 3);
    free(text);
    release();
}

/* --- words --------------------------------------------------------------------------------------
 */

static void says(struct syn_finding finding, const char *wanted)
{
    char text[512], cut[8];

    setup();
    assert_int_equal(report_syn_finding(text, sizeof(text), &finding, &results[0], &config),
                     strlen(wanted));
    assert_string_equal(text, wanted);
    assert_int_equal(report_syn_finding(cut, sizeof(cut), &finding, &results[0], &config),
                     strlen(wanted));
    assert_int_equal(strlen(cut), sizeof(cut) - 1);
    release();
}

static void test_findings_in_words(void **state)
{
    (void)state;
    says(
        (struct syn_finding){
            .kind = SYN_FINDING_SLOW_FLOWS, .ms = 30.04, .flows = 4, .flows_total = 16},
        "one of four flows is 30.0 ms slower (4 of 16 source ports)");
    says(
        (struct syn_finding){
            .kind = SYN_FINDING_SLOW_FLOWS, .ms = 5, .flows = 3, .flows_total = 16},
        "3 of 16 flows are 5.0 ms slower");
    says((struct syn_finding){.kind = SYN_FINDING_DEAD_FLOWS, .flows = 4, .flows_total = 16},
         "every fourth flow is dropped (4 of 16 source ports)");
    says((struct syn_finding){.kind = SYN_FINDING_DEAD_FLOWS, .flows = 1, .flows_total = 16},
         "1 of 16 flows is dropped always");
    says((struct syn_finding){.kind = SYN_FINDING_BACKLOG},
         "1 of 3 SYNs were answered only when repeated: the accept queue overflows");
    says((struct syn_finding){.kind = SYN_FINDING_UNREACHABLE,
                              .address = address("10.0.4.1"),
                              .icmp_type = 3,
                              .icmp_code = 77},
         "10.0.4.1 says: ICMP type 3 code 77");
    says((struct syn_finding){.kind = SYN_FINDING_OPTIONS_STRIPPED,
                              .value = PROBE_TCP_SACK | PROBE_TCP_TIMESTAMPS},
         "TCP options are stripped on the way: SACK, timestamps");
    says((struct syn_finding){.kind = SYN_FINDING_SEND_ERRORS, .count = 1, .error = ENETUNREACH},
         "1 SYN could not be sent: Network is unreachable");
    says((struct syn_finding){.kind = SYN_FINDING_LOSS, .loss_pct = 4.1, .loss = {0.029, 0.058}},
         "loss 4.1 % (2.9 to 5.8 %) of SYNs that found no answer");
}

/* Every kind has a sentence of its own and not just its id. */
static void test_every_finding_has_words(void **state)
{
    char text[512];

    (void)state;
    setup();
    for (int kind = 0; kind <= SYN_FINDING_THRESHOLD; kind++) {
        struct syn_finding finding = {
            .kind = (enum syn_finding_kind)kind, .count = 2, .icmp_type = ICMP4_UNREACHABLE};

        assert_true(report_syn_finding(text, sizeof(text), &finding, &results[0], &config) > 10);
        assert_null(strstr(text, syn_finding_id(finding.kind)));
    }
    release();
}

static void line_says(const struct syn_observation *seen, bool given_up, const char *wanted)
{
    const struct syn_target target = {address("fd00::1"), address("fd00::2"), 443};
    char text[512];

    report_syn_line(text, sizeof(text), seen, &target, NULL, given_up);
    assert_string_equal(text, wanted);
}

static void test_live_lines(void **state)
{
    struct syn_observation seen = {.match = SYN_ANSWER,
                                   .outcome = SYN_OPEN,
                                   .probe = 2,
                                   .source_port = 61002,
                                   .sends = 1,
                                   .rtt_ns = 96213000,
                                   .reply_ttl = 61};

    (void)state;
    line_says(&seen, false, "[fd00::2]:443 SYN 3 from port 61002: open in 96.213 ms (TTL 61)");
    seen.sends = 2;
    seen.rtt_ns = -1;
    line_says(&seen, false,
              "[fd00::2]:443 SYN 3 from port 61002: open, after 1 repetition (TTL "
              "61)");
    seen.match = SYN_LATE;
    seen.sends = 1;
    seen.received_ns = 3200 * NS_PER_MS;
    line_says(&seen, false,
              "[fd00::2]:443 SYN 3 from port 61002: late: open after 3200.000 ms "
              "(TTL 61)");
    seen.outcome = SYN_TIMED_OUT;
    seen.match = SYN_FOREIGN;
    seen.sends = 3;
    line_says(&seen, true, "[fd00::2]:443 SYN 3 from port 61002: no answer, repeated 2 times");
    seen.match = SYN_OUTGOING;
    line_says(&seen, false, "");
}

/* --- sweeps -------------------------------------------------------------------------------------
 */

static void test_sweep(void **state)
{
    const struct sweep_counts counts = {.targets = 256,
                                        .asked = 200,
                                        .open = 2,
                                        .refused = 1,
                                        .unreachable = 1,
                                        .silent = 196,
                                        .sent = 200,
                                        .postponed = 1,
                                        .failed = 3,
                                        .errors = {{EPERM, 3}},
                                        .achieved_pps = 990,
                                        .interrupted = true};
    const struct report_sweep run = {
        .counts = &counts, .elapsed_ns = NS_PER_SEC, .rate_pps = 2000, .rate_missed = true};
    struct sweep_observation seen = {
        .answer = SWEEP_UNREACHABLE, .port = 80, .icmp_type = 3, .icmp_code = 1};
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    (void)state;
    seen.address = address("10.0.0.9");
    seen.responder = address("10.0.0.1");
    assert_int_equal(report_sweep_text(out, &seen), 0);
    seen.answer = SWEEP_SUSPECT;
    assert_int_equal(report_sweep_text(out, &seen), 0);
    seen.answer = SWEEP_OPEN;
    seen.address = address("fd00::9");
    assert_int_equal(report_sweep_text(out, &seen), 0);
    assert_int_equal(report_sweep_text_end(out, &run), 0);
    fclose(out);
    assert_string_equal(
        text, "10.0.0.9:80 host unreachable, says 10.0.0.1\n"
              "[fd00::9]:80 open\n"
              "warning: 3 SYNs could not be sent: Operation not permitted\n"
              "note: the kernel had no room for a SYN 1 time; it was sent later\n"
              "note: 2000 SYNs a second were asked for, 990 were achieved\n"
              "interrupted; 200 of 256 asked: 2 open, 1 refused, 1 unreachable, 196 silent; "
              "200 SYNs in 1.0 s, 990 a second\n");
    free(text);
}

static void test_sweep_json(void **state)
{
    const struct sweep_counts counts = {.targets = 2, .achieved_pps = NAN, .errors = {{EPERM, 3}}};
    const struct report_sweep run = {.counts = &counts};
    const struct sweep_observation seen = {.answer = SWEEP_REFUSED, .port = 80, .ttl = 60};
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    json_t *document, *first, *counters;

    (void)state;
    assert_int_equal(report_sweep_json_begin(out, 0), 0);
    assert_int_equal(report_sweep_json(out, &seen, true), 0);
    assert_int_equal(report_sweep_json_end(out, &run), 0);
    fclose(out);
    document = load(text);
    assert_string_equal(keys(document), "schema netdx start targets elapsed_ms interrupted "
                                        "privilege method counters rate inconclusive error ");
    first = json_array_get(json_object_get(document, "targets"), 0);
    assert_string_equal(string_of(first, "outcome"), "refused");
    counters = json_object_get(document, "counters");
    assert_int_equal(json_array_size(json_object_get(counters, "errors")), 1);
    assert_true(json_is_null(json_object_get(json_object_get(document, "rate"), "achieved_pps")));
    json_decref(document);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_golden),
        cmocka_unit_test(test_text_of_one),
        cmocka_unit_test(test_text_own_losses),
        cmocka_unit_test(test_unprivileged),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_json_shape),
        cmocka_unit_test(test_hostile),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_findings_in_words),
        cmocka_unit_test(test_every_finding_has_words),
        cmocka_unit_test(test_live_lines),
        cmocka_unit_test(test_sweep),
        cmocka_unit_test(test_sweep_json),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
