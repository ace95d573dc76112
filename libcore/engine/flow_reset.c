/*
 * Whose RST it is. Every sign has a weight, for forged (above zero) or for the host's own (below);
 * none decides alone but that the host goes on as if nothing had happened. NATs, balancers and
 * sockets that close with unread data make odd RSTs too: these have signs of their own.
 */
#include "engine/flow_internal.h"

#define TTL_BASE_PACKETS 2 /* ordinary packets to compare with */
#define ID_NEAR          64
#define TSVAL_NEAR       60000            /* ticks ahead of the latest */
#define IDLE_ENDED_NS    (2 * NS_PER_SEC) /* from the packet that ended a silence to the RST */
#define OVERTAKEN_NS     (50 * NS_PER_MS) /* and a round trip: what was under way has arrived */
#define FORGED_SCORE     2
#define SCORE_SURE       8

static uint32_t flow_reset_seq(const struct flow_step *step)
{
    const struct flow *flow = step->flow;
    const struct segment *s = step->s;
    const struct flow_half *half = &flow->half[step->me], *peer = &flow->half[!step->me];
    bool seen = flow->flags[step->me] & HALF_SEEN, acked = flow->flags[!step->me] & HALF_ACKED;
    uint32_t reasons = 0;

    if (s->flags & TCP_ACK && flow->flags[!step->me] & HALF_SEEN && seq_after(s->ack, peer->next))
        reasons |= FLOW_REASON_ACK_BEYOND;
    if (!(s->flags & TCP_ACK) && acked && s->seq == peer->ack)
        reasons |= FLOW_REASON_ANSWERS_PEER;
    if (!seen && !acked) {
        bool answers = s->flags & TCP_ACK && s->ack == peer->next;
        return reasons | (answers ? FLOW_REASON_SEQ_EXACT : FLOW_REASON_FEW_PACKETS);
    }
    if ((seen && s->seq == half->next) || (acked && s->seq == peer->ack))
        return reasons | FLOW_REASON_SEQ_EXACT;
    if (!acked)
        return reasons;
    if (!seq_before(s->seq, peer->ack) && seq_before(s->seq, peer->edge))
        return reasons | FLOW_REASON_SEQ_IN_WINDOW;
    return reasons | FLOW_REASON_SEQ_OUT;
}

/* Hops from the initial TTL that it most likely had. */
static unsigned flow_reset_hops(uint8_t ttl)
{
    return ttl <= 64 ? 64u - ttl : ttl <= 128 ? 128u - ttl : 255u - ttl;
}

static uint32_t flow_reset_ttl(const struct flow_step *step)
{
    const struct flow *flow = step->flow;
    const struct flow_cold_half *cold = &flow_cold(step->flows, flow)->half[step->me];
    uint8_t usual = flow->ttl[step->me], ttl = step->s->ttl;

    if (usual == 0 || cold->flags & COLD_TTL_VARIES)
        return FLOW_REASON_FEW_PACKETS;
    if (ttl == usual)
        return FLOW_REASON_TTL_SAME;
    if (cold->flags & COLD_SYN && ttl == cold->syn_ttl)
        return FLOW_REASON_TTL_DIFFERS | FLOW_REASON_TTL_AS_SYNACK;
    if (flow_reset_hops(ttl) == flow_reset_hops(usual))
        return 0; /* stacks may start RSTs from another TTL */
    uint32_t few = flow->half[step->me].packets < TTL_BASE_PACKETS ? FLOW_REASON_FEW_PACKETS : 0;
    return FLOW_REASON_TTL_DIFFERS | few;
}

static uint32_t flow_reset_id(const struct flow_step *step)
{
    const struct flow_half *half = &step->flow->half[step->me];
    const struct flow_half *peer = &step->flow->half[!step->me];

    if (!step->id_counts || step->s->id == 0) /* Linux: RSTs without a socket have none */
        return 0;
    if ((uint16_t)(step->id - half->next_id) < ID_NEAR)
        return FLOW_REASON_ID_IN_LINE;
    if (peer->packets > 0 && step->s->id == (uint16_t)(peer->next_id - 1))
        return FLOW_REASON_ID_COPIED;
    return FLOW_REASON_ID_OUT_OF_LINE;
}

