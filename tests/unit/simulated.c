#include "tests/unit/simulated.h"

#include <math.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "base/timespan.h"
#include "engine/netsim.h"
#include "wire/craft.h"
#include "wire/packet.h"

#define START_NS (1000 * NS_PER_SEC)
#define LOG_SIZE (1 << 20)

/* What the simulator says of its packets, by their id: who caused it, when it came in and out. */
struct logged {
    uint64_t cause; /* the probe an ICMP error is about */
    int64_t entered_ns;
    uint32_t probe; /* the trace's id, plus one */
};

struct truth {
    struct logged *packets;
    uint32_t sending; /* the trace's id, plus one, of the probe that enters now */
    struct simulated *run;
};

static void truth_log(void *context, const struct netsim_event *event)
{
    struct truth *truth = context;

    if (event->id >= LOG_SIZE || event->other >= LOG_SIZE)
        fail_msg("the simulator's log is longer than this test thought");
    if (event->other != 0) {
        truth->packets[event->other].cause = event->id;
    } else if (event->action == NETSIM_ENTERED) {
        truth->packets[event->id].probe = truth->sending;
        truth->packets[event->id].entered_ns = event->when_ns;
    }
    truth->run->lost += event->action == NETSIM_LOST;
    truth->run->duplicated += event->action == NETSIM_DUPLICATED;
    truth->run->reordered += event->action == NETSIM_REORDERED;
}

struct scenario *simulated_scenario(const char *yaml)
{
    struct scenario *scenario = NULL;
    struct document_error error;

    if (scenario_parse(yaml, strlen(yaml), &scenario, &error) < 0)
        fail_msg("%zu:%zu: %s: %s", error.line, error.column, error.field, error.message);
    return scenario;
}

int64_t simulated_wait(const struct netsim *sim, int64_t now_ns, int64_t wake_ns)
{
    int64_t next_ns = netsim_next_ns(sim);

    if (next_ns < wake_ns)
        wake_ns = next_ns;
    assert_true(wake_ns != TIME_NEVER);
    return wake_ns > now_ns ? wake_ns : now_ns;
}

void simulated_config(const struct scenario *scenario, int family, uint64_t seed,
                      struct trace_config *config)
{
    trace_config_default(config);
    config->source = family == 6 ? scenario->client.address6 : scenario->client.address4;
    config->destination = family == 6 ? scenario->server.address6 : scenario->server.address4;
    config->seed = seed;
}

struct machine {
    struct craft *craft;
    struct netsim *sim;
    int64_t now_ns;
    struct trace *trace;
    struct truth truth;
    uint32_t newest[TRACE_TTL_MAX + 1]; /* probe answered at each TTL, the trace's id plus one */
};

static enum trace_match machine_give(struct machine *m, const uint8_t *bytes, size_t len,
                                     enum packet_direction direction,
                                     struct trace_observation *seen)
{
    struct packet packet;
    struct decode decoded = packet_decode_ip(bytes, len, len, &packet);

    assert_int_equal(decoded.status, DECODE_OK);
    return trace_receive(m->trace, &packet, direction, m->now_ns, seen);
}

static void machine_send(struct machine *m, const struct probe *probe, uint32_t id)
{
    uint8_t bytes[CRAFT_PACKET_MAX];
    struct trace_observation seen;
    size_t len;

    int err = craft_probe(m->craft, probe, bytes, sizeof(bytes), &len);
    if (err)
        fail_msg("craft: %s (%d)", craft_error(m->craft), err);
    m->truth.sending = id + 1;
    assert_int_equal(netsim_send(m->sim, NETSIM_CLIENT, bytes, len, m->now_ns), 0);
    trace_sent(m->trace, id, 0, m->now_ns);
    assert_int_equal(machine_give(m, bytes, len, PACKET_OUTGOING, &seen), TRACE_OUTGOING);
    assert_int_equal(seen.id, id);
}

static void machine_judge(struct machine *m, const struct trace_observation *seen, uint64_t id)
{
    struct simulated *run = m->truth.run;

    run->late += seen->match == TRACE_LATE;
    run->duplicates += seen->match == TRACE_DUPLICATE;
    run->suspects += seen->match == TRACE_SUSPECT;
    if (seen->match == TRACE_FOREIGN || seen->match == TRACE_SUSPECT)
        return;
    if (seen->match == TRACE_DUPLICATE && seen->tcp_flags == TCP_ACK)
        return; /* it acknowledges this probe once more, whichever one caused it */
    const struct logged *answer = &m->truth.packets[id];
    const struct logged *probe = answer->probe ? answer : &m->truth.packets[answer->cause];
    if (probe->probe != seen->id + 1)
        run->wrong++;
    if (seen->match == TRACE_DUPLICATE)
        return;
    run->answers++;
    if (probe->probe < m->newest[seen->ttl])
        run->overtaken++;
    else
        m->newest[seen->ttl] = probe->probe;
    double error_ms = fabs(ns_to_ms(seen->received_ns - probe->entered_ns - seen->rtt_ns));
    if (error_ms > run->worst_rtt_error_ms)
        run->worst_rtt_error_ms = error_ms;
}

static void machine_read(struct machine *m)
{
    struct netsim_packet packet;
    struct trace_observation seen;

    while (netsim_receive(m->sim, m->now_ns, &packet) == 1) {
        if (packet.side != NETSIM_CLIENT)
            continue;
        machine_give(m, packet.bytes, packet.len, PACKET_INCOMING, &seen);
        machine_judge(m, &seen, packet.id);
    }
}

static void machine_run(struct machine *m)
{
    struct probe probe;
    int64_t wake_ns;
    uint32_t id;

    for (;;) {
        machine_read(m);
        enum trace_step step = trace_next(m->trace, m->now_ns, &probe, &id, &wake_ns);
        if (step == TRACE_DONE)
            return;
        if (step == TRACE_SEND)
            machine_send(m, &probe, id);
        else
            m->now_ns = simulated_wait(m->sim, m->now_ns, wake_ns);
    }
}

void simulated_run(const struct scenario *scenario, const struct trace_config *config,
                   struct simulated *run)
{
    struct netsim_options options = {
        .seed = config->seed, .simulate_server = true, .client_resets = true, .start_ns = START_NS};
    struct machine m = {.now_ns = START_NS, .truth = {.run = run}};

    *run = (struct simulated){0};
    m.truth.packets = calloc(LOG_SIZE, sizeof(*m.truth.packets));
    assert_non_null(m.truth.packets);
    assert_int_equal(craft_new(&m.craft), 0);
    assert_int_equal(netsim_new(scenario, &options, &m.sim), 0);
    netsim_set_log(m.sim, truth_log, &m.truth);
    assert_int_equal(trace_new(config, START_NS, &m.trace, NULL), 0);
    machine_run(&m);
    run->took_ns = m.now_ns - START_NS;
    assert_int_equal(trace_result(m.trace, m.now_ns, &run->result), 0);
    trace_free(m.trace);
    netsim_free(m.sim);
    craft_free(m.craft);
    free(m.truth.packets);
}

void simulated_release(struct simulated *run)
{
    trace_result_release(&run->result);
}

const struct trace_finding *simulated_finding(const struct simulated *run,
                                              enum trace_finding_kind kind)
{
    for (size_t i = 0; i < run->result.nfindings; i++) {
        if (run->result.findings[i].kind == kind)
            return &run->result.findings[i];
    }
    return NULL;
}
