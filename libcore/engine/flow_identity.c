/*
 * What an IP-ID tells. Many stacks count the packets of a connection in it (Linux), some those to
 * a destination or all they send, in either byte order; others send 0 or random numbers. Which of
 * these a side does is learnt from its packets: the score rises with each that is one above the
 * one before, and falls steeply with each that is far off.
 */
#include "engine/flow_internal.h"

#define ID_AHEAD   512 /* packets that may be missing */
#define ID_BEHIND  256 /* packets that may have been overtaken */
#define ID_PENALTY 4

#define COPY_RECORDS 16                /* segments looked back for the same one */
#define COPY_NS      (100 * NS_PER_MS) /* from one interface to the next */
#define COPY_IDS     64

/* Nothing is believed yet, and in the other byte order it is nearer to the one before. */
static void flow_identity_swap(struct flow_step *step)
{
    struct flow *flow = step->flow;
    uint8_t *score = &flow->id_score[step->me];
    uint16_t before = (uint16_t)(flow->half[step->me].next_id - 1);
    uint16_t off = (uint16_t)(step->id - before);
    uint16_t other = (uint16_t)(__builtin_bswap16(step->id) - __builtin_bswap16(before));

    if (other == 0 || other >= COPY_IDS || other >= off)
        return;
    *score = (uint8_t)((*score & ID_SWAPPED) ^ ID_SWAPPED) | 1;
    step->id = __builtin_bswap16(step->id);
}

static void flow_identity_far(struct flow_step *step)
{
    uint8_t *score = &step->flow->id_score[step->me];

    if ((*score & ID_SCORE) > ID_PENALTY) {
        *score = (uint8_t)(*score - ID_PENALTY);
        return;
    }
    *score &= ID_SWAPPED;
    flow_identity_swap(step);
}

void flow_identity_odd(struct flow_step *step)
{
    struct flow *flow = step->flow;
    struct flow_half *half = &flow->half[step->me];
    uint8_t *score = &flow->id_score[step->me];
    int16_t off = (int16_t)(step->id - half->next_id);

    if (off > 0 && off < ID_AHEAD) {
        if (!(*score & ID_SCORE))
            flow_identity_swap(step);
        else if (!step->ahead)
            --*score;
    } else if (off < 0 && off >= -ID_BEHIND && *score & ID_SCORE) {
        return;
    } else {
        flow_identity_far(step);
    }
    half->next_id = (uint16_t)(step->id + step->segments);
}

int flow_identity_missing(const struct flow_step *step)
{
    uint16_t ahead = (uint16_t)(step->id - step->flow->half[step->me].next_id);

    return step->id_counts && ahead < ID_AHEAD ? ahead : -1;
}

static bool flow_identity_is_copy_of(const struct flow_step *step, const struct flow_sent *sent)
{
    const struct segment *s = step->s;

    return sent->seq == s->seq && sent->end == step->end && sent->id == step->id &&
           (!step_has_timestamps(step) || sent->tsval == s->tsval) &&
           since_ns(s->when_ns, sent->when_ns) < COPY_NS;
}

static bool flow_identity_data_copy(const struct flow_step *step)
{
    const struct flow *flow = step->flow;
    uint32_t owner = flow_owner(flow, step->me), id = flow->half[step->me].sent;

    for (unsigned i = 0; i < COPY_RECORDS; i++) {
        const struct flow_sent *sent = flow_ranges_sent(step->flows, id, owner);
        if (!sent)
            return false;
        if (flow_identity_is_copy_of(step, sent))
            return true;
        id = sent->previous;
    }
    return false;
}

/* A bare acknowledgement that leads no further than those seen on the other interface. */
static bool flow_identity_ack_copy(const struct flow_step *step)
{
    const struct segment *s = step->s;
    const struct flow_half *half = &step->flow->half[step->me];

    if (step->quiet_ns < 0 || step->quiet_ns > COPY_NS || s->seq != half->next ||
        seq_after(s->ack, half->ack) ||
        (step_has_timestamps(step) && seq_after(s->tsval, half->tsval)))
        return false;
    if (s->has & SEGMENT_HAS_ID)
        return (uint16_t)(half->next_id - 1 - step->id) < COPY_IDS;
    return true;
}

bool flow_identity_tap_copy(struct flow_step *step)
{
    struct flow *flow = step->flow;
    const struct flow_trouble *trouble = flow_trouble(step->flows, flow, step->me);

    if (step->s->flags & TCP_RST)
        return flow->flags[step->me] & HALF_RST && trouble &&
               trouble->reset.last_seq == step->s->seq;
    return step->len > 0 ? flow_identity_data_copy(step) : flow_identity_ack_copy(step);
}
