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
#include "report/trace.h"
#include "wire/icmp.h"

/* A name as a hostile resolver gives it: ESC, a right-to-left override, broken UTF-8, a quote. */
#define HOSTILE         "=x\033[2J\xe2\x80\xae\xff\"|,\n"
#define HOSTILE_ESCAPED "=x\\x1b[2J\\xe2\\x80\\xae\\xff\"|,\\x0a"

static struct trace_responder responders[3];
static struct trace_hop hops[3];
static struct trace_finding findings[2];

static struct address address(const char *text)
{
    struct address a;

    assert_int_equal(address_parse(text, &a), 0);
    return a;
}

static void answer(struct trace_responder *r, const char *from, const double *ms, size_t count)
{
    *r = (struct trace_responder){.address = address(from), .received = count, .is_icmp = true};
    stats_init(&r->rtt_ms);
    quantile_init(&r->rtt_ms_quantiles);
    for (size_t i = 0; i < count; i++) {
        stats_add(&r->rtt_ms, ms[i]);
        assert_int_equal(quantile_add(&r->rtt_ms_quantiles, ms[i]), 0);
    }
}

/* Two routers at hop 1, a silent hop 2, the target with a quarter of the answers missing. */
static struct trace_result make_result(void)
{
    static const double first[] = {1.5, 2.5}, other[] = {4}, last[] = {10, 20, 30};

    answer(&responders[0], "10.0.1.1", first, 2);
    answer(&responders[1], "10.0.1.2", other, 1);
    answer(&responders[2], "10.99.0.2", last, 3);
    responders[0].icmp_type = ICMP4_TIME_EXCEEDED;
    responders[0].extensions = (struct icmp_extensions){
        .present = true, .checksum_ok = true, .nmpls = 1, .mpls = {{24001, 0, true, 1}}};
    responders[0].nchanges = 1;
    responders[0].changes[0] =
        (struct trace_change){.kind = TRACE_CHANGED_DSCP, .before = 46, .after = 0};
    responders[2].is_target = true;
    hops[0] = (struct trace_hop){.ttl = 1,
                                 .sent = 4,
                                 .received = 3,
                                 .pending = 1,
                                 .nresponders = 2,
                                 .responders = &responders[0],
                                 .loss = {0, 0.562}};
    hops[1] = (struct trace_hop){
        .ttl = 2, .sent = 4, .loss_pct = 100, .loss = {0.51, 1}, .verdict = TRACE_LOSS_SILENT};
    hops[2] = (struct trace_hop){.ttl = 3,
                                 .sent = 4,
                                 .received = 3,
                                 .nresponders = 1,
                                 .responders = &responders[2],
                                 .loss_pct = 25,
                                 .loss = {0.0456, 0.6994},
                                 .verdict = TRACE_LOSS_TOO_FEW,
                                 .rtt_ms = responders[2].rtt_ms};
    hops[0].rtt_ms = responders[0].rtt_ms;
    findings[0] = (struct trace_finding){
        .kind = TRACE_FINDING_SILENT, .severity = TRACE_NOTE, .ttl = 2, .ttl_last = 2};
    findings[1] =
        (struct trace_finding){.kind = TRACE_FINDING_TOO_FEW, .severity = TRACE_NOTE, .ttl = 3};
    struct trace_result r = {.end = TRACE_END_REACHED,
                             .reached = true,
                             .path_len = 3,
                             .rounds = 4,
                             .sent = 12,
                             .received = 6,
                             .nhops = 3,
                             .hops = hops,
                             .nfindings = 2,
                             .findings = findings};
    trace_config_default(&r.config);
    r.config.source = address("10.0.0.2");
    r.config.destination = address("10.99.0.2");
    r.config.size = 60;
    r.end_ttl = 3;
    r.end_address = r.config.destination;
    return r;
}

static void release(void)
{
    for (size_t i = 0; i < 3; i++)
        quantile_release(&responders[i].rtt_ms_quantiles);
}

static const char *hostile_name(void *context, const struct address *a)
{
    struct address first = address("10.0.1.1");

    (void)context;
    return address_equal(a, &first) ? HOSTILE : NULL;
}

