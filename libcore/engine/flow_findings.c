/* What facts amount to. A healthy flow gives none. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "engine/flow_internal.h"

#define RESENT_PCT     1.0 /* tcp.retransmissions: faults(7) has over 1 % */
#define RESENT_LEAST   2   /* one may be chance */
#define DISORDER_PCT   1.0
#define DISORDER_LEAST 3
#define ZERO_LONG_NS   (100 * NS_PER_MS)
#define STALL_LONG_NS  NS_PER_SEC
#define UNHEARD_LEAST  2 /* SYN-ACKs; or retransmissions after the flow was idle */
#define SMALL_LEAST    3
#define LISTED_MAX     8 /* hosts named with one finding */

enum flow_severity flow_finding_severity(enum flow_finding_kind kind)
{
    static const uint8_t severities[FLOW_FINDINGS] = {
        [FLOW_FINDING_RETRANSMISSIONS] = FLOW_WARNING,
        [FLOW_FINDING_ZERO_WINDOW] = FLOW_WARNING,
        [FLOW_FINDING_SMALL_WINDOW] = FLOW_WARNING,
        [FLOW_FINDING_RST_INJECTED] = FLOW_CRITICAL,
        [FLOW_FINDING_REFUSED] = FLOW_CRITICAL,
        [FLOW_FINDING_TIMED_OUT] = FLOW_CRITICAL,
        [FLOW_FINDING_RESET_ON_ACCEPT] = FLOW_CRITICAL,
        [FLOW_FINDING_RESET_AFTER_REQUEST] = FLOW_CRITICAL,
        [FLOW_FINDING_RESET_MID_RESPONSE] = FLOW_CRITICAL,
        [FLOW_FINDING_RESET_AFTER_CLOSE] = FLOW_NOTICE,
        [FLOW_FINDING_IDLE_DROP] = FLOW_WARNING,
        [FLOW_FINDING_BACKLOG_OVERFLOW] = FLOW_WARNING,
        [FLOW_FINDING_REORDERING] = FLOW_NOTICE,
        [FLOW_FINDING_DUPLICATION] = FLOW_NOTICE,
        [FLOW_FINDING_STALL] = FLOW_WARNING,
        [FLOW_FINDING_CAPTURE_GAPS] = FLOW_NOTICE,
        [FLOW_FINDING_ISN_REUSE] = FLOW_NOTICE,
        [FLOW_FINDING_EVICTED] = FLOW_NOTICE,
    };

    return kind < FLOW_FINDINGS ? (enum flow_severity)severities[kind] : FLOW_FINE;
}

/* --- of one flow -------------------------------------------------------------------------------
 */

static enum flow_finding_kind flow_findings_phase(enum flow_reset_phase phase)
{
    switch (phase) {
    case FLOW_RESET_REFUSED:
        return FLOW_FINDING_REFUSED;
    case FLOW_RESET_AFTER_ACCEPT:
        return FLOW_FINDING_RESET_ON_ACCEPT;
    case FLOW_RESET_AFTER_REQUEST:
        return FLOW_FINDING_RESET_AFTER_REQUEST;
    case FLOW_RESET_MID_RESPONSE:
        return FLOW_FINDING_RESET_MID_RESPONSE;
    case FLOW_RESET_AFTER_FIN:
    case FLOW_RESET_AFTER_CLOSE_UNREAD:
        return FLOW_FINDING_RESET_AFTER_CLOSE;
    case FLOW_RESET_UNKNOWN:
    case FLOW_RESET_AFTER_SYN:
        break;
    }
    return FLOW_FINDINGS; /* nothing to say of it */
}

static void flow_findings_note(struct flow_facts *facts, enum flow_finding_kind kind)
{
    if (kind >= FLOW_FINDINGS)
        return;
    facts->findings |= UINT32_C(1) << kind;
    if (flow_finding_severity(kind) > facts->severity)
        facts->severity = flow_finding_severity(kind);
}

