#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "report/flows.h"

#include <errno.h>
#include <jansson.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/timespan.h"

/* 2026-01-02T03:04:05Z */
#define START INT64_C(1767323045000000000)

static struct flow_facts flows[2];
static struct flow_finding findings[2];
static struct flow_host hosts[1];

static struct address address(const char *text)
{
    struct address a;

    assert_int_equal(address_parse(text, &a), 0);
    return a;
}

static struct flow_side_facts side(uint64_t packets, uint64_t bytes)
{
    return (struct flow_side_facts){
        .counts = {.packets = packets,
                   .segments = packets / 2,
                   .bytes = bytes,
                   .unique_bytes = bytes},
        .rtt = {.min_ns = -1, .smoothed_ns = -1, .max_ns = -1},
        .wscale = -1,
        .window = -1,
        .loss_pct = 0,
        .goodput_bps = NAN,
    };
}

static struct flow_facts flow(uint64_t id, const char *client, const char *server)
{
    return (struct flow_facts){
        .flow_id = id,
        .key = {{address(client), address(server)}, {40000, 443}},
        .client_known = true,
        .complete = true,
        .start_ns = 0,
        .last_ns = 2 * NS_PER_SEC,
        .handshake_client_ns = -1,
        .handshake_server_ns = -1,
        .side = {side(10, 1000), side(20, 50000)},
    };
}

/* One flow with everything in it, one of which nothing is known but that it is there. */
static struct flows_result make_result(void)
{
    struct flow_facts *f = &flows[0];
    struct flow_counts *sent;

    *f = flow(7, "10.0.0.5", "2001:db8::1");
    sent = &f->side[FLOW_SERVER].counts;
    sent->segments = 100;
    sent->retransmissions = 4;
    sent->fast = 2;
    sent->timeout = sent->timer = 1;
    sent->tail_probe = 1;
    sent->spurious = 1;
    sent->lost_before = 3;
    sent->lost_behind = 1;
    f->side[FLOW_SERVER].loss_pct = 3;
    f->side[FLOW_SERVER].goodput_bps = 200000;
    f->side[FLOW_SERVER].rtt = (struct flow_rtt){3, 20 * NS_PER_MS, 21 * NS_PER_MS, 25 * NS_PER_MS};
    f->side[FLOW_SERVER].has_syn = f->side[FLOW_CLIENT].has_syn = true;
    f->side[FLOW_SERVER].isn = 0; /* a number like any other */
    f->side[FLOW_SERVER].mss = 1460;
    f->side[FLOW_SERVER].wscale = 0;
    f->handshake_client_ns = 500 * NS_PER_US;
    f->handshake_server_ns = 20 * NS_PER_MS;
    f->ecn = FLOW_ECN_CLASSIC;
    f->vlan = 42;
    f->end = FLOW_END_RESET;
    f->ended_by = FLOW_SERVER;
    f->stall =
        (struct flow_stall){FLOW_STALL_TIMEOUT, FLOW_SERVER, 400 * NS_PER_MS, NS_PER_SEC, 17};
    f->has_reset = true;
    f->reset = (struct flow_reset){.phase = FLOW_RESET_AFTER_REQUEST,
                                   .by = FLOW_SERVER,
                                   .origin = FLOW_ORIGIN_DEVICE,
                                   .forged = true,
                                   .confidence = 0.9,
                                   .reasons = FLOW_REASON_SEQ_EXACT | FLOW_REASON_TTL_DIFFERS,
                                   .ttl = 61,
                                   .ttl_expected = 52,
                                   .count = 2,
                                   .frame = 99};
    f->findings = 1u << FLOW_FINDING_RST_INJECTED | 1u << FLOW_FINDING_RETRANSMISSIONS;
    f->severity = FLOW_CRITICAL;
    flows[1] = flow(8, "10.0.0.6", "10.9.9.9");
    flows[1].side[FLOW_CLIENT].loss_pct = flows[1].side[FLOW_SERVER].loss_pct = NAN;
    findings[0] = (struct flow_finding){FLOW_FINDING_RST_INJECTED,
                                        FLOW_CRITICAL,
                                        true,
                                        address("2001:db8::1"),
                                        20,
                                        14,
                                        70,
                                        FLOW_LOST_UNKNOWN,
                                        -1,
                                        7};
    findings[1] = (struct flow_finding){
        FLOW_FINDING_RETRANSMISSIONS, FLOW_WARNING, true, address("10.0.0.5"), 3, 12, 2.34,
        FLOW_LOST_BEHIND_TAP,         -1,           7};
    hosts[0] = (struct flow_host){.address = address("10.0.0.5"), .flows = 3};
    hosts[0].resets[FLOW_RESET_REFUSED] = 5;
    struct flows_result r = {.nflows = 2,
                             .flows = flows,
                             .nhosts = 1,
                             .hosts = hosts,
                             .nfindings = 2,
                             .findings = findings};
    r.summary = (struct flows_summary){.packets = 60,
                                       .flows = 2,
                                       .other = 3,
                                       .start_ns = 0,
                                       .last_ns = 2 * NS_PER_SEC,
                                       .counts = *sent};
    r.summary.ends[FLOW_END_RESET] = r.summary.ends[FLOW_END_OPEN] = 1;
    return r;
}

