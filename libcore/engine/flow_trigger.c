/*
 * Why the sender sent again. It follows Linux's sender from outside: acknowledgements that tell of
 * missing segments make it recover fast (RFC 6675, RFC 8985), silence makes the tail loss probe
 * (RFC 8985 7) and then the timer (RFC 6298) run out, and what follows a timeout belongs to it
 * until all that was sent before is acknowledged.
 *
 * At the tap an acknowledgement is seen half a round trip before the sender sees it, or after, so
 * times are compared less the round trip between tap and sender.
 */
#include <stdlib.h>

#include "engine/flow_internal.h"

#define REACTION_NS    (100 * NS_PER_MS) /* half of the least timer (Linux: 200 ms) */
#define PROBE_LEAST_NS (2 * NS_PER_MS)   /* RFC 8985 (7.2): no probe sooner */
#define LEAVING_NS     (10 * NS_PER_MS)
#define ROUND_WALK     256
#define ROUND_LIKE     16

struct trigger_times {
    int64_t news_ns;     /* since the receiver last told something new, at the sender */
    int64_t evidence_ns; /* since it last told that something is missing */
    int64_t silence_ns;  /* since either side last did anything for this stream */
    int64_t limit_ns;    /* what answers to acknowledgements comes within */
    int64_t whole_ns;
};

static int64_t flow_trigger_since(int64_t now_ns, int64_t then_ns, int64_t less_ns)
{
    if (then_ns == 0)
        return INT64_MAX;
    return since_less_ns(now_ns, then_ns, less_ns);
}

/*
 * What the receiver told last had not come: the timestamp that the segment echoes is older, or the
 * shortest round trip has not passed.
 */
static bool flow_trigger_is_unheard(const struct flow_step *step)
{
    const struct flow *flow = step->flow;

    return (step_has_timestamps(step) && seq_before(step->s->tsecr, flow->half[!step->me].tsval)) ||
           !flow_rtt_may_answer(step, flow->news_ns[step->me]);
}

static struct trigger_times flow_trigger_times(const struct flow_step *step,
                                               const struct flow_trouble *trouble, int64_t since,
                                               bool acknowledged)
{
    const struct flow *flow = step->flow;
    int64_t now = step->s->when_ns, side = flow_rtt_side(flow, step->me);
    struct trigger_times t = {.whole_ns = flow_rtt_whole(flow)};

    t.limit_ns = t.whole_ns + REACTION_NS;
    t.news_ns = flow_trigger_since(now, flow->news_ns[step->me], side);
    if (since >= 0 && (t.news_ns == INT64_MAX || (acknowledged && t.news_ns < since)))
        t.news_ns = since;
    t.evidence_ns =
        trouble->has_evidence ? flow_trigger_since(now, trouble->evidence_ns, side) : INT64_MAX;
    int64_t sent = flow_trigger_since(now, flow->half[step->me].data_ns, 0);
    int64_t there = flow_rtt_quiet_there(step);
    t.silence_ns = sent > there ? sent : there;
    if (t.news_ns < t.silence_ns && !flow_trigger_is_unheard(step))
        t.silence_ns = t.news_ns;
    return t;
}

/* Segments that the sender sent before it knew that it had recovered arrive afterwards. */
static bool flow_trigger_recovers(const struct flow_step *step, const struct flow_trouble *trouble,
                                  enum flow_recovery kind, uint32_t seq)
{
    if (trouble->recovery != kind || !seq_before(seq, trouble->recover_end))
        return false;
    if (trouble->left_ns == 0)
        return true;
    int64_t side = flow_rtt_side(step->flow, step->me);
    return since_ns(step->s->when_ns, trouble->left_ns) < side + side / 4 + LEAVING_NS;
}

static void flow_trigger_recover(const struct flow_step *step, struct flow_trouble *trouble,
                                 enum flow_recovery kind)
{
    if (trouble->recovery == kind && trouble->left_ns == 0 && kind == RECOVERY_FAST)
        return;
    trouble->recovery = (uint8_t)kind;
    trouble->recover_end = step->flow->half[step->me].next;
    trouble->left_ns = 0;
}

static void flow_trigger_timer(const struct flow_step *step, struct flow_trouble *trouble,
                               uint32_t una, struct flow_retransmission *facts)
{
    bool again = trouble->has_timer && trouble->timer_una == una;

    trouble->backoff = (uint8_t)(again && trouble->backoff < UINT8_MAX ? trouble->backoff + 1 : 1);
    trouble->frto = again || trouble->recovery != RECOVERY_FAST || trouble->left_ns != 0;
    trouble->has_timer = true;
    trouble->timer_una = una;
    flow_trigger_recover(step, trouble, RECOVERY_LOSS);
    facts->trigger = FLOW_TRIGGER_TIMEOUT;
    facts->backoff = trouble->backoff;
}

static bool flow_trigger_sack(const struct flow_step *step)
{
    const struct flow_cold *cold = flow_cold(step->flows, step->flow);

    if (!(cold->half[0].flags & cold->half[1].flags & COLD_SYN))
        return true; /* not known: nearly everybody has it */
    return cold->half[0].flags & cold->half[1].flags & COLD_SACK;
}

