/* The evidence order of retransmissions, row by row; numbers are worked out by hand. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "tests/unit/flow_script.h"

/* At the client, and at the server: 40 ms there and back. */
#define AT_CLIENT "0 > S 0\n40 < SA 0 id 0\n40 > . 1\n"
#define AT_SERVER "0 > S 0\n0 < SA 0 id 0\n40 > . 1\n"

/* The handshake took 20 ms. */
#define SLOW_V6 "!v6\n0 > S 0\n0 < SA 0\n20 > . 1\n"

/* Three segments whose acknowledgements do not come, and the probe. */
#define THREE  "50 > . 1+1460\n50 > . 1461+1460\n50 > P 2921+500\n140 > P 2921+500\n"
#define PROBED "7 > retransmission 500 tail_probe behind_tap\n"

/* A request and an answer of four full segments, all seen by the client. */
#define ANSWER                                                                                     \
    "50 > P 1+100\n90 < . 1+1460 ack 101\n90 < . 1461+1460\n90 < . 2921+1460\n90 < . 4381+1460\n"

struct row {
    const char *name, *script, *events;
};

static void check(const struct row *rows, size_t count)
{
    for (size_t i = 0; i < count; i++)
        flow_script_expect(rows[i].name, rows[i].script, rows[i].events);
}

#define CHECK(rows) check(rows, sizeof(rows) / sizeof((rows)[0]))

static void test_healthy(void **state)
{
    static const struct row rows[] = {
        {"an answer", AT_CLIENT ANSWER "91 > . 101 ack 5841\n", ""},
        {"closing",
         AT_CLIENT "50 > P 1+100\n90 < P 1+500 ack 101\n91 > F 101 ack 501\n131 < F 501 ack 102\n"
                   "131 > . 102 ack 502\n",
         ""},
        {"begun before the capture", "50 > P 1+100\n90 < . 1+1460 ack 101\n90 > . 101 ack 1461\n",
         ""},
        {"a sequence that wraps",
         "!isn 4294967200 4294966000\n" AT_CLIENT ANSWER "91 > . 101 ack 5841\n", ""},
    };

    (void)state;
    CHECK(rows);
}

static void test_fast_at_the_sender(void **state)
{
    static const struct row rows[] = {
        {"SACK asks for the second segment",
         AT_SERVER "50 > P 1+100\n51 < . 1+1460 ack 101\n51 < . 1461+1460\n51 < . 2921+1460\n"
                   "51 < . 4381+1460\n91 > . 101 ack 1461\n91 > . 101 sack 2921:4381\n"
                   "91 > . 101 sack 2921:5841\n92 < . 1461+1460\n",
         "12 < retransmission 1460 fast behind_tap\n"},
        {"three duplicate acknowledgements without SACK",
         "!nosack\n" AT_SERVER
         "50 > P 1+100\n51 < . 1+1460 ack 101\n51 < . 1461+1460\n51 < . 2921+1460\n"
         "51 < . 4381+1460\n51 < . 5841+1460\n91 > . 101 ack 1461\n91 > . 101\n91 > . 101\n"
         "91 > . 101\n92 < . 1461+1460\n",
         "14 < retransmission 1460 fast behind_tap\n"},
        {"a partial acknowledgement goes on with it (RFC 6582)",
         "!nosack\n" AT_SERVER
         "50 > P 1+100\n51 < . 1+1460 ack 101\n51 < . 1461+1460\n51 < . 2921+1460\n"
         "51 < . 4381+1460\n51 < . 5841+1460\n91 > . 101 ack 1461\n91 > . 101\n91 > . 101\n"
         "91 > . 101\n92 < . 1461+1460\n132 > . 101 ack 4381\n133 < . 4381+1460\n",
         "14 < retransmission 1460 fast behind_tap\n16 < retransmission 1460 fast behind_tap\n"},
        {"old and new bytes in one segment",
         AT_SERVER "50 > P 1+100\n51 < . 1+1460 ack 101\n51 < . 1461+1460\n51 < . 2921+730\n"
                   "91 > . 101 ack 1461\n91 > . 101 sack 2921:3651\n92 < . 1461+1460\n"
                   "93 < . 2921+1460\n",
         "10 < retransmission 1460 fast behind_tap\n11 < retransmission 730 fast behind_tap\n"},
    };

    (void)state;
    CHECK(rows);
}

