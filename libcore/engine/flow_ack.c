/*
 * What acknowledgements tell: of bytes that the capture has not, of segments that are missing or
 * came twice (SACK, DSACK), and of the receiver's window.
 */
#include "engine/flow_internal.h"

#define DUP_THRESHOLD 3 /* RFC 5681 (3.2) */

void flow_ack_watch(struct flow *flow, unsigned half, const struct flow_trouble *trouble)
{
    bool watch = trouble->holes || trouble->sacked || trouble->probing || trouble->has_timer ||
                 trouble->has_ghost || (trouble->recovery && trouble->left_ns == 0) ||
                 trouble->resent;

    if (watch)
        flow->flags[half] |= HALF_WATCH;
    else
        flow->flags[half] &= (uint8_t)~HALF_WATCH;
}

/* --- bytes that were never seen --------------------------------------------------------------- */

static void flow_ack_gap(struct flow_step *step, uint32_t left, uint32_t right)
{
    struct flow_trouble *trouble = flow_trouble_get(step->flows, step->flow, !step->me);
    struct flow_event event;

    step->gap = true;
    step->flows->summary.counts.unique_bytes += right - left;
    if (trouble && trouble->tally.fragments > 0)
        return; /* the rest of a fragmented segment, most likely */
    FLOW_COUNT(step->flows, trouble, capture_gaps, 1);
    FLOW_COUNT(step->flows, trouble, capture_gap_bytes, right - left);
    flow_event_init(step, FLOW_EVENT_CAPTURE_GAP, &event);
    event.sender = flow_side_of(step->flow, !step->me);
    event.seq = left;
    event.bytes = right - left;
    flow_event_emit(step->flows, &event);
}

void flow_ack_unseen(struct flow_step *step)
{
    struct flow_half *sender = &step->flow->half[!step->me];

    flow_ack_gap(step, sender->next, step->s->ack);
    if ((sender->next ^ step->s->ack) & UINT32_C(0x80000000))
        flow_cold(step->flows, step->flow)->half[!step->me].crossings++;
    sender->next = step->s->ack;
}

static void flow_ack_holes(struct flow_step *step, struct flow_trouble *trouble)
{
    struct flow_interval *first;
    struct flow_interval hole;

    while ((first = flow_intervals_first(step->flows, trouble->holes)) &&
           seq_before(first->left, step->s->ack) &&
           flow_intervals_cut(step->flows, &trouble->holes, &trouble->nholes, first->left,
                              step->s->ack, &hole))
        flow_ack_gap(step, hole.left, hole.right);
}

static void flow_ack_trim(struct flow_step *step, struct flow_trouble *trouble)
{
    struct flow_interval *first;
    struct flow_interval cut;

    while ((first = flow_intervals_first(step->flows, trouble->sacked)) &&
           seq_before(first->left, step->s->ack) &&
           flow_intervals_cut(step->flows, &trouble->sacked, &trouble->nsacked, first->left,
                              step->s->ack, &cut))
        ;
}

/* half[me].ack is the new one already, `una` the one before. */
void flow_ack_watched(struct flow_step *step, uint32_t una)
{
    struct flow_trouble *trouble = flow_trouble(step->flows, step->flow, !step->me);

    if (!trouble)
        return;
    if (trouble->resent && step_has_timestamps(step))
        flow_spurious_eifel(step, trouble, una);
    flow_spurious_frto(step, trouble, una, step->s->ack);
    if (trouble->holes)
        flow_ack_holes(step, trouble);
    if (trouble->sacked)
        flow_ack_trim(step, trouble);
    flow_trigger_acked(step->flows, step->flow, !step->me, step->s->when_ns);
    flow_ack_watch(step->flow, !step->me, trouble);
}

/* --- duplicate and selective acknowledgements --------------------------------------------------
 */

static void flow_ack_evidence(struct flow_step *step, uint32_t high)
{
    struct flow *flow = step->flow;
    struct flow_trouble *trouble = flow_trouble_get(step->flows, flow, !step->me);
    uint32_t una = flow->half[step->me].ack;

    flow->news_ns[!step->me] = step->s->when_ns;
    if (!trouble)
        return;
    if (!trouble->has_evidence || !seq_after(trouble->evidence_high, una) ||
        seq_after(high, trouble->evidence_high))
        trouble->evidence_high = high;
    trouble->has_evidence = true;
    trouble->evidence_ns = step->s->when_ns;
}

/* RFC 2883 (4): below the acknowledgement, or within the next block. */
static bool flow_ack_is_dsack(const struct segment *s)
{
    const struct tcp_sack_block *b = s->sack;

    if (!seq_before(b[0].left, b[0].right))
        return false;
    if (!seq_after(b[0].right, s->ack))
        return true;
    return s->nsack > 1 && !seq_before(b[0].left, b[1].left) && !seq_after(b[0].right, b[1].right);
}