static bool flow_findings_often(uint64_t count, uint64_t of, uint64_t least, double pct)
{
    return count >= least && of > 0 && 100.0 * (double)count / (double)of > pct;
}

static bool flow_findings_is_zero_window(const struct flow_counts *counts)
{
    return counts->zero_windows > 0 &&
           (counts->window_probes > 0 || counts->zero_window_ns >= ZERO_LONG_NS);
}

/* For a loss: neither needlessly nor to a side that has fallen silent. */
static uint64_t flow_findings_needed(const struct flow_counts *counts, uint64_t unheard)
{
    uint64_t others = counts->spurious + unheard;

    return counts->retransmissions > others ? counts->retransmissions - others : 0;
}

static void flow_findings_side(struct flow_facts *facts, const struct flow_side_facts *side)
{
    const struct flow_counts *counts = &side->counts;

    if (flow_findings_needed(counts, side->unheard) >= RESENT_LEAST && side->loss_pct > RESENT_PCT)
        flow_findings_note(facts, FLOW_FINDING_RETRANSMISSIONS);
    if (flow_findings_is_zero_window(counts))
        flow_findings_note(facts, FLOW_FINDING_ZERO_WINDOW);
    if (counts->small_windows >= SMALL_LEAST)
        flow_findings_note(facts, FLOW_FINDING_SMALL_WINDOW);
    if (flow_findings_often(counts->reordered, counts->segments, DISORDER_LEAST, DISORDER_PCT))
        flow_findings_note(facts, FLOW_FINDING_REORDERING);
    if (flow_findings_often(counts->duplicates, counts->packets, DISORDER_LEAST, DISORDER_PCT))
        flow_findings_note(facts, FLOW_FINDING_DUPLICATION);
    if (counts->capture_gaps > 0)
        flow_findings_note(facts, FLOW_FINDING_CAPTURE_GAPS);
    if (side->isn_reused)
        flow_findings_note(facts, FLOW_FINDING_ISN_REUSE);
}

static void flow_findings_reset(struct flow_facts *facts)
{
    const struct flow_reset *reset = &facts->reset;

    if (reset->forged)
        flow_findings_note(facts, FLOW_FINDING_RST_INJECTED);
    else if (reset->reasons & FLOW_REASON_IDLE_BEFORE && reset->origin == FLOW_ORIGIN_DEVICE)
        flow_findings_note(facts, FLOW_FINDING_IDLE_DROP);
    else if (reset->by == FLOW_SERVER || reset->phase < FLOW_RESET_MID_RESPONSE)
        flow_findings_note(facts, flow_findings_phase(reset->phase));
}

static bool flow_findings_is_idle_drop(const struct flow_facts *facts)
{
    return !facts->has_reset && (facts->side[FLOW_CLIENT].unheard >= UNHEARD_LEAST ||
                                 facts->side[FLOW_SERVER].unheard >= UNHEARD_LEAST);
}

/* What keeps an application waiting that is not an application. */
static bool flow_findings_is_network(enum flow_stall_cause cause)
{
    return cause == FLOW_STALL_HANDSHAKE || cause == FLOW_STALL_TIMEOUT ||
           cause == FLOW_STALL_TAIL_PROBE || cause == FLOW_STALL_RECOVERY ||
           cause == FLOW_STALL_ACK;
}

void flow_findings_of(struct flow_facts *facts)
{
    facts->findings = 0;
    facts->severity = FLOW_FINE;
    flow_findings_side(facts, &facts->side[FLOW_CLIENT]);
    flow_findings_side(facts, &facts->side[FLOW_SERVER]);
    if (facts->has_reset)
        flow_findings_reset(facts);
    if (flow_findings_is_idle_drop(facts))
        flow_findings_note(facts, FLOW_FINDING_IDLE_DROP);
    if (facts->end == FLOW_END_SYN)
        flow_findings_note(facts, FLOW_FINDING_TIMED_OUT);
    if (facts->unheard_synacks &&
        facts->side[FLOW_SERVER].counts.syn_retransmissions >= UNHEARD_LEAST)
        flow_findings_note(facts, FLOW_FINDING_BACKLOG_OVERFLOW);
    if (facts->stall.length_ns >= STALL_LONG_NS && flow_findings_is_network(facts->stall.cause))
        flow_findings_note(facts, FLOW_FINDING_STALL);
    if (facts->end == FLOW_END_EVICTED)
        flow_findings_note(facts, FLOW_FINDING_EVICTED);
}

