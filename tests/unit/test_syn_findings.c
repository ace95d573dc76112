/* What facts amount to: the cases that the simulated network does not have. */
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/random.h"
#include "base/timespan.h"
#include "engine/syn.h"
#include "wire/icmp.h"

#define START_NS (1000 * NS_PER_SEC)

/* A host in a few lines: what it answers to a SYN, and when. */
struct host {
    struct random random;
    int64_t rtt_ns, echo_ns; /* echo 0: silent */
    uint8_t ttl;             /* of what arrives here */
    uint16_t window, mss;
    bool no_mss, no_wscale, no_options;
    enum { CLOCK, COOKIES_OF_PAIR, COOKIES_PLAIN } stamps;
    double first_lost, never; /* shares of probes */
    int64_t (*delay)(struct host *host, const struct probe *probe);
    unsigned repeats; /* SYN-ACKs sent again, after 1, 2, 4 ... s */
    const uint8_t *kinds;
    uint8_t nkinds;
};

struct waiting {
    int64_t when_ns;
    struct packet packet;
    uint8_t payload[32];
};

#define WAITING_MAX 20000

struct run {
    struct host host;
    struct syn_config config;
    struct syn_target target;
    struct syn *syn;
    int64_t now_ns;
    struct waiting *waiting;
    size_t nwaiting;
    struct syn_target_result result;
};

static void run_init(struct run *r, uint64_t seed)
{
    static const uint8_t kinds[] = {2, 4, 8, 1, 3};

    *r = (struct run){.now_ns = START_NS};
    syn_config_default(&r->config);
    r->config.seed = seed;
    r->config.interval_ns = 100 * NS_PER_MS;
    r->target.source = address_from4((uint8_t[]){10, 0, 0, 2});
    r->target.destination = address_from4((uint8_t[]){10, 99, 0, 2});
    r->target.port = 443;
    r->host = (struct host){.rtt_ns = 20 * NS_PER_MS,
                            .ttl = 60,
                            .window = 65160,
                            .mss = 1460,
                            .kinds = kinds,
                            .nkinds = sizeof(kinds)};
    random_seed(&r->host.random, seed);
    r->waiting = calloc(WAITING_MAX, sizeof(*r->waiting));
    assert_non_null(r->waiting);
}

static struct packet *run_add(struct run *r, int64_t when_ns, const struct probe *probe)
{
    assert_true(r->nwaiting < WAITING_MAX);
    struct waiting *waiting = &r->waiting[r->nwaiting++];
    waiting->when_ns = when_ns;
    waiting->packet = (struct packet){.layers = LAYER_IP};
    waiting->packet.ip.source = probe->destination;
    waiting->packet.ip.destination = probe->source;
    waiting->packet.ip.version = 4;
    waiting->packet.ip.ttl = r->host.ttl;
    return &waiting->packet;
}

static uint32_t host_tsval(struct host *host, const struct probe *probe, int64_t now_ns)
{
    uint32_t ms = (uint32_t)(now_ns / NS_PER_MS);
    uint32_t bits = probe->tcp_wscale | 16u; /* net/ipv4/syncookies.c: scale, SACK */

    if (host->stamps == CLOCK)
        return ms;
    return (ms & ~63u) + bits + (host->stamps == COOKIES_OF_PAIR ? 123456789u : 0);
}

static void run_synack(struct run *r, const struct probe *probe, int64_t when_ns)
{
    struct host *host = &r->host;
    struct packet *packet = run_add(r, when_ns, probe);
    struct tcp_facts *tcp = &packet->tcp;
    bool stamps = probe->tcp_options & PROBE_TCP_TIMESTAMPS && !host->no_options;

    packet->layers |= LAYER_TCP;
    tcp->source_port = probe->destination_port;
    tcp->destination_port = probe->source_port;
    tcp->flags = TCP_SYN | TCP_ACK;
    tcp->seq = probe->tcp_seq * 3;
    tcp->ack = probe->tcp_seq + 1;
    tcp->window = host->window;
    tcp->has_mss = !host->no_mss;
    tcp->mss = host->mss;
    tcp->has_wscale = tcp->sack_permitted = !host->no_options && (host->stamps == CLOCK || stamps);
    tcp->has_wscale = tcp->has_wscale && !host->no_wscale;
    tcp->wscale = 7;
    tcp->has_timestamps = stamps;
    tcp->tsval = host_tsval(host, probe, when_ns);
    tcp->tsecr = probe->tcp_tsval;
    tcp->nkinds = host->nkinds;
    memcpy(tcp->kinds, host->kinds, host->nkinds);
}

