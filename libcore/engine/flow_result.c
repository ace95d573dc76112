/* Flows leaving, and what is left of them: summary, hosts, the flows that come first. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "engine/flow_internal.h"

enum flow_end flow_close_reason(const struct flow *flow, enum flow_end otherwise)
{
    uint8_t flags = flow->flags[0] | flow->flags[1];

    if (flow->state == FLOW_STATE_CLOSED)
        return flow->flags[0] & flow->flags[1] & HALF_FIN ? FLOW_END_FIN : FLOW_END_RESET;
    if (flow->state == FLOW_STATE_SYN && otherwise != FLOW_END_REUSED)
        return FLOW_END_SYN;
    if (flags & HALF_FIN)
        return FLOW_END_HALF_FIN;
    return otherwise;
}

/* A window that is still closed when the flow leaves. */
static void flow_close_zero(const struct flows *flows, const struct flow *flow, unsigned half,
                            const struct flow_facts *facts)
{
    const struct flow_trouble *trouble = flow_trouble(flows, flow, half);

    if (!(flow->flags[half] & HALF_ZERO) || !trouble)
        return;
    flow_event_emit(flows, &(struct flow_event){
                               .kind = FLOW_EVENT_ZERO_WINDOW,
                               .when_ns = facts->last_ns,
                               .frame = trouble->zero_frame,
                               .flow_id = facts->flow_id,
                               .key = facts->key,
                               .sender = flow_side_of(flow, half),
                               .seq = flow->half[half].next,
                               .length_ns = since_ns(facts->last_ns, trouble->zero_ns),
                           });
}

static void flow_close_tell(struct flows *flows, const struct flow *flow,
                            const struct flow_facts *facts)
{
    if (flows->config.event) {
        for (unsigned half = 0; half < 2; half++)
            flow_close_zero(flows, flow, half, facts);
        flow_event_emit(flows, &(struct flow_event){
                                   .kind = FLOW_EVENT_END,
                                   .when_ns = facts->last_ns,
                                   .flow_id = facts->flow_id,
                                   .key = facts->key,
                                   .facts = facts,
                               });
    }
    flows->summary.ends[facts->end]++;
    flows->summary.forged_resets += facts->has_reset && facts->reset.forged;
    flow_findings_sum(flows->sums, facts);
    if (flow_hosts_fold(&flows->hosts, facts) < 0)
        flows->summary.no_memory++;
    flow_top_add(&flows->top, flows->config.sort, facts);
}

static void flow_close_facts(struct flows *flows, const struct flow *flow, enum flow_end end)
{
    struct flow_facts facts;

    flow_facts_fill(flows, flow, end, &facts);
    flow_close_tell(flows, flow, &facts);
}

void flow_close(struct flows *flows, struct flow *flow, enum flow_end end)
{
    flow_close_facts(flows, flow, end);
    if (flows->current == flow->self)
        flows->current = 0;
    flow_trouble_release(flows, flow, 0);
    flow_trouble_release(flows, flow, 1);
    flow_queue_drop(flows, flow);
    flow_table_remove(flows, flow);
}

void flows_finish(struct flows *flows)
{
    if (flows->finished)
        return;
    flows->finished = true;
    for (uint32_t id = 1; id <= flows->pool.used; id++) {
        struct flow *flow = flow_at(flows, id);
        if (!flow->family)
            continue;
        flow_close_facts(flows, flow, flow_close_reason(flow, FLOW_END_OPEN));
        flow_trouble_release(flows, flow, 0);
        flow_trouble_release(flows, flow, 1);
        flow->family = 0;
    }
    flows->current = 0;
    flow_table_clear(flows);
    flow_queue_init(flows);
}

