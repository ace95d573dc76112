/*
 * What was sent: a log of the latest segments of all flows, each linked to the one before it of
 * its side, so that remembering one costs half a cache line in sequence and nothing has to be
 * freed. A record that was overwritten shows by its number or its owner. Beside it a shorter log
 * of retransmissions, and lists of intervals for what is missing or SACKed.
 */
#include <errno.h>
#include <stdlib.h>

#include "engine/flow_internal.h"

#define RESENT_SHARE 16 /* segments for each retransmission remembered */
#define RESENT_MIN   64

static uint32_t flow_ranges_ring(uint32_t wanted)
{
    uint32_t size = 1;

    while (size < wanted)
        size *= 2;
    return size;
}

int flow_ranges_init(struct flows *flows)
{
    uint32_t size = flow_ranges_ring(flows->config.max_ranges);
    uint32_t resent = size / RESENT_SHARE > RESENT_MIN ? size / RESENT_SHARE : RESENT_MIN;

    flows->sent_mask = size - 1;
    flows->resent_mask = resent - 1;
    flows->sent = calloc(size, sizeof(*flows->sent));
    flows->resent = calloc(resent, sizeof(*flows->resent));
    flow_pool_init(&flows->troubles, sizeof(struct flow_trouble), 2 * flows->config.max_flows);
    flow_pool_init(&flows->intervals, sizeof(struct flow_interval), flows->config.max_ranges);
    return flows->sent && flows->resent ? 0 : -ENOMEM;
}

void flow_ranges_release(struct flows *flows)
{
    free(flows->sent);
    free(flows->resent);
    flow_pool_release(&flows->troubles);
    flow_pool_release(&flows->intervals);
}

const struct flow_sent *flow_ranges_sent(const struct flows *flows, uint32_t id, uint32_t owner)
{
    const struct flow_sent *sent = &flows->sent[id & flows->sent_mask];

    if (id == 0 || flows->sent_head - id > flows->sent_mask || sent->owner != owner)
        return NULL;
    return sent;
}

struct flow_resent *flow_ranges_resent(const struct flows *flows, uint32_t id, uint32_t owner)
{
    struct flow_resent *resent = &flows->resent[id & flows->resent_mask];

    if (id == 0 || flows->resent_head - id > flows->resent_mask || resent->owner != owner)
        return NULL;
    return resent;
}

void flow_ranges_add_resent(struct flow_step *step, struct flow_trouble *trouble, uint32_t seq,
                            uint32_t end, const struct flow_retransmission *facts)
{
    struct flows *flows = step->flows;
    uint32_t id = flow_ranges_number(&flows->resent_head);

    flows->resent[id & flows->resent_mask] = (struct flow_resent){
        .frame = step->s->frame,
        .when_ns = step->s->when_ns,
        .seq = seq,
        .end = end,
        .tsval = step_has_timestamps(step) ? step->s->tsval : 0,
        .previous = trouble->resent,
        .owner = flow_owner(step->flow, step->me),
        .trigger = (uint8_t)facts->trigger,
        .backoff = facts->backoff,
        .segments = (uint8_t)(step->segments > UINT8_MAX ? UINT8_MAX : step->segments),
        .flags = step_has_timestamps(step) ? SENT_TIMESTAMPS : 0,
    };
    trouble->resent = id;
}

static struct flow_interval *flow_intervals_at(const struct flows *flows, uint32_t id)
{
    return id ? flow_pool_at(&flows->intervals, id) : NULL;
}

struct flow_interval *flow_intervals_first(const struct flows *flows, uint32_t list)
{
    return flow_intervals_at(flows, list);
}

/* Takes in what follows *interval and touches it. */
static void flow_intervals_merge(struct flows *flows, struct flow_interval *interval,
                                 uint8_t *count)
{
    struct flow_interval *next;

    while ((next = flow_intervals_at(flows, interval->next)) &&
           !seq_after(next->left, interval->right)) {
        uint32_t id = interval->next;
        interval->right = seq_max(interval->right, next->right);
        interval->next = next->next;
        flow_pool_put(&flows->intervals, id);
        --*count;
    }
}