static void run_echo(struct run *r, const struct probe *probe)
{
    struct packet *packet = run_add(r, r->now_ns + r->host.echo_ns, probe);
    struct waiting *waiting = &r->waiting[r->nwaiting - 1];

    memcpy(waiting->payload + 2, probe->payload, probe->payload_len);
    packet->layers |= LAYER_ICMP;
    packet->icmp.type = ICMP4_ECHO_REPLY;
    packet->icmp.id = probe->icmp_id;
    packet->icmp.checksum_ok = true;
    packet->payload = waiting->payload;
    packet->payload_len = 2u + probe->payload_len;
    packet->ip.ttl = 60;
}

static void run_host(struct run *r, const struct probe *probe, uint32_t *lost_isn)
{
    struct host *host = &r->host;

    if (probe->protocol == PROBE_ICMP) {
        if (host->echo_ns)
            run_echo(r, probe);
        return;
    }
    if (!(probe->tcp_flags & TCP_SYN))
        return;
    bool again = *lost_isn == probe->tcp_seq;
    if (random_chance(&host->random, host->never) ||
        (!again && random_chance(&host->random, host->first_lost))) {
        *lost_isn = probe->tcp_seq;
        return;
    }
    int64_t delay_ns = host->delay ? host->delay(host, probe) : host->rtt_ns;
    run_synack(r, probe, r->now_ns + delay_ns);
    for (unsigned i = 0; i < host->repeats; i++)
        run_synack(r, probe, r->now_ns + delay_ns + ((INT64_C(2) << i) - 1) * NS_PER_SEC);
}

/* The next packet that is due by `until_ns`; false: none. */
static bool run_pass(struct run *r, int64_t until_ns)
{
    size_t next = r->nwaiting;

    for (size_t i = 0; i < r->nwaiting; i++) {
        if (r->waiting[i].when_ns <= until_ns &&
            (next == r->nwaiting || r->waiting[i].when_ns < r->waiting[next].when_ns))
            next = i;
    }
    if (next == r->nwaiting)
        return false;
    struct waiting due = r->waiting[next];
    r->waiting[next] = r->waiting[--r->nwaiting];
    if (r->waiting[next].packet.payload)
        r->waiting[next].packet.payload = r->waiting[next].payload;
    if (due.packet.payload)
        due.packet.payload = due.payload;
    if (due.when_ns > r->now_ns)
        r->now_ns = due.when_ns;
    syn_receive(r->syn, &due.packet, PACKET_INCOMING, due.when_ns, NULL);
    return true;
}

static void run_all(struct run *r)
{
    static uint32_t lost[65536]; /* ISN by source port: what the host has ignored once */
    struct probe probe;
    int64_t wake_ns;
    uint32_t id;

    memset(lost, 0, sizeof(lost));
    assert_int_equal(syn_new(&r->config, &r->target, 1, r->now_ns, &r->syn, NULL), 0);
    for (;;) {
        while (run_pass(r, r->now_ns)) {
        }
        enum syn_step step = syn_next(r->syn, r->now_ns, &probe, &id, &wake_ns);
        if (step == SYN_DONE)
            break;
        if (step == SYN_SEND) {
            syn_sent(r->syn, id, 0, r->now_ns);
            run_host(r, &probe, &lost[probe.source_port]);
        } else if (!run_pass(r, wake_ns)) {
            r->now_ns = wake_ns;
        }
    }
    while (run_pass(r, INT64_MAX)) {
    }
    assert_int_equal(syn_target_result(r->syn, 0, &r->result), 0);
}

static void run_end(struct run *r)
{
    syn_target_result_release(&r->result);
    syn_free(r->syn);
    free(r->waiting);
}

static const struct syn_finding *found(const struct run *r, enum syn_finding_kind kind)
{
    for (size_t i = 0; i < r->result.nfindings; i++) {
        if (r->result.findings[i].kind == kind)
            return &r->result.findings[i];
    }
    return NULL;
}

static void assert_only(const struct run *r, enum syn_finding_kind kind)
{
    for (size_t i = 0; i < r->result.nfindings; i++) {
        if (r->result.findings[i].kind != kind)
            fail_msg("%s besides %s", syn_finding_id(r->result.findings[i].kind),
                     syn_finding_id(kind));
    }
    if (!found(r, kind))
        fail_msg("no %s", syn_finding_id(kind));
}

/* --- SYN-ACKs ------------------------------------------------------------------------------ */

