/* Who resets whom when, and whether the host did it. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/flow_script.h"

#define OPENED  "0 > S 0\n40 < SA 0 id 0\n40 > . 1\n"
#define REQUEST OPENED "50 > P 1+100\n"
#define STAMPED                                                                                    \
    "0 > S 0 ts 100/0\n36 < SA 0 id 0 ts 5000/100\n36 > . 1 ts 136/5000\n"                         \
    "36 > P 1+82 ts 136/5000\n"
#define ANSWER REQUEST "90 < . 1+1460 ack 101\n90 < . 1461+1460\n91 > . 101 ack 2921\n"

struct row {
    const char *name, *script, *events;
};

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        flow_script_expect(rows[i].name, rows[i].script, rows[i].events);
}

#define CHECK(rows) check(rows, sizeof(rows) / sizeof((rows)[0]))

/* As Linux sends them; none may be called forged. */
static void test_genuine(void **state)
{
    static const struct row rows[] = {
        {"closed port", "0 > S 0\n40 < RA 0 id 0 win 0 ack 1\n", "2 < reset refused unknown\n"},
        {"the client does not know of the SYN", "0 > S 0\n40 < SA 0 id 0\n40 > R 1 id 0 win 0\n",
         "3 > reset after_syn host\n"},
        {"after accept", OPENED "41 < RA 1\n", "4 < reset after_accept host\n"},
        {"after the request, with unread data", REQUEST "90 < RA 1 ack 101\n",
         "5 < reset after_request host\n"},
        {"after the request was acknowledged", REQUEST "90 < . 1 ack 101\n95 < RA 1 ack 101\n",
         "6 < reset after_request host\n"},
        {"mid-response by the server", ANSWER "100 < RA 2921\n", "8 < reset mid_response host\n"},
        {"mid-response by the client", ANSWER "100 > RA 101\n", "8 > reset mid_response host\n"},
        {"a client that is gone: one for each segment under way",
         ANSWER "100 > RA 101\n130 < . 2921+1460\n130 > R 101 id 0 win 0\n131 < . 4381+1460\n"
                "131 > R 101 id 0 win 0\n",
         "8 > reset mid_response host\n10 > reset mid_response host\n"
         "12 > reset mid_response host\n"},
        {"more data to a closed socket",
         ANSWER "100 < F 2921\n101 > . 101 ack 2922\n110 > P 101+100\n150 < R 2922 id 0 win 0\n",
         "11 < reset after_fin host\n"},
        {"closed with unread data", ANSWER "100 > P 101+100\n140 < RA 2921 ack 201\n",
         "9 < reset after_close_unread host\n"},
        {"begun before the capture", "50 > P 1+100\n51 < RA 1 ack 101\n",
         "2 < reset unknown unknown\n"},
        {"another initial TTL for RSTs, at the same distance",
         ANSWER "100 < R 2921 id 0 win 0 ttl 248\n", "8 < reset mid_response unknown\n"},
    };

    (void)state;
    CHECK(rows);
}

/* Something on the way sent them, but with reason. */
static void test_devices(void **state)
{
    static const struct row rows[] = {
        {"a flow that a device forgot while it was idle",
         ANSWER "300000 > P 101+100\n300003 < RA 2921 ack 201 ttl 62 id 0 win 0\n",
         "9 < reset after_close_unread device\n"},
        {"a balancer that answers for the server",
         "0 > S 0\n3 < SA 0 id 0 ttl 62\n3 > . 1\n50 > P 1+100\n90 < . 1+1460 ack 101\n"
         "91 > . 101 ack 1461\n95 < RA 1461 ttl 62 id 0 win 0\n",
         "7 < reset mid_response device\n"},
    };

    (void)state;
    CHECK(rows);
}

