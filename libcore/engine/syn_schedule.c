/* The schedule: what is sent when, and how long it is waited for. */
#include <math.h>

#include "engine/syn_internal.h"

#define PACE_SLACK_NS (1 * NS_PER_MS) /* that a late caller may make up for */

/* How long an echo reply is waited for once the SYN was answered: multiples of that RTT. */
#define ECHO_PATIENCE        4
#define ECHO_PATIENCE_MIN_NS (100 * NS_PER_MS)

static int64_t schedule_echo_patience(const struct syn *syn, const struct syn_slot *slot)
{
    int64_t patience_ns = ECHO_PATIENCE * (slot->answered_ns - slot->first_ns);

    if (patience_ns < ECHO_PATIENCE_MIN_NS)
        patience_ns = ECHO_PATIENCE_MIN_NS;
    return patience_ns > syn->config.timeout_ns ? syn->config.timeout_ns : patience_ns;
}

/* Whether anything of the probe is still waited for, and until when. */
bool syn_slot_waits(const struct syn *syn, const struct syn_slot *slot, int64_t now_ns,
                    int64_t *until_ns)
{
    bool echo = slot->echo == ECHO_OFFERED || slot->echo == ECHO_FLIGHT;

    if (slot->state == SLOT_OFFERED)
        *until_ns = TIME_NEVER;
    else if (slot->state == SLOT_FLIGHT)
        *until_ns = time_add(slot->wait_ns, syn->config.timeout_ns);
    else if (slot->state == SLOT_ANSWERED && echo)
        *until_ns = time_add(slot->wait_ns, schedule_echo_patience(syn, slot));
    else
        return false;
    return now_ns < *until_ns;
}

static void schedule_slot_settle(struct syn *syn, struct syn_slot *slot)
{
    struct syn_target_state *target = syn_target_of(syn, slot);

    if (slot->state == SLOT_FLIGHT) {
        slot->state = SLOT_GIVEN_UP;
        syn_count_given_up(syn, slot);
    }
    if (slot->echo == ECHO_FLIGHT) {
        slot->echo = ECHO_LOST;
        target->detail->reference_lost++;
    }
}

/* Moves the start of what is waited for past everything settled or past its deadline. */
static void schedule_expire(struct syn *syn, int64_t now_ns, int64_t *wake_ns)
{
    int64_t until_ns;

    while (syn->oldest_id != syn->next_id) {
        struct syn_slot *slot = syn_slot_get(syn, syn->oldest_id);
        if (slot && syn_slot_waits(syn, slot, now_ns, &until_ns)) {
            if (until_ns < *wake_ns)
                *wake_ns = until_ns;
            return;
        }
        if (slot)
            schedule_slot_settle(syn, slot);
        syn->oldest_id++;
    }
}

struct schedule_offer {
    struct syn_slot *slot;
    enum syn_kind kind;
};

/* What the kernel had no room for. */
static bool schedule_again(struct syn *syn, int64_t now_ns, struct schedule_offer *offer)
{
    int64_t ignored = TIME_NEVER;
    uint32_t handle;

    while (syn_queue_pop(&syn->again, now_ns, &handle, &ignored)) {
        struct syn_slot *slot = syn_slot_get(syn, handle & SYN_ID_MASK);
        *offer = (struct schedule_offer){slot, handle >> SYN_ID_BITS};
        if (!slot || (offer->kind == SYN_KIND_RESET && slot->reset_seen))
            continue;
        if (offer->kind == SYN_KIND_SYN && slot->state != SLOT_OFFERED &&
            slot->state != SLOT_FLIGHT)
            continue; /* it had left all the same */
        return true;
    }
    return false;
}

/* The next SYN to be sent for the `copy`-th time (from 0). */
static struct syn_slot *schedule_copy(struct syn *syn, unsigned copy, int64_t now_ns,
                                      int64_t *wake_ns)
{
    uint32_t *id = &syn->repeat_id[copy];

    for (; *id != syn->next_id; ++*id) {
        struct syn_slot *slot = syn_slot_get(syn, *id);
        if (slot && slot->state == SLOT_OFFERED)
            return NULL;
        if (!slot || slot->state != SLOT_FLIGHT || slot->no_more || slot->sends > copy)
            continue;
        int64_t due_ns = time_add(slot->wait_ns, syn_repeat_ns(syn, copy));
        if (slot->sends == copy && now_ns >= due_ns) {
            ++*id;
            return slot;
        }
        if (due_ns < *wake_ns && due_ns > now_ns)
            *wake_ns = due_ns;
        return NULL;
    }
    return NULL;
}

static bool schedule_repeat(struct syn *syn, int64_t now_ns, int64_t *wake_ns,
                            struct schedule_offer *offer)
{
    for (unsigned copy = 1; copy <= syn->repeats; copy++) {
        if ((int32_t)(syn->oldest_id - syn->repeat_id[copy]) > 0)
            syn->repeat_id[copy] = syn->oldest_id;
        struct syn_slot *slot = schedule_copy(syn, copy, now_ns, wake_ns);
        if (slot) {
            *offer = (struct schedule_offer){slot, SYN_KIND_SYN};
            return true;
        }
    }
    return false;
}

static bool schedule_reset(struct syn *syn, int64_t now_ns, int64_t *wake_ns,
                           struct schedule_offer *offer)
{
    uint32_t handle;

    while (syn_queue_pop(&syn->resets, now_ns, &handle, wake_ns)) {
        struct syn_slot *slot = syn_slot_get(syn, handle & SYN_ID_MASK);
        if (!slot || slot->reset_seen)
            continue;
        *offer = (struct schedule_offer){slot, SYN_KIND_RESET};
        return true;
    }
    return false;
}