static uint32_t flow_reset_options(const struct flow_step *step)
{
    const struct segment *s = step->s;
    uint32_t before = step->flow->half[step->me].tsval;

    if (s->has & (SEGMENT_HAS_MSS | SEGMENT_HAS_WSCALE | SEGMENT_HAS_SACK_PERMITTED))
        return FLOW_REASON_OPTIONS_ODD; /* those of a SYN */
    if (!(s->has & SEGMENT_HAS_TIMESTAMPS) || step->flow->half[step->me].packets == 0)
        return 0;
    return before != 0 && s->tsval - before < TSVAL_NEAR ? FLOW_REASON_OPTIONS_AS_FLOW
                                                         : FLOW_REASON_OPTIONS_ODD;
}

/*
 * It acknowledges what the host cannot have received yet. That is a sign, no proof: what was
 * measured of the round trip may have waited in a queue.
 */
static bool flow_reset_too_soon(const struct flow_step *step)
{
    const struct flow *flow = step->flow;
    const struct flow_half *half = &flow->half[step->me], *peer = &flow->half[!step->me];
    int64_t least = (int64_t)flow->rtt[step->me].min << RTT_SHIFT;
    int64_t since = since_ns(step->s->when_ns, peer->data_ns);

    return flow->rtt[step->me].samples > 0 && step->s->flags & TCP_ACK &&
           flow->flags[step->me] & HALF_ACKED && seq_after(step->s->ack, half->ack) &&
           step->s->ack == peer->next && since >= 0 && since < least / 4 * 3;
}

static uint32_t flow_reset_timing(const struct flow_step *step)
{
    const struct flow_cold *cold = flow_cold(step->flows, step->flow);
    uint32_t reasons = flow_reset_too_soon(step) ? FLOW_REASON_TOO_SOON : 0;

    if (cold->woke_ns && since_ns(step->s->when_ns, cold->woke_ns) < IDLE_ENDED_NS)
        reasons |= FLOW_REASON_IDLE_BEFORE;
    return reasons;
}

static int flow_reset_score(uint32_t reasons)
{
    static const struct {
        enum flow_reason reason;
        int weight;
    } weights[] = {
        {FLOW_REASON_SEQ_EXACT, -1},       {FLOW_REASON_SEQ_IN_WINDOW, 2},
        {FLOW_REASON_SEQ_OUT, 1},          {FLOW_REASON_ACK_BEYOND, 1},
        {FLOW_REASON_TTL_SAME, -2},        {FLOW_REASON_TTL_DIFFERS, 3},
        {FLOW_REASON_TTL_AS_SYNACK, -4},   {FLOW_REASON_ID_IN_LINE, -3},
        {FLOW_REASON_ID_OUT_OF_LINE, 1},   {FLOW_REASON_ID_COPIED, 2},
        {FLOW_REASON_OPTIONS_AS_FLOW, -3}, {FLOW_REASON_OPTIONS_ODD, 1},
        {FLOW_REASON_SEVERAL_RISING, 5},   {FLOW_REASON_HOST_GOES_ON, 10},
        {FLOW_REASON_TOO_SOON, 3},         {FLOW_REASON_IDLE_BEFORE, -5},
        {FLOW_REASON_FEW_PACKETS, -2},
    };
    int score = 0;

    for (size_t i = 0; i < sizeof(weights) / sizeof(weights[0]); i++)
        score += reasons & weights[i].reason ? weights[i].weight : 0;
    return score;
}

static void flow_reset_judge(struct flow_reset_state *reset)
{
    int score = flow_reset_score(reset->reasons);
    int off = score >= FORGED_SCORE ? score - FORGED_SCORE + 1 : FORGED_SCORE - score;

    reset->forged = score >= FORGED_SCORE;
    reset->confidence = 0.5f + 0.5f * (float)(off > SCORE_SURE ? SCORE_SURE : off) / SCORE_SURE;
    if (reset->forged || reset->reasons & (FLOW_REASON_TTL_DIFFERS | FLOW_REASON_ID_COPIED))
        reset->origin = FLOW_ORIGIN_DEVICE;
    else if (reset->reasons &
             (FLOW_REASON_TTL_SAME | FLOW_REASON_ID_IN_LINE | FLOW_REASON_OPTIONS_AS_FLOW))
        reset->origin = FLOW_ORIGIN_HOST;
    else
        reset->origin = FLOW_ORIGIN_UNKNOWN;
}

