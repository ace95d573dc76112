/* What the facts amount to. A healthy path and host give none. */
#include <errno.h>
#include <math.h>
#include <stdlib.h>

#include "engine/syn_findings.h"
#include "wire/icmp.h"

#define LOSS_SHARE_MIN 0.005 /* loss under this, or refusals, are not worth a warning */
#define LOSS_MIN       2     /* one lost packet is no pattern */
#define LOSS_DOUBT     0.02  /* so much may be lost and not be seen: too few probes */

#define BACKLOG_MIN    2
#define BACKLOG_CHANCE 1e-3 /* that independent loss spares the repetitions so */

#define SILENCE_CHANCE 0.5 /* of loss to take one more copy: the worst that may be luck */

#define DISTANCE_SURE   3   /* answers of either kind */
#define DISTANCE_MARGIN 2   /* hops; one may be a path of its own */
#define FAST_ANSWERS    5   /* of either kind */
#define FAST_SHARE      0.5 /* of the fastest echo, that nearly all answers come within */
#define FAST_MIN_MS     2

void syn_finding_add(struct syn_finding_list *list, const struct syn_finding *finding)
{
    if (list->count == list->capacity) {
        size_t capacity = list->capacity ? 2 * list->capacity : 4;
        struct syn_finding *grown = realloc(list->items, capacity * sizeof(*grown));
        if (!grown) {
            list->failed = true;
            return;
        }
        list->items = grown;
        list->capacity = capacity;
    }
    list->items[list->count++] = *finding;
}

bool syn_finding_has(const struct syn_finding_list *list, enum syn_finding_kind kind)
{
    for (size_t i = 0; i < list->count; i++) {
        if (list->items[i].kind == kind)
            return true;
    }
    return false;
}

/* --- who answers ------------------------------------------------------------------------- */

/* How sure it is that two kinds of answers come from different distances. */
static double finding_apart(const struct syn_hops *a, const struct syn_hops *b, uint32_t *hops)
{
    double confidence;

    if (a->count == 0 || b->count == 0 || (a->min <= b->max && b->min <= a->max))
        return 0;
    *hops = a->min > b->max ? (uint32_t)(a->min - b->max) : (uint32_t)(b->min - a->max);
    confidence = *hops >= DISTANCE_MARGIN ? 0.95 : 0.6;
    if (a->count < DISTANCE_SURE || b->count < DISTANCE_SURE)
        confidence *= 0.8;
    return confidence;
}

/* Nearly all answers are back long before the host's fastest echo. */
static double finding_too_fast(const struct syn_detail *detail, double *ms)
{
    double answer_ms = quantile_get(&detail->quantiles, 0.95);

    if (detail->rtt_ms.count < FAST_ANSWERS || detail->reference_ms.count < FAST_ANSWERS ||
        answer_ms > FAST_SHARE * detail->reference_ms.min ||
        detail->reference_ms.min - answer_ms < FAST_MIN_MS)
        return 0;
    *ms = detail->reference_ms.min - answer_ms;
    return 0.8;
}

/* SYN-ACKs (or else RSTs) of one that stands elsewhere than the host: by its echo, or its RSTs. */
static bool finding_impostor(const struct syn_detail *detail, const struct syn_hops *answers,
                             struct syn_finding *finding)
{
    const struct syn_hops *other = answers == &detail->reset ? &detail->synack : &detail->reset;
    bool alone = other->count == 0;

    finding->confidence = finding_apart(answers, &detail->echo, &finding->value);
    if (finding->confidence > 0)
        return true;
    if (alone)
        finding->confidence = finding_too_fast(detail, &finding->ms);
    else if (detail->echo.count == 0) /* one of both is not the host; the nearer one, most likely */
        finding->confidence =
            answers->max < other->min ? 0.8 * finding_apart(answers, other, &finding->value) : 0;
    return finding->confidence > 0;
}

/* One odd answer among thousands: a collision of numbers, or a router that was restarted. */
static bool finding_is_rare(const struct syn_judged *judged, uint64_t count)
{
    return count == 0 || (double)count < LOSS_SHARE_MIN * (double)judged->result->answered;
}

