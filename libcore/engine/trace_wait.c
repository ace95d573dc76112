/* How long to wait: bounded by what has been seen, never longer than the timeout. */
#include "engine/trace_internal.h"

/* Multiples of the largest RTT so far, and the least that routers' slow paths are given. */
#define PATIENCE_KNOWN         2 /* the end is known: who is silent lies before it */
#define PATIENCE_KNOWN_MIN_NS  (100 * NS_PER_MS)
#define PATIENCE_SEARCH        4 /* the target may be much farther than all that answered */
#define PATIENCE_SEARCH_MIN_NS (500 * NS_PER_MS)
#define PATIENCE_VERIFY_MIN_NS (50 * NS_PER_MS)
#define VERIFY_SLACK_MIN_NS    (10 * NS_PER_MS)

#define MISSED_ROUNDS 2 /* without an answer of the target before it is looked for elsewhere */

static int64_t wait_clamp(int64_t ns, int64_t low_ns, int64_t high_ns)
{
    if (ns < low_ns)
        ns = low_ns;
    return ns > high_ns ? high_ns : ns;
}

int64_t trace_wait_patience(const struct trace *trace)
{
    int64_t timeout_ns = trace->config.timeout_ns;

    if (trace->length_kind != LENGTH_UNKNOWN)
        return wait_clamp(PATIENCE_KNOWN * trace->largest_rtt_ns, PATIENCE_KNOWN_MIN_NS,
                          timeout_ns);
    if (trace->highest_ttl == 0)
        return timeout_ns; /* nobody has answered: nothing is known of the distances */
    return wait_clamp(PATIENCE_SEARCH * trace->largest_rtt_ns, PATIENCE_SEARCH_MIN_NS, timeout_ns);
}

static int64_t wait_patience_of(const struct trace *trace, const struct trace_slot *slot)
{
    if (slot->purpose == TRACE_FOR_VERIFY && trace->length_kind == LENGTH_TARGET)
        return wait_clamp(trace->target_rtt_ns * 3 / 2, PATIENCE_VERIFY_MIN_NS,
                          trace->config.timeout_ns);
    return trace_wait_patience(trace);
}

static void wait_until(int64_t *wake_ns, int64_t when_ns)
{
    if (when_ns < *wake_ns)
        *wake_ns = when_ns;
}

void trace_slot_give_up(struct trace *trace, struct trace_slot *slot)
{
    slot->given_up = true;
    if (slot->purpose == TRACE_FOR_MULTIPATH)
        mda_unanswered(trace->mda, slot->flow, slot->ttl);
    if (!trace_slot_counts(trace, slot))
        return;
    struct trace_hop_state *state = trace_hop_at(trace, slot->ttl);
    if (!state->lossy)
        state->first_lost_round = slot->round;
    state->lossy = true;
    state->last_lost_round = slot->round;
}

/* Moves the start of what is waited for past everything settled or past its deadline. */
void trace_wait_expire(struct trace *trace, int64_t now_ns)
{
    while (trace->oldest_id != trace->next_id) {
        struct trace_slot *slot = trace_slot_get(trace, trace->oldest_id);
        if (slot && trace_slot_waits(trace, slot, now_ns))
            break;
        if (slot && slot->state == SLOT_FLIGHT && !slot->given_up)
            trace_slot_give_up(trace, slot);
        trace->oldest_id++;
    }
}

/* Whether the probe's answer still matters; gives it up when its time has come. */
static bool wait_for_slot(struct trace *trace, struct trace_slot *slot, int64_t now_ns,
                          int64_t *wake_ns)
{
    if (slot->purpose > TRACE_FOR_SCOUT || slot->given_up)
        return false;
    if (slot->state == SLOT_OFFERED || slot->state == SLOT_AGAIN)
        return true;
    if (slot->state != SLOT_FLIGHT)
        return false;
    bool beyond = trace->length_kind != LENGTH_UNKNOWN && slot->ttl > trace->length;
    if (beyond)
        return false;
    int64_t due_ns = time_add(slot->wait_ns, wait_patience_of(trace, slot));
    if (now_ns < due_ns) {
        wait_until(wake_ns, due_ns);
        return true;
    }
    trace_slot_give_up(trace, slot);
    return false;
}

