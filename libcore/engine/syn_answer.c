/* What an answer says: which copy of the SYN it answers, how long it took, whose it is. */
#include <math.h>
#include <string.h>

#include "engine/syn_internal.h"

/*
 * Copies made on the way come at once; a host that sends its answer again takes its time: at least
 * its initial RTO, which is a second on most (RFC 6298 (2.1)).
 */
#define DUPLICATE_WINDOW_NS (150 * NS_PER_MS)

#define SOON_SHARE 0.9 /* of the least RTT: no RST has been to the host and back by then */

#define RTO_MS       1000
#define RTO_SLACK_MS 75 /* of timers, and of the path's jitter */

/* A refusal next to a SYN-ACK is another machine's; much later it may be the host's own. */
#define CONTRADICTION_NS (200 * NS_PER_MS)

/* Initial TTLs are 32, 64, 128 or 255: the next one up, minus what is left. */
static uint8_t answer_hops(uint8_t ttl)
{
    uint8_t initial = ttl <= 32 ? 32 : ttl <= 64 ? 64 : ttl <= 128 ? 128 : 255;

    return (uint8_t)(initial - ttl);
}

static uint8_t answer_options(const struct tcp_facts *tcp)
{
    return (uint8_t)((tcp->has_mss ? PROBE_TCP_MSS : 0) |
                     (tcp->sack_permitted ? PROBE_TCP_SACK : 0) |
                     (tcp->has_timestamps ? PROBE_TCP_TIMESTAMPS : 0) |
                     (tcp->has_wscale ? PROBE_TCP_WSCALE : 0) |
                     (tcp->has_fast_open && tcp->fast_open_len ? PROBE_TCP_FAST_OPEN : 0));
}

/* Two machines seldom choose window and options alike. */
static uint16_t answer_print(const struct tcp_facts *tcp)
{
    uint32_t print = tcp->window;

    print = print * 31 + answer_options(tcp);
    print = print * 31 + tcp->mss;
    print = print * 31 + (tcp->has_wscale ? tcp->wscale + 1u : 0);
    for (size_t i = 0; i < tcp->nkinds; i++)
        print = print * 31 + tcp->kinds[i];
    return (uint16_t)(print ^ print >> 16);
}

static void answer_facts(const struct tcp_facts *tcp, struct syn_answer *answer)
{
    answer->facts = true;
    answer->flags = tcp->flags;
    answer->window = tcp->window;
    answer->mss = tcp->has_mss ? tcp->mss : 0;
    answer->wscale = tcp->has_wscale ? (int8_t)tcp->wscale : -1;
    answer->got = answer_options(tcp);
    answer->tsval = tcp->tsval;
    answer->nkinds = tcp->nkinds < SYN_KINDS_MAX ? tcp->nkinds : SYN_KINDS_MAX;
    memcpy(answer->kinds, tcp->kinds, answer->nkinds);
}

/*
 * Which copy of the SYN is answered; -1: not known. The echoed TSval tells; without it, an answer
 * that comes faster than any has yet cannot be the latest copy's.
 */
static int answer_copy_answered(const struct syn *syn, const struct syn_slot *slot,
                                const struct packet *packet, bool *repeated, int64_t when_ns)
{
    const struct syn_detail *detail = syn_target_of(syn, slot)->detail;
    const struct tcp_facts *tcp = &packet->tcp;

    *repeated = false;
    if (slot->sends == 1)
        return 0;
    for (unsigned copy = 0;
         (packet->layers & LAYER_TCP) && tcp->has_timestamps && copy < slot->sends; copy++) {
        if (syn_tsval(syn, slot, copy) != tcp->tsecr)
            continue;
        *repeated = copy > 0;
        return (int)copy;
    }
    bool too_fast = detail && detail->rtt_ms.count > 0 &&
                    ns_to_ms(when_ns - slot->latest_ns) < detail->rtt_ms.min / 2;
    *repeated = !too_fast;
    return -1;
}

static int64_t answer_rtt(const struct syn_slot *slot, int copy, int64_t when_ns)
{
    int64_t sent_ns;

    if (copy == 0)
        sent_ns = slot->first_ns;
    else if (copy == slot->sends - 1)
        sent_ns = slot->latest_ns;
    else
        return -1;
    return when_ns > sent_ns ? when_ns - sent_ns : 0;
}

