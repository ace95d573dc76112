/* The schedule of SYN runs: order, pace, repetitions, resets, refused sends, pauses, memory. */
#include <errno.h>
#include <malloc.h>
#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/timespan.h"
#include "engine/syn.h"

#define START_NS (1000 * NS_PER_SEC)
#define RTT_NS   (20 * NS_PER_MS)

struct run {
    struct syn *syn;
    struct syn_config config;
    struct syn_target *targets;
    size_t ntargets;
    int64_t now_ns;
};

static void run_config(struct run *r, size_t ntargets)
{
    *r = (struct run){.now_ns = START_NS, .ntargets = ntargets};
    syn_config_default(&r->config);
    r->config.seed = 42;
    r->targets = calloc(ntargets, sizeof(*r->targets));
    assert_non_null(r->targets);
    for (size_t i = 0; i < ntargets; i++) {
        uint8_t last[4] = {10, (uint8_t)(i >> 16), (uint8_t)(i >> 8), (uint8_t)i};
        r->targets[i].source = address_from4((uint8_t[]){192, 0, 2, 1});
        r->targets[i].destination = address_from4(last);
        r->targets[i].port = 80;
    }
    r->targets[0].destination.bytes[0] = 11; /* 10.0.0.0 is no host's */
}

static void run_open(struct run *r)
{
    const char *why;

    if (syn_new(&r->config, r->targets, r->ntargets, r->now_ns, &r->syn, &why) < 0)
        fail_msg("%s", why);
}

static void run_close(struct run *r)
{
    syn_free(r->syn);
    free(r->targets);
}

/* Lets time pass until the run has something to send, or is done. */
static enum syn_step run_take(struct run *r, struct probe *probe, uint32_t *id)
{
    int64_t wake_ns;

    for (;;) {
        enum syn_step step = syn_next(r->syn, r->now_ns, probe, id, &wake_ns);
        if (step != SYN_WAIT)
            return step;
        assert_true(wake_ns != TIME_NEVER && wake_ns > r->now_ns);
        r->now_ns = wake_ns;
    }
}

static void run_send(struct run *r, struct probe *probe)
{
    uint32_t id;

    assert_int_equal(run_take(r, probe, &id), SYN_SEND);
    syn_sent(r->syn, id, 0, r->now_ns);
}

static struct packet synack_to(const struct probe *probe)
{
    struct packet packet = {.layers = LAYER_IP | LAYER_TCP};

    packet.ip.source = probe->destination;
    packet.ip.destination = probe->source;
    packet.ip.version = 4;
    packet.ip.ttl = 60;
    packet.tcp.source_port = probe->destination_port;
    packet.tcp.destination_port = probe->source_port;
    packet.tcp.flags = TCP_SYN | TCP_ACK;
    packet.tcp.seq = 7;
    packet.tcp.ack = probe->tcp_seq + 1;
    packet.tcp.window = 65160;
    packet.tcp.has_mss = packet.tcp.has_timestamps = packet.tcp.sack_permitted = true;
    packet.tcp.has_wscale = true;
    packet.tcp.mss = 1460;
    packet.tcp.tsval = 1000;
    packet.tcp.tsecr = probe->tcp_tsval;
    return packet;
}

static void run_answer(struct run *r, const struct probe *probe)
{
    struct packet packet = synack_to(probe);

    assert_int_equal(syn_receive(r->syn, &packet, PACKET_INCOMING, r->now_ns, NULL), SYN_ANSWER);
}

static struct syn_result run_result(const struct run *r)
{
    struct syn_result result;

    assert_int_equal(syn_result(r->syn, &result), 0);
    return result;
}

static size_t target_of(const struct run *r, const struct probe *probe)
{
    for (size_t i = 0; i < r->ntargets; i++) {
        if (address_equal(&r->targets[i].destination, &probe->destination))
            return i;
    }
    fail_msg("a probe of no target");
    return 0;
}

/* --- what is refused ----------------------------------------------------------------------- */

