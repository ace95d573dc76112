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
#include "report/banner.h"

/* What a hostile peer or file gives: ESC, a right-to-left override, broken UTF-8, a quote. */
#define HOSTILE         "=x\033[2J\xe2\x80\xae\xff\"|,\n"
#define HOSTILE_ESCAPED "=x\\x1b[2J\\xe2\\x80\\xae\\xff\"|,\\x0a"

static const uint8_t head[] = "Server: nginx/1.24.0\r\nVia: 1.1 " HOSTILE "\r\n";
static const struct http_header headers[] = {{0, 6, 8, 12}, {22, 3, 27, 4 + sizeof(HOSTILE) - 1}};

static struct service_facts service;
static struct tls_facts tls;
static struct version_list products;
static struct version_product sender;
static struct report_banner_hop hops[2];
static struct report_banner banner;

static struct address address(const char *text)
{
    struct address a;

    assert_int_equal(address_parse(text, &a), 0);
    return a;
}

/* A site that redirected once, over TLS with two things wrong with its certificate. */
static void setup_site(void)
{
    service = (struct service_facts){
        .protocol = "http",
        .tls = true,
        .notes = SERVICE_NOTE_HEAD_REFUSED,
        .cause.alert = -1,
        .timing = {12 * NS_PER_MS, 25 * NS_PER_MS, 40 * NS_PER_MS, 41 * NS_PER_MS},
        .has_http = true,
        .http = {.version = 11,
                 .status = 200,
                 .reason = (const uint8_t *)"OK",
                 .reason_len = 2,
                 .head = head,
                 .head_len = sizeof(head) - 1,
                 .nheaders = 2,
                 .headers = headers,
                 .lf_only = true},
    };
    tls = (struct tls_facts){.version = "TLSv1.3",
                             .cipher = "TLS_AES_128_GCM_SHA256",
                             .alpn = "http/1.1",
                             .has_certificate = true,
                             .certificate = {.subject = "CN=www.lab" HOSTILE,
                                             .issuer = "CN=ca",
                                             .not_before_unix = 1700000000,
                                             .not_after_unix = 1800000000,
                                             .key_bits = 2048,
                                             .key_type = "RSA",
                                             .signature = "sha256WithRSAEncryption",
                                             .nnames = 70,
                                             .nkept = 1,
                                             .names = {"www.lab"}},
                             .chain_len = 2,
                             .problems = TLS_CERT_EXPIRED | TLS_CERT_WEAK_KEY};
    products.count = products.dropped = 0;
    version_identify(VERSION_HTTP_SERVER, "nginx/1.24.0 (Ubuntu) PHP", 25, &products);
    sender = products.products[0];
    hops[0] = (struct report_banner_hop){.from = (char *)(uintptr_t) "https://lab/",
                                         .to = (char *)(uintptr_t) "http://www.lab/",
                                         .status = 301,
                                         .products = &sender,
                                         .nproducts = 1,
                                         .address = address("10.0.0.9"),
                                         .downgrade = true,
                                         .to_private = true};
    hops[1] = (struct report_banner_hop){.from = (char *)(uintptr_t) "http://www.lab/",
                                         .to = (char *)(uintptr_t) "file:///etc",
                                         .status = 302,
                                         .foreign = true};
    banner = (struct report_banner){.target = "https://lab/",
                                    .host = "lab",
                                    .url = "https://lab/",
                                    .address = address("192.0.2.1"),
                                    .port = 443,
                                    .service = &service,
                                    .tls = &tls,
                                    .products = &products,
                                    .hops = hops,
                                    .nhops = 2,
                                    .wire = {.method = "tcp_info", .syn_rtt_ms = 11.5},
                                    .dns_ms = 3};
}

/* A connection that a router refused. */
static void setup_failure(void)
{
    service = (struct service_facts){.timing = {-1, -1, -1, 7 * NS_PER_MS}};
    cause_set(&service.cause, "tcp.unreachable.admin", PHASE_CONNECT, "No route to host");
    service.cause.error = EHOSTUNREACH;
    banner = (struct report_banner){.target = HOSTILE,
                                    .host = "2001:db8::1",
                                    .address = address("2001:db8::1"),
                                    .port = 80,
                                    .service = &service,
                                    .wire = {.method = "tcp_info",
                                             .syn_rtt_ms = NAN,
                                             .has_refusal = true,
                                             .sender = address("2001:db8::ff"),
                                             .icmp_type = 1,
                                             .icmp_code = 1},
                                    .dns_ms = NAN};
}

static char *as_text(bool verbose, bool color)
{
    const struct report_banner_text_options options = {.color = color, .verbose = verbose};
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    assert_int_equal(report_banner_text(out, &banner, &options), 0);
    fclose(out);
    return text;
}

