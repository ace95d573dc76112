/* A run from its configuration to what became of each packet that was sent. */
#include "engine/syn.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "engine/syn_internal.h"

#define PORTS_AUTO 1024 /* source ports used at most, unless more are asked for */

void syn_config_default(struct syn_config *config)
{
    *config = (struct syn_config){
        .count = 10,
        .interval_ns = 500 * NS_PER_MS,
        .timeout_ns = 3 * NS_PER_SEC,
        .repeats = 1,
        .repeat_ns = NS_PER_SEC, /* RFC 6298 (2.1) */
        .options = SYN_OPTIONS_LINUX,
        .reset_after_ns = 50 * NS_PER_MS,
        .warn_ms = NAN,
        .crit_ms = NAN,
        .warn_loss = NAN,
        .crit_loss = NAN,
    };
}

static const char *syn_target_fault(const struct syn_target *target)
{
    if (target->destination.family != 4 && target->destination.family != 6)
        return "no destination address";
    if (target->source.family != target->destination.family)
        return "source and destination are of different families";
    if (address_is_multicast(&target->destination) || address_is_unspecified(&target->destination))
        return "the destination is not one host's address";
    if (target->port == 0)
        return "port 0 cannot be connected to";
    return NULL;
}

static const char *syn_config_fault(const struct syn_config *config)
{
    if (config->count > SYN_COUNT_MAX)
        return "more than 1000000 probes of one target";
    if (config->interval_ns < 0 || config->timeout_ns <= 0 || config->reset_after_ns < 0)
        return "a duration is negative, or the timeout zero";
    if (config->repeats > SYN_REPEATS_MAX)
        return "more than 6 repetitions";
    if (config->repeats && config->repeat_ns <= 0)
        return "repetitions without a pause";
    if (!(config->rate_pps >= 0) || isinf(config->rate_pps))
        return "the rate is not a number of packets";
    if (config->source_ports > SYN_PORTS_MAX ||
        config->source_port + (config->source_ports ? config->source_ports : 1) > 65536)
        return "the range of source ports is too wide or leaves 65535";
    if (config->compare && config->options == SYN_OPTIONS_BARE)
        return "comparing needs options, which the bare set has not";
    if (config->dscp > 63)
        return "DSCP is over 63";
    if (config->link_mtu && config->link_mtu < 68) /* RFC 791 3.2 */
        return "the link's MTU is below 68";
    return NULL;
}

/* A port rests for the timeout, and a little for what is late. */
static uint16_t syn_ports_needed(const struct syn_config *config)
{
    int64_t needed =
        config->interval_ns ? 2 + config->timeout_ns / config->interval_ns : PORTS_AUTO;

    if (needed > PORTS_AUTO)
        needed = PORTS_AUTO;
    if (config->count && needed > config->count)
        needed = config->count;
    return (uint16_t)needed;
}

static void syn_config_complete(struct syn *syn)
{
    struct syn_config *config = &syn->config;

    if (!config->source_ports)
        config->source_ports = config->source_port ? 1 : syn_ports_needed(config);
    if (!config->ttl)
        config->ttl = 64;
    if (!config->link_mtu)
        config->link_mtu = 1500;
    while (syn->repeats < config->repeats &&
           syn_repeat_ns(syn, syn->repeats + 1) < config->timeout_ns)
        syn->repeats++;
    if (config->rate_pps > 0)
        syn->gap_ns = (double)NS_PER_SEC / config->rate_pps;
}

/* The index of an address among the sources; there are few of them. */
static int syn_source_index(struct syn *syn, const struct address *source, uint16_t *index)
{
    for (size_t i = syn->nsources; i-- > 0;) {
        if (address_equal(&syn->sources[i], source) && syn->sources[i].scope == source->scope) {
            *index = (uint16_t)i;
            return 0;
        }
    }
    if (syn->nsources == UINT16_MAX)
        return -EINVAL;
    struct address *grown = reallocarray(syn->sources, syn->nsources + 1, sizeof(*grown));
    if (!grown)
        return -ENOMEM;
    syn->sources = grown;
    *index = (uint16_t)syn->nsources;
    grown[syn->nsources++] = *source;
    return 0;
}

static void syn_table_add(struct syn *syn, uint32_t index)
{
    const struct syn_target_state *target = &syn->targets[index];
    uint32_t mask = syn->table_size - 1;
    uint32_t at = (uint32_t)address_hash(&target->destination, syn->key ^ target->port) & mask;

    while (syn->table[at])
        at = (at + 1) & mask;
    syn->table[at] = index + 1;
}

