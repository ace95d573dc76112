/*
 * Source ports are flows, and equal paths and members of balancers are chosen by flow. Some may be
 * slower than others, and some dead; both must show against what chance does to few samples.
 */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "engine/syn_internal.h"

#define FLOW_SAMPLES_MIN 5      /* RTTs of a flow, before its median counts */
#define GAP_MIN_MS       1      /* between groups of flows ... */
#define GAP_SHARE        0.05   /* ... and of the faster one's median ... */
#define GAP_ERRORS       4      /* ... and standard errors of the difference */
#define MEDIAN_ERROR     1.2533 /* of a median, in standard deviations over the square root of n */
#define MAD_TO_STDDEV    1.4826 /* of a normal distribution */

#define DEAD_CHANCE 1e-4 /* that any of the flows looks dead by independent loss */

struct flow_rank { /* a flow with enough samples */
    size_t index;
    uint32_t samples;
    double median_ms, spread_ms;
};

static int flows_compare_values(const void *a, const void *b)
{
    double x = *(const double *)a, y = *(const double *)b;

    return (x > y) - (x < y);
}

static int flows_compare_ranks(const void *a, const void *b)
{
    const struct flow_rank *x = a, *y = b;

    return flows_compare_values(&x->median_ms, &y->median_ms);
}

/* Sorts the values. */
static double flows_median(double *values, size_t count)
{
    if (count == 0)
        return NAN;
    qsort(values, count, sizeof(*values), flows_compare_values);
    return (values[(count - 1) / 2] + values[count / 2]) / 2;
}

static struct flow_rank flows_rank(const struct syn_flow_state *flow, size_t index)
{
    struct flow_rank rank = {.index = index, .samples = flow->nsamples};
    double values[SYN_SAMPLES];

    if (rank.samples > SYN_SAMPLES)
        rank.samples = SYN_SAMPLES;
    for (size_t i = 0; i < rank.samples; i++)
        values[i] = (double)flow->samples_ms[i];
    rank.median_ms = flows_median(values, rank.samples);
    for (size_t i = 0; i < rank.samples; i++)
        values[i] = fabs(values[i] - rank.median_ms);
    rank.spread_ms = MAD_TO_STDDEV * flows_median(values, rank.samples);
    return rank;
}

/* The typical spread within a flow: a single disturbed one does not hide the others' groups. */
static double flows_spread(const struct flow_rank *ranks, size_t count, double *values)
{
    for (size_t i = 0; i < count; i++)
        values[i] = ranks[i].spread_ms;
    return flows_median(values, count);
}

static bool flows_part(const struct flow_rank *fast, const struct flow_rank *slow, double spread_ms)
{
    double error_ms = MEDIAN_ERROR * spread_ms * sqrt(1.0 / fast->samples + 1.0 / slow->samples);
    double least_ms = fmax(GAP_MIN_MS, GAP_SHARE * fast->median_ms);

    return slow->median_ms - fast->median_ms > fmax(least_ms, GAP_ERRORS * error_ms);
}

/* Groups flows wherever the next slower one is out of reach of the others' noise. */
static void flows_cluster(struct flow_rank *ranks, size_t count, double *values,
                          struct syn_flow *flows, struct syn_flows_verdict *verdict)
{
    double spread_ms = flows_spread(ranks, count, values);
    unsigned cluster = 0;
    size_t fast = 0;

    for (size_t i = 0; i < count; i++) {
        if (i > 0 && flows_part(&ranks[i - 1], &ranks[i], spread_ms))
            cluster++;
        flows[ranks[i].index].cluster = cluster;
        fast += cluster == 0;
        values[i] = ranks[i].median_ms;
    }
    verdict->slow = (uint32_t)(count - fast);
    if (verdict->slow)
        verdict->slower_ms = flows_median(values + fast, count - fast) - flows_median(values, fast);
}

/* The share of SYNs that flows lose which are answered at all, at the most. */
static double flows_common_loss(const struct syn_target_state *target, size_t count)
{
    uint64_t lost = 0, judged = 0;

    for (size_t i = 0; i < count; i++) {
        const struct syn_flow_state *flow = &target->flows[i];
        if (flow->answered == 0)
            continue;
        lost += flow->lost + flow->repeated;
        judged += flow->lost + flow->answered;
    }
    return judged ? interval_wilson(lost, judged, INTERVAL_Z_95).high : 1;
}

static void flows_dead(const struct syn_target_state *target, size_t count,
                       struct syn_flows_verdict *verdict)
{
    double loss = flows_common_loss(target, count);

    for (size_t i = 0; i < count; i++) {
        const struct syn_flow_state *flow = &target->flows[i];
        verdict->flows += flow->answered + flow->lost > 0;
        if (flow->answered > 0 || flow->lost == 0 ||
            (double)count * pow(loss, flow->lost) >= DEAD_CHANCE)
            continue;
        verdict->dead++;
        verdict->dead_probes += flow->lost;
    }
}

static size_t flows_fill(const struct syn *syn, const struct syn_target_state *target,
                         struct syn_flow *flows, struct flow_rank *ranks)
{
    size_t ranked = 0;

    for (size_t i = 0; i < syn->config.source_ports; i++) {
        const struct syn_flow_state *flow = &target->flows[i];
        struct flow_rank rank = flows_rank(flow, i);
        flows[i] = (struct syn_flow){
            .source_port = (uint16_t)(syn->config.source_port + i),
            .sent = flow->sent,
            .answered = flow->answered,
            .repeated = flow->repeated,
            .rtt_min_ms = flow->nsamples ? (double)flow->min_ms : NAN,
            .rtt_median_ms = rank.median_ms,
        };
        if (rank.samples >= FLOW_SAMPLES_MIN)
            ranks[ranked++] = rank;
    }
    return ranked;
}

int syn_flows_judge(const struct syn *syn, const struct syn_target_state *target,
                    struct syn_flow *flows, struct syn_flows_verdict *verdict)
{
    size_t count = syn->config.source_ports;
    struct flow_rank *ranks = calloc(count, sizeof(*ranks));
    double *values = calloc(count, sizeof(*values));
    int err = ranks && values ? 0 : -ENOMEM;

    *verdict = (struct syn_flows_verdict){0};
    if (!err) {
        size_t ranked = flows_fill(syn, target, flows, ranks);
        qsort(ranks, ranked, sizeof(*ranks), flows_compare_ranks);
        flows_cluster(ranks, ranked, values, flows, verdict);
        flows_dead(target, count, verdict);
    }
    free(ranks);
    free(values);
    return err;
}