static void break_nothing(struct syn_config *config, struct syn_target *target)
{
    (void)config;
    (void)target;
}

static void break_interval(struct syn_config *config, struct syn_target *target)
{
    (void)target;
    config->interval_ns = -1;
}

static void break_timeout(struct syn_config *config, struct syn_target *target)
{
    (void)target;
    config->timeout_ns = 0;
}

static void break_rate(struct syn_config *config, struct syn_target *target)
{
    (void)target;
    config->rate_pps = NAN;
}

static void break_repeats(struct syn_config *config, struct syn_target *target)
{
    (void)target;
    config->repeats = SYN_REPEATS_MAX + 1;
}

static void break_ports(struct syn_config *config, struct syn_target *target)
{
    (void)target;
    config->source_port = 65000;
    config->source_ports = 537;
}

static void break_compare(struct syn_config *config, struct syn_target *target)
{
    (void)target;
    config->compare = true;
    config->options = SYN_OPTIONS_BARE;
}

static void break_family(struct syn_config *config, struct syn_target *target)
{
    (void)config;
    target->source = address_from6((uint8_t[]){0xfd, [15] = 1});
}

static void break_multicast(struct syn_config *config, struct syn_target *target)
{
    (void)config;
    target->destination = address_from4((uint8_t[]){224, 0, 0, 1});
}

static void break_port(struct syn_config *config, struct syn_target *target)
{
    (void)config;
    target->port = 0;
}

static void test_config_faults(void **state)
{
    static const struct {
        void (*apply)(struct syn_config *config, struct syn_target *target);
        const char *why;
    } rows[] = {
        {break_nothing, NULL},
        {break_interval, "a duration is negative, or the timeout zero"},
        {break_timeout, "a duration is negative, or the timeout zero"},
        {break_rate, "the rate is not a number of packets"},
        {break_repeats, "more than 6 repetitions"},
        {break_ports, "the range of source ports is too wide or leaves 65535"},
        {break_compare, "comparing needs options, which the bare set has not"},
        {break_family, "source and destination are of different families"},
        {break_multicast, "the destination is not one host's address"},
        {break_port, "port 0 cannot be connected to"},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct run r;
        const char *why = "unset";
        run_config(&r, 3);
        rows[i].apply(&r.config, &r.targets[1]);
        int err = syn_new(&r.config, r.targets, 3, START_NS, &r.syn, &why);
        assert_int_equal(err, rows[i].why ? -EINVAL : 0);
        if (rows[i].why)
            assert_string_equal(why, rows[i].why);
        else
            syn_free(r.syn);
        free(r.targets);
    }
}

/* --- order and pace ------------------------------------------------------------------------ */

/* Every round meets every target once, in the same order, so that each keeps its own interval. */
static void test_rounds(void **state)
{
    struct run r;
    struct probe probe;
    int64_t last_ns[50] = {0};
    unsigned met[50] = {0}, ascending = 0;
    size_t before = 0;

    (void)state;
    run_config(&r, 50);
    r.config.count = 4;
    r.config.repeats = 0;
    r.config.interval_ns = 500 * NS_PER_MS;
    run_open(&r);
    for (unsigned i = 0; i < 200; i++) {
        run_send(&r, &probe);
        size_t target = target_of(&r, &probe);
        assert_int_equal(met[target]++, i / 50);
        if (i >= 50)
            assert_int_equal(r.now_ns - last_ns[target], r.config.interval_ns);
        assert_int_equal(r.now_ns - START_NS, i * 10 * NS_PER_MS); /* spread, no bursts */
        last_ns[target] = r.now_ns;
        ascending += target > before;
        before = target;
    }
    assert_true(ascending > 60 && ascending < 140); /* the order is nobody's guess */
    uint32_t id;
    assert_int_equal(run_take(&r, &probe, &id), SYN_DONE);
    run_close(&r);
}

