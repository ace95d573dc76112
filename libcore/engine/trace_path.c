/* How long the path is: learnt from the answers of the target, and learnt anew when it moves. */
#include "engine/trace_internal.h"

#define LOOKAHEAD     3 /* TTLs asked behind the last answer of a path without an end */
#define NEARER_ROUNDS 3
#define LOOP_PAIRS    3 /* repetitions that make a loop */
#define LOOP_MAX      8 /* routers in one */

static unsigned path_min(unsigned a, unsigned b)
{
    return a < b ? a : b;
}

/* The highest TTL that is worth asking now. */
unsigned trace_path_limit(const struct trace *trace)
{
    const struct trace_config *config = &trace->config;
    unsigned answered = trace->highest_ttl ? trace->highest_ttl : config->first_ttl - 1u;
    uint8_t first, last;

    if (trace->length_kind != LENGTH_UNKNOWN)
        return trace->length;
    if (trace->learning)
        return config->gap_limit ? path_min(config->max_ttl, answered + config->gap_limit)
                                 : config->max_ttl;
    if (trace_path_loops(trace, &first, &last))
        return path_min(answered, 2u * last - first + 1);
    return path_min(config->max_ttl, answered + LOOKAHEAD);
}

/* Hops that only the search saw begin anew: what lay behind the old end was never the path. */
static void path_forget_beyond(struct trace *trace, unsigned ttl)
{
    for (unsigned t = ttl + 1; t <= trace->config.max_ttl; t++) {
        struct trace_hop_state *state = trace_hop_at(trace, (uint8_t)t);
        if (!state->on_path)
            trace_hop_reset(state);
    }
}

bool trace_hop_learnt(const struct trace *trace, uint8_t ttl)
{
    const struct trace_hop_state *state = trace_hop_at(trace, ttl);

    return state->answered && !trace_id_after(trace->learn_id, state->answered_id);
}

static bool path_hop_is_target(const struct trace *trace, uint8_t ttl, uint32_t round)
{
    const struct trace_hop_state *state = trace_hop_at(trace, ttl);
    const struct trace_slot *slot =
        state->answered ? trace_slot_get(trace, state->answered_id) : NULL;

    return slot && slot->round == round && state->hop.nresponders > 0 &&
           state->hop.responders[state->current].is_target;
}

/*
 * The path goes on behind what was its end: asks on from `ttl` + 1, unless the same burst has
 * brought an answer of the target from there already.
 */
static void path_grow(struct trace *trace, const struct trace_slot *slot, unsigned ttl)
{
    for (unsigned t = ttl + 1; t <= trace->config.max_ttl; t++) {
        if (path_hop_is_target(trace, (uint8_t)t, slot->round)) {
            trace->length_kind = LENGTH_TARGET;
            trace->length = (uint8_t)t;
            return;
        }
    }
    path_forget_beyond(trace, ttl);
    trace->length_kind = LENGTH_UNKNOWN;
    trace->length = 0;
    trace->length_exact = false;
    trace->verified_ttl = 0;
    trace->target_missed = 0;
    trace->learning = true;
    trace->learn_id = trace->next_id;
    trace->grown_id = slot->id;
    trace->cursor_ttl = ttl + 1;
}

/*
 * A TTL ran out there or farther on, in the same round, so it is not the end. A known end comes
 * nearer only when that was so for some rounds: ways of unequal length take turns.
 */
static bool path_goes_on(const struct trace *trace, const struct trace_slot *slot, uint8_t ttl)
{
    uint32_t rounds = trace->learning ? 1 : NEARER_ROUNDS;

    for (unsigned t = ttl; t <= trace->config.max_ttl; t++) {
        const struct trace_hop_state *state = trace_hop_at(trace, (uint8_t)t);
        if (state->exceeded && slot->round - state->exceeded_round < rounds)
            return true;
    }
    return false;
}

static void path_end(struct trace *trace, const struct trace_slot *slot, enum trace_length kind,
                     uint8_t ttl, const struct trace_evidence *evidence)
{
    trace->length_kind = kind;
    trace->length = ttl;
    trace->end_address = evidence->responder;
    trace->end_type = evidence->icmp_type;
    trace->end_code = evidence->icmp_code;
    trace->end_refused = evidence->is_unreachable;
    if (trace_id_after(slot->id, trace->proof_id))
        trace->proof_id = slot->id;
}

/*
 * A probe past the end was answered where the probe for the end itself was not (the target limits
 * its answers): it stands for that one, which is then beyond the path in its place.
 */
static void path_substitute(struct trace *trace, struct trace_slot *slot, uint8_t ttl)
{
    struct trace_hop_state *state = trace_hop_at(trace, ttl);
    struct trace_slot *own = state->asked ? trace_slot_get(trace, state->latest_id) : NULL;

    if (ttl == slot->ttl || !own || own->state != SLOT_FLIGHT || own->round != slot->round ||
        slot->purpose != TRACE_FOR_ROUND || !trace_slot_counts(trace, slot))
        return;
    struct trace_hop_state *far = trace_hop_at(trace, slot->ttl);
    uint8_t far_ttl = slot->ttl;
    slot->ttl = ttl;
    slot->epoch = state->epoch;
    own->ttl = far_ttl;
    own->epoch = far->epoch;
    state->latest_id = slot->id;
    far->latest_id = own->id;
}

