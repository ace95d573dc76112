/* Scenarios: what is read, and that every mistake is named with its line and field. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/timespan.h"
#include "engine/scenario.h"

static struct scenario *parse(const char *yaml)
{
    struct scenario *scenario = NULL;
    struct document_error error;

    if (scenario_parse(yaml, strlen(yaml), &scenario, &error) < 0)
        fail_msg("%zu:%zu: %s: %s", error.line, error.column, error.field, error.message);
    return scenario;
}

static const char whole[] =
    "name: sample\n"
    "summary: Everything at once.\n"
    "defaults: {link: {delay: 1ms}, icmp: {rate: 100/s, burst: 10}}\n"
    "server: {addresses: [192.0.2.9], services: [{http: {port: 8080, status: 503}}]}\n"
    "path:\n"
    "  - {name: edge, link: {delay: 2ms, loss: 1.5%, rate: 10mbit}, return: {delay: 4ms}}\n"
    "  - {icmp: silent, mpls: [{label: 16, ttl: 2}, {label: 17}]}\n"
    "  - ecmp: [[{name: left}], [{name: right, link: {delay: 9ms}}]]\n"
    "  - repeat: 2\n"
    "    router: {clamp-mss: 1400, flow-hash: 7, filters: [{action: drop, protocol: tcp, port: "
    "443}]}\n"
    "  - {name: far, loop-to: left, nat: {table: 3}, unreachable: admin}\n"
    "events:\n"
    "  - {at: 10s, element: edge, set: {link: {loss: 18%}}}\n"
    "  - {at: 20s, element: edge, set: {blackhole: true}}\n"
    "expect: [{command: trace, end: reached, findings: [path.loss]}]\n";

static void test_reads_what_is_written(void **state)
{
    struct scenario *s = parse(whole);
    const struct scenario_element *e = s->path.elements;

    (void)state;
    assert_string_equal(s->name, "sample");
    assert_int_equal(s->path.nelements, 6);
    assert_true(e[0].to.loss == 0.015);
    assert_int_equal(e[0].to.delay_ns, 2 * NS_PER_MS);
    assert_int_equal(e[0].to.rate_bps, 10000000);
    assert_int_equal(e[0].from.delay_ns, 4 * NS_PER_MS);
    assert_true(e[0].from.loss == 0);
    assert_true(e[1].silent);
    assert_int_equal(e[1].to.delay_ns, NS_PER_MS);
    assert_int_equal(e[1].icmp_burst, 10);
    assert_int_equal(e[1].nmpls, 2);
    assert_false(e[1].mpls[0].bottom);
    assert_true(e[1].mpls[1].bottom);
    assert_int_equal(e[2].kind, SCENARIO_ECMP);
    assert_int_equal(e[2].branches[1].elements[0].from.delay_ns, 9 * NS_PER_MS);
    assert_int_equal(e[3].clamp_mss, 1400);
    assert_int_equal(e[3].flow_hash, 7);
    assert_int_equal(e[4].filters[0].port, 443);
    assert_true(e[4].filters[0].flow_share == 1);
    assert_string_equal(e[5].loop_to, "left");
    assert_int_equal(e[5].nat_table_max, 3);
    assert_int_equal(e[5].unreachable_code, 13);
    assert_int_equal(s->server.services[0].status, 503);
    assert_string_equal(s->expectations[0].findings[0], "path.loss");
    scenario_free(s);
}

static void test_reads_how_tcp_answers(void **state)
{
    struct scenario *s = parse(
        "name: a\npath: [{}]\nserver: {echo: silent, services: [{http: {}}, {tcp-echo: {mss: "
        "900, window: 1152, ttl: 100, ip-id: counter, without: [sack, wscale], ecn: "
        "accurate, fast-open: true, syn-cookies: true, backlog: busy, synack-retries: 0}}]}\n");
    const struct scenario_handshake *plain = &s->server.services[0].handshake;
    const struct scenario_handshake *given = &s->server.services[1].handshake;

    (void)state;
    assert_true(s->server.echo_silent);
    assert_int_equal(plain->synack_retries, 5);
    assert_int_equal(plain->backlog, BACKLOG_ROOM);
    assert_int_equal(given->mss, 900);
    assert_int_equal(given->window, 1152);
    assert_int_equal(given->ttl, 100);
    assert_int_equal(given->ip_id, IP_ID_COUNTER);
    assert_int_equal(given->without, SCENARIO_SACK | SCENARIO_WSCALE);
    assert_int_equal(given->ecn, ECN_ACCURATE);
    assert_true(given->fast_open && given->syn_cookies);
    assert_int_equal(given->backlog, BACKLOG_BUSY);
    assert_int_equal(given->synack_retries, 0);
    scenario_free(s);
}

static void test_reads_what_services_and_kernels_do(void **state)
{
    struct scenario *s =
        parse("name: a\npath: [{}]\nclient: {kernel: {net.ipv4.tcp_sack: 0}}\n"
              "server: {services: [{http: {size: 1.5mb, reset: mid-response, drip: 5ms, stall: 7}},"
              " {tcp-sink: {receive-buffer: 4096, pause: {after: 20kb, for: 3s}}}]}\n"
              "expect: [{command: flows, run: 'curl $TARGET', reset: {phase: mid_response, by: "
              "server, origin: host, forged: false}}]\n");
    const struct scenario_service *http = &s->server.services[0], *sink = &s->server.services[1];
    const struct scenario_expectation *expected = &s->expectations[0];

    (void)state;
    assert_int_equal(s->client.nsysctls, 1);
    assert_string_equal(s->client.sysctls[0].name, "net.ipv4.tcp_sack");
    assert_string_equal(s->client.sysctls[0].value, "0");
    assert_int_equal(http->size_bytes, 1500000);
    assert_int_equal(http->reset, SERVICE_RESET_MID_RESPONSE);
    assert_int_equal(http->drip_ns, 5 * NS_PER_MS);
    assert_true(http->stalls && http->stall_bytes == 7);
    assert_int_equal(sink->kind, SERVICE_TCP_SINK);
    assert_int_equal(sink->port, 9);
    assert_int_equal(sink->receive_buffer, 4096);
    assert_int_equal(sink->pause_bytes, 20000);
    assert_int_equal(sink->pause_ns, 3 * NS_PER_SEC);
    assert_string_equal(expected->run, "curl $TARGET");
    assert_string_equal(expected->reset.phase, "mid_response");
    assert_string_equal(expected->reset.by, "server");
    assert_string_equal(expected->reset.origin, "host");
    assert_true(expected->reset.forged_given && !expected->reset.forged);
    scenario_free(s);
}

static void test_reads_scripts(void **state)
{
    struct scenario *s = parse(
        "name: a\npath: [{}]\nserver: {services: [{script: {port: 8443,\n"
        " tls: {certificate: weak-key, version: '1.1', alpn: h2, client-certificate: true},\n"
        " steps: [{wait: request, pause: 1s, send: \"a\\0\\r\\n\", times: 2kb, drip: 3ms},\n"
        "  {hex: '15 03ff', end: reset}]}}, {dns: {answer: servfail}}, {dns: {answer: silent}}]}\n"
        "expect: [{command: banner, target: x.example, code: dns.servfail}]\n");
    const struct scenario_service *script = &s->server.services[0];
    const struct scenario_step *step = script->steps;

    (void)state;
    assert_int_equal(script->kind, SERVICE_SCRIPT);
    assert_true(script->tls.present && script->tls.h2 && script->tls.client_certificate);
    assert_int_equal(script->tls.certificate, CERTIFICATE_WEAK_KEY);
    assert_int_equal(script->tls.version, 11);
    assert_int_equal(script->nsteps, 2);
    assert_int_equal(step[0].wait, WAIT_REQUEST);
    assert_int_equal(step[0].pause_ns, NS_PER_SEC);
    assert_int_equal(step[0].len, 4);
    assert_memory_equal(step[0].bytes, "a\0\r\n", 4);
    assert_int_equal(step[0].times, 2000);
    assert_int_equal(step[0].drip_ns, 3 * NS_PER_MS);
    assert_int_equal(step[0].end, END_NOT);
    assert_int_equal(step[1].len, 3);
    assert_memory_equal(step[1].bytes, "\x15\x03\xff", 3);
    assert_int_equal(step[1].times, 1);
    assert_int_equal(step[1].end, END_RESET);
    assert_int_equal(s->server.services[1].port, 53);
    assert_int_equal(s->server.services[1].rcode, 2);
    assert_int_equal(s->server.services[2].rcode, SCENARIO_DNS_SILENT);
    assert_string_equal(s->expectations[0].target, "x.example");
    assert_string_equal(s->expectations[0].code, "dns.servfail");
    scenario_free(s);
}

static void test_reads_what_devices_do(void **state)
{
    struct scenario *s = parse(
        "name: a\npath:\n"
        "  - {name: x, strip-options: [sack, ecn], syn-proxy: {port: 443, wscale: 3}}\n"
        "  - {second-responder: {ttl: 128, delay: 2ms}, idle: {after: 5m, action: reset}}\n"
        "  - filters: [{action: reset-and-pass, after: 1.5kb, reset-offset: -7, reset-to: both,"
        " once: true, data: true}]\n"
        "events: [{at: 1s, element: x, set: {syn-proxy: no}}]\n");
    const struct scenario_element *e = s->path.elements;
    const struct scenario_filter *filter = &e[2].filters[0];

    (void)state;
    assert_int_equal(e[0].strip_options, SCENARIO_SACK | SCENARIO_ECN);
    assert_int_equal(e[0].syn_proxy.port, 443);
    assert_int_equal(e[0].syn_proxy.mss, 1460);
    assert_int_equal(e[0].syn_proxy.wscale, 3);
    assert_int_equal(s->events[0].values.syn_proxy.port, 0);
    assert_true(e[1].second.present && e[1].second.port == 0);
    assert_int_equal(e[1].second.handshake.ttl, 128);
    assert_int_equal(e[1].second.delay_ns, 2 * NS_PER_MS);
    assert_true(e[1].idle.after_ns == 300 * NS_PER_SEC);
    assert_int_equal(e[1].idle.action, IDLE_RESET);
    assert_int_equal(filter->action, FILTER_RESET_AND_PASS);
    assert_int_equal(filter->after_bytes, 1500);
    assert_int_equal(filter->reset.offset_bytes, -7);
    assert_int_equal(filter->reset.to, RESET_BOTH);
    assert_int_equal(filter->reset.count, 1);
    assert_true(filter->once && filter->data_only);
    scenario_free(s);
}

static void test_names_and_addresses_follow_the_position(void **state)
{
    struct scenario *s = parse(whole);
    char text[ADDRESS_TEXT_SIZE];

    (void)state;
    assert_string_equal(s->path.elements[1].name, "r2");
    address_format(&s->path.elements[1].address4, text);
    assert_string_equal(text, "10.0.2.1");
    address_format(&s->path.elements[4].address6, text);
    assert_string_equal(text, "fd00:0:0:6::1");
    address_format(&s->server.address4, text);
    assert_string_equal(text, "192.0.2.9");
    address_format(&s->server.address6, text);
    assert_string_equal(text, "fd00:0:0:99::2");
    scenario_free(s);
}

static void test_events_build_on_earlier_ones(void **state)
{
    struct scenario *s = parse(whole);

    (void)state;
    assert_int_equal(s->nevents, 2);
    assert_ptr_equal(s->events[0].element, &s->path.elements[0]);
    assert_true(s->events[0].values.to.loss == 0.18);
    assert_int_equal(s->events[0].values.to.delay_ns, 2 * NS_PER_MS);
    assert_false(s->events[0].values.blackhole);
    assert_true(s->events[1].values.to.loss == 0.18);
    assert_true(s->events[1].values.blackhole);
    scenario_free(s);
}

static void test_mistakes_are_named(void **state)
{
    static const struct {
        const char *yaml;
        int line;
        const char *field, *message;
    } cases[] = {
        {"", 0, "", "is empty"},
        {"[]", 1, "", "must be a mapping of fields"},
        {"name: a\npath: [\n", 3, "", "not YAML: did not find expected node content"},
        {"name: a\n", 1, "", "needs a \"path\" of at least one router"},
        {"path: [{}]\n", 1, "", "needs a \"name\""},
        {"name: a\nname: b\n", 2, "", "\"name\" is given twice"},
        {"name: a\npth: []\n", 2, "", "\"pth\" is not a field known here"},
        {"name: a\npath:\n - {link: {loss: 130%}}\n", 3, "path[0].link.loss",
         "\"130%\" is out of range (0% to 100%)"},
        {"name: a\npath:\n - {link: {delay: 5}}\n - {link: {delay: fast}}\n", 4,
         "path[1].link.delay", "\"fast\" is not a duration like 250ms or 5s"},
        {"name: a\npath: [{link: {mtu: 67}}]\n", 2, "path[0].link.mtu",
         "\"67\" is out of range (68 to 65535)"},
        {"name: a\npath: [{link: {rate: 10}}]\n", 2, "path[0].link.rate",
         "\"10\" is not a rate like 10mbit (bit, kbit, mbit, gbit)"},
        {"name: a\npath: [{addresses: [10.0.0]}]\n", 2, "path[0].addresses[0]",
         "\"10.0.0\" is not a unicast IPv4 or IPv6 address"},
        {"name: a\npath: [{blackhole: maybe}]\n", 2, "path[0].blackhole",
         "\"maybe\" is neither true nor false"},
        {"name: a\npath: [{name: x}, {name: x}]\n", 1, "", "\"x\" names two elements"},
        {"name: a\npath: [{loop-to: y}]\n", 1, "", "\"y\" is no router to loop to"},
        {"name: a\npath: [{ecmp: [[{}]]}]\n", 2, "path[0].ecmp", "needs at least two branches"},
        {"name: a\npath: [{filters: [{action: burn}]}]\n", 2, "path[0].filters[0].action",
         "\"burn\" is not one of drop, reject, reset, reset-and-pass"},
        {"name: a\npath: [{}]\nevents: [{at: 1s, element: r9, set: {}}]\n", 3, "events[0]",
         "\"r9\" is not a router of this scenario"},
        {"name: a\npath: [{repeat: 251}]\n", 2, "path[0].repeat",
         "\"251\" is out of range (1 to 250)"},
        {"name: a\npath: [{}]\nserver: {services: [{http: {backlog: deep}}]}\n", 3,
         "server.services[0].http.backlog", "\"deep\" is not one of room, busy, full"},
        {"name: a\npath: [{}]\nserver: {services: [{http: {without: [ecn]}}]}\n", 3,
         "server.services[0].http.without[0]",
         "\"ecn\" is not one of mss, sack, timestamps, wscale, fast-open"},
        {"name: a\npath: [{}]\nserver: {services: [{http: {window: 0}}]}\n", 3,
         "server.services[0].http.window", "\"0\" is out of range (1 to 65535)"},
        {"name: a\npath: [{idle: {action: reset}}]\n", 2, "path[0].idle", "needs \"after\""},
        {"name: a\npath: [{syn-proxy: yes}]\n", 2, "path[0].syn-proxy",
         "\"yes\" is neither \"no\" nor a mapping of fields"},
        {"name: a\npath: [{strip-options: [ttl]}]\n", 2, "path[0].strip-options[0]",
         "\"ttl\" is not one of mss, sack, timestamps, wscale, fast-open, ecn"},
        {"name: a\npath: [{}]\nserver: {services: [{script: {steps: [{hex: 1}]}}]}\n", 3,
         "server.services[0].script.steps[0].hex", "\"1\" is not 1 to 256 bytes like \"15 03 03\""},
        {"name: a\npath: [{}]\nserver: {services: [{script: {steps: [{send: {}}]}}]}\n", 3,
         "server.services[0].script.steps[0].send", "must be a single value"},
        {"name: a\npath: [{}]\nserver: {services: [{script: {tls: {version: 3}}}]}\n", 3,
         "server.services[0].script.tls.version", "\"3\" is not one of 1.0, 1.1, 1.2, 1.3"},
        {"name: a\npath: [{filters: [{after: 10mbit}]}]\n", 2, "path[0].filters[0].after",
         "\"10mbit\" is not a size like 10mb (b, kb, mb, gb)"},
        {"name: a\npath: [{}]\nserver: {kernel: {net.ipv4.ip_forward: 1}}\n", 3, "server.kernel",
         "\"net.ipv4.ip_forward\" is no kernel setting known here"},
        {"name: a\npath: [{}]\nclient: {kernel: {net.ipv4.tcp_sack: 0,\n net.ipv4.tcp_sack: 1}}\n",
         4, "client.kernel", "\"net.ipv4.tcp_sack\" is given twice"},
        {"name: a\npath: [{}]\nserver: {kernel: {net.ipv4.tcp_sack: ../0}}\n", 3, "server.kernel",
         "\"../0\" is no value of a kernel setting"},
        {"name: \"a\\e[31m\"\npath: {}\n", 2, "path", "must be a list"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
        struct scenario *scenario = NULL;
        struct document_error error;

        assert_true(scenario_parse(cases[i].yaml, strlen(cases[i].yaml), &scenario, &error) < 0);
        assert_null(scenario);
        assert_string_equal(error.message, cases[i].message);
        assert_string_equal(error.field, cases[i].field);
        assert_int_equal(error.line, cases[i].line);
    }
}

/* Aliases that double at each level are small on disk and endless when followed. */
static void test_alias_bombs_end(void **state)
{
    static const char bomb[] = "name: a\npath:\n"
                               " - repeat: 250\n   router: &r {}\n - repeat: 250\n   router: *r\n"
                               " - repeat: 250\n   router: *r\n - repeat: 250\n   router: *r\n"
                               " - repeat: 250\n   router: *r\n";
    static const char loop[] = "name: a\npath: &p\n - ecmp: [*p, *p]\n";
    struct scenario *scenario = NULL;
    struct document_error error;

    (void)state;
    assert_true(scenario_parse(bomb, strlen(bomb), &scenario, &error) < 0);
    assert_string_equal(error.message, "too many routers (at most 1000)");
    assert_true(scenario_parse(loop, strlen(loop), &scenario, &error) < 0);
    assert_string_equal(error.message, "nested too deeply (at most 16)");
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_reads_what_is_written),
        cmocka_unit_test(test_reads_how_tcp_answers),
        cmocka_unit_test(test_reads_what_services_and_kernels_do),
        cmocka_unit_test(test_reads_scripts),
        cmocka_unit_test(test_reads_what_devices_do),
        cmocka_unit_test(test_names_and_addresses_follow_the_position),
        cmocka_unit_test(test_events_build_on_earlier_ones),
        cmocka_unit_test(test_mistakes_are_named),
        cmocka_unit_test(test_alias_bombs_end),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
