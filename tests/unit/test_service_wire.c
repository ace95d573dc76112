/* What the packets of one connection say: round trips, what was sent again, whose RST it is. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

#include <cmocka.h>

#include "base/timespan.h"
#include "engine/service_wire.h"

#define PORT         40000
#define CLIENT_ISN   1000
#define SERVER_ISN   9000
#define SERVER_TTL   57
#define NO_TIMESTAMP 0

enum { S = TCP_SYN, A = TCP_ACK, R = TCP_RST, F = TCP_FIN, P = TCP_PSH };

struct row { /* a segment, numbers counted from the sides' ISNs */
    int ms;
    bool from_server;
    uint16_t flags;
    uint32_t seq, ack, len;
    uint32_t tsval, tsecr;
    uint8_t ttl; /* 0: the side's usual one */
};

#define OPENED                                                                                     \
    {0, 0, S, 0, 0, 0, 10, 0, 0}, {40, 1, S | A, 0, 1, 0, 70, 10, 0},                              \
    {                                                                                              \
        40, 0, A, 1, 1, 0, 50, 70, 0                                                               \
    }
#define REQUEST                                                                                    \
    OPENED,                                                                                        \
    {                                                                                              \
        41, 0, A | P, 1, 1, 100, 51, 70, 0                                                         \
    }

static void play(struct service_wire *wire, const struct row *rows, size_t count)
{
    service_wire_init(wire, PORT);
    for (size_t i = 0; i < count; i++) {
        const struct row *r = &rows[i];
        struct segment s = {
            .when_ns = r->ms * NS_PER_MS,
            .family = 4,
            .ttl = r->ttl           ? r->ttl
                   : r->from_server ? SERVER_TTL
                                    : 64,
            .source = {10, 0, 0, r->from_server ? 2 : 1},
            .destination = {10, 0, 0, r->from_server ? 1 : 2},
            .source_port = r->from_server ? 80 : PORT,
            .destination_port = r->from_server ? PORT : 80,
            .seq = r->seq + (r->from_server ? SERVER_ISN : CLIENT_ISN),
            .ack = r->flags & A ? r->ack + (r->from_server ? CLIENT_ISN : SERVER_ISN) : 0,
            .payload_len = r->len,
            .flags = r->flags,
            .window = 1000,
            .tsval = r->tsval,
            .tsecr = r->tsecr,
            .has = (uint8_t)(SEGMENT_HAS_ID | (r->tsval ? SEGMENT_HAS_TIMESTAMPS : 0)),
        };

        service_wire_receive(wire, &s);
    }
}

static void facts_of(const struct row *rows, size_t count, struct service_wire_facts *facts)
{
    struct service_wire wire;

    play(&wire, rows, count);
    service_wire_facts(&wire, facts);
    service_wire_release(&wire);
}

#define FACTS(rows, facts) facts_of(rows, sizeof(rows) / sizeof((rows)[0]), facts)

static void test_nothing(void **state)
{
    struct service_wire_facts facts;

    (void)state;
    facts_of(NULL, 0, &facts);
    assert_false(facts.seen);
    assert_int_equal(facts.syn_rtt_ns, -1);
}

static void test_round_trip(void **state)
{
    static const struct row rows[] = {REQUEST, {81, 1, A, 1, 101, 500, 110, 51, 0}};
    struct service_wire_facts facts;

    (void)state;
    FACTS(rows, &facts);
    assert_true(facts.seen && facts.answered && !facts.has_reset);
    assert_int_equal(facts.syn_rtt_ns, 40 * NS_PER_MS);
    assert_int_equal(facts.retransmissions, 0);
    assert_int_equal(facts.peer_retransmissions, 0);
}

/* RFC 6298 (3) and RFC 7323 (4.1): the echo tells which of the SYNs was answered. */
static void test_syn_again(void **state)
{
    static const struct row second[] = {{0, 0, S, 0, 0, 0, 10, 0, 0},
                                        {1000, 0, S, 0, 0, 0, 1010, 0, 0},
                                        {1040, 1, S | A, 0, 1, 0, 70, 1010, 0}};
    static const struct row first[] = {{0, 0, S, 0, 0, 0, 10, 0, 0},
                                       {1000, 0, S, 0, 0, 0, 1010, 0, 0},
                                       {1040, 1, S | A, 0, 1, 0, 70, 10, 0}};
    static const struct row unknown[] = {{0, 0, S, 0, 0, 0, NO_TIMESTAMP, 0, 0},
                                         {1000, 0, S, 0, 0, 0, NO_TIMESTAMP, 0, 0},
                                         {1040, 1, S | A, 0, 1, 0, NO_TIMESTAMP, 0, 0}};
    struct service_wire_facts facts;

    (void)state;
    FACTS(second, &facts);
    assert_int_equal(facts.syn_rtt_ns, 40 * NS_PER_MS);
    assert_int_equal(facts.retransmissions, 1);
    FACTS(first, &facts);
    assert_int_equal(facts.syn_rtt_ns, 1040 * NS_PER_MS);
    FACTS(unknown, &facts);
    assert_true(facts.answered);
    assert_int_equal(facts.syn_rtt_ns, -1);
    assert_int_equal(facts.retransmissions, 1);
}

