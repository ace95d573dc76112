/* The simulated server's side of the handshake against Linux's own answers, and its faults. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "base/timespan.h"
#include "engine/netsim.h"
#include "tests/unit/linux_handshakes.h"
#include "tests/unit/segment.h"

#define START_NS (1000 * NS_PER_SEC)

struct world {
    struct scenario *scenario;
    struct netsim *sim;
    unsigned counts[NETSIM_CHANGED + 1];
};

static void count(void *context, const struct netsim_event *event)
{
    ((struct world *)context)->counts[event->action]++;
}

/* The one router hides: TTLs are those of the server itself. */
static void open_world(struct world *w, const char *server, bool client_resets)
{
    struct netsim_options options = {
        .seed = 1, .simulate_server = true, .client_resets = client_resets, .start_ns = START_NS};
    struct document_error error;
    char yaml[512];

    memset(w, 0, sizeof(*w));
    snprintf(yaml, sizeof(yaml), "name: syn\npath: [{ttl-hidden: true}]\nserver: {%s}\n", server);
    if (scenario_parse(yaml, strlen(yaml), &w->scenario, &error) < 0)
        fail_msg("line %zu: %s: %s", error.line, error.field, error.message);
    assert_int_equal(netsim_new(w->scenario, &options, &w->sim), 0);
    netsim_set_log(w->sim, count, w);
}

static void close_world(struct world *w)
{
    netsim_free(w->sim);
    scenario_free(w->scenario);
}

static bool receive(struct world *w, int64_t now_ns, uint8_t answer[SEGMENT_MAX], size_t *len,
                    int64_t *when_ns)
{
    struct netsim_packet packet;

    if (netsim_receive(w->sim, now_ns, &packet) == 0)
        return false;
    assert_int_equal(packet.side, NETSIM_CLIENT);
    assert_true(packet.len <= SEGMENT_MAX);
    memcpy(answer, packet.bytes, packet.len);
    *len = packet.len;
    *when_ns = packet.when_ns;
    return true;
}

static void give(struct world *w, const uint8_t *bytes, size_t len, int64_t now_ns)
{
    assert_int_equal(netsim_send(w->sim, NETSIM_CLIENT, bytes, len, now_ns), 0);
}

/* The answer that comes at once. */
static size_t ask(struct world *w, const uint8_t *bytes, size_t len, int64_t now_ns,
                  uint8_t answer[SEGMENT_MAX])
{
    size_t answer_len;
    int64_t when_ns;

    give(w, bytes, len, now_ns);
    if (!receive(w, now_ns, answer, &answer_len, &when_ns))
        return 0;
    assert_int_equal(segment_sum(answer, answer_len), 0xffff);
    return answer_len;
}

/* --- what Linux answers ------------------------------------------------------------------ */

/* Takes out what is different in each run: numbers, clocks, cookies, flow labels, checksums. */
static void neutralise(uint8_t *packet)
{
    uint8_t *tcp = packet + segment_header_len(packet), *at;

    if (segment_header_len(packet) == 40)
        memset(packet + 1, packet[1] & 0xf0, 1), memset(packet + 2, 0, 2);
    else
        memset(packet + 10, 0, 2);
    if (tcp[13] & 2)
        memset(tcp + 4, 0, 4);
    memset(tcp + 16, 0, 2);
    at = segment_option(packet, 8);
    if (at)
        memset(at + 2, 0, 4);
    at = segment_option(packet, 34);
    if (at)
        memset(at + 2, 0, 8);
}

static unsigned compare(const char *server, const struct linux_handshake *rows, size_t count)
{
    unsigned wrong = 0;

    for (size_t i = 0; i < count; i++) {
        uint8_t segment[SEGMENT_MAX], expected[SEGMENT_MAX], answer[SEGMENT_MAX] = {0};
        size_t len = segment_from_hex(rows[i].segment, segment);
        size_t expected_len = segment_from_hex(rows[i].answer, expected), answer_len;
        struct world w;

        open_world(&w, server, false);
        answer_len = ask(&w, segment, len, START_NS, answer);
        neutralise(expected);
        if (answer_len == expected_len)
            neutralise(answer);
        if (answer_len != expected_len || memcmp(answer, expected, expected_len) != 0)
            wrong += (unsigned)printf("%s: differs\n", rows[i].name);
        close_world(&w);
    }
    return wrong;
}

static void test_answers_are_those_of_linux(void **state)
{
    (void)state;
    assert_int_equal(compare("services: [{http: {fast-open: true}}]", linux_handshakes,
                             sizeof(linux_handshakes) / sizeof(linux_handshakes[0])),
                     0);
}

static void test_cookies_are_those_of_linux(void **state)
{
    (void)state;
    assert_int_equal(compare("services: [{http: {syn-cookies: true}}]", linux_cookies,
                             sizeof(linux_cookies) / sizeof(linux_cookies[0])),
                     0);
}

