/* The flows that come first, in a heap whose root is the least of them. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "engine/flow_internal.h"

int flow_top_init(struct flow_top *top, size_t limit)
{
    *top = (struct flow_top){.limit = limit};
    if (limit == 0)
        return 0;
    top->facts = calloc(limit, sizeof(*top->facts));
    return top->facts ? 0 : -ENOMEM;
}

void flow_top_release(struct flow_top *top)
{
    free(top->facts);
    *top = (struct flow_top){0};
}

static double flow_top_resent(const struct flow_facts *facts)
{
    return (double)(facts->side[0].counts.retransmissions + facts->side[1].counts.retransmissions +
                    facts->side[0].counts.syn_retransmissions +
                    facts->side[1].counts.syn_retransmissions);
}

static double flow_top_loss(const struct flow_facts *facts)
{
    double a = facts->side[0].loss_pct, b = facts->side[1].loss_pct;

    return isnan(a) ? (isnan(b) ? -1 : b) : isnan(b) || a > b ? a : b;
}

static double flow_top_rtt(const struct flow_facts *facts)
{
    int64_t a = facts->side[0].rtt.smoothed_ns, b = facts->side[1].rtt.smoothed_ns;

    return (double)(a > 0 ? a : 0) + (double)(b > 0 ? b : 0);
}

static double flow_top_key(const struct flow_facts *facts, enum flow_sort sort)
{
    switch (sort) {
    case FLOW_SORT_LOSS:
        return flow_top_loss(facts);
    case FLOW_SORT_STALL:
        return (double)facts->stall.length_ns;
    case FLOW_SORT_RTT:
        return flow_top_rtt(facts);
    case FLOW_SORT_BYTES:
        return (double)(facts->side[0].counts.bytes + facts->side[1].counts.bytes);
    case FLOW_SORT_PACKETS:
        return (double)(facts->side[0].counts.packets + facts->side[1].counts.packets);
    case FLOW_SORT_START:
        return 0;
    case FLOW_SORT_WORST:
    case FLOW_SORT_RETRANSMISSIONS:
        break;
    }
    return flow_top_resent(facts);
}

/* Above zero: a comes before b. */
int flow_top_compare(const struct flow_facts *a, const struct flow_facts *b, enum flow_sort sort)
{
    if (sort == FLOW_SORT_WORST && a->severity != b->severity)
        return a->severity > b->severity ? 1 : -1;
    double x = flow_top_key(a, sort), y = flow_top_key(b, sort);
    if (x != y)
        return x > y ? 1 : -1;
    if (sort == FLOW_SORT_WORST && a->stall.length_ns != b->stall.length_ns)
        return a->stall.length_ns > b->stall.length_ns ? 1 : -1;
    /* Workers number their flows each for itself. */
    if (a->start_ns != b->start_ns)
        return a->start_ns < b->start_ns ? 1 : -1;
    return a->flow_id < b->flow_id ? 1 : a->flow_id > b->flow_id ? -1 : 0;
}

static void flow_top_swap(struct flow_top *top, size_t a, size_t b)
{
    struct flow_facts kept = top->facts[a];

    top->facts[a] = top->facts[b];
    top->facts[b] = kept;
}

static void flow_top_rise(struct flow_top *top, enum flow_sort sort, size_t at)
{
    while (at > 0 && flow_top_compare(&top->facts[at], &top->facts[(at - 1) / 2], sort) < 0) {
        flow_top_swap(top, at, (at - 1) / 2);
        at = (at - 1) / 2;
    }
}

static void flow_top_sink(struct flow_top *top, enum flow_sort sort)
{
    for (size_t at = 0;;) {
        size_t least = at;
        for (size_t child = 2 * at + 1; child <= 2 * at + 2 && child < top->count; child++)
            if (flow_top_compare(&top->facts[child], &top->facts[least], sort) < 0)
                least = child;
        if (least == at)
            return;
        flow_top_swap(top, at, least);
        at = least;
    }
}

void flow_top_add(struct flow_top *top, enum flow_sort sort, const struct flow_facts *facts)
{
    if (top->count < top->limit) {
        top->facts[top->count] = *facts;
        flow_top_rise(top, sort, top->count++);
    } else if (top->count > 0 && flow_top_compare(facts, &top->facts[0], sort) > 0) {
        top->facts[0] = *facts;
        flow_top_sink(top, sort);
    }
}