static void finding_refused(const struct syn_judged *judged, struct syn_finding_list *list)
{
    struct syn_finding finding = {
        .kind = SYN_FINDING_REFUSED,
        .severity = judged->result->open ? SYN_WARNING : SYN_CRITICAL,
        .address = judged->target->destination,
        .count = judged->result->refused,
    };

    if (finding_is_rare(judged, finding.count))
        return;
    if (finding_impostor(judged->detail, &judged->detail->reset, &finding))
        finding.kind = SYN_FINDING_PORT_REJECTED;
    else
        finding.confidence = judged->detail->echo.count > 0 ? 0.95 : 0.8;
    syn_finding_add(list, &finding);
}

/* What firewalls say; a host that does not listen sends a RST (RFC 9293 3.10.7.1). */
static bool finding_is_firewall(const struct syn_judged *judged)
{
    uint8_t code = judged->detail->icmp_code;

    if (judged->target->destination.family == 6)
        return judged->detail->icmp_type == ICMP6_UNREACHABLE &&
               (code == ICMP6_ADMIN_PROHIBITED || code == ICMP6_PORT_UNREACHABLE ||
                code == ICMP6_POLICY_FAILED);
    return judged->detail->icmp_type == ICMP4_UNREACHABLE &&
           (code == ICMP4_PORT_UNREACHABLE || code == ICMP4_NET_PROHIBITED ||
            code == ICMP4_HOST_PROHIBITED || code == ICMP4_ADMIN_PROHIBITED);
}

static void finding_unreachable(const struct syn_judged *judged, struct syn_finding_list *list)
{
    const struct syn_target_result *result = judged->result;
    bool firewall = finding_is_firewall(judged);

    if (finding_is_rare(judged, result->unreachable))
        return;
    syn_finding_add(list,
                    &(struct syn_finding){
                        .kind = firewall ? SYN_FINDING_PORT_REJECTED : SYN_FINDING_UNREACHABLE,
                        .severity = result->open + result->refused ? SYN_WARNING : SYN_CRITICAL,
                        .confidence = 0.95,
                        .address = judged->detail->icmp_address,
                        .icmp_type = judged->detail->icmp_type,
                        .icmp_code = judged->detail->icmp_code,
                        .count = result->unreachable,
                    });
}

static void finding_timed_out(const struct syn_judged *judged, struct syn_finding_list *list)
{
    const struct syn_target_result *result = judged->result;
    double copies = (double)result->timed_out * (1 + judged->syn->repeats);

    if (result->timed_out == 0 || result->answered > 0)
        return;
    syn_finding_add(list, &(struct syn_finding){.kind = SYN_FINDING_TIMED_OUT,
                                                .severity = SYN_CRITICAL,
                                                .confidence = 1 - pow(SILENCE_CHANCE, copies),
                                                .address = judged->target->destination,
                                                .loss_pct = result->loss_pct,
                                                .loss = result->loss,
                                                .count = result->timed_out});
}

/* A device that answers in the host's name; what the proxy and the second machine explain is said
 * by them. */
static void finding_middlebox(const struct syn_judged *judged, struct syn_finding_list *list)
{
    struct syn_finding finding = {
        .kind = SYN_FINDING_TTL_MISMATCH,
        .severity = SYN_NOTICE,
        .address = judged->target->destination,
        .count = judged->detail->middlebox,
    };

    if (syn_finding_has(list, SYN_FINDING_PROXY) ||
        syn_finding_has(list, SYN_FINDING_PORT_REJECTED))
        return;
    if (judged->result->open > 0 &&
        finding_impostor(judged->detail, &judged->detail->synack, &finding))
        syn_finding_add(list, &finding);
}

static void finding_two_responders(const struct syn_judged *judged, struct syn_finding_list *list)
{
    const struct syn_target_result *result = judged->result;
    uint64_t least = result->answered <= 5 ? 1 : 2 + result->answered / 100;

    if (result->second_answers < least)
        return;
    syn_finding_add(list,
                    &(struct syn_finding){.kind = SYN_FINDING_TWO_RESPONDERS,
                                          .severity = SYN_WARNING,
                                          .confidence = result->second_answers > 1 ? 0.95 : 0.7,
                                          .address = judged->target->destination,
                                          .count = result->second_answers});
}