static struct report_trace make_report(const struct trace_result *result)
{
    return (struct report_trace){.target = "www.lab",
                                 .result = result,
                                 .privilege = "raw",
                                 .method = "raw",
                                 .elapsed_ns = 2500 * NS_PER_MS,
                                 .start_unix_ns = INT64_C(1767323045678901234)};
}

/* --- text ---------------------------------------------------------------------------------------
 */

static char *as_text(const struct report_trace *report, const struct report_text_options *options)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    assert_int_equal(report_trace_text(out, report, options), 0);
    fclose(out);
    return text;
}

static void test_text_golden(void **state)
{
    struct trace_result result = make_result();
    struct report_trace report = make_report(&result);
    const struct report_text_options options = {0};
    char *text = as_text(&report, &options);

    (void)state;
    assert_string_equal(
        text, "trace to www.lab (10.99.0.2), ICMP, from 10.0.0.2, 60-byte packets\n"
              " Hop Host              Loss%   Snt    Last     Avg    Best    Wrst   StDev\n"
              "  1. 10.0.1.1           0.0%     4    2.50    2.00    1.50    2.50    0.71\n"
              "      [MPLS: label 24001 tc 0 ttl 1]\n"
              "      [changed: dscp 46 to 0]\n"
              "     10.0.1.2                         4.00    4.00    4.00    4.00       -\n"
              "  2. no answer        100.0%     4       -       -       -       -       -\n"
              "  3. 10.99.0.2         25.0%     4   30.00   20.00   10.00   30.00   10.00\n"
              "note: hop 2 never answers; what is behind does\n"
              "note: too few probes to tell loss from chance at hop 3\n"
              "reached 10.99.0.2 at hop 3\n");
    free(text);
    release();
}

static void test_text_columns(void **state)
{
    struct trace_result result = make_result();
    struct report_trace report = make_report(&result);
    const struct report_text_options options = {.columns = "DRGJM", .live = true};
    char *text = as_text(&report, &options);

    (void)state;
    assert_non_null(strstr(text, "  Drop   Rcv   Gmean    Jttr    Javg\n"));
    assert_non_null(strstr(text, "  3. 10.99.0.2            1     3   18.17   10.00   10.00\n"));
    assert_null(strstr(text, "reached"));
    free(text);
    release();
}

/* R1, R2 */
static void test_text_hostile(void **state)
{
    struct trace_result result = make_result();
    struct report_trace report = make_report(&result);
    const struct report_text_options options = {.width = 120};
    const struct report_text_options numeric = {.numeric = true};
    char *text;

    (void)state;
    report.target = HOSTILE;
    report.names.name = hostile_name;
    text = as_text(&report, &options);
    assert_null(strchr(text, '\033'));
    assert_null(strstr(text, "\xe2\x80\xae"));
    assert_null(strchr(text, '\xff'));
    assert_non_null(strstr(text, "1. " HOSTILE_ESCAPED " (10.0.1.1)"));
    assert_non_null(strstr(text, "trace to " HOSTILE_ESCAPED " (10.99.0.2)"));
    free(text);
    text = as_text(&report, &numeric);
    assert_non_null(strstr(text, "1. 10.0.1.1 "));
    free(text);
    release();
}

static void test_text_fits_the_width(void **state)
{
    struct trace_result result = make_result();
    struct report_trace report = make_report(&result);
    const struct report_text_options options = {.width = 80, .live = true};
    char *text, *line, *next;

    (void)state;
    report.names.name = hostile_name;
    text = next = as_text(&report, &options);
    while ((line = strsep(&next, "\n")))
        assert_true(strlen(line) <= 80);
    free(text);
    release();
}