static void expect_text(bool verbose, bool color, const char *wanted)
{
    char *text = as_text(verbose, color);

    assert_string_equal(text, wanted);
    free(text);
}

static json_t *as_json(void)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    json_t *line;

    assert_int_equal(report_banner_event(out, &banner), 0);
    fclose(out);
    assert_ptr_equal(strchr(text, '\n'), text + len - 1);
    line = json_loads(text, 0, NULL);
    assert_non_null(line);
    free(text);
    return line;
}

/* The member at a path like "tls.certificate.names.0" as compact JSON. */
static void expect_member(const json_t *document, const char *path, const char *wanted)
{
    const json_t *at = document;
    char key[64], *shown;

    while (*path) {
        size_t len = strcspn(path, ".");

        assert_true(len < sizeof(key));
        memcpy(key, path, len);
        key[len] = '\0';
        at = json_is_array(at) ? json_array_get(at, strtoul(key, NULL, 10))
                               : json_object_get(at, key);
        path += len + (path[len] == '.');
    }
    assert_non_null(at);
    shown = json_dumps(at, JSON_COMPACT | JSON_ENCODE_ANY);
    assert_string_equal(shown, wanted);
    free(shown);
}

/* --- text --------------------------------------------------------------------------------------
 */

static void test_text_of_a_site(void **state)
{
    (void)state;
    setup_site();
    expect_text(
        false, false,
        "https://lab/ (192.0.2.1)  http+tls 200 OK  nginx 1.24.0 or later (Ubuntu), PHP (Ubuntu)\n"
        "    301 -> http://www.lab/ (10.0.0.9)  nginx 1.24.0 or later (Ubuntu)\n"
        "    warning: the redirect leads from https to http (http.redirect_downgrade)\n"
        "    warning: the redirect leads from a public to a private address "
        "(http.redirect_private)\n"
        "    302 -> file:///etc\n"
        "    warning: the redirect leads away from http and https "
        "(http.redirect_scheme)\n"
        "    certificate CN=www.lab" HOSTILE_ESCAPED
        ", by CN=ca, until 2027-01-15, RSA 2048 bits, 70 names\n"
        "    warning: the certificate has expired (tls.cert.expired)\n"
        "    warning: the key is too short to be safe (tls.cert.weak_key)\n"
        "    note: HEAD was refused, GET was sent\n");
}

static void test_text_in_full(void **state)
{
    (void)state;
    setup_site();
    banner.nhops = 0;
    tls.problems = 0;
    expect_text(
        true, false,
        "https://lab/ (192.0.2.1)  http+tls 200 OK  nginx 1.24.0 or later (Ubuntu), PHP (Ubuntu)\n"
        "    connect 12.00 ms, TLS 25.00 ms, first byte 40.00 ms, total 41.00 ms\n"
        "    wire: SYN RTT 11.500 ms (as this kernel has it)\n"
        "    TLSv1.3 TLS_AES_128_GCM_SHA256, ALPN http/1.1\n"
        "    certificate CN=www.lab" HOSTILE_ESCAPED
        ", by CN=ca, until 2027-01-15, RSA 2048 bits, 70 names\n"
        "    note: HEAD was refused, GET was sent\n"
        "    Server: nginx/1.24.0\n"
        "    Via: 1.1 " HOSTILE_ESCAPED "\n");
}

static void test_text_of_failures(void **state)
{
    (void)state;
    setup_failure();
    expect_text(false, false, "[2001:db8::1]:80  tcp.unreachable.admin: No route to host\n");
    expect_text(false, true,
                "[2001:db8::1]:80  \033[31mtcp.unreachable.admin\033[0m: No route to host\n");
    banner = (struct report_banner){.target = HOSTILE,
                                    .error_code = "dns.nxdomain",
                                    .error_message = "no such name",
                                    .wire.syn_rtt_ms = NAN,
                                    .dns_ms = NAN};
    expect_text(true, false, HOSTILE_ESCAPED "  dns.nxdomain: no such name\n");
}

