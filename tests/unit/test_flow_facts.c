/* What is known of a flow; the figures are worked out by hand. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "base/timespan.h"
#include "tests/unit/flow_script.h"

/* The tap is 10 ms from the client and 30 ms from the server, there and back. */
#define OPENED "0 > S 0\n30 < SA 0 id 0 mss 1400\n40 > . 1\n"

static void test_handshake_in_two_halves(void **state)
{
    struct flow_facts facts;

    (void)state;
    flow_script_facts(OPENED "50 > P 1+100\n80 < P 1+500 ack 101\n90 > . 101 ack 501\n", &facts);
    assert_true(facts.client_known && facts.complete);
    assert_int_equal(facts.handshake_server_ns, 30 * NS_PER_MS);
    assert_int_equal(facts.handshake_client_ns, 10 * NS_PER_MS);
    assert_int_equal(facts.side[FLOW_SERVER].rtt.min_ns, 30 * NS_PER_MS);
    assert_int_equal(facts.side[FLOW_SERVER].rtt.samples, 2);
    assert_int_equal(facts.side[FLOW_CLIENT].rtt.max_ns, 10 * NS_PER_MS);
    assert_int_equal(facts.side[FLOW_CLIENT].mss, 1460);
    assert_int_equal(facts.side[FLOW_SERVER].mss, 1400);
    assert_int_equal(facts.side[FLOW_SERVER].wscale, 7);
    assert_int_equal(facts.side[FLOW_SERVER].window, 501 << 7);
    assert_int_equal(facts.side[FLOW_CLIENT].ttl, 64);
    assert_int_equal(facts.side[FLOW_SERVER].ttl, 57);
    assert_int_equal(facts.side[FLOW_CLIENT].isn, 1000000);
    assert_int_equal(facts.end, FLOW_END_OPEN);
    assert_int_equal(facts.findings, 0);
}

/* Times of a handshake that was repeated tell nothing. */
static void test_handshake_repeated(void **state)
{
    struct flow_facts facts;

    (void)state;
    flow_script_facts("0 > S 0\n1000 > S 0\n1030 < SA 0 id 0\n1040 > . 1\n", &facts);
    assert_int_equal(facts.handshake_server_ns, -1);
    assert_int_equal(facts.handshake_client_ns, -1);
    assert_int_equal(facts.side[FLOW_CLIENT].counts.syn_retransmissions, 1);
    assert_int_equal(facts.stall.cause, FLOW_STALL_HANDSHAKE);
    assert_int_equal(facts.stall.length_ns, NS_PER_SEC);
    assert_true(facts.findings & 1 << FLOW_FINDING_STALL);
}

/* At the receiver, timestamps in acknowledgements tell how far the sender is. */
static void test_rtt_by_timestamps(void **state)
{
    struct flow_facts facts;

    (void)state;
    flow_script_facts("!ts\n50 > . 101 ack 1461\n90 < . 1461+1460 ack 101\n", &facts);
    assert_int_equal(facts.side[FLOW_SERVER].rtt.samples, 1);
    assert_int_equal(facts.side[FLOW_SERVER].rtt.min_ns, 40 * NS_PER_MS);
    assert_false(facts.client_known);
    assert_int_equal(facts.key.port[FLOW_SERVER], 80); /* the smaller one */
}

static void test_bytes_and_goodput(void **state)
{
    struct flow_facts facts;
    const struct flow_counts *c = &facts.side[FLOW_SERVER].counts;

    (void)state;
    flow_script_facts("!nosack\n" OPENED
                      "50 > P 1+100\n80 < . 1+1400 ack 101\n80 < . 1401+1400\n90 > . 101 ack 2801\n"
                      "580 < . 2801+1400\n1080 < P 2801+1400\n1090 > . 101 ack 4201\n",
                      &facts);
    assert_int_equal(c->packets, 5);
    assert_int_equal(c->segments, 5); /* the SYN-ACK is one */
    assert_int_equal(c->unique_bytes, 4200);
    assert_int_equal(c->bytes, 5600);
    assert_int_equal(c->retransmissions, 1);
    assert_int_equal(c->retransmitted_bytes, 1400);
    assert_int_equal(c->timer, 1);
    assert_int_equal(c->lost_behind, 1);
    assert_true(fabs(facts.side[FLOW_SERVER].loss_pct - 20) < 1e-9);
    /* 4200 bytes between 80 and 580 ms */
    assert_true(fabs(facts.side[FLOW_SERVER].goodput_bps - 4200 * 8 / 0.5) < 1e-6);
    assert_true(isnan(facts.side[FLOW_CLIENT].goodput_bps)); /* one segment has no rate */
}