static void test_fast_at_the_receiver(void **state)
{
    static const struct row rows[] = {
        {"the hole is filled by a later timestamp",
         "!ts\n" AT_CLIENT
         "50 > P 1+100\n90 < . 1+1460 ack 101 sent 70\n!90 < . 1461+1460 sent 70\n"
         "91 < . 2921+1460 sent 70\n91 > . 101 ack 1461 sack 2921:4381\n"
         "131 < . 1461+1460 sent 111\n",
         "8 < retransmission 1460 fast before_tap\n"},
        {"the hole is filled by a later IP-ID",
         AT_CLIENT "50 > P 1+100\n90 < . 1+1460 ack 101\n90 < . 1461+1460\n90 < . 2921+1460\n"
                   "90 < . 4381+1460\n!90 < . 5841+1460\n91 < . 7301+1460\n"
                   "91 > . 101 ack 5841 sack 7301:8761\n131 < . 5841+1460\n",
         "11 < retransmission 1460 fast before_tap\n"},
        {"the round trip has grown by half a second, and more arrives meanwhile",
         AT_CLIENT "50 > P 1+100\n90 < . 1+1460 ack 101\n!90 < . 1461+1460\n91 < . 2921+1460\n"
                   "91 > . 101 ack 1461 sack 2921:4381\n590 < . 4381+1460\n"
                   "632 < . 1461+1460\n",
         "9 < retransmission 1460 fast before_tap\n"},
        {"the same in silence: the timer",
         AT_CLIENT "50 > P 1+100\n90 < . 1+1460 ack 101\n!90 < . 1461+1460\n91 < . 2921+1460\n"
                   "91 > . 101 ack 1461 sack 2921:4381\n632 < . 1461+1460\n",
         "8 < retransmission 1460 timeout 1 before_tap\n"},
        {"the same as long a silence as before the flight: its answer",
         AT_CLIENT "50 > P 1+100\n90 < . 1+1460 ack 101\n90 > . 101 ack 1461\n"
                   "590 < . 1461+1460\n!590 < . 2921+1460\n!590 < . 4381+1460\n"
                   "590 < . 5841+1460\n590 > . 101 ack 2921 sack 5841:7301\n"
                   "1091 < . 2921+1460\n1091 < . 4381+1460\n",
         "10 < retransmission 1460 fast before_tap\n11 < retransmission 1460 fast before_tap\n"},
        {"flights as long ago as the timer's silence, and a shorter pause since: the timer",
         AT_CLIENT "50 > P 1+100\n90 < . 1+1460 ack 101\n90 > . 101 ack 1461\n"
                   "590 < . 1461+1460\n630 < . 2921+1460\n670 < . 4381+1460\n"
                   "!670 < . 5841+1460\n671 < . 7301+1460\n"
                   "671 > . 101 ack 5841 sack 7301:8761\n1172 < . 5841+1460\n",
         "12 < retransmission 1460 timeout 1 before_tap\n"},
        {"what is missing before the first retransmission was new and is lost as well",
         AT_CLIENT ANSWER "!90 < . 5841+1460\n91 < . 7301+1460\n!91 < . 8761+1460\n"
                          "91 > . 101 ack 5841 sack 7301:8761\n131 < . 5841+1460\n"
                          "131 > . 101 ack 8761\n171 < . 8761+1460\n171 < . 10221+1460\n",
         "11 < retransmission 1460 fast before_tap\n"
         "13 < retransmission 1460 fast before_tap\n"},
        {"the same, when the first duplicate acknowledgement let out new data",
         AT_CLIENT ANSWER "!90 < . 5841+1460\n91 < . 7301+1460\n"
                          "91 > . 101 ack 5841 sack 7301:8761\n131 < . 8761+1460\n"
                          "!131 < . 10221+1460\n131 > . 101 ack 5841 sack 7301:10221\n"
                          "171 < . 5841+1460\n171 > . 101 ack 10221\n211 < . 10221+1460\n",
         "13 < retransmission 1460 fast before_tap\n"
         "15 < retransmission 1460 fast before_tap\n"},
        {"after the timer it may have been a retransmission, too",
         AT_CLIENT ANSWER "!90 < . 5841+1460\n91 < . 7301+1460\n"
                          "91 > . 101 ack 5841 sack 7301:8761\n!131 < . 5841+1460\n"
                          "371 < . 5841+1460\n371 > . 101 ack 8761\n411 < . 8761+1460\n",
         "11 < retransmission 1460 timeout 1 before_tap\n"},
        {"no mark at all: a round trip has passed",
         "!noid\n" AT_CLIENT "50 > P 1+100\n90 < . 1+1460 ack 101\n!90 < . 1461+1460\n"
         "91 < . 2921+1460\n91 > . 101 ack 1461 sack 2921:4381\n132 < . 1461+1460\n",
         "8 < retransmission 1460 fast before_tap\n"},
        {"no mark at all: the shortest round trip has passed",
         "!v6\n0 > S 0\n0 < SA 0\n2.1 > . 1\n10 > . 1+1460\n10 > . 2921+1460\n"
         "10.1 < . 1 ack 1461 sack 2921:4381\n12.4 > . 1461+1460\n",
         "7 > retransmission 1460 fast before_tap\n"},
        {"no mark at all: the first flight took less than the handshake",
         SLOW_V6 "20 > . 1+1460\n20.1 > . 1461+1460\n20.2 > . 2921+1460\n20.3 < . 1 ack 4381\n"
                 "26.2 > . 4381+1460\n26.3 > . 7301+1460\n26.4 < . 1 ack 5841 sack 7301:8761\n"
                 "32.6 > . 5841+1460\n",
         "11 > retransmission 1460 fast before_tap\n"},
        {"no mark at all: another that came told the sender a round trip ago",
         "!v6\n" AT_SERVER "50 > . 1461+1460\n50 < . 1 ack 1 sack 1461:2921\n90 > . 1+1460\n"
         "90 < . 1 ack 2921\n110 > . 4381+1460\n"
         "110 < . 1 ack 2921 sack 4381:5841\n131 > . 2921+1460\n",
         "6 > retransmission 1460 fast before_tap\n10 > retransmission 1460 fast before_tap\n"},
        {"both copies come by: what was lost is the acknowledgement",
         "!ts\n" AT_CLIENT "50 > P 1+100\n90 < P 1+1000 ack 101 sent 70\n90 > . 101 ack 1001\n"
         "350 < P 1+1000 sent 330\n",
         "7 < retransmission 1000 tail_probe behind_tap\n"},
    };

    (void)state;
    CHECK(rows);
}

