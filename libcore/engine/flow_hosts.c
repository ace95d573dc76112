/* Sums per address: who re-sends, who resets. Bounded; those without a finding make room first. */
#include <errno.h>
#include <stdlib.h>

#include "engine/flow_internal.h"

#define HOSTS_MIN 64
#define HOSTS_MAX 32768 /* slots */

void flow_hosts_release(struct flow_hosts *hosts)
{
    free(hosts->slots);
    *hosts = (struct flow_hosts){0};
}

static struct flow_host *flow_hosts_slot(struct flow_host *slots, size_t size,
                                         const struct address *address)
{
    size_t at = address_hash(address, 0) & (size - 1);

    while (slots[at].address.family && !address_equal(&slots[at].address, address))
        at = (at + 1) & (size - 1);
    return &slots[at];
}

static void flow_hosts_sum(struct flow_host *sum, const struct flow_host *host)
{
    sum->flows += host->flows;
    sum->unanswered += host->unanswered;
    sum->forged += host->forged;
    sum->unheard += host->unheard;
    for (int phase = 0; phase < 8; phase++)
        sum->resets[phase] += host->resets[phase];
    flow_counts_add(&sum->counts, &host->counts);
}

static bool flow_hosts_is_plain(const struct flow_host *host)
{
    uint64_t resets = host->forged + host->unanswered;

    for (int phase = 0; phase < 8; phase++)
        resets += host->resets[phase];
    return resets == 0 && host->counts.retransmissions == 0 && host->counts.zero_windows == 0;
}

/* Into a table of another size, or without those of whom there is nothing to say. */
static int flow_hosts_rebuild(struct flow_hosts *hosts, size_t size, bool drop)
{
    struct flow_host *slots = calloc(size, sizeof(*slots));

    if (!slots)
        return -ENOMEM;
    size_t count = 0;
    for (size_t i = 0; i < hosts->size; i++) {
        const struct flow_host *host = &hosts->slots[i];
        if (!host->address.family)
            continue;
        if (drop && flow_hosts_is_plain(host)) {
            flow_hosts_sum(&hosts->rest, host);
            continue;
        }
        *flow_hosts_slot(slots, size, &host->address) = *host;
        count++;
    }
    free(hosts->slots);
    hosts->slots = slots;
    hosts->size = size;
    hosts->count = count;
    return 0;
}

static int flow_hosts_make_room(struct flow_hosts *hosts)
{
    if (hosts->count + 1 < hosts->size / 4 * 3)
        return 0;
    if (hosts->size == HOSTS_MAX && hosts->count < HOSTS_MAX - 1) {
        int err = flow_hosts_rebuild(hosts, HOSTS_MAX, true);
        /* Nearly all have something to be said of: never again, each look costs all of them. */
        if (!err && hosts->count >= HOSTS_MAX / 2)
            hosts->count = HOSTS_MAX - 1;
        return err;
    }
    if (hosts->size == HOSTS_MAX)
        return 0;
    return flow_hosts_rebuild(hosts, hosts->size ? hosts->size * 2 : HOSTS_MIN, false);
}

/* NULL without memory; the common rest when the table is full. */
static struct flow_host *flow_hosts_get(struct flow_hosts *hosts, const struct address *address)
{
    if (hosts->size > 0) {
        struct flow_host *host = flow_hosts_slot(hosts->slots, hosts->size, address);
        if (host->address.family)
            return host;
    }
    if (flow_hosts_make_room(hosts) < 0)
        return NULL;
    if (hosts->count + 1 >= hosts->size / 4 * 3 && hosts->size == HOSTS_MAX)
        return &hosts->rest;
    struct flow_host *host = flow_hosts_slot(hosts->slots, hosts->size, address);
    host->address = *address;
    hosts->count++;
    return host;
}

int flow_hosts_fold(struct flow_hosts *hosts, const struct flow_facts *facts)
{
    for (int side = 0; side < 2; side++) {
        struct flow_host *host = flow_hosts_get(hosts, &facts->key.address[side]);
        if (!host)
            return -ENOMEM;
        host->flows++;
        flow_counts_add(&host->counts, &facts->side[side].counts);
        host->unheard += facts->side[side].unheard;
        if (side == FLOW_SERVER && facts->end == FLOW_END_SYN)
            host->unanswered++;
        if (!facts->has_reset || (int)facts->reset.by != side)
            continue;
        if (facts->reset.forged)
            host->forged++;
        else if (!(facts->findings & UINT32_C(1) << FLOW_FINDING_IDLE_DROP))
            host->resets[facts->reset.phase]++;
    }
    return 0;
}

int flow_hosts_copy(struct flow_hosts *to, const struct flow_hosts *from)
{
    *to = (struct flow_hosts){.rest = from->rest};
    return flow_hosts_merge(to, from);
}

int flow_hosts_merge(struct flow_hosts *into, const struct flow_hosts *from)
{
    for (size_t i = 0; i < from->size; i++) {
        if (!from->slots[i].address.family)
            continue;
        struct flow_host *host = flow_hosts_get(into, &from->slots[i].address);
        if (!host)
            return -ENOMEM;
        flow_hosts_sum(host, &from->slots[i]);
    }
    return 0;
}