static struct report_flows make_report(const struct flows_result *result)
{
    return (struct report_flows){.source = "eth0\033[2J",
                                 .result = result,
                                 .privilege = "raw",
                                 .start_unix_ns = START,
                                 .elapsed_ns = 2500 * NS_PER_MS,
                                 .unix_offset_ns = START,
                                 .frames = 63,
                                 .has_drops = true,
                                 .capture_dropped = 5,
                                 .interface_dropped = 1,
                                 .workers = 2};
}

/* What `write` writes; the caller frees it. Inlined, gcc 12 takes the text for a local variable. */
__attribute__((noinline)) static char *captured(int (*write)(FILE *out,
                                                             const struct report_flows *report),
                                                const struct report_flows *report)
{
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    assert_non_null(out);
    assert_int_equal(write(out, report), 0);
    assert_int_equal(fclose(out), 0);
    return text;
}

static int write_text(FILE *out, const struct report_flows *report)
{
    const struct report_flows_text_options plain = {0};

    return report_flows_text(out, report, &plain);
}

static void test_text(void **state)
{
    struct flows_result result = make_result();
    struct report_flows report = make_report(&result);
    char *text = captured(write_text, &report);

    (void)state;
    assert_string_equal(
        text,
        "flows in eth0\\x1b[2J: 60 packets in 2 flows, 2.000 s from "
        "2026-01-02T03:04:05.000000000Z\n"
        "critical: 14 of 20 connections reset in the name of 2001:db8::1, but not by it: forged on "
        "the way\n"
        "warning: 2.3 % of segments from 10.0.0.5 were re-sent (12, in 3 flows); the loss is "
        "behind this tap\n"
        "re-sent: 4 of 100 segments (2 fast, 1 timeout, 1 tail probe, 0 unknown; 1 needless); "
        "lost before the tap 3, behind it 1\n"
        "also: 0 resets\n"
        "capture: 63 frames read, 5 dropped by the kernel, 1 by the interface, 3 of other "
        "protocols\n"
        "\n"
        "Client           Server             Packets       kB  Re-sent  Lost%    RTT<    RTT>"
        "    Stall  End\n"
        "10.0.0.5:40000   [2001:db8::1]:443       30       51        4   3.0%       -   20.00"
        "   400.00  reset by server\n"
        "10.0.0.6:40000   10.9.9.9:443            30       51        0      -       -       -"
        "        -  open\n"
        "\n"
        "10.0.0.5:40000 -> [2001:db8::1]:443 (VLAN 42)\n"
        "    handshake 20.500 ms: 0.500 to the client, 20.000 to the server; client: no "
        "options; server: MSS 1460 window scale 0; ECN classic\n"
        "    from 10.0.0.5:40000: 1000 bytes in 5 segments\n"
        "    from [2001:db8::1]:443: 50000 bytes in 100 segments, 0.200 Mbit/s, 4 re-sent (2 fast, "
        "1 timeout, 1 tail probe, 0 unknown; 1 needless), lost before the tap 3, behind it 1, RTT "
        "20.000 to 25.000 ms\n"
        "    stood still for 400 ms (up to frame 17): [2001:db8::1]:443: a loss was only repaired "
        "when the retransmission timer ran out\n"
        "    reset in the name of [2001:db8::1]:443 after the request (frame 99), forged, 90 % "
        "sure: the sequence number is exactly the one expected, its TTL differs from that of the "
        "host's other packets\n");
    free(text);
}