static void test_reordering(void **state)
{
    static const struct row rows[] = {
        {"an older timestamp",
         "!ts\n!noid\n" AT_CLIENT
         "50 > P 1+100\n90 < . 1+1460 ack 101 sent 70\n95 < . 2921+1460 sent 75\n"
         "95 > . 101 ack 1461 sack 2921:4381\n140 < . 1461+1460 sent 74\n",
         "8 < reordering\n"},
        {"an older IP-ID, after longer than a round trip",
         AT_CLIENT "50 > P 1+100\n90 < . 1+1460 ack 101 id 7100\n90 < . 1461+1460 id 7101\n"
                   "90 < . 2921+1460 id 7102\n90 < . 4381+1460 id 7103\n91 < . 7301+1460 id 7105\n"
                   "150 < . 5841+1460 id 7104\n",
         "10 < reordering\n"},
        {"no mark at all: too soon for a retransmission",
         "!noid\n" AT_CLIENT "50 > P 1+100\n90 < . 1+1460 ack 101\n91 < . 2921+1460\n"
         "95 < . 1461+1460\n",
         "7 < reordering\n"},
        {"no mark at all: new data that comes meanwhile tells nothing",
         "!v6\n" AT_SERVER "50 > . 1+1460\n50 > . 1461+1460\n50 < . 1 ack 2921\n"
         "90 > . 2921+1460\n90 > . 5841+1460\n90 < . 1 ack 4381 sack 5841:7301\n"
         "105 > . 7301+1460\n108 > . 4381+1460\n",
         "11 > reordering\n"},
        {"an equal timestamp decides nothing, the IP-ID does",
         AT_CLIENT "50 > P 1+100 ts 1/1\n90 < . 1+1460 ack 101 ts 5/1 id 7100\n"
                   "90 < . 1461+1460 ts 5/1 id 7101\n90 < . 2921+1460 ts 5/1 id 7102\n"
                   "90 < . 4381+1460 ts 5/1 id 7103\n90 < . 7301+1460 ts 5/1 id 7105\n"
                   "150 < . 5841+1460 ts 5/1 id 7104\n",
         "10 < reordering\n"},
        {"timestamps wrap",
         "!noid\n" AT_CLIENT "50 > P 1+100 ts 1/1\n90 < . 1+1460 ack 101 ts 4294967290/1\n"
         "95 < . 2921+1460 ts 2/1\n140 < . 1461+1460 ts 4294967295/1\n",
         "7 < reordering\n"},
        {"the first copy after the second",
         "!ts\n" AT_CLIENT
         "50 > P 1+100\n90 < . 1+1460 ack 101 sent 70\n91 < . 2921+1460 sent 71 id 7003\n"
         "91 > . 101 ack 1461 sack 2921:4381\n132 < . 1461+1460 sent 111 id 7004\n"
         "160 < . 1461+1460 sent 70 id 7002\n",
         "8 < retransmission 1460 fast before_tap\n9 < reordering\n"
         "9 < spurious original revises 8\n"},
    };

    (void)state;
    CHECK(rows);
}

