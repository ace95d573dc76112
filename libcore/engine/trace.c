/* The trace's schedule: what is sent when, and what became of it. */
#include "engine/trace.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/trace_internal.h"

#define DEFAULT_SIZE4 60
#define DEFAULT_SIZE6 80

void trace_config_default(struct trace_config *config)
{
    *config = (struct trace_config){
        .protocol = PROBE_ICMP,
        .first_ttl = 1,
        .max_ttl = 30,
        .rounds = 10,
        .interval_ns = 500 * NS_PER_MS,
        .send_gap_ns = 250 * NS_PER_US,
        .timeout_ns = 2 * NS_PER_SEC,
    };
}

static const char *trace_config_fault(const struct trace_config *config)
{
    if (config->destination.family != 4 && config->destination.family != 6)
        return "no destination address";
    if (config->source.family != config->destination.family)
        return "source and destination are of different families";
    if (address_is_multicast(&config->destination) || address_is_unspecified(&config->destination))
        return "the destination is not one host's address";
    if (config->first_ttl < 1 || config->first_ttl > config->max_ttl)
        return "first TTL is not within 1 and the last";
    if (config->interval_ns < 0 || config->send_gap_ns < 0 || config->timeout_ns <= 0)
        return "a duration is negative, or the timeout zero";
    if (config->dscp > 63 || config->ecn > 3)
        return "DSCP is over 63 or ECN over 3";
    if (config->multipath_percent && config->multipath_percent != 95 &&
        config->multipath_percent != 99)
        return "multipath confidence is neither 95 nor 99";
    if (config->multipath_percent && config->identity_by_port)
        return "multipath needs constant ports, which identity by port has not";
    return NULL;
}

static void trace_config_complete(struct trace_config *config)
{
    uint16_t least = config->destination.family == 6 ? 40 : 20;

    least = (uint16_t)(least + (config->protocol == PROBE_TCP ? 24 : 10));
    if (!config->size && config->protocol != PROBE_TCP) /* a SYN with data is suspicious */
        config->size = config->destination.family == 6 ? DEFAULT_SIZE6 : DEFAULT_SIZE4;
    if (config->size < least)
        config->size = least;
    if (!config->link_mtu)
        config->link_mtu = 1500;
}

static int trace_hops_new(struct trace *trace)
{
    trace->nhops = (size_t)(trace->config.max_ttl - trace->config.first_ttl) + 1;
    trace->hops = calloc(trace->nhops, sizeof(*trace->hops));
    if (!trace->hops)
        return -ENOMEM;
    for (size_t i = 0; i < trace->nhops; i++) {
        trace->hops[i].hop.ttl = (uint8_t)(trace->config.first_ttl + i);
        stats_init(&trace->hops[i].hop.rtt_ms);
        quantile_init(&trace->hops[i].hop.rtt_ms_quantiles);
    }
    return 0;
}

int trace_new(const struct trace_config *config, int64_t now_ns, struct trace **out,
              const char **why)
{
    const char *fault = trace_config_fault(config);

    if (why)
        *why = fault;
    if (fault)
        return -EINVAL;
    struct trace *trace = calloc(1, sizeof(*trace));
    if (!trace)
        return -ENOMEM;
    trace->config = *config;
    trace_config_complete(&trace->config);
    trace->ring_size = TRACE_RING_MIN;
    trace->ring = calloc(trace->ring_size, sizeof(*trace->ring));
    if (!trace->ring || trace_hops_new(trace) < 0) {
        trace_free(trace);
        return -ENOMEM;
    }
    trace_identity_init(trace);
    trace->start_ns = trace->next_round_ns = trace->next_send_ns = now_ns;
    refusal_init(&trace->refusal);
    trace->learning = true;
    *out = trace;
    return 0;
}

void trace_free(struct trace *trace)
{
    if (!trace)
        return;
    for (size_t i = 0; trace->hops && i < trace->nhops; i++)
        trace_hop_release(&trace->hops[i].hop);
    mda_free(trace->mda);
    free(trace->hops);
    free(trace->ring);
    free(trace);
}

/* What the kernel had no room for, oldest first. */
static struct trace_slot *trace_next_again(struct trace *trace)
{
    for (uint32_t id = trace->oldest_id; id != trace->next_id; id++) {
        struct trace_slot *slot = trace_slot_get(trace, id);
        if (slot && slot->state == SLOT_AGAIN)
            return slot;
    }
    return NULL;
}

