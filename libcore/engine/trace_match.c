/* Captured packets to probes: whose answer is it, does it hold, what does it say. */
#include <string.h>

#include "engine/trace_internal.h"
#include "wire/icmp.h"

#define NONCE_PROVES    8 /* bytes of our nonce that prove an echo reply is one to our request */
#define TCP_OPTIONS_LEN 4 /* our SYN's: MSS */

/* Duplicates on the way come at once; a host that sends its answer again takes its time. */
#define DUPLICATE_WINDOW_NS (200 * NS_PER_MS)

#define HOLD_NS (200 * NS_PER_MS) /* longer than a path holds packets back */

struct match {
    enum trace_match kind;   /* TRACE_ANSWER stands for all answers until the slot is looked at */
    struct trace_slot *slot; /* NULL: foreign, or suspect without a probe */
    struct trace_answer answer;
    struct trace_evidence evidence;
    uint16_t tcp_flags;
};

static bool match_is_type(const struct packet *packet, uint8_t type4, uint8_t type6)
{
    return packet->icmp.type == (packet->ip.version == 6 ? type6 : type4);
}

static bool match_too_big(const struct packet *packet)
{
    if (packet->ip.version == 6)
        return packet->icmp.type == ICMP6_PACKET_TOO_BIG;
    return packet->icmp.type == ICMP4_UNREACHABLE &&
           packet->icmp.code == ICMP4_FRAGMENTATION_NEEDED;
}

static bool match_exceeded(const struct packet *packet)
{
    return match_is_type(packet, ICMP4_TIME_EXCEEDED, ICMP6_TIME_EXCEEDED) &&
           packet->icmp.code == 0; /* 1 is about reassembly */
}

static bool match_unreachable(const struct packet *packet)
{
    return match_is_type(packet, ICMP4_UNREACHABLE, ICMP6_UNREACHABLE) && !match_too_big(packet);
}

/* A redirect quotes our probe too, but the probe went on: it is no answer. */
static bool match_answers(const struct packet *packet)
{
    return match_exceeded(packet) || match_unreachable(packet) || match_too_big(packet) ||
           match_is_type(packet, ICMP4_PARAMETER_PROBLEM, ICMP6_PARAMETER_PROBLEM);
}

static bool match_port_unreachable(const struct packet *packet)
{
    uint8_t code = packet->ip.version == 6 ? ICMP6_PORT_UNREACHABLE : ICMP4_PORT_UNREACHABLE;

    return match_unreachable(packet) && packet->icmp.code == code;
}

/* What an ICMP error says of the path: only a host delivers, so only a host lacks a port. */
static void match_error_evidence(const struct trace *trace, const struct packet *packet,
                                 struct match *match)
{
    struct trace_evidence *evidence = &match->evidence;
    bool from_target = address_equal(&packet->ip.source, &trace->config.destination);
    bool delivered = trace->config.protocol == PROBE_UDP && match_port_unreachable(packet);

    match->answer.is_too_big = match_too_big(packet);
    evidence->is_exceeded = match_exceeded(packet);
    evidence->is_unreachable = match_unreachable(packet) && !delivered;
    evidence->is_target = delivered || (match_unreachable(packet) && from_target);
    if (evidence->is_target)
        evidence->quoted_ttl = packet->icmp.quote.ip.ttl;
    evidence->icmp_type = packet->icmp.type;
    evidence->icmp_code = packet->icmp.code;
}

static void match_error(const struct trace *trace, const struct packet *packet, struct match *match)
{
    const struct icmp_facts *icmp = &packet->icmp;

    if (!(packet->layers & LAYER_QUOTE) || !match_answers(packet))
        return;
    enum trace_quote quote = trace_quote_match(trace, &icmp->quote, &match->slot);
    if (quote == QUOTE_FOREIGN)
        return;
    match->kind = quote == QUOTE_OURS && icmp->checksum_ok ? TRACE_ANSWER : TRACE_SUSPECT;
    if (match->kind == TRACE_SUSPECT)
        return;
    match_error_evidence(trace, packet, match);
    match->answer.is_icmp = true;
    match->answer.icmp_type = icmp->type;
    match->answer.icmp_code = icmp->code;
    match->answer.extensions = &icmp->extensions;
    match->answer.nchanges = trace_quote_changes(
        trace, match->slot, &icmp->quote, match->evidence.is_exceeded, match->answer.changes);
}

