/* Retransmissions that were needless: what proves it, and what becomes of their counts. */
#include "engine/flow_internal.h"

#define RESENT_WALK 256 /* retransmissions looked through */

void flow_spurious(struct flows *flows, struct flow *flow, unsigned half,
                   struct flow_resent *resent, enum flow_spurious by, const struct segment *s)
{
    struct flow_trouble *trouble = flow_trouble(flows, flow, half);
    struct flow_event event = {
        .kind = FLOW_EVENT_SPURIOUS,
        .when_ns = s->when_ns,
        .frame = s->frame,
        .flow_id = flow_cold(flows, flow)->id,
        .sender = flow_side_of(flow, half),
        .seq = resent->seq,
        .bytes = resent->end - resent->seq,
        .revises = resent->frame,
        .spurious = by,
    };

    resent->flags |= RESENT_REVISED;
    FLOW_COUNT(flows, trouble, spurious, resent->segments);
    if (resent->backoff > 0) {
        FLOW_COUNT(flows, trouble, spurious_timeout, 1);
        if (trouble && trouble->recovery == RECOVERY_LOSS &&
            (by == FLOW_SPURIOUS_EIFEL || by == FLOW_SPURIOUS_FRTO))
            trouble->recovery = RECOVERY_NONE; /* RFC 4015: the sender takes it back */
    }
    flow_event_key(flow, &event.key);
    flow_event_emit(flows, &event);
}

struct flow_resent *flow_spurious_find(struct flows *flows, struct flow *flow, unsigned half,
                                       uint32_t left, uint32_t right)
{
    const struct flow_trouble *trouble = flow_trouble(flows, flow, half);
    uint32_t id = trouble ? trouble->resent : 0;

    for (unsigned i = 0; i < RESENT_WALK; i++) {
        struct flow_resent *resent = flow_ranges_resent(flows, id, flow_owner(flow, half));
        if (!resent)
            return NULL;
        if (!(resent->flags & RESENT_REVISED) && seq_before(resent->seq, right) &&
            seq_after(resent->end, left))
            return resent;
        id = resent->previous;
    }
    return NULL;
}

/* RFC 3522: the acknowledgement of the first missing segment echoes an older timestamp. */
void flow_spurious_eifel(struct flow_step *step, const struct flow_trouble *trouble, uint32_t una)
{
    const struct segment *s = step->s;
    uint32_t owner = flow_owner(step->flow, !step->me), id = trouble->resent;

    for (unsigned i = 0; i < RESENT_WALK; i++) {
        struct flow_resent *resent = flow_ranges_resent(step->flows, id, owner);
        if (!resent)
            return;
        if (resent->flags & SENT_TIMESTAMPS && !(resent->flags & RESENT_REVISED) &&
            !seq_after(resent->seq, una) && seq_after(resent->end, una) &&
            !seq_before(s->ack, resent->end) && seq_before(s->tsecr, resent->tsval))
            flow_spurious(step->flows, step->flow, !step->me, resent, FLOW_SPURIOUS_EIFEL, s);
        if (!seq_after(resent->end, una))
            return;
        id = resent->previous;
    }
}

/* The end of what was sent again or is known to have arrived at `seq`; `seq` when neither. */
static uint32_t flow_spurious_known(const struct flow_step *step,
                                    const struct flow_trouble *trouble, uint32_t seq)
{
    uint32_t owner = flow_owner(step->flow, !step->me), id = trouble->resent;
    const struct flow_interval *at = flow_intervals_first(step->flows, trouble->sacked);

    for (; at && !seq_after(at->left, seq); at = flow_intervals_first(step->flows, at->next))
        if (seq_after(at->right, seq))
            return at->right;
    for (unsigned i = 0; i < RESENT_WALK; i++) {
        const struct flow_resent *resent = flow_ranges_resent(step->flows, id, owner);
        if (!resent)
            return seq;
        if (!seq_after(resent->seq, seq) && seq_after(resent->end, seq))
            return resent->end;
        id = resent->previous;
    }
    return seq;
}

/*
 * RFC 5682 (3.1, 3b): after the timer ran out, and before anything else was sent again, bytes
 * arrive that were sent before that, once. The timer was early. `left` to `right`: what arrived.
 */
void flow_spurious_frto(struct flow_step *step, const struct flow_trouble *trouble, uint32_t left,
                        uint32_t right)
{
    struct flow_resent *timer =
        flow_ranges_resent(step->flows, trouble->resent, flow_owner(step->flow, !step->me));

    if (!trouble->frto || trouble->recovery != RECOVERY_LOSS || trouble->left_ns != 0 || !timer ||
        timer->backoff == 0 || timer->flags & RESENT_REVISED)
        return;
    left = seq_max(left, timer->end);
    right = seq_min(right, trouble->recover_end);
    while (seq_before(left, right)) {
        uint32_t known = flow_spurious_known(step, trouble, left);
        if (known == left) {
            flow_spurious(step->flows, step->flow, !step->me, timer, FLOW_SPURIOUS_FRTO, step->s);
            return;
        }
        left = known;
    }
}
