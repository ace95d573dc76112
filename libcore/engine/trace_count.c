/* Answers into hops and responders. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/trace_internal.h"

void trace_hop_release(struct trace_hop *hop)
{
    for (size_t i = 0; i < hop->nresponders; i++)
        quantile_release(&hop->responders[i].rtt_ms_quantiles);
    free(hop->responders);
    quantile_release(&hop->rtt_ms_quantiles);
    hop->responders = NULL;
    hop->nresponders = 0;
}

/* Forgets what was seen; probes under way no longer count. */
void trace_hop_reset(struct trace_hop_state *state)
{
    uint8_t ttl = state->hop.ttl;
    uint32_t epoch = state->epoch + 1;

    trace_hop_release(&state->hop);
    *state = (struct trace_hop_state){.hop.ttl = ttl, .epoch = epoch};
    stats_init(&state->hop.rtt_ms);
    quantile_init(&state->hop.rtt_ms_quantiles);
}

static int count_add_responder(struct trace_hop_state *state, const struct address *address)
{
    if (state->hop.nresponders == state->capacity) {
        size_t capacity = state->capacity ? 2 * state->capacity : 1;
        struct trace_responder *grown = realloc(state->hop.responders, capacity * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        state->hop.responders = grown;
        state->capacity = capacity;
    }
    struct trace_responder *responder = &state->hop.responders[state->hop.nresponders++];
    *responder = (struct trace_responder){.address = *address};
    stats_init(&responder->rtt_ms);
    quantile_init(&responder->rtt_ms_quantiles);
    return 0;
}

/* 0 and *index; -ENOSPC: too many to remember, the answer counts for the hop alone. */
static int count_responder(struct trace_hop_state *state, const struct address *address,
                           size_t *index)
{
    size_t count = state->hop.nresponders;

    for (size_t i = 0; i < count; i++) {
        if (address_equal(&state->hop.responders[i].address, address)) {
            *index = i;
            return 0;
        }
    }
    if (count == TRACE_RESPONDERS_MAX)
        return -ENOSPC;
    *index = count;
    return count_add_responder(state, address);
}

static void count_change(struct trace_responder *responder, const struct trace_change *change)
{
    for (size_t i = 0; i < responder->nchanges; i++) {
        if (responder->changes[i].kind == change->kind) {
            responder->changes[i] = *change;
            return;
        }
    }
    if (responder->nchanges < TRACE_CHANGES_MAX)
        responder->changes[responder->nchanges++] = *change;
}

static int count_into_responder(struct trace_responder *responder,
                                const struct trace_answer *answer, double rtt_ms)
{
    responder->received++;
    responder->is_icmp = answer->is_icmp;
    responder->is_target = answer->is_target;
    responder->icmp_type = answer->icmp_type;
    responder->icmp_code = answer->icmp_code;
    responder->reply_ttl = answer->reply_ttl;
    if (answer->extensions && answer->extensions->present && answer->extensions->checksum_ok)
        responder->extensions = *answer->extensions;
    for (size_t i = 0; i < answer->nchanges; i++)
        count_change(responder, &answer->changes[i]);
    if (answer->rtt_uncertain)
        return 0;
    stats_add(&responder->rtt_ms, rtt_ms);
    return quantile_add(&responder->rtt_ms_quantiles, rtt_ms);
}

/* Who answered in which order: a path that flaps differs from one that alternates. */
static void count_run(struct trace_hop_state *state, size_t index)
{
    if (state->run && index != state->current) {
        state->switches++;
        state->run = 0;
    }
    state->run++;
    if (state->run > state->longest_run)
        state->longest_run = state->run;
    state->current = index;
}

static void count_order(struct trace *trace, struct trace_hop_state *state,
                        const struct trace_slot *slot, bool is_own, size_t index)
{
    if (state->answered && trace_id_after(state->answered_id, slot->id)) {
        trace->reordered++;
        return;
    }
    if (is_own)
        count_run(state, index);
    state->answered = true;
    state->answered_id = slot->id;
}

static void count_target(struct trace *trace, const struct trace_slot *slot,
                         const struct trace_answer *answer)
{
    if (slot->purpose > TRACE_FOR_SCOUT)
        return;
    /* The first burst sends many probes past the path's end: the target shows their order. */
    if (trace->target_received && trace_id_after(trace->target_answered_id, slot->id) &&
        !trace_hop_at(trace, slot->ttl)->answered)
        trace->reordered++;
    else
        trace->target_answered_id = slot->id;
    trace->target_received++;
    (void)answer;
}

static int count_into_hop(struct trace *trace, struct trace_hop_state *state,
                          const struct trace_slot *slot, const struct trace_answer *answer,
                          size_t index, double rtt_ms)
{
    state->hop.received++;
    count_order(trace, state, slot, !answer->is_too_big, index);
    if (answer->rtt_uncertain || answer->is_too_big)
        return 0;
    stats_add(&state->hop.rtt_ms, rtt_ms);
    return quantile_add(&state->hop.rtt_ms_quantiles, rtt_ms);
}

int trace_count_answer(struct trace *trace, struct trace_slot *slot,
                       const struct trace_answer *answer, int64_t rtt_ns)
{
    struct trace_hop_state *state = trace_hop_at(trace, slot->ttl);
    double rtt_ms = ns_to_ms(rtt_ns);
    bool counts = trace_slot_counts(trace, slot);
    size_t index;

    if (rtt_ns > trace->largest_rtt_ns && slot->purpose <= TRACE_FOR_SCOUT)
        trace->largest_rtt_ns = rtt_ns;
    if (answer->is_target) {
        count_target(trace, slot, answer);
        if (rtt_ns > trace->target_rtt_ns)
            trace->target_rtt_ns = rtt_ns;
    }
    if (!counts && slot->purpose != TRACE_FOR_MULTIPATH)
        return 0;
    int err = count_responder(state, &answer->responder, &index);
    if (err && err != -ENOSPC)
        return err;
    if (!err)
        err = count_into_responder(&state->hop.responders[index], answer, rtt_ms);
    else
        index = state->current;
    if (counts && err != -ENOMEM)
        err = count_into_hop(trace, state, slot, answer, index, rtt_ms);
    return err == -ENOSPC ? 0 : err;
}