static void test_sent_again(void **state)
{
    static const struct row rows[] = {
        REQUEST,
        {300, 0, A | P, 1, 1, 100, 310, 70, 0},
        {340, 1, A | P, 1, 101, 500, 370, 310, 0},
        {341, 0, A, 101, 501, 0, 351, 370, 0},
        {600, 1, A | P, 1, 101, 500, 630, 310, 0},
    };
    struct service_wire_facts facts;

    (void)state;
    FACTS(rows, &facts);
    assert_int_equal(facts.retransmissions, 1);
    assert_int_equal(facts.peer_retransmissions, 1);
}

/* A connection too long for what waits is judged on the way, and as a whole. */
static void test_long(void **state)
{
    struct row rows[4 + 500] = {REQUEST};
    struct service_wire_facts facts;

    (void)state;
    for (unsigned i = 0; i < 500; i++)
        rows[4 + i] = (struct row){81 + (int)i, 1, A, 1 + i * 1000, 101, 1000, 110 + i, 51, 0};
    rows[4 + 400] = (struct row){481, 1, A, 1 + 399 * 1000, 101, 1000, 510, 51, 0}; /* again */
    FACTS(rows, &facts);
    assert_int_equal(facts.syn_rtt_ns, 40 * NS_PER_MS);
    assert_int_equal(facts.peer_retransmissions, 1);
}

static void test_host_resets(void **state)
{
    static const struct row rows[] = {REQUEST, {85, 1, R | A, 1, 101, 0, 115, 51, 0}};
    struct cause cause;
    struct service_wire_facts facts;

    (void)state;
    FACTS(rows, &facts);
    assert_true(facts.has_reset && facts.reset_knows);
    assert_false(facts.reset.forged);
    assert_int_equal(facts.reset.origin, FLOW_ORIGIN_HOST);
    assert_int_equal(facts.reset.phase, FLOW_RESET_AFTER_REQUEST);
    cause_set(&cause, "tcp.reset.after_request", PHASE_HTTP, "acknowledged");
    service_wire_combine(&facts, &cause, PHASE_HTTP);
    assert_string_equal(cause.code, "tcp.reset.after_request");
    assert_string_equal(cause.detail, "acknowledged");
    assert_string_equal(service_during_name(facts.during), "request");
}

/* It came from half-way, in another's name, and the host answers as if nothing had happened. */
static void test_device_resets(void **state)
{
    static const struct row rows[] = {REQUEST,
                                      {61, 1, R, 1, 0, 0, NO_TIMESTAMP, 0, 61},
                                      {81, 1, A, 1, 101, 0, 111, 51, 0},
                                      {181, 1, A | P, 1, 101, 500, 211, 51, 0}};
    struct cause cause;
    struct service_wire_facts facts;

    (void)state;
    FACTS(rows, &facts);
    assert_true(facts.has_reset && facts.reset.forged);
    assert_int_equal(facts.reset.origin, FLOW_ORIGIN_DEVICE);
    assert_true(facts.reset.reasons & FLOW_REASON_HOST_GOES_ON);
    assert_int_equal(facts.reset.ttl, 61);
    assert_int_equal(facts.reset.ttl_expected, SERVER_TTL);
    assert_int_equal(facts.reset_ns, 61 * NS_PER_MS);
    cause_set(&cause, "tcp.reset.on_accept", PHASE_CONNECT, "not acknowledged");
    cause.error = 104;
    service_wire_combine(&facts, &cause, PHASE_HTTP);
    assert_string_equal(cause.code, "tcp.reset.after_request");
    assert_int_equal(cause.phase, PHASE_HTTP);
    assert_int_equal(cause.error, 104);
    assert_int_equal(facts.during, SERVICE_DURING_REQUEST);
}

