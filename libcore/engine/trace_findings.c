/* What the facts amount to. A healthy path gives none. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "engine/trace_internal.h"
#include "wire/icmp.h"

/* path.latency_step: one link adds this much, and half of the whole delay. */
#define STEP_MIN_MS  50
#define STEP_SHARE   0.5
#define STEP_ANSWERS 3
/* path.jitter: faults(7) has 200 ms, or half of the median; below 5 ms nobody minds. */
#define JITTER_MS       200
#define JITTER_SHARE    0.5
#define JITTER_MIN_MS   5
#define JITTER_ANSWERS  8
#define JITTER_PERSISTS 0.5  /* of the destination's */
#define JITTER_QUARTILE 0.15 /* between the quartiles, of the median: one outlier is no jitter */

#define DIED_ROUNDS    4   /* without an answer of the target, at the end of the run */
#define DIED_BEFORE    0.1 /* what may have been lost before, of all */
#define DISORDER_SHARE 0.02
#define DISORDER_MIN   2
#define FLAP_RUN       3 /* answers in a row by one responder */
#define FLAP_CALM      4 /* answers for each change of responder */

struct finding_list {
    struct trace_finding *items;
    size_t count, capacity;
    bool failed;
};

static void finding_add(struct finding_list *list, const struct trace_finding *finding)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 8;
        struct trace_finding *grown = realloc(list->items, capacity * sizeof(*grown));
        if (!grown) {
            list->failed = true;
            return;
        }
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[list->count++] = *finding;
}

static const struct trace_hop *finding_destination(const struct trace_result *result)
{
    return result->path_len && result->nhops ? &result->hops[result->nhops - 1] : NULL;
}

static struct address finding_responder(const struct trace_hop *hop)
{
    return hop->nresponders ? hop->responders[0].address : (struct address){0};
}

static void finding_loss(const struct trace_result *result, uint8_t loss_ttl,
                         struct finding_list *list)
{
    const struct trace_hop *destination = finding_destination(result);

    if (!destination || destination->received == destination->sent - destination->pending)
        return;
    struct trace_finding finding = {
        .kind = TRACE_FINDING_TOO_FEW,
        .severity = TRACE_NOTE,
        .ttl = destination->ttl,
        .ttl_last = destination->ttl,
        .loss_pct = destination->loss_pct,
        .loss = destination->loss,
        .count = destination->sent - destination->pending - destination->received,
    };
    if (loss_ttl) {
        finding.kind = TRACE_FINDING_LOSS;
        finding.severity = TRACE_WARNING;
        finding.ttl = loss_ttl;
        finding.address = finding_responder(&result->hops[loss_ttl - result->config.first_ttl]);
    } else if (destination->verdict != TRACE_LOSS_TOO_FEW) {
        return;
    }
    finding_add(list, &finding);
}

static void finding_limited(const struct trace_result *result, struct finding_list *list)
{
    for (size_t i = 0; i < result->nhops; i++) {
        const struct trace_hop *hop = &result->hops[i];
        if (hop->verdict != TRACE_LOSS_RATE_LIMITED)
            continue;
        finding_add(list, &(struct trace_finding){.kind = TRACE_FINDING_RATE_LIMITED,
                                                  .severity = TRACE_NOTE,
                                                  .ttl = hop->ttl,
                                                  .ttl_last = hop->ttl,
                                                  .address = finding_responder(hop),
                                                  .loss_pct = hop->loss_pct,
                                                  .loss = hop->loss});
    }
}

static void finding_silent(const struct trace_result *result, struct finding_list *list)
{
    for (size_t i = 0; i < result->nhops; i++) {
        size_t start = i;
        while (i < result->nhops && result->hops[i].verdict == TRACE_LOSS_SILENT)
            i++;
        if (i == start)
            continue;
        finding_add(list, &(struct trace_finding){.kind = TRACE_FINDING_SILENT,
                                                  .severity = TRACE_NOTE,
                                                  .ttl = result->hops[start].ttl,
                                                  .ttl_last = result->hops[i - 1].ttl});
    }
}

/* The last hop that answered, or NULL. */
static const struct trace_hop *finding_last_answer(const struct trace_result *result)
{
    for (size_t i = result->nhops; i-- > 0;) {
        if (result->hops[i].received > 0)
            return &result->hops[i];
    }
    return NULL;
}

static void finding_refused(const struct trace_result *result, struct finding_list *list)
{
    finding_add(list, &(struct trace_finding){.kind = TRACE_FINDING_UNREACHABLE,
                                              .severity = TRACE_CRITICAL,
                                              .ttl = result->end_ttl,
                                              .ttl_last = result->end_ttl,
                                              .address = result->end_address,
                                              .icmp_type = result->end_icmp_type,
                                              .icmp_code = result->end_icmp_code});
}