bool trace_wait_settled(struct trace *trace, int64_t now_ns, int64_t *wake_ns)
{
    bool settled = true;

    for (uint32_t id = trace->oldest_id; id != trace->next_id; id++) {
        struct trace_slot *slot = trace_slot_get(trace, id);
        if (slot && wait_for_slot(trace, slot, now_ns, wake_ns))
            settled = false;
    }
    return settled;
}

/*
 * The target answered at some TTL, but the one below is silent: it may be the target's own, whose
 * answer was lost. It is asked again as soon as its answer is overdue.
 */
static bool wait_unproven(const struct trace *trace)
{
    return trace->learning && trace->length_kind == LENGTH_TARGET && !trace->length_exact &&
           trace->length > trace->config.first_ttl &&
           !trace_hop_learnt(trace, (uint8_t)(trace->length - 1));
}

bool trace_wait_verify(const struct trace *trace, int64_t now_ns, int64_t *wake_ns)
{
    if (!wait_unproven(trace) || trace->verified_ttl == trace->length - 1)
        return false;
    const struct trace_hop_state *state = trace_hop_at(trace, (uint8_t)(trace->length - 1));
    const struct trace_slot *slot = state->asked ? trace_slot_get(trace, state->latest_id) : NULL;
    if (!slot || slot->given_up || slot->state == SLOT_FAILED)
        return true;
    int64_t slack_ns = wait_clamp(trace->target_rtt_ns / 8, VERIFY_SLACK_MIN_NS, TIME_NEVER);
    int64_t due_ns = time_add(slot->wait_ns, trace->target_rtt_ns + slack_ns);
    if (now_ns >= due_ns)
        return true;
    wait_until(wake_ns, due_ns);
    return false;
}

static void wait_path_is_known(struct trace *trace)
{
    if (trace->length_kind == LENGTH_UNKNOWN)
        return;
    for (unsigned ttl = trace->config.first_ttl; ttl <= trace->length; ttl++)
        trace_hop_at(trace, (uint8_t)ttl)->on_path = true;
}

/* The path's length is known, or all that could tell has been waited for. */
bool trace_wait_learnt(struct trace *trace, int64_t now_ns, int64_t *wake_ns)
{
    bool learnt = true;

    if (trace->length_kind == LENGTH_UNKNOWN) {
        learnt = trace_wait_settled(trace, now_ns, wake_ns);
    } else if (wait_unproven(trace)) {
        const struct trace_hop_state *state = trace_hop_at(trace, (uint8_t)(trace->length - 1));
        struct trace_slot *slot = trace_slot_get(trace, state->latest_id);
        learnt = trace->verified_ttl == trace->length - 1 &&
                 !(slot && wait_for_slot(trace, slot, now_ns, wake_ns));
    }
    if (learnt)
        wait_path_is_known(trace);
    return learnt;
}

/* Once a round, while the end is not where it was: does the target answer farther away? */
bool trace_wait_scout(const struct trace *trace)
{
    bool lost = trace->length_kind == LENGTH_UNKNOWN || trace->target_missed >= MISSED_ROUNDS;

    return lost && !trace->learning && trace->rounds > 1 &&
           trace_path_limit(trace) < trace->config.max_ttl;
}

void trace_wait_round(struct trace *trace, int64_t now_ns)
{
    if (trace->length_kind != LENGTH_TARGET)
        return;
    const struct trace_hop_state *state = trace_hop_at(trace, trace->length);
    const struct trace_slot *slot = state->asked ? trace_slot_get(trace, state->latest_id) : NULL;
    if (!slot || slot->state == SLOT_ANSWERED)
        trace->target_missed = 0;
    else if (slot->state == SLOT_FLIGHT && now_ns - slot->wait_ns > wait_patience_of(trace, slot))
        trace->target_missed++;
}