static void test_stream_over_four_gigabytes(void **state)
{
    struct flow_script script;
    uint64_t seq = 1;

    (void)state;
    flow_script_open(&script, NULL);
    flow_script_play(&script, OPENED);
    struct segment s = {.family = 4,
                        .flags = TCP_ACK,
                        .window = 501,
                        .ttl = 57,
                        .source = {10, 99, 0, 2},
                        .destination = {10, 0, 0, 2},
                        .source_port = 80,
                        .destination_port = 40000};
    for (unsigned i = 0; i < 100; i++, seq += 60000000) {
        s.when_ns = NS_PER_SEC + (100 + i) * NS_PER_MS;
        s.frame = 4 + i;
        s.seq = (uint32_t)(2000000 + seq);
        s.ack = 1000001;
        s.payload_len = 60000000;
        flows_receive(script.flows, &s, 1);
    }
    flows_finish(script.flows);
    assert_int_equal(script.ended[0].side[FLOW_SERVER].counts.unique_bytes, UINT64_C(6000000000));
    flow_script_close(&script);
}

/* A super-packet is what it will become on the wire. */
static void test_offloaded_segments(void **state)
{
    struct flow_facts facts;

    (void)state;
    flow_script_facts("!nosack\n0 > S 0\n0 < SA 0 id 0\n40 > . 1\n50 > P 1+100\n"
                      "51 < . 1+14600 ack 101\n300 < . 1+2920\n",
                      &facts);
    assert_int_equal(facts.side[FLOW_SERVER].counts.segments, 1 + 10 + 2);
    assert_int_equal(facts.side[FLOW_SERVER].counts.retransmissions, 2);
    assert_int_equal(facts.side[FLOW_SERVER].counts.retransmitted_bytes, 2920);
}

static void check_stall(const char *script, enum flow_stall_cause cause, enum flow_side side,
                        int64_t ms)
{
    struct flow_facts facts;

    flow_script_facts(script, &facts);
    assert_string_equal(flow_stall_cause_name(facts.stall.cause), flow_stall_cause_name(cause));
    assert_int_equal(facts.stall.side, side);
    assert_int_equal(facts.stall.length_ns, ms * NS_PER_MS);
}

static void test_stalls(void **state)
{
    struct flow_facts facts;

    (void)state;
    check_stall(OPENED "50 > P 1+100\n80 < . 1 ack 101\n1080 < P 1+500\n", FLOW_STALL_ANSWER,
                FLOW_SERVER, 1000);
    check_stall(OPENED "50 > P 1+100\n1050 < P 1+500 ack 101\n", FLOW_STALL_ANSWER, FLOW_SERVER,
                1000);
    check_stall(OPENED "50 > P 1+100\n80 < P 1+500 ack 101\n90 > . 101 ack 501\n"
                       "590 < P 501+500\n",
                FLOW_STALL_SENDER, FLOW_SERVER, 500);
    check_stall(OPENED "50 > P 1+100\n250 < . 1 ack 101\n", FLOW_STALL_ACK, FLOW_SERVER, 200);
    check_stall("!nosack\n" OPENED "50 > P 1+100\n450 > P 1+100\n", FLOW_STALL_TIMEOUT, FLOW_CLIENT,
                400);
    check_stall(OPENED "50 > P 1+100\n450 > P 1+100\n", FLOW_STALL_TAIL_PROBE, FLOW_CLIENT, 400);
    check_stall(OPENED "50 > P 1+100\n80 < . 1 ack 101 win 0\n680 < . 1 win 501\n",
                FLOW_STALL_ZERO_WINDOW, FLOW_SERVER, 600);
    /* Nobody waits for a client that has nothing to ask. */
    flow_script_facts(OPENED "50 > P 1+100\n80 < P 1+500 ack 101\n90 > . 101 ack 501\n"
                             "60090 > P 101+100\n60120 < P 501+500 ack 201\n",
                      &facts);
    assert_int_equal(facts.stall.cause, FLOW_STALL_NONE);
}