/*
 * A SYN-ACK that was lost comes again after the host's RTO: 1 s, then 2 s more (RFC 6298 (2.1),
 * (5.5)). What took just so much longer than others is no RTT.
 */
static bool answer_is_repeated(const struct syn *syn, const struct syn_slot *slot, int64_t rtt_ns)
{
    const struct syn_detail *detail = syn_target_of(syn, slot)->detail;
    double more_ms;

    if (!detail || detail->rtt_ms.count == 0)
        return false;
    more_ms = ns_to_ms(rtt_ns) - quantile_get(&detail->quantiles, 0.5);
    return (more_ms > RTO_MS - RTO_SLACK_MS && more_ms < RTO_MS + RTO_SLACK_MS) ||
           (more_ms > 3 * RTO_MS - RTO_SLACK_MS && more_ms < 3 * RTO_MS + RTO_SLACK_MS);
}

static bool answer_is_middlebox(const struct syn *syn, const struct syn_slot *slot, uint8_t hops)
{
    const struct syn_detail *detail = syn_target_of(syn, slot)->detail;

    return detail && detail->echo.count > 0 && (hops < detail->echo.min || hops > detail->echo.max);
}

static void answer_read(const struct syn *syn, const struct packet *packet,
                        const struct syn_matched *match, int64_t when_ns, struct syn_answer *answer)
{
    struct syn_slot *slot = match->slot;
    bool late = slot->state == SLOT_GIVEN_UP || when_ns - slot->wait_ns > syn->config.timeout_ns;

    *answer = (struct syn_answer){
        .outcome = (uint8_t)match->outcome,
        .late = late,
        .ttl = packet->ip.ttl,
        .hops = answer_hops(packet->ip.ttl),
        .asked = syn_asked(syn, slot),
        .asked_wscale = syn_asked_wscale(syn, slot),
        .source_port = slot->source_port,
        .wscale = -1,
    };
    int copy = answer_copy_answered(syn, slot, packet, &answer->repeated, when_ns);
    answer->rtt_ns = answer_rtt(slot, copy, when_ns);
    if (match->outcome == SYN_OPEN && answer_is_repeated(syn, slot, answer->rtt_ns))
        answer->rtt_ns = -1;
    if (match->outcome == SYN_UNREACHABLE) {
        answer->icmp_type = packet->icmp.type;
        answer->icmp_code = packet->icmp.code;
        memcpy(answer->responder, packet->ip.source.bytes, sizeof(answer->responder));
        return;
    }
    answer->middlebox = answer_is_middlebox(syn, slot, answer->hops);
    if (match->outcome == SYN_OPEN && !match->bare)
        answer_facts(&packet->tcp, answer);
}

static void answer_reset_later(struct syn *syn, struct syn_slot *slot, int64_t when_ns)
{
    if (syn->config.reset_after_ns == TIME_NEVER)
        return;
    slot->reset_seen = false;
    if (syn_queue_push(&syn->resets, slot->id, time_add(when_ns, syn->config.reset_after_ns)) < 0)
        syn->broken = true;
}

enum syn_match syn_answer_first(struct syn *syn, const struct packet *packet,
                                const struct syn_matched *match, int64_t when_ns,
                                struct syn_observation *seen)
{
    struct syn_slot *slot = match->slot;
    struct syn_answer answer;

    syn_slot_left(syn, slot);
    answer_read(syn, packet, match, when_ns, &answer);
    if (syn_count_answer(syn, slot, &answer) < 0)
        syn->broken = true;
    slot->state = SLOT_ANSWERED;
    slot->answered_ns = when_ns;
    slot->rtt_ns = answer.rtt_ns;
    slot->answer_hops = answer.hops;
    slot->answer_id = (uint16_t)packet->ip.id;
    slot->answer_flags = (uint8_t)match->tcp_flags;
    if (answer.facts) {
        slot->answer_isn = packet->tcp.seq;
        slot->answer_has_tsval = packet->tcp.has_timestamps;
        slot->answer_tsval = packet->tcp.tsval;
        slot->answer_print = answer_print(&packet->tcp);
        answer_reset_later(syn, slot, when_ns);
    }
    seen->rtt_ns = answer.rtt_ns;
    seen->repeated = answer.repeated;
    seen->late = answer.late;
    seen->middlebox = answer.middlebox;
    return answer.late ? SYN_LATE : SYN_ANSWER;
}