/* Loss that our own capture made is nobody else's. */
static void test_inconclusive(void **state)
{
    struct flows_result result = make_result();
    struct report_flows report = make_report(&result);

    (void)state;
    report.inconclusive = true;
    char *text = captured(write_text, &report);
    assert_non_null(strstr(text, "\nwarning: our own capture dropped so much that the loss shown "
                                 "may be ours"));
    free(text);
}

static void test_nothing_wrong(void **state)
{
    struct flows_result result = make_result();
    struct report_flows report = make_report(&result);

    (void)state;
    result.nfindings = 0;
    report.has_drops = false;
    report.saved_path = "x\n.pcapng";
    report.saved = 12;
    report.saved_cut = 1;
    char *text = captured(write_text, &report);
    assert_non_null(strstr(text, "\nnothing wrong was found\n"));
    assert_non_null(strstr(text, "\ncapture: 63 frames read, 3 of other protocols\n"));
    assert_non_null(strstr(text, "\nsaved: 12 packets of flows with findings in x\\x0a.pcapng; the "
                                 "beginning of 1 flow was not in memory any more\n"));
    free(text);
}

static const char *get_text(json_t *object, const char *a, const char *b)
{
    json_t *value = json_object_get(object, a);

    return json_string_value(b ? json_object_get(value, b) : value);
}

static json_int_t get_int(json_t *object, const char *a, const char *b)
{
    json_t *value = json_object_get(object, a);

    value = b ? json_object_get(value, b) : value;
    assert_true(json_is_integer(value));
    return json_integer_value(value);
}

static bool is_null(json_t *object, const char *a, const char *b)
{
    json_t *value = json_object_get(object, a);

    return json_is_null(b ? json_object_get(value, b) : value);
}

static json_t *parsed(char *text)
{
    json_error_t error;
    json_t *value = json_loads(text, JSON_REJECT_DUPLICATES, &error);

    if (!value)
        fail_msg("%s at %d: %s", error.text, error.position, text);
    free(text);
    return value;
}

static void test_json(void **state)
{
    struct flows_result result = make_result();
    struct report_flows report = make_report(&result);
    json_t *document = parsed(captured(report_flows_json, &report));
    json_t *first = json_array_get(json_object_get(document, "flows"), 0);
    json_t *summary = json_object_get(document, "summary");

    (void)state;
    assert_string_equal(get_text(document, "schema", NULL), "netdx.flows/1");
    assert_string_equal(get_text(document, "source", NULL), "eth0\\x1b[2J");
    assert_true(is_null(document, "error", NULL) && is_null(document, "saved", NULL));
    assert_int_equal(get_int(summary, "packets", NULL), 60);
    assert_int_equal(get_int(summary, "retransmissions", "tail_probe"), 1);
    assert_int_equal(get_int(summary, "capture_dropped", NULL), 5);
    assert_int_equal(get_int(summary, "ends", "reset"), 1);
    assert_string_equal(get_text(first, "server", "address"), "2001:db8::1");
    assert_int_equal(get_int(first, "server", "isn"), 0);
    assert_int_equal(get_int(first, "server", "wscale"), 0);
    assert_int_equal(get_int(first, "vlan", NULL), 42);
    assert_string_equal(get_text(first, "stall", "cause"), "timeout");
    assert_string_equal(get_text(first, "stall", "start"), "2026-01-02T03:04:06.000000000Z");
    assert_string_equal(get_text(first, "reset", "phase"), "after_request");
    assert_string_equal(get_text(first, "end", "by"), "server");
    assert_int_equal(json_array_size(json_object_get(first, "findings")), 2);
    assert_string_equal(get_text(first, "severity", NULL), "critical");
    json_decref(document);
}