static void test_ends(void **state)
{
    struct flow_facts facts;

    (void)state;
    flow_script_facts(OPENED "50 < F 1\n60 > F 1 ack 2\n90 < . 2 ack 2\n", &facts);
    assert_int_equal(facts.end, FLOW_END_FIN);
    assert_int_equal(facts.ended_by, FLOW_SERVER);
    flow_script_facts(OPENED "50 > F 1\n80 < . 1 ack 2\n", &facts);
    assert_int_equal(facts.end, FLOW_END_HALF_FIN);
    assert_int_equal(facts.ended_by, FLOW_CLIENT);
    flow_script_facts("0 > S 0\n", &facts);
    assert_int_equal(facts.end, FLOW_END_SYN);
    assert_int_equal(facts.findings, 1 << FLOW_FINDING_TIMED_OUT);
}

/* RFC 9768 (3.1.1), table 2; flag values in decimal. */
static void test_ecn(void **state)
{
    static const struct {
        const char *script;
        enum flow_ecn ecn;
    } rows[] = {
        {"0 > S 0\n30 < SA 0\n", FLOW_ECN_NONE},
        {"0 > S 0 flags 194\n30 < SA 0 flags 82\n", FLOW_ECN_CLASSIC}, /* ECE CWR; ECE */
        {"0 > S 0 flags 194\n30 < SA 0 flags 18\n", FLOW_ECN_REFUSED},
        {"0 > S 0 flags 450\n30 < SA 0 flags 146\n", FLOW_ECN_ACCURATE}, /* AE CWR ECE; CWR */
        {"0 > S 0 flags 450\n30 < SA 0 flags 82\n", FLOW_ECN_CLASSIC},
        {"0 > S 0 flags 450\n30 < SA 0 flags 18\n", FLOW_ECN_REFUSED},
        {"30 < SA 0\n", FLOW_ECN_UNKNOWN},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct flow_facts facts;
        flow_script_facts(rows[i].script, &facts);
        assert_int_equal(facts.ecn, rows[i].ecn);
    }
    struct flow_facts facts;
    flow_script_facts(OPENED "50 > P 1+100 ecn 3\n80 < . 1 ack 101 flags 80\n", &facts);
    assert_int_equal(facts.side[FLOW_CLIENT].counts.ce_marks, 1);
    assert_int_equal(facts.side[FLOW_SERVER].counts.ece, 1);
}

static void test_findings(void **state)
{
    struct flow_facts facts;

    (void)state;
    flow_script_facts(OPENED "50 > P 1+1000\n80 < . 1 ack 1001 win 0\n400 < . 1 win 501\n", &facts);
    assert_int_equal(facts.findings, 1 << FLOW_FINDING_ZERO_WINDOW);
    assert_int_equal(facts.severity, FLOW_WARNING);
    flow_script_facts(OPENED
                      "50 > P 1+1000\n80 < . 1 ack 1001 win 2\n81 > P 1001+200\n"
                      "110 < . 1 ack 1201 win 2\n111 > P 1201+200\n140 < . 1 ack 1401 win 2\n",
                      &facts);
    assert_int_equal(facts.findings, 1 << FLOW_FINDING_SMALL_WINDOW);
    flow_script_facts("0 > S 0\n30 < SA 0 id 0\n40 > . 1\n1030 < SA 0 id 0\n1040 > . 1\n"
                      "3030 < SA 0 id 0\n3040 > . 1\n",
                      &facts);
    assert_true(facts.findings & 1 << FLOW_FINDING_BACKLOG_OVERFLOW);
}

/* A DSACK counts in whatever order it comes. */
static void test_overtaken_dsack(void **state)
{
    struct flow_facts facts;

    (void)state;
    flow_script_facts(OPENED "50 > P 1+100\n50 > P 101+100\n340 > P 1+100\n370 < . 1 ack 201\n"
                             "371 < . 1 ack 101 sack 1:101\n",
                      &facts);
    assert_int_equal(facts.side[FLOW_SERVER].counts.dsacks, 1);
    assert_int_equal(facts.side[FLOW_CLIENT].counts.spurious, 1);
}