/*
 * Linux sends a probe before the first timeout, whenever it is not recovering already. Its last
 * one is over when more than it was acknowledged, or a DSACK tells that both copies arrived (RFC
 * 8985 7.4); until then the timer alone repairs what is lost.
 */
static bool flow_trigger_is_probe(const struct flow_step *step, const struct flow_trouble *trouble,
                                  const struct trigger_times *t, uint32_t una, uint32_t end)
{
    int64_t least = flow_rtt_least(step->flow) / 4 * 5;
    bool recovers = trouble->recovery == RECOVERY_FAST && trouble->left_ns == 0;

    if (seq_before(end, step->flow->half[step->me].next) || trouble->probing || recovers ||
        (trouble->has_timer && trouble->timer_una == una) || !flow_trigger_sack(step))
        return false;
    return t->silence_ns >= (least > PROBE_LEAST_NS ? least : PROBE_LEAST_NS);
}

/*
 * It was silent for as long as before its latest flight: acknowledgements have let out both, and
 * the way has become longer than the round trips that are known.
 */
static bool flow_trigger_is_next_round(const struct flow_step *step)
{
    const struct flow *flow = step->flow;
    uint32_t owner = flow_owner(flow, step->me), id = flow->half[step->me].sent;
    int64_t later_ns = step->s->when_ns, silence = 0;

    for (unsigned i = 0; i < ROUND_WALK; i++) {
        const struct flow_sent *sent = flow_ranges_sent(step->flows, id, owner);
        if (!sent || sent->flags & SENT_RESENT)
            return false;
        int64_t pause = since_ns(later_ns, sent->when_ns);
        if (i == 0)
            silence = pause;
        if (silence < REACTION_NS)
            return false;
        if (i > 0 && pause >= silence / ROUND_LIKE)
            return llabs(pause - silence) < silence / ROUND_LIKE;
        later_ns = sent->when_ns;
        id = sent->previous;
    }
    return false;
}

static void flow_trigger_in_loss(const struct flow_step *step, struct flow_trouble *trouble,
                                 const struct trigger_times *t, uint32_t una, bool head,
                                 struct flow_retransmission *facts)
{
    int64_t resent = flow_trigger_since(step->s->when_ns, trouble->resent_ns, 0);

    facts->trigger = FLOW_TRIGGER_TIMEOUT;
    if (head && t->news_ns >= t->limit_ns && resent >= t->limit_ns)
        flow_trigger_timer(step, trouble, una, facts);
}

void flow_trigger(const struct flow_step *step, struct flow_trouble *trouble, uint32_t seq,
                  uint32_t end, int64_t since, struct flow_retransmission *facts)
{
    const struct flow *flow = step->flow;
    bool acked = flow->flags[!step->me] & HALF_ACKED;
    uint32_t una = acked ? flow->half[!step->me].ack : seq;
    struct trigger_times t =
        flow_trigger_times(step, trouble, since, acked && !seq_after(end, una));
    bool head = !seq_after(seq, una);
    bool recent = t.evidence_ns < t.limit_ns;
    bool told = trouble->has_evidence && seq_before(seq, trouble->evidence_high);
    bool evidence = told && recent;

    facts->trigger = FLOW_TRIGGER_UNKNOWN;
    facts->backoff = 0;
    if (flow_trigger_recovers(step, trouble, RECOVERY_LOSS, seq)) {
        flow_trigger_in_loss(step, trouble, &t, una, head, facts);
    } else if (evidence || (flow_trigger_recovers(step, trouble, RECOVERY_FAST, seq) &&
                            (t.news_ns < t.limit_ns ||
                             since_ns(step->s->when_ns, trouble->resent_ns) < REACTION_NS))) {
        facts->trigger = FLOW_TRIGGER_FAST;
        flow_trigger_recover(step, trouble, RECOVERY_FAST);
    } else if (flow_trigger_is_probe(step, trouble, &t, una, end)) {
        facts->trigger = FLOW_TRIGGER_TAIL_PROBE;
        trouble->probing = true;
        trouble->probe_end = seq_max(end, flow->half[step->me].next);
    } else if (recent ||
               (told && (t.silence_ns < REACTION_NS || flow_trigger_is_next_round(step)))) {
        /* RFC 8985 (6.2): what was sent later has been delivered; or a round trip has grown, for
         * a timer runs out in silence only. */
        facts->trigger = FLOW_TRIGGER_FAST;
        flow_trigger_recover(step, trouble, RECOVERY_FAST);
    } else if (head && t.news_ns >= REACTION_NS) {
        flow_trigger_timer(step, trouble, una, facts);
    }
}

void flow_trigger_acked(struct flows *flows, struct flow *flow, unsigned half, int64_t now_ns)
{
    struct flow_trouble *trouble = flow_trouble(flows, flow, half);
    uint32_t una = flow->half[!half].ack;

    if (trouble->recovery && trouble->left_ns == 0 && !seq_before(una, trouble->recover_end))
        trouble->left_ns = now_ns ? now_ns : 1;
    if (trouble->probing && seq_after(una, trouble->probe_end))
        trouble->probing = false;
    if (trouble->has_timer && seq_after(una, trouble->timer_una))
        trouble->has_timer = false;
    if (trouble->has_ghost && !seq_before(una, trouble->ghost_end))
        trouble->has_ghost = false;
}
