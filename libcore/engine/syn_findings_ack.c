/* What SYN-ACKs give away of who made them and what the way did to them. */
#include <math.h>

#include "engine/syn_findings.h"

#define COOKIE_RUN    5    /* answers in a row whose TSvals move as our window scale does */
#define COOKIE_CHANCE 1e-3 /* that any such row is luck ... */
#define COOKIE_FITS   16   /* ... where one in so many fits: jitter about a step in milliseconds */
#define COOKIE_PAIRS  3    /* answers with and without timestamps that are compared */

#define MAJORITY(count, all) (2 * (uint64_t)(count) > (all))

static bool findings_stamped(const struct syn_detail *detail)
{
    double chance =
        (double)detail->with.timestamps * pow(COOKIE_FITS, 1 - (double)detail->best_run);

    return detail->best_run >= COOKIE_RUN && chance < COOKIE_CHANCE;
}

/* Without timestamps a server under SYN cookies has no place for our other options. */
static bool findings_vanish(const struct syn_detail *detail)
{
    const struct syn_options_seen *with = &detail->with, *without = &detail->without;

    return with->answers >= COOKIE_PAIRS && without->answers >= COOKIE_PAIRS &&
           with->sack == with->answers && with->wscale == with->answers && without->sack == 0 &&
           without->wscale == 0;
}

static bool findings_cookies(const struct syn_judged *judged, struct syn_finding_list *list)
{
    const struct syn_detail *detail = judged->detail;
    bool stamped = findings_stamped(detail), vanish = findings_vanish(detail);

    if (!stamped && !vanish)
        return false;
    syn_finding_add(list, &(struct syn_finding){
                              .kind = SYN_FINDING_COOKIES,
                              .severity = SYN_NOTICE,
                              .confidence = stamped && vanish ? 0.99 : 0.95,
                              .address = judged->target->destination,
                              .count = stamped ? detail->best_run : detail->without.answers,
                          });
    return true;
}

/* netfilter's SYNPROXY lets nobody send before it knows the real server's window. */
static bool findings_proxy(const struct syn_judged *judged, struct syn_finding_list *list)
{
    const struct syn_detail *detail = judged->detail;
    bool stamps = detail->proxy_stamps > 1 && detail->proxy_stamps == detail->with.timestamps;

    if (detail->zero_windows == 0 || !MAJORITY(detail->zero_windows, detail->synacks))
        return false;
    syn_finding_add(list, &(struct syn_finding){
                              .kind = SYN_FINDING_PROXY,
                              .severity = SYN_NOTICE,
                              .confidence = stamps              ? 0.97
                                            : detail->middlebox ? 0.9
                                                                : 0.6,
                              .address = judged->target->destination,
                              .count = detail->zero_windows,
                          });
    return true;
}

/* What all SYNs with a whole set asked for, and most answers lack. */
static void findings_stripped(const struct syn_judged *judged, struct syn_finding_list *list)
{
    const struct syn_options_seen *with = &judged->detail->with;
    struct syn_finding finding = {
        .kind = SYN_FINDING_OPTIONS_STRIPPED, .severity = SYN_NOTICE, .count = with->answers};

    if (MAJORITY(with->answers - with->sack, with->answers))
        finding.value |= PROBE_TCP_SACK;
    if (MAJORITY(with->answers - with->wscale, with->answers))
        finding.value |= PROBE_TCP_WSCALE;
    if (MAJORITY(with->answers - with->timestamps, with->answers))
        finding.value |= PROBE_TCP_TIMESTAMPS;
    if (finding.value == PROBE_TCP_TIMESTAMPS)
        finding.severity = SYN_NOTE; /* Windows and hardened hosts do without */
    bool single = (finding.value & (finding.value - 1)) == 0;
    finding.confidence = single ? 0.5 : 0.8;
    if (finding.value)
        syn_finding_add(list, &finding);
}

static void findings_sizes(const struct syn_judged *judged, struct syn_finding_list *list)
{
    const struct syn_detail *detail = judged->detail;
    uint16_t link_mss = syn_link_mss(judged->syn, judged->target);

    if (detail->least_mss && detail->least_mss < link_mss)
        syn_finding_add(list, &(struct syn_finding){.kind = SYN_FINDING_MSS_CLAMPED,
                                                    .severity = SYN_NOTICE,
                                                    .confidence = 0.9,
                                                    .value = detail->least_mss,
                                                    .count = detail->synacks});
    if (MAJORITY(detail->small_windows, detail->synacks))
        syn_finding_add(list, &(struct syn_finding){.kind = SYN_FINDING_SMALL_WINDOW,
                                                    .severity = SYN_WARNING,
                                                    .confidence = 0.95,
                                                    .value = detail->small_window,
                                                    .count = detail->small_windows});
}

static void findings_negotiated(const struct syn_judged *judged, struct syn_finding_list *list)
{
    const struct syn_detail *detail = judged->detail;
    const struct syn_config *config = &judged->syn->config;

    if (config->ecn != SYN_ECN_OFF &&
        MAJORITY(detail->synacks - detail->ecn_agreed, detail->synacks))
        syn_finding_add(list, &(struct syn_finding){.kind = SYN_FINDING_ECN_REFUSED,
                                                    .severity = SYN_NOTICE,
                                                    .confidence = 0.9,
                                                    .count = detail->synacks - detail->ecn_agreed});
    if (config->options == SYN_OPTIONS_FULL && detail->fast_open == 0)
        syn_finding_add(list, &(struct syn_finding){.kind = SYN_FINDING_FAST_OPEN_IGNORED,
                                                    .severity = SYN_NOTE,
                                                    .confidence = 0.9,
                                                    .count = detail->synacks});
}

/* Loss of our RSTs makes hosts repeat themselves; more than that is theirs, or a filter's. */
static void findings_repeated(const struct syn_judged *judged, struct syn_finding_list *list)
{
    const struct syn_detail *detail = judged->detail;
    const struct syn_target_result *result = judged->result;
    uint64_t lost = result->timed_out + result->answered_when_repeated;
    struct interval loss = interval_wilson(lost, result->sent - result->pending, INTERVAL_Z_99);
    struct interval again = interval_wilson(detail->again_probes, detail->synacks, INTERVAL_Z_99);

    if (detail->again_probes == 0 || again.low <= loss.high)
        return;
    syn_finding_add(list, &(struct syn_finding){.kind = SYN_FINDING_RETRANSMITTED,
                                                .severity = SYN_NOTICE,
                                                .confidence = 0.9,
                                                .count = detail->again});
}

void syn_findings_synack(const struct syn_judged *judged, struct syn_finding_list *list)
{
    if (judged->detail->synacks == 0)
        return;
    bool proxy = findings_proxy(judged, list);
    bool cookies = !proxy && findings_cookies(judged, list);
    if (!proxy && !cookies)
        findings_stripped(judged, list);
    findings_sizes(judged, list);
    findings_negotiated(judged, list);
    findings_repeated(judged, list);
}