/* Nobody is the end: the path turns in circles, or packets vanish behind the last answer. */
static void finding_lost(const struct trace *trace, const struct trace_result *result,
                         struct finding_list *list)
{
    struct trace_finding finding = {.kind = TRACE_FINDING_LOOP, .severity = TRACE_CRITICAL};
    const struct trace_hop *last = finding_last_answer(result);

    if (trace_path_loops(trace, &finding.ttl, &finding.ttl_last)) {
        finding.address = finding_responder(&trace_hop_at(trace, finding.ttl)->hop);
        finding_add(list, &finding);
        return;
    }
    if (last && last->ttl == trace->config.max_ttl)
        return; /* the path is just longer than was asked for */
    finding.kind = TRACE_FINDING_BLACKHOLE;
    finding.ttl = finding.ttl_last = last ? last->ttl : (uint8_t)(trace->config.first_ttl - 1);
    if (last)
        finding.address = finding_responder(last);
    finding_add(list, &finding);
}

/* The last TTL that answered in the latest rounds. */
static uint8_t finding_still_answers(const struct trace *trace)
{
    uint8_t last = (uint8_t)(trace->config.first_ttl - 1);

    for (size_t i = 0; i < trace->nhops; i++) {
        const struct trace_hop_state *state = &trace->hops[i];
        const struct trace_slot *slot =
            state->answered ? trace_slot_get(trace, state->answered_id) : NULL;
        if (slot && slot->round + DIED_ROUNDS > trace->rounds)
            last = state->hop.ttl;
    }
    return last;
}

/* The target answered until some rounds ago, and has not since: the path died under way. */
static void finding_died(const struct trace *trace, const struct trace_result *result,
                         struct finding_list *list)
{
    const struct trace_hop *destination = finding_destination(result);
    struct trace_finding finding = {.kind = TRACE_FINDING_BLACKHOLE, .severity = TRACE_CRITICAL};

    if (!destination || trace->target_missed < DIED_ROUNDS)
        return;
    uint64_t lost = destination->sent - destination->pending - destination->received;
    uint64_t before = lost > trace->target_missed ? lost - trace->target_missed : 0;
    if ((double)before > DIED_BEFORE * (double)destination->sent)
        return; /* it never answered well: loss, or limits of its own */
    finding.ttl = finding.ttl_last = finding_still_answers(trace);
    if (finding.ttl >= trace->config.first_ttl && finding.ttl < destination->ttl)
        finding.address = finding_responder(&result->hops[finding.ttl - trace->config.first_ttl]);
    finding_add(list, &finding);
}

static void finding_end(const struct trace *trace, const struct trace_result *result,
                        struct finding_list *list)
{
    bool only_some_flows = trace->mda && mda_reached(trace->mda); /* die: a bad member */

    if (trace->length_kind != LENGTH_UNKNOWN && trace->end_refused)
        finding_refused(result, list);
    else if (trace->length_kind == LENGTH_UNKNOWN && !trace->learning && trace->sent > 0 &&
             !only_some_flows)
        finding_lost(trace, result, list);
    else
        finding_died(trace, result, list);
}

/* The target answers, but a router sometimes says that it cannot be reached. */
static void finding_refusals(const struct trace_result *result, struct finding_list *list)
{
    uint8_t unreachable =
        result->config.destination.family == 6 ? ICMP6_UNREACHABLE : ICMP4_UNREACHABLE;

    for (size_t i = 0; result->path_len && i < result->nhops; i++) {
        for (size_t r = 0; r < result->hops[i].nresponders; r++) {
            const struct trace_responder *who = &result->hops[i].responders[r];
            if (!who->is_icmp || who->is_target || who->icmp_type != unreachable)
                continue;
            if (unreachable == ICMP4_UNREACHABLE && who->icmp_code == ICMP4_FRAGMENTATION_NEEDED)
                continue;
            finding_add(list, &(struct trace_finding){.kind = TRACE_FINDING_UNREACHABLE,
                                                      .severity = TRACE_WARNING,
                                                      .ttl = result->hops[i].ttl,
                                                      .ttl_last = result->hops[i].ttl,
                                                      .address = who->address,
                                                      .icmp_type = who->icmp_type,
                                                      .icmp_code = who->icmp_code,
                                                      .count = who->received});
            return;
        }
    }
}

static bool finding_hop_flaps(const struct trace_hop_state *state)
{
    return state->switches > 0 && state->longest_run >= FLAP_RUN &&
           (uint64_t)state->switches * FLAP_CALM < state->hop.received + FLAP_CALM - 1;
}

static void finding_flap(const struct trace *trace, const struct trace_result *result,
                         struct finding_list *list)
{
    struct trace_finding flap = {.kind = TRACE_FINDING_FLAP, .severity = TRACE_NOTICE};

