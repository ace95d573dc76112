/*
 * Where a segment stands in its sender's stream: next in line, ahead of a hole, in a hole, or
 * below what was seen already. The evidence is asked in this order: has a copy been seen, is it
 * the same packet, did the sender send it before or after what is known (its timestamp, its
 * IP-ID), and only then how much time has passed.
 */
#include "engine/flow_internal.h"

#define RESYNC            (INT32_C(1) << 30) /* no window is as wide: another flow, or noise */
#define COPY_WALK         4096               /* records looked through for the copy */
#define COPY_MIN_NS       (500 * NS_PER_US)
#define COPY_MAX_NS       (50 * NS_PER_MS)
#define COPY_UNKNOWN_NS   (10 * NS_PER_MS) /* without a round trip to compare with */
#define DISORDER_MIN_NS   (1 * NS_PER_MS)
#define KEEP_ALIVE_MIN_NS NS_PER_SEC /* tcp(7): TCP_KEEPIDLE is in whole seconds */

static void flow_sequence_advance(struct flow_step *step, uint32_t end)
{
    struct flow_half *half = &step->flow->half[step->me];

    if ((half->next ^ end) & UINT32_C(0x80000000))
        flow_cold(step->flows, step->flow)->half[step->me].crossings++;
    half->next = end;
}

static void flow_sequence_first_data(struct flow_step *step)
{
    struct flow_cold_half *cold = &flow_cold(step->flows, step->flow)->half[step->me];

    if (step->flow->half[step->me].data_ns == 0 || !(cold->flags & COLD_DATA)) {
        cold->flags |= COLD_DATA;
        cold->first_data_ns = step->s->when_ns;
    }
}

static void flow_sequence_full(struct flow_step *step)
{
    struct flow_trouble *trouble = flow_trouble_get(step->flows, step->flow, step->me);
    struct flow_event event;

    FLOW_COUNT(step->flows, trouble, window_full, 1);
    flow_event_init(step, FLOW_EVENT_WINDOW_FULL, &event);
    flow_event_emit(step->flows, &event);
}

void flow_sequence_new(struct flow_step *step, unsigned flags)
{
    struct flow *flow = step->flow;
    const struct segment *s = step->s;
    struct flow_half *half = &flow->half[step->me];
    const struct flow_half *peer = &flow->half[!step->me];

    step->flows->summary.counts.unique_bytes +=
        step->end - half->next - (step->len - s->payload_len);
    flow_ranges_add(step, flags | SENT_ADVANCED);
    flow_sequence_advance(step, step->end);
    if (half->data_ns == 0)
        flow_sequence_first_data(step);
    half->data_ns = s->when_ns;
    if (!(flow->flags[step->me] & HALF_TIMED) && !(flags & SENT_RESENT)) {
        flow->flags[step->me] = (uint8_t)((flow->flags[step->me] & ~HALF_ECHO) | HALF_TIMED);
        half->timed_end = step->end;
        half->timed_ns = s->when_ns;
        half->timed_tsval = s->tsval;
    }
    if (step->end == peer->edge && flow->flags[!step->me] & HALF_ACKED &&
        flow->wscale[!step->me] != WSCALE_UNKNOWN && s->payload_len > 0)
        flow_sequence_full(step);
}

void flow_sequence_resync(struct flow_step *step)
{
    struct flow *flow = step->flow;
    struct flow_trouble *trouble = flow_trouble(step->flows, flow, step->me);

    if (trouble) {
        flow_intervals_clear(step->flows, &trouble->holes, &trouble->nholes);
        flow_intervals_clear(step->flows, &trouble->sacked, &trouble->nsacked);
        trouble->recovery = RECOVERY_NONE;
        trouble->probing = trouble->has_evidence = trouble->has_ghost = trouble->has_timer = false;
    }
    flow->flags[step->me] &= (uint8_t) ~(HALF_TIMED | HALF_ECHO | HALF_WATCH);
    flow->flags[!step->me] &= (uint8_t)~HALF_ACKED;
    flow->half[step->me].next = step->s->seq;
    flow_cold(step->flows, flow)->half[step->me].base = step->s->seq;
    flow_cold(step->flows, flow)->half[step->me].crossings = 0;
    if (step->len > 0)
        flow_sequence_new(step, 0);
}

