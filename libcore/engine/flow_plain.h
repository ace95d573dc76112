/*
 * The ordinary segment of a healthy flow: next in line, acknowledging what was seen, nothing odd
 * about it. It does to the flow what the general way through flow.c would, in fewer steps; what
 * is not plain is left to that. Only flow.c includes it.
 */
#ifndef NETDX_ENGINE_FLOW_PLAIN_H
#define NETDX_ENGINE_FLOW_PLAIN_H

#include "engine/flow_internal.h"

#define PLAIN_NEEDS (HALF_SEEN | HALF_ACKED)
#define PLAIN_ODD   (HALF_ZERO | HALF_RST | HALF_WATCH)
#define PLAIN_NS    (100 * NS_PER_MS) /* longer silences are looked into without an IP-ID */

/* All that has to do with the packet alone or with what side it comes from. */
static inline bool flow_plain_looks(const struct flow *flow, const struct segment *s, unsigned me,
                                    uint8_t via)
{
    const struct flow_half *half = &flow->half[me];
    unsigned odd = (s->flags & ~(unsigned)TCP_PSH) ^ TCP_ACK;

    odd |= s->nsack | s->fragment | (s->ecn == 3);
    odd |= (flow->flags[me] & (PLAIN_NEEDS | PLAIN_ODD)) ^ PLAIN_NEEDS;
    odd |= (flow->flags[!me] & (PLAIN_NEEDS | PLAIN_ODD)) ^ PLAIN_NEEDS;
    odd |= flow->state ^ FLOW_STATE_OPEN;
    odd |= via ^ flow->via[me];
    odd |= s->ttl ^ flow->ttl[me];
    odd |= flow->id_score[me] & ID_SWAPPED;
    odd |= s->has & SEGMENT_HAS_ID ? s->id ^ half->next_id : 0u;
    return odd == 0;
}

/* Sequence, acknowledgement and window as they should be; and not after a silence. */
static inline bool flow_plain_fits(const struct flow *flow, const struct segment *s, unsigned me,
                                   uint32_t window)
{
    const struct flow_half *half = &flow->half[me], *peer = &flow->half[!me];
    uint32_t len = s->payload_len, end = s->seq + len, ahead = s->ack - half->ack;
    int64_t quiet = since_ns(s->when_ns, half->last_ns), gap = since_ns(s->when_ns, peer->last_ns);

    if (quiet < gap)
        gap = quiet;
    if (s->seq != half->next || ahead > peer->next - half->ack || ahead >= UINT32_C(1) << 30 ||
        window < peer->mss || gap >> STALL_SHIFT > (int64_t)flow->stall)
        return false;
    if (gap >= PLAIN_NS && (flow->id_score[me] < ID_COUNTS || !(s->has & SEGMENT_HAS_ID)))
        return false;
    if (len == 0)
        return ahead > 0;
    return len <= half->mss && half->data_ns != 0 && end != peer->edge &&
           !((s->seq ^ end) & UINT32_C(0x80000000));
}

static inline void flow_plain_data(struct flow_step *step)
{
    struct flow_half *half = &step->flow->half[step->me];
    struct flow_counts *sum = &step->flows->summary.counts;
    uint8_t *flags = &step->flow->flags[step->me];

    flow_ranges_add(step, SENT_ADVANCED);
    half->next = step->end;
    half->data_ns = step->s->when_ns;
    half->segments++;
    sum->segments++;
    sum->unique_bytes += step->len;
    if (*flags & HALF_TIMED)
        return;
    *flags = (uint8_t)((*flags & ~HALF_ECHO) | HALF_TIMED);
    half->timed_end = step->end;
    half->timed_ns = step->s->when_ns;
    half->timed_tsval = step->s->tsval;
}

static inline void flow_plain_ack(struct flow_step *step)
{
    struct flow *flow = step->flow;
    struct flow_half *half = &flow->half[step->me];
    unsigned peer = !step->me;

    half->ack = step->s->ack;
    flow->dup_acks[step->me] = 0;
    flow->news_ns[peer] = step->s->when_ns;
    step->timed =
        flow->flags[peer] & HALF_TIMED && !seq_before(step->s->ack, flow->half[peer].timed_end);
}

/* False: not plain, and nothing done. */
static inline bool flow_plain(struct flow_step *step, uint8_t via, uint32_t window)
{
    struct flow *flow = step->flow;
    const struct segment *s = step->s;
    struct flow_half *half = &flow->half[step->me];

    if (!flow_plain_looks(flow, s, step->me, via) || !flow_plain_fits(flow, s, step->me, window))
        return false;
    step->id = s->id;
    step->segments = 1;
    step->len = s->payload_len;
    step->end = s->seq + s->payload_len;
    if (s->ack != half->ack)
        flow_plain_ack(step);
    half->edge = s->ack + window;
    if (step->len > 0)
        flow_plain_data(step);
    return true;
}

#endif