/* Strings as FoxIO's JA4T README has them for these stacks, and what is missing as 00. */
static void test_ja4ts(void **state)
{
    static const struct {
        uint16_t window, mss;
        uint8_t nkinds, kinds[9];
        bool no_mss, no_wscale, no_options;
        unsigned repeats;
        const char *text;
    } rows[] = {
        {65535, 1460, 5, {2, 4, 8, 1, 3}, false, false, false, 0, "65535_2-4-8-1-3_1460_7"},
        {64240, 1460, 6, {2, 1, 3, 1, 1, 4}, false, false, false, 0, "64240_2-1-3-1-1-4_1460_7"},
        {65535,
         1460,
         9,
         {2, 1, 3, 1, 1, 8, 4, 0, 0},
         false,
         false,
         false,
         0,
         "65535_2-1-3-1-1-8-4-0-0_1460_7"},
        {1024, 1460, 1, {2}, false, true, true, 0, "1024_2_1460_00"},
        {1024, 0, 0, {0}, true, true, true, 0, "1024_00_00_00"},
        {65535, 1460, 5, {2, 4, 8, 1, 3}, false, false, false, 4, "65535_2-4-8-1-3_1460_7_1-2-4-8"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct run r;
        run_init(&r, 1);
        r.config.count = 1;
        r.host.window = rows[i].window;
        r.host.mss = rows[i].mss;
        r.host.kinds = rows[i].kinds;
        r.host.nkinds = rows[i].nkinds;
        r.host.no_mss = rows[i].no_mss;
        r.host.no_wscale = rows[i].no_wscale;
        r.host.no_options = rows[i].no_options;
        r.host.repeats = rows[i].repeats;
        run_all(&r);
        assert_string_equal(r.result.synack.ja4ts, rows[i].text);
        assert_int_equal(r.result.synack.window, rows[i].window);
        run_end(&r);
    }
}

/* Linux up to 6.17 adds an offset of the two addresses: cookies show whatever the port. */
static void test_cookies_of_an_address_pair(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct run r;
        run_init(&r, seed);
        r.host.stamps = COOKIES_OF_PAIR;
        run_all(&r);
        assert_only(&r, SYN_FINDING_COOKIES);
        run_end(&r);
    }
}

/* A clock in step with the probes, and some jitter: no cookies. */
static int64_t delay_jitter(struct host *host, const struct probe *probe)
{
    (void)probe;
    return host->rtt_ns + (int64_t)(fabs(random_normal(&host->random)) * 6e6);
}

static void test_no_cookies_in_an_even_clock(void **state)
{
    (void)state;
    for (uint64_t seed = 1; seed <= 200; seed++) {
        struct run r;
        run_init(&r, seed);
        r.config.count = 200;
        r.config.interval_ns = (int64_t)(64 + seed % 30) * NS_PER_MS;
        r.config.source_port = seed % 2 ? 61000 : 0;
        r.host.delay = delay_jitter;
        run_all(&r);
        if (r.result.nfindings)
            fail_msg("seed %lu: %s", seed, syn_finding_id(r.result.findings[0].kind));
        run_end(&r);
    }
}

static void test_proxy(void **state)
{
    struct run r;

    (void)state;
    run_init(&r, 1);
    r.host.window = 0;
    r.host.stamps = COOKIES_PLAIN;
    run_all(&r);
    assert_only(&r, SYN_FINDING_PROXY);
    assert_true(found(&r, SYN_FINDING_PROXY)->confidence > 0.95);
    run_end(&r);
    run_init(&r, 1);
    r.host.window = 0;
    run_all(&r);
    assert_true(found(&r, SYN_FINDING_PROXY)->confidence < 0.7);
    run_end(&r);
}

/* --- who answers --------------------------------------------------------------------------- */

static void test_answers_faster_than_the_host(void **state)
{
    struct run r;

    (void)state;
    run_init(&r, 1);
    r.config.reference = true;
    r.host.echo_ns = 50 * NS_PER_MS;
    run_all(&r);
    assert_only(&r, SYN_FINDING_TTL_MISMATCH);
    assert_true(found(&r, SYN_FINDING_TTL_MISMATCH)->ms == 30);
    assert_int_equal(found(&r, SYN_FINDING_TTL_MISMATCH)->value, 0);
    run_end(&r);
    run_init(&r, 1);
    r.config.reference = true;
    r.host.echo_ns = 35 * NS_PER_MS; /* slow, as busy hosts are */
    run_all(&r);
    assert_int_equal(r.result.nfindings, 0);
    run_end(&r);
}

/* --- loss ---------------------------------------------------------------------------------- */

static void test_backlog_without_a_measure(void **state)
{
    static const struct {
        double first_lost, never;
        bool backlog;
    } rows[] = {
        {1, 0, true}, {0.9, 0, true}, {0, 0.3, false}, {0, 0.6, false}, {0.1, 0, false},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        unsigned said = 0;
        for (uint64_t seed = 1; seed <= 100; seed++) {
            struct run r;
            run_init(&r, seed);
            r.config.count = 30;
            r.host.first_lost = rows[i].first_lost;
            r.host.never = rows[i].never;
            run_all(&r);
            said += found(&r, SYN_FINDING_BACKLOG) != NULL;
            assert_true(said > 0 || rows[i].backlog || found(&r, SYN_FINDING_LOSS) ||
                        found(&r, SYN_FINDING_TOO_FEW) || r.result.answered_when_repeated == 0);
            run_end(&r);
        }
        if (rows[i].backlog ? said < 99 : said > 1)
            fail_msg("row %zu: %u", i, said);
    }
}