static void test_seeds_give_other_orders_and_numbers(void **state)
{
    struct probe first, second;
    unsigned same = 0;

    (void)state;
    for (uint64_t seed = 0; seed < 50; seed++) {
        struct run a, b;
        run_config(&a, 100);
        run_config(&b, 100);
        a.config.seed = seed;
        b.config.seed = seed % 2 ? seed : seed + 1;
        run_open(&a);
        run_open(&b);
        run_send(&a, &first);
        run_send(&b, &second);
        bool alike = address_equal(&first.destination, &second.destination) &&
                     first.tcp_seq == second.tcp_seq && first.source_port == second.source_port;
        assert_true(alike == (seed % 2 == 1));
        same += first.tcp_seq == second.tcp_seq;
        run_close(&a);
        run_close(&b);
    }
    assert_int_equal(same, 25);
}

/* At most the rate in every window, all kinds of packets counted, and nearly the rate overall. */
static void test_rate(void **state)
{
    enum { PACKETS = 4000 };
    static int64_t sent_ns[PACKETS];
    static const double rates[] = {10, 333.3, 5000, 100000};

    (void)state;
    for (size_t k = 0; k < sizeof(rates) / sizeof(rates[0]); k++) {
        struct run r;
        struct probe probe;
        uint32_t id;
        unsigned count = 0;
        run_config(&r, 2000);
        r.config.count = 1;
        r.config.rate_pps = rates[k];
        run_open(&r);
        while (count < PACKETS && run_take(&r, &probe, &id) == SYN_SEND) {
            syn_sent(r.syn, id, 0, r.now_ns);
            sent_ns[count++] = r.now_ns;
        }
        assert_int_equal(count, PACKETS);
        for (unsigned i = 1; i < PACKETS; i++)
            assert_true(sent_ns[i] > sent_ns[i - 1]);
        for (unsigned i = 0; i + 100 < 2000; i++)
            assert_true((double)(sent_ns[i + 100] - sent_ns[i]) >= 100e9 / rates[k] - 100);
        assert_true((double)(sent_ns[1999] - sent_ns[0]) <= 1999e9 / rates[k] + 2000);
        run_close(&r);
    }
}

/* Who comes late makes up for a millisecond, not for all that it missed. */
static void test_late_callers_do_not_burst(void **state)
{
    struct run r;
    struct probe probe;
    uint32_t id;
    int64_t wake_ns;
    unsigned burst = 0;

    (void)state;
    run_config(&r, 2000);
    r.config.count = 1;
    r.config.rate_pps = 10000;
    run_open(&r);
    run_send(&r, &probe);
    r.now_ns += 100 * NS_PER_MS;
    while (syn_next(r.syn, r.now_ns, &probe, &id, &wake_ns) == SYN_SEND) {
        syn_sent(r.syn, id, 0, r.now_ns);
        burst++;
    }
    assert_true(burst >= 1 && burst <= 11);
    run_close(&r);
}

/* --- what a SYN looks like ----------------------------------------------------------------- */

