/*
 * Which loss is real. A router that answers seldom loses nothing: only loss that persists to every
 * later answering hop and to the destination is the path's. True loss can only grow along the
 * path, so a hop that clearly loses more than what lies behind it limits its answers. Among the
 * rest, the hop where loss begins is where the counts before it and from it on are best explained
 * by two different shares (Beta-binomial evidence, so that few probes weigh little).
 */
#include <math.h>

#include "engine/trace_internal.h"

/* Before the lossy link next to nothing is lost; behind it anything may be. */
#define CLEAN_A 0.1
#define CLEAN_B 100
#define LOSSY_A 0.5
#define LOSSY_B 5

#define REAL_SHARE_MIN   0.005 /* loss under this is not worth a warning */
#define DESTINATION_LOST 2     /* packets that the destination itself must miss ... */
#define DESTINATION_MANY 20    /* ... or one, with this many probes and what other hops add */
#define POOLED_LOST      4

struct loss_hop {
    size_t index; /* into the result's hops */
    uint64_t judged, lost;
};

struct loss_path {
    struct loss_hop hops[TRACE_TTL_MAX]; /* those that count, by TTL */
    size_t count;
};

static struct loss_hop loss_of(const struct trace_result *result, size_t index)
{
    const struct trace_hop *hop = &result->hops[index];
    uint64_t judged = hop->sent - hop->pending;

    return (struct loss_hop){index, judged, judged - hop->received};
}

static void loss_first_verdicts(struct trace_result *result)
{
    bool answered_behind = false;

    for (size_t i = result->nhops; i-- > 0;) {
        struct trace_hop *hop = &result->hops[i];
        struct loss_hop loss = loss_of(result, i);
        if (loss.lost == 0)
            hop->verdict = TRACE_LOSS_NONE;
        else if (hop->received == 0)
            hop->verdict = answered_behind ? TRACE_LOSS_SILENT : TRACE_LOSS_DEAD;
        else
            hop->verdict = TRACE_LOSS_TOO_FEW;
        answered_behind = answered_behind || hop->received > 0;
    }
}

/* Keeps the hops whose loss may be the path's; who loses more than all behind it limits. */
static void loss_sift(struct trace_result *result, struct loss_path *path)
{
    struct loss_hop kept[TRACE_TTL_MAX];
    size_t count = 0;
    uint64_t lost = 0, judged = 0;

    for (size_t i = result->nhops; i-- > 0;) {
        struct loss_hop loss = loss_of(result, i);
        if (result->hops[i].received == 0 || loss.judged == 0)
            continue;
        struct interval behind = interval_wilson(lost, judged, INTERVAL_Z_95);
        if (judged > 0 && loss.lost > 0 && result->hops[i].loss.low > behind.high) {
            result->hops[i].verdict = TRACE_LOSS_RATE_LIMITED;
            continue;
        }
        lost += loss.lost;
        judged += loss.judged;
        kept[count++] = loss;
    }
    path->count = count;
    for (size_t i = 0; i < count; i++)
        path->hops[i] = kept[count - 1 - i];
}

static double loss_log_beta(double a, double b)
{
    int sign;

    return lgamma_r(a, &sign) + lgamma_r(b, &sign) - lgamma_r(a + b, &sign);
}

static double loss_evidence(uint64_t lost, uint64_t judged, double a, double b)
{
    return loss_log_beta(a + (double)lost, b + (double)(judged - lost)) - loss_log_beta(a, b);
}

/* Where loss begins best: an index into path->hops, or path->count for nowhere. */
static size_t loss_change_point(const struct loss_path *path)
{
    uint64_t lost = 0, judged = 0, lost_before = 0, judged_before = 0;
    size_t best = path->count;

    for (size_t i = 0; i < path->count; i++) {
        lost += path->hops[i].lost;
        judged += path->hops[i].judged;
    }
    double best_evidence = loss_evidence(lost, judged, CLEAN_A, CLEAN_B);
    for (size_t i = 0; i < path->count; i++) {
        double evidence =
            loss_evidence(lost_before, judged_before, CLEAN_A, CLEAN_B) +
            loss_evidence(lost - lost_before, judged - judged_before, LOSSY_A, LOSSY_B);
        if (evidence > best_evidence) {
            best_evidence = evidence;
            best = i;
        }
        lost_before += path->hops[i].lost;
        judged_before += path->hops[i].judged;
    }
    return best;
}

/* Bursts hit many probes of one round at once: one bad round is one event, not many. */
static bool loss_in_several_rounds(const struct trace *trace, const struct loss_path *path,
                                   size_t start)
{
    bool seen = false;
    uint32_t first = 0, last = 0;

    for (size_t i = start; i < path->count; i++) {
        const struct trace_hop_state *state = &trace->hops[path->hops[i].index];
        if (!state->lossy || path->hops[i].lost == 0)
            continue;
        if (!seen || state->first_lost_round < first)
            first = state->first_lost_round;
        if (!seen || state->last_lost_round > last)
            last = state->last_lost_round;
        seen = true;
    }
    return seen && first != last;
}

/* A host that answers with ICMP errors limits them as routers do (RFC 1812 4.3.2.8). */
static bool loss_may_be_the_hosts(const struct trace_result *result, const struct loss_path *path,
                                  size_t start)
{
    const struct trace_hop *hop = &result->hops[path->hops[path->count - 1].index];

    return start == path->count - 1 && result->config.protocol == PROBE_UDP &&
           hop->nresponders > 0 && hop->responders[0].is_icmp;
}

static bool loss_is_real(const struct trace *trace, const struct loss_path *path, size_t start)
{
    const struct loss_hop *destination = &path->hops[path->count - 1];
    uint64_t lost = 0, judged = 0;

    for (size_t i = start; i < path->count; i++) {
        lost += path->hops[i].lost;
        judged += path->hops[i].judged;
    }
    bool reaches =
        destination->lost >= DESTINATION_LOST ||
        (destination->lost > 0 && destination->judged >= DESTINATION_MANY && lost >= POOLED_LOST);
    return reaches && interval_wilson(lost, judged, INTERVAL_Z_95).low > REAL_SHARE_MIN &&
           loss_in_several_rounds(trace, path, start);
}

uint8_t trace_loss_judge(const struct trace *trace, struct trace_result *result)
{
    struct loss_path path;

    loss_first_verdicts(result);
    loss_sift(result, &path);
    if (path.count == 0 || result->path_len == 0 ||
        path.hops[path.count - 1].index + 1 != result->nhops)
        return 0; /* no destination to measure the hops by */
    size_t start = loss_change_point(&path);
    if (start == path.count)
        return 0;
    if (loss_may_be_the_hosts(result, &path, start)) {
        result->hops[path.hops[start].index].verdict = TRACE_LOSS_RATE_LIMITED;
        return 0;
    }
    if (!loss_is_real(trace, &path, start))
        return 0;
    for (size_t i = start; i < path.count; i++) {
        if (path.hops[i].lost > 0)
            result->hops[path.hops[i].index].verdict = TRACE_LOSS_REAL;
    }
    return result->hops[path.hops[start].index].ttl;
}