/* Did the sender send this before (< 0) or after (> 0) a packet with these marks? 0: no telling. */
static int flow_sequence_order(const struct flow_step *step, bool timestamps, uint32_t tsval,
                               uint16_t id)
{
    if (timestamps && step_has_timestamps(step) && step->s->tsval != tsval)
        return seq_before(step->s->tsval, tsval) ? -1 : 1;
    if (!step->id_counts || step->id == id)
        return 0;
    return (int16_t)(step->id - id) < 0 ? -1 : 1;
}

static void flow_sequence_reordered(struct flow_step *step)
{
    struct flow_trouble *trouble = flow_trouble_get(step->flows, step->flow, step->me);
    struct flow_event event;

    FLOW_COUNT(step->flows, trouble, reordered, step->segments);
    flow_event_init(step, FLOW_EVENT_REORDERING, &event);
    flow_event_emit(step->flows, &event);
}

static void flow_sequence_count(struct flows *flows, struct flow_trouble *trouble, uint32_t n,
                                uint32_t bytes, const struct flow_retransmission *facts)
{
    FLOW_COUNT(flows, trouble, retransmissions, n);
    FLOW_COUNT(flows, trouble, retransmitted_bytes, bytes);
    if (facts->trigger == FLOW_TRIGGER_TIMEOUT)
        FLOW_COUNT(flows, trouble, timeout, n);
    else if (facts->trigger == FLOW_TRIGGER_FAST)
        FLOW_COUNT(flows, trouble, fast, n);
    else if (facts->trigger == FLOW_TRIGGER_TAIL_PROBE)
        FLOW_COUNT(flows, trouble, tail_probe, n);
    else
        FLOW_COUNT(flows, trouble, unknown, n);
    if (facts->backoff > 0)
        FLOW_COUNT(flows, trouble, timer, 1);
    if (facts->lost == FLOW_LOST_BEFORE_TAP)
        FLOW_COUNT(flows, trouble, lost_before, n);
    else if (facts->lost == FLOW_LOST_BEHIND_TAP)
        FLOW_COUNT(flows, trouble, lost_behind, n);
    else
        FLOW_COUNT(flows, trouble, lost_unknown, n);
}

/* The bytes below `end` were sent before. */
static void flow_sequence_resent(struct flow_step *step, uint32_t end, enum flow_lost lost,
                                 int64_t since)
{
    struct flow *flow = step->flow;
    struct flow_trouble *trouble = flow_trouble_get(step->flows, flow, step->me);
    uint32_t bytes = end - step->s->seq, mss = flow->half[step->me].mss;
    uint32_t n = bytes > mss ? (bytes + mss - 1) / mss : 1;
    struct flow_cold *cold = flow_cold(step->flows, flow);
    struct flow_event event;

    flow->flags[step->me] &= (uint8_t)~HALF_TIMED; /* Karn: RFC 6298 (3) */
    step->resent = true;
    if (cold->unheard < UINT8_MAX)
        cold->unheard++; /* means something after a silence only */
    if (!trouble)
        return;
    flow_event_init(step, FLOW_EVENT_RETRANSMISSION, &event);
    event.bytes = bytes > step->s->payload_len ? step->s->payload_len : bytes;
    event.retransmission.lost = lost;
    event.retransmission.since_ns = since;
    event.retransmission.fin = step->s->flags & TCP_FIN;
    flow_trigger(step, trouble, step->s->seq, end, since, &event.retransmission);
    step->trigger = event.retransmission.trigger;
    flow_sequence_count(step->flows, trouble, n, event.bytes, &event.retransmission);
    flow_ranges_add_resent(step, trouble, step->s->seq, end, &event.retransmission);
    trouble->resent_ns = step->s->when_ns;
    flow_ack_watch(flow, step->me, trouble);
    flow_event_emit(step->flows, &event);
}

static void flow_sequence_in_line(struct flow_step *step)
{
    struct flow *flow = step->flow;
    struct flow_trouble *trouble = flow_trouble(step->flows, flow, step->me);
    bool ghost = trouble && trouble->has_ghost && seq_before(step->s->seq, trouble->ghost_end);
    int order = flow_sequence_order(step, true, flow->half[step->me].tsval,
                                    (uint16_t)(flow->half[step->me].next_id - 1));

    if (ghost && order < 0) { /* what it was sent before has overtaken it */
        flow_sequence_new(step, 0);
        flow_sequence_reordered(step);
    } else if (ghost || flow_ghost_is_shown(step, 0) || flow_ghost_is_belated(step)) {
        flow_sequence_resent(step, step->end, FLOW_LOST_BEFORE_TAP, step->quiet_ns);
        flow_sequence_new(step, SENT_RESENT);
        trouble = flow_trouble(step->flows, flow, step->me);
        if (trouble && !trouble->told_ghost && step->s->payload_len < flow->half[step->me].mss)
            trouble->has_ghost = false; /* an estimate: flights end with a short segment */
    } else {
        flow_sequence_new(step, 0);
    }
}

