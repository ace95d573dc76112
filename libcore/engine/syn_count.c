/* Answers into targets, their details and flows. */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/random.h"
#include "engine/syn_internal.h"

#define MSS_DEFAULT     536 /* RFC 9293 3.7.1 */
#define STAMP_MASK      63  /* the TSval bits that carry options (Linux, net/ipv4/syncookies.c) */
#define STAMP_SACK      16
#define STAMP_ECN       32
#define STAMP_NO_WSCALE 15

void syn_detail_init(struct syn_detail *detail)
{
    *detail = (struct syn_detail){0};
    stats_init(&detail->rtt_ms);
    stats_init(&detail->reference_ms);
    quantile_init(&detail->quantiles);
}

void syn_detail_release(struct syn_detail *detail)
{
    quantile_release(&detail->quantiles);
}

/* The target's detail, made now if need be; NULL: no memory. */
struct syn_detail *syn_detail_of(struct syn *syn, struct syn_target_state *target)
{
    if (target->detail)
        return target->detail;
    target->detail = malloc(sizeof(*target->detail));
    if (!target->detail) {
        syn->broken = true;
        return NULL;
    }
    syn_detail_init(target->detail);
    if (target->only && syn_detail_add(syn, target, target->detail, target->only) < 0)
        syn->broken = true;
    free(target->only);
    target->only = NULL;
    return target->detail;
}

void syn_hops_add(struct syn_hops *hops, uint8_t distance)
{
    if (hops->count == 0 || distance < hops->min)
        hops->min = distance;
    if (hops->count == 0 || distance > hops->max)
        hops->max = distance;
    hops->count++;
}

/*
 * A server under SYN cookies has nowhere but the TSval to keep our options: what it sends moves
 * with our window scale. Linux adds an offset, that of the two addresses or (6.18) of the flow.
 */
static void count_cookie(struct syn_detail *detail, struct syn_cookie_run *run,
                         const struct syn_answer *answer)
{
    uint8_t residue = (answer->tsval - answer->asked_wscale) & STAMP_MASK;

    if (run->len == 0 || residue != run->residue)
        run->len = 1;
    else
        run->len += answer->asked_wscale != run->wscale;
    run->residue = residue;
    run->wscale = answer->asked_wscale;
    if (run->len > detail->best_run)
        detail->best_run = run->len;
}

/* netfilter's SYNPROXY (nf_synproxy_core.c) keeps them there as they are. */
static bool count_is_proxy_stamp(const struct syn *syn, const struct syn_answer *answer)
{
    uint32_t options = answer->asked & PROBE_TCP_WSCALE ? answer->asked_wscale : STAMP_NO_WSCALE;

    if (answer->asked & PROBE_TCP_SACK)
        options |= STAMP_SACK;
    if (syn->config.ecn != SYN_ECN_OFF)
        options |= STAMP_ECN;
    return (answer->tsval & STAMP_MASK) == options;
}

static void count_stamps(const struct syn *syn, const struct syn_target_state *target,
                         struct syn_detail *detail, const struct syn_answer *answer)
{
    count_cookie(detail, &detail->run, answer);
    if (target->flows)
        count_cookie(detail, &target->flows[syn_flow_index(syn, answer->source_port)].run, answer);
    detail->proxy_stamps += count_is_proxy_stamp(syn, answer);
}

static void count_options(const struct syn *syn, const struct syn_target_state *target,
                          struct syn_detail *detail, const struct syn_answer *answer)
{
    bool with = answer->asked & PROBE_TCP_TIMESTAMPS;
    struct syn_options_seen *seen = with ? &detail->with : &detail->without;

    seen->answers++;
    seen->sack += (answer->got & PROBE_TCP_SACK) != 0;
    seen->wscale += (answer->got & PROBE_TCP_WSCALE) != 0;
    seen->timestamps += (answer->got & PROBE_TCP_TIMESTAMPS) != 0;
    detail->fast_open += (answer->got & PROBE_TCP_FAST_OPEN) != 0;
    if (with && answer->got & PROBE_TCP_TIMESTAMPS)
        count_stamps(syn, target, detail, answer);
}

/* RFC 3168 6.1.1 and RFC 9768 table 2; what reflects all of our flags understood none. */
static bool count_agrees_ecn(const struct syn *syn, uint16_t flags)
{
    uint16_t answer = flags & (TCP_AE | TCP_CWR | TCP_ECE);

    if (syn->config.ecn == SYN_ECN_CLASSIC)
        return (answer & (TCP_CWR | TCP_ECE)) == TCP_ECE;
    return answer != 0 && answer != (TCP_AE | TCP_CWR | TCP_ECE);
}

/* A segment is no larger than either side's MSS: on a loopback only ours is small. */
static void count_sizes(const struct syn *syn, const struct syn_target_state *target,
                        struct syn_detail *detail, const struct syn_answer *answer)
{
    uint16_t mss = answer->mss ? answer->mss : MSS_DEFAULT, ours = syn_link_mss(syn, target);