static bool trace_more_rounds(const struct trace *trace)
{
    return trace->config.rounds == 0 || trace->rounds < trace->config.rounds;
}

static bool trace_round_sent(const struct trace *trace)
{
    return trace->rounds > 0 && trace->cursor_ttl > trace_path_limit(trace);
}

static void trace_round_begin(struct trace *trace, int64_t now_ns)
{
    trace_wait_round(trace, now_ns);
    trace->rounds++;
    trace->cursor_ttl = trace->config.first_ttl;
    trace->scouted = false;
    trace->next_round_ns = time_add(now_ns, trace->config.interval_ns);
}

static struct trace_slot *trace_round_probe(struct trace *trace, enum trace_purpose purpose,
                                            uint8_t ttl, int64_t now_ns)
{
    struct trace_slot *slot = trace_slot_new(trace, purpose, ttl, 0, now_ns);

    if (!slot) {
        trace->broken = true;
        return NULL;
    }
    if (purpose != TRACE_FOR_SCOUT) {
        struct trace_hop_state *state = trace_hop_at(trace, ttl);
        state->asked = true;
        state->latest_id = slot->id;
    }
    return slot;
}

/* The next probe of the rounds, or NULL and *wake_ns lowered. */
static struct trace_slot *trace_next_round(struct trace *trace, int64_t now_ns, int64_t *wake_ns)
{
    bool between = trace->rounds == 0 || (trace_round_sent(trace) && !trace->learning);

    if (between && trace_more_rounds(trace)) {
        if (now_ns >= trace->next_round_ns)
            trace_round_begin(trace, now_ns);
        else if (trace->next_round_ns < *wake_ns)
            *wake_ns = trace->next_round_ns;
    }
    if (trace->cursor_ttl <= trace_path_limit(trace))
        return trace_round_probe(trace, TRACE_FOR_ROUND, (uint8_t)trace->cursor_ttl++, now_ns);
    if (!trace->scouted && trace_wait_scout(trace)) {
        trace->scouted = true;
        return trace_round_probe(trace, TRACE_FOR_SCOUT, trace->config.max_ttl, now_ns);
    }
    if (trace_wait_verify(trace, now_ns, wake_ns)) {
        trace->verified_ttl = (uint8_t)(trace->length - 1);
        return trace_round_probe(trace, TRACE_FOR_VERIFY, trace->verified_ttl, now_ns);
    }
    return NULL;
}

/* The searches that need to know the path first: its MTU, its other flows. */
static struct trace_slot *trace_next_search(struct trace *trace, int64_t now_ns, int64_t *wake_ns)
{
    struct trace_slot *slot = NULL;

    if (trace->learning || trace->rounds == 0)
        return NULL;
    if (trace->config.find_mtu) {
        trace_mtu_start(trace);
        if (trace_mtu_next(trace, now_ns, &slot, wake_ns))
            return slot;
    }
    if (trace->config.multipath_percent) {
        if (!trace->mda && trace_multipath_start(trace) < 0) {
            trace->broken = true;
            return NULL;
        }
        if (trace_multipath_next(trace, now_ns, &slot, wake_ns))
            return slot;
    }
    return NULL;
}

/* Nothing could be sent at all: further rounds would fail alike. */
static bool trace_hopeless(const struct trace *trace)
{
    return trace->sent == 0 && trace->send_errors > 0 && trace->nagain == 0 &&
           trace_round_sent(trace);
}

static bool trace_finished(struct trace *trace, int64_t now_ns, int64_t *wake_ns)
{
    if (trace->broken || trace_hopeless(trace))
        return true;
    if (trace->learning && trace_round_sent(trace) && trace_wait_learnt(trace, now_ns, wake_ns)) {
        trace->learning = false;
        *wake_ns = now_ns; /* what waited for the path's length goes on */
        return false;
    }
    if (trace_more_rounds(trace) || !trace_round_sent(trace))
        return false;
    bool settled = trace_wait_settled(trace, now_ns, wake_ns);
    bool searching = (trace->config.find_mtu && !trace_mtu_done(trace)) ||
                     (trace->config.multipath_percent && !trace_multipath_done(trace));
    return settled && !searching && !trace->learning;
}

