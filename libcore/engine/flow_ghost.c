/*
 * Bytes that were sent before though the tap has not seen them: ghosts. The sender's IP-ID shows
 * that packets are missing, or the time does, where nothing else tells.
 */
#include "engine/flow_internal.h"

#define PROBE_MIN_NS        (3 * NS_PER_MS)
#define TIMER_MIN_NS        (150 * NS_PER_MS) /* and a little less */
#define TIMER_NS            (200 * NS_PER_MS) /* Linux: TCP_RTO_MIN */
#define BELATED_SLACK_NS    (20 * NS_PER_MS)
#define SEGMENT_OPTIONS_MAX 40 /* what options may take of a full segment */
#define BELATED_SAMPLES     4

/* How long it had been silent: as the tap saw it, or as its own clock tells. */
static int64_t flow_ghost_quiet(const struct flow_step *step)
{
    int64_t there = flow_rtt_quiet_there(step);

    return there >= 0 && there < step->quiet_ns ? there : step->quiet_ns;
}

/*
 * When the peer last sent what this segment answers. What it sent again counts when it is first
 * acknowledged here, and the echoed timestamp does not say that the first copy had come; not when
 * the first is asked for.
 */
static int64_t flow_ghost_asked(const struct flow_step *step, bool first)
{
    struct flow *flow = step->flow;
    const struct flow_trouble *peer = flow_trouble(step->flows, flow, !step->me);
    const struct flow_resent *resent =
        peer ? flow_ranges_resent(step->flows, peer->resent, flow_owner(flow, !step->me)) : NULL;

    int64_t least = flow_rtt_side_least(flow, step->me);

    if (step->id_counts) /* a packet is missing: an answer must look like one to be taken for it */
        least = flow_rtt_side(flow, step->me) / 4 * 3;
    if (!first && resent && seq_after(resent->end, step->una) &&
        since_ns(step->s->when_ns, resent->when_ns) >= least - least / 16 &&
        !(step_has_timestamps(step) && seq_before(step->s->tsecr, resent->tsval)))
        return resent->when_ns;
    return flow->half[!step->me].data_ns;
}

/*
 * It had something to acknowledge since its packet before: all that its peer has sent is, and
 * nothing that came again can have reached it (RFC 9293 3.10.7.4) and been answered.
 */
static bool flow_ghost_owed_ack(const struct flow_step *step)
{
    const struct flow *flow = step->flow;
    const struct flow_half *half = &flow->half[step->me], *peer = &flow->half[!step->me];
    const struct flow_trouble *trouble = flow_trouble(step->flows, flow, !step->me);

    if (!(flow->flags[step->me] & HALF_ACKED) || !(flow->flags[!step->me] & HALF_SEEN) ||
        step->una != peer->next)
        return true;
    if (!trouble || trouble->resent_ns == 0)
        return false;
    int64_t side = flow_rtt_side(flow, step->me);
    return since_ns(step->s->when_ns, trouble->resent_ns) >= side / 4 * 3 &&
           since_less_ns(half->last_ns, trouble->resent_ns, 2 * side) < 0;
}

/*
 * Nothing new from either side for so long that the sender's timer may have run out; or its probe,
 * where what is missing can have been no bare acknowledgement.
 */
static bool flow_ghost_was_silent(const struct flow_step *step, bool data, bool several)
{
    const struct flow *flow = step->flow;
    int64_t whole = flow_rtt_least(flow), silence = flow_ghost_quiet(step);
    int64_t side = flow_rtt_side_least(flow, step->me);
    int64_t then[] = {flow->news_ns[step->me], flow_ghost_asked(step, several)};

    for (size_t i = 0; i < 2; i++)
        if (then[i] != 0 && flow_rtt_may_answer(step, then[i]) &&
            since_less_ns(step->s->when_ns, then[i], side) < silence)
            silence = since_less_ns(step->s->when_ns, then[i], side);
    int64_t least = data ? PROBE_MIN_NS : TIMER_MIN_NS;

    if (whole + whole / 2 > least)
        least = whole + whole / 2;
    /* A path that has become longer makes answers late that nobody sent again. */
    return silence >= least && (data || silence >= flow_rtt_usual(flow));
}

static uint32_t flow_ghost_bytes(const struct flow_step *step, uint32_t packets)
{
    uint32_t bytes = packets * step->flow->half[step->me].mss;

    return bytes < GHOST_MAX ? bytes : GHOST_MAX;
}