static bool flow_reset_has_data(const struct flow *flow, unsigned half,
                                const struct flow_cold_half *cold)
{
    return flow->flags[half] & HALF_SEEN && seq_after(flow->half[half].next, cold->base) &&
           flow->half[half].data_ns != 0;
}

static enum flow_reset_phase flow_reset_phase(const struct flow_step *step)
{
    const struct flow *flow = step->flow;
    const struct flow_cold *cold = flow_cold(step->flows, flow);
    unsigned peer = !step->me;
    bool own = flow_reset_has_data(flow, step->me, &cold->half[step->me]);
    bool other = flow_reset_has_data(flow, peer, &cold->half[peer]);

    if (flow->state == FLOW_STATE_SYN)
        return step->me == flow->client ? FLOW_RESET_AFTER_SYN : FLOW_RESET_REFUSED;
    if (flow->state == FLOW_STATE_HANDSHAKE)
        return FLOW_RESET_AFTER_SYN;
    if ((flow->flags[0] | flow->flags[1]) & HALF_FIN)
        return FLOW_RESET_AFTER_FIN;
    if (!cold->handshake)
        return own && other ? FLOW_RESET_MID_RESPONSE : FLOW_RESET_UNKNOWN;
    if (!own && !other)
        return FLOW_RESET_AFTER_ACCEPT;
    if (!own || !other)
        return FLOW_RESET_AFTER_REQUEST;
    if (step->me != flow->client && step->s->flags & TCP_ACK &&
        since_ns(flow->half[peer].data_ns, flow->half[step->me].data_ns) > 0)
        return FLOW_RESET_AFTER_CLOSE_UNREAD;
    return FLOW_RESET_MID_RESPONSE;
}

static void flow_reset_first(struct flow_step *step, struct flow_reset_state *reset)
{
    *reset = (struct flow_reset_state){
        .frame = step->s->frame,
        .when_ns = step->s->when_ns,
        .before_ns = step->flow->half[step->me].last_ns,
        .seq = step->s->seq,
        .ack = step->s->ack,
        .tsval = step->flow->half[step->me].tsval,
        .last_seq = step->s->seq,
        .active = step->s->flags & TCP_ACK && step->flow->flags[step->me] & HALF_SEEN &&
                  step->s->seq == step->flow->half[step->me].next,
        .ttl = step->s->ttl,
        .ttl_expected = step->flow->ttl[step->me],
        .phase = (uint8_t)flow_reset_phase(step),
    };
    reset->reasons = flow_reset_seq(step) | flow_reset_ttl(step) | flow_reset_id(step) |
                     flow_reset_options(step) | flow_reset_timing(step);
    flow_reset_judge(reset);
}

static void flow_reset_fill(const struct flow_reset_state *state, const struct flow *flow,
                            unsigned half, uint32_t count, struct flow_reset *reset)
{
    *reset = (struct flow_reset){
        .phase = (enum flow_reset_phase)state->phase,
        .by = flow_side_of(flow, half),
        .origin = (enum flow_reset_origin)state->origin,
        .forged = state->forged,
        .confidence = (double)state->confidence,
        .reasons = state->reasons,
        .ttl = state->ttl,
        .ttl_expected = state->ttl_expected,
        .count = count,
        .frame = state->frame,
    };
}

void flow_reset_facts(const struct flows *flows, const struct flow *flow, unsigned half,
                      struct flow_reset *reset)
{
    const struct flow_trouble *trouble = flow_trouble(flows, flow, half);

    flow_reset_fill(&trouble->reset, flow, half, trouble->tally.resets, reset);
}