/* Bytes of the probe's nonce that came back, -1 when they are not ours. */
static int match_nonce(const struct trace *trace, const struct trace_slot *slot,
                       const struct packet *packet)
{
    uint8_t nonce[TRACE_NONCE_LEN];
    size_t offset = trace_slot_nonce_offset(trace, slot);
    size_t len = trace_slot_nonce_len(trace, slot);

    if (packet->payload_len <= offset)
        return 0;
    if (len > packet->payload_len - offset)
        len = packet->payload_len - offset;
    trace_slot_nonce(trace, slot, nonce);
    return memcmp(nonce, packet->payload + offset, len) == 0 ? (int)len : -1;
}

static void match_echo_reply(const struct trace *trace, const struct packet *packet,
                             struct match *match)
{
    bool from_target = address_equal(&packet->ip.source, &trace->config.destination);

    if (trace->config.protocol != PROBE_ICMP ||
        !match_is_type(packet, ICMP4_ECHO_REPLY, ICMP6_ECHO_REPLY) ||
        packet->icmp.id != trace->icmp_id)
        return;
    match->slot = trace_slot_by_token(trace, packet->icmp.seq);
    if (!match->slot && !from_target)
        return;
    match->kind = TRACE_SUSPECT;
    if (!match->slot || !packet->icmp.checksum_ok)
        return;
    int proof = match_nonce(trace, match->slot, packet);
    /* Another address of the target may answer, but a stranger does not know the nonce. */
    if (proof < 0 || (!from_target && proof < NONCE_PROVES))
        return;
    match->kind = TRACE_ANSWER;
    match->evidence.is_target = true;
    match->answer.is_icmp = true;
    match->answer.icmp_type = packet->icmp.type;
    match->answer.icmp_code = packet->icmp.code;
}

static uint32_t match_tcp_data_len(const struct trace *trace, const struct trace_slot *slot)
{
    uint32_t headers = trace->config.destination.family == 6 ? 60 : 40;

    if (slot->purpose != TRACE_FOR_MTU)
        headers += TCP_OPTIONS_LEN;
    return slot->size > headers ? slot->size - headers : 0;
}

/* An answer acknowledges the SYN alone or its data too (RFC 9293 3.10.7.1: RST of a closed port).
 */
static struct trace_slot *match_ack(const struct trace *trace, uint32_t ack)
{
    struct trace_slot *slot = trace_slot_by_tcp_seq(trace, ack - 1);

    for (uint32_t id = trace->oldest_id; !slot && id != trace->next_id; id++) {
        struct trace_slot *other = trace_slot_get(trace, id);
        if (other && trace_tcp_seq(trace, id) + 1 + match_tcp_data_len(trace, other) == ack)
            slot = other;
    }
    return slot;
}

/* The probe's TTL ends before the target. */
static bool match_is_nearer(const struct trace *trace, const struct trace_slot *slot)
{
    if (trace->length_kind != LENGTH_UNKNOWN)
        return slot->ttl < trace->length;
    return trace->highest_ttl && slot->ttl <= trace->highest_ttl;
}

static bool match_reaches(const struct trace *trace, const struct trace_slot *slot)
{
    return slot->state == SLOT_FLIGHT && !match_is_nearer(trace, slot);
}

/* The oldest probe of a flow under way to the target, and how many there are. */
static struct trace_slot *match_outstanding(const struct trace *trace, uint32_t flow,
                                            unsigned *count)
{
    struct trace_slot *oldest = NULL;

    *count = 0;
    for (uint32_t id = trace->oldest_id; id != trace->next_id; id++) {
        struct trace_slot *slot = trace_slot_get(trace, id);
        if (!slot || slot->flow != flow || !match_reaches(trace, slot))
            continue;
        if (!oldest)
            oldest = slot;
        ++*count;
    }
    return oldest;
}

/*
 * The one SYN that can have met the half-open connection of an older one. NULL: there is none, or
 * several, or they follow each other so closely that a copy of another may have come just now.
 */