    for (size_t i = 0; i < result->nhops; i++) {
        const struct trace_hop_state *state = &trace->hops[i];
        if (!finding_hop_flaps(state))
            continue;
        if (!flap.ttl) {
            flap.ttl = result->hops[i].ttl;
            flap.address = state->hop.responders[state->current].address;
        }
        flap.ttl_last = result->hops[i].ttl;
        if (state->switches > flap.count)
            flap.count = state->switches;
    }
    if (flap.count > 1)
        flap.severity = TRACE_WARNING;
    if (flap.ttl)
        finding_add(list, &flap);
}

/* Several routers at one TTL, at once: equal paths. A bad member among them says more than that. */
static void finding_ecmp(const struct trace *trace, const struct trace_result *result,
                         struct finding_list *list)
{
    struct trace_finding bad = {.kind = TRACE_FINDING_ECMP_BAD_MEMBER, .severity = TRACE_WARNING};
    uint32_t flows;

    if (trace->mda && mda_bad_member(trace->mda, &bad.ttl, &bad.address, &flows)) {
        bad.ttl_last = bad.ttl;
        bad.count = flows;
        finding_add(list, &bad);
    }
    for (size_t i = 0; i < result->nhops; i++) {
        const struct trace_hop *hop = &result->hops[i];
        if (hop->nresponders < 2 || hop->ttl == bad.ttl || finding_hop_flaps(&trace->hops[i]))
            continue;
        finding_add(list, &(struct trace_finding){.kind = TRACE_FINDING_ECMP,
                                                  .severity = TRACE_NOTE,
                                                  .ttl = hop->ttl,
                                                  .ttl_last = hop->ttl,
                                                  .address = finding_responder(hop),
                                                  .count = hop->nresponders});
    }
}

/* The least delay from hop `index` on: what is there persists to the end. */
static double finding_floor(const struct trace_result *result, size_t index)
{
    double least = INFINITY;

    for (size_t i = index; i < result->nhops; i++) {
        if (result->hops[i].rtt_ms.count > 0 && result->hops[i].rtt_ms.min < least)
            least = result->hops[i].rtt_ms.min;
    }
    return least;
}

static void finding_step(const struct trace_result *result, struct finding_list *list)
{
    const struct trace_hop *destination = finding_destination(result);
    struct trace_finding step = {.kind = TRACE_FINDING_LATENCY_STEP, .severity = TRACE_NOTICE};
    double before = 0;

    if (!destination || destination->received < STEP_ANSWERS)
        return;
    for (size_t i = 0; i < result->nhops; i++) {
        if (result->hops[i].rtt_ms.count == 0)
            continue;
        double here = finding_floor(result, i);
        if (here - before > step.ms) {
            step.ms = here - before;
            step.ttl = result->hops[i].ttl;
            step.address = finding_responder(&result->hops[i]);
        }
        before = here;
    }
    step.ttl_last = step.ttl;
    if (step.ms >= STEP_MIN_MS && step.ms >= STEP_SHARE * destination->rtt_ms.min)
        finding_add(list, &step);
}

static bool finding_jitters(const struct trace_hop *hop)
{
    double median = quantile_get(&hop->rtt_ms_quantiles, 0.5);
    double quartiles =
        quantile_get(&hop->rtt_ms_quantiles, 0.75) - quantile_get(&hop->rtt_ms_quantiles, 0.25);
    double stddev = stats_stddev(&hop->rtt_ms);

    if (hop->rtt_ms.count < JITTER_ANSWERS || stddev < JITTER_MIN_MS)
        return false;
    return stddev > JITTER_MS ||
           (stddev > JITTER_SHARE * median && quartiles > JITTER_QUARTILE * median);
}

static void finding_jitter(const struct trace_result *result, struct finding_list *list)
{
    const struct trace_hop *destination = finding_destination(result);

    if (!destination || !finding_jitters(destination))
        return;
    struct trace_finding finding = {.kind = TRACE_FINDING_JITTER,
                                    .severity = TRACE_WARNING,
                                    .ttl = destination->ttl,
                                    .ttl_last = destination->ttl,
                                    .address = finding_responder(destination),
                                    .ms = stats_stddev(&destination->rtt_ms)};
    for (size_t i = result->nhops - 1; i-- > 0;) {
        const struct trace_hop *hop = &result->hops[i];
        if (hop->rtt_ms.count < JITTER_ANSWERS)
            continue;
        if (stats_stddev(&hop->rtt_ms) < JITTER_PERSISTS * finding.ms)
            break;
        finding.ttl = hop->ttl;
        finding.address = finding_responder(hop);
    }
    finding_add(list, &finding);
}