bool flows_facts(const struct flows *flows, uint64_t flow_id, struct flow_facts *facts)
{
    uint32_t id = flows->current;

    if (!id || flow_cold(flows, flow_at(flows, id))->id != flow_id)
        for (id = 1; id <= flows->pool.used; id++)
            if (flow_at(flows, id)->family && flow_cold(flows, flow_at(flows, id))->id == flow_id)
                break;
    if (id > flows->pool.used)
        return false;
    flow_facts_fill(flows, flow_at(flows, id), flow_close_reason(flow_at(flows, id), FLOW_END_OPEN),
                    facts);
    return true;
}

void flows_summary(const struct flows *flows, struct flows_summary *summary)
{
    *summary = flows->summary;
    summary->flows_open = flows->table_count;
    struct flow_counts *counts = &summary->counts;
    counts->bytes = counts->unique_bytes + counts->retransmitted_bytes;
    counts->bytes -=
        counts->capture_gap_bytes < counts->bytes ? counts->capture_gap_bytes : counts->bytes;
}

/* --- snapshot ----------------------------------------------------------------------------------
 */

struct result_work {
    struct flow_hosts hosts;
    struct flow_top top;
    struct flow_finding_sum sums[FLOW_FINDINGS];
};

static int flow_result_begin(const struct flows *flows, struct result_work *work)
{
    *work = (struct result_work){0};
    memcpy(work->sums, flows->sums, sizeof(work->sums));
    if (flow_top_init(&work->top, flows->config.top) < 0)
        return -ENOMEM;
    work->top.count = flows->top.count;
    if (work->top.count > 0)
        memcpy(work->top.facts, flows->top.facts, work->top.count * sizeof(*work->top.facts));
    return flow_hosts_copy(&work->hosts, &flows->hosts);
}

static int flow_result_open(const struct flows *flows, struct result_work *work,
                            struct flows_summary *summary)
{
    for (uint32_t id = 1; id <= flows->pool.used; id++) {
        const struct flow *flow = flow_at(flows, id);
        struct flow_facts facts;

        if (!flow->family)
            continue;
        flow_facts_fill(flows, flow, FLOW_END_OPEN, &facts);
        summary->forged_resets += facts.has_reset && facts.reset.forged;
        flow_findings_sum(work->sums, &facts);
        flow_top_add(&work->top, flows->config.sort, &facts);
        if (flow_hosts_fold(&work->hosts, &facts) < 0)
            return -ENOMEM;
    }
    return 0;
}

/* Sorts the heap in place: the root, which is the least, goes behind the rest. */
static void flow_result_sort(struct flow_top *top, enum flow_sort sort)
{
    for (size_t i = 1; i < top->count; i++) {
        struct flow_facts facts = top->facts[i];
        size_t at = i;
        for (; at > 0 && flow_top_compare(&facts, &top->facts[at - 1], sort) > 0; at--)
            top->facts[at] = top->facts[at - 1];
        top->facts[at] = facts;
    }
}

static uint64_t flow_result_host_weight(const struct flow_host *host)
{
    uint64_t weight = host->counts.retransmissions + host->forged + host->unanswered;

    for (int phase = 0; phase < 8; phase++)
        weight += host->resets[phase];
    return weight;
}

static int flow_result_host_compare(const void *a, const void *b)
{
    const struct flow_host *x = a, *y = b;
    uint64_t wx = flow_result_host_weight(x), wy = flow_result_host_weight(y);

    if (wx != wy)
        return wx > wy ? -1 : 1;
    if (x->counts.bytes != y->counts.bytes)
        return x->counts.bytes > y->counts.bytes ? -1 : 1;
    return address_compare(&x->address, &y->address);
}

static int flow_result_hosts(const struct flow_hosts *hosts, size_t limit,
                             struct flows_result *result)
{
    if (hosts->count == 0)
        return 0;
    struct flow_host *list = calloc(hosts->count, sizeof(*list));
    if (!list)
        return -ENOMEM;
    size_t count = 0;
    for (size_t i = 0; i < hosts->size; i++)
        if (hosts->slots[i].address.family)
            list[count++] = hosts->slots[i];
    qsort(list, count, sizeof(*list), flow_result_host_compare);
    result->hosts = list;
    result->nhosts = count < limit ? count : limit;
    return 0;
}

