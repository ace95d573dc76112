/* Multipath: the flows that mda wants, as probes, and what it found, as paths and links. */
#include <errno.h>
#include <stdlib.h>

#include "engine/trace_internal.h"

int trace_multipath_start(struct trace *trace)
{
    const struct trace_config *config = &trace->config;
    uint8_t target = trace->length;

    if (trace->length_kind == LENGTH_UNKNOWN)
        target = trace->highest_ttl > config->first_ttl ? trace->highest_ttl : config->first_ttl;
    return mda_new(config->first_ttl, config->max_ttl, target, config->multipath_percent,
                   &trace->mda);
}

/* Gives up what is overdue; *wake_ns is when the next one will be. */
static void multipath_expire(struct trace *trace, int64_t now_ns, int64_t *wake_ns)
{
    int64_t patience_ns = trace_wait_patience(trace);

    for (uint32_t id = trace->oldest_id; id != trace->next_id; id++) {
        struct trace_slot *slot = trace_slot_get(trace, id);
        if (!slot || slot->purpose != TRACE_FOR_MULTIPATH || slot->state != SLOT_FLIGHT ||
            slot->given_up)
            continue;
        int64_t due_ns = time_add(slot->wait_ns, patience_ns);
        if (now_ns >= due_ns)
            trace_slot_give_up(trace, slot);
        else if (due_ns < *wake_ns)
            *wake_ns = due_ns;
    }
}

bool trace_multipath_next(struct trace *trace, int64_t now_ns, struct trace_slot **slot,
                          int64_t *wake_ns)
{
    uint32_t flow;
    uint8_t ttl;

    multipath_expire(trace, now_ns, wake_ns);
    if (!mda_next(trace->mda, &flow, &ttl))
        return false;
    *slot = trace_slot_new(trace, TRACE_FOR_MULTIPATH, ttl, flow, now_ns);
    if (!*slot)
        trace->broken = true;
    return *slot != NULL;
}

bool trace_multipath_done(const struct trace *trace)
{
    return trace->mda && mda_done(trace->mda);
}

void trace_multipath_answer(struct trace *trace, const struct trace_slot *slot,
                            const struct trace_answer *answer)
{
    if (mda_answered(trace->mda, slot->flow, slot->ttl, &answer->responder, answer->is_target) < 0)
        trace->broken = true;
}

static int multipath_path(const struct trace *trace, uint32_t flow, struct trace_path *path)
{
    const struct trace_config *config = &trace->config;
    size_t count = (size_t)(config->max_ttl - config->first_ttl) + 1;

    *path = (struct trace_path){.flow = flow};
    if (config->protocol != PROBE_ICMP) {
        path->source_port = trace_flow_source_port(trace, flow);
        path->destination_port = trace->destination_port;
    }
    path->hops = calloc(count, sizeof(*path->hops));
    if (!path->hops)
        return -ENOMEM;
    for (size_t i = 0; i < count && !path->reached; i++) {
        const struct address *hop =
            mda_hop(trace->mda, flow, (uint8_t)(config->first_ttl + i), &path->reached);
        if (!hop)
            continue;
        path->hops[i] = *hop;
        path->nhops = i + 1;
    }
    return 0;
}

static int multipath_link(struct trace_result *result, size_t *capacity,
                          const struct trace_link *link)
{
    for (size_t i = 0; i < result->nlinks; i++) {
        struct trace_link *old = &result->links[i];
        if (old->ttl == link->ttl && address_equal(&old->from, &link->from) &&
            address_equal(&old->to, &link->to)) {
            old->flows++;
            return 0;
        }
    }
    if (result->nlinks == *capacity) {
        *capacity = *capacity ? 2 * *capacity : 32;
        struct trace_link *grown = realloc(result->links, *capacity * sizeof(*grown));
        if (!grown)
            return -ENOMEM;
        result->links = grown;
    }
    result->links[result->nlinks++] = *link;
    return 0;
}

/* All flows that were asked met this one router there, so those that were not asked pass it too. */
static struct address multipath_only_hop(const struct trace_result *result, size_t index)
{
    struct address only = {0};

    for (size_t p = 0; p < result->npaths; p++) {
        const struct trace_path *path = &result->paths[p];
        if (index >= path->nhops || !path->hops[index].family)
            continue;
        if (only.family && !address_equal(&only, &path->hops[index]))
            return (struct address){0};
        only = path->hops[index];
    }
    return only;
}

static int multipath_order(const void *a, const void *b)
{
    const struct trace_link *x = a, *y = b;
    int from = address_compare(&x->from, &y->from);

    if (x->ttl != y->ttl)
        return x->ttl < y->ttl ? -1 : 1;
    return from ? from : address_compare(&x->to, &y->to);
}

static int multipath_links(struct trace_result *result)
{
    size_t capacity = 0;

    for (size_t p = 0; p < result->npaths; p++) {
        const struct trace_path *path = &result->paths[p];
        for (size_t i = 0; i + 1 < path->nhops; i++) {
            struct trace_link link = {.ttl = (uint8_t)(result->config.first_ttl + i),
                                      .from = path->hops[i],
                                      .to = path->hops[i + 1],
                                      .flows = 1};
            if (!link.from.family)
                link.from = multipath_only_hop(result, i);
            if (!link.from.family || !link.to.family)
                continue;
            int err = multipath_link(result, &capacity, &link);
            if (err)
                return err;
        }
    }
    if (result->nlinks)
        qsort(result->links, result->nlinks, sizeof(*result->links), multipath_order);
    return 0;
}

int trace_multipath_result(const struct trace *trace, struct trace_result *result)
{
    size_t count = trace->mda ? mda_flows(trace->mda) : 0;

    if (count == 0)
        return 0;
    result->paths = calloc(count, sizeof(*result->paths));
    if (!result->paths)
        return -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        int err = multipath_path(trace, (uint32_t)i, &result->paths[i]);
        if (err)
            return err;
        result->npaths = i + 1;
    }
    return multipath_links(result);
}