static void flow_sequence_ahead(struct flow_step *step)
{
    struct flow *flow = step->flow;
    struct flow_half *half = &flow->half[step->me];
    struct flow_trouble *trouble = flow_trouble_get(step->flows, flow, step->me);
    unsigned flags = 0;

    if (flow_ghost_is_shown(step, step->s->seq - half->next)) {
        flags = SENT_RESENT;
        flow_sequence_resent(step, step->end, FLOW_LOST_BEFORE_TAP, step->quiet_ns);
    }
    if (trouble) {
        flow_intervals_add(
            step->flows, &trouble->holes, &trouble->nholes,
            &(struct flow_interval){
                .when_ns = step->s->when_ns,
                .left = half->next,
                .right = step->s->seq,
                .tsval = step->s->tsval,
                .id = step->id,
                .flags = (uint8_t)(flags | (step_has_timestamps(step) ? SENT_TIMESTAMPS : 0)),
            });
        flow->flags[step->me] |= HALF_WATCH;
    }
    step->ahead = true;
    flow_sequence_advance(step, step->s->seq);
    flow_sequence_new(step, flags);
}

/* A handshake takes longer than what follows, and a side that only sends is not timed again. */
static int64_t flow_sequence_least(const struct flow_step *step)
{
    struct flow_trouble *trouble = flow_trouble(step->flows, step->flow, step->me);
    int64_t least = flow_rtt_least(step->flow);

    if (!trouble)
        return least;
    if (trouble->flight_ns == 0) {
        int64_t flight = flow_rtt_flight(step);
        trouble->flight_ns = flight > 0 ? flight : -1;
    }
    return trouble->flight_ns > 0 && trouble->flight_ns < least ? trouble->flight_ns : least;
}

/*
 * The hole was seen after a retransmission had come and before the answer to it could: delivered,
 * that told the sender that what it had sent before is missing (RFC 8985 6.2).
 */
static bool flow_sequence_is_told(const struct flow_step *step, const struct flow_interval *hole,
                                  int64_t least)
{
    const struct flow_trouble *trouble = flow_trouble(step->flows, step->flow, step->me);

    if (!trouble || trouble->resent_ns == 0 || least == 0)
        return false;
    int64_t seen = since_ns(hole->when_ns, trouble->resent_ns);
    return seen >= 0 && seen < least && since_ns(step->s->when_ns, hole->when_ns) > least / 4 &&
           since_ns(step->s->when_ns, trouble->resent_ns) >= least / 8 * 7;
}

/*
 * Equal timestamps: sent within one tick. That is no retransmission where a round trip takes
 * longer. Time at the tap is the last thing to ask: a retransmission takes a round trip, too.
 */
static bool flow_sequence_hole_is_late(const struct flow_step *step,
                                       const struct flow_interval *hole)
{
    bool timestamps = hole->flags & SENT_TIMESTAMPS && step_has_timestamps(step);
    int order = flow_sequence_order(step, timestamps, hole->tsval, hole->id);
    int64_t least = flow_rtt_least(step->flow);

    if (order != 0)
        return order < 0;
    if (timestamps) {
        int64_t tick = flow_rtt_tick(step);
        if (tick > 0 && tick <= least)
            return true;
    }
    least = flow_sequence_least(step);
    int64_t needed = least / 8 * 7;
    if (needed < DISORDER_MIN_NS)
        needed = DISORDER_MIN_NS;
    return since_ns(step->s->when_ns, hole->when_ns) < needed &&
           !flow_sequence_is_told(step, hole, least);
}

enum copy_kind { COPY_NONE, COPY_DUPLICATE, COPY_LATE, COPY_RESENT };