static void test_duplicates(void **state)
{
    static const struct row rows[] = {
        {"same IP-ID and timestamp",
         "!ts\n" AT_CLIENT "50 > P 1+100\n90 < . 1+1460 ack 101 id 7100\n"
         "91 < . 1+1460 id 7100 sent 90\n",
         "6 < duplicate\n"},
        {"of a segment that was acknowledged long ago",
         AT_CLIENT ANSWER "91 > . 101 ack 5841\n120 < . 1461+1460 id 7001\n", "10 < duplicate\n"},
        {"only the TTL differs",
         AT_CLIENT "50 > P 1+100\n90 < . 1+1460 ack 101 id 7100\n90.1 < . 1+1460 id 7100 ttl 56\n",
         "6 < duplicate\n"},
        {"without an IP-ID: too soon to be sent again",
         "!noid\n" AT_CLIENT "50 > P 1+100\n90 < . 1+1460 ack 101\n91 < . 1+1460\n",
         "6 < duplicate\n"},
        {"on another interface it is none",
         AT_CLIENT "50 > P 1+100 if 2\n50.01 > P 1+100 if 3 id 102\n90 < P 1+500 ack 101 if 3\n"
                   "90.01 < P 1+500 id 7000 if 2\n91 > . 101 ack 501 if 2\n"
                   "91.01 > . 101 if 3 id 103\n",
         ""},
    };

    (void)state;
    CHECK(rows);
}