static void test_syn_looks(void **state)
{
    static const struct {
        enum syn_options options;
        enum syn_ecn ecn;
        unsigned carried;
        uint16_t flags;
    } rows[] = {
        {SYN_OPTIONS_BARE, SYN_ECN_OFF, PROBE_TCP_MSS, TCP_SYN},
        {SYN_OPTIONS_LINUX, SYN_ECN_OFF,
         PROBE_TCP_MSS | PROBE_TCP_SACK | PROBE_TCP_TIMESTAMPS | PROBE_TCP_WSCALE, TCP_SYN},
        {SYN_OPTIONS_LINUX, SYN_ECN_CLASSIC,
         PROBE_TCP_MSS | PROBE_TCP_SACK | PROBE_TCP_TIMESTAMPS | PROBE_TCP_WSCALE,
         TCP_SYN | TCP_ECE | TCP_CWR},
        {SYN_OPTIONS_FULL, SYN_ECN_ACCURATE,
         PROBE_TCP_MSS | PROBE_TCP_SACK | PROBE_TCP_TIMESTAMPS | PROBE_TCP_WSCALE |
             PROBE_TCP_FAST_OPEN,
         TCP_SYN | TCP_ECE | TCP_CWR | TCP_AE},
    };

    (void)state;
    for (size_t i = 0; i < sizeof(rows) / sizeof(rows[0]); i++) {
        struct run r;
        struct probe probe;
        run_config(&r, 1);
        r.config.options = rows[i].options;
        r.config.ecn = rows[i].ecn;
        r.config.dscp = 46;
        r.config.ttl = 77;
        r.config.link_mtu = 1400;
        run_open(&r);
        run_send(&r, &probe);
        assert_int_equal(probe.tcp_options, rows[i].carried);
        assert_int_equal(probe.tcp_flags, rows[i].flags);
        assert_int_equal(probe.tcp_mss, 1360);
        assert_int_equal(probe.dscp, 46);
        assert_int_equal(probe.ttl, 77);
        assert_int_equal(probe.size, 0);
        assert_true(probe.df);
        run_close(&r);
    }
}

/* Ports walk through their range; comparing, each of them is used both ways. */
static void test_ports_and_profiles(void **state)
{
    (void)state;
    for (uint16_t ports = 1; ports <= 9; ports++) {
        struct run r;
        struct probe probe;
        unsigned with[9] = {0}, without[9] = {0};
        int scale[9];
        memset(scale, -1, sizeof(scale));
        run_config(&r, 1);
        r.config.count = 72;
        r.config.interval_ns = 100 * NS_PER_MS;
        r.config.repeats = 0;
        r.config.source_port = 40000;
        r.config.source_ports = ports;
        r.config.compare = true;
        run_open(&r);
        for (unsigned i = 0; i < 72; i++) {
            run_send(&r, &probe);
            unsigned port = probe.source_port - 40000u;
            assert_int_equal(port, i % ports);
            if (!(probe.tcp_options & PROBE_TCP_TIMESTAMPS)) {
                without[port]++;
                continue;
            }
            with[port]++;
            assert_int_not_equal(probe.tcp_wscale, scale[port]);
            scale[port] = probe.tcp_wscale;
        }
        for (unsigned port = 0; port < ports; port++)
            assert_true(abs((int)with[port] - (int)without[port]) <= 1);
        run_close(&r);
    }
}

/* Left to itself, a run does not come back to a port before the timeout. */
static void test_ports_rest(void **state)
{
    struct run r;
    struct probe probe;
    int64_t used_ns[65536] = {0};

    (void)state;
    run_config(&r, 1);
    r.config.count = 100;
    r.config.repeats = 0;
    r.config.interval_ns = 70 * NS_PER_MS;
    run_open(&r);
    for (unsigned i = 0; i < 100; i++) {
        run_send(&r, &probe);
        assert_true(probe.source_port >= 61000);
        assert_true(r.now_ns - used_ns[probe.source_port] > r.config.timeout_ns);
        used_ns[probe.source_port] = r.now_ns;
    }
    run_close(&r);
}

/* --- repetitions and resets ---------------------------------------------------------------- */

static void test_repetitions(void **state)
{
    static const int64_t due_ns[] = {0, NS_PER_SEC, 3 * NS_PER_SEC, 7 * NS_PER_SEC};
    struct run r;
    struct probe probe;
    uint32_t isn = 0, id;

    (void)state;
    run_config(&r, 1);
    r.config.count = 1;
    r.config.repeats = 6; /* those that fit */
    r.config.timeout_ns = 10 * NS_PER_SEC;
    run_open(&r);
    for (unsigned i = 0; i < 4; i++) {
        run_send(&r, &probe);
        isn = i ? isn : probe.tcp_seq;
        assert_int_equal(probe.tcp_seq, isn);
        assert_int_equal(r.now_ns - START_NS, due_ns[i]);
    }
    assert_int_equal(run_take(&r, &probe, &id), SYN_DONE);
    assert_int_equal(r.now_ns - START_NS, 10 * NS_PER_SEC);
    struct syn_result result = run_result(&r);
    assert_int_equal(result.sent, 1);
    assert_int_equal(result.repeats_sent, 3);
    assert_int_equal(result.timed_out, 1);
    syn_result_release(&result);
    run_close(&r);
}