static bool syn_keeps_flows(const struct syn *syn)
{
    return syn->config.source_ports > 1 && syn->config.count != 1 &&
           syn->ntargets * syn->config.source_ports <= SYN_FLOWS_MAX;
}

static int syn_target_init(struct syn *syn, const struct syn_target *from, uint32_t index)
{
    struct syn_target_state *target = &syn->targets[index];

    target->destination = from->destination;
    target->port = from->port;
    syn->order[index] = index;
    if (syn_keeps_flows(syn)) {
        target->flows = calloc(syn->config.source_ports, sizeof(*target->flows));
        if (!target->flows)
            return -ENOMEM;
    }
    return syn_source_index(syn, &from->source, &target->source);
}

/* Fisher and Yates: every order is as likely as any other. */
static void syn_shuffle(struct syn *syn)
{
    struct random random;

    random_seed(&random, syn->key);
    for (size_t i = syn->ntargets; i > 1; i--) {
        uint32_t other = random_below(&random, (uint32_t)i);
        uint32_t kept = syn->order[i - 1];
        syn->order[i - 1] = syn->order[other];
        syn->order[other] = kept;
    }
}

static int syn_targets_new(struct syn *syn, const struct syn_target *targets, size_t ntargets)
{
    syn->ntargets = ntargets;
    syn->table_size = 2;
    while (syn->table_size < 2 * ntargets)
        syn->table_size *= 2;
    syn->targets = calloc(ntargets, sizeof(*syn->targets));
    syn->order = calloc(ntargets, sizeof(*syn->order));
    syn->table = calloc(syn->table_size, sizeof(*syn->table));
    syn->ring_size = SYN_RING_MIN;
    syn->ring = calloc(syn->ring_size, sizeof(*syn->ring));
    if (!syn->targets || !syn->order || !syn->table || !syn->ring)
        return -ENOMEM;
    for (size_t i = 0; i < ntargets; i++) {
        int err = syn_target_init(syn, &targets[i], (uint32_t)i);
        if (err)
            return err;
        syn_table_add(syn, (uint32_t)i);
    }
    syn_shuffle(syn);
    return 0;
}

int syn_new(const struct syn_config *config, const struct syn_target *targets, size_t ntargets,
            int64_t now_ns, struct syn **out, const char **why)
{
    const char *fault = syn_config_fault(config);

    if (!fault && (ntargets == 0 || ntargets > SYN_TARGETS_MAX))
        fault = ntargets ? "more than 16777216 targets" : "no target";
    for (size_t i = 0; !fault && i < ntargets; i++)
        fault = syn_target_fault(&targets[i]);
    if (why)
        *why = fault;
    if (fault)
        return -EINVAL;
    struct syn *syn = calloc(1, sizeof(*syn));
    if (!syn)
        return -ENOMEM;
    syn->config = *config;
    syn_config_complete(syn);
    syn_identity_init(syn);
    refusal_init(&syn->refusal);
    syn->round_ns = syn->next_send_ns = now_ns;
    syn->paused_until_ns = INT64_MIN;
    int err = syn_targets_new(syn, targets, ntargets);
    if (err) {
        syn_free(syn);
        return err;
    }
    *out = syn;
    return 0;
}

void syn_free(struct syn *syn)
{
    if (!syn)
        return;
    for (size_t i = 0; syn->targets && i < syn->ntargets; i++) {
        free(syn->targets[i].only);
        if (syn->targets[i].detail)
            syn_detail_release(syn->targets[i].detail);
        free(syn->targets[i].detail);
        free(syn->targets[i].flows);
    }
    free(syn->targets);
    free(syn->order);
    free(syn->sources);
    free(syn->table);
    free(syn->ring);
    free(syn->again.items);
    free(syn->resets.items);
    free(syn);
}

/* The probe is known to have left, by syn_sent, the capture, or its answer. */
void syn_slot_left(struct syn *syn, struct syn_slot *slot)
{
    struct syn_target_state *target = syn_target_of(syn, slot);

    if (slot->state != SLOT_OFFERED)
        return;
    slot->state = SLOT_FLIGHT;
    syn->sent++;
    syn->in_flight++;
    target->sent++;
    target->in_flight++;
    if (target->flows)
        target->flows[syn_flow_index(syn, slot->source_port)].sent++;
}

