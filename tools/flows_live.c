#include "tools/flows_live.h"

#include <errno.h>
#include <math.h>
#include <stdlib.h>
#include <string.h>

/* All counts are uint64_t, but for the longest zero window. */
static void live_add_counts(struct flow_counts *sum, const struct flow_counts *other)
{
    int64_t longest =
        sum->zero_window_ns > other->zero_window_ns ? sum->zero_window_ns : other->zero_window_ns;
    uint64_t a[sizeof(*sum) / sizeof(uint64_t)], b[sizeof(*sum) / sizeof(uint64_t)];

    memcpy(a, sum, sizeof(a));
    memcpy(b, other, sizeof(b));
    for (size_t i = 0; i < sizeof(a) / sizeof(a[0]); i++)
        a[i] += b[i];
    memcpy(sum, a, sizeof(a));
    sum->zero_window_ns = longest;
}

_Static_assert(sizeof(struct flow_counts) % sizeof(uint64_t) == 0, "counts of one size");

void flows_live_add(struct flows_summary *sum, const struct flows_summary *other)
{
    bool first = sum->packets == 0;

    if (other->packets) {
        sum->start_ns = first || other->start_ns < sum->start_ns ? other->start_ns : sum->start_ns;
        sum->last_ns = first || other->last_ns > sum->last_ns ? other->last_ns : sum->last_ns;
    }
    sum->packets += other->packets;
    sum->bytes += other->bytes;
    sum->fragments += other->fragments;
    sum->other += other->other;
    sum->truncated += other->truncated;
    sum->bad += other->bad;
    sum->flows += other->flows;
    sum->flows_open += other->flows_open;
    sum->evicted += other->evicted;
    sum->no_memory += other->no_memory;
    sum->time_steps += other->time_steps;
    live_add_counts(&sum->counts, &other->counts);
}

/* --- the order of flows ----------------------------------------------------------------------- */

static double live_sum(const struct flow_facts *f, enum flow_sort sort)
{
    const struct flow_side_facts *a = &f->side[0], *b = &f->side[1];

    switch (sort) {
    case FLOW_SORT_WORST:
    case FLOW_SORT_RETRANSMISSIONS:
        return (double)(a->counts.retransmissions + b->counts.retransmissions);
    case FLOW_SORT_LOSS:
        return fmax(isnan(a->loss_pct) ? 0 : a->loss_pct, isnan(b->loss_pct) ? 0 : b->loss_pct);
    case FLOW_SORT_STALL:
        return f->stall.cause == FLOW_STALL_NONE ? 0 : (double)f->stall.length_ns;
    case FLOW_SORT_RTT:
        return (double)((a->rtt.samples ? a->rtt.min_ns : 0) +
                        (b->rtt.samples ? b->rtt.min_ns : 0));
    case FLOW_SORT_BYTES:
        return (double)(a->counts.bytes + b->counts.bytes);
    case FLOW_SORT_PACKETS:
        return (double)(a->counts.packets + b->counts.packets);
    case FLOW_SORT_START:
        return -(double)f->start_ns;
    }
    return 0;
}

static int live_compare(const void *a, const void *b, void *context)
{
    const struct flow_facts *x = a, *y = b;
    enum flow_sort sort = *(const enum flow_sort *)context;
    double u = live_sum(x, sort), v = live_sum(y, sort);

    if (sort == FLOW_SORT_WORST && x->severity != y->severity)
        return x->severity > y->severity ? -1 : 1;
    if (u != v && !isnan(u) && !isnan(v))
        return u > v ? -1 : 1;
    return (x->start_ns > y->start_ns) - (x->start_ns < y->start_ns);
}

/* --- findings --------------------------------------------------------------------------------- */

static struct flow_finding *live_find(struct flows_result *into, const struct flow_finding *f)
{
    for (size_t i = 0; i < into->nfindings; i++) {
        struct flow_finding *other = &into->findings[i];

        if (other->kind == f->kind && other->has_address == f->has_address &&
            (!f->has_address || address_equal(&other->address, &f->address)))
            return other;
    }
    return NULL;
}

static void live_add_finding(struct flows_result *into, const struct flow_finding *f)
{
    struct flow_finding *same = live_find(into, f);

    if (!same) {
        into->findings[into->nfindings++] = *f;
        return;
    }
    if (!isnan(f->share_pct) && !isnan(same->share_pct) && f->count + same->count)
        same->share_pct =
            (f->share_pct * (double)f->count + same->share_pct * (double)same->count) /
            (double)(f->count + same->count);
    same->flows += f->flows;
    same->count += f->count;
    if (f->severity > same->severity)
        same->severity = f->severity;
    if (f->worst_ns > same->worst_ns)
        same->worst_ns = f->worst_ns;
    if (f->lost != same->lost)
        same->lost = FLOW_LOST_UNKNOWN;
}

static int live_compare_findings(const void *a, const void *b)
{
    const struct flow_finding *x = a, *y = b;

    if (x->severity != y->severity)
        return x->severity > y->severity ? -1 : 1;
    return (x->count < y->count) - (x->count > y->count);
}

int flows_live_combine(struct flows_result *results, size_t count, enum flow_sort sort, size_t top,
                       struct flows_result *into)
{
    size_t nflows = 1, nfindings = 1;
    int err = 0;

    *into = (struct flows_result){0};
    for (size_t i = 0; i < count; i++) {
        nflows += results[i].nflows;
        nfindings += results[i].nfindings;
    }
    into->flows = calloc(nflows, sizeof(*into->flows));
    into->findings = calloc(nfindings, sizeof(*into->findings));
    if (!into->flows || !into->findings)
        err = -ENOMEM;
    for (size_t i = 0; i < count; i++) {
        flows_live_add(&into->summary, &results[i].summary);
        for (size_t j = 0; !err && j < results[i].nflows; j++)
            into->flows[into->nflows++] = results[i].flows[j];
        for (size_t j = 0; !err && j < results[i].nfindings; j++)
            live_add_finding(into, &results[i].findings[j]);
        flows_result_release(&results[i]);
    }
    if (err)
        return err;
    qsort_r(into->flows, into->nflows, sizeof(*into->flows), live_compare, &sort);
    qsort(into->findings, into->nfindings, sizeof(*into->findings), live_compare_findings);
    if (into->nflows > top)
        into->nflows = top;
    return 0;
}