/* The options' bits stand in the clock, behind an offset that only the flow knows. */
static void test_cookies_move_the_clock_as_in_linux(void **state)
{
    size_t half = sizeof(linux_cookies) / sizeof(linux_cookies[0]) / 2, compared = 0;
    uint8_t bytes[SEGMENT_MAX], answer[SEGMENT_MAX], expected[SEGMENT_MAX];
    uint32_t first = 0, linux_first = 0, isn = 0;
    struct world w;

    (void)state;
    open_world(&w, "services: [{http: {syn-cookies: true}}]", false);
    for (size_t i = 0; i < 2 * half; i++) {
        size_t len = segment_from_hex(linux_cookies[i].segment, bytes);

        segment_from_hex(linux_cookies[i].answer, expected);
        /* Linux took its time between the rows as well. */
        assert_true(ask(&w, bytes, len, START_NS + (int64_t)i * 37 * NS_PER_MS, answer) > 0);
        if (i % half == 0) {
            first = segment_get32(segment_option(answer, 8) + 2);
            linux_first = segment_get32(segment_option(expected, 8) + 2);
            isn = segment_get32(answer + segment_header_len(answer) + 4);
        }
        assert_int_equal(segment_get32(answer + segment_header_len(answer) + 4), isn);
        if (!segment_option(expected, 8))
            continue;
        assert_int_equal((segment_get32(segment_option(answer, 8) + 2) - first) % 64,
                         (segment_get32(segment_option(expected, 8) + 2) - linux_first) % 64);
        compared++;
    }
    assert_int_equal(compared, 2 * 5);
    close_world(&w);
}

/* --- time -------------------------------------------------------------------------------- */

static void load(const char *name, uint8_t bytes[SEGMENT_MAX], size_t *len)
{
    for (size_t i = 0; i < sizeof(linux_handshakes) / sizeof(linux_handshakes[0]); i++) {
        if (strcmp(linux_handshakes[i].name, name) == 0) {
            *len = segment_from_hex(linux_handshakes[i].segment, bytes);
            return;
        }
    }
    fail_msg("no row \"%s\"", name);
}

/* The answers' times in ms after the start, up to a minute, in `times`; their number. */
static size_t listen_for(struct world *w, int64_t times[16])
{
    uint8_t answer[SEGMENT_MAX];
    int64_t when_ns;
    size_t count = 0, len;

    while (receive(w, START_NS + 60 * NS_PER_SEC, answer, &len, &when_ns)) {
        assert_true(count < 16);
        times[count++] = (when_ns - START_NS) / NS_PER_MS;
    }
    return count;
}

static void assert_times(struct world *w, const int64_t *expected, size_t count)
{
    int64_t times[16];

    assert_int_equal(listen_for(w, times), count);
    for (size_t i = 0; i < count; i++)
        assert_int_equal(times[i], expected[i]);
    assert_int_equal(netsim_next_ns(w->sim) == TIME_NEVER || netsim_next_ns(w->sim) > START_NS, 1);
}

/* Linux sent it at 0.0, 1.0, 3.0, 7.1 s when nothing came back. */
static void test_synacks_are_repeated(void **state)
{
    static const int64_t times[] = {0, 1000, 3000, 7000, 15000, 31000};
    uint8_t syn[SEGMENT_MAX];
    struct world w;
    size_t len;

    (void)state;
    load("Linux client", syn, &len);
    open_world(&w, "services: [{http: {}}]", false);
    give(&w, syn, len, START_NS);
    assert_times(&w, times, 6);
    close_world(&w);
    open_world(&w, "services: [{http: {synack-retries: 1}}]", false);
    give(&w, syn, len, START_NS);
    assert_times(&w, times, 2);
    close_world(&w);
    open_world(&w, "services: [{http: {syn-cookies: true}}]", false);
    give(&w, syn, len, START_NS);
    assert_times(&w, times, 1);
    close_world(&w);
}

static void test_a_kernel_without_the_connection_resets(void **state)
{
    static const int64_t at_once[] = {0};
    uint8_t syn[SEGMENT_MAX];
    struct world w;
    size_t len;

    (void)state;
    load("IPv6 Linux client", syn, &len);
    open_world(&w, "services: [{http: {}}]", true);
    give(&w, syn, len, START_NS);
    assert_times(&w, at_once, 1);
    assert_int_equal(w.counts[NETSIM_DELIVERED], 3); /* SYN, SYN-ACK, RST */
    close_world(&w);
}

