#include "engine/service_wire.h"

#include <string.h>

#include "base/timespan.h"

#define WIRE_RANGES  64 /* segments that the engine remembers: the least it takes */
#define WIRE_FLOW_ID 1

const char *service_during_name(enum service_wire_during during)
{
    static const char *const names[] = {"connect", "tls", "request", "response", "after"};

    return (size_t)during < sizeof(names) / sizeof(names[0]) ? names[during] : "unknown";
}

void service_wire_init(struct service_wire *wire, uint16_t port)
{
    memset(wire, 0, offsetof(struct service_wire, segments));
    wire->port = port;
    wire->syn_rtt_ns = -1;
}

void service_wire_release(struct service_wire *wire)
{
    flows_free(wire->flows);
    wire->flows = NULL;
}

/* --- the handshake ------------------------------------------------------------------------- */

static void wire_syn(struct service_wire *w, const struct segment *s)
{
    w->isn = s->seq;
    w->stamped = s->has & SEGMENT_HAS_TIMESTAMPS;
    if (w->nsyns == SERVICE_WIRE_SYNS)
        return;
    w->syns[w->nsyns].when_ns = s->when_ns;
    w->syns[w->nsyns++].tsval = s->tsval;
}

/* RFC 6298 (3): of a SYN that was sent again only timestamps tell which one was answered. */
static void wire_synack(struct service_wire *w, const struct segment *s)
{
    bool echoes = w->stamped && s->has & SEGMENT_HAS_TIMESTAMPS;

    if (w->answered || s->ack != w->isn + 1)
        return;
    w->answered = w->nsyns > 0;
    for (size_t i = 0; i < w->nsyns && w->syn_rtt_ns < 0; i++)
        if (echoes ? w->syns[i].tsval == s->tsecr : w->nsyns == 1)
            w->syn_rtt_ns = s->when_ns - w->syns[i].when_ns;
}

/* --- the end ------------------------------------------------------------------------------- */

static void wire_end(struct service_wire *w, const struct segment *s, enum flow_side side)
{
    if (s->flags & TCP_FIN) {
        w->fin[side] = true;
        w->ends[side] = s->seq + s->payload_len + 1;
    }
    if (s->flags & TCP_ACK && w->fin[!side] && s->ack == w->ends[!side])
        w->acked[!side] = true;
}

static void wire_reset(struct service_wire *w, const struct segment *s)
{
    if (!w->reset) {
        w->reset_ns = s->when_ns;
        w->reset_knows = w->data && s->flags & TCP_ACK && s->ack != w->isn + 1;
    }
    w->reset = true;
}

static void wire_look(struct service_wire *w, const struct segment *s)
{
    bool ours = s->source_port == w->port;

    if (s->flags & TCP_RST && ours)
        w->aborted = true;
    else if (s->flags & TCP_RST)
        wire_reset(w, s);
    else if (s->flags & TCP_SYN && ours)
        wire_syn(w, s);
    else if (s->flags & TCP_SYN)
        wire_synack(w, s);
    else
        wire_end(w, s, ours ? FLOW_CLIENT : FLOW_SERVER);
    w->data |= ours && !(s->flags & TCP_SYN) && s->payload_len;
}

/* --- the engine ---------------------------------------------------------------------------- */

static void wire_judge(struct service_wire *w)
{
    struct flows_config config;

    flows_config_default(&config);
    config.max_flows = config.top = 1;
    config.max_ranges = WIRE_RANGES;
    if (!w->flows && flows_new(&config, &w->flows, NULL))
        w->no_memory = true;
    if (w->flows)
        flows_receive(w->flows, w->segments, w->nsegments);
    w->nsegments = 0;
}

void service_wire_receive(struct service_wire *w, const struct segment *segment)
{
    struct segment *kept;

    if (w->nsegments == SERVICE_WIRE_SEGMENTS)
        wire_judge(w);
    kept = &w->segments[w->nsegments++];
    *kept = *segment;
    kept->frame = ++w->frames;
    wire_look(w, kept);
}

bool service_wire_is_over(const struct service_wire *w)
{
    return w->reset || w->aborted || (w->acked[FLOW_CLIENT] && w->acked[FLOW_SERVER]);
}

static void wire_fill(const struct flow_facts *flow, struct service_wire_facts *facts)
{
    const struct flow_counts *own = &flow->side[FLOW_CLIENT].counts;
    const struct flow_counts *peer = &flow->side[FLOW_SERVER].counts;

    facts->retransmissions = own->retransmissions + own->syn_retransmissions;
    facts->peer_retransmissions = peer->retransmissions + peer->syn_retransmissions;
    facts->has_reset = flow->has_reset && flow->reset.by == FLOW_SERVER;
    facts->reset = flow->reset;
}

void service_wire_facts(struct service_wire *w, struct service_wire_facts *facts)
{
    struct flow_facts flow;

    *facts = (struct service_wire_facts){
        .port = w->port,
        .seen = w->frames > 0,
        .answered = w->answered,
        .syn_rtt_ns = w->syn_rtt_ns,
        .reset_ns = w->reset_ns,
        .during = SERVICE_DURING_AFTER,
    };
    wire_judge(w);
    if (!w->flows || !flows_facts(w->flows, WIRE_FLOW_ID, &flow))
        return;
    wire_fill(&flow, facts);
    facts->reset_knows = w->reset_knows || (facts->reset.forged && w->data);
}

/* --- together with the service ------------------------------------------------------------- */

static const struct {
    const char *code;
    enum service_wire_during during;
} wire_codes[] = {
    {"tcp.refused", SERVICE_DURING_CONNECT},
    {"tcp.reset.on_accept", SERVICE_DURING_CONNECT},
    {"tcp.reset.after_client_hello", SERVICE_DURING_TLS},
    {"tcp.reset.after_request", SERVICE_DURING_REQUEST},
    {"tcp.reset.mid_response", SERVICE_DURING_RESPONSE},
};

void service_wire_combine(struct service_wire_facts *facts, struct cause *cause,
                          enum cause_phase answer_phase)
{
    const struct cause before = *cause;

    if (facts->answered && !strcmp(cause->code, "tcp.timed_out"))
        cause_set(cause, "tcp.local_drop", PHASE_CONNECT,
                  "a SYN-ACK came and this host did not take it (local firewall, rp_filter)");
    if (facts->has_reset && facts->reset_knows && !strcmp(cause->code, "tcp.reset.on_accept"))
        cause_set(cause, "tcp.reset.after_request", answer_phase,
                  "the connection was reset in answer to the request");
    cause->error = before.error;
    cause->alert = before.alert;
    cause->offset = before.offset;
    facts->during = SERVICE_DURING_AFTER;
    for (size_t i = 0; i < sizeof(wire_codes) / sizeof(wire_codes[0]); i++)
        if (!strcmp(cause->code, wire_codes[i].code))
            facts->during = wire_codes[i].during;
}