/* The kernel's RST, which has whatever flow label the kernel likes. */
static struct packet reset_of(const struct probe *syn, uint32_t flow_label)
{
    struct packet own = synack_to(syn);

    own.ip.source = syn->source;
    own.ip.destination = syn->destination;
    own.ip.version = syn->source.family;
    own.ip.flow_label = flow_label;
    own.tcp = (struct tcp_facts){.source_port = syn->source_port,
                                 .destination_port = syn->destination_port,
                                 .seq = syn->tcp_seq + 1,
                                 .flags = TCP_RST};
    return own;
}

/* With IPv6 a RST of another flow label may be taken to another place (RFC 6438). */
static void test_resets_with_the_label_of_the_syn(void **state)
{
    (void)state;
    for (int other = 0; other < 2; other++) {
        struct run r;
        struct probe syn, reset;
        struct packet own;
        uint32_t id;

        run_config(&r, 1);
        r.config.count = 1;
        r.targets[0].source = address_from6((uint8_t[16]){0xfd, [15] = 2});
        r.targets[0].destination = address_from6((uint8_t[16]){0xfd, [7] = 0x99, [15] = 2});
        run_open(&r);
        run_send(&r, &syn);
        r.now_ns += RTT_NS;
        run_answer(&r, &syn);
        own = reset_of(&syn, syn.flow_label ^ (unsigned)other);
        assert_int_equal(syn_receive(r.syn, &own, PACKET_OUTGOING, r.now_ns, NULL), SYN_RESET_SENT);
        if (other) {
            assert_int_equal(run_take(&r, &reset, &id), SYN_SEND);
            assert_int_equal(reset.tcp_flags, TCP_RST);
            assert_int_equal(reset.flow_label, syn.flow_label);
            syn_sent(r.syn, id, 0, r.now_ns);
        }
        assert_int_equal(run_take(&r, &reset, &id), SYN_DONE);
        run_close(&r);
    }
}

static void test_resets_what_the_kernel_does_not(void **state)
{
    (void)state;
    for (int kernel = 0; kernel < 3; kernel++) {
        struct run r;
        struct probe syn, reset;
        uint32_t id;
        run_config(&r, 1);
        r.config.count = 1;
        if (kernel == 2)
            r.config.reset_after_ns = TIME_NEVER;
        run_open(&r);
        run_send(&r, &syn);
        r.now_ns += RTT_NS;
        run_answer(&r, &syn);
        if (kernel == 1) {
            struct packet own = reset_of(&syn, 0);
            assert_int_equal(syn_receive(r.syn, &own, PACKET_OUTGOING, r.now_ns, NULL),
                             SYN_RESET_SENT);
        }
        if (kernel == 0) {
            assert_int_equal(run_take(&r, &reset, &id), SYN_SEND);
            assert_int_equal(reset.tcp_flags, TCP_RST);
            assert_int_equal(reset.tcp_seq, syn.tcp_seq + 1);
            assert_int_equal(reset.source_port, syn.source_port);
            assert_int_equal(reset.tcp_options, 0);
            assert_int_equal(r.now_ns - START_NS, RTT_NS + r.config.reset_after_ns);
            syn_sent(r.syn, id, 0, r.now_ns);
        }
        assert_int_equal(run_take(&r, &reset, &id), SYN_DONE);
        assert_true(r.now_ns - START_NS <= RTT_NS + 50 * NS_PER_MS);
        run_close(&r);
    }
}

/* --- refused sends, pauses, ends ----------------------------------------------------------- */