static void test_timers(void **state)
{
    static const struct row rows[] = {
        {"a probe, then the timer with its back-off",
         AT_CLIENT "50 > P 1+100\n330 > P 1+100\n620 > P 1+100\n1140 > P 1+100\n2180 > P 1+100\n",
         "5 > retransmission 100 tail_probe behind_tap\n"
         "6 > retransmission 100 timeout 1 behind_tap\n"
         "7 > retransmission 100 timeout 2 behind_tap\n"
         "8 > retransmission 100 timeout 3 behind_tap\n"},
        {"without SACK there is no probe",
         "!nosack\n" AT_CLIENT "50 > P 1+100\n330 > P 1+100\n870 > P 1+100\n",
         "5 > retransmission 100 timeout 1 behind_tap\n"
         "6 > retransmission 100 timeout 2 behind_tap\n"},
        {"the head after a timeout, the rest belongs to it",
         "!nosack\n" AT_CLIENT "50 > . 1+1460\n50 > . 1461+1460\n50 > P 2921+1460\n"
         "300 > . 1+1460\n340 < . 1 ack 1461\n340 > . 1461+1460\n340 > . 2921+1460\n",
         "7 > retransmission 1460 timeout 1 behind_tap\n"
         "9 > retransmission 1460 timeout behind_tap\n"
         "10 > retransmission 1460 timeout behind_tap\n"},
        {"the probe sends the last segment, the answer makes it fast",
         AT_CLIENT "50 > . 1+1460\n50 > . 1461+1460\n50 > P 2921+1460\n140 > P 2921+1460\n"
                   "180 < . 1 ack 1 sack 2921:4381\n180 > . 1+1460\n180 > . 1461+1460\n",
         "7 > retransmission 1460 tail_probe behind_tap\n"
         "9 > retransmission 1460 fast behind_tap\n10 > retransmission 1460 fast behind_tap\n"},
        {"a back-off ends with progress",
         "!nosack\n" AT_CLIENT "50 > P 1+100\n330 > P 1+100\n870 > P 1+100\n910 < . 1 ack 101\n"
         "920 > P 101+100\n1200 > P 101+100\n",
         "5 > retransmission 100 timeout 1 behind_tap\n"
         "6 > retransmission 100 timeout 2 behind_tap\n"
         "9 > retransmission 100 timeout 1 behind_tap\n"},
        {"a probe is not over with what it sent: the timer",
         AT_CLIENT "50 > P 1+100\n330 > P 1+100\n370 < . 1 ack 101\n380 > P 101+100\n"
                   "660 > P 101+100\n",
         "5 > retransmission 100 tail_probe behind_tap\n"
         "8 > retransmission 100 timeout 1 behind_tap\n"},
        {"a probe is over with more than it sent",
         AT_CLIENT "50 > P 1+100\n330 > P 1+100\n370 < . 1 ack 101\n380 > P 101+100\n"
                   "420 < . 1 ack 201\n430 > P 201+100\n710 > P 201+100\n",
         "5 > retransmission 100 tail_probe behind_tap\n"
         "10 > retransmission 100 tail_probe behind_tap\n"},
        {"no probe while it recovers: the timer",
         AT_CLIENT "50 > . 1+1460\n50 > . 1461+1460\n50 > . 2921+1460\n50 > P 4381+60\n"
                   "90 < . 1 ack 1 sack 1461:2921\n90 < . 1 ack 1 sack 1461:4381\n"
                   "100 > . 1+1460\n140 < . 1 ack 4381\n700 > P 4381+60\n",
         "10 > retransmission 1460 fast behind_tap\n"
         "12 > retransmission 60 timeout 1 behind_tap\n"},
        {"a late DSACK does not put off the probe",
         AT_CLIENT "50 > P 1+100\n90 < . 1 ack 101\n100 > . 101+1460\n100 > P 1561+100\n"
                   "185 < . 1 ack 101 sack 1:101\n200 > P 1561+100\n",
         "9 > retransmission 100 tail_probe behind_tap\n"},
        {"a probe is over with a DSACK",
         AT_CLIENT "50 > P 1+100\n330 > P 1+100\n370 < . 1 ack 101 sack 1:101\n"
                   "380 > P 101+100\n660 > P 101+100\n",
         "5 > retransmission 100 tail_probe behind_tap\n6 > spurious dsack revises 5\n"
         "8 > retransmission 100 tail_probe behind_tap\n"},
        {"a probe that no acknowledgement could stop: the round trip has grown",
         AT_CLIENT "50 > P 1+1\n575 < P 1+100 ack 2\n575 > P 2+1 ack 101\n"
                   "1100 < P 101+100 ack 3\n1100 > P 3+1 ack 201\n1625 < P 201+100 ack 4\n"
                   "1625 > P 4+1 ack 301\n2150 < P 301+100 ack 5\n2150 > P 5+1 ack 401\n"
                   "2367 < P 301+100\n",
         "13 < retransmission 100 tail_probe behind_tap\n"},
        {"a FIN", AT_CLIENT "50 > F 1\n330 > F 1\n",
         "5 > retransmission 0 tail_probe behind_tap fin\n"},
    };

    (void)state;
    CHECK(rows);
}