/* What was sent again needlessly is no loss: neither in the share nor in the count beside it. */
static void test_needless(void **state)
{
    static const char thrice[] = OPENED "50 > P 1+100\n50 > P 101+100\n50 > P 201+100\n"
                                        "340 > P 1+100\n341 > P 101+100\n342 > P 201+100\n";
    struct flow_script script;
    struct flows_result result;

    (void)state;
    flow_script_open(&script, NULL);
    flow_script_play(&script, thrice);
    flow_script_play(&script, "370 < . 1 ack 301 sack 1:101\n");
    assert_int_equal(flows_result(script.flows, &result), 0);
    assert_int_equal(result.nfindings, 1);
    assert_int_equal(result.findings[0].kind, FLOW_FINDING_RETRANSMISSIONS);
    assert_int_equal(result.findings[0].count, 2);
    assert_true(result.findings[0].share_pct == 100.0 * 2 / 7); /* the SYN is one */
    flows_result_release(&result);
    flow_script_play(&script, "371 < . 1 ack 301 sack 101:201\n");
    assert_int_equal(flows_result(script.flows, &result), 0);
    assert_int_equal(result.nfindings, 0); /* one may be chance */
    flows_result_release(&result);
    flow_script_close(&script);
}

#define ASKED OPENED "50 > P 1+100\n80 < P 1+100 ack 101\n81 > . 101 ack 101\n"

/* Silence is a device's doing when there was silence before. */
static void test_idle_drop(void **state)
{
    struct flow_facts facts;

    (void)state;
    flow_script_facts(ASKED "12000 > P 101+100\n12230 > P 101+100\n12640 > P 101+100\n", &facts);
    assert_int_equal(facts.findings, 1 << FLOW_FINDING_IDLE_DROP);
    assert_int_equal(facts.side[FLOW_CLIENT].unheard, 2);
    flow_script_facts(ASKED "5000 > P 101+100\n5230 > P 101+100\n5640 > P 101+100\n", &facts);
    assert_int_equal(facts.findings, 1 << FLOW_FINDING_RETRANSMISSIONS);
    flow_script_facts(ASKED "12000 > P 101+100\n12230 > P 101+100\n12640 > P 101+100\n"
                            "12670 < . 101 ack 201\n",
                      &facts);
    assert_int_equal(facts.findings, 1 << FLOW_FINDING_RETRANSMISSIONS);
    /* After a longer silence, that the flow outlived; and the timer's own silences are none. */
    flow_script_facts(ASKED "60000 > P 101+100\n60030 < P 101+100 ack 201\n60031 > . 201 ack 201\n"
                            "80000 > P 201+100\n80230 > P 201+100\n95000 > P 201+100\n",
                      &facts);
    assert_true(facts.findings & 1 << FLOW_FINDING_IDLE_DROP);
    assert_int_equal(facts.side[FLOW_CLIENT].unheard, 2);
}

/* What a device forgot is no RST of the host's. */
static void test_idle_reset(void **state)
{
    struct flow_script script;
    struct flows_result result;

    (void)state;
    flow_script_open(&script, NULL);
    flow_script_play(&script, ASKED "12000 > P 101+100\n12006 < R 101 ttl 62 id 0 win 0\n");
    assert_int_equal(flows_result(script.flows, &result), 0);
    assert_int_equal(result.nfindings, 1);
    assert_int_equal(result.findings[0].kind, FLOW_FINDING_IDLE_DROP);
    flows_result_release(&result);
    flow_script_close(&script);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_handshake_in_two_halves),
        cmocka_unit_test(test_handshake_repeated),
        cmocka_unit_test(test_rtt_by_timestamps),
        cmocka_unit_test(test_bytes_and_goodput),
        cmocka_unit_test(test_stream_over_four_gigabytes),
        cmocka_unit_test(test_offloaded_segments),
        cmocka_unit_test(test_stalls),
        cmocka_unit_test(test_ends),
        cmocka_unit_test(test_ecn),
        cmocka_unit_test(test_findings),
        cmocka_unit_test(test_overtaken_dsack),
        cmocka_unit_test(test_needless),
        cmocka_unit_test(test_idle_drop),
        cmocka_unit_test(test_idle_reset),
    };

    return cmocka_run_group_tests_name("flow_facts", tests, NULL, NULL);
}