static void test_too_few_to_tell(void **state)
{
    struct run r;
    unsigned told = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 50; seed++) {
        run_init(&r, seed);
        r.config.repeats = 0;
        r.host.never = 0.1;
        run_all(&r);
        if (r.result.timed_out == 1) {
            assert_only(&r, SYN_FINDING_TOO_FEW);
            assert_int_equal(r.result.findings[0].severity, SYN_NOTE);
            told++;
        }
        run_end(&r);
    }
    assert_true(told > 5);
}

static void test_thresholds(void **state)
{
    static const struct {
        double warn_ms, crit_ms, warn_loss, crit_loss;
        unsigned findings;
        enum syn_severity severity;
    } rows[] = {
        {NAN, NAN, NAN, NAN, 0, SYN_NOTE},    {21, 22, NAN, NAN, 0, SYN_NOTE},
        {20, 22, NAN, NAN, 1, SYN_WARNING},   {10, 20, NAN, NAN, 1, SYN_CRITICAL},
        {NAN, 20, NAN, NAN, 1, SYN_CRITICAL}, {NAN, NAN, 0.05, 0.2, 0, SYN_NOTE},
        {10, NAN, 0.05, 0.2, 1, SYN_WARNING},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct run r;
        run_init(&r, 1);
        r.config.warn_ms = rows[i].warn_ms;
        r.config.crit_ms = rows[i].crit_ms;
        r.config.warn_loss = rows[i].warn_loss;
        r.config.crit_loss = rows[i].crit_loss;
        run_all(&r);
        assert_int_equal(r.result.nfindings, rows[i].findings);
        if (rows[i].findings) {
            assert_int_equal(r.result.findings[0].kind, SYN_FINDING_THRESHOLD);
            assert_int_equal(r.result.findings[0].severity, rows[i].severity);
            assert_true(r.result.findings[0].ms == 20);
        }
        run_end(&r);
    }
    struct run r;
    run_init(&r, 3);
    r.config.count = 100;
    r.config.repeats = 0;
    r.config.warn_loss = 0.05;
    r.config.crit_loss = 0.2;
    r.host.never = 0.4;
    run_all(&r);
    assert_int_equal(r.result.findings[0].kind, SYN_FINDING_THRESHOLD);
    assert_int_equal(r.result.findings[0].severity, SYN_CRITICAL);
    assert_true(r.result.findings[0].loss_pct == r.result.loss_pct);
    run_end(&r);
}

/* --- flows --------------------------------------------------------------------------------- */

/* Every fourth port is 30 ms slower, under jitter with a long tail. */
static int64_t delay_fourth(struct host *host, const struct probe *probe)
{
    double tail_ms = -5 * log(1 - random_unit(&host->random));
    double more_ms = probe->source_port % 4 == 0 ? 30 : 0;

    return host->rtt_ns + (int64_t)((tail_ms + more_ms) * 1e6);
}

static int64_t delay_tail(struct host *host, const struct probe *probe)
{
    (void)probe;
    return host->rtt_ns + (int64_t)(-8e6 * log(1 - random_unit(&host->random)));
}

static void test_slow_flows_against_jitter(void **state)
{
    unsigned right = 0, alarms = 0;

    (void)state;
    for (uint64_t seed = 1; seed <= 100; seed++) {
        struct run r;
        run_init(&r, seed);
        r.config.count = 320;
        r.config.source_port = 40000;
        r.config.source_ports = 32;
        r.host.delay = delay_fourth;
        run_all(&r);
        const struct syn_finding *slow = found(&r, SYN_FINDING_SLOW_FLOWS);
        right += slow && slow->flows == 8 && slow->flows_total == 32 && fabs(slow->ms - 30) < 6;
        run_end(&r);
        run_init(&r, seed);
        r.config.count = 320;
        r.config.source_port = 40000;
        r.config.source_ports = 32;
        r.host.delay = delay_tail;
        run_all(&r);
        alarms += r.result.nfindings > 0;
        run_end(&r);
    }
    print_message("slow flows: %u of 100, false alarms: %u\n", right, alarms);
    assert_true(right >= 99);
    assert_int_equal(alarms, 0);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_ja4ts),
        cmocka_unit_test(test_cookies_of_an_address_pair),
        cmocka_unit_test(test_no_cookies_in_an_even_clock),
        cmocka_unit_test(test_proxy),
        cmocka_unit_test(test_answers_faster_than_the_host),
        cmocka_unit_test(test_backlog_without_a_measure),
        cmocka_unit_test(test_too_few_to_tell),
        cmocka_unit_test(test_thresholds),
        cmocka_unit_test(test_slow_flows_against_jitter),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