/* What was lost with everything after it leaves no hole at the receiver's side. */
static void test_lost_tails_before_the_tap(void **state)
{
    static const struct row rows[] = {
        {"an answer that was sent twice: its first IP-ID is missing",
         AT_CLIENT ANSWER "91 > . 101 ack 5841\n100 > P 101+100\n!140 < P 5841+500 ack 201\n"
                          "420 < P 5841+500 ack 201\n",
         "11 < retransmission 500 tail_probe before_tap\n"},
        {"and another one: the first told nothing of the round trip",
         AT_CLIENT ANSWER "90 < . 5841+1460\n91 > P 101+100 ack 7301\n"
                          "!131 < P 7301+500 ack 201\n431 < P 7301+500 ack 201\n"
                          "431 > P 201+100 ack 7801\n!471 < P 7801+500 ack 301\n"
                          "771 < P 7801+500 ack 301\n",
         "11 < retransmission 500 tail_probe before_tap\n"
         "13 < retransmission 500 timeout 1 before_tap\n"},
        {"a slow answer: nothing is missing",
         AT_CLIENT ANSWER "91 > . 101 ack 5841\n100 > P 101+100\n420 < P 5841+500 ack 201\n", ""},
        {"a path that has become longer, and a bare acknowledgement that was lost",
         AT_CLIENT ANSWER "91 > . 101 ack 5841\n100 > P 101+100\n640 < P 5841+500 ack 201\n"
                          "640 > P 201+100 ack 6341\n!1170 < . 6341 ack 301\n"
                          "1171 < P 6341+500 ack 301\n",
         ""},
        {"a prompt answer after a bare acknowledgement that was lost",
         AT_CLIENT ANSWER "91 > . 101 ack 5841\n100 > P 101+100\n!140 < . 5841 ack 201\n"
                          "150 < P 5841+500 ack 201\n",
         ""},
        {"asked again, and sent again: sooner than any answer",
         AT_CLIENT "100 > P 1+100\n200 < P 1+100 ack 101\n200 > P 101+100 ack 101\n"
                   "300 < P 101+100 ack 201\n300 > P 201+100 ack 201\n400 < P 201+100 ack 301\n"
                   "400 > P 301+100 ack 301\n500 < P 301+100 ack 401\n500 > P 401+100 ack 401\n"
                   "!600 < P 401+100 ack 501\n750 > P 401+100\n795 < P 401+100 ack 501\n",
         "13 > retransmission 100 tail_probe behind_tap\n"
         "14 < retransmission 100 tail_probe before_tap\n"},
        {"a probe of the last of three: one IP-ID more than the hole explains",
         AT_CLIENT ANSWER "91 > . 101 ack 5841\n!131 < . 5841+1460\n!131 < . 7301+1460\n"
                          "!131 < P 8761+1460\n221 < P 8761+1460\n",
         "10 < retransmission 1460 tail_probe before_tap\n"},
        {"nothing to acknowledge: what is missing was no bare acknowledgement",
         AT_CLIENT ANSWER "91 > . 101 ack 5841\n!99 < . 5841+1460\n211 < . 5841+1460\n",
         "10 < retransmission 1460 tail_probe before_tap\n"},
        {"the same, counted in little-endian order",
         AT_CLIENT "50 > P 1+100\n90 < . 1+1460 ack 101 id 5376\n90 < . 1461+1460 id 5632\n"
                   "90 < . 2921+1460 id 5888\n90 < . 4381+1460 id 6144\n91 > . 101 ack 5841\n"
                   "211 < . 5841+1460 id 6656\n",
         "10 < retransmission 1460 tail_probe before_tap\n"},
        {"the same, counted from a number that looks like a first one in little-endian order",
         AT_CLIENT "50 > P 1+100\n90 < . 1+1460 ack 101 id 5376\n90 < . 1461+1460 id 5377\n"
                   "90 < . 2921+1460 id 5378\n90 < . 4381+1460 id 5379\n"
                   "90 < . 5841+1460 id 5380\n91 > . 101 ack 7301\n211 < . 7301+1460 id 5382\n",
         "11 < retransmission 1460 tail_probe before_tap\n"},
        {"something to acknowledge: it may have been one",
         AT_CLIENT ANSWER "91 > P 101+100 ack 5841\n!131 < . 5841 ack 201\n"
                          "231 < . 5841+1460 ack 201\n",
         ""},
        {"the acknowledgement of what came again may have been one",
         AT_CLIENT ANSWER "91 > P 101+100 ack 5841\n131 < . 5841+100 ack 201\n"
                          "260 < . 5941+100\n331 > P 101+100\n!371 < . 6041 ack 201\n"
                          "391 < . 6041+1460\n",
         "12 > retransmission 100 tail_probe behind_tap\n"},
        {"a probe of the last of two, and news that the sender cannot have heard",
         AT_CLIENT ANSWER "91 > . 101 ack 4381\n!131 < . 5841+1460\n!131 < . 7301+1460\n"
                          "220 > . 101 ack 5841\n221 < . 7301+1460\n",
         "11 < retransmission 1460 tail_probe before_tap\n"},
        {"late at the tap, prompt by the sender's own clock",
         "!ts\n" AT_CLIENT ANSWER "91 > P 101+100 ack 5841\n!131 < . 5841 ack 201 sent 111\n"
         "491 < . 5841+1460 ack 201 sent 200\n",
         ""},
        {"a bare acknowledgement from ahead tells of it",
         AT_CLIENT ANSWER "91 > . 101 ack 5841\n100 > P 101+100\n!140 < P 5841+500 ack 201\n"
                          "150 < . 6341 ack 201\n400 < P 5841+500\n",
         "12 < retransmission 500 tail_probe before_tap\n"},
    };

    (void)state;
    CHECK(rows);
}

