/* The longest time without a packet, and what ended it: that tells what it was waiting for. */
#include "engine/flow_internal.h"

#define IDLE_NS    (10 * NS_PER_SEC) /* devices forget flows that are silent for longer */
#define IDLE_UNITS ((uint32_t)(IDLE_NS >> STALL_SHIFT))

void flow_stall_begin(struct flow_step *step)
{
    const struct flow *flow = step->flow;

    step->stalled = true;
    for (unsigned i = 0; i < 2; i++)
        step->owed[i] = flow->flags[i] & HALF_SEEN && flow->flags[!i] & HALF_ACKED &&
                        seq_after(flow->half[i].next, flow->half[!i].ack);
    step->data_half = since_ns(flow->half[1].data_ns, flow->half[0].data_ns) > 0;
    step->was_full = flow->flags[!step->me] & HALF_ACKED &&
                     flow->wscale[!step->me] != WSCALE_UNKNOWN &&
                     flow->half[step->me].next == flow->half[!step->me].edge;
    if (step->gap_ns < IDLE_NS || step->owed[0] || step->owed[1])
        return;
    flow_cold(step->flows, flow)->woke_ns = step->s->when_ns;
    flow_cold(step->flows, flow)->unheard = 0;
}

static enum flow_stall_cause flow_stall_of_loss(const struct flow_step *step)
{
    if (step->handshake_resent)
        return FLOW_STALL_HANDSHAKE;
    if (step->gap)
        return FLOW_STALL_CAPTURE;
    if (!step->resent)
        return FLOW_STALL_NONE;
    if (step->trigger == FLOW_TRIGGER_TAIL_PROBE)
        return FLOW_STALL_TAIL_PROBE;
    return step->trigger == FLOW_TRIGGER_FAST ? FLOW_STALL_RECOVERY : FLOW_STALL_TIMEOUT;
}

/* *half: whom the cause is about. */
static enum flow_stall_cause flow_stall_cause(const struct flow_step *step, unsigned *half)
{
    const struct flow *flow = step->flow;
    enum flow_stall_cause cause = flow_stall_of_loss(step);

    *half = step->me;
    if (cause != FLOW_STALL_NONE)
        return cause;
    if (step->was_zero)
        return FLOW_STALL_ZERO_WINDOW;
    if (flow->flags[!step->me] & HALF_ZERO) {
        *half = !step->me;
        return FLOW_STALL_ZERO_WINDOW;
    }
    if (step->owed[!step->me]) /* it acknowledges at last */
        return step->s->payload_len > 0 ? FLOW_STALL_ANSWER : FLOW_STALL_ACK;
    if (step->s->payload_len == 0)
        return FLOW_STALL_NONE;
    if (step->was_full) {
        *half = !step->me;
        return FLOW_STALL_WINDOW_FULL;
    }
    if (step->data_half == step->me)
        return FLOW_STALL_SENDER;
    return step->me == flow->client ? FLOW_STALL_NONE : FLOW_STALL_ANSWER;
}

void flow_stall_end(struct flow_step *step)
{
    struct flow *flow = step->flow;
    unsigned half;
    enum flow_stall_cause cause = flow_stall_cause(step, &half);
    int64_t units = step->gap_ns >> STALL_SHIFT;

    if (cause == FLOW_STALL_NONE) /* nobody was waiting */
        return;
    /* Being idle is looked at each time, however long it lasted before. */
    flow->stall = units >= IDLE_UNITS ? IDLE_UNITS - 1 : (uint32_t)units;
    if (step->gap_ns <= flow_cold(step->flows, flow)->stall.length_ns)
        return;
    flow_cold(step->flows, flow)->stall = (struct flow_stall){
        .cause = cause,
        .side = flow_side_of(flow, half),
        .length_ns = step->gap_ns,
        .start_ns = since_ns(step->s->when_ns, step->gap_ns),
        .frame = step->s->frame,
    };
}

uint32_t flow_stall_unheard(const struct flows *flows, const struct flow *flow, unsigned half)
{
    const struct flow_cold *cold = flow_cold(flows, flow);
    bool silent = cold->woke_ns != 0 && since_ns(cold->woke_ns, flow->half[!half].last_ns) > 0;

    return silent ? cold->unheard : 0;
}