/* --- loss -------------------------------------------------------------------------------- */

struct finding_loss { /* probes, those of dead flows left out */
    uint64_t judged, never, repeated;
};

static struct finding_loss finding_loss_of(const struct syn_judged *judged)
{
    const struct syn_target_result *result = judged->result;
    uint64_t dead = judged->flows.dead_probes;

    return (struct finding_loss){
        .judged = result->sent - result->pending - dead,
        .never = result->timed_out - dead,
        .repeated = result->answered_when_repeated,
    };
}

/* The chance of `k` successes or more in `n` trials. */
static double finding_at_least(uint64_t k, uint64_t n, double share)
{
    double sum = 0, trials = (double)n;
    int sign;

    if ((double)k <= trials * share || share >= 1)
        return 1;
    if (share <= 0)
        return 0;
    double log_all = lgamma_r(trials + 1, &sign);
    for (uint64_t i = k; i <= n; i++) {
        double hits = (double)i;
        double term = exp(log_all - lgamma_r(hits + 1, &sign) - lgamma_r(trials - hits + 1, &sign) +
                          hits * log(share) + (trials - hits) * log1p(-share));
        sum += term;
        if (term < 1e-9 * sum)
            break;
    }
    return fmin(sum, 1);
}

/* Repetitions get through where first copies do not: not what loss on the way does. */
static double finding_backlog_chance(const struct syn_judged *judged,
                                     const struct finding_loss *loss)
{
    const struct syn_detail *detail = judged->detail;
    uint64_t first_lost = loss->never + loss->repeated;

    if (detail->reference_answered > 0) {
        uint64_t echoes = (uint64_t)detail->reference_answered + detail->reference_lost;
        double echo_loss = interval_wilson(detail->reference_lost, echoes, INTERVAL_Z_99).high;
        return interval_wilson(loss->repeated, loss->judged, INTERVAL_Z_99).low > echo_loss ? 0.01
                                                                                            : 1;
    }
    double least = interval_wilson(first_lost, loss->judged, INTERVAL_Z_95).low;
    return finding_at_least(loss->repeated, first_lost, 1 - pow(least, judged->syn->repeats));
}

static bool finding_backlog(const struct syn_judged *judged, const struct finding_loss *loss,
                            struct syn_finding_list *list)
{
    double limit = judged->detail->reference_answered > 0 ? 0.05 : BACKLOG_CHANCE;

    if (loss->repeated < BACKLOG_MIN || finding_backlog_chance(judged, loss) > limit)
        return false;
    syn_finding_add(list, &(struct syn_finding){
                              .kind = SYN_FINDING_BACKLOG,
                              .severity = SYN_WARNING,
                              .confidence = judged->detail->reference_answered > 0 ? 0.95 : 0.9,
                              .address = judged->target->destination,
                              .loss_pct = 100.0 * (double)loss->repeated / (double)loss->judged,
                              .loss = interval_wilson(loss->repeated, loss->judged, INTERVAL_Z_95),
                              .count = loss->repeated,
                          });
    return true;
}

static void finding_loss(const struct syn_judged *judged, struct syn_finding_list *list)
{
    struct finding_loss loss = finding_loss_of(judged);
    uint64_t lost = loss.never + loss.repeated;

    if (judged->result->open + judged->result->refused == 0)
        return; /* routers that say unreachable limit how often */
    bool backlog = finding_backlog(judged, &loss, list);

    if (backlog)
        lost = loss.never;
    if (lost == 0)
        return;
    struct syn_finding finding = {
        .kind = SYN_FINDING_LOSS,
        .severity = SYN_WARNING,
        .loss_pct = 100.0 * (double)lost / (double)loss.judged,
        .loss = interval_wilson(lost, loss.judged, INTERVAL_Z_95),
        .count = lost,
    };
    finding.confidence = 1 - pow(SILENCE_CHANCE, (double)lost);
    if (lost < LOSS_MIN || finding.loss.low <= LOSS_SHARE_MIN) {
        if (backlog || finding.loss.high < LOSS_DOUBT)
            return;
        finding.kind = SYN_FINDING_TOO_FEW;
        finding.severity = SYN_NOTE;
    }
    syn_finding_add(list, &finding);
}