static struct trace_slot *match_later_syn(const struct trace *trace, const struct trace_slot *old)
{
    int64_t memory_ns = time_add(trace->config.timeout_ns, HOLD_NS);
    struct trace_slot *found = NULL;

    for (uint32_t back = 1; back <= trace->ring_size; back++) {
        struct trace_slot *slot = trace_slot_get(trace, trace->next_id - back);
        if (!slot || slot == old || slot->flow != old->flow || match_is_nearer(trace, slot))
            continue;
        if (found && found->sent_ns - slot->sent_ns > memory_ns)
            break;
        bool waits = slot->state == SLOT_FLIGHT && !slot->given_up;
        if (found ? waits || found->sent_ns - slot->sent_ns < HOLD_NS : !waits)
            return NULL;
        if (!found)
            found = slot;
    }
    return found && trace_id_after(found->id, old->id) ? found : NULL;
}

/*
 * A host that holds a SYN half-open answers later ones with the old acknowledgement (RFC 9293
 * 3.10.7.4): it is the answer to one of them, and never to the SYN that it acknowledges.
 */
static enum trace_match match_old_ack(const struct trace *trace, struct match *match)
{
    struct trace_slot *later = match_later_syn(trace, match->slot);

    if (later)
        match->slot = later;
    return later || match->slot->state == SLOT_ANSWERED ? TRACE_ANSWER : TRACE_FOREIGN;
}

static bool match_ports(const struct trace *trace, uint16_t source, uint16_t destination,
                        const struct trace_slot *slot)
{
    return source == trace_slot_destination_port(trace, slot) &&
           destination == trace_flow_source_port(trace, slot->flow);
}

static void match_tcp(const struct trace *trace, const struct packet *packet, struct match *match)
{
    const struct tcp_facts *tcp = &packet->tcp;
    bool from_target = address_equal(&packet->ip.source, &trace->config.destination);

    if (trace->config.protocol != PROBE_TCP || tcp->source_port != trace->destination_port)
        return;
    if (tcp->flags & TCP_ACK)
        match->slot = match_ack(trace, tcp->ack);
    if (!match->slot || !match_ports(trace, tcp->source_port, tcp->destination_port, match->slot)) {
        match->slot = NULL;
        if (from_target && tcp->destination_port == trace->source_port)
            match->kind = TRACE_SUSPECT;
        return;
    }
    match->kind = TRACE_ANSWER;
    if (!(tcp->flags & (TCP_SYN | TCP_RST)))
        match->kind = match_old_ack(trace, match);
    match->tcp_flags = tcp->flags;
    match->evidence.is_target = true;
}

static struct trace_slot *match_udp_nonce(const struct trace *trace, const struct packet *packet)
{
    for (uint32_t id = trace->oldest_id; id != trace->next_id; id++) {
        struct trace_slot *slot = trace_slot_get(trace, id);
        if (slot && match_nonce(trace, slot, packet) >= NONCE_PROVES)
            return slot;
    }
    return NULL;
}

/*
 * The service itself answered. Unless it echoes, nothing tells which probe it was: the oldest one
 * under way, and with several of them the RTT is not used.
 */
static void match_udp(const struct trace *trace, const struct packet *packet, struct match *match)
{
    const struct udp_facts *udp = &packet->udp;
    unsigned count = 1;

    if (trace->config.protocol != PROBE_UDP ||
        !address_equal(&packet->ip.source, &trace->config.destination))
        return;
    uint32_t flow = (uint16_t)(udp->destination_port - trace->source_port);
    if (trace->config.identity_by_port)
        match->slot = trace_slot_by_port(trace, udp->source_port);
    else
        match->slot = match_udp_nonce(trace, packet);
    if (!match->slot)
        match->slot = match_outstanding(trace, flow, &count);
    if (match->slot && !match_ports(trace, udp->source_port, udp->destination_port, match->slot))
        match->slot = NULL;
    if (!match->slot)
        return;
    match->kind = TRACE_ANSWER;
    match->answer.rtt_uncertain = count > 1;
    match->evidence.is_target = true;
}