static void test_no_room_is_no_loss(void **state)
{
    struct run r;
    struct probe probe;
    uint32_t id, isn = 0;
    int64_t refused_ns = 0;

    (void)state;
    for (int error = EAGAIN;; error = ENOBUFS) {
        run_config(&r, 1);
        r.config.count = 2;
        run_open(&r);
        for (unsigned i = 0; i < 5; i++) {
            assert_int_equal(run_take(&r, &probe, &id), SYN_SEND);
            isn = i ? isn : probe.tcp_seq;
            assert_int_equal(probe.tcp_seq, isn);
            if (i > 0)
                assert_true(r.now_ns - refused_ns >= NS_PER_MS);
            refused_ns = r.now_ns;
            syn_sent(r.syn, id, i < 4 ? -error : 0, r.now_ns);
        }
        r.now_ns += RTT_NS;
        run_answer(&r, &probe);
        run_send(&r, &probe); /* the RST */
        run_send(&r, &probe);
        r.now_ns += RTT_NS;
        run_answer(&r, &probe);
        struct syn_result result = run_result(&r);
        assert_int_equal(result.sent, 2);
        assert_int_equal(result.answered, 2);
        assert_int_equal(result.pauses, 4);
        assert_int_equal(result.send_errors, 0);
        assert_true(result.targets[0].rtt_ms.max == 20);
        syn_result_release(&result);
        run_close(&r);
        if (error == ENOBUFS)
            break;
    }
}

/* A batch is refused as a whole: one pause, and every packet is offered again. */
static void test_refused_batches(void **state)
{
    struct run r;
    struct probe probe;
    uint32_t ids[8];
    int64_t wake_ns;

    (void)state;
    run_config(&r, 8);
    r.config.count = 1;
    run_open(&r);
    for (unsigned i = 0; i < 8; i++)
        assert_int_equal(syn_next(r.syn, r.now_ns, &probe, &ids[i], &wake_ns), SYN_SEND);
    for (unsigned i = 0; i < 8; i++)
        syn_sent(r.syn, ids[i], i < 3 ? 0 : -ENOBUFS, r.now_ns);
    assert_int_equal(syn_next(r.syn, r.now_ns, &probe, &ids[0], &wake_ns), SYN_WAIT);
    assert_int_equal(wake_ns - r.now_ns, NS_PER_MS);
    for (unsigned i = 3; i < 8; i++) {
        uint32_t id;
        assert_int_equal(run_take(&r, &probe, &id), SYN_SEND);
        assert_int_equal(id, ids[i]);
        syn_sent(r.syn, id, 0, r.now_ns);
    }
    struct syn_result result = run_result(&r);
    assert_int_equal(result.sent, 8);
    assert_int_equal(result.pending, 8);
    assert_int_equal(result.pauses, 5);
    syn_result_release(&result);
    run_close(&r);
}

static void test_send_errors_are_no_loss(void **state)
{
    struct run r;
    struct probe probe;
    uint32_t id;

    (void)state;
    run_config(&r, 1);
    r.config.count = 3;
    r.config.repeats = 0;
    run_open(&r);
    for (unsigned i = 0; i < 3; i++) {
        assert_int_equal(run_take(&r, &probe, &id), SYN_SEND);
        syn_sent(r.syn, id, i == 1 ? -EPERM : 0, r.now_ns);
    }
    assert_int_equal(run_take(&r, &probe, &id), SYN_DONE);
    struct syn_result result = run_result(&r);
    const struct syn_target_result *target = &result.targets[0];
    assert_int_equal(target->sent, 2);
    assert_int_equal(target->timed_out, 2);
    assert_int_equal(target->send_errors, 1);
    assert_int_equal(target->findings[1].kind, SYN_FINDING_SEND_ERRORS);
    assert_int_equal(target->findings[1].error, EPERM);
    syn_result_release(&result);
    run_close(&r);
}