static void flow_reset_emit(const struct flow_step *step, const struct flow_trouble *trouble,
                            uint64_t revises)
{
    struct flow_event event;

    flow_event_init(step, FLOW_EVENT_RESET, &event);
    event.revises = revises;
    flow_reset_facts(step->flows, step->flow, step->me, &event.reset);
    event.seq = trouble->reset.last_seq;
    flow_event_emit(step->flows, &event);
}

static void flow_reset_again(struct flow_step *step, struct flow_trouble *trouble)
{
    struct flow_reset_state *reset = &trouble->reset;
    /* Beyond what it has sent: answers to the peer's segments rise no higher. */
    bool rising = seq_after(step->s->seq, reset->last_seq) &&
                  seq_after(step->s->seq, step->flow->half[step->me].next);
    bool forged = reset->forged;

    reset->last_seq = step->s->seq;
    if (rising && !(reset->reasons & FLOW_REASON_SEVERAL_RISING)) {
        reset->reasons |= FLOW_REASON_SEVERAL_RISING;
        flow_reset_judge(reset);
    }
    flow_reset_emit(step, trouble, forged != reset->forged ? reset->frame : 0);
}

void flow_reset_receive(struct flow_step *step)
{
    struct flow *flow = step->flow;
    struct flow_trouble *trouble = flow_trouble_get(step->flows, flow, step->me);

    FLOW_COUNT(step->flows, trouble, resets, 1);
    if (!trouble)
        return;
    if (flow->flags[step->me] & HALF_RST) {
        flow_reset_again(step, trouble);
        return;
    }
    flow_reset_first(step, &trouble->reset);
    flow->flags[step->me] |= HALF_RST;
    flow_reset_emit(step, trouble, 0);
    if (!(trouble->reset.reasons & FLOW_REASON_SEQ_OUT)) /* RFC 5961 (3.2): ignored */
        flow_open_closed(step->flows, flow, step->me);
}

/*
 * By its timestamp it left the host when the RST had arrived here already: a step of its clock is a
 * millisecond at least (RFC 7323 5.4). A clock that runs faster than that shows, and says nothing.
 */
static bool flow_reset_is_later(const struct flow_step *step, const struct flow_reset_state *reset)
{
    int32_t ticks = (int32_t)(step->s->tsval - reset->tsval);

    if (!step_has_timestamps(step) || reset->tsval == 0 || ticks <= 0)
        return false;
    int64_t elapsed = (ticks - 1) * NS_PER_MS;
    return elapsed > since_ns(reset->when_ns, reset->before_ns) &&
           elapsed <= since_ns(step->s->when_ns, reset->before_ns);
}

/* Sent after the RST by a host that knows of none? What it sent before may arrive later. */
static bool flow_reset_goes_on(const struct flow_step *step, const struct flow_reset_state *reset)
{
    const struct segment *s = step->s;
    const struct flow_half *half = &step->flow->half[step->me];
    uint8_t flags = step->flow->flags[step->me];
    bool late = since_ns(s->when_ns, reset->when_ns) > OVERTAKEN_NS + flow_rtt_whole(step->flow);

    if (flags & HALF_SEEN && flow_reset_is_later(step, reset))
        return true;
    if (!(flags & HALF_SEEN) || (!late && !reset->active))
        return false;
    if (step->len > 0 && seq_after(step->end, half->next))
        return late || !seq_before(s->seq, reset->seq);
    if (s->flags & TCP_ACK && flags & HALF_ACKED && seq_after(s->ack, half->ack))
        return late || seq_after(s->ack, reset->ack);
    return late && step_has_timestamps(step) && seq_after(s->tsval, half->tsval);
}

void flow_reset_aftermath(struct flow_step *step)
{
    struct flow *flow = step->flow;
    struct flow_trouble *trouble = flow_trouble(step->flows, flow, step->me);

    if (!trouble || trouble->reset.reasons & FLOW_REASON_HOST_GOES_ON ||
        !flow_reset_goes_on(step, &trouble->reset))
        return;
    trouble->reset.reasons |= FLOW_REASON_HOST_GOES_ON;
    flow_reset_judge(&trouble->reset);
    flow_reset_emit(step, trouble, trouble->reset.frame);
    flow_open_again_alive(step->flows, flow);
}