/* How far the bytes may reach that were sent before and never seen. */
static uint32_t flow_ghost_end(const struct flow_step *step, uint32_t missing)
{
    uint32_t mss = step->flow->half[step->me].mss;

    if (step->s->payload_len < mss || missing < 2)
        return step->end;
    /* The one before the last that is missing was a tail loss probe: it carried no other bytes. */
    return step->end + flow_ghost_bytes(step, missing - 2);
}

/* To an estimated end. */
static void flow_ghost_begin(struct flow_trouble *trouble, uint32_t end)
{
    trouble->ghost_end = end;
    trouble->has_ghost = true;
    trouble->told_ghost = false;
}

/*
 * Next in line and yet sent before: the first copy was lost before the tap with all that was sent
 * after it. The sender's IP-ID shows that packets are missing which carried no other bytes. After
 * a hole that is a probe's doing, or else the timer's.
 */
bool flow_ghost_is_shown(struct flow_step *step, uint32_t hole)
{
    const struct flow_half *half = &step->flow->half[step->me];
    int missing = flow_identity_missing(step);
    int explained = (int)((hole + half->mss - 1) / half->mss);

    /* One may be a bare acknowledgement, two hardly are. */
    if (missing <= 0 || missing <= explained)
        return false;
    bool data = hole || !flow_ghost_owed_ack(step);
    if (!flow_ghost_was_silent(step, data, missing > explained + 1))
        return false;
    struct flow_trouble *trouble = flow_trouble_get(step->flows, step->flow, step->me);
    if (!trouble || hole)
        return trouble != NULL;
    flow_ghost_begin(trouble, flow_ghost_end(step, (uint32_t)missing));
    return true;
}

/*
 * A retransmission fills the first hole, and what was sent right before it is missing. That was no
 * retransmission, too: for another one the sender waits for what it sent later to be acknowledged
 * (RFC 8985 6.2), or for its timer. So it was new, and is lost as well.
 */
void flow_ghost_learn(struct flow_step *step)
{
    const struct flow *flow = step->flow;
    struct flow_trouble *trouble = flow_trouble(step->flows, flow, step->me);
    const struct flow_sent *before =
        flow_ranges_sent(step->flows, flow->half[step->me].sent, flow_owner(flow, step->me));
    int missing = flow_identity_missing(step);

    if (!trouble || trouble->has_ghost || missing <= 0 || !before || before->flags & SENT_RESENT ||
        step->s->seq != flow->half[!step->me].ack || flow_ghost_quiet(step) >= TIMER_MIN_NS ||
        flow_ghost_owed_ack(step))
        return;
    flow_ghost_begin(trouble,
                     flow->half[step->me].next + flow_ghost_bytes(step, (uint32_t)missing));
}

/* The sender's timer would have run out now, had it sent the segment `late` ago. */
static bool flow_ghost_is_timers(const struct flow_step *step, int64_t late)
{
    int64_t whole = flow_rtt_least(step->flow);

    return late >= whole + TIMER_NS - BELATED_SLACK_NS &&
           late <= 2 * whole + TIMER_NS + 2 * BELATED_SLACK_NS;
}

/* The segment before was a full one and this is not: the end of what was to be said. */
static bool flow_ghost_is_tail(const struct flow_step *step)
{
    const struct flow_half *half = &step->flow->half[step->me];
    const struct flow_sent *before =
        flow_ranges_sent(step->flows, half->sent, flow_owner(step->flow, step->me));

    return before && before->end == step->s->seq && step->s->payload_len > 0 &&
           before->end - before->seq > step->s->payload_len &&
           before->end - before->seq + SEGMENT_OPTIONS_MAX >= half->mss;
}

/*
 * No IP-ID to tell: an answer that comes just when the sender's timer would have repeated it,
 * where all answers before were prompt, is taken for a repeated one; and so is the short end of a
 * series of full segments.
 */
bool flow_ghost_is_belated(const struct flow_step *step)
{
    const struct flow_rtt_state *rtt = &step->flow->rtt[step->me];
    int64_t asked = flow_ghost_asked(step, false);

    if (step->id_counts || step->s->id != 0)
        return false;
    if (!seq_after(step->s->ack, step->una))
        return flow_ghost_is_tail(step) && flow_ghost_is_timers(step, flow_ghost_quiet(step));
    int64_t late = since_less_ns(step->s->when_ns, asked, flow_rtt_side(step->flow, step->me));
    return asked != 0 && rtt->samples >= BELATED_SAMPLES &&
           (int64_t)rtt->variation << RTT_SHIFT <= BELATED_SLACK_NS &&
           flow_ghost_is_timers(step, late);
}