    if (ours < mss)
        mss = ours;
    if (answer->mss && (!detail->least_mss || answer->mss < detail->least_mss))
        detail->least_mss = answer->mss;
    if (answer->window == 0) {
        detail->zero_windows++;
    } else if (answer->window < mss) {
        detail->small_windows++;
        detail->small_window = answer->window;
    }
}

static void count_synack(const struct syn *syn, const struct syn_target_state *target,
                         struct syn_detail *detail, const struct syn_answer *answer)
{
    syn_hops_add(&detail->synack, answer->hops);
    detail->synacks++;
    detail->latest = *answer;
    detail->ecn_agreed += count_agrees_ecn(syn, answer->flags);
    count_options(syn, target, detail, answer);
    count_sizes(syn, target, detail, answer);
}

int syn_detail_add(const struct syn *syn, const struct syn_target_state *target,
                   struct syn_detail *detail, const struct syn_answer *answer)
{
    if (answer->facts)
        count_synack(syn, target, detail, answer);
    if (answer->outcome == SYN_REFUSED)
        syn_hops_add(&detail->reset, answer->hops);
    if (answer->outcome == SYN_UNREACHABLE) {
        detail->icmp_type = answer->icmp_type;
        detail->icmp_code = answer->icmp_code;
        detail->icmp_address.family = target->destination.family;
        memcpy(detail->icmp_address.bytes, answer->responder, sizeof(answer->responder));
    }
    detail->middlebox += answer->middlebox;
    if (answer->rtt_ns < 0 || answer->late)
        return 0;
    stats_add(&detail->rtt_ms, ns_to_ms(answer->rtt_ns));
    return quantile_add(&detail->quantiles, ns_to_ms(answer->rtt_ns));
}

/* Every sample is as likely to be kept as any other (Vitter 1985, algorithm R). */
static void count_sample(const struct syn *syn, struct syn_flow_state *flow, double rtt_ms)
{
    uint64_t at = flow->nsamples++;

    if (flow->nsamples == 1 || rtt_ms < flow->min_ms)
        flow->min_ms = (float)rtt_ms;
    if (at >= SYN_SAMPLES)
        at = random_mix(syn->key ^ (at << 32 | syn->answered)) % flow->nsamples;
    if (at < SYN_SAMPLES)
        flow->samples_ms[at] = (float)rtt_ms;
}

static void count_flow(const struct syn *syn, const struct syn_target_state *target,
                       const struct syn_slot *slot, const struct syn_answer *answer)
{
    struct syn_flow_state *flow = &target->flows[syn_flow_index(syn, slot->source_port)];

    flow->answered++;
    flow->repeated += answer->repeated;
    flow->lost -= slot->state == SLOT_GIVEN_UP;
    if (answer->rtt_ns >= 0 && !answer->late)
        count_sample(syn, flow, ns_to_ms(answer->rtt_ns));
}

static void count_outcome(struct syn *syn, struct syn_target_state *target,
                          const struct syn_answer *answer)
{
    syn->answered++;
    target->answered++;
    syn->late += answer->late;
    target->late += answer->late;
    target->repeated += answer->repeated;
    if (answer->outcome == SYN_OPEN) {
        syn->open++;
        target->open++;
    } else if (answer->outcome == SYN_REFUSED) {
        syn->refused++;
        target->refused++;
    } else {
        syn->unreachable++;
        target->unreachable++;
    }
}

int syn_count_answer(struct syn *syn, struct syn_slot *slot, const struct syn_answer *answer)
{
    struct syn_target_state *target = syn_target_of(syn, slot);
    bool only = target->answered == 0 && !target->detail && !target->flows;

    if (slot->state == SLOT_FLIGHT) {
        target->in_flight--;
        syn->in_flight--;
    }
    count_outcome(syn, target, answer);
    if (target->flows)
        count_flow(syn, target, slot, answer);
    if (only) {
        target->only = malloc(sizeof(*target->only));
        if (!target->only)
            return -ENOMEM;
        *target->only = *answer;
        return 0;
    }
    struct syn_detail *detail = syn_detail_of(syn, target);
    return detail ? syn_detail_add(syn, target, detail, answer) : -ENOMEM;
}

void syn_count_given_up(struct syn *syn, const struct syn_slot *slot)
{
    struct syn_target_state *target = syn_target_of(syn, slot);

    target->in_flight--;
    syn->in_flight--;
    if (target->flows)
        target->flows[syn_flow_index(syn, slot->source_port)].lost++;
}

/* The pauses between repeated SYN-ACKs are the host's RTO schedule: those of the longest row. */
void syn_count_again(struct syn_detail *detail, struct syn_slot *slot, int64_t gap_ns)
{
    int64_t gap_s = (gap_ns + NS_PER_SEC / 2) / NS_PER_SEC;
    uint8_t at = slot->repeats_seen;

    detail->again++;
    detail->again_probes += at == 0;
    if (at < UINT8_MAX)
        slot->repeats_seen++;
    if (at == detail->ngaps && at < SYN_GAPS_MAX)
        detail->gaps_s[detail->ngaps++] = (uint8_t)(gap_s > UINT8_MAX ? UINT8_MAX : gap_s);
}