static bool schedule_echo(struct syn *syn, struct schedule_offer *offer)
{
    if (!syn->echo_due)
        return false;
    syn->echo_due = false;
    *offer = (struct schedule_offer){syn_slot_get(syn, syn->echo_id), SYN_KIND_ECHO};
    return offer->slot && offer->slot->state != SLOT_FAILED;
}

static bool schedule_more_rounds(const struct syn *syn)
{
    return syn->config.count == 0 || syn->rounds < syn->config.count;
}

static bool schedule_round_sent(const struct syn *syn)
{
    return syn->rounds > 0 && syn->position == syn->ntargets;
}

/* A little late, the next round keeps to the grid; much too late, it begins a new one. */
static bool schedule_round_begin(struct syn *syn, int64_t now_ns, int64_t *wake_ns)
{
    int64_t start_ns = syn->round_ns;

    if (!schedule_more_rounds(syn))
        return false;
    if (syn->rounds > 0)
        start_ns = time_add(start_ns, syn->config.interval_ns);
    if (now_ns < start_ns) {
        if (start_ns < *wake_ns)
            *wake_ns = start_ns;
        return false;
    }
    syn->round_ns = now_ns - start_ns > syn->config.interval_ns / 8 ? now_ns : start_ns;
    syn->rounds++;
    syn->position = 0;
    return true;
}

/* The targets' probes are spread over the interval; a single round goes as fast as it may. */
static int64_t schedule_position_due(const struct syn *syn)
{
    double share = (double)syn->position / (double)syn->ntargets;

    if (syn->config.count == 1)
        return syn->round_ns;
    return time_add(syn->round_ns, (int64_t)(share * (double)syn->config.interval_ns));
}

static bool schedule_probe(struct syn *syn, int64_t now_ns, int64_t *wake_ns,
                           struct schedule_offer *offer)
{
    if ((syn->rounds == 0 || schedule_round_sent(syn)) &&
        !schedule_round_begin(syn, now_ns, wake_ns))
        return false;
    int64_t due_ns = schedule_position_due(syn);
    if (now_ns < due_ns) {
        if (due_ns < *wake_ns)
            *wake_ns = due_ns;
        return false;
    }
    if (!syn_slot_room(syn, wake_ns))
        return false;
    *offer =
        (struct schedule_offer){syn_slot_new(syn, syn->order[syn->position], now_ns), SYN_KIND_SYN};
    if (!offer->slot) {
        syn->broken = true;
        return false;
    }
    syn->position++;
    syn->echo_due = syn->config.reference;
    syn->echo_id = offer->slot->id;
    return true;
}

/* Nothing could be sent at all: further rounds would fail alike. */
static bool schedule_hopeless(const struct syn *syn)
{
    return syn->sent == 0 && syn->send_errors > 0 && schedule_round_sent(syn) &&
           syn->oldest_id == syn->next_id;
}

static bool schedule_finished(const struct syn *syn)
{
    if (syn->broken || schedule_hopeless(syn))
        return true;
    return schedule_round_sent(syn) && !schedule_more_rounds(syn) &&
           syn->oldest_id == syn->next_id && syn->again.count == 0 && syn->resets.count == 0 &&
           !syn->echo_due;
}

static void schedule_pace(struct syn *syn, int64_t now_ns)
{
    if (!(syn->gap_ns > 0))
        return;
    if (syn->next_send_ns < now_ns - PACE_SLACK_NS)
        syn->next_send_ns = now_ns - PACE_SLACK_NS;
    double gap_ns = syn->gap_ns + syn->gap_rest_ns;
    double whole_ns = fmin(floor(gap_ns), (double)(TIME_NEVER / 2));
    syn->gap_rest_ns = gap_ns - whole_ns;
    syn->next_send_ns = time_add(syn->next_send_ns, (int64_t)whole_ns);
}

static enum syn_step schedule_hand_out(struct syn *syn, const struct schedule_offer *offer,
                                       int64_t now_ns, struct probe *probe, uint32_t *id)
{
    struct syn_slot *slot = offer->slot;

    if (offer->kind == SYN_KIND_ECHO) {
        slot->echo = ECHO_OFFERED;
        slot->echo_ns = now_ns;
    } else if (offer->kind == SYN_KIND_SYN && slot->state == SLOT_OFFERED) {
        slot->first_ns = slot->latest_ns = slot->wait_ns = now_ns;
    } else if (offer->kind == SYN_KIND_SYN) {
        slot->sends++;
        slot->latest_ns = now_ns;
        slot->copy_offered = true;
    }
    schedule_pace(syn, now_ns);
    syn_probe_fill(syn, slot, offer->kind, probe);
    *id = (uint32_t)offer->kind << SYN_ID_BITS | slot->id;
    return SYN_SEND;
}

enum syn_step syn_next(struct syn *syn, int64_t now_ns, struct probe *probe, uint32_t *id,
                       int64_t *wake_ns)
{
    struct schedule_offer offer;

    *wake_ns = TIME_NEVER;
    if (syn->stopped || syn->done)
        return SYN_DONE;
    schedule_expire(syn, now_ns, wake_ns);
    if (now_ns < syn->next_send_ns) {
        *wake_ns = syn->next_send_ns;
        return SYN_WAIT;
    }
    if (schedule_again(syn, now_ns, &offer) || schedule_echo(syn, &offer) ||
        schedule_repeat(syn, now_ns, wake_ns, &offer) ||
        schedule_reset(syn, now_ns, wake_ns, &offer) ||
        schedule_probe(syn, now_ns, wake_ns, &offer))
        return schedule_hand_out(syn, &offer, now_ns, probe, id);
    syn->done = schedule_finished(syn);
    return syn->done ? SYN_DONE : SYN_WAIT;
}