static void test_spurious(void **state)
{
    static const struct row rows[] = {
        {"DSACK",
         AT_CLIENT "50 > P 1+100\n330 > P 1+100\n331 < . 1 ack 101\n372 < . 1 sack 1:101\n",
         "5 > retransmission 100 tail_probe behind_tap\n7 > spurious dsack revises 5\n"},
        {"Eifel: the acknowledgement echoes the first copy",
         "!ts\n!nosack\n" AT_CLIENT
         "50 > P 1+100\n330 > P 1+100\n335 < . 1 ack 101 ts 500320/500050\n",
         "5 > retransmission 100 timeout 1 behind_tap\n6 > spurious eifel revises 5\n"},
        {"an acknowledgement that echoes the second copy is no sign",
         "!ts\n!nosack\n" AT_CLIENT
         "50 > P 1+100\n330 > P 1+100\n370 < . 1 ack 101 ts 500350/500330\n",
         "5 > retransmission 100 timeout 1 behind_tap\n"},
        {"F-RTO: after the timer, what was sent before it arrives",
         AT_CLIENT THREE "400 > . 1+1460\n450 < . 1 ack 1461\n451 < . 1 ack 2921\n",
         PROBED "8 > retransmission 1460 timeout 1 behind_tap\n10 > spurious frto revises 8\n"},
        {"F-RTO: by a SACK", AT_CLIENT THREE "400 > . 1+1460\n450 < . 1 ack 1 sack 1461:2921\n",
         PROBED "8 > retransmission 1460 timeout 1 behind_tap\n9 > spurious frto revises 8\n"},
        {"what arrives had been sent again, or was SACKed before: no F-RTO",
         AT_CLIENT THREE "400 > . 1+1460\n440 < . 1 ack 1461\n440 > . 1461+1460\n"
                         "480 < . 1 ack 3421\n",
         PROBED "8 > retransmission 1460 timeout 1 behind_tap\n"
                "10 > retransmission 1460 timeout behind_tap\n"},
        {"a DSACK of what was sent once is the network's doing",
         AT_CLIENT "50 > P 1+100\n90 < . 1 ack 101\n91 < . 1 sack 1:101\n", ""},
    };

    (void)state;
    CHECK(rows);
}