/* Nobody knows it, and it said something. */
/* What a capture shows of a connection that was reset on its way. */
static void setup_reset(void)
{
    static struct service_wire_facts wire;

    wire = (struct service_wire_facts){
        .peer_retransmissions = 1,
        .has_reset = true,
        .reset = {.phase = FLOW_RESET_AFTER_REQUEST,
                  .by = FLOW_SERVER,
                  .origin = FLOW_ORIGIN_DEVICE,
                  .forged = true,
                  .confidence = 0.875,
                  .reasons = FLOW_REASON_TTL_DIFFERS | FLOW_REASON_HOST_GOES_ON,
                  .ttl = 61,
                  .ttl_expected = 57,
                  .count = 1},
        .during = SERVICE_DURING_REQUEST,
    };
    setup_failure();
    cause_set(&service.cause, "tcp.reset.after_request", PHASE_HTTP, "reset");
    banner.target = "lab";
    banner.wire = (struct report_banner_wire){.method = "capture",
                                              .syn_rtt_ms = 40,
                                              .source_port = 40000,
                                              .retransmissions = 2,
                                              .capture = &wire};
}

static void test_text_of_a_reset(void **state)
{
    (void)state;
    setup_reset();
    expect_text(false, false,
                "[2001:db8::1]:80  tcp.reset.after_request: reset\n"
                "    wire: SYN RTT 40.000 ms; 2 segments sent again by us; 1 segment sent again to "
                "us; reset by a device on the way in the name of 2001:db8::1 after the request "
                "(forged, 88 % sure: its TTL differs from that of the host's other packets, the "
                "host went on sending afterwards)\n");
}

static void test_text_of_the_unknown(void **state)
{
    (void)state;
    setup_failure();
    service = (struct service_facts){
        .cause.alert = -1, .banner = (const uint8_t *)HOSTILE, .banner_len = strlen(HOSTILE)};
    expect_text(false, false, "[2001:db8::1]:80  unknown protocol: \"" HOSTILE_ESCAPED "\"\n");
}

/* --- JSON --------------------------------------------------------------------------------------
 */

static void test_json_of_a_site(void **state)
{
    json_t *line;

    (void)state;
    setup_site();
    line = as_json();
    expect_member(line, "event", "\"banner\"");
    expect_member(line, "error", "null");
    expect_member(line, "notes", "[\"http.head_refused\"]");
    expect_member(line, "timing_ms.dns", "3.0");
    expect_member(line, "timing_ms.first_byte", "40.0");
    expect_member(line, "tls.problems", "[\"tls.cert.expired\",\"tls.cert.weak_key\"]");
    expect_member(line, "tls.certificate.not_after", "\"2027-01-15T08:00:00.000000000Z\"");
    expect_member(line, "tls.certificate.names_total", "70");
    expect_member(line, "http.version", "\"1.1\"");
    expect_member(line, "http.headers.0", "[\"Server\",\"nginx/1.24.0\"]");
    expect_member(line, "http.notes", "[\"lf_only\"]");
    expect_member(line, "http.redirects.0.address", "\"10.0.0.9\"");
    expect_member(line, "http.redirects.0.downgrade", "true");
    expect_member(line, "http.redirects.0.products.0.version", "\"1.24.0\"");
    expect_member(line, "http.redirects.1.address", "null");
    expect_member(line, "http.redirects.1.foreign", "true");
    expect_member(line, "banner", "null");
    expect_member(line, "products.0.lower_bound", "true");
    expect_member(line, "products.0.source", "\"server\"");
    expect_member(line, "products.1.name", "\"PHP\"");
    expect_member(line, "products.1.version", "null");
    expect_member(line, "wire.syn_rtt_ms", "11.5");
    json_decref(line);
}

static void test_json_of_a_reset(void **state)
{
    json_t *line;

    (void)state;
    setup_reset();
    line = as_json();
    expect_member(line, "wire.method", "\"capture\"");
    expect_member(line, "wire.source_port", "40000");
    expect_member(line, "wire.retransmissions", "2");
    expect_member(line, "wire.peer_retransmissions", "1");
    expect_member(line, "wire.reset.during", "\"request\"");
    expect_member(line, "wire.reset.phase", "\"after_request\"");
    expect_member(line, "wire.reset.origin", "\"device\"");
    expect_member(line, "wire.reset.forged", "true");
    expect_member(line, "wire.reset.reasons", "[\"ttl_differs\",\"host_goes_on\"]");
    expect_member(line, "wire.reset.ttl", "61");
    expect_member(line, "error.evidence.reset_by", "\"device\"");
    expect_member(line, "error.evidence.reset_forged", "true");
    json_decref(line);
}

/* Escaped for the terminal it may end on, and nothing lost. */
static void test_json_of_hostile_bytes(void **state)
{
    const char *value;
    json_t *line;

    (void)state;
    setup_site();
    line = as_json();
    value = json_string_value(json_array_get(
        json_array_get(json_object_get(json_object_get(line, "http"), "headers"), 1), 1));
    assert_string_equal(value, "1.1 " HOSTILE_ESCAPED);
    json_decref(line);
    setup_failure();
    line = as_json();
    assert_string_equal(json_string_value(json_object_get(line, "target")), HOSTILE_ESCAPED);
    json_decref(line);
}