static void test_full_disk(void **state)
{
    struct trace_result result = make_result();
    struct report_trace report = make_report(&result);
    const struct report_text_options options = {0};
    FILE *full = fopen("/dev/full", "w");

    (void)state;
    if (!full) {
        release();
        skip();
    }
    setvbuf(full, NULL, _IONBF, 0);
    assert_int_equal(report_trace_text(full, &report, &options), -ENOSPC);
    assert_int_equal(report_trace_json(full, &report), -ENOSPC);
    assert_int_equal(report_trace_csv(full, &report), -ENOSPC);
    assert_int_equal(report_trace_mtr_json(full, &report, false), -ENOSPC);
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

static json_t *as_json(const struct report_trace *report)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    assert_int_equal(report_trace_json(out, report), 0);
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

static void test_json_shape(void **state)
{
    struct trace_result result = make_result();
    struct report_trace report = make_report(&result);
    json_t *document = as_json(&report), *hop, *responder;

    (void)state;
    assert_string_equal(
        keys(document),
        "schema netdx start elapsed_ms interrupted privilege method target protocol "
        "source probe counters path_length path_mtu end hops findings error ");
    assert_string_equal(json_string_value(json_object_get(document, "start")),
                        "2026-01-02T03:04:05.678901234Z");
    assert_true(json_is_null(json_object_get(document, "error")));
    assert_true(json_is_null(json_object_get(document, "path_mtu")));
    hop = json_array_get(json_object_get(document, "hops"), 0);
    assert_string_equal(keys(hop), "ttl sent received pending send_errors duplicates late suspects "
                                   "loss_pct loss rtt_ms responders ");
    responder = json_array_get(json_object_get(hop, "responders"), 0);
    assert_string_equal(keys(responder),
                        "address name asn received rtt_ms is_target icmp_type icmp_code reply_ttl "
                        "mpls interface interfaces changes ");
    assert_true(json_is_null(json_object_get(responder, "name")));
    assert_true(json_is_null(json_object_get(responder, "reply_ttl")));
    /* A silent hop has no times: null, not 0. */
    hop = json_array_get(json_object_get(document, "hops"), 1);
    assert_true(json_is_null(json_object_get(json_object_get(hop, "rtt_ms"), "mean")));
    assert_int_equal(json_array_size(json_object_get(hop, "responders")), 0);
    json_decref(document);
    release();
}

/* R1: reading the JSON and undoing text_escape gives the bytes back. */
static void test_json_hostile(void **state)
{
    struct trace_result result = make_result();
    struct report_trace report = make_report(&result);
    json_t *document, *responder;

    (void)state;
    report.target = HOSTILE;
    report.names.name = hostile_name;
    document = as_json(&report);
    responder = json_array_get(
        json_object_get(json_array_get(json_object_get(document, "hops"), 0), "responders"), 0);
    assert_string_equal(json_string_value(json_object_get(responder, "name")), HOSTILE_ESCAPED);
    assert_string_equal(
        json_string_value(json_object_get(json_object_get(document, "target"), "name")),
        HOSTILE_ESCAPED);
    json_decref(document);
    release();
}

static void test_json_of_an_error(void **state)
{
    struct report_trace report = make_report(NULL);
    json_t *document, *error;

    (void)state;
    report.error_code = "dns.nxdomain";
    report.error_message = "target \"www.lab\" cannot be resolved";
    document = as_json(&report);
    error = json_object_get(document, "error");
    assert_string_equal(json_string_value(json_object_get(error, "code")), "dns.nxdomain");
    assert_string_equal(
        keys(document),
        "schema netdx start elapsed_ms interrupted privilege method target protocol "
        "source probe counters path_length path_mtu end hops findings error ");
    json_decref(document);
}

static void test_json_of_many(void **state)
{
    struct trace_result result = make_result();
    struct report_trace report = make_report(&result);
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    json_t *document;

    (void)state;
    assert_int_equal(report_trace_json_begin(out, 0), 0);
    assert_int_equal(report_trace_json_target(out, &report, true), 0);
    assert_int_equal(report_trace_json_target(out, &report, false), 0);
    assert_int_equal(report_trace_json_end(out, NS_PER_SEC, true, NULL, NULL), 0);
    fclose(out);
    document = load(text);
    assert_string_equal(keys(document), "schema netdx start targets elapsed_ms interrupted error ");
    assert_int_equal(json_array_size(json_object_get(document, "targets")), 2);
    assert_true(json_is_true(json_object_get(document, "interrupted")));
    json_decref(document);
    release();
}

/*
 * R1: bytes that a terminal might obey: controls but newline, DEL, C1 (raw or as UTF-8), the
 * characters that turn the direction of text (Unicode 15, 23.2), and what is no UTF-8.
 */
static void assert_harmless(char *text, const char *format)
{
    static const char *const bad[] = {"\xc2\x9b", "\xe2\x80\xae", "\xe2\x81\xa7", "\xff"};

    for (const char *c = text; *c; c++) {
        if (((unsigned char)*c < ' ' && *c != '\n') || *c == 0x7f)
            fail_msg("%s: byte %02x in: %s", format, (unsigned char)*c, text);
    }
    for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
        if (strstr(text, bad[i]))
            fail_msg("%s: %zu in: %s", format, i, text);
    }
    free(text);
}

