#include "tests/unit/simulated_syn.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/timespan.h"
#include "engine/netsim.h"
#include "tests/unit/simulated.h"
#include "wire/craft.h"
#include "wire/packet.h"

#define START_NS (1000 * NS_PER_SEC)
#define LOG_SIZE (1 << 21)

#define REPEATED_WITHIN 4096 /* probes between the copies of one */

/* What the simulator says of its packets, by their id: who caused it, and when it came in. */
struct logged {
    uint64_t cause;
    int64_t entered_ns;
    uint32_t seq; /* of the SYN, or of the echo's SYN; 0: none of ours */
    bool ours;
};

/* The ISNs of a target in the order they were first sent: the truth about which probe is which. */
struct numbering {
    uint32_t *isns;
    size_t count, capacity;
};

struct machine {
    struct craft *craft;
    struct netsim *sim;
    int64_t now_ns, sent_ns;
    struct syn *syn;
    const struct syn_target *targets;
    size_t ntargets;
    struct numbering *numbers;
    struct logged *packets;
    uint32_t sending;
    uint32_t flow_labels[65536]; /* by source port: a kernel's RST follows its SYN */
    const struct simulated_syn_options *options;
    struct simulated_syn *run;
};

static void machine_log(void *context, const struct netsim_event *event)
{
    struct machine *m = context;

    if (event->id >= LOG_SIZE || event->other >= LOG_SIZE)
        fail_msg("the simulator's log is longer than this test thought");
    if (event->other != 0) {
        m->packets[event->other].cause = event->id;
    } else if (event->action == NETSIM_ENTERED) {
        m->packets[event->id].seq = m->sending;
        m->packets[event->id].ours = true;
        m->packets[event->id].entered_ns = event->when_ns;
    }
    m->run->lost += event->action == NETSIM_LOST;
    m->run->duplicated += event->action == NETSIM_DUPLICATED;
    m->run->reordered += event->action == NETSIM_REORDERED;
}

void simulated_syn_config(const struct scenario *scenario, int family, uint64_t seed, uint16_t port,
                          struct syn_config *config, struct syn_target *target)
{
    syn_config_default(config);
    config->seed = seed;
    target->source = family == 6 ? scenario->client.address6 : scenario->client.address4;
    target->destination = family == 6 ? scenario->server.address6 : scenario->server.address4;
    target->port = port;
}

static size_t machine_target(const struct machine *m, const struct probe *probe)
{
    for (size_t i = 0; i < m->ntargets; i++) {
        if (m->targets[i].port == probe->destination_port &&
            address_equal(&m->targets[i].destination, &probe->destination))
            return i;
    }
    fail_msg("a probe of no target");
    return 0;
}

static void machine_number(struct machine *m, const struct probe *probe)
{
    struct numbering *numbers = &m->numbers[machine_target(m, probe)];

    for (size_t i = numbers->count; i-- > 0 && i + REPEATED_WITHIN > numbers->count;) {
        if (numbers->isns[i] == probe->tcp_seq)
            return;
    }
    if (numbers->count == numbers->capacity) {
        numbers->capacity = numbers->capacity ? 2 * numbers->capacity : 64;
        numbers->isns = realloc(numbers->isns, numbers->capacity * sizeof(*numbers->isns));
        assert_non_null(numbers->isns);
    }
    numbers->isns[numbers->count++] = probe->tcp_seq;
}

static enum syn_match machine_give(struct machine *m, const uint8_t *bytes, size_t len,
                                   enum packet_direction direction, struct syn_observation *seen)
{
    struct packet packet;
    struct decode decoded = packet_decode_ip(bytes, len, len, &packet);

    assert_int_equal(decoded.status, DECODE_OK);
    return syn_receive(m->syn, &packet, direction, m->now_ns, seen);
}

static void machine_craft(struct machine *m, const struct probe *probe, uint8_t *bytes, size_t *len)
{
    int err = craft_probe(m->craft, probe, bytes, CRAFT_PACKET_MAX, len);

    if (err)
        fail_msg("craft: %s (%d)", craft_error(m->craft), err);
}

static void machine_send(struct machine *m, const struct probe *probe, uint32_t id)
{
    uint8_t bytes[CRAFT_PACKET_MAX];
    struct syn_observation seen;
    bool syn = probe->protocol == PROBE_TCP && probe->tcp_flags & TCP_SYN;
    bool reset = probe->protocol == PROBE_TCP && probe->tcp_flags & TCP_RST;
    size_t len;

    machine_craft(m, probe, bytes, &len);
    if (syn)
        machine_number(m, probe);
    m->flow_labels[probe->source_port] = probe->flow_label;
    /* The run numbers an echo request, and a RST, as the SYN that it goes along with. */
    m->sending = probe->tcp_seq - reset;
    m->run->own_resets += reset;
    if (m->run->packets++ > 0 && m->now_ns - m->sent_ns < m->run->least_gap_ns)
        m->run->least_gap_ns = m->now_ns - m->sent_ns;
    m->sent_ns = m->now_ns;
    assert_int_equal(netsim_send(m->sim, NETSIM_CLIENT, bytes, len, m->now_ns), 0);
    syn_sent(m->syn, id, 0, m->now_ns);
    if (m->options->no_capture)
        return;
    enum syn_match match = machine_give(m, bytes, len, PACKET_OUTGOING, &seen);
    assert_int_equal(match, syn || probe->protocol == PROBE_ICMP ? SYN_OUTGOING : SYN_RESET_SENT);
}