/* The ACK of the handshake, or a RST in its place, ends the repeating. */
static void test_synacks_end_with_an_answer(void **state)
{
    static const int64_t until_then[] = {1000};

    (void)state;
    for (int reset = 0; reset < 2; reset++) {
        uint8_t packet[SEGMENT_MAX], answer[SEGMENT_MAX];
        struct world w;
        size_t len;
        uint32_t isn;

        load("bare", packet, &len);
        open_world(&w, "services: [{http: {}}]", false);
        assert_true(ask(&w, packet, len, START_NS, answer) > 0);
        isn = segment_get32(answer + 24) + 1;
        packet[24 + 3]++; /* the sequence number */
        for (int i = 0; i < 4; i++)
            packet[28 + i] = (uint8_t)(isn >> (24 - 8 * i));
        packet[33] = reset ? 4 : 16;
        give(&w, packet, len, START_NS + 2 * NS_PER_SEC);
        assert_times(&w, until_then, 1);
        close_world(&w);
    }
}

static void test_a_full_backlog_ignores(void **state)
{
    static const int64_t to_the_second[] = {1000, 2000};
    uint8_t syn[SEGMENT_MAX], answer[SEGMENT_MAX];
    struct world w;
    size_t len;

    (void)state;
    load("Linux client", syn, &len);
    open_world(&w, "services: [{http: {backlog: full}}]", false);
    assert_int_equal(ask(&w, syn, len, START_NS, answer), 0);
    assert_int_equal(ask(&w, syn, len, START_NS + NS_PER_SEC, answer), 0);
    assert_int_equal(w.counts[NETSIM_BACKLOG_FULL], 2);
    close_world(&w);
    open_world(&w, "services: [{http: {backlog: busy, synack-retries: 1}}]", false);
    give(&w, syn, len, START_NS);
    give(&w, syn, len, START_NS + NS_PER_SEC);
    assert_times(&w, to_the_second, 2);
    assert_int_equal(w.counts[NETSIM_BACKLOG_FULL], 1);
    close_world(&w);
}

/* Linux: an ACK of the first, with its numbers; at most one in half a second. */
static void test_another_syn_on_a_half_open_connection(void **state)
{
    uint8_t syn[SEGMENT_MAX], first[SEGMENT_MAX], answer[SEGMENT_MAX];
    struct world w;
    size_t len;

    (void)state;
    load("bare", syn, &len);
    open_world(&w, "services: [{http: {}}]", false);
    assert_true(ask(&w, syn, len, START_NS, first) > 0);
    syn[24] = 0x55;
    assert_int_equal(ask(&w, syn, len, START_NS + NS_PER_MS, answer), 40);
    assert_int_equal(answer[33], 16);
    assert_int_equal(segment_get32(answer + 24), segment_get32(first + 24) + 1);
    assert_int_equal(segment_get32(answer + 28), 0x01020305);
    assert_int_equal(ask(&w, syn, len, START_NS + 2 * NS_PER_MS, answer), 0);
    syn[24] = 0x01;
    syn[27] = 0x68; /* 100 behind the first: in the window */
    assert_int_equal(ask(&w, syn, len, START_NS + 3 * NS_PER_MS, answer), 40);
    assert_int_equal(answer[33], 4 | 16);
    assert_int_equal(segment_get32(answer + 28), 0x01020369);
    assert_int_equal(ask(&w, syn, len, START_NS + 4 * NS_PER_MS, answer), 44);
    close_world(&w);
}

/* --- what a service may be given -------------------------------------------------------------- */

static void test_the_header_is_the_services(void **state)
{
    uint8_t syn[SEGMENT_MAX], answer[SEGMENT_MAX];
    struct world w;
    size_t len;

    (void)state;
    load("Linux client", syn, &len);
    open_world(&w, "services: [{http: {mss: 536, window: 500, ttl: 128, ip-id: copied}}]", false);
    assert_int_equal(ask(&w, syn, len, START_NS, answer), 60);
    assert_int_equal(answer[8], 128);
    assert_int_equal(answer[5], 7); /* the SYN's */
    assert_int_equal(answer[34] << 8 | answer[35], 500);
    assert_int_equal(segment_option(answer, 2)[2] << 8 | segment_option(answer, 2)[3], 536);
    assert_int_equal(segment_option(answer, 3)[2], 0);
    close_world(&w);
    open_world(&w, "link: {mtu: 1400}, services: [{http: {ip-id: counter}}]", false);
    for (uint8_t i = 1; i < 4; i++) {
        syn[21]++; /* another port */
        assert_int_equal(ask(&w, syn, len, START_NS, answer), 60);
        assert_int_equal(answer[5], i);
        assert_int_equal(segment_option(answer, 2)[2] << 8 | segment_option(answer, 2)[3], 1360);
    }
    close_world(&w);
}