static const char *hostile_everywhere(void *context, const struct address *a)
{
    (void)context;
    (void)a;
    return "a\033]0;x\007\x7f\xc2\x9b\xe2\x80\xae\xe2\x81\xa7\xff\r\n\tb";
}

static void test_no_format_passes_hostile_bytes_on(void **state)
{
    static const char *const names[] = {"text", "json", "summary", "csv", "mtr-json", "event"};
    struct trace_result result = make_result();
    struct report_trace report = make_report(&result);
    const struct report_text_options options = {.asn = true, .wide = true};
    struct trace_observation seen = {.match = TRACE_ANSWER};

    (void)state;
    report.target = report.hostname = hostile_everywhere(NULL, NULL);
    report.names.name = report.names.asn = hostile_everywhere;
    for (int format = 0; format < 6; format++) {
        char *text = NULL;
        size_t len;
        FILE *out = open_memstream(&text, &len);
        int err = format == 0   ? report_trace_text(out, &report, &options)
                  : format == 1 ? report_trace_json(out, &report)
                  : format == 2 ? report_trace_summary(out, &report)
                  : format == 3 ? report_trace_csv(out, &report)
                  : format == 4 ? report_trace_mtr_json(out, &report, true)
                                : report_trace_observation(out, report.target, &seen, 0);
        fclose(out);
        assert_int_equal(err, 0);
        assert_true(len > 20);
        assert_harmless(text, names[format]);
    }
    release();
}

static void test_events(void **state)
{
    struct trace_observation seen = {.match = TRACE_ANSWER,
                                     .id = 7,
                                     .ttl = 3,
                                     .round = 1,
                                     .sent_ns = 1000,
                                     .received_ns = 2500,
                                     .rtt_ns = 1500,
                                     .icmp_type = 11};
    char *text = NULL;
    size_t len;
    FILE *out;

    (void)state;
    seen.responder = address("10.0.3.1");
    out = open_memstream(&text, &len);
    assert_int_equal(report_trace_observation(out, "www.lab", &seen, NS_PER_SEC), 0);
    fclose(out);
    assert_string_equal(
        text, "{\"event\":\"answer\",\"target\":\"www.lab\",\"id\":7,\"round\":1,\"flow\":0,"
              "\"ttl\":3,\"sent\":\"1970-01-01T00:00:01.000001000Z\","
              "\"received\":\"1970-01-01T00:00:01.000002500Z\",\"rtt_ms\":0.0015,"
              "\"responder\":\"10.0.3.1\",\"from_target\":false,\"icmp_type\":11,\"icmp_code\":0,"
              "\"tcp_flags\":null}\n");
    free(text);
    seen.match = TRACE_OUTGOING;
    out = open_memstream(&text, &len);
    assert_int_equal(report_trace_observation(out, "www.lab", &seen, NS_PER_SEC), 0);
    fclose(out);
    assert_non_null(strstr(text, "{\"event\":\"sent\""));
    assert_non_null(strstr(text, "\"received\":null,\"rtt_ms\":null,\"responder\":null"));
    free(text);
}