/* What a kernel does with a SYN-ACK that no socket waits for (RFC 9293 3.10.7.1). */
static void machine_kernel(struct machine *m, const struct packet *packet)
{
    uint8_t bytes[CRAFT_PACKET_MAX];
    struct syn_observation seen;
    size_t len;

    if (m->options->no_kernel || !(packet->layers & LAYER_TCP) || packet->tcp.flags & TCP_RST ||
        !(packet->tcp.flags & TCP_ACK))
        return;
    struct probe reset = {.protocol = PROBE_TCP,
                          .source = packet->ip.destination,
                          .destination = packet->ip.source,
                          .ttl = 64,
                          .df = true,
                          .flow_label = m->flow_labels[packet->tcp.destination_port],
                          .source_port = packet->tcp.destination_port,
                          .destination_port = packet->tcp.source_port,
                          .tcp_seq = packet->tcp.ack,
                          .tcp_flags = TCP_RST};
    machine_craft(m, &reset, bytes, &len);
    m->sending = reset.tcp_seq - 1;
    assert_int_equal(netsim_send(m->sim, NETSIM_CLIENT, bytes, len, m->now_ns), 0);
    if (!m->options->no_capture)
        machine_give(m, bytes, len, PACKET_OUTGOING, &seen);
}

static void machine_count(struct simulated_syn *run, enum syn_match match)
{
    run->answers += match == SYN_ANSWER || match == SYN_LATE;
    run->late += match == SYN_LATE;
    run->duplicates += match == SYN_DUPLICATE;
    run->again += match == SYN_AGAIN;
    run->second += match == SYN_SECOND;
    run->references += match == SYN_REFERENCE;
    run->suspects += match == SYN_SUSPECT;
}

static void machine_judge(struct machine *m, const struct syn_observation *seen, uint64_t id)
{
    struct simulated_syn *run = m->run;
    const struct logged *probe = &m->packets[m->packets[id].cause];

    machine_count(run, seen->match);
    if (seen->sends == 0)
        return; /* it claims to be no probe's */
    const struct numbering *numbers = &m->numbers[seen->target];
    if (!probe->ours || seen->probe >= numbers->count || numbers->isns[seen->probe] != probe->seq)
        run->wrong++;
    if (seen->rtt_ns < 0)
        return;
    run->measured += seen->match != SYN_REFERENCE;
    double error_ms = fabs(ns_to_ms(m->now_ns - probe->entered_ns - seen->rtt_ns));
    if (error_ms > run->worst_rtt_error_ms)
        run->worst_rtt_error_ms = error_ms;
}

static void machine_read(struct machine *m)
{
    struct netsim_packet got;
    struct syn_observation seen;
    struct packet packet;

    while (netsim_receive(m->sim, m->now_ns, &got) == 1) {
        if (got.side != NETSIM_CLIENT)
            continue;
        machine_give(m, got.bytes, got.len, PACKET_INCOMING, &seen);
        machine_judge(m, &seen, got.id);
        packet_decode_ip(got.bytes, got.len, got.len, &packet);
        machine_kernel(m, &packet);
    }
    while (syn_given_up(m->syn, &seen))
        m->run->given_up++;
}

static void machine_run(struct machine *m)
{
    struct probe probe;
    int64_t wake_ns;
    uint32_t id;

    for (;;) {
        machine_read(m);
        enum syn_step step = syn_next(m->syn, m->now_ns, &probe, &id, &wake_ns);
        if (step == SYN_DONE)
            break;
        if (step == SYN_SEND)
            machine_send(m, &probe, id);
        else
            m->now_ns = simulated_wait(m->sim, m->now_ns, wake_ns);
    }
    machine_read(m);
}

void simulated_syn_run(const struct scenario *scenario, const struct syn_config *config,
                       const struct syn_target *targets, size_t ntargets,
                       const struct simulated_syn_options *options, struct simulated_syn *run)
{
    static const struct simulated_syn_options usual = {0};
    struct netsim_options network = {
        .seed = config->seed, .simulate_server = true, .start_ns = START_NS};
    static struct machine m;

    m = (struct machine){.now_ns = START_NS,
                         .targets = targets,
                         .ntargets = ntargets,
                         .options = options ? options : &usual,
                         .run = run};

    *run = (struct simulated_syn){.least_gap_ns = INT64_MAX};
    m.packets = calloc(LOG_SIZE, sizeof(*m.packets));
    m.numbers = calloc(ntargets, sizeof(*m.numbers));
    assert_true(m.packets && m.numbers);
    assert_int_equal(craft_new(&m.craft), 0);
    assert_int_equal(netsim_new(scenario, &network, &m.sim), 0);
    netsim_set_log(m.sim, machine_log, &m);
    assert_int_equal(syn_new(config, targets, ntargets, START_NS, &m.syn, NULL), 0);
    machine_run(&m);
    run->took_ns = m.now_ns - START_NS;
    assert_int_equal(syn_result(m.syn, &run->result), 0);
    syn_free(m.syn);
    netsim_free(m.sim);
    craft_free(m.craft);
    for (size_t i = 0; i < ntargets; i++)
        free(m.numbers[i].isns);
    free(m.numbers);
    free(m.packets);
}

void simulated_syn_release(struct simulated_syn *run)
{
    syn_result_release(&run->result);
}

const struct syn_finding *simulated_syn_finding(const struct simulated_syn *run, size_t target,
                                                enum syn_finding_kind kind)
{
    const struct syn_target_result *result = &run->result.targets[target];

    for (size_t i = 0; i < result->nfindings; i++) {
        if (result->findings[i].kind == kind)
            return &result->findings[i];
    }
    return NULL;
}