/* --- of all flows ------------------------------------------------------------------------------
 */

static int64_t flow_findings_time(const struct flow_facts *facts, enum flow_finding_kind kind)
{
    int64_t client = facts->side[FLOW_CLIENT].counts.zero_window_ns;
    int64_t server = facts->side[FLOW_SERVER].counts.zero_window_ns;

    if (kind == FLOW_FINDING_STALL)
        return facts->stall.length_ns;
    if (kind == FLOW_FINDING_ZERO_WINDOW)
        return client > server ? client : server;
    return -1;
}

void flow_findings_sum(struct flow_finding_sum sums[FLOW_FINDINGS], const struct flow_facts *facts)
{
    for (uint32_t left = facts->findings; left; left &= left - 1) {
        enum flow_finding_kind kind = (enum flow_finding_kind)__builtin_ctz(left);
        struct flow_finding_sum *sum = &sums[kind];
        int64_t time = flow_findings_time(facts, kind);

        if (sum->flows++ == 0 || time > sum->worst_ns) {
            sum->worst_ns = time;
            sum->example = facts->flow_id;
        }
    }
}

struct finding_list {
    struct flow_finding *items;
    size_t count, capacity;
    bool failed;
};

static void finding_add(struct finding_list *list, const struct flow_finding *finding)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 16;
        struct flow_finding *grown = realloc(list->items, capacity * sizeof(*grown));
        if (!grown) {
            list->failed = true;
            return;
        }
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[list->count] = *finding;
    list->items[list->count++].severity = flow_finding_severity(finding->kind);
}

static enum flow_lost finding_lost(const struct flow_counts *counts)
{
    if (counts->lost_before > counts->lost_behind)
        return FLOW_LOST_BEFORE_TAP;
    return counts->lost_behind > 0 ? FLOW_LOST_BEHIND_TAP : FLOW_LOST_UNKNOWN;
}

static double finding_share(uint64_t count, uint64_t of)
{
    return of > 0 ? 100.0 * (double)count / (double)of : NAN;
}

/* Of one host; false when there is nothing of this kind. */
static bool finding_of_host(const struct flow_host *host, enum flow_finding_kind kind,
                            struct flow_finding *f)
{
    const struct flow_counts *c = &host->counts;
    uint64_t needed = flow_findings_needed(c, host->unheard);

    *f = (struct flow_finding){.kind = kind,
                               .has_address = true,
                               .address = host->address,
                               .flows = host->flows,
                               .share_pct = NAN,
                               .worst_ns = -1};
    switch (kind) {
    case FLOW_FINDING_RETRANSMISSIONS:
        f->count = needed;
        f->share_pct = finding_share(needed, c->segments);
        f->lost = finding_lost(c);
        return needed >= RESENT_LEAST && f->share_pct > RESENT_PCT;
    case FLOW_FINDING_ZERO_WINDOW:
        f->count = c->zero_windows;
        f->worst_ns = c->zero_window_ns;
        return flow_findings_is_zero_window(c);
    case FLOW_FINDING_SMALL_WINDOW:
        f->count = c->small_windows;
        return c->small_windows >= SMALL_LEAST;
    case FLOW_FINDING_RST_INJECTED:
        f->count = host->forged;
        break;
    case FLOW_FINDING_TIMED_OUT:
        f->count = host->unanswered;
        break;
    default:
        for (int phase = 0; phase < 8; phase++)
            if (flow_findings_phase((enum flow_reset_phase)phase) == kind)
                f->count += host->resets[phase];
    }
    f->share_pct = finding_share(f->count, host->flows);
    return f->count > 0;
}