/* The members and their order as `mtr -j` of mtr 0.95 prints them. */
static void test_mtr_json(void **state)
{
    struct trace_result result = make_result();
    struct report_trace report = make_report(&result);
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    json_t *document, *body, *hubs;

    (void)state;
    assert_int_equal(report_trace_mtr_json(out, &report, false), 0);
    fclose(out);
    document = load(text);
    body = json_object_get(document, "report");
    assert_string_equal(keys(json_object_get(body, "mtr")), "src dst tos tests psize bitpattern ");
    hubs = json_object_get(body, "hubs");
    assert_int_equal(json_array_size(hubs), 3);
    assert_string_equal(keys(json_array_get(hubs, 0)),
                        "count host Loss% Snt Last Avg Best Wrst StDev ");
    assert_string_equal(json_string_value(json_object_get(json_array_get(hubs, 1), "host")), "???");
    assert_true(json_is_real(json_object_get(json_array_get(hubs, 1), "Avg")));
    assert_true(fabs(json_real_value(json_object_get(json_array_get(hubs, 2), "Avg")) - 20) < 1e-9);
    json_decref(document);
    release();
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
    struct trace_result result = make_result();
    struct report_trace report = make_report(&result), failed = make_report(NULL);
    char *text = NULL, *next, *line;
    size_t len, wanted, lines = 0;
    FILE *out = open_memstream(&text, &len);

    (void)state;
    report.names.name = hostile_name;
    failed.error_code = "dns.timeout";
    failed.error_message = "target \"a,b\" cannot be resolved";
    assert_int_equal(report_trace_csv_header(out), 0);
    assert_int_equal(report_trace_csv(out, &report), 0);
    assert_int_equal(report_trace_csv(out, &failed), 0);
    fclose(out);
    /* A formula is made text, a quote is doubled. */
    assert_non_null(strstr(text, ",\"'=x\\x1b[2J\\xe2\\x80\\xae\\xff\"\"|,\\x0a\","));
    assert_non_null(strstr(text, ",\"target \"\"a,b\"\" cannot be resolved\"\n"));
    next = text;
    wanted = fields(strsep(&next, "\n"));
    while ((line = strsep(&next, "\n")) && *line) {
        assert_int_equal(fields(line), wanted);
        lines++;
    }
    assert_int_equal(lines, 5);
    free(text);
    release();
}

/* --- words --------------------------------------------------------------------------------------
 */

static void says(struct trace_finding finding, const char *wanted)
{
    struct trace_result result = make_result();
    char text[512], cut[8];

    assert_int_equal(report_trace_finding(text, sizeof(text), &finding, &result), strlen(wanted));
    assert_string_equal(text, wanted);
    assert_int_equal(report_trace_finding(cut, sizeof(cut), &finding, &result), strlen(wanted));
    assert_int_equal(strlen(cut), sizeof(cut) - 1);
    assert_int_equal(report_trace_finding(NULL, 0, &finding, &result), strlen(wanted));
    release();
}

static void test_findings_in_words(void **state)
{
    (void)state;
    says((struct trace_finding){.kind = TRACE_FINDING_RATE_LIMITED, .ttl = 6},
         "hop 6 limits its ICMP answers; no loss behind it");
    says(
        (struct trace_finding){
            .kind = TRACE_FINDING_LOSS, .ttl = 2, .loss_pct = 4.1, .loss = {0.029, 0.058}},
        "loss 4.1 % (2.9 to 5.8 %) begins at hop 2 and persists to the target");
    says((struct trace_finding){.kind = TRACE_FINDING_BLACKHOLE,
                                .ttl = 11,
                                .address = address("10.0.11.1")},
         "nothing answers behind hop 11 (10.0.11.1): the path dies there");
    says((struct trace_finding){.kind = TRACE_FINDING_SILENT, .ttl = 3, .ttl_last = 5},
         "hops 3 to 5 never answer; what is behind does");
    says((struct trace_finding){.kind = TRACE_FINDING_UNREACHABLE,
                                .ttl = 4,
                                .address = address("10.0.4.1"),
                                .icmp_type = 3,
                                .icmp_code = 77},
         "10.0.4.1 at hop 4 says: ICMP type 3 code 77");
    says((struct trace_finding){.kind = TRACE_FINDING_MTU_REDUCED,
                                .ttl = 3,
                                .address = address("10.0.3.1"),
                                .mtu = 1300,
                                .count = 12},
         "hop 3 (10.0.3.1) lets no packets over 1300 bytes through, and says so (12 probes)");
    says((struct trace_finding){.kind = TRACE_FINDING_MTU_REDUCED, .ttl = 3, .count = 1},
         "hop 3 calls packets too big for the link behind it (1 probe)");
    says((struct trace_finding){.kind = TRACE_FINDING_SUSPECT, .count = 1},
         "1 answer contradicted what was sent and did not count (forged or mangled)");
    says((struct trace_finding){.kind = TRACE_FINDING_SEND_ERRORS, .count = 3, .error = ENOBUFS},
         "3 probes could not be sent: No buffer space available");
}