static void test_options_may_be_unknown(void **state)
{
    uint8_t syn[SEGMENT_MAX], answer[SEGMENT_MAX];
    struct world w;
    size_t len;

    (void)state;
    load("IPv6 fast open request", syn, &len);
    open_world(&w,
               "services: [{http: {fast-open: true, without: [timestamps, wscale, fast-open]}}]",
               false);
    assert_int_equal(ask(&w, syn, len, START_NS, answer), 40 + 28);
    assert_non_null(segment_option(answer, 2));
    assert_non_null(segment_option(answer, 4));
    close_world(&w);
    open_world(&w, "services: [{http: {without: [mss, sack, timestamps, wscale]}}]", false);
    assert_int_equal(ask(&w, syn, len, START_NS, answer), 40 + 20);
    close_world(&w);
}

/* RFC 9768 table 2, by hand: AE CWR ECE of the SYN-ACK for the SYN's ECN field 0 to 3. */
static void test_accurate_ecn(void **state)
{
    static const uint16_t flags[] = {0x080, 0x0c0, 0x100, 0x180};
    uint8_t syn[SEGMENT_MAX], answer[SEGMENT_MAX];
    struct world w;
    size_t len;

    (void)state;
    open_world(&w, "services: [{http: {ecn: accurate}}]", false);
    load("AccECN", syn, &len);
    for (uint8_t ecn = 0; ecn < 4; ecn++) {
        syn[1] = ecn;
        syn[21]++;
        assert_int_equal(ask(&w, syn, len, START_NS, answer), 60);
        assert_int_equal((answer[32] << 8 | answer[33]) & 0x1c0, flags[ecn]);
    }
    load("ECN", syn, &len);
    assert_int_equal(ask(&w, syn, len, START_NS, answer), 60);
    assert_int_equal((answer[32] << 8 | answer[33]) & 0x1c0, 0x040);
    close_world(&w);
    open_world(&w, "services: [{http: {ecn: ignored}}]", false);
    assert_int_equal(ask(&w, syn, len, START_NS, answer), 60);
    assert_int_equal((answer[32] << 8 | answer[33]) & 0x1c0, 0);
    close_world(&w);
}

/* RFC 7413: the cookie that was given opens the door for data. */
static void test_fast_open_takes_data_with_its_cookie(void **state)
{
    uint8_t syn[SEGMENT_MAX], answer[SEGMENT_MAX], cookie[8];
    struct world w;
    size_t len;

    (void)state;
    open_world(&w, "services: [{http: {fast-open: true}}]", false);
    load("fast open request", syn, &len);
    assert_int_equal(ask(&w, syn, len, START_NS, answer), 72);
    memcpy(cookie, segment_option(answer, 34) + 2, 8);
    load("fast open wrong cookie", syn, &len);
    assert_int_equal(ask(&w, syn, len, START_NS, answer), 64);
    assert_memory_equal(segment_option(answer, 34) + 2, cookie, 8);
    assert_int_equal(segment_get32(answer + 28), 0x01020305);
    memcpy(segment_option(syn, 34) + 2, cookie, 8);
    syn[21]++;
    assert_int_equal(ask(&w, syn, len, START_NS, answer), 52);
    assert_null(segment_option(answer, 34));
    assert_int_equal(segment_get32(answer + 28), 0x01020305 + 5);
    close_world(&w);
}

/* ICMP echo request of 8 bytes to 10.99.0.2; the simulator does not look at checksums. */
static const uint8_t echo[] = {0x45, 0, 0,  28, 0, 1, 0, 0, 64, 1, 0, 0, 10, 0,
                               0,    2, 10, 99, 0, 2, 8, 0, 0,  0, 0, 1, 0,  1};

static void test_a_host_may_not_answer_echo(void **state)
{
    struct netsim_packet packet;
    struct world w;

    (void)state;
    open_world(&w, "echo: answers", false);
    give(&w, echo, sizeof(echo), START_NS);
    assert_int_equal(netsim_receive(w.sim, START_NS, &packet), 1);
    close_world(&w);
    open_world(&w, "echo: silent", false);
    give(&w, echo, sizeof(echo), START_NS);
    assert_int_equal(netsim_receive(w.sim, START_NS, &packet), 0);
    close_world(&w);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_answers_are_those_of_linux),
        cmocka_unit_test(test_cookies_are_those_of_linux),
        cmocka_unit_test(test_cookies_move_the_clock_as_in_linux),
        cmocka_unit_test(test_synacks_are_repeated),
        cmocka_unit_test(test_a_kernel_without_the_connection_resets),
        cmocka_unit_test(test_synacks_end_with_an_answer),
        cmocka_unit_test(test_a_full_backlog_ignores),
        cmocka_unit_test(test_another_syn_on_a_half_open_connection),
        cmocka_unit_test(test_the_header_is_the_services),
        cmocka_unit_test(test_options_may_be_unknown),
        cmocka_unit_test(test_accurate_ecn),
        cmocka_unit_test(test_fast_open_takes_data_with_its_cookie),
        cmocka_unit_test(test_a_host_may_not_answer_echo),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