int flows_result(const struct flows *flows, struct flows_result *result)
{
    struct result_work work;
    struct flows_result made = {0};
    int error = flow_result_begin(flows, &work);

    flows_summary(flows, &made.summary);
    if (!error)
        error = flow_result_open(flows, &work, &made.summary);
    if (!error)
        error = flow_result_hosts(&work.hosts, flows->config.top, &made);
    if (!error)
        error = flow_findings_list(&made.summary, &work.hosts, work.sums, &made);
    if (!error) {
        flow_result_sort(&work.top, flows->config.sort);
        made.flows = work.top.facts;
        made.nflows = work.top.count;
        work.top.facts = NULL;
        *result = made;
    } else {
        flows_result_release(&made);
    }
    flow_hosts_release(&work.hosts);
    flow_top_release(&work.top);
    return error;
}

void flows_result_release(struct flows_result *result)
{
    free(result->flows);
    free(result->hosts);
    free(result->findings);
    *result = (struct flows_result){0};
}

/* --- several engines ---------------------------------------------------------------------------
 */

static void flow_merge_summary(struct flows_summary *into, const struct flows_summary *from)
{
    if (from->packets > 0) {
        if (into->packets == 0 || since_ns(from->start_ns, into->start_ns) < 0)
            into->start_ns = from->start_ns;
        if (into->packets == 0 || since_ns(from->last_ns, into->last_ns) > 0)
            into->last_ns = from->last_ns;
    }
    into->packets += from->packets;
    into->bytes += from->bytes;
    into->fragments += from->fragments;
    into->other += from->other;
    into->truncated += from->truncated;
    into->bad += from->bad;
    into->flows += from->flows;
    for (size_t i = 0; i < sizeof(into->ends) / sizeof(into->ends[0]); i++)
        into->ends[i] += from->ends[i];
    into->evicted += from->evicted;
    into->no_memory += from->no_memory;
    into->time_steps += from->time_steps;
    into->ranges_forgotten += from->ranges_forgotten;
    into->forged_resets += from->forged_resets;
    into->isn_reuses += from->isn_reuses;
    flow_counts_add(&into->counts, &from->counts);
}

int flows_merge(struct flows *into, const struct flows *from)
{
    uint64_t ids = into->summary.flows; /* theirs are numbered on from ours */

    if (flow_hosts_merge(&into->hosts, &from->hosts) < 0)
        return -ENOMEM;
    flow_merge_summary(&into->summary, &from->summary);
    for (size_t i = 0; i < from->top.count; i++) {
        struct flow_facts facts = from->top.facts[i];
        facts.flow_id += ids;
        flow_top_add(&into->top, into->config.sort, &facts);
    }
    for (int kind = 0; kind < FLOW_FINDINGS; kind++) {
        struct flow_finding_sum *a = &into->sums[kind];
        const struct flow_finding_sum *b = &from->sums[kind];
        if (b->flows > 0 && (a->flows == 0 || b->worst_ns > a->worst_ns)) {
            a->worst_ns = b->worst_ns;
            a->example = b->example + ids;
        }
        a->flows += b->flows;
    }
    return 0;
}

size_t flows_memory(const struct flows *flows)
{
    return sizeof(*flows) + ((size_t)flows->table_mask + 1) * sizeof(*flows->table) +
           flows->pool.bytes + flows->colds.bytes + flows->troubles.bytes + flows->intervals.bytes +
           ((size_t)flows->sent_mask + 1) * sizeof(*flows->sent) +
           ((size_t)flows->resent_mask + 1) * sizeof(*flows->resent) +
           flows->hosts.size * sizeof(*flows->hosts.slots) +
           flows->top.limit * sizeof(*flows->top.facts);
}