static void match_find(const struct trace *trace, const struct packet *packet, struct match *match)
{
    *match = (struct match){.kind = TRACE_FOREIGN};
    if (packet->layers & LAYER_ICMP) {
        if (packet->icmp.is_error)
            match_error(trace, packet, match);
        else
            match_echo_reply(trace, packet, match);
    } else if (packet->layers & LAYER_TCP) {
        match_tcp(trace, packet, match);
    } else if (packet->layers & LAYER_UDP) {
        match_udp(trace, packet, match);
    }
    if (match->kind == TRACE_ANSWER && match->slot->state == SLOT_FAILED) {
        /* It never left, which our own kernel may say with an ICMP error to itself. */
        bool own = address_equal(&packet->ip.source, &trace->config.source);
        match->kind = own ? TRACE_FOREIGN : TRACE_SUSPECT;
    }
    match->answer.responder = match->evidence.responder = packet->ip.source;
    match->answer.is_target = match->evidence.is_target;
    match->answer.reply_ttl = packet->ip.ttl;
}

/* Our own probe, as it leaves, or once more as it comes in on the loopback. */
static struct trace_slot *match_own(const struct trace *trace, const struct packet *packet)
{
    struct trace_slot *slot = NULL;

    if (!address_equal(&packet->ip.destination, &trace->config.destination) ||
        !address_equal(&packet->ip.source, &trace->config.source))
        return NULL;
    if ((packet->layers & LAYER_ICMP) && trace->config.protocol == PROBE_ICMP) {
        if (match_is_type(packet, ICMP4_ECHO, ICMP6_ECHO) && packet->icmp.id == trace->icmp_id)
            slot = trace_slot_by_token(trace, packet->icmp.seq);
    } else if ((packet->layers & LAYER_TCP) && trace->config.protocol == PROBE_TCP) {
        if ((packet->tcp.flags & (TCP_SYN | TCP_ACK)) == TCP_SYN)
            slot = trace_slot_by_tcp_seq(trace, packet->tcp.seq);
        if (slot &&
            !match_ports(trace, packet->tcp.destination_port, packet->tcp.source_port, slot))
            slot = NULL;
    } else if ((packet->layers & LAYER_UDP) && trace->config.protocol == PROBE_UDP) {
        slot = trace->config.identity_by_port
                   ? trace_slot_by_port(trace, packet->udp.destination_port)
                   : trace_slot_by_token(trace, packet->udp.checksum);
        if (slot &&
            !match_ports(trace, packet->udp.destination_port, packet->udp.source_port, slot))
            slot = NULL;
    }
    return slot;
}

static void match_describe(const struct trace_slot *slot, struct trace_observation *seen)
{
    seen->id = slot->id;
    seen->ttl = slot->ttl;
    seen->round = slot->round;
    seen->flow = slot->flow;
    seen->sent_ns = slot->sent_ns;
}

static enum trace_match match_outgoing(struct trace *trace, struct trace_slot *slot,
                                       int64_t when_ns, struct trace_observation *seen)
{
    if (slot->stamped || slot->state == SLOT_ANSWERED || slot->state == SLOT_FAILED)
        return TRACE_FOREIGN; /* the same packet on another interface */
    slot->stamped = true;
    slot->wait_ns = time_add(slot->wait_ns, when_ns - slot->sent_ns);
    slot->sent_ns = when_ns;
    trace_slot_left(trace, slot);
    match_describe(slot, seen);
    return TRACE_OUTGOING;
}

static enum trace_match match_suspect(struct trace *trace, const struct match *match)
{
    trace->suspects++;
    if (match->slot && trace_slot_counts(trace, match->slot))
        trace_hop_at(trace, match->slot->ttl)->hop.suspects++;
    return TRACE_SUSPECT;
}

static enum trace_match match_duplicate(struct trace *trace, const struct match *match,
                                        int64_t when_ns)
{
    const struct trace_slot *slot = match->slot;

    trace->duplicates++;
    if (trace_slot_counts(trace, slot))
        trace_hop_at(trace, slot->ttl)->hop.duplicates++;
    if (match->evidence.is_target && match->tcp_flags == slot->answer_flags &&
        when_ns - slot->answered_ns < DUPLICATE_WINDOW_NS)
        trace->target_duplicates++;
    return TRACE_DUPLICATE;
}