void flow_ack_duplicate(struct flow_step *step)
{
    struct flow *flow = step->flow;
    struct flow_trouble *trouble = flow_trouble_get(step->flows, flow, step->me);
    struct flow_event event;

    FLOW_COUNT(step->flows, trouble, dup_acks, 1);
    if (flow->dup_acks[step->me] < UINT8_MAX)
        flow->dup_acks[step->me]++;
    if (step->s->nsack != 1 || !flow_ack_is_dsack(step->s)) /* that alone moves no timer */
        flow->news_ns[!step->me] = step->s->when_ns;
    if (flow->dup_acks[step->me] != DUP_THRESHOLD)
        return;
    if (step->s->nsack == 0)
        flow_ack_evidence(step, step->s->ack + 1);
    flow_event_init(step, FLOW_EVENT_DUP_ACK, &event);
    event.seq = step->s->ack;
    event.count = DUP_THRESHOLD;
    flow_event_emit(step->flows, &event);
}

static void flow_ack_dsack(struct flow_step *step)
{
    const struct tcp_sack_block *block = &step->s->sack[0];
    struct flow_resent *resent =
        flow_spurious_find(step->flows, step->flow, !step->me, block->left, block->right);
    struct flow_trouble *trouble = flow_trouble_get(step->flows, step->flow, step->me);
    struct flow_trouble *sender = flow_trouble(step->flows, step->flow, !step->me);

    /* Once all is closed and acknowledged nobody hears them: no kernel counts those. */
    bool heard =
        step->flow->state != FLOW_STATE_CLOSED || step->s->ack != step->flow->half[!step->me].next;
    FLOW_COUNT(step->flows, trouble, dsacks, heard ? 1 : 0);
    if (sender && block->right == sender->probe_end)
        sender->probing = false;
    if (resent)
        flow_spurious(step->flows, step->flow, !step->me, resent, FLOW_SPURIOUS_DSACK, step->s);
}

static bool flow_ack_is_covered(const struct flow_step *step, const struct flow_trouble *trouble,
                                const struct tcp_sack_block *block)
{
    const struct flow_interval *at = flow_intervals_first(step->flows, trouble->sacked);

    while (at && seq_before(at->right, block->right))
        at = flow_intervals_first(step->flows, at->next);
    return at && !seq_before(block->left, at->left);
}

static void flow_ack_sacked(struct flow_step *step, const struct tcp_sack_block *block)
{
    struct flow *flow = step->flow;
    struct flow_trouble *trouble = flow_trouble_get(step->flows, flow, !step->me);

    if (!trouble || !seq_before(block->left, block->right) ||
        seq_before(block->left, step->s->ack) ||
        seq_after(block->right, flow->half[!step->me].next) ||
        flow_ack_is_covered(step, trouble, block))
        return;
    flow_spurious_frto(step, trouble, block->left, block->right);
    flow_intervals_add(step->flows, &trouble->sacked, &trouble->nsacked,
                       &(struct flow_interval){
                           .when_ns = step->s->when_ns,
                           .left = block->left,
                           .right = block->right,
                       });
    flow->flags[!step->me] |= HALF_WATCH;
    flow_ack_evidence(step, block->right);
}

void flow_ack_sack(struct flow_step *step, uint32_t una)
{
    struct flow_trouble *trouble = flow_trouble_get(step->flows, step->flow, step->me);
    bool dsack = flow_ack_is_dsack(step->s);

    FLOW_COUNT(step->flows, trouble, sacks, 1);
    if (dsack)
        flow_ack_dsack(step);
    if (seq_before(step->s->ack, una))
        return; /* overtaken by a later one, which told more of what is missing */
    for (unsigned i = dsack; i < step->s->nsack; i++)
        flow_ack_sacked(step, &step->s->sack[i]);
}

/* --- the receiver's window -------------------------------------------------------------------- */

static void flow_ack_zero_begins(struct flow_step *step, struct flow_trouble *trouble)
{
    step->flow->flags[step->me] |= HALF_ZERO;
    FLOW_COUNT(step->flows, trouble, zero_windows, 1);
    if (!trouble)
        return;
    trouble->zero_ns = step->s->when_ns;
    trouble->zero_frame = step->s->frame;
}

static void flow_ack_zero_ends(struct flow_step *step, struct flow_trouble *trouble)
{
    struct flow_event event;

    step->flow->flags[step->me] &= (uint8_t)~HALF_ZERO;
    step->was_zero = true;
    if (!trouble)
        return;
    int64_t length = since_ns(step->s->when_ns, trouble->zero_ns);
    if (length > trouble->tally.zero_window_ns)
        trouble->tally.zero_window_ns = length;
    if (length > step->flows->summary.counts.zero_window_ns)
        step->flows->summary.counts.zero_window_ns = length;
    flow_event_init(step, FLOW_EVENT_ZERO_WINDOW, &event);
    event.frame = trouble->zero_frame;
    event.bytes = 0;
    event.length_ns = length;
    flow_event_emit(step->flows, &event);
}

void flow_ack_window(struct flow_step *step, uint32_t window)
{
    struct flow_trouble *trouble = flow_trouble_get(step->flows, step->flow, step->me);

    if (step->s->window == 0) {
        if (!(step->flow->flags[step->me] & HALF_ZERO))
            flow_ack_zero_begins(step, trouble);
        return;
    }
    if (step->flow->flags[step->me] & HALF_ZERO)
        flow_ack_zero_ends(step, trouble);
    if (window < step->flow->half[!step->me].mss && step->flow->wscale[step->me] != WSCALE_UNKNOWN)
        FLOW_COUNT(step->flows, trouble, small_windows, 1);
}