static int64_t flow_sequence_copy_window(const struct flow *flow)
{
    int64_t window = flow_rtt_least(flow) / 2;

    if (window == 0)
        return COPY_UNKNOWN_NS;
    if (window < COPY_MIN_NS)
        return COPY_MIN_NS;
    return window > COPY_MAX_NS ? COPY_MAX_NS : window;
}

static bool flow_sequence_is_same(const struct flow_step *step, const struct flow_sent *sent)
{
    const struct segment *s = step->s;

    if (sent->seq != s->seq || sent->end != step->end)
        return false;
    if (sent->flags & SENT_TIMESTAMPS && step_has_timestamps(step) && sent->tsval != s->tsval)
        return false;
    if (step->id != 0 || sent->id != 0)
        return step->id == sent->id;
    return since_ns(s->when_ns, sent->when_ns) < flow_sequence_copy_window(step->flow);
}

/* Looks for the copies of the segment, newest first; *newest is the latest that covers its start.
 */
static bool flow_sequence_find(const struct flow_step *step, const struct flow_sent **newest)
{
    const struct flow *flow = step->flow;
    uint32_t owner = flow_owner(flow, step->me), id = flow->half[step->me].sent;

    *newest = NULL;
    for (unsigned i = 0; i < COPY_WALK; i++) {
        const struct flow_sent *sent = flow_ranges_sent(step->flows, id, owner);
        if (!sent) {
            step->flows->summary.ranges_forgotten += *newest == NULL;
            return false;
        }
        if (seq_before(sent->seq, step->end) && seq_after(sent->end, step->s->seq)) {
            if (flow_sequence_is_same(step, sent))
                return true;
            if (!*newest)
                *newest = sent;
        }
        if (sent->flags & SENT_ADVANCED && !seq_after(sent->end, step->s->seq))
            return false;
        id = sent->previous;
    }
    return false;
}

static enum copy_kind flow_sequence_copy(const struct flow_step *step, int64_t *since)
{
    const struct flow_sent *newest;
    int order;

    *since = -1;
    if (flow_sequence_find(step, &newest))
        return COPY_DUPLICATE;
    if (newest) {
        *since = since_ns(step->s->when_ns, newest->when_ns);
        order =
            flow_sequence_order(step, newest->flags & SENT_TIMESTAMPS, newest->tsval, newest->id);
        if (order < 0)
            return newest->flags & SENT_RESENT ? COPY_LATE : COPY_DUPLICATE;
        return COPY_RESENT;
    }
    order = flow_sequence_order(step, true, step->flow->half[step->me].tsval,
                                (uint16_t)(step->flow->half[step->me].next_id - 1));
    return order < 0 ? COPY_NONE : COPY_RESENT;
}

static void flow_sequence_duplicate(struct flow_step *step)
{
    struct flow_trouble *trouble = flow_trouble_get(step->flows, step->flow, step->me);
    struct flow_event event;

    FLOW_COUNT(step->flows, trouble, duplicates, 1);
    flow_event_init(step, FLOW_EVENT_DUPLICATE, &event);
    flow_event_emit(step->flows, &event);
}

/* The first copy after the second: that was needless. */
static void flow_sequence_late(struct flow_step *step)
{
    struct flow_resent *resent =
        flow_spurious_find(step->flows, step->flow, step->me, step->s->seq, step->end);

    flow_sequence_reordered(step);
    if (resent)
        flow_spurious(step->flows, step->flow, step->me, resent, FLOW_SPURIOUS_ORIGINAL, step->s);
}

/* Nothing of it is new to the tap; returns what the log is to remember of it. */
static unsigned flow_sequence_seen(struct flow_step *step, uint32_t end)
{
    int64_t since;

    switch (flow_sequence_copy(step, &since)) {
    case COPY_DUPLICATE:
        flow_sequence_duplicate(step);
        return 0;
    case COPY_LATE:
        flow_sequence_late(step);
        return 0;
    case COPY_NONE: /* captured out of turn: what acknowledges it came first */
        flow_sequence_reordered(step);
        return 0;
    case COPY_RESENT:
        break;
    }
    flow_sequence_resent(step, end, FLOW_LOST_BEHIND_TAP, since);
    return SENT_RESENT;
}

static unsigned flow_sequence_filled(struct flow_step *step, uint32_t end,
                                     const struct flow_interval *hole)
{
    if (flow_sequence_hole_is_late(step, hole)) {
        flow_sequence_reordered(step);
        return 0;
    }
    flow_ghost_learn(step);
    flow_sequence_resent(step, end, FLOW_LOST_BEFORE_TAP,
                         since_ns(step->s->when_ns, hole->when_ns));
    return SENT_RESENT;
}