static void finding_changes(const struct trace_result *result, struct finding_list *list)
{
    for (size_t i = 0; i < result->nhops; i++) {
        for (size_t r = 0; r < result->hops[i].nresponders; r++) {
            const struct trace_responder *responder = &result->hops[i].responders[r];
            for (size_t c = 0; c < responder->nchanges; c++)
                finding_add(list, &(struct trace_finding){.kind = TRACE_FINDING_REWRITTEN,
                                                          .severity = TRACE_NOTE,
                                                          .ttl = result->hops[i].ttl,
                                                          .ttl_last = result->hops[i].ttl,
                                                          .address = responder->address,
                                                          .change = responder->changes[c]});
        }
    }
}

static void finding_disorder(const struct trace *trace, struct finding_list *list)
{
    double least = DISORDER_SHARE * (double)trace->target_received;

    if (trace->target_duplicates >= DISORDER_MIN && (double)trace->target_duplicates >= least)
        finding_add(list, &(struct trace_finding){.kind = TRACE_FINDING_DUPLICATION,
                                                  .severity = TRACE_NOTICE,
                                                  .ttl = trace->length,
                                                  .ttl_last = trace->length,
                                                  .count = trace->target_duplicates});
    if (trace->reordered >= DISORDER_MIN && (double)trace->reordered >= least)
        finding_add(list, &(struct trace_finding){.kind = TRACE_FINDING_REORDERING,
                                                  .severity = TRACE_NOTICE,
                                                  .ttl = trace->length,
                                                  .ttl_last = trace->length,
                                                  .count = trace->reordered});
}

static void finding_mtu(const struct trace *trace, struct finding_list *list)
{
    const struct mtu_search *mtu = &trace->mtu;

    if (mtu->stage != MTU_DONE || !mtu->mtu || mtu->mtu >= mtu->top)
        return;
    struct trace_finding finding = {.kind = TRACE_FINDING_MTU_REDUCED,
                                    .severity = TRACE_NOTICE,
                                    .address = mtu->signaller,
                                    .mtu = mtu->mtu};
    if (trace_mtu_is_blackhole(trace)) {
        finding.kind = TRACE_FINDING_MTU_BLACKHOLE;
        finding.severity = TRACE_WARNING;
        finding.address = (struct address){0};
    }
    finding.ttl = finding.ttl_last = trace_mtu_ttl(trace);
    finding_add(list, &finding);
}

static void finding_oddities(const struct trace *trace, struct finding_list *list)
{
    if (trace->moved_seen && trace->moved_ttl < trace->length)
        finding_add(list, &(struct trace_finding){.kind = TRACE_FINDING_TARGET_MOVED,
                                                  .severity = TRACE_NOTE,
                                                  .ttl = trace->moved_ttl,
                                                  .ttl_last = trace->moved_ttl,
                                                  .address = trace->config.destination});
    if (trace->suspects)
        finding_add(list, &(struct trace_finding){.kind = TRACE_FINDING_SUSPECT,
                                                  .severity = TRACE_NOTICE,
                                                  .count = trace->suspects});
    for (size_t i = 0; i < REFUSAL_ERRNOS_MAX && trace->refusal.errnos[i].count; i++)
        finding_add(
            list, &(struct trace_finding){.kind = TRACE_FINDING_SEND_ERRORS,
                                          .severity = trace->sent ? TRACE_WARNING : TRACE_CRITICAL,
                                          .error = trace->refusal.errnos[i].error,
                                          .count = trace->refusal.errnos[i].count});
}

/* Insertion keeps findings of one severity in the order they were found. */
static void finding_sort(struct finding_list *list)
{
    for (size_t i = 1; i < list->count; i++) {
        struct trace_finding finding = list->items[i];
        size_t j = i;
        for (; j > 0 && list->items[j - 1].severity < finding.severity; j--)
            list->items[j] = list->items[j - 1];
        list->items[j] = finding;
    }
}

int trace_findings_collect(const struct trace *trace, struct trace_result *result, uint8_t loss_ttl)
{
    struct finding_list list = {0};

    finding_end(trace, result, &list);
    finding_refusals(result, &list);
    finding_loss(result, loss_ttl, &list);
    finding_flap(trace, result, &list);
    finding_ecmp(trace, result, &list);
    finding_step(result, &list);
    finding_jitter(result, &list);
    finding_mtu(trace, &list);
    finding_disorder(trace, &list);
    finding_limited(result, &list);
    finding_silent(result, &list);
    finding_changes(result, &list);
    finding_oddities(trace, &list);
    finding_sort(&list);
    if (list.failed) {
        free(list.items);
        return -ENOMEM;
    }
    result->findings = list.items;
    result->nfindings = list.count;
    return 0;
}