/* The request crossed the RST on its way: whoever resets had not seen it. */
static void test_on_accept(void **state)
{
    static const struct row rows[] = {REQUEST, {42, 1, R | A, 1, 1, 0, 72, 50, 0}};
    struct cause cause;
    struct service_wire_facts facts;

    (void)state;
    FACTS(rows, &facts);
    assert_true(facts.has_reset && !facts.reset_knows);
    cause_set(&cause, "tcp.reset.on_accept", PHASE_CONNECT, "as soon as it stood");
    service_wire_combine(&facts, &cause, PHASE_HTTP);
    assert_string_equal(cause.code, "tcp.reset.on_accept");
    assert_int_equal(facts.during, SERVICE_DURING_CONNECT);
}

static void test_during(void **state)
{
    static const struct row rows[] = {OPENED, {85, 1, R | A, 1, 1, 0, 115, 50, 0}};
    static const struct {
        const char *code, *during;
    } codes[] = {
        {"tcp.refused", "connect"},
        {"tcp.reset.after_client_hello", "tls"},
        {"tcp.reset.after_request", "request"},
        {"tcp.reset.mid_response", "response"},
        {"", "after"},
        {"http.status.503", "after"},
    };
    struct service_wire_facts facts;
    struct cause cause;

    (void)state;
    FACTS(rows, &facts);
    for (size_t i = 0; i < sizeof(codes) / sizeof(codes[0]); i++) {
        cause_set(&cause, codes[i].code, PHASE_CONNECT, "detail");
        service_wire_combine(&facts, &cause, PHASE_HTTP);
        assert_string_equal(cause.code, codes[i].code);
        assert_string_equal(service_during_name(facts.during), codes[i].during);
    }
}

/* Our own RST, for bytes nobody reads any more, is no reset of the service's. */
static void test_own_reset(void **state)
{
    static const struct row rows[] = {
        REQUEST, {81, 1, A | P, 1, 101, 500, 111, 51, 0}, {82, 0, R | A, 101, 501, 0, 92, 111, 0}};
    struct service_wire_facts facts;
    struct service_wire wire;

    (void)state;
    play(&wire, rows, sizeof(rows) / sizeof(rows[0]));
    assert_true(service_wire_is_over(&wire));
    service_wire_facts(&wire, &facts);
    assert_false(facts.has_reset);
    service_wire_release(&wire);
}

static void test_local_drop(void **state)
{
    static const struct row rows[] = {{0, 0, S, 0, 0, 0, 10, 0, 0},
                                      {40, 1, S | A, 0, 1, 0, 70, 10, 0},
                                      {1000, 0, S, 0, 0, 0, 1010, 0, 0},
                                      {1040, 1, S | A, 0, 1, 0, 1070, 10, 0}};
    static const struct row silent[] = {{0, 0, S, 0, 0, 0, 10, 0, 0},
                                        {1000, 0, S, 0, 0, 0, 1010, 0, 0}};
    struct service_wire_facts facts;
    struct cause cause;

    (void)state;
    FACTS(rows, &facts);
    cause_set(&cause, "tcp.timed_out", PHASE_CONNECT, "no answer to the SYN");
    service_wire_combine(&facts, &cause, PHASE_HTTP);
    assert_string_equal(cause.code, "tcp.local_drop");
    assert_int_equal(cause.phase, PHASE_CONNECT);
    FACTS(silent, &facts);
    cause_set(&cause, "tcp.timed_out", PHASE_CONNECT, "no answer to the SYN");
    service_wire_combine(&facts, &cause, PHASE_HTTP);
    assert_string_equal(cause.code, "tcp.timed_out");
}

static void test_over(void **state)
{
    static const struct row rows[] = {REQUEST,
                                      {81, 1, A | P, 1, 101, 500, 111, 51, 0},
                                      {81, 1, F | A, 501, 101, 0, 111, 51, 0},
                                      {82, 0, F | A, 101, 502, 0, 92, 111, 0},
                                      {122, 1, A, 502, 102, 0, 152, 92, 0}};
    const size_t count = sizeof(rows) / sizeof(rows[0]);
    struct service_wire wire;

    (void)state;
    for (size_t some = 0; some <= count; some++) {
        play(&wire, rows, some);
        assert_int_equal(service_wire_is_over(&wire), some == count);
        service_wire_release(&wire);
    }
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_nothing),       cmocka_unit_test(test_round_trip),
        cmocka_unit_test(test_syn_again),     cmocka_unit_test(test_sent_again),
        cmocka_unit_test(test_long),          cmocka_unit_test(test_host_resets),
        cmocka_unit_test(test_device_resets), cmocka_unit_test(test_on_accept),
        cmocka_unit_test(test_during),        cmocka_unit_test(test_own_reset),
        cmocka_unit_test(test_local_drop),    cmocka_unit_test(test_over),
    };

    return cmocka_run_group_tests(tests, NULL, NULL);
}