/* Nothing can be sent: one round tells as much as many. */
static void test_hopeless_runs_end(void **state)
{
    struct run r;
    struct probe probe;
    uint32_t id;
    unsigned sends = 0;

    (void)state;
    run_config(&r, 5);
    r.config.count = 0;
    r.config.reference = true;
    run_open(&r);
    while (run_take(&r, &probe, &id) == SYN_SEND) {
        syn_sent(r.syn, id, -ENETUNREACH, r.now_ns);
        assert_true(++sends <= 10);
    }
    struct syn_result result = run_result(&r);
    assert_int_equal(result.sent, 0);
    assert_int_equal(result.targets[0].outcome, SYN_SEND_FAILED);
    assert_int_equal(result.targets[0].findings[0].severity, SYN_CRITICAL);
    syn_result_release(&result);
    run_close(&r);
}

static void test_endless_refusal_becomes_an_error(void **state)
{
    struct run r;
    struct probe probe;
    uint32_t id;

    (void)state;
    run_config(&r, 1);
    r.config.count = 1;
    run_open(&r);
    while (run_take(&r, &probe, &id) == SYN_SEND)
        syn_sent(r.syn, id, -ENOBUFS, r.now_ns);
    struct syn_result result = run_result(&r);
    assert_int_equal(result.sent, 0);
    assert_int_equal(result.send_errors, 1);
    assert_int_equal(result.targets[0].findings[0].error, ENOBUFS);
    assert_true(r.now_ns - START_NS < 2 * r.config.timeout_ns);
    syn_result_release(&result);
    run_close(&r);
}

static void test_a_pause_is_no_loss(void **state)
{
    struct run r;
    struct probe probe;
    uint32_t id;
    int64_t wake_ns;

    (void)state;
    run_config(&r, 1);
    r.config.count = 2;
    r.config.repeats = 0;
    run_open(&r);
    run_send(&r, &probe);
    r.now_ns += 3600 * NS_PER_SEC;
    syn_shift(r.syn, 3600 * NS_PER_SEC);
    assert_int_equal(syn_next(r.syn, r.now_ns, &probe, &id, &wake_ns), SYN_WAIT);
    assert_int_equal(wake_ns - r.now_ns, r.config.interval_ns);
    struct syn_result result = run_result(&r);
    assert_int_equal(result.pending, 1);
    assert_int_equal(result.timed_out, 0);
    syn_result_release(&result);
    run_close(&r);
}

static void test_stopped_runs_have_pending_probes(void **state)
{
    struct run r;
    struct probe probe;
    uint32_t id;

    (void)state;
    run_config(&r, 1);
    r.config.count = 0;
    run_open(&r);
    for (unsigned i = 0; i < 3; i++)
        run_send(&r, &probe);
    syn_stop(r.syn);
    assert_int_equal(run_take(&r, &probe, &id), SYN_DONE);
    struct syn_result result = run_result(&r);
    assert_true(result.interrupted);
    assert_int_equal(result.sent, 2); /* the first one had been repeated meanwhile */
    assert_int_equal(result.repeats_sent, 1);
    assert_int_equal(result.pending, 2);
    assert_true(isnan(result.targets[0].loss_pct));
    assert_int_equal(result.targets[0].nfindings, 0);
    syn_result_release(&result);
    run_close(&r);
}

/* --- many targets -------------------------------------------------------------------------- */