static void test_json_of_failures(void **state)
{
    json_t *line;

    (void)state;
    setup_failure();
    line = as_json();
    expect_member(line, "error.code", "\"tcp.unreachable.admin\"");
    expect_member(line, "error.phase", "\"connect\"");
    expect_member(line, "error.errno", "\"EHOSTUNREACH\"");
    expect_member(line, "error.evidence.sender", "\"2001:db8::ff\"");
    expect_member(line, "error.evidence.icmp_code", "1");
    expect_member(line, "timing_ms.connect", "null");
    expect_member(line, "timing_ms.dns", "null");
    expect_member(line, "tls", "null");
    expect_member(line, "products", "[]");
    expect_member(line, "wire.syn_rtt_ms", "null");
    json_decref(line);
    cause_set(&service.cause, "tls.alert.access_denied", PHASE_TLS, "refused");
    service.cause.alert = 49;
    line = as_json();
    expect_member(line, "error.evidence.alert", "49");
    expect_member(line, "error.errno", "null");
    json_decref(line);
}

static void test_json_document(void **state)
{
    const struct report_banner_run run = {.start_unix_ns = INT64_C(1767323045678901234),
                                          .elapsed_ns = 1500 * NS_PER_MS,
                                          .privilege = "unprivileged",
                                          .interrupted = true,
                                          .answered = 1,
                                          .failed = 1};
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);
    json_t *document;

    (void)state;
    assert_int_equal(report_banner_json_begin(out, run.start_unix_ns), 0);
    setup_site();
    assert_int_equal(report_banner_json_target(out, &banner, true), 0);
    setup_failure();
    assert_int_equal(report_banner_json_target(out, &banner, false), 0);
    assert_int_equal(report_banner_json_end(out, &run), 0);
    fclose(out);
    document = json_loads(text, 0, NULL);
    assert_non_null(document);
    expect_member(document, "schema", "\"netdx.banner/1\"");
    expect_member(document, "start", "\"2026-01-02T03:04:05.678901234Z\"");
    expect_member(document, "elapsed_ms", "1500.0");
    expect_member(document, "interrupted", "true");
    expect_member(document, "targets.1.port", "80");
    json_decref(document);
    free(text);
}

/* --- CSV, and what cannot be written -----------------------------------------------------------
 */

static void test_csv(void **state)
{
    char *text = NULL;
    size_t len;
    FILE *out = open_memstream(&text, &len);

    (void)state;
    setup_site();
    assert_int_equal(report_banner_csv_header(out), 0);
    assert_int_equal(report_banner_csv(out, &banner), 0);
    setup_failure();
    assert_int_equal(report_banner_csv(out, &banner), 0);
    fclose(out);
    assert_string_equal(
        text, "target,address,port,protocol,tls,status,products,connect_ms,tls_ms,first_byte_ms,"
              "total_ms,error_code,error_message\n"
              "\"https://lab/\",192.0.2.1,443,\"http\",\"TLSv1.3\",200,\"nginx/1.24.0 PHP\","
              "12.000000,25.000000,40.000000,41.000000,,\n"
              "\"'=x\\x1b[2J\\xe2\\x80\\xae\\xff\"\"|,\\x0a\",2001:db8::1,80,,,,\"\",,,,7.000000,"
              "\"tcp.unreachable.admin\",\"No route to host\"\n");
    free(text);
}

static void test_full_disk(void **state)
{
    const struct report_banner_text_options options = {0};
    FILE *out = fopen("/dev/full", "w");

    (void)state;
    assert_non_null(out);
    setvbuf(out, NULL, _IONBF, 0);
    setup_site();
    assert_true(report_banner_text(out, &banner, &options) < 0);
    clearerr(out);
    assert_true(report_banner_csv(out, &banner) < 0);
    clearerr(out);
    assert_true(report_banner_event(out, &banner) < 0);
    clearerr(out);
    assert_true(report_banner_json_target(out, &banner, true) < 0);
    fclose(out);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_text_of_a_site),
        cmocka_unit_test(test_text_in_full),
        cmocka_unit_test(test_text_of_failures),
        cmocka_unit_test(test_text_of_the_unknown),
        cmocka_unit_test(test_text_of_a_reset),
        cmocka_unit_test(test_json_of_a_reset),
        cmocka_unit_test(test_json_of_a_site),
        cmocka_unit_test(test_json_of_hostile_bytes),
        cmocka_unit_test(test_json_of_failures),
        cmocka_unit_test(test_json_document),
        cmocka_unit_test(test_csv),
        cmocka_unit_test(test_full_disk),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