static void test_probes_and_windows(void **state)
{
    static const struct row rows[] = {
        {"keep-alives",
         AT_CLIENT "50 > P 1+100\n90 < P 1+100 ack 101\n91 > . 101 ack 101\n60091 > . 100\n"
                   "60131 < . 101\n120091 > . 100\n",
         "7 > keep_alive\n9 > keep_alive\n"},
        {"a window that closes, is probed, and opens",
         AT_CLIENT "50 > P 1+1000\n90 < . 1 ack 1001 win 0\n300 > . 1000\n340 < . 1 win 0\n"
                   "700 < . 1 win 501\n",
         "6 > window_probe\n5 < zero_window 610 ms\n"},
        {"a window that stays closed",
         AT_CLIENT "50 > P 1+1000\n90 < . 1 ack 1001 win 0\n300 > . 1000\n340 < . 1 win 0\n",
         "6 > window_probe\n5 < zero_window 250 ms\n"},
    };

    (void)state;
    CHECK(rows);
}

static void test_window_full(void **state)
{
    struct flow_script script;

    (void)state;
    flow_script_open(&script, NULL);
    script.verbose = true;
    flow_script_play(&script, AT_CLIENT "50 < . 1 win 20\n50 > . 1+1460\n50 > P 1461+1100\n");
    assert_string_equal(script.events, "6 > window_full\n");
    flow_script_close(&script);
}

static void test_capture_gaps(void **state)
{
    static const struct row rows[] = {
        {"acknowledged beyond the latest",
         AT_CLIENT "50 > P 1+100\n90 < . 1+1460 ack 101\n92 > . 101 ack 2921\n",
         "6 < capture_gap 1460\n"},
        {"a hole that is acknowledged",
         AT_CLIENT ANSWER "91 > . 101 ack 5841\n91 < . 8761+1460 id 7006\n92 > . 101 ack 10221\n",
         "11 < capture_gap 2920\n"},
        {"the rest of a fragment is no gap",
         AT_CLIENT "50 > P 1+100\n90 < . 1+500 ack 101 frag\n91 > . 101 ack 1461\n", ""},
    };

    (void)state;
    CHECK(rows);
}

static void test_handshake_again(void **state)
{
    static const struct row rows[] = {
        {"SYNs", "0 > S 0\n1000 > S 0\n3000 > S 0\n",
         "2 > syn_retransmission 0 timeout 1 behind_tap\n"
         "3 > syn_retransmission 0 timeout 2 behind_tap\n"},
        {"a SYN twice", "0 > S 0 id 5\n1 > S 0 id 5\n", "2 > duplicate\n"},
        {"SYN-ACKs", "0 > S 0\n0 < SA 0 id 0\n1000 < SA 0 id 0\n1040 > . 1\n",
         "3 < synack_retransmission 0 timeout 1 behind_tap\n"},
    };

    (void)state;
    CHECK(rows);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_healthy),
        cmocka_unit_test(test_fast_at_the_sender),
        cmocka_unit_test(test_fast_at_the_receiver),
        cmocka_unit_test(test_reordering),
        cmocka_unit_test(test_duplicates),
        cmocka_unit_test(test_timers),
        cmocka_unit_test(test_lost_tails_before_the_tap),
        cmocka_unit_test(test_spurious),
        cmocka_unit_test(test_probes_and_windows),
        cmocka_unit_test(test_window_full),
        cmocka_unit_test(test_capture_gaps),
        cmocka_unit_test(test_handshake_again),
    };

    return cmocka_run_group_tests_name("flow_sequence", tests, NULL, NULL);
}
