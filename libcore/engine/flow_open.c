/* How flows begin: SYN, SYN-ACK, what they agree on, and when a SYN is another connection's. */
#include "engine/flow_internal.h"

#define MSS_DEFAULT    1460
#define MSS_TIMESTAMPS 12                /* bytes of every segment */
#define WSCALE_MAX     14                /* RFC 7323 (2.3) */
#define SYN_AGAIN_NS   (300 * NS_PER_MS) /* timers are at least as long */
#define SYN_INSISTS_NS (5 * NS_PER_SEC)  /* Windows tries again after a RST */
#define ECN_FLAGS      (TCP_AE | TCP_CWR | TCP_ECE)

static uint8_t flow_open_client(const struct segment *s, unsigned me)
{
    if ((s->flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
        return (uint8_t)me;
    if (s->flags & TCP_SYN)
        return !me;
    if (s->source_port == s->destination_port)
        return (uint8_t)me;
    return (uint8_t)(s->source_port > s->destination_port ? me : !me);
}

uint32_t flow_open(struct flows *flows, const struct segment *s, const struct flow_lookup *key)
{
    bool syn = (s->flags & (TCP_SYN | TCP_ACK | TCP_RST)) == TCP_SYN;

    flow_queue_make_room(flows, syn);
    uint32_t id = flow_table_insert(flows, key);
    if (!id) {
        flows->summary.no_memory++;
        return 0;
    }
    struct flow *flow = flow_at(flows, id);
    struct flow_cold *cold = flow_cold(flows, flow);
    flow->client = flow_open_client(s, key->me);
    flow->state = syn ? FLOW_STATE_SYN : FLOW_STATE_OPEN;
    flow->tick = flows->tick;
    flow->stall = (uint32_t)((50 * NS_PER_MS) >> STALL_SHIFT); /* shorter ones are no stalls */
    flow->half[0].mss = flow->half[1].mss = MSS_DEFAULT;
    flow->wscale[0] = flow->wscale[1] = WSCALE_UNKNOWN;
    cold->id = ++flows->summary.flows;
    cold->start_ns = s->when_ns;
    cold->vlan = s->vlan;
    cold->client_known = (s->flags & TCP_SYN) != 0;
    flow_queue_add(flows, flow, syn ? QUEUE_SYN : QUEUE_OPEN);
    return id;
}

static bool flow_open_is_new_isn(const struct flow *flow, const struct flow_cold *cold,
                                 const struct segment *s, unsigned me)
{
    if (s->seq != cold->half[me].isn)
        return true;
    /* The same again: of a connection that has ended, its number is used anew. */
    return flow->state == FLOW_STATE_CLOSED && flow->flags[me] & HALF_SEEN &&
           (flow->half[me].next != s->seq + 1 ||
            since_ns(s->when_ns, flow->half[me].last_ns) > SYN_INSISTS_NS);
}

bool flow_open_is_new(const struct flows *flows, const struct flow *flow, const struct segment *s,
                      unsigned me)
{
    const struct flow_cold *cold = flow_cold(flows, flow);

    if (s->flags & TCP_ACK)
        return flow->state == FLOW_STATE_CLOSED && cold->half[me].flags & COLD_SYN &&
               s->seq != cold->half[me].isn;
    if (cold->half[me].flags & COLD_SYN)
        return flow_open_is_new_isn(flow, cold, s, me);
    if (!(flow->flags[me] & HALF_SEEN))
        return flow->state == FLOW_STATE_CLOSED;
    return s->seq + 1 != cold->half[me].base;
}

static void flow_open_options(struct flow_cold_half *half, const struct segment *s)
{
    half->isn = s->seq;
    half->base = s->seq + 1;
    half->syn_ttl = s->ttl;
    half->flags |= COLD_SYN;
    if (s->has & SEGMENT_HAS_SACK_PERMITTED)
        half->flags |= COLD_SACK;
    if (s->has & SEGMENT_HAS_TIMESTAMPS)
        half->flags |= COLD_TIMESTAMPS;
    if (s->has & SEGMENT_HAS_MSS)
        half->mss = s->mss;
    if (s->has & SEGMENT_HAS_WSCALE) {
        half->wscale = s->wscale;
        half->flags |= COLD_WSCALE;
    }
}

/* RFC 9768 (3.1.1), table 2: what the SYN asked for and the SYN-ACK says to it. */
static enum flow_ecn flow_open_ecn(uint16_t asked, uint16_t answer)
{
    asked &= ECN_FLAGS;
    answer &= ECN_FLAGS;
    if ((asked & (TCP_ECE | TCP_CWR)) != (TCP_ECE | TCP_CWR))
        return FLOW_ECN_NONE;
    if (answer == TCP_ECE)
        return FLOW_ECN_CLASSIC;
    if (answer == 0 || answer == ECN_FLAGS || !(asked & TCP_AE))
        return FLOW_ECN_REFUSED;
    return FLOW_ECN_ACCURATE;
}

static uint8_t flow_open_wscale(const struct flow_cold_half *own, const struct flow_cold_half *peer)
{
    if (!(own->flags & COLD_SYN))
        return WSCALE_UNKNOWN;
    if (!(own->flags & COLD_WSCALE) || (peer->flags & COLD_SYN && !(peer->flags & COLD_WSCALE)))
        return 0;
    return own->wscale > WSCALE_MAX ? WSCALE_MAX : own->wscale;
}

static uint16_t flow_open_mss(const struct flow_cold *cold, const struct flow_cold_half *peer)
{
    uint16_t mss = peer->mss ? peer->mss : MSS_DEFAULT;
    bool timestamps = cold->half[0].flags & cold->half[1].flags & COLD_TIMESTAMPS;

    return timestamps && mss > 2 * MSS_TIMESTAMPS ? (uint16_t)(mss - MSS_TIMESTAMPS) : mss;
}

static void flow_open_agree(struct flow_step *step)
{
    struct flow *flow = step->flow;
    struct flow_cold *cold = flow_cold(step->flows, flow);

    for (unsigned i = 0; i < 2; i++) {
        flow->wscale[i] = flow_open_wscale(&cold->half[i], &cold->half[!i]);
        flow->half[i].mss = flow_open_mss(cold, &cold->half[!i]);
    }
    if (cold->handshake & HANDSHAKE_SYN)
        cold->ecn = flow_open_ecn(cold->syn_flags, step->s->flags) & 0xf;
    if ((cold->handshake & (HANDSHAKE_SYN | HANDSHAKE_RESENT)) == HANDSHAKE_SYN)
        flow_rtt_handshake(flow, step->me, since_ns(step->s->when_ns, cold->syn_ns));
}

/* One packet twice, or sent twice? Linux gives SYN-ACKs the IP-ID 0, so it may not tell. */
static bool flow_open_is_duplicate(const struct flow_step *step, const struct flow_cold *cold)
{
    const struct flow *flow = step->flow;
    const struct flow_sent *sent =
        flow_ranges_sent(step->flows, flow->half[step->me].sent, flow_owner(flow, step->me));

    if (!sent || sent->seq != step->s->seq)
        return false;
    if (sent->flags & SENT_TIMESTAMPS && step_has_timestamps(step) && sent->tsval != step->s->tsval)
        return false;
    if (sent->id != step->id)
        return false;
    if (step->id != 0)
        return true;
    return since_ns(step->s->when_ns, sent->when_ns) < SYN_AGAIN_NS &&
           cold->half[!step->me].syns <= cold->half[step->me].syns;
}

static void flow_open_again(struct flow_step *step, struct flow_cold *cold)
{
    struct flow_trouble *trouble = flow_trouble_get(step->flows, step->flow, step->me);
    struct flow_event event;

    if (flow_open_is_duplicate(step, cold)) {
        FLOW_COUNT(step->flows, trouble, duplicates, 1);
        flow_event_init(step, FLOW_EVENT_DUPLICATE, &event);
        flow_event_emit(step->flows, &event);
        return;
    }
    if (cold->half[step->me].syns < UINT8_MAX)
        cold->half[step->me].syns++;
    if (cold->handshake & HANDSHAKE_ACK && step->s->flags & TCP_ACK)
        cold->handshake |= HANDSHAKE_UNHEARD;
    cold->handshake |= HANDSHAKE_RESENT;
    step->handshake_resent = true;
    FLOW_COUNT(step->flows, trouble, syn_retransmissions, 1);
    flow_event_init(step,
                    step->s->flags & TCP_ACK ? FLOW_EVENT_SYNACK_RETRANSMISSION
                                             : FLOW_EVENT_SYN_RETRANSMISSION,
                    &event);
    event.retransmission = (struct flow_retransmission){
        .trigger = FLOW_TRIGGER_TIMEOUT,
        .lost = FLOW_LOST_BEHIND_TAP,
        .backoff = (uint8_t)(cold->half[step->me].syns - 1),
        .since_ns = step->quiet_ns,
    };
    flow_event_emit(step->flows, &event);
    flow_ranges_add(step, SENT_RESENT);
}

static void flow_open_first(struct flow_step *step, struct flow_cold *cold)
{
    const struct segment *s = step->s;
    struct flow *flow = step->flow;
    struct flow_half *half = &flow->half[step->me];

    flow_open_options(&cold->half[step->me], s);
    cold->half[step->me].syns = 1;
    cold->client_known = 1;
    half->next = step->end;
    half->edge = s->ack + s->window;
    flow->flags[step->me] |= HALF_SEEN;
    if (s->flags & TCP_ACK) {
        flow_open_agree(step);
        cold->synack_ns = s->when_ns;
        cold->handshake |= HANDSHAKE_SYNACK;
    } else {
        cold->syn_ns = s->when_ns;
        cold->syn_flags = s->flags & 0x1ff;
        cold->handshake |= HANDSHAKE_SYN;
    }
    flow_rtt_clock(step);
    flow_ranges_add(step, SENT_ADVANCED);
    if (s->payload_len == 0)
        half->next = s->seq + 1;
}

void flow_open_syn(struct flow_step *step)
{
    struct flow_cold *cold = flow_cold(step->flows, step->flow);
    struct flow_half *half = &step->flow->half[step->me];

    if (!(cold->half[step->me].flags & COLD_SYN))
        flow_open_first(step, cold);
    else if (cold->half[step->me].isn == step->s->seq)
        flow_open_again(step, cold);
    half->segments++;
    step->flows->summary.counts.segments++;
    if (step->s->flags & TCP_ACK && !(step->flow->flags[step->me] & HALF_ACKED)) {
        half->ack = step->s->ack;
        step->flow->flags[step->me] |= HALF_ACKED;
    }
    flow_open_progress(step);
}

static void flow_open_requeue(struct flows *flows, struct flow *flow, enum flow_queue_kind kind)
{
    if (flow->queue == kind)
        return;
    flow_queue_drop(flows, flow);
    flow_queue_add(flows, flow, kind);
}

void flow_open_progress(struct flow_step *step)
{
    struct flow *flow = step->flow;
    struct flow_cold *cold = flow_cold(step->flows, flow);
    bool syn = step->s->flags & TCP_SYN;

    if (flow->state == FLOW_STATE_SYN && (step->me != flow->client || !syn)) {
        flow->state = syn && step->s->flags & TCP_ACK ? FLOW_STATE_HANDSHAKE : FLOW_STATE_OPEN;
    } else if (flow->state == FLOW_STATE_OPEN && syn && step->s->flags & TCP_ACK &&
               flow->half[flow->client].packets == 0) {
        flow->state = FLOW_STATE_HANDSHAKE; /* begins with the SYN-ACK */
    } else if (flow->state == FLOW_STATE_HANDSHAKE && step->me == flow->client && !syn) {
        flow->state = FLOW_STATE_OPEN;
        cold->ack_ns = step->s->when_ns;
        cold->handshake |= HANDSHAKE_ACK;
        if (!(cold->handshake & HANDSHAKE_RESENT))
            flow_rtt_handshake(flow, step->me, since_ns(cold->ack_ns, cold->synack_ns));
    }
}

void flow_open_closed(struct flows *flows, struct flow *flow, unsigned by)
{
    if (flow->state == FLOW_STATE_CLOSED)
        return;
    flow->state = FLOW_STATE_CLOSED;
    flow_cold(flows, flow)->ended_by = by & 1;
    if (flow->queue == QUEUE_OPEN)
        flow_open_requeue(flows, flow, QUEUE_CLOSED);
}

void flow_open_again_alive(struct flows *flows, struct flow *flow)
{
    bool fins = flow->flags[0] & flow->flags[1] & HALF_FIN;

    if (flow->state != FLOW_STATE_CLOSED || fins)
        return;
    flow->state = FLOW_STATE_OPEN;
    if (flow->queue == QUEUE_CLOSED)
        flow_open_requeue(flows, flow, QUEUE_OPEN);
}