/* Another ISN from the same host needs a new half-open connection, and so the RST's way there. */
static enum syn_match answer_other_isn(const struct syn *syn, const struct syn_slot *slot,
                                       const struct packet *packet, int64_t gap_ns)
{
    bool other_host = answer_hops(packet->ip.ttl) != slot->answer_hops ||
                      answer_print(&packet->tcp) != slot->answer_print;
    const struct syn_detail *detail = syn_target_of(syn, slot)->detail;
    double least_ms = slot->rtt_ns < 0 ? 0 : ns_to_ms(slot->rtt_ns);
    if (detail && detail->rtt_ms.count > 0)
        least_ms = fmin(least_ms, detail->rtt_ms.min);
    bool too_soon = ns_to_ms(gap_ns) < SOON_SHARE * least_ms;

    return other_host || too_soon ? SYN_SECOND : SYN_DUPLICATE;
}

/* The same SYN-ACK: a copy of the packet, an answer to another copy of the SYN, or sent again. */
static enum syn_match answer_same_isn(struct syn_slot *slot, const struct packet *packet,
                                      int64_t gap_ns)
{
    const struct tcp_facts *tcp = &packet->tcp;

    if (gap_ns < DUPLICATE_WINDOW_NS)
        return SYN_DUPLICATE;
    if (tcp->has_timestamps && slot->answer_has_tsval && tcp->tsval == slot->answer_tsval)
        return SYN_DUPLICATE;
    if (packet->ip.has_id && packet->ip.id != 0 && packet->ip.id == slot->answer_id)
        return SYN_DUPLICATE;
    if (slot->copies_answered + 1 < slot->sends) {
        slot->copies_answered++;
        return SYN_DUPLICATE;
    }
    return SYN_AGAIN;
}

enum syn_match syn_answer_further(const struct syn *syn, const struct packet *packet,
                                  const struct syn_matched *match, int64_t when_ns)
{
    struct syn_slot *slot = match->slot;
    int64_t gap_ns = when_ns - slot->answered_ns;
    uint16_t before = slot->answer_flags & (TCP_SYN | TCP_RST);
    uint16_t now = match->tcp_flags & (TCP_SYN | TCP_RST);

    if (slot->answer_flags && !before)
        return SYN_DUPLICATE; /* of a half-open connection that was there before */
    if (now != before) {
        bool other_host = answer_hops(packet->ip.ttl) != slot->answer_hops;
        return other_host || gap_ns < CONTRADICTION_NS ? SYN_SECOND : SYN_DUPLICATE;
    }
    if (!(now & TCP_SYN))
        return SYN_DUPLICATE;
    if (packet->tcp.seq != slot->answer_isn)
        return answer_other_isn(syn, slot, packet, gap_ns);
    return answer_same_isn(slot, packet, gap_ns);
}

/* A SYN-ACK that comes again says that its RST did not arrive; another one is sent. */
void syn_answer_counted(struct syn *syn, struct syn_slot *slot, enum syn_match kind,
                        int64_t when_ns)
{
    struct syn_detail *detail = syn_detail_of(syn, syn_target_of(syn, slot));

    if (!detail)
        return;
    if (kind == SYN_SECOND) {
        detail->second++;
        return;
    }
    syn_count_again(detail, slot, when_ns - slot->answered_ns);
    slot->answered_ns = when_ns;
    answer_reset_later(syn, slot, when_ns);
}

enum syn_match syn_answer_echo(struct syn *syn, struct syn_slot *slot, const struct packet *packet,
                               int64_t when_ns, struct syn_observation *seen)
{
    bool late = slot->echo == ECHO_LOST;

    syn_echo_left(syn, slot);
    struct syn_detail *detail = syn_detail_of(syn, syn_target_of(syn, slot));
    if (!detail || (slot->echo != ECHO_FLIGHT && !late))
        return SYN_DUPLICATE;
    slot->echo = ECHO_ANSWERED;
    detail->reference_lost -= late;
    detail->reference_answered++;
    syn_hops_add(&detail->echo, answer_hops(packet->ip.ttl));
    seen->sent_ns = slot->echo_ns;
    seen->rtt_ns = when_ns > slot->echo_ns ? when_ns - slot->echo_ns : 0;
    seen->late = late;
    if (!late)
        stats_add(&detail->reference_ms, ns_to_ms(seen->rtt_ns));
    return SYN_REFERENCE;
}