static void test_many_targets_in_bounded_memory(void **state)
{
    enum { TARGETS = 131072, BATCH = 64 };
    struct run r;
    static struct probe probes[BATCH];
    static unsigned char met[TARGETS];
    uint32_t id;
    int64_t wake_ns;
    unsigned count = 0;

    (void)state;
    run_config(&r, TARGETS);
    size_t before = mallinfo2().uordblks + mallinfo2().hblkhd;
    r.config.count = 1;
    r.config.repeats = 0;
    r.config.source_ports = 256;
    r.config.reset_after_ns = TIME_NEVER;
    r.config.source_port = 61000;
    run_open(&r);
    while (count < TARGETS) {
        unsigned n = 0;
        while (n < BATCH && syn_next(r.syn, r.now_ns, &probes[n], &id, &wake_ns) == SYN_SEND) {
            const uint8_t *a = probes[n].destination.bytes;
            size_t at = (size_t)a[1] << 16 | (size_t)a[2] << 8 | a[3];
            assert_int_equal(met[at]++, 0);
            syn_sent(r.syn, id, 0, r.now_ns);
            n++;
        }
        assert_true(n > 0);
        r.now_ns += 100 * NS_PER_US;
        for (unsigned i = 0; i < n; i++)
            run_answer(&r, &probes[i]);
        count += n;
    }
    struct syn_result totals;
    syn_totals(r.syn, &totals);
    assert_int_equal(totals.open, TARGETS);
    /* 0 where a sanitizer has the heap */
    size_t used = mallinfo2().uordblks + mallinfo2().hblkhd - before;
    print_message("%zu bytes a target\n", used / TARGETS);
    assert_true(used < 40u << 20);
    struct syn_target_result result;
    assert_int_equal(syn_target_result(r.syn, 4711, &result), 0);
    assert_int_equal(result.open, 1);
    assert_int_equal(result.nflows, 0);
    assert_true(result.rtt_ms.count == 1 && result.rtt_ms.max == 0.1);
    assert_int_equal(result.synack.mss, 1460);
    syn_target_result_release(&result);
    run_close(&r);
}

/* Silence everywhere: the ring fills, and new probes wait until the oldest ones are given up. */
static void test_a_full_ring_waits(void **state)
{
    enum { TARGETS = 300000 };
    struct run r;
    struct probe probe;
    uint32_t id;
    unsigned count = 0;
    int64_t last_ns = 0;

    (void)state;
    run_config(&r, TARGETS);
    r.config.count = 1;
    r.config.repeats = 0;
    run_open(&r);
    while (run_take(&r, &probe, &id) == SYN_SEND) {
        syn_sent(r.syn, id, 0, r.now_ns);
        last_ns = r.now_ns;
        count++;
    }
    assert_int_equal(count, TARGETS);
    assert_int_equal(last_ns - START_NS, r.config.timeout_ns);
    struct syn_result totals;
    syn_totals(r.syn, &totals);
    assert_int_equal(totals.timed_out, TARGETS);
    struct syn_observation told;
    unsigned given_up = 0;
    while (syn_given_up(r.syn, &told))
        given_up++;
    assert_true(given_up > 0 && given_up <= TARGETS);
    run_close(&r);
}

int main(void)
{
    const struct CMUnitTest tests[] = {
        cmocka_unit_test(test_config_faults),
        cmocka_unit_test(test_rounds),
        cmocka_unit_test(test_seeds_give_other_orders_and_numbers),
        cmocka_unit_test(test_rate),
        cmocka_unit_test(test_late_callers_do_not_burst),
        cmocka_unit_test(test_syn_looks),
        cmocka_unit_test(test_ports_and_profiles),
        cmocka_unit_test(test_ports_rest),
        cmocka_unit_test(test_repetitions),
        cmocka_unit_test(test_resets_with_the_label_of_the_syn),
        cmocka_unit_test(test_resets_what_the_kernel_does_not),
        cmocka_unit_test(test_no_room_is_no_loss),
        cmocka_unit_test(test_refused_batches),
        cmocka_unit_test(test_send_errors_are_no_loss),
        cmocka_unit_test(test_hopeless_runs_end),
        cmocka_unit_test(test_endless_refusal_becomes_an_error),
        cmocka_unit_test(test_a_pause_is_no_loss),
        cmocka_unit_test(test_stopped_runs_have_pending_probes),
        cmocka_unit_test(test_many_targets_in_bounded_memory),
        cmocka_unit_test(test_a_full_ring_waits),
    };
    return cmocka_run_group_tests(tests, NULL, NULL);
}