static void finding_flows(const struct syn_judged *judged, struct syn_finding_list *list)
{
    const struct syn_flows_verdict *flows = &judged->flows;

    if (flows->dead)
        syn_finding_add(list, &(struct syn_finding){.kind = SYN_FINDING_DEAD_FLOWS,
                                                    .severity = SYN_WARNING,
                                                    .confidence = 0.95,
                                                    .flows = flows->dead,
                                                    .flows_total = flows->flows,
                                                    .count = flows->dead_probes});
    if (flows->slow)
        syn_finding_add(list, &(struct syn_finding){.kind = SYN_FINDING_SLOW_FLOWS,
                                                    .severity = SYN_WARNING,
                                                    .confidence = flows->slow > 1 ? 0.95 : 0.8,
                                                    .flows = flows->slow,
                                                    .flows_total = flows->flows,
                                                    .ms = flows->slower_ms});
}

/* --- this side --------------------------------------------------------------------------- */

static void finding_oddities(const struct syn_judged *judged, struct syn_finding_list *list)
{
    const struct syn_target_result *result = judged->result;

    if (result->suspects)
        syn_finding_add(list, &(struct syn_finding){.kind = SYN_FINDING_SUSPECT,
                                                    .severity = SYN_NOTICE,
                                                    .confidence = 1,
                                                    .count = result->suspects});
    if (result->send_errors)
        syn_finding_add(list,
                        &(struct syn_finding){.kind = SYN_FINDING_SEND_ERRORS,
                                              .severity = result->sent ? SYN_WARNING : SYN_CRITICAL,
                                              .confidence = 1,
                                              .count = result->send_errors,
                                              .error = judged->target->error});
}

/* The comparison is false where there is no threshold, or nothing to compare: NAN. */
static void finding_threshold(double value, double warn, double crit, struct syn_finding finding,
                              struct syn_finding_list *list)
{
    if (!(value >= warn) && !(value >= crit))
        return;
    finding.kind = SYN_FINDING_THRESHOLD;
    finding.severity = value >= crit ? SYN_CRITICAL : SYN_WARNING;
    finding.confidence = 1;
    syn_finding_add(list, &finding);
}

static void finding_thresholds(const struct syn_judged *judged, struct syn_finding_list *list)
{
    const struct syn_config *config = &judged->syn->config;
    const struct syn_target_result *result = judged->result;
    double ms = quantile_get(&result->rtt_ms_quantiles, 0.5);

    finding_threshold(ms, config->warn_ms, config->crit_ms,
                      (struct syn_finding){.ms = ms, .loss_pct = NAN}, list);
    finding_threshold(
        result->loss_pct / 100, config->warn_loss, config->crit_loss,
        (struct syn_finding){.ms = NAN, .loss_pct = result->loss_pct, .loss = result->loss}, list);
}

/* Insertion keeps findings of one severity in the order they were found. */
static void finding_sort(struct syn_finding_list *list)
{
    for (size_t i = 1; i < list->count; i++) {
        struct syn_finding finding = list->items[i];
        size_t j = i;
        for (; j > 0 && list->items[j - 1].severity < finding.severity; j--)
            list->items[j] = list->items[j - 1];
        list->items[j] = finding;
    }
}

int syn_findings_collect(const struct syn_judged *judged, struct syn_finding **findings,
                         size_t *nfindings)
{
    struct syn_finding_list list = {0};

    finding_timed_out(judged, &list);
    finding_refused(judged, &list);
    finding_unreachable(judged, &list);
    finding_thresholds(judged, &list);
    finding_loss(judged, &list);
    finding_flows(judged, &list);
    finding_two_responders(judged, &list);
    syn_findings_synack(judged, &list);
    finding_middlebox(judged, &list);
    finding_oddities(judged, &list);
    finding_sort(&list);
    if (list.failed) {
        free(list.items);
        return -ENOMEM;
    }
    *findings = list.items;
    *nfindings = list.count;
    return 0;
}