/* The length by the TTL that was left when the target quoted the probe; 0 when it cannot be. */
static uint8_t path_quoted_length(const struct trace *trace, const struct trace_slot *slot,
                                  const struct trace_evidence *evidence)
{
    if (evidence->quoted_ttl < 1 || evidence->quoted_ttl >= slot->ttl)
        return 0; /* as it was sent: our own copy, which a kernel gave back */
    unsigned length = slot->ttl - evidence->quoted_ttl + 1u;
    if (length < trace->config.first_ttl)
        length = trace->config.first_ttl;
    return path_goes_on(trace, slot, (uint8_t)length) ? 0 : (uint8_t)length;
}

/* The target answered a probe from far away while the path's end was lost: look for it again. */
static void path_scouted(struct trace *trace, const struct trace_slot *slot)
{
    unsigned known = trace->length_kind != LENGTH_UNKNOWN ? trace->length : trace->highest_ttl;

    if (trace->learning || known >= trace->config.max_ttl)
        return;
    if (known < trace->config.first_ttl)
        known = trace->config.first_ttl - 1u;
    path_grow(trace, slot, known);
}

static void path_reached(struct trace *trace, struct trace_slot *slot,
                         const struct trace_evidence *evidence)
{
    uint8_t exact = path_quoted_length(trace, slot, evidence);
    uint8_t ttl = exact ? exact : slot->ttl;
    bool known = trace->length_kind == LENGTH_TARGET;

    trace->reached = true;
    if (slot->purpose == TRACE_FOR_SCOUT && !exact) {
        path_scouted(trace, slot);
        return;
    }
    if (known && ttl == trace->length && trace_id_after(slot->id, trace->proof_id))
        trace->proof_id = slot->id;
    bool nearer = !known || ttl < trace->length;
    bool stale = trace->grown_id && !trace_id_after(slot->id, trace->grown_id);
    if (!nearer || stale || path_goes_on(trace, slot, ttl))
        return;
    path_end(trace, slot, LENGTH_TARGET, ttl, evidence);
    trace->length_exact = exact != 0;
    if (exact)
        path_substitute(trace, slot, exact);
}

static void path_exceeded(struct trace *trace, const struct trace_slot *slot)
{
    if (slot->purpose == TRACE_FOR_SCOUT)
        return;
    struct trace_hop_state *state = trace_hop_at(trace, slot->ttl);
    state->exceeded = true;
    state->exceeded_round = slot->round;
    bool end_known = trace->length_kind != LENGTH_UNKNOWN;
    if (end_known && slot->ttl >= trace->length && slot->ttl < trace->config.max_ttl &&
        !trace_id_after(trace->proof_id, slot->id))
        path_grow(trace, slot, slot->ttl);
}

void trace_path_learn(struct trace *trace, struct trace_slot *slot,
                      const struct trace_evidence *evidence)
{
    if (slot->purpose > TRACE_FOR_SCOUT)
        return;
    if (slot->purpose != TRACE_FOR_SCOUT && slot->ttl > trace->highest_ttl && !evidence->is_target)
        trace->highest_ttl = slot->ttl;
    if (evidence->is_target) {
        path_reached(trace, slot, evidence);
    } else if (evidence->is_exceeded) {
        path_exceeded(trace, slot);
    } else if (!evidence->is_unreachable) {
        return;
    } else if (trace->length_kind == LENGTH_UNKNOWN ||
               (trace->length_kind == LENGTH_UNREACHABLE && slot->ttl < trace->length)) {
        if (slot->purpose != TRACE_FOR_SCOUT)
            path_end(trace, slot, LENGTH_UNREACHABLE, slot->ttl, evidence);
    }
}

static const struct address *path_responder(const struct trace *trace, unsigned ttl)
{
    const struct trace_hop_state *state = trace_hop_at(trace, (uint8_t)ttl);

    return state->run ? &state->hop.responders[state->current].address : NULL;
}

/* From `start` to the last answer every address is the one `period` hops before it. */
static bool path_repeats(const struct trace *trace, unsigned start, unsigned period)
{
    unsigned pairs = 0, last = trace->highest_ttl;

    if (!path_responder(trace, start))
        return false;
    for (unsigned ttl = start; ttl + period <= last; ttl++) {
        const struct address *near = path_responder(trace, ttl);
        const struct address *far = path_responder(trace, ttl + period);
        if (near && far && !address_equal(near, far))
            return false;
        pairs += near && far;
    }
    return pairs >= LOOP_PAIRS && pairs >= period;
}

bool trace_path_loops(const struct trace *trace, uint8_t *first, uint8_t *last)
{
    if (trace->length_kind != LENGTH_UNKNOWN)
        return false;
    for (unsigned start = trace->config.first_ttl; start < trace->highest_ttl; start++) {
        for (unsigned period = 1; period <= LOOP_MAX; period++) {
            if (!path_repeats(trace, start, period))
                continue;
            *first = (uint8_t)start;
            *last = (uint8_t)(start + period - 1);
            return true;
        }
    }
    return false;
}