/* Unknown is null, and never 0. */
static void test_json_unknown(void **state)
{
    struct flows_result result = make_result();
    struct report_flows report = make_report(&result);

    (void)state;
    report.has_drops = false;
    json_t *document = parsed(captured(report_flows_json, &report));
    json_t *flow = json_array_get(json_object_get(document, "flows"), 1);
    assert_true(is_null(document, "summary", "capture_dropped"));
    assert_true(is_null(flow, "client", "loss_pct") && is_null(flow, "client", "goodput_bps"));
    assert_true(is_null(flow, "client", "isn") && is_null(flow, "client", "mss"));
    assert_true(is_null(flow, "client", "wscale") && is_null(flow, "client", "window"));
    assert_true(is_null(flow, "client", "sack") && is_null(flow, "client", "ttl"));
    assert_true(is_null(flow, "handshake_ms", "total") && is_null(flow, "vlan", NULL));
    assert_true(is_null(flow, "stall", NULL) && is_null(flow, "reset", NULL));
    assert_true(is_null(flow, "end", "by"));
    json_decref(document);
}

static int write_events(FILE *out, const struct report_flows *report)
{
    struct flow_event event = {.kind = FLOW_EVENT_RETRANSMISSION,
                               .when_ns = NS_PER_SEC,
                               .frame = 17,
                               .flow_id = 7,
                               .key = report->result->flows[0].key,
                               .sender = FLOW_SERVER,
                               .seq = 4000000000,
                               .bytes = 1448,
                               .retransmission = {.trigger = FLOW_TRIGGER_TIMEOUT,
                                                  .lost = FLOW_LOST_BEFORE_TAP,
                                                  .backoff = 2,
                                                  .since_ns = -1}};
    int err = report_flows_event(out, &event, START);

    event.kind = FLOW_EVENT_SPURIOUS;
    event.frame = 20;
    event.revises = 17;
    event.spurious = FLOW_SPURIOUS_DSACK;
    return err ? err : report_flows_event(out, &event, START);
}

static void test_events(void **state)
{
    struct flows_result result = make_result();
    struct report_flows report = make_report(&result);
    char *text = captured(write_events, &report);

    (void)state;
    assert_string_equal(
        text,
        "{\"event\":\"retransmission\",\"frame\":17,\"time\":\"2026-01-02T03:04:06.000000000Z\","
        "\"flow\":{\"id\":7,\"client\":{\"address\":\"10.0.0.5\",\"port\":40000},"
        "\"server\":{\"address\":\"2001:db8::1\",\"port\":443}},"
        "\"direction\":\"server_to_client\",\"seq\":4000000000,\"bytes\":1448,\"revises\":null,"
        "\"trigger\":\"timeout\",\"lost\":\"before_tap\",\"backoff\":2,\"fin\":false,"
        "\"since_ms\":null}\n"
        "{\"event\":\"spurious\",\"frame\":20,\"time\":\"2026-01-02T03:04:06.000000000Z\","
        "\"flow\":{\"id\":7,\"client\":{\"address\":\"10.0.0.5\",\"port\":40000},"
        "\"server\":{\"address\":\"2001:db8::1\",\"port\":443}},"
        "\"direction\":\"server_to_client\",\"seq\":4000000000,\"bytes\":1448,\"revises\":17,"
        "\"proof\":\"dsack\"}\n");
    free(text);
}

static int write_csv(FILE *out, const struct report_flows *report)
{
    int err = report_flows_csv_header(out);

    return err ? err : report_flows_csv(out, report);
}