static bool flow_sequence_cut_holes(struct flow_step *step, struct flow_trouble *trouble,
                                    uint32_t end, struct flow_interval *first)
{
    struct flow_interval hole;
    bool any = false;

    while (trouble && trouble->holes &&
           flow_intervals_cut(step->flows, &trouble->holes, &trouble->nholes, step->s->seq, end,
                              &hole)) {
        if (!any)
            *first = hole;
        any = true;
        step->flows->summary.counts.unique_bytes += hole.right - hole.left;
    }
    return any;
}

static void flow_sequence_behind(struct flow_step *step)
{
    struct flow *flow = step->flow;
    struct flow_half *half = &flow->half[step->me];
    struct flow_trouble *trouble = flow_trouble(step->flows, flow, step->me);
    uint32_t old_end = seq_min(step->end, half->next);
    struct flow_interval hole = {0};
    unsigned flags;

    if (flow_sequence_cut_holes(step, trouble, old_end, &hole))
        flags = flow_sequence_filled(step, old_end, &hole);
    else
        flags = flow_sequence_seen(step, old_end);
    if (trouble)
        flow_ack_watch(flow, step->me, trouble);
    if (seq_after(step->end, half->next)) {
        flow_sequence_new(step, flags);
        return;
    }
    flow_ranges_add(step, flags);
}

/*
 * RFC 1122 (4.2.3.6, 4.2.2.17): the byte before the next, or none, to make the peer answer. Old
 * stacks send that byte again; one that comes sooner than any keep-alive is data sent again.
 */
static bool flow_sequence_is_probe(const struct flow_step *step)
{
    const struct flow *flow = step->flow;
    unsigned peer = !step->me;

    if (step->s->payload_len == 1 && !(flow->flags[peer] & HALF_ZERO) &&
        step->quiet_ns < KEEP_ALIVE_MIN_NS)
        return false;
    return step->s->seq + 1 == flow->half[step->me].next && step->s->payload_len <= 1 &&
           !(step->s->flags & (TCP_SYN | TCP_FIN | TCP_RST)) && flow->flags[peer] & HALF_ACKED &&
           (flow->half[peer].ack == flow->half[step->me].next ||
            (flow->flags[peer] & HALF_ZERO && !seq_before(step->s->seq + 1, flow->half[peer].ack)));
}

static void flow_sequence_probe(struct flow_step *step)
{
    struct flow_trouble *trouble = flow_trouble_get(step->flows, step->flow, step->me);
    bool zero = step->flow->flags[!step->me] & HALF_ZERO;
    struct flow_event event;

    if (zero)
        FLOW_COUNT(step->flows, trouble, window_probes, 1);
    else
        FLOW_COUNT(step->flows, trouble, keep_alives, 1);
    flow_event_init(step, zero ? FLOW_EVENT_WINDOW_PROBE : FLOW_EVENT_KEEP_ALIVE, &event);
    flow_event_emit(step->flows, &event);
}

/* A bare acknowledgement from ahead: the sender has sent what is below and was not seen. */
static void flow_sequence_told(struct flow_step *step)
{
    struct flow_trouble *trouble = flow_trouble_get(step->flows, step->flow, step->me);

    if (!trouble || step->s->seq - step->flow->half[step->me].next > GHOST_MAX)
        return;
    if (!trouble->has_ghost || seq_after(step->s->seq, trouble->ghost_end))
        trouble->ghost_end = step->s->seq;
    trouble->has_ghost = trouble->told_ghost = true;
    step->flow->flags[step->me] |= HALF_WATCH;
}

void flow_sequence(struct flow_step *step)
{
    int32_t off = (int32_t)(step->s->seq - step->flow->half[step->me].next);

    if (off > RESYNC || off < -RESYNC) {
        flow_sequence_resync(step);
    } else if (flow_sequence_is_probe(step)) {
        flow_sequence_probe(step);
    } else if (step->len == 0) {
        if (off > 0)
            flow_sequence_told(step);
    } else if (off == 0) {
        flow_sequence_in_line(step);
    } else if (off > 0) {
        flow_sequence_ahead(step);
    } else {
        flow_sequence_behind(step);
    }
}