static void test_forged(void **state)
{
    static const struct row rows[] = {
        {"another TTL in a live flow", ANSWER "100 < R 2921 ttl 61 id 0\n",
         "8 < reset mid_response device forged\n"},
        {"another TTL and IP-ID, and the server goes on",
         ANSWER "90.5 < . 2921+1460\n90.6 < . 4381+1460\n91 > . 101 ack 5841\n"
                "100 < RA 5841 ttl 61 id 31337\n101 < . 5841+1460\n",
         "11 < reset mid_response device forged\n"
         "12 < reset mid_response device forged revises 11\n"},
        {"the host's TTL, in the window but not exact; the host goes on",
         ANSWER "100 < R 12921 id 0\n101 < . 2921+1460\n"
                "250 < . 4381+1460\n",
         "8 < reset mid_response host\n10 < reset mid_response device forged revises 8\n"},
        {"several, with rising sequence numbers",
         ANSWER "100 < R 2921 id 0\n100.1 < R 4381 id 0\n100.2 < R 7301 id 0\n",
         "8 < reset mid_response host\n9 < reset mid_response device forged revises 8\n"
         "10 < reset mid_response device forged\n"},
        {"as the host's, but by its timestamp an acknowledgement was sent later",
         STAMPED "54 < RA 1 ack 83 id 31337\n72 < . 1 ack 83 ts 5036/136\n",
         "5 < reset after_request host\n6 < reset after_request device forged revises 5\n"},
        {"sooner than the server can have the request, and another TTL",
         ANSWER "200 > P 101+100\n201 < RA 2921 ack 201 id 0 ttl 58\n",
         "9 < reset after_close_unread device forged\n"},
    };

    (void)state;
    CHECK(rows);
}

/* What was on its way when the host reset is no sign of life. */
static void test_aftermath(void **state)
{
    static const struct row rows[] = {
        {"overtaken data", ANSWER "100 < RA 4381 id 7004\n100.1 < . 2921+1460 id 7003\n",
         "8 < reset mid_response host\n"},
        {"an acknowledgement that was sent before",
         STAMPED "72 < RA 1 ack 83\n73 < . 1 ack 83 ts 5035/136\n",
         "5 < reset after_request host\n"},
        {"a clock of microseconds", STAMPED "72 < RA 1 ack 83\n73 < . 1 ack 83 ts 40500/136\n",
         "5 < reset after_request host\n"},
        {"the peer's data", ANSWER "100 < RA 2921\n101 > P 101+100\n",
         "8 < reset mid_response host\n"},
    };

    (void)state;
    CHECK(rows);
}

static void test_facts(void **state)
{
    struct flow_facts facts;

    (void)state;
    flow_script_facts(REQUEST "90 < . 1 ack 101\n95 < RA 1 ack 101\n96 < RA 1 ack 101\n", &facts);
    assert_true(facts.has_reset);
    assert_int_equal(facts.end, FLOW_END_RESET);
    assert_int_equal(facts.ended_by, FLOW_SERVER);
    assert_int_equal(facts.reset.phase, FLOW_RESET_AFTER_REQUEST);
    assert_int_equal(facts.reset.by, FLOW_SERVER);
    assert_int_equal(facts.reset.frame, 6);
    assert_int_equal(facts.reset.count, 2);
    assert_true(facts.reset.reasons & FLOW_REASON_SEQ_EXACT);
    assert_true(facts.reset.reasons & FLOW_REASON_TTL_SAME);
    assert_int_equal(facts.findings, 1 << FLOW_FINDING_RESET_AFTER_REQUEST);
    assert_int_equal(facts.severity, FLOW_CRITICAL);
    flow_script_facts(ANSWER "100 < RA 2921 ttl 61 id 0\n101 < . 2921+1460\n102 > . 101 ack 4381\n",
                      &facts);
    assert_int_equal(facts.end, FLOW_END_OPEN); /* what was forged is no end */
    assert_true(facts.reset.forged && facts.reset.confidence > 0.9);
    assert_true(facts.reset.reasons & FLOW_REASON_HOST_GOES_ON);
    assert_int_equal(facts.reset.ttl, 61);
    assert_int_equal(facts.reset.ttl_expected, 57);
    assert_true(facts.findings & 1 << FLOW_FINDING_RST_INJECTED);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_genuine), cmocka_unit_test(test_devices),
        cmocka_unit_test(test_forged),  cmocka_unit_test(test_aftermath),
        cmocka_unit_test(test_facts),
    };

    return cmocka_run_group_tests_name("flow_reset", tests, NULL, NULL);
}