static void test_csv(void **state)
{
    struct flows_result result = make_result();
    struct report_flows report = make_report(&result);
    char *text = captured(write_csv, &report);
    const char *row = strchr(text, '\n') + 1;
    size_t commas = 0, expected = 0;

    (void)state;
    for (const char *c = text; *c != '\n'; c++)
        expected += *c == ',';
    for (const char *c = row; *c != '\n'; c++)
        commas += *c == ',';
    assert_int_equal(commas, expected);
    assert_non_null(strstr(row, "7,10.0.0.5,40000,2001:db8::1,443,"));
    assert_non_null(strstr(row, ",tcp.retransmissions fw.rst_injected,10,20,1000,50000,0,4,0,3,,"
                                "20.000000,0.500000,20.000000,400.000000,\"timeout\","
                                "\"after_request\",\"server\",\"yes\",0.9\n"));
    free(text);
}

/* Every kind has a sentence of its own, which says how many and whose. */
static void test_sentences(void **state)
{
    char seen[FLOW_FINDINGS][256];

    (void)state;
    for (int kind = 0; kind < FLOW_FINDINGS; kind++) {
        struct flow_finding f = {.kind = (enum flow_finding_kind)kind,
                                 .has_address = kind <= FLOW_FINDING_RESET_AFTER_CLOSE,
                                 .flows = 3,
                                 .count = 3,
                                 .share_pct = NAN,
                                 .worst_ns = -1};
        if (f.has_address)
            f.address = address("192.0.2.7");
        size_t len = report_flows_finding(seen[kind], sizeof(seen[kind]), &f);
        assert_in_range(len, 20, sizeof(seen[kind]) - 1);
        assert_int_equal(strlen(seen[kind]), len);
        assert_non_null(strchr(seen[kind], '3'));
        assert_int_equal(strstr(seen[kind], "192.0.2.7") != NULL, f.has_address);
        for (int other = 0; other < kind; other++)
            assert_string_not_equal(seen[kind], seen[other]);
    }
}

static void test_rates(void **state)
{
    struct report_rates rates = {.unix_ns = START,
                                 .length_ns = NS_PER_SEC,
                                 .packets_pps = 1234.4,
                                 .payload_bps = 5e6,
                                 .loss_pct = NAN,
                                 .resets = 2,
                                 .capture_dropped = 3,
                                 .interface_dropped = 4};
    char *text = NULL;
    size_t len = 0;
    FILE *out = open_memstream(&text, &len);

    (void)state;
    assert_int_equal(report_rates_text(out, &rates, true), 0);
    assert_int_equal(report_rates_event(out, &rates), 0);
    fclose(out);
    assert_non_null(strstr(text, "Packets/s"));
    assert_non_null(strstr(text, "2026-01-02T03:04:05.000000000Z        1234      5.000        0"
                                 "       -       0       2         7\n"));
    assert_non_null(strstr(text, "\"loss_pct\":null"));
    free(text);
}

static void test_errors(void **state)
{
    struct report_flows report = {
        .source = "x", .privilege = "file", .error_code = "file.cut", .error_message = "it is cut"};
    json_t *document = parsed(captured(report_flows_json, &report));

    (void)state;
    assert_string_equal(get_text(document, "error", "code"), "file.cut");
    assert_null(json_object_get(document, "flows"));
    json_decref(document);
}

/* R10: a stream that fails says so, in every format. */
static void test_full_disk(void **state)
{
    struct flows_result result = make_result();
    struct report_flows report = make_report(&result);
    int (*const writers[])(FILE *, const struct report_flows *) = {write_text, report_flows_json,
                                                                   report_flows_summary, write_csv};

    (void)state;
    for (size_t i = 0; i < sizeof(writers) / sizeof(writers[0]); i++) {
        FILE *full = fopen("/dev/full", "w");
        assert_non_null(full);
        setvbuf(full, NULL, _IONBF, 0);
        assert_int_equal(writers[i](full, &report), -ENOSPC);
        fclose(full);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text),          cmocka_unit_test(test_inconclusive),
        cmocka_unit_test(test_nothing_wrong), cmocka_unit_test(test_json),
        cmocka_unit_test(test_json_unknown),  cmocka_unit_test(test_events),
        cmocka_unit_test(test_csv),           cmocka_unit_test(test_sentences),
        cmocka_unit_test(test_rates),         cmocka_unit_test(test_errors),
        cmocka_unit_test(test_full_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