static void match_searches(struct trace *trace, const struct packet *packet,
                           const struct match *match)
{
    const struct trace_slot *slot = match->slot;

    if (slot->purpose == TRACE_FOR_MTU)
        trace_mtu_answer(trace, slot, packet, match->evidence.is_target);
    else if (slot->purpose == TRACE_FOR_MULTIPATH && match->answer.is_too_big)
        mda_unanswered(trace->mda, slot->flow, slot->ttl);
    else if (slot->purpose == TRACE_FOR_MULTIPATH)
        trace_multipath_answer(trace, slot, &match->answer);
    else if (match->answer.is_too_big)
        trace_mtu_refusal(trace, slot, packet);
}

static void match_moved(struct trace *trace, const struct match *match)
{
    if (!match->evidence.is_exceeded ||
        !address_equal(&match->answer.responder, &trace->config.destination))
        return;
    if (!trace->moved_seen || match->slot->ttl < trace->moved_ttl)
        trace->moved_ttl = match->slot->ttl;
    trace->moved_seen = true;
}

static enum trace_match match_answer(struct trace *trace, const struct packet *packet,
                                     struct match *match, int64_t when_ns,
                                     struct trace_observation *seen)
{
    struct trace_slot *slot = match->slot;
    bool late = slot->given_up || when_ns - slot->wait_ns > trace->config.timeout_ns;

    trace_slot_left(trace, slot);
    seen->rtt_ns = when_ns > slot->sent_ns ? when_ns - slot->sent_ns : 0;
    seen->from_target = match->evidence.is_target;
    match_describe(slot, seen);
    slot->state = SLOT_ANSWERED;
    slot->answered_ns = when_ns;
    slot->answer_flags = match->tcp_flags;
    match_moved(trace, match);
    if (!match->answer.is_too_big)
        trace_path_learn(trace, slot, &match->evidence);
    if (late) {
        trace->late++;
        if (trace_slot_counts(trace, slot))
            trace_hop_at(trace, slot->ttl)->hop.late++;
    }
    match_searches(trace, packet, match);
    if (!match->answer.is_too_big || slot->purpose <= TRACE_FOR_SCOUT) {
        if (trace_count_answer(trace, slot, &match->answer, seen->rtt_ns) < 0)
            trace->broken = true;
    }
    return late ? TRACE_LATE : TRACE_ANSWER;
}

enum trace_match trace_receive(struct trace *trace, const struct packet *packet,
                               enum packet_direction direction, int64_t when_ns,
                               struct trace_observation *observation)
{
    struct trace_observation ignored;
    struct trace_observation *seen = observation ? observation : &ignored;
    struct match match;

    *seen = (struct trace_observation){.match = TRACE_FOREIGN, .received_ns = when_ns};
    if (!(packet->layers & LAYER_IP))
        return TRACE_FOREIGN;
    struct trace_slot *own = match_own(trace, packet);
    if (own && direction != PACKET_INCOMING)
        seen->match = match_outgoing(trace, own, when_ns, seen);
    if (own || direction == PACKET_OUTGOING)
        return seen->match;
    match_find(trace, packet, &match);
    if (match.kind == TRACE_FOREIGN) {
        trace->foreign++;
        return TRACE_FOREIGN;
    }
    seen->responder = packet->ip.source;
    seen->tcp_flags = match.tcp_flags;
    seen->icmp_type = match.answer.icmp_type;
    seen->icmp_code = match.answer.icmp_code;
    if (match.slot)
        match_describe(match.slot, seen);
    if (match.kind == TRACE_SUSPECT)
        seen->match = match_suspect(trace, &match);
    else if (match.slot->state == SLOT_ANSWERED)
        seen->match = match_duplicate(trace, &match, when_ns);
    else
        seen->match = match_answer(trace, packet, &match, when_ns, seen);
    return seen->match;
}

bool trace_target_of(const struct packet *packet, enum packet_direction direction,
                     struct address *target)
{
    if (!(packet->layers & LAYER_IP))
        return false;
    if ((packet->layers & LAYER_ICMP) && packet->icmp.is_error) {
        if (!(packet->layers & LAYER_QUOTE))
            return false;
        *target = packet->icmp.quote.ip.destination;
        return true;
    }
    *target = direction == PACKET_OUTGOING ? packet->ip.destination : packet->ip.source;
    return true;
}