static enum trace_step trace_offer(struct trace *trace, struct trace_slot *slot, int64_t now_ns,
                                   struct probe *probe, uint32_t *id)
{
    if (slot->state == SLOT_AGAIN) {
        slot->state = SLOT_OFFERED;
        trace->nagain--;
    }
    slot->sent_ns = slot->wait_ns = now_ns;
    trace->next_send_ns = time_add(now_ns, trace->config.send_gap_ns);
    trace_probe_fill(trace, slot, probe);
    *id = slot->id;
    return TRACE_SEND;
}

enum trace_step trace_next(struct trace *trace, int64_t now_ns, struct probe *probe, uint32_t *id,
                           int64_t *wake_ns)
{
    *wake_ns = TIME_NEVER;
    if (trace->stopped || trace->done)
        return TRACE_DONE;
    trace_wait_expire(trace, now_ns);
    if (now_ns < trace->next_send_ns) {
        *wake_ns = trace->next_send_ns;
        return TRACE_WAIT;
    }
    struct trace_slot *slot = trace->nagain ? trace_next_again(trace) : NULL;
    if (!slot)
        slot = trace_next_round(trace, now_ns, wake_ns);
    if (!slot)
        slot = trace_next_search(trace, now_ns, wake_ns);
    if (slot)
        return trace_offer(trace, slot, now_ns, probe, id);
    trace->done = trace_finished(trace, now_ns, wake_ns);
    return trace->done ? TRACE_DONE : TRACE_WAIT;
}

/* The probe is known to have left, by trace_sent, the capture, or its answer. */
void trace_slot_left(struct trace *trace, struct trace_slot *slot)
{
    if (slot->state == SLOT_AGAIN)
        trace->nagain--;
    else if (slot->state != SLOT_OFFERED)
        return;
    slot->state = SLOT_FLIGHT;
    if (slot->purpose <= TRACE_FOR_SCOUT)
        trace->sent++;
    else
        trace->searches++;
    if (trace_slot_counts(trace, slot))
        trace_hop_at(trace, slot->ttl)->hop.sent++;
}

static void trace_slot_failed(struct trace *trace, struct trace_slot *slot, int error)
{
    slot->state = SLOT_FAILED;
    if (slot->purpose == TRACE_FOR_MTU && error == EMSGSIZE) {
        trace_mtu_too_big(trace, slot);
        return;
    }
    if (slot->purpose == TRACE_FOR_MULTIPATH)
        mda_unanswered(trace->mda, slot->flow, slot->ttl);
    trace->send_errors++;
    refusal_count(&trace->refusal, error);
    if (trace_slot_counts(trace, slot))
        trace_hop_at(trace, slot->ttl)->hop.send_errors++;
}

static void trace_slot_again(struct trace *trace, struct trace_slot *slot, int error,
                             int64_t now_ns)
{
    int64_t pause_ns = refusal_pause(&trace->refusal, now_ns, trace->config.timeout_ns);

    if (pause_ns < 0) {
        trace_slot_failed(trace, slot, error);
        return;
    }
    slot->state = SLOT_AGAIN;
    trace->nagain++;
    trace->next_send_ns = time_add(now_ns, pause_ns);
}

void trace_sent(struct trace *trace, uint32_t id, int error, int64_t now_ns)
{
    struct trace_slot *slot = trace_slot_get(trace, id);

    if (!slot || slot->state != SLOT_OFFERED)
        return;
    if (refusal_passes(error)) {
        trace_slot_again(trace, slot, -error, now_ns);
        return;
    }
    refusal_over(&trace->refusal);
    if (error) {
        trace_slot_failed(trace, slot, -error);
        return;
    }
    if (!slot->stamped)
        slot->sent_ns = slot->wait_ns = now_ns;
    trace_slot_left(trace, slot);
}

void trace_shift(struct trace *trace, int64_t paused_ns)
{
    if (paused_ns <= 0)
        return;
    for (uint32_t i = 0; i < trace->ring_size; i++)
        trace->ring[i].wait_ns = time_add(trace->ring[i].wait_ns, paused_ns);
    trace->next_round_ns = time_add(trace->next_round_ns, paused_ns);
}

void trace_stop(struct trace *trace)
{
    if (!trace->done)
        trace->stopped = true;
}