void syn_echo_left(struct syn *syn, struct syn_slot *slot)
{
    struct syn_detail *detail;

    if (slot->echo != ECHO_OFFERED)
        return;
    detail = syn_detail_of(syn, syn_target_of(syn, slot));
    if (!detail)
        return;
    slot->echo = ECHO_FLIGHT;
    detail->reference_sent++;
}

static void syn_failed(struct syn *syn, struct syn_slot *slot, enum syn_kind kind, int error)
{
    struct syn_target_state *target = syn_target_of(syn, slot);

    if (kind == SYN_KIND_ECHO) {
        slot->echo = ECHO_NONE;
    } else if (kind == SYN_KIND_SYN && slot->copy_offered) {
        slot->copy_offered = false;
        slot->no_more = true;
        slot->sends--;
    } else if (kind == SYN_KIND_SYN) {
        slot->state = SLOT_FAILED;
    }
    syn->send_errors++;
    target->send_errors++;
    target->error = error;
    refusal_count(&syn->refusal, error);
}

/* Of a batch that was refused as a whole, the first packet sets the pause. */
static bool syn_pause(struct syn *syn, int64_t now_ns)
{
    syn->no_room++;
    if (now_ns < syn->paused_until_ns)
        return true;
    int64_t pause_ns = refusal_pause(&syn->refusal, now_ns, syn->config.timeout_ns);
    if (pause_ns < 0)
        return false;
    syn->paused_until_ns = time_add(now_ns, pause_ns);
    if (syn->next_send_ns < syn->paused_until_ns)
        syn->next_send_ns = syn->paused_until_ns;
    return true;
}

static void syn_again(struct syn *syn, struct syn_slot *slot, enum syn_kind kind, uint32_t id,
                      int error, int64_t now_ns)
{
    if (!syn_pause(syn, now_ns)) {
        syn_failed(syn, slot, kind, error);
        return;
    }
    if (kind == SYN_KIND_SYN && slot->copy_offered) {
        slot->copy_offered = false;
        slot->sends--;
    }
    if (syn_queue_push(&syn->again, id, INT64_MIN) < 0)
        syn->broken = true;
}

/* Whether the packet's fate is not known yet: it may have been seen to leave, or answered. */
static bool syn_is_offered(const struct syn_slot *slot, enum syn_kind kind)
{
    if (kind == SYN_KIND_ECHO)
        return slot->echo == ECHO_OFFERED;
    if (kind == SYN_KIND_SYN)
        return slot->state == SLOT_OFFERED || slot->copy_offered;
    return true;
}

static void syn_left(struct syn *syn, struct syn_slot *slot, enum syn_kind kind, int64_t now_ns)
{
    if (kind == SYN_KIND_ECHO) {
        if (!slot->echo_stamped)
            slot->echo_ns = now_ns;
        syn_echo_left(syn, slot);
    } else if (kind == SYN_KIND_SYN && slot->copy_offered) {
        slot->copy_offered = false;
        if (!(slot->stamped & 1u << (slot->sends - 1)))
            slot->latest_ns = now_ns;
        syn_target_of(syn, slot)->repeats_sent++;
        syn->repeats_sent++;
    } else if (kind == SYN_KIND_SYN) {
        if (!slot->stamped)
            slot->first_ns = slot->latest_ns = slot->wait_ns = now_ns;
        syn_slot_left(syn, slot);
    }
}

void syn_sent(struct syn *syn, uint32_t id, int error, int64_t now_ns)
{
    struct syn_slot *slot = syn_slot_get(syn, id & SYN_ID_MASK);
    enum syn_kind kind = id >> SYN_ID_BITS;

    if (!slot || kind > SYN_KIND_ECHO || !syn_is_offered(slot, kind))
        return;
    if (refusal_passes(error)) {
        syn_again(syn, slot, kind, id, -error, now_ns);
        return;
    }
    refusal_over(&syn->refusal);
    if (error)
        syn_failed(syn, slot, kind, -error);
    else
        syn_left(syn, slot, kind, now_ns);
}

void syn_shift(struct syn *syn, int64_t paused_ns)
{
    if (paused_ns <= 0)
        return;
    for (uint32_t i = 0; i < syn->ring_size; i++)
        syn->ring[i].wait_ns = time_add(syn->ring[i].wait_ns, paused_ns);
    syn->round_ns = time_add(syn->round_ns, paused_ns);
    syn_queue_shift(&syn->resets, paused_ns);
}

void syn_stop(struct syn *syn)
{
    if (!syn->done)
        syn->stopped = true;
}