void flow_intervals_add(struct flows *flows, uint32_t *list, uint8_t *count,
                        const struct flow_interval *interval)
{
    struct flow_interval *at;

    while ((at = flow_intervals_at(flows, *list)) && seq_before(at->right, interval->left))
        list = &at->next;
    if (at && !seq_after(at->left, interval->right)) {
        at->left = seq_min(at->left, interval->left);
        at->right = seq_max(at->right, interval->right);
        flow_intervals_merge(flows, at, count);
        return;
    }
    uint32_t id = *count < INTERVALS_MAX ? flow_pool_get(&flows->intervals) : 0;
    if (!id) {
        flows->summary.no_memory++;
        return;
    }
    struct flow_interval *added = flow_intervals_at(flows, id);
    *added = *interval;
    added->next = *list;
    *list = id;
    ++*count;
}

/* [left, right) lies within *at and touches neither end: what is above becomes another. */
static void flow_intervals_split(struct flows *flows, struct flow_interval *at, uint8_t *count,
                                 uint32_t left, uint32_t right)
{
    uint32_t id = *count < INTERVALS_MAX ? flow_pool_get(&flows->intervals) : 0;

    if (id) {
        struct flow_interval *above = flow_intervals_at(flows, id);
        *above = *at;
        above->left = right;
        at->next = id;
        ++*count;
    } else {
        flows->summary.no_memory++;
    }
    at->right = left;
}

bool flow_intervals_cut(struct flows *flows, uint32_t *list, uint8_t *count, uint32_t left,
                        uint32_t right, struct flow_interval *found)
{
    struct flow_interval *at;

    while ((at = flow_intervals_at(flows, *list)) && !seq_after(at->right, left))
        list = &at->next;
    if (!at || !seq_before(at->left, right))
        return false;
    *found = *at;
    found->left = seq_max(at->left, left);
    found->right = seq_min(at->right, right);
    if (found->left == at->left && found->right == at->right) {
        uint32_t id = *list;
        *list = at->next;
        flow_pool_put(&flows->intervals, id);
        --*count;
    } else if (found->left == at->left) {
        at->left = found->right;
    } else if (found->right == at->right) {
        at->right = found->left;
    } else {
        flow_intervals_split(flows, at, count, found->left, found->right);
    }
    return true;
}

bool flow_intervals_have(const struct flows *flows, uint32_t list, uint32_t left, uint32_t right)
{
    const struct flow_interval *at = flow_intervals_at(flows, list);

    while (at && !seq_after(at->right, left))
        at = flow_intervals_at(flows, at->next);
    return at && seq_before(at->left, right);
}

void flow_intervals_clear(struct flows *flows, uint32_t *list, uint8_t *count)
{
    while (*list) {
        uint32_t id = *list;
        *list = flow_intervals_at(flows, id)->next;
        flow_pool_put(&flows->intervals, id);
    }
    *count = 0;
}

struct flow_trouble *flow_trouble_get(struct flows *flows, struct flow *flow, unsigned half)
{
    struct flow_trouble *trouble = flow_trouble(flows, flow, half);

    if (trouble)
        return trouble;
    uint32_t id = flow_pool_get(&flows->troubles);
    if (!id) {
        flows->summary.no_memory++;
        return NULL;
    }
    flow->trouble[half] = id;
    trouble = flow_pool_at(&flows->troubles, id);
    *trouble = (struct flow_trouble){0};
    return trouble;
}

void flow_trouble_release(struct flows *flows, struct flow *flow, unsigned half)
{
    struct flow_trouble *trouble = flow_trouble(flows, flow, half);

    if (!trouble)
        return;
    flow_intervals_clear(flows, &trouble->holes, &trouble->nholes);
    flow_intervals_clear(flows, &trouble->sacked, &trouble->nsacked);
    flow_pool_put(&flows->troubles, flow->trouble[half]);
    flow->trouble[half] = 0;
}