static int finding_compare(const void *a, const void *b)
{
    const struct flow_finding *x = a, *y = b;

    if (x->severity != y->severity)
        return x->severity > y->severity ? -1 : 1;
    if (x->count != y->count)
        return x->count > y->count ? -1 : 1;
    return x->kind < y->kind ? -1 : x->kind > y->kind;
}

/* The hosts that have it most; `list` gets at most LISTED_MAX of them. */
static void finding_hosts(const struct flow_hosts *hosts, enum flow_finding_kind kind,
                          const struct flow_finding_sum *sum, struct finding_list *list)
{
    struct finding_list all = {0};
    struct flow_finding finding;

    for (size_t i = 0; i < hosts->size; i++)
        if (hosts->slots[i].address.family && finding_of_host(&hosts->slots[i], kind, &finding)) {
            finding.example = sum->example;
            finding_add(&all, &finding);
        }
    if (all.count > 0)
        qsort(all.items, all.count, sizeof(*all.items), finding_compare);
    for (size_t i = 0; i < all.count && i < LISTED_MAX; i++)
        finding_add(list, &all.items[i]);
    list->failed |= all.failed;
    free(all.items);
}

static void finding_total(enum flow_finding_kind kind, const struct flow_finding_sum *sum,
                          uint64_t count, uint64_t of, struct finding_list *list)
{
    if (count == 0 || (sum->flows == 0 && kind != FLOW_FINDING_EVICTED))
        return;
    finding_add(list, &(struct flow_finding){
                          .kind = kind,
                          .flows = sum->flows,
                          .count = count,
                          .share_pct = finding_share(count, of),
                          .worst_ns = kind == FLOW_FINDING_STALL ? sum->worst_ns : -1,
                          .example = sum->example,
                      });
}

static bool finding_names_hosts(enum flow_finding_kind kind)
{
    return kind <= FLOW_FINDING_RESET_AFTER_CLOSE;
}

int flow_findings_list(const struct flows_summary *summary, const struct flow_hosts *hosts,
                       const struct flow_finding_sum sums[FLOW_FINDINGS],
                       struct flows_result *result)
{
    const struct flow_counts *counts = &summary->counts;
    struct finding_list list = {0};

    for (int kind = 0; kind < FLOW_FINDINGS; kind++)
        if (finding_names_hosts((enum flow_finding_kind)kind))
            finding_hosts(hosts, (enum flow_finding_kind)kind, &sums[kind], &list);
    static const enum flow_finding_kind by_flows[] = {FLOW_FINDING_IDLE_DROP,
                                                      FLOW_FINDING_BACKLOG_OVERFLOW,
                                                      FLOW_FINDING_STALL, FLOW_FINDING_ISN_REUSE};
    for (size_t i = 0; i < sizeof(by_flows) / sizeof(by_flows[0]); i++)
        finding_total(by_flows[i], &sums[by_flows[i]], sums[by_flows[i]].flows, summary->flows,
                      &list);
    finding_total(FLOW_FINDING_REORDERING, &sums[FLOW_FINDING_REORDERING], counts->reordered,
                  counts->segments, &list);
    finding_total(FLOW_FINDING_DUPLICATION, &sums[FLOW_FINDING_DUPLICATION], counts->duplicates,
                  counts->packets, &list);
    finding_total(FLOW_FINDING_CAPTURE_GAPS, &sums[FLOW_FINDING_CAPTURE_GAPS],
                  counts->capture_gap_bytes, counts->unique_bytes, &list);
    finding_total(FLOW_FINDING_EVICTED, &sums[FLOW_FINDING_EVICTED], summary->evicted,
                  summary->flows, &list);
    if (list.failed) {
        free(list.items);
        return -ENOMEM;
    }
    if (list.count > 0)
        qsort(list.items, list.count, sizeof(*list.items), finding_compare);
    result->findings = list.items;
    result->nfindings = list.count;
    return 0;
}