/* Every kind has a sentence of its own and not just its id. */
static void test_every_finding_has_words(void **state)
{
    struct trace_result result = make_result();
    char text[512];

    (void)state;
    for (int kind = 0; kind <= TRACE_FINDING_CAPTURE_DROPS; kind++) {
        struct trace_finding finding = {
            .kind = (enum trace_finding_kind)kind, .ttl = 2, .ttl_last = 2, .count = 2};

        assert_true(report_trace_finding(text, sizeof(text), &finding, &result) > 10);
        assert_null(strstr(text, trace_finding_id(finding.kind)));
    }
    release();
}

static void test_ends_in_words(void **state)
{
    struct trace_result result = make_result();
    char text[256];

    (void)state;
    report_trace_end(text, sizeof(text), &result);
    assert_string_equal(text, "reached 10.99.0.2 at hop 3");
    result.interrupted = true;
    report_trace_end(text, sizeof(text), &result);
    assert_string_equal(text, "interrupted after 4 rounds; reached 10.99.0.2 at hop 3");
    result.interrupted = result.reached = false;
    result.end = TRACE_END_TTL_LIMIT;
    report_trace_end(text, sizeof(text), &result);
    assert_string_equal(text, "not reached within 30 hops");
    result.end = TRACE_END_SEND_FAILED;
    result.end_error = -EPERM;
    report_trace_end(text, sizeof(text), &result);
    assert_string_equal(text, "no probe could be sent: Operation not permitted");
    release();
}

static void test_columns_check(void **state)
{
    const char *bad;
    size_t len;

    (void)state;
    assert_int_equal(report_columns_check(REPORT_COLUMNS_DEFAULT, &bad, &len), 0);
    assert_int_equal(report_columns_check("LSNABWVDRGJMXI", &bad, &len), 0);
    assert_int_equal(report_columns_check("Loss%,Snt,p95", &bad, &len), 0);
    assert_int_equal(report_columns_check("loss,bogus,sent", &bad, &len), -EINVAL);
    assert_true(len == 5 && !strncmp(bad, "bogus", 5));
    assert_int_equal(report_columns_check("", &bad, &len), -EINVAL);
    assert_int_equal(report_columns_check("loss,", &bad, &len), -EINVAL);
    assert_int_equal(report_columns_check("LSZ", &bad, &len), -EINVAL);
    assert_int_equal(report_columns_check("LLLLLLLLLLLLLLLLLLLLLLLLL", &bad, &len), -EINVAL);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_golden),
        cmocka_unit_test(test_text_columns),
        cmocka_unit_test(test_text_hostile),
        cmocka_unit_test(test_text_fits_the_width),
        cmocka_unit_test(test_full_disk),
        cmocka_unit_test(test_json_shape),
        cmocka_unit_test(test_json_hostile),
        cmocka_unit_test(test_json_of_an_error),
        cmocka_unit_test(test_json_of_many),
        cmocka_unit_test(test_events),
        cmocka_unit_test(test_mtr_json),
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_findings_in_words),
        cmocka_unit_test(test_every_finding_has_words),
        cmocka_unit_test(test_ends_in_words),
        cmocka_unit_test(test_columns_check),
        cmocka_unit_test(test_no_format_passes_hostile_bytes_on),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
